/* Moves of vector and MMX registers (SDM 2, each instruction under its name). */
#include "cpu/x86/vec.h"

#define OP(name) bool x86_op_##name(struct x86 *c, const struct x86_insn *i)

OP(movu_load)
{
    unsigned n = vec_width(i);
    vec v;
    if (!vec_rm(c, i, n, &v))
        return false;
    vec_put(c, i, i->reg, &v, n);
    return true;
}

OP(movu_store)
{
    unsigned n = vec_width(i);
    if (i->flags & X86_I_MEM)
        return vec_store(c, i, n, &c->v[i->reg]);
    vec v = c->v[i->reg];
    vec_put(c, i, i->rm, &v, n);
    return true;
}

/* Halves */
static void f_movlps(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    r->q[0] = b->q[0];
    r->q[1] = a->q[1];
}
static void f_movhps(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    r->q[0] = a->q[0];
    r->q[1] = b->q[0];
}
static void f_movhlps(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    r->q[0] = b->q[1];
    r->q[1] = a->q[1];
}
static void f_movss(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    *r = *a;
    r->d[0] = b->d[0];
}
OP(movlps) { return vec_scalar(c, i, f_movlps, 8); }
OP(movhps) { return vec_scalar(c, i, f_movhps, 8); }
OP(movhlps) { return vec_scalar(c, i, f_movhlps, 8); }
OP(movss) { return vec_scalar(c, i, f_movss, 4); }
OP(movsd) { return vec_scalar(c, i, f_movlps, 8); }
OP(movlps_store) { return vec_store(c, i, 8, &c->v[i->reg].q[0]); }
OP(movhps_store) { return vec_store(c, i, 8, &c->v[i->reg].q[1]); }

static void f_low_d(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    *r = (vec){ .d = { b->d[0] } };
}
static void f_low_q(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    *r = (vec){ .q = { b->q[0] } };
}
OP(movss_load) { return vec_scalar(c, i, f_low_d, 4); }
OP(movq_load) { return vec_scalar(c, i, f_low_q, 8); }

/* rm = rm (VEX: vvvv) with the low element of reg. */
static bool low_store(struct x86 *c, const struct x86_insn *i, unsigned size)
{
    if (i->flags & X86_I_MEM)
        return vec_store(c, i, size, &c->v[i->reg]);
    vec r = c->v[vec_is_vex(i) ? i->vreg : i->rm];
    memcpy(&r, &c->v[i->reg], size);
    vec_put(c, i, i->rm, &r, 16);
    return true;
}
OP(movss_store) { return low_store(c, i, 4); }
OP(movsd_store) { return low_store(c, i, 8); }

OP(movq_store)
{
    if (i->flags & X86_I_MEM)
        return vec_store(c, i, 8, &c->v[i->reg]);
    vec r = { .q = { c->v[i->reg].q[0] } };
    vec_put(c, i, i->rm, &r, 16);
    return true;
}

static void f_movsldup(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 4; k++)
        r->d[k] = b->d[k & ~1u];
}
static void f_movshdup(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 4; k++)
        r->d[k] = b->d[k | 1];
}
static void f_movddup(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 8; k++)
        r->q[k] = b->q[k & ~1u];
}
VEC_OP(movsldup, f_movsldup)
VEC_OP(movshdup, f_movshdup)
OP(movddup) { return vec_binary_of(c, i, f_movddup, i->flags & X86_I_L ? VEC_ALL : 8); }

/* --- general registers --- */

static unsigned gpr_size(const struct x86_insn *i, const struct x86 *c)
{
    return (i->flags & X86_I_W) && c->code_bits == 64 ? 8 : 4;
}

OP(movd_load)
{
    vec r = { { 0 } };
    if (!get_rm(c, i, gpr_size(i, c), &r.q[0]))
        return false;
    vec_put(c, i, i->reg, &r, 16);
    return true;
}
OP(movd_store) { return set_rm(c, i, gpr_size(i, c), c->v[i->reg].q[0]); }

OP(mmx_movd_load)
{
    u64 v;
    if (!mmx_ready(c) || !get_rm(c, i, gpr_size(i, c), &v))
        return false;
    mmx_used(c);
    mmx_put(c, i->reg, v);
    return true;
}
OP(mmx_movd_store)
{
    if (!mmx_ready(c))
        return false;
    mmx_top(c); /* stores that fault leave it so, too */
    if (!set_rm(c, i, gpr_size(i, c), mmx_get(c, i->reg)))
        return false;
    mmx_used(c);
    return true;
}

#define MOVMSK(name, field, bits)                                         \
    OP(name)                                                              \
    {                                                                     \
        u64 m = 0;                                                        \
        for (unsigned k = 0; k < vec_width(i) / (bits / 8); k++)          \
            m |= (u64)(c->v[i->rm].field[k] >> (bits - 1)) << k;          \
        c->r[i->reg] = m;                                                 \
        return true;                                                      \
    }
MOVMSK(movmskps, d, 32)
MOVMSK(movmskpd, q, 64)

OP(pmovmskb)
{
    bool mmx = vec_is_mmx(i);
    vec v = c->v[i->rm & 15];
    if (mmx) {
        if (!mmx_ready(c))
            return false;
        v.q[0] = mmx_get(c, i->rm);
        mmx_used(c);
    }
    u32 m = 0;
    for (unsigned k = 0; k < vec_width(i); k++)
        m |= (u32)(v.b[k] >> 7) << k;
    c->r[i->reg] = m;
    return true;
}

/* --- MMX --- */

static void f_second(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm) { *r = *b; }
VEC_OP(mmx_movq, f_second)

OP(movq_mmx_store)
{
    if (!mmx_ready(c))
        return false;
    u64 v = mmx_get(c, i->reg);
    mmx_top(c);
    if ((i->flags & X86_I_MEM) && !vec_store(c, i, 8, &v))
        return false;
    mmx_used(c);
    if (!(i->flags & X86_I_MEM))
        mmx_put(c, i->rm, v);
    return true;
}

OP(movq2dq)
{
    if (!mmx_ready(c))
        return false;
    vec r = { .q = { mmx_get(c, i->rm) } };
    mmx_used(c);
    vec_put(c, i, i->reg, &r, 16);
    return true;
}

OP(movdq2q)
{
    if (!mmx_ready(c))
        return false;
    mmx_used(c);
    mmx_put(c, i->reg, c->v[i->rm].q[0]);
    return true;
}

OP(emms)
{
    if (!mmx_ready(c))
        return false;
    mmx_used(c);
    c->fpu.valid = 0;
    return true;
}

/* --- stores of chosen bytes, to DS:rDI --- */

static bool store_bytes_where(struct x86 *c, const struct x86_insn *i, const vec *v, const vec *mask, unsigned n)
{
    unsigned seg = x86_segno(i), asize = x86_asize(i);
    u64 at = c->r[X86_DI];
    for (unsigned k = 0; k < n; k++)
        if ((mask->b[k] & 0x80) && !x86_store_check(c, seg, (at + k) & size_mask(asize), 1))
            return false;
    for (unsigned k = 0; k < n; k++)
        if (mask->b[k] & 0x80)
            x86_store(c, seg, (at + k) & size_mask(asize), 1, v->b[k]);
    return true;
}

OP(maskmovdqu) { return store_bytes_where(c, i, &c->v[i->reg], &c->v[i->rm], 16); }

OP(maskmovq)
{
    vec v = { .q = { mmx_get(c, i->reg) } }, m = { .q = { mmx_get(c, i->rm) } };
    if (!mmx_ready(c))
        return false;
    mmx_used(c);
    return store_bytes_where(c, i, &v, &m, 8);
}
