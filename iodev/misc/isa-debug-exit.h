/* A port that ends the machine: writing n ends the process with status (n << 1) | 1.
 * Properties: iobase, iosize. It maps itself. */
#ifndef IODEV_MISC_ISA_DEBUG_EXIT_H
#define IODEV_MISC_ISA_DEBUG_EXIT_H

#include "iodev/device.h"

extern const struct device_class isa_debug_exit_class;

/* status: what the process is to end with, 8 bits of it on most hosts. */
void isa_debug_exit_set_hook(struct device *d, void (*ended)(void *opaque, u32 status), void *opaque);

#endif
