/* Recordings: replayed, they end in the same state; tampered with, they are found out. */
#include "machine/record.h"
#include "tests/machine/guest.h"
#include "tests/unit.h"

#define END 400000
#define TYPED 60
#define HASH_EVERY 20000

static void to_buf(void *opaque, const void *bytes, size_t n)
{
    buf_put(opaque, bytes, n);
}

struct recording {
    struct buf file;
    u64 hash, end;
};

/* With stop points the run is interrupted between instructions and typed into there, too. */
static void record(unsigned harts, u64 seed, bool stops, struct recording *r)
{
    struct guest_machine g;
    guest_config(&g, harts);
    struct machine *m = guest_start(&g);
    const struct cpu_watch watch[] = { { .addr = GUEST_PRIVATE, .len = 0x1000, .access = CPU_WRITE } };
    if (stops) {
        m->stops = (struct cpu_stops){ .watch = watch, .n_watch = 1 };
        machine_stops_changed(m);
    }
    *r = (struct recording){ { 0 }, 0, 0 };
    recorder_new(m, "some configuration", HASH_EVERY, to_buf, &r->file);
    struct typed t[TYPED];
    typed_make(t, TYPED, END, seed);
    for (unsigned i = 0; i < TYPED; i++) {
        enum machine_stop why;
        while ((why = machine_run(m, t[i].at, true)) == MACHINE_WATCH)
            type_now(m, &t[i]);
        CU_ASSERT_EQUAL_FATAL(why, MACHINE_REACHED);
        type_now(m, &t[i]);
        if (i % 5 == 0) /* twice at one position */
            type_now(m, &t[(i + 1) % TYPED]);
    }
    r->end = m->clock.now;
    recorder_end(m->recorder, m, NULL);
    r->hash = machine_hash(m);
    CU_ASSERT(g.sink.got.len > 100);
    guest_end(&g);
}

struct outcome {
    enum machine_stop why; /* MACHINE_IDLE stands for: refused when opened */
    u64 at, hash;
    char text[sizeof ((struct machine_stop_info *)0)->text];
};

static struct outcome replay(unsigned harts, const u8 *data, size_t size, u64 slice)
{
    struct guest_machine g;
    guest_config(&g, harts);
    struct machine *m = guest_start(&g);
    u8 *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    struct err e = { "" };
    struct outcome o = { MACHINE_IDLE, 0, 0, "" };
    if (!replayer_new(m, copy, size, &e)) {
        snprintf(o.text, sizeof o.text, "%s", e.text);
        CU_ASSERT_NOT_EQUAL(e.text[0], 0);
    } else {
        do
            o.why = machine_run(m, slice ? m->clock.now + slice : CLOCK_NEVER, true);
        while (o.why == MACHINE_REACHED);
        o.at = m->clock.now;
        o.hash = machine_hash(m);
        snprintf(o.text, sizeof o.text, "%s", m->stop.text);
    }
    guest_end(&g);
    free(copy);
    return o;
}

static void same_end(unsigned harts, bool stops)
{
    for (u64 seed = 1; seed <= 5; seed++) {
        struct recording r;
        record(harts, seed, stops, &r);
        static const u64 slices[] = { 0, 1000, 13 };
        for (unsigned i = 0; i < ARRAY_LEN(slices); i++) {
            struct outcome o = replay(harts, r.file.data, r.file.len, slices[i]);
            CU_ASSERT_EQUAL(o.why, MACHINE_REPLAY_END);
            CU_ASSERT_EQUAL(o.at, r.end);
            CU_ASSERT_EQUAL(o.hash, r.hash);
            if (o.why != MACHINE_REPLAY_END)
                fprintf(stderr, "%s\n", o.text);
        }
        buf_free(&r.file);
    }
}

static void one_hart(void) { same_end(1, false); }
static void four_harts(void) { same_end(4, false); }
static void typed_at_stop_points(void) { same_end(2, true); }

static void the_configuration_comes_back(void)
{
    struct recording r;
    record(1, 1, false, &r);
    struct err e = { "" };
    char *text = recording_config(r.file.data, r.file.len, &e);
    CU_ASSERT_STRING_EQUAL(text, "some configuration");
    free(text);
    CU_ASSERT_PTR_NULL(recording_config(r.file.data, 4, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "ORRYREC2"));
    CU_ASSERT_PTR_NULL(recording_config(r.file.data, 15, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "cut short"));
    buf_free(&r.file);
}

/* Chunks of a recording: u8 kind, u32 length, bytes. */
static size_t chunk_after(const struct buf *f, size_t at) { return at + 5 + load_le(f->data + at + 1, 4); }

static bool names_a_part(const char *text)
{
    return strstr(text, "hart") || strstr(text, "device /") || strstr(text, "memory '") ||
           strstr(text, "schedule or the timers") || strstr(text, "cannot deliver");
}

static void one_byte_typed_differently(void)
{
    struct recording r;
    record(2, 3, false, &r);
    unsigned tried = 0;
    for (size_t at = 8; at < r.file.len; at = chunk_after(&r.file, at)) {
        if (r.file.data[at] != 'I')
            continue;
        /* position, string, u32 n, bytes: the first byte typed */
        size_t name = load_le(r.file.data + at + 13, 4), byte = at + 17 + name + 4;
        u64 position = load_le(r.file.data + at + 5, 8);
        r.file.data[byte] ^= 0x40;
        struct outcome o = replay(2, r.file.data, r.file.len, 0);
        CU_ASSERT_EQUAL(o.why, MACHINE_DIVERGED);
        CU_ASSERT(names_a_part(o.text));
        if (o.why != MACHINE_DIVERGED || !names_a_part(o.text))
            fprintf(stderr, "%d %s\n", o.why, o.text);
        /* Found where it was typed, in what the UART holds. */
        CU_ASSERT_EQUAL(o.at, position);
        char expected[80];
        snprintf(expected, sizeof expected, "from the recording at position %llu (", (unsigned long long)position);
        CU_ASSERT_PTR_NOT_NULL(strstr(o.text, expected));
        CU_ASSERT_PTR_NOT_NULL(strstr(o.text, "): device /uart0.rx["));
        r.file.data[byte] ^= 0x40;
        tried++;
    }
    CU_ASSERT(tried > 20);
    buf_free(&r.file);
}

/* A position moved by one. Where the guest does not notice (interrupts were off at both) the end is the same; the end
 * is checked against the recording, so a replay that reaches it is right. */
static void one_position_changed(void)
{
    struct recording r;
    record(2, 4, false, &r);
    unsigned found = 0, unnoticed = 0;
    for (size_t at = 8; at < r.file.len; at = chunk_after(&r.file, at)) {
        if (r.file.data[at] != 'I')
            continue;
        u64 position = load_le(r.file.data + at + 5, 8);
        for (i64 d = -1000; d <= 1000; d += 1001 - 1 * (d < 0)) {
            if (!d)
                continue;
            store_le(r.file.data + at + 5, 8, position + (u64)d);
            struct outcome o = replay(2, r.file.data, r.file.len, 0);
            if (o.why == MACHINE_REPLAY_END) {
                unnoticed++;
                CU_ASSERT_EQUAL(o.hash, r.hash);
            } else {
                found++;
                CU_ASSERT(o.why == MACHINE_IDLE ? strstr(o.text, "damaged at byte") != NULL
                                                : o.why == MACHINE_DIVERGED && names_a_part(o.text));
            }
        }
        store_le(r.file.data + at + 5, 8, position);
    }
    CU_ASSERT(found > 30);
    CU_ASSERT(found > 4 * unnoticed);
    buf_free(&r.file);
}

static void cut_off(void)
{
    struct recording r;
    record(2, 5, false, &r);
    for (size_t n = 0; n < r.file.len; n += n < 64 ? 1 : 1 + r.file.len / 61) {
        struct outcome o = replay(2, r.file.data, n, 0);
        CU_ASSERT(o.why == MACHINE_IDLE ||
                  (o.why == MACHINE_REPLAY_END && strstr(o.text, "cut off at position") && o.at <= r.end));
        if (o.why != MACHINE_IDLE && o.why != MACHINE_REPLAY_END)
            fprintf(stderr, "cut at %zu: %d %s\n", n, o.why, o.text);
        if (n < 8)
            CU_ASSERT_PTR_NOT_NULL(strstr(o.text, "ORRYREC2"));
    }
    buf_free(&r.file);
}

static void of_another_machine(void)
{
    struct recording r;
    record(2, 6, false, &r);
    struct outcome o = replay(1, r.file.data, r.file.len, 0);
    CU_ASSERT_EQUAL(o.why, MACHINE_DIVERGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.text, "another number of harts"));
    /* An unknown channel. */
    for (size_t at = 8; at < r.file.len; at = chunk_after(&r.file, at))
        if (r.file.data[at] == 'I') {
            r.file.data[at + 18] = 'X';
            break;
        }
    o = replay(2, r.file.data, r.file.len, 0);
    CU_ASSERT_EQUAL(o.why, MACHINE_DIVERGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.text, "/Xart0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(o.text, "does not exist"));
    buf_free(&r.file);
}

/* Time passed while all wait up to a timer (the UART's receiver time-out), and somebody types before the machine ran
 * on: the timer fires first, as it will in the replay. */
static void timers_before_input(void)
{
    static const u32 waits[] = { 0x10500073, 0xffdff06f }; /* wfi; j -4 */
    struct buf file = { 0 };
    u64 hash[2] = { 0 };
    for (unsigned replayed = 0; replayed < 2; replayed++) {
        struct guest_machine g;
        guest_config(&g, 1);
        g.config.kernel = (struct blob){ "wait", (const u8 *)waits, sizeof waits };
        struct machine *m = guest_start(&g);
        machine_run(m, 1000, false);
        CU_ASSERT_EQUAL(space_write(m->mem, VIRT_UART + 2, 1, 0xc1), MEM_OK); /* FIFOs, 14 characters */
        CU_ASSERT_EQUAL(space_write(m->mem, VIRT_UART + 1, 1, 1), MEM_OK);
        struct input_channel *ch = machine_channel(m, "/uart0");
        if (!replayed) {
            recorder_new(m, "", (u64)1 << 62, to_buf, &file); /* no state hash on the way */
            machine_input(m, ch, (const u8 *)"a", 1);
            CU_ASSERT_EQUAL(machine_run(m, CLOCK_NEVER, false), MACHINE_IDLE);
            u64 due = clock_next(&m->clock);
            machine_advance(m, due);
            CU_ASSERT_EQUAL(m->clock.now, due);
            machine_input(m, ch, (const u8 *)"b", 1);
            CU_ASSERT_EQUAL(machine_run(m, CLOCK_NEVER, false), MACHINE_IDLE);
            recorder_end(m->recorder, m, NULL);
        } else {
            struct err e = { "" };
            CU_ASSERT_PTR_NOT_NULL(replayer_new(m, file.data, file.len, &e));
            CU_ASSERT_EQUAL(machine_run(m, CLOCK_NEVER, true), MACHINE_REPLAY_END);
            if (m->stop.why == MACHINE_DIVERGED)
                fprintf(stderr, "%s\n", m->stop.text);
        }
        hash[replayed] = machine_hash(m);
        guest_end(&g);
    }
    CU_ASSERT_EQUAL(hash[0], hash[1]);
    buf_free(&file);
}

/* In a replay the recording is the only one who types. */
static void typing_into_a_replay(void)
{
    struct recording r;
    record(1, 8, false, &r);
    struct guest_machine g;
    guest_config(&g, 1);
    struct machine *m = guest_start(&g);
    struct err e = { "" };
    CU_ASSERT_PTR_NOT_NULL_FATAL(replayer_new(m, r.file.data, r.file.len, &e));
    enum machine_stop why;
    while ((why = machine_run(m, m->clock.now + 777, true)) == MACHINE_REACHED)
        type_now(m, &(struct typed){ 0, "x", 1 });
    CU_ASSERT_EQUAL(why, MACHINE_REPLAY_END);
    CU_ASSERT_EQUAL(machine_hash(m), r.hash);
    guest_end(&g);
    buf_free(&r.file);
}

