/* A small kernel for the debugger's tests: a timer's interrupts, a page fault that is repaired, a program in user mode that calls
 * the kernel. One source for x86 (x86.S) and RISC-V (riscv.S), which say what a trap frame is. Line numbers matter. */
#include "kernel.h"

struct request {
    int number;
    long argument;
    struct request *next;
};
volatile long ticks, faults, calls;
struct request last = { -1, 0, 0 };
static volatile int repaired;

static inline __attribute__((always_inline)) long mixed(long a, long b)
{
    long sum = a + b;
    return sum * 3;
}

__attribute__((noinline)) long tick_work(int depth)
{
    long here = mixed(depth, ticks);
    if (depth == 0) {
        ticks++;
        return here;
    }
    return tick_work(depth - 1) + here;
}

__attribute__((noinline)) void on_timer(struct trapframe *f)
{
    long done = tick_work(2);
    timer_again(f);
    last.argument = done;
}

__attribute__((noinline)) void on_fault(struct trapframe *f, unsigned long address)
{
    unsigned long at = address & ~4095ul;
    faults++;
    repaired = 1;
    map_page(at);
    last.number = -2;
}

__attribute__((noinline)) long on_call(int number, long argument)
{
    struct request r = { number, argument, &last };
    calls++;
    if (number == 0)
        leave_user();
    return r.next->number + argument;
}

void handle(struct trapframe *f)
{
    switch (trap_kind(f)) {
    case KIND_TIMER: on_timer(f); break;
    case KIND_FAULT: on_fault(f, trap_address(f)); break;
    case KIND_CALL: trap_result(f, on_call((int)trap_argument(f, 0), trap_argument(f, 1))); break;
    default: stop(99);
    }
}

/* --- interrupted and interrupting --- */

__attribute__((noinline)) long spin(long until)
{
    long turns = 0;
    while (ticks < until)
        turns++;
    return turns;
}

__attribute__((noinline)) int touch(volatile int *p, int v)
{
    *p = v;
    return *p + repaired;
}

__attribute__((noinline)) USER long user_add(long a, long b)
{
    long sum = a + b;
    return call_kernel(7, sum);
}

USER void user_main(void)
{
    long total = 0;
    for (long i = 0; i < 3; i++)
        total += user_add(total, i);
    call_kernel(0, total);
}

int main(void)
{
    int result = 0;
    start_traps();
    result += spin(2) > 0;
    result += touch((volatile int *)(UNMAPPED + 0x3000), 5);
    enter_user(user_main);
    result += (int)calls;
    result += half(5) > 2;
    result += wide(3) > 0;
    return result;
}

double half(double v)
{
    return v / -2 + v;
}

long long wide(int v)
{
    return (long long)v << 33 | 5;
}
