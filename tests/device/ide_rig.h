/* piix3-ide behind a host bridge, with a disk in memory and a CD: what the IDE tests drive through the ports. */
#ifndef TESTS_DEVICE_IDE_RIG_H
#define TESTS_DEVICE_IDE_RIG_H

#include "iodev/block/ide.h"
#include "tests/device/rig.h"

#define PORT_BM 0xc000
#define DEVFN PCI_DEVFN(1, 1)

struct mem_disk {
    struct block_port port; /* first */
    u8 *bytes;
    u64 worst; /* the furthest byte touched */
    bool fail;
    unsigned flushes;
};

static inline bool md_read(struct block_port *b, u64 offset, void *out, size_t len, struct err *e)
{
    struct mem_disk *m = (struct mem_disk *)b;
    if (offset > b->size || len > b->size - offset)
        abort();
    memcpy(out, m->bytes + offset, len);
    return !m->fail;
}

static inline bool md_write(struct block_port *b, u64 offset, const void *in, size_t len, struct err *e)
{
    struct mem_disk *m = (struct mem_disk *)b;
    if (offset > b->size || len > b->size - offset || b->read_only)
        abort();
    memcpy(m->bytes + offset, in, len);
    return !m->fail;
}

static inline bool md_flush(struct block_port *b, struct err *e)
{
    struct mem_disk *m = (struct mem_disk *)b;
    m->flushes++;
    return !m->fail;
}

static inline void md_make(struct arena *a, struct mem_disk *m, u64 size)
{
    static const struct block_ops md_ops = { .read = md_read, .write = md_write, .flush = md_flush };
    m->port = (struct block_port){ .ops = &md_ops, .id = "d", .size = size };
    m->bytes = arena_alloc(a, size + 1);
    for (u64 i = 0; i < size; i++)
        m->bytes[i] = (u8)(i / 512 * 13 + i * 7);
}

struct bridge {
    struct pci_config pci;
    struct pci_host host;
};
static const struct state_field bridge_state[] = { PCI_CONFIG_STATE(struct bridge), PCI_HOST_STATE(struct bridge),
                                                   STATE_END };
static inline bool bridge_build(struct device *d, struct err *e)
{
    return pci_bus_init(d, &((struct bridge *)d->state)->host, e);
}
static const struct pci_function bridge_fn = { .vendor = 0x8086, .device = 0x1237, .class_code = 0x060000 };
static const struct device_class bridge_class = {
    .name = "test-bridge", .doc = "a host bridge", .pci = &bridge_fn, .state_size = sizeof(struct bridge),
    .state = bridge_state, .banks = { &pci_mechanism1 }, .build = bridge_build, .reset = pci_bus_reset,
};

struct ide_rig {
    struct rig *r;
    struct device *bridge, *drive[4];
    struct mem_disk disk[4];
};

static inline void ir_out(struct ide_rig *t, u64 port, unsigned size, u64 v)
{
    (void)!space_write(t->r->env.io, port, size, v);
}

static inline u64 ir_in(struct ide_rig *t, u64 port, unsigned size)
{
    u64 v;
    return space_read(t->r->env.io, port, size, &v) == MEM_OK ? v : size_mask(size);
}

static inline void ir_reset(struct ide_rig *t)
{
    device_reset(t->bridge);
    device_reset(t->r->d);
    for (unsigned i = 0; i < 4; i++)
        if (t->drive[i])
            device_reset(t->drive[i]);
}

static inline void ir_enable(struct ide_rig *t)
{
    pci_config_write(t->bridge, DEVFN, 0x40, 2, 0x8000);
    pci_config_write(t->bridge, DEVFN, 0x42, 2, 0x8000);
    pci_config_write(t->bridge, DEVFN, 0x20, 4, PORT_BM | 1);
    pci_config_write(t->bridge, DEVFN, 0x04, 2, 5);
}

/* kinds: for each of the four places 'd' disk, 'c' CD with medium, 'e' empty CD, '-' nothing. */
static inline struct ide_rig *ide_rig_new(const char *kinds, u64 disk_size)
{
    static const u16 base[] = { 0x1f0, 0x3f6, 0x170, 0x376 };
    struct err e = { "" };
    struct rig *r = rig_begin(&piix3_ide_class, NULL);
    struct ide_rig *t = ARENA_NEW(r->arena, struct ide_rig);
    t->r = r;
    r->env.io = space_new(r->arena, "ports");
    t->bridge = device_new(&r->env, &bridge_class, "/bridge", NULL, &e);
    if (!t->bridge || !bridge_build(t->bridge, &e) || !r->d->cls->build(r->d, &e) ||
        !pci_plug(t->bridge, r->d, DEVFN, &e))
        rig_die(&e);
    for (unsigned i = 0; i < 4; i++) {
        if (!device_map(r->d, i, r->env.io, base[i], &e))
            rig_die(&e);
        if (kinds[i] == '-')
            continue;
        struct prop_value *unit = ARENA_NEW(r->arena, struct prop_value);
        *unit = (struct prop_value){ "unit", i & 1 ? "1" : "0", NULL };
        struct device *d = device_new(&r->env, kinds[i] == 'd' ? &ide_hd_class : &ide_cd_class,
                                      arena_printf(r->arena, "/drive%u", i), unit, &e);
        if (!d)
            rig_die(&e);
        if (kinds[i] != 'e') {
            md_make(r->arena, &t->disk[i], disk_size);
            d->drive = &t->disk[i].port;
        }
        if (!d->cls->build(d, &e) || !ide_plug(r->d, d, (int)i / 2, &e))
            rig_die(&e);
        t->drive[i] = d;
    }
    ir_reset(t);
    ir_enable(t);
    return t;
}

static inline void ir_free(struct ide_rig *t)
{
    rig_free(t->r);
}

/* Saves, spoils and restores everything in the middle of whatever happens; the clock's timers stay armed. */
static inline bool ir_snapshot(struct ide_rig *t)
{
    bool same = true;
    for (unsigned i = 0; i < 5; i++) {
        struct device *d = i < 4 ? t->drive[i] : t->r->d;
        if (!d)
            continue;
        struct buf b = { 0 };
        struct err e = { "" };
        u64 before = state_hash(d->cls->state, d->state, 0);
        state_save(d->cls->state, d->state, &b);
        memset(d->state, 0xa5, d->cls->state_size);
        struct reader in = { b.data, b.len, 0, false };
        same = same && state_load(d->cls->state, d->state, &in, &e);
        if (!same)
            fprintf(stderr, "%s: %s\n", d->path, e.text);
        if (d->cls->loaded)
            d->cls->loaded(d);
        same = same && state_hash(d->cls->state, d->state, 0) == before;
        buf_free(&b);
    }
    return same;
}

#endif
