/* The parallel port of a PC in its standard mode (SPP), with a printer that takes everything.
 * bank 0: data, status, control (ports 0x378 to 0x37a). out[0]: IRQ7. Property: chardev. */
#ifndef IODEV_CHAR_PARALLEL_H
#define IODEV_CHAR_PARALLEL_H

#include "iodev/device.h"

extern const struct device_class isa_parallel_class;

#endif
