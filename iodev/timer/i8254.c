/* Intel 8254. Sections are headings of the data sheet "8254 Programmable Interval Timer" (231164-005); port 0x61 is
 * in "82371FB (PIIX) and 82371SB (PIIX3)", 2.5.4.1.
 *
 * CLK is 14.31818 MHz / 12. A counter is not stepped: it is where it was at a tick of CLK, and what it does is a list
 * of few events (loading, a change of OUT) that are caught up with when somebody looks. A write that completes between
 * two ticks is loaded at the next one, as in the chip. */
#include "iodev/timer/i8254.h"

#include <string.h>

#define REFRESH_TICKS 18 /* 15.085 us */

enum { RW_LATCH, RW_LOW, RW_HIGH, RW_BOTH };

struct counter {
    u64 at;      /* tick at which the counting element was `ce` */
    u64 load_at; /* tick at which `count` goes to the counting element, or CLOCK_NEVER */
    u64 rise_at; /* modes 4 and 5: tick at which the strobe ends, or CLOCK_NEVER */
    u32 ce;
    u16 count; /* the count register, as written */
    u16 latch;
    u8 control; /* RW1 RW0 M2 M1 M0 BCD, as written */
    u8 low;     /* the first byte of two */
    u8 status;
    u8 latched;         /* bytes of `latch` not read yet */
    bool status_latched, write_high, read_high;
    bool gate, out;
    bool have_count, loaded; /* since the control word */
    bool null_count;
    bool counting; /* the counting element is stepped by CLK */
    bool live;     /* reaching zero means something: not after it did, when the counter wraps around */
    bool odd;      /* mode 3: of the count loaded */
};

struct pit {
    struct counter c[3];
    u8 port_b; /* of port 0x61, the bits that are stored */
};

struct pit_link {
    struct domain clk;
    struct timer timer[2];
};

#define COUNTER(n)                                                                                                    \
    STATE(struct pit, c[n].at), STATE(struct pit, c[n].load_at), STATE(struct pit, c[n].rise_at),                    \
        STATE(struct pit, c[n].ce), STATE(struct pit, c[n].count), STATE(struct pit, c[n].latch),                     \
        STATE(struct pit, c[n].control), STATE(struct pit, c[n].low), STATE(struct pit, c[n].status),                 \
        STATE(struct pit, c[n].latched), STATE(struct pit, c[n].status_latched), STATE(struct pit, c[n].write_high),  \
        STATE(struct pit, c[n].read_high), STATE(struct pit, c[n].gate), STATE(struct pit, c[n].out),                 \
        STATE(struct pit, c[n].have_count), STATE(struct pit, c[n].loaded), STATE(struct pit, c[n].null_count),       \
        STATE(struct pit, c[n].counting), STATE(struct pit, c[n].live), STATE(struct pit, c[n].odd)

static const struct state_field state[] = { COUNTER(0), COUNTER(1), COUNTER(2), STATE(struct pit, port_b), STATE_END };

static struct pit *pit(const struct device *d)
{
    return d->state;
}

static struct pit_link *link_of(const struct device *d)
{
    return d->link;
}

static u64 now(const struct device *d)
{
    return domain_ticks(link_of(d)->clk, d->env->clock->now);
}

/* --- one counter ------------------------------------------------------------------------------------------- */

static unsigned mode_of(const struct counter *c)
{
    unsigned m = c->control >> 1 & 7;
    return m > 5 ? m - 4 : m; /* M2 is ignored in modes 2 and 3 */
}

static u32 modulus(const struct counter *c)
{
    return c->control & 1 ? 10000 : 65536;
}

/* Clocks that a count stands for; 0 is the largest. */
static u32 clocks(const struct counter *c)
{
    u32 n = c->count;
    if (c->control & 1)
        n = (n & 15) + (n >> 4 & 15) * 10 + (n >> 8 & 15) * 100 + (n >> 12 & 15) * 1000;
    n = n ? n % modulus(c) : 0;
    n = n ? n : modulus(c);
    /* 1 is not allowed in modes 2 and 3: no cycle is that short. */
    return n == 1 && (mode_of(c) == 2 || mode_of(c) == 3) ? 2 : n;
}

