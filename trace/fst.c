/* Fast signal traces, the compressed wave forms of GTKWave (its documentation of the FST file format): a header, blocks of
 * value changes, then the widths (geometry) and the names (hierarchy) of the signals. The numbers of blocks are big-endian,
 * those inside are LEB128. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "trace/waves.h"

enum { BLOCK_HEADER = 0, BLOCK_CHANGES = 1, BLOCK_GEOMETRY = 3, BLOCK_HIERARCHY = 4 };
enum { SCOPE_BEGIN = 254, SCOPE_END = 255, SCOPE_MODULE = 0, VAR_EVENT = 0, VAR_WIRE = 16 };
enum { CHANGES_A_BLOCK = 1 << 20 };

struct fst {
    struct waves waves;
    u64 unit_ticks; /* units of the file in a tick of the machine */
    int unit;
    struct buf blocks;   /* of changes, that are done */
    u64 n_blocks;
    /* The block in work. */
    struct buf initial;  /* all values at its beginning, as characters */
    struct buf *chain;   /* by signal: its changes */
    u64 *last;           /* by signal: index in `times` of its last change */
    struct buf times;    /* differences */
    u64 n_times, n_changes, from, to;
};

static void put_be(struct buf *b, u64 v)
{
    for (unsigned i = 0; i < 8; i++)
        buf_put_le(b, v >> (56 - 8 * i) & 0xff, 1);
}

/* As it is when that is not longer. */
static struct buf packed(const struct buf *in)
{
    uLongf n = compressBound(in->len);
    struct buf out = { .data = xmalloc(n), .cap = n };
    if (in->len && compress2(out.data, &n, in->data, in->len, 6) == Z_OK && n < in->len) {
        out.len = n;
        return out;
    }
    out.len = 0;
    buf_put(&out, in->data, in->len);
    return out;
}

static void begin_block(struct trace *t, u64 at)
{
    struct fst *f = t->data;
    f->from = f->to = at;
    f->n_times = f->n_changes = 0;
    f->initial.len = f->times.len = 0;
    for (unsigned i = 0; i < f->waves.n; i++) {
        char text[65];
        struct wave *w = &f->waves.wave[i];
        wave_text(w, text);
        buf_put(&f->initial, w->bits ? text : "x", w->bits ? w->bits : 1);
        f->chain[i].len = 0;
        f->last[i] = 0;
    }
    trace_put_leb(&f->times, at * f->unit_ticks); /* the first is counted from 0 */
    f->n_times = 1;
}

static void end_block(struct trace *t)
{
    struct fst *f = t->data;
    struct buf b = { 0 }, initial = packed(&f->initial), places = { 0 }, chains = { 0 }, times = packed(&f->times);
    u64 memory = 0, behind = 0; /* where the last chain began */
    for (unsigned i = 0, none = 0; i <= f->waves.n; i++) {
        bool has = i < f->waves.n && f->chain[i].len;
        if (i < f->waves.n && !has) {
            none++;
            continue;
        }
        if (none)
            trace_put_leb(&places, (u64)none << 1);
        none = 0;
        if (!has)
            break;
        struct buf z = packed(&f->chain[i]);
        u64 at = 1 + chains.len; /* behind the letter of the packing */
        trace_put_leb(&places, (at - behind) << 1 | 1);
        behind = at;
        trace_put_leb(&chains, z.len < f->chain[i].len ? f->chain[i].len : 0);
        buf_put(&chains, z.data, z.len);
        memory += f->chain[i].len;
        buf_free(&z);
    }
    put_be(&b, f->from * f->unit_ticks);
    put_be(&b, f->to * f->unit_ticks);
    put_be(&b, memory);
    trace_put_leb(&b, f->initial.len);
    trace_put_leb(&b, initial.len);
    trace_put_leb(&b, f->waves.n);
    buf_put(&b, initial.data, initial.len);
    trace_put_leb(&b, f->waves.n);
    buf_put(&b, "Z", 1);
    buf_put(&b, chains.data, chains.len);
    buf_put(&b, places.data, places.len);
    put_be(&b, places.len);
    buf_put(&b, times.data, times.len);
    put_be(&b, f->times.len);
    put_be(&b, times.len);
    put_be(&b, f->n_times);
    buf_put_le(&f->blocks, BLOCK_CHANGES, 1);
    put_be(&f->blocks, b.len + 8);
    buf_put(&f->blocks, b.data, b.len);
    f->n_blocks++;
    buf_free(&b);
    buf_free(&initial);
    buf_free(&places);
    buf_free(&chains);
    buf_free(&times);
}

static void begin(struct trace *t)
{
    struct fst *f = t->data = xcalloc(1, sizeof *f);
    waves_init(&f->waves, t);
    f->unit = waves_unit(t, &f->unit_ticks);
    f->chain = xcalloc(f->waves.n + 1, sizeof *f->chain);
    f->last = xcalloc(f->waves.n + 1, sizeof *f->last);
    begin_block(t, f->waves.begin);
}

static void change(struct trace *t, unsigned n)
{
    struct fst *f = t->data;
    struct wave *w = &f->waves.wave[n];
    struct buf *c = &f->chain[n];
    if (f->waves.now != f->to) {
        trace_put_leb(&f->times, (f->waves.now - f->to) * f->unit_ticks);
        f->to = f->waves.now;
        f->n_times++;
    }
    u64 later = f->n_times - 1 - f->last[n];
    f->last[n] = f->n_times - 1;
    if (w->bits < 2) {
        trace_put_leb(c, later << 2 | (w->bits ? w->value << 1 : 2));
    } else {
        trace_put_leb(c, later << 1); /* bits from the most significant on */
        unsigned bytes = (w->bits + 7) / 8;
        u64 v = w->value << (8 * bytes - w->bits);
        while (bytes--)
            buf_put_le(c, v >> 8 * bytes & 0xff, 1);
    }
    f->n_changes++;
}

