/* The emitter for AArch64 (AAPCS64). x0, x2, x3 and x4 are the handlers' state, budget, context and base all the time;
 * x1, x9, x16, x17 and v0 to v2 are for one operation; the rest is given out, but for x18 (the platform's), x29 and
 * x30. Spills lie in the frame that enter_code() made, above room for what a call must not lose. */
#include "jit/emit.h"

#include "jit/a64.h"
#include "jit/moves.h"

enum { STATE = 0, SLOT = 1, BUDGET = 2, CTX = 3, BASE = 4, T0 = 16, T1 = 17, T2 = 9, T3 = SLOT };
enum { SIXTH = 5 /* argument; of check.h's functions */ };
enum { CALL_ROOM = 48, KEPT_ROOM = 160, FRAME = CALL_ROOM + 8 * SPILL_SLOTS };
_Static_assert(FRAME % 16 == 0 && FRAME < 4096, "sp stays aligned");

struct fixup {
    u8 *at;
    u16 exit;
    ir_val jump; /* not IR_NONE: to this address */
};

struct em {
    struct a64 a;
    const struct emitter *e;
    const struct jit_env *env;
    i64 shift; /* from where code is written to where it runs */
    struct ir *ir;
    struct ra *ra;
    unsigned n_fixups;
    struct fixup fixup[IR_MAX_EXITS];
    u8 *mark, *body;
    unsigned n_windows;
    struct {
        u8 *at, *back;
        ir_val k;
        u32 site;
    } window[64];
    unsigned n_waiting;
    struct {
        u8 *at;
        u64 slot;
    } waiting[IR_MAX_EXITS];
};

/* --- where values are ------------------------------------------------------------------------------------------- */

static i64 spill_at(unsigned loc) { return CALL_ROOM + 8 * (i64)(loc - LOC_SPILL); }
static bool in_gpr(unsigned loc) { return loc >= LOC_GPR && loc < LOC_XMM; }
static bool in_float(unsigned loc) { return loc >= LOC_XMM && loc < LOC_SPILL; }
static unsigned log2_of(unsigned size) { return (unsigned)__builtin_ctz(size); }
static void spilled(struct em *m, unsigned what, unsigned reg, unsigned loc)
{
    a_mem(&m->a, what, 3, reg, A64_SP, spill_at(loc), A64_ZR);
}

/* Leaves the flags alone, as all of these do. */
static void load_to(struct em *m, unsigned reg, ir_val v)
{
    unsigned loc = m->ra->loc[v];
    if (loc == LOC_CONST)
        a_mov_imm(&m->a, reg, m->ir->insn[v].imm);
    else if (in_gpr(loc))
        a_mov(&m->a, reg, loc - LOC_GPR);
    else if (in_float(loc))
        a_rr(&m->a, A64_FMOV_TO_X, reg, loc - LOC_XMM);
    else
        spilled(m, A64_LOAD, reg, loc);
}

static unsigned use(struct em *m, ir_val v, unsigned scratch)
{
    unsigned loc = m->ra->loc[v];
    if (in_gpr(loc))
        return loc - LOC_GPR;
    load_to(m, scratch, v);
    return scratch;
}

/* Where register 31 means 0. */
static unsigned use_or_zero(struct em *m, ir_val v, unsigned scratch)
{
    return m->ra->loc[v] == LOC_CONST && !m->ir->insn[v].imm ? A64_ZR : use(m, v, scratch);
}

static unsigned second(struct em *m, const struct ir_insn *i)
{
    if (i->b != IR_IMM)
        return use(m, i->b, T1);
    a_mov_imm(&m->a, T1, i->imm);
    return T1;
}

static unsigned use_float(struct em *m, ir_val v, unsigned scratch)
{
    unsigned loc = m->ra->loc[v];
    if (in_float(loc))
        return loc - LOC_XMM;
    if (loc >= LOC_SPILL)
        spilled(m, A64_LOAD | A64_FLOAT, scratch, loc);
    else
        a_rr(&m->a, A64_FMOV_FROM_X, scratch, use_or_zero(m, v, T0));
    return scratch;
}

/* The register to compute v in, and what follows. */
static unsigned target(struct em *m, ir_val v)
{
    unsigned loc = m->ra->loc[v];
    return in_gpr(loc) ? loc - LOC_GPR : T0;
}

static void done(struct em *m, ir_val v, unsigned reg)
{
    unsigned loc = m->ra->loc[v];
    if (in_gpr(loc))
        a_mov(&m->a, loc - LOC_GPR, reg);
    else if (in_float(loc))
        a_rr(&m->a, A64_FMOV_FROM_X, loc - LOC_XMM, reg);
    else if (loc >= LOC_SPILL)
        spilled(m, A64_STORE, reg, loc);
}

static unsigned target_float(struct em *m, ir_val v)
{
    unsigned loc = m->ra->loc[v];
    return in_float(loc) ? loc - LOC_XMM : 0;
}

static void mov_float(struct em *m, unsigned to, unsigned from)
{
    if (to != from)
        a_rr(&m->a, A64_FMOV | A64_D, to, from);
}

static void done_float(struct em *m, ir_val v, unsigned reg)
{
    unsigned loc = m->ra->loc[v];
    if (in_float(loc))
        mov_float(m, loc - LOC_XMM, reg);
    else if (in_gpr(loc))
        a_rr(&m->a, A64_FMOV_TO_X, loc - LOC_GPR, reg);
    else if (loc >= LOC_SPILL)
        spilled(m, A64_STORE | A64_FLOAT, reg, loc);
}

static void exit_at(struct em *m, u8 *at, u16 exit)
{
    m->fixup[m->n_fixups++] = (struct fixup){ at, exit, IR_NONE };
}

/* --- integer operations ----------------------------------------------------------------------------------------- */

static void add(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned d = target(m, k), a = use(m, i->a, T2);
    if (i->b == IR_IMM)
        a_add_imm(&m->a, d, a, i->op == IR_ADD ? i->imm : 0 - i->imm, T1);
    else
        a_rrr(&m->a, i->op == IR_ADD ? A64_ADD : A64_SUB, d, a, use(m, i->b, T1));
    done(m, k, d);
}

static void logical(struct em *m, ir_val k, const struct ir_insn *i, u32 op, u32 op_imm)
{
    unsigned d = target(m, k), a = use(m, i->a, T2);
    i32 pattern = i->b == IR_IMM ? a64_pattern(i->imm) : -1;
    if (pattern >= 0)
        a_imm(&m->a, op_imm, d, a, pattern);
    else
        a_rrr(&m->a, op, d, a, second(m, i));
    done(m, k, d);
}

static void shift(struct em *m, ir_val k, const struct ir_insn *i, u32 op)
{
    unsigned d = target(m, k), a = use(m, i->a, T2);
    if (i->b == IR_IMM && i->op == IR_ROR)
        a_rrrr(&m->a, A64_EXTR, d, a, a, (unsigned)i->imm & 63);
    else if (i->b == IR_IMM && i->op == IR_ROR32)
        a_rrrr(&m->a, A64_EXTR_W, d, a, a, (unsigned)i->imm & 31);
    else if (i->b == IR_IMM)
        a_shift_imm(&m->a, i->op - (unsigned)IR_SHL, d, a, (unsigned)i->imm & 63);
    else
        a_rrr(&m->a, op, d, a, use(m, i->b, T1));
    done(m, k, d);
}

static void product(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct a64 *o = &m->a;
    unsigned d = target(m, k), a = use(m, i->a, T2), b = second(m, i);
    if (i->op == IR_MUL) {
        a_mul(o, d, a, b);
    } else if (i->op == IR_MULHSU) { /* less b when a is negative */
        a_rrr(o, A64_UMULH, T0, a, b);
        a_shifted(o, A64_AND, T1, b, a, 2, 63);
        a_rrr(o, A64_SUB, d, T0, T1);
    } else {
        a_rrr(o, i->op == IR_MULHS ? A64_SMULH : A64_UMULH, d, a, b);
    }
    done(m, k, d);
}

/* x / 0 is 0 here and the smallest number / -1 is itself, so a remainder is right without a test. */
static void divide(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct a64 *o = &m->a;
    unsigned d = target(m, k), a = use(m, i->a, T2), b = second(m, i);
    a_rrr(o, i->op == IR_DIVS || i->op == IR_REMS ? A64_SDIV : A64_UDIV, T0, a, b);
    if (i->op == IR_DIVS || i->op == IR_DIVU) {
        a_imm(o, A64_SUBS_IMM, A64_ZR, b, 0);
        a_select(o, A64_CSINV, d, T0, A64_ZR, A64_NE);
    } else {
        a_rrrr(o, A64_MSUB, d, T0, b, a);
    }
    done(m, k, d);
}

static void extend(struct em *m, ir_val k, const struct ir_insn *i)
{
    static const u8 width[] = { 8, 16, 32 };
    unsigned d = target(m, k), a = use(m, i->a, T2);
    a_bits(&m->a, i->op <= IR_SX32, d, a, 0, width[(i->op - IR_SX8) % 3]);
    done(m, k, d);
}

static void count_bits(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct a64 *o = &m->a;
    unsigned d = target(m, k), a;
    if (i->op == IR_POPCNT) { /* only vectors have it */
        unsigned v = use_float(m, i->a, 0);
        a_rr(o, A64_CNT_8B, 0, v);
        a_rr(o, A64_ADDV_8B, 0, 0);
        a_rr(o, A64_FMOV_TO_X, d, 0);
        done(m, k, d);
        return;
    }
    a = use(m, i->a, T2);
    if (i->op == IR_CTZ)
        a_rr(o, A64_RBIT, T0, a);
    a_rr(o, A64_CLZ, d, i->op == IR_CTZ ? (unsigned)T0 : a);
    done(m, k, d);
}

static void swap_bytes(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned d = target(m, k);
    a_rr(&m->a, A64_REV, d, use(m, i->a, T2));
    done(m, k, d);
}

/* Sets the flags; returns the condition. */
static unsigned compare(struct em *m, const struct ir_insn *i)
{
    static const u8 cc[] = { A64_EQ, A64_NE, A64_LT, A64_GE, A64_LO, A64_HS };
    unsigned a = use(m, i->a, T2);
    if (i->b == IR_IMM && a64_imm12(i->imm) >= 0)
        a_imm(&m->a, A64_SUBS_IMM, A64_ZR, a, a64_imm12(i->imm));
    else if (i->b == IR_IMM && a64_imm12(0 - i->imm) >= 0)
        a_imm(&m->a, A64_ADDS_IMM, A64_ZR, a, a64_imm12(0 - i->imm));
    else
        a_rrr(&m->a, A64_SUBS, A64_ZR, a, second(m, i));
    return cc[i->op - IR_EQ];
}

