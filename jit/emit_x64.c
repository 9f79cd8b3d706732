/* The emitter for x86-64 (System V). rdi, rdx, rcx and r8 are the handlers' state, budget, context and base all the
 * time; rax, rsi, r11, xmm0, xmm1 and xmm15 are for one operation; the rest is given out. Spills lie in the frame that
 * enter_code() made. */
#include "jit/emit.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "jit/moves.h"
#include "jit/x64.h"

enum { STATE = RDI, BUDGET = RDX, CTX = RCX, BASE = R8, SLOT = RSI, T0 = RAX, T1 = RSI, T2 = R11 };

struct fixup {
    u8 *at;
    u16 exit;
    ir_val jump; /* not IR_NONE: to this address */
};

struct em {
    struct x64 x;
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

static i64 spill_at(unsigned loc) { return 8 + 8 * (i64)(loc - LOC_SPILL); } /* above the return address */
static bool in_gpr(unsigned loc) { return loc >= LOC_GPR && loc < LOC_XMM; }
static bool in_xmm(unsigned loc) { return loc >= LOC_XMM && loc < LOC_SPILL; }

/* Leaves the flags alone. */
static void load_to(struct em *m, unsigned reg, ir_val v)
{
    unsigned loc = m->ra->loc[v];
    if (loc == LOC_CONST)
        x_mov_imm(&m->x, reg, m->ir->insn[v].imm);
    else if (in_gpr(loc))
        x_mov(&m->x, reg, loc - LOC_GPR);
    else if (in_xmm(loc))
        x_rr(&m->x, true, X_PREFIX(0x66) | X_0F | 0x7e, loc - LOC_XMM, reg);
    else
        x_rm(&m->x, true, false, 0x8b, reg, RSP, spill_at(loc));
}

static unsigned use(struct em *m, ir_val v, unsigned scratch)
{
    unsigned loc = m->ra->loc[v];
    if (in_gpr(loc))
        return loc - LOC_GPR;
    load_to(m, scratch, v);
    return scratch;
}

static unsigned use_xmm(struct em *m, ir_val v, unsigned scratch)
{
    unsigned loc = m->ra->loc[v];
    if (in_xmm(loc))
        return loc - LOC_XMM;
    if (loc >= LOC_SPILL)
        x_rm(&m->x, false, false, X_PREFIX(0xf3) | X_0F | 0x7e, scratch, RSP, spill_at(loc)); /* movq */
    else
        x_rr(&m->x, true, X_PREFIX(0x66) | X_0F | 0x6e, scratch, use(m, v, T0));
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
        x_mov(&m->x, loc - LOC_GPR, reg);
    else if (in_xmm(loc))
        x_rr(&m->x, true, X_PREFIX(0x66) | X_0F | 0x6e, loc - LOC_XMM, reg);
    else if (loc >= LOC_SPILL)
        x_rm(&m->x, true, false, 0x89, reg, RSP, spill_at(loc));
}

static unsigned target_xmm(struct em *m, ir_val v)
{
    unsigned loc = m->ra->loc[v];
    return in_xmm(loc) ? loc - LOC_XMM : 0;
}

static void mov_xmm(struct em *m, unsigned to, unsigned from)
{
    if (to != from)
        x_rr(&m->x, false, X_0F | 0x28, to, from);
}

static void done_xmm(struct em *m, ir_val v, unsigned reg)
{
    unsigned loc = m->ra->loc[v];
    if (in_xmm(loc))
        mov_xmm(m, loc - LOC_XMM, reg);
    else if (in_gpr(loc))
        x_rr(&m->x, true, X_PREFIX(0x66) | X_0F | 0x7e, reg, loc - LOC_GPR);
    else if (loc >= LOC_SPILL)
        x_rm(&m->x, false, false, X_PREFIX(0x66) | X_0F | 0xd6, reg, RSP, spill_at(loc));
}

static void exit_on(struct em *m, unsigned cc, u16 exit)
{
    m->fixup[m->n_fixups++] = (struct fixup){ x_jcc(&m->x, cc), exit, IR_NONE };
}

static bool fits(u64 v) { return (i64)v == (i32)(u32)v; }

/* --- integer operations ----------------------------------------------------------------------------------------- */

static void binary(struct em *m, ir_val k, const struct ir_insn *i, u32 op, unsigned which)
{
    struct x64 *x = &m->x;
    unsigned d = target(m, k), a = use(m, i->a, T2);
    if (i->b == IR_IMM && fits(i->imm)) {
        if (i->op == IR_ADD && a != d) {
            x_rm(x, true, false, 0x8d, d, a, (i64)i->imm); /* lea */
        } else {
            x_mov(x, d, a);
            x_alu_imm(x, true, which, d, (i32)i->imm);
        }
        done(m, k, d);
        return;
    }
    unsigned b = T1;
    if (i->b == IR_IMM) {
        x_mov_imm(x, T1, i->imm);
    } else if (m->ra->loc[i->b] >= LOC_SPILL && d != T1) {
        x_mov(x, d, a);
        x_rm(x, true, false, op, d, RSP, spill_at(m->ra->loc[i->b]));
        done(m, k, d);
        return;
    } else {
        b = use(m, i->b, T1);
    }
    if (b == d && a != d && i->op != IR_SUB) { /* the others commute */
        x_rr(x, true, op, d, a);
        done(m, k, d);
        return;
    }
    if (b == d && a != d) {
        x_mov(x, T0, a);
        x_rr(x, true, op, T0, b);
        done(m, k, T0);
        return;
    }
    if (i->op == IR_ADD && a != d) {
        x_rmx(x, true, false, 0x8d, d, a, b, 0, 0); /* lea */
    } else {
        x_mov(x, d, a);
        x_rr(x, true, op, d, b);
    }
    done(m, k, d);
}

static void shift(struct em *m, ir_val k, const struct ir_insn *i, unsigned which, unsigned pp)
{
    struct x64 *x = &m->x;
    unsigned d = target(m, k), a = use(m, i->a, T2);
    if (i->b == IR_IMM) {
        x_mov(x, d, a);
        x_shift_imm(x, true, which, d, (unsigned)i->imm & 63);
        done(m, k, d);
        return;
    }
    if (m->e->bmi2 && pp) {
        unsigned n = use(m, i->b, T1);
        x_vex(x, 2, pp, true, 0xf7, d, n, a);
        done(m, k, d);
        return;
    }
    load_to(m, T1, i->b);
    x_mov(x, T0, a);
    x_rr(x, true, 0x87, RCX, T1); /* xchg */
    x_rr(x, true, 0xd3, which, T0);
    x_mov(x, RCX, T1);
    done(m, k, T0);
}

static void multiply(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    unsigned d = target(m, k), a = use(m, i->a, T2);
    if (i->b == IR_IMM && fits(i->imm)) {
        x_rr(x, true, 0x69, d, a);
        x_imm(x, i->imm, 4);
        done(m, k, d);
        return;
    }
    if (i->b == IR_IMM)
        x_mov_imm(x, T1, i->imm);
    else
        load_to(m, T1, i->b);
    x_rr(x, true, X_0F | 0xaf, T1, a);
    done(m, k, T1);
}

/* What uses rdx; the budget waits in r11. */
static void high_product(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    load_to(m, T1, i->b);
    load_to(m, RAX, i->a);
    x_mov(x, R11, RDX);
    x_rr(x, true, 0xf7, i->op == IR_MULHS ? 5 : 4, T1);
    if (i->op == IR_MULHSU) { /* less b when a is negative */
        load_to(m, RAX, i->a);
        x_shift_imm(x, true, 7, RAX, 63);
        x_rr(x, true, 0x21, T1, RAX);
        x_rr(x, true, 0x29, RAX, RDX);
    }
    x_mov(x, RAX, RDX);
    x_mov(x, RDX, R11);
    done(m, k, RAX);
}

static void divide(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    bool sign = i->op == IR_DIVS || i->op == IR_REMS, rem = i->op == IR_REMS || i->op == IR_REMU;
    load_to(m, T1, i->b);
    load_to(m, RAX, i->a);
    x_mov(x, R11, RDX);
    x_rr(x, true, 0x85, T1, T1);
    u8 *zero = x_jcc(x, CC_E), *minus = NULL, *out1 = NULL;
    if (sign) {
        x_alu_imm(x, true, 7, T1, -1);
        minus = x_jcc(x, CC_E);
        x_byte(x, 0x48);
        x_byte(x, 0x99); /* cqo */
    } else {
        x_rr(x, false, 0x31, RDX, RDX);
    }
    x_rr(x, true, 0xf7, sign ? 7 : 6, T1);
    if (rem)
        x_mov(x, RAX, RDX);
    u8 *out = x_jmp(x);
    if (sign) {
        x_land(minus, x->p);
        if (rem)
            x_rr(x, false, 0x31, RAX, RAX);
        else
            x_rr(x, true, 0xf7, 3, RAX);
        out1 = x_jmp(x);
    }
    x_land(zero, x->p);
    if (!rem)
        x_mov_imm(x, RAX, ~(u64)0);
    x_land(out, x->p);
    if (sign)
        x_land(out1, x->p);
    x_mov(x, RDX, R11);
    done(m, k, RAX);
}

static void extend(struct em *m, ir_val k, const struct ir_insn *i)
{
    static const u32 op[] = { [IR_SX8 - IR_SX8] = X_0F | 0xbe, X_0F | 0xbf, 0x63, X_0F | 0xb6, X_0F | 0xb7, 0x8b };
    unsigned d = target(m, k), a = use(m, i->a, T2);
    bool w = i->op <= IR_SX32;
    x_rr8(&m->x, w, op[i->op - IR_SX8], d, a);
    done(m, k, d);
}

static void count_bits(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    unsigned a = use(m, i->a, T2);
    if (i->op == IR_POPCNT || m->e->lzcnt) {
        unsigned d = target(m, k);
        x_rr(x, true, X_PREFIX(0xf3) | X_0F | (i->op == IR_POPCNT ? 0xb8 : i->op == IR_CLZ ? 0xbd : 0xbc), d, a);
        done(m, k, d);
        return;
    }
    x_mov_imm(x, T1, i->op == IR_CLZ ? 127 : 64); /* for 0, of which bsr and bsf only say so */
    x_rr(x, true, X_0F | (i->op == IR_CLZ ? 0xbd : 0xbc), T0, a);
    x_rr(x, true, X_0F | 0x44, T0, T1);
    if (i->op == IR_CLZ)
        x_alu_imm(x, false, 6, T0, 63);
    done(m, k, T0);
}

static void swap_bytes(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned d = target(m, k);
    load_to(m, d, i->a);
    x_op(&m->x, true, false, X_0F | 0xc8 | (d & 7), 0, 0, d);
    done(m, k, d);
}

/* Sets the flags; returns the condition. */
static unsigned compare(struct em *m, const struct ir_insn *i)
{
    static const u8 cc[] = { CC_E, CC_NE, CC_L, CC_GE, CC_B, CC_AE };
    unsigned a = use(m, i->a, T2);
    if (i->b != IR_IMM && m->ra->loc[i->b] >= LOC_SPILL) {
        x_rm(&m->x, true, false, 0x3b, a, RSP, spill_at(m->ra->loc[i->b]));
    } else if (i->b != IR_IMM) {
        x_rr(&m->x, true, 0x39, use(m, i->b, T1), a);
    } else if (!i->imm && i->op <= IR_NE) {
        x_rr(&m->x, true, 0x85, a, a);
    } else if (fits(i->imm)) {
        x_alu_imm(&m->x, true, 7, a, (i32)i->imm);
    } else {
        x_mov_imm(&m->x, T1, i->imm);
        x_rr(&m->x, true, 0x39, T1, a);
    }
    return cc[i->op - IR_EQ];
}

/* Tests whether v is not 0. */
static unsigned condition(struct em *m, ir_val v)
{
    if (m->ra->loc[v] == LOC_FUSED)
        return compare(m, &m->ir->insn[v]);
    unsigned a = use(m, v, T2);
    x_rr(&m->x, true, 0x85, a, a);
    return CC_NE;
}

static void set(struct em *m, ir_val k, unsigned cc)
{
    x_rr8(&m->x, false, X_0F | 0x90 | cc, 0, T0);
    x_rr8(&m->x, false, X_0F | 0xb6, T0, T0);
    done(m, k, T0);
}

static void select(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned cc = condition(m, i->a);
    load_to(m, T0, i->c);
    x_rr(&m->x, true, X_0F | 0x40 | cc, T0, use(m, i->b, T1));
    done(m, k, T0);
}

static void call(struct em *m, ir_val k, const struct ir_insn *i)
{
    static const u8 kept[] = { RDI, RDX, RCX, R8, R8 }; /* the last one for the stack's alignment */
    struct x64 *x = &m->x;
    load_to(m, T1, i->b);
    load_to(m, T2, i->a);
    for (unsigned n = 0; n < ARRAY_LEN(kept); n++)
        x_op(x, false, false, 0x50 | (kept[n] & 7), 0, 0, kept[n]);
    x_mov(x, RDI, T2);
    x_mov_imm(x, RAX, i->imm);
    x_rr(x, false, 0xff, 2, RAX);
    for (unsigned n = ARRAY_LEN(kept); n-- > 0;)
        x_op(x, false, false, 0x58 | (kept[n] & 7), 0, 0, kept[n]);
    done(m, k, RAX);
}

/* --- floating point --------------------------------------------------------------------------------------------- */

static u32 scalar(const struct ir_insn *i, u32 op) { return X_PREFIX(i->size == 8 ? 0xf2 : 0xf3) | X_0F | op; }

static void float_binary(struct em *m, ir_val k, const struct ir_insn *i, u32 op)
{
    unsigned d = target_xmm(m, k), a = use_xmm(m, i->a, 0), b = use_xmm(m, i->b, 1);
    if (b == d && a != d)
        d = 0;
    mov_xmm(m, d, a);
    x_rr(&m->x, false, scalar(i, op), d, b);
    done_xmm(m, k, d);
}

static void float_compare(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    unsigned a = use_xmm(m, i->a, 0), b = use_xmm(m, i->b, 1);
    u32 ucomis = (i->size == 8 ? X_PREFIX(0x66) : 0) | X_0F | 0x2e;
    if (i->op != IR_FEQ) {
        x_rr(x, false, ucomis, b, a); /* unordered sets carry: neither above nor equal */
        set(m, k, i->op == IR_FLT ? CC_A : CC_AE);
        return;
    }
    x_rr(x, false, ucomis, a, b);
    x_rr8(x, false, X_0F | 0x90 | CC_NP, 0, T1);
    x_rr8(x, false, X_0F | 0x90 | CC_E, 0, T0);
    x_rr8(x, false, 0x20, T1, T0);
    x_rr8(x, false, X_0F | 0xb6, T0, T0);
    done(m, k, T0);
}

static void float_op(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    unsigned d, a;
    switch (i->op) {
    case IR_FADD: float_binary(m, k, i, 0x58); break;
    case IR_FSUB: float_binary(m, k, i, 0x5c); break;
    case IR_FMUL: float_binary(m, k, i, 0x59); break;
    case IR_FDIV: float_binary(m, k, i, 0x5e); break;
    case IR_FSQRT:
        d = target_xmm(m, k);
        mov_xmm(m, d, use_xmm(m, i->a, 0));
        x_rr(x, false, scalar(i, 0x51), d, d);
        done_xmm(m, k, d);
        break;
    case IR_FMA: { /* the builder asks emitter.fma first */
        unsigned b = use_xmm(m, i->b, 1), c = use_xmm(m, i->c, 15);
        mov_xmm(m, 0, use_xmm(m, i->a, 0));
        x_vex(x, 2, 1, i->size == 8, 0xa9, 0, b, c); /* vfmadd213: xmm0 = b * xmm0 + c */
        done_xmm(m, k, 0);
        break;
    }
    case IR_FLT:
    case IR_FLE:
    case IR_FEQ:
        float_compare(m, k, i);
        break;
    case IR_FTOI:
        a = use_xmm(m, i->a, 0);
        d = target(m, k);
        x_rr(x, true, scalar(i, 0x2c), d, a);
        done(m, k, d);
        break;
    case IR_ITOF:
        a = use(m, i->a, T2);
        d = target_xmm(m, k);
        x_rr(x, false, X_0F | 0x57, d, d);
        x_rr(x, true, scalar(i, 0x2a), d, a);
        done_xmm(m, k, d);
        break;
    default: /* widen, narrow */
        a = use_xmm(m, i->a, 1);
        x_rr(x, false, X_0F | 0x57, 0, 0);
        x_rr(x, false, X_PREFIX(i->op == IR_FNARROW ? 0xf2 : 0xf3) | X_0F | 0x5a, 0, a);
        done_xmm(m, k, 0);
    }
}

/* --- state and memory ------------------------------------------------------------------------------------------- */

static void store_value(struct em *m, ir_val v, unsigned size, unsigned base, int index, i64 disp)
{
    struct x64 *x = &m->x;
    unsigned loc = m->ra->loc[v], reg;
    u32 op;
    bool w = false, force = false;
    if (in_xmm(loc) && size >= 4) {
        reg = loc - LOC_XMM;
        op = X_PREFIX(size == 8 ? 0xf2 : 0xf3) | X_0F | 0x11;
    } else {
        reg = use(m, v, T1);
        op = size == 1 ? 0x88 : size == 2 ? X_PREFIX(0x66) | 0x89 : 0x89;
        w = size == 8;
        force = size == 1;
    }
    if (index < 0)
        x_rm(x, w, force, op, reg, base, disp);
    else
        x_rmx(x, w, force, op, reg, base, (unsigned)index, 0, disp);
}

static void put(struct em *m, ir_val v, u64 offset)
{
    unsigned loc = m->ra->loc[v];
    if (loc == LOC_CONST && fits(m->ir->insn[v].imm)) {
        x_rm(&m->x, true, false, 0xc7, 0, STATE, (i64)offset);
        x_imm(&m->x, m->ir->insn[v].imm, 4);
    } else {
        store_value(m, v, 8, STATE, -1, (i64)offset);
    }
}

static void load_value(struct em *m, ir_val k, const struct ir_insn *i, unsigned base, int index, i64 disp)
{
    static const u32 ops[2][4] = { { X_0F | 0xb6, X_0F | 0xb7, 0x8b, 0x8b }, { X_0F | 0xbe, X_0F | 0xbf, 0x63, 0x8b } };
    bool is_float = in_xmm(m->ra->loc[k]) && i->size >= 4;
    unsigned d = is_float ? m->ra->loc[k] - (unsigned)LOC_XMM : target(m, k);
    u32 op = is_float ? X_PREFIX(i->size == 8 ? 0xf2 : 0xf3) | X_0F | 0x10 : ops[i->sign][__builtin_ctz(i->size)];
    bool w = !is_float && (i->sign || i->size == 8);
    if (index < 0)
        x_rm(&m->x, w, false, op, d, base, disp);
    else
        x_rmx(&m->x, w, false, op, d, base, (unsigned)index, 0, disp);
    if (!is_float)
        done(m, k, d);
}

/* Checking: writes down what is at the host address in rsi. Keeps all but that and the flags. */
static void log_store(struct em *m, unsigned size)
{
    static const u32 load[] = { X_0F | 0xb6, X_0F | 0xb7, 0x8b, 0x8b };
    struct x64 *x = &m->x;
    x_byte(x, 0x50); /* push rax, rcx */
    x_byte(x, 0x51);
    x_mov_imm(x, RAX, (u64)(uintptr_t)m->env->check_log);
    x_rm(x, true, false, 0x8b, RCX, RAX, 0);
    x_rm(x, true, false, 0x89, RSI, RCX, offsetof(struct jit_stored, host));
    x_rm(x, true, false, 0xc7, 0, RCX, offsetof(struct jit_stored, size));
    x_imm(x, size, 4);
    x_rm(x, size == 8, false, load[__builtin_ctz(size)], RSI, RSI, 0);
    x_rm(x, true, false, 0x89, RSI, RCX, offsetof(struct jit_stored, old));
    x_rm(x, true, false, 0x83, 0, RAX, 0); /* add qword [rax], the size of an entry */
    x_imm(x, sizeof(struct jit_stored), 1);
    x_byte(x, 0x59);
    x_byte(x, 0x58);
}

/* The place of the entry for the address, to rax: behind the context's start. */
static void tlb_entry(struct em *m, unsigned a)
{
    struct x64 *x = &m->x;
    const struct jit_env *env = m->env;
    if (m->e->bmi2) { /* rorx: what comes in from below is masked away */
        x_vex(x, 3, 3, false, 0xf0, T0, 0, a);
        x_byte(x, env->page_shift - env->tlb_shift);
    } else {
        x_rr(x, false, 0x89, a, T0);
        x_shift_imm(x, false, 5, T0, env->page_shift - env->tlb_shift);
    }
    x_alu_imm(x, false, 4, T0, (i32)(((1u << env->tlb_bits) - 1) << env->tlb_shift));
}

/* The address comes back in a register, the page's addend in rax. The tag is compared with the page of the last byte:
 * an access into the next page differs there. LOCATE wants its operand aligned as well. */
static unsigned through_tlb(struct em *m, const struct ir_insn *i, u32 tag)
{
    struct x64 *x = &m->x;
    const struct jit_env *env = m->env;
    bool aligned = i->op == IR_LOCATE;
    unsigned a = use(m, i->a, T2);
    if (i->imm) {
        x_rm(x, true, false, 0x8d, T2, a, (i64)i->imm);
        a = T2;
    }
    tlb_entry(m, a);
    if (aligned || i->size == 1)
        x_mov(x, T1, a);
    else
        x_rm(x, true, false, 0x8d, T1, a, i->size - 1);
    x_alu_imm(x, true, 4, T1, (i32)(-(1 << env->page_shift) | (aligned ? i->size - 1 : 0)));
    x_rmx(x, true, false, 0x3b, T1, CTX, T0, 0, tag);
    exit_on(m, CC_NE, i->exit);
    x_rmx(x, true, false, 0x8b, T0, CTX, T0, 0, env->tlb_addend);
    return a;
}

static void poke(struct em *m, const struct ir_insn *i)
{
    if (m->env->check_log) {
        x_rm(&m->x, true, false, 0x8d, T1, use(m, i->a, T1), (i64)i->imm);
        log_store(m, i->size);
    }
    store_value(m, i->b, i->size, use(m, i->a, T2), -1, (i64)i->imm);
}

static void memory(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned a = through_tlb(m, i, i->op == IR_LOAD ? m->env->tlb_read : m->env->tlb_write);
    if (i->op == IR_LOAD) {
        load_value(m, k, i, T0, (int)a, 0);
    } else if (i->op == IR_STORE) {
        if (m->env->check_log) {
            x_rmx(&m->x, true, false, 0x8d, T1, T0, a, 0, 0);
            log_store(m, i->size);
        }
        store_value(m, i->b, i->size, T0, (int)a, 0);
    } else {
        x_rr(&m->x, true, 0x01, a, T0);
        done(m, k, T0);
    }
}

/* sign: by the tag for stores. */
static void phys(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    const struct jit_env *env = m->env;
    unsigned a = use(m, i->a, T2);
    tlb_entry(m, a);
    x_mov(x, T1, a);
    x_alu_imm(x, true, 4, T1, (i32) - (1 << env->page_shift));
    x_rmx(x, true, false, 0x3b, T1, CTX, T0, 0, i->sign ? env->tlb_write : env->tlb_read);
    exit_on(m, CC_NE, i->exit);
    x_rmx(x, true, false, 0x8b, T0, CTX, T0, 0, env->tlb_phys);
    x_alu_imm(x, true, 4, T0, (i32) - (1 << env->page_shift));
    x_mov(x, T1, a);
    x_alu_imm(x, false, 4, T1, (1 << env->page_shift) - 1);
    x_rr(x, true, 0x09, T1, T0);
    done(m, k, T0);
}

/* The host address of a window's first byte to register d; its guest address is in T1. */
static void window_by_tlb(struct em *m, const struct ir_insn *i, unsigned d, u32 site)
{
    struct x64 *x = &m->x;
    const struct jit_env *env = m->env;
    tlb_entry(m, T1);
    x_rm(x, true, false, 0x8d, T2, T1, i->size - 1);
    x_alu_imm(x, true, 4, T2, (i32) - (1 << env->page_shift));
    if (i->c & IR_READS) {
        x_rmx(x, true, false, 0x3b, T2, CTX, T0, 0, env->tlb_read);
        exit_on(m, CC_NE, i->exit);
    }
    if (i->c & IR_WRITES) {
        x_rmx(x, true, false, 0x3b, T2, CTX, T0, 0, env->tlb_write);
        exit_on(m, CC_NE, i->exit);
    }
    if (site) {
        x_rmx(x, false, false, 0x80, 1, CTX, T0, 0, env->tlb_phys); /* or byte */
        x_byte(x, env->tlb_sited);
    }
    x_rmx(x, true, false, 0x8b, T0, CTX, T0, 0, env->tlb_addend);
    if (site) {
        x_rm(x, true, false, 0x89, T2, CTX, site);
        x_rr(x, true, 0x01, T0, T2);
        x_rm(x, true, false, 0x89, T2, CTX, site + 8);
    }
    x_rmx(x, true, false, 0x8d, d, T0, T1, 0, 0); /* lea */
}

/* In a region each window has a site: the page it was in the last time. Five instructions say whether it still is. */
static void window(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    const struct jit_env *env = m->env;
    if (!m->ir->sites || m->n_windows == ARRAY_LEN(m->window)) {
        unsigned a = use(m, i->a, T1), d = target(m, k);
        x_rm(x, true, false, 0x8d, T1, a, (i64)i->imm);
        window_by_tlb(m, i, d, 0);
        done(m, k, d);
        return;
    }
    u32 site = env->sites + 16 * (env->next_site(env->opaque) & ((1u << env->site_bits) - 1));
    unsigned a = use(m, i->a, T2), d = target(m, k);
    if (d == a)
        d = T0;
    if (i->imm)
        x_rm(x, true, false, 0x8d, d, a, (i64)i->imm);
    else
        x_mov(x, d, a);
    x_rm(x, true, false, 0x33, d, CTX, site);
    x_alu_imm(x, true, 7, d, (1 << env->page_shift) - i->size);
    m->window[m->n_windows].at = x_jcc(x, CC_A);
    x_rm(x, true, false, 0x03, d, CTX, site + 8);
    m->window[m->n_windows].back = x->p;
    m->window[m->n_windows].k = k;
    m->window[m->n_windows++].site = site;
    done(m, k, d);
}

static void missed_windows(struct em *m)
{
    struct x64 *x = &m->x;
    for (unsigned n = 0; n < m->n_windows; n++) {
        const struct ir_insn *i = &m->ir->insn[m->window[n].k];
        x_land(m->window[n].at, x->p);
        unsigned a = use(m, i->a, T1), d = target(m, m->window[n].k);
        x_rm(x, true, false, 0x8d, T1, a, (i64)i->imm);
        window_by_tlb(m, i, d == a ? (unsigned)T0 : d, m->window[n].site);
        x_land(x_jmp(x), m->window[n].back);
    }
}

/* --- ends ------------------------------------------------------------------------------------------------------- */

static void go_to(struct x64 *x, const struct jit_env *env, u64 handler)
{
    if (env->check_left) {
        x_mov_imm(x, R9, handler);
        handler = env->check_left;
    }
    x_mov_imm(x, RAX, handler);
    x_rr(x, false, 0xff, 4, RAX);
}

/* To the handler of the slot in rsi. */
static void go_to_slot(struct x64 *x, const struct jit_env *env)
{
    if (env->check_left)
        go_to(x, env, 0);
    else
        x_rm(x, false, false, 0xff, 4, SLOT, env->slot_handler);
}

static void set_base(struct em *m, const struct ir_exit *e)
{
    if (e->base != IR_BASE_STAYS)
        x_mov_imm(&m->x, BASE, e->base);
}

/* The budget falls by what the link's block takes. Returns the jump to where that is too much. */
static u8 *follow(struct em *m, u64 link)
{
    struct x64 *x = &m->x;
    u32 count;
    u64 slot;
    const u8 *to = m->env->direct(m->env->opaque, link, &slot, &count);
    if (slot) {
        x_alu_imm(x, true, 5, BUDGET, (i32)count);
        u8 *too_far = x_jcc(x, CC_L);
        if (m->env->check_left) {
            x_mov_imm(x, SLOT, slot);
            go_to(x, m->env, 0);
            return too_far;
        }
        u8 *at = x_jmp(x);
        if (to) {
            x_land(at, to - m->shift);
        } else {
            m->waiting[m->n_waiting].at = at;
            m->waiting[m->n_waiting++].slot = slot;
            m->env->wait(m->env->opaque, slot, at);
        }
        return too_far;
    }
    x_byte(x, 0x48); /* mov rax, [link] */
    x_byte(x, 0xa1);
    x_imm(x, link, 8);
    x_mov(x, SLOT, RAX);
    x_rm(x, true, false, 0x2b, BUDGET, SLOT, m->env->slot_count);
    u8 *too_far = x_jcc(x, CC_L);
    go_to_slot(x, m->env);
    return too_far;
}

static void chain(struct em *m, u64 link, u16 exit)
{
    set_base(m, &m->ir->exit[exit]);
    u8 *too_far = follow(m, link);
    m->fixup[m->n_fixups++] = (struct fixup){ too_far, exit, IR_NONE };
}

/* To the address in T2. */
static void jump(struct x64 *x, const struct jit_env *env)
{
    x_mov(x, RAX, T2);
    x_shift_imm(x, true, 5, RAX, 1);
    x_mov(x, RSI, T2);
    x_shift_imm(x, true, 5, RSI, env->jump_xor);
    x_rr(x, false, 0x31, RSI, RAX);
    x_alu_imm(x, false, 4, RAX, (i32)((1u << env->jump_bits) - 1));
    unsigned scale = env->jump_entry == 24 ? 3 : 0;
    if (scale) { /* three times eight */
        x_rmx(x, true, false, 0x8d, RAX, RAX, RAX, 1, 0);
    } else {
        x_rr(x, true, 0x69, RAX, RAX);
        x_imm(x, env->jump_entry, 4);
    }
    x_rmx(x, true, false, 0x3b, T2, CTX, RAX, scale, env->jump_table + env->jump_pc);
    u8 *miss1 = x_jcc(x, CC_NE);
    x_rm(x, true, false, 0x8b, RSI, CTX, env->ctx_gen);
    x_rmx(x, true, false, 0x3b, RSI, CTX, RAX, scale, env->jump_table + env->jump_gen);
    u8 *miss2 = x_jcc(x, CC_NE);
    x_rmx(x, true, false, 0x8b, SLOT, CTX, RAX, scale, env->jump_table + env->jump_slot);
    x_mov(x, BASE, T2);
    x_alu_imm(x, true, 4, BASE, (i32) - (1 << env->page_shift));
    x_rm(x, true, false, 0x2b, BUDGET, SLOT, env->slot_count);
    u8 *too_far = x_jcc(x, CC_L);
    go_to_slot(x, env);
    x_land(too_far, x->p);
    go_to(x, env, env->jump_too_far);
    x_land(miss1, x->p);
    x_land(miss2, x->p);
    if (env->check_left) {
        x_mov(x, SLOT, T2);
    } else {
        x_mov(x, RSI, RDX);
        x_mov(x, RDX, RCX);
        x_mov(x, RCX, T2);
    }
    go_to(x, env, env->jump_missed);
}

/* The entry of a constant address is at a constant place. */
static void leads(struct em *m, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    const struct jit_env *env = m->env;
    u64 pc = m->ir->insn[i->a].imm;
    u64 entry = ((pc >> 1 ^ pc >> env->jump_xor) & ((1u << env->jump_bits) - 1)) * env->jump_entry + env->jump_table;
    x_rm(x, true, false, 0x8b, T0, CTX, env->ctx_gen);
    x_rm(x, true, false, 0x33, T0, CTX, (i64)(entry + env->jump_gen));
    x_mov_imm(x, T1, pc);
    x_rm(x, true, false, 0x33, T1, CTX, (i64)(entry + env->jump_pc));
    x_rr(x, true, 0x09, T1, T0);
    x_mov_imm(x, T1, i->imm);
    x_rm(x, true, false, 0x33, T1, CTX, (i64)(entry + env->jump_slot));
    x_rr(x, true, 0x09, T1, T0);
    exit_on(m, CC_NE, i->exit);
}

static void heat(struct em *m, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    i64 away = (i64)i->imm - (i64)(uintptr_t)(x->p + m->shift + 7);
    if (away == (i32)away) { /* sub dword [rip + away], 1 */
        x_byte(x, 0x83);
        x_byte(x, 0x2d);
        x_imm(x, (u64)away, 4);
    } else {
        x_mov_imm(x, T0, i->imm);
        x_byte(x, 0x83);
        x_byte(x, 0x28);
    }
    x_byte(x, 1);
    exit_on(m, CC_S, i->exit);
    m->body = x->p;
}

/* --- the way back of a loop --- */

static void move(struct em *m, const struct move *v)
{
    struct x64 *x = &m->x;
    unsigned to = v->to, from = v->from;
    if (to == LOC_SCRATCH) {
        load_to(m, T0, v->value);
    } else if (in_gpr(to)) {
        if (from == LOC_SCRATCH)
            x_mov(x, to - LOC_GPR, T0);
        else
            load_to(m, to - LOC_GPR, v->value);
    } else if (in_xmm(to) && in_xmm(from)) {
        mov_xmm(m, to - LOC_XMM, from - LOC_XMM);
    } else if (in_xmm(to) && from >= LOC_SPILL) {
        x_rm(x, false, false, X_PREFIX(0xf3) | X_0F | 0x7e, to - LOC_XMM, RSP, spill_at(from));
    } else {
        unsigned reg = from == LOC_SCRATCH ? (unsigned)T0 : use(m, v->value, T2);
        if (in_xmm(to))
            x_rr(x, true, X_PREFIX(0x66) | X_0F | 0x6e, to - LOC_XMM, reg);
        else
            x_rm(x, true, false, 0x89, reg, RSP, spill_at(to));
    }
}

/* A round begins behind the params, which are loaded once. */
static void mark(struct em *m, ir_val k)
{
    while (m->ir->insn[++k].op == IR_PARAM || m->ir->insn[k].op == IR_NOP)
        if (m->ra->loc[k] != LOC_NONE)
            load_value(m, k, &m->ir->insn[k], STATE, -1, (i64)m->ir->insn[k].imm);
    m->mark = m->x.p;
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
    x_land(x_jmp(&m->x), m->mark);
}

/* --- ways out --- */

static void exits(struct em *m)
{
    struct x64 *x = &m->x;
    for (unsigned n = 0; n < m->n_fixups; n++) {
        struct fixup *f = &m->fixup[n];
        const struct ir_exit *e = &m->ir->exit[f->exit];
        x_land(f->at, x->p);
        if (f->jump != IR_NONE)
            load_to(m, T2, f->jump);
        for (u32 p = 0; p < e->n_puts; p++)
            put(m, m->ir->put[e->first_put + p].value, m->ir->put[e->first_put + p].offset);
        if (f->jump != IR_NONE) {
            jump(x, m->env);
            continue;
        }
        set_base(m, e);
        if (e->link) {
            u8 *too_far = follow(m, e->link);
            x_land(too_far, x->p);
        }
        x_mov_imm(x, SLOT, e->slot);
        go_to(x, m->env, e->handler);
    }
    for (unsigned n = 0; n < m->n_waiting; n++) {
        x_land(m->waiting[n].at, x->p);
        x_mov_imm(x, SLOT, m->waiting[n].slot);
        x_rm(x, false, false, 0xff, 4, SLOT, m->env->slot_handler);
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
    case IR_ADD: binary(m, k, i, 0x03, 0); break;
    case IR_SUB: binary(m, k, i, 0x2b, 5); break;
    case IR_AND: binary(m, k, i, 0x23, 4); break;
    case IR_OR: binary(m, k, i, 0x0b, 1); break;
    case IR_XOR: binary(m, k, i, 0x33, 6); break;
    case IR_SHL: shift(m, k, i, 4, 1); break;
    case IR_SHR: shift(m, k, i, 5, 3); break;
    case IR_SAR: shift(m, k, i, 7, 2); break;
    case IR_ROR: shift(m, k, i, 1, 0); break;
    case IR_MUL: multiply(m, k, i); break;
    case IR_MULHU: case IR_MULHS: case IR_MULHSU: high_product(m, k, i); break;
    case IR_DIVS: case IR_DIVU: case IR_REMS: case IR_REMU: divide(m, k, i); break;
    case IR_EQ: case IR_NE: case IR_LTS: case IR_GES: case IR_LTU: case IR_GEU: set(m, k, compare(m, i)); break;
    case IR_SX8: case IR_SX16: case IR_SX32: case IR_ZX8: case IR_ZX16: case IR_ZX32: extend(m, k, i); break;
    case IR_CLZ: case IR_CTZ: case IR_POPCNT: count_bits(m, k, i); break;
    case IR_BSWAP: swap_bytes(m, k, i); break;
    case IR_SELECT: select(m, k, i); break;
    case IR_CALL: call(m, k, i); break;
    case IR_GET: load_value(m, k, i, STATE, -1, (i64)i->imm); break;
    case IR_PUT: put(m, i->a, i->imm); break;
    case IR_LOAD: case IR_STORE: case IR_LOCATE: memory(m, k, i); break;
    case IR_PHYS: phys(m, k, i); break;
    case IR_WINDOW: window(m, k, i); break;
    case IR_PEEK: load_value(m, k, i, use(m, i->a, T2), -1, (i64)i->imm); break;
    case IR_POKE: poke(m, i); break;
    case IR_EXIT_IF: exit_on(m, condition(m, i->a), i->exit); break;
    case IR_JUMP_IF:
        exit_on(m, condition(m, i->a), i->exit);
        m->fixup[m->n_fixups - 1].jump = i->b;
        break;
    case IR_LEAVE: m->fixup[m->n_fixups++] = (struct fixup){ x_jmp(&m->x), i->exit, IR_NONE }; break;
    case IR_PASS:
        x_alu_imm(&m->x, true, 5, BUDGET, (i32)i->imm);
        exit_on(m, CC_L, i->exit);
        break;
    case IR_HEAT: heat(m, i); break;
    case IR_LEADS: leads(m, i); break;
    case IR_MARK: mark(m, k); break;
    case IR_LOOP: go_back(m, i); break;
    case IR_CHAIN: chain(m, i->imm, i->exit); break;
    case IR_CHAIN_IF: {
        u8 *taken = x_jcc(&m->x, condition(m, i->a));
        chain(m, i->imm + 8, (u16)(i->exit + 1));
        x_land(taken, m->x.p);
        chain(m, i->imm, i->exit);
        break;
    }
    case IR_JUMP:
        load_to(m, T2, i->a);
        jump(&m->x, m->env);
        break;
    default: float_op(m, k, i);
    }
}

/* What is called with the code that follows. */
static void enter_checked(struct em *m)
{
    struct x64 *x = &m->x;
    x_byte(x, 0x4c); /* lea r9, [rip + ...] */
    x_byte(x, 0x8d);
    x_byte(x, 0x0d);
    u8 *at = x->p;
    x_imm(x, 0, 4);
    x_mov_imm(x, RAX, m->env->check_enter);
    x_rr(x, false, 0xff, 4, RAX);
    x_land(at, x->p);
}

static struct emitted run(const struct emitter *e, struct code *code, const struct jit_env *env, struct ir *ir,
    struct ra *ra)
{
    if (code_room(code) < 4096 + (size_t)ir->n * 96 + (size_t)ir->n_exits * 160 + (size_t)ir->n_puts * 24)
        return (struct emitted){ 0 };
    if (!ra_run(ra, &e->host, ir))
        return (struct emitted){ 0 };
    struct em m = { .x = { code_here(code) }, .e = e, .env = env, .shift = code->shift, .ir = ir, .ra = ra };
    const u8 *start = m.x.p;
    if (env->check_enter)
        enter_checked(&m);
    m.body = m.x.p;
    for (u32 k = 0; k < ir->n; k++) {
        if (env->at_op)
            env->at_op[k] = (u32)(m.x.p - start);
        one(&m, (ir_val)k);
    }
    if (env->at_op)
        env->at_op[ir->n] = (u32)(m.x.p - start);
    missed_windows(&m);
    exits(&m);
    if (env->at_op)
        env->at_op[ir->n + 1] = (u32)(m.x.p - start);
    const u8 *body = m.body + code->shift;
    return (struct emitted){ code_take(code, m.x.p), body };
}

static void lead(struct code *code, u8 *at, const void *to) { x_land(at, (const u8 *)to - code->shift); }

static void redirect(struct code *code, const void *start, const void *to)
{
    struct x64 x = { (u8 *)(uintptr_t)start - code->shift };
    x_land(x_jmp(&x), (const u8 *)to - code->shift);
}

#ifdef __x86_64__
static bool has_lzcnt(void) /* clang 14 has no name for it */
{
    unsigned a, b, c, d;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LZCNT);
}
#endif

