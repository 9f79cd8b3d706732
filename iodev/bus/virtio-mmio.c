#include "iodev/bus/virtio-mmio.h"

#include <string.h>

struct mmio_state {
    u32 features_sel, driver_features_sel, page_size, queue_sel, isr, shm_sel;
    u32 driver_features[2]; /* written, and taken with FEATURES_OK */
};

struct mmio_link {
    bool legacy;
};

#define MMIO_STATE(d) ((struct mmio_state *)(d)->state)

static const struct state_field mmio_fields[] = {
    STATE(struct mmio_state, features_sel), STATE(struct mmio_state, driver_features_sel),
    STATE(struct mmio_state, page_size),    STATE(struct mmio_state, queue_sel),
    STATE(struct mmio_state, isr),          STATE(struct mmio_state, shm_sel),
    STATE_ARRAY(struct mmio_state, driver_features), STATE_END,
};

static bool is_legacy(const struct device *d)
{
    return ((const struct mmio_link *)d->link)->legacy && d->child;
}

static bool is_modern(const struct device *d)
{
    return !((const struct mmio_link *)d->link)->legacy && d->child;
}

static bool has_child(const struct device *d)
{
    return d->child != NULL;
}

/* The selected queue, or -1. */
static int selected(const struct device *d)
{
    u32 q = MMIO_STATE(d)->queue_sel;
    return d->child && q < virtio_link(d->child)->ops->queues(d->child) ? (int)q : -1;
}

/* --- the interrupt ----------------------------------------------------------------------------------------- */

static void set_isr(struct device *d, u32 isr)
{
    struct mmio_state *s = MMIO_STATE(d);
    bool changed = !s->isr != !isr;
    s->isr = isr;
    if (changed)
        device_irq(d, 0, isr != 0);
}

static void child_interrupt(struct device *d, unsigned isr, unsigned q)
{
    set_isr(d, MMIO_STATE(d)->isr | isr);
}

/* --- identity and features --------------------------------------------------------------------------------- */

static u64 get_version(const struct device *d, u32 index)
{
    return ((const struct mmio_link *)d->link)->legacy ? 1 : 2;
}

static u64 get_device_id(const struct device *d, u32 index)
{
    return d->child ? virtio_link(d->child)->ops->id : 0;
}

/* The constants that drivers look for: "virt", and the vendor that QEMU shows. */
static u64 get_magic(const struct device *d, u32 index)
{
    return 0x74726976;
}

static u64 get_vendor(const struct device *d, u32 index)
{
    return 0x554d4551;
}

static u64 get_features(const struct device *d, u32 index)
{
    u32 sel = MMIO_STATE(d)->features_sel;
    return sel > 1 ? 0 : (u32)(virtio_offered(d->child) >> (32 * sel));
}

static u64 get_driver_features(const struct device *d, u32 index)
{
    u32 sel = MMIO_STATE(d)->driver_features_sel;
    return sel > 1 ? 0 : MMIO_STATE(d)->driver_features[sel];
}

static void write_driver_features(struct device *d, u32 index, u64 value, u64 old)
{
    struct mmio_state *s = MMIO_STATE(d);
    if (s->driver_features_sel > 1 || (virtio_state(d->child)->status & VIRTIO_FEATURES_OK))
        return;
    s->driver_features[s->driver_features_sel] = (u32)value;
    /* Legacy drivers have no FEATURES_OK: what they write counts at once. */
    if (is_legacy(d) && !s->driver_features_sel)
        virtio_set_features(d->child, value);
}

/* --- status ------------------------------------------------------------------------------------------------ */

static u64 get_status(const struct device *d, u32 index)
{
    return virtio_state(d->child)->status;
}

static void write_status(struct device *d, u32 index, u64 value, u64 old)
{
    struct mmio_state *s = MMIO_STATE(d);
    u8 status = (u8)value;
    if (!status) {
        virtio_set_status(d->child, 0);
        set_isr(d, 0);
        *s = (struct mmio_state){ .page_size = s->page_size };
        return;
    }
    /* Section 3.1.1, steps 5 and 6: a set of features that was not offered is refused by leaving the bit clear. */
    if (is_modern(d) && (status & ~virtio_state(d->child)->status & VIRTIO_FEATURES_OK) &&
        !virtio_set_features(d->child, s->driver_features[0] | (u64)s->driver_features[1] << 32))
        status &= (u8)~VIRTIO_FEATURES_OK;
    virtio_set_status(d->child, status);
}

