/* Rounding: the one place where results become inexact, overflow and underflow. IEEE 754-2019, 4.3 and 7.4 to 7.6. */
#ifndef CPU_SOFTFLOAT_ROUND_H
#define CPU_SOFTFLOAT_ROUND_H

#include "cpu/softfloat/format.h"

/* What to add to a magnitude before its low bits (those in `low`, 2^n - 1 with n > 0) are cut off. Exact ties to
 * even come out one too large: clear the last bit kept when sf_tie() says so. */
SF_INLINE sf_sig sf_increment(unsigned rounding, bool sign, sf_sig low)
{
    switch (rounding) {
    case SF_NEAREST_EVEN:
    case SF_NEAREST_AWAY:
        return (low >> 1) + 1;
    case SF_DOWN:
        return sign ? low : 0;
    case SF_UP:
        return sign ? 0 : low;
    default:
        return 0;
    }
}

SF_INLINE bool sf_tie(unsigned rounding, sf_sig sig, sf_sig low)
{
    return rounding == SF_NEAREST_EVEN && (sig & low) == (low >> 1) + 1;
}

/* Rounds the normalised sig / 2^SF_TOP * 2^(exp - bias) to the format. */
SF_INLINE sf_bits sf_round_pack(struct sf_format f, struct sf_env *e, bool sign, int exp, sf_sig sig)
{
    const int drop = sf_round_bits(f);
    const sf_sig low = ((sf_sig)1 << drop) - 1;
    unsigned rounding = e->rounding;
    sf_sig inc = LIKELY(rounding == SF_NEAREST_EVEN) ? (low >> 1) + 1 : sf_increment(rounding, sign, low);

    /* All but the largest normal exponent: a carry out of the fraction is still finite. */
    if (UNLIKELY((unsigned)(exp - 1) >= (unsigned)(sf_exp_max(f) - 2))) {
        if (exp > 0) {
            if (exp >= sf_exp_max(f) || (sig + inc) >> (SF_TOP + 1)) {
                /* Infinity, or the largest finite number below it when rounding goes towards zero. */
                e->flags |= SF_OVERFLOW | SF_INEXACT;
                return sf_inf(f, sign) - (inc == 0);
            }
        } else {
            /* Tiny after rounding: rounded to this precision but any exponent it is still below the normals. */
            bool tiny = e->tininess_before || exp < 0 || !((sig + inc) >> (SF_TOP + 1));
            sig = sf_sig_shr_jam(sig, 1 - exp);
            if (tiny && (sig & low))
                e->flags |= SF_UNDERFLOW;
            exp = 1;
        }
    }
    if (sig & low)
        e->flags |= SF_INEXACT;
    bool tie = sf_tie(rounding, sig, low);
    sig = (sig + inc) >> drop;
    sig &= ~(sf_sig)tie;
    /* The leading one, and a carry beyond it, add to the exponent field; a subnormal has none. */
    return sf_zero(f, sign) + ((sf_bits)(exp - 1) << f.frac_bits) + (sf_bits)sig;
}

#endif
