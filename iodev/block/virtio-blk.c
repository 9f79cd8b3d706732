#include "iodev/block/virtio-blk.h"

#include <string.h>

#include "base/hash.h"

enum { /* request types, section 5.2.6 */
    REQ_IN = 0,
    REQ_OUT = 1,
    REQ_FLUSH = 4,
    REQ_GET_ID = 8,
    REQ_DISCARD = 11,
    REQ_WRITE_ZEROES = 13,
};
enum { STATUS_OK = 0, STATUS_IOERR = 1, STATUS_UNSUPP = 2 };

#define F_SEG_MAX ((u64)1 << 2)
#define F_GEOMETRY ((u64)1 << 4)
#define F_RO ((u64)1 << 5)
#define F_BLK_SIZE ((u64)1 << 6)
#define F_FLUSH ((u64)1 << 9)
#define F_TOPOLOGY ((u64)1 << 10)
#define F_CONFIG_WCE ((u64)1 << 11)
#define F_DISCARD ((u64)1 << 13)
#define F_WRITE_ZEROES ((u64)1 << 14)

#define SECTOR 512
#define SEG_MAX (VIRTIO_DEFAULT_ENTRIES - 2) /* what fits beside header and status in a queue of the usual size */
#define MAX_ZERO_SECTORS 131072              /* of one DISCARD or WRITE_ZEROES: 64 MiB */
#define ID_BYTES 20
/* The work of one event. */
#define EVENT_BYTES ((u64)1 << 20)
#define EVENT_REQUESTS 16
#define PIECE 65536

struct blk_state {
    struct virtio_state v;
    u8 wce;        /* the write cache is on: writes are safe after a flush */
    u8 req_active; /* a request is half done */
    u8 req_status;
    u16 req_head;
    u32 req_type;
    u64 req_at;    /* the next byte of the disk */
    u64 req_done, req_len;
    u64 write_hash; /* of every change made to the disk since the machine was made: position, length, contents */
    u64 reads, writes, flushes;
};

struct blk_link {
    struct virtio_link l;
    struct timer timer;
    u64 latency; /* master clock ticks */
    u64 sectors; /* capacity */
    u32 block_size, physical_exp;
    bool config_wce, discard, write_zeroes;
    char serial[ID_BYTES + 1];
    struct virtio_chain chain;
    u8 data[PIECE];
};

static const struct state_field blk_fields[] = {
    VIRTIO_STATE(struct blk_state),
    STATE(struct blk_state, wce),
    STATE(struct blk_state, req_active),
    STATE(struct blk_state, req_status),
    STATE(struct blk_state, req_head),
    STATE(struct blk_state, req_type),
    STATE(struct blk_state, req_at),
    STATE(struct blk_state, req_done),
    STATE(struct blk_state, req_len),
    STATE(struct blk_state, write_hash),
    STATE(struct blk_state, reads),
    STATE(struct blk_state, writes),
    STATE(struct blk_state, flushes),
    STATE_END,
};

static unsigned blk_queues(const struct device *d)
{
    return 1;
}

static u64 blk_features(const struct device *d)
{
    const struct blk_link *l = d->link;
    u64 f = F_SEG_MAX | F_GEOMETRY | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY;
    if (d->drive->read_only)
        return f | F_RO;
    return f | (l->config_wce ? F_CONFIG_WCE : 0) | (l->discard ? F_DISCARD : 0) |
           (l->write_zeroes ? F_WRITE_ZEROES : 0);
}

static unsigned blk_config(const struct device *d, u8 *c)
{
    const struct blk_link *l = d->link;
    const struct blk_state *s = d->state;
    store_le(c + 0, 8, l->sectors);
    store_le(c + 12, 4, SEG_MAX);
    /* Cylinders, heads and sectors for those who still ask. */
    u64 cylinders = l->sectors / (16 * 63);
    store_le(c + 16, 2, cylinders < 2 ? 2 : cylinders > 16383 ? 16383 : cylinders);
    c[18] = 16;
    c[19] = 63;
    store_le(c + 20, 4, l->block_size);
    c[24] = (u8)l->physical_exp;
    store_le(c + 26, 2, 1); /* smallest good transfer, in blocks */
    c[32] = s->wce;
    store_le(c + 34, 2, 1); /* queues */
    store_le(c + 36, 4, MAX_ZERO_SECTORS);
    store_le(c + 40, 4, 1); /* ranges of one DISCARD */
    store_le(c + 44, 4, l->block_size / SECTOR);
    store_le(c + 48, 4, MAX_ZERO_SECTORS);
    store_le(c + 52, 4, 1);
    c[56] = 1; /* WRITE_ZEROES may free space */
    return 57;
}

