/* Types from BTF, and what BTF leaves out. */
#include <string.h>

#include "debugger/btf.h"
#include "debugger/typereader.h"

static struct type *make(struct symbols *s, struct symfile *f, u32 id, unsigned depth);

/* Bits 27:24 of the word behind an INT: its encoding; bits 7:0: how many bits it has. */
enum { INT_SIGNED = 1, INT_CHAR = 2, INT_BOOL = 4 };

static void set_int(struct type *t, const struct btf_type *b)
{
    u32 word = (u32)load_le(b->more, 4), encoding = word >> 24 & 15;
    t->size = b->size;
    t->is_signed = encoding & INT_SIGNED;
    /* Compilers call char a number like any other; people do not. */
    bool is_char = (encoding & INT_CHAR) || (t->size == 1 && strstr(b->name, "char"));
    t->kind = encoding & INT_BOOL ? TYPE_BOOL : is_char ? TYPE_CHAR : TYPE_INT;
}

/* A declaration only: the definition is elsewhere under the same name. */
static struct type *forward(struct symbols *s, struct symfile *f, const struct btf_type *b, unsigned depth)
{
    u32 full = depth < 2 ? btf_find(f->btf, b->flag ? 1u << BTF_UNION : 1u << BTF_STRUCT, b->name) : 0;
    return full ? make(s, f, full, depth + 1) : NULL;
}

static struct type *make(struct symbols *s, struct symfile *f, u32 id, unsigned depth)
{
    static const u8 kinds[BTF_KINDS] = {
        [BTF_INT] = TYPE_INT, [BTF_PTR] = TYPE_POINTER, [BTF_ARRAY] = TYPE_ARRAY, [BTF_STRUCT] = TYPE_STRUCT,
        [BTF_UNION] = TYPE_UNION, [BTF_ENUM] = TYPE_ENUM, [BTF_TYPEDEF] = TYPE_TYPEDEF, [BTF_VOLATILE] = TYPE_VOLATILE,
        [BTF_CONST] = TYPE_CONST, [BTF_RESTRICT] = TYPE_VOLATILE, [BTF_FUNC_PROTO] = TYPE_FUNCTION,
        [BTF_FLOAT] = TYPE_FLOAT, [BTF_ENUM64] = TYPE_ENUM, [BTF_FUNC] = TYPE_FUNCTION,
    };
    struct btf_type b;
    bool made;
    for (unsigned i = 0; btf_get(f->btf, id, &b) && (b.kind == BTF_TYPE_TAG || b.kind == BTF_VAR) && i < TYPE_CHAIN; i++)
        id = b.type;
    if (!btf_get(f->btf, id, &b))
        return type_builtin(s, TYPE_VOID, 0, false, "void");
    struct type *full = b.kind == BTF_FWD ? forward(s, f, &b, depth) : NULL;
    if (full)
        return full;
    struct type *t = type_intern(s, &btf_types, f, b.more, 0, &made);
    if (!made)
        return t;
    t->btf = id;
    t->name = b.name[0] ? b.name : NULL;
    t->kind = kinds[b.kind] ? kinds[b.kind] : TYPE_UNKNOWN;
    switch (b.kind) {
    case BTF_INT: set_int(t, &b); break;
    case BTF_PTR: t->size = f->addr_size; break;
    case BTF_ARRAY:
        t->count = load_le(b.more + 8, 4);
        t->unsized = !t->count; /* a flexible array, or one of none */
        t->name = NULL;
        break;
    case BTF_FLOAT: t->is_signed = true; t->size = b.size; break;
    case BTF_STRUCT: case BTF_UNION: case BTF_ENUM: case BTF_ENUM64: t->size = b.size; break;
    case BTF_FUNC: case BTF_FUNC_PROTO: t->size = 1; break;
    case BTF_FWD: t->kind = b.flag ? TYPE_UNION : TYPE_STRUCT; break;
    default: break;
    }
    return t;
}

/* A FUNC is a name for its FUNC_PROTO. */
static bool prototype(const struct btf *b, const struct type *t, struct btf_type *out)
{
    return btf_get(b, t->btf, out) && (out->kind != BTF_FUNC || btf_get(b, out->type, out)) && out->kind == BTF_FUNC_PROTO;
}

static struct type *target(struct symbols *s, struct type *t)
{
    struct btf_type b;
    if (!btf_get(t->file->btf, t->btf, &b) || (t->kind == TYPE_FUNCTION && !prototype(t->file->btf, t, &b)))
        return type_builtin(s, TYPE_VOID, 0, false, "void");
    return make(s, t->file, b.kind == BTF_ARRAY ? (u32)load_le(b.more, 4) : b.type, 0);
}

static void members(struct symbols *s, struct type *t, bool (*each)(void *opaque, const struct member *m), void *opaque)
{
    struct btf_type b;
    struct btf_member m;
    if (!btf_get(t->file->btf, t->btf, &b))
        return;
    for (u32 i = 0; btf_member(t->file->btf, &b, i, &m); i++) {
        struct member out = { .name = m.name[0] ? m.name : NULL, .type = make(s, t->file, m.type, 0),
                              .offset = m.bit_offset / 8, .bit_offset = m.bit_size ? m.bit_offset % 8 : 0,
                              .bit_size = m.bit_size };
        if (m.bit_size <= 64 && !each(opaque, &out))
            return;
    }
}

