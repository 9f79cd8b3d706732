/* The engine of x86: programs that rewrite themselves, their page tables and their mode end in the same state however they
 * are run: freely, tick by tick, in random pieces, forgetting everything between pieces, observed, from a saved state. */
#include "base/rng.h"
#include "tests/cpu/x86_programs.h"
#include "tests/cpu/x86_rig.h"

/* --- the programs ------------------------------------------------------------------------------------------------ */

static void real(struct rig *r)
{
    static const u8 vector[] = { 0xea, 0x00, 0x10, 0x00, 0x00 }; /* jmp 0:1000h */
    rig_poke(r, 0xfffffff0, vector, sizeof vector);
    rig_poke(r, 0x1000, program_real, sizeof program_real);
}

static void flat(struct rig *r)
{
    for (unsigned k = 0; k < 256; k++)
        rig_poke64(r, 8 * k, 0x00108e0000080e00);
    rig_poke64(r, 0x8f8, 0x07ff);
    rig_poke(r, 0x100000, program_flat, sizeof program_flat);
    rig_flat(r, false, 0x100000);
}

static void wide(struct rig *r)
{
    for (u64 k = 0; k < 256; k++) {
        u64 at = 0x101000 + 16 * k;
        rig_poke64(r, 0x9000 + 16 * k, (at & 0xffff) | 0x18 << 16 | (u64)(k == 0x81 ? 0xee00 : 0x8e00) << 32 | at >> 16 << 48);
    }
    rig_poke64(r, 0x7004, 0x8f000); /* RSP0 */
    rig_poke(r, 0x100000, program_long, sizeof program_long);
    rig_flat(r, true, 0x100000);
    r->c->seg[X86_TR] = (struct x86_seg){ .selector = 0x40, .valid = true, .type = 11, .present = true, .limit = 0x67, .base = 0x7000 };
    x86_mode_changed(r->c);
}

#define PAUSES 12

static void waits(struct rig *r)
{
    static const u8 vector[] = { 0xea, 0x00, 0x10, 0x00, 0x00 }; /* jmp 0:1000h */
    static const u8 program[] = {
        0xbc, 0x00, 0x20,                         /* mov sp, 2000h */
        0xfb, 0xb9, PAUSES, 0x00,                 /* sti; mov cx, PAUSES */
        0xf3, 0x90, 0x43, 0xe2, 0xfb, 0xfa, 0xf4, /* again: pause; inc bx; loop again; cli; hlt */
    };
    static const u8 handler[] = { 0x46, 0xcf }; /* inc si; iret */
    rig_poke(r, 0xfffffff0, vector, sizeof vector);
    rig_poke(r, 0x1000, program, sizeof program);
    rig_poke(r, 0x1100, handler, sizeof handler);
    for (unsigned k = 0; k < 256; k++)
        rig_poke(r, 4 * k, (const u8[]){ 0x00, 0x11, 0x00, 0x00 }, 4);
}

static const struct program {
    const char *name;
    void (*setup)(struct rig *r);
    bool irq;
    u64 waits; /* ticks beyond one for each instruction */
} programs[] = {
    { "real", real, true, 0 }, { "flat", flat, false, 0 }, { "long", wide, true, 0 }, { "waits", waits, true, PAUSES * 139 },
};

/* --- ways to run them --------------------------------------------------------------------------------------------- */

enum way { FREE, TICKS, PIECES, FORGETFUL, STOPS, OBSERVED, SAVED, WAYS };
static const char *const way_name[] = { "free", "ticks", "pieces", "forgetful", "stops", "observed", "saved" };

struct seen {
    u64 instructions, trapped, bytes;
};

static u64 note(void *opaque, struct cpu *c, const struct cpu_retire *o)
{
    struct seen *s = opaque;
    s->instructions++;
    s->trapped += o->trapped;
    s->bytes += o->length;
    return 1;
}

static void save_and_load(struct rig *r)
{
    struct buf b = { 0 };
    struct err e;
    const struct cpu_ops *ops = r->c->cpu.ops;
    state_save(ops->state, r->c, &b);
    struct reader in = { .data = b.data, .len = b.len };
    CU_ASSERT(state_load(ops->state, r->c, &in, &e));
    buf_free(&b);
    ops->state_loaded(&r->c->cpu);
}

#define END 200000 /* ticks in which each program has come to its end */

