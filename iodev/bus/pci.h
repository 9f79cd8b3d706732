/* PCI as functions and boards see it: "PCI Local Bus Specification", revision 3.0.
 *
 * A function is a device whose class has `pci` and whose state begins with a struct pci_config. Its configuration
 * space is declared like every other register: the header is the same rows for all (pci.c), what follows is the
 * class's own rows. Its base address registers map banks of the class where the guest puts them. */
#ifndef IODEV_BUS_PCI_H
#define IODEV_BUS_PCI_H

#include "iodev/device.h"

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_PORTS, PCI_BAR_MEM32, PCI_BAR_MEM32_PREFETCH, PCI_BAR_MEM64_PREFETCH };

struct pci_function {
    u16 vendor, device;
    u8 revision;
    u32 class_code; /* 24 bits: class, subclass, programming interface */
    u16 subsystem_vendor, subsystem;
    u8 pin; /* 1 INTA .. 4 INTD; 0: none */
    struct {
        u8 kind, bank; /* bank: of the class */
        u32 size;      /* bytes, a power of two; 0: device.bank_size[bank] */
    } bar[6];
    const struct reg_desc *config; /* from 0x40 on (or over the header: tried first); offsets are those of the space */
    const char *rom;               /* property that names the expansion ROM's file; NULL: none */
};

/* First member of the state of every function; the rows of pci.c are its registers. */
struct pci_config {
    u16 command, status;
    u8 cache_line, latency, interrupt_line;
    u32 bar[6], rom;
};
/* The members' rows for a state table: PCI_CONFIG_STATE(struct ide) (the member must be called `pci`). */
#define PCI_CONFIG_STATE(type)                                                                                      \
    STATE(type, pci.command), STATE(type, pci.status), STATE(type, pci.cache_line), STATE(type, pci.latency),       \
        STATE(type, pci.interrupt_line), STATE_ARRAY(type, pci.bar), STATE(type, pci.rom)

#define PCI_DEVFN(slot, function) ((slot) << 3 | (function))

/* Puts a built function on the bus of `bridge` (a host bridge). devfn -1: the first free slot. */
bool pci_plug(struct device *bridge, struct device *d, int devfn, struct err *e);
unsigned pci_devfn(const struct device *d);
void pci_reset(struct device *d); /* from the class's reset(): configuration to power-on state, BARs unmapped */
void pci_irq(struct device *d, bool level); /* the interrupt pin */
/* As a bus master; false when mastering is off or nobody answers. */
bool pci_dma_read(struct device *d, u64 addr, void *out, u64 len);
bool pci_dma_write(struct device *d, u64 addr, const void *in, u64 len);

#endif
