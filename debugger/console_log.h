/* What the guest has said, and when: so that text is found wherever in the past a search begins. */
#ifndef DEBUGGER_CONSOLE_LOG_H
#define DEBUGGER_CONSOLE_LOG_H

#include "base/event.h"
#include "base/types.h"

struct debugger;
struct machine;

struct console_log {
    struct event_listener listener;
    struct machine *machine; /* NULL: it has not begun */
    struct console_line {
        char *source; /* the device */
        u64 *at;      /* the position of each byte; they do not fall */
        char *text;
        size_t n, cap;
    } line[16];
    unsigned n_lines;
};

/* Notes everything from now on; again: nothing. */
void console_log_begin(struct console_log *log, struct machine *m);
void console_log_end(struct console_log *log);
/* Does what `source` said at position `at` end a `text`? */
bool console_log_ends(const struct console_log *log, const char *source, u64 at, const char *text);

#endif