static void init(struct emitter *e)
{
    u32 kept = 1u << RBX | 1u << RBP | 1u << R12 | 1u << R13 | 1u << R14 | 1u << R15;
    *e = (struct emitter){ .kind = &emitter_x64,
        .host = { .gpr = kept | 1u << R9 | 1u << R10, .xmm = 0x7ffc, .gpr_kept = kept, .base = BASE } };
#ifdef __x86_64__
    e->bmi2 = __builtin_cpu_supports("bmi2");
    e->fma = __builtin_cpu_supports("fma");
    e->lzcnt = has_lzcnt() && __builtin_cpu_supports("bmi");
    e->popcnt = __builtin_cpu_supports("popcnt");
#endif
}

static const void *enter_code(struct code *code, const struct jit_env *env)
{
    static const u8 kept[] = { RBX, RBP, R12, R13, R14, R15 };
    struct x64 x = { code_here(code) };
    for (unsigned n = 0; n < ARRAY_LEN(kept); n++)
        x_op(&x, false, false, 0x50 | (kept[n] & 7), 0, 0, kept[n]);
    x_alu_imm(&x, true, 5, RSP, 8 + 8 * SPILL_SLOTS); /* handlers are called with rsp at 8 modulo 16, as C does */
    x_rm(&x, false, false, 0xff, 2, SLOT, env->slot_handler);
    x_alu_imm(&x, true, 0, RSP, 8 + 8 * SPILL_SLOTS);
    for (unsigned n = ARRAY_LEN(kept); n-- > 0;)
        x_op(&x, false, false, 0x58 | (kept[n] & 7), 0, 0, kept[n]);
    x_byte(&x, 0xc3);
    const void *enter = code_take(code, x.p);
    code->kept = code->used;
    return enter;
}

const struct emitter_kind emitter_x64 = {
    .name = "x86-64", .checks = true, .reach = (size_t)1 << 31, .init = init, .enter = enter_code, .run = run,
    .lead = lead, .redirect = redirect,
};
