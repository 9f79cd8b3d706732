/* Elements put elsewhere: unpack, pack, shuffle, insert, extract. In 256-bit forms each lane of 16 bytes is done like a
 * 128-bit register, unless the instruction says otherwise. */
#include "cpu/x86/vec.h"

#define OP(name) bool x86_op_##name(struct x86 *c, const struct x86_insn *i)
#define LANE(n) ((n) < 16 ? (n) : 16) /* bytes of a lane */

/* Of MMX forms only half of the second operand is read by PUNPCKL; 128-bit forms may read all of it, and do. */
#define UNPACK(name, field, size, high, memory)                                                             \
    static void f_##name(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)                      \
    {                                                                                                       \
        const unsigned per_lane = LANE(n) / size;                                                           \
        for (unsigned lane = 0; lane < n / size; lane += per_lane)                                          \
            for (unsigned k = 0; k < per_lane / 2; k++) {                                                   \
                unsigned from = lane + k + (high ? per_lane / 2 : 0);                                       \
                r->field[lane + 2 * k] = a->field[from];                                                    \
                r->field[lane + 2 * k + 1] = b->field[from];                                                \
            }                                                                                               \
    }                                                                                                       \
    OP(name) { return vec_binary_of(c, i, f_##name, vec_is_mmx(i) ? memory : VEC_ALL); }
UNPACK(punpcklbw, b, 1, false, 4)
UNPACK(punpcklwd, w, 2, false, 4)
UNPACK(punpckldq, d, 4, false, 4)
UNPACK(punpcklqdq, q, 8, false, VEC_ALL)
UNPACK(punpckhbw, b, 1, true, VEC_ALL)
UNPACK(punpckhwd, w, 2, true, VEC_ALL)
UNPACK(punpckhdq, d, 4, true, VEC_ALL)
UNPACK(punpckhqdq, q, 8, true, VEC_ALL)

/* to: half-size elements from the signed ones `from` of both operands, clamped */
#define PACK(name, to, from, size, lo, hi)                                                                  \
    static void f_##name(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)                      \
    {                                                                                                       \
        const unsigned per_lane = LANE(n) / size;                                                           \
        for (unsigned lane = 0; lane < n / size; lane += per_lane)                                          \
            for (unsigned k = 0; k < per_lane; k++) {                                                       \
                i32 x = a->from[lane + k], y = b->from[lane + k];                                           \
                r->to[2 * lane + k] = (__typeof__(r->to[0]))(x < lo ? lo : x > hi ? hi : x);                \
                r->to[2 * lane + per_lane + k] = (__typeof__(r->to[0]))(y < lo ? lo : y > hi ? hi : y);     \
            }                                                                                               \
    }                                                                                                       \
    VEC_OP(name, f_##name)
PACK(packsswb, sb, sw, 2, -128, 127)
PACK(packuswb, b, sw, 2, 0, 255)
PACK(packssdw, sw, sd, 4, -32768, 32767)
PACK(packusdw, w, sd, 4, 0, 65535)

static void f_pshufw(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < 4; k++)
        r->w[k] = b->w[imm >> (2 * k) & 3];
}
static void f_pshufd(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 4; k++)
        r->d[k] = b->d[(k & ~3u) + (imm >> (2 * (k & 3)) & 3)];
}
static void f_pshuflw(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    *r = *b;
    for (unsigned lane = 0; lane < n / 2; lane += 8)
        for (unsigned k = 0; k < 4; k++)
            r->w[lane + k] = b->w[lane + (imm >> (2 * k) & 3)];
}
static void f_pshufhw(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    *r = *b;
    for (unsigned lane = 4; lane < n / 2; lane += 8)
        for (unsigned k = 0; k < 4; k++)
            r->w[lane + k] = b->w[lane + (imm >> (2 * k) & 3)];
}
VEC_OP(pshufw, f_pshufw)
VEC_OP(pshufd, f_pshufd)
VEC_OP(pshuflw, f_pshuflw)
VEC_OP(pshufhw, f_pshufhw)

static void f_shufps(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 4; k++)
        r->d[k] = ((k & 2) ? b : a)->d[(k & ~3u) + (imm >> (2 * (k & 3)) & 3)];
}
static void f_shufpd(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 8; k++)
        r->q[k] = ((k & 1) ? b : a)->q[(k & ~1u) + (imm >> k & 1)];
}
VEC_OP(shufps, f_shufps)
VEC_OP(shufpd, f_shufpd)

static void f_pshufb(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n; k++)
        r->b[k] = b->b[k] & 0x80 ? 0 : a->b[(k & ~15u) + (b->b[k] & (LANE(n) - 1))];
}
VEC_OP(pshufb, f_pshufb)

static void f_palignr(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    const unsigned w = LANE(n);
    for (unsigned k = 0; k < n; k++) {
        unsigned lane = k / w * w, from = k - lane + imm;
        r->b[k] = from < w ? b->b[lane + from] : from < 2 * w ? a->b[lane + from - w] : 0;
    }
}
VEC_OP(palignr, f_palignr)

