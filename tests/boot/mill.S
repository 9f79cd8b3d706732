# A guest for pc-determinism, started by multiboot on any number of CPUs. All of them, woken by INIT and SIPI, compute, store over
# many pages, count in shared memory with locked instructions, rewrite code that the others run, send each other interrupts and
# halt. The boot CPU's disk is read and written by bus-master DMA all the time; bytes from the keyboard and the serial port are
# echoed. Whatever happens at another position leaves another number somewhere. Ends by itself after TRANSFERS.
        .set TRANSFERS, 400
        .set APIC, 0xfee00000
        .set PAGES, 0x200000            # page directory, 4 MiB pages, identical
        .set PRD, 0x300000              # the one descriptor of each transfer
        .set BUFFER, 0x310000           # 8 KiB
        .set STACKS, 0x320000           # 4 KiB a CPU
        .set PRIVATE, 0x400000          # 64 KiB a CPU
        .set SECTORS, 16
        .section .multiboot, "a"
        .long   0x1badb002, 0, -0x1badb002

        .text
        .globl  _start
_start: cli
        lgdt    gdtr
        mov     $STACKS + 4096, %esp
        mov     $PAGES, %edi            # P, RW, A, D, PS
        mov     $0xe3, %eax
1:      stosl
        add     $0x400000, %eax
        jnc     1b
        call    gates
        call    controllers
        mov     $trampoline, %esi
        mov     $0x8000, %edi
        mov     $trampoline_end - trampoline, %ecx
        rep movsb
        movl    $0x1ff, APIC + 0xf0
        movl    $0xc4500, APIC + 0x300  # INIT to all others
        mov     $10000, %ecx
1:      pause
        loop    1b
        movl    $0xc4608, APIC + 0x300  # SIPI, to 0x8000
        jmp     every_cpu

gates:  # 256 interrupt gates to `stray`, then our own
        mov     $idt, %edi
        mov     $256, %ecx
        mov     $stray, %eax
1:      call    gate
        loop    1b
        mov     $timer, %eax
        mov     $idt + 8 * 0x20, %edi
        call    gate
        mov     $key, %eax
        mov     $idt + 8 * 0x21, %edi
        call    gate
        mov     $typed, %eax
        mov     $idt + 8 * 0x24, %edi
        call    gate
        mov     $disk, %eax
        mov     $idt + 8 * 0x2e, %edi
        call    gate
        mov     $called, %eax
        mov     $idt + 8 * 0x40, %edi
        call    gate
        mov     $tick, %eax
        mov     $idt + 8 * 0x41, %edi
        call    gate
        mov     $spurious, %eax
        mov     $idt + 8 * 0xff, %edi
gate:   mov     %ax, (%edi)             # %eax to the gate at %edi
        movl    $0x8e000008, 2(%edi)
        movw    $0x8e00, 4(%edi)
        push    %eax
        shr     $16, %eax
        mov     %ax, 6(%edi)
        pop     %eax
        add     $8, %edi
        ret

        .macro  out8 port, value
        mov     $\port, %dx
        mov     $\value, %al
        outb    %al, %dx
        .endm

controllers:
        out8    0x20, 0x11
        out8    0x21, 0x20
        out8    0x21, 0x04
        out8    0x21, 0x01
        out8    0xa0, 0x11
        out8    0xa1, 0x28
        out8    0xa1, 0x02
        out8    0xa1, 0x01
        out8    0x21, 0xe8              # 8254, keyboard, second 8259, COM1
        out8    0xa1, 0xbf              # IDE
        out8    0x43, 0x34
        out8    0x40, 0xa9              # every 1193 / 1.19 MHz
        out8    0x40, 0x04
        out8    0x3fb, 0x80
        out8    0x3f8, 0x01
        out8    0x3f9, 0x00
        out8    0x3fb, 0x03
        out8    0x3fa, 0x07
        out8    0x3fc, 0x0b
        out8    0x3f9, 0x01
1:      in      $0x64, %al              # what the firmware left of the keyboard
        test    $1, %al
        jz      2f
        in      $0x60, %al
        jmp     1b
2:      out8    0x64, 0x60              # keyboard on, its interrupt, scan codes translated
        out8    0x60, 0x41
        out8    0x60, 0xf4
        mov     $0xcf8, %dx             # PCI 0:1.1: bus master on, its ports
        mov     $0x80000904, %eax
        out     %eax, %dx
        mov     $0xcfc, %dx
        in      %dx, %ax
        or      $5, %ax
        out     %ax, %dx
        mov     $0xcf8, %dx
        mov     $0x80000920, %eax
        out     %eax, %dx
        mov     $0xcfc, %dx
        in      %dx, %eax
        and     $0xfffc, %eax
        mov     %eax, master
        out8    0x3f6, 0x00
        ret

