/* Linear scan over a run. A value's life is one interval: from its place to its last use, or, when it is made before
 * the mark of a loop and used after it, to the loop's end. */
#include "jit/regalloc.h"

#include <string.h>

static bool is_compare(unsigned op) { return op >= IR_EQ && op <= IR_GEU; }
static bool makes_float(unsigned op)
{
    return (op >= IR_FADD && op <= IR_FMA) || op == IR_ITOF || op == IR_FWIDEN || op == IR_FNARROW;
}
static bool takes_float(unsigned op) { return op >= IR_FADD && op <= IR_FNARROW && op != IR_ITOF; }

static bool defines(const struct ir_insn *i)
{
    unsigned kind = ir_info[i->op].kind;
    return i->op != IR_NOP && i->op != IR_MARK && (kind == IRK_PURE || kind == IRK_READ || i->op == IR_LOAD ||
        i->op == IR_LOCATE || i->op == IR_PHYS || i->op == IR_WINDOW);
}

struct uses {
    u8 n[IR_MAX];         /* up to 2: more does not matter */
    bool elsewhere[IR_MAX]; /* by something that wants it in a general register */
    bool as_float[IR_MAX];  /* by something that wants it in the other kind */
    u16 calls[IR_MAX];    /* how many before this place */
};

static void use(struct ra *ra, struct uses *u, ir_val v, u32 at, bool general)
{
    if (ra->last[v] < at)
        ra->last[v] = (u16)at;
    u->n[v] = (u8)(u->n[v] < 2 ? u->n[v] + 1 : 2);
    u->elsewhere[v] |= general;
}

static void find_uses(struct ra *ra, struct uses *u, struct ir *ir)
{
    memset(u->n, 0, ir->n * sizeof *u->n);
    memset(u->elsewhere, 0, ir->n * sizeof *u->elsewhere);
    memset(u->as_float, 0, ir->n * sizeof *u->as_float);
    memset(ra->last, 0, ir->n * sizeof *ra->last);
    unsigned calls = 0;
    for (u32 k = 0; k < ir->n; k++) {
        struct ir_insn *i = &ir->insn[k];
        u->calls[k] = (u16)calls;
        calls += i->op == IR_CALL;
        ir_val *arg[3];
        unsigned n = ir_operands(i, arg);
        u32 at = k + (i->op == IR_WINDOW); /* written before it is known whether it exits */
        for (unsigned j = 0; j < n; j++) {
            bool data = (i->op == IR_PUT && j == 0) || ((i->op == IR_STORE || i->op == IR_POKE) && j == 1 &&
                i->size >= 4);
            use(ra, u, *arg[j], at, !takes_float(i->op) && !data);
            u->as_float[*arg[j]] |= takes_float(i->op);
        }
        for (unsigned e = 0; i->exit != IR_NONE && e <= ir_two_exits(i); e++)
            for (u32 p = 0; p < ir->exit[i->exit + e].n_puts; p++)
                use(ra, u, ir->put[ir->exit[i->exit + e].first_put + p].value, at, false);
    }
}

/* Comparisons whose only user tests them: their operands live as long as the user wants. */
static void fuse(struct ra *ra, struct uses *u, struct ir *ir)
{
    for (u32 k = 0; k < ir->n; k++) {
        struct ir_insn *i = &ir->insn[k];
        if (i->op != IR_EXIT_IF && i->op != IR_JUMP_IF && i->op != IR_CHAIN_IF && i->op != IR_SELECT)
            continue;
        struct ir_insn *c = &ir->insn[i->a];
        if (!is_compare(c->op) || u->n[i->a] != 1)
            continue;
        ra->loc[i->a] = LOC_FUSED;
        ir_val *arg[3];
        unsigned n = ir_operands(c, arg);
        for (unsigned j = 0; j < n; j++)
            if (ra->last[*arg[j]] < k)
                ra->last[*arg[j]] = (u16)k;
    }
}

/* What a loop uses of before lives as long as it. What it carries is best made where its param was. */
static void loops(struct ra *ra, struct ir *ir)
{
    memset(ra->home, 0xff, ir->n * sizeof *ra->home);
    if (!ir->n || ir->insn[ir->n - 1].op != IR_LOOP)
        return;
    u32 mark = 0;
    while (ir->insn[mark].op != IR_MARK)
        mark++;
    for (u32 k = 0; k < mark; k++)
        if (ra->last[k] > mark)
            ra->last[k] = (u16)(ir->n - 1);
    const struct ir_exit *back = &ir->exit[ir->insn[ir->n - 1].exit];
    for (u32 k = mark; k < ir->n; k++)
        for (u32 p = 0; ir->insn[k].op == IR_PARAM && p < back->n_puts; p++) {
            ir_val v = ir->put[back->first_put + p].value;
            if (ir->put[back->first_put + p].offset == ir->insn[k].imm && ra->home[v] == IR_NONE_HOME)
                ra->home[v] = (ir_val)k;
        }
}

