/* What only VEX encodes: broadcasts, permutations, masked moves, gathers (SDM 2C, each instruction under its name). */
#include "cpu/x86/vec.h"

#define OP(name) bool x86_op_##name(struct x86 *c, const struct x86_insn *i)

static unsigned n_vec(const struct x86 *c) { return c->code_bits == 64 ? 16 : 8; }

OP(vzeroupper)
{
    for (unsigned k = 0; k < n_vec(c); k++)
        memset(c->v[k].b + 16, 0, 16);
    return true;
}

OP(vzeroall)
{
    memset(c->v, 0, n_vec(c) * sizeof c->v[0]);
    return true;
}

#define BROADCAST(name, field, size)                                                                        \
    static void f_broadcast_##name(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)            \
    {                                                                                                       \
        for (unsigned k = 0; k < n / size; k++)                                                             \
            r->field[k] = b->field[0];                                                                      \
    }                                                                                                       \
    OP(broadcast_##name) { return vec_binary_of(c, i, f_broadcast_##name, size); }
BROADCAST(b, b, 1)
BROADCAST(w, w, 2)
BROADCAST(d, d, 4)
BROADCAST(q, q, 8)

static void f_broadcast_dq(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < 4; k++)
        r->q[k] = b->q[k & 1];
}
OP(broadcast_dq) { return vec_binary_of(c, i, f_broadcast_dq, 16); }

