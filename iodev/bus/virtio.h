/* Virtio (OASIS, version 1.2, and the legacy interface of 0.9.5): what every virtio device shares.
 *
 * Three parts: a transport (virtio-mmio), which is what the guest's driver finds; this file, which holds status,
 * features and split virtqueues; and the devices, classes whose `bus` is "virtio".
 *
 * A device's state begins with struct virtio_state and its link with struct virtio_link; its class lists
 * VIRTIO_STATE(type) first. It registers its operations with virtio_build() and calls virtio_power_on() from its
 * reset and virtio_loaded() from its loaded.
 *
 * Guest memory is never trusted: whatever is wrong in a ring or a descriptor chain stops the device (virtio_fail),
 * as a real one would: DEVICE_NEEDS_RESET and a configuration change interrupt, nothing more until it is reset. */
#ifndef IODEV_BUS_VIRTIO_H
#define IODEV_BUS_VIRTIO_H

#include "iodev/device.h"

#define VIRTIO_MAX_QUEUES 20
#define VIRTIO_MAX_ENTRIES 1024    /* of a queue, and segments of a chain */
#define VIRTIO_DEFAULT_ENTRIES 256 /* until the driver says */

enum { /* device status, section 2.1 */
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
    VIRTIO_FAILED = 128,
};

/* Feature bits that belong to no device, section 6. */
#define VIRTIO_F_NOTIFY_ON_EMPTY ((u64)1 << 24) /* legacy */
#define VIRTIO_F_ANY_LAYOUT ((u64)1 << 27)      /* legacy */
#define VIRTIO_F_INDIRECT_DESC ((u64)1 << 28)
#define VIRTIO_F_EVENT_IDX ((u64)1 << 29)
#define VIRTIO_F_VERSION_1 ((u64)1 << 32)

enum { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };

struct virtio_state {
    u64 features; /* negotiated */
    u32 generation;
    u8 status;
    u8 broken;
    u8 q_ready[VIRTIO_MAX_QUEUES];
    u8 q_signalled_valid[VIRTIO_MAX_QUEUES];
    u16 q_num[VIRTIO_MAX_QUEUES];
    u16 q_last_avail[VIRTIO_MAX_QUEUES]; /* the next entry of the available ring to take */
    u16 q_used_idx[VIRTIO_MAX_QUEUES];
    u16 q_signalled[VIRTIO_MAX_QUEUES]; /* used_idx when an interrupt was last decided */
    u16 q_inuse[VIRTIO_MAX_QUEUES];     /* taken and not yet returned */
    u32 q_align[VIRTIO_MAX_QUEUES];     /* legacy: of the used ring */
    u64 q_desc[VIRTIO_MAX_QUEUES], q_avail[VIRTIO_MAX_QUEUES], q_used[VIRTIO_MAX_QUEUES];
};

#define VIRTIO_STATE(type)                                                                                     \
    STATE(type, v.features), STATE(type, v.generation), STATE(type, v.status), STATE(type, v.broken),          \
        STATE_ARRAY(type, v.q_ready), STATE_ARRAY(type, v.q_signalled_valid), STATE_ARRAY(type, v.q_num),      \
        STATE_ARRAY(type, v.q_last_avail), STATE_ARRAY(type, v.q_used_idx), STATE_ARRAY(type, v.q_signalled),  \
        STATE_ARRAY(type, v.q_inuse), STATE_ARRAY(type, v.q_align), STATE_ARRAY(type, v.q_desc),               \
        STATE_ARRAY(type, v.q_avail), STATE_ARRAY(type, v.q_used)

/* Properties that every virtio device takes. */
#define VIRTIO_PROPS                                                                        \
    { "indirect_desc", PROP_BOOL, "on", "offer VIRTIO_F_INDIRECT_DESC" },                   \
    { "event_idx", PROP_BOOL, "on", "offer VIRTIO_F_EVENT_IDX" }

struct virtio_ops {
    u32 id; /* section 5 */
    unsigned (*queues)(const struct device *d);
    u64 (*features)(const struct device *d); /* of this kind of device; the common ones are added */
    void (*notify)(struct device *d, unsigned q);
    /* Writes the configuration space into out (256 zeroed bytes) and returns its length. */
    unsigned (*config)(const struct device *d, u8 *out);
    /* The driver wrote it; may be NULL. offset + size is within config()'s length. */
    void (*config_write)(struct device *d, u32 offset, unsigned size, u64 value);
    void (*negotiated)(struct device *d); /* features were set; may be NULL */
    void (*reset)(struct device *d);      /* the driver wrote 0 to the status; may be NULL */
    bool (*plug)(struct device *d, struct device *child, struct err *e); /* takes children of its own; may be NULL */
};

