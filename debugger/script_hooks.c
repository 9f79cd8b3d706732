/* What a script adds to the debugger: hooks on stops and events, commands, functions of expressions. */
#include "debugger/script_state.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/commands.h"
#include "debugger/stop_kinds.h"

/* --- Kinds of stops ---------------------------------------------------------------------------------------------- */

static const char *const reasons[] = {
    [REASON_BREAKPOINT] = "break", [REASON_WATCHPOINT] = "watch", [REASON_STEPPED] = "step",
    [REASON_INTERRUPTED] = "ctrl-c", [REASON_ARRIVED] = "arrive",
};
static const char *const ends[] = {
    [MACHINE_IDLE] = "idle", [MACHINE_POWEROFF] = "poweroff", [MACHINE_RESET] = "reset", [MACHINE_PANIC] = "panic",
    [MACHINE_SEMIHOST] = "semihost", [MACHINE_LIMIT] = "limit", [MACHINE_DIVERGED] = "diverged",
    [MACHINE_REPLAY_END] = "replay-end", [MACHINE_STORY] = "lost",
};

static const char *kind_of(const struct stop_report *r)
{
    if (r->reason == REASON_EVENT)
        return r->point->kind->name;
    const char *kind = r->reason < ARRAY_LEN(reasons) ? reasons[r->reason] : NULL;
    if (!kind && r->why < ARRAY_LEN(ends))
        kind = ends[r->why];
    return kind ? kind : "other";
}

static bool is_kind(const char *name)
{
    bool found = !strcmp(name, "stop") || !strcmp(name, "other");
    for (size_t i = 0; i < ARRAY_LEN(reasons) && !found; i++)
        found = reasons[i] && !strcmp(name, reasons[i]);
    for (size_t i = 0; i < ARRAY_LEN(ends) && !found; i++)
        found = ends[i] && !strcmp(name, ends[i]);
    for (const struct stop_kind *k = stop_kinds; k->name && !found; k++)
        found = (k->event || k->passed) && !strcmp(name, k->name); /* the others are "break" and "watch" */
    return found;
}

/* --- Hooks on stops ---------------------------------------------------------------------------------------------- */

struct stop_hooks {
    const struct stop_report *report;
    const char *kind;
    int id, last; /* those behind id are left */
    bool go_on;
};

static void push_stop(lua_State *L, const struct stop_report *r, const char *kind)
{
    struct debugger *d = script_of(L)->d;
    lua_newtable(L);
    script_set_text(L, "kind", kind);
    script_set_int(L, "cpu", d->cpu->index);
    script_set_int(L, "pc", debugger_pc(d));
    script_set_int(L, "position", machine_position(d->machine));
    if (r->reason == REASON_MACHINE && d->machine->stop.text[0])
        script_set_text(L, "text", d->machine->stop.text);
    if (!stops_has(&d->stops, r->point)) /* a hook before this one may have deleted it */
        return;
    script_set_int(L, "point", (u64)r->point->number);
    script_set_text(L, "spec", r->point->spec);
    script_set_int(L, "hits", r->point->hits);
    if (r->point->what[0])
        script_set_text(L, "what", r->point->what);
    if (r->reason != REASON_WATCHPOINT)
        return;
    size_t n = r->point->len < WATCH_MAX_BYTES ? (size_t)r->point->len : WATCH_MAX_BYTES;
    script_set_int(L, "addr", d->cpu->hit.addr);
    script_set_text(L, "access", d->cpu->hit.access == CPU_READ ? "read" : "write");
    script_set_bytes(L, "before", (const char *)r->before, n);
    script_set_bytes(L, "after", (const char *)r->point->old, n);
}

