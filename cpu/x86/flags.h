/* The arithmetic flags (SDM 1, 3.4.3.1): one word in which the host leaves them at no cost, c->arith.
 *
 * bits 15..8 what LAHF gives: SF ZF 0 AF 0 PF 1 CF; bit 0 what SETO gives: OF; the others 0.
 *
 * On an x86-64 host an arithmetic instruction of the guest is one of the host followed by LAHF and SETO; elsewhere C computes
 * the same word. (The classic lazy form, result and carries, took 12 host instructions where this takes 3, and more again
 * when a condition was asked.) Only flags that the manual defines, or that all processors leave alike, come from the host's. */
#ifndef CPU_X86_FLAGS_H
#define CPU_X86_FLAGS_H

#include "cpu/x86/x86.h"

#define FL_OF 0x1u
#define FL_CF 0x100u
#define FL_ONE 0x200u /* always 1 */
#define FL_PF 0x400u
#define FL_AF 0x1000u
#define FL_ZF 0x4000u
#define FL_SF 0x8000u

/* --- asking ----------------------------------------------------------------------------------------------------- */

static inline bool fl_cf(const struct x86 *c) { return c->arith >> 8 & 1; }
static inline bool fl_of(const struct x86 *c) { return c->arith & 1; }
static inline bool fl_zf(const struct x86 *c) { return c->arith >> 14 & 1; }
static inline bool fl_sf(const struct x86 *c) { return c->arith >> 15; }
static inline bool fl_af(const struct x86 *c) { return c->arith >> 12 & 1; }
static inline bool fl_pf(const struct x86 *c) { return c->arith >> 10 & 1; }

/* The condition codes 0..15 of Jcc, SETcc, CMOVcc. */
static inline bool fl_cond(u32 f, unsigned cc)
{
    bool v;
    switch (cc >> 1) {
    case 0: v = f & FL_OF; break;
    case 1: v = f & FL_CF; break;
    case 2: v = f & FL_ZF; break;
    case 3: v = f & (FL_CF | FL_ZF); break;
    case 4: v = f & FL_SF; break;
    case 5: v = f & FL_PF; break;
    case 6: v = (f >> 15 ^ f) & 1; break;
    default: v = ((f >> 15 ^ f) & 1) | (f & FL_ZF); break;
    }
    return v != (cc & 1);
}
static inline bool fl_holds(const struct x86 *c, unsigned cc) { return fl_cond(c->arith, cc); }

/* As bits of EFLAGS, and back. */
static inline u32 fl_arith(const struct x86 *c)
{
    return (c->arith >> 8 & (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF)) | (c->arith & 1u) << 11;
}
static inline u16 fl_from(u32 f)
{
    return (u16)((f & (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF)) << 8 | FL_ONE | (f >> 11 & 1));
}
static inline void fl_into(struct x86 *c, u32 f) { c->arith = fl_from(f); }
static inline void fl_set_cf(struct x86 *c, bool cf) /* the others stay */
{
    c->arith = (u16)((c->arith & ~FL_CF) | (cf ? FL_CF : 0));
}

/* --- making ----------------------------------------------------------------------------------------------------- *
 * fl_<what><bits>(a, b, &flags) returns the result, whose upper bits are not defined below 32 bits, and sets the flags.
 * Operands: only their low `bits` count. Those of carry take the old flags in *f. */

#if defined(__x86_64__)
#ifdef __clang__
#define FL_B "r" /* clang would take memory whenever it may */
#else
#define FL_B "rm"
#endif
/* The host's 32-bit instructions clear the upper half too; the compiler is told. */
#define FL_KNOWN(bits, r)                                                                          \
    if ((bits) == 32 && (r) >> 32)                                                                 \
    __builtin_unreachable()
#define FL_2(what, bits, insn, m)                                                                  \
    static inline u64 fl_##what##bits(u64 a, u64 b, u16 *f)                                        \
    {                                                                                              \
        u16 flags;                                                                                 \
        __asm__(insn " %" m "2, %" m "0\n\tlahf\n\tseto %%al" : "+r"(a), "=a"(flags) : FL_B(b) : "cc"); \
        *f = flags;                                                                                \
        FL_KNOWN(bits, a);                                                                         \
        return a;                                                                                  \
    }
#define FL_COMPARE(what, bits, insn, m)                                                            \
    static inline void fl_##what##bits(u64 a, u64 b, u16 *f)                                       \
    {                                                                                              \
        u16 flags;                                                                                 \
        __asm__(insn " %" m "2, %" m "1\n\tlahf\n\tseto %%al" : "=a"(flags) : "r"(a), FL_B(b) : "cc"); \
        *f = flags;                                                                                \
    }
#define FL_2C(what, bits, insn, m) /* with carry */                                                \
    static inline u64 fl_##what##bits(u64 a, u64 b, u16 *f)                                        \
    {                                                                                              \
        u16 flags = *f;                                                                            \
        __asm__("btl $8, %k1\n\t" insn " %" m "2, %" m "0\n\tlahf\n\tseto %%al"                    \
                : "+r"(a), "+a"(flags) : "r"(b) : "cc");                                           \
        *f = flags;                                                                                \
        FL_KNOWN(bits, a);                                                                         \
        return a;                                                                                  \
    }
#define FL_1C(what, bits, insn, m) /* leaves the carry as it is */                                 \
    static inline u64 fl_##what##bits(u64 a, u16 *f)                                               \
    {                                                                                              \
        u16 flags = *f;                                                                            \
        __asm__("btl $8, %k1\n\t" insn " %" m "0\n\tlahf\n\tseto %%al" : "+r"(a), "+a"(flags) : : "cc"); \
        *f = flags;                                                                                \
        FL_KNOWN(bits, a);                                                                         \
        return a;                                                                                  \
    }