static void blk_config_write(struct device *d, u32 offset, unsigned size, u64 value)
{
    struct blk_state *s = d->state;
    if (offset == 32 && size == 1 && virtio_has(d, F_CONFIG_WCE))
        s->wce = value & 1;
}

/* Drivers that cannot flush get a cache that writes through (section 5.2.5). */
static void blk_negotiated(struct device *d)
{
    struct blk_state *s = d->state;
    s->wce = virtio_has(d, F_FLUSH | F_CONFIG_WCE);
}

static void forget(struct blk_state *s)
{
    s->req_active = s->req_status = 0;
    s->req_head = 0;
    s->req_type = 0;
    s->req_at = s->req_done = s->req_len = 0;
}

/* --- requests ---------------------------------------------------------------------------------------------- */

static void hash_change(struct device *d, u64 at, u64 len, const u8 *data)
{
    struct blk_state *s = d->state;
    s->write_hash = hash_u64(len, hash_u64(at, s->write_hash));
    s->write_hash = data ? hash_bytes(data, len, s->write_hash) : hash_u64(0, s->write_hash);
}

static bool range_ok(const struct device *d, u64 sector, u64 bytes)
{
    const struct blk_link *l = d->link;
    u64 per_block = l->block_size / SECTOR, n = bytes / SECTOR;
    return !(bytes % l->block_size) && !(sector % per_block) && sector <= l->sectors && n <= l->sectors - sector;
}

/* Section 5.2.6, struct virtio_blk_discard_write_zeroes. */
static u8 zero_range(struct device *d, u32 type, const struct virtio_chain *c)
{
    u8 range[16];
    if (!virtio_has(d, type == REQ_DISCARD ? F_DISCARD : F_WRITE_ZEROES) || c->out_len != 16 + sizeof range ||
        virtio_chain_read(d, c, 16, range, sizeof range) != sizeof range)
        return STATUS_UNSUPP;
    u64 sector = load_le(range, 8), n = load_le(range + 8, 4), flags = load_le(range + 12, 4);
    if (flags & ~(u64)(type == REQ_WRITE_ZEROES ? 1 : 0)) /* bit 0, unmap, is for WRITE_ZEROES alone */
        return STATUS_UNSUPP;
    if (n > MAX_ZERO_SECTORS || !range_ok(d, sector, n * SECTOR) || d->drive->read_only)
        return STATUS_IOERR;
    if (!n)
        return STATUS_OK;
    hash_change(d, sector * SECTOR, n * SECTOR, NULL);
    return d->drive->ops->zero(d->drive, sector * SECTOR, n * SECTOR, NULL) ? STATUS_OK : STATUS_IOERR;
}

static u8 get_id(struct device *d, const struct virtio_chain *c)
{
    const struct blk_link *l = d->link;
    u8 id[ID_BYTES] = { 0 };
    memcpy(id, l->serial, strlen(l->serial));
    u64 room = c->in_len - 1;
    virtio_chain_write(d, c, 0, id, room < sizeof id ? room : sizeof id);
    return STATUS_OK;
}

static bool flush(struct device *d)
{
    struct blk_state *s = d->state;
    s->flushes++;
    return d->drive->ops->flush(d->drive, NULL);
}

/* Reads the header and decides everything that does not move sectors. False: the device failed. */
static bool start(struct device *d, const struct virtio_chain *c)
{
    struct blk_state *s = d->state;
    u8 header[16];
    if (c->out_len < sizeof header || !c->in_len) {
        virtio_fail(d, "a block request has no header or no room for its status");
        return false;
    }
    virtio_chain_read(d, c, 0, header, sizeof header);
    u64 sector = load_le(header + 8, 8);
    s->req_active = 1;
    s->req_head = c->head;
    s->req_type = (u32)load_le(header, 4);
    s->req_status = STATUS_OK;
    s->req_at = s->req_done = s->req_len = 0;
    switch (s->req_type) {
    case REQ_IN:
    case REQ_OUT: {
        u64 len = s->req_type == REQ_IN ? c->in_len - 1 : c->out_len - sizeof header;
        if (!range_ok(d, sector, len) || (s->req_type == REQ_OUT && d->drive->read_only)) {
            s->req_status = STATUS_IOERR;
            break;
        }
        s->req_at = sector * SECTOR;
        s->req_len = len;
        *(s->req_type == REQ_IN ? &s->reads : &s->writes) += 1;
        break;
    }
    case REQ_FLUSH:
        s->req_status = flush(d) ? STATUS_OK : STATUS_IOERR;
        break;
    case REQ_GET_ID:
        s->req_status = get_id(d, c);
        break;
    case REQ_DISCARD:
    case REQ_WRITE_ZEROES:
        s->req_status = zero_range(d, s->req_type, c);
        break;
    default:
        s->req_status = STATUS_UNSUPP;
    }
    return true;
}

