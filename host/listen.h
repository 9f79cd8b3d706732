/* Sockets that wait for clients of this host: for gdb, for editors. */
#ifndef HOST_LISTEN_H
#define HOST_LISTEN_H

#include "base/err.h"
#include "base/types.h"

/* A descriptor that does not block and is closed at exec; -1: it cannot be, and the error says why. */
int host_listen_unix(const char *path, struct err *e); /* a socket file that nobody serves any more is replaced */
int host_listen_loopback(const char *host, u16 port, struct err *e); /* host "": 127.0.0.1; port 0: any */
u16 host_listen_port(int fd);

#endif
