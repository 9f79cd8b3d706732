/* The PCI bus: configuration accesses, sizing and mapping of base addresses, interrupt pins, bus mastering, ROMs. */
#include "tests/device/pci_rig.h"

/* A function with all that a function can have. */
struct toy {
    struct pci_config pci;
    u32 reg[4];
    u16 cap;
    u8 byte[3], ro;
};
struct toy_link {
    struct ram *vram;
};

#define TOY(m) REG_SLOT(struct toy, m)
static const struct reg_desc toy_regs[] = {
    { .name = "REG", .offset = 0, .width = 4, .count = 4, .rw = 0xffffffff, .slot = TOY(reg), .doc = "cells",
      .section = "test" },
    { .name = NULL },
};
static const struct reg_desc toy_config[] = {
    { .name = "CAP", .offset = 0x40, .width = 2, .access = REG_RO, .reset = 9, .slot = TOY(cap), .doc = "capability",
      .section = "test" },
    { .name = "BYTES", .offset = 0x45, .width = 1, .count = 3, .reset = 7, .rw = 0x7f, .slot = TOY(byte),
      .doc = "bytes", .section = "test" },
    { .name = "RO", .offset = 0x0d, .width = 1, .access = REG_RO, .reset = 0x33, .slot = TOY(ro),
      .doc = "hides the header's", .section = "test" },
    { .name = NULL },
};
static const struct reg_bank toy_ports = { .name = "ports", .size = 16, .min_access = 1, .max_access = 4,
                                           .regs = toy_regs, .ports = true };
static const struct reg_bank toy_mem = { .name = "mem", .size = 16, .min_access = 4, .max_access = 4,
                                         .hole_faults = true, .regs = toy_regs };
static const struct reg_bank toy_vram = { .name = "vram", .size = 0x10000, .min_access = 1, .max_access = 8 };
static const struct state_field toy_state[] = {
    PCI_CONFIG_STATE(struct toy), STATE_ARRAY(struct toy, reg), STATE(struct toy, cap), STATE_ARRAY(struct toy, byte),
    STATE(struct toy, ro), STATE_END,
};
static const struct pci_function toy_function = {
    .vendor = 0x1234, .device = 0x5678, .revision = 3, .class_code = 0xff0102, .subsystem_vendor = 0x9abc,
    .subsystem = 0xdef0, .pin = 2, .config = toy_config, .capabilities = 0x40,
    .bar = { { PCI_BAR_PORTS, 0, 16 }, { PCI_BAR_MEM32, 1, 0x1000 }, { PCI_BAR_MEM64_PREFETCH, 2, 0 } },
};

static bool toy_build(struct device *d, struct err *e)
{
    struct toy_link *l = d->link;
    d->bank_size[2] = 0x10000;
    l->vram = ram_new(d->env->arena, d->path, 0x10000, false, e);
    return l->vram != NULL;
}

static void toy_reset(struct device *d) { pci_reset(d); }
static void toy_loaded(struct device *d) { pci_loaded(d); }
static struct ram *toy_ram(const struct device *d, unsigned bank)
{
    return bank == 2 ? ((struct toy_link *)d->link)->vram : NULL;
}

static const struct device_class toy_class = {
    .name = "toy", .doc = "a test's function", .bus = "pci", .pci = &toy_function, .state_size = sizeof(struct toy),
    .state = toy_state, .link_size = sizeof(struct toy_link), .banks = { &toy_ports, &toy_mem, &toy_vram },
    .build = toy_build, .reset = toy_reset, .loaded = toy_loaded, .bank_ram = toy_ram,
};

#define SLOT3 PCI_DEVFN(3, 0)

