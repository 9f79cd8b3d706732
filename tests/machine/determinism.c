/* The same guest with the same input has the same state at every position, however it is run: in slices of any size,
 * step by step, watched by an observer, with stop points armed, with idle time skipped or passed bit by bit. */
#include "tests/machine/guest.h"
#include "tests/unit.h"

#define END 200000
#define LOOK_EVERY 9973 /* positions at which hashes are compared */
#define LOOKS (END / LOOK_EVERY + 2)
#define TYPED 40

struct how {
    const char *name;
    u64 slice;      /* 0: at once; UINT64_MAX: random */
    bool observed, stops, advance;
    u64 quantum;
    bool hash_every;
};

static u64 count_ticks(void *opaque, struct cpu *c, const struct cpu_retire *r)
{
    ++*(u64 *)opaque;
    return 1;
}

static void ignore_hash(void *opaque, u64 position, u64 hash)
{
    ++*(u64 *)opaque;
}

struct seen {
    u64 at[LOOKS], hash[LOOKS], echo;
    unsigned n, stops;
};

static void go_to(struct machine *m, u64 until, const struct how *how, u64 *rng, struct seen *s)
{
    while (m->clock.now < until) {
        u64 slice = how->slice == UINT64_MAX ? 1 + rng_next(rng) % 3000 : how->slice;
        u64 to = slice && slice < until - m->clock.now ? m->clock.now + slice : until;
        enum machine_stop why = machine_run(m, to, !how->advance);
        if (why == MACHINE_IDLE) {
            machine_advance(m, to);
        } else if (why == MACHINE_BREAK || why == MACHINE_WATCH) {
            s->stops++;
        } else if (why != MACHINE_REACHED) {
            fprintf(stderr, "%s: stopped at %llu: %d %s\n", how->name, (unsigned long long)m->clock.now, why,
                    m->stop.text);
            exit(1);
        }
    }
}

static void run_it(unsigned harts, const struct how *how, struct seen *s)
{
    struct guest_machine g;
    guest_config(&g, harts);
    g.config.quantum = how->quantum;
    struct machine *m = guest_start(&g);
    struct typed t[TYPED];
    typed_make(t, TYPED, END, 5);
    memset(s, 0, sizeof *s);

    u64 observed = 0, hashed = 0, rng = 42;
    const struct cpu_observer o = { count_ticks, &observed };
    if (how->observed)
        machine_observe(m, &o);
    /* In the loop, at the retry, on the trap handler's first instruction; on the shared counter and a private page. */
    u64 code[] = { GUEST_BASE + 4 * g.guest.label[L_LOOP], GUEST_BASE + 4 * g.guest.label[L_RETRY],
                   GUEST_BASE + 4 * g.guest.label[L_PATCHED], GUEST_BASE + 4 * g.guest.label[L_TRAP] };
    const struct cpu_watch watch[] = { { .addr = GUEST_SHARED, .len = 8, .access = CPU_WRITE },
                                       { .addr = GUEST_PRIVATE + 0x4000, .len = 0x300, .access = CPU_WRITE | CPU_READ } };
    if (how->stops) {
        m->stops = (struct cpu_stops){ .code = code, .n_code = ARRAY_LEN(code), .watch = watch, .n_watch = ARRAY_LEN(watch) };
        machine_stops_changed(m);
    }
    if (how->hash_every) {
        m->hashes.every = m->hashes.next = 777;
        m->hashes.report = ignore_hash;
        m->hashes.opaque = &hashed;
    }
    unsigned next = 0;
    for (u64 look = LOOK_EVERY; look < END + LOOK_EVERY; look += LOOK_EVERY) {
        for (; next < TYPED && t[next].at <= look; next++) {
            go_to(m, t[next].at, how, &rng, s);
            type_now(m, &t[next]);
        }
        go_to(m, look, how, &rng, s);
        s->at[s->n] = m->clock.now;
        s->hash[s->n++] = machine_hash(m);
    }
    s->echo = hash_bytes(g.sink.got.data, g.sink.got.len, g.sink.got.len);
    if (how->observed)
        CU_ASSERT(observed > END / 2);
    if (how->stops)
        CU_ASSERT(s->stops > 1000);
    if (how->hash_every)
        CU_ASSERT(hashed >= END / 777);
    CU_ASSERT(g.sink.got.len > 100); /* something was typed and echoed */
    guest_end(&g);
}

static void same(const struct how *how, const struct seen *want, const struct seen *got)
{
    for (unsigned i = 0; i < want->n; i++)
        if (want->at[i] != got->at[i] || want->hash[i] != got->hash[i]) {
            fprintf(stderr, "\n%s: position %llu has hash %016llx, should be %llu %016llx\n", how->name,
                    (unsigned long long)got->at[i], (unsigned long long)got->hash[i], (unsigned long long)want->at[i],
                    (unsigned long long)want->hash[i]);
            CU_FAIL("another state");
            return;
        }
    CU_ASSERT_EQUAL(want->n, got->n);
    CU_ASSERT_EQUAL(want->echo, got->echo);
}

