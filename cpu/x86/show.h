/* Descriptors and gates in words, and what of the state people ask for beside registers. Nothing here changes anything. */
#ifndef CPU_X86_SHOW_H
#define CPU_X86_SHOW_H

#include "cpu/x86/x86.h"

/* "64-bit interrupt gate, 0008:0x100040, DPL 0, IST 1, present"; lm: of an IDT of long mode. */
void x86_gate_text(const u64 raw[2], bool lm, struct buf *out);
/* Is it one that an interrupt can go through? */
bool x86_is_gate(u64 raw, bool lm);
u64 x86_gate_target(const u64 raw[2], bool lm);
/* "code, execute/read, accessed, base 0x0, limit 0xffffffff, DPL 0, 32-bit". hi: the second half of what has 16 bytes. */
void x86_descriptor_text(const struct x86 *c, u64 raw, u64 hi, struct buf *out);
bool x86_descriptor_is_wide(const struct x86 *c, u64 raw); /* of 16 bytes */
/* Linear memory as descriptor tables are read; returns how many bytes could be. */
u64 x86_peek_linear(const struct x86 *c, u64 linear, void *out, u64 n);
const char *x86_mode_name(const struct x86 *c); /* "64-bit mode" */

#endif
