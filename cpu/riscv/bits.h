/* Integer functions that C has no operators for, as the manual defines them. */
#ifndef CPU_RISCV_BITS_H
#define CPU_RISCV_BITS_H

#include "base/types.h"

static inline u64 div_s64(u64 a, u64 b)
{
    if (UNLIKELY(!b))
        return ~(u64)0;
    if (UNLIKELY((i64)a == INT64_MIN && (i64)b == -1))
        return a;
    return (u64)((i64)a / (i64)b);
}

static inline u64 rem_s64(u64 a, u64 b)
{
    if (UNLIKELY(!b))
        return a;
    if (UNLIKELY((i64)b == -1))
        return 0;
    return (u64)((i64)a % (i64)b);
}

static inline u64 div_u64(u64 a, u64 b) { return LIKELY(b) ? a / b : ~(u64)0; }
static inline u64 rem_u64(u64 a, u64 b) { return LIKELY(b) ? a % b : a; }
/* 32 bits in 64 cannot overflow: -2^31 / -1 = 2^31, whose low half is the answer. */
static inline u64 div_s32(u64 a, u64 b)
{
    i64 x = (i32)(u32)a, y = (i32)(u32)b;
    return LIKELY(y) ? (u64)(i64)(i32)(u32)(u64)(x / y) : ~(u64)0;
}
static inline u64 rem_s32(u64 a, u64 b)
{
    i64 x = (i32)(u32)a, y = (i32)(u32)b;
    return (u64)(LIKELY(y) ? x % y : x);
}
static inline u64 div_u32(u64 a, u64 b) { return LIKELY((u32)b) ? (u64)(i64)(i32)((u32)a / (u32)b) : ~(u64)0; }
static inline u64 rem_u32(u64 a, u64 b) { return (u64)(i64)(i32)(LIKELY((u32)b) ? (u32)a % (u32)b : (u32)a); }

static inline u64 clz64(u64 a) { return a ? (u64)__builtin_clzll(a) : 64; }
static inline u64 ctz64(u64 a) { return a ? (u64)__builtin_ctzll(a) : 64; }
static inline u64 cpop64(u64 a) { return (u64)__builtin_popcountll(a); }
static inline u64 clz32(u64 a) { return (u32)a ? (u64)__builtin_clz((u32)a) : 32; }
static inline u64 ctz32(u64 a) { return (u32)a ? (u64)__builtin_ctz((u32)a) : 32; }
static inline u64 cpop32(u64 a) { return (u64)__builtin_popcount((u32)a); }

static inline u64 orc_b(u64 a)
{
    u64 r = 0;
    for (unsigned k = 0; k < 64; k += 8)
        if (a >> k & 0xff)
            r |= (u64)0xff << k;
    return r;
}

static inline u128 clmul(u64 a, u64 b)
{
    u128 r = 0;
    for (; b; b &= b - 1)
        r ^= (u128)a << __builtin_ctzll(b);
    return r;
}

#endif
