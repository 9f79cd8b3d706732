/* The clock: the order of timers against a plain model, the promise to the run loop, and its saved form. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tests/unit.h"

#define MANY 40

struct log {
    struct clock *clock;
    u32 fired[4096];
    u64 at[4096];
    unsigned n;
};

struct alarm {
    struct timer t;
    struct log *log;
    u32 id;
    struct alarm *also; /* armed for `also_when` when this one fires */
    u64 also_when;
};

static void ring(void *opaque, u64 now)
{
    struct alarm *a = opaque;
    CU_ASSERT_FALSE(a->t.armed);
    a->log->fired[a->log->n] = a->id;
    a->log->at[a->log->n++] = now;
    if (a->also)
        timer_arm(a->log->clock, &a->also->t, a->also_when);
}

static void make(struct clock *c, struct log *log, struct alarm *a, unsigned n, const u32 *priority)
{
    clock_init(c, 1000000000);
    memset(log, 0, sizeof *log);
    log->clock = c;
    for (unsigned i = 0; i < n; i++) {
        static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
        a[i] = (struct alarm){ .log = log, .id = i };
        timer_init(c, &a[i].t, names[i % 8], names[i / 8], priority ? priority[i] : 10, ring, &a[i]);
    }
}

static void order_is_when_priority_sequence(void)
{
    struct clock c;
    struct log log;
    struct alarm a[5];
    make(&c, &log, a, 5, (const u32[]){ 20, 10, 10, 5, 30 });
    CU_ASSERT_EQUAL(clock_next(&c), CLOCK_NEVER);
    timer_arm(&c, &a[0].t, 100); /* 100, priority 20 */
    timer_arm(&c, &a[2].t, 100); /* 100, 10, armed before 1 */
    timer_arm(&c, &a[1].t, 100);
    timer_arm(&c, &a[3].t, 101); /* the best priority, but later */
    timer_arm(&c, &a[4].t, 99);
    CU_ASSERT_EQUAL(clock_next(&c), 99);
    c.now = 98;
    clock_fire(&c);
    CU_ASSERT_EQUAL(log.n, 0);
    c.now = 101;
    clock_fire(&c);
    static const u32 want[] = { 4, 2, 1, 0, 3 };
    CU_ASSERT_EQUAL(log.n, 5);
    CU_ASSERT(!memcmp(log.fired, want, sizeof want));
    CU_ASSERT_EQUAL(log.at[0], 101);
    CU_ASSERT_EQUAL(clock_next(&c), CLOCK_NEVER);
    clock_fini(&c);
}

static void arming_again_moves(void)
{
    struct clock c;
    struct log log;
    struct alarm a[3];
    make(&c, &log, a, 3, NULL);
    timer_arm(&c, &a[0].t, 10);
    timer_arm(&c, &a[1].t, 20);
    timer_arm(&c, &a[0].t, 30); /* later */
    timer_arm(&c, &a[2].t, 40);
    timer_arm(&c, &a[2].t, 20); /* earlier, and behind 1 which is equal */
    CU_ASSERT_EQUAL(c.heap_len, 3);
    CU_ASSERT_EQUAL(clock_next(&c), 20);
    c.now = 50;
    clock_fire(&c);
    static const u32 want[] = { 1, 2, 0 };
    CU_ASSERT_EQUAL(log.n, 3);
    CU_ASSERT(!memcmp(log.fired, want, sizeof want));
    clock_fini(&c);
}

static void cancelled_do_not_fire(void)
{
    struct clock c;
    struct log log;
    struct alarm a[3];
    make(&c, &log, a, 3, NULL);
    timer_cancel(&c, &a[0].t); /* never armed: nothing happens */
    for (unsigned i = 0; i < 3; i++)
        timer_arm(&c, &a[i].t, 10 + i);
    timer_cancel(&c, &a[0].t);
    timer_cancel(&c, &a[0].t);
    CU_ASSERT_EQUAL(clock_next(&c), 11);
    c.now = 100;
    clock_fire(&c);
    CU_ASSERT_EQUAL(log.n, 2);
    CU_ASSERT_EQUAL(log.fired[0], 1);
    clock_fini(&c);
}

