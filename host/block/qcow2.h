/* qcow2, versions 2 and 3 (QEMU, docs/interop/qcow2). Shared by the qcow2_*.c files only.
 *
 * A guest cluster is found by L1 table -> L2 table -> host cluster; a host cluster's reference count by refcount table
 * -> refcount block. L1 and refcount table are in memory; L2 tables and refcount blocks are cached.
 *
 * Order of writes, so that a crash at any moment leaks clusters at worst:
 *   1. the refcount of a cluster is raised, and its contents written, at once;
 *   2. the entry that points to it stays in the cache until qcow2_commit, which syncs first: L2 tables, then (after
 *      another sync) L1 entries;
 *   3. clusters that lost a reference are kept on a list and their refcounts lowered last.
 * So nothing on the disk ever points to a cluster that counts as free. */
#ifndef HOST_BLOCK_QCOW2_H
#define HOST_BLOCK_QCOW2_H

#include "host/block/layer.h"
#include "host/block/u64map.h"

/* Header fields by offset. */
enum {
    H_VERSION = 4, H_BACKING = 8, H_BACKING_LEN = 16, H_CLUSTER_BITS = 20, H_SIZE = 24, H_CRYPT = 32, H_L1_SIZE = 36,
    H_L1 = 40, H_REFT = 48, H_REFT_CLUSTERS = 56, H_N_SNAPSHOTS = 60, H_SNAPSHOTS = 64, H_V2_LENGTH = 72,
    H_INCOMPATIBLE = 72, H_COMPATIBLE = 80, H_AUTOCLEAR = 88, H_REFCOUNT_ORDER = 96, H_LENGTH = 100,
    H_COMPRESSION = 104, H_V3_LENGTH = 104, H_OUR_LENGTH = 112,
};
#define QCOW2_MAGIC 0x514649fbu

#define INCOMPAT_DIRTY ((u64)1 << 0)
#define INCOMPAT_CORRUPT ((u64)1 << 1)
#define INCOMPAT_DATA_FILE ((u64)1 << 2)
#define INCOMPAT_COMPRESSION ((u64)1 << 3)
#define INCOMPAT_EXTENDED_L2 ((u64)1 << 4)
#define INCOMPAT_KNOWN (INCOMPAT_DIRTY | INCOMPAT_CORRUPT | INCOMPAT_COMPRESSION)
#define COMPAT_LAZY_REFCOUNTS ((u64)1 << 0)
#define AUTOCLEAR_BITMAPS ((u64)1 << 0)

#define EXT_BACKING_FORMAT 0xe2792acau
#define EXT_FEATURE_NAMES 0x6803f857u
#define EXT_BITMAPS 0x23852875u

#define ENTRY_COPIED ((u64)1 << 63)     /* refcount is exactly one: may be written in place */
#define ENTRY_COMPRESSED ((u64)1 << 62)
#define ENTRY_ZERO ((u64)1 << 0)
#define ENTRY_OFFSET 0x00fffffffffffe00u

/* The limits QEMU has too; they bound what opening an image costs. */
#define MAX_L1_BYTES ((u64)32 << 20)
#define MAX_REFT_BYTES ((u64)8 << 20)
#define MAX_SNAPSHOTS 65536u
#define MAX_SNAPSHOT_TABLE ((u64)64 << 20)
#define MAX_BACKING_NAME 1023u
#define HOST_LIMIT ((u64)1 << 56) /* offsets have 56 bits */

struct table_slot {
    u64 offset; /* 0: empty (cluster 0 is the header, never a table) */
    u64 age;
    u8 *data;
    bool dirty;
};
struct table_cache {
    struct table_slot *slots;
    unsigned sets; /* a power of two, of CACHE_WAYS slots each */
    u64 tick;
    unsigned n_dirty;
};
#define CACHE_WAYS 4

struct qcow2_snapshot {
    u64 l1_offset, vm_clock_ns, vm_state_size, disk_size;
    u32 l1_size, seconds, nanoseconds;
    char *id, *name;
    u8 *extra; /* what follows byte 55, unknown to us and kept */
    u32 extra_len;
};

struct qcow2 {
    struct layer l; /* first */
    u32 version, cluster_bits, l2_bits, refcount_order, header_length;
    u64 cluster_size, ref_per_block, ref_max;
    u64 incompat, compat, autoclear;
    u8 compression; /* 0 zlib, 1 zstd */
    bool dead;      /* an inconsistency was met: no more writes */

    u64 l1_offset, *l1; /* entries in the host's byte order */
    u32 l1_size, l1_low, l1_high; /* entries low..high-1 are not on the disk yet */

    u64 reft_offset, *reft, reft_entries;
    u32 reft_clusters;
    u64 free_hint; /* no free cluster is known below */

    u64 snapshots_offset, snapshots_bytes;
    struct qcow2_snapshot *snapshots;
    u32 n_snapshots;

    struct table_cache l2_cache, ref_cache;
    u64 *frees; /* host clusters to lower by one at the next commit */
    size_t n_frees, cap_frees;

    char *backing_name, *backing_format;
    struct layer *backing;
    bool has_bitmaps;
    u64 bitmaps_offset, bitmaps_bytes;
    u32 n_bitmaps;

    u64 unpacked_entry; /* whose contents are in unpacked; 0: none */
    u8 *unpacked;
};

