/* What a recording last said of a struct of plain data, so that it need only say what changed.
 *
 *   delta  = change*, num 0
 *   change = num distance, num xor    elements further than the last changed one (the first: from before the first
 *                                     element), and the old value ^ the new one
 *   num    = 7 bits a byte, the lowest first; all but the last byte have bit 7 set
 *
 * Elements are counted through all fields in their order. */
#ifndef MACHINE_SHADOW_H
#define MACHINE_SHADOW_H

#include "machine/machine.h"

struct shadow {
    const struct state_field *fields; /* may be NULL: no state */
    const void *live;                 /* the struct itself */
    void *copy;                       /* as it was last recorded; zeroes at first */
};

struct shadow shadow_new(struct arena *a, const struct state_field *fields, const void *live);
/* Appends what changed since, or the whole state by name; the copy is then as the live struct. */
void shadow_put_delta(struct shadow *s, struct buf *out);
void shadow_put_all(struct shadow *s, struct buf *out);
/* The copy becomes what was recorded; false when the bytes mean nothing. */
bool shadow_take_delta(struct shadow *s, struct reader *in);
bool shadow_take_all(struct shadow *s, struct reader *in, struct err *e);
void shadow_take_live(struct shadow *s);
/* The first field from struct offset `from` on in which the live struct differs from the copy, or NULL; how many
 * elements differ in all. */
const struct state_field *shadow_diff(const struct shadow *s, size_t from, u32 *index, u32 *count);

/* Those of a whole machine. */
struct shadows {
    struct shadow cpu[MACHINE_MAX_CPUS];
    struct shadow *device; /* in board order */
    unsigned n_devices;
};

struct shadows shadows_new(struct machine *m);
/* The device that a channel of this name belongs to (NULL: none), and its number in shadows.device[]. */
unsigned shadows_device_of(const struct machine *m, const char *channel, const struct device **device);

#endif
