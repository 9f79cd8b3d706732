/* The block port: one format layer, and between it and the guest the overlay of -snapshot or the record of what was
 * there before the guest wrote. */
#include "host/block/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/arena.h"
#include "base/suggest.h"
#include "host/block/chunks.h"
#include "host/block/layer.h"

struct image {
    struct block_port port;
    struct layer *layer;
    bool snapshot;     /* chunks hold what the guest wrote */
    bool tracking;     /* chunks hold what was there before */
    bool writethrough; /* sync after each write */
    bool guard_magic;  /* raw, but only because it looked so: see image_write */
    struct chunks chunks;
    char *id;
};

static const u8 qcow2_magic[4] = { 'Q', 'F', 'I', 0xfb };

static struct image *image_of(struct block_port *b)
{
    return (struct image *)b; /* port is the first member */
}

struct layer *image_layer(struct block_port *b)
{
    return image_of(b)->layer;
}

static bool in_range(struct image *m, u64 offset, u64 len, struct err *e)
{
    if (offset > m->port.size || len > m->port.size - offset)
        return err_set(e, "%s: bytes %llu and %llu on are beyond its end at %llu", m->port.id,
                       (unsigned long long)offset, (unsigned long long)len, (unsigned long long)m->port.size);
    return true;
}

/* --- Chunks --- */

/* The part of [offset, offset+len) in its first chunk. */
static size_t in_chunk(u64 offset, u64 len)
{
    u64 left = IMAGE_CHUNK - offset % IMAGE_CHUNK;
    return (size_t)(len < left ? len : left);
}

static size_t chunk_size(struct image *m, u64 chunk)
{
    return in_chunk(chunk * IMAGE_CHUNK, m->port.size - chunk * IMAGE_CHUNK);
}

static bool chunk_from_layer(struct image *m, u64 chunk, u8 *out, struct err *e)
{
    size_t n = chunk_size(m, chunk);
    memset(out + n, 0, IMAGE_CHUNK - n);
    return m->layer->ops->read(m->layer, chunk * IMAGE_CHUNK, out, n, e);
}

/* Keeps what the layer holds in each chunk of the range, once. */
static bool remember(struct image *m, u64 offset, u64 len, struct err *e)
{
    u8 buf[IMAGE_CHUNK];
    for (u64 c = offset / IMAGE_CHUNK; len && c <= (offset + len - 1) / IMAGE_CHUNK; c++)
        if (!chunks_has(&m->chunks, c) && (!chunk_from_layer(m, c, buf, e) || !chunks_put(&m->chunks, c, buf, e)))
            return false;
    return true;
}

/* Zeroing what is zero already changes nothing and need not be remembered: a guest discards whole disks. */
static bool remember_data(struct image *m, u64 offset, u64 len, struct err *e)
{
    for (u64 end = offset + len; offset < end;) {
        struct image_extent x;
        if (!m->layer->ops->extent(m->layer, offset, end - offset, &x, e))
            return false;
        if (x.kind != EXTENT_ZERO && x.kind != EXTENT_UNALLOCATED && !remember(m, offset, x.len, e))
            return false;
        offset += x.len;
    }
    return true;
}

/* --- The port --- */

static bool image_read(struct block_port *b, u64 offset, void *out, size_t len, struct err *e)
{
    struct image *m = image_of(b);
    if (!in_range(m, offset, len, e))
        return false;
    if (!m->snapshot)
        return !len || m->layer->ops->read(m->layer, offset, out, len, e);
    u8 *p = out;
    while (len) {
        u64 chunk = offset / IMAGE_CHUNK;
        size_t n = in_chunk(offset, len);
        bool ok = chunks_has(&m->chunks, chunk) ? chunks_read(&m->chunks, chunk, offset % IMAGE_CHUNK, p, n, e)
                                                : m->layer->ops->read(m->layer, offset, p, n, e);
        if (!ok)
            return false;
        p += n;
        offset += n;
        len -= n;
    }
    return true;
}

static bool image_flush(struct block_port *b, struct err *e)
{
    struct image *m = image_of(b);
    return m->snapshot || m->layer->ops->flush(m->layer, e);
}

static bool writable(struct image *m, struct err *e)
{
    return !m->port.read_only || err_set(e, "%s: is read-only", m->port.id);
}

static bool overlay_write(struct image *m, u64 offset, const u8 *p, size_t len, struct err *e)
{
    while (len) {
        u64 chunk = offset / IMAGE_CHUNK;
        size_t n = in_chunk(offset, len);
        u8 buf[IMAGE_CHUNK];
        if (!chunks_has(&m->chunks, chunk) && n < IMAGE_CHUNK) {
            if (!chunk_from_layer(m, chunk, buf, e))
                return false;
            memcpy(buf + offset % IMAGE_CHUNK, p, n);
            if (!chunks_put(&m->chunks, chunk, buf, e))
                return false;
        } else if (!chunks_write(&m->chunks, chunk, offset % IMAGE_CHUNK, p, n, e)) {
            return false;
        }
        p += n;
        offset += n;
        len -= n;
    }
    return true;
}

static bool image_write(struct block_port *b, u64 offset, const void *in, size_t len, struct err *e)
{
    struct image *m = image_of(b);
    if (!writable(m, e) || !in_range(m, offset, len, e))
        return false;
    if (!len)
        return true;
    /* A guest that could write a qcow2 header into a file whose format is guessed would choose, at the next start,
     * which file of the host it reads as a backing file. */
    if (m->guard_magic && offset < sizeof qcow2_magic && !m->snapshot) {
        u8 head[sizeof qcow2_magic];
        if (!m->layer->ops->read(m->layer, 0, head, sizeof head, e))
            return false;
        size_t n = sizeof head - (size_t)offset;
        memcpy(head + offset, in, n < len ? n : len);
        if (!memcmp(head, qcow2_magic, sizeof head))
            return err_set(e, "%s: the guest writes a qcow2 header into an image whose format was guessed to be raw; "
                           "say format=raw if that is meant", b->id);
    }
    if (m->snapshot)
        return overlay_write(m, offset, in, len, e);
    return (!m->tracking || remember(m, offset, len, e)) && m->layer->ops->write(m->layer, offset, in, len, e) &&
           (!m->writethrough || image_flush(b, e));
}

static bool overlay_zero(struct image *m, u64 offset, u64 len, struct err *e)
{
    static const u8 zeroes[IMAGE_CHUNK];
    u64 known = 0; /* up to here the last answer of the layer holds */
    bool is_zero = false;
    while (len) {
        size_t n = in_chunk(offset, len);
        bool whole = n == chunk_size(m, offset / IMAGE_CHUNK), there = chunks_has(&m->chunks, offset / IMAGE_CHUNK);
        if (!there && offset >= known) {
            struct image_extent x;
            if (!m->layer->ops->extent(m->layer, offset, m->port.size - offset, &x, e))
                return false;
            known = offset + x.len;
            is_zero = x.kind == EXTENT_ZERO || x.kind == EXTENT_UNALLOCATED;
        }
        bool nothing_to_do = !there && is_zero && offset + n <= known;
        if (!nothing_to_do && !(whole ? chunks_put(&m->chunks, offset / IMAGE_CHUNK, NULL, e)
                                      : overlay_write(m, offset, zeroes, n, e)))
            return false;
        offset += n;
        len -= n;
    }
    return true;
}

static bool image_zero(struct block_port *b, u64 offset, u64 len, struct err *e)
{
    struct image *m = image_of(b);
    if (!writable(m, e) || !in_range(m, offset, len, e))
        return false;
    if (!len)
        return true;
    if (m->snapshot)
        return overlay_zero(m, offset, len, e);
    return (!m->tracking || remember_data(m, offset, len, e)) && m->layer->ops->zero(m->layer, offset, len, e) &&
           (!m->writethrough || image_flush(b, e));
}

/* A record that could not be made stays empty, and is refused when it is loaded. */
static void changes_save(struct block_port *b, struct buf *out)
{
    image_changes_save(b, out, NULL);
}

static const struct block_ops image_ops = {
    .read = image_read,
    .write = image_write,
    .flush = image_flush,
    .zero = image_zero,
    .changes_save = changes_save,
    .changes_load = image_changes_load,
};

/* --- Opening --- */

static const struct {
    const char *name;
    struct layer *(*open)(struct disk_file *f, const struct image_options *o, struct layer *parent, struct err *e);
    bool (*create)(const struct image_create *c, struct err *e);
} formats[] = {
    { "raw", raw_open, raw_create },
    { "qcow2", qcow2_open, qcow2_create },
};

static int format_find(const char *name, struct err *e)
{
    const char *best = NULL;
    unsigned score = 0;
    for (unsigned i = 0; i < ARRAY_LEN(formats); i++) {
        if (!strcmp(formats[i].name, name))
            return (int)i;
        suggest(name, formats[i].name, &best, &score);
    }
    if (best)
        err_set(e, "image format \"%s\" is not known; did you mean \"%s\"?", name, best);
    else
        err_set(e, "image format \"%s\" is not supported; raw and qcow2 are (convert it: qemu-img convert -O qcow2 "
                "OLD NEW)", name);
    return -1;
}

