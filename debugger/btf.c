#include "debugger/btf.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define MAGIC 0xeb9f
#define MAX_TYPES 4000000

static u32 word(const u8 *p)
{
    return (u32)load_le(p, 4);
}

/* Bytes behind the common 12, by kind: fixed + vlen times each ("Type Encoding"). */
static const struct {
    u8 fixed, each;
} layout[BTF_KINDS] = {
    [BTF_INT] = { 4, 0 }, [BTF_ARRAY] = { 12, 0 }, [BTF_STRUCT] = { 0, 12 }, [BTF_UNION] = { 0, 12 },
    [BTF_ENUM] = { 0, 8 }, [BTF_FUNC_PROTO] = { 0, 8 }, [BTF_VAR] = { 4, 0 }, [BTF_DATASEC] = { 0, 12 },
    [BTF_DECL_TAG] = { 4, 0 }, [BTF_ENUM64] = { 0, 12 },
};

/* struct btf_header: magic u16, version u8, flags u8, hdr_len, type_off, type_len, str_off, str_len. */
size_t btf_length(const u8 *p, size_t size)
{
    if (size < BTF_HEADER || load_le(p, 2) != MAGIC || p[2] != 1 || p[3])
        return 0;
    u64 header = word(p + 4), type_off = word(p + 8), type_len = word(p + 12), str_off = word(p + 16);
    u64 str_len = word(p + 20), types_end = header + type_off + type_len, strings_end = header + str_off + str_len;
    if (header < BTF_HEADER || header > 4096 || type_len < 12 || !str_len || str_off < type_off + type_len)
        return 0;
    u64 end = types_end > strings_end ? types_end : strings_end;
    return end <= size ? (size_t)end : 0;
}

bool btf_open(struct btf *b, const u8 *p, size_t size, struct err *e)
{
    *b = (struct btf){ .n = 1 };
    if (!btf_length(p, size))
        return err_set(e, "not BTF of version 1, or not all of it");
    u32 header = word(p + 4), len = word(p + 12);
    b->data = p + header + word(p + 8);
    b->strings = (const char *)p + header + word(p + 16);
    b->n_strings = word(p + 20);
    if (b->strings[0] || b->strings[b->n_strings - 1])
        return err_set(e, "BTF: its strings do not begin and end with a NUL");
    size_t cap = 0;
    for (u32 at = 0; at < len;) {
        if (len - at < 12)
            return btf_close(b), err_set(e, "BTF: type %u is cut off", b->n);
        u32 info = word(b->data + at + 4), kind = info >> 24 & 31;
        if (!kind || kind >= BTF_KINDS)
            return btf_close(b), err_set(e, "BTF: type %u is of kind %u, which is not known", b->n, kind);
        u64 bytes = 12 + (u64)layout[kind].fixed + (u64)(info & 0xffff) * layout[kind].each;
        if (bytes > len - at || b->n >= MAX_TYPES)
            return btf_close(b), err_set(e, "BTF: type %u is cut off", b->n);
        if (b->n >= cap) {
            cap = cap ? 2 * cap : 4096;
            b->at = xrealloc(b->at, cap * sizeof *b->at);
        }
        b->at[b->n++] = at;
        at += (u32)bytes;
    }
    return true;
}

void btf_close(struct btf *b)
{
    free(b->at);
    free(b->names);
    *b = (struct btf){ .n = 0 };
}

static const char *string(const struct btf *b, u32 offset)
{
    return offset < b->n_strings ? b->strings + offset : "";
}

bool btf_get(const struct btf *b, u32 id, struct btf_type *out)
{
    if (!id || id >= b->n)
        return false;
    const u8 *p = b->data + b->at[id];
    u32 info = word(p + 4);
    *out = (struct btf_type){ .kind = info >> 24 & 31, .name = string(b, word(p)), .flag = info >> 31, .n = info & 0xffff,
                              .size = word(p + 8), .type = word(p + 8), .more = p + 12 };
    return true;
}

