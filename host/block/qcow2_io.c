/* Guest reads, writes and zeroing. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/arena.h"
#include "host/block/qcow2.h"

#define RUN_BYTES ((u64)4 << 20) /* how much is allocated at once */

/* --- Reading --- */

static bool backing_read(struct qcow2 *q, u64 offset, u8 *out, size_t len, struct err *e)
{
    u64 there = q->backing && offset < q->backing->size ? q->backing->size - offset : 0;
    size_t n = there < len ? (size_t)there : len;
    memset(out + n, 0, len - n);
    return !n || q->backing->ops->read(q->backing, offset, out, n, e);
}

/* Raw deflate; QEMU writes it with a window of 4 KiB, any window is read. */
static bool inflate_cluster(const u8 *in, size_t in_len, u8 *out, size_t out_len)
{
    z_stream z = { 0 };
    z.next_in = (u8 *)in;
    z.avail_in = (unsigned)in_len;
    z.next_out = out;
    z.avail_out = (unsigned)out_len;
    if (inflateInit2(&z, -15) != Z_OK)
        return false;
    int r = inflate(&z, Z_FINISH);
    bool ok = (r == Z_STREAM_END || r == Z_BUF_ERROR) && z.avail_out == 0;
    inflateEnd(&z);
    return ok;
}

static bool unzstd_cluster(const u8 *in, size_t in_len, u8 *out, size_t out_len)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    ZSTD_inBuffer src = { in, in_len, 0 };
    ZSTD_outBuffer dst = { out, out_len, 0 };
    bool ok = d != NULL;
    while (ok && dst.pos < dst.size) {
        size_t before_in = src.pos, before_out = dst.pos;
        size_t r = ZSTD_decompressStream(d, &dst, &src);
        ok = !ZSTD_isError(r) && (src.pos > before_in || dst.pos > before_out);
    }
    ZSTD_freeDCtx(d);
    return ok;
}

static bool unpack(struct qcow2 *q, u64 entry, const struct cluster *c, struct err *e)
{
    if (q->unpacked_entry == entry)
        return true;
    if (!q->unpacked)
        q->unpacked = xmalloc(q->cluster_size);
    q->unpacked_entry = 0;
    u8 *in = xmalloc(c->bytes);
    bool ok = disk_file_read(&q->l.file, c->host, in, c->bytes, e);
    if (ok) {
        ok = q->compression ? unzstd_cluster(in, c->bytes, q->unpacked, q->cluster_size)
                            : inflate_cluster(in, c->bytes, q->unpacked, q->cluster_size);
        if (!ok)
            QERR(q, e, "the compressed cluster at byte %llu cannot be unpacked; the image is damaged",
                 (unsigned long long)c->host);
    }
    free(in);
    if (ok)
        q->unpacked_entry = entry;
    return ok;
}

/* The entry for a guest offset. */
static bool entry_at(struct qcow2 *q, u64 offset, u64 *entry, struct err *e)
{
    u64 cluster = offset >> q->cluster_bits, i = cluster >> q->l2_bits;
    *entry = 0;
    return i >= q->l1_size || l2_get(q, q->l1[i], cluster & (((u64)1 << q->l2_bits) - 1), entry, e);
}

/* How far (at most len bytes) it goes on like at offset: one kind, and for normal clusters one piece of the file. */
static bool run_at(struct qcow2 *q, u64 offset, u64 len, struct cluster *c, u64 *entry, u64 *run, struct err *e)
{
    u64 cs = q->cluster_size, cover = cs << q->l2_bits, i = (offset >> q->cluster_bits) >> q->l2_bits;
    if (!entry_at(q, offset, entry, e) || !cluster_decode(q, *entry, c, e))
        return false;
    u64 n = cs - (offset & (cs - 1));
    if (i >= q->l1_size || !(q->l1[i] & ENTRY_OFFSET)) { /* no L2 table: all it would cover */
        n = cover - (offset & (cover - 1));
        for (i++; n < len && i < q->l1_size && !(q->l1[i] & ENTRY_OFFSET); i++)
            n += cover;
    } else {
        while (n < len && c->kind != CLUSTER_PACKED && (offset + n) & (cover - 1)) {
            u64 next;
            struct cluster d;
            if (!entry_at(q, offset + n, &next, e))
                return false;
            if (!cluster_decode(q, next, &d, NULL) || d.kind != c->kind || d.copied != c->copied ||
                (c->kind == CLUSTER_NORMAL && d.host != c->host + ((offset & (cs - 1)) + n)))
                break;
            n += cs;
        }
    }
    *run = n < len ? n : len;
    return true;
}

