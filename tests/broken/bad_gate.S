// The gate of #UD names a data segment: #GP with that selector. SDM 3, 6.12.
#include "kernel.inc"
kernel: gate    13, handler_gp
        gate    6, handler_gp, selector=0x10
        lidt    idt_pointer
        ud2
        ret
