/* What a scenario can say, one row for each option; and what the words behind them mean. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/option_values.h"
#include "cli/test.h"

/* --- values ----------------------------------------------------------------------------------------------------- */

/* Text between quotes, with C's escapes; without quotes it is taken as it stands. */
static bool parse_text(struct arena *a, const char *arg, const char **text, size_t *n, struct err *e)
{
    static const char names[] = "nrtbefa0\\\"/", values[] = "\n\r\t\b\033\f\a\0\\\"/";
    size_t len = strlen(arg);
    char *out = ARENA_ARRAY(a, char, len + 1);
    *text = out;
    *n = 0;
    if (len < 2 || arg[0] != '"' || arg[len - 1] != '"') {
        memcpy(out, arg, len);
        *n = len;
        return true;
    }
    for (size_t i = 1; i + 1 < len; i++) {
        if (arg[i] != '\\') {
            out[(*n)++] = arg[i];
            continue;
        }
        const char *at = ++i + 1 < len ? strchr(names, arg[i]) : NULL;
        unsigned byte;
        if (at && *at) {
            out[(*n)++] = values[at - names];
        } else if (arg[i] == 'x' && i + 3 < len && sscanf(arg + i + 1, "%2x", &byte) == 1) {
            out[(*n)++] = (char)byte;
            i += 2;
        } else {
            return err_set(e, "'\\%c' is no escape; there are \\n \\r \\t \\e \\b \\f \\a \\0 \\xHH \\\\ and \\\"", arg[i]);
        }
    }
    return true;
}

/* regcomp() writes out repetitions and calls itself for parentheses: ((a{1,250}){1,250}){1,250} takes all memory. So the length
 * when written out is counted before. */
#define MOST_REGEX 2000
#define MOST_NESTED 100

static bool regex_bounded(const char *p, struct err *e)
{
    u64 sum[MOST_NESTED + 1] = { 0 }, last = 0; /* of what is open; the last piece, which a repetition is of */
    unsigned depth = 0;
    for (; *p; p++) {
        u64 piece = 1;
        char *end = NULL;
        if (*p == '\\' && p[1]) {
            p++;
        } else if (*p == '[') { /* a bracket expression is one; its first character may be ] */
            p += 1 + (p[1] == '^');
            p += *p != 0;
            p += strcspn(p, "]");
            p -= !*p;
        } else if (*p == '(') {
            if (depth == MOST_NESTED)
                return err_set(e, "more than %d parentheses in one another", MOST_NESTED);
            sum[++depth] = 0;
            last = 0;
            continue;
        } else if (*p == ')' && depth) {
            piece = sum[depth--] + 1;
        } else if (*p == '{') {
            u64 times = strtoull(p + 1, &end, 10), more = *end == ',' ? strtoull(end + 1, &end, 10) : 0;
            times = times > more ? times : more;
            times = times <= MOST_REGEX ? times : MOST_REGEX + 1;
            piece = times ? last * (times - 1) : 0;
            p = *end == '}' ? end : p;
        } else if (*p == '+') {
            piece = last;
        }
        sum[depth] += piece;
        last = *p == '}' || *p == '+' ? last + piece : piece;
        if (sum[depth] > MOST_REGEX)
            return err_set(e, "its repetitions make it longer than %d", MOST_REGEX);
    }
    return true;
}

static void free_regex(void *p)
{
    regfree(p);
}

static bool parse_pattern(struct arena *a, const char *arg, struct pattern *p, struct err *e)
{
    size_t len = strlen(arg);
    p->shown = arg;
    if (len > 2 && arg[0] == '/' && arg[len - 1] == '/') {
        char why[128], *regex = arena_printf(a, "%.*s", (int)len - 2, arg + 1);
        if (!regex_bounded(regex, e))
            return err_prefix(e, "the regular expression");
        p->regex = ARENA_NEW(a, regex_t);
        int bad = regcomp(p->regex, regex, REG_EXTENDED);
        if (bad) {
            regerror(bad, p->regex, why, sizeof why);
            return err_set(e, "%s is not a POSIX extended regular expression: %s", arg, why);
        }
        arena_defer(a, free_regex, p->regex);
        return true;
    }
    return parse_text(a, arg, &p->text, &p->n, e) && (p->n || err_set(e, "there is nothing to look for"));
}

