/* Integer instructions, moves and jumps of x86 as operations. */
#include <string.h>

#include "cpu/x86/alu.h"
#include "jit/x86_make.h"

/* --- flags ------------------------------------------------------------------------------------------------------ */

static V get_flags(struct translation *tr) { return get_state(tr, offsetof(struct x86, arith_wide), 8); }
static void put_flags(struct translation *tr, V f)
{
    put_state(tr, offsetof(struct x86, arith_wide), f);
    tr->flags.by = FROM_UNKNOWN;
}
static void known(struct translation *tr, unsigned by, V a, V b, V r)
{
    tr->flags.by = by;
    tr->flags.w = tr->w;
    tr->flags.a = a;
    tr->flags.b = b;
    tr->flags.r = r;
}
static V flags_of(struct translation *tr, unsigned what, V a, V b)
{
    ir_val x = value(tr, a), y = value(tr, b);
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_FLAGS, .size = (u8)(tr->w / 8), .a = x, .b = y,
        .c = (ir_val)what, .exit = IR_NONE }));
}
static V bit_of(struct translation *tr, V v, unsigned n)
{
    V low = op2(tr, IR_SHR, v, number(tr, n));
    return op2(tr, IR_AND, low, 1);
}
/* f without `mask`, or with carry and overflow, 0 or 1 each. */
static V replaced(struct translation *tr, V f, unsigned mask, V with)
{
    V rest = CONST_AND(tr, f, (u64)(u16)~mask);
    return op2(tr, IR_OR, rest, with);
}
static V carry_overflow(struct translation *tr, V cf, V of)
{
    V high = op2(tr, IR_SHL, cf, 8);
    return op2(tr, IR_OR, high, of);
}

static V add(struct translation *tr, V a, V b)
{
    V r = op2(tr, IR_ADD, a, b), f = flags_of(tr, IR_SUM, a, b);
    put_flags(tr, f);
    known(tr, FROM_SUM, a, b, r);
    return r;
}
static V subtract(struct translation *tr, V a, V b)
{
    V r = op2(tr, IR_SUB, a, b), f = flags_of(tr, IR_DIFFERENCE, a, b);
    put_flags(tr, f);
    known(tr, FROM_DIFFERENCE, a, b, r);
    return r;
}
static V logic(struct translation *tr, V r)
{
    V f = flags_of(tr, IR_CONJUNCTION, r, r);
    put_flags(tr, f);
    known(tr, FROM_LOGIC, r, r, r);
    return r;
}
/* Carries out of each bit: of a sum where two of three are set, of a difference likewise with a inverted. */
static V with_carry(struct translation *tr, V a, V b, bool minus)
{
    V old = get_flags(tr), in = bit_of(tr, old, 8), all = number(tr, ~(u64)0);
    V s = op2(tr, minus ? IR_SUB : IR_ADD, a, b), r = op2(tr, minus ? IR_SUB : IR_ADD, s, in);
    V x = minus ? op2(tr, IR_XOR, a, all) : a, y = minus ? r : op2(tr, IR_XOR, r, all);
    V both = op2(tr, IR_AND, x, b), any = op2(tr, IR_OR, x, b), through = op2(tr, IR_AND, any, y);
    V carries = op2(tr, IR_OR, both, through);
    V cf = bit_of(tr, carries, tr->w - 1), of = op2(tr, IR_XOR, cf, bit_of(tr, carries, tr->w - 2));
    V af = op2(tr, IR_SHL, bit_of(tr, carries, 3), 12), f = flags_of(tr, IR_CONJUNCTION, r, r);
    f = op2(tr, IR_OR, f, af);
    put_flags(tr, op2(tr, IR_OR, f, carry_overflow(tr, cf, of)));
    known(tr, FROM_RESULT, r, r, r);
    return r;
}
/* INC and DEC leave the carry. */
static V count_one(struct translation *tr, V a, unsigned what)
{
    V one = number(tr, 1), old = get_flags(tr), r = op2(tr, what == IR_SUM ? IR_ADD : IR_SUB, a, one);
    V f = flags_of(tr, what, a, one), cf = CONST_AND(tr, old, FL_CF);
    put_flags(tr, replaced(tr, f, FL_CF, cf));
    known(tr, FROM_RESULT, r, r, r);
    return r;
}

