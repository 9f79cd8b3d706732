/* Intel 8237A. Sections are headings of the data sheet "8237A High Performance Programmable DMA Controller"
 * (231466-005); page registers are in "82371FB (PIIX) and 82371SB (PIIX3)", 2.5.1. As in that chip, memory to memory
 * transfers, compressed timing and rotating priority are bits that do nothing: transfers happen at once, one by one. */
#include "iodev/misc/i8237.h"

#include <string.h>

enum { MODE_DIRECTION = 0x0c, MODE_VERIFY = 0, MODE_WRITE = 4, MODE_READ = 8, MODE_AUTOINIT = 0x10, MODE_DOWN = 0x20,
       MODE_KIND = 0xc0, MODE_CASCADE = 0xc0 };
enum { COMMAND_DISABLE = 4 };

struct dma {
    u16 base_address[4], base_count[4], address[4], count[4];
    u8 mode[4];
    u8 page[8]; /* by port, low three bits; four of them belong to channels */
    u8 command, mask, requests, software, terminal; /* by channel: bit n */
    bool high; /* the first/last flip-flop */
};

struct dma_link {
    struct device *wide; /* of the low controller: whose channel 0 it goes through */
    struct device *low;
    bool words;
    struct {
        void (*ready)(void *opaque);
        void *opaque;
    } client[4];
};

static const struct state_field state[] = {
    STATE_ARRAY(struct dma, base_address), STATE_ARRAY(struct dma, base_count), STATE_ARRAY(struct dma, address),
    STATE_ARRAY(struct dma, count), STATE_ARRAY(struct dma, mode), STATE_ARRAY(struct dma, page),
    STATE(struct dma, command), STATE(struct dma, mask), STATE(struct dma, requests), STATE(struct dma, software),
    STATE(struct dma, terminal), STATE(struct dma, high), STATE_END,
};

static struct dma *dma(const struct device *d)
{
    return d->state;
}

static struct dma_link *link_of(const struct device *d)
{
    return d->link;
}

void i8237_set_cascade(struct device *low, struct device *wide)
{
    link_of(low)->wide = wide;
    link_of(wide)->low = low;
}

struct dma_port i8237_port(struct device *low, struct device *wide, unsigned channel)
{
    return (struct dma_port){ channel & 4 ? wide : low, channel & 3 };
}

/* --- transfers --------------------------------------------------------------------------------------------- */

static bool enabled(const struct device *d, unsigned ch)
{
    return !(dma(d)->command & COMMAND_DISABLE) && !(dma(d)->mask >> ch & 1);
}

static bool able(const struct device *d, unsigned ch)
{
    const struct device *wide = link_of(d)->wide;
    if (wide && !(enabled(wide, 0) && (dma(wide)->mode[0] & MODE_KIND) == MODE_CASCADE))
        return false;
    return enabled(d, ch) && (dma(d)->mode[ch] & MODE_KIND) != MODE_CASCADE;
}

/* Tells devices that were waiting. */
static void wake(struct device *d)
{
    for (unsigned ch = 0; ch < 4; ch++)
        if (((dma(d)->requests | dma(d)->software) >> ch & 1) && able(d, ch) && link_of(d)->client[ch].ready)
            link_of(d)->client[ch].ready(link_of(d)->client[ch].opaque);
    if (link_of(d)->low)
        wake(link_of(d)->low);
}

void dma_on_ready(const struct dma_port *p, void (*ready)(void *opaque), void *opaque)
{
    if (!p->controller)
        return;
    link_of(p->controller)->client[p->channel].ready = ready;
    link_of(p->controller)->client[p->channel].opaque = opaque;
}

void dma_request(const struct dma_port *p, bool level)
{
    if (p->controller)
        dma(p->controller)->requests =
            (u8)((dma(p->controller)->requests & ~(1 << p->channel)) | level << p->channel);
}

bool dma_ready(const struct dma_port *p)
{
    return p->controller && able(p->controller, p->channel);
}

static u64 address_of(const struct device *d, unsigned ch)
{
    static const u8 page_port[] = { 7, 3, 1, 2 };
    u64 page = dma(d)->page[page_port[ch]], at = dma(d)->address[ch];
    return link_of(d)->words ? (page & 0xfe) << 16 | at << 1 : page << 16 | at;
}

/* "Terminal count": reload or mask. */
static void finish(struct device *d, unsigned ch)
{
    struct dma *s = dma(d);
    s->terminal |= 1 << ch;
    s->software &= ~(1 << ch);
    if (s->mode[ch] & MODE_AUTOINIT) {
        s->address[ch] = s->base_address[ch];
        s->count[ch] = s->base_count[ch];
    } else {
        s->mask |= 1 << ch;
    }
}

