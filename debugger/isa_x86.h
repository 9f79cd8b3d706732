/* What the two files about x86 in the debugger's table of ISAs share. */
#ifndef DEBUGGER_ISA_X86_H
#define DEBUGGER_ISA_X86_H

#include "debugger/frame.h"

enum { AX, CX, DX, BX, SP, BP, SI, DI, IP = 16 }; /* slots */

/* The row's is_entry and trap: trap_x86.c. */
bool x86_is_entry(const struct cpu *c, u64 low, u64 high);
bool x86_trap_frame(struct symbols *s, struct cpu *c, const struct frame *f, u64 at, bool entry, struct frame *out, u64 *place);

#endif
