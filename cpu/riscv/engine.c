/* The run loop: finds or makes the block at pc, enters the chain of handlers, takes interrupts between chains. */
#include "cpu/riscv/engine.h"

#include <string.h>

/* --- where a slot is ---------------------------------------------------------------------------------------- */

struct rv_block *rv_block_of(const struct rv_insn *i)
{
    do
        i--;
    while (i->fn);
    return (struct rv_block *)((uintptr_t)i - offsetof(struct rv_block, head));
}

static const struct rv_side *side_of(const struct rv_block *b, const struct rv_insn *i)
{
    return &b->side[i - b->slot];
}

u64 rv_pc(const struct hart *h, const struct rv_insn *i, u64 vpage)
{
    return rv_addr(h, vpage + side_of(rv_block_of(i), i)->offset);
}

/* The instruction at the slot, as it is in memory. */
u32 rv_bits(const struct rv_insn *i)
{
    const struct rv_block *b = rv_block_of(i);
    if (b->straddle || !b->host)
        return b->straddle;
    unsigned at = side_of(b, i)->offset;
    u32 bits = (u32)load_le(b->host + at, 2);
    if (rv_insn_length(bits) == 4)
        bits |= (u32)load_le(b->host + at + 2, 2) << 16;
    return bits;
}

/* What the budget would be before the instruction at slot i. */
static i64 budget_before(const struct rv_insn *i, i64 budget)
{
    const struct rv_block *b = rv_block_of(i);
    return budget + (i64)b->head.n - side_of(b, i)->count;
}

static void set_time(struct hart *h, i64 budget)
{
    struct riscv_engine *e = h->engine;
    h->cpu.clock->now = e->end_now - (u64)budget;
    h->cpu.retired = e->end_retired - (u64)budget;
}

void rv_sync(struct hart *h, const struct rv_insn *i, i64 budget)
{
    set_time(h, budget_before(i, budget));
}

/* --- leaving a chain ---------------------------------------------------------------------------------------- */

static i64 leave_at(struct hart *h, u64 pc, i64 budget)
{
    h->pc = rv_addr(h, pc);
    h->engine->reason = RV_GO_ON;
    return budget;
}

RV_COLD i64 rv_leave(RV_ARGS)
{
    h->pc = rv_pc(h, i, vpage);
    return budget_before(i, budget);
}

RV_COLD i64 rv_leave_go_on(RV_ARGS)
{
    h->engine->reason = RV_GO_ON;
    return rv_leave(RV_PASS);
}

i64 rv_finish(RV_ARGS)
{
    struct riscv_engine *e = h->engine;
    if (UNLIKELY(e->leave || e->watch_hit || h->cpu.clock->attention)) {
        e->reason = RV_GO_ON;
        if (e->watch_hit) {
            e->reason = RV_STOP;
            e->stop = CPU_WATCH;
        } else if (h->cpu.clock->attention) {
            e->reason = RV_STOP;
            e->stop = CPU_ATTENTION;
        }
        e->leave = e->watch_hit = false;
        i++;
        return rv_leave(RV_PASS);
    }
    RV_CHAIN(i + 1, vpage);
}

void rv_effects(struct hart *h, unsigned effects)
{
    struct riscv_engine *e = h->engine;
    if (effects & EFFECT_FLUSH_TLB)
        rv_tlb_flush(h);
    if (effects & EFFECT_IRQ)
        e->look = true;
    if (effects)
        e->leave = true;
}

/* With pc and time as before the instruction; it costs its tick but does not retire. Not inlined: it has a variable
 * whose address is taken (see engine->value). */
