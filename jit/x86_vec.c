/* Scalar SSE and whole-register moves of x86 as operations: what the words of sem_vec.def mean. */
#include <float.h>
#include <string.h>

#include "cpu/x86/vec_fp.h"
#include "jit/x86_make.h"

typedef u64 X; /* a V */
typedef struct {
    V q[2];
} X128;

static size_t vec_at(unsigned n, unsigned q) { return offsetof(struct x86, v) + n * sizeof(union x86_vec) + 8 * q; }
static V get_q(struct translation *tr, unsigned n, unsigned q) { return get_state(tr, vec_at(n, q), 8); }
static void put_q(struct translation *tr, unsigned n, unsigned q, V v) { put_state(tr, vec_at(n, q), v); }
static X128 get_all(struct translation *tr, unsigned n)
{
    X128 v;
    v.q[0] = get_q(tr, n, 0);
    v.q[1] = get_q(tr, n, 1);
    return v;
}
static void put_all(struct translation *tr, unsigned n, X128 v)
{
    put_q(tr, n, 0, v.q[0]);
    put_q(tr, n, 1, v.q[1]);
}

/* Memory has these forms at flat addresses only. */
static V address(struct translation *tr, const struct x86_insn *i)
{
    return linear_of(tr, operand_offset(tr, i, 0));
}
static V all_of(struct translation *tr, const struct x86_insn *i, unsigned rights, bool aligned)
{
    V at = address(tr, i);
    if (aligned)
        exit_if(tr, op2(tr, IR_AND, at, 15));
    return window(tr, at, 128, rights);
}
static X128 rm_all(struct translation *tr, const struct x86_insn *i, bool aligned)
{
    X128 v;
    if (!(i->flags & X86_I_MEM))
        return get_all(tr, i->rm);
    V host = all_of(tr, i, IR_READS, aligned);
    v.q[0] = peek(tr, host, 0, 64);
    v.q[1] = peek(tr, host, 8, 64);
    return v;
}
static void store_all(struct translation *tr, const struct x86_insn *i, X128 v, bool aligned)
{
    if (!(i->flags & X86_I_MEM)) {
        put_all(tr, i->rm, v);
        return;
    }
    V host = all_of(tr, i, IR_WRITES, aligned);
    poke(tr, host, 0, 64, v.q[0]);
    poke(tr, host, 8, 64, v.q[1]);
}
static V rm_low(struct translation *tr, const struct x86_insn *i, unsigned bits)
{
    if (i->flags & X86_I_MEM)
        return load(tr, address(tr, i), bits);
    return zx(tr, bits, get_q(tr, i->rm, 0));
}
static V rm_general(struct translation *tr, const struct x86_insn *i)
{
    const unsigned bits = i->flags & X86_I_W ? 64 : 32;
    return i->flags & X86_I_MEM ? load(tr, address(tr, i), bits) : read_reg(tr, bits, i->rm);
}
static void store_low(struct translation *tr, const struct x86_insn *i, V v)
{
    if (i->flags & X86_I_MEM)
        store(tr, address(tr, i), 64, v);
    else
        put_q(tr, i->rm, 0, v);
}
static void put_low32(struct translation *tr, unsigned n, V v)
{
    V rest = CONST_AND(tr, get_q(tr, n, 0), ~(u64)0xffffffff);
    put_q(tr, n, 0, op2(tr, IR_OR, rest, zx(tr, 32, v)));
}
static X128 each(struct translation *tr, enum ir_op op, X128 a, X128 b)
{
    X128 r;
    r.q[0] = op2(tr, op, a.q[0], b.q[0]);
    r.q[1] = op2(tr, op, a.q[1], b.q[1]);
    return r;
}
static X128 and_not(struct translation *tr, X128 a, X128 b)
{
    const V all = number(tr, ~(u64)0);
    const X128 ones = { { all, all } };
    return each(tr, IR_AND, each(tr, IR_XOR, a, ones), b);
}

/* --- arithmetic: the same conditions as exec_vec.c has, on the bits of the numbers ------------------------------ */