/* Of the result: negative or zero. Sets *v when the condition is one of these. */
static bool by_result(struct translation *tr, unsigned cc, V r, V *v)
{
    if ((cc & ~1u) != 4 && (cc & ~1u) != 8)
        return false;
    if (cc < 8)
        *v = op2(tr, cc & 1 ? IR_NE : IR_EQ, zx(tr, tr->flags.w, r), 0);
    else
        *v = op2(tr, cc & 1 ? IR_GES : IR_LTS, sx(tr, tr->flags.w, r), 0);
    return true;
}
static bool by_difference(struct translation *tr, unsigned cc, V *v)
{
    static const u8 op[16] = { [2] = IR_LTU, IR_GEU, IR_EQ, IR_NE, [12] = IR_LTS, IR_GES };
    const unsigned w = tr->flags.w, like = cc == 6 ? 3 : cc == 7 ? 2 : cc == 14 ? 13 : cc == 15 ? 12 : cc;
    if (!op[like])
        return false;
    V a = like < 8 ? zx(tr, w, tr->flags.a) : sx(tr, w, tr->flags.a);
    V b = like < 8 ? zx(tr, w, tr->flags.b) : sx(tr, w, tr->flags.b);
    *v = like == cc ? op2(tr, op[like], a, b) : op2(tr, op[like], b, a);
    return true;
}
/* Neither carry nor overflow. */
static bool by_logic(struct translation *tr, unsigned cc, V *v)
{
    static const u8 like[16] = { [6] = 4, 5, [12] = 8, 9 };
    if (cc <= 3) {
        *v = number(tr, cc & 1);
        return true;
    }
    if (cc >= 14) {
        V r = sx(tr, tr->flags.w, tr->flags.r), zero = number(tr, 0);
        *v = op2(tr, cc == 14 ? IR_GES : IR_LTS, zero, r);
        return true;
    }
    return by_result(tr, like[cc] ? like[cc] : cc, tr->flags.r, v);
}

static V condition(struct translation *tr, unsigned cc)
{
    V v = 0;
    if (tr->flags.by == FROM_DIFFERENCE && by_difference(tr, cc, &v))
        return v;
    if (tr->flags.by == FROM_LOGIC && by_logic(tr, cc, &v))
        return v;
    if (tr->flags.by == FROM_SUM && (cc & ~1u) == 2)
        return op2(tr, cc & 1 ? IR_GEU : IR_LTU, zx(tr, tr->flags.w, tr->flags.r), zx(tr, tr->flags.w, tr->flags.a));
    if (tr->flags.by != FROM_UNKNOWN && by_result(tr, cc, tr->flags.r, &v))
        return v;
    static const u16 masks[] = { FL_OF, FL_CF, FL_ZF, FL_CF | FL_ZF, FL_SF, FL_PF };
    V f = get_flags(tr);
    if (cc < 12) {
        V bits = CONST_AND(tr, f, masks[cc >> 1]);
        return op2(tr, cc & 1 ? IR_EQ : IR_NE, bits, 0);
    }
    V less = op2(tr, IR_AND, op2(tr, IR_XOR, op2(tr, IR_SHR, f, 15), f), 1);
    if (cc >= 14)
        less = op2(tr, IR_OR, less, CONST_AND(tr, f, FL_ZF));
    return op2(tr, cc & 1 ? IR_EQ : IR_NE, less, 0);
}

