/* The benchmark as a program of riscv64 Linux: the loops of loops.c, and what only a kernel can give: fork and wait, system
 * calls, page faults. Raw system calls, no libc. The phases are named in the environment, bench=PHASE,.. (there the kernel
 * puts words of its command line that it does not know). The time is the host's: it reads "bench: PHASE begin" and
 * "bench: PHASE end CHECKSUM" from the console as they come. */
#define LINUX
#include "loops.c"

enum {
    SYS_ioctl = 29, SYS_write = 64, SYS_exit = 93, SYS_reboot = 142, SYS_umask = 166, SYS_getpid = 172, SYS_getppid = 173,
    SYS_munmap = 215, SYS_clone = 220, SYS_mmap = 222, SYS_wait4 = 260
};

static long call(long nr, long a, long b, long c, long d)
{
    register long a7 __asm__("a7") = nr, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = -1, a5 __asm__("a5") = 0; /* only mmap has them: no file, offset 0 */
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
    return a0;
}

static int forks(void)
{
    for (int i = 0; i < 500; i++) {
        long child = call(SYS_clone, 17 /* SIGCHLD */, 0, 0, 0);
        if (child == 0)
            call(SYS_exit, i & 127, 0, 0, 0);
        uint32_t status = 0;
        if (child < 0 || call(SYS_wait4, child, (long)&status, 0, 0) != child)
            return 1;
        checksum = checksum * 31 + status;
    }
    return 0;
}

static int syscalls(void)
{
    for (int i = 0; i < 300000; i++) {
        checksum = checksum * 31 + (uint64_t)call(SYS_umask, i & 0777, 0, 0, 0); /* returns the one before */
        if (call(SYS_getppid, 0, 0, 0, 0) < 0)
            return 1;
    }
    return 0;
}

static int faults(void)
{
    enum { PAGES = 64, PAGE = 4096 };
    for (int i = 0; i < 150; i++) {
        long at = call(SYS_mmap, 0, PAGES * PAGE, 3 /* read, write */, 0x22 /* private, anonymous */);
        if (at < 0 && at > -4096)
            return 1;
        volatile uint64_t *p = (volatile uint64_t *)at;
        for (int k = 0; k < PAGES; k++) {
            checksum = checksum * 31 + p[k * PAGE / 8]; /* a first read: the kernel's zero page */
            p[k * PAGE / 8] = (uint64_t)(i + k);        /* then a page of its own */
        }
        for (int k = 0; k < PAGES; k++)
            checksum = checksum * 31 + p[k * PAGE / 8];
        if (call(SYS_munmap, at, PAGES * PAGE, 0, 0))
            return 1;
    }
    return 0;
}

static const struct { const char *name; int (*run)(void); } phases[] = {
    { "sieve", sieve }, { "sha256", sha256 }, { "qsort", qsort_ }, { "matmul", matmul }, { "nbody", nbody }, { "chase", chase },
    { "bytecode", bytecode }, { "memcpy", memcpy_ }, { "fib", fib },
    { "fork", forks }, { "syscalls", syscalls }, { "faults", faults },
};
enum { PHASES = sizeof phases / sizeof *phases };

/* The text behind head, or null. */
static const char *after(const char *text, const char *head)
{
    while (*head && *text == *head)
        text++, head++;
    return *head ? NULL : text;
}

static int in_list(const char *list, const char *name)
{
    while (*list) {
        const char *end = after(list, name);
        if (end && (*end == ',' || *end == 0))
            return 1;
        while (*list && *list++ != ',')
            ;
    }
    return 0;
}

/* One line, and wait until the UART has sent it: what follows must not delay it. */
static void say(const char *name, const char *what, const uint64_t *sum)
{
    char line[80];
    size_t n = 0;
    const char *parts[] = { "bench: ", name, " ", what };
    for (int i = 0; i < 4; i++)
        for (const char *c = parts[i]; *c && n < sizeof line - 20; c++)
            line[n++] = *c;
    if (sum) {
        line[n++] = ' ';
        for (int i = 60; i >= 0; i -= 4)
            line[n++] = "0123456789abcdef"[*sum >> i & 15];
    }
    line[n++] = '\n';
    call(SYS_write, 1, (long)line, (long)n, 0);
    call(SYS_ioctl, 1, 0x5409 /* TCSBRK */, 1, 0);
}

__attribute__((used)) void start(long *sp)
{
    const char *wanted = "";
    for (char **env = (char **)(sp + 1) + sp[0] + 1; *env; env++)
        if (after(*env, "bench="))
            wanted = after(*env, "bench=");
    say("all", "begin", NULL);
    for (int p = 0; p < PHASES; p++) {
        if (!in_list(wanted, phases[p].name))
            continue;
        seed = SEED;
        checksum = 0;
        say(phases[p].name, "begin", NULL);
        say(phases[p].name, phases[p].run() ? "wrong" : "end", &checksum);
    }
    say("all", "end", NULL);
    if (call(SYS_getpid, 0, 0, 0, 0) == 1) /* the kernel started us (rdinit=): power off */
        call(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0);
    call(SYS_exit, 0, 0, 0, 0);
    for (;;)
        ;
}

__asm__(".globl _start\n_start:\n\t.option push\n\t.option norelax\n\tla gp, __global_pointer$\n\t.option pop\n"
        "\tmv a0, sp\n\tandi sp, sp, -16\n\tcall start\n");