__attribute__((noinline)) static i64 trap_at(struct hart *h, u64 pc, i64 before, unsigned cause, u64 tval)
{
    struct riscv_engine *e = h->engine;
    unsigned effects = 0;
    h->pc = pc;
    set_time(h, before);
    e->trapped = true;
    e->end_retired--;
    h->cpu.trapped++;
    riscv_trap(h, cause, false, tval, &effects);
    h->pc = rv_addr(h, h->pc);
    rv_effects(h, effects);
    e->leave = e->watch_hit = false;
    e->reason = RV_GO_ON;
    if (h->cpu.clock->attention) {
        e->reason = RV_STOP;
        e->stop = CPU_ATTENTION;
    }
    return before - 1;
}

RV_COLD i64 rv_trap(RV_ARGS, unsigned cause, u64 tval)
{
    return trap_at(h, rv_pc(h, i, vpage), budget_before(i, budget), cause, tval);
}

RV_COLD i64 rv_fault(RV_ARGS)
{
    return rv_trap(RV_PASS, h->engine->cause, h->engine->tval);
}

RV_COLD i64 rv_illegal(RV_ARGS)
{
    return rv_trap(RV_PASS, CAUSE_ILLEGAL, rv_bits(i));
}

/* --- from block to block ------------------------------------------------------------------------------------ */

static struct rv_jump *jump_at(struct rv_ctx *ctx, u64 pc)
{
    return &ctx->jump[(pc >> 1 ^ pc >> 13) & ((1u << RV_JUMP_BITS) - 1)];
}

static void remember_jump(struct rv_ctx *ctx, u64 pc, const struct rv_block *b)
{
    *jump_at(ctx, pc) = (struct rv_jump){ pc, ctx->gen, b->slot };
    *rv_executed(ctx, pc) = ctx->gen;
}

/* A block that exists in a page that is known: the outer loop need not look for it. */
__attribute__((noinline)) static bool find_jump(struct hart *h, struct rv_ctx *ctx, u64 target)
{
    const struct rv_fetch *f = &ctx->fetch[target >> PAGE_SHIFT & (RV_FETCH_SIZE - 1)];
    if (f->vpage != (target & ~PAGE_MASK) || f->gen != ctx->gen || (h->engine->tier && h->engine->tier->following) || h->engine->obs)
        return false; /* also: each instruction is told on its own */
    const struct rv_block *b = rv_block_find(f->page, target & PAGE_MASK);
    if (b)
        remember_jump(ctx, target, b);
    return b;
}

i64 rv_goto(struct hart *h, i64 budget, struct rv_ctx *ctx, u64 target)
{
    const struct rv_jump *to = jump_at(ctx, target);
    if ((to->pc != target || to->gen != ctx->gen) && !find_jump(h, ctx, target))
        return leave_at(h, target, budget);
    const struct rv_insn *i = to->start;
    u64 vpage = target & ~PAGE_MASK;
    budget -= (i64)i[-1].n;
    if (budget < 0)
        return leave_at(h, target, budget + (i64)i[-1].n);
    RV_CHAIN_FROM_HELPER(i, vpage);
}

/* Slot i ends its block and goes to target; its link did not lead there, or the budget did not last. */
__attribute__((always_inline)) static inline i64 follow(RV_ARGS, unsigned which, u64 target)
{
    struct riscv_engine *e = h->engine;
    const struct rv_insn **link = (const struct rv_insn **)(uintptr_t)&i[1].to[which];
    budget += (i64)(*link)[-1].n;
    if (*link != e->nowhere || e->obs)
        return leave_at(h, target, budget);
    target = rv_addr(h, target);
    if ((target & ~PAGE_MASK) != vpage)
        return rv_goto(h, budget, ctx, target);
    struct rv_block *from = rv_block_of(i);
    if (!from->page)
        return leave_at(h, target, budget);
    struct rv_block *b = rv_block_find(from->page, target & PAGE_MASK);
    if (!b) {
        e->want = link;
        return leave_at(h, target, budget);
    }
    *link = b->slot;
    budget -= (i64)b->head.n;
    if (budget < 0)
        return leave_at(h, target, budget + (i64)b->head.n);
    RV_CHAIN_FROM_HELPER(b->slot, vpage);
}

