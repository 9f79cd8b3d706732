/* virtio-blk as its drivers use it: requests through the window and through RAM, time stepped by hand. */
#include "iodev/block/virtio-blk.h"
#include "tests/device/virtio_rig.h"
#include "tests/unit.h"

#define DISK ((u64)8 << 20)
#define LATENCY 20000
#define HEADER RIG_DATA
#define STATUS (RIG_DATA + 0x20)
#define BUF (RIG_DATA + 0x1000)

static struct rig *up_with(const char *props, bool legacy, u64 features, u64 disk)
{
    struct rig *r = rig_new(&virtio_blk_class, props, legacy, disk);
    for (u64 i = 0; i < disk; i++)
        r->disk.data[i] = (u8)(i / 512 + i * 7);
    CU_ASSERT(rig_negotiate(r, features | (legacy ? 0 : VIRTIO_F_VERSION_1)));
    rig_queue(r, 0, 64);
    rig_ok(r);
    return r;
}

static struct rig *up(bool legacy, u64 features)
{
    return up_with(NULL, legacy, features, DISK);
}

static void header(struct rig *r, u64 at, u32 type, u64 sector)
{
    rig_ram_set(r, at, 4, type);
    rig_ram_set(r, at + 4, 4, 0);
    rig_ram_set(r, at + 8, 8, sector);
}

/* The usual three descriptors from `head` on; len 0: no data. */
static void request(struct rig *r, u16 head, u32 type, u64 sector, u64 buf, u32 len, bool in)
{
    u64 h = HEADER + 0x40 * (u64)head;
    header(r, h, type, sector);
    rig_ram_set(r, h + 0x20, 1, 0xee);
    rig_desc(r, 0, head, h, 16, D_NEXT, (u16)(head + (len ? 1 : 2)));
    rig_desc(r, 0, head + 1u, buf, len, (u16)(D_NEXT | (in ? D_WRITE : 0)), (u16)(head + 2));
    rig_desc(r, 0, head + 2u, h + 0x20, 1, D_WRITE, 0);
    rig_avail(r, 0, head);
}

static u8 status_of(struct rig *r, u16 head) { return (u8)rig_ram(r, HEADER + 0x40 * (u64)head + 0x20, 1); }

/* One request from kick to completion; the status byte. */
static u8 serve(struct rig *r, u32 type, u64 sector, u64 buf, u32 len, bool in, u32 *written)
{
    u32 id;
    request(r, 0, type, sector, buf, len, in);
    rig_kick(r, 0);
    CU_ASSERT_FALSE(rig_used(r, 0, &id, written));
    rig_run(r, LATENCY - 1);
    CU_ASSERT_FALSE(rig_used(r, 0, &id, written));
    rig_run(r, 1 + 40 * LATENCY);
    CU_ASSERT_TRUE(rig_used(r, 0, &id, written));
    CU_ASSERT_EQUAL(id, 0);
    CU_ASSERT_TRUE(r->irq);
    rig_set(r, R_ACK, rig_get(r, R_ISR));
    CU_ASSERT_FALSE(r->irq);
    return status_of(r, 0);
}

static void config(void)
{
    struct rig *r = rig_new(&virtio_blk_class, "serial=abc,physical_block_size=4096", false, DISK + 100);
    CU_ASSERT_EQUAL(rig_get(r, R_DEVICE_ID), 2);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG, 8), DISK / 512);
    CU_ASSERT_EQUAL(rig_get(r, R_CONFIG + 12), 254);
    CU_ASSERT_EQUAL(rig_get(r, R_CONFIG + 16), 16 | 16 << 16 | 63 << 24); /* as QEMU says of 8 MiB */
    CU_ASSERT_EQUAL(rig_get(r, R_CONFIG + 20), 512);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 24, 1), 3);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 32, 1), 1);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 34, 2), 1);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 56, 1), 1);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 57, 1), 0xff);
    CU_ASSERT_EQUAL(rig_get(r, R_CONFIG + 0xfc), 0xffffffff);
    u64 offered = rig_offered(r);
    CU_ASSERT_EQUAL(offered & 0xffffff, 1 << 2 | 1 << 4 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 13 | 1 << 14);
    r->disk.port.read_only = true;
    CU_ASSERT_EQUAL(rig_offered(r) & 0xffffff, 1 << 2 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 9 | 1 << 10);
    rig_free(r);
}

static void bad_properties(void)
{
    static const struct {
        const char *props, *says;
    } bad[] = {
        { "logical_block_size=1000", "power of two" },
        { "logical_block_size=256", "power of two" },
        { "serial=123456789012345678901", "longer than" },
    };
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        struct rig *r = rig_bare(false);
        struct err e = { "" };
        struct device *d = device_new(&r->env, &virtio_blk_class, "/d", rig_props(r, bad[i].props), &e);
        CU_ASSERT_FALSE(d->cls->build(d, &e)); /* without a drive */
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "drive=ID"));
        r->disk.port = (struct block_port){ .ops = rig_disk_ops(), .size = 512 };
        d->drive = &r->disk.port;
        CU_ASSERT_FALSE(d->cls->build(d, &e));
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, bad[i].says));
        rig_free(r);
    }
}

static void read_write(bool legacy)
{
    struct rig *r = up(legacy, 1 << 9);
    u32 n;
    u64 clean = rig_hash(r);
    CU_ASSERT_EQUAL(serve(r, 0, 3, BUF, 1024, true, &n), 0);
    CU_ASSERT_EQUAL(n, 1025);
    CU_ASSERT_EQUAL(memcmp(r->ram->host + (BUF - RIG_RAM), r->disk.data + 3 * 512, 1024), 0);
    for (u64 i = 0; i < 1024; i += 8)
        rig_ram_set(r, BUF + i, 8, i * 0x0123456789abcdefu);
    CU_ASSERT_EQUAL(serve(r, 1, 100, BUF, 1024, false, &n), 0);
    CU_ASSERT_EQUAL(n, 1);
    CU_ASSERT_EQUAL(memcmp(r->ram->host + (BUF - RIG_RAM), r->disk.data + 100 * 512, 1024), 0);
    CU_ASSERT_EQUAL(r->disk.flushes, 0);
    CU_ASSERT_NOT_EQUAL(rig_hash(r), clean);
    CU_ASSERT_EQUAL(serve(r, 4, 0, 0, 0, false, &n), 0);
    CU_ASSERT_EQUAL(r->disk.flushes, 1);
    rig_free(r);
}

static void legacy_rw(void) { read_write(true); }
static void modern_rw(void) { read_write(false); }

/* Header and data in one buffer, status and data in one buffer: the layout is the driver's (section 2.7.4.2). */
static void any_layout(void)
{
    struct rig *r = up(false, 0);
    u32 id, n;
    header(r, BUF, 1, 7);
    rig_fill(r, BUF + 16, 0x5a, 512);
    rig_desc(r, 0, 0, BUF, 5, D_NEXT, 1);
    rig_desc(r, 0, 1, BUF + 5, 523, D_NEXT, 2);
    rig_desc(r, 0, 2, STATUS, 1, D_WRITE, 0);
    rig_avail(r, 0, 0);
    rig_kick(r, 0);
    rig_run(r, LATENCY);
    CU_ASSERT_TRUE(rig_used(r, 0, &id, &n));
    CU_ASSERT_EQUAL(r->disk.data[7 * 512 + 511], 0x5a);
    header(r, HEADER, 0, 7);
    rig_desc(r, 0, 0, HEADER, 16, D_NEXT, 1);
    rig_desc(r, 0, 1, BUF + 0x1000, 513, D_WRITE, 0);
    rig_avail(r, 0, 0);
    rig_kick(r, 0);
    rig_run(r, LATENCY);
    CU_ASSERT_TRUE(rig_used(r, 0, &id, &n));
    CU_ASSERT_EQUAL(n, 513);
    CU_ASSERT_EQUAL(rig_ram(r, BUF + 0x1000, 8), 0x5a5a5a5a5a5a5a5a);
    CU_ASSERT_EQUAL(rig_ram(r, BUF + 0x1000 + 512, 1), 0);
    rig_free(r);
}

