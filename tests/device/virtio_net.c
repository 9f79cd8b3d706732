/* virtio-net: frames both ways, mergeable buffers, filters and the control queue. */
#include "iodev/net/virtio-net.h"
#include "tests/device/virtio_rig.h"
#include "tests/unit.h"

enum { RX, TX, CTRL };
#define MRG ((u64)1 << 15)
#define CTRLS ((u64)1 << 17 | (u64)1 << 18 | (u64)1 << 19 | (u64)1 << 20 | (u64)1 << 21 | (u64)1 << 23)
#define RXBUF(i) (RIG_DATA + 0x1000u * (i))
#define TXBUF (RIG_DATA + 0x100000u)

static struct rig *up(bool legacy, u64 features)
{
    struct rig *r = rig_new(&virtio_net_class, NULL, legacy, 0);
    CU_ASSERT(rig_negotiate(r, features | (legacy ? 0 : VIRTIO_F_VERSION_1)));
    for (unsigned q = 0; q < 3; q++)
        rig_queue(r, q, 16);
    rig_ok(r);
    return r;
}

static void offer(struct rig *r, u16 i, u32 len)
{
    rig_fill(r, RXBUF(i), 0xcc, 4096);
    rig_desc(r, RX, i, RXBUF(i), len, D_WRITE, 0);
    rig_avail(r, RX, i);
}

static size_t room(struct rig *r) { return r->net.in->room(r->net.in->opaque); }

static void deliver(struct rig *r, const u8 *frame, size_t n) { r->net.in->deliver(r->net.in->opaque, frame, n); }

static void fill(u8 *frame, size_t n, u64 dst)
{
    for (size_t i = 0; i < n; i++)
        frame[i] = (u8)(i * 3 + 1);
    store_be(frame, 6, dst);
    frame[12] = 8;
    frame[13] = 0;
}

#define MINE 0x525400123456u

static void config(void)
{
    struct rig *r = rig_new(&virtio_net_class, NULL, false, 0);
    struct err e = { "" };
    CU_ASSERT_EQUAL(rig_get(r, R_DEVICE_ID), 1);
    u64 low = rig_read(r, R_CONFIG, 4), high = rig_read(r, R_CONFIG + 4, 2);
    u8 mac[8];
    store_le(mac, 8, low | high << 32);
    CU_ASSERT_EQUAL(load_be(mac, 6), MINE);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 6, 2), 1);
    /* The second card of a machine has the next address. */
    struct device *second = device_new(&r->env, &virtio_net_class, "/virtio1/dev", NULL, &e);
    CU_ASSERT(second->cls->build(second, &e));
    device_reset(second);
    CU_ASSERT_EQUAL(virtio_config_read(second, 5, 1), 0x57);
    struct device *third = device_new(&r->env, &virtio_net_class, "/virtio2/dev",
                                      rig_props(r, "mac=02:00:0a:ff:00:01"), &e);
    CU_ASSERT(third->cls->build(third, &e));
    device_reset(third);
    CU_ASSERT_EQUAL(virtio_config_read(third, 3, 1), 0xff);
    static const char *const bad[] = {
        "mac=1", "mac=01:00:00:00:00:00", "mac=02:00:00:00:00:00:00", "mac=02:00:00:00:00:zz",
    };
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        struct device *d = device_new(&r->env, &virtio_net_class, "/bad", rig_props(r, bad[i]), &e);
        CU_ASSERT_FALSE(d->cls->build(d, &e));
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "unicast address"));
    }
    rig_free(r);
}

