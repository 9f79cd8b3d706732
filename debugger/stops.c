#include "debugger/stops.h"

#include <stdlib.h>
#include <string.h>

#include "debugger/debugger.h"
#include "debugger/stop_kinds.h"
#include "machine/machine.h"

struct stop_point *stops_add(struct stops *s, const struct stop_kind *kind, const char *spec)
{
    struct stop_point *p = xcalloc(1, sizeof *p);
    p->number = ++s->last_number;
    p->kind = kind;
    p->enabled = true;
    p->hart = -1;
    p->spec = xstrdup(spec);
    if (s->last)
        s->last->next = p;
    else
        s->list = p;
    return s->last = p;
}

struct stop_point *stops_find(struct stops *s, int number)
{
    struct stop_point *p = s->list;
    while (p && p->number != number)
        p = p->next;
    return p;
}

bool stops_has(const struct stops *s, const struct stop_point *p)
{
    const struct stop_point *q = s->list;
    while (q && q != p)
        q = q->next;
    return p && q;
}

void stop_commands_clear(struct stop_point *p)
{
    for (unsigned i = 0; i < p->n_commands; i++)
        free(p->commands[i]);
    free(p->commands);
    p->commands = NULL;
    p->n_commands = 0;
}

/* Until the next stops_arm() the machine still stops there, and nobody asks why. */
#define FORGET(list, n, p) \
    for (size_t i_ = 0; i_ < (n); i_++) \
        if ((list)[i_].point == (p)) \
            (list)[i_].point = NULL

void stops_delete(struct stops *s, struct stop_point *p)
{
    struct stop_point **at = &s->list, *before = NULL;
    while (*at && *at != p) {
        before = *at;
        at = &before->next;
    }
    if (!*at)
        return;
    *at = p->next;
    if (s->last == p)
        s->last = before;
    FORGET(s->codes, s->n_codes, p);
    FORGET(s->physes, s->n_physes, p);
    FORGET(s->watches, s->n_watches, p);
    FORGET(s->ports, s->n_ports, p);
    for (unsigned k = 0; k < STOP_KINDS; k++) {
        struct stop_ear *ear = &s->ear[k];
        for (size_t i = 0; i < ear->n; i++)
            if (ear->points[i] == p)
                ear->points[i--] = ear->points[--ear->n];
    }
    if (s->d && s->d->collecting == p) /* an editor deletes while its `commands` are typed */
        s->d->collecting = NULL;
    stop_commands_clear(p);
    expr_free(p->condition);
    free(p->condition_text);
    free(p->process);
    free(p->format);
    free(p->file);
    free(p->addrs);
    free(p->name);
    free(p->from);
    free(p->to);
    free(p->spec);
    free(p);
}

void stops_fini(struct stops *s)
{
    while (s->list)
        stops_delete(s, s->list);
    for (unsigned k = 0; k < STOP_KINDS; k++)
        free(s->ear[k].points);
    free(s->codes);
    free(s->physes);
    free(s->phys);
    free(s->reach);
    free(s->watches);
    free(s->ports);
    free(s->code);
    free(s->watch);
    free(s->port);
    free(s->reg);
}

bool stop_has_addr(const struct stop_point *p, u64 addr)
{
    for (size_t i = 0; i < p->n_addrs; i++)
        if (p->addrs[i] == addr)
            return true;
    return false;
}

/* --- arming ------------------------------------------------------------------------------------------------------ */

#define GROW(list, n, cap) \
    ((n) < (cap) ? (list) : ((cap) = (cap) ? 2 * (cap) : 16, (list) = xrealloc((list), (cap) * sizeof *(list))))

void stops_arm_code(struct stops *s, struct stop_point *p, u64 addr, bool physical)
{
    if (physical) {
        GROW(s->physes, s->n_physes, s->cap_physes);
        s->physes[s->n_physes++] = (struct stop_code){ addr, p };
        return;
    }
    GROW(s->codes, s->n_codes, s->cap_codes);
    s->codes[s->n_codes++] = (struct stop_code){ addr, p };
}

void stops_arm_watch(struct stops *s, struct stop_point *p, struct cpu_watch w)
{
    GROW(s->watches, s->n_watches, s->cap_watches);
    s->watches[s->n_watches++] = (struct stop_watch){ w, p };
}

void stops_arm_port(struct stops *s, struct stop_point *p, struct cpu_watch w)
{
    GROW(s->ports, s->n_ports, s->cap_ports);
    s->ports[s->n_ports++] = (struct stop_watch){ w, p };
}