static void errors(void)
{
    struct rig *r = up(false, 1 << 9);
    u32 n;
    u64 end = DISK / 512;
    CU_ASSERT_EQUAL(serve(r, 0, end, BUF, 512, true, &n), 1);
    CU_ASSERT_EQUAL(serve(r, 0, end - 1, BUF, 1024, true, &n), 1);
    CU_ASSERT_EQUAL(serve(r, 0, UINT64_MAX, BUF, 512, true, &n), 1);
    CU_ASSERT_EQUAL(serve(r, 0, UINT64_MAX / 512, BUF, 1024, true, &n), 1);
    CU_ASSERT_EQUAL(serve(r, 0, 0, BUF, 511, true, &n), 1);
    CU_ASSERT_EQUAL(serve(r, 0, end - 1, BUF, 512, true, &n), 0);
    CU_ASSERT_EQUAL(serve(r, 1, end, BUF, 512, false, &n), 1);
    CU_ASSERT_EQUAL(serve(r, 2, 0, BUF, 512, false, &n), 2); /* SCSI */
    CU_ASSERT_EQUAL(serve(r, 0xffffffff, 0, 0, 0, false, &n), 2);
    r->disk.fails = true;
    CU_ASSERT_EQUAL(serve(r, 0, 0, BUF, 512, true, &n), 1);
    CU_ASSERT_EQUAL(serve(r, 1, 0, BUF, 512, false, &n), 1);
    CU_ASSERT_EQUAL(serve(r, 4, 0, 0, 0, false, &n), 1);
    r->disk.fails = false;
    r->disk.port.read_only = true;
    u8 before = r->disk.data[0];
    CU_ASSERT_EQUAL(serve(r, 1, 0, BUF, 512, false, &n), 1);
    CU_ASSERT_EQUAL(r->disk.data[0], before);
    CU_ASSERT_EQUAL(serve(r, 0, 0, BUF, 512, true, &n), 0);
    CU_ASSERT_FALSE(rig_get(r, R_STATUS) & 64);
    rig_free(r);
}

static void no_status(void)
{
    for (int which = 0; which < 2; which++) {
        struct rig *r = up(false, 0);
        header(r, HEADER, 0, 0);
        rig_desc(r, 0, 0, HEADER, which ? 16 : 15, which ? 0 : D_NEXT, 1);
        rig_desc(r, 0, 1, STATUS, 1, D_WRITE, 0);
        rig_avail(r, 0, 0);
        rig_kick(r, 0);
        rig_run(r, LATENCY);
        CU_ASSERT_TRUE(rig_get(r, R_STATUS) & 64);
        CU_ASSERT_EQUAL(rig_used_idx(r, 0), 0);
        rig_free(r);
    }
}

static void identify(void)
{
    struct rig *r = up_with("serial=orrery-1", false, 0, DISK);
    u32 n;
    CU_ASSERT_EQUAL(serve(r, 8, 0, BUF, 20, true, &n), 0);
    CU_ASSERT_EQUAL(n, 21);
    CU_ASSERT_STRING_EQUAL((char *)r->ram->host + (BUF - RIG_RAM), "orrery-1");
    rig_free(r);
}

static void zeroes(void)
{
    struct rig *r = up(false, 1 << 13 | 1 << 14);
    u32 n;
    static const struct {
        u32 type;
        u64 sector;
        u32 count, flags;
        u8 status;
    } rows[] = {
        { 11, 4, 2, 0, 0 },      { 11, 4, 2, 1, 2 },
        { 13, 8, 2, 0, 0 },      { 13, 8, 2, 1, 0 },
        { 13, 8, 2, 2, 2 },      { 13, DISK / 512, 1, 0, 1 },
        { 13, 0, 131073, 0, 1 }, { 11, UINT64_MAX, 2, 0, 1 },
        { 13, 12, 0, 0, 0 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        header(r, BUF, 0, rows[i].sector);
        rig_ram_set(r, BUF, 8, rows[i].sector);
        rig_ram_set(r, BUF + 8, 4, rows[i].count);
        rig_ram_set(r, BUF + 12, 4, rows[i].flags);
        CU_ASSERT_EQUAL(serve(r, rows[i].type, 0, BUF, 16, false, &n), rows[i].status);
    }
    for (u64 s = 0; s < 16; s++) {
        bool zero = (s >= 4 && s < 6) || (s >= 8 && s < 10), all = true;
        for (u64 i = 0; i < 512; i++)
            all = all && r->disk.data[s * 512 + i] == 0;
        CU_ASSERT_EQUAL(all, zero);
    }
    CU_ASSERT_EQUAL(serve(r, 13, 0, BUF, 32, false, &n), 2);
    rig_free(r);
    /* Not negotiated. */
    r = up(false, 0);
    CU_ASSERT_EQUAL(serve(r, 13, 0, BUF, 16, false, &n), 2);
    rig_free(r);
}

static void write_through(void)
{
    struct rig *r = up(false, 1 << 9 | 1 << 11);
    u32 n;
    CU_ASSERT_EQUAL(serve(r, 1, 0, BUF, 512, false, &n), 0);
    CU_ASSERT_EQUAL(r->disk.flushes, 0);
    space_write(r->env.mem, RIG_MMIO + R_CONFIG + 32, 1, 0);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 32, 1), 0);
    CU_ASSERT_EQUAL(serve(r, 1, 0, BUF, 512, false, &n), 0);
    CU_ASSERT_EQUAL(r->disk.flushes, 1);
    /* A driver that can neither flush nor switch. */
    rig_free(r);
    r = up(false, 0);
    CU_ASSERT_EQUAL(serve(r, 1, 0, BUF, 512, false, &n), 0);
    CU_ASSERT_EQUAL(r->disk.flushes, 1);
    rig_free(r);
}

