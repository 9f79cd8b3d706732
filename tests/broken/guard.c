/* Recursion without an end runs into the guard page, where #PF has no stack to be handled on: a double, then a triple fault. */
int c_kernel(void);

static int depth(int n)
{
    volatile int local[16];
    local[n & 15] = n;
    return depth(n + 1) + local[n & 15];
}

int c_kernel(void)
{
    return depth(0);
}
