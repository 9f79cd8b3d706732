/* -d ITEMS: what happens, one line an event, to stderr or the -D file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/session.h"

static void hear(void *opaque, const struct event *ev)
{
    FILE *f = opaque;
    fprintf(f, "%" PRIu64 " %s %s", ev->when, ev->source, ev->type->name);
    for (unsigned i = 0; i < EVENT_MAX_FIELDS && ev->type->field[i].kind; i++) {
        const char *name = ev->type->field[i].name;
        switch (ev->type->field[i].kind) {
        case EV_HEX: fprintf(f, " %s=0x%" PRIx64, name, ev->value[i].u); break;
        case EV_STR: fprintf(f, " %s=%s", name, ev->value[i].s); break;
        default: fprintf(f, " %s=%" PRIu64, name, ev->value[i].u); break;
        }
    }
    fputc('\n', f);
}

static bool has_item(const char *items, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = items; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!strncmp(p, name, n) && (!p[n] || p[n] == ','))
            return true;
    return false;
}

bool session_log(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    if (!o->log_items)
        return true;
    FILE *f = o->log_file ? fopen(o->log_file, "w") : stderr;
    if (!f)
        return err_set(e, "-D %s: it cannot be written: %m", o->log_file);
    s->log_file = f;
    if (has_item(o->log_items, "int")) {
        s->log = (struct event_listener){ .prefix = "cpu.trap", .hear = hear, .opaque = f };
        event_listen(&s->m->bus, &s->log);
    }
    return true;
}
