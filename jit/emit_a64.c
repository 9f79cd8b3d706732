/* The emitter for AArch64 (AAPCS64). x0, x2, x3 and x4 are the handlers' state, budget, context and base all the time;
 * x1, x9, x16, x17 and v0 to v2 are for one operation; the rest is given out, but for x18 (the platform's), x29 and
 * x30. Spills lie in the frame that enter_code() made, above room for what a call must not lose. */
#include "jit/a64.h"
#include "jit/emit_run.h"

enum { STATE = 0, SLOT = 1, BUDGET = 2, CTX = 3, BASE = 4, T0 = 16, T1 = 17, T2 = 9, T3 = SLOT };
enum { SIXTH = 5 /* argument; of check.h's functions */ };
enum { CALL_ROOM = 48, KEPT_ROOM = 160, FRAME = CALL_ROOM + 8 * SPILL_SLOTS, WINDOWS = EM_WINDOWS / 4 };
_Static_assert(FRAME % 16 == 0 && FRAME < 4096, "sp stays aligned");

/* --- where values are ------------------------------------------------------------------------------------------- */

static i64 spill_at(unsigned loc) { return CALL_ROOM + 8 * (i64)(loc - LOC_SPILL); }
static unsigned log2_of(unsigned size) { return (unsigned)__builtin_ctz(size); }
static void spilled(struct em *m, unsigned what, unsigned reg, unsigned loc)
{
    a_mem(&m->out, what, 3, reg, A64_SP, spill_at(loc), A64_ZR);
}

/* Leaves the flags alone, as all of these do. */
static void load_to(struct em *m, unsigned reg, ir_val v)
{
    unsigned loc = m->ra->loc[v];
    if (loc == LOC_CONST)
        a_mov_imm(&m->out, reg, m->ir->insn[v].imm);
    else if (in_gpr(loc))
        a_mov(&m->out, reg, loc - LOC_GPR);
    else if (in_xmm(loc))
        a_rr(&m->out, A64_FMOV_TO_X, reg, loc - LOC_XMM);
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
    a_mov_imm(&m->out, T1, i->imm);
    return T1;
}

static unsigned use_float(struct em *m, ir_val v, unsigned scratch)
{
    unsigned loc = m->ra->loc[v];
    if (in_xmm(loc))
        return loc - LOC_XMM;
    if (loc >= LOC_SPILL)
        spilled(m, A64_LOAD | A64_FLOAT, scratch, loc);
    else
        a_rr(&m->out, A64_FMOV_FROM_X, scratch, use_or_zero(m, v, T0));
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
        a_mov(&m->out, loc - LOC_GPR, reg);
    else if (in_xmm(loc))
        a_rr(&m->out, A64_FMOV_FROM_X, loc - LOC_XMM, reg);
    else if (loc >= LOC_SPILL)
        spilled(m, A64_STORE, reg, loc);
}

static unsigned target_float(struct em *m, ir_val v)
{
    unsigned loc = m->ra->loc[v];
    return in_xmm(loc) ? loc - LOC_XMM : 0;
}

static void mov_float(struct em *m, unsigned to, unsigned from)
{
    if (to != from)
        a_rr(&m->out, A64_FMOV | A64_D, to, from);
}

static void done_float(struct em *m, ir_val v, unsigned reg)
{
    unsigned loc = m->ra->loc[v];
    if (in_xmm(loc))
        mov_float(m, loc - LOC_XMM, reg);
    else if (in_gpr(loc))
        a_rr(&m->out, A64_FMOV_TO_X, loc - LOC_GPR, reg);
    else if (loc >= LOC_SPILL)
        spilled(m, A64_STORE | A64_FLOAT, reg, loc);
}

/* --- integer operations ----------------------------------------------------------------------------------------- */

static void add(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned d = target(m, k), a = use(m, i->a, T2);
    if (i->b == IR_IMM)
        a_add_imm(&m->out, d, a, i->op == IR_ADD ? i->imm : 0 - i->imm, T1);
    else
        a_rrr(&m->out, i->op == IR_ADD ? A64_ADD : A64_SUB, d, a, use(m, i->b, T1));
    done(m, k, d);
}

