/* Reference counts of host clusters, and finding free ones. Counts are written through: a count on the disk is
 * never lower than what the tables on the disk need. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "host/block/qcow2.h"

/* Entries of 8 bits and more are big-endian; smaller ones fill a byte from its low bits. */
u64 ref_load(const u8 *block, u64 index, u32 order)
{
    if (order >= 3)
        return load_be(block + (index << (order - 3)), 1u << (order - 3));
    unsigned bits = 1u << order, shift = (unsigned)(index << order) & 7;
    return bits_get(block[(index << order) >> 3], shift, bits);
}

void ref_store(u8 *block, u64 index, u32 order, u64 count)
{
    if (order >= 3) {
        store_be(block + (index << (order - 3)), 1u << (order - 3), count);
        return;
    }
    unsigned bits = 1u << order, shift = (unsigned)(index << order) & 7;
    u8 *p = &block[(index << order) >> 3];
    *p = (u8)bits_set(*p, shift, bits, count);
}

bool broken(struct qcow2 *q, struct err *e, const char *what, u64 where)
{
    q->dead = true;
    if (q->version >= 3 && !q->l.file.read_only)
        header_set_incompat(q, q->incompat | INCOMPAT_CORRUPT, NULL);
    return QERR(q, e, "the image is inconsistent (%s %llu); it takes no more writes. Make a copy, then try \"orrery "
                "img check -r all\"", what, (unsigned long long)where);
}

/* The block that counts `cluster`: *at is 0 when there is none, which means a count of 0. */
static bool block_at(struct qcow2 *q, u64 cluster, u64 *at, struct err *e)
{
    u64 i = cluster / q->ref_per_block;
    *at = i < q->reft_entries ? q->reft[i] & ~(u64)511 : 0;
    if (*at && (*at & (q->cluster_size - 1) || *at < q->cluster_size || *at >= qcow2_end(q)))
        return QERR(q, e, "a refcount block is said to be at byte %llu, which cannot be; try \"orrery img check -r "
                    "all\"", (unsigned long long)*at);
    return true;
}

bool ref_get(struct qcow2 *q, u64 cluster, u64 *count, struct err *e)
{
    u64 at;
    *count = 0;
    if (!block_at(q, cluster, &at, e))
        return false;
    if (!at)
        return true;
    const u8 *b = cache_get(q, &q->ref_cache, at, e);
    if (b)
        *count = ref_load(b, cluster % q->ref_per_block, q->refcount_order);
    return b != NULL;
}

/* Sets the counts of n clusters in one block from `first` on and writes the bytes that hold them. */
static bool set_in_block(struct qcow2 *q, u64 first, u64 n, int delta, u64 value, struct err *e)
{
    u64 at, index = first % q->ref_per_block;
    if (!block_at(q, first, &at, e))
        return false;
    if (!at)
        return broken(q, e, "no refcount block for cluster", first);
    if (overlaps_tables(q, at, q->cluster_size))
        return broken(q, e, "a refcount block overlaps other tables at byte", at);
    u8 *b = cache_get(q, &q->ref_cache, at, e);
    if (!b)
        return false;
    for (u64 i = 0; delta && i < n; i++) {
        u64 old = ref_load(b, index + i, q->refcount_order);
        if (delta < 0 && old == 0)
            return broken(q, e, "a refcount below zero of cluster", first + i);
        if (delta > 0 && old == q->ref_max)
            return QERR(q, e, "a cluster has as many references as counts of %u bits can hold; make the image with "
                        "wider ones (\"orrery img create -o refcount_bits=16\")", 1u << q->refcount_order);
    }
    for (u64 i = 0; i < n; i++) {
        u64 old = ref_load(b, index + i, q->refcount_order);
        ref_store(b, index + i, q->refcount_order, delta ? old + (u64)(i64)delta : value);
    }
    u64 low = (index << q->refcount_order) >> 3, high = (((index + n) << q->refcount_order) + 7) >> 3;
    if (disk_file_write(&q->l.file, at + low, b + low, high - low, e))
        return true;
    cache_drop(&q->ref_cache, at); /* what the disk has now is not known */
    return false;
}

bool ref_set(struct qcow2 *q, u64 cluster, u64 count, struct err *e)
{
    return set_in_block(q, cluster, 1, 0, count, e);
}

bool ref_add(struct qcow2 *q, u64 cluster, u64 n, int delta, struct err *e)
{
    u64 done = 0;
    while (done < n) {
        u64 left = q->ref_per_block - (cluster + done) % q->ref_per_block;
        u64 now = n - done < left ? n - done : left;
        if (!set_in_block(q, cluster + done, now, delta, 0, e)) {
            if (done && !q->dead) /* all or nothing */
                ref_add(q, cluster, done, -delta, NULL);
            return false;
        }
        done += now;
    }
    return true;
}

