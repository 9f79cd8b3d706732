#include "host/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "machine/history.h"

struct host_watch {
    struct host_loop *loop;
    int fd;
    short events;
    host_ready_fn *ready; /* NULL: freed while callbacks ran, to be swept */
    void *opaque;
    int at; /* index in polled[] of this round, -1: not polled */
    struct host_watch *next;
};

struct host_timer {
    struct host_loop *loop;
    void (*fire)(void *opaque);
    void *opaque;
    bool armed;
    u64 at;
    struct host_timer *next;
};

struct host_loop {
    struct host_watch *watches;
    struct host_timer *timers;
    struct host_hook *hooks;
    struct host_offer *offers;
    struct host_on_cont *conts;
    struct pollfd *polled;
    size_t n_polled, cap_polled;
    bool hooks_poll; /* the hooks of the last round had descriptors */
    unsigned depth;  /* of host_loop_poll() calls: sweeping waits until 0 */
    int held;
    bool stdin_claimed;
    int signal_fd;
    sigset_t old_mask;
    enum host_request request;
    int signal;
    struct host_schedule schedule;
};

struct host_schedule *host_loop_schedule(struct host_loop *l)
{
    return &l->schedule;
}

u64 host_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* --- signals and requests ----------------------------------------------------------------------------------- */

struct host_loop *host_loop_new(struct err *e)
{
    sigset_t stop, blocked;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGHUP);
    sigaddset(&stop, SIGCONT);
    blocked = stop;
    sigaddset(&blocked, SIGPIPE); /* writes say EPIPE instead */
    int fd = signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) {
        err_set(e, "cannot make a signalfd: %s", strerror(errno));
        return NULL;
    }
    struct host_loop *l = xcalloc(1, sizeof *l);
    l->signal_fd = fd;
    sigprocmask(SIG_BLOCK, &blocked, &l->old_mask);
    return l;
}

static void sweep(struct host_loop *l)
{
    for (struct host_watch **p = &l->watches; *p;) {
        struct host_watch *w = *p;
        if (w->ready) {
            p = &w->next;
        } else {
            *p = w->next;
            free(w);
        }
    }
    for (struct host_timer **p = &l->timers; *p;) {
        struct host_timer *t = *p;
        if (t->fire) {
            p = &t->next;
        } else {
            *p = t->next;
            free(t);
        }
    }
}

void host_loop_free(struct host_loop *l)
{
    if (!l)
        return;
    for (struct host_watch *w = l->watches; w; w = w->next)
        w->ready = NULL;
    for (struct host_timer *t = l->timers; t; t = t->next)
        t->fire = NULL;
    sweep(l);
    /* A pending SIGPIPE would end the process when the mask goes back. */
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    while (!sigismember(&l->old_mask, SIGPIPE) && sigtimedwait(&pipe, NULL, &(struct timespec){ 0 }) > 0)
        ;
    close(l->signal_fd);
    sigprocmask(SIG_SETMASK, &l->old_mask, NULL);
    free(l->polled);
    free(l);
}

void host_loop_request(struct host_loop *l, enum host_request r, int signal)
{
    if (l->request != HOST_NOTHING && l->request != HOST_ASKED)
        return;
    l->request = r;
    l->signal = signal;
}

enum host_request host_loop_requested(const struct host_loop *l)
{
    return l->request;
}

enum host_request host_loop_take_request(struct host_loop *l, int *signal)
{
    enum host_request r = l->request;
    if (signal)
        *signal = l->signal;
    l->request = HOST_NOTHING;
    l->signal = 0;
    return r;
}

static void read_signals(struct host_loop *l)
{
    struct signalfd_siginfo s;
    while (read(l->signal_fd, &s, sizeof s) == sizeof s) {
        if (s.ssi_signo == SIGCONT) {
            for (struct host_on_cont *c = l->conts; c; c = c->next)
                c->fn(c->opaque);
        } else {
            host_loop_request(l, HOST_SIGNAL, (int)s.ssi_signo);
        }
    }
}

void host_loop_on_cont(struct host_loop *l, struct host_on_cont *c)
{
    c->next = l->conts;
    l->conts = c;
}

