#include "machine/history_taps.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 64 << 10 };

/* What a disk held before it was written; while that is undone, what was written. */
struct old {
    struct drive_tap *drive;
    u64 offset;
    size_t n;
    u8 *bytes;
};

struct drive_tap {
    struct taps *taps;
    struct block_port *port;
    const struct block_ops *inner;
    struct block_ops ops;
};

struct char_tap {
    struct taps *taps;
    struct char_port *port;
    void (*write)(struct char_port *c, const u8 *bytes, size_t n);
};

struct net_tap {
    struct taps *taps;
    struct net_port *port;
    void (*send)(struct net_port *n, const u8 *frame, size_t len);
};

struct taps {
    const bool *muted;
    bool *lost;
    struct drive_tap drive[MACHINE_MAX_DRIVES];
    struct char_tap chr[20];
    struct net_tap net[8];
    unsigned n_drives, n_chars, n_nets;
    struct old *old;
    u64 first, n, cap; /* old[0] is write number `first`, old[n] the next */
    u64 undone;        /* behind old[n] */
    u64 bytes;
};

static void drop(struct taps *s, struct old *o)
{
    s->bytes -= o->n + sizeof *o;
    free(o->bytes);
}

/* The next write. When the past is executed again it is the one that was undone. */
static void add(struct taps *s, struct drive_tap *t, u64 offset, size_t n, u8 *bytes)
{
    struct old *next = &s->old[s->n];
    if (s->undone && next->drive == t && next->offset == offset && next->n == n) {
        drop(s, next);
        s->undone--;
    } else {
        while (s->undone)
            drop(s, &s->old[s->n + --s->undone]);
    }
    if (s->n + s->undone == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 256;
        s->old = xrealloc(s->old, s->cap * sizeof *s->old);
    }
    s->old[s->n++] = (struct old){ .drive = t, .offset = offset, .n = n, .bytes = bytes };
    s->bytes += n + sizeof *s->old;
}

static void keep(struct drive_tap *t, u64 offset, u64 len, bool zeroing)
{
    static const u8 zero[PIECE];
    struct taps *s = t->taps;
    while (len) {
        size_t n = len < PIECE ? (size_t)len : PIECE;
        u8 *bytes = xmalloc(n);
        if (!t->inner->read(t->port, offset, bytes, n, NULL))
            *s->lost = true;
        if (zeroing && !memcmp(bytes, zero, n)) { /* it stays what it was */
            free(bytes);
        } else {
            add(s, t, offset, n, bytes);
        }
        offset += n;
        len -= n;
    }
}

static bool drive_write(struct block_port *b, u64 offset, const void *in, size_t len, struct err *e)
{
    struct drive_tap *t = b->tap;
    keep(t, offset, len, false);
    return t->inner->write(b, offset, in, len, e);
}

static bool drive_zero(struct block_port *b, u64 offset, u64 len, struct err *e)
{
    struct drive_tap *t = b->tap;
    keep(t, offset, len, true);
    return t->inner->zero(b, offset, len, e);
}

static void char_write(struct char_port *c, const u8 *bytes, size_t n)
{
    struct char_tap *t = c->tap;
    if (!*t->taps->muted)
        t->write(c, bytes, n);
}

static void net_send(struct net_port *n, const u8 *frame, size_t len)
{
    struct net_tap *t = n->tap;
    if (!*t->taps->muted)
        t->send(n, frame, len);
}

void taps_add_drive(struct taps *s, struct block_port *b)
{
    if (!b || b->tap || b->read_only || s->n_drives == ARRAY_LEN(s->drive))
        return;
    struct drive_tap *t = &s->drive[s->n_drives++];
    *t = (struct drive_tap){ .taps = s, .port = b, .inner = b->ops, .ops = *b->ops };
    t->ops.write = drive_write;
    t->ops.zero = drive_zero;
    b->tap = t;
    b->ops = &t->ops;
}

static void tap_char(struct taps *s, struct char_port *c)
{
    if (!c || c->tap || s->n_chars == ARRAY_LEN(s->chr))
        return;
    struct char_tap *t = &s->chr[s->n_chars++];
    *t = (struct char_tap){ .taps = s, .port = c, .write = c->write };
    c->tap = t;
    c->write = char_write;
}

struct taps *taps_new(struct machine *m, const bool *muted, bool *lost)
{
    struct taps *s = xcalloc(1, sizeof *s);
    const struct machine_config *c = m->config;
    s->muted = muted;
    s->lost = lost;
    for (unsigned i = 0; i < c->n_drives; i++)
        taps_add_drive(s, c->drives[i]);
    for (unsigned i = 0; i < ARRAY_LEN(c->serial); i++)
        tap_char(s, c->serial[i]);
    for (unsigned i = 0; i < c->n_chars; i++)
        tap_char(s, c->chars[i]);
    for (unsigned i = 0; i < c->n_nets; i++) {
        struct net_port *n = c->nets[i];
        if (!n || n->tap)
            continue;
        struct net_tap *t = &s->net[s->n_nets++];
        *t = (struct net_tap){ .taps = s, .port = n, .send = n->send };
        n->tap = t;
        n->send = net_send;
    }
    return s;
}

void taps_free(struct taps *s)
{
    if (!s)
        return;
    taps_forget(s, taps_written(s));
    while (s->undone)
        drop(s, &s->old[--s->undone]);
    for (unsigned i = 0; i < s->n_drives; i++) {
        s->drive[i].port->ops = s->drive[i].inner;
        s->drive[i].port->tap = NULL;
    }
    for (unsigned i = 0; i < s->n_chars; i++) {
        s->chr[i].port->write = s->chr[i].write;
        s->chr[i].port->tap = NULL;
    }
    for (unsigned i = 0; i < s->n_nets; i++) {
        s->net[i].port->send = s->net[i].send;
        s->net[i].port->tap = NULL;
    }
    free(s->old);
    free(s);
}

u64 taps_written(const struct taps *s)
{
    return s->first + s->n;
}

u64 taps_bytes(const struct taps *s)
{
    return s->bytes;
}

static void swap(struct taps *s, struct old *o)
{
    u8 *now = xmalloc(o->n);
    const struct block_ops *ops = o->drive->inner;
    if (!ops->read(o->drive->port, o->offset, now, o->n, NULL) || !ops->write(o->drive->port, o->offset, o->bytes, o->n, NULL))
        *s->lost = true;
    free(o->bytes);
    o->bytes = now;
}

void taps_goto(struct taps *s, u64 number)
{
    for (; s->n && s->first + s->n > number; s->undone++)
        swap(s, &s->old[--s->n]);
    for (; s->undone && s->first + s->n < number; s->undone--)
        swap(s, &s->old[s->n++]);
}

void taps_forget(struct taps *s, u64 number)
{
    u64 n = 0;
    while (n < s->n && s->first + n < number)
        drop(s, &s->old[n++]);
    if (!n)
        return;
    memmove(s->old, s->old + n, (s->n + s->undone - n) * sizeof *s->old);
    s->first += n;
    s->n -= n;
}
