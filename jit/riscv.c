/* The translator for RISC-V: the declarations' meanings read with words that make operations (riscv_words.h), and the
 * tier that puts the result in place of a block's handlers.
 *
 * Compiled code is a handler like the interpreter's: what it cannot do (a TLB miss, a device, a fault, an exceptional
 * floating-point result, CSRs) it leaves to the interpreter's handler of that very slot, and the chain goes on from
 * there. So time, faults and stores into code need nothing of their own here. */
#include <string.h>

#include "base/buf.h"
#include "cpu/riscv/engine.h"
#include "jit/check.h"
#include "jit/emit.h"
#include "jit/jit.h"

#define V_TAG ((u64)0x4a49545600000000)

struct translation;
typedef void translate(struct translation *tr, const struct rv_insn *i);

struct jit_riscv {
    struct rv_tier tier; /* first */
    struct hart *h;
    struct code code;
    struct emitter emitter;
    struct jit_env env;
    translate *const *by_op;
    translate *table[RV_OP_COUNT];
    struct rv_block *block; /* being compiled */
    bool first;             /* its first run */
    bool full;              /* nothing more until the blocks are flushed */
    struct {
        u64 blocks, runs, bytes, refused, flushes;
    } count;
    struct { /* jumps that wait for the code of a slot, in lists by slot */
        u32 n, first[1024]; /* place plus 1 */
        struct {
            u64 slot;
            u8 *at;
            u32 next;
        } jump[8192];
    } wait;
    struct ir ir;
    struct ra ra;
};

struct translation {
    struct jit_riscv *j;
    struct ir *ir;
    const struct rv_insn *slot;
    rv_handler *plain; /* the interpreter's handler of this slot */
    bool refused;      /* this instruction is better left to it */
    bool ended;
};

/* --- making operations ------------------------------------------------------------------------------------------ */

typedef u64 V;

static V name(ir_val v) { return V_TAG | v; }
static V number(struct translation *tr, u64 v) { return name(ir_const(tr->ir, v)); }
static ir_val value(struct translation *tr, V v)
{
    return v >> 16 == V_TAG >> 16 ? (ir_val)v : ir_const(tr->ir, v);
}

static V op1(struct translation *tr, enum ir_op op, V a) { return name(ir_unary(tr->ir, op, 8, value(tr, a))); }

static V op2(struct translation *tr, enum ir_op op, V a, V b)
{
    ir_val x = value(tr, a), y = value(tr, b);
    return name(ir_binary(tr->ir, op, 8, x, y));
}

static V op3(struct translation *tr, enum ir_op op, unsigned size, V a, V b, V c)
{
    ir_val x = value(tr, a), y = value(tr, b), z = value(tr, c);
    return name(ir_ternary(tr->ir, op, size, x, y, z));
}

static V pure(struct translation *tr, ir_call *fn, V a, V b)
{
    ir_val x = value(tr, a), y = value(tr, b);
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_CALL, .size = 8, .a = x, .b = y, .exit = IR_NONE,
        .imm = (u64)(uintptr_t)fn }));
}

static V get_state(struct translation *tr, size_t offset, unsigned size)
{
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_GET, .size = (u8)size, .exit = IR_NONE, .imm = offset }));
}

static void put_state(struct translation *tr, size_t offset, V v)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_PUT, .size = 8, .a = value(tr, v), .exit = IR_NONE, .imm = offset });
}

static V get_x(struct translation *tr, unsigned r)
{
    return r ? get_state(tr, offsetof(struct hart, x) + 8 * r, 8) : number(tr, 0);
}

static void put_x(struct translation *tr, unsigned r, V v)
{
    if (r != 32)
        put_state(tr, offsetof(struct hart, x) + 8 * r, v);
}

static V get_f(struct translation *tr, unsigned r) { return get_state(tr, offsetof(struct hart, f) + 8 * r, 8); }
static void put_f(struct translation *tr, unsigned r, V v) { put_state(tr, offsetof(struct hart, f) + 8 * r, v); }

