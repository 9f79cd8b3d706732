#include "iodev/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "iodev/bus/pci.h"

/* --- properties -------------------------------------------------------------------------------------------- */

static const struct event_type irq_level_event = {
    "irq.level", "an interrupt output of a device changed", { { "out", EV_U64 }, { "level", EV_U64 } },
};

/* The same for those who look at a device's registers. */
static const struct event_type irq_event = {
    "device.irq", "an interrupt output of a device was driven", { { "out", EV_U64 }, { "level", EV_U64 } },
};

static const struct prop_desc *prop_desc_find(const struct device_class *cls, const char *name)
{
    for (const struct prop_desc *p = cls->props; p && p->name; p++)
        if (!strcmp(p->name, name))
            return p;
    return NULL;
}

static bool parse_u64(const char *text, u64 *value)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 0);
    if (errno || end == text || *text == '-')
        return false;
    unsigned shift = *end == 'K' || *end == 'k' ? 10 : *end == 'M' || *end == 'm' ? 20 : *end == 'G' || *end == 'g' ? 30 : 0;
    if (shift)
        end++;
    if (*end || (shift && v >> (64 - shift)))
        return false;
    *value = v << shift;
    return true;
}

static bool parse_bool(const char *text, bool *value)
{
    static const char *const words[] = { "off", "on", "false", "true", "no", "yes", "0", "1" };
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (!strcmp(text, words[i])) {
            *value = i & 1;
            return true;
        }
    return false;
}

static bool check_props(struct device *d, struct err *e)
{
    for (const struct prop_value *v = d->props; v; v = v->next) {
        const struct prop_desc *p = prop_desc_find(d->cls, v->name);
        if (!p) {
            const char *best = NULL;
            unsigned score = 0;
            for (p = d->cls->props; p && p->name; p++)
                suggest(v->name, p->name, &best, &score);
            return err_set(e, "device '%s' has no property '%s'%s%s%s; '-device %s,?' lists them", d->cls->name, v->name,
                           best ? " (did you mean '" : "", best ? best : "", best ? "'?)" : "", d->cls->name);
        }
        u64 n;
        bool b;
        if ((p->kind == PROP_U64 && !parse_u64(v->text, &n)) || (p->kind == PROP_BOOL && !parse_bool(v->text, &b)))
            return err_set(e, "property '%s' of device '%s' takes %s, not '%s'", v->name, d->cls->name,
                           p->kind == PROP_BOOL ? "on or off" : "a number", v->text);
    }
    return true;
}

/* Later ones win: globals come first, then the board's, then the command line's. */
const char *device_prop(const struct device *d, const char *name)
{
    const char *text = NULL;
    for (const struct prop_value *v = d->props; v; v = v->next)
        if (!strcmp(v->name, name))
            text = v->text;
    if (text)
        return text;
    const struct prop_desc *p = prop_desc_find(d->cls, name);
    return p ? p->fallback : NULL;
}

u64 device_prop_u64(const struct device *d, const char *name)
{
    u64 v = 0;
    const char *text = device_prop(d, name);
    if (text)
        parse_u64(text, &v);
    return v;
}

bool device_prop_bool(const struct device *d, const char *name)
{
    bool v = false;
    const char *text = device_prop(d, name);
    if (text)
        parse_bool(text, &v);
    return v;
}

/* --- life -------------------------------------------------------------------------------------------------- */

struct device *device_new(struct device_env *env, const struct device_class *cls, const char *path,
                          struct prop_value *props, struct err *e)
{
    struct device *d = ARENA_NEW(env->arena, struct device);
    d->cls = cls;
    d->path = arena_strdup(env->arena, path);
    d->env = env;
    d->props = props;
    d->state = arena_alloc(env->arena, cls->state_size + 1);
    d->link = arena_alloc(env->arena, cls->link_size + 1);
    if (!check_props(d, e))
        return NULL;
    return d;
}

void device_add_channel(struct device *d, struct input_channel *ch)
{
    struct input_channel **end = &d->env->channels;
    while (*end)
        end = &(*end)->next;
    ch->next = NULL;
    *end = ch;
}