/* --- the second operand where a bit of the immediate, or the sign in a third register, is one --- */

#define BLEND(name, field, bit)                                                                             \
    static void f_##name(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)                      \
    {                                                                                                       \
        for (unsigned k = 0; k < n / sizeof r->field[0]; k++)                                               \
            r->field[k] = (imm >> (bit) & 1 ? b : a)->field[k];                                             \
    }                                                                                                       \
    VEC_OP(name, f_##name)
BLEND(pblendw, w, k & 7)
BLEND(blend_d, d, k)
BLEND(blend_q, q, k)

#define BLENDV(name, field)                                                                                 \
    static void f_##name(vec *r, const vec *a, const vec *b, const vec *m, unsigned n)                      \
    {                                                                                                       \
        for (unsigned k = 0; k < n / sizeof r->field[0]; k++)                                               \
            r->field[k] = (m->field[k] < 0 ? b : a)->field[k];                                              \
    }                                                                                                       \
    OP(name) { return vec_blend(c, i, f_##name); }
BLENDV(pblendvb, sb)
BLENDV(blendvps, sd)
BLENDV(blendvpd, sq)

/* --- low elements, extended --- */

#define EXTEND(name, to, from, memory)                                                                      \
    static void f_##name(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)                      \
    {                                                                                                       \
        for (unsigned k = 0; k < n / sizeof r->to[0]; k++)                                                  \
            r->to[k] = b->from[k];                                                                          \
    }                                                                                                       \
    OP(name) { return vec_binary_of(c, i, f_##name, memory); }
EXTEND(pmovsxbw, sw, sb, VEC_HALF)
EXTEND(pmovsxbd, sd, sb, VEC_QUARTER)
EXTEND(pmovsxbq, sq, sb, VEC_EIGHTH)
EXTEND(pmovsxwd, sd, sw, VEC_HALF)
EXTEND(pmovsxwq, sq, sw, VEC_QUARTER)
EXTEND(pmovsxdq, sq, sd, VEC_HALF)
EXTEND(pmovzxbw, w, b, VEC_HALF)
EXTEND(pmovzxbd, d, b, VEC_QUARTER)
EXTEND(pmovzxbq, q, b, VEC_EIGHTH)
EXTEND(pmovzxwd, d, w, VEC_HALF)
EXTEND(pmovzxwq, q, w, VEC_QUARTER)
EXTEND(pmovzxdq, q, d, VEC_HALF)

OP(insertps)
{
    vec b, r = *vec_first(c, i);
    if (!vec_rm(c, i, 4, &b))
        return false;
    r.d[i->imm >> 4 & 3] = b.d[i->flags & X86_I_MEM ? 0 : i->imm >> 6];
    for (unsigned k = 0; k < 4; k++)
        if (i->imm >> k & 1)
            r.d[k] = 0;
    vec_put(c, i, i->reg, &r, 16);
    return true;
}

/* --- one element to or from a general register or memory --- */

#define INSERT(name, field, size)                                                                           \
    OP(name)                                                                                                \
    {                                                                                                       \
        vec r = *vec_first(c, i);                                                                           \
        u64 v;                                                                                              \
        if (!get_rm(c, i, size, &v))                                                                        \
            return false;                                                                                   \
        r.field[i->imm & (16 / size - 1)] = (__typeof__(r.field[0]))v;                                      \
        vec_put(c, i, i->reg, &r, 16);                                                                      \
        return true;                                                                                        \
    }
INSERT(pinsrb, b, 1)
INSERT(pinsrw, w, 2)
INSERT(pinsrd, d, 4)
INSERT(pinsrq, q, 8)

/* A register gets all 32 bits, memory only the element. */
#define EXTRACT(name, field, size)                                                                          \
    OP(name)                                                                                                \
    {                                                                                                       \
        u64 v = c->v[i->reg].field[i->imm & (16 / size - 1)];                                               \
        return set_rm(c, i, (i->flags & X86_I_MEM) || size > 4 ? size : 4, v);                              \
    }
EXTRACT(pextrb, b, 1)
EXTRACT(pextrw_store, w, 2)
EXTRACT(pextrd, d, 4)
EXTRACT(pextrq, q, 8)

OP(pextrw)
{
    c->r[i->reg] = c->v[i->rm].w[i->imm & 7];
    return true;
}

OP(pinsrw_mmx)
{
    u64 v;
    if (!mmx_ready(c) || !get_rm(c, i, 2, &v))
        return false;
    mmx_used(c);
    mmx_put(c, i->reg, bits_set(mmx_get(c, i->reg), 16 * (i->imm & 3), 16, v));
    return true;
}

OP(pextrw_mmx)
{
    if (!mmx_ready(c))
        return false;
    c->r[i->reg] = mmx_get(c, i->rm) >> (16 * (i->imm & 3)) & 0xffff;
    mmx_used(c);
    return true;
}

#define PACKED_SHUFFLE
#define PACKED(name) VEC_FAST(name)
#include "cpu/x86/packed.def"