static void write_ack(struct device *d, u32 index, u64 value, u64 old)
{
    set_isr(d, MMIO_STATE(d)->isr & ~(u32)value);
}

static u64 get_generation(const struct device *d, u32 index)
{
    return virtio_state(d->child)->generation;
}

/* --- queues ------------------------------------------------------------------------------------------------ */

static u64 get_num_max(const struct device *d, u32 index)
{
    return selected(d) < 0 ? 0 : VIRTIO_MAX_ENTRIES;
}

static u64 get_num(const struct device *d, u32 index)
{
    int q = selected(d);
    return q < 0 ? 0 : virtio_state(d->child)->q_num[q];
}

/* The used ring follows the available one at the next multiple of the alignment (section 2.7.2, legacy). */
static void legacy_rings(struct virtio_state *v, int q)
{
    u64 align = v->q_align[q];
    v->q_avail[q] = v->q_desc[q] + 16 * (u64)v->q_num[q];
    v->q_used[q] = (v->q_avail[q] + 6 + 2 * (u64)v->q_num[q] + align - 1) & ~(align - 1);
}

/* What describes a queue stays as it is while the queue is in use; but legacy drivers may say the size late. */
static void write_num(struct device *d, u32 index, u64 value, u64 old)
{
    int q = selected(d);
    if (q < 0 || !value || value > VIRTIO_MAX_ENTRIES)
        return;
    struct virtio_state *v = virtio_state(d->child);
    if (v->q_ready[q] && !is_legacy(d))
        return;
    v->q_num[q] = (u16)value;
    if (v->q_ready[q])
        legacy_rings(v, q);
}

static u64 get_align(const struct device *d, u32 index)
{
    int q = selected(d);
    return q < 0 ? 0 : virtio_state(d->child)->q_align[q];
}

static void write_align(struct device *d, u32 index, u64 value, u64 old)
{
    int q = selected(d);
    if (q < 0 || !value || (value & (value - 1)) || virtio_state(d->child)->q_ready[q])
        return;
    virtio_state(d->child)->q_align[q] = (u32)value;
}

static u64 get_pfn(const struct device *d, u32 index)
{
    int q = selected(d);
    u32 page = MMIO_STATE(d)->page_size;
    return q < 0 || !page || !virtio_state(d->child)->q_ready[q] ? 0 : virtio_state(d->child)->q_desc[q] / page;
}

static void write_pfn(struct device *d, u32 index, u64 value, u64 old)
{
    int q = selected(d);
    if (q < 0)
        return;
    struct virtio_state *v = virtio_state(d->child);
    if (!value) {
        virtio_queue_disable(d->child, (unsigned)q);
        return;
    }
    v->q_desc[q] = value * MMIO_STATE(d)->page_size;
    legacy_rings(v, q);
    virtio_queue_enable(d->child, (unsigned)q);
}

static u64 get_ready(const struct device *d, u32 index)
{
    int q = selected(d);
    return q < 0 ? 0 : virtio_state(d->child)->q_ready[q];
}

static void write_ready(struct device *d, u32 index, u64 value, u64 old)
{
    int q = selected(d);
    if (q < 0)
        return;
    if (!(value & 1))
        virtio_queue_disable(d->child, (unsigned)q);
    else if (!virtio_state(d->child)->q_ready[q])
        virtio_queue_enable(d->child, (unsigned)q);
}

static void write_notify(struct device *d, u32 index, u64 value, u64 old)
{
    virtio_notify(d->child, (unsigned)value);
}

/* QueueDesc, QueueDriver and QueueDevice: three pairs of 32-bit halves, 0x10 apart. */
static u64 ring_half(const struct device *d, const u64 *ring, u32 high)
{
    int q = selected(d);
    return q < 0 ? 0 : (u32)(ring[q] >> (32 * high));
}

static void set_ring_half(struct device *d, u64 *ring, u32 high, u64 value)
{
    int q = selected(d);
    if (q >= 0 && !virtio_state(d->child)->q_ready[q])
        ring[q] = bits_set(ring[q], 32 * high, 32, value);
}

