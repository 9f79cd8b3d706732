/* Writing AArch64 instructions: each is a word of an operation's fixed bits (Arm ARM, chapter C6) with its registers
 * put in. All are the 64-bit forms unless the name says otherwise. */
#ifndef JIT_A64_H
#define JIT_A64_H

#include "jit/code.h"

enum { A64_ZR = 31, A64_SP = 31, A64_LR = 30, A64_FP = 29 };
/* Conditions; the odd one undoes the even one before it. */
enum { A64_EQ, A64_NE, A64_HS, A64_LO, A64_MI, A64_PL, A64_VS, A64_VC, A64_HI, A64_LS, A64_GE, A64_LT, A64_GT, A64_LE };

enum {
    /* d, n, m */
    A64_ADD = 0x8b000000, A64_SUB = 0xcb000000, A64_SUBS = 0xeb000000, A64_SUBS_W = 0x6b000000,
    A64_AND = 0x8a000000, A64_ORR = 0xaa000000, A64_EOR = 0xca000000, A64_ANDS = 0xea000000, A64_BIC = 0x8a200000,
    A64_ORN = 0xaa200000, A64_EON = 0xca200000,
    A64_LSLV = 0x9ac02000, A64_LSRV = 0x9ac02400, A64_ASRV = 0x9ac02800, A64_RORV = 0x9ac02c00, A64_RORV_W = 0x1ac02c00,
    A64_UDIV = 0x9ac00800, A64_SDIV = 0x9ac00c00, A64_UMULH = 0x9bc07c00, A64_SMULH = 0x9b407c00,
    /* d, n, m, a */
    A64_MADD = 0x9b000000, A64_MSUB = 0x9b008000,
    /* d, n, m, condition */
    A64_CSEL = 0x9a800000, A64_CSINC = 0x9a800400, A64_CSINV = 0xda800000, A64_CSNEG = 0xda800400,
    /* d, n */
    A64_CLZ = 0xdac01000, A64_RBIT = 0xdac00000, A64_REV = 0xdac00c00,
    /* d, n, number of 12 bits */
    A64_ADD_IMM = 0x91000000, A64_SUB_IMM = 0xd1000000, A64_ADDS_IMM = 0xb1000000, A64_SUBS_IMM = 0xf1000000,
    A64_SUBS_W_IMM = 0x71000000,
    /* d, n, pattern of bits */
    A64_AND_IMM = 0x92000000, A64_ORR_IMM = 0xb2000000, A64_EOR_IMM = 0xd2000000, A64_ANDS_IMM = 0xf2000000,
    /* d, n, two places */
    A64_UBFM = 0xd3400000, A64_SBFM = 0x93400000, A64_EXTR = 0x93c00000, A64_EXTR_W = 0x13800000,
    /* one place to jump to */
    A64_BR = 0xd61f0000, A64_BLR = 0xd63f0000, A64_RET = 0xd65f0000,
    /* floats, single or (| A64_D) double: d, n, m */
    A64_D = 0x00400000,
    A64_FADD = 0x1e202800, A64_FSUB = 0x1e203800, A64_FMUL = 0x1e200800, A64_FDIV = 0x1e201800,
    A64_FMADD = 0x1f000000, /* d, n, m, a */
    A64_FCMP = 0x1e202000,  /* 0, n, m */
    A64_FSQRT = 0x1e21c000, A64_FMOV = 0x1e204000, /* d, n */
    A64_SCVTF = 0x9e220000, /* from a 64-bit integer register */
    A64_FCVTZS = 0x9e380000, /* to one */
    A64_FCVT_S_TO_D = 0x1e22c000, A64_FCVT_D_TO_S = 0x1e624000,
    A64_FMOV_TO_X = 0x9e660000, A64_FMOV_FROM_X = 0x9e670000,
    A64_CNT_8B = 0x0e205800, A64_ADDV_8B = 0x0e31b800, /* d, n: bits of each byte; sum of bytes */
};

static inline void a_word(struct out *a, u32 w)
{
    store_le(a->p, 4, w);
    a->p += 4;
}

static inline void a_rr(struct out *a, u32 op, unsigned d, unsigned n) { a_word(a, op | n << 5 | d); }

static inline void a_rrr(struct out *a, u32 op, unsigned d, unsigned n, unsigned m)
{
    a_word(a, op | m << 16 | n << 5 | d);
}

/* How the last operand is shifted: 0 left, 1 right, 2 right with the sign. */
static inline void a_shifted(struct out *a, u32 op, unsigned d, unsigned n, unsigned m, unsigned how, unsigned by)
{
    a_word(a, op | how << 22 | m << 16 | by << 10 | n << 5 | d);
}

