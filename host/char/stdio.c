#include "host/char/internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "host/char/tty.h"

struct stdio {
    struct host_char *c;
    struct tty_mode *tty;
    struct host_on_cont cont;
};

static void go_on(void *opaque)
{
    struct stdio *s = opaque;
    if (s->tty)
        tty_again(s->tty);
}

static bool open_stdio(struct host_char *c, const struct char_opts *o, struct err *e)
{
    if (!host_loop_claim_stdin(c->loop, true))
        return err_set(e, "standard input is taken by another character device; "
                          "share it with mon:stdio or -chardev stdio,mux=on");
    struct stdio *s = xcalloc(1, sizeof *s);
    s->c = c;
    c->impl = s;
    fflush(stdout); /* what follows does not go through its buffer */
    s->tty = tty_raw(STDIN_FILENO, o->signal);
    s->cont = (struct host_on_cont){ go_on, s, NULL };
    host_loop_on_cont(c->loop, &s->cont);
    c->out_fd = STDOUT_FILENO;
    c->interactive = c->shared && isatty(STDIN_FILENO);
    char_listen(c, STDIN_FILENO);
    char_connected(c, true);
    return true;
}

static void write_stdio(struct host_char *c, const u8 *bytes, size_t n)
{
    if (c->out_fd >= 0 && !host_loop_write(c->loop, c->out_fd, bytes, n)) {
        /* Nobody reads what the guest says any more: end as other programs in a pipeline do. */
        c->out_fd = -1;
        host_loop_request(c->loop, HOST_SIGNAL, SIGPIPE);
    }
}

static void close_stdio(struct host_char *c)
{
    struct stdio *s = c->impl;
    tty_restore(s->tty);
    host_loop_off_cont(c->loop, &s->cont);
    host_loop_claim_stdin(c->loop, false);
    free(s);
}

const struct char_kind char_stdio = {
    .name = "stdio",
    .open = open_stdio,
    .write = write_stdio,
    .close = close_stdio,
};
