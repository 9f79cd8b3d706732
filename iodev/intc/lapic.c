/* The local APIC. Sections are titles of Intel SDM volume 3, chapter "Advanced Programmable Interrupt Controller
 * (APIC)".
 *
 * IPIs and messages arrive at once, in the order in which they are sent: delivery status is always idle. The timer
 * counts a domain of the master clock and runs a timer of ours only while its interrupt is not masked. */
#include "iodev/intc/lapic.h"

#include <string.h>

enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };
enum { LVT_BUSY = 1 << 12, LVT_REMOTE_IRR = 1 << 14, LVT_LEVEL = 1 << 15, LVT_MASKED = 1 << 16 };
enum { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_DEADLINE };
enum { BASE_BSP = 1 << 8, BASE_X2APIC = 1 << 10, BASE_ENABLE = 1 << 11 };
enum { SVR_ENABLE = 1 << 8 };
enum { ESR_SEND_VECTOR = 1 << 5, ESR_RECEIVE_VECTOR = 1 << 6, ESR_REGISTER = 1 << 7 };
enum { MSR_BASE = 0x1b, MSR_DEADLINE = 0x6e0, MSR_X2APIC = 0x800, MSR_ICR = 0x830 };
enum { BANK_REGS, BANK_MSRS };
#define ICR_BITS 0xccfffu /* all but delivery status and what is reserved */

struct lapic {
    u64 base, deadline;
    u64 start; /* tick of the timer's domain at which the count was start_count */
    u32 start_count; /* 0: stopped */
    u32 initial_count, divide;
    u32 tpr, ldr, dfr, svr, esr, esr_new, icr_low, icr_high;
    u32 lvt[LVT_COUNT];
    u32 isr[8], tmr[8], irr[8];
    bool lines[2], extint_message;
    bool pending, extint; /* as the CPU was told */
};

struct lapic_link {
    struct lapic_cpu cpu;
    struct lapic_bus *bus;
    struct domain domain;
    struct timer timer;
    u32 id;
};

static const struct state_field state[] = {
    STATE(struct lapic, base), STATE(struct lapic, deadline), STATE(struct lapic, start),
    STATE(struct lapic, start_count),
    STATE(struct lapic, initial_count), STATE(struct lapic, divide), STATE(struct lapic, tpr), STATE(struct lapic, ldr),
    STATE(struct lapic, dfr), STATE(struct lapic, svr), STATE(struct lapic, esr), STATE(struct lapic, esr_new),
    STATE(struct lapic, icr_low), STATE(struct lapic, icr_high), STATE_ARRAY(struct lapic, lvt),
    STATE_ARRAY(struct lapic, isr), STATE_ARRAY(struct lapic, tmr), STATE_ARRAY(struct lapic, irr),
    STATE_ARRAY(struct lapic, lines), STATE(struct lapic, extint_message), STATE(struct lapic, pending),
    STATE(struct lapic, extint), STATE_END,
};

static struct lapic *lapic(const struct device *d)
{
    return d->state;
}

static struct lapic_link *link_of(const struct device *d)
{
    return d->link;
}

static bool enabled(const struct device *d)
{
    return lapic(d)->base & BASE_ENABLE;
}

static bool x2apic(const struct device *d)
{
    return (lapic(d)->base & (BASE_ENABLE | BASE_X2APIC)) == (BASE_ENABLE | BASE_X2APIC);
}

static bool xapic(const struct device *d)
{
    return !x2apic(d);
}

bool lapic_accepts(const struct device *d)
{
    return enabled(d) && (lapic(d)->svr & SVR_ENABLE);
}

/* --- priorities and delivery to the CPU --------------------------------------------------------------------- */

static int highest(const u32 *set)
{
    for (int i = 7; i >= 0; i--)
        if (set[i])
            return i * 32 + 31 - __builtin_clz(set[i]);
    return -1;
}

static bool has(const u32 *set, unsigned v)
{
    return set[v / 32] >> (v % 32) & 1;
}

static void put(u32 *set, unsigned v, bool on)
{
    u32 bit = (u32)1 << (v % 32);
    set[v / 32] = on ? set[v / 32] | bit : set[v / 32] & ~bit;
}

/* "Task and Processor Priorities" */
static u8 ppr(const struct lapic *a)
{
    int served = highest(a->isr);
    unsigned s = served < 0 ? 0 : (unsigned)served;
    return (u8)((a->tpr & 0xf0) >= (s & 0xf0) ? a->tpr : s & 0xf0);
}

u8 lapic_priority(const struct device *d)
{
    const struct lapic *a = lapic(d);
    int wanted = highest(a->irr);
    u8 now = ppr(a);
    return wanted >= 0 && (wanted & 0xf0) > (now & 0xf0) ? (u8)(wanted & 0xf0) : now;
}

