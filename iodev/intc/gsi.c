#include "iodev/intc/gsi.h"

#define SOURCES 4
#define LINES 24

struct gsi {
    u32 level[SOURCES]; /* a bit each interrupt */
};

static const struct state_field state[] = { STATE_ARRAY(struct gsi, level), STATE_END };

static u32 levels(const struct device *d)
{
    const struct gsi *g = d->state;
    u32 all = 0;
    for (unsigned k = 0; k < SOURCES; k++)
        all |= g->level[k];
    return all;
}

static void irq_in(struct device *d, u32 line, bool level)
{
    struct gsi *g = d->state;
    u32 n = line % 32, source = line / 32, before = levels(d);
    if (n >= LINES || source >= SOURCES)
        return;
    g->level[source] = (g->level[source] & ~(1u << n)) | (u32)level << n;
    if (before == levels(d))
        return;
    bool now = levels(d) >> n & 1;
    if (n < 16 && n != 2)
        device_irq(d, n, now);
    if (n != 2)
        device_irq(d, GSI_IOAPIC + (n ? n : 2), now);
}

static u64 levels_get(const struct device *d, u32 index)
{
    return levels(d);
}

static const struct reg_desc regs[] = {
    { .name = "levels", .offset = 0, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT, .get = levels_get,
      .doc = "the interrupts that are asserted, a bit each" },
    { .name = "source", .offset = 4, .width = 4, .access = REG_RO, .count = SOURCES, .slot = REG_SLOT(struct gsi, level),
      .doc = "those that one source asserts" },
    { .name = NULL },
};

/* Not mapped: for those who look. */
static const struct reg_bank bank = { .name = "gsi", .size = 20, .min_access = 4, .max_access = 4, .regs = regs };

const struct device_class gsi_class = {
    .name = "gsi",
    .doc = "where the interrupts of a PC meet",
    .state_size = sizeof(struct gsi),
    .state = state,
    .banks = { &bank },
    .irq_in = irq_in,
};
