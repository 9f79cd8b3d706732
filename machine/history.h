/* The past of a machine: it goes back to any position it has been at, and from there it does what it did.
 *
 * Kept are checkpoints (machine/pages.h: every page once while it does not change), what came in between them, what
 * disks held before they were written, and what a person changed by hand. Going back puts back the checkpoint before,
 * and executes from there; that finds the same states because input is delivered at the same positions. What the guest
 * says to the outside on the way was said already and is not said again.
 *
 * In the past a machine runs as ever, with what came in then. Where it ends it goes on into the present. New input or a
 * change by hand makes what came after another life: it is forgotten, and `branched` told. Networks outside do not go
 * back: packets that come in the past are lost.
 *
 * A machine that replays a recording has a history like any other: what the recording brings is what came in. In its past
 * the replay waits; where the past ends it goes on, or is over. Who types in the past leaves the recording for good. */
#ifndef MACHINE_HISTORY_H
#define MACHINE_HISTORY_H

#include "machine/machine.h"

#define HISTORY_DEFAULT_LIMIT ((u64)512 << 20)
#define HISTORY_SPACING 50000000 /* ticks between checkpoints */

struct history;

struct history_options {
    u64 limit;   /* bytes that checkpoints, input and old disk contents may take; 0: HISTORY_DEFAULT_LIMIT */
    u64 spacing; /* 0: HISTORY_SPACING */
    void *opaque;
    /* The life from position to end is forgotten; end == position: the recording ended here, what comes now is not in it.
     * May be NULL. */
    void (*branched)(void *opaque, u64 position, u64 end);
    bool (*semihost)(void *opaque, struct cpu *c); /* serves a call of the past; false: it is the guest's end. May be NULL */
    /* Every few milliseconds of executing the past. False: stop here. May be NULL. */
    bool (*progress)(void *opaque, u64 from, u64 now, u64 to);
};

/* Begins where the machine is now. NULL and err while it is recorded. Sets m->history. */
struct history *history_new(struct machine *m, const struct history_options *o, struct err *e);
void history_free(struct history *h); /* before the machine; NULL is allowed */

u64 history_begin(const struct history *h); /* the earliest position */
u64 history_end(const struct history *h);   /* the latest position the machine has been at in this life */
u64 history_reach(const struct history *h); /* the same, or the end of the recording that is replayed */
bool history_past(const struct history *h); /* it is before the end; h may be NULL */

/* Goes to a position between begin and reach: exactly there, or with a timing model at the first one behind it. False: it is
 * not in the history, or progress() said to stop: then the machine is somewhere on the way. */
bool history_goto(struct history *h, u64 position, struct err *e);

/* Executes the past up to `until`, with the machine's stop points armed; as machine_run(). For searching. */
enum machine_stop history_run(struct history *h, u64 until, struct err *e);

/* Positions of checkpoints, newest first: the greatest one below `position`; false: there is none. */
bool history_before(const struct history *h, u64 position, u64 *checkpoint);
void history_mark(struct history *h); /* a checkpoint here */
/* Could memory [offset, offset + len) have been written from checkpoint a to checkpoint b? */
bool history_wrote(const struct history *h, u64 a, u64 b, const struct ram *r, u64 offset, u64 len);
/* Has it been written since the checkpoint before here? */
bool history_written(const struct history *h, const struct ram *r, u64 offset, u64 len);

/* Somebody is about to change registers or memory by hand: this becomes the end of the past, and what is changed until the
 * machine runs or goes again belongs to it. */
void history_edit(struct history *h);
void history_add_drive(struct history *h, struct block_port *b); /* one more whose writes can be undone */
/* Takes the last change by hand back, if the machine stands at it. False: it does not. */
bool history_editing(const struct history *h); /* something was, since the machine ran or went */
bool history_unedit(struct history *h, struct err *e);

struct history_info {
    unsigned checkpoints, inputs;
    u64 bytes, limit;
};
void history_describe(const struct history *h, struct history_info *out);
bool history_checkpoint(const struct history *h, unsigned n, u64 *position); /* oldest first; false: not that many */

/* Executes one more instruction of `c`, at most up to `until`; as machine_step(). */
enum machine_stop history_step(struct history *h, struct cpu *c, u64 until);

/* For machine/run.c: before anything else, */
void history_settle(struct history *h);
/* For machine/run.c: the next position where something of the past is due, or a checkpoint is. */
u64 history_next(const struct history *h);
void history_due(struct history *h);
/* Before it is delivered. */
void history_input(struct history *h, struct input_channel *ch, const u8 *bytes, size_t n);
/* The guest asked for its end, or lost its way, and the machine stops here: where this life ends it stops again when it comes
 * back. NULL: it goes on. */
void history_stop(struct history *h, const struct machine_stop_info *stop);
bool history_stopped_here(const struct history *h, struct machine_stop_info *stop);
/* A snapshot was loaded: nothing leads from there to here. */
void history_restart(struct history *h);

#endif
