/* Snapshots: "ORRYSNP1", u32 version, then chunks of { string kind, string name, u64 length, bytes }.
 * State is restored into a machine built with the same shape; memory is zstd-compressed pages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"
#include "machine/board.h"
#include "machine/build.h"
#include "machine/history.h"
#include "machine/snapshot.h"

static const char magic[8] = MACHINE_SNAPSHOT_MAGIC;
#define VERSION 1

static void put_chunk(struct buf *out, const char *kind, const char *name, struct buf *b)
{
    buf_put_str(out, kind);
    buf_put_str(out, name);
    buf_put_le(out, b->len, 8);
    buf_put(out, b->data, b->len);
    b->len = 0;
}

/* u64 size of the memory; then the non-zero pages as (u64 number, 4 KiB), compressed as a whole. */
static void save_ram(struct ram *r, struct buf *b)
{
    struct buf raw = { 0 };
    for (u64 p = 0; p < r->pages; p++) {
        const u8 *host = r->host + (p << PAGE_SHIFT);
        if (!r->gen[p] || page_is_zero(host))
            continue;
        buf_put_le(&raw, p, 8);
        buf_put(&raw, host, PAGE_SIZE);
    }
    size_t bound = ZSTD_compressBound(raw.len);
    u8 *packed = xmalloc(bound);
    size_t n = ZSTD_compress(packed, bound, raw.data, raw.len, 1);
    buf_put_le(b, r->size, 8);
    buf_put_le(b, raw.len, 8);
    buf_put(b, packed, ZSTD_isError(n) ? 0 : n);
    free(packed);
    buf_free(&raw);
}

static bool unpack_ram(struct ram *r, struct reader *in, u8 **raw, u64 *raw_len, struct err *e)
{
    u64 size = reader_le(in, 8);
    *raw_len = reader_le(in, 8);
    if (in->bad || size != r->size)
        return err_set(e, "memory '%s' has %llu bytes in the snapshot and %llu here", r->name, (unsigned long long)size,
                       (unsigned long long)r->size);
    if (*raw_len % (8 + PAGE_SIZE) || *raw_len / (8 + PAGE_SIZE) > r->pages)
        return err_set(e, "the pages of memory '%s' are damaged", r->name);
    *raw = xmalloc(*raw_len);
    size_t n = ZSTD_decompress(*raw, *raw_len, in->data + in->pos, in->len - in->pos);
    if (ZSTD_isError(n) || n != *raw_len)
        return err_set(e, "the pages of memory '%s' cannot be decompressed", r->name);
    for (u64 at = 0; at < *raw_len; at += 8 + PAGE_SIZE)
        if (load_le(*raw + at, 8) >= r->pages)
            return err_set(e, "memory '%s' has no page %llu", r->name, (unsigned long long)load_le(*raw + at, 8));
    return true;
}

static void load_ram(struct ram *r, const u8 *raw, u64 raw_len)
{
    ram_clear(r);
    for (u64 at = 0; at < raw_len; at += 8 + PAGE_SIZE) {
        u64 p = load_le(raw + at, 8);
        memcpy(r->host + (p << PAGE_SHIFT), raw + at + 8, PAGE_SIZE);
        ram_written(r, p << PAGE_SHIFT, PAGE_SIZE);
    }
}

static void put_config(struct machine *m, struct buf *b)
{
    buf_put_str(b, m->board->name);
    buf_put_str(b, machine_cpu_model(m));
    buf_put_le(b, m->n_cpus, 4);
    buf_put_le(b, m->config->xlen, 4);
    buf_put_le(b, m->quantum, 8);
    buf_put_str(b, m->config->timing ? m->config->timing : "none");
}

static void save(struct machine *m, bool contents, struct buf *out)
{
    struct buf b = { 0 };
    buf_put(out, magic, sizeof magic);
    buf_put_le(out, VERSION, 4);
    put_config(m, &b);
    put_chunk(out, "config", "", &b);
    clock_save(&m->clock, &b);
    put_chunk(out, "clock", "", &b);
    buf_put_le(&b, m->turn, 4);
    buf_put_le(&b, m->turn_left, 8);
    put_chunk(out, "schedule", "", &b);
    for (unsigned i = 0; i < m->n_cpus; i++) {
        struct cpu *c = m->cpus[i];
        buf_put_le(&b, c->retired, 8);
        buf_put_le(&b, c->idle, 1);
        state_save(c->ops->state, c, &b);
        put_chunk(out, "cpu", c->name, &b);
    }
    for (struct device *d = m->devices; d; d = d->next) {
        buf_put_str(&b, d->cls->name);
        state_save(d->cls->state, d->state, &b);
        put_chunk(out, "device", d->path, &b);
    }
    for (struct ram *r = m->rams; r && contents; r = r->next) {
        save_ram(r, &b);
        put_chunk(out, "memory", r->name, &b);
    }
    for (unsigned i = 0; i < m->config->n_drives && contents; i++) {
        struct block_port *d = m->config->drives[i];
        if (d && d->medium) {
            medium_put(&d->medium->text, &b);
            put_chunk(out, "medium", d->id, &b);
        }
        if (d && d->ops->changes_save) {
            d->ops->changes_save(d, &b);
            put_chunk(out, "drive", d->id, &b);
        }
    }
    put_chunk(out, "end", "", &b);
    buf_free(&b);
}

