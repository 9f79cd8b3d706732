/* Where an engine's blocks are: by the physical page they were decoded from, in one piece of memory that is given out from
 * its beginning and taken back whole. The blocks of a page go when it is written, or when a stop point comes or goes in it. */
#ifndef CPU_PAGES_H
#define CPU_PAGES_H

#include "base/arena.h"
#include "cpu/armed.h"
#include "cpu/tables.h"

enum { CPU_PAGE_HASH = 4096, CPU_PAGE_BUCKETS = 64 };

struct cpu_page { /* a physical page code was decoded from */
    struct cpu_page *next;
    struct ram *ram;
    u64 index;
    u8 *host;
    void *bucket[CPU_PAGE_BUCKETS]; /* the engine's lists of blocks */
};

struct cpu_pages_user { /* the engine's part */
    void (*drop_stores)(void *opaque, struct ram *ram, u64 page); /* as struct ram_listener says */
    void (*dropped)(void *opaque); /* some page's blocks: nothing that was remembered may lead to any */
    void (*flushed)(void *opaque); /* no block is left */
    bool (*has_place)(const struct cpu_page *page, const struct cpu_places *p); /* has it code at one of these? */
};

struct cpu_pages {
    const struct cpu_pages_user *user;
    void *opaque;
    struct arena *arena;
    struct cpu_tables *tables; /* are told of stores to page tables */
    struct cpu_page **page;    /* hash */
    u8 *bytes;
    size_t used, size, most; /* most: of one block */
    struct cpu_armed armed;  /* the code addresses that blocks were made for */
    struct cpu_pages_listener *listeners;
    struct ram *last_ram;
    struct {
        u64 flushes, dropped, stopped;
    } count;
};

/* For that many bytes of blocks, each of at most `most`. */
void cpu_pages_init(struct cpu_pages *p, struct arena *a, const struct cpu_pages_user *user, void *opaque,
    struct cpu_tables *tables, size_t bytes, size_t most);
void *cpu_pages_alloc(struct cpu_pages *p, size_t bytes); /* there is room: cpu_pages_get() or _room() has seen to it */
void cpu_pages_flush(struct cpu_pages *p);                /* not while a chain runs */
void cpu_pages_room(struct cpu_pages *p);                 /* flushes when the next block might not fit */
struct cpu_page *cpu_pages_get(struct cpu_pages *p, struct ram *ram, u64 index); /* NULL: no room */
void cpu_pages_drop(struct cpu_pages *p, struct ram *ram, u64 index);
/* Drops the pages that have code at the place in its page of an address armed or disarmed since the last call; all when
 * other families of events are heard or other registers told of. Not while a chain runs. False: nothing is armed that was not. */
bool cpu_pages_restop(struct cpu_pages *p, const struct cpu_stops *now, u32 heard);

/* Makes sure to hear of what happens to the pages of this RAM. */
void cpu_pages_listen_to(struct cpu_pages *p, struct ram *ram);
static inline void cpu_pages_listen(struct cpu_pages *p, struct ram *ram)
{
    if (UNLIKELY(p->last_ram != ram))
        cpu_pages_listen_to(p, ram);
}

#endif
