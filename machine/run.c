/* The run loop. Everything that happens at a position happens in this order: timers that are due, the state hash,
 * input, then instructions of the hart whose turn it is. Stopping and going on at any position changes nothing. */
#include "machine/board.h"
#include "machine/history.h"
#include "machine/isa.h"
#include "machine/record.h"

#include <stdio.h>

#include "base/hash.h"

static u64 min_u64(u64 a, u64 b)
{
    return a < b ? a : b;
}

struct turn {
    u64 length;
    unsigned skip; /* so many harts do not get it */
};

/* The turn that begins now. Of random ones short are as likely as long: a power of two first, then a length below it. */
static struct turn next_turn(const struct machine *m)
{
    if (!m->config->schedule)
        return (struct turn){ .length = m->quantum };
    u64 r = hash_u64(m->clock.now, m->config->schedule);
    u64 most = (u64)2 << (r & 63) % (64 - (unsigned)__builtin_clzll(m->quantum));
    return (struct turn){ .length = 1 + (r >> 12) % min_u64(most, m->quantum), .skip = (r >> 6 & 63) % m->n_cpus };
}

/* The hart that goes next, or NULL when all wait. A turn ends when its quantum is used up or its hart waits. */
static struct cpu *whose_turn(struct machine *m)
{
    struct cpu *c = m->cpus[m->turn];
    if (m->turn_left && c->ops->has_work(c))
        return c;
    struct turn t = next_turn(m);
    for (unsigned i = 1; i <= m->n_cpus; i++) {
        unsigned next = (m->turn + t.skip + i) % m->n_cpus;
        c = m->cpus[next];
        if (!c->ops->has_work(c))
            continue;
        m->board->isa->quantum_end(m->cpus[m->turn]);
        m->turn = next;
        m->turn_left = t.length;
        return c;
    }
    return NULL;
}

/* Nothing but instructions happens before this position. While all wait no register changes: none is recorded. */
static u64 next_happening(struct machine *m, bool waiting)
{
    u64 next = clock_next(&m->clock);
    if (m->hashes.every)
        next = min_u64(next, m->hashes.next);
    if (m->mark.reached)
        next = min_u64(next, m->mark.at);
    if (m->recorder)
        next = min_u64(next, waiting ? recorder_next_state(m->recorder) : recorder_next(m->recorder));
    if (machine_replaying(m))
        next = min_u64(next, replayer_next(m->replayer));
    if (m->history)
        next = min_u64(next, history_next(m->history));
    if (m->soon.alarm)
        next = min_u64(next, m->soon.alarm);
    return next;
}

static enum machine_stop stop(struct machine *m, enum machine_stop why, struct cpu *c)
{
    m->stop.why = why;
    m->stop.cpu = c;
    if (c)
        m->stop.addr = why == MACHINE_WATCH ? c->hit.addr : c->ops->get_pc(c);
    return why;
}

u64 machine_executed(const struct machine *m)
{
    u64 n = 0;
    for (unsigned i = 0; i < m->n_cpus; i++)
        n += m->cpus[i]->retired + m->cpus[i]->trapped;
    return n;
}

u64 machine_retired(const struct machine *m)
{
    u64 n = 0;
    for (unsigned i = 0; i < m->n_cpus; i++)
        n += m->cpus[i]->retired;
    return n;
}

/* Does somebody want to look at what is here? */
static bool event_due(struct machine *m)
{
    struct machine_soon *s = &m->soon;
    bool due = s->pending;
    if (!due)
        s->cpu = NULL;
    if (s->alarm && m->clock.now >= s->alarm) {
        s->alarm = 0;
        due = true;
    }
    if (s->retired && machine_retired(m) >= s->retired) {
        s->retired = 0;
        due = true;
    }
    s->pending = false;
    return due;
}

/* No hart can go on: the end, with what the one that ran last is caught in. */
static void see_if_stuck(struct machine *m, struct cpu *c)
{
    char why[256], other[256];
    if (!c->ops->stuck || !c->ops->stuck(c, why, sizeof why))
        return;
    for (unsigned i = 0; i < m->n_cpus; i++)
        if (m->cpus[i] != c && !m->cpus[i]->ops->stuck(m->cpus[i], other, sizeof other))
            return;
    struct buf text = { 0 };
    buf_printf(&text, "%s", why);
    if (m->board->isa->story_of_end)
        m->board->isa->story_of_end(c, &m->names, &text);
    machine_request(m, MACHINE_PANIC, 0, buf_cstr(&text));
    buf_free(&text);
}

