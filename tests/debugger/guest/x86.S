// The PC side of the debugger's guests, 32-bit and 64-bit: entered as PVH says (Xen, "x86/HVM direct boot ABI"), identity-mapped,
// interrupts through one common piece of code without call frame information unless -DCFI, user mode on a stack of its own.
#ifdef __x86_64__
#define W       8
#define PTR     .quad
#define R(n)    %r##n
#else
#define W       4
#define PTR     .long
#define R(n)    %e##n
#endif
#ifdef CFI
#define CFI_ON(...)     __VA_ARGS__
#else
#define CFI_ON(...)
#endif

        .section .note.Xen, "a", @note
        .long   4, W, 18
        .asciz  "Xen"
        PTR     _start

        .section .text.start, "ax"
        .code32
        .globl  _start
        .type   _start, @function
_start: cli
        mov     $stack_top, %esp
        lgdt    gdt_pointer
        movl    $tss, %eax              // the base of the TSS into its descriptor
        mov     %ax, gdt_tss + 2
        shr     $16, %eax
        mov     %al, gdt_tss + 4
        mov     %ah, gdt_tss + 7
#ifdef __x86_64__
        movl    $(pdpt + 7), pml4
        movl    $(pd + 7), pdpt
        xor     %ecx, %ecx
1:      mov     %ecx, %eax              // 2 MiB pages, for everyone
        shl     $21, %eax
        or      $0x87, %eax
        mov     %eax, pd(, %ecx, 8)
        inc     %ecx
        cmp     $511, %ecx
        jb      1b
        mov     $pml4, %eax
        mov     %eax, %cr3
        mov     $0x620, %eax            // PAE, SSE
        mov     %eax, %cr4
        mov     $0xc0000080, %ecx
        rdmsr
        or      $0x101, %eax            // LME, SCE
        wrmsr
        mov     $0x80000013, %eax
        mov     %eax, %cr0
        ljmp    $0x08, $1f
        .code64
1:
#else
        xor     %ecx, %ecx
1:      mov     %ecx, %eax              // 4 MiB pages, for everyone
        shl     $22, %eax
        or      $0x87, %eax
        mov     %eax, pd(, %ecx, 4)
        inc     %ecx
        cmp     $512, %ecx
        jb      1b
        mov     $pd, %eax
        mov     %eax, %cr3
        mov     $0x610, %eax            // PSE, SSE
        mov     %eax, %cr4
        mov     $0x80000013, %eax
        mov     %eax, %cr0
        ljmp    $0x08, $1f
1:
#endif
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $0x28, %eax
        ltr     %ax
        fninit                          // reset leaves the stack of the x87 full (SDM 3, table 9-1)
        .size   _start, . - _start

        .globl  begin
        .type   begin, @function
begin:
        .cfi_startproc
#ifdef __x86_64__
        .cfi_undefined rip
#else
        .cfi_undefined eip
#endif
        xor     %ebp, %ebp
        call    main
        mov     $0x501, %edx            // isa-debug-exit
        out     %eax, %dx
1:      cli
        hlt
        jmp     1b
        .cfi_endproc
        .size   begin, . - begin

#ifdef __x86_64__
#define IRET_FRAME(more)        .cfi_def_cfa %rsp, 40 + more; .cfi_offset %rip, -40; .cfi_offset %rsp, -16
#else // of an interrupt of CPL 0: the interrupted stack lies above
#define IRET_FRAME(more)        .cfi_def_cfa %esp, 12 + more; .cfi_offset %eip, -12
#endif
#ifdef KERNEL
// A stub for each vector; then what all have in common: a struct trapframe, and C.
        .text
        .altmacro
        .macro  stub n
        .globl  vector_\n
        .type   vector_\n, @function
vector_\n:
        CFI_ON(.cfi_startproc)
        CFI_ON(.cfi_signal_frame)
        CFI_ON(IRET_FRAME(0))
        .if     !(\n == 8 || (\n >= 10 && \n <= 14) || \n == 17)
        push    $0
        .endif
        CFI_ON(IRET_FRAME(W))
        push    $\n
        CFI_ON(IRET_FRAME(2 * W))
        jmp     common
        CFI_ON(.cfi_endproc)
        .size   vector_\n, . - vector_\n
        .endm
        .set    n, 0
        .rept   49
        stub    %n
        .set    n, n + 1
        .endr

        .type   common, @function
common:
        CFI_ON(.cfi_startproc)
        CFI_ON(.cfi_signal_frame)
        CFI_ON(IRET_FRAME(2 * W))
