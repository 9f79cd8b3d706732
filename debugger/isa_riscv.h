/* What the two files about RISC-V in the debugger's table of ISAs share. */
#ifndef DEBUGGER_ISA_RISCV_H
#define DEBUGGER_ISA_RISCV_H

#include "debugger/frame.h"

enum { RA = 1, SP = 2, GP = 3, TP = 4, FP = 8, A0 = 10, A1 = 11, F0 = 32 }; /* slots */

/* The row's is_entry and trap: trap_riscv.c. */
bool riscv_is_entry(const struct cpu *c, u64 low, u64 high);
bool riscv_trap_frame(struct symbols *s, struct cpu *c, const struct frame *f, u64 at, bool entry, struct frame *out, u64 *place);

#endif