/* Moves up to `budget` bytes of the active request; returns how many. */
static u64 move(struct device *d, const struct virtio_chain *c, u64 budget)
{
    struct blk_state *s = d->state;
    struct blk_link *l = d->link;
    u64 moved = 0;
    while (s->req_done < s->req_len && moved < budget) {
        u64 n = s->req_len - s->req_done;
        if (n > PIECE)
            n = PIECE;
        bool ok;
        if (s->req_type == REQ_IN) {
            ok = d->drive->ops->read(d->drive, s->req_at, l->data, n, NULL) &&
                 virtio_chain_write(d, c, s->req_done, l->data, n) == n;
        } else {
            ok = virtio_chain_read(d, c, 16 + s->req_done, l->data, n) == n;
            if (ok)
                hash_change(d, s->req_at, n, l->data);
            ok = ok && d->drive->ops->write(d->drive, s->req_at, l->data, n, NULL);
        }
        if (!ok) {
            s->req_status = STATUS_IOERR;
            s->req_len = s->req_done;
            break;
        }
        s->req_at += n;
        s->req_done += n;
        moved += n;
    }
    return moved;
}

static void finish(struct device *d, const struct virtio_chain *c)
{
    struct blk_state *s = d->state;
    if (s->req_type == REQ_OUT && s->req_status == STATUS_OK && !s->wce && !flush(d))
        s->req_status = STATUS_IOERR;
    virtio_chain_write(d, c, c->in_len - 1, &s->req_status, 1);
    forget(s);
    virtqueue_push(d, 0, c->head, (u32)c->in_len);
}

/* What a half-done request was must still fit the chain, which the guest could have changed meanwhile. */
static bool resume(struct device *d, struct virtio_chain *c)
{
    struct blk_state *s = d->state;
    if (!virtqueue_again(d, 0, s->req_head, c))
        return false;
    u64 len = s->req_type == REQ_IN ? c->in_len - 1 : c->out_len - 16;
    if (c->in_len && (s->req_type == REQ_IN || c->out_len >= 16) && s->req_len <= len)
        return true;
    virtio_fail(d, "a block request changed while the device worked on it");
    return false;
}

static void blk_work(void *opaque, u64 now)
{
    struct device *d = opaque;
    struct blk_state *s = d->state;
    struct blk_link *l = d->link;
    struct virtio_chain *c = &l->chain;
    u64 bytes = 0;
    for (unsigned n = 0; n < EVENT_REQUESTS && bytes < EVENT_BYTES; n++) {
        bool ok = s->req_active ? resume(d, c) : virtqueue_pop(d, 0, c) && start(d, c);
        if (!ok) {
            forget(s);
            return; /* nothing to do, or broken */
        }
        bytes += move(d, c, EVENT_BYTES - bytes);
        if (s->req_done < s->req_len)
            break;
        finish(d, c);
    }
    if (s->req_active || !virtqueue_empty(d, 0))
        timer_arm(d->env->clock, &l->timer, now + l->latency);
}

/* Also before DRIVER_OK: drivers exist that set it late or never, and QEMU's disk serves them. */
static void blk_notify(struct device *d, unsigned q)
{
    struct blk_link *l = d->link;
    if (!l->timer.armed)
        timer_arm(d->env->clock, &l->timer, d->env->clock->now + l->latency);
}

/* --- the class --------------------------------------------------------------------------------------------- */

static void blk_driver_reset(struct device *d)
{
    struct blk_state *s = d->state;
    struct blk_link *l = d->link;
    timer_cancel(d->env->clock, &l->timer);
    s->wce = 1;
    forget(s);
}

/* write_hash stays: it stands for the contents of the disk, which survive a reset as well. */
static void blk_reset(struct device *d)
{
    virtio_power_on(d);
    blk_driver_reset(d);
}

static void blk_loaded(struct device *d)
{
    struct blk_state *s = d->state;
    struct blk_link *l = d->link;
    virtio_loaded(d);
    /* A half-done request moves sectors of this disk, or it is none. */
    bool moves = s->req_type == REQ_IN || s->req_type == REQ_OUT;
    u64 left = s->req_len - s->req_done;
    if (!moves || s->req_done > s->req_len || s->req_at > l->sectors * SECTOR || left > l->sectors * SECTOR - s->req_at)
        s->req_active = 0;
    if (!s->req_active)
        forget(s);
}