#define PERMUTE(name, field, size, from)                                                                    \
    static void f_##name(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)                      \
    {                                                                                                       \
        for (unsigned k = 0; k < n / size; k++)                                                             \
            r->field[k] = from;                                                                             \
    }                                                                                                       \
    VEC_OP(name, f_##name)
PERMUTE(vpermilps, d, 4, a->d[(k & ~3u) + (b->d[k] & 3)])
PERMUTE(vpermilpd, q, 8, a->q[(k & ~1u) + (b->q[k] >> 1 & 1)])
PERMUTE(vpermilpd_imm, q, 8, b->q[(k & ~1u) + (imm >> k & 1)])
PERMUTE(vpermd, d, 4, b->d[a->d[k] & 7])
PERMUTE(vpermq, q, 8, b->q[imm >> (2 * k) & 3])
/* For each lane four bits: which of four, and whether it is 0. */
PERMUTE(vperm2x128, q, 8,
        imm >> (k / 2 * 4 + 3) & 1 ? 0 : (imm >> (k / 2 * 4 + 1) & 1 ? b : a)->q[2 * (imm >> (k / 2 * 4) & 1) + (k & 1)])

static void f_vinsertx128(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    *r = *a;
    memcpy(r->b + 16 * (imm & 1), b->b, 16);
}
OP(vinsertx128) { return vec_binary_of(c, i, f_vinsertx128, 16); }

OP(vextractx128)
{
    vec r = { { 0 } };
    memcpy(r.b, c->v[i->reg].b + 16 * (i->imm & 1), 16);
    if (i->flags & X86_I_MEM)
        return vec_store(c, i, 16, r.b);
    vec_put(c, i, i->rm, &r, 16);
    return true;
}

/* Counts of the width and more shift everything out. */
#define SHIFT(name, field, bits, beyond, expr)                                                              \
    static void f_##name(vec *r, const vec *A, const vec *B, unsigned n, unsigned imm)                      \
    {                                                                                                       \
        for (unsigned k = 0; k < n / (bits / 8); k++) {                                                     \
            const __typeof__(r->field[0]) a = A->field[k], count = B->field[k];                             \
            const bool far = count < 0 || (u64)count >= bits;                                               \
            const unsigned by = far ? bits - 1 : (unsigned)count;                                           \
            r->field[k] = far && !beyond ? 0 : (__typeof__(r->field[0]))(expr);                             \
        }                                                                                                   \
    }                                                                                                       \
    VEC_OP(name, f_##name)
SHIFT(vpsllvd, sd, 32, false, (u32)a << by)
SHIFT(vpsllvq, sq, 64, false, (u64)a << by)
SHIFT(vpsrlvd, sd, 32, false, (u32)a >> by)
SHIFT(vpsrlvq, sq, 64, false, (u64)a >> by)
SHIFT(vpsravd, sd, 32, true, a >> by)

#define VTEST(name, field, bits)                                                                            \
    OP(name)                                                                                                \
    {                                                                                                       \
        const unsigned n = vec_width(i);                                                                    \
        const vec *a = &c->v[i->reg];                                                                       \
        bool both = false, beyond = false;                                                                  \
        vec b;                                                                                              \
        if (!vec_rm(c, i, n, &b))                                                                           \
            return false;                                                                                   \
        for (unsigned k = 0; k < n / (bits / 8); k++) {                                                     \
            both |= (a->field[k] & b.field[k]) >> (bits - 1);                                               \
            beyond |= (~a->field[k] & b.field[k]) >> (bits - 1);                                            \
        }                                                                                                   \
        x86_set_arith(c, (both ? 0 : X86_ZF) | (beyond ? 0 : X86_CF));                                      \
        return true;                                                                                        \
    }
VTEST(vtestps, d, 32)
VTEST(vtestpd, q, 64)

/* --- elements where the mask is negative: the others are not touched --- */

static bool masked(const vec *mask, unsigned k, unsigned size) { return mask->b[k * size + size - 1] >> 7; }

/* Of element k: below 4 GiB outside 64-bit mode, but not within 64 KiB. */
static u64 element_at(const struct x86 *c, u64 at, unsigned k, unsigned size)
{
    return c->code_bits == 64 ? at + k * size : (u32)(at + k * size);
}

static bool mask_load(struct x86 *c, const struct x86_insn *i, unsigned size)
{
    const unsigned n = vec_width(i), seg = x86_segno(i);
    const u64 at = x86_ea(c, i);
    vec r = { { 0 } };
    for (unsigned k = 0; k < n / size; k++)
        if (masked(&c->v[i->vreg], k, size) && !x86_load_bytes(c, seg, element_at(c, at, k, size), r.b + k * size, size))
            return false;
    vec_put(c, i, i->reg, &r, n);
    return true;
}

static bool mask_store(struct x86 *c, const struct x86_insn *i, unsigned size)
{
    const unsigned n = vec_width(i), seg = x86_segno(i);
    const u64 at = x86_ea(c, i);
    for (unsigned k = 0; k < n / size; k++)
        if (masked(&c->v[i->vreg], k, size) && !x86_store_check(c, seg, element_at(c, at, k, size), size))
            return false;
    for (unsigned k = 0; k < n / size; k++)
        if (masked(&c->v[i->vreg], k, size) &&
            !x86_store_bytes(c, seg, element_at(c, at, k, size), c->v[i->reg].b + k * size, size))
            return false;
    return true;
}
OP(maskload_d) { return mask_load(c, i, 4); }
OP(maskload_q) { return mask_load(c, i, 8); }
OP(maskstore_d) { return mask_store(c, i, 4); }
OP(maskstore_q) { return mask_store(c, i, 8); }

/* Element by element, upwards; each that is done loses its mask bit, so that a fault can be resumed. */
static bool gather(struct x86 *c, const struct x86_insn *i, unsigned index_size, unsigned size)
{
    const unsigned seg = x86_segno(i), width = vec_width(i), wider = index_size > size ? index_size : size;
    vec *d = &c->v[i->reg], *m = &c->v[i->vreg];
    const vec index = c->v[i->index & 15];
    if (i->reg == i->vreg || i->reg == i->index || i->vreg == i->index)
        return x86_ud(c, "destination, index and mask of a gather must differ");
    const unsigned used = width / wider * size;
    for (unsigned k = 0; k < 32 / size; k++)
        memset(m->b + k * size, k < width / size && masked(m, k, size) ? 0xff : 0, size);
    for (unsigned k = 0; k < width / wider; k++) {
        if (!masked(m, k, size))
            continue;
        u64 at = (u64)(index_size == 8 ? index.sq[k] : index.sd[k]) << x86_scale(i);
        at = (c->r[i->base] + at + (u64)(i64)i->disp) & size_mask(x86_asize(i));
        if (!x86_load_bytes(c, seg, at, d->b + k * size, size))
            return false;
        memset(m->b + k * size, 0, size);
        memset(d->b + width, 0, 32 - width);
    }
    memset(d->b + used, 0, 32 - used);
    memset(m, 0, sizeof *m);
    return true;
}
OP(gather_dd) { return gather(c, i, 4, 4); }
OP(gather_dq) { return gather(c, i, 4, 8); }
OP(gather_qd) { return gather(c, i, 8, 4); }
OP(gather_qq) { return gather(c, i, 8, 8); }