static void put_carry(struct translation *tr, V v)
{
    V f = get_flags(tr);
    put_flags(tr, replaced(tr, f, FL_CF, op2(tr, IR_SHL, v, 8)));
}
static void put_direction(struct translation *tr, V v)
{
    V rest = CONST_AND(tr, get_state(tr, offsetof(struct x86, rflags), 8), ~(u64)X86_DF);
    put_state(tr, offsetof(struct x86, rflags), op2(tr, IR_OR, rest, op2(tr, IR_SHL, v, 10)));
}
static void put_low_flags(struct translation *tr, V v)
{
    V of = CONST_AND(tr, get_flags(tr), FL_OF), bits = CONST_AND(tr, v, (FL_SF | FL_ZF | FL_AF | FL_PF | FL_CF) >> 8);
    V high = op2(tr, IR_SHL, bits, 8), f = op2(tr, IR_OR, high, of);
    put_flags(tr, op2(tr, IR_OR, f, number(tr, FL_ONE)));
}

/* --- the operand rm --------------------------------------------------------------------------------------------- */

static V rm(struct translation *tr, const struct x86_insn *i, unsigned bits)
{
    if (!(i->flags & X86_I_MEM))
        return read_reg(tr, bits, i->rm);
    return load(tr, operand_address(tr, i, 0, bits, false), bits);
}
static V rm_at(struct translation *tr, const struct x86_insn *i, V delta)
{
    if (!(i->flags & X86_I_MEM))
        return read_reg(tr, tr->w, i->rm);
    return load(tr, operand_address(tr, i, delta, tr->w, false), tr->w);
}
/* The right to write is asked for at once. */
static V rm_to_write(struct translation *tr, const struct x86_insn *i, V delta)
{
    if (!(i->flags & X86_I_MEM))
        return read_reg(tr, tr->w, i->rm);
    tr->rmw = window(tr, operand_address(tr, i, delta, tr->w, true), tr->w, IR_WRITES);
    return peek(tr, tr->rmw, 0, tr->w);
}
static void write_rm(struct translation *tr, const struct x86_insn *i, V v)
{
    if (i->flags & X86_I_MEM)
        poke(tr, tr->rmw, 0, tr->w, v);
    else
        write_reg(tr, tr->w, i->rm, v);
}
static void put_unless(struct translation *tr, unsigned n, V holds, V v)
{
    V whole = merged(tr, tr->w, n, v), old = get_whole(tr, n);
    put_state(tr, reg_at(n), choose(tr, holds, old, whole));
}
static void write_rm_if(struct translation *tr, const struct x86_insn *i, V holds, V v, V old)
{
    if (i->flags & X86_I_MEM)
        poke(tr, tr->rmw, 0, tr->w, choose(tr, holds, v, old));
    else
        put_unless(tr, i->rm, op2(tr, IR_EQ, holds, 0), v);
}
static void store_rm(struct translation *tr, const struct x86_insn *i, V v)
{
    if (i->flags & X86_I_MEM)
        store(tr, operand_address(tr, i, 0, tr->w, true), tr->w, v);
    else
        write_reg(tr, tr->w, i->rm, v);
}

static V moffs_address(struct translation *tr, const struct x86_insn *i)
{
    tr->refused |= !operand_flat(tr, i);
    return number(tr, is_64(tr) ? i->imm : (u32)i->imm);
}
static V moffs_load(struct translation *tr, const struct x86_insn *i) { return load(tr, moffs_address(tr, i), tr->w); }
static void moffs_store(struct translation *tr, const struct x86_insn *i, V v) { store(tr, moffs_address(tr, i), tr->w, v); }

/* --- the stack -------------------------------------------------------------------------------------------------- */

static V stack_address(struct translation *tr, V offset, bool write)
{
    return is_flat(tr) ? offset : in_segment(tr, X86_SS, offset, tr->w / 8, write);
}
/* Offset in SS of the number, and SP set to it. */
static V stack_offset(struct translation *tr, V v) { return zx(tr, stack_bits(tr), v); }
static void put_sp(struct translation *tr, V sp) { write_reg(tr, stack_bits(tr), X86_SP, sp); }

