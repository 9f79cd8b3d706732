/* Passes over the operations of a run. Each rewrites in place: an operation that is not needed becomes a nop and
 * later operands are renamed to what replaces it. */
#include <string.h>

#include "jit/ir.h"

struct names {
    ir_val of[IR_MAX]; /* what a value is called now */
};

/* Operands of operation k as they are called now. */
static void rename_operands(struct ir *ir, const struct names *names, u32 k)
{
    ir_val *arg[3];
    unsigned n = ir_operands(&ir->insn[k], arg);
    for (unsigned j = 0; j < n; j++)
        *arg[j] = names->of[*arg[j]];
}

static void replace(struct ir *ir, struct names *names, u32 k, ir_val by)
{
    names->of[k] = by;
    ir->insn[k] = (struct ir_insn){ .op = IR_NOP, .exit = IR_NONE };
}

static void become_const(struct ir_insn *i, u64 v)
{
    *i = (struct ir_insn){ .op = IR_CONST, .size = 8, .exit = IR_NONE, .at = i->at, .imm = v };
}

/* --- folding ---------------------------------------------------------------------------------------------------- */

static bool commutes(unsigned op)
{
    return op == IR_ADD || op == IR_AND || op == IR_OR || op == IR_XOR || op == IR_MUL || op == IR_MULHU ||
        op == IR_MULHS || op == IR_EQ || op == IR_NE;
}

static bool takes_imm(unsigned op)
{
    return (op >= IR_ADD && op <= IR_GEU) && !(op >= IR_MULHU && op <= IR_REMU);
}

static bool is_compare(unsigned op)
{
    return op >= IR_EQ && op <= IR_GEU;
}

/* With an immediate: is the result just a? */
static bool keeps_a(const struct ir_insn *i)
{
    switch (i->op) {
    case IR_ADD: case IR_SUB: case IR_OR: case IR_XOR: return !i->imm;
    case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROR: return !(i->imm & 63);
    case IR_AND: return i->imm == ~(u64)0;
    case IR_MUL: return i->imm == 1;
    default: return false;
    }
}

/* Of an extension: how many bits it keeps; 0: it is none. */
static unsigned width(unsigned op)
{
    switch (op) {
    case IR_SX8: case IR_ZX8: return 8;
    case IR_SX16: case IR_ZX16: return 16;
    case IR_SX32: case IR_ZX32: return 32;
    default: return 0;
    }
}

/* Is the extension `op` of the result of i that result itself? */
static bool extended_already(const struct ir *ir, const struct ir_insn *i, unsigned op)
{
    unsigned bits = width(op);
    bool sign = op <= IR_SX32;
    switch (i->op) {
    case IR_EQ: case IR_NE: case IR_LTS: case IR_GES: case IR_LTU: case IR_GEU: case IR_FLT: case IR_FLE: case IR_FEQ:
    case IR_CLZ: case IR_CTZ: case IR_POPCNT:
        return true;
    case IR_LOAD: case IR_PEEK:
        return i->sign ? sign && 8u * i->size <= bits : sign ? 8u * i->size < bits : 8u * i->size <= bits;
    case IR_SX8: case IR_SX16: case IR_SX32:
        return sign && width(i->op) <= bits;
    case IR_ZX8: case IR_ZX16: case IR_ZX32:
        return sign ? width(i->op) < bits : width(i->op) <= bits;
    case IR_AND:
        return i->b == IR_IMM && i->imm >> (bits - sign) == 0;
    case IR_SHR:
        if (i->b != IR_IMM)
            return false;
        if (ir->insn[i->a].op == IR_ZX32 && (i->imm & 63) < 32)
            return 32 - (i->imm & 63) <= bits - sign;
        return 64 - (i->imm & 63) <= bits - sign;
    case IR_ROR32:
        return !sign && bits == 32;
    default:
        return false;
    }
}

/* Only the low bits of the operand matter to op: looks through extensions that keep those. */
ir_val ir_low_source(const struct ir *ir, ir_val v, unsigned bits)
{
    for (;;) {
        const struct ir_insn *i = &ir->insn[v];
        unsigned w = width(i->op);
        if (!w || w < bits)
            return v;
        v = i->a;
    }
}

