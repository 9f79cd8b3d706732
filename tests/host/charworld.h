/* A guest reduced to what the host side sees of one: a clock, a CPU that is busy or waits, one input channel.
 * The machine's own run loop drives it. */
#ifndef TESTS_HOST_CHARWORLD_H
#define TESTS_HOST_CHARWORLD_H

#include <string.h>

#include "base/arena.h"
#include "host/run.h"
#include "machine/board.h"
#include "machine/isa.h"

struct world_cpu {
    struct cpu cpu;
    u64 busy; /* instructions until it waits again */
};

struct world {
    struct machine m;
    struct world_cpu hart;
    struct input_channel in, brk;
    size_t capacity, held;  /* of the pretended FIFO: emptied when the CPU has done its work */
    u64 work;               /* instructions for each delivery */
    u8 got[65536];
    size_t n_got;
    unsigned breaks;
    size_t break_after;
    u64 log; /* hash of (position, n) of all deliveries */
    u64 last_position;
    unsigned deliveries;
    struct timer tick;
    u64 period;
    unsigned ticks;
};

static inline enum cpu_stop world_run(struct cpu *c, u64 max)
{
    struct world_cpu *h = (struct world_cpu *)c;
    u64 n = h->busy < max ? h->busy : max;
    c->clock->now += n;
    c->retired += n;
    h->busy -= n;
    return h->busy ? CPU_BUDGET : CPU_IDLE;
}

static inline u64 world_get_pc(const struct cpu *c)
{
    return 0;
}

static inline bool world_has_work(const struct cpu *c)
{
    return ((const struct world_cpu *)c)->busy > 0;
}

static inline size_t world_room(void *opaque)
{
    struct world *w = opaque;
    if (!w->hart.busy)
        w->held = 0;
    return w->capacity - w->held;
}

static inline void world_deliver(void *opaque, const u8 *bytes, size_t n)
{
    struct world *w = opaque;
    for (size_t i = 0; i < n && w->n_got < sizeof w->got; i++)
        w->got[w->n_got++] = bytes[i];
    w->held += n;
    w->hart.busy += w->work;
    w->last_position = w->m.clock.now;
    w->log = w->log * 1000003 + w->m.clock.now * 31 + n;
    w->deliveries++;
}

static inline void world_break(void *opaque, const u8 *bytes, size_t n)
{
    struct world *w = opaque;
    w->breaks++;
    w->break_after = w->n_got;
}

static inline void world_tick(void *opaque, u64 now)
{
    struct world *w = opaque;
    w->ticks++;
    w->hart.busy += 1000;
    timer_arm(&w->m.clock, &w->tick, now + w->period);
}

static inline void world_quantum_end(struct cpu *c)
{
}

static inline void world_init(struct world *w)
{
    static const struct cpu_ops ops = { .isa = "none", .run = world_run, .has_work = world_has_work,
                                          .get_pc = world_get_pc };
    static const struct isa isa = { .name = "none", .quantum_end = world_quantum_end };
    static const struct board board = { .name = "none", .isa = &isa };
    static const struct machine_config config = { .board = "none", .cpus = 1 };
    memset(w, 0, sizeof *w);
    clock_init(&w->m.clock, 1000000000);
    w->m.config = &config;
    w->hart.cpu = (struct cpu){ .ops = &ops, .name = "hart0", .clock = &w->m.clock };
    w->m.cpus[0] = &w->hart.cpu;
    w->m.n_cpus = 1;
    w->m.quantum = w->m.turn_left = MACHINE_DEFAULT_QUANTUM;
    w->m.board = &board;
    w->capacity = 16;
    w->work = 100;
    w->in = (struct input_channel){ "/uart0", world_room, world_deliver, w, &w->brk };
    w->brk = (struct input_channel){ "/uart0.break", NULL, world_break, w, NULL };
    w->m.env.channels = &w->in;
}

static inline void world_ticks(struct world *w, u64 period)
{
    w->period = period;
    timer_init(&w->m.clock, &w->tick, "/timer", "tick", 0, world_tick, w);
    timer_arm(&w->m.clock, &w->tick, period);
}

static inline void world_fini(struct world *w)
{
    clock_fini(&w->m.clock);
}

#endif
