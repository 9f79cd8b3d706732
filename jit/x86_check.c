/* --check-jit for x86: what check.h says, for runs of one block. The code runs with its stores written down; what it stored
 * is undone, the state put back, and the plain handlers execute as many instructions as the code says it has completed.
 * Then state, memory and position must be the same. */
#include <string.h>

#include "jit/check.h"
#include "jit/x86.h"

enum { LOG = 256, NOTES = 2 * X86_BLOCK_MAX, STATE_AT = offsetof(struct x86, rflags),
       STATE = offsetof(struct x86, config) - STATE_AT };

struct note { /* where the interpreter was about to store, perhaps, and what was there before */
    u8 *host;
    u8 old[8];
};

struct x86_check {
    struct jit_check base;
    u8 left_there[LOG][16]; /* what the stores left */
    struct note note[NOTES];
    unsigned n_notes;
    struct x86_insn entry[2]; /* a block whose handler is the code */
    u64 r_before[16], r_after[16];
    u8 before[STATE], after[STATE];
};

static struct x86_check *check_of(const struct x86 *c) { return (struct x86_check *)c->engine->tier->check; }

static i64 left(X86_ARGS, u64 handler)
{
    jit_check_left(c->engine->tier->check, i, budget, vpage, handler, x86_goto);
    return budget;
}

static void undo(struct x86_check *k)
{
    for (struct jit_stored *s = k->base.log; s < k->base.next; s++)
        memcpy(k->left_there[s - k->base.log], (const void *)(uintptr_t)s->host, s->size);
    jit_check_undo(&k->base);
}

/* --- where it left ---------------------------------------------------------------------------------------------- */

static unsigned place(const struct x86_insn *i) { return i->flags >> X86_SLOT_SHIFT; }

static i64 exact(const struct x86_insn *i, i64 budget)
{
    const struct x86_block *b = x86_block_of(i);
    return budget + (i64)b->head.imm - b->side[place(i)].count;
}

struct end {
    i64 budget; /* exact */
    u64 pc;     /* linear */
    const struct x86_insn *before; /* nothing of it is done; NULL: at the beginning of something */
    bool bad;
};

static struct end where(struct x86 *c)
{
    const struct jit_check *k = c->engine->tier->check;
    const struct x86_insn *i = k->left.slot;
    struct end e = { .budget = k->left.budget };
    if (k->left.jump) {
        e.pc = (u64)(uintptr_t)i;
        return e;
    }
    const struct x86_side *side = x86_side_of(i);
    x86_handler *to = (x86_handler *)k->left.handler;
    if (to == x86_taken_slow || to == x86_next_slow) {
        bool taken = to == x86_taken_slow;
        u64 rip = x86_rip_of(c, k->left.vpage + (taken ? i->imm : side[1].offset));
        if (taken && (i->sizes & 15) == 1 && c->code_bits != 64)
            rip = (u16)rip;
        e.pc = x86_pc_of(c, rip);
        e.budget += x86_block_n(taken ? i[1].fn : (const struct x86_insn *)(uintptr_t)i[1].imm);
        if (taken && c->code_bits != 64 && rip > c->seg[X86_CS].limit) { /* the interpreter raises */
            e.budget++;
            e.pc = k->left.vpage + side->offset;
            e.before = i;
        }
    } else {
        e.budget = exact(i, k->left.budget);
        e.pc = k->left.vpage + side->offset;
        e.before = to && to != x86_leave_go_on && place(i) ? i : NULL; /* the first slot is the tier's */
        if (e.before && i->op != X86_OP_COUNT)
            e.bad = to != x86_plain_handler(c->engine, i, x86_block_of(i)->key);
    }
    e.pc = x86_pc_of(c, x86_rip_of(c, e.pc));
    return e;
}

/* --- the interpreter follows ------------------------------------------------------------------------------------ */

static void note(struct x86_check *k, struct x86_ctx *ctx, u64 linear)
{
    const struct x86_tlb *t = x86_tlb_at(ctx, linear);
    if (t->wtag != x86_tlb_tag(linear, 8) || k->n_notes == NOTES)
        return;
    struct note *n = &k->note[k->n_notes++];
    n->host = (u8 *)(uintptr_t)(linear + t->addend);
    memcpy(n->old, n->host, 8);
}

/* In front of an instruction with memory: its operand and what is below the top of the stack. */
static i64 noted(X86_ARGS)
{
    struct x86_check *k = check_of(c);
    const u8 key = x86_block_of(i)->key;
    const u64 sp = (c->r[X86_SP] - 8) & size_mask(c->stack_size);
    if (i->flags & X86_I_MEM)
        note(k, ctx, x86_offset(c, i) + c->fast[x86_segno(i)].base);
    note(k, ctx, sp + c->fast[X86_SS].base);
    return x86_plain_handler(c->engine, i, key)(X86_PASS);
}

