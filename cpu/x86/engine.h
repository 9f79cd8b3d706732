/* The engine: pre-decoded blocks, the software TLB, and what handlers share. The same shape as cpu/riscv/engine.h; read that
 * first. A block is a run of instructions of one physical page in one mode (code size, legacy or not); each instruction is a
 * slot (struct x86_insn) whose handler does its work and tail-calls the next slot's.
 *
 * pc: vpage is the linear page the block runs in; a slot's linear address is vpage + the side table's offset, rip is that
 * less the base of CS. Fields that are relative to pc (branch targets, RIP-relative displacements) are made relative to
 * vpage when the block is built. */
#ifndef CPU_X86_ENGINE_H
#define CPU_X86_ENGINE_H

#include "cpu/x86/insn.h"
#include "cpu/x86/lazy.h"

struct x86_ctx;
#define X86_ARGS struct x86 *c, const struct x86_insn *i, i64 budget, struct x86_ctx *ctx, u64 vpage
#define X86_PASS c, i, budget, ctx, vpage
typedef i64 x86_handler(X86_ARGS); /* returns the budget left, or X86_CONTINUE */

/* Handlers of fast rows by form: log2 of the operand size + 4 when rm is memory; NULL: the op (x86_ops) is used. */
enum { X86_FORMS = 8 };
extern x86_handler *const x86_fast[X86_OP_COUNT][X86_FORMS];

#endif
