/* A small machine with a stub on it: packets in, what it sent out, and running as the session does. */
#ifndef TESTS_GDB_RIG_H
#define TESTS_GDB_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/debugger.h"
#include "cpu/x86/x86.h"
#include "debugger/gdb.h"

#define CODE 0x80000000u
#define VAR 0x80001000u

/* A loop that counts in memory; the same on 32 and 64 bits. */
static const u32 rig_program[] = {
    0x00128293, /* 80000000 addi t0, t0, 1 */
    0x00001317, /* 80000004 auipc t1, 1 */
    0xfe532e23, /* 80000008 sw t0, -4(t1): VAR */
    0xffc32383, /* 8000000c lw t2, -4(t1) */
    0xff1ff06f, /* 80000010 j 80000000 */
};

/* The same in real mode, with a CS base that is not 0: what SIPI makes of vector 7. */
#define CODE16 0x7000u
#define VAR16 0x6000u
static const u8 rig_program16[] = {
    0x66, 0x43,                   /* 7000 inc ebx */
    0x66, 0x89, 0x1e, 0x00, 0x60, /* 7002 mov [6000], ebx */
    0x66, 0x8b, 0x0e, 0x00, 0x60, /* 7007 mov ecx, [6000] */
    0xeb, 0xf2,                   /* 700c jmp 7000 */
};

struct rig {
    struct machine_config config;
    struct machine *m;
    struct debugger *d;
    struct gdb_stub *stub;
    struct buf out;
    bool interrupted, left, killed;
    u8 bytes[sizeof rig_program];
    u8 bios[0x1000]; /* of the PC: never executed */
};

static inline void rig_write(void *opaque, const u8 *bytes, size_t n)
{
    buf_put(&((struct rig *)opaque)->out, bytes, n);
}

static inline void rig_go(void *opaque) {}
static inline void rig_interrupt(void *opaque) { ((struct rig *)opaque)->interrupted = true; }

static inline void rig_arm(void *opaque, const struct cpu_stops *stops)
{
    struct rig *r = opaque;
    r->d->stops.also = stops;
    stops_arm(&r->d->stops, r->m);
}

static inline void rig_monitor(void *opaque, struct cpu *c, const char *line, struct buf *out)
{
    struct rig *r = opaque;
    if (gdb_monitor_runs(line) || r->d->collecting || !line[strspn(line, " \t")])
        return;
    debugger_select_cpu(r->d, c);
    debugger_capture(r->d, line, out);
}

static inline void rig_leave(void *opaque, enum gdb_leave how)
{
    struct rig *r = opaque;
    r->left = true;
    r->killed = how == GDB_KILL;
}

static inline void rig_attach(struct rig *r)
{
    struct gdb_stub_host host = { .opaque = r, .write = rig_write, .go = rig_go, .interrupt = rig_interrupt,
                                  .arm = rig_arm,
                                  .monitor = rig_monitor, .leave = rig_leave };
    r->stub = gdb_stub_new(r->m, &host);
    r->left = r->killed = r->interrupted = false;
    r->out.len = 0;
}

static inline void rig_detach(struct rig *r)
{
    gdb_stub_free(r->stub);
    r->stub = NULL;
}

static inline void rig_nowhere(void *opaque, const char *text, size_t n) {}

static inline void rig_make(struct rig *r)
{
    struct err e;
    r->m = machine_new(&r->config, &e);
    if (!r->m) {
        fprintf(stderr, "%s\n", e.text);
        abort();
    }
    r->d = debugger_new(r->m, &(struct debugger_host){ .opaque = r, .write = rig_nowhere });
}

/* Runs every hart from CODE on. */
static inline void rig_open(struct rig *r, const char *cpu, unsigned xlen, unsigned cpus)
{
    *r = (struct rig){ .config = { .board = "virt", .xlen = xlen, .cpus = cpus, .ram_size = 16 << 20, .cpu = cpu } };
    for (size_t i = 0; i < ARRAY_LEN(rig_program); i++)
        store_le(r->bytes + 4 * i, 4, rig_program[i]);
    r->config.loaders[0] = (struct loader_config){ .file = { "program", r->bytes, sizeof r->bytes }, .has_addr = true,
                                                   .raw = true, .addr = CODE, .cpu_num = -1 };
    r->config.n_loaders = 1;
    rig_make(r);
    for (unsigned i = 0; i < cpus; i++)
        r->m->cpus[i]->ops->set_pc(r->m->cpus[i], CODE);
    rig_attach(r);
}

/* A PC, every processor from CODE16 on. */
static inline void rig_open_x86(struct rig *r, const char *cpu, unsigned xlen, unsigned cpus)
{
    *r = (struct rig){ .config = { .board = "pc", .xlen = xlen, .cpus = cpus, .ram_size = 16 << 20, .cpu = cpu } };
    r->config.bios = (struct blob){ .name = "bios", .data = r->bios, .size = sizeof r->bios };
    rig_make(r);
    space_poke(r->m->mem, CODE16, rig_program16, sizeof rig_program16);
    for (unsigned i = 0; i < cpus; i++) {
        struct x86 *c = x86_of(r->m->cpus[i]);
        c->activity = X86_WAIT_FOR_SIPI;
        x86_startup(c, CODE16 >> 12);
        c->cpu.ops->state_loaded(&c->cpu);
    }
    rig_attach(r);
}

static inline void rig_close(struct rig *r)
{
    rig_detach(r);
    debugger_free(r->d);
    machine_free(r->m);
    buf_free(&r->out);
}

/* Runs while the client wants it to, at most `limit` ticks; then as if it had been interrupted. */
static inline void rig_run(struct rig *r, u64 limit)
{
    u64 end = r->m->clock.now + limit;
    while (r->stub && gdb_stub_running(r->stub)) {
        struct cpu *step = gdb_stub_step(r->stub);
        enum machine_stop why;
        if (r->interrupted || r->m->clock.now >= end) {
            r->interrupted = false;
            gdb_stub_stopped(r->stub, MACHINE_REACHED);
            continue;
        }
        if (step)
            cpu_skip_stop(step);
        why = step ? machine_step_within(r->m, step, end) : machine_run(r->m, end, true); /* it may wait for ever */
        if (step && why == MACHINE_REACHED && gdb_stub_step_again(r->stub))
            continue;
        gdb_stub_stopped(r->stub, why);
    }
}

static inline void rig_bytes(struct rig *r, const void *bytes, size_t n)
{
    gdb_stub_input(r->stub, bytes, n);
}

/* Frames a packet that needs no escaping. */
static inline void rig_packet(struct rig *r, const char *text)
{
    u8 sum = 0;
    char tail[4];
    for (const char *p = text; *p; p++)
        sum = (u8)(sum + (u8)*p);
    snprintf(tail, sizeof tail, "#%02x", sum);
    rig_bytes(r, "$", 1);
    rig_bytes(r, text, strlen(text));
    rig_bytes(r, tail, 3);
}

#endif
