/* Random system states: a mode, descriptors, tables and registers of random content, and an instruction that meets them. The
 * same number gives the same state. */
#ifndef TESTS_CPU_X86_ANY_STATES_H
#define TESTS_CPU_X86_ANY_STATES_H

#include "base/rng.h"
#include "tests/cpu/x86_world.h"

struct any {
    struct world *w;
    struct x86 *c;
    u64 rng;
    enum w_mode mode;
    bool wide; /* 64-bit code */
    bool word; /* 16-bit code */
    u8 code[32];
    unsigned n;
};

static u64 any(struct any *a, u64 n) { return (rng_next(&a->rng) >> 11) % n; }
static bool one_in(struct any *a, unsigned n) { return any(a, n) == 0; }
static void byte(struct any *a, u8 b) { a->code[a->n++] = b; }
static void bytes(struct any *a, u64 v, unsigned size)
{
    store_le(a->code + a->n, size, v);
    a->n += size;
}
/* OP with a memory operand at an absolute address: ModRM and displacement */
static void absolute(struct any *a, u8 reg, u32 at)
{
    if (a->wide) {
        byte(a, (u8)(4 | reg << 3));
        byte(a, 0x25);
        bytes(a, at, 4);
    } else if (a->word) {
        byte(a, (u8)(6 | reg << 3));
        bytes(a, at, 2);
    } else {
        byte(a, (u8)(5 | reg << 3));
        bytes(a, at, 4);
    }
}

static const u16 torn[] = { S_SMALL, S_LD, S_EXEC, S_DOWN, S_RO, S_CODE16, S_DATA16, S_CODE1 }; /* selectors whose descriptors are random */
static const u32 any_bases[] = { 0, W_DATA, 0x10, 0x6000 };
enum { W_FAR = 0x7800 };
static u64 any_desc(struct any *a)
{
    static const u32 limits[] = { 0, 0xff, 0xfff, 0x7003, 0xffff, 0xfffff };
    unsigned access = (unsigned)any(a, 256), flags = (unsigned)any(a, 16);
    access |= one_in(a, 8) ? 0 : 0x80;
    access |= one_in(a, 8) ? 0 : 0x10;
    return w_desc(any_bases[any(a, 4)], limits[any(a, 6)], access, flags);
}
static void tear(struct any *a)
{
    for (unsigned k = 0; k < ARRAY_LEN(torn); k++)
        w_gdt(a->w, torn[k], any_desc(a));
    if (one_in(a, 4))
        w_put(a->w, W_LDT + 8, 8, any_desc(a));
}
static u16 any_selector(struct any *a)
{
    u16 s = (u16)(one_in(a, 4) ? any(a, S_LAST + 24) : one_in(a, 8) ? S_IN_LDT : one_in(a, 12) ? 0 : torn[any(a, ARRAY_LEN(torn))]);
    return one_in(a, 2) ? s : (u16)((s & ~3) | (u16)any(a, 4));
}
static u32 any_offset(struct any *a)
{
    static const u32 edges[] = { 0, 0xfc, 0xfd, 0x100, 0xffc, 0x1000, 0x6fff, 0x7000, 0x7002, 0x7004, 0xfffc, 0xffff };
    return edges[any(a, ARRAY_LEN(edges))];
}

