/* Executes emitted runs and says whether they did what their evaluation does: state, memory, the way out, time. For
 * tests/jit/emit and the fuzzers; the host has an emitter. */
#ifndef TESTS_JIT_RUN_IR_H
#define TESTS_JIT_RUN_IR_H

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "jit/emit.h"
#include "tests/jit/random_ir.h"

enum { IR_RIG_BUDGET = 1000, IR_RIG_BASE = 0x5000, IR_RIG_PAGE = 4096 };

struct ir_slot {
    i64 (*handler)(void *state, void *slot, i64 budget, void *ctx, u64 base);
    u64 count;
};

struct ir_ctx {
    struct {
        u64 read, write, addend, phys;
    } tlb[4];
    struct {
        u64 pc, gen;
        struct ir_slot *slot;
    } jump[16];
    u64 gen;
    struct {
        u64 page, host;
    } site[4];
};

struct ir_state { /* what runs are given as their state */
    u8 bytes[REGS * 8];
    unsigned times;
    enum { TO_EXIT, TO_LINK, MISSED } how;
    u64 slot, target, base;
    i64 budget;
};

struct ir_rig {
    struct arena *a;
    struct code code;
    const struct emitter_kind *kind;
    struct emitter em;
    struct jit_env env;
    struct ir_ctx ctx;
    bool links_known; /* for the next run */
    u32 next_site;
    struct ir_slot entry[2], link[4], *links[2];
    i64 (*enter)(void *state, void *slot, i64 budget, void *ctx, u64 base);
    struct ra ra;
    struct ir_end end;
    struct ir_state state;
    bool sited; /* the last run filled a site */
};

static inline i64 ir_to_exit(void *state, void *slot, i64 budget, void *ctx, u64 base)
{
    struct ir_state *s = state;
    s->times++;
    s->how = TO_EXIT;
    s->slot = (u64)(uintptr_t)slot;
    s->budget = budget;
    s->base = base;
    return budget;
}

static inline i64 ir_to_link(void *state, void *slot, i64 budget, void *ctx, u64 base)
{
    ir_to_exit(state, slot, budget, ctx, base);
    ((struct ir_state *)state)->how = TO_LINK;
    return budget;
}

static inline i64 ir_missed(void *state, i64 budget, void *ctx, u64 target)
{
    struct ir_state *s = state;
    ir_to_exit(state, NULL, budget, ctx, IR_RIG_BASE);
    s->target = target;
    s->how = MISSED;
    return budget;
}

static inline const void *ir_direct(void *opaque, u64 link, u64 *slot, u32 *count)
{
    const struct ir_rig *r = opaque;
    struct ir_slot *to = *(struct ir_slot **)(uintptr_t)link;
    *slot = r->links_known ? (u64)(uintptr_t)to : 0;
    *count = (u32)to[-1].count;
    return NULL;
}

static inline u32 ir_next_site(void *opaque) { return ((struct ir_rig *)opaque)->next_site++; }
static inline void ir_waits(void *opaque, u64 slot, u8 *at) {}

static inline u8 *ir_tlb_locate(void *opaque, u64 addr, unsigned size, bool write)
{
    struct world *w = opaque;
    if ((addr & ~(u64)(IR_RIG_PAGE - 1)) || addr + size > IR_RIG_PAGE)
        return NULL;
    return (u8 *)((uintptr_t)w->memory + (addr - FIRST)); /* PHYS asks elsewhere too */
}

