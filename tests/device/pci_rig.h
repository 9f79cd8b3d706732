/* A bench for what sits on a PC's PCI bus: a host bridge with memory, ports, functions at slots. */
#ifndef TESTS_DEVICE_PCI_RIG_H
#define TESTS_DEVICE_PCI_RIG_H

#include "base/rng.h"
#include "iodev/bus/i440fx.h"
#include "tests/device/rig.h"

#define PCI_RIG_HZ 1000000000u
#define PCI_RIG_RAM (16u << 20)
#define PCI_RIG_BIOS (256u << 10)
#define PCI_RIG_MAX 8

struct pci_rig {
    struct arena *arena;
    struct clock clock;
    struct event_bus bus;
    struct device_env env;
    struct ram *ram, *bios;
    struct device *bridge;
    struct device *devices[PCI_RIG_MAX]; /* [0] is the bridge */
    unsigned n;
    bool out[PCI_RIG_MAX][DEVICE_MAX_OUT];
    unsigned edges[PCI_RIG_MAX][DEVICE_MAX_OUT]; /* rising */
    struct pci_rig_out {
        struct pci_rig *rig;
        unsigned device;
    } outs[PCI_RIG_MAX];
};

static inline void pci_rig_set(void *opaque, u32 line, bool level)
{
    struct pci_rig_out *o = opaque;
    o->rig->edges[o->device][line] += level && !o->rig->out[o->device][line];
    o->rig->out[o->device][line] = level;
}

/* A device that is built and not yet reset; its outputs go to out[] until the test wires them elsewhere. */
static inline struct device *pci_rig_add(struct pci_rig *p, const struct device_class *cls, struct prop_value *props)
{
    struct err e = { "" };
    unsigned k = p->n++;
    p->outs[k] = (struct pci_rig_out){ p, k };
    struct device *d = device_new(&p->env, cls, arena_printf(p->arena, "/%s%u", cls->name, k), props, &e);
    for (u32 i = 0; d && i < DEVICE_MAX_OUT; i++)
        d->out[i] = (struct wire){ pci_rig_set, &p->outs[k], i };
    if (!d || (cls->build && !cls->build(d, &e)))
        rig_die(&e);
    return p->devices[k] = d;
}

static inline struct device *pci_rig_plug(struct pci_rig *p, const struct device_class *cls, int devfn,
                                          struct prop_value *props)
{
    struct err e = { "" };
    struct device *d = pci_rig_add(p, cls, props);
    if (!pci_plug(p->bridge, d, devfn, &e))
        rig_die(&e);
    device_reset(d);
    return d;
}

static inline struct pci_rig *pci_rig_new(void)
{
    struct err e = { "" };
    struct arena *a = arena_new();
    struct pci_rig *p = ARENA_NEW(a, struct pci_rig);
    p->arena = a;
    clock_init(&p->clock, PCI_RIG_HZ);
    p->env = (struct device_env){ .arena = a, .clock = &p->clock, .bus = &p->bus, .mem = space_new(a, "memory"),
                                  .io = space_new(a, "ports"), .seed = 1 };
    p->ram = ram_new(a, "ram", PCI_RIG_RAM, false, &e);
    p->bios = ram_new(a, "bios", PCI_RIG_BIOS, true, &e);
    p->bridge = pci_rig_add(p, &i440fx_class, NULL);
    if (!p->ram || !p->bios || !device_map(p->bridge, 0, p->env.io, PCI_MECHANISM1_PORT, &e) ||
        !i440fx_set_memory(p->bridge, p->ram, p->bios, &e))
        rig_die(&e);
    device_reset(p->bridge);
    return p;
}

static inline void pci_rig_free(struct pci_rig *p)
{
    struct arena *a = p->arena;
    clock_fini(&p->clock);
    arena_free(a);
}

static inline void pci_rig_run(struct pci_rig *p, u64 ticks)
{
    u64 until = p->clock.now + ticks;
    while (clock_next(&p->clock) <= until) {
        if (clock_next(&p->clock) > p->clock.now)
            p->clock.now = clock_next(&p->clock);
        clock_fire(&p->clock);
    }
    p->clock.now = until;
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

static inline u64 pci_in(struct pci_rig *p, u64 port, unsigned size) { return pci_rig_load(p->env.io, port, size); }
static inline void pci_out(struct pci_rig *p, u64 port, unsigned size, u64 v)
{
    pci_rig_store(p->env.io, port, size, v);
}
static inline u64 pci_load(struct pci_rig *p, u64 at, unsigned size) { return pci_rig_load(p->env.mem, at, size); }
static inline void pci_store(struct pci_rig *p, u64 at, unsigned size, u64 v)
{
    pci_rig_store(p->env.mem, at, size, v);
}

/* Through the ports. */
static inline u32 cfg_read(struct pci_rig *p, unsigned devfn, unsigned offset, unsigned size)
{
    pci_out(p, 0xcf8, 4, 0x80000000u | devfn << 8 | (offset & 0xfc));
    return (u32)pci_in(p, 0xcfc + (offset & 3), size);
}

static inline void cfg_write(struct pci_rig *p, unsigned devfn, unsigned offset, unsigned size, u32 v)
{
    pci_out(p, 0xcf8, 4, 0x80000000u | devfn << 8 | (offset & 0xfc));
    pci_out(p, 0xcfc + (offset & 3), size, v);
}

static inline u64 pci_rig_hash(const struct pci_rig *p)
{
    u64 h = clock_hash(&p->clock, 0);
    for (unsigned i = 0; i < p->n; i++)
        h = state_hash(p->devices[i]->cls->state, p->devices[i]->state, h);
    return h;
}

/* Everything through a snapshot's form; true when it came back the same. */
static inline bool pci_rig_snapshot(struct pci_rig *p)
{
    struct err e = { "" };
    u64 before = pci_rig_hash(p);
    struct buf saved[PCI_RIG_MAX] = { { 0 } };
    bool ok = true;
    struct buf timers = { 0 };
    clock_save(&p->clock, &timers);
    for (unsigned i = 0; i < p->n; i++)
        state_save(p->devices[i]->cls->state, p->devices[i]->state, &saved[i]);
    for (unsigned i = 0; i < p->n; i++) /* somewhere else */
        device_reset(p->devices[i]);
    for (unsigned i = 0; i < p->n; i++) {
        struct reader in = { saved[i].data, saved[i].len, 0, false };
        memset(p->devices[i]->state, 0xa5, p->devices[i]->cls->state_size);
        ok = state_load(p->devices[i]->cls->state, p->devices[i]->state, &in, &e) && ok;
        buf_free(&saved[i]);
    }
    struct reader in = { timers.data, timers.len, 0, false };
    ok = clock_load(&p->clock, &in, &e) && ok;
    buf_free(&timers);
    for (unsigned i = 0; i < p->n; i++)
        if (p->devices[i]->cls->loaded)
            p->devices[i]->cls->loaded(p->devices[i]);
    return ok && pci_rig_hash(p) == before;
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

#endif
