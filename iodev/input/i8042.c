/* "IBM Personal System/2 Hardware Interface Technical Reference", "Keyboard and Auxiliary Device Controller"; sections
 * are its headings. The serial lines are slow: each byte of a device takes `byte-ns` of virtual time to arrive. */
#include "iodev/input/i8042.h"

#include <string.h>

#include "iodev/input/ps2.h"

enum { OBF = 1, SYS = 4, COMMAND = 8, NOT_LOCKED = 16, AUX = 32 };
enum { CTR_KBD_IRQ = 1, CTR_AUX_IRQ = 2, CTR_SYS = 4, CTR_KBD_OFF = 16, CTR_AUX_OFF = 32, CTR_TRANSLATE = 64 };
enum { OUT_RESET = 1, OUT_A20 = 2, OUT_KBD = 16, OUT_AUX = 32 };

struct i8042 {
    u8 status;  /* without SYS */
    u8 data;    /* output buffer */
    u8 ram[32]; /* ram[0]: the command byte */
    u8 port;    /* output port */
    u8 waiting; /* the command that waits for a byte at port 0x60; 0: none */
    u8 broke;   /* translation saw F0 */
    u8 reply[4], reply_aux[4], replies; /* the controller's own, ahead of the devices */
    u8 irq[2];
    struct ps2_keyboard keyboard;
    struct ps2_mouse mouse;
};

struct i8042_link {
    struct timer transfer, typematic, sample;
    struct input_channel keys, moves;
    u64 byte_ticks;
    void (*a20)(void *opaque, bool level);
    void (*reset)(void *opaque);
    void *opaque;
};

static const struct state_field state[] = {
    STATE(struct i8042, status), STATE(struct i8042, data), STATE_ARRAY(struct i8042, ram), STATE(struct i8042, port),
    STATE(struct i8042, waiting), STATE(struct i8042, broke), STATE_ARRAY(struct i8042, reply),
    STATE_ARRAY(struct i8042, reply_aux), STATE(struct i8042, replies), STATE_ARRAY(struct i8042, irq),
    PS2_KEYBOARD_STATE(struct i8042, keyboard), PS2_MOUSE_STATE(struct i8042, mouse), STATE_END,
};

static struct i8042 *kbc(const struct device *d) { return d->state; }
static struct i8042_link *link_of(const struct device *d) { return d->link; }

static u64 ticks_of(const struct device *d, u64 ns)
{
    u128 ticks = (u128)ns * d->env->clock->hz / 1000000000u;
    return ticks < 1 ? 1 : ticks >> 50 ? (u64)1 << 50 : (u64)ticks;
}

static void update_irq(struct device *d)
{
    struct i8042 *s = kbc(d);
    bool full = s->status & OBF, aux = s->status & AUX;
    u8 level[2] = { full && !aux && (s->ram[0] & CTR_KBD_IRQ), full && aux && (s->ram[0] & CTR_AUX_IRQ) };
    for (unsigned i = 0; i < 2; i++)
        if (level[i] != s->irq[i]) {
            s->irq[i] = level[i];
            device_irq(d, i, level[i]);
        }
}

/* Scan codes of set 2 as those of set 1: what the controller makes of each byte ("Scan code translation"). */
static const u8 translation[0x85] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59, /* 00 */
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b, /* 10 */
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d, /* 20 */
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f, /* 30 */
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61, /* 40 */
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76, /* 50 */
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, /* 60 */
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54, /* 70 */
    0x80, 0x81, 0x82, 0x41, 0x54,                                                                   /* 80 */
};

/* --- bytes on their way to the output buffer --------------------------------------------------------------- */

static bool keyboard_sends(const struct i8042 *s)
{
    return s->keyboard.out.len && !(s->ram[0] & CTR_KBD_OFF);
}

static bool mouse_sends(const struct i8042 *s)
{
    return s->mouse.out.len && !(s->ram[0] & CTR_AUX_OFF);
}

