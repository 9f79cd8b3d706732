/* pvpanic: a guest tells that it panicked. Properties: ioport, events. It maps itself. */
#ifndef IODEV_MISC_PVPANIC_H
#define IODEV_MISC_PVPANIC_H

#include "iodev/device.h"

enum { PVPANIC_PANICKED = 1, PVPANIC_CRASH_LOADED = 2 };

extern const struct device_class pvpanic_class;

/* event: PVPANIC_PANICKED, or PVPANIC_CRASH_LOADED when the guest goes on to handle the panic itself. */
void pvpanic_set_hook(struct device *d, void (*panicked)(void *opaque, unsigned event), void *opaque);

#endif
