/* Intel 82441FX; see i440fx.h. */
#include "iodev/bus/i440fx.h"

#include <string.h>

enum { SEGMENTS = 13, HOLES = 2 };
#define SMRAM_BASE 0xa0000u
#define SMRAM_SIZE 0x20000u
#define MIB ((u64)1 << 20)

struct pmc {
    struct pci_config pci;
    struct pci_host host;
    u16 pmccfg;
    u8 deturbo, dbc, axc, drt[2], dramc, dramt, pam[7], drb[8], fdhc, mtt, clt, smram, errcmd, errsts, trc;
};

/* One stretch of memory below 1 MiB that is RAM or PCI, for loads and for stores. */
struct segment {
    struct ram *ram;
    u64 base, size;
    struct window *shadow; /* loads from RAM; stores to RAM or nowhere */
    struct window *fill;   /* loads from what is behind; stores to RAM */
};

struct pmc_link {
    struct segment segment[SEGMENTS];
    struct window *open; /* SMRAM for everybody */
    struct window *hole[HOLES];
    struct ram *ram;
    void (*reset)(void *opaque, bool hard);
    void *opaque;
};

static struct pmc *pmc(const struct device *d)
{
    return d->state;
}

static struct pmc_link *link_of(const struct device *d)
{
    return d->link;
}

/* --- shadow RAM (PAM) -------------------------------------------------------------------------------------- */

static enum mem_result fill_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
    return MEM_FAULT; /* only where no ROM is behind: nobody answers */
}

static enum mem_result fill_write(void *opaque, u64 offset, unsigned size, u64 value)
{
    const struct segment *s = opaque;
    store_le(s->ram->host + s->base + offset, size, value);
    ram_written(s->ram, s->base + offset, size);
    return MEM_OK;
}

static const struct io_ops fill_ops = { fill_read, fill_write, NULL };

/* PAM0's upper half is 0xf0000 to 0xfffff; the twelve halves of PAM1 to PAM6 are 16 KiB each from 0xc0000 on. */
static void segment_of(unsigned k, u64 *base, u64 *size)
{
    *base = k ? 0xc0000 + (k - 1) * 0x4000u : 0xf0000;
    *size = k ? 0x4000 : 0x10000;
}

static unsigned attributes(const struct pmc *p, unsigned k)
{
    return k ? p->pam[1 + (k - 1) / 2] >> ((k - 1) & 1 ? 4 : 0) & 3 : p->pam[0] >> 4 & 3;
}

enum { PAM_READ = 1, PAM_WRITE = 2 };
enum { SMRAM_ENABLED = 1 << 3, SMRAM_LOCKED = 1 << 4, SMRAM_CLOSED = 1 << 5, SMRAM_OPEN = 1 << 6 };

static void show(struct device *d)
{
    const struct pmc *p = pmc(d);
    struct pmc_link *l = link_of(d);
    if (!l->ram)
        return;
    for (unsigned k = 0; k < SEGMENTS; k++) {
        struct segment *s = &l->segment[k];
        unsigned a = attributes(p, k);
        space_window_direct(s->shadow, true, a & PAM_WRITE);
        space_window_place(s->shadow, s->base, a & PAM_READ);
        space_window_place(s->fill, s->base, a == PAM_WRITE);
    }
    /* The video segment belongs to PCI; closing wins over opening (SMRAM). */
    space_window_place(l->open, SMRAM_BASE, (p->smram & (SMRAM_ENABLED | SMRAM_OPEN | SMRAM_CLOSED)) ==
                                                (SMRAM_ENABLED | SMRAM_OPEN));
    space_window_place(l->hole[0], 0x80000, p->fdhc >> 6 == 1);
    space_window_place(l->hole[1], 15 * MIB, p->fdhc >> 6 == 2);
}

struct ram *i440fx_smram(void *device, u64 *offset)
{
    const struct device *d = device;
    *offset = SMRAM_BASE;
    return pmc(d)->smram & SMRAM_ENABLED ? link_of(d)->ram : NULL;
}

