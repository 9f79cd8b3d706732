/* Callgrind's profile (Valgrind's manual, "Callgrind Format Specification", version 1): costs by function and line, calls
 * with inclusive costs, for callgrind_annotate and KCachegrind. Event Ir is instructions, Cycles those of a timing model.
 *
 * The inclusive cost of a call is counted where its function is not among its own callers: so a function's sum is never
 * more than what ran below it, however it recurses. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "trace/calls.h"

struct line_cost {
    u32 function, file;
    int line;
    u64 count, ticks;
};

struct call_cost {
    u32 function, file; /* of the caller, at the call */
    int line;
    u32 callee;
    u64 calls, count, ticks;
};

static int by_line(const void *pa, const void *pb)
{
    const struct line_cost *a = pa, *b = pb;
    if (a->function != b->function)
        return a->function < b->function ? -1 : 1;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

static int by_call(const void *pa, const void *pb)
{
    const struct call_cost *a = pa, *b = pb;
    if (a->function != b->function)
        return a->function < b->function ? -1 : 1;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->callee < b->callee ? -1 : a->callee > b->callee;
}

static struct line_cost *lines(const struct calls *c, size_t *n)
{
    struct line_cost *l = xcalloc(c->places.n + 1, sizeof *l);
    for (u32 i = 0; i < c->places.n; i++) {
        const struct place_row *r = &c->places.row[i];
        l[i] = (struct line_cost){ r->tag, r->file, r->line, r->count, r->ticks };
    }
    qsort(l, c->places.n, sizeof *l, by_line);
    size_t m = 0;
    for (u32 i = 0; i < c->places.n; i++) {
        if (m && !by_line(&l[m - 1], &l[i])) {
            l[m - 1].count += l[i].count;
            l[m - 1].ticks += l[i].ticks;
        } else {
            l[m++] = l[i];
        }
    }
    *n = m;
    return l;
}

static bool among_callers(const struct calls *c, u32 node)
{
    u32 function = c->node[node].function;
    for (u32 k = c->node[node].parent; k; k = c->node[k].parent)
        if (c->node[k].function == function)
            return true;
    return false;
}

static struct call_cost *calls(struct calls *c, size_t *n)
{
    u64 *count = xcalloc(c->n_nodes, sizeof *count), *ticks = xcalloc(c->n_nodes, sizeof *ticks);
    struct call_cost *out = xcalloc(c->n_nodes, sizeof *out);
    size_t m = 0, k = 0;
    for (u32 i = c->n_nodes; i-- > 1;) { /* callers come before those they call */
        const struct call_node *node = &c->node[i];
        count[i] += node->count;
        ticks[i] += node->ticks;
        count[node->parent] += count[i];
        ticks[node->parent] += ticks[i];
        if (!node->parent || (!node->calls && !count[i]))
            continue;
        u32 caller = c->node[node->parent].function;
        struct call_cost *o = &out[m++];
        *o = (struct call_cost){ .function = caller, .file = c->function[caller].file, .line = c->function[caller].line,
                                 .callee = node->function, .calls = node->calls };
        bool fresh = true;
        u32 at = node->site ? places_find(&c->places, node->site, caller, &fresh) : 0;
        if (!fresh) {
            o->file = c->places.row[at].file;
            o->line = c->places.row[at].line;
        }
        if (!among_callers(c, i)) {
            o->count = count[i];
            o->ticks = ticks[i];
        }
    }
    free(count);
    free(ticks);
    qsort(out, m, sizeof *out, by_call);
    for (size_t i = 0; i < m; i++) {
        if (k && !by_call(&out[k - 1], &out[i])) {
            out[k - 1].calls += out[i].calls;
            out[k - 1].count += out[i].count;
            out[k - 1].ticks += out[i].ticks;
        } else {
            out[k++] = out[i];
        }
    }
    *n = k;
    return out;
}

/* "(number) name" the first time, then "(number)". */
static void put_name(struct buf *b, const char *key, u32 number, const char *name, bool *said)
{
    if (*said)
        buf_printf(b, "%s=(%u)\n", key, number);
    else
        buf_printf(b, "%s=(%u) %s\n", key, number, name);
    *said = true;
}

static void put_file(struct buf *b, const char *key, const struct calls *c, u32 file, bool *said)
{
    put_name(b, key, file, c->files.text[file], &said[file]);
}

static void put_cost(struct trace *t, int line, u64 count, u64 ticks)
{
    buf_printf(&t->out, "%d %llu", line, (unsigned long long)count);
    if (t->timed)
        buf_printf(&t->out, " %llu", (unsigned long long)ticks);
    buf_printf(&t->out, "\n");
}

static void end(struct trace *t)
{
    struct calls *c = t->data;
    struct buf *b = &t->out;
    size_t n_lines, n_calls, li = 0, ci = 0;
    u64 count = 0, ticks = 0;
    struct call_cost *call = calls(c, &n_calls);
    struct line_cost *line = lines(c, &n_lines);
    bool *said_file = xcalloc(c->files.n, sizeof *said_file), *said = xcalloc(c->n_functions, sizeof *said);
    buf_printf(b, "# callgrind format\nversion: 1\ncreator: orrery\npositions: line\nevents: Ir%s\n", t->timed ? " Cycles" : "");
    for (u32 i = 1; i < c->n_nodes; i++) {
        count += c->node[i].count;
        ticks += c->node[i].ticks;
    }
    buf_printf(b, "summary: %llu", (unsigned long long)count);
    if (t->timed)
        buf_printf(b, " %llu", (unsigned long long)ticks);
    buf_printf(b, "\n");
    for (u32 f = 1; f < c->n_functions; f++) {
        if ((li == n_lines || line[li].function != f) && (ci == n_calls || call[ci].function != f))
            continue;
        u32 file = c->function[f].file;
        buf_printf(b, "\n");
        put_file(b, "fl", c, file, said_file);
        put_name(b, "fn", f, c->names.text[c->function[f].name], &said[f]);
        for (; li < n_lines && line[li].function == f; li++) {
            if (line[li].file != file)
                put_file(b, "fi", c, file = line[li].file, said_file);
            put_cost(t, line[li].line, line[li].count, line[li].ticks);
        }
        for (; ci < n_calls && call[ci].function == f; ci++) {
            const struct call_function *to = &c->function[call[ci].callee];
            if (call[ci].file != file)
                put_file(b, "fi", c, file = call[ci].file, said_file);
            put_file(b, "cfi", c, to->file, said_file);
            put_name(b, "cfn", call[ci].callee, c->names.text[to->name], &said[call[ci].callee]);
            buf_printf(b, "calls=%llu %d\n", (unsigned long long)call[ci].calls, to->line);
            put_cost(t, call[ci].line, call[ci].count, call[ci].ticks);
        }
        trace_flush(t, false);
    }
    free(said);
    free(said_file);
    free(line);
    free(call);
    calls_free(c);
}

/* --- folded ------------------------------------------------------------------------------------------------------ */

/* A line for each chain of callers that executed something: "main;read;copy 1234", for flamegraph.pl, speedscope and their
 * like. The number is instructions, or cycles of a timing model. Where in its caller a function was called does not count:
 * rows of `chains` are nodes by caller (its row + 1) and function. */
static void put_chain(const struct calls *c, const struct places *chains, struct buf *b, u64 row)
{
    u32 chain[CALLS_MAX_DEPTH * 2];
    u32 n = 0;
    for (; row && n < ARRAY_LEN(chain); row = chains->row[row - 1].pc)
        chain[n++] = chains->row[row - 1].tag;
    for (u32 k = n; k-- > 0;) {
        const char *name = c->names.text[c->function[chain[k]].name];
        for (; *name; name++) {
            char ch = *name == ';' || *name == '\n' ? ':' : *name;
            buf_put(b, &ch, 1);
        }
        buf_put(b, k ? ";" : " ", 1);
    }
}

static void end_folded(struct trace *t)
{
    struct calls *c = t->data;
    struct places chains = { 0 };
    u32 *row = xcalloc(c->n_nodes, sizeof *row);
    for (u32 i = 1; i < c->n_nodes; i++) {
        bool fresh;
        row[i] = places_find(&chains, row[c->node[i].parent], c->node[i].function, &fresh) + 1;
        chains.row[row[i] - 1].count += t->timed ? c->node[i].ticks : c->node[i].count;
    }
    for (u32 i = 0; i < chains.n; i++)
        if (chains.row[i].count) {
            put_chain(c, &chains, &t->out, i + 1);
            buf_printf(&t->out, "%llu\n", (unsigned long long)chains.row[i].count);
            trace_flush(t, false);
        }
    free(row);
    places_free(&chains);
    calls_free(c);
}

static void begin(struct trace *t) { t->data = calls_new(t); }
static void hear(struct trace *t, const struct event *ev) { calls_hear(t->data, ev); }

static void retire(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    calls_retire(t->data, c, r, start, ticks);
}

extern const struct trace_format trace_callgrind, trace_folded;
const struct trace_format trace_callgrind = {
    .name = "callgrind", .doc = "profile by function and line with calls, for callgrind_annotate and KCachegrind",
    .begin = begin, .retire = retire, .hear = hear, .end = end, .all = true,
};
const struct trace_format trace_folded = {
    .name = "folded", .doc = "profile by chains of callers, for flame graphs",
    .begin = begin, .retire = retire, .hear = hear, .end = end_folded, .all = true,
};
