// #PF with a gate that is not present, and a handler of #DF: only that one runs.
#include "kernel.inc"
kernel: gate    8, handler_df
        gate    14, handler_pf, attributes=0x0e00
        lidt    idt_pointer
        mov     $pd, %eax               // nothing but 4 MiB pages
        movl    $0x83, pd
        mov     %eax, %cr3
        mov     %cr4, %eax
        or      $0x10, %eax
        mov     %eax, %cr4
        mov     %cr0, %eax
        or      $0x80000000, %eax
        mov     %eax, %cr0
        mov     0x400000, %eax
        ret
handler_df:
        mov     $0x08, %al
        jmp     give_up