static const char *image_probe(struct disk_file *f, struct err *e)
{
    u8 head[4];
    if (!disk_file_read(f, 0, head, sizeof head, e))
        return NULL;
    return memcmp(head, qcow2_magic, sizeof head) ? "raw" : "qcow2";
}

struct layer *layer_open(const char *path, const char *format, const struct image_options *o, struct layer *parent,
                         struct err *e)
{
    struct disk_file f;
    bool read_only = o->read_only || o->snapshot || parent;
    if (!disk_file_open(&f, path, read_only, !o->share, e))
        return NULL;
    f.no_sync = o->cache && !strcmp(o->cache, "unsafe");
    unsigned depth = 0;
    for (struct layer *p = parent; p; p = p->parent, depth++)
        if (p->file.dev == f.dev && p->file.ino == f.ino) {
            err_set(e, "%s: is its own backing file: the chain of backing files is a loop", path);
            disk_file_close(&f);
            return NULL;
        }
    if (depth > BACKING_DEPTH_MAX) {
        err_set(e, "%s: more than %d backing files behind each other; merge some with \"orrery img convert\"", path,
                BACKING_DEPTH_MAX);
        disk_file_close(&f);
        return NULL;
    }
    if (!format)
        format = image_probe(&f, e);
    int n = format ? format_find(format, e) : -1;
    struct layer *l = n < 0 ? NULL : formats[n].open(&f, o, parent, e);
    if (!l) {
        disk_file_close(&f);
        return NULL;
    }
    l->parent = parent;
    l->depth = depth;
    l->unmap = !o->discard || !strcmp(o->discard, "unmap") || !strcmp(o->discard, "on");
    return l;
}

static bool one_of(const char *what, const char *value, const char *const *names, struct err *e)
{
    const char *best = NULL;
    unsigned score = 0;
    for (unsigned i = 0; value && names[i]; i++) {
        if (!strcmp(value, names[i]))
            return true;
        suggest(value, names[i], &best, &score);
    }
    if (!value)
        return true;
    return err_set(e, "%s=%s is not known%s%s%s", what, value, best ? "; did you mean " : "", best ? best : "",
                   best ? "?" : "");
}

struct block_port *image_open(const char *path, const struct image_options *o, struct err *e)
{
    static const struct image_options none;
    static const char *const caches[] = { "writeback", "none", "writethrough", "directsync", "unsafe", NULL };
    static const char *const discards[] = { "unmap", "on", "ignore", "off", NULL };
    o = o ? o : &none;
    if (!one_of("cache", o->cache, caches, e) || !one_of("discard", o->discard, discards, e))
        return NULL;
    struct layer *l = layer_open(path, o->format, o, NULL, e);
    if (!l)
        return NULL;
    struct image *m = xcalloc(1, sizeof *m);
    m->layer = l;
    m->id = xstrdup(o->id ? o->id : path);
    m->snapshot = o->snapshot && !o->read_only;
    m->writethrough = o->cache && (!strcmp(o->cache, "writethrough") || !strcmp(o->cache, "directsync"));
    m->guard_magic = !o->format && l->ops == &raw_ops;
    chunks_init(&m->chunks);
    m->port = (struct block_port){ .ops = &image_ops, .id = m->id, .size = l->size, .read_only = o->read_only };
    return &m->port;
}

bool image_close(struct block_port *b, struct err *e)
{
    if (!b)
        return true;
    struct image *m = image_of(b);
    bool ok = m->layer->ops->close(m->layer, e);
    chunks_fini(&m->chunks);
    free(m->id);
    free(m);
    return ok;
}

bool image_create(const struct image_create *c, struct err *e)
{
    int n = format_find(c->format ? c->format : "raw", e);
    return n >= 0 && formats[n].create(c, e);
}

bool image_resize(struct block_port *b, u64 size, struct err *e)
{
    struct image *m = image_of(b);
    if (m->snapshot || m->tracking)
        return err_set(e, "%s: cannot change its size while changes to it are recorded", b->id);
    if (!writable(m, e) || !m->layer->ops->resize(m->layer, size, e))
        return false;
    b->size = m->layer->size;
    return true;
}

/* --- Looking --- */

