/* The debugger's full screen, as a picture of characters: keys go in, cells come out, and somebody else owns the terminal
 * (cli/tui.c). What the panes show is what commands print. */
#ifndef DEBUGGER_TUI_H
#define DEBUGGER_TUI_H

#include "debugger/debugger.h"

enum tui_style {
    TUI_PLAIN, TUI_TITLE, TUI_FOCUS, TUI_HERE, TUI_CHANGED, TUI_STOP, TUI_ASM, TUI_STATUS, TUI_INPUT, TUI_STYLES
};

struct tui_cell {
    u32 ch; /* Unicode */
    u8 style;
};

/* Keys that are no characters. */
enum tui_key {
    TUI_ESC = 27,
    TUI_KEYS = 0x110000, TUI_UP, TUI_DOWN, TUI_LEFT, TUI_RIGHT, TUI_PAGE_UP, TUI_PAGE_DOWN, TUI_HOME, TUI_END, TUI_BACKSPACE,
    TUI_DELETE, TUI_BACK_TAB, TUI_F1 = TUI_KEYS + 0x20, TUI_F24 = TUI_F1 + 23 /* Shift-F11 is F23 */
};

enum { TUI_MIN_COLUMNS = 80, TUI_MIN_ROWS = 24 };

struct tui_host {
    void *opaque;
    void (*type)(void *opaque, const u8 *bytes, size_t n); /* into the guest's serial line */
    void (*press)(void *opaque, u32 key); /* on the guest's keyboard; NULL: it has none */
};

struct tui;
struct tui *tui_new(struct debugger *d, const struct tui_host *host);
void tui_free(struct tui *t);
void tui_size(struct tui *t, unsigned columns, unsigned rows);

void tui_guest(struct tui *t, const u8 *bytes, size_t n); /* the guest's console said this */
void tui_say(struct tui *t, const char *text, size_t n);  /* the debugger did */

/* Does what the key means; runs the machine if that is it. False: the person wants the command line back (q, Ctrl-X A), or
 * d->quit. */
bool tui_key(struct tui *t, u32 key);
void tui_click(struct tui *t, unsigned column, unsigned row, int wheel); /* wheel: lines, or 0 for a click */
/* While the machine runs: a key for the guest if its console has the focus. */
void tui_key_running(struct tui *t, u32 key);
void tui_changed(struct tui *t); /* the machine may be elsewhere: the panes are asked again when drawn */

/* columns * rows cells, row by row; the cursor, or -1. */
const struct tui_cell *tui_draw(struct tui *t, bool running, int *cursor_column, int *cursor_row);

#endif
