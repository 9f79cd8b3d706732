/* The second of two programs at one address; tests/debugger/two/kernel.S. Line numbers matter. */
struct ball {
    char letter;
    int score;
};
struct ball ball = { 'p', 100 };
int lost;

__attribute__((noinline)) static int answer(int n)
{
    lost += n > 5;
    ball.score -= n;
    return ball.score;
}

__attribute__((section(".text.first"))) int main(void)
{
    for (int n = 0;; n++) {
        answer(n);
        __asm__ volatile("ecall" ::: "memory");
    }
}
