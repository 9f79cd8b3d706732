/* The run loop: finds or makes the block at rip, enters the chain of handlers, takes interrupts between chains. */
#include "cpu/x86/access.h"
#include "cpu/x86/sys.h"

/* --- where and when a slot is ------------------------------------------------------------------------------------- */

/* What the budget would be before the instruction at slot i. */
static i64 budget_before(const struct x86_insn *i, i64 budget)
{
    const struct x86_block *b = x86_block_of(i);
    return budget + (i64)b->head.imm - b->side[i->flags >> X86_SLOT_SHIFT].count;
}

static u64 slot_rip(const struct x86 *c, const struct x86_insn *i, u64 vpage)
{
    return x86_rip_of(c, vpage + x86_side_of(i)->offset);
}

u64 x86_slot_next(const struct x86 *c, const struct x86_insn *i, u64 vpage)
{
    const struct x86_side *s = x86_side_of(i);
    return x86_rip_of(c, vpage + s->offset + s->length);
}

static void set_time(struct x86 *c, i64 budget)
{
    struct x86_engine *e = c->engine;
    c->cpu.clock->now = e->end_now - (u64)budget;
    c->cpu.retired = e->end_retired - (u64)budget;
}

void x86_at(X86_ARGS)
{
    const struct x86_block *b = x86_block_of(i);
    const struct x86_side *s = &b->side[i->flags >> X86_SLOT_SHIFT];
    set_time(c, budget + (i64)b->head.imm - s->count);
    u64 linear = vpage + s->offset;
    c->rip = x86_rip_of(c, linear);
    c->next_rip = x86_rip_of(c, linear + s->length);
}

/* --- leaving a chain ------------------------------------------------------------------------------------------------ */

static i64 leave_at(struct x86 *c, u64 rip, i64 budget)
{
    c->rip = rip;
    c->engine->reason = X86_GO_ON;
    return budget;
}

/* Something wants to be looked at, after an instruction: c->rip is where to go on. */
static i64 leave_after(struct x86 *c, i64 budget)
{
    struct x86_engine *e = c->engine;
    e->reason = X86_GO_ON;
    if (e->watch_hit) {
        e->reason = X86_STOP;
        e->stop = CPU_WATCH;
    } else if (c->cpu.clock->attention) {
        e->reason = X86_STOP;
        e->stop = CPU_ATTENTION;
    }
    e->leave = e->watch_hit = false;
    return budget;
}

static inline bool wants_leave(const struct x86 *c)
{
    return UNLIKELY(c->engine->leave || c->engine->watch_hit || c->cpu.clock->attention);
}

X86_COLD i64 x86_leave(X86_ARGS)
{
    c->rip = slot_rip(c, i, vpage);
    return budget_before(i, budget);
}

X86_COLD i64 x86_leave_go_on(X86_ARGS)
{
    c->engine->reason = X86_GO_ON;
    return x86_leave(X86_PASS);
}

X86_COLD static i64 finish_leave(X86_ARGS)
{
    i64 left = leave_after(c, budget_before(i + 1, budget));
    c->rip = slot_rip(c, i + 1, vpage);
    return left;
}

i64 x86_finish(X86_ARGS)
{
    if (wants_leave(c))
        X86_TAIL finish_leave(X86_PASS);
    X86_CHAIN(i + 1, vpage);
}

/* The slot is the last of its block. */
i64 x86_finish_jump(X86_ARGS)
{
    if (wants_leave(c)) {
        c->rip = c->next_rip;
        return leave_after(c, budget);
    }
    return x86_goto(c, budget, ctx, c->next_rip);
}

/* The fault costs its tick but does not retire. `before`: the budget before the instruction; c->rip is its address. */
X86_COLD static i64 raise_at(struct x86 *c, i64 before)
{
    struct x86_engine *e = c->engine;
    set_time(c, before);
    e->trapped = true;
    e->end_retired--;
    c->cpu.trapped++;
    x86_deliver_fault(c);
    e->watch_hit = false;
    return leave_after(c, before - 1);
}

X86_COLD i64 x86_raise(X86_ARGS)
{
    c->rip = slot_rip(c, i, vpage);
    return raise_at(c, budget_before(i, budget));
}

/* --- from block to block ------------------------------------------------------------------------------------------------ */

