/* The keyboard controller, its keyboard and its mouse, through ports 0x60 and 0x64. */
#include "iodev/input/i8042.h"

#include "base/hash.h"
#include "base/rng.h"
#include "iodev/input/keys.h"
#include "tests/device/rig.h"

struct hooks {
    unsigned a20_calls, resets;
    bool a20;
};

static void a20(void *opaque, bool level)
{
    struct hooks *h = opaque;
    h->a20_calls++;
    h->a20 = level;
}

static void reset_cpu(void *opaque)
{
    ((struct hooks *)opaque)->resets++;
}

static struct rig *kbc(void)
{
    struct err e = { "" };
    struct rig *r = rig_new(&i8042_class, NULL);
    if (!device_map(r->d, 1, r->env.mem, RIG_BASE + 4, &e))
        rig_die(&e);
    return r;
}

static u64 status(struct rig *r) { return rig_read(r, 4, 1); }

/* The next byte, or -1 when none comes within 10 ms. */
static int next(struct rig *r)
{
    for (unsigned i = 0; i < 1000 && !(status(r) & 1); i++)
        rig_run(r, 10000);
    return status(r) & 1 ? (int)rig_read(r, 0, 1) : -1;
}

static void command(struct rig *r, u8 c) { rig_write(r, 4, 1, c); }
static void data(struct rig *r, u8 v) { rig_write(r, 0, 1, v); }

static void ctr(struct rig *r, u8 v)
{
    command(r, 0x60);
    data(r, v);
}

static bool says(struct rig *r, const char *hex)
{
    char got[128] = "";
    size_t n = 0;
    for (int b; n < 100 && (b = next(r)) >= 0;)
        n += (size_t)snprintf(got + n, sizeof got - n, n ? " %02x" : "%02x", (unsigned)b);
    if (strcmp(got, hex))
        fprintf(stderr, "got \"%s\", want \"%s\"\n", got, hex);
    return !strcmp(got, hex);
}

static void key(struct rig *r, u8 usage, bool down)
{
    struct input_channel *c = r->env.channels;
    CU_ASSERT_EQUAL(strcmp(c->name, "/dut.keyboard"), 0);
    CU_ASSERT(c->room(c->opaque) >= 2);
    c->deliver(c->opaque, (const u8[]){ usage, down }, 2);
}

static void mouse(struct rig *r, int dx, int dy, int wheel, u8 buttons)
{
    struct input_channel *c = r->env.channels->next;
    c->deliver(c->opaque, (const u8[]){ (u8)dx, (u8)dy, (u8)wheel, buttons }, 4);
}

static void controller(void)
{
    struct rig *r = kbc();
    struct hooks h = { 0 };
    i8042_set_hooks(r->d, a20, reset_cpu, &h);
    CU_ASSERT_EQUAL(status(r), 0x10);
    command(r, 0xaa);
    CU_ASSERT_EQUAL(status(r), 0x1c); /* not at once */
    CU_ASSERT(says(r, "55"));
    CU_ASSERT_EQUAL(status(r) & 4, 4);
    command(r, 0xab);
    CU_ASSERT(says(r, "00"));
    command(r, 0xa9);
    CU_ASSERT(says(r, "00"));
    ctr(r, 0x47);
    command(r, 0x20);
    CU_ASSERT(says(r, "47"));
    command(r, 0xad);
    command(r, 0xa7);
    command(r, 0x20);
    CU_ASSERT(says(r, "77"));
    command(r, 0xae);
    command(r, 0xa8);
    command(r, 0x65);
    data(r, 0x5a);
    command(r, 0x25);
    CU_ASSERT(says(r, "5a"));
    command(r, 0xd2);
    data(r, 0x99);
    rig_run(r, 100000);
    CU_ASSERT_TRUE(r->out[0]);
    CU_ASSERT_EQUAL(status(r) & 0x21, 1);
    command(r, 0xd0); /* does not overtake what waits */
    CU_ASSERT(says(r, "99 df"));
    CU_ASSERT_FALSE(r->out[0]);
    command(r, 0xd3);
    data(r, 0x77);
    rig_run(r, 100000);
    CU_ASSERT_TRUE(r->out[1]);
    CU_ASSERT_FALSE(r->out[0]);
    CU_ASSERT_EQUAL(status(r) & 0x21, 0x21);
    CU_ASSERT(rig_snapshot(r));
    CU_ASSERT(says(r, "77"));
    command(r, 0xd1);
    data(r, 0xdd);
    CU_ASSERT(h.a20_calls == 1 && !h.a20 && !i8042_a20(r->d));
    command(r, 0xdf);
    CU_ASSERT(h.a20_calls == 2 && h.a20 && i8042_a20(r->d));
    command(r, 0xff);
    CU_ASSERT_EQUAL(h.resets, 0);
    command(r, 0xfe);
    CU_ASSERT_EQUAL(h.resets, 1);
    command(r, 0xd1);
    data(r, 0xde);
    CU_ASSERT_EQUAL(h.resets, 2);
    CU_ASSERT(says(r, ""));
    rig_free(r);
}

