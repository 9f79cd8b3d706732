/* QEMU as an oracle: a `qemu-system-x86_64 -qtest stdio` whose ports are written and read. The machine does not run. */
#ifndef TESTS_DEVICE_QTEST_H
#define TESTS_DEVICE_QTEST_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct qtest {
    FILE *to, *from;
    pid_t pid;
};

/* False, with a message, when there is no QEMU: the comparison is skipped. */
static inline bool qtest_start(struct qtest *q, const char *const extra[])
{
    const char *args[32] = { "qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-display", "none", "-S", "-nodefaults",
                             "-qtest", "stdio" };
    unsigned n = 11;
    while (*extra && n < 31)
        args[n++] = *extra++;
    int to[2], from[2];
    if (pipe(to) || pipe(from))
        return false;
    q->pid = fork();
    if (q->pid < 0)
        return false;
    if (!q->pid) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        if (!freopen("/dev/null", "w", stderr))
            _exit(127);
        close(to[1]);
        close(from[0]);
        execvp(args[0], (char *const *)args);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    q->to = fdopen(to[1], "w");
    q->from = fdopen(from[0], "r");
    /* Asked once so that a missing program shows. */
    char line[256];
    fprintf(q->to, "inb 0x80\n");
    if (fflush(q->to) == 0)
        while (fgets(line, sizeof line, q->from))
            if (!strncmp(line, "OK", 2))
                return true;
    fprintf(stderr, "no qemu-system-x86_64 with qtest here: comparison skipped\n");
    waitpid(q->pid, NULL, 0);
    fclose(q->to);
    fclose(q->from);
    return false;
}

static inline void qtest_end(struct qtest *q)
{
    fclose(q->to);
    fclose(q->from);
    kill(q->pid, SIGKILL);
    waitpid(q->pid, NULL, 0);
}

static inline unsigned long long qtest_answer(struct qtest *q)
{
    char line[256];
    fflush(q->to);
    while (fgets(line, sizeof line, q->from))
        if (!strncmp(line, "OK", 2))
            return line[2] ? strtoull(line + 2, NULL, 0) : 0;
    return ~0ull;
}

static inline unsigned char qtest_inb(struct qtest *q, unsigned port)
{
    fprintf(q->to, "inb 0x%x\n", port);
    return (unsigned char)qtest_answer(q);
}

static inline void qtest_outb(struct qtest *q, unsigned port, unsigned char v)
{
    fprintf(q->to, "outb 0x%x 0x%x\n", port, v);
    qtest_answer(q);
}

static inline unsigned qtest_readl(struct qtest *q, unsigned long long addr)
{
    fprintf(q->to, "readl 0x%llx\n", addr);
    return (unsigned)qtest_answer(q);
}

static inline void qtest_writel(struct qtest *q, unsigned long long addr, unsigned v)
{
    fprintf(q->to, "writel 0x%llx 0x%x\n", addr, v);
    qtest_answer(q);
}

#endif
