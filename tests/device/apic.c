/* Local APICs of some CPUs, and an I/O APIC that sends to them. The bench's clock is 1 GHz, like the timers'. */
#include "iodev/intc/ioapic.h"
#include "iodev/intc/lapic.h"

#include "tests/device/pc_rig.h"
#include "tests/device/qtest.h"

#define CPUS 4
enum { ID = 0x20, VERSION = 0x30, TPR = 0x80, APR = 0x90, PPR = 0xa0, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0, SVR = 0xf0,
       ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280, ICR = 0x300, ICR_HIGH = 0x310, LVT_TIMER = 0x320,
       LINT0 = 0x350, LINT1 = 0x360, LVT_ERROR = 0x370, INITIAL = 0x380, CURRENT = 0x390, DIVIDE = 0x3e0 };

struct cpu {
    struct machine *m;
    struct device *apic;
    bool pending, extint;
    unsigned nmis, smis, inits, startups, bases;
    u8 start;
};

struct machine {
    struct pc *pc;
    struct lapic_bus bus;
    struct cpu cpu[CPUS];
    struct device *ioapic;
    u64 tsc_offset;
};

static void on_interrupt(void *o, bool pending) { ((struct cpu *)o)->pending = pending; }
static void on_extint(void *o, bool level) { ((struct cpu *)o)->extint = level; }
static void on_nmi(void *o) { ((struct cpu *)o)->nmis++; }
static void on_smi(void *o) { ((struct cpu *)o)->smis++; }
static void on_init(void *o) { ((struct cpu *)o)->inits++; }
static void on_base(void *o) { ((struct cpu *)o)->bases++; }

static void on_startup(void *o, u8 vector)
{
    ((struct cpu *)o)->startups++;
    ((struct cpu *)o)->start = vector;
}

static void on_eoi(void *o, u8 vector)
{
    ioapic_eoi(((struct machine *)o)->ioapic, vector);
}

/* Three times the clock. */
static u64 tsc_read(void *o)
{
    struct machine *m = o;
    return m->pc->clock.now * 3 + m->tsc_offset;
}

static u64 tsc_when(void *o, u64 value)
{
    struct machine *m = o;
    return value <= tsc_read(o) ? m->pc->clock.now : (value - m->tsc_offset + 2) / 3;
}

static struct machine *machine(void)
{
    struct pc *pc = pc_new(PC_HZ);
    struct machine *m = ARENA_NEW(pc->arena, struct machine);
    struct err e = { "" };
    m->pc = pc;
    for (unsigned i = 0; i < CPUS; i++) {
        struct prop_value *p = arena_alloc(pc->arena, 2 * sizeof *p);
        p[0] = (struct prop_value){ "id", arena_printf(pc->arena, "%u", i * 16 + i), &p[1] };
        p[1] = (struct prop_value){ "bsp", i ? "off" : "on", NULL };
        struct cpu *c = &m->cpu[i];
        *c = (struct cpu){ .m = m, .apic = pc_add(pc, &lapic_class, p, NULL) };
        struct lapic_cpu cpu = { c, on_interrupt, on_extint, on_nmi, on_smi, on_init, on_startup, on_base,
                                 { tsc_read, tsc_when, m } };
        lapic_set_cpu(c->apic, &cpu);
        if (!lapic_bus_add(&m->bus, c->apic, &e))
            rig_die(&e);
    }
    m->ioapic = pc_add(pc, &ioapic_class, NULL, NULL);
    m->bus.eoi = on_eoi;
    m->bus.eoi_opaque = m;
    pc_map(m->ioapic, 0, 0xfec00000);
    if (!space_add_io(pc->env.mem, "msi", LAPIC_ADDRESS, 0x100000, &lapic_bus_ops, &m->bus, &e))
        rig_die(&e);
    return m;
}

static u32 rd(struct machine *m, unsigned cpu, u32 offset)
{
    u32 v = 0;
    CU_ASSERT(lapic_read(m->cpu[cpu].apic, offset, &v));
    return v;
}

static void wr(struct machine *m, unsigned cpu, u32 offset, u32 v)
{
    CU_ASSERT(lapic_write(m->cpu[cpu].apic, offset, v));
}

static void enable(struct machine *m)
{
    for (unsigned i = 0; i < CPUS; i++) {
        wr(m, i, SVR, 0x1ff);
        wr(m, i, LDR, 1u << (24 + i));
    }
}

