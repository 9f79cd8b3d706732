/* Virtual time. One integer clock orders everything: (when, priority, sequence).
 *
 * Unit: one tick of the machine's master clock, whose frequency (Hz) is the board's. Without a timing model
 * each instruction of any hart is one tick. Everything slower is an exact rational of it (struct domain).
 * Nobody asks the host for the time. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/types.h"

#define CLOCK_NEVER UINT64_MAX

struct timer {
    const char *owner, *name; /* "/uart0", "rx-timeout": together unique in a machine; snapshots use them */
    void (*fire)(void *opaque, u64 now);
    void *opaque;
    u32 priority; /* the lower goes first among equals in `when` */
    bool armed;
    u64 when, seq;
    struct timer *next; /* every timer of the clock, in order of registration */
    u32 heap_at;        /* index in the heap while armed */
};

struct clock {
    u64 now;
    u64 hz;         /* of the master clock */
    u64 horizon;    /* the run loop promised a CPU that nothing happens before this */
    bool attention; /* set when that promise broke (an earlier timer, an interrupt, a stop): the CPU leaves its
                     * loop at the next instruction boundary. Whoever runs the CPU clears it. */
    u64 seq;
    struct timer *timers;
    struct timer **heap;
    u32 heap_len, heap_cap;
};

void clock_init(struct clock *c, u64 hz);
void clock_fini(struct clock *c);

/* Registers a timer whose storage is the caller's and outlives the clock. Not armed. */
void timer_init(struct clock *c, struct timer *t, const char *owner, const char *name, u32 priority,
                void (*fire)(void *opaque, u64 now), void *opaque);
/* A `when` in the past fires at the next opportunity. Arming again moves it. */
void timer_arm(struct clock *c, struct timer *t, u64 when);
void timer_cancel(struct clock *c, struct timer *t);

u64 clock_next(const struct clock *c); /* when the next timer is due, or CLOCK_NEVER */
/* Fires all that is due at or before now, in order, also what these arm for now or earlier. */
void clock_fire(struct clock *c);
static inline void clock_kick(struct clock *c) { c->attention = true; }

void clock_save(const struct clock *c, struct buf *out);
bool clock_load(struct clock *c, struct reader *in, struct err *e);
u64 clock_hash(const struct clock *c, u64 hash);

/* A derived clock of hz_num/hz_den Hz. ticks = floor(master * num / den). */
struct domain {
    u64 num, den; /* of domain ticks per master tick */
};

struct domain domain_make(u64 master_hz, u64 hz_num, u64 hz_den);
u64 domain_ticks(struct domain d, u64 master);      /* how many ticks have passed by then */
u64 domain_when(struct domain d, u64 ticks);        /* the first master tick at which domain_ticks() >= ticks;
                                                       CLOCK_NEVER when that is beyond 64 bits */

/* A counter the guest can read and set an alarm on, owned by a device and shown to CPUs (mtime on RISC-V). */
struct timebase {
    u64 (*read)(void *opaque);            /* its value now */
    u64 (*when)(void *opaque, u64 value); /* the master tick at which it first is >= value; CLOCK_NEVER if never */
    void *opaque;
};

#endif
