/* Regions: several blocks compiled as one run, from a hot block on along the way that execution took when it was
 * looked at. Where execution goes another way the run is left; where it came back to the first block, the run is a
 * loop, and guest registers stay in host registers over the way back.
 *
 * A region is made for the addresses it was seen at: it checks, once, that it runs in the page it was made for and that
 * the other pages it leads through are still where they were (a flush of the TLB, a change of the page tables or a store
 * into code would have ended the cache of jumps' entries). Nothing within a region can change that without leaving it. */
#include "jit/riscv_make.h"

#include <string.h>

enum { LATER = 256, NEVER = INT32_MAX };

/* --- following execution ---------------------------------------------------------------------------------------- */

i64 jit_riscv_warm(RV_ARGS)
{
    struct jit_riscv *j = (struct jit_riscv *)h->engine->tier;
    struct jit_unit *u = &j->unit[rv_block_of(i)->unit - 1];
    if (j->tier.following || j->full) {
        *u->heat = LATER;
        RV_CHAIN(i, vpage);
    }
    *u->heat = NEVER;
    j->trace.n = j->trace.insns = j->trace.calls = j->trace.round = 0;
    j->tier.following = true;
    j->count.traces++;
    j->trace.step[0] = (struct jit_step){ u->block, vpage };
    return rv_leave_go_on(RV_PASS);
}

/* The instruction that ends the block, or the pseudo slot that leads on. */
static const struct rv_insn *last_of(const struct rv_block *b)
{
    const struct rv_insn *i = &b->slot[b->slots - 2]; /* the last slot holds the links */
    unsigned op = b->slots > 2 ? b->side[b->slots - 3].op : RV_OP_COUNT;
    return op != RV_OP_COUNT && riscv_insns[op].cls == RV_CLASS_JUMPR ? i - 1 : i;
}

static const struct riscv_insn *insn_at(const struct rv_block *b, const struct rv_insn *i)
{
    unsigned op = b->side[i - b->slot].op;
    return op == RV_OP_COUNT ? NULL : &riscv_insns[op];
}

static bool is_link(unsigned r) { return r == 1 || r == 5; }
static bool is_call(const struct riscv_insn *n, const struct rv_insn *i)
{
    return n && (n->cls == RV_CLASS_JUMP || n->cls == RV_CLASS_JUMPR) && is_link(i->rd);
}
static bool is_return(const struct riscv_insn *n, const struct rv_insn *i)
{
    return n && n->cls == RV_CLASS_JUMPR && !is_link(i->rd) && is_link(i->rs1);
}

/* Can pc come directly after the block? */
static bool comes_next(struct hart *h, const struct jit_step *s, u64 pc)
{
    const struct rv_insn *i = last_of(s->block);
    const struct riscv_insn *n = insn_at(s->block, i);
    u64 after = rv_addr(h, s->vpage + s->block->side[s->block->slots - 1].offset);
    if (n && n->cls == RV_CLASS_JUMPR)
        return true;
    bool target = n && (n->cls == RV_CLASS_BRANCH || n->cls == RV_CLASS_JUMP) &&
        pc == rv_addr(h, s->vpage + (u64)(i64)i->imm);
    return target || ((!n || n->cls != RV_CLASS_JUMP) && pc == after);
}

/* A jump by a table or the like: where it goes next time nobody knows. */
static bool is_dispatch(const struct riscv_insn *n, const struct rv_insn *i)
{
    return n && n->cls == RV_CLASS_JUMPR && !is_call(n, i) && !is_return(n, i);
}

static void make_region(struct jit_riscv *j, const struct jit_step *first, unsigned n, bool loop);

static void end(struct jit_riscv *j, unsigned first, bool loop)
{
    j->tier.following = false;
    struct jit_step *s = &j->trace.step[first];
    unsigned n = j->trace.n - first;
    struct rv_block *head = j->trace.step[0].block;
    if (first) /* another block's loop lay on the way */
        *j->unit[head->unit - 1].heat = LATER;
    if (loop || n > 1)
        make_region(j, s, n, loop);
}

