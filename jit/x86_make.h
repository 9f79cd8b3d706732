/* Making operations of x86 (make.h): registers by size, extensions, flags, exits. */
#ifndef JIT_X86_MAKE_H
#define JIT_X86_MAKE_H

#include "jit/x86.h"
#include "jit/make.h"

#define CONST_AND(tr, v, mask) op2(tr, IR_AND, v, number(tr, mask))

static inline V zx(struct translation *tr, unsigned w, V v)
{
    return w == 64 ? v : op1(tr, w == 8 ? IR_ZX8 : w == 16 ? IR_ZX16 : IR_ZX32, v);
}
static inline V sx(struct translation *tr, unsigned w, V v)
{
    return w == 64 ? v : op1(tr, w == 8 ? IR_SX8 : w == 16 ? IR_SX16 : IR_SX32, v);
}

static inline size_t reg_at(unsigned n) { return offsetof(struct x86, r) + 8 * (n >= X86_AH ? n - X86_AH : n); }

static inline V get_whole(struct translation *tr, unsigned n)
{
    return n == X86_NONE ? number(tr, 0) : get_state(tr, reg_at(n), 8);
}

static inline V read_reg(struct translation *tr, unsigned w, unsigned n)
{
    V v = get_whole(tr, n);
    if (w == 8 && n >= X86_AH)
        v = op2(tr, IR_SHR, v, 8);
    return zx(tr, w, v);
}

/* What the whole register becomes when w bits of it become v. */
static inline V merged(struct translation *tr, unsigned w, unsigned n, V v)
{
    bool high = w == 8 && n >= X86_AH;
    v = zx(tr, w, v);
    if (w >= 32)
        return v;
    V rest = CONST_AND(tr, get_whole(tr, n), high ? ~(u64)0xff00 : w == 8 ? ~(u64)0xff : ~(u64)0xffff);
    return op2(tr, IR_OR, rest, high ? op2(tr, IR_SHL, v, 8) : v);
}

static inline void write_reg(struct translation *tr, unsigned w, unsigned n, V v)
{
    V whole = merged(tr, w, n, v);
    put_state(tr, reg_at(n), whole);
}

static inline V choose(struct translation *tr, V holds, V a, V b) { return op3(tr, IR_SELECT, 8, holds, a, b); }

static inline bool is_const(struct translation *tr, V v, u64 *n)
{
    const struct ir_insn *i = &tr->ir->insn[value(tr, v)];
    *n = i->imm;
    return i->op == IR_CONST;
}

static inline V base_of(struct translation *tr)
{
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_BASE, .size = 8, .exit = IR_NONE }));
}

/* To a handler of slot i. */
static inline u16 exit_at(struct translation *tr, const struct x86_insn *i, x86_handler *handler)
{
    return ir_exit_to(tr->ir, (u64)(uintptr_t)i, (u64)(uintptr_t)handler);
}

static inline void exit_if(struct translation *tr, V c)
{
    ir_val v = value(tr, c);
    ir_add(tr->ir, (struct ir_insn){ .op = IR_EXIT_IF, .size = 8, .a = v, .exit = exit_at(tr, tr->slot, tr->plain) });
}
static inline void exit_unless(struct translation *tr, V c) { exit_if(tr, op2(tr, IR_EQ, c, 0)); }

