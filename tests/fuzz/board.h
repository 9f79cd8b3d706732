/* What fuzzers of whole boards share: disks that must be used within their size, and ports that swallow what they get. */
#ifndef TESTS_FUZZ_BOARD_H
#define TESTS_FUZZ_BOARD_H

#include "iodev/backend.h"
#include "tests/fuzz/cases.h"

struct strict_disk {
    struct block_port port; /* first */
    u8 *bytes;
};

static inline u8 *strict_range(struct block_port *b, u64 offset, u64 len, bool write)
{
    if (offset > b->size || len > b->size - offset)
        wrong("the device used the disk outside its size");
    if (write && b->read_only)
        wrong("the device wrote to a read-only disk");
    return ((struct strict_disk *)b)->bytes + offset;
}

static inline bool strict_read(struct block_port *b, u64 offset, void *out, size_t len, struct err *e)
{
    memcpy(out, strict_range(b, offset, len, false), len);
    return true;
}

static inline bool strict_write(struct block_port *b, u64 offset, const void *in, size_t len, struct err *e)
{
    memcpy(strict_range(b, offset, len, true), in, len);
    return true;
}

static inline bool strict_flush(struct block_port *b, struct err *e) { return true; }

static inline bool strict_zero(struct block_port *b, u64 offset, u64 len, struct err *e)
{
    memset(strict_range(b, offset, len, true), 0, len);
    return true;
}

static inline struct strict_disk *strict_disk_new(const char *id, u64 size, bool read_only)
{
    static const struct block_ops ops = { .read = strict_read, .write = strict_write, .flush = strict_flush, .zero = strict_zero };
    struct strict_disk *d = xcalloc(1, sizeof *d);
    d->port = (struct block_port){ .ops = &ops, .id = id, .size = size, .read_only = read_only };
    d->bytes = xcalloc(1, size);
    for (u64 at = 0; at < size; at += 64)
        store_le(d->bytes + at, 8, at * 0x9e3779b97f4a7c15);
    return d;
}

static inline void strict_disk_free(struct strict_disk *d)
{
    free(d->bytes);
    free(d);
}

static inline void swallow_frame(struct net_port *n, const u8 *frame, size_t len) {}
static inline void swallow_bytes(struct char_port *c, const u8 *bytes, size_t n) {}

#endif
