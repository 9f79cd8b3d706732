/* The header: what is in it, what is refused, and the few writes to it. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "host/block/qcow2.h"

bool header_write(struct qcow2 *q, unsigned at, const u8 *bytes, unsigned n, struct err *e)
{
    return disk_file_write(&q->l.file, at, bytes, n, e);
}

bool header_set_incompat(struct qcow2 *q, u64 bits, struct err *e)
{
    u8 b[8];
    store_be(b, 8, bits);
    if (!header_write(q, H_INCOMPATIBLE, b, sizeof b, e) || !disk_file_sync(&q->l.file, e))
        return false;
    q->incompat = bits;
    return true;
}

bool header_set_l1(struct qcow2 *q, u64 size, u64 l1_offset, u32 l1_size, struct err *e)
{
    u8 b[24]; /* size, encryption (none), L1 size, L1 offset: neighbours, so one write changes all or nothing */
    store_be(b, 8, size);
    store_be(b + 8, 4, 0);
    store_be(b + 12, 4, l1_size);
    store_be(b + 16, 8, l1_offset);
    return header_write(q, H_SIZE, b, sizeof b, e) && disk_file_sync(&q->l.file, e);
}

/* --- Features --- */

/* The names this program knows, for images without a feature name table. */
static const struct {
    u8 bit;
    const char *name;
} incompatible_names[] = {
    { 0, "dirty bit" },
    { 1, "corrupt bit" },
    { 2, "external data file" },
    { 3, "compression type" },
    { 4, "extended L2 entries" },
};

static void feature_name(unsigned bit, const u8 *table, u32 table_len, char out[47])
{
    for (u32 i = 0; i + 48 <= table_len; i += 48)
        if (table[i] == 0 && table[i + 1] == bit && table[i + 2]) {
            unsigned n = 0;
            for (; n < 46 && table[i + 2 + n]; n++) /* an image must not send control codes to a terminal */
                out[n] = table[i + 2 + n] >= ' ' && table[i + 2 + n] < 0x7f ? (char)table[i + 2 + n] : '?';
            out[n] = 0;
            return;
        }
    struct buf b = { 0 };
    for (unsigned i = 0; i < ARRAY_LEN(incompatible_names) && !b.len; i++)
        if (incompatible_names[i].bit == bit)
            buf_printf(&b, "%s", incompatible_names[i].name);
    if (!b.len)
        buf_printf(&b, "unknown feature, bit %u", bit);
    strcpy(out, buf_cstr(&b));
    buf_free(&b);
}

static bool refuse_features(struct qcow2 *q, const u8 *table, u32 table_len, struct err *e)
{
    u64 unknown = q->incompat & ~INCOMPAT_KNOWN;
    if (!unknown)
        return true;
    struct buf b = { 0 };
    for (unsigned bit = 0; bit < 64; bit++)
        if (unknown >> bit & 1) {
            char name[47];
            feature_name(bit, table, table_len, name);
            buf_printf(&b, "%s%s", b.len ? ", " : "", name);
        }
    QERR(q, e, "the image uses what is not supported: %s; convert it to a plain one (qemu-img convert -O qcow2 OLD "
         "NEW)", buf_cstr(&b));
    buf_free(&b);
    return false;
}

/* --- Reading the header --- */

static bool parse_extensions(struct qcow2 *q, const u8 *head, u64 backing_offset, struct err *e)
{
    u64 at = q->header_length, end = q->cluster_size;
    const u8 *names = NULL;
    u32 names_len = 0;
    if (backing_offset && backing_offset < end)
        end = backing_offset;
    bool clean = true;
    while (clean && at + 8 <= end) {
        u32 type = (u32)load_be(head + at, 4), len = (u32)load_be(head + at + 4, 4);
        const u8 *data = head + at + 8;
        if (!type)
            break;
        if (len > end - at - 8)
            return QERR(q, e, "a header extension (0x%08x) is longer than the header; the image is damaged", type);
        switch (type) {
        case EXT_BACKING_FORMAT:
            free(q->backing_format);
            q->backing_format = xprintf("%.*s", (int)(len < 64 ? len : 64), (const char *)data);
            break;
        case EXT_FEATURE_NAMES:
            names = data;
            names_len = len;
            break;
        case EXT_BITMAPS:
            if (len < 24 || !(q->autoclear & AUTOCLEAR_BITMAPS))
                break; /* not kept up by whoever wrote last: worthless */
            q->has_bitmaps = true;
            q->n_bitmaps = (u32)load_be(data, 4);
            q->bitmaps_bytes = load_be(data + 8, 8);
            q->bitmaps_offset = load_be(data + 16, 8);
            break;
        }
        at += 8 + up(len, 8);
    }
    return refuse_features(q, names, names_len, e);
}

