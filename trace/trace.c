#include "trace/trace.h"

#include <string.h>

#include "base/suggest.h"
#include "machine/history.h"

extern const struct trace_format trace_spike, trace_cycles, trace_exec, trace_in_asm, trace_lcov, trace_callgrind, trace_folded,
    trace_execlog, trace_tarmac, trace_konata, trace_drcov, trace_flow, trace_vcd, trace_fst, trace_perfetto, trace_pcap;
const struct trace_format *const trace_formats[] = {
    &trace_spike, &trace_execlog, &trace_tarmac, &trace_exec, &trace_in_asm, &trace_cycles, &trace_konata, &trace_lcov,
    &trace_drcov, &trace_callgrind, &trace_folded, &trace_flow, &trace_vcd, &trace_fst, &trace_perfetto, &trace_pcap, NULL
};

const struct trace_format *trace_format_named(const char *name, struct err *e)
{
    const char *best = NULL;
    unsigned score = 0;
    for (const struct trace_format *const *f = trace_formats; *f; f++) {
        if (!strcmp((*f)->name, name))
            return *f;
        suggest(name, (*f)->name, &best, &score);
    }
    err_set(e, "there is no trace kind '%s'%s%s%s; '--trace ?' lists them", name, DID_YOU_MEAN(best));
    return NULL;
}

bool trace_fits(const struct trace_format *f, const struct machine *m, struct err *e)
{
    if (!f->isa || trace_is_isa(m->cpus[0], f->isa))
        return true;
    return err_set(e, "a trace of kind '%s' is of %s CPUs, and those of this machine are %s; 'execlog' and 'exec' are of all",
                   f->name, f->isa, m->cpus[0]->ops->isa);
}

void trace_flush(struct trace *t, bool all)
{
    if (!all && t->out.len < 64 * 1024)
        return;
    t->sink(t->opaque, t->out.data, t->out.len);
    t->out.len = 0;
}

/* --- the hub ----------------------------------------------------------------------------------------------------- */

static u64 hub_retire(void *opaque, struct cpu *c, const struct cpu_retire *r)
{
    struct trace_hub *hub = opaque;
    u64 start = c->clock->now - 1; /* the engine has counted the one tick that every instruction takes */
    u64 ticks = hub->timing ? timing_retire(hub->timing, c, r) : 1;
    bool past = history_past(hub->m->history);
    if (UNLIKELY(!(++hub->observed & ((1 << 20) - 1)) && hub->progress))
        hub->progress(hub->opaque);
    for (struct trace *t = hub->traces; t; t = t->next) {
        if (past && start < t->written)
            continue; /* it was written then */
        t->written = start + ticks;
        if (!t->format->retire || !(t->format->all ? trace_filter_now(&t->filter, start)
                                                   : trace_filter_takes(&t->filter, c, r, start)))
            continue;
        t->format->retire(t, c, r, start, ticks);
        trace_flush(t, false);
    }
    return ticks;
}

static void hear(void *opaque, const struct event *ev)
{
    struct trace *t = opaque;
    if ((history_past(t->m->history) && ev->when < t->written) ||
        !(t->format->all ? trace_filter_now(&t->filter, ev->when) : trace_filter_hears(&t->filter, t->m, ev)))
        return;
    if (!t->format->retire)
        t->written = ev->when + 1;
    t->format->hear(t, ev);
    trace_flush(t, false);
}

static void listen(struct trace *t, bool on)
{
    for (unsigned i = 0; on != t->listening && i < TRACE_HEARS && t->format->hears[i]; i++) {
        t->listener[i] = (struct event_listener){ .prefix = t->format->hears[i], .hear = hear, .opaque = t };
        if (on)
            event_listen(&t->m->bus, &t->listener[i]);
        else
            event_unlisten(&t->m->bus, &t->listener[i]);
    }
    t->listening = on;
}

