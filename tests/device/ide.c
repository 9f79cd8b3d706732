/* IDE through its ports: task file, PIO, bus master, ATAPI packets, errors, resets, and a guest gone mad. */
#include "iodev/block/medium.h"
#include "tests/device/ide_rig.h"

#include "base/hash.h"
#include "base/rng.h"

#define SIZE ((u64)8 << 20)
enum { DATA, ERROR, COUNT, LOW, MID, HIGH, DEVICE, STATUS };

static u64 in(struct ide_rig *t, unsigned reg) { return ir_in(t, 0x1f0 + reg, 1); }
static void out(struct ide_rig *t, unsigned reg, u64 v) { ir_out(t, 0x1f0 + reg, 1, v); }
static u64 alt(struct ide_rig *t) { return ir_in(t, 0x3f6, 1); }

/* Time passes until the drive is not busy; the status, read without ending the interrupt. */
static u64 settle(struct ide_rig *t)
{
    for (unsigned i = 0; i < 100000 && (alt(t) & 0x80); i++)
        rig_run(t->r, 1000);
    return alt(t);
}

static void lba28(struct ide_rig *t, u8 dev, u32 lba, u8 n)
{
    out(t, DEVICE, 0xe0 | dev | (lba >> 24 & 15));
    out(t, COUNT, n);
    out(t, LOW, lba);
    out(t, MID, lba >> 8);
    out(t, HIGH, lba >> 16);
}

static void lba48(struct ide_rig *t, u8 dev, u64 lba, u16 n)
{
    out(t, DEVICE, 0x40 | dev);
    out(t, COUNT, n >> 8);
    out(t, LOW, lba >> 24);
    out(t, MID, lba >> 32);
    out(t, HIGH, lba >> 40);
    out(t, COUNT, n);
    out(t, LOW, lba);
    out(t, MID, lba >> 8);
    out(t, HIGH, lba >> 16);
}

/* The command is busy first and ends with an interrupt that reading the status ends. */
static u64 run(struct ide_rig *t, u8 command)
{
    out(t, STATUS, command);
    CU_ASSERT(alt(t) & 0x80);
    CU_ASSERT_FALSE(t->r->out[0]);
    return settle(t);
}

static void pull(struct ide_rig *t, u8 *to, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 2)
        store_le(to + i, 2, ir_in(t, 0x1f0, 2));
}

static void push(struct ide_rig *t, const u8 *from, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 4)
        ir_out(t, 0x1f0, 4, load_le(from + i, 4));
}

static void identify(void)
{
    struct ide_rig *t = ide_rig_new("d---", SIZE);
    u8 id[512], sum = 0;
    CU_ASSERT_EQUAL(in(t, STATUS), 0x50);
    CU_ASSERT_EQUAL(in(t, ERROR), 1);
    CU_ASSERT_EQUAL(in(t, COUNT), 1);
    CU_ASSERT_EQUAL(in(t, LOW), 1);
    CU_ASSERT_EQUAL(in(t, MID), 0);
    out(t, DEVICE, 0xa0);
    CU_ASSERT_EQUAL(run(t, 0xec), 0x58);
    CU_ASSERT_TRUE(t->r->out[0]);
    CU_ASSERT_EQUAL(in(t, STATUS), 0x58);
    CU_ASSERT_FALSE(t->r->out[0]);
    CU_ASSERT(ir_snapshot(t));
    pull(t, id, 256);
    CU_ASSERT(ir_snapshot(t));
    pull(t, id + 256, 256);
    CU_ASSERT_EQUAL(in(t, STATUS), 0x50);
    CU_ASSERT_FALSE(t->r->out[0]);
    CU_ASSERT_EQUAL(load_le(id + 2, 2), SIZE / 512 / 1008);
    CU_ASSERT_EQUAL(load_le(id + 120, 4), SIZE / 512);
    CU_ASSERT_EQUAL(load_le(id + 200, 8), SIZE / 512);
    CU_ASSERT_EQUAL(memcmp(id + 54, "ROERYRH RADDSI K", 16), 0);
    for (unsigned i = 0; i < 512; i++)
        sum = (u8)(sum + id[i]);
    CU_ASSERT_EQUAL(sum, 0);
    ir_free(t);
}

