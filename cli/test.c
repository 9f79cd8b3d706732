/* `orrery test`: its command line, and from a suite to reports. */
#include "cli/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/session.h"
#include "host/file/file.h"

struct report_file {
    const char *name;
    void (*make)(const struct suite *t, const struct result *r, unsigned n, struct buf *out);
    const char *help;
};

static const struct report_file report_files[] = {
    { "junit", report_junit, "JUnit XML" },
    { "tap", report_tap, "TAP" },
    { "json", report_json, "JSON lines, one for each run" },
    { "gradescope", report_gradescope, "Gradescope's results.json" },
};

struct test {
    struct suite suite;
    const char *only[64];
    unsigned n_only;
    unsigned parallel;
    const char *file[ARRAY_LEN(report_files)];
    bool quiet; /* a report goes to standard output */
    bool color, progress;
    struct job *job;
    unsigned n_jobs;
    struct result *result; /* of each scenario that is run */
    unsigned n_results, shown;
};

static void help(void)
{
    printf("usage: orrery test [options] SUITE\n       orrery test [options] -- MACHINE'S OPTIONS\n\n"
           "Runs scripted guests and judges them in guest time.\n\n"
           "-j N                          so many at a time (default: the CPUs there are)\n"
           "-only NAME                    run this scenario of the suite (repeatable)\n"
           "-out DIR                      where recordings of failures go (default: here)\n");
    for (unsigned i = 0; i < ARRAY_LEN(report_files); i++)
        printf("-%-10s FILE              write %s; - is standard output\n", report_files[i].name, report_files[i].help);
    printf("\nOf a scenario; in a suite without dashes, as NAME = VALUE:\n");
    for (const struct test_option *o = test_options; o->name; o++) {
        char left[64];
        snprintf(left, sizeof left, "-%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        printf("%-29s %s\n", left, o->help);
    }
    printf("\nExit status, of the first scenario that did not pass: ");
    for (int c = TEST_PASS; c <= TEST_WALL; c++)
        printf("%s%d %s", c ? ", " : "", c, test_code_name(c));
    printf("\n");
}

static bool on_global(struct test *t, const char *name, const char *arg, bool *known, struct err *e)
{
    *known = true;
    for (unsigned i = 0; i < ARRAY_LEN(report_files); i++)
        if (!strcmp(name, report_files[i].name)) {
            t->file[i] = arg;
            t->quiet = t->quiet || !strcmp(arg, "-");
            return true;
        }
    if (!strcmp(name, "j")) {
        char *end;
        t->parallel = (unsigned)strtoul(arg, &end, 10);
        return (!*end && t->parallel && t->parallel <= 256) || err_set(e, "-j takes a number of processes");
    }
    if (!strcmp(name, "out")) {
        t->suite.out = arg;
        return !access(arg, W_OK) || err_set(e, "-out %s: %m", arg);
    }
    if (!strcmp(name, "only")) {
        if (t->n_only == ARRAY_LEN(t->only))
            return err_set(e, "-only: too many; make a suite of them");
        t->only[t->n_only++] = arg;
        return true;
    }
    *known = false;
    return true;
}

static bool takes_argument(const char *name)
{
    for (const struct test_option *o = test_options; o->name; o++)
        if (!strcmp(o->name, name))
            return o->arg;
    return true;
}

/* A scenario made of options, unless a suite is named. */
static bool parse(struct test *t, int argc, char **argv, struct err *e)
{
    struct suite *suite = &t->suite;
    struct scenario *s = xmalloc(sizeof *s);
    scenario_init(s, "test");
    suite->scenario = s;
    suite->out = ".";
    bool options = false;
    const char *file = NULL;
    for (int i = 1; i < argc; i++) {
        const char *w = argv[i], *arg = NULL;
        if (!strcmp(w, "--")) {
            while (++i < argc && s->n_words < TEST_MAX_WORDS)
                s->words[s->n_words++] = argv[i];
            break;
        }
        if (*w != '-') {
            if (file)
                return err_set(e, "two suites: '%s' and '%s'", file, w);
            file = w;
            continue;
        }
        const char *name = w + 1 + (w[1] == '-'), *equals = strchr(name, '=');
        if (w[1] == '-' && equals) {
            name = arena_printf(suite->arena, "%.*s", (int)(equals - name), name);
            arg = equals + 1;
        } else if (takes_argument(name)) {
            if (++i == argc)
                return err_set(e, "%s needs a value behind it", w);
            arg = argv[i];
        }
        bool known;
        if (!on_global(t, name, arg, &known, e))
            return false;
        if (!known && !test_option_apply(suite, s, name, arg, e))
            return false;
        options = options || !known;
    }
    if (!file) {
        suite->n = 1;
        return scenario_check(s, e);
    }
    if (options || s->n_words)
        return err_set(e, "what a suite's scenarios do stands in %s; with a suite go -j, -only, -out and the reports", file);
    return suite_load(suite, file, e);
}

/* --- from scenarios to jobs --------------------------------------------------------------------------------------- */

static bool wanted(const struct test *t, const struct scenario *s)
{
    for (unsigned i = 0; i < t->n_only; i++)
        if (!strcmp(t->only[i], s->name))
            return true;
    for (const struct scenario *other = t->suite.scenario; other < t->suite.scenario + t->suite.n; other++)
        if (other->boot_scenario == s && wanted(t, other))
            return true;
    return !t->n_only;
}

static bool check_only(const struct test *t, struct err *e)
{
    for (unsigned i = 0; i < t->n_only; i++) {
        unsigned k = 0;
        while (k < t->suite.n && strcmp(t->suite.scenario[k].name, t->only[i]))
            k++;
        if (k == t->suite.n)
            return err_set(e, "-only %s: there is no such scenario", t->only[i]);
    }
    return true;
}

static u64 count(struct span s)
{
    return s.to ? s.to - s.from + 1 : 1;
}

static char *recording_name(const struct test *t, const struct job *j)
{
    struct buf b = { 0 };
    if (strcmp(t->suite.out, "."))
        buf_printf(&b, "%s/", t->suite.out);
    for (const char *p = j->scenario->name; *p; p++) /* a word for every shell */
        buf_printf(&b, "%c", strchr(" \t\"'\\$`&|;<>()*?!#~", *p) ? '-' : *p);
    if (j->seed)
        buf_printf(&b, "-seed%llu", (unsigned long long)j->seed);
    if (j->crash)
        buf_printf(&b, "-crash%llu", (unsigned long long)j->crash);
    buf_printf(&b, ".replay");
    char *name = xstrdup(buf_cstr(&b));
    buf_free(&b);
    return name;
}

static void make_jobs(struct test *t)
{
    struct suite *suite = &t->suite;
    u64 n = 0;
    for (unsigned i = 0; i < suite->n; i++)
        n += wanted(t, &suite->scenario[i]) ? count(suite->scenario[i].seeds) * count(suite->scenario[i].crashes) : 0;
    t->job = xcalloc(n, sizeof *t->job);
    t->result = xcalloc(suite->n, sizeof *t->result);
    for (unsigned i = 0; i < suite->n; i++) {
        struct scenario *s = &suite->scenario[i];
        if (!wanted(t, s))
            continue;
        struct result *r = &t->result[t->n_results++];
        *r = (struct result){ .scenario = s, .first = &t->job[t->n_jobs], .job = &t->job[t->n_jobs] };
        for (u64 seed = s->seeds.from; seed <= s->seeds.to; seed++)
            for (u64 crash = s->crashes.from; crash <= s->crashes.to; crash++) {
                struct job *j = &t->job[t->n_jobs++];
                *j = (struct job){ .scenario = s, .seed = seed, .crash = crash, .result = -1, .log = -1 };
                j->recording = s->replay ? NULL : recording_name(t, j);
                r->n++;
            }
    }
}

/* --- while it runs ------------------------------------------------------------------------------------------------ */

static void clear_progress(const struct test *t)
{
    if (t->progress)
        fprintf(stderr, "\r\033[K");
}

static void print(const struct test *t, struct buf *b)
{
    if (!t->quiet)
        fwrite(b->data, 1, b->len, stdout);
    fflush(stdout);
    buf_free(b);
}

static void judge(struct result *r)
{
    r->judged = true;
    r->failed = 0;
    for (unsigned i = 0; i < r->n; i++) {
        const struct job *j = &r->first[i];
        r->judged = r->judged && j->done && !j->killed;
        if (j->out.code && !r->failed++)
            r->job = j;
    }
}

/* Of a sweep one recording is enough. */
static void drop_recordings(const struct result *r)
{
    for (unsigned i = 0; i < r->n; i++)
        if (&r->first[i] != r->job && r->first[i].recording)
            unlink(r->first[i].recording);
}

/* In the order of the suite: what is done, up to the first that is not. */
static void show_done(struct test *t, bool all)
{
    for (; t->shown < t->n_results; t->shown++) {
        struct result *r = &t->result[t->shown];
        for (unsigned i = 0; i < r->n && !all; i++)
            if (!r->first[i].done)
                return;
        struct buf line = { 0 };
        judge(r);
        if (r->judged)
            drop_recordings(r);
        report_line(r, t->color, &line);
        clear_progress(t);
        print(t, &line);
    }
}

static void ended(void *opaque, const struct job *j)
{
    show_done(opaque, false);
}

static void tick(void *opaque, const struct job *jobs, unsigned n)
{
    struct test *t = opaque;
    unsigned done = 0;
    const struct job *runs = NULL;
    for (unsigned i = 0; i < n; i++) {
        done += jobs[i].done;
        runs = jobs[i].pid && !runs ? &jobs[i] : runs;
    }
    show_done(t, false);
    if (t->progress && runs)
        fprintf(stderr, "\r%u of %u runs done, now %s\033[K", done, n, runs->scenario->name);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static bool write_reports(struct test *t)
{
    bool ok = true;
    for (unsigned i = 0; i < ARRAY_LEN(report_files); i++) {
        struct buf b = { 0 };
        struct err e;
        if (!t->file[i])
            continue;
        report_files[i].make(&t->suite, t->result, t->n_results, &b);
        if (!strcmp(t->file[i], "-")) {
            fwrite(b.data, 1, b.len, stdout);
        } else if (!host_file_save(t->file[i], b.data, b.len, &e)) {
            fprintf(stderr, "orrery test: -%s: %s\n", report_files[i].name, e.text);
            ok = false;
        }
        buf_free(&b);
    }
    return ok;
}

/* Failures begin with the snapshot they were booted from: it stays with their recordings. */
static void drop_snapshots(struct test *t)
{
    for (unsigned i = 0; i < t->suite.n; i++) {
        const struct scenario *s = &t->suite.scenario[i];
        bool needed = false;
        for (unsigned k = 0; k < t->n_results; k++)
            needed = needed || (t->result[k].scenario->boot_scenario == s && t->result[k].judged && t->result[k].failed);
        char *path = test_snapshot_path(&t->suite, s);
        if (s->begins_others && !needed)
            unlink(path);
        free(path);
    }
}

static int run(struct test *t)
{
    struct err e = { "" };
    struct job_watch watch = { .ended = ended, .tick = tick, .opaque = t };
    make_jobs(t);
    t->color = console_wants_color(STDOUT_FILENO);
    t->progress = isatty(STDERR_FILENO) && isatty(STDOUT_FILENO) && !t->quiet;
    bool whole = test_run_jobs(&t->suite, t->job, t->n_jobs, t->parallel, &watch, &e);
    show_done(t, true);
    struct buf summary = { 0 };
    report_summary(t->result, t->n_results, t->color, &summary);
    print(t, &summary);
    drop_snapshots(t);
    int status = whole ? TEST_PASS : e.text[0] ? TEST_USAGE : TEST_INTERRUPTED;
    if (e.text[0])
        fprintf(stderr, "orrery test: %s\n", e.text);
    if (!write_reports(t))
        return TEST_USAGE;
    for (unsigned i = 0; i < t->n_results && !status; i++)
        if (t->result[i].failed)
            status = t->result[i].job->out.code;
    return status;
}

int test_main(int argc, char **argv)
{
    struct test t = { .suite = { .arena = arena_new() }, .parallel = (unsigned)sysconf(_SC_NPROCESSORS_ONLN) };
    struct err e = { "" };
    int status = TEST_USAGE;
    if (argc < 2 || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help") || !strcmp(argv[1], "-help") || !strcmp(argv[1], "--help")) {
        help();
        return argc < 2 ? TEST_USAGE : TEST_PASS;
    }
    if (!parse(&t, argc, argv, &e) || !check_only(&t, &e))
        fprintf(stderr, "orrery test: %s\n", e.text);
    else
        status = run(&t);
    for (unsigned i = 0; i < t.n_jobs; i++) {
        free(t.job[i].recording);
        free(t.job[i].out.what);
        free(t.job[i].out.console);
        free(t.job[i].out.warnings);
    }
    free(t.job);
    free(t.result);
    free(t.suite.scenario);
    arena_free(t.suite.arena);
    return status;
}
