/* Is the image consistent? All references are counted from the tables and compared with the refcounts. Each L2 table
 * is read once, however many snapshots share it, so the cost is that of the file's size. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "host/block/qcow2.h"

#define PAGE 4096 /* counts in one piece of the sparse array */
#define LINES_MAX 1000

struct check {
    struct qcow2 *q;
    struct image_check *out;
    void (*tell)(void *opaque, const char *line);
    void *opaque;
    unsigned lines;
    struct u64map pages; /* page -> index in page_list */
    u32 **page_list;
    size_t n_pages;
    struct u64map l2;     /* offset of an L2 table -> how often it is referenced */
    struct u64map active; /* those the active L1 table reaches */
    u64 end;              /* first cluster beyond the file */
    u64 top;              /* first cluster beyond all that is used */
    u64 refcounts_wrong;  /* too low, or not readable: writing is dangerous */
    u64 flags_wrong;
    bool refcounts_unusable; /* the table or a block itself: only building them anew helps */
};

static void say(struct check *c, const char *kind, u64 *counter, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct check *c, const char *kind, u64 *counter, const char *fmt, ...)
{
    ++*counter;
    if (!c->tell || ++c->lines > LINES_MAX)
        return;
    char text[256], line[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(line, sizeof line, "%s: %s", kind, text);
    c->tell(c->opaque, c->lines == LINES_MAX ? "... (no more findings are shown)" : line);
}

#define BAD(c, ...) say((c), "error", &(c)->out->corruptions, __VA_ARGS__)

/* --- The counts --- */

static u32 *count_of(struct check *c, u64 cluster, bool make)
{
    u64 n = u64map_get(&c->pages, cluster / PAGE);
    if (n == U64MAP_NONE) {
        if (!make)
            return NULL;
        n = c->n_pages++;
        c->page_list = xrealloc(c->page_list, c->n_pages * sizeof *c->page_list);
        c->page_list[n] = xcalloc(PAGE, sizeof(u32));
        u64map_set(&c->pages, cluster / PAGE, n);
    }
    return &c->page_list[n][cluster % PAGE];
}

static u64 counted(struct check *c, u64 cluster)
{
    u32 *p = count_of(c, cluster, false);
    return p ? *p : 0;
}

/* Counts `times` references to each cluster of the range; false (and a finding) when it is not inside the file. */
static bool mark(struct check *c, const char *what, u64 offset, u64 len, u64 times)
{
    struct qcow2 *q = c->q;
    u64 end = c->end << q->cluster_bits;
    if (!len)
        return true;
    if (offset >= end || len > end - offset) {
        BAD(c, "%s at byte %llu is not inside the file", what, (unsigned long long)offset);
        return false;
    }
    u64 last = (offset + len - 1) >> q->cluster_bits;
    for (u64 i = offset >> q->cluster_bits; i <= last; i++) {
        u32 *p = count_of(c, i, true);
        *p = times > UINT32_MAX - *p ? UINT32_MAX : *p + (u32)times;
    }
    if (last >= c->top)
        c->top = last + 1;
    return true;
}

static void unmark(struct check *c, u64 cluster)
{
    u32 *p = count_of(c, cluster, false);
    if (p && *p)
        --*p;
}

/* --- Walking the tables --- */

static bool block_ok(struct check *c, u64 at)
{
    return !(at & (c->q->cluster_size - 1)) && at >= c->q->cluster_size && at >> c->q->cluster_bits < c->end;
}

static void mark_refcounts(struct check *c)
{
    struct qcow2 *q = c->q;
    if (!mark(c, "the refcount table", q->reft_offset, (u64)q->reft_clusters << q->cluster_bits, 1))
        c->refcounts_unusable = true;
    for (u64 i = 0; i < q->reft_entries; i++) {
        u64 at = q->reft[i] & ~(u64)511;
        if (!q->reft[i])
            continue;
        if (q->reft[i] & 511 || !block_ok(c, at)) {
            BAD(c, "refcount block %llu is said to be at byte %llu", (unsigned long long)i, (unsigned long long)at);
            c->refcounts_unusable = true;
            continue;
        }
        mark(c, "a refcount block", at, q->cluster_size, 1);
        if (counted(c, at >> q->cluster_bits) > 1) {
            BAD(c, "refcount block %llu is where another table is", (unsigned long long)i);
            c->refcounts_unusable = true;
        }
    }
}

static void mark_l1(struct check *c, const char *what, const u64 *l1, u64 n, bool active)
{
    for (u64 i = 0; i < n; i++) {
        u64 at = l1[i] & ENTRY_OFFSET;
        if (!at)
            continue;
        if (!block_ok(c, at)) {
            BAD(c, "%s: L2 table %llu is said to be at byte %llu", what, (unsigned long long)i, (unsigned long long)at);
            continue;
        }
        u64 times = u64map_get(&c->l2, at);
        u64map_set(&c->l2, at, times == U64MAP_NONE ? 1 : times + 1);
        if (active)
            u64map_set(&c->active, at, 1);
    }
}

static bool mark_snapshots(struct check *c, struct err *e)
{
    struct qcow2 *q = c->q;
    mark(c, "the table of snapshots", q->snapshots_offset, q->snapshots_bytes, 1);
    u64 sum = 0;
    for (u32 i = 0; i < q->n_snapshots; i++) {
        const struct qcow2_snapshot *s = &q->snapshots[i];
        u64 bytes = (u64)s->l1_size * 8;
        if (!s->l1_size)
            continue;
        sum += bytes;
        if (bytes > MAX_L1_BYTES || s->l1_offset & (q->cluster_size - 1) || sum > up(q->l.file.size, 512)) {
            BAD(c, "the L1 table of snapshot %u cannot be at byte %llu with %u entries", i + 1,
                (unsigned long long)s->l1_offset, s->l1_size);
            continue;
        }
        if (!mark(c, "the L1 table of a snapshot", s->l1_offset, bytes, 1))
            continue;
        u64 *l1 = xmalloc(bytes);
        bool ok = table_read(q, s->l1_offset, l1, s->l1_size, e);
        if (ok)
            mark_l1(c, "snapshot", l1, s->l1_size, false);
        free(l1);
        if (!ok)
            return false;
    }
    return true;
}

static void mark_entry(struct check *c, u64 entry, u64 times, bool active)
{
    struct qcow2 *q = c->q;
    struct cluster d;
    struct err why;
    if (!cluster_decode(q, entry, &d, &why)) {
        BAD(c, "an L2 entry (0x%016llx) is not possible: it points outside of the file or between clusters",
            (unsigned long long)entry);
        return;
    }
    switch (d.kind) {
    case CLUSTER_PACKED: {
        /* The last sectors may be cut off by the end of the file. */
        u64 end = c->end << q->cluster_bits;
        mark(c, "a compressed cluster", d.host, d.bytes < end - d.host ? d.bytes : end - d.host, times);
        c->out->compressed += active;
        c->out->allocated += active;
        break;
    }
    case CLUSTER_NORMAL:
    case CLUSTER_ZERO_KEPT:
        mark(c, "a cluster", d.host, q->cluster_size, times);
        c->out->allocated += active;
        break;
    case CLUSTER_NONE:
    case CLUSTER_ZERO:
        break;
    }
}

static bool mark_l2_tables(struct check *c, struct err *e)
{
    struct qcow2 *q = c->q;
    size_t n;
    u64 *tables = u64map_keys(&c->l2, &n);
    u8 *t = xmalloc(q->cluster_size);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        u64 times = u64map_get(&c->l2, tables[i]), until;
        bool active = u64map_get(&c->active, tables[i]) != U64MAP_NONE;
        mark(c, "an L2 table", tables[i], q->cluster_size, times);
        if (!disk_file_data(&q->l.file, tables[i], &until) && until - tables[i] >= q->cluster_size)
            continue; /* a hole, all zero: not worth reading */
        ok = disk_file_read(&q->l.file, tables[i], t, q->cluster_size, e);
        for (u64 j = 0; ok && j < q->cluster_size / 8; j++) {
            u64 entry = load_be(t + j * 8, 8);
            if (entry)
                mark_entry(c, entry, times, active);
        }
    }
    free(t);
    free(tables);
    return ok;
}

/* Persistent dirty bitmaps: a directory of tables of clusters. They are QEMU's; here they only take space. */
static bool mark_bitmaps(struct check *c, struct err *e)
{
    struct qcow2 *q = c->q;
    if (!q->has_bitmaps)
        return true;
    if (q->bitmaps_bytes > MAX_SNAPSHOT_TABLE || !mark(c, "the directory of bitmaps", q->bitmaps_offset,
                                                       q->bitmaps_bytes, 1))
        return true;
    u8 *dir = xmalloc(q->bitmaps_bytes + 1);
    bool ok = disk_file_read(&q->l.file, q->bitmaps_offset, dir, q->bitmaps_bytes, e);
    u64 at = 0, sum = 0;
    for (u32 i = 0; ok && i < q->n_bitmaps; i++) {
        if (q->bitmaps_bytes - at < 24) {
            BAD(c, "the directory of bitmaps is cut off");
            break;
        }
        const u8 *d = dir + at;
        u64 table = load_be(d, 8), n = load_be(d + 8, 4), len = 24 + load_be(d + 18, 2) + load_be(d + 20, 4);
        sum += n * 8;
        if (up(len, 8) > q->bitmaps_bytes - at || n * 8 > MAX_L1_BYTES || sum > q->l.file.size) {
            BAD(c, "bitmap %u is not possible", i + 1);
            break;
        }
        at += up(len, 8);
        if (!mark(c, "the table of a bitmap", table, n * 8, 1))
            continue;
        u64 *entries = xmalloc(n * 8 + 1);
        ok = table_read(q, table, entries, n, e);
        for (u64 j = 0; ok && j < n; j++)
            if (entries[j] & ENTRY_OFFSET)
                mark(c, "a cluster of a bitmap", entries[j] & ENTRY_OFFSET, q->cluster_size, 1);
        free(entries);
    }
    free(dir);
    return ok;
}

static bool mark_all(struct check *c, struct err *e)
{
    struct qcow2 *q = c->q;
    c->end = qcow2_end(q) >> q->cluster_bits;
    c->out->total = (q->l.size + q->cluster_size - 1) >> q->cluster_bits;
    mark(c, "the header", 0, q->cluster_size, 1);
    mark_refcounts(c);
    if (mark(c, "the L1 table", q->l1_offset, (u64)q->l1_size * 8, 1))
        mark_l1(c, "the active L1 table", q->l1, q->l1_size, true);
    return mark_snapshots(c, e) && mark_l2_tables(c, e) && mark_bitmaps(c, e);
}

/* --- Comparing --- */

static bool block_usable(struct check *c, u64 block)
{
    u64 at = block < c->q->reft_entries ? c->q->reft[block] : 0;
    return at && !(at & 511) && block_ok(c, at) && counted(c, at >> c->q->cluster_bits) == 1;
}

/* Every cluster that a refcount block counts, then every used one that none does. With `fix`, leaks are mended. */
static bool compare(struct check *c, bool fix, struct err *e)
{
    struct qcow2 *q = c->q;
    for (u64 b = 0; b < q->reft_entries; b++) {
        if (!block_usable(c, b))
            continue;
        for (u64 i = 0; i < q->ref_per_block; i++) {
            u64 cluster = b * q->ref_per_block + i, has, wants = counted(c, cluster);
            if (!ref_get(q, cluster, &has, e))
                return false;
            if (has == wants)
                continue;
            if (has > wants) {
                if (!fix)
                    say(c, "leak", &c->out->leaks, "cluster %llu has refcount %llu, referenced %llu times",
                        (unsigned long long)cluster, (unsigned long long)has, (unsigned long long)wants);
                else if (!ref_set(q, cluster, wants, e))
                    return false;
                else
                    c->out->leaks_fixed++;
            } else if (!fix) {
                c->refcounts_wrong++;
                BAD(c, "cluster %llu has refcount %llu, referenced %llu times", (unsigned long long)cluster,
                    (unsigned long long)has, (unsigned long long)wants);
            }
        }
    }
    size_t n;
    u64 *pages = u64map_keys(&c->pages, &n);
    for (size_t i = 0; i < n && !fix; i++)
        for (u64 cluster = pages[i] * PAGE; cluster < (pages[i] + 1) * PAGE; cluster++)
            if (counted(c, cluster) && !block_usable(c, cluster / q->ref_per_block)) {
                c->refcounts_wrong++;
                BAD(c, "cluster %llu is used but not counted", (unsigned long long)cluster);
            }
    free(pages);
    return true;
}

/* "Copied" says the refcount is one, in the active tables. */
static bool check_flags(struct check *c, bool fix, struct err *e)
{
    struct qcow2 *q = c->q;
    for (u64 i = 0; i < q->l1_size; i++) {
        u64 at = q->l1[i] & ENTRY_OFFSET;
        if (!at || !block_ok(c, at))
            continue;
        if (!!(q->l1[i] & ENTRY_COPIED) != (counted(c, at >> q->cluster_bits) == 1)) {
            if (!fix) {
                c->flags_wrong++;
                BAD(c, "the flag of L2 table %llu says the contrary of its refcount", (unsigned long long)i);
            } else {
                q->l1[i] ^= ENTRY_COPIED;
                if (!table_write(q, q->l1_offset + i * 8, &q->l1[i], 1, e))
                    return false;
                c->out->corruptions_fixed++;
            }
        }
        for (u64 j = 0; j < q->cluster_size / 8; j++) {
            u64 entry;
            struct cluster d;
            if (!l2_get(q, at, j, &entry, e))
                return false;
            if (!entry || !cluster_decode(q, entry, &d, NULL))
                continue;
            bool single = (d.kind == CLUSTER_NORMAL || d.kind == CLUSTER_ZERO_KEPT) &&
                          counted(c, d.host >> q->cluster_bits) == 1;
            if (single == !!(entry & ENTRY_COPIED))
                continue;
            if (!fix) {
                c->flags_wrong++;
                BAD(c, "the flag of guest cluster %llu says the contrary of its refcount",
                    (unsigned long long)((i << q->l2_bits) + j));
            } else {
                if (!l2_set(q, at, j, entry ^ ENTRY_COPIED, e))
                    return false;
                c->out->corruptions_fixed++;
            }
        }
    }
    return !fix || (cache_write_dirty(q, &q->l2_cache, e) && disk_file_sync(&q->l.file, e));
}

/* --- New refcounts --- */

/* Which blocks are needed: those that count something, or one of the clusters from..to-1. */
static u64 *blocks_needed(struct check *c, u64 from, u64 to, size_t *n)
{
    struct u64map set = { 0 };
    u64 per = c->q->ref_per_block;
    size_t pages;
    u64 *page = u64map_keys(&c->pages, &pages);
    for (size_t i = 0; i < pages; i++)
        for (u64 cluster = page[i] * PAGE; cluster < (page[i] + 1) * PAGE; cluster++)
            if (counted(c, cluster))
                u64map_set(&set, cluster / per, 1);
    for (u64 b = from / per; from < to && b <= (to - 1) / per; b++)
        u64map_set(&set, b, 1);
    u64 *keys = u64map_keys(&set, n);
    u64map_free(&set);
    free(page);
    return keys;
}

static bool write_refcounts(struct check *c, u64 start, u64 m, const u64 *blocks, size_t n, struct err *e)
{
    struct qcow2 *q = c->q;
    u64 entries = m << q->l2_bits, end = start + m + n;
    u64 *table = xcalloc(entries, sizeof(u64));
    u8 *block = xmalloc(q->cluster_size);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        memset(block, 0, q->cluster_size);
        for (u64 j = 0; j < q->ref_per_block && ok; j++) {
            u64 cluster = blocks[i] * q->ref_per_block + j;
            u64 count = counted(c, cluster) + (cluster >= start && cluster < end);
            if (count > q->ref_max)
                ok = QERR(q, e, "a cluster has %llu references, more than counts of %u bits can hold; convert the image "
                          "to a new one", (unsigned long long)count, 1u << q->refcount_order);
            ref_store(block, j, q->refcount_order, count);
        }
        table[blocks[i]] = (start + m + i) << q->cluster_bits;
        ok = ok && disk_file_write(&q->l.file, table[blocks[i]], block, q->cluster_size, e);
    }
    free(block);
    u8 at[12];
    store_be(at, 8, start << q->cluster_bits);
    store_be(at + 8, 4, m);
    ok = ok && table_write(q, start << q->cluster_bits, table, entries, e) && disk_file_sync(&q->l.file, e) &&
         header_write(q, H_REFT, at, sizeof at, e) && disk_file_sync(&q->l.file, e);
    if (!ok) {
        free(table);
        return false;
    }
    free(q->reft);
    q->reft = table;
    q->reft_entries = entries;
    q->reft_offset = start << q->cluster_bits;
    q->reft_clusters = (u32)m;
    q->free_hint = 0;
    cache_fini(&q->ref_cache);
    cache_init(&q->ref_cache, q->cluster_size, (u64)4 << 20);
    return true;
}

/* Writes a new refcount table and blocks behind all that is used; the old ones become free. */
static bool rebuild(struct check *c, struct err *e)
{
    struct qcow2 *q = c->q;
    u64 start = c->top, m = 1, k = 0, per = q->cluster_size / 8;
    bool inside = (q->reft_offset >> q->cluster_bits) + q->reft_clusters <= c->end; /* else it was not marked */
    for (u64 i = 0; inside && i < q->reft_clusters; i++)
        unmark(c, (q->reft_offset >> q->cluster_bits) + i);
    for (u64 i = 0; i < q->reft_entries; i++)
        if (q->reft[i] && !(q->reft[i] & 511) && block_ok(c, q->reft[i]))
            unmark(c, q->reft[i] >> q->cluster_bits);
    u64 *blocks;
    size_t n;
    for (;;) {
        blocks = blocks_needed(c, start, start + m + k, &n);
        u64 entries = (start + m + n + q->ref_per_block - 1) / q->ref_per_block, tables = (entries + per - 1) / per;
        if (n <= k && tables <= m)
            break;
        k = n > k ? n : k;
        m = tables > m ? tables : m;
        free(blocks);
    }
    bool ok = m << q->cluster_bits <= MAX_REFT_BYTES
                  ? write_refcounts(c, start, m, blocks, n, e)
                  : QERR(q, e, "its refcounts cannot be rebuilt: the file is too large for its clusters");
    /* What the flags are compared with later: the new tables count too. */
    for (u64 i = 0; ok && i < m + n; i++)
        ++*count_of(c, start + i, true);
    if (ok && start + m + n > c->top)
        c->top = start + m + n;
    free(blocks);
    return ok;
}

/* --- All of it --- */

static bool mend(struct check *c, enum image_repair repair, struct err *e)
{
    struct qcow2 *q = c->q;
    struct image_check *o = c->out;
    bool unsafe = c->refcounts_unusable || c->refcounts_wrong;
    bool marked = q->incompat & (INCOMPAT_DIRTY | INCOMPAT_CORRUPT);
    if (repair == REPAIR_NONE || (!o->corruptions && !o->leaks && !marked))
        return true;
    if (q->l.file.read_only)
        return QERR(q, e, "is open read-only; it cannot be repaired");
    if (repair == REPAIR_LEAKS)
        return c->refcounts_unusable || !o->leaks || compare(c, true, e);
    u64 lasting = o->corruptions - c->flags_wrong;
    if (unsafe) {
        if (!rebuild(c, e))
            return false;
        /* Findings about the refcounts are gone; what else is wrong shows when all is walked again below. */
        o->leaks_fixed = o->leaks;
        lasting = 0;
    } else if (o->leaks && !compare(c, true, e)) {
        return false;
    }
    if (!check_flags(c, true, e))
        return false;
    q->dead = false;
    if (lasting)
        return true;
    struct image_check again = { 0 };
    struct check second = { .q = q, .out = &again };
    bool ok = mark_all(&second, e) && compare(&second, false, e) && check_flags(&second, false, e);
    for (size_t i = 0; i < second.n_pages; i++)
        free(second.page_list[i]);
    free(second.page_list);
    u64map_free(&second.pages);
    u64map_free(&second.l2);
    u64map_free(&second.active);
    if (!ok)
        return false;
    o->corruptions_fixed = o->corruptions > again.corruptions ? o->corruptions - again.corruptions : 0;
    if (!again.corruptions && q->version >= 3 && q->incompat & (INCOMPAT_DIRTY | INCOMPAT_CORRUPT))
        return header_set_incompat(q, q->incompat & ~(INCOMPAT_DIRTY | INCOMPAT_CORRUPT), e);
    return true;
}

bool qcow2_check(struct qcow2 *q, enum image_repair repair, struct image_check *out,
                 void (*tell)(void *opaque, const char *line), void *opaque, struct err *e)
{
    *out = (struct image_check){ 0 };
    if (!qcow2_commit(q, e))
        return false;
    struct check c = { .q = q, .out = out, .tell = tell, .opaque = opaque };
    bool ok = mark_all(&c, e) && compare(&c, false, e) && check_flags(&c, false, e) && mend(&c, repair, e);
    out->end = c.top << q->cluster_bits;
    for (size_t i = 0; i < c.n_pages; i++)
        free(c.page_list[i]);
    free(c.page_list);
    u64map_free(&c.pages);
    u64map_free(&c.l2);
    u64map_free(&c.active);
    return ok;
}

bool image_check(struct block_port *b, enum image_repair repair, struct image_check *out,
                 void (*tell)(void *opaque, const char *line), void *opaque, struct err *e)
{
    struct layer *l = image_layer(b);
    *out = (struct image_check){ 0 };
    return l->ops != &qcow2_ops || qcow2_check(qcow2_of(l), repair, out, tell, opaque, e);
}
