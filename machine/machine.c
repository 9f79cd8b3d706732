/* The life of a machine: made from a table, reset, looked at, freed. The run loop is in run.c. */
#include "machine/machine.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/suggest.h"
#include "iodev/block/i82077.h"
#include "iodev/block/ide.h"
#include "machine/board.h"
#include "machine/build.h"
#include "machine/history.h"
#include "machine/isa.h"

static const struct board *board_named(const char *name, struct err *e)
{
    const char *best = NULL;
    unsigned score = 0;
    for (const struct board *const *b = machine_boards; *b; b++) {
        if (!strcmp((*b)->name, name))
            return *b;
        suggest(name, (*b)->name, &best, &score);
    }
    err_set(e, "there is no machine '%s'%s%s%s; '-machine ?' lists them", name, best ? " (did you mean '" : "",
            best ? best : "", best ? "'?)" : "");
    return NULL;
}

static void fini_clock(void *p)
{
    clock_fini(p);
}

/* Devices keep what a reset leaves them: nothing of that is memory of a program's. */
static void cut_power(struct machine *m)
{
    for (struct ram *r = m->rams; r; r = r->next)
        if (!strcmp(r->name, "ram"))
            ram_clear(r);
    m->request_pending = m->reset_next = false;
    machine_reset(m);
}

static void control(void *opaque, const u8 *bytes, size_t n)
{
    struct machine *m = opaque;
    for (size_t i = 0; i < n; i++)
        switch (bytes[i]) {
        case MACHINE_CONTROL_RESET:
            m->resets.outside = m->resets.outside || !m->request_pending;
            machine_request(m, MACHINE_RESET, 0, NULL);
            break;
        case MACHINE_CONTROL_POWEROFF: machine_request(m, MACHINE_POWEROFF, 0, NULL); break;
        case MACHINE_CONTROL_POWER_CUT: cut_power(m); break;
        case MACHINE_CONTROL_NMI:
            if (m->board->isa->nmi)
                m->board->isa->nmi(m);
            break;
        }
}

static void write_disk(void *opaque, const u8 *bytes, size_t n)
{
    const struct machine_config *c = ((struct machine *)opaque)->config;
    struct reader in = { .data = bytes, .len = n };
    u64 drive = reader_le(&in, 1), offset = reader_le(&in, 8), len = n - in.pos;
    struct block_port *b = !in.bad && drive < c->n_drives ? c->drives[drive] : NULL;
    if (b && !b->read_only && offset <= b->size && len <= b->size - offset)
        b->ops->write(b, offset, bytes + in.pos, len, NULL);
}

static void set_boot_order(void *opaque, const u8 *bytes, size_t n)
{
    struct machine *m = opaque;
    char letters[8];
    snprintf(letters, sizeof letters, "%.*s", n < sizeof letters ? (int)n : 0, (const char *)bytes);
    m->board->boot_order(m, letters, true, NULL);
}

static const struct event_type dma_event = {
    "dma.access", "a device reads or writes memory", { { "address", EV_HEX }, { "length", EV_U64 }, { "write", EV_U64 } },
};

static void on_dma(void *opaque, u64 addr, u64 len, bool write)
{
    struct machine *m = opaque;
    EVENT_OF(EV_DMA, &m->bus, m->clock.now, "dma", &dma_event, { .u = addr }, { .u = len }, { .u = write });
}

/* Those who can tell of some events make themselves ready, so that it costs nothing as long as nobody listens. */
static void wanted_changed(void *opaque, u32 before)
{
    struct machine *m = opaque;
    m->mem->dma = event_wants(&m->bus, EV_DMA) ? on_dma : NULL;
    m->mem->dma_opaque = m;
    if ((before ^ m->bus.wanted) & (1u << EV_CPU_REGISTER | 1u << EV_CPU_MAGIC))
        machine_stops_changed(m);
}

struct machine *machine_new(const struct machine_config *config, struct err *e)
{
    const struct board *b = board_named(config->board, e);
    if (!b || !board_validate(b, e))
        return NULL;
    if (config->cpus < 1 || config->cpus > b->max_cpus || config->cpus > MACHINE_MAX_CPUS) {
        err_set(e, "machine '%s' takes 1 to %u CPUs, not %u (-smp)", b->name, b->max_cpus, config->cpus);
        return NULL;
    }
    if (b->xlen && b->xlen != config->xlen) {
        err_set(e, "machine '%s' has %u-bit CPUs; run it with orrery-system-%s", b->name, b->xlen,
                b->isa->target[b->xlen == 64]);
        return NULL;
    }
    struct arena *a = arena_new();
    struct machine *m = ARENA_NEW(a, struct machine);
    m->arena = a;
    m->board = b;
    m->config = config;
    clock_init(&m->clock, b->master_hz);
    arena_defer(a, fini_clock, &m->clock);
    m->mem = space_new(a, "system");
    m->bus.changed = wanted_changed;
    m->bus.opaque = m;
    m->quantum = config->quantum ? config->quantum : MACHINE_DEFAULT_QUANTUM;
    m->io = b->ports ? space_new(a, "ports") : NULL;
    m->env = (struct device_env){ .arena = a, .clock = &m->clock, .bus = &m->bus, .mem = m->mem, .io = m->io,
                                  .seed = config->seed };
    if (!build_memory(m, e) || !build_parts(m, e) || !build_cpus(m, e) || !build_wires(m, e) ||
        (b->connect && !b->connect(m, e))) {
        arena_free(a);
        return NULL;
    }
    for (struct device *d = m->devices; d; d = d->next)
        device_reset(d);
    if (!b->boot(m, e)) {
        arena_free(a);
        return NULL;
    }
    m->turn_left = m->config->schedule ? 0 : m->quantum; /* 0: the schedule says who begins */
    m->control = (struct input_channel){ .name = "machine", .deliver = control, .opaque = m };
    if (b->boot_order)
        m->boot = (struct input_channel){ .name = "machine.boot", .deliver = set_boot_order, .opaque = m };
    m->disks = (struct input_channel){ .name = "machine.disks", .deliver = write_disk, .opaque = m };
    return m;
}

