/* Source text kept in memory once read: lines by number. */
#ifndef DEBUGGER_SOURCE_H
#define DEBUGGER_SOURCE_H

#include "debugger/symbols.h"

struct source_text {
    char *path; /* as recorded in the line table */
    struct buf text;
    size_t *starts; /* of each line */
    int lines;      /* 0: could not be read */
    struct source_text *next;
};

void source_forget(struct symbols *s);

#endif