static u16 exit_here(struct translation *tr)
{
    return ir_exit_to(tr->ir, (u64)(uintptr_t)tr->slot, (u64)(uintptr_t)tr->plain);
}

static void exit_if(struct translation *tr, V c)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_EXIT_IF, .size = 8, .a = value(tr, c), .exit = exit_here(tr) });
}

static void exit_unless(struct translation *tr, V c) { exit_if(tr, op2(tr, IR_EQ, c, 0)); }

/* --- integer words ---------------------------------------------------------------------------------------------- */

static u64 call_clz64(u64 a, u64 b) { return a ? (u64)__builtin_clzll(a) : 64; }
static u64 call_ctz64(u64 a, u64 b) { return a ? (u64)__builtin_ctzll(a) : 64; }
static u64 call_cpop64(u64 a, u64 b) { return (u64)__builtin_popcountll(a); }
static u64 call_clz32(u64 a, u64 b) { return (u32)a ? (u64)__builtin_clz((u32)a) : 32; }
static u64 call_ctz32(u64 a, u64 b) { return (u32)a ? (u64)__builtin_ctz((u32)a) : 32; }
static u64 call_cpop32(u64 a, u64 b) { return (u64)__builtin_popcount((u32)a); }
static u64 call_rev8(u64 a, u64 b) { return __builtin_bswap64(a); }
static u64 call_rev8_32(u64 a, u64 b) { return (u64)(i64)(i32)__builtin_bswap32((u32)a); }
static u64 call_class64(u64 a, u64 b) { return (u64)1 << f64_classify(a); }
static u64 call_class32(u64 a, u64 b) { return (u64)1 << f32_classify(a); }
static u64 call_class16(u64 a, u64 b) { return (u64)1 << f16_classify(a); }

static u64 call_orc_b(u64 a, u64 b)
{
    u64 r = 0;
    for (unsigned k = 0; k < 64; k += 8)
        if (a >> k & 0xff)
            r |= (u64)0xff << k;
    return r;
}

static u128 carryless(u64 a, u64 b)
{
    u128 r = 0;
    for (; b; b &= b - 1)
        r ^= (u128)a << __builtin_ctzll(b);
    return r;
}

static u64 call_clmul(u64 a, u64 b) { return (u64)carryless(a, b); }
static u64 call_clmulh(u64 a, u64 b) { return (u64)(carryless(a, b) >> 64); }
static u64 call_clmulr(u64 a, u64 b) { return (u64)(carryless(a, b) >> 63); }
static u64 call_clmul_hi32(u64 a, u64 b) { return (u64)carryless((u32)a, (u32)b) >> 32; }
static u64 call_clmul_r32(u64 a, u64 b) { return (u64)carryless((u32)a, (u32)b) >> 31; }

static V shift32(struct translation *tr, enum ir_op op, V extended, V n)
{
    V amount = op2(tr, IR_AND, n, 31), r = op2(tr, op, extended, amount);
    return op1(tr, IR_SX32, r);
}

static V divide32(struct translation *tr, enum ir_op op, enum ir_op extension, V a, V b)
{
    V x = op1(tr, extension, a), y = op1(tr, extension, b), r = op2(tr, op, x, y);
    return op1(tr, IR_SX32, r);
}

static V product32(struct translation *tr, V a, V b, bool a_signed, bool b_signed)
{
    V x = op1(tr, a_signed ? IR_SX32 : IR_ZX32, a), y = op1(tr, b_signed ? IR_SX32 : IR_ZX32, b);
    V p = op2(tr, IR_MUL, x, y), r = op2(tr, IR_SHR, p, 32);
    return op1(tr, IR_SX32, r);
}

static V rotate64(struct translation *tr, enum ir_op there, enum ir_op back, V a, V n)
{
    V rest = op2(tr, IR_SUB, 0, n), x = op2(tr, there, a, n), y = op2(tr, back, a, rest);
    return op2(tr, IR_OR, x, y);
}

