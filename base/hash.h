/* Hashes of state and of images: XXH3 of libxxhash, 64 bits. Not for security: for naming equal things. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/types.h"

u64 hash_bytes(const void *p, size_t n, u64 seed);
u64 hash_u64(u64 value, u64 seed);

#endif
