/* The display adapters of PCs: IBM's VGA with the Bochs display interface ("dispi") for higher resolutions.
 *
 * "VGA" is a PCI function, 1234:1111 as QEMU's -vga std: base address 0 the framebuffer, 2 the ports once more as
 * memory; "isa-vga" the same on a card for the ISA bus, its framebuffer at 0xe0000000. Both decode the ports and the
 * memory at 0xa0000 that every VGA does. Sections are of IBM's "PS/2 Hardware Interface Technical Reference - Video
 * Subsystem" unless they say otherwise. */
#ifndef IODEV_DISPLAY_VGA_H
#define IODEV_DISPLAY_VGA_H

#include "iodev/bus/pci.h"
#include "iodev/screen.h"

extern const struct device_class vga_class, isa_vga_class;

#define ISA_VGA_FRAMEBUFFER 0xe0000000u

#endif
