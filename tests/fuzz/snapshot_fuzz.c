/* Snapshots of a real machine, changed: in single bytes, in numbers, in chunks left out, doubled, exchanged, cut.
 * Whatever machine_load() says, the machine goes on: unchanged when it refused, and otherwise until it has run on for a
 * while; and afterwards the good snapshot brings it back. */
#include "tests/fuzz/cases.h"
#include "tests/machine/guest.h"

#define CHUNKS 64

/* A chunk is string kind, string name, u64 length, bytes. */
static size_t chunk_size(const u8 *p)
{
    size_t kind = load_le(p, 4), name = load_le(p + 4 + kind, 4);
    return 4 + kind + 4 + name + 8 + load_le(p + 8 + kind + name, 8);
}

struct snapshot {
    struct buf b;
    size_t at[CHUNKS + 1]; /* of each chunk; the last is the end */
    unsigned n;
};

static void take(struct machine *m, struct snapshot *s)
{
    *s = (struct snapshot){ { 0 }, { 0 }, 0 };
    machine_save(m, &s->b);
    for (size_t at = 12; at < s->b.len; at += chunk_size(s->b.data + at))
        s->at[s->n++] = at;
    s->at[s->n] = s->b.len;
}

/* The bytes behind the header of chunk k. */
static void body(const struct snapshot *s, unsigned k, size_t *at, size_t *n)
{
    const u8 *p = s->b.data + s->at[k];
    size_t kind = load_le(p, 4), name = load_le(p + 4 + kind, 4);
    *at = s->at[k] + 16 + kind + name;
    *n = s->at[k + 1] - *at;
}

/* Values only, so that the state is taken: of the fields of a CPU or device, or when timers fire. */
static void change_values(u64 *rng, const struct snapshot *s, unsigned k, u8 *data)
{
    size_t at, n;
    body(s, k, &at, &n);
    const char *kind = (const char *)data + s->at[k] + 4;
    struct reader r = { .data = data + at, .len = n };
    char name[128];
    if (!strncmp(kind, "clock", 5)) {
        for (u64 count = (reader_bytes(&r, 16), reader_le(&r, 4)); count && !r.bad; count--) {
            reader_str(&r, name, sizeof name);
            reader_str(&r, name, sizeof name);
            u8 *armed = data + at + r.pos;
            if (reader_bytes(&r, 17) && one_in(rng, 8)) {
                armed[0] = 1;
                mutate(rng, armed + 1, 16);
            }
        }
        if (one_in(rng, 8))
            mutate(rng, data + at, 16); /* now and sequence */
        return;
    }
    if (!strncmp(kind, "cpu", 3))
        reader_bytes(&r, 9);
    else if (!strncmp(kind, "device", 6))
        reader_str(&r, name, sizeof name);
    else
        return;
    u64 fields = reader_le(&r, 4);
    for (u64 f = 0; f < fields && !r.bad; f++) {
        reader_str(&r, name, sizeof name);
        u64 size = reader_le(&r, 1), count = reader_le(&r, 4);
        u8 *value = data + at + r.pos;
        if (reader_bytes(&r, size * count) && one_in(rng, 1 + fields / 3))
            mutate(rng, value, size * count);
    }
}

static void change(u64 *rng, const struct snapshot *s, struct buf *out)
{
    if (!one_in(rng, 4)) {
        buf_put(out, s->b.data, s->b.len);
        for (u64 parts = 1 + any(rng, 6); parts; parts--)
            change_values(rng, s, (unsigned)any(rng, s->n), out->data);
        return;
    }
    buf_put(out, s->b.data, 12);
    u64 left_out = one_in(rng, 20) ? any(rng, s->n) : CHUNKS, twice = one_in(rng, 20) ? any(rng, s->n) : CHUNKS;
    u64 first = one_in(rng, 10) ? any(rng, s->n) : CHUNKS;
    if (first < s->n)
        buf_put(out, s->b.data + s->at[first], s->at[first + 1] - s->at[first]);
    for (unsigned k = 0; k < s->n; k++)
        for (unsigned times = k == left_out || k == first ? 0 : k == twice ? 2 : 1; times; times--)
            buf_put(out, s->b.data + s->at[k], s->at[k + 1] - s->at[k]);
    if (left_out == CHUNKS && twice == CHUNKS && first == CHUNKS) {
        /* Within a part's state, where every field is taken: mostly small changes of CPUs, devices and timers. */
        for (u64 parts = 1 + any(rng, 3); parts; parts--) {
            size_t at, n;
            unsigned k = (unsigned)any(rng, s->n);
            body(s, k, &at, &n);
            if (n)
                mutate(rng, out->data + at, n);
        }
    }
    if (one_in(rng, 10))
        mutate(rng, out->data, out->len);
    if (one_in(rng, 20))
        out->len = any(rng, out->len);
}

