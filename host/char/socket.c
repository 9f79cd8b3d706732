/* TCP and Unix sockets, as server or client, and telnet over them (RFC 854). */
#include "host/char/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "host/net/loopback.h"

enum { IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250, BRK = 243, SE = 240 };

struct sock {
    int listen_fd, fd; /* -1: none */
    struct host_watch *accepting;
    bool unix_server; /* `path` is ours to remove */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    bool telnet, nodelay;
    enum { T_DATA, T_IAC, T_OPTION, T_SB, T_SB_IAC } state;
};

/* --- telnet ------------------------------------------------------------------------------------------------- */

static bool telnet_filter(struct host_char *c, u8 *bytes, size_t *n)
{
    struct sock *s = c->impl;
    size_t out = 0;
    for (size_t i = 0; i < *n; i++) {
        u8 b = bytes[i];
        switch (s->state) {
        case T_DATA:
            if (b == IAC)
                s->state = T_IAC;
            else if (b) /* NVT sends CR NUL for a CR */
                bytes[out++] = b;
            break;
        case T_IAC:
            s->state = b == SB ? T_SB : b >= WILL && b <= DONT ? T_OPTION : T_DATA;
            if (b == IAC)
                bytes[out++] = IAC;
            else if (b == BRK)
                char_break(c);
            break;
        case T_OPTION: s->state = T_DATA; break; /* what we want was said at the start */
        case T_SB: s->state = b == IAC ? T_SB_IAC : T_SB; break;
        case T_SB_IAC: s->state = b == SE ? T_DATA : T_SB; break;
        }
    }
    *n = out;
    return true;
}

static void telnet_greet(struct host_char *c)
{
    /* We echo, nobody waits for lines, eight bits both ways (RFC 857, 858, 856). */
    static const u8 hello[] = { IAC, WILL, 1, IAC, WILL, 3, IAC, WILL, 0, IAC, DO, 0 };
    host_loop_write(c->loop, c->out_fd, hello, sizeof hello);
}

static void write_socket(struct host_char *c, const u8 *bytes, size_t n)
{
    struct sock *s = c->impl;
    if (s->telnet) {
        const u8 *end = bytes + n, *iac;
        while ((iac = memchr(bytes, IAC, (size_t)(end - bytes)))) {
            char_write_fd(c, bytes, (size_t)(iac + 1 - bytes));
            char_write_fd(c, (const u8[]){ IAC }, 1);
            bytes = iac + 1;
        }
        n = (size_t)(end - bytes);
    }
    char_write_fd(c, bytes, n); /* a peer that left is noticed when reading */
}

/* --- connections -------------------------------------------------------------------------------------------- */

static void connected(struct host_char *c, int fd)
{
    struct sock *s = c->impl;
    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
    s->fd = fd;
    s->state = T_DATA;
    c->out_fd = fd;
    if (s->nodelay)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)); /* fails on Unix sockets, rightly */
    if (s->telnet)
        telnet_greet(c);
    char_listen(c, fd);
    char_connected(c, true);
}

static void client_ready(void *opaque, short revents)
{
    struct host_char *c = opaque;
    struct sock *s = c->impl;
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    host_watch_events(s->accepting, 0); /* one at a time; the next waits */
    connected(c, fd);
}

static void client_left(struct host_char *c)
{
    struct sock *s = c->impl;
    close(s->fd);
    s->fd = c->out_fd = -1;
    char_connected(c, false);
    if (s->accepting)
        host_watch_events(s->accepting, POLLIN);
}

static bool wait_for_client(struct host_char *c, struct err *e)
{
    fprintf(stderr, "orrery: waiting for connection on: %s\n", c->describe);
    while (!c->connected) {
        host_loop_poll(c->loop, -1);
        if (host_loop_requested(c->loop) == HOST_SIGNAL)
            return err_set(e, "interrupted while waiting for a client (wait=off starts without one)");
    }
    return true;
}

static bool serve(struct host_char *c, int fd, bool wait, struct err *e)
{
    struct sock *s = c->impl;
    s->listen_fd = fd;
    if (listen(fd, 1) < 0)
        return err_set(e, "cannot listen on %s: %s", c->describe, strerror(errno));
    s->accepting = host_watch_new(c->loop, fd, POLLIN, client_ready, c);
    return !wait || wait_for_client(c, e);
}

