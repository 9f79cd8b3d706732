#include "host/block/u64map.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

void u64map_free(struct u64map *m)
{
    free(m->keys);
    free(m->values);
    *m = (struct u64map){ 0 };
}

static size_t slot_of(const struct u64map *m, u64 key)
{
    u64 h = key * 0x9e3779b97f4a7c15u;
    size_t i = (size_t)(h ^ (h >> 32)) & (m->cap - 1);
    while (m->keys[i] != U64MAP_NONE && m->keys[i] != key)
        i = (i + 1) & (m->cap - 1);
    return i;
}

u64 u64map_get(const struct u64map *m, u64 key)
{
    if (!m->cap)
        return U64MAP_NONE;
    size_t i = slot_of(m, key);
    return m->keys[i] == key ? m->values[i] : U64MAP_NONE;
}

static void grow(struct u64map *m)
{
    struct u64map bigger = { .cap = m->cap ? m->cap * 2 : 64 };
    bigger.keys = xmalloc(bigger.cap * sizeof(u64));
    bigger.values = xmalloc(bigger.cap * sizeof(u64));
    memset(bigger.keys, 0xff, bigger.cap * sizeof(u64));
    for (size_t i = 0; i < m->cap; i++)
        if (m->keys[i] != U64MAP_NONE && m->values[i] != U64MAP_NONE) {
            size_t to = slot_of(&bigger, m->keys[i]);
            bigger.keys[to] = m->keys[i];
            bigger.values[to] = m->values[i];
            bigger.len++;
        }
    u64map_free(m);
    *m = bigger;
}

void u64map_set(struct u64map *m, u64 key, u64 value)
{
    if (m->len * 4 >= m->cap * 3)
        grow(m);
    size_t i = slot_of(m, key);
    if (m->keys[i] != key) {
        m->keys[i] = key;
        m->len++;
    }
    m->values[i] = value;
}

void u64map_remove(struct u64map *m, u64 key)
{
    if (!m->cap)
        return;
    size_t i = slot_of(m, key);
    if (m->keys[i] == key)
        m->values[i] = U64MAP_NONE;
}

static int by_value(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return (x > y) - (x < y);
}

u64 *u64map_keys(const struct u64map *m, size_t *n)
{
    u64 *keys = xmalloc((m->len + 1) * sizeof(u64));
    *n = 0;
    for (size_t i = 0; i < m->cap; i++)
        if (m->keys[i] != U64MAP_NONE && m->values[i] != U64MAP_NONE)
            keys[(*n)++] = m->keys[i];
    qsort(keys, *n, sizeof(u64), by_value);
    return keys;
}