static void x2(struct machine *m, unsigned cpu)
{
    CU_ASSERT(lapic_msr_write(m->cpu[cpu].apic, 0x1b, lapic_base(m->cpu[cpu].apic) | 0x400));
}

static int take(struct machine *m, unsigned cpu)
{
    struct device *d = m->cpu[cpu].apic;
    return lapic_pending(d) < 0 ? -1 : lapic_acknowledge(d);
}

static void ipi(struct machine *m, unsigned cpu, u32 dest, u32 low)
{
    wr(m, cpu, ICR_HIGH, dest << 24);
    wr(m, cpu, ICR, low);
}

/* Which CPUs have something, as bits; they take it and end it. */
static unsigned who(struct machine *m)
{
    unsigned set = 0;
    for (unsigned i = 0; i < CPUS; i++) {
        EQ(m->cpu[i].pending, lapic_pending(m->cpu[i].apic) >= 0);
        while (take(m, i) >= 0) {
            set |= 1u << i;
            u64 base = lapic_base(m->cpu[i].apic);
            if (base & 0x400)
                lapic_msr_write(m->cpu[i].apic, 0x80b, 0);
            else
                wr(m, i, EOI, 0);
        }
    }
    return set;
}

static void after_reset(void)
{
    struct machine *m = machine();
    EQ(lapic_base(m->cpu[0].apic), 0xfee00900);
    EQ(lapic_base(m->cpu[1].apic), 0xfee00800);
    EQ(rd(m, 1, ID), 0x11000000);
    EQ(rd(m, 1, VERSION), 0x50014);
    EQ(rd(m, 1, SVR), 0xff);
    EQ(rd(m, 1, DFR), 0xffffffff);
    EQ(rd(m, 1, LVT_TIMER), 0x10000);
    EQ(rd(m, 0, LINT0), 0x700);
    EQ(rd(m, 1, LINT0), 0x10000);
    wr(m, 1, LINT0, 0x700); /* disabled: stays masked */
    EQ(rd(m, 1, LINT0), 0x10700);
    wr(m, 1, SVR, 0x1ff);
    wr(m, 1, LINT0, 0x700);
    EQ(rd(m, 1, LINT0), 0x700);
    wr(m, 1, SVR, 0xff);
    EQ(rd(m, 1, LINT0), 0x10700);
    wr(m, 1, ID, 0x55000000);
    EQ(rd(m, 1, ID), 0x11000000);
    EQ(rd(m, 1, 0x24), 0);
    wr(m, 1, ESR, 0);
    EQ(rd(m, 1, ESR), 0);
    EQ(rd(m, 1, 0x40), 0); /* not there */
    wr(m, 1, ESR, 0);
    EQ(rd(m, 1, ESR), 0x80);
    wr(m, 1, VERSION, 1); /* read-only is no error */
    rd(m, 1, EOI);
    wr(m, 1, ESR, 0);
    EQ(rd(m, 1, ESR), 0);
    pc_free(m->pc);
}

static void priorities(void)
{
    struct machine *m = machine();
    enable(m);
    ipi(m, 0, 0x11, 0x51);
    EQ(m->cpu[1].pending, 1);
    EQ(rd(m, 1, IRR + 0x20), 1u << 0x11);
    ipi(m, 0, 0x11, 0x62);
    EQ(lapic_pending(m->cpu[1].apic), 0x62);
    EQ(take(m, 1), 0x62);
    EQ(rd(m, 1, ISR + 0x30), 4);
    EQ(rd(m, 1, PPR), 0x60);
    EQ(take(m, 1), -1); /* 0x51 waits */
    ipi(m, 0, 0x11, 0x6f);
    EQ(take(m, 1), -1); /* the same class */
    ipi(m, 0, 0x11, 0x71);
    EQ(take(m, 1), 0x71);
    wr(m, 1, EOI, 0);
    EQ(rd(m, 1, PPR), 0x60);
    wr(m, 1, EOI, 0);
    EQ(take(m, 1), 0x6f);
    wr(m, 1, EOI, 0);
    wr(m, 1, TPR, 0x55);
    EQ(rd(m, 1, PPR), 0x55);
    EQ(lapic_tpr(m->cpu[1].apic), 5);
    EQ(m->cpu[1].pending, 0);
    EQ(lapic_acknowledge(m->cpu[1].apic), 0xff); /* it was there a moment ago: spurious */
    lapic_set_tpr(m->cpu[1].apic, 4);
    EQ(rd(m, 1, TPR), 0x40);
    EQ(m->cpu[1].pending, 1);
    EQ(take(m, 1), 0x51);
    wr(m, 1, EOI, 0);
    wr(m, 1, EOI, 0); /* nothing in service */
    EQ(rd(m, 1, PPR), 0x40);
    ipi(m, 0, 0x11, 0x81);
    wr(m, 1, SVR, 0xff); /* held while disabled */
    EQ(m->cpu[1].pending, 0);
    EQ(lapic_acknowledge(m->cpu[1].apic), -1);
    ipi(m, 0, 0x11, 0x91); /* not even heard */
    wr(m, 1, SVR, 0x1ff);
    EQ(take(m, 1), 0x81);
    CU_ASSERT(pc_snapshot(m->pc));
    pc_free(m->pc);
}

