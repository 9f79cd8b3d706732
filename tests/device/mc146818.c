/* The RTC. The bench's clock is 32.768 MHz: 1000 ticks are one of the divider. */
#include "iodev/timer/mc146818.h"

#include <time.h>

#include "tests/device/pc_rig.h"

#define DIVIDER 1000ull
#define SECOND (32768 * DIVIDER)
#define START 1700000000 /* 2023-11-14 22:13:20, a Tuesday */

static struct pc *rtc(i64 base)
{
    struct pc *p = pc_new(32768000);
    struct device *d = pc_add(p, &mc146818_class, NULL, NULL);
    mc146818_set_base(d, base);
    pc_map(d, 0, 0x70);
    pc_map(d, 1, 0x72);
    return p;
}

static u8 get(struct pc *p, u8 index)
{
    outb(p, 0x70, index);
    return inb(p, 0x71);
}

static void put(struct pc *p, u8 index, u8 v)
{
    outb(p, 0x70, index);
    outb(p, 0x71, v);
}

static u64 hms(struct pc *p)
{
    return (u64)get(p, 4) << 16 | (u64)get(p, 2) << 8 | get(p, 0);
}

static u64 ymd(struct pc *p)
{
    return (u64)get(p, 0x32) << 24 | (u64)get(p, 9) << 16 | (u64)get(p, 8) << 8 | get(p, 7);
}

static void tells_time(void)
{
    struct pc *p = rtc(START);
    EQ(hms(p), 0x221320);
    EQ(ymd(p), 0x20231114);
    EQ(get(p, 6), 3);
    EQ(get(p, 0x0d), 0x80);
    EQ(inb(p, 0x70), 0xff);
    pc_run(p, SECOND - 1);
    EQ(hms(p), 0x221320);
    pc_run(p, 1);
    EQ(hms(p), 0x221321);
    pc_run(p, SECOND * 86400);
    EQ(hms(p), 0x221321);
    EQ(ymd(p), 0x20231115);
    put(p, 0x0b, 0x06); /* binary: the bytes are what they were, and mean something else */
    put(p, 0x0b, 0x86);
    put(p, 4, 23);
    put(p, 2, 59);
    put(p, 0, 59);
    put(p, 7, 28);
    put(p, 8, 2);
    put(p, 9, 24);
    put(p, 0x32, 20);
    pc_run(p, SECOND * 3);
    EQ(get(p, 0), 59);
    put(p, 0x0b, 0x06);
    pc_run(p, SECOND);
    EQ(hms(p), 0);
    EQ(ymd(p), 0x1418021d); /* 2024-02-29 */
    device_reset(p->devices[0]);
    EQ(ymd(p), 0x1418021d);
    pc_free(p);
}

static void twelve_hours(void)
{
    struct pc *p = rtc(START);
    put(p, 0x0b, 0x80);
    put(p, 4, 0x12);
    put(p, 0x0b, 0);
    EQ(get(p, 4), 0x12); /* midnight */
    pc_run(p, SECOND * 3600);
    EQ(get(p, 4), 0x01);
    pc_run(p, SECOND * 3600 * 11);
    EQ(get(p, 4), 0x92); /* noon */
    put(p, 4, 0x91);     /* 11 PM */
    EQ(get(p, 7), 0x14);
    pc_run(p, SECOND * 3600);
    EQ(get(p, 4), 0x12);
    EQ(get(p, 7), 0x15);
    pc_free(p);
}

/* Every day for some centuries, against the C library. */
static void calendar(void)
{
    for (i64 s = -62135596800 + 12345; s < 253402300799; s += 86400 * 911 + 7777) {
        struct pc *p = rtc(s);
        time_t t = (time_t)s;
        struct tm tm;
        gmtime_r(&t, &tm);
        unsigned year = (unsigned)tm.tm_year + 1900, c = year / 100, y = year % 100, m = (unsigned)tm.tm_mon + 1,
                 d = (unsigned)tm.tm_mday;
        u64 want = (u64)(c / 10 * 16 + c % 10) << 24 | (y / 10 * 16 + y % 10) << 16 | (m / 10 * 16 + m % 10) << 8 |
                   (d / 10 * 16 + d % 10);
        EQ(ymd(p), want);
        EQ(get(p, 6), (u64)tm.tm_wday + 1);
        put(p, 0, get(p, 0)); /* there and back */
        EQ(ymd(p), want);
        pc_free(p);
    }
}

static void update_in_progress(void)
{
    struct pc *p = rtc(START);
    pc_run(p, SECOND - 73 * DIVIDER - 1);
    EQ(get(p, 0x0a), 0x26);
    pc_run(p, 1);
    EQ(get(p, 0x0a), 0xa6);
    pc_run(p, 73 * DIVIDER - 1);
    EQ(get(p, 0x0a), 0xa6);
    EQ(get(p, 0), 0x20);
    pc_run(p, 1);
    EQ(get(p, 0x0a), 0x26);
    EQ(get(p, 0), 0x21);
    EQ(peekb(p, 0x71), 0x21);
    /* Held, then released: half a second to the first update. */
    put(p, 0x0a, 0x76);
    pc_run(p, SECOND * 5 + 77);
    EQ(get(p, 0), 0x21);
    put(p, 0x0a, 0x26);
    pc_run(p, SECOND / 2 - 1000);
    EQ(get(p, 0), 0x21);
    pc_run(p, 1000);
    EQ(get(p, 0), 0x22);
    pc_free(p);
}

