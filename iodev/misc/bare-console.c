/* The two words of output that bare RV32 test benches have: a character, and the end of the program. */
#include "iodev/misc/bare-console.h"

struct link {
    void (*ended)(void *opaque, u32 status);
    void *opaque;
};

struct state {
    u32 out, end;
};

static const struct state_field state_fields[] = { STATE(struct state, out), STATE(struct state, end), STATE_END };

static void write_out(struct device *d, u32 index, u64 value, u64 old)
{
    u8 c = (u8)value;
    device_char_out(d, d->chr, &c, 1);
}

static void write_end(struct device *d, u32 index, u64 value, u64 old)
{
    struct link *l = d->link;
    if (l->ended)
        l->ended(l->opaque, (u32)value);
}

static const struct reg_desc regs[] = {
    { .name = "OUT", .offset = 0, .width = 4, .access = REG_WO, .rw = 0xffffffff, .slot = REG_SLOT(struct state, out),
      .write = write_out, .doc = "a character to print, in the low byte", .section = "shared/cycles/README.md" },
    { .name = "END", .offset = 4, .width = 4, .access = REG_WO, .rw = 0xffffffff, .slot = REG_SLOT(struct state, end),
      .write = write_end, .doc = "ends the program with this status", .section = "shared/cycles/README.md" },
    { 0 },
};

static const struct reg_bank bank = { .name = "console", .size = 0x1000, .min_access = 1, .max_access = 4, .regs = regs };

static const struct prop_desc props[] = {
    { "chardev", PROP_CHARDEV, NULL, "where characters go" },
    { 0 },
};

const struct device_class bare_console_class = {
    .name = "bare-console",
    .doc = "character output and end of program for bare RV32 programs",
    .state_size = sizeof(struct state),
    .state = state_fields,
    .link_size = sizeof(struct link),
    .props = props,
    .banks = { &bank },
};

void bare_console_set_hook(struct device *d, void (*fn)(void *opaque, u32 status), void *opaque)
{
    struct link *l = d->link;
    *l = (struct link){ fn, opaque };
}