/* The counting element at a tick that all events were caught up to. */
static u32 element(const struct counter *c, u64 t)
{
    u64 passed = c->counting && t > c->at ? t - c->at : 0, m = modulus(c);
    if (mode_of(c) == 3)
        return (u32)((c->ce + m - 2 * passed % m) % m);
    return (u32)((c->ce + m - passed % m) % m);
}

static u16 as_read(const struct counter *c, u64 t)
{
    u32 v = element(c, t);
    return (u16)(c->control & 1 ? v % 10 | (v / 10 % 10) << 4 | (v / 100 % 10) << 8 | v / 1000 << 12 : v);
}

static u64 min64(u64 a, u64 b)
{
    return a < b ? a : b;
}

/* The tick of what happens next if nobody interferes. */
static u64 next_event(const struct counter *c)
{
    u64 e = min64(c->load_at, c->rise_at);
    if (!c->counting || !c->live)
        return e;
    switch (mode_of(c)) {
    case 2: return min64(e, c->at + c->ce - c->out); /* low while the element is 1 */
    case 3: return min64(e, c->at + c->ce / 2 + (c->out && c->odd));
    default: return min64(e, c->at + c->ce);
    }
}

/* CR to CE ("Counter programming", "Mode definitions"). */
static void load(struct counter *c, u64 t)
{
    unsigned mode = mode_of(c);
    u32 n = clocks(c);
    c->at = t;
    c->odd = mode == 3 && (n & 1);
    c->ce = n - c->odd;
    c->null_count = false;
    c->loaded = c->live = true;
    c->counting = mode == 1 || mode == 5 || c->gate;
}

static void event(struct counter *c, u64 t)
{
    unsigned mode = mode_of(c);
    if (t == c->rise_at) {
        c->rise_at = CLOCK_NEVER;
        c->out = true;
    }
    if (t == c->load_at) {
        c->load_at = CLOCK_NEVER;
        load(c, t);
        if (mode == 2 || mode == 3)
            c->out = true;
        if (mode == 1)
            c->out = false;
        return;
    }
    if (!c->counting || !c->live)
        return;
    switch (mode) {
    case 0:
    case 1:
        if (t == c->at + c->ce) {
            c->out = true;
            c->live = false;
        }
        break;
    case 2:
    case 3:
        c->out = !c->out;
        if (mode == 3 || c->out)
            load(c, t);
        break;
    default:
        if (t == c->at + c->ce) {
            c->out = false;
            c->live = false;
            c->rise_at = t + 1;
        }
        break;
    }
}

static void catch_up(struct counter *c, u64 t)
{
    unsigned mode = mode_of(c);
    for (u64 e; (e = next_event(c)) <= t;) {
        event(c, e);
        /* At the start of a cycle with nothing to come in: whole cycles make no difference. */
        if ((mode == 2 || mode == 3) && c->counting && c->out && c->load_at == CLOCK_NEVER && c->at == e && t > e)
            c->at += (t - e) / clocks(c) * clocks(c);
    }
}

/* For looking only. */
static struct counter seen(const struct device *d, unsigned n)
{
    struct counter c = pit(d)->c[n];
    catch_up(&c, now(d));
    return c;
}

static void freeze(struct counter *c, u64 t)
{
    c->ce = element(c, t);
    c->at = t;
    c->counting = false;
}

/* The control word ends whatever the counter did; it waits for a count. */
static void control(struct counter *c, u8 value, u64 t)
{
    freeze(c, t);
    c->control = value & 0x3f;
    c->ce %= modulus(c);
    c->load_at = c->rise_at = CLOCK_NEVER;
    c->latched = 0;
    c->status_latched = c->write_high = c->read_high = false;
    c->have_count = c->loaded = c->live = false;
    c->null_count = true;
    c->out = mode_of(c) != 0;
}

static void count_written(struct counter *c, u16 value, u64 t)
{
    unsigned mode = mode_of(c);
    c->count = value;
    c->have_count = c->null_count = true;
    if (mode == 0)
        c->out = false;
    if (mode == 0 || mode == 4 || ((mode == 2 || mode == 3) && !c->loaded))
        c->load_at = t + 1;
}