static u64 slot_get(const struct device *d, const struct reg_desc *r, u32 index)
{
    const u8 *p = (const u8 *)d->state + r->slot + (size_t)index * r->width;
    switch (r->width) {
    case 1: return *p;
    case 2: return *(const u16 *)(const void *)p;
    case 4: return *(const u32 *)(const void *)p;
    default: return *(const u64 *)(const void *)p;
    }
}

static void slot_set(struct device *d, const struct reg_desc *r, u32 index, u64 v)
{
    u8 *p = (u8 *)d->state + r->slot + (size_t)index * r->width;
    switch (r->width) {
    case 1: *p = (u8)v; break;
    case 2: *(u16 *)(void *)p = (u16)v; break;
    case 4: *(u32 *)(void *)p = (u32)v; break;
    default: *(u64 *)(void *)p = v; break;
    }
}

static u32 reg_count(const struct reg_desc *r)
{
    return r->count ? r->count : 1;
}

static u32 reg_stride(const struct reg_desc *r)
{
    return r->stride ? r->stride : r->width;
}

void device_reset_rows(struct device *d, unsigned bank)
{
    for (const struct reg_desc *r = device_rows(d->cls, bank); r && r->name; r++)
        for (u32 i = 0; r->slot != REG_NO_SLOT && i < reg_count(r); i++)
            slot_set(d, r, i, r->reset);
}

void device_reset(struct device *d)
{
    for (unsigned b = 0; b < DEVICE_BANKS; b++)
        device_reset_rows(d, b);
    if (d->cls->reset)
        d->cls->reset(d);
}

void device_irq(struct device *d, unsigned out, bool level)
{
    EVENT_OF(EV_IRQ, d->env->bus, d->env->clock->now, d->path, &irq_level_event, { .u = out }, { .u = level });
    wire_set(&d->out[out], level);
    EVENT_OF(EV_DEVICE, d->env->bus, d->env->clock->now, d->path, &irq_event, { .u = out }, { .u = level });
}

static const struct event_type console_event = {
    "console.out", "a serial line, a console or a printer says something", { { "text", EV_STR }, { "bytes", EV_U64 } },
};

void device_char_out(struct device *d, struct char_port *port, const u8 *bytes, size_t n)
{
    if (UNLIKELY(event_wants(d->env->bus, EV_CONSOLE)))
        for (size_t at = 0; at < n;) {
            char text[256];
            size_t k = n - at < sizeof text - 1 ? n - at : sizeof text - 1;
            memcpy(text, bytes + at, k);
            text[k] = 0;
            event_emit(d->env->bus, &(struct event){ &console_event, d->env->clock->now, d->path, { { .s = text }, { .u = k } } });
            at += k;
        }
    if (port)
        port->write(port, bytes, n);
}

static void irq_input(void *opaque, u32 line, bool level)
{
    struct device *d = opaque;
    d->cls->irq_in(d, line, level);
}

struct wire device_irq_input(struct device *d, u32 line)
{
    return (struct wire){ irq_input, d, line };
}

/* --- registers --------------------------------------------------------------------------------------------- */

const struct reg_desc *device_rows(const struct device_class *cls, unsigned bank)
{
    if (bank < DEVICE_MAX_BANKS)
        return cls->banks[bank] ? cls->banks[bank]->regs : NULL;
    if (!cls->pci)
        return NULL;
    return bank == DEVICE_PCI_BANK ? cls->pci->config : bank == DEVICE_PCI_HEADER ? pci_header : NULL;
}

const char *device_bank_name(const struct device_class *cls, unsigned bank)
{
    if (bank < DEVICE_MAX_BANKS)
        return cls->banks[bank] ? cls->banks[bank]->name : "";
    return bank == DEVICE_PCI_BANK ? "pci configuration" : "pci header";
}

const struct reg_desc *device_reg_at(const struct device *d, unsigned bank, u64 offset, bool write, u32 *index)
{
    for (const struct reg_desc *r = device_rows(d->cls, bank); r && r->name; r++) {
        if (offset < r->offset || r->access == (write ? REG_RO : REG_WO))
            continue;
        u64 k = (offset - r->offset) / reg_stride(r);
        if (k >= reg_count(r) || (offset - r->offset) % reg_stride(r) >= r->width || (r->visible && !r->visible(d)))
            continue;
        *index = (u32)k;
        return r;
    }
    return NULL;
}