/* Who answers where nobody is (ATA-6, 9.16.1), and the switch in IDETIM. */
static void nobody(void)
{
    struct ide_rig *t = ide_rig_new("d---", SIZE);
    out(t, DEVICE, 0xb0);
    CU_ASSERT_EQUAL(in(t, STATUS), 0);
    out(t, COUNT, 0x55);
    CU_ASSERT_EQUAL(in(t, COUNT), 0x55);
    CU_ASSERT_EQUAL(in(t, DEVICE), 0xb0);
    out(t, STATUS, 0xec);
    rig_run(t->r, 1000000);
    CU_ASSERT_FALSE(t->r->out[0]);
    CU_ASSERT_EQUAL(ir_in(t, 0x177, 1), 0x7f);
    CU_ASSERT_EQUAL(ir_in(t, 0x170, 2), 0xff7f);
    pci_config_write(t->bridge, DEVFN, 0x40, 2, 0);
    CU_ASSERT_EQUAL(in(t, STATUS), 0xff);
    CU_ASSERT_EQUAL(alt(t), 0xff);
    out(t, COUNT, 1);
    pci_config_write(t->bridge, DEVFN, 0x40, 2, 0x8000);
    CU_ASSERT_EQUAL(in(t, COUNT), 0x55);
    CU_ASSERT_EQUAL(pci_config_read(t->bridge, DEVFN, 0, 4), 0x70108086);
    CU_ASSERT_EQUAL(pci_config_read(t->bridge, DEVFN, 8, 4) >> 8, 0x010180);
    ir_free(t);
}

static void pio_read(void)
{
    struct ide_rig *t = ide_rig_new("dd--", SIZE);
    u8 got[2048];
    lba28(t, 0x10, 5, 2);
    CU_ASSERT_EQUAL(run(t, 0x20), 0x58);
    CU_ASSERT_TRUE(t->r->out[0]);
    in(t, STATUS);
    pull(t, got, 512);
    CU_ASSERT(alt(t) & 0x80); /* the next sector takes a while, and an interrupt */
    CU_ASSERT_FALSE(t->r->out[0]);
    CU_ASSERT_EQUAL(settle(t), 0x58);
    CU_ASSERT_TRUE(t->r->out[0]);
    in(t, STATUS);
    pull(t, got + 512, 512);
    CU_ASSERT_EQUAL(in(t, STATUS), 0x50);
    CU_ASSERT_FALSE(t->r->out[0]);
    CU_ASSERT_EQUAL(memcmp(got, t->disk[1].bytes + 5 * 512, 1024), 0);
    CU_ASSERT_EQUAL(in(t, COUNT), 0);
    CU_ASSERT_EQUAL(in(t, LOW), 6);
    /* CHS: cylinder 1, head 2, sector 3 of 16 heads and 63 sectors */
    out(t, DEVICE, 0xb2);
    out(t, COUNT, 1);
    out(t, LOW, 3);
    out(t, MID, 1);
    out(t, HIGH, 0);
    CU_ASSERT_EQUAL(run(t, 0x20), 0x58);
    pull(t, got, 512);
    CU_ASSERT_EQUAL(memcmp(got, t->disk[1].bytes + ((16 + 2) * 63 + 2) * 512, 512), 0);
    /* READ MULTIPLE: 4 at once, 3 in the last block */
    out(t, COUNT, 4);
    CU_ASSERT_EQUAL(run(t, 0xc6), 0x50);
    lba48(t, 0x10, 100, 7);
    CU_ASSERT_EQUAL(run(t, 0x29), 0x58);
    pull(t, got, 2048);
    CU_ASSERT_EQUAL(memcmp(got, t->disk[1].bytes + 100 * 512, 2048), 0);
    CU_ASSERT_EQUAL(settle(t), 0x58);
    pull(t, got, 1536);
    CU_ASSERT_EQUAL(memcmp(got, t->disk[1].bytes + 104 * 512, 1536), 0);
    CU_ASSERT_EQUAL(in(t, STATUS), 0x50);
    ir_free(t);
}

static void pio_write(void)
{
    struct ide_rig *t = ide_rig_new("d---", SIZE);
    u8 bytes[1024];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (u8)(i * 3 + 1);
    lba48(t, 0, 77, 2);
    CU_ASSERT_EQUAL(run(t, 0x34), 0x58);
    CU_ASSERT_FALSE(t->r->out[0]); /* the first block without an interrupt */
    push(t, bytes, 512);
    CU_ASSERT(alt(t) & 0x80);
    CU_ASSERT_EQUAL(settle(t), 0x58);
    CU_ASSERT_TRUE(t->r->out[0]);
    in(t, STATUS);
    push(t, bytes + 512, 512);
    CU_ASSERT_EQUAL(settle(t), 0x50);
    CU_ASSERT_TRUE(t->r->out[0]);
    CU_ASSERT_EQUAL(memcmp(t->disk[0].bytes + 77 * 512, bytes, 1024), 0);
    CU_ASSERT_EQUAL(t->disk[0].flushes, 0);
    CU_ASSERT_EQUAL(run(t, 0xea), 0x50);
    CU_ASSERT_EQUAL(t->disk[0].flushes, 1);
    t->disk[0].port.read_only = true;
    lba28(t, 0, 1, 1);
    CU_ASSERT_EQUAL(run(t, 0x30), 0x51);
    CU_ASSERT_EQUAL(in(t, ERROR), 4);
    ir_free(t);
}

