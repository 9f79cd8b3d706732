/* `orrery debug`: the debugger in front of a machine. -ex and -x commands first, then the terminal unless --batch. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/dap.h"
#include "cli/session.h"
#include "cli/tui.h"
#include "debugger/debugger.h"
#include "debugger/linux.h"
#include "host/file/file.h"
#include "machine/history.h"

/* --stop-at and --max-instructions end a session of the debugger as they end a run. */
static enum machine_stop end_at_limit(struct session *s, enum machine_stop why)
{
    bool pass = why != MACHINE_LIMIT;
    if (!s->o->debug) /* the debugger is the monitor's: session_run() will see it */
        return MACHINE_REACHED;
    fprintf(stderr, "%s: --%s %llu reached\n", s->o->program, pass ? "stop-at" : "max-instructions",
            (unsigned long long)(pass ? s->o->stop_at : s->o->max_instructions));
    s->debugger->quit = true;
    s->debugger->dead = true;
    s->debugger->exit_code = pass ? EXIT_PASS : EXIT_LIMIT;
    return MACHINE_REACHED;
}

/* A person, or a signal, wants the machine to stop. */
static enum machine_stop interrupted(struct session *s, const struct host_result *r)
{
    s->debugger->interrupted = 1;
    if (r->request == HOST_QUIT || (r->request == HOST_SIGNAL && r->signal != SIGINT))
        s->debugger->quit = true;
    if (!s->o->debug && r->request != HOST_ASKED) /* the debugger is the monitor's: session_run() ends */
        host_loop_request(s->loop, r->request, r->signal);
    return MACHINE_REACHED;
}

/* Through the host loop, so that console, disks and network live while the machine runs. */
static enum machine_stop resume(struct session *s, struct machine *m, u64 until)
{
    u64 limit = s->o->stop_at;
    struct host_run_options run = { .pacing = s->o->pace == PACE_NONE ? HOST_UNPACED : HOST_REALTIME,
                                    .until = until < limit ? until : limit };
    for (;;) {
        struct host_result r = host_run(s->loop, m, &run);
        if (r.why == HOST_STOP_MACHINE) {
            int status;
            if (r.machine == MACHINE_SEMIHOST) {
                if (!session_semihost(s, m->stop.cpu, &status))
                    continue;
                m->stop = (struct machine_stop_info){ .why = MACHINE_POWEROFF, .code = status };
                return MACHINE_POWEROFF;
            }
            if (r.machine == MACHINE_LIMIT || (r.machine == MACHINE_REACHED && machine_position(m) >= limit))
                return end_at_limit(s, r.machine);
            return r.machine;
        }
        if (r.why == HOST_STOP_STUCK)
            return MACHINE_IDLE;
        if (r.request == HOST_ASKED && !dap_server_asked(s->dap))
            continue;
        return interrupted(s, &r);
    }
}

enum machine_stop session_resume(void *opaque, struct machine *m, u64 until)
{
    struct session *s = opaque;
    dap_server_runs(s->dap, true);
    enum machine_stop why = resume(s, m, until);
    dap_server_runs(s->dap, false);
    return why;
}

/* Looks outside where a plain run would, so that stepping does not move anybody's input. */
enum machine_stop session_step(void *opaque, struct machine *m, struct cpu *c)
{
    struct session *s = opaque;
    struct host_run_options run = { .pacing = HOST_UNPACED, .until = CLOCK_NEVER };
    dap_server_runs(s->dap, true);
    struct host_result r;
    do
        r = host_step(s->loop, m, c, &run);
    while (r.why == HOST_STOP_REQUEST && r.request == HOST_ASKED && !dap_server_asked(s->dap));
    dap_server_runs(s->dap, false);
    if (r.why == HOST_STOP_MACHINE)
        return r.machine == MACHINE_LIMIT ? end_at_limit(s, r.machine) : r.machine;
    return r.why == HOST_STOP_REQUEST ? interrupted(s, &r) : MACHINE_IDLE;
}

/* Symbols of what was loaded, when it is ELF. */
static void add_symbols(struct session *s, const struct blob *b)
{
    struct err e;
    if (b->size > 4 && !memcmp(b->data, "\177ELF", 4) &&
        !debugger_add_symbols(s->debugger, b->name, b->data, b->size, 0, &e))
        fprintf(stderr, "%s: warning: %s\n", s->o->program, e.text);
}

