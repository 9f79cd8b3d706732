/* Soft float by itself: against exact 128-bit integer arithmetic rounded the slow and obvious way (all five rounding
 * modes, tininess before and after rounding, every binary16 operand of the unary operations), and the cases that
 * standards and manuals single out. */
#include "tests/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cpu/softfloat/softfloat.h"
#include "tests/cpu/softfloat_operands.h"

/* --- the reference ----------------------------------------------------------------------------------------- */

struct exact { /* mag * 2^scale; bit 0 of a mag of 70 or more bits may stand for anything below it */
    bool sign;
    u128 mag;
    int scale;
};

static int length(u128 v)
{
    int n = 0;
    for (; v; v >>= 1)
        n++;
    return n;
}

static bool is_nan(struct operand_format f, u64 a)
{
    u64 inf = (((u64)1 << f.exp_bits) - 1) << f.frac_bits;
    return (a & (((u64)1 << (f.exp_bits + f.frac_bits)) - 1)) > inf;
}

static bool is_inf(struct operand_format f, u64 a)
{
    u64 inf = (((u64)1 << f.exp_bits) - 1) << f.frac_bits;
    return (a & (((u64)1 << (f.exp_bits + f.frac_bits)) - 1)) == inf;
}

static bool is_snan(struct operand_format f, u64 a)
{
    return is_nan(f, a) && !(a >> (f.frac_bits - 1) & 1);
}

static struct exact decode(struct operand_format f, u64 a)
{
    int max = (1 << f.exp_bits) - 1, exp = (int)(a >> f.frac_bits) & max;
    u64 frac = a & (((u64)1 << f.frac_bits) - 1);
    return (struct exact){ a >> (f.exp_bits + f.frac_bits) & 1, exp ? frac | (u64)1 << f.frac_bits : frac,
                           (exp ? exp : 1) - max / 2 - f.frac_bits };
}

/* x as a multiple of 2^quantum. */
static u128 round_at(struct exact x, int quantum, unsigned rounding, bool *inexact)
{
    if (x.scale >= quantum) {
        *inexact = false;
        return x.mag << (x.scale - quantum);
    }
    int drop = quantum - x.scale;
    u128 n = drop > 127 ? 0 : x.mag >> drop, rest = drop > 127 ? x.mag : x.mag - (n << drop);
    int half = drop > 127 ? -1 : rest < (u128)1 << (drop - 1) ? -1 : rest > (u128)1 << (drop - 1);
    *inexact = rest != 0;
    switch (rounding) {
    case SF_NEAREST_EVEN: return n + (half > 0 || (half == 0 && (n & 1)));
    case SF_NEAREST_AWAY: return n + (half >= 0);
    case SF_DOWN: return n + (rest && x.sign);
    case SF_UP: return n + (rest && !x.sign);
    default: return n;
    }
}

static u64 encode(struct operand_format f, struct sf_env *e, struct exact x)
{
    int max = (1 << f.exp_bits) - 1, bias = max / 2;
    u64 sign = (u64)x.sign << (f.exp_bits + f.frac_bits), inf = (u64)max << f.frac_bits;
    if (x.mag == 0)
        return sign;
    int exp = x.scale + length(x.mag) - 1; /* 2^exp <= x < 2^(exp+1) */
    bool inexact;
    bool tiny = exp < 1 - bias;
    if (tiny && !e->tininess_before && exp == -bias) /* may round up to 2^(1-bias) */
        tiny = round_at(x, exp - f.frac_bits, e->rounding, &inexact) < (u128)2 << f.frac_bits;
    int quantum = (exp < 1 - bias ? 1 - bias : exp) - f.frac_bits;
    u128 n = round_at(x, quantum, e->rounding, &inexact);
    if (n >> (f.frac_bits + 1)) {
        n >>= 1;
        quantum++;
    }
    if (quantum + f.frac_bits > bias) {
        e->flags |= SF_OVERFLOW | SF_INEXACT;
        bool to_inf = e->rounding == SF_NEAREST_EVEN || e->rounding == SF_NEAREST_AWAY ||
                      (e->rounding == SF_UP && !x.sign) || (e->rounding == SF_DOWN && x.sign);
        return sign | (to_inf ? inf : inf - 1);
    }
    if (inexact)
        e->flags |= tiny ? SF_UNDERFLOW | SF_INEXACT : SF_INEXACT;
    if (!(n >> f.frac_bits))
        return sign | (u64)n;
    return sign | (u64)(quantum + f.frac_bits + bias) << f.frac_bits | ((u64)n - ((u64)1 << f.frac_bits));
}

