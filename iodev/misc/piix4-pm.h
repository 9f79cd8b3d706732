/* Intel 82371AB (PIIX4), function 3: ACPI power management, system management interrupts, SMBus. "82371AB
 * PCI-to-ISA/IDE Xcelerator (PIIX4)", Intel 290562, chapter 7.
 *
 *                 +--------------------------+
 *   power button -| in 0              out 0  |- SCI (level; the board wires it to interrupt 9)
 *   RTC alarm    -| in 1              out 1  |- SMI# (a pulse for each)
 *   GPE 0..15    -| in 16..31                |
 *                 +--------------------------+
 * Banks: 0 power management ports (where PMBA says), 1 SMBus ports (SMBBA), 2 ports 0xb2 and 0xb3.
 *
 * On metal the firmware's SMI handler switches ACPI on and off. Here a write of 0xf1 or 0xf0 to port 0xb2 does it at
 * once, as in QEMU: SeaBIOS' handler leaves it to the chip. While ACPI is off events make nothing, no SMIs either. */
#ifndef IODEV_MISC_PIIX4_PM_H
#define IODEV_MISC_PIIX4_PM_H

#include "iodev/bus/pci.h"

extern const struct device_class piix4_pm_class;

enum { PIIX4_PM_OUT_SCI, PIIX4_PM_OUT_SMI };
enum { PIIX4_PM_IN_BUTTON, PIIX4_PM_IN_RTC, PIIX4_PM_IN_GPE = 16 };
enum { PIIX4_PM_ACPI_ON = 0xf1, PIIX4_PM_ACPI_OFF = 0xf0, PIIX4_PM_SMI_PORT = 0xb2 };
enum { PIIX4_PM_TIMER = 8, PIIX4_PM_GPE0 = 0x0c, PIIX4_PM_GPE0_SIZE = 4 }; /* offsets from PMBA, for tables */

/* The SPD EEPROMs of this much memory; board code, once. */
void piix4_pm_set_memory(struct device *d, u64 ram_size);
/* Who is told when the guest turns the machine off. */
void piix4_pm_set_hook(struct device *d, void (*off)(void *opaque), void *opaque);

#endif