bool x86_near_ok(struct x86 *c, u64 rip)
{
    if (c->code_bits == 64) {
        if ((u64)sign_extend(rip, c->cr4 & CR4_LA57 ? 57 : 48) != rip)
            return x86_gp0(c, "the target of the jump is not canonical");
    } else if (rip > c->seg[X86_CS].limit) {
        return x86_gp0(c, "the target of the jump is beyond the limit of CS");
    }
    return true;
}

/* Does all of the block lie within the limit of CS? */
static bool within_limit(const struct x86 *c, const struct x86_block *b, u64 rip)
{
    u64 last = rip + (u64)(b->end - b->offset) - 1;
    return last <= c->seg[X86_CS].limit;
}

i64 x86_goto(struct x86 *c, i64 budget, struct x86_ctx *ctx, u64 rip)
{
    u64 pc = x86_pc_of(c, rip), key = ctx->gen & ~(u64)X86_KEY_CHECKED;
    const struct x86_jump *to = x86_jump_at(ctx, pc);
    if (to->pc != pc || to->gen != key)
        return leave_at(c, rip, budget);
    const struct x86_insn *i = to->start;
    if ((ctx->gen & X86_KEY_CHECKED) && !within_limit(c, x86_block_of(i), rip))
        return leave_at(c, rip, budget);
    u64 vpage = pc & ~PAGE_MASK;
    budget -= x86_block_n(i);
    if (budget < 0)
        return leave_at(c, rip, budget + x86_block_n(i));
    c->r[X86_R_PAGE] = vpage;
    X86_CHAIN_FROM_HELPER(i, vpage);
}

/* Slot i ends its block and goes to offset rip; its link did not lead there, or the budget did not last. */
/* Inlined: a function of more parameters than its caller's would not be a sibling call, and the stack would grow. */
static inline __attribute__((always_inline)) i64 follow(X86_ARGS, bool taken, u64 pc, u64 rip)
{
    struct x86_engine *e = c->engine;
    struct x86_insn *links = (struct x86_insn *)(uintptr_t)(i + 1);
    const struct x86_insn *link = taken ? links->fn : (const struct x86_insn *)(uintptr_t)links->imm;
    budget += x86_block_n(link);
    if (link != e->nowhere || e->alone)
        return leave_at(c, rip, budget);
    if ((pc & ~PAGE_MASK) != vpage || x86_pc_of(c, rip) != pc || (ctx->gen & X86_KEY_CHECKED))
        return x86_goto(c, budget, ctx, rip);
    struct x86_block *from = x86_block_of(i);
    if (!from->page)
        return leave_at(c, rip, budget);
    struct x86_block *b = x86_block_find(from->page, pc & PAGE_MASK, from->key);
    if (!b) {
        e->want = links;
        e->want_taken = taken;
        return leave_at(c, rip, budget);
    }
    if (taken)
        links->fn = b->slot;
    else
        links->imm = (u64)(uintptr_t)b->slot;
    budget -= (i64)b->head.imm;
    if (budget < 0)
        return leave_at(c, rip, budget + (i64)b->head.imm);
    X86_CHAIN_FROM_HELPER(b->slot, vpage);
}

/* A branch to another page, which no link may lead to: where the jump cache knows a block, it has been there, so that the
 * target needs no check. */
static inline bool other_page(const struct x86 *c, const struct x86_insn *link, struct x86_ctx *ctx, u64 pc, u64 vpage)
{
    const struct x86_engine *e = c->engine;
    return (pc & ~PAGE_MASK) != vpage && link == e->nowhere && !e->alone && x86_known(ctx, pc);
}

i64 x86_taken_slow(X86_ARGS)
{
    u64 pc = vpage + i->imm, rip = x86_rip_of(c, pc);
    c->engine->taken = true;
    if (LIKELY(c->code_bits == 64 && other_page(c, i[1].fn, ctx, pc, vpage))) {
        budget += x86_block_n(i[1].fn);
        X86_ENTER(pc);
    }
    if ((i->sizes & 15) == 1 && c->code_bits != 64)
        rip = (u16)rip;
    if (UNLIKELY(!x86_near_ok(c, rip))) {
        budget += x86_block_n(i[1].fn);
        X86_TAIL x86_raise(X86_PASS);
    }
    return follow(X86_PASS, true, pc, rip);
}

