/* Random runs of the compiler's operations: evaluated before and after each pass and after some of them,
 * and executed as host code, plain and optimized. */
#include "tests/fuzz/cases.h"
#include "tests/jit/run_ir.h"

static const struct {
    const char *name;
    void (*pass)(struct ir *ir);
} passes[] = {
    { "carry", ir_carry }, { "forward", ir_forward }, { "fold", ir_fold }, { "share", ir_share },
    { "window", ir_window }, { "sink_puts", ir_sink_puts }, { "narrow", ir_narrow }, { "sweep", ir_sweep }, { "optimize", ir_optimize },
};
enum { WINDOW = 4, OPTIMIZE = 8 }; /* window and what follows may want more of an address than one access did */


static void differs(const struct ir *a, const struct ir *b, const char *what)
{
    struct buf out = { 0 };
    ir_dump(a, &out);
    buf_printf(&out, "--- %s\n", what);
    ir_dump(b, &out);
    fputs(buf_cstr(&out), stderr);
    wrong(what);
}

static void evaluate(const struct ir *ir, struct world *w, bool all, struct ir_machine *m, struct ir_end *end)
{
    *m = (struct ir_machine){ w->state, IR_RIG_BASE, w, all ? world_locate_all : world_locate, world_phys, world_leads,
        IR_RIG_BUDGET };
    ir_eval(ir, m, end);
}

static void compare(const struct ir *a, const struct ir *b, const struct world *from, bool all, const char *what)
{
    struct world w1 = *from, w2 = *from;
    struct ir_machine m1, m2;
    struct ir_end e1, e2;
    evaluate(a, &w1, all, &m1, &e1);
    evaluate(b, &w2, all, &m2, &e2);
    bool way = e1.taken == e2.taken && e1.target == e2.target && (e1.exit == IR_NONE) == (e2.exit == IR_NONE) &&
        (e1.exit == IR_NONE || a->exit[e1.exit].slot == b->exit[e2.exit].slot);
    if (!way || m1.budget != m2.budget || memcmp(&w1, &w2, sizeof w1))
        differs(a, b, what);
}

static void run_case(u64 number)
{
    struct ir *a = xmalloc(sizeof *a), *b = xmalloc(sizeof *b);
    struct ir_rig *r = ir_rig_new();
    u64 s = (number + 1) * 0x9e3779b97f4a7c15;
    for (unsigned n = 0; n < 100; n++) {
        struct world w;
        random_run(a, &s, true);
        ir_rig_prepare(r, a);
        random_world(&w, &s);
        for (unsigned p = 0; p < ARRAY_LEN(passes); p++) {
            memcpy(b, a, sizeof *b);
            passes[p].pass(b);
            compare(a, b, &w, p == WINDOW || p == OPTIMIZE, passes[p].name);
        }
        memcpy(b, a, sizeof *b);
        u64 some = next_random(&s); /* in their order: puts sink once, and what they sank into is not looked at again */
        for (unsigned p = 0; p < ARRAY_LEN(passes) - 1; p++)
            for (unsigned times = p > 0 && p < 4 ? some >> (8 + 2 * p) & 3 : some >> p & 1; times; times--)
                passes[p].pass(b);
        compare(a, b, &w, some >> WINDOW & 1, "some passes");
        r->kind->init(&r->em);
        r->em.bmi2 &= n & 1;
        r->em.lzcnt &= n & 1;
        r->links_known = n & 2;
        if (!ir_rig_run(r, b, &w))
            differs(a, b, "host code of some passes");
        memcpy(b, a, sizeof *b);
        ir_optimize(b);
        b->sites = n & 4;
        if (!ir_rig_run(r, b, &w))
            differs(a, b, "host code of the optimized run");
        if (!ir_rig_run(r, a, &w))
            differs(a, a, "host code of the run");
    }
    ir_rig_free(r);
    free(a);
    free(b);
}

int main(int argc, char **argv)
{
    if (!emitter_host())
        return 77;
    return cases_main("ir_fuzz", argc, argv, run_case);
}