static void big_blocks(void)
{
    struct rig *r = up_with("logical_block_size=4096", false, 1 << 9, DISK + 1024);
    u32 n;
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG, 8), DISK / 512);
    CU_ASSERT_EQUAL(rig_get(r, R_CONFIG + 20), 4096);
    CU_ASSERT_EQUAL(serve(r, 0, 8, BUF, 4096, true, &n), 0);
    CU_ASSERT_EQUAL(serve(r, 0, 1, BUF, 4096, true, &n), 1);
    CU_ASSERT_EQUAL(serve(r, 0, 0, BUF, 512, true, &n), 1);
    rig_free(r);
}

/* A batch, in order, with one interrupt when the driver asks for the last only. */
static void batch(void)
{
    struct rig *r = up(false, 1 << 9 | VIRTIO_F_EVENT_IDX);
    u32 id, n;
    for (u16 i = 0; i < 20; i++) {
        rig_fill(r, BUF + 512u * i, (u8)(i + 1), 512);
        request(r, (u16)(3 * i), 1, 40, BUF + 512u * i, 512, false);
    }
    rig_ram_set(r, r->q[0].avail + 4 + 2 * 64, 2, 19);
    rig_kick(r, 0);
    rig_run(r, LATENCY);
    CU_ASSERT_EQUAL(rig_used_idx(r, 0), 16); /* the bound of one event */
    rig_set(r, R_ACK, 3);
    rig_run(r, LATENCY);
    for (u32 i = 0; i < 20; i++) {
        CU_ASSERT_TRUE(rig_used(r, 0, &id, &n));
        CU_ASSERT_EQUAL(id, 3 * i);
        CU_ASSERT_EQUAL(status_of(r, (u16)id), 0);
    }
    CU_ASSERT_EQUAL(r->disk.data[40 * 512], 20);
    CU_ASSERT_EQUAL(r->irqs, 2); /* the first decision of a queue, and the one asked for */
    CU_ASSERT_EQUAL(clock_next(&r->clock), CLOCK_NEVER);
    rig_free(r);
}

