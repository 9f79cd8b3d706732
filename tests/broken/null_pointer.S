// Entered by PVH in 32-bit mode; long mode, with the first page of linear addresses missing; then null_pointer.c.
        .section .note, "a"
        .long   4, 4, 18                // XEN_ELFNOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   _start
        .text
        .code32
        .globl  _start
_start: mov     $stack_end, %esp
        movl    $(pdpt + 3), pml4
        movl    $(pd + 3), pdpt
        movl    $(pt + 3), pd
        mov     $1, %ecx
1:      mov     %ecx, %eax
        shl     $12, %eax
        or      $3, %eax
        mov     %eax, pt(, %ecx, 8)
        inc     %ecx
        cmp     $512, %ecx
        jb      1b
        mov     $pml4, %eax
        mov     %eax, %cr3
        mov     %cr4, %eax
        or      $0x20, %eax
        mov     %eax, %cr4
        mov     $0xc0000080, %ecx
        rdmsr
        or      $0x100, %eax
        wrmsr
        mov     %cr0, %eax
        or      $0x80000000, %eax
        mov     %eax, %cr0
        lgdt    gdt_pointer
        ljmp    $0x08, $1f
        .code64
1:      xor     %eax, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        lidt    no_idt
        call    c_kernel
        hlt
        .data
        .balign 8
gdt:    .quad   0, 0x00af9b000000ffff
gdt_pointer:
        .word   15
        .quad   gdt
no_idt: .word   0
        .quad   0
        .bss
        .balign 4096
pml4:   .space  4096
pdpt:   .space  4096
pd:     .space  4096
pt:     .space  4096
stack:  .space  4096
stack_end:
