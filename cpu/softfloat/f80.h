/* The x87's numbers of 80 bits, in integers only: the same bits and flags on every host. SDM 1, 4.8, 8.2 to 8.5.
 *
 * The significand has its integer bit; with that bit clear and a biased exponent above 0 the number is in no format that
 * processors since the 387 know (unnormal, pseudo-NaN, pseudo-infinity): operations on it are invalid. With it set and
 * an exponent of 0 it is a pseudo-denormal: a number like any other, of exponent 1. */
#ifndef CPU_SOFTFLOAT_F80_H
#define CPU_SOFTFLOAT_F80_H

#include "base/types.h"

struct f80 {
    u64 m;
    u16 se;
};

enum f80_rounding { F80_NEAREST, F80_DOWN, F80_UP, F80_CHOP }; /* RC of the control word */

enum f80_flag { /* as in the status word */
    F80_IE = 1, F80_DE = 2, F80_ZE = 4, F80_OE = 8, F80_UE = 16, F80_PE = 32,
    F80_BEFORE = F80_IE | F80_DE | F80_ZE, /* when unmasked, there is no result */
    F80_C0 = 0x100, F80_C1 = 0x200 /* rounded up */, F80_C2 = 0x400, F80_C3 = 0x4000,
};

struct f80_env {
    u8 rounding;  /* enum f80_rounding */
    u8 precision; /* bits of significands of results: 24, 53, 64 */
    u8 masks;     /* exceptions that are masked. Results that overflow or underflow otherwise have another exponent
                   * (SDM 1, 8.5.4 and 8.5.5); after an unmasked IE, DE or ZE what is returned means nothing. */
    u16 flags;    /* raised, and C1 */
};

enum f80_class { F80_UNSUPPORTED, F80_NAN, F80_NORMAL, F80_INFINITY, F80_ZERO, F80_DENORMAL = 6 }; /* FXAM's C3 C2 C0, but EMPTY */
enum f80_relation { F80_LESS = -1, F80_EQUAL, F80_GREATER, F80_UNORDERED };

#define F80_BIAS 16383
#define F80_EXP_MAX 0x7fff
#define F80_INT_BIT ((u64)1 << 63)
#define F80_INDEFINITE ((struct f80){ (u64)3 << 62, 0xffff })

static inline bool f80_sign(struct f80 a) { return a.se >> 15; }
static inline int f80_exp(struct f80 a) { return a.se & 0x7fff; }
static inline bool f80_is_zero(struct f80 a) { return !(a.se & 0x7fff) && !a.m; }
static inline bool f80_is_inf(struct f80 a) { return f80_exp(a) == F80_EXP_MAX && a.m == F80_INT_BIT; }
static inline bool f80_is_nan(struct f80 a) { return f80_exp(a) == F80_EXP_MAX && (a.m << 1) && a.m >> 63; }
static inline bool f80_is_snan(struct f80 a) { return f80_is_nan(a) && !(a.m >> 62 & 1); }
static inline bool f80_is_denormal(struct f80 a) { return !f80_exp(a) && a.m; }
static inline bool f80_is_unsupported(struct f80 a) { return f80_exp(a) && !(a.m >> 63); }
static inline struct f80 f80_make(bool sign, int exp, u64 m) { return (struct f80){ m, (u16)(sign << 15 | exp) }; }
static inline struct f80 f80_zero(bool sign) { return f80_make(sign, 0, 0); }
static inline struct f80 f80_inf(bool sign) { return f80_make(sign, F80_EXP_MAX, F80_INT_BIT); }
enum f80_class f80_classify(struct f80 a);

/* f80.c */
struct f80 f80_add(struct f80_env *e, struct f80 a, struct f80 b);
struct f80 f80_sub(struct f80_env *e, struct f80 a, struct f80 b);
struct f80 f80_mul(struct f80_env *e, struct f80 a, struct f80 b);
struct f80 f80_div(struct f80_env *e, struct f80 a, struct f80 b);
struct f80 f80_sqrt(struct f80_env *e, struct f80 a);
struct f80 f80_scale(struct f80_env *e, struct f80 a, struct f80 b); /* a * 2^trunc(b) */
struct f80 f80_extract(struct f80_env *e, struct f80 a, struct f80 *significand); /* returns the exponent */
struct f80 f80_round_to_int(struct f80_env *e, struct f80 a);
/* Remainder; nearest: IEEE's (FPREM1), else the quotient is cut off. Flags get C2 when it is partial, else the quotient's low
 * bits: bit 2 in C0, 1 in C3, 0 in C1. */
struct f80 f80_rem(struct f80_env *e, struct f80 a, struct f80 b, bool nearest);
enum f80_relation f80_compare(struct f80_env *e, struct f80 a, struct f80 b, bool quiet); /* quiet: IE for signalling NaNs only */

/* f80_convert.c. To integers: out of range is IE, and the smallest integer. raw: signalling NaNs stay, and nobody is told that
 * the number was denormal there but *denormal. */
struct f80 f80_raw_f32(u32 a, bool *denormal);
struct f80 f80_raw_f64(u64 a, bool *denormal);
struct f80 f80_from_f32(struct f80_env *e, u32 a);
struct f80 f80_from_f64(struct f80_env *e, u64 a);
struct f80 f80_from_i64(i64 v);
u32 f80_to_f32(struct f80_env *e, struct f80 a);
u64 f80_to_f64(struct f80_env *e, struct f80 a);
i64 f80_to_int(struct f80_env *e, struct f80 a, unsigned bits); /* 16, 32, 64 */
struct f80 f80_from_bcd(u64 low, u16 high);
void f80_to_bcd(struct f80_env *e, struct f80 a, u64 *low, u16 *high);

/* f80_exp.c, f80_trig.c: rounded correctly but for cases too close to call with 128 bits, so far below 1 ulp. */
struct f80 f80_2xm1(struct f80_env *e, struct f80 a);
struct f80 f80_yl2x(struct f80_env *e, struct f80 x, struct f80 y);
struct f80 f80_yl2xp1(struct f80_env *e, struct f80 x, struct f80 y);
struct f80 f80_atan(struct f80_env *e, struct f80 y, struct f80 x); /* atan2(y, x) */
/* Flags get C2 when |a| >= 2^63, and nothing is done. */
struct f80 f80_sin(struct f80_env *e, struct f80 a);
struct f80 f80_cos(struct f80_env *e, struct f80 a);
struct f80 f80_sincos(struct f80_env *e, struct f80 a, struct f80 *cos);
struct f80 f80_tan(struct f80_env *e, struct f80 a);

#endif
