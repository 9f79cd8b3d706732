/* Looking at compiled code, and stop points in it: what is shown is what was made, and an interpreting hart beside the
 * compiling one says where it has to stop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cpu/riscv/riscv.h"
#include "jit/jit.h"
#include "tests/unit.h"

#define RAM 0x80000000u
#define ONE (RAM + 0x1000)
#define TWO (RAM + 0x2100)

struct machine {
    struct arena *a;
    struct clock clock;
    struct space *s;
    struct ram *ram;
    struct cpu *c;
    struct cpu_stops stops;
    u64 armed[8];
};

static u64 tb_read(void *o) { return ((struct machine *)o)->clock.now; }
static u64 tb_when(void *o, u64 v) { return v; }

static u32 jal(u32 from, u32 to)
{
    u32 d = to - from;
    return 0x6f | (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 | (d & 0xff000);
}

/* Two pages that jump to one another for ever. */
/* tier 0: interpreted. */
static struct machine *machine(unsigned xlen, unsigned tier, const struct jit_watch *watch)
{
    /* addi t0,t0,1; addi t1,t1,3; xor t2,t0,t1 and add s0,s0,t0; divu s1,s0,s0; clmul a0,s0,s0 */
    static const u32 one[] = { 0x00128293, 0x00330313, 0x0062c3b3 }, two[] = { 0x00540433, 0x028454b3, 0x0a841533 };
    struct err e = { "" };
    struct machine *m = xcalloc(1, sizeof *m);
    struct riscv_config config;
    m->a = arena_new();
    clock_init(&m->clock, 1000000000);
    m->s = space_new(m->a, "memory");
    m->ram = ram_new(m->a, "ram", 0x8000, false, &e);
    CU_ASSERT_FATAL(space_add_ram(m->s, RAM, m->ram, &e));
    CU_ASSERT_FATAL(riscv_config_parse("max", xlen, &config, &e));
    config.reset_pc = ONE;
    m->c = riscv_new(m->a, &config, 0, m->s, &m->clock, NULL, (struct timebase){ tb_read, tb_when, m }, &e);
    for (unsigned k = 0; k < 3; k++) {
        store_le(m->ram->host + (ONE - RAM) + 4 * k, 4, one[k]);
        store_le(m->ram->host + (TWO - RAM) + 4 * k, 4, two[k]);
    }
    store_le(m->ram->host + (ONE - RAM) + 12, 4, jal(ONE + 12, TWO));
    store_le(m->ram->host + (TWO - RAM) + 12, 4, jal(TWO + 12, ONE));
    struct jit_options o = { .tier = tier, .threshold = 2, .region_threshold = 20, .cache_bytes = 2 << 20,
        .watch = watch };
    if (tier && !jit_install(m->a, m->c, &o, &e)) {
        printf("%s\n", e.text);
        CU_FAIL_FATAL("jit_install");
    }
    m->c->ops->reset(m->c, ONE);
    return m;
}

static void machine_done(struct machine *m)
{
    clock_fini(&m->clock);
    arena_free(m->a);
    free(m);
}

static void arm(struct machine *m, const u64 *addrs, size_t n)
{
    if (n)
        memcpy(m->armed, addrs, n * sizeof *addrs);
    m->stops = (struct cpu_stops){ .code = m->armed, .n_code = n };
    m->c->stops = n ? &m->stops : NULL;
    m->c->ops->stops_changed(m->c);
}

static u64 number_after(struct cpu *c, const char *text)
{
    struct buf b = { 0 };
    c->ops->describe(c, &b);
    const char *at = strstr(buf_cstr(&b), text);
    u64 n = at ? strtoull(at + strlen(text), NULL, 10) : UINT64_MAX;
    buf_free(&b);
    return n;
}

/* --- what is shown ---------------------------------------------------------------------------------------------- */

struct seen {
    unsigned units, insns;
    bool right;
    u64 bytes;
    u8 code[4096];
    struct buf text;
};

static void see(void *opaque, const struct jit_view *u)
{
    struct seen *s = opaque;
    s->units++;
    s->insns += u->n_insns;
    s->bytes = jit_view_size(u);
    for (u32 k = 0; k < u->ir->n; k++)
        if (u->at_op[k] > u->at_op[k + 1] || u->ir->insn[k].at >= u->n_insns)
            s->right = false;
    if (u->at_op[u->ir->n] > s->bytes || s->bytes > sizeof s->code || !u->n_insns)
        s->right = false;
    else
        memcpy(s->code, u->host, s->bytes);
    jit_view_print(u, NULL, &s->text);
}

