/* The Debug Adapter Protocol: launching, running forwards and backwards, and what is told when the machine stops. */
#include "debugger/dap_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/stop_kinds.h"
#include "machine/history.h"

/* --- the machine -------------------------------------------------------------------------------------------------------- */

void dap_drop_machine(struct dap *p)
{
    dap_refs_forget(p);
    dap_points_forget(p, false);
    free(p->exception);
    p->exception = NULL;
    p->n_targets = 0;
    p->d = NULL;
    p->going = p->ended = false;
}

static bool asked(const struct dap *p, const char *name, bool otherwise)
{
    const json_t *o = json_object_get(p->launch, name);
    return json_is_boolean(o) ? json_is_true(o) : otherwise;
}

/* Before anybody sets a stop point: to its end, which tells itself what it is, or where the client wants to be. */
static void enter_recording(struct dap *p)
{
    struct debugger *d = p->d;
    struct err e = { "" };
    i64 at;
    bool end = !get_int(p->launch, "at", &at);
    if (!d->machine->history)
        return;
    run_begin(d, &p->entry);
    enum machine_stop why = history_run(d->machine->history, end ? CLOCK_NEVER : (u64)at, &e);
    run_judge(d, why, &p->entry);
    run_end(d);
    p->entry.why = why;
    debugger_changed(d);
    if (e.text[0])
        dap_say(p, "console", "%s\n", e.text);
}

/* From p->launch. */
static bool make_machine(struct dap *p, struct err *e)
{
    json_t *list = json_object_get(p->launch, "args"), *word;
    struct dap_launch l = { .program = get_text(p->launch, "program"), .cwd = get_text(p->launch, "cwd"),
                            .script = get_text(p->launch, "script"), .history = get_text(p->launch, "history"),
                            .recording = p->attached ? get_text(p->launch, "recording") : NULL,
                            .snapshot = p->attached ? get_text(p->launch, "snapshot") : NULL };
    const char **words = xcalloc(json_array_size(list) + 1, sizeof *words);
    size_t i;
    if (list && !json_is_array(list) && !json_is_null(list)) {
        free(words);
        return err_set(e, "launch: 'args' is an array of words, as they stand on the command line of 'orrery debug'");
    }
    json_array_foreach(list, i, word) {
        words[i] = json_string_value(word);
        if (!words[i]) {
            free(words);
            return err_set(e, "launch: 'args' holds something that is no string");
        }
    }
    l.args = words;
    l.n_args = i;
    dap_drop_machine(p);
    struct debugger *d = p->host.launch(p->host.opaque, &l, e);
    free(words);
    p->d = d;
    p->entry = (struct stop_report){ .why = MACHINE_REACHED };
    if (d && l.recording)
        enter_recording(p);
    /* Who attaches wants to look. */
    p->stop_on_entry = asked(p, "stopOnEntry", p->attached);
    p->stop_at_end = asked(p, "stopAtEnd", l.recording);
    p->no_debug = json_is_true(json_object_get(p->launch, "noDebug"));
    return d != NULL;
}

static json_t *begin(struct dap *p, json_t *args, bool attach, struct err *e)
{
    static const char *const texts[] = { "program", "cwd", "script", "history", "recording", "snapshot" };
    const char *name = attach ? "attach" : "launch";
    if (p->launched)
        return failed(e, "%s: there is a machine already; 'restart' builds it again", name);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_t *o = json_object_get(args, texts[i]);
        if (o && !json_is_string(o) && !json_is_null(o))
            return failed(e, "%s: '%s' is a string", name, texts[i]);
    }
    json_decref(p->launch);
    p->launch = args ? json_incref(args) : json_object();
    p->attached = attach;
    if (!make_machine(p, e))
        return NULL;
    p->launched = true;
    p->act = ACT_INITIALIZED;
    return json_null();
}

REQUEST(dap_launch) { return begin(p, args, false, e); }