static size_t transfer(const struct dma_port *p, u8 *out, const u8 *in, size_t n, bool *tc)
{
    struct device *d = p->controller;
    unsigned ch = p->channel;
    *tc = false;
    if (!dma_ready(p))
        return 0;
    struct dma *s = dma(d);
    u8 kind = s->mode[ch] & MODE_DIRECTION;
    if (kind == MODE_DIRECTION || (kind == MODE_READ && in) || (kind == MODE_WRITE && out))
        return 0;
    unsigned unit = link_of(d)->words ? 2 : 1;
    bool down = s->mode[ch] & MODE_DOWN;
    size_t done = 0;
    while (done + unit <= n && !*tc) {
        /* As many units as lie one after the other. The address wraps within its page. */
        size_t units = (n - done) / unit, left = (size_t)s->count[ch] + 1, to_wrap = 0x10000 - (size_t)s->address[ch];
        units = units < left ? units : left;
        units = down ? 1 : units < to_wrap ? units : to_wrap;
        u64 at = address_of(d, ch);
        if (kind == MODE_READ) {
            if (!space_dma_read(d->env->mem, at, out + done, units * unit))
                memset(out + done, 0xff, units * unit);
        } else if (kind == MODE_WRITE) {
            (void)space_dma_write(d->env->mem, at, in + done, units * unit);
        } else if (out) {
            memset(out + done, 0xff, units * unit);
        }
        s->address[ch] = (u16)(s->address[ch] + (down ? 0xffff : (u32)units));
        *tc = units == left;
        s->count[ch] = (u16)(s->count[ch] - (u32)units);
        if (*tc)
            finish(d, ch);
        done += units * unit;
    }
    return done;
}

size_t dma_from_memory(const struct dma_port *p, void *out, size_t n, bool *tc)
{
    return transfer(p, out, NULL, n, tc);
}

size_t dma_to_memory(const struct dma_port *p, const void *in, size_t n, bool *tc)
{
    return transfer(p, NULL, in, n, tc);
}

/* --- registers --------------------------------------------------------------------------------------------- */

static u8 half(const struct device *d, u16 v)
{
    return (u8)(dma(d)->high ? v >> 8 : v);
}

static u64 address_get(const struct device *d, u32 ch) { return half(d, dma(d)->address[ch]); }
static u64 count_get(const struct device *d, u32 ch) { return half(d, dma(d)->count[ch]); }

static u64 address_read(struct device *d, u32 ch)
{
    u64 v = address_get(d, ch);
    dma(d)->high = !dma(d)->high;
    return v;
}

static u64 count_read(struct device *d, u32 ch)
{
    u64 v = count_get(d, ch);
    dma(d)->high = !dma(d)->high;
    return v;
}

/* Base and current register are written together. */
static void set_half(struct device *d, u16 *base, u16 *current, u64 value)
{
    *base = (u16)bits_set(*base, dma(d)->high ? 8 : 0, 8, value);
    *current = (u16)bits_set(*current, dma(d)->high ? 8 : 0, 8, value);
    dma(d)->high = !dma(d)->high;
}

static void address_write(struct device *d, u32 ch, u64 value, u64 old)
{
    set_half(d, &dma(d)->base_address[ch], &dma(d)->address[ch], value);
}

static void count_write(struct device *d, u32 ch, u64 value, u64 old)
{
    set_half(d, &dma(d)->base_count[ch], &dma(d)->count[ch], value);
}

static u64 status_get(const struct device *d, u32 index)
{
    return dma(d)->terminal | dma(d)->requests << 4;
}

static u64 status_read(struct device *d, u32 index)
{
    u64 v = status_get(d, 0);
    dma(d)->terminal = 0;
    return v;
}

static void command_write(struct device *d, u32 index, u64 value, u64 old)
{
    dma(d)->command = (u8)value;
    wake(d);
}

static void request_write(struct device *d, u32 index, u64 value, u64 old)
{
    u8 bit = (u8)(1 << (value & 3));
    dma(d)->software = value & 4 ? dma(d)->software | bit : dma(d)->software & ~bit;
    wake(d);
}

static void mask_one_write(struct device *d, u32 index, u64 value, u64 old)
{
    u8 bit = (u8)(1 << (value & 3));
    dma(d)->mask = value & 4 ? dma(d)->mask | bit : dma(d)->mask & ~bit;
    wake(d);
}

static void mode_write(struct device *d, u32 index, u64 value, u64 old)
{
    dma(d)->mode[value & 3] = value & 0xfc;
    wake(d);
}

