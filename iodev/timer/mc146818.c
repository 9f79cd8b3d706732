/* Motorola MC146818A. Sections are headings of the data sheet "MC146818A Real-Time Clock plus RAM" (1984). Byte 0x32 is
 * the century, in BCD or binary like the year, which firmware tells ACPI; the chip of a PC keeps it with the rest.
 *
 * The divider chain is the 32.768 kHz domain of the clock plus a phase; seconds are counted from it. Flags of register
 * C are caught up with when somebody looks; a timer runs only for an enabled interrupt whose flag is not up yet. */
#include "iodev/timer/mc146818.h"

#include <string.h>

enum { SECONDS = 0, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR, A, B, C, D,
       CENTURY = 0x32 };
enum { A_UIP = 0x80, B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_SQWE = 8, B_DM = 4, B_24 = 2 };
enum { C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10, D_VRT = 0x80 };
enum { BANK_CMOS = 2 };

#define SECOND_BITS 15 /* of the divider */
#define SECOND_TICKS (1u << SECOND_BITS)
#define SECOND_MASK (SECOND_TICKS - 1)
#define UPDATE_TICKS 73 /* 244 us before the update cycle and 1984 us for it ("Update cycle") */

struct rtc {
    u8 ram[256];
    u8 index, index_high;
    u8 flags;    /* of register C, but IRQF */
    bool irq, nmi_off, powered;
    u64 phase;   /* divider count minus ticks of the domain */
    u64 seen;    /* divider count up to which flags are right */
    u64 seconds; /* since 1970, when the divider count was 0: modulo 2^64, signed */
};

struct rtc_link {
    i64 base;
    struct domain domain;
    struct timer timer;
};

static const struct state_field state[] = {
    STATE_ARRAY(struct rtc, ram), STATE(struct rtc, index), STATE(struct rtc, index_high), STATE(struct rtc, flags),
    STATE(struct rtc, irq), STATE(struct rtc, nmi_off), STATE(struct rtc, powered), STATE(struct rtc, phase),
    STATE(struct rtc, seen), STATE(struct rtc, seconds), STATE_END,
};

static struct rtc *rtc(const struct device *d)
{
    return d->state;
}

static struct rtc_link *link_of(const struct device *d)
{
    return d->link;
}

/* --- calendar ---------------------------------------------------------------------------------------------- */

static i64 floor_div(i64 a, i64 b)
{
    return a / b - (a % b < 0);
}

static bool leap(i64 year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned month_days(i64 year, unsigned month)
{
    static const u8 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && leap(year));
}

/* Days from 1970-01-01 to the first of January. */
static i64 year_start(i64 year)
{
    i64 y = year - 1;
    return y * 365 + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400) - 719162;
}

struct calendar {
    unsigned second, minute, hour, weekday, day, month; /* weekday 1 is Sunday */
    unsigned year;                                      /* of the century */
    unsigned century;
};

static struct calendar calendar_of(i64 seconds)
{
    struct calendar c;
    i64 days = floor_div(seconds, 86400), rest = seconds - days * 86400;
    c.second = (unsigned)(rest % 60);
    c.minute = (unsigned)(rest / 60 % 60);
    c.hour = (unsigned)(rest / 3600);
    c.weekday = (unsigned)((days % 7 + 11) % 7) + 1;
    i64 year = 1970 + floor_div(days, days < 0 ? 365 : 366);
    while (year_start(year + 1) <= days)
        year++;
    days -= year_start(year);
    for (c.month = 1; days >= month_days(year, c.month); c.month++)
        days -= month_days(year, c.month);
    c.day = (unsigned)days + 1;
    c.century = (unsigned)(floor_div(year, 100) % 100);
    c.year = (unsigned)(year % 100);
    return c;
}

/* Whatever the guest wrote, in days and months that may be too large: they carry over. */
static i64 seconds_of(const struct calendar *c)
{
    i64 months = ((i64)c->century * 100 + c->year) * 12 + (i64)c->month - 1, year = floor_div(months, 12);
    i64 days = year_start(year) + (i64)c->day - 1;
    for (unsigned m = 1; m <= months - year * 12; m++)
        days += month_days(year, m);
    return days * 86400 + (i64)c->hour * 3600 + c->minute * 60 + c->second;
}

