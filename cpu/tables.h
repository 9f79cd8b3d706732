/* Translations never go stale: what a CPU's engine keeps of a walk (TLB and fetch entries, jump caches) is dropped the
 * moment one of the page-table entries it came from is written, by whomever. See docs/decisions/009.
 *
 * For each page of page tables there is a record of which of its entries something is kept of, in which contexts (ways of
 * translating, numbered by the engine), and which virtual addresses they translate. RAM calls back when such a page is
 * written (RAM_TABLE). */
#ifndef CPU_TABLES_H
#define CPU_TABLES_H

#include "base/arena.h"
#include "base/types.h"
#include "memory/ram.h"

#define CPU_LEVELS_MAX 5
#define CPU_TABLES_CTX_MAX 32

struct cpu_pte { /* an entry that a walk went through */
    struct ram *ram;
    u64 at;   /* in ram */
    u8 shift; /* it is for 2^shift bytes */
};

/* The engine's part. Addresses are compared within mask: the bits that count in the mode. */
struct cpu_tables_user {
    void (*drop_page)(void *opaque, unsigned ctx, u64 va, u64 mask);
    void (*drop_range)(void *opaque, unsigned ctx, u64 va, u64 bytes, u64 mask);
    void (*dropped)(void *opaque); /* after those: an entry in use was written */
    void (*listen)(void *opaque, struct ram *ram); /* makes sure that cpu_tables_written() is called for it */
    void (*flush)(void *opaque);   /* no room: drop everything and call cpu_tables_clear() */
    void *opaque;
};

struct cpu_tables;
struct cpu_tables *cpu_tables_new(struct arena *a, const struct cpu_tables_user *user);
void cpu_tables_clear(struct cpu_tables *t); /* nothing is kept any more */
/* Before something is kept in ctx of how va was translated: by n entries of `bytes` bytes (4 or 8); width: how many bits
 * of addresses count. False: it must not be kept. */
bool cpu_tables_mark(struct cpu_tables *t, unsigned ctx, u64 va, const struct cpu_pte *pte, unsigned n, unsigned bytes,
                     unsigned width);
/* For ram_listener.table_written. */
bool cpu_tables_written(struct cpu_tables *t, struct ram *ram, u64 offset, u64 len);

#endif
