/* Lua's own functions, without those that reach the host, and with the same results every time.
 *
 * Left out: io, os, package, debug; dofile, loadfile, collectgarbage; string.dump and bytecode; finalizers, which Lua
 * runs without counting (manual, 2.5.3). Changed: next() and pairs() go in the order of the keys, because that of the
 * hash table comes from a seed that Lua takes from addresses and the clock; table.sort() is stable for the same reason;
 * texts of tables and functions do not say where they are. */
#include "debugger/script_state.h"

#include <ctype.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

/* --- The order of keys ------------------------------------------------------------------------------------------- */

static int rank(lua_State *L, int i)
{
    switch (lua_type(L, i)) {
    case LUA_TNUMBER: return 0;
    case LUA_TSTRING: return 1;
    case LUA_TBOOLEAN: return 2;
    default:
        return luaL_error(L, "a key is a %s: such keys have no order that is the same every time", luaL_typename(L, i));
    }
}

static bool key_less(lua_State *L, int a, int b)
{
    int x = rank(L, a), y = rank(L, b);
    if (x != y)
        return x < y;
    return x == 2 ? lua_toboolean(L, a) < lua_toboolean(L, b) : lua_compare(L, a, b, LUA_OPLT);
}

/* next(t [, key]): the smallest key behind `key`. */
static int lib_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    bool found = false;
    lua_pushnil(L); /* 3: the best so far */
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1); /* 4: the key */
        if ((lua_isnil(L, 2) || key_less(L, 2, 4)) && (!found || key_less(L, 4, 3))) {
            lua_pushvalue(L, 4);
            lua_replace(L, 3);
            found = true;
        }
    }
    lua_settop(L, 3);
    if (!found)
        return 1;
    lua_pushvalue(L, 3);
    lua_rawget(L, 1);
    return 2;
}

/* Sorts t[1..n] by merging runs; less(L) compares the two values on top. `t` and `tmp` are indices of tables. */
static void merge_sort(lua_State *L, int t, int tmp, lua_Integer n, bool (*less)(lua_State *L))
{
    for (lua_Integer width = 1; width < n; width *= 2) {
        for (lua_Integer low = 1; low <= n; low += 2 * width) {
            lua_Integer mid = low + width, end = mid + width, a = low, b = mid;
            if (mid > n + 1)
                mid = n + 1;
            if (end > n + 1)
                end = n + 1;
            if (b > n + 1)
                b = n + 1;
            for (lua_Integer k = low; k < end; k++) {
                bool second = a == mid;
                if (!second && b < end) {
                    lua_geti(L, t, b);
                    lua_geti(L, t, a);
                    second = less(L); /* equal ones keep their order */
                    lua_pop(L, 2);
                }
                lua_geti(L, t, second ? b++ : a++);
                lua_rawseti(L, tmp, k);
            }
        }
        for (lua_Integer k = 1; k <= n; k++) {
            lua_rawgeti(L, tmp, k);
            lua_seti(L, t, k);
        }
    }
}

static bool less_key(lua_State *L)
{
    return key_less(L, lua_gettop(L) - 1, lua_gettop(L));
}

static bool less_value(lua_State *L)
{
    if (lua_isnil(L, 2))
        return lua_compare(L, -2, -1, LUA_OPLT);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -3);
    lua_pushvalue(L, -3);
    lua_call(L, 2, 1);
    bool less = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return less;
}

static int lib_sort(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    lua_Integer n = luaL_len(L, 1);
    luaL_argcheck(L, n < 1 << 24, 1, "the table is too long to sort");
    lua_newtable(L);
    merge_sort(L, 1, 3, n, less_value);
    return 0;
}

/* The iterator of pairs(): upvalues are the sorted keys and how far it is. Keys that went away are passed over. */
static int pairs_step(lua_State *L)
{
    for (;;) {
        lua_Integer i = lua_tointeger(L, lua_upvalueindex(2)) + 1;
        lua_pushinteger(L, i);
        lua_replace(L, lua_upvalueindex(2));
        lua_settop(L, 1);
        if (lua_rawgeti(L, lua_upvalueindex(1), i) == LUA_TNIL)
            return 1;
        lua_pushvalue(L, 2);
        if (lua_rawget(L, 1) != LUA_TNIL)
            return 2;
    }
}

static int lib_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 3);
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_newtable(L); /* 2: keys */
    lua_newtable(L); /* 3: for sorting */
    lua_Integer n = 0;
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        rank(L, 4);
        lua_pushvalue(L, 4);
        lua_rawseti(L, 2, ++n);
    }
    merge_sort(L, 2, 3, n, less_key);
    lua_settop(L, 2);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, pairs_step, 2);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* --- Texts ------------------------------------------------------------------------------------------------------- */

/* Pushes the text of a value without an address. */
static const char *text_of(lua_State *L, int i, size_t *n)
{
    switch (lua_type(L, i)) {
    case LUA_TTABLE: case LUA_TFUNCTION: case LUA_TUSERDATA: case LUA_TLIGHTUSERDATA: case LUA_TTHREAD:
        if (luaL_getmetafield(L, i, "__tostring") == LUA_TNIL) {
            lua_pushstring(L, luaL_typename(L, i));
            return lua_tolstring(L, -1, n);
        }
        lua_pop(L, 1);
        break;
    default: break;
    }
    return luaL_tolstring(L, i, n);
}

static int lib_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    text_of(L, 1, NULL);
    return 1;
}

