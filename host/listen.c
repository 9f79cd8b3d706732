#include "host/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/net/loopback.h"

static int listen_at(int fd, const struct sockaddr *a, socklen_t len, const char *name, struct err *e)
{
    if (!bind(fd, a, len) && !listen(fd, 1))
        return fd;
    err_set(e, "cannot listen on %s: %s%s", name, strerror(errno), errno == EADDRINUSE ? " (is another emulator running with it?)" : "");
    close(fd);
    return -1;
}

int host_listen_unix(const char *path, struct err *e)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    struct stat st;
    if (!*path || strlen(path) >= sizeof a.sun_path)
        return err_set(e, "the path of a Unix socket has 1 to %zu bytes: '%s'", sizeof a.sun_path - 1, path), -1;
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(e, "cannot make a socket: %s", strerror(errno)), -1;
    /* Of somebody who ended without removing it; one that is still served is not ours to take. */
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe >= 0 && !lstat(path, &st) && S_ISSOCK(st.st_mode) && connect(probe, (struct sockaddr *)&a, sizeof a) < 0 &&
        errno == ECONNREFUSED)
        unlink(path);
    if (probe >= 0)
        close(probe);
    return listen_at(fd, (struct sockaddr *)&a, sizeof a, path, e);
}

int host_listen_loopback(const char *host, u16 port, struct err *e)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
    char number[8], name[160];
    host = *host ? host : "127.0.0.1";
    snprintf(number, sizeof number, "%u", port);
    snprintf(name, sizeof name, "%.120s port %u", host, port);
    int why = getaddrinfo(host, number, &hints, &list), fd = -1;
    if (why)
        return err_set(e, "cannot find %s: %s", name, gai_strerror(why)), -1;
    err_set(e, "%s is not a loopback address: only this host is served (use 127.0.0.1, and ssh -L from elsewhere)", host);
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        if (!loopback_address(a->ai_addr))
            continue;
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            err_set(e, "cannot make a socket: %s", strerror(errno));
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
        fd = listen_at(fd, a->ai_addr, a->ai_addrlen, name, e);
        break;
    }
    freeaddrinfo(list);
    return fd;
}

u16 host_listen_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    char port[16];
    return getsockname(fd, (struct sockaddr *)&a, &len) ||
                   getnameinfo((struct sockaddr *)&a, len, NULL, 0, port, sizeof port, NI_NUMERICSERV)
               ? 0
               : (u16)atoi(port);
}
