#include "memory/space.h"

#include <stdlib.h>
#include <string.h>

struct window {
    struct region whole;
    struct space *s;
    int rank;
    bool on, fixed;
};

struct space *space_new(struct arena *a, const char *name)
{
    struct space *s = ARENA_NEW(a, struct space);
    s->name = arena_strdup(a, name);
    s->arena = a;
    return s;
}

/* --- what is seen ------------------------------------------------------------------------------------------ */

static u64 last_of(const struct region *r)
{
    return r->base + (r->size - 1);
}

/* Index of the first region that ends at or after addr. */
static u32 index_at(const struct space *s, u64 addr)
{
    u32 lo = 0, hi = s->n;
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        if (last_of(s->regions[mid]) < addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void insert(struct space *s, u32 at, struct region *r)
{
    memmove(s->regions + at + 1, s->regions + at, (s->n - at) * sizeof *s->regions);
    s->regions[at] = r;
    s->n++;
}

/* What of the window is not hidden by those already there. Returns how many pieces were taken. */
static u32 show(struct space *s, struct window *w, struct region *pieces)
{
    struct region *r = &w->whole;
    u64 at = r->base, last = last_of(r);
    u32 taken = 0;
    for (u32 i = index_at(s, at);; i++) {
        struct region *next = i < s->n ? s->regions[i] : NULL;
        if (next && next->base <= at) {
            if (last_of(next) >= last)
                break;
            at = last_of(next) + 1;
            continue;
        }
        u64 end = next && next->base <= last ? next->base - 1 : last;
        if (at == r->base && end == last) {
            insert(s, i, r);
            break;
        }
        struct region *p = &pieces[taken++];
        *p = *r;
        p->base = at;
        p->size = end - at + 1;
        p->offset = at - r->base;
        p->ram_offset += p->offset;
        insert(s, i, p);
        if (end == last)
            break;
        at = end + 1;
    }
    return taken;
}

/* What CPUs decoded where something else may be seen soon. */
static void forget_code(struct space *s, const struct region *r)
{
    u64 last = last_of(r);
    for (u32 i = index_at(s, r->base); i < s->n && s->regions[i]->base <= last; i++) {
        const struct region *p = s->regions[i];
        u64 from = p->base > r->base ? p->base : r->base, to = last_of(p) < last ? last_of(p) : last;
        if (p->ram)
            ram_forget_code(p->ram, p->ram_offset + (from - p->base), to - from + 1);
    }
}

static void recompute(struct space *s)
{
    struct region *pieces = s->spare;
    s->spare = s->pieces;
    s->pieces = pieces;
    s->last = NULL;
    s->n = 0;
    for (u32 i = 0; i < s->n_windows; i++)
        if (s->windows[i]->on)
            pieces += show(s, s->windows[i], pieces);
    for (u32 i = 0; i < s->n_rams; i++)
        ram_forget_pointers(s->rams[i]);
}

/* --- windows ----------------------------------------------------------------------------------------------- */

static void note_ram(struct space *s, struct ram *ram)
{
    for (u32 i = 0; i < s->n_rams; i++)
        if (s->rams[i] == ram)
            return;
    if (s->n_rams == s->rams_cap) {
        s->rams_cap = s->rams_cap ? 2 * s->rams_cap : 8;
        struct ram **bigger = ARENA_ARRAY(s->arena, struct ram *, s->rams_cap);
        if (s->n_rams)
            memcpy(bigger, s->rams, s->n_rams * sizeof *bigger);
        s->rams = bigger;
    }
    s->rams[s->n_rams++] = ram;
}

/* n windows are seen as at most 2 n - 1 regions: each begins where one begins or after one ends. */
static void grow(struct space *s)
{
    u32 cap = s->cap ? 2 * s->cap : 32;
    struct window **windows = ARENA_ARRAY(s->arena, struct window *, cap);
    struct region **regions = ARENA_ARRAY(s->arena, struct region *, 2 * cap);
    if (s->n_windows)
        memcpy(windows, s->windows, s->n_windows * sizeof *windows);
    if (s->n)
        memcpy(regions, s->regions, s->n * sizeof *regions);
    s->windows = windows;
    s->regions = regions;
    s->cap = cap;
    /* The pieces in use stay where they are. */
    s->pieces = ARENA_ARRAY(s->arena, struct region, 2 * cap);
    s->spare = ARENA_ARRAY(s->arena, struct region, 2 * cap);
}

static struct window *add_window(struct space *s, const struct region *whole, int rank)
{
    if (s->n_windows == s->cap)
        grow(s);
    struct window *w = ARENA_NEW(s->arena, struct window);
    w->whole = *whole;
    w->whole.window = w;
    w->s = s;
    w->rank = rank;
    u32 at = s->n_windows++;
    for (; at && s->windows[at - 1]->rank < rank; at--)
        s->windows[at] = s->windows[at - 1];
    s->windows[at] = w;
    if (whole->ram)
        note_ram(s, whole->ram);
    return w;
}

static bool place(struct window *w, u64 base, bool on)
{
    struct region *r = &w->whole;
    on = on && r->size && base + (r->size - 1) >= base;
    if (w->on == on && (!on || r->base == base))
        return on;
    if (w->on)
        forget_code(w->s, r);
    r->base = base;
    w->on = on;
    if (on)
        forget_code(w->s, r);
    recompute(w->s);
    return on;
}

/* One that stays where it is, and that no other such may overlap. */
static struct region *add_fixed(struct space *s, const struct region *r, struct err *e)
{
    if (!r->size || last_of(r) < r->base)
        return err_set(e, "window '%s' at 0x%llx has an impossible size 0x%llx", r->name, (unsigned long long)r->base,
                       (unsigned long long)r->size), NULL;
    const struct region *near = NULL;
    for (u32 i = 0; i < s->n_windows; i++) {
        const struct region *o = &s->windows[i]->whole;
        if (s->windows[i]->fixed && o->base <= last_of(r) && last_of(o) >= r->base && (!near || o->base < near->base))
            near = o;
    }
    if (near)
        return err_set(e, "window '%s' (0x%llx, 0x%llx bytes) overlaps '%s' (0x%llx, 0x%llx bytes) in address space "
                       "'%s'", r->name, (unsigned long long)r->base, (unsigned long long)r->size, near->name,
                       (unsigned long long)near->base, (unsigned long long)near->size, s->name), NULL;
    struct window *w = add_window(s, r, 0);
    w->fixed = true;
    place(w, r->base, true);
    return &w->whole;
}

bool space_add_ram(struct space *s, u64 base, struct ram *ram, struct err *e)
{
    return space_add_ram_part(s, base, ram, 0, ram->size, e);
}

bool space_add_ram_part(struct space *s, u64 base, struct ram *ram, u64 offset, u64 size, struct err *e)
{
    if ((offset | size | base) & PAGE_MASK || offset > ram->size || size > ram->size - offset)
        return err_set(e, "memory '%s' (0x%llx bytes) has no whole pages 0x%llx to 0x%llx to put at 0x%llx", ram->name,
                       (unsigned long long)ram->size, (unsigned long long)offset, (unsigned long long)(offset + size),
                       (unsigned long long)base);
    return add_fixed(s, &(struct region){ .name = ram->name, .base = base, .size = size, .ram = ram,
                                          .ram_offset = offset, .read_direct = true, .write_direct = !ram->rom }, e);
}

struct region *space_add_io(struct space *s, const char *name, u64 base, u64 size, const struct io_ops *ops,
                            void *opaque, struct err *e)
{
    return add_fixed(s, &(struct region){ .name = arena_strdup(s->arena, name), .base = base, .size = size, .ops = ops,
                                          .opaque = opaque }, e);
}

struct region *space_add_romd(struct space *s, const char *name, u64 base, struct ram *ram, const struct io_ops *ops,
                              void *opaque, struct err *e)
{
    return add_fixed(s, &(struct region){ .name = arena_strdup(s->arena, name), .base = base, .size = ram->size,
                                          .ram = ram, .read_direct = true, .ops = ops, .opaque = opaque }, e);
}

struct window *space_window_new(struct space *s, const char *name, u64 size, int rank, const struct io_ops *ops,
                                void *opaque, struct ram *ram, u64 ram_offset)
{
    return add_window(s, &(struct region){ .name = arena_strdup(s->arena, name), .size = size, .ram = ram,
                                           .ram_offset = ram_offset, .ops = ops, .opaque = opaque }, rank);
}

void space_window_place(struct window *w, u64 base, bool on)
{
    place(w, base, on);
}

void space_window_direct(struct window *w, bool read_direct, bool write_direct)
{
    struct region *r = &w->whole;
    read_direct = read_direct && r->ram;
    write_direct = write_direct && r->ram;
    if (r->read_direct == read_direct && r->write_direct == write_direct)
        return;
    r->read_direct = read_direct;
    r->write_direct = write_direct;
    if (!w->on)
        return;
    forget_code(w->s, r);
    recompute(w->s);
}

void space_set_read_direct(const struct region *r, bool direct)
{
    space_window_direct(r->window, direct, r->write_direct);
}

const struct region *space_window_region(const struct window *w)
{
    return &w->whole;
}

bool space_window_on(const struct window *w)
{
    return w->on;
}

/* --- access ------------------------------------------------------------------------------------------------ */

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
    return r->ops ? r->ops->read(r->opaque, r->offset + (addr - r->base), size, value) : MEM_FAULT;
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
    return r->ops ? r->ops->write(r->opaque, r->offset + (addr - r->base), size, value & size_mask(size)) : MEM_FAULT;
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
        off += r->offset;
        while (size && ((off & (size - 1)) || size > n || r->ops->peek(r->opaque, off, size, &value) != MEM_OK))
            size /= 2;
        if (!size)
            break;
        store_le(bytes + done, size, value);
        done += size;
    }
    return done;
}

static bool dma(struct space *s, u64 addr, void *bytes, u64 len, bool write)
{
    bool ok = bulk(s, addr, bytes, len, write ? BULK_DMA_WRITE : BULK_DMA_READ) == len;
    if (UNLIKELY(s->dma != NULL))
        s->dma(s->dma_opaque, addr, len, write);
    return ok;
}

bool space_dma_read(struct space *s, u64 addr, void *out, u64 len)
{
    return dma(s, addr, out, len, false);
}

bool space_dma_write(struct space *s, u64 addr, const void *in, u64 len)
{
    return dma(s, addr, (u8 *)(uintptr_t)in, len, true);
}

u64 space_peek(struct space *s, u64 addr, void *out, u64 len)
{
    return bulk(s, addr, out, len, BULK_PEEK);
}

u64 space_poke(struct space *s, u64 addr, const void *in, u64 len)
{
    return bulk(s, addr, (u8 *)(uintptr_t)in, len, BULK_POKE);
}