static V pushed(struct translation *tr, const struct x86_insn *i, V v) /* PUSH SP before the 286 */
{
    tr->refused |= tr->w == 16 && i->rm == X86_SP && !x86_has_feature(&tr->j->c->config, X86_F_286);
    return v;
}
static V below(struct translation *tr)
{
    return stack_offset(tr, op2(tr, IR_SUB, get_whole(tr, X86_SP), tr->w / 8));
}
static void push(struct translation *tr, V v)
{
    V sp = below(tr);
    store(tr, stack_address(tr, sp, true), tr->w, v);
    put_sp(tr, sp);
}
static V pop(struct translation *tr, unsigned by)
{
    V sp = stack_offset(tr, get_whole(tr, by)), v = load(tr, stack_address(tr, sp, false), tr->w);
    put_sp(tr, op2(tr, IR_ADD, sp, tr->w / 8));
    return v;
}
static void pop_to_rm(struct translation *tr, const struct x86_insn *i)
{
    tr->refused |= i->flags & X86_I_MEM;
    V v = pop(tr, X86_SP);
    write_reg(tr, tr->w, i->rm, v);
}

/* --- numbers ---------------------------------------------------------------------------------------------------- */

static V count_cl(struct translation *tr)
{
    tr->refused |= tr->w <= 16 && !x86_has_feature(&tr->j->c->config, X86_F_186); /* the 8086 counts on */
    return read_reg(tr, 8, X86_CX);
}
static V andn(struct translation *tr, V a, V m) { return op2(tr, IR_AND, a, op2(tr, IR_XOR, m, number(tr, ~(u64)0))); }
static V equal(struct translation *tr, V a, V b) { return op2(tr, IR_EQ, zx(tr, tr->w, a), zx(tr, tr->w, b)); }
static V swapped(struct translation *tr, V a)
{
    if (tr->w == 16)
        return number(tr, 0);
    V r = op1(tr, IR_BSWAP, a);
    return tr->w == 64 ? r : op2(tr, IR_SHR, r, 32);
}
static V sign_fill(struct translation *tr, V a) { return op2(tr, IR_SAR, sx(tr, tr->w, a), 63); }

static V shift(struct translation *tr, enum ir_op op, V a, V count)
{
    const unsigned w = tr->w;
    u64 n;
    bool fixed = is_const(tr, count, &n);
    V by = CONST_AND(tr, count, w == 64 ? 63 : 31), wide = op == IR_SAR ? sx(tr, w, a) : a;
    n &= w == 64 ? 63 : 31;
    if (fixed && !n)
        return a;
    V r = op2(tr, op, wide, by), last, of;
    /* The last bit that went out: of a count that may be 0 whatever, it is not looked at. */
    V less = op2(tr, IR_SUB, by, 1), before = op2(tr, op, wide, less);
    last = bit_of(tr, before, op == IR_SHL ? w - 1 : 0);
    V top = bit_of(tr, a, w - 1);
    of = op == IR_SHL ? op2(tr, IR_XOR, top, bit_of(tr, a, w - 2)) : op == IR_SHR ? top : number(tr, 0);
    V f = op2(tr, IR_OR, flags_of(tr, IR_CONJUNCTION, r, r), carry_overflow(tr, last, of));
    if (!fixed)
        f = choose(tr, by, f, get_flags(tr));
    put_flags(tr, f);
    if (fixed)
        known(tr, FROM_RESULT, r, r, r);
    return r;
}

/* Rotations: by functions of the operand, and of count, flags and size in one number. */
#define ROTATION(what)                                                                                    \
    static u64 call_##what(u64 a, u64 y)                                                                  \
    {                                                                                                     \
        u16 f = (u16)(y >> 16);                                                                           \
        return alu_##what(a, y & 0xff, &f, (unsigned)(y >> 32));                                          \
    }                                                                                                     \
    static u64 call_##what##_flags(u64 a, u64 y)                                                          \
    {                                                                                                     \
        u16 f = (u16)(y >> 16);                                                                           \
        alu_##what(a, y & 0xff, &f, (unsigned)(y >> 32));                                                 \
        return f;                                                                                         \
    }
