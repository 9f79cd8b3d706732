# An interrupt of the UART that the PLIC holds back by its threshold, then the hart by mstatus.MIE, then the claim that is not completed.
        .globl _start
_start: csrr t0, mhartid
        bnez t0, 1f
        li t0, 0xc000028        # priority 3
        li t1, 3
        sw t1, 0(t0)
        li t0, 0xc002000        # source 10 for hart 0 in M
        li t1, 1<<10
        sw t1, 0(t0)
        li t0, 0xc200000        # threshold
        li t1, 5
        sw t1, 0(t0)
        li t0, 0x10000000       # the transmitter is empty; OUT2
        li t1, 2
        sb t1, 1(t0)
        li t1, 8
        sb t1, 4(t0)
        li t1, 0x800
        csrw mie, t1
        .globl raised
raised: li t0, 0xc200000        # threshold
        sw zero, 0(t0)
        .globl lowered
lowered: li t0, 0xc200004        # claim
        lw t1, 0(t0)
        .globl claimed
claimed:
1:      wfi
        j 1b