static void errors(void)
{
    struct ide_rig *t = ide_rig_new("d---", SIZE);
    static const u8 refused[] = { 0x00, 0x08, 0xa0, 0xa1, 0xf1, 0xf2, 0xf6, 0x22, 0x33, 0xff, 0x06, 0xc4 };
    for (unsigned i = 0; i < sizeof refused; i++) {
        lba28(t, 0, 0, 1);
        CU_ASSERT_EQUAL(run(t, refused[i]), 0x51);
        CU_ASSERT_EQUAL(in(t, ERROR), 4);
        CU_ASSERT_TRUE(t->r->out[0]);
    }
    lba28(t, 0, SIZE / 512 - 1, 2); /* the second is not there */
    CU_ASSERT_EQUAL(run(t, 0x20), 0x51);
    CU_ASSERT_EQUAL(in(t, ERROR), 0x10);
    CU_ASSERT_EQUAL(in(t, LOW) | in(t, MID) << 8 | in(t, HIGH) << 16, SIZE / 512);
    out(t, DEVICE, 0xa0);
    out(t, LOW, 0); /* no sector 0 in CHS */
    CU_ASSERT_EQUAL(run(t, 0x20), 0x51);
    CU_ASSERT_EQUAL(in(t, ERROR), 0x10);
    lba28(t, 0, 3, 1);
    t->disk[0].fail = true;
    CU_ASSERT_EQUAL(run(t, 0x20), 0x51);
    CU_ASSERT_EQUAL(in(t, ERROR), 0x40);
    CU_ASSERT_EQUAL(run(t, 0xe7), 0x71);
    t->disk[0].fail = false;
    CU_ASSERT_EQUAL(run(t, 0x40), 0x50);
    ir_free(t);
}

static void settings(void)
{
    struct ide_rig *t = ide_rig_new("d---", SIZE);
    lba28(t, 0, 0, 0);
    CU_ASSERT_EQUAL(run(t, 0x27), 0x51 & 0x50); /* READ NATIVE MAX ADDRESS EXT */
    CU_ASSERT_EQUAL(in(t, LOW) | in(t, MID) << 8 | in(t, HIGH) << 16, SIZE / 512 - 1);
    lba48(t, 0, 999, 0);
    CU_ASSERT_EQUAL(run(t, 0x37), 0x50);
    lba28(t, 0, 1000, 1);
    CU_ASSERT_EQUAL(run(t, 0x20), 0x51);
    lba28(t, 0, 999, 1);
    CU_ASSERT_EQUAL(run(t, 0x40), 0x50);
    lba48(t, 0, 5000, 0);
    CU_ASSERT_EQUAL(run(t, 0x37), 0x51); /* only right after READ NATIVE MAX */
    CU_ASSERT_EQUAL(run(t, 0xe0), 0x50);
    CU_ASSERT_EQUAL(run(t, 0xe5), 0x50);
    CU_ASSERT_EQUAL(in(t, COUNT), 0);
    out(t, MID, 0x4f);
    out(t, HIGH, 0xc2);
    out(t, ERROR, 0xda);
    CU_ASSERT_EQUAL(run(t, 0xb0), 0x50);
    CU_ASSERT_EQUAL(in(t, MID), 0x4f);
    out(t, ERROR, 3);
    out(t, COUNT, 0x22);
    CU_ASSERT_EQUAL(run(t, 0xef), 0x50);
    out(t, COUNT, 0x4f);
    CU_ASSERT_EQUAL(run(t, 0xef), 0x51);
    out(t, COUNT, 17);
    out(t, DEVICE, 0xa7);
    CU_ASSERT_EQUAL(run(t, 0x91), 0x50);
    u8 id[512];
    CU_ASSERT_EQUAL(run(t, 0xec), 0x58);
    pull(t, id, 512);
    CU_ASSERT_EQUAL(load_le(id + 110, 2), 8);
    CU_ASSERT_EQUAL(load_le(id + 112, 2), 17);
    CU_ASSERT_EQUAL(load_le(id + 126, 2), 0x407);
    out(t, COUNT, 0xab); /* HOB shows what was there before */
    out(t, COUNT, 0xcd);
    ir_out(t, 0x3f6, 1, 0x80);
    CU_ASSERT_EQUAL(in(t, COUNT), 0xab);
    out(t, LOW, 0);
    CU_ASSERT_EQUAL(in(t, COUNT), 0xcd);
    ir_out(t, 0x3f6, 1, 2); /* nIEN */
    CU_ASSERT_EQUAL(run(t, 0xe5), 0x50);
    CU_ASSERT_FALSE(t->r->out[0]);
    ir_out(t, 0x3f6, 1, 0);
    CU_ASSERT_TRUE(t->r->out[0]);
    CU_ASSERT_EQUAL(run(t, 0xe6), 0x50); /* asleep: only a reset helps */
    out(t, STATUS, 0xec);
    rig_run(t->r, 1000000);
    CU_ASSERT_EQUAL(in(t, STATUS), 0x50);
    ir_out(t, 0x3f6, 1, 4);
    CU_ASSERT_EQUAL(alt(t), 0x80);
    ir_out(t, 0x3f6, 1, 0);
    CU_ASSERT_EQUAL(settle(t), 0x50);
    CU_ASSERT_EQUAL(in(t, COUNT), 1);
    CU_ASSERT_EQUAL(run(t, 0xec), 0x58);
    ir_free(t);
}