/* n instructions from slot `from` on. c->rip is where they lead; returns how many they were not. */
static i64 interpret(struct x86 *c, const struct x86_insn *from, struct x86_ctx *ctx, u64 vpage, i64 n,
    const struct x86_insn *upto)
{
    struct x86_engine *e = c->engine;
    const struct x86_block *whole = x86_block_of(from);
    unsigned first = place(from) ? place(from) : 1; /* the first is the tier's */
    unsigned to = first, count = whole->side[first].count;
    c->rip = x86_rip_of(c, vpage + whole->side[first].offset);
    if (upto && x86_block_of(upto) == whole && (i64)whole->side[place(upto)].count - count == n)
        to = place(upto); /* pseudo slots before it are done */
    else
        while (to < whole->slots && (i64)whole->side[to].count - count < n)
            to++;
    if (to <= first)
        return 0;
    struct x86_block *b = x86_block_slots(c, whole, first, to);
    for (unsigned k = 0; k < b->slots && b->slot[k].fn != (void *)x86_h_next; k++) {
        if (b->slot[k].op == X86_OP_COUNT)
            continue;
        b->slot[k].fn = (void *)noted;
        if (e->kind[b->slot[k].op] & X86_KIND_END)
            break;
    }
    e->end_now = c->cpu.clock->now + (u64)n;
    e->end_retired = c->cpu.retired + (u64)n;
    c->r[X86_R_PAGE] = vpage;
    i64 rest = ((x86_handler *)b->slot->fn)(c, b->slot, n - (i64)b->head.imm, ctx, vpage);
#if X86_TRAMPOLINE
    while (rest == X86_CONTINUE)
        rest = ((x86_handler *)e->next.i->fn)(c, e->next.i, e->next.budget, ctx, e->next.vpage);
#endif
    return rest;
}

/* --- comparison ------------------------------------------------------------------------------------------------- */

#define AT(member) .at = offsetof(struct x86, member) - STATE_AT, .size = 8
static void compare_state(struct x86 *c, struct x86_check *k)
{
    static const char *const names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                           "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    static const struct jit_check_row registers = { .names = names, .size = 8, .n = 16 }, others[] = {
        { .name = "flags (SF ZF AF PF CF, OF in bit 0)", AT(arith_wide), .n = 1 },
        { .name = "rflags", AT(rflags), .n = 1 },
        { .name = "lower half of a vector register", AT(v[0].q[0]), .stride = sizeof(union x86_vec), .n = 16 },
        { .name = "upper half of a vector register", AT(v[0].q[1]), .stride = sizeof(union x86_vec), .n = 16 },
    };
    jit_check_rows(&k->base, &registers, 1, k->r_after, c->r);
    const u8 *now = (const u8 *)c + STATE_AT;
    if (!memcmp(k->after, now, STATE))
        return;
    const size_t len = k->base.report.len;
    jit_check_rows(&k->base, others, ARRAY_LEN(others), k->after, now);
    if (k->base.report.len == len)
        buf_printf(&k->base.report, "\n  other state");
}

/* What the code left at this byte; before: what was there at first. */
static u8 expected(const struct x86_check *k, const u8 *host, u8 before)
{
    for (const struct jit_stored *s = k->base.next; s-- > k->base.log;)
        if ((u64)(uintptr_t)host - s->host < s->size)
            return k->left_there[s - k->base.log][(u64)(uintptr_t)host - s->host];
    return before;
}

/* Most notes are of the same stack slot, and few meet a store: those need no look at each byte. */
enum noted_before { NOTED_ALONE, NOTED_SAME, NOTED_ACROSS };
static enum noted_before noted_before(const struct x86_check *k, unsigned n)
{
    const u8 *host = k->note[n].host;
    enum noted_before found = NOTED_ALONE;
    for (unsigned m = 0; m < n; m++)
        if (k->note[m].host == host)
            return NOTED_SAME;
        else if ((u64)(host - k->note[m].host + 7) < 15)
            found = NOTED_ACROSS;
    for (const struct jit_stored *s = k->base.log; s < k->base.next; s++)
        if ((u64)(uintptr_t)host + 7 - s->host < s->size + 7)
            found = NOTED_ACROSS;
    return found;
}

static void compare_memory(struct x86_check *k)
{
    for (const struct jit_stored *s = k->base.log; s < k->base.next; s++)
        if (memcmp(k->left_there[s - k->base.log], (const void *)(uintptr_t)s->host, s->size))
            jit_check_differs(&k->base, "memory where it stored", load_le(k->left_there[s - k->base.log], (unsigned)s->size),
                load_le((const void *)(uintptr_t)s->host, (unsigned)s->size));
    for (unsigned n = 0; n < k->n_notes; n++) {
        enum noted_before before = noted_before(k, n);
        if (before == NOTED_SAME || (before == NOTED_ALONE && !memcmp(k->note[n].host, k->note[n].old, 8)))
            continue;
        for (unsigned b = 0; b < 8; b++) {
            u8 *host = k->note[n].host + b, was = k->note[n].old[b];
            for (unsigned m = 0; m < n; m++) /* the first to note it saw it before all stores */
                if ((u64)(host - k->note[m].host) < 8) {
                    was = k->note[m].old[host - k->note[m].host];
                    break;
                }
            if (*host != expected(k, host, was)) {
                jit_check_differs(&k->base, "memory it did not store to", was, *host);
                return;
            }
        }
    }
}

