/* 80-bit numbers from and to other formats. SDM 1, 4.2.2, 4.7, 4.9.1.6 and 8.5. */
#include "cpu/softfloat/f80_parts.h"

/* exp_bits, frac_bits: of the narrow format. */
static struct f80 widen(u64 a, int exp_bits, int frac_bits, bool *denormal)
{
    bool sign = a >> (exp_bits + frac_bits) & 1;
    int max = (1 << exp_bits) - 1, exp = (int)(a >> frac_bits) & max, bias = max >> 1;
    u64 m = a << (63 - frac_bits) & (F80_INT_BIT - 1);
    *denormal = false;
    if (exp)
        return f80_make(sign, exp == max ? F80_EXP_MAX : exp - bias + F80_BIAS, m | F80_INT_BIT);
    if (!m)
        return f80_zero(sign);
    *denormal = true;
    int lead = __builtin_clzll(m);
    return f80_make(sign, 1 - bias + F80_BIAS - lead, m << lead);
}

struct f80 f80_raw_f32(u32 a, bool *denormal) { return widen(a, 8, 23, denormal); }
struct f80 f80_raw_f64(u64 a, bool *denormal) { return widen(a, 11, 52, denormal); }

static struct f80 told(struct f80_env *e, struct f80 a, bool denormal)
{
    if (denormal)
        e->flags |= F80_DE;
    if (f80_is_snan(a)) {
        e->flags |= F80_IE;
        a.m |= (u64)1 << 62;
    }
    return a;
}

struct f80 f80_from_f32(struct f80_env *e, u32 a)
{
    bool denormal;
    struct f80 r = widen(a, 8, 23, &denormal);
    return told(e, r, denormal);
}

struct f80 f80_from_f64(struct f80_env *e, u64 a)
{
    bool denormal;
    struct f80 r = widen(a, 11, 52, &denormal);
    return told(e, r, denormal);
}

struct f80 f80_from_i64(i64 v)
{
    if (!v)
        return f80_zero(false);
    u64 m = v < 0 ? -(u64)v : (u64)v;
    int lead = __builtin_clzll(m);
    return f80_make(v < 0, F80_BIAS + 63 - lead, m << lead);
}

static u64 narrow(struct f80_env *e, struct f80 a, int exp_bits, int frac_bits)
{
    const int max = (1 << exp_bits) - 1, bias = max >> 1, drop = 63 - frac_bits;
    const u64 low = ((u64)1 << drop) - 1, sign = (u64)f80_sign(a) << (exp_bits + frac_bits), inf = sign | (u64)max << frac_bits;
    if (f80_is_unsupported(a)) {
        e->flags |= F80_IE;
        return (u64)1 << (exp_bits + frac_bits) | (u64)max << frac_bits | (u64)1 << (frac_bits - 1);
    }
    if (f80_is_nan(a)) {
        if (f80_is_snan(a))
            e->flags |= F80_IE;
        return inf | (u64)1 << (frac_bits - 1) | (a.m & (F80_INT_BIT - 1)) >> drop;
    }
    if (f80_is_inf(a))
        return inf;
    if (f80_is_zero(a))
        return sign;
    struct f80_num x = f80_unpack(a);
    int exp = x.exp - F80_BIAS + bias;
    u64 inc = (u64)f80_increment(e->rounding, x.sign, low), sig = x.sig;
    if (exp >= max || (exp == max - 1 && sig + inc < sig)) {
        if (!(e->masks & F80_OE)) { /* nothing is stored */
            e->flags |= F80_OE;
            return 0;
        }
        e->flags |= F80_OE | F80_PE;
        if (!inc)
            return inf - 1;
        e->flags |= F80_C1;
        return inf;
    }
    if (exp < 1) {
        bool tiny = exp < 0 || sig + inc >= sig;
        if (tiny && !(e->masks & F80_UE)) {
            e->flags |= F80_UE;
            return 0;
        }
        sig = (u64)f80_shr_jam(sig, (unsigned)(1 - exp));
        if (tiny && (sig & low))
            e->flags |= F80_UE;
        exp = (int)(sig >> 63);
    }
    u64 rest = sig & low, kept = sig >> drop, r = kept;
    if (rest) {
        r += (u64)(((u128)rest + inc) >> drop);
        if (e->rounding == F80_NEAREST && rest == (low >> 1) + 1)
            r &= ~(u64)1;
        e->flags |= F80_PE | (r > kept ? F80_C1 : 0);
    }
    /* the integer bit adds one to the exponent; a carry beyond it another */
    return sign | (((u64)(exp ? exp - 1 : 0) << frac_bits) + r);
}

u32 f80_to_f32(struct f80_env *e, struct f80 a) { return (u32)narrow(e, a, 8, 23); }
u64 f80_to_f64(struct f80_env *e, struct f80 a) { return narrow(e, a, 11, 52); }

/* The magnitude, rounded; false: more than `largest`, or no number. */
static bool to_magnitude(struct f80_env *e, struct f80 a, u64 largest, u64 *out)
{
    if (f80_is_unsupported(a) || f80_exp(a) > F80_BIAS + 63) {
        e->flags |= F80_IE;
        return false;
    }
    *out = 0;
    if (f80_is_zero(a))
        return true;
    struct f80_num x = f80_unpack(a);
    int below = F80_BIAS + 63 - x.exp;
    u128 sig = below > 64 ? 1 : (u128)x.sig << 64 >> below;
    u64 rest = (u64)sig, kept = (u64)(sig >> 64);
    u128 r = kept;
    if (rest) {
        r += (rest + f80_increment(e->rounding, x.sign, ~(u64)0)) >> 64;
        if (e->rounding == F80_NEAREST && rest == F80_INT_BIT)
            r &= ~(u128)1;
    }
    if (r > largest) {
        e->flags |= F80_IE;
        return false;
    }
    if (rest)
        e->flags |= F80_PE | (r > kept ? F80_C1 : 0);
    *out = (u64)r;
    return true;
}

i64 f80_to_int(struct f80_env *e, struct f80 a, unsigned bits)
{
    u64 v, smallest = (u64)1 << (bits - 1);
    if (!to_magnitude(e, a, smallest - !f80_sign(a), &v))
        v = -smallest;
    else if (f80_sign(a))
        v = -v;
    return (i64)v;
}

struct f80 f80_from_bcd(u64 low, u16 high)
{
    u64 v = (u64)(high >> 4 & 15) * 10 + (high & 15);
    for (int k = 60; k >= 0; k -= 4)
        v = v * 10 + (low >> k & 15);
    struct f80 r = f80_from_i64((i64)v); /* digits above 9 count as they are: at most 1.7e18 */
    r.se |= high & 0x8000;
    return r;
}

void f80_to_bcd(struct f80_env *e, struct f80 a, u64 *low, u16 *high)
{
    u64 v;
    if (!to_magnitude(e, a, 999999999999999999u, &v)) {
        *low = 0xc000000000000000u;
        *high = 0xffff;
        return;
    }
    *low = 0;
    for (int k = 0; k < 64; k += 4, v /= 10)
        *low |= v % 10 << k;
    *high = (u16)(f80_sign(a) << 15 | (v / 10 << 4) | v % 10);
}
