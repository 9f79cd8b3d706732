/* The transport and the queues, seen from a driver: registers, negotiation, and everything a ring can hold wrong. */
#include "iodev/misc/virtio-rng.h"
#include "tests/device/virtio_rig.h"
#include "tests/unit.h"

static struct rig *up(bool legacy, u64 features, u16 num)
{
    struct rig *r = rig_new(&virtio_rng_class, NULL, legacy, 0);
    CU_ASSERT(rig_negotiate(r, features | (legacy ? 0 : VIRTIO_F_VERSION_1)));
    rig_queue(r, 0, num);
    rig_ok(r);
    return r;
}

static void empty_slot(void)
{
    for (int legacy = 0; legacy < 2; legacy++) {
        struct rig *r = rig_bare(legacy);
        device_reset(r->slot);
        CU_ASSERT_EQUAL(rig_get(r, R_MAGIC), 0x74726976);
        CU_ASSERT_EQUAL(rig_get(r, R_VERSION), legacy ? 1 : 2);
        CU_ASSERT_EQUAL(rig_get(r, R_VENDOR), 0x554d4551);
        for (u32 reg = 0; reg < VIRTIO_MMIO_SIZE; reg += 4) {
            rig_set(r, reg, 0xffffffff);
            if (reg != R_MAGIC && reg != R_VERSION && reg != R_VENDOR)
                CU_ASSERT_EQUAL(rig_get(r, reg), 0);
        }
        CU_ASSERT_FALSE(r->irq);
        rig_free(r);
    }
}

