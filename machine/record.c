#include "machine/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static const char magic[8] = "ORRYREC1";

struct recorder {
    u64 every, next;
    void (*sink)(void *opaque, const void *bytes, size_t n);
    void *opaque;
};

static void put_chunk(struct recorder *r, char kind, struct buf *b)
{
    u8 head[5] = { (u8)kind };
    store_le(head + 1, 4, b->len);
    r->sink(r->opaque, head, sizeof head);
    r->sink(r->opaque, b->data, b->len);
    buf_free(b);
}

struct recorder *recorder_new(struct machine *m, const char *config_text, u64 hash_every,
                              void (*sink)(void *opaque, const void *bytes, size_t n), void *opaque)
{
    struct recorder *r = ARENA_NEW(m->arena, struct recorder);
    *r = (struct recorder){ hash_every, m->clock.now, sink, opaque };
    sink(opaque, magic, sizeof magic);
    struct buf b = { 0 };
    buf_put(&b, config_text, strlen(config_text));
    put_chunk(r, 'C', &b);
    m->recorder = r;
    return r;
}

void recorder_input(struct recorder *r, u64 position, const char *channel, const u8 *bytes, size_t n)
{
    struct buf b = { 0 };
    buf_put_le(&b, position, 8);
    buf_put_str(&b, channel);
    buf_put_le(&b, n, 4);
    buf_put(&b, bytes, n);
    put_chunk(r, 'I', &b);
}

u64 recorder_next(const struct recorder *r)
{
    return r->next;
}

/* Position, hash of the whole, then its parts, so that a difference can be named. */
static void put_state(struct machine *m, struct buf *b)
{
    buf_put_le(b, m->clock.now, 8);
    buf_put_le(b, machine_hash(m), 8);
    buf_put_le(b, m->n_cpus, 4);
    for (unsigned i = 0; i < m->n_cpus; i++) {
        buf_put_le(b, m->cpus[i]->retired, 8);
        state_save(m->cpus[i]->ops->state, m->cpus[i], b);
    }
    for (struct device *d = m->devices; d; d = d->next)
        buf_put_le(b, state_hash(d->cls->state, d->state, 0), 8);
    for (struct ram *r = m->rams; r; r = r->next)
        buf_put_le(b, ram_hash(r, 0), 8);
}

void recorder_hash(struct recorder *r, struct machine *m)
{
    struct buf b = { 0 };
    put_state(m, &b);
    put_chunk(r, 'H', &b);
    r->next = m->clock.now + r->every;
}

void recorder_end(struct recorder *r, struct machine *m)
{
    struct buf b = { 0 };
    put_state(m, &b);
    put_chunk(r, 'E', &b);
    m->recorder = NULL;
}

/* --- replay ------------------------------------------------------------------------------------------------ */

struct replayer {
    struct reader in;     /* behind the chunk at hand */
    char kind;            /* of the chunk at hand; 0: none left */
    struct reader chunk;  /* behind its position */
    u64 position;
    u64 last_equal;       /* the last position whose hash agreed */
    u64 end;
};

static bool next_chunk(struct reader *in, char *kind, struct reader *chunk)
{
    *kind = (char)reader_le(in, 1);
    u64 n = reader_le(in, 4);
    const u8 *p = reader_bytes(in, n);
    if (!p)
        return false;
    *chunk = (struct reader){ .data = p, .len = n };
    return true;
}

static bool open_recording(const u8 *data, size_t size, struct reader *in, struct reader *config, struct err *e)
{
    *in = (struct reader){ .data = data, .len = size };
    const u8 *p = reader_bytes(in, sizeof magic);
    if (!p || memcmp(p, magic, sizeof magic))
        return err_set(e, "it is not an Orrery recording (it does not begin with ORRYREC1)");
    char kind;
    if (!next_chunk(in, &kind, config) || kind != 'C')
        return err_set(e, "the recording is cut short or damaged: it holds no configuration");
    return true;
}

char *recording_config(const u8 *data, size_t size, struct err *e)
{
    struct reader in, config;
    if (!open_recording(data, size, &in, &config, e))
        return NULL;
    char *text = xmalloc(config.len + 1);
    memcpy(text, config.data, config.len);
    text[config.len] = 0;
    return text;
}

static void load_next(struct replayer *r)
{
    if (!next_chunk(&r->in, &r->kind, &r->chunk)) {
        r->kind = 0;
        r->position = r->end == CLOCK_NEVER ? r->position : r->end;
        return;
    }
    r->position = reader_le(&r->chunk, 8);
}

struct replayer *replayer_new(struct machine *m, const u8 *data, size_t size, struct err *e)
{
    struct reader in, config;
    if (!open_recording(data, size, &in, &config, e))
        return NULL;
    struct replayer *r = ARENA_NEW(m->arena, struct replayer);
    r->in = in;
    r->end = CLOCK_NEVER;
    /* One pass over the chunks finds damage and the end before anything runs. */
    u64 last = 0;
    for (struct reader scan = in; scan.pos < scan.len;) {
        char kind;
        struct reader chunk;
        if (!next_chunk(&scan, &kind, &chunk))
            break; /* cut off: what is there is replayed */
        u64 position = reader_le(&chunk, 8);
        if (chunk.bad || !kind || !strchr("IHE", kind) || position < last) {
            err_set(e, "the recording is damaged at byte %zu", scan.pos);
            return NULL;
        }
        last = position;
        if (kind == 'E')
            r->end = position;
    }
    load_next(r);
    m->replayer = r;
    return r;
}