ROTATION(rol)
ROTATION(ror)
ROTATION(rol_imm)
ROTATION(ror_imm)
ROTATION(rcl)
ROTATION(rcr)
#undef ROTATION
/* a: both operands of 16 bits */
#define DOUBLE_SHIFT(what)                                                                                \
    static u64 call_##what(u64 a, u64 y)                                                                  \
    {                                                                                                     \
        u16 f = (u16)(y >> 16);                                                                           \
        return alu_##what((u16)a, a >> 16, y & 0xff, &f, 16);                                             \
    }                                                                                                     \
    static u64 call_##what##_flags(u64 a, u64 y)                                                          \
    {                                                                                                     \
        u16 f = (u16)(y >> 16);                                                                           \
        alu_##what((u16)a, a >> 16, y & 0xff, &f, 16);                                                    \
        return f;                                                                                         \
    }
DOUBLE_SHIFT(shld)
DOUBLE_SHIFT(shrd)
#undef DOUBLE_SHIFT
static u64 call_ones(u64 a, u64 b) { return (u64)__builtin_popcountll(a); }

const struct jit_call_name jit_x86_calls[] = {
#define CALLED(name) { call_##name, #name }, { call_##name##_flags, #name " flags" }
    CALLED(rol), CALLED(ror), CALLED(rol_imm), CALLED(ror_imm), CALLED(rcl), CALLED(rcr), CALLED(shld), CALLED(shrd),
    { call_ones, "popcnt" },
    { NULL, NULL }
#undef CALLED
};

static V count_and_flags(struct translation *tr, V n)
{
    V count = op2(tr, IR_AND, n, 0xff), f = op2(tr, IR_SHL, get_flags(tr), 16), y = op2(tr, IR_OR, count, f);
    return op2(tr, IR_OR, y, number(tr, (u64)tr->w << 32));
}
static V turned(struct translation *tr, ir_call *result, ir_call *flags, V a, V n)
{
    V y = count_and_flags(tr, n), r = pure(tr, result, a, y);
    put_flags(tr, pure(tr, flags, a, y));
    return r;
}

static V double_shift(struct translation *tr, V a, V b, V count, bool left)
{
    const unsigned w = tr->w;
    if (w == 16) {
        V both = op2(tr, IR_OR, op2(tr, IR_SHL, b, 16), a), y = count_and_flags(tr, count);
        V r = pure(tr, left ? call_shld : call_shrd, both, y);
        put_flags(tr, pure(tr, left ? call_shld_flags : call_shrd_flags, both, y));
        return r;
    }
    V n = CONST_AND(tr, count, w - 1), other = op2(tr, IR_XOR, n, w - 1); /* w - 1 - n */
    const enum ir_op to = left ? IR_SHL : IR_SHR, from = left ? IR_SHR : IR_SHL;
    V in = op2(tr, from, op2(tr, from, b, 1), other), r = op2(tr, IR_OR, op2(tr, to, a, n), in);
    r = zx(tr, w, r);
    V less = op2(tr, IR_SUB, n, 1), cf = bit_of(tr, op2(tr, to, a, less), left ? w - 1 : 0);
    V of = op2(tr, IR_XOR, bit_of(tr, a, w - 1), left ? bit_of(tr, a, w - 2) : op2(tr, IR_AND, b, 1));
    V f = op2(tr, IR_OR, flags_of(tr, IR_CONJUNCTION, r, r), carry_overflow(tr, cf, of));
    put_flags(tr, choose(tr, n, f, get_flags(tr)));
    return r;
}