static inline struct ir_rig *ir_rig_new(void)
{
    struct err e;
    struct ir_rig *r = xcalloc(1, sizeof *r);
    r->a = arena_new();
    if (!code_init(&r->code, r->a, 1 << 20, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(99);
    }
    r->kind = emitter_host();
    r->kind->init(&r->em);
    memset(&r->ctx, 0xff, sizeof r->ctx);
    r->ctx.gen = 1;
    for (unsigned k = 0; k < ARRAY_LEN(r->ctx.jump); k++) { /* what a LEADS of random_ir.h asks for */
        u64 pc = 0x7654320 + 2 * k, at = (pc >> 1 ^ pc >> 13) & 15;
        r->ctx.jump[at].pc = pc;
        r->ctx.jump[at].gen = 1;
        r->ctx.jump[at].slot = (struct ir_slot *)7;
    }
    r->env = (struct jit_env){
        .slot_handler = 0, .slot_count = 8 - (i32)sizeof(struct ir_slot), .tlb_bits = 2, .tlb_shift = 5, .tlb_read = 0,
        .tlb_write = 8, .tlb_addend = 16, .tlb_phys = 24, .page_shift = 12, .jump_bits = 4, .jump_shift = 1, .jump_xor = 13, .link_other = 8,
        .jump_table = offsetof(struct ir_ctx, jump), .jump_entry = 24, .jump_pc = 0, .jump_gen = 8, .jump_slot = 16,
        .ctx_gen = offsetof(struct ir_ctx, gen), .jump_missed = (u64)(uintptr_t)ir_missed,
        .jump_too_far = (u64)(uintptr_t)ir_to_exit, .sites = offsetof(struct ir_ctx, site), .site_bits = 2,
        .tlb_sited = 1, .next_site = ir_next_site, .direct = ir_direct, .wait = ir_waits, .opaque = r,
    };
    r->link[0].count = 5;
    r->link[1].handler = r->link[3].handler = ir_to_link;
    r->link[2].count = 6;
    r->links[0] = &r->link[1];
    r->links[1] = &r->link[3];
    const void *enter = emit_enter(&r->em, &r->code, &r->env);
    memcpy(&r->enter, &enter, sizeof enter);
    return r;
}

static inline void ir_rig_free(struct ir_rig *r)
{
    arena_free(r->a);
    free(r);
}

/* Exits and links of a random run lead to the rig. */
static inline void ir_rig_prepare(struct ir_rig *r, struct ir *ir)
{
    for (u32 k = 0; k < ir->n_exits; k++)
        ir->exit[k].handler = (u64)(uintptr_t)ir_to_exit;
    for (u32 k = 0; k < ir->n; k++)
        if (ir->insn[k].op == IR_CHAIN_IF)
            ir->insn[k].imm = (u64)(uintptr_t)r->links;
}

static inline bool ir_rig_same_way(const struct ir_rig *r, const struct ir *ir, i64 budget)
{
    const struct ir_state *s = &r->state;
    unsigned op = ir->insn[r->end.at].op, which = r->end.taken ? 0 : 1;
    if (s->times != 1 || s->base != IR_RIG_BASE)
        return false;
    if (op == IR_JUMP || op == IR_JUMP_IF)
        return s->how == MISSED && s->target == r->end.target && s->budget == budget;
    if (r->end.exit != IR_NONE)
        return s->how == TO_EXIT && s->slot == ir->exit[r->end.exit].slot && s->budget == budget;
    return s->how == TO_LINK && s->slot == (u64)(uintptr_t)&r->link[2 * which + 1] &&
        s->budget == budget - 5 - (i64)which;
}

static inline void ir_rig_explain(const struct ir_rig *r, const struct ir *ir, const struct world *expected, i64 budget)
{
    for (unsigned k = 0; k < REGS; k++)
        if (memcmp(expected->state + 8 * k, r->state.bytes + 8 * k, 8))
            fprintf(stderr, "state 0x%x: %llx, emitted %llx\n", 8 * k,
                (unsigned long long)load_le(expected->state + 8 * k, 8),
                (unsigned long long)load_le(r->state.bytes + 8 * k, 8));
    if (!ir_rig_same_way(r, ir, budget))
        fprintf(stderr, "ended at %u, exit %u, target %llx; budget %lld; emitted: %u times, how %d, slot %llx, "
            "target %llx, budget %lld\n", r->end.at, r->end.exit, (unsigned long long)r->end.target,
            (long long)budget, r->state.times, (int)r->state.how, (unsigned long long)r->state.slot,
            (unsigned long long)r->state.target, (long long)r->state.budget);
}

/* Does the run, emitted, what it means? */
static inline bool ir_rig_run(struct ir_rig *r, struct ir *ir, const struct world *from)
{
    const u64 unset = 0x5555555555555555;
    struct world w1 = *from, w2 = *from;
    struct ir_machine m = { w1.state, IR_RIG_BASE, &w1, ir_tlb_locate, world_phys, world_leads, IR_RIG_BUDGET };
    ir_eval(ir, &m, &r->end);
    code_flush(&r->code);
    const void *run = emit_run(&r->em, &r->code, &r->env, ir, &r->ra).start;
    if (!run)
        return false;
    for (unsigned k = 0; k < ARRAY_LEN(r->ctx.site); k++)
        r->ctx.site[k].page = r->ctx.site[k].host = unset;
    r->ctx.tlb[0].phys = PHYSICAL;
    r->ctx.tlb[0].read = r->ctx.tlb[0].write = 0;
    r->ctx.tlb[0].addend = (u64)(uintptr_t)w2.memory - FIRST;
    memcpy(&r->entry[1].handler, &run, sizeof run);
    memset(&r->state, 0, sizeof r->state);
    memcpy(r->state.bytes, w2.state, sizeof w2.state);
    r->enter(&r->state, &r->entry[1], IR_RIG_BUDGET, &r->ctx, IR_RIG_BASE);
    r->sited = false;
    for (unsigned k = 0; k < ARRAY_LEN(r->ctx.site); k++)
        r->sited |= r->ctx.site[k].page != unset;
    bool said = r->ctx.tlb[0].phys & r->env.tlb_sited; /* that there is a site filled from it */
    if (!memcmp(w1.state, r->state.bytes, sizeof w1.state) && !memcmp(w1.memory, w2.memory, sizeof w1.memory) &&
        ir_rig_same_way(r, ir, m.budget) && said == r->sited)
        return true;
    ir_rig_explain(r, ir, &w1, m.budget);
    return false;
}

#endif
