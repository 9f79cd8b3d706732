/* Handlers of jumps, calls and returns within a segment. The fast ways know where they go before they change anything: a
 * block that is linked or known can be entered, so no check is left. The slow ways do what the manual says, in order. */
#include "cpu/x86/alu.h"
#include "cpu/x86/fast.h"
#include "cpu/x86/regs.h"

X86_COLD const struct x86_insn *x86_new_way(const struct x86_insn *i, struct x86_ctx *ctx, u64 pc)
{
    struct x86_ways *w = (struct x86_ways *)(uintptr_t)(i + 1);
    if (!x86_known(ctx, pc))
        return NULL;
    const struct x86_insn *start = x86_jump_at(ctx, pc)->start;
    if (w->gen != ctx->gen) {
        memset(w, 0, sizeof *w);
        for (unsigned k = 0; k < X86_WAYS; k++)
            w->way[k].pc = pc; /* the first answers */
        w->gen = ctx->gen;
    }
    if (w->n < X86_WAYS) {
        w->way[w->n].pc = pc;
        w->way[w->n++].start = start;
    }
    return start;
}

/* Slot i is done and goes on at rip, which was checked. */
static i64 done_at(X86_ARGS, u64 rip)
{
    c->next_rip = rip;
    return x86_finish_jump(X86_PASS);
}

X86_COLD static i64 jump_slow(X86_ARGS, u64 rip)
{
    x86_at(X86_PASS);
    if (!x86_near_ok(c, rip))
        return x86_raise(X86_PASS);
    return done_at(X86_PASS, rip);
}

/* A call. Processors store the return address before they see that the target is beyond the limit or not canonical, though
 * the stack pointer stays (measured; SDM 2A, CALL has it the other way round). */
static bool push_link(X86_ARGS, u64 rip, unsigned size)
{
    const u64 sp = (c->r[X86_SP] - size) & size_mask(c->stack_size);
    x86_at(X86_PASS);
    if (!x86_slow_store(X86_PASS, X86_SS, sp, size, c->next_rip & size_mask(size)) || !x86_near_ok(c, rip))
        return false;
    x86_set_sp(c, sp);
    return true;
}
X86_COLD static i64 call_slow(X86_ARGS, u64 rip, unsigned size)
{
    if (!push_link(X86_PASS, rip, size))
        return x86_raise(X86_PASS);
    return done_at(X86_PASS, rip);
}

/* Where a direct call goes: imm counts from the start of the page. */
static inline u64 call_target(const struct x86 *c, const struct x86_insn *i, u64 vpage, unsigned size)
{
    u64 rip = vpage + i->imm - (c->code_bits == 64 ? 0 : c->seg[X86_CS].base);
    return (c->code_bits == 64 ? rip : (u32)rip) & size_mask(size);
}

/* The same with a block that is linked, or that can be. */
X86_COLD static i64 call_rel_slow(X86_ARGS, unsigned size)
{
    struct x86_engine *e = c->engine;
    u64 rip = call_target(c, i, vpage, size);
    if (!push_link(X86_PASS, rip, size))
        return x86_raise(X86_PASS);
    if (e->leave || e->watch_hit || c->cpu.clock->attention)
        return done_at(X86_PASS, rip);
    budget -= x86_block_n(i[1].fn);
    return x86_taken_slow(X86_PASS);
}

/* No link leads to another page. If the block there is known, its address has been executed at and needs no check. */
static i64 call_other_page(X86_ARGS)
{
    const u64 target = vpage + i->imm, sp = c->r[X86_SP] - 8;
    const struct x86_tlb *const t = x86_tlb_at(ctx, sp);
    if (UNLIKELY(c->code_bits != 64 || i[1].fn != c->engine->nowhere || c->engine->alone || t->wtag != x86_tlb_tag(sp, 8) ||
                 !x86_known(ctx, target)))
        return call_rel_slow(X86_PASS, 8);
    store_le((void *)(uintptr_t)(sp + t->addend), 8, vpage + x86_side_of(i)->offset + i->length);
    c->r[X86_SP] = sp;
    X86_ENTER(target);
}

/* SDM 2B, RET: the target is checked with the stack pointer as it was. */
X86_COLD static i64 ret_slow(X86_ARGS, unsigned size)
{
    const u64 sp = c->r[X86_SP] & size_mask(c->stack_size);
    if (!x86_slow_load(X86_PASS, X86_SS, sp, size))
        return x86_raise(X86_PASS);
    u64 rip = c->engine->value;
    x86_at(X86_PASS);
    if (!x86_near_ok(c, rip))
        return x86_raise(X86_PASS);
    x86_set_sp(c, sp + size + (u16)i->imm);
    return done_at(X86_PASS, rip);
}

/* LOOP: the counter stays when the target is beyond the limit. */
X86_COLD static i64 loop_raise(X86_ARGS, unsigned size)
{
    x86_at(X86_PASS);
    x86_near_ok(c, call_target(c, i, vpage, size));
    return x86_raise(X86_PASS);
}

