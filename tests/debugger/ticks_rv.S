# Works for a while, and waits for a second.
        .globl  _start, busy, waits, handler
_start: la      t0, handler
        csrw    mtvec, t0
        li      t1, 60000000
busy:   addi    t1, t1, -1
        bnez    t1, busy
        li      t2, 0x200bff8           # mtime, 10 MHz
        ld      t3, 0(t2)
        li      t4, 10000000
        add     t3, t3, t4
        li      t2, 0x2004000
        sd      t3, 0(t2)
        li      t0, 0x80
        csrw    mie, t0
        csrsi   mstatus, 8
waits:  wfi
        j       waits
        .balign 4
handler: li     t0, -1
        li      t2, 0x2004000
        sd      t0, 0(t2)
        mret