REQUEST(dap_attach)
{
    i64 at;
    bool recording = get_text(args, "recording"), snapshot = get_text(args, "snapshot");
    if (recording && snapshot)
        return failed(e, "attach: a 'recording' or a 'snapshot', not both");
    if (!recording && !snapshot)
        return failed(e, "attach: it needs a 'recording', or a 'snapshot' and the 'program' and 'args' of its machine. To look at a "
                         "machine that runs, start it with -gdb and use gdb");
    if (recording && get_text(args, "program"))
        return failed(e, "attach: a recording says itself what its 'program' was");
    if (recording && get_text(args, "history") && !strcmp(get_text(args, "history"), "off"))
        return failed(e, "attach: a recording is looked at by going through its history, which is off");
    if (json_object_get(args, "at") && (!recording || !get_int(args, "at", &at) || at < 0))
        return failed(e, "attach: 'at' is a position in a recording");
    return begin(p, args, true, e);
}

REQUEST(dap_configuration_done)
{
    if (p->configured)
        return failed(e, "configurationDone was there already");
    p->configured = true;
    p->act = ACT_START;
    return json_null();
}

REQUEST(dap_restart)
{
    json_t *newer = json_object_get(args, "arguments");
    if (json_is_object(newer)) {
        json_decref(p->launch);
        p->launch = json_incref(newer);
    }
    if (!make_machine(p, e)) {
        p->ended = true;
        dap_event(p, "terminated", NULL);
        return NULL;
    }
    dap_points_again(p);
    p->configured = true;
    p->act = ACT_RESTART;
    return json_null();
}

REQUEST(dap_disconnect)
{
    p->act = ACT_END;
    return json_null();
}

REQUEST(dap_terminate)
{
    if (!p->ended)
        dap_event(p, "terminated", NULL);
    p->ended = true;
    return json_null();
}

REQUEST(dap_threads)
{
    json_t *body = json_object(), *list = json_array();
    const struct machine *m = p->d->machine;
    for (unsigned i = 0; i < m->n_cpus; i++) {
        json_t *o = json_object();
        put_int(o, "id", i + 1);
        put_text(o, "name", m->cpus[i]->name);
        json_array_append_new(list, o);
    }
    json_object_set_new(body, "threads", list);
    return body;
}

/* --- what is told ------------------------------------------------------------------------------------------------------- */

static void tell_end(struct dap *p)
{
    if (p->ended)
        return;
    p->ended = true;
    p->going = false;
    json_t *body = json_object();
    put_int(body, "exitCode", (u64)p->d->exit_code);
    dap_event(p, "exited", body);
    dap_event(p, "terminated", NULL);
}

void dap_tell_stopped(struct dap *p, const char *reason, const char *description, const char *text, int id)
{
    json_t *body = json_object();
    p->going = false;
    dap_refs_forget(p);
    put_text(body, "reason", reason);
    put_text(body, "description", description);
    put_text(body, "text", text);
    put_int(body, "threadId", p->d->cpu->index + 1);
    put_bool(body, "allThreadsStopped", true);
    if (id) {
        json_t *ids = json_array();
        json_array_append_new(ids, json_integer(id));
        json_object_set_new(body, "hitBreakpointIds", ids);
    }
    dap_event(p, "stopped", body);
}

void dap_tell_going(struct dap *p)
{
    json_t *body = json_object();
    p->going = true;
    put_int(body, "threadId", p->d->cpu->index + 1);
    put_bool(body, "allThreadsContinued", true);
    dap_event(p, "continued", body);
}

static void tell_exception(struct dap *p, const char *id, const char *text, int point)
{
    free(p->exception);
    p->exception = xstrdup(text);
    p->exception_id = id;
    char *first = xprintf("%.*s", (int)strcspn(text, "\n"), text);
    dap_tell_stopped(p, "exception", first, text, point);
    free(first);
}

static void tell_machine(struct dap *p, const struct stop_report *r)
{
    struct machine *m = p->d->machine;
    char text[80];
    switch (r->why) {
    case MACHINE_STORY: tell_exception(p, "story", m->stop.text, 0); break;
    case MACHINE_PANIC: tell_exception(p, "panic", m->stop.text, 0); break;
    case MACHINE_DIVERGED: tell_exception(p, "diverged", m->stop.text, 0); break;
    case MACHINE_IDLE:
        dap_tell_stopped(p, "pause", "Every CPU waits for an interrupt, and nothing that could send one is armed", NULL, 0);
        break;
    case MACHINE_POWEROFF:
        snprintf(text, sizeof text, "The guest powered off with status %d", m->stop.code);
        if (m->history && (p->stop_at_end || m->stop.code))
            tell_exception(p, "end", text, 0);
        else
            tell_end(p);
        break;
    case MACHINE_RESET:
    case MACHINE_REPLAY_END:
        if (m->history && p->stop_at_end)
            tell_exception(p, "end", r->why == MACHINE_RESET ? "The guest asked for a reset"
                                    : m->stop.text[0]       ? m->stop.text
                                                            : "The recording is over", 0);
        else
            tell_end(p);
        break;
    default: dap_tell_stopped(p, "pause", "The machine stopped", NULL, 0); break;
    }
}

