/* What a script sees of the guest: memory, registers, symbols, devices. Nothing here has a side effect. */
#include "debugger/script_state.h"

#include <stdio.h>
#include <string.h>

enum { MAX_READ = 16 << 20 };

/* --- Memory ------------------------------------------------------------------------------------------------------ */

/* The upvalue of the functions below says which memory. */
static bool physical(lua_State *L)
{
    return lua_toboolean(L, lua_upvalueindex(1));
}

static u64 peek(lua_State *L, int cpu_arg, u64 addr, void *out, u64 n)
{
    if (physical(L))
        return space_peek(script_of(L)->d->machine->mem, addr, out, n);
    struct cpu *c = script_cpu(L, cpu_arg);
    return cpu_peek(c, addr & cpu_addr_mask(c), out, n);
}

static int unreadable(lua_State *L, u64 addr)
{
    lua_pushnil(L);
    lua_pushfstring(L, "cannot read %s address ", physical(L) ? "physical" : "virtual");
    char hex[24];
    snprintf(hex, sizeof hex, "0x%llx", (unsigned long long)addr);
    lua_pushstring(L, hex);
    lua_concat(L, 2);
    return 2;
}

/* read(addr, n [, cpu]) */
static int guest_read(lua_State *L)
{
    u64 addr = (u64)luaL_checkinteger(L, 1);
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_argcheck(L, n >= 0 && n <= MAX_READ, 2, "0 to 16 MiB can be read at once");
    lua_settop(L, 3);
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, (size_t)n);
    if (peek(L, 3, addr, out, (u64)n) != (u64)n)
        return unreadable(L, addr);
    luaL_pushresultsize(&b, (size_t)n);
    return 1;
}

/* string(addr [, max [, cpu]]): up to a NUL. */
static int guest_string(lua_State *L)
{
    u64 addr = (u64)luaL_checkinteger(L, 1);
    lua_Integer max = luaL_optinteger(L, 2, 256);
    luaL_argcheck(L, max >= 0 && max <= MAX_READ, 2, "a string has at most 16 MiB");
    lua_settop(L, 3);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    char part[64];
    for (lua_Integer done = 0; done < max;) {
        /* Not over the end of a page whose neighbour may be missing. */
        u64 at = addr + (u64)done, n = sizeof part - at % sizeof part;
        if (n > (u64)(max - done))
            n = (u64)(max - done);
        u64 got = peek(L, 3, at, part, n);
        size_t len = strnlen(part, got);
        if (!got && !done)
            return unreadable(L, addr);
        luaL_addlstring(&b, part, len);
        if (len < n)
            break;
        done += (lua_Integer)n;
    }
    luaL_pushresult(&b);
    return 1;
}

/* u8(addr [, cpu]) ... i64: upvalues are which memory and the size, negative for signed ones. */
static int guest_number(lua_State *L)
{
    u64 addr = (u64)luaL_checkinteger(L, 1);
    lua_Integer size = lua_tointeger(L, lua_upvalueindex(2));
    u64 bytes = (u64)(size < 0 ? -size : size);
    u8 raw[8] = { 0 };
    if (peek(L, 2, addr, raw, bytes) != bytes)
        return unreadable(L, addr);
    u64 v = load_le(raw, (unsigned)bytes);
    lua_pushinteger(L, size < 0 ? (lua_Integer)sign_extend(v, (unsigned)(8 * bytes)) : (lua_Integer)v);
    return 1;
}