/* Until HLT with nothing to wake it. INTR rises at irq_at. */
static u64 run(const struct program *p, enum way way, u64 irq_at, u64 seed, struct rig **keep)
{
    struct rig *r = rig_new("qemu64");
    p->setup(r);
    struct cpu *c = &r->c->cpu;
    struct seen seen = { 0 };
    const struct cpu_observer observer = { note, &seen };
    u64 stops[3] = { 0x1020, 0x100020, 0x100ff3 };
    struct cpu_stops armed = { .code = stops, .n_code = 3 };
    u64 g = seed;
    if (way == OBSERVED)
        c->observer = &observer;
    bool raised = !irq_at;
    while (r->clock.now < END) {
        u64 n = END - r->clock.now;
        if (way == TICKS)
            n = 1;
        else if (way == PIECES || way == FORGETFUL || way == SAVED)
            n = 1 + rng_next(&g) % (way == PIECES ? 9 : 40);
        if (n > END - r->clock.now)
            n = END - r->clock.now;
        if (!raised && n > irq_at - r->clock.now)
            n = irq_at - r->clock.now;
        if (way == FORGETFUL) {
            x86_tlb_flush(r->c);
            cpu_pages_flush(&r->c->engine->pages);
        }
        if (way == SAVED)
            save_and_load(r);
        if (way == STOPS) {
            stops[2] = 0x100000 + rng_next(&g) % 0x1000;
            if (stops[2] == stops[1])
                stops[2]++;
            c->stops = rng_next(&g) % 4 ? &armed : NULL;
            if (stops[2] < stops[1]) {
                u64 t = stops[1];
                stops[1] = stops[2];
                stops[2] = t;
            }
            c->ops->stops_changed(c);
        }
        enum cpu_stop stop = n ? rig_run(r, n) : CPU_BUDGET;
        if (!raised && r->clock.now == irq_at) {
            c->ops->set_irq(c, X86_LINE_INTR, true);
            raised = true;
        } else if (stop == CPU_IDLE) {
            break;
        }
    }
    if (way == OBSERVED) {
        CU_ASSERT(seen.instructions + p->waits == r->clock.now);
        CU_ASSERT(seen.trapped == c->trapped);
    }
    CU_ASSERT(r->clock.now < END);
    u64 hash = rig_hash(r);
    if (keep)
        *keep = r;
    else
        rig_free(r);
    return hash;
}

static void check_program(const struct program *p, struct rig **keep)
{
    struct rig *r;
    u64 want = run(p, FREE, 0, 0, &r);
    u64 end = r->clock.now;
    for (unsigned way = 1; way < WAYS; way++)
        for (u64 seed = 1; seed <= (way == PIECES || way == STOPS ? 4 : 1); seed++)
            if (run(p, (enum way)way, 0, seed, NULL) != want) {
                CU_FAIL("another state at the end");
                fprintf(stderr, "program %s, %s\n", p->name, way_name[way]);
            }
    for (u64 at = 1; p->irq && at < end; at += at < 40 ? 1 : 37) {
        want = run(p, FREE, at, 0, NULL);
        for (unsigned way = 1; way < WAYS; way += 2)
            if (run(p, (enum way)way, at, at, NULL) != want) {
                CU_FAIL("another state at the end");
                fprintf(stderr, "program %s, %s, interrupt at %llu\n", p->name, way_name[way], (unsigned long long)at);
            }
    }
    *keep = r;
}

static void finished(struct rig *r)
{
    if (r->c->activity != X86_HALTED) {
        struct buf b = { 0 };
        x86_tell_story(r->c, NULL, &b);
        fprintf(stderr, "rip %llx, now %llu: %.*s\n", (unsigned long long)r->c->rip, (unsigned long long)r->clock.now, (int)b.len,
                (const char *)b.data);
        buf_free(&b);
    }
    CU_ASSERT_EQUAL(r->c->activity, X86_HALTED);
}