static bool open_unix(struct host_char *c, const struct char_opts *o, struct err *e)
{
    struct sock *s = c->impl;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (strlen(o->path) >= sizeof a.sun_path)
        return err_set(e, "the path of a Unix socket has at most %zu bytes: %s", sizeof a.sun_path - 1, o->path);
    strcpy(a.sun_path, o->path);
    snprintf(c->describe, sizeof c->describe, "unix:%s%s", o->path, o->server ? ",server=on" : "");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(e, "cannot make a Unix socket: %s", strerror(errno));
    if (!o->server) {
        if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
            err_set(e, "cannot connect to %s: %s (server=on would make it)", o->path, strerror(errno));
            close(fd);
            return false;
        }
        connected(c, fd);
        return true;
    }
    struct stat st;
    /* A socket file that an earlier run left is in the way; one that somebody still serves is not ours to take. */
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe >= 0 && !lstat(o->path, &st) && S_ISSOCK(st.st_mode) &&
        connect(probe, (struct sockaddr *)&a, sizeof a) < 0 && errno == ECONNREFUSED)
        unlink(o->path);
    close(probe);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        err_set(e, "cannot make the socket %s: %s", o->path, strerror(errno));
        close(fd);
        return false;
    }
    s->unix_server = true;
    strcpy(s->path, o->path);
    return serve(c, fd, o->wait, e);
}

static void describe_tcp(struct host_char *c, const struct char_opts *o, int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    char host[64], port[16];
    if (getsockname(fd, (struct sockaddr *)&a, &len) < 0 ||
        getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    bool v6 = strchr(host, ':');
    snprintf(c->describe, sizeof c->describe, "%s:%s%s%s:%s,server=on", o->telnet ? "telnet" : "tcp", v6 ? "[" : "",
             host, v6 ? "]" : "", port);
}

static bool open_tcp(struct host_char *c, const struct char_opts *o, struct err *e)
{
    struct addrinfo *list, hints = { .ai_socktype = SOCK_STREAM, .ai_flags = o->server ? AI_PASSIVE : 0 };
    const char *host = *o->host ? o->host : "127.0.0.1";
    int why = getaddrinfo(host, o->port, &hints, &list);
    if (why)
        return err_set(e, "cannot find %s port %s: %s", host, o->port, gai_strerror(why));
    snprintf(c->describe, sizeof c->describe, "%s:%s:%s", o->telnet ? "telnet" : "tcp", host, o->port);
    bool ok = false;
    for (struct addrinfo *a = list; a && !ok; a = a->ai_next) {
        if (o->server && !loopback_address(a->ai_addr)) {
            err_set(e, "%s is not a loopback address: a guest's console is served to this host only "
                       "(use 127.0.0.1, and ssh -L from elsewhere)", host);
            continue;
        }
        int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            err_set(e, "cannot make a socket: %s", strerror(errno));
            continue;
        }
        if (o->server) {
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
            ok = bind(fd, a->ai_addr, a->ai_addrlen) == 0;
        } else {
            ok = connect(fd, a->ai_addr, a->ai_addrlen) == 0;
        }
        if (!ok) {
            err_set(e, "cannot %s %s port %s: %s", o->server ? "listen on" : "connect to", host, o->port,
                    strerror(errno));
            close(fd);
        } else if (o->server) {
            describe_tcp(c, o, fd);
            ok = serve(c, fd, o->wait, e);
            break;
        } else {
            connected(c, fd);
        }
    }
    freeaddrinfo(list);
    return ok;
}

static bool open_socket(struct host_char *c, const struct char_opts *o, struct err *e)
{
    if (*o->path ? *o->port || *o->host : !*o->port)
        return err_set(e, "a socket needs either path=PATH or host=HOST,port=PORT");
    struct sock *s = xcalloc(1, sizeof *s);
    s->listen_fd = s->fd = -1;
    s->telnet = o->telnet;
    s->nodelay = o->nodelay && !*o->path;
    c->filter = o->telnet ? telnet_filter : NULL;
    c->impl = s;
    return *o->path ? open_unix(c, o, e) : open_tcp(c, o, e);
}

static void close_socket(struct host_char *c)
{
    struct sock *s = c->impl;
    host_watch_free(s->accepting);
    if (s->fd >= 0)
        close(s->fd);
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    if (s->unix_server)
        unlink(s->path);
    free(s);
}

const struct char_kind char_socket = {
    .name = "socket",
    .open = open_socket,
    .write = write_socket,
    .closed = client_left,
    .close = close_socket,
};
