/* The state of Lua: its memory, its time, its errors, and what it may do in each kind of call. */
#include "debugger/script_state.h"

#include <stdlib.h>
#include <string.h>

enum { LOOK_EVERY = 10000 }; /* instructions of Lua between looks at the time */
#define SCRIPT_TOO_LONG "the script has executed 500 million instructions of Lua: it does not seem to end"
#define HOOK_TOO_LONG "two million instructions of Lua were executed: too long for a hook or a condition"

struct script *script_of(lua_State *L)
{
    return *(struct script **)lua_getextraspace(L); /* threads get a copy of the main one's */
}

static void *allocate(void *opaque, void *p, size_t old, size_t new)
{
    struct script *s = opaque;
    if (!p)
        old = 0; /* then it says what kind of object it is for (manual, lua_Alloc) */
    if (!new) {
        s->used -= old;
        free(p);
        return NULL;
    }
    if (new > old && s->used + (new - old) > SCRIPT_MEMORY)
        return NULL;
    void *q = realloc(p, new);
    if (q)
        s->used = s->used - old + new;
    return q;
}

/* From now on every instruction fails: no pcall() can go on with something else. */
static void look(lua_State *L, lua_Debug *ar)
{
    struct script *s = script_of(L);
    (void)ar;
    if (!s->time.ended) {
        s->time.left = s->time.left > LOOK_EVERY ? s->time.left - LOOK_EVERY : 0;
        s->time.ended = s->d->interrupted ? "interrupted" : s->time.left ? NULL : s->time.too_long;
    }
    if (!s->time.ended)
        return;
    lua_sethook(L, look, LUA_MASKCOUNT, 1);
    luaL_where(L, 0);
    lua_pushstring(L, s->time.ended);
    lua_concat(L, 2);
    lua_error(L);
}

/* Text of an error; with the calls that led to it when there is more to say than one line. */
static int explain(lua_State *L)
{
    lua_Debug ar;
    unsigned functions = 0;
    const char *text = lua_tostring(L, 1);
    if (!text)
        text = lua_pushfstring(L, "error with a %s value", luaL_typename(L, 1));
    for (int level = 1; level < 50 && lua_getstack(L, level, &ar); level++)
        if (lua_getinfo(L, "S", &ar) && strcmp(ar.what, "C"))
            functions++;
    if (functions > 1 && !script_of(L)->time.ended)
        luaL_traceback(L, L, text, 1);
    else
        lua_pushstring(L, text);
    return 1;
}

int script_fail(lua_State *L, const struct err *e)
{
    return luaL_error(L, "%s", e->text);
}

void script_set_int(lua_State *L, const char *key, u64 v)
{
    lua_pushinteger(L, (lua_Integer)v);
    lua_setfield(L, -2, key);
}