static void diagnose(void)
{
    struct ide_rig *t = ide_rig_new("dc--", SIZE);
    out(t, DEVICE, 0xb0);
    out(t, STATUS, 0x90);
    settle(t);
    CU_ASSERT_TRUE(t->r->out[0]);
    CU_ASSERT_EQUAL(in(t, DEVICE), 0xa0);
    CU_ASSERT_EQUAL(in(t, ERROR), 1);
    CU_ASSERT_EQUAL(in(t, MID), 0);
    out(t, DEVICE, 0xb0);
    CU_ASSERT_EQUAL(in(t, MID), 0x14);
    CU_ASSERT_EQUAL(in(t, HIGH), 0xeb);
    CU_ASSERT_EQUAL(in(t, STATUS), 0); /* a packet device is not ready for ATA commands */
    out(t, STATUS, 0xec);
    CU_ASSERT_EQUAL(settle(t), 0x51);
    CU_ASSERT_EQUAL(in(t, HIGH), 0xeb);
    ir_free(t);
}

/* --- bus master -------------------------------------------------------------------------------------------- */

static void prd(struct ide_rig *t, unsigned n, u32 addr, u32 len, bool last)
{
    u8 b[8];
    store_le(b, 4, addr);
    store_le(b + 4, 4, (len & 0xffff) | (last ? 0x80000000u : 0));
    space_poke(t->r->env.mem, RIG_RAM + 0x1000 + n * 8, b, 8);
}

static void bm_start(struct ide_rig *t, bool to_memory)
{
    ir_out(t, PORT_BM + 4, 4, RIG_RAM + 0x1000);
    ir_out(t, PORT_BM + 2, 1, 6);
    ir_out(t, PORT_BM, 1, to_memory ? 8 : 0);
    ir_out(t, PORT_BM, 1, to_memory ? 9 : 1);
}

static u64 bm_status(struct ide_rig *t) { return ir_in(t, PORT_BM + 2, 1); }

static void dma(void)
{
    struct ide_rig *t = ide_rig_new("d---", SIZE);
    u8 *ram = t->r->ram->host;
    prd(t, 0, RIG_RAM + 0x10000, 0x3002, false); /* 128 KiB in three odd pieces */
    prd(t, 1, RIG_RAM + 0x20002, 0, false);
    prd(t, 2, RIG_RAM + 0x40000, 0xcffe, true);
    lba48(t, 0, 1000, 256);
    out(t, STATUS, 0x25);
    bm_start(t, true);
    CU_ASSERT_EQUAL(bm_status(t), 1);
    unsigned cuts = 0;
    while (!t->r->out[0] && cuts < 10000) {
        rig_run(t->r, 1000);
        CU_ASSERT(ir_snapshot(t));
        cuts++;
    }
    CU_ASSERT(cuts > 256); /* 2 us for each sector */
    CU_ASSERT_EQUAL(bm_status(t), 4);
    CU_ASSERT_EQUAL(in(t, STATUS), 0x50);
    CU_ASSERT_EQUAL(memcmp(ram + 0x10000, t->disk[0].bytes + 512000, 0x3002), 0);
    CU_ASSERT_EQUAL(memcmp(ram + 0x20002, t->disk[0].bytes + 512000 + 0x3002, 0x10000), 0);
    CU_ASSERT_EQUAL(memcmp(ram + 0x40000, t->disk[0].bytes + 512000 + 0x13002, 0xcffe), 0);
    ir_out(t, PORT_BM, 1, 0);
    /* the other way, the bus master started late and its table longer than the transfer */
    lba28(t, 0, 4000, 3);
    out(t, STATUS, 0xca);
    CU_ASSERT_EQUAL(settle(t), 0x58);
    rig_run(t->r, 10000000);
    CU_ASSERT_FALSE(t->r->out[0]);
    bm_start(t, false);
    rig_run(t->r, 1000000);
    CU_ASSERT_TRUE(t->r->out[0]);
    CU_ASSERT_EQUAL(bm_status(t), 5);
    CU_ASSERT_EQUAL(memcmp(ram + 0x10000, t->disk[0].bytes + 4000 * 512, 1536), 0);
    ir_out(t, PORT_BM, 1, 0);
    CU_ASSERT_EQUAL(bm_status(t), 4);
    ir_free(t);
}

