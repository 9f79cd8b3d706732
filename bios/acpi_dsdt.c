/* The DSDT of a board with an i440FX, a PIIX3 and what hangs on them. */
#include <stdio.h>
#include <string.h>

#include "bios/acpi.h"
#include "bios/aml.h"


/* --- interrupt links: PIRQA..D of the PIIX3 (82371SB, 2.1.8), one byte each: bit 7 off, bits 3-0 the IRQ -------------- */

static const u32 link_irqs[] = { 5, 10, 11 };

static void link_device(struct aml *a, unsigned k)
{
    char name[5], reg[5];
    snprintf(name, sizeof name, "LNK%c", (char)('A' + k));
    snprintf(reg, sizeof reg, "PRQ%u", k);
    aml_device(a, name);
    aml_define(a, "_HID");
    aml_eisa_id(a, "PNP0C0F");
    aml_define_int(a, "_UID", k);
    aml_define(a, "_PRS");
    aml_resources(a);
    aml_res_interrupts(a, link_irqs, ARRAY_LEN(link_irqs));
    aml_resources_end(a);

    aml_method(a, "_STA", 0); /* 9: there but off; 0xb: on */
    aml_if(a);
    aml_op(a, AML_AND);
    aml_name(a, reg);
    aml_int(a, 0x80);
    aml_op(a, AML_NOTHING);
    aml_op(a, AML_RETURN);
    aml_int(a, 9);
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_int(a, 0xb);
    aml_end(a);

    aml_method(a, "_DIS", 0);
    aml_op(a, AML_OR);
    aml_name(a, reg);
    aml_int(a, 0x80);
    aml_name(a, reg);
    aml_end(a);

    /* A template with one interrupt whose number, at byte 5, is what the register says. */
    aml_define(a, "RESI");
    aml_resources(a);
    aml_res_interrupts(a, &(u32){ 0 }, 1);
    aml_resources_end(a);
    aml_op(a, AML_DWORD_FIELD);
    aml_name(a, "RESI");
    aml_int(a, 5);
    aml_name(a, "IRQN");
    aml_method(a, "_CRS", AML_SERIALIZED);
    aml_op(a, AML_STORE);
    aml_int(a, 0);
    aml_name(a, "IRQN");
    aml_if(a);
    aml_op(a, AML_LEQUAL);
    aml_op(a, AML_AND);
    aml_name(a, reg);
    aml_int(a, 0x80);
    aml_op(a, AML_NOTHING);
    aml_int(a, 0);
    aml_op(a, AML_AND);
    aml_name(a, reg);
    aml_int(a, 0xf);
    aml_name(a, "IRQN");
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_name(a, "RESI");
    aml_end(a);

    aml_method(a, "_SRS", 1);
    aml_op(a, AML_DWORD_FIELD);
    aml_op(a, AML_ARG0);
    aml_int(a, 5);
    aml_name(a, "IRQW");
    aml_op(a, AML_STORE);
    aml_name(a, "IRQW");
    aml_name(a, reg);
    aml_end(a);
    aml_end(a);
}

/* Slot s, pin p goes to link (s - 1 + p) mod 4; the power management function's pin A is wired to the SCI, IRQ 9. */
static void routing(struct aml *a)
{
    enum { SLOTS = 32, PINS = 4, BRIDGE = 1 };
    aml_define(a, "_PRT");
    aml_package(a, SLOTS * PINS);
    for (unsigned slot = 0; slot < SLOTS; slot++)
        for (unsigned pin = 0; pin < PINS; pin++) {
            char link[12];
            snprintf(link, sizeof link, "ISA_.LNK%c", (char)('A' + (slot + 3 + pin) % 4));
            aml_package(a, 4);
            aml_int(a, (u64)slot << 16 | 0xffff);
            aml_int(a, pin);
            if (slot == BRIDGE && !pin) {
                aml_int(a, 0);
                aml_int(a, 9);
            } else {
                aml_name(a, link);
                aml_int(a, 0);
            }
            aml_end(a);
        }
    aml_end(a);
}