bool qcow2_read(struct layer *l, u64 offset, u8 *out, size_t len, struct err *e)
{
    struct qcow2 *q = qcow2_of(l);
    while (len) {
        struct cluster c;
        u64 entry, run, in = offset & (q->cluster_size - 1);
        if (!run_at(q, offset, len, &c, &entry, &run, e))
            return false;
        size_t n = (size_t)run;
        bool ok = true;
        switch (c.kind) {
        case CLUSTER_NONE:
            ok = backing_read(q, offset, out, n, e);
            break;
        case CLUSTER_ZERO:
        case CLUSTER_ZERO_KEPT:
            memset(out, 0, n);
            break;
        case CLUSTER_NORMAL:
            ok = disk_file_read(&l->file, c.host + in, out, n, e);
            break;
        case CLUSTER_PACKED:
            ok = unpack(q, entry, &c, e);
            if (ok)
                memcpy(out, q->unpacked + in, n);
            break;
        }
        if (!ok)
            return false;
        out += n;
        offset += n;
        len -= n;
    }
    return true;
}

bool qcow2_extent(struct layer *l, u64 offset, u64 len, struct image_extent *out, struct err *e)
{
    struct qcow2 *q = qcow2_of(l);
    struct cluster c;
    u64 entry, run;
    if (!run_at(q, offset, len, &c, &entry, &run, e))
        return false;
    *out = (struct image_extent){ .offset = offset, .len = run };
    switch (c.kind) {
    case CLUSTER_NONE:
        out->kind = EXTENT_UNALLOCATED;
        if (q->backing && offset < q->backing->size) {
            u64 there = q->backing->size - offset;
            if (!q->backing->ops->extent(q->backing, offset, there < run ? there : run, out, e))
                return false;
            out->depth++;
        }
        break;
    case CLUSTER_ZERO:
    case CLUSTER_ZERO_KEPT:
        out->kind = EXTENT_ZERO;
        break;
    case CLUSTER_NORMAL:
        out->kind = EXTENT_DATA;
        out->has_host = true;
        out->host = c.host + (offset & (q->cluster_size - 1));
        break;
    case CLUSTER_PACKED:
        out->kind = EXTENT_COMPRESSED;
        break;
    }
    return true;
}

/* --- Writing --- */

static bool alive(struct qcow2 *q, struct err *e)
{
    if (q->n_frees > 65536 && !qcow2_commit(q, e)) /* so that the list does not grow without end */
        return false;
    return !q->dead || QERR(q, e, "the image was found inconsistent and takes no more writes; try \"orrery img check "
                            "-r all\"");
}

/* Fills the new clusters at `host` for the guest's [offset, offset+len): what is written, and around it what was
 * there before. */
static bool fill_new(struct qcow2 *q, u64 host, u64 offset, const u8 *in, u64 len, struct err *e)
{
    u64 cs = q->cluster_size, first = offset & ~(cs - 1), end = offset + len;
    u8 *buf = NULL;
    bool ok = true;
    for (u64 at = first; ok && at < end;) {
        u64 from = at > offset ? at : offset, to = at + cs < end ? at + cs : end;
        if (from == at && (to == at + cs)) { /* whole clusters go straight from the guest */
            u64 n = (end - at) & ~(cs - 1);
            ok = disk_file_write(&q->l.file, host + (at - first), in + (at - offset), n, e);
            at += n;
            continue;
        }
        if (!buf)
            buf = xmalloc(cs);
        ok = qcow2_read(&q->l, at, buf, cs, e);
        if (ok) {
            memcpy(buf + (from - at), in + (from - offset), to - from);
            ok = disk_file_write(&q->l.file, host + (at - first), buf, cs, e);
        }
        at += cs;
    }
    free(buf);
    return ok;
}

/* Writes to clusters that must be allocated; *done says how many of the len bytes. */
static bool write_new(struct qcow2 *q, u64 offset, const u8 *in, u64 len, u64 *done, struct err *e)
{
    u64 cs = q->cluster_size, mask = ((u64)1 << q->l2_bits) - 1, guest = offset >> q->cluster_bits;
    u64 l2, index = guest & mask, host;
    if (!l2_for_write(q, guest >> q->l2_bits, &l2, e))
        return false;
    /* As many clusters as follow in this table and cannot be written in place either. */
    u64 most = ((offset & (cs - 1)) + len + cs - 1) >> q->cluster_bits, n = 0;
    most = most < mask + 1 - index ? most : mask + 1 - index;
    most = most < RUN_BYTES / cs ? most : RUN_BYTES / cs;
    u64 *old = xmalloc(most * sizeof(u64)), linked = 0;
    bool ok = true;
    for (; n < most; n++) {
        struct cluster c;
        ok = l2_get(q, l2, index + n, &old[n], e) && cluster_decode(q, old[n], &c, n ? NULL : e);
        if (!ok || (n && c.kind == CLUSTER_NORMAL && c.copied))
            break;
    }
    if (n) /* a bad entry behind good ones is for the next round to report */
        ok = alloc_some(q, &n, &host, e);
    if (ok && n) {
        u64 room = n * cs - (offset & (cs - 1));
        *done = len < room ? len : room;
        ok = fill_new(q, host, offset, in, *done, e);
        for (u64 i = 0; ok && i < n; i++) {
            struct cluster c;
            ok = cluster_decode(q, old[i], &c, e) && l2_set(q, l2, index + i, (host + i * cs) | ENTRY_COPIED, e);
            if (ok) {
                free_cluster_later(q, &c);
                linked++;
            }
        }
        if (!ok && !q->dead && linked < n)
            ref_add(q, (host >> q->cluster_bits) + linked, n - linked, -1, NULL);
    }
    free(old);
    return ok;
}

