#include "host/char/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"

static const struct char_kind *const kinds[] = {
    &char_null, &char_stdio, &char_file, &char_pipe, &char_pty, &char_socket, &char_ringbuf, &char_vc,
};

const struct host_char_kind_doc *host_char_kinds(void)
{
    static const struct host_char_kind_doc docs[] = {
        { "null", "takes everything, gives nothing" },
        { "stdio", "standard input and output of the emulator" },
        { "file", "output into a file" },
        { "pipe", "a FIFO PATH, or PATH.in and PATH.out" },
        { "pty", "a new pseudo terminal" },
        { "socket", "TCP (host=, port=) or Unix (path=); listens on loopback only" },
        { "ringbuf", "the last bytes in memory" },
        { "vc", "a page of -display curses" },
        { NULL, NULL },
    };
    return docs;
}

/* --- output ------------------------------------------------------------------------------------------------- */

static void out(void *opaque, const u8 *bytes, size_t n)
{
    struct host_char *c = opaque;
    if (c->log_fd >= 0 && !host_loop_write(c->loop, c->log_fd, bytes, n)) {
        fprintf(stderr, "orrery: the log of chardev '%s' cannot be written (%s); it ends here\n", c->id,
                strerror(errno));
        close(c->log_fd);
        c->log_fd = -1;
    }
    c->kind->write(c, bytes, n);
}

/* What a guest says waits for whoever reads it. A client of a monitor that asks and does not read what is answered stops the machine
 * no longer than this, then it is cut off. */
#define CLIENT_PATIENCE_MS 2000

void char_write_fd(struct host_char *c, const u8 *bytes, size_t n)
{
    if (c->out_fd < 0 || host_loop_write_within(c->loop, c->out_fd, bytes, n, c->attached ? CLIENT_PATIENCE_MS : -1) || !c->attached)
        return;
    shutdown(c->out_fd, SHUT_RDWR); /* reading will notice */
    c->out_fd = -1;
}

/* --- input -------------------------------------------------------------------------------------------------- */

/* Stops looking at a descriptor whose bytes nobody can take; starts again when there is space. */
static void pace(void *opaque)
{
    struct host_char *c = opaque;
    if (c->watch)
        host_watch_events(c->watch, c->interactive || mux_space(c->mux) ? POLLIN : 0);
}

static void hang_up(struct host_char *c)
{
    char_listen(c, -1);
    if (c->kind->closed)
        c->kind->closed(c);
}

static bool readable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, 0) > 0 && p.revents;
}

static void readable_now(void *opaque, short revents)
{
    struct host_char *c = opaque;
    /* As much as there is: so that what a look outside finds does not depend on how the kernel cuts it. */
    while (c->watch && readable(c->in_fd)) {
        u8 bytes[4096];
        size_t space = mux_space(c->mux);
        size_t want = c->interactive ? sizeof bytes : space < sizeof bytes ? space : sizeof bytes;
        if (!want)
            break;
        ssize_t got = read(c->in_fd, bytes, want);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            break;
        size_t n = got > 0 ? (size_t)got : 0;
        if (got <= 0 || (c->filter && !c->filter(c, bytes, &n))) {
            hang_up(c);
            return;
        }
        mux_received(c->mux, bytes, n);
    }
    pace(c);
}

void char_listen(struct host_char *c, int fd)
{
    host_watch_free(c->watch);
    c->watch = NULL;
    c->in_fd = fd;
    if (fd >= 0) {
        c->watch = host_watch_new(c->loop, fd, POLLIN, readable_now, c);
        pace(c);
    }
}

void char_connected(struct host_char *c, bool yes)
{
    c->connected = yes;
    mux_connected(c->mux, yes);
}

void char_break(struct host_char *c)
{
    mux_break(c->mux);
}

/* --- life --------------------------------------------------------------------------------------------------- */

static bool open_log(struct host_char *c, const struct char_opts *o, struct err *e)
{
    if (!*o->logfile)
        return true;
    c->log_fd = open(o->logfile, O_WRONLY | O_CREAT | O_CLOEXEC | (o->logappend ? O_APPEND : O_TRUNC), 0666);
    return c->log_fd >= 0 || err_set(e, "cannot write the log file %s: %s", o->logfile, strerror(errno));
}

struct host_char *host_char_open(struct host_loop *l, const char *spec, const char *id, struct err *e)
{
    struct char_opts o;
    if (!char_opts_parse(&o, spec, e))
        return NULL;
    const struct char_kind *kind = NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (!strcmp(kinds[i]->name, o.kind))
            kind = kinds[i];
    struct host_char *c = xcalloc(1, sizeof *c);
    c->kind = kind;
    c->loop = l;
    c->id = xstrdup(*o.id ? o.id : id ? id : o.kind);
    c->in_fd = c->out_fd = c->log_fd = -1;
    c->shared = o.mux;
    c->mux = mux_new(l, o.mux, out, c);
    mux_on_space(c->mux, pace, c);
    snprintf(c->describe, sizeof c->describe, "%s", kind->name);
    if (!open_log(c, &o, e) || !kind->open(c, &o, e)) {
        err_prefix(e, "chardev '%s'", c->id);
        host_char_close(c);
        return NULL;
    }
    return c;
}

void host_char_close(struct host_char *c)
{
    if (!c)
        return;
    char_listen(c, -1);
    if (c->impl && c->kind->close)
        c->kind->close(c);
    if (c->log_fd >= 0)
        close(c->log_fd);
    mux_free(c->mux);
    free(c->id);
    free(c);
}

const char *host_char_id(const struct host_char *c)
{
    return c->id;
}

const char *host_char_describe(const struct host_char *c)
{
    return c->describe;
}

bool host_char_connected(const struct host_char *c)
{
    return c->connected;
}

struct host_mux *host_char_mux(struct host_char *c)
{
    return c->shared ? c->mux : NULL;
}

/* --- users -------------------------------------------------------------------------------------------------- */

static bool in_use(struct host_char *c, struct err *e)
{
    err_set(e, "chardev '%s' is in use already; mux=on lets several share it", c->id);
    return true;
}

struct char_port *host_char_port(struct host_char *c, struct err *e)
{
    if (!c->shared && (c->serial || c->attached) && in_use(c, e))
        return NULL;
    struct char_port *p = mux_add_serial(c->mux, c->id);
    if (!c->shared)
        c->serial = p;
    return p;
}

struct host_char_line *host_char_attach(struct host_char *c, const char *name, const struct host_char_user *u,
                                        struct err *e)
{
    if (!c->shared && (c->attached || (c->serial && c->serial->in)) && in_use(c, e))
        return NULL;
    struct host_char_line *f = mux_add_frontend(c->mux, name, u);
    if (!c->shared) {
        c->attached = true;
        mux_focus(c->mux, f);
    }
    return f;
}

void host_char_line_write(struct host_char_line *line, const void *bytes, size_t n)
{
    mux_line_write(line, bytes, n);
}