/* Tests whether v is not 0. */
static unsigned condition(struct em *m, ir_val v)
{
    if (m->ra->loc[v] == LOC_FUSED)
        return compare(m, &m->ir->insn[v]);
    a_imm(&m->a, A64_SUBS_IMM, A64_ZR, use(m, v, T2), 0);
    return A64_NE;
}

/* A jump that is taken when v is not 0. */
static u8 *jump_when(struct em *m, ir_val v)
{
    const struct ir_insn *i = &m->ir->insn[v];
    if (m->ra->loc[v] != LOC_FUSED)
        return a_b_zero(&m->a, true, use(m, v, T2));
    if (i->b == IR_IMM && !i->imm && i->op <= IR_NE)
        return a_b_zero(&m->a, i->op == IR_NE, use(m, i->a, T2));
    return a_b_if(&m->a, compare(m, i));
}

static void set(struct em *m, ir_val k, unsigned cc)
{
    unsigned d = target(m, k);
    a_set(&m->a, d, cc);
    done(m, k, d);
}

static void select(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned d = target(m, k), cc = condition(m, i->a), b = use_or_zero(m, i->b, T1);
    a_select(&m->a, A64_CSEL, d, b, use_or_zero(m, i->c, T0), cc);
    done(m, k, d);
}

static void call(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct a64 *o = &m->a;
    load_to(m, T1, i->b);
    load_to(m, T2, i->a);
    a_pair(o, A64_STORE, STATE, BUDGET, A64_SP, 0);
    a_pair(o, A64_STORE, CTX, BASE, A64_SP, 16);
    a_mem(o, A64_STORE, 3, A64_LR, A64_SP, 32, A64_ZR);
    a_mov(o, 0, T2);
    a_mov(o, 1, T1);
    a_mov_imm(o, T0, i->imm);
    a_rr(o, A64_BLR, 0, T0);
    a_mov(o, T0, 0);
    a_pair(o, A64_LOAD, STATE, BUDGET, A64_SP, 0);
    a_pair(o, A64_LOAD, CTX, BASE, A64_SP, 16);
    a_mem(o, A64_LOAD, 3, A64_LR, A64_SP, 32, A64_ZR);
    done(m, k, T0);
}

/* --- floating point --------------------------------------------------------------------------------------------- */

static void float_binary(struct em *m, ir_val k, const struct ir_insn *i, u32 op)
{
    unsigned d = target_float(m, k), a = use_float(m, i->a, 0);
    a_rrr(&m->a, op, d, a, use_float(m, i->b, 1));
    done_float(m, k, d);
}

static void float_unary(struct em *m, ir_val k, const struct ir_insn *i, u32 op)
{
    unsigned d = target_float(m, k);
    a_rr(&m->a, op, d, use_float(m, i->a, 0));
    done_float(m, k, d);
}

static void float_op(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct a64 *o = &m->a;
    u32 type = i->size == 8 ? A64_D : 0;
    unsigned d, a, b;
    switch (i->op) {
    case IR_FADD: float_binary(m, k, i, A64_FADD | type); break;
    case IR_FSUB: float_binary(m, k, i, A64_FSUB | type); break;
    case IR_FMUL: float_binary(m, k, i, A64_FMUL | type); break;
    case IR_FDIV: float_binary(m, k, i, A64_FDIV | type); break;
    case IR_FSQRT: float_unary(m, k, i, A64_FSQRT | type); break;
    case IR_FWIDEN: float_unary(m, k, i, A64_FCVT_S_TO_D); break;
    case IR_FNARROW: float_unary(m, k, i, A64_FCVT_D_TO_S); break;
    case IR_FMA:
        d = target_float(m, k);
        a = use_float(m, i->a, 0);
        b = use_float(m, i->b, 1);
        a_rrrr(o, A64_FMADD | type, d, a, b, use_float(m, i->c, 2));
        done_float(m, k, d);
        break;
    case IR_FLT:
    case IR_FLE:
    case IR_FEQ: /* unordered sets C and V: neither negative, nor lower or same, nor equal */
        a = use_float(m, i->a, 0);
        a_rrr(o, A64_FCMP | type, 0, a, use_float(m, i->b, 1));
        set(m, k, i->op == IR_FLT ? A64_MI : i->op == IR_FLE ? A64_LS : A64_EQ);
        break;
    case IR_FTOI:
        d = target(m, k);
        a_rr(o, A64_FCVTZS | type, d, use_float(m, i->a, 0));
        done(m, k, d);
        break;
    case IR_ITOF:
        d = target_float(m, k);
        a_rr(o, A64_SCVTF | type, d, use_or_zero(m, i->a, T2));
        done_float(m, k, d);
        break;
    default: /* an operation this emitter was not told of */
        __builtin_trap();
    }
}

/* --- state and memory ------------------------------------------------------------------------------------------- */

/* At base + disp, or, when index is one, base + index. */
static void access(struct em *m, unsigned what, unsigned size, unsigned reg, unsigned base, int index, i64 disp)
{
    if (index < 0)
        a_mem(&m->a, what, log2_of(size), reg, base, disp, T3);
    else
        a_mem_reg(&m->a, what, log2_of(size), reg, base, (unsigned)index);
}

static void store_value(struct em *m, ir_val v, unsigned size, unsigned base, int index, i64 disp)
{
    unsigned loc = m->ra->loc[v];
    if (in_float(loc) && size >= 4)
        access(m, A64_STORE | A64_FLOAT, size, loc - LOC_XMM, base, index, disp);
    else
        access(m, A64_STORE, size, use_or_zero(m, v, T1), base, index, disp);
}

