/* Programs of tests/cpu/x86_engine.c: tests/cpu/x86_programs.sh makes x86_programs.h of them. Each begins with
 * .section .p_<name> and ends with HLT. */
.intel_syntax noprefix

/* Real mode at 0x1000, stack below 0x9000. */
.section .p_real, "ax"
.code16
    .org 0
    mov sp, 0x9000
    cld
    mov word ptr [0x40 * 4], offset handler_40
    mov word ptr [0x40 * 4 + 2], 0
    mov word ptr [0], offset handler_de
    mov word ptr [2], 0
    mov word ptr [0x20 * 4], offset handler_irq
    mov word ptr [0x20 * 4 + 2], 0
    sti
    mov cx, 20
1:  mov ax, cx
    push cx
    call twice
    pop cx
    add [0x3000], ax
    loop 1b
    mov al, 0x5a
    mov di, 0x4000
    mov cx, 300
    rep stosb
    mov si, 0x3ff0
    mov di, 0x4801
    mov cx, 150
    rep movsw
    std
    mov si, 0x4900
    mov di, 0x4910
    mov cx, 33
    rep movsd
    cld
    mov di, 0x4000
    mov cx, 1000
    mov al, 0
    repe scasb
    mov [0x3004], cx
    in al, 0xe3
    out 0xe4, al
    mov dx, 0xe5
    in ax, dx
    out dx, ax
    mov [0x3008], ax
    int 0x40
    xor dx, dx
    xor bx, bx
    div bx
    mov byte ptr [patched + 1], 7
patched:
    mov al, 1
    mov [0x300c], al
    mov ax, 0xffff
    mov ds, ax
    mov byte ptr [0x20], 0x33
    xor ax, ax
    mov ds, ax
    jmp far ptr 0x0010:(next - 0x100)
next:
    push 0x1234
    push 0
    popf
    mov bx, offset table
    jmp [bx]
away:
    mov eax, 0x12345678
    mov ecx, 5
2:  dec ecx
    jnz 2b
    cli
    hlt
twice:
    add ax, ax
    ret
handler_40:
    inc word ptr [0x3006]
    iret
handler_de:
    push bp
    mov bp, sp
    add word ptr [bp + 2], 2
    inc word ptr [0x300a]
    pop bp
    iret
handler_irq:
    push ax
    inc word ptr [0x3010]
    pop ax
    iret
table: .word away - 0x100

/* 32-bit flat, at 0x100000; an IDT at 0 with one handler for all at `handler`. */
.section .p_flat, "ax"
.code32
    .org 0
    mov esp, 0x90000
    lidt [0x8f8]
    mov ebx, 0xd0000000
    mov eax, [ebx + 4]
    mov [0x3000], eax
    mov [ebx], eax
    mov ax, [ebx + 1]
    mov [0x3004], ax
    fill8: mov ecx, 10
3:  mov edx, [0x3010]
    lea edx, [edx + edx * 2 + 1]
    mov [0x3010], edx
    call sub1
    dec ecx
    jnz 3b
    /* a store into the instruction behind, four times in a loop */
    mov ecx, 4
4:  mov byte ptr [smc + 1], cl
smc:
    mov al, 0x77
    add [0x3014], al
    dec ecx
    jnz 4b
    /* into a block before */
    mov dword ptr [sub1], 0x40404040 /* inc eax, 4 times */
    call sub1
    mov [0x3018], eax
    ud2
    nop
    mov ax, 0
    mov gs, ax
    mov eax, gs:[0]
    nop
    nop
    nop
    nop
    nop
    nop
    jmp edge
sub1:
    add eax, 0x11
    nop
    ret
    .org 0xe00
handler: /* skips 2 bytes for #UD, 6 or so for #GP: to the next NOP */
    inc dword ptr [0x3020]
    push eax
    mov eax, [esp + 4]
    cmp dword ptr [esp + 8], 8
    je 5f
    /* an error code is there */
    mov eax, [esp + 8]
    call skip
    mov [esp + 8], eax
    pop eax
    add esp, 4
    iretd
5:  call skip
    mov [esp + 4], eax
    pop eax
    iretd
skip:
    inc eax
    cmp byte ptr [eax], 0x90
    jne skip
    ret
    .org 0xff2
edge:
    mov ecx, 3
6:  mov eax, 0x1
    .byte 0x81, 0xc0, 0x44, 0x33 /* add eax, 0x11223344 across the page's end */
    .byte 0x22, 0x11
    mov [0x3024], eax
    inc byte ptr [0x101000] /* its second half */
    dec ecx
    jnz 6b
    cli
    hlt

