/* Scopes around an address and the names they declare. Walks are our own: libdw's recurse as deep as the file says. */
#include "debugger/symbols.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHILDREN 4000000

static bool opens_scope(Dwarf_Die *die)
{
    switch (dwarf_tag(die)) {
    case DW_TAG_subprogram:
    case DW_TAG_inlined_subroutine:
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
    case DW_TAG_with_stmt:
        return true;
    case DW_TAG_namespace:
    case DW_TAG_module:
        return true; /* no addresses of its own: looked into */
    default:
        return false;
    }
}

static bool holds(Dwarf_Die *die, u64 pc, bool *transparent)
{
    int tag = dwarf_tag(die);
    *transparent = tag == DW_TAG_namespace || tag == DW_TAG_module;
    return *transparent || dwarf_haspc(die, pc) > 0;
}

unsigned symbols_scopes(const struct symbols *s, u64 pc, Dwarf_Die out[SCOPE_DEPTH], struct symfile **file)
{
    Dwarf_Die path[SCOPE_DEPTH], child;
    if (!symbols_cu_at(s, pc, &path[0], file))
        return 0;
    u64 at = (pc & (*file)->mask) - (*file)->bias;
    unsigned n = 1;
    bool down = true;
    while (down && n < SCOPE_DEPTH) {
        down = false;
        if (dwarf_child(&path[n - 1], &child))
            break;
        size_t steps = 0;
        do {
            bool transparent;
            if (!opens_scope(&child) || !holds(&child, at, &transparent) || transparent)
                continue; /* C has no namespaces: what is in one is found by ELF symbols only */
            path[n++] = child;
            down = true;
            break;
        } while (!dwarf_siblingof(&child, &child) && ++steps < MAX_CHILDREN);
    }
    for (unsigned i = 0; i < n; i++)
        out[i] = path[n - 1 - i];
    return n;
}

static bool named(Dwarf_Die *die, const char *name)
{
    const char *n = dwarf_diename(die);
    return n && !strcmp(n, name);
}

static bool declares(Dwarf_Die *scope, const char *name, Dwarf_Die *out)
{
    Dwarf_Die child, inner;
    bool ok = false;
    size_t steps = 0;
    if (dwarf_child(scope, &child))
        return false;
    do {
        switch (dwarf_tag(&child)) {
        case DW_TAG_variable:
        case DW_TAG_formal_parameter:
            if (named(&child, name)) {
                *out = child;
                ok = true; /* the last declaration wins: an outer one that was shadowed came first */
            }
            break;
        case DW_TAG_enumeration_type:
            if (!dwarf_child(&child, &inner))
                do {
                    if (named(&inner, name)) {
                        *out = inner;
                        return true;
                    }
                } while (!dwarf_siblingof(&inner, &inner) && ++steps < MAX_CHILDREN);
            break;
        default:
            break;
        }
    } while (!dwarf_siblingof(&child, &child) && ++steps < MAX_CHILDREN);
    return ok;
}

static int name_order(const void *a, const void *b)
{
    const struct dwarf_name *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void add_name(struct symfile *f, size_t *cap, Dwarf_Die *die)
{
    const char *name = dwarf_diename(die);
    if (!name || !name[0])
        return;
    if (f->n_names == *cap) {
        *cap = *cap ? 2 * *cap : 256;
        f->names = xrealloc(f->names, *cap * sizeof *f->names);
    }
    f->names[f->n_names++] = (struct dwarf_name){ name, *die, f };
}

const struct dwarf_name *symbols_names(struct symfile *f, size_t *n)
{
    if (!f->names_built) {
        f->names_built = true;
        size_t cap = 0;
        for (size_t i = 0; i < f->n_cus; i++) {
            Dwarf_Die child, inner;
            size_t steps = 0;
            if (dwarf_child(&f->cus[i], &child))
                continue;
            do {
                add_name(f, &cap, &child);
                if (dwarf_tag(&child) == DW_TAG_enumeration_type && !dwarf_child(&child, &inner))
                    do
                        add_name(f, &cap, &inner);
                    while (!dwarf_siblingof(&inner, &inner) && ++steps < MAX_CHILDREN);
            } while (!dwarf_siblingof(&child, &child) && ++steps < MAX_CHILDREN);
        }
        if (f->n_names)
            qsort(f->names, f->n_names, sizeof *f->names, name_order);
    }
    *n = f->n_names;
    return f->names;
}

static bool find_named(struct symbols *s, const char *name, bool (*good)(Dwarf_Die *die, unsigned tag), unsigned tag,
                       Dwarf_Die *out, struct symfile **file)
{
    for (struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next)) {
        size_t n, low = 0;
        const struct dwarf_name *names = symbols_names(f, &n);
        size_t high = n;
        while (low < high) {
            size_t mid = low + (high - low) / 2;
            if (strcmp(names[mid].name, name) < 0)
                low = mid + 1;
            else
                high = mid;
        }
        for (; low < n && !strcmp(names[low].name, name); low++) {
            Dwarf_Die die = names[low].die;
            if (good(&die, tag)) {
                *out = die;
                *file = f;
                return true;
            }
        }
    }
    return false;
}

static bool good_variable(Dwarf_Die *die, unsigned tag)
{
    int t = dwarf_tag(die);
    return t == DW_TAG_enumerator ||
           (t == DW_TAG_variable && (dwarf_hasattr(die, DW_AT_location) || dwarf_hasattr(die, DW_AT_const_value)));
}

static bool good_type(Dwarf_Die *die, unsigned tag)
{
    unsigned t = (unsigned)dwarf_tag(die);
    if (dwarf_hasattr(die, DW_AT_declaration))
        return false;
    return tag ? t == tag : t == DW_TAG_typedef || t == DW_TAG_base_type;
}

static bool good_function(Dwarf_Die *die, unsigned tag)
{
    return dwarf_tag(die) == DW_TAG_subprogram && !dwarf_hasattr(die, DW_AT_declaration);
}

bool symbols_variable(struct symbols *s, const Dwarf_Die *scopes, unsigned n, const char *name, Dwarf_Die *out,
                      struct symfile **file)
{
    for (unsigned i = 0; i < n; i++) {
        Dwarf_Die scope = scopes[i], found;
        if (!declares(&scope, name, &found))
            continue;
        if (i + 1 == n && dwarf_tag(&found) == DW_TAG_variable && dwarf_hasattr(&found, DW_AT_declaration))
            break; /* "extern int x;": another unit has it */
        *out = found;
        return true; /* *file stays that of the scopes */
    }
    return find_named(s, name, good_variable, 0, out, file);
}

bool symbols_type_named(struct symbols *s, unsigned tag, const char *name, Dwarf_Die *out, struct symfile **file)
{
    return find_named(s, name, good_type, tag, out, file);
}

bool symbols_function_named(struct symbols *s, const char *name, Dwarf_Die *out, struct symfile **file)
{
    return find_named(s, name, good_function, 0, out, file);
}