/* The buffer holds one byte; while it is full, or their clock is held low, devices wait. */
static void pump(struct device *d)
{
    struct i8042 *s = kbc(d);
    struct timer *t = &link_of(d)->transfer;
    if ((s->status & OBF) || t->armed)
        return;
    if (s->replies)
        timer_arm(d->env->clock, t, d->env->clock->now + ticks_of(d, 5000));
    else if (keyboard_sends(s) || mouse_sends(s))
        timer_arm(d->env->clock, t, d->env->clock->now + link_of(d)->byte_ticks);
}

static void fill(struct device *d, u8 byte, bool aux)
{
    struct i8042 *s = kbc(d);
    s->data = byte;
    s->status = (u8)((s->status & ~AUX) | OBF | (aux ? AUX : 0));
    s->port = (u8)((s->port & ~(OUT_KBD | OUT_AUX)) | (aux ? OUT_AUX : OUT_KBD));
    update_irq(d);
}

/* F0 is not passed on: it sets bit 7 of what follows. */
static void from_keyboard(struct device *d, u8 byte)
{
    struct i8042 *s = kbc(d);
    if (!(s->ram[0] & CTR_TRANSLATE)) {
        s->broke = 0;
        fill(d, byte, false);
        return;
    }
    if (byte == 0xf0) {
        s->broke = 0x80;
        return;
    }
    fill(d, (u8)((byte < sizeof translation ? translation[byte] : byte) | s->broke), false);
    s->broke = 0;
}

static void transferred(void *opaque, u64 now)
{
    struct device *d = opaque;
    struct i8042 *s = kbc(d);
    if (s->status & OBF)
        return;
    if (s->replies) {
        u8 byte = s->reply[0], aux = s->reply_aux[0];
        s->replies--;
        memmove(s->reply, s->reply + 1, sizeof s->reply - 1);
        memmove(s->reply_aux, s->reply_aux + 1, sizeof s->reply_aux - 1);
        fill(d, byte, aux);
    } else if (keyboard_sends(s)) {
        from_keyboard(d, ps2_take(&s->keyboard.out));
    } else if (mouse_sends(s)) {
        fill(d, ps2_take(&s->mouse.out), true);
    }
    pump(d);
}

static void reply(struct device *d, u8 byte, bool aux)
{
    struct i8042 *s = kbc(d);
    if (s->replies < sizeof s->reply) {
        s->reply_aux[s->replies] = aux;
        s->reply[s->replies++] = byte;
    }
    pump(d);
}

/* --- the devices' own time --------------------------------------------------------------------------------- */

static void sample(struct device *d)
{
    struct i8042 *s = kbc(d);
    struct i8042_link *l = link_of(d);
    if (l->sample.armed || !ps2_mouse_pending(&s->mouse))
        return;
    ps2_mouse_sample(&s->mouse);
    timer_arm(d->env->clock, &l->sample, d->env->clock->now + ticks_of(d, ps2_mouse_period(&s->mouse)));
    pump(d);
}

static void sampled(void *opaque, u64 now)
{
    sample(opaque);
}

static void arm_typematic(struct device *d, bool first)
{
    struct i8042 *s = kbc(d);
    struct timer *t = &link_of(d)->typematic;
    if (s->keyboard.repeat)
        timer_arm(d->env->clock, t, d->env->clock->now + ticks_of(d, ps2_keyboard_delay(&s->keyboard, first)));
    else
        timer_cancel(d->env->clock, t);
}

static void repeated(void *opaque, u64 now)
{
    struct device *d = opaque;
    ps2_keyboard_repeat(&kbc(d)->keyboard);
    arm_typematic(d, false);
    pump(d);
}

/* A key's longest sequence is ten bytes (Pause). Keys wait outside while the keyboard has no room, unless nobody is going
 * to make any because it is switched off. */
static size_t key_room(void *opaque)
{
    const struct i8042 *s = kbc(opaque);
    return s->keyboard.enabled ? (size_t)(PS2_QUEUE - s->keyboard.out.len) / 10 * 2 : 2;
}

