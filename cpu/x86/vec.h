/* What the vector ops share (vec*.c): how they find their operands, so that one op serves the MMX, SSE and VEX forms of an
 * instruction. Nothing outside cpu/x86 reads it.
 *
 * An element function makes a result of two operands and the immediate, n bytes wide (8: MMX, 16, 32). A shape gets the
 * operands, calls it and puts the result away:
 *   MMX   reg = f(reg, rm)
 *   SSE   reg = f(reg, rm); bits 128 and up stay
 *   VEX   reg = f(vvvv, rm); what is beyond n becomes 0
 * Functions of one operand ignore the first. SDM 2, 2.3 and 2.4 (types of exceptions). */
#ifndef CPU_X86_VEC_H
#define CPU_X86_VEC_H

#include <string.h>

#include "cpu/x86/fast.h"
#include "cpu/x86/ops.h"
#include "cpu/x86/sys.h"

typedef union x86_vec vec;
typedef void vec_fn(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm);
typedef void vec_fn3(vec *r, const vec *a, const vec *b, const vec *m, unsigned n); /* m: the third register */

/* How much of rm is read when it is memory: bytes, or */
enum { VEC_ALL = 0, VEC_HALF = -1, VEC_QUARTER = -2, VEC_EIGHTH = -3 /* of the width */ };

static inline bool vec_is_mmx(const struct x86_insn *i) { return x86_rows[i->op].flags & X_MMX; }
static inline bool vec_is_vex(const struct x86_insn *i) { return i->flags & X86_I_VEX; }
static inline unsigned vec_width(const struct x86_insn *i)
{
    return vec_is_mmx(i) ? 8 : i->flags & X86_I_L ? 32 : 16;
}
/* The immediate's vector register (/is4). */
static inline unsigned vec_is4(const struct x86 *c, const struct x86_insn *i)
{
    return i->imm >> 4 & (c->code_bits == 64 ? 15 : 7);
}

/* --- shapes: vec.c --- */
bool vec_binary(struct x86 *c, const struct x86_insn *i, vec_fn *f);
bool vec_binary_of(struct x86 *c, const struct x86_insn *i, vec_fn *f, int memory);
bool vec_scalar(struct x86 *c, const struct x86_insn *i, vec_fn *f, int memory); /* LIG: as 128 bits whatever VEX.L says */
bool vec_shift(struct x86 *c, const struct x86_insn *i, vec_fn *f);              /* rm = f(rm, imm); VEX: vvvv = f(rm) */
bool vec_blend(struct x86 *c, const struct x86_insn *i, vec_fn3 *f);             /* m: XMM0; VEX: is4 */

/* rm: a register, or n bytes of memory. Bytes beyond are 0. */
bool vec_rm(struct x86 *c, const struct x86_insn *i, unsigned n, vec *out);
bool vec_load(struct x86 *c, const struct x86_insn *i, unsigned n, void *out);
bool vec_store(struct x86 *c, const struct x86_insn *i, unsigned n, const void *in);
/* The first source, and the destination. */
static inline const vec *vec_first(const struct x86 *c, const struct x86_insn *i)
{
    return &c->v[vec_is_vex(i) ? i->vreg : i->reg];
}
void vec_put(struct x86 *c, const struct x86_insn *i, unsigned reg, const vec *r, unsigned n);

/* --- MMX --- */
/* Before an MMX instruction: pending x87 exceptions. Behind it: all x87 registers are in use and TOP is 0 (SDM 1, 9.5.2). */
bool mmx_ready(struct x86 *c);
static inline void mmx_top(struct x86 *c) { c->fpu.sw &= (u16)~0x3800; }
static inline void mmx_used(struct x86 *c)
{
    mmx_top(c);
    c->fpu.valid = 0xff;
}
static inline u64 mmx_get(const struct x86 *c, unsigned n) { return c->fpu.st[n & 7].m; }
static inline void mmx_put(struct x86 *c, unsigned n, u64 v)
{
    c->fpu.st[n & 7] = (struct x86_f80){ v, 0xffff };
}

/* name: one element of the result from a and b, the same of both operands. */
#define VEC_EACH(name, field, expr)                                                                         \
    static void f_##name(vec *r, const vec *A, const vec *B, unsigned n, unsigned imm)                      \
    {                                                                                                       \
        for (unsigned k = 0; k < n / sizeof r->field[0]; k++) {                                             \
            const __typeof__(r->field[0]) a = A->field[k], b = B->field[k];                                 \
            (void)a;                                                                                        \
            r->field[k] = (__typeof__(r->field[0]))(expr);                                                  \
        }                                                                                                   \
    }                                                                                                       \
    VEC_OP(name, f_##name)
#define VEC_OP(name, f) \
    bool x86_op_##name(struct x86 *c, const struct x86_insn *i) { return vec_binary(c, i, f); }

/* Handlers of the legacy form of 128 bits; what is not in the TLB, or not aligned, is the op's. */
#define VEC_FAST(name)                                                                                      \
    static i64 xh_##name##_r(X86_ARGS)                                                                      \
    {                                                                                                       \
        vec r;                                                                                              \
        f_##name(&r, &c->v[i->reg], &c->v[i->rm], 16, (unsigned)i->imm);                                    \
        memcpy(&c->v[i->reg], &r, 16);                                                                      \
        X86_NEXT;                                                                                           \
    }                                                                                                       \
    static i64 xh_##name##_m(X86_ARGS)                                                                      \
    {                                                                                                       \
        const u64 la = x86_flat_address(c, i, ctx);                                                         \
        const struct x86_tlb *const t = x86_tlb_at(ctx, la);                                                \
        vec b, r;                                                                                           \
        if (UNLIKELY(t->rtag != (la & ~PAGE_MASK) || (la & 15)))                                            \
            X86_TAIL x86_h_op(X86_PASS);                                                                    \
        memcpy(&b, (const void *)(uintptr_t)(la + t->addend), 16);                                          \
        f_##name(&r, &c->v[i->reg], &b, 16, (unsigned)i->imm);                                              \
        memcpy(&c->v[i->reg], &r, 16);                                                                      \
        X86_NEXT;                                                                                           \
    }                                                                                                       \
    FAST_TABLE(name)
#endif