static void put(struct em *m, ir_val v, u64 offset) { store_value(m, v, 8, STATE, -1, (i64)offset); }

static void load_value(struct em *m, ir_val k, const struct ir_insn *i, unsigned base, int index, i64 disp)
{
    unsigned loc = m->ra->loc[k], d = target(m, k);
    if (in_float(loc) && i->size >= 4) {
        access(m, A64_LOAD | A64_FLOAT, i->size, loc - LOC_XMM, base, index, disp);
        return;
    }
    access(m, i->sign && i->size < 8 ? A64_LOAD_SIGNED : A64_LOAD, i->size, d, base, index, disp);
    done(m, k, d);
}

/* Checking: writes down what is at the host address in T3. Keeps all but that, T1 and the flags; what it needs besides
 * waits where calls keep theirs. */
static void log_store(struct em *m, unsigned size)
{
    enum { ENTRY = 5, WHAT = 6 };
    struct a64 *o = &m->a;
    a_pair(o, A64_STORE, ENTRY, WHAT, A64_SP, 0);
    a_mov_imm(o, T1, (u64)(uintptr_t)m->env->check_log);
    a_mem(o, A64_LOAD, 3, ENTRY, T1, 0, A64_ZR);
    a_mem(o, A64_STORE, 3, T3, ENTRY, offsetof(struct jit_stored, host), A64_ZR);
    a_mov_imm(o, WHAT, size);
    a_mem(o, A64_STORE, 3, WHAT, ENTRY, offsetof(struct jit_stored, size), A64_ZR);
    a_mem(o, A64_LOAD, log2_of(size), WHAT, T3, 0, A64_ZR);
    a_mem(o, A64_STORE, 3, WHAT, ENTRY, offsetof(struct jit_stored, old), A64_ZR);
    a_imm(o, A64_ADD_IMM, ENTRY, ENTRY, a64_imm12(sizeof(struct jit_stored)));
    a_mem(o, A64_STORE, 3, ENTRY, T1, 0, A64_ZR);
    a_pair(o, A64_LOAD, ENTRY, WHAT, A64_SP, 0);
}

static void poke(struct em *m, const struct ir_insn *i)
{
    unsigned a = use(m, i->a, T2);
    if (m->env->check_log) {
        a_add_imm(&m->a, T3, a, i->imm, T1);
        log_store(m, i->size);
    }
    store_value(m, i->b, i->size, a, -1, (i64)i->imm);
}

/* The entry for the address in register a, to T0. */
static void tlb_entry(struct em *m, unsigned a)
{
    a_bits(&m->a, false, T0, a, m->env->page_shift, m->env->tlb_bits);
    a_shifted(&m->a, A64_ADD, T0, CTX, T0, 0, m->env->tlb_shift);
}

/* Exits unless the entry in T0 has this tag. */
static void has_tag(struct em *m, const struct ir_insn *i, u32 at, unsigned tag)
{
    a_mem(&m->a, A64_LOAD, 3, T3, T0, at, T3);
    a_rrr(&m->a, A64_SUBS, A64_ZR, T3, tag);
    exit_at(m, a_b_if(&m->a, A64_NE), i->exit);
}

/* The address comes back in a register, the page's addend in T0. The tag is compared with the page of the last byte:
 * an access into the next page differs there. LOCATE wants its operand aligned as well. */
static unsigned through_tlb(struct em *m, const struct ir_insn *i, u32 tag)
{
    struct a64 *o = &m->a;
    const struct jit_env *env = m->env;
    bool aligned = i->op == IR_LOCATE;
    unsigned a = use(m, i->a, T2), last = a;
    if (i->imm) {
        a_add_imm(o, T2, a, i->imm, T1);
        last = a = T2;
    }
    tlb_entry(m, a);
    if (!aligned && i->size > 1)
        a_add_imm(o, last = T1, a, i->size - 1u, T1);
    u64 page = ~(u64)0 << env->page_shift; /* ones that go round: a pattern */
    a_imm(o, A64_AND_IMM, T1, last, a64_pattern(page | (aligned ? i->size - 1u : 0)));
    has_tag(m, i, tag, T1);
    a_mem(o, A64_LOAD, 3, T0, T0, env->tlb_addend, T1);
    return a;
}

static void memory(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned a = through_tlb(m, i, i->op == IR_LOAD ? m->env->tlb_read : m->env->tlb_write);
    if (i->op == IR_LOAD) {
        load_value(m, k, i, T0, (int)a, 0);
    } else if (i->op == IR_STORE) {
        if (m->env->check_log) {
            a_rrr(&m->a, A64_ADD, T3, T0, a);
            log_store(m, i->size);
        }
        store_value(m, i->b, i->size, T0, (int)a, 0);
    } else {
        a_rrr(&m->a, A64_ADD, T0, T0, a);
        done(m, k, T0);
    }
}

/* sign: by the tag for stores. */
static void phys(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct a64 *o = &m->a;
    unsigned a = use(m, i->a, T2), d = target(m, k);
    tlb_entry(m, a);
    a_imm(o, A64_AND_IMM, T1, a, a64_pattern(~(u64)0 << m->env->page_shift));
    has_tag(m, i, i->sign ? m->env->tlb_write : m->env->tlb_read, T1);
    a_mem(o, A64_LOAD, 3, T0, T0, m->env->tlb_phys, T0);
    a_imm(o, A64_AND_IMM, T0, T0, a64_pattern(~(u64)0 << m->env->page_shift));
    a_bits(o, false, T1, a, 0, m->env->page_shift);
    a_rrr(o, A64_ORR, d, T0, T1);
    done(m, k, d);
}