static u64 get_desc(const struct device *d, u32 i) { return ring_half(d, virtio_state(d->child)->q_desc, i); }
static u64 get_driver(const struct device *d, u32 i) { return ring_half(d, virtio_state(d->child)->q_avail, i); }
static u64 get_device(const struct device *d, u32 i) { return ring_half(d, virtio_state(d->child)->q_used, i); }

static void write_desc(struct device *d, u32 i, u64 value, u64 old)
{
    set_ring_half(d, virtio_state(d->child)->q_desc, i, value);
}

static void write_driver(struct device *d, u32 i, u64 value, u64 old)
{
    set_ring_half(d, virtio_state(d->child)->q_avail, i, value);
}

static void write_device(struct device *d, u32 i, u64 value, u64 old)
{
    set_ring_half(d, virtio_state(d->child)->q_used, i, value);
}

/* There is no shared memory region: the length of one that does not exist reads as all ones (section 4.2.2). */
static u64 get_shm(const struct device *d, u32 index)
{
    return UINT32_MAX;
}

/* --- the window -------------------------------------------------------------------------------------------- */

static const struct reg_field status_fields[] = {
    { "ACKNOWLEDGE", 0, 1, "the guest found the device" },
    { "DRIVER", 1, 1, "the guest has a driver for it" },
    { "DRIVER_OK", 2, 1, "the driver is up" },
    { "FEATURES_OK", 3, 1, "the features are settled" },
    { "NEEDS_RESET", 6, 1, "the device stopped because of an error" },
    { "FAILED", 7, 1, "the driver gave up" },
    { NULL, 0, 0, NULL },
};

static const struct reg_field isr_fields[] = {
    { "QUEUE", 0, 1, "buffers were used" },
    { "CONFIG", 1, 1, "the configuration changed" },
    { NULL, 0, 0, NULL },
};

