/* Motorola MC146818A real-time clock with 256 bytes of CMOS memory, as on a PC.
 *
 * bank 0: ports 0x70 and 0x71; bank 1: ports 0x72 and 0x73 (the upper 128 bytes); bank 2: all bytes, not mapped.
 * out[0]: IRQ8; out[1]: high while bit 7 of port 0x70 keeps NMIs away. Time and memory survive a reset. */
#ifndef IODEV_TIMER_MC146818_H
#define IODEV_TIMER_MC146818_H

#include "iodev/device.h"

extern const struct device_class mc146818_class;

/* Sets the clock: seconds since 1970 of the time it shows (UTC or local, as the board wishes) at position 0 when called
 * before the first reset, else now. */
void mc146818_set_base(struct device *d, i64 seconds);
/* A byte of the memory, for boards: no side effects. Index 0 to 255; the clock's own registers are left alone. */
void mc146818_set(struct device *d, unsigned index, u8 value);
u8 mc146818_get(const struct device *d, unsigned index);
bool mc146818_nmi_masked(const struct device *d);

#endif