/* --- formats ("Time, calendar and alarm locations") ---------------------------------------------------------- */

static u8 coded(const struct rtc *r, unsigned v)
{
    return (u8)(r->ram[B] & B_DM ? v : v / 10 << 4 | v % 10);
}

static unsigned plain(const struct rtc *r, u8 v)
{
    return r->ram[B] & B_DM ? v : (v >> 4) * 10u + (v & 15);
}

static u8 coded_hour(const struct rtc *r, unsigned hour)
{
    if (r->ram[B] & B_24)
        return coded(r, hour);
    return (u8)(coded(r, (hour + 11) % 12 + 1) | (hour >= 12 ? 0x80 : 0));
}

static unsigned plain_hour(const struct rtc *r, u8 v)
{
    if (r->ram[B] & B_24)
        return plain(r, v);
    return plain(r, v & 0x7f) % 12 + (v & 0x80 ? 12 : 0);
}

/* --- the clock --------------------------------------------------------------------------------------------- */

/* The divider chain is held in reset. */
static bool held(const struct rtc *r)
{
    return (r->ram[A] & 0x60) == 0x60;
}

static bool running(const struct rtc *r)
{
    return !held(r) && !(r->ram[B] & B_SET);
}

static u64 count(const struct device *d)
{
    return domain_ticks(link_of(d)->domain, d->env->clock->now) + rtc(d)->phase;
}

static i64 seconds_now(const struct device *d)
{
    return (i64)(rtc(d)->seconds + (count(d) >> SECOND_BITS));
}

static bool is_time(unsigned index)
{
    return index == SECONDS || index == MINUTES || index == HOURS || (index >= WEEKDAY && index <= YEAR) ||
           index == CENTURY;
}

static u8 time_byte(const struct device *d, unsigned index)
{
    const struct rtc *r = rtc(d);
    if (!running(r))
        return r->ram[index];
    struct calendar c = calendar_of(seconds_now(d));
    switch (index) {
    case SECONDS: return coded(r, c.second);
    case MINUTES: return coded(r, c.minute);
    case HOURS: return coded_hour(r, c.hour);
    case WEEKDAY: return (u8)c.weekday;
    case DAY: return coded(r, c.day);
    case MONTH: return coded(r, c.month);
    case YEAR: return coded(r, c.year);
    default: return coded(r, c.century);
    }
}

static void time_to_bytes(struct device *d)
{
    static const u8 all[] = { SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY };
    u8 bytes[ARRAY_LEN(all)];
    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        bytes[i] = time_byte(d, all[i]);
    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        rtc(d)->ram[all[i]] = bytes[i];
}

static void bytes_to_time(struct device *d)
{
    struct rtc *r = rtc(d);
    struct calendar c = {
        .second = plain(r, r->ram[SECONDS]), .minute = plain(r, r->ram[MINUTES]), .hour = plain_hour(r, r->ram[HOURS]),
        .day = plain(r, r->ram[DAY]), .month = plain(r, r->ram[MONTH]), .year = plain(r, r->ram[YEAR]),
        .century = plain(r, r->ram[CENTURY]) % 100,
    };
    r->seconds = (u64)seconds_of(&c) - (count(d) >> SECOND_BITS);
}

/* --- flags and the interrupt -------------------------------------------------------------------------------- */

/* Divider ticks of the periodic interrupt as a power of two; 0: none ("Register A"). */
static unsigned period_bits(const struct rtc *r)
{
    unsigned rate = r->ram[A] & 15;
    return rate == 0 ? 0 : rate <= 2 ? rate + 6 : rate - 1;
}

static bool alarm_matches(u8 alarm, u8 value)
{
    return alarm >= 0xc0 || alarm == value;
}