static void mechanism(void)
{
    struct pc *p = pci_rig_new();
    pci_rig_plug(p, &toy_class, SLOT3, NULL);
    /* CONFIG_ADDRESS takes 32-bit writes only; what Linux probes (arch/x86/pci/direct.c). */
    pci_out(p, 0xcf8, 4, 0x80000000);
    CU_ASSERT_EQUAL(pci_in(p, 0xcf8, 4), 0x80000000);
    pci_out(p, 0xcfb, 1, 1);
    pci_out(p, 0xcf8, 2, 0x1234);
    CU_ASSERT_EQUAL(pci_in(p, 0xcf8, 4), 0x80000000);
    CU_ASSERT_EQUAL(pci_in(p, 0xcf8, 1), 0xff); /* nothing there for bytes */
    CU_ASSERT_EQUAL(pci_in(p, 0xcfa, 2), 0xffff);
    pci_out(p, 0xcf8, 4, UINT32_MAX);
    CU_ASSERT_EQUAL(pci_in(p, 0xcf8, 4), 0x80fffffc);
    /* Identity, in all sizes. */
    CU_ASSERT_EQUAL(cfg_read(p, 0, 0, 4), 0x12378086);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0, 4), 0x56781234);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 2, 2), 0x5678);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 1, 2), 0x7812);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 3, 1), 0x56);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 8, 4), 0xff010203);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x2c, 4), 0xdef09abc);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x34, 4), 0x40);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x3c, 4), 0x0200);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 6, 2), 0x210); /* capabilities, medium DEVSEL# */
    CU_ASSERT_EQUAL(cfg_read(p, 0, 6, 2), 0x200);
    /* The class's own rows: over the header's, read-only, and several in one access. */
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0xc, 4), 0x3300);
    cfg_write(p, SLOT3, 0xc, 4, 0xffffffff);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0xc, 4), 0x33ff);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x40, 4), 9);
    cfg_write(p, SLOT3, 0x40, 4, 0);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x40, 2), 9);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x44, 4), 0x07070700);
    cfg_write(p, SLOT3, 0x44, 4, 0xffeeff11);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x44, 4), 0x7f6e7f00);
    cfg_write(p, SLOT3, 0x46, 1, 0x21);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x44, 4), 0x7f217f00);
    cfg_write(p, SLOT3, 0x46, 2, 0x1234);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x44, 4), 0x12347f00);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0xfc, 4), 0);
    /* Nobody: another slot, function or bus; and with the enable bit off. */
    CU_ASSERT_EQUAL(cfg_read(p, PCI_DEVFN(4, 0), 0, 4), UINT32_MAX);
    CU_ASSERT_EQUAL(cfg_read(p, PCI_DEVFN(3, 1), 0, 4), UINT32_MAX);
    cfg_write(p, PCI_DEVFN(3, 1), 0x10, 4, 0);
    pci_out(p, 0xcf8, 4, 0x80010000);
    CU_ASSERT_EQUAL(pci_in(p, 0xcfc, 4), UINT32_MAX);
    pci_out(p, 0xcf8, 4, SLOT3 << 8);
    CU_ASSERT_EQUAL(pci_in(p, 0xcfc, 4), UINT32_MAX);
    CU_ASSERT_EQUAL(pci_in(p, 0xcfe, 2), 0xffff);
    /* Across two words of the configuration space there is no access. */
    pci_out(p, 0xcf8, 4, 0x80000000);
    u64 v;
    CU_ASSERT_EQUAL(space_read(p->env.io, 0xcfd, 4, &v), MEM_FAULT);
    /* A second function in the slot makes the first say so. */
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0xe, 1), 0);
    pci_rig_plug(p, &toy_class, PCI_DEVFN(3, 2), NULL);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0xe, 1), 0x80);
    CU_ASSERT_EQUAL(cfg_read(p, PCI_DEVFN(3, 2), 0xe, 1), 0);
    /* Peeking the data register is looking, too. */
    pci_out(p, 0xcf8, 4, 0x80000000 | SLOT3 << 8);
    u32 word = 0;
    CU_ASSERT_EQUAL(space_peek(p->env.io, 0xcfc, &word, 4), 4);
    CU_ASSERT_EQUAL(word, 0x56781234);
    pc_free(p);
}

static void plugging(void)
{
    struct pc *p = pci_rig_new();
    struct err e = { "" };
    struct device *a = pci_rig_plug(p, &toy_class, -1, NULL), *b = pci_rig_plug(p, &toy_class, -1, NULL);
    CU_ASSERT_EQUAL(pci_devfn(a), PCI_DEVFN(1, 0));
    CU_ASSERT_EQUAL(pci_devfn(b), PCI_DEVFN(2, 0));
    CU_ASSERT_PTR_EQUAL(pci_function_at(p->bridge, PCI_DEVFN(2, 0)), b);
    CU_ASSERT_PTR_NULL(pci_function_at(p->bridge, PCI_DEVFN(9, 0)));
    CU_ASSERT_PTR_EQUAL(a->parent, p->bridge);
    struct device *c = pc_build(p, &toy_class, NULL, NULL);
    CU_ASSERT_FALSE(pci_plug(p->bridge, c, PCI_DEVFN(1, 0), &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "1.0 is taken"));
    CU_ASSERT_FALSE(pci_plug(p->bridge, c, 256, &e));
    CU_ASSERT_FALSE(pci_plug(p->bridge, a, -1, &e));
    CU_ASSERT_TRUE(pci_plug(p->bridge, c, PCI_DEVFN(31, 7), &e));
    pc_free(p);
}