/* The fourth: the addend of a product. */
static inline void a_rrrr(struct out *a, u32 op, unsigned d, unsigned n, unsigned m, unsigned r)
{
    a_word(a, op | m << 16 | r << 10 | n << 5 | d);
}

static inline void a_select(struct out *a, u32 op, unsigned d, unsigned n, unsigned m, unsigned cond)
{
    a_word(a, op | m << 16 | cond << 12 | n << 5 | d);
}

static inline void a_mul(struct out *a, unsigned d, unsigned n, unsigned m)
{
    a_rrrr(a, A64_MADD, d, n, m, A64_ZR);
}

static inline void a_set(struct out *a, unsigned d, unsigned cond)
{
    a_select(a, A64_CSINC, d, A64_ZR, A64_ZR, cond ^ 1);
}

static inline void a_mov(struct out *a, unsigned d, unsigned n)
{
    if (d != n)
        a_rrr(a, A64_ORR, d, A64_ZR, n);
}

/* --- numbers --- */

/* Is v a number of 12 bits, or one shifted by 12? Its field, else -1. */
static inline i32 a64_imm12(u64 v)
{
    if (v < 4096)
        return (i32)(v << 10);
    return (v & 4095) == 0 && v < 4096 << 12 ? (i32)(1 << 22 | v >> 12 << 10) : -1;
}

/* Is v a pattern of the logical instructions: a rotated run of ones in an element of 2 to 64 bits, repeated? Its
 * field, else -1 (Arm ARM, DecodeBitMasks). */
static inline i32 a64_pattern(u64 v)
{
    if (!v || v == ~(u64)0)
        return -1;
    unsigned size = 64;
    while (size > 2 && (v & ((((u64)1 << (size / 2)) - 1))) == (v >> (size / 2) & (((u64)1 << (size / 2)) - 1)))
        size /= 2;
    u64 mask = size == 64 ? ~(u64)0 : ((u64)1 << size) - 1, e = v & mask;
    unsigned ones = (unsigned)__builtin_popcountll(e), turn = 0;
    /* turn right until the run is at the bottom */
    if (e & 1) { /* the run's beginning is above a gap, or at bit 0 */
        u64 gaps = ~e & mask;
        turn = gaps >> (size - 1) ? 0 : (unsigned)(64 - __builtin_clzll(gaps));
    } else {
        turn = (unsigned)__builtin_ctzll(e);
    }
    u64 run = turn ? (e >> turn | e << (size - turn)) & mask : e;
    if (run != (ones == 64 ? ~(u64)0 : ((u64)1 << ones) - 1))
        return -1;
    unsigned immr = (size - turn) & (size - 1), imms = ((0u - 2 * size) & 63) | (ones - 1);
    return (i32)((unsigned)(size == 64) << 22 | immr << 16 | imms << 10);
}

static inline void a_imm(struct out *a, u32 op, unsigned d, unsigned n, i32 field)
{
    a_word(a, op | (u32)field | n << 5 | d);
}

/* At most four instructions. Leaves the flags alone. */
static inline void a_mov_imm(struct out *a, unsigned d, u64 v)
{
    unsigned zeros = 0, ones = 0;
    for (unsigned k = 0; k < 64; k += 16) {
        zeros += (u16)(v >> k) == 0;
        ones += (u16)(v >> k) == 0xffff;
    }
    i32 pattern = zeros < 3 && ones < 3 ? a64_pattern(v) : -1;
    if (pattern >= 0) {
        a_imm(a, A64_ORR_IMM, d, A64_ZR, pattern);
        return;
    }
    u16 rest = ones > zeros ? 0xffff : 0;
    bool first = true;
    for (unsigned k = 0; k < 64; k += 16) {
        u32 part = (u16)(v >> k);
        if (part == rest && !(first && k == 48))
            continue;
        u32 op = !first ? 0xf2800000 : rest ? 0x92800000 : 0xd2800000; /* movk, movn, movz */
        a_word(a, op | k / 16 << 21 | ((first && rest ? ~part : part) & 0xffff) << 5 | d);
        first = false;
    }
}

/* d = n + v, through `scratch` (not n) when v is not simple. */
static inline void a_add_imm(struct out *a, unsigned d, unsigned n, u64 v, unsigned scratch)
{
    if (a64_imm12(v) >= 0) {
        a_imm(a, A64_ADD_IMM, d, n, a64_imm12(v));
    } else if (a64_imm12(0 - v) >= 0) {
        a_imm(a, A64_SUB_IMM, d, n, a64_imm12(0 - v));
    } else if (v < 1 << 24) {
        a_imm(a, A64_ADD_IMM, d, n, a64_imm12(v & 0xfff000));
        a_imm(a, A64_ADD_IMM, d, d, a64_imm12(v & 4095));
    } else {
        a_mov_imm(a, scratch, v);
        a_rrr(a, A64_ADD, d, n, scratch);
    }
}