i64 x86_next_slow(X86_ARGS)
{
    u64 pc = vpage + x86_side_of(i + 1)->offset;
    const struct x86_insn *link = (const struct x86_insn *)(uintptr_t)i[1].imm;
    if (LIKELY(c->code_bits == 64 && other_page(c, link, ctx, pc, vpage))) {
        budget += x86_block_n(link);
        X86_ENTER(pc);
    }
    return follow(X86_PASS, false, pc, x86_rip_of(c, pc));
}

/* --- ops ---------------------------------------------------------------------------------------------------------------- */

static bool allowed(struct x86 *c, const struct x86_insn *i)
{
    if (UNLIKELY(c->engine->kind[i->op] & X86_KIND_CPL0) && c->cpl)
        return x86_gp0(c, "a privileged instruction above CPL 0");
    return true;
}

i64 x86_h_op(X86_ARGS)
{
    x86_at(X86_PASS);
    if (UNLIKELY(!allowed(c, i) || !x86_ops[i->op](c, i)))
        X86_TAIL x86_raise(X86_PASS);
    if (wants_leave(c))
        X86_TAIL finish_leave(X86_PASS);
    X86_CHAIN(i + 1, vpage);
}

/* It may go anywhere and change everything: the outer loop looks. */
i64 x86_h_op_end(X86_ARGS)
{
    x86_at(X86_PASS);
    if (UNLIKELY(!allowed(c, i) || !x86_ops[i->op](c, i)))
        X86_TAIL x86_raise(X86_PASS);
    c->rip = c->next_rip;
    return leave_after(c, budget);
}

/* A string instruction with REP. Each iteration takes a tick, and interrupts are looked for after each; it retires with the
 * last. */
i64 x86_h_op_rep(X86_ARGS)
{
    struct x86_engine *e = c->engine;
    x86_at(X86_PASS);
    const u64 rip = c->rip, next = c->next_rip;
    if (UNLIKELY(!allowed(c, i)))
        X86_TAIL x86_raise(X86_PASS);
    for (;;) {
        e->rep_room = e->alone ? 0 : budget;
        const i64 room = e->rep_room;
        if (UNLIKELY(!x86_ops[i->op](c, i)))
            X86_TAIL x86_raise(X86_PASS);
        const i64 more = room - e->rep_room; /* iterations beyond the first */
        budget -= more;
        e->end_retired -= (u64)more;
        c->cpu.amid = c->next_rip == rip;
        if (!c->cpu.amid)
            break;
        /* One more iteration is to come: this one took a tick. */
        if (budget == 0 || e->alone || wants_leave(c)) {
            c->rip = rip;
            e->end_retired--;
            return leave_after(c, budget_before(i, budget) - 1);
        }
        budget--;
        e->end_retired--;
        set_time(c, budget_before(i, budget));
        c->rip = rip;
        c->next_rip = next;
    }
    if (wants_leave(c))
        X86_TAIL finish_leave(X86_PASS);
    X86_CHAIN(i + 1, vpage);
}

/* --- pseudo slots --------------------------------------------------------------------------------------------------------- */

i64 x86_h_next(X86_ARGS)
{
    X86_BRANCH_NOT_TAKEN;
}

/* MOV or LEA to the stack pointer, noted for the story. */
i64 x86_h_set_sp(X86_ARGS)
{
    x86_at(X86_PASS);
    x86_note(c, X86_WROTE_SP, 0, NULL);
    x86_handler *fn = x86_fast_handler(i, x86_block_of(i)->key);
    X86_TAIL fn(X86_PASS);
}

i64 x86_h_nowhere(X86_ARGS) /* never entered: its n exceeds every budget */
{
    __builtin_trap();
}

i64 x86_h_hot(X86_ARGS)
{
    struct x86_tier *t = c->engine->tier;
    if (UNLIKELY(++((struct x86_insn *)(uintptr_t)i)->imm == t->threshold))
        t->hot(t, x86_block_of(i), vpage);
    X86_CHAIN(i + 1, vpage);
}

X86_COLD static bool bad(struct x86 *c, const struct x86_insn *i)
{
    if (i->op != X86_OP_COUNT)
        return x86_ud(c, "this instruction is not implemented");
    return i->imm ? x86_gp0(c, "an instruction of more than 15 bytes") : x86_ud(c, "no instruction of this processor");
}