/* The host address of a window's first byte to register d; its guest address is in T1. */
static void window_by_tlb(struct em *m, const struct ir_insn *i, unsigned d, u32 site)
{
    struct a64 *o = &m->a;
    const struct jit_env *env = m->env;
    tlb_entry(m, T1);
    a_add_imm(o, T2, T1, i->size - 1u, T2);
    a_imm(o, A64_AND_IMM, T2, T2, a64_pattern(~(u64)0 << env->page_shift));
    if (i->c & IR_READS)
        has_tag(m, i, env->tlb_read, T2);
    if (i->c & IR_WRITES)
        has_tag(m, i, env->tlb_write, T2);
    if (site && env->tlb_sited) { /* a bit */
        a_mem(o, A64_LOAD, 3, T3, T0, env->tlb_phys, T3);
        a_imm(o, A64_ORR_IMM, T3, T3, a64_pattern(env->tlb_sited));
        a_mem(o, A64_STORE, 3, T3, T0, env->tlb_phys, A64_ZR);
    }
    a_mem(o, A64_LOAD, 3, T0, T0, env->tlb_addend, T0);
    if (site) {
        a_add_imm(o, T3, CTX, site, T3);
        a_mem(o, A64_STORE, 3, T2, T3, 0, A64_ZR);
        a_rrr(o, A64_ADD, T2, T2, T0);
        a_mem(o, A64_STORE, 3, T2, T3, 8, A64_ZR);
    }
    a_rrr(o, A64_ADD, d, T0, T1);
}

static void window_address(struct em *m, const struct ir_insn *i)
{
    a_add_imm(&m->a, T1, use(m, i->a, T1), i->imm, T2);
}

/* In a region each window has a site: the page it was in the last time. A few instructions say whether it still is. */
static void window(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct a64 *o = &m->a;
    const struct jit_env *env = m->env;
    unsigned d = target(m, k);
    if (!m->ir->sites || m->n_windows == ARRAY_LEN(m->window)) {
        window_address(m, i);
        window_by_tlb(m, i, d, 0);
        done(m, k, d);
        return;
    }
    u32 site = env->sites + 16 * (env->next_site(env->opaque) & ((1u << env->site_bits) - 1));
    window_address(m, i);
    a_add_imm(o, T3, CTX, site, T3);
    a_pair(o, A64_LOAD, T0, T3, T3, 0);
    a_rrr(o, A64_EOR, T0, T0, T1);
    a_imm(o, A64_SUBS_IMM, A64_ZR, T0, a64_imm12((1u << env->page_shift) - i->size));
    m->window[m->n_windows].at = a_b_if(o, A64_HI);
    a_rrr(o, A64_ADD, d, T0, T3);
    m->window[m->n_windows].back = o->p;
    m->window[m->n_windows].k = k;
    m->window[m->n_windows++].site = site;
    done(m, k, d);
}

/* The address is still in T1. */
static void missed_windows(struct em *m)
{
    for (unsigned n = 0; n < m->n_windows; n++) {
        ir_val k = m->window[n].k;
        a_land(m->window[n].at, m->a.p);
        window_by_tlb(m, &m->ir->insn[k], target(m, k), m->window[n].site);
        a_land(a_b(&m->a), m->window[n].back);
    }
}

/* --- ends ------------------------------------------------------------------------------------------------------- */

static void set_base(struct em *m, const struct ir_exit *e)
{
    if (e->base != IR_BASE_STAYS)
        a_mov_imm(&m->a, BASE, e->base);
}

/* The budget falls by n. Returns the jump to where that is too much. */
static u8 *pass(struct a64 *o, u64 n)
{
    if (a64_imm12(n) >= 0) {
        a_imm(o, A64_SUBS_IMM, BUDGET, BUDGET, a64_imm12(n));
    } else {
        a_mov_imm(o, T1, n);
        a_rrr(o, A64_SUBS, BUDGET, BUDGET, T1);
    }
    return a_b_if(o, A64_MI);
}

static void go_to(struct a64 *o, const struct jit_env *env, u64 handler)
{
    if (env->check_left) {
        a_mov_imm(o, SIXTH, handler);
        handler = env->check_left;
    }
    a_mov_imm(o, T0, handler);
    a_rr(o, A64_BR, 0, T0);
}

static void go_to_slot(struct a64 *o, const struct jit_env *env)
{
    if (env->check_left) {
        go_to(o, env, 0);
        return;
    }
    a_mem(o, A64_LOAD, 3, T0, SLOT, env->slot_handler, T0);
    a_rr(o, A64_BR, 0, T0);
}

/* The budget falls by what the slot's block takes. Returns the jump to where that is too much. */
static u8 *follow_slot(struct a64 *o, const struct jit_env *env)
{
    a_mem(o, A64_LOAD, 3, T1, SLOT, env->slot_count, T1);
    a_rrr(o, A64_SUBS, BUDGET, BUDGET, T1);
    u8 *too_far = a_b_if(o, A64_MI);
    go_to_slot(o, env);
    return too_far;
}

