/* Where types come from: DWARF (types_dwarf.c) and BTF (types_btf.c) answer the same four questions. */
#ifndef DEBUGGER_TYPEREADER_H
#define DEBUGGER_TYPEREADER_H

#include "debugger/types.h"

#define TYPE_CHAIN 64 /* typedefs of typedefs: more is a loop */
#define MAX_MEMBERS 100000

struct type_reader {
    struct type *(*target)(struct symbols *s, struct type *t); /* what it points to, qualifies, holds, returns */
    void (*members)(struct symbols *s, struct type *t, bool (*each)(void *opaque, const struct member *m), void *opaque);
    void (*enumerators)(const struct type *t, bool (*each)(void *opaque, const char *name, u64 value), void *opaque);
    /* type NULL: "..." */
    void (*parameters)(struct symbols *s, struct type *t, bool (*each)(void *opaque, const char *name, struct type *type),
                       void *opaque);
};
extern const struct type_reader dwarf_types, btf_types;

/* The type made for this key before, or a new one (*made) with the file and reader set. */
struct type *type_intern(struct symbols *s, const struct type_reader *reader, struct symfile *f, const void *key,
                         unsigned dimension, bool *made);
struct type *dwarf_type_named(struct symbols *s, enum type_kind kind, const char *name);
struct type *btf_type_named(struct symbols *s, struct symfile *f, enum type_kind kind, const char *name);
/* False: each() said stop. */
bool dwarf_each_type(struct symfile *f, bool (*each)(void *opaque, enum type_kind kind, const char *name), void *opaque);
bool btf_each_type(struct symfile *f, bool (*each)(void *opaque, enum type_kind kind, const char *name), void *opaque);

#endif
