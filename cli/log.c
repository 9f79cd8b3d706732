/* -d ITEMS: what happens, one line an event, to stderr or the -D file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/session.h"

static void hear(void *opaque, const struct event *ev)
{
    FILE *f = ((struct session_log *)opaque)->file;
    fprintf(f, "%" PRIu64 " %s %s", ev->when, ev->source, ev->type->name);
    for (unsigned i = 0; i < EVENT_MAX_FIELDS && ev->type->field[i].kind; i++) {
        const char *name = ev->type->field[i].name;
        switch (ev->type->field[i].kind) {
        case EV_HEX: fprintf(f, " %s=0x%" PRIx64, name, ev->value[i].u); break;
        case EV_STR:
            if (*ev->value[i].s)
                fprintf(f, " %s=%s", name, ev->value[i].s);
            break;
        default: fprintf(f, " %s=%" PRIu64, name, ev->value[i].u); break;
        }
    }
    fputc('\n', f);
}

/* cpu.trap, by the text of its cause. */
static void hear_cause(void *opaque, const struct event *ev, const char *end)
{
    const char *cause = ev->value[0].s;
    size_t n = strlen(cause), m = strlen(end);
    if (n >= m && !strcmp(cause + n - m, end))
        hear(opaque, ev);
}

static void hear_access_fault(void *opaque, const struct event *ev) { hear_cause(opaque, ev, "access fault"); }
static void hear_illegal(void *opaque, const struct event *ev) { hear_cause(opaque, ev, "illegal instruction"); }

/* The registers as they were. */
static void hear_reset(void *opaque, const struct event *ev)
{
    struct session_log *log = opaque;
    struct machine *m = log->s->m;
    hear(log, ev);
    for (unsigned i = 0; i < m->n_cpus; i++) {
        struct cpu *c = m->cpus[i];
        unsigned column = 0;
        for (const struct cpu_reg *r = strcmp(c->name, ev->source) ? NULL : c->ops->regs(c); r && r->name; r++) {
            u64 v;
            if (strcmp(r->group, "general") || !c->ops->reg_get(c, r, &v))
                continue;
            fprintf(log->file, "%s%-4s %0*" PRIx64, column % 4 ? "  " : "    ", r->name, r->bits / 4, v);
            if (!(++column % 4))
                fputc('\n', log->file);
        }
        if (column % 4)
            fputc('\n', log->file);
    }
}

static bool has_item(const char *items, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = items; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!strncmp(p, name, n) && (!p[n] || p[n] == ','))
            return true;
    return false;
}

static const struct {
    const char *item, *event; /* events: hear says which of them */
    void (*hear)(void *opaque, const struct event *ev);
    const char *trace;        /* or a trace */
} items[] = {
    { "int", "cpu.trap", hear, NULL },
    { "guest_errors", "cpu.trap", hear_access_fault, NULL },
    { "guest_errors", "virtio.error", hear, NULL },
    { "unimp", "cpu.trap", hear_illegal, NULL },
    { "cpu_reset", "cpu.reset", hear_reset, NULL },
    { "exec", NULL, NULL, "exec" }, /* the last one is written first */
    { "in_asm", NULL, NULL, "in_asm" },
};

static void sink(void *opaque, const void *bytes, size_t n)
{
    fwrite(bytes, 1, n, ((struct session_log *)opaque)->file);
}

static bool open_log(struct session *s, const char *path, struct err *e)
{
    FILE *f = path ? fopen(path, "w") : stderr;
    if (!f)
        return err_set(e, "-D %s: it cannot be written: %m", path);
    session_log_end(s);
    s->log.s = s;
    s->log.file = f;
    return true;
}

static void listen(struct session *s, const char *wanted)
{
    struct session_log *log = &s->log;
    while (log->n_listeners)
        event_unlisten(&s->m->bus, &log->listener[--log->n_listeners]);
    for (unsigned i = 0; i < ARRAY_LEN(items); i++) {
        if (items[i].trace || !has_item(wanted, items[i].item))
            continue;
        if (items[i].hear != hear && !strcmp(items[i].event, "cpu.trap") && has_item(wanted, "int"))
            continue; /* all of them are there already */
        struct event_listener *l = &log->listener[log->n_listeners++];
        *l = (struct event_listener){ .prefix = items[i].event, .hear = items[i].hear, .opaque = log };
        event_listen(&s->m->bus, l);
    }
}

bool session_log(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    unsigned n_traces = 0;
    if (!o->log_items)
        return true;
    if (!open_log(s, o->log_file, e))
        return false;
    listen(s, o->log_items);
    for (unsigned i = 0; i < ARRAY_LEN(items); i++) {
        if (!items[i].trace || !has_item(o->log_items, items[i].item))
            continue;
        struct trace *t = &s->log.trace[n_traces++];
        *t = (struct trace){ .format = trace_format_named(items[i].trace, e), .m = s->m, .sink = sink,
                             .opaque = &s->log, .next = s->hub.traces };
        s->hub.traces = t;
    }
    return true;
}

bool session_log_items(struct session *s, const char *wanted, struct err *e)
{
    char word[32];
    for (const char *p = wanted; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        bool known = false;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(p, ","), p);
        for (unsigned i = 0; i < ARRAY_LEN(items); i++)
            if (!strcmp(items[i].item, word)) {
                known = !items[i].trace;
                if (!known)
                    return err_set(e, "log %s: instructions are for 'tracefile' once the machine is there", word);
            }
        if (!known && strcmp(word, "none"))
            return err_set(e, "log: '%s' is not an item; -d help lists them", word);
    }
    if (!s->log.file && !open_log(s, s->o->log_file, e))
        return false;
    listen(s, wanted);
    return true;
}

bool session_log_file(struct session *s, const char *path, struct err *e) { return open_log(s, path, e); }

void session_log_end(struct session *s)
{
    if (s->log.file && s->log.file != stderr && fclose(s->log.file))
        fprintf(stderr, "%s: -D %s: %m\n", s->o->program, s->o->log_file);
}
