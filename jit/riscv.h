/* The translator for RISC-V: what its parts share, and what those who compile with it use.
 *
 *   riscv_int.c, riscv_fp.c   read the declarations' meanings (cpu/riscv/sem_*.def) with words that make operations
 *   riscv_sys.c               the same for CSR instructions, from what csr.c tells of a CSR
 *   riscv_run.c               slots of a block become a run of operations
 *   riscv.c                   the tier: runs as code in place of a block's handlers
 *
 * Compiled code is a handler like the interpreter's: what it cannot do (a TLB miss, a device, a fault, an exceptional
 * floating-point result, most CSRs) it leaves to the interpreter's handler of that very slot, and the chain goes on
 * from there. So time, faults and stores into code need nothing of their own here. */
#ifndef JIT_RISCV_H
#define JIT_RISCV_H

#include "cpu/riscv/engine.h"
#include "jit/emit.h"

struct translation;
typedef void translate(struct translation *tr, const struct rv_insn *i);

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
        u64 blocks, runs, bytes, refused, flushes;
    } count;
    struct { /* jumps that wait for the code of a slot, in lists by slot */
        u32 n, first[1024]; /* place plus 1 */
        struct {
            u64 slot;
            u8 *at;
            u32 next;
        } jump[8192];
    } wait;
    struct ir ir;
    struct ra ra;
};

struct translation {
    struct jit_riscv *j;
    struct ir *ir;
    const struct rv_insn *slot;
    rv_handler *plain; /* the interpreter's handler of this slot */
    bool refused;      /* this instruction is better left to it */
    bool ended;
};

/* What the instruction op means in operations; NULL: it is the interpreter's. */
translate *jit_riscv_meaning(unsigned op, unsigned xlen);
/* The parts of that: by the name of the meaning. */
translate *jit_riscv_int(const char *name, unsigned xlen);
translate *jit_riscv_fp(const char *name, unsigned xlen);
translate *jit_riscv_sys(const char *name, unsigned xlen);

/* Makes operations (in j->ir) of the slots from k on, up to the end of the block or what cannot be compiled. Returns
 * the slot after the last one that was taken in. */
unsigned jit_riscv_translate(struct jit_riscv *j, struct rv_block *b, unsigned k);

#endif
