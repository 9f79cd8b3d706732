/* Coverage of basic blocks as DynamoRIO's drcov writes it (version 2), for Lighthouse, lightkeeper, bncov and their like.
 *
 * A block is what was executed from where control came to where it left. Modules are the files that the guest's symbols
 * are from; code outside of them belongs to modules of 4 GiB, named after where they begin. */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "trace/places.h"
#include "trace/trace.h"

#define MOST_BYTES 0xffff /* of a block */

struct module {
    char *name;
    u64 low, high, entry; /* high exclusive */
};

struct drcov {
    struct places blocks; /* line: bytes */
    struct {
        u64 from, to; /* of the block it is in; equal: none */
    } cpu[MACHINE_MAX_CPUS];
    struct module *module;
    u32 n, cap;
};

static void begin(struct trace *t) { t->data = xcalloc(1, sizeof(struct drcov)); }

static void close_block(struct drcov *d, unsigned cpu)
{
    bool fresh;
    u64 from = d->cpu[cpu].from, bytes = d->cpu[cpu].to - from;
    if (!bytes)
        return;
    u32 at = places_find(&d->blocks, from, 0, &fresh);
    if (d->blocks.row[at].line < (i32)bytes)
        d->blocks.row[at].line = (i32)bytes;
    d->cpu[cpu].from = d->cpu[cpu].to;
}

static void retire(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    struct drcov *d = t->data;
    if (r->trapped && r->flow != CPU_FLOW_TRAP)
        return;
    if (r->pc != d->cpu[c->index].to || r->pc + r->length - d->cpu[c->index].from > MOST_BYTES) {
        close_block(d, c->index);
        d->cpu[c->index].from = r->pc;
    }
    d->cpu[c->index].to = r->pc + r->length;
    if (r->flow != CPU_FLOW_NEXT || r->next_pc != r->pc + r->length) {
        close_block(d, c->index);
        d->cpu[c->index].from = d->cpu[c->index].to = r->next_pc;
    }
}

static void module(void *ctx, const char *name, u64 low, u64 high, u64 entry)
{
    struct drcov *d = ctx;
    if (d->n == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 16;
        d->module = xrealloc(d->module, d->cap * sizeof *d->module);
    }
    d->module[d->n++] = (struct module){ xstrdup(name), low, high, entry };
}

static u32 module_of(struct drcov *d, u64 pc)
{
    char name[32];
    for (u32 i = 0; i < d->n; i++)
        if (pc >= d->module[i].low && pc < d->module[i].high && pc - d->module[i].low <= UINT32_MAX)
            return i;
    u64 low = pc >> 32 << 32;
    snprintf(name, sizeof name, "[0x%llx]", (unsigned long long)low);
    module(d, name, low, low + (((u64)1 << 32) - 1), 0);
    return d->n - 1;
}

static void end(struct trace *t)
{
    struct drcov *d = t->data;
    struct buf *b = &t->out, rows = { 0 };
    if (t->symbols)
        t->symbols->each_module(t->symbols->opaque, module, d);
    for (unsigned i = 0; i < t->m->n_cpus; i++)
        close_block(d, i);
    for (u32 i = 0; i < d->blocks.n; i++) {
        const struct place_row *r = &d->blocks.row[i];
        u32 m = module_of(d, r->pc);
        buf_put_le(&rows, r->pc - d->module[m].low, 4);
        buf_put_le(&rows, (u64)r->line, 2);
        buf_put_le(&rows, m, 2);
    }
    buf_printf(b, "DRCOV VERSION: 2\nDRCOV FLAVOR: orrery\nModule Table: version 2, count %u\n"
               "Columns: id, base, end, entry, checksum, timestamp, path\n", d->n);
    for (u32 i = 0; i < d->n; i++)
        buf_printf(b, "%3u, 0x%016llx, 0x%016llx, 0x%016llx, 0x00000000, 0x00000000, %s\n", i,
                   (unsigned long long)d->module[i].low, (unsigned long long)d->module[i].high,
                   (unsigned long long)d->module[i].entry, d->module[i].name);
    buf_printf(b, "BB Table: %u bbs\n", d->blocks.n);
    buf_put(b, rows.data, rows.len);
    buf_free(&rows);
    for (u32 i = 0; i < d->n; i++)
        free(d->module[i].name);
    free(d->module);
    places_free(&d->blocks);
    free(d);
}

extern const struct trace_format trace_drcov;
const struct trace_format trace_drcov = {
    .name = "drcov", .doc = "coverage of basic blocks, as DynamoRIO's drcov writes it", .begin = begin, .retire = retire,
    .end = end,
};
