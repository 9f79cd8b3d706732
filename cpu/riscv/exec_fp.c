/* Handlers of floating-point arithmetic.
 *
 * Soft float defines the results. The fast reading uses the host's double and float where that provably gives the
 * same bits and no flag is lost: rounding to nearest even; a result that is finite and not tiny, so that neither
 * overflow, underflow nor invalid can have been raised; and either the inexact flag already set (it is sticky) or the
 * rounding error shown to be zero. Everything else falls back. */
#include <math.h>
#include <float.h>
#include <string.h>

#include "cpu/riscv/engine.h"
#include "cpu/softfloat/softfloat.h"

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off", "no-math-errno")
#endif

static inline double d_of(u64 v) { double d; memcpy(&d, &v, 8); return d; }
static inline u64 of_d(double d) { u64 v; memcpy(&v, &d, 8); return v; }
static inline float s_of(u64 v) { u32 w = (u32)v; float f; memcpy(&f, &w, 4); return f; }
static inline u64 of_s(float f) { u32 w; memcpy(&w, &f, 4); return w; }

static inline u64 unbox32(u64 v) { return LIKELY(v >> 32 == 0xffffffff) ? (u32)v : SF_F32_NAN; }
static inline u64 unbox16(u64 v) { return LIKELY(v >> 16 == 0xffffffffffff) ? (u16)v : SF_F16_NAN; }

/* Flags raised also make the state dirty: fcsr is part of it. */
static void raise_flags(struct hart *h, unsigned flags)
{
    if (flags) {
        h->fflags |= (u8)flags;
        h->mstatus |= MSTATUS_FS;
    }
}

#define GET32(reg) unbox32(h->f[i->reg])
#define GET64(reg) (h->f[i->reg])
#define GET16(reg) unbox16(h->f[i->reg])
#define F1BITS (h->f[i->rs1])
#define PUT32(v) h->f[i->rd] = (v) | (u64)0xffffffff << 32
#define PUT64(v) h->f[i->rd] = (v)
#define PUT16(v) h->f[i->rd] = (v) | (u64)0xffffffffffff << 16
#define LOW32(v) ((u64)(u32)(v))
#define LOW64(v) (v)
#define LOW16(v) ((u64)(u16)(v))
#define SIGN(w) ((u64)1 << ((w) - 1))
#define NEG32(v) ((v) ^ SIGN(32))
#define NEG64(v) ((v) ^ SIGN(64))
#define NEG16(v) ((v) ^ SIGN(16))
#define COPYSIGN32(a, b) (((a) & ~SIGN(32)) | ((b) & SIGN(32)))
#define COPYSIGN64(a, b) (((a) & ~SIGN(64)) | ((b) & SIGN(64)))
#define COPYSIGN16(a, b) (((a) & ~SIGN(16)) | ((b) & SIGN(16)))
#define CLASS32(a) ((u64)1 << f32_classify(a))
#define CLASS64(a) ((u64)1 << f64_classify(a))
#define CLASS16(a) ((u64)1 << f16_classify(a))

/* Is z = x + y without error? Knuth's two-sum, which is exact for finite values rounded to nearest. */
static inline bool exact_add64(double x, double y, double z)
{
    double v = z - x;
    return (x - (z - v)) + (y - v) == 0;
}
static inline bool exact_add32(float x, float y, float z)
{
    float v = z - x;
    return (x - (z - v)) + (y - v) == 0;
}
/* Is z = x * y without error? The error is representable when the product is not near the bottom of the range. */
static inline bool exact_mul64(double x, double y, double z)
{
    return (fabs(z) > 0x1p-900 && fma(x, y, -z) == 0) || (z == 0 && (x == 0 || y == 0));
}
static inline bool exact_mul32(float x, float y, float z) /* the product of floats fits a double */
{
    return (double)x * (double)y == (double)z;
}
static inline bool exact_fma64(double x, double y, double c, double z)
{
    double p = x * y;
    return exact_mul64(x, y, p) && exact_add64(p, c, p + c);
}
static inline bool exact_fma32(float x, float y, float c, float z)
{
    double p = (double)x * (double)y, s = p + (double)c;
    return exact_add64(p, c, s) && s == (double)z;
}

static inline bool less_or_equal(enum sf_relation r) { return r == SF_LESS || r == SF_EQUAL; }

#define XLEN 64
#define SLOW 0
#include "cpu/riscv/interp.h"
#include "cpu/riscv/fp_host.h"
#include "cpu/riscv/sem_fp.def"
#undef XLEN
#define XLEN 32
#include "cpu/riscv/interp.h"
#include "cpu/riscv/sem_fp.def"
#undef XLEN
#undef SLOW

#define XLEN 64
#define SLOW 1
#include "cpu/riscv/interp.h"
#include "cpu/riscv/fp_soft.h"
#include "cpu/riscv/sem_fp.def"
#undef XLEN
#define XLEN 32
#include "cpu/riscv/interp.h"
#include "cpu/riscv/sem_fp.def"
