/* Floating point of vector instructions: MXCSR, NaNs, denormals (SDM 1, chapter 4.8, 4.9, 10.2.3 and 11.5).
 *
 * An element function is given struct fp, works on the elements that fit into n bytes and adds to `flags` what they raise. Soft
 * float defines the results. The host's own arithmetic is used where that provably gives the same bits and flags: all
 * exceptions masked, rounding to nearest, and operands and result neither NaN, infinite nor denormal. Then only "inexact" can
 * be raised; it is sticky, so that it matters once: fp_inexact_..() tell. */
#ifndef CPU_X86_VEC_FP_H
#define CPU_X86_VEC_FP_H

#include <float.h>
#include <math.h>

#include "cpu/softfloat/softfloat.h"
#include "cpu/x86/vec.h"

/* MXCSR (SDM 1, figure 10-3); the masks are the flags << FP_MASKS */
enum { FP_IE = 1, FP_DE = 2, FP_ZE = 4, FP_OE = 8, FP_UE = 16, FP_PE = 32, FP_ALL = 63, FP_DAZ = 64, FP_MASKS = 7,
       FP_RC = 13, FP_FZ = 1 << 15 };
#define FP_HARD (FP_ALL << FP_MASKS | 3u << FP_RC) /* of MXCSR; for the host's arithmetic to do: all masks, nearest */

struct fp {
    struct sf_env e;
    u32 mxcsr, flags;
    u32 earlier; /* flags of the steps done before, all masked: fp_stage() */
    bool easy;   /* the host's arithmetic may do */
    bool sticky; /* "inexact" is in MXCSR already */
    bool vex;
};

typedef void fp_fn(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm);

void fp_start(struct fp *f, const struct x86 *c);
bool fp_stage(struct fp *f); /* between the steps of an instruction; false: an exception, no more steps */
u8 fp_rounding(unsigned rc);
/* MXCSR gets the flags. False: #XM (or #UD) for an exception that is not masked. */
bool fp_end(struct fp *f, struct x86 *c);

/* Shapes: of all elements; of the first, `size` bytes wide, the others from the first operand. memory: as vec_binary_of(). */
bool fp_packed(struct x86 *c, const struct x86_insn *i, fp_fn *f, int memory);
bool fp_scalar(struct x86 *c, const struct x86_insn *i, fp_fn *f, unsigned size, unsigned memory);

/* Would the result of an operation that is tiny or overflows be exact if exponents had no end? */
typedef u64 fp_op(struct sf_env *e, u64 a, u64 b);
bool fp_exact32(fp_op *op, u64 a, u64 b, bool overflow);
bool fp_exact64(fp_op *op, u64 a, u64 b, bool overflow);