/* 10s, 500ms, 2m. */
static bool parse_time(const char *arg, u64 *ns, struct err *e)
{
    static const struct {
        const char *name;
        u64 ns;
    } units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 } };
    char *end;
    double v = strtod(arg, &end);
    for (unsigned i = 0; i < ARRAY_LEN(units); i++)
        if (end != arg && !strcmp(end, units[i].name) && v > 0 && v * (double)units[i].ns < 1e18 && v * (double)units[i].ns >= 1) {
            *ns = (u64)(v * (double)units[i].ns);
            return true;
        }
    return err_set(e, "'%s' is not a time; write 10s, 500ms or 2m", arg);
}

/* 1000, 50k, 20M, 1G. */
static bool parse_count(const char *arg, u64 *n, struct err *e)
{
    static const char letters[] = "kMG";
    char *end;
    u64 unit = 1, v = strtoull(arg, &end, 0);
    const char *l = *end ? strchr(letters, *end) : NULL;
    for (const char *k = letters; l && k <= l; k++)
        unit *= 1000;
    if (end == arg || end[l != NULL] || !v || *arg == '-' || v > UINT64_MAX / 2 / unit)
        return err_set(e, "'%s' is not a number of instructions; write 100000, 50k, 20M or 1G", arg);
    *n = v * unit;
    return true;
}

static bool parse_span(const char *arg, struct span *s, struct err *e)
{
    char *end;
    s->from = s->to = strtoull(arg, &end, 10);
    if (end != arg && !strncmp(end, "..", 2)) {
        const char *second = end + 2;
        s->to = strtoull(second, &end, 10);
        end += end == second;
    }
    if (end == arg || *end || !s->from || s->to < s->from || s->to - s->from > 100000)
        return err_set(e, "'%s' is not a range; write FIRST..LAST, from 1, or one number", arg);
    return true;
}

/* As a shell cuts words: blanks between them, '...' and "..." and \ inside. */
static bool add_words(struct suite *t, struct scenario *s, const char *line, struct err *e)
{
    const char *p = line;
    for (;;) {
        p += strspn(p, " \t");
        if (!*p)
            return true;
        char *out = ARENA_ARRAY(t->arena, char, strlen(p) + 1), *w = out, quote = 0;
        for (; *p && (quote || !strchr(" \t", *p)); p++) {
            if (quote ? *p == quote : *p == '\'' || *p == '"')
                quote = quote ? 0 : *p;
            else if (*p == '\\' && quote != '\'' && p[1])
                *w++ = *++p;
            else
                *w++ = *p;
        }
        if (quote)
            return err_set(e, "a quotation mark (%c) is not closed", quote);
        if (s->n_words == TEST_MAX_WORDS)
            return err_set(e, "more than %d words", TEST_MAX_WORDS);
        s->words[s->n_words++] = out;
    }
}

#define MOST_RUNS 100000
#define MOST_SENT 4096 /* host/inbox.h */

/* --- steps ------------------------------------------------------------------------------------------------------ */

static struct step *add_step(struct scenario *s, enum step_kind kind, const char *shown, struct err *e)
{
    if (s->n_steps == TEST_MAX_STEPS) {
        err_set(e, "a scenario has at most %d steps", TEST_MAX_STEPS);
        return NULL;
    }
    struct step *p = &s->step[s->n_steps++];
    *p = (struct step){ .kind = kind, .shown = shown, .text = shown };
    return p;
}

#define APPLY(name) static bool name(struct suite *t, struct scenario *s, const char *arg, struct err *e)

APPLY(on_expect)
{
    struct step *p = add_step(s, STEP_EXPECT, arg, e);
    return p && parse_pattern(t->arena, arg, &p->pattern, e);
}

APPLY(on_send)
{
    struct step *p = add_step(s, STEP_SEND, arg, e);
    return p && parse_text(t->arena, arg, &p->text, &p->n, e) &&
           (p->n <= MOST_SENT || err_set(e, "at most %d bytes at once: the guest must read them; expect something in between", MOST_SENT));
}

