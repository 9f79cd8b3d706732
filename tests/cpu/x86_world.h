/* A small x86 computer with descriptor tables, an IDT whose handlers halt, a TSS and page tables, for tests that execute one
 * instruction in a given state; the same state can be given to KVM, which is the judge where /dev/kvm is. */
#ifndef TESTS_CPU_X86_WORLD_H
#define TESTS_CPU_X86_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cpu/x86/insn.h"
#include "cpu/x86/sys.h"
#include "tests/unit.h"

enum { /* where things are */
    W_RAM = 0x100000, W_GDT = 0x1000, W_LDT = 0x1800, W_IDT = 0x2000, W_TSS = 0x3000, W_TSS2 = 0x3400, W_TSS16 = 0x3800,
    W_HANDLERS = 0x4000, W_CODE = 0x6000, W_TARGET = 0x6800, W_DATA = 0x7000, W_STACK0 = 0x9000, W_STACK3 = 0xa000,
    W_STACK1 = 0xb000, W_IST = 0xc000, W_PT = 0x10000, /* page tables: 5 pages */
};
enum { /* selectors */
    S_CODE0 = 0x08, S_DATA0 = 0x10, S_CODE3 = 0x1b, S_DATA3 = 0x23, S_TSS = 0x28, S_LDT = 0x38, S_CONF0 = 0x48, S_CODE64 = 0x50,
    S_CODE64_3 = 0x5b, S_GATE = 0x60, S_ABSENT = 0x70, S_EXEC = 0x78, S_RO = 0x80, S_DOWN = 0x88, S_TSS2 = 0x90,
    S_TSS16 = 0xa0, S_CODE16 = 0xa8, S_DATA16 = 0xb0, S_TASK_GATE = 0xb8, S_CODE1 = 0xc0, S_DATA1 = 0xc8, S_CODE_ABSENT = 0xd0,
    S_SMALL = 0xd8, S_LD = 0xe0, S_CODE3_0 = 0x18, S_LAST = 0xe8, S_IN_LDT = 0x0c,
};

enum w_mode { W_REAL, W_P0, W_P3, W_V86, W_L0, W_L3, W_C0, W_C3, W_P16, W_MODES };

struct world {
    struct arena *a;
    struct clock clock;
    struct event_bus bus;
    struct space *mem, *io;
    struct ram *ram;
    struct x86 *c;
    unsigned shutdowns;
};

static inline void w_shutdown(void *opaque, struct x86 *c) { ((struct world *)opaque)->shutdowns++; }

static inline void w_put(struct world *w, u64 at, unsigned size, u64 v)
{
    store_le(w->ram->host + at, size, v);
    ram_written(w->ram, at, size);
}
static inline u64 w_get(const struct world *w, u64 at, unsigned size) { return load_le(w->ram->host + at, size); }

/* access: P, DPL, S, type (bits 47 to 40); flags: G D L AVL (bits 55 to 52) */
static inline u64 w_desc(u32 base, u32 limit, unsigned access, unsigned flags)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 | (u64)(limit >> 16 & 15) << 48 |
           (u64)flags << 52 | (u64)(base >> 24) << 56;
}
static inline u64 w_gate(u16 selector, u32 offset, unsigned access, unsigned params)
{
    return (offset & 0xffff) | (u64)selector << 16 | (u64)params << 32 | (u64)access << 40 | (u64)(offset >> 16) << 48;
}
static inline void w_gdt(struct world *w, u16 selector, u64 raw) { w_put(w, W_GDT + (selector & 0xfff8), 8, raw); }
static inline void w_seg(struct world *w, unsigned seg, u16 selector)
{
    u64 raw = w_get(w, W_GDT + (selector & 0xfff8), 8);
    x86_seg_of(w->c, selector, raw, &w->c->seg[seg]);
}

static inline void w_new(struct world *w, const char *model)
{
    memset(w, 0, sizeof *w);
    struct err e = { 0 };
    struct x86_config config;
    w->a = arena_new();
    clock_init(&w->clock, 1000000000);
    w->mem = space_new(w->a, "memory");
    w->io = space_new(w->a, "ports");
    w->ram = ram_new(w->a, "ram", W_RAM, false, &e);
    if (!w->ram || !space_add_ram(w->mem, 0, w->ram, &e) || !x86_config_parse(model, true, &config, &e))
        abort();
    struct x86_board board = { .io = w->io, .shutdown = w_shutdown, .shutdown_opaque = w, .seed = 1 };
    struct cpu *cpu = x86_new(w->a, &config, 0, w->mem, &w->clock, &w->bus, &board, &e);
    if (!cpu)
        abort();
    w->c = x86_of(cpu);
}

static inline void w_free(struct world *w)
{
    clock_fini(&w->clock);
    arena_free(w->a);
}

