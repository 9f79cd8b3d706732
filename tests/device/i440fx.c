/* The 82441FX: where memory lies, shadow RAM, SMRAM, holes, reset control. */
#include "tests/device/pci_rig.h"

static void layout(void)
{
    struct pc *p = pci_rig_new();
    memset(p->bios->host, 0x11, PCI_RIG_BIOS);
    p->bios->host[PCI_RIG_BIOS - 16] = 0xea;
    p->bios->host[PCI_RIG_BIOS - 0x20000] = 0x22;
    CU_ASSERT_EQUAL(pci_load(p, 0xfffffff0, 1), 0xea);
    CU_ASSERT_EQUAL(pci_load(p, 0xfffc0000, 1), 0x11);
    CU_ASSERT_EQUAL(pci_load(p, 0xffff0, 1), 0xea);
    CU_ASSERT_EQUAL(pci_load(p, 0xe0000, 1), 0x22);
    CU_ASSERT_EQUAL(pci_load(p, 0xdffff, 1), 0xff);
    CU_ASSERT_EQUAL(pci_load(p, 0xa0000, 1), 0xff);
    CU_ASSERT_EQUAL(pci_load(p, 0x9ffff, 1), 0);
    CU_ASSERT_EQUAL(pci_load(p, PCI_RIG_RAM - 1, 1), 0);
    CU_ASSERT_EQUAL(pci_load(p, PCI_RIG_RAM, 1), 0xff);
    pci_store(p, 0x9fffe, 4, 0x11223344); /* into the RAM, and nowhere */
    CU_ASSERT_EQUAL(pci_load(p, 0x9fffe, 4), 0xffff3344);
    struct err e = { "" };
    CU_ASSERT_FALSE(i440fx_set_memory(p->bridge, p->ram, NULL, &e));
    CU_ASSERT_EQUAL(cfg_read(p, 0, 8, 4), 0x06000002);
    CU_ASSERT_EQUAL(cfg_read(p, 0, 0x2c, 4), 0x11001af4);
    pci_rig_check_reset(p->bridge);
    pc_free(p);
}

/* More than fits below the hole goes on at 4 GiB. The pages cost nothing until they are touched. */
static void big_memory(void)
{
    struct pc *p = pci_rig_new();
    struct err e = { "" };
    struct device_env env = p->env;
    env.mem = space_new(p->arena, "big");
    struct ram *ram = ram_new(p->arena, "big", (u64)5 << 30, false, &e);
    struct ram *small = ram_new(p->arena, "small", 1 << 16, false, &e);
    struct device *d = device_new(&env, &i440fx_class, "/big", NULL, &e);
    if (!ram || !small || !d || !d->cls->build(d, &e))
        rig_die(&e);
    CU_ASSERT_FALSE(i440fx_set_memory(d, small, NULL, &e));
    CU_ASSERT_TRUE(i440fx_set_memory(d, ram, NULL, &e));
    pci_rig_store(env.mem, I440FX_HOLE - 8, 8, 1);
    pci_rig_store(env.mem, I440FX_HOLE, 8, 2);
    pci_rig_store(env.mem, (u64)1 << 32, 8, 3);
    pci_rig_store(env.mem, ((u64)6 << 30) - 8, 8, 4);
    CU_ASSERT_EQUAL(load_le(ram->host + I440FX_HOLE - 8, 8), 1);
    CU_ASSERT_EQUAL(load_le(ram->host + I440FX_HOLE, 8), 3);
    CU_ASSERT_EQUAL(load_le(ram->host + ram->size - 8, 8), 4);
    CU_ASSERT_PTR_NULL(space_find(env.mem, (u64)6 << 30));
    pc_free(p);
}

/* Each of the 13 segments in each of its four states, and its neighbours untouched. */
static void shadow(void)
{
    struct pc *p = pci_rig_new();
    memset(p->bios->host, 0x11, PCI_RIG_BIOS);
    for (unsigned k = 0; k < 13; k++) {
        u64 base = k ? 0xc0000 + (k - 1) * 0x4000u : 0xf0000, size = k ? 0x4000 : 0x10000;
        unsigned reg = 0x59 + (k ? 1 + (k - 1) / 2 : 0), shift = !k || !(k & 1) ? 4 : 0;
        u8 rom = base >= 0xe0000 ? 0x11 : 0xff;
        p->ram->host[base] = p->ram->host[base + size - 1] = 0x77;
        for (unsigned n = 0; n < 8; n++) {
            unsigned state = (n * 3 + 1) & 3; /* in different orders */
            cfg_write(p, 0, reg, 1, state << shift);
            CU_ASSERT_EQUAL(cfg_read(p, 0, reg, 1), state << shift);
            u8 had = p->ram->host[base];
            pci_store(p, base, 1, 0x40 + n);
            pci_store(p, base + size - 1, 1, 0x40 + n);
            u8 has = state & 2 ? (u8)(0x40 + n) : had;
            CU_ASSERT_EQUAL(p->ram->host[base], has);
            CU_ASSERT_EQUAL(pci_load(p, base, 1), state & 1 ? has : rom);
            CU_ASSERT_EQUAL(pci_load(p, base + size - 1, 1), state & 1 ? has : rom);
            CU_ASSERT_EQUAL(pci_load(p, base + size, 1),
                            base + size == 0x100000 ? 0 : base + size >= 0xe0000 ? 0x11 : 0xff);
            CU_ASSERT_EQUAL(pci_load(p, base - 1, 1), base - 1 >= 0xe0000 ? 0x11 : 0xff);
        }
        cfg_write(p, 0, reg, 1, 0xff);
        CU_ASSERT_EQUAL(cfg_read(p, 0, reg, 1), 0x33);
        CU_ASSERT_TRUE(pc_snapshot(p));
        CU_ASSERT_NOT_EQUAL(pci_load(p, base, 1), rom);
        cfg_write(p, 0, reg, 1, 0);
        CU_ASSERT_EQUAL(pci_load(p, base, 1), rom);
    }
    CU_ASSERT_EQUAL(p->bios->host[PCI_RIG_BIOS - 0x10000], 0x11);
    /* As SeaBIOS makes itself writable: copy the ROM over itself while it is write-only, then both. */
    p->ram->host[0xf1234] = 0;
    cfg_write(p, 0, 0x59, 1, 0x20);
    pci_store(p, 0xf1234, 4, (u32)pci_load(p, 0xf1234, 4));
    cfg_write(p, 0, 0x59, 1, 0x30);
    CU_ASSERT_EQUAL(pci_load(p, 0xf1234, 4), 0x11111111);
    device_reset(p->bridge);
    CU_ASSERT_EQUAL(pci_load(p, 0xf1238, 1), 0x11);
    pc_free(p);
}

struct cells {
    u8 byte[0x20000];
};
static enum mem_result cells_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
    *value = load_le(((struct cells *)opaque)->byte + offset, size);
    return MEM_OK;
}
static enum mem_result cells_write(void *opaque, u64 offset, unsigned size, u64 value)
{
    store_le(((struct cells *)opaque)->byte + offset, size, value);
    return MEM_OK;
}
static const struct io_ops cells_ops = { cells_read, cells_write, cells_read };

static void smram(void)
{
    struct pc *p = pci_rig_new();
    struct cells *vga = ARENA_NEW(p->arena, struct cells);
    space_window_place(space_window_new(p->env.mem, "vga", 0x20000, 1, &cells_ops, vga, NULL, 0), 0xa0000, true);
    u64 at = 0;
    CU_ASSERT_EQUAL(cfg_read(p, 0, 0x72, 1), 2);
    CU_ASSERT_PTR_NULL(i440fx_smram(p->bridge, &at));
    pci_store(p, 0xa8000, 1, 1);
    CU_ASSERT_EQUAL(vga->byte[0x8000], 1);
    cfg_write(p, 0, 0x72, 1, 0x42); /* open is nothing without enabled */
    pci_store(p, 0xa8000, 1, 2);
    CU_ASSERT_EQUAL(vga->byte[0x8000], 2);
    cfg_write(p, 0, 0x72, 1, 0x4a); /* as SeaBIOS opens it */
    CU_ASSERT_PTR_EQUAL(i440fx_smram(p->bridge, &at), p->ram);
    CU_ASSERT_EQUAL(at, 0xa0000);
    pci_store(p, 0xa8000, 1, 3);
    CU_ASSERT_EQUAL(vga->byte[0x8000], 2);
    CU_ASSERT_EQUAL(p->ram->host[0xa8000], 3);
    CU_ASSERT_EQUAL(pci_load(p, 0xa8000, 1), 3);
    CU_ASSERT_TRUE(pc_snapshot(p));
    CU_ASSERT_EQUAL(pci_load(p, 0xa8000, 1), 3);
    cfg_write(p, 0, 0x72, 1, 0x6a); /* closed */
    CU_ASSERT_EQUAL(pci_load(p, 0xa8000, 1), 2);
    cfg_write(p, 0, 0x72, 1, 0x0a);
    CU_ASSERT_EQUAL(pci_load(p, 0xa8000, 1), 2);
    CU_ASSERT_PTR_EQUAL(i440fx_smram(p->bridge, &at), p->ram);
    /* Locking. */
    cfg_write(p, 0, 0x72, 1, 0x5a);
    CU_ASSERT_EQUAL(cfg_read(p, 0, 0x72, 1), 0x1a);
    CU_ASSERT_EQUAL(pci_load(p, 0xa8000, 1), 2);
    cfg_write(p, 0, 0x72, 1, 0x4a);
    CU_ASSERT_EQUAL(cfg_read(p, 0, 0x72, 1), 0x1a);
    CU_ASSERT_EQUAL(pci_load(p, 0xa8000, 1), 2);
    device_reset(p->bridge);
    cfg_write(p, 0, 0x72, 1, 0x4a);
    CU_ASSERT_EQUAL(cfg_read(p, 0, 0x72, 1), 0x4a);
    pc_free(p);
}

