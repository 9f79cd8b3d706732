/* Looking at compiled RISC-V code, and counting it. */
#include "jit/riscv_make.h"
#include "jit/tiers.h"

#include <string.h>

void jit_riscv_at(struct translation *tr, const struct rv_block *b, unsigned k)
{
    struct jit_riscv *j = tr->j;
    unsigned offset = b->side[k].offset;
    u64 pc = rv_addr(j->h, (tr->region ? tr->vpage : j->look.vpage) + offset);
    j->look.tier = tr->region ? 2 : 1;
    if ((j->look.n && j->look.insn[j->look.n - 1].pc == pc) || j->look.n == JIT_VIEW_INSNS)
        return;
    struct jit_insn *i = &j->look.insn[j->look.n];
    *i = (struct jit_insn){ .pc = pc, .length = (u8)rv_insn_length((u32)load_le(b->host + offset, 2)) };
    memcpy(i->bytes, b->host + offset, i->length);
    j->ir.at = (u16)j->look.n++;
}

static const char *place(const struct cpu *c, u64 offset)
{
    const struct hart *h = (const struct hart *)c;
    const struct cpu_reg *r = NULL;
    u64 x = offset - offsetof(struct hart, x), f = offset - offsetof(struct hart, f);
    if (x < sizeof h->x - 8)
        r = rv_reg(h, OBS_X, (unsigned)x / 8);
    else if (f < sizeof h->f)
        r = rv_reg(h, OBS_F, (unsigned)f / 8);
    return r ? r->name : offset == offsetof(struct hart, mstatus) ? "mstatus" :
        offset == offsetof(struct hart, frm) ? "frm" : offset == offsetof(struct hart, fflags) ? "fflags" : NULL;
}

static void tell(struct jit_riscv *j, const struct jit_watch *watch, const void *code, bool region)
{
    struct jit_view u = { .cpu = &j->h->cpu, .tier = j->look.tier, .insn = j->look.insn, .n_insns = j->look.n,
        .ir = &j->ir, .at_op = j->look.at_op, .host = code, .runs_at = (u64)(uintptr_t)code, .place = place,
        .again = j->look.only, .region = region };
    for (; watch; watch = watch->next)
        watch->made(watch->opaque, &u);
}

void jit_riscv_made(struct jit_riscv *j, struct emitted code, u64 bytes)
{
    jit_count_unit(&j->counts, j->look.tier, j->look.n, &j->ir, bytes);
    tell(j, j->watch, code.start, false);
}

void jit_riscv_describe_counts(const struct jit_riscv *j, struct buf *out)
{
    const struct jit_call_name *const lists[] = { jit_riscv_int_calls, jit_riscv_fp_calls, NULL };
    jit_counts_print(&j->counts, lists, out);
}

/* --- the same once more, into room that stays free -------------------------------------------------------------- */

static bool look_at_block(struct jit_riscv *j, struct rv_block *b, u64 pc, const struct jit_watch *w)
{
    bool found = false;
    const struct jit_unit *unit = b->unit ? &j->unit[b->unit - 1] : NULL;
    j->block = b;
    j->first = false;
    for (unsigned k = 1, at = 0; k == 1 || jit_riscv_goes_on(b, k); at = k) {
        if (at && b->side[k].op == RV_OP_COUNT) {
            k++;
            continue;
        }
        ir_start(&j->ir);
        if (!at && unit)
            ir_add(&j->ir, (struct ir_insn){ .op = IR_HEAT, .size = 4, .exit = ir_exit_to(&j->ir,
                (u64)(uintptr_t)b->slot, (u64)(uintptr_t)jit_riscv_warm), .imm = (u64)(uintptr_t)unit->heat });
        k = jit_riscv_translate(j, b, k);
        ir_optimize(&j->ir);
        size_t used = j->code.used;
        struct emitted code = emit_run(&j->emitter, &j->code, &j->env, &j->ir, &j->ra);
        j->code.used = used;
        if (!code.start)
            break;
        const struct jit_view u = { .insn = j->look.insn, .n_insns = j->look.n };
        if (jit_view_has(&u, pc, pc + 1)) {
            found = true;
            tell(j, w, code.start, !at && unit && unit->region);
        }
    }
    return found;
}

bool jit_riscv_look(struct cpu *c, u64 pc, const struct jit_watch *w, struct err *e)
{
    struct riscv_engine *engine = hart_of(c)->engine;
    struct jit_riscv *j = (struct jit_riscv *)engine->tier;
    if (!j)
        return err_set(e, "%s: nothing is compiled; run without -accel interp", c->name);
    pc = rv_addr(j->h, pc);
    struct cpu_walk walk = { 0 };
    c->ops->walk(c, pc, CPU_EXEC, &walk);
    const struct region *r = walk.ok ? space_find(c->mem, walk.pa) : NULL;
    if (!r || !r->ram)
        return err_set(e, "%s: there is no code at 0x%llx", c->name, (unsigned long long)pc);
    u64 index = (walk.pa - r->base + r->ram_offset) >> PAGE_SHIFT;
    bool found = false;
    u32 *at_op = j->env.at_op;
    j->env.at_op = j->look.at_op;
    j->look.only = true;
    j->look.vpage = pc & ~PAGE_MASK;
    for (unsigned k = 0; k < CPU_PAGE_HASH; k++)
        for (struct cpu_page *p = engine->pages.page[k]; p; p = p->next)
            for (unsigned n = 0; p->ram == r->ram && p->index == index && n < CPU_PAGE_BUCKETS; n++)
                for (struct rv_block *b = p->bucket[n]; b; b = b->next)
                    if (!b->straddle && jit_riscv_runs_at(j, b->slot))
                        found |= look_at_block(j, b, pc, w);
    j->look.only = false;
    j->env.at_op = at_op;
    return found || err_set(e, "%s: no compiled block holds 0x%llx", c->name, (unsigned long long)pc);
}
