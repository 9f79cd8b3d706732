/* Operations on numbers. */
#include "jit/emit_x64.h"

/* --- integer operations ----------------------------------------------------------------------------------------- */

static void binary(struct em *m, ir_val k, const struct ir_insn *i, u32 op, unsigned which)
{
    struct out *x = &m->out;
    unsigned d = target(m, k), la = m->ra->loc[i->a], a = in_gpr(la) ? la - LOC_GPR : (unsigned)T2, b = T1;
    if (i->b == IR_IMM && fits(i->imm)) {
        if (i->op == IR_ADD && in_gpr(la) && a != d) {
            x_rm(x, true, false, 0x8d, d, a, (i64)i->imm); /* lea */
        } else {
            load_to(m, d, i->a);
            x_alu_imm(x, true, which, d, (i32)i->imm);
        }
        done(m, k, d);
        return;
    }
    if (i->b == IR_IMM) {
        x_mov_imm(x, T1, i->imm);
    } else if (m->ra->loc[i->b] >= LOC_SPILL) {
        load_to(m, d, i->a);
        x_rm(x, true, false, op, d, RSP, spill_at(m->ra->loc[i->b]));
        done(m, k, d);
        return;
    } else {
        b = use(m, i->b, T1);
    }
    if (b == d && i->op == IR_SUB && a != d) {
        load_to(m, T0, i->a);
        x_rr(x, true, op, T0, b);
        d = T0;
    } else if (b == d && la >= LOC_SPILL) { /* the others commute */
        x_rm(x, true, false, op, d, RSP, spill_at(la));
    } else if (b == d) {
        x_rr(x, true, op, d, use(m, i->a, T2));
    } else if (i->op == IR_ADD && in_gpr(la) && a != d) {
        x_rmx(x, true, false, 0x8d, d, a, b, 0, 0); /* lea */
    } else {
        load_to(m, d, i->a);
        x_rr(x, true, op, d, b);
    }
    done(m, k, d);
}

static void shift(struct em *m, ir_val k, const struct ir_insn *i, unsigned which, unsigned pp)
{
    struct out *x = &m->out;
    unsigned d = target(m, k);
    bool w = i->op != IR_ROR32;
    if (i->b == IR_IMM && m->e->bmi2 && which == 1) { /* rorx */
        x_vex(x, 3, 3, w, 0xf0, d, 0, use(m, i->a, T2));
        x_byte(x, (unsigned)i->imm & (w ? 63 : 31));
        done(m, k, d);
        return;
    }
    if (i->b == IR_IMM) {
        load_to(m, d, i->a);
        if (!w) /* a shift by 0 would leave the high half */
            x_rr(x, false, 0x89, d, d);
        x_shift_imm(x, w, which, d, (unsigned)i->imm & (w ? 63 : 31));
        done(m, k, d);
        return;
    }
    unsigned a = use(m, i->a, T2);
    if (m->e->bmi2 && pp) {
        unsigned n = use(m, i->b, T1);
        x_vex(x, 2, pp, true, 0xf7, d, n, a);
        done(m, k, d);
        return;
    }
    load_to(m, T1, i->b);
    x_rr(x, w, 0x89, a, T0);
    x_rr(x, true, 0x87, RCX, T1); /* xchg */
    x_rr(x, w, 0xd3, which, T0);
    x_mov(x, RCX, T1);
    done(m, k, T0);
}

static void multiply(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *x = &m->out;
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
    struct out *x = &m->out;
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
    struct out *x = &m->out;
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
    unsigned d = target(m, k);
    bool w = i->op <= IR_SX32;
    if (m->ra->loc[i->a] >= LOC_SPILL)
        x_rm(&m->out, w, false, op[i->op - IR_SX8], d, RSP, spill_at(m->ra->loc[i->a]));
    else
        x_rr8(&m->out, w, op[i->op - IR_SX8], d, use(m, i->a, T2));
    done(m, k, d);
}

