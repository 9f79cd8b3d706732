/* Running backwards: the machine goes back (machine/history.h) and what lay between is executed again, watched. */
#include "debugger/debugger.h"
#include "debugger/stop_kinds.h"

#include <stdlib.h>
#include <string.h>

#include "machine/history.h"

enum { FIRST_SPAN = 256, WALK_SPAN = 128 << 10, LAST_SPAN = 16 << 20 };

/* From here to settled() the past is looked at: nobody hears of its events, and only what is searched for is armed. */
static bool look_back(struct debugger *d, struct err *e)
{
    if (!debugger_may_run(d, e))
        return false;
    if (!d->machine->history)
        return err_set(e, "the past is not kept here; start with `orrery debug`, without --history off");
    d->looking_back = true;
    stops_disarm(&d->stops, d->machine);
    return true;
}

/* Returns ok. */
static bool settled(struct debugger *d, bool ok)
{
    d->looking_back = false;
    run_end(d);
    d->selected = 0;
    d->dead = false;
    d->exit_code = 0;
    return ok;
}

static bool go(struct debugger *d, u64 position, struct err *e)
{
    return history_goto(d->machine->history, position, e);
}

bool back_goto(struct debugger *d, u64 position, struct err *e)
{
    return look_back(d, e) && settled(d, go(d, position, e));
}

/* Every instruction of one hart in a piece of the past, as it was before it was executed. Of one that takes several ticks that
 * is its beginning; the last one may not be done yet. */
struct trail {
    struct moment_of {
        u64 at, pc, sp;
    } *e;
    size_t n, cap;
    bool whole; /* it goes back to where the history begins */
    enum { TRAIL_ALL, TRAIL_NO_INTERRUPTS, TRAIL_NO_TRAPS } which; /* handlers that came back are left out */
};

/* Handlers that have not come back yet. */
struct handlers {
    struct {
        size_t first; /* in the trail */
        u64 back, until, sp; /* it comes back to [back, until] with that stack */
    } open[16];
    unsigned n;
};

/* An instruction that began as *m is done. */
static void leave_out(struct debugger *d, struct trail *t, struct handlers *h, const struct moment *m)
{
    struct isa_trap trap;
    u64 pc = debugger_pc(d);
    if (t->which == TRAIL_ALL)
        return;
    if (isa_now(d->cpu)->trapped(d->cpu, m, 0, UINT64_MAX, &trap)) {
        if ((!trap.interrupt && t->which == TRAIL_NO_INTERRUPTS) || h->n == ARRAY_LEN(h->open))
            return;
        h->open[h->n].first = t->n;
        h->open[h->n].back = trap.interrupt ? trap.back[0] : m->pc;
        h->open[h->n].until = h->open[h->n].back + (trap.interrupt ? 0 : 15); /* or behind the instruction */
        h->open[h->n++].sp = m->sp;
        return;
    }
    for (unsigned i = h->n; i-- > 0;)
        if (pc >= h->open[i].back && pc <= h->open[i].until && isa_sp(d->cpu) == h->open[i].sp) {
            t->n = h->open[i].first;
            h->n = i;
            return;
        }
}

static u64 earlier(const struct debugger *d, u64 position, u64 span)
{
    u64 begin = history_begin(d->machine->history);
    return position - begin > span ? position - span : begin;
}

static bool trail_make(struct debugger *d, u64 from, u64 until, struct trail *t, struct err *e)
{
    struct history *h = d->machine->history;
    u64 begin = history_begin(h);
    t->n = 0;
    t->whole = from == begin;
    if (!go(d, from, e))
        return false;
    bool ok = true, amid = d->cpu->amid && !t->whole; /* in one that began before */
    struct handlers handlers = { .n = 0 };
    while (d->machine->clock.now < until && ok) {
        if (t->n == t->cap) {
            t->cap = t->cap ? 2 * t->cap : 1024;
            t->e = xrealloc(t->e, t->cap * sizeof *t->e);
        }
        struct moment_of m = { d->machine->clock.now, debugger_pc(d), isa_sp(d->cpu) };
        struct moment before = { .pc = m.pc, .sp = m.sp };
        isa_now(d->cpu)->look(d->cpu, &before);
        enum machine_stop why = history_step(h, d->cpu, until);
        m.at = d->machine->step_began; /* before it others had their turns */
        if (m.at != CLOCK_NEVER && !amid)
            t->e[t->n++] = m; /* else it only waited */
        amid = false;
        leave_out(d, t, &handlers, &before);
        if (why != MACHINE_REACHED)
            break;
        if (d->interrupted)
            ok = err_set(e, "interrupted at position %llu of the past", (unsigned long long)d->machine->clock.now);
    }
    return ok;
}

/* Before `until`, where the hart had retired `count` instructions: fewer at *low, as many at *high. They are the same where
 * the history begins with so many. */
static bool crossing(struct debugger *d, u64 until, u64 count, u64 *low, u64 *high, struct err *e)
{
    *high = until;
    for (u64 span = WALK_SPAN;; span *= 8) {
        *low = earlier(d, until, span);
        if (!go(d, *low, e))
            return false;
        if (d->cpu->retired < count)
            break;
        *high = *low;
        if (*low == history_begin(d->machine->history))
            return true;
    }
    while (*high - *low > FIRST_SPAN) {
        u64 mid = *low + (*high - *low) / 2;
        if (!go(d, mid, e))
            return false;
        *(d->cpu->retired < count ? low : high) = mid;
    }
    return true;
}

/* A trail with the last n instructions before `until`, if there were so many. When they are long ago, because the hart waited
 * or others had their turns, what lies between is not walked through. */
static bool trail_ends(struct debugger *d, struct trail *t, u64 until, u64 n, struct err *e)
{
    u64 span = n < FIRST_SPAN ? FIRST_SPAN : 2 * n, from, last = until, ignored;
    for (;; span *= 8) {
        if (!trail_make(d, earlier(d, until, span), until, t, e))
            return false;
        if (t->n >= n || t->whole)
            return true;
        if (span >= WALK_SPAN)
            break;
    }
    if (!go(d, until, e))
        return false;
    u64 retired = d->cpu->retired;
    if ((!d->cpu->amid && !crossing(d, until, retired, &ignored, &last, e)) ||
        !crossing(d, until, retired > n ? retired - n : 0, &from, &ignored, e))
        return false;
    return trail_make(d, from, last, t, e);
}

/* The machine stands where it stood, or on the way where a search was given up. */
static bool no_more(struct debugger *d, u64 back, struct err *e, const char *what)
{
    struct err ignored;
    go(d, back, &ignored);
    return err_set(e, "%s", what);
}

static bool stepi(struct debugger *d, u64 count, bool over, struct err *e)
{
    u64 now = d->machine->clock.now, low = 0, high = 0, pc = debugger_pc(d), sp = isa_sp(d->cpu);
    symbols_function_at(d->syms, pc, &low, &high, NULL);
    struct trail t = { .which = over ? TRAIL_NO_TRAPS : TRAIL_ALL };
    bool ok = trail_ends(d, &t, now, count, e);
    size_t i = t.n;
    for (u64 k = 0; ok && k < count && i; k++) {
        i--;
        if (!over || !high || pc == low || (t.e[i].pc >= low && t.e[i].pc < high))
            continue;
        /* It came back from a call: to before that. */
        for (u64 span = 4096;; span *= 8) {
            size_t j = i;
            while (j && !(t.e[j].pc >= low && t.e[j].pc < high && t.e[j].sp >= sp))
                j--;
            if (t.e[j].pc >= low && t.e[j].pc < high) {
                i = j;
                break;
            }
            u64 until = t.e[i].at + 1;
            if (t.whole || span > LAST_SPAN || !trail_make(d, earlier(d, until, span), until, &t, e) || !t.n)
                break;
            i = t.n - 1;
        }
    }
    if (ok && !t.n)
        ok = no_more(d, now, e, "No more history: it begins here.");
    if (ok)
        ok = go(d, t.e[i].at, e);
    free(t.e);
    return ok;
}