static void logical(struct em *m, ir_val k, const struct ir_insn *i, u32 op, u32 op_imm)
{
    unsigned d = target(m, k), a = use(m, i->a, T2);
    i32 pattern = i->b == IR_IMM ? a64_pattern(i->imm) : -1;
    if (pattern >= 0)
        a_imm(&m->out, op_imm, d, a, pattern);
    else
        a_rrr(&m->out, op, d, a, second(m, i));
    done(m, k, d);
}

static void shift(struct em *m, ir_val k, const struct ir_insn *i, u32 op)
{
    unsigned d = target(m, k), a = use(m, i->a, T2);
    if (i->b == IR_IMM && i->op == IR_ROR)
        a_rrrr(&m->out, A64_EXTR, d, a, a, (unsigned)i->imm & 63);
    else if (i->b == IR_IMM && i->op == IR_ROR32)
        a_rrrr(&m->out, A64_EXTR_W, d, a, a, (unsigned)i->imm & 31);
    else if (i->b == IR_IMM)
        a_shift_imm(&m->out, i->op - (unsigned)IR_SHL, d, a, (unsigned)i->imm & 63);
    else
        a_rrr(&m->out, op, d, a, use(m, i->b, T1));
    done(m, k, d);
}

static void product(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *o = &m->out;
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
    struct out *o = &m->out;
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
    a_bits(&m->out, i->op <= IR_SX32, d, a, 0, width[(i->op - IR_SX8) % 3]);
    done(m, k, d);
}

static void count_bits(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *o = &m->out;
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
    a_rr(&m->out, A64_REV, d, use(m, i->a, T2));
    done(m, k, d);
}

/* Sets the flags; returns the condition. */
static unsigned compare(struct em *m, const struct ir_insn *i)
{
    static const u8 cc[] = { A64_EQ, A64_NE, A64_LT, A64_GE, A64_LO, A64_HS };
    unsigned a = use(m, i->a, T2);
    if (i->b == IR_IMM && a64_imm12(i->imm) >= 0)
        a_imm(&m->out, A64_SUBS_IMM, A64_ZR, a, a64_imm12(i->imm));
    else if (i->b == IR_IMM && a64_imm12(0 - i->imm) >= 0)
        a_imm(&m->out, A64_ADDS_IMM, A64_ZR, a, a64_imm12(0 - i->imm));
    else
        a_rrr(&m->out, A64_SUBS, A64_ZR, a, second(m, i));
    return cc[i->op - IR_EQ];
}

/* Tests whether v is not 0. */
static unsigned condition(struct em *m, ir_val v)
{
    if (m->ra->loc[v] == LOC_FUSED)
        return compare(m, &m->ir->insn[v]);
    a_imm(&m->out, A64_SUBS_IMM, A64_ZR, use(m, v, T2), 0);
    return A64_NE;
}

/* A jump that is taken when v is not 0. */
static u8 *jump_when(struct em *m, ir_val v)
{
    const struct ir_insn *i = &m->ir->insn[v];
    if (m->ra->loc[v] != LOC_FUSED)
        return a_b_zero(&m->out, true, use(m, v, T2));
    if (i->b == IR_IMM && !i->imm && i->op <= IR_NE)
        return a_b_zero(&m->out, i->op == IR_NE, use(m, i->a, T2));
    return a_b_if(&m->out, compare(m, i));
}

static void set(struct em *m, ir_val k, unsigned cc)
{
    unsigned d = target(m, k);
    a_set(&m->out, d, cc);
    done(m, k, d);
}

static void select(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned d = target(m, k), cc = condition(m, i->a), b = use_or_zero(m, i->b, T1);
    a_select(&m->out, A64_CSEL, d, b, use_or_zero(m, i->c, T0), cc);
    done(m, k, d);
}

static void call(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *o = &m->out;
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
    a_rrr(&m->out, op, d, a, use_float(m, i->b, 1));
    done_float(m, k, d);
}