static void hear(struct trace *t, const struct event *ev)
{
    struct fst *f = t->data;
    if (f->n_changes >= CHANGES_A_BLOCK && ev->when > f->to) {
        end_block(t);
        begin_block(t, ev->when);
    }
    waves_hear(&f->waves, t, ev, change);
}

static void put_header(struct trace *t, unsigned scopes)
{
    struct fst *f = t->data;
    static const char writer[128] = "Orrery", date[119] = "";
    const double order = 2.7182818284590452354; /* tells the reader the byte order of such numbers */
    buf_put_le(&t->out, BLOCK_HEADER, 1);
    put_be(&t->out, 329);
    put_be(&t->out, f->waves.begin * f->unit_ticks);
    put_be(&t->out, f->to * f->unit_ticks);
    buf_put(&t->out, &order, 8);
    put_be(&t->out, 0); /* what memory the writer used */
    put_be(&t->out, scopes);
    put_be(&t->out, f->waves.n);
    put_be(&t->out, f->waves.n);
    put_be(&t->out, f->n_blocks);
    buf_put_le(&t->out, (u8)f->unit, 1);
    buf_put(&t->out, writer, sizeof writer);
    buf_put(&t->out, date, sizeof date);
    buf_put_le(&t->out, 0, 1); /* written by a machine of Verilog's kind */
    put_be(&t->out, 0);
}

static void put_geometry(struct trace *t)
{
    struct fst *f = t->data;
    struct buf g = { 0 };
    for (unsigned i = 0; i < f->waves.n; i++)
        trace_put_leb(&g, f->waves.wave[i].bits ? f->waves.wave[i].bits : 1);
    struct buf z = packed(&g);
    buf_put_le(&t->out, BLOCK_GEOMETRY, 1);
    put_be(&t->out, z.len + 24);
    put_be(&t->out, g.len);
    put_be(&t->out, f->waves.n);
    buf_put(&t->out, z.data, z.len);
    buf_free(&g);
    buf_free(&z);
}

static void put_scope(struct buf *b, const char *name)
{
    buf_put(b, (const u8[]){ SCOPE_BEGIN, SCOPE_MODULE }, 2);
    buf_put(b, name, strlen(name) + 1);
    buf_put(b, "", 1);
}

/* gzip, always the same bytes: no date, no name. */
static void put_hierarchy(struct trace *t, const struct buf *h)
{
    struct buf z = { 0 };
    z_stream s = { .next_in = h->data, .avail_in = (uInt)h->len };
    u8 out[4096];
    if (deflateInit2(&s, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK) {
        int state;
        do {
            s.next_out = out;
            s.avail_out = sizeof out;
            state = deflate(&s, Z_FINISH);
            buf_put(&z, out, sizeof out - s.avail_out);
        } while (state == Z_OK);
        deflateEnd(&s);
    }
    buf_put_le(&t->out, BLOCK_HIERARCHY, 1);
    put_be(&t->out, z.len + 16);
    put_be(&t->out, h->len);
    buf_put(&t->out, z.data, z.len);
    buf_free(&z);
}

static void end(struct trace *t)
{
    struct fst *f = t->data;
    struct buf h = { 0 };
    unsigned scopes = 1;
    const char *scope = NULL;
    if (t->m->clock.now > f->to) { /* it lasts until here */
        trace_put_leb(&f->times, (t->m->clock.now - f->to) * f->unit_ticks);
        f->to = t->m->clock.now;
        f->n_times++;
    }
    end_block(t);
    put_scope(&h, "machine");
    for (unsigned i = 0; i < f->waves.n; i++) {
        const struct wave *w = &f->waves.wave[i];
        if (!scope || strcmp(scope, w->scope)) {
            if (scope)
                buf_put_le(&h, SCOPE_END, 1);
            put_scope(&h, w->scope);
            scopes++;
        }
        scope = w->scope;
        buf_put(&h, (const u8[]){ w->bits ? VAR_WIRE : VAR_EVENT, 0 }, 2);
        buf_put(&h, w->name, strlen(w->name) + 1);
        trace_put_leb(&h, w->bits ? w->bits : 1);
        trace_put_leb(&h, 0); /* a signal of its own */
    }
    if (scope)
        buf_put_le(&h, SCOPE_END, 1);
    buf_put_le(&h, SCOPE_END, 1);
    put_header(t, scopes);
    buf_put(&t->out, f->blocks.data, f->blocks.len);
    put_geometry(t);
    put_hierarchy(t, &h);
    buf_free(&h);
    for (unsigned i = 0; i < f->waves.n; i++)
        buf_free(&f->chain[i]);
    free(f->chain);
    free(f->last);
    buf_free(&f->initial);
    buf_free(&f->times);
    buf_free(&f->blocks);
    waves_fini(&f->waves);
    free(f);
}

const struct trace_format trace_fst = { "fst", "the same as vcd, compressed (GTKWave, Surfer)", .begin = begin,
                                        .hear = hear, .hears = WAVES_HEAR, .end = end };
