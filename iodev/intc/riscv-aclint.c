/* CLINT and ACLINT: software interrupts and the timer of RISC-V harts. "RISC-V Advanced Core Local Interruptor
 * Specification", version 1.0-rc4 (sections are of it); the CLINT is MSWI and MTIMER in one window (appendix).
 *
 * mtime is not stepped: it is the 10 MHz domain of the master clock plus an offset that a write changes. Reset makes it
 * 0. mtimecmp is unspecified after reset; all ones, so that nothing is pending that nobody asked for (QEMU reads as 0
 * there, and raises nothing until the first write either). */
#include "iodev/intc/riscv-aclint.h"

enum { OUT_MSIP = 0, OUT_MTIP = 16 };

struct clint {
    u32 msip[ACLINT_MAX_HARTS];
    u64 mtimecmp[ACLINT_MAX_HARTS];
    u64 offset; /* mtime minus the ticks since power-on, modulo 2^64 */
    u8 mtip[ACLINT_MAX_HARTS];
};

struct clint_link {
    u32 harts;
    struct domain domain;
    struct timer timer[ACLINT_MAX_HARTS];
    struct alarm {
        struct device *d;
        u32 hart;
    } alarm[ACLINT_MAX_HARTS];
    void (*changed)(void *opaque);
    void *changed_opaque;
};

static const struct state_field state[] = {
    STATE_ARRAY(struct clint, msip), STATE_ARRAY(struct clint, mtimecmp), STATE(struct clint, offset),
    STATE_ARRAY(struct clint, mtip), STATE_END,
};

static struct clint *clint(const struct device *d)
{
    return d->state;
}

static struct clint_link *link_of(const struct device *d)
{
    return d->link;
}

/* --- time -------------------------------------------------------------------------------------------------- */

static struct domain mtime_domain(const struct device *d)
{
    struct clint_link *l = link_of(d);
    if (!l->domain.den)
        l->domain = domain_make(d->env->clock->hz, ACLINT_MTIME_HZ, 1);
    return l->domain;
}

static u64 mtime(const struct device *d)
{
    return domain_ticks(mtime_domain(d), d->env->clock->now) + clint(d)->offset;
}

/* The master tick at which mtime first is >= value. */
static u64 mtime_when(const struct device *d, u64 value)
{
    u64 now = d->env->clock->now, have = mtime(d);
    if (have >= value)
        return now;
    u64 ticks = domain_ticks(mtime_domain(d), now), left = value - have;
    return ticks + left < ticks ? CLOCK_NEVER : domain_when(mtime_domain(d), ticks + left);
}

static u64 timebase_read(void *opaque)
{
    return mtime(opaque);
}

static u64 timebase_when(void *opaque, u64 value)
{
    return mtime_when(opaque, value);
}

struct timebase riscv_clint_timebase(struct device *d)
{
    return (struct timebase){ timebase_read, timebase_when, d };
}

void riscv_clint_set_hook(struct device *d, void (*changed)(void *opaque), void *opaque)
{
    link_of(d)->changed = changed;
    link_of(d)->changed_opaque = opaque;
}

/* MTIP is mtime >= mtimecmp at every moment. */
static void update_timer(struct device *d, u32 hart)
{
    struct clint *c = clint(d);
    struct timer *t = &link_of(d)->timer[hart];
    bool level = mtime(d) >= c->mtimecmp[hart];
    u64 when = level ? CLOCK_NEVER : mtime_when(d, c->mtimecmp[hart]);
    if (when == CLOCK_NEVER)
        timer_cancel(d->env->clock, t);
    else
        timer_arm(d->env->clock, t, when);
    if (level != c->mtip[hart]) {
        c->mtip[hart] = level;
        device_irq(d, OUT_MTIP + hart, level);
    }
}

static void expired(void *opaque, u64 now)
{
    struct alarm *a = opaque;
    update_timer(a->d, a->hart);
}

static void time_jumped(struct device *d)
{
    for (u32 h = 0; h < link_of(d)->harts; h++)
        update_timer(d, h);
    if (link_of(d)->changed)
        link_of(d)->changed(link_of(d)->changed_opaque);
}

/* --- registers --------------------------------------------------------------------------------------------- */

static void msip_write(struct device *d, u32 index, u64 value, u64 old)
{
    if (index >= link_of(d)->harts)
        clint(d)->msip[index] = 0;
    else if (value != old)
        device_irq(d, OUT_MSIP + index, value & 1);
}

static u64 setssip_get(const struct device *d, u32 index)
{
    return 0;
}

static void setssip_write(struct device *d, u32 index, u64 value, u64 old)
{
    if (index >= link_of(d)->harts || !(value & 1))
        return;
    device_irq(d, OUT_MSIP + index, true);
    device_irq(d, OUT_MSIP + index, false);
}

static u64 mtimecmp_get(const struct device *d, u32 index)
{
    return index < link_of(d)->harts ? clint(d)->mtimecmp[index] : 0;
}

static void mtimecmp_write(struct device *d, u32 index, u64 value, u64 old)
{
    if (index < link_of(d)->harts)
        update_timer(d, index);
}

static u64 mtime_get(const struct device *d, u32 index)
{
    return mtime(d);
}

static void mtime_write(struct device *d, u32 index, u64 value, u64 old)
{
    clint(d)->offset += value - mtime(d);
    time_jumped(d);
}

