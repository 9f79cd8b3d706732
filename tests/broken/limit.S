// A store one byte beyond the limit of a segment of 4 KiB: #GP(0). SDM 3, 5.3.
#include "kernel.inc"
kernel: gate    13, handler_gp
        lidt    idt_pointer
        mov     $small, %eax
        mov     %ax, gdt_38 + 2
        shr     $16, %eax
        mov     %al, gdt_38 + 4
        mov     %ah, gdt_38 + 7
        movw    $0x0fff, gdt_38
        movb    $0x92, gdt_38 + 5
        movb    $0x40, gdt_38 + 6
        mov     $0x38, %eax
        mov     %eax, %es
        mov     $4096 / 4, %ecx
        xor     %edi, %edi
        inc     %ecx                    // one too many
        rep stosl
        ret
        .bss
small:  .space  8192
