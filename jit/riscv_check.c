/* --check-jit for RISC-V: units of any size are checked alike, blocks and regions with their loops. CSRs that no compiled
 * code is made to write are compared every 64 entries. */
#include <string.h>

#include "cpu/riscv/engine.h"
#include "jit/check.h"

enum {
    MOST = 1024,              /* instructions executed before they are compared, in the longest of loops */
    LOG = 16 * MOST,          /* stores of those: at most eight each (CBO.ZERO) */
    STATE = offsetof(struct hart, config) - offsetof(struct hart, x),
    OFTEN = offsetof(struct hart, mhpmcounter) - offsetof(struct hart, x), /* what code is known to write */
    ALL_EACH = 64, /* entries: then the rest is looked at too */
};

struct riscv_check {
    struct jit_check base;
    const struct code *code;
    u64 words[2 * LOG]; /* what the stores left in the one or two words of each */
    u64 seen[LOG];      /* where the interpreter stored */
    unsigned n_seen;
    const struct rv_block *part; /* what the interpreter executes */
    struct rv_insn entry[2];     /* a block whose handler is the code */
    u8 before[STATE], after[STATE];
    size_t state; /* bytes of them that count now */
};

static struct riscv_check *check_of(const struct hart *h) { return (struct riscv_check *)h->engine->tier->check; }

/* --- the code runs ---------------------------------------------------------------------------------------------- */

static i64 left(RV_ARGS, u64 handler)
{
    jit_check_left(h->engine->tier->check, i, budget, vpage, handler, rv_goto);
    return budget;
}

static u64 word(u64 at)
{
    u64 v;
    memcpy(&v, (const void *)(uintptr_t)(at & ~(u64)7), 8);
    return v;
}

/* What was stored is written down and undone. */
static void undo(struct riscv_check *c)
{
    for (struct jit_stored *s = c->base.log; s < c->base.next; s++) {
        u64 *w = &c->words[2 * (s - c->base.log)];
        w[0] = word(s->host);
        w[1] = word(s->host + s->size - 1);
    }
    jit_check_undo(&c->base);
}

/* --- where it left ---------------------------------------------------------------------------------------------- */

static unsigned place(const struct rv_block *b, const struct rv_insn *i) { return (unsigned)(i - b->slot); }

static i64 exact(const struct rv_insn *i, i64 budget)
{
    const struct rv_block *b = rv_block_of(i);
    return budget + (i64)b->head.n - b->side[place(b, i)].count;
}

struct end {
    i64 budget; /* exact */
    u64 pc;
    const struct rv_insn *before; /* nothing of it is done; NULL: at the beginning of something */
    bool bad;
};

/* A jump the interpreter would trap on is left to it. */
static void branched(struct hart *h, struct end *e, const struct rv_insn *i, unsigned which, u64 target)
{
    const struct jit_check *c = h->engine->tier->check;
    e->budget = c->left.budget + (i64)i[1].to[which][-1].n;
    e->pc = rv_addr(h, target);
    if (target & h->engine->misaligned) {
        e->budget++;
        e->pc = rv_pc(h, i, c->left.vpage);
        e->before = i;
    }
}

static struct end where(struct hart *h)
{
    const struct jit_check *c = h->engine->tier->check;
    const struct rv_insn *i = c->left.slot;
    struct end e = { .budget = c->left.budget };
    if (c->left.jump) {
        e.pc = rv_addr(h, (u64)(uintptr_t)i);
        return e;
    }
    const struct rv_block *b = rv_block_of(i);
    const struct rv_side *side = &b->side[place(b, i)];
    rv_handler *to = (rv_handler *)c->left.handler;
    if (to == rv_taken_slow || to == rv_jal_slow) {
        branched(h, &e, i, 0, c->left.vpage + (u64)(i64)i->imm);
    } else if (to == rv_next_slow) {
        branched(h, &e, i, 1, c->left.vpage + side[1].offset);
    } else {
        e.budget = exact(i, c->left.budget);
        e.pc = rv_pc(h, i, c->left.vpage);
        e.before = to && to != rv_leave_go_on && place(b, i) ? i : NULL; /* the first slot is the tier's */
        rv_handler *own = side->op == RV_OP_COUNT ? i->fn : rv_plain_handler(h->engine, side->op, i->rd);
        e.bad = e.before && to != own;
    }
    return e;
}