static void tell_point(struct dap *p, const struct stop_report *r, const struct stop_point *point)
{
    static const char *const names[POINT_KINDS] = {
        [POINT_SOURCE] = "breakpoint", [POINT_FUNCTION] = "function breakpoint",
        [POINT_INSTRUCTION] = "instruction breakpoint", [POINT_DATA] = "data breakpoint", [POINT_EXCEPTION] = "exception",
    };
    const struct dap_point *mine = dap_point(p, point->number);
    const char *reason = mine ? names[mine->kind] : r->reason == REASON_WATCHPOINT ? "data breakpoint" : "breakpoint";
    char *text = r->reason == REASON_EVENT
                     ? xprintf("%s: %s", point->kind->name, point->what[0] ? point->what : point->spec)
                     : xprintf("%s %d: %s", r->reason == REASON_WATCHPOINT ? "Watchpoint" : "Breakpoint", point->number, point->spec);
    if (mine && mine->kind == POINT_EXCEPTION)
        tell_exception(p, point->kind->name, text, mine->id);
    else
        dap_tell_stopped(p, reason, text, NULL, mine ? mine->id : 0);
    free(text);
}

/* The machine came back. */
static void tell(struct dap *p, struct stop_report *r, const char *step)
{
    struct debugger *d = p->d;
    if (d->quit) {
        tell_end(p);
        return;
    }
    if (p->leaving) {
        p->going = false;
        return;
    }
    report_scripts(d, r);
    if (r->reason == REASON_MACHINE || r->function_ended)
        report_stop(d, r); /* its words come before the event */
    switch (r->reason) {
    case REASON_BREAKPOINT:
    case REASON_EVENT:
    case REASON_WATCHPOINT: tell_point(p, r, r->point); break;
    case REASON_INTERRUPTED: dap_tell_stopped(p, "pause", "Paused", NULL, 0); break;
    case REASON_MACHINE: tell_machine(p, r); break;
    default: dap_tell_stopped(p, step, NULL, NULL, 0); break;
    }
    /* What the stop point has to say and to do, which may be to run on; it may be a temporary one. */
    u64 before = machine_position(d->machine);
    if (r->reason == REASON_WATCHPOINT || (r->point && (r->point->n_commands || r->point->temporary)))
        report_stop(d, r);
    dap_look(p, before);
    dap_points_told(p);
}

void dap_look(struct dap *p, u64 position_before)
{
    struct debugger *d = p->d;
    if (d->quit)
        tell_end(p);
    else if (!p->leaving && (p->going || machine_position(d->machine) != position_before))
        dap_tell_stopped(p, d->interrupted ? "pause" : "step", d->dead ? "The guest has ended" : NULL, NULL, 0);
}

/* --- runs --------------------------------------------------------------------------------------------------------------- */

static json_t *run(struct dap *p, json_t *args, enum dap_act act, struct err *e)
{
    i64 thread = get_int_or(args, "threadId", p->d->cpu->index + 1);
    const char *granularity = get_text(args, "granularity");
    bool back = act == ACT_STEP_BACK || act == ACT_REVERSE;
    if (thread < 1 || thread > p->d->machine->n_cpus)
        return failed(e, "there is no thread %lld: this machine has 1 to %u", (long long)thread, p->d->machine->n_cpus);
    if (!p->configured)
        return failed(e, "nothing runs before configurationDone");
    if (back && !p->d->machine->history)
        return failed(e, "the past is not kept here: launch without \"history\": \"off\"");
    if (!back && p->ended)
        return failed(e, "the guest has ended");
    p->how.cpu = (unsigned)thread - 1;
    p->how.by_instruction = granularity && !strcmp(granularity, "instruction");
    p->act = act;
    p->going = true;
    dap_refs_forget(p);
    return json_null();
}