RV_COLD i64 rv_taken_slow(RV_ARGS)
{
    u64 target = vpage + (u64)(i64)i->imm;
    h->engine->taken = true;
    if (target & h->engine->misaligned)
        return rv_trap(h, i, budget + (i64)i[1].to[0][-1].n, ctx, vpage, CAUSE_FETCH_MISALIGNED, rv_addr(h, target));
    return follow(RV_PASS, 0, target);
}

RV_COLD i64 rv_next_slow(RV_ARGS)
{
    return follow(RV_PASS, 1, vpage + side_of(rv_block_of(i), i + 1)->offset);
}

RV_COLD i64 rv_jal_slow(RV_ARGS)
{
    u64 target = vpage + (u64)(i64)i->imm, link = vpage + i->link;
    if (target & h->engine->misaligned)
        return rv_trap(h, i, budget + (i64)i[1].to[0][-1].n, ctx, vpage, CAUSE_FETCH_MISALIGNED, rv_addr(h, target));
    h->x[i->rd] = h->config.xlen == 32 ? (u64)(i64)(i32)(u32)link : link;
    return follow(RV_PASS, 0, target);
}

/* --- pseudo slots ------------------------------------------------------------------------------------------- */

i64 rv_h_next(RV_ARGS)
{
    const struct rv_insn *target = i[1].to[1];
    budget -= (i64)target[-1].n;
    if (UNLIKELY(budget < 0))
        RV_TAIL rv_next_slow(RV_PASS);
    RV_CHAIN(target, vpage);
}

i64 rv_h_nowhere(RV_ARGS) /* never entered: its n exceeds every budget */
{
    __builtin_trap();
}

i64 rv_h_fp_on(RV_ARGS)
{
    if (UNLIKELY(!(h->mstatus & MSTATUS_FS)))
        RV_TAIL rv_illegal(RV_PASS);
    RV_CHAIN(i + 1, vpage);
}

/* Before the first instruction of a block that writes a floating-point register (II, 3.1.6.6). */
i64 rv_h_fp_dirty(RV_ARGS)
{
    if (UNLIKELY(!(h->mstatus & MSTATUS_FS)))
        RV_TAIL rv_illegal(RV_PASS);
    h->mstatus |= MSTATUS_FS;
    RV_CHAIN(i + 1, vpage);
}

/* First slot of a block while a tier counts how often it runs. */
i64 rv_h_hot(RV_ARGS)
{
    struct rv_tier *t = h->engine->tier;
    if (UNLIKELY(++((struct rv_insn *)(uintptr_t)i)->n == t->threshold))
        t->hot(t, rv_block_of(i), vpage);
    RV_CHAIN(i + 1, vpage);
}

i64 rv_h_illegal(RV_ARGS)
{
    return rv_illegal(RV_PASS);
}

/* Physical addresses are asked for here only: some armed one has this page offset. */
__attribute__((noinline)) static bool armed(struct hart *h, u64 pc, u64 *pa)
{
    const struct cpu_stops *s = h->cpu.stops;
    *pa = 0;
    if (s && s->n_phys) {
        struct cpu_walk w;
        h->cpu.ops->walk(&h->cpu, pc, CPU_EXEC, &w);
        *pa = w.pa;
        if (w.ok && cpu_armed_at(s->phys, s->n_phys, w.pa))
            return true;
    }
    return s && cpu_armed_at(s->code, s->n_code, pc);
}

__attribute__((noinline)) static bool stops_at(struct hart *h, u64 pc, u64 now)
{
    u64 pa;
    if (!armed(h, pc, &pa) || (now == h->cpu.skip_stop_at && pc == h->cpu.skip_stop_pc))
        return false;
    h->cpu.skip_stop_at = now;
    h->cpu.skip_stop_pc = pc;
    h->cpu.hit = (struct cpu_hit){ .addr = pc, .paddr = pa, .access = CPU_EXEC };
    h->engine->reason = RV_STOP;
    h->engine->stop = CPU_BREAK;
    return true;
}

