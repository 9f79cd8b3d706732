/* Goldfish real-time clock: nanoseconds since 1970, with an alarm. "GOLDFISH VIRTUAL HARDWARE" of the Android
 * emulator (docs/GOLDFISH-VIRTUAL-HARDWARE.TXT), section III "Goldfish timer"; write behaviour as in QEMU. */
#include "iodev/timer/goldfish-rtc.h"

#include <string.h>

#define NS 1000000000ull

struct rtc {
    u64 offset; /* ns: the clock's value minus the time since position 0, modulo 2^64 */
    u64 alarm;  /* ns */
    u32 high;   /* latched by a read of TIME_LOW */
    u32 irq_enabled;
    u8 alarm_running, irq_pending, irq;
};

struct rtc_link {
    u64 base; /* ns */
    struct timer alarm;
};

static const struct state_field state[] = {
    STATE(struct rtc, offset), STATE(struct rtc, alarm), STATE(struct rtc, high), STATE(struct rtc, irq_enabled),
    STATE(struct rtc, alarm_running), STATE(struct rtc, irq_pending), STATE(struct rtc, irq), STATE_END,
};

static struct rtc *rtc(const struct device *d)
{
    return d->state;
}

void goldfish_rtc_set_base(struct device *d, i64 seconds)
{
    ((struct rtc_link *)d->link)->base = (u64)seconds * NS;
}

static struct domain ns_domain(const struct device *d)
{
    return domain_make(d->env->clock->hz, NS, 1);
}

static u64 time_ns(const struct device *d)
{
    return domain_ticks(ns_domain(d), d->env->clock->now) + rtc(d)->offset;
}

static void update_irq(struct device *d)
{
    struct rtc *r = rtc(d);
    bool level = r->irq_pending & r->irq_enabled & 1;
    if (level != r->irq) {
        r->irq = level;
        device_irq(d, 0, level);
    }
}

/* An alarm in the past goes off at once. */
static void set_alarm(struct device *d)
{
    struct rtc *r = rtc(d);
    struct clock *c = d->env->clock;
    struct timer *t = &((struct rtc_link *)d->link)->alarm;
    u64 now = time_ns(d), left = r->alarm - now;
    timer_cancel(c, t);
    if (r->alarm <= now) {
        r->alarm_running = 0;
        r->irq_pending = 1;
        update_irq(d);
        return;
    }
    r->alarm_running = 1;
    u64 ticks = domain_ticks(ns_domain(d), c->now);
    u64 when = ticks + left < ticks ? CLOCK_NEVER : domain_when(ns_domain(d), ticks + left);
    if (when != CLOCK_NEVER)
        timer_arm(c, t, when);
}

static void expired(void *opaque, u64 now)
{
    struct device *d = opaque;
    rtc(d)->alarm_running = 0;
    rtc(d)->irq_pending = 1;
    update_irq(d);
}

static void set_time(struct device *d, u64 v)
{
    rtc(d)->offset += v - time_ns(d);
    if (rtc(d)->alarm_running)
        set_alarm(d);
}

static u64 time_low_get(const struct device *d, u32 index)
{
    return (u32)time_ns(d);
}

static u64 time_low_read(struct device *d, u32 index)
{
    u64 now = time_ns(d);
    rtc(d)->high = (u32)(now >> 32);
    return (u32)now;
}

static void time_low_write(struct device *d, u32 index, u64 value, u64 old)
{
    set_time(d, (time_ns(d) & ~(u64)UINT32_MAX) | value);
}

static u64 time_high_get(const struct device *d, u32 index)
{
    return rtc(d)->high;
}

static void time_high_write(struct device *d, u32 index, u64 value, u64 old)
{
    set_time(d, value << 32 | (u32)time_ns(d));
}

static u64 alarm_low_get(const struct device *d, u32 index)
{
    return (u32)rtc(d)->alarm;
}

static void alarm_low_write(struct device *d, u32 index, u64 value, u64 old)
{
    rtc(d)->alarm = bits_set(rtc(d)->alarm, 0, 32, value);
    set_alarm(d);
}

