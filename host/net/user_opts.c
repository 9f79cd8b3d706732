#include "host/net/user.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "host/net/loopback.h"

/* --- values ------------------------------------------------------------------------------------------------- */

static bool parse_bool(const char *name, const char *text, bool *out, struct err *e)
{
    bool on = !strcmp(text, "on") || !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "y");
    bool off = !strcmp(text, "off") || !strcmp(text, "no") || !strcmp(text, "false") || !strcmp(text, "n");
    if (!on && !off)
        return err_set(e, "'%s' is on or off, not '%.100s'", name, text);
    *out = on;
    return true;
}

static bool parse_v4(const char *name, const char *text, struct in_addr *out, struct err *e)
{
    return inet_pton(AF_INET, text, out) == 1 ||
           err_set(e, "'%s' is an IPv4 address such as 10.0.2.2, not '%.100s'", name, text);
}

static bool parse_v6(const char *name, const char *text, struct in6_addr *out, struct err *e)
{
    return inet_pton(AF_INET6, text, out) == 1 ||
           err_set(e, "'%s' is an IPv6 address such as fec0::2, not '%.100s'", name, text);
}

/* ADDRESS[/BITS or /MASK] */
static bool parse_net(struct user_opts *o, const char *text, struct err *e)
{
    char addr[64];
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    snprintf(addr, sizeof addr, "%.*s", (int)(n < sizeof addr ? n : sizeof addr - 1), text);
    if (!parse_v4("net", addr, &o->net, e))
        return false;
    u32 mask = 0xffffff00;
    if (slash) {
        char *end;
        unsigned long bits = strtoul(slash + 1, &end, 10);
        struct in_addr m;
        if (!*end && end > slash + 1 && bits >= 4 && bits <= 28)
            mask = 0xffffffffu << (32 - bits);
        else if (inet_pton(AF_INET, slash + 1, &m) == 1 && ntohl(m.s_addr) && !(ntohl(m.s_addr) & 15))
            mask = ntohl(m.s_addr);
        else
            return err_set(e, "the mask in net=%.100s is 4 to 28 bits, or such as 255.255.255.0", text);
    }
    if (~mask & (~mask + 1)) /* ones after a zero */
        return err_set(e, "the mask in net=%.100s has holes", text);
    o->mask.s_addr = htonl(mask);
    o->net.s_addr &= o->mask.s_addr;
    return true;
}

static bool parse_port(const char *text, size_t n, int *out)
{
    char digits[8];
    if (!n || n >= sizeof digits)
        return false;
    memcpy(digits, text, n);
    digits[n] = 0;
    char *end;
    unsigned long v = strtoul(digits, &end, 10);
    if (*end || v > 65535 || digits[0] < '0' || digits[0] > '9')
        return false;
    *out = (int)v;
    return true;
}

/* [ADDRESS]:PORT up to `end`; the address stays as it is when there is none. */
static bool parse_endpoint(const char *s, const char *end, struct in_addr *addr, int *port)
{
    const char *colon = memchr(s, ':', (size_t)(end - s));
    char text[64];
    if (!colon || (size_t)(colon - s) >= sizeof text)
        return false;
    memcpy(text, s, (size_t)(colon - s));
    text[colon - s] = 0;
    if (*text && !strcmp(text, "localhost"))
        addr->s_addr = htonl(INADDR_LOOPBACK);
    else if (*text && inet_pton(AF_INET, text, addr) != 1)
        return false;
    return parse_port(colon + 1, (size_t)(end - colon - 1), port);
}

bool forward_parse(struct forward *f, const char *rule, bool whole, struct err *e)
{
    *f = (struct forward){ .host.s_addr = htonl(INADDR_LOOPBACK) };
    const char *s = rule;
    if (!strncmp(s, "tcp:", 4) || !strncmp(s, "udp:", 4)) {
        f->udp = *s == 'u';
        s += 4;
    } else if (*s == ':') { /* QEMU's short form of tcp */
        s++;
    } else {
        return err_set(e, "'%.200s' begins with neither tcp: nor udp:", rule);
    }
    const char *end = whole ? strchr(s, '-') : s + strlen(s);
    if (!end || !parse_endpoint(s, end, &f->host, &f->host_port) ||
        (whole && (!parse_endpoint(end + 1, end + strlen(end), &f->guest, &f->guest_port) || !f->guest_port)))
        return err_set(e, "'%.200s' is not tcp|udp:[HOSTADDR]:HOSTPORT%s", rule, whole ? "-[GUESTADDR]:GUESTPORT" : "");
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = f->host };
    if (!loopback_address((struct sockaddr *)&a))
        return err_set(e, "'%.200s' would open the guest to other machines: ports are forwarded from 127.0.0.1 only "
                          "(leave the host address out, and use ssh -L from elsewhere)", rule);
    return true;
}

