/* Run control: everything that lets the machine go on and decides whether a stop is one. */
#include "debugger/commands.h"
#include "debugger/process.h"
#include "debugger/stop_kinds.h"

#include <string.h>

#include "debugger/script.h"

#define SLICE 2000000 /* ticks between looks at d->interrupted when nobody gave us a resume call */

static enum machine_stop resume(struct debugger *d, u64 until)
{
    struct machine *m = d->machine;
    if (d->host.resume)
        return d->host.resume(d->host.opaque, m, until);
    for (;;) {
        u64 slice = m->clock.now + SLICE;
        enum machine_stop why = machine_run(m, slice < until ? slice : until, true);
        if (why != MACHINE_REACHED || d->interrupted || m->clock.now >= until)
            return why;
    }
}

static bool ended(enum machine_stop why)
{
    return why == MACHINE_POWEROFF || why == MACHINE_PANIC || why == MACHINE_RESET || why == MACHINE_DIVERGED ||
           why == MACHINE_REPLAY_END;
}

/* Does a person want to hear of this hit? Counts it. */
static bool wanted(struct debugger *d, struct stop_point *p, struct cpu *c)
{
    if (p->condition) {
        struct frame f;
        struct value v;
        struct err e;
        u64 truth;
        frame_innermost(d->syms, c, &f);
        frame_complete(d->syms, c, &f);
        struct expr_env env = debugger_env_at(d, c, &f);
        if (!expr_eval(p->condition, &env, &v, &e) || !value_u64(&env, &v, &truth, &e)) {
            debug_printf(d, "Error in testing condition for breakpoint %d:\n%s\n", p->number, e.text);
            truth = 1; /* silence would hide the mistake */
        }
        if (!truth)
            return false;
    }
    p->hits++;
    if (p->ignore) {
        p->ignore--;
        return false;
    }
    return true;
}

/* `log ... print "FORMAT", ARGS`: in the frame of the CPU that hit it. */
static void log_words(struct debugger *d, struct stop_point *p, struct buf *out)
{
    struct buf *outer = d->capture;
    struct err e;
    d->capture = out;
    if (!cmd_printf(d, p->format, &e))
        debug_printf(d, "log %d: %s\n", p->number, e.text);
    d->capture = outer;
}

static void say_hit(struct debugger *d, struct stop_point *p, struct cpu *c)
{
    struct buf out = { 0 };
    char name[320];
    struct err e;
    if (p->format) {
        struct cpu *me = d->cpu;
        unsigned selected = d->selected;
        debugger_select_cpu(d, c);
        debugger_changed(d);
        d->selected = 0;
        log_words(d, p, &out);
        debugger_select_cpu(d, me);
        debugger_changed(d);
        d->selected = selected;
    } else {
        struct cpu *me = d->cpu;
        u64 pc = cpu_linear_pc(c) & cpu_addr_mask(c);
        d->cpu = c;
        process_see(d, NULL); /* what runs there now calls it by its own names */
        d->cpu = me;
        debugger_name_code(d->syms, pc, name, sizeof name);
        buf_printf(&out, "[%llu] %s 0x%llx%s%s: %s%s%s\n", (unsigned long long)machine_position(d->machine), c->name,
                   (unsigned long long)pc, *name ? " " : "", name, p->kind->name, *p->what ? ": " : "", p->what);
    }
    if (!p->file)
        debug_write(d, &out);
    else if (!d->host.append)
        debug_printf(d, "log %d: files cannot be written from here\n", p->number);
    else if (!d->host.append(d->host.opaque, p->file, out.data, out.len, &e))
        debug_printf(d, "log %d: %s\n", p->number, e.text);
    buf_free(&out);
}

/* One that may have been hit. True: the machine is to stop for it. */
static bool judge_point(struct debugger *d, struct stop_point *p, struct cpu *by)
{
    struct cpu *c = by ? by : d->cpu;
    if (!p->enabled || (p->hart >= 0 && (!by || (unsigned)p->hart != by->index)) ||
        (p->process && !process_matches(d, c, p->process)))
        return false;
    if ((p->kind->judge && !p->kind->judge(d, p, c)) || !wanted(d, p, c))
        return false;
    if (p->verb == VERB_BREAK)
        return true;
    say_hit(d, p, c);
    return false;
}

