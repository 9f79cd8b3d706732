/* virtio-console: the simple console, and several ports over the control queues. */
#include "iodev/char/virtio-console.h"
#include "tests/device/virtio_rig.h"
#include "tests/unit.h"

#define MULTIPORT ((u64)1 << 1)
#define BUF(q, i) (RIG_DATA + 0x10000u * (q) + 0x1000u * (i))

static void offer(struct rig *r, unsigned q, u16 i, u32 len)
{
    rig_desc(r, q, i, BUF(q, i), len, D_WRITE, 0);
    rig_avail(r, q, i);
    rig_kick(r, q);
}

static void put(struct rig *r, unsigned q, const char *text)
{
    rig_put(r, BUF(q, 0), text, strlen(text));
    rig_desc(r, q, 0, BUF(q, 0), (u32)strlen(text), 0, 0);
    rig_avail(r, q, 0);
    rig_kick(r, q);
}

static void simple(void)
{
    for (int legacy = 0; legacy < 2; legacy++) {
        struct rig *r = rig_new(&virtio_serial_class, NULL, legacy, 0);
        struct input_channel *in = r->chr.in;
        u32 id, n;
        CU_ASSERT_EQUAL(rig_get(r, R_DEVICE_ID), 3);
        CU_ASSERT_EQUAL(rig_get(r, R_CONFIG + 4), 1);
        CU_ASSERT_EQUAL(rig_offered(r) & 7, 4);
        CU_ASSERT_EQUAL(in->room(in->opaque), 0);
        /* The emergency character needs no driver. */
        rig_set(r, R_CONFIG + 8, '!');
        CU_ASSERT_EQUAL(r->out_len, 1);
        CU_ASSERT_EQUAL(r->out[0], '!');
        CU_ASSERT(rig_negotiate(r, legacy ? 0 : VIRTIO_F_VERSION_1));
        rig_queue(r, 0, 8);
        rig_queue(r, 1, 8);
        rig_ok(r);
        CU_ASSERT_EQUAL(in->room(in->opaque), 0);
        offer(r, 0, 0, 3);
        offer(r, 0, 1, 5000);
        CU_ASSERT_EQUAL(in->room(in->opaque), 4096);
        in->deliver(in->opaque, (const u8 *)"hello", 5);
        CU_ASSERT_EQUAL(rig_ram(r, BUF(0, 0), 4), 'h' | 'e' << 8 | 'l' << 16);
        CU_ASSERT_EQUAL(rig_ram(r, BUF(0, 1), 2), 'l' | 'o' << 8);
        CU_ASSERT_TRUE(rig_used(r, 0, &id, &n));
        CU_ASSERT_EQUAL(n, 3);
        CU_ASSERT_TRUE(rig_used(r, 0, &id, &n));
        CU_ASSERT_EQUAL(n, 2);
        CU_ASSERT_EQUAL(r->irqs, 1);
        CU_ASSERT_EQUAL(in->room(in->opaque), 0);
        r->out_len = 0;
        put(r, 1, "abc");
        put(r, 1, "def\n");
        CU_ASSERT_EQUAL(r->out_len, 7);
        CU_ASSERT_EQUAL(memcmp(r->out, "abcdef\n", 7), 0);
        /* 2 MiB in one buffer is no console output. */
        rig_desc(r, 1, 0, RIG_RAM, 0x200000, 0, 0);
        rig_avail(r, 1, 0);
        rig_kick(r, 1);
        CU_ASSERT_TRUE(rig_get(r, R_STATUS) & 64);
        CU_ASSERT_EQUAL(r->out_len, 7);
        rig_free(r);
    }
}

struct ports {
    struct rig *r;
    struct device *con, *ser;
};

static struct device *port(struct rig *r, const struct device_class *cls, const char *path, const char *props)
{
    struct err e = { "" };
    struct device *d = device_new(&r->env, cls, path, rig_props(r, props), &e);
    rig_must(d != NULL, &e);
    d->chr = &r->chr;
    rig_must(cls->build(d, &e), &e);
    return d;
}

static struct ports several(void)
{
    struct ports p;
    struct err e = { "" };
    p.r = rig_bare(false);
    struct rig *r = p.r;
    rig_must((r->dev = device_new(&r->env, &virtio_serial_class, "/virtio0/dev", NULL, &e)) != NULL, &e);
    rig_must(r->dev->cls->build(r->dev, &e) && virtio_plug(r->slot, r->dev, &e), &e);
    p.ser = port(r, &virtserialport_class, "/virtio0/ser", "name=org.orrery.port");
    p.con = port(r, &virtconsole_class, "/virtio0/con", NULL);
    rig_must(virtio_plug(r->dev, p.ser, &e) && virtio_plug(r->dev, p.con, &e), &e);
    device_reset(r->slot);
    CU_ASSERT(rig_negotiate(r, VIRTIO_F_VERSION_1 | MULTIPORT));
    for (unsigned q = 0; q < 6; q++)
        rig_queue(r, q, 8);
    rig_ok(r);
    return p;
}

static void tell(struct rig *r, u32 id, u16 event, u16 value)
{
    u8 msg[8];
    store_le(msg, 4, id);
    store_le(msg + 4, 2, event);
    store_le(msg + 6, 2, value);
    rig_put(r, BUF(3, 0), msg, 8);
    rig_desc(r, 3, 0, BUF(3, 0), 8, 0, 0);
    rig_avail(r, 3, 0);
    rig_kick(r, 3);
}