static inline void w_tables(struct world *w, bool lm)
{
    static const struct {
        u16 selector;
        u32 base, limit;
        u8 access, flags;
    } row[] = {
        { S_CODE0, 0, 0xfffff, 0x9b, 12 }, { S_DATA0, 0, 0xfffff, 0x93, 12 }, { S_CODE3, 0, 0xfffff, 0xfb, 12 },
        { S_DATA3, 0, 0xfffff, 0xf3, 12 }, { S_TSS, W_TSS, 0x3ff, 0x8b, 0 }, { S_LDT, W_LDT, 0x3f, 0x82, 0 },
        { S_CONF0, 0, 0xfffff, 0x9f, 12 }, { S_CODE64, 0, 0xfffff, 0x9b, 10 }, { S_CODE64_3, 0, 0xfffff, 0xfb, 10 },
        { S_ABSENT, 0, 0xfffff, 0x73, 12 }, { S_EXEC, 0, 0xfffff, 0x99, 12 }, { S_RO, 0, 0xfffff, 0x91, 12 },
        { S_DOWN, 0, 0x6fff, 0x97, 4 }, { S_TSS2, W_TSS2, 0x67, 0x89, 0 }, { S_TSS16, W_TSS16, 0x2b, 0x81, 0 },
        { S_CODE16, 0, 0xffff, 0x9b, 0 }, { S_DATA16, 0, 0xffff, 0x93, 0 }, { S_CODE1, 0, 0xfffff, 0xbb, 12 },
        { S_DATA1, 0, 0xfffff, 0xb3, 12 }, { S_CODE_ABSENT, 0, 0xfffff, 0x1b, 12 }, { S_SMALL, W_DATA, 0xff, 0x93, 4 },
        { S_LD, 0, 0xfffff, 0x9b, 14 },
    };
    for (unsigned n = 0; n < ARRAY_LEN(row); n++)
        w_gdt(w, row[n].selector, w_desc(row[n].base, row[n].limit, row[n].access, row[n].flags));
    w_gdt(w, S_TASK_GATE, w_gate(S_TSS2, 0, 0xe5, 0));
    w_put(w, W_LDT + 8, 8, w_desc(0, 0xfffff, 0x93, 12));
    for (unsigned v = 0; v < 256; v++) {
        w_put(w, W_HANDLERS + 16 * v, 1, 0xf4);
        u8 access = v == 0x80 || v == 3 || v == 4 ? 0xee : 0x8e;
        u64 g = w_gate(lm ? S_CODE64 : S_CODE0, W_HANDLERS + 16 * v, access, 0);
        if (lm) {
            w_put(w, W_IDT + 16 * v, 8, g);
            w_put(w, W_IDT + 16 * v + 8, 8, 0);
        } else {
            w_put(w, W_IDT + 8 * v, 8, g);
        }
    }
    w_gdt(w, S_GATE, w_gate(lm ? S_CODE64 : S_CODE0, W_TARGET, 0xec, 0));
    w_put(w, W_TARGET, 1, 0xf4);
    if (lm) {
        w_put(w, W_TSS + 4, 8, W_STACK0);
        w_put(w, W_TSS + 12, 8, W_STACK1);
        w_put(w, W_TSS + 0x24, 8, W_IST);
    } else {
        w_put(w, W_TSS + 4, 4, W_STACK0);
        w_put(w, W_TSS + 8, 4, S_DATA0);
        w_put(w, W_TSS + 12, 4, W_STACK1);
        w_put(w, W_TSS + 16, 4, S_DATA1 | 1);
    }
    w_put(w, W_TSS + 102, 2, 0x88); /* I/O bitmap from 0x88, redirection bitmap from 0x68 */
    memset(w->ram->host + W_TSS + 0x88, 0, 0x300);
    /* Another task: halts at W_TARGET. */
    w_put(w, W_TSS2 + 32, 4, W_TARGET);
    w_put(w, W_TSS2 + 36, 4, 2);
    w_put(w, W_TSS2 + 56, 4, W_STACK1);
    static const u16 segs[] = { S_DATA0, S_CODE0, S_DATA0, S_DATA0, S_DATA0, S_DATA0 };
    for (unsigned n = 0; n < 6; n++)
        w_put(w, W_TSS2 + 72 + 4 * n, 2, segs[n]);
    w_put(w, W_TSS2 + 102, 2, 0x68);
    w_put(w, W_TSS16 + 14, 2, W_TARGET);
    w_put(w, W_TSS16 + 16, 2, 2);
    w_put(w, W_TSS16 + 26, 2, W_STACK1);
    for (unsigned n = 0; n < 4; n++)
        w_put(w, W_TSS16 + 34 + 2 * n, 2, segs[n]);
}