void image_get_info(struct block_port *b, struct image_info *out)
{
    struct layer *l = image_of(b)->layer;
    *out = (struct image_info){ .format = l->ops->format, .path = l->file.path, .size = l->size,
                                .disk_size = disk_file_allocated(&l->file) };
    l->ops->info(l, out);
}

bool image_extent_at(struct block_port *b, u64 offset, struct image_extent *out, struct err *e)
{
    struct image *m = image_of(b);
    if (offset >= b->size)
        return err_set(e, "%s: byte %llu is beyond its end", b->id, (unsigned long long)offset);
    u64 len = b->size - offset;
    if (m->snapshot && m->chunks.map.len) {
        len = in_chunk(offset, len); /* one chunk at a time while there is an overlay */
        if (chunks_has(&m->chunks, offset / IMAGE_CHUNK)) {
            *out = (struct image_extent){ .offset = offset, .len = len, .kind = EXTENT_DATA };
            return true;
        }
    }
    return m->layer->ops->extent(m->layer, offset, len, out, e);
}

static bool all_zero(const u8 *p, size_t n)
{
    return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

static bool hash_chunks(struct block_port *b, XXH3_state_t *state, image_progress *progress, void *opaque,
                        struct err *e)
{
    u8 buf[IMAGE_CHUNK];
    u64 done = 0;
    for (u64 at = 0; at < b->size;) {
        struct image_extent x;
        if (!image_extent_at(b, at, &x, e))
            return false;
        /* Skip the whole chunks in what is known to be zero. */
        if ((x.kind == EXTENT_ZERO || x.kind == EXTENT_UNALLOCATED) &&
            (at + x.len == b->size || x.len >= IMAGE_CHUNK)) {
            u64 next = at + x.len == b->size ? b->size : (at + x.len) / IMAGE_CHUNK * IMAGE_CHUNK;
            if (next > at) {
                at = next;
                continue;
            }
        }
        size_t n = in_chunk(at, b->size - at);
        if (!image_read(b, at, buf, n, e))
            return false;
        if (!all_zero(buf, n)) {
            XXH128_hash_t h = XXH3_128bits(buf, n);
            u8 row[24];
            store_le(row, 8, at / IMAGE_CHUNK);
            store_le(row + 8, 8, h.low64);
            store_le(row + 16, 8, h.high64);
            XXH3_128bits_update(state, row, sizeof row);
        }
        at += n;
        if (progress && at - done >= 64 * IMAGE_CHUNK) {
            done = at;
            if (!progress(opaque, at, b->size))
                return err_set(e, "%s: hashing was cancelled", b->id);
        }
    }
    return true;
}

bool image_hash(struct block_port *b, char out[IMAGE_HASH_TEXT], image_progress *progress, void *opaque,
                struct err *e)
{
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return err_set(e, "%s: no memory to hash it", b->id);
    u8 size[8];
    store_le(size, 8, b->size);
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, size, sizeof size);
    bool ok = hash_chunks(b, state, progress, opaque, e);
    if (ok) {
        XXH128_hash_t h = XXH3_128bits_digest(state);
        snprintf(out, IMAGE_HASH_TEXT, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
    }
    XXH3_freeState(state);
    return ok;
}

/* --- Changes --- */

bool image_track_writes(struct block_port *b, struct err *e)
{
    struct image *m = image_of(b);
    m->tracking = !m->snapshot && !b->read_only;
    return true;
}

void image_changes_each(struct block_port *b, void (*fn)(void *opaque, u64 offset, u64 len), void *opaque)
{
    struct image *m = image_of(b);
    size_t n;
    u64 *keys = u64map_keys(&m->chunks.map, &n);
    for (size_t i = 0; i < n;) {
        size_t j = i + 1;
        while (j < n && keys[j] == keys[j - 1] + 1)
            j++;
        u64 end = (keys[j - 1] + 1) * IMAGE_CHUNK;
        fn(opaque, keys[i] * IMAGE_CHUNK, (end < b->size ? end : b->size) - keys[i] * IMAGE_CHUNK);
        i = j;
    }
    free(keys);
}

/* "ORBC", version, size, count; then per chunk its index (8), kind (1: 0 zero, 1 data), and the bytes of data;
 * "ORBE" at the end. */
#define CHANGES_MAGIC 0x4342524fu
#define CHANGES_END 0x4542524fu
#define CHANGES_VERSION 1

bool image_changes_save(struct block_port *b, struct buf *out, struct err *e)
{
    struct image *m = image_of(b);
    size_t n, start = out->len;
    u64 *keys = u64map_keys(&m->chunks.map, &n);
    buf_put_le(out, CHANGES_MAGIC, 4);
    buf_put_le(out, CHANGES_VERSION, 4);
    buf_put_le(out, b->size, 8);
    buf_put_le(out, n, 8);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        u8 buf[IMAGE_CHUNK];
        size_t bytes = chunk_size(m, keys[i]);
        ok = image_read(b, keys[i] * IMAGE_CHUNK, buf, bytes, e);
        bool zero = ok && all_zero(buf, bytes);
        buf_put_le(out, keys[i], 8);
        buf_put_le(out, !zero, 1);
        if (!zero)
            buf_put(out, buf, bytes);
    }
    free(keys);
    buf_put_le(out, CHANGES_END, 4);
    if (!ok)
        out->len = start;
    return ok;
}