static void fold_one(struct ir *ir, struct names *names, u32 k)
{
    struct ir_insn *i = &ir->insn[k];
    const struct ir_insn *a = ir_info[i->op].n_args > 0 ? &ir->insn[i->a] : NULL;
    if (i->op == IR_LOAD || i->op == IR_STORE || i->op == IR_LOCATE) {
        if (a->op == IR_ADD && a->b == IR_IMM && (u64)((i64)(a->imm + i->imm) + ((i64)1 << 31)) >> 32 == 0) {
            i->imm += a->imm;
            i->a = a->a;
        }
        return;
    }
    if (ir_info[i->op].kind != IRK_PURE || i->op == IR_CALL || i->op == IR_CONST || i->op == IR_NOP ||
        i->op == IR_BASE || (i->op >= IR_FADD && i->op <= IR_FNARROW))
        return;
    if (ir_info[i->op].n_args == 2 && i->b != IR_IMM) {
        const struct ir_insn *b = &ir->insn[i->b];
        if (a->op == IR_CONST && b->op != IR_CONST && commutes(i->op)) {
            ir_val swap = i->a;
            i->a = i->b;
            i->b = swap;
            a = &ir->insn[i->a];
            b = &ir->insn[i->b];
        }
        if (b->op == IR_CONST && (takes_imm(i->op) || a->op == IR_CONST)) {
            i->imm = b->imm;
            i->b = IR_IMM;
        }
    }
    if (i->op == IR_SELECT) {
        const struct ir_insn *b = &ir->insn[i->b], *c = &ir->insn[i->c];
        if (a->op == IR_CONST)
            replace(ir, names, k, a->imm ? i->b : i->c);
        else if (i->b == i->c || (b->op == IR_CONST && c->op == IR_CONST && b->imm == c->imm))
            replace(ir, names, k, i->b);
        return;
    }
    bool unary = ir_info[i->op].n_args == 1;
    if (a && a->op == IR_CONST && (unary || i->b == IR_IMM)) {
        become_const(i, ir_eval_pure(i, a->imm, i->imm, 0));
        return;
    }
    if (unary && !width(i->op))
        return;
    if (unary) {
        if (!extended_already(ir, a, i->op))
            i->a = ir_low_source(ir, i->a, width(i->op));
        if (extended_already(ir, &ir->insn[i->a], i->op))
            replace(ir, names, k, i->a);
        return;
    }
    if (i->b != IR_IMM)
        return;
    if (i->op == IR_SUB) {
        i->op = IR_ADD;
        i->imm = 0 - i->imm;
    }
    if ((i->op == IR_ADD || i->op == IR_AND || i->op == IR_OR || i->op == IR_XOR) && a->op == i->op && a->b == IR_IMM) {
        i->imm = ir_eval_pure(i, i->imm, a->imm, 0);
        i->a = a->a;
        a = &ir->insn[i->a];
    }
    if (keeps_a(i)) {
        replace(ir, names, k, i->a);
        return;
    }
    if ((i->op == IR_AND || i->op == IR_MUL) && !i->imm) {
        become_const(i, 0);
        return;
    }
    if ((i->op == IR_EQ || i->op == IR_NE) && !i->imm && is_compare(a->op)) {
        struct ir_insn was = *a;
        if (i->op == IR_NE) {
            replace(ir, names, k, i->a);
        } else {
            u16 at = i->at;
            *i = was;
            i->at = at;
            i->op = (u8)(IR_EQ + ((was.op - IR_EQ) ^ 1));
        }
    }
}

void ir_fold(struct ir *ir)
{
    struct names names;
    for (u32 k = 0; k < ir->n; k++) {
        names.of[k] = (ir_val)k;
        rename_operands(ir, &names, k);
        fold_one(ir, &names, k);
    }
}

/* --- registers of the guest ------------------------------------------------------------------------------------- */

struct known {
    u32 n;
    struct {
        u64 offset;
        u8 size;
        ir_val value;
    } entry[128];
};

