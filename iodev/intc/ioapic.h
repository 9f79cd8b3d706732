/* Intel 82093AA I/O APIC with 24 inputs, version 0x20 (it has the EOI register).
 *
 * bank 0: the window (0xfec00000); bank 1: what it shows by index, not mapped. Inputs: lines 0 to 23, true is asserted
 * whatever the polarity bit says. Interrupts leave as stores to 0xfeexxxxx of env->mem (iodev/intc/lapic.h). */
#ifndef IODEV_INTC_IOAPIC_H
#define IODEV_INTC_IOAPIC_H

#include "iodev/device.h"

#define IOAPIC_PINS 24

extern const struct device_class ioapic_class;

void ioapic_eoi(struct device *d, u8 vector); /* a local APIC ended a level interrupt */

#endif