static void dma_goes_wrong(void)
{
    struct ide_rig *t = ide_rig_new("d---", SIZE);
    prd(t, 0, RIG_RAM + 0x10000, 512, true); /* a table that is too short: no interrupt, not active */
    lba28(t, 0, 0, 2);
    out(t, STATUS, 0xc8);
    bm_start(t, true);
    rig_run(t->r, 10000000);
    CU_ASSERT_EQUAL(bm_status(t), 0);
    CU_ASSERT_FALSE(t->r->out[0]);
    CU_ASSERT_EQUAL(alt(t), 0x58);
    ir_out(t, PORT_BM, 1, 0);
    bm_start(t, true); /* going on with another table */
    rig_run(t->r, 1000000);
    CU_ASSERT_EQUAL(bm_status(t), 4);
    CU_ASSERT_TRUE(t->r->out[0]);
    ir_out(t, PORT_BM, 1, 0);
    prd(t, 0, 0x1000, 512, true); /* nobody there */
    lba28(t, 0, 0, 1);
    out(t, STATUS, 0xc8);
    bm_start(t, true);
    rig_run(t->r, 1000000);
    CU_ASSERT_EQUAL(bm_status(t), 2);
    ir_out(t, PORT_BM, 1, 0);
    ir_out(t, 0x3f6, 1, 4);
    ir_out(t, 0x3f6, 1, 0);
    CU_ASSERT_EQUAL(settle(t), 0x50);
    prd(t, 0, RIG_RAM + 0x10000, 512, true); /* the wrong direction: nothing moves */
    lba28(t, 0, 0, 1);
    out(t, STATUS, 0xc8);
    bm_start(t, false);
    rig_run(t->r, 1000000);
    CU_ASSERT_EQUAL(bm_status(t), 1);
    pci_config_write(t->bridge, DEVFN, 4, 2, 1); /* mastering off */
    ir_out(t, PORT_BM, 1, 0);
    bm_start(t, true);
    rig_run(t->r, 1000000);
    CU_ASSERT_EQUAL(bm_status(t), 2);
    ir_free(t);
}

/* --- ATAPI ------------------------------------------------------------------------------------------------- */

static u64 packet(struct ide_rig *t, bool use_dma, u32 limit, const u8 *cdb)
{
    out(t, DEVICE, 0xa0);
    out(t, ERROR, use_dma);
    out(t, MID, limit);
    out(t, HIGH, limit >> 8);
    CU_ASSERT_EQUAL(run(t, 0xa0), 0x58);
    CU_ASSERT_EQUAL(in(t, COUNT) & 3, 1);
    push(t, cdb, 12);
    CU_ASSERT(alt(t) & 0x80);
    return settle(t);
}
#define CDB(...) (const u8[12]){ __VA_ARGS__ }

/* Everything the drive sends by PIO; how much. */
static u32 fetch(struct ide_rig *t, u64 status, u8 *to, u32 cap)
{
    u32 n = 0;
    while (status & 8) {
        CU_ASSERT_EQUAL(in(t, COUNT) & 3, 2);
        u32 len = (u32)(in(t, MID) | in(t, HIGH) << 8);
        CU_ASSERT_TRUE(t->r->out[0]);
        in(t, STATUS);
        if (!len || n + len + 1 > cap) {
            CU_FAIL("length");
            break;
        }
        pull(t, to + n, len);
        n += len;
        status = settle(t);
    }
    CU_ASSERT_EQUAL(in(t, COUNT) & 3, 3);
    CU_ASSERT_TRUE(t->r->out[0]);
    return n;
}

static u32 sense(struct ide_rig *t)
{
    u8 b[64] = { 0 };
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 64, CDB(3, 0, 0, 0, 18)), b, 64), 18);
    return (u32)(b[2] << 16 | b[12] << 8 | b[13]);
}

