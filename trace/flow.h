/* The flow of control, recorded in little space and found again by position (docs/formats.md, "flow").
 *
 * A block is a run of instructions that followed each other on one CPU without a jump, a trap, another CPU's turn or time
 * in between. Blocks stand in the order of the master clock. What instructions did in a block a replay tells. */
#ifndef TRACE_FLOW_H
#define TRACE_FLOW_H

#include "base/buf.h"
#include "base/err.h"
#include "base/types.h"

enum flow_how { FLOW_FOLLOWS, FLOW_JUMP, FLOW_TRAP, FLOW_INTERRUPT }; /* how control came to a block */

struct flow_block {
    u64 at, ticks;     /* position of the first instruction; time until the end of the last */
    u64 pc, bytes;     /* from pc to pc + bytes */
    u64 instructions;  /* with the last one, when that trapped */
    u64 root;          /* satp or CR3 when it ended */
    u8 cpu, privilege, how;
};

/* --- the encoding of blocks, shared by writer and reader ---------------------------------------------------------- */

#define FLOW_MAGIC "ORRYFLW1"
#define FLOW_INDEX_MAGIC "ORRYFLWX"
#define FLOW_MAX_CPUS 8
#define FLOW_FRAME_BYTES (256 * 1024) /* encoded, before compression: where a frame ends */
#define FLOW_MAX_FRAME (1024 * 1024)
#define FLOW_MAX_BLOCKS (16 * 1024 * 1024) /* of a frame */
#define FLOW_GUESSES 4096

struct flow_codec { /* begins anew with each frame: zeroed, and `now` is the frame's first position */
    u64 now;  /* the end of the last block */
    u8 cpu;   /* of the last block */
    struct {
        struct flow_block last; /* of that CPU */
        u64 before;             /* pc of the block before it */
        struct flow_block guess[FLOW_GUESSES]; /* what followed the last two blocks the last time */
    } on[FLOW_MAX_CPUS];
};

/* What the next block is, when it is what it was the last time. */
struct flow_block flow_guess(const struct flow_codec *c);
bool flow_guessed(const struct flow_block *guess, const struct flow_block *b);
void flow_learn(struct flow_codec *c, const struct flow_block *b);
void flow_put(struct flow_codec *c, struct buf *out, const struct flow_block *b); /* one that was not guessed */
bool flow_get(const struct flow_codec *c, struct reader *r, struct flow_block *b);
u64 flow_get_number(struct reader *r);

/* --- reading ------------------------------------------------------------------------------------------------------- */

struct flow_source { /* a file; nothing in it is trusted */
    void *opaque;
    u64 size;
    bool (*read)(void *opaque, u64 offset, void *out, size_t n); /* false: there are not n bytes there */
};

struct flow_reader;
struct flow_reader *flow_open(const struct flow_source *source, struct err *e); /* NULL: it is not such a file */
void flow_close(struct flow_reader *r);
const char *flow_isa(const struct flow_reader *r);
bool flow_whole(const struct flow_reader *r); /* false: the file was cut off; what is there is read */
/* To the block that a position is in, or the first one behind it. */
bool flow_seek(struct flow_reader *r, u64 position, struct err *e);
/* 1: here it is; 0: there are no more; -1: the file is damaged. */
int flow_next(struct flow_reader *r, struct flow_block *b, struct err *e);

#endif
