/* Translations never go stale: what the engine keeps of a walk (TLB and fetch entries, the jump cache) is dropped the
 * moment one of the page-table entries it came from is written, by whomever. See docs/decisions/009.
 *
 * For each page of page tables there is a record of which of its entries something is kept of, in which contexts, and
 * which virtual addresses they translate. RAM calls back when such a page is written (RAM_TABLE). */
#include <stdlib.h>
#include <string.h>

#include "cpu/riscv/engine.h"

#define UNIT 8       /* bytes of a table one bit of `used` stands for: one entry, or two of Sv32 */
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
    u16 ctxs;  /* contexts that keep something of it, a bit each */
    u16 idle;
    u64 used[PAGE_SIZE / UNIT / 64];
};

struct rv_tables {
    struct table *head[HASH], *unused;
    unsigned n, live; /* of `record`: were ever used, are in use */
    struct table record[RECORDS];
};

void rv_tables_init(struct riscv_engine *e)
{
    e->tables = xcalloc(1, sizeof *e->tables);
    arena_defer(e->arena, free, e->tables);
}

void rv_tables_clear(struct riscv_engine *e)
{
    memset(e->tables->head, 0, sizeof e->tables->head);
    e->tables->unused = NULL;
    e->tables->n = e->tables->live = 0;
}

static struct table **place(struct riscv_engine *e, struct ram *ram, u64 page)
{
    struct table **t = &e->tables->head[(page ^ (u64)(uintptr_t)ram >> 8) & (HASH - 1)];
    while (*t && ((*t)->page != page || (*t)->ram != ram))
        t = &(*t)->next;
    return t;
}

static struct table *get(struct riscv_engine *e, struct ram *ram, u64 page)
{
    struct table **at = place(e, ram, page), *t = *at;
    if (t)
        return t;
    t = e->tables->unused;
    if (t)
        e->tables->unused = t->next;
    else
        t = &e->tables->record[e->tables->n++];
    e->tables->live++;
    *t = (struct table){ .ram = ram, .page = page };
    return *at = t;
}

static bool full(const struct riscv_engine *e) /* not room for the longest walk */
{
    return e->tables->live + RISCV_LEVELS_MAX > RECORDS;
}

/* --- dropping --------------------------------------------------------------------------------------------------- */

static void drop_page(struct riscv_engine *e, struct rv_ctx *c, u64 va, u64 mask)
{
    struct rv_tlb *t = &c->tlb[va >> PAGE_SHIFT & (RV_TLB_SIZE - 1)];
    rv_tlb_forget(c, t, !((t->rtag ^ va) & mask & ~PAGE_MASK), !((t->wtag ^ va) & mask & ~PAGE_MASK));
    struct rv_fetch *f = &c->fetch[va >> PAGE_SHIFT & (RV_FETCH_SIZE - 1)];
    if (!((f->vpage ^ va) & mask))
        f->gen = 0;
    if (*rv_executed(c, va) == c->gen) {
        c->gen++;
        e->leave = true;
    }
}

static void drop_range(struct riscv_engine *e, struct rv_ctx *c, u64 va, u64 bytes, u64 mask)
{
    unsigned n = c->n_used > RV_USED_MAX ? RV_TLB_SIZE : c->n_used;
    for (unsigned k = 0; k < n; k++) {
        struct rv_tlb *t = &c->tlb[n == RV_TLB_SIZE ? k : c->used[k]];
        rv_tlb_forget(c, t, ((t->rtag - va) & mask) < bytes, ((t->wtag - va) & mask) < bytes);
    }
    c->gen++;
    e->leave = true;
}

static void drop(struct riscv_engine *e, const struct table *t, unsigned unit)
{
    u64 va = t->base + ((u64)unit << t->shift), bytes = (u64)1 << t->shift;
    for (unsigned k = 0; k < RV_CTX_COUNT; k++) {
        if (!(t->ctxs >> k & 1))
            continue;
        if (t->shift <= PAGE_SHIFT + 1)
            for (u64 at = 0; at < bytes; at += PAGE_SIZE)
                drop_page(e, &e->ctx[k], va + at, t->mask);
        else
            drop_range(e, &e->ctx[k], va, bytes, t->mask);
    }
    e->table_drops++;
    e->want = NULL;
    e->count.tlb_drops++;
}

/* True: something is left of it. */
static bool drop_units(struct riscv_engine *e, struct table *t, unsigned first, unsigned last)
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
            drop(e, t, w * 64 + (unsigned)__builtin_ctzll(hit));
    }
    for (unsigned w = 0; w < ARRAY_LEN(t->used); w++)
        left |= t->used[w];
    return left != 0;
}

#define ALL_UNITS 0, PAGE_SIZE / UNIT - 1

bool rv_tables_written(struct riscv_engine *e, struct ram *ram, u64 offset, u64 len)
{
    struct table **at = place(e, ram, offset >> PAGE_SHIFT), *t = *at;
    if (!t)
        return false;
    unsigned first = (unsigned)((offset & PAGE_MASK) / UNIT), last = (unsigned)(((offset + len - 1) & PAGE_MASK) / UNIT);
    t->idle++;
    bool left = drop_units(e, t, first, last);
    if (left && t->idle > IDLE_MAX)
        left = drop_units(e, t, ALL_UNITS);
    if (!left) {
        *at = t->next;
        t->next = e->tables->unused;
        e->tables->unused = t;
        e->tables->live--;
    }
    return left;
}

/* --- remembering ------------------------------------------------------------------------------------------------ */

bool rv_tables_mark(struct hart *h, struct rv_ctx *ctx, u64 va, const struct riscv_xlat *x)
{
    struct riscv_engine *e = h->engine;
    u16 ctx_bit = (u16)(1u << (ctx - e->ctx));
    if (UNLIKELY(full(e)))
        rv_tlb_flush(h);
    for (unsigned k = 0; k < x->n_ptes; k++) {
        u64 page = x->pte[k].at >> PAGE_SHIFT, mask = ~(u64)0 >> (64 - x->width);
        unsigned unit = (unsigned)((x->pte[k].at & PAGE_MASK) / UNIT);
        u8 shift = (u8)(x->pte[k].shift + (x->pte_bytes == 4));
        u64 base = va & mask & ~(((u64)PAGE_SIZE / UNIT << shift) - 1);
        struct table *t = get(e, x->pte[k].ram, page);
        if (UNLIKELY(t->base != base || t->shift != shift || t->mask != mask)) {
            /* One meaning at a time: a page that serves as a table in two places changes hands. */
            drop_units(e, t, ALL_UNITS);
            t->base = base;
            t->shift = shift;
            t->mask = mask;
            t->ctxs = 0;
            for (unsigned j = 0; j < k; j++)
                if (x->pte[j].ram == t->ram && x->pte[j].at >> PAGE_SHIFT == page)
                    return false; /* in this very walk */
        }
        t->used[unit >> 6] |= (u64)1 << (unit & 63);
        t->ctxs |= ctx_bit;
        t->idle = 0;
        rv_listen(e, t->ram);
        ram_mark_table(t->ram, page);
    }
    return true;
}
