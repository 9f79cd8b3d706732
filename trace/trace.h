/* Traces: written while a machine runs, through an observer of its CPUs and a listener on its bus. */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include "cpu/timing/timing.h"
#include "machine/machine.h"
#include "trace/filter.h"

struct trace;

#define TRACE_HEARS 2

struct trace_format { /* constant */
    const char *name, *doc;
    const char *isa;                /* the only family of ISAs it is for, "riscv"; NULL: all */
    void (*begin)(struct trace *t); /* may be NULL */
    /* `start` is the master clock before the instruction; `ticks` what it took. Trapped instructions too. May be NULL. */
    void (*retire)(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks);
    /* What is told on the bus, before the retire() of the instruction that did it; interrupts between two. May be NULL. */
    void (*hear)(struct trace *t, const struct event *ev);
    const char *hears[TRACE_HEARS]; /* beginnings of their names; what is not asked for costs nothing */
    void (*end)(struct trace *t); /* may be NULL */
    bool all; /* retire() and hear() get what the filter leaves out as well: it asks trace_filter_takes() itself */
};

struct trace_function {
    char name[256];
    u64 low, high; /* high exclusive */
};

/* What programs' files say of addresses, for formats that speak of source. Filled in by those above; cpu says in which
 * process, NULL: not known. Names are valid until the next call. */
struct trace_symbols {
    void *opaque;
    bool (*function)(void *opaque, struct cpu *c, u64 pc, struct trace_function *out);
    bool (*line)(void *opaque, struct cpu *c, u64 pc, const char **file, int *line);
    /* Does `text` name the process that runs on the CPU, by name, number or page table? */
    bool (*process)(void *opaque, struct cpu *c, const char *text);
    bool (*nameable)(void *opaque, const char *text, struct err *e); /* can it ever? */
    void (*process_name)(void *opaque, struct cpu *c, char *out, size_t n); /* "sh (42)", a page table, or "" */
    bool (*named)(void *opaque, const char *name, u64 *low, u64 *high);
    /* Every row of every line table that begins a statement, and every function. */
    void (*each_line)(void *opaque, void (*each)(void *ctx, const char *file, int line, u64 low, u64 high), void *ctx);
    /* Every file there are symbols of, with the addresses it is loaded at. */
    void (*each_module)(void *opaque, void (*each)(void *ctx, const char *name, u64 low, u64 high, u64 entry), void *ctx);
    void (*each_function)(void *opaque, void (*each)(void *ctx, const char *name, u64 low, u64 high), void *ctx);
};

struct trace {
    const struct trace_format *format;
    struct machine *m;
    struct trace_filter filter;
    const struct trace_symbols *symbols; /* NULL: none */
    struct buf out; /* handed to sink when it grows */
    void (*sink)(void *opaque, const void *bytes, size_t n);
    void *opaque;
    void *data; /* the format's own, from begin() to end() */
    u64 written; /* up to that position, while the past is executed again */
    bool timed; /* ticks are of a timing model */
    struct event_listener listener[TRACE_HEARS];
    bool listening;
    struct trace *next;
};

extern const struct trace_format *const trace_formats[]; /* ends with NULL */
const struct trace_format *trace_format_named(const char *name, struct err *e);
bool trace_fits(const struct trace_format *f, const struct machine *m, struct err *e);

/* Writes what is in t->out to the sink when there is much of it (or `all`). */
void trace_flush(struct trace *t, bool all);

/* All observers of a machine: a timing model and any number of traces. Storage is the caller's. While no trace wants what
 * happens now, nothing is observed and the machine runs as fast as ever. */
struct trace_hub {
    struct machine *m;
    struct timing *timing; /* NULL: one instruction is one tick */
    struct trace *traces;
    struct cpu_observer observer;
    bool running, observing;
    void (*progress)(void *opaque); /* every million observed instructions; NULL: nobody waits */
    void *opaque;
    u64 observed;
};

void trace_hub_start(struct trace_hub *hub, struct machine *m); /* with the traces it has */
void trace_hub_end(struct trace_hub *hub);                      /* flushes and closes every trace */
void trace_hub_add(struct trace_hub *hub, struct trace *t);     /* begins when the hub runs */
void trace_hub_remove(struct trace_hub *hub, struct trace *t);  /* ends it */

/* --- what formats share ------------------------------------------------------------------------------------------ */

unsigned trace_digits(const struct cpu *c); /* of an address, in hexadecimal */
bool trace_is_isa(const struct cpu *c, const char *family); /* "riscv", "x86" */
/* The bytes of the instruction; at least r->length of them. */
void trace_bytes(const struct cpu_retire *r, u8 out[16]);
void trace_put_leb(struct buf *b, u64 v);        /* unsigned LEB128: 7 bits a byte, the lowest first (DWARF 5, 7.6) */
u64 trace_ns(const struct trace *t, u64 when);   /* a position in nanoseconds of the guest's time, rounded down */
/* Registers by what they are for: NULL when the ISA has none. */
const struct cpu_reg *trace_stack_pointer(const struct cpu *c);
const struct cpu_reg *trace_table_root(const struct cpu *c); /* satp, cr3 */
u64 trace_reg(struct cpu *c, const struct cpu_reg *r);       /* 0 when r is NULL */

#endif