void stops_arm_register(struct stops *s, struct cpu_reg_watch w)
{
    GROW(s->reg, s->n_regs, s->cap_regs);
    s->reg[s->n_regs++] = w;
}

static int code_order(const void *a, const void *b)
{
    const struct stop_code *x = a, *y = b;
    if (x->addr != y->addr)
        return x->addr < y->addr ? -1 : 1;
    int n = x->point ? x->point->number : 0, k = y->point ? y->point->number : 0;
    return n < k ? -1 : n > k;
}

/* Virtual ones first; equal ones in order of their numbers. */
static int watch_order(const void *a, const void *b)
{
    const struct stop_watch *x = a, *y = b;
    if (x->watch.physical != y->watch.physical)
        return x->watch.physical - y->watch.physical;
    if (x->watch.addr != y->watch.addr)
        return x->watch.addr < y->watch.addr ? -1 : 1;
    int n = x->point ? x->point->number : 0, k = y->point ? y->point->number : 0;
    return n < k ? -1 : n > k;
}

const struct stop_code *stops_at_code(const struct stops *s, u64 addr, bool physical, size_t *n)
{
    const struct stop_code *list = physical ? s->physes : s->codes;
    size_t low = 0, count = physical ? s->n_physes : s->n_codes, high = count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (list[mid].addr < addr)
            low = mid + 1;
        else
            high = mid;
    }
    for (*n = 0; low + *n < count && list[low + *n].addr == addr; ++*n)
        ;
    return *n ? list + low : NULL;
}

/* The bus is told of what happens; each kind hears its own events, and asks its points. */
static void hear(void *opaque, const struct event *ev)
{
    struct stop_ear *ear = opaque;
    struct machine *m = ear->stops->d->machine;
    for (size_t i = 0; m->soon.armed && i < ear->n; i++) {
        struct stop_point *p = ear->points[i];
        char what[sizeof p->what];
        if (p->hart >= 0 && (!m->running || m->running->index != (unsigned)p->hart))
            continue;
        if (!ear->kind->hears(ear->stops->d, p, ev, what, sizeof what))
            continue;
        machine_stop_soon(m);
        if (!p->happened)
            memcpy(p->what, what, sizeof what);
        p->happened = true;
    }
}

/* After each instruction: registers of the CPU that executed it. */
static u64 look_at_registers(void *opaque, struct cpu *c, const struct cpu_retire *retire)
{
    struct stops *s = opaque;
    u64 ticks = s->inner ? s->inner->retire(s->inner->opaque, c, retire) : 1;
    const struct stop_ear *ear = &s->ear[stop_kind_register - stop_kinds];
    for (size_t i = 0; i < ear->n; i++)
        stop_look_at_register(s->d, ear->points[i], c);
    return ticks;
}

static void observe(struct stops *s, struct machine *m, bool wanted)
{
    bool on = s->observer.retire != NULL;
    if (wanted == on)
        return;
    if (wanted)
        s->inner = m->cpus[0]->observer;
    s->observer = (struct cpu_observer){ wanted ? look_at_registers : NULL, s };
    machine_observe(m, wanted ? &s->observer : s->inner);
}

static void listen(struct stops *s, struct machine *m)
{
    const struct stop_ear *registers = &s->ear[stop_kind_register - stop_kinds];
    bool untold = false;
    for (size_t i = 0; i < registers->n; i++)
        untold |= !registers->points[i]->cpu_reg->told;
    observe(s, m, untold);
    for (unsigned k = 0; stop_kinds[k].name; k++) {
        const struct stop_kind *kind = &stop_kinds[k];
        struct stop_ear *ear = &s->ear[k];
        if (!kind->event)
            continue;
        bool wanted = ear->n;
        if (wanted == ear->on)
            continue;
        ear->listener = (struct event_listener){ .prefix = kind->event, .hear = hear, .opaque = ear };
        ear->stops = s;
        ear->kind = kind;
        ear->on = wanted;
        if (wanted)
            event_listen(&m->bus, &ear->listener);
        else
            event_unlisten(&m->bus, &ear->listener);
    }
}

