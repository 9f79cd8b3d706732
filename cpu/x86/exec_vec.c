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

#define MASKED (FP_ALL << FP_MASKS | 3u << FP_RC | FP_PE)
#define EASY(W, a, b)                                                            \
    FALLBACK((c->mxcsr & MASKED) == (FP_ALL << FP_MASKS | FP_PE));               \
    FALLBACK(fp_usual##W(fp_host##W(a)) && fp_usual##W(fp_host##W(b)))
#define EASY64(a, b) EASY(64, a, b)
#define EASY32(a, b) EASY(32, (u32)(a), (u32)(b))
#define F_(r, a, op, b, W, HOST, UINT, ABS, MIN, MAX, sure)                      \
    const HOST r##_x = fp_host##W((UINT)(a)), r##_y = fp_host##W((UINT)(b)), r##_z = r##_x op r##_y; \
    FALLBACK(ABS(r##_z) <= MAX && (ABS(r##_z) > MIN || (sure)));                 \
    const X r = fp_bits##W(r##_z)
#define F64(r, a, op, b, sure) F_(r, a, op, b, 64, double, u64, fabs, DBL_MIN, DBL_MAX, sure)
#define F32(r, a, op, b, sure) F_(r, a, op, b, 32, float, u32, fabsf, FLT_MIN, FLT_MAX, sure)
#define FADD64(r, a, b) F64(r, a, +, b, r##_z == 0)
#define FSUB64(r, a, b) F64(r, a, -, b, r##_z == 0)
#define FMUL64(r, a, b) F64(r, a, *, b, r##_x == 0 || r##_y == 0)
#define FDIV64(r, a, b) F64(r, a, /, b, r##_x == 0)
#define FADD32(r, a, b) F32(r, a, +, b, r##_z == 0)
#define FSUB32(r, a, b) F32(r, a, -, b, r##_z == 0)
#define FMUL32(r, a, b) F32(r, a, *, b, r##_x == 0 || r##_y == 0)
#define FDIV32(r, a, b) F32(r, a, /, b, r##_x == 0)

/* --- rm is a register --- */
#define XRM(x_) const X128 x_ = get128(&c->v[i->rm])
#define XRMA(x_) XRM(x_)
#define XRM64(x_) const X x_ = c->v[i->rm].q[0]
#define XRM32(x_) const X x_ = c->v[i->rm].d[0]
#define XRMG(x_) const X x_ = i->flags & X86_I_W ? c->r[i->rm] : (u32)c->r[i->rm]
#define XSTORE(x_) memcpy(&c->v[i->rm], &x_, 16)
#define XSTOREA(x_) XSTORE(x_)
#define XSTORE64(x_) c->v[i->rm].q[0] = (x_)
#define SEMX(name, ...)                  \
    static i64 xh_##name##_r(X86_ARGS)   \
    {                                    \
        __VA_ARGS__;                     \
        X86_NEXT;                        \
    }
#include "cpu/x86/sem_vec.def"
#undef SEMX
#undef XRM
#undef XRMA
#undef XRM64
#undef XRM32
#undef XRMG
#undef XSTORE
#undef XSTOREA
#undef XSTORE64

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
#define SEMX(name, ...)                  \
    static i64 xh_##name##_m(X86_ARGS)   \
    {                                    \
        __VA_ARGS__;                     \
        X86_NEXT;                        \
    }
#include "cpu/x86/sem_vec.def"
#undef SEMX

#define SEMX(name, ...)                                                                             \
    x86_handler *const xf_##name[X86_FORMS] = {                                                     \
        [0 ... 3] = xh_##name##_r, [X86_FORM_MEM ... X86_FORM_MEM + 3] = xh_##name##_m,             \
        [X86_FORM_SEG ... X86_FORM_SEG + 3] = xh_##name##_r,                                        \
    };
#include "cpu/x86/sem_vec.def"
