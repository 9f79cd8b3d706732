/* The bench of pc_rig.h with a PCI bus: devices[0] is a host bridge with memory; functions at slots. */
#ifndef TESTS_DEVICE_PCI_RIG_H
#define TESTS_DEVICE_PCI_RIG_H

#include "iodev/bus/i440fx.h"
#include "tests/device/pc_rig.h"

#define PCI_RIG_RAM (16u << 20)
#define PCI_RIG_BIOS (256u << 10)

static inline struct device *pci_rig_plug(struct pc *p, const struct device_class *cls, int devfn,
                                          struct prop_value *props)
{
    struct err e = { "" };
    struct device *d = pc_build(p, cls, props, NULL);
    if (!pci_plug(p->bridge, d, devfn, &e))
        rig_die(&e);
    device_reset(d);
    return d;
}

static inline struct pc *pci_rig_new(void)
{
    struct err e = { "" };
    struct pc *p = pc_begin(PC_HZ, PCI_RIG_RAM);
    p->bios = ram_new(p->arena, "bios", PCI_RIG_BIOS, true, &e);
    p->bridge = pc_build(p, &i440fx_class, NULL, NULL);
    if (!p->bios || !device_map(p->bridge, 0, p->env.io, PCI_MECHANISM1_PORT, &e) ||
        !i440fx_set_memory(p->bridge, p->ram, p->bios, &e))
        rig_die(&e);
    device_reset(p->bridge);
    return p;
}

/* As a CPU does it: what nobody answers reads as ones, and what is too wide is split. */
static inline u64 pci_rig_load(struct space *s, u64 at, unsigned size)
{
    u64 v;
    if (space_read(s, at, size, &v) == MEM_OK)
        return v;
    if (size == 1)
        return 0xff;
    v = pci_rig_load(s, at, size / 2);
    return v | pci_rig_load(s, at + size / 2, size / 2) << (4 * size);
}

static inline void pci_rig_store(struct space *s, u64 at, unsigned size, u64 v)
{
    if (space_write(s, at, size, v) == MEM_OK || size == 1)
        return;
    pci_rig_store(s, at, size / 2, v & size_mask(size / 2));
    pci_rig_store(s, at + size / 2, size / 2, v >> (4 * size));
}

static inline u64 pci_in(struct pc *p, u64 port, unsigned size) { return pci_rig_load(p->env.io, port, size); }
static inline void pci_out(struct pc *p, u64 port, unsigned size, u64 v)
{
    pci_rig_store(p->env.io, port, size, v);
}
static inline u64 pci_load(struct pc *p, u64 at, unsigned size) { return pci_rig_load(p->env.mem, at, size); }
static inline void pci_store(struct pc *p, u64 at, unsigned size, u64 v)
{
    pci_rig_store(p->env.mem, at, size, v);
}

/* Through the ports. */
static inline u32 cfg_read(struct pc *p, unsigned devfn, unsigned offset, unsigned size)
{
    pci_out(p, 0xcf8, 4, 0x80000000u | devfn << 8 | (offset & 0xfc));
    return (u32)pci_in(p, 0xcfc + (offset & 3), size);
}

static inline void cfg_write(struct pc *p, unsigned devfn, unsigned offset, unsigned size, u32 v)
{
    pci_out(p, 0xcf8, 4, 0x80000000u | devfn << 8 | (offset & 0xfc));
    pci_out(p, 0xcfc + (offset & 3), size, v);
}

/* What each row's slot holds after a reset is what the row says. */
static inline void pci_rig_check_reset(const struct device *d)
{
    for (unsigned b = 0; b < DEVICE_BANKS; b++)
        for (const struct reg_desc *r = device_rows(d->cls, b); r && r->name; r++)
            for (u32 i = 0; r->slot != REG_NO_SLOT && !r->get && i < (r->count ? r->count : 1); i++) {
                if (device_reg_get(d, r, i) != r->reset)
                    fprintf(stderr, "%s.%s: not its reset value\n", d->cls->name, r->name);
                CU_ASSERT_EQUAL(device_reg_get(d, r, i), r->reset);
            }
}

/* Who listens to resets. */
struct heard {
    unsigned n;
    bool hard;
};
static inline void hear(void *opaque, bool hard)
{
    struct heard *h = opaque;
    *h = (struct heard){ h->n + 1, hard };
}

#endif