static void firing_arms_more(void)
{
    struct clock c;
    struct log log;
    struct alarm a[4];
    make(&c, &log, a, 4, NULL);
    a[0].also = &a[1]; /* for now: still in this round */
    a[0].also_when = 100;
    a[1].also = &a[2]; /* for the past: in this round too */
    a[1].also_when = 3;
    a[2].also = &a[3]; /* for later */
    a[2].also_when = 101;
    timer_arm(&c, &a[0].t, 50);
    c.now = 100;
    clock_fire(&c);
    CU_ASSERT_EQUAL(log.n, 3);
    CU_ASSERT_EQUAL(clock_next(&c), 101);
    clock_fini(&c);
}

static void attention_when_the_promise_breaks(void)
{
    struct clock c;
    struct log log;
    struct alarm a[1];
    make(&c, &log, a, 1, NULL);
    c.horizon = 100;
    timer_arm(&c, &a[0].t, 100);
    CU_ASSERT_FALSE(c.attention);
    timer_arm(&c, &a[0].t, 99);
    CU_ASSERT_TRUE(c.attention);
    clock_fini(&c);
}

/* Many random steps against a list searched from end to end. */
static void like_the_model(void)
{
    u64 rng = 7;
    for (unsigned round = 0; round < 20; round++) {
        struct clock c;
        struct log log;
        struct alarm a[MANY];
        u32 priority[MANY];
        for (unsigned i = 0; i < MANY; i++)
            priority[i] = (u32)(rng_next(&rng) % 3);
        make(&c, &log, a, MANY, priority);
        struct { bool armed; u64 when, seq; } model[MANY] = { { 0 } };
        u64 seq = 0;
        unsigned wrong = 0;
        for (unsigned step = 0; step < 2000; step++) {
            u64 i = rng_next(&rng) % MANY;
            switch (rng_next(&rng) % 8) {
            case 0:
                timer_cancel(&c, &a[i].t);
                model[i].armed = false;
                break;
            case 1: {
                c.now += rng_next(&rng) % 6;
                log.n = 0;
                clock_fire(&c);
                unsigned k = 0;
                for (;;) {
                    int first = -1;
                    for (int j = 0; j < MANY; j++) {
                        if (!model[j].armed || model[j].when > c.now)
                            continue;
                        if (first < 0 || model[j].when < model[first].when ||
                            (model[j].when == model[first].when &&
                             (priority[j] < priority[first] ||
                              (priority[j] == priority[first] && model[j].seq < model[first].seq))))
                            first = j;
                    }
                    if (first < 0)
                        break;
                    wrong += k >= log.n || log.fired[k] != (u32)first;
                    k++;
                    model[first].armed = false;
                }
                wrong += k != log.n;
                break;
            }
            default:
                model[i].armed = true;
                model[i].when = c.now + rng_next(&rng) % 20;
                model[i].seq = seq++;
                timer_arm(&c, &a[i].t, model[i].when);
            }
        }
        CU_ASSERT_EQUAL(wrong, 0);
        clock_fini(&c);
    }
}

