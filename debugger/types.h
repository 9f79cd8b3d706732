/* Types of the guest's language, made on demand from DWARF, from BTF, or from C names in expressions. */
#ifndef DEBUGGER_TYPES_H
#define DEBUGGER_TYPES_H

#include "debugger/symbols.h"

enum type_kind {
    TYPE_VOID, TYPE_INT, TYPE_BOOL, TYPE_CHAR, TYPE_FLOAT, TYPE_ENUM, TYPE_POINTER, TYPE_ARRAY,
    TYPE_STRUCT, TYPE_UNION, TYPE_FUNCTION, TYPE_TYPEDEF, TYPE_CONST, TYPE_VOLATILE, TYPE_UNKNOWN
};

struct type_reader;

struct type {
    enum type_kind kind;
    bool is_signed;
    u64 size;  /* bytes; 0: not known */
    u64 count; /* elements of an array; 0 with `unsized` */
    bool unsized;
    const char *name; /* NULL: none */
    struct type *target; /* pointed to, element, returned, qualified: use type_target() */
    bool resolved;
    unsigned addr_size;
    const struct type_reader *reader; /* of what describes it: typereader.h; NULL: built in */
    struct symfile *file; /* NULL: built in */
    const void *key;    /* where it is described */
    Dwarf_Die die;      /* in DWARF */
    u32 btf;            /* its number in BTF */
    unsigned dimension; /* of the DIE, for arrays of arrays */
    struct type *next, *chain;
};

struct member {
    const char *name; /* NULL: anonymous struct or union */
    struct type *type;
    u64 offset;
    unsigned bit_offset, bit_size; /* bit_size 0: not a bit field */
};

/* By kind and name; TYPE_TYPEDEF: a typedef or a base type ("size_t", "int"). NULL: no file knows it. */
struct type *type_named(struct symbols *s, enum type_kind kind, const char *name);
struct type *type_of_die(struct symbols *s, struct symfile *f, Dwarf_Die *type_die);
/* The type a variable, member, parameter or function says it has; void when it says none. */
struct type *type_of(struct symbols *s, struct symfile *f, Dwarf_Die *die);
struct type *type_target(struct symbols *s, struct type *t);
struct type *type_strip(struct symbols *s, struct type *t); /* without typedefs and qualifiers */
u64 type_size(struct symbols *s, struct type *t);

struct type *type_builtin(struct symbols *s, enum type_kind kind, unsigned size, bool is_signed, const char *name);
struct type *type_pointer(struct symbols *s, struct type *to, unsigned addr_size);
struct type *type_array(struct symbols *s, struct type *of, u64 count);
struct type *type_function(struct symbols *s, struct type *returned);

/* Calls each member in order until it returns false. */
void type_members(struct symbols *s, struct type *t, bool (*each)(void *opaque, const struct member *m), void *opaque);
/* Also looks into anonymous members. */
bool type_member(struct symbols *s, struct type *t, const char *name, struct member *out);
/* Calls each parameter of a function in order until it returns false; type NULL: "...". */
void type_parameters(struct symbols *s, struct type *t, bool (*each)(void *opaque, const char *name, struct type *type),
                     void *opaque);
const char *type_enumerator(struct type *t, u64 value); /* its name, or NULL */
bool enumerator_value(Dwarf_Die *die, u64 *value);

/* Calls each with every named type of every file, some of them twice, until it returns false; kinds as type_named()
 * takes them. */
void types_each(struct symbols *s, bool (*each)(void *opaque, enum type_kind kind, const char *name), void *opaque);
/* What an enumerator of any type says. */
bool enumerator_named(struct symbols *s, const char *name, u64 *value);
/* The type of a variable or function that only a symbol names, as far as BTF or custom says it; NULL: not known. */
struct type *type_of_symbol(struct symbols *s, const struct symbol *y);

/* "int *", "struct proc [64]"; with a name where one stands in a declaration. */
void type_format(struct symbols *s, struct type *t, const char *name, struct buf *out);
/* The same with the members of a struct, union or enum: `ptype`. */
void type_describe(struct symbols *s, struct type *t, struct buf *out);

#endif