static void destinations(void)
{
    struct machine *m = machine();
    enable(m);
    ipi(m, 0, 0x22, 0x40);
    EQ(who(m), 4);
    ipi(m, 0, 0xff, 0x40);
    EQ(who(m), 15);
    ipi(m, 0, 0x77, 0x40);
    EQ(who(m), 0);
    ipi(m, 2, 0, 0x40040);
    EQ(who(m), 4);
    ipi(m, 2, 0, 0x80040);
    EQ(who(m), 15);
    ipi(m, 2, 0, 0xc0040);
    EQ(who(m), 11);
    ipi(m, 0, 0x0a, 0x840); /* logical, flat */
    EQ(who(m), 10);
    ipi(m, 0, 0xff, 0x840);
    EQ(who(m), 15);
    for (unsigned i = 0; i < CPUS; i++) { /* cluster */
        wr(m, i, DFR, 0x0fffffff);
        wr(m, i, LDR, (i / 2) << 28 | 1u << (24 + i % 2));
    }
    EQ(rd(m, 0, DFR), 0x0fffffff);
    ipi(m, 0, 0x13, 0x840);
    EQ(who(m), 12);
    ipi(m, 0, 0x02, 0x840);
    EQ(who(m), 2);
    ipi(m, 0, 0x11, 0x840);
    EQ(who(m), 4);
    /* The one with the lowest priority; the first of several. */
    enable(m);
    for (unsigned i = 0; i < CPUS; i++)
        wr(m, i, DFR, 0xffffffff);
    ipi(m, 0, 0x0f, 0x940);
    EQ(who(m), 1);
    wr(m, 0, TPR, 0x20);
    wr(m, 1, TPR, 0x30);
    wr(m, 2, TPR, 0x10);
    ipi(m, 0, 0x07, 0x940);
    EQ(who(m), 4);
    wr(m, 2, SVR, 0xff);
    ipi(m, 0, 0x07, 0x940);
    EQ(who(m), 1);
    pc_free(m->pc);
}

static void ipis(void)
{
    struct machine *m = machine();
    enable(m);
    wr(m, 1, TPR, 0x77);
    ipi(m, 0, 0, 0xc4500); /* INIT to the others */
    EQ(m->cpu[0].inits, 0);
    for (unsigned i = 1; i < CPUS; i++)
        EQ(m->cpu[i].inits, 1);
    EQ(rd(m, 1, TPR), 0);
    EQ(rd(m, 1, SVR), 0xff);
    ipi(m, 0, 0, 0xc8500); /* de-assert: nothing */
    EQ(m->cpu[1].inits, 1);
    ipi(m, 0, 0x33, 0x4608); /* start-up */
    EQ(m->cpu[3].startups, 1);
    EQ(m->cpu[3].start, 8);
    EQ(m->cpu[1].startups, 0);
    ipi(m, 0, 0x33, 0x4400); /* NMI and SMI, heard though disabled */
    EQ(m->cpu[3].nmis, 1);
    ipi(m, 0, 0x33, 0x4200);
    EQ(m->cpu[3].smis, 1);
    ipi(m, 0, 0, 0x44400); /* to itself: invalid */
    EQ(m->cpu[0].nmis, 0);
    ipi(m, 0, 0x00, 0x4005); /* no such vector */
    wr(m, 0, ESR, 0);
    EQ(rd(m, 0, ESR), 0x20);
    wr(m, 0, LVT_ERROR, 0x55);
    ipi(m, 0, 0x00, 0x4005);
    EQ(take(m, 0), 0x55);
    wr(m, 0, ESR, 0);
    wr(m, 0, LVT_ERROR, 5); /* an error of errors ends somewhere */
    ipi(m, 0, 0x00, 0x4005);
    pc_free(m->pc);
}

