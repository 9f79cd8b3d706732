/* Soft float against the host's floating-point unit: every operation, rounding mode and flag the host has.
 * SOFTFLOAT_COUNT is the number of operand sets (each goes through all operations in four modes). */
#include "tests/unit.h"

#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/softfloat/softfloat.h"
#include "tests/cpu/softfloat_operands.h"

#if defined __x86_64__ || defined __riscv || defined __aarch64__

#ifdef __aarch64__
#define HOST_TININESS_BEFORE true
#else
#define HOST_TININESS_BEFORE false
#endif

static const struct { int host; const char *name; } modes[] = {
    [SF_NEAREST_EVEN] = { FE_TONEAREST, "nearest even" }, [SF_TO_ZERO] = { FE_TOWARDZERO, "to zero" },
    [SF_DOWN] = { FE_DOWNWARD, "down" }, [SF_UP] = { FE_UPWARD, "up" },
};

static u8 host_flags(void)
{
    int x = fetestexcept(FE_ALL_EXCEPT);
    return (u8)((x & FE_INEXACT ? SF_INEXACT : 0) | (x & FE_UNDERFLOW ? SF_UNDERFLOW : 0) |
                (x & FE_OVERFLOW ? SF_OVERFLOW : 0) | (x & FE_DIVBYZERO ? SF_DIVBYZERO : 0) |
                (x & FE_INVALID ? SF_INVALID : 0));
}

static u64 count(void)
{
    const char *s = getenv("SOFTFLOAT_COUNT");
    return s ? strtoull(s, NULL, 0) : 60000;
}

static u64 failures;

static void check(const char *op, unsigned mode, u64 a, u64 b, u64 c, u64 got, u8 got_flags, u64 want, u8 want_flags)
{
    if (LIKELY(got == want && got_flags == want_flags))
        return;
    if (failures++ < 20)
        printf("\n%s, %s: %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " gives %#" PRIx64 " flags %#x, the host %#" PRIx64
               " flags %#x", op, modes[mode].name, a, b, c, got, got_flags, want, want_flags);
}

/* Everything for one format. T: the host's type; P: our prefix; S: suffix of the host's functions. Values pass
 * through volatile so that each operation happens between clearing and reading the flags. */
