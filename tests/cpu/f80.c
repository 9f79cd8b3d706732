/* 80-bit numbers on any host: every function over a fixed set of operands in all modes must give the results whose hash is
 * below. Those were compared with an x87 (tests/isa/x87_host does it wherever there is one); and where there is MPFR, the
 * transcendental functions are compared with it here: rounded correctly, every one. */
#include "tests/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "cpu/softfloat/f80.h"

enum { OPERANDS = 20000 };

static u64 draw(u64 *state) /* xorshift64* */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1d;
}

enum function { ADD, SUB, MUL, DIV, SQRT, SCALE, REM, REM1, RINT, TO_F32, TO_F64, TO_I32, TO_BCD, COMPARE, ARITHMETIC_END,
                SIN = ARITHMETIC_END, COS, TAN, ATAN, EXP, LOG, LOG1, FUNCTIONS };

static struct f80 operand(u64 *s, int around, unsigned spread)
{
    u64 r = draw(s), m = draw(s) | F80_INT_BIT;
    if (r >> 40 & 1)
        m = F80_INT_BIT | draw(s) << (r >> 58);
    return (struct f80){ m, (u16)((r & 0x8000) | (u64)(around - (int)(spread / 2) + (int)(draw(s) % spread))) };
}

/* Operands that suit the function. */
static void operands(enum function f, u64 *s, struct f80 *a, struct f80 *b)
{
    unsigned kind = draw(s) >> 62;
    *b = operand(s, F80_BIAS, 80);
    switch (f) {
    case SIN: case COS: case TAN: *a = kind ? operand(s, F80_BIAS, kind == 1 ? 4 : 40) : operand(s, F80_BIAS - 5, 134); break;
    case EXP: *a = operand(s, F80_BIAS - 1 - (kind ? 5 : 33), kind ? 10 : 65); break;
    case LOG1: *a = operand(s, F80_BIAS - 3 - (kind ? 5 : 33), kind ? 10 : 65); break;
    case LOG:
        *a = operand(s, F80_BIAS, kind ? 3 : 200);
        if (kind == 3) { /* near 1 */
            u64 r = draw(s);
            *a = r & 1 ? (struct f80){ F80_INT_BIT | r >> (r >> 1 & 63), F80_BIAS } :
                         (struct f80){ ~(r >> (r >> 1 & 63)) | F80_INT_BIT, F80_BIAS - 1 };
            if (a->m == F80_INT_BIT)
                a->m++;
        }
        a->se &= 0x7fff;
        break;
    case ATAN: *a = operand(s, F80_BIAS, kind ? 6 : 80), *b = operand(s, F80_BIAS, kind ? 6 : 80); break;
    default:
        *a = operand(s, F80_BIAS, kind ? 80 : 0x3ffe * 2);
        if (kind == 1)
            *b = operand(s, F80_BIAS, 0x3ffe * 2);
        if (kind == 2) {
            b->se = a->se ^ (u16)(draw(s) & 0x8000);
            b->m = a->m + (draw(s) & 7) - 3;
            b->m |= F80_INT_BIT;
        }
    }
}

static struct f80 apply(enum function f, struct f80_env *e, struct f80 a, struct f80 b)
{
    struct f80 r = { 0, 0 };
    switch (f) {
    case ADD: return f80_add(e, a, b);
    case SUB: return f80_sub(e, a, b);
    case MUL: return f80_mul(e, a, b);
    case DIV: return f80_div(e, a, b);
    case SQRT: return f80_sqrt(e, (struct f80){ a.m, a.se & 0x7fff });
    case SCALE: return f80_scale(e, a, b);
    case REM: return f80_rem(e, a, b, false);
    case REM1: return f80_rem(e, a, b, true);
    case RINT: return f80_round_to_int(e, a);
    case TO_F32: r.m = f80_to_f32(e, a); return r;
    case TO_F64: r.m = f80_to_f64(e, a); return r;
    case TO_I32: r.m = (u64)f80_to_int(e, a, 32); return r;
    case TO_BCD: f80_to_bcd(e, a, &r.m, &r.se); return r;
    case COMPARE: r.m = (u64)f80_compare(e, a, b, false); return r;
    case SIN: return f80_sin(e, a);
    case COS: return f80_cos(e, a);
    case TAN: return f80_tan(e, a);
    case ATAN: return f80_atan(e, b, a);
    case EXP: return f80_2xm1(e, a);
    case LOG: return f80_yl2x(e, a, b);
    default: return f80_yl2xp1(e, a, b);
    }
}

static struct f80_env modes(u64 *s)
{
    static const u8 precision[] = { 24, 53, 64, 64 };
    u64 r = draw(s);
    return (struct f80_env){ .rounding = r & 3, .precision = precision[r >> 2 & 3],
                             .masks = r >> 60 ? 0x3f : (u8)(0x3f & ~(F80_OE | F80_UE)) };
}

