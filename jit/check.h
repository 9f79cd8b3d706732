/* Compiled code against the interpreter: every entry is executed in both tiers from the same state.
 *
 * The code runs first, with its stores written down and its ways out leading here; what it stored is undone, the
 * registers are put back, and the interpreter executes as many instructions as the code says it has completed. Then
 * registers, memory, position and the places stored to must be the same, and the run goes on from there. (CSRs that no
 * compiled code is made to write are compared every 64 entries.) What the code
 * left to the interpreter (devices, faults, CSRs) so happens once. Units of any size are checked alike: blocks, and
 * regions with their loops. */
#ifndef JIT_CHECK_H
#define JIT_CHECK_H

#include "cpu/riscv/engine.h"
#include "jit/emit.h"

struct jit_check;

/* For the tier that makes the code: what is emitted with this env from now on is checked. */
struct jit_check *jit_check_new(struct arena *a, const struct code *code, struct jit_env *env);
void jit_check_describe(const struct jit_check *c, struct buf *out);

#endif
