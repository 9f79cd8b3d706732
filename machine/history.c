#include "machine/history.h"

#include <stdlib.h>
#include <string.h>

#include "machine/history_taps.h"
#include "machine/pages.h"
#include "machine/record.h"
#include "machine/snapshot.h"

enum { SLICE = 4000000, MOST = 1024, FINEST = 4096 };

struct checkpoint {
    u64 at;
    u64 events; /* so many came before it */
    u64 writes; /* to disks, before it */
    struct moment *memory;
    struct buf state;
    bool kept; /* before or after somebody changed something by hand: execution cannot make that again */
};

/* What came from outside. */
struct arrival {
    u64 at;
    struct input_channel *channel; /* NULL: a change by hand */
    u8 *bytes;
    size_t n;
    struct checkpoint *edit;
};

struct history {
    struct machine *m;
    struct history_options o;
    struct pages *pages;
    struct taps *taps;
    bool past; /* events or positions of this life are still to come */
    bool editing; /* by hand, since the machine ran last */
    bool lost; /* a disk could not be read or written back: begin anew */
    bool recorded; /* all of it is in a recording */
    struct machine_stop_info *stop; /* of the guest itself, at stop_at; NULL: none */
    u64 stop_at;
    u64 end;   /* while `past` */
    struct checkpoint **point; /* in order of (at, events) */
    unsigned n_points, cap_points;
    struct arrival *event; /* event[0] is number first_event */
    u64 first_event, n_events, cap_events;
    u64 done;       /* number of the next event */
    u64 next_point; /* where the next checkpoint is due */
    u64 bytes;      /* of states and events */
};

/* --- checkpoints ------------------------------------------------------------------------------------------------- */

static void free_point(struct history *h, struct checkpoint *c)
{
    moment_free(h->pages, c->memory);
    h->bytes -= c->state.cap + sizeof *c;
    buf_free(&c->state);
    free(c);
}

static u64 used(const struct history *h)
{
    return pages_bytes(h->pages) + taps_bytes(h->taps) + h->bytes;
}

static u64 now_end(const struct history *h)
{
    return h->past ? h->end : h->m->clock.now;
}

static void remove_point(struct history *h, unsigned i)
{
    free_point(h, h->point[i]);
    memmove(h->point + i, h->point + i + 1, (--h->n_points - i) * sizeof *h->point);
}

static void drop_events(struct history *h, u64 from, u64 to) /* numbers */
{
    for (u64 i = from; i < to; i++) {
        struct arrival *v = &h->event[i - h->first_event];
        h->bytes -= v->n + sizeof *v;
        free(v->bytes);
    }
}

/* The oldest part of the past goes. */
static void forget_first(struct history *h)
{
    remove_point(h, 0);
    u64 n = h->point[0]->events;
    drop_events(h, h->first_event, n);
    u64 gone = n - h->first_event;
    if (gone)
        memmove(h->event, h->event + gone, (h->n_events - gone) * sizeof *h->event);
    h->n_events -= gone;
    h->first_event = n;
    taps_forget(h->taps, h->point[0]->writes);
}

/* Of checkpoints that lie close together as seen from the end, one goes: what is left thins out exponentially. */
static void thin(struct history *h)
{
    while (h->n_points > 2 && (used(h) > h->o.limit || h->n_points > MOST)) {
        unsigned best = 0;
        double least = 0;
        u64 end = now_end(h);
        for (unsigned i = 1; i + 1 < h->n_points; i++) {
            if (h->point[i]->kept)
                continue;
            double gap = (double)(h->point[i + 1]->at - h->point[i - 1]->at);
            double age = (double)(end > h->point[i]->at ? end - h->point[i]->at : 0) + 1;
            if (!best || gap / age < least) {
                best = i;
                least = gap / age;
            }
        }
        /* A gap as large as its age is thin enough: rather begin later. */
        if (best && (least < 1 || h->n_points > MOST))
            remove_point(h, best);
        else if (h->point[1]->at <= h->m->clock.now)
            forget_first(h);
        else
            break; /* the machine stands in it */
    }
}

static struct checkpoint *take(struct history *h, bool edit)
{
    struct machine *m = h->m;
    unsigned i = h->n_points;
    while (i && (h->point[i - 1]->at > m->clock.now ||
                 (h->point[i - 1]->at == m->clock.now && h->point[i - 1]->events > h->done)))
        i--;
    if (!edit && i && h->point[i - 1]->at == m->clock.now && h->point[i - 1]->events == h->done)
        return h->point[i - 1];
    struct checkpoint *c = xcalloc(1, sizeof *c);
    *c = (struct checkpoint){ .at = m->clock.now, .events = h->done, .writes = taps_written(h->taps),
                              .memory = pages_take(h->pages), .kept = edit };
    snapshot_save_state(m, &c->state);
    h->bytes += c->state.cap + sizeof *c;
    if (h->n_points == h->cap_points) {
        h->cap_points = h->cap_points ? 2 * h->cap_points : 64;
        h->point = xrealloc(h->point, h->cap_points * sizeof *h->point);
    }
    memmove(h->point + i + 1, h->point + i, (h->n_points - i) * sizeof *h->point);
    h->point[i] = c;
    h->n_points++;
    return c;
}

static bool restore(struct history *h, const struct checkpoint *c, struct err *e)
{
    if (!h->past)
        h->end = h->m->clock.now;
    taps_goto(h->taps, c->writes);
    pages_restore(h->pages, c->memory);
    if (!snapshot_load_state(h->m, c->state.data, c->state.len, e))
        return err_prefix(e, "going back to position %llu", (unsigned long long)c->at);
    h->done = c->events;
    h->past = h->m->clock.now < h->end || h->done < h->first_event + h->n_events;
    h->next_point = h->m->clock.now + h->o.spacing;
    return true;
}

/* Everything before now is out of reach from now on. */
static void begin(struct history *h)
{
    while (h->n_points)
        remove_point(h, h->n_points - 1);
    drop_events(h, h->first_event, h->first_event + h->n_events);
    h->first_event = h->done = h->n_events = 0;
    taps_forget(h->taps, taps_written(h->taps));
    h->past = h->lost = false;
    take(h, false);
    h->next_point = h->m->clock.now + h->o.spacing;
}

struct history *history_new(struct machine *m, const struct history_options *o, struct err *e)
{
    if (m->recorder) {
        err_set(e, "a machine that is recorded has no history of its own");
        return NULL;
    }
    struct history *h = xcalloc(1, sizeof *h);
    h->m = m;
    h->o = *o;
    h->recorded = m->replayer;
    h->o.limit = o->limit ? o->limit : HISTORY_DEFAULT_LIMIT;
    h->o.spacing = o->spacing ? o->spacing : HISTORY_SPACING;
    h->pages = pages_new(m);
    h->taps = taps_new(m, &h->past, &h->lost);
    begin(h);
    m->history = h;
    return h;
}

void history_free(struct history *h)
{
    if (!h)
        return;
    h->m->history = NULL;
    while (h->n_points)
        remove_point(h, h->n_points - 1);
    drop_events(h, h->first_event, h->first_event + h->n_events);
    taps_free(h->taps);
    pages_free(h->pages);
    free(h->point);
    free(h->event);
    free(h->stop);
    free(h);
}

void history_restart(struct history *h)
{
    begin(h);
}

u64 history_begin(const struct history *h)
{
    return h->point[0]->at;
}

u64 history_end(const struct history *h)
{
    return now_end(h);
}

u64 history_reach(const struct history *h)
{
    u64 end = now_end(h), recorded = h->m->replayer ? replayer_end(h->m->replayer) : end;
    return recorded == CLOCK_NEVER || recorded < end ? end : recorded;
}

bool history_past(const struct history *h)
{
    return h && h->past;
}

/* --- in the run loop --------------------------------------------------------------------------------------------- */

u64 history_next(const struct history *h)
{
    if (h->lost)
        return 0;
    u64 next = h->next_point;
    if (h->past) {
        if (h->end < next)
            next = h->end;
        if (h->done < h->first_event + h->n_events && h->event[h->done - h->first_event].at < next)
            next = h->event[h->done - h->first_event].at;
    }
    return next;
}

static void deliver(struct history *h, const struct arrival *v)
{
    struct err e;
    if (v->edit) {
        restore(h, v->edit, &e); /* of this very machine: it fits */
        return;
    }
    h->done++;
    v->channel->deliver(v->channel->opaque, v->bytes, v->n);
}

void history_due(struct history *h)
{
    u64 now = h->m->clock.now;
    if (h->lost) {
        begin(h);
        return;
    }
    if (h->past) {
        if (h->done < h->first_event + h->n_events && h->event[h->done - h->first_event].at <= now)
            deliver(h, &h->event[h->done - h->first_event]);
        else if (now >= h->end)
            h->past = false;
    }
    if (now < h->next_point)
        return;
    unsigned i = 0;
    while (i < h->n_points && h->point[i]->at + h->o.spacing / 2 < now)
        i++;
    if (i == h->n_points || h->point[i]->at > now + h->o.spacing / 2)
        take(h, false);
    h->next_point = now + h->o.spacing;
    thin(h);
}

