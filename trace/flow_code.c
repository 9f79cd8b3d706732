/* Blocks as bytes. Most of what a program does it has done before: what followed the last two blocks of a CPU the last
 * time is guessed, and runs of right guesses are a number. */
#include "trace/flow.h"
#include "trace/trace.h"

enum { HAS_CPU = 1, HAS_GAP = 2, HAS_PRIVILEGE = 4, HAS_ROOT = 8, HAS_TICKS = 16, HOW_SHIFT = 5 };

u64 flow_get_number(struct reader *r)
{
    u64 v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        u8 byte = (u8)reader_le(r, 1);
        v |= shift < 64 ? (u64)(byte & 0x7f) << shift : 0;
        if (!(byte & 0x80))
            return v;
    }
    r->bad = true;
    return 0;
}

static u64 zigzag(u64 v) { return v << 1 ^ (u64)((i64)v >> 63); }
static u64 unzigzag(u64 v) { return v >> 1 ^ (0 - (v & 1)); }

static unsigned place(u64 last, u64 before)
{
    return (unsigned)(((last ^ before * 0x9e3779b97f4a7c15) * 0xc2b2ae3d27d4eb4f) >> 40) % FLOW_GUESSES;
}

struct flow_block flow_guess(const struct flow_codec *c)
{
    const struct flow_block *last = &c->on[c->cpu].last;
    struct flow_block b = c->on[c->cpu].guess[place(last->pc, c->on[c->cpu].before)];
    b.at = c->now;
    b.cpu = c->cpu;
    b.root = last->root;
    return b;
}

bool flow_guessed(const struct flow_block *g, const struct flow_block *b)
{
    return b->instructions && g->at == b->at && g->ticks == b->ticks && g->pc == b->pc && g->bytes == b->bytes &&
           g->instructions == b->instructions && g->root == b->root && g->cpu == b->cpu && g->privilege == b->privilege &&
           g->how == b->how;
}

void flow_learn(struct flow_codec *c, const struct flow_block *b)
{
    __typeof__(c->on[0]) *on = &c->on[b->cpu];
    on->guess[place(on->last.pc, on->before)] = *b;
    on->before = on->last.pc;
    on->last = *b;
    c->cpu = b->cpu;
    c->now = b->at + b->ticks;
}

void flow_put(struct flow_codec *c, struct buf *out, const struct flow_block *b)
{
    const struct flow_block *last = &c->on[b->cpu].last;
    unsigned has = (b->cpu != c->cpu ? HAS_CPU : 0) | (b->at != c->now ? HAS_GAP : 0) |
                   (b->privilege != last->privilege ? HAS_PRIVILEGE : 0) | (b->root != last->root ? HAS_ROOT : 0) |
                   (b->ticks != b->instructions ? HAS_TICKS : 0) | (unsigned)b->how << HOW_SHIFT;
    buf_put_le(out, has, 1);
    if (has & HAS_CPU)
        buf_put_le(out, b->cpu, 1);
    if (has & HAS_GAP)
        trace_put_leb(out, b->at - c->now);
    if (has & HAS_PRIVILEGE)
        buf_put_le(out, b->privilege, 1);
    if (has & HAS_ROOT)
        trace_put_leb(out, b->root);
    if (has & HAS_TICKS)
        trace_put_leb(out, b->ticks);
    trace_put_leb(out, zigzag(b->pc - (last->pc + last->bytes)));
    trace_put_leb(out, b->bytes);
    trace_put_leb(out, b->instructions);
}

bool flow_get(const struct flow_codec *c, struct reader *r, struct flow_block *b)
{
    unsigned has = (unsigned)reader_le(r, 1);
    *b = (struct flow_block){ .cpu = has & HAS_CPU ? (u8)reader_le(r, 1) : c->cpu, .how = (u8)(has >> HOW_SHIFT & 3) };
    if (b->cpu >= FLOW_MAX_CPUS)
        return false;
    const struct flow_block *last = &c->on[b->cpu].last;
    b->at = c->now + (has & HAS_GAP ? flow_get_number(r) : 0);
    b->privilege = has & HAS_PRIVILEGE ? (u8)reader_le(r, 1) : last->privilege;
    b->root = has & HAS_ROOT ? flow_get_number(r) : last->root;
    u64 ticks = has & HAS_TICKS ? flow_get_number(r) : 0;
    b->pc = last->pc + last->bytes + unzigzag(flow_get_number(r));
    b->bytes = flow_get_number(r);
    b->instructions = flow_get_number(r);
    b->ticks = has & HAS_TICKS ? ticks : b->instructions;
    return !r->bad && b->instructions && b->at >= c->now && b->at + b->ticks >= b->at;
}
