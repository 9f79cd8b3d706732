/* The ISA bus: devices that decode the ports their properties name. */
#ifndef IODEV_BUS_ISA_H
#define IODEV_BUS_ISA_H

#include "iodev/device.h"

/* From build(): maps a bank of ports where property `prop` says. */
bool isa_map(struct device *d, unsigned bank, const char *prop, struct err *e);

#endif
