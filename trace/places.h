/* What was executed where: a row for each address (and whatever else tells rows apart), found by hashing. */
#ifndef TRACE_PLACES_H
#define TRACE_PLACES_H

#include "base/types.h"

struct place_row {
    u64 pc;
    u32 tag;          /* function, instruction bits: the user's */
    u8 length;
    bool conditional; /* a conditional branch was seen there */
    u32 file;         /* the user's number */
    i32 line;         /* 0: not known */
    u64 count, ticks, taken;
};

struct places {
    struct place_row *row; /* in the order in which they were first executed */
    u32 *slots;            /* number + 1; 0: free */
    u32 n, size;
};

/* The row's number; *fresh says that it is new, and zero but for pc and tag. Rows move when others are added. */
u32 places_find(struct places *p, u64 pc, u32 tag, bool *fresh);
void places_free(struct places *p);

#endif
