/* The plain ones: null, file, pipe, ringbuf. */
#include "host/char/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"

/* --- null --------------------------------------------------------------------------------------------------- */

static bool open_null(struct host_char *c, const struct char_opts *o, struct err *e)
{
    char_connected(c, true);
    return true;
}

static void write_null(struct host_char *c, const u8 *bytes, size_t n)
{
}

const struct char_kind char_null = { .name = "null", .open = open_null, .write = write_null };

/* --- file and pipe: descriptors that are ours ----------------------------------------------------------------- */

struct own_fds {
    int in, out; /* the same for one FIFO */
};

static struct own_fds *own(struct host_char *c, int in, int out)
{
    struct own_fds *f = xcalloc(1, sizeof *f);
    *f = (struct own_fds){ in, out };
    c->impl = f;
    c->out_fd = out;
    return f;
}

static void close_fds(struct host_char *c)
{
    struct own_fds *f = c->impl;
    if (f->in >= 0 && f->in != f->out)
        close(f->in);
    close(f->out);
    free(f);
}

static void write_fds(struct host_char *c, const u8 *bytes, size_t n)
{
    if (c->out_fd >= 0 && !host_loop_write(c->loop, c->out_fd, bytes, n) &&
        host_loop_requested(c->loop) != HOST_SIGNAL) {
        fprintf(stderr, "orrery: chardev '%s' cannot be written (%s); what follows is lost\n", c->id, strerror(errno));
        c->out_fd = -1;
    }
}

static bool open_file(struct host_char *c, const struct char_opts *o, struct err *e)
{
    if (!*o->path)
        return err_set(e, "a file needs a path: file:PATH or -chardev file,id=ID,path=PATH");
    int fd = open(o->path, O_WRONLY | O_CREAT | O_CLOEXEC | (o->append ? O_APPEND : O_TRUNC), 0666);
    if (fd < 0)
        return err_set(e, "cannot write %s: %s", o->path, strerror(errno));
    own(c, -1, fd);
    snprintf(c->describe, sizeof c->describe, "file:%s", o->path);
    char_connected(c, true);
    return true;
}

const struct char_kind char_file = { .name = "file", .open = open_file, .write = write_fds, .close = close_fds };

/* PATH.in is what the guest hears and PATH.out what it says; or PATH is one FIFO for both. */
static bool open_pipe(struct host_char *c, const struct char_opts *o, struct err *e)
{
    if (!*o->path)
        return err_set(e, "a pipe needs a path: pipe:PATH or -chardev pipe,id=ID,path=PATH");
    char name[sizeof o->path + 8];
    /* Read and write: opening does not wait for the other side, and its leaving is not an end (fifo(7)). */
    snprintf(name, sizeof name, "%s.in", o->path);
    int in = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK), out = -1;
    if (in >= 0) {
        snprintf(name, sizeof name, "%s.out", o->path);
        out = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
        if (out < 0) {
            close(in);
            return err_set(e, "there is %s.in, but %s cannot be opened: %s", o->path, name, strerror(errno));
        }
    } else {
        in = out = open(o->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    }
    if (out < 0)
        return err_set(e, "cannot open %s.in and %s.out, nor %s: %s (make them with mkfifo)", o->path, o->path, o->path,
                       strerror(errno));
    own(c, in, out);
    snprintf(c->describe, sizeof c->describe, "pipe:%s", o->path);
    char_listen(c, in);
    char_connected(c, true);
    return true;
}

const struct char_kind char_pipe = { .name = "pipe", .open = open_pipe, .write = write_fds, .close = close_fds };

/* --- ringbuf ------------------------------------------------------------------------------------------------ */

struct ringbuf {
    u64 size, put, got;
    u8 bytes[];
};

static bool open_ringbuf(struct host_char *c, const struct char_opts *o, struct err *e)
{
    struct ringbuf *r = xcalloc(1, sizeof *r + o->size);
    r->size = o->size;
    c->impl = r;
    char_connected(c, true);
    return true;
}

static void write_ringbuf(struct host_char *c, const u8 *bytes, size_t n)
{
    struct ringbuf *r = c->impl;
    for (size_t i = 0; i < n; i++)
        r->bytes[r->put++ % r->size] = bytes[i];
    if (r->put - r->got > r->size)
        r->got = r->put - r->size;
}

static void close_ringbuf(struct host_char *c)
{
    free(c->impl);
}

size_t host_char_ringbuf_read(struct host_char *c, u8 *bytes, size_t n)
{
    struct ringbuf *r = c->impl;
    size_t k = 0;
    if (c->kind == &char_ringbuf)
        for (; k < n && r->got != r->put; k++)
            bytes[k] = r->bytes[r->got++ % r->size];
    return k;
}

const struct char_kind char_ringbuf = {
    .name = "ringbuf",
    .open = open_ringbuf,
    .write = write_ringbuf,
    .close = close_ringbuf,
};
