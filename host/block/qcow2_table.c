/* L1 and L2 tables, the caches, and the commit that writes them in the right order. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "host/block/qcow2.h"

/* --- Cache --- */

void cache_init(struct table_cache *c, u64 cluster_size, u64 bytes)
{
    u64 sets = bytes / cluster_size / CACHE_WAYS;
    *c = (struct table_cache){ .sets = 2 };
    while (c->sets < sets)
        c->sets *= 2;
    c->slots = xcalloc(c->sets * CACHE_WAYS, sizeof *c->slots);
}

void cache_fini(struct table_cache *c)
{
    for (unsigned i = 0; c->slots && i < c->sets * CACHE_WAYS; i++)
        free(c->slots[i].data);
    free(c->slots);
    *c = (struct table_cache){ 0 };
}

static struct table_slot *set_of(struct table_cache *c, u64 offset)
{
    u64 h = (offset >> 9) * 0x9e3779b97f4a7c15u;
    return c->slots + ((h >> 40) & (c->sets - 1)) * CACHE_WAYS;
}

static struct table_slot *slot_find(struct table_cache *c, u64 offset)
{
    struct table_slot *set = set_of(c, offset);
    for (unsigned i = 0; i < CACHE_WAYS; i++)
        if (set[i].offset == offset) {
            set[i].age = ++c->tick;
            return &set[i];
        }
    return NULL;
}

u8 *cache_find(struct table_cache *c, u64 offset)
{
    struct table_slot *s = slot_find(c, offset);
    return s ? s->data : NULL;
}

static struct table_slot *slot_claim(struct qcow2 *q, struct table_cache *c, u64 offset, struct err *e)
{
    struct table_slot *s = slot_find(c, offset);
    if (s)
        return s;
    s = set_of(c, offset);
    struct table_slot *oldest = s;
    for (unsigned i = 1; i < CACHE_WAYS; i++)
        if (!s[i].offset || (oldest->offset && s[i].age < oldest->age))
            oldest = &s[i];
    if (oldest->dirty && !qcow2_commit(q, e)) /* one table alone must not reach the disk before its turn */
        return NULL;
    oldest->offset = 0;
    if (!oldest->data)
        oldest->data = xmalloc(q->cluster_size);
    return oldest;
}

u8 *cache_get(struct qcow2 *q, struct table_cache *c, u64 offset, struct err *e)
{
    struct table_slot *s = slot_claim(q, c, offset, e);
    if (!s)
        return NULL;
    if (s->offset != offset) {
        if (!disk_file_read(&q->l.file, offset, s->data, q->cluster_size, e))
            return NULL;
        s->offset = offset;
        s->age = ++c->tick;
    }
    return s->data;
}

u8 *cache_fresh(struct qcow2 *q, struct table_cache *c, u64 offset, struct err *e)
{
    struct table_slot *s = slot_claim(q, c, offset, e);
    if (!s)
        return NULL;
    memset(s->data, 0, q->cluster_size);
    s->offset = offset;
    s->age = ++c->tick;
    return s->data;
}

void cache_dirty(struct table_cache *c, u64 offset)
{
    struct table_slot *s = slot_find(c, offset);
    if (s && !s->dirty) {
        s->dirty = true;
        c->n_dirty++;
    }
}

void cache_drop(struct table_cache *c, u64 offset)
{
    struct table_slot *s = slot_find(c, offset);
    if (!s)
        return;
    if (s->dirty)
        c->n_dirty--;
    s->dirty = false;
    s->offset = 0;
}

bool cache_write_dirty(struct qcow2 *q, struct table_cache *c, struct err *e)
{
    for (unsigned i = 0; c->n_dirty && i < c->sets * CACHE_WAYS; i++) {
        struct table_slot *s = &c->slots[i];
        if (!s->dirty)
            continue;
        if (!disk_file_write(&q->l.file, s->offset, s->data, q->cluster_size, e))
            return false;
        s->dirty = false;
        c->n_dirty--;
    }
    return true;
}

/* --- Whole tables --- */

