#include "base/event.h"

#include <string.h>

void event_listen(struct event_bus *b, struct event_listener *l)
{
    struct event_listener **end = &b->listeners;
    while (*end)
        end = &(*end)->next;
    l->next = NULL;
    *end = l;
}

void event_unlisten(struct event_bus *b, struct event_listener *l)
{
    for (struct event_listener **p = &b->listeners; *p; p = &(*p)->next)
        if (*p == l) {
            *p = l->next;
            return;
        }
}

void event_emit(struct event_bus *b, const struct event *ev)
{
    for (struct event_listener *l = b->listeners, *next; l; l = next) {
        next = l->next;
        if (!strncmp(ev->type->name, l->prefix, strlen(l->prefix)))
            l->hear(l->opaque, ev);
    }
}
