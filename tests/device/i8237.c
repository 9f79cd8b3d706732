/* The two DMA controllers of a PC. */
#include "iodev/misc/i8237.h"

#include "tests/device/pc_rig.h"

struct dmas {
    struct pc *pc;
    struct device *low, *wide;
};

static struct dmas dmas(void)
{
    struct dmas t = { .pc = pc_new(PC_HZ) };
    t.low = pc_add(t.pc, &i8237_class, NULL, NULL);
    t.wide = pc_add(t.pc, &i8237_wide_class, NULL, NULL);
    i8237_set_cascade(t.low, t.wide);
    pc_map(t.low, 0, 0);
    pc_map(t.low, 1, 0x81);
    pc_map(t.wide, 0, 0xc0);
    pc_map(t.wide, 1, 0x88);
    outb(t.pc, 0xd6, 0xc0);
    outb(t.pc, 0xd4, 0);
    for (unsigned i = 0; i < 0x40000; i++) {
        u8 v = (u8)(i * 7 + (i >> 8));
        space_poke(t.pc->env.mem, i, &v, 1);
    }
    return t;
}

static u8 at(struct dmas *t, u64 addr)
{
    u8 v = 0;
    space_peek(t->pc->env.mem, addr, &v, 1);
    return v;
}

/* Channel 2 as a floppy driver sets it up. */
static void set_up(struct dmas *t, u8 mode, u32 addr, u16 count)
{
    outb(t->pc, 0x0a, 6);
    outb(t->pc, 0x0c, 0);
    outb(t->pc, 0x0b, mode | 2);
    outb(t->pc, 4, (u8)addr);
    outb(t->pc, 4, (u8)(addr >> 8));
    outb(t->pc, 0x81, (u8)(addr >> 16));
    outb(t->pc, 5, (u8)count);
    outb(t->pc, 5, count >> 8);
    outb(t->pc, 0x0a, 2);
}

static void from_memory(void)
{
    struct dmas t = dmas();
    struct dma_port p = i8237_port(t.low, t.wide, 2);
    u8 got[600];
    bool tc;
    CU_ASSERT(!dma_ready(&p));
    EQ(dma_from_memory(&p, got, 10, &tc), 0);
    set_up(&t, 0x48, 0x12345, 511);
    EQ(pc_reg(t.low, "WHERE[2]"), 0x12345);
    CU_ASSERT(dma_ready(&p));
    EQ(dma_to_memory(&p, got, 10, &tc), 0); /* the other way */
    EQ(dma_from_memory(&p, got, 100, &tc), 100);
    EQ(tc, 0);
    EQ(inb(t.pc, 8), 0);
    EQ(inb(t.pc, 4), 0xa9); /* 0x2345 + 100 */
    EQ(inb(t.pc, 4), 0x23);
    EQ(inb(t.pc, 5), 0x9b);
    EQ(inb(t.pc, 5), 0x01);
    EQ(dma_from_memory(&p, got + 100, 500, &tc), 412);
    EQ(tc, 1);
    for (unsigned i = 0; i < 512; i++)
        CU_ASSERT_EQUAL(got[i], at(&t, 0x12345 + i));
    EQ(dma_from_memory(&p, got, 1, &tc), 0);
    EQ(inb(t.pc, 0x0f), 0xff); /* masked again */
    EQ(peekb(t.pc, 8), 4);
    EQ(inb(t.pc, 8), 4);
    EQ(inb(t.pc, 8), 0);
    CU_ASSERT(pc_snapshot(t.pc));
    pc_free(t.pc);
}

static void to_memory(void)
{
    struct dmas t = dmas();
    struct dma_port p = i8237_port(t.low, t.wide, 2);
    u8 bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    bool tc;
    set_up(&t, 0x44, 0x2fffc, 7); /* wraps within its 64 KiB */
    EQ(dma_to_memory(&p, bytes, 8, &tc), 8);
    EQ(tc, 1);
    EQ(at(&t, 0x2fffc), 1);
    EQ(at(&t, 0x2ffff), 4);
    EQ(at(&t, 0x20000), 5);
    EQ(at(&t, 0x20003), 8);
    set_up(&t, 0x64, 0x1002, 2); /* downwards */
    EQ(dma_to_memory(&p, bytes, 8, &tc), 3);
    EQ(at(&t, 0x1002), 1);
    EQ(at(&t, 0x1000), 3);
    set_up(&t, 0x54, 0x3000, 3); /* autoinit */
    for (unsigned i = 0; i < 3; i++) {
        EQ(dma_to_memory(&p, bytes + i, 8, &tc), 4);
        EQ(tc, 1);
    }
    EQ(at(&t, 0x3000), 3);
    EQ(pc_reg(t.low, "NOW_COUNT[2]"), 3);
    set_up(&t, 0x40, 0x4000, 3); /* verify */
    u8 before = at(&t, 0x4000);
    EQ(dma_to_memory(&p, bytes, 8, &tc), 4);
    EQ(tc, 1);
    EQ(at(&t, 0x4000), before);
    set_up(&t, 0x44, 0xfffff0, 15); /* nothing there: lost */
    EQ(dma_to_memory(&p, bytes, 8, &tc), 8);
    set_up(&t, 0x4c, 0x4000, 3); /* no such type */
    EQ(dma_to_memory(&p, bytes, 8, &tc), 0);
    pc_free(t.pc);
}

