/* Snapshots inside the image: each is an L1 table of its own, and every L2 table and cluster it reaches counts one
 * reference more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "host/block/qcow2.h"

/* --- The table --- */

static void snapshot_clear(struct qcow2_snapshot *s)
{
    free(s->id);
    free(s->name);
    free(s->extra);
    *s = (struct qcow2_snapshot){ 0 };
}

static void list_free(struct qcow2_snapshot *list, u32 n)
{
    for (u32 i = 0; list && i < n; i++)
        snapshot_clear(&list[i]);
    free(list);
}

void snapshots_free(struct qcow2 *q)
{
    list_free(q->snapshots, q->n_snapshots);
    q->snapshots = NULL;
}

static char *read_text(struct qcow2 *q, u64 at, u32 len, struct err *e)
{
    char *s = xcalloc(1, len + 1u);
    if (disk_file_read(&q->l.file, at, s, len, e))
        return s;
    free(s);
    return NULL;
}

static bool load_one(struct qcow2 *q, struct qcow2_snapshot *s, u64 *at, struct err *e)
{
    u8 h[40], x[16] = { 0 };
    if (*at + sizeof h > q->l.file.size || *at - q->snapshots_offset > MAX_SNAPSHOT_TABLE)
        return QERR(q, e, "the table of snapshots is cut off; the image is damaged");
    if (!disk_file_read(&q->l.file, *at, h, sizeof h, e))
        return false;
    u32 id_len = (u32)load_be(h + 12, 2), name_len = (u32)load_be(h + 14, 2), extra = (u32)load_be(h + 36, 4);
    s->l1_offset = load_be(h, 8);
    s->l1_size = (u32)load_be(h + 8, 4);
    s->seconds = (u32)load_be(h + 16, 4);
    s->nanoseconds = (u32)load_be(h + 20, 4);
    s->vm_clock_ns = load_be(h + 24, 8);
    s->vm_state_size = load_be(h + 32, 4);
    s->disk_size = q->l.size;
    if (extra > 65536 || *at + 40 + extra + id_len + name_len > q->l.file.size)
        return QERR(q, e, "the table of snapshots is cut off or damaged");
    u64 p = *at + 40;
    if (!disk_file_read(&q->l.file, p, x, extra < 16 ? extra : 16, e))
        return false;
    if (extra >= 8)
        s->vm_state_size = load_be(x, 8);
    if (extra >= 16)
        s->disk_size = load_be(x + 8, 8);
    if (extra > 16) {
        s->extra_len = extra - 16;
        s->extra = xmalloc(s->extra_len);
        if (!disk_file_read(&q->l.file, p + 16, s->extra, s->extra_len, e))
            return false;
    }
    p += extra;
    s->id = read_text(q, p, id_len, e);
    s->name = read_text(q, p + id_len, name_len, e);
    *at = up(p + id_len + name_len, 8);
    return s->id && s->name;
}

bool snapshots_load(struct qcow2 *q, struct err *e)
{
    u64 at = q->snapshots_offset;
    u32 n = q->n_snapshots;
    q->n_snapshots = 0;
    if (n && at + (u64)n * 40 > q->l.file.size)
        return QERR(q, e, "the table of %u snapshots is longer than the file; the image is damaged", n);
    q->snapshots = xcalloc(n + 1u, sizeof *q->snapshots);
    while (q->n_snapshots < n)
        if (!load_one(q, &q->snapshots[q->n_snapshots++], &at, e))
            return false;
    q->snapshots_bytes = at - q->snapshots_offset;
    return true;
}

static void put_be(struct buf *b, u64 v, unsigned bytes)
{
    u8 x[8];
    store_be(x, bytes, v);
    buf_put(b, x, bytes);
}