static struct arrival *add_event(struct history *h)
{
    if (h->n_events == h->cap_events) {
        h->cap_events = h->cap_events ? 2 * h->cap_events : 256;
        h->event = xrealloc(h->event, h->cap_events * sizeof *h->event);
    }
    struct arrival *v = &h->event[h->n_events++];
    *v = (struct arrival){ .at = h->m->clock.now };
    h->bytes += sizeof *v;
    h->done = h->first_event + h->n_events;
    return v;
}

/* Another life begins here. */
static void branch(struct history *h)
{
    u64 now = h->m->clock.now, end = now_end(h);
    while (h->n_points && (h->point[h->n_points - 1]->at > now || h->point[h->n_points - 1]->events > h->done))
        remove_point(h, h->n_points - 1);
    drop_events(h, h->done, h->first_event + h->n_events);
    h->n_events = h->done - h->first_event;
    h->past = h->recorded = false;
    h->m->replayer = NULL; /* of what was forgotten */
    history_stop(h, NULL);
    if (h->o.branched)
        h->o.branched(h->o.opaque, now, end);
}

/* The recording is over, and somebody goes on with the machine. */
static bool leaves_recording(const struct history *h)
{
    return h->recorded && !h->m->replayer;
}

void history_input(struct history *h, struct input_channel *ch, const u8 *bytes, size_t n)
{
    history_settle(h);
    if (h->past || leaves_recording(h))
        branch(h);
    struct arrival *v = add_event(h);
    v->channel = ch;
    v->n = n;
    v->bytes = xmalloc(n ? n : 1);
    memcpy(v->bytes, bytes, n);
    h->bytes += n;
}

void history_edit(struct history *h)
{
    if (h->editing)
        return;
    if (h->past || leaves_recording(h))
        branch(h);
    take(h, false)->kept = true;
    h->editing = true;
}

void history_add_drive(struct history *h, struct block_port *b)
{
    taps_add_drive(h->taps, b);
}

bool history_editing(const struct history *h)
{
    return h->editing;
}

void history_settle(struct history *h)
{
    if (!h->editing)
        return;
    h->editing = false;
    add_event(h);
    struct checkpoint *c = take(h, true);
    h->event[h->n_events - 1].edit = c;
}

bool history_unedit(struct history *h, struct err *e)
{
    history_settle(h);
    u64 n = h->done - h->first_event;
    if (h->past || !n || !h->event[n - 1].edit || h->event[n - 1].at != h->m->clock.now)
        return err_set(e, "nothing was changed by hand here");
    unsigned i = h->n_points;
    while (i && h->point[i - 1]->events >= h->done)
        i--;
    if (!i || !restore(h, h->point[i - 1], e))
        return false;
    branch(h);
    return true;
}

void history_stop(struct history *h, const struct machine_stop_info *stop)
{
    free(h->stop);
    h->stop = NULL;
    if (!stop)
        return;
    h->stop = xmalloc(sizeof *stop);
    *h->stop = *stop;
    h->stop_at = h->m->clock.now;
}

bool history_stopped_here(const struct history *h, struct machine_stop_info *stop)
{
    u64 now = h->m->clock.now;
    if (!h->stop || h->stop_at != now || now_end(h) != now)
        return false;
    *stop = *h->stop;
    return true;
}

/* --- going ------------------------------------------------------------------------------------------------------- */

/* With nothing armed: what was is in *old. */
struct armed {
    struct cpu_stops stops;
    struct machine_soon soon;
};

static void arm(struct machine *m, const struct armed *a)
{
    bool any = cpu_stops_any(&m->stops);
    m->stops = a->stops;
    m->soon = a->soon;
    if (any || cpu_stops_any(&m->stops))
        machine_stops_changed(m);
}

static struct armed disarm(struct machine *m)
{
    const struct armed none = { 0 }, old = { m->stops, m->soon };
    arm(m, &none);
    return old;
}

