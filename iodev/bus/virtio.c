#include "iodev/bus/virtio.h"

#include <string.h>

const struct event_type virtio_notify_event = {
    "virtio.notify", "the driver says that a queue has new buffers", { { "queue", EV_U64 } },
};
const struct event_type virtio_complete_event = {
    "virtio.complete", "the device returns a descriptor chain",
    { { "queue", EV_U64 }, { "head", EV_U64 }, { "written", EV_U64 } },
};
const struct event_type virtio_error_event = {
    "virtio.error", "the driver broke the rules; the device waits for a reset", { { "reason", EV_STR } },
};

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 }; /* section 2.7.5 */
enum { AVAIL_NO_INTERRUPT = 1 };                           /* section 2.7.6 */

/* --- life -------------------------------------------------------------------------------------------------- */

void virtio_build(struct device *d, const struct virtio_ops *ops)
{
    struct virtio_link *l = d->link;
    l->ops = ops;
    l->common_features = 0;
    if (device_prop_bool(d, "indirect_desc"))
        l->common_features |= VIRTIO_F_INDIRECT_DESC;
    if (device_prop_bool(d, "event_idx"))
        l->common_features |= VIRTIO_F_EVENT_IDX;
}

void virtio_power_on(struct device *d)
{
    struct virtio_state *v = d->state;
    memset(v, 0, sizeof *v);
    for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++) {
        v->q_num[q] = VIRTIO_DEFAULT_ENTRIES;
        v->q_align[q] = 4096;
    }
}

void virtio_loaded(struct device *d)
{
    struct virtio_state *v = d->state;
    v->features &= virtio_offered(d);
    for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++) {
        if (!v->q_num[q] || v->q_num[q] > VIRTIO_MAX_ENTRIES)
            v->q_num[q] = VIRTIO_DEFAULT_ENTRIES;
        if (!v->q_align[q] || (v->q_align[q] & (v->q_align[q] - 1)))
            v->q_align[q] = 4096;
    }
}

void virtio_describe(const struct device *d, struct buf *out)
{
    const struct virtio_state *v = d->state;
    const struct virtio_link *l = d->link;
    buf_printf(out, "virtio device %u, status 0x%x%s, features 0x%llx of 0x%llx\n", l->ops->id, v->status,
               v->broken ? " (broken by the driver)" : "", (unsigned long long)v->features,
               (unsigned long long)virtio_offered(d));
    for (unsigned q = 0; q < l->ops->queues(d); q++) {
        if (!v->q_ready[q])
            continue;
        buf_printf(out, "queue %u: %u entries, desc 0x%llx avail 0x%llx used 0x%llx, ", q, v->q_num[q],
                   (unsigned long long)v->q_desc[q], (unsigned long long)v->q_avail[q],
                   (unsigned long long)v->q_used[q]);
        buf_printf(out, "next avail %u, used %u, %u in flight\n", v->q_last_avail[q], v->q_used_idx[q], v->q_inuse[q]);
    }
}

static void interrupt(struct device *d, unsigned isr, unsigned q)
{
    const struct virtio_link *l = d->link;
    if (l->interrupt && d->parent)
        l->interrupt(d->parent, isr, q);
}

void virtio_config_changed(struct device *d)
{
    struct virtio_state *v = d->state;
    v->generation++;
    if (v->status & VIRTIO_DRIVER_OK)
        interrupt(d, VIRTIO_ISR_CONFIG, 0);
}

void virtio_fail(struct device *d, const char *reason)
{
    struct virtio_state *v = d->state;
    EVENT(d->env->bus, d->env->clock->now, d->path, &virtio_error_event, { .s = reason });
    if (v->broken)
        return;
    v->broken = 1;
    v->status |= VIRTIO_NEEDS_RESET; /* section 2.1.2 */
    virtio_config_changed(d);
}

/* --- what the driver sets ---------------------------------------------------------------------------------- */

u64 virtio_offered(const struct device *d)
{
    const struct virtio_link *l = d->link;
    return l->ops->features(d) | l->common_features |
           (l->legacy ? VIRTIO_F_ANY_LAYOUT | VIRTIO_F_NOTIFY_ON_EMPTY : VIRTIO_F_VERSION_1);
}

bool virtio_set_features(struct device *d, u64 features)
{
    struct virtio_state *v = d->state;
    const struct virtio_link *l = d->link;
    u64 offered = virtio_offered(d);
    v->features = features & offered;
    if (l->ops->negotiated)
        l->ops->negotiated(d);
    return !(features & ~offered);
}

