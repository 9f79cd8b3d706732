/* High precision event timers; see hpet.h. Sections are of the HPET specification 1.0a. */
#include "iodev/timer/hpet.h"

#include <string.h>

#define HPET_HZ 100000000u
#define PERIOD_FS 10000000u /* of the counter: 10 ns */
#define ROUTES 0x00ff0104u  /* lines 2, 8, and 16 to 23, which no ISA device has */

struct hpet {
    u64 conf, status, counter; /* the counter while halted; else what to add to the time */
    u64 tconf[HPET_TIMERS], cmp[HPET_TIMERS], period[HPET_TIMERS];
    u32 lines; /* levels of the outputs */
    u8 legacy; /* level of that output */
};

struct comparator {
    struct device *d;
    unsigned n;
    struct timer timer;
};

struct hpet_link {
    struct domain ticks;
    struct comparator cmp[HPET_TIMERS];
};

enum { CONF_ENABLE = 1 << 0, CONF_LEGACY = 1 << 1 };
enum {
    T_LEVEL = 1 << 1,
    T_ENABLE = 1 << 2,
    T_PERIODIC = 1 << 3,
    T_PERIODIC_CAP = 1 << 4,
    T_64_CAP = 1 << 5,
    T_SET = 1 << 6,
    T_32 = 1 << 8,
    T_ROUTE_SHIFT = 9,
    T_WRITABLE = T_LEVEL | T_ENABLE | T_PERIODIC | T_SET | T_32 | 31 << T_ROUTE_SHIFT,
};

static struct hpet *hpet(const struct device *d)
{
    return d->state;
}

static struct hpet_link *link_of(const struct device *d)
{
    return d->link;
}

static u64 time_ticks(const struct device *d)
{
    return domain_ticks(link_of(d)->ticks, d->env->clock->now);
}

static u64 counter(const struct device *d)
{
    const struct hpet *h = hpet(d);
    return h->conf & CONF_ENABLE ? h->counter + time_ticks(d) : h->counter;
}

/* --- interrupts (2.3.4, 2.3.5, 2.3.8) ---------------------------------------------------------------------- */

static unsigned line_of(const struct hpet *h, unsigned n)
{
    if (h->conf & CONF_LEGACY && n < 2)
        return n ? 8 : 0;
    return h->tconf[n] >> T_ROUTE_SHIFT & 31;
}

static void update_lines(struct device *d)
{
    struct hpet *h = hpet(d);
    u32 lines = 0;
    bool legacy = h->conf & CONF_LEGACY;
    for (unsigned n = 0; n < HPET_TIMERS; n++)
        if (h->conf & CONF_ENABLE && h->tconf[n] & T_ENABLE && h->tconf[n] & T_LEVEL && h->status >> n & 1)
            lines |= 1u << line_of(h, n);
    u32 changed = lines ^ h->lines;
    h->lines = lines;
    if (legacy != h->legacy) {
        h->legacy = legacy;
        device_irq(d, HPET_OUT_LEGACY, legacy);
    }
    for (unsigned k = 0; k < HPET_LINES; k++)
        if (changed >> k & 1)
            device_irq(d, k, lines >> k & 1);
}

static void interrupt(struct device *d, unsigned n)
{
    struct hpet *h = hpet(d);
    if (h->tconf[n] & T_LEVEL) {
        h->status |= (u64)1 << n; /* also while the interrupt is off */
        update_lines(d);
    } else if (h->tconf[n] & T_ENABLE) {
        unsigned line = line_of(h, n);
        device_irq(d, line, true);
        device_irq(d, line, h->lines >> line & 1);
    }
}

/* --- comparators (2.3.9) ----------------------------------------------------------------------------------- */

static u64 width_mask(const struct hpet *h, unsigned n)
{
    return h->tconf[n] & T_32 ? UINT32_MAX : UINT64_MAX;
}

/* When the counter is next equal to the comparator; a value that has passed is reached round the counter's end.
 * `after`: not now, for it was just served. */
static void arm(struct device *d, unsigned n, bool after)
{
    struct hpet *h = hpet(d);
    struct timer *t = &link_of(d)->cmp[n].timer;
    u64 mask = width_mask(h, n), left = (h->cmp[n] - counter(d)) & mask, now = time_ticks(d);
    if (!left && after)
        left = mask == UINT64_MAX ? UINT64_MAX : mask + 1;
    u64 when = h->conf & CONF_ENABLE && now + left >= now ? domain_when(link_of(d)->ticks, now + left) : CLOCK_NEVER;
    if (when == CLOCK_NEVER)
        timer_cancel(d->env->clock, t);
    else
        timer_arm(d->env->clock, t, when);
}

