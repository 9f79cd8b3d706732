#include "trace/trace.h"

#include <string.h>

#include "base/suggest.h"
#include "machine/history.h"

extern const struct trace_format trace_spike, trace_cycles, trace_exec, trace_in_asm;
const struct trace_format *const trace_formats[] = { &trace_spike, &trace_cycles, &trace_exec, &trace_in_asm, NULL };

const struct trace_format *trace_format_named(const char *name, struct err *e)
{
    const char *best = NULL;
    unsigned score = 0;
    for (const struct trace_format *const *f = trace_formats; *f; f++) {
        if (!strcmp((*f)->name, name))
            return *f;
        suggest(name, (*f)->name, &best, &score);
    }
    err_set(e, "there is no trace kind '%s'%s%s%s; '--trace ?' lists them", name, best ? " (did you mean '" : "", best ? best : "",
            best ? "'?)" : "");
    return NULL;
}

void trace_flush(struct trace *t, bool all)
{
    if (!all && t->out.len < 64 * 1024)
        return;
    t->sink(t->opaque, t->out.data, t->out.len);
    t->out.len = 0;
}

static u64 hub_retire(void *opaque, struct cpu *c, const struct cpu_retire *r)
{
    struct trace_hub *hub = opaque;
    u64 start = c->clock->now - 1; /* the engine has counted the one tick that every instruction takes */
    u64 ticks = hub->timing ? timing_retire(hub->timing, c, r) : 1;
    for (struct trace *t = hub->traces; t; t = t->next) {
        if (history_past(t->m->history))
            continue; /* it was written then */
        t->format->retire(t, c, r, start, ticks);
        trace_flush(t, false);
    }
    return ticks;
}

void trace_hub_start(struct trace_hub *hub, struct machine *m)
{
    hub->observer = (struct cpu_observer){ hub_retire, hub };
    for (struct trace *t = hub->traces; t; t = t->next)
        if (t->format->begin)
            t->format->begin(t);
    if (hub->traces || hub->timing)
        machine_observe(m, &hub->observer);
}

void trace_hub_end(struct trace_hub *hub, struct machine *m)
{
    machine_observe(m, NULL);
    for (struct trace *t = hub->traces; t; t = t->next) {
        if (t->format->end)
            t->format->end(t);
        trace_flush(t, true);
        buf_free(&t->out);
    }
}