/* Calls the next hook that wants this stop; h->id becomes its number, or h->last when there is none. */
static int run_stop_hook(lua_State *L)
{
    struct stop_hooks *h = lua_touserdata(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_HOOKS);
    while (h->id < h->last) {
        lua_settop(L, 2);
        if (lua_rawgeti(L, 2, ++h->id) != LUA_TTABLE)
            continue;
        lua_getfield(L, 3, "kind");
        const char *kind = lua_tostring(L, 4);
        if (strcmp(kind, "stop") && strcmp(kind, h->kind))
            continue;
        lua_getfield(L, 3, "run");
        push_stop(L, h->report, h->kind);
        lua_call(L, 1, 1);
        const char *verdict = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        if (verdict && strcmp(verdict, "continue"))
            return luaL_error(L, "a hook on stops returns \"continue\" or nothing, not \"%s\"", verdict);
        h->go_on |= verdict != NULL;
    }
    return 0;
}

static int forget_hook(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_HOOKS);
    lua_pushnil(L);
    lua_rawseti(L, -2, *(int *)lua_touserdata(L, 1));
    return 0;
}

static void hook_failed(struct script *s, int id, const struct err *e)
{
    struct err ignored;
    debug_printf(s->d, "Hook %d is removed: %s\n", id, e->text);
    script_call(s, forget_hook, &id, MAY_PEEK, &ignored);
}

bool script_stopped(struct debugger *d, const struct stop_report *r)
{
    struct script *s = d->script;
    struct err e;
    if (!s)
        return false;
    struct stop_hooks h = { .report = r, .kind = kind_of(r), .last = s->last_id };
    int interrupted = d->interrupted; /* it ended the run, not the hooks */
    d->interrupted = 0;
    while (h.id < h.last)
        if (!script_call(s, run_stop_hook, &h, MAY_LOOK, &e))
            hook_failed(s, h.id, &e);
    d->interrupted |= interrupted;
    return h.go_on && r->point && !d->interrupted;
}

/* --- Hooks on events --------------------------------------------------------------------------------------------- */

struct heard {
    const struct event *event;
    int id;
};

static int run_event_hook(lua_State *L)
{
    const struct heard *h = lua_touserdata(L, 1);
    const struct event *ev = h->event;
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_HOOKS);
    if (lua_rawgeti(L, -1, h->id) != LUA_TTABLE)
        return 0;
    lua_getfield(L, -1, "run");
    lua_newtable(L);
    script_set_text(L, "event", ev->type->name);
    script_set_text(L, "source", ev->source ? ev->source : "");
    script_set_int(L, "position", ev->when);
    for (unsigned i = 0; i < EVENT_MAX_FIELDS && ev->type->field[i].kind != EV_NONE; i++) {
        if (ev->type->field[i].kind == EV_STR)
            script_set_text(L, ev->type->field[i].name, ev->value[i].s ? ev->value[i].s : "");
        else if (ev->type->field[i].kind == EV_BYTES)
            script_set_bytes(L, ev->type->field[i].name, ev->value[i].s, ev->value[i - 1].u);
        else
            script_set_int(L, ev->type->field[i].name, ev->value[i].u);
    }
    lua_call(L, 1, 0);
    return 0;
}

static void hear(void *opaque, const struct event *ev)
{
    struct script_event *hook = opaque;
    struct script *s = hook->script;
    struct machine *m = s->d->machine;
    struct cpu *outer = s->cpu;
    struct heard h = { ev, hook->id };
    struct err e;
    if (hook->dead || s->d->looking_back || (hook->only && stop_is_interrupt(ev) != (hook->only == TRAPS_INTERRUPTS)))
        return;
    for (unsigned i = 0; i < m->n_cpus; i++)
        if (ev->source && !strcmp(m->cpus[i]->name, ev->source))
            s->cpu = m->cpus[i];
    if (!script_call(s, run_event_hook, &h, MAY_PEEK, &e)) {
        hook->dead = true;
        hook_failed(s, hook->id, &e);
    }
    s->cpu = outer;
}

void script_events_free(struct script *s)
{
    while (s->events) {
        struct script_event *hook = s->events;
        s->events = hook->next;
        event_unlisten(&s->d->machine->bus, &hook->listener);
        free(hook->prefix);
        free(hook);
    }
}

