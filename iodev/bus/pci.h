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
    const char *rom;               /* property that names the expansion ROM's file, for the board's pci_set_rom() */
    u8 capabilities;               /* offset of the first one, which `config` describes; 0: none */
};

/* First member of the state of every function; the rows of pci_header are its registers. */
struct pci_config {
    u16 command, status;
    u8 cache_line, latency, interrupt_line;
    u32 bar[6], rom; /* without the bits that say what they are */
};
/* The members' rows for a state table: PCI_CONFIG_STATE(struct ide) (the member must be called `pci`). */
#define PCI_CONFIG_STATE(type)                                                                                      \
    STATE(type, pci.command), STATE(type, pci.status), STATE(type, pci.cache_line), STATE(type, pci.latency),       \
        STATE(type, pci.interrupt_line), STATE_ARRAY(type, pci.bar), STATE(type, pci.rom)

enum { /* of the command register, 6.2.2 */
    PCI_COMMAND_IO = 1 << 0,
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_NO_INTX = 1 << 10,
};
enum { /* of the status register, 6.2.3 */
    PCI_STATUS_INTX = 1 << 3,
    PCI_STATUS_CAPABILITIES = 1 << 4,
    PCI_STATUS_MASTER_ABORT = 1 << 13,
};

#define PCI_DEVFN(slot, function) ((slot) << 3 | (function))

extern const struct reg_desc pci_header[]; /* 0 to 0x3f of every function */

/* Puts a built function on the bus of `bridge` (a host bridge). devfn -1: the first free slot. */
bool pci_plug(struct device *bridge, struct device *d, int devfn, struct err *e);
unsigned pci_devfn(const struct device *d);
void pci_reset(struct device *d);  /* from the class's reset(): configuration to power-on state, BARs unmapped */
void pci_loaded(struct device *d); /* from the class's loaded(): maps the BARs where they were */
void pci_irq(struct device *d, bool level); /* the interrupt pin */
/* As a bus master; false when mastering is off or nobody answers. */
bool pci_dma_read(struct device *d, u64 addr, void *out, u64 len);
bool pci_dma_write(struct device *d, u64 addr, const void *in, u64 len);
/* What the expansion ROM BAR of a plugged function shows: the file's bytes, padded to a power of two. */
bool pci_set_rom(struct device *d, const void *data, u64 size, struct err *e);
struct ram *pci_rom(const struct device *d); /* for snapshots; NULL: none */

/* --- host bridges ------------------------------------------------------------------------------------------ */

/* State of a host bridge, a member called `host`. */
struct pci_host {
    u32 address; /* CONFIG_ADDRESS */
    u8 pirq;     /* levels of PIRQA (bit 0) to PIRQD, which are the bridge's out[0..3] */
};
#define PCI_HOST_STATE(type) STATE(type, host.address), STATE(type, host.pirq)

/* Configuration mechanism #1 (3.2.2.3.2): a bank of the bridge's, to be mapped at port 0xcf8. */
extern const struct reg_bank pci_mechanism1;
#define PCI_MECHANISM1_PORT 0xcf8

/* From the bridge's build(): makes the bus and puts the bridge at slot 0. `host` is in the bridge's state. */
bool pci_bus_init(struct device *bridge, struct pci_host *host, struct err *e);
/* From the bridge's reset(). */
void pci_bus_reset(struct device *bridge);
struct device *pci_function_at(const struct device *bridge, unsigned devfn); /* NULL: nobody */
/* Ports 0xcf8 to 0xcfb as accesses narrower than CONFIG_ADDRESS see them: whatever is mapped here. */
struct space *pci_bus_below(const struct device *bridge);
/* Configuration accesses as if through the ports, for tests and firmware set-up. */
u32 pci_config_read(struct device *bridge, unsigned devfn, unsigned offset, unsigned size);
void pci_config_write(struct device *bridge, unsigned devfn, unsigned offset, unsigned size, u32 value);

#endif