static struct stop_point *break_hit(struct debugger *d, struct cpu *c)
{
    struct stop_point *first = NULL;
    u64 va = cpu_linear_pc(c) & cpu_addr_mask(c), pa = 0;
    struct cpu_walk w;
    if (d->stops.n_physes) {
        c->ops->walk(c, va, CPU_EXEC, &w);
        pa = w.pa;
    }
    for (unsigned physical = 0; physical < (d->stops.n_physes && w.ok ? 2 : 1); physical++) {
        size_t n;
        const struct stop_code *at = stops_at_code(&d->stops, physical ? pa : va, physical, &n);
        for (size_t i = 0; i < n; i++)
            if (at[i].point && judge_point(d, at[i].point, c) && !first)
                first = at[i].point;
    }
    return first;
}

static struct stop_point *watch_hit(struct debugger *d, struct cpu *c, u8 before[WATCH_MAX_BYTES])
{
    const struct stops *s = &d->stops;
    const struct stop_watch *list = c->hit.port ? s->ports : s->watches;
    size_t n = c->hit.port ? s->n_ports : s->n_watches;
    u64 va = c->hit.addr & cpu_addr_mask(c), len = c->hit.size ? c->hit.size : 1;
    struct stop_point *first = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct cpu_watch *w = &list[i].watch;
        struct stop_point *p = list[i].point;
        u64 at = w->physical ? c->hit.paddr : va;
        if (!p || !(w->access & c->hit.access) || at > w->addr + (w->len - 1) || w->addr > at + (len - 1))
            continue;
        u8 was[WATCH_MAX_BYTES];
        memcpy(was, p->old, sizeof was);
        if (!judge_point(d, p, c) || first)
            continue;
        first = p;
        memcpy(before, was, sizeof was);
    }
    return first;
}

/* What was heard since the last stop, and what was due. */
static struct stop_point *event_hit(struct debugger *d, struct cpu *c)
{
    struct stop_point *first = NULL;
    for (struct stop_point *p = d->stops.list; p; p = p->next) {
        if (!p->happened && !(p->enabled && p->kind->passed))
            continue;
        p->happened = false;
        if (judge_point(d, p, c) && !first)
            first = p;
    }
    stops_arm_soon(&d->stops, d->machine);
    return first;
}

/* Judges why the machine came back. False: nobody wants to know, go on. */
bool run_judge(struct debugger *d, enum machine_stop why, struct stop_report *r)
{
    struct machine *m = d->machine;
    r->why = why;
    r->point = NULL;
    if (!d->dead)
        d->exit_code = why == MACHINE_IDLE ? 3 : 0; /* of a batch that ends here */
    switch (why) {
    case MACHINE_BREAK:
        r->point = break_hit(d, m->stop.cpu);
        if (!r->point)
            return false;
        r->reason = REASON_BREAKPOINT;
        break;
    case MACHINE_WATCH:
        r->point = watch_hit(d, m->stop.cpu, r->before);
        if (!r->point) {
            if (d->stops.stale)
                stops_arm(&d->stops, m);
            return false;
        }
        r->reason = REASON_WATCHPOINT;
        break;
    case MACHINE_EVENT:
        r->point = event_hit(d, m->stop.cpu);
        if (!r->point)
            return false;
        r->reason = REASON_EVENT;
        break;
    case MACHINE_REACHED:
        r->reason = d->interrupted ? REASON_INTERRUPTED : REASON_ARRIVED;
        return true;
    case MACHINE_STORY:
        debugger_select_cpu(d, m->stop.cpu);
        r->reason = REASON_MACHINE;
        if (!d->dead)
            d->exit_code = 3;
        break;
    default:
        r->reason = REASON_MACHINE;
        d->dead = ended(why) && !(why == MACHINE_REPLAY_END && d->machine->history); /* it lives on, or goes back */
        break;
    }
    if (d->stops.stale)
        stops_arm(&d->stops, m);
    if (m->stop.cpu && (why == MACHINE_BREAK || why == MACHINE_WATCH || why == MACHINE_EVENT))
        debugger_select_cpu(d, m->stop.cpu);
    return true;
}

static void skip_here(struct debugger *d)
{
    cpu_skip_stop(d->cpu);
}

/* What is compared is compared with what is there when the run begins. */
void run_begin(struct debugger *d, struct stop_report *r)
{
    *r = (struct stop_report){ .reason = REASON_STEPPED, .why = MACHINE_REACHED, .until = CLOCK_NEVER };
    d->interrupted = 0;
    debugger_changed(d);
    d->selected = 0;
    for (struct stop_point *p = d->stops.list; p; p = p->next) {
        p->happened = false;
        if (p->kind->begin)
            p->kind->begin(d, p);
    }
    skip_here(d);
}