static bool has_block(struct qcow2 *q, u64 block)
{
    return block < q->reft_entries && (q->reft[block] & ~(u64)511);
}

/* How many refcount blocks are missing for clusters start..start+n-1 and for those blocks themselves, when they are
 * put right behind. */
static u64 blocks_missing(struct qcow2 *q, u64 start, u64 n)
{
    u64 k = 0;
    for (;;) {
        u64 missing = 0;
        for (u64 b = start / q->ref_per_block; b <= (start + n + k - 1) / q->ref_per_block; b++)
            missing += !has_block(q, b);
        if (missing == k)
            return k;
        k = missing;
    }
}

/* Writes the k missing blocks for start..start+n+k-1 into the last k of these clusters, with all of them counted
 * once, and fills their places in `table`. Clusters counted by blocks that exist are left to the caller. */
static bool write_blocks(struct qcow2 *q, u64 start, u64 n, u64 k, u64 *table, struct err *e)
{
    u64 end = start + n + k, next = start + n;
    for (u64 b = start / q->ref_per_block; b <= (end - 1) / q->ref_per_block; b++) {
        if (has_block(q, b))
            continue;
        cache_drop(&q->l2_cache, next << q->cluster_bits);
        u8 *block = cache_fresh(q, &q->ref_cache, next << q->cluster_bits, e);
        if (!block)
            return false;
        for (u64 i = 0; i < q->ref_per_block; i++) {
            u64 c = b * q->ref_per_block + i;
            if (c >= start && c < end)
                ref_store(block, i, q->refcount_order, 1);
        }
        if (!disk_file_write(&q->l.file, next << q->cluster_bits, block, q->cluster_size, e)) {
            cache_drop(&q->ref_cache, next << q->cluster_bits);
            return false;
        }
        table[b] = next++ << q->cluster_bits;
    }
    return disk_file_sync(&q->l.file, e);
}

/* A larger refcount table, right behind all that the old one can count. */
static bool grow_table(struct qcow2 *q, u64 entries_wanted, struct err *e)
{
    u64 per = q->cluster_size / 8, start = q->reft_entries * q->ref_per_block;
    u64 m = 1, k, entries = entries_wanted + entries_wanted / 2;
    for (;;) {
        m = (entries + per - 1) / per;
        k = blocks_missing(q, start, m);
        u64 needed = (start + m + k + q->ref_per_block - 1) / q->ref_per_block;
        if (needed <= m * per)
            break;
        entries = needed;
    }
    entries = m * per;
    if (entries * 8 > MAX_REFT_BYTES || (start + m + k) << q->cluster_bits > HOST_LIMIT)
        return QERR(q, e, "the image cannot grow further with clusters of %llu bytes; convert it to larger ones "
                    "(\"orrery img convert -o cluster_size=64K\")", (unsigned long long)q->cluster_size);
    u64 *table = xcalloc(entries, sizeof(u64));
    memcpy(table, q->reft, q->reft_entries * sizeof(u64));
    u8 at[12];
    store_be(at, 8, start << q->cluster_bits);
    store_be(at + 8, 4, m);
    bool ok = write_blocks(q, start, m, k, table, e) && table_write(q, start << q->cluster_bits, table, entries, e) &&
              disk_file_sync(&q->l.file, e) && header_write(q, H_REFT, at, sizeof at, e) &&
              disk_file_sync(&q->l.file, e);
    if (!ok) {
        free(table);
        return false;
    }
    u64 old = q->reft_offset >> q->cluster_bits, old_n = q->reft_clusters;
    free(q->reft);
    q->reft = table;
    q->reft_entries = entries;
    q->reft_offset = start << q->cluster_bits;
    q->reft_clusters = (u32)m;
    if (!ref_add(q, old, old_n, -1, e))
        return false;
    if (old < q->free_hint)
        q->free_hint = old;
    return true;
}

static bool is_free(struct qcow2 *q, u64 cluster, bool *yes, struct err *e)
{
    u64 count;
    bool ok = ref_get(q, cluster, &count, e);
    *yes = ok && count == 0;
    return ok;
}

/* The first run of *n free clusters from the hint on, with k more behind it for the refcount blocks it lacks.
 * If `fewer` will do, the first free clusters there are, and *n says how many. */
