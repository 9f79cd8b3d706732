/* The 8254. */
#include "iodev/timer/i8254.h"

#include "tests/device/pc_rig.h"

/* 3000 ticks are one of CLK (14318180 / 12 Hz). */
#define HZ 3579545000u
#define CLK 3000

static struct pc *pit(void)
{
    struct pc *p = pc_new(HZ);
    struct device *d = pc_add(p, &i8254_class, NULL, NULL);
    pc_map(d, 0, 0x40);
    pc_map(d, 1, 0x61);
    return p;
}

static void clk(struct pc *p, u64 n)
{
    pc_run(p, n * CLK);
}

static u16 latched(struct pc *p, unsigned n)
{
    outb(p, 0x43, (u8)(n << 6));
    u16 v = inb(p, 0x40 + n);
    return (u16)(v | inb(p, 0x40 + n) << 8);
}

static u8 status(struct pc *p, unsigned n)
{
    outb(p, 0x43, (u8)(0xe0 | 2 << n));
    return inb(p, 0x40 + n);
}

static bool out(struct pc *p, unsigned n)
{
    return status(p, n) >> 7;
}

static void set(struct pc *p, unsigned n, u8 mode, u16 count)
{
    outb(p, 0x43, (u8)(n << 6 | 0x30 | mode << 1));
    outb(p, 0x40 + n, (u8)count);
    outb(p, 0x40 + n, count >> 8);
}

/* Levels of OUT at the next ticks, as text. */
static const char *wave(struct pc *p, unsigned n, unsigned ticks)
{
    char *s = arena_alloc(p->arena, ticks + 1);
    for (unsigned i = 0; i < ticks; i++) {
        s[i] = out(p, n) ? '^' : '_';
        clk(p, 1);
    }
    return s;
}
#define WAVE(p, n, want)                                                                                              \
    do {                                                                                                              \
        const char *got__ = wave(p, n, sizeof want - 1);                                                              \
        if (strcmp(got__, want))                                                                                      \
            fprintf(stderr, "%s:%d: %s, not %s\n", __FILE__, __LINE__, got__, want);                                  \
        CU_ASSERT_STRING_EQUAL(got__, want);                                                                          \
    } while (0)

static void mode_0(void)
{
    struct pc *p = pit();
    EQ(status(p, 2) & 0xc0, 0x40);
    outb(p, 0x61, 1);
    set(p, 2, 0, 4);
    EQ(status(p, 2), 0x70); /* null until the next tick */
    WAVE(p, 2, "_____^^^"); /* N + 1 after the write */
    EQ(status(p, 2), 0xb0);
    EQ(latched(p, 2), 0xfffd); /* it counts on */
    set(p, 2, 0, 4);
    clk(p, 2);
    outb(p, 0x61, 0);
    clk(p, 10);
    EQ(latched(p, 2), 3);
    outb(p, 0x61, 1);
    WAVE(p, 2, "___^");
    /* The first byte of two stops it. */
    set(p, 2, 0, 10);
    clk(p, 3);
    outb(p, 0x42, 5);
    clk(p, 20);
    EQ(out(p, 2), 0);
    EQ(latched(p, 2), 8);
    outb(p, 0x42, 0);
    WAVE(p, 2, "______^");
    pc_free(p);
}

static void mode_1(void)
{
    struct pc *p = pit();
    set(p, 2, 1, 3);
    WAVE(p, 2, "^^^");
    outb(p, 0x61, 1);
    WAVE(p, 2, "^___^^");
    outb(p, 0x61, 0);
    outb(p, 0x61, 1);
    clk(p, 2);
    outb(p, 0x61, 0); /* retriggered */
    outb(p, 0x61, 1);
    WAVE(p, 2, "____^");
    outb(p, 0x61, 0);
    outb(p, 0x61, 1);
    clk(p, 1);
    outb(p, 0x42, 6); /* the next one-shot's */
    outb(p, 0x42, 0);
    WAVE(p, 2, "___^^");
    pc_free(p);
}

