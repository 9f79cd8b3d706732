/* Arithmetic and comparison of floating-point elements (SDM 2, each instruction under its name). */
#include "cpu/x86/vec_fp.h"

#define OP(name) bool x86_op_##name(struct x86 *c, const struct x86_insn *i)

u8 fp_rounding(unsigned rc)
{
    static const u8 modes[] = { SF_NEAREST_EVEN, SF_DOWN, SF_UP, SF_TO_ZERO };
    return modes[rc & 3];
}

void fp_start(struct fp *f, const struct x86 *c)
{
    f->mxcsr = c->mxcsr;
    f->flags = f->earlier = 0;
    f->vex = false;
    f->e = (struct sf_env){ .rounding = fp_rounding(c->mxcsr >> FP_RC) };
    f->easy = (c->mxcsr & FP_HARD) == FP_ALL << FP_MASKS;
    f->sticky = c->mxcsr & FP_PE;
}

static u32 unmasked(const struct fp *f) { return f->flags & ~(f->mxcsr >> FP_MASKS) & FP_ALL; }

bool fp_stage(struct fp *f)
{
    if (unmasked(f))
        return false;
    f->earlier |= f->flags;
    f->flags = 0;
    return true;
}

bool fp_end(struct fp *f, struct x86 *c)
{
    const u32 open = unmasked(f);
    c->mxcsr |= f->earlier;
    if (UNLIKELY(open)) {
        /* Those found before the computation keep the others from being looked for (SDM 1, 11.5.3.2). */
        if (open & (FP_IE | FP_DE | FP_ZE))
            f->flags &= FP_IE | FP_DE | FP_ZE;
        c->mxcsr |= f->flags;
        if (!(c->cr4 & CR4_OSXMMEXCPT))
            return x86_ud(c, "a floating-point exception without CR4.OSXMMEXCPT");
        return x86_fault(c, EXC_XM, "a floating-point exception that MXCSR does not mask");
    }
    c->mxcsr |= f->flags;
    return true;
}

/* The same operation on operands that are scaled by powers of two so that the result is normal and they stay so. That a result
 * is tiny, or overflows, bounds both: a factor of a tiny product is at most 2^-1022 / 2^-1074, the dividend of a tiny quotient
 * below 4... Tiny sums are always exact. */
bool fp_exact64(fp_op *op, u64 a, u64 b, bool overflow)
{
    struct sf_env e = { .flags = 0 };
    int sa = -2, sb = -2;
    if (op == f64_mul)
        sa = sb = overflow ? -550 : 600;
    else if (op == f64_div) {
        sa = overflow ? -500 : 1000;
        sb = overflow ? 600 : (b & ~FP_SIGN64) >> FP_FRAC64 >= 1023 ? -500 : 0;
    }
    a = f64_mul(&e, a, (u64)(1023 + sa) << FP_FRAC64);
    b = f64_mul(&e, b, (u64)(1023 + sb) << FP_FRAC64);
    op(&e, a, b);
    return !(e.flags & SF_INEXACT);
}

bool fp_exact32(fp_op *op, u64 a, u64 b, bool overflow)
{
    struct sf_env e = { .flags = 0 };
    int sa = -2, sb = -2;
    if (op == f32_mul)
        sa = sb = overflow ? -65 : 90;
    else if (op == f32_div) {
        sa = overflow ? -80 : 120;
        sb = overflow ? 90 : (b & ~(u64)FP_SIGN32) >> FP_FRAC32 >= 127 ? -60 : 0;
    }
    a = f32_mul(&e, a, (u64)(127 + sa) << FP_FRAC32);
    b = f32_mul(&e, b, (u64)(127 + sb) << FP_FRAC32);
    op(&e, a, b);
    return !(e.flags & SF_INEXACT);
}

bool fp_packed(struct x86 *c, const struct x86_insn *i, fp_fn *fn, int memory)
{
    const unsigned n = vec_width(i);
    struct fp f;
    vec b, r;
    if (!vec_rm(c, i, memory > 0 ? (unsigned)memory : n >> -memory, &b))
        return false;
    memset(&r, 0, sizeof r);
    fp_start(&f, c);
    f.vex = vec_is_vex(i);
    fn(&f, &r, vec_first(c, i), &b, n, (unsigned)i->imm);
    if (!fp_end(&f, c))
        return false;
    vec_put(c, i, i->reg, &r, n);
    return true;
}

bool fp_scalar(struct x86 *c, const struct x86_insn *i, fp_fn *fn, unsigned size, unsigned memory)
{
    struct fp f;
    vec b, r = *vec_first(c, i);
    if (!vec_rm(c, i, memory, &b))
        return false;
    fp_start(&f, c);
    f.vex = vec_is_vex(i);
    fn(&f, &r, vec_first(c, i), &b, size, (unsigned)i->imm);
    if (!fp_end(&f, c))
        return false;
    vec_put(c, i, i->reg, &r, 16);
    return true;
}

