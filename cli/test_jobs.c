/* Jobs in processes of their own: one that dies takes nobody with it. The child writes its outcome as JSON into a file that only
 * the two know. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "cli/session.h"
#include "cli/test.h"

enum { TICK_MS = 200 };
#define GRACE_NS 5000000000ull /* between asking a job to end and ending it */

char *test_snapshot_path(const struct suite *t, const struct scenario *s)
{
    return xprintf("%s/%s.snap", t->out, s->name);
}

/* --- the child -------------------------------------------------------------------------------------------------- */

static void write_outcome(const struct outcome *o, int fd)
{
    json_t *j = json_pack("{s:i, s:s, s:s, s:I, s:I, s:I, s:I}", "code", o->code, "what", o->what, "console", o->console, "position",
                          (json_int_t)o->position, "instructions", (json_int_t)o->instructions, "guest_ns",
                          (json_int_t)o->guest_ns, "writes", (json_int_t)o->writes);
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    size_t n = text ? strlen(text) : 0;
    if (n && write(fd, text, n) != (ssize_t)n)
        _exit(99);
}

static void child(const struct suite *t, const struct job *j)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0); /* Ctrl-C is for the parent, who then ends us */
    dup2(null, STDIN_FILENO);
    dup2(j->log, STDOUT_FILENO);
    dup2(j->log, STDERR_FILENO);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    struct outcome o;
    test_run_job(t, j, &o);
    char *what = test_clean_text((const u8 *)o.what, strlen(o.what));
    free(o.what);
    o.what = what;
    write_outcome(&o, j->result);
    fflush(NULL);
    _exit(0);
}

/* --- the parent ------------------------------------------------------------------------------------------------- */

static char *take_file(int fd, size_t *n)
{
    struct buf b = { 0 };
    char piece[65536];
    ssize_t got;
    for (off_t at = 0; (got = pread(fd, piece, sizeof piece, at)) > 0; at += got)
        buf_put(&b, piece, (size_t)got);
    char *text = xstrdup(buf_cstr(&b));
    *n = strlen(text);
    buf_free(&b);
    close(fd);
    return text;
}

static u64 number(const json_t *j, const char *name)
{
    return (u64)json_integer_value(json_object_get(j, name));
}

static char *text(const json_t *j, const char *name)
{
    const char *s = json_string_value(json_object_get(j, name));
    return xstrdup(s ? s : "");
}

static void collect(struct job *j, int status)
{
    size_t n, log;
    char *bytes = take_file(j->result, &n), *said = take_file(j->log, &log);
    json_t *result = json_loads(bytes, 0, NULL);
    struct outcome *o = &j->out;
    *o = (struct outcome){ .code = result ? (int)json_integer_value(json_object_get(result, "code")) : TEST_FAILED,
                           .what = text(result, "what"), .console = text(result, "console"),
                           .warnings = test_clean_text((u8 *)said, log), .position = number(result, "position"),
                           .instructions = number(result, "instructions"), .guest_ns = number(result, "guest_ns"),
                           .writes = number(result, "writes") };
    bool killed = !result && WIFSIGNALED(status);
    if (j->wall) {
        char *what = xprintf("it took longer than the wall limit of %g s%s%s", (double)j->scenario->wall_ns / 1e9,
                             *o->what ? ": " : "", o->what);
        free(o->what);
        o->what = what;
        o->code = TEST_WALL;
    } else if (!result) {
        free(o->what);
        o->what = killed ? xprintf("the emulator died of signal %d (%s): a bug in Orrery, please report it with the recording",
                                   WTERMSIG(status), strsignal(WTERMSIG(status)))
                         : xprintf("the emulator ended without a result (status %d)", WEXITSTATUS(status));
    }
    json_decref(result);
    free(bytes);
    free(said);
    j->done = true;
    j->pid = 0;
}

