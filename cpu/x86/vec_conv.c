/* Conversions of floating-point elements (SDM 2, each instruction under its name; SDM 1, 4.8.4 and 11.5.2.1: what cannot be
 * an integer becomes the integer indefinite, the most negative one). */
#include "cpu/x86/vec_fp.h"

#define OP(name) bool x86_op_##name(struct x86 *c, const struct x86_insn *i)

/* --- to integers: no denormal exception --- */

#define TO_INT(name, FROM, BITS)                                                  \
    static inline u##BITS name(struct fp *f, u##FROM a)                           \
    {                                                                             \
        f->e.flags = 0;                                                           \
        u##BITS v = (u##BITS)f##FROM##_to_i##BITS(&f->e, fp_in##FROM(f, a));      \
        if (UNLIKELY(f->e.flags & SF_INVALID)) {                                  \
            f->flags |= FP_IE;                                                    \
            v = (u##BITS)1 << (BITS - 1);                                         \
        } else if (f->e.flags) {                                                  \
            f->flags |= FP_PE;                                                    \
        }                                                                         \
        f->e.flags = 0;                                                           \
        return v;                                                                 \
    }
TO_INT(s_to_d, 32, 32)
TO_INT(s_to_q, 32, 64)
TO_INT(d_to_d, 64, 32)
TO_INT(d_to_q, 64, 64)

/* scalar, to a general register */
#define TO_GPR(name, W, field, t, truncate)                                       \
    OP(name)                                                                      \
    {                                                                             \
        struct fp f;                                                              \
        vec b;                                                                    \
        if (!vec_rm(c, i, W / 8, &b))                                             \
            return false;                                                         \
        fp_start(&f, c);                                                          \
        if (truncate)                                                             \
            f.e.rounding = SF_TO_ZERO;                                            \
        u64 v = x86_osize(i) == 8 ? t##_to_q(&f, b.field[0]) : t##_to_d(&f, b.field[0]); \
        if (!fp_end(&f, c))                                                       \
            return false;                                                         \
        c->r[i->reg] = v;                                                         \
        return true;                                                              \
    }
TO_GPR(cvtss2si, 32, d, s, false)
TO_GPR(cvttss2si, 32, d, s, true)
TO_GPR(cvtsd2si, 64, q, d, false)
TO_GPR(cvttsd2si, 64, q, d, true)

static void f_ps2dq(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 4; k++)
        r->d[k] = s_to_d(f, b->d[k]);
}
static void f_tps2dq(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    f->e.rounding = SF_TO_ZERO;
    f_ps2dq(f, r, a, b, n, imm);
}
static void f_pd2dq(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 8; k++)
        r->d[k] = d_to_d(f, b->q[k]);
}
static void f_tpd2dq(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    f->e.rounding = SF_TO_ZERO;
    f_pd2dq(f, r, a, b, n, imm);
}

/* --- from integers --- */

static inline u32 s_from(struct fp *f, i64 v)
{
    u32 r = (u32)f32_from_i64(&f->e, v);
    return fp_out32(f, r, false);
}
static inline u64 d_from(struct fp *f, i64 v)
{
    u64 r = f64_from_i64(&f->e, v);
    return fp_out64(f, r, false);
}

#define FROM_GPR(name, size, field, from)                                         \
    OP(name)                                                                      \
    {                                                                             \
        struct fp f;                                                              \
        vec r = *vec_first(c, i);                                                 \
        unsigned bytes = (i->flags & X86_I_W) && c->code_bits == 64 ? 8 : 4;      \
        u64 v;                                                                    \
        if (!get_rm(c, i, bytes, &v))                                             \
            return false;                                                         \
        fp_start(&f, c);                                                          \
        r.field[0] = from(&f, bytes == 8 ? (i64)v : (i32)v);                      \
        if (!fp_end(&f, c))                                                       \
            return false;                                                         \
        vec_put(c, i, i->reg, &r, 16);                                            \
        return true;                                                              \
    }
FROM_GPR(cvtsi2ss, 4, d, s_from)
FROM_GPR(cvtsi2sd, 8, q, d_from)

static void f_dq2ps(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 4; k++)
        r->d[k] = s_from(f, b->sd[k]);
}
static void f_dq2pd(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 8; k++)
        r->q[k] = d_from(f, b->sd[k]);
}

/* --- between formats --- */

