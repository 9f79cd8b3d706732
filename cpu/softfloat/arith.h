/* add, multiply, divide, square root, fused multiply-add. IEEE 754-2019, 5.4.1 and 7.2. */
#ifndef CPU_SOFTFLOAT_ARITH_H
#define CPU_SOFTFLOAT_ARITH_H

#include "cpu/softfloat/round.h"

SF_INLINE sf_bits sf_add(struct sf_format f, struct sf_env *e, sf_bits a, sf_bits b, bool subtract)
{
    if (UNLIKELY(sf_exp(f, a) == sf_exp_max(f) || sf_exp(f, b) == sf_exp_max(f))) {
        if (sf_is_nan(f, a) || sf_is_nan(f, b))
            return sf_nan2(f, e, a, b);
        bool sb = sf_sign(f, b) ^ subtract;
        if (sf_is_inf(f, a))
            return sf_is_inf(f, b) && sb != sf_sign(f, a) ? sf_invalid(f, e) : a;
        return sf_inf(f, sb);
    }
    if (subtract)
        b ^= sf_sign_bit(f);
    /* Which is larger is anyone's guess, so no branch: masks. */
    sf_bits swap = (a ^ b) & -(sf_bits)(sf_magnitude(f, a) < sf_magnitude(f, b));
    struct sf_num x = sf_unpack_raw(f, a ^ swap), y = sf_unpack_raw(f, b ^ swap);
    y.sig = sf_sig_shr_jam(y.sig, x.exp - y.exp);

    if (x.sign == y.sign) {
        sf_sig sum = x.sig + y.sig;
        if (UNLIKELY(!(sum >> SF_TOP))) /* two subnormals or zeroes below the normals: exact */
            return sf_zero(f, x.sign) | (sf_bits)(sum >> sf_round_bits(f));
        int carry = (int)(sum >> (SF_TOP + 1));
        return sf_round_pack(f, e, x.sign, x.exp + carry, sum >> carry | (sum & (sf_sig)carry));
    }
    sf_sig diff = x.sig - y.sig;
    if (UNLIKELY(diff == 0))
        return sf_zero(f, e->rounding == SF_DOWN);
    int lead = sf_sig_lead(diff);
    if (UNLIKELY(x.exp <= lead)) /* below the normals; so y was shifted at most one bit and the difference is exact */
        return sf_zero(f, x.sign) | (sf_bits)(diff << (x.exp - 1) >> sf_round_bits(f));
    return sf_round_pack(f, e, x.sign, x.exp - lead, diff << lead);
}

SF_INLINE sf_bits sf_mul(struct sf_format f, struct sf_env *e, sf_bits a, sf_bits b)
{
    struct sf_num x, y;
    bool sign = sf_sign(f, a) ^ sf_sign(f, b);
    if (LIKELY(sf_is_normal_exp(f, sf_exp(f, a)) && sf_is_normal_exp(f, sf_exp(f, b)))) {
        x = sf_unpack_normal(f, a);
        y = sf_unpack_normal(f, b);
    } else {
        if (sf_is_nan(f, a) || sf_is_nan(f, b))
            return sf_nan2(f, e, a, b);
        bool zero = sf_is_zero(f, a) || sf_is_zero(f, b);
        if (sf_is_inf(f, a) || sf_is_inf(f, b))
            return zero ? sf_invalid(f, e) : sf_inf(f, sign);
        if (zero)
            return sf_zero(f, sign);
        x = sf_unpack(f, a);
        y = sf_unpack(f, b);
    }
    sf_sig p = sf_sig_mul(x.sig, y.sig);
    int carry = (int)(p >> (SF_TOP + 1));
    return sf_round_pack(f, e, sign, x.exp + y.exp - f.bias + carry, p >> carry | (p & (sf_sig)carry));
}

SF_INLINE sf_bits sf_div(struct sf_format f, struct sf_env *e, sf_bits a, sf_bits b)
{
    struct sf_num x, y;
    bool sign = sf_sign(f, a) ^ sf_sign(f, b);
    if (LIKELY(sf_is_normal_exp(f, sf_exp(f, a)) && sf_is_normal_exp(f, sf_exp(f, b)))) {
        x = sf_unpack_normal(f, a);
        y = sf_unpack_normal(f, b);
    } else {
        if (sf_is_nan(f, a) || sf_is_nan(f, b))
            return sf_nan2(f, e, a, b);
        if (sf_is_inf(f, a))
            return sf_is_inf(f, b) ? sf_invalid(f, e) : sf_inf(f, sign);
        if (sf_is_inf(f, b))
            return sf_zero(f, sign);
        if (sf_is_zero(f, b)) {
            if (sf_is_zero(f, a))
                return sf_invalid(f, e);
            e->flags |= SF_DIVBYZERO;
            return sf_inf(f, sign);
        }
        if (sf_is_zero(f, a))
            return sf_zero(f, sign);
        x = sf_unpack(f, a);
        y = sf_unpack(f, b);
    }
    int less = x.sig < y.sig;
    sf_sig q = sf_sig_div(x.sig << less, y.sig, f.frac_bits);
    return sf_round_pack(f, e, sign, x.exp - y.exp + f.bias - less, q);
}

