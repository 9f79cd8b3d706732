/* Floating-point instructions of RISC-V as operations, under the conditions of cpu/riscv/exec_fp.c; whatever would be
 * exceptional goes to the interpreter. */
#include <string.h>

#include "jit/riscv_make.h"

static u64 call_class64(u64 a, u64 b) { return (u64)1 << f64_classify(a); }
static u64 call_class32(u64 a, u64 b) { return (u64)1 << f32_classify(a); }
static u64 call_class16(u64 a, u64 b) { return (u64)1 << f16_classify(a); }

const struct jit_call_name jit_riscv_fp_calls[] = {
#define CALL(name) { call_##name, #name }
    CALL(class64), CALL(class32), CALL(class16),
    { NULL, NULL }
#undef CALL
};

/* --- floating point --------------------------------------------------------------------------------------------- */

static V fp1(struct translation *tr, enum ir_op op, unsigned size, V a)
{
    return name(ir_unary(tr->ir, op, size, value(tr, a)));
}

static V fp2(struct translation *tr, enum ir_op op, unsigned size, V a, V b)
{
    ir_val x = value(tr, a), y = value(tr, b);
    return name(ir_binary(tr->ir, op, size, x, y));
}

static V fp_number(struct translation *tr, unsigned size, double d)
{
    u64 v = 0;
    float f = (float)d;
    memcpy(&v, size == 8 ? (void *)&d : (void *)&f, size);
    return number(tr, v);
}

static V unbox(struct translation *tr, V v, unsigned bits)
{
    V top = op2(tr, IR_SHR, v, bits), ones = number(tr, ~(u64)0 >> bits);
    exit_if(tr, op2(tr, IR_NE, top, ones));
    return op1(tr, bits == 32 ? IR_ZX32 : IR_ZX16, v);
}

static V copysign_(struct translation *tr, unsigned bits, V a, V b)
{
    u64 sign = (u64)1 << (bits - 1);
    V keep = number(tr, ~sign), take = number(tr, sign), x = op2(tr, IR_AND, a, keep), y = op2(tr, IR_AND, b, take);
    return op2(tr, IR_OR, x, y);
}

/* A mode written in the instruction is a plain number. */
static V rounding(struct translation *tr, const struct rv_insn *i)
{
    if (i->imm == 7 && tr->fp_known)
        return (V)tr->j->h->frm;
    return i->imm == 7 ? get_state(tr, offsetof(struct hart, frm), 1) : (V)(unsigned)i->imm;
}

static void valid_mode(struct translation *tr, V rm)
{
    if (rm >> 16 != V_TAG >> 16)
        tr->refused |= rm > SF_NEAREST_AWAY;
    else
        exit_if(tr, op2(tr, IR_GEU, rm, SF_NEAREST_AWAY + 1));
}

static void in_mode(struct translation *tr, V rm, unsigned mode)
{
    if (rm >> 16 != V_TAG >> 16)
        tr->refused |= rm != mode;
    else
        exit_if(tr, op2(tr, IR_NE, rm, mode));
}

/* The inexact flag is sticky: when it is set already, an inexact result changes no flag. Programs that never round
 * never set it; code compiled meanwhile looks at the result too (`exact` is only asked for then). */
static bool rounded_before(const struct translation *tr) { return tr->j->h->fflags & SF_INEXACT; }

static void flags_stay(struct translation *tr, V exact)
{
    if (tr->fp_known)
        return;
    V flags = get_state(tr, offsetof(struct hart, fflags), 1), set = op2(tr, IR_AND, flags, SF_INEXACT);
    exit_unless(tr, rounded_before(tr) ? set : op2(tr, IR_OR, set, exact));
}

/* Finite; and above the smallest normal number unless tiny results are fine. */
static V in_range(struct translation *tr, unsigned size, V z, bool tiny_too)
{
    u64 top = size == 8 ? 0x7ff0000000000000 : 0x7f800000, normal = size == 8 ? 0x0010000000000001 : 0x00800001;
    u64 low = tiny_too ? 0 : normal;
    V bits = number(tr, ((u64)1 << (8 * size - 1)) - 1), magnitude = op2(tr, IR_AND, z, bits);
    V above = number(tr, low), limit = number(tr, top - low), rest = op2(tr, IR_SUB, magnitude, above);
    return op2(tr, IR_LTU, rest, limit);
}

