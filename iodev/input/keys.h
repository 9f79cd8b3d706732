/* Keys by name and number: keys.def is the one list. Keyboards, the monitor's sendkey and every screen read it.
 *
 * Whatever is a keyboard has an input channel PATH.keyboard, whatever is a mouse one PATH.mouse, with the events that
 * iodev/input/i8042.h describes: that is how the outside finds them. */
#ifndef IODEV_INPUT_KEYS_H
#define IODEV_INPUT_KEYS_H

#include "base/types.h"

struct key {
    u8 usage;
    const char *name;
    u16 set[3]; /* scan code sets 1 to 3 */
};
extern const struct key keys[]; /* ends with usage 0 */

const struct key *key_by_usage(u8 usage);                /* NULL: no such key */
const struct key *key_by_name(const char *name, size_t n); /* also "enter", "0x1e" (a set-1 code as QEMU takes it) */

/* "ctrl-alt-delete": the usages in order of pressing; returns how many, 0 when a name is unknown or there are more than
 * cap. */
unsigned keys_parse(const char *text, u8 *usages, unsigned cap);

#endif