#define FL_LOGIC(bits, suffix, m)                                                                  \
    static inline u16 fl_logic##bits(u64 r)                                                        \
    {                                                                                              \
        u16 flags;                                                                                 \
        __asm__("xorl %k0, %k0\n\ttest" suffix " %" m "1, %" m "1\n\tlahf" : "=&a"(flags) : "r"(r) : "cc"); \
        return flags;                                                                              \
    }
#define FL_ALL(bits, s, m)                                                                         \
    FL_2(add, bits, "add" s, m)                                                                    \
    FL_2(sub, bits, "sub" s, m)                                                                    \
    FL_COMPARE(cmp, bits, "cmp" s, m)                                                              \
    FL_2C(adc, bits, "adc" s, m)                                                                   \
    FL_2C(sbb, bits, "sbb" s, m)                                                                   \
    FL_1C(inc, bits, "inc" s, m)                                                                   \
    FL_1C(dec, bits, "dec" s, m)                                                                   \
    FL_LOGIC(bits, s, m)
FL_ALL(8, "b", "b")
FL_ALL(16, "w", "w")
FL_ALL(32, "l", "k")
FL_ALL(64, "q", "q")
#undef FL_2
#undef FL_2C
#undef FL_1C
#undef FL_COMPARE
#undef FL_LOGIC
#undef FL_ALL
#else

static inline u16 fl_szp(u64 r, unsigned bits)
{
    r &= ~(u64)0 >> (64 - bits);
    return (u16)((r >> (bits - 1)) << 15 | (r ? 0 : FL_ZF) | (__builtin_parity((u8)r) ? 0 : FL_PF) | FL_ONE);
}
/* r = a + b + carry */
static inline u16 fl_sum(u64 a, u64 b, u64 r, unsigned bits)
{
    u64 carries = (a & b) | ((a | b) & ~r), top = carries << (64 - bits);
    return (u16)(fl_szp(r, bits) | (top >> 63) << 8 | ((top >> 63 ^ top >> 62) & 1) | (carries >> 3 & 1) << 12);
}
/* r = a - b - borrow */
static inline u16 fl_difference(u64 a, u64 b, u64 r, unsigned bits)
{
    u64 borrows = (~a & b) | ((~a | b) & r), top = borrows << (64 - bits);
    return (u16)(fl_szp(r, bits) | (top >> 63) << 8 | ((top >> 63 ^ top >> 62) & 1) | (borrows >> 3 & 1) << 12);
}
static inline u64 fl_add(u64 a, u64 b, u64 carry, u16 *f, unsigned bits)
{
    u64 r = a + b + carry;
    *f = fl_sum(a, b, r, bits);
    return bits == 32 ? (u32)r : r;
}
static inline u64 fl_sub(u64 a, u64 b, u64 borrow, u16 *f, unsigned bits)
{
    u64 r = a - b - borrow;
    *f = fl_difference(a, b, r, bits);
    return bits == 32 ? (u32)r : r;
}
static inline u16 fl_keep_carry(u16 f, u16 old) { return (u16)((f & ~FL_CF) | (old & FL_CF)); }
#define FL_ALL(bits)                                                                                           \
    static inline u64 fl_add##bits(u64 a, u64 b, u16 *f) { return fl_add(a, b, 0, f, bits); }                 \
    static inline u64 fl_sub##bits(u64 a, u64 b, u16 *f) { return fl_sub(a, b, 0, f, bits); }                 \
    static inline void fl_cmp##bits(u64 a, u64 b, u16 *f) { fl_sub(a, b, 0, f, bits); }                       \
    static inline u64 fl_adc##bits(u64 a, u64 b, u16 *f) { return fl_add(a, b, *f >> 8 & 1, f, bits); }       \
    static inline u64 fl_sbb##bits(u64 a, u64 b, u16 *f) { return fl_sub(a, b, *f >> 8 & 1, f, bits); }       \
    static inline u64 fl_inc##bits(u64 a, u16 *f)                                                             \
    {                                                                                                         \
        u16 old = *f;                                                                                         \
        u64 r = fl_add(a, 1, 0, f, bits);                                                                     \
        *f = fl_keep_carry(*f, old);                                                                          \
        return r;                                                                                             \
    }                                                                                                         \
    static inline u64 fl_dec##bits(u64 a, u16 *f)                                                             \
    {                                                                                                         \
        u16 old = *f;                                                                                         \
        u64 r = fl_sub(a, 1, 0, f, bits);                                                                     \
        *f = fl_keep_carry(*f, old);                                                                          \
        return r;                                                                                             \
    }                                                                                                         \
    static inline u16 fl_logic##bits(u64 r) { return fl_szp(r, bits); }
FL_ALL(8)
FL_ALL(16)
FL_ALL(32)
FL_ALL(64)
#undef FL_ALL
#endif

static inline u16 fl_logic(u64 r, unsigned bits)
{
    return bits == 8 ? fl_logic8(r) : bits == 16 ? fl_logic16(r) : bits == 32 ? fl_logic32(r) : fl_logic64(r);
}
/* Sign, zero and parity of a result with given carry and overflow; AF 0. */
static inline u16 fl_result(u64 r, unsigned bits, bool cf, bool of)
{
    return (u16)(fl_logic(r, bits) | (unsigned)cf << 8 | (unsigned)of);
}

#endif
