/* The virtio console: virtio 1.2, section 5.3.
 *
 * "virtio-serial-device" with a chardev of its own is the simple console, port 0. Otherwise, and when ports are
 * plugged into it ("virtconsole", "virtserialport", by virtio_plug), it offers MULTIPORT and has control queues.
 * Characters are taken while the guest has buffers for them and, with MULTIPORT, has opened the port. */
#ifndef IODEV_CHAR_VIRTIO_CONSOLE_H
#define IODEV_CHAR_VIRTIO_CONSOLE_H

#include "iodev/bus/virtio.h"

#define VIRTIO_SERIAL_PORTS 8

extern const struct device_class virtio_serial_class, virtconsole_class, virtserialport_class;

#endif
