#include "cpu/armed.h"

#include <stdlib.h>
#include <string.h>

void cpu_armed_free(void *armed)
{
    struct cpu_armed *a = armed;
    free(a->code.at);
    free(a->phys.at);
}

/* Armed now or then, not both: both lists are sorted. */
static bool moved(const struct cpu_armed_list *then, const u64 *now, size_t n, struct cpu_places *places)
{
    size_t i = 0, k = 0;
    bool any = false;
    while (i < then->n || k < n) {
        if (i < then->n && k < n && then->at[i] == now[k]) {
            i++;
            k++;
            continue;
        }
        bool old = k == n || (i < then->n && then->at[i] < now[k]);
        u64 offset = (old ? then->at[i++] : now[k++]) & PAGE_MASK;
        places->bits[offset >> 6] |= (u64)1 << (offset & 63);
        any = true;
    }
    return any;
}

bool cpu_armed_moved(const struct cpu_armed *a, const struct cpu_stops *now, struct cpu_places *places)
{
    memset(places, 0, sizeof *places);
    bool code = moved(&a->code, now ? now->code : NULL, now ? now->n_code : 0, places);
    bool phys = moved(&a->phys, now ? now->phys : NULL, now ? now->n_phys : 0, places);
    return code || phys;
}

static void take(struct cpu_armed *a, struct cpu_armed_list *l, const u64 *now, size_t n)
{
    if (n > l->room) {
        l->room = 2 * n;
        l->at = xrealloc(l->at, l->room * sizeof *l->at);
    }
    l->n = n;
    for (size_t k = 0; k < n; k++) {
        l->at[k] = now[k];
        u64 offset = now[k] & PAGE_MASK;
        a->places.bits[offset >> 6] |= (u64)1 << (offset & 63);
    }
}

void cpu_armed_take(struct cpu_armed *a, const struct cpu_stops *now)
{
    memset(&a->places, 0, sizeof a->places);
    take(a, &a->code, now ? now->code : NULL, now ? now->n_code : 0);
    take(a, &a->phys, now ? now->phys : NULL, now ? now->n_phys : 0);
}

bool cpu_armed_at(const u64 *list, size_t n, u64 addr)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (list[mid] < addr)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && list[low] == addr;
}
