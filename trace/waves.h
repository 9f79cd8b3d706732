/* Signals over time, for viewers of wave forms: the interrupt outputs of devices, and of each CPU what it is interrupted by.
 * VCD and FST are two files of it. A level is unknown until it changes for the first time. */
#ifndef TRACE_WAVES_H
#define TRACE_WAVES_H

#include "trace/trace.h"

/* What events they are made of. */
#define WAVES_HEAR { "irq.level", "cpu.trap" }

struct wave {
    const char *scope; /* device path without its first '/', or the CPU's name */
    char name[16];     /* "out0", "trap", "cause", "pc" */
    unsigned bits;     /* 1 to 64; 0: an event, which happens and has no value */
    u64 value;
    bool known;
};

struct waves {
    struct wave *wave; /* those of a scope beside one another */
    unsigned n;
    u64 begin, now;
};

/* All signals that the machine of t has. */
void waves_init(struct waves *w, struct trace *t);
void waves_fini(struct waves *w);
/* Changes the waves that an event is about, and calls `change` for each: now is its time. */
void waves_hear(struct waves *w, struct trace *t, const struct event *ev, void (*change)(struct trace *t, unsigned n));
/* The exponent of ten of the longest unit that a tick is a whole number of: -9 for 1 GHz, *ticks the number. */
int waves_unit(const struct trace *t, u64 *ticks);
/* Bits of a value, most significant first, as '0', '1' or 'x'; bits characters and a NUL. */
void wave_text(const struct wave *w, char out[65]);

#endif