void machine_free(struct machine *m)
{
    if (m)
        arena_free(m->arena);
}

/* RAM keeps what it held, as it does on a warm reset; boot() puts firmware and kernel back in place. */
void machine_reset(struct machine *m)
{
    for (struct timer *t = m->clock.timers; t; t = t->next)
        timer_cancel(&m->clock, t);
    for (struct device *d = m->devices; d; d = d->next)
        device_reset(d);
    m->turn = 0;
    m->turn_left = m->config->schedule ? 0 : m->quantum; /* 0: the schedule says who begins */
    struct err e;
    if (!m->board->boot(m, &e)) /* it worked when the machine was made, from the same blobs */
        machine_request(m, MACHINE_PANIC, 0, e.text);
}

u64 machine_position(const struct machine *m)
{
    return m->clock.now;
}

u64 machine_hash(struct machine *m)
{
    u64 h = clock_hash(&m->clock, 0);
    h = hash_u64(m->turn, h);
    h = hash_u64(m->turn_left, h);
    for (unsigned i = 0; i < m->n_cpus; i++) {
        struct cpu *c = m->cpus[i];
        h = hash_u64(c->retired, h);
        h = hash_u64(c->idle, h);
        h = state_hash(c->ops->state, c, h);
    }
    for (struct device *d = m->devices; d; d = d->next)
        h = state_hash(d->cls->state, d->state, h);
    for (struct ram *r = m->rams; r; r = r->next)
        h = ram_hash(r, h);
    return h;
}

void machine_request(struct machine *m, enum machine_stop why, int code, const char *text)
{
    if (m->request_pending)
        return; /* the first one counts */
    m->request_pending = true;
    m->stop = (struct machine_stop_info){ .why = why, .code = code };
    snprintf(m->stop.text, sizeof m->stop.text, "%s", text ? text : "");
    clock_kick(&m->clock);
}

struct device *machine_device(struct machine *m, const char *path)
{
    for (struct device *d = m->devices; d; d = d->next)
        if (!strcmp(d->path, path) || (d->path[0] == '/' && !strcmp(d->path + 1, path)))
            return d;
    return NULL;
}

struct device *machine_screen(struct machine *m, unsigned n)
{
    for (struct device *d = m->devices; d; d = d->next)
        if (d->cls->screen && !n--)
            return d;
    return NULL;
}

struct input_channel *machine_channel(struct machine *m, const char *name)
{
    for (struct input_channel *ch = m->env.channels; ch; ch = ch->next)
        if (!strcmp(ch->name, name))
            return ch;
    struct input_channel *const own[] = { &m->control, &m->disks, &m->boot };
    for (unsigned i = 0; i < ARRAY_LEN(own); i++)
        if (own[i]->name && !strcmp(own[i]->name, name))
            return own[i];
    return NULL;
}

bool machine_removable(const struct device *d)
{
    return d->cls == &ide_cd_class || d->cls == &floppy_class;
}

void machine_add_medium(struct machine *m, struct medium *medium)
{
    medium->next = m->env.media;
    m->env.media = medium;
    medium->port->medium = medium;
    if (m->history)
        history_add_drive(m->history, medium->port);
}

const char *machine_untouchable(const struct machine *m)
{
    if (m->recorder)
        return "the machine is being recorded, and a change by hand would not be in the recording";
    return machine_replaying(m) ? "the machine replays a recording, and a change by hand would make it another run" : NULL;
}

bool machine_replaying(const struct machine *m)
{
    return m->replayer && !history_past(m->history);
}

void machine_edit(struct machine *m)
{
    if (m && m->history)
        history_edit(m->history);
}

size_t input_room(const struct input_channel *ch)
{
    return ch->room ? ch->room(ch->opaque) : SIZE_MAX;
}

void machine_stops_changed(struct machine *m)
{
    for (unsigned i = 0; i < m->n_cpus; i++) {
        m->cpus[i]->stops = cpu_stops_any(&m->stops) ? &m->stops : NULL;
        m->cpus[i]->ops->stops_changed(m->cpus[i]);
    }
}

void machine_stop_soon(struct machine *m)
{
    if (!m->soon.pending)
        m->soon.cpu = m->running;
    m->soon.pending = true;
    clock_kick(&m->clock);
}

void machine_observe(struct machine *m, const struct cpu_observer *o)
{
    for (unsigned i = 0; i < m->n_cpus; i++) {
        m->cpus[i]->observer = o;
        m->cpus[i]->ops->stops_changed(m->cpus[i]);
    }
}
