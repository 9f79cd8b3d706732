/* Platform-level interrupt controller, as sifive,plic-1.0.0. "RISC-V Platform-Level Interrupt Controller
 * Specification", version 1.0.0; sections are of it. Two contexts per hart: M, then S.
 *
 * Every source is level-triggered. Its gateway forwards one request at a time: a high level makes it pending; after the
 * claim nothing more is forwarded until the completion, which looks at the level again (section 3.1). */
#include "iodev/intc/riscv-plic.h"

#include <string.h>

#define CONTEXTS 16
#define WORDS (PLIC_SOURCES / 32 + 1)
#define PRIORITY_BITS 7

struct plic {
    u32 priority[PLIC_SOURCES + 1];
    u32 pending[WORDS];
    u32 level[WORDS];           /* of the input wires */
    u32 busy[WORDS];            /* claimed and not completed */
    u32 enable[WORDS * CONTEXTS]; /* [word * CONTEXTS + context] */
    u32 threshold[CONTEXTS];
    u8 eip[CONTEXTS];           /* the outputs */
};

static const struct state_field state[] = {
    STATE_ARRAY(struct plic, priority), STATE_ARRAY(struct plic, pending),   STATE_ARRAY(struct plic, level),
    STATE_ARRAY(struct plic, busy),     STATE_ARRAY(struct plic, enable),    STATE_ARRAY(struct plic, threshold),
    STATE_ARRAY(struct plic, eip),      STATE_END,
};

struct plic_link {
    u32 contexts;
};

static struct plic *plic(const struct device *d)
{
    return d->state;
}

static u32 contexts(const struct device *d)
{
    return ((const struct plic_link *)d->link)->contexts;
}

static bool bit(const u32 *words, u32 n)
{
    return words[n / 32] >> (n % 32) & 1;
}

static void set_bit(u32 *words, u32 n, bool v)
{
    words[n / 32] = (words[n / 32] & ~((u32)1 << (n % 32))) | (u32)v << (n % 32);
}

/* The enabled pending source of the highest priority, the lowest number among equals; 0: none. Priority 0 never
 * interrupts. The threshold does not matter to a claim (section 9). */
static u32 best(const struct plic *p, u32 ctx)
{
    u32 found = 0, top = 0;
    for (u32 w = 0; w < WORDS; w++)
        for (u32 m = p->pending[w] & p->enable[w * CONTEXTS + ctx]; m; m &= m - 1) {
            u32 n = w * 32 + (u32)__builtin_ctz(m);
            if (n <= PLIC_SOURCES && p->priority[n] > top) {
                top = p->priority[n];
                found = n;
            }
        }
    return found;
}

static void update(struct device *d)
{
    struct plic *p = plic(d);
    for (u32 c = 0; c < contexts(d); c++) {
        bool level = p->priority[best(p, c)] > p->threshold[c]; /* priority[0] is 0 */
        if (level != p->eip[c]) {
            p->eip[c] = level;
            device_irq(d, c, level);
        }
    }
}

static void irq_in(struct device *d, u32 line, bool level)
{
    struct plic *p = plic(d);
    if (!line || line > PLIC_SOURCES)
        return;
    set_bit(p->level, line, level);
    if (level && !bit(p->busy, line)) {
        set_bit(p->pending, line, true); /* stays even if the level falls before the claim */
        update(d);
    }
}

/* --- registers --------------------------------------------------------------------------------------------- */

static void priority_write(struct device *d, u32 index, u64 value, u64 old)
{
    plic(d)->priority[0] = 0;
    update(d);
}

/* Contexts of harts this machine does not have read as zero. */
static void enable_write(struct device *d, u32 index, u64 value, u64 old)
{
    for (u32 w = 0; w < WORDS && index >= contexts(d); w++)
        plic(d)->enable[w * CONTEXTS + index] = 0;
    update(d);
}

static void threshold_write(struct device *d, u32 index, u64 value, u64 old)
{
    if (index >= contexts(d))
        plic(d)->threshold[index] = 0;
    update(d);
}

static u64 claim_get(const struct device *d, u32 index)
{
    return index < contexts(d) ? best(plic(d), index) : 0;
}

