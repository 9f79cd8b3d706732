/* PS/2 keyboard and mouse as the controller sees them: bytes go in, bytes queue up to come out. "IBM Personal System/2
 * Hardware Interface Technical Reference" (1990), keyboards and "PS/2 mouse"; IntelliMouse and its five buttons as
 * Microsoft's "PS/2 Mouse Interface" notes them. */
#ifndef IODEV_INPUT_PS2_H
#define IODEV_INPUT_PS2_H

#include "base/desc.h"

#define PS2_QUEUE 32

struct ps2_queue {
    u8 data[PS2_QUEUE], at, len, last; /* last: the byte sent last, for RESEND */
};
bool ps2_put(struct ps2_queue *q, const u8 *bytes, unsigned n); /* all or nothing */
u8 ps2_take(struct ps2_queue *q);
void ps2_flush(struct ps2_queue *q);
void ps2_loaded(struct ps2_queue *q); /* indices that nobody trusts */

struct ps2_keyboard {
    struct ps2_queue out;
    u8 command;  /* waits for its argument; 0: none */
    u8 set, leds, typematic, enabled;
    u8 down[32]; /* bit map of usages that are held */
    u8 repeat;   /* the usage that typematic repeats; 0: none */
};
void ps2_keyboard_reset(struct ps2_keyboard *k); /* to power-on state: the self-test has passed */
void ps2_keyboard_write(struct ps2_keyboard *k, u8 byte);
void ps2_keyboard_key(struct ps2_keyboard *k, u8 usage, bool down);
void ps2_keyboard_repeat(struct ps2_keyboard *k);               /* sends the repeated key's make code again */
u64 ps2_keyboard_delay(const struct ps2_keyboard *k, bool first); /* until then, ns */

struct ps2_mouse {
    struct ps2_queue out;
    u8 command, id, rate, resolution, scale2, enabled, remote, wrap, knock; /* knock: steps of the rates that change id */
    u8 buttons, told;      /* told: what the last packet said */
    i16 dx, dy, wheel;     /* gathered since */
};
void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_write(struct ps2_mouse *m, u8 byte);
void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int wheel, u8 buttons);
bool ps2_mouse_pending(const struct ps2_mouse *m); /* something to tell, and it would be sent by itself */
void ps2_mouse_sample(struct ps2_mouse *m);        /* sends a packet if there is something pending */
u64 ps2_mouse_period(const struct ps2_mouse *m);   /* between two samples, ns */

#define PS2_QUEUE_STATE(type, q) STATE_ARRAY(type, q.data), STATE(type, q.at), STATE(type, q.len), STATE(type, q.last)
#define PS2_KEYBOARD_STATE(type, k)                                                                                 \
    PS2_QUEUE_STATE(type, k.out), STATE(type, k.command), STATE(type, k.set), STATE(type, k.leds),                  \
        STATE(type, k.typematic), STATE(type, k.enabled), STATE_ARRAY(type, k.down), STATE(type, k.repeat)
#define PS2_MOUSE_STATE(type, m)                                                                                    \
    PS2_QUEUE_STATE(type, m.out), STATE(type, m.command), STATE(type, m.id), STATE(type, m.rate),                   \
        STATE(type, m.resolution), STATE(type, m.scale2), STATE(type, m.enabled), STATE(type, m.remote),            \
        STATE(type, m.wrap), STATE(type, m.knock), STATE(type, m.buttons), STATE(type, m.told), STATE(type, m.dx),  \
        STATE(type, m.dy), STATE(type, m.wheel)

#endif