static void collect(struct stops *s, struct machine *m)
{
    s->n_codes = s->n_physes = s->n_watches = s->n_ports = s->n_regs = 0;
    m->soon.alarm = m->soon.retired = 0;
    for (unsigned k = 0; k < STOP_KINDS; k++)
        s->ear[k].n = 0;
    for (struct stop_point *p = s->list; p; p = p->next) {
        if (!p->enabled || (s->d->looking_back && p->verb != VERB_BREAK))
            continue;
        if (p->kind->arm)
            p->kind->arm(s, p, m);
        if (p->kind->event) {
            struct stop_ear *ear = &s->ear[p->kind - stop_kinds];
            GROW(ear->points, ear->n, ear->cap);
            ear->points[ear->n++] = p;
        }
    }
}

static u64 *sorted_addresses(struct stop_code *list, size_t n, size_t *unique)
{
    u64 *out = xmalloc((n + 1) * sizeof *out);
    if (n)
        qsort(list, n, sizeof *list, code_order);
    *unique = 0;
    for (size_t i = 0; i < n; i++)
        if (!*unique || list[i].addr != out[*unique - 1])
            out[(*unique)++] = list[i].addr;
    return out;
}

/* For many: see struct cpu_stops. */
static u64 *index_watches(const struct stops *s, size_t *n_virtual)
{
    enum { FEW = 8 };
    if (s->n_watches <= FEW)
        return NULL;
    u64 *reach = xmalloc(s->n_watches * sizeof *reach);
    for (size_t i = 0; i < s->n_watches; i++) {
        const struct cpu_watch *w = &s->watch[i];
        bool first = !i || s->watch[i - 1].physical != w->physical;
        u64 last = w->addr + (w->len - 1);
        reach[i] = first || last > reach[i - 1] ? last : reach[i - 1];
        *n_virtual += !w->physical;
    }
    return reach;
}

void stops_arm(struct stops *s, struct machine *m)
{
    const struct cpu_stops none = { 0 }, *also = s->also ? s->also : &none;
    s->stale = false;
    collect(s, m);
    for (size_t i = 0; i < s->n_internal; i++)
        stops_arm_code(s, NULL, s->internal[i], false);
    for (size_t i = 0; i < also->n_code; i++)
        stops_arm_code(s, NULL, also->code[i], false);
    for (size_t i = 0; i < also->n_watch; i++)
        stops_arm_watch(s, NULL, also->watch[i]);
    struct stops old = *s;
    m->stops = (struct cpu_stops){ 0 };
    s->code = sorted_addresses(s->codes, s->n_codes, &m->stops.n_code);
    s->phys = sorted_addresses(s->physes, s->n_physes, &m->stops.n_phys);
    s->watch = xmalloc((s->n_watches + 1) * sizeof *s->watch);
    s->port = xmalloc((s->n_ports + 1) * sizeof *s->port);
    if (s->n_watches)
        qsort(s->watches, s->n_watches, sizeof *s->watches, watch_order);
    for (size_t i = 0; i < s->n_watches; i++)
        s->watch[i] = s->watches[i].watch;
    for (size_t i = 0; i < s->n_ports; i++)
        s->port[i] = s->ports[i].watch;
    s->reach = index_watches(s, &m->stops.n_virtual);
    m->stops.code = s->code;
    m->stops.phys = s->phys;
    m->stops.watch = s->watch;
    m->stops.n_watch = s->n_watches;
    m->stops.reach = s->reach;
    m->stops.port = s->port;
    m->stops.n_port = s->n_ports;
    m->stops.reg = s->reg;
    m->stops.n_reg = s->n_regs;
    m->soon.armed = true;
    machine_stops_changed(m);
    listen(s, m);
    free(old.code);
    free(old.phys);
    free(old.watch);
    free(old.reach);
    free(old.port);
}

void stops_arm_soon(struct stops *s, struct machine *m)
{
    m->soon.alarm = m->soon.retired = 0;
    for (struct stop_point *p = s->list; p; p = p->next)
        if (p->enabled && p->kind->passed)
            p->kind->arm(s, p, m);
}

void stops_disarm(struct stops *s, struct machine *m)
{
    m->stops = (struct cpu_stops){ 0 };
    m->soon = (struct machine_soon){ 0 };
    for (unsigned k = 0; k < STOP_KINDS; k++)
        s->ear[k].n = 0;
    listen(s, m);
    machine_stops_changed(m);
}

bool stops_internal_add(struct stops *s, u64 addr)
{
    if (s->n_internal == ARRAY_LEN(s->internal))
        return false;
    s->internal[s->n_internal++] = addr;
    return true;
}
