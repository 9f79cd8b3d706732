#include "cpu/pages.h"

#include <stdlib.h>
#include <string.h>

struct cpu_pages_listener {
    struct ram_listener l;
    struct cpu_pages *pages;
    struct cpu_pages_listener *next;
    struct ram *ram;
};

static void drop_stores(void *opaque, struct ram *ram, u64 page)
{
    const struct cpu_pages_listener *l = opaque;
    l->pages->user->drop_stores(l->pages->opaque, ram, page);
}

static void code_written(void *opaque, struct ram *ram, u64 page)
{
    const struct cpu_pages_listener *l = opaque;
    cpu_pages_drop(l->pages, ram, page);
    l->pages->count.dropped++;
}

static bool table_written(void *opaque, struct ram *ram, u64 offset, u64 len)
{
    const struct cpu_pages_listener *l = opaque;
    return cpu_tables_written(l->pages->tables, ram, offset, len);
}

void cpu_pages_listen_to(struct cpu_pages *p, struct ram *ram)
{
    p->last_ram = ram;
    for (struct cpu_pages_listener *l = p->listeners; l; l = l->next)
        if (l->ram == ram)
            return;
    struct cpu_pages_listener *l = ARENA_NEW(p->arena, struct cpu_pages_listener);
    *l = (struct cpu_pages_listener){ .l = { drop_stores, code_written, l, NULL, table_written }, .pages = p,
                                      .next = p->listeners, .ram = ram };
    p->listeners = l;
    ram_listen(ram, &l->l);
}

void cpu_pages_init(struct cpu_pages *p, struct arena *a, const struct cpu_pages_user *user, void *opaque,
    struct cpu_tables *tables, size_t bytes, size_t most)
{
    *p = (struct cpu_pages){ .user = user, .opaque = opaque, .arena = a, .tables = tables, .size = bytes, .most = most };
    p->bytes = aligned_alloc(64, p->size);
    if (!p->bytes) {
        p->size = 1 << 20;
        p->bytes = xmalloc(p->size);
    }
    arena_defer(a, free, p->bytes);
    arena_defer(a, cpu_armed_free, &p->armed);
    p->page = ARENA_ARRAY(a, struct cpu_page *, CPU_PAGE_HASH);
}

void *cpu_pages_alloc(struct cpu_pages *p, size_t bytes)
{
    void *at = p->bytes + p->used;
    p->used += (bytes + 63) & ~(size_t)63;
    return at;
}

void cpu_pages_flush(struct cpu_pages *p)
{
    memset(p->page, 0, CPU_PAGE_HASH * sizeof *p->page);
    p->used = 0;
    p->user->flushed(p->opaque);
    p->count.flushes++;
}

void cpu_pages_room(struct cpu_pages *p)
{
    if (UNLIKELY(p->size - p->used < 2 * (p->most + sizeof(struct cpu_page) + 64)))
        cpu_pages_flush(p);
}

static struct cpu_page **head_of(struct cpu_pages *p, struct ram *ram, u64 index)
{
    return &p->page[(index ^ (u64)(uintptr_t)ram >> 8) & (CPU_PAGE_HASH - 1)];
}

struct cpu_page *cpu_pages_get(struct cpu_pages *p, struct ram *ram, u64 index)
{
    struct cpu_page **head = head_of(p, ram, index);
    for (struct cpu_page *page = *head; page; page = page->next)
        if (page->ram == ram && page->index == index)
            return page;
    if (p->size - p->used < sizeof(struct cpu_page) + 64 + p->most)
        return NULL; /* within a chain: the outer loop makes room */
    struct cpu_page *page = cpu_pages_alloc(p, sizeof *page);
    *page = (struct cpu_page){ .next = *head, .ram = ram, .index = index, .host = ram->host + (index << PAGE_SHIFT) };
    *head = page;
    return page;
}

void cpu_pages_drop(struct cpu_pages *p, struct ram *ram, u64 index)
{
    for (struct cpu_page *page = *head_of(p, ram, index); page; page = page->next)
        if (page->ram == ram && page->index == index)
            memset(page->bucket, 0, sizeof page->bucket);
    p->user->dropped(p->opaque);
}

bool cpu_pages_restop(struct cpu_pages *p, const struct cpu_stops *now, u32 heard)
{
    struct cpu_places moved;
    bool regs = cpu_armed_regs_moved(&p->armed, now);
    if (heard != p->armed.heard || regs) {
        p->armed.heard = heard;
        cpu_pages_flush(p);
    }
    if (!cpu_armed_moved(&p->armed, now, &moved))
        return false;
    for (unsigned k = 0; k < CPU_PAGE_HASH; k++)
        for (struct cpu_page *page = p->page[k]; page; page = page->next)
            if (p->user->has_place(page, &moved)) {
                cpu_pages_drop(p, page->ram, page->index);
                p->count.stopped++;
            }
    cpu_armed_take(&p->armed, now);
    return true;
}
