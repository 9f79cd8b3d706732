/* What exists: every board and every device class, by name. */
#include "iodev/bus/virtio-mmio.h"
#include "iodev/block/i82077.h"
#include "iodev/block/ide.h"
#include "iodev/block/virtio-blk.h"
#include "iodev/char/ns16550a.h"
#include "iodev/char/virtio-console.h"
#include "iodev/intc/riscv-aclint.h"
#include "iodev/intc/riscv-plic.h"
#include "iodev/misc/bare-console.h"
#include "iodev/misc/fw-cfg.h"
#include "iodev/misc/pflash-cfi01.h"
#include "iodev/misc/sifive-test.h"
#include "iodev/misc/virtio-rng.h"
#include "iodev/net/virtio-net.h"
#include "iodev/timer/goldfish-rtc.h"
#include "machine/board.h"
#include "machine/machine.h"

extern const struct board board_virt, board_bare_rv32;
const struct board *const machine_boards[] = { &board_virt, &board_bare_rv32, NULL };

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
    &pflash_cfi01_class,
    &virtio_mmio_class,
    &virtio_blk_class,
    &virtio_net_class,
    &virtio_rng_class,
    &virtio_serial_class,
    &virtconsole_class,
    &virtserialport_class,
    &bare_console_class,
    &ide_hd_class,
    &ide_cd_class,
    &floppy_class,
    NULL,
};
