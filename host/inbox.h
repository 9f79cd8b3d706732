/* Bounded queues between a source outside and an input channel of a machine: one of bytes, one of packets. */
#ifndef HOST_INBOX_H
#define HOST_INBOX_H

#include "host/loop.h"
#include "iodev/backend.h"

#define INBOX_BYTES 4096
#define INBOX_BREAKS 16
#define INBOX_PACKETS 512

/* Serial input. Breaks keep their place between the bytes. */
struct inbox_bytes {
    struct host_loop *loop;
    struct host_offer offer;
    struct input_channel *const *in; /* the port's `in`, which a device sets later */
    void (*drained)(void *opaque);   /* there is space again; may be NULL */
    void *opaque;
    u64 put, got; /* bytes ever */
    u8 ring[INBOX_BYTES];
    unsigned n_breaks;
    u64 break_at[INBOX_BREAKS]; /* values of `put` */
};

void inbox_bytes_init(struct inbox_bytes *b, struct host_loop *l, struct input_channel *const *in);
void inbox_bytes_fini(struct inbox_bytes *b);
size_t inbox_bytes_space(const struct inbox_bytes *b);
void inbox_bytes_put(struct inbox_bytes *b, const u8 *bytes, size_t n); /* n <= space */
/* A break condition: one byte 0 to the channel "NAME.break" beside the port's channel NAME, if the device has it. */
void inbox_bytes_break(struct inbox_bytes *b);

struct inbox_packet {
    struct inbox_packet *next;
    size_t n;
    u8 data[];
};

struct inbox_packets {
    struct host_loop *loop;
    struct host_offer offer;
    struct input_channel *const *in;
    void (*delivered)(void *opaque, const u8 *bytes, size_t n, u64 position, u64 hz); /* for dumps; may be NULL */
    void *opaque;
    struct inbox_packet *first, **end;
    unsigned n;
    u64 dropped;
};

void inbox_packets_init(struct inbox_packets *b, struct host_loop *l, struct input_channel *const *in);
void inbox_packets_fini(struct inbox_packets *b);
bool inbox_packets_put(struct inbox_packets *b, const u8 *bytes, size_t n); /* false: full, dropped */

#endif
