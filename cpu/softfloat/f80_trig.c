/* Sine, cosine, tangent, arctangent of 80-bit numbers. SDM 2, FSIN, FCOS, FSINCOS, FPTAN, FPATAN; SDM 1, 8.3.8 and 8.3.10.
 *
 * Arguments of FSIN and its like are reduced as Intel's processors do it: by multiples of half of a pi that is cut off to 66
 * bits (SDM 1, 8.3.8), 3.243F6A8885A308D3 in hexadecimal. So near multiples of pi, results differ from the true sine of
 * the argument in more and more bits, and are the same as on hardware. The reduction is exact; what is claimed
 * (1 ulp, in fact nearly always correctly rounded) is of the sine of the reduced argument. */
#include "cpu/softfloat/f80_wide.h"

#define PI_66 FIXED(3, 0x243f6a8885a308d3) /* 2^64 pi */
static const struct wide pi = { FIXED(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), 1, false };
static const struct wide half_pi = { FIXED(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), 0, false };
static const struct wide quarter_pi = { FIXED(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), -1, false };

/* --- series; |r| <= pi/4 --- */

/* 1 - u/(n (n+1)) (1 - u/((n+2) (n+3)) (...)), from n = first: sin(r)/r for 2, cos(r) for 1, u = r^2. What is left out is below
 * 2^-130. Never 1 unless r is 0, so that rounding sees on which side of 1 it is. */
static struct wide alternating(struct wide r, int first)
{
    u128 u = wide_fraction(wide_mul(r, r)), s = FIXED_ONE;
    for (int n = first + 32; n >= first; n -= 2)
        s = FIXED_ONE - mul_high(u, s) / (unsigned)(n * (n + 1));
    if (r.sig && s == FIXED_ONE)
        s--;
    return wide_normal(s, 0, false);
}
static struct wide sine(struct wide r) { return wide_mul(r, alternating(r, 2)); }
static struct wide cosine(struct wide r) { return alternating(r, 1); }

/* The rest of |a| < 2^63 in units of pi/2, at most pi/4 in magnitude; returns the quadrant. */
static unsigned reduce(struct f80 a, struct wide *r)
{
    *r = wide_of(a);
    int e = f80_exp(a) - F80_BIAS - 63; /* of the lowest bit */
    if (r->exp < -1)
        return 0;
    /* In units of 2^-65, where half of pi is PI_66. */
    u128 x = (u128)a.m << (e + 65), n = x / PI_66, rest = x - n * PI_66;
    bool sign = f80_sign(a);
    unsigned q = (unsigned)n & 3;
    if (rest > PI_66 / 2) {
        rest = PI_66 - rest;
        sign = !sign;
        q = (q + 1) & 3;
    }
    *r = wide_normal(rest, 127 - 65, sign);
    return f80_sign(a) ? -q & 3 : q;
}

/* Sine and cosine of a, by quadrant. */
static void both(struct f80 a, struct wide *s, struct wide *c)
{
    struct wide r;
    unsigned q = reduce(a, &r);
    *s = q & 1 ? cosine(r) : sine(r);
    *c = q & 1 ? sine(r) : cosine(r);
    s->sign ^= q >> 1;
    c->sign ^= (q >> 1) ^ (q & 1);
}

/* What needs no computing: true, *result is it. */
static bool special(struct f80_env *e, struct f80 a, struct f80 *result)
{
    if (f80_special1(e, a, result))
        return true;
    *result = a;
    if (f80_is_inf(a)) {
        *result = f80_invalid(e);
        return true;
    }
    if (f80_exp(a) >= F80_BIAS + 63) {
        e->flags |= F80_C2;
        return true;
    }
    return f80_denormal(e, f80_is_denormal(a));
}

/* Sine and tangent of numbers next to the smallest: themselves. So do rounding towards zero and down, too, in hardware. */
static bool tiny(struct f80 a) { return f80_exp(a) < 64; }

struct f80 f80_sin(struct f80_env *e, struct f80 a)
{
    struct f80 result;
    struct wide s, c;
    if (special(e, a, &result) || f80_is_zero(a))
        return result;
    both(a, &s, &c);
    return tiny(a) ? wide_round(e, wide_of(a), true) : wide_round(e, s, false);
}

struct f80 f80_cos(struct f80_env *e, struct f80 a)
{
    struct f80 result;
    struct wide s, c;
    if (special(e, a, &result))
        return result;
    if (f80_is_zero(a))
        return f80_make(false, F80_BIAS, F80_INT_BIT);
    both(a, &s, &c);
    return wide_round(e, c, false);
}

struct f80 f80_sincos(struct f80_env *e, struct f80 a, struct f80 *cos)
{
    struct f80 sin = f80_sin(e, a);
    struct f80_env second = *e;
    second.flags &= F80_DE; /* C1 is that of the last one computed */
    *cos = f80_cos(&second, a);
    e->flags = (u16)((e->flags & ~F80_C1) | second.flags);
    return sin;
}

