/* Media that somebody puts into a drive while the machine runs: a CD, a floppy disk.
 *
 * Whoever opens the image puts the medium on the machine's shelf (machine_add_medium), where it stays; which one is in a
 * drive is state of that drive, by number. So a snapshot, a recording and the past say which it was, and every disk that
 * was ever in a drive keeps what was written to it. */
#ifndef IODEV_BLOCK_MEDIUM_H
#define IODEV_BLOCK_MEDIUM_H

#include "iodev/device.h"

#define MEDIUM_PATH 1024

/* What is written in recordings and snapshots of it. */
struct medium_text {
    u64 id;              /* follows from the contents and, of equal ones, their order; 0: what the drive began with */
    char path[MEDIUM_PATH], format[16], hash[40];
    bool read_only;
};

struct medium {
    struct medium_text text;
    struct block_port *port;
    struct medium *next;
};

void medium_put(const struct medium_text *t, struct buf *out);
bool medium_read(struct reader *in, struct medium_text *out); /* false: damaged */
struct medium *medium_find(struct medium *shelf, u64 id);     /* NULL: none */

/* In the input channel of a drive: MEDIUM_INSERT and what medium_put() wrote. False: it is something else, or damaged. */
#define MEDIUM_INSERT 'i'
bool medium_inserted(const u8 *bytes, size_t n, struct medium_text *out);

/* Makes d->drive what the drive's state says: number `id` of the shelf, or `first`, which it was built with, for 0. False: it is
 * not on the shelf, and the drive is empty. */
bool medium_select(struct device *d, struct block_port *first, u64 id);

#endif