APPLY(on_reject)
{
    if (s->n_rejects == ARRAY_LEN(s->reject))
        return err_set(e, "at most %zu are possible; /A|B/ is one", ARRAY_LEN(s->reject));
    return parse_pattern(t->arena, arg, &s->reject[s->n_rejects++], e);
}

APPLY(on_stop_at)
{
    struct step *p = add_step(s, STEP_STOP_AT, arg, e);
    struct err none;
    if (!p)
        return false;
    p->is_position = option_number(arg, &p->number, &none);
    return true;
}

APPLY(on_assert)
{
    return add_step(s, STEP_ASSERT, arg, e);
}

APPLY(on_expect_exit)
{
    struct step *p = add_step(s, STEP_EXIT, arg, e);
    if (!p)
        return false;
    p->any_panic = !strcmp(arg, "panic");
    return p->any_panic || option_number(arg, &p->number, e);
}

APPLY(on_after_crash)
{
    return add_step(s, STEP_RESTART, "after-crash", e);
}

/* --- the rest --------------------------------------------------------------------------------------------------- */

APPLY(on_max_guest_time) { return parse_time(arg, &s->max_guest_ns, e); }
APPLY(on_wall_limit) { return parse_time(arg, &s->wall_ns, e); }
APPLY(on_max_instructions) { return parse_count(arg, &s->max_instructions, e); }
APPLY(on_crashes) { return parse_span(arg, &s->crashes, e); }
APPLY(on_seeds) { return parse_span(arg, &s->seeds, e); }

APPLY(on_no_progress)
{
    struct err as_time;
    s->no_progress_ns = s->no_progress_instructions = 0;
    if (parse_time(arg, &s->no_progress_ns, &as_time) || parse_count(arg, &s->no_progress_instructions, e))
        return true;
    return err_set(e, "'%s' is neither a time (2s) nor a number of instructions (50M)", arg);
}

APPLY(on_points)
{
    char *end;
    s->points = strtod(arg, &end);
    return (end != arg && !*end && s->points >= 0 && s->points < 1e9) || err_set(e, "'%s' is not a number of points", arg);
}

APPLY(on_visibility)
{
    static const char *const known[] = { "visible", "hidden", "after_due_date", "after_published", NULL };
    s->visibility = arg;
    return option_word_in(arg, known) || err_set(e, "'%s': it is visible, hidden, after_due_date or after_published", arg);
}

APPLY(on_run) { return add_words(t, s, arg, e); }
APPLY(on_boot_from) { s->boot_from = arg; return true; }
APPLY(on_replay) { s->replay = arg; return true; }
APPLY(on_check_disk) { s->check_disk = arg; return true; }
APPLY(on_group) { s->group = arg; return true; }

const struct test_option test_options[] = {
    { "run", "OPTIONS", "the machine, as behind 'orrery run'; several lines are one (command line: behind --)", on_run },
    { "expect", "TEXT|/REGEX/", "the guest says this; within max-guest-time", on_expect },
    { "send", "TEXT", "type it at the guest's console: \"ls\\n\"", on_send },
    { "stop-at", "PLACE", "run to a position, symbol, FILE:LINE", on_stop_at },
    { "assert", "EXPR", "where the guest stands, an expression of the debugger is true", on_assert },
    { "expect-exit", "STATUS|panic", "the guest ends with this status; or cannot go on", on_expect_exit },
    { "reject", "TEXT|/REGEX/", "the guest never says this", on_reject },
    { "max-guest-time", "TIME", "guest time that all steps together may take (default 60s); else status 4", on_max_guest_time },
    { "max-instructions", "N", "instructions they may take; else status 4", on_max_instructions },
    { "no-progress", "N|TIME", "status 5 when the guest neither says nor reads nor writes anything for so long", on_no_progress },
    { "seed-sweep", "A..B", "once for each number, each another interleaving of the CPUs (-schedule)", on_seeds },
    { "crash-after-writes", "A..B", "once for each number: cut the power behind that write to a disk, and start again", on_crashes },
    { "after-crash", NULL, "the steps behind it are for the second start; without it all are done again", on_after_crash },
    { "check-disk", "COMMAND", "at the end, with a file for each disk behind it, this succeeds", on_check_disk },
    { "boot-from", "SNAPSHOT", "begin there: a file of --save, or the scenario of this name, where it ends", on_boot_from },
    { "replay", "RECORDING", "in place of a machine: it is replayed, and differs nowhere; else status 6", on_replay },
    { "wall-limit", "TIME", "real time it may take (default 5m); else status 7", on_wall_limit },
    { "points", "N", "what it is worth", on_points },
    { "group", "NAME", "what it belongs to, for reports", on_group },
    { "visibility", "WHEN", "for Gradescope: visible, hidden, after_due_date, after_published", on_visibility },
    { .name = NULL },
};

