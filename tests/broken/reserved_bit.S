// A page-table entry with bit 51 set, which no processor of less than 52 bits of physical addresses has: #PF with RSVD.
// SDM 3, 4.7.
#include "kernel.inc"
kernel: gate64  14, handler_pf64
        lidt    idt_pointer
        long_mode
        .code64
kernel64:
        btsl    $19, pt + 8 * 0x1f0 + 4
        invlpg  0x1f0000
        mov     0x1f0000, %eax
        hlt
