/* Where the interrupts of a PC meet: each goes to the 8259s (0 to 15) and to the I/O APIC (0 to 23, with the timer's, IRQ 0,
 * at input 2: "MultiProcessor Specification", 1.4, appendix D). Several parts may share one: input line
 * GSI_LINE(n, source) with sources 0 to 3 are ORed, as on an open-collector bus.
 *
 * out[0..15]: to the 8259s (2 is the cascade and unused); out[GSI_IOAPIC + 0..23]: to the I/O APIC. */
#ifndef IODEV_INTC_GSI_H
#define IODEV_INTC_GSI_H

#include "iodev/device.h"

#define GSI_LINE(n, source) ((n) + 32 * (source))
#define GSI_IOAPIC 16

extern const struct device_class gsi_class;

#endif
