# The RISC-V side of kernel.c: machine mode gives all to the supervisor, which maps itself and, at another address, the program.
#if __riscv_xlen == 64
#define S       sd
#define L       ld
#define W       8
#else
#define S       sw
#define L       lw
#define W       4
#endif
        .section .text.start, "ax"
        .globl  _start
        .type   _start, @function
_start:
        .cfi_startproc
        .cfi_undefined ra
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, 0xffff
        csrw    medeleg, t0
        csrw    mideleg, t0
        li      t0, 2
        csrw    mcounteren, t0
#if __riscv_xlen == 64
        li      t0, 1
        slli    t0, t0, 63
        csrs    0x30a, t0               # menvcfg.STCE
#else
        li      t0, 0x80000000
        csrs    0x31a, t0
#endif
        li      t0, 0x1800
        csrc    mstatus, t0
        li      t0, 0x2800              # MPP = S, FS
        csrs    mstatus, t0
        la      t0, 1f
        csrw    mepc, t0
        la      t0, trap_entry
        csrw    stvec, t0
        mret
1:      la      sp, stack_top
        la      t0, page_table
#if __riscv_xlen == 64
        la      t2, page_table2
        srli    t1, t2, 2               # GiB 2 in pieces of 2 MiB: the third is the program's
        ori     t1, t1, 1
        S       t1, 16(t0)
        li      t1, 0x200000cf
        S       t1, 0(t2)
        li      t1, 0x201000df
        S       t1, 16(t2)
        li      t1, 0xc7                # GiB 0: the finisher
        S       t1, 0(t0)
        srli    t0, t0, 12
        li      t1, 8
        slli    t1, t1, 60
#else
        li      t2, 2048
        add     t2, t2, t0
        li      t1, 0x200000cf
        S       t1, 0(t2)
        li      t1, 0x201000df          # the second piece of 4 MiB is the program's
        S       t1, 4(t2)
        li      t1, 0xc7
        S       t1, 0(t0)
        srli    t0, t0, 12
        li      t1, 0x80000000
#endif
        or      t0, t0, t1
        csrw    satp, t0
        sfence.vma
        li      s0, 0
        call    main
        slli    a0, a0, 16
        li      t1, 0x3333
        or      a0, a0, t1
        li      t0, 0x100000
        sw      a0, 0(t0)
1:      j       1b
        .cfi_endproc
        .size   _start, . - _start

# sscratch: the kernel's stack while the program runs, else 0.
        .text
        .align  2
        .globl  trap_entry
        .type   trap_entry, @function
trap_entry:
        csrrw   sp, sscratch, sp
        bnez    sp, 1f
        csrrw   sp, sscratch, sp
1:      addi    sp, sp, -36*W
        .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        S       x\n, \n*W(sp)
        .endr
        csrrw   t0, sscratch, zero
        bnez    t0, 2f
        addi    t0, sp, 36*W
2:      S       t0, 2*W(sp)
        csrr    t0, sepc
        S       t0, 0(sp)
        csrr    t0, sstatus
        S       t0, 32*W(sp)
        csrr    t0, scause
        S       t0, 33*W(sp)
        csrr    t0, stval
        S       t0, 34*W(sp)
        mv      a0, sp
        call    handle
        L       t0, 0(sp)
        csrw    sepc, t0
        L       t1, 32*W(sp)
        csrw    sstatus, t1
        andi    t1, t1, 0x100
        bnez    t1, 3f
        addi    t0, sp, 36*W
        csrw    sscratch, t0
3:      .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        L       x\n, \n*W(sp)
        .endr
        L       sp, 2*W(sp)
        sret
        .size   trap_entry, . - trap_entry

        .globl  enter_user, leave_user
        .type   enter_user, @function
        .type   leave_user, @function
enter_user:
        addi    sp, sp, -16*W
        S       ra, 1*W(sp)
        S       s0, 12*W(sp)
        S       s1, 13*W(sp)
        .irp    n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
        S       x\n, (\n-16)*W(sp)
        .endr
        la      t0, kernel_sp
        S       sp, 0(t0)
        csrw    sscratch, sp
        csrw    sepc, a0
        li      t0, 0x100
        csrc    sstatus, t0
        la      sp, user_stack_top
        li      ra, 0
        li      s0, 0
        sret
        .size   enter_user, . - enter_user
leave_user:
        la      t0, kernel_sp
        L       sp, 0(t0)
        csrw    sscratch, zero
        .irp    n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
        L       x\n, (\n-16)*W(sp)
        .endr
        L       ra, 1*W(sp)
        L       s0, 12*W(sp)
        L       s1, 13*W(sp)
        addi    sp, sp, 16*W
        ret
        .size   leave_user, . - leave_user

        .bss
        .balign 4096
        .globl  page_table
page_table: .skip 4096
page_table2: .skip 4096
        .type   kernel_sp, @object
        .size   kernel_sp, 16
kernel_sp: .skip 16
        .skip   16384
        .globl  stack_top
stack_top:
        .section .user.bss, "aw", @nobits
        .balign 16
        .skip   8192
user_stack_top:
