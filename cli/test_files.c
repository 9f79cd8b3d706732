/* What came of it, for programs: JUnit XML, TAP, JSON lines, Gradescope's results.json. Times are the guest's, so that the same
 * suite gives the same file. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/test.h"

static u64 guest_ns(const struct result *r)
{
    u64 ns = 0;
    for (unsigned i = 0; i < r->n; i++)
        ns += r->first[i].out.guest_ns;
    return ns;
}

static bool passed(const struct result *r)
{
    return r->judged && !r->failed;
}

static const char *suite_name(const struct suite *t)
{
    const char *slash = t->file ? strrchr(t->file, '/') : NULL;
    return slash ? slash + 1 : t->file ? t->file : "orrery test";
}

/* --- JUnit, as Jenkins and GitLab read it ------------------------------------------------------------------------ */

static void put_xml(struct buf *out, const char *s)
{
    for (; *s; s++)
        switch (*s) {
        case '<': buf_printf(out, "&lt;"); break;
        case '>': buf_printf(out, "&gt;"); break;
        case '&': buf_printf(out, "&amp;"); break;
        case '"': buf_printf(out, "&quot;"); break;
        default: buf_put(out, s, 1); break;
        }
}

static void put_attribute(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, " %s=\"", name);
    for (; *value; value += *value == '\n') { /* a line's end in an attribute is read as a blank */
        char *line = xprintf("%.*s", (int)strcspn(value, "\n"), value);
        put_xml(out, line);
        free(line);
        value += strcspn(value, "\n");
        if (*value)
            buf_printf(out, "&#10;");
    }
    buf_printf(out, "\"");
}

void report_junit(const struct suite *t, const struct result *r, unsigned n, struct buf *out)
{
    unsigned failures = 0, errors = 0, skipped = 0;
    u64 ns = 0;
    for (unsigned i = 0; i < n; i++) {
        bool error = r[i].failed && r[i].job->out.code == TEST_USAGE;
        errors += error;
        failures += r[i].judged && r[i].failed && !error;
        skipped += !r[i].judged;
        ns += guest_ns(&r[i]);
    }
    buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite");
    put_attribute(out, "name", suite_name(t));
    buf_printf(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.9f\">\n", n, failures, errors, skipped,
               (double)ns / 1e9);
    for (unsigned i = 0; i < n; i++) {
        const struct outcome *o = &r[i].job->out;
        buf_printf(out, "<testcase");
        put_attribute(out, "classname", *r[i].scenario->group ? r[i].scenario->group : suite_name(t));
        put_attribute(out, "name", r[i].scenario->name);
        buf_printf(out, " time=\"%.9f\">", (double)guest_ns(&r[i]) / 1e9);
        if (!r[i].judged) {
            buf_printf(out, "<skipped message=\"interrupted\"/>");
        } else if (r[i].failed) {
            struct buf text = { 0 };
            const char *element = o->code == TEST_USAGE ? "error" : "failure";
            report_failure(&r[i], &text);
            buf_printf(out, "<%s", element);
            put_attribute(out, "type", test_code_name(o->code));
            put_attribute(out, "message", o->what);
            buf_printf(out, ">");
            put_xml(out, buf_cstr(&text));
            buf_printf(out, "</%s>", element);
            buf_free(&text);
        }
        if (r[i].judged && *o->console) {
            buf_printf(out, "\n<system-out>");
            put_xml(out, o->console);
            buf_printf(out, "</system-out>\n");
        }
        buf_printf(out, "</testcase>\n");
    }
    buf_printf(out, "</testsuite>\n</testsuites>\n");
}

/* --- TAP 13 ------------------------------------------------------------------------------------------------------ */