/* Some armed address has this page offset. */
i64 rv_h_stop(RV_ARGS)
{
    if (stops_at(h, rv_pc(h, i, vpage), h->engine->end_now - (u64)budget_before(i, budget)))
        return rv_leave(RV_PASS);
    RV_CHAIN(i + 1, vpage);
}

static const struct event_type magic_event = { "cpu.magic", "slti x0, x0, N while somebody listens", { { "number", EV_U64 } } };

/* A hint for software that it may use as it likes (Unprivileged, 2.9): slti x0, x0, N. */
i64 rv_h_magic(RV_ARGS)
{
    rv_sync(h, i, budget);
    EVENT_OF(EV_CPU_MAGIC, h->cpu.bus, h->cpu.clock->now, h->cpu.name, &magic_event, { .u = (u32)i->imm & 0xfff });
    return rv_finish(RV_PASS);
}

/* It writes a register that is told of. */
RV_COLD i64 rv_h_look(RV_ARGS)
{
    h->engine->look_at = true;
    return rv_leave_go_on(RV_PASS);
}

/* An instruction whose second half is in the next page: is it still the same? */
__attribute__((noinline)) static bool straddling_bits(struct hart *h, struct rv_ctx *ctx, u64 pc, u32 *bits)
{
    struct cpu_page *second;
    if (!rv_fetch_page(h, ctx, rv_addr(h, pc + 2), &second))
        return false;
    if (!second)
        return rv_fetch_bits(h, pc, bits);
    *bits |= (u32)load_le(second->host, 2) << 16;
    return true;
}

/* 0: it is; 1: it is another; 2: fault. */
__attribute__((noinline)) static int straddle_changed(struct hart *h, struct rv_block *b, struct rv_ctx *ctx, u64 pc)
{
    u32 bits = (u32)load_le(b->host + (pc & PAGE_MASK), 2);
    if (!straddling_bits(h, ctx, pc, &bits))
        return 2;
    return bits != b->straddle;
}

i64 rv_h_straddle(RV_ARGS)
{
    struct rv_block *b = rv_block_of(i);
    u64 pc = rv_pc(h, i, vpage); /* not from b->offset: links may lead to a block that was forgotten */
    int changed = straddle_changed(h, b, ctx, pc);
    if (UNLIKELY(changed == 2))
        return rv_fault(RV_PASS);
    if (UNLIKELY(changed)) { /* forget it: the outer loop makes another */
        b->offset = UINT16_MAX;
        rv_jumps_flush(h->engine);
        return leave_at(h, pc, budget_before(i, budget));
    }
    RV_CHAIN(i + 1, vpage);
}

/* --- the outer loop ----------------------------------------------------------------------------------------- */

static i64 chain(struct hart *h, struct rv_block *b, i64 budget, struct rv_ctx *ctx, u64 vpage)
{
    budget -= (i64)b->head.n;
    const struct rv_insn *i = b->slot;
    struct riscv_engine *e = h->engine;
    rv_handler *const enter = e->tier ? e->tier->enter : NULL;
#if RV_TRAMPOLINE
    i64 left = (enter ? enter : i->fn)(h, i, budget, ctx, vpage);
    while (left == RV_CONTINUE)
        left = (enter ? enter : e->next.i->fn)(h, e->next.i, e->next.budget, ctx, e->next.vpage);
    return left;
#else
    return (UNLIKELY(enter != NULL) ? enter : i->fn)(h, i, budget, ctx, vpage);
#endif
}

