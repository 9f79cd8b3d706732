/* Formatted text into room that somebody else gave: cut off where that ends, always with its 0. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdio.h>

struct text {
    char *at, *end; /* at < end */
};

__attribute__((format(printf, 2, 3))) static inline void text_put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->at, (size_t)(t->end - t->at), fmt, ap);
    va_end(ap);
    if (n > 0)
        t->at += n < t->end - t->at ? n : t->end - t->at - 1;
}

#endif