static V rotate32(struct translation *tr, enum ir_op there, enum ir_op back, V a, V n)
{
    V w = op1(tr, IR_ZX32, a), minus = op2(tr, IR_SUB, 0, n);
    V amount = op2(tr, IR_AND, n, 31), rest = op2(tr, IR_AND, minus, 31);
    V x = op2(tr, there, w, amount), y = op2(tr, back, w, rest), r = op2(tr, IR_OR, x, y);
    return op1(tr, IR_SX32, r);
}

/* --- position and control --------------------------------------------------------------------------------------- */

static V relative(struct translation *tr, u64 offset)
{
    V base = name(ir_add(tr->ir, (struct ir_insn){ .op = IR_BASE, .size = 8, .exit = IR_NONE }));
    V n = number(tr, offset);
    return op2(tr, IR_ADD, base, n);
}

static u64 link_of(const struct rv_insn *i, unsigned which) { return (u64)(uintptr_t)&i[1].to[which]; }

static void branch(struct translation *tr, const struct rv_insn *i, V c)
{
    u16 taken = ir_exit_to(tr->ir, (u64)(uintptr_t)i, (u64)(uintptr_t)rv_taken_slow);
    ir_exit_to(tr->ir, (u64)(uintptr_t)i, (u64)(uintptr_t)rv_next_slow);
    ir_add(tr->ir, (struct ir_insn){ .op = IR_CHAIN_IF, .size = 8, .a = value(tr, c), .exit = taken,
        .imm = link_of(i, 0) });
    tr->ended = true;
}

static void chain_to(struct translation *tr, const struct rv_insn *i, unsigned which, rv_handler *slow)
{
    u16 exit = ir_exit_to(tr->ir, (u64)(uintptr_t)i, (u64)(uintptr_t)slow);
    ir_add(tr->ir, (struct ir_insn){ .op = IR_CHAIN, .size = 8, .exit = exit, .imm = link_of(i, which) });
    tr->ended = true;
}

static void jump(struct translation *tr, const struct rv_insn *i, V link)
{
    if ((u64)(i64)i->imm & tr->j->h->engine->misaligned) { /* traps */
        tr->refused = true;
        return;
    }
    put_x(tr, i->rd, link);
    chain_to(tr, i, 0, rv_jal_slow);
}

static void jump_reg(struct translation *tr, const struct rv_insn *i, V target, V link)
{
    if (tr->j->h->engine->misaligned)
        exit_if(tr, op2(tr, IR_AND, target, tr->j->h->engine->misaligned));
    put_x(tr, i->rd, link);
    ir_add(tr->ir, (struct ir_insn){ .op = IR_JUMP, .size = 8, .a = value(tr, target), .exit = IR_NONE });
    tr->ended = true;
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

static V load(struct translation *tr, V addr, size_t size, bool sign)
{
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_LOAD, .size = (u8)size, .sign = sign, .a = value(tr, addr),
        .exit = exit_here(tr) }));
}

static void store(struct translation *tr, V addr, size_t size, V v)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_STORE, .size = (u8)size, .a = value(tr, addr), .b = value(tr, v),
        .exit = exit_here(tr) });
}

static V locate(struct translation *tr, V addr, size_t size)
{
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_LOCATE, .size = (u8)size, .a = value(tr, addr),
        .exit = exit_here(tr) }));
}

static V peek(struct translation *tr, V host, size_t size, bool sign)
{
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_PEEK, .size = (u8)size, .sign = sign, .a = value(tr, host),
        .exit = IR_NONE }));
}

static void poke(struct translation *tr, V host, size_t size, V v)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_POKE, .size = (u8)size, .a = value(tr, host), .b = value(tr, v),
        .exit = IR_NONE });
}

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
    V flags = get_state(tr, offsetof(struct hart, fflags), 1), set = op2(tr, IR_AND, flags, SF_INEXACT);
    exit_unless(tr, rounded_before(tr) ? set : op2(tr, IR_OR, set, exact));
}

