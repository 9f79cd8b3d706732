/* What all emitters share: a run on its way to host code. Between emit.c and the emitters. */
#ifndef JIT_EMIT_RUN_H
#define JIT_EMIT_RUN_H

#include "jit/emit.h"
#include "jit/moves.h"

enum { EM_WINDOWS = 256 };

struct em {
    struct out out;
    const struct emitter *e;
    const struct jit_env *env;
    i64 shift; /* from where code is written to where it runs */
    struct ir *ir;
    struct ra *ra;
    unsigned n_ways_out;
    struct {
        u8 *at; /* the jump that leads there */
        u16 exit;
        ir_val jump; /* not IR_NONE: to this address */
    } way_out[IR_MAX_EXITS];
    u8 *mark, *body; /* where a round of the loop begins; what follows HEAT */
    unsigned n_windows;
    struct { /* that look for another page behind the run */
        u8 *at, *back;
        ir_val k;
        u32 site;
    } window[EM_WINDOWS];
    unsigned n_waiting;
    struct { /* jumps that lead nowhere yet */
        u8 *at;
        u64 slot;
    } waiting[IR_MAX_EXITS];
};

/* The jump at `at` leads to an exit, which is written behind the run. */
static inline void em_exit(struct em *m, u8 *at, u16 exit)
{
    m->way_out[m->n_ways_out].at = at;
    m->way_out[m->n_ways_out].exit = exit;
    m->way_out[m->n_ways_out++].jump = IR_NONE;
}

static inline bool in_gpr(unsigned loc) { return loc >= LOC_GPR && loc < LOC_XMM; }
static inline bool in_xmm(unsigned loc) { return loc >= LOC_XMM && loc < LOC_SPILL; }

/* The pieces each kind of host makes. Those that return u8 * write a jump whose target is set by land(). */
struct emitter_pieces {
    /* Code that calls a slot's handler with the arguments it was given and keeps what C expects to be kept. */
    void (*enter)(struct out *o, const struct jit_env *env);
    void (*enter_checked)(struct em *m); /* a jump to check_enter, told of the code that follows */
    /* An operation that is wanted, none of control (what struct em has emit.c do). */
    void (*op)(struct em *m, ir_val k, const struct ir_insn *i);
    void (*missed_windows)(struct em *m); /* what windows do in another page */

    u8 *(*branch)(struct out *o);
    u8 *(*branch_if)(struct em *m, ir_val v); /* v is not 0 */
    u8 *(*pass)(struct out *o, u64 n);        /* the budget falls by n: taken when that is too much */
    u8 *(*heat)(struct em *m, u64 counter);   /* taken when it falls below 0 */
    /* Taken unless the entry of the cache of jumps, at this place in the context, leads from pc to the slot. */
    u8 *(*leads)(struct em *m, u64 entry, u64 pc, u64 slot);
    void (*land)(u8 *at, const u8 *to);

    void (*get)(struct em *m, ir_val v);             /* v = what its GET or PARAM says */
    void (*put)(struct em *m, ir_val v, u64 offset); /* state[offset] = v */
    void (*move)(struct em *m, const struct move *v);
    void (*align)(struct out *o); /* where a loop begins; NULL: anywhere */

    void (*set_base)(struct out *o, u64 base);
    void (*set_slot)(struct out *o, u64 slot);
    void (*set_target)(struct em *m, ir_val v); /* a register that put() leaves alone */
    void (*jump)(struct out *o, const struct jit_env *env); /* to the target, by the cache of jumps */
    void (*go_to)(struct out *o, const struct jit_env *env, u64 handler); /* 0, when checking: the slot's own */
    void (*go_to_slot)(struct out *o, const struct jit_env *env);         /* to the handler of the slot that was set */
    u8 *(*follow)(struct out *o, const struct jit_env *env, u64 link); /* to the slot it names; taken: too far */
};

#endif
