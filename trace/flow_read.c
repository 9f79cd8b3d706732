#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/arena.h"
#include "trace/flow.h"

enum { FRAME_HEAD = 29, INDEX_ENTRY = 24, TRAILER = 16 };

struct frame {
    u64 at, first, last; /* in the file; positions */
};

struct flow_reader {
    struct flow_source source;
    char isa[32];
    bool whole;
    struct frame *frame;
    u32 frames, cap, next; /* the next frame to read */
    struct flow_codec codec;
    struct buf bytes; /* of the frame, unpacked */
    struct reader r;
    u64 blocks, hits; /* left */
    bool pending;     /* what flow_seek() found is to be told next */
    struct flow_block found;
    ZSTD_DCtx *zstd;
};

static bool damaged(struct err *e) { return err_set(e, "the file is damaged"); }

struct head {
    u32 packed, raw, blocks;
    u64 first, last;
};

static bool frame_head(const struct flow_reader *r, u64 at, struct head *h)
{
    u8 b[FRAME_HEAD];
    if (at > r->source.size || r->source.size - at < FRAME_HEAD || !r->source.read(r->source.opaque, at, b, sizeof b) || b[0] != 'F')
        return false;
    *h = (struct head){ (u32)load_le(b + 1, 4), (u32)load_le(b + 5, 4), (u32)load_le(b + 9, 4), load_le(b + 13, 8),
                        load_le(b + 21, 8) };
    return h->packed <= 2 * FLOW_MAX_FRAME && h->raw <= FLOW_MAX_FRAME && h->blocks && h->blocks <= FLOW_MAX_BLOCKS &&
           h->first <= h->last && h->packed <= r->source.size - at - FRAME_HEAD;
}

static void add_frame(struct flow_reader *r, struct frame f)
{
    if (r->frames == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->frame = xrealloc(r->frame, r->cap * sizeof *r->frame);
    }
    r->frame[r->frames++] = f;
}

static bool read_index(struct flow_reader *r)
{
    u8 b[TRAILER];
    u64 size = r->source.size, at;
    if (size < TRAILER || !r->source.read(r->source.opaque, size - TRAILER, b, TRAILER) || memcmp(b + 8, FLOW_INDEX_MAGIC, 8))
        return false;
    at = load_le(b, 8);
    if (at > size - TRAILER || size - TRAILER - at < 5 || !r->source.read(r->source.opaque, at, b, 5) || b[0] != 'X')
        return false;
    u64 n = load_le(b + 1, 4);
    if (n * INDEX_ENTRY != size - TRAILER - at - 5)
        return false;
    for (u64 i = 0; i < n; i++) {
        u8 row[INDEX_ENTRY];
        if (!r->source.read(r->source.opaque, at + 5 + i * INDEX_ENTRY, row, sizeof row))
            return false;
        add_frame(r, (struct frame){ load_le(row, 8), load_le(row + 8, 8), load_le(row + 16, 8) });
    }
    return true;
}

struct flow_reader *flow_open(const struct flow_source *source, struct err *e)
{
    u8 head[8 + 4 + 32];
    size_t n = source->size < sizeof head ? (size_t)source->size : sizeof head;
    struct reader in = { head, n, 8, false };
    struct flow_reader *r = xcalloc(1, sizeof *r);
    r->source = *source;
    if (n < 12 || !source->read(source->opaque, 0, head, n) || memcmp(head, FLOW_MAGIC, 8)) {
        err_set(e, "it is no trace of kind 'flow'");
        free(r);
        return NULL;
    }
    reader_str(&in, r->isa, sizeof r->isa);
    if (in.bad) {
        damaged(e);
        free(r);
        return NULL;
    }
    r->whole = read_index(r);
    if (!r->whole) { /* frame by frame */
        struct head h;
        r->frames = 0;
        for (u64 at = in.pos; frame_head(r, at, &h); at += FRAME_HEAD + h.packed)
            add_frame(r, (struct frame){ at, h.first, h.last });
    }
    r->zstd = ZSTD_createDCtx();
    return r;
}

void flow_close(struct flow_reader *r)
{
    if (!r)
        return;
    ZSTD_freeDCtx(r->zstd);
    buf_free(&r->bytes);
    free(r->frame);
    free(r);
}

const char *flow_isa(const struct flow_reader *r) { return r->isa; }
bool flow_whole(const struct flow_reader *r) { return r->whole; }

static bool load_frame(struct flow_reader *r, u32 k, struct err *e)
{
    struct head h;
    if (!frame_head(r, r->frame[k].at, &h))
        return damaged(e);
    u8 *packed = xmalloc(h.packed + 1);
    r->bytes.len = 0;
    u8 *raw = xmalloc(h.raw + 1);
    bool ok = r->source.read(r->source.opaque, r->frame[k].at + FRAME_HEAD, packed, h.packed);
    size_t n = ok ? ZSTD_decompressDCtx(r->zstd, raw, h.raw, packed, h.packed) : 0;
    ok = ok && !ZSTD_isError(n) && n == h.raw;
    if (ok)
        buf_put(&r->bytes, raw, n);
    free(packed);
    free(raw);
    if (!ok)
        return damaged(e);
    memset(&r->codec, 0, sizeof r->codec);
    r->codec.now = h.first;
    r->r = (struct reader){ r->bytes.data, r->bytes.len, 0, false };
    r->blocks = h.blocks;
    r->hits = flow_get_number(&r->r);
    r->next = k + 1;
    r->pending = false;
    return !r->r.bad || damaged(e);
}

int flow_next(struct flow_reader *r, struct flow_block *b, struct err *e)
{
    if (r->pending) {
        r->pending = false;
        *b = r->found;
        return 1;
    }
    while (!r->blocks) {
        if (r->next >= r->frames)
            return 0;
        if (!load_frame(r, r->next, e))
            return -1;
    }
    r->blocks--;
    if (r->hits) {
        r->hits--;
        *b = flow_guess(&r->codec);
        if (!b->instructions || b->at + b->ticks < b->at)
            return damaged(e), -1;
    } else {
        if (!flow_get(&r->codec, &r->r, b))
            return damaged(e), -1;
        r->hits = r->r.pos < r->r.len ? flow_get_number(&r->r) : 0;
        if (r->r.bad)
            return damaged(e), -1;
    }
    flow_learn(&r->codec, b);
    return 1;
}

bool flow_seek(struct flow_reader *r, u64 position, struct err *e)
{
    u32 low = 0, high = r->frames;
    while (low < high) { /* the first one that ends behind it */
        u32 mid = low + (high - low) / 2;
        if (r->frame[mid].last > position)
            high = mid;
        else
            low = mid + 1;
    }
    r->blocks = 0;
    r->pending = false;
    r->next = low;
    for (;;) {
        int n = flow_next(r, &r->found, e);
        if (n <= 0)
            return n == 0;
        if (r->found.at + r->found.ticks > position) {
            r->pending = true;
            return true;
        }
    }
}
