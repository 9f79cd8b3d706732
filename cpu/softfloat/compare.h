/* Comparison, minimum, maximum, class. IEEE 754-2019, 5.11, 9.6 and 5.7.2. */
#ifndef CPU_SOFTFLOAT_COMPARE_H
#define CPU_SOFTFLOAT_COMPARE_H

#include "cpu/softfloat/format.h"

/* Of numbers, with -0 before +0. */
SF_INLINE bool sf_total_less(struct sf_format f, sf_bits a, sf_bits b)
{
    if (sf_sign(f, a) != sf_sign(f, b))
        return sf_sign(f, a);
    return sf_sign(f, a) ? sf_magnitude(f, a) > sf_magnitude(f, b) : sf_magnitude(f, a) < sf_magnitude(f, b);
}

SF_INLINE enum sf_relation sf_compare(struct sf_format f, struct sf_env *e, sf_bits a, sf_bits b, bool signaling)
{
    if (UNLIKELY(sf_is_nan(f, a) || sf_is_nan(f, b))) {
        if (signaling || sf_is_snan(f, a) || sf_is_snan(f, b))
            e->flags |= SF_INVALID;
        return SF_UNORDERED;
    }
    if (a == b || sf_magnitude(f, a | b) == 0)
        return SF_EQUAL;
    return sf_total_less(f, a, b) ? SF_LESS : SF_GREATER;
}

/* minimumNumber or maximumNumber: a number wins over a NaN; a signalling NaN is invalid all the same. */
SF_INLINE sf_bits sf_minmax(struct sf_format f, struct sf_env *e, sf_bits a, sf_bits b, bool max)
{
    bool na = sf_is_nan(f, a), nb = sf_is_nan(f, b);
    if (UNLIKELY(na || nb)) {
        sf_bits nan = sf_nan2(f, e, a, b);
        return na && nb ? nan : na ? b : a;
    }
    return sf_total_less(f, a, b) != max ? a : b;
}

SF_INLINE enum sf_class sf_classify(struct sf_format f, sf_bits a)
{
    bool sign = sf_sign(f, a);
    if (sf_is_nan(f, a))
        return sf_is_snan(f, a) ? SF_SNAN : SF_QNAN;
    if (sf_is_inf(f, a))
        return sign ? SF_NEG_INF : SF_POS_INF;
    if (sf_exp(f, a))
        return sign ? SF_NEG_NORMAL : SF_POS_NORMAL;
    if (sf_frac(f, a))
        return sign ? SF_NEG_SUBNORMAL : SF_POS_SUBNORMAL;
    return sign ? SF_NEG_ZERO : SF_POS_ZERO;
}

#endif
