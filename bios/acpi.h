/* ACPI tables of PCs ("Advanced Configuration and Power Interface Specification", version 6.5), made from what the board
 * says it has, and handed to the firmware as files of the configuration device with a script that places and links
 * them ("BIOS linker/loader" of QEMU, which SeaBIOS and OVMF execute). */
#ifndef BIOS_ACPI_H
#define BIOS_ACPI_H

#include "base/buf.h"

#define ACPI_MAX_PORTS 3
struct acpi_isa_device {
    const char *name; /* four characters */
    const char *hid;  /* "PNP0501" */
    unsigned uid;
    struct {
        u16 base;
        u8 length; /* 0: no more */
    } ports[ACPI_MAX_PORTS];
    int irq, dma; /* -1: none */
};

struct acpi_board {
    unsigned cpus;
    u64 low_ram_end;  /* of the RAM below 4 GiB: PCI memory windows begin there */
    u16 pm_base;      /* PIIX4 power management ports */
    u16 smi_command;
    u8 smi_acpi_enable, smi_acpi_disable;
    u32 hpet_base, ioapic_base, lapic_base; /* 0: not there */
    u16 pci_links;    /* configuration offset of the PIRQ registers in function 1.0 */
    const struct acpi_isa_device *isa; /* ends with a NULL name */
    bool vga;
};

struct acpi_files {
    struct buf tables, rsdp, loader; /* "etc/acpi/tables", "etc/acpi/rsdp", "etc/table-loader" */
};
void acpi_make(const struct acpi_board *b, struct acpi_files *out);
void acpi_free(struct acpi_files *f);

/* acpi_dsdt.c: the definition block of the whole board, without its header. */
void acpi_dsdt(const struct acpi_board *b, struct buf *out);

#endif
