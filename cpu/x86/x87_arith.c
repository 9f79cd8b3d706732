/* x87 arithmetic and comparison. SDM 1, 8.3.5 to 8.3.7. */
#include "cpu/x86/flags.h"
#include "cpu/x86/ops.h"
#include "cpu/x86/x87.h"

/* --- of two operands --- */

enum { ADD, MUL, COM, COMP, SUB, SUBR, DIV, DIVR }; /* bits 3-5 of ModRM */
static unsigned operation(const struct x86_insn *i) { return i->imm >> 3 & 7; }

static struct f80 operate(unsigned op, struct f80_env *e, struct f80 a, struct f80 b)
{
    switch (op) {
    case ADD: return f80_add(e, a, b);
    case MUL: return f80_mul(e, a, b);
    case SUB: return f80_sub(e, a, b);
    case SUBR: return f80_sub(e, b, a);
    case DIV: return f80_div(e, a, b);
    default: return f80_div(e, b, a);
    }
}

/* A memory operand that was denormal in its own format: its exception comes after those of NaNs and formats, before those of
 * the operation. */
static unsigned denormal_too(const struct x86 *c, unsigned flags)
{
    if (flags & (F80_IE | F80_ZE))
        return flags;
    return c->fpu.cw & F80_DE ? flags | F80_DE : F80_DE;
}

static bool arith(struct x86 *c, const struct x86_insn *i, struct f80 b, bool denormal)
{
    struct f80_env e = x87_env(c);
    if (x87_empty(c, 0)) {
        if (x87_raise(c, X87_UNDERFLOW))
            x87_set(c, 0, F80_INDEFINITE);
        return true;
    }
    struct f80 a = x87_get(c, 0), r = operate(operation(i), &e, a, b);
    if (x87_raise(c, UNLIKELY(denormal) && !f80_is_nan(a) ? denormal_too(c, e.flags) : e.flags))
        x87_set(c, 0, r);
    return true;
}

/* ST0 and STi, to either. */
static bool arith_registers(struct x86 *c, const struct x86_insn *i, unsigned to, bool pop)
{
    if (!x87_begin(c, i))
        return false;
    struct f80_env e = x87_env(c);
    struct f80 r = F80_INDEFINITE;
    if (x87_empty(c, 0) || x87_empty(c, i->rm))
        e.flags = X87_UNDERFLOW;
    else
        r = operate(operation(i), &e, x87_get(c, 0), x87_get(c, i->rm));
    if (x87_raise(c, e.flags)) {
        x87_set(c, to, r);
        if (pop)
            x87_pop(c);
    }
    return true;
}
bool x86_op_x87_arith_st(struct x86 *c, const struct x86_insn *i) { return arith_registers(c, i, 0, false); }
bool x86_op_x87_arith_sti(struct x86 *c, const struct x86_insn *i) { return arith_registers(c, i, i->rm, false); }
bool x86_op_x87_arith_pop(struct x86 *c, const struct x86_insn *i) { return arith_registers(c, i, i->rm, true); }

/* --- comparison --- */

static unsigned condition(enum f80_relation r)
{
    return r == F80_UNORDERED ? F80_C3 | F80_C2 | F80_C0 : r == F80_LESS ? F80_C0 : r == F80_EQUAL ? F80_C3 : 0;
}

/* Notes the outcome; pops: how many registers. */
static bool compared(struct x86 *c, unsigned flags, enum f80_relation r, unsigned pops)
{
    bool go_on = x87_raise(c, flags);
    if (go_on || true) {
        c->fpu.sw = (u16)((c->fpu.sw & ~(F80_C0 | F80_C2 | F80_C3)) | condition(r));
    }
    for (; go_on && pops; pops--)
        x87_pop(c);
    return true;
}

static bool compare_registers(struct x86 *c, const struct x86_insn *i, unsigned n, bool quiet, unsigned pops)
{
    if (!x87_begin(c, i))
        return false;
    if (x87_empty(c, 0) || x87_empty(c, n))
        return compared(c, X87_UNDERFLOW, F80_UNORDERED, pops);
    struct f80_env e = x87_env(c);
    enum f80_relation r = f80_compare(&e, x87_get(c, 0), x87_get(c, n), quiet);
    return compared(c, e.flags, r, pops);
}
bool x86_op_x87_compare_st(struct x86 *c, const struct x86_insn *i)
{
    return compare_registers(c, i, i->rm, false, operation(i) == COMP);
}
bool x86_op_x87_fcomp5(struct x86 *c, const struct x86_insn *i) { return compare_registers(c, i, i->rm, false, 1); }
bool x86_op_x87_fucom(struct x86 *c, const struct x86_insn *i)
{
    return compare_registers(c, i, i->rm, true, i->imm >> 3 & 1);
}
bool x86_op_x87_compare_pp(struct x86 *c, const struct x86_insn *i)
{
    return compare_registers(c, i, 1, (i->imm & 0x700) == 0x200 /* DA E9: FUCOMPP */, 2);
}

