// A call through a table whose second entry nobody filled in leads to memory that nobody wrote.
#include "kernel.inc"
kernel: xor     %eax, %eax
        mov     $1, %ecx
dispatch:
        call    *table(, %ecx, 4)
        ret
good:   ret
        .data
table:  .long   good, 0x00300000
