/* Host-side failures. A guest fault is never an err: it is a value of the part that met it.
 *
 * The text is one or two sentences: what failed (file, line, option), why, and what to do about it. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/types.h"

struct err {
    char text[1024];
};

/* Writes the sentence and returns false, so that `return err_set(e, ...)` reads well. e may be NULL. */
bool err_set(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before a text already set; returns false. */
bool err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
