/* Operating systems: a profile is a Lua file that knows one, and says which process runs where.
 *
 * It returns a table with name and attach(): nil and why not, or a table of functions (docs/user/os-awareness.md):
 *   current(cpu)  the task that runs on a CPU, or nil
 *   tasks()       all of them, in the guest's order
 *   modules()     loaded pieces of the kernel; may be missing
 * A task is { pid, name, root, object, state, stack, cpu }: root is the physical address of its page table (nil: a
 * thread of the kernel), object where the guest describes it, stack its kernel stack. */
#include "debugger/script_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/commands.h"

static const char *const shipped[] = { "linux", "xv6" };

/* --- Attaching --------------------------------------------------------------------------------------------------- */

struct attach {
    const char *name; /* or a path, with the text of the file */
    const struct buf *text;
    char *title; /* malloc'd: what the profile calls itself */
};

static int run_attach(lua_State *L)
{
    struct attach *a = lua_touserdata(L, 1);
    if (a->text) {
        const char *chunk = lua_pushfstring(L, "@%s", a->name);
        if (luaL_loadbufferx(L, (const char *)a->text->data, a->text->len, chunk, "t") != LUA_OK)
            return lua_error(L);
        lua_call(L, 0, 1);
    } else {
        lua_getglobal(L, "require");
        lua_pushstring(L, a->name);
        lua_call(L, 1, 1);
    }
    if (!lua_istable(L, -1) || lua_getfield(L, -1, "attach") != LUA_TFUNCTION)
        return luaL_error(L, "%s is not a profile of an operating system: it returns no table with attach()", a->name);
    lua_getfield(L, -2, "name");
    const char *title = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : a->name;
    lua_pushvalue(L, -2);
    lua_call(L, 0, 2);
    if (!lua_istable(L, -2))
        return luaL_error(L, "%s", lua_isstring(L, -1) ? lua_tostring(L, -1) : "it does not recognise the guest");
    lua_pop(L, 1);
    lua_getglobal(L, "orrery");
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "os"); /* for scripts: orrery.os.current(0).name */
    lua_pop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, SCRIPT_OS);
    a->title = xstrdup(title);
    return 0;
}

static int run_detach(lua_State *L)
{
    lua_getglobal(L, "orrery");
    lua_pushnil(L);
    lua_setfield(L, -2, "os");
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, SCRIPT_OS);
    return 0;
}

static bool current(void *opaque, struct cpu *c, struct process *out);
static void each(void *opaque, bool (*to)(void *arg, const struct process *p), void *arg);

/* Lets the profile look for what it needs. */
static bool prepare(struct script *s, struct attach *a, struct err *e)
{
    struct debugger *d = s->d;
    size_t n = strlen(a->name);
    struct buf text = { 0 };
    if (n > 4 && !strcmp(a->name + n - 4, ".lua")) {
        a->text = &text;
        if (!d->host.read_file)
            return err_set(e, "os: files cannot be read from here");
        if (!d->host.read_file(d->host.opaque, a->name, &text, e))
            return false;
    }
    s->in_os = true; /* what it asks about symbols is no question of processes */
    s->os_symbols = d->syms->version;
    bool ok = script_call(s, run_attach, a, MAY_PEEK, e);
    s->in_os = false;
    buf_free(&text);
    return ok;
}

static bool attach(struct debugger *d, const char *name, struct err *e)
{
    struct script *s = script_get(d, e);
    struct attach a = { .name = name };
    if (!s || !prepare(s, &a, e))
        return false;
    free(s->os);
    s->os = xstrdup(name);
    process_provide(d, &(struct process_provider){ s, current, each });
    if (!d->os_title || strcmp(d->os_title, a.title))
        debug_printf(d, "[Operating system: %s]\n", a.title);
    free(d->os_title);
    d->os_title = a.title;
    return true;
}

static void detach(struct debugger *d)
{
    if (!d->script)
        return;
    struct err ignored;
    script_call(d->script, run_detach, NULL, MAY_PEEK, &ignored);
    free(d->script->os);
    d->script->os = NULL;
    free(d->os_title);
    d->os_title = NULL;
    process_provide(d, NULL);
}