SF_INLINE sf_bits sf_sqrt(struct sf_format f, struct sf_env *e, sf_bits a)
{
    struct sf_num x;
    if (LIKELY(sf_is_normal_exp(f, sf_exp(f, a)) && !sf_sign(f, a))) {
        x = sf_unpack_normal(f, a);
    } else {
        if (sf_is_nan(f, a))
            return sf_nan2(f, e, a, a);
        if (sf_is_zero(f, a))
            return a;
        if (sf_sign(f, a))
            return sf_invalid(f, e);
        if (sf_is_inf(f, a))
            return a;
        x = sf_unpack(f, a);
    }
    int power = x.exp - f.bias;
    int odd = power & 1;
    /* never tiny, never overflows */
    return sf_round_pack(f, e, false, (power - odd) / 2 + f.bias, sf_sig_sqrt(x.sig << odd, f.frac_bits));
}

/* The cases of a*b+c that are decided without arithmetic. With payloads the NaN is chosen in the order c, a, b, and
 * infinity times zero plus a quiet NaN is the default NaN (FPMulAdd of the Arm ARM); it is invalid in any case
 * (RISC-V Unprivileged, "F": fused multiply-add). */
SF_INLINE bool sf_fma_special(struct sf_format f, struct sf_env *e, sf_bits a, sf_bits b, sf_bits c, sf_bits *result)
{
    bool inf_by_zero = (sf_is_inf(f, a) && sf_is_zero(f, b)) || (sf_is_zero(f, a) && sf_is_inf(f, b));
    bool sign = sf_sign(f, a) ^ sf_sign(f, b);
    if (sf_is_nan(f, a) || sf_is_nan(f, b) || sf_is_nan(f, c)) {
        *result = sf_nan3(f, e, c, a, b);
        if (inf_by_zero && !sf_is_snan(f, c))
            *result = sf_invalid(f, e);
        return true;
    }
    if (inf_by_zero) {
        *result = sf_invalid(f, e);
        return true;
    }
    if (sf_is_inf(f, a) || sf_is_inf(f, b)) {
        *result = sf_is_inf(f, c) && sf_sign(f, c) != sign ? sf_invalid(f, e) : sf_inf(f, sign);
        return true;
    }
    if (sf_is_inf(f, c)) {
        *result = c;
        return true;
    }
    if (sf_is_zero(f, a) || sf_is_zero(f, b)) {
        *result = !sf_is_zero(f, c) || sf_sign(f, c) == sign ? c : sf_zero(f, e->rounding == SF_DOWN);
        return true;
    }
    return false;
}

SF_INLINE sf_bits sf_fma(struct sf_format f, struct sf_env *e, sf_bits a, sf_bits b, sf_bits c)
{
    struct sf_num x, y, z;
    if (LIKELY(sf_is_normal_exp(f, sf_exp(f, a)) && sf_is_normal_exp(f, sf_exp(f, b)) &&
               sf_is_normal_exp(f, sf_exp(f, c)))) {
        x = sf_unpack_normal(f, a);
        y = sf_unpack_normal(f, b);
        z = sf_unpack_normal(f, c);
    } else {
        sf_bits result;
        if (sf_fma_special(f, e, a, b, c, &result))
            return result;
        x = sf_unpack(f, a);
        y = sf_unpack(f, b);
        if (sf_is_zero(f, c)) /* far below any product; its sign has no say, as the product is not zero */
            z = (struct sf_num){ 0, -4 * sf_exp_max(f), sf_sign(f, c) };
        else
            z = sf_unpack(f, c);
    }
    bool sign = x.sign ^ y.sign;
    int exp = x.exp + y.exp - f.bias;
    sf_wide p = sf_wide_mul(x.sig, y.sig), w = sf_wide_from(z.sig);
    /* Shifting loses bits only if the exponents differ by more than the spare bits below either, and then at most
     * two leading bits can cancel: the jammed bit stays below the round bits. */
    int apart = exp - z.exp;
    sf_wide swap = (p ^ w) & -(sf_wide)(apart < 0);
    p ^= swap;
    w = sf_wide_shr_jam(w ^ swap, apart < 0 ? -apart : apart);
    exp = apart < 0 ? z.exp : exp;
    bool p_sign = apart < 0 ? z.sign : sign;
    if (sign == z.sign) {
        w = p + w;
    } else {
        sf_wide negative = -(sf_wide)(p < w); /* p is larger unless both had the same exponent or the next */
        w = ((p - w) ^ negative) - negative;
        sign = p_sign ^ (negative != 0);
    }
    if (UNLIKELY(w == 0))
        return sf_zero(f, e->rounding == SF_DOWN);
    sf_sig sig = sf_wide_narrow(w, &exp);
    return sf_round_pack(f, e, sign, exp, sig);
}

#endif
