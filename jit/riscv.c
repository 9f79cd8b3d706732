/* The tier that compiles RISC-V blocks: the code of a run takes the place of the handler in its first slot. */
#include <string.h>

#include "base/buf.h"
#include "jit/check.h"
#include "jit/riscv.h"
#include "jit/tiers.h"

const void *jit_riscv_runs_at(const struct jit_riscv *j, const struct rv_insn *slot)
{
    uintptr_t p = (uintptr_t)slot->fn, start = (uintptr_t)j->code.write + (uintptr_t)j->code.shift;
    return p - start < j->code.size ? (const void *)p : NULL;
}

static const void *direct(void *opaque, u64 link, u64 *slot, u32 *count)
{
    struct jit_riscv *j = opaque;
    const struct rv_insn *to = *(const struct rv_insn *const *)(uintptr_t)link;
    *slot = 0;
    if (to == j->h->engine->nowhere)
        return NULL;
    *slot = (u64)(uintptr_t)to;
    *count = (u32)to[-1].n;
    j->counts.links += !j->look.only;
    if (j->first && to == j->block->slot)
        return code_here(&j->code) + j->code.shift;
    return jit_riscv_runs_at(j, to);
}

static void wait_for(void *opaque, u64 slot, u8 *at)
{
    struct jit_riscv *j = opaque;
    if (j->look.only)
        return;
    j->counts.links_open++;
    jit_wait(&j->wait, slot, at);
}

struct emitted jit_riscv_emit(struct jit_riscv *j, struct rv_block *b)
{
    j->block = b;
    ir_optimize(&j->ir);
    size_t used = j->code.used;
    struct emitted code = emit_run(&j->emitter, &j->code, &j->env, &j->ir, &j->ra);
    if (!code.start) {
        if (code_room(&j->code) < (1u << 20)) /* the outer loop empties everything */
            j->full = j->h->engine->stale = j->h->engine->leave = true;
        else
            j->count.refused++;
    } else {
        jit_riscv_made(j, code, j->code.used - used);
    }
    return code;
}

/* The block's first run begins with a counter. */
static struct jit_unit *unit_of(struct jit_riscv *j, struct rv_block *b)
{
    if (!j->region_threshold || j->n_units == CODE_COUNTERS)
        return NULL;
    struct jit_unit *u = &j->unit[j->n_units];
    *u = (struct jit_unit){ .block = b, .heat = &j->code.counter[j->n_units] };
    *u->heat = j->region_threshold;
    b->unit = ++j->n_units;
    ir_add(&j->ir, (struct ir_insn){ .op = IR_HEAT, .size = 4, .exit = ir_exit_to(&j->ir, (u64)(uintptr_t)b->slot,
        (u64)(uintptr_t)jit_riscv_warm), .imm = (u64)(uintptr_t)u->heat });
    return u;
}

/* The code of one run takes the place of slot `at`. False: no room. */
static bool compile_run(struct jit_riscv *j, struct rv_block *b, unsigned at, struct jit_unit *u)
{
    struct emitted code = jit_riscv_emit(j, b);
    if (!code.start)
        return false;
    b->slot[at].fn = (rv_handler *)(uintptr_t)code.start;
    if (u) {
        u->start = code.start;
        u->body = code.body;
    }
    if (!at)
        j->counts.patched += jit_arrived(&j->wait, &j->code, j->emitter.kind, (u64)(uintptr_t)b->slot, code.start);
    return true;
}

/* Does the block go on at slot k, with enough to be worth it? */
bool jit_riscv_goes_on(const struct rv_block *b, unsigned k)
{
    return k + 2 < b->slots && b->slot[k].fn && b->slot[k + 1].fn && b->slot[k].fn != rv_h_next;
}

static void hot(struct rv_tier *t, struct rv_block *b, u64 vpage)
{
    struct jit_riscv *j = (struct jit_riscv *)t;
    if (j->full)
        return;
    if (!b->page || b->straddle) {
        j->count.refused++;
        return;
    }
    j->look.vpage = vpage;
    j->first = true;
    for (unsigned k = 1, at = 0; k == 1 || jit_riscv_goes_on(b, k); at = k) {
        if (at && b->side[k].op == RV_OP_COUNT) { /* pseudo slots keep their handlers: rv_block_part() copies them */
            k++;
            continue;
        }
        ir_start(&j->ir);
        struct jit_unit *u = at ? NULL : unit_of(j, b);
        k = jit_riscv_translate(j, b, k);
        if (!compile_run(j, b, at, u))
            return;
        j->first = false;
    }
    j->count.blocks++;
}