void run_end(struct debugger *d)
{
    d->stops.n_internal = 0;
    stops_arm(&d->stops, d->machine);
    debugger_changed(d);
}

void run_continue(struct debugger *d, u64 until, struct stop_report *r)
{
    run_begin(d, r);
    stops_arm(&d->stops, d->machine);
    while (!run_judge(d, resume(d, until), r))
        ;
    r->until = until;
    run_end(d);
}

bool run_stopped(struct debugger *d, enum machine_stop why)
{
    struct stop_report r = { .reason = REASON_STEPPED };
    debugger_changed(d);
    d->selected = 0;
    if (!run_judge(d, why, &r) || script_stopped(d, &r))
        return false;
    run_end(d);
    r.hooked = true;
    report_stop(d, &r);
    return true;
}

struct goal {
    u64 pc, min_sp; /* there with the stack pointer at or above it */
};

/* Runs the selected hart to one of `n` goals. True: there; false: something else stopped it, and *r says what. */
static bool run_until(struct debugger *d, const struct goal *goals, size_t n, struct stop_report *r)
{
    d->stops.n_internal = 0;
    for (size_t i = 0; i < n; i++)
        stops_internal_add(&d->stops, goals[i].pc);
    stops_arm(&d->stops, d->machine);
    bool there = false;
    struct cpu *me = d->cpu;
    skip_here(d);
    for (;;) {
        enum machine_stop why = resume(d, CLOCK_NEVER);
        if (why == MACHINE_BREAK && d->machine->stop.cpu == me) {
            u64 pc = debugger_pc(d);
            for (size_t i = 0; i < n; i++)
                there |= pc == goals[i].pc && isa_sp(d->cpu) >= goals[i].min_sp;
        }
        if (run_judge(d, why, r)) {
            there = false; /* a person's own stop point says more */
            break;
        }
        if (there)
            break;
    }
    d->stops.n_internal = 0;
    stops_arm(&d->stops, d->machine);
    return there;
}

static bool run_back(struct debugger *d, u64 pc, u64 min_sp, struct stop_report *r)
{
    struct goal goal = { pc, min_sp };
    return run_until(d, &goal, 1, r);
}

/* One instruction of the selected hart. False: something stopped it, *r says what. */
static bool one_insn(struct debugger *d, struct stop_report *r)
{
    for (;;) {
        enum machine_stop why = d->host.step ? d->host.step(d->host.opaque, d->machine, d->cpu)
                                             : machine_step(d->machine, d->cpu);
        if (why == MACHINE_REACHED) {
            if (!d->interrupted)
                return true;
            r->why = why;
            r->reason = REASON_INTERRUPTED;
            return false;
        }
        if (run_judge(d, why, r))
            return false;
        if (why == MACHINE_WATCH && machine_stepped(d->machine, d->cpu))
            return true; /* the instruction is done; nobody wants the hit */
    }
}

/* A step that ends on a breakpoint is a hit of it. */
static bool landed_on_break(struct debugger *d, struct stop_report *r)
{
    struct stop_point *p = break_hit(d, d->cpu);
    if (!p)
        return false;
    r->why = MACHINE_BREAK;
    r->reason = REASON_BREAKPOINT;
    r->point = p;
    return true;
}

static bool called(struct debugger *d, const struct moment *m)
{
    return isa_now(d->cpu)->called(d->cpu, m);
}

void run_stepi(struct debugger *d, u64 count, bool over, struct stop_report *r)
{
    u64 low = 0, high = 0;
    symbols_function_at(d->syms, debugger_pc(d), &low, &high, NULL);
    run_begin(d, r);
    stops_arm(&d->stops, d->machine);
    while (count--) {
        struct moment m;
        isa_moment(d->cpu, &m);
        if (!one_insn(d, r))
            break;
        if (over && called(d, &m) && !run_back(d, m.next, m.sp, r))
            break;
        if (landed_on_break(d, r))
            break;
    }
    r->new_frame = debugger_pc(d) < low || debugger_pc(d) >= high;
    run_end(d);
}

/* What a step by lines began with. */
struct line_start {
    const char *file; /* "": no line */
    int line;
    u64 scope; /* of frame_scope_id() */
};

static struct line_start started(struct debugger *d)
{
    const struct frame *f = debugger_frame(d, 0);
    struct line_start at = { .file = "", .scope = frame_scope_id(d->syms, f) };
    const char *file;
    if (frame_line(d->syms, f, &file, &at.line))
        at.file = file;
    return at;
}