bool i440fx_set_memory(struct device *d, struct ram *ram, struct ram *bios, struct err *e)
{
    struct pmc_link *l = link_of(d);
    struct space *s = d->env->mem;
    u64 low = ram->size < I440FX_HOLE ? ram->size : I440FX_HOLE;
    u64 rom_size = bios ? bios->size : 0, rom_low = rom_size < 0x20000 ? rom_size : 0x20000;
    if (l->ram || ram->size < MIB || rom_size > 16 * MIB)
        return err_set(e, "a PC takes memory once, at least 1 MiB, and at most 16 MiB of BIOS; not %llu and %llu bytes",
                       (unsigned long long)ram->size, (unsigned long long)rom_size);
    if (!space_add_ram_part(s, 0, ram, 0, SMRAM_BASE, e) ||
        (low > MIB && !space_add_ram_part(s, MIB, ram, MIB, low - MIB, e)) ||
        (ram->size > low && !space_add_ram_part(s, (u64)1 << 32, ram, low, ram->size - low, e)))
        return false;
    if (bios && (!space_add_ram(s, ((u64)1 << 32) - rom_size, bios, e) ||
                 !space_add_ram_part(s, MIB - rom_low, bios, rom_size - rom_low, rom_low, e)))
        return false;
    l->ram = ram;
    for (unsigned k = 0; k < SEGMENTS; k++) {
        struct segment *g = &l->segment[k];
        segment_of(k, &g->base, &g->size);
        g->ram = ram;
        g->shadow = space_window_new(s, "shadow", g->size, 1, NULL, NULL, ram, g->base);
        bool behind = g->base >= MIB - rom_low;
        g->fill = space_window_new(s, "shadow fill", g->size, 1, &fill_ops, g, behind ? bios : NULL,
                                   behind ? rom_size - (MIB - g->base) : 0);
        space_window_direct(g->fill, true, false);
    }
    l->open = space_window_new(s, "smram", SMRAM_SIZE, 2, NULL, NULL, ram, SMRAM_BASE);
    space_window_direct(l->open, true, true);
    l->hole[0] = space_window_new(s, "hole", 0x20000, 1, NULL, NULL, NULL, 0);
    l->hole[1] = space_window_new(s, "hole", MIB, 1, NULL, NULL, NULL, 0);
    show(d);
    return true;
}

void i440fx_set_hook(struct device *d, void (*reset)(void *opaque, bool hard), void *opaque)
{
    link_of(d)->reset = reset;
    link_of(d)->opaque = opaque;
}

/* --- registers --------------------------------------------------------------------------------------------- */

static void memory_write(struct device *d, u32 index, u64 value, u64 old)
{
    show(d);
}

/* Locking closes what was open, for good: only a reset unlocks. */
static void smram_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct pmc *p = pmc(d);
    if (old & SMRAM_LOCKED)
        p->smram = (u8)((value & ~(u64)(SMRAM_LOCKED | SMRAM_OPEN)) | SMRAM_LOCKED);
    else if (value & SMRAM_LOCKED)
        p->smram &= (u8)~SMRAM_OPEN;
    show(d);
}

enum { TRC_HARD = 1 << 1, TRC_RESET = 1 << 2 };

static void trc_write(struct device *d, u32 index, u64 value, u64 old)
{
    const struct pmc_link *l = link_of(d);
    if (value & ~old & TRC_RESET && l->reset)
        l->reset(l->opaque, value & TRC_HARD);
}

static const struct reg_field pam_fields[] = {
    { "LOW_READ", 0, 1, "the lower half is loaded from RAM, else from PCI" },
    { "LOW_WRITE", 1, 1, "stores to the lower half go to RAM" },
    { "HIGH_READ", 4, 1, "the same of the upper half" },
    { "HIGH_WRITE", 5, 1, "the same of the upper half" },
    { NULL, 0, 0, NULL },
};

static const struct reg_field smram_fields[] = {
    { "BASE", 0, 3, "2 0xa0000 to 0xbffff" },
    { "ENABLED", 3, 1, "SMM sees the RAM" },
    { "LOCKED", 4, 1, "cannot be opened until a reset" },
    { "CLOSED", 5, 1, "not for data" },
    { "OPEN", 6, 1, "everybody sees the RAM" },
    { NULL, 0, 0, NULL },
};

static const struct reg_field fdhc_fields[] = {
    { "HOLE", 6, 2, "0 none, 1 512K to 640K, 2 15M to 16M" },
    { NULL, 0, 0, NULL },
};

static const struct reg_field trc_fields[] = {
    { "HARD", 1, 1, "a reset is one of the whole machine" },
    { "RESET", 2, 1, "setting it resets" },
    { "BIST", 3, 1, "the CPU tests itself at a hard reset" },
    { NULL, 0, 0, NULL },
};