static void matched(void *opaque, u64 now)
{
    const struct comparator *c = opaque;
    struct device *d = c->d;
    struct hpet *h = hpet(d);
    unsigned n = c->n;
    u64 mask = width_mask(h, n), period = h->period[n] & mask;
    if (h->tconf[n] & T_PERIODIC && period) /* (a machine's clock may be coarser than the counter) */
        h->cmp[n] = (h->cmp[n] + (((counter(d) - h->cmp[n]) & mask) / period + 1) * period) & mask;
    arm(d, n, true);
    interrupt(d, n);
}

static void arm_all(struct device *d)
{
    for (unsigned n = 0; n < HPET_TIMERS; n++)
        arm(d, n, false);
}

/* --- registers --------------------------------------------------------------------------------------------- */

static u64 capabilities_get(const struct device *d, u32 index)
{
    return (u64)PERIOD_FS << 32 | HPET_ID;
}

static void conf_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct hpet *h = hpet(d);
    if ((value ^ old) & CONF_ENABLE) {
        h->counter += value & CONF_ENABLE ? -time_ticks(d) : time_ticks(d);
        arm_all(d);
    }
    update_lines(d);
}

static void status_write(struct device *d, u32 index, u64 value, u64 old)
{
    update_lines(d);
}

static u64 counter_get(const struct device *d, u32 index)
{
    return counter(d);
}

/* Only while halted (2.3.7). */
static void counter_write(struct device *d, u32 index, u64 value, u64 old)
{
    if (!(hpet(d)->conf & CONF_ENABLE))
        hpet(d)->counter = value;
}

static u64 tconf_get(const struct device *d, u32 index)
{
    return hpet(d)->tconf[index] | (u64)ROUTES << 32 | T_PERIODIC_CAP | T_64_CAP;
}

/* A route that is not among the capabilities is not taken. */
static void tconf_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct hpet *h = hpet(d);
    u64 route = value >> T_ROUTE_SHIFT & 31;
    if (!(ROUTES >> route & 1))
        h->tconf[index] = bits_set(value, T_ROUTE_SHIFT, 5, old >> T_ROUTE_SHIFT) & T_WRITABLE;
    h->cmp[index] &= width_mask(h, index);
    if (!(value & T_LEVEL))
        h->status &= ~((u64)1 << index);
    if ((value ^ old) & (T_32 | T_PERIODIC))
        arm(d, index, true);
    update_lines(d);
}

/* In periodic mode what is written is the period; the comparator itself is set only after T_SET, once (2.3.9.2.2). */
static void cmp_store(struct device *d, u32 n, u64 value, u64 mask)
{
    struct hpet *h = hpet(d);
    bool periodic = h->tconf[n] & T_PERIODIC;
    if (periodic)
        h->period[n] = ((h->period[n] & ~mask) | (value & mask)) & width_mask(h, n);
    if (!periodic || h->tconf[n] & T_SET)
        h->cmp[n] = ((h->cmp[n] & ~mask) | (value & mask)) & width_mask(h, n);
    h->tconf[n] &= ~(u64)T_SET;
    arm(d, n, false);
}

static void cmp_write(struct device *d, u32 index, u64 value, u64 old)
{
    hpet(d)->cmp[index] = old;
    cmp_store(d, index, value, UINT64_MAX);
}

/* Half of a comparator: the other half is of two registers, so the row cannot tell what it is. */
static enum mem_result half_write(struct device *d, u64 offset, unsigned size, u64 value)
{
    u64 at = (offset - 0x108) & ~(u64)4, n = at / 0x20;
    if (size != 4 || offset < 0x108 || at % 0x20 || n >= HPET_TIMERS)
        return MEM_FAULT;
    unsigned shift = offset & 4 ? 32 : 0;
    cmp_store(d, (u32)n, value << shift, (u64)UINT32_MAX << shift);
    return MEM_OK;
}

static u64 fsb_get(const struct device *d, u32 index)
{
    return 0; /* there are no interrupts over the front side bus */
}