static void words(void)
{
    struct dmas t = dmas();
    struct dma_port p = i8237_port(t.low, t.wide, 5);
    u8 got[20];
    bool tc;
    outb(t.pc, 0xd6, 0x49);
    outb(t.pc, 0xd8, 0);
    outb(t.pc, 0xc4, 0x80);
    outb(t.pc, 0xc4, 0x91);
    outb(t.pc, 0xc6, 4);
    outb(t.pc, 0xc6, 0);
    outb(t.pc, 0x8b, 0x03);
    outb(t.pc, 0xd4, 1);
    EQ(pc_reg(t.wide, "WHERE[1]"), 0x32300);
    EQ(dma_from_memory(&p, got, 5, &tc), 4);
    EQ(dma_from_memory(&p, got + 4, 16, &tc), 6);
    EQ(tc, 1);
    for (unsigned i = 0; i < 10; i++)
        EQ(got[i], at(&t, 0x32300 + i));
    pc_free(t.pc);
}

static void count_ready(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void waiting(void)
{
    struct dmas t = dmas();
    struct dma_port p = i8237_port(t.low, t.wide, 2), none = { NULL, 0 };
    unsigned ready = 0;
    bool tc;
    dma_on_ready(&p, count_ready, &ready);
    outb(t.pc, 0xde, 0x0f); /* the cascade is masked */
    set_up(&t, 0x44, 0x1000, 3);
    EQ(ready, 0);
    dma_request(&p, true);
    EQ(inb(t.pc, 8), 0x40);
    CU_ASSERT(!dma_ready(&p));
    outb(t.pc, 0xd4, 0);
    EQ(ready, 1);
    outb(t.pc, 8, 4); /* disabled */
    CU_ASSERT(!dma_ready(&p));
    EQ(ready, 1);
    outb(t.pc, 8, 0);
    EQ(ready, 2);
    outb(t.pc, 0x0d, 0); /* master clear */
    CU_ASSERT(!dma_ready(&p));
    outb(t.pc, 0x0e, 0); /* clear mask */
    EQ(ready, 3);
    dma_request(&p, false);
    outb(t.pc, 9, 6); /* by software */
    EQ(ready, 4);
    dma_request(&none, true);
    EQ(dma_to_memory(&none, "x", 1, &tc), 0);
    pc_free(t.pc);
}

static void pages(void)
{
    struct dmas t = dmas();
    for (u8 i = 0x81; i < 0x90; i++)
        outb(t.pc, i, i);
    for (u8 i = 0x81; i < 0x90; i++)
        EQ(inb(t.pc, i), i);
    EQ(pc_reg(t.low, "WHERE[0]"), 0x870000);
    EQ(pc_reg(t.low, "WHERE[1]"), 0x830000);
    EQ(pc_reg(t.low, "WHERE[3]"), 0x820000);
    EQ(pc_reg(t.wide, "WHERE[1]"), 0x8a0000);
    EQ(inb(t.pc, 0x0d), 0);
    pc_free(t.pc);
}

static void fuzz(void)
{
    struct dmas t = dmas();
    u64 seed = 5;
    u8 bytes[4096] = { 0 };
    bool tc;
    for (unsigned i = 0; i < 3000; i++) {
        struct dma_port p = i8237_port(t.low, t.wide, pc_random(&seed) % 8);
        pc_fuzz(t.pc, seed, 50, 10);
        dma_request(&p, i & 1);
        size_t n = pc_random(&seed) % sizeof bytes;
        CU_ASSERT(dma_from_memory(&p, bytes, n, &tc) <= n);
        CU_ASSERT(dma_to_memory(&p, bytes, n, &tc) <= n);
    }
    pc_free(t.pc);
}

int main(void)
{
    return unit_main("i8237", (CU_TestInfo[]){ { "from memory", from_memory },
                                               { "to memory", to_memory },
                                               { "words", words },
                                               { "waiting", waiting },
                                               { "page registers", pages },
                                               { "fuzz", fuzz },
                                               CU_TEST_INFO_NULL });
}
