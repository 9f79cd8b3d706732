/* Arithmetic of 80-bit numbers. SDM 1, 4.8 and 8.5; SDM 2, the instructions. */
#include "cpu/softfloat/f80_parts.h"

enum f80_class f80_classify(struct f80 a)
{
    if (f80_exp(a) == 0)
        return a.m ? F80_DENORMAL : F80_ZERO;
    if (!(a.m >> 63))
        return F80_UNSUPPORTED;
    if (f80_exp(a) != F80_EXP_MAX)
        return F80_NORMAL;
    return a.m << 1 ? F80_NAN : F80_INFINITY;
}

/* --- NaNs (SDM 1, table 4-7) --- */

static struct f80 quiet(struct f80 a) { return (struct f80){ a.m | (u64)1 << 62, a.se }; }

static struct f80 nan2(struct f80_env *e, struct f80 a, struct f80 b)
{
    bool na = f80_is_nan(a), nb = f80_is_nan(b), sa = f80_is_snan(a), sb = f80_is_snan(b);
    if (sa || sb)
        e->flags |= F80_IE;
    if (!na || !nb)
        return quiet(na ? a : b);
    if (sa != sb) /* the quiet one */
        return quiet(sa ? b : a);
    if (a.m != b.m) /* the larger significand */
        return quiet(a.m > b.m ? a : b);
    return quiet(f80_sign(a) ? b : a);
}

bool f80_special2(struct f80_env *e, struct f80 a, struct f80 b, struct f80 *result)
{
    if (f80_is_unsupported(a) || f80_is_unsupported(b)) {
        *result = f80_invalid(e);
        return true;
    }
    if (f80_is_nan(a) || f80_is_nan(b)) {
        *result = nan2(e, a, b);
        return true;
    }
    return false;
}

bool f80_special1(struct f80_env *e, struct f80 a, struct f80 *result)
{
    if (f80_is_unsupported(a)) {
        *result = f80_invalid(e);
        return true;
    }
    if (f80_is_nan(a)) {
        *result = nan2(e, a, a);
        return true;
    }
    return false;
}

/* --- rounding --- */

/* The bias adjustment of unmasked overflow and underflow (SDM 1, 8.5.4). */
enum { ADJUST = 24576 };

/* Cuts sig to `drop` bits fewer; a carry out of bit 127 makes *carry. */
static u128 cut(struct f80_env *e, bool sign, u128 sig, unsigned drop, bool *carry)
{
    const u128 low = ((u128)1 << drop) - 1;
    u128 rest = sig & low, sum = sig + f80_increment(e->rounding, sign, low);
    *carry = sum < sig;
    u128 r = sum & ~low;
    if (e->rounding == F80_NEAREST && rest == (low >> 1) + 1)
        r &= ~((u128)1 << drop);
    if (rest) {
        e->flags |= F80_PE;
        if (*carry || r > sig)
            e->flags |= F80_C1;
    }
    return r;
}

struct f80 f80_round_to(struct f80_env *e, bool sign, int exp, u128 sig, unsigned precision)
{
    const unsigned drop = 128 - precision;
    const u128 low = ((u128)1 << drop) - 1;
    bool carry;

    if (UNLIKELY((unsigned)(exp - 1) >= F80_EXP_MAX - 2)) {
        if (exp < 1) {
            u128 sum = sig + f80_increment(e->rounding, sign, low);
            bool tiny = exp < 0 || sum >= sig; /* after rounding with any exponent */
            if (tiny && !(e->masks & F80_UE)) {
                e->flags |= F80_UE;
                exp += ADJUST;
                if (exp < 1) { /* FSCALE of a hopeless one */
                    e->flags |= F80_PE;
                    return f80_zero(sign);
                }
            } else {
                sig = f80_shr_jam(sig, (unsigned)(1 - exp));
                if (tiny && (sig & low))
                    e->flags |= F80_UE;
                u128 r = cut(e, sign, sig, drop, &carry);
                return f80_make(sign, (u64)(r >> 64) >> 63 ? 1 : 0, (u64)(r >> 64));
            }
        } else {
            u128 sum = sig + f80_increment(e->rounding, sign, low);
            if (exp >= F80_EXP_MAX || sum < sig) {
                if (!(e->masks & F80_OE)) {
                    e->flags |= F80_OE;
                    exp -= ADJUST;
                    if (exp >= F80_EXP_MAX - 1) {
                        e->flags |= F80_PE | F80_C1;
                        return f80_inf(sign);
                    }
                } else {
                    e->flags |= F80_OE | F80_PE;
                    if (f80_increment(e->rounding, sign, low) == 0)
                        return f80_make(sign, F80_EXP_MAX - 1, ~(u64)0 << (64 - precision));
                    e->flags |= F80_C1;
                    return f80_inf(sign);
                }
            }
        }
    }
    u128 r = cut(e, sign, sig, drop, &carry);
    if (carry)
        return f80_make(sign, exp + 1, F80_INT_BIT);
    return f80_make(sign, exp, (u64)(r >> 64));
}

