/* BTF, the types a Linux kernel carries with it (Documentation/bpf/btf.rst): bytes of a file or of guest memory, so
 * nothing in them is trusted. Types are numbered from 1; 0 is void. */
#ifndef DEBUGGER_BTF_H
#define DEBUGGER_BTF_H

#include "base/err.h"
#include "base/types.h"

enum btf_kind {
    BTF_VOID, BTF_INT, BTF_PTR, BTF_ARRAY, BTF_STRUCT, BTF_UNION, BTF_ENUM, BTF_FWD, BTF_TYPEDEF, BTF_VOLATILE,
    BTF_CONST, BTF_RESTRICT, BTF_FUNC, BTF_FUNC_PROTO, BTF_VAR, BTF_DATASEC, BTF_FLOAT, BTF_DECL_TAG, BTF_TYPE_TAG,
    BTF_ENUM64, BTF_KINDS
};

struct btf_name {
    const char *name;
    u32 id;
    u32 which; /* of an enumeration's enumerators + 1; 0: the type itself */
};

struct btf {
    const u8 *data;      /* of the types: not owned */
    const char *strings; /* the last byte is NUL */
    size_t n_strings;
    u32 *at;             /* offset of type i; at[0] is not used */
    u32 n;               /* types, void counted */
    struct btf_name *names; /* sorted; made by the first btf_find() */
    size_t n_names;
};

struct btf_type {
    enum btf_kind kind;
    const char *name; /* "": none */
    bool flag;        /* kind_flag */
    u32 n;            /* vlen */
    u32 size;         /* or */
    u32 type;         /* the same word: what it refers to */
    const u8 *more;   /* what follows, all of it there */
};

#define BTF_HEADER 24
/* How many bytes a header at data claims to stand before, itself counted; 0: it is none. */
size_t btf_length(const u8 *data, size_t size);
/* Reads the types; the bytes must stay. */
bool btf_open(struct btf *b, const u8 *data, size_t size, struct err *e);
void btf_close(struct btf *b);
/* False: there is no such type. */
bool btf_get(const struct btf *b, u32 id, struct btf_type *out);

struct btf_member {
    const char *name;
    u32 type;
    u32 bit_offset, bit_size; /* bit_size 0: no bit field */
};
bool btf_member(const struct btf *b, const struct btf_type *t, u32 i, struct btf_member *out);
bool btf_enumerator(const struct btf *b, const struct btf_type *t, u32 i, const char **name, u64 *value);
bool btf_parameter(const struct btf *b, const struct btf_type *t, u32 i, const char **name, u32 *type);

/* Every name in order, those of enumerators among them. */
const struct btf_name *btf_names(struct btf *b, size_t *n);
/* The first of that name whose kind is in the set (1 << BTF_STRUCT | ...); 0: none. */
u32 btf_find(struct btf *b, u32 kinds, const char *name);
bool btf_find_enumerator(struct btf *b, const char *name, u64 *value);

#endif
