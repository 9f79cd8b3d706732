/* The user network: libslirp answers ARP, DHCP, DNS and TFTP and makes host sockets of the guest's connections.
 * Its timers are of the host: it is outside the machine. What it answers at once waits in the inbox for the next
 * look outside, so a guest that only talks to libslirp itself sees the same in every run. */
#include "host/net/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "host/net/user.h"

struct user {
    struct host_net *net;
    Slirp *slirp;
    struct host_hook hook;
    struct user_opts o;
};

/* --- what libslirp asks for --------------------------------------------------------------------------------- */

static ssize_t to_guest(const void *frame, size_t len, void *opaque)
{
    struct user *u = opaque;
    inbox_packets_put(&u->net->inbox, frame, len); /* full: lost, as on a wire; TCP sends again */
    return (ssize_t)len;
}

static void guest_error(const char *msg, void *opaque)
{
    /* A frame that means nothing is the guest's business. */
}

static i64 now_ns(void *opaque)
{
    return (i64)host_now_ns();
}

static void *timer_make(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
    struct user *u = opaque;
    return host_timer_new(u->net->loop, cb, cb_opaque);
}

static void timer_gone(void *timer, void *opaque)
{
    host_timer_free(timer);
}

static void timer_at(void *timer, i64 expire_ms, void *opaque)
{
    host_timer_set(timer, (u64)expire_ms * 1000000);
}

static void no_fd(int fd, void *opaque)
{
    /* Every wait asks for the descriptors anew. */
}

static void no_notify(void *opaque)
{
    /* There is one thread: the next wait sees it. */
}

static const SlirpCb callbacks = {
    .send_packet = to_guest,
    .guest_error = guest_error,
    .clock_get_ns = now_ns,
    .timer_new = timer_make,
    .timer_free = timer_gone,
    .timer_mod = timer_at,
    .register_poll_fd = no_fd,
    .unregister_poll_fd = no_fd,
    .notify = no_notify,
};

/* --- polling ------------------------------------------------------------------------------------------------ */

static const struct {
    int slirp;
    short poll;
} flags[] = {
    { SLIRP_POLL_IN, POLLIN },   { SLIRP_POLL_OUT, POLLOUT }, { SLIRP_POLL_PRI, POLLPRI },
    { SLIRP_POLL_ERR, POLLERR }, { SLIRP_POLL_HUP, POLLHUP },
};

static int add_poll(int fd, int events, void *opaque)
{
    short p = 0;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (events & flags[i].slirp)
            p |= flags[i].poll;
    return host_loop_poll_fd(opaque, fd, p);
}

static int get_revents(int index, void *opaque)
{
    short p = host_loop_revents(opaque, index);
    int events = 0;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (p & flags[i].poll)
            events |= flags[i].slirp;
    return events;
}

static void prepare(void *opaque, struct host_loop *l, i64 *timeout_ns)
{
    struct user *u = opaque;
    u32 before = UINT32_MAX;
    if (*timeout_ns >= 0 && *timeout_ns / 1000000 < UINT32_MAX - 1)
        before = (u32)(*timeout_ns / 1000000) + 1;
    u32 ms = before;
    slirp_pollfds_fill(u->slirp, &ms, add_poll, l);
    if (ms < before)
        *timeout_ns = (i64)ms * 1000000;
}

static void polled(void *opaque, struct host_loop *l, bool failed)
{
    struct user *u = opaque;
    slirp_pollfds_poll(u->slirp, failed, get_revents, l);
}

/* --- life --------------------------------------------------------------------------------------------------- */

static bool forward(struct user *u, const struct forward *f, struct err *e)
{
    if (slirp_add_hostfwd(u->slirp, f->udp, f->host, f->host_port, f->guest, f->guest_port) < 0)
        return err_set(e, "cannot forward %s port %d of %s: %s", f->udp ? "udp" : "tcp", f->host_port,
                       inet_ntoa(f->host), strerror(errno));
    return true;
}

