/* Descriptions of state: a field inside a register, and a member inside a struct of plain data.
 * The debugger, snapshots, state hashes and generated documentation read these; nothing lists them twice. */
#ifndef BASE_DESC_H
#define BASE_DESC_H

#include "base/buf.h"
#include "base/err.h"
#include "base/types.h"

/* One bit field of a register. Lists end with a NULL name. */
struct reg_field {
    const char *name;
    u8 low, width;
    const char *doc; /* one line; values as "0 off, 1 on" where they have names */
};

/* Writes "NAME=1 OTHER=0x3 ..." for the non-zero fields of value (all of them if `all`). */
void fields_format(const struct reg_field *fields, u64 value, bool all, struct buf *out);

/* One member (a number or an array of numbers) of a struct without pointers. Lists end with a NULL name.
 * Saved by name, little-endian, so the struct may be reordered between versions. */
struct state_field {
    const char *name;
    u32 offset; /* in the struct, bytes */
    u8 size;    /* of one element: 1, 2, 4 or 8 bytes */
    u32 count;  /* elements */
    bool boolean; /* holds 0 or 1: a C bool with another value is undefined behaviour, so it is never loaded */
};

#define STATE_IS_BOOL(x) _Generic((x), bool: true, default: false)
#define STATE(type, member) \
    { #member, offsetof(type, member), sizeof(((type *)0)->member), 1, STATE_IS_BOOL(((type *)0)->member) }
#define STATE_ARRAY(type, member)                                                       \
    {                                                                                   \
        #member, offsetof(type, member), sizeof(((type *)0)->member[0]),                \
            sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0]),               \
            STATE_IS_BOOL(((type *)0)->member[0])                                       \
    }
#define STATE_END { NULL, 0, 0, 0, false }

/* Appends every field of the struct at `base`: name, size, count, data. */
void state_save(const struct state_field *fields, const void *base, struct buf *out);
/* Restores what state_save wrote. Every field must be there with its shape; anything else is an error that
 * names the field. `base` is only changed when all of it was understood. */
bool state_load(const struct state_field *fields, void *base, struct reader *in, struct err *e);
/* Folds the values into a running hash, independent of the host's byte order and struct layout. */
u64 state_hash(const struct state_field *fields, const void *base, u64 hash);
/* One element as a number. */
u64 state_get(const struct state_field *f, const void *base, u32 index);
void state_set(const struct state_field *f, void *base, u32 index, u64 value);
/* How many bytes of the struct the fields reach into; at least 1. */
size_t state_extent(const struct state_field *fields);
/* The first field in which two structs differ, or NULL; *index is the element. */
const struct state_field *state_diff(const struct state_field *fields, const void *a, const void *b, u32 *index);

#endif