/* --- the interpreter follows ------------------------------------------------------------------------------------ */

/* Notes where the instruction is about to store, as far as compiled code could have: through the TLB. */
static i64 noted_store(RV_ARGS)
{
    struct riscv_check *c = check_of(h);
    u64 va = rv_addr(h, h->x[i->rs1] + (u64)(i64)i->imm);
    const struct rv_tlb *t = &ctx->tlb[va >> PAGE_SHIFT & (RV_TLB_SIZE - 1)];
    u64 page = va & ~PAGE_MASK, host = t->wtag == page ? va + t->addend : 0;
    for (unsigned k = 0; k < ARRAY_LEN(ctx->site) && !host; k++) /* another page took its place in the TLB */
        if (ctx->site[k].page == page)
            host = ctx->site[k].host + (va & PAGE_MASK);
    unsigned op = c->part->side[i - c->part->slot].op, n = 1;
    if (riscv_insns[op].cls == RV_CLASS_CBO) { /* by eights */
        host = host ? host & ~(u64)(RISCV_CBO_BLOCK - 1) : 0;
        n = RISCV_CBO_BLOCK / 8;
    }
    for (unsigned k = 0; k < n && c->n_seen < LOG; k++)
        c->seen[c->n_seen++] = host ? host + 8 * k : 0;
    return h->engine->handlers[op](RV_PASS);
}

/* Slots [from, to) of a block; returns how many of n instructions they were not. h->pc is where they lead. */
static u64 execute(struct hart *h, struct rv_ctx *ctx, u64 vpage, const struct rv_block *whole, unsigned from, unsigned to)
{
    struct rv_block *b = rv_block_slots(h, whole, from, to);
    for (unsigned k = 0; k < b->slots; k++) {
        unsigned op = b->side[k].op;
        if (op != RV_OP_COUNT && b->slot[k].fn == rv_h_look)
            b->slot[k].fn = h->engine->handlers[op];
        if (op == RV_OP_COUNT || op == RV_OP_lr_w || op == RV_OP_lr_d)
            continue;
        if ((riscv_insns[op].flags & F_STORE) || riscv_insns[op].cls == RV_CLASS_AMO || op == RV_OP_cbo_zero)
            b->slot[k].fn = noted_store;
    }
    check_of(h)->part = b;
    i64 budget = b->slot->fn(h, b->slot, 0, ctx, vpage);
#if RV_TRAMPOLINE
    const struct riscv_engine *e = h->engine;
    while (budget == RV_CONTINUE)
        budget = e->next.i->fn(h, e->next.i, e->next.budget, ctx, e->next.vpage);
#endif
    return (u64)budget;
}

static unsigned slot_of_count(const struct rv_block *b, unsigned from, u64 count)
{
    while (from < b->slots && b->side[from].count < count)
        from++;
    return from;
}

/* Executes n instructions from slot `from` on, and what comes before slot `upto` when that is where they lead. */
static void interpret(struct hart *h, const struct rv_insn *from, struct rv_ctx *ctx, u64 vpage, u64 n,
    const struct rv_insn *upto)
{
    struct riscv_engine *e = h->engine;
    const struct rv_block *b = rv_block_of(from), *end = upto ? rv_block_of(upto) : NULL;
    struct cpu_page *const page = b->page;
    u64 const start = vpage;
    unsigned k = place(b, from) ? place(b, from) : 1; /* the first is the tier's */
    h->pc = rv_pc(h, from, vpage);
    while (!e->trapped) {
        u64 done = b->side[k].count, whole = b->head.n - done, want = n < whole ? n : whole;
        unsigned to = n >= whole ? b->slots : slot_of_count(b, k, done + n);
        if (b == end && upto >= &b->slot[k] && b->side[place(b, upto)].count == done + n)
            to = place(b, upto);
        if (k < to) {
            e->end_now = h->cpu.clock->now + want;
            e->end_retired = h->cpu.retired + want;
            u64 rest = execute(h, ctx, vpage, b, k, to);
            want -= rest;
            h->cpu.clock->now = e->end_now - rest;
            h->cpu.retired = e->end_retired - rest;
            if (rest) { /* something wanted to be looked at; later */
                n -= want;
                k = slot_of_count(b, k, done + want);
                continue;
            }
        }
        n -= want;
        bool more = n || (end && to == b->slots && place(end, upto) > 1 &&
            rv_pc(h, end->slot, h->pc & ~PAGE_MASK) == h->pc);
        if (!more || to < b->slots)
            return;
        vpage = h->pc & ~PAGE_MASK;
        struct cpu_page *p = page;
        b = NULL;
        if (vpage == start || rv_fetch_page(h, ctx, h->pc, &p))
            b = p ? rv_block_find(p, h->pc & PAGE_MASK) : NULL;
        if (!b)
            return; /* found out by its position */
        k = 1;
    }
}