static bool parse_version3(struct qcow2 *q, const u8 *head, struct err *e)
{
    q->incompat = load_be(head + H_INCOMPATIBLE, 8);
    q->compat = load_be(head + H_COMPATIBLE, 8);
    q->autoclear = load_be(head + H_AUTOCLEAR, 8);
    q->refcount_order = (u32)load_be(head + H_REFCOUNT_ORDER, 4);
    q->header_length = (u32)load_be(head + H_LENGTH, 4);
    if (q->refcount_order > 6)
        return QERR(q, e, "the width of refcounts (2 to the power %u bits) is more than 64; the image is damaged",
                    q->refcount_order);
    if (q->header_length < H_V3_LENGTH || q->header_length % 8 || q->header_length > q->cluster_size)
        return QERR(q, e, "the header cannot be %u bytes long; the image is damaged", q->header_length);
    if (q->header_length > H_COMPRESSION)
        q->compression = head[H_COMPRESSION];
    if (q->compression > 1)
        return QERR(q, e, "compression type %u is not supported (zlib and zstd are); convert it with a newer qemu-img",
                    q->compression);
    if (!!(q->incompat & INCOMPAT_COMPRESSION) != (q->compression != 0))
        return QERR(q, e, "the compression type and its feature bit contradict each other; the image is damaged");
    return true;
}

static bool parse_header(struct qcow2 *q, const u8 *head, u32 cluster_bits, struct err *e)
{
    q->cluster_bits = cluster_bits;
    q->cluster_size = (u64)1 << cluster_bits;
    q->l2_bits = cluster_bits - 3;
    q->refcount_order = 4;
    q->header_length = H_V2_LENGTH;
    if (q->version == 3 && !parse_version3(q, head, e))
        return false;
    q->ref_per_block = q->cluster_size * 8 >> q->refcount_order;
    q->ref_max = ~(u64)0 >> (64 - (1u << q->refcount_order));
    q->l.size = load_be(head + H_SIZE, 8);
    u32 crypt = (u32)load_be(head + H_CRYPT, 4);
    if (crypt)
        return QERR(q, e, "the image is encrypted (%s), which is not supported; convert it to a plain one (qemu-img "
                    "convert -O qcow2)", crypt == 1 ? "AES" : crypt == 2 ? "LUKS" : "unknown method");
    u64 name_at = load_be(head + H_BACKING, 8), name_len = load_be(head + H_BACKING_LEN, 4);
    if (name_at && (name_len > MAX_BACKING_NAME || name_at > q->cluster_size || name_len > q->cluster_size - name_at))
        return QERR(q, e, "the name of the backing file is not inside the header; the image is damaged");
    if (!parse_extensions(q, head, name_at, e))
        return false;
    if (name_at && name_len)
        q->backing_name = xprintf("%.*s", (int)name_len, (const char *)head + name_at);

    q->l1_size = (u32)load_be(head + H_L1_SIZE, 4);
    q->l1_offset = load_be(head + H_L1, 8);
    q->reft_offset = load_be(head + H_REFT, 8);
    q->reft_clusters = (u32)load_be(head + H_REFT_CLUSTERS, 4);
    q->n_snapshots = (u32)load_be(head + H_N_SNAPSHOTS, 4);
    q->snapshots_offset = load_be(head + H_SNAPSHOTS, 8);
    u64 in_cluster = q->cluster_size - 1;
    if (q->l.size > INT64_MAX || l1_needed(q->l.size, cluster_bits) > MAX_L1_BYTES / 8)
        return QERR(q, e, "a disk of %llu bytes is too large for clusters of %llu bytes; the image is damaged",
                    (unsigned long long)q->l.size, (unsigned long long)q->cluster_size);
    if (q->l1_size > MAX_L1_BYTES / 8 || q->l1_offset & in_cluster || q->l1_offset > HOST_LIMIT ||
        (q->l1_size && q->l1_offset < q->cluster_size))
        return QERR(q, e, "the L1 table (%u entries at byte %llu) is not possible; the image is damaged", q->l1_size,
                    (unsigned long long)q->l1_offset);
    if (q->l1_size < l1_needed(q->l.size, cluster_bits))
        return QERR(q, e, "the L1 table is too short for the size of the disk; the image is damaged");
    if ((u64)q->reft_clusters << cluster_bits > MAX_REFT_BYTES || q->reft_offset & in_cluster ||
        q->reft_offset > HOST_LIMIT || q->reft_offset < q->cluster_size || !q->reft_clusters)
        return QERR(q, e, "the refcount table (%u clusters at byte %llu) is not possible; the image is damaged",
                    q->reft_clusters, (unsigned long long)q->reft_offset);
    if (q->n_snapshots > MAX_SNAPSHOTS || (q->n_snapshots && (q->snapshots_offset & in_cluster ||
        q->snapshots_offset < q->cluster_size || q->snapshots_offset > HOST_LIMIT)))
        return QERR(q, e, "the table of %u snapshots at byte %llu is not possible; the image is damaged",
                    q->n_snapshots, (unsigned long long)q->snapshots_offset);
    return true;
}

