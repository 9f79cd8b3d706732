#include "memory/ram.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"

struct mapping {
    void *p;
    size_t n;
};

static void unmap(void *opaque)
{
    struct mapping *m = opaque;
    munmap(m->p, m->n);
}

static void *map_zeroed(struct arena *a, size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    struct mapping *m = ARENA_NEW(a, struct mapping);
    *m = (struct mapping){ p, n };
    arena_defer(a, unmap, m);
    return p;
}

struct ram *ram_new(struct arena *a, const char *name, u64 size, bool rom, struct err *e)
{
    if (!size || (size & PAGE_MASK)) {
        err_set(e, "memory '%s' of %llu bytes is not a multiple of 4 KiB", name, (unsigned long long)size);
        return NULL;
    }
    struct ram *r = ARENA_NEW(a, struct ram);
    r->name = arena_strdup(a, name);
    r->size = size;
    r->pages = size >> PAGE_SHIFT;
    r->rom = rom;
    r->host = map_zeroed(a, size);
    r->flags = map_zeroed(a, r->pages);
    r->code = map_zeroed(a, r->pages * sizeof *r->code);
    r->gen = map_zeroed(a, r->pages * sizeof *r->gen);
    r->page_hash = map_zeroed(a, r->pages * sizeof *r->page_hash);
    r->hash_gen = map_zeroed(a, r->pages * sizeof *r->hash_gen);
    if (!r->host || !r->flags || !r->code || !r->gen || !r->page_hash || !r->hash_gen) {
        err_set(e, "the host cannot give %llu MiB for guest memory '%s' (%s); choose a smaller -m",
                (unsigned long long)(size >> 20), name, strerror(errno));
        return NULL;
    }
    return r;
}

void ram_listen(struct ram *r, struct ram_listener *l)
{
    l->next = r->listeners;
    r->listeners = l;
}

static void tell_drop(struct ram *r, u64 page)
{
    for (struct ram_listener *l = r->listeners; l; l = l->next)
        l->drop_stores(l->opaque, r, page);
}

/* The bits of code[page] for the part of [offset, offset + len) that lies in the page. */
static u64 chunks(u64 page, u64 offset, u64 len)
{
    u64 start = page << PAGE_SHIFT, end = offset + len;
    u64 first = offset > start ? (offset - start) >> 6 : 0;
    u64 last = end < start + PAGE_SIZE ? (end - 1 - start) >> 6 : 63;
    return (~(u64)0 >> (63 - (last - first))) << first;
}

/* The part of [offset, offset + len) that lies in the page. */
static void table_written(struct ram *r, u64 page, u64 offset, u64 len)
{
    u64 start = page << PAGE_SHIFT, end = offset + len;
    if (offset < start)
        offset = start;
    if (end > start + PAGE_SIZE)
        end = start + PAGE_SIZE;
    bool used = false;
    for (struct ram_listener *l = r->listeners; l; l = l->next)
        if (l->table_written && l->table_written(l->opaque, r, offset, end - offset))
            used = true;
    if (!used)
        r->flags[page] &= (u8)~RAM_TABLE;
}

static void written(struct ram *r, u64 offset, u64 len, bool tables_too)
{
    if (!len)
        return;
    for (u64 p = offset >> PAGE_SHIFT; p <= (offset + len - 1) >> PAGE_SHIFT; p++) {
        if (UNLIKELY(r->flags[p] & RAM_TABLE) && tables_too)
            table_written(r, p, offset, len);
        u8 was = r->flags[p];
        if ((was & (RAM_DIRTY | RAM_CODE)) == RAM_DIRTY)
            continue;
        if (!(was & RAM_DIRTY))
            r->gen[p]++;
        if ((was & RAM_CODE) && !(r->code[p] & chunks(p, offset, len))) {
            r->flags[p] |= RAM_DIRTY;
            continue;
        }
        r->flags[p] = RAM_DIRTY | (was & RAM_TABLE);
        r->code[p] = 0;
        if (was & RAM_CODE)
            for (struct ram_listener *l = r->listeners; l; l = l->next)
                l->code_written(l->opaque, r, p);
    }
}

void ram_clear(struct ram *r)
{
    for (u64 p = 0; p < r->pages; p++) {
        u8 *page = r->host + (p << PAGE_SHIFT);
        if (r->gen[p] && !page_is_zero(page)) { /* one that was never written is not touched either */
            memset(page, 0, PAGE_SIZE);
            ram_written(r, p << PAGE_SHIFT, PAGE_SIZE);
        }
    }
}

void ram_written(struct ram *r, u64 offset, u64 len)
{
    written(r, offset, len, true);
}

void ram_written_by_walk(struct ram *r, u64 offset, u64 len)
{
    written(r, offset, len, false);
}

void ram_mark_table(struct ram *r, u64 page)
{
    if (r->flags[page] & RAM_TABLE)
        return;
    r->flags[page] |= RAM_TABLE;
    tell_drop(r, page);
}

void ram_mark_code(struct ram *r, u64 offset, u64 len)
{
    u64 page = offset >> PAGE_SHIFT;
    r->code[page] |= chunks(page, offset, len);
    if (r->flags[page] & RAM_CODE)
        return;
    r->flags[page] |= RAM_CODE;
    tell_drop(r, page);
}

void ram_forget_code(struct ram *r, u64 offset, u64 len)
{
    for (u64 p = offset >> PAGE_SHIFT; len && p <= (offset + len - 1) >> PAGE_SHIFT; p++) {
        if (!(r->flags[p] & RAM_CODE))
            continue;
        r->flags[p] &= (u8)~RAM_CODE;
        r->code[p] = 0;
        for (struct ram_listener *l = r->listeners; l; l = l->next)
            l->code_written(l->opaque, r, p);
    }
}

void ram_forget_pointers(struct ram *r)
{
    tell_drop(r, RAM_ALL_PAGES);
}

void ram_clean(struct ram *r)
{
    for (u64 p = 0; p < r->pages; p++)
        r->flags[p] &= (u8)~RAM_DIRTY;
    tell_drop(r, RAM_ALL_PAGES);
}

static bool all_zero(const u8 *p)
{
    return !p[0] && !memcmp(p, p + 1, PAGE_SIZE - 1);
}

u64 ram_hash(struct ram *r, u64 hash)
{
    u64 sum = 0;
    for (u64 p = 0; p < r->pages; p++) {
        if (!r->gen[p])
            continue; /* never written */
        if ((r->flags[p] & RAM_DIRTY) || r->hash_gen[p] != r->gen[p]) {
            const u8 *host = r->host + (p << PAGE_SHIFT);
            r->page_hash[p] = all_zero(host) ? 0 : hash_bytes(host, PAGE_SIZE, p + 1);
            r->hash_gen[p] = r->gen[p];
        }
        sum += r->page_hash[p];
    }
    ram_clean(r);
    return hash_u64(sum, hash);
}