const struct reg_desc *device_reg_named(const struct device *d, const char *name, unsigned *bank, u32 *index)
{
    size_t n = strcspn(name, "[");
    *index = name[n] ? (u32)strtoul(name + n + 1, NULL, 0) : 0;
    for (unsigned b = 0; b < DEVICE_BANKS; b++)
        for (const struct reg_desc *r = device_rows(d->cls, b); r && r->name; r++)
            if (strlen(r->name) == n && !strncmp(r->name, name, n) && *index < reg_count(r)) {
                *bank = b;
                return r;
            }
    return NULL;
}

u64 device_reg_get(const struct device *d, const struct reg_desc *r, u32 index)
{
    u64 v = r->get ? r->get(d, index) : r->slot != REG_NO_SLOT ? slot_get(d, r, index) : 0;
    return v & size_mask(r->width);
}

u64 device_reg_value(const struct device *d, const char *name)
{
    unsigned bank;
    u32 index;
    const struct reg_desc *r = d ? device_reg_named(d, name, &bank, &index) : NULL;
    return r ? device_reg_get(d, r, index) : 0;
}

u64 device_reg_element(const struct device *d, const char *name, unsigned n)
{
    char text[32];
    snprintf(text, sizeof text, "%s[%u]", name, n);
    return device_reg_value(d, text);
}

static const struct event_type register_event = {
    "device.register", "a register of a device is read or written",
    { { "name", EV_STR }, { "index", EV_U64 }, { "old", EV_HEX }, { "value", EV_HEX }, { "how", EV_STR } },
};

static void tell_register(struct device *d, const struct reg_desc *r, u32 index, u64 old, u64 value, const char *how)
{
    EVENT(d->env->bus, d->env->clock->now, d->path, &register_event, { .s = r->name }, { .u = index }, { .u = old },
          { .u = value }, { .s = how });
}

u64 device_reg_read(struct device *d, const struct reg_desc *r, u32 index)
{
    u64 v = (r->read ? r->read(d, index) : device_reg_get(d, r, index)) & size_mask(r->width);
    if (r->rclr && r->slot != REG_NO_SLOT)
        slot_set(d, r, index, slot_get(d, r, index) & ~r->rclr);
    if (UNLIKELY(event_wants(d->env->bus, EV_DEVICE)))
        tell_register(d, r, index, v, v, "read");
    return v;
}

void device_reg_write(struct device *d, const struct reg_desc *r, u32 index, u64 value, u64 mask)
{
    u64 old = device_reg_get(d, r, index), next = (old & ~mask) | (value & mask);
    if (r->slot != REG_NO_SLOT) {
        u64 stored = slot_get(d, r, index);
        stored = (stored & ~(r->rw & mask)) | (value & r->rw & mask);
        stored &= ~(value & r->w1c & mask);
        slot_set(d, r, index, stored);
        next = stored;
    }
    if (r->write)
        r->write(d, index, next & size_mask(r->width), old);
    if (UNLIKELY(event_wants(d->env->bus, EV_DEVICE)))
        tell_register(d, r, index, old, ((old & ~mask) | (value & mask)) & size_mask(r->width), "write");
}

struct device_window {
    struct device *d;
    unsigned bank;
};

/* Where in its register an access lies; false when the bank does not take it. */
static const struct reg_desc *reg_for_access(struct device_window *w, u64 offset, unsigned size, bool write, u32 *index, unsigned *shift)
{
    const struct reg_desc *r = device_reg_at(w->d, w->bank, offset, write, index);
    if (!r)
        return NULL;
    u64 within = (offset - r->offset) % reg_stride(r);
    if (within + size > r->width)
        return NULL;
    *shift = (unsigned)within * 8;
    return r;
}

static bool size_ok(const struct reg_bank *b, unsigned size)
{
    return size >= b->min_access && size <= b->max_access;
}

