#include "debugger/typereader.h"

#include <string.h>

#define TYPE_HASH 4096

/* Those that no file describes are in a list. */
static struct type *type_new(struct symbols *s)
{
    struct type *t = ARENA_NEW(s->arena, struct type);
    t->next = s->types;
    s->types = t;
    return t;
}

struct type *type_intern(struct symbols *s, const struct type_reader *reader, struct symfile *f, const void *key,
                         unsigned dimension, bool *made)
{
    if (!s->type_hash)
        s->type_hash = ARENA_ARRAY(s->arena, struct type *, TYPE_HASH);
    size_t slot = ((uintptr_t)key ^ (uintptr_t)key >> 12) % TYPE_HASH;
    *made = false;
    for (struct type *t = s->type_hash[slot]; t; t = t->chain)
        if (t->key == key && t->dimension == dimension)
            return t;
    struct type *t = ARENA_NEW(s->arena, struct type);
    t->chain = s->type_hash[slot];
    s->type_hash[slot] = t;
    t->reader = reader;
    t->file = f;
    t->key = key;
    t->dimension = dimension;
    t->addr_size = f->addr_size;
    *made = true;
    return t;
}

struct type *type_named(struct symbols *s, enum type_kind kind, const char *name)
{
    struct type *t = dwarf_type_named(s, kind, name);
    for (struct symfile *f = symfile_seen(s->files); !t && f; f = symfile_seen(f->next))
        if (f->btf)
            t = btf_type_named(s, f, kind, name);
    return t;
}

void types_each(struct symbols *s, bool (*each)(void *opaque, enum type_kind kind, const char *name), void *opaque)
{
    for (struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next))
        if (!dwarf_each_type(f, each, opaque) || !btf_each_type(f, each, opaque))
            return;
}

struct type *type_target(struct symbols *s, struct type *t)
{
    if (!t->reader && !t->target) /* a built-in function returns nothing */
        return type_builtin(s, TYPE_VOID, 0, false, "void");
    if (!t->resolved && t->reader) {
        t->resolved = true;
        t->target = t->reader->target(s, t);
    }
    return t->target;
}

struct type *type_strip(struct symbols *s, struct type *t)
{
    for (unsigned i = 0; i < TYPE_CHAIN; i++) {
        if (t->kind != TYPE_TYPEDEF && t->kind != TYPE_CONST && t->kind != TYPE_VOLATILE)
            return t;
        t = type_target(s, t);
    }
    return type_builtin(s, TYPE_UNKNOWN, 0, false, "<endless type>");
}

u64 type_size(struct symbols *s, struct type *t)
{
    u64 count = 1;
    for (unsigned i = 0; i < TYPE_CHAIN; i++) {
        t = type_strip(s, t);
        if (t->kind != TYPE_ARRAY) {
            u64 size;
            return __builtin_mul_overflow(count, t->size, &size) ? 0 : size;
        }
        if (t->unsized || __builtin_mul_overflow(count, t->count, &count))
            return 0;
        t = type_target(s, t);
    }
    return 0;
}

struct type *type_builtin(struct symbols *s, enum type_kind kind, unsigned size, bool is_signed, const char *name)
{
    for (struct type *t = s->types; t; t = t->next)
        if (t->kind == kind && t->size == size && t->is_signed == is_signed && !t->target && t->name &&
            !strcmp(t->name, name))
            return t;
    struct type *t = type_new(s);
    t->kind = kind;
    t->size = size;
    t->is_signed = is_signed;
    t->name = arena_strdup(s->arena, name);
    t->resolved = true;
    return t;
}

static struct type *derived(struct symbols *s, enum type_kind kind, struct type *target, u64 size, u64 count)
{
    for (struct type *t = s->types; t; t = t->next)
        if (t->kind == kind && t->target == target && t->size == size && t->count == count)
            return t;
    struct type *t = type_new(s);
    t->kind = kind;
    t->target = target;
    t->size = size;
    t->count = count;
    t->resolved = true;
    return t;
}

struct type *type_pointer(struct symbols *s, struct type *to, unsigned addr_size)
{
    return derived(s, TYPE_POINTER, to, addr_size, 0);
}

struct type *type_function(struct symbols *s, struct type *returned)
{
    return derived(s, TYPE_FUNCTION, returned, 1, 0);
}

struct type *type_array(struct symbols *s, struct type *of, u64 count)
{
    return derived(s, TYPE_ARRAY, of, 0, count);
}