bool script_os_auto(struct debugger *d, struct err *e)
{
    struct err each_e;
    char why[sizeof e->text] = "";
    size_t used = 0;
    for (size_t i = 0; i < ARRAY_LEN(shipped); i++) {
        if (attach(d, shipped[i], &each_e))
            return true;
        used += (size_t)snprintf(why + used, sizeof why - used, "\n  %s: %.300s", shipped[i], each_e.text);
        if (used >= sizeof why)
            break;
    }
    return err_set(e, "no profile recognises the guest's operating system:%.900s", why);
}

/* Other symbols came: where things are is looked up again. When that fails nothing is known till they change again. */
static bool refresh(struct script *s, struct err *e)
{
    struct attach a = { .name = s->os };
    struct err ignored;
    if (s->in_os || s->os_symbols == s->d->syms->version)
        return true;
    bool ok = prepare(s, &a, e);
    if (!ok)
        script_call(s, run_detach, NULL, MAY_PEEK, &ignored);
    free(a.title);
    return ok;
}

static bool attached(struct debugger *d, struct err *e)
{
    return d->script && d->script->os ? refresh(d->script, e) : script_os_auto(d, e);
}

HANDLER(cmd_os)
{
    struct err why;
    if (!strcmp(args, "off")) {
        detach(d);
        return true;
    }
    if (!*args) {
        if (d->os_title)
            debug_printf(d, "%s\n", d->os_title);
        else
            debug_printf(d, "No profile is in use: `os auto`, `os linux`, `os xv6` or `os FILE.lua`.\n");
        return true;
    }
    if (!strcmp(args, "auto") ? script_os_auto(d, &why) : attach(d, args, &why))
        return true;
    return err_set(e, "%s", why.text);
}

/* --- What it says ------------------------------------------------------------------------------------------------ */

static bool get_u64(lua_State *L, int i, const char *key, u64 *out)
{
    bool is = lua_getfield(L, i, key) == LUA_TNUMBER;
    *out = is ? (u64)luaL_checkinteger(L, -1) : 0;
    lua_pop(L, 1);
    return is;
}

static void get_text(lua_State *L, int i, const char *key, char *out, size_t cap)
{
    lua_getfield(L, i, key);
    const char *text = lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER ? lua_tostring(L, -1) : "";
    size_t n = 0;
    for (; text[n] && n + 1 < cap; n++) /* it comes from the guest's memory */
        out[n] = (u8)text[n] >= ' ' && text[n] != 127 ? text[n] : '?';
    out[n] = 0;
    lua_pop(L, 1);
}

static void get_process(lua_State *L, int i, struct process *out)
{
    *out = (struct process){ .root = 0 };
    out->has_pid = get_u64(L, i, "pid", &out->pid);
    get_u64(L, i, "root", &out->root);
    get_u64(L, i, "object", &out->object);
    get_text(L, i, "name", out->name, sizeof out->name);
}

struct question {
    struct cpu *cpu;
    struct process *process;
    bool found;
    bool (*to)(void *arg, const struct process *p);
    void *arg;
    const char *list;
    struct debugger *d;
};

/* Pushes a function of the profile; false: it has none of that name. */
static bool push_function(lua_State *L, const char *name)
{
    if (lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_OS) != LUA_TTABLE)
        return false;
    return lua_getfield(L, -1, name) == LUA_TFUNCTION;
}

static int ask_current(lua_State *L)
{
    struct question *q = lua_touserdata(L, 1);
    if (!push_function(L, "current"))
        return 0;
    lua_pushinteger(L, q->cpu->index);
    lua_call(L, 1, 1);
    if (lua_istable(L, -1)) {
        get_process(L, lua_gettop(L), q->process);
        q->found = true;
    }
    return 0;
}

/* Asks; without an answer nobody knows, and that is all: it happens early in a boot. */
static bool ask(struct script *s, lua_CFunction work, struct question *q, struct err *e)
{
    struct cpu *outer = s->cpu;
    if (s->in_os)
        return err_set(e, "the profile is being asked already");
    s->in_os = true;
    if (q->cpu)
        s->cpu = q->cpu;
    bool ok = script_call(s, work, q, MAY_PEEK, e);
    s->cpu = outer;
    s->in_os = false;
    return ok;
}

static bool current(void *opaque, struct cpu *c, struct process *out)
{
    struct script *s = opaque;
    struct question q = { .cpu = c, .process = out };
    struct err e;
    return refresh(s, &e) && ask(s, ask_current, &q, &e) && q.found;
}

