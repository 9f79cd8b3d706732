/* The keyboard controller of a PC: Intel 8042 with the program IBM put into it for the PS/2. Banks 0 and 1: ports 0x60
 * and 0x64; bank 2: what no port shows. out[0] IRQ 1, out[1] IRQ 12. Keyboard and mouse are part of it.
 *
 * Input channels:
 *   PATH.keyboard  events of two bytes: the key's usage (keys.def), then 1 down or 0 up
 *   PATH.mouse     events of four bytes: dx (signed, right is positive), dy (signed, down is positive), wheel (signed,
 *                  towards the hand is positive), buttons (bit 0 left, 1 right, 2 middle, 3 and 4 side) */
#ifndef IODEV_INPUT_I8042_H
#define IODEV_INPUT_I8042_H

#include "iodev/device.h"

extern const struct device_class i8042_class;

/* a20: the output port's bit 1 was written, or the device was reset (level true: the gate is open). reset: the output
 * port's bit 0 fell or was pulsed. Either may be NULL. */
void i8042_set_hooks(struct device *d, void (*a20)(void *opaque, bool level), void (*reset)(void *opaque),
                     void *opaque);
bool i8042_a20(const struct device *d);
u8 i8042_leds(const struct device *d); /* bit 0 scroll lock, 1 num lock, 2 caps lock */

#endif
