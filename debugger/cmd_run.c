/* Commands that let the guest go on, and those about the session itself. */
#include "debugger/commands.h"
#include "debugger/stop_kinds.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/script.h"

static bool alive(struct debugger *d, struct err *e)
{
    if (d->dead)
        return err_set(e, "The guest has ended; `load FILE` goes back to a snapshot, `quit` leaves.");
    return debugger_may_run(d, e);
}

HANDLER(cmd_continue)
{
    u64 n;
    struct stop_report r;
    if (!alive(d, e) || !parse_count(d, args, 1, &n, e))
        return false;
    if (n > 1) { /* pass the stop point we stand on n-1 times */
        for (struct stop_point *p = d->stops.list; p; p = p->next)
            if (stop_has_addr(p, debugger_pc(d))) {
                p->ignore = n - 1;
                debug_printf(d, "Will ignore next %llu crossings of breakpoint %d.  Continuing.\n",
                             (unsigned long long)(n - 1), p->number);
            }
    } else {
        debug_printf(d, "Continuing.\n");
    }
    run_continue(d, CLOCK_NEVER, &r);
    report_stop(d, &r);
    return true;
}

/* POSITION, or anything a stop point can be on. */
HANDLER(cmd_run_until)
{
    u64 position;
    struct stop_report r;
    if (!alive(d, e))
        return false;
    if (!isdigit((u8)*args) && *args != '(' && *args != '$') {
        if (!stop_until(d, args, e))
            return false;
        run_continue(d, CLOCK_NEVER, &r);
        report_stop(d, &r);
        return true;
    }
    if (!debugger_eval(d, args, &position, e))
        return false;
    if (position < machine_position(d->machine))
        return err_set(e, "run-until: position %llu has passed (it is %llu now); `goto` goes back",
                       (unsigned long long)position, (unsigned long long)machine_position(d->machine));
    run_continue(d, position, &r);
    report_stop(d, &r);
    return true;
}

static bool lines(struct debugger *d, const char *args, enum line_step how, struct err *e)
{
    u64 n;
    struct stop_report r = { .reason = REASON_STEPPED };
    bool new_frame = false;
    if (!alive(d, e) || !parse_count(d, args, 1, &n, e))
        return false;
    if (!n)
        return true;
    while (n-- && r.reason == REASON_STEPPED) {
        run_line(d, how, &r);
        new_frame |= r.new_frame;
        r.new_frame = new_frame;
    }
    report_stop(d, &r);
    return true;
}

HANDLER(cmd_step)
{
    return lines(d, args, STEP_INTO, e);
}

HANDLER(cmd_next)
{
    return lines(d, args, STEP_OVER, e);
}

static bool insns(struct debugger *d, const char *args, bool over, struct err *e)
{
    u64 n;
    struct stop_report r;
    if (!alive(d, e) || !parse_count(d, args, 1, &n, e))
        return false;
    if (!n)
        return true;
    run_stepi(d, n, over, &r);
    report_stop(d, &r);
    return true;
}

HANDLER(cmd_stepi)
{
    return insns(d, args, false, e);
}

HANDLER(cmd_nexti)
{
    return insns(d, args, true, e);
}

HANDLER(cmd_finish)
{
    struct stop_report r;
    if (!alive(d, e) || !run_finish(d, &r, e))
        return false;
    report_stop(d, &r);
    return true;
}

static bool to_place(struct debugger *d, const char *args, bool any_frame, struct err *e)
{
    struct place p;
    struct stop_report r;
    if (!alive(d, e) || !place_resolve(d, args, &p, e))
        return false;
    run_to(d, &p, any_frame, &r);
    report_stop(d, &r);
    return true;
}

HANDLER(cmd_until)
{
    return *args ? to_place(d, args, false, e) : lines(d, args, STEP_UNTIL, e);
}

HANDLER(cmd_advance)
{
    return to_place(d, args, true, e);
}

HANDLER(cmd_jump)
{
    struct place p;
    if (!alive(d, e) || !place_resolve(d, args, &p, e))
        return false;
    if (debugger_untouchable(d))
        return err_set(e, "cannot jump: %s", debugger_untouchable(d));
    debug_printf(d, "Continuing at 0x%llx.\n", (unsigned long long)p.addrs[0]);
    machine_edit(d->machine);
    d->cpu->ops->set_pc(d->cpu, p.addrs[0] - (cpu_linear_pc(d->cpu) - d->cpu->ops->get_pc(d->cpu)));
    return cmd_continue(d, "", e);
}

HANDLER(cmd_thread)
{
    u64 n;
    if (*args) {
        if (!strncmp(args, "apply", 5))
            return err_set(e, "thread apply is not there; select a hart with `thread N`, then ask");
        if (!debugger_eval(d, args, &n, e))
            return false;
        if (n >= d->machine->n_cpus)
            return err_set(e, "Unknown hart %lld: this machine has 0 to %u.", (long long)n, d->machine->n_cpus - 1);
        debugger_select_cpu(d, d->machine->cpus[n]);
    }
    debug_printf(d, "[Current hart is %u (%s)]\n", d->cpu->index, d->cpu->name);
    show_process(d);
    show_where(d, SHOW_FRAME);
    return true;
}

