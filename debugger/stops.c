#include "debugger/stops.h"

#include <stdlib.h>
#include <string.h>

#include "machine/machine.h"

struct stop_point *stops_add(struct stops *s, enum stop_kind kind, const char *spec)
{
    struct stop_point *p = xcalloc(1, sizeof *p), **at = &s->list;
    p->number = ++s->last_number;
    p->kind = kind;
    p->enabled = true;
    p->hart = -1;
    p->spec = xstrdup(spec);
    while (*at)
        at = &(*at)->next;
    return *at = p;
}

struct stop_point *stops_find(struct stops *s, int number)
{
    struct stop_point *p = s->list;
    while (p && p->number != number)
        p = p->next;
    return p;
}

void stop_commands_clear(struct stop_point *p)
{
    for (unsigned i = 0; i < p->n_commands; i++)
        free(p->commands[i]);
    free(p->commands);
    p->commands = NULL;
    p->n_commands = 0;
}

void stops_delete(struct stops *s, struct stop_point *p)
{
    struct stop_point **at = &s->list;
    while (*at && *at != p)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = p->next;
    stop_commands_clear(p);
    expr_free(p->condition);
    free(p->condition_text);
    free(p->addrs);
    free(p->spec);
    free(p);
}

void stops_fini(struct stops *s)
{
    while (s->list)
        stops_delete(s, s->list);
    free(s->code);
    free(s->watch);
    free(s->port);
    s->code = NULL;
    s->watch = s->port = NULL;
}

bool stop_has_addr(const struct stop_point *p, u64 addr)
{
    for (size_t i = 0; i < p->n_addrs; i++)
        if (p->addrs[i] == addr)
            return true;
    return false;
}

static int u64_order(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

void stops_arm(struct stops *s, struct machine *m)
{
    size_t n = s->n_internal, w = 0, k = 0;
    const struct cpu_stops none = { 0 }, *also = s->also ? s->also : &none;
    for (const struct stop_point *p = s->list; p; p = p->next) {
        n += p->n_addrs;
        w++;
    }
    u64 *old_code = s->code;
    struct cpu_watch *old_watch = s->watch, *old_port = s->port;
    size_t ports = 0;
    s->code = xmalloc((n + also->n_code + 1) * sizeof *s->code);
    s->watch = xmalloc((w + also->n_watch + 1) * sizeof *s->watch);
    s->port = xmalloc((w + 1) * sizeof *s->port);
    n = w = 0;
    for (const struct stop_point *p = s->list; p; p = p->next) {
        if (!p->enabled || p->pending_delete)
            continue;
        for (size_t i = 0; i < p->n_addrs; i++)
            s->code[n++] = p->addrs[i];
        if (p->kind == STOP_WATCH && p->port)
            s->port[ports++] = (struct cpu_watch){ .addr = p->addr, .len = p->len, .access = p->access };
        else if (p->kind == STOP_WATCH)
            s->watch[w++] = (struct cpu_watch){ .addr = p->addr, .len = p->len, .access = p->access };
    }
    for (size_t i = 0; i < s->n_internal; i++)
        s->code[n++] = s->internal[i];
    for (size_t i = 0; i < also->n_code; i++)
        s->code[n++] = also->code[i];
    for (size_t i = 0; i < also->n_watch; i++)
        s->watch[w++] = also->watch[i];
    if (n)
        qsort(s->code, n, sizeof *s->code, u64_order);
    for (size_t i = 0; i < n; i++)
        if (!k || s->code[i] != s->code[k - 1])
            s->code[k++] = s->code[i];
    m->stops = (struct cpu_stops){ .code = s->code, .n_code = k, .watch = s->watch, .n_watch = w,
                                    .port = s->port, .n_port = ports };
    machine_stops_changed(m);
    free(old_code);
    free(old_watch);
    free(old_port);
}

void stops_disarm(struct stops *s, struct machine *m)
{
    m->stops = (struct cpu_stops){ 0 };
    machine_stops_changed(m);
}

bool stops_internal_add(struct stops *s, u64 addr)
{
    if (s->n_internal == ARRAY_LEN(s->internal))
        return false;
    s->internal[s->n_internal++] = addr;
    return true;
}