static void flushed(struct rv_tier *t)
{
    struct jit_riscv *j = (struct jit_riscv *)t;
    code_flush(&j->code);
    jit_wait_none(&j->wait);
    j->full = j->tier.following = false;
    j->n_units = 0;
    j->count.flushes++;
}

static void describe(const struct rv_tier *t, struct buf *out)
{
    const struct jit_riscv *j = (const struct jit_riscv *)t;
#define U(v) (unsigned long long)(v)
    buf_printf(out, "JIT: blocks compiled %llu, left to the interpreter %llu, threshold %llu\n", U(j->count.blocks),
               U(j->count.refused), U(t->threshold));
    buf_printf(out, "JIT: regions %llu, of them loops %llu, from %llu traces, threshold %d\n", U(j->count.regions),
               U(j->count.loops), U(j->count.traces), j->region_threshold);
    buf_printf(out, "JIT: code cache %llu of %llu KiB used, emptied %llu times\n", U(j->code.used >> 10),
               U(j->code.size >> 10), U(j->count.flushes));
    jit_riscv_describe_counts(j, out);
    if (t->check)
        jit_check_describe(t->check, out);
#undef U
}

static u32 next_site(void *opaque) { return ((struct jit_riscv *)opaque)->next_site++; }

static const struct jit_env shapes = {
    .sites = offsetof(struct rv_ctx, site), .site_bits = RV_SITE_BITS, .tlb_sited = RV_TLB_SITED, .next_site = next_site,
    .slot_handler = offsetof(struct rv_insn, fn),
    .slot_count = (i32)offsetof(struct rv_insn, n) - (i32)sizeof(struct rv_insn),
    .tlb_bits = RV_TLB_BITS, .tlb_shift = 5, .tlb_read = offsetof(struct rv_ctx, tlb) + offsetof(struct rv_tlb, rtag),
    .tlb_write = offsetof(struct rv_ctx, tlb) + offsetof(struct rv_tlb, wtag),
    .tlb_addend = offsetof(struct rv_ctx, tlb) + offsetof(struct rv_tlb, addend),
    .tlb_phys = offsetof(struct rv_ctx, tlb) + offsetof(struct rv_tlb, pa), .page_shift = PAGE_SHIFT,
    .jump_bits = RV_JUMP_BITS, .jump_shift = 1, .jump_xor = 13, .link_other = 8, .jump_table = offsetof(struct rv_ctx, jump),
        .jump_entry = sizeof(struct rv_jump),
    .jump_pc = offsetof(struct rv_jump, pc), .jump_gen = offsetof(struct rv_jump, gen),
        .jump_slot = offsetof(struct rv_jump, start),
    .ctx_gen = offsetof(struct rv_ctx, gen),
};
_Static_assert(sizeof(struct rv_tlb) == 1 << 5, "a TLB entry's size is a power of two");

bool jit_riscv_install(struct arena *a, struct cpu *c, const struct emitter_kind *kind, const struct jit_options *o,
    struct err *e)
{
    struct hart *h = hart_of(c);
    struct jit_riscv *j = ARENA_NEW(a, struct jit_riscv);
    u64 size = o->cache_bytes < kind->reach ? o->cache_bytes : kind->reach;
    size = size < (u64)2 << 20 ? (u64)2 << 20 : size;
    if (!code_init(&j->code, a, (size_t)size, e))
        return false;
    j->h = h;
    j->env = shapes;
    j->env.jump_missed = (u64)(uintptr_t)rv_goto;
    j->env.jump_too_far = (u64)(uintptr_t)rv_leave_go_on;
    j->env.direct = direct;
    j->env.wait = wait_for;
    j->env.opaque = j;
    j->watch = o->watch;
    j->env.at_op = o->watch ? j->look.at_op : NULL;
    if (o->check)
        j->tier.check = jit_riscv_check_new(a, &j->code, &j->env);
    kind->init(&j->emitter);
    j->region_threshold = o->tier > 1 ? (i32)o->region_threshold : 0;
    j->unit = ARENA_ARRAY(a, struct jit_unit, CODE_COUNTERS);
    for (unsigned op = 0; op < RV_OP_COUNT; op++)
        j->table[op] = jit_riscv_meaning(op, h->config.xlen);
    j->tier = (struct rv_tier){ .hot = hot, .flushed = flushed, .describe = describe,
        .follow = jit_riscv_follow, .check = j->tier.check };
    j->tier.threshold = o->threshold ? o->threshold : 1;
    j->tier.enter = (rv_handler *)(uintptr_t)emit_enter(&j->emitter, &j->code, &j->env);
    rv_tier_install(h, &j->tier);
    return true;
}