struct f80 f80_round(struct f80_env *e, bool sign, int exp, u128 sig)
{
    return f80_round_to(e, sign, exp, sig, e->precision);
}

/* --- addition --- */

static struct f80 add(struct f80_env *e, struct f80 a, struct f80 b, bool subtract)
{
    struct f80 result;
    if (UNLIKELY(!f80_plain(a) || !f80_plain(b))) {
        if (f80_special2(e, a, b, &result))
            return result;
        if (f80_is_inf(a) && f80_is_inf(b) && f80_sign(a) != (f80_sign(b) ^ subtract))
            return f80_invalid(e);
        if (f80_denormal(e, f80_is_denormal(a) || f80_is_denormal(b)))
            return a;
        if (f80_is_inf(a))
            return a;
        if (f80_is_inf(b))
            return f80_inf(f80_sign(b) ^ subtract);
        if (f80_is_zero(a) && f80_is_zero(b))
            return f80_sign(a) == (f80_sign(b) ^ subtract) ? a : f80_zero(e->rounding == F80_DOWN);
        if (f80_is_zero(b)) {
            struct f80_num n = f80_unpack(a);
            return f80_round(e, n.sign, n.exp, (u128)n.sig << 64);
        }
        if (f80_is_zero(a)) {
            struct f80_num n = f80_unpack(b);
            return f80_round(e, n.sign ^ subtract, n.exp, (u128)n.sig << 64);
        }
    }
    struct f80_num x = f80_unpack(a), y = f80_unpack(b);
    y.sign ^= subtract;
    if (x.exp < y.exp || (x.exp == y.exp && x.sig < y.sig)) {
        struct f80_num swap = x;
        x = y;
        y = swap;
    }
    u128 p = (u128)x.sig << 63, q = f80_shr_jam((u128)y.sig << 63, (unsigned)(x.exp - y.exp));
    p = x.sign == y.sign ? p + q : p - q;
    if (p == 0)
        return f80_zero(e->rounding == F80_DOWN);
    u64 high = (u64)(p >> 64);
    int lead = high ? __builtin_clzll(high) : 64 + __builtin_clzll((u64)p);
    return f80_round(e, x.sign, x.exp + 1 - lead, p << lead);
}

struct f80 f80_add(struct f80_env *e, struct f80 a, struct f80 b) { return add(e, a, b, false); }
struct f80 f80_sub(struct f80_env *e, struct f80 a, struct f80 b) { return add(e, a, b, true); }

/* --- multiplication, division, square root --- */

struct f80 f80_mul(struct f80_env *e, struct f80 a, struct f80 b)
{
    struct f80 result;
    bool sign = f80_sign(a) ^ f80_sign(b);
    if (UNLIKELY(!f80_plain(a) || !f80_plain(b))) {
        if (f80_special2(e, a, b, &result))
            return result;
        bool zero = f80_is_zero(a) || f80_is_zero(b), inf = f80_is_inf(a) || f80_is_inf(b);
        if (zero && inf)
            return f80_invalid(e);
        if (f80_denormal(e, f80_is_denormal(a) || f80_is_denormal(b)))
            return a;
        if (zero || inf)
            return inf ? f80_inf(sign) : f80_zero(sign);
    }
    struct f80_num x = f80_unpack(a), y = f80_unpack(b);
    u128 p = (u128)x.sig * y.sig;
    int carry = (int)(p >> 127);
    return f80_round(e, sign, x.exp + y.exp - F80_BIAS + carry, carry ? p : p << 1);
}