/* Does the machine reset again and again? Three times in a row at the same instruction, half a second apart at most, and
 * nobody outside asked for it (docs/decisions/058). */
static bool resets_for_ever(struct machine *m)
{
    enum { ENOUGH = 3 };
    if (history_past(m->history))
        return false;
    u64 pc = m->last_ran ? cpu_linear_pc(m->last_ran) : 0;
    bool again = m->resets.times && m->resets.pc == pc && m->clock.now - m->resets.when < m->clock.hz / 2;
    m->resets.times = m->resets.outside ? 0 : again ? m->resets.times + 1 : 1;
    m->resets.outside = false;
    m->resets.pc = pc;
    m->resets.when = m->clock.now;
    if (m->resets.times < ENOUGH)
        return false;
    m->resets.times = 0;
    char name[320] = "";
    if (m->names.name)
        m->names.name(m->names.opaque, pc, name, sizeof name);
    struct buf text = { 0 };
    buf_printf(&text, "a reset loop: %u resets in a row from the same place, 0x%llx%s%s", ENOUGH, (unsigned long long)pc,
               *name ? " " : "", name);
    if (m->last_ran && m->board->isa->story_of_end)
        m->board->isa->story_of_end(m->last_ran, &m->names, &text);
    buf_printf(&text, "\n");
    m->stop = (struct machine_stop_info){ .why = MACHINE_STORY, .cpu = m->last_ran, .addr = pc, .code = true };
    snprintf(m->stop.text, sizeof m->stop.text, "%s", buf_cstr(&text));
    buf_free(&text);
    return true;
}

/* What machine_request() asked for. MACHINE_REACHED: it is done, and the machine goes on. */
static enum machine_stop do_request(struct machine *m)
{
    m->request_pending = false;
    if (history_past(m->history) && history_stopped_here(m->history, &m->stop)) {
        m->reset_next = m->stop.why == MACHINE_STORY && m->stop.code;
        return m->stop.why;
    }
    if (m->stop.why == MACHINE_RESET && !m->config->no_reboot && !resets_for_ever(m)) {
        machine_reset(m);
        return MACHINE_REACHED;
    }
    if (m->stop.why == MACHINE_STORY && history_past(m->history)) { /* it was told when it happened */
        if (m->stop.code)
            machine_reset(m);
        return MACHINE_REACHED;
    }
    if (m->history)
        history_stop(m->history, &m->stop);
    if (m->stop.why == MACHINE_STORY) {
        m->reset_next = m->stop.code;
        if (m->replayer && !replayer_ends_here(m->replayer, m)) /* somebody looked at it, and let it go on */
            return MACHINE_STORY;
    }
    return m->replayer ? replayer_stopped(m->replayer, m, m->stop.why) : m->stop.why;
}

/* All have waited for a second: whether something can end that, a board may know. */
static bool waits_for_ever(struct machine *m)
{
    struct buf text = { 0 };
    enum { LOOKS = 16 }; /* a line that pulses may just be low */
    if (m->idle_looks >= LOOKS || !m->board->waits_for_ever || m->clock.now - m->idle_since < m->clock.hz)
        return false;
    m->idle_looks++;
    bool stuck = m->board->waits_for_ever(m, &text);
    if (stuck) {
        m->idle_looks = LOOKS;
        machine_request(m, MACHINE_STORY, false, buf_cstr(&text));
    }
    buf_free(&text);
    return stuck;
}