struct f80 f80_tan(struct f80_env *e, struct f80 a)
{
    struct f80 result;
    struct wide r;
    if (special(e, a, &result) || f80_is_zero(a))
        return result;
    unsigned q = reduce(a, &r);
    if (r.exp < -50 && !(q & 1)) /* r (1 + r^2/3): a quotient might come out below r */
        return wide_round(e, r, tiny(a));
    struct wide s = sine(r), c = cosine(r), t = q & 1 ? wide_div(c, s) : wide_div(s, c);
    t.sign ^= q & 1;
    return wide_round(e, t, false);
}

/* --- arctangent --- */

static const u128 arctangents[17] = { /* of k/16 */
    FIXED(0x0000000000000000, 0x0000000000000000),
    FIXED(0x07fd56edcb3f7a71, 0xb6593c96e071706a),
    FIXED(0x0feadd4d5617b6e3, 0x2c897989f3e888ef),
    FIXED(0x17b97b4bce5b0226, 0x8f6169f103938e90),
    FIXED(0x1f5b75f92c80dd62, 0xadb8f3debef442fc),
    FIXED(0x26c4ee6e0fd7979a, 0x716aed26349ebcca),
    FIXED(0x2dec3283c9bde11c, 0xe2a8c848b73f9120),
    FIXED(0x34c9dd879847f96d, 0x909f257a40079c4d),
    FIXED(0x3b58ce0ac3769ed1, 0x5bf9117b2f0ea340),
    FIXED(0x4195fa536cc33f15, 0x25b504e5b0d28ae0),
    FIXED(0x47802eaf7bfacfcd, 0xae41af0b32e21ba3),
    FIXED(0x4d17c07338deed10, 0x21137c711027f9de),
    FIXED(0x525e3e8c9a7b8492, 0x0cd43f9522bed64f),
    FIXED(0x5756261c5a6c6040, 0x0a392f179f290385),
    FIXED(0x5c029f15e118cf39, 0xe596d2a90852221e),
    FIXED(0x606742dc56293320, 0x44eeb16237497d12),
    FIXED(0x6487ed5110b4611a, 0x62633145c06e0e68),
};

/* t (1 - t^2/3 + t^4/5 - ...), 0 < t <= 1/31: what is left out is below 2^-130. */
static struct wide arctangent_small(struct wide t)
{
    enum { LAST = 27 };
    u128 u = wide_fraction(wide_mul(t, t)), s = FIXED_ONE / LAST;
    for (int n = LAST - 2; n >= 1; n -= 2)
        s = FIXED_ONE / (unsigned)n - mul_high(u, s);
    if (s >= FIXED_ONE)
        s = FIXED_ONE - 1;
    return wide_mul(t, wide_normal(s, 0, false));
}

/* Of y/x, both positive, y <= x: arctan(r) = arctan(k/16) + arctan((r - k/16) / (1 + r k/16)), the latter of
 * (16 y - k x) / (16 x + k y). */
static struct wide arctangent(struct wide y, struct wide x)
{
    struct wide r = wide_div(y, x);
    unsigned k = r.exp < -5 ? 0 : (unsigned)((r.sig >> (-r.exp + 64 + 58)) + 1) / 2; /* r 16, rounded */
    if (!k)
        return arctangent_small(r);
    struct wide factor = wide_normal((u128)k << 64, 63 - 4, false); /* k/16 */
    struct wide top = wide_add(y, wide_negate(wide_mul(x, factor))), bottom = wide_add(x, wide_mul(y, factor));
    struct wide sum = wide_normal(arctangents[k], 0, false);
    if (!top.sig)
        return sum;
    struct wide t = wide_div(top, bottom);
    bool sign = t.sign;
    t.sign = false;
    struct wide a = arctangent_small(t);
    a.sign = sign;
    return wide_add(sum, a);
}

struct f80 f80_atan(struct f80_env *e, struct f80 y, struct f80 x)
{
    struct f80 result;
    bool sign = f80_sign(y), left = f80_sign(x);
    struct wide angle;
    bool exact = false;
    if (f80_special2(e, x, y, &result))
        return result;
    if (f80_denormal(e, f80_is_denormal(x) || f80_is_denormal(y)))
        return x;
    bool along_x = f80_is_zero(y) || (f80_is_inf(x) && !f80_is_inf(y)), along_y = f80_is_zero(x) || f80_is_inf(y);
    if (along_x && !left)
        return f80_zero(sign);
    if (along_x) {
        angle = pi;
    } else if (f80_is_inf(x) && f80_is_inf(y)) {
        angle = left ? wide_add(half_pi, quarter_pi) : quarter_pi;
    } else if (along_y) {
        angle = half_pi;
    } else {
        struct wide wy = wide_of(y), wx = wide_of(x);
        wx.sign = wy.sign = false;
        if (wy.exp < wx.exp || (wy.exp == wx.exp && wy.sig <= wx.sig)) {
            angle = arctangent(wy, wx);
            if (left) {
                angle = wide_add(pi, wide_negate(angle));
            } else if (angle.exp < 64 - F80_BIAS) { /* as in tiny(): itself */
                angle = wide_div(wy, wx);
                exact = !(u64)angle.sig;
            }
        } else {
            angle = arctangent(wx, wy);
            angle = wide_add(half_pi, left ? angle : wide_negate(angle));
        }
    }
    angle.sign = sign;
    return wide_round(e, angle, exact);
}