bool qcow2_write(struct layer *l, u64 offset, const u8 *in, size_t len, struct err *e)
{
    struct qcow2 *q = qcow2_of(l);
    if (!alive(q, e))
        return false;
    while (len) {
        struct cluster c;
        u64 entry, n;
        if (!run_at(q, offset, len, &c, &entry, &n, e))
            return false;
        u64 l1 = q->l1[(offset >> q->cluster_bits) >> q->l2_bits];
        if (c.kind == CLUSTER_NORMAL && c.copied && (l1 & ENTRY_COPIED)) {
            u64 host = c.host + (offset & (q->cluster_size - 1));
            if (overlaps_tables(q, host, n))
                return broken(q, e, "guest data overlaps tables at byte", host);
            if (!disk_file_write(&l->file, host, in, n, e))
                return false;
        } else if (!write_new(q, offset, in, len, &n, e)) {
            return false;
        }
        in += n;
        offset += n;
        len -= n;
    }
    return true;
}

/* --- Zeroing --- */

static bool backing_covers(struct qcow2 *q, u64 offset)
{
    return q->backing && offset < q->backing->size;
}

static bool write_zeroes(struct qcow2 *q, u64 offset, u64 len, struct err *e)
{
    static const u8 zeroes[65536];
    while (len) {
        size_t n = len < sizeof zeroes ? (size_t)len : sizeof zeroes;
        if (!qcow2_write(&q->l, offset, zeroes, n, e))
            return false;
        offset += n;
        len -= n;
    }
    return true;
}

static bool zero_cluster(struct qcow2 *q, u64 offset, const struct cluster *c, struct err *e)
{
    u64 cluster = offset >> q->cluster_bits, index = cluster & (((u64)1 << q->l2_bits) - 1), l2, entry = 0;
    bool covered = backing_covers(q, offset);
    if (covered && q->version < 3)
        return write_zeroes(q, offset, q->cluster_size, e);
    if (!l2_for_write(q, cluster >> q->l2_bits, &l2, e))
        return false;
    bool keep = !q->l.unmap && q->version >= 3 && c->copied && c->kind == CLUSTER_NORMAL;
    if (keep)
        entry = c->host | ENTRY_COPIED | ENTRY_ZERO;
    else if (covered)
        entry = ENTRY_ZERO;
    if (!l2_set(q, l2, index, entry, e))
        return false;
    if (!keep)
        free_cluster_later(q, c);
    return true;
}

bool qcow2_zero(struct layer *l, u64 offset, u64 len, struct err *e)
{
    struct qcow2 *q = qcow2_of(l);
    u64 cs = q->cluster_size, end = offset + len;
    if (!alive(q, e))
        return false;
    while (offset < end) {
        struct cluster c;
        u64 entry, run;
        if (!run_at(q, offset, end - offset, &c, &entry, &run, e))
            return false;
        bool is_zero = c.kind == CLUSTER_ZERO || c.kind == CLUSTER_ZERO_KEPT ||
                       (c.kind == CLUSTER_NONE && !backing_covers(q, offset));
        if (is_zero) {
            offset += run;
            continue;
        }
        u64 n = cs - (offset & (cs - 1));
        n = n < end - offset ? n : end - offset;
        bool whole = !(offset & (cs - 1)) && (n == cs || offset + n == l->size);
        if (whole) {
            if (c.kind == CLUSTER_NORMAL) { /* run_at's c is the first of a run: this one */
                if (!cluster_decode(q, entry, &c, e))
                    return false;
            }
            if (!zero_cluster(q, offset, &c, e))
                return false;
        } else if (!write_zeroes(q, offset, n, e)) {
            return false;
        }
        offset += n;
    }
    return true;
}
