/* Interrupt lines of a PC; see gsi.h. */
#include "iodev/intc/gsi.h"

#include <string.h>

struct gsi {
    u32 in[GSI_SOURCES]; /* levels */
    u64 out;
    u8 legacy;
};

#define SOURCE0_TIMERS (1u << 0 | 1u << 8)
#define NO_PIC (1u << 2)

static void update(struct device *d)
{
    struct gsi *g = d->state;
    u32 level = g->legacy ? g->in[0] & ~SOURCE0_TIMERS : g->in[0];
    for (unsigned s = 1; s < GSI_SOURCES; s++)
        level |= g->in[s];
    u64 pic = level & 0xffff & ~NO_PIC;
    u64 apic = (level & ~1u) | (level & 1) << 2;
    u64 out = pic | apic << GSI_OUT_IOAPIC, changed = out ^ g->out;
    g->out = out;
    for (unsigned k = 0; changed; k++, changed >>= 1)
        if (changed & 1)
            device_irq(d, k, out >> k & 1);
}

static void irq_in(struct device *d, u32 line, bool level)
{
    struct gsi *g = d->state;
    if (line == GSI_LEGACY)
        g->legacy = level;
    else if (line < GSI_LEGACY && line % 32 < GSI_LINES)
        g->in[line / 32] = (u32)bits_set(g->in[line / 32], line % 32, 1, level);
    else
        return;
    update(d);
}

static u64 in_get(const struct device *d, u32 index) { return ((const struct gsi *)d->state)->in[index]; }
static u64 out_get(const struct device *d, u32 index) { return ((const struct gsi *)d->state)->out; }

/* No guest sees these; a person does. */
static const struct reg_desc regs[] = {
    { .name = "IN", .offset = 0, .width = 4, .count = GSI_SOURCES, .access = REG_RO, .slot = REG_NO_SLOT, .get = in_get,
      .doc = "levels of each source's lines", .section = "gsi.h" },
    { .name = "OUT", .offset = 0x20, .width = 8, .access = REG_RO, .slot = REG_NO_SLOT, .get = out_get,
      .doc = "levels to the 8259s (bits 0 to 15) and the I/O APIC (bits 16 to 39)", .section = "gsi.h" },
    { .name = NULL },
};

static const struct state_field state[] = {
    STATE_ARRAY(struct gsi, in), STATE(struct gsi, out), STATE(struct gsi, legacy), STATE_END,
};
static const struct reg_bank bank = { .name = "lines", .size = 0x28, .min_access = 4, .max_access = 8, .regs = regs };

/* Levels are what others drive: a reset of theirs changes them. */
const struct device_class gsi_class = {
    .name = "gsi",
    .doc = "interrupt lines: what or-s them and leads them to the 8259s and the I/O APIC",
    .state_size = sizeof(struct gsi),
    .state = state,
    .banks = { &bank },
    .irq_in = irq_in,
};