/* It goes no further. What was followed through dispatches is a loop if it came back to its first block late enough. */
static void stop(struct jit_riscv *j)
{
    bool loop = j->trace.round > j->trace.n / 2;
    if (loop)
        j->trace.n = j->trace.round;
    end(j, 0, loop);
}

static bool dispatches_since(const struct jit_riscv *j, unsigned k)
{
    for (; k < j->trace.n; k++) {
        const struct rv_block *b = j->trace.step[k].block;
        const struct rv_insn *last = last_of(b);
        if (is_dispatch(insn_at(b, last), last))
            return true;
    }
    return false;
}

void jit_riscv_follow(struct rv_tier *t, struct rv_block *b, u64 vpage)
{
    struct jit_riscv *j = (struct jit_riscv *)t;
    struct jit_step *step = j->trace.step;
    unsigned n = j->trace.n;
    if (!n) {
        if (b == step[0].block && vpage == step[0].vpage) {
            j->trace.n = 1;
            j->trace.insns = (unsigned)b->head.n;
        } else { /* an interrupt, or the time was up */
            *j->unit[step[0].block->unit - 1].heat = LATER;
            j->tier.following = false;
        }
        return;
    }
    u64 pc = b ? rv_addr(j->h, vpage + b->offset) : 0;
    if (!b || b->straddle || !b->unit || !comes_next(j->h, &step[n - 1], pc)) {
        stop(j);
        return;
    }
    for (unsigned k = n; k-- > 0;)
        if (step[k].block == b && step[k].vpage == vpage) {
            if (!dispatches_since(j, k)) {
                end(j, k, true);
                return;
            }
            if (!k)
                j->trace.round = n;
        }
    const struct rv_insn *last = last_of(step[n - 1].block);
    const struct riscv_insn *insn = insn_at(step[n - 1].block, last);
    if (is_return(insn, last)) {
        if (!j->trace.calls) { /* to whoever called: that differs */
            stop(j);
            return;
        }
        j->trace.calls--;
    } else if (is_call(insn, last)) {
        j->trace.calls++;
    }
    if (j->unit[b->unit - 1].loop || n == JIT_STEPS || j->trace.insns + b->head.n > JIT_REGION_INSNS) {
        stop(j);
        return;
    }
    step[n] = (struct jit_step){ b, vpage };
    j->trace.n++;
    j->trace.insns += (unsigned)b->head.n;
}

/* --- making the run --------------------------------------------------------------------------------------------- */

static bool has_floats(const struct jit_step *s, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        for (unsigned i = 0; i < s[k].block->slots; i++) {
            unsigned op = s[k].block->side[i].op;
            if (op != RV_OP_COUNT && (riscv_insns[op].flags & F_FP))
                return true;
        }
    return false;
}

/* A check at the entry: who fails runs the block's own code. */
static void unless(struct translation *tr, V c, u64 body)
{
    u16 exit = ir_exit_to(tr->ir, (u64)(uintptr_t)tr->region->block->slot, body);
    if (exit) /* the first asks for the base */
        tr->ir->exit[exit].base = tr->region->vpage;
    ir_add(tr->ir, (struct ir_insn){ .op = IR_EXIT_IF, .size = 8, .a = value(tr, op2(tr, IR_EQ, c, 0)), .exit = exit });
}

static void entry(struct translation *tr, unsigned n, u64 body)
{
    const struct jit_step *s = tr->region;
    struct hart *h = tr->j->h;
    V base = name(ir_add(tr->ir, (struct ir_insn){ .op = IR_BASE, .size = 8, .exit = IR_NONE }));
    unless(tr, op2(tr, IR_EQ, base, number(tr, s->vpage)), body);
    for (unsigned k = 1; k < n; k++) {
        unsigned seen = 0;
        while (s[seen].vpage != s[k].vpage)
            seen++;
        if (seen != k)
            continue;
        ir_val pc = ir_const(tr->ir, rv_addr(h, s[k].vpage + s[k].block->offset));
        u16 exit = ir_exit_to(tr->ir, (u64)(uintptr_t)s->block->slot, body);
        tr->ir->exit[exit].base = s->vpage;
        ir_add(tr->ir, (struct ir_insn){ .op = IR_LEADS, .size = 8, .a = pc, .exit = exit,
            .imm = (u64)(uintptr_t)s[k].block->slot });
    }
    if (!tr->fp_known)
        return;
    V status = get_state(tr, offsetof(struct hart, mstatus), 8), dirty = number(tr, MSTATUS_FS);
    unless(tr, op2(tr, IR_EQ, op2(tr, IR_AND, status, dirty), dirty), body);
    unless(tr, op2(tr, IR_AND, get_state(tr, offsetof(struct hart, fflags), 1), SF_INEXACT), body);
    unless(tr, op2(tr, IR_EQ, get_state(tr, offsetof(struct hart, frm), 1), (V)h->frm), body);
}

