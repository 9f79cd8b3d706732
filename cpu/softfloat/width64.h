/* The significand arithmetic of formats with at most 60 fraction bits: significands are u64, products u128.
 *
 * A translation unit chooses its width by including one such header before the core (format.h, round.h, arith.h,
 * compare.h, convert.h), which names only what is declared here. Formats with more fraction bits (x87's 80 bits,
 * binary128) need a width128.h with the same names and nothing else.
 *
 * A normalised significand has its leading one at bit SF_TOP; the bit above is free for a carry. The bits below the
 * format's last fraction bit are round bits; bit 0 is sticky ("jammed": one if anything non-zero was shifted out). */
#ifndef CPU_SOFTFLOAT_WIDTH64_H
#define CPU_SOFTFLOAT_WIDTH64_H

#include "base/types.h"

#define SF_INLINE static inline __attribute__((always_inline))
#define SF_TOP 62

typedef u64 sf_bits; /* a bit pattern of the format */
typedef u64 sf_sig;
typedef u128 sf_wide; /* an exact product of two significands: leading one at bit 2 * SF_TOP or the next */

/* How far left to shift so that the leading one is at SF_TOP; -1 if it is above. s is not zero. */
SF_INLINE int sf_sig_lead(sf_sig s)
{
    return __builtin_clzll(s) - 1;
}

/* s < 2^63, n >= 0. */
SF_INLINE sf_sig sf_sig_shr_jam(sf_sig s, int n)
{
    n = n > 63 ? 63 : n;
    return s >> n | ((s & (((sf_sig)1 << n) - 1)) != 0);
}

/* The product of two normalised significands, in [2^SF_TOP, 2^(SF_TOP+2)). */
SF_INLINE sf_sig sf_sig_mul(sf_sig a, sf_sig b)
{
    u128 p = (u128)(a << 1) * (b << 1);
    return (sf_sig)(p >> 64) | ((sf_sig)p != 0);
}

/* a / b for b <= a < 2 * b, normalised. Short fractions need no 128-bit dividend. */
SF_INLINE sf_sig sf_sig_div(sf_sig a, sf_sig b, int frac_bits)
{
    if (frac_bits <= 30) { /* exact: the operands have nothing in their low 32 bits */
        u64 n = (a >> 32) << 32, d = b >> 32;
        return (n / d) << 30 | (n % d != 0);
    }
    u128 n = (u128)a << SF_TOP;
    u64 q = (u64)(n / b);
    return q | ((u64)n != q * b); /* the remainder is below b, so its low 64 bits say whether it is zero */
}

/* floor(sqrt(m * 2^(2 * bits))) for m = M / 2^64 in [1/4, 1), `bits` at most 57, and whether it is inexact.
 * Newton's iteration for 1/sqrt(m), r' = r * (3 - m * r^2) / 2, squares the relative error (times 1.5); the last
 * steps make the integer exact whatever the estimate was. */
SF_INLINE u64 sf_sig_isqrt(u64 M, int bits, bool *inexact)
{
    /* r as a fraction of 2^62. It starts with the parabola of least relative error on [1/4, 1], which is 2.4%
     * (Remez): 2.67084 - 3.28536 m + 1.63857 m^2. */
    u64 m2 = (u64)((u128)M * M >> 64);
    u64 r = 0xaaeef78e031a6800u + (u64)((u128)0x68de4bc2c3026c00u * m2 >> 64) -
            (u64)((u128)0xd2434868c51e5000u * M >> 64);
    for (int i = 0; i < (bits > 32 ? 4 : bits > 16 ? 3 : 2); i++) {
        u64 r2 = (u64)((u128)r * r >> 64);    /* of 2^60 */
        u64 mr2 = (u64)((u128)M * r2 >> 64);  /* of 2^60 */
        r = (u64)((u128)r * (((u64)3 << 60) - mr2) >> 61);
    }
    u64 s = (u64)((u128)M * r >> 64) >> (62 - bits);
    u128 n = 2 * bits >= 64 ? (u128)M << (2 * bits - 64) : M >> (64 - 2 * bits);
    while ((u128)s * s > n)
        s--;
    while ((u128)(s + 1) * (s + 1) <= n)
        s++;
    *inexact = (u128)s * s != n;
    return s;
}

/* sqrt(s / 2^SF_TOP), normalised, for s in [2^SF_TOP, 2^(SF_TOP+2)). */
SF_INLINE sf_sig sf_sig_sqrt(sf_sig s, int frac_bits)
{
    /* two round bits are enough: the root of a number with p bits never lies exactly between p-bit numbers */
    int bits = frac_bits + 3;
    bool inexact;
    u64 root = sf_sig_isqrt(s, bits, &inexact);
    return root << (63 - bits) | inexact;
}

SF_INLINE sf_wide sf_wide_mul(sf_sig a, sf_sig b)
{
    return (sf_wide)a * b;
}

SF_INLINE sf_wide sf_wide_from(sf_sig s) /* leading one from bit SF_TOP to bit 2 * SF_TOP */
{
    return (sf_wide)s << SF_TOP;
}

SF_INLINE sf_wide sf_wide_shr_jam(sf_wide w, int n) /* w < 2^127, n >= 0 */
{
    n = n > 127 ? 127 : n;
    return w >> n | ((w & (((sf_wide)1 << n) - 1)) != 0);
}

/* Normalises w (not zero) to a significand; *exp belongs to a leading one at bit 2 * SF_TOP. */
SF_INLINE sf_sig sf_wide_narrow(sf_wide w, int *exp)
{
    u64 high = (u64)(w >> 64);
    int lead = high ? __builtin_clzll(high) : 64 + __builtin_clzll((u64)w);
    *exp += (127 - 2 * SF_TOP) - lead;
    w <<= lead;
    high = (u64)(w >> 64);
    return high >> 1 | (((high & 1) | (u64)w) != 0);
}

#endif
