// CPL 3 executes HLT; RSP0 of the TSS is not mapped, and neither is the IST stack of #DF. SDM 3, 6.14.
#include "kernel.inc"
kernel: gate64  8, handler_gp64, 0x8e01   // IST 1
        gate64  13, handler_gp64
        gate64  14, handler_pf64
        mov     $tss, %eax
        mov     %ax, gdt_38 + 2
        shr     $16, %eax
        mov     %al, gdt_38 + 4
        mov     %ah, gdt_38 + 7
        movw    $0x67, gdt_38
        movb    $0x89, gdt_38 + 5
        movl    $0x00deb000, tss + 4    // RSP0
        movl    $0x00dff000, tss + 36   // IST1
        lidt    idt_pointer
        long_mode
        .code64
kernel64:
        mov     $0x38, %eax
        ltr     %ax
        pushq   $0x23
        pushq   $stack_end
        pushq   $0x2
        pushq   $0x33
        pushq   $user
        iretq
user:   hlt
        .bss
        .balign 8
tss:    .space  104
