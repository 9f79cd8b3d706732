/* PCI: configuration mechanism #1, the header of every function, base addresses, interrupt pins, bus mastering.
 * "PCI Local Bus Specification", revision 3.0; sections are of it. */
#include "iodev/bus/pci.h"

#include <string.h>

enum { FUNCTIONS = 256, BARS = 6, CONFIG_SIZE = 256 };

/* What the chipset decodes itself never reaches the bus, so base addresses lie below everything. */
#define PCI_RANK (-1)

struct pci_bus {
    struct device *bridge;
    struct pci_host *host;
    struct space *below;
    struct device *fn[FUNCTIONS];
};

struct pci_slot {
    struct pci_bus *bus;
    unsigned devfn;
    struct ram *rom;
    struct window *rom_window;
};

static struct pci_config *config(const struct device *d)
{
    return d->state;
}

/* --- base addresses (6.2.5) -------------------------------------------------------------------------------- */

static unsigned bar_kind(const struct device *d, unsigned i)
{
    return d->cls->pci->bar[i].kind;
}

static u32 bar_size(const struct device *d, unsigned i)
{
    u32 size = d->cls->pci->bar[i].size;
    return size ? size : (u32)d->bank_size[d->cls->pci->bar[i].bank];
}

static bool is_upper_half(const struct device *d, unsigned i)
{
    return i && bar_kind(d, i - 1) == PCI_BAR_MEM64_PREFETCH;
}

static u32 bar_says(const struct device *d, unsigned i)
{
    static const u8 kinds[] = {
        [PCI_BAR_PORTS] = 1, [PCI_BAR_MEM32_PREFETCH] = 8, [PCI_BAR_MEM64_PREFETCH] = 0xc,
    };
    unsigned kind = bar_kind(d, i);
    return kind < sizeof kinds ? kinds[kind] : 0;
}

/* Base address 0 is taken for none: firmware leaves it there when it assigns nothing. */
static void map_bar(struct device *d, unsigned i)
{
    struct pci_config *c = config(d);
    u64 base = c->bar[i], size = bar_size(d, i);
    bool on;
    switch (bar_kind(d, i)) {
    case PCI_BAR_NONE: return;
    case PCI_BAR_PORTS: on = c->command & PCI_COMMAND_IO && base + size <= 0x10000; break;
    case PCI_BAR_MEM64_PREFETCH: base |= (u64)c->bar[i + 1] << 32; /* fall through */
    default: on = c->command & PCI_COMMAND_MEMORY; break;
    }
    device_place(d, d->cls->pci->bar[i].bank, base, on && base);
}

static void map(struct device *d)
{
    if (!d->pci)
        return;
    for (unsigned i = 0; i < BARS; i++)
        map_bar(d, i);
    if (d->pci->rom) {
        struct pci_config *c = config(d);
        u64 base = c->rom & ~(u64)1;
        space_window_place(d->pci->rom_window, base, base && c->rom & 1 && c->command & PCI_COMMAND_MEMORY);
    }
}

/* --- interrupts (2.2.6) ------------------------------------------------------------------------------------ */

/* The pins of neighbouring slots are wired to the bridge's inputs in turn, slot 1's INTA# to PIRQA: PC boards do it so
 * and SeaBIOS expects it (src/fw/pciinit.c). */
static unsigned pirq_of(const struct device *d)
{
    return ((d->pci->devfn >> 3) + d->cls->pci->pin + 2) & 3;
}

static void route(struct pci_bus *bus)
{
    u8 level = 0;
    for (unsigned k = 0; k < FUNCTIONS; k++) {
        const struct device *d = bus->fn[k];
        if (d && d->cls->pci->pin && config(d)->status & PCI_STATUS_INTX && !(config(d)->command & PCI_COMMAND_NO_INTX))
            level |= (u8)(1 << pirq_of(d));
    }
    u8 changed = level ^ bus->host->pirq;
    bus->host->pirq = level;
    for (unsigned k = 0; k < 4; k++)
        if (changed >> k & 1)
            device_irq(bus->bridge, k, level >> k & 1);
}

void pci_irq(struct device *d, bool level)
{
    struct pci_config *c = config(d);
    c->status = (u16)(level ? c->status | PCI_STATUS_INTX : c->status & ~PCI_STATUS_INTX);
    if (d->pci)
        route(d->pci->bus);
}

/* --- the header (6.1, 6.2) --------------------------------------------------------------------------------- */

static u64 vendor_get(const struct device *d, u32 index) { return d->cls->pci->vendor; }
static u64 device_get(const struct device *d, u32 index) { return d->cls->pci->device; }
static u64 revision_get(const struct device *d, u32 index) { return d->cls->pci->revision; }
static u64 class_get(const struct device *d, u32 index) { return d->cls->pci->class_code >> (8 * index); }
static u64 subsystem_vendor_get(const struct device *d, u32 index) { return d->cls->pci->subsystem_vendor; }
static u64 subsystem_get(const struct device *d, u32 index) { return d->cls->pci->subsystem; }
static u64 capabilities_get(const struct device *d, u32 index) { return d->cls->pci->capabilities; }
static u64 pin_get(const struct device *d, u32 index) { return d->cls->pci->pin; }

static void command_write(struct device *d, u32 index, u64 value, u64 old)
{
    if ((value ^ old) & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY))
        map(d);
    if ((value ^ old) & PCI_COMMAND_NO_INTX && d->pci)
        route(d->pci->bus);
}

/* DEVSEL# timing medium, which is what bridges of the time say. */
static u64 status_get(const struct device *d, u32 index)
{
    return config(d)->status | 1u << 9 | (d->cls->pci->capabilities ? PCI_STATUS_CAPABILITIES : 0);
}

static u64 header_type_get(const struct device *d, u32 index)
{
    unsigned devfn = d->pci ? d->pci->devfn : 0;
    for (unsigned k = 1; k < 8 && d->pci && !(devfn & 7); k++)
        if (d->pci->bus->fn[devfn + k])
            return 0x80;
    return 0;
}

static u64 bar_get(const struct device *d, u32 index)
{
    return config(d)->bar[index] | bar_says(d, index);
}

static void bar_write(struct device *d, u32 index, u64 value, u64 old)
{
    u32 *bar = &config(d)->bar[index];
    if (is_upper_half(d, index)) {
        map_bar(d, index - 1);
        return;
    }
    *bar = bar_kind(d, index) ? (u32)value & ~(bar_size(d, index) - 1) : 0;
    map_bar(d, index);
}

static void rom_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct ram *rom = d->pci ? d->pci->rom : NULL;
    config(d)->rom = rom ? (u32)value & ((u32) - rom->size | 1) : 0;
    map(d);
}

static const struct reg_field command_fields[] = {
    { "IO", 0, 1, "answers in the port space" },
    { "MEMORY", 1, 1, "answers in the memory space" },
    { "MASTER", 2, 1, "may be a bus master" },
    { "PARITY", 6, 1, "heeds parity errors" },
    { "SERR", 8, 1, "may assert SERR#" },
    { "NO_INTX", 10, 1, "does not assert its interrupt pin" },
    { NULL, 0, 0, NULL },
};

static const struct reg_field status_fields[] = {
    { "INTX", 3, 1, "has an interrupt, asserted or not" },
    { "CAPABILITIES", 4, 1, "has a list of capabilities" },
    { "MASTER_PARITY", 8, 1, "saw a parity error as a master" },
    { "DEVSEL", 9, 2, "0 fast, 1 medium, 2 slow" },
    { "TARGET_ABORTS", 11, 1, "ended an access with target abort" },
    { "TARGET_ABORT", 12, 1, "its own access ended with target abort" },
    { "MASTER_ABORT", 13, 1, "nobody answered its access" },
    { "SERR", 14, 1, "asserted SERR#" },
    { "PARITY", 15, 1, "saw a parity error" },
    { NULL, 0, 0, NULL },
};

static const struct reg_field bar_fields[] = {
    { "PORTS", 0, 1, "0 memory, 1 ports" },
    { "TYPE", 1, 2, "of memory: 0 32 bits, 2 64 bits" },
    { "PREFETCH", 3, 1, "of memory: may be prefetched" },
    { "BASE", 4, 28, "of memory: the address" },
    { NULL, 0, 0, NULL },
};

