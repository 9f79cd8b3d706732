/* Where each value of a run lives: one place for its whole life (linear scan). */
#ifndef JIT_REGALLOC_H
#define JIT_REGALLOC_H

#include "jit/ir.h"

enum {
    LOC_NONE,        /* no value, or one nobody uses */
    LOC_CONST,       /* made where it is used */
    LOC_FUSED,       /* a comparison made by its only user */
    RA_REGS = 32,    /* of a kind, at most */
    LOC_GPR = 32,    /* + register */
    LOC_XMM = 64,    /* + floating-point register, whatever the host calls it */
    LOC_SPILL = 96,  /* + slot */
    SPILL_SLOTS = 256,
    IR_NONE_HOME = 0xffff,
};

struct ra_host {
    u32 gpr, xmm;         /* sets that may be given out */
    u32 gpr_kept, xmm_kept; /* of those, what calls keep */
    unsigned base;        /* where IR_BASE is */
};

struct ra {
    u16 loc[IR_MAX];
    u16 last[IR_MAX]; /* place of the last use */
    ir_val home[IR_MAX]; /* of what a loop carries: its param; IR_NONE_HOME for others */
    u16 spills;
};

/* False: too many spills. */
bool ra_run(struct ra *ra, const struct ra_host *host, struct ir *ir);

#endif
