/* Port 0x80: a page register of the DMA controller that belongs to no channel and, since the PC/AT, shows the progress
 * of the power-on self test. What was written can be read ("82371FB (PIIX) and 82371SB (PIIX3)", 2.5.1.13). */
#include "iodev/misc/post-code.h"

struct post {
    u8 code;
};

static const struct state_field state[] = { STATE(struct post, code), STATE_END };

static const struct event_type code_event = { "post.code", "a code was written to port 0x80", { { "code", EV_HEX } } };

static void code_write(struct device *d, u32 index, u64 value, u64 old)
{
    EVENT(d->env->bus, d->env->clock->now, d->path, &code_event, { .u = value });
}

static const struct reg_desc regs[] = {
    { .name = "POST", .offset = 0, .width = 1, .rw = 0xff, .slot = REG_SLOT(struct post, code), .write = code_write,
      .doc = "progress of the power-on self test", .section = "PIIX3 2.5.1.13" },
    { .name = NULL },
};

static const struct reg_bank bank = {
    .name = "post", .size = 1, .min_access = 1, .max_access = 1, .regs = regs, .ports = true,
};

const struct device_class post_code_class = {
    .name = "post-code",
    .doc = "port 0x80",
    .state_size = sizeof(struct post),
    .state = state,
    .banks = { &bank },
};
