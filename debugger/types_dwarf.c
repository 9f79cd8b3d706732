/* Types from DWARF. DWARF 5, chapter 5. */
#include <dwarf.h>
#include <string.h>

#include "debugger/typereader.h"

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
    bool made;
    struct type *t = type_intern(s, &dwarf_types, f, die->addr, dimension, &made);
    if (!made)
        return t;
    t->die = *die;
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

struct type *dwarf_type_named(struct symbols *s, enum type_kind kind, const char *name)
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

static struct type *target(struct symbols *s, struct type *t)
{
    bool last = true;
    if (t->kind == TYPE_ARRAY) {
        struct type dummy = { .kind = TYPE_ARRAY };
        set_dimension(&dummy, &t->die, t->dimension, &last);
    }
    return last || t->dimension > 8 ? type_of(s, t->file, &t->die) : make(s, t->file, &t->die, t->dimension + 1);
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

static void members(struct symbols *s, struct type *t, bool (*each)(void *opaque, const struct member *m), void *opaque)
{
    Dwarf_Die child;
    unsigned n = 0;
    if (dwarf_child(&t->die, &child))
        return;
    do {
        struct member m;
        if (dwarf_tag(&child) == DW_TAG_member && read_member(s, t, &child, &m) && !each(opaque, &m))
            return;
    } while (!dwarf_siblingof(&child, &child) && ++n < MAX_MEMBERS);
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

static void enumerators(const struct type *t, bool (*each)(void *opaque, const char *name, u64 value), void *opaque)
{
    Dwarf_Die child, die = t->die;
    u64 v;
    unsigned n = 0;
    if (dwarf_child(&die, &child))
        return;
    do {
        const char *name = dwarf_diename(&child);
        if (enumerator_value(&child, &v) && !each(opaque, name ? name : "?", v))
            return;
    } while (!dwarf_siblingof(&child, &child) && ++n < MAX_MEMBERS);
}

static void parameters(struct symbols *s, struct type *t,
                       bool (*each)(void *opaque, const char *name, struct type *type), void *opaque)
{
    Dwarf_Die child;
    unsigned n = 0;
    if (dwarf_child(&t->die, &child))
        return;
    do {
        int tag = dwarf_tag(&child);
        if ((tag == DW_TAG_formal_parameter && !each(opaque, dwarf_diename(&child), type_of(s, t->file, &child))) ||
            (tag == DW_TAG_unspecified_parameters && !each(opaque, NULL, NULL)))
            return;
    } while (!dwarf_siblingof(&child, &child) && ++n < MAX_MEMBERS);
}

const struct type_reader dwarf_types = { target, members, enumerators, parameters };

static enum type_kind kind_of_tag(int tag)
{
    switch (tag) {
    case DW_TAG_structure_type: return TYPE_STRUCT;
    case DW_TAG_union_type: return TYPE_UNION;
    case DW_TAG_enumeration_type: return TYPE_ENUM;
    case DW_TAG_typedef: case DW_TAG_base_type: return TYPE_TYPEDEF;
    default: return TYPE_UNKNOWN;
    }
}

bool dwarf_each_type(struct symfile *f, bool (*each)(void *opaque, enum type_kind kind, const char *name), void *opaque)
{
    size_t n;
    const struct dwarf_name *names = symbols_names(f, &n);
    for (size_t i = 0; i < n; i++) {
        Dwarf_Die die = names[i].die;
        enum type_kind k = kind_of_tag(dwarf_tag(&die));
        if (k != TYPE_UNKNOWN && !dwarf_hasattr(&die, DW_AT_declaration) && !each(opaque, k, names[i].name))
            return false;
    }
    return true;
}
