/* The HPET: counter, comparators of 32 and 64 bits, routes, legacy replacement, edges and levels. */
#include "base/rng.h"
#include "iodev/timer/hpet.h"
#include "tests/device/rig.h"

enum { CONF = 0x10, STA = 0x20, CNT = 0xf0, T = 0x100, CMP = 0x108, STEP = 0x20 };
enum { LEVEL = 2, ON = 4, PERIODIC = 8, SET = 0x40, BITS32 = 0x100 };
#define ROUTE(n) ((n) << 9)
#define FIXED 0x00ff010400000030u
#define NS(n) ((u64)(n) * RIG_HZ / 1000000000)

static void registers(void)
{
    struct rig *r = rig_new(&hpet_class, NULL);
    SCRIPT(r, R(8, 0, 0x009896808086a201), R(4, 0, HPET_ID), R(4, 4, 10000000), W(8, 0, 0), R(8, 0, 0x009896808086a201),
           R(8, CONF, 0), W(8, CONF, ~3ull), R(8, CONF, 0), R(8, CNT, 0), R(8, T, FIXED), R(8, CMP, UINT64_MAX),
           W(8, T, UINT64_MAX), R(8, T, FIXED | LEVEL | ON | PERIODIC | SET | BITS32), W(8, T, ROUTE(23)),
           R(8, T, FIXED | ROUTE(23)), W(8, T, ROUTE(3)), R(8, T, FIXED | ROUTE(23)), W(4, T, ROUTE(8)),
           R(4, T, 0x30 | ROUTE(8)), R(4, T + 4, 0x00ff0104), R(8, T + 3 * STEP, 0), R(8, T + 0x10, 0), FAULT(1, 0),
           SAVE);
    /* The counter is set while it is halted, by halves too. */
    SCRIPT(r, W(4, CNT, 0x11111111), W(4, CNT + 4, 0x22222222), R(8, CNT, 0x2222222211111111), W(8, CONF, 1),
           RUN(NS(1000)), R(8, CNT, 0x2222222211111111 + 100), W(8, CNT, 0), R(8, CNT, 0x2222222211111111 + 100), SAVE,
           RUN(NS(500)), R(4, CNT, 0x11111111 + 150), W(8, CONF, 0), RUN(NS(500)), R(4, CNT, 0x11111111 + 150), SAVE,
           W(8, CONF, 1), RUN(NS(10)), R(4, CNT, 0x11111111 + 151));
    device_reset(r->d);
    SCRIPT(r, R(8, CNT, 0), R(8, CONF, 0), R(8, CMP, UINT64_MAX), R(8, T, FIXED));
    rig_free(r);
}

static void one_shot(void)
{
    struct rig *r = rig_new(&hpet_class, NULL);
    SCRIPT(r, W(8, T, ON | ROUTE(16)), W(8, CMP, 50), W(8, CONF, 1), RUN(NS(490)));
    CU_ASSERT_EQUAL(r->edges[16], 0);
    SCRIPT(r, SAVE, RUN(NS(10)));
    CU_ASSERT_EQUAL(r->edges[16], 1);
    SCRIPT(r, OUT(16, 0), R(8, STA, 0), RUN(NS(100000)));
    CU_ASSERT_EQUAL(r->edges[16], 1);
    CU_ASSERT_EQUAL(clock_next(&r->clock), CLOCK_NEVER); /* until the 64 bits are through */
    /* What has passed is missed, as on metal; what is now is not. */
    SCRIPT(r, W(8, CMP, 60), RUN(NS(1000)));
    CU_ASSERT_EQUAL(r->edges[16], 1);
    SCRIPT(r, W(8, CMP, rig_read(r, CNT, 8)), RUN(1));
    CU_ASSERT_EQUAL(r->edges[16], 2);
    /* 32 bits come round. */
    SCRIPT(r, W(8, CONF, 0), W(8, CNT, 0x1ffffff00), W(8, T, ON | ROUTE(16) | BITS32), W(8, CMP, 0x10), W(8, CONF, 1),
           RUN(NS(0x10f * 10)));
    CU_ASSERT_EQUAL(r->edges[16], 2);
    SCRIPT(r, RUN(NS(10)));
    CU_ASSERT_EQUAL(r->edges[16], 3);
    rig_run(r, (u64)RIG_HZ * 0x100000000 / 100000000);
    CU_ASSERT_EQUAL(r->edges[16], 4);
    /* Off, it is not heard. */
    SCRIPT(r, W(8, T, ROUTE(16)), W(8, CMP, (rig_read(r, CNT, 8) + 10) & UINT32_MAX), RUN(NS(1000)));
    CU_ASSERT_EQUAL(r->edges[16], 4);
    rig_free(r);
}