/* --- ISA ----------------------------------------------------------------------------------------------------------- */

static void isa_device(struct aml *a, const struct acpi_isa_device *d)
{
    aml_device(a, d->name);
    aml_define(a, "_HID");
    aml_eisa_id(a, d->hid);
    aml_define_int(a, "_UID", d->uid);
    aml_define_int(a, "_STA", 0xf);
    aml_define(a, "_CRS");
    aml_resources(a);
    for (unsigned k = 0; k < ACPI_MAX_PORTS && d->ports[k].length; k++)
        aml_res_io(a, d->ports[k].base, d->ports[k].length);
    if (d->irq >= 0)
        aml_res_irq(a, (unsigned)d->irq);
    if (d->dma >= 0)
        aml_res_dma(a, (unsigned)d->dma);
    aml_resources_end(a);
    aml_end(a);
}

static void isa_bridge(struct aml *a, const struct acpi_board *b)
{
    static const struct aml_unit pirq[] = { { "PRQ0", 8 }, { "PRQ1", 8 }, { "PRQ2", 8 }, { "PRQ3", 8 }, { NULL, 0 } };
    aml_device(a, "ISA_");
    aml_define_int(a, "_ADR", 0x10000);
    aml_region(a, "PIRQ", AML_PCI_CONFIG, b->pci_links, 4);
    aml_field(a, "PIRQ", 1, pirq);
    for (unsigned k = 0; k < 4; k++)
        link_device(a, k);
    for (const struct acpi_isa_device *d = b->isa; d && d->name; d++)
        isa_device(a, d);
    aml_end(a);
}

/* --- the tree ------------------------------------------------------------------------------------------------------- */

static void host_bridge(struct aml *a, const struct acpi_board *b)
{
    aml_device(a, "PCI0");
    aml_define(a, "_HID");
    aml_eisa_id(a, "PNP0A03");
    aml_define_int(a, "_UID", 0);
    aml_define(a, "_CRS");
    aml_resources(a);
    aml_res_bus(a, 0, 0xff);
    aml_res_io(a, 0xcf8, 8);
    aml_res_ports(a, 0, 0xcf7);
    aml_res_ports(a, 0xd00, 0xffff);
    aml_res_window32(a, 0xa0000, 0xbffff, true);
    aml_res_window32(a, (u32)b->low_ram_end, 0xfebfffff, false);
    aml_resources_end(a);
    isa_bridge(a, b);
    routing(a);
    aml_end(a);
}

static void hpet(struct aml *a, const struct acpi_board *b)
{
    aml_device(a, "HPET");
    aml_define(a, "_HID");
    aml_eisa_id(a, "PNP0103");
    aml_define_int(a, "_UID", 0);
    aml_define(a, "_CRS");
    aml_resources(a);
    aml_res_memory32(a, false, b->hpet_base, 0x400);
    aml_resources_end(a);
    aml_end(a);
}

static void processors(struct aml *a, const struct acpi_board *b)
{
    for (unsigned k = 0; k < b->cpus; k++) {
        char name[5];
        snprintf(name, sizeof name, "CPU%X", k & 15);
        aml_device(a, name);
        aml_define(a, "_HID");
        aml_string(a, "ACPI0007");
        aml_define_int(a, "_UID", k);
        aml_end(a);
    }
}

/* What is written to SLP_TYP: the PIIX4 turns the power off at 0 (82371AB, 7.1.3). */
static void soft_off(struct aml *a)
{
    aml_define(a, "_S5_");
    aml_package(a, 4);
    for (unsigned k = 0; k < 4; k++)
        aml_int(a, 0);
    aml_end(a);
}

void acpi_dsdt(const struct acpi_board *b, struct buf *out)
{
    struct aml a = { .depth = 0 };
    aml_scope(&a, "\\_SB_");
    host_bridge(&a, b);
    processors(&a, b);
    if (b->hpet_base)
        hpet(&a, b);
    aml_end(&a);
    soft_off(&a);
    *out = a.out;
}
