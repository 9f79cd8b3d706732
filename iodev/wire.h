/* A wire: one signal from an output to one input. The level lives in the receiver. */
#ifndef IODEV_WIRE_H
#define IODEV_WIRE_H

#include "base/types.h"

struct wire {
    void (*set)(void *opaque, u32 line, bool level); /* NULL: not connected */
    void *opaque;
    u32 line;
};

static inline void wire_set(const struct wire *w, bool level)
{
    if (w->set)
        w->set(w->opaque, w->line, level);
}

#endif
