/* pc-testdev: what kvm-unit-tests expects of an x86 machine to test it with.
 *
 * bank 0: ports 0xe0 to 0xeb; bank 1: ports 0x2000 to 0x2017, one for each interrupt line; bank 2: 64 KiB of memory at
 * 0xff000000 that answers accesses of every size. out[0..23]: the lines (global system interrupts). It maps itself. */
#ifndef IODEV_MISC_PC_TESTDEV_H
#define IODEV_MISC_PC_TESTDEV_H

#include "iodev/device.h"

#define PC_TESTDEV_LINES 24

extern const struct device_class pc_testdev_class;

#endif