static void in_mode_rounded(struct translation *tr, V rm, unsigned mode)
{
    in_mode(tr, rm, mode);
    flags_stay(tr, 0);
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

/* Zeroes differ by sign, and NaNs raise flags: neither here. */
static V extreme(struct translation *tr, unsigned size, bool max, V a, V b)
{
    V less = fp2(tr, IR_FLT, size, a, b), more = fp2(tr, IR_FLT, size, b, a);
    exit_unless(tr, op2(tr, IR_OR, less, more));
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
    in_mode_rounded(tr, rm, SF_TO_ZERO);
    V below = fp_number(tr, size, low), above = fp_number(tr, size, high);
    V x = fp2(tr, low_too ? IR_FLE : IR_FLT, size, below, a), y = fp2(tr, IR_FLT, size, a, above);
    exit_unless(tr, op2(tr, IR_AND, x, y));
    return fp1(tr, IR_FTOI, size, a);
}

static V from_unsigned(struct translation *tr, unsigned size, V a)
{
    exit_if(tr, op2(tr, IR_LTS, a, 0));
    return fp1(tr, IR_ITOF, size, a);
}

/* --- the declarations ------------------------------------------------------------------------------------------- */

#define XLEN 64
#include "jit/riscv_words.h"
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_branch.def"
#include "cpu/riscv/sem_jump.def"
#include "cpu/riscv/sem_load.def"
#include "cpu/riscv/sem_mem.def"
#include "cpu/riscv/sem_fp.def"
#undef XLEN
#define XLEN 32
#include "jit/riscv_words.h"
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_branch.def"
#include "cpu/riscv/sem_jump.def"
#include "cpu/riscv/sem_load.def"
#include "cpu/riscv/sem_mem.def"
#include "cpu/riscv/sem_fp.def"
#undef XLEN

static const struct {
    const char *name;
    translate *fn[2];
} meanings[] = {
#undef SEM
#define SEM(name_, ...) { #name_, { tr32_##name_, tr64_##name_ } },
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_branch.def"
#include "cpu/riscv/sem_jump.def"
#include "cpu/riscv/sem_load.def"
#include "cpu/riscv/sem_mem.def"
#include "cpu/riscv/sem_fp.def"
};

static const char *const meaning_of[RV_OP_COUNT] = {
#define INSN(id, sem, ...) [RV_OP_##id] = #sem,
#include "cpu/riscv/insn.def"
};

/* --- blocks ----------------------------------------------------------------------------------------------------- */

static void fp_on(struct translation *tr, bool dirty)
{
    V status = get_state(tr, offsetof(struct hart, mstatus), 8), mask = number(tr, MSTATUS_FS);
    exit_unless(tr, op2(tr, IR_AND, status, mask));
    if (dirty)
        put_state(tr, offsetof(struct hart, mstatus), op2(tr, IR_OR, status, mask));
}

static void leave(struct translation *tr)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_LEAVE, .size = 8, .exit = exit_here(tr) });
    tr->ended = true;
}

/* Makes operations of the slots from k on. Returns the slot after the last one that was taken in. */
static unsigned translate_run(struct jit_riscv *j, struct rv_block *b, unsigned k)
{
    struct translation tr = { .j = j, .ir = &j->ir };
    ir_start(&j->ir);
    for (; !tr.ended; k++) {
        const struct rv_insn *s = &b->slot[k];
        tr.slot = s;
        tr.plain = s->fn;
        if (s->fn == rv_h_next) {
            chain_to(&tr, s, 1, rv_next_slow);
        } else if (s->fn == rv_h_fp_on || s->fn == rv_h_fp_dirty) {
            fp_on(&tr, s->fn == rv_h_fp_dirty);
        } else if (s->fn == rv_h_illegal || s->fn == rv_h_stop || !ir_room(&j->ir)) {
            leave(&tr);
        } else {
            unsigned op = b->side[k].op;
            tr.plain = j->h->engine->handlers[op];
            u32 n = j->ir.n, exits = j->ir.n_exits;
            if (j->table[op])
                j->table[op](&tr, s);
            if (!j->table[op] || tr.refused) {
                j->ir.n = n;
                j->ir.n_exits = exits;
                leave(&tr);
            }
        }
    }
    return k;
}

