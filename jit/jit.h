/* The compiling tiers, as those above install them. */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include "cpu/cpu.h"
#include "jit/look.h"

struct jit_options {
    unsigned tier;    /* 1: blocks; 2: regions of hot blocks too */
    u64 threshold;    /* a block is compiled when it is entered for the this-manyth time */
    u64 region_threshold; /* a region is compiled when a compiled block is entered for the this-manyth time */
    u64 cache_bytes;  /* of host code, for each CPU */
    const struct jit_watch *watch; /* told of all that is compiled; NULL: nobody */
    bool check;       /* run everything in both tiers and compare: check.h */
};
/* To compile a block takes about as long as to interpret it a thousand times, a region some ten thousand. */
#define JIT_THRESHOLD 256
#define JIT_REGION_THRESHOLD 5000
#define JIT_CACHE_BYTES ((u64)16 << 20)

/* Is there an emitter for this host, and a translator of this CPU's instructions? */
bool jit_possible(const struct cpu *c);
/* Makes a CPU's hot blocks run as host code from now on. False: it cannot be (e says why). */
bool jit_install(struct arena *a, struct cpu *c, const struct jit_options *o, struct err *e);

#endif