static const struct reg_field capabilities_fields[] = {
    { "REV", 0, 8, "revision" },
    { "TIMERS", 8, 5, "number of the last comparator" },
    { "SIZE", 13, 1, "the counter has 64 bits" },
    { "LEGACY", 15, 1, "legacy replacement is there" },
    { "VENDOR", 16, 16, "as on PCI" },
    { "PERIOD", 32, 32, "of the counter, femtoseconds" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field conf_fields[] = {
    { "ENABLE", 0, 1, "the counter runs" },
    { "LEGACY", 1, 1, "comparators 0 and 1 replace the 8254 and the RTC" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field status_fields[] = {
    { "T0", 0, 1, "comparator 0 asserts its line" },
    { "T1", 1, 1, "comparator 1" },
    { "T2", 2, 1, "comparator 2" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field tconf_fields[] = {
    { "LEVEL", 1, 1, "0 edge, 1 level" },
    { "ENABLE", 2, 1, "it interrupts" },
    { "PERIODIC", 3, 1, "it is periodic" },
    { "PERIODIC_CAP", 4, 1, "it can be periodic" },
    { "SIZE_CAP", 5, 1, "it has 64 bits" },
    { "SET", 6, 1, "the next write sets a periodic comparator" },
    { "MODE32", 8, 1, "only 32 bits are compared" },
    { "ROUTE", 9, 5, "its interrupt line" },
    { "FSB", 14, 1, "interrupts over the front side bus" },
    { "FSB_CAP", 15, 1, "can do that" },
    { "ROUTES", 32, 32, "lines it can have" },
    { NULL, 0, 0, NULL },
};

#define SLOT(m) REG_SLOT(struct hpet, m)
static const struct reg_desc regs[] = {
    { .name = "GCAP_ID", .offset = 0, .width = 8, .access = REG_RO, .slot = REG_NO_SLOT, .get = capabilities_get,
      .fields = capabilities_fields, .doc = "capabilities", .section = "2.3.4" },
    { .name = "GEN_CONF", .offset = 0x10, .width = 8, .rw = 3, .slot = SLOT(conf), .write = conf_write,
      .fields = conf_fields, .doc = "configuration", .section = "2.3.5" },
    { .name = "GINTR_STA", .offset = 0x20, .width = 8, .w1c = 7, .slot = SLOT(status), .write = status_write,
      .fields = status_fields, .doc = "level interrupts; writing 1 clears", .section = "2.3.6" },
    { .name = "MAIN_CNT", .offset = 0xf0, .width = 8, .slot = REG_NO_SLOT, .get = counter_get, .write = counter_write,
      .doc = "the counter; set only while it is halted", .section = "2.3.7" },
    { .name = "TN_CONF", .offset = 0x100, .width = 8, .count = HPET_TIMERS, .stride = 0x20, .rw = T_WRITABLE,
      .slot = SLOT(tconf), .get = tconf_get, .write = tconf_write, .fields = tconf_fields,
      .doc = "configuration and capabilities of a comparator", .section = "2.3.8" },
    { .name = "TN_CMP", .offset = 0x108, .width = 8, .count = HPET_TIMERS, .stride = 0x20, .reset = UINT64_MAX,
      .rw = UINT64_MAX, .slot = SLOT(cmp), .write = cmp_write, .doc = "comparator", .section = "2.3.9" },
    { .name = "TN_FSB", .offset = 0x110, .width = 8, .count = HPET_TIMERS, .stride = 0x20, .access = REG_RO,
      .slot = REG_NO_SLOT, .get = fsb_get, .doc = "where front side bus interrupts would go", .section = "2.3.10" },
    { .name = NULL },
};

/* --- life -------------------------------------------------------------------------------------------------- */

static bool build(struct device *d, struct err *e)
{
    static const char *const names[HPET_TIMERS] = { "t0", "t1", "t2" };
    struct hpet_link *l = link_of(d);
    l->ticks = domain_make(d->env->clock->hz, HPET_HZ, 1);
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        l->cmp[n].d = d;
        l->cmp[n].n = n;
        timer_init(d->env->clock, &l->cmp[n].timer, d->path, names[n], 60, matched, &l->cmp[n]);
    }
    return true;
}

static void reset(struct device *d)
{
    struct hpet *h = hpet(d);
    h->counter = 0;
    memset(h->period, 0, sizeof h->period);
    arm_all(d); /* halted: cancels them */
    update_lines(d);
}

static const struct state_field state[] = {
    STATE(struct hpet, conf), STATE(struct hpet, status), STATE(struct hpet, counter), STATE_ARRAY(struct hpet, tconf),
    STATE_ARRAY(struct hpet, cmp), STATE_ARRAY(struct hpet, period), STATE(struct hpet, lines),
    STATE(struct hpet, legacy), STATE_END,
};
static const struct reg_bank bank = {
    .name = "hpet", .size = 0x400, .min_access = 4, .max_access = 8, .regs = regs, .write = half_write,
};

const struct device_class hpet_class = {
    .name = "hpet",
    .doc = "high precision event timers: a counter and three comparators",
    .state_size = sizeof(struct hpet),
    .state = state,
    .link_size = sizeof(struct hpet_link),
    .banks = { &bank },
    .build = build,
    .reset = reset,
};
