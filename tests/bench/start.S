# Bare start for the benchmark loops: machine mode, floating point on, end through the test finisher.
        .section .text.entry, "ax"
        .globl  _start
_start: csrr    t0, mhartid
        bnez    t0, 1f
        la      sp, __stack_top
        li      t0, 0x2000
        csrs    mstatus, t0
        call    run
        li      t0, 0x5555
        beqz    a0, 2f
        li      t0, 0x13333
2:      li      t1, 0x100000
        sw      t0, 0(t1)
1:      wfi
        j       1b