void type_members(struct symbols *s, struct type *t, bool (*each)(void *opaque, const struct member *m), void *opaque)
{
    t = type_strip(s, t);
    if ((t->kind == TYPE_STRUCT || t->kind == TYPE_UNION) && t->reader)
        t->reader->members(s, t, each, opaque);
}

void type_parameters(struct symbols *s, struct type *t, bool (*each)(void *opaque, const char *name, struct type *type),
                     void *opaque)
{
    if (t->kind == TYPE_FUNCTION && t->reader)
        t->reader->parameters(s, t, each, opaque);
}

struct member_search {
    struct symbols *s;
    const char *name;
    struct member *out;
    unsigned depth;
    unsigned *budget; /* of all levels together: a hostile file can make a struct of itself */
    bool found;
};

static bool member_matches(void *opaque, const struct member *m)
{
    struct member_search *q = opaque;
    if (m->name && !strcmp(m->name, q->name)) {
        *q->out = *m;
        q->found = true;
    } else if (!m->name && q->depth < 16 && *q->budget) {
        --*q->budget;
        struct member inner;
        struct member_search deeper = { q->s, q->name, &inner, q->depth + 1, q->budget, false };
        type_members(q->s, m->type, member_matches, &deeper);
        if (deeper.found) {
            *q->out = inner;
            q->out->offset += m->offset;
            q->found = true;
        }
    }
    return !q->found;
}

bool type_member(struct symbols *s, struct type *t, const char *name, struct member *out)
{
    unsigned budget = 10000;
    struct member_search q = { s, name, out, 0, &budget, false };
    type_members(s, t, member_matches, &q);
    return q.found;
}

struct enumerator_search {
    u64 value, mask;
    const char *found;
};

static bool enumerator_matches(void *opaque, const char *name, u64 value)
{
    struct enumerator_search *q = opaque;
    if (((value ^ q->value) & q->mask) == 0)
        q->found = name;
    return !q->found;
}

const char *type_enumerator(struct type *t, u64 value)
{
    struct enumerator_search q = { value, t->size && t->size < 8 ? size_mask((unsigned)t->size) : UINT64_MAX, NULL };
    if (t->kind == TYPE_ENUM && t->reader)
        t->reader->enumerators(t, enumerator_matches, &q);
    return q.found;
}

/* --- Text -------------------------------------------------------------------------------------------------------- */

static const char *tag_word(const struct type *t)
{
    return t->kind == TYPE_STRUCT ? "struct" : t->kind == TYPE_UNION ? "union" : "enum";
}

static void base_text(const struct type *t, struct buf *out)
{
    if (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION || t->kind == TYPE_ENUM)
        buf_printf(out, "%s %s", tag_word(t), t->name ? t->name : "{...}");
    else
        buf_printf(out, "%s", t->name ? t->name : t->kind == TYPE_VOID ? "void" : "<unknown type>");
}

static void parameters_text(struct symbols *s, struct type *t, unsigned depth, struct buf *out);

/* C declarators read inside out: `inner` is the text so far, around which this type puts its own. */
static void declarator(struct symbols *s, struct type *t, const char *inner, unsigned depth, struct buf *out)
{
    if (depth > 24) {
        buf_printf(out, "<deep type> %s", inner);
        return;
    }
    struct buf text = { 0 };
    struct type *target;
    switch (t->kind) {
    case TYPE_POINTER:
        target = type_target(s, t);
        buf_printf(&text, target->kind == TYPE_ARRAY || target->kind == TYPE_FUNCTION ? "(*%s)" : "*%s", inner);
        declarator(s, target, buf_cstr(&text), depth + 1, out);
        break;
    case TYPE_ARRAY:
        if (t->unsized)
            buf_printf(&text, "%s[]", inner);
        else
            buf_printf(&text, "%s[%llu]", inner, (unsigned long long)t->count);
        declarator(s, type_target(s, t), buf_cstr(&text), depth + 1, out);
        break;
    case TYPE_FUNCTION:
        buf_printf(&text, "%s(", inner);
        parameters_text(s, t, depth + 4, &text);
        buf_printf(&text, ")");
        declarator(s, type_target(s, t), buf_cstr(&text), depth + 1, out);
        break;
    case TYPE_CONST:
    case TYPE_VOLATILE:
        target = type_target(s, t);
        if (target->kind == TYPE_POINTER) {
            buf_printf(&text, "%s%s%s", t->kind == TYPE_CONST ? "const" : "volatile", inner[0] ? " " : "", inner);
            declarator(s, target, buf_cstr(&text), depth + 1, out);
        } else {
            buf_printf(out, "%s ", t->kind == TYPE_CONST ? "const" : "volatile");
            declarator(s, target, inner, depth + 1, out);
        }
        break;
    default:
        base_text(t, out);
        if (inner[0])
            buf_printf(out, " %s", inner);
        break;
    }
    buf_free(&text);
}