/* ps, pd, ss, sd of an expression of a and b */
#define FP_EACH(name, W, field, t, expr)                                                             \
    static void f_##name##t(struct fp *f, vec *r, const vec *A, const vec *B, unsigned n, unsigned imm) \
    {                                                                                                   \
        for (unsigned k = 0; k < n / (W / 8); k++) {                                                    \
            const u##W a = A->field[k], b = B->field[k];                                                \
            (void)a;                                                                                    \
            r->field[k] = (u##W)(expr);                                                                 \
        }                                                                                               \
    }                                                                                                   \
    OP(name##p##t) { return fp_packed(c, i, f_##name##t, VEC_ALL); }                                    \
    OP(name##s##t) { return fp_scalar(c, i, f_##name##t, W / 8, W / 8); }
#define FP_FOUR(name, ...)                                \
    FP_EACH(name, 32, d, s, name##32(f, __VA_ARGS__))   \
    FP_EACH(name, 64, q, d, name##64(f, __VA_ARGS__))

#define add32 fp_add32
#define add64 fp_add64
#define sub32 fp_sub32
#define sub64 fp_sub64
#define mul32 fp_mul32
#define mul64 fp_mul64
#define div32 fp_div32
#define div64 fp_div64
FP_FOUR(add, a, b)
FP_FOUR(sub, a, b)
FP_FOUR(mul, a, b)
FP_FOUR(div, a, b)

#define UNARY_AND_CHOICE(W, host, host_sqrt, host_max)                                            \
    static inline u##W sqrt##W(struct fp *f, u##W a)                                              \
    {                                                                                             \
        u##W r;                                                                                   \
        if (LIKELY(f->easy)) {                                                                    \
            const host x = fp_host##W(a);                                                         \
            if (LIKELY(x >= 0 && x <= host_max && fp_usual##W(x))) {                              \
                const host z = host_sqrt(x);                                                      \
                const int inexact = f->sticky ? 0 : fp_inexact_sqrt##W(x, z);                     \
                f->flags |= inexact > 0 ? FP_PE : 0;                                              \
                if (LIKELY(inexact >= 0))                                                         \
                    return fp_bits##W(z);                                                         \
            }                                                                                     \
        }                                                                                         \
        a = fp_in##W(f, a);                                                                       \
        if (fp_nan##W(f, a, a, &r))                                                               \
            return r;                                                                             \
        r = (u##W)f##W##_sqrt(&f->e, a);                                                          \
        return fp_out##W(f, r, fp_is_denormal##W(a));                                             \
    }                                                                                             \
    /* MIN and MAX: the second operand unless the first is strictly beyond it. */                 \
    static inline u##W choose##W(struct fp *f, u##W a, u##W b, enum sf_relation want)             \
    {                                                                                             \
        a = fp_in##W(f, a);                                                                       \
        b = fp_in##W(f, b);                                                                       \
        enum sf_relation is = f##W##_compare(&f->e, a, b, true);                                  \
        if (f->e.flags)                                                                           \
            f->flags |= FP_IE;                                                                    \
        else if (fp_is_denormal##W(a) || fp_is_denormal##W(b))                                    \
            f->flags |= FP_DE;                                                                    \
        f->e.flags = 0;                                                                           \
        return is == want ? a : b;                                                                \
    }                                                                                             \
    static inline u##W min##W(struct fp *f, u##W a, u##W b) { return choose##W(f, a, b, SF_LESS); } \
    static inline u##W max##W(struct fp *f, u##W a, u##W b) { return choose##W(f, a, b, SF_GREATER); }
UNARY_AND_CHOICE(32, float, __builtin_sqrtf, FLT_MAX)
UNARY_AND_CHOICE(64, double, __builtin_sqrt, DBL_MAX)
FP_FOUR(sqrt, b)
FP_FOUR(min, a, b)
FP_FOUR(max, a, b)

/* --- comparisons --- */

enum { LT = 1, EQ = 2, GT = 4, UN = 8, SIG = 16 /* any NaN is invalid, not only signalling ones */ };
static unsigned relation(enum sf_relation r)
{
    return r == SF_LESS ? LT : r == SF_EQUAL ? EQ : r == SF_GREATER ? GT : UN;
}

/* The predicates (SDM 2A, CMPPD, table 3-1) */
static unsigned predicate(unsigned imm)
{
    static const u8 first[16] = { EQ, LT | SIG, LT | EQ | SIG, UN, LT | GT | UN, EQ | GT | UN | SIG, GT | UN | SIG,
                                  LT | EQ | GT, EQ | UN, LT | UN | SIG, LT | EQ | UN | SIG, 0, LT | GT, EQ | GT | SIG,
                                  GT | SIG, LT | EQ | GT | UN };
    return first[imm & 15] ^ (imm & 16 ? SIG : 0);
}

#define COMPARE(W)                                                                                \
    static inline unsigned compare##W(struct fp *f, u##W a, u##W b, bool signaling)               \
    {                                                                                             \
        a = fp_in##W(f, a);                                                                       \
        b = fp_in##W(f, b);                                                                       \
        enum sf_relation is = f##W##_compare(&f->e, a, b, signaling);                             \
        if (f->e.flags)                                                                           \
            f->flags |= FP_IE;                                                                    \
        else if (is != SF_UNORDERED && (fp_is_denormal##W(a) || fp_is_denormal##W(b)))            \
            f->flags |= FP_DE;                                                                    \
        f->e.flags = 0;                                                                           \
        return relation(is);                                                                      \
    }                                                                                             \
    static inline u##W cmp##W(struct fp *f, u##W a, u##W b, unsigned imm)                         \
    {                                                                                             \
        unsigned p = predicate(imm);                                                              \
        return compare##W(f, a, b, p & SIG) & p ? ~(u##W)0 : 0;                                   \
    }
COMPARE(32)
COMPARE(64)
FP_FOUR(cmp, a, b, imm & (f->vex ? 31 : 7))

/* COMISS and the like: rm against reg */
static bool set_flags(struct x86 *c, struct fp *f, unsigned is)
{
    if (!fp_end(f, c))
        return false;
    x86_set_arith(c, is == UN ? X86_ZF | X86_PF | X86_CF : is == EQ ? X86_ZF : is == LT ? X86_CF : 0);
    return true;
}
#define COMI(name, W, field, signaling)                                                           \
    OP(name)                                                                                      \
    {                                                                                             \
        struct fp f;                                                                              \
        vec b;                                                                                    \
        if (!vec_rm(c, i, W / 8, &b))                                                             \
            return false;                                                                         \
        fp_start(&f, c);                                                                          \
        return set_flags(c, &f, compare##W(&f, c->v[i->reg].field[0], b.field[0], signaling));    \
    }
COMI(comiss, 32, d, true)
COMI(comisd, 64, q, true)
COMI(ucomiss, 32, d, false)
COMI(ucomisd, 64, q, false)

/* --- neighbours --- */

#define NEIGHBOURS(W, field, t)                                                                         \
    static void f_hadd##t(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)   \
    {                                                                                                   \
        for (unsigned k = 0; k < n / (W / 8); k++) {                                                    \
            const unsigned per = 128 / W, j = k % per, from = k - j + 2 * j % per;                      \
            const vec *s = j < per / 2 ? a : b;                                                         \
            r->field[k] = fp_add##W(f, s->field[from], s->field[from + 1]);                             \
        }                                                                                               \
    }                                                                                                   \
    static void f_hsub##t(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)   \
    {                                                                                                   \
        for (unsigned k = 0; k < n / (W / 8); k++) {                                                    \
            const unsigned per = 128 / W, j = k % per, from = k - j + 2 * j % per;                      \
            const vec *s = j < per / 2 ? a : b;                                                         \
            r->field[k] = fp_sub##W(f, s->field[from], s->field[from + 1]);                             \
        }                                                                                               \
    }                                                                                                   \
    static void f_addsub##t(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm) \
    {                                                                                                   \
        for (unsigned k = 0; k < n / (W / 8); k++)                                                      \
            r->field[k] = k & 1 ? fp_add##W(f, a->field[k], b->field[k]) : fp_sub##W(f, a->field[k], b->field[k]); \
    }                                                                                                   \
    OP(haddp##t) { return fp_packed(c, i, f_hadd##t, VEC_ALL); }                                        \
    OP(hsubp##t) { return fp_packed(c, i, f_hsub##t, VEC_ALL); }                                        \
    OP(addsubp##t) { return fp_packed(c, i, f_addsub##t, VEC_ALL); }
NEIGHBOURS(32, d, s)
NEIGHBOURS(64, q, d)

/* --- approximations ---
 * The manual bounds the relative error by 1.5 * 2^-12 and leaves the bits open. These are those of Intel's processors since
 * Skylake at least: twelve bits of the true value in the middle of the interval that the leading bits of the operand name.
 * Denormal operands count as zero, denormal results become zero, and nothing is raised. */

static u32 rcp(u32 a)
{
    const u32 sign = a & FP_SIGN32, exp = a >> 23 & 255, k = a >> 12 & 2047;
    if (fp_is_nan32(a))
        return a | FP_QUIET32;
    if (exp == 0 || exp == 255)
        return sign | (exp ? 0 : FP_INF32);
    if (exp > 252)
        return sign;
    const u32 den = 4097 + 2 * k, v = ((1u << 25) + den / 2) / den; /* 8192 / (1 + (2k + 1) / 4096), rounded */
    return sign | (253 - exp) << 23 | (v & 4095) << 11;
}

static u32 rsqrt(u32 a)
{
    const u32 exp = a >> 23 & 255, k = a >> 13 & 1023, odd = (exp & 1) ^ 1;
    if (fp_is_nan32(a))
        return a | FP_QUIET32;
    if (exp == 0)
        return (a & FP_SIGN32) | FP_INF32;
    if (a & FP_SIGN32)
        return FP_NAN32;
    if (exp == 255)
        return 0;
    /* 8192 / sqrt(m), rounded, m = (1 + (2k + 1) / 2048) << odd: the largest v with (2v - 1)^2 * m <= 2^28 */
    const u64 square = ((u64)1 << 39) / ((2049 + 2 * k) << odd);
    u64 root = 8192; /* 2v - 1 is from 8191 to 16383 */
    for (u64 bit = 4096; bit; bit >>= 1)
        if ((root + bit) * (root + bit) <= square)
            root += bit;
    const u32 v = (u32)((root + 1) / 2);
    const int half = ((int)exp - 127 - (int)odd) / 2;
    return (u32)(126 - half) << 23 | (v & 4095) << 11;
}

static void f_rcp(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 4; k++)
        r->d[k] = rcp(b->d[k]);
}
static void f_rsqrt(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 4; k++)
        r->d[k] = rsqrt(b->d[k]);
}
OP(rcpps) { return fp_packed(c, i, f_rcp, VEC_ALL); }
OP(rcpss) { return fp_scalar(c, i, f_rcp, 4, 4); }
OP(rsqrtps) { return fp_packed(c, i, f_rsqrt, VEC_ALL); }
OP(rsqrtss) { return fp_scalar(c, i, f_rsqrt, 4, 4); }

/* --- SSE4.1 --- */

/* ROUNDPS: imm 1:0 is the rounding unless bit 2 says MXCSR's; bit 3: inexact results raise nothing. */
static void round_by(struct fp *f, unsigned imm)
{
    if (!(imm & 4))
        f->e.rounding = fp_rounding(imm);
}
#define ROUND(W)                                                                    \
    static inline u##W round##W(struct fp *f, u##W a, unsigned imm)                 \
    {                                                                               \
        u##W r;                                                                     \
        round_by(f, imm);                                                           \
        a = fp_in##W(f, a);                                                         \
        if (fp_nan##W(f, a, a, &r))                                                 \
            return r;                                                               \
        r = (u##W)f##W##_round_to_int(&f->e, a, !(imm & 8));                        \
        return fp_out##W(f, r, false);                                              \
    }
ROUND(32)
ROUND(64)
FP_FOUR(round, b, imm)

/* Products where the upper half of the immediate says so, their sum where the lower half does. Exceptions are looked for after
 * the products and after each sum. Which NaN a sum of two takes differs by element, as on Intel's processors. */
static void f_dpps(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    vec p = { { 0 } }, t;
    for (unsigned k = 0; k < n / 4; k++)
        if (imm >> (4 + (k & 3)) & 1)
            p.d[k] = fp_mul32(f, a->d[k], b->d[k]);
    if (!fp_stage(f))
        return;
    for (unsigned k = 0; k < n / 4; k++)
        t.d[k] = fp_add32(f, p.d[k ^ 1], p.d[k]);
    if (!fp_stage(f))
        return;
    for (unsigned k = 0; k < n / 4; k++) {
        u32 sum = fp_add32(f, t.d[k], t.d[k ^ 2]);
        r->d[k] = imm >> (k & 3) & 1 ? sum : 0;
    }
}
static void f_dppd(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    u64 p[2] = { 0, 0 };
    for (unsigned k = 0; k < 2; k++)
        if (imm >> (4 + k) & 1)
            p[k] = fp_mul64(f, a->q[k], b->q[k]);
    if (!fp_stage(f))
        return;
    for (unsigned k = 0; k < 2; k++) {
        u64 sum = fp_add64(f, p[k], p[k ^ 1]);
        r->q[k] = imm >> k & 1 ? sum : 0;
    }
}
OP(dpps) { return fp_packed(c, i, f_dpps, VEC_ALL); }
OP(dppd) { return fp_packed(c, i, f_dppd, VEC_ALL); }