void session_symbols(struct session *s)
{
    if (s->has_symbols)
        return;
    s->has_symbols = true;
    add_symbols(s, &s->mc.kernel);
    s->linux_symbols = linux_notice_file(s->debugger, s->mc.kernel.name, s->mc.kernel.data, s->mc.kernel.size);
    add_symbols(s, &s->mc.bios);
    for (unsigned i = 0; i < s->mc.n_loaders; i++)
        add_symbols(s, &s->mc.loaders[i].file);
}

/* For stories: symbols are read when the first one is told. */
void session_name_code(void *opaque, u64 linear, char *out, size_t n)
{
    struct session *s = opaque;
    session_symbols(s);
    debugger_name_code(s->debugger->syms, linear, out, n);
}

/* --- the past ---------------------------------------------------------------------------------------------------- */

static void branched(void *opaque, u64 position, u64 end)
{
    struct session *s = opaque;
    const char *file = s->recording;
    s->recording = NULL;
    if (end > position)
        debug_printf(s->debugger, "[The timeline branches at position %llu: what came after, to %llu, is another life now "
                     "and forgotten.]\n", (unsigned long long)position, (unsigned long long)end);
    if (file)
        debug_printf(s->debugger, "[From position %llu on this is another life than the one in %s.]\n",
                     (unsigned long long)position, file);
}

static bool serve_again(void *opaque, struct cpu *c)
{
    int status;
    return !session_semihost(opaque, c, &status);
}

/* Long ways are shown, and can be left. */
static bool progress(void *opaque, u64 from, u64 now, u64 to)
{
    struct session *s = opaque;
    u64 ns = host_now_ns();
    int signal;
    if (!s->past_since || ns - s->past_looked > 1000000000)
        s->past_since = ns; /* another way began */
    s->past_looked = ns;
    tui_terminal_refresh(s->screen);
    if (ns - s->past_since > 1000000000)
        dap_server_progress(s->dap, from, now, to);
    if (!s->screen && !s->dap && isatty(STDERR_FILENO) && ns - s->past_since > 1000000000)
        fprintf(stderr, "\rexecuting the past: position %llu of %llu (Ctrl-C stops)\033[K\r", (unsigned long long)now,
                (unsigned long long)to);
    host_loop_poll(s->loop, 0);
    if (host_loop_requested(s->loop) == HOST_NOTHING)
        return true;
    struct host_result r = { .request = host_loop_take_request(s->loop, &signal) };
    r.signal = signal;
    interrupted(s, &r);
    return false;
}

bool session_keep_history(struct session *s)
{
    struct err e;
    struct history_options o = { .limit = s->o->history, .opaque = s, .branched = branched, .semihost = serve_again,
                                 .progress = progress };
    if (s->o->no_history || s->m->recorder)
        return true;
    if ((s->history = history_new(s->m, &o, &e)))
        return true;
    fprintf(stderr, "%s: %s\n", s->o->program, e.text);
    return false;
}

int debug_main(struct session *s, bool (*begin)(struct session *s))
{
    struct debugger *d = s->debugger;
    if (!session_keep_history(s))
        return 1;
    if (s->history)
        console_log_begin(&s->debugger->console, s->m);
    session_symbols(s);
    if (s->linux_symbols)
        linux_describe(d, s->linux_symbols);
    bool ok = !begin || begin(s);
    for (unsigned i = 0; i < s->o->n_commands && !d->quit; i++) {
        const char *text = s->o->commands[i].text;
        ok = (s->o->commands[i].file ? console_source(d, text) : debugger_execute(d, text)) && ok;
    }
    bool screen = s->o->tui && !s->o->batch;
    while (!s->o->batch && !d->quit) {
        struct err e;
        if (screen && !s->screen) {
            fprintf(stderr, "%s: --tui: the guest's console is its part: leave out -serial, or say -serial stdio\n", s->o->program);
            return EXIT_USAGE;
        }
        if (screen && !tui_terminal_run(s->screen, &e)) {
            fprintf(stderr, "%s: %s\n", s->o->program, e.text);
            return 1;
        }
        if (d->quit)
            break;
        console_run(d);
        screen = d->wants_screen;
        if (!d->wants_screen)
            break;
        d->wants_screen = false;
    }
    int status = d->dead ? d->exit_code : s->o->batch && !ok ? 1 : s->o->batch ? d->exit_code : EXIT_PASS;
    return session_finish(s) ? status : 1;
}
