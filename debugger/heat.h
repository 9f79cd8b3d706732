/* How long ago each piece of physical memory was written, as far as checkpoints tell (machine/history.h). */
#ifndef DEBUGGER_HEAT_H
#define DEBUGGER_HEAT_H

#include "debugger/debugger.h"

enum { HEAT_ACROSS = 64, HEAT_DOWN = 16 };

struct heat_map {
    u64 base, cell; /* physical address of the first one, bytes of each */
    unsigned n;     /* cells */
    char shown[HEAT_ACROSS * HEAT_DOWN]; /* of heat_legend; ' ' where there is no memory too */
};

extern const char heat_legend[];

/* Of [base, base + len); len 0: all of the guest's memory. False: no history. */
bool heat_look(struct debugger *d, u64 base, u64 len, struct heat_map *out, struct err *e);
/* The page of a cell that was written last; the first one if none was. */
u64 heat_page(struct debugger *d, const struct heat_map *m, unsigned cell);

#endif
