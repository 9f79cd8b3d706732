/* Random runs as host code do what their evaluation does: state, memory, the way out and who is handed what. */
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "jit/emit.h"
#include "tests/jit/random_ir.h"
#include "tests/unit.h"

enum { N_TLB = 4, BUDGET = 1000, PAGE = 4096, RUN_BASE = 0x5000 };

struct slot {
    i64 (*handler)(void *state, void *slot, i64 budget, void *ctx, u64 base);
    u64 count;
};
struct ctx {
    struct {
        u64 read, write, addend, phys;
    } tlb[N_TLB];
    struct {
        u64 pc, gen;
        struct slot *slot;
    } jump[16];
    struct {
        u64 page, host;
    } site[4];
    u64 gen;
};

static struct {
    unsigned times;
    u64 slot, target, base;
    i64 budget;
    enum { TO_EXIT, TO_LINK, MISSED } how;
} went;

static i64 to_exit(void *state, void *slot, i64 budget, void *ctx, u64 base)
{
    went.times++;
    went.slot = (u64)(uintptr_t)slot;
    went.budget = budget;
    went.base = base;
    went.how = TO_EXIT;
    return budget;
}

static i64 to_link(void *state, void *slot, i64 budget, void *ctx, u64 base)
{
    to_exit(state, slot, budget, ctx, base);
    went.how = TO_LINK;
    return budget;
}

static i64 missed(void *state, i64 budget, void *ctx, u64 target)
{
    to_exit(state, NULL, budget, ctx, RUN_BASE);
    went.target = target;
    went.how = MISSED;
    return budget;
}

/* Every other run finds its links set. */
static const void *direct(void *opaque, u64 link, u64 *slot, u32 *count)
{
    struct slot *to = *(struct slot **)(uintptr_t)link;
    *slot = *(unsigned *)opaque & 1 ? (u64)(uintptr_t)to : 0;
    *count = (u32)to[-1].count;
    return NULL;
}

static u32 next_site(void *opaque) { return (*(unsigned *)opaque)++; }

static void waits(void *opaque, u64 slot, u8 *at) {}

static u8 *tlb_locate(void *opaque, u64 addr, unsigned size, bool write)
{
    struct world *w = opaque;
    return (addr & ~(u64)(PAGE - 1)) || addr + size > PAGE ? NULL : w->memory + (addr - FIRST);
}

typedef i64 enter_fn(void *state, void *slot, i64 budget, void *ctx, u64 base);

/* What the run ended with, in terms of what the capturing functions saw. */
static bool same_way(const struct ir *ir, const struct ir_end *end, struct slot *link, i64 budget)
{
    if (went.times != 1 || went.base != RUN_BASE)
        return false;
    if (ir->insn[end->at].op == IR_JUMP || ir->insn[end->at].op == IR_JUMP_IF)
        return went.how == MISSED && went.target == end->target && went.budget == budget;
    if (end->exit != IR_NONE)
        return went.how == TO_EXIT && went.slot == ir->exit[end->exit].slot && went.budget == budget;
    unsigned which = end->taken ? 0 : 1;
    return went.how == TO_LINK && went.slot == (u64)(uintptr_t)&link[2 * which + 1] &&
        went.budget == budget - 5 - (i64)which;
}

/* What each emitter makes of the run, this host's or not: it knows every operation, and keeps to the room a run
 * has. */
static void emit_by_all(const struct jit_env *env, struct code *code, struct ir *ir, struct ra *ra)
{
    static const struct emitter_kind *const kinds[] = { &emitter_x64, &emitter_a64 };
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
        struct emitter em;
        kinds[k]->init(&em);
        size_t used = code->used;
        struct emitted made = kinds[k]->run(&em, code, env, ir, ra);
        CU_ASSERT_PTR_NOT_NULL_FATAL(made.start);
        size_t most = 16384 + (size_t)ir->n * 112 + (size_t)ir->n_exits * 160 + (size_t)ir->n_puts * 24;
        CU_ASSERT_FATAL(code->used - used < most);
        code->used = used;
    }
}