static void flip_flop_write(struct device *d, u32 index, u64 value, u64 old)
{
    dma(d)->high = false;
}

/* "Master clear": as a reset of the chip. */
static void clear(struct device *d)
{
    struct dma *s = dma(d);
    s->command = s->software = s->terminal = 0;
    s->mask = 15;
    s->high = false;
}

static void master_clear_write(struct device *d, u32 index, u64 value, u64 old)
{
    clear(d);
}

static void mask_clear_write(struct device *d, u32 index, u64 value, u64 old)
{
    dma(d)->mask = 0;
    wake(d);
}

static u64 mask_get(const struct device *d, u32 index)
{
    return dma(d)->mask | 0xf0;
}

static void mask_write(struct device *d, u32 index, u64 value, u64 old)
{
    dma(d)->mask = value & 15;
    wake(d);
}

static u64 where_get(const struct device *d, u32 ch)
{
    return address_of(d, ch);
}

static u64 high_get(const struct device *d, u32 index)
{
    return dma(d)->high;
}

static const struct reg_field command_fields[] = {
    { "M2M", 0, 1, "memory to memory; does nothing" },
    { "HOLD", 1, 1, "channel 0 keeps its address; does nothing" },
    { "DISABLE", 2, 1, "nothing is transferred" },
    { "TIMING", 3, 1, "compressed timing; does nothing" },
    { "ROTATE", 4, 1, "rotating priority; does nothing" },
    { "EXTENDED", 5, 1, "extended write; does nothing" },
    { "DREQ_LOW", 6, 1, "DREQ is active low; does nothing" },
    { "DACK_HIGH", 7, 1, "DACK is active high; does nothing" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field status_fields[] = {
    { "TC", 0, 4, "by channel: terminal count since the last read" },
    { "REQUEST", 4, 4, "by channel: DREQ" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field one_fields[] = {
    { "CHANNEL", 0, 2, "channel" },
    { "SET", 2, 1, "1 sets its bit, 0 clears it" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field mode_fields[] = {
    { "CHANNEL", 0, 2, "channel" },
    { "TYPE", 2, 2, "0 verify, 1 write to memory, 2 read from memory" },
    { "AUTO", 4, 1, "starts over at terminal count" },
    { "DOWN", 5, 1, "addresses decrease" },
    { "MODE", 6, 2, "0 demand, 1 single, 2 block, 3 cascade" },
    { NULL, 0, 0, NULL },
};

static u64 temporary_get(const struct device *d, u32 index)
{
    return 0; /* no memory to memory transfers */
}

#define ROW(name_, at, access_, doc_, section_, ...)                                                                  \
    { .name = name_, .offset = at, .width = 1, .access = access_, .slot = REG_NO_SLOT, .doc = doc_,                   \
      .section = section_, __VA_ARGS__ }
#define PORTS(step)                                                                                                   \
    ROW("ADDRESS", 0, REG_RW, "by channel: low byte, then high byte", "Current address register", .count = 4,        \
        .stride = 2 * step, .get = address_get, .read = address_read, .write = address_write),                       \
    ROW("COUNT", step, REG_RW, "by channel: transfers less one; low byte, then high byte", "Current word register",  \
        .count = 4, .stride = 2 * step, .get = count_get, .read = count_read, .write = count_write),                 \
    ROW("STATUS", 8 * step, REG_RO, "a read clears TC", "Status register", .get = status_get, .read = status_read,   \
        .fields = status_fields),                                                                                    \
    ROW("COMMAND", 8 * step, REG_WO, "controls the chip", "Command register", .write = command_write,                \
        .fields = command_fields),                                                                                   \
    ROW("REQUEST", 9 * step, REG_WO, "a software request", "Request register", .write = request_write,               \
        .fields = one_fields),                                                                                       \
    ROW("MASK_ONE", 10 * step, REG_WO, "masks or unmasks one channel", "Mask register", .write = mask_one_write,     \
        .fields = one_fields),                                                                                       \
    ROW("MODE", 11 * step, REG_WO, "how a channel transfers", "Mode register", .write = mode_write,                  \
        .fields = mode_fields),                                                                                      \
    ROW("CLEAR_FF", 12 * step, REG_WO, "the next byte of address or count is the low one", "Software commands",      \
        .write = flip_flop_write),                                                                                   \
    ROW("TEMPORARY", 13 * step, REG_RO, "of memory to memory transfers: 0", "Temporary register", .get = temporary_get),      \
    ROW("MASTER_CLEAR", 13 * step, REG_WO, "resets the chip", "Software commands", .write = master_clear_write),     \
    ROW("CLEAR_MASK", 14 * step, REG_WO, "unmasks all channels", "Software commands", .write = mask_clear_write),    \
    ROW("MASK", 15 * step, REG_RW, "by channel: 1 masked", "Mask register", .get = mask_get, .write = mask_write)

static const struct reg_desc port_regs[] = { PORTS(1), { .name = NULL } };
static const struct reg_desc wide_regs[] = { PORTS(2), { .name = NULL } };

#define PAGE_ROW(first, n)                                                                                            \
    { .name = "PAGE", .offset = 0, .width = 1, .count = n, .rw = 0xff, .slot = REG_SLOT(struct dma, page) + first,    \
      .doc = "address bits 16 to 23, by port: 7 channel 0, 3 channel 1, 1 channel 2, 2 channel 3; the others nothing",\
      .section = "PIIX3 2.5.1.13" }
static const struct reg_desc page_regs[] = { PAGE_ROW(1, 7), { .name = NULL } };
static const struct reg_desc wide_page_regs[] = { PAGE_ROW(0, 8), { .name = NULL } };

#define INSIDE(name_, at, width_, n, member, doc_, ...)                                                               \
    { .name = name_, .offset = at, .width = width_, .access = REG_RO, .count = n, .slot = REG_SLOT(struct dma, member),\
      .doc = doc_, .section = "Internal registers", __VA_ARGS__ }
static const struct reg_desc inside_regs[] = {
    INSIDE("BASE_ADDRESS", 0, 2, 4, base_address, "by channel", .fields = NULL),
    INSIDE("BASE_COUNT", 8, 2, 4, base_count, "by channel", .fields = NULL),
    INSIDE("NOW_ADDRESS", 16, 2, 4, address, "by channel: the current address", .fields = NULL),
    INSIDE("NOW_COUNT", 24, 2, 4, count, "by channel: the current count", .fields = NULL),
    INSIDE("MODES", 32, 1, 4, mode, "by channel", .fields = mode_fields),
    INSIDE("COMMANDS", 36, 1, 1, command, "the command register", .fields = command_fields),
    INSIDE("SOFTWARE", 37, 1, 1, software, "by channel: software requests", .fields = NULL),
    { .name = "FLIP_FLOP", .offset = 38, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = high_get,
      .doc = "1: the next byte is the high one", .section = "Software commands" },
    { .name = "WHERE", .offset = 40, .width = 4, .access = REG_RO, .count = 4, .slot = REG_NO_SLOT, .get = where_get,
      .doc = "by channel: the address in memory", .section = "PIIX3 2.5.1" },
    { .name = NULL },
};

static bool build_low(struct device *d, struct err *e)
{
    return true;
}

static bool build_wide(struct device *d, struct err *e)
{
    link_of(d)->words = true;
    return true;
}

static void reset(struct device *d)
{
    memset(d->state, 0, sizeof(struct dma));
    clear(d);
}

static void loaded(struct device *d)
{
    struct dma *s = dma(d);
    s->mask &= 15;
    s->requests &= 15;
    s->software &= 15;
    s->terminal &= 15;
}

static const struct reg_bank port_bank = {
    .name = "ports", .size = 16, .min_access = 1, .max_access = 1, .regs = port_regs, .ports = true,
};
static const struct reg_bank wide_bank = {
    .name = "ports", .size = 32, .min_access = 1, .max_access = 1, .regs = wide_regs, .ports = true,
};
static const struct reg_bank page_bank = {
    .name = "pages", .size = 7, .min_access = 1, .max_access = 1, .regs = page_regs, .ports = true,
};
static const struct reg_bank wide_page_bank = {
    .name = "pages", .size = 8, .min_access = 1, .max_access = 1, .regs = wide_page_regs, .ports = true,
};
static const struct reg_bank inside_bank = {
    .name = "inside", .size = 56, .min_access = 1, .max_access = 4, .regs = inside_regs,
};

#define CLASS(symbol, name_, doc_, ports_, pages_, build_)                                                            \
    const struct device_class symbol = {                                                                              \
        .name = name_, .doc = doc_, .state_size = sizeof(struct dma), .state = state,                                 \
        .link_size = sizeof(struct dma_link), .banks = { &ports_, &pages_, &inside_bank }, .build = build_,           \
        .reset = reset, .loaded = loaded,                                                                             \
    }

CLASS(i8237_class, "i8237", "8237A DMA controller, channels 0 to 3", port_bank, page_bank, build_low);
CLASS(i8237_wide_class, "i8237-wide", "8237A DMA controller, channels 4 to 7, words", wide_bank, wide_page_bank,
      build_wide);