static void pins(void)
{
    struct machine *m = machine();
    struct device *d = m->cpu[0].apic;
    d->cls->irq_in(d, 0, 1);
    EQ(m->cpu[0].extint, 1); /* virtual wire */
    EQ(m->cpu[1].extint, 0);
    wr(m, 0, SVR, 0x1ff);
    wr(m, 0, LINT0, 0x10700);
    EQ(m->cpu[0].extint, 0);
    wr(m, 0, LINT0, 0x700);
    EQ(m->cpu[0].extint, 1);
    d->cls->irq_in(d, 0, 0);
    EQ(m->cpu[0].extint, 0);
    wr(m, 0, LINT0, 0x60); /* fixed edge */
    d->cls->irq_in(d, 0, 1);
    EQ(take(m, 0), 0x60);
    wr(m, 0, EOI, 0);
    EQ(take(m, 0), -1);
    wr(m, 0, LINT0, 0x8061); /* fixed level, up already */
    EQ(rd(m, 0, LINT0), 0xc061);
    EQ(take(m, 0), 0x61);
    wr(m, 0, EOI, 0);
    EQ(take(m, 0), 0x61);
    d->cls->irq_in(d, 0, 0);
    wr(m, 0, EOI, 0);
    EQ(take(m, 0), -1);
    wr(m, 0, LINT1, 0x400);
    d->cls->irq_in(d, 1, 1);
    EQ(m->cpu[0].nmis, 1);
    d->cls->irq_in(d, 1, 0);
    /* Off: the pins are INTR and NMI. */
    CU_ASSERT(lapic_msr_write(d, 0x1b, 0xfee00100));
    EQ(m->cpu[0].bases, 1);
    u32 v;
    CU_ASSERT(!lapic_read(d, ID, &v));
    CU_ASSERT(!lapic_write(d, TPR, 1));
    d->cls->irq_in(d, 0, 1);
    EQ(m->cpu[0].extint, 1);
    d->cls->irq_in(d, 1, 1);
    EQ(m->cpu[0].nmis, 2);
    ipi(m, 1, 0xff, 0x4400);
    EQ(m->cpu[0].nmis, 2);
    pc_free(m->pc);
}

static void timer(void)
{
    struct machine *m = machine();
    enable(m);
    wr(m, 0, LVT_TIMER, 0x40);
    wr(m, 0, DIVIDE, 0xb); /* by 1 */
    wr(m, 0, INITIAL, 1000);
    pc_run(m->pc, 1);
    EQ(rd(m, 0, CURRENT), 999);
    pc_run(m->pc, 998);
    EQ(m->cpu[0].pending, 0);
    pc_run(m->pc, 1);
    EQ(take(m, 0), 0x40);
    EQ(rd(m, 0, CURRENT), 0);
    EQ(rd(m, 0, INITIAL), 1000);
    wr(m, 0, EOI, 0);
    pc_run(m->pc, 10000);
    EQ(take(m, 0), -1);
    EQ(clock_next(&m->pc->clock), CLOCK_NEVER);
    wr(m, 0, LVT_TIMER, 0x20040); /* periodic, by 16: not started by that */
    EQ(clock_next(&m->pc->clock), CLOCK_NEVER);
    wr(m, 0, DIVIDE, 3);
    wr(m, 0, INITIAL, 100);
    for (unsigned i = 0; i < 5; i++) {
        pc_run(m->pc, 1599);
        EQ(take(m, 0), -1);
        EQ(rd(m, 0, CURRENT), 1);
        pc_run(m->pc, 1);
        EQ(rd(m, 0, CURRENT), 100);
        EQ(take(m, 0), 0x40);
        wr(m, 0, EOI, 0);
    }
    wr(m, 0, LVT_TIMER, 0x30040); /* masked: counts without a timer of ours */
    EQ(clock_next(&m->pc->clock), CLOCK_NEVER);
    pc_run(m->pc, 1600 * 7 + 160);
    EQ(rd(m, 0, CURRENT), 90);
    wr(m, 0, LVT_TIMER, 0x20040);
    pc_run(m->pc, 1439);
    EQ(take(m, 0), -1);
    pc_run(m->pc, 1);
    EQ(take(m, 0), 0x40);
    wr(m, 0, EOI, 0);
    pc_run(m->pc, 800);
    wr(m, 0, DIVIDE, 0xb); /* the rest of the count goes faster */
    EQ(rd(m, 0, CURRENT), 50);
    pc_run(m->pc, 50);
    EQ(take(m, 0), 0x40);
    wr(m, 0, EOI, 0);
    wr(m, 0, INITIAL, 0);
    EQ(clock_next(&m->pc->clock), CLOCK_NEVER);
    wr(m, 0, DIVIDE, 0xa);
    wr(m, 0, INITIAL, 0xffffffff);
    pc_run(m->pc, 128);
    EQ(rd(m, 0, CURRENT), 0xfffffffe);
    CU_ASSERT(pc_snapshot(m->pc));
    pc_free(m->pc);
}

static void deadline(void)
{
    struct machine *m = machine();
    struct device *d = m->cpu[0].apic;
    u64 v;
    enable(m);
    CU_ASSERT(lapic_msr_write(d, 0x6e0, 50)); /* ignored in other modes */
    CU_ASSERT(lapic_msr_read(d, 0x6e0, &v));
    EQ(v, 0);
    wr(m, 0, LVT_TIMER, 0x40045);
    wr(m, 0, INITIAL, 5);
    EQ(rd(m, 0, INITIAL), 0);
    CU_ASSERT(lapic_msr_write(d, 0x6e0, 3001));
    CU_ASSERT(lapic_msr_read(d, 0x6e0, &v));
    EQ(v, 3001);
    pc_run(m->pc, 1000);
    EQ(take(m, 0), -1);
    pc_run(m->pc, 1);
    EQ(take(m, 0), 0x45);
    wr(m, 0, EOI, 0);
    CU_ASSERT(lapic_msr_read(d, 0x6e0, &v));
    EQ(v, 0);
    CU_ASSERT(lapic_msr_write(d, 0x6e0, 1)); /* past: at once */
    EQ(take(m, 0), 0x45);
    wr(m, 0, EOI, 0);
    CU_ASSERT(lapic_msr_write(d, 0x6e0, 1000000));
    m->tsc_offset = 1000000;
    lapic_tsc_changed(d);
    pc_run(m->pc, 0);
    EQ(take(m, 0), 0x45);
    wr(m, 0, EOI, 0);
    CU_ASSERT(lapic_msr_write(d, 0x6e0, 2000000));
    CU_ASSERT(lapic_msr_write(d, 0x6e0, 0));
    EQ(clock_next(&m->pc->clock), CLOCK_NEVER);
    CU_ASSERT(lapic_msr_write(d, 0x6e0, 2000000));
    wr(m, 0, LVT_TIMER, 0x45); /* another mode disarms */
    EQ(clock_next(&m->pc->clock), CLOCK_NEVER);
    pc_free(m->pc);
}

static void x2apic(void)
{
    struct machine *m = machine();
    struct device *d = m->cpu[1].apic;
    u64 v;
    u32 w;
    enable(m);
    CU_ASSERT(!lapic_msr_read(d, 0x802, &v)); /* not in xAPIC mode */
    CU_ASSERT(!lapic_msr_write(d, 0x1b, 0xfee00400));
    CU_ASSERT(!lapic_msr_write(d, 0x1b, 0xfee00801));
    CU_ASSERT(!lapic_msr_write(d, 0x1b, 0x1000000fee00800));
    x2(m, 1);
    CU_ASSERT(!lapic_msr_write(d, 0x1b, 0xfee00800)); /* not straight back */
    CU_ASSERT(!lapic_read(d, ID, &w));
    CU_ASSERT(lapic_msr_read(d, 0x802, &v));
    EQ(v, 0x11);
    CU_ASSERT(lapic_msr_read(d, 0x80d, &v));
    EQ(v, 0x10002);
    CU_ASSERT(!lapic_msr_write(d, 0x80d, 1));
    CU_ASSERT(!lapic_msr_write(d, 0x802, 1));
    CU_ASSERT(!lapic_msr_read(d, 0x80e, &v));
    CU_ASSERT(!lapic_msr_read(d, 0x80b, &v));
    CU_ASSERT(!lapic_msr_read(d, 0x831, &v));
    CU_ASSERT(!lapic_msr_read(d, 0x8ff, &v));
    CU_ASSERT(!lapic_msr_write(d, 0x80b, 1));
    CU_ASSERT(!lapic_msr_write(d, 0x828, 1));
    CU_ASSERT(!lapic_msr_write(d, 0x808, 0x100));
    CU_ASSERT(!lapic_msr_write(d, 0x830, 0x1000));
    CU_ASSERT(lapic_msr_write(d, 0x808, 0x30));
    CU_ASSERT(lapic_msr_read(d, 0x80a, &v));
    EQ(v, 0x30);
    CU_ASSERT(lapic_msr_write(d, 0x83f, 0x41));
    EQ(who(m), 2);
    CU_ASSERT(!lapic_msr_read(d, 0x83f, &v));
    CU_ASSERT(lapic_msr_write(d, 0x830, 0x2200004040));
    EQ(who(m), 4);
    CU_ASSERT(lapic_msr_read(d, 0x830, &v));
    EQ(v, 0x2200004040);
    CU_ASSERT(lapic_msr_write(d, 0x830, 0xffffffff00004040));
    EQ(who(m), 15);
    CU_ASSERT(lapic_msr_write(d, 0x830, 0xff00004040)); /* 255 is somebody */
    EQ(who(m), 0);
    for (unsigned i = 0; i < CPUS; i++)
        if (i != 1)
            x2(m, i);
    CU_ASSERT(lapic_msr_write(d, 0x830, 0x0002000400004840)); /* logical: cluster 2, the third */
    EQ(who(m), 4);
    CU_ASSERT(lapic_msr_write(d, 0x830, 0x0002000300004840));
    EQ(who(m), 0);
    CU_ASSERT(lapic_msr_write(d, 0x1b, 0xfee00000)); /* off, then xAPIC: registers as after reset */
    CU_ASSERT(lapic_msr_write(d, 0x1b, 0xfee00800));
    EQ(rd(m, 1, SVR), 0xff);
    struct prop_value none = { "x2apic", "off", NULL };
    d = pc_add(m->pc, &lapic_class, &none, NULL);
    CU_ASSERT(!lapic_msr_write(d, 0x1b, 0xfee00c00));
    CU_ASSERT(!lapic_msr_write(d, 0x6e0, 0)); /* no TSC */
    pc_free(m->pc);
}

static void message(struct machine *m, u64 addr, u32 data)
{
    EQ(space_write(m->pc->env.mem, addr, 4, data), MEM_OK);
}

static void messages(void)
{
    struct machine *m = machine();
    enable(m);
    message(m, 0xfee22000, 0x4051);
    EQ(who(m), 4);
    message(m, 0xfeeff000, 0x51);
    EQ(who(m), 15);
    message(m, 0xfee0a004, 0x51); /* logical */
    EQ(who(m), 10);
    message(m, 0xfee0a00c, 0x51); /* redirected */
    EQ(who(m), 2);
    message(m, 0xfee0a004, 0x151); /* lowest priority */
    EQ(who(m), 2);
    message(m, 0xfee00000, 0x451);
    EQ(m->cpu[0].nmis, 1);
    message(m, 0xfee00000, 0x8051); /* de-assert */
    EQ(who(m), 0);
    message(m, 0xfee00000, 0x751);
    EQ(m->cpu[0].extint, 1);
    lapic_extint_taken(m->cpu[0].apic);
    EQ(m->cpu[0].extint, 0);
    message(m, 0xfee00000, 0x0f); /* no such vector */
    wr(m, 0, ESR, 0);
    EQ(rd(m, 0, ESR), 0x40);
    u64 v;
    EQ(space_read(m->pc->env.mem, 0xfee00000, 4, &v), MEM_FAULT);
    EQ(space_write(m->pc->env.mem, 0xfee00000, 2, 0x51), MEM_FAULT);
    pc_free(m->pc);
}

static u32 io_rd(struct machine *m, u32 index)
{
    u64 v = 0;
    space_write(m->pc->env.mem, 0xfec00000, 4, index);
    space_read(m->pc->env.mem, 0xfec00010, 4, &v);
    return (u32)v;
}

static void io_wr(struct machine *m, u32 index, u32 v)
{
    space_write(m->pc->env.mem, 0xfec00000, 4, index);
    space_write(m->pc->env.mem, 0xfec00010, 4, v);
}

static void pin(struct machine *m, u32 n, bool level)
{
    m->ioapic->cls->irq_in(m->ioapic, n, level);
}

static void io_edges(void)
{
    struct machine *m = machine();
    enable(m);
    EQ(io_rd(m, 1), 0x170020);
    io_wr(m, 0, 0xffffffff);
    EQ(io_rd(m, 0), 0x0f000000);
    EQ(io_rd(m, 2), 0x0f000000);
    EQ(io_rd(m, 0x10), 0x10000);
    EQ(io_rd(m, 0x40), 0);
    pin(m, 4, 1); /* masked: lost */
    io_wr(m, 0x19, 0x11000000);
    io_wr(m, 0x18, 0x44);
    EQ(who(m), 0);
    pin(m, 4, 0);
    pin(m, 4, 1);
    EQ(rd(m, 1, TMR + 0x20), 0);
    EQ(who(m), 2);
    pin(m, 4, 1);
    EQ(who(m), 0);
    io_wr(m, 0x19, 0x0c000000);
    io_wr(m, 0x18, 0x944); /* logical, lowest priority */
    pin(m, 4, 0);
    pin(m, 4, 1);
    EQ(who(m), 4);
    io_wr(m, 0x18, 0x1ffff); /* read-only bits */
    EQ(io_rd(m, 0x18), 0x1afff);
    EQ(pc_reg(m->ioapic, "IOREDTBL[4]"), 0x0c0000000001afff);
    pc_free(m->pc);
}

static void io_levels(void)
{
    struct machine *m = machine();
    enable(m);
    io_wr(m, 0x25, 0x22000000);
    io_wr(m, 0x24, 0x1a055); /* masked */
    pin(m, 10, 1);
    EQ(who(m), 0);
    io_wr(m, 0x24, 0xa055);
    EQ(io_rd(m, 0x24), 0xe055);
    EQ(rd(m, 2, TMR + 0x20), 1u << 0x15);
    EQ(take(m, 2), 0x55);
    wr(m, 2, EOI, 0); /* still up: again */
    EQ(take(m, 2), 0x55);
    pin(m, 10, 0);
    EQ(io_rd(m, 0x24), 0xe055);
    pin(m, 10, 1);
    pin(m, 10, 0);
    EQ(lapic_pending(m->cpu[2].apic), -1);
    wr(m, 2, EOI, 0);
    EQ(io_rd(m, 0x24), 0xa055);
    EQ(who(m), 0);
    pin(m, 10, 1);
    take(m, 2);
    pin(m, 10, 0);
    space_write(m->pc->env.mem, 0xfec00040, 4, 0x55); /* EOI register */
    EQ(io_rd(m, 0x24), 0xa055);
    pin(m, 10, 1);
    io_wr(m, 0x24, 0x12055); /* made an edge: remote IRR goes */
    EQ(io_rd(m, 0x24), 0x12055);
    CU_ASSERT(pc_snapshot(m->pc));
    pc_free(m->pc);
}

/* The I/O APIC beside QEMU's, whose local APICs hear nothing. QEMU gives line 0 of pc-testdev to pin 2. */
static void beside_qemu(void)
{
    static const char *const extra[] = { "-device", "pc-testdev", NULL };
    static const u32 bits[] = { 0xe0ff, 0x1e0ff };
    struct qtest q;
    if (!qtest_start(&q, extra))
        return;
    struct machine *m = machine();
    u64 seed = 11;
    unsigned different = 0;
    for (unsigned s = 0; s < 8000 && !different; s++) {
        unsigned n = (unsigned)(pc_random(&seed) % 8) + 3;
        u32 v = (u32)pc_random(&seed);
        switch (pc_random(&seed) % 6) {
        case 0:
            v &= bits[v >> 30 & 1]; /* QEMU keeps reserved bits, and does not see a level that came as an edge */
            if (pc_reg(m->ioapic, "LINES") >> n & 1)
                v = (v & ~0x8000u) | (io_rd(m, 0x10 + n * 2) & 0x8000);
            io_wr(m, 0x10 + n * 2, v);
            qtest_writel(&q, 0xfec00000, 0x10 + n * 2);
            qtest_writel(&q, 0xfec00010, v);
            break;
        case 1:
            io_wr(m, 0x11 + n * 2, v);
            qtest_writel(&q, 0xfec00000, 0x11 + n * 2);
            qtest_writel(&q, 0xfec00010, v & 0xff000000);
            break;
        case 2:
        case 3:
            pin(m, n, v & 1);
            qtest_outb(&q, 0x2000 + n, v & 1);
            break;
        case 4:
            v = v & 2 ? (u32)pc_reg(m->ioapic, "IOREDTBL[5]") & 0xff : v & 0xff;
            space_write(m->pc->env.mem, 0xfec00040, 4, v);
            qtest_writel(&q, 0xfec00040, v);
            break;
        default:
            for (unsigned i = 0; i < 4; i++) {
                unsigned index = i < 2 ? 0x10 + n * 2 + i : (unsigned)(pc_random(&seed) % 0x40);
                if (index >= 0x10 && index < 0x16)
                    continue; /* pins 0 to 2: the timer's */
                qtest_writel(&q, 0xfec00000, index);
                u32 theirs = qtest_readl(&q, 0xfec00010), ours = io_rd(m, index);
                if (ours != theirs) {
                    fprintf(stderr, "step %u index 0x%x: 0x%x, QEMU 0x%x\n", s, index, ours, theirs);
                    different++;
                }
            }
            break;
        }
    }
    EQ(different, 0);
    qtest_end(&q);
    pc_free(m->pc);
}

static void fuzz(void)
{
    struct machine *m = machine();
    u64 seed = 1;
    enable(m);
    for (unsigned i = 0; i < 400000; i++) {
        unsigned c = (unsigned)(pc_random(&seed) % CPUS);
        struct device *d = m->cpu[c].apic;
        u32 offset = (u32)(pc_random(&seed) % 64) << 4, v;
        u64 w = pc_random(&seed);
        switch (pc_random(&seed) % 10) {
        case 0: case 1: case 2:
            if (offset == INITIAL || (offset == DIVIDE && (w & 3)))
                w &= 0xffff;
            lapic_write(d, offset, (u32)w);
            break;
        case 3: lapic_read(d, (u32)(w & 0xfff), &v); break;
        case 4: lapic_msr_write(d, 0x800 + (offset >> 4), w & (w >> 20) & 0xff0007ffff); break;
        case 5: lapic_msr_read(d, 0x800 + (u32)(w & 0xff), &w); break;
        case 6: io_wr(m, 0x10 + (u32)(w & 0x2f), (u32)pc_random(&seed)); break;
        case 7: pin(m, (u32)(w % 26), w >> 8 & 1); break;
        case 8: lapic_bus_message(&m->bus, LAPIC_ADDRESS + (w & 0xfffff), (u32)pc_random(&seed)); break;
        default:
            if (i % 97 == 0)
                lapic_msr_write(d, 0x1b, 0xfee00000 | (w & 0xd00));
            if (i % 89 == 0)
                lapic_msr_write(d, 0x6e0, w % 1000000);
            d->cls->irq_in(d, (u32)(w % 3), w >> 8 & 1);
            while (w & 1 && take(m, c) >= 0)
                w >>= 1;
            pc_run(m->pc, w % 1000);
            break;
        }
        EQ(m->cpu[c].pending, lapic_pending(d) >= 0);
        if (i % 20000 == 0)
            CU_ASSERT(pc_snapshot(m->pc));
    }
    pc_fuzz(m->pc, 9, 50000, 100);
    pc_free(m->pc);
}

int main(void)
{
    return unit_main("apic", (CU_TestInfo[]){ { "after reset", after_reset },
                                              { "priorities", priorities },
                                              { "destinations", destinations },
                                              { "interprocessor interrupts", ipis },
                                              { "pins", pins },
                                              { "timer", timer },
                                              { "TSC deadline", deadline },
                                              { "x2APIC", x2apic },
                                              { "messages", messages },
                                              { "I/O APIC, edges", io_edges },
                                              { "I/O APIC, levels", io_levels },
                                              { "I/O APIC beside QEMU", beside_qemu },
                                              { "fuzz", fuzz },
                                              CU_TEST_INFO_NULL });
}
