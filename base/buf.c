#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static void reserve(struct buf *b, size_t n)
{
    if (b->cap - b->len > n)
        return;
    size_t cap = b->cap ? b->cap * 2 : 256;
    while (cap - b->len <= n)
        cap *= 2;
    b->data = xrealloc(b->data, cap);
    b->cap = cap;
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ 0 };
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    reserve(b, n);
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
}

void buf_put_le(struct buf *b, u64 v, unsigned bytes)
{
    reserve(b, bytes);
    store_le(b->data + b->len, bytes, v);
    b->len += bytes;
}

void buf_put_str(struct buf *b, const char *s)
{
    size_t n = strlen(s);
    buf_put_le(b, n, 4);
    buf_put(b, s, n);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        reserve(b, (size_t)n);
        vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

const char *buf_cstr(struct buf *b)
{
    reserve(b, 1);
    b->data[b->len] = 0;
    return (const char *)b->data;
}

const u8 *reader_bytes(struct reader *r, size_t n)
{
    if (r->bad || n > r->len - r->pos) {
        r->bad = true;
        return NULL;
    }
    const u8 *p = r->data + r->pos;
    r->pos += n;
    return p;
}

u64 reader_le(struct reader *r, unsigned bytes)
{
    const u8 *p = reader_bytes(r, bytes);
    return p ? load_le(p, bytes) : 0;
}

void reader_str(struct reader *r, char *out, size_t cap)
{
    u64 n = reader_le(r, 4);
    out[0] = 0;
    if (n >= cap) {
        r->bad = true;
        return;
    }
    const u8 *p = reader_bytes(r, (size_t)n);
    if (p) {
        memcpy(out, p, (size_t)n);
        out[n] = 0;
    }
}