bool btf_member(const struct btf *b, const struct btf_type *t, u32 i, struct btf_member *out)
{
    if ((t->kind != BTF_STRUCT && t->kind != BTF_UNION) || i >= t->n)
        return false;
    const u8 *p = t->more + 12 * (size_t)i;
    u32 offset = word(p + 8);
    *out = (struct btf_member){ .name = string(b, word(p)), .type = word(p + 4),
                                .bit_offset = t->flag ? offset & 0xffffff : offset,
                                .bit_size = t->flag ? offset >> 24 : 0 };
    return true;
}

bool btf_enumerator(const struct btf *b, const struct btf_type *t, u32 i, const char **name, u64 *value)
{
    if ((t->kind != BTF_ENUM && t->kind != BTF_ENUM64) || i >= t->n)
        return false;
    const u8 *p = t->more + (t->kind == BTF_ENUM ? 8 : 12) * (size_t)i;
    *name = string(b, word(p));
    *value = t->kind == BTF_ENUM64 ? load_le(p + 4, 8) : t->flag ? (u64)(i64)(i32)word(p + 4) : word(p + 4);
    return true;
}

bool btf_parameter(const struct btf *b, const struct btf_type *t, u32 i, const char **name, u32 *type)
{
    if (t->kind != BTF_FUNC_PROTO || i >= t->n)
        return false;
    const u8 *p = t->more + 8 * (size_t)i;
    *name = string(b, word(p));
    *type = word(p + 4);
    return true;
}

static int name_order(const void *a, const void *b)
{
    const struct btf_name *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->id < y->id ? -1 : x->id > y->id;
}

static void add_name(struct btf *b, size_t *cap, const char *name, u32 id, u32 which)
{
    if (!name[0])
        return;
    if (b->n_names == *cap) {
        *cap = *cap ? 2 * *cap : 4096;
        b->names = xrealloc(b->names, *cap * sizeof *b->names);
    }
    b->names[b->n_names++] = (struct btf_name){ name, id, which };
}

const struct btf_name *btf_names(struct btf *b, size_t *n)
{
    size_t cap = 0;
    struct btf_type t;
    if (!b->names) {
        for (u32 id = 1; btf_get(b, id, &t); id++) {
            const char *name;
            u64 value;
            if (t.kind == BTF_DECL_TAG || t.kind == BTF_TYPE_TAG || t.kind == BTF_DATASEC)
                continue;
            add_name(b, &cap, t.name, id, 0);
            for (u32 i = 0; btf_enumerator(b, &t, i, &name, &value); i++)
                add_name(b, &cap, name, id, i + 1);
        }
        if (b->n_names)
            qsort(b->names, b->n_names, sizeof *b->names, name_order);
    }
    *n = b->n_names;
    return b->names;
}

/* The first row of that name or behind it. */
static size_t lower(struct btf *b, const char *name)
{
    size_t n, low = 0;
    const struct btf_name *names = btf_names(b, &n);
    while (low < n) {
        size_t mid = low + (n - low) / 2;
        if (strcmp(names[mid].name, name) < 0)
            low = mid + 1;
        else
            n = mid;
    }
    return low;
}

u32 btf_find(struct btf *b, u32 kinds, const char *name)
{
    struct btf_type t;
    for (size_t i = lower(b, name); i < b->n_names && !strcmp(b->names[i].name, name); i++)
        if (!b->names[i].which && btf_get(b, b->names[i].id, &t) && kinds >> t.kind & 1)
            return b->names[i].id;
    return 0;
}

bool btf_find_enumerator(struct btf *b, const char *name, u64 *value)
{
    struct btf_type t;
    const char *ignored;
    for (size_t i = lower(b, name); i < b->n_names && !strcmp(b->names[i].name, name); i++)
        if (b->names[i].which && btf_get(b, b->names[i].id, &t))
            return btf_enumerator(b, &t, b->names[i].which - 1, &ignored, value);
    return false;
}
