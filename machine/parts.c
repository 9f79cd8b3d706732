/* What exists: every board and every device class, by name. */
#include "iodev/bus/virtio-mmio.h"
#include "iodev/timer/hpet.h"
#include "iodev/misc/piix4-pm.h"
#include "iodev/intc/lapic.h"
#include "iodev/intc/ioapic.h"
#include "iodev/input/i8042.h"
#include "iodev/bus/piix3.h"
#include "iodev/bus/i440fx.h"
#include "iodev/block/i82077.h"
#include "iodev/block/ide.h"
#include "iodev/block/virtio-blk.h"
#include "iodev/char/ns16550a.h"
#include "iodev/char/virtio-console.h"
#include "iodev/intc/riscv-aclint.h"
#include "iodev/intc/riscv-plic.h"
#include "iodev/char/parallel.h"
#include "iodev/display/vga.h"
#include "iodev/intc/gsi.h"
#include "iodev/intc/i8259.h"
#include "iodev/misc/bare-console.h"
#include "iodev/misc/i8237.h"
#include "iodev/misc/isa-debug-exit.h"
#include "iodev/misc/isa-debugcon.h"
#include "iodev/misc/pc-testdev.h"
#include "iodev/misc/pci-testdev.h"
#include "iodev/misc/port92.h"
#include "iodev/misc/post-code.h"
#include "iodev/misc/pvpanic.h"
#include "iodev/misc/fw-cfg.h"
#include "iodev/misc/pflash-cfi01.h"
#include "iodev/misc/sifive-test.h"
#include "iodev/misc/virtio-rng.h"
#include "iodev/net/virtio-net.h"
#include "iodev/timer/goldfish-rtc.h"
#include "iodev/timer/i8254.h"
#include "iodev/timer/mc146818.h"
#include "machine/board.h"
#include "machine/machine.h"

extern const struct board board_virt, board_bare_rv32, board_isapc, board_pc;
const struct board *const machine_boards[] = { &board_virt, &board_bare_rv32, &board_pc, &board_isapc, NULL };

const struct device_class *const machine_device_classes[] = {
    &ns16550a_class,
    &riscv_plic_class,
    &riscv_clint_class,
    &riscv_aclint_mtimer_class,
    &riscv_aclint_mswi_class,
    &riscv_aclint_sswi_class,
    &sifive_test_class,
    &goldfish_rtc_class,
    &fw_cfg_class,
    &fw_cfg_ports_class,
    &pflash_cfi01_class,
    &virtio_mmio_class,
    &virtio_blk_class,
    &virtio_net_class,
    &virtio_rng_class,
    &virtio_serial_class,
    &virtconsole_class,
    &virtserialport_class,
    &bare_console_class,
    &isa_serial_class,
    &isa_parallel_class,
    &isa_debugcon_class,
    &isa_debug_exit_class,
    &pvpanic_class,
    &pc_testdev_class,
    &i8259_class,
    &i8254_class,
    &i8237_class,
    &i8237_wide_class,
    &mc146818_class,
    &port92_class,
    &post_code_class,
    &gsi_class,
    &hpet_class,
    &ioapic_class,
    &lapic_class,
    &i440fx_class,
    &piix3_isa_class,
    &piix3_ide_class,
    &piix4_pm_class,
    &pci_testdev_class,
    &isa_ide_class,
    &i82077_class,
    &i8042_class,
    &ide_hd_class,
    &ide_cd_class,
    &floppy_class,
    &vga_class,
    &isa_vga_class,
    NULL,
};
