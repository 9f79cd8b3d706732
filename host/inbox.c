#include "host/inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "machine/machine.h"

/* --- bytes -------------------------------------------------------------------------------------------------- */

/* How many queued bytes come before the next break. */
static size_t before_break(const struct inbox_bytes *b)
{
    return (size_t)((b->n_breaks ? b->break_at[0] : b->put) - b->got);
}

/* The channel beside it, NULL: this device has no breaks. */
static struct input_channel *break_channel(const struct inbox_bytes *b, struct machine *m)
{
    char name[256];
    snprintf(name, sizeof name, "%s.break", (*b->in)->name);
    return machine_channel(m, name);
}

static bool bytes_ready(void *opaque, struct machine *m)
{
    const struct inbox_bytes *b = opaque;
    if (!*b->in || (b->put == b->got && !b->n_breaks))
        return false;
    struct input_channel *ch = before_break(b) ? *b->in : break_channel(b, m);
    return !ch || input_room(ch) > 0;
}

static void drop_break(struct inbox_bytes *b)
{
    b->n_breaks--;
    memmove(b->break_at, b->break_at + 1, b->n_breaks * sizeof b->break_at[0]);
}

static bool bytes_offer(void *opaque, struct machine *m)
{
    struct inbox_bytes *b = opaque;
    bool any = false;
    while (*b->in && (b->put != b->got || b->n_breaks)) {
        struct input_channel *ch = *b->in;
        size_t n = before_break(b);
        if (!n) {
            struct input_channel *brk = break_channel(b, m);
            if (brk && !input_room(brk))
                break;
            if (brk) {
                machine_input(m, brk, &(u8){ 0 }, 1);
                any = true;
            }
            drop_break(b);
            continue;
        }
        size_t room = input_room(ch), at = b->got % INBOX_BYTES;
        if (n > room)
            n = room;
        if (n > INBOX_BYTES - at)
            n = INBOX_BYTES - at;
        if (!n)
            break;
        u8 bytes[INBOX_BYTES]; /* delivering may have the device write, and a receiver of that may put more */
        memcpy(bytes, b->ring + at, n);
        b->got += n;
        machine_input(m, ch, bytes, n);
        any = true;
    }
    if (any && b->drained)
        b->drained(b->opaque);
    return any;
}

static void bytes_discard(void *opaque)
{
    struct inbox_bytes *b = opaque;
    bool any = b->put != b->got;
    b->got = b->put;
    b->n_breaks = 0;
    if (any && b->drained)
        b->drained(b->opaque);
}

void inbox_bytes_init(struct inbox_bytes *b, struct host_loop *l, struct input_channel *const *in)
{
    memset(b, 0, sizeof *b);
    b->loop = l;
    b->in = in;
    b->offer = (struct host_offer){ .ready = bytes_ready, .offer = bytes_offer, .discard = bytes_discard, .opaque = b };
    host_loop_offer_add(l, &b->offer);
}

void inbox_bytes_fini(struct inbox_bytes *b)
{
    if (b->loop)
        host_loop_offer_remove(b->loop, &b->offer);
    b->loop = NULL;
}

size_t inbox_bytes_space(const struct inbox_bytes *b)
{
    return INBOX_BYTES - (size_t)(b->put - b->got);
}

void inbox_bytes_put(struct inbox_bytes *b, const u8 *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        b->ring[b->put++ % INBOX_BYTES] = bytes[i];
}

void inbox_bytes_break(struct inbox_bytes *b)
{
    if (b->n_breaks < INBOX_BREAKS)
        b->break_at[b->n_breaks++] = b->put;
}

/* --- packets ------------------------------------------------------------------------------------------------ */

static bool packets_ready(void *opaque, struct machine *m)
{
    const struct inbox_packets *b = opaque;
    return b->first && *b->in && input_room(*b->in) > 0;
}

static struct inbox_packet *take(struct inbox_packets *b)
{
    struct inbox_packet *p = b->first;
    b->first = p->next;
    if (!b->first)
        b->end = &b->first;
    b->n--;
    return p;
}

static bool packets_offer(void *opaque, struct machine *m)
{
    struct inbox_packets *b = opaque;
    bool any = false;
    while (b->first && *b->in) {
        size_t room = input_room(*b->in);
        if (!room)
            break;
        struct inbox_packet *p = take(b);
        if (p->n <= room) {
            if (b->delivered)
                b->delivered(b->opaque, p->data, p->n, m->clock.now, m->clock.hz);
            machine_input(m, *b->in, p->data, p->n);
            any = true;
        } else {
            b->dropped++; /* room is the largest packet it takes: this one never fits */
        }
        free(p);
    }
    return any;
}

static void packets_discard(void *opaque)
{
    struct inbox_packets *b = opaque;
    while (b->first)
        free(take(b));
}

void inbox_packets_init(struct inbox_packets *b, struct host_loop *l, struct input_channel *const *in)
{
    memset(b, 0, sizeof *b);
    b->loop = l;
    b->in = in;
    b->end = &b->first;
    b->offer = (struct host_offer){ .ready = packets_ready, .offer = packets_offer, .discard = packets_discard,
                                    .only_live = true, .opaque = b };
    host_loop_offer_add(l, &b->offer);
}

void inbox_packets_fini(struct inbox_packets *b)
{
    packets_discard(b);
    host_loop_offer_remove(b->loop, &b->offer);
}

bool inbox_packets_put(struct inbox_packets *b, const u8 *bytes, size_t n)
{
    if (b->n >= INBOX_PACKETS || !n) {
        b->dropped++;
        return false;
    }
    struct inbox_packet *p = xmalloc(sizeof *p + n);
    p->next = NULL;
    p->n = n;
    memcpy(p->data, bytes, n);
    *b->end = p;
    b->end = &p->next;
    b->n++;
    return true;
}
