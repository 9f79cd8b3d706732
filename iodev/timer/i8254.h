/* Intel 8254 programmable interval timer of a PC, and port 0x61 (system control port B).
 *
 * bank 0: ports 0x40 to 0x43; bank 1: port 0x61; bank 2: the counters as they are, not mapped.
 * out[0]: OUT of counter 0 (IRQ0); out[1]: OUT of counter 2, for a speaker: without a wire no timer runs for it. */
#ifndef IODEV_TIMER_I8254_H
#define IODEV_TIMER_I8254_H

#include "iodev/device.h"

extern const struct device_class i8254_class;

#endif
