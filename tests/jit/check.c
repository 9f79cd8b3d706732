/* Random programs: compiled code and interpreter side by side, and every entry of compiled code checked (--check-jit).
 *
 *   check [BLOCKS]        at least so many blocks compiled and checked, of RV64 and RV32 together */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cpu/riscv/engine.h"
#include "jit/emit.h"
#include "jit/jit.h"
#include "tests/isa/program.h"
#include "tests/unit.h"

#define RAM_BYTES PROGRAM_RAM

static struct rig *machine(unsigned xlen, u64 drop, u64 threshold, bool check)
{
    struct rig *r = rig_new(&(struct rig_setup){ "max", xlen, drop, RAM_BYTES, PROGRAM_CODE, &program_device });
    struct err e = { "" };
    struct jit_options o = { .tier = 2, .threshold = threshold, .region_threshold = 3, .cache_bytes = 2 << 20,
        .check = check };
    if (threshold && !jit_install(r->a, r->c, &o, &e)) {
        printf("%s\n", e.text);
        CU_FAIL_FATAL("jit_install");
    }
    return r;
}

static u64 compiled(const struct cpu *c) { return rig_counted(c, "blocks compiled "); }

/* --- two machines, after each slice of time ----------------------------------------------------------------------- */

static void compare(unsigned xlen, u64 drop, unsigned programs, u64 ticks)
{
    struct program *g = xcalloc(1, sizeof *g);
    u64 blocks = 0;
    bool same = true;
    const char *seed = getenv("JIT_SEED"), *many = getenv("JIT_PROGRAMS");
    u64 first = seed ? strtoull(seed, NULL, 0) : 1;
    if (many)
        programs = (unsigned)strtoul(many, NULL, 0);
    for (u64 p = first; p < first + programs && same; p++) {
        struct rig *a = machine(xlen, drop, 0, false), *b = machine(xlen, drop, 1 + p % 3, false);
        program_generate(g, a->d, xlen, p);
        program_load(g, a, g->rng);
        program_load(g, b, g->rng);
        u64 slices = g->rng;
        while (a->clock.now < ticks && same) {
            u64 slice = 1 + next_random(&slices) % (p & 1 ? 40 : 300);
            u64 go = next_random(&slices);
            if (go & 1) { /* out of whatever loop it fell into */
                u64 pc = PROGRAM_CODE + (go >> 8) % (PROGRAM_CODE_BYTES - 64);
                a->c->ops->set_pc(a->c, pc);
                b->c->ops->set_pc(b->c, pc);
                a->h->f[go >> 40 & 31] = b->h->f[go >> 40 & 31] = next_random(&slices);
                a->h->x[11 + (go >> 50 & 15)] = b->h->x[11 + (go >> 50 & 15)] = (u64)(i64)(i32)next_random(&slices);
            }
            if (go >> 5 & 1) { /* an interrupt line: taken when the program lets it */
                a->h->mie = b->h->mie = a->h->mideleg = b->h->mideleg = go >> 6 & 1 ? 0x222 : 0;
                a->c->ops->set_irq(a->c, go >> 7 & 1 ? 9 : 5, go >> 8 & 1);
                b->c->ops->set_irq(b->c, go >> 7 & 1 ? 9 : 5, go >> 8 & 1);
            }
            u64 before = a->clock.now;
            a->clock.attention = b->clock.attention = false; /* as machine_run() does */
            a->c->ops->run(a->c, slice);
            b->c->ops->run(b->c, slice);
            if (!program_same(a, b)) {
                printf("rv%u program %llu differs in the slice of %llu from %llu on:\n", xlen, (unsigned long long)p,
                       (unsigned long long)slice, (unsigned long long)before);
                program_explain(a, b);
                same = false;
            }
        }
        blocks += compiled(b->c);
        rig_free(a);
        rig_free(b);
    }
    printf("(%llu blocks compiled) ", (unsigned long long)blocks);
    CU_ASSERT(same);
    CU_ASSERT(blocks > programs * 50);
    free(g);
}

static void test_rv64(void) { compare(64, 0, 100, 40000); }
static void test_rv32(void) { compare(32, 0, 100, 40000); }
static void test_no_c(void) { compare(64, RV_EXT(RV_C), 40, 40000); }

/* --- every entry checked -------------------------------------------------------------------------------------------- */

static u64 wanted_blocks = 60000;

