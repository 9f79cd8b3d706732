/* The PLIC: gateways, priorities, claim and completion, by script. */
#include "iodev/intc/riscv-plic.h"

#include "base/rng.h"
#include "tests/device/rig.h"

#define PRIORITY(n) (4 * (n))
#define PENDING(w) (0x1000 + 4 * (w))
#define ENABLE(ctx, w) (0x2000 + 0x80 * (ctx) + 4 * (w))
#define THRESHOLD(ctx) (0x200000 + 0x1000 * (ctx))
#define CLAIM(ctx) (0x200004 + 0x1000 * (ctx))

static struct rig *plic(void)
{
    static struct prop_value harts = { "harts", "2", NULL };
    return rig_new(&riscv_plic_class, &harts);
}

static void one_interrupt(void)
{
    struct rig *r = plic();
    SCRIPT(r, W(4, PRIORITY(10), 1), W(4, ENABLE(1, 0), 1 << 10), IN(10, 1), OUT(1, 1), OUT(0, 0),
           R(4, PENDING(0), 1 << 10), P(4, CLAIM(1), 10), OUT(1, 1), SAVE, R(4, CLAIM(1), 10), OUT(1, 0),
           R(4, PENDING(0), 0), R(4, CLAIM(1), 0), IN(10, 0), W(4, CLAIM(1), 10), OUT(1, 0));
    rig_free(r);
}

static void level_gateway(void)
{
    struct rig *r = plic();
    SCRIPT(r, W(4, PRIORITY(3), 1), W(4, ENABLE(0, 0), 8), IN(3, 1), R(4, CLAIM(0), 3),
           IN(3, 0), IN(3, 1), OUT(0, 0),         /* nothing is forwarded while it is being served */
           W(4, CLAIM(0), 3), OUT(0, 1),          /* still high at completion: again */
           IN(3, 0), OUT(0, 1), R(4, CLAIM(0), 3), /* a forwarded request stays (section 3.1) */
           W(4, CLAIM(0), 3), OUT(0, 0));
    rig_free(r);
}

static void priorities(void)
{
    struct rig *r = plic();
    SCRIPT(r, W(4, PRIORITY(5), 2), W(4, PRIORITY(6), 7), W(4, PRIORITY(7), 7), W(4, PRIORITY(96), 9),
           R(4, PRIORITY(96), 1), W(4, ENABLE(0, 0), 0xffffffff), R(4, ENABLE(0, 0), 0xfffffffe),
           W(4, ENABLE(0, 3), 0xffffffff), R(4, ENABLE(0, 3), 1), IN(5, 1), IN(6, 1), IN(7, 1), IN(96, 1), IN(4, 1),
           R(4, CLAIM(0), 6), R(4, CLAIM(0), 7), R(4, CLAIM(0), 5), R(4, CLAIM(0), 96),
           R(4, CLAIM(0), 0), /* 4 has priority 0: never */
           R(4, PENDING(0), 1 << 4));
    rig_free(r);
}

static void threshold(void)
{
    struct rig *r = plic();
    SCRIPT(r, W(4, PRIORITY(1), 3), W(4, ENABLE(2, 0), 2), W(4, THRESHOLD(2), 3), IN(1, 1), OUT(2, 0),
           W(4, THRESHOLD(2), 2), OUT(2, 1), W(4, THRESHOLD(2), 7), OUT(2, 0),
           R(4, CLAIM(2), 1)); /* a claim does not ask the threshold */
    rig_free(r);
}

static void completion(void)
{
    struct rig *r = plic();
    SCRIPT(r, W(4, PRIORITY(9), 1), W(4, ENABLE(0, 0), 1 << 9), W(4, ENABLE(1, 0), 0), IN(9, 1), R(4, CLAIM(0), 9),
           W(4, CLAIM(1), 9), OUT(0, 0),                                  /* not enabled there: ignored */
           W(4, CLAIM(0), 8), W(4, CLAIM(0), 0), W(4, CLAIM(0), 0xffffffff), OUT(0, 0), W(4, CLAIM(0), 9), OUT(0, 1),
           W(4, CLAIM(0), 9), OUT(0, 1), R(4, CLAIM(0), 9));
    rig_free(r);
}

