/* Stack frames: registers as they were in each caller, found by call frame information (DWARF 5, section 6.4),
 * by the frame pointer where there is none (RISC-V ELF psABI, "Frame Pointer Convention"). */
#ifndef DEBUGGER_FRAME_H
#define DEBUGGER_FRAME_H

#include "cpu/cpu.h"
#include "debugger/symbols.h"

/* DWARF numbers of RISC-V (psABI, "DWARF Register Numbers"): 0..31 integer, 32..63 floating point. */
#define FRAME_REGS 64
enum { DW_RV_RA = 1, DW_RV_SP = 2, DW_RV_FP = 8 };

struct frame {
    unsigned level;      /* 0: innermost */
    u64 pc;              /* where it goes on */
    u64 lookup_pc;       /* an address inside the call, for scopes and lines */
    u64 reg[FRAME_REGS]; /* valid where known */
    u64 known;           /* bit per register */
    u64 saved_at[FRAME_REGS];
    u64 saved;           /* bit per register: it lies in memory at saved_at */
    u64 cfa;
    bool has_cfa;
    unsigned inlined;    /* this many inlined calls inside it are frames of their own */
    const char *how;     /* "registers", "CFI", "frame pointer", "inlined" */
};

u64 cpu_addr_mask(const struct cpu *c); /* 32 bits on a 32-bit hart */

void frame_innermost(struct symbols *s, struct cpu *c, struct frame *out);
/* False at the end of the stack; *why says how one knows. */
bool frame_caller(struct symbols *s, struct cpu *c, const struct frame *f, struct frame *out, const char **why);
/* Finds the frame's own cfa, which locals may be relative to. */
void frame_complete(struct symbols *s, struct cpu *c, struct frame *f);
/* The innermost scope of the frame first. */
unsigned frame_scopes(struct symbols *s, const struct frame *f, Dwarf_Die out[SCOPE_DEPTH], struct symfile **file);
/* Name of the function, or the symbol; NULL when neither is known. */
const char *frame_function(struct symbols *s, const struct frame *f, Dwarf_Die *die, struct symfile **file);
bool frame_line(struct symbols *s, const struct frame *f, const char **file, int *line);

/* --- Where a variable is: location.c ------------------------------------------------------------------------- */

enum location_kind { LOC_NONE, LOC_MEMORY, LOC_REGISTER, LOC_VALUE, LOC_BYTES };

#define LOC_MAX_BYTES 64
struct location {
    enum location_kind kind;
    u64 addr;     /* or the value */
    unsigned reg; /* DWARF number */
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
