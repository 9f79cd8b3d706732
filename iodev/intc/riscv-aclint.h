#ifndef IODEV_INTC_RISCV_ACLINT_H
#define IODEV_INTC_RISCV_ACLINT_H

#include "iodev/device.h"

#define ACLINT_MAX_HARTS 8
#define ACLINT_MTIME_HZ 10000000

/* Property of all: harts.
 * riscv-clint   msip, mtimecmp and mtime in SiFive's layout, 64 KiB: out[hart] is MSIP, out[16 + hart] MTIP
 * riscv-aclint-mtimer  mtimecmp and mtime alone: out[16 + hart] is MTIP
 * riscv-aclint-mswi    out[hart] is MSIP
 * riscv-aclint-sswi    out[hart] is SSIP, pulsed: the rising edge sets mip.SSIP, software clears it */
extern const struct device_class riscv_clint_class, riscv_aclint_mtimer_class, riscv_aclint_mswi_class,
    riscv_aclint_sswi_class;

/* mtime of a riscv-clint or riscv-aclint-mtimer, for the harts. The device need not be built yet. */
struct timebase riscv_clint_timebase(struct device *d);
/* Is told whenever mtime jumps (a write, reset). */
void riscv_clint_set_hook(struct device *d, void (*changed)(void *opaque), void *opaque);

#endif
