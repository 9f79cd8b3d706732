/* The shots on our processor: long mode, user privilege, the host's addresses. Exceptions go through an IDT whose gates
 * lead to one address each, so that the frame says what happened. */
#include "cpu/x86/decode.h"
#include "tests/isa/x86_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYS_AT = 0x30000000, GDT = 0, TSS = 0x400, LDT = 0x600, IDT = 0x1000, STACK = 0x4000, HANDLERS = 0x5000, SYS_BYTES = 0x7000 };
enum { PHYS_CODE = 0x10000, PHYS_DATA = 0x20000, PHYS_SYS = 0x30000, PHYS_BYTES = 0x100000 };

struct guest {
    struct arena *a;
    struct clock clock;
    struct space *s, *io;
    struct ram *ram;
    struct cpu *cpu;
    struct x86 *c;
    struct x86_decoder *decoder;
    u8 pattern[DATA_BYTES], before[DATA_BYTES];
};

static void entry(struct guest *g, u64 pa, u64 value) { space_poke(g->s, pa, &value, 8); }

static void map(struct guest *g, u64 va, u64 pa, u64 bytes, u64 table, u64 flags)
{
    entry(g, 0x3000 + (va >> 21 & 511) * 8, table | 7);
    for (u64 at = 0; at < bytes; at += 0x1000)
        entry(g, table + ((va + at) >> 12 & 511) * 8, (pa + at) | flags);
}

static void build(struct guest *g)
{
    entry(g, 0x1000, 0x2000 | 7);
    entry(g, 0x2000, 0x3000 | 7);
    map(g, CODE_AT, PHYS_CODE, CODE_BYTES, 0x4000, 0x67);
    map(g, DATA_AT, PHYS_DATA, DATA_BYTES, 0x5000, 0x67 | (u64)1 << 63);
    map(g, SYS_AT, PHYS_SYS, SYS_BYTES, 0x6000, 0x63);
    const u64 gdt[] = { 0, 0x00cf9b000000ffff, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff,
                        0x00affb000000ffff, 0, /* 0x40: the TSS */ 0x67 | (u64)((SYS_AT + TSS) & 0xffffff) << 16 |
                        (u64)0x8b << 40 | (u64)((SYS_AT + TSS) >> 24) << 56, 0, 0, 0, 0, 0, 0, 0x0040f50000000000 /* Linux: number of the CPU */ };
    for (size_t k = 0; k < ARRAY_LEN(gdt); k++)
        entry(g, PHYS_SYS + GDT + 8 * k, gdt[k]);
    for (unsigned k = 0; k < L_ENTRIES; k++)
        entry(g, PHYS_SYS + LDT + 8 * k, user_descriptor(&user_ldt[k]));
    u64 rsp0 = SYS_AT + HANDLERS;
    space_poke(g->s, PHYS_SYS + TSS + 4, &rsp0, 8);
    u16 iomap = 0x68;
    space_poke(g->s, PHYS_SYS + TSS + 0x66, &iomap, 2);
    for (unsigned v = 0; v < 256; v++) {
        u64 h = SYS_AT + HANDLERS + v * 16;
        entry(g, PHYS_SYS + IDT + v * 16, (h & 0xffff) | 0x10 << 16 | (u64)(v == 3 || v == 4 ? 0xee : 0x8e) << 40 | (h >> 16) << 48);
        entry(g, PHYS_SYS + IDT + v * 16 + 8, h >> 32);
    }
    u8 hlt[CODE_BYTES];
    memset(hlt, 0xf4, sizeof hlt);
    space_poke(g->s, PHYS_CODE, hlt, sizeof hlt);
    space_poke(g->s, PHYS_SYS + HANDLERS, hlt, sizeof hlt);
}

static struct x86_seg segment(const struct guest *g, u16 selector)
{
    if (selector < 4)
        return (struct x86_seg){ .selector = selector };
    u64 d = load_le(g->ram->host + PHYS_SYS + (selector & 4 ? LDT : GDT) + (selector & 0xfff8), 8);
    bool pages = d >> 55 & 1;
    u32 limit = (u32)((d & 0xffff) | (d >> 32 & 0xf0000));
    return (struct x86_seg){ .selector = selector, .valid = true, .type = d >> 40 & 15, .s = d >> 44 & 1, .dpl = d >> 45 & 3,
                             .present = d >> 47 & 1, .avl = d >> 52 & 1, .l = d >> 53 & 1, .db = d >> 54 & 1, .g = pages,
                             .limit = pages ? limit << 12 | 0xfff : limit,
                             .base = (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000) };
}

struct guest *guest_new(const char *model)
{
    struct err e = { "" };
    struct guest *g = xcalloc(1, sizeof *g);
    struct x86_config config;
    g->a = arena_new();
    clock_init(&g->clock, 1000000000);
    g->s = space_new(g->a, "memory");
    g->io = space_new(g->a, "io");
    g->ram = ram_new(g->a, "ram", PHYS_BYTES, false, &e);
    struct x86_board board = { .io = g->io };
    if (!g->ram || !space_add_ram(g->s, 0, g->ram, &e) || !x86_config_parse(model, true, &config, &e) ||
        !(g->cpu = x86_new(g->a, &config, 0, g->s, &g->clock, NULL, &board, &e))) {
        fprintf(stderr, "guest: %s\n", e.text);
        exit(99);
    }
    g->c = x86_of(g->cpu);
    g->decoder = x86_decoder_new(g->a, &config);
    user_pattern(g->pattern);
    build(g);
    return g;
}