void script_set_text(lua_State *L, const char *key, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

static int push_text(lua_State *L)
{
    const struct buf *b = lua_touserdata(L, 1);
    lua_pushlstring(L, (const char *)b->data, b->len);
    return 1;
}

/* Protected: where there is no memory for the text, the buffer is freed all the same. */
void script_take_text(lua_State *L, struct buf *b)
{
    lua_pushcfunction(L, push_text);
    lua_pushlightuserdata(L, b);
    int status = lua_pcall(L, 1, 1, 0);
    buf_free(b);
    if (status != LUA_OK)
        lua_error(L);
}

bool script_call(struct script *s, lua_CFunction work, void *arg, enum debugger_rights rights, struct err *e)
{
    lua_State *L = s->now;
    struct debugger *d = s->d;
    if (!lua_checkstack(L, 8))
        return err_set(e, "scripts have called one another too deep");
    enum debugger_rights rights_before = d->rights;
    struct script_time time_before = s->time;
    bool own_time = !s->depth++ || rights >= MAY_LOOK;
    if (rights > d->rights)
        d->rights = rights; /* never more than whoever called us */
    if (own_time && rights >= MAY_LOOK)
        s->time = (struct script_time){ .left = SCRIPT_HOOK_INSTRUCTIONS, .too_long = HOOK_TOO_LONG };
    else if (own_time)
        s->time = (struct script_time){ .left = SCRIPT_INSTRUCTIONS, .too_long = SCRIPT_TOO_LONG };
    lua_sethook(L, look, LUA_MASKCOUNT, LOOK_EVERY);
    int top = lua_gettop(L);
    lua_pushcfunction(L, explain);
    lua_pushcfunction(L, work);
    lua_pushlightuserdata(L, arg);
    int status = lua_pcall(L, 1, 0, top + 1);
    if (status == LUA_ERRMEM)
        err_set(e, "%s (a script may hold %zu MiB)", lua_tostring(L, -1), SCRIPT_MEMORY >> 20);
    else if (status != LUA_OK)
        err_set(e, "%s", lua_tostring(L, -1) ? lua_tostring(L, -1) : "an error without a message");
    lua_settop(L, top);
    s->now = L;
    s->depth--;
    if (own_time)
        s->time = time_before;
    lua_sethook(L, look, LUA_MASKCOUNT, s->time.ended ? 1 : LOOK_EVERY);
    d->rights = rights_before;
    return status == LUA_OK;
}

struct cpu *script_cpu(lua_State *L, int arg)
{
    struct script *s = script_of(L);
    if (lua_isnoneornil(L, arg))
        return s->cpu ? s->cpu : s->d->cpu;
    lua_Integer n = luaL_checkinteger(L, arg);
    if (n < 0 || n >= (lua_Integer)s->d->machine->n_cpus)
        luaL_argerror(L, arg, lua_pushfstring(L, "there is no CPU %I: this machine has 0 to %d", n,
                                              (int)s->d->machine->n_cpus - 1));
    return s->d->machine->cpus[n];
}

struct expr_env script_env(struct script *s, struct frame *f)
{
    struct debugger *d = s->d;
    if (d->rights != MAY_PEEK)
        return debugger_env(d);
    /* The machine runs, or another CPU than the selected one is meant: the frames that are kept are not of now. */
    struct cpu *c = s->cpu ? s->cpu : d->cpu;
    frame_innermost(d->syms, c, f);
    frame_complete(d->syms, c, f);
    return debugger_env_at(d, c, f);
}

/* --- The state --------------------------------------------------------------------------------------------------- */

static int open_all(lua_State *L)
{
    script_open_library(L);
    static const char *const tables[] = { SCRIPT_COMMANDS, SCRIPT_FUNCTIONS, SCRIPT_HOOKS, SCRIPT_MODULES };
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        lua_newtable(L);
        lua_setfield(L, LUA_REGISTRYINDEX, tables[i]);
    }
    lua_newtable(L);
    script_open_guest(L);
    script_open_values(L);
    script_open_hooks(L);
    script_open_edit(L);
    lua_setglobal(L, "orrery");
    return 0;
}

struct script *script_get(struct debugger *d, struct err *e)
{
    if (d->script)
        return d->script;
    struct script *s = xcalloc(1, sizeof *s);
    s->d = d;
    s->main = s->now = lua_newstate(allocate, s);
    if (!s->main) {
        free(s);
        err_set(e, "there is no memory for Lua");
        return NULL;
    }
    *(struct script **)lua_getextraspace(s->main) = s;
    if (!script_call(s, open_all, NULL, MAY_PEEK, e)) {
        script_free(s);
        return NULL;
    }
    d->functions = (struct expr_functions){ script_function_known, script_function_call, s };
    return d->script = s;
}

void script_free(struct script *s)
{
    if (!s)
        return;
    script_events_free(s);
    free(s->os);
    lua_close(s->main);
    free(s);
}

/* --- Chunks ------------------------------------------------------------------------------------------------------ */

struct chunk {
    const char *name, *text;
    size_t n;
};

static int run_chunk(lua_State *L)
{
    const struct chunk *c = lua_touserdata(L, 1);
    if (luaL_loadbufferx(L, c->text, c->n, c->name, "t") != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 0);
    return 0;
}

bool script_run(struct debugger *d, const char *name, const char *text, size_t n, struct err *e)
{
    struct script *s = script_get(d, e);
    struct chunk c = { name, text, n };
    return s && script_call(s, run_chunk, &c, MAY_RUN, e);
}

bool script_source(struct debugger *d, const char *path, struct err *e)
{
    struct buf text = { 0 };
    char *name = xprintf("@%s", path);
    bool ok = d->host.read_file ? d->host.read_file(d->host.opaque, path, &text, e)
                                : err_set(e, "source: files cannot be read from here");
    ok = ok && script_run(d, name, buf_cstr(&text), text.len, e);
    free(name);
    buf_free(&text);
    return ok;
}
