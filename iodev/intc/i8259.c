/* Intel 8259A. Sections are headings of the data sheet "8259A Programmable Interrupt Controller" (231468-003); the
 * ELCR is in "82371FB (PIIX) and 82371SB (PIIX3)", 2.5.5.
 *
 * An edge is remembered only while its input stays high, as in the chip: "IR inputs must remain high until after the
 * falling edge of the first INTA". A device that pulses its line is not heard. */
#include "iodev/intc/i8259.h"

#include <string.h>

enum { ICW1_IC4 = 1, ICW1_SNGL = 2, ICW1_ADI = 4, ICW1_LTIM = 8, ICW1 = 16 };
enum { ICW4_8086 = 1, ICW4_AEOI = 2, ICW4_SFNM = 16 };
enum { EXPECT_OCW1, EXPECT_ICW2, EXPECT_ICW3, EXPECT_ICW4 };
#define NONE 8

struct pic {
    u8 lines;   /* levels of the inputs */
    u8 latched; /* edges seen and not acknowledged */
    u8 isr, imr, elcr;
    u8 icw1, icw2, icw3, icw4;
    u8 expect;
    u8 lowest; /* the input of lowest priority */
    bool rotate_aeoi, special_mask, read_isr, poll, out;
};

struct pic_link {
    struct device *slave;
    u8 elcr_mask;
};

static const struct state_field state[] = {
    STATE(struct pic, lines), STATE(struct pic, latched), STATE(struct pic, isr), STATE(struct pic, imr),
    STATE(struct pic, elcr), STATE(struct pic, icw1), STATE(struct pic, icw2), STATE(struct pic, icw3),
    STATE(struct pic, icw4), STATE(struct pic, expect), STATE(struct pic, lowest), STATE(struct pic, rotate_aeoi),
    STATE(struct pic, special_mask), STATE(struct pic, read_isr), STATE(struct pic, poll), STATE(struct pic, out),
    STATE_END,
};

static struct pic *pic(const struct device *d)
{
    return d->state;
}

static struct pic_link *link_of(const struct device *d)
{
    return d->link;
}

void i8259_set_slave(struct device *master, struct device *slave)
{
    link_of(master)->slave = slave;
}

/* --- priorities -------------------------------------------------------------------------------------------- */

/* Which inputs are level triggered. Chip sets with an ELCR ignore ICW1's LTIM. */
static u8 level_mask(const struct device *d)
{
    if (link_of(d)->elcr_mask)
        return pic(d)->elcr;
    return pic(d)->icw1 & ICW1_LTIM ? 0xff : 0;
}

static u8 irr(const struct device *d)
{
    u8 level = level_mask(d);
    return (pic(d)->lines & level) | (pic(d)->latched & ~level);
}

/* How many places below the top an input is: 0 is the best, 7 is `lowest`; of none: 8. */
static unsigned rank_of_best(const struct pic *p, u8 set)
{
    for (unsigned rank = 0; rank < 8; rank++)
        if (set >> ((p->lowest + 1 + rank) & 7) & 1)
            return rank;
    return NONE;
}

static unsigned input_at(const struct pic *p, unsigned rank)
{
    return (p->lowest + 1 + rank) & 7;
}

/* The input to be served now, or NONE ("Fully nested mode", "Special mask mode", "Special fully nested mode"). */
static unsigned request(const struct device *d)
{
    const struct pic *p = pic(d);
    u8 blocking = p->isr;
    if (p->special_mask)
        blocking &= ~p->imr;
    if ((p->icw4 & ICW4_SFNM) && link_of(d)->slave)
        blocking &= ~p->icw3; /* a better request of the same slave gets through */
    unsigned best = rank_of_best(p, irr(d) & ~p->imr);
    return best < rank_of_best(p, blocking) ? input_at(p, best) : NONE;
}

static void update(struct device *d)
{
    struct pic *p = pic(d);
    bool level = p->expect == EXPECT_OCW1 && request(d) != NONE;
    if (level != p->out) {
        p->out = level;
        device_irq(d, 0, level);
    }
}

static void irq_in(struct device *d, u32 line, bool level)
{
    struct pic *p = pic(d);
    u8 bit = (u8)(1 << (line & 7));
    if (level && !(p->lines & bit))
        p->latched |= bit;
    if (!level)
        p->latched &= ~bit;
    p->lines = level ? p->lines | bit : p->lines & ~bit;
    update(d);
}

