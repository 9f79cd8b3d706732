# The machine's side of calls.c for RISC-V: start, switching, longjmp, traps. It ends through the test finisher.
        .section .text.entry, "ax"
        .globl  _start
        .type   _start, @function
_start: la      sp, stack_top
        la      t0, trap_entry
        csrw    mtvec, t0
        li      t0, 0x2004000           # mtimecmp: soon
        sd      zero, 0(t0)
        li      t1, 20
        sd      t1, 0(t0)
        li      t0, 0x80
        csrw    mie, t0
        csrsi   mstatus, 8
        call    main
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, 0(t0)
1:      j       1b
        .size   _start, . - _start

        .text
        .macro  function name
        .globl  \name
        .type   \name, @function
\name:
        .endm

function switch_to
        csrci   mstatus, 8
        sd      sp, 0(a0)
        sd      ra, 8(a0)
        sd      s0, 16(a0)
        sd      s1, 24(a0)
        sd      s2, 32(a0)
        sd      s3, 40(a0)
        ld      sp, 0(a1)
        ld      ra, 8(a1)
        ld      s0, 16(a1)
        ld      s1, 24(a1)
        ld      s2, 32(a1)
        ld      s3, 40(a1)
        csrsi   mstatus, 8
        ret
        .size   switch_to, . - switch_to

function save_place
        sd      sp, 0(a0)
        sd      ra, 8(a0)
        sd      s0, 16(a0)
        sd      s1, 24(a0)
        li      a0, 0
        ret
        .size   save_place, . - save_place

function go_back
        ld      sp, 0(a0)
        ld      ra, 8(a0)
        ld      s0, 16(a0)
        ld      s1, 24(a0)
        li      a0, 1
        ret
        .size   go_back, . - go_back

function begin_task
        call    task_main
        .size   begin_task, . - begin_task

function trap_on_purpose
        ecall
        ret
        .size   trap_on_purpose, . - trap_on_purpose

        .balign 4
function trap_entry
        addi    sp, sp, -144
        sd      ra, 0(sp)
        sd      t0, 8(sp)
        sd      t1, 16(sp)
        sd      t2, 24(sp)
        sd      a0, 32(sp)
        sd      a1, 40(sp)
        sd      a2, 48(sp)
        sd      a3, 56(sp)
        sd      a4, 64(sp)
        sd      a5, 72(sp)
        sd      a6, 80(sp)
        sd      a7, 88(sp)
        sd      t3, 96(sp)
        sd      t4, 104(sp)
        sd      t5, 112(sp)
        sd      t6, 120(sp)
        csrr    t0, mcause
        bltz    t0, 1f
        csrr    t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        call    on_trap
        j       2f
1:      li      t0, 0x200bff8           # the next tick
        ld      t1, 0(t0)
        addi    t1, t1, 20
        li      t0, 0x2004000
        sd      t1, 0(t0)
        call    on_tick
2:      ld      ra, 0(sp)
        ld      t0, 8(sp)
        ld      t1, 16(sp)
        ld      t2, 24(sp)
        ld      a0, 32(sp)
        ld      a1, 40(sp)
        ld      a2, 48(sp)
        ld      a3, 56(sp)
        ld      a4, 64(sp)
        ld      a5, 72(sp)
        ld      a6, 80(sp)
        ld      a7, 88(sp)
        ld      t3, 96(sp)
        ld      t4, 104(sp)
        ld      t5, 112(sp)
        ld      t6, 120(sp)
        addi    sp, sp, 144
        mret
        .size   trap_entry, . - trap_entry

        .bss
        .balign 16
        .space  4096
stack_top:
