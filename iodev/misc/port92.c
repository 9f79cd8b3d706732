/* Port 0x92. "82371FB (PIIX) and 82371SB (PIIX3)", 2.5.4.4. */
#include "iodev/misc/port92.h"

enum { FAST_INIT = 1, FAST_A20 = 2 };

struct port92 {
    u8 value;
};

struct port92_link {
    void (*a20)(void *opaque, bool level);
    void (*reset)(void *opaque);
    void *opaque;
};

static const struct state_field state[] = { STATE(struct port92, value), STATE_END };

void port92_set_hooks(struct device *d, void (*a20)(void *opaque, bool level), void (*reset)(void *opaque),
                      void *opaque)
{
    *(struct port92_link *)d->link = (struct port92_link){ a20, reset, opaque };
}

bool port92_a20(const struct device *d)
{
    return ((struct port92 *)d->state)->value & FAST_A20;
}

static void control_write(struct device *d, u32 index, u64 value, u64 old)
{
    const struct port92_link *l = d->link;
    if (((value ^ old) & FAST_A20) && l->a20)
        l->a20(l->opaque, value & FAST_A20);
    if ((value & ~old & FAST_INIT) && l->reset)
        l->reset(l->opaque);
}

static const struct reg_field fields[] = {
    { "FAST_INIT", 0, 1, "going to 1 resets the CPU" },
    { "FAST_A20", 1, 1, "opens the A20 gate" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc regs[] = {
    { .name = "PORT92", .offset = 0, .width = 1, .rw = 3, .slot = REG_SLOT(struct port92, value),
      .write = control_write, .fields = fields, .doc = "system control port A", .section = "PIIX3 2.5.4.4" },
    { .name = NULL },
};

static void reset(struct device *d)
{
    const struct port92_link *l = d->link;
    if (l->a20)
        l->a20(l->opaque, false);
}

static const struct reg_bank bank = {
    .name = "port92", .size = 1, .min_access = 1, .max_access = 1, .regs = regs, .ports = true,
};

const struct device_class port92_class = {
    .name = "port92",
    .doc = "system control port A: fast A20 and reset",
    .state_size = sizeof(struct port92),
    .state = state,
    .link_size = sizeof(struct port92_link),
    .banks = { &bank },
    .reset = reset,
};