bool table_write(struct qcow2 *q, u64 offset, const u64 *entries, u64 n, struct err *e)
{
    u8 *bytes = xmalloc(n * 8 + 1);
    for (u64 i = 0; i < n; i++)
        store_be(bytes + i * 8, 8, entries[i]);
    bool ok = disk_file_write(&q->l.file, offset, bytes, n * 8, e);
    free(bytes);
    return ok;
}

bool table_read(struct qcow2 *q, u64 offset, u64 *entries, u64 n, struct err *e)
{
    if (!disk_file_read(&q->l.file, offset, entries, n * 8, e))
        return false;
    for (u64 i = 0; i < n; i++)
        entries[i] = load_be(&entries[i], 8);
    return true;
}

static bool touches(u64 a, u64 a_len, u64 b, u64 b_len)
{
    return a_len && b_len && a < b + b_len && b < a + a_len;
}

bool overlaps_tables(struct qcow2 *q, u64 offset, u64 len)
{
    u64 cs = q->cluster_size;
    return touches(offset, len, 0, cs) || touches(offset, len, q->l1_offset, up((u64)q->l1_size * 8, cs)) ||
           touches(offset, len, q->reft_offset, (u64)q->reft_clusters * cs) ||
           touches(offset, len, q->snapshots_offset, up(q->snapshots_bytes, cs));
}

/* --- Entries --- */

bool cluster_decode(struct qcow2 *q, u64 entry, struct cluster *out, struct err *e)
{
    *out = (struct cluster){ .copied = entry & ENTRY_COPIED };
    if (entry & ENTRY_COMPRESSED) {
        unsigned x = 62 - (q->cluster_bits - 8);
        out->kind = CLUSTER_PACKED;
        out->copied = false;
        out->host = entry & (((u64)1 << x) - 1);
        out->bytes = (bits_get(entry, x, q->cluster_bits - 8) + 1) * 512 - (out->host & 511);
        if (out->host >= q->l.file.size || out->host < q->cluster_size)
            return QERR(q, e, "a compressed cluster is said to be at byte %llu, outside of the file; try \"orrery img "
                        "check\"", (unsigned long long)out->host);
        return true;
    }
    out->host = entry & ENTRY_OFFSET;
    bool zero = entry & ENTRY_ZERO;
    if (zero && q->version < 3)
        return QERR(q, e, "an L2 entry has the zero flag, which version 2 does not know; try \"orrery img check\"");
    out->kind = zero ? (out->host ? CLUSTER_ZERO_KEPT : CLUSTER_ZERO) : out->host ? CLUSTER_NORMAL : CLUSTER_NONE;
    if (!out->host)
        return true;
    if (out->host & (q->cluster_size - 1))
        return QERR(q, e, "a cluster is said to be at byte %llu, which is not a cluster boundary; try \"orrery img "
                    "check\"", (unsigned long long)out->host);
    if (out->host >= qcow2_end(q))
        return QERR(q, e, "a cluster is said to be at byte %llu, but the file ends at %llu (was it cut off while being "
                    "copied?); try \"orrery img check\"", (unsigned long long)out->host,
                    (unsigned long long)q->l.file.size);
    return true;
}

bool l2_table_ok(struct qcow2 *q, u64 l1_entry, struct err *e)
{
    u64 at = l1_entry & ENTRY_OFFSET;
    if (cache_find(&q->l2_cache, at))
        return true;
    if (at & (q->cluster_size - 1) || at < q->cluster_size || at >= qcow2_end(q))
        return QERR(q, e, "an L2 table is said to be at byte %llu, which cannot be; try \"orrery img check\"",
                    (unsigned long long)at);
    return true;
}

bool l2_get(struct qcow2 *q, u64 l1_entry, u64 index, u64 *entry, struct err *e)
{
    u64 at = l1_entry & ENTRY_OFFSET;
    *entry = 0;
    if (!at)
        return true;
    if (!l2_table_ok(q, l1_entry, e))
        return false;
    const u8 *t = cache_get(q, &q->l2_cache, at, e);
    if (t)
        *entry = load_be(t + index * 8, 8);
    return t != NULL;
}