static void write_count(struct counter *c, u8 v, u64 t)
{
    switch (c->control >> 4 & 3) {
    case RW_LOW: count_written(c, v, t); return;
    case RW_HIGH: count_written(c, (u16)(v << 8), t); return;
    default: break;
    }
    c->write_high = !c->write_high;
    if (!c->write_high) {
        count_written(c, (u16)(v << 8 | c->low), t);
        return;
    }
    c->low = v;
    if (mode_of(c) == 0) { /* the first byte stops counting, OUT is low at once */
        freeze(c, t);
        c->load_at = CLOCK_NEVER;
        c->live = c->out = false;
    }
}

static void set_gate(struct counter *c, bool level, u64 t)
{
    unsigned mode = mode_of(c);
    if (level == c->gate)
        return;
    c->gate = level;
    switch (mode) {
    case 0:
    case 4:
        if (!level) {
            freeze(c, t);
        } else if (c->loaded && !(mode == 0 && c->write_high)) {
            c->at = t;
            c->counting = true;
        }
        break;
    case 2:
    case 3:
        if (!level) {
            freeze(c, t);
            c->out = true;
        } else if (c->have_count) {
            c->load_at = t + 1;
        }
        break;
    default:
        if (level && c->have_count)
            c->load_at = t + 1;
        break;
    }
}

/* --- the chip ---------------------------------------------------------------------------------------------- */

/* Drives an output and arms its timer, if it goes anywhere. */
static void refresh_out(struct device *d, unsigned out, bool before)
{
    struct counter *c = &pit(d)->c[out * 2];
    struct timer *t = &link_of(d)->timer[out];
    if (!d->out[out].set) {
        timer_cancel(d->env->clock, t);
        return;
    }
    if (c->out != before)
        device_irq(d, out, c->out);
    u64 e = next_event(c), when = e == CLOCK_NEVER ? CLOCK_NEVER : domain_when(link_of(d)->clk, e);
    if (when == CLOCK_NEVER)
        timer_cancel(d->env->clock, t);
    else if (!t->armed || t->when != when)
        timer_arm(d->env->clock, t, when);
}

static struct counter *begin(struct device *d, unsigned n)
{
    catch_up(&pit(d)->c[n], now(d));
    return &pit(d)->c[n];
}

static void end(struct device *d, unsigned n, bool before)
{
    if (n != 1)
        refresh_out(d, n / 2, before);
}

static void expired(struct device *d, unsigned n)
{
    bool before = pit(d)->c[n].out;
    begin(d, n);
    end(d, n, before);
}

static void expired_0(void *opaque, u64 t)
{
    expired(opaque, 0);
}

static void expired_2(void *opaque, u64 t)
{
    expired(opaque, 2);
}

static u8 status_of(const struct counter *c)
{
    return (u8)(c->control | c->null_count << 6 | c->out << 7);
}

static u8 next_byte(const struct counter *c, u64 t)
{
    unsigned rw = c->control >> 4 & 3;
    if (c->status_latched)
        return c->status;
    u16 v = c->latched ? c->latch : as_read(c, t);
    bool high = rw == RW_BOTH ? (c->latched ? c->latched == 1 : c->read_high) : rw == RW_HIGH;
    return (u8)(high ? v >> 8 : v);
}

static u64 counter_get(const struct device *d, u32 n)
{
    struct counter c = seen(d, n);
    return next_byte(&c, now(d));
}

static u64 counter_read(struct device *d, u32 n)
{
    bool before = pit(d)->c[n].out;
    struct counter *c = begin(d, n);
    u8 v = next_byte(c, now(d));
    if (c->status_latched)
        c->status_latched = false;
    else if (c->latched)
        c->latched--;
    else if ((c->control >> 4 & 3) == RW_BOTH)
        c->read_high = !c->read_high;
    end(d, n, before);
    return v;
}

static void counter_write(struct device *d, u32 n, u64 value, u64 old)
{
    bool before = pit(d)->c[n].out;
    write_count(begin(d, n), (u8)value, now(d));
    end(d, n, before);
}

