#include "debugger/types.h"

#include <dwarf.h>
#include <string.h>

#define TYPE_HASH 4096
#define TYPE_CHAIN 64 /* typedefs of typedefs: more is a loop */
#define MAX_MEMBERS 100000

static struct type *type_new(struct symbols *s)
{
    struct type *t = ARENA_NEW(s->arena, struct type);
    t->next = s->types;
    s->types = t;
    return t;
}

static u64 attr_u64(Dwarf_Die *die, unsigned name, u64 fallback)
{
    Dwarf_Attribute a;
    Dwarf_Word v;
    if (!dwarf_attr_integrate(die, name, &a) || dwarf_formudata(&a, &v))
        return fallback;
    return v;
}

static void set_base(struct type *t, Dwarf_Die *die)
{
    t->size = attr_u64(die, DW_AT_byte_size, 0);
    switch (attr_u64(die, DW_AT_encoding, DW_ATE_unsigned)) {
    case DW_ATE_boolean: t->kind = TYPE_BOOL; break;
    case DW_ATE_float: t->kind = TYPE_FLOAT; break;
    case DW_ATE_signed: t->kind = TYPE_INT; t->is_signed = true; break;
    case DW_ATE_signed_char: t->kind = TYPE_CHAR; t->is_signed = true; break;
    case DW_ATE_unsigned_char: case DW_ATE_UTF: t->kind = t->size == 1 ? TYPE_CHAR : TYPE_INT; break;
    default: t->kind = TYPE_INT; break;
    }
}

/* The n-th dimension of an array DIE; *last says whether it is the innermost one. */
static void set_dimension(struct type *t, Dwarf_Die *die, unsigned n, bool *last)
{
    Dwarf_Die child;
    unsigned i = 0;
    *last = true;
    t->unsized = true;
    if (dwarf_child(die, &child))
        return;
    do {
        if (dwarf_tag(&child) != DW_TAG_subrange_type)
            continue;
        if (i++ == n) {
            u64 count = attr_u64(&child, DW_AT_count, UINT64_MAX);
            u64 upper = attr_u64(&child, DW_AT_upper_bound, UINT64_MAX);
            if (count == UINT64_MAX && upper != UINT64_MAX)
                count = upper + 1;
            if (count != UINT64_MAX) {
                t->count = count;
                t->unsized = false;
            }
        } else if (i > n + 1) {
            *last = false;
            return;
        }
    } while (!dwarf_siblingof(&child, &child) && i < 64);
}

static struct type *make(struct symbols *s, struct symfile *f, Dwarf_Die *die, unsigned dimension)
{
    if (!s->type_hash)
        s->type_hash = ARENA_ARRAY(s->arena, struct type *, TYPE_HASH);
    size_t slot = ((uintptr_t)die->addr ^ (uintptr_t)die->addr >> 12) % TYPE_HASH;
    for (struct type *t = s->type_hash[slot]; t; t = t->chain)
        if (t->die.addr == die->addr && t->dimension == dimension)
            return t;
    struct type *t = type_new(s);
    t->chain = s->type_hash[slot];
    s->type_hash[slot] = t;
    t->file = f;
    t->die = *die;
    t->dimension = dimension;
    t->addr_size = f->addr_size;
    t->name = dwarf_diename(die);
    bool last;
    switch (dwarf_tag(die)) {
    case DW_TAG_base_type: set_base(t, die); break;
    case DW_TAG_pointer_type: case DW_TAG_reference_type:
        t->kind = TYPE_POINTER;
        t->size = f->addr_size;
        break;
    case DW_TAG_array_type:
        t->kind = TYPE_ARRAY;
        t->name = NULL;
        set_dimension(t, die, dimension, &last);
        break;
    case DW_TAG_structure_type: case DW_TAG_class_type: t->kind = TYPE_STRUCT; break;
    case DW_TAG_union_type: t->kind = TYPE_UNION; break;
    case DW_TAG_enumeration_type: t->kind = TYPE_ENUM; break;
    case DW_TAG_subroutine_type: case DW_TAG_subprogram: t->kind = TYPE_FUNCTION; t->size = 1; break;
    case DW_TAG_typedef: t->kind = TYPE_TYPEDEF; break;
    case DW_TAG_const_type: t->kind = TYPE_CONST; break;
    case DW_TAG_volatile_type: case DW_TAG_restrict_type: case DW_TAG_atomic_type: t->kind = TYPE_VOLATILE; break;
    case DW_TAG_unspecified_type: t->kind = TYPE_VOID; break;
    default: t->kind = TYPE_UNKNOWN; break;
    }
    if (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION || t->kind == TYPE_ENUM) {
        t->size = attr_u64(die, DW_AT_byte_size, 0);
        /* A declaration only: the definition is elsewhere under the same tag and name. */
        Dwarf_Die full;
        struct symfile *file;
        if (dwarf_hasattr(die, DW_AT_declaration) && t->name &&
            symbols_type_named(s, (unsigned)dwarf_tag(die), t->name, &full, &file)) {
            t->die = full;
            t->file = file;
            t->size = attr_u64(&full, DW_AT_byte_size, 0);
            /* Both are found by the address they were asked for under. */
            struct type *alias = make(s, file, &full, 0);
            return alias;
        }
    }
    return t;
}