/* From every place of the program, more than once: the first time a block is entered it is compiled, not run. */
static bool check_program(struct rig *r, struct program *g, u64 p)
{
    u64 rng = g->rng;
    program_load(g, r, rng);
    for (unsigned n = 0; n < 300; n++) {
        u64 go = next_random(&rng), pc = PROGRAM_CODE + (go >> 8) % (PROGRAM_CODE_BYTES - 64);
        for (unsigned again = 0; again < 3; again++) {
            program_registers(r, &rng);
            r->c->ops->set_pc(r->c, pc);
            u64 ticks = go & 15 ? 20 : 400;
            while (ticks) {
                u64 before = r->clock.now;
                r->clock.attention = false;
                enum cpu_stop why = r->c->ops->run(r->c, ticks);
                if (why == CPU_DIVERGED) {
                    printf("program %llu: %s\n", (unsigned long long)p, r->c->report);
                    return false;
                }
                ticks -= r->clock.now - before;
            }
        }
        if (n % 64 == 63) /* what overwrote itself begins anew */
            program_load(g, r, rng);
    }
    return true;
}

static void check_many(unsigned xlen)
{
    struct program *g = xcalloc(1, sizeof *g);
    const char *seed = getenv("JIT_SEED");
    u64 p = seed ? strtoull(seed, NULL, 0) : 1;
    u64 blocks = 0, entries = 0;
    bool same = true;
    while (blocks < wanted_blocks / 2 && same) {
        struct rig *r = machine(xlen, 0, 1, true);
        for (unsigned k = 0; k < 32 && same && blocks + compiled(r->c) < wanted_blocks / 2; k++, p++) {
            program_generate(g, r->d, xlen, p);
            same = check_program(r, g, p);
        }
        blocks += compiled(r->c);
        entries += rig_counted(r->c, "checked ");
        rig_free(r);
    }
    printf("(%llu blocks, %llu entries checked) ", (unsigned long long)blocks, (unsigned long long)entries);
    CU_ASSERT(same);
    CU_ASSERT(entries > blocks);
    free(g);
}

static void test_check64(void)
{
    check_many(64);
}

static void test_check32(void)
{
    check_many(32);
}

/* --- the check finds what is wrong ------------------------------------------------------------------------------------ */

/* A program whose block is changed for the interpreter after it was compiled: what the report must name. */
static void finds(const char *what, void (*program)(struct rig *r), unsigned slot, void (*change)(struct rv_insn *i),
    const char *names)
{
    struct rig *r = machine(64, 0, 1, true);
    program(r);
    r->c->ops->set_pc(r->c, RAM);
    CU_ASSERT_EQUAL(r->c->ops->run(r->c, 30), CPU_BUDGET);
    CU_ASSERT(rig_counted(r->c, "checked ") > 2);
    struct cpu_page *page = cpu_pages_get(&r->h->engine->pages, r->ram, 0);
    struct rv_block *b = rv_block_find(page, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    change(&b->slot[slot]);
    r->c->ops->set_pc(r->c, RAM);
    CU_ASSERT_EQUAL(r->c->ops->run(r->c, 30), CPU_DIVERGED);
    if (!r->c->report || !strstr(r->c->report, names)) {
        printf("%s: %s\n", what, r->c->report ? r->c->report : "no report");
        CU_FAIL("the report does not say it");
    }
    rig_free(r);
}

static void put(struct rig *r, unsigned op, unsigned rd, unsigned rs1, unsigned rs2, i64 imm)
{
    rig_put(r, rig_encode(r->d, op, rd, rs1, rs2, imm));
}

static void loop(struct rig *r)
{
    put(r, RV_OP_addi, 5, 5, 0, 1);
    put(r, RV_OP_sw, 0, 8, 5, 4);
    put(r, RV_OP_lw, 6, 8, 0, 4);
    put(r, RV_OP_bne, 0, 5, 0, -12);
    r->h->x[8] = PROGRAM_DATA;
}

static void other_number(struct rv_insn *i) { i->imm += 1; }
static void other_place(struct rv_insn *i) { i->imm += 8; }
static void other_value(struct rv_insn *i) { i->rs2 = 8; }
static void other_way(struct rv_insn *i) { i->rs2 = 5; }
static void no_store(struct rv_insn *i) { i->rs1 = 0; }

static void test_finds(void)
{
    finds("a register", loop, 1, other_number, "t0: compiled 0x");
    finds("a store elsewhere", loop, 2, other_place, "host address of a store");
    finds("another value stored", loop, 2, other_value, "memory where it stored");
    finds("another way", loop, 4, other_way, "next position: compiled 0x80000000, interpreted 0x80000010");
    finds("a fault", loop, 3, no_store, "instructions before an exception");
    finds("and the block", loop, 1, other_number, "0x80000004: sw t0,4(s0)");
}

int main(int argc, char **argv)
{
    if (!emitter_host())
        return 77;
    if (argc > 1)
        wanted_blocks = strtoull(argv[1], NULL, 0);
    return unit_main("jit check", (CU_TestInfo[]){
        { "RV64", test_rv64 }, { "RV32", test_rv32 }, { "RV64 without C: misaligned jumps", test_no_c },
        { "the check finds differences", test_finds },
        { "RV64, every entry checked", test_check64 }, { "RV32, every entry checked", test_check32 },
        CU_TEST_INFO_NULL });
}
