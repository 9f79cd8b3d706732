#include "jit/wait.h"

#include <string.h>

static u32 *waiting_for(struct jit_waiting *w, u64 slot)
{
    return &w->first[(slot >> 4 ^ slot >> 14) & (ARRAY_LEN(w->first) - 1)];
}

void jit_wait(struct jit_waiting *w, u64 slot, u8 *at)
{
    if (w->n == ARRAY_LEN(w->jump))
        return;
    u32 *first = waiting_for(w, slot);
    w->jump[w->n].slot = slot;
    w->jump[w->n].at = at;
    w->jump[w->n].next = *first;
    *first = ++w->n;
}

u32 jit_arrived(struct jit_waiting *w, struct code *code, const struct emitter_kind *kind, u64 slot, const void *to)
{
    u32 n = 0;
    for (u32 k = *waiting_for(w, slot); k; k = w->jump[k - 1].next)
        if (w->jump[k - 1].slot == slot) {
            n++;
            emit_lead(kind, code, w->jump[k - 1].at, to);
        }
    return n;
}

void jit_wait_none(struct jit_waiting *w)
{
    w->n = 0;
    memset(w->first, 0, sizeof w->first);
}