static const void *runs_at(const struct jit_riscv *j, const struct rv_insn *slot)
{
    uintptr_t p = (uintptr_t)slot->fn, start = (uintptr_t)j->code.write + (uintptr_t)j->code.shift;
    return p - start < j->code.size ? (const void *)p : NULL;
}

static const void *direct(void *opaque, u64 link, u64 *slot, u32 *count)
{
    struct jit_riscv *j = opaque;
    const struct rv_insn *to = *(const struct rv_insn *const *)(uintptr_t)link;
    *slot = 0;
    if (to == j->h->engine->nowhere)
        return NULL;
    *slot = (u64)(uintptr_t)to;
    *count = (u32)to[-1].n;
    if (j->first && to == j->block->slot)
        return code_here(&j->code) + j->code.shift;
    return runs_at(j, to);
}

static u32 *waiting_for(struct jit_riscv *j, u64 slot)
{
    return &j->wait.first[(slot >> 4 ^ slot >> 14) & (ARRAY_LEN(j->wait.first) - 1)];
}

static void wait_for(void *opaque, u64 slot, u8 *at)
{
    struct jit_riscv *j = opaque;
    if (j->wait.n == ARRAY_LEN(j->wait.jump)) /* it goes through the slot for ever */
        return;
    u32 *first = waiting_for(j, slot);
    j->wait.jump[j->wait.n].slot = slot;
    j->wait.jump[j->wait.n].at = at;
    j->wait.jump[j->wait.n].next = *first;
    *first = ++j->wait.n;
}

/* The jumps that waited for this slot go straight to its code. */
static void arrived(struct jit_riscv *j, u64 slot, const void *code)
{
    for (u32 k = *waiting_for(j, slot); k; k = j->wait.jump[k - 1].next)
        if (j->wait.jump[k - 1].slot == slot)
            store_le(j->wait.jump[k - 1].at, 4,
                (u64)((i64)(uintptr_t)code - j->code.shift - (i64)(uintptr_t)(j->wait.jump[k - 1].at + 4)));
}

/* The code of one run takes the place of slot `at`. False: no room. */
static bool compile_run(struct jit_riscv *j, struct rv_block *b, unsigned at)
{
    ir_optimize(&j->ir);
    const void *code = emit_x64(&j->emitter, &j->code, &j->env, &j->ir, &j->ra);
    if (!code)
        return false;
    b->slot[at].fn = (rv_handler *)(uintptr_t)code;
    if (!at)
        arrived(j, (u64)(uintptr_t)b->slot, code);
    j->count.runs++;
    return true;
}

/* Does the block go on at slot k, with enough to be worth it? */
static bool goes_on(const struct rv_block *b, unsigned k)
{
    return k + 2 < b->slots && b->slot[k].fn && b->slot[k + 1].fn && b->slot[k].fn != rv_h_next;
}

static void hot(struct rv_tier *t, struct rv_block *b)
{
    struct jit_riscv *j = (struct jit_riscv *)t;
    if (j->full)
        return;
    if (!b->page || b->straddle) {
        j->count.refused++;
        return;
    }
    j->block = b;
    j->first = true;
    size_t used = j->code.used;
    for (unsigned k = 1, at = 0; k == 1 || goes_on(b, k); at = k) {
        if (at && b->side[k].op == RV_OP_COUNT) { /* pseudo slots keep their handlers: rv_block_part() copies them */
            k++;
            continue;
        }
        k = translate_run(j, b, k);
        if (!compile_run(j, b, at)) {
            if (code_room(&j->code) < (1u << 20)) /* the outer loop empties everything */
                j->full = j->h->engine->stale = j->h->engine->leave = true;
            else
                j->count.refused++;
            return;
        }
        j->first = false;
    }
    j->count.blocks++;
    j->count.bytes += j->code.used - used;
}