static void run_on(struct machine *m, u64 ticks)
{
    u64 until = m->clock.now + ticks < m->clock.now ? CLOCK_NEVER - 1 : m->clock.now + ticks;
    enum machine_stop why = machine_run(m, until, true);
    if (why == MACHINE_REACHED && m->clock.now < until)
        wrong("it did not get where it said");
}

static const struct device_class *class_named(const char *name)
{
    for (const struct device_class *const *k = machine_device_classes; *k; k++)
        if (!strcmp((*k)->name, name))
            return *k;
    wrong("no such class");
    return NULL;
}

static void run_case(u64 number)
{
    u64 rng = number;
    struct guest_machine g;
    guest_config(&g, 1 + (unsigned)any(&rng, 3));
    g.config.no_reboot = false;
    g.config.board_props = one_in(&rng, 3) ? "aclint=on" : NULL;
    g.config.device[0].cls = class_named("virtio-rng-device");
    g.config.device[1].cls = class_named("virtio-net-device");
    g.config.device[2].cls = class_named("virtio-serial-device");
    g.config.device[3].cls = class_named("virtconsole");
    g.config.n_devices = 4;
    struct machine *m = guest_start(&g);
    run_on(m, 1 + any(&rng, 30000));
    struct snapshot s;
    take(m, &s);
    u64 hash = machine_hash(m);
    run_on(m, 1 + any(&rng, 3000));
    for (unsigned round = 0; round < 12; round++) {
        struct buf bad = { 0 };
        struct err e = { "" };
        change(&rng, &s, &bad);
        u8 *copy = malloc(bad.len ? bad.len : 1); /* its exact size, for the sanitizers */
        memcpy(copy, bad.data, bad.len);
        u64 before = machine_hash(m);
        if (!machine_load(m, copy, bad.len, &e)) {
            if (!e.text[0])
                wrong("refused without a reason");
            if (machine_hash(m) != before)
                wrong("refused, but the machine is another");
        }
        free(copy);
        type_now(m, &(struct typed){ .bytes = "abc", .n = 3 });
        run_on(m, 1 + any(&rng, 5000));
        for (unsigned i = 0; i < m->n_cpus; i++) { /* what debuggers look at */
            u8 bytes[16];
            u64 v;
            m->cpus[i]->ops->privilege_name(m->cpus[i]);
            cpu_peek(m->cpus[i], m->cpus[i]->ops->get_pc(m->cpus[i]), bytes, sizeof bytes);
            for (const struct cpu_reg *r = m->cpus[i]->ops->regs(m->cpus[i]); r->name; r++)
                m->cpus[i]->ops->reg_get(m->cpus[i], r, &v);
        }
        struct buf text = { 0 };
        for (struct device *d = m->devices; d; d = d->next)
            if (d->cls->describe)
                d->cls->describe(d, &text);
        machine_save(m, &text);
        buf_free(&text);
        buf_free(&bad);
        if (!machine_load(m, s.b.data, s.b.len, &e))
            wrong("the good snapshot is not taken any more");
        if (machine_hash(m) != hash)
            wrong("the good snapshot does not bring the state back");
    }
    buf_free(&s.b);
    guest_end(&g);
}

int main(int argc, char **argv)
{
    return cases_main("snapshot_fuzz", argc, argv, run_case);
}
