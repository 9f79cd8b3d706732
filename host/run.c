#include "host/run.h"

/* A wait that ended late is made up for in the next ones, but not more than this. */
#define MOST_DEBT_NS 10000000

static u64 poll_every(const struct host_run_options *o)
{
    return o->poll_every ? o->poll_every : HOST_POLL_EVERY;
}

/* Looks outside if a multiple of poll_every was reached since the last look. Only where machine_run() has been at this
 * position: a recording keeps timers before input. */
static void look_if_due(struct host_loop *l, struct machine *m, const struct host_run_options *o)
{
    struct host_schedule *s = host_loop_schedule(l);
    u64 now = m->clock.now, every = poll_every(o);
    if (!s->known || now < s->looked_at) /* the first run, or an older snapshot was loaded */
        *s = (struct host_schedule){ .known = true, .looked_at = now };
    if (now / every * every <= s->looked_at)
        return;
    s->looked_at = now;
    host_loop_poll(l, 0);
    host_loop_offer(l, m);
}

/* Time jumps while all wait. They were offered input when it began: the multiples jumped over are not made up for. */
static void advance(struct host_loop *l, struct machine *m, u64 when)
{
    machine_advance(m, when);
    host_loop_schedule(l)->looked_at = m->clock.now;
}

static u64 ns_to_ticks(u64 ns, u64 hz)
{
    return (u64)((u128)ns * hz / 1000000000);
}

static u64 ticks_to_ns(u64 ticks, u64 hz) /* rounded up: never too early */
{
    u128 ns = ((u128)ticks * 1000000000 + hz - 1) / hz;
    return ns > INT64_MAX / 2 ? INT64_MAX / 2 : (u64)ns;
}

enum waited { WAIT_OVER, WAIT_INPUT, WAIT_STUCK };

/* Waits in real time until the next timer, `until`, or input that the guest takes; guest time follows. */
static enum waited wait_realtime(struct host_loop *l, struct machine *m, u64 next)
{
    struct host_schedule *s = host_loop_schedule(l);
    u64 hz = m->clock.hz, from = m->clock.now;
    u64 length = next == CLOCK_NEVER ? 0 : ticks_to_ns(next - from, hz);
    u64 start = host_now_ns() - (u64)s->debt_ns;
    for (;;) {
        i64 passed = (i64)(host_now_ns() - start);
        if (next != CLOCK_NEVER && passed >= (i64)length) {
            advance(l, m, next);
            /* It may have gone less far (a state hash is due between): what is left counts for the next wait. */
            i64 over = passed - (i64)length;
            s->debt_ns = (over < MOST_DEBT_NS ? over : MOST_DEBT_NS) + (i64)ticks_to_ns(next - m->clock.now, hz);
            return WAIT_OVER;
        }
        if (next == CLOCK_NEVER && !host_loop_has_sources(l))
            return WAIT_STUCK;
        host_loop_poll(l, next == CLOCK_NEVER ? -1 : (i64)length - passed);
        if (host_loop_requested(l) != HOST_NOTHING)
            return WAIT_OVER; /* looking at a waiting machine changes nothing: the wait begins again after it */
        if (!host_loop_ready(l, m))
            continue; /* something else: it does not touch the guest, so it does not end its wait */
        passed = (i64)(host_now_ns() - start);
        s->debt_ns = 0;
        u64 ticks = ns_to_ticks(passed > 0 ? (u64)passed : 0, hz);
        advance(l, m, ticks < next - from ? from + ticks : next);
        return WAIT_INPUT;
    }
}

/* Time passes at once. Without a timer only input can go on, and that may take as long as it likes. */
static enum waited wait_unpaced(struct host_loop *l, struct machine *m, u64 timer, u64 until)
{
    if (timer != CLOCK_NEVER) {
        advance(l, m, timer < until ? timer : until);
        return WAIT_OVER;
    }
    while (host_loop_has_sources(l)) {
        host_loop_poll(l, -1);
        if (host_loop_requested(l) != HOST_NOTHING)
            return WAIT_OVER;
        if (host_loop_ready(l, m))
            return WAIT_INPUT;
    }
    if (until == CLOCK_NEVER)
        return WAIT_STUCK;
    advance(l, m, until);
    return WAIT_OVER;
}

/* All harts wait. */
static enum waited idle(struct host_loop *l, struct machine *m, const struct host_run_options *o)
{
    if (machine_replaying(m))
        return WAIT_STUCK; /* machine_run() passes the waits of a recording itself */
    host_loop_poll(l, 0);
    if (host_loop_requested(l) != HOST_NOTHING)
        return WAIT_OVER;
    if (host_loop_ready(l, m))
        return WAIT_INPUT;
    u64 timer = clock_next(&m->clock), due = host_loop_due(l, m);
    if (due < timer)
        timer = due;
    if (o->pacing == HOST_UNPACED)
        return wait_unpaced(l, m, timer, o->until);
    return wait_realtime(l, m, timer < o->until ? timer : o->until);
}

static struct host_result run(struct host_loop *l, struct machine *m, const struct host_run_options *o,
                              struct cpu *step)
{
    struct host_result r = { .why = HOST_STOP_MACHINE };
    u64 every = poll_every(o);
    bool deliver = false;
    look_if_due(l, m, o);
    for (;;) {
        if (host_loop_requested(l) != HOST_NOTHING) {
            r.why = HOST_STOP_REQUEST;
            r.request = host_loop_take_request(l, &r.signal);
            return r;
        }
        u64 now = m->clock.now, slice = (now / every + 1) * every;
        if (step)
            slice = now + 1;
        if (deliver)
            slice = now; /* first what else happens at this position, in the order of machine/run.c */
        if (slice > o->until)
            slice = o->until;
        r.machine = machine_run(m, slice, false);
        if (r.machine == MACHINE_REACHED && deliver) {
            host_loop_offer(l, m);
            deliver = false;
            continue;
        }
        deliver = false;
        if (r.machine == MACHINE_IDLE) {
            enum waited w = idle(l, m, o);
            if (w == WAIT_STUCK) {
                r.why = HOST_STOP_STUCK;
                return r;
            }
            deliver = w == WAIT_INPUT;
        } else if (r.machine != MACHINE_REACHED || m->clock.now >= o->until || (step && machine_stepped(m, step))) {
            return r;
        } else {
            look_if_due(l, m, o);
        }
    }
}

struct host_result host_run(struct host_loop *l, struct machine *m, const struct host_run_options *o)
{
    return run(l, m, o, NULL);
}

struct host_result host_step(struct host_loop *l, struct machine *m, struct cpu *cpu, const struct host_run_options *o)
{
    cpu_skip_stop(cpu); /* as machine_step() does */
    m->last_ran = NULL;
    return run(l, m, o, cpu);
}