static void send(bool legacy, u64 features, u32 header)
{
    struct rig *r = up(legacy, features);
    u8 frame[1514];
    u32 id, n;
    fill(frame, sizeof frame, MINE);
    rig_put(r, TXBUF + header, frame, sizeof frame);
    /* Header alone, then the frame in two parts; then all in one. */
    rig_desc(r, TX, 0, TXBUF, header, D_NEXT, 1);
    rig_desc(r, TX, 1, TXBUF + header, 100, D_NEXT, 2);
    rig_desc(r, TX, 2, TXBUF + header + 100, 1414, 0, 0);
    rig_desc(r, TX, 3, TXBUF, header + 60, 0, 0);
    rig_avail(r, TX, 0);
    rig_kick(r, TX);
    CU_ASSERT_EQUAL(r->out_len, 1514);
    CU_ASSERT_EQUAL(memcmp(r->out, frame, 1514), 0);
    CU_ASSERT_TRUE(rig_used(r, TX, &id, &n));
    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_TRUE(r->irq);
    rig_avail(r, TX, 3);
    rig_kick(r, TX);
    CU_ASSERT_EQUAL(r->out_len, 60);
    CU_ASSERT_EQUAL(r->out_count, 2);
    /* Nothing but a header is no frame; less than a header is an error. */
    rig_desc(r, TX, 4, TXBUF, header, 0, 0);
    rig_avail(r, TX, 4);
    rig_kick(r, TX);
    CU_ASSERT_EQUAL(r->out_count, 2);
    CU_ASSERT_FALSE(rig_get(r, R_STATUS) & 64);
    rig_desc(r, TX, 5, TXBUF, header - 1, 0, 0);
    rig_avail(r, TX, 5);
    rig_kick(r, TX);
    CU_ASSERT_TRUE(rig_get(r, R_STATUS) & 64);
    rig_free(r);
}

static void sending(void)
{
    send(true, 0, 10);
    send(true, MRG, 12);
    send(false, 0, 12);
}

static void receiving(void)
{
    for (int legacy = 0; legacy < 2; legacy++) {
        u32 header = legacy ? 10 : 12, id, n;
        struct rig *r = rig_new(&virtio_net_class, NULL, legacy, 0);
        u8 frame[1518];
        fill(frame, sizeof frame, MINE);
        CU_ASSERT_EQUAL(room(r), 0);
        CU_ASSERT(rig_negotiate(r, legacy ? 0 : VIRTIO_F_VERSION_1));
        rig_queue(r, RX, 16);
        offer(r, 0, 1530);
        CU_ASSERT_EQUAL(room(r), 0);
        rig_ok(r);
        CU_ASSERT_EQUAL(room(r), 1518);
        deliver(r, frame, 1514);
        CU_ASSERT_TRUE(rig_used(r, RX, &id, &n));
        CU_ASSERT_EQUAL(n, header + 1514);
        CU_ASSERT_EQUAL(memcmp(r->ram->host + (RXBUF(0) + header - RIG_RAM), frame, 1514), 0);
        CU_ASSERT_EQUAL(rig_ram(r, RXBUF(0), 8), 0);
        if (!legacy)
            CU_ASSERT_EQUAL(rig_ram(r, RXBUF(0) + 10, 2), 1);
        CU_ASSERT_TRUE(r->irq);
        CU_ASSERT_EQUAL(room(r), 0);
        /* Too small for the frame: the frame goes, the buffer stays. */
        offer(r, 1, 200);
        CU_ASSERT_EQUAL(room(r), 1518);
        deliver(r, frame, 600);
        CU_ASSERT_FALSE(rig_used(r, RX, &id, &n));
        deliver(r, frame, 60);
        CU_ASSERT_TRUE(rig_used(r, RX, &id, &n));
        CU_ASSERT_EQUAL(n, header + 60);
        /* Header and data apart. */
        rig_desc(r, RX, 2, RXBUF(2), 11, D_WRITE | D_NEXT, 3);
        rig_desc(r, RX, 3, RXBUF(3), 1600, D_WRITE, 0);
        rig_avail(r, RX, 2);
        deliver(r, frame, 100);
        CU_ASSERT_TRUE(rig_used(r, RX, &id, &n));
        CU_ASSERT_EQUAL(n, header + 100);
        /* Byte 20 of the frame: 11 bytes of header and frame are in the first buffer. */
        CU_ASSERT_EQUAL(rig_ram(r, RXBUF(3) + header + 20 - 11, 1), frame[20]);
        rig_free(r);
    }
}