static void base_addresses(void)
{
    struct pc *p = pci_rig_new();
    struct device *d = pci_rig_plug(p, &toy_class, SLOT3, NULL);
    const struct toy *t = d->state;
    /* Sizing. */
    static const u32 want[6] = { 0xfffffff1, 0xfffff000, 0xffff000c, 0xffffffff, 0, 0 };
    static const u32 kind[6] = { 1, 0, 0xc, 0, 0, 0 };
    for (unsigned i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x10 + 4 * i, 4), kind[i]);
        cfg_write(p, SLOT3, 0x10 + 4 * i, 4, UINT32_MAX);
        CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x10 + 4 * i, 4), want[i]);
        cfg_write(p, SLOT3, 0x10 + 4 * i, 4, 0);
        CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x10 + 4 * i, 4), kind[i]);
    }
    cfg_write(p, SLOT3, 0x30, 4, UINT32_MAX);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x30, 4), 0); /* no ROM */
    /* Mapped only while enabled. */
    cfg_write(p, SLOT3, 0x10, 4, 0xc00f);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x10, 4), 0xc001);
    cfg_write(p, SLOT3, 0x14, 4, 0xe0000000);
    cfg_write(p, SLOT3, 0x18, 4, 0x10000);
    cfg_write(p, SLOT3, 0x1c, 4, 0x12);
    CU_ASSERT_EQUAL(pci_in(p, 0xc000, 4), UINT32_MAX);
    CU_ASSERT_EQUAL(pci_load(p, 0xe0000000, 4), UINT32_MAX);
    CU_ASSERT_EQUAL(d->window[0].size, 0);
    cfg_write(p, SLOT3, 4, 2, PCI_COMMAND_IO);
    pci_out(p, 0xc004, 4, 0x11223344);
    CU_ASSERT_EQUAL(t->reg[1], 0x11223344);
    CU_ASSERT_EQUAL(pci_in(p, 0xc005, 1), 0x33);
    CU_ASSERT_EQUAL(d->window[0].base, 0xc000);
    CU_ASSERT_EQUAL(d->window[0].size, 16);
    CU_ASSERT_EQUAL(pci_load(p, 0xe0000004, 4), UINT32_MAX);
    cfg_write(p, SLOT3, 4, 1, PCI_COMMAND_MEMORY);
    CU_ASSERT_EQUAL(pci_in(p, 0xc004, 4), UINT32_MAX);
    CU_ASSERT_EQUAL(pci_load(p, 0xe0000004, 4), 0x11223344);
    CU_ASSERT_EQUAL(pci_load(p, 0xe0000ffc, 4), UINT32_MAX); /* of the window, but nothing there */
    pci_store(p, 0x1200010008, 8, 0x0102030405060708);
    CU_ASSERT_EQUAL(load_le(((struct toy_link *)d->link)->vram->host + 8, 8), 0x0102030405060708);
    CU_ASSERT_EQUAL(d->window[2].base, 0x1200010000);
    /* They move, a byte at a time if need be. */
    cfg_write(p, SLOT3, 0x17, 1, 0xd0);
    CU_ASSERT_EQUAL(pci_load(p, 0xe0000004, 4), UINT32_MAX);
    CU_ASSERT_EQUAL(pci_load(p, 0xd0000004, 4), 0x11223344);
    cfg_write(p, SLOT3, 0x1c, 4, 0);
    CU_ASSERT_EQUAL(load_le(p->ram->host + 0x10008, 8), 0);
    pci_store(p, 0x10008, 1, 0x5a); /* main memory is there, and wins */
    CU_ASSERT_EQUAL(p->ram->host[0x10008], 0x5a);
    CU_ASSERT_EQUAL(((struct toy_link *)d->link)->vram->host[8], 8);
    /* A snapshot puts them where they were. */
    cfg_write(p, SLOT3, 0x1c, 4, 7);
    cfg_write(p, SLOT3, 4, 2, 7);
    CU_ASSERT_TRUE(pc_snapshot(p));
    CU_ASSERT_EQUAL(pci_load(p, 0xd0000004, 4), 0x11223344);
    CU_ASSERT_EQUAL(pci_in(p, 0xc004, 4), 0x11223344);
    CU_ASSERT_EQUAL(pci_load(p, 0x700010008, 1), 8);
    /* A reset takes them away. */
    device_reset(d);
    CU_ASSERT_EQUAL(pci_load(p, 0xd0000004, 4), UINT32_MAX);
    CU_ASSERT_EQUAL(pci_in(p, 0xc004, 4), UINT32_MAX);
    pci_rig_check_reset(d);
    pci_rig_check_reset(p->bridge);
    /* Beyond the last port is nowhere; and the bridge's own ports and the BIOS are not hidden. */
    cfg_write(p, SLOT3, 4, 2, 7);
    cfg_write(p, SLOT3, 0x10, 4, 0x10000);
    CU_ASSERT_EQUAL(d->window[0].size, 0);
    cfg_write(p, SLOT3, 0x10, 4, 0xcf0);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0, 2), 0x1234);
    CU_ASSERT_NOT_EQUAL(pci_in(p, 0xcf4, 4), UINT32_MAX);
    p->bios->host[PCI_RIG_BIOS - 16] = 0xea;
    cfg_write(p, SLOT3, 0x14, 4, UINT32_MAX);
    CU_ASSERT_EQUAL(pci_load(p, 0xfffffff0, 1), 0xea);
    pc_free(p);
}

static void interrupts(void)
{
    struct pc *p = pci_rig_new();
    struct device *d[6];
    for (unsigned i = 0; i < 6; i++)
        d[i] = pci_rig_plug(p, &toy_class, (int)PCI_DEVFN(1 + i, 0), NULL);
    /* INTB# of slot 1 is PIRQB, of slot 2 PIRQC... */
    for (unsigned i = 0; i < 6; i++) {
        pci_irq(d[i], true);
        CU_ASSERT_EQUAL(cfg_read(p, PCI_DEVFN(1 + i, 0), 6, 2) & PCI_STATUS_INTX, PCI_STATUS_INTX);
        for (unsigned k = 0; k < 4; k++)
            CU_ASSERT_EQUAL(p->out[0][k], k == ((1 + i) & 3));
        pci_irq(d[i], false);
        CU_ASSERT_FALSE(p->out[0][(1 + i) & 3]);
    }
    /* Slots 1 and 5 share a line: it is asserted while one of them is. */
    pci_irq(d[0], true);
    pci_irq(d[4], true);
    CU_ASSERT_EQUAL(p->edges[0][1], 3);
    pci_irq(d[0], false);
    CU_ASSERT_TRUE(p->out[0][1]);
    CU_ASSERT_TRUE(pc_snapshot(p));
    /* The command register's bit takes it from the line and leaves the status. */
    cfg_write(p, PCI_DEVFN(5, 0), 4, 2, PCI_COMMAND_NO_INTX);
    CU_ASSERT_FALSE(p->out[0][1]);
    CU_ASSERT_EQUAL(cfg_read(p, PCI_DEVFN(5, 0), 6, 2) & PCI_STATUS_INTX, PCI_STATUS_INTX);
    cfg_write(p, PCI_DEVFN(5, 0), 4, 2, 0);
    CU_ASSERT_TRUE(p->out[0][1]);
    device_reset(d[4]);
    CU_ASSERT_FALSE(p->out[0][1]);
    pci_irq(d[4], true);
    device_reset(p->bridge); /* a line does not go away by that */
    CU_ASSERT_TRUE(p->out[0][1]);
    pc_free(p);
}

static void mastering(void)
{
    struct pc *p = pci_rig_new();
    struct device *d = pci_rig_plug(p, &toy_class, SLOT3, NULL);
    u8 b[16] = { 1, 2, 3, 4 };
    CU_ASSERT_FALSE(pci_dma_write(d, 0x5000, b, 4));
    CU_ASSERT_EQUAL(p->ram->host[0x5000], 0);
    cfg_write(p, SLOT3, 4, 2, PCI_COMMAND_MASTER);
    CU_ASSERT_TRUE(pci_dma_write(d, 0x5000, b, 4));
    CU_ASSERT_EQUAL(p->ram->host[0x5003], 4);
    CU_ASSERT_TRUE(pci_dma_read(d, 0x5001, b, 2));
    CU_ASSERT_EQUAL(b[0], 2);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 6, 2) & PCI_STATUS_MASTER_ABORT, 0);
    CU_ASSERT_FALSE(pci_dma_read(d, 0xd0000000, b, 16));
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 6, 2) & PCI_STATUS_MASTER_ABORT, PCI_STATUS_MASTER_ABORT);
    cfg_write(p, SLOT3, 6, 2, PCI_STATUS_MASTER_ABORT);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 6, 2), 0x210);
    pc_free(p);
}

static void roms(void)
{
    struct pc *p = pci_rig_new();
    struct device *d = pci_rig_plug(p, &toy_class, SLOT3, NULL);
    struct err e = { "" };
    u8 image[0x1801] = { 0x55, 0xaa };
    CU_ASSERT_FALSE(pci_set_rom(d, image, 0, &e));
    CU_ASSERT_TRUE(pci_set_rom(d, image, sizeof image, &e));
    CU_ASSERT_FALSE(pci_set_rom(d, image, sizeof image, &e));
    CU_ASSERT_EQUAL(pci_rom(d)->size, 0x2000);
    cfg_write(p, SLOT3, 0x30, 4, 0xfffffffe);
    CU_ASSERT_EQUAL(cfg_read(p, SLOT3, 0x30, 4), 0xffffe000);
    cfg_write(p, SLOT3, 0x30, 4, 0xfe000001);
    CU_ASSERT_EQUAL(pci_load(p, 0xfe000000, 2), 0xffff);
    cfg_write(p, SLOT3, 4, 2, PCI_COMMAND_MEMORY);
    CU_ASSERT_EQUAL(pci_load(p, 0xfe000000, 2), 0xaa55);
    CU_ASSERT_EQUAL(pci_load(p, 0xfe001fff, 1), 0xff);
    pci_store(p, 0xfe000000, 1, 0);
    CU_ASSERT_EQUAL(pci_load(p, 0xfe000000, 2), 0xaa55);
    CU_ASSERT_TRUE(pc_snapshot(p));
    CU_ASSERT_EQUAL(pci_load(p, 0xfe000000, 2), 0xaa55);
    cfg_write(p, SLOT3, 0x30, 4, 0xfe000000);
    CU_ASSERT_EQUAL(pci_load(p, 0xfe000000, 2), 0xffff);
    pc_free(p);
}

/* Anything at all through the two ports, with the BARs wherever that puts them. */
static void random_accesses(void)
{
    u64 hash[2];
    for (unsigned run = 0; run < 2; run++) {
        struct pc *p = pci_rig_new();
        struct err e = { "" };
        u8 image[16] = { 0 };
        u64 rng = 5;
        for (unsigned i = 0; i < 3; i++)
            if (!pci_set_rom(pci_rig_plug(p, &toy_class, -1, NULL), image, sizeof image, &e))
                rig_die(&e);
        hash[run] = 0;
        for (unsigned n = 0; n < 200000; n++) {
            u64 x = rng_next(&rng);
            unsigned size = 1u << (x % 3), devfn = PCI_DEVFN(x >> 8 & 3, 0), offset = x >> 16 & 0xff;
            if (x & 0x800)
                offset &= 0x3f;
            switch (x >> 4 & 7) {
            case 0: hash[run] += pci_in(p, 0xcf8 + (offset & 7), size); break;
            case 1: pci_out(p, 0xcf8 + (offset & 7), size, rng_next(&rng)); break;
            case 2: pci_irq(p->devices[1 + n % 3], x >> 40 & 1); break;
            case 3: hash[run] += pci_in(p, x >> 32 & 0xffff, size); break;
            case 4: pci_store(p, x >> 32, size, x); break;
            case 5: hash[run] += cfg_read(p, devfn, offset & ~(size - 1), size); break;
            default: cfg_write(p, devfn, offset & ~(size - 1), size, (u32)rng_next(&rng)); break;
            }
            if (n % 20000 == 0)
                CU_ASSERT_TRUE(pc_snapshot(p));
        }
        hash[run] = state_hash(p->devices[2]->cls->state, p->devices[2]->state, hash[run]);
        pc_free(p);
    }
    CU_ASSERT_EQUAL(hash[0], hash[1]);
}

int main(void)
{
    return unit_main("pci", (CU_TestInfo[]){
                                { "configuration mechanism #1", mechanism },
                                { "plugging", plugging },
                                { "base addresses", base_addresses },
                                { "interrupt pins", interrupts },
                                { "bus mastering", mastering },
                                { "expansion ROM", roms },
                                { "random accesses", random_accesses },
                                CU_TEST_INFO_NULL,
                            });
}
