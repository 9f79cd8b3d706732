#include "base/event.h"

#include <string.h>

/* Which families the listeners may hear. */
static void count(struct event_bus *b)
{
    static const char *const name[EV_FAMILIES] = {
        [EV_CPU_TRAP] = "cpu.trap", [EV_CPU_REGISTER] = "cpu.register", [EV_CPU_MODE] = "cpu.mode", [EV_CPU_TLB] = "cpu.tlb",
        [EV_CPU_MAGIC] = "cpu.magic", [EV_CPU_GENERAL] = "cpu.general", [EV_DEVICE] = "device.", [EV_DMA] = "dma.", [EV_CONSOLE] = "console.", [EV_IRQ] = "irq.",
    };
    u32 before = b->wanted;
    b->wanted = 0;
    for (const struct event_listener *l = b->listeners; l; l = l->next)
        for (unsigned f = 0; f < EV_FAMILIES; f++) {
            size_t n = strlen(name[f]), k = strlen(l->prefix);
            if (!strncmp(name[f], l->prefix, n < k ? n : k))
                b->wanted |= 1u << f;
        }
    if (b->wanted != before && b->changed)
        b->changed(b->opaque, before);
}

void event_listen(struct event_bus *b, struct event_listener *l)
{
    struct event_listener **end = &b->listeners;
    while (*end)
        end = &(*end)->next;
    l->next = NULL;
    *end = l;
    count(b);
}

void event_unlisten(struct event_bus *b, struct event_listener *l)
{
    for (struct event_listener **p = &b->listeners; *p; p = &(*p)->next)
        if (*p == l) {
            *p = l->next;
            count(b);
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