bool test_option_apply(struct suite *t, struct scenario *s, const char *name, const char *arg, struct err *e)
{
    const char *best = NULL;
    unsigned score = 0;
    for (const struct test_option *o = test_options; o->name; o++) {
        suggest(name, o->name, &best, &score);
        if (strcmp(o->name, name))
            continue;
        if (!o->arg != !arg)
            return err_set(e, o->arg ? "%s needs %s" : "%s takes nothing", name, o->arg);
        return o->apply(t, s, arg, e) || err_prefix(e, "%s", name);
    }
    return err_set(e, "there is no '%s'%s%s%s", name, best ? " (did you mean '" : "", best ? best : "", best ? "'?)" : "");
}

void scenario_init(struct scenario *s, const char *name)
{
    *s = (struct scenario){ .name = name, .max_guest_ns = 60000000000, .wall_ns = 300000000000, .group = "",
                            .visibility = "visible" };
}

/* What the test says itself must not be said to the machine, too. */
static bool check_words(const struct scenario *s, struct err *e)
{
    static const struct {
        const char *name, *instead;
    } ours[] = { { "stop-at", "stop-at" }, { "max-instructions", "max-instructions" }, { "record", "nothing: every scenario is recorded" },
                 { "load", "boot-from" }, { "loadvm", "boot-from" }, { "save", "boot-from = SCENARIO" },
                 { "schedule", "seed-sweep" }, { "gdb", "'orrery debug' with the recording" }, { "s", "'orrery debug' with the recording" },
                 { "S", "stop-at" }, { "qmp", "send and expect" }, { "tui", "'orrery debug' with the recording" } };
    for (int i = 0; i < s->n_words; i++) {
        const char *w = s->words[i] + (s->words[i][0] == '-') + (s->words[i][0] == '-' && s->words[i][1] == '-');
        for (unsigned k = 0; w != s->words[i] && k < ARRAY_LEN(ours); k++)
            if (strlen(ours[k].name) == strcspn(w, "=") && !strncmp(w, ours[k].name, strcspn(w, "=")))
                return err_set(e, "%s has no place in the machine's options of a test; use %s", s->words[i], ours[k].instead);
    }
    return true;
}

bool scenario_check(struct scenario *s, struct err *e)
{
    unsigned restarts = 0;
    for (unsigned i = 0; i < s->n_steps; i++)
        restarts += s->step[i].kind == STEP_RESTART;
    if (s->replay && s->n_words)
        return err_set(e, "a replay knows its machine: leave out run");
    if (!s->replay && !s->n_words)
        return err_set(e, "there is no machine to run: 'run = OPTIONS', or behind -- on the command line");
    if (s->replay && (s->crashes.to || s->seeds.to || s->boot_from))
        return err_set(e, "a replay is one run: seed-sweep, crash-after-writes and boot-from do not go with it");
    if (restarts > 1 || (restarts && !s->crashes.to))
        return err_set(e, restarts > 1 ? "after-crash can be there once" : "after-crash needs crash-after-writes");
    u64 runs = (s->seeds.to ? s->seeds.to - s->seeds.from + 1 : 1) * (s->crashes.to ? s->crashes.to - s->crashes.from + 1 : 1);
    if (runs > MOST_RUNS)
        return err_set(e, "the sweeps multiply to %llu runs; at most %d are possible", (unsigned long long)runs, MOST_RUNS);
    return check_words(s, e);
}
