/* Intel 8259A programmable interrupt controller, with the edge/level control register of PCI chip sets.
 *
 * bank 0: two ports (0x20 or 0xA0); bank 1: ELCR, one port (0x4D0 or 0x4D1); bank 2: what no port shows at once, not
 * mapped. Inputs: lines 0 to 7. out[0]: INT; a slave's goes to line 2 of the master.
 * Properties: "slave", "elcr-mask" (lines that may be level triggered; 0: there is no ELCR and ICW1 decides). */
#ifndef IODEV_INTC_I8259_H
#define IODEV_INTC_I8259_H

#include "iodev/device.h"

extern const struct device_class i8259_class;

void i8259_set_slave(struct device *master, struct device *slave);
/* The INTA cycle: the vector of the best request, which is then in service. Without one it is the spurious vector. */
u8 i8259_acknowledge(struct device *master);

#endif