static const struct virtio_ops blk_ops = {
    .id = 2,
    .queues = blk_queues,
    .features = blk_features,
    .notify = blk_notify,
    .config = blk_config,
    .config_write = blk_config_write,
    .negotiated = blk_negotiated,
    .reset = blk_driver_reset,
};

static bool power_of_two_blocks(struct device *d, const char *name, u32 *size, struct err *e)
{
    u64 v = device_prop_u64(d, name);
    if (v < SECTOR || v > 32768 || (v & (v - 1)))
        return err_set(e, "%s of %s must be a power of two from 512 to 32768, not %llu", name, d->path,
                       (unsigned long long)v);
    *size = (u32)v;
    return true;
}

static bool blk_build(struct device *d, struct err *e)
{
    struct blk_link *l = d->link;
    u32 physical = SECTOR;
    if (!d->drive)
        return err_set(e, "%s has no disk: add drive=ID, where '-drive if=none,id=ID,file=...' names the image",
                       d->cls->name);
    if (!power_of_two_blocks(d, "logical_block_size", &l->block_size, e) ||
        !power_of_two_blocks(d, "physical_block_size", &physical, e))
        return false;
    while (l->block_size << l->physical_exp < physical)
        l->physical_exp++;
    l->sectors = d->drive->size / l->block_size * (l->block_size / SECTOR);
    l->config_wce = device_prop_bool(d, "config-wce");
    l->discard = device_prop_bool(d, "discard");
    l->write_zeroes = device_prop_bool(d, "write-zeroes");
    const char *serial = device_prop(d, "serial");
    if (serial && strlen(serial) > ID_BYTES)
        return err_set(e, "the serial '%s' is longer than the %u bytes that a virtio disk can tell", serial, ID_BYTES);
    memcpy(l->serial, serial ? serial : "", serial ? strlen(serial) : 0);
    u128 ticks = (u128)device_prop_u64(d, "latency-ns") * d->env->clock->hz / 1000000000u;
    l->latency = ticks < 1 ? 1 : ticks > (u64)1 << 60 ? (u64)1 << 60 : (u64)ticks;
    virtio_build(d, &blk_ops);
    timer_init(d->env->clock, &l->timer, d->path, "work", 0, blk_work, d);
    return true;
}

static void blk_describe(const struct device *d, struct buf *out)
{
    const struct blk_state *s = d->state;
    const struct blk_link *l = d->link;
    virtio_describe(d, out);
    buf_printf(out, "%s: %llu sectors%s, write %s; %llu reads, %llu writes, %llu flushes\n",
               d->drive->id ? d->drive->id : "disk", (unsigned long long)l->sectors,
               d->drive->read_only ? ", read only" : "", s->wce ? "back" : "through", (unsigned long long)s->reads,
               (unsigned long long)s->writes, (unsigned long long)s->flushes);
    if (s->req_active)
        buf_printf(out, "in progress: head %u, type %u, %llu of %llu bytes\n", s->req_head, s->req_type,
                   (unsigned long long)s->req_done, (unsigned long long)s->req_len);
}

static const struct prop_desc blk_props[] = {
    { "drive", PROP_DRIVE, NULL, "the disk: id of a -drive" },
    { "serial", PROP_STR, NULL, "what the disk calls itself, up to 20 bytes" },
    { "logical_block_size", PROP_U64, "512", "smallest transfer, bytes" },
    { "physical_block_size", PROP_U64, "512", "the medium's own block, bytes" },
    { "config-wce", PROP_BOOL, "on", "the driver may switch the write cache" },
    { "discard", PROP_BOOL, "on", "offer DISCARD" },
    { "write-zeroes", PROP_BOOL, "on", "offer WRITE_ZEROES" },
    { "latency-ns", PROP_U64, "20000", "virtual time from a request to its completion" },
    VIRTIO_PROPS,
    { NULL, 0, NULL, NULL },
};

const struct device_class virtio_blk_class = {
    .name = "virtio-blk-device",
    .doc = "virtio disk",
    .bus = "virtio",
    .state_size = sizeof(struct blk_state),
    .state = blk_fields,
    .link_size = sizeof(struct blk_link),
    .props = blk_props,
    .build = blk_build,
    .reset = blk_reset,
    .loaded = blk_loaded,
    .describe = blk_describe,
};