/* CF and OF: the upper half says more than the lower. ZF is 0. */
static V product(struct translation *tr, V a, V b, bool sign, V *high)
{
    const unsigned w = tr->w;
    V x = sign ? sx(tr, w, a) : zx(tr, w, a), y = sign ? sx(tr, w, b) : zx(tr, w, b), p = op2(tr, IR_MUL, x, y), lo, more;
    if (w == 64) {
        lo = p;
        *high = op2(tr, sign ? IR_MULHS : IR_MULHU, x, y);
        more = op2(tr, IR_NE, *high, sign ? op2(tr, IR_SAR, lo, 63) : number(tr, 0));
    } else {
        lo = zx(tr, w, p);
        *high = zx(tr, w, op2(tr, IR_SHR, p, number(tr, w)));
        more = sign ? op2(tr, IR_NE, p, sx(tr, w, p)) : op2(tr, IR_NE, *high, 0);
    }
    V f = CONST_AND(tr, flags_of(tr, IR_CONJUNCTION, lo, lo), (u64)(u16)~FL_ZF);
    put_flags(tr, op2(tr, IR_OR, f, carry_overflow(tr, more, more)));
    return lo;
}
static void put_pair(struct translation *tr, V lo, V hi)
{
    if (tr->w == 8) {
        V high = op2(tr, IR_SHL, hi, 8);
        write_reg(tr, 16, X86_AX, op2(tr, IR_OR, zx(tr, 8, lo), high));
    } else {
        write_reg(tr, tr->w, X86_AX, lo);
        write_reg(tr, tr->w, X86_DX, hi);
    }
}

/* #DE, and quotients the interpreter needs 128 bits for, are its own. */
static V divide(struct translation *tr, V hi, V lo, V b, V *r)
{
    V n = lo;
    if (tr->w == 64) {
        exit_if(tr, hi);
        exit_unless(tr, b);
    } else {
        exit_unless(tr, op2(tr, IR_LTU, hi, b));
        n = op2(tr, IR_OR, op2(tr, IR_SHL, hi, number(tr, tr->w)), lo);
    }
    *r = op2(tr, IR_REMU, n, b);
    return op2(tr, IR_DIVU, n, b);
}
static V divide_signed(struct translation *tr, V hi, V lo, V b, V *r)
{
    const unsigned w = tr->w;
    V n = lo, d = sx(tr, w, b);
    exit_unless(tr, d);
    if (w == 64) {
        exit_if(tr, op2(tr, IR_NE, hi, op2(tr, IR_SAR, lo, 63)));
        exit_if(tr, op2(tr, IR_EQ, d, number(tr, ~(u64)0)));
    } else {
        n = op2(tr, IR_OR, op2(tr, IR_SHL, hi, number(tr, w)), lo);
        n = w == 32 ? n : sx(tr, 2 * w, n);
    }
    V q = op2(tr, IR_DIVS, n, d);
    *r = op2(tr, IR_REMS, n, d);
    if (w < 64)
        exit_if(tr, op2(tr, IR_NE, q, sx(tr, w, q)));
    return q;
}

/* --- bits ------------------------------------------------------------------------------------------------------- */

static V bit_delta(struct translation *tr, const struct x86_insn *i, V n)
{
    if (!(i->flags & X86_I_MEM))
        return number(tr, 0);
    V words = op2(tr, IR_SAR, sx(tr, tr->w, n), tr->w == 64 ? 6 : tr->w == 32 ? 5 : 4);
    return op2(tr, IR_MUL, words, tr->w / 8);
}
static void set_cf_bit(struct translation *tr, V a, V m)
{
    V set = op2(tr, IR_NE, op2(tr, IR_AND, a, m), 0);
    put_carry(tr, set);
}
static V zero_flag(struct translation *tr, V a) { return op2(tr, IR_SHL, op2(tr, IR_EQ, a, 0), 14); }
static V bit_scan(struct translation *tr, V a, bool reverse)
{
    V n = op1(tr, reverse ? IR_CLZ : IR_CTZ, a);
    if (reverse)
        n = op2(tr, IR_XOR, n, 63);
    V r = choose(tr, a, n, number(tr, 0));
    const unsigned w = tr->w;
    tr->w = 64;
    V f = flags_of(tr, IR_CONJUNCTION, r, r);
    tr->w = w;
    put_flags(tr, replaced(tr, f, FL_ZF, zero_flag(tr, a)));
    return r;
}
static V zeroes(struct translation *tr, V a, bool leading)
{
    V r;
    if (leading)
        r = op2(tr, IR_SUB, op1(tr, IR_CLZ, a), 64 - tr->w);
    else
        r = op1(tr, IR_CTZ, tr->w == 64 ? a : op2(tr, IR_OR, a, number(tr, (u64)1 << tr->w)));
    V cf = op2(tr, IR_SHL, op2(tr, IR_EQ, a, 0), 8), f = op2(tr, IR_OR, cf, zero_flag(tr, r));
    put_flags(tr, op2(tr, IR_OR, f, number(tr, FL_ONE)));
    return r;
}
static V ones(struct translation *tr, V a)
{
    V r = tr->j->emitter.popcnt ? op1(tr, IR_POPCNT, a) : pure(tr, call_ones, a, number(tr, 0));
    put_flags(tr, op2(tr, IR_OR, zero_flag(tr, r), number(tr, FL_ONE)));
    return r;
}