static struct exact exact_mul(struct exact a, struct exact b)
{
    return (struct exact){ a.sign ^ b.sign, a.mag * b.mag, a.scale + b.scale };
}

static struct exact exact_add(struct exact a, struct exact b, unsigned rounding)
{
    if (a.mag == 0 || b.mag == 0) {
        struct exact r = a.mag ? a : b;
        r.sign = a.mag ? a.sign : b.mag ? b.sign : a.sign == b.sign ? a.sign : rounding == SF_DOWN;
        return r;
    }
    struct exact hi = a.scale >= b.scale ? a : b, lo = a.scale >= b.scale ? b : a;
    int up = hi.scale - lo.scale, room = 126 - length(hi.mag);
    if (up > room) { /* lo is far below hi: what does not fit is jammed into bit 0 */
        int down = up - room;
        u128 kept = down > 127 ? 0 : lo.mag >> down;
        lo.mag = kept | (down > 127 || lo.mag != kept << down);
        lo.scale += down;
        up = room;
    }
    hi.mag <<= up;
    struct exact r = { hi.sign, 0, lo.scale };
    if (hi.sign == lo.sign) {
        r.mag = hi.mag + lo.mag;
    } else if (hi.mag >= lo.mag) {
        r.mag = hi.mag - lo.mag;
    } else {
        r.mag = lo.mag - hi.mag;
        r.sign = lo.sign;
    }
    if (r.mag == 0)
        r.sign = rounding == SF_DOWN;
    return r;
}

static struct exact exact_div(struct exact a, struct exact b)
{
    int up = a.mag ? 127 - length(a.mag) : 0;
    u128 n = a.mag << up, q = n / b.mag;
    return (struct exact){ a.sign ^ b.sign, q | (q * b.mag != n), a.scale - up - b.scale };
}

static struct exact exact_sqrt(struct exact a)
{
    if (a.mag == 0)
        return a;
    int up = 126 - length(a.mag);
    up -= (a.scale - up) & 1;
    u128 n = a.mag << up, root = 0;
    for (int bit = 63; bit >= 0; bit--)
        if ((root | (u128)1 << bit) * (root | (u128)1 << bit) <= n)
            root |= (u128)1 << bit;
    return (struct exact){ false, root << 1 | (root * root != n), (a.scale - up) / 2 - 1 };
}

enum ref_op { REF_ADD, REF_SUB, REF_MUL, REF_DIV, REF_SQRT, REF_FMA };

