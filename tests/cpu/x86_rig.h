/* An x86 with RAM from 0 on, the end of a ROM below 4 GiB, a device and some ports, for tests of the engine. */
#ifndef TESTS_CPU_X86_RIG_H
#define TESTS_CPU_X86_RIG_H

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "cpu/x86/engine.h"
#include "tests/unit.h"

#define RIG_RAM (8u << 20)
#define RIG_DEVICE 0xd0000000u

struct rig {
    struct arena *a;
    struct clock clock;
    struct event_bus bus;
    struct space *mem, *io;
    struct ram *ram, *rom;
    struct x86 *c;
    u64 device_value, device_now;
    unsigned device_reads, device_writes, device_sizes;
    u64 irq_at; /* clock at which INTR rises; 0: never */
    u8 out[256];
    unsigned n_out, acknowledged;
};

static inline enum mem_result rig_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
    struct rig *r = opaque;
    if (size > 4)
        return MEM_FAULT;
    r->device_reads++;
    r->device_sizes |= size;
    r->device_now = r->clock.now;
    *value = (r->device_value + offset) & size_mask(size);
    return MEM_OK;
}
static inline enum mem_result rig_write(void *opaque, u64 offset, unsigned size, u64 value)
{
    struct rig *r = opaque;
    if (size > 4)
        return MEM_FAULT;
    r->device_writes++;
    r->device_sizes |= size;
    r->device_now = r->clock.now;
    r->device_value = value;
    return MEM_OK;
}
static const struct io_ops rig_device = { rig_read, rig_write, NULL };

static inline enum mem_result rig_in(void *opaque, u64 offset, unsigned size, u64 *value)
{
    *value = 0x50 + offset;
    return size == 1 ? MEM_OK : MEM_FAULT;
}
static inline enum mem_result rig_out(void *opaque, u64 offset, unsigned size, u64 value)
{
    struct rig *r = opaque;
    if (size != 1)
        return MEM_FAULT;
    r->out[r->n_out++ % sizeof r->out] = (u8)value;
    return MEM_OK;
}
static const struct io_ops rig_ports = { rig_in, rig_out, NULL };

static inline u8 rig_inta(void *opaque)
{
    struct rig *r = opaque;
    r->acknowledged++;
    r->c->cpu.ops->set_irq(&r->c->cpu, X86_LINE_INTR, false);
    return 0x20;
}

static inline struct rig *rig_new(const char *model)
{
    struct arena *a = arena_new();
    struct rig *r = ARENA_NEW(a, struct rig);
    struct x86_config config;
    struct err e = { 0 };
    r->a = a;
    clock_init(&r->clock, 1000000000);
    r->mem = space_new(a, "mem");
    r->io = space_new(a, "io");
    r->ram = ram_new(a, "ram", RIG_RAM, false, &e);
    r->rom = ram_new(a, "rom", 0x10000, true, &e);
    space_add_ram(r->mem, 0, r->ram, &e);
    space_add_ram(r->mem, 0xffff0000, r->rom, &e);
    space_add_io(r->mem, "device", RIG_DEVICE, 0x1000, &rig_device, r, &e);
    space_add_io(r->io, "ports", 0xe0, 16, &rig_ports, r, &e);
    if (!x86_config_parse(model, true, &config, &e)) {
        fprintf(stderr, "%s\n", e.text);
        CU_FAIL_FATAL("configuration");
    }
    struct x86_board board = { .io = r->io, .inta = rig_inta, .inta_opaque = r };
    struct cpu *c = x86_new(a, &config, 0, r->mem, &r->clock, &r->bus, &board, &e);
    r->c = x86_of(c);
    return r;
}

static inline void rig_free(struct rig *r)
{
    struct arena *a = r->a;
    clock_fini(&r->clock);
    arena_free(a);
}

static inline void rig_poke(struct rig *r, u64 at, const void *bytes, size_t n) { space_poke(r->mem, at, bytes, n); }
static inline void rig_poke64(struct rig *r, u64 at, u64 v)
{
    u8 b[8];
    store_le(b, 8, v);
    rig_poke(r, at, b, 8);
}
static inline u64 rig_peek(struct rig *r, u64 at, unsigned size)
{
    u8 b[8] = { 0 };
    space_peek(r->mem, at, b, size);
    return load_le(b, size);
}

/* Real mode with CS:IP = seg:ip and all other segments 0. */
static inline void rig_real(struct rig *r, u16 seg, u16 ip)
{
    x86_set_seg_real(r->c, X86_CS, seg);
    r->c->rip = ip;
    x86_mode_changed(r->c);
}

/* Flat 32-bit protected mode, or 64-bit mode with `wide`, at CPL 0; a GDT at 0x800, an IDT at 0x0 with 256 gates whose
 * handlers are `handler`, or none. Paging: an identity map of 8 MiB in 4 KiB pages with tables at 0x10000 (wide), or none. */
enum { RIG_PML4 = 0x10000, RIG_PDPT = 0x11000, RIG_PD = 0x12000, RIG_PT = 0x13000 /* 4 of them */, RIG_PD2 = 0x18000 };
static inline void rig_flat(struct rig *r, bool wide, u64 rip)
{
    struct x86 *c = r->c;
    static const u64 gdt[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff, 0x00cffb000000ffff,
                               0x00cff3000000ffff, 0x00affb000000ffff };
    for (unsigned k = 0; k < ARRAY_LEN(gdt); k++)
        rig_poke64(r, 0x800 + 8 * k, gdt[k]);
    c->gdtr = (struct x86_table){ 0x800, sizeof gdt - 1 };
    c->cr0 |= CR0_PE;
    if (wide) {
        rig_poke64(r, RIG_PML4, RIG_PDPT | 7);
        rig_poke64(r, RIG_PDPT, RIG_PD | 7);
        for (u64 k = 0; k < 4; k++)
            rig_poke64(r, RIG_PD + 8 * k, (RIG_PT + (k << 12)) | 7);
        for (u64 k = 0; k < RIG_RAM >> 12; k++)
            rig_poke64(r, RIG_PT + 8 * k, k << 12 | 7);
        rig_poke64(r, RIG_PDPT + 8 * (RIG_DEVICE >> 30), RIG_PD2 | 7);
        rig_poke64(r, RIG_PD2 + 8 * (RIG_DEVICE >> 21 & 511), RIG_DEVICE | 0x87); /* a page of 2 MiB: the device */
        c->cr3 = RIG_PML4;
        c->cr4 |= CR4_PAE | CR4_OSFXSR;
        c->efer |= EFER_LME | EFER_LMA;
        c->cr0 |= CR0_PG | CR0_WP;
        x86_flush_translations(c);
    }
    c->cpl = 0;
    x86_load_seg(c, X86_DS, 0x10);
    x86_load_seg(c, X86_ES, 0x10);
    x86_load_seg(c, X86_SS, 0x10);
    u64 d = gdt[wide ? 3 : 1];
    c->seg[X86_CS] = (struct x86_seg){ .selector = wide ? 0x18 : 8, .valid = true, .type = 11, .s = true, .present = true,
                                       .l = wide, .db = !wide, .g = true, .limit = 0xffffffff };
    (void)d;
    c->rip = rip;
    x86_mode_changed(c);
}

/* Runs to HLT with IF=0 (or a shutdown), at most max ticks. */
static inline enum cpu_stop rig_run(struct rig *r, u64 max)
{
    return r->c->cpu.ops->run(&r->c->cpu, max);
}

static inline u64 rig_hash(struct rig *r)
{
    u64 h = state_hash(r->c->cpu.ops->state, r->c, 1);
    h = hash_u64(r->clock.now, h);
    h = hash_u64(r->device_value, h);
    h = hash_u64(r->n_out, h);
    return ram_hash(r->ram, h);
}

#endif