#define ALL 0xffffffffu
#define SLOT(m) REG_SLOT(struct mmio_state, m)
static const struct reg_desc mmio_regs[] = {
    { .name = "MagicValue", .offset = 0x00, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT, .get = get_magic,
      .doc = "\"virt\"", .section = "4.2.2" },
    { .name = "Version", .offset = 0x04, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT, .get = get_version,
      .doc = "1 legacy, 2 virtio 1.x", .section = "4.2.2" },
    { .name = "DeviceID", .offset = 0x08, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT, .get = get_device_id,
      .doc = "kind of device, 0 nothing here", .section = "4.2.2" },
    { .name = "VendorID", .offset = 0x0c, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT, .get = get_vendor,
      .doc = "\"QEMU\", which drivers expect", .section = "4.2.2" },
    { .name = "DeviceFeatures", .offset = 0x10, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT, .visible = has_child,
      .get = get_features, .doc = "32 of the offered features", .section = "4.2.2" },
    { .name = "DeviceFeaturesSel", .offset = 0x14, .width = 4, .access = REG_WO, .rw = ALL, .slot = SLOT(features_sel),
      .visible = has_child, .doc = "which 32", .section = "4.2.2" },
    { .name = "DriverFeatures", .offset = 0x20, .width = 4, .access = REG_WO, .slot = REG_NO_SLOT, .visible = has_child,
      .get = get_driver_features, .write = write_driver_features, .doc = "32 of the accepted features",
      .section = "4.2.2" },
    { .name = "DriverFeaturesSel", .offset = 0x24, .width = 4, .access = REG_WO, .rw = ALL,
      .slot = SLOT(driver_features_sel), .visible = has_child, .doc = "which 32", .section = "4.2.2" },
    { .name = "GuestPageSize", .offset = 0x28, .width = 4, .access = REG_WO, .rw = ALL, .reset = 4096,
      .slot = SLOT(page_size), .visible = is_legacy, .doc = "unit of QueuePFN, bytes", .section = "4.2.4" },
    { .name = "QueueSel", .offset = 0x30, .width = 4, .access = REG_WO, .rw = ALL, .slot = SLOT(queue_sel),
      .visible = has_child, .doc = "the queue that the Queue registers are about", .section = "4.2.2" },
    { .name = "QueueNumMax", .offset = 0x34, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT, .visible = has_child,
      .get = get_num_max, .doc = "most entries, 0 no such queue", .section = "4.2.2" },
    { .name = "QueueNum", .offset = 0x38, .width = 4, .access = REG_WO, .slot = REG_NO_SLOT, .visible = has_child,
      .get = get_num, .write = write_num, .doc = "entries", .section = "4.2.2" },
    { .name = "QueueAlign", .offset = 0x3c, .width = 4, .access = REG_WO, .slot = REG_NO_SLOT, .visible = is_legacy,
      .get = get_align, .write = write_align, .doc = "of the used ring, bytes", .section = "4.2.4" },
    { .name = "QueuePFN", .offset = 0x40, .width = 4, .access = REG_RW, .slot = REG_NO_SLOT, .visible = is_legacy,
      .get = get_pfn, .write = write_pfn, .doc = "page of the queue, 0 not in use", .section = "4.2.4" },
    { .name = "QueueReady", .offset = 0x44, .width = 4, .access = REG_RW, .slot = REG_NO_SLOT, .visible = is_modern,
      .get = get_ready, .write = write_ready, .doc = "1 the device may use the queue", .section = "4.2.2" },
    { .name = "QueueNotify", .offset = 0x50, .width = 4, .access = REG_WO, .slot = REG_NO_SLOT, .visible = has_child,
      .write = write_notify, .doc = "this queue has new buffers", .section = "4.2.2" },
    { .name = "InterruptStatus", .offset = 0x60, .width = 4, .access = REG_RO, .slot = SLOT(isr), .visible = has_child,
      .fields = isr_fields, .doc = "why the interrupt line is up", .section = "4.2.2" },
    { .name = "InterruptACK", .offset = 0x64, .width = 4, .access = REG_WO, .slot = REG_NO_SLOT, .visible = has_child,
      .write = write_ack, .fields = isr_fields, .doc = "1 clears the cause", .section = "4.2.2" },
    { .name = "Status", .offset = 0x70, .width = 4, .access = REG_RW, .slot = REG_NO_SLOT, .visible = has_child,
      .get = get_status, .write = write_status, .fields = status_fields, .doc = "how far the driver is, 0 resets",
      .section = "2.1" },
    { .name = "QueueDesc", .offset = 0x80, .width = 4, .count = 2, .access = REG_WO, .slot = REG_NO_SLOT,
      .visible = is_modern, .get = get_desc, .write = write_desc, .doc = "descriptor table, low and high half",
      .section = "4.2.2" },
    { .name = "QueueDriver", .offset = 0x90, .width = 4, .count = 2, .access = REG_WO, .slot = REG_NO_SLOT,
      .visible = is_modern, .get = get_driver, .write = write_driver, .doc = "available ring, low and high half",
      .section = "4.2.2" },
    { .name = "QueueDevice", .offset = 0xa0, .width = 4, .count = 2, .access = REG_WO, .slot = REG_NO_SLOT,
      .visible = is_modern, .get = get_device, .write = write_device, .doc = "used ring, low and high half",
      .section = "4.2.2" },
    { .name = "SHMSel", .offset = 0xac, .width = 4, .access = REG_WO, .rw = ALL, .slot = SLOT(shm_sel),
      .visible = is_modern, .doc = "a shared memory region; there are none", .section = "4.2.2" },
    { .name = "SHMLen", .offset = 0xb0, .width = 4, .count = 2, .access = REG_RO, .slot = REG_NO_SLOT,
      .visible = is_modern, .get = get_shm, .doc = "its length, low and high half", .section = "4.2.2" },
    { .name = "SHMBase", .offset = 0xb8, .width = 4, .count = 2, .access = REG_RO, .slot = REG_NO_SLOT,
      .visible = is_modern, .get = get_shm, .doc = "its address, low and high half", .section = "4.2.2" },
    { .name = "ConfigGeneration", .offset = 0xfc, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT,
      .visible = is_modern, .get = get_generation, .doc = "changes with the configuration space", .section = "4.2.2" },
    { .name = NULL },
};

/* The configuration space takes any size. Registers take 4 bytes: what is smaller reads 0 and changes nothing, and
 * what is larger is two accesses, as on QEMU's bus. */