bool back_stepi(struct debugger *d, u64 count, bool over, struct stop_report *r, struct err *e)
{
    u64 low = 0, high = 0;
    if (!look_back(d, e))
        return false;
    symbols_function_at(d->syms, debugger_pc(d), &low, &high, NULL);
    bool ok = settled(d, stepi(d, count, over, e));
    *r = (struct stop_report){ .reason = REASON_STEPPED, .new_frame = debugger_pc(d) < low || debugger_pc(d) >= high };
    return ok;
}

bool back_trail(struct debugger *d, u64 count, void (*each)(void *opaque, bool done), void *opaque, struct err *e)
{
    struct history *h = d->machine->history;
    if (h && history_editing(h))
        return err_set(e, "Something was changed by hand here; what was executed before shows again when the machine has moved.");
    if (!look_back(d, e))
        return false;
    u64 now = d->machine->clock.now;
    unsigned selected = d->selected;
    bool dead = d->dead;
    int exit_code = d->exit_code;
    struct trail t = { .which = TRAIL_ALL };
    struct err ignored;
    bool ok = trail_ends(d, &t, now, count, e);
    if (ok && t.n && (ok = go(d, t.e[t.n > count ? t.n - count : 0].at, e)))
        while (d->machine->clock.now < now && !d->interrupted) {
            each(opaque, false);
            enum machine_stop why = history_step(h, d->cpu, now);
            if (machine_stepped(d->machine, d->cpu))
                each(opaque, true);
            if (why != MACHINE_REACHED)
                break;
        }
    free(t.e);
    if (!go(d, now, &ignored) && ok)
        ok = err_set(e, "%s", ignored.text);
    settled(d, ok);
    d->selected = selected;
    d->dead = dead;
    d->exit_code = exit_code;
    return ok;
}

/* What back_line() knows of an instruction. */
struct where {
    u64 low, high; /* of its function; 0: unknown */
    struct source_pos line;
    bool has_line;
};

static struct where locate(struct debugger *d, u64 pc)
{
    struct where w = { 0 };
    symbols_function_at(d->syms, pc, &w.low, &w.high, NULL);
    w.has_line = symbols_line_at(d->syms, pc, &w.line);
    return w;
}

static bool same_line(const struct where *a, const struct where *b)
{
    return a->has_line && b->has_line && a->line.line == b->line.line && !strcmp(a->line.file, b->line.file);
}

/* The instruction before e[i] that is not part of a call: in the function [low, high) with its stack, or, when e[i] is
 * where that function begins, in its caller. i itself: the trail is too short. */
static size_t before(const struct trail *t, size_t i, u64 pc, u64 sp, const struct where *w)
{
    if (!i)
        return i;
    if (!w->high || pc == w->low || (t->e[i - 1].pc >= w->low && t->e[i - 1].pc < w->high && t->e[i - 1].sp >= sp))
        return i - 1;
    for (size_t j = i - 1; j-- > 0;)
        if (t->e[j].pc >= w->low && t->e[j].pc < w->high && t->e[j].sp >= sp)
            return j;
    return i;
}