static bool read_header(struct qcow2 *q, struct err *e)
{
    u8 fixed[H_V3_LENGTH];
    if (!disk_file_read(&q->l.file, 0, fixed, sizeof fixed, e))
        return false;
    if (q->l.file.size < H_V2_LENGTH || load_be(fixed, 4) != QCOW2_MAGIC)
        return QERR(q, e, "this is not a qcow2 image (its first bytes are not \"QFI\\xfb\"); is it raw? (format=raw)");
    q->version = (u32)load_be(fixed + H_VERSION, 4);
    if (q->version != 2 && q->version != 3)
        return QERR(q, e, "this is a qcow image of version %u; 2 and 3 are supported (qemu-img convert -O qcow2 OLD "
                    "NEW)", q->version);
    u32 cluster_bits = (u32)load_be(fixed + H_CLUSTER_BITS, 4);
    if (cluster_bits < 9 || cluster_bits > 21)
        return QERR(q, e, "clusters of 2 to the power %u bytes are not supported (9 to 21 are); the image may be "
                    "damaged", cluster_bits);
    u8 *head = xmalloc((size_t)1 << cluster_bits);
    bool ok = disk_file_read(&q->l.file, 0, head, (size_t)1 << cluster_bits, e) &&
              parse_header(q, head, cluster_bits, e);
    free(head);
    return ok;
}

/* --- Opening --- */

/* A relative name is relative to the directory of the image that holds it. */
static char *backing_path(struct qcow2 *q, struct err *e)
{
    const char *name = q->backing_name;
    if (!strncmp(name, "file:", 5))
        name += 5;
    size_t scheme = strspn(name, "abcdefghijklmnopqrstuvwxyz+");
    if (scheme && name[scheme] == ':') { /* "json:", "nbd:", ... */
        QERR(q, e, "its backing file is \"%s\"; only files are supported", q->backing_name);
        return NULL;
    }
    const char *slash = strrchr(q->l.file.path, '/');
    if (name[0] == '/' || !slash)
        return xstrdup(name);
    return xprintf("%.*s/%s", (int)(slash - q->l.file.path), q->l.file.path, name);
}

static bool open_backing(struct qcow2 *q, const struct image_options *o, struct err *e)
{
    if (!q->backing_name)
        return true;
    char *path = backing_path(q, e);
    if (!path)
        return false;
    struct image_options under = { .share = o->share, .cache = o->cache, .read_only = true };
    q->backing = layer_open(path, q->backing_format, &under, &q->l, e);
    free(path);
    return q->backing || err_prefix(e, "%s: its backing file", q->l.file.path);
}

