/* The words of sem_int.def that interp.h does not have: division, bit counting, carry-less products. Included for
 * each XLEN. */
#include "cpu/riscv/bits.h"
#include "cpu/riscv/words_none.h"

#ifndef RV_WORDS_INT_ONCE
#define RV_WORDS_INT_ONCE
#define DIVW(a, b) div_s32(a, b)
#define DIVUW(a, b) div_u32(a, b)
#define REMW(a, b) rem_s32(a, b)
#define REMUW(a, b) rem_u32(a, b)
#define CLZ32(a) clz32(a)
#define CTZ32(a) ctz32(a)
#define CPOP32(a) cpop32(a)
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
#define CLZ(a) clz64(a)
#define CTZ(a) ctz64(a)
#define CPOP(a) cpop64(a)
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
