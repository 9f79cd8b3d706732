#include "base/hash.h"

#include <xxhash.h>

u64 hash_bytes(const void *p, size_t n, u64 seed)
{
    return XXH3_64bits_withSeed(p, n, seed);
}

u64 hash_u64(u64 value, u64 seed)
{
    u8 le[8];
    store_le(le, 8, value);
    return XXH3_64bits_withSeed(le, sizeof le, seed);
}
