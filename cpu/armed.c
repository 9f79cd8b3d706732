#include "cpu/armed.h"

#include <stdlib.h>
#include <string.h>

void cpu_armed_free(void *armed)
{
    struct cpu_armed *a = armed;
    free(a->code.at);
    free(a->phys.at);
    free(a->reg);
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

bool cpu_armed_regs_moved(struct cpu_armed *a, const struct cpu_stops *now)
{
    size_t n = now ? now->n_reg : 0;
    bool same = n == a->n_reg;
    for (size_t k = 0; k < n && same; k++)
        same = a->reg[k].reg == now->reg[k].reg && a->reg[k].value == now->reg[k].value && a->reg[k].only == now->reg[k].only;
    if (same)
        return false;
    free(a->reg);
    a->reg = n ? xmalloc(n * sizeof *a->reg) : NULL;
    a->n_reg = n;
    a->regs = 0;
    for (size_t k = 0; k < n; k++) {
        a->reg[k] = now->reg[k];
        a->regs |= cpu_reg_bit(now->reg[k].reg);
    }
    return true;
}

void cpu_regs_before(const struct cpu *c, const struct cpu_armed *a, u64 before[CPU_REGS_LOOKED])
{
    for (size_t k = 0; k < a->n_reg; k++)
        c->ops->reg_get(c, a->reg[k].reg, &before[__builtin_ctzll(cpu_reg_bit(a->reg[k].reg))]);
}

void cpu_regs_after(struct cpu *c, const struct cpu_armed *a, const u64 before[CPU_REGS_LOOKED])
{
    u64 told = 0;
    for (size_t k = 0; k < a->n_reg; k++) {
        const struct cpu_reg_watch *w = &a->reg[k];
        u64 bit = cpu_reg_bit(w->reg), old = before[__builtin_ctzll(bit)], v = old;
        c->ops->reg_get(c, w->reg, &v);
        if (v == old || (w->only && v != w->value) || (told & bit))
            continue;
        told |= bit;
        EVENT_OF(EV_CPU_GENERAL, c->bus, c->clock->now, c->name, &cpu_event_general, { .s = w->reg->name }, { .u = old }, { .u = v });
    }
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
