/* A loop's way back: what the values of a round become in the next, as moves in an order in which they can be done one
 * after another. Emitters only write them. */
#ifndef JIT_MOVES_H
#define JIT_MOVES_H

#include "jit/regalloc.h"

enum { LOC_SCRATCH = LOC_NONE }; /* a register of the emitter's own, where a place of a circle waits */

struct move {
    u16 to, from; /* places as in struct ra; `from` may be LOC_CONST, and either LOC_SCRATCH */
    ir_val value; /* that is in `from` when the moves begin */
};

/* All of them at once: no two have the same `to`, none has its own `from`. out has room for half as many more; returns
 * how many there are. */
unsigned moves_order(struct move *all, unsigned n, struct move *out);

struct way_back {
    unsigned n_puts, n_moves, n_gets; /* to be done in this order */
    struct ir_put put[IR_REGS];       /* registers no param takes */
    struct move move[IR_REGS + IR_REGS / 2];
    ir_val get[IR_REGS];              /* params the round did not say: they are in the state */
};

/* For an exit of LOOP. */
void way_back(struct way_back *w, const struct ir *ir, const struct ra *ra, const struct ir_exit *e);

#endif