HANDLER(cmd_position)
{
    struct machine *m = d->machine;
    debug_printf(d, "position %llu", (unsigned long long)machine_position(m));
    for (unsigned i = 0; i < m->n_cpus; i++)
        debug_printf(d, "  %s %llu", m->cpus[i]->name, (unsigned long long)m->cpus[i]->retired);
    debug_printf(d, "\n");
    return true;
}

HANDLER(cmd_hash)
{
    debug_printf(d, "%016llx\n", (unsigned long long)machine_hash(d->machine));
    return true;
}

HANDLER(cmd_save)
{
    if (!d->host.save)
        return err_set(e, "save: snapshots cannot be written from here");
    if (!d->host.save(d->host.opaque, d->machine, args, e))
        return false;
    debug_printf(d, "Saved position %llu to %s.\n", (unsigned long long)machine_position(d->machine), args);
    return true;
}

HANDLER(cmd_load)
{
    if (!d->host.load)
        return err_set(e, "load: snapshots cannot be read from here");
    if (d->rights != MAY_ALL)
        return err_set(e, "load: %s", debugger_untouchable(d));
    bool ok = d->host.load(d->host.opaque, d->machine, args, e);
    debugger_changed(d); /* a failure may have reset the machine */
    d->selected = 0;
    d->dead = d->dead && !ok;
    stops_arm(&d->stops, d->machine);
    if (ok) {
        debug_printf(d, "At position %llu.\n", (unsigned long long)machine_position(d->machine));
        show_where(d, SHOW_FRAME);
    }
    return ok;
}

HANDLER(cmd_tui)
{
    d->wants_screen = true;
    return true;
}

HANDLER(cmd_echo)
{
    struct buf out = { 0 };
    for (const char *s = args; *s; s++) {
        if (*s == '\\' && s[1]) {
            s++;
            buf_printf(&out, "%c", *s == 'n' ? '\n' : *s == 't' ? '\t' : *s == 'e' ? 27 : *s);
        } else {
            buf_printf(&out, "%c", *s);
        }
    }
    debug_write(d, &out);
    buf_free(&out);
    return true;
}

HANDLER(cmd_lua)
{
    return script_run(d, "=lua", args, strlen(args), e);
}

HANDLER(cmd_source)
{
    struct buf text = { 0 };
    size_t len = strlen(args);
    if (len > 4 && !strcmp(args + len - 4, ".lua"))
        return script_source(d, args, e);
    if (d->source_depth > 16)
        return err_set(e, "source: %s: scripts call one another more than 16 deep", args);
    if (!d->host.read_file)
        return err_set(e, "source: files cannot be read from here");
    if (!d->host.read_file(d->host.opaque, args, &text, e)) {
        buf_free(&text);
        return false;
    }
    d->source_depth++;
    bool ok = true;
    int number = 0;
    char *s = xstrdup(buf_cstr(&text)), *line = s;
    while (line && ok && !d->quit && !d->interrupted) {
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        number++;
        ok = debugger_execute(d, line);
        line = end ? end + 1 : NULL;
    }
    d->source_depth--;
    d->collecting = NULL;
    free(s);
    buf_free(&text);
    if (!ok) {
        if (e)
            err_set(e, "%s:%d: Error in sourced command file.", args, number);
        return false;
    }
    return true;
}

HANDLER(cmd_quit)
{
    u64 code;
    if (*args) {
        if (!debugger_eval(d, args, &code, e))
            return false;
        d->exit_code = (int)(code & 0xff);
    }
    d->quit = true;
    return true;
}

static void bind_again(struct debugger *d);

/* What was made from the symbols goes with them. */
void debugger_forget_symbols(struct debugger *d, struct symfile *f)
{
    while (d->vars) {
        struct convenience *v = d->vars;
        d->vars = v->next;
        free(v);
    }
    for (struct stop_point *p = d->stops.list; p; p = p->next) {
        expr_free(p->condition);
        p->condition = NULL;
        p->type = NULL;
    }
    free(d->list_file);
    d->list_file = NULL;
    if (f)
        symbols_remove(d->syms, f);
    else
        symbols_clear(d->syms);
    debugger_changed(d);
    bind_again(d);
}

/* Conditions and types again, from the new symbols. */
static void bind_again(struct debugger *d)
{
    struct expr_env env = debugger_env(d);
    struct err e;
    for (struct stop_point *p = d->stops.list; p; p = p->next) {
        if (p->kind->begin == stop_begin_memory)
            p->type = type_array(d->syms, type_builtin(d->syms, TYPE_CHAR, 1, false, "unsigned char"), p->len);
        if (p->condition_text && !(p->condition = expr_compile(&env, p->condition_text, &e))) {
            debug_printf(d, "Breakpoint %d is disabled: its condition means nothing now: %s\n", p->number, e.text);
            p->enabled = false;
        }
    }
    stops_arm(&d->stops, d->machine);
}