struct virtio_link {
    const struct virtio_ops *ops;
    u64 common_features;
    bool legacy; /* the transport shows the legacy interface */
    void (*interrupt)(struct device *transport, unsigned isr, unsigned q); /* set by the transport */
};

struct virtio_seg {
    u64 addr;
    u32 len;
};

/* A descriptor chain taken apart: first the n_out segments the device reads, then the n_in it writes. Every
 * segment is known to lie in guest memory of the right kind. */
struct virtio_chain {
    u16 q, head;
    u32 n_out, n_in;
    u64 out_len, in_len; /* bytes; together less than 4 GiB */
    struct virtio_seg seg[VIRTIO_MAX_ENTRIES];
};

extern const struct event_type virtio_notify_event, virtio_complete_event, virtio_error_event;

/* --- for devices ------------------------------------------------------------------------------------------- */

void virtio_build(struct device *d, const struct virtio_ops *ops);
void virtio_power_on(struct device *d);
/* Puts what a snapshot said into range. */
void virtio_loaded(struct device *d);
void virtio_describe(const struct device *d, struct buf *out);

static inline bool virtio_has(const struct device *d, u64 feature)
{
    return (((const struct virtio_state *)d->state)->features & feature) != 0;
}

/* The driver is up and nothing went wrong. */
static inline bool virtio_running(const struct device *d)
{
    const struct virtio_state *v = d->state;
    return (v->status & VIRTIO_DRIVER_OK) && !v->broken;
}

/* Stops the device because the driver did what it must not; the reason goes out as an event. */
void virtio_fail(struct device *d, const char *reason);
void virtio_config_changed(struct device *d);

bool virtqueue_empty(const struct device *d, unsigned q); /* also when not set up */
/* Takes the next chain. False: there is none, or the device has just failed. */
bool virtqueue_pop(struct device *d, unsigned q, struct virtio_chain *c);
/* Takes apart again a chain that was popped and not yet returned. */
bool virtqueue_again(struct device *d, unsigned q, u16 head, struct virtio_chain *c);
/* How many bytes the chains now available would take, counted up to `want`; without side effects. `want` also when
 * a chain is malformed, so that the attempt to use it finds out. With `one` only the first chain counts. */
u64 virtqueue_room(const struct device *d, unsigned q, u64 want, bool one, struct virtio_chain *scratch);
/* Returns a chain in which `written` bytes were written; the driver sees it after virtqueue_flush(). `ahead`
 * counts those filled since the last flush. */
void virtqueue_fill(struct device *d, unsigned q, u16 head, u32 written, unsigned ahead);
/* Publishes `count` filled chains and interrupts if the driver wants that. */
void virtqueue_flush(struct device *d, unsigned q, unsigned count);
void virtqueue_push(struct device *d, unsigned q, u16 head, u32 written); /* one fill, one flush */

/* Copies from the device-readable, or to the device-writable bytes of a chain; returns how many were there. */
u64 virtio_chain_read(const struct device *d, const struct virtio_chain *c, u64 offset, void *out, u64 len);
u64 virtio_chain_write(const struct device *d, const struct virtio_chain *c, u64 offset, const void *in, u64 len);

/* --- for transports and the machine ------------------------------------------------------------------------ */

/* Puts a device whose class's bus is "virtio" into a virtio-mmio slot, or a port (bus "virtio-serial") into a
 * virtio-serial-device. The parent must have been built; the child may be before or after. The machine lists the
 * child among its devices too, since it has state of its own. */
bool virtio_plug(struct device *parent, struct device *child, struct err *e);

static inline struct virtio_state *virtio_state(const struct device *d) { return d->state; }
static inline struct virtio_link *virtio_link(const struct device *d) { return d->link; }

u64 virtio_offered(const struct device *d);
bool virtio_set_features(struct device *d, u64 features); /* false: some were not offered; they are not taken */
void virtio_set_status(struct device *d, u8 status);      /* 0 resets */
void virtio_notify(struct device *d, unsigned q);
void virtio_queue_enable(struct device *d, unsigned q);
void virtio_queue_disable(struct device *d, unsigned q);
u64 virtio_config_read(const struct device *d, u32 offset, unsigned size);
void virtio_config_write(struct device *d, u32 offset, unsigned size, u64 value);

#endif