static bool puts_overlap(const struct ir *ir, size_t offset, size_t size)
{
    for (u32 k = 0; k < ir->n; k++)
        if (ir->insn[k].op == IR_PUT && ir->insn[k].imm < offset + size && offset < ir->insn[k].imm + 8)
            return true;
    return false;
}

/* Makes operations of the steps. Returns how many were taken in. */
static unsigned translate_region(struct jit_riscv *j, const struct jit_step *s, unsigned n, bool loop, bool fp_known)
{
    struct translation tr = { .j = j, .ir = &j->ir, .region = s, .fp_known = fp_known };
    u64 body = (u64)(uintptr_t)j->unit[s->block->unit - 1].body;
    ir_start(&j->ir);
    j->look.n = 0;
    j->ir.sites = j->ir.based = true;
    entry(&tr, n, body);
    if (loop)
        ir_add(&j->ir, (struct ir_insn){ .op = IR_MARK, .exit = IR_NONE });
    for (unsigned k = 0; k < n; k++) {
        tr.vpage = s[k].vpage;
        tr.next = k + 1 < n ? &s[k + 1] : loop ? s : NULL;
        jit_riscv_slots(&tr, s[k].block, 1);
        if (tr.left)
            return k + 1;
        if (!tr.next)
            continue;
        tr.vpage = tr.next->vpage;
        ir_add(&j->ir, (struct ir_insn){ .op = IR_PASS, .size = 8, .imm = tr.next->block->head.n,
            .exit = exit_at(&tr, tr.next->block->slot, rv_leave_go_on) });
    }
    if (loop)
        ir_add(&j->ir, (struct ir_insn){ .op = IR_LOOP, .size = 8, .exit = ir_exit_to(&j->ir, 0, 0) });
    return n;
}

static void make_region(struct jit_riscv *j, const struct jit_step *s, unsigned n, bool loop)
{
    struct hart *h = j->h;
    struct jit_unit *u = &j->unit[s->block->unit - 1];
    bool fp_known = has_floats(s, n) && (h->mstatus & MSTATUS_FS) == MSTATUS_FS && (h->fflags & SF_INEXACT);
    unsigned got = translate_region(j, s, n, loop, fp_known);
    if (fp_known && (puts_overlap(&j->ir, offsetof(struct hart, mstatus), 8) ||
                     puts_overlap(&j->ir, offsetof(struct hart, fflags), 1) ||
                     puts_overlap(&j->ir, offsetof(struct hart, frm), 1)))
        got = translate_region(j, s, n, loop, false);
    if (got < n) { /* something on the way is the interpreter's */
        if (got < 2)
            return;
        loop = false;
        /* Checks for pages behind it are harmless, a mark without a way back is not. */
        for (u32 k = 0; k < j->ir.n; k++)
            if (j->ir.insn[k].op == IR_MARK)
                j->ir.insn[k].op = IR_NOP;
    }
    j->first = true;
    struct emitted code = jit_riscv_emit(j, s->block);
    j->first = false;
    if (!code.start)
        return;
    emit_redirect(j->emitter.kind, &j->code, u->start, code.start);
    s->block->slot[0].fn = (rv_handler *)(uintptr_t)code.start;
    u->region = true;
    u->loop = loop && !j->trace.round;
    j->count.regions++;
    j->count.loops += loop;
}