/* on(kind, fn): the number of the hook. */
static int hooks_on(lua_State *L)
{
    struct script *s = script_of(L);
    const char *kind = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    bool exceptions = !strcmp(kind, "exception"), interrupts = !strcmp(kind, "interrupt");
    const char *event = exceptions || interrupts ? "cpu.trap" : strchr(kind, '.') ? kind : NULL;
    if (!event && !is_kind(kind))
        return luaL_argerror(L, 1, "there is no such stop; kinds are stop, break, watch, step, ctrl-c, arrive, idle, "
                             "poweroff, reset, panic, lost, and those of `break`; or an event, as irq.level");
    int id = s->last_id + 1;
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_HOOKS);
    lua_newtable(L);
    script_set_text(L, "kind", event ? event : kind);
    lua_pushvalue(L, 2);
    lua_setfield(L, -2, "run");
    lua_rawseti(L, -2, id);
    s->last_id = id;
    if (event) {
        struct script_event *hook = xcalloc(1, sizeof *hook);
        hook->script = s;
        hook->id = id;
        hook->only = exceptions ? TRAPS_EXCEPTIONS : interrupts ? TRAPS_INTERRUPTS : TRAPS_ALL;
        hook->prefix = xstrdup(event);
        hook->listener = (struct event_listener){ .prefix = hook->prefix, .hear = hear, .opaque = hook };
        hook->next = s->events;
        s->events = hook;
        event_listen(&s->d->machine->bus, &hook->listener);
    }
    lua_pushinteger(L, id);
    return 1;
}

static int hooks_off(lua_State *L)
{
    struct script *s = script_of(L);
    lua_Integer id = luaL_checkinteger(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_HOOKS);
    if (lua_rawgeti(L, -1, id) != LUA_TTABLE)
        return luaL_argerror(L, 1, "there is no such hook");
    lua_pushnil(L);
    lua_rawseti(L, -3, id);
    for (struct script_event *hook = s->events; hook; hook = hook->next)
        if (hook->id == id && !hook->dead) {
            hook->dead = true;
            event_unlisten(&s->d->machine->bus, &hook->listener);
        }
    return 0;
}

/* --- Commands ---------------------------------------------------------------------------------------------------- */

static bool is_name(const char *s, const char *also)
{
    if (!isalpha((u8)*s))
        return false;
    while (isalnum((u8)*s) || (*s && strchr(also, *s)))
        s++;
    return !*s;
}

/* command{ name = "tasks", help = "...", run = function(args) ... end }; names may begin with "info ". */
static int hooks_command(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_getfield(L, 1, "name");
    lua_getfield(L, 1, "help");
    lua_getfield(L, 1, "run");
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    bool info = !strncmp(name, "info ", 5);
    if (!is_name(info ? name + 5 : name, "-_"))
        return luaL_error(L, "command: its name must be a word, or \"info\" and a word");
    if (command_exact(info ? info_commands : debugger_commands, info ? name + 5 : name))
        return luaL_error(L, "command: there is a command \"%s\" already", name);
    if (lua_type(L, 3) != LUA_TSTRING || lua_type(L, 4) != LUA_TFUNCTION)
        return luaL_error(L, "command: help = \"a sentence\" and run = function(args) are needed");
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_COMMANDS);
    lua_pushvalue(L, 2);
    lua_newtable(L);
    lua_pushvalue(L, 3);
    lua_setfield(L, -2, "help");
    lua_pushvalue(L, 4);
    lua_setfield(L, -2, "run");
    lua_rawset(L, -3);
    return 0;
}

struct command_call {
    const char *name, *args;
    bool found;
};

static int run_command_of(lua_State *L)
{
    struct command_call *c = lua_touserdata(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_COMMANDS);
    if (lua_getfield(L, -1, c->name) != LUA_TTABLE)
        return 0;
    c->found = true;
    lua_getfield(L, -1, "run");
    lua_pushstring(L, c->args);
    lua_call(L, 1, 0);
    return 0;
}

bool script_command(struct debugger *d, const char *what, const char *word, const char *args, bool *found,
                    struct err *e)
{
    *found = false;
    if (!d->script)
        return true;
    char *name = xprintf("%s%s", what, word);
    struct command_call c = { name, args, false };
    bool ok = script_call(d->script, run_command_of, &c, MAY_RUN, e);
    *found = c.found || !ok;
    free(name);
    return ok;
}

