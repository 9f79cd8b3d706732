/* What tlb.c, mem.c and the engine share of memory accesses. */
#ifndef CPU_X86_ACCESS_H
#define CPU_X86_ACCESS_H

#include "cpu/x86/engine.h"

struct x86_ctx *x86_context_for(struct x86 *c, bool system); /* system: implicit supervisor accesses */
void x86_tlb_fill(struct x86 *c, struct x86_ctx *ctx, u64 linear, u64 pa, u8 *host, bool write);
/* Before something is kept in ctx of how linear was translated. False: it must not be kept. */
bool x86_kept(struct x86 *c, struct x86_ctx *ctx, u64 linear, const struct x86_xlat *x);

/* Is this physical address in the page where this CPU's local APIC answers? (SDM 3, 11.4.1) */
static inline bool x86_apic_page(const struct x86 *c, u64 pa)
{
    u64 base = c->engine->rights.apic_base;
    return (base & 0xc00) == 0x800 && !((base ^ pa) & ~PAGE_MASK & (((u64)1 << 52) - 1));
}

/* A linear address, within the width of the mode. */
static inline u64 x86_wrap(const struct x86 *c, u64 linear) { return c->code_bits == 64 ? linear : (u32)linear; }

#endif