void machine_save(struct machine *m, struct buf *out)
{
    save(m, true, out);
}

void snapshot_save_state(struct machine *m, struct buf *out)
{
    save(m, false, out);
}

/* What is loaded is first understood as a whole, into memory of its own, and only then put in place. */
struct loading {
    struct machine *m;
    struct {
        u64 retired;
        bool idle;
        void *state;
    } cpu[MACHINE_MAX_CPUS];
    struct {
        struct device *d;
        void *state;
    } *device;
    unsigned n_devices, n_rams; /* n_rams is 0 when the contents of memories and drives are somebody else's */
    struct {
        struct ram *r;
        u8 *raw;
        u64 len;
    } *ram;
    struct {
        struct block_port *port;
        struct reader in;
    } drive[MACHINE_MAX_DRIVES];
    unsigned n_drives;
    u32 turn;
    u64 turn_left;
    struct reader clock;
    bool have_clock, have_schedule, have_config, have_end;
    unsigned cpus_seen, devices_seen, rams_seen;
};

static bool load_config(struct loading *l, struct reader *in, struct err *e)
{
    struct buf mine = { 0 };
    put_config(l->m, &mine);
    bool same = mine.len == in->len && !memcmp(mine.data, in->data, mine.len);
    buf_free(&mine);
    if (same)
        return true;
    char board[64], cpu[128], timing[64];
    reader_str(in, board, sizeof board);
    reader_str(in, cpu, sizeof cpu);
    u64 n = reader_le(in, 4), xlen = reader_le(in, 4), quantum = reader_le(in, 8);
    reader_str(in, timing, sizeof timing);
    if (in->bad)
        return err_set(e, "its configuration is damaged");
    return err_set(
        e,
        "it was taken of another machine: start with -machine %s,quantum=%llu -cpu %s -smp %llu (%llu bit, timing %s)",
        board, (unsigned long long)quantum, cpu, (unsigned long long)n, (unsigned long long)xlen, timing);
}

static bool load_cpu(struct loading *l, const char *name, struct reader *in, struct err *e)
{
    for (unsigned i = 0; i < l->m->n_cpus; i++) {
        struct cpu *c = l->m->cpus[i];
        if (strcmp(c->name, name) || l->cpu[i].state)
            continue;
        l->cpu[i].retired = reader_le(in, 8);
        l->cpu[i].idle = reader_le(in, 1);
        l->cpu[i].state = xcalloc(1, state_extent(c->ops->state));
        l->cpus_seen++;
        return state_load(c->ops->state, l->cpu[i].state, in, e);
    }
    return err_set(e, "this machine has no such CPU, or it stands there twice");
}

static bool load_device(struct loading *l, const char *path, struct reader *in, struct err *e)
{
    char cls[64];
    reader_str(in, cls, sizeof cls);
    for (unsigned i = 0; i < l->n_devices; i++) {
        struct device *d = l->device[i].d;
        if (strcmp(d->path, path) || l->device[i].state)
            continue;
        if (strcmp(d->cls->name, cls))
            return err_set(e, "it is a '%s' in the snapshot and a '%s' here", cls, d->cls->name);
        l->device[i].state = xcalloc(1, state_extent(d->cls->state));
        l->devices_seen++;
        return state_load(d->cls->state, l->device[i].state, in, e);
    }
    return err_set(e, "this machine has no such device, or it stands there twice");
}

static bool load_memory(struct loading *l, const char *name, struct reader *in, struct err *e)
{
    for (unsigned i = 0; i < l->n_rams; i++) {
        if (strcmp(l->ram[i].r->name, name) || l->ram[i].raw)
            continue;
        l->rams_seen++;
        return unpack_ram(l->ram[i].r, in, &l->ram[i].raw, &l->ram[i].len, e);
    }
    return err_set(e, "this machine has no such memory, or it stands there twice");
}