static u64 alarm_high_get(const struct device *d, u32 index)
{
    return rtc(d)->alarm >> 32;
}

static void alarm_high_write(struct device *d, u32 index, u64 value, u64 old)
{
    rtc(d)->alarm = bits_set(rtc(d)->alarm, 32, 32, value);
}

static void irq_enabled_write(struct device *d, u32 index, u64 value, u64 old)
{
    update_irq(d);
}

static void clear_alarm_write(struct device *d, u32 index, u64 value, u64 old)
{
    timer_cancel(d->env->clock, &((struct rtc_link *)d->link)->alarm);
    rtc(d)->alarm_running = 0;
}

static u64 alarm_status_get(const struct device *d, u32 index)
{
    return rtc(d)->alarm_running;
}

static void clear_interrupt_write(struct device *d, u32 index, u64 value, u64 old)
{
    rtc(d)->irq_pending = 0;
    update_irq(d);
}

#define SECTION "III"
static const struct reg_desc regs[] = {
    { .name = "TIME_LOW", .offset = 0, .width = 4, .slot = REG_NO_SLOT, .get = time_low_get, .read = time_low_read,
      .write = time_low_write, .doc = "nanoseconds since 1970, low half; a read latches the high half",
      .section = SECTION },
    { .name = "TIME_HIGH", .offset = 4, .width = 4, .slot = REG_NO_SLOT, .get = time_high_get, .write = time_high_write,
      .doc = "high half as of the last read of TIME_LOW; a write sets the clock", .section = SECTION },
    { .name = "ALARM_LOW", .offset = 8, .width = 4, .slot = REG_NO_SLOT, .get = alarm_low_get, .write = alarm_low_write,
      .doc = "alarm time, low half; a write arms it", .section = SECTION },
    { .name = "ALARM_HIGH", .offset = 0xc, .width = 4, .slot = REG_NO_SLOT, .get = alarm_high_get,
      .write = alarm_high_write, .doc = "alarm time, high half; write it first", .section = SECTION },
    { .name = "IRQ_ENABLED", .offset = 0x10, .width = 4, .rw = 1, .slot = REG_SLOT(struct rtc, irq_enabled),
      .write = irq_enabled_write, .doc = "1: the alarm interrupts", .section = SECTION },
    { .name = "CLEAR_ALARM", .offset = 0x14, .width = 4, .access = REG_WO, .slot = REG_NO_SLOT,
      .write = clear_alarm_write, .doc = "any write disarms the alarm", .section = SECTION },
    { .name = "ALARM_STATUS", .offset = 0x18, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT,
      .get = alarm_status_get, .doc = "1: the alarm is armed", .section = SECTION },
    { .name = "CLEAR_INTERRUPT", .offset = 0x1c, .width = 4, .access = REG_WO, .slot = REG_NO_SLOT,
      .write = clear_interrupt_write, .doc = "any write ends the interrupt", .section = SECTION },
    { .name = NULL },
};

static bool build(struct device *d, struct err *e)
{
    timer_init(d->env->clock, &((struct rtc_link *)d->link)->alarm, d->path, "alarm", 60, expired, d);
    return true;
}

static void reset(struct device *d)
{
    memset(d->state, 0, sizeof(struct rtc));
    rtc(d)->offset = ((struct rtc_link *)d->link)->base; /* a battery keeps the clock going across resets */
    timer_cancel(d->env->clock, &((struct rtc_link *)d->link)->alarm);
    device_irq(d, 0, false);
}

static const struct reg_bank bank = { "rtc", 0x24, 4, 4, false, regs, NULL, NULL, false };

const struct device_class goldfish_rtc_class = {
    .name = "goldfish-rtc",
    .doc = "real-time clock with an alarm",
    .compatible = "google,goldfish-rtc",
    .state_size = sizeof(struct rtc),
    .state = state,
    .link_size = sizeof(struct rtc_link),
    .banks = { &bank },
    .build = build,
    .reset = reset,
};
