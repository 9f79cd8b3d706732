# Machine mode: give everything to the supervisor, then become it. The other harts sleep.
        .section .text.entry, "ax"
        .globl  _start
_start:
        csrr    t0, mhartid
        bnez    t0, park
        la      sp, __stack_top
        la      t0, __bss_start
        la      t1, __bss_end
1:      bgeu    t0, t1, 2f
        sd      zero, 0(t0)
        addi    t0, t0, 8
        j       1b
2:      li      t0, -1                  # PMP: all memory for everyone
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, 0xffff              # all exceptions and interrupts go to the supervisor
        csrw    medeleg, t0
        csrw    mideleg, t0
        li      t0, 2                   # the supervisor may read the time
        csrw    mcounteren, t0
        li      t0, 1                   # and has a timer of its own (Sstc)
        slli    t0, t0, 63
        csrs    0x30a, t0               # menvcfg.STCE
        li      t0, 0x1800              # mstatus.MPP = S
        csrc    mstatus, t0
        li      t0, 0x0800
        csrs    mstatus, t0
        la      t0, kernel_main
        csrw    mepc, t0
        mret
park:   wfi
        j       park

# A trap from user mode: save its registers in the task (sscratch), then C decides who goes on.
        .text
        .align  2
        .globl  trap_entry
trap_entry:
        csrrw   a0, sscratch, a0
        .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9
        sd      x\n, \n*8(a0)
        .endr
        .irp    n, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        sd      x\n, \n*8(a0)
        .endr
        csrr    t0, sscratch
        sd      t0, 10*8(a0)
        csrr    t0, sepc
        sd      t0, 0(a0)
        la      sp, __stack_top
        call    trap                    # returns the task that runs next

        .globl  task_enter
task_enter:                             # a0: the task
        csrw    sscratch, a0
        ld      t0, 0(a0)
        csrw    sepc, t0
        .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9
        ld      x\n, \n*8(a0)
        .endr
        .irp    n, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        ld      x\n, \n*8(a0)
        .endr
        ld      a0, 10*8(a0)
        sret
