/* Snapshots: what goes on after one is what would have gone on without; what does not fit is refused by name and
 * changes nothing. */
#include "tests/machine/guest.h"
#include "tests/unit.h"

#define INSTANTS 200
#define TYPED 60
#define SPAN 2000000 /* the instants lie within */

/* Runs to `until`, typing what is due on the way. *next is the first that was not typed yet. */
static void go_to(struct machine *m, u64 until, const struct typed *t, unsigned *next)
{
    for (; *next < TYPED && t[*next].at < until; ++*next) {
        machine_run(m, t[*next].at, true);
        type_now(m, &t[*next]);
    }
    CU_ASSERT_EQUAL_FATAL(machine_run(m, until, true), MACHINE_REACHED);
}

static bool load(struct machine *m, const struct buf *s, struct err *e)
{
    /* Memory of its own: a sanitizer sees a step too far. */
    u8 *copy = malloc(s->len ? s->len : 1);
    memcpy(copy, s->data, s->len);
    bool ok = machine_load(m, copy, s->len, e);
    free(copy);
    return ok;
}

static void at_random_instants(unsigned harts)
{
    struct guest_machine g, other;
    guest_config(&g, harts);
    guest_config(&other, harts);
    struct machine *m = guest_start(&g), *fresh = guest_start(&other);
    struct typed t[TYPED];
    typed_make(t, TYPED, SPAN, 8);
    u64 rng = 2024;
    unsigned next = 0, wrong = 0;
    struct err e = { "" };
    for (unsigned i = 0; i < INSTANTS; i++) {
        u64 at = m->clock.now + 1 + rng_next(&rng) % (2 * SPAN / INSTANTS - 4000), more = 1 + rng_next(&rng) % 4000;
        go_to(m, at, t, &next);
        struct buf s = { 0 }, again = { 0 };
        machine_save(m, &s);
        u64 now = machine_hash(m);
        unsigned next_then = next;
        go_to(m, at + more, t, &next);
        u64 hash = machine_hash(m);

        next = next_then;
        if (!load(m, &s, &e))
            wrong++, fprintf(stderr, "%s\n", e.text);
        wrong += m->clock.now != at || machine_hash(m) != now;
        machine_save(m, &again); /* the same bytes */
        wrong += again.len != s.len || memcmp(again.data, s.data, s.len);
        go_to(m, at + more, t, &next);
        wrong += machine_hash(m) != hash;

        /* And in another machine, which has been elsewhere. */
        if (i % 4 == 0) {
            next = next_then;
            if (!load(fresh, &s, &e))
                wrong++, fprintf(stderr, "%s\n", e.text);
            wrong += machine_hash(fresh) != now;
            go_to(fresh, at + more, t, &next);
            wrong += machine_hash(fresh) != hash;
        }
        buf_free(&s);
        buf_free(&again);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(g.sink.got.len > 50);
    guest_end(&g);
    guest_end(&other);
}

static void one_hart(void) { at_random_instants(1); }
static void four_harts(void) { at_random_instants(4); }

/* Saving looks and does not touch: not even at a moment at which a timer is due. */
static void saving_changes_nothing(void)
{
    struct guest_machine g, p;
    guest_config(&g, 4);
    guest_config(&p, 4);
    struct machine *m = guest_start(&g), *plain = guest_start(&p);
    for (u64 at = 997; at < 200000; at += 997) {
        machine_run(m, at, true);
        struct buf s = { 0 };
        machine_save(m, &s);
        buf_free(&s);
    }
    machine_run(m, 200000, true);
    machine_run(plain, 200000, true);
    CU_ASSERT_EQUAL(machine_hash(m), machine_hash(plain));
    guest_end(&g);
    guest_end(&p);
}

/* --- what is refused --------------------------------------------------------------------------------------- */

struct changed {
    const char *what, *says;
    void (*change)(struct machine_config *c);
};

static void more_cpus(struct machine_config *c) { c->cpus = 3; }
static void other_cpu(struct machine_config *c) { c->cpu = "rv64,zba=off"; }
static void other_quantum(struct machine_config *c) { c->quantum = 123; }
static void other_memory(struct machine_config *c) { c->ram_size = GUEST_RAM * 2; }
static void other_devices(struct machine_config *c) { c->board_props = "aclint=on"; }
static void narrower(struct machine_config *c) { c->xlen = 32; c->kernel.size = 0; }
static void one_more_device(struct machine_config *c)
{
    for (const struct device_class *const *k = machine_device_classes; *k; k++)
        if (!strcmp((*k)->name, "virtio-rng-device"))
            c->device[c->n_devices++].cls = *k;
}

static void refused(struct machine *m, const struct buf *s, const char *what, const char *says)
{
    u64 before = machine_hash(m), now = m->clock.now;
    struct err e = { "" };
    CU_ASSERT_FALSE(load(m, s, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, says));
    if (!strstr(e.text, says))
        fprintf(stderr, "%s: '%s' does not say '%s'\n", what, e.text, says);
    CU_ASSERT_EQUAL(machine_hash(m), before);
    CU_ASSERT_EQUAL(m->clock.now, now);
}

static void of_other_machines(void)
{
    static const struct changed changes[] = {
        { "harts", "-smp 3", more_cpus },
        { "CPU", "zba=off", other_cpu },
        { "quantum", "quantum=123", other_quantum },
        { "memory", "memory 'ram' has 16777216 bytes in the snapshot and 8388608 here", other_memory },
        { "devices", "", other_devices },
        { "width", "32 bit", narrower },
        { "an additional device", "virtio-rng-device", one_more_device },
    };
    struct guest_machine g;
    guest_config(&g, 2);
    struct machine *m = guest_start(&g);
    machine_run(m, 5000, true);
    struct buf mine = { 0 };
    machine_save(m, &mine);
    for (unsigned i = 0; i < ARRAY_LEN(changes); i++) {
        struct guest_machine o;
        guest_config(&o, 2);
        changes[i].change(&o.config);
        struct machine *other = guest_start(&o);
        machine_run(other, 3000, true);
        struct buf s = { 0 };
        machine_save(other, &s);
        refused(m, &s, changes[i].what, changes[i].says);
        refused(other, &mine, changes[i].what, "");
        buf_free(&s);
        guest_end(&o);
    }
    buf_free(&mine);
    guest_end(&g);
}

static void damaged(void)
{
    struct guest_machine g, o;
    guest_config(&g, 1);
    guest_config(&o, 1);
    struct machine *m = guest_start(&g), *other = guest_start(&o);
    machine_run(m, 50000, true);
    machine_run(other, 12345, true);
    struct buf s = { 0 };
    machine_save(m, &s);
    /* Cut: everywhere near the front, then here and there. */
    for (size_t n = 0; n < s.len; n += n < 300 ? 7 : 1 + s.len / 97)
        refused(other, &(struct buf){ s.data, n, n }, "cut", "");
    struct buf bad = { 0 };
    buf_put(&bad, s.data, s.len);
    bad.data[0] ^= 1;
    refused(other, &bad, "magic", "ORRYSNP1");
    bad.data[0] ^= 1;
    bad.data[8]++;
    refused(other, &bad, "version", "version 2");
    bad.data[8]--;
    /* A part that is not there any more, and one that stands there twice. */
    u8 *uart = memmem(bad.data, bad.len, "/uart0", 6);
    CU_ASSERT_PTR_NOT_NULL_FATAL(uart);
    for (u8 *p; (p = memmem(bad.data, bad.len, "\6\0\0\0/uart0", 10));)
        p[9] = '1';
    refused(other, &bad, "timer or device renamed", "/uart1");
    refused(other, &(struct buf){ (u8 *)"", 0, 0 }, "nothing", "not an Orrery snapshot");
    struct err e = { "" };
    CU_ASSERT_TRUE(load(other, &s, &e)); /* after all that it takes the good one */
    CU_ASSERT_EQUAL(machine_hash(other), machine_hash(m));
    buf_free(&bad);
    buf_free(&s);
    guest_end(&g);
    guest_end(&o);
}

/* A disk whose changes cannot be put back: nothing else may have been put back either. */
struct disk {
    struct block_port port; /* first */
    bool fail;
};
static bool disk_read(struct block_port *b, u64 at, void *out, size_t n, struct err *e)
{
    memset(out, 0, n);
    return true;
}
static bool disk_write(struct block_port *b, u64 at, const void *in, size_t n, struct err *e) { return true; }
static bool disk_flush(struct block_port *b, struct err *e) { return true; }
static bool disk_zero(struct block_port *b, u64 at, u64 n, struct err *e) { return true; }
static void disk_save(struct block_port *b, struct buf *out) { buf_put_str(out, "changes"); }
static bool disk_load(struct block_port *b, struct reader *in, struct err *e)
{
    char s[16];
    reader_str(in, s, sizeof s);
    return (!((struct disk *)b)->fail && !strcmp(s, "changes")) || err_set(e, "the medium says no");
}

static void disks(void)
{
    static const struct block_ops ops = { disk_read, disk_write, disk_flush, disk_zero, disk_save, disk_load };
    struct disk d = { .port = { .ops = &ops, .id = "hd0", .size = 1 << 20 } };
    struct guest_machine g;
    guest_config(&g, 1);
    g.config.drives[0] = &d.port;
    g.config.n_drives = 1;
    struct machine *m = guest_start(&g);
    machine_run(m, 20000, true);
    struct buf s = { 0 };
    machine_save(m, &s);
    u64 hash = machine_hash(m);
    machine_run(m, 40000, true);
    d.fail = true;
    refused(m, &s, "disk", "drive hd0: the medium says no");
    d.fail = false;
    struct err e = { "" };
    CU_ASSERT_TRUE(load(m, &s, &e));
    CU_ASSERT_EQUAL(machine_hash(m), hash);
    buf_free(&s);
    guest_end(&g);
}

/* Tables of state: names once, within the struct, so that snapshots can be read by name. */
static void tables(void)
{
    struct guest_machine g;
    guest_config(&g, 1);
    struct machine *m = guest_start(&g);
    unsigned wrong = 0;
    for (const struct device_class *const *k = machine_device_classes; *k; k++)
        for (const struct state_field *f = (*k)->state; f && f->name; f++) {
            bool bad = f->offset + (u64)f->size * f->count > (*k)->state_size || strlen(f->name) > 63 || !f->count ||
                       (f->size != 1 && f->size != 2 && f->size != 4 && f->size != 8);
            for (const struct state_field *o = (*k)->state; o < f; o++)
                bad = bad || !strcmp(o->name, f->name) ||
                      (o->offset < f->offset + f->size * f->count && f->offset < o->offset + o->size * o->count);
            if (bad)
                fprintf(stderr, "%s.%s\n", (*k)->name, f->name);
            wrong += bad;
        }
    for (const struct state_field *f = m->cpus[0]->ops->state; f->name; f++)
        for (const struct state_field *o = m->cpus[0]->ops->state; o < f; o++)
            wrong += !strcmp(o->name, f->name) ||
                     (o->offset < f->offset + f->size * f->count && f->offset < o->offset + o->size * o->count);
    CU_ASSERT_EQUAL(wrong, 0);
    guest_end(&g);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        { "at 200 random instants: 1 hart", one_hart },
        { "at 200 random instants: 4 harts", four_harts },
        { "saving changes nothing", saving_changes_nothing },
        { "of other machines: refused by name", of_other_machines },
        { "damaged: refused, nothing changed", damaged },
        { "disks come first", disks },
        { "tables of state", tables },
        CU_TEST_INFO_NULL,
    };
    return unit_main("snapshot", tests);
}
