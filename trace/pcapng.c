/* Frames of network cards, for tshark and Wireshark: pcapng (IETF draft-ietf-opsawg-pcapng), an interface for each card. Time
 * is the guest's, from position 0 on. */
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"

enum { SECTION = 0x0a0d0d0a, INTERFACE = 1, PACKET = 6, ETHERNET = 1 };
enum { OPT_END = 0, OPT_USER = 4, IF_NAME = 2, IF_TSRESOL = 9, EPB_FLAGS = 2 };

struct pcap {
    const char *card[MACHINE_MAX_DEVICES]; /* by interface number */
    unsigned n;
};

static void pad(struct buf *b)
{
    while (b->len % 4)
        buf_put_le(b, 0, 1);
}

static void put_option(struct buf *b, unsigned code, const void *value, size_t n)
{
    buf_put_le(b, code, 2);
    buf_put_le(b, n, 2);
    buf_put(b, value, n);
    pad(b);
}

static void put_block(struct trace *t, u32 type, const struct buf *body)
{
    buf_put_le(&t->out, type, 4);
    buf_put_le(&t->out, body->len + 12, 4);
    buf_put(&t->out, body->data, body->len);
    buf_put_le(&t->out, body->len + 12, 4);
}

static void begin(struct trace *t)
{
    struct buf b = { 0 };
    t->data = xcalloc(1, sizeof(struct pcap));
    buf_put_le(&b, 0x1a2b3c4d, 4);
    buf_put_le(&b, 1, 2); /* version 1.0 */
    buf_put_le(&b, 0, 2);
    buf_put_le(&b, UINT64_MAX, 8); /* how long it is: not known */
    put_option(&b, OPT_USER, "Orrery", 6);
    put_option(&b, OPT_END, NULL, 0);
    put_block(t, SECTION, &b);
    buf_free(&b);
}

static unsigned interface(struct trace *t, const char *path)
{
    struct pcap *p = t->data;
    for (unsigned i = 0; i < p->n; i++)
        if (!strcmp(p->card[i], path))
            return i;
    if (p->n == ARRAY_LEN(p->card))
        return 0;
    struct buf b = { 0 };
    buf_put_le(&b, ETHERNET, 2);
    buf_put_le(&b, 0, 2);
    buf_put_le(&b, 0, 4); /* frames are whole */
    put_option(&b, IF_NAME, path + 1, strlen(path + 1));
    put_option(&b, IF_TSRESOL, "\x09", 1); /* nanoseconds */
    put_option(&b, OPT_END, NULL, 0);
    put_block(t, INTERFACE, &b);
    buf_free(&b);
    p->card[p->n] = path;
    return p->n++;
}

static void hear(struct trace *t, const struct event *ev)
{
    if (strcmp(ev->type->name, "net.frame"))
        return;
    bool sent = !strcmp(ev->value[0].s, "out");
    u64 n = ev->value[1].u, ns = trace_ns(t, ev->when);
    unsigned on = interface(t, ev->source);
    struct buf b = { 0 };
    buf_put_le(&b, on, 4);
    buf_put_le(&b, ns >> 32, 4);
    buf_put_le(&b, (u32)ns, 4);
    buf_put_le(&b, n, 4);
    buf_put_le(&b, n, 4);
    buf_put(&b, ev->value[2].s, n);
    pad(&b);
    put_option(&b, EPB_FLAGS, (const u8[]){ sent ? 2 : 1, 0, 0, 0 }, 4);
    put_option(&b, OPT_END, NULL, 0);
    put_block(t, PACKET, &b);
    buf_free(&b);
}

static void end(struct trace *t)
{
    free(t->data);
}

const struct trace_format trace_pcap = { "pcap", "frames of network cards (pcapng: tshark, Wireshark)", .begin = begin,
                                         .hear = hear, .hears = { "net.frame" }, .end = end };
