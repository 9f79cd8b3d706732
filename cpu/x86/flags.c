/* EFLAGS as a whole (SDM 1, 3.4.3). */
#include "cpu/x86/flags.h"

u64 x86_flags(const struct x86 *c)
{
    return (c->rflags & ~(u64)X86_ARITH) | 2 | fl_arith(c);
}

/* Both forms are set, so that it does not matter whether run() is on. */
void x86_set_flags(struct x86 *c, u64 rflags)
{
    c->rflags = rflags | 2;
    fl_into(c, (u32)rflags);
}

void x86_set_arith(struct x86 *c, u32 flags)
{
    c->rflags = (c->rflags & ~(u64)X86_ARITH) | (flags & X86_ARITH);
    fl_into(c, flags);
}
