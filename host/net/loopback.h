/* Everything that listens on the host listens on loopback only: a guest and its debugger are not a public service. */
#ifndef HOST_NET_LOOPBACK_H
#define HOST_NET_LOOPBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <netinet/in.h>

/* 127.0.0.0/8 (RFC 1122 3.2.1.3) or ::1. Copies, for `a` points to a sockaddr_in or a sockaddr_in6, and a compiler may
 * take a look through another type as one at something else (C11 6.5 p7): gcc -O2 does. */
static inline bool loopback_address(const struct sockaddr *a)
{
    sa_family_t family;
    memcpy(&family, (const char *)a + offsetof(struct sockaddr, sa_family), sizeof family);
    if (family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, a, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    struct in6_addr v6;
    if (family == AF_INET6)
        memcpy(&v6, (const char *)a + offsetof(struct sockaddr_in6, sin6_addr), sizeof v6);
    return family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6);
}

#endif