/* Shift by a number: 0 left, 1 right, 2 right with the sign. */
static inline void a_shift_imm(struct out *a, unsigned how, unsigned d, unsigned n, unsigned by)
{
    if (how)
        a_word(a, (how == 2 ? A64_SBFM : A64_UBFM) | by << 16 | 63u << 10 | n << 5 | d);
    else
        a_word(a, (u32)A64_UBFM | ((64 - by) & 63) << 16 | (63 - by) << 10 | n << 5 | d);
}

/* The `width` bits from `low` on. */
static inline void a_bits(struct out *a, bool sign, unsigned d, unsigned n, unsigned low, unsigned width)
{
    a_word(a, (sign ? A64_SBFM : A64_UBFM) | low << 16 | (low + width - 1) << 10 | n << 5 | d);
}

/* --- memory ---
 * What: log2 of the size, and one of these. */
enum { A64_STORE = 0, A64_LOAD = 1, A64_LOAD_SIGNED = 2, A64_FLOAT = 8 /* | store or load */ };

static inline u32 a64_access(unsigned what, unsigned log2)
{
    return log2 << 30 | (what & A64_FLOAT ? 1u << 26 : 0) | (what & 3) << 22;
}

/* [n + m] */
static inline void a_mem_reg(struct out *a, unsigned what, unsigned log2, unsigned t, unsigned n, unsigned m)
{
    a_word(a, 0x38206800 | a64_access(what, log2) | m << 16 | n << 5 | t);
}

/* [n + disp], through `scratch` (neither n nor t of a store) when disp is far. */
static inline void a_mem(struct out *a, unsigned what, unsigned log2, unsigned t, unsigned n, i64 disp,
    unsigned scratch)
{
    u64 scaled = (u64)disp >> log2;
    if (disp >= 0 && !((u64)disp & ((1u << log2) - 1)) && scaled < 4096) {
        a_word(a, 0x39000000 | a64_access(what, log2) | (u32)scaled << 10 | n << 5 | t);
    } else if (disp >= -256 && disp < 256) {
        a_word(a, 0x38000000 | a64_access(what, log2) | ((u32)disp & 0x1ff) << 12 | n << 5 | t);
    } else {
        a_mov_imm(a, scratch, (u64)disp);
        a_mem_reg(a, what, log2, t, n, scratch);
    }
}

/* Two registers of 8 bytes at [n + disp]; disp is a multiple of 8 from -512 on, below 512. */
static inline void a_pair(struct out *a, unsigned what, unsigned t1, unsigned t2, unsigned n, i32 disp)
{
    u32 op = what & A64_FLOAT ? 0x6d000000 : 0xa9000000;
    a_word(a, op | (what & 1) << 22 | ((u32)(disp / 8) & 0x7f) << 15 | t2 << 10 | n << 5 | t1);
}

/* --- jumps ---
 * Those whose distance is filled in later return where they are: within 1 MiB, 128 MiB for the plain one. */

static inline u8 *a_b(struct out *a)
{
    a_word(a, 0x14000000);
    return a->p - 4;
}

static inline u8 *a_b_if(struct out *a, unsigned cond)
{
    a_word(a, 0x54000000 | cond);
    return a->p - 4;
}

/* When t is 0, or is not. */
static inline u8 *a_b_zero(struct out *a, bool not, unsigned t)
{
    a_word(a, (not ? 0xb5000000 : 0xb4000000) | t);
    return a->p - 4;
}

/* Where the code is that a_land_adr() is told, within 1 MiB, to d. */
static inline u8 *a_adr(struct out *a, unsigned d)
{
    a_word(a, 0x10000000 | d);
    return a->p - 4;
}

static inline void a_land_adr(u8 *at, const u8 *target)
{
    u32 away = (u32)(target - at);
    store_le(at, 4, (load_le(at, 4) & 0x9f00001f) | (away & 3) << 29 | (away >> 2 & 0x7ffff) << 5);
}

static inline void a_land(u8 *at, const u8 *target)
{
    u32 w = (u32)load_le(at, 4), away = (u32)((target - at) >> 2);
    if (w >> 26 == 0x14000000 >> 26)
        w = 0x14000000 | (away & 0x3ffffff);
    else
        w = (w & 0xff00001f) | (away & 0x7ffff) << 5;
    store_le(at, 4, w);
}

#endif
