/* The debugger's command line on a terminal, or lines from a pipe. */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include "debugger/debugger.h"

/* Reads and runs commands until `quit` or the end of input. On a terminal with editing, completion and history. */
void console_run(struct debugger *d);
/* Runs the commands in a file, as -x FILE; says what is wrong itself. */
bool console_source(struct debugger *d, const char *path);
/* Whether output to this descriptor should be coloured: a terminal, and NO_COLOR is not set (no-color.org). */
bool console_wants_color(int fd);

#endif