/* "Counter latch command": a latch that was not read stays. */
static void latch_count(struct counter *c, u64 t)
{
    if (c->latched)
        return;
    c->latch = as_read(c, t);
    c->latched = (c->control >> 4 & 3) == RW_BOTH ? 2 : 1;
}

static void control_write(struct device *d, u32 index, u64 value, u64 old)
{
    for (unsigned n = 0; n < 3; n++) {
        bool chosen = value >> 6 == 3 ? value >> (n + 1) & 1 : value >> 6 == n;
        if (!chosen)
            continue;
        bool before = pit(d)->c[n].out;
        struct counter *c = begin(d, n);
        if (value >> 6 == 3) { /* "Read-back command" */
            if (!(value & 0x20))
                latch_count(c, now(d));
            if (!(value & 0x10) && !c->status_latched) {
                c->status = status_of(c);
                c->status_latched = true;
            }
        } else if ((value >> 4 & 3) == RW_LATCH) {
            latch_count(c, now(d));
        } else {
            control(c, (u8)value, now(d));
        }
        end(d, n, before);
    }
}

static u64 port_b_get(const struct device *d, u32 index)
{
    struct counter c = seen(d, 2);
    return pit(d)->port_b | (now(d) / REFRESH_TICKS & 1) << 4 | c.out << 5;
}

static void port_b_write(struct device *d, u32 index, u64 value, u64 old)
{
    bool before = pit(d)->c[2].out;
    set_gate(begin(d, 2), value & 1, now(d));
    end(d, 2, before);
}

static u64 status_get(const struct device *d, u32 n)
{
    struct counter c = seen(d, n);
    return status_of(&c);
}

static u64 element_get(const struct device *d, u32 n)
{
    struct counter c = seen(d, n);
    return as_read(&c, now(d));
}

static u64 count_get(const struct device *d, u32 n)
{
    return pit(d)->c[n].count;
}

static u64 gate_get(const struct device *d, u32 n)
{
    return pit(d)->c[n].gate;
}

