/* IEEE 754-2019 binary16/32/64 arithmetic in integers only: the same bits and flags on every host.
 * Values travel as their bit patterns: bits above the format are ignored in operands and zero in results. NaN boxing
 * and sign injection are the CPU's business.
 * Every function takes the environment it rounds and raises flags in. */
#ifndef CPU_SOFTFLOAT_H
#define CPU_SOFTFLOAT_H

#include "base/types.h"

enum sf_rounding { /* numbered as in RISC-V frm (Unprivileged ISA, "F" chapter) */
    SF_NEAREST_EVEN = 0,
    SF_TO_ZERO = 1,
    SF_DOWN = 2,
    SF_UP = 3,
    SF_NEAREST_AWAY = 4, /* ties to max magnitude */
};

enum sf_flag { /* numbered as in RISC-V fflags */
    SF_INEXACT = 1,
    SF_UNDERFLOW = 2,
    SF_OVERFLOW = 4,
    SF_DIVBYZERO = 8,
    SF_INVALID = 16,
};

/* What the architectures disagree on. With default_nan off, the result of an operation on NaNs is the first signalling
 * NaN made quiet, else the first quiet NaN, in the order of the operands but the addend first in fma (FPProcessNaNs of
 * the Arm ARM, DDI 0487). Infinity times zero plus a quiet NaN is invalid and gives the default NaN (Arm, RISC-V). */
struct sf_env {
    u8 rounding;           /* enum sf_rounding */
    u8 flags;              /* enum sf_flag, sticky */
    bool tininess_before;  /* tininess is detected before rounding (ARM); after (RISC-V, x86) when false */
    bool default_nan;      /* NaN results are the canonical quiet NaN (RISC-V, ARM DN); else the operand's payload */
};

enum sf_relation { SF_LESS = -1, SF_EQUAL = 0, SF_GREATER = 1, SF_UNORDERED = 2 };

/* RISC-V FCLASS bit numbers. */
enum sf_class {
    SF_NEG_INF, SF_NEG_NORMAL, SF_NEG_SUBNORMAL, SF_NEG_ZERO, SF_POS_ZERO,
    SF_POS_SUBNORMAL, SF_POS_NORMAL, SF_POS_INF, SF_SNAN, SF_QNAN,
};

/* Integer conversions out of range or of NaN raise only SF_INVALID and return what RISC-V returns: the nearest
 * representable integer, NaN as the largest. to_i32 is sign-extended, to_u32 zero-extended to 64 bits. */
#define SF_DECLARE(F)                                                                     \
    u64 F##_add(struct sf_env *e, u64 a, u64 b);                                          \
    u64 F##_sub(struct sf_env *e, u64 a, u64 b);                                          \
    u64 F##_mul(struct sf_env *e, u64 a, u64 b);                                          \
    u64 F##_div(struct sf_env *e, u64 a, u64 b);                                          \
    u64 F##_sqrt(struct sf_env *e, u64 a);                                                \
    u64 F##_fma(struct sf_env *e, u64 a, u64 b, u64 c); /* a*b+c, one rounding */         \
    u64 F##_min(struct sf_env *e, u64 a, u64 b); /* IEEE 754-2019 minimumNumber */        \
    u64 F##_max(struct sf_env *e, u64 a, u64 b);                                          \
    enum sf_relation F##_compare(struct sf_env *e, u64 a, u64 b, bool signaling);         \
    enum sf_class F##_classify(u64 a);                                                    \
    u64 F##_round_to_int(struct sf_env *e, u64 a, bool raise_inexact);                    \
    i64 F##_to_i32(struct sf_env *e, u64 a);                                              \
    u64 F##_to_u32(struct sf_env *e, u64 a);                                              \
    i64 F##_to_i64(struct sf_env *e, u64 a);                                              \
    u64 F##_to_u64(struct sf_env *e, u64 a);                                              \
    u64 F##_from_i64(struct sf_env *e, i64 v);                                            \
    u64 F##_from_u64(struct sf_env *e, u64 v);

SF_DECLARE(f16)
SF_DECLARE(f32)
SF_DECLARE(f64)

u64 f16_to_f32(struct sf_env *e, u64 a);
u64 f16_to_f64(struct sf_env *e, u64 a);
u64 f32_to_f16(struct sf_env *e, u64 a);
u64 f32_to_f64(struct sf_env *e, u64 a);
u64 f64_to_f16(struct sf_env *e, u64 a);
u64 f64_to_f32(struct sf_env *e, u64 a);

#define SF_F16_NAN 0x7e00u
#define SF_F32_NAN 0x7fc00000u
#define SF_F64_NAN 0x7ff8000000000000u

#endif