static void holes(void)
{
    struct pc *p = pci_rig_new();
    p->ram->host[0x80000] = p->ram->host[15 << 20] = 5;
    static const u8 want[4][2] = { { 5, 5 }, { 0xff, 5 }, { 5, 0xff }, { 5, 5 } };
    for (unsigned k = 0; k < 4; k++) {
        cfg_write(p, 0, 0x68, 1, k << 6);
        CU_ASSERT_EQUAL(pci_load(p, 0x80000, 1), want[k][0]);
        CU_ASSERT_EQUAL(pci_load(p, 15 << 20, 1), want[k][1]);
        CU_ASSERT_EQUAL(pci_load(p, 0x7ffff, 1), 0);
        CU_ASSERT_EQUAL(pci_load(p, (15 << 20) - 1, 1), 0);
    }
    pc_free(p);
}

static void resets(void)
{
    struct pc *p = pci_rig_new();
    struct heard h = { 0 };
    cfg_write(p, 0, 0x93, 1, 6);
    cfg_write(p, 0, 0x93, 1, 0);
    i440fx_set_hook(p->bridge, hear, &h);
    cfg_write(p, 0, 0x93, 1, 2);
    CU_ASSERT_EQUAL(h.n, 0);
    cfg_write(p, 0, 0x93, 1, 6);
    CU_ASSERT(h.n == 1 && h.hard);
    cfg_write(p, 0, 0x93, 1, 6);
    CU_ASSERT_EQUAL(h.n, 1);
    cfg_write(p, 0, 0x93, 1, 0);
    cfg_write(p, 0, 0x93, 1, 4);
    CU_ASSERT(h.n == 2 && !h.hard);
    pc_free(p);
}

static void random_accesses(void)
{
    struct pc *p = pci_rig_new();
    u64 rng = 11, sum = 0;
    for (unsigned n = 0; n < 200000; n++) {
        u64 x = rng_next(&rng);
        unsigned size = 1u << (x % 3), offset = x >> 16 & 0xff & ~(size - 1);
        switch (x >> 4 & 3) {
        case 0: cfg_write(p, 0, offset, size, (u32)rng_next(&rng)); break;
        case 1: sum += cfg_read(p, 0, offset, size); break;
        case 2: pci_store(p, x >> 24 & 0xfffff, 1u << (x >> 60 & 3), x); break;
        default: sum += pci_load(p, x >> 24 & 0xfffff, 1u << (x >> 60 & 3)); break;
        }
        if (n % 20000 == 0)
            CU_ASSERT_TRUE(pc_snapshot(p));
    }
    CU_ASSERT(sum != 0);
    pc_free(p);
}

int main(void)
{
    return unit_main("i440fx", (CU_TestInfo[]){
                                   { "layout", layout },
                                   { "memory beyond the hole", big_memory },
                                   { "shadow RAM", shadow },
                                   { "SMRAM", smram },
                                   { "holes", holes },
                                   { "reset control", resets },
                                   { "random accesses", random_accesses },
                                   CU_TEST_INFO_NULL,
                               });
}
