/* Pages in the terminal (ncurses): the text screen of a machine, and consoles. Alt and a digit chooses the page. */
#ifndef GUI_TERMINAL_H
#define GUI_TERMINAL_H

#include <stdio.h>

#include "base/err.h"
#include "gui/console.h"
#include "gui/hands.h"

#define TERMINAL_PAGES 9

/* One of both: the keys of a screen go to the hands, what is typed to a console goes to `type`. */
struct terminal_page {
    const struct device *screen;
    const struct console *console;
    void (*type)(void *opaque, const u8 *bytes, size_t n);
    void *opaque;
};

struct terminal;
/* Takes the terminal that `in` and `out` are. Pages are copied; what they point to outlives it. */
struct terminal *terminal_new(FILE *in, FILE *out, const struct terminal_page *pages, unsigned n,
                              const struct gui_hands *hands, struct err *e);
void terminal_free(struct terminal *t); /* NULL is allowed */
void terminal_poll(struct terminal *t); /* what was typed since */
void terminal_draw(struct terminal *t);
void terminal_again(struct terminal *t); /* somebody else wrote to it, or the process was stopped: draw all of it */

#endif
