/* The PIIX3's ISA bridge: interrupt routing and the reset control port. */
#include "iodev/bus/piix3.h"
#include "tests/device/pci_rig.h"

enum { PIIX3_DEVFN = PCI_DEVFN(1, 0) };

static struct pc *rig(void)
{
    struct pc *p = pci_rig_new();
    struct err e = { "" };
    struct device *d = pci_rig_plug(p, &piix3_isa_class, PIIX3_DEVFN, NULL);
    if (!piix3_connect(d, p->bridge, &e))
        rig_die(&e);
    return p;
}

static void identity(void)
{
    struct pc *p = rig();
    /* As QEMU's. */
    CU_ASSERT_EQUAL(cfg_read(p, PIIX3_DEVFN, 0, 4), 0x70008086);
    CU_ASSERT_EQUAL(cfg_read(p, PIIX3_DEVFN, 8, 4), 0x06010000);
    CU_ASSERT_EQUAL(cfg_read(p, PIIX3_DEVFN, 0x4c, 4), 0x0003004d);
    CU_ASSERT_EQUAL(cfg_read(p, PIIX3_DEVFN, 0x60, 4), 0x80808080);
    CU_ASSERT_EQUAL(cfg_read(p, PIIX3_DEVFN, 0x68, 4), 0x00000200);
    CU_ASSERT_EQUAL(cfg_read(p, PIIX3_DEVFN, 0x70, 1), 0x80);
    CU_ASSERT_EQUAL(cfg_read(p, PIIX3_DEVFN, 0x74, 4), 0x0c0c0000);
    CU_ASSERT_EQUAL(cfg_read(p, PIIX3_DEVFN, 0x78, 4), 2);
    CU_ASSERT_EQUAL(cfg_read(p, PIIX3_DEVFN, 0xa0, 4), 8);
    CU_ASSERT_EQUAL(cfg_read(p, PIIX3_DEVFN, 0xa8, 4), 0x0f);
    pci_rig_check_reset(p->devices[1]);
    pc_free(p);
}

static void routing(void)
{
    struct pc *p = rig();
    bool *out = p->out[1];
    struct device *d = p->devices[1];
    d->cls->irq_in(d, 0, true);
    for (unsigned k = 0; k < 16; k++)
        CU_ASSERT_FALSE(out[k]);
    for (unsigned irq = 0; irq < 16; irq++) {
        cfg_write(p, PIIX3_DEVFN, 0x60, 1, irq);
        for (unsigned k = 0; k < 16; k++)
            CU_ASSERT_EQUAL(out[k], k == irq && k > 2 && k != 8 && k != 13);
    }
    /* Shared: two lines to one interrupt, and the same after a snapshot. */
    cfg_write(p, PIIX3_DEVFN, 0x60, 4, 0x0b0a0a0b);
    d->cls->irq_in(d, 3, true);
    CU_ASSERT_TRUE(out[11]);
    CU_ASSERT_FALSE(out[10]);
    d->cls->irq_in(d, 0, false);
    CU_ASSERT_TRUE(out[11]);
    d->cls->irq_in(d, 2, true);
    CU_ASSERT_TRUE(out[10]);
    unsigned edges = p->edges[1][11];
    CU_ASSERT_TRUE(pc_snapshot(p));
    cfg_write(p, PIIX3_DEVFN, 0x60, 1, 5);
    CU_ASSERT_EQUAL(p->edges[1][11], edges);
    d->cls->irq_in(d, 3, false);
    CU_ASSERT_FALSE(out[11]);
    cfg_write(p, PIIX3_DEVFN, 0x62, 1, 0x8a);
    CU_ASSERT_FALSE(out[10]);
    d->cls->irq_in(d, 77, true);
    /* The host bridge's lines come in. */
    CU_ASSERT_PTR_EQUAL(p->bridge->out[1].opaque, d);
    wire_set(&p->bridge->out[1], true);
    CU_ASSERT_TRUE(out[10]);
    device_reset(d);
    CU_ASSERT_FALSE(out[10]);
    cfg_write(p, PIIX3_DEVFN, 0x61, 1, 7); /* the line is asserted still */
    CU_ASSERT_TRUE(out[7]);
    pc_free(p);
}

static void reset_control(void)
{
    struct pc *p = rig();
    struct heard h = { 0 };
    CU_ASSERT_EQUAL(pci_in(p, 0xcf9, 1), 0);
    pci_out(p, 0xcf9, 1, 6); /* nobody listens */
    pci_out(p, 0xcf9, 1, 0);
    piix3_set_hook(p->devices[1], hear, &h);
    pci_out(p, 0xcf8, 4, 0x80000604); /* no access to it */
    CU_ASSERT_EQUAL(pci_in(p, 0xcf9, 1), 0);
    CU_ASSERT_EQUAL(h.n, 0);
    /* As Linux does it (native_machine_emergency_restart): 2, then 6. */
    pci_out(p, 0xcf9, 1, 2);
    CU_ASSERT_EQUAL(pci_in(p, 0xcf9, 1), 2);
    CU_ASSERT_EQUAL(h.n, 0);
    pci_out(p, 0xcf9, 1, 6);
    CU_ASSERT(h.n == 1 && h.hard);
    pci_out(p, 0xcf9, 1, 0xff);
    CU_ASSERT_EQUAL(h.n, 1);
    CU_ASSERT_EQUAL(pci_in(p, 0xcf9, 1), 6);
    pci_out(p, 0xcf9, 1, 0);
    pci_out(p, 0xcf8, 2, 0x0400); /* a 16-bit access comes in bytes */
    CU_ASSERT(h.n == 2 && !h.hard);
    CU_ASSERT_EQUAL(pci_in(p, 0xcf8, 2), 0x04ff);
    u8 byte = 0;
    CU_ASSERT_EQUAL(space_peek(p->env.io, 0xcf9, &byte, 1), 1);
    CU_ASSERT_EQUAL(byte, 4);
    CU_ASSERT_EQUAL(p->devices[1]->window[0].base, 0xcf9);
    pc_free(p);
}

static void random_accesses(void)
{
    struct pc *p = rig();
    u64 rng = 3;
    u16 wrong = 0;
    for (unsigned n = 0; n < 100000; n++) {
        u64 x = rng_next(&rng);
        unsigned size = 1u << (x % 3);
        if (x & 0x10)
            cfg_write(p, PIIX3_DEVFN, x >> 8 & 0xff & ~(size - 1), size, (u32)rng_next(&rng));
        else if (x & 0x20)
            p->devices[1]->cls->irq_in(p->devices[1], x >> 8 & 7, x & 1);
        else
            pci_out(p, 0xcf8 + (x >> 8 & 3), 1, x >> 16);
        wrong |= (u16)(p->out[1][0] | p->out[1][1] | p->out[1][2] | p->out[1][8] | p->out[1][13]);
        if (n % 20000 == 0)
            CU_ASSERT_TRUE(pc_snapshot(p));
    }
    CU_ASSERT_EQUAL(wrong, 0);
    pc_free(p);
}

int main(void)
{
    return unit_main("piix3", (CU_TestInfo[]){
                                  { "identity", identity },
                                  { "interrupt routing", routing },
                                  { "reset control", reset_control },
                                  { "random accesses", random_accesses },
                                  CU_TEST_INFO_NULL,
                              });
}