static u64 reference(struct operand_format f, struct sf_env *e, enum ref_op op, u64 a, u64 b, u64 c)
{
    u64 sign_bit = (u64)1 << (f.exp_bits + f.frac_bits), inf = (((u64)1 << f.exp_bits) - 1) << f.frac_bits;
    u64 nan = inf | (u64)1 << (f.frac_bits - 1);
    if (op == REF_SQRT)
        b = 0;
    if (op != REF_FMA)
        c = 0;
    if (is_snan(f, a) || is_snan(f, b) || is_snan(f, c))
        e->flags |= SF_INVALID;
    struct exact x = decode(f, a), y = decode(f, b), z = decode(f, c);
    bool xi = is_inf(f, a), yi = is_inf(f, b), zi = is_inf(f, c), sign = x.sign ^ y.sign;
    bool xn = is_nan(f, a), yn = is_nan(f, b), zn = is_nan(f, c);
    if (!xn && !yn && (op == REF_FMA || op == REF_MUL) && ((xi && y.mag == 0) || (yi && x.mag == 0))) {
        e->flags |= SF_INVALID;
        return nan;
    }
    if (xn || yn || zn)
        return nan;
    bool bad = false;
    switch (op) {
    case REF_SUB:
        y.sign = !y.sign;
        b ^= sign_bit;
        /* fall through */
    case REF_ADD:
        if (xi && yi && x.sign != y.sign)
            bad = true;
        else if (xi || yi)
            return xi ? a : b;
        else
            return encode(f, e, exact_add(x, y, e->rounding));
        break;
    case REF_MUL:
        return xi || yi ? (sign ? sign_bit : 0) | inf : encode(f, e, exact_mul(x, y));
    case REF_DIV:
        if ((xi && yi) || (!xi && x.mag == 0 && y.mag == 0)) {
            bad = true;
            break;
        }
        if (!xi && y.mag == 0)
            e->flags |= SF_DIVBYZERO;
        if (xi || y.mag == 0)
            return (sign ? sign_bit : 0) | inf;
        return yi ? (sign ? sign_bit : 0) : encode(f, e, exact_div(x, y));
    case REF_SQRT:
        if (x.sign && x.mag)
            bad = true;
        else
            return xi ? a : encode(f, e, exact_sqrt(x));
        break;
    case REF_FMA:
        if ((xi || yi) && zi && z.sign != sign)
            bad = true;
        else if (xi || yi)
            return (sign ? sign_bit : 0) | inf;
        else
            return zi ? c : encode(f, e, exact_add(exact_mul(x, y), z, e->rounding));
        break;
    }
    if (bad)
        e->flags |= SF_INVALID;
    return nan;
}

static u64 reference_to_int(struct operand_format f, struct sf_env *e, u64 a, int bits, bool is_signed)
{
    struct exact x = decode(f, a);
    i128 largest = ((i128)1 << (bits - is_signed)) - 1, smallest = is_signed ? -largest - 1 : 0;
    if (is_nan(f, a))
        x.sign = false;
    bool inexact = false;
    bool huge = is_nan(f, a) || is_inf(f, a) || x.scale + length(x.mag) > 70;
    i128 v = huge ? (i128)1 << 100 : (i128)round_at(x, 0, e->rounding, &inexact);
    v = x.sign ? -v : v;
    if (v > largest || v < smallest) {
        e->flags |= SF_INVALID;
        return (u64)(v > largest ? largest : smallest);
    }
    e->flags |= inexact ? SF_INEXACT : 0;
    return (u64)v;
}

static u64 reference_round_to_int(struct operand_format f, struct sf_env *e, u64 a, bool raise)
{
    struct exact x = decode(f, a);
    if (is_snan(f, a))
        e->flags |= SF_INVALID;
    if (is_nan(f, a))
        return ((((u64)1 << f.exp_bits) - 1) << f.frac_bits) | (u64)1 << (f.frac_bits - 1);
    if (is_inf(f, a) || x.scale >= 0)
        return a;
    bool inexact;
    u128 n = round_at(x, 0, e->rounding, &inexact);
    struct sf_env none = *e;
    if (inexact && raise)
        e->flags |= SF_INEXACT;
    return encode(f, &none, (struct exact){ x.sign, n, 0 });
}

static u64 reference_convert(struct operand_format from, struct operand_format to, struct sf_env *e, u64 a)
{
    u64 inf = (((u64)1 << to.exp_bits) - 1) << to.frac_bits;
    struct exact x = decode(from, a);
    if (is_snan(from, a))
        e->flags |= SF_INVALID;
    if (is_nan(from, a))
        return inf | (u64)1 << (to.frac_bits - 1);
    if (is_inf(from, a))
        return (u64)x.sign << (to.exp_bits + to.frac_bits) | inf;
    return encode(to, e, x);
}

/* --- comparing --------------------------------------------------------------------------------------------- */

static u64 failures;

static void check(const char *op, struct sf_env ours, struct sf_env ref, u64 a, u64 b, u64 c, u64 got, u64 want)
{
    if (LIKELY(got == want && ours.flags == ref.flags))
        return;
    if (failures++ < 20)
        printf("\n%s, rounding %u%s: %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " gives %#" PRIx64 " flags %#x, should be %#"
               PRIx64 " flags %#x", op, ours.rounding, ours.tininess_before ? ", tininess before" : "", a, b, c, got,
               ours.flags, want, ref.flags);
}