/* few: registers, so that much is spilled. */
static void run_many(bool optimize, bool bmi2, bool few)
{
    struct arena *a = arena_new();
    struct code code;
    struct err e;
    CU_ASSERT_FATAL(code_init(&code, a, 1 << 20, &e));
    const struct emitter_kind *kind = emitter_host();
    struct emitter em;
    kind->init(&em);
    em.bmi2 &= bmi2;
    em.lzcnt &= bmi2;
    for (unsigned k = 0; few && k < RA_REGS; k++)
        if (__builtin_popcount(em.host.gpr & em.host.gpr_kept) > 2)
            em.host.gpr &= em.host.gpr - 1;
        else if (__builtin_popcount(em.host.xmm) > 2)
            em.host.xmm &= em.host.xmm - 1;
    const char *many = getenv("JIT_RUNS");
    unsigned runs = many ? (unsigned)strtoul(many, NULL, 0) : 15000;
    unsigned round = 0;
    struct ctx ctx;
    memset(&ctx, 0xff, sizeof ctx);
    ctx.gen = 1;
    for (unsigned k = 0; k < ARRAY_LEN(ctx.jump); k++) { /* what a LEADS of tests/jit/random_ir.h asks for */
        u64 pc = 0x7654320 + 2 * k, at = (pc >> 1 ^ pc >> 13) & 15;
        ctx.jump[at].pc = pc;
        ctx.jump[at].gen = 1;
        ctx.jump[at].slot = (struct slot *)7;
    }
    struct jit_env env = {
        .slot_handler = 0, .slot_count = 8 - (i32)sizeof(struct slot), .tlb_bits = 2, .tlb_shift = 5, .tlb_read = 0,
            .tlb_write = 8,
        .tlb_addend = 16, .tlb_phys = 24, .page_shift = 12, .jump_bits = 4, .jump_xor = 13, .jump_table = offsetof(struct ctx, jump),
            .jump_entry = 24,
        .jump_pc = 0, .jump_gen = 8, .jump_slot = 16, .ctx_gen = offsetof(struct ctx, gen),
            .jump_missed = (u64)(uintptr_t)missed,
        .sites = offsetof(struct ctx, site), .site_bits = 2, .tlb_sited = 1, .next_site = next_site,
        .jump_too_far = (u64)(uintptr_t)to_exit, .direct = direct, .wait = waits, .opaque = &round,
    };
    struct slot entry[2] = { { NULL, 0 }, { NULL, 0 } };
    struct slot link[4] = { { NULL, 5 }, { to_link, 0 }, { NULL, 6 }, { to_link, 0 } };
    struct slot *links[2] = { &link[1], &link[3] };
    enter_fn *enter = (enter_fn *)(uintptr_t)kind->enter(&code, &env);
    struct ir *ir = xmalloc(sizeof *ir), *opt = xmalloc(sizeof *opt);
    struct ra *ra = xmalloc(sizeof *ra);
    u64 s = 0xfeedbeef12345 + optimize;
    unsigned differ = 0, spilled = 0, sites = 0;

    for (unsigned n = 0; n < runs && !differ; n++) {
        random_run(ir, &s, true);
        for (u32 k = 0; k < ir->n_exits; k++)
            ir->exit[k].handler = (u64)(uintptr_t)to_exit;
        for (u32 k = 0; k < ir->n; k++)
            if (ir->insn[k].op == IR_CHAIN_IF)
                ir->insn[k].imm = (u64)(uintptr_t)links;
        struct world w1, w2;
        random_world(&w1, &s);
        w2 = w1;
        memcpy(opt, ir, sizeof *opt);
        if (optimize)
            ir_optimize(opt);
        opt->sites = n & 2;
        memset(ctx.site, 0x55, sizeof ctx.site);
        struct ir_end end;
        struct ir_machine m = { w1.state, RUN_BASE, &w1, tlb_locate, world_phys, world_leads, BUDGET };
        ir_eval(opt, &m, &end);
        code_flush(&code);
        round = n;
        if (!(n & 7))
            emit_by_all(&env, &code, opt, ra);
        const void *run = kind->run(&em, &code, &env, opt, ra).start;
        CU_ASSERT_PTR_NOT_NULL_FATAL(run);
        spilled += ra->spills != 0;
        ctx.tlb[0].read = ctx.tlb[0].write = 0;
        ctx.tlb[0].phys = PHYSICAL;
        ctx.tlb[0].addend = (u64)(uintptr_t)w2.memory - FIRST;
        entry[1].handler = (enter_fn *)(uintptr_t)run;
        memset(&went, 0, sizeof went);
        enter(w2.state, &entry[1], BUDGET, &ctx, RUN_BASE);
        bool sited = false; /* then the entry says so */
        for (unsigned k = 0; k < ARRAY_LEN(ctx.site); k++)
            sited |= ctx.site[k].page != 0x5555555555555555;
        sites += sited;
        if (sited != (ctx.tlb[0].phys & 1) || memcmp(&w1, &w2, sizeof w1) || !same_way(opt, &end, link, m.budget)) {
            struct buf out = { 0 };
            ir_dump(ir, &out);
            buf_printf(&out, "--- as emitted\n");
            ir_dump(opt, &out);
            printf("run %u, ended at %u exit %u; went %u times, %d, slot %llx, budget %lld:\n%s", n, end.at,
                end.exit, went.times, (int)went.how,
                   (unsigned long long)went.slot, (long long)went.budget, buf_cstr(&out));
            for (unsigned k = 0; k < REGS; k++)
                if (memcmp(w1.state + 8 * k, w2.state + 8 * k, 8))
                    printf("state %u: %llx, emitted %llx\n", 8 * k, (unsigned long long)load_le(w1.state + 8 * k, 8),
                           (unsigned long long)load_le(w2.state + 8 * k, 8));
            buf_free(&out);
            differ++;
        }
    }
    CU_ASSERT_EQUAL(differ, 0);
    CU_ASSERT(!optimize || sites > runs / 100);
    CU_ASSERT(!few || spilled > runs / 2);
    free(ra);
    free(opt);
    free(ir);
    arena_free(a);
}