static void test_watch(void)
{
    struct seen s = { .right = true }, again = { .right = true };
    const struct jit_watch watch = { see, &s, NULL }, other = { see, &again, NULL };
    struct err e = { "" };
    struct machine *m = machine(64, 1, &watch);
    CU_ASSERT(!jit_look(m->c, ONE, &other, &e)); /* nothing yet */
    m->c->ops->run(m->c, 1000);
    CU_ASSERT_EQUAL(s.units, 2);
    CU_ASSERT_EQUAL(s.insns, 8);
    CU_ASSERT(s.right);
    static const char *const parts[] = { "0x80001000:  addi t0,t0,1", "0x80001008:  xor t2,t0,t1",
        "0x80002104:  divu s1,s0,s0", "0x80002108:  clmul a0,s0,s0", "tier 1: 4 instructions", "divu v", "call v", "get [" };
    for (unsigned k = 0; k < ARRAY_LEN(parts); k++)
        if (!strstr(buf_cstr(&s.text), parts[k])) {
            printf("not shown: %s\n%s", parts[k], buf_cstr(&s.text));
            CU_FAIL("shown");
        }
#ifdef HAVE_CAPSTONE
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&s.text), "qword ptr [rdi + "));
#endif
    /* Once more: shown and not put in place. */
    u64 used = number_after(m->c, "JIT: code cache "), links = number_after(m->c, "JIT chains: direct ");
    CU_ASSERT(jit_look(m->c, TWO + 4, &other, &e));
    CU_ASSERT_EQUAL(again.units, 1);
    CU_ASSERT(again.right && again.bytes == s.bytes);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&again.text), "0x80002104:  divu s1,s0,s0"));
    CU_ASSERT_PTR_NULL(strstr(buf_cstr(&again.text), "0x80001000:"));
    CU_ASSERT_EQUAL(number_after(m->c, "JIT: code cache "), used);
    CU_ASSERT_EQUAL(number_after(m->c, "JIT chains: direct "), links);
    CU_ASSERT_EQUAL(s.units, 2);
    CU_ASSERT(!jit_look(m->c, ONE + 0x800, &other, &e));
    CU_ASSERT(!jit_look(m->c, 0x1000, &other, &e));
    m->c->ops->run(m->c, 1000);
    CU_ASSERT_EQUAL(m->clock.now, 2000);
    CU_ASSERT_EQUAL(number_after(m->c, "JIT tier 1: "), 2);
    CU_ASSERT_EQUAL(number_after(m->c, "JIT calls of helpers in the code: clmul "), 1);
    buf_free(&s.text);
    buf_free(&again.text);
    machine_done(m);
}

static void test_region(void)
{
    struct seen s = { .right = true }, again = { .right = true };
    const struct jit_watch watch = { see, &s, NULL }, other = { see, &again, NULL };
    struct err e = { "" };
    struct machine *m = machine(64, 2, &watch);
    m->c->ops->run(m->c, 5000);
    CU_ASSERT(s.right);
    CU_ASSERT_EQUAL(s.units, 3);
    const char *region = strstr(buf_cstr(&s.text), "tier 2: ");
    CU_ASSERT_PTR_NOT_NULL_FATAL(region);
    CU_ASSERT_PTR_NOT_NULL(strstr(region, "0x80001004:  addi t1,t1,3"));
    CU_ASSERT_PTR_NOT_NULL(strstr(region, "0x80002100:  add s0,s0,t0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(region, "loop"));
    CU_ASSERT_EQUAL(number_after(m->c, "JIT tier 2: "), 1);
    CU_ASSERT(jit_look(m->c, ONE, &other, &e) && jit_look(m->c, TWO, &other, &e));
    CU_ASSERT_EQUAL(again.units, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&again.text), "a region begins here"));
    u64 now = m->clock.now;
    m->c->ops->run(m->c, 5000);
    CU_ASSERT_EQUAL(m->clock.now, now + 5000);
    buf_free(&s.text);
    buf_free(&again.text);
    machine_done(m);
}

/* --- stop points ------------------------------------------------------------------------------------------------ */

