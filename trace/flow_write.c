/* The flow of control as it happens: frames of blocks, each compressed on its own, and where they are at the end. */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/arena.h"
#include "trace/flow.h"
#include "trace/trace.h"

struct flow {
    struct flow_codec codec;
    struct flow_block block[MACHINE_MAX_CPUS]; /* being filled; instructions 0: none */
    unsigned cpu;          /* whose block it is */
    u64 next[MACHINE_MAX_CPUS]; /* where the CPU's next instruction should be */
    u8 how[MACHINE_MAX_CPUS];   /* how it gets there */
    bool seen[MACHINE_MAX_CPUS];
    const struct cpu_reg *root[MACHINE_MAX_CPUS];
    struct buf frame;      /* encoded so far */
    u64 blocks, hits;      /* of the frame; right guesses since the last one that was wrong */
    u64 first;             /* position of the frame */
    u64 written;           /* bytes of the file */
    struct buf index;
    u32 frames;
    ZSTD_CCtx *zstd;
};

static void put(struct trace *t, const void *p, size_t n)
{
    struct flow *f = t->data;
    buf_put(&t->out, p, n);
    f->written += n;
}

static void begin(struct trace *t)
{
    struct flow *f = t->data = xcalloc(1, sizeof *f);
    struct buf head = { 0 };
    f->zstd = ZSTD_createCCtx();
    for (unsigned i = 0; i < t->m->n_cpus; i++)
        f->root[i] = trace_table_root(t->m->cpus[i]);
    buf_put(&head, FLOW_MAGIC, 8);
    buf_put_str(&head, t->m->cpus[0]->ops->isa);
    put(t, head.data, head.len);
    buf_free(&head);
}

static void flush_hits(struct flow *f)
{
    trace_put_leb(&f->frame, f->hits);
    f->hits = 0;
}

static void end_frame(struct trace *t)
{
    struct flow *f = t->data;
    struct buf head = { 0 };
    if (!f->blocks)
        return;
    if (f->hits)
        flush_hits(f);
    size_t room = ZSTD_compressBound(f->frame.len);
    u8 *packed = xmalloc(room);
    size_t n = ZSTD_compressCCtx(f->zstd, packed, room, f->frame.data, f->frame.len, 3);
    if (!ZSTD_isError(n)) {
        buf_put_le(&f->index, f->written, 8);
        buf_put_le(&f->index, f->first, 8);
        buf_put_le(&f->index, f->codec.now, 8);
        f->frames++;
        buf_put(&head, "F", 1);
        buf_put_le(&head, n, 4);
        buf_put_le(&head, f->frame.len, 4);
        buf_put_le(&head, f->blocks, 4);
        buf_put_le(&head, f->first, 8);
        buf_put_le(&head, f->codec.now, 8);
        put(t, head.data, head.len);
        put(t, packed, n);
        buf_free(&head);
    }
    free(packed);
    f->frame.len = 0;
    f->blocks = f->hits = 0;
}

static void end_block(struct trace *t, unsigned cpu)
{
    struct flow *f = t->data;
    struct flow_block *b = &f->block[cpu];
    if (!b->instructions)
        return;
    if (!f->blocks) {
        memset(&f->codec, 0, sizeof f->codec);
        f->codec.now = f->first = b->at;
    }
    struct flow_block guess = flow_guess(&f->codec);
    if (flow_guessed(&guess, b)) {
        f->hits++;
    } else {
        flush_hits(f);
        flow_put(&f->codec, &f->frame, b);
    }
    flow_learn(&f->codec, b);
    b->instructions = 0;
    if (++f->blocks == FLOW_MAX_BLOCKS || f->frame.len >= FLOW_FRAME_BYTES)
        end_frame(t);
}

static void retire(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    struct flow *f = t->data;
    unsigned cpu = c->index;
    struct flow_block *b = &f->block[cpu];
    bool elsewhere = f->seen[cpu] && r->pc != f->next[cpu];
    u64 root = trace_reg(c, f->root[cpu]);
    if (f->cpu != cpu || elsewhere || f->how[cpu] != FLOW_FOLLOWS || (b->instructions && (b->at + b->ticks != start ||
                                                                                          b->privilege != r->privilege)))
        end_block(t, f->cpu);
    f->cpu = cpu;
    if (!b->instructions)
        *b = (struct flow_block){ .at = start, .pc = r->pc, .cpu = (u8)cpu, .privilege = r->privilege,
                                  .how = elsewhere ? FLOW_INTERRUPT : f->how[cpu] };
    b->instructions++;
    b->ticks += ticks;
    b->bytes += r->length;
    b->root = root;
    f->seen[cpu] = true;
    f->next[cpu] = r->next_pc;
    f->how[cpu] = r->trapped ? FLOW_TRAP : r->next_pc != r->pc + r->length ? FLOW_JUMP : FLOW_FOLLOWS;
    trace_flush(t, false);
}

static void end(struct trace *t)
{
    struct flow *f = t->data;
    struct buf tail = { 0 };
    end_block(t, f->cpu);
    end_frame(t);
    buf_put(&tail, "X", 1);
    buf_put_le(&tail, f->frames, 4);
    buf_put(&tail, f->index.data, f->index.len);
    buf_put_le(&tail, f->written, 8);
    buf_put(&tail, FLOW_INDEX_MAGIC, 8);
    put(t, tail.data, tail.len);
    buf_free(&tail);
    buf_free(&f->index);
    buf_free(&f->frame);
    ZSTD_freeCCtx(f->zstd);
    free(f);
}

extern const struct trace_format trace_flow;
const struct trace_format trace_flow = {
    .name = "flow", .doc = "the flow of control in little space; 'orrery trace show' tells the rest from a recording",
    .begin = begin, .retire = retire, .end = end,
};
