/* Everything that listens on the host listens on loopback only: a guest and its debugger are not a public service. */
#ifndef HOST_NET_LOOPBACK_H
#define HOST_NET_LOOPBACK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* 127.0.0.0/8 (RFC 1122 3.2.1.3) or ::1. */
static inline bool loopback_address(const struct sockaddr *a)
{
    /* Copied: callers have a sockaddr_in at hand, and reading that as a sockaddr is undefined (gcc -O2 drops the store). */
    sa_family_t family;
    memcpy(&family, (const char *)a + offsetof(struct sockaddr, sa_family), sizeof family);
    if (family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
    return family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

#endif