static inline u64 widen(struct fp *f, u32 a)
{
    a = fp_in32(f, a);
    if (UNLIKELY(fp_is_nan32(a))) {
        f->flags |= fp_is_snan32(a) ? FP_IE : 0;
        return (u64)(a >> 31) << 63 | FP_INF64 | FP_QUIET64 | (u64)(a & 0x7fffff) << 29;
    }
    f->flags |= fp_is_denormal32(a) ? FP_DE : 0;
    return f32_to_f64(&f->e, a);
}
static inline u32 narrow(struct fp *f, u64 a)
{
    a = fp_in64(f, a);
    if (UNLIKELY(fp_is_nan64(a))) {
        f->flags |= fp_is_snan64(a) ? FP_IE : 0;
        return (u32)(a >> 63) << 31 | FP_INF32 | FP_QUIET32 | (u32)(a >> 29 & 0x7fffff);
    }
    u32 r = (u32)f64_to_f32(&f->e, a);
    if (UNLIKELY(fp_trapped_tiny32(f, r))) { /* 24 bits suffice, whatever the exponent? */
        u64 sig = (a & ~(FP_SIGN64 | FP_INF64)) | (fp_is_denormal64(a) ? 0 : (u64)1 << FP_FRAC64);
        if (!(sig >> __builtin_ctzll(sig) >> (FP_FRAC32 + 1)))
            f->e.flags &= (u8)~SF_INEXACT;
    }
    return fp_out32(f, r, fp_is_denormal64(a));
}

static void f_ps2pd(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 8; k++)
        r->q[k] = widen(f, b->d[k]);
}
static void f_pd2ps(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 8; k++)
        r->d[k] = narrow(f, b->q[k]);
}

OP(cvtps2dq) { return fp_packed(c, i, f_ps2dq, VEC_ALL); }
OP(cvttps2dq) { return fp_packed(c, i, f_tps2dq, VEC_ALL); }
OP(cvtpd2dq) { return fp_packed(c, i, f_pd2dq, VEC_ALL); }
OP(cvttpd2dq) { return fp_packed(c, i, f_tpd2dq, VEC_ALL); }
OP(cvtdq2ps) { return fp_packed(c, i, f_dq2ps, VEC_ALL); }
OP(cvtdq2pd) { return fp_packed(c, i, f_dq2pd, VEC_HALF); }
OP(cvtps2pd) { return fp_packed(c, i, f_ps2pd, VEC_HALF); }
OP(cvtpd2ps) { return fp_packed(c, i, f_pd2ps, VEC_ALL); }

static void f_ss2sd(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    r->q[0] = widen(f, b->d[0]);
}
static void f_sd2ss(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    r->d[0] = narrow(f, b->q[0]);
}
OP(cvtss2sd) { return fp_scalar(c, i, f_ss2sd, 8, 4); }
OP(cvtsd2ss) { return fp_scalar(c, i, f_sd2ss, 4, 8); }

/* --- with MMX registers: only their use makes the x87 state MMX's (SDM 1, 11.6.3) --- */

static bool mmx_source(struct x86 *c, const struct x86_insn *i, vec *b)
{
    memset(b, 0, sizeof *b);
    if (i->flags & X86_I_MEM)
        return vec_load(c, i, 8, b);
    if (!mmx_ready(c))
        return false;
    b->q[0] = mmx_get(c, i->rm);
    return true;
}

static bool from_mmx(struct x86 *c, const struct x86_insn *i, fp_fn *fn, unsigned n)
{
    struct fp f;
    vec b, r = c->v[i->reg];
    if (!mmx_source(c, i, &b))
        return false;
    if (!(i->flags & X86_I_MEM))
        mmx_used(c);
    fp_start(&f, c);
    fn(&f, &r, NULL, &b, n, 0);
    if (!fp_end(&f, c))
        return false;
    vec_put(c, i, i->reg, &r, 16);
    return true;
}
OP(cvtpi2ps) { return from_mmx(c, i, f_dq2ps, 8); }
OP(cvtpi2pd) { return from_mmx(c, i, f_dq2pd, 16); }

static bool to_mmx(struct x86 *c, const struct x86_insn *i, fp_fn *fn, unsigned n)
{
    struct fp f;
    vec b, r;
    if (!mmx_ready(c))
        return false;
    mmx_used(c); /* even when it faults */
    if (!vec_rm(c, i, n, &b))
        return false;
    fp_start(&f, c);
    fn(&f, &r, NULL, &b, n, 0);
    if (!fp_end(&f, c))
        return false;
    mmx_put(c, i->reg, r.q[0]);
    return true;
}
OP(cvtps2pi) { return to_mmx(c, i, f_ps2dq, 8); }
OP(cvttps2pi) { return to_mmx(c, i, f_tps2dq, 8); }
OP(cvtpd2pi) { return to_mmx(c, i, f_pd2dq, 16); }
OP(cvttpd2pi) { return to_mmx(c, i, f_tpd2dq, 16); }