i64 x86_h_bad(X86_ARGS)
{
    bad(c, i);
    X86_TAIL x86_raise(X86_PASS);
}

/* SDM 2, 2.4 and 2.7: what the tables of exceptions say of CR0, CR4 and XCR0. */
static bool usable(struct x86 *c, u64 kinds)
{
    if ((kinds & X86_KIND_AVX) && (!(c->cr4 & CR4_OSXSAVE) || (c->xcr0 & 6) != 6))
        return x86_ud(c, "AVX is not enabled (CR4.OSXSAVE, XCR0)");
    if ((kinds & X86_KIND_VEC) && (c->cr0 & CR0_EM))
        return x86_ud(c, "SSE with CR0.EM set");
    if ((kinds & X86_KIND_VEC) && !(c->cr4 & CR4_OSFXSR))
        return x86_ud(c, "SSE is not enabled (CR4.OSFXSR)");
    if ((kinds & X86_KIND_MMX) && (c->cr0 & CR0_EM))
        return x86_ud(c, "MMX with CR0.EM set");
    if ((kinds & X86_KIND_X87) && (c->cr0 & CR0_EM))
        return x86_fault(c, EXC_NM, "x87 with CR0.EM set");
    if (c->cr0 & CR0_TS)
        return x86_fault(c, EXC_NM, "CR0.TS is set");
    return true;
}

i64 x86_h_usable(X86_ARGS)
{
    if (UNLIKELY(!usable(c, i->imm)))
        X86_TAIL x86_raise(X86_PASS);
    X86_CHAIN(i + 1, vpage);
}

/* Physical addresses are asked for here only: some armed one has this page offset. */
static bool armed(struct x86 *c, u64 pc, u64 *pa)
{
    const struct cpu_stops *s = c->cpu.stops;
    *pa = 0;
    if (s && s->n_phys) {
        struct cpu_walk w;
        c->cpu.ops->walk(&c->cpu, pc, CPU_EXEC, &w);
        *pa = w.pa;
        if (w.ok && cpu_armed_at(s->phys, s->n_phys, w.pa))
            return true;
    }
    return s && cpu_armed_at(s->code, s->n_code, pc);
}

static const struct event_type magic_event = { "cpu.magic", "xchg bx, bx while somebody listens", { { "number", EV_U64 } } };

/* Bochs's: xchg bx, bx. */
i64 x86_h_magic(X86_ARGS)
{
    x86_at(X86_PASS);
    EVENT_OF(EV_CPU_MAGIC, c->cpu.bus, c->cpu.clock->now, c->cpu.name, &magic_event, { .u = 0 });
    return x86_finish(X86_PASS);
}

/* Some armed address has this page offset. They are linear; skip_stop_pc is what get_pc() said: rip. */
i64 x86_h_stop(X86_ARGS)
{
    u64 pc = x86_wrap(c, vpage + x86_side_of(i)->offset), rip = x86_rip_of(c, pc), pa;
    if (armed(c, pc, &pa) && !c->cpu.amid) {
        u64 now = c->engine->end_now - (u64)budget_before(i, budget);
        if (now != c->cpu.skip_stop_at || rip != c->cpu.skip_stop_pc) {
            c->cpu.skip_stop_at = now;
            c->cpu.skip_stop_pc = rip;
            c->cpu.hit = (struct cpu_hit){ .addr = pc, .paddr = pa, .access = CPU_EXEC };
            c->engine->reason = X86_STOP;
            c->engine->stop = CPU_BREAK;
            return x86_leave(X86_PASS);
        }
    }
    X86_CHAIN(i + 1, vpage);
}

/* 0: the instruction across two pages is still the same; 1: it is another; 2: fault. */
__attribute__((noinline)) static int straddle_changed(struct x86 *c, struct x86_ctx *ctx, const struct x86_block *b, u64 pc)
{
    struct cpu_page *second;
    u64 next = x86_wrap(c, (pc | PAGE_MASK) + 1);
    unsigned first = (unsigned)(next - pc);
    u8 bytes[16];
    if (!x86_fetch_page(c, ctx, next, &second))
        return 2;
    if (second)
        return memcmp(second->host, b->straddle + first, b->straddle_len - first) != 0;
    if (!x86_fetch_bytes(c, next, bytes, b->straddle_len - first))
        return 2;
    return memcmp(bytes, b->straddle + first, b->straddle_len - first) != 0;
}

