/* Which of the debugger's commands gdb may give by `monitor`: all but those that would run the machine while gdb
 * believes that it stands. */
#include "debugger/gdb.h"

#include <ctype.h>
#include <string.h>

#include "debugger/commands.h"

bool gdb_monitor_runs(const char *line)
{
    static bool (*const movers[])(struct debugger *, const char *, struct err *) = {
        cmd_continue, cmd_step, cmd_next, cmd_stepi, cmd_nexti, cmd_finish, cmd_until, cmd_advance, cmd_run_until,
        cmd_jump,
        cmd_source,
    };
    char word[64];
    size_t n = 0;
    struct err e;
    line = skip_space(line);
    while (n < sizeof word - 1 && (isalnum((u8)line[n]) || line[n] == '-' || line[n] == '_')) {
        word[n] = line[n];
        n++;
    }
    word[n] = 0;
    const struct command *c = n ? command_find(debugger_commands, word, "", &e) : NULL;
    for (size_t i = 0; c && i < ARRAY_LEN(movers); i++)
        if (c->run == movers[i])
            return true;
    return false;
}