enum arrival { ARRIVED_NOWHERE, ARRIVED_AT_CALL, ARRIVED_INSIDE };

/* A step within a function may have come to an inlined call, or into one. At its beginning it is shown as the call, if that is
 * on another line; within the line it started on, `step` goes in and `next` through. */
static enum arrival inlined_call(struct debugger *d, enum line_step how, const struct line_start *start)
{
    const char *file;
    int line;
    struct frame f;
    debugger_changed(d);
    unsigned hidden = frame_inlined_begin(d->syms, debugger_pc(d));
    frame_innermost(d->syms, d->cpu, &f);
    for (f.inlined = hidden; f.inlined; f.inlined--) {
        if (frame_scope_id(d->syms, &f) != start->scope || !frame_line(d->syms, &f, &file, &line))
            continue;
        bool same = line == start->line && !strcmp(file, start->file);
        if (same && how != STEP_INTO)
            return ARRIVED_INSIDE;
        debugger_hide(d, same ? f.inlined - 1 : f.inlined);
        return ARRIVED_AT_CALL;
    }
    if (frame_scope_id(d->syms, &f) == start->scope)
        return ARRIVED_NOWHERE;
    struct frame up;
    const char *why;
    while (frame_caller(d->syms, d->cpu, &f, &up, &why) && up.inlined) {
        if (frame_scope_id(d->syms, &up) == start->scope)
            return how == STEP_INTO ? ARRIVED_AT_CALL : ARRIVED_INSIDE; /* in its middle: the compiler moved it about */
        f = up;
    }
    return ARRIVED_NOWHERE;
}

void run_line(struct debugger *d, enum line_step how, struct stop_report *r)
{
    struct source_pos pos;
    u64 low, high, start_pc = debugger_pc(d);
    struct isa_trap t;
    struct line_start start = started(d);
    unsigned hidden = debugger_hidden(d);
    run_begin(d, r);
    if (hidden && how == STEP_INTO) { /* into the inlined call we stand at: nothing is executed */
        debugger_hide(d, hidden - 1);
        r->new_frame = true;
        run_end(d);
        return;
    }
    stops_arm(&d->stops, d->machine);
    bool lines = symbols_line_at(d->syms, start_pc, &pos);
    const char *name = NULL;
    if (!symbols_function_at(d->syms, start_pc, &low, &high, &name)) {
        if (!lines) {
            debug_printf(d, "Cannot find bounds of current function: stepping one instruction.\n");
            if (one_insn(d, r))
                landed_on_break(d, r);
            run_end(d);
            return;
        }
        low = pos.low;
        high = pos.high;
    }
    if (!lines) {
        debug_printf(d, "Single stepping until exit from function %s,\nwhich has no line number information.\n",
                     name ? name : "?");
        pos.low = low;
        pos.high = high;
    }
    u64 sp0 = isa_sp(d->cpu);
    for (;;) {
        struct moment m;
        isa_moment(d->cpu, &m);
        if (!one_insn(d, r))
            break;
        u64 pc = debugger_pc(d);
        if (called(d, &m)) {
            struct source_pos entry;
            if (how == STEP_INTO && symbols_line_at(d->syms, pc, &entry)) {
                r->new_frame = true;
                u64 body = symbols_after_prologue(d->syms, pc);
                if ((body == pc || run_back(d, body, 0, r)) && !landed_on_break(d, r))
                    debugger_hide(d, frame_inlined_begin(d->syms, body));
                break;
            }
            if (landed_on_break(d, r) || !run_back(d, m.next, m.sp, r))
                break;
            pc = debugger_pc(d);
        } else if ((pc < low || pc >= high) && isa_now(d->cpu)->trapped(d->cpu, &m, low, high, &t) &&
                   (t.interrupt || how != STEP_INTO)) {
            struct goal goals[2] = { { t.back[0], m.sp }, { t.back[1], m.sp } };
            if (!run_until(d, goals, t.n_back, r))
                break;
            pc = debugger_pc(d);
        }
        if (landed_on_break(d, r))
            break;
        if (pc >= pos.low && pc < pos.high)
            continue;
        if (how == STEP_UNTIL && pc >= low && pc < high && pc <= start_pc)
            continue; /* `until` does not go round a loop again */
        bool inside = pc >= low && pc < high && isa_sp(d->cpu) <= sp0;
        struct source_pos now;
        if (!symbols_line_at(d->syms, pc, &now)) {
            if (!inside) {
                r->new_frame = true;
                break; /* returned into code without lines */
            }
            continue;
        }
        if (!inside) {
            r->new_frame = r->new_frame || pc < low || pc >= high || isa_sp(d->cpu) > sp0;
            if (now.at_start)
                break;
            /* Returned (or jumped) into the middle of a line: to its end, from which `step` still goes into calls. */
            if (!symbols_function_at(d->syms, pc, &low, &high, &name)) {
                low = now.low;
                high = now.high;
            }
            pos = now;
            debugger_changed(d);
            start = started(d);
            if (now.at_row) /* a piece that is no statement: one of the same line may follow */
                start.line = 0;
            lines = true;
            sp0 = isa_sp(d->cpu);
            continue;
        }
        enum arrival at = lines && start.scope ? inlined_call(d, how, &start) : ARRIVED_NOWHERE;
        if (at == ARRIVED_AT_CALL) {
            u64 scope = frame_scope_id(d->syms, debugger_frame(d, 0));
            r->new_frame |= scope != start.scope;
            break;
        }
        if (at == ARRIVED_INSIDE)
            continue;
        if (!lines || now.line != start.line || strcmp(now.file, start.file)) {
            debugger_changed(d);
            struct line_start other = started(d);
            if (now.at_start) {
                r->new_frame |= start.scope && other.scope != start.scope;
                break;
            }
            if (lines && now.at_row && other.scope == start.scope)
                continue; /* pieces that are no statements: as if still on the line */
            start = other;
        }
        pos = now; /* another block of the same line, or the middle of another: step through it */
    }
    run_end(d);
}

