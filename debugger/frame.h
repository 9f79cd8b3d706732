/* Stack frames: registers as they were in each caller, found by call frame information (DWARF 5, section 6.4), where there
 * is none by the frame pointer or the first instructions of the function, and at last by looking for return addresses on the
 * stack, which is a guess and says so. What differs from ISA to ISA is in isa.h. */
#ifndef DEBUGGER_FRAME_H
#define DEBUGGER_FRAME_H

#include "debugger/isa.h"

enum frame_kind {
    FRAME_CALL,
    FRAME_TRAP, /* no function: "<exception: page fault>"; the next frame is what was interrupted, with the same registers */
};

struct frame {
    unsigned level;      /* 0: innermost */
    enum frame_kind kind;
    const struct frame_isa *isa;
    u64 pc;              /* where it goes on; linear */
    u64 lookup_pc;       /* an address inside the call, for scopes and lines */
    u64 code_base, stack_base; /* x86: of CS and SS, what is added to offsets in reg[] */
    u64 reg[FRAME_REGS]; /* by slot (isa.h); valid where known */
    u64 known;           /* bit per register */
    u64 saved_at[FRAME_REGS];
    u64 saved;           /* bit per register: it lies in memory at saved_at */
    u64 cfa;
    bool has_cfa;
    bool guessed;        /* this frame, or one that was called from it, was found by looking for what could be one */
    unsigned inlined;    /* this many inlined calls inside it are frames of their own */
    unsigned traps;      /* how many FRAME_TRAPs are further in */
    const char *how;     /* "registers", "CFI", "frame pointer", "inlined" */
    struct {
        bool interrupt;  /* not an exception or a system call */
        int vector;      /* x86: the vector of an interrupt of a device; else -1 */
        char what[64];   /* "exception: page fault" */
    } trap;              /* of a FRAME_TRAP */
};

void frame_innermost(struct symbols *s, struct cpu *c, struct frame *out);
u64 frame_sp(const struct frame *f); /* linear */
/* False at the end of the stack; *why says how one knows. */
bool frame_caller(struct symbols *s, struct cpu *c, const struct frame *f, struct frame *out, const char **why);
/* Finds the frame's own cfa, which locals may be relative to. */
void frame_complete(struct symbols *s, struct cpu *c, struct frame *f);
/* The innermost scope of the frame first. */
unsigned frame_scopes(struct symbols *s, const struct frame *f, Dwarf_Die out[SCOPE_DEPTH], struct symfile **file);
/* Name of the function, or the symbol; NULL when neither is known. */
const char *frame_function(struct symbols *s, const struct frame *f, Dwarf_Die *die, struct symfile **file);
/* How many inlined calls begin at pc, the innermost ones: one can stand at the call or in what is called. */
unsigned frame_inlined_begin(struct symbols *s, u64 pc);
/* What tells the function (or inlined call) that a frame is in from others at the same place; 0: not known. */
u64 frame_scope_id(struct symbols *s, const struct frame *f);
/* Does it go on in the middle of a line? Then its address says more. */
bool frame_in_line(struct symbols *s, const struct frame *f);
bool frame_line(struct symbols *s, const struct frame *f, const char **file, int *line);

/* --- Where a variable is: location.c ------------------------------------------------------------------------- */

enum location_kind { LOC_NONE, LOC_MEMORY, LOC_REGISTER, LOC_VALUE, LOC_BYTES };

#define LOC_MAX_BYTES 64
struct location {
    enum location_kind kind;
    u64 addr;     /* or the value */
    unsigned reg; /* slot */
    u8 bytes[LOC_MAX_BYTES]; /* put together from pieces */
    u8 n_bytes;
    u64 missing; /* bit per byte that was optimized out */
};

struct location_context {
    struct symbols *syms;
    struct symfile *file;
    struct cpu *cpu;
    const struct frame *frame;
    Dwarf_Attribute *attr; /* that the expression came from, for indexed addresses; NULL for CFI */
};

/* False: not known here; *why says it ("optimized out"). */
bool location_eval(const struct location_context *cx, const Dwarf_Op *ops, size_t n, struct location *out,
                   const char **why);
/* Of a variable or parameter at the frame's pc. */
bool location_of(struct symbols *s, struct symfile *f, struct cpu *c, const struct frame *frame, Dwarf_Die *die,
                 struct location *out, const char **why);

#endif
