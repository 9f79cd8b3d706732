/* The virtio transport over memory-mapped registers: virtio 1.2, section 4.2; the legacy interface is 4.2.4.
 * A window of 0x200 bytes: registers of 4 bytes, and the device's configuration space from 0x100 on.
 * Output 0 is the interrupt. Without a child the device ID reads 0, which tells drivers to look elsewhere. */
#ifndef IODEV_BUS_VIRTIO_MMIO_H
#define IODEV_BUS_VIRTIO_MMIO_H

#include "iodev/bus/virtio.h"

#define VIRTIO_MMIO_SIZE 0x200

extern const struct device_class virtio_mmio_class;

#endif