/* Walks saved changes; with `apply` it also makes them so. */
static bool changes_walk(struct image *m, struct reader *in, bool apply, struct u64map *seen, struct err *e)
{
    struct block_port *b = &m->port;
    u64 magic = reader_le(in, 4), version = reader_le(in, 4), size = reader_le(in, 8), n = reader_le(in, 8);
    if (in->bad || magic != CHANGES_MAGIC)
        return err_set(e, "%s: the snapshot's record of disk changes is damaged", b->id);
    if (version != CHANGES_VERSION)
        return err_set(e, "%s: the snapshot's record of disk changes is of version %u, this program reads %u", b->id,
                       (unsigned)version, CHANGES_VERSION);
    if (size != b->size)
        return err_set(e, "%s: the snapshot was made with a disk of %llu bytes, this one has %llu", b->id,
                       (unsigned long long)size, (unsigned long long)b->size);
    if (n && b->read_only)
        return err_set(e, "%s: the snapshot has changes to this disk, but it is read-only now", b->id);
    u64 next = 0;
    for (u64 i = 0; i < n; i++) {
        u64 chunk = reader_le(in, 8), kind = reader_le(in, 1);
        if (in->bad || chunk < next || chunk > (b->size - 1) / IMAGE_CHUNK || !b->size || kind > 1)
            return err_set(e, "%s: the snapshot's record of disk changes is damaged", b->id);
        next = chunk + 1;
        size_t bytes = chunk_size(m, chunk);
        const u8 *data = kind ? reader_bytes(in, bytes) : NULL;
        if (in->bad)
            return err_set(e, "%s: the snapshot's record of disk changes is cut off", b->id);
        u64map_set(seen, chunk, 1);
        if (apply) {
            if (!(kind ? image_write(b, chunk * IMAGE_CHUNK, data, bytes, e)
                       : image_zero(b, chunk * IMAGE_CHUNK, bytes, e)))
                return false;
        }
    }
    if (reader_le(in, 4) != CHANGES_END || in->bad)
        return err_set(e, "%s: the snapshot's record of disk changes has no proper end", b->id);
    return true;
}

/* Puts back what was there before in the chunks that `keep` does not have, and forgets them. */
static bool put_back(struct image *m, const struct u64map *keep, struct err *e)
{
    size_t n;
    u64 *keys = u64map_keys(&m->chunks.map, &n);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        u8 buf[IMAGE_CHUNK];
        size_t bytes = chunk_size(m, keys[i]);
        if (u64map_get(keep, keys[i]) != U64MAP_NONE)
            continue;
        ok = chunks_read(&m->chunks, keys[i], 0, buf, bytes, e) &&
             m->layer->ops->write(m->layer, keys[i] * IMAGE_CHUNK, buf, bytes, e);
        if (ok)
            u64map_remove(&m->chunks.map, keys[i]);
    }
    free(keys);
    return ok;
}

bool image_changes_load(struct block_port *b, struct reader *in, struct err *e)
{
    struct image *m = image_of(b);
    struct reader look = *in;
    struct u64map seen = { 0 };
    bool ok = changes_walk(m, &look, false, &seen, e), any = seen.len;
    u64map_free(&seen);
    if (!ok)
        return false;
    if (any && !m->snapshot && !m->tracking)
        return err_set(e, "%s: the snapshot holds what was written to this disk; start with -snapshot, so that it need not be "
                       "written into the image", b->id);
    if (m->snapshot) {
        chunks_fini(&m->chunks);
        chunks_init(&m->chunks);
    }
    bool guard = m->guard_magic; /* these bytes passed it when the guest wrote them, or were there before */
    m->guard_magic = false;
    ok = changes_walk(m, in, true, &seen, e) && (m->snapshot || put_back(m, &seen, e));
    m->guard_magic = guard;
    u64map_free(&seen);
    return ok;
}