static const struct reg_field rom_fields[] = {
    { "ENABLED", 0, 1, "the ROM is seen" },
    { "BASE", 11, 21, "the address" },
    { NULL, 0, 0, NULL },
};

static const struct reg_field header_type_fields[] = {
    { "LAYOUT", 0, 7, "0 a device" },
    { "MULTI", 7, 1, "the slot has several functions" },
    { NULL, 0, 0, NULL },
};

#define MEMBER(m) REG_SLOT(struct pci_config, m)
const struct reg_desc pci_header[] = {
    { .name = "VID", .offset = 0, .width = 2, .access = REG_RO, .slot = REG_NO_SLOT, .get = vendor_get,
      .doc = "vendor", .section = "6.2.1" },
    { .name = "DID", .offset = 2, .width = 2, .access = REG_RO, .slot = REG_NO_SLOT, .get = device_get,
      .doc = "device", .section = "6.2.1" },
    { .name = "PCICMD", .offset = 4, .width = 2, .rw = 0x0547, .slot = MEMBER(command), .write = command_write,
      .fields = command_fields, .doc = "command", .section = "6.2.2" },
    { .name = "PCISTS", .offset = 6, .width = 2, .w1c = 0xf900, .slot = MEMBER(status), .get = status_get,
      .fields = status_fields, .doc = "status", .section = "6.2.3" },
    { .name = "RID", .offset = 8, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = revision_get,
      .doc = "revision", .section = "6.2.1" },
    { .name = "CLASS", .offset = 9, .width = 1, .count = 3, .access = REG_RO, .slot = REG_NO_SLOT, .get = class_get,
      .doc = "programming interface, subclass, class", .section = "6.2.1" },
    { .name = "CLS", .offset = 0xc, .width = 1, .rw = 0xff, .slot = MEMBER(cache_line),
      .doc = "cache line size in 32-bit words", .section = "6.2.4" },
    { .name = "MLT", .offset = 0xd, .width = 1, .rw = 0xff, .slot = MEMBER(latency),
      .doc = "latency timer of a master, PCI clocks", .section = "6.2.4" },
    { .name = "HEDT", .offset = 0xe, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = header_type_get,
      .fields = header_type_fields, .doc = "header type", .section = "6.2.1" },
    { .name = "BAR", .offset = 0x10, .width = 4, .count = BARS, .rw = 0xffffffff, .slot = MEMBER(bar), .get = bar_get,
      .write = bar_write, .fields = bar_fields, .doc = "base addresses", .section = "6.2.5.1" },
    { .name = "SVID", .offset = 0x2c, .width = 2, .access = REG_RO, .slot = REG_NO_SLOT, .get = subsystem_vendor_get,
      .doc = "vendor of the board", .section = "6.2.4" },
    { .name = "SID", .offset = 0x2e, .width = 2, .access = REG_RO, .slot = REG_NO_SLOT, .get = subsystem_get,
      .doc = "the board", .section = "6.2.4" },
    { .name = "ROMBAR", .offset = 0x30, .width = 4, .rw = 0xfffff801, .slot = MEMBER(rom), .write = rom_write,
      .fields = rom_fields, .doc = "base address of the expansion ROM", .section = "6.2.5.2" },
    { .name = "CAPPTR", .offset = 0x34, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = capabilities_get,
      .doc = "offset of the first capability", .section = "6.7" },
    { .name = "INTLN", .offset = 0x3c, .width = 1, .rw = 0xff, .slot = MEMBER(interrupt_line),
      .doc = "the interrupt's number, for software only", .section = "6.2.4" },
    { .name = "INTPN", .offset = 0x3d, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = pin_get,
      .doc = "interrupt pin: 0 none, 1 INTA# to 4 INTD#", .section = "6.2.4" },
    { .name = NULL },
};

/* --- configuration accesses (6.1, 3.2.2.3) ----------------------------------------------------------------- */

/* The row that answers at an offset; a class's own row hides the header's even when it is read-only. */
static const struct reg_desc *row_at(const struct device *d, unsigned offset, bool write, u32 *index)
{
    const struct reg_desc *r = device_reg_at(d, DEVICE_PCI_BANK, offset, write, index);
    if (r || device_reg_at(d, DEVICE_PCI_BANK, offset, !write, index))
        return r;
    return device_reg_at(d, DEVICE_PCI_HEADER, offset, write, index);
}

/* How many bytes of [offset, offset + size) the row takes, and where in it they begin. */
static unsigned part_of(const struct reg_desc *r, u32 index, unsigned offset, unsigned size, unsigned *within)
{
    *within = offset - r->offset - index * (r->stride ? r->stride : r->width);
    return r->width - *within < size ? r->width - *within : size;
}

static u32 function_read(struct device *d, unsigned offset, unsigned size, bool peek)
{
    u32 value = 0;
    for (unsigned done = 0, n; done < size; done += n) {
        u32 index;
        unsigned within;
        const struct reg_desc *r = row_at(d, offset + done, false, &index);
        n = 1;
        if (!r)
            continue; /* reserved: reads as 0 */
        n = part_of(r, index, offset + done, size - done, &within);
        u64 v = peek ? device_reg_get(d, r, index) : device_reg_read(d, r, index);
        value |= (u32)((v >> (8 * within)) & size_mask(n)) << (8 * done);
    }
    return value;
}

static void function_write(struct device *d, unsigned offset, unsigned size, u32 value)
{
    for (unsigned done = 0, n; done < size; done += n) {
        u32 index;
        unsigned within;
        const struct reg_desc *r = row_at(d, offset + done, true, &index);
        n = 1;
        if (!r)
            continue;
        n = part_of(r, index, offset + done, size - done, &within);
        u64 mask = size_mask(n) << (8 * within);
        device_reg_write(d, r, index, (u64)(value >> (8 * done)) << (8 * within) & mask, mask);
    }
}

static struct pci_bus *bus_of(const struct device *bridge)
{
    return bridge->pci->bus;
}

u32 pci_config_read(struct device *bridge, unsigned devfn, unsigned offset, unsigned size)
{
    struct device *d = pci_function_at(bridge, devfn);
    return d ? function_read(d, offset & (CONFIG_SIZE - size), size, false) : (u32)size_mask(size);
}

void pci_config_write(struct device *bridge, unsigned devfn, unsigned offset, unsigned size, u32 value)
{
    struct device *d = pci_function_at(bridge, devfn);
    if (d)
        function_write(d, offset & (CONFIG_SIZE - size), size, value);
}

#define ADDRESS_ENABLE (1u << 31)

/* The function that CONFIG_ADDRESS selects; there is one bus only. */
static struct device *selected(const struct pci_bus *bus)
{
    u32 a = bus->host->address;
    return a & ADDRESS_ENABLE && !(a >> 16 & 0xff) ? bus->fn[a >> 8 & 0xff] : NULL;
}

static u64 address_get(const struct device *d, u32 index)
{
    return bus_of(d)->host->address;
}

static void address_write(struct device *d, u32 index, u64 value, u64 old)
{
    bus_of(d)->host->address = (u32)value & 0x80fffffc;
}

static u64 data_peek(const struct device *d, u32 index)
{
    const struct pci_bus *bus = bus_of(d);
    struct device *fn = selected(bus);
    return fn ? function_read(fn, bus->host->address & 0xfc, 4, true) : UINT32_MAX;
}

static u64 data_read(struct device *d, u32 index)
{
    const struct pci_bus *bus = bus_of(d);
    struct device *fn = selected(bus);
    return fn ? function_read(fn, bus->host->address & 0xfc, 4, false) : UINT32_MAX;
}

static void data_write(struct device *d, u32 index, u64 value, u64 old)
{
    const struct pci_bus *bus = bus_of(d);
    struct device *fn = selected(bus);
    if (fn)
        function_write(fn, bus->host->address & 0xfc, 4, (u32)value);
}

/* Narrow accesses: to the address register's ports they are ordinary port accesses (3.2.2.3.2), to the data register's
 * they touch the bytes they name. */
static enum mem_result mechanism1_read(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)
{
    const struct pci_bus *bus = bus_of(d);
    u64 port = PCI_MECHANISM1_PORT + offset;
    if (size == 4 || (offset & 3) + size > 4)
        return MEM_FAULT;
    *value = size_mask(size);
    if (offset >= 4) {
        struct device *fn = selected(bus);
        if (fn)
            *value = function_read(fn, (bus->host->address & 0xfc) + (unsigned)(offset & 3), size, peek);
        return MEM_OK;
    }
    for (unsigned k = 0; k < size; k++) {
        u64 byte = 0xff;
        if (peek)
            space_peek(bus->below, port + k, &byte, 1);
        else if (space_read(bus->below, port + k, 1, &byte) != MEM_OK)
            byte = 0xff;
        *value = bits_set(*value, 8 * k, 8, byte);
    }
    return MEM_OK;
}

static enum mem_result mechanism1_write(struct device *d, u64 offset, unsigned size, u64 value)
{
    const struct pci_bus *bus = bus_of(d);
    if (size == 4 || (offset & 3) + size > 4)
        return MEM_FAULT;
    if (offset >= 4) {
        struct device *fn = selected(bus);
        if (fn)
            function_write(fn, (bus->host->address & 0xfc) + (unsigned)(offset & 3), size, (u32)value);
        return MEM_OK;
    }
    for (unsigned k = 0; k < size; k++)
        space_write(bus->below, PCI_MECHANISM1_PORT + offset + k, 1, value >> (8 * k) & 0xff);
    return MEM_OK;
}

