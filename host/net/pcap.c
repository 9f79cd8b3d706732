#include "host/net/pcap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define MAGIC_NS 0xa1b23c4d /* time stamps are seconds and nanoseconds */
#define LINK_ETHERNET 1

struct pcap {
    FILE *f;
    char *path;
    u32 maxlen;
    bool failed;
};

/* A disk that is full ends the dump, not the machine. */
static void put(struct pcap *p, const void *bytes, size_t n)
{
    if (p->failed || fwrite(bytes, 1, n, p->f) == n)
        return;
    p->failed = true;
    fprintf(stderr, "orrery: %s cannot be written (%s); the dump ends here\n", p->path, strerror(errno));
}

struct pcap *pcap_open(const char *path, u32 maxlen, struct err *e)
{
    FILE *f = fopen(path, "wbe");
    if (!f) {
        err_set(e, "cannot write the packet dump %s: %s", path, strerror(errno));
        return NULL;
    }
    struct pcap *p = xcalloc(1, sizeof *p);
    p->f = f;
    p->path = xstrdup(path);
    p->maxlen = maxlen ? maxlen : 65535;
    u8 h[24] = { 0 };
    store_le(h, 4, MAGIC_NS);
    store_le(h + 4, 2, 2); /* version 2.4 */
    store_le(h + 6, 2, 4);
    store_le(h + 16, 4, p->maxlen);
    store_le(h + 20, 4, LINK_ETHERNET);
    put(p, h, sizeof h);
    return p;
}

void pcap_write(struct pcap *p, const u8 *frame, size_t len, u64 ticks, u64 hz)
{
    u32 kept = len < p->maxlen ? (u32)len : p->maxlen;
    u8 h[16];
    store_le(h, 4, ticks / hz);
    store_le(h + 4, 4, (u64)((u128)(ticks % hz) * 1000000000 / hz));
    store_le(h + 8, 4, kept);
    store_le(h + 12, 4, len);
    put(p, h, sizeof h);
    put(p, frame, kept);
    fflush(p->f); /* others look at it while the machine runs */
}

void pcap_close(struct pcap *p)
{
    if (!p)
        return;
    fclose(p->f);
    free(p->path);
    free(p);
}
