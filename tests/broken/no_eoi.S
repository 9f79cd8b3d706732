// The handler of the timer does not tell the 8259 that it is done: there is one tick, and no other.
#include "kernel.inc"
        .set    MASTER, 0x20
kernel: gate    32, tick
        movw    $33 * 8 - 1, idt_pointer
        lidt    idt_pointer
        mov     $0x11, %al
        outb    %al, $MASTER
        mov     $32, %al
        outb    %al, $MASTER + 1
        mov     $4, %al
        outb    %al, $MASTER + 1
        mov     $1, %al
        outb    %al, $MASTER + 1
        mov     $0xfe, %al              // only the timer
        outb    %al, $MASTER + 1
        sti
1:      hlt
        cmpl    $3, ticks
        jb      1b
        ret
tick:   incl    ticks
        iret                            // no: mov $0x20, %al; outb %al, $MASTER
        .bss
ticks:  .long   0