static void forget(struct known *known, u64 offset, unsigned size)
{
    for (u32 j = 0; j < known->n;)
        if (known->entry[j].offset < offset + size && offset < known->entry[j].offset + known->entry[j].size)
            known->entry[j] = known->entry[--known->n];
        else
            j++;
}

static void learn(struct known *known, u64 offset, unsigned size, ir_val v)
{
    if (known->n < ARRAY_LEN(known->entry)) {
        known->entry[known->n].offset = offset;
        known->entry[known->n].size = (u8)size;
        known->entry[known->n++].value = v;
    }
}

void ir_forward(struct ir *ir)
{
    struct names names;
    struct known known;
    known.n = 0;
    for (u32 k = 0; k < ir->n; k++) {
        struct ir_insn *i = &ir->insn[k];
        names.of[k] = (ir_val)k;
        rename_operands(ir, &names, k);
        if (i->op == IR_MARK) { /* what the loop writes is known in its first round only */
            for (u32 j = k + 1; j < ir->n; j++)
                if (ir->insn[j].op == IR_PUT)
                    forget(&known, ir->insn[j].imm, 8);
        } else if (i->op == IR_PARAM) {
            forget(&known, i->imm, 8);
            learn(&known, i->imm, 8, (ir_val)k);
        } else if (i->op == IR_GET) {
            u32 j = 0;
            while (j < known.n && (known.entry[j].offset != i->imm || known.entry[j].size != i->size))
                j++;
            if (j < known.n)
                replace(ir, &names, k, known.entry[j].value);
            else
                learn(&known, i->imm, i->size, (ir_val)k);
        } else if (i->op == IR_PUT) {
            forget(&known, i->imm, 8);
            learn(&known, i->imm, 8, i->a);
        }
    }
}

/* The registers a loop reads and never writes are got once, before it. Those it writes become params: what an exit finds
 * before they are written again is the value of the round before, so a put of each begins the round. */
void ir_carry(struct ir *ir)
{
    struct {
        u32 offset;
        bool put;
    } reg[IR_REGS];
    u32 n = 0, mark = IR_MAX;
    for (u32 k = 0; k < ir->n; k++) {
        const struct ir_insn *i = &ir->insn[k];
        if (i->op == IR_MARK)
            mark = k;
        if ((i->op != IR_GET && i->op != IR_PUT) || i->size != 8 || mark == IR_MAX)
            continue;
        u32 j = 0;
        while (j < n && reg[j].offset != i->imm)
            j++;
        if (j == ARRAY_LEN(reg))
            __builtin_trap(); /* IR_REGS are all there are */
        if (j == n) {
            reg[n].offset = (u32)i->imm;
            reg[n++].put = false;
        }
        reg[j].put |= i->op == IR_PUT;
    }
    if (mark == IR_MAX || ir->n + 2 * n > IR_MAX)
        return;
    struct ir_insn out[IR_MAX];
    u32 m = mark;
    for (u32 pass = 0; pass < 4; pass++) {
        static const u8 op[] = { IR_GET, IR_MARK, IR_PARAM, IR_PUT };
        u32 first = m;
        if (op[pass] == IR_MARK)
            out[m++] = ir->insn[mark];
        for (u32 j = 0; op[pass] != IR_MARK && j < n; j++)
            if (reg[j].put == (op[pass] != IR_GET))
                out[m++] = (struct ir_insn){ .op = op[pass], .size = 8, .exit = IR_NONE, .imm = reg[j].offset };
        for (u32 j = first; op[pass] == IR_PUT && j < m; j++)
            out[j].a = (ir_val)(j - (m - first)); /* its param */
    }
    u32 by = m - (mark + 1);
    for (u32 k = mark + 1; k < ir->n; k++, m++) {
        out[m] = ir->insn[k];
        ir_val *arg[3];
        unsigned args = ir_operands(&out[m], arg);
        for (unsigned j = 0; j < args; j++)
            if (*arg[j] > mark)
                *arg[j] = (ir_val)(*arg[j] + by);
    }
    memcpy(&ir->insn[mark], &out[mark], (m - mark) * sizeof *out);
    ir->n = m;
}