static void periodic(void)
{
    struct rig *r = rig_new(&hpet_class, NULL);
    /* As Linux does it (hpet_clkevt_set_state_periodic). */
    SCRIPT(r, W(4, CONF, 1), W(4, T + STEP, ON | PERIODIC | SET | BITS32 | ROUTE(20)), W(4, CMP + STEP, 1000),
           R(8, T + STEP, FIXED | ON | PERIODIC | BITS32 | ROUTE(20)), W(4, CMP + STEP, 100), R(4, CMP + STEP, 1000),
           RUN(NS(9990)));
    CU_ASSERT_EQUAL(r->edges[20], 0);
    SCRIPT(r, RUN(NS(10)), R(4, CMP + STEP, 1100));
    CU_ASSERT_EQUAL(r->edges[20], 1);
    SCRIPT(r, RUN(NS(10000)), R(4, CMP + STEP, 2100), SAVE, RUN(NS(10000)));
    CU_ASSERT_EQUAL(r->edges[20], 21);
    /* One write after SET is both; a write without is the period. Halves of 64 bits. */
    SCRIPT(r, W(4, CONF, 0), W(8, CNT, 0), W(8, T + STEP, ON | PERIODIC | SET | ROUTE(20)), W(8, CMP + STEP, 200),
           W(4, CONF, 1), RUN(NS(10000)), R(8, CMP + STEP, 1200));
    CU_ASSERT_EQUAL(r->edges[20], 26);
    SCRIPT(r, W(4, CMP + STEP, 50), R(8, CMP + STEP, 1200), RUN(NS(3000)), R(8, CMP + STEP, 1350));
    CU_ASSERT_EQUAL(r->edges[20], 29);
    SCRIPT(r, W(4, CMP + STEP + 4, 1), RUN(NS(500)), R(8, CMP + STEP, 0x100000000 + 50 + 1350));
    CU_ASSERT_EQUAL(r->edges[20], 30);
    /* A period of 0 is none. */
    SCRIPT(r, W(8, CMP + STEP, 0), W(8, T + STEP, ON | PERIODIC | SET | ROUTE(20)), W(8, CMP + STEP, 0), RUN(NS(1000)));
    rig_free(r);
}

/* A clock coarser than the counter: several periods pass in a tick, and it goes on. */
static void coarse_clock(void)
{
    struct rig *r = rig_begin(&hpet_class, NULL);
    r->clock.hz = 1000000;
    rig_finish(r);
    SCRIPT(r, W(4, CONF, 1), W(4, T, ON | PERIODIC | SET | ROUTE(16)), W(8, CMP, 1), RUN(10), R(8, CNT, 1000),
           R(8, CMP, 1001));
    CU_ASSERT_EQUAL(r->edges[16], 10);
    rig_free(r);
}