static bool user_forward(struct host_net *n, const char *rule, struct err *e)
{
    struct forward f;
    return forward_parse(&f, rule, true, e) && forward(n->impl, &f, e);
}

static bool user_unforward(struct host_net *n, const char *rule, struct err *e)
{
    struct user *u = n->impl;
    struct forward f;
    if (!forward_parse(&f, rule, false, e))
        return false;
    return slirp_remove_hostfwd(u->slirp, f.udp, f.host, f.host_port) == 0 ||
           err_set(e, "no rule forwards '%.200s'", rule);
}

static char *user_info(struct host_net *n)
{
    struct user *u = n->impl;
    return slirp_connection_info(u->slirp); /* of g_malloc(), which is malloc() */
}

static void user_send(struct host_net *n, const u8 *frame, size_t len)
{
    struct user *u = n->impl;
    if (len <= 65536 + 14)
        slirp_input(u->slirp, frame, (int)len);
}

static void user_close(struct host_net *n)
{
    struct user *u = n->impl;
    if (u->slirp) {
        host_loop_unhook(n->loop, &u->hook);
        slirp_cleanup(u->slirp);
    }
    free(u);
}

static const char *text_or_null(const char *s)
{
    return *s ? s : NULL;
}

static bool check_tftp(const char *path, struct err *e)
{
    struct stat st;
    if (*path && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
        return err_set(e, "tftp=%s is no directory that can be read", path);
    return true;
}

static bool user_open(struct host_net *n, const char *text, struct err *e)
{
    struct user *u = xcalloc(1, sizeof *u);
    struct user_opts *o = &u->o; /* libslirp keeps some of the strings */
    n->impl = u;
    u->net = n;
    if (!user_opts_parse(o, text, e) || !check_tftp(o->tftp, e))
        return false;
    if (*o->id)
        snprintf(n->id, sizeof n->id, "%s", o->id);
    const char *search[USER_MAX_SEARCH + 1] = { NULL };
    for (unsigned i = 0; i < o->n_search; i++)
        search[i] = o->search[i];
    SlirpConfig c = {
        .version = 4,
        .restricted = o->restricted,
        .in_enabled = o->v4,
        .vnetwork = o->net,
        .vnetmask = o->mask,
        .vhost = o->host,
        .in6_enabled = o->v6,
        .vprefix_addr6 = o->net6,
        .vprefix_len = o->prefix6,
        .vhost6 = o->host6,
        .vhostname = text_or_null(o->hostname),
        .tftp_server_name = text_or_null(o->tftp_server),
        .tftp_path = text_or_null(o->tftp),
        .bootfile = text_or_null(o->bootfile),
        .vdhcp_start = o->dhcp,
        .vnameserver = o->dns,
        .vnameserver6 = o->dns6,
        .vdnssearch = o->n_search ? search : NULL,
        .vdomainname = text_or_null(o->domain),
    };
    u->slirp = slirp_new(&c, &callbacks, u);
    if (!u->slirp)
        return err_set(e, "libslirp refuses these options");
    u->hook = (struct host_hook){ prepare, polled, u, NULL };
    host_loop_hook(n->loop, &u->hook);
    for (unsigned i = 0; i < o->n_forward; i++)
        if (!forward(u, &o->forward[i], e))
            return false;
    for (unsigned i = 0; i < o->n_guestfwd; i++)
        if (slirp_add_exec(u->slirp, o->guestfwd[i].command, &o->guestfwd[i].server, o->guestfwd[i].port) < 0)
            return err_set(e, "guestfwd: port %d of %s is taken by the user network itself", o->guestfwd[i].port,
                           inet_ntoa(o->guestfwd[i].server));
    return true;
}

const struct net_kind net_user = {
    .name = "user",
    .open = user_open,
    .send = user_send,
    .close = user_close,
    .forward = user_forward,
    .unforward = user_unforward,
    .info = user_info,
};
