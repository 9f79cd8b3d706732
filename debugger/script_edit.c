/* Changing the guest: only what is called in the function given to orrery.edit() can. */
#include "debugger/script_state.h"

#include <string.h>

static struct debugger *may_change(lua_State *L)
{
    struct debugger *d = script_of(L)->d;
    if (debugger_untouchable(d))
        luaL_error(L, "cannot change the guest: %s", debugger_untouchable(d));
    machine_edit(d->machine);
    debugger_changed(d);
    return d;
}

static int store(lua_State *L, u64 addr, const void *bytes, u64 n, int cpu_arg)
{
    struct debugger *d = may_change(L);
    struct cpu *c = script_cpu(L, cpu_arg);
    u64 done = lua_toboolean(L, lua_upvalueindex(1)) ? space_poke(d->machine->mem, addr, bytes, n)
                                                     : cpu_poke(c, addr & cpu_addr_mask(c), bytes, n);
    if (done != n)
        return luaL_error(L, "only %d of %d bytes could be stored", (int)done, (int)n);
    return 0;
}

/* write(addr, bytes [, cpu]) */
static int edit_write(lua_State *L)
{
    size_t n;
    const char *bytes = luaL_checklstring(L, 2, &n);
    return store(L, (u64)luaL_checkinteger(L, 1), bytes, n, 3);
}

/* u8(addr, value [, cpu]) ... u64 */
static int edit_number(lua_State *L)
{
    u8 raw[8];
    unsigned size = (unsigned)lua_tointeger(L, lua_upvalueindex(2));
    store_le(raw, size, (u64)luaL_checkinteger(L, 2));
    return store(L, (u64)luaL_checkinteger(L, 1), raw, size, 3);
}

/* reg(name, value [, cpu]) */
static int edit_reg(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    u64 v = (u64)luaL_checkinteger(L, 2);
    struct cpu *c = script_cpu(L, 3);
    const struct cpu_reg *r = cpu_reg_named(c, name);
    may_change(L);
    if (!strcmp(name, "pc"))
        c->ops->set_pc(c, v - (cpu_linear_pc(c) - c->ops->get_pc(c)));
    else if (!r || !c->ops->reg_set(c, r, v))
        return luaL_argerror(L, 1, "there is no register of that name that can be set");
    return 0;
}

static void add_memory(lua_State *L, bool physical)
{
    static const struct {
        const char *name;
        lua_CFunction fn;
        int size;
    } rows[] = { { "write", edit_write, 0 }, { "u8", edit_number, 1 },  { "u16", edit_number, 2 },
                 { "u32", edit_number, 4 },  { "u64", edit_number, 8 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        lua_pushboolean(L, physical);
        lua_pushinteger(L, rows[i].size);
        lua_pushcclosure(L, rows[i].fn, 2);
        lua_setfield(L, -2, rows[i].name);
    }
}

/* edit(fn): calls fn with a table of what changes the guest. */
static int edit(lua_State *L)
{
    struct debugger *d = script_of(L)->d;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    if (d->rights >= MAY_LOOK)
        return luaL_error(L, "cannot change the guest: %s", debugger_untouchable(d));
    lua_newtable(L);
    add_memory(L, false);
    lua_pushcfunction(L, edit_reg);
    lua_setfield(L, -2, "reg");
    lua_newtable(L);
    add_memory(L, true);
    lua_setfield(L, -2, "phys");
    enum debugger_rights before = d->rights;
    d->rights = MAY_ALL;
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    d->rights = before;
    return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

void script_open_edit(lua_State *L)
{
    lua_pushcfunction(L, edit);
    lua_setfield(L, -2, "edit");
}