static void however_it_is_run(unsigned harts, u64 quantum)
{
    static const struct how ways[] = {
        { "again", .slice = 0 },
        { "slices of 1", .slice = 1 },
        { "slices of 7", .slice = 7 },
        { "slices of 1000", .slice = 1000 },
        { "random slices", .slice = UINT64_MAX },
        { "time passes by machine_advance", .slice = 333, .advance = true },
        { "an observer", .observed = true },
        { "an observer, slices of 7", .observed = true, .slice = 7 },
        { "breakpoints and watchpoints", .stops = true },
        { "breakpoints and watchpoints, an observer, random slices", .stops = true, .observed = true,
          .slice = UINT64_MAX },
        { "hashed often", .hash_every = true, .slice = UINT64_MAX },
    };
    struct how plain = { "at once", .quantum = quantum };
    struct seen want, got;
    run_it(harts, &plain, &want);
    for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
        struct how how = ways[i];
        how.quantum = quantum;
        run_it(harts, &how, &got);
        same(&how, &want, &got);
    }
}

static void one_hart(void) { however_it_is_run(1, 0); }
static void four_harts(void) { however_it_is_run(4, 0); }
static void four_harts_short_turns(void) { however_it_is_run(4, 100); }
static void three_harts_turns_of_one(void) { however_it_is_run(3, 1); }

/* The quantum is part of the machine: another one is another run. That the tests above can fail is seen here. */
static void quantum_matters(void)
{
    struct seen a, b, c;
    run_it(4, &(struct how){ "quantum 100", .quantum = 100 }, &a);
    run_it(4, &(struct how){ "quantum 101", .quantum = 101 }, &b);
    run_it(4, &(struct how){ "quantum 4000", .quantum = 4000 }, &c);
    CU_ASSERT_NOT_EQUAL(a.hash[a.n - 1], b.hash[b.n - 1]);
    CU_ASSERT_NOT_EQUAL(a.hash[a.n - 1], c.hash[c.n - 1]);
}

/* machine_step(m, hart): that hart has executed one instruction more (or took a trap), and where the run ends up is on
 * the path of the plain run. */
static void steps(unsigned harts)
{
    struct guest_machine g, plain;
    guest_config(&g, harts);
    guest_config(&plain, harts);
    struct machine *m = guest_start(&g), *p = guest_start(&plain);
    machine_run(m, 30000, true);
    machine_run(p, 30000, true);
    u64 rng = 1;
    unsigned wrong = 0;
    for (unsigned i = 0; i < 3000; i++) {
        struct cpu *c = m->cpus[rng_next(&rng) % harts];
        u64 before = c->retired, pc = c->ops->get_pc(c);
        if (machine_step(m, c) != MACHINE_REACHED)
            wrong++;
        /* An instruction that traps does not retire; it moves to the handler. */
        wrong += c->retired != before + 1 && !(c->retired == before && c->ops->get_pc(c) != pc);
        if (i % 100 == 0) {
            machine_run(p, m->clock.now, true);
            wrong += machine_hash(p) != machine_hash(m);
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    guest_end(&g);
    guest_end(&plain);
}

static void steps_of_one_hart(void) { steps(1); }
static void steps_of_four_harts(void) { steps(4); }

/* Reset while running: the same each time, and time goes on. */
static void reset_is_deterministic(void)
{
    u64 hash[2];
    for (unsigned i = 0; i < 2; i++) {
        struct guest_machine g;
        guest_config(&g, 4);
        struct machine *m = guest_start(&g);
        for (unsigned k = 1; k <= 20; k++) {
            machine_run(m, k * 5000, true);
            machine_reset(m);
            CU_ASSERT_EQUAL(m->clock.now, k * 5000);
        }
        machine_run(m, 150000, true);
        hash[i] = machine_hash(m);
        guest_end(&g);
    }
    CU_ASSERT_EQUAL(hash[0], hash[1]);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        { "however it is run: 1 hart", one_hart },
        { "however it is run: 4 harts", four_harts },
        { "however it is run: 4 harts, quantum 100", four_harts_short_turns },
        { "however it is run: 3 harts, quantum 1", three_harts_turns_of_one },
        { "the quantum matters", quantum_matters },
        { "steps: 1 hart", steps_of_one_hart },
        { "steps: 4 harts", steps_of_four_harts },
        { "reset is deterministic", reset_is_deterministic },
        CU_TEST_INFO_NULL,
    };
    return unit_main("determinism", tests);
}
