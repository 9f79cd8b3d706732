#include "machine/pages.h"

#include <stdlib.h>
#include <string.h>

/* A memory is a table of leaves, a leaf a table of pages; both are shared by moments and counted. NULL: all zero. */
enum { LEAF = 512 };
struct page {
    u32 refs;
    u8 data[PAGE_SIZE];
};
struct leaf {
    u32 refs;
    u32 version[LEAF]; /* another one whenever the page may have been written, to the same contents too */
    struct page *page[LEAF];
};
struct moment {
    struct leaf **leaf; /* of all memories, one behind the other */
};

struct memory {
    struct ram *ram;
    u64 first; /* its first leaf */
    u32 *gen;  /* of each page when `now` was true of it */
};

struct pages {
    struct memory *memory;
    unsigned n_memories;
    u64 n_leaves, bytes;
    u32 version;       /* of the moment taken last */
    struct moment now; /* what was last taken or restored: true where gen has not moved on */
};

static bool is_zero(const u8 *p)
{
    return !p[0] && !memcmp(p, p + 1, PAGE_SIZE - 1);
}

static void drop_page(struct pages *p, struct page *g)
{
    if (g && !--g->refs) {
        p->bytes -= sizeof *g;
        free(g);
    }
}

static void drop_leaf(struct pages *p, struct leaf *l)
{
    if (!l || --l->refs)
        return;
    for (unsigned i = 0; i < LEAF; i++)
        drop_page(p, l->page[i]);
    p->bytes -= sizeof *l;
    free(l);
}

static u32 version_at(const struct moment *t, const struct memory *m, u64 page)
{
    const struct leaf *l = t->leaf[m->first + page / LEAF];
    return l ? l->version[page % LEAF] : 0;
}

static struct page *page_at(const struct moment *t, const struct memory *m, u64 page)
{
    const struct leaf *l = t->leaf[m->first + page / LEAF];
    return l ? l->page[page % LEAF] : NULL;
}

/* In `now`, whose leaf becomes its own. Takes over the reference to g. */
static void put_page(struct pages *p, const struct memory *m, u64 page, struct page *g)
{
    struct leaf **at = &p->now.leaf[m->first + page / LEAF], *l = *at;
    if (!l || l->refs > 1) {
        struct leaf *own = xcalloc(1, sizeof *own);
        own->refs = 1;
        p->bytes += sizeof *own;
        for (unsigned i = 0; l && i < LEAF; i++) {
            own->version[i] = l->version[i];
            if ((own->page[i] = l->page[i]))
                own->page[i]->refs++;
        }
        drop_leaf(p, l);
        *at = l = own;
    }
    drop_page(p, l->page[page % LEAF]);
    l->page[page % LEAF] = g;
    l->version[page % LEAF] = p->version;
}

struct pages *pages_new(struct machine *m)
{
    struct pages *p = xcalloc(1, sizeof *p);
    for (struct ram *r = m->rams; r; r = r->next)
        p->n_memories++;
    p->memory = xcalloc(p->n_memories, sizeof *p->memory);
    unsigned n = 0;
    for (struct ram *r = m->rams; r; r = r->next) {
        p->memory[n++] = (struct memory){ .ram = r, .first = p->n_leaves, .gen = xcalloc(r->pages, sizeof(u32)) };
        p->n_leaves += (r->pages + LEAF - 1) / LEAF;
    }
    p->now.leaf = xcalloc(p->n_leaves, sizeof *p->now.leaf);
    return p;
}

static void drop_leaves(struct pages *p, struct moment *t)
{
    for (u64 i = 0; i < p->n_leaves; i++)
        drop_leaf(p, t->leaf[i]);
    free(t->leaf);
}

void pages_free(struct pages *p)
{
    if (!p)
        return;
    drop_leaves(p, &p->now);
    for (unsigned i = 0; i < p->n_memories; i++)
        free(p->memory[i].gen);
    free(p->memory);
    free(p);
}

u64 pages_bytes(const struct pages *p)
{
    return p->bytes;
}

static struct moment *copy_now(struct pages *p)
{
    struct moment *t = xcalloc(1, sizeof *t);
    t->leaf = xcalloc(p->n_leaves, sizeof *t->leaf);
    for (u64 i = 0; i < p->n_leaves; i++)
        if ((t->leaf[i] = p->now.leaf[i]))
            t->leaf[i]->refs++;
    p->bytes += sizeof *t + p->n_leaves * sizeof *t->leaf;
    return t;
}

struct moment *pages_take(struct pages *p)
{
    p->version++;
    for (unsigned i = 0; i < p->n_memories; i++) {
        struct memory *m = &p->memory[i];
        struct ram *r = m->ram;
        for (u64 page = 0; page < r->pages; page++) {
            if (r->gen[page] == m->gen[page])
                continue;
            m->gen[page] = r->gen[page];
            const u8 *host = r->host + (page << PAGE_SHIFT);
            struct page *g = NULL;
            if (!is_zero(host)) {
                g = xmalloc(sizeof *g);
                g->refs = 1;
                memcpy(g->data, host, PAGE_SIZE);
                p->bytes += sizeof *g;
            }
            put_page(p, m, page, g);
        }
        ram_clean(r);
    }
    return copy_now(p);
}

void pages_restore(struct pages *p, const struct moment *t)
{
    static const u8 zero[PAGE_SIZE];
    for (unsigned i = 0; i < p->n_memories; i++) {
        struct memory *m = &p->memory[i];
        struct ram *r = m->ram;
        for (u64 page = 0; page < r->pages; page++) {
            if (!(page % LEAF) && p->now.leaf[m->first + page / LEAF] == t->leaf[m->first + page / LEAF]) {
                u64 end = page + LEAF < r->pages ? page + LEAF : r->pages;
                if (!memcmp(r->gen + page, m->gen + page, (end - page) * sizeof(u32))) {
                    page = end - 1;
                    continue;
                }
            }
            struct page *was = page_at(&p->now, m, page), *g = page_at(t, m, page);
            if (was == g && r->gen[page] == m->gen[page])
                continue;
            u8 *host = r->host + (page << PAGE_SHIFT);
            const u8 *data = g ? g->data : zero;
            if (memcmp(host, data, PAGE_SIZE)) {
                memcpy(host, data, PAGE_SIZE);
                ram_written(r, page << PAGE_SHIFT, PAGE_SIZE);
            }
        }
        ram_clean(r);
        memcpy(m->gen, r->gen, r->pages * sizeof(u32));
    }
    for (u64 i = 0; i < p->n_leaves; i++) {
        struct leaf *old = p->now.leaf[i];
        if ((p->now.leaf[i] = t->leaf[i]))
            t->leaf[i]->refs++;
        drop_leaf(p, old);
    }
}

void moment_free(struct pages *p, struct moment *t)
{
    if (!t)
        return;
    drop_leaves(p, t);
    p->bytes -= sizeof *t + p->n_leaves * sizeof *t->leaf;
    free(t);
}

bool moment_differs(const struct pages *p, const struct moment *a, const struct moment *b, const struct ram *r, u64 page)
{
    for (unsigned i = 0; i < p->n_memories; i++)
        if (p->memory[i].ram == r)
            return version_at(a, &p->memory[i], page) != version_at(b, &p->memory[i], page);
    return true;
}

bool pages_written(const struct pages *p, const struct ram *r, u64 page)
{
    for (unsigned i = 0; i < p->n_memories; i++)
        if (p->memory[i].ram == r)
            return p->memory[i].gen[page] != r->gen[page];
    return true;
}