static enum mem_result bank_load(void *opaque, u64 offset, unsigned size, u64 *value, bool peek)
{
    struct device_window *w = opaque;
    struct device *d = w->d;
    const struct reg_bank *b = d->cls->banks[w->bank];
    *value = 0;
    if (!peek && !size_ok(b, size))
        return MEM_FAULT;
    if (b->read && b->read(d, offset, size, value, peek) == MEM_OK)
        return MEM_OK;
    u32 index;
    unsigned shift;
    const struct reg_desc *r = reg_for_access(w, offset, size, false, &index, &shift);
    if (!r)
        return b->hole_faults ? MEM_FAULT : MEM_OK;
    u64 v = peek ? device_reg_get(d, r, index) : device_reg_read(d, r, index);
    *value = (v >> shift) & size_mask(size);
    return MEM_OK;
}

static enum mem_result bank_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
    return bank_load(opaque, offset, size, value, false);
}

static enum mem_result bank_peek(void *opaque, u64 offset, unsigned size, u64 *value)
{
    return bank_load(opaque, offset, size, value, true);
}

static enum mem_result bank_write(void *opaque, u64 offset, unsigned size, u64 value)
{
    struct device_window *w = opaque;
    struct device *d = w->d;
    const struct reg_bank *b = d->cls->banks[w->bank];
    if (!size_ok(b, size))
        return MEM_FAULT;
    if (b->write && b->write(d, offset, size, value) == MEM_OK)
        return MEM_OK;
    u32 index;
    unsigned shift;
    const struct reg_desc *r = reg_for_access(w, offset, size, true, &index, &shift);
    if (!r)
        return b->hole_faults ? MEM_FAULT : MEM_OK;
    device_reg_write(d, r, index, value << shift, size_mask(size) << shift);
    return MEM_OK;
}

enum mem_result device_bank_read(struct device *d, unsigned bank, u64 offset, unsigned size, u64 *value)
{
    return bank_read(&(struct device_window){ d, bank }, offset, size, value);
}

enum mem_result device_bank_peek(struct device *d, unsigned bank, u64 offset, unsigned size, u64 *value)
{
    return bank_peek(&(struct device_window){ d, bank }, offset, size, value);
}

enum mem_result device_bank_write(struct device *d, unsigned bank, u64 offset, unsigned size, u64 value)
{
    return bank_write(&(struct device_window){ d, bank }, offset, size, value);
}

const struct io_ops device_bank_ops = { bank_read, bank_write, bank_peek };

static struct device_window *bank_access(struct device *d, unsigned bank)
{
    struct device_window *w = ARENA_NEW(d->env->arena, struct device_window);
    *w = (struct device_window){ d, bank };
    return w;
}

bool device_map(struct device *d, unsigned bank, struct space *s, u64 base, struct err *e)
{
    const struct reg_bank *b = d->cls->banks[bank];
    struct device_window *w = bank_access(d, bank);
    struct ram *ram = d->cls->bank_ram ? d->cls->bank_ram(d, bank) : NULL;
    u64 size = ram ? ram->size : b->size ? b->size : d->bank_size[bank];
    struct region *r = ram ? space_add_romd(s, d->path, base, ram, &device_bank_ops, w, e)
                           : space_add_io(s, d->path, base, size, &device_bank_ops, w, e);
    if (!r)
        return false;
    d->window[bank].base = base;
    d->window[bank].size = size;
    d->window[bank].region = r;
    return true;
}

bool device_window(struct device *d, unsigned bank, struct space *s, u64 size, int rank, struct err *e)
{
    const struct reg_bank *b = d->cls->banks[bank];
    struct ram *ram = b && d->cls->bank_ram ? d->cls->bank_ram(d, bank) : NULL;
    if (b && !size)
        size = ram ? ram->size : b->size ? b->size : d->bank_size[bank];
    if (!b || !size || !s || d->window[bank].moving)
        return err_set(e, "device '%s' has no bank %u that could be a window here", d->cls->name, bank);
    struct window *w = space_window_new(s, d->path, size, rank, &device_bank_ops, bank_access(d, bank),
                                        ram && ram->size >= size ? ram : NULL, 0);
    space_window_direct(w, true, ram && !ram->rom);
    d->window[bank].moving = w;
    d->window[bank].region = space_window_region(w);
    return true;
}

void device_place(struct device *d, unsigned bank, u64 base, bool on)
{
    struct window *w = d->window[bank].moving;
    space_window_place(w, base, on);
    on = space_window_on(w);
    d->window[bank].base = on ? base : 0;
    d->window[bank].size = on ? space_window_region(w)->size : 0;
}