void virtio_set_status(struct device *d, u8 status)
{
    struct virtio_state *v = d->state;
    const struct virtio_link *l = d->link;
    if (!status) {
        virtio_power_on(d);
        if (l->ops->reset)
            l->ops->reset(d);
        return;
    }
    bool starts = (status & ~v->status) & VIRTIO_DRIVER_OK;
    v->status = (u8)(status | (v->broken ? VIRTIO_NEEDS_RESET : 0));
    /* Buffers may have been offered before the driver was up. */
    for (unsigned q = 0; starts && q < l->ops->queues(d); q++)
        if (!virtqueue_empty(d, q))
            l->ops->notify(d, q);
}

void virtio_notify(struct device *d, unsigned q)
{
    struct virtio_state *v = d->state;
    const struct virtio_link *l = d->link;
    if (q >= l->ops->queues(d))
        return;
    EVENT(d->env->bus, d->env->clock->now, d->path, &virtio_notify_event, { .u = q });
    if (v->q_ready[q] && !v->broken)
        l->ops->notify(d, q);
}

void virtio_queue_enable(struct device *d, unsigned q)
{
    struct virtio_state *v = d->state;
    v->q_ready[q] = 1;
    v->q_last_avail[q] = v->q_used_idx[q] = v->q_signalled[q] = v->q_inuse[q] = 0;
    v->q_signalled_valid[q] = 0;
}

void virtio_queue_disable(struct device *d, unsigned q)
{
    struct virtio_state *v = d->state;
    v->q_ready[q] = 0;
}

u64 virtio_config_read(const struct device *d, u32 offset, unsigned size)
{
    u8 config[256] = { 0 };
    unsigned len = virtio_link(d)->ops->config(d, config);
    if (offset >= len || size > len - offset)
        return size_mask(size);
    return load_le(config + offset, size);
}

void virtio_config_write(struct device *d, u32 offset, unsigned size, u64 value)
{
    u8 config[256] = { 0 };
    const struct virtio_link *l = d->link;
    unsigned len = l->ops->config(d, config);
    if (l->ops->config_write && offset < len && size <= len - offset)
        l->ops->config_write(d, offset, size, value);
}

/* --- split virtqueues, section 2.7 ------------------------------------------------------------------------- */

static bool read_u16(const struct device *d, u64 addr, u16 *value)
{
    u8 b[2];
    if (!space_dma_read(d->env->mem, addr, b, sizeof b))
        return false;
    *value = (u16)load_le(b, 2);
    return true;
}

static bool write_u16(const struct device *d, u64 addr, u16 value)
{
    u8 b[2];
    store_le(b, 2, value);
    return space_dma_write(d->env->mem, addr, b, sizeof b);
}

/* May the device read (write) all of it? */
static bool in_memory(struct space *s, u64 addr, u64 len, bool write)
{
    if (addr + (len - 1) < addr)
        return false;
    for (;;) {
        const struct region *r = space_find(s, addr);
        if (!r || !r->ram || !(write ? r->write_direct : r->read_direct))
            return false;
        u64 here = r->size - (addr - r->base);
        if (here >= len)
            return true;
        addr += here;
        len -= here;
    }
}

static const char *add_segment(const struct device *d, struct virtio_chain *c, u64 addr, u32 len, u16 flags)
{
    bool write = flags & DESC_WRITE;
    if (!len)
        return "a buffer has length 0";
    if (!write && c->n_in)
        return "a buffer for reading comes after one for writing";
    if (c->n_out + c->n_in == VIRTIO_MAX_ENTRIES)
        return "a chain has more than 1024 buffers";
    if (c->out_len + c->in_len + len > UINT32_MAX)
        return "a chain is longer than 4 GiB";
    if (!in_memory(d->env->mem, addr, len, write))
        return write ? "a buffer for writing is not in RAM" : "a buffer is not in memory";
    c->seg[c->n_out + c->n_in] = (struct virtio_seg){ addr, len };
    if (write) {
        c->n_in++;
        c->in_len += len;
    } else {
        c->n_out++;
        c->out_len += len;
    }
    return NULL;
}

/* Takes a chain apart; NULL, or what is wrong with it. A table is followed for at most as many steps as it has
 * entries, so loops end. Any number of direct descriptors may come before one indirect one (section 2.7.5.3.2). */
