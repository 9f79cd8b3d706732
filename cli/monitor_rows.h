/* The monitor's own commands: those that hands and scripts know from QEMU's and that the debugger has not, or in another form. */
#ifndef CLI_MONITOR_ROWS_H
#define CLI_MONITOR_ROWS_H

#include "cli/session.h"

struct monitor_row { /* lists end with a NULL name */
    const char *name; /* two words, or one */
    /* Appends what it has to say; false: *e says why not. `args` has no blanks before it. */
    bool (*run)(struct session *s, const char *args, struct buf *out, struct err *e);
    const char *args, *help; /* help NULL: another name of the row before */
    bool (*mine)(struct session *s, const char *args); /* false: the debugger's command of that name is meant. NULL: always mine */
};
extern const struct monitor_row monitor_host[], monitor_media[], monitor_memory[], monitor_x86[], monitor_dump[];

#define MONITOR(name) static bool name(struct session *s, const char *args, struct buf *out, struct err *e)

#endif
