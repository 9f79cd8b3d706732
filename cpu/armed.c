#include "cpu/armed.h"

#include <stdlib.h>
#include <string.h>

void cpu_armed_free(void *armed)
{
    free(((struct cpu_armed *)armed)->code);
}

/* Armed now or then, not both: both lists are sorted. */
bool cpu_armed_moved(const struct cpu_armed *a, const struct cpu_stops *now, struct cpu_places *places)
{
    size_t i = 0, k = 0, n = now ? now->n_code : 0;
    bool any = false;
    memset(places, 0, sizeof *places);
    while (i < a->n || k < n) {
        if (i < a->n && k < n && a->code[i] == now->code[k]) {
            i++;
            k++;
            continue;
        }
        bool then = k == n || (i < a->n && a->code[i] < now->code[k]);
        u64 offset = (then ? a->code[i++] : now->code[k++]) & PAGE_MASK;
        places->bits[offset >> 6] |= (u64)1 << (offset & 63);
        any = true;
    }
    return any;
}

void cpu_armed_take(struct cpu_armed *a, const struct cpu_stops *now)
{
    size_t n = now ? now->n_code : 0;
    if (n > a->room) {
        a->room = 2 * n;
        a->code = xrealloc(a->code, a->room * sizeof *a->code);
    }
    if (n)
        memcpy(a->code, now->code, n * sizeof *now->code);
    a->n = n;
}
