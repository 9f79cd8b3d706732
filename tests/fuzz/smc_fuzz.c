/* Random programs that overwrite themselves (their own block, those after it, instructions across two pages, by another
 * virtual address), with FENCE.I, SFENCE.VMA and pages that change places: interpreted and compiled from the first
 * execution on, registers and memory are the same after every slice of time. Every other case checks each entry of
 * compiled code as well (--check-jit). */
#include "jit/jit.h"
#include "tests/fuzz/cases.h"
#include "tests/isa/program.h"

static struct rig *machine(unsigned xlen, const struct jit_options *o)
{
    struct rig *r = rig_new(&(struct rig_setup){ "max", xlen, 0, PROGRAM_RAM, PROGRAM_CODE, &program_device });
    struct err e = { "" };
    if (o && !jit_install(r->a, r->c, o, &e)) {
        printf("SKIP: %s\n", e.text);
        exit(77);
    }
    return r;
}

static void run_case(u64 number)
{
    u64 rng = (number + 1) * 0x9e3779b97f4a7c15;
    unsigned xlen = one_in(&rng, 3) ? 32 : 64;
    struct jit_options o = { .tier = 1 + (unsigned)any(&rng, 2), .threshold = 1 + any(&rng, 2), .region_threshold = 2,
        .cache_bytes = 2 << 20, .check = number & 1 };
    struct rig *a = machine(xlen, NULL), *b = machine(xlen, &o);
    struct program *g = xcalloc(1, sizeof *g);
    g->paged = xlen == 64 && !one_in(&rng, 3);
    g->stores_to_code = 1 + (unsigned)any(&rng, 20);
    program_generate(g, a->d, xlen, number + 1);
    program_load(g, a, g->rng);
    program_load(g, b, g->rng);
    for (unsigned n = 0; n < 60; n++) {
        u64 slice = 1 + any(&rng, number & 2 ? 30 : 400);
        if (one_in(&rng, 3)) { /* out of whatever loop it fell into */
            u64 pc = PROGRAM_CODE + 2 * any(&rng, PROGRAM_CODE_BYTES / 2 - 2) + (g->paged && one_in(&rng, 2) ? 8 * PAGE_SIZE : 0);
            a->c->ops->set_pc(a->c, pc);
            b->c->ops->set_pc(b->c, pc);
            if (one_in(&rng, 2)) { /* the place stored to */
                u64 to = PROGRAM_CODE + any(&rng, PROGRAM_CODE_BYTES);
                a->h->x[9] = b->h->x[9] = xlen == 32 ? (u64)(i64)(i32)to : to;
            }
        }
        a->clock.attention = b->clock.attention = false; /* as machine_run() does */
        a->c->ops->run(a->c, slice);
        if (b->c->ops->run(b->c, slice) == CPU_DIVERGED)
            wrong(b->c->report);
        if (!program_same(a, b)) {
            program_explain(a, b);
            fflush(stdout);
            wrong("compiled code and interpreter differ");
        }
    }
    rig_free(a);
    rig_free(b);
    free(g);
}

int main(int argc, char **argv)
{
#ifndef __x86_64__
    return 77;
#endif
    return cases_main("smc_fuzz", argc, argv, run_case);
}