static const char *walk(const struct device *d, unsigned q, u16 head, struct virtio_chain *c)
{
    const struct virtio_state *v = d->state;
    c->q = (u16)q;
    c->head = head;
    c->n_out = c->n_in = 0;
    c->out_len = c->in_len = 0;
    u64 table = v->q_desc[q];
    u32 entries = v->q_num[q], at = head;
    bool indirect = false;
    if (at >= entries)
        return "the available ring names a descriptor that does not exist";
    for (u32 steps = 0;;) {
        u8 raw[16];
        if (!space_dma_read(d->env->mem, table + 16 * (u64)at, raw, sizeof raw))
            return indirect ? "an indirect table is not in memory" : "the descriptor table is not in memory";
        u64 addr = load_le(raw, 8);
        u32 len = (u32)load_le(raw + 8, 4);
        u16 flags = (u16)load_le(raw + 12, 2);
        if (flags & DESC_INDIRECT) {
            if (indirect)
                return "an indirect table holds an indirect descriptor";
            if (flags & DESC_NEXT)
                return "a descriptor is both indirect and followed by another";
            if (!len || len % 16 || len / 16 > VIRTIO_MAX_ENTRIES)
                return "an indirect table has an impossible length";
            indirect = true;
            table = addr;
            entries = len / 16;
            at = steps = 0;
            continue;
        }
        const char *wrong = add_segment(d, c, addr, len, flags);
        if (wrong)
            return wrong;
        if (!(flags & DESC_NEXT))
            return NULL;
        at = (u32)load_le(raw + 14, 2);
        if (at >= entries)
            return "a descriptor names a next one that does not exist";
        if (++steps >= entries)
            return "a chain is longer than its table: it loops";
    }
}

/* How many entries of the available ring wait; -1: the ring cannot be believed. */
static int available(const struct device *d, unsigned q, const char **wrong)
{
    const struct virtio_state *v = d->state;
    u16 idx;
    if (!read_u16(d, v->q_avail[q] + 2, &idx)) {
        *wrong = "the available ring is not in memory";
        return -1;
    }
    u16 n = (u16)(idx - v->q_last_avail[q]);
    if (n > v->q_num[q]) {
        *wrong = "the available index jumped by more than the queue size";
        return -1;
    }
    return n;
}

bool virtqueue_empty(const struct device *d, unsigned q)
{
    const struct virtio_state *v = d->state;
    const char *wrong;
    return !v->q_ready[q] || v->broken || available(d, q, &wrong) == 0;
}

bool virtqueue_pop(struct device *d, unsigned q, struct virtio_chain *c)
{
    struct virtio_state *v = d->state;
    if (!v->q_ready[q] || v->broken)
        return false;
    const char *wrong = NULL;
    int n = available(d, q, &wrong);
    if (!n)
        return false;
    u16 head = 0, num = v->q_num[q];
    if (!wrong && v->q_inuse[q] >= num)
        wrong = "more chains are offered than the queue has descriptors";
    if (!wrong && !read_u16(d, v->q_avail[q] + 4 + 2 * (u64)(v->q_last_avail[q] % num), &head))
        wrong = "the available ring is not in memory";
    if (!wrong)
        wrong = walk(d, q, head, c);
    if (!wrong) {
        v->q_last_avail[q]++;
        v->q_inuse[q]++;
        /* Ask to be told of the next one (section 2.7.10). */
        if (virtio_has(d, VIRTIO_F_EVENT_IDX) && !write_u16(d, v->q_used[q] + 4 + 8 * (u64)num, v->q_last_avail[q]))
            wrong = "the used ring is not in RAM";
    }
    if (wrong)
        virtio_fail(d, wrong);
    return !wrong;
}

bool virtqueue_again(struct device *d, unsigned q, u16 head, struct virtio_chain *c)
{
    struct virtio_state *v = d->state;
    if (!v->q_ready[q] || v->broken)
        return false;
    const char *wrong = walk(d, q, head, c);
    if (wrong)
        virtio_fail(d, wrong);
    return !wrong;
}

u64 virtqueue_room(const struct device *d, unsigned q, u64 want, bool one, struct virtio_chain *scratch)
{
    const struct virtio_state *v = d->state;
    if (!v->q_ready[q] || v->broken)
        return 0;
    const char *wrong = NULL;
    int n = available(d, q, &wrong);
    if (n < 0)
        return want;
    u64 total = 0;
    for (int i = 0; i < n && total < want; i++) {
        u16 head;
        if (!read_u16(d, v->q_avail[q] + 4 + 2 * (u64)((u16)(v->q_last_avail[q] + i) % v->q_num[q]), &head) ||
            walk(d, q, head, scratch))
            return want;
        total += scratch->in_len;
        if (one)
            break;
    }
    return total < want ? total : want;
}