static void two_contexts_race(void)
{
    struct rig *r = plic();
    SCRIPT(r, W(4, PRIORITY(1), 1), W(4, ENABLE(1, 0), 2), W(4, ENABLE(3, 0), 2), IN(1, 1), OUT(1, 1), OUT(3, 1),
           R(4, CLAIM(3), 1), OUT(1, 0), OUT(3, 0), R(4, CLAIM(1), 0));
    rig_free(r);
}

static void what_is_not_there(void)
{
    struct rig *r = plic();
    SCRIPT(r, W(4, PRIORITY(0), 7), R(4, PRIORITY(0), 0), W(4, ENABLE(4, 0), 2), R(4, ENABLE(4, 0), 0),
           W(4, THRESHOLD(4), 1), R(4, THRESHOLD(4), 0), R(4, CLAIM(4), 0), R(4, CLAIM(1023), 0), W(4, PENDING(0), 2),
           R(4, PENDING(0), 0), FAULT(1, 0), FAULT(8, 0), IN(0, 1), IN(97, 1), R(4, PENDING(0), 0),
           R(4, PENDING(3), 0));
    rig_free(r);
}

/* Against a model that is slow and obvious. */
static void random_against_model(void)
{
    struct rig *r = plic();
    u64 seed = 7;
    unsigned priority[97] = { 0 };
    bool level[97] = { 0 }, pending[97] = { 0 }, busy[97] = { 0 }, enabled[4][97] = { { 0 } };
    unsigned threshold_of[4] = { 0 };
    bool good = true;
    for (unsigned step = 0; step < 20000 && good; step++) {
        u64 x = rng_next(&seed);
        unsigned n = 1 + (unsigned)(x >> 8) % 96, ctx = (x >> 20) & 3, v = (x >> 24) & 7;
        switch (x % 6) {
        case 0: rig_write(r, PRIORITY(n), 4, v); priority[n] = v; break;
        case 1: rig_write(r, THRESHOLD(ctx), 4, v & 3); threshold_of[ctx] = v & 3; break;
        case 2:
            enabled[ctx][n] = v & 1;
            rig_write(r, ENABLE(ctx, n / 32), 4,
                      (rig_read(r, ENABLE(ctx, n / 32), 4) & ~(1u << n % 32)) | (v & 1u) << n % 32);
            break;
        case 3:
            level[n] = v & 1;
            pending[n] |= level[n] && !busy[n];
            r->d->cls->irq_in(r->d, n, v & 1);
            break;
        case 4: {
            unsigned best = 0;
            for (unsigned i = 96; i; i--)
                if (pending[i] && enabled[ctx][i] && priority[i] && (!best || priority[i] >= priority[best]))
                    best = i;
            good = rig_read(r, CLAIM(ctx), 4) == best;
            if (best) {
                pending[best] = false;
                busy[best] = true;
            }
            break;
        }
        default:
            rig_write(r, CLAIM(ctx), 4, n);
            if (enabled[ctx][n] && busy[n]) {
                busy[n] = false;
                pending[n] |= level[n];
            }
        }
        for (unsigned c = 0; c < 4; c++) {
            bool want = false;
            for (unsigned i = 1; i <= 96; i++)
                want |= pending[i] && enabled[c][i] && priority[i] > threshold_of[c];
            good &= r->out[c] == want;
        }
    }
    CU_ASSERT_TRUE(good);
    rig_free(r);
}

static void bad_props(void)
{
    struct err e = { "" };
    struct prop_value many = { "harts", "9", NULL };
    struct rig *r = rig_begin(&riscv_plic_class, &many);
    CU_ASSERT_FALSE(r->d->cls->build(r->d, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "9"));
    rig_free(r);
}

int main(void)
{
    return unit_main("riscv-plic", (CU_TestInfo[]){
        { "one interrupt", one_interrupt }, { "level gateway", level_gateway }, { "priorities", priorities },
        { "threshold", threshold }, { "completion", completion }, { "two contexts", two_contexts_race },
        { "what is not there", what_is_not_there }, { "random against a model", random_against_model },
        { "bad properties", bad_props }, CU_TEST_INFO_NULL });
}
