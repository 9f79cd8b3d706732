/* Intel 82093AA. Sections are of the data sheet "82093AA I/O Advanced Programmable Interrupt Controller" (290566-001);
 * the EOI register is of later chip sets ("Intel I/O Controller Hub 10 Family", 13.5.4). */
#include "iodev/intc/ioapic.h"

enum { REDIR_LOGICAL = 1 << 11, REDIR_REMOTE_IRR = 1 << 14, REDIR_LEVEL = 1 << 15, REDIR_MASKED = 1 << 16 };
enum { BANK_INDEXED = 1 };
#define REDIR_BITS 0xff0000000001afffull

struct ioapic {
    u64 redirection[IOAPIC_PINS];
    u32 id, index;
    u32 lines; /* levels */
};

static const struct state_field state[] = {
    STATE_ARRAY(struct ioapic, redirection), STATE(struct ioapic, id), STATE(struct ioapic, index),
    STATE(struct ioapic, lines), STATE_END,
};

static struct ioapic *ioapic(const struct device *d)
{
    return d->state;
}

/* As a message signalled interrupt. Only fixed and lowest priority can be levels. */
static void send(struct device *d, unsigned pin)
{
    u64 *r = &ioapic(d)->redirection[pin];
    unsigned mode = *r >> 8 & 7;
    bool level = (*r & REDIR_LEVEL) && mode <= 1;
    u64 addr = 0xfee00000u | (*r >> 56) << 12 | (*r & REDIR_LOGICAL ? 4 : 0);
    u64 data = (*r & 0x7ff) | (level ? 0xc000 : 0);
    if (level)
        *r |= REDIR_REMOTE_IRR;
    (void)space_write(d->env->mem, addr, 4, data);
}

/* A level that nobody was told of, or that is still there after its EOI. */
static void check_level(struct device *d, unsigned pin)
{
    u64 r = ioapic(d)->redirection[pin];
    if ((r & REDIR_LEVEL) && !(r & (REDIR_MASKED | REDIR_REMOTE_IRR)) && (ioapic(d)->lines >> pin & 1))
        send(d, pin);
}

/* An edge at a masked input is lost (3.2.4, interrupt mask). */
static void irq_in(struct device *d, u32 pin, bool level)
{
    struct ioapic *a = ioapic(d);
    if (pin >= IOAPIC_PINS)
        return;
    u32 bit = (u32)1 << pin;
    bool rose = level && !(a->lines & bit);
    a->lines = level ? a->lines | bit : a->lines & ~bit;
    if (a->redirection[pin] & REDIR_LEVEL)
        check_level(d, pin);
    else if (rose && !(a->redirection[pin] & REDIR_MASKED))
        send(d, pin);
}

void ioapic_eoi(struct device *d, u8 vector)
{
    struct ioapic *a = ioapic(d);
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        u64 *r = &a->redirection[pin];
        if ((u8)*r != vector || !(*r & REDIR_LEVEL) || !(*r & REDIR_REMOTE_IRR))
            continue;
        *r &= ~(u64)REDIR_REMOTE_IRR;
        check_level(d, pin);
    }
}

/* --- registers ------------------------------------------------------------------------------------------------ */

static u64 version_get(const struct device *d, u32 index)
{
    return 0x20 | (IOAPIC_PINS - 1) << 16;
}

static void redirection_write(struct device *d, u32 pin, u64 value, u64 old)
{
    u64 *r = &ioapic(d)->redirection[pin];
    if (!(*r & REDIR_LEVEL)) /* an edge has no remote IRR: software gets rid of a stuck one this way */
        *r &= ~(u64)REDIR_REMOTE_IRR;
    check_level(d, pin);
}

static u64 window_get(const struct device *d, u32 index)
{
    u64 v = 0;
    device_bank_peek((struct device *)d, BANK_INDEXED, ioapic(d)->index * 4, 4, &v); /* peeking changes nothing */
    return v;
}

