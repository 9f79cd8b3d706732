# Start, trap entry and the programs of procs.c. The trap entry saves into the struct frame that sscratch points to.
    .section .text.start, "ax"
    .globl _start
_start:
    csrr a0, mhartid
    la sp, stacks
    addi t0, a0, 1
    slli t0, t0, 12
    add sp, sp, t0
    li t0, -1                # PMP: all of memory to everybody (Privileged, 3.7.1)
    srli t0, t0, 10
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 1 << 8            # the ecalls of user mode go to supervisor mode
    csrw medeleg, t0
    li t0, 3 << 11           # MPP = S
    csrc mstatus, t0
    li t0, 1 << 11
    csrs mstatus, t0
    la t0, kmain
    csrw mepc, t0
    mret

    .text
    .globl trap_entry, resume
    .balign 4
trap_entry:
    csrrw t6, sscratch, t6
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    sd x\n, 8 * \n(t6)
    .endr
    csrr t0, sscratch
    sd t0, 8 * 31(t6)
    csrr t0, sepc
    sd t0, 0(t6)
    ld sp, 8 * 32(t6)
    ld tp, 8 * 33(t6)
    call trap                # does not return

resume:                      # resume(frame)
    csrw sscratch, a0
    ld t0, 0(a0)
    csrw sepc, t0
    mv t6, a0
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, 8 * \n(t6)
    .endr
    sret

    .data
    .balign 4096
    .globl init_program, sh_program, stacks
init_program:
    .incbin "init.bin"
    .balign 4096
sh_program:
    .incbin "sh.bin"
    .balign 4096
    .bss
    .balign 16
stacks:
    .space 8192
