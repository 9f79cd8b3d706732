// The same for a PC: what its CPU and its ports do.
#include "kernel.inc"
        .globl  done
kernel: gate    3, handler_3
        gate    0x40, handler_40
        movw    $0x41 * 8 - 1, idt_pointer
        lidt    idt_pointer
        mov     $pd, %eax
        mov     %eax, %cr3
        mov     $0x1b, %ecx             // IA32_APIC_BASE
        rdmsr
        wrmsr
        mov     $0x277, %ecx            // IA32_PAT
        rdmsr
        xor     $1, %edx
        wrmsr
        invlpg  0x5000
        xchg    %bx, %bx                // magic
        .byte   0x66, 0x87, 0xdb
        int3
        int     $0x40
        mov     $0x41, %al
        outb    %al, $0x80
        inb     $0x61, %al
        mov     $signature, %eax
        bswap   %eax
        mov     %eax, command + 12
        mov     $command, %eax          // fw_cfg, section "DMA interface": read 4 bytes of the signature
        bswap   %eax
        mov     $0x518, %dx
        outl    %eax, %dx
        mov     $100000, %ecx
1:      dec     %ecx
        jnz     1b
done:   cli
        hlt
        jmp     done
handler_3:
        iret
handler_40:
        iret
        .data
        .balign 8
        .globl  signature
command: .byte  0, 0, 0, 0x0a           // select 0, read; big-endian
        .byte   0, 0, 0, 4
        .byte   0, 0, 0, 0
        .long   0                       // its address
signature: .long 0
