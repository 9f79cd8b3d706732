/* A bench for devices of the PC: several of them, their ports, memory and wires. */
#ifndef TESTS_DEVICE_PC_RIG_H
#define TESTS_DEVICE_PC_RIG_H

#include "base/rng.h"
#include "tests/device/rig.h"

#define PC_HZ 1000000000u
#define PC_MAX 8

struct pc {
    struct arena *arena;
    struct clock clock;
    struct event_bus bus;
    struct device_env env;
    struct ram *ram, *bios; /* bios: of pci_rig.h */
    struct device *bridge;  /* of pci_rig.h */
    struct device *devices[PC_MAX];
    unsigned n;
    bool out[PC_MAX][DEVICE_MAX_OUT];
    unsigned edges[PC_MAX][DEVICE_MAX_OUT]; /* rising */
    struct pc_out {
        struct pc *pc;
        unsigned device;
    } outs[PC_MAX];
};

static inline void pc_out_set(void *opaque, u32 line, bool level)
{
    struct pc_out *o = opaque;
    o->pc->edges[o->device][line] += level && !o->pc->out[o->device][line];
    o->pc->out[o->device][line] = level;
}

/* Its memory is not mapped. */
static inline struct pc *pc_begin(u64 hz, u64 ram_size)
{
    struct err e = { "" };
    struct arena *a = arena_new();
    struct pc *p = ARENA_NEW(a, struct pc);
    p->arena = a;
    clock_init(&p->clock, hz);
    p->env = (struct device_env){ .arena = a, .clock = &p->clock, .bus = &p->bus, .mem = space_new(a, "memory"),
                                  .io = space_new(a, "ports"), .seed = 1 };
    p->ram = ram_new(a, "ram", ram_size, false, &e);
    if (!p->ram)
        rig_die(&e);
    return p;
}

static inline struct pc *pc_new(u64 hz)
{
    struct err e = { "" };
    struct pc *p = pc_begin(hz, RIG_RAM_SIZE);
    if (!space_add_ram(p->env.mem, 0, p->ram, &e))
        rig_die(&e);
    return p;
}

static inline void pc_free(struct pc *p)
{
    struct arena *a = p->arena;
    clock_fini(&p->clock);
    arena_free(a);
}

/* A device that is built and not yet reset; its outputs go to p->out until the test wires them elsewhere. */
static inline struct device *pc_build(struct pc *p, const struct device_class *cls, struct prop_value *props,
                                      struct char_port *chr)
{
    struct err e = { "" };
    unsigned k = p->n++;
    p->outs[k] = (struct pc_out){ p, k };
    struct device *d = device_new(&p->env, cls, arena_printf(p->arena, "/%s%u", cls->name, k), props, &e);
    if (!d)
        rig_die(&e);
    for (u32 i = 0; i < DEVICE_MAX_OUT; i++)
        d->out[i] = (struct wire){ pc_out_set, &p->outs[k], i };
    d->chr = chr;
    if (cls->build && !cls->build(d, &e))
        rig_die(&e);
    return p->devices[k] = d;
}

static inline struct device *pc_add(struct pc *p, const struct device_class *cls, struct prop_value *props,
                                    struct char_port *chr)
{
    struct device *d = pc_build(p, cls, props, chr);
    device_reset(d);
    return d;
}

static inline void pc_map(struct device *d, unsigned bank, u64 base)
{
    struct err e = { "" };
    if (!device_map(d, bank, d->cls->banks[bank]->ports ? d->env->io : d->env->mem, base, &e))
        rig_die(&e);
}

static inline void pc_run(struct pc *p, u64 ticks) { rig_advance(&p->clock, ticks); }

static inline u64 pc_in(struct pc *p, u64 port, unsigned size)
{
    u64 v;
    return space_read(p->env.io, port, size, &v) == MEM_OK ? v : size_mask(size);
}

static inline u8 inb(struct pc *p, u64 port)
{
    return (u8)pc_in(p, port, 1);
}

static inline void outb(struct pc *p, u64 port, u8 v)
{
    (void)space_write(p->env.io, port, 1, v);
}

static inline u8 peekb(struct pc *p, u64 port)
{
    u8 v = 0xff;
    space_peek(p->env.io, port, &v, 1);
    return v;
}

/* A register by name, without side effects. */
static inline u64 pc_reg(const struct device *d, const char *name)
{
    unsigned bank;
    u32 index;
    const struct reg_desc *r = device_reg_named(d, name, &bank, &index);
    CU_ASSERT_PTR_NOT_NULL(r);
    return r ? device_reg_get(d, r, index) : ~(u64)0;
}

static inline u64 pc_hash(const struct pc *p)
{
    u64 h = clock_hash(&p->clock, 0);
    for (unsigned i = 0; i < p->n; i++)
        h = state_hash(p->devices[i]->cls->state, p->devices[i]->state, h);
    return h;
}

/* Everything through a snapshot's form; true when it came back the same. */
static inline bool pc_snapshot(struct pc *p)
{
    struct err e = { "" };
    u64 before = pc_hash(p);
    struct buf saved[PC_MAX] = { { 0 } };
    bool ok = true;
    struct buf timers = { 0 };
    clock_save(&p->clock, &timers);
    for (unsigned i = 0; i < p->n; i++)
        state_save(p->devices[i]->cls->state, p->devices[i]->state, &saved[i]);
    for (unsigned i = 0; i < p->n; i++) /* somewhere else */
        device_reset(p->devices[i]);
    for (unsigned i = 0; i < p->n; i++) {
        struct reader in = { saved[i].data, saved[i].len, 0, false };
        memset(p->devices[i]->state, 0xa5, p->devices[i]->cls->state_size);
        ok = state_load(p->devices[i]->cls->state, p->devices[i]->state, &in, &e) && ok;
        buf_free(&saved[i]);
    }
    struct reader in = { timers.data, timers.len, 0, false };
    ok = clock_load(&p->clock, &in, &e) && ok;
    buf_free(&timers);
    for (unsigned i = 0; i < p->n; i++)
        if (p->devices[i]->cls->loaded)
            p->devices[i]->cls->loaded(p->devices[i]);
    return ok && pc_hash(p) == before;
}

static inline u64 pc_random(u64 *seed)
{
    return rng_next(seed) >> 1;
}

/* Random accesses to every mapped bank, with clock steps; peeks must not change anything. */
static inline void pc_fuzz(struct pc *p, u64 seed, unsigned steps, u64 max_ticks)
{
    for (unsigned s = 0; s < steps; s++) {
        struct device *d = p->devices[pc_random(&seed) % p->n];
        unsigned bank = (unsigned)(pc_random(&seed) % DEVICE_MAX_BANKS);
        if (!d->window[bank].size)
            continue;
        struct space *space = d->cls->banks[bank]->ports ? p->env.io : p->env.mem;
        u64 at = d->window[bank].base + pc_random(&seed) % d->window[bank].size, v;
        unsigned size = 1u << pc_random(&seed) % 3;
        if (d->cls->banks[bank]->min_access > 1)
            at &= ~(u64)(size - 1);
        switch (pc_random(&seed) % 8) {
        case 0: case 1: case 2: (void)space_write(space, at, size, pc_random(&seed)); break;
        case 3: case 4: (void)space_read(space, at, size, &v); break;
        case 5: {
            u64 before = s % 64 ? 0 : pc_hash(p);
            (void)space_peek(space, at, &v, size);
            if (!(s % 64))
                CU_ASSERT_EQUAL(pc_hash(p), before);
            break;
        }
        case 6:
            if (d->cls->irq_in)
                d->cls->irq_in(d, (u32)(pc_random(&seed) % 24), pc_random(&seed) & 1);
            break;
        default: pc_run(p, pc_random(&seed) % max_ticks); break;
        }
    }
    CU_ASSERT(pc_snapshot(p));
}

#define EQ(got, want)                                                                                                 \
    do {                                                                                                              \
        unsigned long long got_ = (got), want_ = (want);                                                              \
        if (got_ != want_)                                                                                            \
            fprintf(stderr, "%s:%d: %s is 0x%llx, not 0x%llx\n", __FILE__, __LINE__, #got, got_, want_);              \
        CU_ASSERT_EQUAL(got_, want_);                                                                                 \
    } while (0)

#endif