static enum mem_result window_read(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)
{
    if (offset >= 0x100) {
        *value = d->child ? virtio_config_read(d->child, (u32)offset - 0x100, size) : 0;
        return MEM_OK;
    }
    if (size == 4 || (peek && size < 4))
        return MEM_FAULT;
    *value = 0;
    if (size < 4 || !d->window[0].region)
        return MEM_OK;
    u64 low = 0, high = 0;
    const struct io_ops *ops = &device_bank_ops;
    void *w = d->window[0].region->opaque;
    (peek ? ops->peek : ops->read)(w, offset, 4, &low);
    (peek ? ops->peek : ops->read)(w, offset + 4, 4, &high);
    *value = low | high << 32;
    return MEM_OK;
}

static enum mem_result window_write(struct device *d, u64 offset, unsigned size, u64 value)
{
    if (offset >= 0x100) {
        if (d->child)
            virtio_config_write(d->child, (u32)offset - 0x100, size, value);
        return MEM_OK;
    }
    if (size == 4)
        return MEM_FAULT;
    if (size < 4 || !d->window[0].region)
        return MEM_OK;
    void *w = d->window[0].region->opaque;
    device_bank_ops.write(w, offset, 4, (u32)value);
    device_bank_ops.write(w, offset + 4, 4, value >> 32);
    return MEM_OK;
}

static const struct reg_bank mmio_bank = {
    .name = "virtio-mmio",
    .size = VIRTIO_MMIO_SIZE,
    .min_access = 1,
    .max_access = 8,
    .regs = mmio_regs,
    .read = window_read,
    .write = window_write,
};

/* --- the class --------------------------------------------------------------------------------------------- */

static bool mmio_build(struct device *d, struct err *e)
{
    ((struct mmio_link *)d->link)->legacy = device_prop_bool(d, "force-legacy");
    return true;
}

static void mmio_reset(struct device *d)
{
    struct mmio_state *s = MMIO_STATE(d);
    *s = (struct mmio_state){ .page_size = 4096 };
    device_irq(d, 0, false);
    if (d->child)
        device_reset(d->child);
}

/* The line's level is in the state of whoever receives it. */
static void mmio_loaded(struct device *d)
{
    MMIO_STATE(d)->isr &= VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG;
}

static void mmio_describe(const struct device *d, struct buf *out)
{
    if (!d->child)
        buf_printf(out, "empty slot\n");
    else
        buf_printf(out, "%s at %s\n", d->child->cls->name, d->child->path);
}

bool virtio_plug(struct device *parent, struct device *child, struct err *e)
{
    const char *bus = child->cls->bus ? child->cls->bus : "";
    if (!strcmp(bus, "virtio") && parent->cls == &virtio_mmio_class) {
        if (parent->child)
            return err_set(e, "'%s' cannot go to %s: '%s' is there already; choose another with bus=virtio-mmio-bus.N",
                           child->cls->name, parent->path, parent->child->cls->name);
        struct virtio_link *l = child->link;
        l->legacy = ((struct mmio_link *)parent->link)->legacy;
        l->interrupt = child_interrupt;
        child->parent = parent;
        parent->child = child;
        return true;
    }
    if (!strcmp(bus, "virtio-serial") && parent->cls->bus && !strcmp(parent->cls->bus, "virtio") &&
        virtio_link(parent)->ops && virtio_link(parent)->ops->plug)
        return virtio_link(parent)->ops->plug(parent, child, e);
    return err_set(e, "device '%s' cannot be plugged into '%s' (%s): it goes to a bus of kind '%s'", child->cls->name,
                   parent->path, parent->cls->name, *bus ? bus : "none");
}

static const struct prop_desc mmio_props[] = {
    { "force-legacy", PROP_BOOL, "on", "show the legacy interface (0.9.5); off: virtio 1.x" },
    { NULL, 0, NULL, NULL },
};

const struct device_class virtio_mmio_class = {
    .name = "virtio-mmio",
    .doc = "virtio transport over memory-mapped registers",
    .compatible = "virtio,mmio",
    .state_size = sizeof(struct mmio_state),
    .state = mmio_fields,
    .link_size = sizeof(struct mmio_link),
    .props = mmio_props,
    .banks = { &mmio_bank },
    .build = mmio_build,
    .reset = mmio_reset,
    .loaded = mmio_loaded,
    .describe = mmio_describe,
};