static u8 *follow(struct em *m, u64 link)
{
    struct a64 *o = &m->a;
    u32 count;
    u64 slot;
    const u8 *to = m->env->direct(m->env->opaque, link, &slot, &count);
    if (!slot) {
        a_mov_imm(o, T0, link);
        a_mem(o, A64_LOAD, 3, SLOT, T0, 0, T0);
        return follow_slot(o, m->env);
    }
    u8 *too_far = pass(o, count);
    if (m->env->check_left) {
        a_mov_imm(o, SLOT, slot);
        go_to(o, m->env, 0);
        return too_far;
    }
    u8 *at = a_b(o);
    if (to) {
        a_land(at, to - m->shift);
    } else {
        m->waiting[m->n_waiting].at = at;
        m->waiting[m->n_waiting++].slot = slot;
        m->env->wait(m->env->opaque, slot, at);
    }
    return too_far;
}

static void chain(struct em *m, u64 link, u16 exit)
{
    set_base(m, &m->ir->exit[exit]);
    exit_at(m, follow(m, link), exit);
}

/* To the address in T2. */
static void jump(struct a64 *o, const struct jit_env *env)
{
    if (env->jump_shift)
        a_shift_imm(o, 1, T0, T2, env->jump_shift);
    else
        a_mov(o, T0, T2);
    a_shifted(o, A64_EOR, T0, T0, T2, 1, env->jump_xor);
    a_bits(o, false, T0, T0, 0, env->jump_bits);
    a_mov_imm(o, T1, env->jump_entry);
    a_rrrr(o, A64_MADD, T0, T0, T1, CTX);
    a_add_imm(o, T0, T0, env->jump_table, T1);
    a_mem(o, A64_LOAD, 3, T1, T0, env->jump_pc, T1);
    a_rrr(o, A64_SUBS, A64_ZR, T1, T2);
    u8 *miss1 = a_b_if(o, A64_NE);
    a_mem(o, A64_LOAD, 3, T1, CTX, env->ctx_gen, T1);
    a_mem(o, A64_LOAD, 3, T3, T0, env->jump_gen, T3);
    a_rrr(o, A64_SUBS, A64_ZR, T1, T3);
    u8 *miss2 = a_b_if(o, A64_NE);
    a_mem(o, A64_LOAD, 3, SLOT, T0, env->jump_slot, SLOT);
    a_imm(o, A64_AND_IMM, BASE, T2, a64_pattern(~(u64)0 << env->page_shift));
    if (env->state_base)
        a_mem(o, A64_STORE, 3, BASE, STATE, env->state_base, T1);
    u8 *too_far = follow_slot(o, env);
    a_land(too_far, o->p);
    go_to(o, env, env->jump_too_far);
    a_land(miss1, o->p);
    a_land(miss2, o->p);
    if (env->check_left) {
        a_mov(o, SLOT, T2);
    } else {
        a_mov(o, 1, BUDGET);
        a_mov(o, 2, CTX);
        a_mov(o, 3, T2);
    }
    go_to(o, env, env->jump_missed);
}

/* The entry of a constant address is at a constant place. */
static void leads(struct em *m, const struct ir_insn *i)
{
    struct a64 *o = &m->a;
    const struct jit_env *env = m->env;
    u64 pc = m->ir->insn[i->a].imm;
    u64 entry = ((pc >> env->jump_shift ^ pc >> env->jump_xor) & ((1u << env->jump_bits) - 1)) * env->jump_entry + env->jump_table;
    const struct {
        u64 at, want;
    } also[] = { { entry + env->jump_pc, pc }, { entry + env->jump_slot, i->imm } };
    a_mem(o, A64_LOAD, 3, T0, CTX, env->ctx_gen, T0);
    a_mem(o, A64_LOAD, 3, T1, CTX, (i64)(entry + env->jump_gen), T1);
    a_rrr(o, A64_EOR, T0, T0, T1);
    for (unsigned n = 0; n < ARRAY_LEN(also); n++) {
        a_mem(o, A64_LOAD, 3, T1, CTX, (i64)also[n].at, T1);
        a_mov_imm(o, T2, also[n].want);
        a_rrr(o, A64_EOR, T1, T1, T2);
        a_rrr(o, A64_ORR, T0, T0, T1);
    }
    exit_at(m, a_b_zero(o, true, T0), i->exit);
}

static void heat(struct em *m, const struct ir_insn *i)
{
    struct a64 *o = &m->a;
    a_mov_imm(o, T0, i->imm);
    a_mem(o, A64_LOAD, 2, T1, T0, 0, A64_ZR);
    a_imm(o, A64_SUBS_W_IMM, T1, T1, a64_imm12(1));
    a_mem(o, A64_STORE, 2, T1, T0, 0, A64_ZR);
    exit_at(m, a_b_if(o, A64_MI), i->exit);
    m->body = o->p;
}

/* --- the way back of a loop --- */

static void move(struct em *m, const struct move *v)
{
    struct a64 *o = &m->a;
    unsigned to = v->to, from = v->from;
    bool waiting = from == LOC_SCRATCH;
    if (to == LOC_SCRATCH) {
        load_to(m, T0, v->value);
    } else if (in_gpr(to) && !waiting) {
        load_to(m, to - LOC_GPR, v->value);
    } else if (in_float(to) && (in_float(from) || from >= LOC_SPILL)) {
        mov_float(m, to - LOC_XMM, use_float(m, v->value, to - LOC_XMM));
    } else if (in_float(from)) {
        spilled(m, A64_STORE | A64_FLOAT, from - LOC_XMM, to);
    } else {
        unsigned reg = waiting ? (unsigned)T0 : use_or_zero(m, v->value, T2);
        if (in_gpr(to))
            a_mov(o, to - LOC_GPR, reg);
        else if (in_float(to))
            a_rr(o, A64_FMOV_FROM_X, to - LOC_XMM, reg);
        else
            spilled(m, A64_STORE, reg, to);
    }
}