static void atapi(void)
{
    struct ide_rig *t = ide_rig_new("c---", SIZE);
    static u8 b[70000];
    CU_ASSERT_EQUAL(in(t, STATUS), 0);
    CU_ASSERT_EQUAL(in(t, MID), 0x14);
    CU_ASSERT_EQUAL(run(t, 0xa1), 0x58);
    pull(t, b, 512);
    CU_ASSERT_EQUAL(load_le(b, 2), 0x85c0);
    CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0)), 0x51); /* power on */
    CU_ASSERT_EQUAL(in(t, ERROR), 0x64);
    CU_ASSERT_EQUAL(sense(t), 0x062900);
    CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0)), 0x50);
    CU_ASSERT_EQUAL(sense(t), 0);
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 64, CDB(0x12, 0, 0, 0, 36)), b, 64), 36);
    CU_ASSERT_EQUAL(memcmp(b + 8, "ORRERY  ORRERY CD-ROM   1.0 ", 28), 0);
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 64, CDB(0x12, 0, 0, 0, 5)), b, 64), 5); /* odd */
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 64, CDB(0x25)), b, 64), 8);
    CU_ASSERT_EQUAL(load_be(b, 4), SIZE / 2048 - 1);
    CU_ASSERT_EQUAL(load_be(b + 4, 4), 2048);
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 2048, CDB(0x28, 0, 0, 0, 0, 16, 0, 0, 20)), b, 65536), 40960);
    CU_ASSERT_EQUAL(memcmp(b, t->disk[0].bytes + 16 * 2048, 40960), 0);
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 0xfffe, CDB(0xa8, 0, 0, 0, 0, 9, 0, 0, 0, 9)), b, 65536), 18432);
    CU_ASSERT_EQUAL(memcmp(b, t->disk[0].bytes + 9 * 2048, 18432), 0);
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 0x333, CDB(0xbe, 0, 0, 0, 0, 9, 0, 0, 2, 0xf8)), b, 65536), 4704);
    CU_ASSERT_EQUAL(memcmp(b + 2352 + 16, t->disk[0].bytes + 10 * 2048, 2048), 0);
    CU_ASSERT_EQUAL(load_be(b + 2352 + 12, 4), 0x00021001); /* 0:2:10 */
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 2048, CDB(0x43, 0, 0, 0, 0, 0, 0, 1, 0)), b, 2048), 20);
    CU_ASSERT_EQUAL(load_be(b, 4), 0x00120101);
    CU_ASSERT_EQUAL(load_be(b + 16, 4), SIZE / 2048);
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 2048, CDB(0x46, 0, 0, 0, 0, 0, 0, 1, 0)), b, 2048), load_be(b, 4) + 4);
    CU_ASSERT_EQUAL(load_be(b + 6, 2), 8);
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 2048, CDB(0x5a, 0, 0x3f, 0, 0, 0, 0, 1, 0)), b, 2048), load_be(b, 2) + 2);
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 2048, CDB(0x51, 0, 0, 0, 0, 0, 0, 1, 0)), b, 2048), 34);
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 2048, CDB(0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8)), b, 2048), 8);
    CU_ASSERT_EQUAL(packet(t, false, 2048, CDB(0x28, 0, 0, 0, 0x80, 0, 0, 0, 1)), 0x51);
    CU_ASSERT_EQUAL(in(t, ERROR), 0x54);
    CU_ASSERT_EQUAL(sense(t), 0x052100);
    CU_ASSERT_EQUAL(packet(t, false, 2048, CDB(0xc7)), 0x51);
    CU_ASSERT_EQUAL(sense(t), 0x052000);
    CU_ASSERT_EQUAL(packet(t, false, 0, CDB(0x25)), 0x51); /* no byte count */
    CU_ASSERT_EQUAL(in(t, ERROR), 4);
    t->disk[0].fail = true;
    CU_ASSERT_EQUAL(packet(t, false, 2048, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1)), 0x51);
    CU_ASSERT_EQUAL(sense(t), 0x031100);
    t->disk[0].fail = false;
    prd(t, 0, RIG_RAM + 0x10000, 0xa000, true);
    out(t, DEVICE, 0xa0);
    bm_start(t, true);
    packet(t, true, 0, CDB(0x28, 0, 0, 0, 0, 16, 0, 0, 20));
    for (unsigned i = 0; i < 2000 && !t->r->out[0]; i++) {
        rig_run(t->r, 1000);
        CU_ASSERT(ir_snapshot(t));
    }
    CU_ASSERT_EQUAL(in(t, STATUS), 0x50);
    CU_ASSERT_EQUAL(bm_status(t), 4);
    CU_ASSERT_EQUAL(memcmp(t->r->ram->host + 0x10000, t->disk[0].bytes + 16 * 2048, 40960), 0);
    ir_free(t);
}