struct type *type_named(struct symbols *s, enum type_kind kind, const char *name)
{
    unsigned tag = kind == TYPE_STRUCT ? DW_TAG_structure_type : kind == TYPE_UNION ? DW_TAG_union_type
                   : kind == TYPE_ENUM ? DW_TAG_enumeration_type : 0;
    Dwarf_Die die;
    struct symfile *f;
    return symbols_type_named(s, tag, name, &die, &f) ? make(s, f, &die, 0) : NULL;
}

struct type *type_of_die(struct symbols *s, struct symfile *f, Dwarf_Die *die)
{
    return make(s, f, die, 0);
}

struct type *type_of(struct symbols *s, struct symfile *f, Dwarf_Die *die)
{
    Dwarf_Attribute a;
    Dwarf_Die type;
    if (!f || !dwarf_attr_integrate(die, DW_AT_type, &a) || !dwarf_formref_die(&a, &type))
        return type_builtin(s, TYPE_VOID, 0, false, "void");
    return make(s, f, &type, 0);
}

struct type *type_target(struct symbols *s, struct type *t)
{
    if (!t->file && !t->target) /* a built-in function returns nothing */
        return type_builtin(s, TYPE_VOID, 0, false, "void");
    if (t->resolved || !t->file)
        return t->target;
    t->resolved = true;
    bool last = true;
    if (t->kind == TYPE_ARRAY) {
        struct type dummy = { 0 };
        set_dimension(&dummy, &t->die, t->dimension, &last);
    }
    t->target = last || t->dimension > 8 ? type_of(s, t->file, &t->die)
                                         : make(s, t->file, &t->die, t->dimension + 1);
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
        if (!t->file && t->kind == kind && t->size == size && t->is_signed == is_signed && !t->target && t->name &&
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
        if (!t->file && t->kind == kind && t->target == target && t->size == size && t->count == count)
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

struct type *type_array(struct symbols *s, struct type *of, u64 count)
{
    return derived(s, TYPE_ARRAY, of, 0, count);
}

static bool read_member(struct symbols *s, struct type *t, Dwarf_Die *die, struct member *m)
{
    *m = (struct member){ .name = dwarf_diename(die), .type = type_of(s, t->file, die) };
    m->offset = attr_u64(die, DW_AT_data_member_location, 0);
    m->bit_size = (unsigned)attr_u64(die, DW_AT_bit_size, 0);
    if (m->bit_size > 64)
        return false;
    if (m->bit_size) {
        u64 data = attr_u64(die, DW_AT_data_bit_offset, UINT64_MAX);
        if (data != UINT64_MAX) { /* DWARF 4 and later, 5.7.6: from the start of the struct */
            m->offset = data / 8;
            m->bit_offset = data % 8;
        } else { /* DWARF 3's: from the most significant bit of the storage unit */
            u64 storage = attr_u64(die, DW_AT_byte_size, type_size(s, m->type));
            u64 from_top = attr_u64(die, DW_AT_bit_offset, 0);
            if (storage > 8 || from_top + m->bit_size > 8 * storage)
                return false;
            u64 low = 8 * storage - from_top - m->bit_size;
            m->offset += low / 8;
            m->bit_offset = low % 8;
        }
    }
    return true;
}

void type_members(struct symbols *s, struct type *t, bool (*each)(void *opaque, const struct member *m), void *opaque)
{
    t = type_strip(s, t);
    Dwarf_Die child;
    if ((t->kind != TYPE_STRUCT && t->kind != TYPE_UNION) || !t->file || dwarf_child(&t->die, &child))
        return;
    unsigned n = 0;
    do {
        struct member m;
        if (dwarf_tag(&child) == DW_TAG_member && read_member(s, t, &child, &m) && !each(opaque, &m))
            return;
    } while (!dwarf_siblingof(&child, &child) && ++n < MAX_MEMBERS);
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

bool enumerator_value(Dwarf_Die *die, u64 *value)
{
    Dwarf_Attribute a;
    Dwarf_Sword sv;
    Dwarf_Word uv;
    if (dwarf_tag(die) != DW_TAG_enumerator || !dwarf_attr(die, DW_AT_const_value, &a))
        return false;
    if (!dwarf_formsdata(&a, &sv))
        *value = (u64)sv;
    else if (!dwarf_formudata(&a, &uv))
        *value = uv;
    else
        return false;
    return true;
}

const char *type_enumerator(struct type *t, u64 value)
{
    Dwarf_Die child;
    if (t->kind != TYPE_ENUM || !t->file || dwarf_child(&t->die, &child))
        return NULL;
    u64 mask = t->size && t->size < 8 ? size_mask((unsigned)t->size) : UINT64_MAX, v;
    unsigned n = 0;
    do
        if (enumerator_value(&child, &v) && ((v ^ value) & mask) == 0)
            return dwarf_diename(&child);
    while (!dwarf_siblingof(&child, &child) && ++n < MAX_MEMBERS);
    return NULL;
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

static void parameters_text(struct symbols *s, struct type *t, unsigned depth, struct buf *out)
{
    Dwarf_Die child;
    unsigned n = 0;
    if (depth > 8) { /* functions of functions multiply */
        buf_printf(out, "...");
        return;
    }
    if (t->file && !dwarf_child(&t->die, &child))
        do {
            int tag = dwarf_tag(&child);
            if (tag != DW_TAG_formal_parameter && tag != DW_TAG_unspecified_parameters)
                continue;
            if (n++)
                buf_printf(out, ", ");
            if (tag == DW_TAG_unspecified_parameters)
                buf_printf(out, "...");
            else
                declarator(s, type_of(s, t->file, &child), "", depth, out);
        } while (!dwarf_siblingof(&child, &child) && n < 64);
    if (!n && t->file) /* of code that only a register points to nothing is known */
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

static void body(struct symbols *s, struct type *t, unsigned depth, struct buf *out)
{
    buf_printf(out, "%s %s%s{", tag_word(t), t->name ? t->name : "", t->name ? " " : "");
    if (t->kind == TYPE_ENUM) {
        Dwarf_Die child;
        unsigned n = 0;
        u64 expected = 0, v;
        if (t->file && !dwarf_child(&t->die, &child))
            do {
                if (!enumerator_value(&child, &v))
                    continue;
                const char *name = dwarf_diename(&child);
                buf_printf(out, "%s%s", n++ ? ", " : "", name ? name : "?");
                if (v != expected)
                    buf_printf(out, " = %lld", (long long)v);
                expected = v + 1;
            } while (!dwarf_siblingof(&child, &child) && n < MAX_MEMBERS);
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
