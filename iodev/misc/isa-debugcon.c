#include "iodev/misc/isa-debugcon.h"

#include "iodev/bus/isa.h"

struct debugcon {
    u8 last;
};

static const struct state_field state[] = { STATE(struct debugcon, last), STATE_END };

static u64 data_get(const struct device *d, u32 index)
{
    return device_prop_u64(d, "readback");
}

static void data_write(struct device *d, u32 index, u64 value, u64 old)
{
    u8 byte = (u8)value;
    ((struct debugcon *)d->state)->last = byte;
    device_char_out(d, d->chr, &byte, 1);
}

static const struct reg_desc regs[] = {
    { .name = "DEBUGCON", .offset = 0, .width = 1, .slot = REG_NO_SLOT, .get = data_get, .write = data_write,
      .doc = "prints a byte; reads as a constant", .section = "Bochs, port_e9_hack" },
    { .name = NULL },
};

static bool build(struct device *d, struct err *e)
{
    return isa_map(d, 0, "iobase", e);
}

static const struct reg_bank bank = {
    .name = "debugcon", .size = 1, .min_access = 1, .max_access = 1, .regs = regs, .ports = true,
};

static const struct prop_desc props[] = {
    { "iobase", PROP_U64, "0xe9", "its port" },
    { "readback", PROP_U64, "0xe9", "what a read gives" },
    { "chardev", PROP_CHARDEV, NULL, "where the bytes go" },
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class isa_debugcon_class = {
    .name = "isa-debugcon",
    .doc = "debug console at port 0xe9",
    .bus = "isa",
    .state_size = sizeof(struct debugcon),
    .state = state,
    .props = props,
    .banks = { &bank },
    .build = build,
};
