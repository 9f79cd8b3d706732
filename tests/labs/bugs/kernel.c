#include "kernel.h"

#define REG32(a) (*(volatile uint32_t *)(uintptr_t)(a))
#define REG64(a) (*(volatile uint64_t *)(uintptr_t)(a))
#define UART 0x10000000ul
#define FINISHER 0x100000ul
#define MTIME 0x200bff8ul
#define MTIMECMP 0x2004000ul

/* hart 1's stack lies above hart 0's, and the heap above both */
uint8_t stacks[HARTS][STACK_SIZE] __attribute__((aligned(4096)));

void say(const char *text)
{
    while (*text)
        *(volatile uint8_t *)UART = (uint8_t)*text++;
}

void say_number(const char *text, long n)
{
    char digits[24], *p = digits + sizeof digits;
    *--p = 0;
    *--p = '\n';
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    say(text);
    say(p);
}

void panic(const char *why)
{
    say("panic: ");
    say(why);
    say("\n");
    REG32(FINISHER) = 0x3333 | 1 << 16;
    for (;;)
        ;
}

void power_off(void)
{
    REG32(FINISHER) = 0x5555;
    for (;;)
        ;
}

/* --- memory: blocks of 64 bytes, the free ones in a list --------------------------------------------------------- */

#define BLOCKS 16
static union block {
    union block *next;
    uint8_t bytes[64];
} heap[BLOCKS], *free_list;

void *allocate(size_t size)
{
    union block *b = free_list;
    if (!b || size > sizeof *b)
        return NULL;
    free_list = b->next;
    return b;
}

void release(void *p)
{
    union block *b = p;
    b->next = free_list;
    free_list = b;
}

/* --- interrupts --------------------------------------------------------------------------------------------------- */

void timer_after(uint64_t ticks)
{
    REG64(MTIMECMP) = REG64(MTIME) + ticks;
    __asm__ volatile("csrs mie, %0" : : "r"(1 << 7));
}

void interrupts(int on)
{
    if (on)
        __asm__ volatile("csrsi mstatus, 8" : : : "memory");
    else
        __asm__ volatile("csrci mstatus, 8" : : : "memory");
}

void sleep_until_interrupt(void)
{
    __asm__ volatile("wfi" : : : "memory");
}

void trap(uint64_t cause, uint64_t pc, uint64_t address)
{
    (void)pc;
    (void)address;
    if (cause == (1ull << 63 | 7)) { /* machine timer */
        REG64(MTIMECMP) = -1ull;
        tick();
        return;
    }
    panic(cause == 5 || cause == 7 ? "access fault" : "unexpected trap");
}

void hart_main(unsigned hart)
{
    if (hart == 0)
        for (unsigned i = BLOCKS; i--;)
            release(&heap[i]);
    test(hart);
    if (hart == 0)
        power_off();
}