static void test_real(void)
{
    struct rig *r;
    check_program(&programs[0], &r);
    finished(r);
    CU_ASSERT_EQUAL(rig_peek(r, 0x3000, 2), 2 * 210);
    CU_ASSERT_EQUAL(rig_peek(r, 0x4801, 2), 0);
    CU_ASSERT_EQUAL(rig_peek(r, 0x4811, 2), 0x5a5a);
    CU_ASSERT_EQUAL(rig_peek(r, 0x3004, 2), 999);
    CU_ASSERT_EQUAL(rig_peek(r, 0x3006, 2), 1); /* INT 40h */
    CU_ASSERT_EQUAL(rig_peek(r, 0x3008, 2), 0x5655);
    CU_ASSERT_EQUAL(rig_peek(r, 0x300a, 2), 1); /* #DE */
    CU_ASSERT_EQUAL(rig_peek(r, 0x300c, 1), 7); /* the instruction behind the store */
    CU_ASSERT_EQUAL(rig_peek(r, 0x100010, 1), 0x33);
    CU_ASSERT_EQUAL(r->n_out, 3);
    CU_ASSERT(r->out[0] == 0x53 && r->out[1] == 0x55 && r->out[2] == 0x56);
    CU_ASSERT_EQUAL((u32)r->c->r[X86_AX], 0x12345678);
    rig_free(r);
}

static void test_flat(void)
{
    struct rig *r;
    check_program(&programs[1], &r);
    finished(r);
    CU_ASSERT_EQUAL(rig_peek(r, 0x3010, 4), 29524); /* (3^10 - 1) / 2 */
    CU_ASSERT_EQUAL(rig_peek(r, 0x3014, 1), 10);
    CU_ASSERT_EQUAL(rig_peek(r, 0x3020, 4), 2); /* #UD, #GP */
    CU_ASSERT_EQUAL(rig_peek(r, 0x3024, 4), 0x11243345);
    CU_ASSERT_EQUAL(r->device_sizes, 5); /* a word at an odd address: bytes */
    rig_free(r);
}

static void test_long(void)
{
    struct rig *r;
    check_program(&programs[2], &r);
    finished(r);
    CU_ASSERT_EQUAL(rig_peek(r, 0x201000, 8), 0);
    CU_ASSERT_EQUAL(rig_peek(r, 0x203000, 8), 2);
    CU_ASSERT_EQUAL(rig_peek(r, 0x203008, 8), 2);
    CU_ASSERT_EQUAL(rig_peek(r, 0x3008, 8), 1);          /* what the handler mapped */
    CU_ASSERT_EQUAL(rig_peek(r, 0x202000, 8), 0x200000); /* after the fault of a read-only page */
    CU_ASSERT_EQUAL(rig_peek(r, 0x3010, 8), 9);
    CU_ASSERT_EQUAL(rig_peek(r, 0x3030, 8), 3); /* error codes: not present; a store to what is present */
    CU_ASSERT_EQUAL(rig_peek(r, 0x3050, 8), 5051);
    CU_ASSERT_EQUAL(rig_peek(r, 0x5000 + 8 * 14, 8), 2);
    CU_ASSERT_EQUAL(rig_peek(r, 0x5000 + 8 * 13, 8), 2);
    CU_ASSERT_EQUAL(rig_peek(r, 0x5000 + 8 * 1, 8), 8); /* 6 steps, a store, an address */
    rig_free(r);
}

/* PAUSE is one instruction of 140 ticks that interrupts may cut in two (decision 083). */
static void test_waits(void)
{
    struct rig *r;
    check_program(&programs[3], &r);
    finished(r);
    CU_ASSERT_EQUAL(r->c->r[X86_BX], PAUSES);
    rig_free(r);
    run(&programs[3], FREE, 500, 0, &r);
    CU_ASSERT_EQUAL(r->c->r[X86_SI], 1);
    CU_ASSERT_EQUAL(r->clock.now, 6 + 3 * PAUSES + PAUSES * 139 + 2);
    rig_free(r);
    const u64 at = 0x1007;
    struct cpu_stops armed = { .code = &at, .n_code = 1 };
    unsigned stops = 0;
    r = rig_new("qemu64");
    waits(r);
    r->c->cpu.stops = &armed;
    r->c->cpu.ops->stops_changed(&r->c->cpu);
    for (enum cpu_stop why; (why = rig_run(r, 50)) != CPU_IDLE && r->clock.now < END;)
        stops += why == CPU_BREAK;
    CU_ASSERT_EQUAL(stops, PAUSES);
    rig_free(r);
}

int main(void)
{
    CU_TestInfo tests[] = { { "real mode", test_real }, { "32 bits", test_flat }, { "64 bits", test_long },
                            { "PAUSE", test_waits }, CU_TEST_INFO_NULL };
    return unit_main("x86 engine", tests);
}
