/* One arena per machine: everything built for a machine lives exactly as long as it.
 * Memory comes back zeroed. Running out of host memory ends the process with a message: there is no
 * useful recovery from it, and a NULL check at every call would hide the ones that matter. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/types.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is allowed */

void *arena_alloc(struct arena *a, size_t bytes); /* aligned for any type (64 bytes), zeroed */
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *arena_memdup(struct arena *a, const void *p, size_t bytes);

/* Calls fn(p) when the arena is freed, newest first: for what is not memory (mappings, library handles). */
void arena_defer(struct arena *a, void (*fn)(void *), void *p);

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (n)))

/* malloc and realloc that end the process with a message instead of returning NULL, for what does not
 * live as long as a machine. Free with free(). */
void *xmalloc(size_t bytes);
void *xcalloc(size_t n, size_t bytes);
void *xrealloc(void *p, size_t bytes);
char *xstrdup(const char *s);
char *xprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
