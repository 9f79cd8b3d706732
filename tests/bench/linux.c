/* The benchmark as a program of Linux, riscv64 or x86-64: the loops of loops.c, and what only a kernel can give: fork and wait,
 * system calls, page faults. Raw system calls, no libc. The phases are named in the environment, bench=PHASE,.. (there the
 * kernel puts words of its command line that it does not know). */
#define LINUX
#include "loops.c"
#include "phases.h"

#ifdef __riscv
enum {
    SYS_ioctl = 29, SYS_write = 64, SYS_exit = 93, SYS_reboot = 142, SYS_umask = 166, SYS_getpid = 172, SYS_getppid = 173,
    SYS_munmap = 215, SYS_clone = 220, SYS_mmap = 222, SYS_wait4 = 260
};
__asm__(".globl _start\n_start:\n\t.option push\n\t.option norelax\n\tla gp, __global_pointer$\n\t.option pop\n"
        "\tmv a0, sp\n\tandi sp, sp, -16\n\tcall start\n");

static long call(long nr, long a, long b, long c, long d)
{
    register long a7 __asm__("a7") = nr, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = -1, a5 __asm__("a5") = 0; /* only mmap has them: no file, offset 0 */
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
    return a0;
}
#else /* x86-64 */
enum {
    SYS_write = 1, SYS_mmap = 9, SYS_munmap = 11, SYS_ioctl = 16, SYS_getpid = 39, SYS_clone = 56, SYS_exit = 60, SYS_wait4 = 61,
    SYS_umask = 95, SYS_getppid = 110, SYS_reboot = 169
};
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");

static long call(long nr, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = -1, r9 __asm__("r9") = 0; /* only mmap has the last two */
    __asm__ volatile("syscall" : "+a"(nr) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return nr;
}
#endif

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

static void put(const char *text, size_t n)
{
    call(SYS_write, 1, (long)text, (long)n, 0);
    call(SYS_ioctl, 1, 0x5409 /* TCSBRK */, 1, 0);
}

static const struct phase phases[] = {
    LOOPS,
    { "fork", forks }, { "syscalls", syscalls }, { "faults", faults },
};

__attribute__((used)) void start(long *sp)
{
    const char *wanted = "";
    for (char **env = (char **)(sp + 1) + sp[0] + 1; *env; env++)
        if (after(*env, "bench="))
            wanted = after(*env, "bench=");
    run_phases(phases, sizeof phases / sizeof *phases, wanted);
    if (call(SYS_getpid, 0, 0, 0, 0) == 1) /* the kernel started us (rdinit=): power off */
        call(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0);
    call(SYS_exit, 0, 0, 0, 0);
    for (;;)
        ;
}