/* 4 MiB in one request over an indirect table that uses the same memory many times: four events. */
static void large(void)
{
    struct rig *r = up(false, 1 << 9 | VIRTIO_F_INDIRECT_DESC);
    u32 id, n;
    u64 table = RIG_RAM + 0x100000;
    header(r, HEADER, 0, 0);
    rig_desc_at(r, table, 0, HEADER, 16, D_NEXT, 1);
    for (u32 i = 0; i < 64; i++)
        rig_desc_at(r, table, 1 + i, BUF + 0x10000 * (i % 8), 65536, D_NEXT | D_WRITE, (u16)(i + 2));
    rig_desc_at(r, table, 65, STATUS, 1, D_WRITE, 0);
    rig_desc(r, 0, 0, table, 66 * 16, D_INDIRECT, 0);
    rig_avail(r, 0, 0);
    rig_kick(r, 0);
    rig_run(r, 3 * LATENCY);
    CU_ASSERT_FALSE(rig_used(r, 0, &id, &n));
    rig_run(r, LATENCY);
    CU_ASSERT_TRUE(rig_used(r, 0, &id, &n));
    CU_ASSERT_EQUAL(n, ((u32)4 << 20) + 1);
    CU_ASSERT_EQUAL(rig_ram(r, STATUS, 1), 0);
    CU_ASSERT_EQUAL(memcmp(r->ram->host + (BUF - RIG_RAM), r->disk.data + (4 << 20) - 8 * 65536, 8 * 65536), 0);

    /* The guest shortens the chain, or takes the queue away, while the device works. */
    rig_avail(r, 0, 0);
    rig_kick(r, 0);
    rig_run(r, LATENCY);
    rig_desc_at(r, table, 1, STATUS, 1, D_WRITE, 0);
    rig_run(r, LATENCY);
    CU_ASSERT_TRUE(rig_get(r, R_STATUS) & 64);
    CU_ASSERT_EQUAL(clock_next(&r->clock), CLOCK_NEVER);
    rig_free(r);
}

