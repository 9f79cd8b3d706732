/* The words of sem_int.def that interp.h does not have: division, bit counting, carry-less products. Included for
 * each XLEN. */
#undef MULH
#undef MULHSU
#undef MULHU
#undef DIV
#undef DIVU
#undef REM
#undef REMU
#undef CLZ
#undef CTZ
#undef CPOP
#undef ROL
#undef ROR
#undef REV8
#undef ORC_B
#undef CLMUL
#undef CLMULH
#undef CLMULR

#ifndef RV_WORDS_INT_ONCE
#define RV_WORDS_INT_ONCE
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
    for (unsigned k = 0; k < 64; k++)
        if (b >> k & 1)
            r ^= (u128)a << k;
    return r;
}

#define DIVW(a, b) div_s32(a, b)
#define DIVUW(a, b) div_u32(a, b)
#define REMW(a, b) rem_s32(a, b)
#define REMUW(a, b) rem_u32(a, b)
#define CLZ32(a) ((u32)(a) ? (u64)__builtin_clz((u32)(a)) : 32)
#define CTZ32(a) ((u32)(a) ? (u64)__builtin_ctz((u32)(a)) : 32)
#define CPOP32(a) ((u64)__builtin_popcount((u32)(a)))
#define ROL32(a, n) SX32((u32)(a) << ((n) & 31) | (u32)(a) >> (-(n) & 31))
#define ROR32(a, n) SX32((u32)(a) >> ((n) & 31) | (u32)(a) << (-(n) & 31))
#endif

#if XLEN == 64
#define MULH(a, b) ((u64)(u128)((i128)(i64)(a) * (i64)(b) >> 64))
#define MULHSU(a, b) ((u64)(u128)((i128)(i64)(a) * (i128)(u128)(b) >> 64))
#define MULHU(a, b) ((u64)((u128)(a) * (b) >> 64))
#define DIV(a, b) div_s64(a, b)
#define DIVU(a, b) div_u64(a, b)
#define REM(a, b) rem_s64(a, b)
#define REMU(a, b) rem_u64(a, b)
#define CLZ(a) ((a) ? (u64)__builtin_clzll(a) : 64)
#define CTZ(a) ((a) ? (u64)__builtin_ctzll(a) : 64)
#define CPOP(a) ((u64)__builtin_popcountll(a))
#define ROL(a, n) ((a) << ((n) & 63) | (a) >> (-(n) & 63))
#define ROR(a, n) ((a) >> ((n) & 63) | (a) << (-(n) & 63))
#define REV8(a) ((u64)__builtin_bswap64(a))
#define ORC_B(a) orc_b(a)
#define CLMUL(a, b) ((u64)clmul(a, b))
#define CLMULH(a, b) ((u64)(clmul(a, b) >> 64))
#define CLMULR(a, b) ((u64)(clmul(a, b) >> 63))
#else
#define MULH(a, b) SX32((u64)((i64)(a) * (i64)(b)) >> 32)
#define MULHSU(a, b) SX32((u64)((i64)(a) * (i64)(u32)(b)) >> 32)
#define MULHU(a, b) SX32((u64)(u32)(a) * (u32)(b) >> 32)
#define DIV(a, b) div_s32(a, b)
#define DIVU(a, b) div_u32(a, b)
#define REM(a, b) rem_s32(a, b)
#define REMU(a, b) rem_u32(a, b)
#define CLZ(a) CLZ32(a)
#define CTZ(a) CTZ32(a)
#define CPOP(a) CPOP32(a)
#define ROL(a, n) ROL32(a, n)
#define ROR(a, n) ROR32(a, n)
#define REV8(a) SX32(__builtin_bswap32((u32)(a)))
#define ORC_B(a) SX32(orc_b(a))
#define CLMUL(a, b) SX32(clmul((u32)(a), (u32)(b)))
#define CLMULH(a, b) SX32(clmul((u32)(a), (u32)(b)) >> 32)
#define CLMULR(a, b) SX32(clmul((u32)(a), (u32)(b)) >> 31)
#endif
