/* What came of it, for people: a line for each scenario, what is known of a failure, a summary. Nothing in it depends on the
 * host, so it can be compared. */
#include <stdio.h>
#include <string.h>

#include "cli/test.h"

const char *test_code_name(int code)
{
    static const char *const names[] = { "pass", "failed", "usage", "guest panic", "guest time-out", "no progress", "replay differs",
                                         "wall limit" };
    return code >= 0 && (size_t)code < ARRAY_LEN(names) ? names[code] : "?";
}

char *test_clean_text(const u8 *bytes, size_t n)
{
    struct buf b = { 0 };
    for (size_t i = 0; i < n;) {
        u8 c = bytes[i];
        unsigned more = c >= 0xf0 && c < 0xf5 ? 3 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xc2 && c < 0xe0 ? 1 : 0;
        bool ok = (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t' || (more && i + more < n);
        for (unsigned k = 1; ok && k <= more; k++)
            ok = (bytes[i + k] & 0xc0) == 0x80;
        if (more == 2) /* surrogates, and what is written too long; no character above U+10FFFF (RFC 3629, 4) */
            ok = ok && !(c == 0xe0 && bytes[i + 1] < 0xa0) && !(c == 0xed && bytes[i + 1] >= 0xa0) && !(c == 0xef && bytes[i + 1] == 0xbf);
        if (more == 3)
            ok = ok && !(c == 0xf0 && bytes[i + 1] < 0x90) && !(c == 0xf4 && bytes[i + 1] >= 0x90);
        if (ok)
            buf_put(&b, bytes + i, 1 + more);
        else if (c != '\r')
            buf_put(&b, "?", 1);
        i += ok ? 1 + more : 1;
    }
    char *text = xstrdup(buf_cstr(&b));
    buf_free(&b);
    return text;
}

static void put_variant(const struct job *j, struct buf *out)
{
    if (j->seed)
        buf_printf(out, "seed %llu", (unsigned long long)j->seed);
    if (j->crash)
        buf_printf(out, "%sa crash behind write %llu", j->seed ? ", " : "", (unsigned long long)j->crash);
}

/* "3 of 50: seed 7; seed 19; seed 33" */
static void put_sweep(const struct result *r, struct buf *out)
{
    enum { SHOWN = 12 };
    unsigned shown = 0;
    buf_printf(out, "%u of %u runs failed: ", r->failed, r->n);
    for (unsigned i = 0; i < r->n; i++) {
        if (!r->first[i].out.code)
            continue;
        if (shown++ == SHOWN) {
            buf_printf(out, "; ...");
            break;
        }
        buf_printf(out, shown > 1 ? "; " : "");
        put_variant(&r->first[i], out);
    }
    buf_printf(out, "\n");
}

/* The last lines of what the guest said. */
static void put_tail(const char *text, struct buf *out)
{
    enum { LINES = 8, LONGEST = 200 };
    size_t n = strlen(text), at, lines = 0;
    while (n && text[n - 1] == '\n')
        n--;
    for (at = n; at && lines < LINES; at--)
        lines += text[at - 1] == '\n';
    if (lines == LINES)
        at++;
    for (const char *p = text + at; p < text + n;) {
        const char *end = memchr(p, '\n', (size_t)(text + n - p));
        size_t len = (size_t)((end ? end : text + n) - p);
        buf_printf(out, "| %.*s\n", (int)(len < LONGEST ? len : LONGEST), p);
        p += len + (end != NULL);
    }
}

void report_failure(const struct result *r, struct buf *out)
{
    const struct outcome *o = &r->job->out;
    if (r->n > 1) {
        put_sweep(r, out);
        buf_printf(out, "The first, ");
        put_variant(r->job, out);
        buf_printf(out, ": ");
    }
    buf_printf(out, "%s%s", o->what, *o->what && o->what[strlen(o->what) - 1] == '\n' ? "" : "\n");
    if (*o->console) {
        buf_printf(out, "the guest said at last:\n");
        put_tail(o->console, out);
    }
    if (*o->warnings)
        buf_printf(out, "orrery said: %s%s", o->warnings, o->warnings[strlen(o->warnings) - 1] == '\n' ? "" : "\n");
    if (o->code != TEST_USAGE && r->job->recording && o->position)
        buf_printf(out, "at position %llu; look at it: orrery debug %s\n", (unsigned long long)o->position, r->job->recording);
    else if (o->code != TEST_USAGE && r->scenario->replay)
        buf_printf(out, "look at it: orrery debug %s\n", r->scenario->replay);
}

void report_line(const struct result *r, bool color, struct buf *out)
{
    const struct scenario *s = r->scenario;
    u64 instructions = 0, ns = 0;
    for (unsigned i = 0; i < r->n; i++) {
        instructions += r->first[i].out.instructions;
        ns += r->first[i].out.guest_ns;
    }
    const char *word = !r->judged ? "----" : r->failed ? "FAIL" : "ok  ";
    buf_printf(out, "%s%s%s  %-24s", !color || !r->judged ? "" : r->failed ? "\033[1;31m" : "\033[32m", word,
               color && r->judged ? "\033[m" : "", s->name);
    if (!r->judged) {
        buf_printf(out, " interrupted\n");
        return;
    }
    if (r->failed)
        buf_printf(out, " %s (%d)", test_code_name(r->job->out.code), r->job->out.code);
    if (s->points > 0)
        buf_printf(out, " %g of %g points,", r->failed ? 0.0 : s->points, s->points);
    if (r->n > 1)
        buf_printf(out, " %u runs,", r->n);
    buf_printf(out, " %.3f s of guest time, %llu instructions\n", (double)ns / 1e9, (unsigned long long)instructions);
    if (!r->failed)
        return;
    struct buf text = { 0 };
    report_failure(r, &text);
    for (const char *p = buf_cstr(&text); *p;) {
        size_t len = strcspn(p, "\n");
        buf_printf(out, "      %.*s\n", (int)len, p);
        p += len + (p[len] != 0);
    }
    buf_free(&text);
}

void report_summary(const struct result *r, unsigned n, bool color, struct buf *out)
{
    unsigned passed = 0, failed = 0;
    double points = 0, all = 0;
    for (unsigned i = 0; i < n; i++) {
        bool pass = r[i].judged && !r[i].failed;
        passed += pass;
        failed += r[i].judged && r[i].failed;
        all += r[i].scenario->points;
        points += pass ? r[i].scenario->points : 0;
    }
    buf_printf(out, "%s%u scenario%s: %u passed, %u failed", color ? "\033[1m" : "", n, n == 1 ? "" : "s", passed, failed);
    if (passed + failed < n)
        buf_printf(out, ", %u not judged", n - passed - failed);
    if (all > 0)
        buf_printf(out, "; %g of %g points", points, all);
    buf_printf(out, "%s\n", color ? "\033[m" : "");
}
