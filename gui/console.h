/* A page of text that bytes are written to: what a monitor or a serial port says, with the usual escape sequences
 * (ECMA-48), as cells of a screen. */
#ifndef GUI_CONSOLE_H
#define GUI_CONSOLE_H

#include "iodev/screen.h"

struct console;
struct console *console_new(unsigned columns, unsigned rows);
void console_free(struct console *c);
void console_write(struct console *c, const u8 *bytes, size_t n);
/* Rows of columns cells; *cursor is the one with the cursor. */
const struct screen_cell *console_cells(const struct console *c, unsigned *columns, unsigned *rows, int *cursor);

#endif
