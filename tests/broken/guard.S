// Paging with a page under the stack that is not mapped, then C: guard.c.
#include "kernel.inc"
        .globl  kernel
kernel: gate    8, handler_gp
        gate    14, handler_pf
        lidt    idt_pointer
        movl    $(pt + 3), pd
        xor     %ecx, %ecx
1:      mov     %ecx, %eax
        shl     $12, %eax
        or      $3, %eax
        mov     %eax, pt(, %ecx, 4)
        inc     %ecx
        cmp     $1024, %ecx
        jb      1b
        mov     $c_stack, %eax
        shr     $12, %eax
        movl    $0, pt - 4(, %eax, 4)   // the guard
        mov     $pd, %eax
        mov     %eax, %cr3
        mov     %cr0, %eax
        or      $0x80000000, %eax
        mov     %eax, %cr0
        mov     $c_stack_end, %esp
        call    c_kernel
        cli
        hlt
        .bss
        .balign 4096
guard:  .space  4096
c_stack: .space 4096
c_stack_end:
