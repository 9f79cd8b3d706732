/* Expressions and types of the guest's language in scripts. Numbers become numbers, arrays of char strings; structs,
 * unions and other arrays are values whose members and elements are read when they are asked for. */
#include "debugger/script_state.h"

#include <string.h>

enum { MAX_NAMES = 4096 };

struct held { /* the user data of a value */
    struct value value;
    struct cpu *cpu;
    unsigned version; /* of the symbols its type is from */
};

static void push_held(lua_State *L, const struct expr_env *env, const struct value *v)
{
    struct held *h = lua_newuserdatauv(L, sizeof *h, 0);
    *h = (struct held){ .value = *v, .cpu = env->cpu, .version = script_of(L)->d->syms->version };
    luaL_setmetatable(L, SCRIPT_VALUE);
}

static struct held *to_held(lua_State *L, int arg)
{
    struct held *h = luaL_checkudata(L, arg, SCRIPT_VALUE);
    if (h->version != script_of(L)->d->syms->version)
        luaL_argerror(L, arg, "the symbols have changed since this value was made: evaluate it again");
    return h;
}

/* char name[16] */
static void push_chars(lua_State *L, const struct expr_env *env, const struct value *v, u64 n)
{
    struct err e;
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, n);
    if (!value_read(env, v, 0, out, n, &e))
        script_fail(L, &e);
    luaL_pushresultsize(&b, strnlen(out, n));
}

void script_push_value(lua_State *L, const struct expr_env *env, const struct value *v)
{
    struct symbols *s = env->syms;
    struct type *t = type_strip(s, v->type);
    struct err e;
    u64 n;
    double real;
    if (v->unavailable) {
        lua_pushnil(L);
        return;
    }
    switch (t->kind) {
    case TYPE_VOID: lua_pushnil(L); return;
    case TYPE_STRUCT: case TYPE_UNION: push_held(L, env, v); return;
    case TYPE_ARRAY: {
        struct type *of = type_strip(s, type_target(s, t));
        n = type_size(s, t);
        if (of->kind == TYPE_CHAR && of->name && !strcmp(of->name, "char") && n && n <= 1 << 20)
            push_chars(L, env, v, n);
        else
            push_held(L, env, v);
        return;
    }
    case TYPE_FLOAT:
        if (!value_double(env, v, &real, &e))
            script_fail(L, &e);
        lua_pushnumber(L, real);
        return;
    default:
        if (!value_u64(env, v, &n, &e))
            script_fail(L, &e);
        if (t->kind == TYPE_BOOL)
            lua_pushboolean(L, n != 0);
        else
            lua_pushinteger(L, (lua_Integer)n);
        return;
    }
}

/* eval(text): the value, or nil and why it has none. */
static int value_eval(lua_State *L)
{
    struct script *s = script_of(L);
    const char *text = luaL_checkstring(L, 1);
    struct frame f;
    struct expr_env env = script_env(s, &f);
    struct value v;
    struct err e;
    lua_State *caller = s->now;
    s->now = L; /* it may call functions of scripts */
    bool ok = expr_value(&env, text, &v, &e);
    s->now = caller;
    if (!ok)
        return script_fail(L, &e);
    if (s->d->rights == MAY_ALL && strchr(text, '='))
        debugger_changed(s->d);
    script_push_value(L, &env, &v);
    if (!v.unavailable)
        return 1;
    lua_pushstring(L, v.unavailable);
    return 2;
}

static struct type *check_type(lua_State *L, int arg)
{
    struct script *s = script_of(L);
    struct frame f;
    struct expr_env env = script_env(s, &f);
    struct err e;
    struct type *t = expr_parse_type(&env, luaL_checkstring(L, arg), &e);
    if (!t)
        luaL_argerror(L, arg, e.text);
    return t;
}

/* at(type, addr): what is there, as C's *(type *)addr. */
static int value_at(lua_State *L)
{
    struct script *s = script_of(L);
    struct type *t = check_type(L, 1);
    struct expr_env env = debugger_env_at(s->d, s->cpu ? s->cpu : s->d->cpu, NULL);
    struct value v = { .type = t, .where = VALUE_MEMORY,
                       .addr = (u64)luaL_checkinteger(L, 2) & cpu_addr_mask(env.cpu) };
    script_push_value(L, &env, &v);
    return 1;
}

/* sizeof(type or value) */
static int value_sizeof(lua_State *L)
{
    struct type *t = lua_isuserdata(L, 1) ? to_held(L, 1)->value.type : check_type(L, 1);
    lua_pushinteger(L, (lua_Integer)type_size(script_of(L)->d->syms, t));
    return 1;
}