REQUEST(dap_continue)
{
    if (!run(p, args, ACT_CONTINUE, e))
        return NULL;
    json_t *body = json_object();
    put_bool(body, "allThreadsContinued", true);
    return body;
}
REQUEST(dap_next) { return run(p, args, ACT_NEXT, e); }
REQUEST(dap_step_in) { return run(p, args, ACT_STEP_IN, e); }
REQUEST(dap_step_out) { return run(p, args, ACT_STEP_OUT, e); }
REQUEST(dap_step_back) { return run(p, args, ACT_STEP_BACK, e); }
REQUEST(dap_reverse_continue) { return run(p, args, ACT_REVERSE, e); }

REQUEST(dap_pause)
{
    if (p->busy && p->going) {
        p->d->interrupted = 1;
        p->host.interrupt(p->host.opaque);
    }
    return json_null();
}

static void go_on(struct dap *p, struct stop_report *r)
{
    do
        run_continue(p->d, CLOCK_NEVER, r);
    while (r->why == MACHINE_STORY && !p->stories && !p->d->interrupted);
}

static void move(struct dap *p, enum dap_act act)
{
    struct debugger *d = p->d;
    struct stop_report r = { .reason = REASON_STEPPED };
    struct err e = { "" };
    bool ok = true, back = act == ACT_STEP_BACK || act == ACT_REVERSE, insn = p->how.by_instruction;
    debugger_select_cpu(d, d->machine->cpus[p->how.cpu]);
    d->selected = 0;
    d->interrupted = 0;
    p->going = true;
    free(p->exception);
    p->exception = NULL;
    dap_refs_forget(p);
    if (!back && d->dead) {
        tell_end(p);
        return;
    }
    switch (act) {
    case ACT_NEXT: insn ? run_stepi(d, 1, true, &r) : run_line(d, STEP_OVER, &r); break;
    case ACT_STEP_IN: insn ? run_stepi(d, 1, false, &r) : run_line(d, STEP_INTO, &r); break;
    case ACT_STEP_OUT: ok = run_finish(d, &r, &e); break;
    case ACT_STEP_BACK: ok = insn ? back_stepi(d, 1, true, &r, &e) : back_line(d, true, &r, &e); break;
    case ACT_REVERSE: ok = back_continue(d, &r, &e); break;
    default: go_on(p, &r); break;
    }
    if (!ok && e.text[0])
        dap_say(p, "console", "%s\n", e.text);
    if (!ok)
        r = (struct stop_report){ .reason = d->interrupted ? REASON_INTERRUPTED : REASON_ARRIVED };
    if (back && ok)
        d->interrupted = 0;
    tell(p, &r, act == ACT_REVERSE && ok ? "entry" : "step");
}

static void tell_entry(struct dap *p)
{
    if (p->entry.why == MACHINE_REACHED)
        dap_tell_stopped(p, "entry", NULL, NULL, 0);
    else
        tell(p, &p->entry, "entry");
}

void dap_do(struct dap *p, enum dap_act act)
{
    switch (act) {
    case ACT_INITIALIZED: dap_event(p, "initialized", NULL); return;
    case ACT_END: p->over = true; return;
    case ACT_GOTO: dap_tell_stopped(p, "goto", NULL, NULL, 0); return;
    case ACT_START:
    case ACT_RESTART:
        p->how.cpu = p->d->cpu->index;
        if (p->stop_on_entry) {
            tell_entry(p);
            return;
        }
        if (act == ACT_RESTART) /* who said launch knows it */
            dap_tell_going(p);
        break;
    default: break;
    }
    move(p, act);
}

/* --- goto --------------------------------------------------------------------------------------------------------------- */