i64 x86_h_straddle(X86_ARGS)
{
    struct x86_block *b = x86_block_of(i);
    u64 pc = vpage + x86_side_of(i)->offset; /* not b->offset: links may lead to a block that was forgotten */
    if (b->straddle_len <= PAGE_SIZE - (pc & PAGE_MASK)) /* the decoder gave up before it came to the second page */
        X86_CHAIN(i + 1, vpage);
    int changed = straddle_changed(c, ctx, b, pc);
    if (UNLIKELY(changed == 2))
        X86_TAIL x86_raise(X86_PASS);
    if (UNLIKELY(changed)) { /* forget it: the outer loop makes another */
        b->offset = UINT16_MAX;
        x86_jumps_flush(c->engine);
        return leave_at(c, x86_rip_of(c, pc), budget_before(i, budget));
    }
    X86_CHAIN(i + 1, vpage);
}

/* --- the outer loop --------------------------------------------------------------------------------------------------------- */

static i64 chain(struct x86 *c, struct x86_block *b, i64 budget, struct x86_ctx *ctx, u64 vpage)
{
    budget -= (i64)b->head.imm;
    const struct x86_insn *i = b->slot;
    struct x86_engine *e = c->engine;
    x86_handler *const enter = e->tier ? e->tier->enter : NULL;
    c->r[X86_R_PAGE] = vpage;
#if X86_TRAMPOLINE
    i64 left = (enter ? enter : (x86_handler *)i->fn)(c, i, budget, ctx, vpage);
    while (left == X86_CONTINUE)
        left = (enter ? enter : (x86_handler *)e->next.i->fn)(c, e->next.i, e->next.budget, ctx, e->next.vpage);
    return left;
#else
    return (UNLIKELY(enter != NULL) ? enter : (x86_handler *)i->fn)(c, i, budget, ctx, vpage);
#endif
}

/* The block at pc, found or built; NULL: a fault. */
static struct x86_block *block_at(struct x86 *c, struct x86_ctx *ctx, u64 pc, u64 rip, unsigned max)
{
    struct cpu_page *page;
    u8 key = (u8)ctx->gen;
    if (!x86_fetch_page(c, ctx, pc, &page))
        return NULL;
    if (UNLIKELY(!page || max))
        return x86_block_once(c, page, pc, key, max ? max : 1);
    struct x86_block *b = x86_block_find(page, pc & PAGE_MASK, key);
    if (!b)
        b = x86_block_build(c, page, pc, key);
    if (b && (key & X86_KEY_CHECKED) && !within_limit(c, b, rip))
        return x86_block_once(c, page, pc, key, 1);
    if (b) {
        *x86_jump_at(ctx, pc) = (struct x86_jump){ pc, ctx->gen & ~(u64)X86_KEY_CHECKED, b->slot };
        *x86_executed(ctx, pc) = ctx->gen >> 8;
    }
    return b;
}

/* One chain from rip on: at most max instructions when that is not 0. */
static i64 step(struct x86 *c, struct x86_ctx *ctx, i64 budget, unsigned max)
{
    struct x86_engine *e = c->engine;
    const u64 rip = c->rip, pc = x86_pc_of(c, rip);

    cpu_pages_room(&e->pages);
    struct x86_insn *want = e->want;
    e->want = NULL;
    const struct x86_jump *j = x86_jump_at(ctx, pc);
    struct x86_block *b;
    if (j->pc == pc && j->gen == ctx->gen && !max) { /* CS is flat: no limit */
        b = x86_block_of(j->start);
    } else {
        b = block_at(c, ctx, pc, rip, max);
        if (!b)
            return raise_at(c, budget);
    }
    if (b->page) {
        if (want && e->want_taken)
            want->fn = b->slot;
        else if (want)
            want->imm = (u64)(uintptr_t)b->slot;
        if ((i64)b->head.imm > budget)
            b = x86_block_part(c, b, (unsigned)budget);
    }
    return chain(c, b, budget, ctx, pc & ~PAGE_MASK);
}

