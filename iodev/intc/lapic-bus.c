/* Messages between local APICs, from I/O APICs and of PCI devices: who gets them. Sections are titles of Intel SDM
 * volume 3, chapter "Advanced Programmable Interrupt Controller (APIC)". */
#include "iodev/intc/lapic.h"

bool lapic_bus_add(struct lapic_bus *bus, struct device *d, struct err *e)
{
    if (bus->n == LAPIC_MAX)
        return err_set(e, "more than %d local APICs", LAPIC_MAX);
    bus->apic[bus->n++] = d;
    lapic_set_bus(d, bus);
    return true;
}

/* "Lowest Priority Delivery Mode": which of several CPUs of the same priority is up to the chip set. Here it is the
 * first, so that every run is the same. */
static struct device *arbitrate(struct lapic_bus *bus, const struct lapic_message *m)
{
    struct device *best = NULL;
    for (unsigned i = 0; i < bus->n; i++) {
        struct device *d = bus->apic[i];
        if (lapic_accepts(d) && lapic_matches(d, m) && (!best || lapic_priority(d) < lapic_priority(best)))
            best = d;
    }
    return best;
}

void lapic_bus_send(struct lapic_bus *bus, struct device *from, const struct lapic_message *m)
{
    if (m->mode == LAPIC_LOWEST && m->shorthand == LAPIC_TO_DEST) {
        struct device *d = arbitrate(bus, m);
        if (d)
            lapic_accept(d, m);
        return;
    }
    for (unsigned i = 0; i < bus->n; i++) {
        struct device *d = bus->apic[i];
        bool chosen = m->shorthand == LAPIC_TO_DEST ? lapic_matches(d, m)
                      : m->shorthand == LAPIC_TO_SELF ? d == from
                                                      : d != from || m->shorthand == LAPIC_TO_ALL;
        if (chosen)
            lapic_accept(d, m);
    }
}

/* "Message Address Register Format", "Message Data Register Format" */
void lapic_bus_message(struct lapic_bus *bus, u64 addr, u32 data)
{
    bool redirect = addr >> 3 & 1;
    struct lapic_message m = {
        .dest = addr >> 12 & 0xff, .logical = addr >> 2 & 1, .vector = (u8)data, .mode = data >> 8 & 7,
        .level = data >> 15 & 1,
    };
    if (m.level && !(data >> 14 & 1))
        return; /* the end of a level is told by nobody */
    if (redirect && m.mode == LAPIC_FIXED && m.logical)
        m.mode = LAPIC_LOWEST;
    lapic_bus_send(bus, NULL, &m);
}

static enum mem_result window_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
    return MEM_FAULT;
}

static enum mem_result window_write(void *opaque, u64 offset, unsigned size, u64 value)
{
    if (size != 4 || offset & 3)
        return MEM_FAULT;
    lapic_bus_message(opaque, LAPIC_ADDRESS + offset, (u32)value);
    return MEM_OK;
}

const struct io_ops lapic_bus_ops = { window_read, window_write, NULL };