int lapic_pending(const struct device *d)
{
    const struct lapic *a = lapic(d);
    int v = lapic_accepts(d) ? highest(a->irr) : -1;
    return v >= 0 && (v & 0xf0) > (ppr(a) & 0xf0) ? v : -1;
}

static void update(struct device *d)
{
    struct lapic *a = lapic(d);
    const struct lapic_cpu *cpu = &link_of(d)->cpu;
    bool pending = lapic_pending(d) >= 0;
    if (pending != a->pending) {
        a->pending = pending;
        if (cpu->interrupt)
            cpu->interrupt(cpu->opaque, pending);
    }
    /* While the APIC is off the pin is the CPU's INTR. */
    bool through = !enabled(d) || (!(a->lvt[LVT_LINT0] & LVT_MASKED) && (a->lvt[LVT_LINT0] >> 8 & 7) == LAPIC_EXTINT);
    bool extint = (through && a->lines[0]) || a->extint_message;
    if (extint != a->extint) {
        a->extint = extint;
        if (cpu->extint)
            cpu->extint(cpu->opaque, extint);
    }
}

int lapic_acknowledge(struct device *d)
{
    struct lapic *a = lapic(d);
    int v = lapic_pending(d);
    if (v < 0)
        return lapic_accepts(d) ? (int)(a->svr & 0xff) : -1; /* "Spurious Interrupt" */
    put(a->irr, (unsigned)v, false);
    put(a->isr, (unsigned)v, true);
    update(d);
    return v;
}

void lapic_extint_taken(struct device *d)
{
    lapic(d)->extint_message = false;
    update(d);
}

static void local_interrupt(struct device *d, unsigned n);

/* "Error Handling": an error interrupt for each new error. */
static void error(struct device *d, u32 bit)
{
    struct lapic *a = lapic(d);
    bool new = !(a->esr_new & bit);
    a->esr_new |= bit;
    if (new && !(bit == ESR_RECEIVE_VECTOR && (a->lvt[LVT_ERROR] & 0xff) < 16))
        local_interrupt(d, LVT_ERROR);
}

static void fixed(struct device *d, u8 vector, bool level)
{
    struct lapic *a = lapic(d);
    if (!lapic_accepts(d))
        return;
    if (vector < 16) {
        error(d, ESR_RECEIVE_VECTOR);
        return;
    }
    put(a->irr, vector, true);
    put(a->tmr, vector, level);
    update(d);
}

static void signal_cpu(struct device *d, unsigned mode, u8 vector)
{
    const struct lapic_cpu *cpu = &link_of(d)->cpu;
    switch (mode) {
    case LAPIC_SMI:
        if (cpu->smi)
            cpu->smi(cpu->opaque);
        break;
    case LAPIC_NMI:
        if (cpu->nmi)
            cpu->nmi(cpu->opaque);
        break;
    case LAPIC_INIT:
        lapic_init(d);
        if (cpu->init)
            cpu->init(cpu->opaque);
        break;
    case LAPIC_SIPI:
        if (cpu->startup)
            cpu->startup(cpu->opaque, vector);
        break;
    default: break;
    }
}

/* An APIC that is off hears nothing; one that is disabled by software hears what is not a vector. */
void lapic_accept(struct device *d, const struct lapic_message *m)
{
    if (!enabled(d))
        return;
    switch (m->mode) {
    case LAPIC_FIXED:
    case LAPIC_LOWEST: fixed(d, m->vector, m->level); break;
    case LAPIC_EXTINT:
        lapic(d)->extint_message = true;
        update(d);
        break;
    default: signal_cpu(d, m->mode, m->vector); break;
    }
}

/* "Determining IPI Destination" */
bool lapic_matches(const struct device *d, const struct lapic_message *m)
{
    const struct lapic *a = lapic(d);
    u32 id = link_of(d)->id, dest = m->dest;
    if (!m->logical)
        return dest == (m->wide ? UINT32_MAX : 0xff) || dest == (x2apic(d) ? id : id & 0xff);
    if (x2apic(d)) {
        u32 ldr = id >> 4 << 16 | 1u << (id & 15);
        return (m->wide && dest == UINT32_MAX) || (dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff));
    }
    if (m->wide ? dest == UINT32_MAX : dest == 0xff)
        return true;
    if (dest > 0xff)
        return false;
    u32 ldr = a->ldr >> 24;
    if (a->dfr >> 28 == 0xf)
        return dest & ldr;
    return dest >> 4 == ldr >> 4 && (dest & ldr & 15);
}

/* --- local interrupts ("Local Vector Table") ------------------------------------------------------------------ */

