/* Where interrupt lines of a PC meet: every source of a line is or-ed, and goes to the 8259s and to the I/O APIC.
 *
 *   source s's line n -> irq_in 32 s + n     out 0..15  -> inputs of the 8259s
 *                        irq_in GSI_LEGACY   out 16..39 -> inputs 0..23 of the I/O APIC
 *
 * Lines 0 to 15 are the ISA interrupts and 16 to 23 reach the I/O APIC only. ISA interrupt 0 is the I/O APIC's input 2
 * (the override that every PC's MADT tells), and line 2, the 8259s' cascade, reaches that input only.
 * While GSI_LEGACY is asserted (the HPET's legacy replacement) source 0's lines 0 and 8, the 8254 and the RTC, are cut
 * off ("IA-PC HPET", 1.0a, 2.3.5). */
#ifndef IODEV_INTC_GSI_H
#define IODEV_INTC_GSI_H

#include "iodev/device.h"

extern const struct device_class gsi_class;

enum { GSI_SOURCES = 8, GSI_LINES = 24, GSI_LEGACY = 32 * GSI_SOURCES, GSI_OUT_PIC = 0, GSI_OUT_IOAPIC = 16 };
#define GSI_IN(source, line) (32 * (source) + (line))

#endif
