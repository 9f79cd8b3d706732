/* Fused multiply-add (SDM 1, 14.5), and half precision (SDM 1, 14.4). */
#include "cpu/x86/vec_fp.h"

#define OP(name) bool x86_op_##name(struct x86 *c, const struct x86_insn *i)

enum { ADD, SUB, ADDSUB /* odd elements are added */, SUBADD, NEGATE = 4 /* the product */ };

/* As fp_exact64(): a * b + d scaled by 2^1000 when tiny (then d is too, or the sum has bits above 2^-1022), by 2^-1100 when it
 * overflows. The factor that can take it is scaled: the smaller, the larger. */
#define EXACT(W, up, down)                                                                              \
    static u##W scale##W(struct sf_env *e, u##W a, u##W by)                                             \
    {                                                                                                   \
        return (u##W)f##W##_mul(e, f##W##_mul(e, a, by), by);                                           \
    }                                                                                                   \
    static bool exact##W(u##W a, u##W b, u##W d, bool overflow)                                         \
    {                                                                                                   \
        struct sf_env e = { .flags = 0 };                                                               \
        const u##W by = (u##W)(FP_BIAS##W + (overflow ? -down : up)) << FP_FRAC##W;                     \
        if (!(d & ~FP_SIGN##W))                                                                         \
            return fp_exact##W(f##W##_mul, a, b, overflow);                                             \
        const bool larger = (a & ~FP_SIGN##W) > (b & ~FP_SIGN##W);                                      \
        if (larger == overflow)                                                                         \
            a = scale##W(&e, a, by);                                                                    \
        else                                                                                            \
            b = scale##W(&e, b, by);                                                                    \
        f##W##_fma(&e, a, b, scale##W(&e, d, by));                                                      \
        return !(e.flags & SF_INEXACT);                                                                 \
    }
enum { FP_BIAS32 = 127, FP_BIAS64 = 1023 };
EXACT(32, 65, 70)
EXACT(64, 500, 550)

#define FMA_OF(W, HOST, host_fma, HOST_MIN, HOST_MAX, HOST_ABS)                                         \
    static inline u##W fma##W(struct fp *f, u##W a, u##W b, u##W d, bool negate, bool subtract)         \
    {                                                                                                   \
        const u##W flip_a = negate ? FP_SIGN##W : 0, flip_d = subtract ? FP_SIGN##W : 0;                \
        if (LIKELY(f->easy && f->sticky)) {                                                             \
            const HOST x = fp_host##W(a ^ flip_a), y = fp_host##W(b), z = fp_host##W(d ^ flip_d);       \
            if (LIKELY(fp_usual##W(x) && fp_usual##W(y) && fp_usual##W(z))) {                           \
                const HOST r = host_fma(x, y, z);                                                       \
                if (LIKELY(HOST_ABS(r) <= HOST_MAX && HOST_ABS(r) > HOST_MIN))                          \
                    return fp_bits##W(r);                                                               \
            }                                                                                           \
        }                                                                                               \
        a = fp_in##W(f, a);                                                                             \
        b = fp_in##W(f, b);                                                                             \
        d = fp_in##W(f, d);                                                                             \
        if (fp_is_nan##W(a) || fp_is_nan##W(b) || fp_is_nan##W(d)) { /* before signs change */          \
            if (fp_is_snan##W(a) || fp_is_snan##W(b) || fp_is_snan##W(d))                               \
                f->flags |= FP_IE;                                                                      \
            return (fp_is_nan##W(a) ? a : fp_is_nan##W(b) ? b : d) | FP_QUIET##W;                       \
        }                                                                                               \
        u##W r = (u##W)f##W##_fma(&f->e, a ^ flip_a, b, d ^ flip_d);                                    \
        if (UNLIKELY(fp_trapped##W(f, r)) && exact##W(a ^ flip_a, b, d ^ flip_d, f->e.flags & SF_OVERFLOW)) \
            f->e.flags &= (u8)~SF_INEXACT;                                                              \
        return fp_out##W(f, r, fp_is_denormal##W(a) || fp_is_denormal##W(b) || fp_is_denormal##W(d));   \
    }
FMA_OF(32, float, fmaf, FLT_MIN, FLT_MAX, fabsf)
FMA_OF(64, double, fma, DBL_MIN, DBL_MAX, fabs)

/* The digits of a name: which operands (1 reg, 2 vvvv, 3 rm) are multiplied, and which is added. The upper elements of scalar forms
 * are the destination's. */
#define FMA_SHAPE(W, field)                                                                             \
    static bool do_fma##W(struct x86 *c, const struct x86_insn *i, unsigned order, unsigned how, bool scalar) \
    {                                                                                                   \
        const unsigned n = scalar ? 16 : vec_width(i), elements = scalar ? 1 : n / (W / 8);             \
        vec rm, r = c->v[i->reg];                                                                       \
        struct fp f;                                                                                    \
        if (!vec_rm(c, i, scalar ? W / 8 : n, &rm))                                                     \
            return false;                                                                               \
        const vec *v[4] = { NULL, &c->v[i->reg], &c->v[i->vreg], &rm };                                 \
        const vec *a = v[order / 100], *b = v[order / 10 % 10], *d = v[order % 10];                     \
        fp_start(&f, c);                                                                                \
        for (unsigned k = 0; k < elements; k++) {                                                       \
            const unsigned sum = how & 3;                                                               \
            const bool subtract = sum == SUB || (sum == ADDSUB && !(k & 1)) || (sum == SUBADD && (k & 1)); \
            r.field[k] = fma##W(&f, a->field[k], b->field[k], d->field[k], how & NEGATE, subtract);     \
        }                                                                                               \
        if (!fp_end(&f, c))                                                                             \
            return false;                                                                               \
        vec_put(c, i, i->reg, &r, n);                                                                   \
        return true;                                                                                    \
    }
FMA_SHAPE(32, d)
FMA_SHAPE(64, q)

#define PACKED(name, order, how)                                                   \
    OP(name##order##ps) { return do_fma32(c, i, order, how, false); }                     \
    OP(name##order##pd) { return do_fma64(c, i, order, how, false); }
#define BOTH(name, order, how)                                                     \
    PACKED(name, order, how)                                                       \
    OP(name##order##ss) { return do_fma32(c, i, order, how, true); }                      \
    OP(name##order##sd) { return do_fma64(c, i, order, how, true); }
#define FORMS(KIND, name, how)                                                             \
    KIND(name, 132, how)                                                                   \
    KIND(name, 213, how)                                                                   \
    KIND(name, 231, how)
FORMS(PACKED, fmaddsub, ADDSUB)
FORMS(PACKED, fmsubadd, SUBADD)
FORMS(BOTH, fmadd, ADD)
FORMS(BOTH, fmsub, SUB)
FORMS(BOTH, fnmadd, ADD | NEGATE)
FORMS(BOTH, fnmsub, SUB | NEGATE)

/* --- half precision --- */

/* Exact; denormal halves raise nothing and are never zero. */
static void f_ph2ps(struct fp *f, vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 4; k++) {
        r->d[k] = (u32)f16_to_f32(&f->e, b->w[k]);
        f->flags |= f->e.flags & SF_INVALID ? FP_IE : 0;
        f->e.flags = 0;
    }
}
OP(vcvtph2ps) { return fp_packed(c, i, f_ph2ps, VEC_HALF); }

/* FZ does not count here. */
static u16 to_half(struct fp *f, u32 a)
{
    a = fp_in32(f, a);
    u16 r = (u16)f32_to_f16(&f->e, a);
    const unsigned sf = f->e.flags;
    const bool tiny = (sf & SF_UNDERFLOW) || (!(r & 0x7c00) && (r & 0x3ff)), traps = !(f->mxcsr & FP_UE << FP_MASKS);
    f->e.flags = 0;
    if (fp_is_denormal32(a))
        f->flags |= FP_DE;
    f->flags |= (sf & SF_INVALID ? FP_IE : 0) | (sf & SF_OVERFLOW ? FP_OE : 0) | (sf & SF_INEXACT ? FP_PE : 0) |
                (tiny && (traps || (sf & SF_UNDERFLOW)) ? FP_UE : 0);
    return r;
}

OP(vcvtps2ph)
{
    const unsigned n = vec_width(i);
    const vec *a = &c->v[i->reg];
    struct fp f;
    vec r = { { 0 } };
    fp_start(&f, c);
    if (!(i->imm & 4))
        f.e.rounding = fp_rounding(i->imm & 3);
    for (unsigned k = 0; k < n / 4; k++)
        r.w[k] = to_half(&f, a->d[k]);
    if (!fp_end(&f, c))
        return false;
    if (i->flags & X86_I_MEM)
        return vec_store(c, i, n / 2, r.b);
    vec_put(c, i, i->rm, &r, 16);
    return true;
}
