/* Intel 82441FX, the host bridge of the 440FX ("Natoma") PC: PCI configuration, main memory with its holes and shadows,
 * system management RAM. "82441FX PCI and Memory Controller (PMC)", Intel 290549.
 *
 *              PIRQA..D = out[0..3]
 *                    |
 *   ports 0xcf8 --[ PMC ]-- PCI bus 0, slot 0 is itself
 *                    |
 *        memory: RAM 0-640K, (hole), PAM 768K-1M, RAM 1M-, hole 3G-4G with the BIOS at its top, RAM 4G-
 *
 * Bank 0 is pci_mechanism1. Ranks of windows: 1 the shadows and holes, 2 open SMRAM; so VGA's window at 0xA0000 has 0
 * or 1. */
#ifndef IODEV_BUS_I440FX_H
#define IODEV_BUS_I440FX_H

#include "iodev/bus/pci.h"

extern const struct device_class i440fx_class;

#define I440FX_HOLE 0xc0000000u /* where RAM ends below 4 GiB, at the latest; the rest of it continues at 4 GiB */

/* Once, after build(): lays `ram` (at least 1 MiB) out in env->mem with its windows, and shows `bios` (whole pages, at
 * most 16 MiB; may be NULL) below 4 GiB and its last 128 KiB below 1 MiB. */
bool i440fx_set_memory(struct device *d, struct ram *ram, struct ram *bios, struct err *e);

/* What a CPU in SMM sees at 0xa0000 to 0xbffff: the RAM, from *offset on; NULL: what everybody sees. `device` is the
 * bridge. Closing it to data only (DCLS) is not told apart: SMM code then sees the RAM still. */
struct ram *i440fx_smram(void *device, u64 *offset);

/* Who is told when TRC resets the machine: hard, or the CPU only. */
void i440fx_set_hook(struct device *d, void (*reset)(void *opaque, bool hard), void *opaque);

#endif