static void identity(void)
{
    struct rig *r = rig_new(&virtio_rng_class, NULL, false, 0);
    CU_ASSERT_EQUAL(rig_get(r, R_DEVICE_ID), 4);
    CU_ASSERT_EQUAL(rig_offered(r), VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
    rig_set(r, R_FEATURES_SEL, 2);
    CU_ASSERT_EQUAL(rig_get(r, R_FEATURES), 0);
    /* Registers answer to 4 bytes, and to 8 as two; smaller ones read 0 and change nothing. */
    CU_ASSERT_EQUAL(rig_read(r, R_MAGIC, 8), (u64)2 << 32 | 0x74726976);
    CU_ASSERT_EQUAL(rig_read(r, R_MAGIC, 1), 0);
    space_write(r->env.mem, RIG_MMIO + R_STATUS, 1, 1);
    CU_ASSERT_EQUAL(rig_get(r, R_STATUS), 0);
    CU_ASSERT_EQUAL(rig_read(r, R_SHM_LEN, 8), UINT64_MAX);
    /* No configuration space: all ones. */
    CU_ASSERT_EQUAL(rig_get(r, R_CONFIG), 0xffffffff);
    /* Legacy registers are not there. */
    rig_set(r, R_PFN, 5);
    CU_ASSERT_EQUAL(rig_get(r, R_PFN), 0);
    CU_ASSERT_EQUAL(rig_get(r, R_NUM_MAX), 1024);
    rig_set(r, R_QUEUE_SEL, 1);
    CU_ASSERT_EQUAL(rig_get(r, R_NUM_MAX), 0);
    rig_set(r, R_READY, 1);
    CU_ASSERT_EQUAL(rig_get(r, R_READY), 0);
    rig_free(r);

    r = rig_new(&virtio_rng_class, "event_idx=off,indirect_desc=off", true, 0);
    CU_ASSERT_EQUAL(rig_offered(r), VIRTIO_F_ANY_LAYOUT | VIRTIO_F_NOTIFY_ON_EMPTY);
    rig_set(r, R_READY, 1);
    CU_ASSERT_EQUAL(rig_get(r, R_READY), 0);
    rig_set(r, R_PAGE_SIZE, 4096);
    rig_set(r, R_PFN, 0x80000);
    CU_ASSERT_EQUAL(rig_get(r, R_PFN), 0x80000);
    rig_set(r, R_PFN, 0);
    CU_ASSERT_EQUAL(rig_get(r, R_PFN), 0);
    rig_free(r);
}

static void negotiation(void)
{
    struct rig *r = rig_new(&virtio_rng_class, NULL, false, 0);
    CU_ASSERT_TRUE(rig_negotiate(r, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX));
    CU_ASSERT_EQUAL(virtio_state(r->dev)->features, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
    /* Too late to change one's mind. */
    rig_set(r, R_DRIVER_FEATURES_SEL, 0);
    rig_set(r, R_DRIVER_FEATURES, 0);
    rig_set(r, R_STATUS, 15);
    CU_ASSERT_EQUAL(virtio_state(r->dev)->features, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
    /* What was not offered is refused. */
    CU_ASSERT_FALSE(rig_negotiate(r, VIRTIO_F_VERSION_1 | 1));
    CU_ASSERT_EQUAL(rig_get(r, R_STATUS), 3);
    rig_set(r, R_STATUS, 0);
    CU_ASSERT_EQUAL(virtio_state(r->dev)->features, 0);
    rig_free(r);
}

static void one_request(bool legacy)
{
    struct rig *r = up(legacy, 0, 8);
    u32 id, len;
    rig_desc(r, 0, 3, RIG_DATA, 16, D_WRITE, 0);
    rig_avail(r, 0, 3);
    CU_ASSERT_FALSE(rig_used(r, 0, &id, &len));
    rig_kick(r, 0);
    CU_ASSERT_TRUE(rig_used(r, 0, &id, &len));
    CU_ASSERT_EQUAL(id, 3);
    CU_ASSERT_EQUAL(len, 16);
    CU_ASSERT_NOT_EQUAL(rig_ram(r, RIG_DATA, 8), 0);
    CU_ASSERT_EQUAL(rig_ram(r, RIG_DATA + 16, 8), 0);
    CU_ASSERT_TRUE(r->irq);
    CU_ASSERT_EQUAL(rig_get(r, R_ISR), 1);
    rig_set(r, R_ACK, 2);
    CU_ASSERT_TRUE(r->irq);
    rig_set(r, R_ACK, 1);
    CU_ASSERT_FALSE(r->irq);
    /* NO_INTERRUPT */
    rig_ram_set(r, r->q[0].avail, 2, 1);
    rig_avail(r, 0, 3);
    rig_kick(r, 0);
    CU_ASSERT_TRUE(rig_used(r, 0, &id, &len));
    CU_ASSERT_FALSE(r->irq);
    /* Far beyond one turn of the ring and of its 16-bit index. */
    for (u32 i = 0; i < 70000; i++) {
        rig_avail(r, 0, 3);
        rig_kick(r, 0);
        if (!rig_used(r, 0, &id, &len) || id != 3 || len != 16) {
            CU_FAIL("lost a request");
            break;
        }
    }
    /* Reset forgets the queue and lowers the line. */
    rig_ram_set(r, r->q[0].avail, 2, 0);
    rig_avail(r, 0, 3);
    rig_kick(r, 0);
    CU_ASSERT_TRUE(r->irq);
    rig_set(r, R_STATUS, 0);
    CU_ASSERT_FALSE(r->irq);
    CU_ASSERT_EQUAL(rig_get(r, R_ISR), 0);
    CU_ASSERT_EQUAL(virtio_state(r->dev)->q_ready[0], 0);
    rig_free(r);
}

static void legacy_request(void) { one_request(true); }
static void modern_request(void) { one_request(false); }

static void before_driver_ok(void)
{
    struct rig *r = rig_new(&virtio_rng_class, NULL, false, 0);
    CU_ASSERT(rig_negotiate(r, VIRTIO_F_VERSION_1));
    rig_queue(r, 0, 8);
    rig_desc(r, 0, 0, RIG_DATA, 8, D_WRITE, 0);
    rig_avail(r, 0, 0);
    rig_kick(r, 0);
    CU_ASSERT_EQUAL(rig_used_idx(r, 0), 0);
    rig_ok(r);
    CU_ASSERT_EQUAL(rig_used_idx(r, 0), 1);
    rig_free(r);
}

static void event_idx(void)
{
    struct rig *r = up(false, VIRTIO_F_EVENT_IDX, 8);
    u64 used_event = r->q[0].avail + 4 + 2 * 8, avail_event = r->q[0].used + 4 + 8 * 8;
    rig_desc(r, 0, 0, RIG_DATA, 8, D_WRITE, 0);
    rig_ram_set(r, used_event, 2, 2); /* interrupt when the third is used */
    for (u32 i = 0; i < 5; i++) {
        rig_avail(r, 0, 0);
        rig_kick(r, 0);
        CU_ASSERT_EQUAL(rig_ram(r, avail_event, 2), i + 1);
        /* The first decision has nothing to compare with and interrupts. */
        CU_ASSERT_EQUAL(r->irq, i == 0 || i == 2);
        rig_set(r, R_ACK, 3);
    }
    CU_ASSERT_EQUAL(r->irqs, 2);
    rig_free(r);
}

static void notify_on_empty(void)
{
    struct rig *r = up(true, VIRTIO_F_NOTIFY_ON_EMPTY, 8);
    rig_ram_set(r, r->q[0].avail, 2, 1);
    rig_desc(r, 0, 0, RIG_DATA, 8, D_WRITE, 0);
    rig_avail(r, 0, 0);
    rig_avail(r, 0, 0);
    rig_kick(r, 0);
    CU_ASSERT_TRUE(r->irq);
    CU_ASSERT_EQUAL(r->irqs, 1);
    rig_free(r);
}

static void indirect(void)
{
    struct rig *r = up(false, VIRTIO_F_INDIRECT_DESC, 4);
    u32 id, len;
    u64 table = RIG_DATA + 0x10000;
    /* More entries than the queue has, out of order, after one direct descriptor. */
    for (u32 i = 0; i < 8; i++)
        rig_desc_at(r, table, 7 - i, RIG_DATA + 0x100 * i, 4, D_WRITE | D_NEXT, (u16)(6 - i));
    rig_desc_at(r, table, 0, RIG_DATA + 0x700, 4, D_WRITE, 0);
    rig_desc_at(r, table, 0, RIG_DATA + 0x800, 4, D_WRITE | D_NEXT, 7);
    rig_desc_at(r, table, 1, RIG_DATA + 0x600, 4, D_WRITE, 0);
    rig_desc(r, 0, 0, RIG_DATA + 0x900, 4, D_WRITE | D_NEXT, 1);
    rig_desc(r, 0, 1, table, 128, D_INDIRECT, 0);
    rig_avail(r, 0, 0);
    rig_kick(r, 0);
    CU_ASSERT_TRUE(rig_used(r, 0, &id, &len));
    CU_ASSERT_EQUAL(len, 4 * 9);
    for (u32 i = 0; i < 7; i++)
        CU_ASSERT_NOT_EQUAL(rig_ram(r, RIG_DATA + 0x100 * i, 4), 0);
    CU_ASSERT_EQUAL(rig_ram(r, RIG_DATA + 0x700, 4), 0);
    CU_ASSERT_NOT_EQUAL(rig_ram(r, RIG_DATA + 0x800, 4), 0);
    CU_ASSERT_NOT_EQUAL(rig_ram(r, RIG_DATA + 0x900, 4), 0);
    rig_free(r);
}

/* --- what must stop the device ----------------------------------------------------------------------------- */

struct heard {
    char reason[200];
    unsigned errors;
};

static void hear(void *opaque, const struct event *ev)
{
    struct heard *h = opaque;
    h->errors++;
    snprintf(h->reason, sizeof h->reason, "%s", ev->value[0].s);
}

#define TABLE (RIG_DATA + 0x10000)

static void bad_head(struct rig *r) { rig_avail(r, 0, 8); }
static void jump(struct rig *r) { rig_ram_set(r, r->q[0].avail + 2, 2, 9); }
static void backwards(struct rig *r) { rig_ram_set(r, r->q[0].avail + 2, 2, 0xffff); }

static void loop(struct rig *r)
{
    for (u32 i = 0; i < 8; i++)
        rig_desc(r, 0, i, RIG_DATA, 8, D_WRITE | D_NEXT, (u16)((i + 1) % 8));
    rig_avail(r, 0, 0);
}

static void next_outside(struct rig *r)
{
    rig_desc(r, 0, 0, RIG_DATA, 8, D_WRITE | D_NEXT, 8);
    rig_avail(r, 0, 0);
}

static void one(struct rig *r, u64 addr, u32 len, u16 flags)
{
    rig_desc(r, 0, 0, addr, len, flags, 0);
    rig_avail(r, 0, 0);
}

static void nowhere(struct rig *r) { one(r, 0x40000000, 8, D_WRITE); }
static void past_ram(struct rig *r) { one(r, RIG_RAM + RIG_RAM_SIZE - 4, 8, D_WRITE); }
static void wraps(struct rig *r) { one(r, UINT64_MAX - 3, 8, D_WRITE); }
static void into_rom(struct rig *r) { one(r, RIG_ROM, 8, D_WRITE); }
static void into_device(struct rig *r) { one(r, RIG_MMIO, 8, D_WRITE); }
static void empty_buffer(struct rig *r) { one(r, RIG_DATA, 0, D_WRITE); }
static void bad_table_len(struct rig *r) { one(r, TABLE, 20, D_INDIRECT); }
static void no_table_len(struct rig *r) { one(r, TABLE, 0, D_INDIRECT); }
static void huge_table(struct rig *r) { one(r, TABLE, 16 * 1025, D_INDIRECT); }
static void table_nowhere(struct rig *r) { one(r, 0x40000000, 16, D_INDIRECT); }

static void table_with_next(struct rig *r)
{
    rig_desc_at(r, TABLE, 0, RIG_DATA, 8, D_WRITE, 0);
    rig_desc(r, 0, 0, TABLE, 16, D_INDIRECT | D_NEXT, 1);
    rig_desc(r, 0, 1, RIG_DATA, 8, D_WRITE, 0);
    rig_avail(r, 0, 0);
}

static void nested(struct rig *r)
{
    rig_desc_at(r, TABLE, 0, TABLE, 16, D_INDIRECT, 0);
    one(r, TABLE, 16, D_INDIRECT);
}

static void table_loop(struct rig *r)
{
    rig_desc_at(r, TABLE, 0, RIG_DATA, 8, D_WRITE | D_NEXT, 0);
    one(r, TABLE, 16 * 4, D_INDIRECT);
}

static void table_next_outside(struct rig *r)
{
    rig_desc_at(r, TABLE, 0, RIG_DATA, 8, D_WRITE | D_NEXT, 4);
    one(r, TABLE, 16 * 4, D_INDIRECT);
}

static void wrong_order(struct rig *r)
{
    rig_desc(r, 0, 0, RIG_DATA, 8, D_WRITE | D_NEXT, 1);
    rig_desc(r, 0, 1, RIG_DATA, 8, 0, 0);
    rig_avail(r, 0, 0);
}

static void too_long(struct rig *r)
{
    for (u32 i = 0; i < 1024; i++)
        rig_desc_at(r, TABLE, i, RIG_RAM, RIG_RAM_SIZE, i == 1023 ? D_WRITE : D_WRITE | D_NEXT, (u16)(i + 1));
    one(r, TABLE, 16 * 1024, D_INDIRECT);
}

static void too_many(struct rig *r)
{
    for (u32 i = 0; i < 1024; i++)
        rig_desc_at(r, TABLE, i, RIG_DATA, 1, i == 1023 ? D_WRITE : D_WRITE | D_NEXT, (u16)(i + 1));
    rig_desc(r, 0, 0, RIG_DATA, 1, D_WRITE | D_NEXT, 1);
    rig_desc(r, 0, 1, TABLE, 16 * 1024, D_INDIRECT, 0);
    rig_avail(r, 0, 0);
}

static const struct {
    void (*make)(struct rig *r);
    const char *says;
} mistakes[] = {
    { bad_head, "names a descriptor that does not exist" },
    { jump, "jumped by more than the queue size" },
    { backwards, "jumped by more than the queue size" },
    { loop, "it loops" },
    { next_outside, "names a next one that does not exist" },
    { nowhere, "not in RAM" },
    { past_ram, "not in RAM" },
    { wraps, "not in RAM" },
    { into_rom, "not in RAM" },
    { into_device, "not in RAM" },
    { empty_buffer, "length 0" },
    { bad_table_len, "impossible length" },
    { no_table_len, "impossible length" },
    { huge_table, "impossible length" },
    { table_nowhere, "indirect table is not in memory" },
    { table_with_next, "both indirect and followed" },
    { nested, "holds an indirect descriptor" },
    { table_loop, "it loops" },
    { table_next_outside, "names a next one that does not exist" },
    { wrong_order, "comes after one for writing" },
    { too_long, "longer than 4 GiB" },
    { too_many, "more than 1024 buffers" },
};

static void broken_rings(void)
{
    for (unsigned i = 0; i < ARRAY_LEN(mistakes); i++)
        for (int legacy = 0; legacy < 2; legacy++) {
            struct rig *r = up(legacy, VIRTIO_F_INDIRECT_DESC, 8);
            struct heard h = { .errors = 0 };
            struct event_listener l = { .prefix = "virtio.error", .hear = hear, .opaque = &h };
            event_listen(&r->bus, &l);
            u32 generation = virtio_state(r->dev)->generation;
            mistakes[i].make(r);
            rig_kick(r, 0);
            CU_ASSERT_EQUAL(h.errors, 1);
            if (!strstr(h.reason, mistakes[i].says)) {
                fprintf(stderr, "mistake %u said '%s', not '%s'\n", i, h.reason, mistakes[i].says);
                CU_FAIL("wrong reason");
            }
            CU_ASSERT_TRUE(rig_get(r, R_STATUS) & 64);
            CU_ASSERT_EQUAL(rig_get(r, R_ISR) & 2, 2);
            CU_ASSERT_TRUE(r->irq);
            CU_ASSERT_NOT_EQUAL(virtio_state(r->dev)->generation, generation);
            CU_ASSERT_EQUAL(rig_used_idx(r, 0), 0);
            /* Nothing more, and writing the status does not help, until the reset. */
            rig_set(r, R_STATUS, 15);
            CU_ASSERT_TRUE(rig_get(r, R_STATUS) & 64);
            rig_kick(r, 0);
            CU_ASSERT_EQUAL(h.errors, 1);
            CU_ASSERT(rig_negotiate(r, 0));
            rig_queue(r, 0, 8);
            rig_ok(r);
            one(r, RIG_DATA, 8, D_WRITE);
            rig_kick(r, 0);
            CU_ASSERT_EQUAL(rig_used_idx(r, 0), 1);
            CU_ASSERT_FALSE(rig_get(r, R_STATUS) & 64);
            event_unlisten(&r->bus, &l);
            rig_free(r);
        }
}

/* Rings that are not in memory at all. */
static void rings_nowhere(void)
{
    for (unsigned which = 0; which < 3; which++) {
        struct rig *r = rig_new(&virtio_rng_class, NULL, false, 0);
        CU_ASSERT(rig_negotiate(r, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX));
        rig_queue(r, 0, 8);
        rig_set(r, R_READY, 0);
        rig_set(r, R_DESC + 0x10 * which, 0x40000000);
        rig_set(r, R_READY, 1);
        rig_ok(r);
        one(r, RIG_DATA, 8, D_WRITE);
        rig_kick(r, 0);
        CU_ASSERT_TRUE(rig_get(r, R_STATUS) & 64);
        rig_free(r);
    }
}

static void plugging(void)
{
    struct rig *r = rig_new(&virtio_rng_class, NULL, false, 0);
    struct err e = { "" };
    struct device *second = device_new(&r->env, &virtio_rng_class, "/virtio0/second", NULL, &e);
    CU_ASSERT(second->cls->build(second, &e));
    CU_ASSERT_FALSE(virtio_plug(r->slot, second, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "bus=virtio-mmio-bus.N"));
    CU_ASSERT_FALSE(virtio_plug(r->dev, second, &e));
    CU_ASSERT_FALSE(virtio_plug(second, r->slot, &e));
    rig_free(r);
}

/* The same seed and path give the same bytes; a reset by the driver does not repeat them, one of the machine does. */
static void entropy(void)
{
    u64 first[2], later = 0;
    for (int i = 0; i < 2; i++) {
        struct rig *r = up(i, 0, 8);
        one(r, RIG_DATA, 8, D_WRITE);
        rig_kick(r, 0);
        first[i] = rig_ram(r, RIG_DATA, 8);
        rig_negotiate(r, 0);
        rig_queue(r, 0, 8);
        rig_ok(r);
        one(r, RIG_DATA, 8, D_WRITE);
        rig_kick(r, 0);
        later = rig_ram(r, RIG_DATA, 8);
        device_reset(r->slot);
        CU_ASSERT_FALSE(r->irq);
        rig_negotiate(r, 0);
        rig_queue(r, 0, 8);
        rig_ok(r);
        /* A huge buffer gets a bounded answer; one for reading gets none. */
        one(r, RIG_DATA, 0x100000, D_WRITE);
        rig_kick(r, 0);
        CU_ASSERT_EQUAL(rig_ram(r, RIG_DATA, 8), first[i]);
        u32 id, len;
        CU_ASSERT(rig_used(r, 0, &id, &len));
        CU_ASSERT_EQUAL(len, 65536);
        one(r, RIG_DATA, 8, 0);
        rig_kick(r, 0);
        CU_ASSERT(rig_used(r, 0, &id, &len));
        CU_ASSERT_EQUAL(len, 0);
        rig_free(r);
    }
    CU_ASSERT_EQUAL(first[0], first[1]);
    CU_ASSERT_NOT_EQUAL(first[0], later);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "an empty slot", empty_slot },
        { "identity", identity },
        { "negotiation", negotiation },
        { "a request, legacy", legacy_request },
        { "a request, modern", modern_request },
        { "nothing before DRIVER_OK", before_driver_ok },
        { "event index", event_idx },
        { "notify on empty", notify_on_empty },
        { "indirect descriptors", indirect },
        { "broken rings", broken_rings },
        { "rings outside memory", rings_nowhere },
        { "plugging", plugging },
        { "entropy", entropy },
        CU_TEST_INFO_NULL,
    };
    return unit_main("virtio-mmio", tests);
}
