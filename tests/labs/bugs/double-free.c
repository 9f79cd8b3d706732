/* A double free: a block is given to two owners, and one finds the other's bytes in it. */
#include "kernel.h"

struct request {
    unsigned id, state;
    unsigned long check;
};

static void begin(struct request *r, unsigned id)
{
    r->id = id;
    r->state = 1;
    r->check = id * 77ul;
}

static void cancel(struct request *r)
{
    r->state = 2;
    release(r);
}

static void finish(struct request *r)
{
    r->state = 3;
    release(r); /* whether it was cancelled or not */
}

void tick(void) {}

void test(unsigned hart)
{
    if (hart)
        return;
    for (unsigned id = 1; id < 1000; id++) {
        struct request *r = allocate(sizeof *r);
        begin(r, id);
        if (id == 700)
            cancel(r);
        finish(r);
    }
    struct request *a = allocate(sizeof *a), *b = allocate(sizeof *b);
    begin(a, 1001);
    begin(b, 1002);
    if (a->check != a->id * 77ul || a->id != 1001)
        panic("request 1001 is damaged");
    say("all requests are whole\n");
}
