/* A hart without an engine, on a space with RAM, ROM and a device: enough for the privileged side. */
#ifndef TESTS_CPU_HART_H
#define TESTS_CPU_HART_H

#include <string.h>

#include "cpu/riscv/priv.h"
#include "cpu/riscv/riscv.h"
#include "tests/unit.h"

#define RAM_BASE 0x80000000u
#define RAM_SIZE (4u << 20)
#define ROM_BASE 0x1000u
#define IO_BASE 0x10000000u

struct bench {
    struct arena *arena;
    struct clock clock;
    struct event_bus bus;
    struct ram *ram;
    struct hart *h;
    u64 mtime_offset;
    unsigned io_reads;
};

static inline u64 bench_mtime(void *opaque)
{
    struct bench *b = opaque;
    return b->clock.now / 10 + b->mtime_offset;
}
static inline u64 bench_when(void *opaque, u64 value)
{
    struct bench *b = opaque;
    return value <= b->mtime_offset ? 0
           : value - b->mtime_offset > UINT64_MAX / 10 ? CLOCK_NEVER : (value - b->mtime_offset) * 10;
}
static inline enum mem_result bench_io_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
    ((struct bench *)opaque)->io_reads++;
    *value = ~(u64)0;
    return MEM_OK;
}
static inline enum mem_result bench_io_write(void *opaque, u64 offset, unsigned size, u64 value) { return MEM_OK; }
static const struct io_ops bench_io = { bench_io_read, bench_io_write, NULL };

static inline struct bench *bench_new(const char *cpu, unsigned xlen)
{
    struct arena *a = arena_new();
    struct bench *b = ARENA_NEW(a, struct bench);
    struct err e;
    b->arena = a;
    clock_init(&b->clock, 10000000);
    struct space *s = space_new(a, "test");
    b->ram = ram_new(a, "ram", RAM_SIZE, false, &e);
    space_add_ram(s, RAM_BASE, b->ram, &e);
    space_add_ram(s, ROM_BASE, ram_new(a, "rom", PAGE_SIZE, true, &e), &e);
    space_add_io(s, "io", IO_BASE, PAGE_SIZE, &bench_io, b, &e);
    struct hart *h = b->h = ARENA_NEW(a, struct hart);
    if (!riscv_config_parse(cpu, xlen, &h->config, &e)) {
        fprintf(stderr, "%s\n", e.text);
        CU_FAIL_FATAL("configuration");
    }
    h->cpu.name = "hart0";
    h->cpu.mem = s;
    h->cpu.clock = &b->clock;
    h->cpu.bus = &b->bus;
    h->timebase = (struct timebase){ bench_mtime, bench_when, b };
    riscv_sstc_init(h);
    riscv_priv_reset(h);
    return b;
}

static inline void bench_free(struct bench *b)
{
    struct arena *a = b->arena;
    clock_fini(&b->clock);
    arena_free(a);
}

/* Every physical address for every mode, by the last PMP entry. */
static inline void bench_open_pmp(struct bench *b)
{
    if (!b->h->config.pmp)
        return;
    b->h->pmpcfg[b->h->config.pmp - 1] = PMP_NAPOT | PMP_R | PMP_W | PMP_X;
    b->h->pmpaddr[b->h->config.pmp - 1] = b->h->config.xlen == 64 ? ~(u64)0 >> 10 : 0xffffffff;
}

#endif
