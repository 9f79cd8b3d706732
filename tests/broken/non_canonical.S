// A jump to an address whose upper bits are not copies of bit 47: #GP(0), at the jump. SDM 1, 3.3.7.1; SDM 2, JMP.
#include "kernel.inc"
kernel: gate64  13, handler_gp64
        lidt    idt_pointer
        long_mode
        .code64
kernel64:
        movabs  $0x8000000000100000, %rax
        jmp     *%rax