static void a_recorded_state_changed(void)
{
    struct recording r;
    record(1, 7, false, &r);
    for (size_t at = 8; at < r.file.len; at = chunk_after(&r.file, at)) {
        if (r.file.data[at] != 'H' || load_le(r.file.data + at + 5, 8) != 2 * HASH_EVERY)
            continue;
        r.file.data[at + 13] ^= 1; /* the hash of the whole only: its parts agree */
        struct outcome o = replay(1, r.file.data, r.file.len, 0);
        CU_ASSERT_EQUAL(o.why, MACHINE_DIVERGED);
        CU_ASSERT_EQUAL(o.at, 2 * HASH_EVERY);
        CU_ASSERT_PTR_NOT_NULL(strstr(o.text, "schedule or the timers"));
        /* And x9 of the recorded hart: the message names the register. */
        u8 *x = memmem(r.file.data + at, 400, "\1\0\0\0x", 5);
        CU_ASSERT_PTR_NOT_NULL_FATAL(x);
        x[5 + 1 + 4 + 9 * 8] ^= 1;
        o = replay(1, r.file.data, r.file.len, 0);
        CU_ASSERT_EQUAL(o.why, MACHINE_DIVERGED);
        CU_ASSERT_PTR_NOT_NULL(strstr(o.text, "hart0.x[9] is"));
        /* Registers were compared between the two states. */
        const char *up_to = strstr(o.text, "at position 40000 (equal up to ");
        CU_ASSERT_PTR_NOT_NULL_FATAL(up_to);
        CU_ASSERT(strtoul(up_to + 31, NULL, 10) > 30000);
        break;
    }
    buf_free(&r.file);
}

/* The first change in the registers recorded at one position, told differently: exactly there it differs. */
static void recorded_registers_changed(void)
{
    struct recording r;
    record(1, 9, false, &r);
    u64 last = 0;
    unsigned tried = 0, n = 0;
    for (size_t at = 8; at < r.file.len; at = chunk_after(&r.file, at)) {
        u8 kind = r.file.data[at];
        u64 position = load_le(r.file.data + at + 5, 8);
        if (kind == 'R' && r.file.data[at + 13] == 1 && n++ % 4 == 0) { /* element 0, cpu.retired, and then x[n] */
            u8 *p = r.file.data + at + 14;
            unsigned element = 1; /* 1: retired, 2: idle, 3: x[0] */
            do {
                while (*p++ & 0x80)
                    ;
                CU_ASSERT_FATAL(*p < 0x80);
                element += *p++;
            } while (element < 3);
            CU_ASSERT(element < 35);
            u8 was = *p;
            *p ^= 4;
            struct outcome o = replay(1, r.file.data, r.file.len, 0);
            *p = was;
            char expected[128];
            snprintf(expected, sizeof expected, "at position %llu (equal up to %llu): hart0.x[%u] is 0x",
                     (unsigned long long)position, (unsigned long long)last, element - 3);
            CU_ASSERT_EQUAL(o.why, MACHINE_DIVERGED);
            CU_ASSERT_EQUAL(o.at, position);
            CU_ASSERT_PTR_NOT_NULL(strstr(o.text, expected));
            CU_ASSERT_PTR_NULL(strstr(o.text, " more of ")); /* it is the only one */
            if (!strstr(o.text, expected))
                fprintf(stderr, "%s\nexpected: %s\n", o.text, expected);
            tried++;
        }
        if (kind == 'R' || kind == 'H')
            last = position;
    }
    CU_ASSERT(tried > 10);
    buf_free(&r.file);
}

/* The registers of a long recording are written less often, but never too seldom. */
static void distances_grow(void)
{
    static const u32 counts[] = { 0x00150513, 0xffdff06f }; /* addi a0, a0, 1; j -4 */
    struct buf file = { 0 };
    struct guest_machine g;
    guest_config(&g, 1);
    g.config.kernel = (struct blob){ "count", (const u8 *)counts, sizeof counts };
    struct machine *m = guest_start(&g);
    recorder_new(m, "", 30000000, to_buf, &file);
    machine_run(m, 50000000, true);
    recorder_end(m->recorder, m, NULL);
    u64 last = 0, states = 0, n = 0;
    for (size_t at = chunk_after(&file, 8); at < file.len; at = chunk_after(&file, at), n++) {
        u64 position = load_le(file.data + at + 5, 8), most = last >> RECORD_REGS_SHIFT;
        CU_ASSERT(position - last <= (most > RECORD_REGS_FINEST ? most : RECORD_REGS_FINEST));
        states += file.data[at] == 'H';
        last = position;
    }
    CU_ASSERT_EQUAL(last, 50000000);
    CU_ASSERT_EQUAL(states, 2);
    CU_ASSERT(n > 3000 && n < 4500);
    CU_ASSERT(file.len < 200000);
    guest_end(&g);
    buf_free(&file);
}