static void local_interrupt(struct device *d, unsigned n)
{
    struct lapic *a = lapic(d);
    u32 lvt = a->lvt[n];
    unsigned mode = n == LVT_TIMER || n == LVT_ERROR ? LAPIC_FIXED : lvt >> 8 & 7;
    if (!enabled(d) || (lvt & LVT_MASKED))
        return;
    bool level = n == LVT_LINT0 && (lvt & LVT_LEVEL); /* LINT1 is an edge */
    if (mode == LAPIC_FIXED) {
        if (level && lapic_accepts(d))
            a->lvt[n] |= LVT_REMOTE_IRR;
        fixed(d, (u8)lvt, level);
    } else if (mode != LAPIC_SIPI && mode != LAPIC_EXTINT) {
        signal_cpu(d, mode, 0);
    }
}

/* A level that is up and was not told, or was ended by an EOI. */
static void check_lint0(struct device *d)
{
    struct lapic *a = lapic(d);
    u32 lvt = a->lvt[LVT_LINT0];
    if (a->lines[0] && (lvt & LVT_LEVEL) && !(lvt & LVT_REMOTE_IRR) && (lvt >> 8 & 7) == LAPIC_FIXED)
        local_interrupt(d, LVT_LINT0);
}

static void irq_in(struct device *d, u32 line, bool level)
{
    struct lapic *a = lapic(d);
    if (line > 1 || level == a->lines[line])
        return;
    a->lines[line] = level;
    if (level && line == 1 && !enabled(d))
        signal_cpu(d, LAPIC_NMI, 0); /* the pin is the CPU's NMI */
    else if (level && !(line == 0 && (a->lvt[LVT_LINT0] & LVT_LEVEL)))
        local_interrupt(d, LVT_LINT0 + line);
    check_lint0(d);
    update(d);
}

/* --- timer ("APIC Timer") --------------------------------------------------------------------------------------- */

static u64 ticks(const struct device *d)
{
    return domain_ticks(link_of(d)->domain, d->env->clock->now);
}

static unsigned timer_mode(const struct lapic *a)
{
    return a->lvt[LVT_TIMER] >> 17 & 3;
}

static unsigned divisor(const struct lapic *a)
{
    unsigned code = (a->divide & 3) | (a->divide >> 1 & 4);
    return code == 7 ? 1 : 2u << code;
}

/* The tick of the next expiry after t, or CLOCK_NEVER. */
static u64 next_expiry(const struct lapic *a, u64 t)
{
    u64 first = a->start + (u64)a->start_count * divisor(a), period = (u64)a->initial_count * divisor(a);
    if (!a->start_count || !a->initial_count || timer_mode(a) > TIMER_PERIODIC)
        return CLOCK_NEVER;
    if (t < first)
        return first;
    return timer_mode(a) == TIMER_PERIODIC ? first + ((t - first) / period + 1) * period : CLOCK_NEVER;
}

static u32 current_count(const struct device *d)
{
    const struct lapic *a = lapic(d);
    u64 t = ticks(d), next = next_expiry(a, t);
    return next == CLOCK_NEVER ? 0 : (u32)((next - t + divisor(a) - 1) / divisor(a));
}

static void arm(struct device *d)
{
    struct lapic *a = lapic(d);
    struct lapic_link *l = link_of(d);
    u64 when = CLOCK_NEVER;
    if (timer_mode(a) == TIMER_DEADLINE) {
        if (a->deadline && l->cpu.tsc.when)
            when = l->cpu.tsc.when(l->cpu.tsc.opaque, a->deadline);
    } else if (!(a->lvt[LVT_TIMER] & LVT_MASKED)) {
        u64 next = next_expiry(a, ticks(d));
        when = next == CLOCK_NEVER ? next : domain_when(l->domain, next);
    }
    if (when == CLOCK_NEVER)
        timer_cancel(d->env->clock, &l->timer);
    else if (!l->timer.armed || l->timer.when != when)
        timer_arm(d->env->clock, &l->timer, when);
}

static void expired(void *opaque, u64 now)
{
    struct device *d = opaque;
    struct lapic *a = lapic(d);
    const struct timebase *tsc = &link_of(d)->cpu.tsc;
    if (timer_mode(a) == TIMER_DEADLINE) {
        if (a->deadline && tsc->read && tsc->read(tsc->opaque) < a->deadline) {
            arm(d); /* the counter was set back */
            return;
        }
        a->deadline = 0; /* the deadline disarms itself, also when masked */
    }
    local_interrupt(d, LVT_TIMER);
    arm(d);
}

void lapic_tsc_changed(struct device *d)
{
    arm(d);
}

/* The count goes on from here, for what makes it count otherwise. */
static void rebase(struct device *d)
{
    struct lapic *a = lapic(d);
    a->start_count = current_count(d);
    a->start = ticks(d);
}