struct f80 f80_div(struct f80_env *e, struct f80 a, struct f80 b)
{
    struct f80 result;
    bool sign = f80_sign(a) ^ f80_sign(b);
    if (UNLIKELY(!f80_plain(a) || !f80_plain(b))) {
        if (f80_special2(e, a, b, &result))
            return result;
        if ((f80_is_zero(a) && f80_is_zero(b)) || (f80_is_inf(a) && f80_is_inf(b)))
            return f80_invalid(e);
        if (f80_is_zero(b) && !f80_is_inf(a)) { /* no word of a denormal dividend then */
            e->flags |= F80_ZE;
            return f80_inf(sign);
        }
        if (f80_denormal(e, f80_is_denormal(a) || f80_is_denormal(b)))
            return a;
        if (f80_is_inf(a))
            return f80_inf(sign);
        if (f80_is_inf(b) || f80_is_zero(a))
            return f80_zero(sign);
    }
    struct f80_num x = f80_unpack(a), y = f80_unpack(b);
    bool less = x.sig < y.sig;
    u128 n = (u128)x.sig << (less ? 64 : 63);
    u64 q = (u64)(n / y.sig), r = (u64)n - q * y.sig;
    /* The remainder as far as rounding to any precision can tell: nothing, less than a half, more. */
    u128 rest = r == 0 ? 0 : r > y.sig - r ? F80_INT_BIT | 1 : r == y.sig - r ? F80_INT_BIT : 1;
    return f80_round(e, sign, x.exp - y.exp + F80_BIAS - less, (u128)q << 64 | rest);
}

/* floor(sqrt(n)), n >= 2^126. */
static u64 isqrt(u128 n)
{
    /* Newton from above: falls until it is the floor. */
    u64 s = ~(u64)0, high = (u64)(n >> 64);
    if (high < ~(u64)0 - 1) {
        u64 t = (u64)1 << 32; /* the root of the upper half first, for a good estimate */
        for (;;) {
            u64 next = (t + high / t) / 2;
            if (next >= t)
                break;
            t = next;
        }
        s = t >= 0xffffffff ? ~(u64)0 : (t + 1) << 32;
    }
    for (;;) {
        u128 q = n / s;
        if (q >= s)
            return s;
        s = (u64)(((u128)s + q) / 2);
    }
}

struct f80 f80_sqrt(struct f80_env *e, struct f80 a)
{
    struct f80 result;
    if (UNLIKELY(!f80_plain(a))) {
        if (f80_special1(e, a, &result))
            return result;
        if (f80_is_zero(a))
            return a;
        if (f80_sign(a))
            return f80_invalid(e);
        if (f80_denormal(e, f80_is_denormal(a)) || f80_is_inf(a))
            return a;
    } else if (f80_sign(a)) {
        return f80_invalid(e);
    }
    struct f80_num x = f80_unpack(a);
    int power = x.exp - F80_BIAS, odd = power & 1;
    u128 n = (u128)x.sig << (63 + odd);
    u64 s = isqrt(n);
    u128 rest = n - (u128)s * s;
    /* above s + 1/2 when the remainder is more than s; never exactly */
    rest = rest == 0 ? 0 : rest > s ? F80_INT_BIT | 1 : 1;
    return f80_round(e, false, (power - odd) / 2 + F80_BIAS, (u128)s << 64 | rest);
}

/* --- powers of two --- */

struct f80 f80_scale(struct f80_env *e, struct f80 a, struct f80 b)
{
    struct f80 result;
    if (f80_special2(e, a, b, &result))
        return result;
    bool sign = f80_sign(a);
    if (f80_is_inf(b)) {
        if ((f80_sign(b) && f80_is_inf(a)) || (!f80_sign(b) && f80_is_zero(a)))
            return f80_invalid(e);
        if (f80_denormal(e, f80_is_denormal(a)))
            return a;
        if (f80_sign(b))
            return f80_zero(sign);
        return f80_inf(sign);
    }
    if (f80_denormal(e, f80_is_denormal(a) || f80_is_denormal(b)) || f80_is_inf(a) || f80_is_zero(a))
        return a;
    struct f80_num x = f80_unpack(a);
    int n = 0, power = f80_exp(b) - F80_BIAS;
    if (power > 16)
        n = 1 << 17;
    else if (power >= 0)
        n = (int)(b.m >> (63 - power));
    return f80_round_to(e, sign, x.exp + (f80_sign(b) ? -n : n), (u128)x.sig << 64, 64);
}

struct f80 f80_extract(struct f80_env *e, struct f80 a, struct f80 *significand)
{
    struct f80 result;
    if (f80_special1(e, a, &result)) {
        *significand = result;
        return result;
    }
    *significand = a;
    if (f80_is_inf(a))
        return f80_inf(false);
    if (f80_is_zero(a)) {
        e->flags |= F80_ZE;
        return f80_inf(true);
    }
    if (f80_denormal(e, f80_is_denormal(a)))
        return a;
    struct f80_num x = f80_unpack(a);
    *significand = f80_make(x.sign, F80_BIAS, x.sig);
    return f80_from_i64(x.exp - F80_BIAS);
}

/* --- integers, remainders, comparison --- */