/* A round begins behind the params, which are loaded once. */
static void mark(struct em *m, ir_val k)
{
    while (m->ir->insn[++k].op == IR_PARAM || m->ir->insn[k].op == IR_NOP)
        if (m->ra->loc[k] != LOC_NONE)
            load_value(m, k, &m->ir->insn[k], STATE, -1, (i64)m->ir->insn[k].imm);
    m->mark = m->a.p;
}

/* What no round takes as a param goes to the state. */
static void go_back(struct em *m, const struct ir_insn *loop)
{
    struct way_back w;
    way_back(&w, m->ir, m->ra, &m->ir->exit[loop->exit]);
    for (unsigned k = 0; k < w.n_puts; k++)
        put(m, w.put[k].value, w.put[k].offset);
    for (unsigned k = 0; k < w.n_moves; k++)
        move(m, &w.move[k]);
    for (unsigned k = 0; k < w.n_gets; k++)
        load_value(m, w.get[k], &m->ir->insn[w.get[k]], STATE, -1, (i64)m->ir->insn[w.get[k]].imm);
    a_land(a_b(&m->a), m->mark);
}

/* --- ways out --- */

static void exits(struct em *m)
{
    struct a64 *o = &m->a;
    for (unsigned n = 0; n < m->n_fixups; n++) {
        struct fixup *f = &m->fixup[n];
        const struct ir_exit *e = &m->ir->exit[f->exit];
        a_land(f->at, o->p);
        if (f->jump != IR_NONE)
            load_to(m, T2, f->jump);
        for (u32 p = 0; p < e->n_puts; p++)
            put(m, m->ir->put[e->first_put + p].value, m->ir->put[e->first_put + p].offset);
        if (f->jump != IR_NONE) {
            jump(o, m->env);
            continue;
        }
        set_base(m, e);
        if (e->link) {
            u8 *too_far = follow(m, e->link);
            a_land(too_far, o->p);
        }
        a_mov_imm(o, SLOT, e->slot);
        go_to(o, m->env, e->handler);
    }
    for (unsigned n = 0; n < m->n_waiting; n++) {
        a_land(m->waiting[n].at, o->p);
        a_mov_imm(o, SLOT, m->waiting[n].slot);
        go_to_slot(o, m->env);
    }
}

/* --- a run ------------------------------------------------------------------------------------------------------ */

static void one(struct em *m, ir_val k)
{
    const struct ir_insn *i = &m->ir->insn[k];
    unsigned loc = m->ra->loc[k];
    if (loc == LOC_FUSED || loc == LOC_CONST || i->op == IR_NOP || i->op == IR_BASE || i->op == IR_PARAM ||
        (loc == LOC_NONE && (ir_info[i->op].kind == IRK_PURE || ir_info[i->op].kind == IRK_READ)))
        return;
    switch (i->op) {
    case IR_ADD: case IR_SUB: add(m, k, i); break;
    case IR_AND: logical(m, k, i, A64_AND, A64_AND_IMM); break;
    case IR_OR: logical(m, k, i, A64_ORR, A64_ORR_IMM); break;
    case IR_XOR: logical(m, k, i, A64_EOR, A64_EOR_IMM); break;
    case IR_SHL: shift(m, k, i, A64_LSLV); break;
    case IR_SHR: shift(m, k, i, A64_LSRV); break;
    case IR_SAR: shift(m, k, i, A64_ASRV); break;
    case IR_ROR: shift(m, k, i, A64_RORV); break;
    case IR_ROR32: shift(m, k, i, A64_RORV_W); break;
    case IR_CLZ: case IR_CTZ: case IR_POPCNT: count_bits(m, k, i); break;
    case IR_BSWAP: swap_bytes(m, k, i); break;
    case IR_MUL: case IR_MULHU: case IR_MULHS: case IR_MULHSU: product(m, k, i); break;
    case IR_DIVS: case IR_DIVU: case IR_REMS: case IR_REMU: divide(m, k, i); break;
    case IR_EQ: case IR_NE: case IR_LTS: case IR_GES: case IR_LTU: case IR_GEU: set(m, k, compare(m, i)); break;
    case IR_SX8: case IR_SX16: case IR_SX32: case IR_ZX8: case IR_ZX16: case IR_ZX32: extend(m, k, i); break;
    case IR_SELECT: select(m, k, i); break;
    case IR_CALL: call(m, k, i); break;
    case IR_GET: load_value(m, k, i, STATE, -1, (i64)i->imm); break;
    case IR_PUT: put(m, i->a, i->imm); break;
    case IR_LOAD: case IR_STORE: case IR_LOCATE: memory(m, k, i); break;
    case IR_WINDOW: window(m, k, i); break;
    case IR_PHYS: phys(m, k, i); break;
    case IR_PEEK: load_value(m, k, i, use(m, i->a, T2), -1, (i64)i->imm); break;
    case IR_POKE: poke(m, i); break;
    case IR_EXIT_IF: exit_at(m, jump_when(m, i->a), i->exit); break;
    case IR_JUMP_IF:
        exit_at(m, jump_when(m, i->a), i->exit);
        m->fixup[m->n_fixups - 1].jump = i->b;
        break;
    case IR_LEAVE: exit_at(m, a_b(&m->a), i->exit); break;
    case IR_PASS: exit_at(m, pass(&m->a, i->imm), i->exit); break;
    case IR_HEAT: heat(m, i); break;
    case IR_LEADS: leads(m, i); break;
    case IR_MARK: mark(m, k); break;
    case IR_LOOP: go_back(m, i); break;
    case IR_CHAIN: chain(m, i->imm, i->exit); break;
    case IR_CHAIN_IF: {
        u8 *taken = jump_when(m, i->a);
        chain(m, i->imm + m->env->link_other, (u16)(i->exit + 1));
        a_land(taken, m->a.p);
        chain(m, i->imm, i->exit);
        break;
    }
    case IR_JUMP:
        load_to(m, T2, i->a);
        jump(&m->a, m->env);
        break;
    default: float_op(m, k, i);
    }
}

