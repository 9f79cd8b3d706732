/* The first of two programs at one address; tests/debugger/two/kernel.S. Line numbers matter. */
struct ball {
    long bounces;
    const char *who;
};
struct ball ball = { 0, "ping" };

__attribute__((noinline)) static long serve(long n)
{
    ball.bounces += n;
    return ball.bounces;
}

__attribute__((section(".text.first"))) int main(void)
{
    for (;;) {
        serve(1);
        __asm__ volatile("ecall" ::: "memory");
    }
}
