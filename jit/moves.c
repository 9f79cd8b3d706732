#include "jit/moves.h"

/* A place is written when nobody waits to read it. When everybody waits they go in circles: one place goes to the
 * scratch register, and its circle is done before another is begun. */
unsigned moves_order(struct move *all, unsigned n, struct move *out)
{
    unsigned made = 0;
    while (n) {
        bool moved = false;
        for (unsigned k = 0; k < n && !moved; k++) {
            bool waits = false;
            for (unsigned j = 0; j < n; j++)
                waits |= j != k && all[j].from == all[k].to;
            if (waits)
                continue;
            out[made++] = all[k];
            all[k] = all[--n];
            moved = true;
        }
        if (moved)
            continue;
        u16 place = all[0].from;
        out[made++] = (struct move){ LOC_SCRATCH, place, all[0].value };
        for (unsigned j = 0; j < n; j++)
            if (all[j].from == place)
                all[j].from = LOC_SCRATCH;
    }
    return made;
}

static bool is_param(const struct ir *ir, u64 offset)
{
    for (u32 k = 0; k < ir->n; k++)
        if (ir->insn[k].op == IR_PARAM && ir->insn[k].imm == offset)
            return true;
    return false;
}

void way_back(struct way_back *w, const struct ir *ir, const struct ra *ra, const struct ir_exit *e)
{
    struct move all[IR_REGS];
    unsigned n = 0;
    w->n_puts = w->n_gets = 0;
    for (u32 p = 0; p < e->n_puts; p++)
        if (!is_param(ir, ir->put[e->first_put + p].offset))
            w->put[w->n_puts++] = ir->put[e->first_put + p];
    for (u32 k = 0; k < ir->n; k++) {
        const struct ir_insn *i = &ir->insn[k];
        if (i->op != IR_PARAM || ra->loc[k] == LOC_NONE)
            continue;
        ir_val v = IR_NONE;
        for (u32 p = 0; p < e->n_puts; p++)
            if (ir->put[e->first_put + p].offset == i->imm)
                v = ir->put[e->first_put + p].value;
        if (v == IR_NONE)
            w->get[w->n_gets++] = (ir_val)k;
        else if (ra->loc[v] != ra->loc[k])
            all[n++] = (struct move){ ra->loc[k], ra->loc[v], v };
    }
    w->n_moves = moves_order(all, n, w->move);
}
