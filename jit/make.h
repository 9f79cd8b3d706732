/* Making operations, for the readers of every ISA. Included behind the definition of its struct translation, which has a
 * member `ir`. A V is a value's name with V_TAG above it, or else a number the text wrote itself. */
#ifndef JIT_MAKE_H
#define JIT_MAKE_H

#include "jit/ir.h"

#define V_TAG ((u64)0x4a49545600000000)
typedef u64 V;

static inline V name(ir_val v) { return V_TAG | v; }
static inline V number(struct translation *tr, u64 v) { return name(ir_const(tr->ir, v)); }
static inline ir_val value(struct translation *tr, V v)
{
    return v >> 16 == V_TAG >> 16 ? (ir_val)v : ir_const(tr->ir, v);
}

static inline V op1(struct translation *tr, enum ir_op op, V a) { return name(ir_unary(tr->ir, op, 8, value(tr, a))); }

static inline V op2(struct translation *tr, enum ir_op op, V a, V b)
{
    ir_val x = value(tr, a), y = value(tr, b);
    return name(ir_binary(tr->ir, op, 8, x, y));
}

static inline V op3(struct translation *tr, enum ir_op op, unsigned size, V a, V b, V c)
{
    ir_val x = value(tr, a), y = value(tr, b), z = value(tr, c);
    return name(ir_ternary(tr->ir, op, size, x, y, z));
}

static inline V pure(struct translation *tr, ir_call *fn, V a, V b)
{
    ir_val x = value(tr, a), y = value(tr, b);
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_CALL, .size = 8, .a = x, .b = y, .exit = IR_NONE,
        .imm = (u64)(uintptr_t)fn }));
}

static inline V get_state(struct translation *tr, size_t offset, unsigned size)
{
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_GET, .size = (u8)size, .exit = IR_NONE, .imm = offset }));
}

static inline void put_state(struct translation *tr, size_t offset, V v)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_PUT, .size = 8, .a = value(tr, v), .exit = IR_NONE, .imm = offset });
}

#endif