static void mergeable(void)
{
    for (int legacy = 0; legacy < 2; legacy++) {
        struct rig *r = up(legacy, MRG);
        u8 frame[1518];
        u32 id, n;
        fill(frame, sizeof frame, MINE);
        offer(r, 0, 600);
        offer(r, 1, 600);
        CU_ASSERT_EQUAL(room(r), 0); /* a full frame would not fit */
        /* The header's count in two segments. */
        rig_desc(r, RX, 2, RXBUF(2), 11, D_WRITE | D_NEXT, 3);
        rig_desc(r, RX, 3, RXBUF(3), 600, D_WRITE, 0);
        offer(r, 4, 600);
        CU_ASSERT_EQUAL(room(r), 1518);
        rig_avail(r, RX, 2);
        deliver(r, frame, 1514);
        u8 got[2000];
        size_t have = 0;
        while (rig_used(r, RX, &id, &n)) {
            CU_ASSERT(have + n <= sizeof got);
            memcpy(got + have, r->ram->host + (RXBUF(id) - RIG_RAM), n);
            have += n;
        }
        CU_ASSERT_EQUAL(have, 12 + 1514);
        CU_ASSERT_EQUAL(memcmp(got + 12, frame, 1514), 0);
        CU_ASSERT_EQUAL(load_le(got, 8), 0);
        CU_ASSERT_EQUAL(load_le(got + 10, 2), 3);
        CU_ASSERT_EQUAL(r->irqs, 1);
        /* The chain whose header is split, first. */
        CU_ASSERT_EQUAL(room(r), 0);
        offer(r, 5, 2000);
        deliver(r, frame, 60);
        CU_ASSERT_TRUE(rig_used(r, RX, &id, &n));
        CU_ASSERT_EQUAL(rig_ram(r, RXBUF(2) + 10, 1), 1);
        CU_ASSERT_EQUAL(rig_ram(r, RXBUF(3), 1), 0);
        CU_ASSERT_EQUAL(rig_ram(r, RXBUF(3) + 1, 1), frame[0]);
        CU_ASSERT_FALSE(rig_get(r, R_STATUS) & 64);
        rig_free(r);
    }
}

static void malformed_receive(void)
{
    struct rig *r = up(false, MRG);
    u8 frame[60];
    fill(frame, sizeof frame, MINE);
    rig_desc(r, RX, 0, 0x40000000, 2000, D_WRITE, 0);
    rig_avail(r, RX, 0);
    CU_ASSERT_EQUAL(room(r), 1518);
    CU_ASSERT_FALSE(rig_get(r, R_STATUS) & 64); /* asking changes nothing */
    deliver(r, frame, 60);
    CU_ASSERT_TRUE(rig_get(r, R_STATUS) & 64);
    CU_ASSERT_EQUAL(room(r), 0);
    rig_free(r);
    /* Too small for the header. */
    r = up(false, MRG);
    offer(r, 0, 5);
    offer(r, 1, 2000);
    CU_ASSERT_EQUAL(room(r), 1518);
    deliver(r, frame, 60);
    CU_ASSERT_TRUE(rig_get(r, R_STATUS) & 64);
    rig_free(r);
}

/* --- control ----------------------------------------------------------------------------------------------- */

static u8 command(struct rig *r, u8 class, u8 cmd, const void *data, u32 len)
{
    u32 id, n;
    rig_ram_set(r, TXBUF, 1, class);
    rig_ram_set(r, TXBUF + 1, 1, cmd);
    if (len)
        rig_put(r, TXBUF + 0x100, data, len);
    rig_ram_set(r, TXBUF + 0x80, 1, 0xee);
    rig_desc(r, CTRL, 0, TXBUF, 2, D_NEXT, len ? 1 : 2);
    rig_desc(r, CTRL, 1, TXBUF + 0x100, len, D_NEXT, 2);
    rig_desc(r, CTRL, 2, TXBUF + 0x80, 1, D_WRITE, 0);
    rig_avail(r, CTRL, 0);
    rig_kick(r, CTRL);
    CU_ASSERT_TRUE(rig_used(r, CTRL, &id, &n));
    CU_ASSERT_EQUAL(n, 1);
    return (u8)rig_ram(r, TXBUF + 0x80, 1);
}

static bool takes(struct rig *r, u64 dst, int vlan)
{
    u8 frame[64];
    u32 id, n;
    fill(frame, sizeof frame, dst);
    if (vlan >= 0) {
        store_be(frame + 12, 2, 0x8100);
        store_be(frame + 14, 2, (u64)vlan);
    }
    if (!room(r))
        offer(r, 0, 2000);
    deliver(r, frame, sizeof frame);
    return rig_used(r, RX, &id, &n);
}

