/* The pieces of the boards pc and isapc. */
#ifndef MACHINE_PC_H
#define MACHINE_PC_H

#include "machine/machine.h"

#define PC_IOAPIC 0xfec00000
#define PC_HPET 0xfed00000
#define PC_LAPIC 0xfee00000

/* pc_firmware.c. After the CPUs are made. */
bool isapc_map_ram(struct machine *m, struct ram *ram, struct err *e);
bool isapc_firmware(struct machine *m, struct err *e); /* maps it */
struct ram *pc_firmware_rom(struct machine *m, struct err *e); /* only makes it */
bool pc_add_roms(struct machine *m, struct err *e);            /* of cards */
bool pc_tell_firmware(struct machine *m, struct err *e);       /* what every PC tells */
bool pc_add_acpi(struct machine *m, struct err *e);

/* pc_boot_order.c: what -boot and bootindex= say. */
bool pc_tell_boot_order(struct machine *m, bool kernel, struct err *e); /* kernel: the ROM that starts one comes first */
bool pc_boot_order(struct machine *m, const char *letters, bool set, struct err *e); /* board.boot_order */
void pc_boot_again(struct machine *m); /* at a reset: `once` is over */

/* pc_cpus.c: what a CPU is wired to (board.cpu_wiring), and its local APIC when there is a part "lapicN". */
bool pc_cpu_wiring(struct machine *m, unsigned i, void *wiring, struct err *e);
bool pc_connect_apics(struct machine *m, struct err *e);

/* pc_idle.c: board.waits_for_ever */
bool pc_waits_for_ever(struct machine *m, struct buf *out);

#endif
