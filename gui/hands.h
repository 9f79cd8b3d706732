/* Where keys and mouse of a window or terminal go. Usages are those of iodev/input/keys.def. */
#ifndef GUI_HANDS_H
#define GUI_HANDS_H

#include "base/types.h"

struct gui_hands {
    void *opaque;
    void (*key)(void *opaque, u8 usage, bool down);
    void (*chord)(void *opaque, const u8 *usages, unsigned n); /* pressed together and let go */
    void (*release_all)(void *opaque);
    void (*move)(void *opaque, int dx, int dy, int wheel); /* right, down, towards the hand */
    void (*buttons)(void *opaque, u8 buttons);             /* bit 0 left, 1 right, 2 middle, 3 and 4 the side ones */
    void (*closed)(void *opaque);                          /* the window was closed */
};

#endif
