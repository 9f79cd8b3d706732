/* Jumps that wait for the code of a slot, in lists by slot. */
#ifndef JIT_WAIT_H
#define JIT_WAIT_H

#include "jit/emit.h"

struct jit_waiting {
    u32 n, first[1024]; /* place plus 1 */
    struct {
        u64 slot;
        u8 *at;
        u32 next;
    } jump[8192];
};

/* The jump at `at` (jit_env.wait); when there are too many it goes through the slot for ever. */
void jit_wait(struct jit_waiting *w, u64 slot, u8 *at);
/* Those that waited for this slot go straight to its code. Returns how many. */
u32 jit_arrived(struct jit_waiting *w, struct code *code, const struct emitter_kind *kind, u64 slot, const void *to);
void jit_wait_none(struct jit_waiting *w); /* the code is gone */

#endif
