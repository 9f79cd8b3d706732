/* Looking at compiled code: what a unit was made of, what it became, and what there is of it all.
 *
 * A unit is what one call of the emitter made: a run of a block (tier 1) or a region (tier 2). Every operation of its
 * IR names the guest instruction it was made for (ir_insn.at), and while somebody watches the emitter notes where the
 * code of each operation begins (jit_env.at_op). */
#ifndef JIT_LOOK_H
#define JIT_LOOK_H

#include "base/buf.h"
#include "cpu/cpu.h"
#include "jit/ir.h"

struct jit_insn { /* one guest instruction */
    u64 pc;       /* virtual, as it was when the unit was made */
    u8 length, bytes[15];
};

enum { JIT_VIEW_INSNS = 1024 };

struct jit_view { /* of a unit */
    const struct cpu *cpu;
    unsigned tier;
    const struct jit_insn *insn; /* ir_insn.at is a place in this list; the first is where the unit is entered */
    unsigned n_insns;
    const struct ir *ir;  /* after the passes */
    const u32 *at_op;     /* [ir->n + 2]: where each operation's code begins, the exits begin, and all ends */
    const u8 *host;       /* the code: bytes that can be read ... */
    u64 runs_at;          /* ... and where they are executed */
    const char *(*place)(const struct cpu *c, u64 offset); /* what the state has there: "a0", or NULL */
    bool again;           /* made again only to be looked at */
    bool region;          /* then: its entry leads to a region */
};

static inline u64 jit_view_size(const struct jit_view *u) { return u->at_op[u->ir->n + 1]; }
bool jit_view_has(const struct jit_view *u, u64 low, u64 high); /* an instruction in [low, high) */

/* Is told of every unit when it is made. */
struct jit_watch {
    void (*made)(void *opaque, const struct jit_view *u);
    void *opaque;
    const struct jit_watch *next;
};

/* Guest instructions, operations and host code side by side. */
struct jit_names {
    void (*address)(void *opaque, u64 addr, char *out, size_t cap); /* "main+0x12" or ""; NULL: none are known */
    void *opaque;
};
void jit_view_print(const struct jit_view *u, const struct jit_names *names, struct buf *out);

/* Makes the code of the compiled units that hold the guest's address once more, for w to see; what is in the code cache
 * stays as it is. False: there is none (e says why). */
bool jit_look(struct cpu *c, u64 pc, const struct jit_watch *w, struct err *e);

/* --- counts: of what was compiled, never of what was executed ----------------------------------------------------- */

enum { JIT_TIERS = 3 };

struct jit_counts {
    struct {
        u64 units, insns, ops, bytes;
    } tier[JIT_TIERS]; /* [1], [2] */
    u64 links, links_open; /* jumps to other code, and those that had no target yet */
    u64 patched;           /* jumps that were led to code made after them */
    u64 jumps;             /* through the cache of indirect jumps */
    u64 exits_memory, exits_test, exits_left;
    struct {
        u64 fn, n;
    } call[32]; /* by function */
};

struct jit_call_name { /* lists end with NULL */
    ir_call *fn;
    const char *name;
};

void jit_count_unit(struct jit_counts *c, unsigned tier, unsigned insns, const struct ir *ir, u64 bytes);
/* names: lists of them, NULL behind the last. */
void jit_counts_print(const struct jit_counts *c, const struct jit_call_name *const *names, struct buf *out);

#endif