struct each_command {
    void (*each)(void *opaque, const char *name, const char *help);
    void *opaque;
};

static int run_each(lua_State *L)
{
    const struct each_command *q = lua_touserdata(L, 1);
    lua_getglobal(L, "pairs");
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_COMMANDS);
    lua_call(L, 1, 3); /* 2: step, 3: table, 4: key */
    for (;;) {
        lua_settop(L, 4);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, 3);
        lua_pushvalue(L, 4);
        lua_call(L, 2, 2);
        if (lua_isnil(L, 5))
            return 0;
        lua_getfield(L, 6, "help");
        q->each(q->opaque, lua_tostring(L, 5), lua_tostring(L, 7));
        lua_pushvalue(L, 5);
        lua_replace(L, 4);
    }
}

void script_commands_each(struct debugger *d, void (*each)(void *opaque, const char *name, const char *help),
                          void *opaque)
{
    struct each_command q = { each, opaque };
    struct err e;
    if (d->script)
        script_call(d->script, run_each, &q, MAY_PEEK, &e);
}

/* --- Functions of expressions ------------------------------------------------------------------------------------ */

/* func(name, fn): $name(...) in expressions and conditions. */
static int hooks_func(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    luaL_argcheck(L, is_name(name, "_"), 1, "the name of a function is a word");
    luaL_argcheck(L, !register_named(script_of(L)->d->cpu, name), 1, "that is the name of a register");
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_FUNCTIONS);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_rawset(L, -3);
    return 0;
}

struct function_call {
    const char *name;
    bool known;
    const struct expr_env *env;
    const u64 *args;
    unsigned n;
    struct value *out;
};

static int look_function_up(lua_State *L)
{
    struct function_call *c = lua_touserdata(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_FUNCTIONS);
    c->known = lua_getfield(L, -1, c->name) == LUA_TFUNCTION;
    return 0;
}

static int run_function(lua_State *L)
{
    struct function_call *c = lua_touserdata(L, 1);
    struct symbols *y = c->env->syms;
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_FUNCTIONS);
    lua_getfield(L, -1, c->name);
    for (unsigned i = 0; i < c->n; i++)
        lua_pushinteger(L, (lua_Integer)c->args[i]);
    lua_call(L, (int)c->n, 1);
    if (lua_isboolean(L, -1)) {
        *c->out = value_int(y, (u64)lua_toboolean(L, -1), 4, true);
    } else if (lua_isinteger(L, -1)) {
        *c->out = value_int(y, (u64)lua_tointeger(L, -1), 8, true);
    } else if (lua_type(L, -1) == LUA_TNUMBER) {
        double real = lua_tonumber(L, -1);
        u64 raw;
        memcpy(&raw, &real, 8);
        *c->out = value_typed(type_builtin(y, TYPE_FLOAT, 8, true, "double"), raw);
    } else {
        return luaL_error(L, "$%s returned a %s: expressions are made of numbers and booleans", c->name,
                          luaL_typename(L, -1));
    }
    return 0;
}

bool script_function_known(void *opaque, const char *name)
{
    struct function_call c = { .name = name };
    struct err e;
    return script_call(opaque, look_function_up, &c, MAY_PEEK, &e) && c.known;
}

bool script_function_call(void *opaque, const char *name, const struct expr_env *env, const u64 *args, unsigned n,
                          struct value *out, struct err *e)
{
    struct script *s = opaque;
    struct function_call c = { .name = name, .env = env, .args = args, .n = n, .out = out };
    struct cpu *outer = s->cpu;
    s->cpu = env->cpu;
    bool ok = script_call(s, run_function, &c, MAY_PEEK, e);
    s->cpu = outer;
    return ok;
}

void script_open_hooks(lua_State *L)
{
    static const luaL_Reg functions[] = { { "on", hooks_on }, { "off", hooks_off }, { "command", hooks_command },
                                          { "func", hooks_func }, { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
}
