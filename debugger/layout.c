/* Where the members of the guest's structs lie. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "debugger/types.h"

static struct type *structure_named(struct symbols *s, const char *name, struct err *e)
{
    static const enum type_kind kinds[] = { TYPE_STRUCT, TYPE_UNION, TYPE_TYPEDEF };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct type *t = type_named(s, kinds[i], name);
        if (t)
            return t;
    }
    err_set(e, "no symbol file describes a struct %s (`symbols list` shows what is loaded)", name);
    return NULL;
}

struct nearest {
    const char *typed, *best;
    unsigned score;
};

static bool consider(void *opaque, const struct member *m)
{
    struct nearest *q = opaque;
    if (m->name)
        suggest(q->typed, m->name, &q->best, &q->score);
    return true;
}

/* "[3]": on behind it; false: not an index. */
static bool take_index(const char **at, u64 *index)
{
    char *end;
    *index = strtoull(*at + 1, &end, 0);
    if (end == *at + 1 || *end != ']')
        return false;
    *at = end + 1;
    return true;
}

bool symbols_member(struct symbols *s, const char *structure, const char *path, u64 *offset, u64 *size, struct err *e)
{
    struct type *t = structure_named(s, structure, e);
    u64 at = 0, bytes = t ? type_size(s, t) : 0, index;
    const char *p = path;
    while (t && *p) {
        if (*p == '[') {
            struct type *array = type_strip(s, t);
            if (array->kind != TYPE_ARRAY || !take_index(&p, &index))
                return err_set(e, "%s.%s: what stands before \"%.20s\" is no array", structure, path, p);
            t = type_target(s, array);
            bytes = type_size(s, t);
            if (__builtin_mul_overflow(index, bytes, &index) || __builtin_add_overflow(at, index, &at))
                return err_set(e, "%s.%s: the index is too large", structure, path);
            continue;
        }
        char name[128];
        struct member m;
        p += *p == '.';
        size_t n = 0;
        while (isalnum((u8)p[n]) || p[n] == '_')
            n++;
        if (!n || n >= sizeof name)
            return err_set(e, "%s.%s: the name of a member is expected at \"%.20s\"", structure, path, p);
        memcpy(name, p, n);
        name[n] = 0;
        p += n;
        if (!type_member(s, t, name, &m)) {
            struct nearest q = { .typed = name };
            type_members(s, t, consider, &q);
            return err_set(e, "struct %s has no member %s%s%s%s", structure, path, DID_YOU_MEAN(q.best));
        }
        t = m.type;
        at += m.offset;
        bytes = m.bit_size ? (m.bit_offset + m.bit_size + 7) / 8 : type_size(s, t);
    }
    if (!t)
        return false;
    *offset = at;
    *size = bytes;
    return true;
}

u64 symbols_struct_size(struct symbols *s, const char *structure, struct err *e)
{
    struct type *t = structure_named(s, structure, e);
    u64 size = t ? type_size(s, t) : 0;
    if (t && !size)
        err_set(e, "struct %s is only declared, not described", structure);
    return size;
}