REQUEST(dap_goto_targets)
{
    const char *path = get_text(json_object_get(args, "source"), "path");
    i64 line, reference = get_int_or(json_object_get(args, "source"), "sourceReference", 0);
    struct place *place = xcalloc(1, sizeof *place);
    bool ok = get_int(args, "line", &line);
    if (!ok)
        err_set(e, "gotoTargets: 'line' is missing");
    if (ok && reference > 0) {
        place->n = 1;
        ok = dap_listing_address(p, (u64)reference, dap_line_in(p, line), &place->addrs[0]) ||
             err_set(e, "there is no instruction in that line");
    } else if (ok) {
        char *text = xprintf("%s:%d", path ? base_name(path) : "", dap_line_in(p, line));
        ok = place_resolve(p->d, text, place, e);
        free(text);
    }
    json_t *list = json_array(), *body = json_object();
    for (size_t i = 0; ok && i < place->n; i++) {
        char name[256];
        json_t *o = json_object();
        p->targets = xrealloc(p->targets, (p->n_targets + 1) * sizeof *p->targets);
        p->targets[p->n_targets++] = place->addrs[i];
        symbols_format(p->d->syms, place->addrs[i], name, sizeof name);
        put_int(o, "id", p->n_targets);
        put_text(o, "label", name[0] ? name : "there");
        json_object_set_new(o, "line", json_integer(place->file ? dap_line_out(p, place->line) : (int)line));
        put_hex(o, "instructionPointerReference", place->addrs[i]);
        json_array_append_new(list, o);
        if (p->n_targets >= 10000)
            p->n_targets = 0; /* who asks so much means the newest */
    }
    free(place);
    json_object_set_new(body, "targets", list);
    if (ok)
        return body;
    json_decref(body);
    return NULL;
}

REQUEST(dap_goto)
{
    struct debugger *d = p->d;
    i64 id = get_int_or(args, "targetId", 0), thread = get_int_or(args, "threadId", d->cpu->index + 1);
    const char *why = debugger_untouchable(d);
    if (id < 1 || (size_t)id > p->n_targets)
        return failed(e, "there is no target %lld", (long long)id);
    if (thread < 1 || thread > d->machine->n_cpus)
        return failed(e, "there is no thread %lld", (long long)thread);
    if (why)
        return failed(e, "the program counter cannot be changed: %s", why);
    debugger_select_cpu(d, d->machine->cpus[thread - 1]);
    machine_edit(d->machine);
    u64 base = cpu_linear_pc(d->cpu) - d->cpu->ops->get_pc(d->cpu);
    d->cpu->ops->set_pc(d->cpu, p->targets[id - 1] - base);
    debugger_changed(d);
    d->selected = 0;
    p->act = ACT_GOTO;
    return json_null();
}

/* --- exceptions and progress ---------------------------------------------------------------------------------------------- */

REQUEST(dap_exception_info)
{
    if (!p->exception)
        return failed(e, "the last stop was no exception");
    json_t *body = json_object(), *details = json_object();
    put_text(body, "exceptionId", p->exception_id);
    put_text(body, "description", p->exception);
    put_text(body, "breakMode", "always");
    put_text(details, "message", p->exception);
    json_object_set_new(body, "details", details);
    return body;
}

static void put_progress(struct dap *p, json_t *body, u64 from, u64 now, u64 to)
{
    char text[80];
    snprintf(text, sizeof text, "position %llu of %llu", (unsigned long long)now, (unsigned long long)to);
    put_text(body, "message", text);
    u64 all = to > from ? to - from : 1, done = now > from ? now - from : 0;
    put_int(body, "percentage", done >= all ? 100 : (u64)((double)done * 100 / (double)all));
}

void dap_progress(struct dap *p, u64 from, u64 now, u64 to)
{
    char id[32];
    if (!p->client.progress || !p->busy)
        return;
    json_t *body = json_object();
    snprintf(id, sizeof id, "past%u", p->progress_id + !p->progress_shown);
    put_text(body, "progressId", id);
    put_progress(p, body, from, now, to);
    if (!p->progress_shown) {
        p->progress_id++;
        put_text(body, "title", "Executing the past");
        put_bool(body, "cancellable", true);
    }
    dap_event(p, p->progress_shown ? "progressUpdate" : "progressStart", body);
    p->progress_shown = true;
}

void dap_progress_end(struct dap *p)
{
    char id[32];
    if (!p->progress_shown)
        return;
    json_t *body = json_object();
    snprintf(id, sizeof id, "past%u", p->progress_id);
    put_text(body, "progressId", id);
    p->progress_shown = false;
    dap_event(p, "progressEnd", body);
}
