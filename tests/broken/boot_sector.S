// A boot sector that goes to protected mode with a GDT whose limit is in descriptors, not in bytes: the far jump cannot be.
        .code16
        .globl  _start
_start: cli
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %ss
        mov     $0x7c00, %esp
        lgdt    gdt_pointer
        mov     %cr0, %eax
        or      $1, %al
        mov     %eax, %cr0
        ljmpl   $0x08, $protected
        .code32
protected:
        hlt
gdt:    .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
        .word   3
        .long   gdt
        .org    510
        .word   0xaa55