# One transfer: reads the sectors from 16 * N on; every third is a write of what was read, 2048 sectors further.
transfer:
        movl    $BUFFER, PRD
        movl    $0x80000000 + SECTORS * 512, PRD + 4
        mov     master, %edx
        add     $4, %edx
        mov     $PRD, %eax
        out     %eax, %dx
        mov     $0x1f6, %dx
        mov     $0xe0, %al
        out     %al, %dx
        mov     transfers, %ecx
        shl     $4, %ecx
        mov     $0xc8, %bl              # READ DMA
        mov     $8, %bh                 # to memory
        mov     transfers, %eax
        xor     %edx, %edx
        mov     $3, %esi
        div     %esi
        cmp     $2, %edx
        jne     1f
        add     $2048, %ecx
        mov     $0xca, %bl              # WRITE DMA
        mov     $0, %bh
1:      mov     $0x1f2, %dx
        mov     $SECTORS, %al
        out     %al, %dx
        mov     %cl, %al
        inc     %dx
        out     %al, %dx
        mov     %ch, %al
        inc     %dx
        out     %al, %dx
        xor     %al, %al
        inc     %dx
        out     %al, %dx
        mov     master, %edx
        add     $2, %edx
        mov     $6, %al
        out     %al, %dx
        sub     $2, %edx
        mov     %bh, %al
        out     %al, %dx
        mov     $0x1f7, %dx
        mov     %bl, %al
        out     %al, %dx
        mov     master, %edx
        mov     %bh, %al
        or      $1, %al
        out     %al, %dx
        .globl  started
started:
        ret

# --- handlers -----------------------------------------------------------------------------------------------------------
        .macro  enter
        pusha
        rdtsc                           # when it came counts, too
        xor     %eax, mixed
        .endm
        .macro  done_8259 second=0
        mov     $0x20, %al
        .if     \second
        out     %al, $0xa0
        .endif
        out     %al, $0x20
        popa
        iret
        .endm
        .macro  done_apic
        movl    $0, APIC + 0xb0
        popa
        iret
        .endm

timer:  enter
        incl    ticks
        done_8259
key:    enter
        in      $0x60, %al
        movzbl  %al, %eax
        imull   $31, keys, %ebx
        add     %eax, %ebx
        mov     %ebx, keys
        call    print_hex
        done_8259
typed:  enter
1:      mov     $0x3fd, %dx
        in      %dx, %al
        test    $1, %al
        jz      2f
        mov     $0x3f8, %dx
        in      %dx, %al
        out     %al, %dx
        movzbl  %al, %eax
        imull   $33, letters, %ebx
        add     %eax, %ebx
        mov     %ebx, letters
        jmp     1b
2:      done_8259
disk:   enter
        mov     $0x1f7, %dx
        in      %dx, %al
        mov     %al, %cl
        mov     master, %edx
        xor     %al, %al
        out     %al, %dx
        add     $2, %edx
        in      %dx, %al
        shl     $8, %ecx
        mov     %al, %cl
        add     %ecx, status
        mov     $BUFFER, %esi
        mov     $SECTORS * 128, %ecx
1:      lodsl
        roll    $1, sum
        add     %eax, sum
        loop    1b
        incl    transfers
        cmpl    $TRANSFERS, transfers
        je      finish
        call    transfer
        done_8259 second=1
called: enter
        lock incl calls
        done_apic
tick:   enter
        lock incl apic_ticks
        done_apic
spurious:
        iret
stray:  mov     $'!', %al
        mov     $0x3f8, %dx
        out     %al, %dx
        cli
        hlt

finish: mov     transfers, %eax
        call    print_hex
        mov     sum, %eax
        call    print_hex
        mov     status, %eax
        call    print_hex
        mov     shared, %eax
        call    print_hex
        mov     calls, %eax
        call    print_hex
        mov     cpus, %eax
        call    print_hex
        mov     mixed, %eax
        call    print_hex
        mov     $0x604, %dx             # S5
        mov     $0x2000, %ax
        out     %ax, %dx
        cli
        hlt

print_hex: # %eax and a line feed
        mov     %eax, %ebx
        mov     $8, %ecx
1:      rol     $4, %ebx
        mov     %bl, %al
        and     $15, %al
        cmp     $10, %al
        jb      2f
        add     $'a' - '0' - 10, %al