/* A chain of one block: what comes after it finds the budget spent. */
static i64 alone(struct hart *h, struct rv_block *b, i64 budget, struct rv_ctx *ctx, u64 vpage)
{
    struct riscv_engine *e = h->engine;
    u64 rest = (u64)budget - b->head.n;
    e->end_now -= rest;
    e->end_retired -= rest;
    i64 left = chain(h, b, (i64)b->head.n, ctx, vpage);
    e->end_now += rest;
    e->end_retired += rest;
    return left + (i64)rest;
}

/* The block at pc, found or built; NULL: a fault. */
static struct rv_block *block_at(struct hart *h, struct rv_ctx *ctx, u64 pc, unsigned max)
{
    struct cpu_page *page;
    unsigned offset = pc & PAGE_MASK;
    if (!rv_fetch_page(h, ctx, pc, &page))
        return NULL;
    if (UNLIKELY(!page)) {
        u32 bits;
        return rv_fetch_bits(h, pc, &bits) ? rv_block_single(h, page, offset, bits) : NULL;
    }
    if (max)
        return rv_block_once(h, page, offset, max);
    struct rv_block *b = rv_block_find(page, offset);
    if (!b)
        b = rv_block_build(h, page, offset);
    if (b)
        remember_jump(ctx, pc, b);
    return b;
}

/* One chain from pc on: at most max instructions when that is not 0. What fetches may be another context. */
static i64 step_in(struct hart *h, struct rv_ctx *fetch, struct rv_ctx *ctx, i64 budget, unsigned max)
{
    struct riscv_engine *e = h->engine;
    u64 pc = h->pc;

    cpu_pages_room(&e->pages);
    const struct rv_insn **want = e->want;
    e->want = NULL;
    const struct rv_jump *j = jump_at(ctx, pc);
    struct rv_block *b = j->pc == pc && j->gen == ctx->gen && !max
                             ? (struct rv_block *)((uintptr_t)(j->start - 1) - offsetof(struct rv_block, head))
                             : block_at(h, fetch, pc, max);
    if (!b)
        return trap_at(h, pc, budget, e->cause, e->tval);
    if (b->page) {
        if (want)
            *want = b->slot;
        if ((i64)b->head.n > budget)
            b = rv_block_part(h, b, (unsigned)budget);
    }
    const u64 vpage = pc & ~PAGE_MASK;
    if (UNLIKELY(max != 0))
        return alone(h, b, budget, ctx, vpage);
    if (UNLIKELY(e->tier && e->tier->following)) {
        e->tier->follow(e->tier, b->page ? b : NULL, vpage);
        if (e->tier->following)
            return alone(h, b, budget, ctx, vpage);
    }
    return chain(h, b, budget, ctx, vpage);
}

static i64 step(struct hart *h, struct rv_ctx *ctx, i64 budget, unsigned max)
{
    return step_in(h, ctx, ctx, budget, max);
}

static void take_interrupt(struct hart *h, i64 budget)
{
    unsigned effects = 0;
    set_time(h, budget);
    int irq = riscv_pending(h);
    if (irq < 0)
        return;
    riscv_trap(h, (u64)irq, true, 0, &effects);
    h->pc = rv_addr(h, h->pc);
    rv_effects(h, effects);
}

/* --- observed: one instruction at a time, everything told ------------------------------------------------------ */

void rv_observe_reg(struct hart *h, unsigned group, unsigned number, u64 value)
{
    struct cpu_retire *o = h->engine->obs;
    const struct cpu_reg *r = rv_reg(h, group, number);
    if (o && r && o->n_writes < ARRAY_LEN(o->write)) {
        o->write[o->n_writes].reg = r;
        o->write[o->n_writes++].value = value;
    }
}

/* Good until another word is decoded. */
const struct rv_decoded *rv_decode_again(struct riscv_engine *e, u32 bits)
{
    unsigned k = (bits ^ bits >> 10 ^ bits >> 20) % RV_KNOWN;
    if (e->known[k].bits != bits || !e->known[k].d.len) {
        e->known[k].bits = bits;
        rv_decode(e->decoder, bits, &e->known[k].d);
    }
    return &e->known[k].d;
}

