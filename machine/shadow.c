#include "machine/shadow.h"

#include <string.h>

struct shadow shadow_new(struct arena *a, const struct state_field *fields, const void *live)
{
    return (struct shadow){ fields, live, arena_alloc(a, state_extent(fields)) };
}

static void put_num(struct buf *b, u64 v)
{
    u8 out[10];
    unsigned n = 0;
    for (; v > 127; v >>= 7)
        out[n++] = (u8)(v | 128);
    out[n++] = (u8)v;
    buf_put(b, out, n);
}

static u64 take_num(struct reader *in)
{
    u64 v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        u64 byte = reader_le(in, 1);
        v |= (byte & 127) << shift;
        if (byte < 128)
            return v;
    }
    in->bad = true;
    return 0;
}

/* Most fields are as they were: one comparison for all their elements. */
static bool same(const struct shadow *s, const struct state_field *f)
{
    return !memcmp((const u8 *)s->live + f->offset, (u8 *)s->copy + f->offset, (size_t)f->size * f->count);
}

static void take_field(struct shadow *s, const struct state_field *f)
{
    memcpy((u8 *)s->copy + f->offset, (const u8 *)s->live + f->offset, (size_t)f->size * f->count);
}

void shadow_take_live(struct shadow *s)
{
    for (const struct state_field *f = s->fields; f && f->name; f++)
        take_field(s, f);
}

void shadow_put_delta(struct shadow *s, struct buf *out)
{
    u64 number = 1, last = 0; /* of the elements, from 1 */
    for (const struct state_field *f = s->fields; f && f->name; number += f++->count) {
        if (same(s, f))
            continue;
        for (u32 i = 0; i < f->count; i++) {
            u64 changed = state_get(f, s->live, i) ^ state_get(f, s->copy, i);
            if (!changed)
                continue;
            put_num(out, number + i - last);
            put_num(out, changed);
            last = number + i;
        }
        take_field(s, f);
    }
    put_num(out, 0);
}

bool shadow_take_delta(struct shadow *s, struct reader *in)
{
    const struct state_field *f = s->fields;
    u64 first = 1, number = 0; /* first: the number of element 0 of f */
    for (u64 distance; (distance = take_num(in));) {
        u64 changed = take_num(in);
        if (distance > UINT32_MAX)
            return false;
        number += distance;
        for (; f && f->name && number - first >= f->count; f++)
            first += f->count;
        if (in->bad || !f || !f->name || (f->size < 8 && changed >> (8 * f->size)))
            return false;
        u32 i = (u32)(number - first);
        state_set(f, s->copy, i, state_get(f, s->copy, i) ^ changed);
    }
    return !in->bad;
}

void shadow_put_all(struct shadow *s, struct buf *out)
{
    state_save(s->fields, s->live, out);
    shadow_take_live(s);
}

bool shadow_take_all(struct shadow *s, struct reader *in, struct err *e)
{
    return state_load(s->fields, s->copy, in, e);
}

const struct state_field *shadow_diff(const struct shadow *s, size_t from, u32 *index, u32 *count)
{
    const struct state_field *first = NULL;
    *count = 0;
    for (const struct state_field *f = s->fields; f && f->name; f++)
        for (u32 i = 0; !same(s, f) && i < f->count; i++) {
            if (state_get(f, s->live, i) == state_get(f, s->copy, i))
                continue;
            ++*count;
            if (!first && f->offset >= from) {
                first = f;
                *index = i;
            }
        }
    return first;
}

struct shadows shadows_new(struct machine *m)
{
    struct shadows s = { 0 };
    for (unsigned i = 0; i < m->n_cpus; i++)
        s.cpu[i] = shadow_new(m->arena, m->cpus[i]->ops->state, m->cpus[i]);
    for (struct device *d = m->devices; d; d = d->next)
        s.n_devices++;
    s.device = ARENA_ARRAY(m->arena, struct shadow, s.n_devices ? s.n_devices : 1);
    unsigned n = 0;
    for (struct device *d = m->devices; d; d = d->next)
        s.device[n++] = shadow_new(m->arena, d->cls->state, d->state);
    return s;
}

/* A channel is named by its device's path, and "/uart0.break" belongs to /uart0 too. */
unsigned shadows_device_of(const struct machine *m, const char *channel, const struct device **device)
{
    unsigned n = 0;
    const struct device *d = m->devices;
    for (; d; d = d->next, n++) {
        size_t length = strlen(d->path);
        if (!strncmp(d->path, channel, length) && (!channel[length] || channel[length] == '.'))
            break;
    }
    *device = d;
    return n;
}
