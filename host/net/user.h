/* The options of -netdev user, taken apart (user_opts.c), for slirp.c. */
#ifndef HOST_NET_USER_H
#define HOST_NET_USER_H

#include <netinet/in.h>

#include "base/err.h"
#include "base/types.h"

#define USER_MAX_RULES 64
#define USER_MAX_SEARCH 16

struct forward {
    bool udp;
    struct in_addr host, guest; /* guest 0.0.0.0: the first DHCP address */
    int host_port, guest_port;
};

struct user_opts {
    char id[64];
    bool v4, v6, restricted;
    struct in_addr net, mask, host, dhcp, dns;
    struct in6_addr net6, host6, dns6;
    u8 prefix6;
    char hostname[64], tftp[1024], tftp_server[128], bootfile[256], domain[256];
    char search[USER_MAX_SEARCH][128];
    unsigned n_search;
    struct forward forward[USER_MAX_RULES];
    unsigned n_forward;
    struct {
        struct in_addr server;
        int port;
        char command[512];
    } guestfwd[USER_MAX_RULES];
    unsigned n_guestfwd;
};

bool user_opts_parse(struct user_opts *o, const char *text, struct err *e); /* what follows "user," */
/* "tcp|udp:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT"; without `whole` it ends after HOSTPORT. */
bool forward_parse(struct forward *f, const char *rule, bool whole, struct err *e);

#endif
