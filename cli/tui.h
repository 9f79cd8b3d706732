/* The debugger's full screen on a terminal: `orrery debug --tui`, and back to it with Ctrl-X A or `tui`. */
#ifndef CLI_TUI_H
#define CLI_TUI_H

#include "cli/session.h"

struct tui_terminal;

/* Makes the guest's first serial line the console of the screen. Before the machine is made. */
struct tui_terminal *tui_terminal_new(struct session *s);
void tui_terminal_free(struct tui_terminal *t); /* NULL is allowed */

/* What the debugger prints goes to the screen while that is there. False: it is not. */
bool tui_terminal_say(struct tui_terminal *t, const char *text, size_t n);

/* Until the person leaves it (the prompt comes next) or quits. False: there is no terminal for it. */
bool tui_terminal_run(struct tui_terminal *t, struct err *e);
/* While something takes long: shows where it is, and takes keys. */
void tui_terminal_refresh(struct tui_terminal *t);

#endif