static void initial_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct lapic *a = lapic(d);
    if (timer_mode(a) == TIMER_DEADLINE) {
        a->initial_count = (u32)old; /* "TSC-Deadline Mode": writes are ignored */
        return;
    }
    a->start_count = (u32)value;
    a->start = ticks(d);
    arm(d);
}

static void divide_write(struct device *d, u32 index, u64 value, u64 old)
{
    lapic(d)->divide = (u32)old;
    rebase(d);
    lapic(d)->divide = (u32)value;
    arm(d);
}

/* A one-shot that has expired stays so when it is made periodic. */
static void timer_mode_changed(struct device *d, u32 old_lvt, u32 new_lvt)
{
    struct lapic *a = lapic(d);
    a->lvt[LVT_TIMER] = old_lvt;
    rebase(d);
    a->lvt[LVT_TIMER] = new_lvt;
    if ((old_lvt ^ new_lvt) >> 17 & 2) { /* to or from the deadline: disarmed */
        a->start_count = a->initial_count = 0;
        a->deadline = 0;
    }
}

/* --- IPIs ("Interrupt Command Register (ICR)") ------------------------------------------------------------------- */

static void send(struct device *d, u32 low, u32 dest)
{
    struct lapic_message m = {
        .dest = dest, .wide = x2apic(d), .vector = (u8)low, .mode = low >> 8 & 7, .logical = low >> 11 & 1,
        .shorthand = low >> 18 & 3,
    };
    bool vectored = m.mode == LAPIC_FIXED || m.mode == LAPIC_LOWEST;
    if (m.mode == 3 || m.mode == LAPIC_EXTINT)
        return; /* reserved */
    if (m.mode == LAPIC_INIT && (low & LVT_LEVEL) && !(low >> 14 & 1))
        return; /* INIT level de-assert: not on anything newer than a Pentium */
    if ((m.shorthand == LAPIC_TO_SELF || m.shorthand == LAPIC_TO_ALL) && m.mode != LAPIC_FIXED)
        return; /* invalid ("Valid Combinations") */
    if (vectored && m.vector < 16) {
        error(d, ESR_SEND_VECTOR);
        return;
    }
    if (m.mode == LAPIC_LOWEST && m.shorthand == LAPIC_TO_OTHERS)
        m.mode = LAPIC_FIXED;
    if (link_of(d)->bus)
        lapic_bus_send(link_of(d)->bus, d, &m);
    else if (m.shorthand ? m.shorthand != LAPIC_TO_OTHERS : lapic_matches(d, &m))
        lapic_accept(d, &m);
}

static void icr_write(struct device *d, u32 index, u64 value, u64 old)
{
    send(d, (u32)value, lapic(d)->icr_high >> 24);
}

static void self_ipi_write(struct device *d, u32 index, u64 value, u64 old)
{
    send(d, (u32)(value & 0xff) | LAPIC_TO_SELF << 18, 0);
}

/* --- registers --------------------------------------------------------------------------------------------------- */

static u64 id_get(const struct device *d, u32 index)
{
    return x2apic(d) ? link_of(d)->id : link_of(d)->id << 24;
}

static u64 version_get(const struct device *d, u32 index)
{
    return 0x14 | (LVT_COUNT - 1) << 16;
}

static void tpr_write(struct device *d, u32 index, u64 value, u64 old)
{
    update(d);
}

static u64 apr_get(const struct device *d, u32 index)
{
    return lapic_priority(d);
}

static u64 ppr_get(const struct device *d, u32 index)
{
    return ppr(lapic(d));
}

/* "Signaling Interrupt Servicing Completion" */
static void eoi_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct lapic *a = lapic(d);
    struct lapic_bus *bus = link_of(d)->bus;
    int v = highest(a->isr);
    if (v < 0)
        return;
    put(a->isr, (unsigned)v, false);
    update(d);
    if (!has(a->tmr, (unsigned)v))
        return;
    if ((a->lvt[LVT_LINT0] & LVT_REMOTE_IRR) && (int)(a->lvt[LVT_LINT0] & 0xff) == v) {
        a->lvt[LVT_LINT0] &= ~(u32)LVT_REMOTE_IRR;
        check_lint0(d);
    }
    if (bus && bus->eoi)
        bus->eoi(bus->eoi_opaque, (u8)v);
}

static u64 ldr_get(const struct device *d, u32 index)
{
    u32 id = link_of(d)->id;
    return x2apic(d) ? id >> 4 << 16 | 1u << (id & 15) : lapic(d)->ldr;
}

static u64 dfr_get(const struct device *d, u32 index)
{
    return lapic(d)->dfr | 0x0fffffff;
}

/* "Local APIC State After It Has Been Software Disabled": all local interrupts are masked. */
static void svr_write(struct device *d, u32 index, u64 value, u64 old)
{
    for (unsigned n = 0; n < LVT_COUNT && !(value & SVR_ENABLE); n++)
        lapic(d)->lvt[n] |= LVT_MASKED;
    arm(d);
    update(d);
}