/* A put has to be done only when something can look: at an exit or at the end. Those before the same register is put
 * again need not be done at all. Needs no gets of registers put before: ir_forward first (a get ends the wait). */
void ir_sink_puts(struct ir *ir)
{
    struct ir_put pending[IR_REGS];
    u32 n = 0;
    static const struct ir_insn nop = { .op = IR_NOP, .exit = IR_NONE };
    struct ir_insn out[IR_MAX];
    ir_val moved[IR_MAX];
    u32 m = 0;

    for (u32 k = 0; k < ir->n; k++) {
        struct ir_insn i = ir->insn[k];
        ir_val *arg[3];
        unsigned args = ir_operands(&i, arg);
        for (unsigned j = 0; j < args; j++)
            *arg[j] = moved[*arg[j]];
        bool overlap = false, end = ir_info[i.op].kind == IRK_END && i.op != IR_LOOP;
        if (i.op == IR_PUT) {
            u32 j = 0;
            while (j < n && pending[j].offset != i.imm)
                j++;
            if (j < ARRAY_LEN(pending)) {
                pending[j] = (struct ir_put){ (u32)i.imm, i.a };
                n += j == n;
                moved[k] = IR_NONE;
                continue;
            }
            end = true; /* no room: all out */
        }
        if (i.op == IR_GET)
            for (u32 j = 0; j < n; j++)
                overlap |= pending[j].offset < i.imm + i.size && i.imm < pending[j].offset + 8u;
        if (overlap || end) {
            if (m + n + (ir->n - k) > IR_MAX) /* cannot be: each pending put took a place itself */
                __builtin_trap();
            for (u32 j = 0; j < n; j++)
                out[m++] = (struct ir_insn){ .op = IR_PUT, .size = 8, .a = pending[j].value, .exit = IR_NONE,
                    .at = i.at, .imm = pending[j].offset };
            n = 0;
        } else if (i.exit != IR_NONE) {
            struct ir_exit *x = &ir->exit[i.exit];
            x->first_put = ir->n_puts;
            x->n_puts = (u16)n;
            memcpy(&ir->put[ir->n_puts], pending, n * sizeof *pending);
            ir->n_puts += n;
        }
        if (i.op == IR_NOP) {
            moved[k] = IR_NONE;
            continue;
        }
        moved[k] = (ir_val)m;
        out[m++] = i;
    }
    memcpy(ir->insn, out, m * sizeof *out);
    for (u32 k = m; k < ir->n; k++)
        ir->insn[k] = nop;
    ir->n = m;
}

/* --- common subexpressions, dead code ----------------------------------------------------------------------------- */