/* The first second after `after` that the alarm names. 0: its bytes name no time. */
static u64 seconds_to_alarm(const struct rtc *r, i64 after)
{
    i64 first = after + 1 - floor_div(after + 1, 86400) * 86400; /* second of the day */
    for (unsigned day = 0; day < 2; day++)
        for (unsigned h = day ? 0 : (unsigned)(first / 3600); h < 24; h++) {
            if (!alarm_matches(r->ram[HOURS_ALARM], coded_hour(r, h)))
                continue;
            for (unsigned m = 0; m < 60; m++) {
                if (!alarm_matches(r->ram[MINUTES_ALARM], coded(r, m)))
                    continue;
                for (unsigned s = 0; s < 60; s++) {
                    i64 at = day * 86400 + h * 3600 + m * 60 + s;
                    if (at >= first && alarm_matches(r->ram[SECONDS_ALARM], coded(r, s)))
                        return (u64)(at - first + 1);
                }
            }
        }
    return 0;
}

/* Flags that were up, and what happened until then. */
static u8 flags_at(const struct device *d, u64 at)
{
    const struct rtc *r = rtc(d);
    u8 flags = r->flags;
    u64 before = r->seen >> SECOND_BITS, after = at >> SECOND_BITS;
    unsigned bits = period_bits(r);
    if (held(r))
        return flags;
    if (bits && at >> bits != r->seen >> bits)
        flags |= C_PF;
    if (before != after && running(r)) {
        flags |= C_UF;
        u64 left = flags & C_AF ? 0 : seconds_to_alarm(r, (i64)(r->seconds + before));
        if (left && left <= after - before)
            flags |= C_AF;
    }
    return flags;
}

static void update(struct device *d)
{
    struct rtc *r = rtc(d);
    u64 at = count(d), next = CLOCK_NEVER;
    r->flags = flags_at(d, at);
    r->seen = at;
    bool irq = r->flags & r->ram[B] & (C_PF | C_AF | C_UF);
    if (irq != r->irq) {
        r->irq = irq;
        device_irq(d, 0, irq);
    }
    /* While the line is up nothing that happens can be seen before somebody looks. */
    u8 wanted = irq || held(r) ? 0 : r->ram[B];
    unsigned bits = period_bits(r);
    if ((wanted & B_PIE) && bits)
        next = ((at >> bits) + 1) << bits;
    if ((wanted & B_UIE) && running(r)) {
        u64 when = ((at >> SECOND_BITS) + 1) << SECOND_BITS;
        next = when < next ? when : next;
    }
    if ((wanted & B_AIE) && running(r)) {
        u64 left = seconds_to_alarm(r, seconds_now(d)), when = ((at >> SECOND_BITS) + left) << SECOND_BITS;
        next = left && when < next ? when : next;
    }
    struct timer *t = &link_of(d)->timer;
    u64 when = next == CLOCK_NEVER ? next : domain_when(link_of(d)->domain, next - r->phase);
    if (when == CLOCK_NEVER)
        timer_cancel(d->env->clock, t);
    else if (!t->armed || t->when != when)
        timer_arm(d->env->clock, t, when);
}

static void expired(void *opaque, u64 now)
{
    update(opaque);
}

/* --- registers --------------------------------------------------------------------------------------------- */

static u8 byte_get(const struct device *d, unsigned index)
{
    const struct rtc *r = rtc(d);
    u8 flags;
    if (is_time(index))
        return time_byte(d, index);
    switch (index) {
    case A:
        return r->ram[A] | (running(r) && (count(d) & SECOND_MASK) >= SECOND_TICKS - UPDATE_TICKS ? A_UIP : 0);
    case C:
        flags = flags_at(d, count(d));
        return flags | (flags & r->ram[B] & (C_PF | C_AF | C_UF) ? C_IRQF : 0);
    case D: return D_VRT;
    default: return r->ram[index];
    }
}

static u64 time_get(const struct device *d, u32 index) { return byte_get(d, SECONDS + index * 2); }
static u64 date_get(const struct device *d, u32 index) { return byte_get(d, WEEKDAY + index); }
static u64 alarm_get(const struct device *d, u32 index) { return byte_get(d, SECONDS_ALARM + index * 2); }
static u64 a_get(const struct device *d, u32 index) { return byte_get(d, A); }
static u64 b_get(const struct device *d, u32 index) { return byte_get(d, B); }
static u64 c_get(const struct device *d, u32 index) { return byte_get(d, C); }
static u64 d_get(const struct device *d, u32 index) { return byte_get(d, D); }
static u64 century_get(const struct device *d, u32 index) { return byte_get(d, CENTURY); }
static u64 low_get(const struct device *d, u32 index) { return byte_get(d, 14 + index); }
static u64 middle_get(const struct device *d, u32 index) { return byte_get(d, CENTURY + 1 + index); }