/* --- comparison ------------------------------------------------------------------------------------------------- */

#define AT(member) .at = offsetof(struct hart, member) - offsetof(struct hart, x), .size = 8
static void compare_state(struct hart *h, struct riscv_check *c)
{
    static const struct jit_check_row registers[] = {
        { AT(x), .names = riscv_x_names, .n = 32 }, { AT(f), .names = riscv_f_names, .n = 32 },
    }, others[] = {
        { .name = "frm", .at = offsetof(struct hart, frm) - offsetof(struct hart, x), .size = 1, .n = 1 },
        { .name = "fflags", .at = offsetof(struct hart, fflags) - offsetof(struct hart, x), .size = 1, .n = 1 },
        { .name = "mstatus", AT(mstatus), .n = 1 },
    };
    const size_t f_at = registers[1].at, rest = offsetof(struct hart, priv) - offsetof(struct hart, x);
    if (memcmp(c->after, h->x, 32 * sizeof *h->x) || memcmp(c->after + f_at, h->f, sizeof h->f))
        jit_check_rows(&c->base, registers, ARRAY_LEN(registers), c->after, h->x);
    if (!memcmp(c->after + rest, (const u8 *)h->x + rest, c->state - rest))
        return;
    size_t n = c->base.report.len;
    jit_check_rows(&c->base, others, ARRAY_LEN(others), c->after, h->x);
    if (c->base.report.len == n)
        buf_printf(&c->base.report, "\n  control and status registers");
}

static void compare_memory(struct hart *h, struct riscv_check *c)
{
    size_t all = (size_t)(c->base.next - c->base.log), n = 0;
    for (size_t k = 0; k < all; k++) { /* without those to the hart (LR and SC): they are compared there */
        if (c->base.log[k].host - (u64)(uintptr_t)h < sizeof *h)
            continue;
        c->base.log[n] = c->base.log[k];
        c->words[2 * n] = c->words[2 * k];
        c->words[2 * n++ + 1] = c->words[2 * k + 1];
    }
    c->base.next = c->base.log + n;
    if (n != c->n_seen)
        jit_check_differs(&c->base, "number of stores", n, c->n_seen);
    for (size_t k = 0; k < n; k++) {
        const struct jit_stored *s = &c->base.log[k];
        const u64 now[2] = { word(s->host), word(s->host + s->size - 1) };
        if (k < c->n_seen && c->seen[k] != s->host)
            jit_check_differs(&c->base, "host address of a store", s->host, c->seen[k]);
        for (unsigned w = 0; w < 2; w++)
            if (now[w] != c->words[2 * k + w])
                jit_check_differs(&c->base, "memory where it stored", c->words[2 * k + w], now[w]);
    }
}

static void disassemble(struct hart *h, const struct rv_block *b, unsigned from, u64 vpage)
{
    for (unsigned k = from; k < b->slots; k++) {
        const struct rv_side *s = &b->side[k];
        if (s->op == RV_OP_COUNT)
            continue;
        const u8 *bytes = b->host + s->offset;
        jit_check_code(h->engine->tier->check, &h->cpu, rv_addr(h, vpage + s->offset), bytes,
            rv_insn_length((u32)load_le(bytes, 2)));
    }
}

/* --- an entry --------------------------------------------------------------------------------------------------- */

static i64 diverged(RV_ARGS)
{
    h->cpu.report = buf_cstr(&h->engine->tier->check->report);
    h->engine->reason = RV_STOP;
    h->engine->stop = CPU_DIVERGED;
    return budget;
}

static i64 jumped(RV_ARGS)
{
    return rv_goto(h, budget, ctx, (u64)(uintptr_t)i);
}

