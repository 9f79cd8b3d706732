/* Between the files of debugger/script*.c. */
#ifndef DEBUGGER_SCRIPT_STATE_H
#define DEBUGGER_SCRIPT_STATE_H

#include <lauxlib.h>
#include <lua.h>

#include "debugger/script.h"

struct script_event { /* a hook on events of the machine */
    struct event_listener listener;
    struct script *script;
    struct script_event *next;
    int id;
    char *prefix;
    enum { TRAPS_ALL, TRAPS_EXCEPTIONS, TRAPS_INTERRUPTS } only; /* of the events cpu.trap */
    bool dead; /* stays in the list till the end: an event may be on its way to it */
};

struct script {
    struct debugger *d;
    lua_State *main, *now; /* now: the thread that called us last */
    size_t used;           /* bytes that Lua holds */
    struct script_time {
        u64 left;             /* instructions of Lua */
        const char *too_long; /* when there are none */
        const char *ended;    /* why the call in progress has to end; NULL: it need not */
    } time;
    unsigned depth;        /* calls into Lua that are in progress */
    struct cpu *cpu;       /* of a condition that is being tested; NULL: the selected one */
    struct script_event *events;
    char *os;                 /* name of the profile in use; NULL: none */
    unsigned os_symbols;      /* the version of the symbols it looked at */
    bool in_os;               /* it is being asked */
    int last_id;
};

/* What Lua's registry holds of ours: */
#define SCRIPT_COMMANDS "orrery.commands" /* name -> { help, run } */
#define SCRIPT_FUNCTIONS "orrery.functions" /* name -> function */
#define SCRIPT_HOOKS "orrery.hooks"       /* id -> { kind, function } */
#define SCRIPT_MODULES "orrery.modules"   /* name -> what require() gave */
#define SCRIPT_OS "orrery.os"             /* what the profile's attach() gave */
#define SCRIPT_VALUE "orrery.value"       /* the metatable of values */

struct script *script_of(lua_State *L);
struct script *script_get(struct debugger *d, struct err *e); /* makes the state */

/* Calls work(L) with `arg` as its light user data, protected. `rights` are those of the commands and edits in it. */
bool script_call(struct script *s, lua_CFunction work, void *arg, enum debugger_rights rights, struct err *e);
int script_fail(lua_State *L, const struct err *e); /* raises it, with file and line of the caller */

/* t[key] = value, of the table on top. */
void script_set_int(lua_State *L, const char *key, u64 v);
void script_set_text(lua_State *L, const char *key, const char *text);
void script_take_text(lua_State *L, struct buf *b); /* pushes it and frees the buffer */

struct cpu *script_cpu(lua_State *L, int arg); /* the optional number of a CPU */
/* What expressions mean now; `f` is where its frame may be kept. */
struct expr_env script_env(struct script *s, struct frame *f);
void script_push_value(lua_State *L, const struct expr_env *env, const struct value *v);

/* Each adds its part to the table `orrery` on top of the stack. */
void script_open_library(lua_State *L); /* Lua's own functions, without those that reach outside: script_lib.c */
void script_open_guest(lua_State *L);   /* script_guest.c: memory, registers, symbols */
void script_open_values(lua_State *L);  /* script_value.c: expressions and types */
void script_open_hooks(lua_State *L);   /* script_hooks.c: hooks, commands, functions */
void script_open_edit(lua_State *L);    /* script_edit.c */
void script_events_free(struct script *s);

/* $NAME(ARGS) in an expression: debugger's struct expr_functions. */
bool script_function_known(void *opaque, const char *name);
bool script_function_call(void *opaque, const char *name, const struct expr_env *env, const u64 *args, unsigned n,
                          struct value *out, struct err *e);

#endif
