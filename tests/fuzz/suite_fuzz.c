/* Suites of `orrery test` that nobody would write: lines of good ones changed, doubled, cut and far too long, values of one name
 * behind another, any bytes. suite_load() takes them or says in which line what is wrong; what it took is within its bounds, and
 * every report of it, whatever the guests said, is well-formed. Build with -fsanitize=address,undefined.
 *
 *   suite_fuzz [SECONDS [SEED [CASES]]] */
#include <jansson.h>

#include "cli/test.h"
#include "tests/fuzz/cases.h"

static const char *const values[] = {
    "-machine virt -kernel k.elf -m 128M", "'a b' \"c d\" e\\ f", "'", "\"\\\"", "--record=x", "-gdb tcp::1", "ready", "\"$ \"", "/[0-9]+ ok/",
    "/(a|b)*c{2,3}$/", "/(/", "/[/", "/a{1,30000}/", "/((a{1,250}){1,250}){1,250}/", "/(((((x{0,99}){0,99}){0,99}){0,99}){0,99}/", "/a**/",
    "/\\(/", "//", "/", "\"\\n\\r\\t\\e\\x41\\0\\\\\"", "\"\\x\"", "\"\\x4\"", "\"\\", "\"\"", "", "panic", "0", "1", "255", "-1", "0x10",
    "18446744073709551615", "18446744073709551616", "1..100", "1..100001", "5..1", "0..5", "1..", "..", "7", "1..18446744073709551615",
    "18446744073709551615..18446744073709551615", "10s", "500ms", "2m", "1e300s", "nans", "infs", "-5s", "1ns", "0.0000001ns", "0x1p60ns",
    "20M", "1G", "9999999999999999999G", "1kk", "kernel.c:12", "ticks > 5", "main", "boot", "two", "visible", "hidden", "after_published",
    "1e9", "1e8", "nan", "inf", "-0", "%s%n%d", "\xff\xfe\x80", "fsck.ext4 -n", "a.replay", "]]>", "<&>\"'", "\x01\x1b[31m", "=", "= =",
};
static const char *const said[] = { "ready\n", "\xff\xfe", "\xed\xa0\x80", "]]>", "<failure/>", "\"\\", "\0x", "\x1b[2J", "not ok 1\n", "  ---\n...\n",
                                    "\xf4\x90\x80\x80", "\xc3\xa4", "\n\n# SKIP", "\r", "\x7f\x80", "&amp;" };

static void put_good_line(u64 *rng, struct buf *b)
{
    size_t n = 0;
    while (test_options[n].name)
        n++;
    const struct test_option *o = &test_options[any(rng, n)];
    buf_printf(b, "%s", o->name);
    if (o->arg ? !one_in(rng, 40) : one_in(rng, 40))
        buf_printf(b, "%s%s", one_in(rng, 3) ? "=" : " = ", values[any(rng, ARRAY_LEN(values))]);
    buf_printf(b, one_in(rng, 20) ? " \r\n" : "\n");
}

static void put_suite(u64 *rng, struct buf *b)
{
    static const char *const names[] = { "boot", "two", "three", "a b", "", "x/y", "boot", "]", "\xff" };
    unsigned sections = (unsigned)any(rng, 6);
    bool tame = !one_in(rng, 4); /* whole ones are rare otherwise */
    if (one_in(rng, 3))
        put_good_line(rng, b);
    for (unsigned i = 0; i < sections; i++) {
        buf_printf(b, "[%s]\n", tame ? (const char *const[]){ "boot", "two", "three", "four", "five", "six" }[i] : names[any(rng, ARRAY_LEN(names))]);
        if (tame)
            buf_printf(b, one_in(rng, 9) ? "replay = r\n" : "run = -machine virt\n");
        for (u64 k = any(rng, tame ? 3 : 9); k--;)
            put_good_line(rng, b);
        if (one_in(rng, 40))
            for (u64 k = any(rng, 300); k--;)
                put_good_line(rng, b);
    }
    for (u64 k = one_in(rng, 3) ? any(rng, 6) : 0; b->len && k--;)
        mutate(rng, b->data, b->len);
    if (b->len && one_in(rng, 30))
        b->len = any(rng, b->len);
    if (one_in(rng, 60))
        for (u64 k = any(rng, 20000); k--;)
            buf_put(b, "[((\\\"=x", 1 + k % 8);
}

/* --- reports ------------------------------------------------------------------------------------------------------------------------ */

static char *words_said(u64 *rng)
{
    struct buf b = { 0 };
    for (u64 k = any(rng, 6); k--;)
        buf_printf(&b, "%s", said[any(rng, ARRAY_LEN(said))]);
    char *text = test_clean_text(b.data ? b.data : (const u8 *)"", b.len);
    buf_free(&b);
    return text;
}

