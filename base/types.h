/* Integer names used everywhere, and the few bit operations that have no better home. */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef unsigned __int128 u128;
typedef __int128 i128;

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Bits low..low+width-1 of v, moved down to bit 0. width is 1..64. */
static inline u64 bits_get(u64 v, unsigned low, unsigned width)
{
    return (v >> low) & (~(u64)0 >> (64 - width));
}

static inline u64 bits_set(u64 v, unsigned low, unsigned width, u64 field)
{
    u64 mask = (~(u64)0 >> (64 - width)) << low;
    return (v & ~mask) | ((field << low) & mask);
}

/* Sign-extends the low `width` bits (1..64) of v. */
static inline i64 sign_extend(u64 v, unsigned width)
{
    return (i64)(v << (64 - width)) >> (64 - width);
}

/* All ones in the low `bytes` (1, 2, 4 or 8) bytes. */
static inline u64 size_mask(unsigned bytes)
{
    return ~(u64)0 >> (64 - 8 * bytes);
}

/* Little-endian access to unaligned memory; compilers turn these into single moves. */
static inline u64 load_le(const void *p, unsigned bytes)
{
    const u8 *b = p;
    u64 v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (u64)b[i] << (8 * i);
    return v;
}

static inline void store_le(void *p, unsigned bytes, u64 v)
{
    u8 *b = p;
    for (unsigned i = 0; i < bytes; i++)
        b[i] = (u8)(v >> (8 * i));
}

static inline u64 load_be(const void *p, unsigned bytes)
{
    const u8 *b = p;
    u64 v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | b[i];
    return v;
}

static inline void store_be(void *p, unsigned bytes, u64 v)
{
    u8 *b = p;
    for (unsigned i = 0; i < bytes; i++)
        b[i] = (u8)(v >> (8 * (bytes - 1 - i)));
}

#endif