static u64 smallest(unsigned bits) { return bits == 64 ? (u64)1 << 52 : (u64)1 << 23; } /* normal */
static u64 infinite(unsigned bits) { return bits == 64 ? (u64)0x7ff << 52 : (u64)0xff << 23; }
static V magnitude(struct translation *tr, unsigned bits, V v)
{
    return CONST_AND(tr, v, ((u64)1 << (bits - 1)) - 1);
}
/* Exits unless all is masked, rounding is to nearest, the inexact flag set, and neither number denormal. */
static void easy(struct translation *tr, unsigned bits, V a, V b)
{
    const u64 mask = FP_ALL << FP_MASKS | 3u << FP_RC | FP_PE, usual = FP_ALL << FP_MASKS | FP_PE;
    V mxcsr = CONST_AND(tr, get_state(tr, offsetof(struct x86, mxcsr), 8), mask);
    exit_unless(tr, op2(tr, IR_EQ, mxcsr, number(tr, usual)));
    const V operand[] = { a, b };
    for (unsigned k = 0; k < 2; k++) {
        V less = op2(tr, IR_SUB, magnitude(tr, bits, operand[k]), 1);
        exit_if(tr, op2(tr, IR_LTU, less, number(tr, smallest(bits) - 1)));
    }
}
/* Exits unless the result is normal and above the smallest, or certainly exact. */
static V result(struct translation *tr, enum ir_op op, unsigned bits, V a, V b)
{
    ir_val x = value(tr, a), y = value(tr, b);
    V z = name(ir_binary(tr->ir, op, bits / 8, x, y));
    if (bits == 32)
        z = zx(tr, 32, z);
    V size = magnitude(tr, bits, z), above = op2(tr, IR_SUB, size, number(tr, smallest(bits) + 1));
    V fine = op2(tr, IR_LTU, above, number(tr, infinite(bits) - smallest(bits) - 1)), exact;
    if (op == IR_FADD || op == IR_FSUB)
        exact = op2(tr, IR_EQ, size, 0);
    else
        exact = op2(tr, IR_EQ, magnitude(tr, bits, a), 0);
    if (op == IR_FMUL)
        exact = op2(tr, IR_OR, exact, op2(tr, IR_EQ, magnitude(tr, bits, b), 0));
    /* 0 * infinity and 0 / 0 are not numbers */
    V number_ = op2(tr, IR_LTU, size, number(tr, infinite(bits))), sure = op2(tr, IR_AND, exact, number_);
    exit_unless(tr, op2(tr, IR_OR, fine, sure));
    return z;
}

#define XREG get_all(tr, i->reg)
#define XREG64 get_q(tr, i->reg, 0)
#define XREG32 zx(tr, 32, get_q(tr, i->reg, 0))
#define XRM(v) X128 v = rm_all(tr, i, false)
#define XRMA(v) X128 v = rm_all(tr, i, true)
#define XRM64(v) X v = rm_low(tr, i, 64)
#define XRM32(v) X v = rm_low(tr, i, 32)
#define XRMG(v) X v = rm_general(tr, i)
#define XPUT(v) put_all(tr, i->reg, v)
#define XPUT64(v) put_q(tr, i->reg, 0, v)
#define XPUT32(v) put_low32(tr, i->reg, v)
#define XPUT64Z(v)                  \
    put_q(tr, i->reg, 0, v);        \
    put_q(tr, i->reg, 1, 0)
#define XPUT32Z(v) XPUT64Z(v)
#define XSTORE(v) store_all(tr, i, v, false)
#define XSTOREA(v) store_all(tr, i, v, true)
#define XSTORE64(v) store_low(tr, i, v)
#define XXOR(a, b) each(tr, IR_XOR, a, b)
#define XAND(a, b) each(tr, IR_AND, a, b)
#define XOR128(a, b) each(tr, IR_OR, a, b)
#define XANDN(a, b) and_not(tr, a, b)
#define EASY64(a, b) easy(tr, 64, a, b)
#define EASY32(a, b) easy(tr, 32, a, b)
#define FADD64(r, a, b) X r = result(tr, IR_FADD, 64, a, b)
#define FSUB64(r, a, b) X r = result(tr, IR_FSUB, 64, a, b)
#define FMUL64(r, a, b) X r = result(tr, IR_FMUL, 64, a, b)
#define FDIV64(r, a, b) X r = result(tr, IR_FDIV, 64, a, b)
#define FADD32(r, a, b) X r = result(tr, IR_FADD, 32, a, b)
#define FSUB32(r, a, b) X r = result(tr, IR_FSUB, 32, a, b)
#define FMUL32(r, a, b) X r = result(tr, IR_FMUL, 32, a, b)
#define FDIV32(r, a, b) X r = result(tr, IR_FDIV, 32, a, b)

#define SEMX(name, ...)                                                     \
    static void tr_##name(struct translation *tr, const struct x86_insn *i) \
    {                                                                       \
        __VA_ARGS__;                                                        \
    }
#include "cpu/x86/sem_vec.def"
#undef SEMX

translate *jit_x86_vec(const char *meaning)
{
    static const struct {
        const char *name;
        translate *fn;
    } meanings[] = {
#define SEMX(name, ...) { #name, tr_##name },
#include "cpu/x86/sem_vec.def"
    };
    for (size_t k = 0; k < ARRAY_LEN(meanings); k++)
        if (!strcmp(meaning, meanings[k].name))
            return meanings[k].fn;
    return NULL;
}
