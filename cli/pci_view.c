#include "cli/pci_view.h"

bool pci_view_region(const struct device *d, unsigned n, struct pci_view *out)
{
    unsigned command = (unsigned)device_reg_value(d, "PCICMD");
    u64 at;
    *out = (struct pci_view){ .at = ~(u64)0 };
    if (n == 6) {
        if (!pci_rom(d))
            return false;
        at = device_reg_value(d, "ROMBAR");
        out->size = pci_rom(d)->size;
        if (at & 1 && at & ~(u64)0x7ff && command & PCI_COMMAND_MEMORY)
            out->at = at & ~(u64)0x7ff;
        return true;
    }
    unsigned kind = d->cls->pci->bar[n].kind;
    if (!kind)
        return false;
    out->ports = kind == PCI_BAR_PORTS;
    out->wide = kind == PCI_BAR_MEM64_PREFETCH;
    out->prefetch = kind >= PCI_BAR_MEM32_PREFETCH;
    out->size = d->cls->pci->bar[n].size ? d->cls->pci->bar[n].size : d->bank_size[d->cls->pci->bar[n].bank];
    at = device_reg_element(d, "BAR", n) & ~(u64)(out->ports ? 3 : 15);
    if (out->wide && n < 5)
        at |= device_reg_element(d, "BAR", n + 1) << 32;
    if (at && command & (out->ports ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY))
        out->at = at;
    return true;
}
