/* The 16550A: data sheet behaviour by script. */
#include "iodev/char/ns16550a.h"

#include "tests/device/rig.h"

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

static struct rig *uart(void)
{
    struct rig *r = rig_begin(&ns16550a_class, NULL);
    r->d->chr = &r->chr;
    rig_finish(r);
    return r;
}

static void reset_values(void)
{
    struct rig *r = uart();
    SCRIPT(r, R(1, IER, 0), R(1, IIR, 1), R(1, LCR, 0), R(1, MCR, 8), R(1, LSR, 0x60), R(1, MSR, 0xb0), R(1, SCR, 0),
           W(1, LCR, 0x80), R(1, DLL, 12), R(1, DLM, 0), OUT(0, 0), FAULT(1, 8));
    CU_ASSERT_PTR_EQUAL(r->chr.in, r->env.channels);
    rig_free(r);
}

static void divisor_latch(void)
{
    struct rig *r = uart();
    SCRIPT(r, W(1, LCR, 0x83), W(1, DLL, 0x34), W(1, DLM, 0x12), R(1, DLL, 0x34), R(1, DLM, 0x12), SENT(""),
           W(1, LCR, 3), R(1, IER, 0), R(1, RBR, 0), W(1, LCR, 0x83), R(1, DLL, 0x34), SAVE);
    rig_free(r);
}

static void transmit(void)
{
    struct rig *r = uart();
    SCRIPT(r, W(1, THR, 'h'), R(1, LSR, 0x60), W(4, THR, 'i'), W(8, THR, 0x2121), SENT("hi!"));
    rig_free(r);
}

static void thre_interrupt(void)
{
    struct rig *r = uart();
    SCRIPT(r, W(1, IER, 2), OUT(0, 1), R(1, IIR, 2), OUT(0, 0), R(1, IIR, 1), /* read away */
           W(1, THR, 'x'), OUT(0, 1), P(1, IIR, 2), P(1, IIR, 2), OUT(0, 1),   /* looking does not clear */
           W(1, IER, 0), OUT(0, 0), R(1, IIR, 1), W(1, IER, 2), OUT(0, 1), SAVE);
    CU_ASSERT_EQUAL(r->edges[0], 3);
    rig_free(r);
}

static void receive_without_fifo(void)
{
    struct rig *r = uart();
    SCRIPT(r, W(1, IER, 1), ROOM(1), DELIVER("a"), ROOM(0), R(1, LSR, 0x61), OUT(0, 1), R(1, IIR, 4), P(1, RBR, 'a'),
           R(1, RBR, 'a'), OUT(0, 0), R(1, LSR, 0x60), ROOM(1), R(1, RBR, 'a'));
    rig_free(r);
}

static void trigger_levels(void)
{
    static const unsigned level[] = { 1, 4, 8, 14 };
    for (unsigned t = 0; t < 4; t++) {
        struct rig *r = uart();
        SCRIPT(r, W(1, FCR, 1 | t << 6), W(1, IER, 1), ROOM(16), R(1, IIR, 0xc1));
        for (unsigned i = 1; i <= 16; i++)
            SCRIPT(r, DELIVER("q"), OUT(0, i >= level[t]), ROOM(16 - i));
        SCRIPT(r, P(1, IIR, 0xc4), SAVE);
        for (unsigned i = 15; i < 16; i--) /* the output falls when the FIFO is below the level */
            SCRIPT(r, R(1, RBR, 'q'), OUT(0, i >= level[t]));
        SCRIPT(r, R(1, LSR, 0x60));
        rig_free(r);
    }
}

/* Four characters of 10 bits at 16 * 2 clocks of 3.6864 MHz: 347.2 us. */
static void character_timeout(void)
{
    struct rig *r = uart();
    SCRIPT(r, W(1, LCR, 0x83), W(1, DLL, 2), W(1, LCR, 3), W(1, FCR, 0xc1), W(1, IER, 1), DELIVER("ab"), RUN(347221),
           OUT(0, 0), RUN(2), OUT(0, 1), R(1, IIR, 0xcc), SAVE, R(1, RBR, 'a'), OUT(0, 0), /* a read restarts it */
           RUN(340000), OUT(0, 0), DELIVER("c"), RUN(340000), OUT(0, 0), RUN(8000), OUT(0, 1), R(1, RBR, 'b'),
           R(1, RBR, 'c'), RUN(1000000), OUT(0, 0));
    rig_free(r);
}

