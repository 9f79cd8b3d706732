#include "host/run.h"

/* A wait that ended late is made up for in the next ones, but not more than this. */
#define MOST_DEBT_NS 10000000

static u64 poll_every(const struct host_run_options *o)
{
    return o->poll_every ? o->poll_every : HOST_POLL_EVERY;
}

/* Looks outside if a multiple of poll_every was reached since the last look. */
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

static u64 ns_to_ticks(u64 ns, u64 hz)
{
    return (u64)((u128)ns * hz / 1000000000);
}

static u64 ticks_to_ns(u64 ticks, u64 hz) /* rounded up: never too early */
{
    u128 ns = ((u128)ticks * 1000000000 + hz - 1) / hz;
    return ns > INT64_MAX / 2 ? INT64_MAX / 2 : (u64)ns;
}

/* Waits in real time until the next timer, `until`, or input that the guest takes; guest time follows. */
static bool wait_realtime(struct host_loop *l, struct machine *m, u64 next)
{
    struct host_schedule *s = host_loop_schedule(l);
    u64 hz = m->clock.hz, from = m->clock.now;
    u64 length = next == CLOCK_NEVER ? 0 : ticks_to_ns(next - from, hz);
    u64 start = host_now_ns() - (u64)s->debt_ns;
    for (;;) {
        i64 passed = (i64)(host_now_ns() - start);
        if (next != CLOCK_NEVER && passed >= (i64)length) {
            machine_advance(m, next);
            /* It may have gone less far (a state hash is due between): what is left counts for the next wait. */
            i64 over = passed - (i64)length;
            s->debt_ns = (over < MOST_DEBT_NS ? over : MOST_DEBT_NS) + (i64)ticks_to_ns(next - m->clock.now, hz);
            return true;
        }
        if (next == CLOCK_NEVER && !host_loop_has_sources(l))
            return false;
        host_loop_poll(l, next == CLOCK_NEVER ? -1 : (i64)length - passed);
        bool asked = host_loop_requested(l) != HOST_NOTHING;
        if (!asked && !host_loop_ready(l))
            continue; /* something else: it does not touch the guest, so it does not end its wait */
        s->debt_ns = 0;
        passed = (i64)(host_now_ns() - start);
        u64 ticks = ns_to_ticks(passed > 0 ? (u64)passed : 0, hz);
        if (asked)
            return true; /* looking at a waiting machine changes nothing: the wait begins again after it */
        machine_advance(m, ticks < next - from ? from + ticks : next);
        host_loop_offer(l, m);
        return true;
    }
}

/* Time passes at once. Without a timer only input can go on, and that may take as long as it likes. */
static bool wait_unpaced(struct host_loop *l, struct machine *m, u64 timer, u64 until)
{
    if (timer != CLOCK_NEVER) {
        machine_advance(m, timer < until ? timer : until);
        return true;
    }
    while (host_loop_has_sources(l)) {
        host_loop_poll(l, -1);
        if (host_loop_requested(l) != HOST_NOTHING || host_loop_offer(l, m))
            return true;
    }
    if (until == CLOCK_NEVER)
        return false;
    machine_advance(m, until);
    return true;
}

/* All harts wait. False: for ever. */
static bool idle(struct host_loop *l, struct machine *m, const struct host_run_options *o)
{
    host_loop_poll(l, 0);
    if (host_loop_requested(l) != HOST_NOTHING || host_loop_offer(l, m))
        return true;
    u64 timer = clock_next(&m->clock);
    if (o->pacing == HOST_UNPACED)
        return wait_unpaced(l, m, timer, o->until);
    return wait_realtime(l, m, timer < o->until ? timer : o->until);
}

static struct host_result run(struct host_loop *l, struct machine *m, const struct host_run_options *o,
                              struct cpu *step)
{
    struct host_result r = { .why = HOST_STOP_MACHINE };
    u64 every = poll_every(o);
    for (;;) {
        look_if_due(l, m, o);
        if (host_loop_requested(l) != HOST_NOTHING) {
            r.why = HOST_STOP_REQUEST;
            r.request = host_loop_take_request(l, &r.signal);
            return r;
        }
        u64 now = m->clock.now, slice = (now / every + 1) * every;
        if (step)
            slice = now + 1;
        if (slice > o->until)
            slice = o->until;
        r.machine = machine_run(m, slice, false);
        if (r.machine == MACHINE_IDLE) {
            if (!idle(l, m, o)) {
                r.why = HOST_STOP_STUCK;
                return r;
            }
        } else if (r.machine != MACHINE_REACHED || m->clock.now >= o->until || (step && m->last_ran == step)) {
            return r;
        }
    }
}

struct host_result host_run(struct host_loop *l, struct machine *m, const struct host_run_options *o)
{
    return run(l, m, o, NULL);
}

struct host_result host_step(struct host_loop *l, struct machine *m, struct cpu *cpu, const struct host_run_options *o)
{
    /* As machine_step() does: a stop point under any hart's feet does not hold it. */
    for (unsigned i = 0; i < m->n_cpus; i++)
        m->cpus[i]->skip_stop_at = m->clock.now;
    m->last_ran = NULL;
    return run(l, m, o, cpu);
}