/* Leaves in c->base.left how to go on. */
__attribute__((noinline)) static void run_both(struct hart *h, const struct rv_insn *i, i64 budget, struct rv_ctx *ctx,
    u64 vpage, const void *code)
{
    struct riscv_engine *e = h->engine;
    struct riscv_check *c = check_of(h);
    i64 const before = exact(i, budget), kept = before > MOST ? before - MOST : 0;
    u64 const end_now = e->end_now, end_retired = e->end_retired;
    u64 const now = h->cpu.clock->now, retired = h->cpu.retired;
    enum rv_reason const reason = e->reason;
    enum cpu_stop const stop = e->stop;
    bool const leave = e->leave, watch_hit = e->watch_hit, trapped = e->trapped, taken = e->taken;

    c->state = c->base.count.entries % ALL_EACH ? OFTEN : STATE;
    __asm__("" ::: "memory"); /* sizes known to the compiler would become slow copies */
    memcpy(c->before, h->x, c->state);
    c->base.next = c->base.log;
    c->entry[1].fn = (rv_handler *)(uintptr_t)code;
    c->base.left.slot = NULL;
    e->end_now -= (u64)kept;
    e->end_retired -= (u64)kept;
    e->tier->enter(h, &c->entry[1], budget - kept, ctx, vpage);
    e->end_now = end_now;
    e->end_retired = end_retired;
    struct end end = where(h);
    end.budget += kept;
    c->base.left.budget += kept;
    u64 const n = (u64)(before - end.budget);

    memcpy(c->after, h->x, c->state);
    memcpy(h->x, c->before, c->state);
    undo(c);
    c->n_seen = 0;
    e->leave = e->watch_hit = e->trapped = false;
    h->cpu.clock->now = end_now - (u64)before;
    h->cpu.retired = end_retired - (u64)before;
    bool const sane = before >= end.budget && n <= MOST + RV_BLOCK_MAX && !end.bad;
    if (sane)
        interpret(h, i, ctx, vpage, n, end.before);

    if (!sane)
        jit_check_differs(&c->base, end.bad ? "handler it leaves to" : "instructions", n, 0);
    else if (e->trapped)
        jit_check_differs(&c->base, "instructions before an exception", n, h->cpu.retired - (end_retired - (u64)before));
    else if (h->pc != end.pc)
        jit_check_differs(&c->base, "next position", end.pc, h->pc);
    if (sane) {
        compare_state(h, c);
        compare_memory(h, c);
    }
    h->cpu.clock->now = now;
    h->cpu.retired = retired;
    e->end_now = end_now;
    e->end_retired = end_retired;
    e->reason = reason;
    e->stop = stop;
    e->leave = leave;
    e->watch_hit = watch_hit;
    e->trapped = trapped;
    e->taken = taken;
    if (jit_check_done(&c->base, &h->cpu, rv_pc(h, i, vpage), n)) {
        disassemble(h, rv_block_of(i), place(rv_block_of(i), i), vpage);
        c->base.left.handler = diverged;
        c->base.left.budget = end.budget;
        return;
    }
    if (c->base.left.jump)
        c->base.left.handler = jumped;
}

static i64 entered(RV_ARGS, const void *code)
{
    struct riscv_check *c = check_of(h);
    run_both(h, i, budget, ctx, vpage, code);
    /* A region that cannot be entered goes on in the middle of its first block's own code. */
    while ((u64)(uintptr_t)c->base.left.handler - (u64)((uintptr_t)c->code->write + (uintptr_t)c->code->shift) < c->code->size)
        run_both(h, c->base.left.slot, c->base.left.budget, ctx, c->base.left.vpage, (const void *)(uintptr_t)c->base.left.handler);
    const struct rv_insn *slot = c->base.left.slot;
    rv_handler *next = c->base.left.handler ? (rv_handler *)c->base.left.handler : slot->fn;
    return next(h, slot, c->base.left.budget, ctx, c->base.left.vpage);
}

struct jit_check *jit_riscv_check_new(struct arena *a, const struct code *code, struct jit_env *env)
{
    struct riscv_check *c = ARENA_NEW(a, struct riscv_check);
    c->code = code;
    jit_check_init(&c->base, a, env, LOG, (const void *)entered, (const void *)left);
    return &c->base;
}