static bool load_tables(struct qcow2 *q, struct err *e)
{
    q->reft_entries = (u64)q->reft_clusters << q->l2_bits;
    q->reft = xcalloc(q->reft_entries, sizeof(u64));
    q->l1 = xcalloc(q->l1_size + 1u, sizeof(u64));
    return table_read(q, q->reft_offset, q->reft, q->reft_entries, e) &&
           table_read(q, q->l1_offset, q->l1, q->l1_size, e) && snapshots_load(q, e);
}

/* What writing needs to be true first. */
static bool prepare_writing(struct qcow2 *q, const struct image_options *o, struct err *e)
{
    if (q->incompat & INCOMPAT_CORRUPT && !o->repairing)
        return QERR(q, e, "the image is marked corrupt; use it with readonly=on, or make a copy and try \"orrery img "
                    "check -r all\"");
    if (q->autoclear) { /* none of these features is kept up by our writes */
        u8 none[8] = { 0 };
        if (!o->repairing && !header_write(q, H_AUTOCLEAR, none, sizeof none, e))
            return false;
    }
    if (!(q->incompat & INCOMPAT_DIRTY) || o->repairing)
        return true;
    /* Its last user kept refcounts lazily and did not end well: they are computed anew. */
    struct image_check found;
    if (!qcow2_check(q, REPAIR_ALL, &found, NULL, NULL, e))
        return false;
    if (found.corruptions != found.corruptions_fixed)
        return QERR(q, e, "the image was not closed and cannot be repaired by itself; make a copy and try \"orrery img "
                    "check -r all\"");
    return true;
}

static void release(struct qcow2 *q)
{
    if (q->backing)
        q->backing->ops->close(q->backing, NULL);
    snapshots_free(q);
    cache_fini(&q->l2_cache);
    cache_fini(&q->ref_cache);
    free(q->l1);
    free(q->reft);
    free(q->frees);
    free(q->backing_name);
    free(q->backing_format);
    free(q->unpacked);
    free(q);
}

struct layer *qcow2_open(struct disk_file *f, const struct image_options *o, struct layer *parent, struct err *e)
{
    struct qcow2 *q = xcalloc(1, sizeof *q);
    q->l.ops = &qcow2_ops;
    q->l.file = *f;
    q->l.parent = parent;
    q->l.depth = parent ? parent->depth + 1 : 0;
    q->l.unmap = !o->discard || !strcmp(o->discard, "unmap") || !strcmp(o->discard, "on");
    if (read_header(q, e)) {
        cache_init(&q->l2_cache, q->cluster_size, (u64)8 << 20);
        cache_init(&q->ref_cache, q->cluster_size, (u64)4 << 20);
        if (load_tables(q, e) && open_backing(q, o, e) && (f->read_only || prepare_writing(q, o, e))) {
            *f = q->l.file;
            return &q->l;
        }
    }
    release(q);
    return NULL;
}

static bool qcow2_flush(struct layer *l, struct err *e)
{
    return qcow2_commit(qcow2_of(l), e) && disk_file_sync(&l->file, e);
}

static bool qcow2_close(struct layer *l, struct err *e)
{
    bool ok = qcow2_flush(l, e);
    disk_file_close(&l->file);
    release(qcow2_of(l));
    return ok;
}

static void qcow2_info(struct layer *l, struct image_info *out)
{
    struct qcow2 *q = qcow2_of(l);
    out->cluster_size = q->cluster_size;
    out->version = q->version;
    out->refcount_bits = 1u << q->refcount_order;
    out->compression = q->compression ? "zstd" : "zlib";
    out->dirty = q->incompat & INCOMPAT_DIRTY;
    out->corrupt = q->incompat & INCOMPAT_CORRUPT;
    out->lazy_refcounts = q->compat & COMPAT_LAZY_REFCOUNTS;
    out->bitmaps = q->has_bitmaps;
    out->backing = q->backing_name;
    out->backing_format = q->backing_format;
    out->backing_path = q->backing ? q->backing->file.path : NULL;
    out->n_snapshots = q->n_snapshots;
}

const struct layer_ops qcow2_ops = {
    .format = "qcow2",
    .read = qcow2_read,
    .write = qcow2_write,
    .zero = qcow2_zero,
    .flush = qcow2_flush,
    .extent = qcow2_extent,
    .resize = qcow2_resize,
    .info = qcow2_info,
    .close = qcow2_close,
};
