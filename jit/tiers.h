/* The tiers by kind of CPU, for jit.c. */
#ifndef JIT_TIERS_H
#define JIT_TIERS_H

#include "jit/emit.h"
#include "jit/jit.h"

bool jit_riscv_install(struct arena *a, struct cpu *c, const struct emitter_kind *kind, const struct jit_options *o,
    struct err *e);
bool jit_riscv_look(struct cpu *c, u64 pc, const struct jit_watch *w, struct err *e);
bool jit_x86_install(struct arena *a, struct cpu *c, const struct emitter_kind *kind, const struct jit_options *o,
    struct err *e);

#endif
