/* Coverage of source lines, functions and branches as lcov's tracefile (geninfo(1), "FILES"), for genhtml.
 *
 * A line was executed as often as the code that begins it most; a function as often as its first instruction. Branches
 * are the conditional branches that were executed, each with what it did when it was taken and when not. Line tables name
 * more rows for a line than one; lines whose code was never reached have 0. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "trace/names.h"
#include "trace/places.h"
#include "trace/trace.h"

static void begin(struct trace *t) { t->data = xcalloc(1, sizeof(struct places)); }

static void retire(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    bool fresh;
    struct places *p = t->data;
    if (r->trapped && r->flow != CPU_FLOW_TRAP)
        return;
    u32 at = places_find(p, r->pc, 0, &fresh); /* rows may move */
    struct place_row *row = &p->row[at];
    row->count++;
    row->conditional = row->conditional || r->flow == CPU_FLOW_BRANCH;
    row->taken += r->taken;
}

enum kind { FUNCTION, BRANCH, LINE };

struct entry { /* of a file: sorted by file, kind, line, then by number */
    u32 file;
    u8 kind;
    int line;
    u64 at;   /* address */
    u32 name;
    u64 count, taken;
};

struct report {
    struct trace *t;
    struct places *p;
    struct names files, names;
    struct entry *e;
    size_t n, cap;
};

static struct entry *add(struct report *q)
{
    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 1024;
        q->e = xrealloc(q->e, q->cap * sizeof *q->e);
    }
    return &q->e[q->n++];
}

static const struct place_row *executed(struct places *p, u64 pc)
{
    bool fresh;
    u32 at = places_find(p, pc, 0, &fresh);
    return &p->row[at];
}

static void line(void *ctx, const char *file, int number, u64 low, u64 high)
{
    struct report *q = ctx;
    *add(q) = (struct entry){ .file = names_add(&q->files, file), .kind = LINE, .line = number,
                              .count = executed(q->p, low)->count };
}

static void function(void *ctx, const char *name, u64 low, u64 high)
{
    struct report *q = ctx;
    const char *file;
    int number;
    if (!q->t->symbols->line(q->t->symbols->opaque, NULL, low, &file, &number))
        return;
    *add(q) = (struct entry){ .file = names_add(&q->files, file), .kind = FUNCTION, .line = number, .at = low,
                              .name = names_add(&q->names, name), .count = executed(q->p, low)->count };
}

static int by_entry(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

static unsigned long long ull(u64 v) { return v; }

/* One file's entries; returns where the next one's begin. */
static size_t put_file(struct report *q, size_t i)
{
    struct buf *b = &q->t->out;
    u32 file = q->e[i].file;
    unsigned found[3] = { 0 }, hit[3] = { 0 }, block = 0;
    size_t from = i;
    int last = 0;
    buf_printf(b, "TN:\nSF:%s\n", q->files.text[file]);
    for (; i < q->n && q->e[i].file == file && q->e[i].kind == FUNCTION; i++) {
        buf_printf(b, "FN:%d,%s\n", q->e[i].line, q->names.text[q->e[i].name]);
        found[FUNCTION]++;
        hit[FUNCTION] += q->e[i].count > 0;
    }
    for (size_t k = from; k < i; k++)
        buf_printf(b, "FNDA:%llu,%s\n", ull(q->e[k].count), q->names.text[q->e[k].name]);
    buf_printf(b, "FNF:%u\nFNH:%u\n", found[FUNCTION], hit[FUNCTION]);
    for (; i < q->n && q->e[i].file == file && q->e[i].kind == BRANCH; i++) {
        const struct entry *e = &q->e[i];
        block = e->line == last ? block + 1 : 0;
        last = e->line;
        buf_printf(b, "BRDA:%d,%u,0,%llu\nBRDA:%d,%u,1,%llu\n", e->line, block, ull(e->taken), e->line, block,
                   ull(e->count - e->taken));
        found[BRANCH] += 2;
        hit[BRANCH] += (e->taken > 0) + (e->count > e->taken);
    }
    buf_printf(b, "BRF:%u\nBRH:%u\n", found[BRANCH], hit[BRANCH]);
    while (i < q->n && q->e[i].file == file) {
        u64 count = 0;
        for (last = q->e[i].line; i < q->n && q->e[i].file == file && q->e[i].line == last; i++)
            count = q->e[i].count > count ? q->e[i].count : count;
        buf_printf(b, "DA:%d,%llu\n", last, ull(count));
        found[LINE]++;
        hit[LINE] += count > 0;
    }
    buf_printf(b, "LF:%u\nLH:%u\nend_of_record\n", found[LINE], hit[LINE]);
    trace_flush(q->t, false);
    return i;
}

static void end(struct trace *t)
{
    struct report q = { .t = t, .p = t->data };
    const struct trace_symbols *syms = t->symbols;
    if (syms) {
        u32 n = q.p->n; /* looking up adds rows without counts */
        for (u32 i = 0; i < n; i++) {
            const struct place_row r = q.p->row[i];
            const char *file;
            int number;
            if (r.conditional && syms->line(syms->opaque, NULL, r.pc, &file, &number))
                *add(&q) = (struct entry){ .file = names_add(&q.files, file), .kind = BRANCH, .line = number, .at = r.pc,
                                           .count = r.count, .taken = r.taken };
        }
        syms->each_function(syms->opaque, function, &q);
        syms->each_line(syms->opaque, line, &q);
    }
    if (q.n)
        qsort(q.e, q.n, sizeof *q.e, by_entry);
    for (size_t i = 0; i < q.n;)
        i = put_file(&q, i);
    free(q.e);
    names_free(&q.files);
    names_free(&q.names);
    places_free(q.p);
    free(q.p);
}

extern const struct trace_format trace_lcov;
const struct trace_format trace_lcov = {
    .name = "lcov", .doc = "coverage of source lines, functions and branches, for genhtml", .begin = begin, .retire = retire,
    .end = end,
};