struct f80 f80_round_to_int(struct f80_env *e, struct f80 a)
{
    struct f80 result;
    if (f80_special1(e, a, &result))
        return result;
    if (f80_exp(a) >= F80_BIAS + 63 || f80_is_zero(a) || f80_denormal(e, f80_is_denormal(a)))
        return a;
    struct f80_num x = f80_unpack(a);
    int below = F80_BIAS + 63 - x.exp; /* fraction bits */
    bool carry;
    u128 sig = below > 64 ? 1 : (u128)x.sig << 64 >> below;
    u128 r = cut(e, x.sign, sig, 64, &carry);
    u64 whole = (u64)(r >> 64);
    if (!whole)
        return f80_zero(x.sign);
    int lead = __builtin_clzll(whole);
    return f80_make(x.sign, F80_BIAS + 63 - lead, whole << lead);
}

struct f80 f80_rem(struct f80_env *e, struct f80 a, struct f80 b, bool nearest)
{
    struct f80 result;
    if (f80_special2(e, a, b, &result))
        return result;
    if (f80_is_inf(a) || f80_is_zero(b))
        return f80_invalid(e);
    if (f80_denormal(e, f80_is_denormal(a) || f80_is_denormal(b)))
        return F80_INDEFINITE;
    if (f80_is_zero(a))
        return a;
    if (f80_is_inf(b)) {
        struct f80_num n = f80_unpack(a);
        return f80_round_to(e, n.sign, n.exp, (u128)n.sig << 64, 64);
    }
    struct f80_num x = f80_unpack(a), y = f80_unpack(b);
    int apart = x.exp - y.exp;
    u64 q = 0, r = x.sig;
    int exp = x.exp; /* of r */
    bool sign = x.sign;
    if (apart >= 64) {
        /* Not in one go: takes off as many bits of the quotient as the difference leaves by 32. */
        int n = (apart & 31) | 32;
        e->flags |= F80_C2;
        r = (u64)(((u128)x.sig << n) % y.sig);
        exp = x.exp - n;
    } else {
        if (apart >= 0) {
            u128 n = (u128)x.sig << apart;
            q = (u64)(n / y.sig);
            r = (u64)(n % y.sig);
            exp = y.exp;
        }
        if (nearest && apart >= -1) {
            /* r against half of y, both of exponent y.exp; with apart -1, r stands one bit too high */
            u128 twice = apart == -1 ? r : (u128)r << 1;
            if (twice > y.sig || (twice == y.sig && (q & 1))) {
                u128 left = ((u128)y.sig << 1) - twice; /* twice the distance from above */
                q++;
                sign = !sign;
                if (apart == -1) {
                    /* exponent y.exp - 1 holds twice the value: left < y.sig < 2^64 */
                    r = (u64)left;
                    exp = y.exp - 1;
                } else {
                    r = y.sig - r;
                    exp = y.exp;
                }
            }
        }
        e->flags |= (u16)((q & 4 ? F80_C0 : 0) | (q & 2 ? F80_C3 : 0) | (q & 1 ? F80_C1 : 0));
    }
    if (!r)
        return f80_zero(x.sign);
    int lead = __builtin_clzll(r);
    u16 flags = e->flags; /* the result is exact: C1 is the quotient's */
    result = f80_round_to(e, sign, exp - lead, (u128)(r << lead) << 64, 64);
    e->flags = (u16)((e->flags & ~F80_C1) | (flags & F80_C1));
    return result;
}

enum f80_relation f80_compare(struct f80_env *e, struct f80 a, struct f80 b, bool quiet_nans)
{
    if (f80_is_unsupported(a) || f80_is_unsupported(b)) {
        e->flags |= F80_IE;
        return F80_UNORDERED;
    }
    if (f80_is_nan(a) || f80_is_nan(b)) {
        if (!quiet_nans || f80_is_snan(a) || f80_is_snan(b))
            e->flags |= F80_IE;
        return F80_UNORDERED;
    }
    f80_denormal(e, f80_is_denormal(a) || f80_is_denormal(b));
    bool sa = f80_sign(a), sb = f80_sign(b);
    if (f80_is_zero(a) && f80_is_zero(b))
        return F80_EQUAL;
    if (sa != sb)
        return sa ? F80_LESS : F80_GREATER;
    int ea = f80_exp(a) ? f80_exp(a) : 1, eb = f80_exp(b) ? f80_exp(b) : 1; /* pseudo-denormals are normal */
    if (ea == eb && a.m == b.m)
        return F80_EQUAL;
    bool less = ea < eb || (ea == eb && a.m < b.m);
    return less != sa ? F80_LESS : F80_GREATER;
}