static void keys_arrive(void *opaque, const u8 *bytes, size_t n)
{
    struct device *d = opaque;
    struct i8042 *s = kbc(d);
    for (size_t i = 0; i + 1 < n; i += 2) {
        u8 before = s->keyboard.repeat;
        ps2_keyboard_key(&s->keyboard, bytes[i], bytes[i + 1] & 1);
        if (s->keyboard.repeat != before || (bytes[i] == before && (bytes[i + 1] & 1)))
            arm_typematic(d, true);
    }
    pump(d);
}

static void moves_arrive(void *opaque, const u8 *bytes, size_t n)
{
    struct device *d = opaque;
    for (size_t i = 0; i + 3 < n; i += 4) {
        ps2_mouse_move(&kbc(d)->mouse, (i8)bytes[i], -(i8)bytes[i + 1], (i8)bytes[i + 2], bytes[i + 3]);
        sample(d);
    }
}

/* --- commands ---------------------------------------------------------------------------------------------- */

void i8042_set_hooks(struct device *d, void (*a20)(void *opaque, bool level), void (*reset)(void *opaque),
                     void *opaque)
{
    link_of(d)->a20 = a20;
    link_of(d)->reset = reset;
    link_of(d)->opaque = opaque;
}

bool i8042_a20(const struct device *d) { return kbc(d)->port & OUT_A20; }
u8 i8042_leds(const struct device *d) { return kbc(d)->keyboard.leds; }

static void set_port(struct device *d, u8 v)
{
    struct i8042 *s = kbc(d);
    struct i8042_link *l = link_of(d);
    u8 old = s->port;
    s->port = (u8)((v & ~(OUT_KBD | OUT_AUX)) | (old & (OUT_KBD | OUT_AUX)));
    if (((old ^ v) & OUT_A20) && l->a20)
        l->a20(l->opaque, v & OUT_A20);
    if ((old & ~v & OUT_RESET) && l->reset)
        l->reset(l->opaque);
}

static void pulse_reset(struct device *d)
{
    struct i8042_link *l = link_of(d);
    if (l->reset)
        l->reset(l->opaque);
}

static void set_command_byte(struct device *d, u8 v)
{
    kbc(d)->ram[0] = v;
    update_irq(d);
    pump(d);
}

static void command_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct i8042 *s = kbc(d);
    u8 c = (u8)value;
    s->status |= COMMAND;
    s->waiting = 0;
    if (c >= 0x20 && c <= 0x3f) {
        reply(d, s->ram[c & 31], false);
        return;
    }
    if (c >= 0xf0) { /* pulses the bits of the output port that are zero here; only bit 0 is connected */
        if (!(c & 1))
            pulse_reset(d);
        return;
    }
    if ((c >= 0x60 && c <= 0x7f) || c == 0xa5 || (c >= 0xd1 && c <= 0xd4)) {
        s->waiting = c;
        return;
    }
    switch (c) {
    case 0xa4: reply(d, 0xf1, false); break; /* no password */
    case 0xa7: set_command_byte(d, s->ram[0] | CTR_AUX_OFF); break;
    case 0xa8: set_command_byte(d, s->ram[0] & (u8)~CTR_AUX_OFF); break;
    case 0xa9: reply(d, 0, false); break;
    case 0xaa: /* self-test; the devices stay as they are */
        s->ram[0] |= CTR_SYS;
        reply(d, 0x55, false);
        break;
    case 0xab: reply(d, 0, false); break;
    case 0xad: set_command_byte(d, s->ram[0] | CTR_KBD_OFF); break;
    case 0xae: set_command_byte(d, s->ram[0] & (u8)~CTR_KBD_OFF); break;
    case 0xc0: reply(d, 0x80, false); break; /* not locked */
    case 0xd0: reply(d, s->port, false); break;
    case 0xdd: set_port(d, s->port & (u8)~OUT_A20); break;
    case 0xdf: set_port(d, s->port | OUT_A20); break;
    case 0xe0: reply(d, 0, false); break; /* both lines idle */
    default: break; /* A6, AC, C1, C2 and what nobody defined */
    }
}