static void enumerators(const struct type *t, bool (*each)(void *opaque, const char *name, u64 value), void *opaque)
{
    struct btf_type b;
    const char *name;
    u64 value;
    if (btf_get(t->file->btf, t->btf, &b))
        for (u32 i = 0; btf_enumerator(t->file->btf, &b, i, &name, &value) && each(opaque, name, value); i++)
            ;
}

static void parameters(struct symbols *s, struct type *t,
                       bool (*each)(void *opaque, const char *name, struct type *type), void *opaque)
{
    struct btf_type b;
    const char *name;
    u32 type;
    if (!prototype(t->file->btf, t, &b))
        return;
    for (u32 i = 0; btf_parameter(t->file->btf, &b, i, &name, &type); i++) {
        bool dots = !name[0] && !type && i + 1 == b.n;
        if (!each(opaque, name, dots ? NULL : make(s, t->file, type, 0)))
            return;
    }
}

const struct type_reader btf_types = { target, members, enumerators, parameters };

struct type *btf_type_named(struct symbols *s, struct symfile *f, enum type_kind kind, const char *name)
{
    u32 kinds = kind == TYPE_STRUCT  ? 1u << BTF_STRUCT
                : kind == TYPE_UNION ? 1u << BTF_UNION
                : kind == TYPE_ENUM  ? 1u << BTF_ENUM | 1u << BTF_ENUM64
                                     : 1u << BTF_TYPEDEF | 1u << BTF_INT | 1u << BTF_FLOAT;
    u32 id = btf_find(f->btf, kinds, name);
    return id ? make(s, f, id, 0) : NULL;
}

/* BTF says the types of functions and of per-CPU variables. These of Linux are asked for most; without a tag: an array of
 * unsigned long as large as the symbol. */
static const struct {
    const char *name, *tag;
} famous[] = {
    { "init_task", "task_struct" }, { "init_mm", "mm_struct" }, { "init_cred", "cred" }, { "init_net", "net" },
    { "init_nsproxy", "nsproxy" }, { "init_pid_ns", "pid_namespace" }, { "init_user_ns", "user_namespace" },
    { "init_uts_ns", "uts_namespace" }, { "init_files", "files_struct" }, { "init_fs", "fs_struct" },
    { "init_signals", "signal_struct" }, { "init_sighand", "sighand_struct" }, { "modules", "list_head" },
    { "super_blocks", "list_head" }, { "iomem_resource", "resource" }, { "ioport_resource", "resource" },
    { "root_task_group", "task_group" }, { "boot_cpu_data", "cpuinfo_x86" }, { "slab_caches", "list_head" },
    { "__per_cpu_offset", NULL },
};

struct type *type_of_symbol(struct symbols *s, const struct symbol *y)
{
    for (struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next)) {
        u32 id = f->btf ? btf_find(f->btf, 1u << BTF_VAR | 1u << BTF_FUNC, y->name) : 0;
        if (id)
            return make(s, f, id, 0);
        for (size_t i = 0; f->btf && i < ARRAY_LEN(famous); i++)
            if (!strcmp(famous[i].name, y->name))
                return famous[i].tag ? btf_type_named(s, f, TYPE_STRUCT, famous[i].tag)
                                     : type_array(s, type_builtin(s, TYPE_INT, f->addr_size, false, "unsigned long"),
                                                  y->size / f->addr_size);
    }
    return NULL;
}

static enum type_kind kind_of_btf(enum btf_kind k)
{
    switch (k) {
    case BTF_STRUCT: return TYPE_STRUCT;
    case BTF_UNION: return TYPE_UNION;
    case BTF_ENUM: case BTF_ENUM64: return TYPE_ENUM;
    case BTF_TYPEDEF: case BTF_INT: case BTF_FLOAT: return TYPE_TYPEDEF;
    default: return TYPE_UNKNOWN;
    }
}

bool btf_each_type(struct symfile *f, bool (*each)(void *opaque, enum type_kind kind, const char *name), void *opaque)
{
    size_t n = 0;
    const struct btf_name *names = f->btf ? btf_names(f->btf, &n) : NULL;
    for (size_t i = 0; i < n; i++) {
        struct btf_type b;
        enum type_kind k = btf_get(f->btf, names[i].id, &b) && !names[i].which ? kind_of_btf(b.kind) : TYPE_UNKNOWN;
        if (k != TYPE_UNKNOWN && !each(opaque, k, names[i].name))
            return false;
    }
    return true;
}

bool enumerator_named(struct symbols *s, const char *name, u64 *value)
{
    for (struct symfile *f = symfile_seen(s->files); f; f = symfile_seen(f->next))
        if (f->btf && btf_find_enumerator(f->btf, name, value))
            return true;
    return false;
}
