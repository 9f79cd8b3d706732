/* PIIX4 power management: the ports' place, the timer, SCIs, sleep, SMIs, and the SMBus with its EEPROMs. */
#include "iodev/misc/piix4-pm.h"
#include "tests/device/pci_rig.h"

enum { PM = PCI_DEVFN(1, 3), BASE = 0xb000, SMB = 0xb100 };

static struct pc *rig(void)
{
    struct pc *p = pci_rig_new();
    struct err e = { "" };
    struct device *d = pci_rig_plug(p, &piix4_pm_class, PM, NULL);
    if (!device_map(d, 2, p->env.io, PIIX4_PM_SMI_PORT, &e))
        rig_die(&e);
    piix4_pm_set_memory(d, 192u << 20);
    return p;
}

/* As SeaBIOS does (src/fw/pciinit.c). */
static void set_up(struct pc *p)
{
    cfg_write(p, PM, 0x40, 4, BASE | 1);
    cfg_write(p, PM, 0x80, 1, 1);
    cfg_write(p, PM, 0x90, 4, SMB | 1);
    cfg_write(p, PM, 0xd2, 1, 9);
}

static void places(void)
{
    struct pc *p = rig();
    CU_ASSERT_EQUAL(cfg_read(p, PM, 0, 4), 0x71138086);
    CU_ASSERT_EQUAL(cfg_read(p, PM, 8, 4), 0x06800003);
    CU_ASSERT_EQUAL(cfg_read(p, PM, 0x3c, 4), 0x100);
    CU_ASSERT_EQUAL(cfg_read(p, PM, 0x40, 4), 1);
    pci_rig_check_reset(p->devices[1]);
    cfg_write(p, PM, 0x40, 4, UINT32_MAX);
    CU_ASSERT_EQUAL(cfg_read(p, PM, 0x40, 4), 0xffc1);
    cfg_write(p, PM, 0x40, 4, BASE);
    CU_ASSERT_EQUAL(cfg_read(p, PM, 0x40, 4), BASE | 1);
    CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 0xffff);
    set_up(p);
    CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 0);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 0x34, 4), 0x7fffbfff);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 0x40, 1), 0xff);
    CU_ASSERT_EQUAL(pci_in(p, SMB, 1), 0);
    CU_ASSERT_EQUAL(pci_in(p, SMB + 0x10, 1), 0xff);
    CU_ASSERT_EQUAL(p->devices[1]->window[0].base, BASE);
    cfg_write(p, PM, 0x40, 4, 0x600);
    CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 0xffff);
    CU_ASSERT_EQUAL(pci_in(p, 0x604, 2), 0);
    CU_ASSERT_TRUE(pc_snapshot(p));
    CU_ASSERT_EQUAL(pci_in(p, 0x604, 2), 0);
    device_reset(p->devices[1]);
    CU_ASSERT_EQUAL(pci_in(p, 0x604, 2), 0xffff);
    pc_free(p);
}

#define TICKS(n) (((u64)(n) * PC_HZ + 3579544) / 3579545)

static void timer(void)
{
    struct pc *p = rig();
    set_up(p);
    const bool *sci = &p->out[1][PIIX4_PM_OUT_SCI];
    CU_ASSERT_EQUAL(pci_in(p, BASE + 8, 4), 0);
    pc_run(p, PC_HZ / 1000);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 8, 4), 3579);
    pci_out(p, BASE + 8, 4, 0);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 8, 4), 3579);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 9, 1), 3579 >> 8);
    /* Bit 23 changes after 2^23 ticks, 2.3 s, and makes an SCI if enabled. */
    pc_run(p, TICKS(1 << 23) - 1 - p->clock.now);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 8, 4), 0x7fffff);
    CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 0);
    pc_run(p, 1);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 8, 4), 0x800000);
    CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 1);
    pci_out(p, BASE + 2, 2, 1);
    CU_ASSERT_FALSE(*sci); /* ACPI is off */
    pci_out(p, BASE + 4, 2, 1);
    CU_ASSERT_TRUE(*sci);
    pci_out(p, BASE, 2, 0xfffe);
    CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 1);
    pci_out(p, BASE, 2, 1);
    CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 0);
    CU_ASSERT_FALSE(*sci);
    CU_ASSERT_TRUE(pc_snapshot(p));
    unsigned edges = p->edges[1][PIIX4_PM_OUT_SCI];
    pc_run(p, TICKS(1 << 24) - 1 - p->clock.now);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 8, 4), 0xffffff);
    CU_ASSERT_FALSE(*sci);
    pc_run(p, 1);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 8, 4), 0);
    CU_ASSERT_TRUE(*sci);
    CU_ASSERT_EQUAL(p->edges[1][PIIX4_PM_OUT_SCI], edges + 1);
    CU_ASSERT_EQUAL(clock_next(&p->clock), CLOCK_NEVER);
    pci_out(p, BASE + 2, 2, 0);
    CU_ASSERT_FALSE(*sci);
    CU_ASSERT_EQUAL(pci_in(p, BASE, 4), 1); /* both registers at once */
    pci_out(p, BASE, 4, 0x00010001);
    CU_ASSERT_EQUAL(pci_in(p, BASE, 4), 0x00010000);
    pc_free(p);
}