static const u64 golden[FUNCTIONS] = {
    0x0ee43dd90c0a8275, 0xc2bd88b9a41d6fbc, 0xcc4f1d0d881e9b19, 0xca7a7f8d942c7573, 0xed450d0fee604dc1,
    0x3f7bc72e79820133, 0x753c0ea7a588c12d, 0x48f1bfbe86003682, 0x236ed7e4a0e2438a, 0xebc29811323d8cd8,
    0xcd538e1127dea575, 0x4e8d0a48b5697f91, 0xd8da6864c45394fb, 0x3e331c1d84962ab9, 0xc6c5fce7165dd36f,
    0x741e601f443b6575, 0xcc712f63571a3ae1, 0x37dca952c565aa74, 0x97b3386e81e72b59, 0x4fcd79df182b1aa7,
    0x04e2a472ff1a4e04,
};

static void test_golden(void)
{
    for (unsigned f = 0; f < FUNCTIONS; f++) {
        u64 s = 0x9e3779b97f4a7c15 + f, h = 0;
        for (unsigned n = 0; n < OPERANDS; n++) {
            struct f80 a, b;
            operands(f, &s, &a, &b);
            struct f80_env e = modes(&s);
            struct f80 r = apply(f, &e, a, b);
            u8 bytes[12];
            store_le(bytes, 8, r.m);
            store_le(bytes + 8, 2, r.se);
            store_le(bytes + 10, 2, e.flags);
            h = hash_bytes(bytes, sizeof bytes, h);
        }
        if (h != golden[f])
            printf("\n    0x%016llx, /* %u */", (unsigned long long)h, f);
        CU_ASSERT_EQUAL(h, golden[f]);
    }
}

static bool is(struct f80 a, u16 se, u64 m) { return a.se == se && a.m == m; }

static void test_known(void)
{
    struct f80_env e = { .precision = 64, .masks = 0x3f };
    struct f80 one = { F80_INT_BIT, F80_BIAS }, two = { F80_INT_BIT, F80_BIAS + 1 }, pi = { 0xc90fdaa22168c235, 0x4000 };
    CU_ASSERT(is(f80_sqrt(&e, two), 0x3fff, 0xb504f333f9de6484));
    CU_ASSERT(is(f80_div(&e, one, (struct f80){ (u64)3 << 62, F80_BIAS + 1 }), 0x3ffd, 0xaaaaaaaaaaaaaaab));
    CU_ASSERT(is(f80_sin(&e, pi), 0xbfbf, F80_INT_BIT) && e.flags & F80_PE); /* pi to 64 bits less pi to 66: -2^-64 */
    CU_ASSERT(is(f80_atan(&e, one, one), 0x3ffe, 0xc90fdaa22168c235));
    CU_ASSERT(is(f80_yl2x(&e, two, one), 0x3fff, F80_INT_BIT));
    e.flags = 0;
    CU_ASSERT(is(f80_add(&e, one, (struct f80){ F80_INT_BIT, F80_BIAS - 64 }), 0x3fff, F80_INT_BIT) && e.flags == F80_PE);
    e.flags = 0;
    e.rounding = F80_UP;
    CU_ASSERT(is(f80_add(&e, one, (struct f80){ 1, 0 }), 0x3fff, F80_INT_BIT + 1) && e.flags == (F80_PE | F80_DE | F80_C1));
    e.flags = 0;
    CU_ASSERT(is(f80_div(&e, one, f80_zero(true)), 0xffff, F80_INT_BIT) && e.flags == F80_ZE);
    e.flags = 0;
    CU_ASSERT(is(f80_mul(&e, f80_zero(true), f80_inf(false)), 0xffff, (u64)3 << 62) && e.flags == F80_IE);
    e.flags = 0;
    CU_ASSERT(is(f80_add(&e, (struct f80){ 1, F80_BIAS }, one), 0xffff, (u64)3 << 62) && e.flags == F80_IE); /* unnormal */
    e.flags = 0;
    f80_sin(&e, (struct f80){ F80_INT_BIT, F80_BIAS + 63 });
    CU_ASSERT(e.flags == F80_C2);
    e.flags = 0;
    CU_ASSERT(is(f80_rem(&e, (struct f80){ (u64)0xe << 60, F80_BIAS + 2 }, two, false), 0x3fff, F80_INT_BIT)); /* 7 = 3 * 2 + 1 */
    CU_ASSERT(e.flags == (F80_C3 | F80_C1));
}

#ifdef HAVE_MPFR
#include <mpfr.h>

static void to_mpfr(mpfr_t x, struct f80 a)
{
    mpz_t z;
    mpz_init(z);
    mpz_import(z, 1, 1, 8, 0, 0, &a.m);
    mpfr_set_z_2exp(x, z, f80_exp(a) - F80_BIAS - 63, MPFR_RNDN);
    if (f80_sign(a))
        mpfr_neg(x, x, MPFR_RNDN);
    mpz_clear(z);
}

