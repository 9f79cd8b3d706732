/* Building and printing the intermediate representation. */
#include "jit/ir.h"

#include "base/buf.h"

const struct ir_info ir_info[IR_OP_COUNT] = {
#define X(name_, text_, n_, kind_) [IR_##name_] = { text_, n_, kind_ },
    IR_OPS(X)
#undef X
};

void ir_start(struct ir *ir)
{
    ir->n = ir->n_exits = ir->n_puts = 0;
    ir->at = 0;
    ir->sites = ir->based = false;
}

/* No guest instruction becomes more than 64 operations or 8 exits, and an exit has at most IR_REGS puts. */
bool ir_room(const struct ir *ir)
{
    return ir->n + 192 < IR_MAX && ir->n_exits + 16 < IR_MAX_EXITS && (ir->n_exits + 16) * IR_REGS < IR_MAX_PUTS;
}

ir_val ir_add(struct ir *ir, struct ir_insn i)
{
    ir->insn[ir->n] = i;
    ir->insn[ir->n].at = ir->at;
    return (ir_val)ir->n++;
}

ir_val ir_const(struct ir *ir, u64 v)
{
    return ir_add(ir, (struct ir_insn){ .op = IR_CONST, .size = 8, .exit = IR_NONE, .imm = v });
}

ir_val ir_unary(struct ir *ir, enum ir_op op, unsigned size, ir_val a)
{
    return ir_add(ir, (struct ir_insn){ .op = (u8)op, .size = (u8)size, .a = a, .exit = IR_NONE });
}

ir_val ir_binary(struct ir *ir, enum ir_op op, unsigned size, ir_val a, ir_val b)
{
    return ir_add(ir, (struct ir_insn){ .op = (u8)op, .size = (u8)size, .a = a, .b = b, .exit = IR_NONE });
}

ir_val ir_ternary(struct ir *ir, enum ir_op op, unsigned size, ir_val a, ir_val b, ir_val c)
{
    return ir_add(ir, (struct ir_insn){ .op = (u8)op, .size = (u8)size, .a = a, .b = b, .c = c, .exit = IR_NONE });
}

u16 ir_exit_to(struct ir *ir, u64 slot, u64 handler)
{
    ir->exit[ir->n_exits] = (struct ir_exit){ .slot = slot, .handler = handler, .base = IR_BASE_STAYS };
    return (u16)ir->n_exits++;
}

unsigned ir_operands(struct ir_insn *i, ir_val *operand[3])
{
    unsigned n = 0, args = ir_info[i->op].n_args;
    if (args > 0)
        operand[n++] = &i->a;
    if (args > 1 && i->b != IR_IMM)
        operand[n++] = &i->b;
    if (args > 2)
        operand[n++] = &i->c;
    return n;
}

void ir_dump_op(const struct ir *ir, u32 k, struct buf *out)
{
    const struct ir_insn *i = &ir->insn[k];
    const struct ir_info *info = &ir_info[i->op];
    buf_printf(out, "%5u  %s", k, info->name);
    if (i->size && i->size != 8)
        buf_printf(out, "%s%u", i->sign ? "s" : "", i->size * 8u);
    const ir_val arg[] = { i->a, i->b, i->c };
    for (unsigned n = 0; n < info->n_args; n++)
        if (arg[n] == IR_IMM)
            buf_printf(out, " #%lld", (long long)i->imm);
        else
            buf_printf(out, " v%u", arg[n]);
    bool distance = i->op == IR_LOAD || i->op == IR_STORE || i->op == IR_LOCATE;
    if (distance) {
        if (i->imm)
            buf_printf(out, " %+lld", (long long)i->imm);
    } else if ((i->imm || i->op == IR_CONST) && i->b != IR_IMM) {
        buf_printf(out, " [0x%llx]", (unsigned long long)i->imm);
    }
    if (i->exit == IR_NONE)
        return;
    buf_printf(out, " exit %u", i->exit);
    const struct ir_exit *x = &ir->exit[i->exit];
    for (u32 p = 0; p < x->n_puts; p++)
        buf_printf(out, "%s%u=v%u", p ? ", " : " {", ir->put[x->first_put + p].offset,
            ir->put[x->first_put + p].value);
    buf_printf(out, "%s", x->n_puts ? "}" : "");
}

void ir_dump(const struct ir *ir, struct buf *out)
{
    for (u32 k = 0; k < ir->n; k++) {
        if (ir->insn[k].op == IR_NOP)
            continue;
        ir_dump_op(ir, k, out);
        buf_printf(out, "\n");
    }
}