2:      add     $'0', %al
        call    print
        loop    1b
        mov     $'\n', %al
print:  mov     $0x3fd, %dx
        mov     %al, %ah
3:      in      %dx, %al
        test    $0x20, %al
        jz      3b
        mov     %ah, %al
        mov     $0x3f8, %dx
        out     %al, %dx
        ret

# --- every CPU ------------------------------------------------------------------------------------------------------------
trampoline:
        .code16
        cli
        xor     %ax, %ax
        mov     %ax, %ds
        lgdtl   0x8000 + gdt_here - trampoline
        mov     %cr0, %eax
        or      $1, %al
        mov     %eax, %cr0
        ljmpl   $8, $every_cpu
        .balign 4
gdt_here:
        .word   23
        .long   gdt
trampoline_end:
        .code32

every_cpu:
        ljmp    $8, $1f
1:      mov     $16, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $1, %ebp
        lock xadd %ebp, cpus            # %ebp: who I am, in the order of arrival
        mov     %ebp, %eax
        shl     $12, %eax
        lea     STACKS + 4096(%eax), %esp
        lidt    idtr
        mov     $PAGES, %eax
        mov     %eax, %cr3
        mov     $0x210, %eax            # PSE, OSFXSR
        mov     %eax, %cr4
        mov     %cr0, %eax
        or      $0x80010002, %eax       # PG, WP, MP
        and     $~0x6000000c, %eax      # caches on, no EM, no TS
        mov     %eax, %cr0
        fninit
        movl    $0x1ff, APIC + 0xf0
        movl    $0x3, APIC + 0x3e0      # by 16
        movl    $0x20041, APIC + 0x320
        lea     150(%ebp), %eax
        mov     %eax, APIC + 0x380
        mov     %ebp, %edi              # %edi: my 64 KiB
        shl     $16, %edi
        add     $PRIVATE, %edi
        lea     77(%ebp), %esi          # %esi: a random number
        xorps   %xmm1, %xmm1
        test    %ebp, %ebp
        jnz     1f
        call    transfer
1:      lea     77(%ebp), %esi
        sti

        .globl  work
work:   mov     %esi, %eax              # xorshift32
        shl     $13, %eax
        xor     %eax, %esi
        mov     %esi, %eax
        shr     $17, %eax
        xor     %eax, %esi
        mov     %esi, %eax
        shl     $5, %eax
        xor     %eax, %esi
        movzwl  %si, %eax               # somewhere in my memory, crossing pages at times
        xor     %esi, (%edi,%eax)
        lock incl shared
        mov     shared + 64, %eax
1:      lea     (%eax,%esi), %ecx
        lock cmpxchg %ecx, shared + 64
        jnz     1b
        cvtsi2sd %esi, %xmm0
        addsd   %xmm0, %xmm1
        divsd   %xmm1, %xmm0
        movsd   %xmm0, 0x8000(%edi)
        mov     %esi, (%esp)
        fildl   (%esp)
        fsqrt
        fstpt   0x9000(%edi)
        test    $0x3f0, %esi            # a spin lock
        jnz     3f
2:      lock btsl $0, lock
        jnc     1f
        pause
        jmp     2b
1:      mov     owned, %eax
        add     %ebp, %eax
        rol     $3, %eax
        mov     %eax, owned
        movl    $0, lock
3:      test    $0x7f00, %esi           # code that the others run
        jnz     1f
        mov     %esi, %eax
        mov     %al, patched + 2
1:
        .globl  patched
patched:
        add     $1, %ebx
        test    $0x7f0000, %esi         # a copy over two pages
        jnz     1f
        push    %esi
        push    %edi
        lea     0xf00(%edi), %esi
        lea     0x5f80(%edi), %edi
        mov     $300, %ecx
        rep movsb
        pop     %edi
        pop     %esi
1:      mov     %esi, %eax
        and     $0xff80000, %eax        # an interrupt for all others
        jnz     1f
        movl    $0xc4040, APIC + 0x300
1:      test    $0xfc000000, %esi
        jnz     work
        hlt
        jmp     work

        .data
        .balign 8
gdt:    .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdtr:   .word   23
        .long   gdt
idtr:   .word   2047
        .long   idt
        .bss
        .balign 64
idt:    .space  2048
shared: .space  128
lock:   .space  4
owned:  .space  4
cpus:   .space  4
master: .space  4
transfers: .space 4
sum:    .space  4
status: .space  4
ticks:  .space  4
keys:   .space  4
letters: .space 4
calls:  .space  4
apic_ticks: .space 4
mixed:  .space  4
