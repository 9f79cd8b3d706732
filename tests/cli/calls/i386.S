# The machine's side of calls.c for 32-bit x86, a multiboot kernel. It ends through isa-debug-exit.
        .section .text.entry, "ax"
        .balign 4
        .long   0x1badb002, 0, -0x1badb002
        .globl  _start
        .type   _start, @function
_start: mov     $stack_top, %esp
        lgdt    gdt_pointer
        ljmp    $8, $1f
1:      mov     $16, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $trap_entry, %eax
        mov     %ax, idt + 8 * 0x40
        shr     $16, %eax
        mov     %ax, idt + 8 * 0x40 + 6
        movl    $8, idt + 8 * 0x40 + 2
        movw    $0x8e00, idt + 8 * 0x40 + 4
        lidt    idt_pointer
        call    main
        mov     $0xf4, %edx
        xor     %eax, %eax
        out     %eax, %dx
1:      jmp     1b
        .size   _start, . - _start

        .text
        .macro  function name
        .globl  \name
        .type   \name, @function
\name:
        .endm

function switch_to
        mov     4(%esp), %eax
        mov     8(%esp), %edx
        pop     %ecx                    # where it goes back to
        mov     %esp, (%eax)
        mov     %ecx, 4(%eax)
        mov     %ebx, 8(%eax)
        mov     %esi, 12(%eax)
        mov     %edi, 16(%eax)
        mov     %ebp, 20(%eax)
        mov     (%edx), %esp
        mov     8(%edx), %ebx
        mov     12(%edx), %esi
        mov     16(%edx), %edi
        mov     20(%edx), %ebp
        push    4(%edx)
        ret
        .size   switch_to, . - switch_to

function save_place
        mov     4(%esp), %eax
        mov     (%esp), %ecx
        lea     4(%esp), %edx
        mov     %edx, (%eax)
        mov     %ecx, 4(%eax)
        mov     %ebx, 8(%eax)
        mov     %esi, 12(%eax)
        mov     %edi, 16(%eax)
        mov     %ebp, 20(%eax)
        xor     %eax, %eax
        ret
        .size   save_place, . - save_place

function go_back
        mov     4(%esp), %edx
        mov     (%edx), %esp
        mov     8(%edx), %ebx
        mov     12(%edx), %esi
        mov     16(%edx), %edi
        mov     20(%edx), %ebp
        mov     $1, %eax
        jmp     *4(%edx)
        .size   go_back, . - go_back

function begin_task
        call    task_main
        .size   begin_task, . - begin_task

function trap_on_purpose
        int     $0x40
        ret
        .size   trap_on_purpose, . - trap_on_purpose

function trap_entry
        pusha
        call    on_trap
        popa
        iret
        .size   trap_entry, . - trap_entry

        .data
        .balign 8
gdt:    .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
        .word   23
        .long   gdt
idt_pointer:
        .word   8 * 0x41 - 1
        .long   idt
        .bss
        .balign 16
idt:    .space  8 * 0x41
        .space  4096
stack_top:
