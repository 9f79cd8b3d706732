/* New images, and changing the size of one. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "host/block/qcow2.h"

static void put_extension(struct buf *b, u32 type, const void *data, u32 len)
{
    static const u8 padding[8];
    u8 head[8];
    store_be(head, 4, type);
    store_be(head + 4, 4, len);
    buf_put(b, head, 8);
    buf_put(b, data, len);
    buf_put(b, padding, up(len, 8) - len);
}

/* So that a program that lacks one of these can name it. */
static void put_feature_names(struct buf *b)
{
    static const struct {
        u8 type, bit;
        const char *name;
    } rows[] = {
        { 0, 0, "dirty bit" },
        { 0, 1, "corrupt bit" },
        { 0, 2, "external data file" },
        { 0, 3, "compression type" },
        { 0, 4, "extended L2 entries" },
        { 1, 0, "lazy refcounts" },
        { 2, 0, "bitmaps" },
    };
    u8 table[ARRAY_LEN(rows) * 48] = { 0 };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        table[i * 48] = rows[i].type;
        table[i * 48 + 1] = rows[i].bit;
        memcpy(table + i * 48 + 2, rows[i].name, strlen(rows[i].name));
    }
    put_extension(b, EXT_FEATURE_NAMES, table, sizeof table);
}

/* Where the parts of a new image lie: header, refcount table, refcount blocks, L1 table. In clusters. */
struct layout {
    u32 bits, order, version;
    u64 size, reft, blocks, l1_entries, l1;
};

static bool plan(struct layout *p, const struct image_create *c, u64 size, struct err *e)
{
    unsigned width = c->refcount_bits ? c->refcount_bits : 16;
    p->bits = c->cluster_bits ? c->cluster_bits : 16;
    p->version = c->version ? c->version : 3;
    p->size = up(size, 512);
    if (p->bits < 9 || p->bits > 21)
        return err_set(e, "%s: clusters of qcow2 have 512 bytes to 2M", c->path);
    if (p->version != 2 && p->version != 3)
        return err_set(e, "%s: qcow2 has the versions 2 (compat=0.10) and 3 (compat=1.1)", c->path);
    if (width > 64 || width & (width - 1))
        return err_set(e, "%s: refcounts have 1, 2, 4, 8, 16, 32 or 64 bits", c->path);
    if (p->version == 2 && (width != 16 || c->lazy_refcounts || c->compression))
        return err_set(e, "%s: version 2 has neither other refcounts than 16 bits, nor lazy ones, nor a choice of "
                       "compression; use compat=1.1", c->path);
    p->order = (u32)__builtin_ctz(width);
    if (size > INT64_MAX - 511 || l1_needed(p->size, p->bits) > MAX_L1_BYTES / 8)
        return err_set(e, "%s: a disk of %llu bytes is too large for clusters of %llu bytes; use a larger cluster_size",
                       c->path, (unsigned long long)size, (unsigned long long)1 << p->bits);
    u64 cs = (u64)1 << p->bits, per_block = cs * 8 >> p->order;
    p->l1_entries = l1_needed(p->size, p->bits);
    p->l1 = (p->l1_entries * 8 + cs - 1) >> p->bits;
    p->reft = p->blocks = 1;
    for (;;) {
        u64 used = 1 + p->reft + p->blocks + p->l1;
        u64 blocks = (used + per_block - 1) / per_block, reft = (blocks * 8 + cs - 1) >> p->bits;
        if (blocks == p->blocks && reft == p->reft)
            return true;
        p->blocks = blocks;
        p->reft = reft;
    }
}

static bool make_header(const struct layout *p, const struct image_create *c, struct buf *b, struct err *e)
{
    u8 h[H_OUR_LENGTH] = { 0 };
    bool zstd = c->compression && !strcmp(c->compression, "zstd");
    u64 cs = (u64)1 << p->bits;
    store_be(h, 4, QCOW2_MAGIC);
    store_be(h + H_VERSION, 4, p->version);
    store_be(h + H_CLUSTER_BITS, 4, p->bits);
    store_be(h + H_SIZE, 8, p->size);
    store_be(h + H_L1_SIZE, 4, p->l1_entries);
    store_be(h + H_L1, 8, p->l1 ? (1 + p->reft + p->blocks) << p->bits : 0);
    store_be(h + H_REFT, 8, cs);
    store_be(h + H_REFT_CLUSTERS, 4, p->reft);
    if (p->version == 3) {
        store_be(h + H_INCOMPATIBLE, 8, zstd ? INCOMPAT_COMPRESSION : 0);
        store_be(h + H_COMPATIBLE, 8, c->lazy_refcounts ? COMPAT_LAZY_REFCOUNTS : 0);
        store_be(h + H_REFCOUNT_ORDER, 4, p->order);
        store_be(h + H_LENGTH, 4, H_OUR_LENGTH);
        h[H_COMPRESSION] = zstd;
    }
    size_t name = c->backing ? strlen(c->backing) : 0;
    struct buf ext = { 0 };
    if (c->backing && c->backing_format)
        put_extension(&ext, EXT_BACKING_FORMAT, c->backing_format, (u32)strlen(c->backing_format));
    size_t fixed = p->version == 3 ? H_OUR_LENGTH : H_V2_LENGTH;
    if (p->version == 3 && fixed + ext.len + 8 + 7 * 48 + 8 + name <= cs)
        put_feature_names(&ext);
    put_extension(&ext, 0, NULL, 0);
    if (name > MAX_BACKING_NAME || fixed + ext.len + name > cs) {
        buf_free(&ext);
        return err_set(e, "%s: the name of its backing file does not fit into the header; use a shorter one or larger "
                       "clusters", c->path);
    }
    if (name) {
        store_be(h + H_BACKING, 8, fixed + ext.len);
        store_be(h + H_BACKING_LEN, 4, name);
    }
    buf_put(b, h, fixed);
    buf_put(b, ext.data, ext.len);
    buf_put(b, c->backing, name);
    buf_free(&ext);
    return true;
}

static bool write_image(struct disk_file *f, const struct layout *p, const struct buf *header, struct err *e)
{
    u64 cs = (u64)1 << p->bits, used = 1 + p->reft + p->blocks + p->l1, per_block = cs * 8 >> p->order;
    u8 *cluster = xcalloc(1, cs);
    bool ok = disk_file_truncate(f, used << p->bits, e);
    for (u64 b = 0; ok && b < p->blocks; b++) {
        memset(cluster, 0, cs);
        for (u64 i = 0; i < per_block && b * per_block + i < used; i++)
            ref_store(cluster, i, p->order, 1);
        ok = disk_file_write(f, (1 + p->reft + b) << p->bits, cluster, cs, e);
    }
    u64 entries = cs / 8;
    for (u64 t = 0; ok && t < p->reft; t++) {
        memset(cluster, 0, cs);
        for (u64 i = 0; i < entries && t * entries + i < p->blocks; i++)
            store_be(cluster + i * 8, 8, (1 + p->reft + t * entries + i) << p->bits);
        ok = disk_file_write(f, (1 + t) << p->bits, cluster, cs, e);
    }
    free(cluster);
    return ok && disk_file_write(f, 0, header->data, header->len, e);
}

/* Where a backing file would be found, and whether it can be opened; fills in its size. */
static bool look_at_backing(const struct image_create *c, u64 *size, struct err *e)
{
    const char *slash = strrchr(c->path, '/');
    char *path = c->backing[0] == '/' || !slash
                     ? xstrdup(c->backing)
                     : xprintf("%.*s/%s", (int)(slash - c->path), c->path, c->backing);
    struct image_options o = { .read_only = true, .format = c->backing_format };
    struct block_port *b = image_open(path, &o, e);
    free(path);
    if (!b)
        return err_prefix(e, "%s: its backing file", c->path);
    *size = b->size;
    return image_close(b, e);
}

bool qcow2_create(const struct image_create *c, struct err *e)
{
    u64 size = c->size, backing_size = 0;
    if (c->backing && !look_at_backing(c, &backing_size, e))
        return false;
    if (c->size_of_backing)
        size = backing_size;
    if (c->compression && strcmp(c->compression, "zlib") && strcmp(c->compression, "zstd"))
        return err_set(e, "%s: compression_type is zlib or zstd, not \"%s\"", c->path, c->compression);
    struct layout p = { 0 };
    struct buf header = { 0 };
    struct disk_file f;
    if (!plan(&p, c, size, e) || !make_header(&p, c, &header, e))
        return false;
    bool ok = disk_file_create(&f, c->path, c->replace, e);
    if (ok) {
        ok = write_image(&f, &p, &header, e);
        disk_file_close(&f);
    }
    buf_free(&header);
    return ok;
}

/* --- Size --- */

static bool longer_l1(struct qcow2 *q, u64 size, struct err *e)
{
    u64 n = l1_needed(size, q->cluster_bits), at;
    if (n > MAX_L1_BYTES / 8)
        return QERR(q, e, "%llu bytes are too many for clusters of %llu bytes; convert it to larger ones",
                    (unsigned long long)size, (unsigned long long)q->cluster_size);
    u64 clusters = up(n * 8, q->cluster_size) >> q->cluster_bits;
    if (!alloc_clusters(q, clusters, &at, e))
        return false;
    u64 *l1 = xcalloc(clusters << q->l2_bits, sizeof(u64));
    memcpy(l1, q->l1, q->l1_size * sizeof(u64));
    if (!table_write(q, at, l1, clusters << q->l2_bits, e) || !disk_file_sync(&q->l.file, e) ||
        !header_set_l1(q, size, at, (u32)n, e)) {
        free(l1);
        return false;
    }
    if (q->l1_size)
        free_later(q, q->l1_offset >> q->cluster_bits, up((u64)q->l1_size * 8, q->cluster_size) >> q->cluster_bits);
    free(q->l1);
    q->l1 = l1;
    q->l1_offset = at;
    q->l1_size = (u32)n;
    return true;
}

bool qcow2_resize(struct layer *l, u64 size, struct err *e)
{
    struct qcow2 *q = qcow2_of(l);
    u64 old = l->size;
    if (size > INT64_MAX - 511)
        return QERR(q, e, "no disk can be that large");
    size = up(size, 512);
    /* What is cut off must not come back when the disk grows again. */
    if (size < old && !qcow2_zero(l, size, old - size, e))
        return false;
    if (!qcow2_commit(q, e))
        return false;
    if (l1_needed(size, q->cluster_bits) > q->l1_size) {
        if (!longer_l1(q, size, e))
            return false;
    } else if (!header_set_l1(q, size, q->l1_offset, q->l1_size, e)) {
        return false;
    }
    l->size = size;
    /* Nor may a backing file that is longer show in the new part. */
    if (size > old && q->backing && q->backing->size > old) {
        u64 shown = q->backing->size < size ? q->backing->size : size;
        if (!qcow2_zero(l, old, shown - old, e))
            return false;
    }
    return qcow2_commit(q, e);
}