/* INT falls with each acknowledge, so that a master sees a new edge for the next request of its slave. */
static void take(struct device *d, unsigned n)
{
    struct pic *p = pic(d);
    p->latched &= ~(1 << n);
    if (!(p->icw4 & ICW4_AEOI))
        p->isr |= 1 << n;
    else if (p->rotate_aeoi)
        p->lowest = (u8)n;
    if (p->out) {
        p->out = false;
        device_irq(d, 0, false);
    }
    update(d);
}

static u8 vector(const struct pic *p, unsigned n)
{
    if (p->icw4 & ICW4_8086)
        return (u8)((p->icw2 & 0xf8) | n);
    /* MCS-80 mode: the low byte of a CALL's address ("Interrupt sequence"). */
    return (u8)(p->icw1 & ICW1_ADI ? (p->icw1 & 0xe0) | n << 2 : (p->icw1 & 0xc0) | n << 3);
}

static u8 acknowledge(struct device *d)
{
    unsigned n = request(d);
    if (n == NONE)
        return vector(pic(d), 7); /* spurious: not in service */
    take(d, n);
    return vector(pic(d), n);
}

u8 i8259_acknowledge(struct device *master)
{
    const struct pic *p = pic(master);
    struct device *slave = link_of(master)->slave;
    unsigned n = request(master);
    if (n == NONE || !slave || (p->icw1 & ICW1_SNGL) || !(p->icw3 >> n & 1))
        return acknowledge(master);
    take(master, n);
    /* The cascade lines name input n; nobody answers when the slave was told another number. */
    return (pic(slave)->icw3 & 7) == n ? acknowledge(slave) : 0xff;
}

/* --- ports ------------------------------------------------------------------------------------------------- */

static void initialize(struct device *d, u8 value)
{
    struct pic *p = pic(d);
    p->icw1 = value;
    p->latched = p->isr = p->imr = 0;
    p->icw2 = p->icw3 = 0;
    p->icw4 = 0; /* without IC4 its functions are zero; with it they come */
    p->lowest = 7;
    p->rotate_aeoi = p->special_mask = p->read_isr = p->poll = false;
    p->expect = EXPECT_ICW2;
}

/* "End of interrupt (EOI)", "Automatic rotation", "Specific rotation" */
static void ocw2(struct device *d, u8 value)
{
    struct pic *p = pic(d);
    unsigned n = value & 7, command = value >> 5;
    switch (command) {
    case 0:
    case 4: p->rotate_aeoi = command == 4; break;
    case 1: /* non-specific EOI; in special mask mode masked bits stay */
    case 5: {
        unsigned rank = rank_of_best(p, p->special_mask ? p->isr & ~p->imr : p->isr);
        if (rank == NONE)
            break;
        n = input_at(p, rank);
        p->isr &= ~(1 << n);
        if (command == 5)
            p->lowest = (u8)n;
        break;
    }
    case 3: p->isr &= ~(1 << n); break;
    case 7:
        p->isr &= ~(1 << n);
        p->lowest = (u8)n;
        break;
    case 6: p->lowest = (u8)n; break;
    default: break; /* 2: no operation */
    }
}

static void ocw3(struct device *d, u8 value)
{
    struct pic *p = pic(d);
    if (value & 4)
        p->poll = true;
    if (value & 2)
        p->read_isr = value & 1;
    if (value & 0x40)
        p->special_mask = value >> 5 & 1;
}

static void command_write(struct device *d, u32 index, u64 value, u64 old)
{
    if (value & ICW1)
        initialize(d, (u8)value);
    else if (value & 8)
        ocw3(d, (u8)value);
    else
        ocw2(d, (u8)value);
    update(d);
}