static void disassemble(struct x86 *c, const struct x86_block *b, unsigned from, u64 vpage)
{
    for (unsigned n = from; n < b->slots; n++)
        if (b->side[n].length)
            jit_check_code(c->engine->tier->check, &c->cpu, vpage + b->side[n].offset, b->host + b->side[n].offset,
                b->side[n].length);
}

/* --- an entry --------------------------------------------------------------------------------------------------- */

static i64 diverged(X86_ARGS)
{
    c->cpu.report = buf_cstr(&c->engine->tier->check->report);
    c->engine->reason = X86_STOP;
    c->engine->stop = CPU_DIVERGED;
    return budget;
}

static i64 jumped(X86_ARGS) { return x86_goto(c, budget, ctx, x86_rip_of(c, (u64)(uintptr_t)i)); }

__attribute__((noinline)) static void run_both(struct x86 *c, const struct x86_insn *i, i64 budget, struct x86_ctx *ctx,
    u64 vpage, const void *code)
{
    struct x86_engine *e = c->engine;
    struct x86_check *k = check_of(c);
    i64 const before = exact(i, budget);
    const struct x86_engine kept = *e;
    u64 const now = c->cpu.clock->now, retired = c->cpu.retired, rip = c->rip;

    memcpy(k->r_before, c->r, sizeof k->r_before);
    memcpy(k->before, &c->rflags, STATE);
    k->base.next = k->base.log;
    k->entry[1].fn = (void *)(uintptr_t)code;
    e->tier->enter(c, &k->entry[1], budget, ctx, vpage);
    struct end end = where(c);
    i64 const n = before - end.budget;

    memcpy(k->r_after, c->r, sizeof k->r_after);
    memcpy(k->after, &c->rflags, STATE);
    memcpy(c->r, k->r_before, sizeof k->r_before);
    memcpy(&c->rflags, k->before, STATE);
    undo(k);
    k->n_notes = 0;
    e->leave = e->watch_hit = e->trapped = false;
    c->cpu.clock->now = e->end_now - (u64)before;
    c->cpu.retired = e->end_retired - (u64)before;
    bool const sane = n >= 0 && n <= X86_BLOCK_MAX && !end.bad;
    if (sane) {
        i64 rest = interpret(c, i, ctx, vpage, n, end.before);
        if (e->trapped)
            jit_check_differs(&k->base, "instructions before an exception", (u64)n, (u64)(n - rest));
        else if (rest)
            jit_check_differs(&k->base, "instructions", (u64)n, (u64)(n - rest));
        else if (x86_pc_of(c, c->rip) != end.pc)
            jit_check_differs(&k->base, "next position", end.pc, x86_pc_of(c, c->rip));
        compare_state(c, k);
        compare_memory(k);
    } else {
        jit_check_differs(&k->base, end.bad ? "handler it leaves to" : "instructions", (u64)n, 0);
    }
    c->cpu.clock->now = now;
    c->cpu.retired = retired;
    c->rip = rip;
    e->end_now = kept.end_now;
    e->end_retired = kept.end_retired;
    e->reason = kept.reason;
    e->stop = kept.stop;
    e->leave = kept.leave;
    e->watch_hit = kept.watch_hit;
    e->trapped = kept.trapped;
    e->taken = kept.taken;
    e->want = kept.want;
    e->want_taken = kept.want_taken;
    c->r[X86_R_PAGE] = k->base.left.vpage;
    if (jit_check_done(&k->base, &c->cpu, vpage + x86_side_of(i)->offset, (u64)n)) {
        disassemble(c, x86_block_of(i), place(i), vpage);
        c->rip = x86_rip_of(c, end.pc);
        k->base.left.handler = diverged;
        k->base.left.budget = end.budget;
    } else if (k->base.left.jump) {
        k->base.left.handler = jumped;
    }
}

static i64 entered(X86_ARGS, const void *code)
{
    struct x86_check *k = check_of(c);
    run_both(c, i, budget, ctx, vpage, code);
    const struct x86_insn *slot = k->base.left.slot;
    x86_handler *next = (x86_handler *)(k->base.left.handler ? k->base.left.handler : slot->fn);
    return next(c, slot, k->base.left.budget, ctx, k->base.left.vpage);
}

struct jit_check *jit_x86_check_new(struct arena *a, struct jit_env *env)
{
    struct x86_check *k = ARENA_NEW(a, struct x86_check);
    jit_check_init(&k->base, a, env, LOG, (const void *)entered, (const void *)left);
    return &k->base;
}
