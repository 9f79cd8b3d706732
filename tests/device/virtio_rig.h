/* A bench for virtio devices: RAM, a clock, one virtio-mmio slot, and a driver in the shape of small calls.
 * Everything the driver does goes through the slot's window and through RAM, as a guest's would. */
#ifndef TESTS_DEVICE_VIRTIO_RIG_H
#define TESTS_DEVICE_VIRTIO_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iodev/bus/virtio-mmio.h"

#define RIG_MMIO 0x10001000u
#define RIG_RAM 0x80000000u
#define RIG_RAM_SIZE ((u64)4 << 20)
#define RIG_ROM 0x1000u
#define RIG_HZ 1000000000u
/* Queue q lies at RIG_RAM + q * 64 KiB: room for 1024 entries. Buffers begin 2 MiB into RAM. */
#define RIG_QUEUE_SIZE 0x10000u
#define RIG_DATA (RIG_RAM + 0x200000u)

enum {
    R_MAGIC = 0x00, R_VERSION = 0x04, R_DEVICE_ID = 0x08, R_VENDOR = 0x0c, R_FEATURES = 0x10, R_FEATURES_SEL = 0x14,
    R_DRIVER_FEATURES = 0x20, R_DRIVER_FEATURES_SEL = 0x24, R_PAGE_SIZE = 0x28, R_QUEUE_SEL = 0x30, R_NUM_MAX = 0x34,
    R_NUM = 0x38, R_ALIGN = 0x3c, R_PFN = 0x40, R_READY = 0x44, R_NOTIFY = 0x50, R_ISR = 0x60, R_ACK = 0x64,
    R_STATUS = 0x70, R_DESC = 0x80, R_DRIVER = 0x90, R_DEVICE = 0xa0, R_SHM_LEN = 0xb0, R_GENERATION = 0xfc,
    R_CONFIG = 0x100,
};
enum { D_NEXT = 1, D_WRITE = 2, D_INDIRECT = 4 };

struct rig_disk {
    struct block_port port;
    u8 *data;
    unsigned flushes;
    bool fails;
};

struct rig_queue { /* the driver's side */
    u64 desc, avail, used;
    u16 num, avail_idx, used_seen;
};

struct rig {
    struct arena *arena;
    struct clock clock;
    struct event_bus bus;
    struct device_env env;
    struct ram *ram, *rom;
    struct device *slot, *dev;
    struct rig_disk disk;
    struct net_port net;
    struct char_port chr;
    u8 out[70000]; /* what the device sent, last frame or all characters */
    size_t out_len;
    unsigned out_count;
    bool irq;
    unsigned irqs; /* rising edges */
    bool legacy;
    struct rig_queue q[VIRTIO_MAX_QUEUES];
};

static inline bool rig_disk_read(struct block_port *b, u64 offset, void *out, size_t len, struct err *e)
{
    struct rig_disk *k = (struct rig_disk *)b;
    if (k->fails || offset > b->size || len > b->size - offset)
        return false;
    memcpy(out, k->data + offset, len);
    return true;
}

static inline bool rig_disk_write(struct block_port *b, u64 offset, const void *in, size_t len, struct err *e)
{
    struct rig_disk *k = (struct rig_disk *)b;
    if (k->fails || offset > b->size || len > b->size - offset || b->read_only)
        return false;
    memcpy(k->data + offset, in, len);
    return true;
}

static inline bool rig_disk_flush(struct block_port *b, struct err *e)
{
    struct rig_disk *k = (struct rig_disk *)b;
    k->flushes++;
    return !k->fails;
}

static inline bool rig_disk_zero(struct block_port *b, u64 offset, u64 len, struct err *e)
{
    struct rig_disk *k = (struct rig_disk *)b;
    if (k->fails || offset > b->size || len > b->size - offset || b->read_only)
        return false;
    memset(k->data + offset, 0, len);
    return true;
}

static inline const struct block_ops *rig_disk_ops(void)
{
    static const struct block_ops ops = { .read = rig_disk_read, .write = rig_disk_write, .flush = rig_disk_flush,
                                          .zero = rig_disk_zero };
    return &ops;
}

