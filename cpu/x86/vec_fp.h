/* Floating point of vector instructions: MXCSR, NaNs, denormals (SDM 1, chapter 4.8, 4.9, 10.2.3 and 11.5).
 *
 * An element function is given struct fp, works on the elements that fit into n bytes and adds to `flags` what they raise. Soft
 * float defines the results. The host's own arithmetic is used where that provably gives the same bits and flags: all
 * exceptions masked, rounding to nearest, the inexact flag already set (it is sticky), and operands and result neither NaN,
 * infinite nor denormal. */
#ifndef CPU_X86_VEC_FP_H
#define CPU_X86_VEC_FP_H

#include <float.h>
#include <math.h>

#include "cpu/softfloat/softfloat.h"
#include "cpu/x86/vec.h"

/* MXCSR (SDM 1, figure 10-3); the masks are the flags << FP_MASKS */
enum { FP_IE = 1, FP_DE = 2, FP_ZE = 4, FP_OE = 8, FP_UE = 16, FP_PE = 32, FP_ALL = 63, FP_DAZ = 64, FP_MASKS = 7,
       FP_RC = 13, FP_FZ = 1 << 15 };

struct fp {
    struct sf_env e;
    u32 mxcsr, flags;
    bool easy; /* the host's arithmetic may do */
    bool vex;
};

typedef void fp_fn(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm);

void fp_start(struct fp *f, const struct x86 *c);
u8 fp_rounding(unsigned rc);
/* MXCSR gets the flags. False: #XM (or #UD) for an exception that is not masked. */
bool fp_end(struct fp *f, struct x86 *c);

/* Shapes: of all elements; of the first, `size` bytes wide, the others from the first operand. memory: as vec_binary_of(). */
bool fp_packed(struct x86 *c, const struct x86_insn *i, fp_fn *f, int memory);
bool fp_scalar(struct x86 *c, const struct x86_insn *i, fp_fn *f, unsigned size, unsigned memory);

/* Would a product or quotient that is tiny be exact if exponents had no end? */
bool fp_exact_but_tiny32(u64 a, u64 b, bool quotient);
bool fp_exact_but_tiny64(u64 a, u64 b, bool quotient);

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
    /* Underflow that traps: "inexact" is then said of the result with any exponent (SDM 1, 4.9.1.5). */         \
    static inline bool fp_trapped_tiny##W(const struct fp *f, UINT r)                                           \
    {                                                                                                           \
        return !(f->mxcsr & FP_UE << FP_MASKS) && (f->e.flags & SF_INEXACT) &&                                  \
               ((f->e.flags & SF_UNDERFLOW) || fp_is_denormal##W(r));                                           \
    }                                                                                                           \
    static inline UINT fp_slow##W(struct fp *f, UINT a, UINT b, u64 (*op)(struct sf_env *, u64, u64))           \
    {                                                                                                           \
        UINT r;                                                                                                 \
        a = fp_in##W(f, a);                                                                                     \
        b = fp_in##W(f, b);                                                                                     \
        if (fp_nan##W(f, a, b, &r))                                                                             \
            return r;                                                                                           \
        r = (UINT)op(&f->e, a, b);                                                                              \
        if (UNLIKELY(fp_trapped_tiny##W(f, r)) && fp_exact_but_tiny##W(a, b, op == f##W##_div))                 \
            f->e.flags &= (u8)~SF_INEXACT;                                                                      \
        return fp_out##W(f, r, fp_is_denormal##W(a) || fp_is_denormal##W(b));                                   \
    }                                                                                                           \
    /* exact: is a result of zero (or the smallest normal number) without error? */                             \
    FP_ARITH(add, W, UINT, HOST, HOST_MAX, HOST_ABS, x + y, HOST_ABS(z) >= HOST_MIN || z == 0)                  \
    FP_ARITH(sub, W, UINT, HOST, HOST_MAX, HOST_ABS, x - y, HOST_ABS(z) >= HOST_MIN || z == 0)                  \
    FP_ARITH(mul, W, UINT, HOST, HOST_MAX, HOST_ABS, x * y, HOST_ABS(z) > HOST_MIN || x == 0 || y == 0)         \
    FP_ARITH(div, W, UINT, HOST, HOST_MAX, HOST_ABS, x / y, HOST_ABS(z) > HOST_MIN || x == 0)

#define FP_ARITH(name, W, UINT, HOST, HOST_MAX, HOST_ABS, expr, sure)                                           \
    static inline UINT fp_##name##W(struct fp *f, UINT a, UINT b)                                               \
    {                                                                                                           \
        if (LIKELY(f->easy)) {                                                                                  \
            const HOST x = fp_host##W(a), y = fp_host##W(b);                                                    \
            if (LIKELY(fp_usual##W(x) && fp_usual##W(y))) {                                                     \
                const HOST z = expr;                                                                            \
                if (LIKELY(HOST_ABS(z) <= HOST_MAX && (sure)))                                                  \
                    return fp_bits##W(z);                                                                       \
            }                                                                                                   \
        }                                                                                                       \
        return fp_slow##W(f, a, b, f##W##_##name);                                                              \
    }

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off", "no-math-errno")
#endif
FP_FORMAT(32, u32, float, FLT_MIN, FLT_MAX, fabsf, 23)
FP_FORMAT(64, u64, double, DBL_MIN, DBL_MAX, fabs, 52)

#endif