/* Integer operands in the instruction's fields, or implied. */
static void observe_operands(struct hart *h, const struct rv_decoded *d, struct cpu_retire *o)
{
    const struct riscv_insn *insn = &riscv_insns[d->op];
    const struct rv_row *row = &h->engine->decoder->row[d->op];
    if ((row->s_w || row->s_fix) && !strchr(insn->args, 'S') && !(insn->flags & F_ZIMM)) {
        o->rs1_reg = d->rs1;
        o->rs1 = h->x[d->rs1];
    }
    if (row->t_w && !strchr(insn->args, 'T')) {
        o->rs2_reg = d->rs2;
        o->rs2 = h->x[d->rs2];
    }
}

/* Links are x1 and x5 (Unprivileged, 2.5.1, "return-address prediction stack"). */
static enum cpu_flow flow_of(const struct rv_decoded *d)
{
    bool links = d->rd == 1 || d->rd == 5, from_link = d->rs1 == 1 || d->rs1 == 5;
    switch (d->op) {
    case RV_OP_ecall: case RV_OP_ebreak: case RV_OP_c_ebreak: return CPU_FLOW_TRAP;
    case RV_OP_mret: case RV_OP_sret: return CPU_FLOW_TRAP_RETURN;
    default: break;
    }
    switch (riscv_insns[d->op].cls) {
    case RV_CLASS_BRANCH: return CPU_FLOW_BRANCH;
    case RV_CLASS_JUMP: return links ? CPU_FLOW_CALL : CPU_FLOW_JUMP;
    case RV_CLASS_JUMPR: return links ? CPU_FLOW_CALL : from_link ? CPU_FLOW_RETURN : CPU_FLOW_JUMP;
    default: return CPU_FLOW_NEXT;
    }
}

/* The instruction at pc, as it is in memory. False: a fault. */
static bool insn_at(struct hart *h, struct rv_ctx *ctx, u64 pc, u32 *bits)
{
    struct cpu_page *page;
    unsigned at = pc & PAGE_MASK;
    if (!rv_fetch_page(h, ctx, pc, &page))
        return false;
    if (!page || at > PAGE_SIZE - 4)
        return rv_fetch_bits(h, pc, bits);
    *bits = (u32)load_le(page->host + at, 4);
    if (rv_insn_length(*bits) == 2)
        *bits &= 0xffff;
    return true;
}

static i64 observed_step(struct hart *h, i64 budget)
{
    struct riscv_engine *e = h->engine;
    struct cpu_retire o = { .pc = h->pc, .privilege = h->priv, .op = RV_OP_COUNT, .length = 4 };
    struct rv_decoded d = { .op = RV_OP_COUNT };
    struct rv_ctx *ctx = &e->ctx[CTX_OBSERVED], *fetch = rv_context(h); /* of fetches nothing is told */
    u32 bits = 0;
    u8 fflags = h->fflags;

    if (insn_at(h, fetch, h->pc, &bits)) {
        d = *rv_decode_again(e, bits);
        o.insn = bits;
        o.length = d.len;
        o.op = d.op;
        if (d.op != RV_OP_COUNT) {
            o.flow = flow_of(&d);
            observe_operands(h, &d, &o);
        }
    }
    e->obs = &o;
    e->trapped = e->taken = false;
    ctx->gen++; /* nothing is remembered from step to step */
    i64 left = step_in(h, fetch, ctx, budget, 1);
    e->obs = NULL;
    if (left == budget) /* a stop before it */
        return left;
    o.trapped = e->trapped;
    o.next_pc = h->pc;
    if (!o.trapped && o.op != RV_OP_COUNT) {
        const struct riscv_insn *insn = &riscv_insns[o.op];
        const struct rv_row *row = &e->decoder->row[o.op];
        u8 n = o.n_writes; /* the destination goes first, CSRs after it */
        struct cpu_retire csrs = o;
        o.n_writes = 0;
        e->obs = &o;
        if (insn->flags & F_FW)
            rv_observe_reg(h, OBS_F, d.rd, h->f[d.rd]);
        else if ((row->d_w || row->d_fix) && d.rd)
            rv_observe_reg(h, OBS_X, d.rd, h->x[d.rd]);
        if ((insn->flags & F_FP) && h->fflags != fflags)
            rv_observe_reg(h, OBS_CSR, 1, h->fflags);
        e->obs = NULL;
        for (u8 k = 0; k < n && o.n_writes < ARRAY_LEN(o.write); k++)
            o.write[o.n_writes++] = csrs.write[k];
        o.taken = (insn->flags & F_COND) && e->taken;
    }
    set_time(h, left);
    u64 ticks = h->cpu.observer->retire(h->cpu.observer->opaque, &h->cpu, &o);
    /* More (or fewer) ticks than instructions. */
    e->end_retired -= ticks - 1;
    return left - (i64)(ticks - 1);
}

