// A boot sector that tells on port 0xe9 what becomes of its drives: '+' when the change line of drive A is up, then the first byte
// of the disk; for the CD the key of each sense there is (2 no medium, 6 changed), then the first byte of the disc. A disk that
// begins with Q ends the machine; its status says how many lines were told.
        .code16
        .globl  _start
_start: xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $0x7c00, %sp
        movb    $0, told
        movb    $0, ready
        mov     $tray_lock, %si         // as an installer does: nobody shall take the CD out
        call    packet
loop:   mov     $0x3f7, %dx
        inb     %dx, %al
        test    $0x80, %al
        jz      cd
        mov     $'+', %al
        call    tell
        mov     $0x0101, %cx            // a step with a disk in lowers it: a sector of cylinder 1,
        call    sector
        mov     $0x0001, %cx            // then the first one of all
        call    sector
        mov     $'!', %al
        jc      1f
        mov     0x8000, %al
1:      call    tell
        cmp     $'Q', %al
        jne     cd
        mov     told, %al
        outb    %al, $0xf4
cd:     mov     $test_unit_ready, %si
        call    packet
        jnc     2f
        movb    $0, ready
        mov     $0x171, %dx             // the sense key is in the error register
        inb     %dx, %al
        shr     $4, %al
        add     $'0', %al
        cmp     last, %al
        je      loop
        mov     %al, last
        call    tell
        mov     $request_sense, %si     // which ends the unit attention
        call    packet
        jc      loop
        call    data
        jmp     loop
2:      movb    $0, last
        cmpb    $0, ready
        jne     loop
        movb    $1, ready
        mov     $read_10, %si
        call    packet
        jc      loop
        call    data
        mov     0x8000, %al
        call    tell
        jmp     loop

sector: mov     $0x0201, %ax
        mov     $0x8000, %bx
        xor     %dx, %dx
        int     $0x13
        ret

// Twelve bytes at SI to the master of the second channel; carry: the status says ERR.
packet: mov     $0x176, %dx
        mov     $0xa0, %al
        outb    %al, %dx
        mov     $0x174, %dx             // at most 2048 bytes at once
        xor     %al, %al
        outb    %al, %dx
        inc     %dx
        mov     $8, %al
        outb    %al, %dx
        mov     $0x177, %dx
        mov     $0xa0, %al
        outb    %al, %dx
        call    wait
        mov     $0x170, %dx
        mov     $6, %cx
        rep outsw
wait:   mov     $0x177, %dx
1:      inb     %dx, %al
        test    $0x80, %al
        jnz     1b
        test    $1, %al
        jz      2f
        stc
        ret
2:      clc
        ret

data:   mov     $0x8000, %di            // all that it offers
1:      mov     $0x177, %dx
        inb     %dx, %al
        test    $0x80, %al
        jnz     1b
        test    $8, %al
        jz      2f
        mov     $0x170, %dx
        inw     %dx, %ax
        stosw
        jmp     1b
2:      ret

tell:   outb    %al, $0xe9
        incb    told
        ret

test_unit_ready:
        .byte   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
request_sense:
        .byte   3, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0
read_10:
        .byte   0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0
tray_lock:
        .byte   0x1e, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0
told:   .byte   0
ready:  .byte   0
last:   .byte   0
        .org    510
        .byte   0x55, 0xaa