static bool find_run(struct qcow2 *q, u64 *want, bool fewer, u64 *start, u64 *k, struct err *e)
{
    u64 n = *want;
    u64 limit = HOST_LIMIT >> q->cluster_bits, at = q->free_hint, first_free = U64MAP_NONE;
    bool yes = true;
    for (u64 run = 0;;) {
        if (at + n >= limit)
            return QERR(q, e, "the image is full: its format cannot address more");
        if (!has_block(q, at / q->ref_per_block)) { /* the whole block's worth is free */
            u64 step = q->ref_per_block - at % q->ref_per_block;
            if (first_free == U64MAP_NONE)
                first_free = at;
            run += step;
            at += step;
        } else {
            if (!is_free(q, at, &yes, e))
                return false;
            if (yes && first_free == U64MAP_NONE)
                first_free = at;
            if (!yes && fewer && run) {
                *start = at - run;
                *k = 0;
                *want = run;
                q->free_hint = at + 1;
                return true;
            }
            run = yes ? run + 1 : 0;
            at++;
        }
        if (run < n)
            continue;
        *start = at - run;
        *k = blocks_missing(q, *start, n);
        u64 c = *start + n;
        for (yes = true; yes && c < *start + n + *k; c++)
            if (!is_free(q, c, &yes, e))
                return false;
        if (yes)
            break;
        at = c;
        run = 0;
    }
    /* Where a longer run was looked for, shorter gaps stay known. */
    q->free_hint = first_free == *start ? *start + n + *k : first_free;
    return true;
}

static bool alloc_run(struct qcow2 *q, u64 *want, bool fewer, u64 *offset, struct err *e)
{
    if (q->dead)
        return QERR(q, e, "the image was found inconsistent and takes no more writes; try \"orrery img check -r all\"");
    u64 start = 0, k = 0, n, hint = q->free_hint;
    for (;;) {
        n = *want;
        if (!find_run(q, &n, fewer, &start, &k, e))
            return false;
        u64 last = (start + n + k - 1) / q->ref_per_block;
        if (last < q->reft_entries)
            break;
        q->free_hint = hint;
        if (!grow_table(q, last + 1, e))
            return false;
    }
    *want = n;
    if (overlaps_tables(q, start << q->cluster_bits, (n + k) << q->cluster_bits))
        return broken(q, e, "a table counts as free at byte", start << q->cluster_bits);
    for (u64 c = start; c < start + n + k; c++) {
        cache_drop(&q->l2_cache, c << q->cluster_bits);
        cache_drop(&q->ref_cache, c << q->cluster_bits);
    }
    if (!k) {
        *offset = start << q->cluster_bits;
        return ref_add(q, start, n, 1, e);
    }
    /* Clusters whose block exists already are counted first; then the new blocks are written and linked. */
    u64 first = start / q->ref_per_block, last = (start + n + k - 1) / q->ref_per_block;
    for (u64 b = first; b <= last; b++) {
        u64 from = b * q->ref_per_block, to = from + q->ref_per_block;
        from = from > start ? from : start;
        to = to < start + n + k ? to : start + n + k;
        if (has_block(q, b) && !ref_add(q, from, to - from, 1, e))
            return false;
    }
    u64 *table = xmalloc(q->reft_entries * sizeof(u64));
    memcpy(table, q->reft, q->reft_entries * sizeof(u64));
    bool ok = write_blocks(q, start, n, k, table, e) &&
              table_write(q, q->reft_offset + first * 8, table + first, last - first + 1, e);
    if (ok)
        memcpy(q->reft, table, q->reft_entries * sizeof(u64));
    free(table);
    *offset = start << q->cluster_bits;
    return ok;
}

bool alloc_clusters(struct qcow2 *q, u64 n, u64 *offset, struct err *e)
{
    *offset = 0;
    return !n || alloc_run(q, &n, false, offset, e);
}

bool alloc_some(struct qcow2 *q, u64 *n, u64 *offset, struct err *e)
{
    return alloc_run(q, n, true, offset, e);
}

void free_later(struct qcow2 *q, u64 cluster, u64 n)
{
    for (u64 i = 0; i < n; i++) {
        if (q->n_frees == q->cap_frees) {
            q->cap_frees = q->cap_frees ? q->cap_frees * 2 : 64;
            q->frees = xrealloc(q->frees, q->cap_frees * sizeof(u64));
        }
        q->frees[q->n_frees++] = cluster + i;
    }
}

void free_cluster_later(struct qcow2 *q, const struct cluster *c)
{
    if (c->kind == CLUSTER_NORMAL || c->kind == CLUSTER_ZERO_KEPT)
        free_later(q, c->host >> q->cluster_bits, 1);
    if (c->kind == CLUSTER_PACKED) {
        u64 first = c->host >> q->cluster_bits, last = (c->host + c->bytes - 1) >> q->cluster_bits;
        free_later(q, first, last - first + 1);
    }
}