enum machine_stop machine_run(struct machine *m, u64 until, bool skip_idle)
{
    struct clock *clock = &m->clock;
    if (m->history)
        history_settle(m->history);
    if (m->reset_next) {
        m->reset_next = false;
        if (m->history)
            history_stop(m->history, NULL);
        machine_reset(m);
    }
    for (;;) {
        clock_fire(clock);
        if (m->request_pending) {
            enum machine_stop why = do_request(m);
            if (why != MACHINE_REACHED)
                return why;
            continue;
        }
        if (m->hashes.every && clock->now >= m->hashes.next) {
            if (!history_past(m->history))
                m->hashes.report(m->hashes.opaque, clock->now, machine_hash(m));
            m->hashes.next += m->hashes.every * ((clock->now - m->hashes.next) / m->hashes.every + 1);
        }
        if (m->mark.reached && clock->now >= m->mark.at) {
            void (*reached)(void *) = m->mark.reached;
            m->mark.reached = NULL;
            reached(m->mark.opaque);
        }
        if (m->recorder && clock->now >= recorder_next(m->recorder))
            recorder_due(m->recorder, m);
        if (machine_replaying(m) && clock->now >= replayer_next(m->replayer)) {
            struct replayer *r = m->replayer;
            enum machine_stop why = replayer_step(r, m);
            if (why == MACHINE_REPLAY_END)
                replayer_over(r, m);
            if (why != MACHINE_REACHED)
                return stop(m, why, NULL);
            continue;
        }
        if (m->history && clock->now >= history_next(m->history)) {
            history_due(m->history);
            continue;
        }
        if (UNLIKELY(event_due(m)))
            return stop(m, MACHINE_EVENT, m->soon.cpu);
        if (clock->now >= until)
            return stop(m, MACHINE_REACHED, NULL);
        struct cpu *c = whose_turn(m);
        u64 limit = min_u64(until, next_happening(m, !c));
        if (!c) {
            if (waits_for_ever(m))
                continue;
            /* In a replay and in the past nobody types: the recorded input says when the waiting ends. */
            if (limit == CLOCK_NEVER || (!skip_idle && !m->replayer && !history_past(m->history)))
                return stop(m, MACHINE_IDLE, NULL);
            clock->now = limit;
            continue;
        }
        u64 start = clock->now;
        bool turns = m->n_cpus > 1; /* a hart alone keeps it */
        u64 budget = turns ? min_u64(limit - start, m->turn_left) : limit - start;
        if (m->executed_limit) { /* an instruction takes a tick at least */
            u64 done = machine_executed(m);
            if (done >= m->executed_limit)
                return stop(m, MACHINE_LIMIT, c);
            budget = min_u64(budget, m->executed_limit - done);
        }
        if (m->soon.retired)
            budget = min_u64(budget, m->soon.retired - machine_retired(m));
        clock->horizon = start + budget;
        clock->attention = false;
        m->running = c;
        enum cpu_stop why = c->ops->run(c, budget);
        m->running = NULL;
        u64 used = clock->now - start;
        if (turns)
            m->turn_left -= min_u64(used, m->turn_left);
        if (used) {
            m->last_ran = c;
            m->idle_since = clock->now;
            m->idle_looks = 0;
        }
        if (c->yield) {
            c->yield = false;
            m->turn_left = 0;
        }
        if (clock->attention)
            see_if_stuck(m, c);
        switch (why) {
        case CPU_BUDGET:
        case CPU_IDLE:
        case CPU_ATTENTION:
            if (UNLIKELY(m->soon.pending) && event_due(m))
                return stop(m, MACHINE_EVENT, m->soon.cpu);
            break;
        case CPU_BREAK: return stop(m, MACHINE_BREAK, c);
        case CPU_WATCH: return stop(m, MACHINE_WATCH, c);
        case CPU_SEMIHOST: return stop(m, MACHINE_SEMIHOST, c);
        case CPU_DIVERGED:
            snprintf(m->stop.text, sizeof m->stop.text, "%s", c->report);
            return stop(m, MACHINE_DIVERGED, c);
        }
    }
}

enum machine_stop machine_step_within(struct machine *m, struct cpu *cpu, u64 limit)
{
    m->last_ran = NULL;
    m->step_began = CLOCK_NEVER;
    for (;;) {
        bool idle = true;
        for (unsigned i = 0; i < m->n_cpus; i++)
            idle = idle && !m->cpus[i]->ops->has_work(m->cpus[i]);
        u64 at = m->clock.now, until = at + 1;
        if (idle && next_happening(m, true) > until)
            until = next_happening(m, true);
        enum machine_stop why = machine_run(m, min_u64(until, limit), true);
        if (m->last_ran == cpu && m->step_began == CLOCK_NEVER)
            m->step_began = at;
        if (why != MACHINE_REACHED || machine_stepped(m, cpu) || m->clock.now >= limit)
            return why;
    }
}

enum machine_stop machine_step(struct machine *m, struct cpu *cpu)
{
    cpu_skip_stop(cpu);
    return machine_step_within(m, cpu, CLOCK_NEVER);
}

void machine_advance(struct machine *m, u64 when)
{
    u64 limit = min_u64(when, next_happening(m, true));
    if (limit > m->clock.now)
        m->clock.now = limit;
}

void machine_input(struct machine *m, struct input_channel *ch, const u8 *bytes, size_t n)
{
    if (machine_replaying(m))
        return; /* the recording is the only one who types */
    /* A replay delivers after the timers of a position; here the machine may have stopped before they fired. */
    clock_fire(&m->clock);
    if (m->history)
        history_input(m->history, ch, bytes, n);
    ch->deliver(ch->opaque, bytes, n);
    if (m->recorder)
        recorder_input(m->recorder, m, ch->name, bytes, n);
}