/* Is z = x + y, or x * y, without error? The tests of cpu/riscv/exec_fp.c. */
static V exact_sum(struct translation *tr, unsigned size, V x, V y, V z)
{
    V v = fp2(tr, IR_FSUB, size, z, x), w = fp2(tr, IR_FSUB, size, z, v), e = fp2(tr, IR_FSUB, size, x, w);
    V f = fp2(tr, IR_FSUB, size, y, v), sum = fp2(tr, IR_FADD, size, e, f), zero = number(tr, 0);
    return fp2(tr, IR_FEQ, size, sum, zero);
}

static V exact_product(struct translation *tr, unsigned size, V x, V y, V z)
{
    V zero = number(tr, 0);
    if (size == 4) { /* the product of floats fits a double */
        V dx = fp1(tr, IR_FWIDEN, 8, x), dy = fp1(tr, IR_FWIDEN, 8, y), dz = fp1(tr, IR_FWIDEN, 8, z);
        V p = fp2(tr, IR_FMUL, 8, dx, dy);
        return fp2(tr, IR_FEQ, 8, p, dz);
    }
    if (!tr->j->emitter.fma)
        return zero;
    V sign = number(tr, (u64)1 << 63), minus = op2(tr, IR_XOR, z, sign), e = op3(tr, IR_FMA, 8, x, y, minus);
    V none = fp2(tr, IR_FEQ, 8, e, zero), bits = number(tr, ~(u64)0 >> 1), magnitude = op2(tr, IR_AND, z, bits);
    V low = fp_number(tr, 8, 0x1p-900), big = op2(tr, IR_LTU, low, magnitude);
    return op2(tr, IR_AND, none, big);
}

static V sum(struct translation *tr, enum ir_op op, unsigned size, V a, V b, V rm)
{
    in_mode(tr, rm, SF_NEAREST_EVEN);
    V z = fp2(tr, op, size, a, b);
    exit_unless(tr, in_range(tr, size, z, true)); /* a tiny sum is exact */
    if (rounded_before(tr)) {
        flags_stay(tr, 0);
    } else if (op == IR_FADD) {
        flags_stay(tr, exact_sum(tr, size, a, b, z));
    } else {
        V sign = number(tr, (u64)1 << (8 * size - 1)), minus = op2(tr, IR_XOR, b, sign);
        flags_stay(tr, exact_sum(tr, size, a, minus, z));
    }
    return z;
}

static V product(struct translation *tr, enum ir_op op, unsigned size, V a, V b, V rm)
{
    in_mode(tr, rm, SF_NEAREST_EVEN);
    V z = fp2(tr, op, size, a, b);
    exit_unless(tr, in_range(tr, size, z, false));
    if (rounded_before(tr))
        flags_stay(tr, 0);
    else
        flags_stay(tr, op == IR_FMUL ? exact_product(tr, size, a, b, z) : exact_product(tr, size, z, b, a));
    return z;
}

static V root(struct translation *tr, unsigned size, V a, V rm)
{
    in_mode(tr, rm, SF_NEAREST_EVEN);
    V zero = fp_number(tr, size, 0), sign_ok = fp2(tr, IR_FLE, size, zero, a), finite = in_range(tr, size, a, true);
    exit_unless(tr, op2(tr, IR_AND, sign_ok, finite));
    V z = fp1(tr, IR_FSQRT, size, a);
    flags_stay(tr, rounded_before(tr) ? 0 : exact_product(tr, size, z, z, a));
    return z;
}

static V fused(struct translation *tr, unsigned size, V a, V b, V c, V rm)
{
    if (!tr->j->emitter.fma)
        tr->refused = true;
    in_mode(tr, rm, SF_NEAREST_EVEN);
    V r = op3(tr, IR_FMA, size, a, b, c);
    exit_unless(tr, in_range(tr, size, r, false));
    if (rounded_before(tr)) {
        flags_stay(tr, 0);
    } else if (size == 8) {
        V p = fp2(tr, IR_FMUL, 8, a, b), s = fp2(tr, IR_FADD, 8, p, c);
        V x = exact_product(tr, 8, a, b, p), y = exact_sum(tr, 8, p, c, s);
        flags_stay(tr, op2(tr, IR_AND, x, y));
    } else {
        V da = fp1(tr, IR_FWIDEN, 8, a), db = fp1(tr, IR_FWIDEN, 8, b), dc = fp1(tr, IR_FWIDEN, 8, c);
        V p = fp2(tr, IR_FMUL, 8, da, db), s = fp2(tr, IR_FADD, 8, p, dc), dr = fp1(tr, IR_FWIDEN, 8, r);
        V x = exact_sum(tr, 8, p, dc, s), y = fp2(tr, IR_FEQ, 8, s, dr);
        flags_stay(tr, op2(tr, IR_AND, x, y));
    }
    return r;
}

