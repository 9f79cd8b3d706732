/* What the files of the full screen share. */
#ifndef DEBUGGER_TUI_PANE_H
#define DEBUGGER_TUI_PANE_H

#include "debugger/heat.h"
#include "debugger/tui.h"

enum { TUI_LINES = 2000, TUI_WIDTH = 400 };

struct tui_line {
    char *text; /* UTF-8 */
    u8 style;
    u64 addr;   /* of what stands there; 0: none */
    int number; /* of a source line; 0: none */
};

/* Lines of a pane; the oldest are dropped. */
struct tui_lines {
    struct tui_line *line;
    size_t n, cap;
    bool open;    /* the last one goes on */
    u8 escape;    /* in an escape sequence: 1 after ESC, 2 after ESC [ */
    size_t column;
};

void lines_clear(struct tui_lines *l);
void lines_add(struct tui_lines *l, const char *text, u8 style, u64 addr, int number);
/* Like a simple terminal: carriage return, backspace, tab and new line are obeyed, escape sequences left out. */
void lines_feed(struct tui_lines *l, const u8 *bytes, size_t n);
void lines_split(struct tui_lines *l, struct buf *text); /* a command's output */

enum pane_id {
    PANE_SOURCE, PANE_REGISTERS, PANE_STACK, PANE_LOCALS, PANE_TAB, PANE_CONSOLE, PANE_COMMAND, PANES
};

struct pane {
    struct tui_lines lines;
    size_t top;      /* first line shown */
    bool follows;    /* shows the end */
    unsigned x, y, w, h; /* without the title, which is at y - 1 */
};

struct tui_tab {
    const char *name, *command; /* what it shows: the first command of these (separated by newlines) that is not an error */
    void (*enter)(struct tui *t, const char *line); /* Enter in the cursor's line; NULL: there is no cursor */
    bool cells, /* the cursor is on a character of a map (cmd_trail.c), not on a line */
        last;   /* it shows the end at first */
};
extern const struct tui_tab tui_tabs[]; /* ends with a NULL name */

enum tui_layer { LAYER_KEYS, LAYER_NAVIGATE, LAYER_COMMAND, LAYER_SEARCH };

struct tui_input {
    char text[512];
    size_t n, at;
};

struct tui {
    struct debugger *d;
    struct tui_host host;
    unsigned columns, rows;
    struct tui_cell *cell;
    struct pane pane[PANES];
    struct tui_lines hidden; /* of the console: the serial line's while it shows the screen */
    bool on_screen;
    enum pane_id focus;
    enum tui_layer layer, before_search;
    unsigned tab;
    size_t tab_line, tab_column; /* its cursor */
    struct heat_map heat;        /* shown by its tab */
    bool has_memory;             /* the memory tab shows what is at this physical address */
    u64 memory;
    bool stale;
    u32 pending; /* first key of two: g, m, ', Ctrl-X */
    struct tui_input input;
    char search[128];
    char *history[100];
    unsigned n_history, history_at;

    char file[512]; /* shown in the source pane; "": instructions */
    size_t cursor;  /* line of the source pane */
    const struct cpu *seen_cpu;
    struct {
        char file[512];
        int line;
        u64 addr;
    } mark[26];
    u64 *registers; /* as they were when the machine stopped last, and the time before */
    u64 *registers_before;
    size_t n_registers;
    u64 registers_at;
};

/* tui.c: as if typed; and what a person goes on typing at `at`. */
void tui_execute(struct tui *t, const char *command);
void tui_prefill(struct tui *t, const char *text, size_t at);

/* tui_tabs.c */
void tabs_refresh(struct tui *t);
void tabs_next(struct tui *t, int by);
/* Moves the cursor of the tab; false: it has none, or stands at that edge. */
bool tabs_move(struct tui *t, long columns, long lines);
void tabs_enter(struct tui *t);
void tabs_click(struct tui *t, unsigned column, size_t line);
bool tabs_cursor(const struct tui *t, size_t line, unsigned *x, unsigned *w); /* where it is in this line */
unsigned tabs_title(const struct tui *t, unsigned tab, char *out, size_t cap); /* its width; 0: no such tab */
void tabs_where(const struct tui *t, char *out, size_t cap); /* what the cursor is at, or "" */

/* tui_console.c */
void console_refresh(struct tui *t);
void console_switch(struct tui *t); /* serial line or screen */
void console_key(struct tui *t, u32 key);

/* tui_panes.c: asks everything again. */
void panes_refresh(struct tui *t);
bool panes_ask(struct tui *t, const char *commands, struct buf *out);
void panes_show_source(struct tui *t, const char *file, int line); /* file NULL: where the frame is */
/* The line of history, position and harts. */
void panes_timeline(struct tui *t, bool running, struct buf *out, unsigned width);

#endif