#define SLOT(m) REG_SLOT(struct pmc, m)
#define SECTION "82441FX 3.2"
static const struct reg_desc config[] = {
    { .name = "PMCCFG", .offset = 0x50, .width = 2, .rw = 0x87e0, .slot = SLOT(pmccfg),
      .doc = "PMC configuration: host frequency, WSC#, ECC", .section = SECTION },
    { .name = "DETURBO", .offset = 0x52, .width = 1, .rw = 0xff, .slot = SLOT(deturbo),
      .doc = "how much the CPU is slowed down; has no effect here", .section = SECTION },
    { .name = "DBC", .offset = 0x53, .width = 1, .reset = 0x80, .rw = 0xfc, .slot = SLOT(dbc),
      .doc = "data bus and write posting control", .section = SECTION },
    { .name = "AXC", .offset = 0x54, .width = 1, .rw = 0xfb, .slot = SLOT(axc), .doc = "auxiliary control",
      .section = SECTION },
    { .name = "DRT", .offset = 0x55, .width = 1, .count = 2, .rw = 0xff, .slot = SLOT(drt),
      .doc = "DRAM type of the rows, 2 bits each: 0 EDO, 1 BEDO, 3 empty", .section = SECTION },
    { .name = "DRAMC", .offset = 0x57, .width = 1, .reset = 1, .rw = 0xff, .slot = SLOT(dramc), .doc = "DRAM control",
      .section = SECTION },
    { .name = "DRAMT", .offset = 0x58, .width = 1, .reset = 0x10, .rw = 0xff, .slot = SLOT(dramt),
      .doc = "DRAM timing; has no effect here", .section = SECTION },
    { .name = "PAM", .offset = 0x59, .width = 1, .count = 7, .rw = 0x33, .slot = SLOT(pam), .write = memory_write,
      .fields = pam_fields, .doc = "which memory from 768K to 1M is RAM: [0] 0xf0000, then 32K each from 0xc0000 on",
      .section = SECTION },
    { .name = "DRB", .offset = 0x60, .width = 1, .count = 8, .reset = 1, .rw = 0xff, .slot = SLOT(drb),
      .doc = "where each row of DRAM ends, in 8 MiB", .section = SECTION },
    { .name = "FDHC", .offset = 0x68, .width = 1, .rw = 0xc0, .slot = SLOT(fdhc), .write = memory_write,
      .fields = fdhc_fields, .doc = "a hole in RAM that belongs to PCI", .section = SECTION },
    { .name = "MTT", .offset = 0x70, .width = 1, .reset = 0x20, .rw = 0xf8, .slot = SLOT(mtt),
      .doc = "multi-transaction timer", .section = SECTION },
    { .name = "CLT", .offset = 0x71, .width = 1, .reset = 0x10, .rw = 0xf8, .slot = SLOT(clt),
      .doc = "CPU latency timer", .section = SECTION },
    { .name = "SMRAM", .offset = 0x72, .width = 1, .reset = 2, .rw = 0x78, .slot = SLOT(smram), .write = smram_write,
      .fields = smram_fields, .doc = "system management RAM", .section = SECTION },
    { .name = "ERRCMD", .offset = 0x90, .width = 1, .rw = 0x83, .slot = SLOT(errcmd),
      .doc = "which memory errors assert SERR#", .section = SECTION },
    { .name = "ERRSTS", .offset = 0x91, .width = 1, .w1c = 0x11, .slot = SLOT(errsts),
      .doc = "memory errors: there are none", .section = SECTION },
    { .name = "TRC", .offset = 0x93, .width = 1, .rw = 0x0e, .slot = SLOT(trc), .write = trc_write,
      .fields = trc_fields, .doc = "turbo and reset control", .section = SECTION },
    { .name = NULL },
};

/* --- life -------------------------------------------------------------------------------------------------- */

static bool build(struct device *d, struct err *e)
{
    return pci_bus_init(d, &pmc(d)->host, e);
}

static void reset(struct device *d)
{
    pci_reset(d);
    pci_bus_reset(d);
    show(d);
}

static void loaded(struct device *d)
{
    pci_loaded(d);
    show(d);
}

static const struct state_field state[] = {
    PCI_CONFIG_STATE(struct pmc), PCI_HOST_STATE(struct pmc),
    STATE(struct pmc, pmccfg), STATE_ARRAY(struct pmc, drt), STATE(struct pmc, deturbo), STATE(struct pmc, dbc),
    STATE(struct pmc, axc), STATE(struct pmc, dramc), STATE(struct pmc, dramt), STATE_ARRAY(struct pmc, pam),
    STATE_ARRAY(struct pmc, drb), STATE(struct pmc, fdhc), STATE(struct pmc, mtt), STATE(struct pmc, clt),
    STATE(struct pmc, smram), STATE(struct pmc, errcmd), STATE(struct pmc, errsts), STATE(struct pmc, trc), STATE_END,
};

/* The subsystem is QEMU's, by which SeaBIOS knows that fw_cfg is there to be asked. */
static const struct pci_function function = {
    .vendor = 0x8086, .device = 0x1237, .revision = 2, .class_code = 0x060000,
    .subsystem_vendor = 0x1af4, .subsystem = 0x1100, .config = config,
};

const struct device_class i440fx_class = {
    .name = "i440FX",
    .doc = "host bridge 82441FX: PCI bus, memory, shadow RAM, SMRAM",
    .pci = &function,
    .state_size = sizeof(struct pmc),
    .state = state,
    .link_size = sizeof(struct pmc_link),
    .banks = { &pci_mechanism1 },
    .build = build,
    .reset = reset,
    .loaded = loaded,
};