/* One instruction, after which registers are looked at. */
static i64 looked_step(struct hart *h, i64 budget)
{
    struct riscv_engine *e = h->engine;
    const u64 armed = e->pages.armed.regs;
    u64 before[CPU_REGS_LOOKED];
    e->look_at = false;
    cpu_regs_before(&h->cpu, &e->pages.armed, before);
    e->pages.armed.regs = 0;
    struct rv_ctx *ctx = h->cpu.observer ? NULL : rv_context(h);
    i64 left = ctx ? step(h, ctx, budget, 1) : observed_step(h, budget);
    e->pages.armed.regs = armed;
    set_time(h, left);
    cpu_regs_after(&h->cpu, &e->pages.armed, before);
    return left;
}

enum cpu_stop rv_run(struct cpu *c, u64 max_ticks)
{
    struct hart *h = hart_of(c);
    struct riscv_engine *e = h->engine;
    i64 budget = (i64)(max_ticks < (u64)1 << 59 ? max_ticks : (u64)1 << 59);
    enum cpu_stop stop = CPU_BUDGET;

    if (c->idle) {
        if (!riscv_wfi_wakes(h))
            return CPU_IDLE;
        c->idle = false;
    }
    e->end_now = c->clock->now + (u64)budget;
    e->end_retired = c->retired + (u64)budget;
    e->look = true;
    e->leave = e->watch_hit = e->look_at = false;
    e->want = NULL;
    e->running = true;
    while (budget > 0) {
        if (UNLIKELY(e->stale)) {
            e->stale = false;
            cpu_pages_flush(&e->pages);
        }
        if (UNLIKELY(e->restop)) {
            e->restop = false;
            rv_blocks_restop(h);
        }
        if (e->look) {
            e->look = false;
            take_interrupt(h, budget);
            e->leave = false;
            if (UNLIKELY(c->clock->attention)) {
                stop = CPU_ATTENTION;
                break;
            }
        }
        e->reason = RV_GO_ON;
        const bool looks = e->look_at || (c->observer && e->pages.armed.regs);
        budget = UNLIKELY(looks) ? looked_step(h, budget) :
            c->observer ? observed_step(h, budget) : step(h, rv_context(h), budget, 0);
        if (e->reason == RV_STOP) {
            stop = e->stop;
            break;
        }
        if (UNLIKELY(c->observer || looks) && c->clock->attention) {
            stop = CPU_ATTENTION; /* who looked asked for it */
            break;
        }
    }
    e->running = false;
    set_time(h, budget);
    return stop;
}

void rv_tier_install(struct hart *h, struct rv_tier *t)
{
    h->engine->tier = t;
    cpu_pages_flush(&h->engine->pages);
}

void riscv_quantum_end(struct cpu *c)
{
    hart_of(c)->lr_valid = false;
}
