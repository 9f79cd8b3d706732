/* A session's run: until the guest, a person or a limit ends it, and what is reported then. */
#include "cli/session.h"

#include <stdio.h>

#include "cli/dap.h"
#include "cli/gdbserver.h"
#include "cli/qmp.h"
#include "debugger/debugger.h"
#include "machine/board.h"
#include "machine/record.h"

int session_status(struct session *s, enum machine_stop why)
{
    const char *program = s->o->program;
    switch (why) {
    case MACHINE_POWEROFF: return s->m->stop.code;
    case MACHINE_PANIC:
        fprintf(stderr, "%s: the guest cannot go on: %s\n", program, s->m->stop.text);
        return EXIT_PANIC;
    case MACHINE_STORY:
        fprintf(stderr, "%s: the guest lost its way: %s", program, s->m->stop.text);
        return EXIT_PANIC;
    case MACHINE_LIMIT:
        fprintf(stderr, "%s: --max-instructions %llu reached\n", program, (unsigned long long)s->o->max_instructions);
        return EXIT_LIMIT;
    case MACHINE_DIVERGED: fprintf(stderr, "%s: %s\n", program, s->m->stop.text); return EXIT_DIVERGED;
    case MACHINE_REPLAY_END:
        if (s->m->stop.text[0])
            fprintf(stderr, "%s: %s\n", program, s->m->stop.text);
        return EXIT_PASS;
    default: return EXIT_PASS;
    }
}

bool session_finish(struct session *s)
{
    bool ok = true;
    if (s->m->recorder)
        recorder_end(s->m->recorder, s->m, s->why_ended);
    if (s->o->state_hash)
        printf("state-hash %016llx at %llu\n", (unsigned long long)machine_hash(s->m),
               (unsigned long long)machine_position(s->m));
    struct err e;
    if (s->o->save && !session_save(s, s->o->save, &e)) {
        fprintf(stderr, "%s: --save: %s\n", s->o->program, e.text);
        ok = false;
    }
    fflush(stdout);
    return ok;
}

int session_run(struct session *s)
{
    const struct options *o = s->o;
    struct host_run_options run = { .pacing = o->pace == PACE_NONE ? HOST_UNPACED : HOST_REALTIME,
                                    .until = o->stop_at };
    int status = EXIT_PASS;
    enum machine_stop end = MACHINE_REACHED; /* by somebody outside */
    if (o->history && !session_keep_history(s))
        return 1;
    for (;;) {
        int signal = 0;
        enum host_request request = host_loop_take_request(s->loop, &signal);
        if (request == HOST_QUIT)
            break;
        if (request == HOST_SIGNAL) {
            status = 128 + signal;
            break;
        }
        if (dap_door_serve(s->dap_door)) { /* an editor was here, and the machine may have ended meanwhile */
            if (!s->debugger->dead && !s->debugger->quit)
                continue;
            status = s->debugger->dead ? s->debugger->exit_code : EXIT_PASS;
            break;
        }
        if (monitor_serve(s->monitor) || qmp_serve(s->qmp))
            continue;
        if (s->paused) {
            if (!gdb_server_paused(s))
                host_loop_poll(s->loop, -1);
            continue;
        }
        struct host_result r = gdb_server_run(s, &run);
        if (r.why == HOST_STOP_REQUEST) {
            if (r.request != HOST_ASKED)
                host_loop_request(s->loop, r.request, r.signal);
            continue;
        }
        if (r.why == HOST_STOP_STUCK) {
            fprintf(stderr, "%s: every hart waits for an interrupt that nothing can bring (WFI with no timer armed and "
                    "no input)\n", o->program);
            status = EXIT_PANIC;
            break;
        }
        if (r.machine == MACHINE_SEMIHOST) {
            if (!session_semihost(s, s->m->stop.cpu, &status))
                continue;
            if (s->m->replayer && replayer_stopped(s->m->replayer, s->m, MACHINE_SEMIHOST) == MACHINE_DIVERGED)
                status = session_status(s, MACHINE_DIVERGED);
            break;
        }
        if (gdb_server_stopped(s, &r))
            continue;
        if (r.machine == MACHINE_BREAK || r.machine == MACHINE_WATCH || r.machine == MACHINE_EVENT) { /* set from the monitor */
            s->paused = s->monitor ? monitor_stopped(s->monitor, r.machine) : run_stopped(s->debugger, r.machine);
            continue;
        }
        if (r.machine == MACHINE_REACHED)
            break;
        if (r.machine == MACHINE_POWEROFF && o->no_shutdown) {
            s->paused = true;
            continue;
        }
        end = r.machine;
        status = session_status(s, r.machine);
        break;
    }
    qmp_ended(s->qmp, end);
    gdb_server_ended(s, status);
    return session_finish(s) ? status : 1;
}
