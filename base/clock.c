#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"

void clock_init(struct clock *c, u64 hz)
{
    *c = (struct clock){ .hz = hz };
}

void clock_fini(struct clock *c)
{
    free(c->heap);
    c->heap = NULL;
    c->heap_len = c->heap_cap = 0;
}

void timer_init(struct clock *c, struct timer *t, const char *owner, const char *name, u32 priority,
                void (*fire)(void *opaque, u64 now), void *opaque)
{
    *t = (struct timer){ .owner = owner, .name = name, .fire = fire, .opaque = opaque, .priority = priority };
    struct timer **end = &c->timers;
    while (*end)
        end = &(*end)->next;
    *end = t;
}

static bool before(const struct timer *a, const struct timer *b)
{
    if (a->when != b->when)
        return a->when < b->when;
    if (a->priority != b->priority)
        return a->priority < b->priority;
    return a->seq < b->seq;
}

static void place(struct clock *c, u32 i, struct timer *t)
{
    c->heap[i] = t;
    t->heap_at = i;
}

static void sift_up(struct clock *c, u32 i)
{
    struct timer *t = c->heap[i];
    while (i && before(t, c->heap[(i - 1) / 2])) {
        place(c, i, c->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(c, i, t);
}

static void sift_down(struct clock *c, u32 i)
{
    struct timer *t = c->heap[i];
    for (;;) {
        u32 k = 2 * i + 1;
        if (k >= c->heap_len)
            break;
        if (k + 1 < c->heap_len && before(c->heap[k + 1], c->heap[k]))
            k++;
        if (!before(c->heap[k], t))
            break;
        place(c, i, c->heap[k]);
        i = k;
    }
    place(c, i, t);
}

static void heap_insert(struct clock *c, struct timer *t)
{
    if (c->heap_len == c->heap_cap) {
        c->heap_cap = c->heap_cap ? 2 * c->heap_cap : 16;
        c->heap = xrealloc(c->heap, c->heap_cap * sizeof *c->heap);
    }
    t->armed = true;
    c->heap[c->heap_len++] = t;
    sift_up(c, c->heap_len - 1);
}

void timer_cancel(struct clock *c, struct timer *t)
{
    if (!t->armed)
        return;
    u32 i = t->heap_at;
    struct timer *last = c->heap[--c->heap_len];
    t->armed = false;
    if (last != t) {
        place(c, i, last);
        sift_up(c, i);
        sift_down(c, last->heap_at);
    }
}

void timer_arm(struct clock *c, struct timer *t, u64 when)
{
    timer_cancel(c, t);
    t->when = when;
    t->seq = c->seq++;
    heap_insert(c, t);
    if (when < c->horizon)
        c->attention = true;
}

u64 clock_next(const struct clock *c)
{
    return c->heap_len ? c->heap[0]->when : CLOCK_NEVER;
}

void clock_fire(struct clock *c)
{
    while (c->heap_len && c->heap[0]->when <= c->now) {
        struct timer *t = c->heap[0];
        timer_cancel(c, t);
        t->fire(t->opaque, c->now);
    }
}

void clock_save(const struct clock *c, struct buf *out)
{
    u32 n = 0;
    for (const struct timer *t = c->timers; t; t = t->next)
        n++;
    buf_put_le(out, c->now, 8);
    buf_put_le(out, c->seq, 8);
    buf_put_le(out, n, 4);
    for (const struct timer *t = c->timers; t; t = t->next) {
        buf_put_str(out, t->owner);
        buf_put_str(out, t->name);
        buf_put_le(out, t->armed, 1);
        buf_put_le(out, t->armed ? t->when : 0, 8);
        buf_put_le(out, t->armed ? t->seq : 0, 8);
    }
}

bool clock_load(struct clock *c, struct reader *in, struct err *e)
{
    u64 now = reader_le(in, 8), seq = reader_le(in, 8), n = reader_le(in, 4);
    for (struct timer *t = c->timers; t; t = t->next)
        timer_cancel(c, t);
    u64 known = 0;
    for (const struct timer *t = c->timers; t; t = t->next)
        known++;
    if (n != known)
        return err_set(e, "it holds %llu timers where this machine has %llu", (unsigned long long)n,
                       (unsigned long long)known);
    while (n-- && !in->bad) {
        char owner[128], name[64];
        reader_str(in, owner, sizeof owner);
        reader_str(in, name, sizeof name);
        bool armed = reader_le(in, 1);
        u64 when = reader_le(in, 8), s = reader_le(in, 8);
        struct timer *t = c->timers;
        while (t && (strcmp(t->owner, owner) || strcmp(t->name, name)))
            t = t->next;
        if (!t || t->armed)
            return err_set(e, "timer '%s %s' is unknown to this machine or named twice", owner, name);
        if (armed) {
            t->when = when;
            t->seq = s;
            heap_insert(c, t);
        }
    }
    if (in->bad)
        return err_set(e, "the timers are cut short");
    c->now = now;
    c->seq = seq;
    return true;
}

/* Sequence numbers are hashed too: they decide the order of equals. */
u64 clock_hash(const struct clock *c, u64 hash)
{
    hash = hash_u64(c->now, hash);
    for (const struct timer *t = c->timers; t; t = t->next) {
        hash = hash_u64(t->armed, hash);
        if (t->armed) {
            hash = hash_u64(t->when, hash);
            hash = hash_u64(t->seq, hash);
        }
    }
    return hash;
}

static u64 gcd(u64 a, u64 b)
{
    while (b) {
        u64 t = a % b;
        a = b;
        b = t;
    }
    return a;
}

struct domain domain_make(u64 master_hz, u64 hz_num, u64 hz_den)
{
    u64 den = master_hz * hz_den, g = gcd(hz_num, den);
    return (struct domain){ hz_num / g, den / g };
}

u64 domain_ticks(struct domain d, u64 master)
{
    return (u64)((u128)master * d.num / d.den);
}

u64 domain_when(struct domain d, u64 ticks)
{
    u128 m = ((u128)ticks * d.den + d.num - 1) / d.num;
    return m > UINT64_MAX ? CLOCK_NEVER : (u64)m;
}