u64 replayer_next(const struct replayer *r)
{
    return r->position;
}

u64 replayer_end(const struct replayer *r)
{
    return r->end;
}

/* Names the first part that differs from the recorded state. */
static void explain(struct replayer *r, struct machine *m, struct reader in, char *text, size_t cap)
{
    char where[160];
    snprintf(where, sizeof where,
             "the replay differs from the recording at position %" PRIu64 " (equal up to %" PRIu64 ")", r->position,
             r->last_equal);
    if (reader_le(&in, 4) != m->n_cpus) {
        snprintf(text, cap, "%s: another number of harts was recorded", where);
        return;
    }
    for (unsigned i = 0; i < m->n_cpus; i++) {
        struct cpu *c = m->cpus[i];
        u64 retired = reader_le(&in, 8);
        size_t size = 0;
        for (const struct state_field *f = c->ops->state; f->name; f++)
            if (f->offset + (size_t)f->size * f->count > size)
                size = f->offset + (size_t)f->size * f->count;
        u8 *recorded = xcalloc(1, size);
        struct err e;
        u32 index;
        const struct state_field *f = NULL;
        bool ok = state_load(c->ops->state, recorded, &in, &e);
        if (!ok)
            snprintf(text, cap, "%s: the recorded state of %s cannot be read: %.200s", where, c->name, e.text);
        else if ((f = state_diff(c->ops->state, c, recorded, &index)))
            snprintf(text, cap, "%s: %s.%s[%u] is 0x%" PRIx64 ", recorded was 0x%" PRIx64, where, c->name, f->name,
                     index, load_le((u8 *)c + f->offset + (size_t)index * f->size, f->size),
                     load_le(recorded + f->offset + (size_t)index * f->size, f->size));
        else if (retired != c->retired)
            snprintf(text, cap, "%s: %s retired %" PRIu64 " instructions, recorded were %" PRIu64, where, c->name,
                     c->retired, retired);
        free(recorded);
        if (!ok || f || retired != c->retired)
            return;
    }
    for (struct device *d = m->devices; d; d = d->next)
        if (reader_le(&in, 8) != state_hash(d->cls->state, d->state, 0)) {
            snprintf(text, cap, "%s: device %s is in another state; all harts agree", where, d->path);
            return;
        }
    for (struct ram *ram = m->rams; ram; ram = ram->next)
        if (reader_le(&in, 8) != ram_hash(ram, 0)) {
            snprintf(text, cap, "%s: memory '%s' has other contents; harts and devices agree", where, ram->name);
            return;
        }
    snprintf(text, cap, "%s: in the schedule or the timers; harts, devices and memory agree", where);
}

enum machine_stop replayer_step(struct replayer *r, struct machine *m)
{
    struct reader in = r->chunk;
    if (r->position != m->clock.now) {
        snprintf(m->stop.text, sizeof m->stop.text,
                 "the replay is at position %" PRIu64 " where the recording has an event at %" PRIu64, m->clock.now,
                 r->position);
        return MACHINE_DIVERGED;
    }
    switch (r->kind) {
    case 'I': {
        char name[128];
        reader_str(&in, name, sizeof name);
        u64 n = reader_le(&in, 4);
        const u8 *bytes = reader_bytes(&in, n);
        struct input_channel *ch = bytes ? machine_channel(m, name) : NULL;
        if (!ch || n > input_room(ch)) {
            snprintf(m->stop.text, sizeof m->stop.text,
                     "the replay cannot deliver the input recorded at position %" PRIu64 ": channel '%s' %s",
                     r->position, name, ch ? "has no room for it" : "does not exist");
            return MACHINE_DIVERGED;
        }
        ch->deliver(ch->opaque, bytes, n);
        break;
    }
    case 'H':
    case 'E': {
        u64 hash = reader_le(&in, 8);
        if (hash != machine_hash(m)) {
            explain(r, m, in, m->stop.text, sizeof m->stop.text);
            return MACHINE_DIVERGED;
        }
        r->last_equal = r->position;
        if (r->kind == 'E') {
            m->replayer = NULL;
            return MACHINE_REPLAY_END;
        }
        break;
    }
    default:
        m->replayer = NULL;
        snprintf(m->stop.text, sizeof m->stop.text, "the recording was cut off at position %" PRIu64, r->position);
        return MACHINE_REPLAY_END;
    }
    load_next(r);
    return MACHINE_REACHED;
}

enum machine_stop replayer_stopped(struct replayer *r, struct machine *m, enum machine_stop why)
{
    enum machine_stop then = MACHINE_DIVERGED;
    if (!r->kind || (r->kind == 'E' && r->position == m->clock.now))
        then = replayer_step(r, m) == MACHINE_DIVERGED ? MACHINE_DIVERGED : why;
    else
        snprintf(m->stop.text, sizeof m->stop.text,
                 "the replay differs from the recording (equal up to %" PRIu64 "): the guest ended at position %" PRIu64
                 ", recorded was an event at %" PRIu64, r->last_equal, m->clock.now, r->position);
    m->replayer = NULL;
    return m->stop.why = then;
}
