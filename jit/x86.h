/* The compiling tier for x86, blocks only. What riscv.h says of the shapes holds here: a run of slots becomes one piece of
 * host code in place of the first slot's handler; an exit hands a slot to the interpreter's handler of that very slot,
 * and an instruction that is not compiled is such an exit, with another run behind it.
 *
 *   x86.c       the tier
 *   x86_run.c   slots of a block become operations
 *   x86_int.c   what the words of sem_int, sem_mov and sem_jump mean (x86_words.h); x86_vec.c those of sem_vec
 *   x86_check.c --check-jit */
#ifndef JIT_X86_H
#define JIT_X86_H

#include "cpu/x86/engine.h"
#include "jit/emit.h"
#include "jit/look.h"
#include "jit/wait.h"

struct translation;
typedef void translate(struct translation *tr, const struct x86_insn *i);

struct jit_x86 {
    struct x86_tier tier; /* first */
    struct x86 *c;
    struct code code;
    struct emitter emitter;
    struct jit_env env;
    translate *table[X86_OP_COUNT]; /* NULL: the interpreter's */
    struct x86_block *block;        /* being compiled */
    bool first;                     /* its first run */
    bool full;                      /* nothing more until the blocks are flushed */
    struct {
        u64 blocks, refused, flushes;
    } count;
    struct jit_counts counts;
    const struct jit_watch *watch;
    struct { /* the run being made, for those who look */
        unsigned n;
        u64 vpage;
        struct jit_insn insn[JIT_VIEW_INSNS];
        u32 at_op[IR_MAX + 2];
    } look;
    struct jit_waiting wait;
    struct ir ir;
    struct ra ra;
};

struct translation {
    struct jit_x86 *j;
    struct ir *ir;
    const struct x86_insn *slot;
    x86_handler *plain; /* the interpreter's handler of this slot */
    u8 key;             /* the block's mode */
    unsigned w;         /* operand size of the instruction in bits */
    u64 rmw;            /* a V: host address of the memory operand that will be written */
    bool refused;       /* this instruction is better left to the interpreter */
    bool ended;
    struct { /* what the flags in the state were made by, for conditions */
        enum { FROM_UNKNOWN, FROM_SUM, FROM_DIFFERENCE, FROM_LOGIC, FROM_RESULT } by;
        unsigned w;
        u64 a, b, r; /* V */
    } flags;
};

/* What the row's meaning (a text's name) is in operations; NULL: it is the interpreter's. */
translate *jit_x86_int(const char *meaning);
translate *jit_x86_vec(const char *meaning);
extern const struct jit_call_name jit_x86_calls[];

/* The next place at or behind slot k where a run can begin; 0: the block ends first. */
unsigned jit_x86_start(const struct jit_x86 *j, const struct x86_block *b, unsigned k);
/* Makes operations (in j->ir) from slot k on. Returns the slot behind the last one that was looked at. */
unsigned jit_x86_translate(struct jit_x86 *j, struct x86_block *b, unsigned k);
void jit_x86_branch(struct translation *tr, const struct x86_insn *i, u64 holds);
void jit_x86_jump(struct translation *tr, const struct x86_insn *i);
void jit_x86_jump_to(struct translation *tr, u64 target);

#endif
