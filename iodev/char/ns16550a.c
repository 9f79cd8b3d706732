/* NS16550A UART. National Semiconductor, "PC16550D Universal Asynchronous Receiver/Transmitter with FIFOs",
 * June 1995; sections are of that data sheet. Where QEMU's differs in what software can see (reset values of MCR
 * and MSR, 9600 baud before anybody sets the divisor, INTR not gated by OUT2), it is QEMU's way.
 *
 * Transmission takes no virtual time: THR and the shift register are empty again when the store completes. A
 * guest that polls LSR never waits, and one that uses THRE interrupts gets the next at once. Reception is as fast as
 * the input door delivers; only the receiver time-out counts character times of the programmed format. */
#include "iodev/char/ns16550a.h"

#define UART_CLOCK 3686400
#define PC_CLOCK 1843200
#define FIFO_DEPTH 16

enum { IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { IIR_NONE = 1, IIR_MODEM = 0, IIR_TX = 2, IIR_RX = 4, IIR_LINE = 6, IIR_TIMEOUT = 12, IIR_FIFOS = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4, FCR_KEPT = 0xc9 };
enum { LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_PE = 4, LSR_FE = 8, LSR_BI = 16, LSR_THRE = 32, LSR_TEMT = 64,
       LSR_FIFO_ERROR = 128 };
enum { MSR_DCTS = 1, MSR_DDSR = 2, MSR_TERI = 4, MSR_DDCD = 8, MSR_CTS = 16, MSR_DSR = 32, MSR_RI = 64, MSR_DCD = 128 };

struct uart {
    u8 ier, fcr, lcr, mcr, msr, scr, dll, dlm;
    u8 rx[FIFO_DEPTH], rx_error[FIFO_DEPTH]; /* rx_error: LSR's PE, FE, BI of that character */
    u8 rx_at, rx_len;                        /* without FIFOs the receiver buffer is a FIFO of one */
    u8 last_rx;                              /* what RBR shows when nothing is there */
    u8 overrun;
    u8 tx_irq, timeout_irq;
    u8 irq;
};

struct uart_link {
    struct timer timeout;
    struct input_channel in, breaks; /* one byte, of any value, is one break */
};

static const struct state_field state[] = {
    STATE(struct uart, ier), STATE(struct uart, fcr), STATE(struct uart, lcr), STATE(struct uart, mcr),
    STATE(struct uart, msr), STATE(struct uart, scr), STATE(struct uart, dll), STATE(struct uart, dlm),
    STATE_ARRAY(struct uart, rx), STATE_ARRAY(struct uart, rx_error), STATE(struct uart, rx_at),
    STATE(struct uart, rx_len), STATE(struct uart, last_rx), STATE(struct uart, overrun),
    STATE(struct uart, tx_irq), STATE(struct uart, timeout_irq), STATE(struct uart, irq), STATE_END,
};

static struct uart *uart(const struct device *d)
{
    return d->state;
}

static bool fifos(const struct uart *u)
{
    return u->fcr & FCR_ENABLE;
}

static unsigned trigger_level(const struct uart *u)
{
    static const u8 level[] = { 1, 4, 8, 14 };
    return fifos(u) ? level[u->fcr >> 6] : 1;
}

/* On a PC the crystal is half as fast, and OUT2 lets the interrupt through to the bus (IBM PC/AT Technical Reference,
 * "Serial/Parallel Adapter"). */
static bool on_pc(const struct device *d)
{
    return d->cls == &isa_serial_class;
}

static unsigned depth(const struct uart *u)
{
    return fifos(u) ? FIFO_DEPTH : 1;
}

static u8 line_status(const struct uart *u)
{
    u8 v = LSR_THRE | LSR_TEMT;
    if (u->overrun)
        v |= LSR_OE;
    if (u->rx_len)
        v |= LSR_DR | u->rx_error[u->rx_at];
    for (unsigned i = 0; fifos(u) && i < u->rx_len; i++)
        if (u->rx_error[(u->rx_at + i) % FIFO_DEPTH])
            v |= LSR_FIFO_ERROR;
    return v;
}

/* The highest pending enabled source (8.6.4, table IV). */
static u8 identify(const struct uart *u)
{
    if ((u->ier & IER_LINE) && (line_status(u) & (LSR_OE | LSR_PE | LSR_FE | LSR_BI)))
        return IIR_LINE;
    if ((u->ier & IER_RX) && u->timeout_irq)
        return IIR_TIMEOUT;
    if ((u->ier & IER_RX) && u->rx_len >= trigger_level(u))
        return IIR_RX;
    if ((u->ier & IER_TX) && u->tx_irq)
        return IIR_TX;
    if ((u->ier & IER_MODEM) && (u->msr & 15))
        return IIR_MODEM;
    return IIR_NONE;
}

static void update_irq(struct device *d)
{
    struct uart *u = uart(d);
    bool level = identify(u) != IIR_NONE && (!on_pc(d) || (u->mcr & MCR_OUT2));
    if (level != u->irq) {
        u->irq = level;
        device_irq(d, 0, level);
    }
}

/* --- receiver ---------------------------------------------------------------------------------------------- */

static u64 divisor(const struct uart *u)
{
    u64 n = u->dll | u->dlm << 8;
    return n ? n : 1; /* 0 is not a divisor the data sheet allows; some clock is better than none */
}

/* Four characters of the programmed format, in master ticks (8.4.1, FIFO interrupt mode). */
static u64 timeout_ticks(const struct device *d)
{
    const struct uart *u = uart(d);
    u64 halves = 2 * (1 + 5 + (u->lcr & 3) + !!(u->lcr & 8)) + (!(u->lcr & 4) ? 2 : (u->lcr & 3) ? 4 : 3);
    u128 ticks = (u128)d->env->clock->hz * halves * 4 * 16 * divisor(u) / (2 * (on_pc(d) ? PC_CLOCK : UART_CLOCK));
    return ticks < 1 ? 1 : ticks >> 62 ? (u64)1 << 62 : (u64)ticks;
}

static void restart_timeout(struct device *d)
{
    struct uart_link *l = d->link;
    if (fifos(uart(d)) && uart(d)->rx_len)
        timer_arm(d->env->clock, &l->timeout, d->env->clock->now + timeout_ticks(d));
    else
        timer_cancel(d->env->clock, &l->timeout);
}

static void timed_out(void *opaque, u64 now)
{
    struct device *d = opaque;
    if (uart(d)->rx_len) {
        uart(d)->timeout_irq = 1;
        update_irq(d);
    }
}

static void receive(struct device *d, u8 byte, u8 error)
{
    struct uart *u = uart(d);
    if (u->rx_len == depth(u)) {
        u->overrun = 1; /* the FIFO keeps what it has; the single buffer is overwritten (8.6.3, bit 1) */
        if (fifos(u))
            return;
        u->rx_len = 0;
    }
    unsigned at = (u->rx_at + u->rx_len++) % FIFO_DEPTH;
    u->rx[at] = byte;
    u->rx_error[at] = error;
}

static void clear_rx(struct device *d)
{
    struct uart *u = uart(d);
    u->rx_len = u->rx_at = 0;
    u->timeout_irq = 0;
    restart_timeout(d);
}

/* In loop-back the receiver's pin is disconnected; what is outside waits rather than being lost. */
static size_t room(void *opaque)
{
    const struct uart *u = uart(opaque);
    return u->mcr & MCR_LOOP ? 0 : depth(u) - u->rx_len;
}

static void deliver(void *opaque, const u8 *bytes, size_t n)
{
    struct device *d = opaque;
    for (size_t i = 0; i < n; i++)
        receive(d, bytes[i], 0);
    restart_timeout(d);
    update_irq(d);
}

/* --- registers --------------------------------------------------------------------------------------------- */

static bool dlab(const struct device *d) { return uart(d)->lcr & LCR_DLAB; }
static bool no_dlab(const struct device *d) { return !dlab(d); }

static u64 rbr_get(const struct device *d, u32 index)
{
    const struct uart *u = uart(d);
    return u->rx_len ? u->rx[u->rx_at] : u->last_rx;
}

static u64 rbr_read(struct device *d, u32 index)
{
    struct uart *u = uart(d);
    u->last_rx = (u8)rbr_get(d, 0);
    if (u->rx_len) {
        u->rx_at = (u->rx_at + 1) % FIFO_DEPTH;
        u->rx_len--;
    }
    u->timeout_irq = 0;
    restart_timeout(d);
    update_irq(d);
    return u->last_rx;
}

static void thr_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct uart *u = uart(d);
    u8 byte = (u8)value;
    u->tx_irq = 0;
    update_irq(d);
    if (u->mcr & MCR_LOOP) {
        receive(d, byte, 0);
        restart_timeout(d);
    } else {
        device_char_out(d, d->chr, &byte, 1);
    }
    u->tx_irq = 1; /* empty again */
    update_irq(d);
}

