/* Record and replay. A recording wraps machine_input(); a replay replaces it.
 *
 * File: "ORRYREC2", then chunks of { u8 kind, u32 length, bytes }, all little-endian (docs/formats.md):
 *   'C' configuration: whatever text the caller gave, compared and parsed by the caller
 *   'I' input: position, channel name, bytes; what changed in the device that got them
 *   'R' registers: position; what changed in every hart
 *   'H' state: position, hash of the whole, state of every hart and device, hash of every memory
 *   'E' end: the same
 *   'N' behind the end: position, a sentence about why it ended
 *
 * Registers are written often, so that a replay that differs says where and in which one it began to: in the beginning
 * every 4096 ticks, then every 1/1024 of what was recorded so far, and at least every 10 million. A recording of a day is
 * still small, one of a second exact. */
#ifndef MACHINE_RECORD_H
#define MACHINE_RECORD_H

#include "machine/machine.h"

#define RECORD_DEFAULT_HASH_EVERY 250000000
#define RECORD_REGS_FINEST 4096
#define RECORD_REGS_COARSEST 10000000
#define RECORD_REGS_SHIFT 10

#define RECORDING_MAGIC 8 /* bytes that a recording begins with */
bool is_recording(const void *first); /* of any version */

struct recorder;
/* sink gets the bytes of the file as they come; hash_every in ticks. Sets m->recorder. */
struct recorder *recorder_new(struct machine *m, const char *config_text, u64 hash_every,
                              void (*sink)(void *opaque, const void *bytes, size_t n), void *opaque);
void recorder_input(struct recorder *r, struct machine *m, const char *channel, const u8 *bytes, size_t n); /* delivered */
u64 recorder_next(const struct recorder *r); /* the position of the next state or registers */
u64 recorder_next_state(const struct recorder *r);
void recorder_due(struct recorder *r, struct machine *m);
void recorder_end(struct recorder *r, struct machine *m, const char *why); /* NULL: no 'N'. m->recorder is NULL after */

struct replayer;
/* The configuration text of a recording, for building its machine; NULL and err if it is not one. Free it. */
char *recording_config(const u8 *data, size_t size, struct err *e);
/* Tells fn what is put into drives in it, which has to be on the shelf of the machine before it is replayed. False: fn said so. */
bool recording_media(const struct machine *m, const u8 *data, size_t size, machine_media_fn *fn, void *opaque, struct err *e);
/* data outlives the machine. Sets m->replayer. */
struct replayer *replayer_new(struct machine *m, const u8 *data, size_t size, struct err *e);
u64 replayer_next(const struct replayer *r);
enum machine_stop replayer_step(struct replayer *r, struct machine *m); /* what is due now */
void replayer_over(const struct replayer *r, struct machine *m); /* after MACHINE_REPLAY_END: stop.text is what is known of why */
char *replayer_note(const struct replayer *r); /* the same, beforehand; free it */
/* Is this where the recording ended? What is left at this position is done. */
bool replayer_ends_here(struct replayer *r, struct machine *m);
/* The guest ended by itself, with `why`. Is that so in the recording? Returns `why`, or MACHINE_DIVERGED. */
enum machine_stop replayer_stopped(struct replayer *r, struct machine *m, enum machine_stop why);
u64 replayer_end(const struct replayer *r); /* position of the end; CLOCK_NEVER when the recording was cut off */

#endif