/* rCX by address size. */
#define COUNTER (c->r[X86_CX] & size_mask(x86_asize(i)))
#define COUNT_DOWN(n) (((n) - 1) & size_mask(x86_asize(i)))
#define IS_ZERO(n) ((V)!(n))
#define NOT_ZERO(n) ((V)!!(n))
#define LOOP(taken, n)                                                                          \
    if (!IS_FLAT(FORM) && (taken) && UNLIKELY(call_target(c, i, vpage, WBYTES) > c->seg[X86_CS].limit)) \
        return loop_raise(X86_PASS, WBYTES);                                                    \
    x86_set(c, X86_CX, x86_asize(i), n);                                                        \
    BRANCH(taken)

/* Words of sem_jump.def. Each exists for the fast and the slow forms of interp.h. */
#define CALL(l) CALL_AS(FORM, l)
#define CALL_TO(t, l) CALL_TO_AS(FORM, t, l)
#define JUMP_TO(t) JUMP_TO_AS(FORM, t)
#define RETURN(n) RETURN_AS(FORM, n)

#define WAY(target, slow_way)                                                                   \
    const struct x86_insn *start = x86_way(i, ctx, target);                                     \
    if (UNLIKELY(!start)) {                                                                     \
        start = x86_new_way(i, ctx, target);                                                    \
        if (!start)                                                                             \
            return slow_way;                                                                    \
    }
#define IS_FLAT(form) ((form) == FORM_R || (form) == FORM_M)
#define CALL_AS(form, l)                                                                        \
    if (!IS_FLAT(form))                                                                         \
        return call_rel_slow(X86_PASS, WBYTES);                                                 \
    if (UNLIKELY(budget < x86_block_n(i[1].fn))) {                                              \
        if (WBYTES == 8)                                                                        \
            X86_TAIL call_other_page(X86_PASS);                                                 \
        return call_rel_slow(X86_PASS, WBYTES);                                                 \
    }                                                                                           \
    const u64 sp = (c->r[X86_SP] - WBYTES) & ctx->ea_mask;                                      \
    const struct x86_tlb *const t = x86_tlb_at(ctx, sp);                                        \
    if (UNLIKELY(t->wtag != x86_tlb_tag(sp, WBYTES)))                                           \
        return call_rel_slow(X86_PASS, WBYTES);                                                 \
    const WT link = (WT)(l);                                                                    \
    memcpy((void *)(uintptr_t)(sp + t->addend), &link, WBYTES);                                 \
    c->r[X86_SP] = sp;                                                                          \
    X86_BRANCH_TAKEN
#define CALL_TO_AS(form, target, l)                                                             \
    if (!IS_FLAT(form))                                                                         \
        return call_slow(X86_PASS, target, WBYTES);                                             \
    WAY(target, call_slow(X86_PASS, target, WBYTES));                                           \
    const u64 sp = (c->r[X86_SP] - WBYTES) & ctx->ea_mask;                                      \
    const struct x86_tlb *const sp_tlb = x86_tlb_at(ctx, sp);                                   \
    if (UNLIKELY(sp_tlb->wtag != x86_tlb_tag(sp, WBYTES)))                                      \
        return call_slow(X86_PASS, target, WBYTES);                                             \
    const WT link = (WT)(l);                                                                    \
    memcpy((void *)(uintptr_t)(sp + sp_tlb->addend), &link, WBYTES);                            \
    c->r[X86_SP] = sp;                                                                          \
    X86_ENTER_AT(start, target)
#define JUMP_TO_AS(form, target)                                                                \
    if (!IS_FLAT(form))                                                                         \
        return jump_slow(X86_PASS, target);                                                     \
    WAY(target, jump_slow(X86_PASS, target));                                                   \
    X86_ENTER_AT(start, target)
#define RETURN_AS(form, n)                                                                      \
    if (!IS_FLAT(form))                                                                         \
        return ret_slow(X86_PASS, WBYTES);                                                      \
    const u64 sp = c->r[X86_SP] & ctx->ea_mask;                                                 \
    const struct x86_tlb *const t = x86_tlb_at(ctx, sp);                                        \
    if (UNLIKELY(t->rtag != x86_tlb_tag(sp, WBYTES)))                                           \
        return ret_slow(X86_PASS, WBYTES);                                                      \
    WT target;                                                                                  \
    memcpy(&target, (void *)(uintptr_t)(sp + t->addend), WBYTES);                               \
    WAY(target, ret_slow(X86_PASS, WBYTES));                                                    \
    c->r[X86_SP] = (sp + WBYTES + (n)) & ctx->ea_mask;                                          \
    X86_ENTER_AT(start, target)

#define TEXTS "cpu/x86/sem_jump.def"
#include "cpu/x86/readings.h"