static bool load_drive(struct loading *l, const char *id, struct reader *in, struct err *e)
{
    for (unsigned i = 0; i < l->m->config->n_drives; i++) {
        struct block_port *d = l->m->config->drives[i];
        if (!d || strcmp(d->id, id) || !d->ops->changes_load || !d->ops->changes_save ||
            l->n_drives == MACHINE_MAX_DRIVES)
            continue;
        for (unsigned k = 0; k < l->n_drives; k++)
            if (l->drive[k].port == d)
                return err_set(e, "it stands there twice");
        l->drive[l->n_drives].port = d;
        l->drive[l->n_drives++].in = *in;
        return true;
    }
    return err_set(e, "this machine has no such drive; give it with -drive id=%s", id);
}

static bool load_medium(struct loading *l, struct reader *in, struct err *e)
{
    struct medium_text t;
    if (!medium_read(in, &t))
        return err_set(e, "what it says of a medium is damaged");
    return medium_find(l->m->env.media, t.id) || err_set(e, "the image %s was in a drive and is not here", t.path);
}

static bool load_chunk(struct loading *l, const char *kind, const char *name, struct reader *in, struct err *e)
{
    if (!strcmp(kind, "config"))
        return l->have_config = load_config(l, in, e);
    if (!l->have_config)
        return err_set(e, "it does not begin with its configuration");
    if (!strcmp(kind, "clock")) {
        l->clock = *in;
        return l->have_clock = true;
    }
    if (!strcmp(kind, "schedule")) {
        l->turn = (u32)reader_le(in, 4);
        l->turn_left = reader_le(in, 8);
        if (in->bad || l->turn >= l->m->n_cpus || l->turn_left > l->m->quantum)
            return err_set(e, "its schedule is damaged");
        return l->have_schedule = true;
    }
    if (!strcmp(kind, "cpu"))
        return load_cpu(l, name, in, e);
    if (!strcmp(kind, "device"))
        return load_device(l, name, in, e);
    if (!strcmp(kind, "memory"))
        return load_memory(l, name, in, e);
    if (!strcmp(kind, "medium"))
        return load_medium(l, in, e);
    if (!strcmp(kind, "drive"))
        return load_drive(l, name, in, e);
    if (!strcmp(kind, "end"))
        return l->have_end = true;
    return err_set(e, "this version does not know what that is");
}

static bool begins(struct reader *in, struct err *e)
{
    const u8 *p = reader_bytes(in, sizeof magic);
    if (!p || memcmp(p, magic, sizeof magic))
        return err_set(e, "it is not an Orrery snapshot (it does not begin with ORRYSNP1)");
    u64 version = reader_le(in, 4);
    return version == VERSION || err_set(e, "it has format version %llu; this Orrery reads version %d",
                                         (unsigned long long)version, VERSION);
}

static bool next_chunk(struct reader *in, char kind[16], char name[128], struct reader *chunk, struct err *e)
{
    reader_str(in, kind, 16);
    reader_str(in, name, 128);
    u64 n = reader_le(in, 8);
    const u8 *bytes = reader_bytes(in, n);
    if (!bytes)
        return err_set(e, "it is cut short at byte %zu of %zu", in->pos, in->len);
    *chunk = (struct reader){ .data = bytes, .len = n };
    return true;
}

bool machine_snapshot_media(const u8 *data, size_t size, machine_media_fn *fn, void *opaque, struct err *e)
{
    struct reader in = { .data = data, .len = size }, chunk;
    char kind[16] = "", name[128];
    struct medium_text t;
    if (!begins(&in, NULL))
        return true;
    while (strcmp(kind, "end") && next_chunk(&in, kind, name, &chunk, NULL))
        if (!strcmp(kind, "medium") && medium_read(&chunk, &t) && !fn(opaque, &t, e))
            return false;
    return true;
}

static bool understand(struct loading *l, const u8 *data, size_t size, struct err *e)
{
    struct reader in = { .data = data, .len = size };
    if (!begins(&in, e))
        return false;
    while (!l->have_end) {
        char kind[16], name[128];
        struct reader chunk;
        if (!next_chunk(&in, kind, name, &chunk, e))
            return false;
        if (!load_chunk(l, kind, name, &chunk, e))
            return err_prefix(e, "%s %s", kind, name);
    }
    if (!l->have_clock || !l->have_schedule || l->cpus_seen != l->m->n_cpus || l->devices_seen != l->n_devices ||
        l->rams_seen != l->n_rams)
        return err_set(e, "parts of the machine are missing in it (%u of %u CPUs, %u of %u devices, %u of %u memories)",
                       l->cpus_seen, l->m->n_cpus, l->devices_seen, l->n_devices, l->rams_seen, l->n_rams);
    return true;
}

