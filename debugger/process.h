/* Which process a CPU executes: for stop points in one process only. */
#ifndef DEBUGGER_PROCESS_H
#define DEBUGGER_PROCESS_H

#include "base/types.h"

struct cpu;
struct debugger;

/* Does `c` execute in the process of that name or number, or in the address space with that root (satp or the address of its
 * table on RISC-V, CR3 on x86), as "0x80042000"? */
bool process_matches(struct debugger *d, struct cpu *c, const char *name_or_pid_or_root);

#endif