static void count_bits(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *x = &m->out;
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

/* What the host's own flags are, by LAHF and SETO. */
static void flags(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *x = &m->out;
    u32 op = i->c == IR_SUM ? 0x01 : i->c == IR_DIFFERENCE ? 0x39 : 0x85; /* add, cmp, test */
    op = i->size == 1 ? op - 1 : i->size == 2 ? X_PREFIX(0x66) | op : op;
    unsigned a = T2, b = T1;
    if (i->c == IR_SUM)
        load_to(m, T2, i->a);
    else
        a = use(m, i->a, T2);
    if (i->b == IR_IMM)
        x_mov_imm(x, T1, i->imm);
    else
        b = i->b == i->a ? a : use(m, i->b, T1);
    x_rr(x, false, 0x31, RAX, RAX);
    if (i->size == 1)
        x_rr8(x, false, op, b, a);
    else
        x_rr(x, i->size == 8, op, b, a);
    x_byte(x, 0x9f);
    x_rr8(x, false, X_0F | 0x90 | CC_O, 0, RAX);
    done(m, k, RAX);
}

static void swap_bytes(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned d = target(m, k);
    load_to(m, d, i->a);
    x_op(&m->out, true, false, X_0F | 0xc8 | (d & 7), 0, 0, d);
    done(m, k, d);
}

/* Sets the flags; returns the condition. */
static unsigned compare(struct em *m, const struct ir_insn *i)
{
    static const u8 cc[] = { CC_E, CC_NE, CC_L, CC_GE, CC_B, CC_AE };
    unsigned a = use(m, i->a, T2);
    if (i->b != IR_IMM && m->ra->loc[i->b] >= LOC_SPILL) {
        x_rm(&m->out, true, false, 0x3b, a, RSP, spill_at(m->ra->loc[i->b]));
    } else if (i->b != IR_IMM) {
        x_rr(&m->out, true, 0x39, use(m, i->b, T1), a);
    } else if (!i->imm && i->op <= IR_NE) {
        x_rr(&m->out, true, 0x85, a, a);
    } else if (fits(i->imm)) {
        x_alu_imm(&m->out, true, 7, a, (i32)i->imm);
    } else {
        x_mov_imm(&m->out, T1, i->imm);
        x_rr(&m->out, true, 0x39, T1, a);
    }
    return cc[i->op - IR_EQ];
}

/* Tests whether v is not 0. */
unsigned x64_condition(struct em *m, ir_val v)
{
    if (m->ra->loc[v] == LOC_FUSED)
        return compare(m, &m->ir->insn[v]);
    unsigned a = use(m, v, T2);
    x_rr(&m->out, true, 0x85, a, a);
    return CC_NE;
}

static void set(struct em *m, ir_val k, unsigned cc)
{
    x_rr8(&m->out, false, X_0F | 0x90 | cc, 0, T0);
    x_rr8(&m->out, false, X_0F | 0xb6, T0, T0);
    done(m, k, T0);
}

static void select(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned cc = x64_condition(m, i->a);
    load_to(m, T0, i->c);
    x_rr(&m->out, true, X_0F | 0x40 | cc, T0, use(m, i->b, T1));
    done(m, k, T0);
}

static void call(struct em *m, ir_val k, const struct ir_insn *i)
{
    static const u8 kept[] = { RDI, RDX, RCX, R8, R8 }; /* the last one for the stack's alignment */
    struct out *x = &m->out;
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
    x_rr(&m->out, false, scalar(i, op), d, b);
    done_xmm(m, k, d);
}

static void float_compare(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *x = &m->out;
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
    struct out *x = &m->out;
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
    case IR_FWIDEN:
    case IR_FNARROW:
        a = use_xmm(m, i->a, 1);
        x_rr(x, false, X_0F | 0x57, 0, 0);
        x_rr(x, false, X_PREFIX(i->op == IR_FNARROW ? 0xf2 : 0xf3) | X_0F | 0x5a, 0, a);
        done_xmm(m, k, 0);
        break;
    default: /* an operation this emitter was not told of */
        __builtin_trap();
    }
}

/* --- any of them ------------------------------------------------------------------------------------------------ */

void x64_math(struct em *m, ir_val k, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_ADD: binary(m, k, i, 0x03, 0); break;
    case IR_SUB: binary(m, k, i, 0x2b, 5); break;
    case IR_AND: binary(m, k, i, 0x23, 4); break;
    case IR_OR: binary(m, k, i, 0x0b, 1); break;
    case IR_XOR: binary(m, k, i, 0x33, 6); break;
    case IR_SHL: shift(m, k, i, 4, 1); break;
    case IR_SHR: shift(m, k, i, 5, 3); break;
    case IR_SAR: shift(m, k, i, 7, 2); break;
    case IR_ROR: case IR_ROR32: shift(m, k, i, 1, 0); break;
    case IR_MUL: multiply(m, k, i); break;
    case IR_MULHU: case IR_MULHS: case IR_MULHSU: high_product(m, k, i); break;
    case IR_DIVS: case IR_DIVU: case IR_REMS: case IR_REMU: divide(m, k, i); break;
    case IR_EQ: case IR_NE: case IR_LTS: case IR_GES: case IR_LTU: case IR_GEU: set(m, k, compare(m, i)); break;
    case IR_SX8: case IR_SX16: case IR_SX32: case IR_ZX8: case IR_ZX16: case IR_ZX32: extend(m, k, i); break;
    case IR_CLZ: case IR_CTZ: case IR_POPCNT: count_bits(m, k, i); break;
    case IR_BSWAP: swap_bytes(m, k, i); break;
    case IR_FLAGS: flags(m, k, i); break;
    case IR_SELECT: select(m, k, i); break;
    case IR_CALL: call(m, k, i); break;
    default: float_op(m, k, i);
    }
}