/* A write shows what happened since the last one. */
static void esr_write(struct device *d, u32 index, u64 value, u64 old)
{
    lapic(d)->esr = lapic(d)->esr_new;
    lapic(d)->esr_new = 0;
}

static void lvt_changed(struct device *d, unsigned n, u32 old)
{
    struct lapic *a = lapic(d);
    if (!(a->svr & SVR_ENABLE))
        a->lvt[n] |= LVT_MASKED;
    if (n == LVT_TIMER) {
        if ((a->lvt[n] ^ old) >> 17 & 3)
            timer_mode_changed(d, old, a->lvt[n]);
        arm(d);
    }
    if (n == LVT_LINT0) {
        if (!(a->lvt[n] & LVT_LEVEL))
            a->lvt[n] &= ~(u32)LVT_REMOTE_IRR;
        check_lint0(d);
    }
    update(d);
}

static void timer_write(struct device *d, u32 i, u64 v, u64 old) { lvt_changed(d, LVT_TIMER, (u32)old); }
static void thermal_write(struct device *d, u32 i, u64 v, u64 old) { lvt_changed(d, LVT_THERMAL, (u32)old); }
static void perf_write(struct device *d, u32 i, u64 v, u64 old) { lvt_changed(d, LVT_PERF, (u32)old); }
static void lint0_write(struct device *d, u32 i, u64 v, u64 old) { lvt_changed(d, LVT_LINT0, (u32)old); }
static void lint1_write(struct device *d, u32 i, u64 v, u64 old) { lvt_changed(d, LVT_LINT1, (u32)old); }
static void error_write(struct device *d, u32 i, u64 v, u64 old) { lvt_changed(d, LVT_ERROR, (u32)old); }

static u64 current_get(const struct device *d, u32 index)
{
    return current_count(d);
}

static u64 zero_get(const struct device *d, u32 index)
{
    return 0;
}

static u64 base_get(const struct device *d, u32 index)
{
    return lapic(d)->base;
}

/* As a read of the MSR: 0 once it has passed. */
static u64 deadline_get(const struct device *d, u32 index)
{
    return timer_mode(lapic(d)) == TIMER_DEADLINE ? lapic(d)->deadline : 0;
}

