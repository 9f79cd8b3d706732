/* The virtio entropy device: virtio 1.2, section 5.4. Its bytes come from the machine's seed and its own path, so a
 * run repeats exactly; they are not for keeping secrets. */
#ifndef IODEV_MISC_VIRTIO_RNG_H
#define IODEV_MISC_VIRTIO_RNG_H

#include "iodev/bus/virtio.h"

extern const struct device_class virtio_rng_class;

#endif
