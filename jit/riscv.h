/* The translator for RISC-V: what its parts share, and what those who compile with it use.
 *
 *   riscv_int.c, riscv_fp.c   read the declarations' meanings (cpu/riscv/sem_*.def) with words that make operations
 *   riscv_sys.c               the same for CSR instructions, from what csr.c tells of a CSR
 *   riscv_run.c               slots of a block become a run of operations
 *   riscv_region.c            several blocks become one run: what was executed from a hot block on, loops included
 *   riscv.c                   the tiers: runs as code in place of a block's handlers
 *
 * Compiled code is a handler like the interpreter's: what it cannot do (a TLB miss, a device, a fault, an exceptional
 * floating-point result, most CSRs) it leaves to the interpreter's handler of that very slot, and the chain goes on
 * from there. So time, faults and stores into code need nothing of their own here. */
#ifndef JIT_RISCV_H
#define JIT_RISCV_H

#include "cpu/riscv/engine.h"
#include "jit/emit.h"
#include "jit/look.h"
#include "jit/wait.h"

struct translation;
typedef void translate(struct translation *tr, const struct rv_insn *i);

struct jit_unit { /* a compiled block */
    struct rv_block *block;
    const void *start, *body; /* its code; behind the counter */
    i32 *heat;
    bool region, loop; /* its first instruction begins one; a loop that always goes the same way */
};

struct jit_step {
    struct rv_block *block;
    u64 vpage;
};

enum { JIT_STEPS = 48, JIT_REGION_INSNS = 400 };

struct jit_riscv {
    struct rv_tier tier; /* first */
    struct hart *h;
    struct code code;
    struct emitter emitter;
    struct jit_env env;
    translate *table[RV_OP_COUNT];
    struct rv_block *block; /* being compiled */
    bool first;             /* its first run */
    bool full;              /* nothing more until the blocks are flushed */
    struct {
        u64 blocks, refused, flushes, regions, loops, traces;
    } count;
    struct jit_counts counts;
    const struct jit_watch *watch;
    struct { /* the run being made, for those who look */
        bool only;      /* nothing is put in place */
        unsigned tier, n;
        u64 vpage;      /* of a block of its own */
        struct jit_insn insn[JIT_VIEW_INSNS];
        u32 at_op[IR_MAX + 2];
    } look;
    struct jit_waiting wait;
    i32 region_threshold; /* a region is made when a block's code is entered for the this-manyth time; 0: never */
    u32 n_units, next_site;
    struct jit_unit *unit; /* CODE_COUNTERS of them; a block's `unit` is the place plus 1 */
    struct {               /* what is being executed from a hot block on */
        unsigned n, insns, calls;
        unsigned round; /* steps after which it was at the first block again, having been elsewhere in between */
        struct jit_step step[JIT_STEPS];
    } trace;
    struct ir ir;
    struct ra ra;
};

struct translation {
    struct jit_riscv *j;
    struct ir *ir;
    const struct rv_insn *slot;
    rv_handler *plain; /* the interpreter's handler of this slot */
    bool refused;      /* this instruction is better left to it */
    bool looks;        /* it writes a register that is told of: put_x() */
    bool ended;
    bool left;         /* by handing on to the interpreter */
    /* In a region: */
    const struct jit_step *region; /* its first block; NULL for a block of its own */
    const struct jit_step *next;   /* where it goes on behind the block; NULL: it ends */
    u64 vpage;                     /* of the block */
    bool fp_known;                 /* entered only with f registers dirty, the inexact flag set and frm as it is now */
};

static inline u64 jit_next_address(const struct translation *tr)
{
    return rv_addr(tr->j->h, tr->next->vpage + tr->next->block->offset);
}

/* A meaning of cpu/riscv/sem_*.def by its name, for 32 and 64 bits. */
struct jit_meaning {
    const char *name;
    translate *fn[2];
};
translate *jit_meaning_named(const struct jit_meaning *m, size_t n, const char *name, unsigned xlen);
/* What the instruction op means in operations; NULL: it is the interpreter's. */
translate *jit_riscv_meaning(unsigned op, unsigned xlen);
/* The parts of that: by the name of the meaning. */
translate *jit_riscv_int(const char *name, unsigned xlen);
translate *jit_riscv_fp(const char *name, unsigned xlen);
translate *jit_riscv_sys(const char *name, unsigned xlen);

/* Makes operations (in j->ir) of the slots from k on, up to the end of the block or what cannot be compiled. Returns
 * the slot after the last one that was taken in. */
unsigned jit_riscv_translate(struct jit_riscv *j, struct rv_block *b, unsigned k);
/* The same in the middle of things. */
unsigned jit_riscv_slots(struct translation *tr, struct rv_block *b, unsigned k);

/* riscv_look.c: the operations that follow are made for the instruction at slot k; the run is code now; the functions
 * that code calls, by name. */
void jit_riscv_at(struct translation *tr, const struct rv_block *b, unsigned k);
void jit_riscv_made(struct jit_riscv *j, struct emitted code, u64 bytes);
void jit_riscv_describe_counts(const struct jit_riscv *j, struct buf *out);
extern const struct jit_call_name jit_riscv_int_calls[], jit_riscv_fp_calls[]; /* lists end with NULL */

/* riscv.c: the code in place of a slot's handler, or NULL. */
const void *jit_riscv_runs_at(const struct jit_riscv *j, const struct rv_insn *slot);
bool jit_riscv_goes_on(const struct rv_block *b, unsigned k); /* at slot k, with enough to be worth it */
/* riscv_region.c: the block about to be executed (NULL: something else), while the tier follows. */
void jit_riscv_follow(struct rv_tier *t, struct rv_block *b, u64 vpage);
/* The handler of a block whose counter has run out. */
rv_handler jit_riscv_warm;

/* riscv.c: the run in j->ir as code. start is NULL when there was no room. */
struct emitted jit_riscv_emit(struct jit_riscv *j, struct rv_block *b);

#endif
