/* Character back ends: what -serial, -monitor and -chardev name.
 *
 * A back end has one user: a serial device (by a struct char_port), or a monitor (by callbacks).
 * With mux=on, or "mon:" before the rest, several share it: see mux.h. */
#ifndef HOST_CHAR_CHAR_H
#define HOST_CHAR_CHAR_H

#include "host/loop.h"
#include "iodev/backend.h"

struct host_char;
struct host_mux;

/* Forms:  stdio  null  none  pty  vc  file:PATH  pipe:PATH  unix:PATH[,OPTIONS]  tcp:[HOST]:PORT[,OPTIONS]
 *         telnet:[HOST]:PORT[,OPTIONS]  mon:ANY_OF_THESE  and those of -chardev:  BACKEND,id=ID,NAME=VALUE,...
 * "none" is taken like null; whoever must leave the device out asks first. An id= inside wins over `id`.
 * A server with wait=on waits here for its first client. */
struct host_char *host_char_open(struct host_loop *l, const char *spec, const char *id, struct err *e);
void host_char_close(struct host_char *c); /* NULL is allowed; before the loop goes, after the machine went */

const char *host_char_id(const struct host_char *c);
const char *host_char_describe(const struct host_char *c); /* for `info chardev`: "tcp:127.0.0.1:4444,server=on" */
bool host_char_connected(const struct host_char *c);

/* A port for a serial device. A second user of a back end without mux is an error. Lives as long as the back end. */
struct char_port *host_char_port(struct host_char *c, struct err *e);

/* For monitors. Bytes are given from host_loop_poll(). */
struct host_char_user {
    void (*bytes)(void *opaque, const u8 *bytes, size_t n);
    /* Gained (a client connected, Ctrl-A c switched to it) or lost; may be NULL. */
    void (*focus)(void *opaque, bool gained);
    void *opaque;
};
struct host_char_line; /* one user's end */
/* `u` is copied. focus(true) comes at once when somebody is there already. A port that was given out before but that no
 * device listens on does not count as a user, and gets no input afterwards. */
struct host_char_line *host_char_attach(struct host_char *c, const char *name, const struct host_char_user *u,
                                        struct err *e);
void host_char_line_write(struct host_char_line *line, const void *bytes, size_t n);

struct host_mux *host_char_mux(struct host_char *c); /* NULL: it is not shared */

/* Takes up to n of the oldest bytes out of a ringbuf; 0 for other back ends. */
size_t host_char_ringbuf_read(struct host_char *c, u8 *bytes, size_t n);

/* For a "vc": show() gets what is written from now on, at once what was written before it came. NULL: nobody shows it any
 * more. False: it is another kind. */
bool host_char_vc_show(struct host_char *c, void (*show)(void *opaque, const u8 *bytes, size_t n), void *opaque);
void host_char_vc_type(struct host_char *c, const u8 *bytes, size_t n);

/* The back ends that exist, for `-chardev ?`; the list ends with a NULL name. */
struct host_char_kind_doc {
    const char *name, *doc;
};
const struct host_char_kind_doc *host_char_kinds(void);

#endif