static void ier_write(struct device *d, u32 index, u64 value, u64 old)
{
    /* Enabling it while THR is empty raises the interrupt, even one that an IIR read had cleared. */
    if ((value ^ old) & IER_TX)
        uart(d)->tx_irq = !!(value & IER_TX);
    update_irq(d);
}

static u64 iir_get(const struct device *d, u32 index)
{
    return identify(uart(d)) | (fifos(uart(d)) ? IIR_FIFOS : 0);
}

static u64 iir_read(struct device *d, u32 index)
{
    u64 v = iir_get(d, 0);
    if ((v & 15) == IIR_TX) {
        uart(d)->tx_irq = 0;
        update_irq(d);
    }
    return v;
}

static u64 fcr_get(const struct device *d, u32 index)
{
    return uart(d)->fcr;
}

static void fcr_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct uart *u = uart(d);
    bool toggled = (value ^ u->fcr) & FCR_ENABLE; /* switching between modes empties both FIFOs (8.6.2, bit 0) */
    u->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
    if (toggled || (value & FCR_CLEAR_RX))
        clear_rx(d);
    if (toggled || (value & FCR_CLEAR_TX))
        u->tx_irq = 1;
    update_irq(d);
}

static void lcr_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct uart *u = uart(d);
    /* A break in loop-back arrives as a zero character with BI and FE. Outside, a byte stream cannot carry one. */
    if ((value & ~old & LCR_BREAK) && (u->mcr & MCR_LOOP)) {
        receive(d, 0, LSR_BI | LSR_FE);
        restart_timeout(d);
        update_irq(d);
    }
}