struct file { /* registers of one kind */
    u32 set;
    ir_val holds[RA_REGS];
};

/* What a loop carries goes where its param is, if that is not needed any more. */
static u16 spill(struct ra *ra, ir_val v)
{
    ir_val home = ra->home[v];
    if (home != IR_NONE_HOME && ra->loc[home] >= LOC_SPILL && ra->last[home] <= v)
        return ra->loc[home];
    return ra->spills < SPILL_SLOTS ? (u16)(LOC_SPILL + ra->spills++) : LOC_NONE;
}

static bool commutes(unsigned op)
{
    return op == IR_ADD || op == IR_AND || op == IR_OR || op == IR_XOR || op == IR_MUL || op == IR_FADD || op == IR_FMUL;
}

/* Of the registers that may be had, that of an operand that ends here: so that nothing needs to be moved. */
static u32 operands_place(const struct ra *ra, struct ir_insn *i, unsigned first, u32 have)
{
    ir_val *arg[3];
    unsigned n = ir_operands(i, arg);
    for (unsigned j = 0; j < n && j <= commutes(i->op); j++) {
        unsigned loc = ra->loc[*arg[j]];
        if (loc >= first && loc < first + RA_REGS && (have >> (loc - first) & 1))
            return 1u << (loc - first);
    }
    return 0;
}

bool ra_run(struct ra *ra, const struct ra_host *host, struct ir *ir)
{
    struct uses u;
    struct file file[2] = { { .set = host->gpr | (ir->based ? 1u << host->base : 0) }, { .set = host->xmm } };
    const u32 kept_of[2] = { host->gpr_kept, host->xmm_kept };
    u32 busy[2] = { 0, 0 }, homes[2] = { 0, 0 };

    memset(ra->loc, 0, ir->n * sizeof *ra->loc);
    ra->spills = 0;
    find_uses(ra, &u, ir);
    fuse(ra, &u, ir);
    loops(ra, ir);
    for (u32 k = 0; k < ir->n; k++) {
        struct ir_insn *i = &ir->insn[k];
        for (unsigned f = 0; f < 2; f++)
            for (u32 left = busy[f]; left; left &= left - 1)
                if (ra->last[file[f].holds[__builtin_ctz(left)]] <= k)
                    busy[f] &= ~(left & -left);
        if (!defines(i) || ra->loc[k] == LOC_FUSED || !u.n[k])
            continue;
        if (i->op == IR_CONST) {
            ra->loc[k] = LOC_CONST;
            continue;
        }
        if (i->op == IR_BASE) {
            ra->loc[k] = (u16)(LOC_GPR + host->base);
            if (ir->based) {
                file[0].holds[host->base] = (ir_val)k;
                busy[0] |= 1u << host->base;
            }
            continue;
        }
        u32 last = ra->last[k];
        bool called = u.calls[last] > u.calls[k] + (i->op == IR_CALL);
        bool whole = i->op == IR_GET || i->op == IR_PARAM || i->op == IR_LOAD || i->op == IR_PEEK;
        bool is_float = makes_float(i->op) || (whole && !i->sign && i->size >= 4 && !u.elsewhere[k] &&
            (i->op != IR_PARAM || u.as_float[k]));
        unsigned f = is_float && (!called || host->xmm_kept);
        u32 may = file[f].set & (called ? kept_of[f] : ~0u), have = may & ~busy[f];
        unsigned r, home = ra->home[k] == IR_NONE_HOME ? LOC_NONE : ra->loc[ra->home[k]];
        unsigned first = f ? LOC_XMM : LOC_GPR;
        if (have) {
            if (home >= first && home < first + RA_REGS && (have >> (home - first) & 1)) {
                r = home - first;
            } else {
                u32 best = have & ~homes[f] ? have & ~homes[f] : have, kept = best & kept_of[f];
                u32 operand = operands_place(ra, i, first, best);
                r = (unsigned)__builtin_ctz(operand ? operand : best != kept ? best & ~kept : best);
            }
        } else { /* the one needed last goes to memory: it or another */
            unsigned victim = RA_REGS;
            ir_val out = (ir_val)k;
            for (r = 0; r < RA_REGS; r++)
                if ((may >> r & 1) && ra->last[file[f].holds[r]] > ra->last[out]) {
                    victim = r;
                    out = file[f].holds[r];
                }
            u16 slot = spill(ra, out);
            if (!slot)
                return false;
            ra->loc[out] = slot;
            if (victim == RA_REGS)
                continue;
            r = victim;
        }
        if (i->op == IR_PARAM)
            homes[f] |= 1u << r;
        busy[f] |= 1u << r;
        file[f].holds[r] = (ir_val)k;
        ra->loc[k] = (u16)((f ? LOC_XMM : LOC_GPR) + r);
    }
    return true;
}