#define BROADCAST 0xffffffffffffu
#define GROUP 0x01005e000001u
#define GROUP2 0x01005e000002u
#define OTHER 0x020000000001u
#define THIRD 0x020000000002u

static void filters(void)
{
    struct rig *r = up(false, CTRLS);
    u8 on = 1, off = 0, table[4 + 70 * 6 + 4 + 6] = { 0 };
    CU_ASSERT_TRUE(takes(r, OTHER, -1)); /* promiscuous until told */
    CU_ASSERT_EQUAL(command(r, 0, 0, &off, 1), 0);
    CU_ASSERT_FALSE(takes(r, OTHER, -1));
    CU_ASSERT_TRUE(takes(r, MINE, -1));
    CU_ASSERT_TRUE(takes(r, BROADCAST, -1));
    CU_ASSERT_FALSE(takes(r, GROUP, -1));
    CU_ASSERT_EQUAL(command(r, 0, 1, &on, 1), 0); /* all multicast */
    CU_ASSERT_TRUE(takes(r, GROUP, -1));
    CU_ASSERT_EQUAL(command(r, 0, 3, &on, 1), 0); /* no multicast wins */
    CU_ASSERT_FALSE(takes(r, GROUP, -1));
    CU_ASSERT_EQUAL(command(r, 0, 2, &on, 1), 0); /* all unicast */
    CU_ASSERT_TRUE(takes(r, OTHER, -1));
    CU_ASSERT_EQUAL(command(r, 0, 4, &on, 1), 0); /* no unicast */
    CU_ASSERT_FALSE(takes(r, MINE, -1));
    CU_ASSERT_EQUAL(command(r, 0, 5, &on, 1), 0); /* no broadcast */
    CU_ASSERT_FALSE(takes(r, BROADCAST, -1));
    for (u8 mode = 1; mode < 6; mode++)
        CU_ASSERT_EQUAL(command(r, 0, mode, &off, 1), 0);
    CU_ASSERT_EQUAL(command(r, 0, 6, &off, 1), 1);
    CU_ASSERT_EQUAL(command(r, 0, 0, NULL, 0), 1);

    store_le(table, 4, 1);
    store_be(table + 4, 6, OTHER);
    store_le(table + 10, 4, 1);
    store_be(table + 14, 6, GROUP);
    CU_ASSERT_EQUAL(command(r, 1, 0, table, 20), 0);
    CU_ASSERT_TRUE(takes(r, OTHER, -1));
    CU_ASSERT_TRUE(takes(r, GROUP, -1));
    CU_ASSERT_FALSE(takes(r, THIRD, -1));
    CU_ASSERT_FALSE(takes(r, GROUP2, -1));
    /* Cut short: refused, nothing changes. */
    CU_ASSERT_EQUAL(command(r, 1, 0, table, 19), 1);
    store_le(table, 4, 0xffffffff);
    CU_ASSERT_EQUAL(command(r, 1, 0, table, 20), 1);
    CU_ASSERT_TRUE(takes(r, OTHER, -1));
    /* More than fit: take all of that kind. */
    store_le(table, 4, 70);
    CU_ASSERT_EQUAL(command(r, 1, 0, table, 4 + 70 * 6 + 4), 0);
    CU_ASSERT_TRUE(takes(r, THIRD, -1));
    CU_ASSERT_FALSE(takes(r, GROUP, -1));
    store_le(table, 8, 0);
    CU_ASSERT_EQUAL(command(r, 1, 0, table, 8), 0);
    CU_ASSERT_FALSE(takes(r, THIRD, -1));

    u8 mac[6];
    store_be(mac, 6, THIRD);
    CU_ASSERT_EQUAL(command(r, 1, 1, mac, 6), 0);
    CU_ASSERT_TRUE(takes(r, THIRD, -1));
    CU_ASSERT_FALSE(takes(r, MINE, -1));
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 5, 1), THIRD & 0xff);
    CU_ASSERT_EQUAL(command(r, 1, 1, mac, 5), 1);

    u8 vid[2] = { 0x23, 0x01 };
    CU_ASSERT_FALSE(takes(r, THIRD, 0x123));
    CU_ASSERT_EQUAL(command(r, 2, 0, vid, 2), 0);
    CU_ASSERT_TRUE(takes(r, THIRD, 0x123));
    CU_ASSERT_FALSE(takes(r, THIRD, 0x122));
    CU_ASSERT_EQUAL(command(r, 2, 1, vid, 2), 0);
    CU_ASSERT_FALSE(takes(r, THIRD, 0x123));
    vid[1] = 0x10;
    CU_ASSERT_EQUAL(command(r, 2, 0, vid, 2), 1);
    CU_ASSERT_EQUAL(command(r, 3, 0, NULL, 0), 0);
    CU_ASSERT_EQUAL(command(r, 4, 0, vid, 2), 1);

    /* A reset by the driver undoes all of it. */
    rig_set(r, R_STATUS, 0);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 5, 1), MINE & 0xff);
    rig_free(r);

    /* Commands that were not negotiated. */
    r = up(false, (u64)1 << 17);
    CU_ASSERT_EQUAL(command(r, 0, 0, &off, 1), 1);
    CU_ASSERT_EQUAL(command(r, 1, 1, mac, 6), 1);
    CU_ASSERT_EQUAL(command(r, 3, 0, NULL, 0), 1);
    rig_free(r);
}