void report_tap(const struct suite *t, const struct result *r, unsigned n, struct buf *out)
{
    buf_printf(out, "TAP version 13\n1..%u\n", n);
    for (unsigned i = 0; i < n; i++) {
        if (!r[i].judged) {
            buf_printf(out, "not ok %u - %s # SKIP interrupted\n", i + 1, r[i].scenario->name);
            continue;
        }
        buf_printf(out, "%s %u - ", r[i].failed ? "not ok" : "ok", i + 1);
        for (const char *p = r[i].scenario->name; *p; p++) /* # begins a directive */
            buf_printf(out, *p == '#' || *p == '\\' ? "\\%c" : "%c", *p);
        buf_printf(out, "\n");
        if (!r[i].failed)
            continue;
        struct buf text = { 0 };
        report_failure(&r[i], &text);
        buf_printf(out, "  ---\n  status: %d\n  why: %s\n  message: |\n", r[i].job->out.code, test_code_name(r[i].job->out.code));
        for (const char *p = buf_cstr(&text); *p;) {
            size_t len = strcspn(p, "\n");
            buf_printf(out, "    %.*s\n", (int)len, p);
            p += len + (p[len] != 0);
        }
        buf_printf(out, "  ...\n");
        buf_free(&text);
    }
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

static void put_json(json_t *j, size_t flags, struct buf *out)
{
    char *text = json_dumps(j, flags | JSON_SORT_KEYS);
    buf_printf(out, "%s\n", text ? text : "{}");
    free(text);
    json_decref(j);
}

/* A line for each run of each scenario, then one for the whole. */
void report_json(const struct suite *t, const struct result *r, unsigned n, struct buf *out)
{
    unsigned ok = 0;
    for (unsigned i = 0; i < n; i++) {
        ok += passed(&r[i]);
        for (unsigned k = 0; k < r[i].n && r[i].judged; k++) {
            const struct job *j = &r[i].first[k];
            const struct outcome *o = &j->out;
            json_t *line = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "name", r[i].scenario->name, "group",
                                     r[i].scenario->group, "status", o->code, "why", test_code_name(o->code), "message", o->what,
                                     "console", o->console, "position", (json_int_t)o->position, "instructions",
                                     (json_int_t)o->instructions, "guest_ns", (json_int_t)o->guest_ns, "disk_writes",
                                     (json_int_t)o->writes);
            if (!line)
                continue;
            if (j->seed)
                json_object_set_new(line, "seed", json_integer((json_int_t)j->seed));
            if (j->crash)
                json_object_set_new(line, "crash_after_write", json_integer((json_int_t)j->crash));
            if (j == r[i].job && o->code && o->code != TEST_USAGE && j->recording)
                json_object_set_new(line, "recording", json_string(j->recording));
            put_json(line, JSON_COMPACT, out);
        }
    }
    put_json(json_pack("{s:s, s:I, s:I}", "suite", suite_name(t), "scenarios", (json_int_t)n, "passed", (json_int_t)ok),
             JSON_COMPACT, out);
}

/* Gradescope's autograder specification, "results.json". */
void report_gradescope(const struct suite *t, const struct result *r, unsigned n, struct buf *out)
{
    json_t *tests = json_array(), *all = json_object();
    for (unsigned i = 0; i < n; i++) {
        const struct scenario *s = r[i].scenario;
        struct buf text = { 0 };
        if (!r[i].judged)
            buf_printf(&text, "interrupted\n");
        else if (r[i].failed)
            report_failure(&r[i], &text);
        json_t *test = json_pack("{s:s, s:s, s:f, s:f, s:s, s:s, s:s}", "name", s->name, "status", passed(&r[i]) ? "passed" : "failed",
                                 "score", passed(&r[i]) ? s->points : 0.0, "max_score", s->points, "output", buf_cstr(&text),
                                 "output_format", "text", "visibility", s->visibility);
        char *number = xprintf("%u", i + 1);
        json_object_set_new(test, "number", json_string(number));
        free(number);
        if (*s->group)
            json_object_set_new(test, "tags", json_pack("[s]", s->group));
        json_array_append_new(tests, test);
        buf_free(&text);
    }
    json_object_set_new(all, "tests", tests);
    put_json(all, JSON_INDENT(2), out);
}
