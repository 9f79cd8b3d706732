/* What the x87 ops share: the register stack, exceptions, pointers. SDM 1, chapter 8. */
#ifndef CPU_X86_X87_H
#define CPU_X86_X87_H

#include "cpu/softfloat/f80.h"
#include "cpu/x86/insn.h"

#define X87_SF 0x40u   /* status word: stack fault */
#define X87_ES 0x80u   /* an unmasked exception is pending */
#define X87_BUSY 0x8000u /* the same, since the 387 */
#define X87_TOP 0x3800u
#define X87_CC (F80_C0 | F80_C1 | F80_C2 | F80_C3)
#define X87_EXCEPTIONS 0x3fu
#define X87_UNDERFLOW (F80_IE | X87_SF)
#define X87_OVERFLOW (F80_IE | X87_SF | F80_C1)
#define X87_INIT_CW 0x37f
#define X87_CW_BITS 0x1f3f /* that can be changed; bit 6 is always set */

/* Raises the pending exception, if there is one: #MF, or FERR# with CR0.NE clear. MMX instructions begin with it, too. */
bool x87_pending(struct x86 *c);
static inline bool x87_wait(struct x86 *c) { return LIKELY(!(c->fpu.sw & X87_ES)) || x87_pending(c); }

/* ES and B follow from the flags and masks, FERR# from them. After control or status word changed otherwise. */
void x87_summary(struct x86 *c);
void x87_init(struct x86 *c); /* FNINIT */

/* Notes exceptions and condition codes: C1 and all of `flags` are set in the status word. False: an unmasked exception
 * that comes before the operation, so there is no result. */
bool x87_raise_slow(struct x86 *c, unsigned flags);
static inline bool x87_raise(struct x86 *c, unsigned flags)
{
    if (UNLIKELY(flags & ~(unsigned)c->fpu.cw & X87_EXCEPTIONS))
        return x87_raise_slow(c, flags);
    c->fpu.sw = (u16)((c->fpu.sw & ~F80_C1) | flags);
    return true;
}

static inline void x87_note(struct x86 *c, const struct x86_insn *i)
{
    c->fpu.fop = (u16)i->imm;
    c->fpu.fip = c->rip;
    c->fpu.fcs = c->seg[X86_CS].selector;
}
static inline void x87_note_mem(struct x86 *c, const struct x86_insn *i, u64 offset)
{
    x87_note(c, i);
    c->fpu.fdp = offset;
    c->fpu.fds = c->seg[x86_segno(i)].selector;
}

/* Begins an instruction without memory operand. */
static inline bool x87_begin(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_wait(c))
        return false;
    x87_note(c, i);
    return true;
}

static inline struct f80_env x87_env(const struct x86 *c)
{
    static const u8 precision[4] = { 24, 64, 53, 64 };
    return (struct f80_env){ .rounding = c->fpu.cw >> 10 & 3, .precision = precision[c->fpu.cw >> 8 & 3],
                             .masks = c->fpu.cw & X87_EXCEPTIONS };
}

/* --- the stack: n counts from the top --- */

static inline unsigned x87_top(const struct x86 *c) { return c->fpu.sw >> 11 & 7; }
static inline unsigned x87_phys(const struct x86 *c, unsigned n) { return (x87_top(c) + n) & 7; }
static inline bool x87_empty(const struct x86 *c, unsigned n) { return !(c->fpu.valid >> x87_phys(c, n) & 1); }
static inline struct f80 x87_get(const struct x86 *c, unsigned n)
{
    const struct x86_f80 *r = &c->fpu.st[x87_phys(c, n)];
    return (struct f80){ r->m, r->se };
}
static inline void x87_set(struct x86 *c, unsigned n, struct f80 v)
{
    unsigned p = x87_phys(c, n);
    c->fpu.st[p] = (struct x86_f80){ v.m, v.se };
    c->fpu.valid |= (u8)(1u << p);
}
static inline void x87_move_top(struct x86 *c, unsigned by)
{
    c->fpu.sw = (u16)((c->fpu.sw & ~X87_TOP) | ((c->fpu.sw + (by << 11)) & X87_TOP));
}
static inline void x87_pop(struct x86 *c)
{
    c->fpu.valid &= (u8)~(1u << x87_top(c));
    x87_move_top(c, 1);
}
static inline void x87_push(struct x86 *c, struct f80 v)
{
    x87_move_top(c, 7);
    x87_set(c, 0, v);
}
static inline bool x87_full(const struct x86 *c) { return !x87_empty(c, 7); } /* no room to push */

#endif
