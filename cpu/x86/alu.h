/* Arithmetic that more than one reader of the declarations needs: shifts, rotations, products, quotients. Sizes in bits.
 * Operands are zero-extended; results may have bits above their size.
 *
 * Where the manual leaves a flag undefined, it is what Intel's processors since the Pentium 4 do (measured: tests/isa): OF
 * of a shift or rotation by more than 1 is that of the first step (ROL and ROR of a register by an immediate leave it); AF 0; after MUL and IMUL SF and PF are those of the
 * low half and ZF and AF 0; DIV leaves all flags. */
#ifndef CPU_X86_ALU_H
#define CPU_X86_ALU_H

#include "cpu/x86/flags.h"

static inline u64 alu_mask(unsigned bits) { return ~(u64)0 >> (64 - bits); }
static inline unsigned alu_count(u64 n, unsigned bits) { return n & (bits == 64 ? 63 : 31); }
static inline bool alu_top(u64 a, unsigned bits) { return a >> (bits - 1) & 1; }
static inline bool alu_top2(u64 a, unsigned bits) { return (a >> (bits - 1) ^ a >> (bits - 2)) & 1; }
static inline u16 alu_rotated(u16 f, bool cf, bool of)
{
    return (u16)((f & ~(FL_CF | FL_OF)) | (unsigned)cf << 8 | (unsigned)of);
}

/* SDM 2B, SAL/SAR/SHL/SHR. Counts are masked to 5 bits (6 of 64); 0 changes nothing. */
static inline u64 alu_shl(u64 a, u64 count, u16 *f, unsigned bits)
{
    unsigned n = alu_count(count, bits);
    if (UNLIKELY(!n))
        return a;
    u64 r = a << n;
    bool cf = bits == 64 ? a >> (64 - n) & 1 : r >> bits & 1;
    r = bits == 32 ? (u32)r : r;
    *f = fl_result(r, bits, cf, alu_top2(a, bits));
    return r;
}
static inline u64 alu_shr(u64 a, u64 count, u16 *f, unsigned bits)
{
    unsigned n = alu_count(count, bits);
    if (UNLIKELY(!n))
        return a;
    u64 r = a >> n;
    *f = fl_result(r, bits, a >> (n - 1) & 1, alu_top(a, bits));
    return r;
}
static inline u64 alu_sar(u64 a, u64 count, u16 *f, unsigned bits)
{
    unsigned n = alu_count(count, bits);
    if (UNLIKELY(!n))
        return a;
    i64 s = sign_extend(a, bits);
    u64 r = (u64)(s >> n);
    r = bits == 32 ? (u32)r : r;
    *f = fl_result(r, bits, s >> (n - 1) & 1, false);
    return r;
}

/* SDM 2B, RCL/RCR/ROL/ROR: only CF and OF change. */
static inline u64 alu_rol(u64 a, u64 count, u16 *f, unsigned bits)
{
    unsigned n = alu_count(count, bits), k = n % bits;
    if (UNLIKELY(!n))
        return a;
    u64 r = k ? a << k | a >> (bits - k) : a;
    r = bits == 32 ? (u32)r : r;
    *f = alu_rotated(*f, r & 1, alu_top2(a, bits));
    return r;
}
static inline u64 alu_ror(u64 a, u64 count, u16 *f, unsigned bits)
{
    unsigned n = alu_count(count, bits), k = n % bits;
    if (UNLIKELY(!n))
        return a;
    u64 r = k ? a >> k | a << (bits - k) : a;
    r = bits == 32 ? (u32)r : r;
    *f = alu_rotated(*f, alu_top(r, bits), (a ^ a >> (bits - 1)) & 1);
    return r;
}
/* A register by an immediate other than 1: these two leave OF. */
static inline u64 alu_rol_imm(u64 a, u64 count, u16 *f, unsigned bits)
{
    const u16 of = *f & FL_OF;
    u64 r = alu_rol(a, count, f, bits);
    if (alu_count(count, bits) != 1)
        *f = (u16)((*f & ~FL_OF) | of);
    return r;
}
static inline u64 alu_ror_imm(u64 a, u64 count, u16 *f, unsigned bits)
{
    const u16 of = *f & FL_OF;
    u64 r = alu_ror(a, count, f, bits);
    if (alu_count(count, bits) != 1)
        *f = (u16)((*f & ~FL_OF) | of);
    return r;
}
static inline u64 alu_rcl(u64 a, u64 count, u16 *f, unsigned bits)
{
    unsigned n = alu_count(count, bits), k = n % (bits + 1);
    if (!k)
        return a;
    u64 carry = *f >> 8 & 1;
    u64 r = (k < 64 ? a << k : 0) | carry << (k - 1) | (k > 1 ? a >> (bits + 1 - k) : 0);
    r = bits == 32 ? (u32)r : r;
    *f = alu_rotated(*f, a >> (bits - k) & 1, alu_top2(a, bits));
    return r;
}
static inline u64 alu_rcr(u64 a, u64 count, u16 *f, unsigned bits)
{
    unsigned n = alu_count(count, bits), k = n % (bits + 1);
    if (!k)
        return a;
    u64 carry = *f >> 8 & 1;
    u64 r = (k < 64 ? a >> k : 0) | carry << (bits - k) | (k > 1 ? a << (bits + 1 - k) : 0);
    r = bits == 32 ? (u32)r : r;
    *f = alu_rotated(*f, a >> (k - 1) & 1, (carry ^ a >> (bits - 1)) & 1);
    return r;
}

