/* One job: a guest, run by its scenario's steps. Everything that decides how it goes on happens at positions of the guest's own
 * run, so the outcome is the same on any host; only the wall limit comes from outside. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/session.h"
#include "cli/test_watch.h"
#include "debugger/debugger.h"
#include "machine/history.h"
#include "machine/record.h"

#define CONSOLE_KEPT 16384 /* of its end, for reports */

struct test_run {
    const struct suite *suite;
    const struct job *job;
    const struct scenario *scenario;
    struct session *s;
    struct test_console console;
    struct test_taps *taps;
    struct outcome *out;
    u64 begin, began_executed; /* position and instructions at the start */
    u64 deadline;              /* of max-guest-time */
    u64 window;                /* machine_executed() where one without progress began */
    bool ended, panicked;      /* the guest has: */
    int status;
    const char *end;           /* a sentence about it */
};

static bool fail(struct test_run *t, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static bool fail(struct test_run *t, int code, const char *fmt, ...)
{
    char text[20000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    t->out->code = code;
    free(t->out->what);
    t->out->what = xstrdup(text);
    return false;
}

/* --- running ---------------------------------------------------------------------------------------------------- */

struct goal {
    u64 position;    /* CLOCK_NEVER: none */
    bool found;      /* what the console wants was said */
    bool place;      /* a stop point was hit */
    const char *for_what; /* "for /login:/" */
};

static u64 guest_ns(const struct test_run *t, u64 ticks)
{
    return (u64)((u128)ticks * 1000000000 / t->s->m->clock.hz);
}

static u64 ticks(const struct test_run *t, u64 ns)
{
    return (u64)((u128)ns * t->s->m->clock.hz / 1000000000);
}

static u64 last_active(struct test_run *t)
{
    bool *active;
    u64 at = test_taps_active(t->taps, &active);
    if (t->console.active_at > at)
        at = t->console.active_at;
    return at > t->begin ? at : t->begin;
}

/* Was there something since it was asked last? */
static bool was_active(struct test_run *t)
{
    bool *active;
    test_taps_active(t->taps, &active);
    bool any = *active || t->console.active;
    *active = t->console.active = false;
    return any;
}

static void end(struct test_run *t, int status, bool panicked, const char *fmt, ...)
{
    char text[20000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    t->ended = true;
    t->status = status;
    t->panicked = panicked;
    t->end = arena_strdup(t->s->arena, text);
}

static bool waits_for_ever(const struct machine *m)
{
    bool works = clock_next(&m->clock) != CLOCK_NEVER;
    for (unsigned i = 0; i < m->n_cpus; i++)
        works = works || m->cpus[i]->ops->has_work(m->cpus[i]);
    return !works;
}

static bool timed_out(struct test_run *t, const struct goal *g)
{
    const struct scenario *c = t->scenario;
    char took[32];
    if (waits_for_ever(t->s->m))
        return fail(t, TEST_STUCK, "no progress: every CPU waits for an interrupt, no timer is armed and nothing is left to be "
                    "sent, %s", g->for_what);
    snprintf(took, sizeof took, "%.9g", (double)c->max_guest_ns / 1e9);
    return fail(t, TEST_TIMEOUT, "%s s of guest time are over, %s", took, g->for_what);
}

/* Which of the limits on instructions was reached? True: none of them, go on. */
static bool instructions_over(struct test_run *t, const struct goal *g)
{
    const struct scenario *c = t->scenario;
    u64 executed = machine_executed(t->s->m);
    if (c->max_instructions && executed - t->began_executed >= c->max_instructions)
        return fail(t, TEST_TIMEOUT, "%llu instructions were executed, %s", (unsigned long long)c->max_instructions, g->for_what);
    if (c->no_progress_instructions && executed - t->window >= c->no_progress_instructions) {
        if (!was_active(t))
            return fail(t, TEST_STUCK, "no progress: for %llu instructions the guest said nothing and used no disk and no network, %s",
                        (unsigned long long)c->no_progress_instructions, g->for_what);
        t->window = executed;
    }
    return true;
}

static void set_instruction_limit(struct test_run *t)
{
    const struct scenario *c = t->scenario;
    u64 limit = c->max_instructions ? t->began_executed + c->max_instructions : 0;
    u64 window = c->no_progress_instructions ? t->window + c->no_progress_instructions : 0;
    t->s->m->executed_limit = !limit || (window && window < limit) ? window : limit;
}

static bool over(struct test_run *t, const struct goal *g, const struct host_result *r)
{
    struct machine *m = t->s->m;
    const char *text = m->stop.text;
    int status;
    switch (r->machine) {
    case MACHINE_SEMIHOST:
        if (session_semihost(t->s, m->stop.cpu, &status))
            end(t, status, false, "the guest ended with status %d (semihosting)", status);
        return true;
    case MACHINE_LIMIT: return instructions_over(t, g);
    case MACHINE_POWEROFF: end(t, m->stop.code, false, "the guest ended with status %d", m->stop.code); return true;
    case MACHINE_RESET: end(t, 0, false, "the guest asked for a reset (-no-reboot)"); return true;
    case MACHINE_PANIC: end(t, TEST_PANIC, true, "the guest cannot go on: %s", text); return true;
    case MACHINE_STORY: end(t, TEST_PANIC, true, "the guest lost its way: %s", text); return true;
    case MACHINE_DIVERGED: return fail(t, TEST_DIVERGED, "%s", text);
    case MACHINE_REPLAY_END: end(t, 0, false, "the recording is over%s%s", *text ? ": " : "", text); return true;
    default: return true;
    }
}

/* Until the goal, or the guest's end: then t->ended. False: the outcome is known. */
static bool go(struct test_run *t, const struct goal *g)
{
    struct session *s = t->s;
    struct machine *m = s->m;
    struct stop_report stop;
    if (g->place)
        run_begin(s->debugger, &stop);
    while (!t->ended) {
        u64 until = g->position < t->deadline ? g->position : t->deadline;
        u64 silent = t->scenario->no_progress_ns ? last_active(t) + ticks(t, t->scenario->no_progress_ns) : CLOCK_NEVER;
        struct host_run_options run = { .pacing = HOST_UNPACED, .until = silent < until ? silent : until };
        set_instruction_limit(t);
        struct host_result r = host_run(s->loop, m, &run);
        if (t->console.rejected)
            return fail(t, TEST_FAILED, "the guest said %s, which it must not", t->console.rejected->shown);
        if (test_taps_crashing(t->taps))
            return true;
        if (r.why == HOST_STOP_REQUEST)
            return fail(t, TEST_WALL, "stopped from outside, %s", g->for_what);
        if (r.why == HOST_STOP_STUCK)
            return timed_out(t, g);
        if ((r.machine == MACHINE_BREAK || r.machine == MACHINE_WATCH || r.machine == MACHINE_EVENT) &&
            run_judge(s->debugger, r.machine, &stop))
            return true;
        if (!over(t, g, &r))
            return false;
        if (g->found && test_console_found(&t->console))
            return true;
        if (m->clock.now >= g->position)
            return true;
        if (!t->ended && m->clock.now >= t->deadline)
            return timed_out(t, g);
        if (!t->ended && m->clock.now >= silent && last_active(t) + ticks(t, t->scenario->no_progress_ns) <= m->clock.now)
            return fail(t, TEST_STUCK, "no progress: for %.9g s of guest time the guest said nothing and used no disk and no network, "
                        "%s", (double)t->scenario->no_progress_ns / 1e9, g->for_what);
    }
    return true;
}

/* --- steps ------------------------------------------------------------------------------------------------------ */

static bool ended_early(struct test_run *t, const char *for_what)
{
    return fail(t, t->panicked ? TEST_PANIC : TEST_FAILED, "%s: %s", for_what, t->end);
}

static bool do_expect(struct test_run *t, const struct step *p)
{
    struct goal g = { .position = CLOCK_NEVER, .found = true,
                      .for_what = arena_printf(t->s->arena, "waiting for %s", p->pattern.shown) };
    if (test_console_want(&t->console, &p->pattern))
        return true;
    return go(t, &g) && (test_console_found(&t->console) || test_taps_crashing(t->taps) || ended_early(t, g.for_what));
}

static void do_send(struct test_run *t, const struct step *p)
{
    for (unsigned i = 0; i < t->s->n_chars; i++)
        if (t->s->mc.serial[0] && !strcmp(host_char_id(t->s->chars[i]), t->s->mc.serial[0]->id))
            host_char_vc_type(t->s->chars[i], (const u8 *)p->text, p->n);
}

static bool do_stop_at(struct test_run *t, const struct step *p)
{
    struct debugger *d = t->s->debugger;
    struct goal g = { .position = p->is_position ? p->number : CLOCK_NEVER, .place = !p->is_position,
                      .for_what = arena_printf(t->s->arena, "on the way to %s", p->shown) };
    struct buf said = { 0 };
    if (p->is_position && p->number < t->s->m->clock.now)
        return fail(t, TEST_FAILED, "stop-at %s: position %llu has passed", p->shown, (unsigned long long)t->s->m->clock.now);
    char *set = xprintf("tbreak %s", p->shown);
    bool ok = p->is_position || debugger_capture(d, set, &said) ||
              fail(t, TEST_USAGE, "stop-at %s: %s", p->shown, buf_cstr(&said));
    free(set);
    ok = ok && go(t, &g);
    if (!p->is_position)
        debugger_capture(d, "delete", &said);
    buf_free(&said);
    return ok && (!t->ended || ended_early(t, g.for_what));
}

/* "$1 = 5\n" is 5. */
static char *value_of(struct test_run *t, const char *expr)
{
    struct buf b = { 0 };
    char *line = xprintf("print %s", expr);
    debugger_capture(t->s->debugger, line, &b);
    free(line);
    const char *text = buf_cstr(&b), *equals = *text == '$' ? strstr(text, " = ") : NULL;
    char *value = arena_strdup(t->s->arena, equals ? equals + 3 : text);
    buf_free(&b);
    value[strcspn(value, "\n")] = 0;
    return value;
}

/* Where the comparison is that decides it: outside of brackets and quotes, or NULL; *n is its length. */
static const char *comparison(const char *expr, size_t *n)
{
    static const char *const operators[] = { "==", "!=", "<=", ">=", "<", ">" };
    int depth = 0;
    for (const char *p = expr; *p; p++) {
        if (*p == '"' || *p == '\'') {
            const char *close = strchr(p + 1, *p);
            p = close ? close : p;
        } else if (strchr("([{", *p)) {
            depth++;
        } else if (strchr(")]}", *p)) {
            depth--;
        } else if (!strncmp(p, "&&", 2) || !strncmp(p, "||", 2)) {
            return NULL; /* two comparisons */
        } else if (!strncmp(p, "->", 2) || !strncmp(p, "<<", 2) || !strncmp(p, ">>", 2)) {
            p++;
        } else {
            for (unsigned i = 0; !depth && i < ARRAY_LEN(operators); i++)
                if (!strncmp(p, operators[i], strlen(operators[i]))) {
                    *n = strlen(operators[i]);
                    return strstr(p, "&&") || strstr(p, "||") ? NULL : p;
                }
        }
    }
    return NULL;
}

static bool do_assert(struct test_run *t, const struct step *p)
{
    struct debugger *d = t->s->debugger;
    struct err e = { "" };
    u64 truth = 0;
    size_t n;
    debugger_changed(d);
    if (!debugger_eval(d, p->text, &truth, &e))
        return fail(t, TEST_FAILED, "assert %s: %s", p->shown, e.text);
    if (truth)
        return true;
    const char *c = comparison(p->text, &n);
    if (!c)
        return fail(t, TEST_FAILED, "assert %s: it is not true", p->shown);
    const char *right = c + n;
    size_t left = (size_t)(c - p->text);
    while (left && p->text[left - 1] == ' ')
        left--;
    right += strspn(right, " ");
    char *a = arena_printf(t->s->arena, "%.*s", (int)left, p->text), *av = value_of(t, a), *bv = value_of(t, right);
    bool number = !strcmp(right, bv); /* that says itself what it is */
    return fail(t, TEST_FAILED, "assert %s: %s is %s%s%s%s%s", p->shown, a, av, number ? "" : ", ", number ? "" : right,
                number ? "" : " is ", number ? "" : bv);
}

static bool do_exit(struct test_run *t, const struct step *p)
{
    struct goal g = { .position = CLOCK_NEVER, .for_what = "waiting for the guest's end" };
    if (!go(t, &g))
        return false;
    if (test_taps_crashing(t->taps))
        return true;
    if (t->panicked != p->any_panic)
        return fail(t, t->panicked ? TEST_PANIC : TEST_FAILED, "%s%s was expected: %s", p->any_panic ? "" : "status ", p->shown, t->end);
    if (!p->any_panic && (u64)t->status != p->number)
        return fail(t, TEST_FAILED, "status %s was expected: %s", p->shown, t->end);
    return true;
}

static bool do_step(struct test_run *t, const struct step *p)
{
    switch (p->kind) {
    case STEP_EXPECT: return do_expect(t, p);
    case STEP_SEND: do_send(t, p); return true;
    case STEP_STOP_AT: return do_stop_at(t, p);
    case STEP_ASSERT: return do_assert(t, p);
    case STEP_EXIT: return do_exit(t, p);
    case STEP_RESTART: return true;
    }
    return false;
}

/* Steps [from, to), until they are done or the power fails. */
static bool do_steps(struct test_run *t, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        if (!do_step(t, &t->scenario->step[i]))
            return false;
        if (test_taps_crashing(t->taps))
            return true;
    }
    return true;
}

/* Without a step that waits for something it is the guest's end that counts. */
static bool do_script(struct test_run *t, unsigned from, unsigned to)
{
    bool waits = t->s->replay;
    for (unsigned i = from; i < to; i++)
        waits = waits || t->scenario->step[i].kind != STEP_SEND;
    static const struct step success = { .kind = STEP_EXIT, .shown = "0" };
    bool ok = do_steps(t, from, to) && (waits || test_taps_crashing(t->taps) || do_exit(t, &success));
    if (ok && t->s->replay && !t->ended) { /* to its end, whatever it is */
        struct goal g = { .position = CLOCK_NEVER, .for_what = "replaying" };
        ok = go(t, &g);
    }
    return ok;
}

static bool run_script(struct test_run *t)
{
    const struct scenario *c = t->scenario;
    unsigned n = c->n_steps, restart = 0;
    while (restart < n && c->step[restart].kind != STEP_RESTART)
        restart++;
    bool marked = restart < n, ok = do_script(t, 0, restart);
    if (!ok || !t->job->crash)
        return ok;
    test_taps_crash(t->taps); /* fewer writes than that: where the steps end */
    if (marked && restart + 1 == n)
        return true; /* the disk is looked at as it is */
    t->ended = false;
    t->console.want = NULL;
    t->console.from = t->console.fed = t->console.text.len;
    t->deadline = t->s->m->clock.now + ticks(t, c->max_guest_ns);
    t->began_executed = t->window = machine_executed(t->s->m);
    ok = do_script(t, marked ? restart + 1 : 0, n);
    if (!ok) {
        char *what = t->out->what;
        t->out->what = NULL;
        fail(t, t->out->code, "after the crash: %s", what);
        free(what);
    }
    return ok;
}

/* --- the disk --------------------------------------------------------------------------------------------------- */

static bool disk_to_file(struct block_port *b, int fd)
{
    enum { PIECE = 1 << 20 };
    static const u8 zero[4096];
    u8 *bytes = xmalloc(PIECE);
    bool ok = !ftruncate(fd, (off_t)b->size);
    for (u64 at = 0; ok && at < b->size; at += PIECE) {
        size_t n = b->size - at < PIECE ? (size_t)(b->size - at) : PIECE;
        ok = b->ops->read(b, at, bytes, n, NULL);
        for (size_t i = 0; ok && i < n; i += sizeof zero) {
            size_t k = n - i < sizeof zero ? n - i : sizeof zero;
            ok = !memcmp(bytes + i, zero, k) || pwrite(fd, bytes + i, k, (off_t)(at + i)) == (ssize_t)k;
        }
    }
    free(bytes);
    return ok;
}

/* Names of temporary files differ in each run, and outcomes do not. */
static void put_without(const char *text, const char *dir, struct buf *out)
{
    for (const char *at; (at = strstr(text, dir)); text = at + strlen(dir))
        buf_put(out, text, (size_t)(at - text));
    buf_printf(out, "%s", text);
}

/* A shell command, with a file for each disk behind it. */
static bool run_check(struct test_run *t, const char *files, const char *dir)
{
    struct buf said = { 0 }, shown = { 0 };
    char *command = xprintf("exec 2>&1 </dev/null; %s%s", t->scenario->check_disk, files), piece[4096];
    FILE *f = popen(command, "r");
    for (size_t n; f && (n = fread(piece, 1, sizeof piece, f));)
        buf_put(&said, piece, n);
    int status = f ? pclose(f) : -1;
    put_without(buf_cstr(&said), dir, &shown);
    bool ok = !status || fail(t, TEST_FAILED, "check-disk: '%s' ended with status %d: %s", t->scenario->check_disk,
                              WIFEXITED(status) ? WEXITSTATUS(status) : -1, buf_cstr(&shown));
    free(command);
    buf_free(&said);
    buf_free(&shown);
    return ok;
}

static bool check_disk(struct test_run *t)
{
    const struct machine_config *c = &t->s->mc;
    char dir[32] = "/tmp/orrery-disks-XXXXXX", *path[MACHINE_MAX_DRIVES];
    struct buf files = { 0 };
    unsigned n = 0;
    if (!c->n_drives)
        return fail(t, TEST_USAGE, "check-disk: the machine has no disk");
    bool ok = mkdtemp(dir) || fail(t, TEST_USAGE, "check-disk: %s cannot be made: %m", dir);
    for (; ok && n < c->n_drives; n++) {
        path[n] = xprintf("%s/disk%u", dir, n);
        int fd = open(path[n], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ok = (fd >= 0 && disk_to_file(c->drives[n], fd)) || fail(t, TEST_USAGE, "check-disk: %s cannot be written: %m", path[n]);
        if (fd >= 0)
            close(fd);
        buf_printf(&files, " %s", path[n]);
    }
    strcat(dir, "/");
    ok = ok && run_check(t, buf_cstr(&files), dir);
    while (n--) {
        unlink(path[n]);
        free(path[n]);
    }
    rmdir(dir);
    buf_free(&files);
    return ok;
}

/* --- a job ------------------------------------------------------------------------------------------------------ */

static void type_words(struct test_run *t, struct arena *a, char **argv, int *argc)
{
    const struct job *j = t->job;
    const struct scenario *c = t->scenario;
    argv[(*argc)++] = arena_strdup(a, "test");
    for (int i = 0; i < c->n_words; i++)
        argv[(*argc)++] = c->words[i];
    const char *from = c->boot_scenario ? test_snapshot_path(t->suite, c->boot_scenario) : c->boot_from;
    if (from) {
        argv[(*argc)++] = arena_strdup(a, "-load");
        argv[(*argc)++] = arena_strdup(a, from);
    }
    if (j->seed) {
        argv[(*argc)++] = arena_strdup(a, "-schedule");
        argv[(*argc)++] = arena_printf(a, "%llu", (unsigned long long)j->seed);
    }
}

static bool open_machine(struct test_run *t, struct options *o, struct err *e)
{
    char **argv = ARENA_ARRAY(o->arena, char *, TEST_MAX_WORDS + 8);
    int argc = 0;
    type_words(t, o->arena, argv, &argc);
    if (options_parse(o, argc, argv) != OPTIONS_RUN)
        return err_set(e, "its machine's options cannot be used");
    o->snapshot = true;
    o->pace = PACE_NONE;
    if (o->display != DISPLAY_NONE) { /* nobody looks; serial 0 is the console, as without a screen */
        o->display = DISPLAY_DEFAULT;
        o->nographic = true;
    }
    o->monitor = "none";
    o->record = t->job->recording;
    t->s->want_hashes = true;
    return session_choose_target(o, e) && session_open(t->s, o, e) && session_record(t->s, o->record, argc, argv, e);
}

static void show(void *opaque, const u8 *bytes, size_t n)
{
    test_console_write(opaque, bytes, n);
}

static void begin(struct test_run *t)
{
    struct session *s = t->s;
    t->console.m = s->m;
    for (unsigned i = 0; i < s->n_chars; i++)
        host_char_vc_show(s->chars[i], show, &t->console);
    t->taps = test_taps_new(s->arena, s->m);
    if (t->job->crash)
        test_taps_crash_at(t->taps, t->job->crash);
    t->begin = s->m->clock.now;
    t->began_executed = t->window = machine_executed(s->m);
    t->deadline = t->begin + ticks(t, t->scenario->max_guest_ns);
    s->debugger->confirm = false;
    session_symbols(s);
}

static void finish(struct test_run *t)
{
    struct outcome *o = t->out;
    struct session *s = t->s;
    struct err e;
    char *snapshot = o->code || !t->scenario->begins_others ? NULL : test_snapshot_path(t->suite, t->scenario);
    if (snapshot && !session_save(s, snapshot, &e))
        fail(t, TEST_FAILED, "%s", e.text);
    free(snapshot);
    o->position = s->m->clock.now;
    o->instructions = machine_executed(s->m) - t->began_executed;
    o->guest_ns = guest_ns(t, s->m->clock.now - t->begin);
    o->writes = test_taps_writes(t->taps);
    s->why_ended = o->what;
    session_finish(s);
    test_taps_free(t->taps);
}

void test_run_job(const struct suite *suite, const struct job *j, struct outcome *out)
{
    struct test_run t = { .suite = suite, .job = j, .scenario = j->scenario, .out = out, .console = { .scenario = j->scenario } };
    struct arena *arena = arena_new();
    struct options o = { .arena = arena, .program = "orrery test", .xlen = 64, .usage_status = EXIT_USAGE };
    struct err e = { "" };
    struct buf file = { 0 };
    *out = (struct outcome){ .what = xstrdup("") };
    t.s = xcalloc(1, sizeof *t.s);
    t.s->console = test_console_write;
    t.s->console_opaque = &t.console;
    int status = EXIT_USAGE;
    bool open = j->scenario->replay ? session_open_recording(t.s, &o, j->scenario->replay, false, 1, (char *[]){ "replay" }, &file,
                                                              &status, &e)
                                    : open_machine(&t, &o, &e);
    if (!open) {
        fail(&t, status == EXIT_DIVERGED ? TEST_DIVERGED : TEST_USAGE, "%s", e.text);
    } else if (j->seed && t.s->m->n_cpus < 2) {
        fail(&t, TEST_USAGE, "seed-sweep: one CPU has one schedule; give the machine more (-smp)");
        begin(&t);
        finish(&t);
    } else {
        begin(&t);
        if (run_script(&t) && t.scenario->check_disk)
            check_disk(&t);
        finish(&t);
    }
    size_t n = t.console.text.len < CONSOLE_KEPT ? t.console.text.len : CONSOLE_KEPT;
    out->console = test_clean_text(t.console.text.data + t.console.text.len - n, n);
    if (t.s->arena)
        session_close(t.s);
    if ((!out->code || out->code == TEST_USAGE) && j->recording)
        unlink(j->recording);
    buf_free(&t.console.text);
    buf_free(&file);
    free(t.s);
    arena_free(arena);
}