void host_loop_off_cont(struct host_loop *l, struct host_on_cont *c)
{
    for (struct host_on_cont **p = &l->conts; *p; p = &(*p)->next)
        if (*p == c) {
            *p = c->next;
            return;
        }
}

/* --- watches, timers, hooks --------------------------------------------------------------------------------- */

struct host_watch *host_watch_new(struct host_loop *l, int fd, short events, host_ready_fn *ready, void *opaque)
{
    struct host_watch *w = xcalloc(1, sizeof *w);
    *w = (struct host_watch){ .loop = l, .fd = fd, .events = events, .ready = ready, .opaque = opaque, .at = -1 };
    struct host_watch **end = &l->watches;
    while (*end)
        end = &(*end)->next;
    *end = w;
    return w;
}

void host_watch_events(struct host_watch *w, short events)
{
    w->events = events;
}

void host_watch_free(struct host_watch *w)
{
    if (!w)
        return;
    w->ready = NULL;
    w->events = 0;
    if (!w->loop->depth)
        sweep(w->loop);
}

struct host_timer *host_timer_new(struct host_loop *l, void (*fire)(void *opaque), void *opaque)
{
    struct host_timer *t = xcalloc(1, sizeof *t);
    *t = (struct host_timer){ .loop = l, .fire = fire, .opaque = opaque, .next = l->timers };
    l->timers = t;
    return t;
}

void host_timer_set(struct host_timer *t, u64 at_ns)
{
    t->armed = true;
    t->at = at_ns;
}

void host_timer_stop(struct host_timer *t)
{
    t->armed = false;
}

void host_timer_free(struct host_timer *t)
{
    if (!t)
        return;
    t->armed = false;
    t->fire = NULL;
    if (!t->loop->depth)
        sweep(t->loop);
}

void host_loop_hook(struct host_loop *l, struct host_hook *h)
{
    h->next = l->hooks;
    l->hooks = h;
}

void host_loop_unhook(struct host_loop *l, struct host_hook *h)
{
    for (struct host_hook **p = &l->hooks; *p; p = &(*p)->next)
        if (*p == h) {
            *p = h->next;
            return;
        }
}

int host_loop_poll_fd(struct host_loop *l, int fd, short events)
{
    if (l->n_polled == l->cap_polled) {
        l->cap_polled = l->cap_polled ? l->cap_polled * 2 : 16;
        l->polled = xrealloc(l->polled, l->cap_polled * sizeof *l->polled);
    }
    l->polled[l->n_polled] = (struct pollfd){ .fd = fd, .events = events };
    return (int)l->n_polled++;
}

short host_loop_revents(const struct host_loop *l, int index)
{
    return index >= 0 && (size_t)index < l->n_polled ? l->polled[index].revents : 0;
}

void host_loop_hold(struct host_loop *l, int change)
{
    l->held += change;
}

bool host_loop_claim_stdin(struct host_loop *l, bool claim)
{
    bool ok = !claim || !l->stdin_claimed;
    l->stdin_claimed = claim || !ok;
    return ok;
}

bool host_loop_has_sources(const struct host_loop *l)
{
    if (l->held > 0 || l->hooks_poll)
        return true;
    for (const struct host_watch *w = l->watches; w; w = w->next)
        if (w->ready && w->events)
            return true;
    return false;
}

