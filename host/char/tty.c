/* The mode of a terminal outlives the process that set it. It is put back in three ways: by tty_restore(); at exit();
 * and, when the process dies without either (SIGKILL, SIGSEGV, abort), by a small child that holds the other end of a
 * pipe and sees it close. A signal handler could not: it would need a global, and no handler sees SIGKILL. */
#include "host/char/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/arena.h"

struct tty_mode {
    int fd;
    bool active;
    struct termios before, raw;
    pid_t keeper;
    int alive; /* our end of the keeper's pipe */
};

/* A process in the background would be stopped by SIGTTOU for this (termios(3)); blocked, it just works. */
static void set_mode(int fd, const struct termios *t)
{
    sigset_t ttou, old;
    sigemptyset(&ttou);
    sigaddset(&ttou, SIGTTOU);
    sigprocmask(SIG_BLOCK, &ttou, &old);
    while (tcsetattr(fd, TCSANOW, t) < 0 && errno == EINTR)
        ;
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static _Noreturn void keep(int tty, int pipe_end, const struct termios *before)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "orrery-tty");
    /* Nobody who waits for the end of our other files shall wait for this child. */
    if (dup2(tty, 0) < 0 || dup2(pipe_end, 1) < 0)
        _exit(1);
    if (close_range(2, ~0u, 0) < 0)
        for (int fd = 2; fd < 256; fd++)
            close(fd);
    char byte;
    ssize_t n;
    while ((n = read(1, &byte, 1)) < 0 && errno == EINTR)
        ;
    if (n == 0)
        set_mode(0, before);
    _exit(0);
}

static void start_keeper(struct tty_mode *t)
{
    int p[2];
    t->keeper = -1;
    t->alive = -1;
    if (pipe2(p, O_CLOEXEC) < 0) /* a program started by us must not keep it open */
        return;
    /* dup2 in the child must not overwrite what it still needs: 0 is the tty or unused, 1 may be anything. */
    pid_t pid = fork();
    if (pid == 0) {
        int end = p[0] > 1 ? p[0] : dup(dup(p[0]));
        close(p[1]);
        keep(t->fd, end, &t->before);
    }
    close(p[0]);
    if (pid < 0) {
        close(p[1]);
        return;
    }
    t->keeper = pid;
    t->alive = p[1];
}

static void put_back(struct tty_mode *t)
{
    if (!t->active)
        return;
    t->active = false;
    set_mode(t->fd, &t->before);
    if (t->keeper > 0) {
        ssize_t n = write(t->alive, "q", 1);
        (void)n; /* a keeper somebody killed has nothing to do */
        close(t->alive);
        while (waitpid(t->keeper, NULL, 0) < 0 && errno == EINTR)
            ;
    }
}

/* on_exit(3) hands a pointer through, which atexit() cannot. It cannot be undone: so this frees the memory. */
static void at_exit(int status, void *opaque)
{
    put_back(opaque);
    free(opaque);
}

struct tty_mode *tty_raw(int fd, bool signals)
{
    struct termios before;
    if (!isatty(fd) || tcgetattr(fd, &before) < 0 || tcgetpgrp(fd) != getpgrp())
        return NULL;
    struct tty_mode *t = xcalloc(1, sizeof *t);
    t->fd = fd;
    t->before = t->raw = before;
    t->raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    t->raw.c_oflag |= OPOST; /* monitors and messages write plain newlines */
    t->raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
    if (!signals)
        t->raw.c_lflag &= ~(tcflag_t)ISIG;
    t->raw.c_cflag = (t->raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    t->raw.c_cc[VMIN] = 1;
    t->raw.c_cc[VTIME] = 0;
    start_keeper(t);
    if (on_exit(at_exit, t)) {
        /* Then the keeper does it alone. */
    }
    t->active = true;
    set_mode(fd, &t->raw);
    return t;
}

void tty_again(struct tty_mode *t)
{
    if (t->active && tcgetpgrp(t->fd) == getpgrp())
        set_mode(t->fd, &t->raw);
}

void tty_restore(struct tty_mode *t)
{
    if (t)
        put_back(t); /* the memory is at_exit()'s */
}
