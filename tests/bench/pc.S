# From multiboot's 32-bit protected mode to 64-bit mode with SSE and paging: the first 4 GiB one to one in pages of 2 MiB.
        .code32
        .section .text.entry, "ax"
        .align  4
        .long   0x1badb002, 0, -0x1badb002
        .globl  _start
_start: cli
        movl    $__stack_top, %esp
        movl    %ebx, multiboot
        movl    $pdpt + 3, pml4
        movl    $pdpt, %eax
        movl    $directories + 3, %edx
        movl    $4, %ecx
1:      movl    %edx, (%eax)
        addl    $0x1000, %edx
        addl    $8, %eax
        loop    1b
        movl    $directories, %eax
        movl    $0x83, %edx             # present, writable, a page of 2 MiB
        movl    $2048, %ecx
2:      movl    %edx, (%eax)
        addl    $0x200000, %edx
        addl    $8, %eax
        loop    2b
        movl    $pml4, %eax
        movl    %eax, %cr3
        movl    $0x620, %eax            # CR4: PAE, OSFXSR, OSXMMEXCPT
        movl    %eax, %cr4
        movl    $0xc0000080, %ecx       # EFER.LME
        rdmsr
        btsl    $8, %eax
        wrmsr
        movl    $0x80000033, %eax       # CR0: PG, NE, ET, MP, PE
        movl    %eax, %cr0
        lgdt    gdtr
        ljmp    $8, $3f
        .code64
3:      movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    multiboot, %edi
        call    start
4:      hlt
        jmp     4b
        .data
        .align  8
gdt:    .quad   0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdtr:   .word   23
        .long   gdt
multiboot: .long 0
        .bss
        .align  4096
pml4:   .skip   0x1000
pdpt:   .skip   0x1000
directories: .skip 0x4000
