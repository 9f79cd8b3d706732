/* The benchmark loops on a bare PC in 64-bit mode (pc.S), told by the boot loader which: bench=PHASE,.. Output on COM1. */
#define LINUX
#include "loops.c"
#include "phases.h"

enum { COM1 = 0x3f8, LINE_CONTROL = 3, LINE_STATUS = 5, EMPTY = 0x40 /* the shift register too */, ROOM = 0x20 };

static uint8_t in(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static void out(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static void wait_for(uint8_t what)
{
    while (!(in(COM1 + LINE_STATUS) & what))
        ;
}
static void put(const char *text, size_t n)
{
    while (n--) {
        wait_for(ROOM);
        out(COM1, (uint8_t)*text++);
    }
    wait_for(EMPTY);
}

static const struct phase phases[] = { LOOPS };

/* What multiboot tells; its command line counts only if bit 2 of flags says so. */
struct multiboot {
    uint32_t flags, memory[2], boot_device, command_line;
};
void start(const struct multiboot *m);
void start(const struct multiboot *m)
{
    out(COM1 + LINE_CONTROL, 0x80); /* the divisor: 115200 baud; then 8 bits, no parity */
    out(COM1, 1);
    out(COM1 + 1, 0);
    out(COM1 + LINE_CONTROL, 3);
    for (const char *c = m->flags & 4 ? (const char *)(uintptr_t)m->command_line : ""; *c; c++)
        if (after(c, "bench="))
            run_phases(phases, sizeof phases / sizeof *phases, after(c, "bench="));
}
