/* A hash map from u64 to u64. Keys and values of UINT64_MAX are not allowed. */
#ifndef HOST_BLOCK_U64MAP_H
#define HOST_BLOCK_U64MAP_H

#include "base/types.h"

#define U64MAP_NONE UINT64_MAX

struct u64map {
    u64 *keys, *values;
    size_t len, cap; /* cap is 0 or a power of two; len counts keys ever set, also those removed */
};

void u64map_free(struct u64map *m);
u64 u64map_get(const struct u64map *m, u64 key); /* U64MAP_NONE when absent */
void u64map_set(struct u64map *m, u64 key, u64 value);
void u64map_remove(struct u64map *m, u64 key);
/* The keys in rising order, in an array to free; *n of them. */
u64 *u64map_keys(const struct u64map *m, size_t *n);

#endif