/* 64-bit mode at 0x100000, paging by RIG_PT at 0x13000; the IDT at 0x9000 has 256 gates to 0x101000 + 16 * vector. */
.section .p_long, "ax"
.code64
    .org 0
    mov rsp, 0x90000
    lidt [rip + idtr]
    sti
    mov rcx, 0
    /* page 0x200 is aliased to frames 0x201, 0x202, 0x203 in turn, without INVLPG */
    mov rdi, 0x200000
1:  lea rax, [rcx + 0x201]
    shl rax, 12
    or rax, 7
    mov [0x13000 + 0x200 * 8], rax
    mov [rdi], rcx
    add [rdi + 8], rcx
    mov rbx, [rdi + 8]
    add [0x3000], rbx
    inc rcx
    cmp rcx, 3
    jne 1b
    /* not present: a fault whose handler maps it */
    mov qword ptr [0x13000 + 0x200 * 8], 0
    mov rdx, [rdi]
    mov [0x3008], rdx
    /* read-only */
    mov qword ptr [0x13000 + 0x200 * 8], 0x202005
    mov [rdi], rdi
    /* code through an alias that changes: two frames with a function each */
    mov dword ptr [0x204000], 0xc301c083 /* add eax, 1; ret */
    mov dword ptr [0x205000], 0xc302c083 /* add eax, 2; ret */
    mov rcx, 6
    xor eax, eax
2:  mov rdx, rcx
    and rdx, 1
    add rdx, 0x204
    shl rdx, 12
    or rdx, 7
    mov [0x13000 + 0x200 * 8], rdx
    mov r8, 0x200000
    call r8
    dec rcx
    jnz 2b
    mov [0x3010], rax
    /* a loop with a device */
    mov rbx, 0xd0000000
    mov rcx, 5
3:  mov rax, [rbx]
    add [0x3018], rax
    mov [rbx + 8], rcx
    dec rcx
    jnz 3b
    /* not canonical */
    mov rax, 0x800000000000
    mov rax, [rax]
    nop
    /* single-step */
    pushfq
    or dword ptr [rsp], 0x100
    popfq
    nop
    inc r15
    lea r14, [r15 + 1]
    pushfq
    and dword ptr [rsp], ~0x100
    popfq
    nop
    /* breakpoints: execution of `there`, stores to 0x3040 */
    lea rax, [rip + there]
    mov dr0, rax
    mov eax, 0x3040
    mov dr1, rax
    mov eax, 0x00d00402 | 3
    or eax, 0xc
    mov dr7, rax
    mov [0x3040], rax
    nop
there:
    nop
    mov dword ptr [0x3044], 5
    xor eax, eax
    mov dr7, rax
    /* the other ring and back */
    push 0x2b
    push 0x80000
    push 0x202
    push 0x33
    lea rax, [rip + user]
    push rax
    iretq
user:
    mov rax, 1
    mov rcx, 100
4:  add rax, rcx
    dec rcx
    jnz 4b
    mov [0x3050], rax
    hlt
    int 0x81
    .align 8
    .word 0, 0, 0
idtr: .word 0xfff
    .quad 0x9000
    .org 0x1000
    vector = 0
    .rept 256
    .org 0x1000 + 16 * vector
    push vector
    jmp common
    vector = vector + 1
    .endr
    .org 0x2000
common:
    push rax
    push rbx
    mov rax, [rsp + 16]
    inc qword ptr [0x5000 + rax * 8]
    cmp rax, 14
    je pf
    cmp rax, 13
    je gp
    cmp rax, 1
    je db
    cmp rax, 0x20
    je out
    cmp rax, 0x81
    je done
    hlt
pf: mov qword ptr [0x13000 + 0x200 * 8], 0x202007
    mov rbx, [rsp + 24]
    add [0x3030], rbx
    jmp code_out
gp: mov rbx, [rsp + 32]
5:  inc rbx
    cmp byte ptr [rbx], 0x90
    je 6f
    cmp byte ptr [rbx], 0xcd
    jne 5b
6:  mov [rsp + 32], rbx
code_out:
    pop rbx
    pop rax
    add rsp, 16
    iretq
db: mov rbx, dr6
    add [0x3038], rbx
    xor ebx, ebx
    mov dr6, rbx
    mov rbx, [rsp + 24]
    add [0x3060], rbx
    or dword ptr [rsp + 40], 0x10000 /* RF */
out:
    pop rbx
    pop rax
    add rsp, 8
    iretq
done:
    cli
    hlt
