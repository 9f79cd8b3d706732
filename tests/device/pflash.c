/* CFI flash: two 16-bit chips on 32 bits. */
#include "iodev/misc/pflash-cfi01.h"

#include "base/rng.h"
#include "tests/device/rig.h"

#define SECTOR 0x40000u
#define BOTH(v) ((u64)(v) << 16 | (v))

struct disk {
    struct block_port port;
    u8 *data;
    bool fails;
    unsigned writes;
};

static bool disk_read(struct block_port *b, u64 offset, void *out, size_t len, struct err *e)
{
    memcpy(out, ((struct disk *)b)->data + offset, len);
    return true;
}

static bool disk_write(struct block_port *b, u64 offset, const void *in, size_t len, struct err *e)
{
    struct disk *k = (struct disk *)b;
    if (k->fails || offset + len > b->size)
        return err_set(e, "the medium fails");
    memcpy(k->data + offset, in, len);
    k->writes++;
    return true;
}

static const struct block_ops disk_ops = { .read = disk_read, .write = disk_write };

static void query(void)
{
    struct rig *r = rig_new(&pflash_cfi01_class, NULL);
    SCRIPT(r, R(4, 0, 0), W(4, 0x55 * 4, BOTH(0x98)), R(4, 0x40, BOTH('Q')), R(4, 0x44, BOTH('R')),
           R(4, 0x48, BOTH('Y')), R(4, 0x4c, BOTH(1)), R(4, 0x50, 0), R(4, 0x54, BOTH(0x31)), R(2, 0x40, 'Q'),
           R(1, 0x41, 0), R(2, 0x42, 'Q'), R(4, 0x27 * 4, BOTH(24)), R(4, 0x2a * 4, BOTH(11)), R(4, 0x2c * 4, BOTH(1)),
           R(4, 0x2d * 4, BOTH(127)), R(4, 0x30 * 4, BOTH(2)), R(4, 0x31 * 4, BOTH('P')), R(4, 0x33 * 4, BOTH('I')),
           SAVE, W(4, 0, BOTH(0x90)), R(4, 0, BOTH(0x89)), R(4, 4, BOTH(0x18)), R(4, 8, 0), W(4, 0, BOTH(0xff)),
           R(4, 0, 0));
    rig_free(r);
}

static void program_and_erase(void)
{
    struct rig *r = rig_new(&pflash_cfi01_class, NULL);
    SCRIPT(r, W(4, SECTOR, BOTH(0x20)), W(4, SECTOR, BOTH(0xd0)), R(4, 0, BOTH(0x80)), W(4, 0, BOTH(0xff)),
           R(8, SECTOR, ~0ull), R(4, SECTOR - 4, 0), R(4, 2 * SECTOR, 0), R(4, 2 * SECTOR - 4, 0xffffffff),
           W(4, SECTOR + 8, BOTH(0x40)), W(4, SECTOR + 8, 0x12345678), R(4, 0, BOTH(0x80)), W(4, 0, BOTH(0x50)),
           R(4, SECTOR + 8, 0x12345678), W(4, SECTOR + 8, BOTH(0x10)), W(4, SECTOR + 8, 0xffff0000),
           W(4, 0, BOTH(0xff)), R(4, SECTOR + 8, 0x12340000), /* programming only clears */
           W(4, 0, BOTH(0x60)), W(4, 0, BOTH(0xd0)), R(4, 0, BOTH(0x80)), SAVE);
    rig_free(r);
}

static void buffered(void)
{
    struct rig *r = rig_new(&pflash_cfi01_class, NULL);
    SCRIPT(r, W(4, 0, BOTH(0x20)), W(4, 0, BOTH(0xd0)), W(4, 0x100, BOTH(0xe8)), R(4, 0x100, BOTH(0x80)),
           W(4, 0x100, BOTH(2)), W(4, 0x100, 0x11111111), SAVE, W(4, 0x104, 0x22222222), W(4, 0x108, 0x33333333),
           W(4, 0x100, BOTH(0xd0)), R(4, 0x100, BOTH(0x80)), W(4, 0, BOTH(0xff)), R(8, 0x100, 0x2222222211111111),
           R(8, 0x108, 0xffffffff33333333), R(4, 0xfc, 0xffffffff));
    rig_free(r);
}