/* Page tables at W_PT that map 2 MiB to itself with 4 KiB pages: PML4 (or PDPTE table), PDPT, PD, PT. */
static inline void w_pages(struct world *w, bool lm, bool pae)
{
    unsigned bytes = pae ? 8 : 4;
    for (unsigned n = 0; n < 256; n++)
        w_put(w, W_PT + 0x3000 + bytes * n, bytes, n << 12 | 7);
    w_put(w, W_PT + 0x2000, bytes, W_PT + 0x3000 + 7);
    w_put(w, W_PT + 0x1000, 8, W_PT + 0x2000 + (lm ? 7 : 1));
    if (lm)
        w_put(w, W_PT, 8, W_PT + 0x1000 + 7);
    w->c->cr3 = lm ? W_PT : pae ? W_PT + 0x1000 : W_PT + 0x2000;
    if (pae && !lm)
        w->c->pdpte[0] = W_PT + 0x2000 + 1;
}

/* The computer in a mode, about to execute at W_CODE. */
static inline void w_mode(struct world *w, enum w_mode mode)
{
    struct x86 *c = w->c;
    memset(w->ram->host, 0, W_RAM);
    ram_written(w->ram, 0, W_RAM);
    w->shutdowns = 0;
    w->clock.attention = false;
    x86_reset_state(c);
    bool lm = mode >= W_L0 && mode <= W_C3;
    w_tables(w, lm);
    c->gdtr = (struct x86_table){ W_GDT, S_LAST - 1 };
    c->idtr = (struct x86_table){ W_IDT, 0xfff };
    c->cr0 = CR0_ET | CR0_NE | (mode == W_REAL ? 0 : CR0_PE);
    w_seg(w, X86_TR, S_TSS);
    w_seg(w, X86_LDTR, S_LDT);
    c->rflags = 2;
    if (lm) {
        c->cr4 = CR4_PAE;
        c->efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
        w_pages(w, true, true);
        c->cr0 |= CR0_PG | CR0_WP;
    }
    unsigned code = S_CODE0, data = S_DATA0, sp = W_STACK0 - 0x200;
    switch (mode) {
    case W_P3: case W_C3: code = S_CODE3; data = S_DATA3; break;
    case W_L0: code = S_CODE64; break;
    case W_L3: code = S_CODE64_3; data = S_DATA3; break;
    case W_P16: code = S_CODE16; data = S_DATA16; break;
    default: break;
    }
    c->cpl = (u8)(code & 3);
    if (c->cpl == 3)
        sp = W_STACK3;
    w_seg(w, X86_CS, (u16)code);
    static const u8 segs[] = { X86_SS, X86_DS, X86_ES, X86_FS, X86_GS };
    for (unsigned n = 0; n < 5; n++)
        w_seg(w, segs[n], (u16)data);
    c->rip = W_CODE;
    if (mode == W_REAL || mode == W_V86) {
        if (mode == W_V86) {
            c->rflags |= X86_VM;
            c->cpl = 3;
        } else {
            c->idtr = (struct x86_table){ 0, 0x3ff };
            for (unsigned v = 0; v < 256; v++)
                w_put(w, 4 * v, 4, W_HANDLERS / 16 << 16 | 16 * v);
        }
        for (unsigned n = 0; n < 6; n++) {
            c->seg[n].limit = 0xffff;
            c->seg[n].g = c->seg[n].db = false;
            x86_set_seg_real(c, n, 0);
        }
        x86_set_seg_real(c, X86_CS, W_CODE / 16);
        c->rip = 0;
        sp = W_STACK3 - 0x100;
    }
    c->r[X86_SP] = sp;
    c->next_rip = c->rip;
    x86_set_flags(c, c->rflags);
    x86_mode_changed(c);
    x86_flush_translations(c);
}

/* Instructions at W_CODE, with a HLT behind them. */
static inline void w_code(struct world *w, const void *code, unsigned n)
{
    memcpy(w->ram->host + W_CODE, code, n);
    w->ram->host[W_CODE + n] = 0xf4;
    ram_written(w->ram, W_CODE, n + 1);
}

/* Until it halts (and no trap is due behind the HLT), or is stuck; at most 1000 instructions. The state may have been changed from outside. */
static inline void w_run(struct world *w)
{
    struct x86 *c = w->c;
    x86_set_flags(c, c->rflags);
    x86_mode_changed(c);
    x86_flush_translations(c);
    for (unsigned n = 0; n < 100 && (c->activity == X86_RUNNING || (c->activity == X86_HALTED && c->db_pending)); n++) {
        w->clock.attention = false;
        c->cpu.ops->run(&c->cpu, 10);
    }
}

/* The vector whose handler halted; -1: another place; -2: shut down; -3: it still runs. */
static inline int w_vector(const struct world *w)
{
    const struct x86 *c = w->c;
    if (c->activity == X86_SHUTDOWN)
        return -2;
    if (c->activity != X86_HALTED)
        return -3;
    u64 at = c->seg[X86_CS].base + c->rip - 1;
    if (at < W_HANDLERS || at >= W_HANDLERS + 256 * 16 || (at & 15))
        return -1;
    return (int)(at - W_HANDLERS) / 16;
}

#endif
