#include "host/char/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/arena.h"

/* A pty whose other side nobody has open says POLLHUP without end. So it is looked at only by a timer until then. */
#define LOOK_NS 50000000

struct pty {
    int fd;
    struct host_timer *look;
    char link[1024]; /* path=: a symbolic link to it */
};

static bool somebody(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    return poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP);
}

static void look(void *opaque)
{
    struct host_char *c = opaque;
    struct pty *p = c->impl;
    if (somebody(p->fd)) {
        char_listen(c, p->fd);
        char_connected(c, true);
    } else {
        host_timer_set(p->look, host_now_ns() + LOOK_NS);
    }
}

static void left(struct host_char *c)
{
    struct pty *p = c->impl;
    char_connected(c, false);
    host_timer_set(p->look, host_now_ns() + LOOK_NS);
}

static bool open_pty(struct host_char *c, const struct char_opts *o, struct err *e)
{
    int master, slave;
    char name[128];
    struct termios t;
    if (openpty(&master, &slave, NULL, NULL, NULL) < 0)
        return err_set(e, "cannot make a pseudo terminal: %s", strerror(errno));
    if (ttyname_r(slave, name, sizeof name))
        snprintf(name, sizeof name, "?");
    if (!tcgetattr(slave, &t)) {
        cfmakeraw(&t);
        tcsetattr(slave, TCSANOW, &t);
    }
    close(slave);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    struct pty *p = xcalloc(1, sizeof *p);
    p->fd = master;
    c->impl = p;
    c->out_fd = master;
    p->look = host_timer_new(c->loop, look, c);
    host_loop_hold(c->loop, 1);
    host_timer_set(p->look, host_now_ns());
    if (*o->path) {
        if (symlink(name, o->path) < 0)
            return err_set(e, "cannot make the link %s to %s: %s", o->path, name, strerror(errno));
        strcpy(p->link, o->path);
    }
    fprintf(stderr, "char device redirected to %s (label %s)\n", name, c->id);
    snprintf(c->describe, sizeof c->describe, "pty:%s", name);
    return true;
}

static void write_pty(struct host_char *c, const u8 *bytes, size_t n)
{
    struct pty *p = c->impl;
    if (somebody(p->fd)) /* else it would fill up and block */
        char_write_fd(c, bytes, n);
}

static void close_pty(struct host_char *c)
{
    struct pty *p = c->impl;
    host_loop_hold(c->loop, -1);
    host_timer_free(p->look);
    if (*p->link)
        unlink(p->link);
    close(p->fd);
    free(p);
}

const struct char_kind char_pty = {
    .name = "pty",
    .open = open_pty,
    .write = write_pty,
    .closed = left,
    .close = close_pty,
};