static void save_load_hash(void)
{
    struct clock c, d;
    struct log log, log2;
    struct alarm a[20], b[20];
    make(&c, &log, a, 20, NULL);
    make(&d, &log2, b, 20, NULL);
    for (unsigned i = 0; i < 15; i++)
        timer_arm(&c, &a[(i * 7) % 20].t, 1000 + i / 4);
    c.now = 900;
    timer_arm(&d, &b[3].t, 5); /* what was there before goes */
    struct buf s = { 0 };
    clock_save(&c, &s);
    CU_ASSERT_NOT_EQUAL(clock_hash(&c, 1), clock_hash(&d, 1));
    struct reader in = { .data = s.data, .len = s.len };
    struct err e = { "" };
    CU_ASSERT_TRUE(clock_load(&d, &in, &e));
    CU_ASSERT_EQUAL(in.pos, s.len);
    CU_ASSERT_EQUAL(d.now, 900);
    CU_ASSERT_EQUAL(d.seq, c.seq);
    CU_ASSERT_EQUAL(clock_hash(&c, 1), clock_hash(&d, 1));
    CU_ASSERT_NOT_EQUAL(clock_hash(&c, 1), clock_hash(&c, 2));
    c.now = d.now = 2000;
    clock_fire(&c);
    clock_fire(&d);
    CU_ASSERT_EQUAL(log.n, 15);
    CU_ASSERT_EQUAL(log2.n, 15);
    CU_ASSERT(!memcmp(log.fired, log2.fired, sizeof log.fired));

    /* What the hash must see. */
    u64 h = clock_hash(&c, 0);
    c.now++;
    CU_ASSERT_NOT_EQUAL(clock_hash(&c, 0), h);
    c.now--;
    timer_arm(&c, &a[0].t, 3000);
    u64 armed = clock_hash(&c, 0);
    CU_ASSERT_NOT_EQUAL(armed, h);
    timer_arm(&c, &a[0].t, 3000); /* a later sequence number */
    CU_ASSERT_NOT_EQUAL(clock_hash(&c, 0), armed);
    timer_cancel(&c, &a[0].t);
    CU_ASSERT_EQUAL(clock_hash(&c, 0), h);
    buf_free(&s);
    clock_fini(&c);
    clock_fini(&d);
}

static void damaged_saves_are_refused(void)
{
    struct clock c, d, fewer;
    struct log log, log2, log3;
    struct alarm a[6], b[6], f[5];
    make(&c, &log, a, 6, NULL);
    make(&d, &log2, b, 6, NULL);
    make(&fewer, &log3, f, 5, NULL);
    for (unsigned i = 0; i < 6; i++)
        timer_arm(&c, &a[i].t, 10 + i);
    struct buf s = { 0 };
    clock_save(&c, &s);
    struct err e = { "" };
    for (size_t n = 0; n < s.len; n++) {
        struct reader in = { .data = s.data, .len = n };
        CU_ASSERT_FALSE(clock_load(&d, &in, &e));
    }
    struct reader in = { .data = s.data, .len = s.len };
    CU_ASSERT_FALSE(clock_load(&fewer, &in, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "6 timers"));
    /* The first timer named like the second: twice the same. */
    u8 *name = memmem(s.data, s.len, "a\1\0\0\0a", 6);
    CU_ASSERT_PTR_NOT_NULL_FATAL(name);
    name[0] = 'b';
    in = (struct reader){ .data = s.data, .len = s.len };
    CU_ASSERT_FALSE(clock_load(&d, &in, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "'b a'"));
    name[0] = 'Z';
    in = (struct reader){ .data = s.data, .len = s.len };
    CU_ASSERT_FALSE(clock_load(&d, &in, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "'Z a'"));
    name[0] = 'a';
    in = (struct reader){ .data = s.data, .len = s.len };
    CU_ASSERT_TRUE(clock_load(&d, &in, &e)); /* and it still takes a good one */
    CU_ASSERT_EQUAL(clock_hash(&d, 0), clock_hash(&c, 0));
    buf_free(&s);
    clock_fini(&c);
    clock_fini(&d);
    clock_fini(&fewer);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        { "order: when, priority, sequence", order_is_when_priority_sequence },
        { "arming again moves", arming_again_moves },
        { "cancelled timers do not fire", cancelled_do_not_fire },
        { "a firing timer arms more", firing_arms_more },
        { "attention when something comes before the horizon", attention_when_the_promise_breaks },
        { "like a searched list", like_the_model },
        { "save, load, hash", save_load_hash },
        { "damaged saves are refused", damaged_saves_are_refused },
        CU_TEST_INFO_NULL,
    };
    return unit_main("clock", tests);
}
