/* A wild write: a name that is too long runs over the pointer of a neighbour, which crashes much later. */
#include "kernel.h"

#define TASKS 4

struct task {
    char name[8];
    struct task *next;
    unsigned long runs;
} tasks[TASKS];

static void set_name(struct task *t, const char *name)
{
    char *to = t->name;
    while ((*to++ = *name++))
        ;
}

static void work(struct task *t)
{
    t->runs++;
}

void tick(void) {}

void test(unsigned hart)
{
    static const char *const names[TASKS] = { "init", "shell", "scheduler-of-all", "idle" };
    if (hart)
        return;
    for (unsigned i = 0; i < TASKS; i++)
        tasks[i].next = &tasks[(i + 1) % TASKS];
    for (unsigned i = 0; i < 40000; i++)
        work(&tasks[0]); /* all is well for a while */
    for (unsigned i = 0; i < TASKS; i++)
        set_name(&tasks[i], names[i]);
    struct task *t = &tasks[0];
    for (unsigned i = 0; i < 100000; i++, t = t->next)
        work(t);
    say("all tasks ran\n");
}