static void fifo_control(void)
{
    struct rig *r = uart();
    SCRIPT(r, W(1, FCR, 1), DELIVER("abc"), W(1, FCR, 3), R(1, LSR, 0x60), ROOM(16), /* RXRST */
           DELIVER("abc"), W(1, FCR, 0), R(1, LSR, 0x60), R(1, IIR, 1), ROOM(1),      /* off empties it */
           W(1, FCR, 0xc0), R(1, IIR, 1));                                            /* bits need ENABLE */
    rig_free(r);
}

static void loop_back(void)
{
    struct rig *r = uart();
    SCRIPT(r, W(1, MCR, 0x10), ROOM(0), R(1, MSR, 0x0b), R(1, MSR, 0), /* CTS, DSR, DCD went off */
           W(1, THR, 'z'), SENT(""), R(1, LSR, 0x61), R(1, RBR, 'z'), W(1, MCR, 0x1f), R(1, MSR, 0xfb), W(1, MCR, 0x1b),
           R(1, MSR, 0xb4), /* RI off: TERI */
           W(1, IER, 8), OUT(0, 0), W(1, MCR, 0x1a), OUT(0, 1), R(1, IIR, 0), R(1, MSR, 0x92), OUT(0, 0));
    rig_free(r);
}

static void overrun(void)
{
    struct rig *r = uart();
    SCRIPT(r, W(1, MCR, 0x10), W(1, IER, 4), W(1, THR, 'a'), W(1, THR, 'b'), OUT(0, 1), R(1, IIR, 6), P(1, LSR, 0x63),
           R(1, LSR, 0x63), OUT(0, 0), R(1, LSR, 0x61), R(1, RBR, 'b')); /* the single buffer is overwritten */
    SCRIPT(r, W(1, FCR, 1));
    for (unsigned i = 0; i < 17; i++)
        SCRIPT(r, W(1, THR, 'a' + i));
    SCRIPT(r, R(1, LSR, 0x63));
    for (unsigned i = 0; i < 16; i++) /* the FIFO keeps what it had */
        SCRIPT(r, R(1, RBR, 'a' + i));
    SCRIPT(r, R(1, LSR, 0x60));
    rig_free(r);
}

static void break_in_loop_back(void)
{
    struct rig *r = uart();
    SCRIPT(r, W(1, MCR, 0x10), W(1, FCR, 1), W(1, IER, 4), W(1, THR, 'a'), W(1, LCR, 0x43), OUT(0, 0), R(1, LSR, 0xe1),
           R(1, RBR, 'a'), OUT(0, 1), SAVE, R(1, LSR, 0xf9), OUT(0, 0), R(1, LSR, 0x61), R(1, RBR, 0));
    rig_free(r);
}

static void priorities(void)
{
    struct rig *r = uart();
    SCRIPT(r, W(1, MCR, 0x1f), R(1, MSR, 0xf0 ^ 0x40 ^ 0x40), W(1, IER, 15));
    SCRIPT(r, W(1, MCR, 0x1e), R(1, IIR, 2), R(1, IIR, 0), W(1, THR, 1), R(1, IIR, 4), W(1, THR, 1), R(1, IIR, 6),
           R(1, LSR, 0x63), R(1, IIR, 4), R(1, RBR, 1), R(1, IIR, 2), R(1, IIR, 0), R(1, MSR, 0xd2), R(1, IIR, 1));
    rig_free(r);
}

static void reset_again(void)
{
    struct rig *r = uart();
    u64 fresh = state_hash(r->d->cls->state, r->d->state, 0);
    SCRIPT(r, W(1, FCR, 1), W(1, IER, 1), DELIVER("x"), OUT(0, 1), W(1, SCR, 9), W(1, LCR, 0x80), W(1, DLL, 1));
    device_reset(r->d);
    CU_ASSERT_EQUAL(state_hash(r->d->cls->state, r->d->state, 0), fresh);
    SCRIPT(r, OUT(0, 0), RUN(1000000000), OUT(0, 0));
    rig_free(r);
}

int main(void)
{
    return unit_main("ns16550a", (CU_TestInfo[]){
        { "reset values", reset_values }, { "divisor latch", divisor_latch }, { "transmit", transmit },
        { "THR empty interrupt", thre_interrupt }, { "receive without FIFO", receive_without_fifo },
        { "trigger levels", trigger_levels }, { "character time-out", character_timeout },
        { "FIFO control", fifo_control }, { "loop-back", loop_back }, { "overrun", overrun },
        { "break in loop-back", break_in_loop_back }, { "priorities", priorities }, { "reset", reset_again },
        CU_TEST_INFO_NULL });
}
