/* The host side's one waiting place: file descriptors, host timers, signals, and whatever has input for a machine.
 * One thread. A loop owns what it polls; nothing here is global, so signals arrive by signalfd (signalfd(2)). */
#ifndef HOST_LOOP_H
#define HOST_LOOP_H

#include "base/err.h"
#include "base/types.h"

struct machine;
struct host_loop;

/* Blocks SIGINT, SIGTERM, SIGHUP, SIGCONT and SIGPIPE for the process (a child made by fork inherits that: unblock
 * before exec). host_loop_free() puts the mask back. Make it before any thread. */
struct host_loop *host_loop_new(struct err *e);
void host_loop_free(struct host_loop *l); /* after everything that watches was closed */

u64 host_now_ns(void); /* CLOCK_MONOTONIC */

/* Waits at most timeout_ns (-1: without end; 0: only looks), then calls what is ready. */
void host_loop_poll(struct host_loop *l, i64 timeout_ns);

/* --- requests: somebody wants the machine to stop ----------------------------------------------------------- */

enum host_request {
    HOST_NOTHING,
    HOST_SIGNAL, /* SIGINT, SIGTERM, SIGHUP; SIGPIPE when standard output is gone */
    HOST_QUIT,   /* Ctrl-A x, `quit`, the window was closed */
    HOST_ASKED,  /* a debugger or monitor wants control: host_loop_ask() */
};

/* The first request counts until it is taken, except that SIGNAL and QUIT replace ASKED. */
void host_loop_request(struct host_loop *l, enum host_request r, int signal);
static inline void host_loop_quit(struct host_loop *l) { host_loop_request(l, HOST_QUIT, 0); }
static inline void host_loop_ask(struct host_loop *l) { host_loop_request(l, HOST_ASKED, 0); }
enum host_request host_loop_requested(const struct host_loop *l);
enum host_request host_loop_take_request(struct host_loop *l, int *signal); /* and forgets it; signal may be NULL */

/* --- what is polled ----------------------------------------------------------------------------------------- */

struct host_watch;
typedef void host_ready_fn(void *opaque, short revents);
/* The descriptor stays the caller's. Watches may be made, changed and freed from any callback. */
struct host_watch *host_watch_new(struct host_loop *l, int fd, short events, host_ready_fn *ready, void *opaque);
void host_watch_events(struct host_watch *w, short events); /* 0: not looked at, not even for hang-up */
void host_watch_free(struct host_watch *w);                 /* NULL is allowed */

struct host_timer;
struct host_timer *host_timer_new(struct host_loop *l, void (*fire)(void *opaque), void *opaque);
void host_timer_set(struct host_timer *t, u64 at_ns); /* of host_now_ns(); once */
void host_timer_stop(struct host_timer *t);
void host_timer_free(struct host_timer *t); /* NULL is allowed */

/* For libraries with a set of descriptors of their own. Storage is the caller's. */
struct host_hook {
    /* Before each wait: host_loop_poll_fd() for each descriptor; may lower *timeout_ns (-1 is without end). */
    void (*prepare)(void *opaque, struct host_loop *l, i64 *timeout_ns);
    void (*polled)(void *opaque, struct host_loop *l, bool failed); /* after it */
    void *opaque;
    struct host_hook *next;
};
void host_loop_hook(struct host_loop *l, struct host_hook *h);
void host_loop_unhook(struct host_loop *l, struct host_hook *h);
int host_loop_poll_fd(struct host_loop *l, int fd, short events);
short host_loop_revents(const struct host_loop *l, int index);

/* Called when the process goes on after a stop (SIGCONT): terminals put their mode back. Storage is the caller's. */
struct host_on_cont {
    void (*fn)(void *opaque);
    void *opaque;
    struct host_on_cont *next;
};
void host_loop_on_cont(struct host_loop *l, struct host_on_cont *c);
void host_loop_off_cont(struct host_loop *l, struct host_on_cont *c);

/* Something that is not polled may still bring input (a pty nobody has opened yet, a window): +1, later -1. */
void host_loop_hold(struct host_loop *l, int change);
/* Whether anything outside can ever bring something. */
bool host_loop_has_sources(const struct host_loop *l);

/* Standard input has one reader. False: it has one already. Giving it back: claim false. */
bool host_loop_claim_stdin(struct host_loop *l, bool claim);

/* Writes all of it, waiting as long as it takes. False: the other side is gone, or a signal asked for the end
 * while waiting (the rest is dropped). */
bool host_loop_write(struct host_loop *l, int fd, const u8 *bytes, size_t n);
/* The same, but false too when the other side takes nothing for that long. -1: it may. */
bool host_loop_write_within(struct host_loop *l, int fd, const u8 *bytes, size_t n, int patience_ms);

/* --- input for a machine ------------------------------------------------------------------------------------ */

/* A queue of input. Storage is the caller's. See inbox.h for the two kinds there are. */
struct host_offer {
    bool (*ready)(void *opaque, struct machine *m);  /* something could be delivered now */
    bool (*offer)(void *opaque, struct machine *m);  /* delivers what there is room for; true: something was */
    void (*discard)(void *opaque);                   /* in a replay: throws away what came */
    /* The position at which it will be ready by itself; CLOCK_NEVER: somebody must bring something first. NULL: that. */
    u64 (*due)(void *opaque, struct machine *m);
    bool only_live; /* in the past of a machine it is thrown away too; otherwise it begins another life there */
    void *opaque;
    struct host_offer *next;
};
void host_loop_offer_add(struct host_loop *l, struct host_offer *o); /* order of adding is order of delivery */
void host_loop_offer_remove(struct host_loop *l, struct host_offer *o);
bool host_loop_ready(const struct host_loop *l, struct machine *m);
u64 host_loop_due(const struct host_loop *l, struct machine *m); /* the first of all */
bool host_loop_offer(struct host_loop *l, struct machine *m);

/* What run.c keeps between its calls. */
struct host_schedule {
    bool known;
    u64 looked_at; /* position of the last look outside, or where the first run began */
    i64 debt_ns;   /* real time that went by in the last wait and the guest has not been given yet */
};
struct host_schedule *host_loop_schedule(struct host_loop *l);

#endif
