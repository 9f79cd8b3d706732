/* 2^x - 1 and y * log2(x) of 80-bit numbers. SDM 2, F2XM1, FYL2X, FYL2XP1 (the tables of special operands). */
#include "cpu/softfloat/f80_wide.h"

static const struct wide ln2 = { FIXED(0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af), -1, false };
static const struct wide two_by_ln2 = { FIXED(0xb8aa3b295c17f0bb, 0xbe87fed0691d3e88), 1, false };

struct wide wide_div(struct wide a, struct wide b)
{
    /* Long division; the first bit of the quotient is in front. */
    int exp = a.exp - b.exp;
    u128 rest = a.sig, q = 0;
    if (rest < b.sig) {
        exp--;
        rest = (rest << 1) - b.sig; /* 2a >= b as both are normal; the carry out is meant to be lost */
    } else {
        rest -= b.sig;
    }
    q = 1;
    for (int k = 0; k < 127; k++) {
        bool carry = rest >> 127;
        rest <<= 1;
        q <<= 1;
        if (carry || rest >= b.sig) {
            rest -= b.sig;
            q |= 1;
        }
    }
    return (struct wide){ q, exp, a.sign ^ b.sign };
}

/* --- 2^x - 1 --- */

/* (e^t - 1) / t = 1 + t/2 (1 + t/3 (1 + t/4 (...))), |t| < 0.7: what is left out is below 2^-130. */
static struct wide exp_minus_1(struct wide t)
{
    enum { TERMS = 29 };
    u128 f = wide_fraction(t), s = FIXED_ONE;
    for (unsigned n = TERMS; n >= 2; n--) {
        u128 term = mul_high(f, s) / n;
        s = t.sign ? FIXED_ONE - term : FIXED_ONE + term;
    }
    return wide_mul(t, wide_normal(s, 0, false));
}

struct f80 f80_2xm1(struct f80_env *e, struct f80 a)
{
    struct f80 result;
    if (f80_special1(e, a, &result))
        return result;
    if (f80_is_inf(a))
        return f80_sign(a) ? f80_make(true, F80_BIAS, F80_INT_BIT) : a;
    if (f80_is_zero(a) || f80_denormal(e, f80_is_denormal(a)))
        return a;
    if (f80_exp(a) >= F80_BIAS) { /* beyond 1 the manual promises nothing, and hardware does nothing */
        e->flags |= F80_PE;
        if (f80_exp(a) == F80_BIAS && a.m == F80_INT_BIT && f80_sign(a))
            return f80_make(true, F80_BIAS - 1, F80_INT_BIT);
        return a;
    }
    return wide_round(e, exp_minus_1(wide_mul(wide_of(a), ln2)), false);
}

/* --- logarithms --- */

/* log2((1 + z) / (1 - z)) = 2 / ln(2) * z * (1 + z^2/3 + z^4/5 + ...) for z = numerator / denominator, |z| < 0.172: what is
 * left out is below 2^-130. */
static struct wide log2_by_atanh(struct wide numerator, struct wide denominator)
{
    enum { LAST = 53 };
    struct wide z = wide_div(numerator, denominator);
    u128 w = wide_fraction(wide_mul(z, z)), s = FIXED_ONE / LAST;
    for (int n = LAST - 2; n >= 1; n -= 2)
        s = FIXED_ONE / (unsigned)n + mul_high(w, s);
    return wide_mul(wide_mul(z, wide_normal(s, 0, false)), two_by_ln2);
}

static const struct wide one = { (u128)1 << 127, 0, false };
static struct wide minus_one(void) { return (struct wide){ (u128)1 << 127, 0, true }; }

/* Of a number above 0, not 1. */
static struct wide log2_of(struct wide x, bool *exact)
{
    static const u128 root = FIXED(0xb504f333f9de6484, 0); /* sqrt(2), nearly */
    int k = x.exp;
    struct wide m = { x.sig, 0, false };
    *exact = x.sig == FIXED_ONE;
    struct wide whole = wide_normal((u128)(u64)(k < 0 ? -k : k) << 64, 63, k < 0);
    if (*exact)
        return whole;
    if (m.sig > root) { /* [sqrt(1/2), sqrt(2)) */
        m.exp = -1;
        k++;
        whole = wide_normal((u128)(u64)(k < 0 ? -k : k) << 64, 63, k < 0);
    }
    struct wide f = log2_by_atanh(wide_add(m, minus_one()), wide_add(m, one));
    return wide_add(whole, f);
}

struct f80 f80_yl2x(struct f80_env *e, struct f80 x, struct f80 y)
{
    struct f80 result;
    bool exact, sy = f80_sign(y);
    if (f80_special2(e, x, y, &result))
        return result;
    if (f80_sign(x) && !f80_is_zero(x))
        return f80_invalid(e);
    bool is_one = f80_exp(x) == F80_BIAS && x.m == F80_INT_BIT, below = f80_exp(x) < F80_BIAS;
    if ((f80_is_inf(x) && f80_is_zero(y)) || (f80_is_zero(x) && f80_is_zero(y)) || (is_one && f80_is_inf(y)))
        return f80_invalid(e);
    if (f80_is_zero(x) && !f80_is_inf(y)) {
        e->flags |= F80_ZE;
        return f80_inf(!sy);
    }
    if (f80_denormal(e, f80_is_denormal(x) || f80_is_denormal(y)))
        return x;
    if (f80_is_inf(x) || f80_is_inf(y))
        return f80_inf(sy ^ below);
    if (f80_is_zero(y) || is_one)
        return f80_zero(sy ^ below);
    struct wide l = log2_of(wide_of(x), &exact);
    return wide_round(e, wide_mul(l, wide_of(y)), exact);
}

struct f80 f80_yl2xp1(struct f80_env *e, struct f80 x, struct f80 y)
{
    struct f80 result;
    bool exact = false, sign = f80_sign(x) ^ f80_sign(y);
    if (f80_special2(e, x, y, &result))
        return result;
    if ((f80_is_inf(x) && (f80_sign(x) || f80_is_zero(y))) || (f80_is_zero(x) && f80_is_inf(y)))
        return f80_invalid(e);
    if (f80_denormal(e, f80_is_denormal(x) || f80_is_denormal(y)))
        return x;
    if (f80_is_inf(x) || f80_is_inf(y))
        return f80_inf(sign);
    if (f80_is_zero(x) || f80_is_zero(y))
        return f80_zero(sign);
    struct wide w = wide_of(x), l;
    if (w.exp < -2 || (w.exp == -2 && w.sig < FIXED(0x95f619980c4336f7, 0))) { /* |x| < 1 - sqrt(1/2) */
        struct wide two = { FIXED_ONE, 1, false };
        l = log2_by_atanh(w, wide_add(w, two));
    } else {
        w = wide_add(w, one);
        if (!w.sig || w.sign) { /* beyond what the manual promises: hardware returns x */
            e->flags |= F80_PE;
            return x;
        }
        l = log2_of(w, &exact);
    }
    return wide_round(e, wide_mul(l, wide_of(y)), exact);
}