static void deliver(struct ide_rig *t, const char *text)
{
    struct input_channel *c = t->r->env.channels;
    c->deliver(c->opaque, (const u8 *)text, strlen(text));
}

static void tray(void)
{
    struct ide_rig *t = ide_rig_new("c---", SIZE);
    u8 b[64];
    CU_ASSERT_EQUAL(sense(t), 0x062900);
    CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0x1e, 0, 0, 0, 1)), 0x50);
    CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0x1b, 0, 0, 0, 2)), 0x51);
    CU_ASSERT_EQUAL(sense(t), 0x055302);
    deliver(t, "b");
    CU_ASSERT_EQUAL(fetch(t, packet(t, false, 64, CDB(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8)), b, 64), 8);
    CU_ASSERT_EQUAL(load_be(b, 8), 0x0006041001020000);
    CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0x1e, 0, 0, 0, 0)), 0x50);
    CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0x1b, 0, 0, 0, 2)), 0x50);
    CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0)), 0x51);
    CU_ASSERT_EQUAL(sense(t), 0x023a02);
    deliver(t, "c");
    CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0)), 0x51);
    CU_ASSERT_EQUAL(sense(t), 0x062800);
    CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0)), 0x50);
    ir_free(t);
}

/* Another disc comes in, also into a drive that was empty; what names none is not obeyed. */
static void change(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ide_rig *t = ide_rig_new(i ? "e---" : "c---", SIZE);
        struct mem_disk disk;
        struct buf said = { 0 };
        struct input_channel *c = t->r->env.channels;
        u8 b[64];
        md_make(t->r->arena, &disk, 5 * 2048);
        disk.port.read_only = true;
        struct medium m = { .text = { .id = 7, .path = "x.iso" }, .port = &disk.port };
        CU_ASSERT_EQUAL(sense(t), 0x062900);
        buf_put_le(&said, MEDIUM_INSERT, 1);
        medium_put(&m.text, &said);
        c->deliver(c->opaque, said.data, said.len); /* it is not on the shelf */
        CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0)), i ? 0x51 : 0x50);
        t->r->env.media = &m;
        for (size_t n = 0; n < said.len; n++)
            c->deliver(c->opaque, said.data, n); /* cut short */
        CU_ASSERT_PTR_NOT_EQUAL(t->drive[0]->drive, &disk.port);
        c->deliver(c->opaque, said.data, said.len);
        CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0)), 0x51);
        CU_ASSERT_EQUAL(sense(t), 0x062800);
        CU_ASSERT_EQUAL(fetch(t, packet(t, false, 64, CDB(0x25)), b, 64), 8);
        CU_ASSERT_EQUAL(load_be(b, 4), 4);
        /* A state that names a disc which is nowhere is an empty drive. */
        t->r->env.media = NULL;
        ide_cd_class.loaded(t->drive[0]);
        CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0x25)), 0x51);
        CU_ASSERT_EQUAL(sense(t), 0x023a00);
        buf_free(&said);
        ir_free(t);
    }
}

static void empty(void)
{
    struct ide_rig *t = ide_rig_new("e---", SIZE);
    CU_ASSERT_EQUAL(sense(t), 0x062900);
    CU_ASSERT_EQUAL(packet(t, false, 64, CDB(0x25)), 0x51);
    CU_ASSERT_EQUAL(sense(t), 0x023a00);
    ir_free(t);
}

/* --- a guest gone mad -------------------------------------------------------------------------------------- */

