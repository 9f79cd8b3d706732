/* The standard parallel port: IEEE 1284-1994, compatibility mode (6.3 and annex C for the registers); "IBM Personal
 * System/2 Hardware Interface Technical Reference", parallel port controller.
 *
 * A byte is taken when STROBE rises and its acknowledge comes when STROBE falls: printing takes no virtual time. The
 * acknowledge's interrupt stays up until the status is read, which is where a driver that was interrupted looks. */
#include "iodev/char/parallel.h"

enum { STATUS_READY = 0xd8 }; /* not busy, no ACK, selected, no error: all but PE */
enum { CONTROL_STROBE = 1, CONTROL_INIT = 4, CONTROL_SELECT = 8, CONTROL_IRQ = 16, CONTROL_INPUT = 32,
       CONTROL_ONES = 0xc0 };

struct parallel {
    u8 data, control;
    bool irq;
};

static const struct state_field state[] = {
    STATE(struct parallel, data), STATE(struct parallel, control), STATE(struct parallel, irq), STATE_END,
};

static struct parallel *parallel(const struct device *d)
{
    return d->state;
}

static void set_irq(struct device *d, bool level)
{
    if (level != parallel(d)->irq) {
        parallel(d)->irq = level;
        device_irq(d, 0, level);
    }
}

/* As input nobody drives the lines. */
static u64 data_get(const struct device *d, u32 index)
{
    return parallel(d)->control & CONTROL_INPUT ? 0xff : parallel(d)->data;
}

static void data_write(struct device *d, u32 index, u64 value, u64 old)
{
    parallel(d)->data = (u8)value;
}

static u64 status_get(const struct device *d, u32 index)
{
    return STATUS_READY;
}

static u64 status_read(struct device *d, u32 index)
{
    set_irq(d, false);
    return STATUS_READY;
}

static u64 control_get(const struct device *d, u32 index)
{
    return parallel(d)->control | CONTROL_ONES;
}

static void control_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct parallel *p = parallel(d);
    bool to_printer = (value & CONTROL_INIT) && (value & CONTROL_SELECT) && !(value & CONTROL_INPUT);
    p->control = value & 0x3f;
    if (!(value & CONTROL_IRQ))
        set_irq(d, false);
    if ((value & ~old & CONTROL_STROBE) && to_printer)
        device_char_out(d, d->chr, &p->data, 1);
    if ((old & ~value & CONTROL_STROBE) && to_printer && (value & CONTROL_IRQ))
        set_irq(d, true);
}

static const struct reg_field status_fields[] = {
    { "ERROR", 3, 1, "0 an error" },
    { "SELECT", 4, 1, "the printer is on-line" },
    { "PE", 5, 1, "out of paper" },
    { "ACK", 6, 1, "0 the printer acknowledges" },
    { "BUSY", 7, 1, "0 the printer is busy" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field control_fields[] = {
    { "STROBE", 0, 1, "going to 1 gives the printer a byte" },
    { "AUTOFD", 1, 1, "automatic line feed" },
    { "INIT", 2, 1, "0 resets the printer" },
    { "SELECT", 3, 1, "selects the printer" },
    { "IRQ", 4, 1, "an acknowledge interrupts" },
    { "INPUT", 5, 1, "the data lines are inputs" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc regs[] = {
    { .name = "DATA", .offset = 0, .width = 1, .slot = REG_NO_SLOT, .get = data_get, .write = data_write,
      .doc = "data lines", .section = "PS/2, data register" },
    { .name = "STATUS", .offset = 1, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = status_get,
      .read = status_read, .fields = status_fields, .doc = "the printer's lines; a read ends the interrupt",
      .section = "PS/2, status register" },
    { .name = "CONTROL", .offset = 2, .width = 1, .slot = REG_NO_SLOT, .get = control_get, .write = control_write,
      .fields = control_fields, .doc = "lines to the printer", .section = "PS/2, control register" },
    { .name = NULL },
};

static void reset(struct device *d)
{
    *parallel(d) = (struct parallel){ .control = CONTROL_INIT | CONTROL_SELECT };
    device_irq(d, 0, false);
}

static const struct reg_bank bank = {
    .name = "parallel", .size = 3, .min_access = 1, .max_access = 1, .regs = regs, .ports = true,
};

static const struct prop_desc props[] = {
    { "chardev", PROP_CHARDEV, NULL, "where printed bytes go" },
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class isa_parallel_class = {
    .name = "isa-parallel",
    .doc = "parallel port",
    .state_size = sizeof(struct parallel),
    .state = state,
    .props = props,
    .banks = { &bank },
    .reset = reset,
};
