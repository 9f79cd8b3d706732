/* General registers by size. Byte registers 20..23 are AH CH DH BH; 32-bit writes clear the upper half (SDM 1, 3.4.1.1).
 * Small writes are merged and stored whole: a host that loads what two stores made up waits for both. */
#ifndef CPU_X86_REGS_H
#define CPU_X86_REGS_H

#include "cpu/x86/x86.h"

static inline u64 x86_get8(const struct x86 *c, unsigned n)
{
    return UNLIKELY(n >= X86_AH) ? (u8)(c->r[n - X86_AH] >> 8) : (u8)c->r[n];
}
static inline u64 x86_get16(const struct x86 *c, unsigned n) { return (u16)c->r[n]; }
static inline u64 x86_get32(const struct x86 *c, unsigned n) { return (u32)c->r[n]; }
static inline u64 x86_get64(const struct x86 *c, unsigned n) { return c->r[n]; }
static inline void x86_set8(struct x86 *c, unsigned n, u64 v)
{
    if (UNLIKELY(n >= X86_AH)) {
        u64 *r = &c->r[n - X86_AH];
        *r = (*r & ~(u64)0xff00) | (v & 0xff) << 8;
    } else {
        c->r[n] = (c->r[n] & ~(u64)0xff) | (v & 0xff);
    }
}
static inline void x86_set16(struct x86 *c, unsigned n, u64 v) { c->r[n] = (c->r[n] & ~(u64)0xffff) | (v & 0xffff); }
static inline void x86_set32(struct x86 *c, unsigned n, u64 v) { c->r[n] = (u32)v; }
static inline void x86_set64(struct x86 *c, unsigned n, u64 v) { c->r[n] = v; }

static inline u64 x86_get(const struct x86 *c, unsigned n, unsigned bytes)
{
    return bytes == 1 ? x86_get8(c, n) : c->r[n] & size_mask(bytes);
}
static inline void x86_set(struct x86 *c, unsigned n, unsigned bytes, u64 v)
{
    switch (bytes) {
    case 1: x86_set8(c, n, v); break;
    case 2: x86_set16(c, n, v); break;
    case 4: x86_set32(c, n, v); break;
    default: x86_set64(c, n, v); break;
    }
}
/* The stack pointer by the stack's size. Bytes 2 keep the rest, 4 clear it. */
static inline void x86_set_sp(struct x86 *c, u64 sp) { x86_set(c, X86_SP, c->stack_size, sp); }

#endif
