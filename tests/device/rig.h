/* A bench for one device: RAM, a clock, the device's windows, and scripts of reads, writes and clock steps. */
#ifndef TESTS_DEVICE_RIG_H
#define TESTS_DEVICE_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iodev/device.h"
#include "tests/unit.h"

#define RIG_BASE 0x10000000u
#define RIG_RAM 0x80000000u
#define RIG_RAM_SIZE ((u64)1 << 20)
#define RIG_HZ 1000000000u

struct rig {
    struct arena *arena;
    struct clock clock;
    struct event_bus bus;
    struct device_env env;
    struct ram *ram;
    struct device *d;
    struct char_port chr;
    char sent[4096]; /* what went to the character port */
    size_t sent_len;
    bool out[DEVICE_MAX_OUT];
    unsigned edges[DEVICE_MAX_OUT]; /* rising */
};

static inline void rig_out(void *opaque, u32 line, bool level)
{
    struct rig *r = opaque;
    r->edges[line] += level && !r->out[line];
    r->out[line] = level;
}

static inline void rig_sent(struct char_port *c, const u8 *bytes, size_t n)
{
    struct rig *r = (struct rig *)((char *)c - offsetof(struct rig, chr));
    for (size_t i = 0; i < n && r->sent_len + 1 < sizeof r->sent; i++)
        r->sent[r->sent_len++] = (char)bytes[i];
}

static inline void rig_die(const struct err *e)
{
    fprintf(stderr, "%s\n", e->text);
    abort();
}

/* Time passes, and what is due happens. */
static inline void rig_advance(struct clock *c, u64 ticks)
{
    u64 until = c->now + ticks;
    while (clock_next(c) <= until) {
        if (clock_next(c) > c->now)
            c->now = clock_next(c);
        clock_fire(c);
    }
    c->now = until;
}

/* Everything but build and reset; a test may set ports in between. */
static inline struct rig *rig_begin(const struct device_class *cls, struct prop_value *props)
{
    struct err e = { "" };
    struct arena *a = arena_new();
    struct rig *r = ARENA_NEW(a, struct rig);
    r->arena = a;
    clock_init(&r->clock, RIG_HZ);
    r->env =
        (struct device_env){ .arena = a, .clock = &r->clock, .bus = &r->bus, .mem = space_new(a, "memory"),
                              .io = space_new(a, "ports"), .seed = 1 };
    r->ram = ram_new(a, "ram", RIG_RAM_SIZE, false, &e);
    r->chr.write = rig_sent;
    if (!r->ram || !space_add_ram(r->env.mem, RIG_RAM, r->ram, &e))
        rig_die(&e);
    r->d = device_new(&r->env, cls, "/dut", props, &e);
    if (!r->d)
        rig_die(&e);
    for (u32 i = 0; i < DEVICE_MAX_OUT; i++)
        r->d->out[i] = (struct wire){ rig_out, r, i };
    return r;
}

static inline void rig_finish(struct rig *r)
{
    struct err e = { "" };
    if (r->d->cls->build && !r->d->cls->build(r->d, &e))
        rig_die(&e);
    if (r->d->cls->banks[0] && !device_map(r->d, 0, r->env.mem, RIG_BASE, &e))
        rig_die(&e);
    device_reset(r->d);
}

static inline struct rig *rig_new(const struct device_class *cls, struct prop_value *props)
{
    struct rig *r = rig_begin(cls, props);
    rig_finish(r);
    return r;
}

static inline void rig_free(struct rig *r)
{
    struct arena *a = r->arena;
    clock_fini(&r->clock);
    arena_free(a);
}

static inline void rig_run(struct rig *r, u64 ticks) { rig_advance(&r->clock, ticks); }

static inline u64 rig_read(struct rig *r, u64 offset, unsigned size)
{
    u64 v;
    return space_read(r->env.mem, RIG_BASE + offset, size, &v) == MEM_OK ? v : 0xbadbadbadu;
}

static inline bool rig_write(struct rig *r, u64 offset, unsigned size, u64 v)
{
    return space_write(r->env.mem, RIG_BASE + offset, size, v) == MEM_OK;
}

static inline u64 rig_hash(const struct rig *r)
{
    return state_hash(r->d->cls->state, r->d->state, clock_hash(&r->clock, 0));
}

