#include "trace/places.h"

#include <stdlib.h>

#include "base/arena.h"

static u32 *slot_of(const struct places *p, u64 pc, u32 tag)
{
    u64 h = (pc ^ (u64)tag << 32) * 0x9e3779b97f4a7c15;
    for (u32 i = (u32)(h >> 32);; i++) {
        u32 *slot = &p->slots[i & (p->size - 1)];
        if (!*slot || (p->row[*slot - 1].pc == pc && p->row[*slot - 1].tag == tag))
            return slot;
    }
}

u32 places_find(struct places *p, u64 pc, u32 tag, bool *fresh)
{
    if (p->n * 2 >= p->size) {
        free(p->slots);
        p->size = p->size ? p->size * 2 : 4096;
        p->slots = xcalloc(p->size, sizeof *p->slots);
        p->row = xrealloc(p->row, p->size * sizeof *p->row);
        for (u32 i = 0; i < p->n; i++)
            *slot_of(p, p->row[i].pc, p->row[i].tag) = i + 1;
    }
    u32 *slot = slot_of(p, pc, tag);
    *fresh = !*slot;
    if (*fresh) {
        p->row[p->n] = (struct place_row){ .pc = pc, .tag = tag };
        *slot = ++p->n;
    }
    return *slot - 1;
}

void places_free(struct places *p)
{
    free(p->row);
    free(p->slots);
    *p = (struct places){ 0 };
}
