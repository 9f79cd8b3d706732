#include "iodev/misc/isa-debug-exit.h"

#include "iodev/bus/isa.h"

struct debug_exit {
    u32 last;
};

struct debug_exit_link {
    void (*ended)(void *opaque, u32 status);
    void *opaque;
};

static const struct state_field state[] = { STATE(struct debug_exit, last), STATE_END };

void isa_debug_exit_set_hook(struct device *d, void (*ended)(void *opaque, u32 status), void *opaque)
{
    *(struct debug_exit_link *)d->link = (struct debug_exit_link){ ended, opaque };
}

/* Any size at any of its ports: the value is what was written. */
static enum mem_result write_any(struct device *d, u64 offset, unsigned size, u64 value)
{
    const struct debug_exit_link *l = d->link;
    ((struct debug_exit *)d->state)->last = (u32)(value & size_mask(size));
    if (l->ended)
        l->ended(l->opaque, (u32)(value & size_mask(size)) << 1 | 1);
    return MEM_OK;
}

static const struct reg_desc regs[] = {
    { .name = "EXIT", .offset = 0, .width = 4, .access = REG_WO, .rw = UINT32_MAX,
      .slot = REG_SLOT(struct debug_exit, last), .doc = "ends the machine with status (value << 1) | 1",
      .section = "QEMU, hw/misc/debugexit.c" },
    { .name = NULL },
};

static bool build(struct device *d, struct err *e)
{
    d->bank_size[0] = device_prop_u64(d, "iosize");
    return isa_map(d, 0, "iobase", e);
}

static const struct reg_bank bank = {
    .name = "exit", .size = 0, .min_access = 1, .max_access = 4, .regs = regs, .write = write_any, .ports = true,
};

static const struct prop_desc props[] = {
    { "iobase", PROP_U64, "0x501", "its first port" },
    { "iosize", PROP_U64, "2", "how many ports" },
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class isa_debug_exit_class = {
    .name = "isa-debug-exit",
    .doc = "a port that ends the machine with a status",
    .bus = "isa",
    .state_size = sizeof(struct debug_exit),
    .state = state,
    .link_size = sizeof(struct debug_exit_link),
    .props = props,
    .banks = { &bank },
    .build = build,
};