/* Zeroes of different sign and NaNs are not for here. */
static V extreme(struct translation *tr, unsigned size, bool max, V a, V b)
{
    V less = fp2(tr, IR_FLT, size, a, b), more = fp2(tr, IR_FLT, size, b, a);
    V equal = fp2(tr, IR_FEQ, size, a, b), same = op2(tr, IR_EQ, a, b), either = op2(tr, IR_AND, equal, same);
    V apart = op2(tr, IR_OR, less, more);
    exit_unless(tr, op2(tr, IR_OR, apart, either));
    return op3(tr, IR_SELECT, 8, max ? more : less, a, b);
}

static V ordered(struct translation *tr, enum ir_op op, unsigned size, V a, V b)
{
    V less = fp2(tr, IR_FLE, size, a, b), more = fp2(tr, IR_FLE, size, b, a);
    exit_unless(tr, op2(tr, IR_OR, less, more));
    return fp2(tr, op, size, a, b);
}

static V ordered_self(struct translation *tr, V a)
{
    exit_unless(tr, fp2(tr, IR_FEQ, 4, a, a));
    return a;
}

static V to_int(struct translation *tr, unsigned size, V a, V rm, double low, bool low_too, double high)
{
    in_mode(tr, rm, SF_TO_ZERO);
    V below = fp_number(tr, size, low), above = fp_number(tr, size, high);
    V x = fp2(tr, low_too ? IR_FLE : IR_FLT, size, below, a), y = fp2(tr, IR_FLT, size, a, above);
    exit_unless(tr, op2(tr, IR_AND, x, y));
    V n = fp1(tr, IR_FTOI, size, a);
    flags_stay(tr, rounded_before(tr) ? 0 : fp2(tr, IR_FEQ, size, fp1(tr, IR_ITOF, size, n), a));
    return n;
}

static V from_int(struct translation *tr, unsigned size, V a, V rm)
{
    in_mode(tr, rm, SF_NEAREST_EVEN);
    V z = fp1(tr, IR_ITOF, size, a);
    flags_stay(tr, rounded_before(tr) ? 0 : op2(tr, IR_EQ, fp1(tr, IR_FTOI, size, z), a));
    return z;
}

/* Of 64 bits. */
static V from_unsigned(struct translation *tr, unsigned size, V a, V rm)
{
    exit_if(tr, op2(tr, IR_LTS, a, 0));
    return from_int(tr, size, a, rm);
}

static V narrow(struct translation *tr, V a, V rm)
{
    in_mode(tr, rm, SF_NEAREST_EVEN);
    V z = fp1(tr, IR_FNARROW, 4, a), magnitude = op2(tr, IR_SHL, a, 1), zero = op2(tr, IR_EQ, magnitude, 0);
    exit_unless(tr, op2(tr, IR_OR, in_range(tr, 4, z, false), zero));
    flags_stay(tr, rounded_before(tr) ? 0 : fp2(tr, IR_FEQ, 8, fp1(tr, IR_FWIDEN, 8, z), a));
    return z;
}

/* --- half precision, through doubles -----------------------------------------------------------------------------
 * A double holds every half, and every sum and product of two: narrowing is the only rounding. It holds quotients and
 * roots to more than twice the digits of a half and two more, after which rounding again is harmless (Figueroa, "When
 * is double rounding innocuous?", 1995); and those are inexact only with digits that narrowing sees, for a quotient or
 * root of halves that is not a half is not within 2^-24 of one either. */

/* Infinities and NaNs are not for here. The exponents' ranges lie apart by 1008, subnormal numbers included. */
static V widen16(struct translation *tr, V a)
{
    V bits = op2(tr, IR_AND, a, 0x7fff);
    exit_if(tr, op2(tr, IR_GEU, bits, 0x7c00));
    V small = op2(tr, IR_SHL, bits, 42), apart = fp_number(tr, 8, 0x1p1008);
    V magnitude = fp2(tr, IR_FMUL, 8, small, apart);
    V high = op2(tr, IR_SHL, a, 48), mask = number(tr, (u64)1 << 63), sign = op2(tr, IR_AND, high, mask);
    return op2(tr, IR_OR, magnitude, sign);
}