/* Looks on when somebody wants to, and sets the mark where that may change. */
static void sync_hub(void *opaque)
{
    struct trace_hub *hub = opaque;
    struct machine *m = hub->m;
    u64 now = m->clock.now, next = CLOCK_NEVER;
    bool observe = hub->timing != NULL;
    for (struct trace *t = hub->traces; t; t = t->next) {
        const struct trace_filter *f = &t->filter;
        bool in = trace_filter_now(f, now);
        observe = observe || (in && t->format->retire);
        listen(t, in);
        if (f->from > now && f->from < next)
            next = f->from;
        if (f->to > now && f->to < next)
            next = f->to;
    }
    if (observe != hub->observing)
        machine_observe(m, observe ? &hub->observer : NULL);
    hub->observing = observe;
    m->mark.at = next;
    m->mark.opaque = hub;
    m->mark.reached = next < CLOCK_NEVER ? sync_hub : NULL;
}

static void begin(struct trace *t, const struct trace_hub *hub)
{
    t->timed = hub->timing != NULL;
    t->written = hub->m->clock.now;
    if (t->format->begin)
        t->format->begin(t);
}

static void finish(struct trace *t)
{
    listen(t, false);
    if (t->format->end)
        t->format->end(t);
    trace_flush(t, true);
    buf_free(&t->out);
}

void trace_hub_start(struct trace_hub *hub, struct machine *m)
{
    hub->m = m;
    hub->observer = (struct cpu_observer){ hub_retire, hub };
    for (struct trace *t = hub->traces; t; t = t->next)
        begin(t, hub);
    hub->running = true;
    sync_hub(hub);
}

void trace_hub_add(struct trace_hub *hub, struct trace *t)
{
    t->next = hub->traces;
    hub->traces = t;
    if (hub->running) {
        begin(t, hub);
        sync_hub(hub);
    }
}

void trace_hub_remove(struct trace_hub *hub, struct trace *t)
{
    for (struct trace **p = &hub->traces; *p; p = &(*p)->next)
        if (*p == t) {
            *p = t->next;
            if (hub->running) {
                finish(t);
                sync_hub(hub);
            }
            return;
        }
}

void trace_hub_end(struct trace_hub *hub)
{
    while (hub->traces)
        trace_hub_remove(hub, hub->traces);
    if (hub->running && hub->observing)
        machine_observe(hub->m, NULL);
    hub->running = hub->observing = false;
}

/* --- what formats share ------------------------------------------------------------------------------------------ */

void trace_put_leb(struct buf *b, u64 v)
{
    u8 bytes[10];
    unsigned n = 0;
    for (; v > 0x7f; v >>= 7)
        bytes[n++] = (u8)(v | 0x80);
    bytes[n++] = (u8)v;
    buf_put(b, bytes, n);
}

u64 trace_ns(const struct trace *t, u64 when)
{
    return domain_ticks(domain_make(t->m->clock.hz, 1000000000, 1), when);
}

bool trace_is_isa(const struct cpu *c, const char *family)
{
    bool riscv = !strncmp(c->ops->isa, "riscv", 5);
    return riscv == !strcmp(family, "riscv");
}

static const struct cpu_reg *one_of(const struct cpu *c, const char *const *names)
{
    for (; *names; names++) {
        const struct cpu_reg *r = cpu_reg_named(c, *names);
        if (r)
            return r;
    }
    return NULL;
}

const struct cpu_reg *trace_stack_pointer(const struct cpu *c)
{
    static const char *const riscv[] = { "sp", NULL }, *const x86[] = { "rsp", "esp", NULL };
    return one_of(c, trace_is_isa(c, "riscv") ? riscv : x86);
}

const struct cpu_reg *trace_table_root(const struct cpu *c)
{
    static const char *const riscv[] = { "satp", NULL }, *const x86[] = { "cr3", NULL };
    return one_of(c, trace_is_isa(c, "riscv") ? riscv : x86);
}

u64 trace_reg(struct cpu *c, const struct cpu_reg *r)
{
    u64 v = 0;
    return r && c->ops->reg_get(c, r, &v) ? v : 0;
}

unsigned trace_digits(const struct cpu *c)
{
    const struct cpu_reg *sp = trace_stack_pointer(c);
    return sp ? sp->bits / 4u : 16;
}

void trace_bytes(const struct cpu_retire *r, u8 out[16])
{
    memset(out, 0, 16);
    if (r->length > 4)
        memcpy(out, r->bytes, sizeof r->bytes);
    else
        store_le(out, 4, r->insn);
}