#define HOST_TESTS(P, T, U, S, NAN_BITS)                                                                       \
    static u64 P##_bits(T v)                                                                                   \
    {                                                                                                          \
        U u;                                                                                                   \
        memcpy(&u, &v, sizeof(u));                                                                             \
        return v != v ? NAN_BITS : u;                                                                          \
    }                                                                                                          \
    static T P##_value(u64 bits)                                                                               \
    {                                                                                                          \
        U u = (U)bits;                                                                                         \
        T v;                                                                                                   \
        memcpy(&v, &u, sizeof(v));                                                                             \
        return v;                                                                                              \
    }                                                                                                          \
    static void P##_one(unsigned mode, u64 a, u64 b, u64 c)                                                    \
    {                                                                                                          \
        volatile T x = P##_value(a), y = P##_value(b), z = P##_value(c), r;                                    \
        struct sf_env e = { .rounding = (u8)mode, .tininess_before = HOST_TININESS_BEFORE, .default_nan = true }; \
        u64 got;                                                                                               \
        fesetround(modes[mode].host);                                                                          \
        HOST_OP(P, add, r = x + y, P##_add(&e, a, b))                                                          \
        HOST_OP(P, sub, r = x - y, P##_sub(&e, a, b))                                                          \
        HOST_OP(P, mul, r = x * y, P##_mul(&e, a, b))                                                          \
        HOST_OP(P, div, r = x / y, P##_div(&e, a, b))                                                          \
        HOST_OP(P, sqrt, r = sqrt##S(x), P##_sqrt(&e, a))                                                      \
        /* infinity times zero plus a quiet NaN: IEEE 754 leaves it open, RISC-V says invalid */               \
        u8 extra = ((isinf(x) && y == 0) || (x == 0 && isinf(y))) && isnan(z) ? SF_INVALID : 0;                \
        feclearexcept(FE_ALL_EXCEPT);                                                                          \
        r = fma##S(x, y, z);                                                                                   \
        e.flags = 0;                                                                                           \
        got = P##_fma(&e, a, b, c);                                                                            \
        check(#P "_fma", mode, a, b, c, got, e.flags, P##_bits(r), host_flags() | extra);                      \
        HOST_OP(P, rint, r = rint##S(x), P##_round_to_int(&e, a, true))                                        \
        volatile int less, equal;                                                                              \
        bool nan = x != x || y != y;                                                                           \
        feclearexcept(FE_ALL_EXCEPT);                                                                          \
        less = x < y;                                                                                          \
        u8 flags = host_flags();                                                                               \
        equal = x == y;                                                                                        \
        e.flags = 0;                                                                                           \
        u64 relation = (u64)(nan ? SF_UNORDERED : less ? SF_LESS : equal ? SF_EQUAL : SF_GREATER);             \
        got = (u64)P##_compare(&e, a, b, true);                                                                \
        check(#P "_compare signaling", mode, a, b, 0, got, e.flags, relation, flags);                          \
        feclearexcept(FE_ALL_EXCEPT);                                                                          \
        equal = x == y;                                                                                        \
        flags = host_flags();                                                                                  \
        e.flags = 0;                                                                                           \
        got = (u64)P##_compare(&e, a, b, false);                                                               \
        check(#P "_compare quiet", mode, a, b, 0, got, e.flags, relation, flags);                              \
        P##_to_int(mode, a);                                                                                   \
        u64 v = a ^ b << 7 ^ c >> 3;                                                                           \
        P##_from_int(mode, v);                                                                                 \
        fesetround(FE_TONEAREST);                                                                              \
    }                                                                                                          \
    static void P##_from_int(unsigned mode, u64 n)                                                             \
    {                                                                                                          \
        struct sf_env e = { .rounding = (u8)mode, .default_nan = true };                                       \
        volatile u64 v = n;                                                                                    \
        volatile T r;                                                                                          \
        u64 got, a = n, b = 0, c = 0;                                                                          \
        fesetround(modes[mode].host);                                                                          \
        HOST_OP(P, from_i64, r = (T)(i64)v, P##_from_i64(&e, v))                                               \
        HOST_OP(P, from_u64, r = (T)v, P##_from_u64(&e, v))                                                    \
        fesetround(FE_TONEAREST);                                                                              \
    }                                                                                                          \
    static void P##_to_int(unsigned mode, u64 a)                                                               \
    {                                                                                                          \
        struct sf_env e = { .rounding = (u8)mode, .default_nan = true };                                       \
        volatile T x = P##_value(a);                                                                           \
        feclearexcept(FE_ALL_EXCEPT);                                                                          \
        u64 got;                                                                                               \
        volatile double w = (double)rint##S(x); /* exact beyond the rounding asked for */                      \
        u8 flags = host_flags() & SF_INEXACT;                                                                  \
        bool high32 = !(w < 0x1p31), high32u = !(w < 0x1p32), high64 = !(w < 0x1p63), high64u = !(w < 0x1p64); \
        bool low32 = w < -0x1p31, low64 = w < -0x1p63, negative = w < 0;                                       \
        u64 want = high32 ? INT32_MAX : low32 ? (u64)INT32_MIN : (u64)(i64)w;                                  \
        got = (u64)P##_to_i32(&e, a);                                                                          \
        check(#P "_to_i32", mode, a, 0, 0, got, e.flags, want,                                                 \
              high32 || low32 ? SF_INVALID : flags);                                                           \
        e.flags = 0;                                                                                           \
        want = high64 ? INT64_MAX : low64 ? (u64)INT64_MIN : (u64)(i64)w;                                      \
        got = (u64)P##_to_i64(&e, a);                                                                          \
        check(#P "_to_i64", mode, a, 0, 0, got, e.flags, want,                                                 \
              high64 || low64 ? SF_INVALID : flags);                                                           \
        e.flags = 0;                                                                                           \
        want = high32u ? UINT32_MAX : negative ? 0 : (u64)w;                                                   \
        got = P##_to_u32(&e, a);                                                                               \
        check(#P "_to_u32", mode, a, 0, 0, got, e.flags, want,                                                 \
              high32u || negative ? SF_INVALID : flags);                                                       \
        e.flags = 0;                                                                                           \
        want = high64u ? UINT64_MAX : negative ? 0 : (u64)w;                                                   \
        got = P##_to_u64(&e, a);                                                                               \
        check(#P "_to_u64", mode, a, 0, 0, got, e.flags, want,                                                 \
              high64u || negative ? SF_INVALID : flags);                                                       \
    }

#define HOST_OP(P, name, host, ours)                                                                           \
    feclearexcept(FE_ALL_EXCEPT);                                                                              \
    host;                                                                                                      \
    e.flags = 0;                                                                                               \
    got = ours;                                                                                                \
    check(#P "_" #name, mode, a, b, c, got, e.flags, P##_bits(r), host_flags());

static void f32_from_int(unsigned mode, u64 n);
static void f64_from_int(unsigned mode, u64 n);
static void f32_to_int(unsigned mode, u64 a);
static void f64_to_int(unsigned mode, u64 a);
HOST_TESTS(f32, float, u32, f, SF_F32_NAN)
HOST_TESTS(f64, double, u64, , SF_F64_NAN)

static void convert_one(unsigned mode, u64 a32, u64 a64)
{
    struct sf_env e = { .rounding = (u8)mode, .tininess_before = HOST_TININESS_BEFORE, .default_nan = true };
    volatile float s = f32_value(a32);
    volatile double d = f64_value(a64);
    fesetround(modes[mode].host);
    feclearexcept(FE_ALL_EXCEPT);
    volatile float narrow = (float)d;
    u64 got = f64_to_f32(&e, a64);
    check("f64_to_f32", mode, a64, 0, 0, got, e.flags, f32_bits(narrow), host_flags());
    feclearexcept(FE_ALL_EXCEPT);
    volatile double wide = (double)s;
    e.flags = 0;
    got = f32_to_f64(&e, a32);
    check("f32_to_f64", mode, a32, 0, 0, got, e.flags, f64_bits(wide), host_flags());
    fesetround(FE_TONEAREST);
}

static void test_f32(void)
{
    u64 rng = 32, b = 0;
    failures = 0;
    for (u64 i = 0; i < count(); i++) {
        u64 a = operand(&rng, OPERAND_F32, b);
        b = operand(&rng, OPERAND_F32, a);
        u64 c = operand(&rng, OPERAND_F32, i & 1 ? a : b);
        for (unsigned mode = 0; mode < ARRAY_LEN(modes); mode++)
            f32_one(mode, a, b, c);
    }
    CU_ASSERT_EQUAL(failures, 0);
}

static void test_f64(void)
{
    u64 rng = 64, b = 0;
    failures = 0;
    for (u64 i = 0; i < count(); i++) {
        u64 a = operand(&rng, OPERAND_F64, b);
        b = operand(&rng, OPERAND_F64, a);
        u64 c = operand(&rng, OPERAND_F64, i & 1 ? a : b);
        for (unsigned mode = 0; mode < ARRAY_LEN(modes); mode++)
            f64_one(mode, a, b, c);
    }
    CU_ASSERT_EQUAL(failures, 0);
}

/* Products and quotients that cancel against the addend: c is the rounded a*b, or next to it. */
static void test_fma_cancel(void)
{
    u64 rng = 3;
    failures = 0;
    for (u64 i = 0; i < count(); i++) {
        struct sf_env e = { .rounding = SF_NEAREST_EVEN, .default_nan = true };
        u64 a = operand(&rng, OPERAND_F64, 0), b = operand(&rng, OPERAND_F64, a);
        u64 c = f64_mul(&e, a, b) ^ (u64)1 << 63;
        u64 s = operand(&rng, OPERAND_F32, 0), t = operand(&rng, OPERAND_F32, s);
        u64 u = f32_mul(&e, s, t) ^ (u64)1 << 31;
        for (unsigned mode = 0; mode < ARRAY_LEN(modes); mode++) {
            f64_one(mode, a, b, c + i % 3 - 1);
            f32_one(mode, s, t, (u32)(u + i % 3 - 1));
        }
    }
    CU_ASSERT_EQUAL(failures, 0);
}

static void test_convert(void)
{
    u64 rng = 96;
    failures = 0;
    for (u64 i = 0; i < 4 * count(); i++) {
        u64 s = operand(&rng, OPERAND_F32, 0), d = operand(&rng, OPERAND_F64, 0), n = operand_int(&rng);
        if (i & 1) { /* in and around the range of f32, with ties */
            d = (d & ~((u64)0x7ff << 52)) | (u64)(1023 - 160 + (int)(rng_next(&rng) % 300)) << 52;
            d = i & 2 ? d & ~(u64)0xfffffff : d;
        }
        for (unsigned mode = 0; mode < ARRAY_LEN(modes); mode++) {
            convert_one(mode, s, d);
            f32_from_int(mode, n);
            f64_from_int(mode, n);
        }
    }
    CU_ASSERT_EQUAL(failures, 0);
}

int main(void)
{
    return unit_main("soft float against the host", (CU_TestInfo[]){
        { "f32", test_f32 }, { "f64", test_f64 }, { "fma with cancellation", test_fma_cancel },
        { "conversions", test_convert }, CU_TEST_INFO_NULL });
}

#else

int main(void)
{
    printf("skipped: no known IEEE 754 rounding modes and flags on this host\n");
    return 77;
}

#endif