static u64 c_read(struct device *d, u32 index)
{
    update(d);
    u64 v = byte_get(d, C);
    rtc(d)->flags = 0;
    update(d);
    return v;
}

static void set_time_byte(struct device *d, unsigned index, u8 value)
{
    update(d);
    bool on = running(rtc(d));
    if (on)
        time_to_bytes(d);
    rtc(d)->ram[index] = value;
    if (on)
        bytes_to_time(d);
    update(d);
}

static void time_write(struct device *d, u32 index, u64 value, u64 old)
{
    set_time_byte(d, SECONDS + index * 2, (u8)value);
}

static void date_write(struct device *d, u32 index, u64 value, u64 old)
{
    set_time_byte(d, WEEKDAY + index, (u8)value);
}

static void century_write(struct device *d, u32 index, u64 value, u64 old)
{
    set_time_byte(d, CENTURY, (u8)value);
}

static void alarm_write(struct device *d, u32 index, u64 value, u64 old)
{
    update(d);
    rtc(d)->ram[SECONDS_ALARM + index * 2] = (u8)value;
    update(d);
}

/* Registers A and B start and stop the clock; while it stands, time is what the bytes say. */
static void control_write(struct device *d, unsigned index, u8 value)
{
    struct rtc *r = rtc(d);
    update(d);
    bool was_held = held(r);
    if (running(r))
        time_to_bytes(d);
    r->ram[index] = value;
    if (was_held && !held(r)) { /* the first update comes half a second after the divider is released */
        r->phase = (SECOND_TICKS / 2 - domain_ticks(link_of(d)->domain, d->env->clock->now)) & SECOND_MASK;
        r->seen = count(d);
    }
    if (running(r))
        bytes_to_time(d);
    update(d);
}

static void a_write(struct device *d, u32 index, u64 value, u64 old)
{
    control_write(d, A, value & 0x7f);
}

static void b_write(struct device *d, u32 index, u64 value, u64 old)
{
    if (value & B_SET)
        value &= ~(u64)B_UIE; /* "Register B", UIE */
    control_write(d, B, (u8)value);
}

static void low_write(struct device *d, u32 index, u64 value, u64 old)
{
    rtc(d)->ram[14 + index] = (u8)value;
}

static void middle_write(struct device *d, u32 index, u64 value, u64 old)
{
    rtc(d)->ram[CENTURY + 1 + index] = (u8)value;
}

/* --- ports ------------------------------------------------------------------------------------------------- */

static u64 nothing_get(const struct device *d, u32 index)
{
    return 0xff;
}

static u64 data_get(const struct device *d, u32 index) { return byte_get(d, rtc(d)->index); }
static u64 high_get(const struct device *d, u32 index) { return byte_get(d, rtc(d)->index_high | 0x80u); }

static u64 data_read(struct device *d, u32 index)
{
    u64 v = 0xff;
    device_bank_read(d, BANK_CMOS, rtc(d)->index, 1, &v);
    return v;
}

static void data_write(struct device *d, u32 index, u64 value, u64 old)
{
    device_bank_write(d, BANK_CMOS, rtc(d)->index, 1, value);
}

static void high_write(struct device *d, u32 index, u64 value, u64 old)
{
    device_bank_write(d, BANK_CMOS, rtc(d)->index_high | 0x80, 1, value);
}

static void index_write(struct device *d, u32 index, u64 value, u64 old)
{
    bool off = value >> 7;
    rtc(d)->index = value & 0x7f;
    if (off != rtc(d)->nmi_off) {
        rtc(d)->nmi_off = off;
        device_irq(d, 1, off);
    }
}

static void index_high_write(struct device *d, u32 index, u64 value, u64 old)
{
    rtc(d)->index_high = value & 0x7f;
}