static void put_one(struct buf *b, const struct qcow2_snapshot *s)
{
    static const u8 padding[8];
    put_be(b, s->l1_offset, 8);
    put_be(b, s->l1_size, 4);
    put_be(b, strlen(s->id), 2);
    put_be(b, strlen(s->name), 2);
    put_be(b, s->seconds, 4);
    put_be(b, s->nanoseconds, 4);
    put_be(b, s->vm_clock_ns, 8);
    put_be(b, s->vm_state_size > UINT32_MAX ? 0 : s->vm_state_size, 4);
    put_be(b, 16 + s->extra_len, 4);
    put_be(b, s->vm_state_size, 8);
    put_be(b, s->disk_size, 8);
    buf_put(b, s->extra, s->extra_len);
    buf_put(b, s->id, strlen(s->id));
    buf_put(b, s->name, strlen(s->name));
    buf_put(b, padding, up(b->len, 8) - b->len);
}

bool snapshots_store(struct qcow2 *q, struct qcow2_snapshot *list, u32 n, struct err *e)
{
    struct buf b = { 0 };
    for (u32 i = 0; i < n; i++)
        put_one(&b, &list[i]);
    u64 at = 0, cs = q->cluster_size;
    if (b.len > MAX_SNAPSHOT_TABLE) {
        buf_free(&b);
        return QERR(q, e, "there is no place for another snapshot; delete some");
    }
    bool ok = !n || (alloc_clusters(q, up(b.len, cs) >> q->cluster_bits, &at, e) &&
                     disk_file_write(&q->l.file, at, b.data, b.len, e) && disk_file_sync(&q->l.file, e));
    u8 h[12];
    store_be(h, 4, n);
    store_be(h + 4, 8, at);
    ok = ok && header_write(q, H_N_SNAPSHOTS, h, sizeof h, e) && disk_file_sync(&q->l.file, e);
    if (ok) {
        if (q->snapshots_bytes)
            free_later(q, q->snapshots_offset >> q->cluster_bits, up(q->snapshots_bytes, cs) >> q->cluster_bits);
        q->snapshots_offset = at;
        q->snapshots_bytes = b.len;
    }
    buf_free(&b);
    return ok;
}

/* --- Walking all that an L1 table reaches --- */

static bool l1_load(struct qcow2 *q, const struct qcow2_snapshot *s, u64 **out, struct err *e)
{
    u64 at = s->l1_offset, n = s->l1_size;
    if (n && (n > MAX_L1_BYTES / 8 || at & (q->cluster_size - 1) || at < q->cluster_size || at > q->l.file.size ||
              n * 8 > qcow2_end(q) - at))
        return QERR(q, e, "the L1 table of snapshot \"%s\" is not possible; the image is damaged", s->name);
    *out = xcalloc(s->l1_size + 1u, sizeof(u64));
    if (table_read(q, s->l1_offset, *out, s->l1_size, e))
        return true;
    free(*out);
    return false;
}

/* Calls fn for the clusters of every L2 entry and, after them, for the L2 table itself; stops when it fails. An L2
 * table that appears twice is refused, which also bounds the walk by the size of the file. */
typedef bool walk_fn(struct qcow2 *q, void *opaque, u64 cluster, u64 n, struct err *e);

static bool walk_l1(struct qcow2 *q, const u64 *l1, u32 n, walk_fn *fn, void *opaque, struct err *e)
{
    struct u64map seen = { 0 };
    u64 *table = xmalloc(q->cluster_size);
    bool ok = true;
    for (u32 i = 0; i < n && ok; i++) {
        u64 at = l1[i] & ENTRY_OFFSET;
        if (!at)
            continue;
        ok = l2_table_ok(q, l1[i], e);
        if (ok && u64map_get(&seen, at) != U64MAP_NONE)
            ok = QERR(q, e, "an L2 table is used twice; try \"orrery img check\"");
        if (!ok)
            break;
        u64map_set(&seen, at, 1);
        const u8 *t = cache_get(q, &q->l2_cache, at, e);
        ok = t != NULL;
        if (!ok)
            break;
        memcpy(table, t, q->cluster_size);
        for (u64 j = 0; j < q->cluster_size / 8 && ok; j++) {
            struct cluster c;
            ok = cluster_decode(q, load_be(&table[j], 8), &c, e);
            if (ok && (c.kind == CLUSTER_NORMAL || c.kind == CLUSTER_ZERO_KEPT))
                ok = fn(q, opaque, c.host >> q->cluster_bits, 1, e);
            if (ok && c.kind == CLUSTER_PACKED) {
                u64 first = c.host >> q->cluster_bits, last = (c.host + c.bytes - 1) >> q->cluster_bits;
                ok = fn(q, opaque, first, last - first + 1, e);
            }
        }
        ok = ok && fn(q, opaque, at >> q->cluster_bits, 1, e);
    }
    free(table);
    u64map_free(&seen);
    return ok;
}

struct raise {
    u64 done, undo; /* calls that succeeded; how many of them to take back */
};

static bool raise_one(struct qcow2 *q, void *opaque, u64 cluster, u64 n, struct err *e)
{
    struct raise *r = opaque;
    u64 count;
    for (u64 i = 0; i < n; i++) {
        if (!ref_get(q, cluster + i, &count, e))
            return false;
        if (!count)
            return broken(q, e, "a cluster in use counts as free:", cluster + i);
    }
    if (!ref_add(q, cluster, n, 1, e))
        return false;
    r->done++;
    return true;
}

static bool take_back_one(struct qcow2 *q, void *opaque, u64 cluster, u64 n, struct err *e)
{
    struct raise *r = opaque;
    return r->undo-- && ref_add(q, cluster, n, -1, e);
}

/* All or nothing: a refcount at its limit takes the rest back. */
static bool raise_all(struct qcow2 *q, const u64 *l1, u32 n, struct err *e)
{
    struct raise r = { 0 };
    if (walk_l1(q, l1, n, raise_one, &r, e))
        return true;
    r.undo = r.done;
    if (!q->dead && r.undo)
        walk_l1(q, l1, n, take_back_one, &r, NULL);
    return false;
}

static bool lower_one(struct qcow2 *q, void *opaque, u64 cluster, u64 n, struct err *e)
{
    free_later(q, cluster, n);
    return true;
}

/* Brings the "copied" flags of the active tables in line with the refcounts. */
static bool fix_copied(struct qcow2 *q, struct err *e)
{
    for (u32 i = 0; i < q->l1_size; i++) {
        u64 at = q->l1[i] & ENTRY_OFFSET, count;
        if (!at)
            continue;
        if (!l2_table_ok(q, q->l1[i], e) || !ref_get(q, at >> q->cluster_bits, &count, e))
            return false;
        u64 entry = at | (count == 1 ? ENTRY_COPIED : 0);
        if (entry != q->l1[i]) {
            q->l1[i] = entry;
            q->l1_low = q->l1_low < q->l1_high && q->l1_low < i ? q->l1_low : i;
            q->l1_high = i + 1;
        }
        for (u64 j = 0; j < q->cluster_size / 8; j++) {
            u64 old;
            struct cluster c;
            if (!l2_get(q, at, j, &old, e) || !cluster_decode(q, old, &c, e))
                return false;
            if (c.kind != CLUSTER_NORMAL && c.kind != CLUSTER_ZERO_KEPT)
                continue;
            if (!ref_get(q, c.host >> q->cluster_bits, &count, e))
                return false;
            u64 fixed = (old & ~ENTRY_COPIED) | (count == 1 ? ENTRY_COPIED : 0);
            if (fixed != old && !l2_set(q, at, j, fixed, e))
                return false;
        }
    }
    return true;
}

/* --- The operations --- */

static struct qcow2 *snapshots_of(struct block_port *b, bool change, struct err *e)
{
    struct layer *l = image_layer(b);
    if (l->ops != &qcow2_ops) {
        err_set(e, "%s: a raw image has no snapshots inside; convert it to qcow2 (orrery img convert -O qcow2)", b->id);
        return NULL;
    }
    struct qcow2 *q = qcow2_of(l);
    if (change && (l->file.read_only || b->read_only)) {
        err_set(e, "%s: is open read-only; its snapshots cannot be changed", b->id);
        return NULL;
    }
    if (change && q->dead) {
        err_set(e, "%s: was found inconsistent and takes no more changes; try \"orrery img check -r all\"", b->id);
        return NULL;
    }
    return q;
}

