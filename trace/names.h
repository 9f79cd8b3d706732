/* Texts with numbers: each different text has one, from 0, in the order in which they came. */
#ifndef TRACE_NAMES_H
#define TRACE_NAMES_H

#include "base/types.h"

struct names {
    char **text;
    u32 *slots; /* number + 1; 0: free */
    u32 n, size;
};

u32 names_add(struct names *s, const char *text);
void names_free(struct names *s);

#endif
