/* Going back: any tour of the past finds the states of the straight run, says nothing twice, and undoes what disks were
 * written; new input and changes by hand begin another life. */
#include "machine/history.h"
#include "machine/history_taps.h"
#include "machine/record.h"

#include "tests/machine/guest.h"
#include "tests/unit.h"

#define TYPED 60
#define SPAN 3000000
#define INSTANTS 60

/* Runs to `until`, typing what is due on the way. *next is the first that was not typed yet. */
static void go_to(struct machine *m, u64 until, const struct typed *t, unsigned *next)
{
    for (; *next < TYPED && t[*next].at < until; ++*next) {
        machine_run(m, t[*next].at, true);
        type_now(m, &t[*next]);
    }
    CU_ASSERT_EQUAL_FATAL(machine_run(m, until, true), MACHINE_REACHED);
}

static void tours(unsigned harts, u64 limit, u64 spacing)
{
    struct guest_machine g, straight;
    guest_config(&g, harts);
    guest_config(&straight, harts);
    struct machine *m = guest_start(&g), *s = guest_start(&straight);
    struct typed t[TYPED];
    typed_make(t, TYPED, SPAN, 5);
    struct err e = { "" };
    struct history *h = history_new(m, &(struct history_options){ .limit = limit, .spacing = spacing }, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h);
    u64 at[INSTANTS], hash[INSTANTS], rng = 99, wrong = 0, inside = 0;
    unsigned a = 0, b = 0;
    for (unsigned i = 0; i < INSTANTS; i++) {
        at[i] = (i ? at[i - 1] : 0) + 1 + rng_next(&rng) % (2 * SPAN / INSTANTS);
        go_to(s, at[i], t, &a);
        go_to(m, at[i], t, &b);
        hash[i] = machine_hash(s);
        wrong += machine_hash(m) != hash[i];
    }
    CU_ASSERT_EQUAL(wrong, 0);
    u64 end = m->clock.now;
    size_t said = g.sink.got.len;
    CU_ASSERT_EQUAL(said, straight.sink.got.len);
    CU_ASSERT_FALSE(history_past(h));
    for (unsigned i = 0; i < 200; i++) {
        unsigned k = (unsigned)(rng_next(&rng) % INSTANTS);
        if (at[k] < history_begin(h)) {
            CU_ASSERT_FALSE(history_goto(h, at[k], &e));
            continue;
        }
        inside++;
        if (!history_goto(h, at[k], &e))
            wrong++, fprintf(stderr, "%s\n", e.text);
        wrong += m->clock.now != at[k] || machine_hash(m) != hash[k];
        wrong += history_past(h) != (k != INSTANTS - 1);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(inside > 20);
    CU_ASSERT_EQUAL(history_end(h), end);
    struct history_info info;
    history_describe(h, &info);
    CU_ASSERT(info.bytes < info.limit + ((u64)4 << 20));
    /* Where the past ends it goes on, and only now it speaks again. */
    CU_ASSERT(history_goto(h, at[INSTANTS - 2], &e));
    CU_ASSERT_EQUAL(g.sink.got.len, said);
    go_to(s, end + 200000, t, &a);
    CU_ASSERT_EQUAL(machine_run(m, end, true), MACHINE_REACHED);
    go_to(m, end + 200000, t, &b);
    CU_ASSERT_EQUAL(machine_hash(m), machine_hash(s));
    CU_ASSERT_EQUAL(g.sink.got.len, straight.sink.got.len);
    CU_ASSERT(!memcmp(g.sink.got.data, straight.sink.got.data, g.sink.got.len));
    CU_ASSERT_FALSE(history_goto(h, m->clock.now + 1, &e));
    history_free(h);
    guest_end(&g);
    guest_end(&straight);
}

static void one_hart(void) { tours(1, 0, 100000); }
static void four_harts(void) { tours(4, 0, 100000); }
static void little_memory(void) { tours(2, 5 << 20, 20000); } /* checkpoints thin out */
static void no_memory(void) { tours(1, 1 << 20, 20000); }     /* and the beginning is forgotten */

static unsigned branches;
static void branched(void *opaque, u64 position, u64 end)
{
    u64 *seen = opaque;
    seen[0] = position;
    seen[1] = end;
    branches++;
}

static void other_lives(void)
{
    struct guest_machine g;
    guest_config(&g, 1);
    struct machine *m = guest_start(&g);
    struct err e = { "" };
    u64 seen[2] = { 0 };
    struct history *h = history_new(m, &(struct history_options){ .spacing = 50000, .opaque = seen,
                                                                  .branched = branched }, &e);
    struct typed t = { .bytes = "abc", .n = 3 };
    machine_run(m, 400000, true);
    type_now(m, &t);
    machine_run(m, 800000, true);
    u64 typed = machine_hash(m);
    CU_ASSERT_EQUAL(branches, 0);

    /* A change by hand in the past. */
    CU_ASSERT(history_goto(h, 600000, &e));
    u64 before = machine_hash(m);
    u64 v = 0;
    m->cpus[0]->ops->reg_get(m->cpus[0], cpu_reg_named(m->cpus[0], "s3"), &v);
    machine_edit(m);
    m->cpus[0]->ops->reg_set(m->cpus[0], cpu_reg_named(m->cpus[0], "s3"), v + 1);
    CU_ASSERT_EQUAL(branches, 1);
    CU_ASSERT_EQUAL(seen[0], 600000);
    CU_ASSERT_EQUAL(seen[1], 800000);
    CU_ASSERT_EQUAL(history_end(h), 600000);
    u64 edited = machine_hash(m);
    CU_ASSERT(edited != before);
    machine_run(m, 900000, true);
    u64 after = machine_hash(m);
    CU_ASSERT(after != typed);
    CU_ASSERT(history_goto(h, 500000, &e));
    CU_ASSERT(history_goto(h, 900000, &e)); /* over the change */
    CU_ASSERT_EQUAL(machine_hash(m), after);
    CU_ASSERT(history_goto(h, 600000, &e));
    CU_ASSERT_EQUAL(machine_hash(m), edited);
    CU_ASSERT(history_unedit(h, &e) == false); /* not at the end */
    CU_ASSERT(history_goto(h, 599999, &e));
    machine_run(m, 600000, true);
    CU_ASSERT_EQUAL(machine_hash(m), edited);

    /* Typing in the past. */
    CU_ASSERT(history_goto(h, 300000, &e));
    type_now(m, &t);
    CU_ASSERT_EQUAL(branches, 2);
    CU_ASSERT_EQUAL(seen[1], 900000);
    CU_ASSERT_FALSE(history_past(h));
    CU_ASSERT_FALSE(history_goto(h, 400000, &e));
    machine_run(m, 800000, true);
    CU_ASSERT(machine_hash(m) != typed);

    u64 last = machine_hash(m);
    machine_edit(m);
    m->cpus[0]->ops->reg_set(m->cpus[0], cpu_reg_named(m->cpus[0], "s3"), 12345);
    CU_ASSERT(machine_hash(m) != last);
    CU_ASSERT(history_unedit(h, &e));
    CU_ASSERT_EQUAL(machine_hash(m), last);
    CU_ASSERT_FALSE(history_unedit(h, &e));

    /* A snapshot leads nowhere back. */
    struct buf s = { 0 };
    machine_save(m, &s);
    machine_run(m, 900000, true);
    CU_ASSERT(machine_load(m, s.data, s.len, &e));
    CU_ASSERT_EQUAL(history_begin(h), 800000);
    CU_ASSERT_FALSE(history_goto(h, 799999, &e));
    buf_free(&s);
    history_free(h);
    guest_end(&g);
}

/* Which checkpoints lie around a store. */
static void who_wrote(void)
{
    struct guest_machine g;
    guest_config(&g, 1);
    struct machine *m = guest_start(&g);
    struct err e = { "" };
    struct history *h = history_new(m, &(struct history_options){ .spacing = 10000 }, &e);
    machine_run(m, 300000, true);
    history_mark(h);
    struct ram *r = m->rams;
    while (r && r->size != GUEST_RAM)
        r = r->next;
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    u64 a, b = 300000;
    unsigned n = 0;
    for (; history_before(h, b, &a); b = a, n++) {
        CU_ASSERT(history_wrote(h, a, b, r, GUEST_SHARED - GUEST_BASE, 8));                    /* every round */
        CU_ASSERT_EQUAL(history_wrote(h, a, b, r, GUEST_PAGES - GUEST_BASE + 16, 8), a == 0); /* once, in the beginning */
        CU_ASSERT_FALSE(history_wrote(h, a, b, r, GUEST_PAGES - GUEST_BASE + 0x10000, 8));
    }
    CU_ASSERT(n > 20);
    history_free(h);
    guest_end(&g);
}

static void to_buf(void *opaque, const void *bytes, size_t n)
{
    buf_put(opaque, bytes, n);
}

/* A recording, replayed with a history: tours while it is replayed and afterwards. */
static void recordings(unsigned harts)
{
    struct guest_machine g;
    guest_config(&g, harts);
    struct machine *m = guest_start(&g);
    struct typed t[TYPED], late = { .bytes = "late", .n = 4 };
    typed_make(t, TYPED, SPAN, 5);
    struct buf file = { 0 };
    u64 at[INSTANTS], hash[INSTANTS], rng = 77, wrong = 0, seen[2] = { 0 };
    unsigned a = 0;
    recorder_new(m, "", 100000, to_buf, &file);
    for (unsigned i = 0; i < INSTANTS; i++) {
        at[i] = (i ? at[i - 1] : 0) + 1 + rng_next(&rng) % (2 * SPAN / INSTANTS);
        go_to(m, at[i], t, &a);
        hash[i] = machine_hash(m);
    }
    struct err e = { "" };
    CU_ASSERT_PTR_NULL(history_new(m, &(struct history_options){ 0 }, &e));
    recorder_end(m->recorder, m, "the test has seen enough");
    size_t said = g.sink.got.len;
    guest_end(&g);

    guest_config(&g, harts);
    m = guest_start(&g);
    CU_ASSERT_PTR_NOT_NULL_FATAL(replayer_new(m, file.data, file.len, &e));
    struct history *h = history_new(m, &(struct history_options){ .spacing = 100000, .opaque = seen,
                                                                  .branched = branched }, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h);
    CU_ASSERT_EQUAL(history_reach(h), at[INSTANTS - 1]);
    CU_ASSERT_FALSE(history_goto(h, at[INSTANTS - 1] + 1, &e));
    for (unsigned i = 0; i < 200; i++) { /* at first back and forth in the part that is known, which grows */
        unsigned k = (unsigned)(rng_next(&rng) % (i < 150 ? 1 + i * INSTANTS / 150 : INSTANTS));
        wrong += !history_goto(h, at[k], &e) || m->clock.now != at[k] || machine_hash(m) != hash[k];
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(history_goto(h, at[INSTANTS - 1], &e));
    branches = 0;
    enum machine_stop why = m->replayer ? machine_run(m, CLOCK_NEVER, true) : MACHINE_REPLAY_END;
    CU_ASSERT_EQUAL(why, MACHINE_REPLAY_END);
    CU_ASSERT_STRING_EQUAL(m->stop.text, "the test has seen enough");
    CU_ASSERT_EQUAL(m->clock.now, at[INSTANTS - 1]);
    CU_ASSERT_EQUAL(g.sink.got.len, said);

    /* Behind its end it lives on, and says that this is no longer the recording. */
    type_now(m, &late);
    CU_ASSERT_EQUAL(branches, 1);
    CU_ASSERT(seen[0] == at[INSTANTS - 1] && seen[1] == seen[0]);
    machine_run(m, m->clock.now + 50000, true);
    type_now(m, &late);
    CU_ASSERT_EQUAL(branches, 1);
    CU_ASSERT(history_goto(h, at[3], &e));
    CU_ASSERT_EQUAL(machine_hash(m), hash[3]);
    history_free(h);
    guest_end(&g);

    /* Typing in the past leaves the recording before its end was seen. */
    guest_config(&g, harts);
    m = guest_start(&g);
    CU_ASSERT_PTR_NOT_NULL_FATAL(replayer_new(m, file.data, file.len, &e));
    h = history_new(m, &(struct history_options){ .spacing = 100000, .opaque = seen, .branched = branched }, &e);
    CU_ASSERT(history_goto(h, at[20], &e));
    CU_ASSERT_PTR_NOT_NULL(machine_untouchable(m));
    type_now(m, &late); /* here only the recording types */
    CU_ASSERT_EQUAL(machine_hash(m), hash[20]);
    CU_ASSERT(history_goto(h, at[10], &e));
    CU_ASSERT_PTR_NULL(machine_untouchable(m));
    type_now(m, &late);
    CU_ASSERT_EQUAL(branches, 2);
    CU_ASSERT(seen[0] == at[10] && seen[1] == at[20]);
    CU_ASSERT_PTR_NULL(m->replayer);
    CU_ASSERT_EQUAL(machine_run(m, at[30], true), MACHINE_REACHED);
    CU_ASSERT_NOT_EQUAL(machine_hash(m), hash[30]);
    history_free(h);
    guest_end(&g);
    buf_free(&file);
}

static void recording_of_one(void) { recordings(1); }
static void recording_of_four(void) { recordings(4); }

/* A disk in memory. */
struct disk {
    struct block_port port; /* first */
    u8 bytes[1 << 18];
};
static bool disk_read(struct block_port *b, u64 offset, void *out, size_t len, struct err *e)
{
    memcpy(out, ((struct disk *)b)->bytes + offset, len);
    return true;
}
static bool disk_write(struct block_port *b, u64 offset, const void *in, size_t len, struct err *e)
{
    memcpy(((struct disk *)b)->bytes + offset, in, len);
    return true;
}
static bool disk_zero(struct block_port *b, u64 offset, u64 len, struct err *e)
{
    memset(((struct disk *)b)->bytes + offset, 0, len);
    return true;
}

static void disks(void)
{
    static const struct block_ops ops = { .read = disk_read, .write = disk_write, .zero = disk_zero };
    static struct disk disk, was[50];
    disk.port = (struct block_port){ .ops = &ops, .id = "d", .size = sizeof disk.bytes };
    struct machine_config c = { .drives = { &disk.port }, .n_drives = 1 };
    struct machine m = { .config = &c };
    bool muted = false, lost = false;
    struct taps *t = taps_new(&m, &muted, &lost);
    u64 number[50], rng = 3;
    u8 bytes[5000];
    for (unsigned i = 0; i < 50; i++) {
        memcpy(was[i].bytes, disk.bytes, sizeof disk.bytes);
        number[i] = taps_written(t);
        for (unsigned k = 0; k < 5; k++) {
            u64 n = 1 + rng_next(&rng) % sizeof bytes, at = rng_next(&rng) % (sizeof disk.bytes - n);
            for (unsigned j = 0; j < n; j++)
                bytes[j] = (u8)rng_next(&rng);
            if (k == 2)
                disk.port.ops->zero(&disk.port, at, sizeof disk.bytes - at, NULL);
            else
                disk.port.ops->write(&disk.port, at, bytes, n, NULL);
        }
    }
    taps_forget(t, number[10]);
    for (unsigned i = 50; i-- > 10;) {
        taps_goto(t, number[i]);
        CU_ASSERT(!memcmp(disk.bytes, was[i].bytes, sizeof disk.bytes));
    }
    for (unsigned i = 0; i < 200; i++) { /* back and forth */
        unsigned k = 10 + (unsigned)(rng_next(&rng) % 40);
        taps_goto(t, number[k]);
        CU_ASSERT(!memcmp(disk.bytes, was[k].bytes, sizeof disk.bytes));
    }
    taps_goto(t, number[30]);
    for (unsigned i = 0; i < 3; i++) /* another life: not what was written then */
        disk.port.ops->write(&disk.port, 100 + i, bytes, 77, NULL);
    CU_ASSERT_EQUAL(taps_written(t), number[30] + 3);
    taps_goto(t, number[49]);
    CU_ASSERT_EQUAL(taps_written(t), number[30] + 3);
    taps_goto(t, number[20]);
    CU_ASSERT(!memcmp(disk.bytes, was[20].bytes, sizeof disk.bytes));
    taps_goto(t, number[10]);
    CU_ASSERT(!memcmp(disk.bytes, was[10].bytes, sizeof disk.bytes));
    u64 kept = taps_bytes(t);
    disk.port.ops->write(&disk.port, 5, bytes, 11, NULL);
    CU_ASSERT(taps_bytes(t) < kept); /* what was undone is gone */
    taps_free(t);
    CU_ASSERT_PTR_EQUAL(disk.port.ops, &ops);
    CU_ASSERT_FALSE(lost);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        { "tours of the past: 1 hart", one_hart },
        { "tours of the past: 4 harts", four_harts },
        { "with little memory", little_memory },
        { "with hardly any", no_memory },
        { "other lives", other_lives },
        { "who wrote", who_wrote },
        { "a recording: 1 hart", recording_of_one },
        { "a recording: 4 harts", recording_of_four },
        { "disks", disks },
        CU_TEST_INFO_NULL,
    };
    return unit_main("history", tests);
}