#ifdef __x86_64__
        .irp    r, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
        push    %\r
        CFI_ON(.cfi_adjust_cfa_offset 8)
        CFI_ON(.cfi_rel_offset %\r, 0)
        .endr
        mov     %rsp, %rdi
        call    handle
        .irp    r, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
        pop     %\r
        CFI_ON(.cfi_adjust_cfa_offset -8)
        CFI_ON(.cfi_restore %\r)
        .endr
        add     $16, %rsp
        CFI_ON(.cfi_adjust_cfa_offset -16)
        iretq
#else
        .irp    r, eax, ecx, edx, ebx, ebp, esi, edi
        push    %\r
        CFI_ON(.cfi_adjust_cfa_offset 4)
        CFI_ON(.cfi_rel_offset %\r, 0)
        .endr
        push    %esp
        CFI_ON(.cfi_adjust_cfa_offset 4)
        call    handle
        add     $4, %esp
        CFI_ON(.cfi_adjust_cfa_offset -4)
        .irp    r, edi, esi, ebp, ebx, edx, ecx, eax
        pop     %\r
        CFI_ON(.cfi_adjust_cfa_offset -4)
        CFI_ON(.cfi_restore %\r)
        .endr
        add     $8, %esp
        CFI_ON(.cfi_adjust_cfa_offset -8)
        iret
#endif
        CFI_ON(.cfi_endproc)
        .size   common, . - common

        .globl  load_idt
        .type   load_idt, @function
load_idt:
        lidt    idt_pointer
        ret
        .size   load_idt, . - load_idt

// void enter_user(void (*program)(void)): comes back when the program calls exit. void leave_user(void) does that.
        .globl  enter_user, leave_user
        .type   enter_user, @function
        .type   leave_user, @function
#ifdef __x86_64__
enter_user:
        .irp    r, rbx, rbp, r12, r13, r14, r15
        push    %\r
        .endr
        mov     %rsp, kernel_sp
        mov     %rsp, tss + 4
        push    $0x1b
        push    $user_stack_top
        push    $0x202
        push    $0x23
        push    %rdi
        xor     %ebp, %ebp
        iretq
leave_user:
        mov     kernel_sp, %rsp
        .irp    r, r15, r14, r13, r12, rbp, rbx
        pop     %\r
        .endr
        ret
#else
enter_user:
        mov     4(%esp), %eax
        .irp    r, ebx, ebp, esi, edi
        push    %\r
        .endr
        mov     %esp, kernel_sp
        mov     %esp, tss + 4
        movl    $0x10, tss + 8
        mov     $0x1b, %ecx
        mov     %ecx, %ds
        mov     %ecx, %es
        push    $0x1b
        push    $user_stack_top
        push    $0x202
        push    $0x23
        push    %eax
        xor     %ebp, %ebp
        iret
leave_user:
        mov     $0x10, %ecx
        mov     %ecx, %ds
        mov     %ecx, %es
        mov     kernel_sp, %esp
        .irp    r, edi, esi, ebp, ebx
        pop     %\r
        .endr
        ret
#endif
        .size   enter_user, leave_user - enter_user
        .size   leave_user, . - leave_user

#ifdef __x86_64__
// SYSCALL builds the frame that an interrupt would have.
        .globl  syscall_entry
        .type   syscall_entry, @function
syscall_entry:
        mov     %rsp, user_sp
        mov     kernel_sp, %rsp
        push    $0x1b
        push    user_sp
        push    %r11
        push    $0x23
        push    %rcx
        push    $0
        push    $48
        jmp     common
        .size   syscall_entry, . - syscall_entry
#endif

        .section .rodata
        .globl  vectors
vectors:
        .macro  address n
        PTR     vector_\n
        .endm
        .set    n, 0
        .rept   49
        address %n
        .set    n, n + 1
        .endr
        .data
        .globl  idt
idt_pointer:
        .word   49 * 2 * W - 1
        PTR     idt
        .bss
        .balign 16
idt:    .skip   49 * 2 * W
        .globl  kernel_sp
kernel_sp: .skip W
user_sp: .skip  W
#endif

        .data
        .balign 8
#ifdef __x86_64__
gdt:    .quad   0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff
#else
gdt:    .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cff3000000ffff, 0x00cffb000000ffff
#endif
gdt_tss: .quad  0x0000890000000067, 0 // 28
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt

        .bss
        .balign 4096
pml4:   .skip   4096
pdpt:   .skip   4096
        .globl  pd
pd:     .skip   4096
        .globl  tss
        .type   tss, @object
        .size   tss, 104
tss:    .skip   104
        .balign 16
        .skip   16384
        .globl  stack_top
stack_top:
        .skip   8192
user_stack_top:
