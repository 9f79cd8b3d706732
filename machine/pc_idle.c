/* All CPUs of a PC wait in HLT. Can an interrupt come, or does each one wait behind another that was never ended (no EOI)?
 * Read from the rows of the controllers, without side effects. */
#include <stdio.h>

#include "cpu/x86/x86.h"
#include "machine/board.h"
#include "machine/pc.h"

/* --- 8259s ---------------------------------------------------------------------------------------------------------------- */

struct chip {
    u8 open;                      /* unmasked inputs that could still be served */
    int in_service, waits_behind; /* inputs; -1: none */
};

static struct chip look(const struct device *pic)
{
    u64 irr = device_reg_value(pic, "IRR"), isr = device_reg_value(pic, "ISR"), imr = device_reg_value(pic, "IMR"), lowest = device_reg_value(pic, "LOWEST");
    struct chip r = { 0, -1, -1 };
    if (device_reg_value(pic, "EXPECT"))
        return r;
    if (device_reg_value(pic, "SPECIAL_MASK"))
        isr &= ~imr;
    for (unsigned rank = 0; rank < 8; rank++) {
        unsigned n = (lowest + 1 + rank) & 7;
        if (r.in_service < 0 && (isr >> n & 1))
            r.in_service = (int)n;
        if (imr >> n & 1)
            continue;
        if (r.in_service < 0)
            r.open |= (u8)(1 << n);
        else if (r.waits_behind < 0 && (irr >> n & 1))
            r.waits_behind = (int)n;
    }
    return r;
}

/* True: a request waits in the 8259s for ever. *dead: nothing at all can come from them. */
static bool pic_waits(struct machine *m, bool *dead, struct buf *out)
{
    const struct device *master = machine_device(m, "/pic0"), *slave = machine_device(m, "/pic1");
    struct chip a = look(master), b = { 0, -1, -1 };
    if (slave)
        b = look(slave);
    /* Behind the master's input 2 is the slave. */
    *dead = !(a.open & ~(slave ? 1 << 2 : 0)) && !(slave && (a.open & 1 << 2) && b.open);
    const struct chip *c = a.waits_behind >= 0 ? &a : b.waits_behind >= 0 ? &b : NULL;
    if (!*dead || !c)
        return false;
    unsigned first = c == &b ? 8 : 0;
    buf_printf(out, "IRQ %u is in service at the 8259 and was not ended: no EOI was written to port 0x%x. IRQ %u waits behind it",
               first + (unsigned)c->in_service, c == &b ? 0xa0 : 0x20, first + (unsigned)c->waits_behind);
    return true;
}

/* --- local APICs ------------------------------------------------------------------------------------------------------------ */

static int highest(const struct device *lapic, const char *name)
{
    for (int n = 7; n >= 0; n--) {
        u64 v = device_reg_element(lapic, name, (unsigned)n);
        if (v)
            return 32 * n + 31 - __builtin_clz((u32)v);
    }
    return -1;
}

static const struct device *lapic_of(struct machine *m, unsigned i)
{
    char name[16];
    snprintf(name, sizeof name, "/lapic%u", i);
    return machine_device(m, name);
}

/* Can the vector of an entry (of the I/O APIC, or a local one) get past what is in service? */
static bool passes(u64 entry, int in_service)
{
    unsigned mode = entry >> 8 & 7;
    return !(entry >> 16 & 1) && (mode > 1 || in_service < 0 || (entry & 0xf0) > (unsigned)(in_service & 0xf0));
}

/* True: a request waits in this local APIC for ever. *open: something else can come to it. */
static bool lapic_waits(struct machine *m, unsigned i, bool pic_dead, bool *open, struct buf *out)
{
    const struct device *d = lapic_of(m, i), *io = machine_device(m, "/ioapic");
    *open = false;
    if (!d)
        return false;
    int isr = highest(d, "ISR"), irr = highest(d, "IRR");
    bool on = device_reg_value(d, "SVR") >> 8 & 1;
    u64 timer = device_reg_value(d, "LVT_TIMER"), lint0 = device_reg_value(d, "LVT_LINT0");
    if (on && (device_reg_value(d, "TIMER_INITIAL") || timer >> 18 & 1) && passes(timer, isr))
        *open = true;
    if (!(lint0 >> 16 & 1) && (lint0 >> 8 & 7) == 7 && !pic_dead)
        *open = true;
    for (unsigned n = 0; on && io && n < 24; n++)
        *open |= passes(device_reg_element(io, "IOREDTBL", n), isr);
    for (unsigned k = 0; on && k < m->n_cpus; k++) /* another CPU could send something, if it ran */
        *open |= k != i && x86_wakes(x86_of(m->cpus[k]));
    if (!on || isr < 0 || irr < 0 || (irr & 0xf0) > (isr & 0xf0))
        return false;
    buf_printf(out, "vector 0x%02x is in service at the local APIC of %s and was not ended: no EOI was written. Vector 0x%02x waits "
               "behind it", isr, m->cpus[i]->name, irr);
    return true;
}

bool pc_waits_for_ever(struct machine *m, struct buf *out)
{
    struct buf pic = { 0 }, apic = { 0 };
    bool dead, any = pic_waits(m, &dead, &pic), open = false, sleeps = false;
    unsigned who = 0;
    for (unsigned i = 0; i < m->n_cpus; i++) {
        const struct x86 *c = x86_of(m->cpus[i]);
        bool is_open;
        if (c->activity != X86_HALTED || !(c->rflags & X86_IF))
            continue; /* waits for SIPI, or with interrupts off */
        if (!sleeps)
            who = i;
        sleeps = true;
        any |= lapic_waits(m, i, dead, &is_open, &apic);
        open |= is_open || (!lapic_of(m, i) && !dead);
    }
    bool stuck = sleeps && any && !open;
    if (stuck) {
        const struct cpu *c = m->cpus[who];
        u64 pc = cpu_linear_pc(c);
        char name[320] = "";
        if (m->names.name)
            m->names.name(m->names.opaque, pc, name, sizeof name);
        buf_printf(out, "%s waits (HLT, behind it is 0x%llx%s%s) for an interrupt that cannot come:\n  %s\n", c->name,
                   (unsigned long long)pc, *name ? " " : "", name, buf_cstr(apic.len ? &apic : &pic));
    }
    buf_free(&pic);
    buf_free(&apic);
    return stuck;
}
