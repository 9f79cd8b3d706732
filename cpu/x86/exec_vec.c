/* Handlers of the hot vector instructions: what the words of sem_vec.def mean to the interpreter. Two forms, rm a register
 * and rm memory at a flat address; memory elsewhere is the ops'. */
#include "cpu/x86/fast.h"
#include "cpu/x86/vec_fp.h"

typedef u64 X;
typedef u128 X128;

static inline X128 get128(const void *p)
{
    X128 v;
    memcpy(&v, p, 16);
    return v;
}
#define SLOW X86_TAIL x86_h_op(X86_PASS)
#define FALLBACK(holds)       \
    if (UNLIKELY(!(holds)))   \
    SLOW

#define XREG get128(&c->v[i->reg])
#define XREG64 c->v[i->reg].q[0]
#define XREG32 c->v[i->reg].d[0]
#define XPUT(x_) memcpy(&c->v[i->reg], &x_, 16)
#define XPUT64(x_) c->v[i->reg].q[0] = (x_)
#define XPUT32(x_) c->v[i->reg].d[0] = (u32)(x_)
#define XPUT64Z(x_)               \
    c->v[i->reg].q[0] = (x_);     \
    c->v[i->reg].q[1] = 0
#define XPUT32Z(x_) XPUT64Z((u64)(u32)(x_))

#define XXOR(a, b) ((a) ^ (b))
#define XAND(a, b) ((a) & (b))
#define XOR128(a, b) ((a) | (b))
#define XANDN(a, b) (~(a) & (b))

