/* The local APIC of a CPU, xAPIC and x2APIC, and the bus that joins those of a machine.
 * Intel SDM volume 3, chapter "Advanced Programmable Interrupt Controller (APIC)".
 *
 * Nothing is mapped by a board: each CPU sees its own registers, through lapic_read() and lapic_write() where
 * IA32_APIC_BASE says, or through MSRs. bank 0: the registers; bank 1: the MSRs that are not among them.
 * Inputs: line 0 LINT0 (the 8259's INT), line 1 LINT1 (NMI). Properties: id, bsp, hz, x2apic, phys-bits. */
#ifndef IODEV_INTC_LAPIC_H
#define IODEV_INTC_LAPIC_H

#include "iodev/device.h"

#define LAPIC_MAX 64
#define LAPIC_ADDRESS 0xfee00000u

extern const struct device_class lapic_class;

/* What a local APIC tells its CPU. Functions may be NULL. */
struct lapic_cpu {
    void *opaque;
    void (*interrupt)(void *opaque, bool pending); /* lapic_pending() found or lost something */
    void (*extint)(void *opaque, bool level);      /* INTR: the vector is the 8259's; then lapic_extint_taken() */
    void (*nmi)(void *opaque);
    void (*smi)(void *opaque);
    void (*init)(void *opaque);
    void (*startup)(void *opaque, u8 vector); /* SIPI: start at vector << 12 */
    void (*base)(void *opaque);               /* IA32_APIC_BASE changed */
    struct timebase tsc;                      /* for the TSC deadline; read NULL: none, the mode is not there */
};
void lapic_set_cpu(struct device *d, const struct lapic_cpu *cpu);

int lapic_pending(const struct device *d); /* the vector that the CPU may take now, or -1 */
int lapic_acknowledge(struct device *d);   /* takes it; the spurious vector when it is gone, -1 when the APIC is off */
void lapic_extint_taken(struct device *d); /* the INTA cycle went to the 8259 */
void lapic_init(struct device *d);         /* INIT reached the CPU on its pin; an INIT message does it by itself */

/* Registers at an offset of the page. A CPU may ask for any: what is not there reads 0 and is an error in ESR. False in
 * x2APIC mode and when the APIC is off. */
bool lapic_read(struct device *d, u32 offset, u32 *value);
bool lapic_write(struct device *d, u32 offset, u32 value);
/* IA32_APIC_BASE (0x1b), IA32_TSC_DEADLINE (0x6e0) and 0x800 to 0x8ff; false: #GP. */
bool lapic_msr_read(struct device *d, u32 msr, u64 *value);
bool lapic_msr_write(struct device *d, u32 msr, u64 value);
u64 lapic_base(const struct device *d);
u8 lapic_tpr(const struct device *d); /* as CR8 */
void lapic_set_tpr(struct device *d, u8 cr8);
void lapic_tsc_changed(struct device *d); /* the CPU's TSC jumped */

/* All local APICs of a machine, and where EOIs of level interrupts go. */
struct lapic_bus {
    struct device *apic[LAPIC_MAX];
    unsigned n;
    void (*eoi)(void *opaque, u8 vector); /* to the I/O APICs */
    void *eoi_opaque;
};
bool lapic_bus_add(struct lapic_bus *bus, struct device *d, struct err *e); /* the bus outlives the device */
/* A message signalled interrupt: a store of `data` to `addr` within 1 MiB from LAPIC_ADDRESS. */
void lapic_bus_message(struct lapic_bus *bus, u64 addr, u32 data);
extern const struct io_ops lapic_bus_ops; /* opaque is the bus; for a window of 1 MiB at LAPIC_ADDRESS */

/* --- between lapic.c and lapic-bus.c --- */
enum lapic_mode { LAPIC_FIXED, LAPIC_LOWEST, LAPIC_SMI, LAPIC_NMI = 4, LAPIC_INIT, LAPIC_SIPI, LAPIC_EXTINT };
enum lapic_shorthand { LAPIC_TO_DEST, LAPIC_TO_SELF, LAPIC_TO_ALL, LAPIC_TO_OTHERS };
struct lapic_message {
    u32 dest;
    u8 vector;
    u8 mode;      /* enum lapic_mode */
    u8 shorthand; /* enum lapic_shorthand; from an APIC only */
    bool logical, level;
    bool wide; /* dest has 32 bits */
};
void lapic_set_bus(struct device *d, struct lapic_bus *bus);
void lapic_bus_send(struct lapic_bus *bus, struct device *from, const struct lapic_message *m);
bool lapic_matches(const struct device *d, const struct lapic_message *m); /* the destination names it */
bool lapic_accepts(const struct device *d);                               /* enabled by software */
u8 lapic_priority(const struct device *d);                                /* for the arbitration of lowest priority */
void lapic_accept(struct device *d, const struct lapic_message *m);

#endif