/* A snapshot in the middle of a request that points outside the disk, or at another kind of request. */
static void lying_request(void)
{
    static const struct {
        const char *field;
        u64 value;
    } lies[] = {
        { "req_at", DISK - 512 }, { "req_at", UINT64_MAX }, { "req_done", UINT64_MAX },
        { "req_len", 0 },         { "req_type", 8 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(lies); i++) {
        struct rig *r = up(false, 1 << 9);
        header(r, HEADER, 0, 0);
        rig_desc(r, 0, 0, HEADER, 16, D_NEXT, 1);
        for (u16 k = 1; k < 33; k++)
            rig_desc(r, 0, k, BUF + 0x10000u * (k % 8), 65536, D_NEXT | D_WRITE, (u16)(k + 1));
        rig_desc(r, 0, 33, STATUS, 1, D_WRITE, 0);
        rig_avail(r, 0, 0);
        rig_kick(r, 0);
        rig_run(r, LATENCY);
        const struct state_field *f = r->dev->cls->state, *active = NULL, *lie = NULL;
        for (; f->name; f++) {
            if (!strcmp(f->name, "req_active"))
                active = f;
            if (!strcmp(f->name, lies[i].field))
                lie = f;
        }
        CU_ASSERT_FATAL(active && lie);
        CU_ASSERT_EQUAL(*((u8 *)r->dev->state + active->offset), 1);
        r->dev->cls->loaded(r->dev); /* the truth passes */
        CU_ASSERT_EQUAL(*((u8 *)r->dev->state + active->offset), 1);
        memcpy((u8 *)r->dev->state + lie->offset, &lies[i].value, lie->size);
        r->dev->cls->loaded(r->dev);
        CU_ASSERT_EQUAL(*((u8 *)r->dev->state + active->offset), 0);
        rig_run(r, 10 * LATENCY);
        CU_ASSERT_EQUAL(clock_next(&r->clock), CLOCK_NEVER);
        rig_free(r);
    }
}

static void reset_with(bool whole)
{
    struct rig *r = up(false, 1 << 9);
    request(r, 0, 1, 0, BUF, 512, false);
    rig_kick(r, 0);
    rig_run(r, LATENCY / 2);
    u8 before = r->disk.data[1];
    if (whole)
        device_reset(r->slot);
    else
        rig_set(r, R_STATUS, 0);
    CU_ASSERT_EQUAL(clock_next(&r->clock), CLOCK_NEVER);
    rig_run(r, 10 * LATENCY);
    CU_ASSERT_EQUAL(r->disk.data[1], before);
    CU_ASSERT_FALSE(r->irq);
    rig_free(r);
}

static void reset_in_flight(void)
{
    reset_with(false);
    reset_with(true);
}

/* The same script, once straight and once with everything saved, a new bench built, and loaded again at every step:
 * before the kick, while requests wait, and in the middle of a large one. */
static u64 script(bool legacy, bool reload, u8 *disk_after)
{
    struct rig *r = up(legacy, 1 << 9 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
    u64 table = RIG_RAM + 0x100000;
    for (u32 i = 0; i < 0x100000; i += 8)
        rig_ram_set(r, BUF + i, 8, i * 0x9e3779b97f4a7c15u);
    for (unsigned step = 0; step < 14; step++) {
        if (step == 1) {
            request(r, 0, 1, 5, BUF, 1024, false);
            header(r, HEADER + 0x800, 1, 1000);
            rig_desc_at(r, table, 0, HEADER + 0x800, 16, D_NEXT, 1);
            for (u32 i = 0; i < 48; i++)
                rig_desc_at(r, table, 1 + i, BUF + 0x10000 * (i % 15), 65536, D_NEXT, (u16)(i + 2));
            rig_desc_at(r, table, 49, HEADER + 0x820, 1, D_WRITE, 0);
            rig_desc(r, 0, 10, table, 50 * 16, D_INDIRECT, 0);
            rig_avail(r, 0, 10);
            request(r, 20, 0, 1000, BUF + 0x80000, 4096, true);
            rig_kick(r, 0);
        }
        if (step == 9)
            request(r, 30, 13, 0, BUF, 16, false);
        if (step == 10)
            rig_kick(r, 0);
        if (reload) {
            struct buf saved = { 0 };
            struct err e = { "" };
            rig_save(r, &saved);
            struct rig *fresh = rig_new(&virtio_blk_class, NULL, legacy, DISK);
            memcpy(fresh->disk.data, r->disk.data, DISK);
            memcpy(fresh->q, r->q, sizeof r->q);
            CU_ASSERT_TRUE_FATAL(rig_load(fresh, &saved, &e));
            CU_ASSERT_EQUAL(rig_hash(fresh), rig_hash(r));
            buf_free(&saved);
            rig_free(r);
            r = fresh;
        }
        rig_run(r, LATENCY / 2 + 77);
    }
    CU_ASSERT_EQUAL(rig_used_idx(r, 0), 4);
    CU_ASSERT_EQUAL(status_of(r, 0), 0);
    CU_ASSERT_EQUAL(rig_ram(r, HEADER + 0x820, 1), 0);
    CU_ASSERT_EQUAL(status_of(r, 20), 0);
    CU_ASSERT_EQUAL(status_of(r, 30), 2);
    memcpy(disk_after, r->disk.data, DISK);
    u64 h = rig_hash(r);
    rig_free(r);
    return h;
}

static void save_load(void)
{
    u8 *a = xmalloc(DISK), *b = xmalloc(DISK);
    for (int legacy = 0; legacy < 2; legacy++) {
        u64 straight = script(legacy, false, a);
        CU_ASSERT_EQUAL(script(legacy, true, b), straight);
        CU_ASSERT_EQUAL(memcmp(a, b, DISK), 0);
    }
    free(a);
    free(b);
}

/* A snapshot that lies: numbers out of range must not lead outside the disk or the rings. */
static void lying_snapshot(void)
{
    struct rig *r = up(false, 1 << 9);
    const struct state_field *f = r->dev->cls->state;
    for (; f->name; f++) {
        memset((u8 *)r->dev->state + f->offset, 0xff, (size_t)f->size * f->count);
        r->dev->cls->loaded(r->dev);
        request(r, 0, 0, 0, BUF, 512, true);
        rig_kick(r, 0);
        rig_run(r, 10 * LATENCY);
    }
    for (f = r->dev->cls->state; f->name; f++) {
        memset((u8 *)r->dev->state + f->offset, 0, (size_t)f->size * f->count);
        r->dev->cls->loaded(r->dev);
        rig_kick(r, 0);
        rig_run(r, 10 * LATENCY);
    }
    CU_PASS("no crash");
    rig_free(r);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "configuration", config },
        { "bad properties", bad_properties },
        { "read and write, legacy", legacy_rw },
        { "read and write, modern", modern_rw },
        { "any layout", any_layout },
        { "errors", errors },
        { "no header, no status", no_status },
        { "identify", identify },
        { "discard and write zeroes", zeroes },
        { "write through", write_through },
        { "4096-byte blocks", big_blocks },
        { "a batch", batch },
        { "a large request", large },
        { "reset in flight", reset_in_flight },
        { "save and load", save_load },
        { "a lying snapshot", lying_snapshot },
        { "a lying request", lying_request },
        CU_TEST_INFO_NULL,
    };
    return unit_main("virtio-blk", tests);
}
