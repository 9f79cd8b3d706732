#include "host/net/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/suggest.h"

static const struct net_kind *const kinds[] = { &net_user };

static void from_guest(struct net_port *p, const u8 *frame, size_t len)
{
    struct host_net *n = (struct host_net *)p;
    if (len < 14)
        return; /* not even a header */
    if (n->dump)
        pcap_write(n->dump, frame, len, n->clock ? n->clock->now : 0, n->clock ? n->clock->hz : 1);
    n->kind->send(n, frame, len);
}

static void delivered(void *opaque, const u8 *frame, size_t len, u64 position, u64 hz)
{
    struct host_net *n = opaque;
    if (n->dump)
        pcap_write(n->dump, frame, len, position, hz);
}

struct host_net *host_net_open(struct host_loop *l, const char *spec, const char *id, struct err *e)
{
    char word[32];
    size_t w = strcspn(spec, ",");
    snprintf(word, sizeof word, "%.*s", (int)(w < sizeof word ? w : sizeof word - 1), spec);
    const struct net_kind *kind = NULL;
    const char *best = NULL;
    unsigned score = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!strcmp(kinds[i]->name, word))
            kind = kinds[i];
        suggest(word, kinds[i]->name, &best, &score);
    }
    if (!kind) {
        err_set(e, "there is no network back end '%s'%s%s%s; there is: user", word, best ? " (did you mean '" : "",
                best ? best : "", best ? "'?)" : "");
        return NULL;
    }
    struct host_net *n = xcalloc(1, sizeof *n);
    n->kind = kind;
    n->loop = l;
    snprintf(n->id, sizeof n->id, "%s", id ? id : kind->name);
    n->port.send = from_guest;
    n->port.id = n->id;
    inbox_packets_init(&n->inbox, l, &n->port.in);
    n->inbox.delivered = delivered;
    n->inbox.opaque = n;
    if (!kind->open(n, spec[w] ? spec + w + 1 : "", e)) {
        err_prefix(e, "netdev '%s'", n->id);
        host_net_close(n);
        return NULL;
    }
    return n;
}

void host_net_close(struct host_net *n)
{
    if (!n)
        return;
    if (n->impl)
        n->kind->close(n);
    inbox_packets_fini(&n->inbox);
    pcap_close(n->dump);
    free(n);
}

const char *host_net_id(const struct host_net *n)
{
    return n->id;
}

struct net_port *host_net_port(struct host_net *n)
{
    return &n->port;
}

bool host_net_forward(struct host_net *n, const char *rule, struct err *e)
{
    return n->kind->forward ? n->kind->forward(n, rule, e) : err_set(e, "netdev '%s' forwards nothing", n->id);
}

bool host_net_unforward(struct host_net *n, const char *rule, struct err *e)
{
    return n->kind->unforward ? n->kind->unforward(n, rule, e) : err_set(e, "netdev '%s' forwards nothing", n->id);
}

char *host_net_info(struct host_net *n)
{
    return n->kind->info ? n->kind->info(n) : xstrdup("");
}

bool host_net_dump(struct host_net *n, const char *path, u32 maxlen, struct err *e)
{
    struct pcap *p = pcap_open(path, maxlen, e);
    if (!p)
        return false;
    pcap_close(n->dump);
    n->dump = p;
    return true;
}

void host_net_clock(struct host_net *n, const struct clock *c)
{
    n->clock = c;
}
