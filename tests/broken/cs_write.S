// A store through CS: code segments are never writable. #GP(0). SDM 3, 3.4.5.1.
#include "kernel.inc"
kernel: gate    13, handler_gp
        lidt    idt_pointer
        incl    %cs:counter
        ret
counter: .long  0
