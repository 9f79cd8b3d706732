/* The virtio network device: virtio 1.2, section 5.1. One pair of queues and a control queue, no offloads.
 *
 * A packet is taken only while there is somewhere to put it: the channel's room() is 0 until the driver is up and
 * has offered buffers, so whoever brings packets holds them. A packet that the filters refuse is taken and
 * forgotten, and so is one too large for the buffer a driver without mergeable buffers offers next. */
#ifndef IODEV_NET_VIRTIO_NET_H
#define IODEV_NET_VIRTIO_NET_H

#include "iodev/bus/virtio.h"

#define VIRTIO_NET_MAX_FRAME 1518 /* Ethernet with a VLAN tag, without FCS */

extern const struct device_class virtio_net_class;

#endif