static bool compare(struct x86 *c, const struct x86_insn *i, struct f80 b, bool denormal)
{
    unsigned pops = operation(i) == COMP;
    if (x87_empty(c, 0))
        return compared(c, X87_UNDERFLOW, F80_UNORDERED, pops);
    struct f80_env e = x87_env(c);
    enum f80_relation r = f80_compare(&e, x87_get(c, 0), b, false);
    return compared(c, denormal && r != F80_UNORDERED ? e.flags | F80_DE : e.flags, r, pops);
}

bool x86_op_x87_ftst(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    if (x87_empty(c, 0))
        return compared(c, X87_UNDERFLOW, F80_UNORDERED, 0);
    struct f80_env e = x87_env(c);
    enum f80_relation r = f80_compare(&e, x87_get(c, 0), f80_zero(false), false);
    return compared(c, e.flags, r, 0);
}

/* FCOMI, FUCOMI (DB), FCOMIP, FUCOMIP (DF): bit 3 of ModRM clear means quiet NaNs, too, are invalid. */
bool x86_op_x87_fcomi(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    struct f80_env e = x87_env(c);
    enum f80_relation r = F80_UNORDERED;
    if (x87_empty(c, 0) || x87_empty(c, i->rm))
        e.flags = X87_UNDERFLOW;
    else
        r = f80_compare(&e, x87_get(c, 0), x87_get(c, i->rm), operation(i) == 5);
    u16 c1 = c->fpu.sw & F80_C1; /* stays but after a stack fault, as hardware does */
    bool go_on = x87_raise(c, e.flags);
    if (!(e.flags & X87_SF))
        c->fpu.sw |= c1;
    x86_set_arith(c, r == F80_UNORDERED ? X86_ZF | X86_PF | X86_CF : r == F80_LESS ? X86_CF : r == F80_EQUAL ? X86_ZF : 0);
    if (go_on && i->imm & 0x400)
        x87_pop(c);
    return true;
}

bool x86_op_x87_fxam(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    struct f80 v = x87_get(c, 0);
    unsigned class = x87_empty(c, 0) ? 5 : f80_classify(v);
    c->fpu.sw = (u16)((c->fpu.sw & ~X87_CC) | (class & 1 ? F80_C0 : 0) | (class & 2 ? F80_C2 : 0) | (class & 4 ? F80_C3 : 0) |
                      (f80_sign(v) ? F80_C1 : 0));
    return true;
}

/* --- memory operands --- */

static bool load(struct x86 *c, const struct x86_insn *i, unsigned size, u64 *v)
{
    u64 ea = x86_ea(c, i);
    if (!x87_wait(c) || !x86_load(c, x86_segno(i), ea, size, v))
        return false;
    x87_note_mem(c, i, ea);
    return true;
}

#define FORMS(NAME, FUNCTION)                                                               \
    bool x86_op_x87_##NAME##_f32(struct x86 *c, const struct x86_insn *i)                   \
    {                                                                                       \
        u64 v;                                                                              \
        bool denormal;                                                                      \
        if (!load(c, i, 4, &v))                                                             \
            return false;                                                                   \
        struct f80 b = f80_raw_f32((u32)v, &denormal);                                      \
        return FUNCTION(c, i, b, denormal);                                                 \
    }                                                                                       \
    bool x86_op_x87_##NAME##_f64(struct x86 *c, const struct x86_insn *i)                   \
    {                                                                                       \
        u64 v;                                                                              \
        bool denormal;                                                                      \
        if (!load(c, i, 8, &v))                                                             \
            return false;                                                                   \
        struct f80 b = f80_raw_f64(v, &denormal);                                           \
        return FUNCTION(c, i, b, denormal);                                                 \
    }                                                                                       \
    bool x86_op_x87_##NAME##_i32(struct x86 *c, const struct x86_insn *i)                   \
    {                                                                                       \
        u64 v;                                                                              \
        return load(c, i, 4, &v) && FUNCTION(c, i, f80_from_i64((i32)v), false);            \
    }                                                                                       \
    bool x86_op_x87_##NAME##_i16(struct x86 *c, const struct x86_insn *i)                   \
    {                                                                                       \
        u64 v;                                                                              \
        return load(c, i, 2, &v) && FUNCTION(c, i, f80_from_i64((i16)v), false);            \
    }
FORMS(arith, arith)
FORMS(compare, compare)

/* --- of one operand, and the like --- */

bool x86_op_x87_fchs(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    struct f80 v = x87_get(c, 0);
    bool empty = x87_empty(c, 0);
    if (x87_raise(c, empty ? X87_UNDERFLOW : 0))
        x87_set(c, 0, empty ? F80_INDEFINITE : (struct f80){ v.m, v.se ^ 0x8000 });
    return true;
}

bool x86_op_x87_fabs(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    struct f80 v = x87_get(c, 0);
    bool empty = x87_empty(c, 0);
    if (x87_raise(c, empty ? X87_UNDERFLOW : 0))
        x87_set(c, 0, empty ? F80_INDEFINITE : (struct f80){ v.m, v.se & 0x7fff });
    return true;
}