/* Saves and restores the device through a snapshot's form; true when it came back the same. */
static inline bool rig_snapshot(struct rig *r)
{
    struct buf b = { 0 };
    struct err e = { "" };
    u64 before = rig_hash(r);
    state_save(r->d->cls->state, r->d->state, &b);
    memset(r->d->state, 0xa5, r->d->cls->state_size);
    struct reader in = { b.data, b.len, 0, false };
    bool ok = state_load(r->d->cls->state, r->d->state, &in, &e);
    if (ok && r->d->cls->loaded)
        r->d->cls->loaded(r->d);
    buf_free(&b);
    return ok && rig_hash(r) == before;
}

/* --- scripts ----------------------------------------------------------------------------------------------- */

enum rig_op {
    OP_END,
    OP_WRITE,
    OP_READ,
    OP_PEEK,
    OP_FAULT,
    OP_RUN,
    OP_IN,
    OP_OUT,
    OP_DELIVER,
    OP_ROOM,
    OP_SENT,
    OP_SAVE
};
struct rig_step {
    enum rig_op op;
    unsigned size;
    u64 at, value;
    const char *text;
};
#define W(size, at, value) { OP_WRITE, size, at, value, NULL }
#define R(size, at, value) { OP_READ, size, at, value, NULL }  /* reads and expects */
#define P(size, at, value) { OP_PEEK, size, at, value, NULL }  /* the same without side effects */
#define FAULT(size, at) { OP_FAULT, size, at, 0, NULL }        /* a read there faults */
#define RUN(ticks) { OP_RUN, 0, 0, ticks, NULL }
#define IN(line, level) { OP_IN, 0, line, level, NULL }
#define OUT(line, level) { OP_OUT, 0, line, level, NULL }      /* expects */
#define DELIVER(text) { OP_DELIVER, 0, 0, 0, text }
#define ROOM(n) { OP_ROOM, 0, 0, n, NULL }                     /* expects */
#define SENT(text) { OP_SENT, 0, 0, 0, text }                  /* expects, and forgets */
#define SAVE { OP_SAVE, 0, 0, 0, NULL }                        /* a snapshot changes nothing */
#define END { OP_END, 0, 0, 0, NULL }

static inline void rig_script(struct rig *r, const char *file, int line, const struct rig_step *s)
{
    for (unsigned n = 0; s[n].op != OP_END; n++) {
        u64 got = 0, want = s[n].value;
        u8 bytes[8] = { 0 };
        switch (s[n].op) {
        case OP_WRITE: got = want = 0; got = !rig_write(r, s[n].at, s[n].size, s[n].value); break;
        case OP_READ: got = rig_read(r, s[n].at, s[n].size); break;
        case OP_PEEK:
            space_peek(r->env.mem, RIG_BASE + s[n].at, bytes, s[n].size);
            got = load_le(bytes, s[n].size);
            break;
        case OP_FAULT: want = MEM_FAULT; got = space_read(r->env.mem, RIG_BASE + s[n].at, s[n].size, &got); break;
        case OP_RUN: rig_run(r, want); got = want; break;
        case OP_IN: r->d->cls->irq_in(r->d, (u32)s[n].at, want); got = want; break;
        case OP_OUT: got = r->out[s[n].at]; break;
        case OP_DELIVER:
            r->env.channels->deliver(r->env.channels->opaque, (const u8 *)s[n].text, strlen(s[n].text));
            break;
        case OP_ROOM: got = r->env.channels->room(r->env.channels->opaque); break;
        case OP_SENT:
            r->sent[r->sent_len] = 0;
            got = strcmp(r->sent, s[n].text);
            r->sent_len = 0;
            break;
        case OP_SAVE: got = !rig_snapshot(r); break;
        default: break;
        }
        if (got != want)
            fprintf(stderr, "%s:%d: step %u: got 0x%llx, want 0x%llx\n", file, line, n, (unsigned long long)got,
                    (unsigned long long)want);
        CU_ASSERT_EQUAL(got, want);
    }
}
#define SCRIPT(rig, ...) rig_script(rig, __FILE__, __LINE__, (const struct rig_step[]){ __VA_ARGS__, END })

#endif
