/* The programs of procs.c, with the same names at the same addresses and other meanings: compiled with -DROUNDS=N. */
static volatile int rounds;

__attribute__((noinline)) static void call(long number)
{
    register long a0 __asm__("a0") = number;
    __asm__ volatile("ecall" : "+r"(a0)::"memory");
}

__attribute__((noinline)) int work(int i)
{
    rounds = ROUNDS * i;
    return rounds + 1;
}

__attribute__((section(".text.start"))) void _start(void)
{
    for (int i = 0; i < 20; i++) {
        work(i);
        call(1);
    }
    call(ROUNDS == 1 ? 2 : 1);
    for (;;)
        call(1);
}