static u64 claim_read(struct device *d, u32 index)
{
    struct plic *p = plic(d);
    u32 n = (u32)claim_get(d, index);
    if (n) {
        set_bit(p->pending, n, false);
        set_bit(p->busy, n, true);
        update(d);
    }
    return n;
}

static void complete_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct plic *p = plic(d);
    u32 n = value > PLIC_SOURCES ? 0 : (u32)value;
    /* A source that is not enabled for this context is silently ignored (section 10). */
    if (!n || index >= contexts(d) || !(p->enable[n / 32 * CONTEXTS + index] >> (n % 32) & 1) || !bit(p->busy, n))
        return;
    set_bit(p->busy, n, false);
    if (bit(p->level, n))
        set_bit(p->pending, n, true);
    update(d);
}

#define ENABLE(w, mask, first, last)                                                                                 \
    { .name = "enable" #w, .offset = 0x2000 + 4 * w, .width = 4, .count = CONTEXTS, .stride = 0x80, .rw = mask,      \
      .slot = REG_SLOT(struct plic, enable) + 4 * w * CONTEXTS, .write = enable_write,                               \
      .doc = "sources " #first ".." #last " enabled, by context (2 * hart: M, 2 * hart + 1: S)", .section = "7" }

static const struct reg_desc regs[] = {
    { .name = "priority", .offset = 0, .width = 4, .count = PLIC_SOURCES + 1, .rw = PRIORITY_BITS,
      .slot = REG_SLOT(struct plic, priority), .write = priority_write,
      .doc = "priority by source, 0 (never) to 7; element 0 is reserved", .section = "5" },
    { .name = "pending", .offset = 0x1000, .width = 4, .access = REG_RO, .count = WORDS,
      .slot = REG_SLOT(struct plic, pending), .doc = "requests the gateways forwarded, bit 0 of word 0 is reserved",
      .section = "6" },
    ENABLE(0, 0xfffffffe, 1, 31),
    ENABLE(1, 0xffffffff, 32, 63),
    ENABLE(2, 0xffffffff, 64, 95),
    ENABLE(3, 0x00000001, 96, 96),
    { .name = "threshold", .offset = 0x200000, .width = 4, .count = CONTEXTS, .stride = 0x1000, .rw = PRIORITY_BITS,
      .slot = REG_SLOT(struct plic, threshold), .write = threshold_write,
      .doc = "by context: only priorities above it interrupt", .section = "8" },
    { .name = "claim", .offset = 0x200004, .width = 4, .count = CONTEXTS, .stride = 0x1000, .slot = REG_NO_SLOT,
      .get = claim_get, .read = claim_read, .write = complete_write,
      .doc = "by context: a read claims the best pending source, a write of its number completes it", .section = "9" },
    { .name = NULL },
};

static bool build(struct device *d, struct err *e)
{
    u64 harts = device_prop_u64(d, "harts");
    if (!harts || harts > CONTEXTS / 2)
        return err_set(e, "%s: harts=%llu is not 1 to %d", d->path, (unsigned long long)harts, CONTEXTS / 2);
    ((struct plic_link *)d->link)->contexts = 2 * (u32)harts;
    return true;
}

static void reset(struct device *d)
{
    memset(d->state, 0, sizeof(struct plic));
    for (u32 c = 0; c < contexts(d); c++)
        device_irq(d, c, false);
}

/* A snapshot is not trusted: keep what no register could have held from having an effect. */
static void loaded(struct device *d)
{
    struct plic *p = plic(d);
    p->priority[0] = 0;
    for (u32 n = 1; n <= PLIC_SOURCES; n++)
        p->priority[n] &= PRIORITY_BITS;
    p->pending[0] &= ~(u32)1;
}

static const struct reg_bank bank = { "plic", 0x600000, 4, 4, false, regs, NULL, NULL, false };

static const struct prop_desc props[] = {
    { "harts", PROP_U64, "1", "how many harts it serves, 1 to 8" },
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class riscv_plic_class = {
    .name = "riscv-plic",
    .doc = "platform-level interrupt controller, 96 sources, an M and an S context per hart",
    .compatible = "sifive,plic-1.0.0",
    .state_size = sizeof(struct plic),
    .state = state,
    .link_size = sizeof(struct plic_link),
    .props = props,
    .banks = { &bank },
    .build = build,
    .reset = reset,
    .loaded = loaded,
    .irq_in = irq_in,
};
