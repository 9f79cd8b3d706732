/* Most 32-bit code extends each result to the register's width and looks at the low half again. Where nobody sees the high
 * half, at an exit neither, the extension is passed over, and shifts of both halves of a rotation become one. */
#include <string.h>

#include "jit/ir.h"

struct looked {
    bool high[IR_MAX]; /* is more looked at than the low half? */
    u8 n[IR_MAX];      /* uses, up to 2 */
};

/* Operations whose low half depends on the low halves of their operands only. */
static bool by_halves(const struct ir_insn *i)
{
    switch (i->op) {
    case IR_ADD: case IR_SUB: case IR_AND: case IR_OR: case IR_XOR: case IR_MUL: return true;
    case IR_SHL: return i->b == IR_IMM;
    default: return false;
    }
}

static bool looks_high(const struct looked *l, const struct ir_insn *i, u32 k, unsigned operand)
{
    switch (i->op) {
    case IR_SX8: case IR_SX16: case IR_SX32: case IR_ZX8: case IR_ZX16: case IR_ZX32: return false;
    case IR_ROR32: return operand == 1;
    case IR_FLAGS: return i->size > 4;
    case IR_SELECT: return !operand || l->high[k];
    case IR_STORE: case IR_POKE: return !operand || i->size > 4;
    default: return !by_halves(i) || l->high[k];
    }
}

static void look(struct looked *l, struct ir *ir)
{
    memset(l->high, 0, ir->n * sizeof *l->high);
    memset(l->n, 0, ir->n * sizeof *l->n);
    for (u32 k = ir->n; k-- > 0;) {
        struct ir_insn *i = &ir->insn[k];
        ir_val *arg[3];
        unsigned n = ir_operands(i, arg);
        for (unsigned j = 0; j < n; j++) {
            l->high[*arg[j]] |= looks_high(l, i, k, j);
            l->n[*arg[j]] = (u8)(l->n[*arg[j]] < 2 ? l->n[*arg[j]] + 1 : 2);
        }
        for (unsigned e = 0; i->exit != IR_NONE && e <= ir_two_exits(i); e++) {
            const struct ir_exit *x = &ir->exit[i->exit + e];
            for (u32 p = 0; p < x->n_puts; p++) {
                l->high[ir->put[x->first_put + p].value] = true;
                l->n[ir->put[x->first_put + p].value] = 2;
            }
        }
    }
}

/* An or of a word shifted left by s and the same word shifted right by 32 - s, each extended or not. */
static void rotation(struct ir *ir, const struct looked *l, u32 k)
{
    struct ir_insn *i = &ir->insn[k];
    for (unsigned swap = 0; swap < 2; swap++) {
        ir_val p = swap ? i->b : i->a, q = swap ? i->a : i->b;
        const struct ir_insn *left = &ir->insn[ir_low_source(ir, p, 32)], *right = &ir->insn[ir_low_source(ir, q, 32)];
        if (left->op != IR_SHL || right->op != IR_SHR || left->b != IR_IMM || right->b != IR_IMM || left->imm < 1 ||
            left->imm > 31 || right->imm != 32 - left->imm || ir->insn[right->a].op != IR_ZX32 ||
            ir_low_source(ir, left->a, 32) != ir_low_source(ir, right->a, 32))
            continue;
        struct ir_insn turn = { .op = IR_ROR32, .size = 8, .a = ir_low_source(ir, left->a, 32), .b = IR_IMM,
            .exit = IR_NONE, .at = i->at, .imm = right->imm };
        if (!l->high[k] || ir->insn[p].op == IR_ZX32) {
            *i = turn;
        } else if (ir->insn[p].op == IR_SX32 && l->n[p] == 1) { /* the word's sign came from there */
            ir->insn[p] = turn;
            *i = (struct ir_insn){ .op = IR_SX32, .size = 8, .a = p, .exit = IR_NONE, .at = i->at };
        }
        return;
    }
}

void ir_narrow(struct ir *ir)
{
    struct looked l;
    look(&l, ir);
    for (u32 k = 0; k < ir->n; k++) {
        struct ir_insn *i = &ir->insn[k];
        ir_val *arg[3];
        unsigned n = ir_operands(i, arg);
        if (i->op == IR_OR && n == 2)
            rotation(ir, &l, k);
        if (i->op == IR_NOP || ir_info[i->op].kind == IRK_END)
            continue;
        n = ir_operands(i, arg);
        for (unsigned j = 0; j < n; j++)
            if (!looks_high(&l, i, k, j)) {
                unsigned bits = i->op == IR_STORE || i->op == IR_POKE ? 8u * i->size : 32;
                *arg[j] = ir_low_source(ir, *arg[j], bits < 32 ? bits : 32);
            }
    }
}
