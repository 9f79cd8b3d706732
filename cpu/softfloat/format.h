/* What a format is, and taking its bit patterns apart. */
#ifndef CPU_SOFTFLOAT_FORMAT_H
#define CPU_SOFTFLOAT_FORMAT_H

#include "cpu/softfloat/softfloat.h"

/* Everything in the core is inlined with one of these rows as a constant, so that the row costs nothing. */
struct sf_format {
    int exp_bits, frac_bits, bias;
};

static const struct sf_format SF_F16 = { 5, 10, 15 };
static const struct sf_format SF_F32 = { 8, 23, 127 };
static const struct sf_format SF_F64 = { 11, 52, 1023 };

/* A finite number: sig / 2^SF_TOP * 2^(exp - bias). Exponents stay biased. */
struct sf_num {
    sf_sig sig;
    int exp;
    bool sign;
};

SF_INLINE int sf_exp_max(struct sf_format f) /* of infinities and NaNs */
{
    return (1 << f.exp_bits) - 1;
}

SF_INLINE int sf_round_bits(struct sf_format f) /* of a significand, below the last fraction bit */
{
    return SF_TOP - f.frac_bits;
}

SF_INLINE sf_bits sf_sign_bit(struct sf_format f)
{
    return (sf_bits)1 << (f.exp_bits + f.frac_bits);
}

SF_INLINE sf_bits sf_mask(struct sf_format f) /* all bits of the format */
{
    return sf_sign_bit(f) | (sf_sign_bit(f) - 1);
}

SF_INLINE sf_bits sf_inf(struct sf_format f, bool sign)
{
    return (sf_bits)sign << (f.exp_bits + f.frac_bits) | (sf_bits)sf_exp_max(f) << f.frac_bits;
}

SF_INLINE sf_bits sf_zero(struct sf_format f, bool sign)
{
    return (sf_bits)sign << (f.exp_bits + f.frac_bits);
}

SF_INLINE sf_bits sf_quiet_bit(struct sf_format f)
{
    return (sf_bits)1 << (f.frac_bits - 1);
}

SF_INLINE sf_bits sf_default_nan(struct sf_format f)
{
    return sf_inf(f, false) | sf_quiet_bit(f);
}

SF_INLINE bool sf_sign(struct sf_format f, sf_bits a)
{
    return a >> (f.exp_bits + f.frac_bits) & 1;
}

SF_INLINE int sf_exp(struct sf_format f, sf_bits a)
{
    return (int)(a >> f.frac_bits) & sf_exp_max(f);
}

SF_INLINE sf_bits sf_frac(struct sf_format f, sf_bits a)
{
    return a & (((sf_bits)1 << f.frac_bits) - 1);
}

SF_INLINE sf_bits sf_magnitude(struct sf_format f, sf_bits a) /* ordered as the absolute values are */
{
    return a & (sf_sign_bit(f) - 1);
}

SF_INLINE bool sf_is_inf(struct sf_format f, sf_bits a)
{
    return sf_magnitude(f, a) == sf_inf(f, false);
}

SF_INLINE bool sf_is_nan(struct sf_format f, sf_bits a)
{
    return sf_magnitude(f, a) > sf_inf(f, false);
}

SF_INLINE bool sf_is_snan(struct sf_format f, sf_bits a)
{
    return sf_is_nan(f, a) && !(a & sf_quiet_bit(f));
}

SF_INLINE bool sf_is_zero(struct sf_format f, sf_bits a)
{
    return sf_magnitude(f, a) == 0;
}

/* Neither zero nor subnormal nor infinite nor NaN. */
SF_INLINE bool sf_is_normal_exp(struct sf_format f, int exp)
{
    return (unsigned)(exp - 1) < (unsigned)(sf_exp_max(f) - 1);
}

/* The significand of a finite number, normalised when the number is normal; exp 0 counts as 1. */
SF_INLINE struct sf_num sf_unpack_raw(struct sf_format f, sf_bits a)
{
    struct sf_num n = { (sf_sig)sf_frac(f, a) << sf_round_bits(f), sf_exp(f, a), sf_sign(f, a) };
    if (LIKELY(n.exp != 0))
        n.sig |= (sf_sig)1 << SF_TOP;
    else
        n.exp = 1;
    return n;
}

/* A normal number. */
SF_INLINE struct sf_num sf_unpack_normal(struct sf_format f, sf_bits a)
{
    return (struct sf_num){ (sf_sig)sf_frac(f, a) << sf_round_bits(f) | (sf_sig)1 << SF_TOP, sf_exp(f, a),
                            sf_sign(f, a) };
}

/* A finite number other than zero, normalised: subnormals get exponents below 1. */
SF_INLINE struct sf_num sf_unpack(struct sf_format f, sf_bits a)
{
    struct sf_num n = sf_unpack_raw(f, a);
    int lead = sf_sig_lead(n.sig);
    n.sig <<= lead;
    n.exp -= lead;
    return n;
}

/* The result of an operation without a meaningful one. */
SF_INLINE sf_bits sf_invalid(struct sf_format f, struct sf_env *e)
{
    e->flags |= SF_INVALID;
    return sf_default_nan(f);
}

/* The NaN that comes of a and b, at least one of which is NaN. With payloads: the first signalling NaN made quiet,
 * else the first quiet NaN (FPProcessNaNs of the Arm ARM, DDI 0487). */
SF_INLINE sf_bits sf_nan2(struct sf_format f, struct sf_env *e, sf_bits a, sf_bits b)
{
    bool sa = sf_is_snan(f, a), sb = sf_is_snan(f, b);
    if (sa || sb)
        e->flags |= SF_INVALID;
    if (e->default_nan)
        return sf_default_nan(f);
    return (sa || (!sb && sf_is_nan(f, a)) ? a : b) | sf_quiet_bit(f);
}

SF_INLINE sf_bits sf_nan3(struct sf_format f, struct sf_env *e, sf_bits a, sf_bits b, sf_bits c)
{
    bool sa = sf_is_snan(f, a), sb = sf_is_snan(f, b), sc = sf_is_snan(f, c);
    if (sa || sb || sc)
        e->flags |= SF_INVALID;
    if (e->default_nan)
        return sf_default_nan(f);
    bool na = sa, nb = sb;
    if (!(sa || sb || sc)) {
        na = sf_is_nan(f, a);
        nb = sf_is_nan(f, b);
    }
    return (na ? a : nb ? b : c) | sf_quiet_bit(f);
}

#endif