static void update_interrupt(void)
{
    struct pc *p = rtc(START);
    EQ(clock_next(&p->clock), CLOCK_NEVER);
    put(p, 0x0b, 0x12);
    pc_run(p, SECOND - 1);
    EQ(p->out[0][0], 0);
    pc_run(p, 1);
    EQ(p->out[0][0], 1);
    outb(p, 0x70, 0x0c);
    EQ(peekb(p, 0x71) & 0x90, 0x90);
    EQ(p->out[0][0], 1);
    EQ(inb(p, 0x71) & 0x90, 0x90);
    EQ(p->out[0][0], 0);
    EQ(inb(p, 0x71), 0);
    pc_run(p, SECOND * 10);
    EQ(p->edges[0][0], 2); /* unread: once */
    put(p, 0x0b, 0x92); /* SET takes UIE away */
    EQ(get(p, 0x0b), 0x82);
    pc_free(p);
}

static void periodic(void)
{
    struct pc *p = rtc(START);
    put(p, 0x0b, 0x42); /* 1024 Hz */
    for (unsigned i = 1; i <= 2048; i++) {
        pc_run(p, 31 * DIVIDER);
        EQ(p->edges[0][0], i - 1);
        pc_run(p, DIVIDER);
        EQ(p->edges[0][0], i);
        EQ(get(p, 0x0c) & 0xc0, 0xc0);
    }
    put(p, 0x0a, 0x21); /* 256 Hz */
    get(p, 0x0c);
    unsigned before = p->edges[0][0];
    for (unsigned i = 0; i < 256; i++) {
        pc_run(p, 128 * DIVIDER);
        get(p, 0x0c);
    }
    EQ(p->edges[0][0], before + 256);
    put(p, 0x0a, 0x20);
    EQ(clock_next(&p->clock), CLOCK_NEVER);
    put(p, 0x0b, 0x02);
    put(p, 0x0a, 0x2f); /* 2 Hz, polled */
    get(p, 0x0c);
    pc_run(p, SECOND / 2);
    EQ(get(p, 0x0c) & 0x40, 0x40);
    EQ(get(p, 0x0c) & 0x40, 0);
    pc_free(p);
}

static void alarms(void)
{
    struct pc *p = rtc(START);
    put(p, 1, 0x25);
    put(p, 3, 0x13);
    put(p, 5, 0x22);
    get(p, 0x0c);
    put(p, 0x0b, 0x22);
    pc_run(p, SECOND * 5 - 1);
    EQ(p->out[0][0], 0);
    pc_run(p, 1);
    EQ(p->out[0][0], 1);
    EQ(get(p, 0x0c), 0xf0);
    pc_run(p, SECOND * 86400 - 1);
    EQ(p->out[0][0], 0);
    pc_run(p, 1);
    EQ(p->out[0][0], 1);
    get(p, 0x0c);
    put(p, 5, 0xff); /* any hour */
    put(p, 3, 0xc0); /* any minute */
    pc_run(p, SECOND * 60);
    EQ(p->out[0][0], 1);
    get(p, 0x0c);
    put(p, 1, 0x60); /* no such second */
    EQ(clock_next(&p->clock), CLOCK_NEVER);
    pc_run(p, SECOND * 100000);
    EQ(get(p, 0x0c) & 0x20, 0);
    CU_ASSERT(pc_snapshot(p));
    pc_free(p);
}

static void memory(void)
{
    struct pc *p = rtc(START);
    for (unsigned i = 14; i < 128; i++)
        if (i != 0x32)
            put(p, (u8)i, (u8)(i * 3));
    for (unsigned i = 0; i < 128; i++) {
        outb(p, 0x72, (u8)i);
        outb(p, 0x73, (u8)(i ^ 0x5a));
    }
    mc146818_set(p->devices[0], 0x2e, 0x77);
    mc146818_set(p->devices[0], 0, 0x77);
    device_reset(p->devices[0]);
    for (unsigned i = 14; i < 128; i++)
        if (i != 0x32)
            EQ(get(p, (u8)i), i == 0x2e ? 0x77 : (u8)(i * 3));
    for (unsigned i = 0; i < 128; i++) {
        outb(p, 0x72, (u8)i);
        EQ(inb(p, 0x73), i ^ 0x5a);
        EQ(mc146818_get(p->devices[0], i | 0x80), i ^ 0x5a);
    }
    EQ(get(p, 0), 0x20);
    outb(p, 0x70, 0x8f);
    EQ(p->out[0][1], 1);
    CU_ASSERT(mc146818_nmi_masked(p->devices[0]));
    EQ(inb(p, 0x71), 0x2d);
    outb(p, 0x70, 0x0f);
    EQ(p->out[0][1], 0);
    pc_free(p);
}

static void fuzz(void)
{
    struct pc *p = rtc(START);
    pc_fuzz(p, 1, 100000, SECOND / 16);
    for (unsigned i = 0; i < 300000; i++) {
        u64 seed = i;
        put(p, (u8)(pc_random(&seed) % 16), (u8)pc_random(&seed));
        if (i % 5 == 0)
            get(p, (u8)(pc_random(&seed) % 64));
        if (i % 7 == 0)
            pc_run(p, pc_random(&seed) % (SECOND / (1 + i % 100)));
        if (i % 10007 == 0)
            CU_ASSERT(pc_snapshot(p));
    }
    pc_free(p);
}

int main(void)
{
    return unit_main("mc146818", (CU_TestInfo[]){ { "tells the time", tells_time },
                                                  { "twelve hours", twelve_hours },
                                                  { "calendar", calendar },
                                                  { "update in progress", update_in_progress },
                                                  { "update interrupt", update_interrupt },
                                                  { "periodic interrupt", periodic },
                                                  { "alarm", alarms },
                                                  { "memory", memory },
                                                  { "fuzz", fuzz },
                                                  CU_TEST_INFO_NULL });
}
