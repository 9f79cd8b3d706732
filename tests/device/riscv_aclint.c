/* CLINT and ACLINT: mtime, mtimecmp and software interrupts. The rig's clock is 1 GHz: mtime counts each 100 ticks. */
#include "iodev/intc/riscv-aclint.h"

#include "tests/device/rig.h"

#define MTIMECMP(h) (0x4000 + 8 * (h))
#define MTIME 0xbff8

static struct prop_value two_harts = { "harts", "2", NULL };

static struct rig *clint(void)
{
    return rig_new(&riscv_clint_class, &two_harts);
}

static void software(void)
{
    struct rig *r = clint();
    SCRIPT(r, W(4, 4, 0xffffffff), R(4, 4, 1), OUT(1, 1), OUT(0, 0), SAVE, W(4, 4, 2), R(4, 4, 0), OUT(1, 0),
           W(4, 8, 1), R(4, 8, 0), OUT(2, 0), FAULT(1, 0), R(4, 0x3ffc, 0));
    rig_free(r);
}

static void counts(void)
{
    struct rig *r = clint();
    SCRIPT(r, R(8, MTIME, 0), RUN(99), R(8, MTIME, 0), RUN(1), R(8, MTIME, 1), RUN(100ull * 0x123456789),
           R(8, MTIME, 0x12345678a), R(4, MTIME, 0x2345678a), R(4, MTIME + 4, 1));
    rig_free(r);
}

static void timer(void)
{
    struct rig *r = clint();
    SCRIPT(r, OUT(16, 0), W(8, MTIMECMP(0), 50), RUN(4999), OUT(16, 0), RUN(1), OUT(16, 1), OUT(17, 0), SAVE, RUN(5000),
           OUT(16, 1), W(8, MTIMECMP(0), 200), OUT(16, 0), W(8, MTIMECMP(0), 100), OUT(16, 1), W(8, MTIMECMP(1), 101),
           RUN(99), OUT(17, 0), RUN(1), OUT(17, 1), W(8, MTIMECMP(1), ~0ull), OUT(17, 0), RUN(1ull << 60), OUT(17, 0));
    rig_free(r);
}

/* As a 32-bit guest does (Privileged, 3.2.1): no false interrupt on the way. */
static void timer_in_halves(void)
{
    struct rig *r = clint();
    SCRIPT(r, W(4, MTIMECMP(0) + 4, 0xffffffff), W(4, MTIMECMP(0), 70), W(4, MTIMECMP(0) + 4, 0), RUN(6999), OUT(16, 0),
           RUN(1), OUT(16, 1), R(8, MTIMECMP(0), 70), R(4, MTIMECMP(0) + 4, 0), R(8, MTIMECMP(2), 0));
    CU_ASSERT_EQUAL(r->edges[16], 1);
    rig_free(r);
}

static void jumped(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void mtime_written(void)
{
    struct rig *r = clint();
    unsigned jumps = 0;
    struct timebase t = riscv_clint_timebase(r->d);
    riscv_clint_set_hook(r->d, jumped, &jumps);
    SCRIPT(r, RUN(1000), W(8, MTIMECMP(0), 1000), W(8, MTIME, 990), R(8, MTIME, 990), RUN(999), OUT(16, 0), RUN(1),
           OUT(16, 1), W(8, MTIME, 5), OUT(16, 0), RUN(99500), OUT(16, 1), SAVE, W(4, MTIME + 4, 1),
           R(8, MTIME, 0x1000003e8));
    CU_ASSERT_EQUAL(jumps, 3);
    CU_ASSERT_EQUAL(t.read(t.opaque), 0x1000003e8);
    CU_ASSERT_EQUAL(t.when(t.opaque, 0x1000003e8), r->clock.now);
    CU_ASSERT_EQUAL(t.when(t.opaque, 0x1000003e9), r->clock.now + 100);
    CU_ASSERT_EQUAL(t.when(t.opaque, ~0ull), CLOCK_NEVER);
    device_reset(r->d); /* reset makes it 0 again, time goes on */
    CU_ASSERT_EQUAL(jumps, 4);
    SCRIPT(r, R(8, MTIME, 0), OUT(16, 0), RUN(100), R(8, MTIME, 1));
    rig_free(r);
}

static void wraps(void)
{
    struct rig *r = clint();
    SCRIPT(r, W(8, MTIME, ~0ull), OUT(16, 1), RUN(100), R(8, MTIME, 0));
    struct timebase t = riscv_clint_timebase(r->d);
    CU_ASSERT_EQUAL(t.when(t.opaque, 3), r->clock.now + 300);
    rig_free(r);
}

static void separate_devices(void)
{
    struct rig *r = rig_new(&riscv_aclint_mtimer_class, &two_harts);
    SCRIPT(r, W(8, 8, 3), RUN(300), OUT(17, 1), R(8, 0x7ff8, 3), OUT(16, 0));
    rig_free(r);
    r = rig_new(&riscv_aclint_mswi_class, &two_harts);
    SCRIPT(r, W(4, 0, 1), OUT(0, 1), R(4, 0, 1), FAULT(8, 0), W(4, 0, 0), OUT(0, 0));
    rig_free(r);
    r = rig_new(&riscv_aclint_sswi_class, &two_harts);
    SCRIPT(r, W(4, 4, 1), OUT(1, 0), R(4, 4, 0), W(4, 4, 0), W(4, 8, 1));
    CU_ASSERT_EQUAL(r->edges[1], 1); /* a pulse */
    CU_ASSERT_EQUAL(r->edges[2], 0);
    rig_free(r);
}

int main(void)
{
    return unit_main("riscv-aclint", (CU_TestInfo[]){
        { "software interrupts", software }, { "mtime counts", counts }, { "mtimecmp", timer },
        { "mtimecmp in halves", timer_in_halves }, { "mtime written", mtime_written }, { "mtime wraps", wraps },
        { "separate devices", separate_devices }, CU_TEST_INFO_NULL });
}