/* An inlined call has no return address: step over lines until the pc is out of it. */
static void leave_inlined(struct debugger *d, struct stop_report *r)
{
    Dwarf_Die die = { 0 };
    struct symfile *f = NULL;
    if (!frame_function(d->syms, debugger_frame(d, d->selected), &die, &f) || !f)
        return;
    for (unsigned n = 0; n < 100000; n++) {
        run_line(d, STEP_OVER, r);
        if (r->reason != REASON_STEPPED || dwarf_haspc(&die, (debugger_pc(d) & f->mask) - f->bias) <= 0)
            break;
    }
    r->new_frame = true;
}

bool run_finish(struct debugger *d, struct stop_report *r, struct err *e)
{
    unsigned level = d->selected;
    const struct frame *f = debugger_frame(d, level), *up;
    if (!f)
        return err_set(e, "there is no frame");
    up = debugger_frame(d, level + 1);
    f = debugger_frame(d, level); /* the list may have moved */
    if (up && !level && up->inlined > f->inlined) {
        debug_printf(d, "Run till exit from ");
        show_frame(d, f, true, false);
        leave_inlined(d, r);
        return true;
    }
    while ((up = debugger_frame(d, level + 1)) && up->inlined > 0 && !strcmp(up->how, "inlined"))
        level++; /* an inlined call returns to nowhere: the real function does */
    if (!up)
        return err_set(e, "\"finish\" not meaningful in the outermost frame (%s).",
                       d->frames_end ? d->frames_end : "no caller is known");
    f = debugger_frame(d, d->selected);
    u64 inside = debugger_frame(d, level)->lookup_pc, back = up->pc, sp = frame_sp(up);
    debug_printf(d, "Run till exit from ");
    show_frame(d, f, true, false);
    run_begin(d, r);
    if (run_back(d, back, sp, r)) {
        r->reason = REASON_ARRIVED;
        r->function_ended = inside;
    }
    run_end(d);
    return true;
}

void run_to(struct debugger *d, const struct place *to, bool any_frame, struct stop_report *r)
{
    const struct frame *up = debugger_frame(d, d->selected + 1), *f = debugger_frame(d, d->selected);
    struct goal goals[STOP_MAX_PLACES + 1];
    size_t n = 0;
    u64 low = 0, high = 0, sp = f ? frame_sp(f) : 0;
    if (!any_frame && f)
        symbols_function_at(d->syms, f->lookup_pc, &low, &high, NULL);
    for (; n < to->n && n < STOP_MAX_PLACES; n++)
        goals[n] = (struct goal){ to->addrs[n], to->addrs[n] >= low && to->addrs[n] < high ? sp : 0 };
    for (unsigned level = d->selected + 1; up && up->inlined; level++)
        up = debugger_frame(d, level + 1);
    if (up)
        goals[n++] = (struct goal){ up->pc, frame_sp(up) };
    run_begin(d, r);
    if (run_until(d, goals, n, r)) {
        r->reason = REASON_STEPPED;
        r->new_frame = true;
    }
    run_end(d);
}
