/* The virtio block device: virtio 1.2, section 5.2. One queue; requests are done in order, a bounded amount of
 * work per event, each event a fixed virtual time after what caused it. Host disk I/O happens inside the event. */
#ifndef IODEV_BLOCK_VIRTIO_BLK_H
#define IODEV_BLOCK_VIRTIO_BLK_H

#include "iodev/bus/virtio.h"

extern const struct device_class virtio_blk_class;

#endif