/* Adds the functions above to the table on top. */
static void open_memory(lua_State *L, bool phys)
{
    static const struct {
        const char *name;
        lua_CFunction fn;
        int size;
    } rows[] = { { "read", guest_read, 0 },   { "string", guest_string, 0 }, { "u8", guest_number, 1 },
                 { "u16", guest_number, 2 },  { "u32", guest_number, 4 },    { "u64", guest_number, 8 },
                 { "i8", guest_number, -1 },  { "i16", guest_number, -2 },   { "i32", guest_number, -4 },
                 { "i64", guest_number, -8 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        lua_pushboolean(L, phys);
        lua_pushinteger(L, rows[i].size);
        lua_pushcclosure(L, rows[i].fn, 2);
        lua_setfield(L, -2, rows[i].name);
    }
}

/* walk(addr [, "r"|"w"|"x" [, cpu]]): the physical address, or nil and why there is none. */
static int guest_walk(lua_State *L)
{
    static const char *const names[] = { "r", "w", "x", NULL };
    static const enum cpu_access accesses[] = { CPU_READ, CPU_WRITE, CPU_EXEC };
    struct cpu *c = script_cpu(L, 3);
    struct cpu_walk w = { 0 };
    c->ops->walk(c, (u64)luaL_checkinteger(L, 1) & cpu_addr_mask(c), accesses[luaL_checkoption(L, 2, "r", names)], &w);
    if (w.ok) {
        lua_pushinteger(L, (lua_Integer)w.pa);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, w.why[0] ? w.why : w.fault ? w.fault : "it is not mapped");
    return 2;
}

/* --- CPUs -------------------------------------------------------------------------------------------------------- */

/* reg(name [, cpu]) */
static int guest_reg(lua_State *L)
{
    struct script *s = script_of(L);
    const char *name = luaL_checkstring(L, 1);
    struct cpu *c = script_cpu(L, 2);
    const struct cpu_reg *r = cpu_reg_named(c, name);
    u64 v = cpu_linear_pc(c) & cpu_addr_mask(c);
    if (!strcmp(name, "pc") || (r && c->ops->reg_get(c, r, &v))) {
        lua_pushinteger(L, (lua_Integer)v);
        return 1;
    }
    /* Other names of it, and parts of registers, are known to expressions. */
    struct expr_env env = debugger_env_at(s->d, c, NULL);
    struct err e;
    char text[64];
    if (snprintf(text, sizeof text, "$%s", name) >= (int)sizeof text)
        return luaL_argerror(L, 1, "no register has so long a name");
    if (!expr_number(&env, text, &v, &e))
        return script_fail(L, &e);
    lua_pushinteger(L, (lua_Integer)v);
    return 1;
}

static int guest_cpus(lua_State *L)
{
    struct machine *m = script_of(L)->d->machine;
    lua_createtable(L, (int)m->n_cpus, 0);
    for (unsigned i = 0; i < m->n_cpus; i++) {
        struct cpu *c = m->cpus[i];
        lua_newtable(L);
        script_set_int(L, "index", i);
        script_set_text(L, "name", c->name);
        script_set_text(L, "isa", c->ops->isa);
        script_set_text(L, "privilege", c->ops->privilege_name(c));
        script_set_int(L, "pc", cpu_linear_pc(c) & cpu_addr_mask(c));
        script_set_int(L, "retired", c->retired);
        lua_pushboolean(L, c->idle);
        lua_setfield(L, -2, "idle");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* cpu(): the number of the selected one. */
static int guest_cpu(lua_State *L)
{
    lua_pushinteger(L, script_cpu(L, 1)->index);
    return 1;
}

static int guest_position(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)machine_position(script_of(L)->d->machine));
    return 1;
}

/* --- Symbols ----------------------------------------------------------------------------------------------------- */

/* symbol(name): its address, or nil. */
static int guest_symbol(lua_State *L)
{
    const struct symbol *y = symbols_named(script_of(L)->d->syms, luaL_checkstring(L, 1));
    if (!y)
        return 0;
    lua_pushinteger(L, (lua_Integer)y->addr);
    return 1;
}

/* name(addr): "main+4", or nil. */
static int guest_name(lua_State *L)
{
    char text[256];
    symbols_format(script_of(L)->d->syms, (u64)luaL_checkinteger(L, 1), text, sizeof text);
    if (!text[0])
        return 0;
    lua_pushstring(L, text);
    return 1;
}

/* line(addr): file and line, or nil. */
static int guest_line(lua_State *L)
{
    struct source_pos p;
    if (!symbols_line_at(script_of(L)->d->syms, (u64)luaL_checkinteger(L, 1), &p))
        return 0;
    lua_pushstring(L, p.file);
    lua_pushinteger(L, p.line);
    return 2;
}

/* --- Devices ----------------------------------------------------------------------------------------------------- */

static void push_register(lua_State *L, const struct device *dev, const struct reg_desc *r, u32 i)
{
    u64 v = device_reg_get(dev, r, i);
    lua_newtable(L);
    script_set_int(L, "value", v);
    if (r->doc)
        script_set_text(L, "doc", r->doc);
    for (const struct reg_field *f = r->fields; f && f->name; f++)
        script_set_int(L, f->name, v >> f->low & (f->width >= 64 ? UINT64_MAX : ((u64)1 << f->width) - 1));
}

/* device(path): { path, class, registers = { LSR = { value, THRE, ... } } }; of arrays a table from 0 on. */
static int guest_device(lua_State *L)
{
    struct machine *m = script_of(L)->d->machine;
    const char *path = luaL_checkstring(L, 1);
    struct device *dev = machine_device(m, path[0] == '/' ? path : lua_pushfstring(L, "/%s", path));
    if (!dev)
        return luaL_argerror(L, 1, "there is no such device; `info devices` lists them");
    lua_newtable(L);
    script_set_text(L, "path", dev->path);
    script_set_text(L, "class", dev->cls->name);
    lua_newtable(L);
    for (unsigned bank = 0; bank < DEVICE_BANKS; bank++)
        for (const struct reg_desc *r = device_rows(dev->cls, bank); r && r->name; r++) {
            if ((r->visible && !r->visible(dev)) || r->access == REG_WO)
                continue;
            if (r->count <= 1) {
                push_register(L, dev, r, 0);
            } else {
                lua_createtable(L, (int)(r->count < 4096 ? r->count : 4096), 0);
                for (u32 i = 0; i < r->count && i < 4096; i++) {
                    push_register(L, dev, r, i);
                    lua_rawseti(L, -2, (lua_Integer)i);
                }
            }
            lua_setfield(L, -2, r->name);
        }
    lua_setfield(L, -2, "registers");
    return 1;
}

static int guest_devices(lua_State *L)
{
    lua_newtable(L);
    lua_Integer n = 0;
    for (const struct device *dev = script_of(L)->d->machine->devices; dev; dev = dev->next) {
        lua_pushstring(L, dev->path);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

/* --- Commands ---------------------------------------------------------------------------------------------------- */

/* execute(line): what the command printed, and whether it went well. */
static int guest_execute(lua_State *L)
{
    struct script *s = script_of(L);
    struct debugger *d = s->d;
    const char *line = luaL_checkstring(L, 1);
    if (d->rights == MAY_PEEK)
        return luaL_error(L, "commands are not executed in conditions and in hooks on events");
    if (d->collecting || d->source_depth > 16)
        return luaL_error(L, "scripts and commands have called one another too deep");
    struct buf out = { 0 };
    lua_State *caller = s->now;
    s->now = L;
    d->source_depth++;
    bool ok = debugger_capture(d, line, &out);
    d->source_depth--;
    s->now = caller;
    script_take_text(L, &out);
    lua_pushboolean(L, ok);
    return 2;
}

void script_open_guest(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "walk", guest_walk },         { "reg", guest_reg },         { "cpus", guest_cpus },     { "cpu", guest_cpu },
        { "position", guest_position }, { "symbol", guest_symbol },   { "name", guest_name },
        { "line", guest_line },
        { "device", guest_device },     { "devices", guest_devices }, { "execute", guest_execute },
        { NULL, NULL },
    };
    open_memory(L, false);
    luaL_setfuncs(L, functions, 0);
    lua_newtable(L);
    open_memory(L, true);
    lua_setfield(L, -2, "phys");
}
