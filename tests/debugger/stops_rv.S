// A guest for stop points of every kind (tests/debugger/stops.sh): it does each thing once, or a few times, and ends.
        .equ    UART, 0x10000000
        .equ    MTIMECMP, 0x02004000
        .equ    FINISHER, 0x100000
        .globl  _start
_start: la      t0, handler
        csrw    mtvec, t0
        la      t0, root                // Sv39: gigapages 0 (devices) and 2 (memory) as they are
        li      t1, 0xcf                // D A X W R V
        sd      t1, 0(t0)
        li      t1, 0x200000cf
        sd      t1, 16(t0)
        li      t1, -1                  // everybody may do everything
        csrw    pmpaddr0, t1
        li      t1, 0x1f
        csrw    pmpcfg0, t1
        srli    t0, t0, 12
        li      t1, 8 << 60
        or      t0, t0, t1
        csrw    satp, t0
        li      t0, 0x1800              // MPP: S
        csrc    mstatus, t0
        li      t0, 0x800
        csrs    mstatus, t0
        la      t0, kernel
        csrw    mepc, t0
        mret

        .globl  kernel, count, loop, done
kernel: la      s0, counter
        li      s1, 0
count:  addi    s1, s1, 1
        sw      s1, 0(s0)
        lw      t0, 0(s0)
        li      t2, 8
        bne     s1, t2, count
        slti    x0, x0, 7               // magic
        la      t0, root
        li      t1, 0x300000cf          // a third gigapage, at 0xc0000000
        sd      t1, 24(t0)
        sfence.vma
        li      t0, UART
        li      t1, 0x80
        sb      t1, 3(t0)               // LCR.DLAB
        li      t1, 0x03
        sb      t1, 3(t0)
        li      t1, 2
        sb      t1, 1(t0)               // IER.THRE: the transmitter is empty, an interrupt
        lbu     t2, 2(t0)               // IIR: it is read, and gone
        sb      x0, 1(t0)
        la      s2, text
1:      lbu     t1, 0(s2)
        beqz    t1, 2f
        sb      t1, 0(t0)
        addi    s2, s2, 1
        j       1b
2:      ecall
        .word   0                       // an illegal instruction
        li      t0, 100000
loop:   addi    t0, t0, -1
        bnez    t0, loop
done:   li      t0, FINISHER
        li      t1, 0x5555
        sw      t1, 0(t0)
        j       done

        .balign 4
handler:
        csrw    mscratch, t0
        csrr    t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        csrr    t0, mscratch
        mret

text:   .asciz  "login: "
        .data
        .balign 8
        .globl  counter
counter: .dword 0
        .balign 4096
root:   .space  4096
