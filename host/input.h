/* Keys and mouse on their way into a machine: from windows, terminals, the monitor. One queue, so that what was pressed
 * first arrives first. Through machine_input(), so recordings have it. */
#ifndef HOST_INPUT_H
#define HOST_INPUT_H

#include "host/loop.h"

struct host_input;

/* The keyboard is what has a channel PATH.keyboard, the mouse what has PATH.mouse (iodev/input/keys.h); the machine may
 * have neither. */
struct host_input *host_input_new(struct host_loop *l, struct machine *m);
void host_input_free(struct host_input *in); /* NULL is allowed */
bool host_input_has_keyboard(const struct host_input *in);
bool host_input_has_mouse(const struct host_input *in);

/* A key by its usage (keys.def), `after_ns` of guest time behind what is in the queue. When the queue is full the guest has not listened for long: the event is dropped. */
void host_input_key(struct host_input *in, u8 usage, bool down, u64 after_ns);
/* All of them down, and up in reverse order after hold_ns. */
void host_input_chord(struct host_input *in, const u8 *usages, unsigned n, u64 hold_ns);
/* Everything that is held down and nobody will let go: a window lost the keyboard. */
void host_input_release_all(struct host_input *in);

/* A movement, right, down and towards the hand; any size. */
void host_input_move(struct host_input *in, int dx, int dy, int wheel);
/* What is pressed now: bit 0 left, 1 right, 2 middle, 3 and 4 the side ones. */
void host_input_buttons(struct host_input *in, u8 buttons);
u8 host_input_buttons_now(const struct host_input *in);

#endif