static void data_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct i8042 *s = kbc(d);
    u8 v = (u8)value, c = s->waiting;
    s->status &= (u8)~COMMAND;
    s->waiting = c == 0xa5 && v ? c : 0; /* a password ends with a zero; nobody keeps it */
    if (c == 0x60) {
        set_command_byte(d, v);
    } else if (c > 0x60 && c <= 0x7f) {
        s->ram[c & 31] = v;
    } else if (c == 0xd1) {
        set_port(d, v);
    } else if (c == 0xd2 || c == 0xd3) {
        reply(d, v, c == 0xd3);
    } else if (c == 0xd4) {
        ps2_mouse_write(&s->mouse, v);
        sample(d);
        pump(d);
    } else if (!c) {
        s->ram[0] &= (u8)~CTR_KBD_OFF; /* sending to the keyboard needs its clock */
        ps2_keyboard_write(&s->keyboard, v);
        arm_typematic(d, true);
        pump(d);
    }
}

static u64 data_get(const struct device *d, u32 index) { return kbc(d)->data; }

static u64 data_read(struct device *d, u32 index)
{
    struct i8042 *s = kbc(d);
    s->status &= (u8)~OBF;
    s->port &= (u8)~(OUT_KBD | OUT_AUX);
    update_irq(d);
    pump(d);
    return s->data;
}

static u64 status_get(const struct device *d, u32 index)
{
    const struct i8042 *s = kbc(d);
    return s->status | (s->ram[0] & CTR_SYS ? SYS : 0);
}

/* --- rows -------------------------------------------------------------------------------------------------- */

