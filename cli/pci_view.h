/* What a PCI function's configuration says of its windows, for QMP and the monitor. */
#ifndef CLI_PCI_VIEW_H
#define CLI_PCI_VIEW_H

#include "iodev/bus/pci.h"

#define PCI_VIEW_REGIONS 7 /* six BARs, and the expansion ROM's as number 6 */

struct pci_view {
    bool ports, prefetch, wide; /* wide: an address of 64 bits */
    u64 at, size;               /* at ~0: not mapped */
};
/* False: the function has no such region. */
bool pci_view_region(const struct device *d, unsigned n, struct pci_view *out);

#endif
