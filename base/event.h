/* The event bus: what happens inside a machine, told by name with typed fields, to whoever asked.
 * Emitting an event nobody listens to costs one test of a counter.
 *
 * Event types are constant rows in the room that emits them; a list of all of them is assembled by the machine
 * for `info events` and for trace filters. */
#ifndef BASE_EVENT_H
#define BASE_EVENT_H

#include "base/types.h"

#define EVENT_MAX_FIELDS 7

enum event_kind { EV_NONE, EV_U64, EV_HEX, EV_STR, EV_BYTES /* at value.s, as many as the field before it says */ };

/* Families of events that may happen often: who emits one asks for its family, so that listening to one makes none of the
 * others dear. The name of an event begins with that of its family. */
enum event_family {
    EV_CPU_TRAP,     /* "cpu.trap" */
    EV_CPU_REGISTER, /* "cpu.register": a CSR, MSR or control register is written or read */
    EV_CPU_MODE,     /* "cpu.mode" */
    EV_CPU_TLB,      /* "cpu.tlb" */
    EV_CPU_MAGIC,    /* "cpu.magic" */
    EV_CPU_GENERAL,  /* "cpu.general" */
    EV_DEVICE,       /* "device." */
    EV_DMA,          /* "dma." */
    EV_CONSOLE,      /* "console." */
    EV_IRQ,          /* "irq." */
    EV_FAMILIES
};

struct event_type {
    const char *name; /* "cpu.trap", "irq.level", "virtio.notify" */
    const char *doc;
    struct {
        const char *name;
        enum event_kind kind;
    } field[EVENT_MAX_FIELDS];
};

union event_value {
    u64 u;
    const char *s; /* valid during the call only; "": there is nothing to say */
};

struct event {
    const struct event_type *type;
    u64 when; /* master clock */
    const char *source; /* device path or cpu name */
    union event_value value[EVENT_MAX_FIELDS];
};

struct event_listener {
    const char *prefix; /* "" hears all; "irq." hears that family */
    void (*hear)(void *opaque, const struct event *ev);
    void *opaque;
    struct event_listener *next;
};

struct event_bus {
    struct event_listener *listeners;
    u32 wanted; /* a bit each enum event_family: somebody listens */
    void (*changed)(void *opaque, u32 before); /* `wanted` is another; NULL: nobody needs to know */
    void *opaque;
};

/* The listener's storage is the caller's. A listener must not change the guest. */
void event_listen(struct event_bus *b, struct event_listener *l);
void event_unlisten(struct event_bus *b, struct event_listener *l);

static inline bool event_wanted(const struct event_bus *b) { return b && b->listeners; }
static inline bool event_wants(const struct event_bus *b, enum event_family f) { return b && b->wanted >> f & 1; }
void event_emit(struct event_bus *b, const struct event *ev);

/* EVENT(bus, now, source, &type, {.u = 1}, {.s = "x"}) */
#define EVENT(bus, now_, source_, type_, ...)                                                          \
    do {                                                                                               \
        if (UNLIKELY(event_wanted(bus)))                                                               \
            event_emit((bus), &(struct event){ (type_), (now_), (source_), { __VA_ARGS__ } });         \
    } while (0)
/* The same for an event of a family. */
#define EVENT_OF(family, bus, now_, source_, type_, ...)                                               \
    do {                                                                                               \
        if (UNLIKELY(event_wants(bus, family)))                                                        \
            event_emit((bus), &(struct event){ (type_), (now_), (source_), { __VA_ARGS__ } });         \
    } while (0)

#endif
