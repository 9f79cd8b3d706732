#ifndef IODEV_CHAR_NS16550A_H
#define IODEV_CHAR_NS16550A_H

#include "iodev/device.h"

/* out[0]: the interrupt. Input channel: the device's path. Property: chardev. */
extern const struct device_class ns16550a_class, isa_serial_class;

#endif