static const struct reg_field address_fields[] = {
    { "REGISTER", 2, 6, "which 32-bit word of the configuration space" },
    { "FUNCTION", 8, 3, "of the device" },
    { "DEVICE", 11, 5, "slot on the bus" },
    { "BUS", 16, 8, "0 is the bridge's own" },
    { "ENABLE", 31, 1, "accesses to CONFIG_DATA are configuration accesses" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc mechanism1_regs[] = {
    { .name = "CONFIG_ADDRESS", .offset = 0, .width = 4, .slot = REG_NO_SLOT, .get = address_get,
      .write = address_write, .fields = address_fields, .doc = "what CONFIG_DATA reaches; 32-bit accesses only",
      .section = "3.2.2.3.2" },
    { .name = "CONFIG_DATA", .offset = 4, .width = 4, .slot = REG_NO_SLOT, .get = data_peek, .read = data_read,
      .write = data_write, .doc = "a word of a function's configuration space", .section = "3.2.2.3.2" },
    { .name = NULL },
};

const struct reg_bank pci_mechanism1 = {
    .name = "mechanism1", .size = 8, .min_access = 1, .max_access = 4, .hole_faults = true, .regs = mechanism1_regs,
    .read = mechanism1_read, .write = mechanism1_write, .ports = true,
};

/* --- life -------------------------------------------------------------------------------------------------- */

void pci_reset(struct device *d)
{
    *config(d) = (struct pci_config){ 0 };
    device_reset_rows(d, DEVICE_PCI_HEADER);
    device_reset_rows(d, DEVICE_PCI_BANK);
    map(d);
    if (d->pci)
        route(d->pci->bus);
}

void pci_loaded(struct device *d)
{
    map(d);
}

unsigned pci_devfn(const struct device *d)
{
    return d->pci->devfn;
}

static bool make_window(struct device *d, unsigned i, struct err *e)
{
    u32 size = bar_size(d, i);
    bool ports = bar_kind(d, i) == PCI_BAR_PORTS;
    if (!bar_kind(d, i))
        return true;
    if (is_upper_half(d, i) || (bar_kind(d, i) == PCI_BAR_MEM64_PREFETCH && i == BARS - 1))
        return err_set(e, "device '%s': base address %u has no room for 64 bits", d->cls->name, i);
    if (size < (ports ? 4 : 16) || size & (size - 1))
        return err_set(e, "device '%s': base address %u of %u bytes is not a power of two from %u on", d->cls->name, i,
                       size, ports ? 4 : 16);
    return device_window(d, d->cls->pci->bar[i].bank, ports ? d->env->io : d->env->mem, size, PCI_RANK, e);
}

static bool plug(struct pci_bus *bus, struct device *d, unsigned devfn, struct err *e)
{
    for (unsigned i = 0; i < BARS; i++)
        if (!make_window(d, i, e))
            return false;
    d->pci = ARENA_NEW(d->env->arena, struct pci_slot);
    d->pci->bus = bus;
    d->pci->devfn = devfn;
    bus->fn[devfn] = d;
    return true;
}

bool pci_plug(struct device *bridge, struct device *d, int devfn, struct err *e)
{
    struct pci_bus *bus = bus_of(bridge);
    if (!d->cls->pci || d->pci)
        return err_set(e, "device '%s' is no function for a PCI bus, or on one already", d->cls->name);
    for (unsigned slot = 1; devfn < 0 && slot < FUNCTIONS / 8; slot++) {
        bool is_free = true;
        for (unsigned k = 0; k < 8; k++)
            is_free = is_free && !bus->fn[PCI_DEVFN(slot, k)];
        if (is_free)
            devfn = (int)PCI_DEVFN(slot, 0);
    }
    if (devfn < 0)
        return err_set(e, "device '%s': no PCI slot is left", d->cls->name);
    if (devfn >= FUNCTIONS || bus->fn[devfn])
        return err_set(e, "device '%s': PCI slot %x.%x %s", d->cls->name, (unsigned)devfn >> 3, (unsigned)devfn & 7,
                       devfn >= FUNCTIONS ? "does not exist" : "is taken");
    if (!plug(bus, d, (unsigned)devfn, e))
        return false;
    if (!d->parent)
        d->parent = bridge;
    return true;
}

bool pci_bus_init(struct device *bridge, struct pci_host *host, struct err *e)
{
    struct arena *a = bridge->env->arena;
    struct pci_bus *bus = ARENA_NEW(a, struct pci_bus);
    bus->bridge = bridge;
    bus->host = host;
    bus->below = space_new(a, "below CONFIG_ADDRESS");
    return plug(bus, bridge, 0, e);
}

void pci_bus_reset(struct device *bridge)
{
    struct pci_bus *bus = bus_of(bridge);
    bus->host->address = 0;
    route(bus);
    for (unsigned k = 0; k < 4; k++) /* the bridge's reset may have forgotten what it drove */
        device_irq(bridge, k, bus->host->pirq >> k & 1);
}

struct device *pci_function_at(const struct device *bridge, unsigned devfn)
{
    return devfn < FUNCTIONS ? bus_of(bridge)->fn[devfn] : NULL;
}

struct space *pci_bus_below(const struct device *bridge)
{
    return bus_of(bridge)->below;
}

/* --- bus masters (2.2.3, 6.2.2) ---------------------------------------------------------------------------- */

static bool mastered(struct device *d, bool done)
{
    if (!done)
        config(d)->status |= PCI_STATUS_MASTER_ABORT;
    return done;
}

bool pci_dma_read(struct device *d, u64 addr, void *out, u64 len)
{
    return config(d)->command & PCI_COMMAND_MASTER && mastered(d, space_dma_read(d->env->mem, addr, out, len));
}

bool pci_dma_write(struct device *d, u64 addr, const void *in, u64 len)
{
    return config(d)->command & PCI_COMMAND_MASTER && mastered(d, space_dma_write(d->env->mem, addr, in, len));
}

/* --- expansion ROM (6.2.5.2, 6.3) -------------------------------------------------------------------------- */

bool pci_set_rom(struct device *d, const void *data, u64 size, struct err *e)
{
    u64 room = PAGE_SIZE;
    while (room < size && room < 1u << 24)
        room *= 2;
    if (!d->pci || d->pci->rom || !size || size > room)
        return err_set(e, "device '%s' cannot show an expansion ROM of %llu bytes (1 to 16 MiB)", d->path,
                       (unsigned long long)size);
    char *name = arena_printf(d->env->arena, "%s/rom", d->path);
    struct ram *rom = ram_new(d->env->arena, name, room, true, e);
    if (!rom)
        return false;
    memset(rom->host, 0xff, room);
    memcpy(rom->host, data, size);
    ram_written(rom, 0, room);
    d->pci->rom = rom;
    d->pci->rom_window = space_window_new(d->env->mem, name, room, PCI_RANK, NULL, NULL, rom, 0);
    space_window_direct(d->pci->rom_window, true, false);
    return true;
}

struct ram *pci_rom(const struct device *d)
{
    return d->pci ? d->pci->rom : NULL;
}
