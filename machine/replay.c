/* A recording, run again: input is delivered where it was recorded, states are compared wherever one was. */
#include "machine/record.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/history.h"
#include "machine/shadow.h"

static const char magic[8] = "ORRYREC2";

struct replayer {
    struct reader in;     /* behind the chunk at hand */
    char kind;            /* of the chunk at hand; 0: none left */
    struct reader chunk;  /* behind its position */
    u64 position;
    u64 last_equal;       /* the last position where all harts agreed */
    u64 end;
    struct reader note;     /* why it ended; empty: the guest says that itself */
    struct shadows shadows; /* what was recorded */
    char text[sizeof(((struct machine_stop_info *)0)->text)]; /* of a difference, while it is looked for */
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

bool is_recording(const void *first)
{
    return !memcmp(first, magic, sizeof magic - 1);
}

static bool open_recording(const u8 *data, size_t size, struct reader *in, struct reader *config, struct err *e)
{
    *in = (struct reader){ .data = data, .len = size };
    const u8 *p = reader_bytes(in, sizeof magic);
    if (!p || !is_recording(p))
        return err_set(e, "it is not an Orrery recording (it does not begin with ORRYREC2)");
    if (p[7] != magic[7])
        return err_set(e, "it is a recording of format '%c' and this Orrery reads format %c: replay it with the version that "
                          "recorded it", p[7] > ' ' && p[7] < 127 ? p[7] : '?', magic[7]);
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

bool recording_media(const struct machine *m, const u8 *data, size_t size, machine_media_fn *fn, void *opaque, struct err *e)
{
    struct reader in, chunk;
    char kind, channel[128];
    struct medium_text t;
    if (!open_recording(data, size, &in, &chunk, e))
        return false;
    while (next_chunk(&in, &kind, &chunk)) {
        const struct device *d;
        if (kind != 'I')
            continue;
        reader_le(&chunk, 8);
        reader_str(&chunk, channel, sizeof channel);
        u64 n = reader_le(&chunk, 4);
        const u8 *bytes = reader_bytes(&chunk, n);
        shadows_device_of(m, channel, &d);
        if (bytes && d && machine_removable(d) && medium_inserted(bytes, n, &t) && !fn(opaque, &t, e))
            return false;
    }
    return true;
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
    r->last_equal = m->clock.now;
    r->shadows = shadows_new(m);
    /* One pass over the chunks finds damage and the end before anything runs. */
    u64 last = 0;
    for (struct reader scan = in; scan.pos < scan.len;) {
        char kind;
        struct reader chunk;
        if (!next_chunk(&scan, &kind, &chunk))
            break; /* cut off: what is there is replayed */
        u64 position = reader_le(&chunk, 8);
        if (chunk.bad || !kind || !strchr("IRHEN", kind) || position < last) {
            err_set(e, "the recording is damaged at byte %zu", scan.pos);
            return NULL;
        }
        last = position;
        if (kind == 'E')
            r->end = position;
        if (kind == 'N')
            r->note = chunk;
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

/* The beginning of every message about a difference. */
static void begin(struct replayer *r)
{
    snprintf(r->text, sizeof r->text,
             "the replay differs from the recording at position %" PRIu64 " (equal up to %" PRIu64 "): ", r->position,
             r->last_equal);
}

static void __attribute__((format(printf, 2, 3))) say(struct replayer *r, const char *fmt, ...)
{
    size_t n = strlen(r->text);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->text + n, sizeof r->text - n, fmt, ap);
    va_end(ap);
}

static enum machine_stop diverged(const struct replayer *r, struct machine *m)
{
    memcpy(m->stop.text, r->text, sizeof r->text);
    return MACHINE_DIVERGED;
}

/* "hart0.x[10] is A, recorded was B"; false when they agree. Members before `from` are named only if nothing else differs:
 * that another number of instructions has retired says less than a register. */
static bool names_element(struct replayer *r, const struct shadow *s, size_t from, const char *name)
{
    u32 index, count;
    const struct state_field *f = shadow_diff(s, from, &index, &count);
    if (!count)
        return false;
    if (!f)
        f = shadow_diff(s, 0, &index, &count);
    say(r, "%s.%s[%" PRIu32 "] is 0x%" PRIx64 ", recorded was 0x%" PRIx64, name, f->name, index, state_get(f, s->live, index),
        state_get(f, s->copy, index));
    if (count > 1)
        say(r, " (and %" PRIu32 " more of %s)", count - 1, name);
    return true;
}

static bool names_hart(struct replayer *r, struct machine *m)
{
    for (unsigned i = 0; i < m->n_cpus; i++)
        if (names_element(r, &r->shadows.cpu[i], sizeof(struct cpu), m->cpus[i]->name))
            return true;
    return false;
}

static bool unreadable(struct replayer *r, const char *name, const struct err *e)
{
    say(r, "the recorded state of %s cannot be read: %.200s", name, e->text);
    return true;
}

/* Names the first part that differs from the recorded state. */
static void explain(struct replayer *r, struct machine *m, struct reader in)
{
    struct err e = { "" };
    begin(r);
    if (reader_le(&in, 4) != m->n_cpus) {
        say(r, "another number of harts was recorded");
        return;
    }
    for (unsigned i = 0; i < m->n_cpus; i++)
        if (!shadow_take_all(&r->shadows.cpu[i], &in, &e) && unreadable(r, m->cpus[i]->name, &e))
            return;
    if (names_hart(r, m))
        return;
    if (reader_le(&in, 4) != r->shadows.n_devices) {
        say(r, "another number of devices was recorded");
        return;
    }
    unsigned n = 0;
    for (struct device *d = m->devices; d; d = d->next, n++)
        if (!shadow_take_all(&r->shadows.device[n], &in, &e) && unreadable(r, d->path, &e))
            return;
    n = 0;
    for (struct device *d = m->devices; d; d = d->next, n++) {
        begin(r);
        say(r, "device ");
        if (names_element(r, &r->shadows.device[n], 0, d->path)) {
            say(r, "; all harts agree");
            return;
        }
    }
    begin(r);
    for (struct ram *ram = m->rams; ram; ram = ram->next)
        if (reader_le(&in, 8) != ram_hash(ram, 0)) {
            say(r, "memory '%s' has other contents; harts and devices agree", ram->name);
            return;
        }
    say(r, "in the schedule or the timers; harts, devices and memory agree");
}

static enum machine_stop damaged(struct replayer *r, struct machine *m)
{
    snprintf(m->stop.text, sizeof m->stop.text, "the recording is damaged: what it says of position %" PRIu64 " means nothing",
             r->position);
    return MACHINE_DIVERGED;
}

static enum machine_stop deliver(struct replayer *r, struct machine *m, struct reader in)
{
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
    if (m->history)
        history_input(m->history, ch, bytes, n);
    ch->deliver(ch->opaque, bytes, n);
    const struct device *d;
    unsigned device = shadows_device_of(m, name, &d);
    if (!d)
        return MACHINE_REACHED;
    if (!shadow_take_delta(&r->shadows.device[device], &in))
        return damaged(r, m);
    begin(r);
    say(r, "device ");
    if (!names_element(r, &r->shadows.device[device], 0, d->path))
        return MACHINE_REACHED;
    say(r, ", after the input recorded there");
    return diverged(r, m);
}

static enum machine_stop compare_regs(struct replayer *r, struct machine *m, struct reader in)
{
    for (unsigned i = 0; i < m->n_cpus; i++)
        if (!shadow_take_delta(&r->shadows.cpu[i], &in))
            return damaged(r, m);
    begin(r);
    if (names_hart(r, m))
        return diverged(r, m);
    r->last_equal = r->position;
    return MACHINE_REACHED;
}

static enum machine_stop compare_state(struct replayer *r, struct machine *m, struct reader in)
{
    u64 hash = reader_le(&in, 8);
    if (hash != machine_hash(m)) {
        explain(r, m, in);
        return diverged(r, m);
    }
    r->last_equal = r->position;
    for (unsigned i = 0; i < m->n_cpus; i++)
        shadow_take_live(&r->shadows.cpu[i]);
    for (unsigned i = 0; i < r->shadows.n_devices; i++)
        shadow_take_live(&r->shadows.device[i]);
    return MACHINE_REACHED;
}

static void take_note(const struct replayer *r, char *text, size_t room)
{
    size_t n = r->note.len - r->note.pos;
    n = n < room ? n : room - 1;
    if (n)
        memcpy(text, r->note.data + r->note.pos, n);
    text[n] = 0;
}

void replayer_over(const struct replayer *r, struct machine *m)
{
    if (r->kind == 'E')
        take_note(r, m->stop.text, sizeof m->stop.text);
}

char *replayer_note(const struct replayer *r)
{
    size_t room = r->note.len - r->note.pos + 1;
    char *text = xmalloc(room);
    take_note(r, text, room);
    return text;
}

enum machine_stop replayer_step(struct replayer *r, struct machine *m)
{
    enum machine_stop why;
    if (r->position != m->clock.now) {
        snprintf(m->stop.text, sizeof m->stop.text,
                 "the replay is at position %" PRIu64 " where the recording has an event at %" PRIu64, m->clock.now,
                 r->position);
        return MACHINE_DIVERGED;
    }
    switch (r->kind) {
    case 'I': why = deliver(r, m, r->chunk); break;
    case 'R': why = compare_regs(r, m, r->chunk); break;
    case 'H': why = compare_state(r, m, r->chunk); break;
    case 'E':
        why = compare_state(r, m, r->chunk);
        if (why == MACHINE_DIVERGED)
            return why;
        m->replayer = NULL;
        return MACHINE_REPLAY_END;
    default:
        m->replayer = NULL;
        snprintf(m->stop.text, sizeof m->stop.text, "the recording was cut off at position %" PRIu64, r->position);
        return MACHINE_REPLAY_END;
    }
    if (why == MACHINE_REACHED)
        load_next(r);
    return why;
}

bool replayer_ends_here(struct replayer *r, struct machine *m)
{
    while ((r->kind == 'R' || r->kind == 'H') && r->position == m->clock.now)
        if (replayer_step(r, m) != MACHINE_REACHED)
            return true;
    return r->position <= m->clock.now && (!r->kind || r->kind == 'E');
}

enum machine_stop replayer_stopped(struct replayer *r, struct machine *m, enum machine_stop why)
{
    enum machine_stop then = MACHINE_REACHED;
    while ((r->kind == 'R' || r->kind == 'H') && r->position == m->clock.now && then == MACHINE_REACHED)
        then = replayer_step(r, m);
    if (then == MACHINE_REACHED && (!r->kind || (r->kind == 'E' && r->position == m->clock.now))) {
        then = replayer_step(r, m) == MACHINE_DIVERGED ? MACHINE_DIVERGED : why;
    } else if (then == MACHINE_REACHED) {
        then = MACHINE_DIVERGED;
        snprintf(m->stop.text, sizeof m->stop.text,
                 "the replay differs from the recording (equal up to %" PRIu64 "): the guest ended at position %" PRIu64
                 ", recorded was an event at %" PRIu64, r->last_equal, m->clock.now, r->position);
    }
    m->replayer = NULL;
    return m->stop.why = then;
}