struct parameters {
    struct symbols *s;
    struct buf *out;
    unsigned depth, n;
};

static bool parameter_text(void *opaque, const char *name, struct type *type)
{
    struct parameters *p = opaque;
    if (p->n++)
        buf_printf(p->out, ", ");
    if (type)
        declarator(p->s, type, "", p->depth, p->out);
    else
        buf_printf(p->out, "...");
    return p->n < 64;
}

static void parameters_text(struct symbols *s, struct type *t, unsigned depth, struct buf *out)
{
    struct parameters p = { s, out, depth, 0 };
    if (depth > 8) { /* functions of functions multiply */
        buf_printf(out, "...");
        return;
    }
    type_parameters(s, t, parameter_text, &p);
    if (!p.n && (t->reader || !t->name)) /* not "code", what only a register points to */
        buf_printf(out, "void");
}

void type_format(struct symbols *s, struct type *t, const char *name, struct buf *out)
{
    declarator(s, t, name ? name : "", 0, out);
}

struct describe {
    struct symbols *s;
    struct buf *out;
    unsigned depth;
};

static void body(struct symbols *s, struct type *t, unsigned depth, struct buf *out);

static bool describe_member(void *opaque, const struct member *m)
{
    struct describe *d = opaque;
    buf_printf(d->out, "%*s", 4 * (int)d->depth, "");
    struct type *t = m->type;
    bool nameless = !t->name && (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION);
    if (nameless && d->depth < 16) {
        body(d->s, t, d->depth, d->out);
        if (m->name)
            buf_printf(d->out, " %s", m->name);
    } else {
        type_format(d->s, t, m->name ? m->name : "", d->out);
    }
    if (m->bit_size)
        buf_printf(d->out, " : %u", m->bit_size);
    buf_printf(d->out, ";\n");
    return d->out->len < 1 << 20;
}

struct enumerators {
    struct buf *out;
    unsigned n;
    u64 expected;
};

static bool enumerator_text(void *opaque, const char *name, u64 value)
{
    struct enumerators *q = opaque;
    buf_printf(q->out, "%s%s", q->n++ ? ", " : "", name);
    if (value != q->expected)
        buf_printf(q->out, " = %lld", (long long)value);
    q->expected = value + 1;
    return q->n < MAX_MEMBERS;
}

static void body(struct symbols *s, struct type *t, unsigned depth, struct buf *out)
{
    buf_printf(out, "%s %s%s{", tag_word(t), t->name ? t->name : "", t->name ? " " : "");
    if (t->kind == TYPE_ENUM) {
        struct enumerators q = { out, 0, 0 };
        if (t->reader)
            t->reader->enumerators(t, enumerator_text, &q);
        buf_printf(out, "}");
        return;
    }
    buf_printf(out, "\n");
    size_t before = out->len;
    struct describe d = { s, out, depth + 1 };
    type_members(s, t, describe_member, &d);
    if (out->len == before)
        buf_printf(out, "%*s<no data fields>\n", 4 * (int)depth + 4, "");
    buf_printf(out, "%*s}", 4 * (int)depth, "");
}

void type_describe(struct symbols *s, struct type *t, struct buf *out)
{
    /* `ptype` sees through names down to a struct, keeping pointers and arrays around it. */
    struct type *core = type_strip(s, t);
    unsigned stars = 0;
    while (core->kind == TYPE_POINTER && stars < 8) {
        core = type_strip(s, type_target(s, core));
        stars++;
    }
    u64 dims[8];
    unsigned n_dims = 0;
    while (!stars && core->kind == TYPE_ARRAY && n_dims < 8) {
        dims[n_dims++] = core->count;
        core = type_strip(s, type_target(s, core));
    }
    if (core->kind != TYPE_STRUCT && core->kind != TYPE_UNION && core->kind != TYPE_ENUM) {
        type_format(s, type_strip(s, t), NULL, out);
        return;
    }
    body(s, core, 0, out);
    if (stars || n_dims)
        buf_printf(out, " ");
    for (unsigned i = 0; i < stars; i++)
        buf_printf(out, "*");
    for (unsigned i = 0; i < n_dims; i++)
        buf_printf(out, "[%llu]", (unsigned long long)dims[i]);
}