static u32 hash_of(const struct ir_insn *i)
{
    u64 h = i->op | (u64)i->size << 8 | (u64)i->a << 16 | (u64)i->b << 32 | (u64)i->c << 48;
    h = (h ^ i->imm * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
    return (u32)(h >> 32);
}

static bool same(const struct ir_insn *x, const struct ir_insn *y)
{
    return x->op == y->op && x->size == y->size && x->a == y->a && x->b == y->b && x->c == y->c && x->imm == y->imm;
}

void ir_share(struct ir *ir)
{
    struct names names;
    ir_val table[1024];
    memset(table, 0xff, sizeof table);
    for (u32 k = 0; k < ir->n; k++) {
        struct ir_insn *i = &ir->insn[k];
        names.of[k] = (ir_val)k;
        rename_operands(ir, &names, k);
        bool test = i->op == IR_EXIT_IF; /* the same test cannot hold later: the run would have ended */
        if ((ir_info[i->op].kind != IRK_PURE && !test) || i->op == IR_NOP)
            continue;
        u32 at = hash_of(i) & 1023;
        for (unsigned probe = 0; probe < 8; probe++, at = (at + 1) & 1023) {
            if (table[at] == 0xffff) {
                table[at] = (ir_val)k;
                break;
            }
            if (same(&ir->insn[table[at]], i)) {
                replace(ir, &names, k, table[at]);
                break;
            }
        }
    }
}

/* Loads and stores at distances from the same value become peeks and pokes into a window, made where the first of them
 * is. That it holds proves them all; when it does not, the run is left before the first. */
enum { WINDOW_MAX = 248, WINDOWS = 240 };

struct window {
    ir_val base;
    u32 first;    /* operation */
    i64 low, end; /* distances from the value */
    u8 access;
    ir_val now;   /* the operation that makes it */
};

static bool takes_part(const struct ir_insn *i) { return i->op == IR_LOAD || i->op == IR_STORE; }

static u32 find_windows(const struct ir *ir, struct window *w, u8 *part)
{
    u32 n = 0;
    for (u32 k = 0; k < ir->n; k++) {
        const struct ir_insn *i = &ir->insn[k];
        part[k] = WINDOWS;
        if (!takes_part(i))
            continue;
        i64 low = (i64)i->imm, end = low + i->size;
        u32 j = n;
        while (j-- > 0) {
            i64 l = low < w[j].low ? low : w[j].low, e = end > w[j].end ? end : w[j].end;
            if (w[j].base == i->a && e - l <= WINDOW_MAX) {
                w[j].low = l;
                w[j].end = e;
                break;
            }
        }
        if (j == (u32)-1) {
            if (n == WINDOWS)
                continue;
            j = n++;
            w[j] = (struct window){ .base = i->a, .first = k, .low = low, .end = end };
        }
        w[j].access |= i->op == IR_LOAD ? IR_READS : IR_WRITES;
        part[k] = (u8)j;
    }
    return n;
}

void ir_window(struct ir *ir)
{
    struct window w[WINDOWS];
    u8 part[IR_MAX];
    u32 n = find_windows(ir, w, part), m = 0;
    if (ir->n + n > IR_MAX)
        return;
    struct ir_insn out[IR_MAX];
    ir_val moved[IR_MAX];
    for (u32 k = 0; k < ir->n; k++) {
        struct ir_insn i = ir->insn[k];
        ir_val *arg[3];
        unsigned args = ir_operands(&i, arg);
        for (unsigned j = 0; j < args; j++)
            *arg[j] = moved[*arg[j]];
        if (part[k] < n) {
            struct window *x = &w[part[k]];
            if (x->first == k) {
                x->now = (ir_val)m;
                out[m++] = (struct ir_insn){ .op = IR_WINDOW, .size = (u8)(x->end - x->low), .a = i.a, .c = x->access,
                    .exit = i.exit, .at = i.at, .imm = (u64)x->low };
            }
            i.op = i.op == IR_LOAD ? IR_PEEK : IR_POKE;
            i.a = x->now;
            i.imm -= (u64)x->low;
            i.exit = IR_NONE;
        }
        moved[k] = (ir_val)m;
        out[m++] = i;
    }
    memcpy(ir->insn, out, m * sizeof *out);
    ir->n = m;
}

void ir_sweep(struct ir *ir)
{
    bool used[IR_MAX] = { false };
    for (u32 k = ir->n; k-- > 0;) {
        struct ir_insn *i = &ir->insn[k];
        if (i->op == IR_NOP)
            continue;
        if (!used[k] && (ir_info[i->op].kind == IRK_PURE || ir_info[i->op].kind == IRK_READ)) {
            *i = (struct ir_insn){ .op = IR_NOP, .exit = IR_NONE };
            continue;
        }
        ir_val *arg[3];
        unsigned n = ir_operands(i, arg);
        for (unsigned j = 0; j < n; j++)
            used[*arg[j]] = true;
        for (unsigned e = 0; i->exit != IR_NONE && e <= ir_two_exits(i); e++) {
            const struct ir_exit *x = &ir->exit[i->exit + e];
            for (u32 p = 0; p < x->n_puts; p++)
                used[ir->put[x->first_put + p].value] = true;
        }
    }
}

void ir_optimize(struct ir *ir)
{
    ir_carry(ir);
    ir_forward(ir);
    ir_fold(ir);
    ir_share(ir);
    ir_window(ir);
    ir_sink_puts(ir);
    ir_narrow(ir);
    ir_sweep(ir);
}