#define MSIP_ROW                                                                                                     \
    { .name = "msip", .offset = 0, .width = 4, .count = ACLINT_MAX_HARTS, .rw = 1,                                   \
      .slot = REG_SLOT(struct clint, msip), .write = msip_write,                                                     \
      .doc = "by hart: bit 0 is the machine software interrupt", .section = "3.2" }
#define MTIMECMP_ROW(at)                                                                                             \
    { .name = "mtimecmp", .offset = at, .width = 8, .count = ACLINT_MAX_HARTS, .reset = ~(u64)0, .rw = ~(u64)0,      \
      .slot = REG_SLOT(struct clint, mtimecmp), .get = mtimecmp_get, .write = mtimecmp_write,                        \
      .doc = "by hart: the machine timer interrupt is pending while mtime >= mtimecmp", .section = "2.2" }
#define MTIME_ROW(at)                                                                                                \
    { .name = "mtime", .offset = at, .width = 8, .slot = REG_NO_SLOT, .get = mtime_get, .write = mtime_write,        \
      .doc = "counts at 10 MHz", .section = "2.1" }

static const struct reg_desc clint_regs[] = { MSIP_ROW, MTIMECMP_ROW(0x4000), MTIME_ROW(0xbff8), { .name = NULL } };
static const struct reg_desc mtimer_regs[] = { MTIMECMP_ROW(0), MTIME_ROW(0x7ff8), { .name = NULL } };
static const struct reg_desc mswi_regs[] = { MSIP_ROW, { .name = NULL } };
static const struct reg_desc sswi_regs[] = {
    { .name = "setssip", .offset = 0, .width = 4, .count = ACLINT_MAX_HARTS, .slot = REG_NO_SLOT, .get = setssip_get,
      .write = setssip_write, .doc = "by hart: writing 1 makes the supervisor software interrupt pending",
      .section = "4.1" },
    { .name = NULL },
};

static bool build(struct device *d, struct err *e)
{
    struct clint_link *l = link_of(d);
    u64 harts = device_prop_u64(d, "harts");
    if (!harts || harts > ACLINT_MAX_HARTS)
        return err_set(e, "%s: harts=%llu is not 1 to %d", d->path, (unsigned long long)harts, ACLINT_MAX_HARTS);
    l->harts = (u32)harts;
    return true;
}

static bool build_timer(struct device *d, struct err *e)
{
    if (!build(d, e))
        return false;
    struct clint_link *l = link_of(d);
    for (u32 h = 0; h < l->harts; h++) {
        l->alarm[h] = (struct alarm){ d, h };
        timer_init(d->env->clock, &l->timer[h], d->path, arena_printf(d->env->arena, "mtimecmp%u", h), 10 + h, expired,
                   &l->alarm[h]);
    }
    return true;
}

static void reset_soft(struct device *d)
{
    for (u32 h = 0; h < link_of(d)->harts; h++)
        device_irq(d, OUT_MSIP + h, false);
}

static void reset_timer(struct device *d)
{
    struct clint *c = clint(d);
    c->offset = 0;
    c->offset = -mtime(d);
    for (u32 h = 0; h < link_of(d)->harts; h++) {
        c->mtip[h] = 0;
        device_irq(d, OUT_MTIP + h, false);
    }
    time_jumped(d);
}

static void reset_clint(struct device *d)
{
    reset_soft(d);
    reset_timer(d);
}

static const struct reg_bank clint_bank = { "clint", 0x10000, 4, 8, false, clint_regs, NULL, NULL, false };
static const struct reg_bank mtimer_bank = { "mtimer", 0x8000, 4, 8, false, mtimer_regs, NULL, NULL, false };
static const struct reg_bank mswi_bank = { "mswi", 0x4000, 4, 4, false, mswi_regs, NULL, NULL, false };
static const struct reg_bank sswi_bank = { "sswi", 0x4000, 4, 4, false, sswi_regs, NULL, NULL, false };

static const struct prop_desc props[] = {
    { "harts", PROP_U64, "1", "how many harts it serves, 1 to 8" },
    { NULL, PROP_U64, NULL, NULL },
};

#define CLASS(symbol, name_, doc_, compatible_, bank_, build_, reset_)                                               \
    const struct device_class symbol = {                                                                             \
        .name = name_, .doc = doc_, .compatible = compatible_, .state_size = sizeof(struct clint), .state = state,   \
        .link_size = sizeof(struct clint_link), .props = props, .banks = { &bank_ }, .build = build_, .reset = reset_,\
    }

CLASS(riscv_clint_class, "riscv-clint", "core-local interruptor: software interrupts and timer, SiFive's layout",
      "sifive,clint0", clint_bank, build_timer, reset_clint);
CLASS(riscv_aclint_mtimer_class, "riscv-aclint-mtimer", "machine timer", "riscv,aclint-mtimer", mtimer_bank,
      build_timer, reset_timer);
CLASS(riscv_aclint_mswi_class, "riscv-aclint-mswi", "machine software interrupts", "riscv,aclint-mswi", mswi_bank,
      build, reset_soft);
CLASS(riscv_aclint_sswi_class, "riscv-aclint-sswi", "supervisor software interrupts", "riscv,aclint-sswi", sswi_bank,
      build, reset_soft);