static inline void rig_sent(struct rig *r, const u8 *bytes, size_t n, bool append)
{
    if (!append)
        r->out_len = 0;
    if (n > sizeof r->out - r->out_len)
        n = sizeof r->out - r->out_len;
    memcpy(r->out + r->out_len, bytes, n);
    r->out_len += n;
    r->out_count++;
}

static inline void rig_net_send(struct net_port *p, const u8 *frame, size_t len)
{
    rig_sent((struct rig *)((u8 *)p - offsetof(struct rig, net)), frame, len, false);
}

static inline void rig_chr_write(struct char_port *p, const u8 *bytes, size_t n)
{
    rig_sent((struct rig *)((u8 *)p - offsetof(struct rig, chr)), bytes, n, true);
}

static inline void rig_irq(void *opaque, u32 line, bool level)
{
    struct rig *r = opaque;
    r->irqs += level && !r->irq;
    r->irq = level;
}

static inline void rig_must(bool ok, const struct err *e)
{
    if (!ok) {
        fprintf(stderr, "the rig cannot be built: %s\n", e->text);
        abort();
    }
}

/* A bench without a device. Free with rig_free(). */
static inline struct rig *rig_bare(bool legacy)
{
    static const u8 reset_rom[4096] = { 0x55 };
    struct rig *r = xcalloc(1, sizeof *r);
    struct err e = { "" };
    r->arena = arena_new();
    r->legacy = legacy;
    clock_init(&r->clock, RIG_HZ);
    r->env = (struct device_env){ .arena = r->arena, .clock = &r->clock, .bus = &r->bus, .seed = 1 };
    r->env.mem = space_new(r->arena, "memory");
    rig_must((r->ram = ram_new(r->arena, "ram", RIG_RAM_SIZE, false, &e)) != NULL, &e);
    rig_must((r->rom = ram_new(r->arena, "rom", sizeof reset_rom, true, &e)) != NULL, &e);
    memcpy(r->rom->host, reset_rom, sizeof reset_rom);
    rig_must(space_add_ram(r->env.mem, RIG_RAM, r->ram, &e) && space_add_ram(r->env.mem, RIG_ROM, r->rom, &e), &e);
    struct prop_value *props = NULL;
    if (!legacy) {
        props = ARENA_NEW(r->arena, struct prop_value);
        *props = (struct prop_value){ "force-legacy", "off", NULL };
    }
    rig_must((r->slot = device_new(&r->env, &virtio_mmio_class, "/virtio0", props, &e)) != NULL, &e);
    rig_must(r->slot->cls->build(r->slot, &e) && device_map(r->slot, 0, r->env.mem, RIG_MMIO, &e), &e);
    r->slot->out[0] = (struct wire){ rig_irq, r, 0 };
    r->net = (struct net_port){ .send = rig_net_send, .id = "net" };
    r->chr = (struct char_port){ .write = rig_chr_write, .id = "chr" };
    return r;
}

/* "a=1,b=2" */
static inline struct prop_value *rig_props(struct rig *r, const char *text)
{
    struct prop_value *list = NULL, **end = &list;
    char *copy = arena_strdup(r->arena, text ? text : "");
    for (char *save, *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
        struct prop_value *v = ARENA_NEW(r->arena, struct prop_value);
        char *eq = strchr(p, '=');
        *eq = 0;
        *v = (struct prop_value){ p, eq + 1, NULL };
        *end = v;
        end = &v->next;
    }
    return list;
}

/* Makes the device, gives it whatever port its class asks for, and plugs it in. */
static inline struct rig *rig_new(const struct device_class *cls, const char *props, bool legacy, u64 disk_size)
{
    struct rig *r = rig_bare(legacy);
    struct err e = { "" };
    rig_must((r->dev = device_new(&r->env, cls, "/virtio0/dev", rig_props(r, props), &e)) != NULL, &e);
    for (const struct prop_desc *p = cls->props; p && p->name; p++) {
        if (p->kind == PROP_DRIVE && disk_size) {
            r->disk.data = arena_alloc(r->arena, disk_size);
            r->disk.port = (struct block_port){ .ops = rig_disk_ops(), .id = "disk", .size = disk_size };
            r->dev->drive = &r->disk.port;
        }
        if (p->kind == PROP_NETDEV)
            r->dev->net = &r->net;
        if (p->kind == PROP_CHARDEV)
            r->dev->chr = &r->chr;
    }
    rig_must(cls->build(r->dev, &e) && virtio_plug(r->slot, r->dev, &e), &e);
    device_reset(r->slot);
    return r;
}