/* Where the line before begins: an index into the trail, or t->n when the trail is too short. */
static size_t line_before(struct debugger *d, const struct trail *t, u64 pc, u64 sp, bool over)
{
    struct where here = locate(d, pc), target = { 0 };
    size_t i = t->n;
    bool found = false, lines = here.has_line; /* from a line to a line: over what the compiler gave none */
    while (i) {
        size_t j = i - 1;
        struct where w = locate(d, t->e[j].pc);
        bool other = here.high && (t->e[j].pc < here.low || t->e[j].pc >= here.high || t->e[j].sp < sp);
        if (other && pc != here.low && (over || !w.has_line)) {
            j = before(t, i, pc, sp, &here);
            if (j == i)
                return t->n;
            w = locate(d, t->e[j].pc);
            other = false;
        }
        if (found && other && pc == here.low)
            return i; /* the line begins where the function does */
        if (found && !same_line(&w, &target) && (!other || over))
            return i;
        if (!found || other) {
            target = w;
            found = w.has_line || !lines;
        }
        here = w;
        pc = t->e[j].pc;
        sp = t->e[j].sp;
        i = j;
    }
    return t->whole && found ? 0 : t->n;
}

static bool line(struct debugger *d, bool over, struct err *e)
{
    u64 now = d->machine->clock.now, pc = debugger_pc(d), sp = isa_sp(d->cpu);
    struct trail t = { .which = over ? TRAIL_NO_TRAPS : TRAIL_NO_INTERRUPTS };
    bool ok = false;
    for (u64 span = 4096; span <= LAST_SPAN; span *= 8) {
        if (!trail_make(d, earlier(d, now, span), now, &t, e))
            break;
        size_t i = line_before(d, &t, pc, sp, over);
        if (i < t.n) {
            ok = go(d, t.e[i].at, e);
            break;
        }
        if (t.whole) {
            no_more(d, now, e, "No more history: no line lies before this one.");
            break;
        }
        if (span * 8 > LAST_SPAN)
            no_more(d, now, e, "The line before is too long ago; set a breakpoint and use reverse-continue.");
    }
    free(t.e);
    return ok;
}

bool back_line(struct debugger *d, bool over, struct stop_report *r, struct err *e)
{
    if (!look_back(d, e))
        return false;
    struct where start = locate(d, debugger_pc(d));
    bool ok = settled(d, line(d, over, e));
    u64 pc = debugger_pc(d);
    *r = (struct stop_report){ .reason = REASON_STEPPED, .new_frame = pc < start.low || pc >= start.high };
    return ok;
}

/* --- to a stop point --------------------------------------------------------------------------------------------- */

struct found {
    bool any;
    enum machine_stop why;
    struct cpu_hit hit;
    u64 at;
    struct cpu *cpu;
    struct stop_report report;
};

/* Hits change counters; of a search only the one that was found counts. */
static u64 *counts_save(struct debugger *d)
{
    size_t n = 0;
    for (struct stop_point *p = d->stops.list; p; p = p->next)
        n++;
    u64 *c = xcalloc(2 * n + 1, sizeof *c), *at = c;
    for (struct stop_point *p = d->stops.list; p; p = p->next) {
        *at++ = p->hits;
        *at++ = p->ignore;
    }
    return c;
}

static void counts_restore(struct debugger *d, u64 *c)
{
    u64 *at = c;
    for (struct stop_point *p = d->stops.list; p; p = p->next) {
        p->hits = *at++;
        p->ignore = *at++;
    }
    free(c);
}

#define ANYTHING UINT64_MAX /* as `entry`: every armed address counts */

/* Does going back lead to before what happened? To a position or a breakpoint exactly. */
static bool stands_before(enum machine_stop why, const struct stop_report *r)
{
    return why == MACHINE_WATCH || (why == MACHINE_EVENT && !(r->point && r->point->kind->passed));
}

/* The last stop in [from, until], where a hit counts that leads to before `limit`. With entry != 0 only that address counts, on the selected hart with the stack pointer
 * at or above min_sp. */
