#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool err_set(struct err *e, const char *fmt, ...)
{
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
    }
    return false;
}

/* What does not fit is cut. */
static void append(struct err *e, const char *s)
{
    size_t at = strlen(e->text), room = sizeof e->text - 1 - at, n = strlen(s);
    n = n < room ? n : room;
    memcpy(e->text + at, s, n);
    e->text[at + n] = 0;
}

bool err_prefix(struct err *e, const char *fmt, ...)
{
    if (e) {
        struct err old = *e;
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
        append(e, ": ");
        append(e, old.text);
    }
    return false;
}
