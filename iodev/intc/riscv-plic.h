#ifndef IODEV_INTC_RISCV_PLIC_H
#define IODEV_INTC_RISCV_PLIC_H

#include "iodev/device.h"

#define PLIC_SOURCES 96 /* numbered from 1 */

/* irq_in(source, level). out[2 * hart]: MEIP (mip bit 11), out[2 * hart + 1]: SEIP (9). Property: harts. */
extern const struct device_class riscv_plic_class;

#endif