/* Lines of JSON, or one value. */
static void check_json(const struct buf *b, bool lines)
{
    const char *s = (const char *)b->data, *end = s + b->len;
    while (s && s < end) {
        const char *next = lines ? memchr(s, '\n', (size_t)(end - s)) : end;
        json_t *o = next ? json_loadb(s, (size_t)(next - s), 0, NULL) : NULL;
        if (!json_is_object(o))
            wrong("a report is no JSON");
        json_decref(o);
        s = next + 1;
    }
}

static void check_xml(const struct buf *b)
{
    json_t *is_text = json_stringn_nocheck((const char *)b->data, b->len), *checked = json_stringn((const char *)b->data, b->len);
    if (!checked)
        wrong("a report is no UTF-8");
    json_decref(is_text);
    json_decref(checked);
    for (size_t i = 0; i < b->len; i++)
        if (b->data[i] < 0x20 && !strchr("\t\n\r", b->data[i]))
            wrong("a control character in XML");
}

static void report_all(u64 *rng, const struct suite *t)
{
    struct job *jobs = xcalloc(t->n, sizeof *jobs);
    struct result *results = xcalloc(t->n, sizeof *results);
    struct buf b = { 0 };
    for (unsigned i = 0; i < t->n; i++) {
        struct outcome *o = &jobs[i].out;
        *o = (struct outcome){ .code = (int)any(rng, TEST_WALL + 1), .what = words_said(rng), .console = words_said(rng), .warnings = words_said(rng),
                               .position = rng_next(rng), .instructions = rng_next(rng), .guest_ns = any(rng, (u64)1 << 50) };
        jobs[i].scenario = &t->scenario[i];
        jobs[i].seed = any(rng, 3);
        jobs[i].recording = xstrdup("x.replay");
        results[i] = (struct result){ .scenario = &t->scenario[i], .job = &jobs[i], .first = &jobs[i], .n = 1, .failed = o->code != TEST_PASS,
                                      .judged = !one_in(rng, 10) };
        report_line(&results[i], one_in(rng, 2), &b);
    }
    report_summary(results, t->n, false, &b);
    report_tap(t, results, t->n, &b);
    b.len = 0;
    report_junit(t, results, t->n, &b);
    check_xml(&b);
    b.len = 0;
    report_json(t, results, t->n, &b);
    check_json(&b, true);
    b.len = 0;
    report_gradescope(t, results, t->n, &b);
    check_json(&b, false);
    buf_free(&b);
    for (unsigned i = 0; i < t->n; i++) {
        free(jobs[i].out.what);
        free(jobs[i].out.console);
        free(jobs[i].out.warnings);
        free(jobs[i].recording);
    }
    free(jobs);
    free(results);
}

/* --- a case ------------------------------------------------------------------------------------------------------------------------- */

static void check_suite(const struct suite *t)
{
    if (!t->n)
        wrong("accepted, but empty");
    for (unsigned i = 0; i < t->n; i++) {
        const struct scenario *s = &t->scenario[i];
        if (s->n_words < 0 || s->n_words > TEST_MAX_WORDS || s->n_steps > TEST_MAX_STEPS || s->n_rejects > ARRAY_LEN(s->reject))
            wrong("accepted, but beyond a bound");
        if (!s->max_guest_ns || !s->wall_ns || !(s->points >= 0) || !*s->name)
            wrong("accepted, but no scenario");
        if (s->boot_scenario && (s->boot_scenario >= s || s->boot_scenario < t->scenario))
            wrong("boots from what does not stand above it");
    }
}

static void run_case(u64 number)
{
    u64 rng = number;
    char path[] = "/tmp/orrery-suite-fuzz-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0)
        exit(99);
    for (unsigned round = 0; round < 20; round++) {
        struct suite t = { .arena = arena_new() };
        struct buf b = { 0 };
        struct err e = { "" };
        put_suite(&rng, &b);
        if (ftruncate(fd, 0) || (b.len && pwrite(fd, b.data, b.len, 0) != (ssize_t)b.len))
            exit(99);
        if (suite_load(&t, path, &e)) {
            check_suite(&t);
            report_all(&rng, &t);
        } else if (!strstr(e.text, path)) {
            wrong(e.text);
        }
        free(t.scenario);
        buf_free(&b);
        arena_free(t.arena);
    }
    close(fd);
    unlink(path);
}

int main(int argc, char **argv)
{
    return cases_main("suite_fuzz", argc, argv, run_case);
}
