/* A window that shows a screen (SDL2). It only looks: the machine goes on whether anybody does or not. */
#ifndef GUI_WINDOW_H
#define GUI_WINDOW_H

#include "base/err.h"
#include "gui/hands.h"
#include "iodev/screen.h"

struct window_options {
    const char *title;
    bool full_screen;
    bool stays; /* closing it does nothing (window-close=off) */
};

struct window;
/* NULL: there is no display, or SDL cannot. `screen` outlives the window. */
struct window *window_new(const struct device *screen, const struct gui_hands *hands, const struct window_options *o,
                          struct err *e);
void window_free(struct window *w); /* NULL is allowed */
/* What was pressed and moved since; calls hands. */
void window_poll(struct window *w);
/* Shows the screen as it is now. state: what the title says behind the name; may be "". */
void window_draw(struct window *w, const char *state);

/* Of a picture of w x h pixels in a window: as many whole times as it fits, or made smaller; in the middle. */
struct window_place {
    int x, y, w, h;
};
struct window_place window_place(unsigned w, unsigned h, int window_w, int window_h);
/* 0: no such key. Scancodes of SDL are usages of "HID Usage Tables", page 7, up to 231. */
u8 window_usage(int scancode);

#endif
