/* Lua in the debugger: one state per debugger, made when it is first needed.
 *
 * A script reads the guest without side effects. It changes the guest only inside orrery.edit(); hooks, conditions and
 * expression functions neither change nor run it. What a script computes is the same every time: nothing of the host
 * (clock, files, addresses, the order of hash tables) is seen. docs/user/scripting.md is the page for its author. */
#ifndef DEBUGGER_SCRIPT_H
#define DEBUGGER_SCRIPT_H

#include "debugger/debugger.h"

#define SCRIPT_MEMORY ((size_t)64 << 20)       /* bytes that all scripts of a debugger may hold */
#define SCRIPT_INSTRUCTIONS ((u64)500000000)   /* of Lua's machine, in one call from outside */
#define SCRIPT_HOOK_INSTRUCTIONS ((u64)2000000) /* of a hook, a condition or an expression function */

/* Runs text as a chunk; `name` is what errors call it. False with "NAME:LINE: why". */
bool script_run(struct debugger *d, const char *name, const char *text, size_t n, struct err *e);
bool script_source(struct debugger *d, const char *path, struct err *e); /* a file, through the host */
void script_free(struct script *s); /* NULL is allowed */

/* Commands that scripts made: `what` is "" or "info ". *found: there is one of that name. */
bool script_command(struct debugger *d, const char *what, const char *word, const char *args, bool *found,
                    struct err *e);
void script_commands_each(struct debugger *d, void (*each)(void *opaque, const char *name, const char *help),
                          void *opaque);

/* A stop is about to be reported: runs the hooks of "stop" and of its kind. True: one of them wants the machine to go
 * on. */
bool script_stopped(struct debugger *d, const struct stop_report *r);

/* Puts in use the profile of an operating system that recognises the guest. False: none does, and why for each. */
bool script_os_auto(struct debugger *d, struct err *e);

#endif
