/* Perfetto's protobuf traces (perfetto.dev, "TracePacket"; plain varints, so no library is needed): a track for each CPU and
 * each device, a slice while an interrupt output is up, an instant with its fields for everything else the bus tells. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"

/* Numbers of fields, by message. */
enum { TRACE_PACKET = 1 };
enum { PACKET_TIMESTAMP = 8, PACKET_SEQUENCE = 10, PACKET_EVENT = 11, PACKET_TRACK = 60 };
enum { TRACK_UUID = 1, TRACK_NAME = 2, TRACK_PARENT = 5 };
enum { EVENT_ANNOTATION = 4, EVENT_TYPE = 9, EVENT_TRACK = 11, EVENT_NAME = 23 };
enum { ANNOTATION_UINT = 3, ANNOTATION_STRING = 6, ANNOTATION_POINTER = 7, ANNOTATION_NAME = 10 };
enum { SLICE_BEGIN = 1, SLICE_END = 2, INSTANT = 3 };

struct track {
    char *name;
    u64 uuid;
    bool up; /* its slice has begun */
    struct track *next;
};

struct perfetto {
    struct track *tracks;
    u64 last; /* uuid */
};

static void put_number(struct buf *b, unsigned field, u64 v)
{
    trace_put_leb(b, field << 3);
    trace_put_leb(b, v);
}

static void put_bytes(struct buf *b, unsigned field, const void *p, size_t n)
{
    trace_put_leb(b, field << 3 | 2);
    trace_put_leb(b, n);
    buf_put(b, p, n);
}

static void put_string(struct buf *b, unsigned field, const char *s) { put_bytes(b, field, s, strlen(s)); }

static void put_packet(struct trace *t, u64 when, unsigned field, const struct buf *body)
{
    struct buf p = { 0 };
    put_number(&p, PACKET_TIMESTAMP, trace_ns(t, when));
    put_number(&p, PACKET_SEQUENCE, 1);
    put_bytes(&p, field, body->data, body->len);
    put_bytes(&t->out, TRACE_PACKET, p.data, p.len);
    buf_free(&p);
}

static struct track *track(struct trace *t, u64 when, const char *name, const char *label, u64 parent)
{
    struct perfetto *f = t->data;
    for (struct track *k = f->tracks; k; k = k->next)
        if (!strcmp(k->name, name))
            return k;
    struct track *k = xcalloc(1, sizeof *k);
    struct buf b = { 0 };
    *k = (struct track){ .name = xstrdup(name), .uuid = ++f->last, .next = f->tracks };
    f->tracks = k;
    put_number(&b, TRACK_UUID, k->uuid);
    put_string(&b, TRACK_NAME, label);
    if (parent)
        put_number(&b, TRACK_PARENT, parent);
    put_packet(t, when, PACKET_TRACK, &b);
    buf_free(&b);
    return k;
}

static void put_event(struct trace *t, u64 when, unsigned type, const struct track *on, const char *name, const struct buf *more)
{
    struct buf b = { 0 };
    put_number(&b, EVENT_TYPE, type);
    put_number(&b, EVENT_TRACK, on->uuid);
    if (name)
        put_string(&b, EVENT_NAME, name);
    if (more)
        buf_put(&b, more->data, more->len);
    put_packet(t, when, PACKET_EVENT, &b);
    buf_free(&b);
}

static void begin(struct trace *t)
{
    t->data = xcalloc(1, sizeof(struct perfetto));
    for (unsigned i = 0; i < t->m->n_cpus; i++)
        track(t, t->m->clock.now, t->m->cpus[i]->name, t->m->cpus[i]->name, 0);
}

static void put_level(struct trace *t, const struct event *ev, const struct track *device)
{
    char name[300], label[24];
    bool up = ev->value[1].u;
    snprintf(label, sizeof label, "out%u", (unsigned)ev->value[0].u);
    snprintf(name, sizeof name, "%s %s", ev->source, label);
    struct track *k = track(t, ev->when, name, label, device->uuid);
    if (k->up != up)
        put_event(t, ev->when, up ? SLICE_BEGIN : SLICE_END, k, up ? label : NULL, NULL);
    k->up = up;
}

static void hear(struct trace *t, const struct event *ev)
{
    const struct track *on = track(t, ev->when, ev->source, ev->source, 0);
    if (!strcmp(ev->type->name, "irq.level")) {
        put_level(t, ev, on);
        return;
    }
    struct buf more = { 0 }, a = { 0 };
    const char *name = ev->type->name;
    for (unsigned i = 0; i < EVENT_MAX_FIELDS && ev->type->field[i].kind; i++) {
        enum event_kind kind = ev->type->field[i].kind;
        if (kind == EV_BYTES || (kind == EV_STR && !(ev->value[i].s && *ev->value[i].s)))
            continue;
        if (!strcmp(ev->type->name, "cpu.trap") && i == 0)
            name = ev->value[i].s; /* what it is says more than that it is one */
        a.len = 0;
        put_string(&a, ANNOTATION_NAME, ev->type->field[i].name);
        if (kind == EV_STR)
            put_string(&a, ANNOTATION_STRING, ev->value[i].s);
        else
            put_number(&a, kind == EV_HEX ? ANNOTATION_POINTER : ANNOTATION_UINT, ev->value[i].u);
        put_bytes(&more, EVENT_ANNOTATION, a.data, a.len);
    }
    put_event(t, ev->when, INSTANT, on, name, &more);
    buf_free(&more);
    buf_free(&a);
}

static void end(struct trace *t)
{
    struct perfetto *f = t->data;
    for (struct track *k = f->tracks, *next; k; k = next) {
        next = k->next;
        if (k->up)
            put_event(t, t->m->clock.now, SLICE_END, k, NULL, NULL);
        free(k->name);
        free(k);
    }
    free(f);
}

const struct trace_format trace_perfetto = { "perfetto", "everything the bus tells, on a time line (ui.perfetto.dev)",
                                             .begin = begin, .hear = hear, .hears = { "" }, .end = end };
