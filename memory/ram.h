/* Guest RAM and ROM contents, with what is known of each 4 KiB page.
 *
 * Two questions are answered without slowing stores down: "was this page written since I looked?" (snapshots,
 * state hashes) and "was code decoded from this page?" (block caches). CPUs keep host pointers to pages for
 * their stores; they may do so only while ram_store_fast() holds, and drop them when a listener is told to. */
#ifndef MEMORY_RAM_H
#define MEMORY_RAM_H

#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/types.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE ((u64)1 << PAGE_SHIFT)
#define PAGE_MASK (PAGE_SIZE - 1)

enum {
    RAM_DIRTY = 1, /* written since it was last cleaned */
    RAM_CODE = 2,  /* some CPU holds decoded blocks of it */
    RAM_TABLE = 4, /* some CPU holds translations that page-table entries in it gave */
};

struct ram;

struct ram_listener {
    /* Forget host pointers for stores into this page (RAM_ALL_PAGES: into any page). */
    void (*drop_stores)(void *opaque, struct ram *ram, u64 page);
    /* Decoded code of this page was written: drop its blocks. */
    void (*code_written)(void *opaque, struct ram *ram, u64 page);
    void *opaque;
    struct ram_listener *next;
    /* Bytes of a page with RAM_TABLE were written (they lie in one page): drop what was translated by them. True:
     * other entries of the page are still in use. NULL: this listener marks no tables. */
    bool (*table_written)(void *opaque, struct ram *ram, u64 offset, u64 len);
};
#define RAM_ALL_PAGES UINT64_MAX

struct ram {
    const char *name; /* unique in the machine; snapshots use it */
    u8 *host;         /* page aligned; guest byte order, which is little-endian on every board so far */
    u64 size;         /* bytes, a multiple of PAGE_SIZE */
    u64 pages;
    bool rom;         /* guest stores do not reach it; loading an image does */
    u8 *flags;        /* per page, RAM_* */
    u64 *code;        /* per page with RAM_CODE: a bit for each 64 bytes that code was decoded from. Data in the same
                       * page (small programs have it there) may be stored to without losing the decoded code. */
    u32 *gen;         /* per page: how many times it went from clean to dirty */
    u64 *page_hash;   /* per page, valid while hash_gen == gen and clean */
    u32 *hash_gen;
    struct ram_listener *listeners;
    struct ram *next;
};

/* Zeroed memory that costs the host nothing until touched; unmapped with the arena. */
struct ram *ram_new(struct arena *a, const char *name, u64 size, bool rom, struct err *e);

void ram_listen(struct ram *r, struct ram_listener *l);

/* May a CPU store through a host pointer without telling? */
static inline bool ram_store_fast(const struct ram *r, u64 page)
{
    return !r->rom && (r->flags[page] & (RAM_DIRTY | RAM_CODE | RAM_TABLE)) == RAM_DIRTY;
}

static inline bool page_is_zero(const u8 *page)
{
    return !page[0] && !memcmp(page, page + 1, PAGE_SIZE - 1);
}

/* All zero, as it was made. */
void ram_clear(struct ram *r);

/* Must be called for every store that did not go through such a pointer, before or after it. */
void ram_written(struct ram *r, u64 offset, u64 len);

/* The same for a CPU that sets accessed or dirty bits in page-table entries, by which no translation changes. */
void ram_written_by_walk(struct ram *r, u64 offset, u64 len);

/* A CPU keeps what a page-table entry in this page said. */
void ram_mark_table(struct ram *r, u64 page);

/* A CPU decoded code from these bytes, all of one page. */
void ram_mark_code(struct ram *r, u64 offset, u64 len);

/* These bytes are no longer seen where CPUs decoded code from them: they drop it. */
void ram_forget_code(struct ram *r, u64 offset, u64 len);

/* CPUs forget all their pointers: the address space changed. */
void ram_forget_pointers(struct ram *r);

/* Marks every page clean. A consumer that remembers gen[] right after knows later exactly which pages
 * changed: those whose gen differs. Several consumers do not disturb one another. */
void ram_clean(struct ram *r);

/* Hash of the contents; all-zero pages count nothing, so it does not depend on what was ever touched.
 * Cleans the pages; only pages written since the last call are read. */
u64 ram_hash(struct ram *r, u64 hash);

#endif
