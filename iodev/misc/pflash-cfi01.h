#ifndef IODEV_MISC_PFLASH_CFI01_H
#define IODEV_MISC_PFLASH_CFI01_H

#include "iodev/device.h"

/* One 32 MiB bank; a board has one device for each. Property: drive (written back on program and erase).
 * Map it with device_map(d, 0, ...); its memory is cls->bank_ram(d, 0), which exists after build(). */
extern const struct device_class pflash_cfi01_class;

/* Contents without a drive, from the bank's start; call after build(). */
bool pflash_set_contents(struct device *d, const char *name, const u8 *bytes, u64 n, struct err *e);

#endif