/* addressof(value): where it is, or nil when it is not in memory. */
static int value_addressof(lua_State *L)
{
    const struct held *h = to_held(L, 1);
    if (h->value.where != VALUE_MEMORY)
        return 0;
    lua_pushinteger(L, (lua_Integer)h->value.addr);
    return 1;
}

/* member(struct, "a.b[2].c"): offset and size in bytes, or nil and what is missing. */
static int value_member_at(lua_State *L)
{
    const char *structure = luaL_checkstring(L, 1), *path = luaL_checkstring(L, 2);
    u64 offset, size;
    struct err e;
    if (!strncmp(structure, "struct ", 7))
        structure += 7;
    if (!symbols_member(script_of(L)->d->syms, structure, path, &offset, &size, &e)) {
        lua_pushnil(L);
        lua_pushstring(L, e.text);
        return 2;
    }
    lua_pushinteger(L, (lua_Integer)offset);
    lua_pushinteger(L, (lua_Integer)size);
    return 2;
}

/* --- What a value does ------------------------------------------------------------------------------------------- */

static int held_index(lua_State *L)
{
    const struct held *h = to_held(L, 1);
    struct script *s = script_of(L);
    struct expr_env env = debugger_env_at(s->d, h->cpu, NULL);
    struct type *t = type_strip(s->d->syms, h->value.type);
    struct value v = h->value;
    if (t->kind == TYPE_ARRAY) {
        lua_Integer i = luaL_checkinteger(L, 2);
        struct type *of = type_target(s->d->syms, t);
        u64 size = type_size(s->d->syms, of), offset;
        if (v.where != VALUE_MEMORY || !size || i < 0 || (!t->unsized && (u64)i >= t->count) ||
            __builtin_mul_overflow((u64)i, size, &offset))
            return luaL_argerror(L, 2, lua_pushfstring(L, "the array has no element %I", i));
        v.type = of;
        v.addr += offset;
    } else {
        struct member m;
        const char *name = luaL_checkstring(L, 2);
        if (!type_member(s->d->syms, t, name, &m))
            return luaL_argerror(L, 2, lua_pushfstring(L, "%s has no member %s", t->name ? t->name : "it", name));
        v = value_member(&env, &v, &m);
    }
    script_push_value(L, &env, &v);
    return 1;
}

static int held_len(lua_State *L)
{
    const struct held *h = to_held(L, 1);
    const struct type *t = type_strip(script_of(L)->d->syms, h->value.type);
    if (t->kind != TYPE_ARRAY || t->unsized)
        return luaL_argerror(L, 1, "it is not an array whose length is known");
    lua_pushinteger(L, (lua_Integer)t->count);
    return 1;
}

static int held_tostring(lua_State *L)
{
    const struct held *h = to_held(L, 1);
    struct expr_env env = debugger_env_at(script_of(L)->d, h->cpu, NULL);
    struct buf out = { 0 };
    value_print(&env, &h->value, NULL, &out);
    script_take_text(L, &out);
    return 1;
}

struct names {
    struct symbols *s;
    const char *list[MAX_NAMES];
    int n;
    unsigned depth;
};

static bool collect(void *opaque, const struct member *m)
{
    struct names *names = opaque;
    if (m->name && names->n < MAX_NAMES) {
        names->list[names->n++] = m->name;
    } else if (!m->name && names->depth < 8) {
        names->depth++;
        type_members(names->s, m->type, collect, names);
        names->depth--;
    }
    return names->n < MAX_NAMES;
}

/* members(value): their names, in their order. */
static int value_members(lua_State *L)
{
    struct symbols *s = script_of(L)->d->syms;
    struct type *t = lua_isuserdata(L, 1) ? to_held(L, 1)->value.type : check_type(L, 1);
    struct names names = { .s = s };
    type_members(s, type_strip(s, t), collect, &names);
    lua_createtable(L, names.n, 0);
    for (int i = 0; i < names.n; i++) {
        lua_pushstring(L, names.list[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

void script_open_values(lua_State *L)
{
    static const luaL_Reg functions[] = { { "eval", value_eval },           { "at", value_at },
                                          { "sizeof", value_sizeof },       { "addressof", value_addressof },
                                          { "member", value_member_at },    { "members", value_members },
                                          { NULL, NULL } };
    static const luaL_Reg methods[] = {
        { "__index", held_index }, { "__len", held_len }, { "__tostring", held_tostring }, { NULL, NULL } };
    luaL_newmetatable(L, SCRIPT_VALUE);
    luaL_setfuncs(L, methods, 0);
    lua_pushliteral(L, "value of the guest");
    lua_setfield(L, -2, "__metatable"); /* getmetatable() gives this: nobody changes it */
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
