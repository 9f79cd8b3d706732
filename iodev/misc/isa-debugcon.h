/* The debug console of Bochs: a byte written to port 0xe9 is printed; a read gives 0xe9, which shows that it is there.
 * Properties: iobase, readback, chardev. It maps itself. */
#ifndef IODEV_MISC_ISA_DEBUGCON_H
#define IODEV_MISC_ISA_DEBUGCON_H

#include "iodev/device.h"

extern const struct device_class isa_debugcon_class;

#endif