static const struct reg_field status_fields[] = {
    { "OBF", 0, 1, "the output buffer holds a byte" },
    { "IBF", 1, 1, "the controller has not taken the last byte yet (never here)" },
    { "SYS", 2, 1, "system flag: bit 2 of the command byte" },
    { "CD", 3, 1, "the last byte was written to 0 0x60, 1 0x64" },
    { "INH", 4, 1, "0 the keyboard is locked, 1 not" },
    { "AUX", 5, 1, "the byte is the mouse's" },
    { "TO", 6, 1, "a device did not answer" },
    { "PARITY", 7, 1, "a device answered wrongly" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field ctr_fields[] = {
    { "KIE", 0, 1, "IRQ 1 for the keyboard's bytes" },
    { "AIE", 1, 1, "IRQ 12 for the mouse's bytes" },
    { "SYS", 2, 1, "system flag" },
    { "KOFF", 4, 1, "the keyboard's clock is held" },
    { "AOFF", 5, 1, "the mouse's clock is held" },
    { "TRANSLATE", 6, 1, "scan codes of set 2 become those of set 1" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field port_fields[] = {
    { "RESET", 0, 1, "0 resets the processor" },
    { "A20", 1, 1, "1 address line 20 is let through" },
    { "KBF", 4, 1, "the keyboard's byte waits" },
    { "ABF", 5, 1, "the mouse's byte waits" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc data_regs[] = {
    { .name = "DATA", .offset = 0, .width = 1, .slot = REG_NO_SLOT, .get = data_get, .read = data_read,
      .write = data_write, .doc = "reads: the output buffer; writes: to the keyboard, or as the last command says",
      .section = "Data port" },
    { .name = NULL },
};
static const struct reg_desc command_regs[] = {
    { .name = "STATUS", .offset = 0, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = status_get,
      .fields = status_fields, .doc = "controller status", .section = "Status register" },
    { .name = "COMMAND", .offset = 0, .width = 1, .access = REG_WO, .slot = REG_NO_SLOT, .write = command_write,
      .doc = "controller command", .section = "Controller commands" },
    { .name = NULL },
};
static const struct reg_desc inner_regs[] = {
    { .name = "CTR", .offset = 0, .width = 1, .reset = CTR_KBD_IRQ | CTR_AUX_IRQ | CTR_KBD_OFF | CTR_AUX_OFF, .rw = 0xff,
      .slot = REG_SLOT(struct i8042, ram), .fields = ctr_fields,
      .doc = "controller command byte (commands 20 and 60)", .section = "Controller command byte" },
    { .name = "OUTPORT", .offset = 1, .width = 1, .reset = 0xcf, .rw = 0xff, .slot = REG_SLOT(struct i8042, port),
      .fields = port_fields, .doc = "output port (commands D0 and D1)", .section = "Output port" },
    { .name = NULL },
};

static const struct reg_bank data_bank = { "data", 1, 1, 1, true, data_regs, NULL, NULL, true };
static const struct reg_bank command_bank = { "command", 1, 1, 1, true, command_regs, NULL, NULL, true };
static const struct reg_bank inner_bank = { "inner", 2, 1, 1, true, inner_regs, NULL, NULL, false };

/* --- the class --------------------------------------------------------------------------------------------- */

static bool build(struct device *d, struct err *e)
{
    struct i8042_link *l = d->link;
    struct clock *c = d->env->clock;
    l->byte_ticks = ticks_of(d, device_prop_u64(d, "byte-ns"));
    timer_init(c, &l->transfer, d->path, "transfer", 50, transferred, d);
    timer_init(c, &l->typematic, d->path, "typematic", 50, repeated, d);
    timer_init(c, &l->sample, d->path, "sample", 50, sampled, d);
    l->keys = (struct input_channel){ .name = arena_printf(d->env->arena, "%s.keyboard", d->path), .room = key_room,
                                      .deliver = keys_arrive, .opaque = d };
    l->moves = (struct input_channel){ .name = arena_printf(d->env->arena, "%s.mouse", d->path),
                                       .deliver = moves_arrive, .opaque = d };
    device_add_channel(d, &l->keys);
    device_add_channel(d, &l->moves);
    return true;
}

static void reset(struct device *d)
{
    struct i8042 *s = kbc(d);
    struct i8042_link *l = link_of(d);
    u8 ctr = s->ram[0], port = s->port;
    struct ps2_keyboard keyboard = s->keyboard;
    struct ps2_mouse mouse = s->mouse;
    *s = (struct i8042){ .status = NOT_LOCKED, .port = port, .keyboard = keyboard, .mouse = mouse };
    s->ram[0] = ctr;
    timer_cancel(d->env->clock, &l->transfer);
    timer_cancel(d->env->clock, &l->typematic);
    timer_cancel(d->env->clock, &l->sample);
    ps2_keyboard_reset(&s->keyboard);
    ps2_mouse_reset(&s->mouse);
    ps2_flush(&s->keyboard.out); /* what they said at power-on nobody heard: the controller holds their clocks */
    ps2_flush(&s->mouse.out);
    device_irq(d, 0, false);
    device_irq(d, 1, false);
    if (l->a20)
        l->a20(l->opaque, true);
}

static void loaded(struct device *d)
{
    struct i8042 *s = kbc(d);
    ps2_loaded(&s->keyboard.out);
    ps2_loaded(&s->mouse.out);
    if (s->replies > sizeof s->reply)
        s->replies = 0;
    if (s->keyboard.set < 1 || s->keyboard.set > 3)
        s->keyboard.set = 2;
}

static void describe(const struct device *d, struct buf *out)
{
    const struct i8042 *s = kbc(d);
    const struct ps2_keyboard *k = &s->keyboard;
    const struct ps2_mouse *m = &s->mouse;
    buf_printf(out, "keyboard: set %u, %s, LEDs %u, typematic 0x%02x, %u bytes wait\n", k->set,
               k->enabled ? "on" : "off", k->leds, k->typematic, k->out.len);
    buf_printf(out, "mouse: identity %u, %s%s, %u samples/s, resolution %u, %u bytes wait\n", m->id,
               m->enabled ? "on" : "off", m->remote ? ", remote" : "", m->rate, m->resolution, m->out.len);
}

static const struct prop_desc props[] = {
    { "byte-ns", PROP_U64, "100000", "virtual time that a byte from the keyboard or mouse takes" },
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class i8042_class = {
    .name = "i8042",
    .doc = "keyboard controller with PS/2 keyboard and mouse",
    .state_size = sizeof(struct i8042),
    .state = state,
    .link_size = sizeof(struct i8042_link),
    .props = props,
    .banks = { &data_bank, &command_bank, &inner_bank },
    .build = build,
    .reset = reset,
    .loaded = loaded,
    .describe = describe,
};
