/* What the symbolic debugger has to know of an instruction set: how its registers are numbered in DWARF, where a call puts its
 * return address, how frames are chained, what an interrupt leaves behind. One row for each way a CPU can be: riscv32 and
 * riscv64, i8086 (16-bit code), i386, x86_64; an x86 goes from one to the next as its code segment says.
 *
 * Registers of frames have slots, which are the same for all rows of a family, so that frames of 64-bit and of 32-bit code can
 * call one another. RISC-V: 0..31 x, 32..63 f. x86: 0..15 as encoded in instructions (rax rcx rdx rbx rsp rbp rsi rdi r8..), 16 the
 * instruction pointer, 17..32 the low halves of xmm0 to xmm15. */
#ifndef DEBUGGER_ISA_H
#define DEBUGGER_ISA_H

#include "cpu/cpu.h"
#include "debugger/symbols.h"

#define FRAME_REGS 64
enum { SLOT_NONE = 0xff };

struct frame;

/* A hart between two instructions, as run control compares before and after. */
struct moment {
    u64 pc, sp; /* linear */
    u64 next;   /* behind the instruction at pc */
    u64 traps;  /* x86: how many interrupts and exceptions there were */
    unsigned cpl;
};

enum prologue {
    PROLOGUE_UNKNOWN = -1,
    PROLOGUE_FRAMED = -2, /* the frame pointer was set */
};

struct isa_trap { /* an interrupt or exception that was taken */
    u64 back[2]; /* where its handler may come back to */
    unsigned n_back;
    bool interrupt; /* it has nothing to do with the instruction */
};

struct frame_isa {
    const char *name;
    u8 word;                    /* bytes of an address and of what a call pushes */
    u8 sp, fp, pc, ra;          /* slots; ra: where a call leaves the return address, SLOT_NONE: on the stack; pc: SLOT_NONE when it has none */
    u8 result, result_high, result_float; /* what functions return; result_high: of a number of two words */
    u8 args[8], n_args;         /* slots where a function finds its first arguments that are numbers or pointers */
    const u8 *dwarf;            /* slot by DWARF number */
    u8 n_dwarf;
    u64 kept;                   /* bit per slot: a function that says nothing leaves it as it was */
    i8 chain_fp, chain_ra, chain_cfa; /* with a frame pointer: the caller's one, the return address, the frame's address; in words from it */
    u64 pointers;               /* bit per slot: it holds an address, and is printed as one */
    u8 (*slot)(const struct cpu_reg *r); /* SLOT_NONE: frames do not keep it */
    u8 (*slot_named)(const char *name);  /* of names that the CPU's list does not have: x10; SLOT_NONE: not one */
    u64 (*sp_now)(const struct cpu *c);  /* linear */
    void (*look)(const struct cpu *c, struct moment *m); /* fills traps and cpl */
    /* Was the instruction at m a call, and is its return address m->next? */
    bool (*called)(struct cpu *c, const struct moment *m);
    /* Was an interrupt or exception taken at m, of code in [low, high)? */
    bool (*trapped)(struct cpu *c, const struct moment *m, u64 low, u64 high, struct isa_trap *t);
    /* How many words lie on the stack above the return address, judged by the code between a function's first instruction and pc
     * (where return addresses are in a register: 0 while it is there); or one of enum prologue. */
    int (*pushed)(struct cpu *c, u64 function, u64 pc);
    /* Does a call end at this linear address? far: one that pushes a selector too. */
    bool (*call_before)(struct cpu *c, u64 addr, bool far);
    /* Do interrupts, exceptions or system calls enter in [low, high)? */
    bool (*is_entry)(const struct cpu *c, u64 low, u64 high);
    /* The state that an interrupt or exception interrupted, into *out, which comes as a copy of f or, when CFI knows it, as f's
     * caller. `at`: where CFI says the return address is, else 0. entry: f's function is one where they enter; else the place of an
     * interrupt frame on the stack is looked for. Tells in *place where it was found. */
    bool (*trap)(struct symbols *s, struct cpu *c, const struct frame *f, u64 at, bool entry, struct frame *out, u64 *place);
};

/* The row for what the CPU executes now. */
const struct frame_isa *isa_now(const struct cpu *c);
/* The row whose DWARF numbers a file uses. */
const struct frame_isa *isa_of_file(const struct cpu *c, const struct symfile *f);
static inline u8 isa_slot_of_dwarf(const struct frame_isa *isa, u64 number)
{
    return number < isa->n_dwarf ? isa->dwarf[number] : SLOT_NONE;
}
/* The CPU's register of a slot; NULL: it has none. */
const struct cpu_reg *isa_reg(const struct cpu *c, unsigned slot);

u64 cpu_addr_mask(const struct cpu *c); /* 32 bits on a CPU that can only be one of 32 */
/* Bytes of a pointer: as the file at this address has it, or the first file, or what the CPU executes now. */
unsigned isa_word(const struct symbols *s, const struct cpu *c, u64 pc);
u64 isa_sp(const struct cpu *c); /* the stack pointer, linear */
void isa_moment(struct cpu *c, struct moment *m);

extern const struct frame_isa isa_riscv32, isa_riscv64, isa_i8086, isa_i386, isa_x86_64;

#endif