/* To nearest, even. Results are zero, or neither below the smallest normal number nor rounded to infinity. */
static V narrow16(struct translation *tr, V z)
{
    V bits = number(tr, ~(u64)0 >> 1), magnitude = op2(tr, IR_AND, z, bits);
    V one = number(tr, 1), less = op2(tr, IR_SUB, magnitude, one), normal = number(tr, ((u64)1009 << 52) - 1);
    exit_if(tr, op2(tr, IR_LTU, less, normal));
    V limit = fp_number(tr, 8, 65520);
    exit_if(tr, op2(tr, IR_GEU, magnitude, limit));
    V cut = number(tr, ((u64)1 << 42) - 1);
    flags_stay(tr, rounded_before(tr) ? 0 : op2(tr, IR_EQ, op2(tr, IR_AND, magnitude, cut), 0));
    V half = number(tr, ((u64)1 << 41) - 1), kept = op2(tr, IR_SHR, magnitude, 42), odd = op2(tr, IR_AND, kept, 1);
    V near = op2(tr, IR_ADD, magnitude, half), rounded = op2(tr, IR_ADD, near, odd), apart = number(tr, 1008 << 10);
    V shifted = op2(tr, IR_SHR, rounded, 42), number16 = op2(tr, IR_SUB, shifted, apart), zero = number(tr, 0);
    V top = op2(tr, IR_SHR, z, 48), sign = op2(tr, IR_AND, top, 0x8000);
    return op2(tr, IR_OR, op3(tr, IR_SELECT, 8, magnitude, number16, zero), sign);
}

static V arithmetic16(struct translation *tr, enum ir_op op, V a, V b, V rm)
{
    in_mode(tr, rm, SF_NEAREST_EVEN);
    V x = widen16(tr, a), y = widen16(tr, b);
    return narrow16(tr, fp2(tr, op, 8, x, y));
}

static V root16(struct translation *tr, V a, V rm)
{
    in_mode(tr, rm, SF_NEAREST_EVEN);
    return narrow16(tr, fp1(tr, IR_FSQRT, 8, widen16(tr, a)));
}

/* The product is exact; the sum is asked whether it is. */
static V fused16(struct translation *tr, V a, V b, V c, V rm)
{
    in_mode(tr, rm, SF_NEAREST_EVEN);
    V x = widen16(tr, a), y = widen16(tr, b), z = widen16(tr, c);
    V p = fp2(tr, IR_FMUL, 8, x, y), s = fp2(tr, IR_FADD, 8, p, z);
    exit_unless(tr, exact_sum(tr, 8, p, z, s));
    return narrow16(tr, s);
}

/* As extreme(). */
static V extreme16(struct translation *tr, bool max, V a, V b)
{
    V x = widen16(tr, a), y = widen16(tr, b), less = fp2(tr, IR_FLT, 8, x, y), more = fp2(tr, IR_FLT, 8, y, x);
    V apart = op2(tr, IR_OR, less, more), same = op2(tr, IR_EQ, a, b);
    exit_unless(tr, op2(tr, IR_OR, apart, same));
    return op3(tr, IR_SELECT, 8, max ? more : less, a, b);
}

static V compare16(struct translation *tr, enum ir_op op, V a, V b)
{
    V x = widen16(tr, a), y = widen16(tr, b);
    return fp2(tr, op, 8, x, y);
}

static V to_int16(struct translation *tr, V a, V rm, double low, bool low_too, double high)
{
    return to_int(tr, 8, widen16(tr, a), rm, low, low_too, high);
}

/* An integer a double cannot hold is too large for a half. */
static V from_int16(struct translation *tr, V a, V rm)
{
    in_mode(tr, rm, SF_NEAREST_EVEN);
    return narrow16(tr, fp1(tr, IR_ITOF, 8, a));
}

/* --- the declarations ------------------------------------------------------------------------------------------- */

#define XLEN 64
#include "jit/riscv_words.h"
#include "jit/riscv_words_fp.h"
#include "cpu/riscv/sem_fp.def"
#undef XLEN
#define XLEN 32
#include "jit/riscv_words.h"
#include "jit/riscv_words_fp.h"
#include "cpu/riscv/sem_fp.def"
#undef XLEN

static const struct jit_meaning meanings[] = {
#undef SEM
#define SEM(name_, ...) { #name_, { tr32_##name_, tr64_##name_ } },
#include "cpu/riscv/sem_fp.def"
};

translate *jit_riscv_fp(const char *name, unsigned xlen)
{
    return jit_meaning_named(meanings, ARRAY_LEN(meanings), name, xlen);
}