/* Access to memory at a linear address. */
static inline V load(struct translation *tr, V linear, unsigned bits)
{
    ir_val a = value(tr, linear);
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_LOAD, .size = (u8)(bits / 8), .a = a,
        .exit = exit_at(tr, tr->slot, tr->plain) }));
}
static inline void store(struct translation *tr, V linear, unsigned bits, V v)
{
    ir_val a = value(tr, linear), b = value(tr, v);
    ir_add(tr->ir, (struct ir_insn){ .op = IR_STORE, .size = (u8)(bits / 8), .a = a, .b = b,
        .exit = exit_at(tr, tr->slot, tr->plain) });
}
static inline V window(struct translation *tr, V linear, unsigned bits, unsigned rights)
{
    ir_val a = value(tr, linear);
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_WINDOW, .size = (u8)(bits / 8), .a = a, .c = (ir_val)rights,
        .exit = exit_at(tr, tr->slot, tr->plain) }));
}
static inline V peek(struct translation *tr, V host, unsigned at, unsigned bits)
{
    ir_val a = value(tr, host);
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_PEEK, .size = (u8)(bits / 8), .a = a, .exit = IR_NONE,
        .imm = at }));
}
static inline void poke(struct translation *tr, V host, unsigned at, unsigned bits, V v)
{
    ir_val a = value(tr, host), b = value(tr, v);
    ir_add(tr->ir, (struct ir_insn){ .op = IR_POKE, .size = (u8)(bits / 8), .a = a, .b = b, .exit = IR_NONE, .imm = at });
}

/* Modes. */
static inline bool is_64(const struct translation *tr) { return tr->key & X86_KEY_64; }
static inline bool is_flat(const struct translation *tr) { return tr->key & X86_KEY_FLAT; }
static inline unsigned stack_bits(const struct translation *tr) { return 16u << (tr->key >> 5 & 3); }
/* A flat linear address: as wide as the mode. */
static inline V linear_of(struct translation *tr, V v) { return is_64(tr) ? v : zx(tr, 32, v); }

/* Offset in its segment of the memory operand, `delta` further, by address size. */
static inline V operand_offset(struct translation *tr, const struct x86_insn *i, V delta)
{
    static const u8 bits[] = { 16, 16, 32, 64 };
    V o = i->base == X86_R_PAGE ? base_of(tr) : get_whole(tr, i->base);
    if (i->index != X86_NONE) {
        V x = op2(tr, IR_SHL, get_whole(tr, i->index), number(tr, x86_scale(i)));
        o = op2(tr, IR_ADD, o, x);
    }
    o = op2(tr, IR_ADD, o, number(tr, (u64)(i64)i->disp));
    o = op2(tr, IR_ADD, o, delta);
    return zx(tr, bits[i->sizes >> 4 & 3], o);
}

/* The linear address of n bytes at an offset, exits unless x86_seg_read_ok() or x86_seg_write_ok(). */
static inline V in_segment(struct translation *tr, unsigned seg, V offset, unsigned n, bool write)
{
    size_t at = offsetof(struct x86, fast) + seg * sizeof(struct x86_fast_seg);
    V max = get_state(tr, at + (write ? offsetof(struct x86_fast_seg, write_max) : offsetof(struct x86_fast_seg, read_max)), 8);
    V last = op2(tr, IR_ADD, offset, number(tr, (u64)(i64)((int)n - 2)));
    exit_unless(tr, op2(tr, IR_LTU, last, max));
    if (is_64(tr))
        exit_if(tr, op2(tr, IR_LTU, number(tr, ~(u64)0 - n), offset));
    V base = get_state(tr, at + offsetof(struct x86_fast_seg, base), 8);
    return op2(tr, IR_ADD, offset, base);
}

/* Is the memory operand at a flat address? As form_of() of block.c says. */
static inline bool operand_flat(const struct translation *tr, const struct x86_insn *i)
{
    unsigned seg = x86_segno(i), natural = is_64(tr) ? 3 : 2;
    return is_flat(tr) && i->sizes >> 4 == natural &&
        (seg == X86_DS || seg == X86_SS || seg == X86_ES || (seg == X86_CS && natural == 3));
}
static inline V operand_address(struct translation *tr, const struct x86_insn *i, V delta, unsigned bits, bool write)
{
    V o = operand_offset(tr, i, delta);
    return operand_flat(tr, i) ? linear_of(tr, o) : in_segment(tr, x86_segno(i), o, bits / 8, write);
}

#endif
