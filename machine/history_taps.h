/* Between a machine and its disks, characters and networks while it has a history: what is written to disks can be undone,
 * and what was said already is not said again. */
#ifndef MACHINE_HISTORY_TAPS_H
#define MACHINE_HISTORY_TAPS_H

#include "machine/machine.h"

struct taps;

/* Nothing is said outside while *muted. *lost is set when an old disk content could not be read or put back. */
struct taps *taps_new(struct machine *m, const bool *muted, bool *lost);
void taps_add_drive(struct taps *t, struct block_port *b); /* that came later */
void taps_free(struct taps *t); /* the ports are as before */

/* Every write to a disk has a number; taps_written() is that of the next one. */
u64 taps_written(const struct taps *t);
u64 taps_bytes(const struct taps *t);
/* Undoes the newest writes, this one included; or does those before it again that were undone. What is undone is kept until
 * another write comes in its place. */
void taps_goto(struct taps *t, u64 number);
void taps_forget(struct taps *t, u64 number); /* the oldest writes, this one not included: they cannot be undone any more */

#endif
