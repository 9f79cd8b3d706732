# Two programs at the same address, each in an address space of its own, taking turns at every ecall: for symbol files
# of processes. Machine mode; the programs run in user mode under Sv39 (Privileged, 10.4). Ends after 40 turns.
    .option norelax
    .section .text
    .globl _start
_start:
    la t0, trap
    csrw mtvec, t0
    li t0, -1                   # PMP: user mode may touch everything
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 0x1800               # mret goes to user mode
    csrc mstatus, t0
    # root -> middle -> one page of 2 MiB: V R W X U A D
    la t0, ping_middle
    srli t0, t0, 2
    ori t0, t0, 1
    la t1, ping_root
    sd t0, 0(t1)
    la t0, pong_middle
    srli t0, t0, 2
    ori t0, t0, 1
    la t1, pong_root
    sd t0, 0(t1)
    li t0, 0x80200000 >> 2 | 0xdf
    la t1, ping_middle
    sd t0, 0(t1)
    li t0, 0x80400000 >> 2 | 0xdf
    la t1, pong_middle
    sd t0, 0(t1)
    la s0, ping_proc
    la s1, pong_proc
    li t1, 8 << 60
    la t0, ping_root
    srli t0, t0, 12
    or t0, t0, t1
    sd t0, 256(s0)              # satp
    la t0, pong_root
    srli t0, t0, 12
    or t0, t0, t1
    sd t0, 256(s1)
    li t0, 0x10000
    sd t0, 0(s0)                # pc
    sd t0, 0(s1)
    li t0, 0x1ff000
    sd t0, 16(s0)               # sp
    sd t0, 16(s1)
    sd s1, 264(s0)              # who is next
    sd s0, 264(s1)
    csrw mscratch, s0
    j resume

    .balign 4
    .globl trap
trap:
    csrrw t6, mscratch, t6
    .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    sd x\r, 8*\r(t6)
    .endr
    csrr t0, mscratch
    sd t0, 8*31(t6)
    csrr t0, mepc
    addi t0, t0, 4
    sd t0, 0(t6)
    la t1, turns
    ld t2, 0(t1)
    addi t2, t2, 1
    sd t2, 0(t1)
    li t3, 40
    beq t2, t3, off
    ld t6, 264(t6)
    csrw mscratch, t6
    .globl resume
resume:
    csrr t6, mscratch
    ld t0, 256(t6)
    csrw satp, t0
    sfence.vma
    ld t0, 0(t6)
    csrw mepc, t0
    .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    ld x\r, 8*\r(t6)
    .endr
    ld t6, 8*31(t6)
    mret
off:
    li t0, 0x100000             # SiFive's test finisher: pass
    li t1, 0x5555
    sw t1, 0(t0)
1:  j 1b

    .section .data
    .balign 4096
    .globl ping_root, pong_root, turns, ping_proc, pong_proc
ping_root: .zero 4096
ping_middle: .zero 4096
pong_root: .zero 4096
pong_middle: .zero 4096
    .type turns, @object
    .size turns, 8
turns: .quad 0
ping_proc: .zero 512
pong_proc: .zero 512

    .section .ping, "ax"
    .incbin "ping.bin"
    .section .pong, "ax"
    .incbin "pong.bin"
