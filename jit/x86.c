/* The tier that compiles x86 blocks: the code of a run takes the place of the handler in its first slot. */
#include "jit/check.h"
#include "jit/tiers.h"
#include "jit/x86.h"

#include <string.h>

#include "base/buf.h"

static const void *runs_at(const struct jit_x86 *j, const struct x86_insn *slot)
{
    uintptr_t p = (uintptr_t)slot->fn, start = (uintptr_t)j->code.write + (uintptr_t)j->code.shift;
    return p - start < j->code.size ? (const void *)p : NULL;
}

static const void *direct(void *opaque, u64 link, u64 *slot, u32 *count)
{
    struct jit_x86 *j = opaque;
    const struct x86_insn *to = *(const struct x86_insn *const *)(uintptr_t)link;
    *slot = 0;
    if (to == j->c->engine->nowhere)
        return NULL;
    *slot = (u64)(uintptr_t)to;
    *count = (u32)x86_block_n(to);
    j->counts.links++;
    if (j->first && to == j->block->slot)
        return code_here(&j->code) + j->code.shift;
    return runs_at(j, to);
}

static void wait_for(void *opaque, u64 slot, u8 *at)
{
    struct jit_x86 *j = opaque;
    j->counts.links_open++;
    jit_wait(&j->wait, slot, at);
}

