#include "host/input.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "machine/machine.h"

#define EVENTS 1024

struct event_out {
    struct input_channel *to;
    u8 bytes[4], n;
    u64 after_ns; /* the event before it */
};

struct host_input {
    struct host_loop *loop;
    struct machine *m;
    struct host_offer offer;
    struct input_channel *keyboard, *mouse;
    struct event_out event[EVENTS];
    unsigned at, n;
    u64 since;   /* position of the last delivery */
    u8 down[32]; /* usages that were sent as pressed */
    u8 buttons;
};

/* --- delivery --------------------------------------------------------------------------------------------------- */

static u64 due(const struct host_input *in)
{
    u64 since = in->since <= in->m->clock.now ? in->since : in->m->clock.now; /* an older snapshot was loaded */
    return since + (u64)((u128)in->event[in->at].after_ns * in->m->clock.hz / 1000000000);
}

static bool has_room(const struct event_out *e)
{
    return input_room(e->to) >= e->n;
}

static void take(struct host_input *in)
{
    in->at = (in->at + 1) % EVENTS;
    in->n--;
}

static bool ready(void *opaque, struct machine *m)
{
    struct host_input *in = opaque;
    return in->n && has_room(&in->event[in->at]) && m->clock.now >= due(in);
}

static u64 due_at(void *opaque, struct machine *m)
{
    struct host_input *in = opaque;
    return in->n && has_room(&in->event[in->at]) ? due(in) : CLOCK_NEVER;
}

static bool offer(void *opaque, struct machine *m)
{
    struct host_input *in = opaque;
    bool any = false;
    while (ready(in, m)) {
        struct event_out e = in->event[in->at];
        take(in);
        in->since = m->clock.now;
        machine_input(m, e.to, e.bytes, e.n);
        any = true;
    }
    return any;
}

static void discard(void *opaque)
{
    struct host_input *in = opaque;
    while (in->n)
        take(in);
}

/* --- life ------------------------------------------------------------------------------------------------------- */

static struct input_channel *channel_like(struct machine *m, const char *suffix)
{
    struct input_channel *found = NULL;
    for (struct input_channel *ch = m->env.channels; ch; ch = ch->next) {
        size_t n = strlen(ch->name), k = strlen(suffix);
        if (n > k && !strcmp(ch->name + n - k, suffix))
            found = ch; /* of several the one that -device added last */
    }
    return found;
}

struct host_input *host_input_new(struct host_loop *l, struct machine *m)
{
    struct host_input *in = xcalloc(1, sizeof *in);
    in->loop = l;
    in->m = m;
    in->keyboard = channel_like(m, ".keyboard");
    in->mouse = channel_like(m, ".mouse");
    in->offer = (struct host_offer){ .ready = ready, .offer = offer, .discard = discard, .due = due_at, .opaque = in };
    host_loop_offer_add(l, &in->offer);
    return in;
}

void host_input_free(struct host_input *in)
{
    if (!in)
        return;
    discard(in);
    host_loop_offer_remove(in->loop, &in->offer);
    free(in);
}

bool host_input_has_keyboard(const struct host_input *in)
{
    return in->keyboard != NULL;
}

bool host_input_has_mouse(const struct host_input *in)
{
    return in->mouse != NULL;
}

/* --- what comes in ---------------------------------------------------------------------------------------------- */

static bool put(struct host_input *in, struct input_channel *to, const u8 *bytes, u8 n, u64 after_ns)
{
    if (!to || in->n == EVENTS)
        return false;
    struct event_out *e = &in->event[(in->at + in->n) % EVENTS];
    *e = (struct event_out){ .to = to, .n = n, .after_ns = after_ns };
    memcpy(e->bytes, bytes, n);
    in->n++;
    return true;
}

void host_input_key(struct host_input *in, u8 usage, bool down, u64 after_ns)
{
    u8 bit = (u8)(1 << usage % 8), *held = &in->down[usage / 8];
    if (put(in, in->keyboard, (u8[]){ usage, down }, 2, after_ns))
        *held = (u8)(down ? *held | bit : *held & ~bit);
}

void host_input_chord(struct host_input *in, const u8 *usages, unsigned n, u64 hold_ns)
{
    if (in->n + 2 * n > EVENTS)
        return; /* not half of it */
    for (unsigned i = 0; i < n; i++)
        host_input_key(in, usages[i], true, 0);
    for (unsigned i = n; i--;)
        host_input_key(in, usages[i], false, i == n - 1 ? hold_ns : 0);
}

void host_input_release_all(struct host_input *in)
{
    for (unsigned usage = 0; usage < 256; usage++)
        if (in->down[usage / 8] & 1 << usage % 8)
            host_input_key(in, (u8)usage, false, 0);
}

/* A movement that no one has seen yet grows. */
static struct event_out *last_move(struct host_input *in)
{
    struct event_out *e = in->n ? &in->event[(in->at + in->n - 1) % EVENTS] : NULL;
    return e && e->to == in->mouse && e->bytes[3] == in->buttons ? e : NULL;
}

static int clamp(int v, int most)
{
    return v > most ? most : v < -most ? -most : v;
}

void host_input_move(struct host_input *in, int dx, int dy, int wheel)
{
    struct event_out *last = last_move(in);
    if (last) {
        dx += (i8)last->bytes[0];
        dy += (i8)last->bytes[1];
        wheel += (i8)last->bytes[2];
    }
    for (unsigned i = 0; (dx || dy || wheel || last) && i < 64; i++) { /* nobody moves further than that at once */
        int x = clamp(dx, 127), y = clamp(dy, 127), z = clamp(wheel, 7);
        u8 bytes[4] = { (u8)x, (u8)y, (u8)z, in->buttons };
        if (last)
            memcpy(last->bytes, bytes, sizeof bytes);
        else if (!put(in, in->mouse, bytes, 4, 0))
            return;
        last = NULL;
        dx -= x;
        dy -= y;
        wheel -= z;
    }
}

void host_input_buttons(struct host_input *in, u8 buttons)
{
    in->buttons = buttons & 0x1f;
    put(in, in->mouse, (u8[]){ 0, 0, 0, in->buttons }, 4, 0);
}

u8 host_input_buttons_now(const struct host_input *in)
{
    return in->buttons;
}