static bool start(const struct suite *t, struct job *j, struct err *e)
{
    j->result = memfd_create("orrery-result", MFD_CLOEXEC);
    j->log = memfd_create("orrery-log", MFD_CLOEXEC);
    j->begun = true;
    j->started = host_now_ns();
    pid_t pid = j->result < 0 || j->log < 0 ? -1 : fork();
    if (pid < 0)
        return err_set(e, "cannot start a process: %m");
    if (!pid)
        child(t, j);
    j->pid = pid;
    return true;
}

/* One that boots from another waits for it; NULL: it may begin. */
static const struct job *waits_for(const struct job *jobs, unsigned n, const struct job *j)
{
    for (unsigned i = 0; i < n; i++)
        if (jobs[i].scenario == j->scenario->boot_scenario)
            return &jobs[i];
    return NULL;
}

static void skip(struct job *j, const struct job *first)
{
    j->begun = j->done = true;
    j->out = (struct outcome){ .code = first->out.code, .console = xstrdup(""), .warnings = xstrdup(""),
                               .what = xprintf("[%s], where it begins, did not pass", first->scenario->name) };
}

/* Starts what can be started, up to `parallel` at a time. Returns how many run. */
static bool start_some(const struct suite *t, struct job *jobs, unsigned n, unsigned parallel, unsigned *running, struct err *e)
{
    for (unsigned i = 0; i < n; i++) {
        struct job *j = &jobs[i];
        const struct job *first = j->begun || !j->scenario->boot_scenario ? NULL : waits_for(jobs, n, j);
        if (j->begun || (first && !first->done))
            continue;
        if (first && first->out.code)
            skip(j, first);
        else if (*running == parallel)
            return true;
        else if (!start(t, j, e))
            return false;
        else
            ++*running;
    }
    return true;
}

static void end_overdue(struct job *jobs, unsigned n)
{
    u64 now = host_now_ns();
    for (unsigned i = 0; i < n; i++) {
        struct job *j = &jobs[i];
        if (!j->pid)
            continue;
        if (!j->wall && now - j->started > j->scenario->wall_ns) {
            j->wall = true;
            kill(j->pid, SIGTERM);
        } else if ((j->wall || j->killed) && now - j->started > j->scenario->wall_ns + GRACE_NS) {
            kill(j->pid, SIGKILL);
        }
    }
}

static unsigned reap(struct job *jobs, unsigned n, const struct job_watch *w)
{
    unsigned ended = 0;
    for (unsigned i = 0; i < n; i++) {
        int status;
        if (!jobs[i].pid || waitpid(jobs[i].pid, &status, WNOHANG) != jobs[i].pid)
            continue;
        collect(&jobs[i], status);
        ended++;
        w->ended(w->opaque, &jobs[i]);
    }
    return ended;
}

static void end_all(struct job *jobs, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (jobs[i].pid && !jobs[i].killed) {
            jobs[i].killed = true;
            jobs[i].started = host_now_ns() - jobs[i].scenario->wall_ns; /* the grace begins */
            kill(jobs[i].pid, SIGTERM);
        }
}

bool test_run_jobs(const struct suite *t, struct job *jobs, unsigned n, unsigned parallel, const struct job_watch *w,
                   struct err *e)
{
    unsigned running = 0, left = n;
    bool interrupted = false, ok = true;
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, &old);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    while (left) {
        if (!interrupted && ok)
            ok = start_some(t, jobs, n, parallel, &running, e);
        if (!running)
            break;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        struct signalfd_siginfo s;
        poll(&p, 1, TICK_MS);
        while (read(fd, &s, sizeof s) == sizeof s)
            interrupted = interrupted || s.ssi_signo != SIGCHLD;
        if (interrupted || !ok)
            end_all(jobs, n);
        end_overdue(jobs, n);
        running -= reap(jobs, n, w);
        left = 0;
        for (unsigned i = 0; i < n; i++)
            left += !jobs[i].done;
        w->tick(w->opaque, jobs, n);
    }
    close(fd);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return !interrupted && ok;
}