static void float_unary(struct em *m, ir_val k, const struct ir_insn *i, u32 op)
{
    unsigned d = target_float(m, k);
    a_rr(&m->out, op, d, use_float(m, i->a, 0));
    done_float(m, k, d);
}

static void float_op(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *o = &m->out;
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
        a_mem(&m->out, what, log2_of(size), reg, base, disp, T3);
    else
        a_mem_reg(&m->out, what, log2_of(size), reg, base, (unsigned)index);
}

static void store_value(struct em *m, ir_val v, unsigned size, unsigned base, int index, i64 disp)
{
    unsigned loc = m->ra->loc[v];
    if (in_xmm(loc) && size >= 4)
        access(m, A64_STORE | A64_FLOAT, size, loc - LOC_XMM, base, index, disp);
    else
        access(m, A64_STORE, size, use_or_zero(m, v, T1), base, index, disp);
}

static void put(struct em *m, ir_val v, u64 offset) { store_value(m, v, 8, STATE, -1, (i64)offset); }

static void load_value(struct em *m, ir_val k, const struct ir_insn *i, unsigned base, int index, i64 disp)
{
    unsigned loc = m->ra->loc[k], d = target(m, k);
    if (in_xmm(loc) && i->size >= 4) {
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
    struct out *o = &m->out;
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
        a_add_imm(&m->out, T3, a, i->imm, T1);
        log_store(m, i->size);
    }
    store_value(m, i->b, i->size, a, -1, (i64)i->imm);
}

/* The entry for the address in register a, to T0. */
static void tlb_entry(struct em *m, unsigned a)
{
    a_bits(&m->out, false, T0, a, m->env->page_shift, m->env->tlb_bits);
    a_shifted(&m->out, A64_ADD, T0, CTX, T0, 0, m->env->tlb_shift);
}

/* Exits unless the entry in T0 has this tag. */
static void has_tag(struct em *m, const struct ir_insn *i, u32 at, unsigned tag)
{
    a_mem(&m->out, A64_LOAD, 3, T3, T0, at, T3);
    a_rrr(&m->out, A64_SUBS, A64_ZR, T3, tag);
    em_exit(m, a_b_if(&m->out, A64_NE), i->exit);
}

/* The address comes back in a register, the page's addend in T0. The tag is compared with the page of the last byte:
 * an access into the next page differs there. LOCATE wants its operand aligned as well. */
static unsigned through_tlb(struct em *m, const struct ir_insn *i, u32 tag)
{
    struct out *o = &m->out;
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
            a_rrr(&m->out, A64_ADD, T3, T0, a);
            log_store(m, i->size);
        }
        store_value(m, i->b, i->size, T0, (int)a, 0);
    } else {
        a_rrr(&m->out, A64_ADD, T0, T0, a);
        done(m, k, T0);
    }
}

/* sign: by the tag for stores. */
static void phys(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *o = &m->out;
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
    struct out *o = &m->out;
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
    a_add_imm(&m->out, T1, use(m, i->a, T1), i->imm, T2);
}

/* In a region each window has a site: the page it was in the last time. A few instructions say whether it still is. */
static void window(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *o = &m->out;
    const struct jit_env *env = m->env;
    unsigned d = target(m, k);
    if (!m->ir->sites || m->n_windows == WINDOWS) {
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
        a_land(m->window[n].at, m->out.p);
        window_by_tlb(m, &m->ir->insn[k], target(m, k), m->window[n].site);
        a_land(a_b(&m->out), m->window[n].back);
    }
}

/* --- ends ------------------------------------------------------------------------------------------------------- */

static void set_base(struct out *o, u64 base) { a_mov_imm(o, BASE, base); }
static void set_slot(struct out *o, u64 slot) { a_mov_imm(o, SLOT, slot); }
static void set_target(struct em *m, ir_val v) { load_to(m, T2, v); }