/* What makes instructions go one by one: traps and breakpoints between them, and what lasts for one instruction. */
static bool one_by_one(const struct x86 *c)
{
    return c->shadow || (c->rflags & (X86_TF | X86_RF)) || x86_breakpoints(c);
}

/* The instruction that is next, as bytes (at most 15) and decoded; returns its length, and 0 or less when there is none. */
static int look_at(struct x86 *c, u8 bytes[15], struct x86_insn *d)
{
    u8 key = x86_mode_key(c);
    u64 n = cpu_peek(&c->cpu, x86_pc_of(c, c->rip), bytes, 15);
    return x86_decode(c->engine->decoder, key & X86_KEY_64 ? 64 : key & X86_KEY_32 ? 32 : 16, key & X86_KEY_LEGACY, bytes, n, d);
}

/* Single-step on branches (SDM 3, 17.4.3): where an instruction leads that is no branch, or none that is taken. */
struct onward {
    u64 rip, next;
    bool repeats;
};

static struct onward onward(struct x86 *c)
{
    u8 bytes[15];
    struct x86_insn d;
    int length = look_at(c, bytes, &d);
    return (struct onward){ c->rip, length > 0 ? c->rip + (u64)length : c->rip,
                            length > 0 && (c->engine->kind[d.op] & X86_KIND_REP) };
}

static bool branched(const struct x86 *c, const struct onward *o)
{
    return c->rip != o->next && !(o->repeats && c->rip == o->rip);
}

static i64 step_alone(struct x86 *c, i64 budget)
{
    struct x86_engine *e = c->engine;
    const u8 shadow = c->shadow;
    const bool rf = c->rflags & X86_RF;
    const u32 story = c->n_story;
    const u64 rip = c->rip;
    if (x86_breakpoints(c) && x86_code_breakpoint(c, x86_pc_of(c, rip)))
        return raise_at(c, budget);
    const bool branches = (c->rflags & X86_TF) && (c->debugctl & DEBUGCTL_BTF);
    const struct onward on = branches ? onward(c) : (struct onward){ 0 };
    c->db_pending |= c->rflags & X86_TF ? DR6_BS : 0;
    c->rflags &= ~(u64)X86_RF;
    e->alone = true;
    i64 left = step(c, x86_context(c), budget, 1);
    e->alone = false;
    if (branches && !branched(c, &on))
        c->db_pending &= ~(u32)DR6_BS;
    if (left == budget) { /* a stop point before it */
        c->rflags |= rf ? X86_RF : 0;
        c->db_pending &= ~(u32)DR6_BS;
        return left;
    }
    if (rf && c->rip == rip && c->n_story == story) /* a string instruction that has not come to its end */
        c->rflags |= X86_RF;
    if (c->shadow == shadow) /* it lasts for one instruction */
        c->shadow = 0;
    e->look = true;
    return left;
}

/* --- observed: one instruction at a time, everything told ---------------------------------------------------------------------- */

static enum cpu_flow flow_of(unsigned op)
{
    u32 flags = x86_rows[op].flags;
    switch (op) {
    case X86_OP_int3: case X86_OP_int_ib: case X86_OP_into: case X86_OP_int1: case X86_OP_syscall: case X86_OP_sysenter:
        return CPU_FLOW_TRAP;
    case X86_OP_iret: case X86_OP_sysret: case X86_OP_sysexit: case X86_OP_rsm: return CPU_FLOW_TRAP_RETURN;
    default: break;
    }
    if (flags & X_CALL)
        return CPU_FLOW_CALL;
    if (flags & X_RET)
        return CPU_FLOW_RETURN;
    if (flags & X_COND)
        return CPU_FLOW_BRANCH;
    return (flags & X_END) && !strcmp(x86_rows[op].mnemonic, "jmp") ? CPU_FLOW_JUMP : CPU_FLOW_NEXT;
}