static void of_another_format(void)
{
    struct recording r;
    record(1, 1, false, &r);
    r.file.data[7] = '1';
    struct outcome o = replay(1, r.file.data, r.file.len, 0);
    CU_ASSERT_EQUAL(o.why, MACHINE_IDLE);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.text, "format '1'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(o.text, "reads format 2"));
    buf_free(&r.file);
}

/* Somebody at the monitor: reset, and the end. */
static void reset_from_outside(void)
{
    struct buf file = { 0 };
    u64 hash[2] = { 0 };
    for (unsigned replayed = 0; replayed < 2; replayed++) {
        struct guest_machine g;
        guest_config(&g, 2);
        g.config.no_reboot = false;
        struct machine *m = guest_start(&g);
        if (!replayed) {
            recorder_new(m, "", 100000, to_buf, &file);
            machine_run(m, 150001, true);
            u64 before = m->cpus[0]->ops->get_pc(m->cpus[0]);
            machine_input(m, machine_channel(m, "machine"), (const u8 *)"r?", 2);
            machine_run(m, 150002, true);
            CU_ASSERT(before > m->cpus[0]->ops->get_pc(m->cpus[0])); /* the guest's loop is behind its first instructions */
            machine_run(m, 250000, true);
            machine_input(m, &m->control, (const u8 *)"p", 1);
            CU_ASSERT_EQUAL(machine_run(m, CLOCK_NEVER, true), MACHINE_POWEROFF);
            recorder_end(m->recorder, m, NULL);
        } else {
            struct err e = { "" };
            CU_ASSERT_PTR_NOT_NULL(replayer_new(m, file.data, file.len, &e));
            CU_ASSERT_EQUAL(machine_run(m, CLOCK_NEVER, true), MACHINE_POWEROFF);
            if (m->stop.why == MACHINE_DIVERGED)
                fprintf(stderr, "%s\n", m->stop.text);
        }
        CU_ASSERT_EQUAL(m->clock.now, 250000);
        hash[replayed] = machine_hash(m);
        guest_end(&g);
    }
    CU_ASSERT_EQUAL(hash[0], hash[1]);
    buf_free(&file);
}

static void untouchable(void)
{
    struct recording r;
    record(1, 8, false, &r);
    struct guest_machine g;
    guest_config(&g, 1);
    struct machine *m = guest_start(&g);
    struct buf file = { 0 };
    struct err e = { "" };
    CU_ASSERT_PTR_NULL(machine_untouchable(m));
    recorder_new(m, "", 100000, to_buf, &file);
    CU_ASSERT_PTR_NOT_NULL(strstr(machine_untouchable(m), "is being recorded"));
    recorder_end(m->recorder, m, NULL);
    CU_ASSERT_PTR_NULL(machine_untouchable(m));
    CU_ASSERT_PTR_NOT_NULL(replayer_new(m, r.file.data, r.file.len, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(machine_untouchable(m), "replays a recording"));
    while (machine_run(m, CLOCK_NEVER, true) == MACHINE_REACHED)
        ;
    CU_ASSERT_PTR_NULL(machine_untouchable(m));
    guest_end(&g);
    buf_free(&file);
    buf_free(&r.file);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        { "the same end: 1 hart", one_hart },
        { "the same end: 4 harts", four_harts },
        { "the same end: typed at stop points", typed_at_stop_points },
        { "the configuration comes back", the_configuration_comes_back },
        { "one byte typed differently", one_byte_typed_differently },
        { "one position changed", one_position_changed },
        { "cut off", cut_off },
        { "of another machine", of_another_machine },
        { "timers before input", timers_before_input },
        { "typing into a replay", typing_into_a_replay },
        { "a recorded state changed", a_recorded_state_changed },
        { "recorded registers changed", recorded_registers_changed },
        { "distances grow", distances_grow },
        { "of another format", of_another_format },
        { "reset from outside", reset_from_outside },
        { "untouchable", untouchable },
        CU_TEST_INFO_NULL,
    };
    return unit_main("replay", tests);
}