/* The budget falls by n. Returns the jump to where that is too much. */
static u8 *pass(struct out *o, u64 n)
{
    if (a64_imm12(n) >= 0) {
        a_imm(o, A64_SUBS_IMM, BUDGET, BUDGET, a64_imm12(n));
    } else {
        a_mov_imm(o, T1, n);
        a_rrr(o, A64_SUBS, BUDGET, BUDGET, T1);
    }
    return a_b_if(o, A64_MI);
}

static void go_to(struct out *o, const struct jit_env *env, u64 handler)
{
    if (env->check_left) {
        a_mov_imm(o, SIXTH, handler);
        handler = env->check_left;
    }
    a_mov_imm(o, T0, handler);
    a_rr(o, A64_BR, 0, T0);
}

static void go_to_slot(struct out *o, const struct jit_env *env)
{
    if (env->check_left) {
        go_to(o, env, 0);
        return;
    }
    a_mem(o, A64_LOAD, 3, T0, SLOT, env->slot_handler, T0);
    a_rr(o, A64_BR, 0, T0);
}

/* The budget falls by what the slot's block takes. Returns the jump to where that is too much. */
static u8 *follow_slot(struct out *o, const struct jit_env *env)
{
    a_mem(o, A64_LOAD, 3, T1, SLOT, env->slot_count, T1);
    a_rrr(o, A64_SUBS, BUDGET, BUDGET, T1);
    u8 *too_far = a_b_if(o, A64_MI);
    go_to_slot(o, env);
    return too_far;
}

static u8 *follow(struct out *o, const struct jit_env *env, u64 link)
{
    a_mov_imm(o, T0, link);
    a_mem(o, A64_LOAD, 3, SLOT, T0, 0, T0);
    return follow_slot(o, env);
}

/* To the address in T2. */
static void jump(struct out *o, const struct jit_env *env)
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

static u8 *leads(struct em *m, u64 entry, u64 pc, u64 slot)
{
    struct out *o = &m->out;
    const struct jit_env *env = m->env;
    const struct {
        u64 at, want;
    } also[] = { { entry + env->jump_pc, pc }, { entry + env->jump_slot, slot } };
    a_mem(o, A64_LOAD, 3, T0, CTX, env->ctx_gen, T0);
    a_mem(o, A64_LOAD, 3, T1, CTX, (i64)(entry + env->jump_gen), T1);
    a_rrr(o, A64_EOR, T0, T0, T1);
    for (unsigned n = 0; n < ARRAY_LEN(also); n++) {
        a_mem(o, A64_LOAD, 3, T1, CTX, (i64)also[n].at, T1);
        a_mov_imm(o, T2, also[n].want);
        a_rrr(o, A64_EOR, T1, T1, T2);
        a_rrr(o, A64_ORR, T0, T0, T1);
    }
    return a_b_zero(o, true, T0);
}

static u8 *heat(struct em *m, u64 counter)
{
    struct out *o = &m->out;
    a_mov_imm(o, T0, counter);
    a_mem(o, A64_LOAD, 2, T1, T0, 0, A64_ZR);
    a_imm(o, A64_SUBS_W_IMM, T1, T1, a64_imm12(1));
    a_mem(o, A64_STORE, 2, T1, T0, 0, A64_ZR);
    return a_b_if(o, A64_MI);
}

/* --- the moves of a loop --- */

static void move(struct em *m, const struct move *v)
{
    struct out *o = &m->out;
    unsigned to = v->to, from = v->from;
    bool waiting = from == LOC_SCRATCH;
    if (to == LOC_SCRATCH) {
        load_to(m, T0, v->value);
    } else if (in_gpr(to) && !waiting) {
        load_to(m, to - LOC_GPR, v->value);
    } else if (in_xmm(to) && (in_xmm(from) || from >= LOC_SPILL)) {
        mov_float(m, to - LOC_XMM, use_float(m, v->value, to - LOC_XMM));
    } else if (in_xmm(from)) {
        spilled(m, A64_STORE | A64_FLOAT, from - LOC_XMM, to);
    } else {
        unsigned reg = waiting ? (unsigned)T0 : use_or_zero(m, v->value, T2);
        if (in_gpr(to))
            a_mov(o, to - LOC_GPR, reg);
        else if (in_xmm(to))
            a_rr(o, A64_FMOV_FROM_X, to - LOC_XMM, reg);
        else
            spilled(m, A64_STORE, reg, to);
    }
}