static const struct reg_field index_fields[] = {
    { "INDEX", 0, 7, "the byte that port 0x71 shows" },
    { "NMI_OFF", 7, 1, "no NMI gets through" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field a_fields[] = {
    { "RS", 0, 4, "rate of the periodic interrupt; 0 none, else 32768 Hz >> (RS - 1), 1 and 2 as 8 and 9" },
    { "DV", 4, 3, "2 runs, 6 and 7 hold the divider" },
    { "UIP", 7, 1, "update in progress: the time is about to change" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field b_fields[] = {
    { "DSE", 0, 1, "daylight saving; does nothing" },
    { "24H", 1, 1, "hours: 1 0 to 23, 0 1 to 12 and bit 7 for PM" },
    { "DM", 2, 1, "0 BCD, 1 binary" },
    { "SQWE", 3, 1, "square wave" },
    { "UIE", 4, 1, "update-ended interrupt" },
    { "AIE", 5, 1, "alarm interrupt" },
    { "PIE", 6, 1, "periodic interrupt" },
    { "SET", 7, 1, "the time stands still to be set" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field c_fields[] = {
    { "UF", 4, 1, "an update ended" },
    { "AF", 5, 1, "alarm" },
    { "PF", 6, 1, "a period ended" },
    { "IRQF", 7, 1, "the interrupt line is up" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc port_regs[] = {
    { .name = "INDEX", .offset = 0, .width = 1, .slot = REG_NO_SLOT, .get = nothing_get, .write = index_write,
      .fields = index_fields, .doc = "which byte port 0x71 is; reads as 0xff", .section = "PIIX3 2.5.6" },
    { .name = "DATA", .offset = 1, .width = 1, .slot = REG_NO_SLOT, .get = data_get, .read = data_read,
      .write = data_write, .doc = "the byte", .section = "PIIX3 2.5.6" },
    { .name = NULL },
};
static const struct reg_desc high_regs[] = {
    { .name = "INDEX_HIGH", .offset = 0, .width = 1, .slot = REG_NO_SLOT, .get = nothing_get, .write = index_high_write,
      .doc = "which byte of the upper half port 0x73 is; reads as 0xff", .section = "PIIX3 2.5.6" },
    { .name = "DATA_HIGH", .offset = 1, .width = 1, .slot = REG_NO_SLOT, .get = high_get, .write = high_write,
      .doc = "the byte", .section = "PIIX3 2.5.6" },
    { .name = NULL },
};
#define TIME "Time, calendar and alarm locations"
static const struct reg_desc cmos_regs[] = {
    { .name = "TIME", .offset = 0, .width = 1, .count = 3, .stride = 2, .slot = REG_NO_SLOT, .get = time_get,
      .write = time_write, .doc = "seconds, minutes, hours", .section = TIME },
    { .name = "ALARM", .offset = 1, .width = 1, .count = 3, .stride = 2, .slot = REG_NO_SLOT, .get = alarm_get,
      .write = alarm_write, .doc = "seconds, minutes, hours of the alarm; 0xc0 to 0xff: any", .section = TIME },
    { .name = "DATE", .offset = WEEKDAY, .width = 1, .count = 4, .slot = REG_NO_SLOT, .get = date_get,
      .write = date_write, .doc = "day of the week (1 is Sunday), day, month, year of the century", .section = TIME },
    { .name = "A", .offset = A, .width = 1, .slot = REG_NO_SLOT, .get = a_get, .write = a_write, .fields = a_fields,
      .doc = "divider and rate", .section = "Register A" },
    { .name = "B", .offset = B, .width = 1, .slot = REG_NO_SLOT, .get = b_get, .write = b_write, .fields = b_fields,
      .doc = "formats and interrupts", .section = "Register B" },
    { .name = "C", .offset = C, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = c_get, .read = c_read,
      .fields = c_fields, .doc = "what happened; a read clears it", .section = "Register C" },
    { .name = "D", .offset = D, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = d_get,
      .doc = "0x80: the battery is good", .section = "Register D" },
    { .name = "CMOS_0E", .offset = 14, .width = 1, .count = CENTURY - 14, .slot = REG_NO_SLOT, .get = low_get,
      .write = low_write, .doc = "memory from byte 0x0e", .section = "Address map" },
    { .name = "CENTURY", .offset = CENTURY, .width = 1, .slot = REG_NO_SLOT, .get = century_get, .write = century_write,
      .doc = "19 or 20, coded as the year", .section = "ACPI 5.2.9, CENTURY" },
    { .name = "CMOS_33", .offset = CENTURY + 1, .width = 1, .count = 255 - CENTURY, .slot = REG_NO_SLOT,
      .get = middle_get, .write = middle_write, .doc = "memory from byte 0x33", .section = "Address map" },
    { .name = NULL },
};

/* --- life -------------------------------------------------------------------------------------------------- */

static void set_seconds(struct device *d, i64 seconds)
{
    struct rtc *r = rtc(d);
    r->seconds = (u64)seconds - (count(d) >> SECOND_BITS);
    if (!running(r)) { /* its bytes, by letting it run for a moment */
        u8 a = r->ram[A], b = r->ram[B];
        r->ram[A] = 0x20;
        r->ram[B] &= ~B_SET;
        time_to_bytes(d);
        r->ram[A] = a;
        r->ram[B] = b;
    }
}

void mc146818_set_base(struct device *d, i64 seconds)
{
    link_of(d)->base = seconds;
    if (rtc(d)->powered) {
        update(d);
        set_seconds(d, seconds);
        update(d);
    }
}

void mc146818_set(struct device *d, unsigned index, u8 value)
{
    index &= 255;
    if (index >= 14 && index != CENTURY)
        rtc(d)->ram[index] = value;
}

u8 mc146818_get(const struct device *d, unsigned index)
{
    return byte_get(d, index & 255);
}

bool mc146818_nmi_masked(const struct device *d)
{
    return rtc(d)->nmi_off;
}

static bool build(struct device *d, struct err *e)
{
    struct rtc_link *l = link_of(d);
    l->domain = domain_make(d->env->clock->hz, 32768, 1);
    timer_init(d->env->clock, &l->timer, d->path, "interrupt", 60, expired, d);
    return true;
}

/* The battery keeps time and memory; RESET# only clears what interrupts ("Signal descriptions"). */
static void reset(struct device *d)
{
    struct rtc *r = rtc(d);
    if (!r->powered) {
        r->powered = true;
        r->ram[A] = 0x26;
        r->ram[B] = B_24;
        r->seen = count(d);
        r->seconds = (u64)link_of(d)->base;
    }
    update(d);
    r->ram[B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    r->flags = 0;
    r->irq = r->nmi_off = false;
    r->index = r->index_high = 0;
    device_irq(d, 0, false);
    device_irq(d, 1, false);
    update(d);
}

static void loaded(struct device *d)
{
    struct rtc *r = rtc(d);
    r->index &= 0x7f;
    r->index_high &= 0x7f;
    r->flags &= C_PF | C_AF | C_UF;
    r->phase &= SECOND_MASK;
    if (r->seen > count(d))
        r->seen = count(d);
    /* Years 0 to 9999 and some: keeps arithmetic within bounds. */
    i64 s = seconds_now(d);
    if (s < -100000000000 || s > 400000000000)
        r->seconds = 0;
}

static const struct reg_bank port_bank = {
    .name = "ports", .size = 2, .min_access = 1, .max_access = 1, .regs = port_regs, .ports = true,
};
static const struct reg_bank high_bank = {
    .name = "upper", .size = 2, .min_access = 1, .max_access = 1, .regs = high_regs, .ports = true,
};
static const struct reg_bank cmos_bank = {
    .name = "cmos", .size = 256, .min_access = 1, .max_access = 1, .regs = cmos_regs,
};

const struct device_class mc146818_class = {
    .name = "mc146818rtc",
    .doc = "real-time clock and CMOS memory",
    .state_size = sizeof(struct rtc),
    .state = state,
    .link_size = sizeof(struct rtc_link),
    .banks = { &port_bank, &high_bank, &cmos_bank },
    .build = build,
    .reset = reset,
    .loaded = loaded,
};
