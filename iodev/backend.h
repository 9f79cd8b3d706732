/* What a device knows of the outside world: ports that somebody above implements.
 * Output goes straight through a port. Input never does: it comes through machine_input() into an input channel. */
#ifndef IODEV_BACKEND_H
#define IODEV_BACKEND_H

#include "base/buf.h"
#include "base/err.h"
#include "base/types.h"

/* Where bytes from outside arrive. Owned by the device that registers it (device_add_channel). */
struct input_channel {
    const char *name; /* device path, with ".suffix" when there are several: "/uart0", "/virtio0.net" */
    /* How many bytes it would take now; a function of guest state alone. For packet channels: 0 or the
     * largest packet. May be NULL: always takes everything. */
    size_t (*room)(void *opaque);
    /* n <= room(). For packet channels one call is one packet. Must not trust the bytes. */
    void (*deliver)(void *opaque, const u8 *bytes, size_t n);
    void *opaque;
    struct input_channel *next;
};

/* Disks are part of the guest: reads and writes are synchronous, and the same image gives the same run. */
struct block_port;
struct block_ops {
    /* offset and len in bytes, any alignment, within size. False: the medium failed (the guest sees an I/O error). */
    bool (*read)(struct block_port *b, u64 offset, void *out, size_t len, struct err *e);
    bool (*write)(struct block_port *b, u64 offset, const void *in, size_t len, struct err *e);
    bool (*flush)(struct block_port *b, struct err *e);
    /* Makes the range read as zeroes, freeing space where the format can. */
    bool (*zero)(struct block_port *b, u64 offset, u64 len, struct err *e);
    /* For snapshots: everything written since the image was opened, and putting it back (undoing what was
     * written since). NULL: the medium cannot. */
    void (*changes_save)(struct block_port *b, struct buf *out);
    bool (*changes_load)(struct block_port *b, struct reader *in, struct err *e);
};
struct block_port {
    const struct block_ops *ops;
    const char *id;
    u64 size; /* bytes */
    bool read_only;
    const struct medium *medium; /* iodev/block/medium.h; NULL: from the command line */
    void *tap; /* of whoever put itself between (machine/history.h); NULL: nobody */
};

struct char_port {
    /* Takes everything; blocks the host rather than losing bytes. */
    void (*write)(struct char_port *c, const u8 *bytes, size_t n);
    struct input_channel *in; /* set by the device; NULL while nobody listens */
    const char *id;
    void *tap; /* as in block_port */
};

struct net_port {
    void (*send)(struct net_port *n, const u8 *frame, size_t len); /* an Ethernet frame without FCS */
    struct input_channel *in;
    const char *id;
    void *tap; /* as in block_port */
};

#endif