/* --- jumps: what they lead to is in x86_run.c ------------------------------------------------------------------- */

/* The counter stays when the target is beyond the limit. */
static void loop(struct translation *tr, const struct x86_insn *i, V taken, V n)
{
    tr->refused |= !is_flat(tr) || i->imm >= PAGE_SIZE;
    write_reg(tr, 8 * x86_asize(i), X86_CX, n);
    jit_x86_branch(tr, i, taken);
}
static V link_of(struct translation *tr, const struct x86_insn *i)
{
    V next = op2(tr, IR_ADD, base_of(tr), number(tr, (u64)x86_side_of(i)->offset + i->length));
    return linear_of(tr, next);
}
/* Is it certain to be canonical? Else the interpreter sees to it. */
static void canonical(struct translation *tr, V target)
{
    if (!is_64(tr))
        return;
    V high = op2(tr, IR_SAR, op2(tr, IR_SHL, target, 16), 16);
    exit_if(tr, op2(tr, IR_NE, high, target));
}
static void push_link(struct translation *tr, V link)
{
    tr->refused |= !is_flat(tr) || tr->w < 32;
    push(tr, link);
}
static void call(struct translation *tr, const struct x86_insn *i, V link)
{
    if (i->imm >= PAGE_SIZE)
        canonical(tr, op2(tr, IR_ADD, base_of(tr), number(tr, i->imm)));
    push_link(tr, link);
    jit_x86_jump(tr, i);
}
static void call_to(struct translation *tr, V target, V link)
{
    canonical(tr, target);
    push_link(tr, link);
    jit_x86_jump_to(tr, target);
}
static void jump_to(struct translation *tr, V target)
{
    tr->refused |= !is_flat(tr);
    canonical(tr, target);
    jit_x86_jump_to(tr, target);
}
static void return_to(struct translation *tr, V n)
{
    tr->refused |= !is_flat(tr);
    V sp = stack_offset(tr, get_whole(tr, X86_SP)), target = load(tr, stack_address(tr, sp, false), tr->w);
    canonical(tr, target);
    V above = op2(tr, IR_ADD, sp, tr->w / 8);
    put_sp(tr, op2(tr, IR_ADD, above, n));
    jit_x86_jump_to(tr, target);
}

/* --- the declarations ------------------------------------------------------------------------------------------- */

#include "jit/x86_words.h"
#include "cpu/x86/sem_int.def"
#include "cpu/x86/sem_mov.def"
#include "cpu/x86/sem_jump.def"
#undef SEM
#undef SEMV
#undef SEMR
#undef SEM1
#undef SEMS
#define SEM(name, ...) { #name, tr_##name },
#define SEMV(name, ...) SEM(name)
#define SEMR(name, ...) SEM(name)
#define SEM1(name, ...) SEM(name)
#define SEMS(name, ...) SEM(name)

translate *jit_x86_int(const char *meaning)
{
    static const struct {
        const char *name;
        translate *fn;
    } meanings[] = {
#include "cpu/x86/sem_int.def"
#include "cpu/x86/sem_mov.def"
#include "cpu/x86/sem_jump.def"
    };
    for (size_t k = 0; k < ARRAY_LEN(meanings); k++)
        if (!strcmp(meaning, meanings[k].name))
            return meanings[k].fn;
    return NULL;
}
