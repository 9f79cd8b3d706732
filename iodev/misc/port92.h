/* Port 0x92, system control port A: the fast ways to A20 and to a reset of the CPU. bank 0: the port. */
#ifndef IODEV_MISC_PORT92_H
#define IODEV_MISC_PORT92_H

#include "iodev/device.h"

extern const struct device_class port92_class;

/* a20: bit 1 changed, or the device was reset; the gate is open while this or the keyboard controller says so.
 * reset: bit 0 rose; the CPU gets INIT. Either may be NULL. */
void port92_set_hooks(struct device *d, void (*a20)(void *opaque, bool level), void (*reset)(void *opaque),
                      void *opaque);
bool port92_a20(const struct device *d);

#endif