static u64 next_random(u64 *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static void stops_against_interpreter(unsigned xlen, unsigned tier)
{
    /* In both pages, at the same place in another page, nowhere, in the middle of an instruction. */
    static const u64 places[] = { ONE, ONE + 2, ONE + 8, ONE + 0x100, TWO, TWO + 4, TWO + 12, RAM + 0x3008,
        RAM + 0x4008 };
    struct machine *a = machine(xlen, 0, NULL), *b = machine(xlen, tier, NULL);
    u64 rng = 88172645463325252u, hits = 0;
    bool same = true;
    for (unsigned round = 0; round < 4000 && same; round++) {
        u64 list[8], want = next_random(&rng) & next_random(&rng);
        size_t n = 0;
        for (unsigned k = 0; k < ARRAY_LEN(places) && n < 8; k++)
            if (want >> k & 1)
                list[n++] = places[k];
        if (next_random(&rng) & 1) {
            arm(a, list, n);
            arm(b, list, n);
        }
        for (unsigned k = 0; k < 20 && same; k++) {
            u64 slice = 1 + next_random(&rng) % 100;
            enum cpu_stop x = a->c->ops->run(a->c, slice), y = b->c->ops->run(b->c, slice);
            hits += x == CPU_BREAK;
            same = x == y && a->clock.now == b->clock.now && a->c->retired == b->c->retired &&
                a->c->ops->get_pc(a->c) == b->c->ops->get_pc(b->c) &&
                !memcmp(hart_of(a->c)->x, hart_of(b->c)->x, 32 * sizeof(u64));
            if (!same)
                printf("round %u: %d %d, pc %llx %llx, now %llu %llu\n", round, x, y,
                       (unsigned long long)a->c->ops->get_pc(a->c), (unsigned long long)b->c->ops->get_pc(b->c),
                       (unsigned long long)a->clock.now, (unsigned long long)b->clock.now);
        }
    }
    CU_ASSERT(same);
    CU_ASSERT(hits > 5000);
    CU_ASSERT(number_after(b->c, "JIT: blocks compiled ") > 500);
    if (tier == 2)
        CU_ASSERT(number_after(b->c, "JIT: regions ") > 100);
    machine_done(a);
    machine_done(b);
}

static void test_stops64(void) { stops_against_interpreter(64, 1); }
static void test_stops32(void) { stops_against_interpreter(32, 1); }
static void test_stops_regions(void) { stops_against_interpreter(64, 2); }
static void test_stops_regions32(void) { stops_against_interpreter(32, 2); }

/* Only what has code at that place of its page is made anew, and it is compiled again with the stop point in it. */
static void test_only_affected(void)
{
    struct seen s = { .right = true };
    const struct jit_watch watch = { see, &s, NULL };
    struct machine *m = machine(64, 1, &watch);
    const char *dropped = "code pages dropped for stop points ";
    m->c->ops->run(m->c, 1000);
    CU_ASSERT_EQUAL(s.units, 2);
    const u64 elsewhere[] = { RAM + 0x5800 }, two[] = { RAM + 0x5104 }, both[] = { RAM + 0x5104, RAM + 0x6104 };
    arm(m, elsewhere, 1); /* no code there in any page */
    m->c->ops->run(m->c, 1000);
    CU_ASSERT_EQUAL(number_after(m->c, dropped), 0);
    CU_ASSERT_EQUAL(s.units, 2);
    arm(m, two, 1); /* another page, but the place of code in TWO */
    CU_ASSERT_EQUAL(m->c->ops->run(m->c, 1000), CPU_BUDGET);
    CU_ASSERT_EQUAL(number_after(m->c, dropped), 1);
    CU_ASSERT_EQUAL(s.units, 3);
    CU_ASSERT_EQUAL(s.insns, 12); /* whole: the stop point is tested in it */
    arm(m, both, 2);
    m->c->ops->run(m->c, 1000);
    CU_ASSERT_EQUAL(s.units, 4);
    arm(m, both, 2); /* nothing changed */
    arm(m, NULL, 0);
    arm(m, both, 2);
    m->c->ops->run(m->c, 1000);
    CU_ASSERT_EQUAL(number_after(m->c, dropped), 2);
    arm(m, NULL, 0);
    m->c->ops->run(m->c, 1000);
    CU_ASSERT_EQUAL(number_after(m->c, dropped), 3);
    CU_ASSERT_EQUAL(s.units, 5);
    buf_free(&s.text);
    machine_done(m);
}

int main(void)
{
#ifndef __x86_64__
    return 77;
#endif
    return unit_main("jit look", (CU_TestInfo[]){
        { "units are shown as they are made, and again", test_watch },
        { "a region over two pages is shown", test_region },
        { "stop points come and go, regions, RV64", test_stops_regions },
        { "stop points come and go, regions, RV32", test_stops_regions32 },
        { "stop points come and go, RV64", test_stops64 },
        { "stop points come and go, RV32", test_stops32 },
        { "a stop point takes only its pages out", test_only_affected }, CU_TEST_INFO_NULL });
}
