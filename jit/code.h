/* The code cache: host memory mapped twice, once to write and once to execute. No page is both. */
#ifndef JIT_CODE_H
#define JIT_CODE_H

#include "base/arena.h"
#include "base/err.h"

struct code {
    u8 *write;       /* where code is written; the same byte runs at write + shift */
    i64 shift;
    size_t size, used, kept; /* kept: survives code_flush */
    i32 *counter;            /* CODE_COUNTERS of them, within reach of the code */
};
enum { CODE_COUNTERS = 1 << 16 };

/* Writing code: where the next byte goes. */
struct out {
    u8 *p;
};

bool code_init(struct code *c, struct arena *a, size_t size, struct err *e);
void code_flush(struct code *c);
static inline size_t code_room(const struct code *c) { return c->size - c->used; }
static inline u8 *code_here(const struct code *c) { return c->write + c->used; }
/* Takes what was written up to end; the next code starts on a cache line's half. */
static inline const void *code_take(struct code *c, u8 *end)
{
    const void *runs = c->write + c->used + c->shift;
    c->used = ((size_t)(end - c->write) + 31) & ~(size_t)31;
    return runs;
}
/* What was written between these two (where it is written) is what the host fetches from now on. */
void code_written(const struct code *c, const u8 *from, const u8 *end);

#endif