static void get(struct em *m, ir_val v)
{
    load_value(m, v, &m->ir->insn[v], STATE, -1, (i64)m->ir->insn[v].imm);
}

/* --- a run ------------------------------------------------------------------------------------------------------ */

static void op(struct em *m, ir_val k, const struct ir_insn *i)
{
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
    case IR_LOAD: case IR_STORE: case IR_LOCATE: memory(m, k, i); break;
    case IR_WINDOW: window(m, k, i); break;
    case IR_PHYS: phys(m, k, i); break;
    case IR_PEEK: load_value(m, k, i, use(m, i->a, T2), -1, (i64)i->imm); break;
    case IR_POKE: poke(m, i); break;
    default: float_op(m, k, i);
    }
}

/* What is called with the code that follows. */
static void enter_checked(struct em *m)
{
    u8 *at = a_adr(&m->out, SIXTH);
    a_mov_imm(&m->out, T0, m->env->check_enter);
    a_rr(&m->out, A64_BR, 0, T0);
    a_land_adr(at, m->out.p);
}

static u32 from_to(unsigned first, unsigned last) { return (~0u >> (31 - last)) & ~0u << first; }

static void init(struct emitter *e)
{
    u32 kept = from_to(19, 28);
    *e = (struct emitter){ .kind = &emitter_a64, .fma = true, .popcnt = true,
        .host = { .gpr = kept | from_to(5, 8) | from_to(10, 15), .xmm = from_to(3, 31), .gpr_kept = kept,
            .xmm_kept = from_to(8, 15) /* their low halves */, .base = BASE } };
}

static void enter(struct out *o, const struct jit_env *env)
{
    for (unsigned out = 0; out < 2; out++) {
        unsigned what = out ? A64_LOAD : A64_STORE;
        if (!out) {
            a_imm(o, A64_SUB_IMM, A64_SP, A64_SP, a64_imm12(KEPT_ROOM));
        } else {
            a_imm(o, A64_SUB_IMM, A64_SP, A64_SP, a64_imm12(FRAME));
            a_mem(o, A64_LOAD, 3, T0, SLOT, env->slot_handler, T0);
            a_rr(o, A64_BLR, 0, T0);
            a_imm(o, A64_ADD_IMM, A64_SP, A64_SP, a64_imm12(FRAME));
        }
        a_pair(o, what, A64_FP, A64_LR, A64_SP, 0);
        for (unsigned r = 0; r < 10; r += 2)
            a_pair(o, what, 19 + r, 20 + r, A64_SP, 16 + 8 * (i32)r);
        for (unsigned r = 0; r < 8; r += 2)
            a_pair(o, what | A64_FLOAT, 8 + r, 9 + r, A64_SP, 96 + 8 * (i32)r);
        if (!out)
            a_imm(o, A64_ADD_IMM, A64_FP, A64_SP, 0);
    }
    a_imm(o, A64_ADD_IMM, A64_SP, A64_SP, a64_imm12(KEPT_ROOM));
    a_rr(o, A64_RET, 0, A64_LR);
}

const struct emitter_kind emitter_a64 = {
    .name = "AArch64", .reach = (size_t)1 << 27, .init = init,
    /* conditional jumps reach so far */
    .room = { .all = (size_t)1 << 20, .first = 16384, .op = 112, .checked_op = 176, .exit = 160, .put = 24 },
    .make = &(const struct emitter_pieces){
        .enter = enter, .enter_checked = enter_checked, .op = op, .missed_windows = missed_windows,
        .branch = a_b, .branch_if = jump_when, .pass = pass, .heat = heat, .leads = leads, .land = a_land,
        .get = get, .put = put, .move = move,
        .set_base = set_base, .set_slot = set_slot, .set_target = set_target,
        .jump = jump, .go_to = go_to, .go_to_slot = go_to_slot, .follow = follow,
    },
};
