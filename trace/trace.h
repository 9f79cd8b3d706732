/* Traces: written while a machine runs, through an observer of its harts. */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include "cpu/timing/timing.h"
#include "machine/machine.h"

struct trace;

struct trace_format { /* constant */
    const char *name, *doc;
    void (*begin)(struct trace *t); /* may be NULL */
    /* `start` is the master clock before the instruction; `ticks` what it took. Trapped instructions too. */
    void (*retire)(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks);
    void (*end)(struct trace *t); /* may be NULL */
};

struct trace {
    const struct trace_format *format;
    struct machine *m;
    struct buf out; /* handed to sink when it grows */
    void (*sink)(void *opaque, const void *bytes, size_t n);
    void *opaque;
    void *data; /* the format's own, from begin() to end() */
    struct trace *next;
};

extern const struct trace_format *const trace_formats[]; /* ends with NULL */
const struct trace_format *trace_format_named(const char *name, struct err *e);

/* Writes what is in t->out to the sink when there is much of it (or `all`). */
void trace_flush(struct trace *t, bool all);

/* All observers of a machine: a timing model and any number of traces. Storage is the caller's. */
struct trace_hub {
    struct timing *timing; /* NULL: one instruction is one tick */
    struct trace *traces;
    struct cpu_observer observer;
};

void trace_hub_start(struct trace_hub *hub, struct machine *m); /* nothing is observed when the hub is empty */
void trace_hub_end(struct trace_hub *hub, struct machine *m);   /* flushes and closes every trace */

#endif