static u64 mad(u64 seed, unsigned steps)
{
    static const u8 likely[] = { 0x20, 0x24, 0x25, 0x29, 0x30, 0x35, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xec, 0xa0, 0xa0, 0xa0,
                                 0xa1, 0xef, 0x91, 0x27, 0x37, 0xf9, 0xe8, 0xe4, 0x90, 0x08, 0xb0, 0x40 };
    static const u8 cdbs[] = { 0x28, 0xa8, 0xbe, 0x43, 0x46, 0x5a, 0x4a, 0x1b, 0x03, 0x12, 0x25, 0xb9, 0x51 };
    struct ide_rig *t = ide_rig_new("dcdd", 1 << 20);
    t->disk[3].port.read_only = true;
    u64 answers = 0;
    for (unsigned i = 0; i < 256; i++)
        prd(t, i, RIG_RAM + (u32)(rng_next(&seed) % 0x110000), (u32)rng_next(&seed) % 0x900, !(rng_next(&seed) % 20));
    for (unsigned n = 0; n < steps; n++) {
        u64 x = rng_next(&seed);
        unsigned ch = x & 1 ? 0x170 : 0x1f0, reg = x >> 1 & 7, size = 1u << (x >> 4 & 3) % 3;
        u64 v = rng_next(&seed);
        switch (x >> 8 & 15) {
        case 0: case 1: ir_out(t, ch + reg, 1, v); break;
        case 2: ir_out(t, ch + 7, 1, v & 0x300 ? likely[(v >> 16) % sizeof likely] : v); break;
        case 3: ir_out(t, ch + 2 + (v & 3), 1, v >> 8 & 15); break;
        case 4: ir_out(t, ch + 6, 1, (v & 0x70) | (v & 0x80 ? v >> 8 & 15 : 0)); break;
        case 5: answers = hash_u64(ir_in(t, ch + reg, size), answers); break;
        case 6: rig_run(t->r, v % 100000); break;
        case 7:
            for (unsigned k = 0; k < (v & 511); k++)
                answers = hash_u64(ir_in(t, ch, 4), answers);
            break;
        case 8:
            for (unsigned k = 0; k < (v & 511); k++)
                ir_out(t, ch, 2, v * k);
            break;
        case 9: /* a likely packet */
            ir_out(t, ch, 2, cdbs[(v >> 8) % sizeof cdbs] | (v & 0xff) << 8);
            for (unsigned k = 0; k < 5; k++)
                ir_out(t, ch, 2, rng_next(&seed) & (k & 1 ? 0xffff : 0xff00) & (v & 1 ? 0x1f1f : 0xffff));
            break;
        case 10: ir_out(t, PORT_BM + (ch == 0x170 ? 8 : 0), 1, v & 9); break;
        case 11: ir_out(t, PORT_BM + (v & 15), size, v >> 8); break;
        case 12: ir_out(t, PORT_BM + 4 + (ch == 0x170 ? 8 : 0), 4, RIG_RAM + 0x1000 + (v & 0x7f8)); break;
        case 13: answers = hash_u64(ir_in(t, ch + 0x206, 1), answers); break;
        case 14:
            if (!(v & 7))
                ir_out(t, ch + 0x206, 1, v >> 8 & 0x86);
            else if (!(v & 0x78))
                deliver(t, (const char[]){ "obcm"[v >> 8 & 3], 0 });
            break;
        default:
            if (!(v & 15))
                CU_ASSERT(ir_snapshot(t));
            break;
        }
    }
    for (unsigned i = 0; i < 4; i++)
        answers = state_hash(t->drive[i]->cls->state, t->drive[i]->state, answers);
    u64 work = 0;
    for (unsigned i = 0; i < 4; i++)
        work += ((struct ide_drive *)t->drive[i]->state)->reads + ((struct ide_drive *)t->drive[i]->state)->writes;
    CU_ASSERT(work > 20);
    ir_reset(t);
    ir_free(t);
    return answers;
}

static void fuzz(void)
{
    for (u64 seed = 1; seed <= 4; seed++)
        CU_ASSERT_EQUAL(mad(seed, 20000), mad(seed, 20000));
}

/* A snapshot somebody made up: any bytes in any state. */
static void spoiled(void)
{
    struct ide_rig *t = ide_rig_new("dcdd", 1 << 20);
    u64 seed = 9;
    for (unsigned n = 0; n < 300; n++) {
        for (unsigned i = 0; i < 5; i++) {
            struct device *d = i < 4 ? t->drive[i] : t->r->d;
            for (const struct state_field *f = d->cls->state; f->name; f++)
                if (f->count == 1 && rng_next(&seed) & 1)
                    state_set(f, d->state, 0, rng_next(&seed) >> (rng_next(&seed) % 64));
            if (d->cls->loaded)
                d->cls->loaded(d);
        }
        ir_enable(t);
        for (unsigned k = 0; k < 200; k++) {
            ir_in(t, 0x1f0, 2);
            ir_out(t, 0x170, 2, k);
            ir_in(t, 0x170, 2);
            ir_out(t, 0x1f0, 2, k);
            if (!(k % 50)) {
                ir_out(t, 0x1f7, 1, rng_next(&seed));
                ir_out(t, 0x177, 1, rng_next(&seed));
            }
            rig_run(t->r, 1000);
        }
    }
    ir_free(t);
}

int main(void)
{
    return unit_main("ide", (CU_TestInfo[]){
        { "identify", identify }, { "nobody", nobody }, { "PIO read", pio_read }, { "PIO write", pio_write },
        { "errors", errors }, { "settings", settings }, { "diagnose", diagnose }, { "DMA", dma },
        { "DMA goes wrong", dma_goes_wrong }, { "ATAPI", atapi }, { "tray", tray }, { "change", change }, { "empty", empty }, { "fuzz", fuzz },
        { "spoiled snapshots", spoiled }, CU_TEST_INFO_NULL });
}