static const struct reg_field svr_fields[] = {
    { "VECTOR", 0, 8, "of a spurious interrupt" },
    { "ENABLE", 8, 1, "enabled by software" },
    { "FOCUS_OFF", 9, 1, "no focus processor checking" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field esr_fields[] = {
    { "SEND_VECTOR", 5, 1, "a message with vector 0 to 15 was to be sent" },
    { "RECEIVE_VECTOR", 6, 1, "an interrupt with vector 0 to 15 came" },
    { "REGISTER", 7, 1, "a register that is not there was accessed" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field icr_fields[] = {
    { "VECTOR", 0, 8, "vector; page of a start-up" },
    { "MODE", 8, 3, "0 fixed, 1 lowest priority, 2 SMI, 4 NMI, 5 INIT, 6 start-up" },
    { "LOGICAL", 11, 1, "destination: 0 physical, 1 logical" },
    { "BUSY", 12, 1, "delivery status: always 0" },
    { "ASSERT", 14, 1, "0 de-assert, 1 assert" },
    { "LEVEL", 15, 1, "0 edge, 1 level" },
    { "TO", 18, 2, "0 destination, 1 self, 2 all, 3 all others" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field lvt_fields[] = {
    { "VECTOR", 0, 8, "vector" },
    { "MODE", 8, 3, "0 fixed, 2 SMI, 4 NMI, 5 INIT, 7 ExtINT" },
    { "BUSY", 12, 1, "delivery status: always 0" },
    { "LOW", 13, 1, "the pin is active low" },
    { "REMOTE_IRR", 14, 1, "a level interrupt waits for its EOI" },
    { "LEVEL", 15, 1, "0 edge, 1 level" },
    { "MASKED", 16, 1, "masked" },
    { "TIMER", 17, 2, "0 one-shot, 1 periodic, 2 TSC deadline" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field base_fields[] = {
    { "BSP", 8, 1, "the bootstrap processor" },
    { "EXTD", 10, 1, "x2APIC mode" },
    { "EN", 11, 1, "enabled" },
    { "PAGE", 12, 24, "where the registers are" },
    { NULL, 0, 0, NULL },
};

#define SLOT(member) REG_SLOT(struct lapic, member)
#define REG(name_, at, slot_, doc_, section_, ...)                                                                    \
    { .name = name_, .offset = at, .width = 4, .slot = slot_, .doc = doc_, .section = section_, __VA_ARGS__ }
#define VECTORS(name_, at, member, doc_, section_)                                                                    \
    REG(name_, at, SLOT(member), doc_, section_, .count = 8, .stride = 16, .access = REG_RO)
#define LVT(name_, at, n, mask, write_, doc_)                                                                         \
    REG(name_, at, SLOT(lvt) + 4 * n, doc_, "Local Vector Table", .reset = LVT_MASKED, .rw = mask, .write = write_,   \
        .fields = lvt_fields)

static const struct reg_desc regs[] = {
    REG("ID", 0x20, REG_NO_SLOT, "local APIC ID", "Local APIC ID", .get = id_get),
    REG("VERSION", 0x30, REG_NO_SLOT, "version and number of local vectors", "Local APIC Version Register",
        .access = REG_RO, .get = version_get),
    REG("TPR", 0x80, SLOT(tpr), "task priority", "Task and Processor Priorities", .rw = 0xff, .write = tpr_write),
    REG("APR", 0x90, REG_NO_SLOT, "arbitration priority", "Lowest Priority Delivery Mode", .access = REG_RO,
        .get = apr_get, .visible = xapic),
    REG("PPR", 0xa0, REG_NO_SLOT, "processor priority", "Task and Processor Priorities", .access = REG_RO,
        .get = ppr_get),
    REG("EOI", 0xb0, REG_NO_SLOT, "any write ends the best interrupt in service",
        "Signaling Interrupt Servicing Completion", .access = REG_WO, .write = eoi_write),
    REG("RRD", 0xc0, REG_NO_SLOT, "remote read: not there on anything newer than a Pentium", "Local APIC Register Map",
        .access = REG_RO, .get = zero_get, .visible = xapic),
    REG("LDR", 0xd0, SLOT(ldr), "logical destination", "Logical Destination Mode", .rw = 0xff000000, .get = ldr_get),
    REG("DFR", 0xe0, SLOT(dfr), "destination format: 0xf flat, 0 cluster", "Logical Destination Mode",
        .rw = 0xf0000000, .reset = UINT32_MAX, .get = dfr_get, .visible = xapic),
    REG("SVR", 0xf0, SLOT(svr), "spurious vector and enable", "Spurious Interrupt", .rw = 0x3ff, .reset = 0xff,
        .write = svr_write, .fields = svr_fields),
    VECTORS("ISR", 0x100, isr, "vectors in service", "Interrupt Acceptance for Fixed Interrupts"),
    VECTORS("TMR", 0x180, tmr, "vectors that came as levels", "Interrupt Acceptance for Fixed Interrupts"),
    VECTORS("IRR", 0x200, irr, "vectors requested", "Interrupt Acceptance for Fixed Interrupts"),
    REG("ESR", 0x280, SLOT(esr), "errors up to the last write", "Error Handling", .write = esr_write,
        .fields = esr_fields),
    REG("ICR", 0x300, SLOT(icr_low), "a write sends an interrupt to other CPUs", "Interrupt Command Register (ICR)",
        .rw = ICR_BITS, .write = icr_write, .fields = icr_fields),
    REG("ICR_HIGH", 0x310, SLOT(icr_high), "its destination, in xAPIC mode in bits 24 to 31",
        "Interrupt Command Register (ICR)", .rw = 0xff000000, .visible = xapic),
    LVT("LVT_TIMER", 0x320, LVT_TIMER, 0x700ff, timer_write, "timer"),
    LVT("LVT_THERMAL", 0x330, LVT_THERMAL, 0x107ff, thermal_write, "thermal sensor"),
    LVT("LVT_PERF", 0x340, LVT_PERF, 0x107ff, perf_write, "performance counters"),
    LVT("LVT_LINT0", 0x350, LVT_LINT0, 0x1a7ff, lint0_write, "pin LINT0"),
    LVT("LVT_LINT1", 0x360, LVT_LINT1, 0x1a7ff, lint1_write, "pin LINT1"),
    LVT("LVT_ERROR", 0x370, LVT_ERROR, 0x100ff, error_write, "errors"),
    REG("TIMER_INITIAL", 0x380, SLOT(initial_count), "a write starts the timer; 0 stops it", "APIC Timer",
        .rw = UINT32_MAX, .write = initial_write),
    REG("TIMER_CURRENT", 0x390, REG_NO_SLOT, "counts down", "APIC Timer", .access = REG_RO, .get = current_get),
    REG("TIMER_DIVIDE", 0x3e0, SLOT(divide), "divisor: bits 3, 1 and 0 are 0 for 2 to 6 for 128, 7 for 1", "APIC Timer",
        .rw = 0xb, .write = divide_write),
    REG("SELF_IPI", 0x3f0, REG_NO_SLOT, "x2APIC: sends a vector to itself", "SELF IPI Register",
        .access = REG_WO, .write = self_ipi_write, .visible = x2apic),
    { .name = NULL },
};
static const struct reg_desc msr_regs[] = {
    { .name = "APIC_BASE", .offset = 0, .width = 8, .access = REG_RO, .slot = REG_NO_SLOT, .get = base_get,
      .fields = base_fields, .doc = "IA32_APIC_BASE", .section = "Local APIC Status and Location" },
    { .name = "TSC_DEADLINE", .offset = 8, .width = 8, .access = REG_RO, .slot = REG_NO_SLOT, .get = deadline_get,
      .doc = "IA32_TSC_DEADLINE", .section = "TSC-Deadline Mode" },
    { .name = NULL },
};

bool lapic_read(struct device *d, u32 offset, u32 *value)
{
    u64 v = 0;
    *value = 0;
    if (!enabled(d) || x2apic(d))
        return false;
    if (device_bank_read(d, BANK_REGS, offset & 0xffc, 4, &v) != MEM_OK && !(offset & 15)) {
        u32 index;
        if (!device_reg_at(d, BANK_REGS, offset & 0xff0, true, &index)) /* EOI reads as 0 */
            error(d, ESR_REGISTER);
    }
    *value = (u32)v;
    return true;
}

bool lapic_write(struct device *d, u32 offset, u32 value)
{
    if (!enabled(d) || x2apic(d))
        return false;
    if (device_bank_write(d, BANK_REGS, offset & 0xffc, 4, value) != MEM_OK && !(offset & 15)) {
        u32 index;
        if (!device_reg_at(d, BANK_REGS, offset & 0xff0, false, &index)) /* read-only ones ignore it */
            error(d, ESR_REGISTER);
    }
    return true;
}

static void reset_registers(struct device *d)
{
    struct lapic *a = lapic(d);
    struct lapic keep = *a;
    *a = (struct lapic){ .base = keep.base, .lines = { keep.lines[0], keep.lines[1] }, .pending = keep.pending,
                         .extint = keep.extint, .dfr = UINT32_MAX, .svr = 0xff };
    for (unsigned n = 0; n < LVT_COUNT; n++)
        a->lvt[n] = LVT_MASKED;
    /* What firmware has always done before anybody else runs: the 8259's interrupts reach the first CPU ("virtual wire
     * mode" of the MultiProcessor Specification 3.6.2.2; QEMU's reset does the same). */
    if (a->base & BASE_BSP)
        a->lvt[LVT_LINT0] = LAPIC_EXTINT << 8;
    arm(d);
    update(d);
}

/* "Local APIC State After an INIT Reset": all but the ID and IA32_APIC_BASE. */
void lapic_init(struct device *d)
{
    reset_registers(d);
}

/* "Local APIC State Transitions": what is not among them is #GP. */
static bool set_base(struct device *d, u64 value)
{
    struct lapic *a = lapic(d);
    const u64 mode = BASE_ENABLE | BASE_X2APIC;
    u64 from = a->base & mode, to = value & mode;
    bool x2 = device_prop_bool(d, "x2apic");
    if ((value & 0x2ff) || value >> device_prop_u64(d, "phys-bits") || (!x2 && (value & BASE_X2APIC)))
        return false;
    if (to == BASE_X2APIC || (from == mode && to == BASE_ENABLE) || (!from && to == mode))
        return false;
    a->base = (value & ~(u64)BASE_BSP) | (a->base & BASE_BSP);
    if (!to && from)
        reset_registers(d);
    update(d);
    if (link_of(d)->cpu.base)
        link_of(d)->cpu.base(link_of(d)->cpu.opaque);
    return true;
}

static bool set_deadline(struct device *d, u64 value)
{
    struct lapic *a = lapic(d);
    const struct timebase *tsc = &link_of(d)->cpu.tsc;
    if (!tsc->read)
        return false;
    if (timer_mode(a) != TIMER_DEADLINE)
        return true; /* ignored */
    a->deadline = value;
    if (value && tsc->read(tsc->opaque) >= value)
        expired(d, d->env->clock->now);
    arm(d);
    return true;
}

bool lapic_msr_read(struct device *d, u32 msr, u64 *value)
{
    const struct lapic *a = lapic(d);
    u32 index, offset = (msr - MSR_X2APIC) << 4;
    *value = 0;
    if (msr == MSR_BASE) {
        *value = a->base;
        return true;
    }
    if (msr == MSR_DEADLINE) {
        *value = deadline_get(d, 0);
        return link_of(d)->cpu.tsc.read;
    }
    if (!x2apic(d) || msr < MSR_X2APIC || msr > MSR_X2APIC + 0xff)
        return false;
    if (msr == MSR_ICR) {
        *value = a->icr_low | (u64)a->icr_high << 32;
        return true;
    }
    return device_reg_at(d, BANK_REGS, offset, false, &index) &&
           device_bank_read(d, BANK_REGS, offset, 4, value) == MEM_OK;
}

/* "Reserved Bit Checking" */
bool lapic_msr_write(struct device *d, u32 msr, u64 value)
{
    struct lapic *a = lapic(d);
    u32 index, offset = (msr - MSR_X2APIC) << 4;
    if (msr == MSR_BASE)
        return set_base(d, value);
    if (msr == MSR_DEADLINE)
        return set_deadline(d, value);
    if (!x2apic(d) || msr < MSR_X2APIC || msr > MSR_X2APIC + 0xff)
        return false;
    if (msr == MSR_ICR) {
        if ((u32)value & ~ICR_BITS)
            return false;
        a->icr_low = (u32)value;
        a->icr_high = (u32)(value >> 32);
        send(d, a->icr_low, a->icr_high);
        return true;
    }
    const struct reg_desc *r = device_reg_at(d, BANK_REGS, offset, true, &index);
    u64 allowed = !r                         ? 0
                  : r->fields == lvt_fields      ? r->rw | LVT_BUSY | LVT_REMOTE_IRR
                  : r->write == self_ipi_write ? 0xff /* a command: nothing is kept, so rw is 0 */
                                               : r->rw;
    if (!r || !r->write || (value & ~allowed))
        return false;
    return device_bank_write(d, BANK_REGS, offset, 4, value) == MEM_OK;
}

u64 lapic_base(const struct device *d)
{
    return lapic(d)->base;
}

u8 lapic_tpr(const struct device *d)
{
    return (u8)(lapic(d)->tpr >> 4);
}

void lapic_set_tpr(struct device *d, u8 cr8)
{
    lapic(d)->tpr = (u32)(cr8 & 15) << 4;
    update(d);
}

void lapic_set_cpu(struct device *d, const struct lapic_cpu *cpu)
{
    link_of(d)->cpu = *cpu;
}

void lapic_set_bus(struct device *d, struct lapic_bus *bus)
{
    link_of(d)->bus = bus;
}

static bool build(struct device *d, struct err *e)
{
    struct lapic_link *l = link_of(d);
    u64 hz = device_prop_u64(d, "hz"), id = device_prop_u64(d, "id"), bits = device_prop_u64(d, "phys-bits");
    if (!hz || hz > 10000000000)
        return err_set(e, "%s: hz=%llu is not 1 to 10000000000", d->path, (unsigned long long)hz);
    if (id >= 0xff)
        return err_set(e, "%s: id=%llu is not 0 to 254", d->path, (unsigned long long)id);
    if (bits < 32 || bits > 52)
        return err_set(e, "%s: phys-bits=%llu is not 32 to 52", d->path, (unsigned long long)bits);
    l->id = (u32)id;
    l->domain = domain_make(d->env->clock->hz, hz, 1);
    timer_init(d->env->clock, &l->timer, d->path, "timer", 15, expired, d);
    return true;
}

static void reset(struct device *d)
{
    lapic(d)->base = LAPIC_ADDRESS | BASE_ENABLE | (device_prop_bool(d, "bsp") ? BASE_BSP : 0);
    reset_registers(d);
    if (link_of(d)->cpu.base)
        link_of(d)->cpu.base(link_of(d)->cpu.opaque);
}

/* A snapshot is not trusted: the count cannot have started later than now. */
static void loaded(struct device *d)
{
    struct lapic *a = lapic(d);
    u64 t = ticks(d);
    a->start = a->start < t ? a->start : t;
    a->divide &= 0xb;
}

static const struct reg_bank bank = {
    .name = "lapic", .size = 0x1000, .min_access = 4, .max_access = 4, .hole_faults = true, .regs = regs,
};
static const struct reg_bank msr_bank = {
    .name = "msr", .size = 16, .min_access = 8, .max_access = 8, .regs = msr_regs,
};

static const struct prop_desc props[] = {
    { "id", PROP_U64, "0", "its APIC ID, 0 to 254" },
    { "bsp", PROP_BOOL, "off", "of the CPU that starts the machine" },
    { "hz", PROP_U64, "1000000000", "frequency that the timer divides" },
    { "x2apic", PROP_BOOL, "on", "has x2APIC mode" },
    { "phys-bits", PROP_U64, "40", "address bits of the CPU" },
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class lapic_class = {
    .name = "lapic",
    .doc = "local APIC",
    .state_size = sizeof(struct lapic),
    .state = state,
    .link_size = sizeof(struct lapic_link),
    .props = props,
    .banks = { &bank, &msr_bank },
    .build = build,
    .reset = reset,
    .loaded = loaded,
    .irq_in = irq_in,
};