static enum machine_stop run(struct history *h, u64 from, u64 until, u64 goal, struct err *e)
{
    struct machine *m = h->m;
    for (;;) {
        u64 slice = m->clock.now + SLICE;
        enum machine_stop why = machine_run(m, slice < until ? slice : until, true);
        if (why == MACHINE_SEMIHOST && h->o.semihost && h->o.semihost(h->o.opaque, m->stop.cpu))
            continue;
        if (why != MACHINE_REACHED || m->clock.now >= until)
            return why;
        if (h->o.progress && !h->o.progress(h->o.opaque, from, m->clock.now, goal)) {
            err_set(e, "interrupted at position %llu of the past", (unsigned long long)m->clock.now);
            return why;
        }
    }
}

enum machine_stop history_run(struct history *h, u64 until, struct err *e)
{
    return run(h, h->m->clock.now, until, until, e);
}

enum machine_stop history_step(struct history *h, struct cpu *c, u64 until)
{
    enum machine_stop why;
    while ((why = machine_step_within(h->m, c, until)) == MACHINE_SEMIHOST && h->o.semihost &&
           h->o.semihost(h->o.opaque, h->m->stop.cpu))
        ;
    return why;
}

static unsigned point_before(const struct history *h, u64 position) /* the last one at or before it */
{
    unsigned low = 0, high = h->n_points;
    while (high - low > 1) {
        unsigned mid = (low + high) / 2;
        if (h->point[mid]->at <= position)
            low = mid;
        else
            high = mid;
    }
    return low;
}

bool history_goto(struct history *h, u64 position, struct err *e)
{
    struct machine *m = h->m;
    history_settle(h);
    u64 end = now_end(h), reach = history_reach(h);
    if (position < history_begin(h) || position > reach)
        return err_set(e, "position %llu is not in the history, which goes from %llu to %llu",
                       (unsigned long long)position, (unsigned long long)history_begin(h), (unsigned long long)reach);
    if (!h->past)
        h->end = end;
    const struct checkpoint *c = h->point[point_before(h, position)];
    struct armed armed = disarm(m);
    armed.soon.pending = false;
    if ((position < m->clock.now || c->at > m->clock.now || (c->at == m->clock.now && c->events > h->done)) &&
        !restore(h, c, e)) {
        arm(m, &armed);
        return false;
    }

    u64 from = m->clock.now;
    enum machine_stop why = MACHINE_REACHED;
    /* Who goes back once goes back again: checkpoints on the way, closer and closer. */
    for (u64 left; why == MACHINE_REACHED && (left = position - m->clock.now) > FINEST && m->clock.now < position;) {
        u64 to = position - left / 4;
        why = run(h, from, to, position, e);
        if (m->clock.now < to)
            break;
        if (history_past(h) && m->clock.now < position)
            take(h, false);
    }
    if (why == MACHINE_REACHED && m->clock.now < position)
        why = run(h, from, position, position, e);
    arm(m, &armed);
    thin(h);
    if (m->clock.now >= position)
        return true;
    if (why != MACHINE_REACHED)
        err_set(e, "the machine stopped at position %llu of its past: %s", (unsigned long long)m->clock.now, m->stop.text);
    return false;
}

bool history_before(const struct history *h, u64 position, u64 *checkpoint)
{
    unsigned i = point_before(h, position);
    while (i && h->point[i]->at >= position)
        i--;
    *checkpoint = h->point[i]->at;
    return h->point[i]->at < position;
}

void history_mark(struct history *h)
{
    history_settle(h);
    take(h, false);
}

bool history_wrote(const struct history *h, u64 a, u64 b, const struct ram *r, u64 offset, u64 len)
{
    const struct checkpoint *from = h->point[point_before(h, a)], *to = h->point[point_before(h, b)];
    if (from->at != a || to->at != b)
        return true;
    for (u64 page = offset >> PAGE_SHIFT; page <= (offset + len - 1) >> PAGE_SHIFT; page++)
        if (moment_differs(h->pages, from->memory, to->memory, r, page))
            return true;
    return false;
}

bool history_written(const struct history *h, const struct ram *r, u64 offset, u64 len)
{
    for (u64 page = offset >> PAGE_SHIFT; page <= (offset + len - 1) >> PAGE_SHIFT; page++)
        if (pages_written(h->pages, r, page))
            return true;
    return false;
}

void history_describe(const struct history *h, struct history_info *out)
{
    *out = (struct history_info){ .checkpoints = h->n_points, .inputs = (unsigned)h->n_events, .bytes = used(h),
                                  .limit = h->o.limit };
}

bool history_checkpoint(const struct history *h, unsigned n, u64 *position)
{
    if (n >= h->n_points)
        return false;
    *position = h->point[n]->at;
    return true;
}