static u8 modem_lines(u8 mcr)
{
    if (!(mcr & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_DCD; /* somebody is always there */
    return (mcr & MCR_DTR ? MSR_DSR : 0) | (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_OUT1 ? MSR_RI : 0) |
           (mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void mcr_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct uart *u = uart(d);
    u8 lines = modem_lines((u8)value), changed = (lines ^ u->msr) & 0xf0;
    if (changed & MSR_CTS)
        u->msr |= MSR_DCTS;
    if (changed & MSR_DSR)
        u->msr |= MSR_DDSR;
    if (changed & MSR_RI & ~lines)
        u->msr |= MSR_TERI; /* trailing edge only */
    if (changed & MSR_DCD)
        u->msr |= MSR_DDCD;
    u->msr = (u->msr & 15) | lines;
    update_irq(d);
}

static u64 lsr_get(const struct device *d, u32 index)
{
    return line_status(uart(d));
}

static u64 lsr_read(struct device *d, u32 index)
{
    struct uart *u = uart(d);
    u8 v = line_status(u);
    u->overrun = 0;
    if (u->rx_len)
        u->rx_error[u->rx_at] = 0;
    update_irq(d);
    return v;
}

static u64 msr_read(struct device *d, u32 index)
{
    u8 v = uart(d)->msr;
    uart(d)->msr &= 0xf0;
    update_irq(d);
    return v;
}

static const struct reg_field ier_fields[] = {
    { "ERBFI", 0, 1, "received data available and time-out interrupts" },
    { "ETBEI", 1, 1, "transmitter holding register empty interrupt" },
    { "ELSI", 2, 1, "receiver line status interrupt" },
    { "EDSSI", 3, 1, "modem status interrupt" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field iir_fields[] = {
    { "NONE", 0, 1, "0 an interrupt is pending, 1 none" },
    { "ID", 1, 3, "0 modem status, 1 THR empty, 2 received data, 3 line status, 6 character time-out" },
    { "FIFOS", 6, 2, "3 FIFOs enabled, 0 not" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field fcr_fields[] = {
    { "ENABLE", 0, 1, "FIFOs on" },
    { "RXRST", 1, 1, "empties the receiver FIFO" },
    { "TXRST", 2, 1, "empties the transmitter FIFO" },
    { "DMA", 3, 1, "DMA mode select" },
    { "TRIGGER", 6, 2, "receiver trigger level: 0 1, 1 4, 2 8, 3 14 bytes" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field lcr_fields[] = {
    { "WLS", 0, 2, "word length: 0 5, 1 6, 2 7, 3 8 bits" },
    { "STB", 2, 1, "stop bits: 0 one, 1 two (one and a half with 5 bits)" },
    { "PEN", 3, 1, "parity" },
    { "EPS", 4, 1, "even parity" },
    { "SP", 5, 1, "stick parity" },
    { "BREAK", 6, 1, "sends a break" },
    { "DLAB", 7, 1, "offsets 0 and 1 are the divisor latch" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field mcr_fields[] = {
    { "DTR", 0, 1, "data terminal ready" },
    { "RTS", 1, 1, "request to send" },
    { "OUT1", 2, 1, "output 1" },
    { "OUT2", 3, 1, "output 2 (gates the interrupt on a PC, not here)" },
    { "LOOP", 4, 1, "loop-back" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field lsr_fields[] = {
    { "DR", 0, 1, "data ready" },
    { "OE", 1, 1, "overrun" },
    { "PE", 2, 1, "parity error" },
    { "FE", 3, 1, "framing error" },
    { "BI", 4, 1, "break" },
    { "THRE", 5, 1, "transmitter holding register empty" },
    { "TEMT", 6, 1, "transmitter empty" },
    { "FIFOERR", 7, 1, "an error is somewhere in the receiver FIFO" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field msr_fields[] = {
    { "DCTS", 0, 1, "CTS changed" },
    { "DDSR", 1, 1, "DSR changed" },
    { "TERI", 2, 1, "RI went off" },
    { "DDCD", 3, 1, "DCD changed" },
    { "CTS", 4, 1, "clear to send" },
    { "DSR", 5, 1, "data set ready" },
    { "RI", 6, 1, "ring indicator" },
    { "DCD", 7, 1, "data carrier detect" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc regs[] = {
    { .name = "DLL", .offset = 0, .width = 1, .reset = 12, .rw = 0xff, .slot = REG_SLOT(struct uart, dll),
      .visible = dlab,
      .doc = "divisor latch, low byte; the baud rate is 3686400 / 16 / divisor", .section = "8.6.7" },
    { .name = "DLM", .offset = 1, .width = 1, .rw = 0xff, .slot = REG_SLOT(struct uart, dlm), .visible = dlab,
      .doc = "divisor latch, high byte", .section = "8.6.7" },
    { .name = "RBR", .offset = 0, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .visible = no_dlab, .get = rbr_get,
      .read = rbr_read, .doc = "receiver buffer: takes the next character", .section = "8.6" },
    { .name = "THR", .offset = 0, .width = 1, .access = REG_WO, .slot = REG_NO_SLOT, .visible = no_dlab,
      .write = thr_write, .doc = "transmitter holding register: sends a character", .section = "8.6" },
    { .name = "IER", .offset = 1, .width = 1, .rw = 0x0f, .slot = REG_SLOT(struct uart, ier), .visible = no_dlab,
      .write = ier_write, .fields = ier_fields, .doc = "interrupt enable", .section = "8.6.5" },
    { .name = "IIR", .offset = 2, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = iir_get, .read = iir_read,
      .fields = iir_fields, .doc = "interrupt identification; reading THR empty clears it", .section = "8.6.4" },
    { .name = "FCR", .offset = 2, .width = 1, .access = REG_WO, .slot = REG_NO_SLOT, .get = fcr_get, .write = fcr_write,
      .fields = fcr_fields, .doc = "FIFO control", .section = "8.6.2" },
    { .name = "LCR", .offset = 3, .width = 1, .rw = 0xff, .slot = REG_SLOT(struct uart, lcr), .write = lcr_write,
      .fields = lcr_fields, .doc = "line control: format of a character, DLAB", .section = "8.6.1" },
    { .name = "MCR", .offset = 4, .width = 1, .reset = MCR_OUT2, .rw = 0x1f, .slot = REG_SLOT(struct uart, mcr),
      .write = mcr_write, .fields = mcr_fields, .doc = "modem control", .section = "8.6.6" },
    { .name = "LSR", .offset = 5, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = lsr_get, .read = lsr_read,
      .fields = lsr_fields, .doc = "line status; reading clears the errors", .section = "8.6.3" },
    { .name = "MSR", .offset = 6, .width = 1, .access = REG_RO, .reset = MSR_CTS | MSR_DSR | MSR_DCD,
      .slot = REG_SLOT(struct uart, msr), .read = msr_read, .fields = msr_fields,
      .doc = "modem status; reading clears the low half", .section = "8.6.8" },
    { .name = "SCR", .offset = 7, .width = 1, .rw = 0xff, .slot = REG_SLOT(struct uart, scr), .doc = "scratch",
      .section = "8.6.9" },
    { .name = NULL },
};

/* A wider access is one of the register at its address, as on QEMU's board: `sw` to THR prints a character. */
static enum mem_result wide_read(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)
{
    u32 index;
    const struct reg_desc *r = size > 1 && !peek ? device_reg_at(d, 0, offset, false, &index) : NULL;
    if (!r)
        return MEM_FAULT;
    *value = r->read ? r->read(d, index) : device_reg_get(d, r, index);
    return MEM_OK;
}

static enum mem_result wide_write(struct device *d, u64 offset, unsigned size, u64 value)
{
    return size > 1 ? device_bank_ops.write(d->window[0].region->opaque, offset, 1, value & 0xff) : MEM_FAULT;
}

static void deliver_break(void *opaque, const u8 *bytes, size_t n)
{
    struct device *d = opaque;
    receive(d, 0, LSR_BI | LSR_FE);
    restart_timeout(d);
    update_irq(d);
}

static bool build(struct device *d, struct err *e)
{
    struct uart_link *l = d->link;
    timer_init(d->env->clock, &l->timeout, d->path, "rx-timeout", 50, timed_out, d);
    l->in = (struct input_channel){ .name = d->path, .room = room, .deliver = deliver, .opaque = d };
    device_add_channel(d, &l->in);
    l->breaks = (struct input_channel){ .name = arena_printf(d->env->arena, "%s.break", d->path), .room = room,
                                        .deliver = deliver_break, .opaque = d };
    device_add_channel(d, &l->breaks);
    if (d->chr)
        d->chr->in = &l->in;
    return true;
}

static void reset(struct device *d)
{
    struct uart *u = uart(d);
    struct uart keep = *u;
    *u = (struct uart){ .dll = keep.dll, .mcr = keep.mcr, .msr = keep.msr };
    timer_cancel(d->env->clock, &((struct uart_link *)d->link)->timeout);
    device_irq(d, 0, false);
}

static void loaded(struct device *d)
{
    /* A snapshot is not trusted: indices must stay within the FIFO. */
    struct uart *u = uart(d);
    u->rx_at %= FIFO_DEPTH;
    if (u->rx_len > depth(u))
        u->rx_len = (u8)depth(u);
}

static const struct reg_bank bank = { "uart", 8, 1, 8, true, regs, wide_read, wide_write, false };

static const struct prop_desc props[] = {
    { "chardev", PROP_CHARDEV, NULL, "where its bytes go and come from" },
    { NULL, PROP_U64, NULL, NULL },
};

static const struct reg_bank port_bank = { "uart", 8, 1, 1, true, regs, NULL, NULL, true };

const struct device_class isa_serial_class = {
    .name = "isa-serial",
    .doc = "serial port of a PC: NS16550A, 1.8432 MHz clock",
    .state_size = sizeof(struct uart),
    .state = state,
    .link_size = sizeof(struct uart_link),
    .props = props,
    .banks = { &port_bank },
    .build = build,
    .reset = reset,
    .loaded = loaded,
};

const struct device_class ns16550a_class = {
    .name = "ns16550a",
    .doc = "NS16550A serial port, 3.6864 MHz clock",
    .compatible = "ns16550a",
    .state_size = sizeof(struct uart),
    .state = state,
    .link_size = sizeof(struct uart_link),
    .props = props,
    .banks = { &bank },
    .build = build,
    .reset = reset,
    .loaded = loaded,
};