static const struct format_row {
    struct operand_format f;
    u64 (*arith[4])(struct sf_env *, u64, u64); /* by enum ref_op */
    u64 (*sqrt)(struct sf_env *, u64);
    u64 (*fma)(struct sf_env *, u64, u64, u64);
    u64 (*round_to_int)(struct sf_env *, u64, bool);
    i64 (*to_i32)(struct sf_env *, u64);
    u64 (*to_u32)(struct sf_env *, u64);
    i64 (*to_i64)(struct sf_env *, u64);
    u64 (*to_u64)(struct sf_env *, u64);
    u64 (*from_i64)(struct sf_env *, i64);
    u64 (*from_u64)(struct sf_env *, u64);
    u64 (*convert[3])(struct sf_env *, u64); /* to f16, f32, f64 */
} formats[] = {
#define ROW(P, E, F, H, S, D)                                                                                  \
    { { #P, E, F }, { P##_add, P##_sub, P##_mul, P##_div }, P##_sqrt, P##_fma, P##_round_to_int,               \
      P##_to_i32, P##_to_u32, P##_to_i64, P##_to_u64, P##_from_i64, P##_from_u64, { H, S, D } }
    ROW(f16, 5, 10, NULL, f16_to_f32, f16_to_f64),
    ROW(f32, 8, 23, f32_to_f16, NULL, f32_to_f64),
    ROW(f64, 11, 52, f64_to_f16, f64_to_f32, NULL),
};
static const char *const arith_name[] = { "add", "sub", "mul", "div" };

static void one_unary(const struct format_row *row, struct sf_env env, u64 a)
{
    struct operand_format f = row->f;
    struct sf_env e = env, r = env;
    u64 got = row->sqrt(&e, a), want = reference(f, &r, REF_SQRT, a, 0, 0);
    check("sqrt", e, r, a, 0, 0, got, want);
    for (int raise = 0; raise < 2; raise++) {
        e = r = env;
        got = row->round_to_int(&e, a, raise);
        want = reference_round_to_int(f, &r, a, raise);
        check("round_to_int", e, r, a, (u64)raise, 0, got, want);
    }
    e = r = env;
    got = (u64)row->to_i32(&e, a);
    want = reference_to_int(f, &r, a, 32, true);
    check("to_i32", e, r, a, 0, 0, got, want);
    e = r = env;
    got = row->to_u32(&e, a);
    want = reference_to_int(f, &r, a, 32, false);
    check("to_u32", e, r, a, 0, 0, got, want);
    e = r = env;
    got = (u64)row->to_i64(&e, a);
    want = reference_to_int(f, &r, a, 64, true);
    check("to_i64", e, r, a, 0, 0, got, want);
    e = r = env;
    got = row->to_u64(&e, a);
    want = reference_to_int(f, &r, a, 64, false);
    check("to_u64", e, r, a, 0, 0, got, want);
    for (unsigned to = 0; to < ARRAY_LEN(formats); to++)
        if (row->convert[to]) {
            e = r = env;
            got = row->convert[to](&e, a);
            want = reference_convert(f, formats[to].f, &r, a);
            check(formats[to].f.name, e, r, a, 0, 0, got, want);
        }
}

static void one_binary(const struct format_row *row, struct sf_env env, u64 a, u64 b, u64 c)
{
    struct sf_env e, r;
    u64 got, want;
    for (unsigned op = REF_ADD; op <= REF_DIV; op++) {
        e = r = env;
        got = row->arith[op](&e, a, b);
        want = reference(row->f, &r, op, a, b, 0);
        check(arith_name[op], e, r, a, b, 0, got, want);
    }
    e = r = env;
    got = row->fma(&e, a, b, c);
    want = reference(row->f, &r, REF_FMA, a, b, c);
    check("fma", e, r, a, b, c, got, want);
}

static struct sf_env env_number(unsigned i) /* 0..9 */
{
    return (struct sf_env){ .rounding = (u8)(i % 5), .tininess_before = i >= 5, .default_nan = true };
}

static u64 count(void)
{
    const char *s = getenv("SOFTFLOAT_COUNT");
    return s ? strtoull(s, NULL, 0) : 20000;
}

static void test_f16_every_operand(void)
{
    failures = 0;
    for (unsigned m = 0; m < 6; m++) /* tininess matters to f16's arithmetic in one mode as in another */
        for (u64 a = 0; a < 0x10000; a++)
            one_unary(&formats[0], env_number(m), a);
    CU_ASSERT_EQUAL(failures, 0);
}

static void test_arithmetic(void)
{
    for (unsigned i = 0; i < ARRAY_LEN(formats); i++) {
        u64 rng = i, b = 0;
        failures = 0;
        for (u64 n = 0; n < count(); n++) {
            u64 a = operand(&rng, formats[i].f, b);
            b = operand(&rng, formats[i].f, a);
            u64 c = operand(&rng, formats[i].f, n & 1 ? a : b);
            for (unsigned m = 0; m < 10; m++)
                one_binary(&formats[i], env_number(m), a, b, c);
        }
        CU_ASSERT_EQUAL(failures, 0);
    }
}

static void test_unary(void)
{
    for (unsigned i = 1; i < ARRAY_LEN(formats); i++) {
        struct operand_format f = formats[i].f;
        u64 rng = i + 10;
        failures = 0;
        for (u64 n = 0; n < 2 * count(); n++) {
            u64 a = operand(&rng, f, 0);
            if (n & 1) { /* in and around the range of the next smaller format, in short fractions: ties */
                int bias = (1 << (f.exp_bits - 1)) - 1, span = (1 << (f.exp_bits - 3)) + 24;
                int exp = bias - 2 * span + (int)(rng_next(&rng) % (4 * (unsigned)span));
                exp = exp < 0 ? 0 : exp;
                u64 frac = (a & (((u64)1 << f.frac_bits) - 1)) >> 1;
                a = (a >> (f.exp_bits + f.frac_bits)) << (f.exp_bits + f.frac_bits) | (u64)exp << f.frac_bits |
                    (n & 2 ? frac >> (f.frac_bits - 13) << (f.frac_bits - 13) : frac);
            }
            for (unsigned m = 0; m < 10; m++)
                one_unary(&formats[i], env_number(m), a);
        }
        CU_ASSERT_EQUAL(failures, 0);
    }
}

static void test_from_int(void)
{
    u64 rng = 5;
    failures = 0;
    for (u64 n = 0; n < 4 * count(); n++) {
        u64 v = operand_int(&rng);
        for (unsigned i = 0; i < ARRAY_LEN(formats); i++)
            for (unsigned m = 0; m < 5; m++) {
                struct sf_env e = env_number(m), r = e;
                u64 got = formats[i].from_i64(&e, (i64)v);
                u64 want = encode(formats[i].f, &r, (struct exact){ v >> 63, v >> 63 ? -v : v, 0 });
                check("from_i64", e, r, v, i, 0, got, want);
                e = r = env_number(m);
                got = formats[i].from_u64(&e, v);
                want = encode(formats[i].f, &r, (struct exact){ false, v, 0 });
                check("from_u64", e, r, v, i, 0, got, want);
            }
    }
    CU_ASSERT_EQUAL(failures, 0);
}

/* --- single cases ------------------------------------------------------------------------------------------ */

/* Calls with a fresh environment; checks the bits (of a result made u64) and the flags. */
#define IS(env, call, want, want_flags)                                                                        \
    do {                                                                                                       \
        struct sf_env e = env;                                                                                 \
        u64 got = (u64)(call);                                                                                 \
        CU_ASSERT_EQUAL(got, (u64)(want));                                                                     \
        CU_ASSERT_EQUAL(e.flags, (want_flags));                                                                \
    } while (0)

static const struct sf_env riscv = { .default_nan = true };
static const struct sf_env payload = { .tininess_before = true };

static void test_nan(void)
{
    const u64 q1 = 0x7ff8000000000001, q2 = 0xfff8000000000002, q3 = 0x7ff8000000000003;
    const u64 s1 = 0x7ff0000000000011, s2 = 0xfff0000000000012, quiet = 0x0008000000000000;
    const u64 one = 0x3ff0000000000000, inf = 0x7ff0000000000000;
    IS(riscv, f64_add(&e, q1, one), SF_F64_NAN, 0);
    IS(riscv, f64_add(&e, one, s2), SF_F64_NAN, SF_INVALID);
    IS(riscv, f64_sub(&e, inf, inf), SF_F64_NAN, SF_INVALID);
    /* the first signalling NaN, else the first quiet one */
    IS(payload, f64_add(&e, q1, q2), q1, 0);
    IS(payload, f64_add(&e, one, q2), q2, 0);
    IS(payload, f64_add(&e, q1, s2), s2 | quiet, SF_INVALID);
    IS(payload, f64_mul(&e, s1, s2), s1 | quiet, SF_INVALID);
    IS(payload, f64_sub(&e, one, q2), q2, 0); /* its sign stays */
    IS(payload, f64_div(&e, q2, q1), q2, 0);
    IS(payload, f64_sqrt(&e, s2), s2 | quiet, SF_INVALID);
    IS(payload, f64_sqrt(&e, q2), q2, 0);
    IS(payload, f64_round_to_int(&e, s1, true), s1 | quiet, SF_INVALID);
    IS(payload, f64_sub(&e, inf, inf), SF_F64_NAN, SF_INVALID);
    /* fused: addend, then factors */
    IS(payload, f64_fma(&e, q1, q2, q3), q3, 0);
    IS(payload, f64_fma(&e, q1, q2, one), q1, 0);
    IS(payload, f64_fma(&e, q1, s2, q3), s2 | quiet, SF_INVALID);
    IS(payload, f64_fma(&e, inf, 0, q3), SF_F64_NAN, SF_INVALID);
    IS(payload, f64_fma(&e, inf, 0, s1), s1 | quiet, SF_INVALID);
    IS(riscv, f64_fma(&e, 0, inf, q3), SF_F64_NAN, SF_INVALID);
    IS(riscv, f64_fma(&e, 0, inf, one), SF_F64_NAN, SF_INVALID);
    /* the leading bits of a payload survive a change of format */
    IS(payload, f64_to_f32(&e, 0xfff8000060000000), 0xffc00003, 0);
    IS(payload, f32_to_f64(&e, 0xff800003), 0xfff8000060000000, SF_INVALID);
    IS(payload, f64_to_f16(&e, 0x7ff0000000000001), 0x7e00, SF_INVALID);
    IS(payload, f16_to_f32(&e, 0xfe03), 0xffc06000, 0);
    IS(riscv, f32_to_f64(&e, 0xffc00003), SF_F64_NAN, 0);
    IS(riscv, f16_to_f64(&e, 0x7c01), SF_F64_NAN, SF_INVALID);
}

static void test_min_max(void)
{
    const u64 q = 0x7fc00001, s = 0x7f800001, one = 0x3f800000, minus = 0x80000000;
    IS(riscv, f32_min(&e, 0, minus), minus, 0);
    IS(riscv, f32_min(&e, minus, 0), minus, 0);
    IS(riscv, f32_max(&e, 0, minus), 0, 0);
    IS(riscv, f32_max(&e, minus, 0), 0, 0);
    IS(riscv, f32_min(&e, q, one), one, 0);
    IS(riscv, f32_max(&e, one, q), one, 0);
    IS(riscv, f32_min(&e, one, s), one, SF_INVALID);
    IS(riscv, f32_max(&e, s, one), one, SF_INVALID);
    IS(riscv, f32_min(&e, q, q), SF_F32_NAN, 0);
    IS(riscv, f32_max(&e, q, s), SF_F32_NAN, SF_INVALID);
    IS(payload, f32_max(&e, q, s), s | 0x400000, SF_INVALID);
    IS(riscv, f32_min(&e, 0xbf800000, 0xc0000000), 0xc0000000, 0);
    IS(riscv, f32_max(&e, 0xbf800000, 0xc0000000), 0xbf800000, 0);
    IS(riscv, f16_max(&e, 0x3c00, 0x7c00), 0x7c00, 0);
    IS(riscv, f16_min(&e, 0xfc00, 0x8001), 0xfc00, 0);
}

static void test_compare(void)
{
    const u64 q = 0x7fc00001, s = 0x7f800001, one = 0x3f800000, minus = 0x80000000;
    IS(riscv, f32_compare(&e, 0, minus, true), SF_EQUAL, 0);
    IS(riscv, f32_compare(&e, minus, one, true), SF_LESS, 0);
    IS(riscv, f32_compare(&e, one, minus | one, false), SF_GREATER, 0);
    IS(riscv, (i64)f32_compare(&e, 0xbf800001, 0xbf800000, true), SF_LESS, 0);
    IS(riscv, f32_compare(&e, q, one, false), SF_UNORDERED, 0);
    IS(riscv, f32_compare(&e, q, one, true), SF_UNORDERED, SF_INVALID);
    IS(riscv, f32_compare(&e, one, s, false), SF_UNORDERED, SF_INVALID);
    IS(riscv, f32_compare(&e, q, q, false), SF_UNORDERED, 0);
    IS(riscv, f64_compare(&e, 1, 0x8000000000000001, false), SF_GREATER, 0);
}

static void test_classify(void)
{
    static const struct { u16 bits; enum sf_class class; } row[] = {
        { 0xfc00, SF_NEG_INF }, { 0xfbff, SF_NEG_NORMAL }, { 0x8400, SF_NEG_NORMAL }, { 0x83ff, SF_NEG_SUBNORMAL },
        { 0x8001, SF_NEG_SUBNORMAL }, { 0x8000, SF_NEG_ZERO }, { 0, SF_POS_ZERO }, { 1, SF_POS_SUBNORMAL },
        { 0x0400, SF_POS_NORMAL }, { 0x7bff, SF_POS_NORMAL }, { 0x7c00, SF_POS_INF }, { 0x7c01, SF_SNAN },
        { 0xfdff, SF_SNAN }, { 0x7e00, SF_QNAN }, { 0xffff, SF_QNAN },
    };
    for (unsigned i = 0; i < ARRAY_LEN(row); i++)
        CU_ASSERT_EQUAL(f16_classify(row[i].bits), row[i].class);
    CU_ASSERT_EQUAL(f32_classify(0x7f800001), SF_SNAN);
    CU_ASSERT_EQUAL(f64_classify(0x800fffffffffffff), SF_NEG_SUBNORMAL);
}

static void test_to_int(void)
{
    /* RISC-V Unprivileged, "F": domains of float-to-integer conversions */
    IS(riscv, f32_to_i32(&e, 0xcf000000), (u64)INT32_MIN, 0);
    IS(riscv, f32_to_i32(&e, 0xcf000001), (u64)INT32_MIN, SF_INVALID);
    IS(riscv, f32_to_i32(&e, 0x4f000000), INT32_MAX, SF_INVALID);
    IS(riscv, f32_to_i32(&e, 0xff800000), (u64)INT32_MIN, SF_INVALID);
    IS(riscv, f32_to_i32(&e, 0xffc00000), INT32_MAX, SF_INVALID);
    IS(riscv, f32_to_u32(&e, 0xbf800000), 0, SF_INVALID);
    IS(riscv, f32_to_u32(&e, 0xbf000000), 0, SF_INEXACT);
    IS(riscv, f32_to_u32(&e, 0x4f800000), UINT32_MAX, SF_INVALID);
    IS(riscv, f32_to_u32(&e, 0xffc00000), UINT32_MAX, SF_INVALID);
    IS(riscv, f64_to_u32(&e, 0x41efffffffe00000), UINT32_MAX, 0);
    IS(riscv, f64_to_u32(&e, 0x41efffffffffffff), UINT32_MAX, SF_INVALID);
    IS(riscv, f64_to_i64(&e, 0xc3e0000000000000), INT64_MIN, 0);
    IS(riscv, f64_to_i64(&e, 0x43e0000000000000), INT64_MAX, SF_INVALID);
    IS(riscv, f64_to_u64(&e, 0x43efffffffffffff), 0xfffffffffffff800, 0);
    IS(riscv, f64_to_u64(&e, 0x43f0000000000000), UINT64_MAX, SF_INVALID);
    IS(riscv, f64_to_u64(&e, 0xfff0000000000000), 0, SF_INVALID);
    IS(riscv, f64_to_u64(&e, 0xfff8000000000000), UINT64_MAX, SF_INVALID);
}

static void test_edges(void)
{
    /* The largest fraction below the smallest normal, times next to one: after rounding it is not tiny. */
    struct sf_env before = { .tininess_before = true, .default_nan = true };
    IS(riscv, f64_mul(&e, 0x0010000000000001, 0x3feffffffffffffe), 0x0010000000000000, SF_INEXACT);
    IS(before, f64_mul(&e, 0x0010000000000001, 0x3feffffffffffffe), 0x0010000000000000, SF_INEXACT | SF_UNDERFLOW);
    /* Exact subnormals raise nothing. */
    IS(riscv, f64_mul(&e, 0x0010000000000000, 0x3fe0000000000000), 0x0008000000000000, 0);
    /* Overflow goes to infinity or to the largest number by direction. */
    struct sf_env zero = { .rounding = SF_TO_ZERO, .default_nan = true };
    struct sf_env up = { .rounding = SF_UP, .default_nan = true };
    struct sf_env away = { .rounding = SF_NEAREST_AWAY, .default_nan = true };
    IS(zero, f32_add(&e, 0x7f7fffff, 0x7f7fffff), 0x7f7fffff, SF_OVERFLOW | SF_INEXACT);
    IS(up, f32_add(&e, 0xff7fffff, 0xff7fffff), 0xff7fffff, SF_OVERFLOW | SF_INEXACT);
    IS(up, f32_add(&e, 0x7f7fffff, 0x7f7fffff), 0x7f800000, SF_OVERFLOW | SF_INEXACT);
    IS(up, f32_add(&e, 0x7f7fffff, 1), 0x7f800000, SF_OVERFLOW | SF_INEXACT);
    IS(riscv, f32_add(&e, 0x7f7fffff, 0x73000000), 0x7f800000, SF_OVERFLOW | SF_INEXACT); /* half an ulp more */
    IS(riscv, f32_add(&e, 0x7f7fffff, 0x72ffffff), 0x7f7fffff, SF_INEXACT);
    IS(away, f32_round_to_int(&e, 0x40200000, true), 0x40400000, SF_INEXACT); /* 2.5 */
    IS(riscv, f32_round_to_int(&e, 0x40200000, true), 0x40000000, SF_INEXACT);
    IS(riscv, f32_round_to_int(&e, 0x3fc00000, false), 0x40000000, 0); /* 1.5 */
    IS(riscv, f32_round_to_int(&e, 0xbf000000, false), 0x80000000, 0); /* -0.5 is -0 */
    /* What a register holds above a format (NaN boxes) does not matter. */
    IS(riscv, f32_add(&e, 0xffffffff3f800000, 0xffffffff3f800000), 0x40000000, 0);
    IS(riscv, f16_mul(&e, 0xffffffffffff4000, 0x1234000000004000), 0x4400, 0);
    /* Flags are sticky. */
    struct sf_env sticky = { .flags = SF_DIVBYZERO, .default_nan = true };
    IS(sticky, f16_div(&e, 0x3c00, 0x4200), 0x3555, SF_DIVBYZERO | SF_INEXACT);
    IS(riscv, f16_div(&e, 0xbc00, 0), 0xfc00, SF_DIVBYZERO);
    IS(riscv, f16_div(&e, 0, 0x8000), SF_F16_NAN, SF_INVALID);
    IS(riscv, f16_sqrt(&e, 0x8000), 0x8000, 0);
    IS(riscv, f16_sqrt(&e, 0x8001), SF_F16_NAN, SF_INVALID);
}

int main(void)
{
    return unit_main("soft float", (CU_TestInfo[]){
        { "every binary16 operand", test_f16_every_operand }, { "arithmetic", test_arithmetic },
        { "unary operations", test_unary }, { "from integers", test_from_int }, { "NaN", test_nan },
        { "minimum and maximum", test_min_max }, { "comparison", test_compare }, { "class", test_classify },
        { "to integers", test_to_int }, { "edges", test_edges }, CU_TEST_INFO_NULL });
}