enum cluster_kind { CLUSTER_NONE, CLUSTER_ZERO, CLUSTER_ZERO_KEPT, CLUSTER_NORMAL, CLUSTER_PACKED };
struct cluster {
    enum cluster_kind kind;
    bool copied;
    u64 host;  /* offset in the file; for CLUSTER_PACKED not aligned */
    u64 bytes; /* CLUSTER_PACKED: at most so many */
};

#define QERR(q, e, ...) (err_set((e), __VA_ARGS__), err_prefix((e), "%s", (q)->l.file.path))

static inline struct qcow2 *qcow2_of(struct layer *l) { return (struct qcow2 *)l; }
static inline u64 up(u64 v, u64 to) { return (v + to - 1) & ~(to - 1); }
static inline u64 qcow2_end(const struct qcow2 *q) { return up(q->l.file.size, q->cluster_size); }
static inline u64 l1_needed(u64 size, u32 cluster_bits)
{
    unsigned bits = cluster_bits + cluster_bits - 3;
    return (size >> bits) + ((size & (((u64)1 << bits) - 1)) != 0);
}

/* qcow2_table.c: cached clusters of metadata, and what entries mean */
void cache_init(struct table_cache *c, u64 cluster_size, u64 bytes);
void cache_fini(struct table_cache *c);
u8 *cache_find(struct table_cache *c, u64 offset);
u8 *cache_get(struct qcow2 *q, struct table_cache *c, u64 offset, struct err *e); /* valid until the next call */
u8 *cache_fresh(struct qcow2 *q, struct table_cache *c, u64 offset, struct err *e); /* zeroed, not read */
void cache_dirty(struct table_cache *c, u64 offset);
void cache_drop(struct table_cache *c, u64 offset);
bool cache_write_dirty(struct qcow2 *q, struct table_cache *c, struct err *e);
bool cluster_decode(struct qcow2 *q, u64 entry, struct cluster *out, struct err *e);
bool l2_table_ok(struct qcow2 *q, u64 l1_entry, struct err *e);
bool l2_get(struct qcow2 *q, u64 l1_entry, u64 index, u64 *entry, struct err *e); /* l1_entry may be 0 */
bool l2_set(struct qcow2 *q, u64 l2_offset, u64 index, u64 entry, struct err *e);
bool l2_for_write(struct qcow2 *q, u64 l1_index, u64 *l2_offset, struct err *e);
bool overlaps_tables(struct qcow2 *q, u64 offset, u64 len); /* header, L1, refcount table, snapshot table */
bool qcow2_commit(struct qcow2 *q, struct err *e);
bool table_write(struct qcow2 *q, u64 offset, const u64 *entries, u64 n, struct err *e); /* big-endian */
bool table_read(struct qcow2 *q, u64 offset, u64 *entries, u64 n, struct err *e);

/* qcow2_refcount.c */
bool ref_get(struct qcow2 *q, u64 cluster, u64 *count, struct err *e);
bool ref_set(struct qcow2 *q, u64 cluster, u64 count, struct err *e); /* its block must be there */
bool ref_add(struct qcow2 *q, u64 cluster, u64 n, int delta, struct err *e);
bool alloc_clusters(struct qcow2 *q, u64 n, u64 *offset, struct err *e);
bool alloc_some(struct qcow2 *q, u64 *n, u64 *offset, struct err *e); /* 1..*n clusters that follow each other */
void free_later(struct qcow2 *q, u64 cluster, u64 n);
void free_cluster_later(struct qcow2 *q, const struct cluster *c);
u64 ref_load(const u8 *block, u64 index, u32 order);
void ref_store(u8 *block, u64 index, u32 order, u64 count);
bool broken(struct qcow2 *q, struct err *e, const char *what, u64 where); /* marks the image corrupt */

/* qcow2_io.c */
bool qcow2_read(struct layer *l, u64 offset, u8 *out, size_t len, struct err *e);
bool qcow2_write(struct layer *l, u64 offset, const u8 *in, size_t len, struct err *e);
bool qcow2_zero(struct layer *l, u64 offset, u64 len, struct err *e);
bool qcow2_extent(struct layer *l, u64 offset, u64 len, struct image_extent *out, struct err *e);

/* qcow2_create.c */
bool qcow2_resize(struct layer *l, u64 size, struct err *e);

/* qcow2_open.c */
bool header_write(struct qcow2 *q, unsigned at, const u8 *bytes, unsigned n, struct err *e);
bool header_set_incompat(struct qcow2 *q, u64 bits, struct err *e);
/* Makes a new L1 table (and, changed with it in one write, a new size) the active one. */
bool header_set_l1(struct qcow2 *q, u64 size, u64 l1_offset, u32 l1_size, struct err *e);

/* qcow2_snapshot.c */
bool snapshots_load(struct qcow2 *q, struct err *e);
void snapshots_free(struct qcow2 *q);
/* Writes the list to new clusters and makes it the current one. */
bool snapshots_store(struct qcow2 *q, struct qcow2_snapshot *list, u32 n, struct err *e);

/* qcow2_check.c */
bool qcow2_check(struct qcow2 *q, enum image_repair repair, struct image_check *out,
                 void (*tell)(void *opaque, const char *line), void *opaque, struct err *e);

#endif