void guest_free(struct guest *g)
{
    clock_fini(&g->clock);
    arena_free(g->a);
    free(g);
}

const struct x86_decoder *guest_decoder(const struct guest *g) { return g->decoder; }
struct x86 *guest_cpu(const struct guest *g) { return g->c; }

static void load(struct guest *g, const struct user_state *in)
{
    struct x86 *c = g->c;
    c->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    c->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    c->cr3 = 0x1000;
    c->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_FSGSBASE | CR4_UMIP;
    c->xcr0 = 7;
    c->a20 = true;
    c->gdtr = (struct x86_table){ SYS_AT + GDT, 0x7f };
    c->idtr = (struct x86_table){ SYS_AT + IDT, 0xfff };
    for (unsigned k = 0; k < 6; k++)
        c->seg[k] = segment(g, in->seg[k]);
    if (c->seg[X86_CS].l) {
        c->seg[X86_FS].base = in->fs_base;
        c->seg[X86_GS].base = in->gs_base;
    }
    c->seg[X86_LDTR] = (struct x86_seg){ .selector = 0x50, .valid = true, .type = 2, .present = true, .limit = L_ENTRIES * 8 - 1,
                                         .base = SYS_AT + LDT };
    c->seg[X86_TR] = (struct x86_seg){ .selector = 0x40, .valid = true, .type = 11, .present = true, .limit = 0x67,
                                       .base = SYS_AT + TSS };
    c->cpl = 3;
    c->activity = X86_RUNNING;
    c->shadow = 0;
    memcpy(c->r, in->r, sizeof in->r);
    c->rip = in->rip;
    x86_set_flags(c, in->rflags);
    c->fpu = in->fpu;
    c->mxcsr = in->mxcsr;
    memcpy(c->v, in->v, sizeof c->v);
    x86_mode_changed(c);
}

static u64 frame(const struct guest *g, u64 rsp, unsigned nth)
{
    u64 pa = rsp - SYS_AT + PHYS_SYS + 8 * nth;
    return pa + 8 <= PHYS_BYTES ? load_le(g->ram->host + pa, 8) : 0;
}

void guest_run(struct guest *g, struct user_shot *s)
{
    struct x86 *c = g->c;
    u8 *data = g->ram->host + PHYS_DATA;
    memcpy(g->before, g->pattern, DATA_BYTES);
    memcpy(g->before + s->patch_at, s->patch, PATCH_BYTES);
    memcpy(data, g->before, DATA_BYTES);
    u64 at = s->in.rip + user_segment_base(s->in.seg[X86_CS]) - CODE_AT;
    if (at < CODE_BYTES)
        space_poke(g->s, PHYS_CODE + at, s->bytes, CODE_BYTES - at < 15 ? CODE_BYTES - at : 15);
    load(g, &s->in);
    s->vector = EXC_DB;
    s->error = 0;
    s->cr2 = 0;
    g->cpu->ops->run(g->cpu, 1);
    if (c->wait_left)
        g->cpu->ops->run(g->cpu, c->wait_left);
    struct user_state *o = &s->out;
    memcpy(o->r, c->r, sizeof o->r);
    o->rip = c->rip;
    o->rflags = x86_flags(c);
    for (unsigned k = 0; k < 6; k++)
        o->seg[k] = c->seg[k].selector;
    if (c->activity == X86_SHUTDOWN) {
        s->vector = 254;
    } else if (c->cpl == 0) {
        u64 rsp = c->r[X86_SP];
        s->vector = (u8)((c->rip - SYS_AT - HANDLERS) / 16);
        /* INT n raises no error code; vectors with one come from exceptions only, as the other gates are the kernel's. */
        bool has_error = s->vector == EXC_DF || (s->vector >= EXC_TS && s->vector <= EXC_PF) || s->vector == EXC_AC;
        if (has_error) {
            s->error = (u32)frame(g, rsp, 0);
            rsp += 8;
        }
        o->rip = frame(g, rsp, 0);
        o->rflags = frame(g, rsp, 2);
        o->r[X86_SP] = frame(g, rsp, 3);
        o->seg[X86_CS] = (u16)frame(g, rsp, 1);
        o->seg[X86_SS] = (u16)frame(g, rsp, 4);
        if (s->vector == EXC_PF)
            s->cr2 = c->cr2;
    }
    o->fs_base = c->seg[X86_FS].base;
    o->gs_base = c->seg[X86_GS].base;
    o->fpu = c->fpu;
    o->mxcsr = c->mxcsr;
    memcpy(o->v, c->v, sizeof o->v);
    user_shot_changes(s, g->before, data);
    static const u8 hlt[15] = { 0xf4, 0xf4, 0xf4, 0xf4, 0xf4, 0xf4, 0xf4, 0xf4, 0xf4, 0xf4, 0xf4, 0xf4, 0xf4, 0xf4, 0xf4 };
    if (at < CODE_BYTES)
        space_poke(g->s, PHYS_CODE + at, hlt, CODE_BYTES - at < 15 ? CODE_BYTES - at : 15);
    s->done = true;
}