static void keyboard(void)
{
    struct rig *r = kbc();
    ctr(r, 0x01);
    data(r, 0xff);
    CU_ASSERT(says(r, "fa aa"));
    data(r, 0xf2);
    CU_ASSERT(says(r, "fa ab 83"));
    data(r, 0xee);
    CU_ASSERT(says(r, "ee"));
    data(r, 0xed);
    CU_ASSERT(says(r, "fa"));
    data(r, 2);
    CU_ASSERT(says(r, "fa"));
    CU_ASSERT_EQUAL(i8042_leds(r->d), 2);
    data(r, 0x12);
    CU_ASSERT(says(r, "fe"));
    key(r, 4, true);
    CU_ASSERT_EQUAL(status(r) & 1, 0);
    rig_run(r, 99999);
    CU_ASSERT_FALSE(r->out[0]);
    rig_run(r, 1);
    CU_ASSERT_TRUE(r->out[0]);
    CU_ASSERT(says(r, "1c"));
    CU_ASSERT(rig_snapshot(r));
    key(r, 4, false);
    CU_ASSERT(says(r, "f0 1c"));
    ctr(r, 0x41);
    data(r, 0xf2);
    CU_ASSERT(says(r, "fa ab 41"));
    key(r, 0x52, true);
    key(r, 0x52, false);
    CU_ASSERT(says(r, "e0 48 e0 c8"));
    key(r, 0x48, true);
    key(r, 0x48, false);
    CU_ASSERT(says(r, "e1 1d 45 e1 9d c5"));
    key(r, 0x46, true);
    key(r, 0x46, false);
    CU_ASSERT(says(r, "e0 2a e0 37 e0 b7 e0 aa"));
    key(r, 0xe2, true);
    key(r, 0x46, true);
    key(r, 0x46, false);
    key(r, 0xe2, false);
    CU_ASSERT(says(r, "38 54 d4 b8"));
    key(r, 0x33, false); /* was not down */
    CU_ASSERT(says(r, ""));
    data(r, 0xf5);
    CU_ASSERT(says(r, "fa"));
    key(r, 4, true);
    key(r, 4, false);
    CU_ASSERT(says(r, ""));
    data(r, 0xf4);
    CU_ASSERT(says(r, "fa"));
    ctr(r, 0x11); /* the clock is held: keys wait */
    key(r, 4, true);
    key(r, 4, false);
    CU_ASSERT(says(r, ""));
    ctr(r, 0x01);
    CU_ASSERT(says(r, "1c f0 1c"));
    rig_free(r);
}

