/* What a display adapter shows, for windows, terminals and pictures. Looking leaves no trace in the guest: whoever
 * wants a picture asks for it, as often as they like, between two runs of the machine; blinking goes by guest time. */
#ifndef IODEV_SCREEN_H
#define IODEV_SCREEN_H

#include "iodev/device.h"

struct screen_mode {
    unsigned width, height; /* pixels, doubled lines and columns included; 0: blank, there is no picture */
    unsigned columns, rows; /* of characters; 0: a graphics mode */
    unsigned cell_width, cell_height; /* pixels of a character */
};

/* A character of a text mode: its code (of the adapter's code page, mostly 437), its attribute byte as in video memory,
 * and the two colours as 0x00RRGGBB. */
struct screen_cell {
    u8 code, attribute;
    bool blinked_out; /* blinks, and is not there at this moment */
    u32 foreground, background;
};

struct screen_ops {
    void (*mode)(const struct device *d, struct screen_mode *mode);
    /* width * height pixels, row by row, 0x00RRGGBB. */
    void (*draw)(const struct device *d, u32 *pixels);
    /* columns * rows cells, row by row; *cursor is the cell with the cursor, or -1. NULL: there are no text modes. */
    void (*text)(const struct device *d, struct screen_cell *cells, int *cursor);
};

#endif
