/* Emitters: a run of operations becomes host code with the calling convention of the interpreter's handlers,
 *   handler(state, slot, budget, context, base),
 * so that compiled code and handlers tail-call one another without knowing which is which. */
#ifndef JIT_EMIT_H
#define JIT_EMIT_H

#include "jit/code.h"
#include "jit/ir.h"
#include "jit/regalloc.h"

/* The shapes compiled code has to know, told by the guest's side. */
struct jit_env {
    /* A slot: its handler, and (in the slot before) how many instructions its block has. */
    i32 slot_handler, slot_count;
    /* The software TLB, first thing in the context: 1 << tlb_bits entries of 1 << tlb_shift bytes. */
    u32 tlb_bits, tlb_shift, tlb_read, tlb_write, tlb_addend, tlb_phys, page_shift;
    /* 1 << site_bits pairs in the context: page, and its host address; of windows in runs with ir.sites. */
    u32 sites, site_bits, tlb_sited; /* set in tlb_phys of the entry a site was filled from */
    u32 (*next_site)(void *opaque);
    /* The cache of jumps in the context, by (address >> jump_shift ^ address >> jump_xor); an entry counts while its
     * generation is the context's. */
    u32 jump_bits, jump_shift, jump_xor, jump_table, jump_entry, jump_pc, jump_gen, jump_slot, ctx_gen;
    u32 link_other;   /* of CHAIN_IF: how far the second link is from the first */
    u32 state_base;   /* where the state has the base as well, which jumps change; 0: nowhere */
    u64 jump_missed;  /* (state, budget, context, address) */
    u64 jump_too_far; /* a handler: the target is its slot, the budget already reduced */
    /* Where a link leads: *slot and the *count of its block, and its code; NULL while it has none. *slot is 0 while the
     * link is not set; once set it stays. */
    const void *(*direct)(void *opaque, u64 link, u64 *slot, u32 *count);
    /* The jump whose distance is at `at` (where code is written) should go to the slot's code when there is some. */
    void (*wait)(void *opaque, u64 slot, u8 *at);
    void *opaque;
    u32 *at_op; /* NULL, or [IR_MAX + 2]: where each operation's code begins; then the exits, then the end */
    /* Checking (check.h); 0: none, and no code for it. Code is entered by way of check_enter(handler's arguments, the
     * code) and leaves, always for another slot, by check_left(handler's arguments, the handler or 0: the slot's own);
     * with jump_missed the slot is the address. Stores to memory are written down first: *check_log is where. */
    u64 check_enter, check_left;
    struct jit_stored **check_log;
};

struct jit_stored {
    u64 host, size, old;
};

struct emitted {
    const void *start; /* NULL: it does not fit (the cache, or too many values at once) */
    const void *body;  /* behind HEAT, when that is the first operation; start otherwise */
};

struct emitter;
struct emitter_pieces;
/* What a kind of host provides: docs/contributor/add-an-emitter.md. */
struct emitter_kind {
    const char *name;
    size_t reach; /* the largest code cache whose jumps lead from any place to any other */
    /* How the host does it, and what it can. */
    void (*init)(struct emitter *e);
    /* The most a run may take: altogether, and by what it has. */
    struct {
        size_t all, first, op, checked_op, exit, put;
    } room;
    const struct emitter_pieces *make; /* emit_run.h */
};

struct emitter {
    const struct emitter_kind *kind;
    struct ra_host host;
    bool fma, popcnt, flags; /* there are FMA, POPCNT and FLAGS: builders ask before they make them */
    bool bmi2, lzcnt; /* x86-64's own; lzcnt: and tzcnt */
};

extern const struct emitter_kind emitter_x64, emitter_a64;
/* Code that calls a slot's handler with the arguments it was given and keeps what C expects to be kept. */
const void *emit_enter(const struct emitter *e, struct code *code, const struct jit_env *env);
struct emitted emit_run(const struct emitter *e, struct code *code, const struct jit_env *env, struct ir *ir,
    struct ra *ra);
/* A jump that jit_env.wait() was told of goes to `to` from now on. */
void emit_lead(const struct emitter_kind *kind, struct code *code, u8 *at, const void *to);
/* Code that starts with HEAT goes to `to` from now on. */
void emit_redirect(const struct emitter_kind *kind, struct code *code, const void *start, const void *to);

/* Of the host this was compiled for; NULL: it has none. */
const struct emitter_kind *emitter_host(void);

#endif