static bool search_piece(struct debugger *d, u64 from, u64 until, u64 limit, u64 entry, u64 min_sp, struct found *f,
                         struct err *e)
{
    struct history *h = d->machine->history;
    struct cpu *me = d->cpu;
    if (!go(d, from, e))
        return false;
    struct stop_report r;
    run_begin(d, &r);
    for (unsigned i = 0; i < d->machine->n_cpus; i++)
        d->machine->cpus[i]->skip_stop_at = CLOCK_NEVER; /* one where the piece begins counts */
    stops_arm(&d->stops, d->machine);
    e->text[0] = 0;
    for (;;) {
        enum machine_stop why = history_run(h, until, e);
        struct cpu *c = d->machine->stop.cpu;
        if (why != MACHINE_BREAK && why != MACHINE_WATCH && why != MACHINE_EVENT) {
            debugger_select_cpu(d, me);
            return !e->text[0];
        }
        u64 at = d->machine->clock.now;
        bool wanted = entry == ANYTHING ? true
                      : entry ? why == MACHINE_BREAK && c == me && debugger_pc(d) == entry && isa_sp(d->cpu) >= min_sp
                              : run_judge(d, why, &r);
        if (wanted && (at < limit || stands_before(why, &r))) {
            *f = (struct found){ .any = true, .why = why, .at = at, .cpu = c, .report = r };
            if (c)
                f->hit = c->hit;
            if (why == MACHINE_WATCH && r.point)
                memcpy(f->report.before, r.point->old, sizeof r.before); /* what it became */
        }
        debugger_select_cpu(d, me);
        if (c)
            cpu_skip_stop(c);
    }
}

/* Piece after piece, the newest first. */
static bool search(struct debugger *d, u64 entry, u64 min_sp, struct found *f, struct err *e)
{
    struct history *h = d->machine->history;
    u64 now = d->machine->clock.now, high = now, low;
    u64 *counts = counts_save(d);
    bool ok = true;
    f->any = false;
    /* A checkpoint may lie just before: the first pieces are small, and hits are often near. */
    while (ok && !f->any && history_before(h, high, &low)) {
        ok = search_piece(d, low, high, now, entry, min_sp, f, e);
        high = low;
    }
    stops_disarm(&d->stops, d->machine);
    counts_restore(d, counts);
    return ok;
}

/* The beginning of the instruction of hart c that ended at `at`. */
static bool start_of(struct debugger *d, struct cpu *c, u64 at, u64 *start, struct err *e)
{
    struct cpu *me = d->cpu;
    struct trail t = { 0 };
    debugger_select_cpu(d, c);
    bool ok = trail_ends(d, &t, at, 1, e) && t.n;
    if (ok)
        *start = t.e[t.n - 1].at;
    free(t.e);
    debugger_select_cpu(d, me);
    return ok;
}

/* To before what happened at `at`, by hart c or (NULL) by time: a position earlier, or the beginning of the instruction. */
static bool before_it(struct debugger *d, struct cpu *c, u64 at, struct err *e)
{
    if (at == history_begin(d->machine->history))
        return go(d, at, e);
    if (!go(d, at - 1, e))
        return false;
    if (d->machine->clock.now < at) /* else an instruction of a timing model takes longer */
        return true;
    return start_of(d, c ? c : d->cpu, at, &at, e) && go(d, at, e);
}

/* To where a search leads; without a hit to where the history begins. */
static bool go_to_found(struct debugger *d, const struct found *f, struct err *e)
{
    if (!f->any)
        return go(d, history_begin(d->machine->history), e);
    return stands_before(f->why, &f->report) ? before_it(d, f->cpu, f->at, e) : go(d, f->at, e);
}

bool back_continue(struct debugger *d, struct stop_report *r, struct err *e)
{
    struct found f = { 0 };
    *r = (struct stop_report){ .reason = REASON_ARRIVED };
    if (!look_back(d, e) || !settled(d, search(d, 0, 0, &f, e) && go_to_found(d, &f, e)))
        return false;
    if (!f.any)
        return true;
    debugger_select_cpu(d, f.cpu);
    d->machine->stop.cpu = f.cpu;
    *r = f.report;
    r->new_frame = true;
    if (r->point) {
        r->point->hits++;
        if (r->point->kind->begin)
            r->point->kind->begin(d, r->point);
    }
    return true;
}