unsigned image_snapshot_count(struct block_port *b)
{
    struct qcow2 *q = snapshots_of(b, false, NULL);
    return q ? q->n_snapshots : 0;
}

bool image_snapshot_get(struct block_port *b, unsigned n, struct image_snapshot *out)
{
    struct qcow2 *q = snapshots_of(b, false, NULL);
    if (!q || n >= q->n_snapshots)
        return false;
    const struct qcow2_snapshot *s = &q->snapshots[n];
    *out = (struct image_snapshot){ .id = s->id, .name = s->name, .vm_state_size = s->vm_state_size,
                                    .disk_size = s->disk_size, .vm_clock_ns = s->vm_clock_ns,
                                    .seconds = s->seconds, .nanoseconds = s->nanoseconds };
    return true;
}

/* By ID first, then by name, as qemu-img does. */
static int find(struct qcow2 *q, const char *name)
{
    for (u32 i = 0; i < q->n_snapshots; i++)
        if (!strcmp(q->snapshots[i].id, name))
            return (int)i;
    for (u32 i = 0; i < q->n_snapshots; i++)
        if (!strcmp(q->snapshots[i].name, name))
            return (int)i;
    return -1;
}

static char *next_id(struct qcow2 *q)
{
    unsigned long top = 0;
    for (u32 i = 0; i < q->n_snapshots; i++) {
        unsigned long v = strtoul(q->snapshots[i].id, NULL, 10);
        top = v > top && v < UINT32_MAX ? v : top;
    }
    return xprintf("%lu", top + 1);
}

bool image_snapshot_create(struct block_port *b, const char *name, u32 seconds, u32 nanoseconds, struct err *e)
{
    struct qcow2 *q = snapshots_of(b, true, e);
    if (!q)
        return false;
    if (strlen(name) > 255 || !*name)
        return QERR(q, e, "a snapshot's name has 1 to 255 bytes");
    if (find(q, name) >= 0)
        return QERR(q, e, "there is a snapshot \"%s\" already; delete it first or choose another name", name);
    if (q->n_snapshots >= MAX_SNAPSHOTS)
        return QERR(q, e, "there are %u snapshots already, the most there can be", MAX_SNAPSHOTS);
    u64 clusters = up((u64)q->l1_size * 8, q->cluster_size) >> q->cluster_bits, at = 0;
    if (!qcow2_commit(q, e) || !alloc_clusters(q, clusters, &at, e))
        return false;
    u64 *copy = xcalloc(clusters << q->l2_bits, sizeof(u64));
    for (u32 i = 0; i < q->l1_size; i++)
        copy[i] = q->l1[i] & ~ENTRY_COPIED;
    struct qcow2_snapshot *list = xcalloc(q->n_snapshots + 1u, sizeof *list);
    memcpy(list, q->snapshots, q->n_snapshots * sizeof *list);
    struct qcow2_snapshot *s = &list[q->n_snapshots];
    *s = (struct qcow2_snapshot){ .l1_offset = at, .l1_size = q->l1_size, .seconds = seconds,
                                  .nanoseconds = nanoseconds, .disk_size = q->l.size, .id = next_id(q),
                                  .name = xstrdup(name) };
    bool raised = table_write(q, at, copy, clusters << q->l2_bits, e) && raise_all(q, q->l1, q->l1_size, e);
    bool ok = raised && fix_copied(q, e) && qcow2_commit(q, e) && snapshots_store(q, list, q->n_snapshots + 1, e);
    if (ok) {
        free(q->snapshots);
        q->snapshots = list;
        q->n_snapshots++;
    } else {
        snapshot_clear(s);
        free(list);
        if (!q->dead)
            ref_add(q, at >> q->cluster_bits, clusters, -1, NULL);
        if (raised && !q->dead && walk_l1(q, q->l1, q->l1_size, lower_one, NULL, NULL) && qcow2_commit(q, NULL))
            fix_copied(q, NULL);
    }
    free(copy);
    return qcow2_commit(q, ok ? e : NULL) && ok;
}

bool image_snapshot_apply(struct block_port *b, const char *name, struct err *e)
{
    struct qcow2 *q = snapshots_of(b, true, e);
    if (!q)
        return false;
    int n = find(q, name);
    if (n < 0)
        return QERR(q, e, "there is no snapshot \"%s\"; \"orrery img snapshot -l\" lists them", name);
    const struct qcow2_snapshot *s = &q->snapshots[n];
    u64 *from, at, size = s->disk_size, needed = l1_needed(size, q->cluster_bits);
    if (size > INT64_MAX || needed > MAX_L1_BYTES / 8)
        return QERR(q, e, "the size of the disk in snapshot \"%s\" is not possible; the image is damaged", name);
    if (!qcow2_commit(q, e) || !l1_load(q, s, &from, e))
        return false;
    /* A new L1 table takes the place of the active one in a single write. */
    u64 entries = s->l1_size > needed ? s->l1_size : needed;
    u64 clusters = up(entries * 8, q->cluster_size) >> q->cluster_bits;
    bool ok = alloc_clusters(q, clusters, &at, e);
    u64 *l1 = xcalloc(clusters << q->l2_bits, sizeof(u64));
    for (u32 i = 0; i < s->l1_size; i++)
        l1[i] = from[i] & ~ENTRY_COPIED;
    if (ok) {
        bool raised = table_write(q, at, l1, clusters << q->l2_bits, e) && raise_all(q, l1, s->l1_size, e);
        ok = raised && disk_file_sync(&q->l.file, e) && header_set_l1(q, size, at, (u32)entries, e);
        if (!ok && !q->dead) {
            ref_add(q, at >> q->cluster_bits, clusters, -1, NULL);
            if (raised)
                walk_l1(q, l1, s->l1_size, lower_one, NULL, NULL);
        }
    }
    free(from);
    if (!ok) {
        free(l1);
        return false;
    }
    u64 *old = q->l1, old_at = q->l1_offset >> q->cluster_bits;
    u32 old_size = q->l1_size;
    q->l1 = l1;
    q->l1_offset = at;
    q->l1_size = (u32)entries;
    q->l.size = size;
    b->size = size;
    q->unpacked_entry = 0;
    ok = walk_l1(q, old, old_size, lower_one, NULL, e);
    free_later(q, old_at, up((u64)old_size * 8, q->cluster_size) >> q->cluster_bits);
    free(old);
    return ok && qcow2_commit(q, e) && fix_copied(q, e) && qcow2_commit(q, e);
}

bool image_snapshot_delete(struct block_port *b, const char *name, struct err *e)
{
    struct qcow2 *q = snapshots_of(b, true, e);
    if (!q)
        return false;
    int n = find(q, name);
    if (n < 0)
        return QERR(q, e, "there is no snapshot \"%s\"; \"orrery img snapshot -l\" lists them", name);
    struct qcow2_snapshot gone = q->snapshots[n];
    u64 *l1;
    if (!qcow2_commit(q, e) || !l1_load(q, &gone, &l1, e))
        return false;
    struct qcow2_snapshot *list = xcalloc(q->n_snapshots, sizeof *list);
    memcpy(list, q->snapshots, (size_t)n * sizeof *list);
    memcpy(list + n, q->snapshots + n + 1, (q->n_snapshots - (size_t)n - 1) * sizeof *list);
    if (!snapshots_store(q, list, q->n_snapshots - 1, e)) {
        free(list);
        free(l1);
        return false;
    }
    free(q->snapshots);
    q->snapshots = list;
    q->n_snapshots--;
    u64 clusters = up((u64)gone.l1_size * 8, q->cluster_size) >> q->cluster_bits;
    bool ok = walk_l1(q, l1, gone.l1_size, lower_one, NULL, e);
    free_later(q, gone.l1_offset >> q->cluster_bits, clusters);
    free(l1);
    snapshot_clear(&gone);
    return ok && qcow2_commit(q, e) && fix_copied(q, e) && qcow2_commit(q, e);
}
