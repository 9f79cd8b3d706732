/* A stack overflow: hart 1's stack grows down into hart 0's, who finds another address in a table of functions. */
#include "kernel.h"

#define JOBS 64

struct node {
    struct node *left, *right;
} nodes[60];

volatile unsigned ready, measured, jobs_done;

static unsigned depth(const struct node *n)
{
    volatile char path[64]; /* for messages that are never printed */
    for (unsigned i = 0; i < sizeof path; i++)
        path[i] = n ? 'n' : '0';
    if (!n)
        return 0;
    unsigned l = depth(n->left), r = depth(n->right);
    return (l > r ? l : r) + (path[0] == 'n');
}

void tick(void) {}

static void job(void)
{
    jobs_done++;
}

static void run_jobs(void)
{
    void (*volatile table[JOBS])(void);
    for (unsigned i = 0; i < JOBS; i++)
        table[i] = job;
    ready = 1;
    while (!measured)
        ;
    for (unsigned i = 0; i < JOBS; i++)
        table[i]();
}

void test(unsigned hart)
{
    if (hart) {
        for (unsigned i = 0; i + 1 < sizeof nodes / sizeof *nodes; i++)
            nodes[i].right = &nodes[i + 1]; /* a tree that somebody forgot to balance */
        while (!ready)
            ;
        measured = depth(&nodes[0]);
        return;
    }
    run_jobs();
    say("all jobs are done\n");
}