bool back_to_armed(struct debugger *d, enum machine_stop *why, struct err *e)
{
    struct found f = { 0 };
    struct machine *m = d->machine;
    *why = MACHINE_REACHED;
    e->text[0] = 0;
    if (!look_back(d, e) || !settled(d, search(d, ANYTHING, 0, &f, e) && go_to_found(d, &f, e)) || !f.any)
        return false;
    if (f.cpu)
        f.cpu->hit = f.hit;
    m->stop = (struct machine_stop_info){ .why = f.why, .cpu = f.cpu, .addr = f.hit.addr };
    *why = f.why;
    return true;
}

static bool finish(struct debugger *d, struct err *e)
{
    u64 low, high;
    const struct frame *f = debugger_frame(d, d->selected);
    if (!f || !symbols_function_at(d->syms, f->lookup_pc, &low, &high, NULL))
        return err_set(e, "\"reverse-finish\" needs to know the function, and no symbol covers 0x%llx",
                       (unsigned long long)debugger_pc(d));
    u64 sp = f->known >> f->isa->sp & 1 ? frame_sp(f) : isa_sp(d->cpu);
    u64 now = d->machine->clock.now;
    struct found hit = { 0 };
    if (debugger_pc(d) != low) {
        stops_internal_add(&d->stops, low);
        if (!search(d, low, sp, &hit, e))
            return false;
        if (!hit.any)
            return no_more(d, now, e, "The history does not go back to where this function began.");
        if (!go(d, hit.at, e))
            return false;
    }
    return stepi(d, 1, false, e);
}

bool back_finish(struct debugger *d, struct stop_report *r, struct err *e)
{
    *r = (struct stop_report){ .reason = REASON_STEPPED, .new_frame = true };
    return look_back(d, e) && settled(d, finish(d, e));
}

/* --- who wrote --------------------------------------------------------------------------------------------------- */

static u64 number_at(struct debugger *d, u64 pa, u64 len)
{
    u8 bytes[8] = { 0 };
    space_peek(d->machine->mem, pa, bytes, len < 8 ? len : 8);
    return load_le(bytes, 8);
}

/* No CPU stored in (from, until], and yet the contents differ: when they came to be what they are at the end. */
static bool came_to_be(struct debugger *d, u64 from, u64 until, u64 pa, u64 len, struct last_write *w, struct err *e)
{
    while (until - from > 1) {
        u64 mid = from + (until - from) / 2;
        if (!go(d, mid, e))
            return false;
        if (number_at(d, pa, len) == w->after)
            until = mid;
        else
            from = mid;
    }
    w->at = from;
    w->cpu = NULL;
    return go(d, from, e);
}

