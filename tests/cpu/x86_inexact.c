/* vec_fp.h says of the host's results whether they are exact; soft float knows. */
#include "cpu/x86/vec_fp.h"
#include "tests/unit.h"

static u64 state = 1;
static u64 rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Significands of few bits or many, exponents near each other or anywhere, the ends too. */
static u64 number(unsigned frac_bits, unsigned exp_bits)
{
    const u64 most = ((u64)1 << exp_bits) - 2, bias = most / 2;
    const unsigned bits = (unsigned)(rnd() % (frac_bits + 1));
    const u64 frac = bits ? rnd() >> (64 - bits) << (frac_bits - bits) : 0;
    u64 exp;
    switch (rnd() % 4) {
    case 0: exp = 1 + rnd() % most; break;
    case 1: exp = rnd() % 2 ? 1 + rnd() % 4 : most - rnd() % 4; break;
    default: exp = bias - 8 + rnd() % 16; break;
    }
    if (rnd() % 64 == 0)
        return 0;
    return (rnd() & 1) << (frac_bits + exp_bits) | exp << frac_bits | frac;
}

#define CHECK(W, HOST, MIN, MAX, ABS, FRAC, EXP, name, expr, zero)                                       \
    do {                                                                                                 \
        const u64 a = number(FRAC, EXP), b = number(FRAC, EXP);                                          \
        const HOST x = fp_host##W((u##W)a), y = fp_host##W((u##W)b), z = expr;                           \
        struct sf_env e = { .rounding = SF_NEAREST_EVEN };                                               \
        if (!(ABS(z) <= MAX) || !(ABS(z) > MIN || (zero)))                                               \
            break;                                                                                       \
        const u64 r = f##W##_##name(&e, a, b);                                                           \
        const int inexact = fp_inexact_##name##W(x, y, z);                                               \
        if ((u##W)r != fp_bits##W(z) || (inexact >= 0 && inexact != !!(e.flags & SF_INEXACT)))           \
            wrong++;                                                                                     \
        told += inexact >= 0;                                                                            \
        exact += inexact == 0;                                                                           \
    } while (0)
#define ALL(W, HOST, MIN, MAX, ABS, SQRT, FRAC, EXP)                                                     \
    static void all##W(void)                                                                             \
    {                                                                                                    \
        unsigned wrong = 0, told = 0, exact = 0;                                                         \
        for (unsigned k = 0; k < 500000; k++) {                                                          \
            CHECK(W, HOST, MIN, MAX, ABS, FRAC, EXP, add, x + y, z == 0);                                \
            CHECK(W, HOST, MIN, MAX, ABS, FRAC, EXP, sub, x - y, z == 0);                                \
            CHECK(W, HOST, MIN, MAX, ABS, FRAC, EXP, mul, x * y, x == 0 || y == 0);                      \
            CHECK(W, HOST, MIN, MAX, ABS, FRAC, EXP, div, x / y, x == 0);                                \
            const u64 a = number(FRAC, EXP) & ~((u64)1 << (W - 1));                                      \
            const HOST x = fp_host##W((u##W)(k % 2 ? a : fp_bits##W(fp_host##W((u##W)a) * fp_host##W((u##W)a)))); \
            if (!(x >= MIN && x <= MAX))                                                                 \
                continue;                                                                                \
            struct sf_env e = { .rounding = SF_NEAREST_EVEN };                                           \
            const HOST z = SQRT(x);                                                                      \
            const u64 r = f##W##_sqrt(&e, fp_bits##W(x));                                                \
            const int inexact = fp_inexact_sqrt##W(x, z);                                                \
            wrong += (u##W)r != fp_bits##W(z) || (inexact >= 0 && inexact != !!(e.flags & SF_INEXACT));  \
        }                                                                                                \
        CU_ASSERT_EQUAL(wrong, 0);                                                                       \
        CU_ASSERT(exact > 100000);                                                                       \
        CU_ASSERT(told > 1000000);                                                                       \
    }
ALL(64, double, DBL_MIN, DBL_MAX, fabs, __builtin_sqrt, 52, 11)
ALL(32, float, FLT_MIN, FLT_MAX, fabsf, __builtin_sqrtf, 23, 8)

static void infinite(void)
{
    CU_ASSERT_EQUAL(fp_inexact_div32(0, HUGE_VALF, 0), 0);
    CU_ASSERT_EQUAL(fp_inexact_div64(0, HUGE_VAL, 0), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "doubles", all64 }, { "floats", all32 }, { "infinite divisors", infinite }, CU_TEST_INFO_NULL,
    };
    return unit_main("x86_inexact", tests);
}
