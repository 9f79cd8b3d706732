/* pci-testdev, as kvm-unit-tests uses it. */
#include "iodev/misc/pci-testdev.h"

#include "tests/device/pci_rig.h"

enum { DEVFN = PCI_DEVFN(3, 0), MEMORY = 0xe0000000, PORTS = 0xc000 };

static struct pc *rig(void)
{
    struct pc *p = pci_rig_new();
    pci_rig_plug(p, &pci_testdev_class, DEVFN, NULL);
    cfg_write(p, DEVFN, 0x10, 4, MEMORY);
    cfg_write(p, DEVFN, 0x14, 4, PORTS);
    cfg_write(p, DEVFN, 4, 2, 3);
    return p;
}

static u64 load(struct pc *p, bool ports, u64 at, unsigned size)
{
    return ports ? pci_in(p, PORTS + at, size) : pci_load(p, MEMORY + at, size);
}

static void store(struct pc *p, bool ports, u64 at, unsigned size, u64 v)
{
    if (ports)
        pci_out(p, PORTS + at, size, v);
    else
        pci_store(p, MEMORY + at, size, v);
}

static void is_found(void)
{
    struct pc *p = rig();
    CU_ASSERT_EQUAL(cfg_read(p, DEVFN, 0, 4), 0x00051b36);
    CU_ASSERT_EQUAL(cfg_read(p, DEVFN, 8, 4), 0x00ff0000);
    CU_ASSERT_EQUAL(cfg_read(p, DEVFN, 0x10, 4), MEMORY);
    CU_ASSERT_EQUAL(cfg_read(p, DEVFN, 0x14, 4), PORTS | 1);
    CU_ASSERT_EQUAL(load(p, false, 1, 1), 0);
    pc_free(p);
}

static void counts(void)
{
    struct pc *p = rig();
    for (unsigned ports = 0; ports < 2; ports++) {
        for (unsigned t = 0; t < 3; t++) {
            store(p, ports, 0, 1, t);
            CU_ASSERT_EQUAL(load(p, ports, 12, 4), 0);
            CU_ASSERT_EQUAL(load(p, ports, 1, 1), 1);
            u64 data = load(p, ports, 8, 4), at = load(p, ports, 4, 4);
            CU_ASSERT_EQUAL(data, t == 1 ? 0xce : 0xfa);
            CU_ASSERT_EQUAL(at, (ports ? 128 : 2048) + 3 * ports + t);
            for (unsigned i = 0; i < 16; i++)
                store(p, ports, at, 1, data);
            CU_ASSERT_EQUAL(load(p, ports, 12, 4), 16);
            store(p, ports, at, 1, data ^ 1);
            CU_ASSERT_EQUAL(load(p, ports, 12, 4), t == 1 ? 17 : 16);
            store(p, ports, at + 1, 1, data);
            CU_ASSERT_EQUAL(load(p, ports, 12, 4), t == 1 ? 17 : 16);
            CU_ASSERT_TRUE(pc_snapshot(p));
            CU_ASSERT_EQUAL(load(p, ports, 12, 4), t == 1 ? 17 : 16);
            char name[28];
            for (unsigned i = 0; i < sizeof name; i++)
                name[i] = (char)load(p, ports, 16 + i, 1);
            CU_ASSERT_PTR_EQUAL(strstr(name, ports ? "portio-" : "mmio-"), name);
        }
        store(p, ports, 0, 1, 3); /* no more */
        CU_ASSERT_EQUAL(load(p, ports, 1, 1), 0);
    }
    pc_free(p);
}

static void fuzz(void)
{
    struct pc *p = rig();
    u64 seed = 1;
    for (unsigned i = 0; i < 100000; i++) {
        u64 v = rng_next(&seed);
        unsigned size = 1u << (v & 7) % 3, at = (unsigned)(v >> 8 & (v & 64 ? 0xff : 0xfff)) & ~(size - 1);
        bool ports = at < 0x100 && v >> 60 & 1;
        if (v & 8)
            store(p, ports, at, size, v >> 32);
        else
            load(p, ports, at, size);
    }
    CU_ASSERT_TRUE(pc_snapshot(p));
    pc_free(p);
}

int main(void)
{
    return unit_main("pci-testdev", (CU_TestInfo[]){ { "is found", is_found },
                                                     { "counts", counts },
                                                     { "fuzz", fuzz },
                                                     CU_TEST_INFO_NULL });
}
