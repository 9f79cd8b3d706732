/* Random runs as host code do what their evaluation does: state, memory, the way out and who is handed what. */
#include <stdio.h>

#include "tests/jit/run_ir.h"
#include "tests/unit.h"

/* What each emitter makes of the run, this host's or not, with checks or without: it knows every operation, and keeps to
 * the room a run has. */
static void emit_by_all(struct ir_rig *r, struct ir *ir)
{
    static const struct emitter_kind *const kinds[] = { &emitter_x64, &emitter_a64 };
    for (unsigned k = 0; k < 2 * ARRAY_LEN(kinds); k++) {
        const struct emitter_kind *kind = kinds[k / 2];
        struct emitter em;
        struct jit_env env = r->env;
        bool check = k & 1;
        if (check) { /* with the longest of addresses */
            env.check_enter = env.check_left = 0x123456789abcdef0;
            env.check_log = (struct jit_stored **)(uintptr_t)0x123456789abcdef0;
        }
        kind->init(&em);
        size_t used = r->code.used;
        struct emitted made = emit_run(&em, &r->code, &env, ir, &r->ra);
        CU_ASSERT_PTR_NOT_NULL_FATAL(made.start);
        size_t most = 16384 + (size_t)ir->n * (check ? 176 : 112) + (size_t)ir->n_exits * 160 + (size_t)ir->n_puts * 24;
        CU_ASSERT_FATAL(r->code.used - used < most);
        r->code.used = used;
    }
}

static void run_many(bool optimize, bool bmi2, bool few)
{
    struct ir_rig *r = ir_rig_new();
    struct emitter *em = &r->em;
    em->bmi2 &= bmi2;
    em->lzcnt &= bmi2;
    for (unsigned k = 0; few && k < RA_REGS; k++) /* registers, so that much is spilled */
        if (__builtin_popcount(em->host.gpr & em->host.gpr_kept) > 2)
            em->host.gpr &= em->host.gpr - 1;
        else if (__builtin_popcount(em->host.xmm) > 2)
            em->host.xmm &= em->host.xmm - 1;
    const char *many = getenv("JIT_RUNS");
    unsigned runs = many ? (unsigned)strtoul(many, NULL, 0) : 15000;
    struct ir *ir = xmalloc(sizeof *ir), *opt = xmalloc(sizeof *opt);
    u64 s = 0xfeedbeef12345 + optimize;
    unsigned differ = 0, spilled = 0, sites = 0;

    for (unsigned n = 0; n < runs && !differ; n++) {
        struct world w;
        random_run(ir, &s, true);
        ir_rig_prepare(r, ir);
        random_world(&w, &s);
        memcpy(opt, ir, sizeof *opt);
        if (optimize)
            ir_optimize(opt);
        opt->sites = n & 2;
        r->links_known = n & 1;
        if (!(n & 7))
            emit_by_all(r, opt);
        if (!ir_rig_run(r, opt, &w)) {
            struct buf out = { 0 };
            ir_dump(ir, &out);
            buf_printf(&out, "--- as emitted\n");
            ir_dump(opt, &out);
            printf("run %u:\n%s", n, buf_cstr(&out));
            buf_free(&out);
            differ++;
        }
        spilled += r->ra.spills != 0;
        sites += r->sited;
    }
    CU_ASSERT_EQUAL(differ, 0);
    CU_ASSERT(!optimize || sites > runs / 100);
    CU_ASSERT(!few || spilled > runs / 2);
    free(opt);
    free(ir);
    ir_rig_free(r);
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
    return unit_main("jit emit", (CU_TestInfo[]){
        { "mappings", test_mappings }, { "random runs", test_plain }, { "optimized", test_optimized },
        { "without BMI2", test_no_bmi2 }, { "with few registers", test_few }, CU_TEST_INFO_NULL });
}