/* What is called with the code that follows. */
static void enter_checked(struct em *m)
{
    u8 *at = a_adr(&m->a, SIXTH);
    a_mov_imm(&m->a, T0, m->env->check_enter);
    a_rr(&m->a, A64_BR, 0, T0);
    a_land_adr(at, m->a.p);
}

static const void *take(struct code *code, u8 *end)
{
    code_written(code, code_here(code), end);
    return code_take(code, end);
}

static struct emitted run(const struct emitter *e, struct code *code, const struct jit_env *env, struct ir *ir,
    struct ra *ra)
{
    size_t each = env->check_log ? 176 : 112;
    size_t need = 16384 + (size_t)ir->n * each + (size_t)ir->n_exits * 160 + (size_t)ir->n_puts * 24;
    if (code_room(code) < need || need > (size_t)1 << 20) /* conditional jumps reach so far */
        return (struct emitted){ 0 };
    if (!ra_run(ra, &e->host, ir))
        return (struct emitted){ 0 };
    struct em m = { .a = { code_here(code) }, .e = e, .env = env, .shift = code->shift, .ir = ir, .ra = ra };
    const u8 *start = m.a.p;
    if (env->check_enter)
        enter_checked(&m);
    m.body = m.a.p;
    for (u32 k = 0; k < ir->n; k++) {
        if (env->at_op)
            env->at_op[k] = (u32)(m.a.p - start);
        one(&m, (ir_val)k);
    }
    if (env->at_op)
        env->at_op[ir->n] = (u32)(m.a.p - start);
    missed_windows(&m);
    exits(&m);
    if (env->at_op)
        env->at_op[ir->n + 1] = (u32)(m.a.p - start);
    const u8 *body = m.body + code->shift;
    return (struct emitted){ take(code, m.a.p), body };
}

static void lead(struct code *code, u8 *at, const void *to)
{
    a_land(at, (const u8 *)to - code->shift);
    code_written(code, at, at + 4);
}

static void redirect(struct code *code, const void *start, const void *to)
{
    struct a64 a = { (u8 *)(uintptr_t)start - code->shift };
    lead(code, a_b(&a), to);
}

static u32 from_to(unsigned first, unsigned last) { return (~0u >> (31 - last)) & ~0u << first; }

static void init(struct emitter *e)
{
    u32 kept = from_to(19, 28);
    *e = (struct emitter){ .kind = &emitter_a64, .fma = true, .popcnt = true,
        .host = { .gpr = kept | from_to(5, 8) | from_to(10, 15), .xmm = from_to(3, 31), .gpr_kept = kept,
            .xmm_kept = from_to(8, 15) /* their low halves */, .base = BASE } };
}

static const void *enter_code(struct code *code, const struct jit_env *env)
{
    struct a64 a = { code_here(code) };
    for (unsigned out = 0; out < 2; out++) {
        unsigned what = out ? A64_LOAD : A64_STORE;
        if (!out) {
            a_imm(&a, A64_SUB_IMM, A64_SP, A64_SP, a64_imm12(KEPT_ROOM));
        } else {
            a_imm(&a, A64_SUB_IMM, A64_SP, A64_SP, a64_imm12(FRAME));
            a_mem(&a, A64_LOAD, 3, T0, SLOT, env->slot_handler, T0);
            a_rr(&a, A64_BLR, 0, T0);
            a_imm(&a, A64_ADD_IMM, A64_SP, A64_SP, a64_imm12(FRAME));
        }
        a_pair(&a, what, A64_FP, A64_LR, A64_SP, 0);
        for (unsigned r = 0; r < 10; r += 2)
            a_pair(&a, what, 19 + r, 20 + r, A64_SP, 16 + 8 * (i32)r);
        for (unsigned r = 0; r < 8; r += 2)
            a_pair(&a, what | A64_FLOAT, 8 + r, 9 + r, A64_SP, 96 + 8 * (i32)r);
        if (!out)
            a_imm(&a, A64_ADD_IMM, A64_FP, A64_SP, 0);
    }
    a_imm(&a, A64_ADD_IMM, A64_SP, A64_SP, a64_imm12(KEPT_ROOM));
    a_rr(&a, A64_RET, 0, A64_LR);
    const void *enter = take(code, a.p);
    code->kept = code->used;
    return enter;
}

const struct emitter_kind emitter_a64 = {
    .name = "AArch64", .reach = (size_t)1 << 27, .init = init, .enter = enter_code, .run = run,
    .lead = lead, .redirect = redirect,
};
