// The handler of #PF pops the error code and returns: the page is as absent as before, for ever.
#include "kernel.inc"
kernel: gate    14, retry
        lidt    idt_pointer
        movl    $(pt + 3), pd           // the first 4 MiB but for the last page
        xor     %ecx, %ecx
1:      mov     %ecx, %eax
        shl     $12, %eax
        or      $3, %eax
        mov     %eax, pt(, %ecx, 4)
        inc     %ecx
        cmp     $1023, %ecx
        jb      1b
        mov     $pd, %eax
        mov     %eax, %cr3
        mov     %cr0, %eax
        or      $0x80000000, %eax
        mov     %eax, %cr0
        movl    $1, 0x3ff000
        ret
retry:  add     $4, %esp
        iret
