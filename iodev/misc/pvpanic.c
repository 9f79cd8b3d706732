/* pvpanic. QEMU, docs/specs/pvpanic: a read tells which events the device knows, a write is an event. */
#include "iodev/misc/pvpanic.h"

#include "iodev/bus/isa.h"

struct pvpanic {
    u8 last;
};

struct pvpanic_link {
    void (*panicked)(void *opaque, unsigned event);
    void *opaque;
};

static const struct state_field state[] = { STATE(struct pvpanic, last), STATE_END };

void pvpanic_set_hook(struct device *d, void (*panicked)(void *opaque, unsigned event), void *opaque)
{
    *(struct pvpanic_link *)d->link = (struct pvpanic_link){ panicked, opaque };
}

static u64 events_get(const struct device *d, u32 index)
{
    return device_prop_u64(d, "events") & (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED);
}

static const struct event_type panic_event = {
    "pvpanic.event", "the guest says that it panicked", { { "event", EV_HEX } },
};

static void events_write(struct device *d, u32 index, u64 value, u64 old)
{
    const struct pvpanic_link *l = d->link;
    ((struct pvpanic *)d->state)->last = (u8)value;
    EVENT(d->env->bus, d->env->clock->now, d->path, &panic_event, { .u = value });
    if (!l->panicked)
        return;
    if (value & PVPANIC_PANICKED)
        l->panicked(l->opaque, PVPANIC_PANICKED);
    else if (value & PVPANIC_CRASH_LOADED)
        l->panicked(l->opaque, PVPANIC_CRASH_LOADED);
}

static u64 last_get(const struct device *d, u32 index)
{
    return ((struct pvpanic *)d->state)->last;
}

static const struct reg_field fields[] = {
    { "PANICKED", 0, 1, "the guest panicked" },
    { "CRASH_LOADED", 1, 1, "the guest panicked and handles it" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc regs[] = {
    { .name = "EVENTS", .offset = 0, .width = 1, .slot = REG_NO_SLOT, .get = events_get, .write = events_write,
      .fields = fields, .doc = "reads which events are known; a write is one", .section = "docs/specs/pvpanic" },
    { .name = NULL },
};
static const struct reg_desc inside_regs[] = {
    { .name = "LAST", .offset = 0, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = last_get, .fields = fields,
      .doc = "the last event", .section = "docs/specs/pvpanic" },
    { .name = NULL },
};

static void reset(struct device *d)
{
    ((struct pvpanic *)d->state)->last = 0;
}

static bool build(struct device *d, struct err *e)
{
    return isa_map(d, 0, "ioport", e);
}

static const struct reg_bank bank = {
    .name = "pvpanic", .size = 1, .min_access = 1, .max_access = 1, .regs = regs, .ports = true,
};
static const struct reg_bank inside_bank = {
    .name = "inside", .size = 1, .min_access = 1, .max_access = 1, .regs = inside_regs,
};

static const struct prop_desc props[] = {
    { "ioport", PROP_U64, "0x505", "its port" },
    { "events", PROP_U64, "3", "events it knows: 1 panicked, 2 panicked and handled by the guest" },
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class pvpanic_class = {
    .name = "pvpanic",
    .doc = "tells that the guest panicked",
    .bus = "isa",
    .state_size = sizeof(struct pvpanic),
    .state = state,
    .link_size = sizeof(struct pvpanic_link),
    .props = props,
    .banks = { &bank, &inside_bank },
    .build = build,
    .reset = reset,
};