static const char *place(const struct cpu *cpu, u64 offset)
{
    static const char *const name[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                          "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    u64 n = (offset - offsetof(struct x86, r)) / 8;
    return n < 16 ? name[n] : offset == offsetof(struct x86, arith_wide) ? "flags" : NULL;
}

static void made(struct jit_x86 *j, struct emitted code, u64 bytes)
{
    jit_count_unit(&j->counts, 1, j->look.n, &j->ir, bytes);
    struct jit_view u = { .cpu = &j->c->cpu, .tier = 1, .insn = j->look.insn, .n_insns = j->look.n, .ir = &j->ir,
        .at_op = j->look.at_op, .host = code.start, .runs_at = (u64)(uintptr_t)code.start, .place = place };
    for (const struct jit_watch *w = j->watch; w; w = w->next)
        w->made(w->opaque, &u);
}

/* The code of one run takes the place of slot `at`. False: no room. */
static bool compile_run(struct jit_x86 *j, struct x86_block *b, unsigned at)
{
    ir_optimize(&j->ir);
    size_t used = j->code.used;
    struct emitted code = emit_run(&j->emitter, &j->code, &j->env, &j->ir, &j->ra);
    if (!code.start) {
        if (code_room(&j->code) < (1u << 20)) /* the outer loop empties everything */
            j->full = j->c->engine->stale = j->c->engine->leave = true;
        else
            j->count.refused++;
        return false;
    }
    made(j, code, j->code.used - used);
    b->slot[at].fn = (void *)(uintptr_t)code.start;
    if (!at)
        j->counts.patched += jit_arrived(&j->wait, &j->code, j->emitter.kind, (u64)(uintptr_t)b->slot, code.start);
    return true;
}

static void hot(struct x86_tier *t, struct x86_block *b, u64 vpage)
{
    struct jit_x86 *j = (struct jit_x86 *)t;
    if (j->full)
        return;
    unsigned k = jit_x86_start(j, b, 1);
    if (!b->page || b->straddle_len || !k) {
        j->count.refused++;
        return;
    }
    j->look.vpage = vpage;
    j->block = b;
    j->first = true;
    /* The first run takes the place of the tier's own slot, when it begins right behind it. */
    for (unsigned at = k == 1 ? 0 : k; k; at = k) {
        ir_start(&j->ir);
        k = jit_x86_translate(j, b, k);
        if (!compile_run(j, b, at))
            return;
        j->first = false;
        k = jit_x86_start(j, b, k);
    }
    j->count.blocks++;
}

static void flushed(struct x86_tier *t)
{
    struct jit_x86 *j = (struct jit_x86 *)t;
    code_flush(&j->code);
    jit_wait_none(&j->wait);
    j->full = false;
    j->count.flushes++;
}

static void describe(const struct x86_tier *t, struct buf *out)
{
    const struct jit_x86 *j = (const struct jit_x86 *)t;
    const struct jit_call_name *const lists[] = { jit_x86_calls, NULL };
#define U(v) (unsigned long long)(v)
    buf_printf(out, "JIT: blocks compiled %llu, left to the interpreter %llu, threshold %llu\n", U(j->count.blocks),
        U(j->count.refused), U(t->threshold));
    buf_printf(out, "JIT: code cache %llu of %llu KiB used, emptied %llu times\n", U(j->code.used >> 10),
        U(j->code.size >> 10), U(j->count.flushes));
    jit_counts_print(&j->counts, lists, out);
    if (t->check)
        jit_check_describe(t->check, out);
#undef U
}

static const struct jit_env shapes = {
    .slot_handler = offsetof(struct x86_insn, fn),
    .slot_count = (i32)offsetof(struct x86_insn, imm) - (i32)sizeof(struct x86_insn),
    .tlb_bits = X86_TLB_BITS, .tlb_shift = 5, .tlb_read = offsetof(struct x86_ctx, tlb) + offsetof(struct x86_tlb, rtag),
    .tlb_write = offsetof(struct x86_ctx, tlb) + offsetof(struct x86_tlb, wtag),
    .tlb_addend = offsetof(struct x86_ctx, tlb) + offsetof(struct x86_tlb, addend),
    .tlb_phys = offsetof(struct x86_ctx, tlb) + offsetof(struct x86_tlb, pa), .page_shift = PAGE_SHIFT,
    .jump_bits = X86_JUMP_BITS, .jump_xor = 12, .jump_table = offsetof(struct x86_ctx, jump),
    .jump_entry = sizeof(struct x86_jump), .jump_pc = offsetof(struct x86_jump, pc),
    .jump_gen = offsetof(struct x86_jump, gen), .jump_slot = offsetof(struct x86_jump, start),
    .ctx_gen = offsetof(struct x86_ctx, gen),
    .link_other = offsetof(struct x86_insn, imm) - offsetof(struct x86_insn, fn),
    .state_base = offsetof(struct x86, r) + 8 * X86_R_PAGE,
    .direct = direct, .wait = wait_for,
};

bool jit_x86_install(struct arena *a, struct cpu *cpu, const struct emitter_kind *kind, const struct jit_options *o,
    struct err *e)
{
    struct x86 *c = x86_of(cpu);
    struct jit_x86 *j = ARENA_NEW(a, struct jit_x86);
    kind->init(&j->emitter);
    if (!j->emitter.flags)
        return err_set(e, "the JIT makes code of x86 for x86-64 hosts only; run with -accel interp");
    u64 size = o->cache_bytes < kind->reach ? o->cache_bytes : kind->reach;
    size = size < (u64)2 << 20 ? (u64)2 << 20 : size;
    if (!code_init(&j->code, a, (size_t)size, e))
        return false;
    j->c = c;
    j->env = shapes;
    j->env.jump_missed = (u64)(uintptr_t)x86_goto;
    j->env.jump_too_far = (u64)(uintptr_t)x86_leave_go_on;
    j->env.opaque = j;
    j->watch = o->watch;
    j->env.at_op = o->watch ? j->look.at_op : NULL;
    j->tier = (struct x86_tier){ .hot = hot, .flushed = flushed, .describe = describe,
        .threshold = o->threshold ? o->threshold : 1 };
    if (o->check)
        j->tier.check = jit_x86_check_new(a, &j->env);
    for (unsigned op = 0; op < X86_OP_COUNT; op++) {
        if (!(x86_rows[op].flags & X_FAST))
            continue;
        j->table[op] = jit_x86_int(x86_rows[op].meaning);
        if (!j->table[op])
            j->table[op] = jit_x86_vec(x86_rows[op].meaning);
    }
    j->tier.enter = (x86_handler *)(uintptr_t)emit_enter(&j->emitter, &j->code, &j->env);
    x86_tier_install(c, &j->tier);
    return true;
}