static inline void rig_free(struct rig *r)
{
    clock_fini(&r->clock);
    arena_free(r->arena);
    free(r);
}

/* --- the guest's accesses ---------------------------------------------------------------------------------- */

static inline u64 rig_read(struct rig *r, u32 reg, unsigned size)
{
    u64 v = 0;
    space_read(r->env.mem, RIG_MMIO + reg, size, &v);
    return v;
}

static inline u32 rig_get(struct rig *r, u32 reg) { return (u32)rig_read(r, reg, 4); }
static inline void rig_set(struct rig *r, u32 reg, u32 v) { space_write(r->env.mem, RIG_MMIO + reg, 4, v); }

static inline u64 rig_ram(struct rig *r, u64 addr, unsigned size)
{
    u64 v = 0;
    space_read(r->env.mem, addr, size, &v);
    return v;
}

static inline void rig_ram_set(struct rig *r, u64 addr, unsigned size, u64 v)
{
    space_write(r->env.mem, addr, size, v);
}

static inline void rig_put(struct rig *r, u64 addr, const void *p, size_t n) { space_poke(r->env.mem, addr, p, n); }

static inline void rig_fill(struct rig *r, u64 addr, u8 byte, size_t n)
{
    for (size_t i = 0; i < n; i++)
        space_poke(r->env.mem, addr + i, &byte, 1);
}

/* Lets virtual time pass, firing what is due on the way. */
static inline void rig_run(struct rig *r, u64 ns)
{
    u64 until = r->clock.now + ns;
    for (u64 next; (next = clock_next(&r->clock)) <= until;) {
        if (next > r->clock.now)
            r->clock.now = next;
        clock_fire(&r->clock);
    }
    r->clock.now = until;
}

/* --- the driver -------------------------------------------------------------------------------------------- */

static inline u64 rig_offered(struct rig *r)
{
    rig_set(r, R_FEATURES_SEL, 1);
    u64 f = (u64)rig_get(r, R_FEATURES) << 32;
    rig_set(r, R_FEATURES_SEL, 0);
    return f | rig_get(r, R_FEATURES);
}

/* From reset to just before the queues; false when the features were refused. */
static inline bool rig_negotiate(struct rig *r, u64 features)
{
    rig_set(r, R_STATUS, 0);
    rig_set(r, R_STATUS, 1);
    rig_set(r, R_STATUS, 3);
    if (r->legacy) {
        rig_set(r, R_PAGE_SIZE, 4096);
        rig_set(r, R_DRIVER_FEATURES_SEL, 0);
        rig_set(r, R_DRIVER_FEATURES, (u32)features);
        return true;
    }
    for (u32 i = 0; i < 2; i++) {
        rig_set(r, R_DRIVER_FEATURES_SEL, i);
        rig_set(r, R_DRIVER_FEATURES, (u32)(features >> (32 * i)));
    }
    rig_set(r, R_STATUS, 11);
    return rig_get(r, R_STATUS) & 8;
}

static inline void rig_queue(struct rig *r, unsigned q, u16 num)
{
    struct rig_queue *k = &r->q[q];
    u64 at = RIG_RAM + (u64)q * RIG_QUEUE_SIZE;
    static const u8 zero[RIG_QUEUE_SIZE];
    *k = (struct rig_queue){ .desc = at, .avail = at + 16 * (u64)num, .num = num };
    k->used = (k->avail + 6 + 2 * (u64)num + 4095) & ~(u64)4095;
    space_poke(r->env.mem, at, zero, k->used + 6 + 8 * (u64)num - at);
    rig_set(r, R_QUEUE_SEL, q);
    rig_set(r, R_NUM, num);
    if (r->legacy) {
        rig_set(r, R_ALIGN, 4096);
        rig_set(r, R_PFN, (u32)(at / 4096));
        return;
    }
    u64 ring[3] = { k->desc, k->avail, k->used };
    for (u32 i = 0; i < 3; i++) {
        rig_set(r, R_DESC + 0x10 * i, (u32)ring[i]);
        rig_set(r, R_DESC + 0x10 * i + 4, (u32)(ring[i] >> 32));
    }
    rig_set(r, R_READY, 1);
}

