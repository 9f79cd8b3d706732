/* What the sources of f80 share: taking numbers apart, NaNs, rounding. */
#ifndef CPU_SOFTFLOAT_F80_PARTS_H
#define CPU_SOFTFLOAT_F80_PARTS_H

#include "cpu/softfloat/f80.h"

struct f80_num { /* sig / 2^63 * 2^(exp - bias), bit 63 of sig set */
    u64 sig;
    int exp;
    bool sign;
};

/* Of a number that is not zero, not infinite. */
static inline struct f80_num f80_unpack(struct f80 a)
{
    struct f80_num n = { a.m, f80_exp(a), f80_sign(a) };
    if (UNLIKELY(!n.exp)) {
        int lead = __builtin_clzll(n.sig);
        n.sig <<= lead;
        n.exp = 1 - lead;
    }
    return n;
}

static inline struct f80 f80_invalid(struct f80_env *e)
{
    e->flags |= F80_IE;
    return F80_INDEFINITE;
}

/* Normal numbers and zeroes need no look at their kinds. */
static inline bool f80_plain(struct f80 a) { return (a.m >> 63 && (unsigned)(f80_exp(a) - 1) < F80_EXP_MAX - 1); }

/* Unsupported formats and NaNs, in this order; true: *result is it. Otherwise notes denormals: true when that is the end. */
bool f80_special2(struct f80_env *e, struct f80 a, struct f80 b, struct f80 *result);
bool f80_special1(struct f80_env *e, struct f80 a, struct f80 *result);
static inline bool f80_denormal(struct f80_env *e, bool is) /* true: unmasked */
{
    if (UNLIKELY(is))
        e->flags |= F80_DE;
    return e->flags & ~e->masks & F80_DE;
}

/* Rounds sig / 2^127 * 2^(exp - bias), bit 127 of sig set; bits that were lost must have left a one in bit 0. */
struct f80 f80_round(struct f80_env *e, bool sign, int exp, u128 sig);
struct f80 f80_round_to(struct f80_env *e, bool sign, int exp, u128 sig, unsigned precision);

static inline u128 f80_shr_jam(u128 s, unsigned n)
{
    if (n > 127)
        return s != 0;
    return s >> n | ((s & (((u128)1 << n) - 1)) != 0);
}
/* What to add to a magnitude whose low bits (`low`) are cut off; ties to even are the caller's. */
static inline u128 f80_increment(unsigned rounding, bool sign, u128 low)
{
    switch (rounding) {
    case F80_NEAREST: return (low >> 1) + 1;
    case F80_DOWN: return sign ? low : 0;
    case F80_UP: return sign ? 0 : low;
    default: return 0;
    }
}

#endif