static void window_write(struct device *d, u32 index, u64 value, u64 old)
{
    device_bank_write(d, BANK_INDEXED, ioapic(d)->index * 4, 4, value);
}

static void eoi_write(struct device *d, u32 index, u64 value, u64 old)
{
    ioapic_eoi(d, (u8)value);
}

static u64 lines_get(const struct device *d, u32 index)
{
    return ioapic(d)->lines;
}

static const struct reg_field redirection_fields[] = {
    { "VECTOR", 0, 8, "vector" },
    { "MODE", 8, 3, "0 fixed, 1 lowest priority, 2 SMI, 4 NMI, 5 INIT, 7 ExtINT" },
    { "LOGICAL", 11, 1, "destination: 0 physical, 1 logical" },
    { "BUSY", 12, 1, "delivery status: always 0" },
    { "LOW", 13, 1, "the pin is active low" },
    { "REMOTE_IRR", 14, 1, "a level interrupt waits for its EOI" },
    { "LEVEL", 15, 1, "0 edge, 1 level" },
    { "MASKED", 16, 1, "masked" },
    { "DEST", 56, 8, "destination" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field version_fields[] = {
    { "VERSION", 0, 8, "0x20" },
    { "LAST", 16, 8, "number of the last input" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc regs[] = {
    { .name = "IOREGSEL", .offset = 0, .width = 4, .rw = 0xff, .slot = REG_SLOT(struct ioapic, index),
      .doc = "index of the register that IOWIN shows", .section = "3.1.1" },
    { .name = "IOWIN", .offset = 0x10, .width = 4, .slot = REG_NO_SLOT, .get = window_get, .write = window_write,
      .doc = "that register", .section = "3.1.2" },
    { .name = "EOIR", .offset = 0x40, .width = 4, .access = REG_WO, .slot = REG_NO_SLOT, .write = eoi_write,
      .doc = "ends the level interrupt of a vector", .section = "ICH10 13.5.4" },
    { .name = NULL },
};
static const struct reg_desc indexed_regs[] = {
    { .name = "IOAPICID", .offset = 0, .width = 4, .rw = 0x0f000000, .slot = REG_SLOT(struct ioapic, id),
      .doc = "ID, in bits 24 to 27", .section = "3.2.1" },
    { .name = "IOAPICVER", .offset = 4, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT, .get = version_get,
      .fields = version_fields, .doc = "version and number of inputs", .section = "3.2.2" },
    { .name = "IOAPICARB", .offset = 8, .width = 4, .access = REG_RO, .slot = REG_SLOT(struct ioapic, id),
      .doc = "arbitration ID: follows the ID", .section = "3.2.3" },
    { .name = "IOREDTBL", .offset = 0x40, .width = 8, .count = IOAPIC_PINS, .reset = REDIR_MASKED, .rw = REDIR_BITS,
      .slot = REG_SLOT(struct ioapic, redirection), .write = redirection_write, .fields = redirection_fields,
      .doc = "by input: what it sends", .section = "3.2.4" },
    { .name = "LINES", .offset = 0x400, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT, .get = lines_get,
      .doc = "levels of the inputs", .section = "2.4" },
    { .name = NULL },
};

static void loaded(struct device *d)
{
    struct ioapic *a = ioapic(d);
    a->index &= 0xff;
    a->lines &= (1u << IOAPIC_PINS) - 1;
}

static const struct reg_bank bank = {
    .name = "window", .size = 0x1000, .min_access = 1, .max_access = 4, .regs = regs,
};
static const struct reg_bank indexed_bank = {
    .name = "indexed", .size = 0x404, .min_access = 4, .max_access = 8, .regs = indexed_regs,
};

const struct device_class ioapic_class = {
    .name = "ioapic",
    .doc = "I/O APIC, 24 inputs",
    .state_size = sizeof(struct ioapic),
    .state = state,
    .banks = { &bank, &indexed_bank },
    .loaded = loaded,
    .irq_in = irq_in, /* the lines are other devices' and stay at a reset */
};
