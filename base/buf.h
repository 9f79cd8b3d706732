/* A byte buffer that grows, and a reader over bytes that nobody trusts.
 * All numbers are little-endian, which is the byte order of every file Orrery writes. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/types.h"

struct buf {
    u8 *data;
    size_t len, cap;
};

void buf_free(struct buf *b);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_le(struct buf *b, u64 v, unsigned bytes);
void buf_put_str(struct buf *b, const char *s); /* u32 length, then the bytes without a NUL */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The text so far as a C string (a NUL is kept behind the data and not counted). Never NULL. */
const char *buf_cstr(struct buf *b);

/* Reading past the end sets `bad`, yields zeroes, and stays bad: check once at the end. */
struct reader {
    const u8 *data;
    size_t len, pos;
    bool bad;
};

const u8 *reader_bytes(struct reader *r, size_t n); /* NULL when there are not n left */
u64 reader_le(struct reader *r, unsigned bytes);
/* Copies a string written by buf_put_str into out (cap bytes, NUL added); too long is bad. */
void reader_str(struct reader *r, char *out, size_t cap);

#endif