static void events(void)
{
    struct pc *p = rig();
    struct device *d = p->devices[1];
    const bool *sci = &p->out[1][PIIX4_PM_OUT_SCI];
    set_up(p);
    pci_out(p, 0xb2, 1, PIIX4_PM_ACPI_ON);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 4, 2), 1);
    static const struct { u32 line; u16 bit; } ev[] = { { PIIX4_PM_IN_BUTTON, 0x100 }, { PIIX4_PM_IN_RTC, 0x400 } };
    for (unsigned k = 0; k < 2; k++) {
        d->cls->irq_in(d, ev[k].line, true);
        d->cls->irq_in(d, ev[k].line, false);
        CU_ASSERT_EQUAL(pci_in(p, BASE, 2), ev[k].bit);
        CU_ASSERT_FALSE(*sci);
        pci_out(p, BASE + 2, 2, ev[k].bit);
        CU_ASSERT_TRUE(*sci);
        pci_out(p, BASE + 1, 1, ev[k].bit >> 8);
        CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 0);
        CU_ASSERT_FALSE(*sci);
    }
    d->cls->irq_in(d, PIIX4_PM_IN_GPE + 9, true);
    CU_ASSERT_EQUAL(pci_in(p, BASE + PIIX4_PM_GPE0, 2), 0x200);
    pci_out(p, BASE + PIIX4_PM_GPE0 + 2, 2, 0x200);
    CU_ASSERT_TRUE(*sci);
    pci_out(p, 0xb2, 1, PIIX4_PM_ACPI_OFF);
    CU_ASSERT_FALSE(*sci);
    pci_out(p, 0xb2, 1, PIIX4_PM_ACPI_ON);
    CU_ASSERT_TRUE(*sci);
    pci_out(p, BASE + PIIX4_PM_GPE0, 1, 0xff);
    CU_ASSERT_TRUE(*sci);
    pci_out(p, BASE + PIIX4_PM_GPE0, 2, 0x200);
    CU_ASSERT_FALSE(*sci);
    d->cls->irq_in(d, 500, true);
    d->cls->irq_in(d, 5, true);
    /* The global lock, from the firmware's side. */
    pci_out(p, BASE + 2, 2, 0x20);
    pci_out(p, BASE + 0x28, 4, 2);
    CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 0x20);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 0x28, 4), 0);
    CU_ASSERT_TRUE(*sci);
    device_reset(d);
    CU_ASSERT_FALSE(*sci);
    pc_free(p);
}

static void count(void *opaque) { ++*(unsigned *)opaque; }

static void sleeping(void)
{
    struct pc *p = rig();
    unsigned off = 0;
    set_up(p);
    pci_out(p, BASE + 4, 2, 0x2001); /* nobody listens */
    piix4_pm_set_hook(p->devices[1], count, &off);
    pci_out(p, BASE + 4, 2, 0x0001);
    CU_ASSERT_EQUAL(off, 0);
    pci_out(p, BASE + 4, 2, 0x2001);
    CU_ASSERT_EQUAL(off, 1);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 4, 2), 1);
    CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 0);
    for (unsigned type = 1; type < 8; type++) { /* awake again at once */
        pci_out(p, BASE, 2, 0x8000);
        CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 0);
        pci_out(p, BASE + 4, 2, 0x2001 | type << 10);
        CU_ASSERT_EQUAL(pci_in(p, BASE + 4, 2), 1 | type << 10);
        CU_ASSERT_EQUAL(pci_in(p, BASE, 2), 0x8000);
    }
    CU_ASSERT_EQUAL(off, 1);
    pc_free(p);
}

static void smis(void)
{
    struct pc *p = rig();
    const unsigned *n = &p->edges[1][PIIX4_PM_OUT_SMI];
    set_up(p);
    pci_out(p, 0xb3, 1, 0x5a);
    pci_out(p, 0xb2, 1, 0x12);
    CU_ASSERT_EQUAL(*n, 0);
    CU_ASSERT_EQUAL(pci_in(p, 0xb2, 1), 0x12);
    CU_ASSERT_EQUAL(pci_in(p, 0xb3, 1), 0x5a);
    cfg_write(p, PM, 0x58, 4, 1u << 25);
    pci_out(p, 0xb2, 1, 0);
    CU_ASSERT_EQUAL(*n, 0); /* not enabled at all */
    CU_ASSERT_EQUAL(pci_in(p, BASE + 0x18, 2), 0x20);
    pci_out(p, BASE + 0x28, 4, 1);
    pci_out(p, 0xb2, 1, 0);
    CU_ASSERT_EQUAL(*n, 1);
    CU_ASSERT_FALSE(p->out[1][PIIX4_PM_OUT_SMI]); /* a pulse */
    pci_out(p, 0xb3, 1, 0);
    CU_ASSERT_EQUAL(*n, 1);
    pci_out(p, BASE + 0x18, 2, 0x20);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 0x18, 2), 0);
    /* The global lock, from the system's side. */
    pci_out(p, BASE + 4, 2, 5);
    CU_ASSERT_EQUAL(*n, 1);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 0x18, 2), 1);
    pci_out(p, BASE + 0x20, 2, 1);
    pci_out(p, BASE + 4, 2, 5);
    CU_ASSERT_EQUAL(*n, 2);
    CU_ASSERT_EQUAL(pci_in(p, BASE + 4, 2), 1);
    pc_free(p);
}

/* As Linux' i2c-piix4 does it; the status at its end. */
static u8 transaction(struct pc *p, unsigned address, bool read, unsigned command, unsigned protocol)
{
    pci_out(p, SMB, 1, 0x1e);
    pci_out(p, SMB + 4, 1, address << 1 | read);
    pci_out(p, SMB + 3, 1, command);
    pci_out(p, SMB + 2, 1, protocol << 2);
    pci_out(p, SMB + 2, 1, pci_in(p, SMB + 2, 1) | 0x40);
    CU_ASSERT_EQUAL(pci_in(p, SMB, 1), 1); /* busy */
    for (unsigned n = 0; n < 100 && pci_in(p, SMB, 1) & 1; n++)
        pc_run(p, PC_HZ / 1000);
    return (u8)pci_in(p, SMB, 1);
}

static void smbus(void)
{
    struct pc *p = rig();
    set_up(p);
    /* 192 MiB are modules of 128 and 64. */
    u8 spd[256];
    unsigned mib[2];
    for (unsigned m = 0; m < 2; m++) {
        unsigned sum = 0;
        for (unsigned k = 0; k < 256; k++) {
            CU_ASSERT_EQUAL(transaction(p, 0x50 + m, true, k, 2), 2);
            spd[k] = (u8)pci_in(p, SMB + 5, 1);
            sum += k < 63 ? spd[k] : 0;
        }
        CU_ASSERT_EQUAL(spd[63], sum & 0xff);
        CU_ASSERT_EQUAL(spd[2], 4);
        mib[m] = (1u << (spd[3] + spd[4])) / (1u << 20) * 8 * spd[17] * spd[5];
        CU_ASSERT_EQUAL(spd[31] * 4u * spd[5], mib[m]);
    }
    CU_ASSERT(mib[0] == 128 && mib[1] == 64);
    CU_ASSERT_EQUAL(transaction(p, 0x52, true, 0, 2), 4); /* nobody there */
    CU_ASSERT_EQUAL(transaction(p, 0x10, true, 0, 2), 4);
    CU_ASSERT_EQUAL(transaction(p, 0x50, true, 0, 0), 2); /* quick */
    CU_ASSERT_EQUAL(transaction(p, 0x57, true, 0, 0), 4);
    CU_ASSERT_EQUAL(transaction(p, 0x50, true, 2, 3), 2); /* a word */
    CU_ASSERT_EQUAL(pci_in(p, SMB + 5, 1), 4);
    CU_ASSERT_EQUAL(transaction(p, 0x50, false, 2, 1), 2); /* send the address, receive from there on */
    CU_ASSERT_EQUAL(transaction(p, 0x50, true, 0x77, 1), 2);
    CU_ASSERT_EQUAL(pci_in(p, SMB + 5, 1), 4);
    CU_ASSERT_EQUAL(transaction(p, 0x50, true, 0x77, 1), 2);
    CU_ASSERT_NOT_EQUAL(pci_in(p, SMB + 5, 1), 4);
    pci_out(p, SMB + 5, 1, 0x99);
    CU_ASSERT_EQUAL(transaction(p, 0x50, false, 2, 2), 2); /* stores are not taken */
    CU_ASSERT_EQUAL(transaction(p, 0x50, true, 2, 2), 2);
    CU_ASSERT_EQUAL(pci_in(p, SMB + 5, 1), 4);
    CU_ASSERT_EQUAL(transaction(p, 0x50, true, 1, 5), 2); /* a block of 8 */
    CU_ASSERT_EQUAL(pci_in(p, SMB + 5, 1), 8);
    CU_ASSERT_EQUAL(pci_in(p, SMB + 7, 1), 4);
    u8 second = (u8)pci_in(p, SMB + 7, 1);
    pci_in(p, SMB + 2, 1); /* from the start again */
    CU_ASSERT_EQUAL(pci_in(p, SMB + 7, 1), 4);
    CU_ASSERT_EQUAL(pci_in(p, SMB + 7, 1), second);
    CU_ASSERT_EQUAL(transaction(p, 0x50, true, 1, 7), 4);
    /* Killed; interrupts. */
    pci_out(p, SMB, 1, 0x1e);
    pci_out(p, SMB + 2, 1, 0x48);
    CU_ASSERT_TRUE(pc_snapshot(p));
    pci_out(p, SMB + 2, 1, 2);
    CU_ASSERT_EQUAL(pci_in(p, SMB, 1), 0x10);
    pci_out(p, SMB, 1, 0x1e);
    pci_out(p, SMB + 2, 1, 0x49);
    pc_run(p, PC_HZ / 100);
    CU_ASSERT_TRUE(p->out[1][PIIX4_PM_OUT_SCI]);
    pci_out(p, SMB, 1, 0x1e);
    CU_ASSERT_FALSE(p->out[1][PIIX4_PM_OUT_SCI]);
    cfg_write(p, PM, 0xd2, 1, 1);
    pci_out(p, BASE + 0x28, 4, 1);
    pci_out(p, SMB + 2, 1, 0x49);
    pc_run(p, PC_HZ / 100);
    CU_ASSERT_EQUAL(p->edges[1][PIIX4_PM_OUT_SMI], 1);
    CU_ASSERT_FALSE(p->out[1][PIIX4_PM_OUT_SCI]);
    pc_free(p);
}

static void random_accesses(void)
{
    u64 hash[2];
    for (unsigned run = 0; run < 2; run++) {
        struct pc *p = rig();
        u64 rng = 17;
        hash[run] = 0;
        set_up(p);
        for (unsigned n = 0; n < 300000; n++) {
            u64 x = rng_next(&rng);
            unsigned size = 1u << (x % 3), at = x >> 8 & 0x3f;
            switch (x >> 4 & 7) {
            case 0: pci_out(p, BASE + at, size, rng_next(&rng)); break;
            case 1: hash[run] += pci_in(p, BASE + at, size); break;
            case 2: pci_out(p, SMB + (at & 15), 1, rng_next(&rng)); break;
            case 3: hash[run] += pci_in(p, SMB + (at & 15), 1); break;
            case 4: pci_out(p, 0xb2 + (at & 1), 1, x & 0x100000 ? 0xf1 : x >> 16); break;
            case 5: p->devices[1]->cls->irq_in(p->devices[1], at, x & 1); break;
            case 6: pc_run(p, x >> 16 & 0xffffff); break;
            default:
                cfg_write(p, PM, x >> 8 & 0xfc, 4, (u32)rng_next(&rng));
                if (x & 0x100000)
                    set_up(p);
                break;
            }
        }
        hash[run] += pc_hash(p);
        pc_free(p);
    }
    CU_ASSERT_EQUAL(hash[0], hash[1]);
}

int main(void)
{
    return unit_main("piix4-pm", (CU_TestInfo[]){
                                     { "places", places },
                                     { "timer", timer },
                                     { "events", events },
                                     { "sleep", sleeping },
                                     { "SMIs", smis },
                                     { "SMBus", smbus },
                                     { "random accesses", random_accesses },
                                     CU_TEST_INFO_NULL,
                                 });
}