#define EASY(W, a, b)                                                            \
    FALLBACK((c->mxcsr & FP_HARD) == FP_ALL << FP_MASKS);                        \
    FALLBACK(fp_usual##W(fp_host##W(a)) && fp_usual##W(fp_host##W(b)))
#define EASY64(a, b) EASY(64, a, b)
#define EASY32(a, b) EASY(32, (u32)(a), (u32)(b))
/* What may be inexact and is not known to have been so before: expr tells, as fp_inexact_..() do. */
#define STICKY(r, expr)                                                          \
    if (UNLIKELY(!(c->mxcsr & FP_PE))) {                                         \
        const int r##_inexact = expr;                                            \
        FALLBACK(r##_inexact >= 0);                                              \
        c->mxcsr |= r##_inexact ? FP_PE : 0;                                     \
    }
#define F_(r, a, op, name, b, W, HOST, UINT, ABS, MIN, MAX, sure)                \
    const HOST r##_x = fp_host##W((UINT)(a)), r##_y = fp_host##W((UINT)(b)), r##_z = r##_x op r##_y; \
    FALLBACK(ABS(r##_z) <= MAX && (ABS(r##_z) > MIN || (sure)));                 \
    STICKY(r, fp_inexact_##name##W(r##_x, r##_y, r##_z))                         \
    const X r = fp_bits##W(r##_z)
#define F64(r, a, op, name, b, sure) F_(r, a, op, name, b, 64, double, u64, fabs, DBL_MIN, DBL_MAX, sure)
#define F32(r, a, op, name, b, sure) F_(r, a, op, name, b, 32, float, u32, fabsf, FLT_MIN, FLT_MAX, sure)
#define FADD64(r, a, b) F64(r, a, +, add, b, r##_z == 0)
#define FSUB64(r, a, b) F64(r, a, -, sub, b, r##_z == 0)
#define FMUL64(r, a, b) F64(r, a, *, mul, b, r##_x == 0 || r##_y == 0)
#define FDIV64(r, a, b) F64(r, a, /, div, b, r##_x == 0)
#define FADD32(r, a, b) F32(r, a, +, add, b, r##_z == 0)
#define FSUB32(r, a, b) F32(r, a, -, sub, b, r##_z == 0)
#define FMUL32(r, a, b) F32(r, a, *, mul, b, r##_x == 0 || r##_y == 0)
#define FDIV32(r, a, b) F32(r, a, /, div, b, r##_x == 0)

#define FSQRT_(r, a, W, HOST, UINT, SQRT, MAX)                                   \
    const HOST r##_x = fp_host##W((UINT)(a));                                    \
    FALLBACK(r##_x >= 0 && r##_x <= MAX);                                        \
    const HOST r##_z = SQRT(r##_x);                                              \
    STICKY(r, fp_inexact_sqrt##W(r##_x, r##_z))                                  \
    const X r = fp_bits##W(r##_z)
#define FSQRT64(r, a) FSQRT_(r, a, 64, double, u64, __builtin_sqrt, DBL_MAX)
#define FSQRT32(r, a) FSQRT_(r, a, 32, float, u32, __builtin_sqrtf, FLT_MAX)
/* Ordered and not denormal: nothing is raised (SDM 2B, UCOMISD). */
#define FCOMPARE_(a, b, W, HOST, UINT)                                           \
    const HOST a##_x = fp_host##W((UINT)(a)), b##_x = fp_host##W((UINT)(b));     \
    FALLBACK(fp_usual##W(a##_x) && fp_usual##W(b##_x));                          \
    c->arith = (u16)(FL_ONE | (a##_x == b##_x ? FL_ZF : 0) | (a##_x < b##_x ? FL_CF : 0))
#define FCOMPARE64(a, b) FCOMPARE_(a, b, 64, double, u64)
#define FCOMPARE32(a, b) FCOMPARE_(a, b, 32, float, u32)
/* Integers that a double holds. */
#define FROM_INT64(r, v)                                                         \
    const i64 r##_i = i->flags & X86_I_W ? (i64)(v) : (i32)(v);                  \
    FALLBACK(r##_i >= -((i64)1 << 53) && r##_i <= (i64)1 << 53);                 \
    const X r = fp_bits64((double)r##_i)
#define TO_INT64(r, a)                                                           \
    const double r##_x = fp_host64(a), r##_max = i->flags & X86_I_W ? 0x1p62 : 0x1p30; \
    FALLBACK((c->mxcsr & FP_ALL << FP_MASKS) == FP_ALL << FP_MASKS);             \
    FALLBACK(fp_usual64(r##_x) && fabs(r##_x) < r##_max);                        \
    const X r = (X)(i64)r##_x;                                                   \
    STICKY(r, (double)(i64)r != r##_x)
#define WIDEN(r, a)                                                              \
    FALLBACK(fabsf(fp_host32((u32)(a))) <= FLT_MAX);                             \
    const X r = fp_bits64(fp_host32((u32)(a)))
#define NARROW(r, a)                                                             \
    const double r##_x = fp_host64(a);                                           \
    FALLBACK(fabs(r##_x) <= FLT_MAX);                                            \
    const float r##_z = (float)r##_x;                                            \
    FALLBACK(fabsf(r##_z) <= FLT_MAX && (fabsf(r##_z) > FLT_MIN || r##_x == 0)); \
    STICKY(r, r##_z != r##_x)                                                    \
    const X r = fp_bits32(r##_z)
#define XREGG(x_) c->r[i->reg] = i->flags & X86_I_W ? (x_) : (u32)(x_)
#define XHIGH c->v[i->reg].q[1]
#define XPUTHIGH(x_) c->v[i->reg].q[1] = (x_)

/* --- all elements: what EASY and F_ ask of one, at once --- */
#define PACKED_(W, TYPE, MASKS, HOST, ABS_MASK, MIN, MAX, op, name, sure)        \
    XRMA(bits_);                                                                 \
    TYPE x, y;                                                                   \
    memcpy(&x, &c->v[i->reg], 16);                                               \
    memcpy(&y, &bits_, 16);                                                      \
    FALLBACK((c->mxcsr & FP_HARD) == FP_ALL << FP_MASKS);                        \
    const TYPE z = x op y;                                                       \
    const MASKS abs_x = (MASKS)x & ABS_MASK, abs_y = (MASKS)y & ABS_MASK, abs_z = (MASKS)z & ABS_MASK; \
    const MASKS ok = (((TYPE)abs_x >= MIN) | (x == 0)) & (((TYPE)abs_y >= MIN) | (y == 0)) & \
                     ((TYPE)abs_z <= MAX) & (((TYPE)abs_z > MIN) | (sure));      \
    u64 all[2];                                                                  \
    memcpy(all, &ok, 16);                                                        \
    FALLBACK((all[0] & all[1]) == ~(u64)0);                                      \
    if (UNLIKELY(!(c->mxcsr & FP_PE)))                                           \
        for (unsigned k = 0; k < 128 / W; k++) {                                 \
            const int inexact = fp_inexact_##name##W(x[k], y[k], z[k]);          \
            FALLBACK(inexact >= 0); /* PE of an earlier element stays: it will be raised in any case */ \
            c->mxcsr |= inexact ? FP_PE : 0;                                     \
        }                                                                        \
    memcpy(&c->v[i->reg], &z, 16)
typedef double f64x2 __attribute__((vector_size(16)));
typedef i64 i64x2 __attribute__((vector_size(16)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef i32 i32x4 __attribute__((vector_size(16)));
#define PD(op, name, sure) PACKED_(64, f64x2, i64x2, double, INT64_MAX, DBL_MIN, DBL_MAX, op, name, sure)
#define PS(op, name, sure) PACKED_(32, f32x4, i32x4, float, INT32_MAX, FLT_MIN, FLT_MAX, op, name, sure)

/* --- rm is a register --- */
#define XRM(x_) const X128 x_ = get128(&c->v[i->rm])
#define XRMA(x_) XRM(x_)
#define XRM64(x_) const X x_ = c->v[i->rm].q[0]
#define XRM32(x_) const X x_ = c->v[i->rm].d[0]
#define XRMG(x_) const X x_ = i->flags & X86_I_W ? c->r[i->rm] : (u32)c->r[i->rm]
#define XSTORE(x_) memcpy(&c->v[i->rm], &x_, 16)
#define XSTOREA(x_) XSTORE(x_)
#define XSTORE64(x_) c->v[i->rm].q[0] = (x_)
#define XSTORE32(x_) c->v[i->rm].d[0] = (u32)(x_)
#define XSTOREQ(x_)               \
    c->v[i->rm].q[0] = (x_);      \
    c->v[i->rm].q[1] = 0
#define XSTOREG(x_) c->r[i->rm] = i->flags & X86_I_W ? (x_) : (u32)(x_)
#define SEMX(name, ...)                  \
    static i64 xh_##name##_r(X86_ARGS)   \
    {                                    \
        __VA_ARGS__;                     \
        X86_NEXT;                        \
    }
#include "cpu/x86/sem_vec.def"
#include "cpu/x86/sem_pack.def"
#undef SEMX
#undef XRM
#undef XRMA
#undef XRM64
#undef XRM32
#undef XRMG
#undef XSTORE
#undef XSTOREA
#undef XSTORE64
#undef XSTORE32
#undef XSTOREQ
#undef XSTOREG

/* --- rm is memory --- */
#define ACCESS(x_, n, tag_)                                                    \
    const u64 x_##_la = x86_flat_address(c, i, ctx);                           \
    const struct x86_tlb *const x_##_tlb = x86_tlb_at(ctx, x_##_la);            \
    FALLBACK(x_##_tlb->tag_ == x86_tlb_tag(x_##_la, n));                        \
    void *const x_##_host = (void *)(uintptr_t)(x_##_la + x_##_tlb->addend)
#define LOAD(x_, n)                                                            \
    ACCESS(x_, n, rtag);                                                       \
    const X x_ = load_le(x_##_host, n)
#define XRM(x_)                                                                \
    ACCESS(x_, 16, rtag);                                                      \
    const X128 x_ = get128(x_##_host)
#define XRMA(x_)                                                               \
    ACCESS(x_, 16, rtag);                                                      \
    FALLBACK(!(x_##_la & 15));                                                 \
    const X128 x_ = get128(x_##_host)
#define XRM64(x_) LOAD(x_, 8)
#define XRM32(x_) LOAD(x_, 4)
#define XRMG(x_) LOAD(x_, (i->flags & X86_I_W ? 8 : 4))
#define XSTORE(x_)                                                             \
    ACCESS(rm, 16, wtag);                                                     \
    memcpy(rm_host, &x_, 16)
#define XSTOREA(x_)                                                            \
    ACCESS(rm, 16, wtag);                                                     \
    FALLBACK(!(rm_la & 15));                                                  \
    memcpy(rm_host, &x_, 16)
#define XSTORE64(x_)                                                           \
    ACCESS(rm, 8, wtag);                                                      \
    store_le(rm_host, 8, x_)
#define XSTOREQ(x_) XSTORE64(x_)
#define XSTORE32(x_)                                                           \
    ACCESS(rm, 4, wtag);                                                      \
    store_le(rm_host, 4, x_)
#define XSTOREG(x_)                                                            \
    const unsigned rm_n = i->flags & X86_I_W ? 8 : 4;                         \
    ACCESS(rm, rm_n, wtag);                                                   \
    store_le(rm_host, rm_n, x_)
#define SEMX(name, ...)                  \
    static i64 xh_##name##_m(X86_ARGS)   \
    {                                    \
        __VA_ARGS__;                     \
        X86_NEXT;                        \
    }
#include "cpu/x86/sem_vec.def"
#include "cpu/x86/sem_pack.def"
#undef SEMX

#define SEMX(name, ...) FAST_TABLE(name)
#include "cpu/x86/sem_vec.def"
#include "cpu/x86/sem_pack.def"