/* A load of a segment register, and an access through it. */
static void segment_load(struct any *a)
{
    static const u8 prefix[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
    static const u8 pops[] = { 0x07, 0, 0x17, 0x1f, 0xa1, 0xa9 }, far[] = { 0xc4, 0, 0xb2, 0xc5, 0xb4, 0xb5 };
    tear(a);
    unsigned seg = (unsigned)any(a, 6);
    u16 selector = any_selector(a);
    a->c->r[X86_AX] = selector;
    unsigned how = (unsigned)any(a, 3);
    if (seg == X86_CS || how == 0 || (a->wide && seg < 4)) {
        byte(a, 0x8e);
        byte(a, (u8)(0xc0 | seg << 3));
    } else if (how == 1) {
        w_put(a->w, a->c->seg[X86_SS].base + a->c->r[X86_SP], 8, selector);
        if (seg >= 4)
            byte(a, 0x0f);
        byte(a, pops[seg]);
    } else {
        w_put(a->w, W_DATA, 8, 0x1234);
        w_put(a->w, W_DATA + (a->word ? 2 : 4), 2, selector);
        if (seg == X86_SS || seg >= 4)
            byte(a, 0x0f);
        byte(a, far[seg]);
        absolute(a, 1, W_DATA);
    }
    if (seg == X86_CS || one_in(a, 4))
        return;
    byte(a, prefix[seg]);
    if (one_in(a, 4))
        byte(a, 0x66);
    byte(a, one_in(a, 2) ? 0x8b : 0x89);
    absolute(a, 2, any_offset(a));
}

/* A far jump, call or return. */
static void far_transfer(struct any *a)
{
    static const u16 targets[] = { W_TARGET, W_TARGET, W_TARGET, 0x100, 0xff, 0x7003, 0x7004 };
    tear(a);
    u16 selector = any_selector(a);
    u32 target = targets[any(a, ARRAY_LEN(targets))];
    if (a->mode == W_REAL) {
        target = one_in(a, 3) ? (u32)any(a, W_TARGET) : 0x800;
        selector = (u16)((W_TARGET - target) >> 4);
        target = W_TARGET - (u32)(selector << 4);
    }
    for (unsigned k = 0; k < ARRAY_LEN(targets); k++) /* wherever it goes there is a HLT */
        for (unsigned n = 0; n < ARRAY_LEN(any_bases); n++)
            w_put(a->w, any_bases[n] + targets[k], 1, 0xf4);
    unsigned how = (unsigned)any(a, a->wide ? 4 : 6), size = a->word ? 2 : 4;
    if (how < 2) { /* through memory */
        w_put(a->w, W_FAR, 4, target);
        w_put(a->w, W_FAR + size, 2, selector);
        byte(a, 0xff);
        absolute(a, how ? 3 : 5, W_FAR);
    } else if (how < 4) { /* back */
        u64 at = a->c->seg[X86_SS].base + a->c->r[X86_SP];
        w_put(a->w, at, size, target);
        w_put(a->w, at + size, 2, selector);
        byte(a, how == 2 ? 0xcb : 0xca);
        if (how == 3)
            bytes(a, any(a, 9), 2);
    } else {
        byte(a, how == 4 ? 0xea : 0x9a);
        bytes(a, target, size);
        bytes(a, selector, 2);
    }
}

/* LLDT, LTR, LGDT, LIDT, LMSW, and what stores them, CLTS, INVLPG. */
static void tables(struct any *a)
{
    static const u64 bases[] = { W_GDT, W_IDT, W_LDT, 0x7ff8, (u64)1 << 46, (u64)1 << 47, ~(u64)0 << 47, 0 };
    tear(a);
    if (one_in(a, 2)) {
        w_gdt(a->w, S_TSS2, w_desc(W_TSS2, (u32)any(a, 0x80), 0x80 | (unsigned)any(a, 16), (unsigned)any(a, 16)));
        w_gdt(a->w, S_LDT, w_desc(W_LDT, (u32)any(a, 0x80), one_in(a, 4) ? 2 : 0x82, (unsigned)any(a, 16)));
    }
    static const u16 often[] = { S_LDT, S_TSS2, S_TSS16, S_TSS };
    u16 s = one_in(a, 2) ? often[any(a, 4)] : any_selector(a);
    a->c->r[X86_AX] = one_in(a, 2) ? s : (rng_next(&a->rng) & ~(u64)0xffff) | s;
    w_put(a->w, W_DATA, 2, any(a, 0x10000));
    w_put(a->w, W_DATA + 2, 8, bases[any(a, 8)]);
    if (one_in(a, 6))
        byte(a, 0x66);
    byte(a, 0x0f);
    unsigned how = (unsigned)any(a, 16);
    if (how == 15) {
        byte(a, 6); /* CLTS */
        a->c->cr0 |= CR0_TS;
        return;
    }
    byte(a, how < 5 ? 0 : 1);
    u8 reg = (u8)(how < 5 ? any(a, 4) : any(a, 8));
    if (how < 5 ? one_in(a, 2) : reg == 4 || reg == 6)
        byte(a, (u8)(0xc0 | reg << 3));
    else
        absolute(a, reg, W_DATA);
    if (one_in(a, 4) && !(how >= 5 && (reg == 2 || reg == 3))) { /* what came of it; kvm_pvm checks no tables that are torn */
        byte(a, 0x0f);
        byte(a, 0x0b);
    }
}

/* MOV to and from control and debug registers, RDMSR, WRMSR. */
static void registers(struct any *a)
{
    static const u32 msrs[] = { 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0x174, 0x175, 0x176 };
    u64 v = rng_next(&a->rng), one = (u64)1 << any(a, one_in(a, 4) ? 64 : 32);
    struct x86 *c = a->c;
    unsigned how = (unsigned)any(a, 4);
    byte(a, 0x0f);
    if (how == 0) {
        static const u8 number[] = { 0, 2, 3, 4, 4, 0 };
        u8 r = number[any(a, 6)];
        const u64 now[] = { c->cr0, 0, one_in(a, 2) ? v : c->cr2, c->cr3, c->cr4 };
        c->r[X86_AX] = now[r] ^ (one_in(a, 6) ? 0 : one);
        byte(a, one_in(a, 4) ? 0x20 : 0x22);
        byte(a, (u8)(0xc0 | r << 3));
    } else if (how == 1) {
        c->r[X86_AX] = one_in(a, 3) ? v & ~(u64)0x800 : one_in(a, 2) ? (u32)v & 0xffff00aau : one & ~(u64)0x800; /* RTM: not ours */
        c->dr[7] |= one_in(a, 10) ? DR7_GD : 0;
        c->cr4 |= one_in(a, 2) ? CR4_DE : 0;
        byte(a, one_in(a, 3) ? 0x21 : 0x23);
        byte(a, (u8)(0xc0 | any(a, 8) << 3));
    } else {
        c->r[X86_CX] = one_in(a, 12) ? (u32)v : msrs[any(a, ARRAY_LEN(msrs))];
        u64 value = one_in(a, 2) ? v >> any(a, 40) : c->r[X86_CX] == 0xc0000080 ? c->efer ^ one : one;
        c->r[X86_AX] = (u32)value;
        c->r[X86_DX] = value >> 32;
        byte(a, one_in(a, 4) ? 0x32 : 0x30);
        if (one_in(a, 2)) { /* and back */
            byte(a, 0x0f);
            byte(a, 0x32);
        }
    }
}

/* Flags and ports. */
static void flags_and_ports(struct any *a)
{
    static const u8 ops[] = { 0xfa, 0xfb, 0x9c, 0x9d, 0x9d, 0x9d, 0xe4, 0xe5, 0xec, 0xed, 0xe6, 0xee, 0x6c, 0x6e, 0xef };
    struct x86 *c = a->c;
    u64 v = rng_next(&a->rng);
    c->rflags |= v & (X86_AC | X86_DF | X86_ID | (one_in(a, 4) ? X86_TF : 0) | (a->mode == W_L3 ? 0 : X86_IOPL | X86_NT));
    u32 no = X86_VM | (one_in(a, 4) ? 0 : X86_TF) | (a->mode == W_L3 ? X86_NT : 0);
    w_put(a->w, c->seg[X86_SS].base + c->r[X86_SP], 4, (u32)(v >> 20) & ~no);
    c->r[X86_DX] = any(a, 0x400);
    c->r[X86_AX] = v >> 30;
    c->r[X86_SI] = c->r[X86_DI] = W_DATA;
    for (unsigned k = 0; k < 0x80; k += 4)
        w_put(a->w, W_TSS + 0x88 + k, 4, one_in(a, 2) ? 0 : rng_next(&a->rng) >> 40);
    if (one_in(a, 3))
        c->seg[X86_TR].limit = 0x60 + (u32)any(a, 0x80);
    if (one_in(a, 4))
        byte(a, 0x66);
    u8 op = ops[any(a, sizeof ops)];
    byte(a, op);
    if ((op & 0xf4) == 0xe4 && op < 0xec)
        byte(a, (u8)any(a, 256));
    if (one_in(a, 4))
        byte(a, 0x90);
}

/* An exception through a gate that is good, to any stack that is. (kvm_pvm takes all gates for such ones of 32 or 64 bits.) */
static void delivery(struct any *a)
{
    struct x86 *c = a->c;
    static const u8 vectors[] = { EXC_UD, EXC_GP, EXC_DE };
    static const u8 types[] = { 0x8e, 0x8f };
    unsigned how = (unsigned)any(a, 3);
    if (how == 0) {
        byte(a, 0x0f);
        byte(a, 0x0b);
    } else if (how == 1) {
        byte(a, 0x8e); /* MOV FS with a selector that is beyond the table */
        byte(a, 0xe0);
        c->r[X86_AX] = 0xfff0;
    } else {
        byte(a, 0xf6); /* DIV CL */
        byte(a, 0xf1);
        c->r[X86_CX] = 0;
    }
    bool lm = c->efer & EFER_LMA;
    u64 at = W_IDT + (lm ? 16 : 8) * (u64)vectors[how];
    w_put(a->w, at + 5, 1, types[any(a, 2)] | any(a, 4) << 5);
    w_put(a->w, at + 4, 1, lm && one_in(a, 2));
    if (!lm && one_in(a, 4))
        w_put(a->w, at + 2, 2, c->cpl || one_in(a, 2) ? S_CODE0 : S_CODE16);
    c->idtr.limit = (u16)(one_in(a, 2) ? c->idtr.limit : (lm ? 16 : 8) * (vectors[how] + 1) - 1 + any(a, 4));
    u64 sp = W_STACK0 - any(a, 0x80);
    w_put(a->w, W_TSS + 4, 4, sp);
    if (c->cpl == 0)
        c->r[X86_SP] = sp;
    if (lm)
        w_put(a->w, W_TSS + 0x24, 8, W_IST - any(a, 0x80));
    c->rflags |= rng_next(&a->rng) & (X86_AC | X86_DF | X86_ID | X86_CF | (a->mode == W_L3 ? 0 : X86_IOPL | X86_NT));
}

/* A load, a store, both, a push or a jump, through page tables with random bits. */
static void paging(struct any *a)
{
    struct x86 *c = a->c;
    u64 v = rng_next(&a->rng);
    c->cr0 ^= one_in(a, 2) ? CR0_WP : 0;
    c->efer ^= one_in(a, 4) ? EFER_NXE : 0;
    c->rflags |= c->cpl ? 0 : v & X86_AC; /* user code has CR0.AM of the host */
    u64 page = W_DATA, pte = W_PT + 0x3000 + 8 * (W_DATA >> 12);
    for (unsigned k = 0; k < 2; k++) { /* its page, and the one behind it */
        u64 e = w_get(a->w, pte + 8 * k, 8) ^ (one_in(a, 3) ? 0 : (u64)1 << any(a, 9));
        e |= one_in(a, 5) ? BIT64(63) : 0;
        e |= one_in(a, 12) ? (u64)1 << (a->c->config.phys_bits + any(a, 63 - a->c->config.phys_bits)) : 0;
        e |= one_in(a, 8) ? (u64)any(a, 0x80) << 52 : 0;
        w_put(a->w, pte + 8 * k, 8, e);
    }
    if (c->cpl == 0 && one_in(a, 2)) { /* the code is the supervisor's */
        c->cr4 |= (one_in(a, 2) ? CR4_SMEP : 0) | (one_in(a, 2) ? CR4_SMAP : 0);
        for (unsigned k = 0; k < 256; k++)
            if (k != W_DATA >> 12 && k != (W_DATA >> 12) + 1)
                w_put(a->w, W_PT + 0x3000 + 8 * k, 8, k << 12 | 3);
    }
    if (one_in(a, 3)) { /* another 2 MiB (or 1 GiB, 512 GiB) with the same tables, with other bits on the way */
        unsigned level = (unsigned)any(a, 3);
        u64 e = w_get(a->w, W_PT + 0x1000 * level, 8);
        e ^= one_in(a, 3) ? 0 : (u64)1 << any(a, 7);
        e |= one_in(a, 5) ? BIT64(63) : 0;
        e |= one_in(a, 8) && level == 2 ? 0x80 : 0;
        w_put(a->w, W_PT + 0x1000 * level + 8, 8, e);
        page += (u64)1 << (39 - 9 * level);
    }
    static const u16 offsets[] = { 0, 0x10, 0xffe, 0xfff, 0xff8, 0xffc };
    c->r[X86_AX] = page + offsets[any(a, 6)];
    c->r[X86_BX] = v;
    w_put(a->w, W_DATA, 1, 0xf4);
    static const u8 ops[] = { 0x8b, 0x89, 0x01, 0x8a, 0x88, 0xff, 0x87 }; /* the last locks: user code meets the host's */
    u8 op = ops[any(a, sizeof ops - (a->mode == W_L3))];                  /* detection of locks across cache lines */
    if (a->wide && op != 0xff && one_in(a, 3))
        byte(a, 0x48);
    byte(a, op);
    byte(a, op == 0xff ? one_in(a, 2) ? 0xe0 : 0x30 : 0x18); /* JMP RAX, PUSH [RAX] */
}

/* Pushes, pops, calls and returns on a stack of any kind. */
static void stacks(struct any *a)
{
    static const u8 ops[][2] = { { 0x50 }, { 0x58 }, { 0x60 }, { 0x61 }, { 0xc9 }, { 0xc3 }, { 0x9c }, { 0xff, 0x30 }, { 0x8f, 0x00 }, { 0x1e } };
    static const u32 tops[] = { 0, 1, 2, 3, 4, 6, 0xff, 0x100, 0x101, 0x102, 0x104, 0x1000, 0x1002, 0x7004, 0x7006, 0xfffe, 0xffff, 0x10000 };
    struct x86 *c = a->c;
    u64 raw = any_desc(a) | (u64)0x90 << 40;
    if (!one_in(a, 8))
        raw = (raw & ~((u64)0x68 << 40)) | (u64)(0x02 | (c->cpl << 5)) << 40; /* one that SS takes */
    w_gdt(a->w, S_SMALL, raw);
    c->r[X86_AX] = S_SMALL | c->cpl;
    u64 least = raw >> 54 & 1 && a->mode != W_REAL ? 0x40 : 0; /* one of 32 bits does not wrap to where no memory is */
    c->r[X86_SP] = (tops[any(a, ARRAY_LEN(tops))] + least) | (one_in(a, 6) && a->mode != W_REAL && !least ? 0x550000 : 0);
    c->r[X86_BP] = tops[any(a, ARRAY_LEN(tops))] + least;
    byte(a, 0x8e); /* MOV SS, AX */
    byte(a, 0xd0);
    if (one_in(a, 4))
        byte(a, 0x66);
    if (one_in(a, 6)) {
        byte(a, 0xc8); /* ENTER; the emulator has no levels */
        bytes(a, any(a, 16), 2);
        byte(a, 0);
        return;
    }
    unsigned n = (unsigned)any(a, ARRAY_LEN(ops));
    byte(a, ops[n][0]);
    if (ops[n][1] || ops[n][0] == 0x8f)
        absolute(a, ops[n][1] >> 3 & 7, W_DATA);
    if (ops[n][0] == 0xc3)
        for (unsigned k = 0; k < 4096; k += 4)
            w_put(a->w, 0xd000 + k, 4, 0xf4f4f4f4);
}

/* String instructions across the limits of segments of any kind, with addresses that wrap. */
static void strings(struct any *a)
{
    static const u8 ops[] = { 0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0xa6, 0xa7, 0xae, 0xaf };
    static const u32 from[] = { 0, 0xf8, 0xfe, 0x100, 0xffe, 0x1000, 0x7000, 0x7002, 0xfff8, 0xfffc, 0xffff };
    static const u32 to[] = { 0x7000, 0x7002, 0x7ffe, 0x70fe, 0xfff8, 0xfffc, 0xffff }; /* not the tables of the processor */
    struct x86 *c = a->c;
    bool lm = c->efer & EFER_LMA, wrap = one_in(a, 4);
    for (unsigned k = 0; k < 2 && !a->wide && a->mode != W_REAL; k++) {
        w_gdt(a->w, S_SMALL, any_desc(a) | (u64)0x90 << 40);
        w_seg(a->w, k ? X86_ES : X86_DS, S_SMALL);
        if (one_in(a, 2))
            break;
    }
    c->r[X86_SI] = from[any(a, ARRAY_LEN(from))] | (a->word && !wrap ? 0x12340000 : 0);
    c->r[X86_DI] = to[any(a, lm ? 4 : ARRAY_LEN(to))];
    c->r[X86_CX] = any(a, 9);
    c->r[X86_AX] = one_in(a, 2) ? 0 : rng_next(&a->rng);
    c->rflags |= one_in(a, 3) ? X86_DF : 0;
    if (one_in(a, 2))
        byte(a, one_in(a, 2) ? 0xf2 : 0xf3);
    if (wrap)
        byte(a, 0x67);
    if (one_in(a, 4))
        byte(a, 0x66);
    byte(a, ops[any(a, sizeof ops)]);
}

/* Code breakpoints, single steps, RF, and the instruction behind MOV SS. */
static void traps(struct any *a)
{
    struct x86 *c = a->c;
    static const u8 ops[][3] = { { 1, 0x90 }, { 1, 0x40 }, { 2, 0x31, 0xc0 }, { 2, 0x89, 0xd8 }, { 1, 0x50 }, { 2, 0xeb, 0x00 }, { 2, 0x0f, 0x0b }, { 1, 0x9c } };
    c->r[X86_AX] = S_DATA0;
    for (unsigned k = 2 + (unsigned)any(a, 3); k > 0; k--) {
        const u8 *op = ops[any(a, ARRAY_LEN(ops))];
        for (unsigned n = 0; n < op[0]; n++)
            byte(a, op[1 + n]);
    }
    if (one_in(a, 2))
        c->rflags |= X86_TF;
    for (unsigned k = 0; k < 4; k++)
        if (one_in(a, 4)) {
            c->dr[k] = W_CODE + any(a, a->n + 1);
            c->dr[7] |= (1 + any(a, 3)) << 2 * k;
        }
    if (one_in(a, 4))
        c->rflags |= X86_RF;
}

/* Not here: virtual-8086 mode, which kvm_pvm takes for protected mode; and what loads selectors in user code of 64-bit mode,
 * which runs on the processor with the tables of the host, or meets breakpoints there, which are not set. */
#define M(mode) (1u << (mode))
#define PROTECTED (M(W_P0) | M(W_P3) | M(W_P16))
static const struct kind {
    const char *name;
    void (*make)(struct any *a);
    unsigned modes;
} kinds[] = {
    { "segments", segment_load, PROTECTED | M(W_L0) | M(W_C0) | M(W_REAL) | M(W_C3) },
    { "far transfers", far_transfer, PROTECTED | M(W_L0) | M(W_C0) | M(W_REAL) | M(W_C3) },
    { "tables", tables, PROTECTED | M(W_L0) | M(W_C0) | M(W_REAL) | M(W_L3) | M(W_C3) },
    { "registers", registers, PROTECTED | M(W_L0) | M(W_C0) | M(W_L3) | M(W_C3) | M(W_REAL) },
    { "flags and ports", flags_and_ports, PROTECTED | M(W_L0) | M(W_C0) | M(W_REAL) | M(W_L3) | M(W_C3) },
    { "delivery", delivery, PROTECTED | M(W_L0) | M(W_C0) | M(W_L3) | M(W_C3) },
    { "paging", paging, M(W_L0) | M(W_L3) },
    { "stacks", stacks, PROTECTED | M(W_C0) | M(W_REAL) | M(W_C3) },
    { "strings", strings, PROTECTED | M(W_L0) | M(W_C0) | M(W_REAL) | M(W_L3) | M(W_C3) },
    { "traps", traps, PROTECTED | M(W_L0) | M(W_C0) | M(W_C3) },
};
static const char *const modes[] = { "real mode", "CPL 0", "CPL 3", "virtual-8086 mode", "64-bit, CPL 0", "64-bit, CPL 3",
                                     "compatibility, CPL 0", "compatibility, CPL 3", "16-bit, CPL 0" };

#endif