/* SDM 2B, SHLD, SHRD: bits come in from b. By more than 16 of 16 bits: as if b were followed by a again. */
static inline u64 alu_shld(u64 a, u64 b, u64 count, u16 *f, unsigned bits)
{
    unsigned n = alu_count(count, bits);
    if (UNLIKELY(!n))
        return a;
    u64 r;
    bool cf;
    if (bits == 16) {
        u64 all = a << 32 | b << 16 | a;
        r = all << n >> 32;
        cf = all >> (48 - n) & 1;
    } else {
        r = a << n | b >> (bits - n);
        cf = a >> (bits - n) & 1;
    }
    r = bits == 32 ? (u32)r : r;
    *f = fl_result(r, bits, cf, alu_top2(a, bits));
    return r;
}
static inline u64 alu_shrd(u64 a, u64 b, u64 count, u16 *f, unsigned bits)
{
    unsigned n = alu_count(count, bits);
    if (UNLIKELY(!n))
        return a;
    u64 r;
    bool cf;
    if (bits == 16) {
        u64 all = a << 32 | b << 16 | a;
        r = all >> n;
        cf = all >> (n - 1) & 1;
    } else {
        r = a >> n | b << (bits - n);
        cf = a >> (n - 1) & 1;
    }
    r = bits == 32 ? (u32)r : r;
    *f = fl_result(r, bits, cf, (b ^ a >> (bits - 1)) & 1);
    return r;
}

/* Products. CF and OF: the upper half says more than the lower. */
static inline u64 alu_mul(u64 a, u64 b, u64 *high, u16 *f, unsigned bits)
{
    u128 p = (u128)a * b;
    u64 lo = (u64)p & alu_mask(bits);
    *high = (u64)(p >> bits) & alu_mask(bits);
    *f = (u16)(fl_result(lo, bits, *high != 0, *high != 0) & ~FL_ZF);
    return lo;
}
static inline u64 alu_imul(u64 a, u64 b, u64 *high, u16 *f, unsigned bits)
{
    i128 p = (i128)sign_extend(a, bits) * sign_extend(b, bits);
    u64 lo = (u64)p & alu_mask(bits);
    *high = (u64)(p >> bits) & alu_mask(bits);
    bool over = p != (i128)sign_extend(lo, bits);
    *f = (u16)(fl_result(lo, bits, over, over) & ~FL_ZF);
    return lo;
}
static inline u64 alu_imul_low(u64 a, u64 b, u16 *f, unsigned bits)
{
    u64 lo;
    bool over;
    if (bits == 64) {
        i64 p;
        over = __builtin_mul_overflow((i64)a, (i64)b, &p);
        lo = (u64)p;
    } else {
        i64 p = sign_extend(a, bits) * sign_extend(b, bits);
        over = p != sign_extend((u64)p, bits);
        lo = (u64)p & alu_mask(bits);
    }
    *f = (u16)(fl_result(lo, bits, over, over) & ~FL_ZF);
    return lo;
}

/* high:low / b. False: #DE. */
static inline bool alu_div(u64 high, u64 low, u64 b, u64 *q, u64 *r, unsigned bits)
{
    if (UNLIKELY(high >= b)) /* 0 too */
        return false;
    if (bits == 64 && high) {
        u128 n = (u128)high << 64 | low;
        *q = (u64)(n / b);
        *r = (u64)(n % b);
    } else {
        u64 n = bits == 64 ? low : high << (bits & 63) | low;
        *q = n / b;
        *r = n % b;
    }
    return true;
}
static inline bool alu_idiv(u64 high, u64 low, u64 b, u64 *q, u64 *r, unsigned bits)
{
    i64 d = sign_extend(b, bits);
    if (UNLIKELY(!d))
        return false;
    if (bits == 64) {
        i128 n = (i128)((u128)high << 64 | low);
        if (LIKELY(n == (i64)n && d != -1)) {
            *q = (u64)((i64)n / d);
            *r = (u64)((i64)n % d);
            return true;
        }
        if (n == (i128)((u128)1 << 127)) /* the one that 128 bits cannot negate; it overflows by any divisor */
            return false;
        i128 v = n / d;
        if (v != (i64)v)
            return false;
        *q = (u64)v;
        *r = (u64)(n % d);
        return true;
    }
    i64 n = sign_extend(high << (bits & 63) | low, 2 * bits <= 64 ? 2 * bits : 64), v;
    if (UNLIKELY(d == -1 && n == INT64_MIN))
        return false;
    v = n / d;
    if (v != sign_extend((u64)v, bits))
        return false;
    *q = (u64)v & alu_mask(bits);
    *r = (u64)(n % d) & alu_mask(bits);
    return true;
}

/* Bits. Of 0 BSF and BSR leave the destination and set ZF; the flags as measured. */
static inline u64 alu_bsf(u64 a) { return a ? (u64)__builtin_ctzll(a) : 0; }
static inline u64 alu_bsr(u64 a) { return a ? 63 - (u64)__builtin_clzll(a) : 0; }
static inline u16 alu_bs_flags(u64 a, u64 r) { return (u16)((fl_logic64(r) & ~FL_ZF) | (a ? 0 : FL_ZF)); }
static inline u16 alu_count_flags(u64 a, u64 r) /* TZCNT, LZCNT */
{
    return (u16)(FL_ONE | (a ? 0 : FL_CF) | (r ? 0 : FL_ZF));
}
static inline u64 alu_bswap(u64 a, unsigned bits)
{
    return bits == 64 ? __builtin_bswap64(a) : bits == 32 ? __builtin_bswap32((u32)a) : __builtin_bswap16((u16)a);
}

#endif
