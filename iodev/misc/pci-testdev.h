/* pci-testdev: counts writes to places that it names, for tests of I/O accesses (kvm-unit-tests).
 * BAR 0: 4 KiB of memory (bank 0); BAR 1: 256 ports (bank 1). */
#ifndef IODEV_MISC_PCI_TESTDEV_H
#define IODEV_MISC_PCI_TESTDEV_H

#include "iodev/bus/pci.h"

extern const struct device_class pci_testdev_class;

#endif