/* Every key in every set; what the controller translates from set 2 is set 1. */
static void sets(void)
{
    unsigned n = 0;
    for (const struct key *k = keys; k->usage; k++) {
        for (const struct key *o = keys; o != k; o++) {
            CU_ASSERT_NOT_EQUAL(o->usage, k->usage);
            CU_ASSERT_NOT_EQUAL(strcmp(o->name, k->name), 0);
            CU_ASSERT_NOT_EQUAL(o->set[0], k->set[0]);
            CU_ASSERT_NOT_EQUAL(o->set[1], k->set[1]);
            CU_ASSERT(!k->set[2] || o->set[2] != k->set[2]);
        }
        if (k->usage == 0x46 || k->usage == 0x48)
            continue;
        n++;
        struct rig *r = kbc();
        char want[64], set1[64];
        u16 c = k->set[0];
        snprintf(set1, sizeof set1, c >> 8 ? "e0 %02x e0 %02x" : "%02x %02x", c & 0xff, (c & 0xff) | 0x80);
        ctr(r, 0x41);
        key(r, k->usage, true);
        key(r, k->usage, false);
        CU_ASSERT(says(r, set1));
        ctr(r, 0x01);
        for (u8 set = 1; set <= 3; set++) {
            data(r, 0xf0);
            data(r, set);
            next(r);
            next(r);
            c = k->set[set - 1];
            snprintf(want, sizeof want, c >> 8 ? "e0 f0 %02x" : "f0 %02x", c & 0xff);
            key(r, k->usage, true);
            if (c >> 8)
                CU_ASSERT_EQUAL(next(r), 0xe0);
            if (c)
                CU_ASSERT_EQUAL(next(r), c & 0xff);
            key(r, k->usage, false);
            CU_ASSERT(says(r, !c ? "" : set == 1 ? set1 + (c >> 8 ? 6 : 3) : want));
        }
        rig_free(r);
    }
    CU_ASSERT(n > 100);
}

static void names(void)
{
    u8 u[8];
    CU_ASSERT_EQUAL(keys_parse("ctrl-alt-delete", u, 8), 3);
    CU_ASSERT(u[0] == 0xe0 && u[1] == 0xe2 && u[2] == 0x4c);
    CU_ASSERT_EQUAL(keys_parse("ret", u, 8), 1);
    CU_ASSERT_EQUAL(u[0], 0x28);
    CU_ASSERT_EQUAL(keys_parse("0x1e", u, 8), 1);
    CU_ASSERT_EQUAL(u[0], 4);
    CU_ASSERT_EQUAL(keys_parse("0xc8", u, 8), 1); /* up */
    CU_ASSERT_EQUAL(u[0], 0x52);
    CU_ASSERT_EQUAL(keys_parse("a-b-c", u, 2), 0);
    CU_ASSERT_EQUAL(keys_parse("", u, 8), 0);
    CU_ASSERT_EQUAL(keys_parse("ctrl--a", u, 8), 0);
    CU_ASSERT_EQUAL(keys_parse("nonsense", u, 8), 0);
}

static void typematic(void)
{
    struct rig *r = kbc();
    ctr(r, 0x01);
    data(r, 0xf3);
    data(r, 0x00); /* 250 ms, 30 per second */
    CU_ASSERT(says(r, "fa fa"));
    key(r, 4, true);
    CU_ASSERT_EQUAL(next(r), 0x1c);
    rig_run(r, 240000000);
    CU_ASSERT_EQUAL(status(r) & 1, 0);
    rig_run(r, 10000000);
    CU_ASSERT_EQUAL(next(r), 0x1c);
    rig_run(r, 33500000);
    CU_ASSERT_EQUAL(next(r), 0x1c);
    key(r, 4, false);
    CU_ASSERT(says(r, "f0 1c"));
    rig_run(r, 1000000000);
    CU_ASSERT_EQUAL(status(r) & 1, 0);
    rig_free(r);
}

static void to_mouse(struct rig *r, u8 v)
{
    command(r, 0xd4);
    data(r, v);
}

static void knock(struct rig *r, u8 a, u8 b, u8 c)
{
    const u8 rate[] = { a, b, c };
    for (unsigned i = 0; i < 3; i++) {
        to_mouse(r, 0xf3);
        CU_ASSERT_EQUAL(next(r), 0xfa);
        to_mouse(r, rate[i]);
        CU_ASSERT_EQUAL(next(r), 0xfa);
    }
    to_mouse(r, 0xf2);
}

