/* See tables.h. */
#include <stdlib.h>
#include <string.h>

#include "cpu/tables.h"

#define UNIT 8       /* bytes of a table one bit of `used` stands for: one entry, or two of 4 bytes */
#define IDLE_MAX 256 /* stores that hit nothing until the page is taken for data that once was a table */
#define HASH 1024
#define RECORDS 4096

struct table {
    struct table *next;
    struct ram *ram;
    u64 page;
    u64 base;  /* virtual address the first unit translates, within mask */
    u64 mask;  /* bits of virtual addresses that count: those of the mode */
    u8 shift;  /* a unit translates 2^shift bytes */
    u16 idle;
    u32 ctxs;  /* contexts that keep something of it, a bit each */
    u64 used[PAGE_SIZE / UNIT / 64];
};

struct cpu_tables {
    struct cpu_tables_user user;
    struct table *head[HASH], *unused;
    unsigned n, live; /* of `record`: were ever used, are in use */
    struct table record[RECORDS];
};

struct cpu_tables *cpu_tables_new(struct arena *a, const struct cpu_tables_user *user)
{
    struct cpu_tables *t = xcalloc(1, sizeof *t);
    arena_defer(a, free, t);
    t->user = *user;
    return t;
}

void cpu_tables_clear(struct cpu_tables *c)
{
    memset(c->head, 0, sizeof c->head);
    c->unused = NULL;
    c->n = c->live = 0;
}

static struct table **place(struct cpu_tables *c, struct ram *ram, u64 page)
{
    struct table **t = &c->head[(page ^ (u64)(uintptr_t)ram >> 8) & (HASH - 1)];
    while (*t && ((*t)->page != page || (*t)->ram != ram))
        t = &(*t)->next;
    return t;
}

static struct table *get(struct cpu_tables *c, struct ram *ram, u64 page)
{
    struct table **at = place(c, ram, page), *t = *at;
    if (t)
        return t;
    t = c->unused;
    if (t)
        c->unused = t->next;
    else
        t = &c->record[c->n++];
    c->live++;
    *t = (struct table){ .ram = ram, .page = page };
    return *at = t;
}

static bool full(const struct cpu_tables *c) /* not room for the longest walk */
{
    return c->live + CPU_LEVELS_MAX > RECORDS;
}

/* --- dropping --------------------------------------------------------------------------------------------------- */

static void drop(struct cpu_tables *c, const struct table *t, unsigned unit)
{
    u64 va = t->base + ((u64)unit << t->shift), bytes = (u64)1 << t->shift;
    for (u32 ctxs = t->ctxs; ctxs; ctxs &= ctxs - 1) {
        unsigned ctx = (unsigned)__builtin_ctz(ctxs);
        if (t->shift <= PAGE_SHIFT + 1)
            for (u64 at = 0; at < bytes; at += PAGE_SIZE)
                c->user.drop_page(c->user.opaque, ctx, va + at, t->mask);
        else
            c->user.drop_range(c->user.opaque, ctx, va, bytes, t->mask);
    }
    c->user.dropped(c->user.opaque);
}

/* True: something is left of it. */
static bool drop_units(struct cpu_tables *c, struct table *t, unsigned first, unsigned last)
{
    u64 left = 0;
    for (unsigned w = first >> 6; w <= last >> 6; w++) {
        u64 mask = ~(u64)0;
        if (w == first >> 6)
            mask &= ~(u64)0 << (first & 63);
        if (w == last >> 6)
            mask &= ~(u64)0 >> (63 - (last & 63));
        u64 hit = t->used[w] & mask;
        t->used[w] &= ~mask;
        t->idle = hit ? 0 : t->idle;
        for (; hit; hit &= hit - 1)
            drop(c, t, w * 64 + (unsigned)__builtin_ctzll(hit));
    }
    for (unsigned w = 0; w < ARRAY_LEN(t->used); w++)
        left |= t->used[w];
    return left != 0;
}

#define ALL_UNITS 0, PAGE_SIZE / UNIT - 1

bool cpu_tables_written(struct cpu_tables *c, struct ram *ram, u64 offset, u64 len)
{
    struct table **at = place(c, ram, offset >> PAGE_SHIFT), *t = *at;
    if (!t)
        return false;
    unsigned first = (unsigned)((offset & PAGE_MASK) / UNIT), last = (unsigned)(((offset + len - 1) & PAGE_MASK) / UNIT);
    t->idle++;
    bool left = drop_units(c, t, first, last);
    if (left && t->idle > IDLE_MAX)
        left = drop_units(c, t, ALL_UNITS);
    if (!left) {
        *at = t->next;
        t->next = c->unused;
        c->unused = t;
        c->live--;
    }
    return left;
}

/* --- remembering ------------------------------------------------------------------------------------------------ */

bool cpu_tables_mark(struct cpu_tables *c, unsigned ctx, u64 va, const struct cpu_pte *pte, unsigned n, unsigned bytes,
                     unsigned width)
{
    if (UNLIKELY(full(c)))
        c->user.flush(c->user.opaque);
    for (unsigned k = 0; k < n; k++) {
        u64 page = pte[k].at >> PAGE_SHIFT, mask = ~(u64)0 >> (64 - width);
        unsigned unit = (unsigned)((pte[k].at & PAGE_MASK) / UNIT);
        u8 shift = (u8)(pte[k].shift + (bytes == 4));
        u64 base = va & mask & ~(((u64)PAGE_SIZE / UNIT << shift) - 1);
        struct table *t = get(c, pte[k].ram, page);
        if (UNLIKELY(t->base != base || t->shift != shift || t->mask != mask)) {
            /* One meaning at a time: a page that serves as a table in two places changes hands. */
            drop_units(c, t, ALL_UNITS);
            t->base = base;
            t->shift = shift;
            t->mask = mask;
            t->ctxs = 0;
            for (unsigned j = 0; j < k; j++)
                if (pte[j].ram == t->ram && pte[j].at >> PAGE_SHIFT == page)
                    return false; /* in this very walk */
        }
        t->used[unit >> 6] |= (u64)1 << (unit & 63);
        t->ctxs |= 1u << ctx;
        t->idle = 0;
        c->user.listen(c->user.opaque, t->ram);
        ram_mark_table(t->ram, page);
    }
    return true;
}