/* string.format() with texts in place of tables and the like. */
static int lib_format(lua_State *L)
{
    const char *f = luaL_checkstring(L, 1);
    int top = lua_gettop(L);
    for (; (f = strchr(f, '%')); f++) {
        f++;
        while (*f && (isdigit((u8)*f) || strchr("-+ #.", *f)))
            f++;
        if (*f == 'p')
            return luaL_argerror(L, 1, "%p would say where something is in the host's memory");
        if (!*f)
            break;
    }
    for (int i = 2; i <= top; i++)
        if (lua_type(L, i) > LUA_TSTRING || lua_type(L, i) == LUA_TLIGHTUSERDATA) {
            text_of(L, i, NULL);
            lua_replace(L, i);
        }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, top, 1);
    return 1;
}

static int lib_print(lua_State *L)
{
    struct script *s = script_of(L);
    luaL_Buffer line;
    int top = lua_gettop(L);
    luaL_buffinit(L, &line);
    for (int i = 1; i <= top; i++) {
        if (i > 1)
            luaL_addchar(&line, '\t');
        text_of(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_addchar(&line, '\n');
    luaL_pushresult(&line);
    size_t n;
    const char *text = lua_tolstring(L, -1, &n);
    struct buf out = { .data = (u8 *)text, .len = n };
    debug_write(s->d, &out);
    return 0;
}

/* --- Chunks and modules ------------------------------------------------------------------------------------------ */

/* load(TEXT [, NAME [, "t" [, ENV]]]) */
static int lib_load(lua_State *L)
{
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n), *name = luaL_optstring(L, 2, "=(load)");
    if (luaL_loadbufferx(L, text, n, name, "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (!lua_isnoneornil(L, 4)) {
        lua_pushvalue(L, 4);
        lua_setupvalue(L, -2, 1);
    }
    return 1;
}

/* require "linux": profiles/linux.lua of those that come with the program. */
static int lib_require(lua_State *L)
{
    struct debugger *d = script_of(L)->d;
    const char *name = luaL_checkstring(L, 1);
    for (const char *c = name; *c; c++)
        if (!isalnum((u8)*c) && *c != '_' && *c != '-')
            return luaL_error(L, "require: \"%s\" is not the name of a file that comes with the debugger", name);
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_MODULES);
    if (lua_getfield(L, -1, name) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    const char *file = lua_pushfstring(L, "profiles/%s.lua", name), *chunk = lua_pushfstring(L, "@%s.lua", name);
    struct buf text = { 0 };
    struct err e;
    bool ok = d->host.read_shipped ? d->host.read_shipped(d->host.opaque, file, &text, &e)
                                   : err_set(&e, "no files come with the debugger here");
    int status = ok ? luaL_loadbufferx(L, (const char *)text.data, text.len, chunk, "t") : LUA_OK;
    buf_free(&text);
    if (!ok)
        return script_fail(L, &e);
    if (status != LUA_OK)
        return lua_error(L);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) {
        lua_pushboolean(L, true);
        lua_replace(L, -2);
    }
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPT_MODULES);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
    return 1;
}

static int lib_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_argerror(L, 2, "there are no finalizers here");
        lua_pop(L, 1);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* --- All of it --------------------------------------------------------------------------------------------------- */

static void forget(lua_State *L, const char *library, const char *names)
{
    lua_getglobal(L, library);
    for (const char *at = names; *at;) {
        size_t n = strcspn(at, " ");
        lua_pushlstring(L, at, n);
        lua_pushnil(L);
        lua_rawset(L, -3);
        at += n + (at[n] == ' ');
    }
    lua_pop(L, 1);
}

/* Puts `fn` in the place of a function that it calls as its first upvalue. */
static void wrap(lua_State *L, const char *library, const char *name, lua_CFunction fn)
{
    lua_getglobal(L, library);
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, fn, 1);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

void script_open_library(lua_State *L)
{
    static const luaL_Reg libraries[] = {
        { LUA_GNAME, luaopen_base },          { LUA_TABLIBNAME, luaopen_table }, { LUA_STRLIBNAME, luaopen_string },
        { LUA_MATHLIBNAME, luaopen_math },    { LUA_UTF8LIBNAME, luaopen_utf8 }, { LUA_COLIBNAME, luaopen_coroutine },
    };
    static const luaL_Reg ours[] = { { "next", lib_next },       { "pairs", lib_pairs }, { "tostring", lib_tostring },
                                     { "print", lib_print },     { "load", lib_load },   { "require", lib_require },
                                     { NULL, NULL } };
    for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    lua_getglobal(L, "math");
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, 0);
    lua_call(L, 1, 0); /* the same numbers in every session */
    lua_pop(L, 1);
    lua_pushglobaltable(L);
    luaL_setfuncs(L, ours, 0);
    lua_pop(L, 1);
    wrap(L, LUA_GNAME, "setmetatable", lib_setmetatable);
    wrap(L, LUA_STRLIBNAME, "format", lib_format);
    lua_getglobal(L, "table");
    lua_pushcfunction(L, lib_sort);
    lua_setfield(L, -2, "sort");
    lua_pop(L, 1);
    forget(L, LUA_GNAME, "dofile loadfile collectgarbage warn");
    forget(L, LUA_STRLIBNAME, "dump");
    forget(L, LUA_MATHLIBNAME, "randomseed");
    forget(L, LUA_TABLIBNAME, "move"); /* a loop as long as its arguments say, which nothing counts */
}