static void copy_state(const struct state_field *fields, void *to, const void *from)
{
    for (const struct state_field *f = fields; f && f->name; f++)
        memcpy((u8 *)to + f->offset, (const u8 *)from + f->offset, (size_t)f->size * f->count);
}

static void put_in_place(struct loading *l)
{
    struct machine *m = l->m;
    for (unsigned i = 0; i < l->n_rams; i++)
        load_ram(l->ram[i].r, l->ram[i].raw, l->ram[i].len);
    for (unsigned i = 0; i < l->n_devices; i++)
        copy_state(l->device[i].d->cls->state, l->device[i].d->state, l->device[i].state);
    for (unsigned i = 0; i < m->n_cpus; i++) {
        struct cpu *c = m->cpus[i];
        copy_state(c->ops->state, c, l->cpu[i].state);
        c->retired = l->cpu[i].retired;
        c->idle = l->cpu[i].idle;
        c->skip_stop_at = CLOCK_NEVER;
    }
    m->turn = l->turn;
    m->turn_left = l->turn_left;
    m->request_pending = false;
    m->reset_next = m->resets.outside = false;
    m->resets.times = 0;
    if (m->hashes.every)
        m->hashes.next = (m->clock.now / m->hashes.every + 1) * m->hashes.every;
    for (unsigned i = 0; i < l->n_devices; i++)
        if (l->device[i].d->cls->loaded)
            l->device[i].d->cls->loaded(l->device[i].d);
    for (unsigned i = 0; i < m->n_cpus; i++)
        m->cpus[i]->ops->state_loaded(m->cpus[i]);
}

/* Timers and disks are checked by loading them into place; the old ones come back when one does not fit. */
static bool load_drives(struct loading *l, struct err *e)
{
    struct buf old[MACHINE_MAX_DRIVES] = { { 0 } };
    bool ok = true;
    unsigned n = 0;
    for (; ok && n < l->n_drives; n++) {
        struct block_port *d = l->drive[n].port;
        d->ops->changes_save(d, &old[n]);
        ok = d->ops->changes_load(d, &l->drive[n].in, e) || err_prefix(e, "drive %s", d->id);
    }
    for (unsigned i = 0; i < n; i++) {
        struct reader back = { .data = old[i].data, .len = old[i].len };
        if (!ok)
            l->drive[i].port->ops->changes_load(l->drive[i].port, &back, NULL);
        buf_free(&old[i]);
    }
    return ok;
}

static bool load_clock_and_drives(struct loading *l, struct err *e)
{
    struct clock *c = &l->m->clock;
    struct buf old = { 0 };
    clock_save(c, &old);
    bool ok = clock_load(c, &l->clock, e) && load_drives(l, e);
    if (!ok) {
        struct reader back = { .data = old.data, .len = old.len };
        clock_load(c, &back, NULL);
    }
    buf_free(&old);
    return ok;
}

static bool load(struct machine *m, bool contents, const u8 *data, size_t size, struct err *e)
{
    struct loading *l = xcalloc(1, sizeof *l);
    l->m = m;
    for (struct device *d = m->devices; d; d = d->next)
        l->n_devices++;
    for (struct ram *r = m->rams; r && contents; r = r->next)
        l->n_rams++;
    l->device = xcalloc(l->n_devices, sizeof *l->device);
    l->ram = xcalloc(l->n_rams, sizeof *l->ram);
    unsigned n = 0;
    for (struct device *d = m->devices; d; d = d->next)
        l->device[n++].d = d;
    n = 0;
    for (struct ram *r = m->rams; r && contents; r = r->next)
        l->ram[n++].r = r;
    bool ok = understand(l, data, size, e) && load_clock_and_drives(l, e);
    if (ok)
        put_in_place(l);
    for (unsigned i = 0; i < m->n_cpus; i++)
        free(l->cpu[i].state);
    for (unsigned i = 0; i < l->n_devices; i++)
        free(l->device[i].state);
    for (unsigned i = 0; i < l->n_rams; i++)
        free(l->ram[i].raw);
    free(l->device);
    free(l->ram);
    free(l);
    return ok;
}

bool machine_load(struct machine *m, const u8 *data, size_t size, struct err *e)
{
    bool ok = load(m, true, data, size, e);
    m->soon.pending = false;
    if (ok && m->history)
        history_restart(m->history);
    return ok;
}

bool snapshot_load_state(struct machine *m, const u8 *data, size_t size, struct err *e)
{
    return load(m, false, data, size, e);
}
