/* A lost interrupt: it comes between the look at `done` and the sleep, and nobody wakes the sleeper. */
#include "kernel.h"

volatile unsigned done, rounds, work;

void tick(void)
{
    done = 1;
}

static void wait_for_device(void)
{
    while (!done)
        sleep_until_interrupt();
}

void test(unsigned hart)
{
    if (hart)
        return;
    interrupts(1);
    for (rounds = 0; rounds < 1000; rounds++) {
        done = 0;
        timer_after(1); /* the device is quick, */
        for (work = 0; work < rounds % 16; work++) /* and we had something else to do */
            if (rounds & 16)
                work++;
        wait_for_device();
    }
    say("all rounds are done\n");
}