static void levels(void)
{
    struct rig *r = rig_new(&hpet_class, NULL);
    SCRIPT(r, W(4, T, ON | LEVEL | ROUTE(17)), W(8, CMP, 10), W(4, T + 2 * STEP, ON | LEVEL | ROUTE(17)),
           W(8, CMP + 2 * STEP, 20), W(4, CONF, 1), RUN(NS(100)), OUT(17, 1), R(8, STA, 1), RUN(NS(100)), R(8, STA, 5),
           SAVE, W(4, STA, 1), OUT(17, 1), R(8, STA, 4), W(4, CONF, 0), OUT(17, 0), W(4, CONF, 1), OUT(17, 1),
           W(4, T + 2 * STEP, LEVEL | ROUTE(17)), OUT(17, 0), W(4, T + 2 * STEP, ON | LEVEL | ROUTE(18)), OUT(18, 1),
           W(4, STA, 4), OUT(18, 0), R(8, STA, 0));
    /* An edge on a line that another comparator holds leaves it asserted. */
    SCRIPT(r, W(4, CONF, 0), W(8, CNT, 0), W(4, T, ON | ROUTE(18)), W(8, CMP, 30), W(4, CONF, 1), RUN(NS(200)),
           OUT(18, 1), RUN(NS(100)), OUT(18, 1), W(4, T + 2 * STEP, ON | ROUTE(18)), OUT(18, 0), R(8, STA, 0));
    rig_free(r);
}

static void legacy(void)
{
    struct rig *r = rig_new(&hpet_class, NULL);
    SCRIPT(r, OUT(HPET_OUT_LEGACY, 0), W(4, T, ON | ROUTE(16)), W(4, T + STEP, ON | ROUTE(16)), W(8, CMP, 10),
           W(8, CMP + STEP, 20), W(4, CONF, 3), OUT(HPET_OUT_LEGACY, 1), RUN(NS(100)));
    CU_ASSERT(r->edges[0] == 1 && r->edges[8] == 0 && r->edges[16] == 0);
    SCRIPT(r, RUN(NS(100)), SAVE);
    CU_ASSERT(r->edges[0] == 1 && r->edges[8] == 1 && r->edges[16] == 0);
    SCRIPT(r, W(4, CONF, 1), OUT(HPET_OUT_LEGACY, 0), W(8, CMP, 30), RUN(NS(200)));
    CU_ASSERT(r->edges[0] == 1 && r->edges[16] == 1);
    SCRIPT(r, W(4, CONF, 3));
    device_reset(r->d);
    SCRIPT(r, OUT(HPET_OUT_LEGACY, 0));
    rig_free(r);
}

static void random_accesses(void)
{
    u64 hash[2];
    for (unsigned run = 0; run < 2; run++) {
        struct rig *r = rig_new(&hpet_class, NULL);
        u64 rng = 23;
        hash[run] = 0;
        for (unsigned n = 0; n < 300000; n++) {
            u64 x = rng_next(&rng);
            unsigned size = x & 1 ? 8 : 4;
            u64 at = (x & 6 ? (x >> 8 & 3) * 8 + (x & 8 ? 0x100 + (x >> 16 & 3) * 0x20 : 0) : x >> 8 & 0x3ff) & ~3ull;
            switch (x >> 4 & 3) {
            case 0: hash[run] += rig_read(r, at, size); break;
            case 1: rig_run(r, x >> 40 & 0xfff); break;
            default: rig_write(r, at, size, x & 0x80 ? rng_next(&rng) : rig_read(r, CNT, 8) + (x >> 32 & 0xfff)); break;
            }
            if (n % 3000 == 0)
                rig_write(r, CONF, 4, 1);
        }
        hash[run] += rig_hash(r);
        rig_free(r);
    }
    CU_ASSERT_EQUAL(hash[0], hash[1]);
}

int main(void)
{
    return unit_main("hpet", (CU_TestInfo[]){
                                 { "registers", registers },
                                 { "one-shot comparators", one_shot },
                                 { "periodic comparators", periodic },
                                 { "a coarse clock", coarse_clock },
                                 { "levels", levels },
                                 { "legacy replacement", legacy },
                                 { "random accesses", random_accesses },
                                 CU_TEST_INFO_NULL,
                             });
}
