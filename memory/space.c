#include "memory/space.h"

#include <stdlib.h>
#include <string.h>

struct space *space_new(struct arena *a, const char *name)
{
    struct space *s = ARENA_NEW(a, struct space);
    s->name = arena_strdup(a, name);
    s->arena = a;
    return s;
}

static bool insert(struct space *s, struct region *r, struct err *e)
{
    if (!r->size || r->base + (r->size - 1) < r->base)
        return err_set(e, "window '%s' at 0x%llx has an impossible size 0x%llx", r->name, (unsigned long long)r->base,
                       (unsigned long long)r->size);
    u32 at = 0;
    while (at < s->n && s->regions[at]->base < r->base)
        at++;
    struct region *near = NULL;
    if (at < s->n && s->regions[at]->base <= r->base + (r->size - 1))
        near = s->regions[at];
    if (at && s->regions[at - 1]->base + (s->regions[at - 1]->size - 1) >= r->base)
        near = s->regions[at - 1];
    if (near)
        return err_set(e, "window '%s' (0x%llx, 0x%llx bytes) overlaps '%s' (0x%llx, 0x%llx bytes) in address space '%s'",
                       r->name, (unsigned long long)r->base, (unsigned long long)r->size, near->name,
                       (unsigned long long)near->base, (unsigned long long)near->size, s->name);
    if (s->n == s->cap) {
        u32 cap = s->cap ? 2 * s->cap : 32;
        struct region **bigger = ARENA_ARRAY(s->arena, struct region *, cap);
        if (s->n)
            memcpy(bigger, s->regions, s->n * sizeof *bigger);
        s->regions = bigger;
        s->cap = cap;
    }
    memmove(s->regions + at + 1, s->regions + at, (s->n - at) * sizeof *s->regions);
    s->regions[at] = r;
    s->n++;
    return true;
}

bool space_add_ram(struct space *s, u64 base, struct ram *ram, struct err *e)
{
    struct region *r = ARENA_NEW(s->arena, struct region);
    *r = (struct region){ .name = ram->name, .base = base, .size = ram->size, .ram = ram,
                          .read_direct = true, .write_direct = !ram->rom };
    return insert(s, r, e);
}

struct region *space_add_io(struct space *s, const char *name, u64 base, u64 size, const struct io_ops *ops,
                            void *opaque, struct err *e)
{
    struct region *r = ARENA_NEW(s->arena, struct region);
    *r = (struct region){ .name = arena_strdup(s->arena, name), .base = base, .size = size, .ops = ops, .opaque = opaque };
    return insert(s, r, e) ? r : NULL;
}

struct region *space_add_romd(struct space *s, const char *name, u64 base, struct ram *ram, const struct io_ops *ops,
                              void *opaque, struct err *e)
{
    struct region *r = ARENA_NEW(s->arena, struct region);
    *r = (struct region){ .name = arena_strdup(s->arena, name), .base = base, .size = ram->size, .ram = ram,
                          .read_direct = true, .ops = ops, .opaque = opaque };
    return insert(s, r, e) ? r : NULL;
}

void space_set_read_direct(struct region *r, bool direct)
{
    if (r->read_direct == direct)
        return;
    r->read_direct = direct;
    for (struct ram_listener *l = r->ram->listeners; l; l = l->next) {
        l->drop_stores(l->opaque, r->ram, RAM_ALL_PAGES);
        for (u64 p = 0; p < r->ram->pages; p++)
            if (r->ram->flags[p] & RAM_CODE)
                l->code_written(l->opaque, r->ram, p);
    }
}

struct region *space_find(struct space *s, u64 addr)
{
    struct region *r = s->last;
    if (r && addr - r->base < r->size)
        return r;
    u32 lo = 0, hi = s->n;
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        r = s->regions[mid];
        if (addr < r->base)
            hi = mid;
        else if (addr - r->base >= r->size)
            lo = mid + 1;
        else
            return s->last = r;
    }
    return NULL;
}

static struct region *find_access(struct space *s, u64 addr, unsigned size)
{
    struct region *r = space_find(s, addr);
    return r && r->size - (addr - r->base) >= size ? r : NULL;
}

enum mem_result space_read(struct space *s, u64 addr, unsigned size, u64 *value)
{
    struct region *r = find_access(s, addr, size);
    *value = 0;
    if (!r)
        return MEM_FAULT;
    if (r->read_direct) {
        *value = load_le(r->ram->host + r->ram_offset + (addr - r->base), size);
        return MEM_OK;
    }
    return r->ops->read(r->opaque, addr - r->base, size, value);
}

enum mem_result space_write(struct space *s, u64 addr, unsigned size, u64 value)
{
    struct region *r = find_access(s, addr, size);
    if (!r)
        return MEM_FAULT;
    if (r->write_direct) {
        u64 at = r->ram_offset + (addr - r->base);
        store_le(r->ram->host + at, size, value);
        ram_written(r->ram, at, size);
        return MEM_OK;
    }
    return r->ops ? r->ops->write(r->opaque, addr - r->base, size, value & size_mask(size)) : MEM_FAULT;
}

enum bulk { BULK_DMA_READ, BULK_DMA_WRITE, BULK_PEEK, BULK_POKE };

static u64 bulk(struct space *s, u64 addr, u8 *bytes, u64 len, enum bulk kind)
{
    u64 done = 0;
    while (done < len) {
        struct region *r = space_find(s, addr + done);
        if (!r)
            break;
        u64 off = addr + done - r->base, n = r->size - off;
        if (n > len - done)
            n = len - done;
        bool direct = kind == BULK_DMA_READ || kind == BULK_PEEK ? r->read_direct
                      : kind == BULK_DMA_WRITE                   ? r->write_direct
                                                                 : r->ram != NULL;
        if (direct) {
            u8 *host = r->ram->host + r->ram_offset + off;
            if (kind == BULK_DMA_READ || kind == BULK_PEEK) {
                memcpy(bytes + done, host, n);
            } else {
                memcpy(host, bytes + done, n);
                ram_written(r->ram, r->ram_offset + off, n);
            }
            done += n;
            continue;
        }
        if (kind != BULK_PEEK || !r->ops || !r->ops->peek)
            break;
        /* Devices are peeked in the largest aligned pieces they take. */
        unsigned size = 8;
        u64 value = 0;
        while (size && ((off & (size - 1)) || size > n || r->ops->peek(r->opaque, off, size, &value) != MEM_OK))
            size /= 2;
        if (!size)
            break;
        store_le(bytes + done, size, value);
        done += size;
    }
    return done;
}

bool space_dma_read(struct space *s, u64 addr, void *out, u64 len)
{
    return bulk(s, addr, out, len, BULK_DMA_READ) == len;
}

bool space_dma_write(struct space *s, u64 addr, const void *in, u64 len)
{
    return bulk(s, addr, (u8 *)(uintptr_t)in, len, BULK_DMA_WRITE) == len;
}

u64 space_peek(struct space *s, u64 addr, void *out, u64 len)
{
    return bulk(s, addr, out, len, BULK_PEEK);
}

u64 space_poke(struct space *s, u64 addr, const void *in, u64 len)
{
    return bulk(s, addr, (u8 *)(uintptr_t)in, len, BULK_POKE);
}
