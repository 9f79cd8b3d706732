/* Shared by the back ends of this folder. */
#ifndef HOST_NET_INTERNAL_H
#define HOST_NET_INTERNAL_H

#include "host/inbox.h"
#include "host/net/net.h"
#include "host/net/pcap.h"

struct net_kind {
    const char *name;
    bool (*open)(struct host_net *n, const char *options, struct err *e); /* may change n->id */
    void (*send)(struct host_net *n, const u8 *frame, size_t len);        /* from the guest */
    void (*close)(struct host_net *n);
    /* NULL where it makes no sense. */
    bool (*forward)(struct host_net *n, const char *rule, struct err *e);
    bool (*unforward)(struct host_net *n, const char *rule, struct err *e);
    char *(*info)(struct host_net *n);
};
extern const struct net_kind net_user;

struct host_net {
    struct net_port port; /* first */
    const struct net_kind *kind;
    struct host_loop *loop;
    char id[64];
    void *impl;
    struct inbox_packets inbox;
    struct pcap *dump;
    const struct clock *clock;
};

#endif
