/* A missing lock: two harts count in one variable. */
#include "kernel.h"

#define EACH 10000

volatile unsigned long counter;
volatile unsigned finished;

static void count(void)
{
    counter = counter + 1;
}

void tick(void) {}

void test(unsigned hart)
{
    for (unsigned i = 0; i < EACH; i++)
        count();
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    if (hart)
        return;
    while (finished < HARTS)
        ;
    if (counter != HARTS * EACH) {
        say_number("counter: ", (long)counter);
        panic("some were lost");
    }
    say("all are counted\n");
}