static bool last_write_memory(struct debugger *d, u64 va, u64 len, struct last_write *w, struct err *e)
{
    struct machine *m = d->machine;
    struct history *h = m->history;
    struct cpu_walk walk;
    d->cpu->ops->walk(d->cpu, va, CPU_READ, &walk);
    if (!walk.ok)
        return err_set(e, "0x%llx cannot be translated: %s", (unsigned long long)va, walk.why);
    struct region *g = space_find(m->mem, walk.pa);
    if (!g || !g->ram)
        return err_set(e, "0x%llx is not memory; a device's register is named as DEVICE.REGISTER",
                       (unsigned long long)va);
    u64 offset = g->ram_offset + (walk.pa - g->base);
    const struct ram *ram = g->ram;
    history_mark(h);
    u64 now = m->clock.now, high = now, low, end_value = number_at(d, walk.pa, len);
    struct cpu_watch watch = { .addr = walk.pa, .len = len, .access = CPU_WRITE, .physical = true };
    bool ok = true, any = false;
    w->after = end_value;
    for (; ok && !any && history_before(h, high, &low); high = low) {
        if (!history_wrote(h, low, high, ram, offset, len))
            continue;
        if (!(ok = go(d, low, e)))
            break;
        u64 first_value = number_at(d, walk.pa, len);
        e->text[0] = 0;
        for (;;) {
            m->stops = (struct cpu_stops){ .watch = &watch, .n_watch = 1 };
            machine_stops_changed(m);
            enum machine_stop why = history_run(h, high, e);
            if (why != MACHINE_WATCH)
                break;
            any = true;
            w->at = m->clock.now;
            w->cpu = m->stop.cpu;
            w->after = number_at(d, walk.pa, len);
        }
        m->stops = (struct cpu_stops){ 0 };
        machine_stops_changed(m);
        if (e->text[0]) {
            ok = false;
        } else if (number_at(d, walk.pa, len) != (any ? w->after : first_value)) {
            w->after = number_at(d, walk.pa, len);
            ok = came_to_be(d, any ? w->at : low, high, walk.pa, len, w, e);
            any = true;
        }
    }
    if (ok && any && w->cpu) {
        u64 start = w->at;
        ok = start_of(d, w->cpu, w->at, &start, e) && go(d, start, e);
        w->at = start;
    }
    if (ok && !any)
        return no_more(d, now, e, "Nobody wrote it since the history begins.");
    if (ok)
        w->before = number_at(d, walk.pa, len);
    return ok;
}

bool back_last_write_memory(struct debugger *d, u64 va, u64 len, struct last_write *w, struct err *e)
{
    bool ok = look_back(d, e) && settled(d, last_write_memory(d, va, len, w, e));
    if (ok)
        debugger_select_cpu(d, w->cpu);
    return ok;
}

/* Looks after every instruction. */
struct looker {
    const struct cpu_observer *inner; /* a timing model */
    u64 (*get)(void *opaque);
    void *opaque;
    u64 value;
    bool any;
    struct last_write *w;
};

static u64 look_after(void *opaque, struct cpu *c, const struct cpu_retire *retire)
{
    struct looker *l = opaque;
    u64 ticks = l->inner ? l->inner->retire(l->inner->opaque, c, retire) : 1, v = l->get(l->opaque);
    if (v != l->value) {
        l->w->before = l->value;
        l->w->after = v;
        l->w->at = c->clock->now;
        l->w->cpu = c;
        l->value = v;
        l->any = true;
    }
    return ticks;
}

static bool last_change(struct debugger *d, u64 (*get)(void *opaque), void *opaque, struct last_write *w, struct err *e)
{
    struct machine *m = d->machine;
    struct history *h = m->history;
    u64 now = m->clock.now, high = now, low;
    const struct cpu_observer *inner = m->cpus[0]->observer;
    bool ok = true, any = false;
    for (; ok && !any && history_before(h, high, &low); high = low) {
        if (!(ok = go(d, low, e)))
            break;
        struct looker l = { .inner = inner, .get = get, .opaque = opaque, .value = get(opaque), .w = w };
        const struct cpu_observer o = { look_after, &l };
        machine_observe(m, &o);
        e->text[0] = 0;
        history_run(h, high, e);
        machine_observe(m, inner);
        ok = !e->text[0];
        any = l.any;
    }
    if (ok && any) {
        /* The clock may not have moved yet when an instruction was looked at: to the place where it is still as before. */
        u64 at = w->at;
        ok = go(d, at, e);
        while (ok && get(opaque) == w->after && at > history_begin(h))
            ok = go(d, --at, e);
        w->at = m->clock.now;
    }
    if (ok && !any)
        return no_more(d, now, e, "It has not changed since the history begins.");
    return ok;
}

bool back_last_change(struct debugger *d, u64 (*get)(void *opaque), void *opaque, struct last_write *w, struct err *e)
{
    bool ok = look_back(d, e) && settled(d, last_change(d, get, opaque, w, e));
    if (ok)
        debugger_select_cpu(d, w->cpu);
    return ok;
}
