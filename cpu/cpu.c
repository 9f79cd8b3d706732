#include "cpu/cpu.h"

#include <string.h>

const struct event_type cpu_event_general = {
    "cpu.general", "a general register somebody armed has changed", { { "name", EV_STR }, { "old", EV_HEX }, { "new", EV_HEX } },
};

static bool among(const struct cpu_stops *s, size_t from, size_t to, u64 at, u64 size, unsigned access)
{
    u64 last = at + (size - 1);
    size_t low = from, high = to;
    while (low < high) { /* the first that begins behind it */
        size_t mid = (low + high) / 2;
        if (s->watch[mid].addr <= last)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low > from && s->reach[low - 1] >= at; low--) {
        const struct cpu_watch *w = &s->watch[low - 1];
        if ((w->access & access) && at <= w->addr + (w->len - 1))
            return true;
    }
    return false;
}

void cpu_watch_reach(struct cpu *c)
{
    c->watch_virt = c->watch_phys = (struct cpu_reach){ UINT64_MAX, 0 };
    for (size_t k = 0; c->stops && k < c->stops->n_watch; k++) {
        const struct cpu_watch *w = &c->stops->watch[k];
        struct cpu_reach *r = w->physical ? &c->watch_phys : &c->watch_virt;
        u64 last = w->addr + (w->len - 1);
        r->first = w->addr < r->first ? w->addr : r->first;
        r->last = last > r->last ? last : r->last;
    }
}

bool cpu_watched_among(const struct cpu_stops *s, u64 va, u64 pa, u64 size, unsigned access)
{
    return among(s, 0, s->n_virtual, va, size, access) || among(s, s->n_virtual, s->n_watch, pa, size, access);
}

static u64 by_page(struct cpu *c, u64 va, u8 *bytes, u64 len, bool write)
{
    u64 done = 0;
    while (done < len) {
        u64 n = PAGE_SIZE - ((va + done) & PAGE_MASK);
        if (n > len - done)
            n = len - done;
        struct cpu_walk w;
        c->ops->walk(c, va + done, CPU_READ, &w);
        if (!w.ok)
            c->ops->walk(c, va + done, CPU_EXEC, &w);
        if (!w.ok)
            c->ops->walk(c, va + done, CPU_READ | CPU_USER, &w);
        if (!w.ok)
            break;
        u64 got = write ? space_poke(c->mem, w.pa, bytes + done, n) : space_peek(c->mem, w.pa, bytes + done, n);
        done += got;
        if (got != n)
            break;
    }
    return done;
}

u64 cpu_peek(struct cpu *c, u64 va, void *out, u64 len)
{
    return by_page(c, va, out, len, false);
}

u64 cpu_poke(struct cpu *c, u64 va, const void *in, u64 len)
{
    return by_page(c, va, (u8 *)(uintptr_t)in, len, true);
}

const struct cpu_reg *cpu_reg_named(const struct cpu *c, const char *name)
{
    unsigned hash = 0;
    for (const char *p = name; *p; p++)
        hash = hash * 31 + (u8)*p;
    /* What was found is remembered; not state. */
    const struct cpu_reg **known = &((struct cpu *)(uintptr_t)c)->named[hash % ARRAY_LEN(c->named)];
    if (*known && !strcmp((*known)->name, name))
        return *known;
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++)
        if (!strcmp(r->name, name))
            return *known = r;
    return NULL;
}