static void legacy_mac(void)
{
    struct rig *r = up(true, (u64)1 << 5);
    space_write(r->env.mem, RIG_MMIO + R_CONFIG + 5, 1, 0x99);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 5, 1), 0x99);
    space_write(r->env.mem, RIG_MMIO + R_CONFIG + 4, 4, 0xffff1122);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 4, 4), 0x00011122);
    rig_free(r);
    r = up(false, (u64)1 << 5);
    space_write(r->env.mem, RIG_MMIO + R_CONFIG + 5, 1, 0x99);
    CU_ASSERT_EQUAL(rig_read(r, R_CONFIG + 5, 1), 0x56);
    rig_free(r);
}

static void save_load(void)
{
    struct rig *a = up(false, CTRLS | MRG | VIRTIO_F_EVENT_IDX), *b = rig_new(&virtio_net_class, NULL, false, 0);
    u8 off = 0, frame[1518];
    struct buf saved = { 0 };
    struct err e = { "" };
    fill(frame, sizeof frame, MINE);
    CU_ASSERT_EQUAL(command(a, 0, 0, &off, 1), 0);
    for (u16 i = 0; i < 4; i++)
        offer(a, i, 700);
    deliver(a, frame, 300);
    a->q[RX].used_seen++;
    rig_save(a, &saved);
    memcpy(b->q, a->q, sizeof a->q);
    CU_ASSERT_TRUE(rig_load(b, &saved, &e));
    CU_ASSERT_EQUAL(rig_hash(a), rig_hash(b));
    struct rig *both[2] = { a, b };
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(room(both[i]), 1518);
        deliver(both[i], frame, 1500);
        both[i]->q[RX].used_seen = rig_used_idx(both[i], RX);
        CU_ASSERT_FALSE(takes(both[i], OTHER, -1));
    }
    CU_ASSERT_EQUAL(rig_hash(a), rig_hash(b));
    /* A snapshot that lies. */
    for (const struct state_field *f = b->dev->cls->state; f->name; f++) {
        memset((u8 *)b->dev->state + f->offset, 0xff, (size_t)f->size * f->count);
        b->dev->cls->loaded(b->dev);
        if (room(b))
            deliver(b, frame, 60);
        rig_kick(b, TX);
        rig_kick(b, CTRL);
    }
    buf_free(&saved);
    rig_free(a);
    rig_free(b);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "configuration", config },
        { "sending", sending },
        { "receiving", receiving },
        { "mergeable buffers", mergeable },
        { "malformed receive buffers", malformed_receive },
        { "filters", filters },
        { "legacy address", legacy_mac },
        { "save and load", save_load },
        CU_TEST_INFO_NULL,
    };
    return unit_main("virtio-net", tests);
}
