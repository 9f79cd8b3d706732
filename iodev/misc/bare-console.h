#ifndef IODEV_MISC_BARE_CONSOLE_H
#define IODEV_MISC_BARE_CONSOLE_H

#include "iodev/device.h"

extern const struct device_class bare_console_class;

/* Who is told when the program writes END. */
void bare_console_set_hook(struct device *d, void (*fn)(void *opaque, u32 status), void *opaque);

#endif