static void mode_2(void)
{
    struct pc *p = pit();
    outb(p, 0x61, 1);
    set(p, 2, 2, 3);
    WAVE(p, 2, "^^^_^^_^^_^");
    outb(p, 0x61, 0);
    EQ(out(p, 2), 1);
    clk(p, 10);
    outb(p, 0x61, 1);
    WAVE(p, 2, "^^^_^^_");
    set(p, 2, 6, 3); /* mode 6 is 2 */
    clk(p, 1);
    outb(p, 0x42, 5); /* from the next cycle on */
    outb(p, 0x42, 0);
    WAVE(p, 2, "^^_^^^^_^");
    set(p, 2, 2, 1); /* not allowed */
    clk(p, 5);
    set(p, 2, 2, 0);
    clk(p, 1);
    EQ(latched(p, 2), 0);
    clk(p, 1);
    EQ(latched(p, 2), 0xffff);
    p->devices[0]->out[1].set = NULL;
    clk(p, 65536ull * 1000000 + 7);
    EQ(latched(p, 2), 0xfff8);
    pc_free(p);
}

static void mode_3(void)
{
    struct pc *p = pit();
    outb(p, 0x61, 1);
    set(p, 2, 3, 4);
    WAVE(p, 2, "^^^__^^__^");
    set(p, 2, 7, 5);
    WAVE(p, 2, "^^^^__^^^__^");
    set(p, 2, 3, 6);
    clk(p, 1);
    EQ(latched(p, 2), 6);
    clk(p, 1);
    EQ(latched(p, 2), 4);
    clk(p, 1);
    EQ(latched(p, 2), 2);
    clk(p, 1);
    EQ(latched(p, 2), 6);
    EQ(out(p, 2), 0);
    outb(p, 0x61, 0);
    EQ(out(p, 2), 1);
    outb(p, 0x61, 1);
    WAVE(p, 2, "^^^^___^");
    p->devices[0]->out[1].set = NULL;
    clk(p, 6ull * 123456789);
    WAVE(p, 2, "^^___^");
    pc_free(p);
}

static void modes_4_and_5(void)
{
    struct pc *p = pit();
    outb(p, 0x61, 1);
    set(p, 2, 4, 3);
    WAVE(p, 2, "^^^^_^^");
    set(p, 2, 4, 3);
    clk(p, 4);
    outb(p, 0x61, 0); /* the strobe ends all the same */
    WAVE(p, 2, "_^");
    set(p, 2, 5, 2);
    WAVE(p, 2, "^^^^");
    outb(p, 0x61, 1);
    WAVE(p, 2, "^^^_^^");
    EQ(status(p, 2), 0x80 | 0x3a);
    pc_free(p);
}

static void reads_and_latches(void)
{
    struct pc *p = pit();
    set(p, 0, 2, 0x1234);
    clk(p, 1);
    EQ(peekb(p, 0x40), 0x34);
    EQ(inb(p, 0x40), 0x34);
    EQ(inb(p, 0x40), 0x12);
    clk(p, 1);
    outb(p, 0x43, 0);
    clk(p, 5);
    outb(p, 0x43, 0); /* the first latch stays */
    EQ(inb(p, 0x40), 0x33);
    EQ(peekb(p, 0x40), 0x12);
    EQ(inb(p, 0x40), 0x12);
    EQ(inb(p, 0x40), 0x2e);
    EQ(inb(p, 0x40), 0x12);
    outb(p, 0x43, 0xc2); /* status and count of counter 0: status comes first */
    EQ(inb(p, 0x40), 0xb4);
    EQ(inb(p, 0x40), 0x2e);
    EQ(inb(p, 0x40), 0x12);
    outb(p, 0x43, 0x14); /* low byte only */
    outb(p, 0x40, 0x80);
    clk(p, 2);
    EQ(inb(p, 0x40), 0x7f);
    EQ(inb(p, 0x40), 0x7f);
    outb(p, 0x43, 0x24); /* high byte only */
    outb(p, 0x40, 0x80);
    clk(p, 1);
    EQ(inb(p, 0x40), 0x80);
    EQ(pc_reg(p->devices[0], "COUNT"), 0x8000);
    EQ(inb(p, 0x43), 0xff);
    outb(p, 0x43, 0x35); /* BCD */
    outb(p, 0x40, 0x00);
    outb(p, 0x40, 0x10);
    clk(p, 2);
    EQ(latched(p, 0), 0x0999);
    outb(p, 0x40, 0x00);
    outb(p, 0x40, 0x00);
    clk(p, 1000);
    EQ(latched(p, 0), 0x9999);
    CU_ASSERT(pc_snapshot(p));
    pc_free(p);
}

