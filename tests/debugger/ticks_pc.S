// Instructions that take more than a tick, and the timer that comes in the middle of one.
#include "kernel.inc"
kernel: gate    0x20, tick
        movw    $0x21 * 8 - 1, idt_pointer
        lidt    idt_pointer
        mov     $0x11, %al              // the first PIC: vectors from 0x20, only line 0
        outb    %al, $0x20
        mov     $0x20, %al
        outb    %al, $0x21
        mov     $4, %al
        outb    %al, $0x21
        mov     $1, %al
        outb    %al, $0x21
        mov     $0xfe, %al
        outb    %al, $0x21
        cld
        mov     $7, %eax
        mov     $300, %ecx
        mov     $words, %edi
        .globl  fill, filled, waits, waited, halts, halted, spin, tick, ticked, words
fill:   rep stosl
filled: nop
waits:  pause
waited: nop
        mov     $0x34, %al              // the PIT: every 10 ms
        outb    %al, $0x43
        mov     $0x9c, %al
        outb    %al, $0x40
        mov     $0x2e, %al
        outb    %al, $0x40
        sti
halts:  hlt
halted: nop
spin:   pause
        jmp     spin
tick:   incl    ticks
ticked: push    %eax
        mov     $0x20, %al
        outb    %al, $0x20
        pop     %eax
        iret
        .data
        .globl  ticks
ticks:  .long   0
words:  .fill   300, 4, 1