/* What an operation on the elements of one format needs; W: 32 or 64. Numbers travel as their bits. */
#define FP_FORMAT(W, UINT, HOST, HOST_MIN, HOST_MAX, HOST_ABS, FRAC_BITS)                                       \
    enum { FP_FRAC##W = FRAC_BITS };                                                                            \
    static const UINT FP_SIGN##W = (UINT)1 << (W - 1), FP_QUIET##W = (UINT)1 << (FRAC_BITS - 1),                \
                      FP_INF##W = (((UINT)1 << (W - 1)) - 1) >> FRAC_BITS << FRAC_BITS,                         \
                      FP_NAN##W = ~(UINT)0 << (FRAC_BITS - 1); /* the default NaN is negative */                \
    static inline HOST fp_host##W(UINT v) { HOST h; memcpy(&h, &v, sizeof h); return h; }                       \
    static inline UINT fp_bits##W(HOST h) { UINT v; memcpy(&v, &h, sizeof v); return v; }                       \
    static inline bool fp_usual##W(HOST x) { return HOST_ABS(x) >= HOST_MIN || x == 0; } /* not denormal */     \
    static inline bool fp_is_nan##W(UINT a) { return (a & ~FP_SIGN##W) > FP_INF##W; }                           \
    static inline bool fp_is_snan##W(UINT a) { return fp_is_nan##W(a) && !(a & FP_QUIET##W); }                  \
    static inline bool fp_is_denormal##W(UINT a)                                                                \
    {                                                                                                           \
        return !(a & FP_INF##W) && (a & ~FP_SIGN##W);                                                           \
    }                                                                                                           \
    static inline UINT fp_in##W(const struct fp *f, UINT a) /* denormals are zeroes */                          \
    {                                                                                                           \
        return (f->mxcsr & FP_DAZ) && fp_is_denormal##W(a) ? a & FP_SIGN##W : a;                                \
    }                                                                                                           \
    /* A NaN operand decides (SDM 1, table 4-7): the first one, made quiet. */                                  \
    static inline bool fp_nan##W(struct fp *f, UINT a, UINT b, UINT *r)                                         \
    {                                                                                                           \
        if (LIKELY(!fp_is_nan##W(a) && !fp_is_nan##W(b)))                                                       \
            return false;                                                                                       \
        f->flags |= fp_is_snan##W(a) || fp_is_snan##W(b) ? FP_IE : 0;                                           \
        *r = (fp_is_nan##W(a) ? a : b) | FP_QUIET##W;                                                           \
        return true;                                                                                            \
    }                                                                                                           \
    /* What soft float found, as x86 has it. `denormal`: an operand was. */                                     \
    static inline UINT fp_out##W(struct fp *f, UINT r, bool denormal)                                           \
    {                                                                                                           \
        const unsigned sf = f->e.flags;                                                                         \
        f->e.flags = 0;                                                                                         \
        if (UNLIKELY(sf & SF_INVALID)) {                                                                        \
            f->flags |= FP_IE;                                                                                  \
            return FP_NAN##W;                                                                                   \
        }                                                                                                       \
        if (UNLIKELY(sf & SF_DIVBYZERO)) {                                                                      \
            f->flags |= FP_ZE;                                                                                  \
            return r;                                                                                           \
        }                                                                                                       \
        f->flags |= denormal ? FP_DE : 0;                                                                       \
        if (UNLIKELY(denormal && !(f->mxcsr & FP_DE << FP_MASKS)))                                              \
            return r; /* before the computation: no other exception */                                          \
        f->flags |= (sf & SF_OVERFLOW ? FP_OE : 0) | (sf & SF_INEXACT ? FP_PE : 0);                             \
        if ((sf & SF_UNDERFLOW) || fp_is_denormal##W(r)) { /* tiny */                                           \
            if (!(f->mxcsr & FP_UE << FP_MASKS)) {                                                              \
                f->flags |= FP_UE;                                                                              \
            } else if (f->mxcsr & FP_FZ) {                                                                      \
                f->flags |= FP_UE | FP_PE;                                                                      \
                return r & FP_SIGN##W;                                                                          \
            } else if (sf & SF_UNDERFLOW) {                                                                     \
                f->flags |= FP_UE;                                                                              \
            }                                                                                                   \
        }                                                                                                       \
        return r;                                                                                               \
    }                                                                                                           \
    /* Underflow or overflow that traps: "inexact" is then said of the result with any exponent (SDM 1, 4.9.1.4 f.) */ \
    static inline bool fp_trapped##W(const struct fp *f, UINT r)                                                \
    {                                                                                                           \
        const unsigned sf = f->e.flags;                                                                         \
        if (LIKELY(!(sf & SF_INEXACT)))                                                                         \
            return false;                                                                                       \
        return (!(f->mxcsr & FP_UE << FP_MASKS) && ((sf & SF_UNDERFLOW) || fp_is_denormal##W(r))) ||            \
               (!(f->mxcsr & FP_OE << FP_MASKS) && (sf & SF_OVERFLOW));                                         \
    }                                                                                                           \
    static inline UINT fp_slow##W(struct fp *f, UINT a, UINT b, fp_op *op)                                      \
    {                                                                                                           \
        UINT r;                                                                                                 \
        a = fp_in##W(f, a);                                                                                     \
        b = fp_in##W(f, b);                                                                                     \
        if (fp_nan##W(f, a, b, &r))                                                                             \
            return r;                                                                                           \
        r = (UINT)op(&f->e, a, b);                                                                              \
        if (UNLIKELY(fp_trapped##W(f, r)) && fp_exact##W(op, a, b, f->e.flags & SF_OVERFLOW))                   \
            f->e.flags &= (u8)~SF_INEXACT;                                                                      \
        return fp_out##W(f, r, fp_is_denormal##W(a) || fp_is_denormal##W(b));                                   \
    }                                                                                                           \
    /* exact: is a result of zero (or the smallest normal number) without error? */                             \
    FP_ARITH(add, W, UINT, HOST, HOST_MAX, HOST_ABS, x + y, HOST_ABS(z) >= HOST_MIN || z == 0)                  \
    FP_ARITH(sub, W, UINT, HOST, HOST_MAX, HOST_ABS, x - y, HOST_ABS(z) >= HOST_MIN || z == 0)                  \
    FP_ARITH(mul, W, UINT, HOST, HOST_MAX, HOST_ABS, x * y, HOST_ABS(z) > HOST_MIN || x == 0 || y == 0)         \
    FP_ARITH(div, W, UINT, HOST, HOST_MAX, HOST_ABS, x / y, HOST_ABS(z) > HOST_MIN || x == 0)

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off", "no-math-errno")
#endif
/* Is z, what the host found for an operation on x and y, all usual and z finite, not exact? 1, 0; -1: not told here. */
static inline unsigned fp_significant64(double x) /* bits of the significand from the first 1 to the last */
{
    u64 v;
    memcpy(&v, &x, 8);
    return 53 - (unsigned)__builtin_ctzll(v | (u64)1 << 52);
}
/* Knuth's two-sum finds the error, which is always a number. */
static inline int fp_inexact_add64(double x, double y, double z)
{
    const double y_part = z - x, error = (x - (z - y_part)) + (y - y_part);
    return error == 0 ? 0 : fabs(error) <= DBL_MAX ? 1 : -1;
}
static inline int fp_inexact_sub64(double x, double y, double z) { return fp_inexact_add64(x, -y, z); }
/* A product has as many significant bits as both factors together, or one less. */
static inline int fp_inexact_mul64(double x, double y, double z)
{
    const unsigned bits = fp_significant64(x) + fp_significant64(y);
    return bits <= 53 ? 0 : bits >= 55 ? 1 : -1;
}
static inline int fp_inexact_div64(double x, double y, double z)
{
    const unsigned bits = fp_significant64(z) + fp_significant64(y);
    return x == 0 ? 0 : fabs(x) < 2 * DBL_MIN ? -1 : bits <= 53 ? z * y != x : bits >= 55 ? 1 : -1;
}
static inline int fp_inexact_sqrt64(double x, double z)
{
    const unsigned bits = 2 * fp_significant64(z);
    return bits <= 53 ? z * z != x : bits >= 55 ? 1 : -1;
}
static inline int fp_inexact_add32(float x, float y, float z)
{
    const float y_part = z - x, error = (x - (z - y_part)) + (y - y_part);
    return error == 0 ? 0 : fabsf(error) <= FLT_MAX ? 1 : -1;
}
static inline int fp_inexact_sub32(float x, float y, float z) { return fp_inexact_add32(x, -y, z); }
/* Products of two significands of 24 bits are exact as doubles. */
static inline int fp_inexact_mul32(float x, float y, float z) { return (double)x * y != z; }
static inline int fp_inexact_div32(float x, float y, float z) { return x != 0 && (double)z * y != x; } /* y may be infinite */
static inline int fp_inexact_sqrt32(float x, float z) { return (double)z * z != x; }

#define FP_ARITH(name, W, UINT, HOST, HOST_MAX, HOST_ABS, expr, sure)                                           \
    static inline UINT fp_##name##W(struct fp *f, UINT a, UINT b)                                               \
    {                                                                                                           \
        if (LIKELY(f->easy)) {                                                                                  \
            const HOST x = fp_host##W(a), y = fp_host##W(b);                                                    \
            if (LIKELY(fp_usual##W(x) && fp_usual##W(y))) {                                                     \
                const HOST z = expr;                                                                            \
                if (LIKELY(HOST_ABS(z) <= HOST_MAX && (sure))) {                                                \
                    const int inexact = f->sticky ? 0 : fp_inexact_##name##W(x, y, z);                          \
                    f->flags |= inexact > 0 ? FP_PE : 0;                                                        \
                    if (LIKELY(inexact >= 0))                                                                   \
                        return fp_bits##W(z);                                                                   \
                }                                                                                               \
            }                                                                                                   \
        }                                                                                                       \
        return fp_slow##W(f, a, b, f##W##_##name);                                                              \
    }

FP_FORMAT(32, u32, float, FLT_MIN, FLT_MAX, fabsf, 23)
FP_FORMAT(64, u64, double, DBL_MIN, DBL_MAX, fabs, 52)

#endif