static void data_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct pic *p = pic(d);
    u8 v = (u8)value;
    switch (p->expect) {
    case EXPECT_ICW2:
        p->icw2 = v;
        p->expect = !(p->icw1 & ICW1_SNGL) ? EXPECT_ICW3 : p->icw1 & ICW1_IC4 ? EXPECT_ICW4 : EXPECT_OCW1;
        break;
    case EXPECT_ICW3:
        p->icw3 = v;
        p->expect = p->icw1 & ICW1_IC4 ? EXPECT_ICW4 : EXPECT_OCW1;
        break;
    case EXPECT_ICW4:
        p->icw4 = v & 0x1f;
        p->expect = EXPECT_OCW1;
        break;
    default: p->imr = v; break;
    }
    update(d);
}

static u8 poll_word(const struct device *d)
{
    unsigned n = request(d);
    return (u8)(n == NONE ? 7 : 0x80 | n);
}

static u64 status_get(const struct device *d, u32 index)
{
    const struct pic *p = pic(d);
    return p->poll ? poll_word(d) : p->read_isr ? p->isr : irr(d);
}

static u64 mask_get(const struct device *d, u32 index)
{
    return pic(d)->poll ? poll_word(d) : pic(d)->imr;
}

/* "Poll command": the next read, of either port, is an acknowledge. */
static u64 polled(struct device *d, u64 value)
{
    struct pic *p = pic(d);
    if (!p->poll)
        return value;
    p->poll = false;
    if (value & 0x80)
        take(d, value & 7);
    return value;
}

static u64 status_read(struct device *d, u32 index)
{
    return polled(d, status_get(d, index));
}

static u64 mask_read(struct device *d, u32 index)
{
    return polled(d, mask_get(d, index));
}

static void elcr_write(struct device *d, u32 index, u64 value, u64 old)
{
    pic(d)->elcr &= link_of(d)->elcr_mask;
    update(d);
}

static u64 irr_get(const struct device *d, u32 index)
{
    return irr(d);
}

static u64 lines_get(const struct device *d, u32 index)
{
    return pic(d)->lines;
}