static void wrong_sequences(void)
{
    struct rig *r = rig_new(&pflash_cfi01_class, NULL);
    SCRIPT(r, W(4, 0, BOTH(0x20)), W(4, 0, BOTH(0xff)), R(4, 0, BOTH(0xb0)), W(4, 0, BOTH(0x50)), W(4, 0, BOTH(0x70)),
           R(4, 0, BOTH(0x80)), W(4, 0, BOTH(0xe8)), W(4, 0, BOTH(0xffff)), R(4, 0, BOTH(0xb0)), W(4, 0, BOTH(0x50)),
           W(4, 0, BOTH(0xe8)), W(4, 0, BOTH(1)), W(4, 0, 1), W(4, SECTOR, 1), R(4, 0, BOTH(0xb0)), /* another sector */
           W(4, 0, BOTH(0x50)), W(4, 0, BOTH(0xe8)), W(4, 0, 0), W(4, 0, 0), W(4, 0, BOTH(0xff)), R(4, 0, BOTH(0xb0)),
           W(4, 0, BOTH(0x50)), W(4, 0, BOTH(0x60)), W(4, 0, BOTH(0xff)), R(4, 0, BOTH(0xb0)));
    rig_free(r);
}

static void drive(void)
{
    struct rig *r = rig_begin(&pflash_cfi01_class, NULL);
    struct disk k = { { .ops = &disk_ops, .id = "disk", .size = 2 * SECTOR }, calloc(1, 2 * SECTOR), false, 0 };
    memset(k.data, 0xff, 2 * SECTOR);
    memcpy(k.data, "code", 4);
    r->d->drive = &k.port;
    rig_finish(r);
    SCRIPT(r, R(4, 0, 0x65646f63), R(4, 2 * SECTOR, 0), W(4, 16, BOTH(0x40)), W(4, 16, 0x2a), R(4, 0, BOTH(0x80)));
    CU_ASSERT(k.writes == 1 && load_le(k.data + 16, 4) == 0x2a);
    SCRIPT(r, W(4, 4 * SECTOR, BOTH(0x40)), W(4, 4 * SECTOR, 0x2a), R(4, 0, BOTH(0x80))); /* behind the image's end */
    CU_ASSERT_EQUAL(k.writes, 1);
    k.fails = true;
    SCRIPT(r, W(4, 20, BOTH(0x40)), W(4, 20, 0x2a), R(4, 0, BOTH(0x90)), W(4, 0, BOTH(0x50)), W(4, 0, BOTH(0x20)),
           W(4, 0, BOTH(0xd0)), R(4, 0, BOTH(0xa0)));
    struct err e = { "" };
    CU_ASSERT_FALSE(pflash_set_contents(r->d, "big", k.data, (u64)33 << 20, &e));
    CU_ASSERT_TRUE(pflash_set_contents(r->d, "small", (const u8 *)"abcd", 4, &e));
    device_reset(r->d);
    SCRIPT(r, R(4, 0, 0x64636261));
    free(k.data);
    rig_free(r);
    k.port.size = (u64)33 << 20;
    r = rig_begin(&pflash_cfi01_class, NULL);
    r->d->drive = &k.port;
    CU_ASSERT_FALSE(r->d->cls->build(r->d, &e));
    rig_free(r);
}

static void random_writes(void)
{
    struct rig *r = rig_new(&pflash_cfi01_class, NULL);
    static const u8 cmds[] = { 0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xd0, 0xe8, 0xff, 1, 0 };
    u64 seed = 3;
    for (unsigned i = 0; i < 20000; i++) {
        u64 x = rng_next(&seed);
        unsigned size = 1u << (x >> 60 & 3);
        u64 at = (x >> 4 & 1 ? (u64)(32 << 20) - 0x2000 : 0) + (x >> 8 & 0x1fff) / size * size;
        u64 v = x >> 32 & 7 ? cmds[(x >> 40) % sizeof cmds] : x;
        if (x & 1)
            rig_write(r, at, size, v);
        else
            rig_read(r, at, size);
    }
    CU_ASSERT_TRUE(rig_snapshot(r));
    rig_free(r);
}

int main(void)
{
    return unit_main("pflash-cfi01", (CU_TestInfo[]){ { "query and identification", query },
                                                      { "program and erase", program_and_erase },
                                                      { "buffered program", buffered },
                                                      { "wrong sequences", wrong_sequences },
                                                      { "drive", drive },
                                                      { "random writes", random_writes },
                                                      CU_TEST_INFO_NULL });
}
