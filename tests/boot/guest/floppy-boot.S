# The boot sector of a FAT floppy: loads what stands in the reserved sectors behind it to 0x7e00 and calls its main(),
# in real mode with all segments 0. mformat fills in the parameter block.
        .code16
        .section .boot, "ax"
        .globl  _start
_start: jmp     1f
        nop
        .ascii  "ORRERY  "
        .skip   51
1:      xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $0x7c00, %esp
        cld
        mov     $0x7e00, %bx            # where the next sector goes
        mov     $1, %si                 # its number
2:      mov     %si, %ax
        mov     $18, %cl
        div     %cl                     # al: track, ah: sector of it
        mov     %ah, %cl
        inc     %cl
        mov     %al, %ch
        shr     %ch
        mov     %al, %dh
        and     $1, %dh
        mov     $0, %dl
        mov     $0x0201, %ax
        int     $0x13
        jc      2b
        add     $0x200, %bx
        inc     %si
        cmp     $SECTORS, %si
        jbe     2b
        calll   main
3:      hlt
        jmp     3b
        .org    510
        .word   0xaa55
