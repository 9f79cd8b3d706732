/* A 64-bit kernel in C that is entered by PVH: it uses a pointer that is not there, and has no IDT. */
struct task {
    int state;
    struct task *next;
    long ticks;
};
static struct task *current;
void c_kernel(void);

static long account(struct task *t)
{
    return ++t->next->ticks;
}

void c_kernel(void)
{
    static struct task first;
    current = &first;
    account(current);
}