static bool add_forward(struct user_opts *o, const char *text, struct err *e)
{
    if (o->n_forward == USER_MAX_RULES)
        return err_set(e, "more than %d hostfwd rules", USER_MAX_RULES);
    return forward_parse(&o->forward[o->n_forward++], text, true, e) || err_prefix(e, "hostfwd");
}

/* tcp:SERVER:PORT-cmd:COMMAND */
static bool add_guestfwd(struct user_opts *o, const char *text, struct err *e)
{
    if (o->n_guestfwd == USER_MAX_RULES)
        return err_set(e, "more than %d guestfwd rules", USER_MAX_RULES);
    const char *s = strncmp(text, "tcp:", 4) ? text : text + 4, *dash = strchr(s, '-');
    struct in_addr server = { 0 };
    int port = 0;
    if (!dash || !parse_endpoint(s, dash, &server, &port) || !server.s_addr || !port ||
        strncmp(dash + 1, "cmd:", 4) || !dash[5] || strlen(dash + 5) >= sizeof o->guestfwd[0].command)
        return err_set(e, "'guestfwd=%.200s' is not tcp:SERVER:PORT-cmd:COMMAND (other targets are not there)", text);
    unsigned i = o->n_guestfwd++;
    o->guestfwd[i].server = server;
    o->guestfwd[i].port = port;
    strcpy(o->guestfwd[i].command, dash + 5);
    return true;
}

/* --- options ------------------------------------------------------------------------------------------------ */

enum kind { TEXT, BOOL, V4, V6, NET, PREFIX6, FORWARD, GUESTFWD, SEARCH };
#define AT(member) offsetof(struct user_opts, member), sizeof(((struct user_opts *)0)->member)

static const struct opt {
    const char *name;
    enum kind kind;
    size_t at, size;
} opts[] = {
    { "id", TEXT, AT(id) },
    { "ipv4", BOOL, AT(v4) },
    { "ipv6", BOOL, AT(v6) },
    { "net", NET, 0, 0 },
    { "host", V4, AT(host) },
    { "dhcpstart", V4, AT(dhcp) },
    { "dns", V4, AT(dns) },
    { "ipv6-prefix", V6, AT(net6) },
    { "ipv6-prefixlen", PREFIX6, AT(prefix6) },
    { "ipv6-host", V6, AT(host6) },
    { "ipv6-dns", V6, AT(dns6) },
    { "restrict", BOOL, AT(restricted) },
    { "hostname", TEXT, AT(hostname) },
    { "domainname", TEXT, AT(domain) },
    { "dnssearch", SEARCH, 0, 0 },
    { "tftp", TEXT, AT(tftp) },
    { "tftp-server-name", TEXT, AT(tftp_server) },
    { "bootfile", TEXT, AT(bootfile) },
    { "hostfwd", FORWARD, 0, 0 },
    { "guestfwd", GUESTFWD, 0, 0 },
};

static bool set(struct user_opts *o, const struct opt *p, const char *value, struct err *e)
{
    void *at = (char *)o + p->at;
    switch (p->kind) {
    case TEXT:
        if (strlen(value) >= p->size)
            return err_set(e, "the value of '%s' is longer than %zu bytes", p->name, p->size - 1);
        strcpy(at, value);
        return true;
    case BOOL: return parse_bool(p->name, value, at, e);
    case V4: return parse_v4(p->name, value, at, e);
    case V6: return parse_v6(p->name, value, at, e);
    case NET: return parse_net(o, value, e);
    case PREFIX6: {
        char *end;
        unsigned long v = strtoul(value, &end, 10);
        if (*end || v < 1 || v > 126)
            return err_set(e, "'%s' is 1 to 126, not '%.100s'", p->name, value);
        o->prefix6 = (u8)v;
        return true;
    }
    case FORWARD: return add_forward(o, value, e);
    case GUESTFWD: return add_guestfwd(o, value, e);
    case SEARCH:
        if (o->n_search == USER_MAX_SEARCH || strlen(value) >= sizeof o->search[0])
            return err_set(e, "'%s' takes at most %d names of %zu bytes", p->name, USER_MAX_SEARCH,
                           sizeof o->search[0] - 1);
        strcpy(o->search[o->n_search++], value);
        return true;
    }
    return true;
}

