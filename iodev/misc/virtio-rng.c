#include "iodev/misc/virtio-rng.h"

#include <string.h>

#include "base/hash.h"
#include "base/rng.h"

/* A request gets at most so much; the used length says how much it was (section 5.4.6). */
#define MOST 65536

struct rng_state {
    struct virtio_state v;
    u64 rng;
    u64 bytes; /* given out */
};

struct rng_link {
    struct virtio_link l;
    struct virtio_chain chain;
    u8 data[MOST];
};

static const struct state_field rng_fields[] = {
    VIRTIO_STATE(struct rng_state),
    STATE(struct rng_state, rng),
    STATE(struct rng_state, bytes),
    STATE_END,
};

static unsigned rng_queues(const struct device *d)
{
    return 1;
}

static u64 rng_features(const struct device *d)
{
    return 0;
}

static unsigned rng_config(const struct device *d, u8 *c)
{
    return 0;
}

static void rng_notify(struct device *d, unsigned q)
{
    struct rng_state *s = d->state;
    struct rng_link *l = d->link;
    if (!virtio_running(d))
        return;
    for (unsigned i = 0; i < VIRTIO_MAX_ENTRIES && virtqueue_pop(d, 0, &l->chain); i++) {
        u64 n = l->chain.in_len < MOST ? l->chain.in_len : MOST;
        for (u64 at = 0; at < n; at += 8)
            store_le(l->data + at, 8, rng_next(&s->rng));
        virtio_chain_write(d, &l->chain, 0, l->data, n);
        s->bytes += n;
        virtqueue_push(d, 0, l->chain.head, (u32)n);
    }
}

/* A reset by the driver does not start the sequence again; one of the machine does. */
static void rng_reset(struct device *d)
{
    struct rng_state *s = d->state;
    virtio_power_on(d);
    s->rng = hash_bytes(d->path, strlen(d->path), d->env->seed);
    s->bytes = 0;
}

static const struct virtio_ops rng_ops = {
    .id = 4,
    .queues = rng_queues,
    .features = rng_features,
    .notify = rng_notify,
    .config = rng_config,
};

static bool rng_build(struct device *d, struct err *e)
{
    virtio_build(d, &rng_ops);
    return true;
}

static void rng_describe(const struct device *d, struct buf *out)
{
    const struct rng_state *s = d->state;
    virtio_describe(d, out);
    buf_printf(out, "%llu bytes given out\n", (unsigned long long)s->bytes);
}

static const struct prop_desc rng_props[] = {
    VIRTIO_PROPS,
    { NULL, 0, NULL, NULL },
};

const struct device_class virtio_rng_class = {
    .name = "virtio-rng-device",
    .doc = "virtio entropy source (from the machine's seed)",
    .bus = "virtio",
    .state_size = sizeof(struct rng_state),
    .state = rng_fields,
    .link_size = sizeof(struct rng_link),
    .props = rng_props,
    .build = rng_build,
    .reset = rng_reset,
    .loaded = virtio_loaded,
    .describe = rng_describe,
};