static const struct reg_field command_fields[] = {
    { "LEVEL", 0, 3, "OCW2: the input meant; ICW1: IC4, SNGL, ADI" },
    { "KIND", 3, 2, "0 OCW2, 1 OCW3, 2 and 3 ICW1" },
    { "EOI", 5, 1, "OCW2: end of interrupt" },
    { "SL", 6, 1, "OCW2: of the input meant" },
    { "R", 7, 1, "OCW2: rotate priorities" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field icw1_fields[] = {
    { "IC4", 0, 1, "ICW4 is needed" },
    { "SNGL", 1, 1, "single: no slave and no ICW3" },
    { "ADI", 2, 1, "MCS-80: call interval of 4 bytes" },
    { "LTIM", 3, 1, "level triggered, without ELCR" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field icw4_fields[] = {
    { "UPM", 0, 1, "1 8086, 0 MCS-80" },
    { "AEOI", 1, 1, "automatic end of interrupt" },
    { "MS", 2, 1, "buffered master" },
    { "BUF", 3, 1, "buffered" },
    { "SFNM", 4, 1, "special fully nested mode" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc port_regs[] = {
    { .name = "STATUS", .offset = 0, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = status_get,
      .read = status_read, .doc = "IRR or ISR as OCW3 chose, or the answer to a poll",
      .section = "Reading the 8259A status" },
    { .name = "COMMAND", .offset = 0, .width = 1, .access = REG_WO, .slot = REG_NO_SLOT, .write = command_write,
      .fields = command_fields, .doc = "ICW1, OCW2 or OCW3", .section = "Operation command words" },
    { .name = "MASK", .offset = 1, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = mask_get,
      .read = mask_read,
      .doc = "IMR, or the answer to a poll", .section = "Reading the 8259A status" },
    { .name = "DATA", .offset = 1, .width = 1, .access = REG_WO, .slot = REG_NO_SLOT, .write = data_write,
      .doc = "ICW2 to ICW4 after ICW1, else the mask (OCW1)", .section = "Initialization command words" },
    { .name = NULL },
};
static const struct reg_desc elcr_regs[] = {
    { .name = "ELCR", .offset = 0, .width = 1, .rw = 0xff, .slot = REG_SLOT(struct pic, elcr), .write = elcr_write,
      .doc = "by input: 1 level triggered, 0 edge triggered", .section = "PIIX3 2.5.5" },
    { .name = NULL },
};
#define INSIDE(name_, at, member, doc_)                                                                               \
    { .name = name_, .offset = at, .width = 1, .access = REG_RO, .slot = REG_SLOT(struct pic, member), .doc = doc_,   \
      .section = "Functional description" }
static const struct reg_desc inside_regs[] = {
    { .name = "IRR", .offset = 0, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = irr_get,
      .doc = "requests, by input", .section = "Interrupt request register" },
    INSIDE("ISR", 1, isr, "inputs in service"),
    INSIDE("IMR", 2, imr, "inputs masked"),
    { .name = "LINES", .offset = 3, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = lines_get,
      .doc = "levels of the inputs", .section = "Interrupt request register" },
    { .name = "ICW1", .offset = 4, .width = 1, .access = REG_RO, .slot = REG_SLOT(struct pic, icw1),
      .fields = icw1_fields, .doc = "first word of the initialization", .section = "Initialization command words" },
    INSIDE("ICW2", 5, icw2, "vector of input 0"),
    INSIDE("ICW3", 6, icw3, "master: inputs with a slave; slave: the input it is on"),
    { .name = "ICW4", .offset = 7, .width = 1, .access = REG_RO, .slot = REG_SLOT(struct pic, icw4),
      .fields = icw4_fields, .doc = "mode", .section = "Initialization command words" },
    { .name = "LOWEST", .offset = 8, .width = 1, .access = REG_RO, .reset = 7, .slot = REG_SLOT(struct pic, lowest),
      .doc = "the input of lowest priority", .section = "Automatic rotation" },
    { .name = "SPECIAL_MASK", .offset = 9, .width = 1, .access = REG_RO, .slot = REG_SLOT(struct pic, special_mask),
      .doc = "1: inputs that are masked do not block others while in service", .section = "Special mask mode" },
    { .name = "EXPECT", .offset = 10, .width = 1, .access = REG_RO, .slot = REG_SLOT(struct pic, expect),
      .doc = "the next write to DATA is 0 OCW1, 1 ICW2, 2 ICW3, 3 ICW4", .section = "Initialization command words" },
    { .name = "INT", .offset = 11, .width = 1, .access = REG_RO, .slot = REG_SLOT(struct pic, out),
      .doc = "level of the output", .section = "Interrupt sequence" },
    { .name = NULL },
};

static bool build(struct device *d, struct err *e)
{
    const char *mask = device_prop(d, "elcr-mask");
    /* The timer, the keyboard, the cascade, the RTC and the coprocessor are always edges. */
    link_of(d)->elcr_mask = (u8)(mask ? device_prop_u64(d, "elcr-mask") : device_prop_bool(d, "slave") ? 0xde : 0xf8);
    return true;
}

/* The lines are other devices' and stay. */
static void reset(struct device *d)
{
    struct pic *p = pic(d);
    u8 lines = p->lines;
    *p = (struct pic){ .lines = lines, .lowest = 7 };
    device_irq(d, 0, false);
}

static void loaded(struct device *d)
{
    struct pic *p = pic(d);
    p->lowest &= 7;
    p->elcr &= link_of(d)->elcr_mask;
    if (p->expect > EXPECT_ICW4)
        p->expect = EXPECT_OCW1;
}

static const struct reg_bank port_bank = {
    .name = "ports", .size = 2, .min_access = 1, .max_access = 1, .regs = port_regs, .ports = true,
};
static const struct reg_bank elcr_bank = {
    .name = "elcr", .size = 1, .min_access = 1, .max_access = 1, .regs = elcr_regs, .ports = true,
};
static const struct reg_bank inside_bank = {
    .name = "inside", .size = 12, .min_access = 1, .max_access = 1, .regs = inside_regs,
};

static const struct prop_desc props[] = {
    { "slave", PROP_BOOL, "off", "the second controller of a PC, on input 2 of the first" },
    { "elcr-mask", PROP_U64, NULL, "inputs that may be made level triggered; 0: no ELCR" },
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class i8259_class = {
    .name = "i8259",
    .doc = "8259A interrupt controller",
    .state_size = sizeof(struct pic),
    .state = state,
    .link_size = sizeof(struct pic_link),
    .props = props,
    .banks = { &port_bank, &elcr_bank, &inside_bank },
    .build = build,
    .reset = reset,
    .loaded = loaded,
    .irq_in = irq_in,
};
