/* Recordings, changed: the replay ends, says why, or goes on without what was damaged; it never tears the machine
 * apart. */
#include "machine/record.h"
#include "tests/fuzz/cases.h"
#include "tests/machine/guest.h"

#define END 20000
#define TYPED 12
#define CHUNKS 64

static void to_buf(void *opaque, const void *bytes, size_t n)
{
    buf_put(opaque, bytes, n);
}

static void record(unsigned harts, u64 seed, struct buf *file)
{
    struct guest_machine g;
    guest_config(&g, harts);
    struct machine *m = guest_start(&g);
    struct typed t[TYPED];
    typed_make(t, TYPED, END, seed);
    recorder_new(m, "configuration", 3000, to_buf, file);
    for (unsigned i = 0; i < TYPED; i++) {
        machine_run(m, t[i].at, true);
        type_now(m, &t[i]);
    }
    recorder_end(m->recorder, m, NULL);
    guest_end(&g);
}

/* A chunk is u8 kind, u32 length, bytes. */
static void change(u64 *rng, const struct buf *file, struct buf *out)
{
    size_t at[CHUNKS + 1];
    unsigned n = 0;
    for (size_t p = 8; p < file->len && n < CHUNKS; p += 5 + load_le(file->data + p + 1, 4))
        at[n++] = p;
    at[n] = file->len;
    u64 left_out = one_in(rng, 6) ? any(rng, n) : CHUNKS, twice = one_in(rng, 6) ? any(rng, n) : CHUNKS;
    u64 moved = one_in(rng, 6) ? any(rng, n) : CHUNKS;
    buf_put(out, file->data, 8);
    for (unsigned k = 0; k < n; k++) {
        for (unsigned times = k == left_out ? 0 : k == twice ? 2 : 1; times; times--) {
            size_t start = out->len, size = at[k + 1] - at[k];
            buf_put(out, file->data + at[k], size);
            if (one_in(rng, n)) /* front: position, channel, lengths, hash */
                mutate(rng, out->data + start, size < 60 || one_in(rng, 2) ? size : 60);
        }
        if (k == moved) { /* again, from elsewhere */
            u64 j = any(rng, n);
            buf_put(out, file->data + at[j], at[j + 1] - at[j]);
        }
    }
    if (one_in(rng, 8))
        mutate(rng, out->data, out->len);
    if (one_in(rng, 8))
        out->len = any(rng, out->len);
}

static void run_case(u64 number)
{
    u64 rng = number;
    unsigned harts = 1 + (unsigned)any(&rng, 2);
    struct buf file = { 0 };
    record(harts, rng_next(&rng), &file);
    for (unsigned round = 0; round < 6; round++) {
        struct buf bad = { 0 };
        if (round)
            change(&rng, &file, &bad);
        else
            buf_put(&bad, file.data, file.len);
        u8 *copy = malloc(bad.len ? bad.len : 1); /* its exact size, for the sanitizers */
        memcpy(copy, bad.data, bad.len);
        struct guest_machine g;
        guest_config(&g, harts);
        struct machine *m = guest_start(&g);
        struct err e = { "" };
        free(recording_config(copy, bad.len, &e));
        if (replayer_new(m, copy, bad.len, &e)) {
            enum machine_stop why = machine_run(m, 3 * END, true);
            if (!round && why != MACHINE_REPLAY_END)
                wrong("the recording as it was made does not replay");
            if (why == MACHINE_DIVERGED && !m->stop.text[0])
                wrong("it diverged without a word");
            if (why != MACHINE_REPLAY_END && why != MACHINE_DIVERGED && why != MACHINE_REACHED)
                wrong("another end");
            machine_run(m, m->clock.now + 1000, true); /* whoever goes on after that */
            machine_hash(m);
        } else if (!e.text[0]) {
            wrong("refused without a reason");
        }
        guest_end(&g);
        free(copy);
        buf_free(&bad);
    }
    buf_free(&file);
}

int main(int argc, char **argv)
{
    return cases_main("record_fuzz", argc, argv, run_case);
}
