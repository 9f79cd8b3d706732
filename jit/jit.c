/* Which tier is a CPU's. */
#include <string.h>

#include "jit/jit.h"
#include "jit/tiers.h"

static bool is_riscv(const struct cpu *c) { return !strncmp(c->ops->isa, "riscv", 5); }

/* x86 compiles when it is asked to: docs/decisions/061-x86-interprets-by-default.md. */
bool jit_possible(const struct cpu *c) { return emitter_host() && is_riscv(c); }

bool jit_install(struct arena *a, struct cpu *c, const struct jit_options *o, struct err *e)
{
    const struct emitter_kind *kind = emitter_host();
    if (!kind)
        return err_set(e, "the JIT makes code for x86-64 and AArch64 hosts; run with -accel interp");
    if (is_riscv(c))
        return jit_riscv_install(a, c, kind, o, e);
    return jit_x86_install(a, c, kind, o, e);
}

bool jit_look(struct cpu *c, u64 pc, const struct jit_watch *w, struct err *e)
{
    if (!is_riscv(c))
        return err_set(e, "%s: compiled code of x86 is shown while it is made (--dump-jit), not later", c->name);
    return jit_riscv_look(c, pc, w, e);
}