static const struct reg_field control_fields[] = {
    { "BCD", 0, 1, "0 binary, 1 four decades" },
    { "MODE", 1, 3, "0 terminal count, 1 one-shot, 2 rate, 3 square wave, 4 software strobe, 5 hardware strobe" },
    { "RW", 4, 2, "0 latch, 1 low byte, 2 high byte, 3 low then high" },
    { "SC", 6, 2, "counter; 3 read-back" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field status_fields[] = {
    { "BCD", 0, 1, "0 binary, 1 four decades" },
    { "MODE", 1, 3, "mode" },
    { "RW", 4, 2, "1 low byte, 2 high byte, 3 low then high" },
    { "NULL", 6, 1, "a count that was written is not in the counter yet" },
    { "OUT", 7, 1, "level of the output" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field port_b_fields[] = {
    { "GATE2", 0, 1, "gate of counter 2" },
    { "SPKR", 1, 1, "the speaker hears counter 2" },
    { "SERR_OFF", 2, 1, "SERR# does not cause an NMI" },
    { "IOCHK_OFF", 3, 1, "IOCHK# does not cause an NMI" },
    { "REFRESH", 4, 1, "toggles with each refresh" },
    { "OUT2", 5, 1, "output of counter 2" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc port_regs[] = {
    { .name = "COUNTER", .offset = 0, .width = 1, .count = 3, .slot = REG_NO_SLOT, .get = counter_get,
      .read = counter_read, .write = counter_write, .doc = "by counter: latched status, latched count or the count",
      .section = "Read operations" },
    { .name = "CONTROL", .offset = 3, .width = 1, .access = REG_WO, .slot = REG_NO_SLOT, .write = control_write,
      .fields = control_fields, .doc = "control word, latch or read-back command", .section = "Control word format" },
    { .name = NULL },
};
static const struct reg_desc port_b_regs[] = {
    { .name = "PORTB", .offset = 0, .width = 1, .rw = 15, .slot = REG_SLOT(struct pit, port_b), .get = port_b_get,
      .write = port_b_write, .fields = port_b_fields, .doc = "system control port B", .section = "PIIX3 2.5.4.1" },
    { .name = NULL },
};
static const struct reg_desc inside_regs[] = {
    { .name = "STATUS", .offset = 0, .width = 1, .count = 3, .access = REG_RO, .slot = REG_NO_SLOT, .get = status_get,
      .fields = status_fields, .doc = "by counter: what the read-back command would latch",
      .section = "Read-back command" },
    { .name = "GATE", .offset = 3, .width = 1, .count = 3, .access = REG_RO, .slot = REG_NO_SLOT, .get = gate_get,
      .doc = "by counter: level of the gate", .section = "Operation common to all modes" },
    { .name = "COUNT", .offset = 6, .width = 2, .count = 3, .access = REG_RO, .slot = REG_NO_SLOT, .get = count_get,
      .doc = "by counter: the count register, as written", .section = "Counter programming" },
    { .name = "ELEMENT", .offset = 12, .width = 2, .count = 3, .access = REG_RO, .slot = REG_NO_SLOT,
      .get = element_get,
      .doc = "by counter: where it is, as a latch command would see it", .section = "Counter latch command" },
    { .name = NULL },
};

static bool build(struct device *d, struct err *e)
{
    static void (*const fire[])(void *, u64) = { expired_0, expired_2 };
    static const char *const names[] = { "counter0", "counter2" };
    struct pit_link *l = link_of(d);
    l->clk = domain_make(d->env->clock->hz, 14318180, 12);
    for (unsigned i = 0; i < 2; i++)
        timer_init(d->env->clock, &l->timer[i], d->path, names[i], 20 + i, fire[i], d);
    return true;
}

/* What the chip does at power-on is undefined: here it waits, its outputs low. */
static void reset(struct device *d)
{
    struct pit *p = pit(d);
    memset(p, 0, sizeof *p);
    for (unsigned n = 0; n < 3; n++) {
        p->c[n].control = RW_BOTH << 4;
        p->c[n].load_at = p->c[n].rise_at = CLOCK_NEVER;
        p->c[n].null_count = true;
        p->c[n].gate = n < 2;
    }
    for (unsigned i = 0; i < 2; i++) {
        timer_cancel(d->env->clock, &link_of(d)->timer[i]);
        device_irq(d, i, false);
    }
}

/* A snapshot is not trusted: a counter was not loaded in the future, nor does it wait longer than for a tick. */
static void loaded(struct device *d)
{
    u64 t = now(d);
    for (unsigned n = 0; n < 3; n++) {
        struct counter *c = &pit(d)->c[n];
        c->at = min64(c->at, t);
        if (c->load_at != CLOCK_NEVER)
            c->load_at = min64(c->load_at, t + 1);
        if (c->rise_at != CLOCK_NEVER)
            c->rise_at = min64(c->rise_at, t + 1);
        c->ce = c->ce > modulus(c) ? c->ce % modulus(c) : c->ce;
        if ((mode_of(c) == 2 || mode_of(c) == 3) && c->counting && c->ce < 2)
            c->ce = 2;
        c->latched = c->latched > 2 ? 2 : c->latched;
        c->control &= 0x3f;
    }
}

static const struct reg_bank port_bank = {
    .name = "ports", .size = 4, .min_access = 1, .max_access = 1, .hole_faults = true, .regs = port_regs, .ports = true,
};
static const struct reg_bank port_b_bank = {
    .name = "portb", .size = 1, .min_access = 1, .max_access = 1, .regs = port_b_regs, .ports = true,
};
static const struct reg_bank inside_bank = {
    .name = "inside", .size = 18, .min_access = 1, .max_access = 2, .regs = inside_regs,
};

const struct device_class i8254_class = {
    .name = "i8254",
    .doc = "8254 interval timer and system control port B",
    .state_size = sizeof(struct pit),
    .state = state,
    .link_size = sizeof(struct pit_link),
    .banks = { &port_bank, &port_b_bank, &inside_bank },
    .build = build,
    .reset = reset,
    .loaded = loaded,
};
