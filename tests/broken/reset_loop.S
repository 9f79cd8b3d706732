// The kernel sees something that it does not like and resets the machine, each time.
#include "kernel.inc"
kernel: mov     $6, %al
        mov     $0xcf9, %dx
        outb    %al, %dx
1:      jmp     1b
