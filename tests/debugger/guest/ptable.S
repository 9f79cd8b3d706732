// Start, the gate of system calls and the programs of ptable.c.
        .set    KERNBASE, 0x80000000
        .section .text.start, "ax"
        .balign 4
        .long   0x1badb002, 0, -0x1badb002
        .globl  _start, entry
        .set    _start, entry - KERNBASE        // before paging
entry:  mov     %cr4, %eax
        or      $0x10, %eax                     // PSE
        mov     %eax, %cr4
        mov     $(first_directory - KERNBASE), %eax
        mov     %eax, %cr3
        mov     %cr0, %eax
        or      $0x80010000, %eax               // PG, WP
        mov     %eax, %cr0
        mov     $(boot_stack + 4096), %esp
        mov     $kmain, %eax
        jmp     *%eax

        .text
        .globl  syscall_entry, resume
syscall_entry:
        pushal
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        push    %esp
        call    syscall                         // does not return

resume: mov     4(%esp), %esp                   // resume(tf)
        mov     $0x23, %eax
        mov     %eax, %ds
        mov     %eax, %es
        popal
        iret

        .data
        .balign 4096
        .globl  init_program, sh_program
first_directory:                                // where it is loaded, and at KERNBASE
        .long   0x83
        .space  4096 / 2 - 4
        .long   0x83
        .space  4096 / 2 - 4
init_program:
        .code32
        mov     $3, %ebx
1:      mov     $1, %eax
        int     $0x40
        dec     %ebx
        jnz     1b
        mov     $2, %eax
        int     $0x40
        .balign 4096
sh_program:
1:      inc     %esi
        mov     $1, %eax
        int     $0x40
        jmp     1b
        .balign 4096
        .bss
        .balign 16
boot_stack:
        .space  4096
