/* The PC: isapc (no PCI: what an AT was) and pc (i440FX and PIIX3), at the addresses and interrupts that all PCs share. */
#include <string.h>

#include "cpu/x86/x86.h"
#include "iodev/block/i82077.h"
#include "iodev/block/ide.h"
#include "iodev/bus/i440fx.h"
#include "iodev/bus/piix3.h"
#include "iodev/char/ns16550a.h"
#include "iodev/char/parallel.h"
#include "iodev/display/vga.h"
#include "iodev/input/i8042.h"
#include "iodev/intc/gsi.h"
#include "iodev/intc/i8259.h"
#include "iodev/intc/ioapic.h"
#include "iodev/intc/lapic.h"
#include "iodev/misc/fw-cfg.h"
#include "iodev/misc/i8237.h"
#include "iodev/misc/isa-debug-exit.h"
#include "iodev/misc/piix4-pm.h"
#include "iodev/misc/port92.h"
#include "iodev/misc/post-code.h"
#include "iodev/misc/pvpanic.h"
#include "iodev/timer/hpet.h"
#include "iodev/timer/i8254.h"
#include "iodev/timer/mc146818.h"
#include "machine/board.h"
#include "machine/build.h"
#include "machine/isa.h"
#include "machine/pc.h"

/* --- parts ------------------------------------------------------------------------------------------------------------- */

#define IRQ(n, source) { 0, 0, "irq", GSI_IN(source, n), 0 }
#define AT_PARTS(intr_to)                                                                                                     \
    { .name = "pic0", .cls = &i8259_class, .base = { 0x20, 0x4d0 }, .props = "elcr-mask=0xf8",                       \
      .wires = { { 0, 0, intr_to, X86_LINE_INTR, 0 } } },                                                            \
    { .name = "pic1", .cls = &i8259_class, .base = { 0xa0, 0x4d1 }, .props = "slave=on,elcr-mask=0xde",              \
      .wires = { { 0, 0, "pic0", 2, 0 } } },                                                                         \
    { .name = "pit", .cls = &i8254_class, .base = { 0x40, 0x61 }, .wires = { IRQ(0, 0) } },                          \
    { .name = "rtc", .cls = &mc146818_class, .base = { 0x70, 0x72 }, .wires = { IRQ(8, 0) } },                       \
    { .name = "dma0", .cls = &i8237_class, .base = { BOARD_BASE_0, 0x81 } },                                         \
    { .name = "dma1", .cls = &i8237_wide_class, .base = { 0xc0, 0x88 } },                                            \
    { .name = "serial0", .cls = &isa_serial_class, .base = { 0x3f8 }, .wires = { IRQ(4, 0) } },                      \
    { .name = "serial1", .cls = &isa_serial_class, .base = { 0x2f8 }, .wires = { IRQ(3, 0) } },                      \
    { .name = "serial2", .cls = &isa_serial_class, .base = { 0x3e8 }, .wires = { IRQ(4, 1) } },                      \
    { .name = "serial3", .cls = &isa_serial_class, .base = { 0x2e8 }, .wires = { IRQ(3, 1) } },                      \
    { .name = "parallel0", .cls = &isa_parallel_class, .base = { 0x378 }, .wires = { IRQ(7, 0) } },                  \
    { .name = "kbd", .cls = &i8042_class, .base = { 0x60, 0x64 }, .wires = { IRQ(1, 0), { 1, 0, "irq", GSI_IN(0, 12), 0 } } }, \
    { .name = "floppy", .cls = &i82077_class, .base = { 0x3f0, 0x3f7 }, .wires = { IRQ(6, 0) } },                     \
    { .name = "port92", .cls = &port92_class, .base = { 0x92 } },                                                    \
    { .name = "post", .cls = &post_code_class, .base = { 0x80 } },                                                   \
    { .name = "fw-cfg", .cls = &fw_cfg_ports_class, .base = { 0x510 } }

static const struct board_part isapc_parts[] = {
    AT_PARTS("cpus"),
    { .name = "irq", .cls = &gsi_class,
      .wires = { { 0, 0, "pic0", 0, 2 }, { 3, 0, "pic0", 3, 5 }, { 8, 0, "pic1", 0, 8 } } },
    { .name = "ide", .cls = &isa_ide_class, .base = { 0x1f0, 0x3f6 }, .wires = { IRQ(14, 0) } },
    { .name = "vga", .cls = &isa_vga_class, .when = "vga" },
    { 0 },
};

/* The 8259's INT goes through the boot CPU's local APIC (LINT0); Function 1.3's power management interrupts at 9. */
static const struct board_part pc_parts[] = {
    { .name = "pci", .cls = &i440fx_class, .base = { 0xcf8 } },
    { .name = "isa", .cls = &piix3_isa_class, .pci = PCI_AT(1, 0), .wires = { { 0, 0, "irq", GSI_IN(2, 0), 16 } } },
    { .name = "ide", .cls = &piix3_ide_class, .base = { 0x1f0, 0x3f6, 0x170, 0x376 }, .pci = PCI_AT(1, 1),
      .wires = { IRQ(14, 0), { 1, 0, "irq", GSI_IN(0, 15), 0 } } },
    { .name = "pm", .cls = &piix4_pm_class, .base = { 0, 0, PIIX4_PM_SMI_PORT }, .pci = PCI_AT(1, 3),
      .wires = { { PIIX4_PM_OUT_SCI, 0, "irq", GSI_IN(3, 9), 0 } } },
    { .name = "vga", .cls = &vga_class, .pci = PCI_AT(2, 0), .when = "vga" },
    AT_PARTS("lapic0"),
    { .name = "irq", .cls = &gsi_class,
      .wires = { { 0, 0, "pic0", 0, 2 }, { 3, 0, "pic0", 3, 5 }, { 8, 0, "pic1", 0, 8 }, { GSI_OUT_IOAPIC, 0, "ioapic", 0, 24 } } },
    { .name = "hpet", .cls = &hpet_class, .base = { PC_HPET },
      .wires = { { 0, 0, "irq", GSI_IN(4, 0), HPET_LINES }, { HPET_OUT_LEGACY, 0, "irq", GSI_LEGACY, 0 } } },
    { .name = "lapic", .cls = &lapic_class, .per_cpu = true, .props = "hz=100000000" /* CPUID 15H: x86_config.bus_khz */ },
    { .name = "ioapic", .cls = &ioapic_class, .base = { PC_IOAPIC } },
    { 0 },
};

static const struct prop_desc pc_props[] = {
    { "vga", PROP_BOOL, "on", "the board's display adapter is there (-vga std|none)" },
    { NULL, PROP_U64, NULL, NULL },
};

/* --- hooks --------------------------------------------------------------------------------------------------------------------- */

static void set_a20(struct machine *m)
{
    bool open = port92_a20(machine_device(m, "/port92")) || i8042_a20(machine_device(m, "/kbd"));
    for (unsigned i = 0; i < m->n_cpus; i++)
        m->cpus[i]->ops->set_irq(m->cpus[i], X86_LINE_A20, open);
}

static void a20_changed(void *opaque, bool level)
{
    set_a20(opaque);
}

static void reset_pulse(void *opaque)
{
    machine_request(opaque, MACHINE_RESET, 0, NULL);
}

static void debug_exit(void *opaque, u32 status)
{
    machine_request(opaque, MACHINE_POWEROFF, (int)(status & 0xff), NULL);
}

static void panicked(void *opaque, unsigned event)
{
    if (event & PVPANIC_PANICKED)
        machine_request(opaque, MACHINE_PANIC, 0, "the guest says that it panicked (pvpanic)");
}

static bool connect_at(struct machine *m, struct err *e)
{
    struct device *d;
    i8259_set_slave(machine_device(m, "/pic0"), machine_device(m, "/pic1"));
    i8237_set_cascade(machine_device(m, "/dma0"), machine_device(m, "/dma1"));
    fdc_connect_dma(machine_device(m, "/floppy"), i8237_port(machine_device(m, "/dma0"), machine_device(m, "/dma1"), 2));
    i8042_set_hooks(machine_device(m, "/kbd"), a20_changed, reset_pulse, m);
    port92_set_hooks(machine_device(m, "/port92"), a20_changed, reset_pulse, m);
    mc146818_set_base(machine_device(m, "/rtc"), m->config->rtc_base);
    for (d = m->devices; d; d = d->next) {
        if (d->cls == &isa_debug_exit_class)
            isa_debug_exit_set_hook(d, debug_exit, m);
        if (d->cls == &pvpanic_class)
            pvpanic_set_hook(d, panicked, m);
    }
    return pc_add_roms(m, e) && pc_tell_firmware(m, e);
}

static void chip_reset(void *opaque, bool hard)
{
    machine_request(opaque, MACHINE_RESET, 0, NULL);
}

static void power_off(void *opaque)
{
    machine_request(opaque, MACHINE_POWEROFF, 0, NULL);
}

/* To the boot CPU alone, as QEMU does and SeaBIOS, which moves SMBASE of that one only, expects. */
static void smi(void *opaque, u32 line, bool level)
{
    struct machine *m = opaque;
    if (level)
        m->cpus[0]->ops->set_irq(m->cpus[0], X86_LINE_SMI, true);
}

static bool pc_map_ram(struct machine *m, struct ram *ram, struct err *e)
{
    return true; /* the host bridge does it */
}

static bool pc_connect(struct machine *m, struct err *e)
{
    struct device *bridge = machine_device(m, "/pci"), *pm = machine_device(m, "/pm"), *isa = machine_device(m, "/isa");
    struct ram *rom = pc_firmware_rom(m, e);
    if (!rom || !i440fx_set_memory(bridge, m->rams, rom, e) || !piix3_connect(isa, bridge, e) || !pc_connect_apics(m, e))
        return false;
    i440fx_set_hook(bridge, chip_reset, m);
    piix3_set_hook(isa, chip_reset, m);
    piix4_pm_set_memory(pm, m->rams->size);
    piix4_pm_set_hook(pm, power_off, m);
    pm->out[PIIX4_PM_OUT_SMI] = (struct wire){ smi, m, 0 };
    return connect_at(m, e) && pc_add_acpi(m, e);
}

static bool isapc_connect(struct machine *m, struct err *e)
{
    return isapc_firmware(m, e) && connect_at(m, e);
}

static bool boot(struct machine *m, struct err *e)
{
    for (unsigned i = 0; i < m->n_cpus; i++)
        m->cpus[i]->ops->reset(m->cpus[i], 0);
    set_a20(m);
    if (machine_position(m))
        pc_boot_again(m);
    return true;
}

/* --- boards ---------------------------------------------------------------------------------------------------------------------- */

extern const struct board board_isapc;
const struct board board_isapc = {
    .name = "isapc",
    .doc = "PC with an ISA bus only: an AT",
    .isa = &isa_x86,
    .bios = { "bios.bin", "bios.bin" }, /* SeaBIOS of 128 KiB: nobody could show it the rest of a larger one */
    .drives = "ide",
    .cpu = "486",
    .max_cpus = 1,
    .master_hz = 1000000000,
    .default_ram = 16 << 20,
    .max_ram = (u64)64 << 20,
    .ports = true,
    .boot_order = pc_boot_order,
    .map_ram = isapc_map_ram,
    .parts = isapc_parts,
    .props = pc_props,
    .cpu_wiring = pc_cpu_wiring,
    .connect = isapc_connect,
    .boot = boot,
    .waits_for_ever = pc_waits_for_ever,
};

extern const struct board board_pc;
const struct board board_pc = {
    .name = "pc",
    .doc = "PC with i440FX, PIIX3 and PIIX4 power management",
    .isa = &isa_x86,
    .bios = { "seabios", "seabios" },
    .drives = "ide",
    .max_cpus = 8,
    .master_hz = 1000000000,
    .default_ram = 128 << 20,
    .max_ram = (u64)64 << 30,
    .ports = true,
    .boot_order = pc_boot_order,
    .map_ram = pc_map_ram,
    .parts = pc_parts,
    .props = pc_props,
    .cpu_wiring = pc_cpu_wiring,
    .connect = pc_connect,
    .boot = boot,
    .waits_for_ever = pc_waits_for_ever,
};