void virtqueue_fill(struct device *d, unsigned q, u16 head, u32 written, unsigned ahead)
{
    struct virtio_state *v = d->state;
    if (!v->q_ready[q] || v->broken)
        return;
    EVENT(d->env->bus, d->env->clock->now, d->path, &virtio_complete_event, { .u = q }, { .u = head },
          { .u = written });
    u8 elem[8];
    store_le(elem, 4, head);
    store_le(elem + 4, 4, written);
    u16 at = (u16)(v->q_used_idx[q] + ahead) % v->q_num[q];
    if (!space_dma_write(d->env->mem, v->q_used[q] + 4 + 8 * (u64)at, elem, sizeof elem))
        virtio_fail(d, "the used ring is not in RAM");
}

/* Sections 2.7.7 (flags and used_event) and, for legacy drivers, 6.3 (NOTIFY_ON_EMPTY). */
static bool wants_interrupt(struct device *d, unsigned q)
{
    struct virtio_state *v = d->state;
    u16 now = v->q_used_idx[q], before = v->q_signalled[q], event = 0, flags = 0;
    bool valid = v->q_signalled_valid[q];
    if (virtio_has(d, VIRTIO_F_NOTIFY_ON_EMPTY) && !v->q_inuse[q] && virtqueue_empty(d, q))
        return true;
    if (!virtio_has(d, VIRTIO_F_EVENT_IDX))
        return read_u16(d, v->q_avail[q], &flags) && !(flags & AVAIL_NO_INTERRUPT);
    v->q_signalled[q] = now;
    v->q_signalled_valid[q] = 1;
    if (!read_u16(d, v->q_avail[q] + 4 + 2 * (u64)v->q_num[q], &event))
        return false;
    return !valid || (u16)(now - event - 1) < (u16)(now - before);
}

void virtqueue_flush(struct device *d, unsigned q, unsigned count)
{
    struct virtio_state *v = d->state;
    if (!count || !v->q_ready[q] || v->broken)
        return;
    u16 before = v->q_used_idx[q];
    v->q_used_idx[q] = (u16)(before + count);
    v->q_inuse[q] = (u16)(v->q_inuse[q] > count ? v->q_inuse[q] - count : 0);
    if (!write_u16(d, v->q_used[q] + 2, v->q_used_idx[q])) {
        virtio_fail(d, "the used ring is not in RAM");
        return;
    }
    /* After 65536 entries without a decision the remembered index means nothing. */
    if ((u16)(v->q_used_idx[q] - v->q_signalled[q]) < count)
        v->q_signalled_valid[q] = 0;
    if (wants_interrupt(d, q))
        interrupt(d, VIRTIO_ISR_QUEUE, q);
}

void virtqueue_push(struct device *d, unsigned q, u16 head, u32 written)
{
    virtqueue_fill(d, q, head, written, 0);
    virtqueue_flush(d, q, 1);
}

/* --- data of a chain --------------------------------------------------------------------------------------- */

static u64 chain_copy(const struct device *d, const struct virtio_seg *seg, u32 n, u64 offset, u8 *bytes, u64 len,
                      bool write)
{
    u64 done = 0;
    for (u32 i = 0; i < n && done < len; i++) {
        if (offset >= seg[i].len) {
            offset -= seg[i].len;
            continue;
        }
        u64 part = seg[i].len - offset;
        if (part > len - done)
            part = len - done;
        bool ok = write ? space_dma_write(d->env->mem, seg[i].addr + offset, bytes + done, part)
                        : space_dma_read(d->env->mem, seg[i].addr + offset, bytes + done, part);
        if (!ok)
            break;
        done += part;
        offset = 0;
    }
    return done;
}

u64 virtio_chain_read(const struct device *d, const struct virtio_chain *c, u64 offset, void *out, u64 len)
{
    return chain_copy(d, c->seg, c->n_out, offset, out, len, false);
}

u64 virtio_chain_write(const struct device *d, const struct virtio_chain *c, u64 offset, const void *in, u64 len)
{
    return chain_copy(d, c->seg + c->n_out, c->n_in, offset, (u8 *)(uintptr_t)in, len, true);
}