static bool set_named(struct user_opts *o, char *item, struct err *e)
{
    char *value = strchr(item, '=');
    if (value)
        *value++ = 0;
    const char *best = NULL;
    unsigned score = 0;
    for (size_t i = 0; i < ARRAY_LEN(opts); i++) {
        if (!strcmp(opts[i].name, item)) {
            if (!value && opts[i].kind != BOOL)
                return err_set(e, "'%s' needs a value: %s=...", item, item);
            return set(o, &opts[i], value ? value : "on", e);
        }
        suggest(item, opts[i].name, &best, &score);
    }
    return err_set(e, "-netdev user has no option '%.100s'%s%s%s", item, best ? " (did you mean '" : "",
                   best ? best : "", best ? "'?)" : "");
}

/* --- the whole ---------------------------------------------------------------------------------------------- */

/* Addresses that were not given have their usual places in the network: .2, .15 and .3. */
static bool place(struct user_opts *o, struct in_addr *a, u32 number, const char *name, struct err *e)
{
    if (!a->s_addr)
        a->s_addr = o->net.s_addr | (htonl(number) & ~o->mask.s_addr);
    if ((a->s_addr & o->mask.s_addr) != o->net.s_addr)
        return err_set(e, "'%s' is not an address of the network (net=)", name);
    return true;
}

static bool place6(const struct user_opts *o, struct in6_addr *a, u8 number, const char *name, struct err *e)
{
    static const struct in6_addr none;
    if (!memcmp(a, &none, sizeof none)) {
        *a = o->net6;
        a->s6_addr[15] |= number;
    }
    for (unsigned bit = 0; bit < o->prefix6; bit++)
        if ((a->s6_addr[bit / 8] ^ o->net6.s6_addr[bit / 8]) & (0x80 >> bit % 8))
            return err_set(e, "'%s' is not an address of the network (ipv6-prefix=)", name);
    return true;
}

bool user_opts_parse(struct user_opts *o, const char *text, struct err *e)
{
    memset(o, 0, sizeof *o);
    o->v4 = o->v6 = true;
    o->net.s_addr = htonl(0x0a000200);
    o->mask.s_addr = htonl(0xffffff00);
    inet_pton(AF_INET6, "fec0::", &o->net6);
    o->prefix6 = 64;
    while (*text) {
        char item[1200];
        size_t n = 0;
        while (*text && !(text[0] == ',' && text[1] != ',')) {
            text += text[0] == ',';
            if (n + 1 >= sizeof item)
                return err_set(e, "an option of -netdev user is too long: '%.60s...'", item);
            item[n++] = *text++;
            item[n] = 0;
        }
        item[n] = 0;
        text += *text == ',';
        if (n && !set_named(o, item, e))
            return false;
    }
    if (!place(o, &o->host, 0x0202, "host", e) || !place(o, &o->dhcp, 0x020f, "dhcpstart", e) ||
        !place(o, &o->dns, 0x0203, "dns", e) || !place6(o, &o->host6, 2, "ipv6-host", e) ||
        !place6(o, &o->dns6, 3, "ipv6-dns", e))
        return false;
    if (o->host.s_addr == o->dns.s_addr || o->host.s_addr == o->dhcp.s_addr || o->dns.s_addr == o->dhcp.s_addr)
        return err_set(e, "'host', 'dns' and 'dhcpstart' must be three different addresses");
    for (unsigned i = 0; i < o->n_guestfwd; i++)
        if ((o->guestfwd[i].server.s_addr & o->mask.s_addr) != o->net.s_addr)
            return err_set(e, "the server address of a guestfwd is not of the network (net=)");
    return true;
}