static inline void rig_ok(struct rig *r) { rig_set(r, R_STATUS, rig_get(r, R_STATUS) | 4); }

static inline void rig_desc_at(struct rig *r, u64 table, u32 i, u64 addr, u32 len, u16 flags, u16 next)
{
    rig_ram_set(r, table + 16 * (u64)i, 8, addr);
    rig_ram_set(r, table + 16 * (u64)i + 8, 4, len);
    rig_ram_set(r, table + 16 * (u64)i + 12, 2, flags);
    rig_ram_set(r, table + 16 * (u64)i + 14, 2, next);
}

static inline void rig_desc(struct rig *r, unsigned q, u32 i, u64 addr, u32 len, u16 flags, u16 next)
{
    rig_desc_at(r, r->q[q].desc, i, addr, len, flags, next);
}

/* Puts a chain into the available ring without telling the device. */
static inline void rig_avail(struct rig *r, unsigned q, u16 head)
{
    struct rig_queue *k = &r->q[q];
    rig_ram_set(r, k->avail + 4 + 2 * (u64)(k->avail_idx % k->num), 2, head);
    rig_ram_set(r, k->avail + 2, 2, ++k->avail_idx);
}

static inline void rig_kick(struct rig *r, unsigned q) { rig_set(r, R_NOTIFY, q); }

static inline u16 rig_used_idx(struct rig *r, unsigned q) { return (u16)rig_ram(r, r->q[q].used + 2, 2); }

/* The next used element; false when there is none. */
static inline bool rig_used(struct rig *r, unsigned q, u32 *id, u32 *len)
{
    struct rig_queue *k = &r->q[q];
    if (k->used_seen == rig_used_idx(r, q))
        return false;
    u64 at = k->used + 4 + 8 * (u64)(k->used_seen++ % k->num);
    *id = (u32)rig_ram(r, at, 4);
    *len = (u32)rig_ram(r, at + 4, 4);
    return true;
}

/* --- state ------------------------------------------------------------------------------------------------- */

/* Everything a snapshot would hold of this bench (the disk is not in it). */
static inline void rig_save(struct rig *r, struct buf *out)
{
    clock_save(&r->clock, out);
    state_save(r->slot->cls->state, r->slot->state, out);
    state_save(r->dev->cls->state, r->dev->state, out);
    buf_put(out, r->ram->host, RIG_RAM_SIZE);
}

static inline bool rig_load(struct rig *r, const struct buf *in, struct err *e)
{
    struct reader rd = { .data = in->data, .len = in->len };
    if (!clock_load(&r->clock, &rd, e) || !state_load(r->slot->cls->state, r->slot->state, &rd, e) ||
        !state_load(r->dev->cls->state, r->dev->state, &rd, e))
        return false;
    const u8 *ram = reader_bytes(&rd, RIG_RAM_SIZE);
    if (!ram)
        return err_set(e, "RAM is cut short");
    space_poke(r->env.mem, RIG_RAM, ram, RIG_RAM_SIZE);
    if (r->slot->cls->loaded)
        r->slot->cls->loaded(r->slot);
    if (r->dev->cls->loaded)
        r->dev->cls->loaded(r->dev);
    return true;
}

static inline u64 rig_hash(struct rig *r)
{
    u64 h = clock_hash(&r->clock, 0);
    h = state_hash(r->slot->cls->state, r->slot->state, h);
    h = state_hash(r->dev->cls->state, r->dev->state, h);
    return ram_hash(r->ram, h);
}

#endif