/* The cache is there to write and to execute, and no page is both. */
static void test_mappings(void)
{
    struct arena *a = arena_new();
    struct code code;
    struct err e;
    CU_ASSERT_FATAL(code_init(&code, a, 1 << 20, &e));
    FILE *f = fopen("/proc/self/maps", "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    char line[512], rights[8];
    unsigned write = 0, execute = 0, both = 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%*s %7s", rights) == 1) {
            both += rights[1] == 'w' && rights[2] == 'x';
            bool ours = strstr(line, "orrery-code") || strstr(line, "/dev/zero"); /* shared anonymous memory */
            write += ours && rights[1] == 'w';
            execute += ours && rights[2] == 'x';
        }
    fclose(f);
    CU_ASSERT_EQUAL(write, 1);
    CU_ASSERT_EQUAL(execute, 1);
    CU_ASSERT_EQUAL(both, 0);
    arena_free(a);
}

static void test_plain(void) { run_many(false, true, false); }
static void test_optimized(void) { run_many(true, true, false); }
static void test_no_bmi2(void) { run_many(true, false, false); }
static void test_few(void) { run_many(true, true, true); }

int main(void)
{
    if (!emitter_host())
        return 77;
    return unit_main("jit emit", (CU_TestInfo[]){ { "mappings", test_mappings }, { "random runs", test_plain },
        { "optimized", test_optimized },
                                                  { "without BMI2", test_no_bmi2 },
        { "with few registers", test_few }, CU_TEST_INFO_NULL });
}