bool l2_set(struct qcow2 *q, u64 l2_offset, u64 index, u64 entry, struct err *e)
{
    u8 *t = cache_get(q, &q->l2_cache, l2_offset, e);
    if (!t)
        return false;
    store_be(t + index * 8, 8, entry);
    cache_dirty(&q->l2_cache, l2_offset);
    return true;
}

static void l1_set(struct qcow2 *q, u64 index, u64 entry)
{
    q->l1[index] = entry;
    if (q->l1_low >= q->l1_high) {
        q->l1_low = (u32)index;
        q->l1_high = (u32)index + 1;
    }
    if (index < q->l1_low)
        q->l1_low = (u32)index;
    if (index >= q->l1_high)
        q->l1_high = (u32)index + 1;
}

/* The L2 table may be changed in place afterwards: it is new, or its refcount is one. */
bool l2_for_write(struct qcow2 *q, u64 l1_index, u64 *l2_offset, struct err *e)
{
    if (l1_index >= q->l1_size)
        return broken(q, e, "the L1 table is too short for byte", l1_index);
    u64 entry = q->l1[l1_index], old = entry & ENTRY_OFFSET;
    if (old && !l2_table_ok(q, entry, e))
        return false;
    if (old && (entry & ENTRY_COPIED)) {
        if (overlaps_tables(q, old, q->cluster_size))
            return broken(q, e, "an L2 table overlaps other tables at byte", old);
        *l2_offset = old;
        return true;
    }
    u8 *copy = NULL;
    if (old) {
        const u8 *t = cache_get(q, &q->l2_cache, old, e);
        if (!t)
            return false;
        copy = xmalloc(q->cluster_size);
        memcpy(copy, t, q->cluster_size);
    }
    u8 *table = NULL;
    if (alloc_clusters(q, 1, l2_offset, e)) {
        table = cache_fresh(q, &q->l2_cache, *l2_offset, e);
        if (!table)
            ref_add(q, *l2_offset >> q->cluster_bits, 1, -1, NULL);
    }
    if (table) {
        if (copy)
            memcpy(table, copy, q->cluster_size);
        cache_dirty(&q->l2_cache, *l2_offset);
        l1_set(q, l1_index, *l2_offset | ENTRY_COPIED);
        if (old)
            free_later(q, old >> q->cluster_bits, 1);
    }
    free(copy);
    return table != NULL;
}

/* --- Commit --- */

static bool lower_refcounts(struct qcow2 *q, struct err *e)
{
    u64 from = 0, to = 0; /* clusters to give back to the host, in one call where they follow each other */
    while (q->n_frees) {
        u64 cluster = q->frees[q->n_frees - 1], count;
        if (!ref_add(q, cluster, 1, -1, e))
            return false;
        q->n_frees--;
        if (!ref_get(q, cluster, &count, e))
            return false;
        if (count)
            continue;
        if (cluster < q->free_hint)
            q->free_hint = cluster;
        cache_drop(&q->l2_cache, cluster << q->cluster_bits);
        if (!q->l.unmap)
            continue;
        if (to > from && cluster + 1 == from) {
            from = cluster;
            continue;
        }
        if (to > from && !disk_file_zero(&q->l.file, from << q->cluster_bits, (to - from) << q->cluster_bits, true, e))
            return false;
        from = cluster;
        to = cluster + 1;
    }
    return to <= from ||
           disk_file_zero(&q->l.file, from << q->cluster_bits, (to - from) << q->cluster_bits, true, e);
}

bool qcow2_commit(struct qcow2 *q, struct err *e)
{
    bool l1 = q->l1_low < q->l1_high;
    if (q->l.file.read_only || (!q->l2_cache.n_dirty && !l1 && !q->n_frees))
        return true;
    if (!disk_file_sync(&q->l.file, e) || !cache_write_dirty(q, &q->l2_cache, e))
        return false;
    if (l1) {
        if (!disk_file_sync(&q->l.file, e) ||
            !table_write(q, q->l1_offset + (u64)q->l1_low * 8, q->l1 + q->l1_low, q->l1_high - q->l1_low, e))
            return false;
        q->l1_low = q->l1_high = 0;
    }
    return !q->n_frees || (disk_file_sync(&q->l.file, e) && lower_refcounts(q, e));
}
