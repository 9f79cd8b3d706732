/* The emitter for x86-64 within itself. Registers: emit_x64.c.
 *
 *   emit_x64.c       what it is made of, what runs are entered by, and what the host can
 *   emit_x64_math.c  numbers
 *   emit_x64_mem.c   state and memory
 *   emit_x64_exit.c  control */
#ifndef JIT_EMIT_X64_H
#define JIT_EMIT_X64_H

#include "jit/emit_run.h"
#include "jit/x64.h"

enum { STATE = RDI, BUDGET = RDX, CTX = RCX, BASE = R8, SLOT = RSI, T0 = RAX, T1 = RSI, T2 = R11 };

extern const struct emitter_pieces x64_pieces;

/* Operations of memory, and all others. */
void x64_memory(struct em *m, ir_val k, const struct ir_insn *i);
void x64_math(struct em *m, ir_val k, const struct ir_insn *i);

/* Sets the flags: is v not 0? Returns the condition. */
unsigned x64_condition(struct em *m, ir_val v);
/* state[offset] = v */
void x64_put(struct em *m, ir_val v, u64 offset);
/* v = what is at base + disp or, when index is not negative, at base + index; size and sign as i says */
void x64_load(struct em *m, ir_val v, const struct ir_insn *i, unsigned base, int index, i64 disp);
void x64_missed_windows(struct em *m);

/* --- where values are ------------------------------------------------------------------------------------------- */

static inline i64 spill_at(unsigned loc) { return 8 + 8 * (i64)(loc - LOC_SPILL); } /* above the return address */

/* Leaves the flags alone. */
static inline void load_to(struct em *m, unsigned reg, ir_val v)
{
    unsigned loc = m->ra->loc[v];
    if (loc == LOC_CONST)
        x_mov_imm(&m->out, reg, m->ir->insn[v].imm);
    else if (in_gpr(loc))
        x_mov(&m->out, reg, loc - LOC_GPR);
    else if (in_xmm(loc))
        x_rr(&m->out, true, X_PREFIX(0x66) | X_0F | 0x7e, loc - LOC_XMM, reg);
    else
        x_rm(&m->out, true, false, 0x8b, reg, RSP, spill_at(loc));
}

static inline unsigned use(struct em *m, ir_val v, unsigned scratch)
{
    unsigned loc = m->ra->loc[v];
    if (in_gpr(loc))
        return loc - LOC_GPR;
    load_to(m, scratch, v);
    return scratch;
}

static inline unsigned use_xmm(struct em *m, ir_val v, unsigned scratch)
{
    unsigned loc = m->ra->loc[v];
    if (in_xmm(loc))
        return loc - LOC_XMM;
    if (loc >= LOC_SPILL)
        x_rm(&m->out, false, false, X_PREFIX(0xf3) | X_0F | 0x7e, scratch, RSP, spill_at(loc)); /* movq */
    else
        x_rr(&m->out, true, X_PREFIX(0x66) | X_0F | 0x6e, scratch, use(m, v, T0));
    return scratch;
}

/* The register to compute v in, and what follows. */
static inline unsigned target(struct em *m, ir_val v)
{
    unsigned loc = m->ra->loc[v];
    return in_gpr(loc) ? loc - LOC_GPR : T0;
}

static inline void done(struct em *m, ir_val v, unsigned reg)
{
    unsigned loc = m->ra->loc[v];
    if (in_gpr(loc))
        x_mov(&m->out, loc - LOC_GPR, reg);
    else if (in_xmm(loc))
        x_rr(&m->out, true, X_PREFIX(0x66) | X_0F | 0x6e, loc - LOC_XMM, reg);
    else if (loc >= LOC_SPILL)
        x_rm(&m->out, true, false, 0x89, reg, RSP, spill_at(loc));
}

static inline unsigned target_xmm(struct em *m, ir_val v)
{
    unsigned loc = m->ra->loc[v];
    return in_xmm(loc) ? loc - LOC_XMM : 0;
}

static inline void mov_xmm(struct em *m, unsigned to, unsigned from)
{
    if (to != from)
        x_rr(&m->out, false, X_0F | 0x28, to, from);
}

static inline void done_xmm(struct em *m, ir_val v, unsigned reg)
{
    unsigned loc = m->ra->loc[v];
    if (in_xmm(loc))
        mov_xmm(m, loc - LOC_XMM, reg);
    else if (in_gpr(loc))
        x_rr(&m->out, true, X_PREFIX(0x66) | X_0F | 0x7e, reg, loc - LOC_GPR);
    else if (loc >= LOC_SPILL)
        x_rm(&m->out, false, false, X_PREFIX(0x66) | X_0F | 0xd6, reg, RSP, spill_at(loc));
}

static inline void exit_on(struct em *m, unsigned cc, u16 exit)
{
    em_exit(m, x_jcc(&m->out, cc), exit);
}

static inline bool fits(u64 v) { return (i64)v == (i32)(u32)v; }

#endif
