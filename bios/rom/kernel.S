# The option ROM that starts a kernel given with -kernel. The firmware calls its bootstrap entry ("Plug and Play BIOS
# Specification", 1.0A, 3.3: BEV). It fetches the plan that bios/x86_kernel.c made (layout: bios/x86_kernel.h) from the
# configuration device, lets the device copy each piece where it belongs, asks the firmware for the memory map (INT 15h,
# AX=E820h) and jumps.
    .code16
    .text
    .set PLAN, 0x7000           # where the plan is put: below the boot sector's place, free after POST
    .set ENTRIES, PLAN + 64
    .set PIECE, 12              # bytes of an entry: key, address, size
    .set CONTROL, 0x6f00        # the configuration device's control structure: control, length, address (big-endian)
    .set KEY_PLAN, 0x8100
    .set DMA_READ_SELECT, 0x0a  # select, read

rom:
    .byte 0x55, 0xaa
    .byte (rom_end - rom) / 512
    jmp init
    .org 0x18
    .word 0                     # no PCI data
    .word pnp - rom
    .org 0x20
pnp:
    .ascii "$PnP"
    .byte 1, (pnp_end - pnp) / 16
    .word 0
    .byte 0, 0                  # checksum: written by tools or left to the one of the whole ROM
    .long 0
    .word maker - rom, product - rom
    .byte 1, 0x80, 0            # a boot device ...
    .byte 0x64                  # ... that is bootable
    .word 0, 0
    .word boot - rom            # bootstrap entry
    .word 0
    .word 0
pnp_end:
maker: .asciz "Orrery"
product: .asciz "kernel given with -kernel"

init:
    xorw %ax, %ax
    lretw

# es:di pieces: edx = key, ebx = address, ecx = size. Waits for the device, which is done at once.
fetch:
    shll $16, %edx
    orl $DMA_READ_SELECT, %edx
    bswapl %edx
    movl %edx, CONTROL
    bswapl %ecx
    movl %ecx, CONTROL + 4
    movl $0, CONTROL + 8
    bswapl %ebx
    movl %ebx, CONTROL + 12
    movl $CONTROL, %eax
    bswapl %eax
    movw $0x518, %dx            # the low half starts it; the high half is 0 since reset
    outl %eax, %dx
1:  testl $0xfeffffff, CONTROL  # only the error bit may be left
    jnz 1b
    ret

boot:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x6e00, %esp

    movl $KEY_PLAN, %edx
    movl $PLAN, %ebx
    movl $64, %ecx
    call fetch
    movl $KEY_PLAN, %edx        # again, with all of it
    movl $PLAN, %ebx
    movl PLAN, %eax
    imull $PIECE, %eax, %ecx
    addl $64, %ecx
    call fetch

    movl PLAN, %ebp
    movw $ENTRIES, %si
2:  testl %ebp, %ebp
    jz 3f
    movl (%si), %edx
    movl 4(%si), %ebx
    movl 8(%si), %ecx
    call fetch
    addw $PIECE, %si
    decl %ebp
    jmp 2b

# The memory map: entries of 20 bytes, each PLAN[2] bytes behind the last, PLAN[3] bytes into it; a size of 20 in front
# when that is 4. Stays below 64 KiB.
3:  movl PLAN + 4, %edi
    testl %edi, %edi
    jz 6f
    xorl %ebx, %ebx
    xorl %ebp, %ebp             # how many
4:  pushl %edi
    addl PLAN + 12, %edi
    movl $0xe820, %eax
    movl $20, %ecx
    movl $0x534d4150, %edx
    sti
    int $0x15
    cli
    popl %edi
    jc 5f
    cmpl $0x534d4150, %eax
    jne 5f
    cmpl $4, PLAN + 12
    jne 7f
    movl $20, (%di)
7:  incl %ebp
    addl PLAN + 8, %edi
    testl %ebx, %ebx
    jnz 4b
5:  movl PLAN + 16, %ebx        # where to say how many entries
    testl %ebx, %ebx
    jz 8f
    movl %ebp, (%bx)
8:  movl PLAN + 20, %ebx        # and how many bytes
    testl %ebx, %ebx
    jz 6f
    movl %edi, %eax
    subl PLAN + 4, %eax
    movl %eax, (%bx)

6:  cmpl $0, PLAN + 24
    jne protected

# Linux's 16-bit entry: segments PLAN[8], code 0x20 paragraphs behind.
    movw PLAN + 28, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl $0xfff0, %esp
    addw $0x20, %ax
    pushw %ax
    pushw $0
    lretw

# A flat 32-bit entry. The descriptor table is copied into low memory: the ROM's own segment may be anywhere.
protected:
    inb $0x92, %al              # A20
    orb $2, %al
    outb %al, $0x92
    xorl %eax, %eax
    movw %cs, %ax
    shll $4, %eax
    movl %eax, %ebx
    addl $(gdt - rom), %eax
    movl %eax, CONTROL + 2
    movw $(gdt_end - gdt - 1), CONTROL
    lgdtl CONTROL
    addl $(flat - rom), %ebx
    movl %ebx, CONTROL + 8
    movw $8, CONTROL + 12
    movl $CONTROL + 8, %esi
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl *(%si)

    .code32
flat:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl PLAN + 48, %edi        # where to say where the ACPI tables begin (ACPI, 5.2.5.1)
    testl %edi, %edi
    jz 3f
    movl $0xe0000, %esi
1:  cmpl $0x20445352, (%esi)    # "RSD PTR "
    jne 2f
    cmpl $0x20525450, 4(%esi)
    jne 2f
    movl %esi, (%edi)
    jmp 3f
2:  addl $16, %esi
    cmpl $0x100000, %esi
    jb 1b
3:  movl PLAN + 52, %edi        # where to say how many KiB there are below 640 KiB and from 1 MiB on
    testl %edi, %edi
    jz 6f
    movzwl 0x413, %eax          # the firmware keeps some (BIOS data area)
    movl %eax, (%edi)
    movl PLAN + 4, %esi
    addl PLAN + 12, %esi
4:  decl %ebp                   # entries of the map
    js 6f
    cmpl $0x100000, (%esi)
    jne 5f
    cmpl $0, 4(%esi)
    jne 5f
    movl 8(%esi), %eax
    shrl $10, %eax
    movl %eax, 4(%edi)
    jmp 6f
5:  addl PLAN + 8, %esi
    jmp 4b
6:  movl PLAN + 32, %eax
    movl PLAN + 36, %ebx
    movl PLAN + 40, %esi
    movl PLAN + 44, %esp
    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %edi, %edi
    xorl %ebp, %ebp
    jmp *PLAN + 28

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    # code, flat
    .quad 0x00cf93000000ffff    # data, flat
gdt_end:
    .balign 512
rom_end:
