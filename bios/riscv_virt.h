/* The device tree of the `virt` board, as QEMU 7.2 describes its own (without PCIe, the platform bus and the
 * performance counters, which this board does not have). */
#ifndef BIOS_RISCV_VIRT_H
#define BIOS_RISCV_VIRT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/types.h"

/* Memory map and interrupt numbers of hw/riscv/virt in QEMU 7.2 (its `info mtree` and dumpdtb). */
enum {
    VIRT_ROM = 0x1000, VIRT_ROM_SIZE = 0xf000,
    VIRT_TEST = 0x100000, VIRT_RTC = 0x101000, VIRT_CLINT = 0x2000000, VIRT_ACLINT_SSWI = 0x2f00000,
    VIRT_PLIC = 0xc000000, VIRT_UART = 0x10000000, VIRT_VIRTIO = 0x10001000, VIRT_VIRTIO_STRIDE = 0x1000,
    VIRT_VIRTIO_COUNT = 8, VIRT_FW_CFG = 0x10100000, VIRT_FLASH = 0x20000000, VIRT_FLASH_SIZE = 0x2000000,
    VIRT_IRQ_VIRTIO = 1, VIRT_IRQ_UART = 10, VIRT_IRQ_RTC = 11,
};
#define VIRT_RAM 0x80000000ull

struct riscv_virt_dt {
    unsigned harts;       /* 1 to 8 */
    const char *isa;      /* "rv64imafdc_..." */
    unsigned cbom_block, cboz_block; /* bytes, of Zicbom and Zicboz; 0: not there */
    unsigned sv_max;      /* 0 (no translation), 32, 39, 48, 57 */
    u64 ram_base, ram_size;
    const char *bootargs; /* NULL or "": none */
    u64 initrd_start, initrd_end; /* equal: none */
    u64 seed;             /* of rng-seed */
    bool aclint;          /* -machine aclint=on */
};

/* Appends the blob to out. */
bool riscv_virt_dt(const struct riscv_virt_dt *v, struct buf *out, struct err *e);

#endif
