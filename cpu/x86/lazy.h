/* Lazy arithmetic flags. Two words keep what the last instruction that sets flags did, in a form that does not depend on
 * which it was:
 *
 * lz_result  its result, sign-extended from the operand size. ZF: all of it is 0. SF: bit 63. PF: parity of the low byte.
 * lz_carry   the carries out of each bit position of a + b (of a - b: the borrows), moved up so that the carry out of the highest
 *            bit is bit 63 (CF) and the one below it bit 62 (OF = bit 63 ^ bit 62); the carry out of bit 3 stays in bit 3 (AF).
 *            Bits 0 and 1, usually 0, invert PF and SF: so any combination of flags can be expressed. */
#ifndef CPU_X86_LAZY_H
#define CPU_X86_LAZY_H

#include "cpu/x86/x86.h"

#define LZ_PF 1u
#define LZ_SF 2u
#define LZ_AF 8u
#define LZ_CF ((u64)1 << 63)
#define LZ_CARRY_IN ((u64)1 << 62) /* into the highest bit: OF is this differing from CF */

static inline u64 lz_carries(u64 carries, unsigned bits)
{
    return ((carries << (64 - bits)) & ~(u64)15) | (carries & LZ_AF);
}
static inline void lz_set(struct x86 *c, u64 result, u64 carries, unsigned bits)
{
    c->lz_result = (u64)sign_extend(result, bits);
    c->lz_carry = lz_carries(carries, bits);
}
/* r = a + b (+ carry); r = a - b (- borrow); r of a logical operation (CF, OF, AF 0). */
static inline void lz_add(struct x86 *c, u64 a, u64 b, u64 r, unsigned bits) { lz_set(c, r, (a & b) | ((a | b) & ~r), bits); }
static inline void lz_sub(struct x86 *c, u64 a, u64 b, u64 r, unsigned bits) { lz_set(c, r, (~a & b) | ((~a | b) & r), bits); }
static inline void lz_logic(struct x86 *c, u64 r, unsigned bits)
{
    c->lz_result = (u64)sign_extend(r, bits);
    c->lz_carry = 0;
}

static inline bool lz_cf(const struct x86 *c) { return c->lz_carry >> 63; }
static inline bool lz_of(const struct x86 *c) { return (c->lz_carry >> 63 ^ c->lz_carry >> 62) & 1; }
static inline bool lz_zf(const struct x86 *c) { return !c->lz_result; }
static inline bool lz_sf(const struct x86 *c) { return (c->lz_result >> 63 ^ c->lz_carry >> 1) & 1; }
static inline bool lz_af(const struct x86 *c) { return c->lz_carry >> 3 & 1; }
static inline bool lz_pf(const struct x86 *c) { return (!__builtin_parity((u8)c->lz_result)) ^ (c->lz_carry & 1); }

/* The condition codes 0..15 of Jcc, SETcc, CMOVcc. */
static inline bool lz_cond(const struct x86 *c, unsigned cc)
{
    bool v;
    switch (cc >> 1) {
    case 0: v = lz_of(c); break;
    case 1: v = lz_cf(c); break;
    case 2: v = lz_zf(c); break;
    case 3: v = lz_cf(c) || lz_zf(c); break;
    case 4: v = lz_sf(c); break;
    case 5: v = lz_pf(c); break;
    case 6: v = lz_sf(c) != lz_of(c); break;
    default: v = lz_zf(c) || lz_sf(c) != lz_of(c); break;
    }
    return v != (cc & 1);
}

static inline u32 lz_arith(const struct x86 *c)
{
    return (lz_cf(c) ? X86_CF : 0) | (lz_pf(c) ? X86_PF : 0) | (lz_af(c) ? X86_AF : 0) | (lz_zf(c) ? X86_ZF : 0) |
           (lz_sf(c) ? X86_SF : 0) | (lz_of(c) ? X86_OF : 0);
}
/* The canonical form of given flags. */
static inline void lz_from(struct x86 *c, u32 f)
{
    c->lz_result = f & X86_ZF ? 0 : 0x100; /* parity of the low byte: even; sign: plus */
    bool cf = f & X86_CF, of = f & X86_OF;
    c->lz_carry = (cf ? LZ_CF : 0) | (cf != of ? LZ_CARRY_IN : 0) | (f & X86_AF ? LZ_AF : 0) |
                  (f & X86_SF ? LZ_SF : 0) | (f & X86_PF ? 0 : LZ_PF);
}
static inline void lz_set_cf(struct x86 *c, bool cf) /* the others stay */
{
    if (lz_cf(c) != cf)
        c->lz_carry ^= LZ_CF | LZ_CARRY_IN;
}

#endif
