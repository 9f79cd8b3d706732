/* `orrery test`: scripted runs of guests, judged in guest time. docs/user/grading.md says what it is for; decision 078 why it
 * is as it is.
 *
 * A suite is a list of scenarios (test_suite.c, test_options.c). Each of its variants, one for each seed and crash of a sweep,
 * is a job: a process of its own (test_jobs.c) that runs the guest by the scenario's steps (test_run.c) and hands back an
 * outcome. Reports are made of the outcomes, in the order of the suite, so that they do not depend on who was faster. */
#ifndef CLI_TEST_H
#define CLI_TEST_H

#include <regex.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Exit statuses, of a scenario and of the whole. They stay. */
enum { TEST_PASS, TEST_FAILED, TEST_USAGE, TEST_PANIC, TEST_TIMEOUT, TEST_STUCK, TEST_DIVERGED, TEST_WALL };
#define TEST_INTERRUPTED 130 /* by Ctrl-C: what had not ended was not judged */

const char *test_code_name(int code); /* "failed", "guest panic" */

/* --- scenarios -------------------------------------------------------------------------------------------------- */

enum step_kind {
    STEP_EXPECT,  /* the guest says it */
    STEP_SEND,    /* typed at its console */
    STEP_STOP_AT, /* run to a position, or to what `tbreak` understands */
    STEP_ASSERT,  /* where it stands: an expression of the debugger is true */
    STEP_EXIT,    /* the guest ends, with this status */
    STEP_RESTART, /* what is behind it happens after the power was cut */
};

struct pattern {
    const char *shown; /* as it was written */
    const char *text;
    size_t n;
    regex_t *regex; /* POSIX, extended; NULL: text */
};

struct step {
    enum step_kind kind;
    const char *shown;   /* as it was written */
    const char *text;    /* STEP_SEND, STEP_ASSERT, STEP_STOP_AT of a place */
    size_t n;
    struct pattern pattern;
    bool is_position, any_panic;
    u64 number;          /* STEP_EXIT: status; STEP_STOP_AT: position */
};

struct span {
    u64 from, to; /* both included; to == 0: there is none */
};

#define TEST_MAX_STEPS 256
#define TEST_MAX_WORDS 128

struct scenario {
    const char *name;
    char *words[TEST_MAX_WORDS]; /* the machine's options */
    int n_words;
    struct step step[TEST_MAX_STEPS];
    unsigned n_steps;
    struct pattern reject[16];
    unsigned n_rejects;
    u64 max_guest_ns, max_instructions; /* max_instructions 0: no limit */
    u64 no_progress_ns, no_progress_instructions; /* 0: not asked for */
    u64 wall_ns;
    struct span seeds, crashes;
    const char *boot_from; /* a snapshot's file, or a scenario whose end is where this one begins */
    const struct scenario *boot_scenario;
    bool begins_others;
    const char *replay, *check_disk;
    double points;
    const char *group, *visibility;
};

struct suite {
    struct arena *arena;
    const char *file; /* NULL: from the command line */
    struct scenario *scenario; /* an array */
    unsigned n;
    const char *out;  /* directory of recordings */
};

/* An option of a scenario: a line of a suite and an option of the command line alike. */
struct test_option {
    const char *name, *arg, *help; /* arg NULL: takes none */
    bool (*apply)(struct suite *t, struct scenario *s, const char *arg, struct err *e);
};
extern const struct test_option test_options[]; /* ended by a row without name */
bool test_option_apply(struct suite *t, struct scenario *s, const char *name, const char *arg, struct err *e);
void scenario_init(struct scenario *s, const char *name);
/* When all options are known. */
bool scenario_check(struct scenario *s, struct err *e);

bool suite_load(struct suite *t, const char *path, struct err *e);

/* --- jobs ------------------------------------------------------------------------------------------------------- */

struct outcome {
    int code;
    char *what;    /* sentences about why it did not pass; "" when it did */
    char *console; /* what the guest said, the end of it; valid UTF-8 */
    char *warnings; /* what the program said meanwhile */
    u64 position, instructions, guest_ns, writes;
};

struct job {
    struct scenario *scenario;
    u64 seed, crash; /* 0: none */
    char *recording; /* its file */
    int pid;         /* 0: does not run */
    int result, log; /* file descriptors, -1 */
    u64 started;
    bool begun, done, killed, wall;
    struct outcome out;
};

/* In the job's own process: runs it and says what came of it. The recording's file is there afterwards unless it passed. */
void test_run_job(const struct suite *t, const struct job *j, struct outcome *out);
char *test_snapshot_path(const struct suite *t, const struct scenario *s);

struct job_watch {
    void (*ended)(void *opaque, const struct job *j);
    void (*tick)(void *opaque, const struct job *jobs, unsigned n); /* a few times a second */
    void *opaque;
};
/* Runs them all, `parallel` at a time. False: Ctrl-C. */
bool test_run_jobs(const struct suite *t, struct job *jobs, unsigned n, unsigned parallel, const struct job_watch *w,
                   struct err *e);

/* --- results ---------------------------------------------------------------------------------------------------- */

struct result { /* of a scenario */
    struct scenario *scenario;
    const struct job *job;   /* the one that failed first, or the first */
    const struct job *first; /* of `n` in a row */
    unsigned n, failed;
    bool judged; /* false: Ctrl-C came before */
};

/* Reports; each writes all of it. */
void report_line(const struct result *r, bool color, struct buf *out);
void report_summary(const struct result *r, unsigned n, bool color, struct buf *out);
void report_junit(const struct suite *t, const struct result *r, unsigned n, struct buf *out);
void report_tap(const struct suite *t, const struct result *r, unsigned n, struct buf *out);
void report_json(const struct suite *t, const struct result *r, unsigned n, struct buf *out);
void report_gradescope(const struct suite *t, const struct result *r, unsigned n, struct buf *out);
/* Sentences about a failure: what, which of a sweep, how to look at it. */
void report_failure(const struct result *r, struct buf *out);
char *test_clean_text(const u8 *bytes, size_t n); /* what no report chokes on: UTF-8 without control characters */

int test_main(int argc, char **argv);

#endif
