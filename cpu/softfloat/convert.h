/* To and from integers, to integral values, between formats. IEEE 754-2019, 5.3.1, 5.4.1, 5.4.2, 5.8, 5.9. */
#ifndef CPU_SOFTFLOAT_CONVERT_H
#define CPU_SOFTFLOAT_CONVERT_H

#include "cpu/softfloat/round.h"

/* sig * 2^-drop, drop > 0, rounded to an integer. */
SF_INLINE sf_sig sf_shr_round(unsigned rounding, bool sign, sf_sig sig, int drop, bool *inexact)
{
    if (drop > SF_TOP + 1) { /* less than a half: so is this */
        sig = 1;
        drop = SF_TOP + 1;
    }
    sf_sig low = ((sf_sig)1 << drop) - 1, rest = sig & low;
    *inexact = rest != 0;
    return ((sig >> drop) + ((rest + sf_increment(rounding, sign, low)) >> drop)) &
           ~(sf_sig)sf_tie(rounding, sig, low);
}

/* To an integer of `bits` (32 or 64) bits, sign- or zero-extended. Out of range: RISC-V Unprivileged, "F", table
 * "Domains of float-to-integer conversions and behavior for invalid inputs". */
SF_INLINE u64 sf_to_int(struct sf_format f, struct sf_env *e, sf_bits a, int bits, bool is_signed)
{
    bool sign = sf_sign(f, a);
    u64 largest = ~(u64)0 >> (64 - bits + is_signed), smallest = is_signed ? ~largest : 0;
    if (UNLIKELY(sf_exp(f, a) == sf_exp_max(f))) {
        e->flags |= SF_INVALID;
        return sign && !sf_is_nan(f, a) ? smallest : largest;
    }
    if (sf_is_zero(f, a))
        return 0;
    struct sf_num x = sf_unpack_raw(f, a);
    int drop = SF_TOP - (x.exp - f.bias);
    bool inexact = false;
    u64 v;
    if (drop > 0) {
        v = (u64)sf_shr_round(e->rounding, sign, x.sig, drop, &inexact);
    } else if (drop >= SF_TOP - 63) {
        v = (u64)x.sig << -drop;
    } else {
        e->flags |= SF_INVALID;
        return sign ? smallest : largest;
    }
    if (UNLIKELY(v > (is_signed ? largest + sign : largest & ((u64)sign - 1)))) {
        e->flags |= SF_INVALID;
        return sign ? smallest : largest;
    }
    if (inexact)
        e->flags |= SF_INEXACT;
    return (v ^ -(u64)sign) + sign; /* negated */
}

SF_INLINE sf_bits sf_from_int(struct sf_format f, struct sf_env *e, bool sign, u64 magnitude)
{
    if (magnitude == 0)
        return 0;
    int lead = __builtin_clzll(magnitude);
    sf_sig sig = (sf_sig)(magnitude << lead);
    return sf_round_pack(f, e, sign, f.bias + 63 - lead, sig >> (63 - SF_TOP) | (sig & 1));
}

SF_INLINE sf_bits sf_round_to_int(struct sf_format f, struct sf_env *e, sf_bits a, bool raise_inexact)
{
    int drop = f.frac_bits - (sf_exp(f, a) - f.bias); /* fraction bits below the point */
    if (drop <= 0) /* integers, infinities and NaNs */
        return UNLIKELY(sf_is_nan(f, a)) ? sf_nan2(f, e, a, a) : a;
    if (sf_is_zero(f, a))
        return a;
    bool inexact;
    if (drop > f.frac_bits) { /* below one: zero or one */
        struct sf_num x = sf_unpack_raw(f, a);
        bool one = sf_shr_round(e->rounding, x.sign, x.sig, SF_TOP - (x.exp - f.bias), &inexact);
        a = sf_zero(f, x.sign) | (one ? (sf_bits)f.bias << f.frac_bits : 0);
    } else {
        /* On the pattern itself: a carry out of the fraction goes on into the exponent. */
        sf_sig low = ((sf_sig)1 << drop) - 1;
        sf_bits one = (sf_bits)1 << drop;
        bool sign = sf_sign(f, a);
        inexact = (a & low) != 0;
        bool tie = sf_tie(e->rounding, a, low);
        a = (a + sf_increment(e->rounding, sign, low)) & ~(sf_bits)low;
        /* In [1, 2) the last integer bit is the implied one, and the low bit of the exponent field stands in its
         * place: it is as odd as the integer, because the bias is odd. */
        if (tie && (a & one))
            a -= one;
    }
    if (inexact && raise_inexact)
        e->flags |= SF_INEXACT;
    return a;
}

SF_INLINE sf_bits sf_convert(struct sf_format from, struct sf_format to, struct sf_env *e, sf_bits a)
{
    bool sign = sf_sign(from, a);
    if (UNLIKELY(!sf_is_normal_exp(from, sf_exp(from, a)))) {
        if (sf_is_nan(from, a)) {
            if (sf_is_snan(from, a))
                e->flags |= SF_INVALID;
            if (e->default_nan)
                return sf_default_nan(to);
            /* the payload keeps its leading bits */
            int shift = to.frac_bits - from.frac_bits;
            sf_bits payload = sf_frac(from, a);
            payload = shift >= 0 ? payload << (shift & 63) : payload >> (-shift & 63);
            return sf_inf(to, sign) | sf_quiet_bit(to) | payload;
        }
        if (sf_is_inf(from, a))
            return sf_inf(to, sign);
        if (sf_is_zero(from, a))
            return sf_zero(to, sign);
    }
    struct sf_num x = sf_unpack(from, a);
    return sf_round_pack(to, e, sign, x.exp - from.bias + to.bias, x.sig);
}

#endif