static void interrupts(void)
{
    struct pc *p = pit();
    set(p, 0, 2, 1000);
    EQ(p->edges[0][0], 1); /* OUT goes high with the control word */
    u64 at = p->clock.now;
    for (unsigned i = 1; i <= 5; i++) {
        pc_run(p, at + (1 + 1000ull * i) * CLK - 1 - p->clock.now);
        EQ(p->edges[0][0], i);
        EQ(p->out[0][0], 0);
        pc_run(p, 1);
        EQ(p->edges[0][0], i + 1);
    }
    set(p, 0, 0, 100);
    EQ(p->out[0][0], 0);
    clk(p, 100);
    EQ(p->out[0][0], 0);
    clk(p, 1);
    EQ(p->out[0][0], 1);
    EQ(clock_next(&p->clock), CLOCK_NEVER);
    /* Nothing depends on counter 1, nor on counter 2 without a speaker. */
    p->devices[0]->out[1].set = NULL;
    outb(p, 0x61, 1);
    set(p, 1, 2, 18);
    set(p, 2, 3, 18);
    EQ(clock_next(&p->clock), CLOCK_NEVER);
    pc_free(p);
}

static void port_b(void)
{
    struct pc *p = pit();
    outb(p, 0x61, 0xff);
    EQ(inb(p, 0x61), 0x0f);
    clk(p, 18);
    EQ(inb(p, 0x61), 0x1f);
    clk(p, 18);
    EQ(inb(p, 0x61), 0x0f);
    set(p, 2, 2, 100);
    EQ(inb(p, 0x61), 0x2f);
    device_reset(p->devices[0]);
    EQ(inb(p, 0x61) & 0xef, 0);
    pc_free(p);
}

/* At 1 GHz a second has 1193181 and two thirds ticks. */
static void frequency(void)
{
    struct pc *p = pc_new(1000000000);
    struct device *d = pc_add(p, &i8254_class, NULL, NULL);
    pc_map(d, 0, 0x40);
    outb(p, 0x43, 0x34);
    outb(p, 0x40, 0);
    outb(p, 0x40, 0);
    pc_run(p, 3000000000u);
    EQ((65536 - latched(p, 0)) & 0xffff, (3579545 - 1) & 0xffff);
    EQ(p->edges[0][0], 1 + 3579544 / 65536);
    pc_free(p);
}

/* Looking at any time must not change what is seen later. */
static void looking_is_harmless(void)
{
    struct pc *a = pit(), *b = pit();
    u64 seed = 3;
    for (unsigned i = 0; i < 6000; i++) {
        u16 port = (u16)(0x40 + pc_random(&seed) % 4);
        u8 v = (u8)pc_random(&seed);
        u64 ticks = pc_random(&seed) % (i & 1 ? 5 * CLK : 90 * CLK);
        if (i % 5 == 0)
            port = 0x61;
        else if (i % 3)
            v &= 0x37;
        outb(a, port, v);
        outb(b, port, v);
        pc_run(a, ticks);
        for (unsigned k = 0; k < 3; k++)
            pc_run(b, ticks / 3), peekb(b, 0x40 + k), status(b, k);
        pc_run(b, ticks - ticks / 3 * 3);
        for (unsigned k = 0; k < 3; k++)
            status(a, k);
        if (peekb(a, 0x40) != peekb(b, 0x40) || peekb(a, 0x42) != peekb(b, 0x42) || a->edges[0][0] != b->edges[0][0]) {
            CU_FAIL("differs");
            break;
        }
    }
    pc_free(a);
    pc_free(b);
}

static void fuzz(void)
{
    struct pc *p = pit();
    pc_fuzz(p, 1, 100000, 20 * CLK);
    p->devices[0]->out[0].set = p->devices[0]->out[1].set = NULL;
    pc_fuzz(p, 2, 100000, 1ull << 40); /* long times, which cost nothing when nobody listens */
    EQ(clock_next(&p->clock), CLOCK_NEVER);
    pc_free(p);
}

int main(void)
{
    return unit_main("i8254", (CU_TestInfo[]){ { "mode 0", mode_0 },
                                               { "mode 1", mode_1 },
                                               { "mode 2", mode_2 },
                                               { "mode 3", mode_3 },
                                               { "modes 4 and 5", modes_4_and_5 },
                                               { "reads and latches", reads_and_latches },
                                               { "interrupts", interrupts },
                                               { "port 0x61", port_b },
                                               { "frequency", frequency },
                                               { "looking is harmless", looking_is_harmless },
                                               { "fuzz", fuzz },
                                               CU_TEST_INFO_NULL });
}