/* ST0 = f(ST0). */
static bool unary(struct x86 *c, const struct x86_insn *i, struct f80 (*f)(struct f80_env *, struct f80), bool clears_c2)
{
    if (!x87_begin(c, i))
        return false;
    struct f80_env e = x87_env(c);
    struct f80 r = F80_INDEFINITE;
    if (x87_empty(c, 0))
        e.flags = X87_UNDERFLOW;
    else
        r = f(&e, x87_get(c, 0));
    if (clears_c2)
        c->fpu.sw &= (u16)~F80_C2;
    if (x87_raise(c, e.flags))
        x87_set(c, 0, r);
    return true;
}
bool x86_op_x87_fsqrt(struct x86 *c, const struct x86_insn *i) { return unary(c, i, f80_sqrt, false); }
bool x86_op_x87_frndint(struct x86 *c, const struct x86_insn *i) { return unary(c, i, f80_round_to_int, false); }

bool x86_op_x87_fscale(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    struct f80_env e = x87_env(c);
    struct f80 r = F80_INDEFINITE;
    if (x87_empty(c, 0) || x87_empty(c, 1))
        e.flags = X87_UNDERFLOW;
    else
        r = f80_scale(&e, x87_get(c, 0), x87_get(c, 1));
    if (x87_raise(c, e.flags))
        x87_set(c, 0, r);
    return true;
}

bool x86_op_x87_fprem(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    struct f80_env e = x87_env(c);
    struct f80 r = F80_INDEFINITE;
    if (x87_empty(c, 0) || x87_empty(c, 1))
        e.flags = X87_UNDERFLOW;
    else
        r = f80_rem(&e, x87_get(c, 0), x87_get(c, 1), (i->imm & 0xff) == 0xf5);
    /* C0 and C3 stay when there is no quotient: invalid operands, NaNs. */
    c->fpu.sw &= (u16)~(F80_C2 | (f80_is_nan(r) ? 0 : F80_C0 | F80_C3));
    if (x87_raise(c, e.flags))
        x87_set(c, 0, r);
    return true;
}

/* Replaces ST0 and pushes another: two results of one operand. With C2 set nothing happens but that. */
static bool two(struct x86 *c, struct f80 first, struct f80 pushed, unsigned flags)
{
    if (x87_empty(c, 0) || x87_full(c)) {
        flags = x87_empty(c, 0) ? X87_UNDERFLOW : X87_OVERFLOW;
        first = pushed = F80_INDEFINITE;
    }
    if (x87_raise(c, flags) && !(flags & F80_C2)) {
        x87_set(c, 0, first);
        x87_push(c, pushed);
    }
    return true;
}

bool x86_op_x87_fxtract(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    struct f80_env e = x87_env(c);
    struct f80 significand, exponent = f80_extract(&e, x87_get(c, 0), &significand);
    return two(c, exponent, significand, e.flags);
}

/* --- transcendental --- */

bool x86_op_x87_f2xm1(struct x86 *c, const struct x86_insn *i) { return unary(c, i, f80_2xm1, false); }

/* FSIN, FCOS: C2 tells of an argument that was too large, and is left. */
bool x86_op_x87_fsin(struct x86 *c, const struct x86_insn *i) { return unary(c, i, f80_sin, true); }
bool x86_op_x87_fcos(struct x86 *c, const struct x86_insn *i) { return unary(c, i, f80_cos, true); }

bool x86_op_x87_fsincos(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    struct f80_env e = x87_env(c);
    struct f80 cos, sin = f80_sincos(&e, x87_get(c, 0), &cos);
    c->fpu.sw &= (u16)~F80_C2;
    return two(c, sin, cos, e.flags);
}

bool x86_op_x87_fptan(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    struct f80_env e = x87_env(c);
    struct f80 tan = f80_tan(&e, x87_get(c, 0));
    c->fpu.sw &= (u16)~F80_C2;
    return two(c, tan, f80_is_nan(tan) ? tan : f80_make(false, F80_BIAS, F80_INT_BIT), e.flags);
}

/* ST1 = f(ST0, ST1), then pop. */
static bool binary_pop(struct x86 *c, const struct x86_insn *i, struct f80 (*f)(struct f80_env *, struct f80, struct f80), bool swap)
{
    if (!x87_begin(c, i))
        return false;
    struct f80_env e = x87_env(c);
    struct f80 r = F80_INDEFINITE, a = x87_get(c, 0), b = x87_get(c, 1);
    if (x87_empty(c, 0) || x87_empty(c, 1))
        e.flags = X87_UNDERFLOW;
    else
        r = swap ? f(&e, b, a) : f(&e, a, b);
    if (x87_raise(c, e.flags)) {
        x87_set(c, 1, r);
        x87_pop(c);
    }
    return true;
}
bool x86_op_x87_fyl2x(struct x86 *c, const struct x86_insn *i) { return binary_pop(c, i, f80_yl2x, false); }
bool x86_op_x87_fyl2xp1(struct x86 *c, const struct x86_insn *i) { return binary_pop(c, i, f80_yl2xp1, false); }
bool x86_op_x87_fpatan(struct x86 *c, const struct x86_insn *i) { return binary_pop(c, i, f80_atan, true); }
