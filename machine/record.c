#include "machine/record.h"

#include <string.h>

#include "machine/shadow.h"

static const char magic[8] = "ORRYREC2";

struct recorder {
    u64 start, every;
    u64 next_state, next_regs;
    struct shadows shadows;
    struct buf chunk; /* reused */
    void (*sink)(void *opaque, const void *bytes, size_t n);
    void *opaque;
};

static void put_chunk(struct recorder *r, char kind)
{
    u8 head[5] = { (u8)kind };
    store_le(head + 1, 4, r->chunk.len);
    r->sink(r->opaque, head, sizeof head);
    r->sink(r->opaque, r->chunk.data, r->chunk.len);
    r->chunk.len = 0;
}

static void free_chunk(void *p)
{
    buf_free(p);
}

struct recorder *recorder_new(struct machine *m, const char *config_text, u64 hash_every,
                              void (*sink)(void *opaque, const void *bytes, size_t n), void *opaque)
{
    struct recorder *r = ARENA_NEW(m->arena, struct recorder);
    u64 now = m->clock.now;
    *r = (struct recorder){ .start = now, .every = hash_every, .next_state = now, .next_regs = now,
                            .shadows = shadows_new(m), .sink = sink, .opaque = opaque };
    arena_defer(m->arena, free_chunk, &r->chunk);
    sink(opaque, magic, sizeof magic);
    buf_put(&r->chunk, config_text, strlen(config_text));
    put_chunk(r, 'C');
    m->recorder = r;
    return r;
}

void recorder_input(struct recorder *r, struct machine *m, const char *channel, const u8 *bytes, size_t n)
{
    struct buf *b = &r->chunk;
    buf_put_le(b, m->clock.now, 8);
    buf_put_str(b, channel);
    buf_put_le(b, n, 4);
    buf_put(b, bytes, n);
    const struct device *d;
    unsigned device = shadows_device_of(m, channel, &d);
    if (d)
        shadow_put_delta(&r->shadows.device[device], b);
    put_chunk(r, 'I');
}

u64 recorder_next(const struct recorder *r)
{
    return r->next_state < r->next_regs ? r->next_state : r->next_regs;
}

u64 recorder_next_state(const struct recorder *r)
{
    return r->next_state;
}

static void put_regs(struct recorder *r, struct machine *m)
{
    buf_put_le(&r->chunk, m->clock.now, 8);
    for (unsigned i = 0; i < m->n_cpus; i++)
        shadow_put_delta(&r->shadows.cpu[i], &r->chunk);
    put_chunk(r, 'R');
}

/* Position, hash of the whole, then its parts, so that a difference can be named. */
static void put_state(struct recorder *r, struct machine *m, char kind)
{
    struct buf *b = &r->chunk;
    buf_put_le(b, m->clock.now, 8);
    buf_put_le(b, machine_hash(m), 8);
    buf_put_le(b, m->n_cpus, 4);
    for (unsigned i = 0; i < m->n_cpus; i++)
        shadow_put_all(&r->shadows.cpu[i], b);
    buf_put_le(b, r->shadows.n_devices, 4);
    for (unsigned i = 0; i < r->shadows.n_devices; i++)
        shadow_put_all(&r->shadows.device[i], b);
    for (struct ram *ram = m->rams; ram; ram = ram->next)
        buf_put_le(b, ram_hash(ram, 0), 8);
    put_chunk(r, kind);
}

void recorder_due(struct recorder *r, struct machine *m)
{
    u64 now = m->clock.now;
    if (now >= r->next_state) {
        put_state(r, m, 'H');
        r->next_state = now + r->every;
    } else {
        put_regs(r, m);
    }
    u64 distance = (now - r->start) >> RECORD_REGS_SHIFT;
    if (distance < RECORD_REGS_FINEST)
        distance = RECORD_REGS_FINEST;
    r->next_regs = now + (distance < RECORD_REGS_COARSEST ? distance : RECORD_REGS_COARSEST);
}

void recorder_end(struct recorder *r, struct machine *m, const char *why)
{
    put_state(r, m, 'E');
    if (why) {
        buf_put_le(&r->chunk, m->clock.now, 8);
        buf_put(&r->chunk, why, strlen(why));
        put_chunk(r, 'N');
    }
    m->recorder = NULL;
}