static i64 observed_step(struct x86 *c, i64 budget)
{
    struct x86_engine *e = c->engine;
    struct cpu_retire o = { .pc = x86_pc_of(c, c->rip), .privilege = c->cpl, .op = X86_OP_COUNT, .length = 1 };
    u64 before[16];
    struct x86_insn d;

    memcpy(before, c->r, sizeof before);
    int length = look_at(c, o.bytes, &d);
    if (length > 0) {
        o.length = (u8)length;
        o.op = d.op;
        o.flow = flow_of(d.op);
    }
    o.insn = (u32)load_le(o.bytes, 4);
    e->obs = &o;
    e->trapped = e->taken = false;
    i64 left = step_alone(c, budget);
    e->obs = NULL;
    if (left == budget) /* a stop before it */
        return left;
    o.trapped = e->trapped;
    o.next_pc = x86_pc_of(c, c->rip);
    o.taken = o.flow == CPU_FLOW_BRANCH && !o.trapped && o.next_pc != o.pc + o.length;
    const struct cpu_reg *regs = c->cpu.ops->regs(&c->cpu); /* the general registers come first, those that there are */
    for (unsigned k = 0; k < 16 && o.n_writes < ARRAY_LEN(o.write); k++)
        if (c->r[k] != before[k]) {
            o.write[o.n_writes].reg = &regs[k];
            o.write[o.n_writes++].value = c->r[k];
        }
    set_time(c, left);
    if (c->wait_left && o.next_pc == o.pc)
        return left; /* it is told when it has waited */
    u64 ticks = c->cpu.observer->retire(c->cpu.observer->opaque, &c->cpu, &o);
    /* More (or fewer) ticks than instructions. */
    e->end_retired -= ticks - 1;
    return left - (i64)(ticks - 1);
}

/* A halted CPU goes on when something wakes it. */
static bool awake(struct x86 *c)
{
    if (LIKELY(c->activity == X86_RUNNING))
        return true;
    if (!x86_wakes(c))
        return false;
    if (c->activity == X86_HALTED || c->activity == X86_MWAIT)
        c->activity = X86_RUNNING;
    return true;
}

enum cpu_stop x86_run(struct cpu *cpu, u64 max_ticks)
{
    struct x86 *c = x86_of(cpu);
    struct x86_engine *e = c->engine;
    i64 budget = (i64)(max_ticks < (u64)1 << 59 ? max_ticks : (u64)1 << 59);
    enum cpu_stop stop = CPU_BUDGET;

    e->end_now = cpu->clock->now + (u64)budget;
    e->end_retired = cpu->retired + (u64)budget;
    e->look = true;
    e->leave = e->watch_hit = false;
    e->want = NULL;
    e->running = true;
    fl_into(c, (u32)c->rflags);
    while (budget > 0) {
        if (UNLIKELY(e->stale)) {
            e->stale = false;
            cpu_pages_flush(&e->pages);
        }
        if (UNLIKELY(e->restop)) {
            e->restop = false;
            x86_blocks_restop(c);
        }
        bool crowded = false;
        if (UNLIKELY(e->look)) {
            e->look = false;
            set_time(c, budget);
            if (!awake(c)) {
                stop = CPU_IDLE;
                break;
            }
            unsigned taken = 0;
            while (taken < 8 && !cpu->clock->attention && x86_take_pending(c))
                taken++;
            crowded = taken == 8; /* an interrupt line that never falls: an instruction between them, so that time goes on */
            e->leave = false;
            if (UNLIKELY(c->activity != X86_RUNNING)) {
                stop = CPU_IDLE;
                break;
            }
            if (UNLIKELY(cpu->clock->attention)) {
                stop = CPU_ATTENTION;
                break;
            }
        }
        e->reason = X86_GO_ON;
        budget = cpu->observer ? observed_step(c, budget) : UNLIKELY(crowded || one_by_one(c)) ? step_alone(c, budget)
                                                                                     : step(c, x86_context(c), budget, 0);
        if (e->reason == X86_STOP) {
            stop = e->stop;
            break;
        }
        if (UNLIKELY(cpu->observer) && cpu->clock->attention) {
            stop = CPU_ATTENTION; /* the observer asked for it */
            break;
        }
    }
    e->running = false;
    set_time(c, budget);
    c->rflags = x86_flags(c);
    cpu->idle = c->activity != X86_RUNNING;
    return stop;
}

/* --- what others tell the engine ------------------------------------------------------------------------------------------------- */

void x86_look_again(struct x86 *c)
{
    struct x86_engine *e = c->engine;
    e->look = e->leave = true;
}

void x86_tier_install(struct x86 *c, struct x86_tier *t)
{
    c->engine->tier = t;
    cpu_pages_flush(&c->engine->pages);
}
