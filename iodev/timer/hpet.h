/* High precision event timers: a 64-bit counter of 100 MHz and three comparators. "IA-PC HPET (High Precision Event
 * Timers) Specification", revision 1.0a.
 *
 * Bank 0 is for HPET_BASE. out[0..23] are interrupt lines (a comparator's INT_ROUTE; in legacy replacement comparator 0
 * is line 0, comparator 1 line 8), out[HPET_OUT_LEGACY] says that legacy replacement is on: the 8254 and the RTC are
 * then to be cut off. Edge interrupts are pulses. */
#ifndef IODEV_TIMER_HPET_H
#define IODEV_TIMER_HPET_H

#include "iodev/device.h"

extern const struct device_class hpet_class;

enum { HPET_TIMERS = 3, HPET_LINES = 24, HPET_OUT_LEGACY = 32 };
#define HPET_BASE 0xfed00000u
#define HPET_ID 0x8086a201u /* the low half of the capabilities, for the ACPI table */

#endif