static void mice(void)
{
    struct rig *r = kbc();
    ctr(r, 0x02);
    to_mouse(r, 0xff);
    rig_run(r, 200000);
    CU_ASSERT_TRUE(r->out[1]);
    CU_ASSERT_EQUAL(status(r) & 0x21, 0x21);
    CU_ASSERT(says(r, "fa aa 00"));
    mouse(r, 5, 5, 0, 0);
    CU_ASSERT(says(r, "")); /* not enabled */
    to_mouse(r, 0xf6);
    CU_ASSERT(says(r, "fa"));
    to_mouse(r, 0xf4);
    CU_ASSERT(says(r, "fa"));
    mouse(r, 5, 3, 0, 1); /* down is negative to a mouse */
    CU_ASSERT(says(r, "29 05 fd"));
    rig_run(r, 20000000);
    mouse(r, -7, -2, 9, 3);
    CU_ASSERT(says(r, "1b f9 02"));
    rig_run(r, 20000000);
    mouse(r, 1, 0, 0, 0); /* the second waits for the next sample */
    mouse(r, 100, 0, 0, 0);
    mouse(r, 100, 0, 0, 0);
    mouse(r, 100, 0, 0, 0);
    CU_ASSERT(rig_snapshot(r));
    CU_ASSERT(says(r, "08 01 00 08 ff 00 08 2d 00"));
    knock(r, 200, 100, 80);
    CU_ASSERT(says(r, "fa 03"));
    rig_run(r, 20000000);
    mouse(r, 0, 0, -1, 16);
    CU_ASSERT(says(r, "08 00 00 ff"));
    knock(r, 200, 200, 80);
    CU_ASSERT(says(r, "fa 04"));
    rig_run(r, 20000000);
    mouse(r, 0, 0, 1, 8 + 4);
    CU_ASSERT(says(r, "0c 00 00 11"));
    to_mouse(r, 0xe9);
    CU_ASSERT(says(r, "fa 22 02 50"));
    to_mouse(r, 0xf0);
    CU_ASSERT(says(r, "fa"));
    mouse(r, 2, 0, 0, 0);
    CU_ASSERT(says(r, ""));
    to_mouse(r, 0xeb);
    CU_ASSERT(says(r, "fa 08 02 00 00"));
    to_mouse(r, 0xee);
    CU_ASSERT(says(r, "fa"));
    to_mouse(r, 0xf2);
    CU_ASSERT(says(r, "f2"));
    to_mouse(r, 0xec);
    CU_ASSERT(says(r, "fa"));
    rig_free(r);
}

static u64 mad(u64 seed)
{
    struct rig *r = kbc();
    u64 answers = 0;
    for (unsigned n = 0; n < 100000; n++) {
        u64 x = rng_next(&seed);
        struct input_channel *c = r->env.channels;
        switch (x & 7) {
        case 0: command(r, (u8)(x >> 8)); break;
        case 1: data(r, (u8)(x >> 8)); break;
        case 2: to_mouse(r, (u8)(x >> 8 | 0xe0)); break;
        case 3: rig_run(r, (x >> 8) % 3000000); break;
        case 4:
            if (c->room(c->opaque) >= 2)
                c->deliver(c->opaque, (const u8[]){ (u8)(x >> 8), (u8)(x >> 16) }, 2);
            break;
        case 5: mouse(r, (int)(x >> 8), (int)(x >> 16), (int)(x >> 24), (u8)(x >> 32)); break;
        case 6: answers = hash_u64(rig_read(r, x & 0x100 ? 0 : 4, 1), answers); break;
        default:
            if (!(x & 0xf00))
                ctr(r, (u8)(x >> 16) & 0x43);
            if (!(x & 0x1f000))
                CU_ASSERT(rig_snapshot(r));
            if (!(x & 0xfff000))
                device_reset(r->d);
            if (!(x & 0xfff00000)) {
                for (const struct state_field *f = r->d->cls->state; f->name; f++)
                    if (f->count == 1)
                        state_set(f, r->d->state, 0, rng_next(&seed));
                r->d->cls->loaded(r->d);
            }
        }
    }
    answers ^= rig_hash(r);
    rig_free(r);
    return answers;
}

static void fuzz(void)
{
    for (u64 seed = 1; seed <= 3; seed++)
        CU_ASSERT_EQUAL(mad(seed), mad(seed));
}

int main(void)
{
    return unit_main("i8042", (CU_TestInfo[]){
        { "controller", controller }, { "keyboard", keyboard }, { "scan code sets", sets }, { "names", names },
        { "typematic", typematic }, { "mouse", mice }, { "fuzz", fuzz }, CU_TEST_INFO_NULL });
}