static i64 sooner(i64 a, i64 b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

void host_loop_poll(struct host_loop *l, i64 timeout_ns)
{
    l->n_polled = 0;
    for (struct host_hook *h = l->hooks; h; h = h->next)
        h->prepare(h->opaque, l, &timeout_ns);
    l->hooks_poll = l->n_polled > 0;
    for (struct host_watch *w = l->watches; w; w = w->next)
        w->at = w->ready && w->events ? host_loop_poll_fd(l, w->fd, w->events) : -1;
    int signals = host_loop_poll_fd(l, l->signal_fd, POLLIN);
    if (timeout_ns) {
        u64 now = host_now_ns();
        for (struct host_timer *t = l->timers; t; t = t->next)
            if (t->armed)
                timeout_ns = sooner(timeout_ns, t->at > now ? (i64)(t->at - now) : 0);
    }
    struct timespec ts = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
    int n = ppoll(l->polled, l->n_polled, timeout_ns < 0 ? NULL : &ts, NULL);
    if (n <= 0)
        for (size_t i = 0; i < l->n_polled; i++)
            l->polled[i].revents = 0;
    bool failed = n < 0 && errno != EINTR;

    l->depth++;
    if (host_loop_revents(l, signals))
        read_signals(l);
    for (struct host_hook *h = l->hooks, *next; h; h = next) {
        next = h->next;
        h->polled(h->opaque, l, failed);
    }
    /* A callback may add watches (at the end, at == -1) and free any (ready == NULL, swept later). It must not be
     * handed results of a nested round: those renumber, so nested rounds forget the outer ones. */
    for (struct host_watch *w = l->watches; w && n > 0; w = w->next) {
        short revents = w->at >= 0 ? host_loop_revents(l, w->at) : 0;
        w->at = -1;
        if (revents && w->ready)
            w->ready(w->opaque, revents);
    }
    bool fired = false;
    u64 now = host_now_ns();
    do {
        fired = false;
        for (struct host_timer *t = l->timers; t; t = t->next)
            if (t->armed && t->fire && t->at <= now) {
                t->armed = false;
                fired = true;
                t->fire(t->opaque);
                break; /* the list may have changed */
            }
    } while (fired);
    if (!--l->depth)
        sweep(l);
}

/* --- writing ------------------------------------------------------------------------------------------------ */

bool host_loop_write(struct host_loop *l, int fd, const u8 *bytes, size_t n)
{
    return host_loop_write_within(l, fd, bytes, n, -1);
}

bool host_loop_write_within(struct host_loop *l, int fd, const u8 *bytes, size_t n, int patience_ms)
{
    while (n) {
        struct pollfd p[2] = { { .fd = fd, .events = POLLOUT }, { .fd = l->signal_fd, .events = POLLIN } };
        int found = poll(p, 2, patience_ms);
        if (found < 0 && errno == EINTR)
            continue;
        if (found <= 0)
            return false;
        if (!(p[0].revents & POLLOUT)) {
            if (p[0].revents & (POLLERR | POLLHUP | POLLNVAL))
                return false;
            if (p[1].revents)
                read_signals(l);
            if (l->request == HOST_SIGNAL)
                return false;
            continue;
        }
        /* A pipe that polls writable takes PIPE_BUF bytes without blocking (pipe(7)). */
        ssize_t k = write(fd, bytes, n < 4096 ? n : 4096);
        if (k < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (k > 0) {
            bytes += k;
            n -= (size_t)k;
        }
    }
    return true;
}

/* --- offers ------------------------------------------------------------------------------------------------- */

void host_loop_offer_add(struct host_loop *l, struct host_offer *o)
{
    struct host_offer **end = &l->offers;
    while (*end)
        end = &(*end)->next;
    *end = o;
    o->next = NULL;
}

void host_loop_offer_remove(struct host_loop *l, struct host_offer *o)
{
    for (struct host_offer **p = &l->offers; *p; p = &(*p)->next)
        if (*p == o) {
            *p = o->next;
            return;
        }
}

bool host_loop_ready(const struct host_loop *l, struct machine *m)
{
    for (const struct host_offer *o = l->offers; o; o = o->next)
        if (o->ready(o->opaque, m))
            return true;
    return false;
}

u64 host_loop_due(const struct host_loop *l, struct machine *m)
{
    u64 first = CLOCK_NEVER;
    for (const struct host_offer *o = l->offers; o; o = o->next) {
        u64 due = o->due ? o->due(o->opaque, m) : CLOCK_NEVER;
        if (due < first)
            first = due;
    }
    return first;
}

bool host_loop_offer(struct host_loop *l, struct machine *m)
{
    bool any = false;
    for (struct host_offer *o = l->offers; o; o = o->next) {
        if (machine_replaying(m) || (o->only_live && history_past(m->history)))
            o->discard(o->opaque); /* what the guest sees comes from the recording */
        else if (o->offer(o->opaque, m))
            any = true;
    }
    return any;
}
