/* Numbers with significands of 128 bits, for what is computed before it is rounded to 64. Everything here is cut off: an
 * operation is off by less than 2^-126 of its result. */
#ifndef CPU_SOFTFLOAT_F80_WIDE_H
#define CPU_SOFTFLOAT_F80_WIDE_H

#include "cpu/softfloat/f80_parts.h"

struct wide { /* sig / 2^127 * 2^exp; bit 127 of sig is set, or it is 0 and the number is 0 */
    u128 sig;
    int exp;
    bool sign;
};

#define FIXED(HIGH, LOW) ((u128)(HIGH) << 64 | (LOW))
#define FIXED_ONE ((u128)1 << 127) /* of fixed-point numbers with 127 bits behind the point */

static inline u128 mul_high(u128 a, u128 b) /* the upper half of the product */
{
    u64 a1 = (u64)(a >> 64), a0 = (u64)a, b1 = (u64)(b >> 64), b0 = (u64)b;
    u128 low = (u128)a0 * b0, m1 = (u128)a1 * b0, m2 = (u128)a0 * b1;
    u128 mid = (low >> 64) + (u64)m1 + (u64)m2;
    return (u128)a1 * b1 + (m1 >> 64) + (m2 >> 64) + (mid >> 64);
}

static inline struct wide wide_normal(u128 sig, int exp, bool sign)
{
    u64 high = (u64)(sig >> 64);
    if (!sig)
        return (struct wide){ 0, 0, sign };
    int lead = high ? __builtin_clzll(high) : 64 + __builtin_clzll((u64)sig);
    return (struct wide){ sig << lead, exp - lead, sign };
}

static inline struct wide wide_of(struct f80 a) /* finite */
{
    if (!a.m)
        return (struct wide){ 0, 0, f80_sign(a) };
    struct f80_num n = f80_unpack(a);
    return (struct wide){ (u128)n.sig << 64, n.exp - F80_BIAS, n.sign };
}

static inline struct wide wide_mul(struct wide a, struct wide b)
{
    return wide_normal(mul_high(a.sig, b.sig), a.exp + b.exp + 1, a.sign ^ b.sign);
}

static inline struct wide wide_add(struct wide a, struct wide b)
{
    if (!a.sig || !b.sig)
        return a.sig ? a : b;
    if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
        struct wide swap = a;
        a = b;
        b = swap;
    }
    int apart = a.exp - b.exp;
    b.sig = apart > 127 ? 0 : b.sig >> apart;
    if (a.sign != b.sign)
        return wide_normal(a.sig - b.sig, a.exp, a.sign);
    u128 sum = a.sig + b.sig;
    if (sum < a.sig)
        return (struct wide){ sum >> 1 | (u128)1 << 127, a.exp + 1, a.sign };
    return (struct wide){ sum, a.exp, a.sign };
}

static inline struct wide wide_negate(struct wide a)
{
    a.sign = !a.sign;
    return a;
}

struct wide wide_div(struct wide a, struct wide b); /* neither is 0 */

/* |a| < 1 as a fraction of 2^128. */
static inline u128 wide_fraction(struct wide a)
{
    int n = -a.exp - 1;
    return n > 127 ? 0 : a.sig >> n;
}

/* Rounded to 64 bits, whatever the precision of the control word is. exact: the number is the very result; it is told to be
 * inexact all the same, as hardware does in all transcendental instructions but for zeroes and the cosine of zero. */
static inline struct f80 wide_round(struct f80_env *e, struct wide a, bool exact)
{
    struct f80 r = f80_round_to(e, a.sign, a.exp + F80_BIAS, a.sig | !exact, 64);
    e->flags |= F80_PE;
    if (f80_is_denormal(r))
        e->flags |= F80_UE;
    return r;
}

#endif