static void flushed(struct rv_tier *t)
{
    struct jit_riscv *j = (struct jit_riscv *)t;
    code_flush(&j->code);
    j->wait.n = 0;
    memset(j->wait.first, 0, sizeof j->wait.first);
    j->full = false;
    j->count.flushes++;
}

static void describe(const struct rv_tier *t, struct buf *out)
{
    const struct jit_riscv *j = (const struct jit_riscv *)t;
#define U(v) (unsigned long long)(v)
    buf_printf(out, "JIT: blocks compiled %llu in %llu runs, left to the interpreter %llu, threshold %llu\n",
               U(j->count.blocks), U(j->count.runs), U(j->count.refused), U(t->threshold));
    buf_printf(out, "JIT: host code %llu KiB, code cache %llu of %llu KiB used, emptied %llu times\n",
               U(j->count.bytes >> 10), U(j->code.used >> 10), U(j->code.size >> 10), U(j->count.flushes));
    if (t->check)
        jit_check_describe(t->check, out);
#undef U
}

static const struct jit_env shapes = {
    .slot_handler = offsetof(struct rv_insn, fn), 
    .slot_count = (i32)offsetof(struct rv_insn, n) - (i32)sizeof(struct rv_insn),
    .tlb_bits = RV_TLB_BITS, .tlb_shift = 5, .tlb_read = offsetof(struct rv_ctx, tlb) + offsetof(struct rv_tlb, rtag),
    .tlb_write = offsetof(struct rv_ctx, tlb) + offsetof(struct rv_tlb, wtag),
    .tlb_addend = offsetof(struct rv_ctx, tlb) + offsetof(struct rv_tlb, addend), .page_shift = PAGE_SHIFT,
    .jump_bits = RV_JUMP_BITS, .jump_xor = 13, .jump_table = offsetof(struct rv_ctx, jump),
        .jump_entry = sizeof(struct rv_jump),
    .jump_pc = offsetof(struct rv_jump, pc), .jump_gen = offsetof(struct rv_jump, gen),
        .jump_slot = offsetof(struct rv_jump, start),
    .ctx_gen = offsetof(struct rv_ctx, gen),
};
_Static_assert(sizeof(struct rv_tlb) == 1 << 5, "a TLB entry's size is a power of two");

bool jit_install(struct arena *a, struct cpu *c, const struct jit_options *o, struct err *e)
{
#ifndef __x86_64__
    return err_set(e, "the JIT makes code for x86-64 hosts only so far; run with -accel interp");
#endif
    struct hart *h = hart_of(c);
    struct jit_riscv *j = ARENA_NEW(a, struct jit_riscv);
    if (!code_init(&j->code, a, o->cache_bytes < (u64)2 << 20 ? (size_t)2 << 20 : (size_t)o->cache_bytes, e))
        return false;
    j->h = h;
    j->env = shapes;
    j->env.jump_missed = (u64)(uintptr_t)rv_goto;
    j->env.jump_too_far = (u64)(uintptr_t)rv_leave_go_on;
    j->env.direct = direct;
    j->env.wait = wait_for;
    j->env.opaque = j;
    if (o->check)
        jit_check_install(a, h, &j->tier, &j->env);
    emit_x64_init(&j->emitter);
    for (unsigned op = 0; op < RV_OP_COUNT; op++)
        for (unsigned m = 0; m < ARRAY_LEN(meanings); m++)
            if (!strcmp(meaning_of[op], meanings[m].name))
                j->table[op] = meanings[m].fn[h->config.xlen == 64];
    j->tier.hot = hot;
    j->tier.flushed = flushed;
    j->tier.describe = describe;
    j->tier.threshold = o->threshold ? o->threshold : 1;
    j->tier.enter = (rv_handler *)(uintptr_t)emit_x64_enter(&j->code, &j->env);
    rv_tier_install(h, &j->tier);
    return true;
}