static void expect(struct rig *r, u32 port_id, u16 event, const char *name)
{
    u32 id = 0, n = 0;
    CU_ASSERT_TRUE(rig_used(r, 2, &id, &n));
    CU_ASSERT_EQUAL(n, 8 + (name ? strlen(name) + 1 : 0));
    CU_ASSERT_EQUAL(rig_ram(r, BUF(2, id), 4), port_id);
    CU_ASSERT_EQUAL(rig_ram(r, BUF(2, id) + 4, 2), event);
    CU_ASSERT_EQUAL(rig_ram(r, BUF(2, id) + 6, 2), 1);
    if (name)
        CU_ASSERT_EQUAL(memcmp(r->ram->host + (BUF(2, id) + 8 - RIG_RAM), name, strlen(name) + 1), 0);
    offer(r, 2, (u16)id, 256);
}

static void multiport(void)
{
    struct ports p = several();
    struct rig *r = p.r;
    u32 id, n;
    CU_ASSERT_EQUAL(rig_get(r, R_CONFIG + 4), 8);
    tell(r, 0, 0, 1); /* ready, before there is a buffer for the answers */
    CU_ASSERT_EQUAL(rig_used_idx(r, 2), 0);
    offer(r, 2, 0, 256);
    CU_ASSERT_EQUAL(rig_used_idx(r, 2), 1);
    expect(r, 0, 1, NULL);
    expect(r, 1, 1, NULL);
    CU_ASSERT_FALSE(rig_used(r, 2, &id, &n));
    tell(r, 0, 3, 1);
    expect(r, 0, 4, NULL);
    expect(r, 0, 6, NULL);
    tell(r, 1, 3, 1);
    expect(r, 1, 7, "org.orrery.port");
    expect(r, 1, 6, NULL);
    tell(r, 7, 3, 1);
    tell(r, 0xffffffff, 6, 1);
    CU_ASSERT_FALSE(rig_used(r, 2, &id, &n));

    struct input_channel *ch = ((struct input_channel *)p.ser->link);
    CU_ASSERT_STRING_EQUAL(ch->name, "/virtio0/ser");
    offer(r, 4, 0, 64);
    CU_ASSERT_EQUAL(ch->room(ch->opaque), 0); /* the guest has not opened it */
    tell(r, 1, 6, 1);
    CU_ASSERT_EQUAL(ch->room(ch->opaque), 64);
    ch->deliver(ch->opaque, (const u8 *)"xyz", 3);
    CU_ASSERT_TRUE(rig_used(r, 4, &id, &n));
    CU_ASSERT_EQUAL(n, 3);
    offer(r, 4, 0, 64);
    tell(r, 1, 6, 0);
    CU_ASSERT_EQUAL(ch->room(ch->opaque), 0);
    r->out_len = 0;
    put(r, 5, "serial");
    put(r, 1, " console");
    CU_ASSERT_EQUAL(r->out_len, 14);
    CU_ASSERT_EQUAL(memcmp(r->out, "serial console", 14), 0);
    /* A queue of a port that does not exist swallows. */
    rig_queue(r, 7, 8);
    put(r, 7, "nobody");
    CU_ASSERT_EQUAL(r->out_len, 14);
    CU_ASSERT_TRUE(rig_used(r, 7, &id, &n));
    rig_free(r);
}

static void save_load(void)
{
    struct ports a = several(), b = several();
    struct buf saved = { 0 };
    struct err e = { "" };
    tell(a.r, 0, 0, 1);
    tell(a.r, 1, 6, 1);
    rig_save(a.r, &saved);
    CU_ASSERT_TRUE(rig_load(b.r, &saved, &e));
    memcpy(b.r->q, a.r->q, sizeof a.r->q);
    offer(a.r, 2, 0, 256);
    offer(b.r, 2, 0, 256);
    expect(a.r, 0, 1, NULL);
    expect(b.r, 0, 1, NULL);
    CU_ASSERT_EQUAL(rig_hash(a.r), rig_hash(b.r));
    for (const struct state_field *f = b.r->dev->cls->state; f->name; f++) {
        memset((u8 *)b.r->dev->state + f->offset, 0xff, (size_t)f->size * f->count);
        b.r->dev->cls->loaded(b.r->dev);
        for (unsigned q = 0; q < VIRTIO_MAX_QUEUES + 2; q++)
            rig_kick(b.r, q);
    }
    buf_free(&saved);
    rig_free(a.r);
    rig_free(b.r);
}

static void plugging(void)
{
    struct ports p = several();
    struct err e = { "" };
    CU_ASSERT_FALSE(virtio_plug(p.r->dev, port(p.r, &virtconsole_class, "/a", "nr=1"), &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "taken by"));
    CU_ASSERT_FALSE(virtio_plug(p.r->dev, port(p.r, &virtconsole_class, "/b", "nr=8"), &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "too large"));
    for (unsigned i = 2; i < 8; i++)
        CU_ASSERT_TRUE(virtio_plug(p.r->dev, port(p.r, &virtserialport_class, "/c", NULL), &e));
    CU_ASSERT_FALSE(virtio_plug(p.r->dev, port(p.r, &virtserialport_class, "/d", NULL), &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "no free port"));
    CU_ASSERT_FALSE(virtio_plug(p.r->slot, port(p.r, &virtserialport_class, "/e", NULL), &e));
    rig_free(p.r);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "the simple console", simple },
        { "several ports", multiport },
        { "save and load", save_load },
        { "plugging", plugging },
        CU_TEST_INFO_NULL,
    };
    return unit_main("virtio-console", tests);
}
