/* A guest that calls in all the ways there are: recursion, tail calls, two tasks with stacks of their own that take turns,
 * longjmp out of depth, traps, and (RISC-V) interrupts. tests/cli/traces.py knows who calls whom. */
typedef unsigned long word;

#define NOINLINE __attribute__((noinline))

struct context {
    word sp, keep[14];
};

void switch_to(struct context *from, struct context *to);
int save_place(word *place);
void go_back(word *place) __attribute__((noreturn));
void begin_task(void);
void trap_on_purpose(void);
int main(void);

volatile word ticks, traps, sum;
static struct context main_context, task_context[2];
static word stack[2][512] __attribute__((aligned(16)));
static word place[16];

NOINLINE int leaf(int n)
{
    sum += (word)n;
    return n + 1;
}

NOINLINE int recursive(int n)
{
    return n ? recursive(n - 1) + leaf(n) : leaf(0);
}

NOINLINE int last(int n)
{
    return leaf(n) * 2;
}

NOINLINE int middle(int n)
{
    leaf(n);
    __attribute__((musttail)) return last(n + 1);
}

NOINLINE int first(int n)
{
    __attribute__((musttail)) return middle(n + 1);
}

NOINLINE void deep(int n)
{
    if (!n)
        go_back(place);
    deep(n - 1);
    sum++;
}

NOINLINE void step(int who)
{
    for (int i = 0; i < 20; i++)
        sum += (word)(who + i);
}

NOINLINE void yield(int who)
{
    switch_to(&task_context[who], who ? &main_context : &task_context[1]);
}

NOINLINE void task(int who)
{
    for (;;) {
        step(who);
        yield(who);
    }
}

void task_main(void)
{
    static int next;
    task(next++);
}

NOINLINE void tasks(void)
{
    for (int i = 0; i < 2; i++) {
        word *top = stack[i] + 512 - 16;
        task_context[i].sp = (word)top;
        task_context[i].keep[0] = (word)begin_task;
    }
    for (int i = 0; i < 5; i++)
        switch_to(&main_context, &task_context[0]);
}

NOINLINE void on_trap(void)
{
    traps++;
    leaf(7);
}

NOINLINE void on_tick(void)
{
    ticks++;
    step(3);
}

int main(void)
{
    for (int i = 0; i < 3; i++)
        recursive(4);
    first(1);
    if (!save_place(place))
        deep(6);
    tasks();
    trap_on_purpose();
    for (int i = 0; i < 400; i++)
        step(i);
    return (int)sum;
}
