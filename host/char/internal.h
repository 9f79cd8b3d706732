/* Shared by the back ends of this folder. */
#ifndef HOST_CHAR_INTERNAL_H
#define HOST_CHAR_INTERNAL_H

#include "host/char/char.h"
#include "host/char/mux.h"

/* A spec taken apart. Strings are the struct's own. */
struct char_opts {
    char kind[16];
    char id[64], path[1024], host[256], port[32], logfile[1024];
    bool server, wait, telnet, nodelay, mux, signal, append, logappend;
    u64 size;
};
bool char_opts_parse(struct char_opts *o, const char *spec, struct err *e);

struct char_kind {
    const char *name;
    bool (*open)(struct host_char *c, const struct char_opts *o, struct err *e);
    void (*write)(struct host_char *c, const u8 *bytes, size_t n);
    void (*closed)(struct host_char *c); /* its descriptors' other end is gone; may be NULL */
    void (*close)(struct host_char *c);  /* may be NULL */
};
extern const struct char_kind char_null, char_stdio, char_file, char_pipe, char_pty, char_socket, char_ringbuf, char_vc;

struct host_char {
    const struct char_kind *kind;
    struct host_loop *loop;
    char *id;
    char describe[1200];
    void *impl; /* the back end's own */
    int in_fd, out_fd, log_fd; /* -1: none */
    struct host_watch *watch;  /* of in_fd */
    bool interactive;          /* a person types: with a mux, read even when the guest does not, for Ctrl-A */
    bool connected;
    bool (*filter)(struct host_char *c, u8 *bytes, size_t *n); /* telnet; false: hang up */
    struct host_mux *mux; /* also when not shared: then it knows no escape and one user */
    bool shared;
    struct char_port *serial; /* given out, when not shared */
    bool attached;            /* a monitor has it, when not shared */
};

/* A back end calls these. */
void char_listen(struct host_char *c, int fd); /* starts reading fd; -1 stops */
void char_connected(struct host_char *c, bool yes);
void char_break(struct host_char *c);
void char_write_fd(struct host_char *c, const u8 *bytes, size_t n); /* to out_fd; a dead end is dropped */

#endif