static struct f80 from_mpfr(mpfr_t x, unsigned rounding)
{
    static const mpfr_rnd_t modes_of_mpfr[4] = { MPFR_RNDN, MPFR_RNDD, MPFR_RNDU, MPFR_RNDZ };
    mpfr_t r;
    mpz_t z;
    struct f80 a = { 0, 0 };
    mpfr_init2(r, 64);
    mpz_init(z);
    mpfr_set(r, x, modes_of_mpfr[rounding]);
    mpfr_exp_t exp = mpfr_get_z_2exp(z, r);
    a.se = (u16)((mpfr_signbit(r) ? 0x8000 : 0) | (exp + 63 + F80_BIAS));
    mpz_abs(z, z);
    mpz_export(&a.m, NULL, 1, 8, 0, 0, z);
    mpz_clear(z);
    mpfr_clear(r);
    return a;
}

enum { BITS = 400 };

/* sin, cos, tan of a less the multiple of half of the processor's pi that is nearest. */
static void trigonometric(enum function f, mpfr_t result, mpfr_t x, bool small)
{
    mpfr_t half, n, s, c;
    mpfr_inits2(BITS, half, n, s, c, (mpfr_ptr)0);
    mpfr_set_str(half, "1.921FB54442D184698", 16, MPFR_RNDN);
    mpfr_div(n, x, half, MPFR_RNDN);
    mpfr_rint(n, n, MPFR_RNDN);
    if (small)
        mpfr_set_ui(n, 0, MPFR_RNDN);
    mpfr_mul(half, half, n, MPFR_RNDN);
    mpfr_sub(x, x, half, MPFR_RNDN);
    mpz_t z;
    mpz_init(z);
    mpfr_get_z(z, n, MPFR_RNDN);
    unsigned long q = mpz_fdiv_ui(z, 4);
    mpz_clear(z);
    mpfr_sin_cos(s, c, x, MPFR_RNDN);
    if (q & 1)
        mpfr_swap(s, c);
    if (q == 2 || q == 3)
        mpfr_neg(s, s, MPFR_RNDN);
    if (q == 1 || q == 2)
        mpfr_neg(c, c, MPFR_RNDN);
    if (f == TAN)
        mpfr_div(result, s, c, MPFR_RNDN);
    else
        mpfr_set(result, f == SIN ? s : c, MPFR_RNDN);
    mpfr_clears(half, n, s, c, (mpfr_ptr)0);
}

static void test_mpfr(void)
{
    mpfr_t x, y, r, ln2;
    mpfr_inits2(BITS, x, y, r, ln2, (mpfr_ptr)0);
    mpfr_const_log2(ln2, MPFR_RNDN);
    for (unsigned f = ARITHMETIC_END; f < FUNCTIONS; f++) {
        u64 s = 0x9e3779b97f4a7c15 + f;
        unsigned wrong = 0;
        for (unsigned n = 0; n < OPERANDS / 4; n++) {
            struct f80 a, b;
            operands(f, &s, &a, &b);
            struct f80_env e = modes(&s);
            struct f80 got = apply(f, &e, a, b);
            to_mpfr(x, a);
            to_mpfr(y, b);
            switch (f) {
            case ATAN: mpfr_atan2(r, y, x, MPFR_RNDN); break;
            case EXP: mpfr_mul(r, x, ln2, MPFR_RNDN), mpfr_expm1(r, r, MPFR_RNDN); break;
            case LOG: mpfr_log(r, x, MPFR_RNDN), mpfr_div(r, r, ln2, MPFR_RNDN), mpfr_mul(r, r, y, MPFR_RNDN); break;
            case LOG1: mpfr_log1p(r, x, MPFR_RNDN), mpfr_div(r, r, ln2, MPFR_RNDN), mpfr_mul(r, r, y, MPFR_RNDN); break;
            default: trigonometric(f, r, x, f80_exp(a) < F80_BIAS - 1);
            }
            struct f80 want = from_mpfr(r, e.rounding);
            bool power = f == LOG && a.m == F80_INT_BIT; /* exact: MPFR's quotient of logarithms need not be */
            if ((want.m != got.m || want.se != got.se) && !power && wrong++ < 3)
                printf("\n    function %u of %04x_%016llx %04x_%016llx, rounding %u: %04x_%016llx not %04x_%016llx", f, a.se,
                       (unsigned long long)a.m, b.se, (unsigned long long)b.m, e.rounding, got.se, (unsigned long long)got.m, want.se,
                       (unsigned long long)want.m);
        }
        CU_ASSERT_EQUAL(wrong, 0);
    }
    mpfr_clears(x, y, r, ln2, (mpfr_ptr)0);
    mpfr_free_cache();
}
#endif

int main(void)
{
    CU_TestInfo tests[] = {
        { "known results", test_known },
        { "the same results on every host", test_golden },
#ifdef HAVE_MPFR
        { "transcendental functions against MPFR", test_mpfr },
#endif
        CU_TEST_INFO_NULL,
    };
    return unit_main("f80", tests);
}