static int ask_each(lua_State *L)
{
    struct question *q = lua_touserdata(L, 1);
    if (!push_function(L, "tasks"))
        return 0;
    lua_call(L, 0, 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    for (lua_Integer i = 1; lua_geti(L, -1, i) == LUA_TTABLE; i++) {
        struct process p;
        get_process(L, lua_gettop(L), &p);
        lua_pop(L, 1);
        if (!q->to(q->arg, &p))
            break;
    }
    return 0;
}

static void each(void *opaque, bool (*to)(void *arg, const struct process *p), void *arg)
{
    struct script *s = opaque;
    struct question q = { .to = to, .arg = arg };
    struct err e;
    if (refresh(s, &e))
        ask(s, ask_each, &q, &e);
}

/* --- info tasks, info modules ------------------------------------------------------------------------------------ */

static int show_tasks(lua_State *L)
{
    struct question *q = lua_touserdata(L, 1);
    struct machine *m = q->d->machine;
    u64 running[MACHINE_MAX_CPUS] = { 0 };
    if (!push_function(L, "tasks"))
        return luaL_error(L, "the profile has no tasks()");
    for (unsigned i = 0; i < m->n_cpus; i++) {
        struct process p;
        struct question one = { .cpu = m->cpus[i], .process = &p };
        lua_pushcfunction(L, ask_current);
        lua_pushlightuserdata(L, &one);
        lua_call(L, 1, 0);
        running[i] = one.found ? p.object : 0;
    }
    lua_call(L, 0, 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    int list = lua_gettop(L);
    debug_printf(q->d, "     PID CPU STATE      NAME                     PAGE TABLE       KERNEL STACK OBJECT\n");
    for (lua_Integer i = 1; lua_geti(L, list, i) == LUA_TTABLE; i++) {
        struct process p;
        char state[16];
        u64 stack, cpu;
        int row = lua_gettop(L);
        get_process(L, row, &p);
        get_text(L, row, "state", state, sizeof state);
        bool has_stack = get_u64(L, row, "stack", &stack), has_cpu = get_u64(L, row, "cpu", &cpu), now = false;
        for (unsigned k = 0; k < m->n_cpus; k++)
            if (running[k] && running[k] == p.object) {
                now = has_cpu = true;
                cpu = k;
            }
        char number[24] = "-", root[24] = "-", kstack[24] = "-";
        if (has_cpu)
            snprintf(number, sizeof number, "%llu", (unsigned long long)cpu);
        if (p.root)
            snprintf(root, sizeof root, "0x%llx", (unsigned long long)p.root);
        if (has_stack)
            snprintf(kstack, sizeof kstack, "0x%llx", (unsigned long long)stack);
        debug_printf(q->d, "%c %6llu %3s %-10s %-16s %18s %18s 0x%llx\n", now ? '*' : ' ', (unsigned long long)p.pid,
                     number, state, p.name, root, kstack, (unsigned long long)p.object);
        lua_settop(L, list);
    }
    return 0;
}

static int show_modules(lua_State *L)
{
    struct question *q = lua_touserdata(L, 1);
    if (!push_function(L, "modules"))
        return luaL_error(L, "this operating system has no modules that the profile knows of");
    lua_call(L, 0, 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    int list = lua_gettop(L);
    debug_printf(q->d, "NAME                            ADDRESS       SIZE\n");
    for (lua_Integer i = 1; lua_geti(L, list, i) == LUA_TTABLE; i++) {
        char name[64];
        u64 base, size;
        get_text(L, lua_gettop(L), "name", name, sizeof name);
        get_u64(L, lua_gettop(L), "base", &base);
        get_u64(L, lua_gettop(L), "size", &size);
        debug_printf(q->d, "%-20s %#18llx %10llu\n", name, (unsigned long long)base, (unsigned long long)size);
        lua_settop(L, list);
    }
    return 0;
}

HANDLER(info_tasks)
{
    struct question q = { .d = d };
    return attached(d, e) && ask(d->script, show_tasks, &q, e);
}

HANDLER(info_modules)
{
    struct question q = { .d = d };
    return attached(d, e) && ask(d->script, show_modules, &q, e);
}
