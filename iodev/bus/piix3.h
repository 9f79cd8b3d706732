/* Intel 82371SB (PIIX3), function 0: the bridge to the ISA bus. "82371FB (PIIX) and 82371SB (PIIX3) PCI ISA IDE
 * Xcelerator", Intel 290550. The interrupt and DMA controllers, the timer and the rest of what the chip holds are
 * devices of their own.
 *
 *   PIRQA..D of the host bridge -> irq_in 0..3 --[ PIRQRC ]-- out[0..15]: ISA interrupts, asserted while one of the
 *                                                             lines that are routed there is
 * Bank 0 is port 0xcf9. */
#ifndef IODEV_BUS_PIIX3_H
#define IODEV_BUS_PIIX3_H

#include "iodev/bus/pci.h"

extern const struct device_class piix3_isa_class;

/* Once, when both are built: wires the bridge's PIRQs, and puts the reset control port below CONFIG_ADDRESS. */
bool piix3_connect(struct device *d, struct device *bridge, struct err *e);

/* Who is told when the guest resets the machine: hard, or the CPU only. */
void piix3_set_hook(struct device *d, void (*reset)(void *opaque, bool hard), void *opaque);

#endif
