/* Network back ends: what -netdev and -nic name. There is one kind so far: user, a network without privileges. */
#ifndef HOST_NET_NET_H
#define HOST_NET_NET_H

#include "base/clock.h"
#include "host/loop.h"
#include "iodev/backend.h"

struct host_net;

/* spec: "user[,NAME=VALUE]..." as after -netdev. An id= inside wins over `id`. */
struct host_net *host_net_open(struct host_loop *l, const char *spec, const char *id, struct err *e);
void host_net_close(struct host_net *n); /* NULL is allowed; before the loop goes, after the machine went */

const char *host_net_id(const struct host_net *n);
struct net_port *host_net_port(struct host_net *n); /* lives as long as the back end */

/* Forwards a host port while running: "tcp|udp:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT". */
bool host_net_forward(struct host_net *n, const char *rule, struct err *e);
/* Takes one back: "tcp|udp:[HOSTADDR]:HOSTPORT". */
bool host_net_unforward(struct host_net *n, const char *rule, struct err *e);
/* For `info usernet`: connections and forwards as text; free() it. */
char *host_net_info(struct host_net *n);

/* Every frame of both directions into a pcap file, stamped with guest time; frames are cut to maxlen bytes (0: not).
 * Give the clock when there is a machine; before that the time is 0. */
bool host_net_dump(struct host_net *n, const char *path, u32 maxlen, struct err *e);
void host_net_clock(struct host_net *n, const struct clock *c);

#endif
