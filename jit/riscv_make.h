/* Making operations of RISC-V (make.h). */
#ifndef JIT_RISCV_MAKE_H
#define JIT_RISCV_MAKE_H

#include "jit/riscv.h"
#include "jit/make.h"

static inline u16 exit_here(struct translation *tr);
static inline void exit_if(struct translation *tr, V c);

/* A register that is told of becomes v, and nothing of the instruction is done yet: if that is to be told, the outer loop
 * executes it and looks. */
static inline void look(struct translation *tr, size_t offset, u64 bit, V v)
{
    const struct cpu_armed *a = &tr->j->h->engine->pages.armed;
    bool narrow = tr->j->h->config.xlen == 32;
    for (size_t k = 0; k < a->n_reg; k++) {
        if (cpu_reg_bit(a->reg[k].reg) != bit)
            continue;
        u64 to = narrow ? (u64)(i64)(i32)(u32)a->reg[k].value : a->reg[k].value;
        exit_if(tr, a->reg[k].only ? op2(tr, IR_EQ, v, number(tr, to)) : op2(tr, IR_NE, v, get_state(tr, offset, 8)));
    }
}

static inline V get_x(struct translation *tr, unsigned r)
{
    return r ? get_state(tr, offsetof(struct hart, x) + 8 * r, 8) : number(tr, 0);
}

static inline void put_x(struct translation *tr, unsigned r, V v)
{
    if (r == 32)
        return;
    if (tr->looks)
        look(tr, offsetof(struct hart, x) + 8 * r, (u64)1 << r, v);
    put_state(tr, offsetof(struct hart, x) + 8 * r, v);
}

static inline V get_f(struct translation *tr, unsigned r) { return get_state(tr, offsetof(struct hart, f) + 8 * r, 8); }
static inline void put_f(struct translation *tr, unsigned r, V v)
{
    put_state(tr, offsetof(struct hart, f) + 8 * r, v);
}

/* To a handler of slot i. */
static inline u16 exit_at(struct translation *tr, const struct rv_insn *i, rv_handler *handler)
{
    u16 exit = ir_exit_to(tr->ir, (u64)(uintptr_t)i, (u64)(uintptr_t)handler);
    if (tr->region)
        tr->ir->exit[exit].base = tr->vpage;
    return exit;
}

static inline u16 exit_here(struct translation *tr) { return exit_at(tr, tr->slot, tr->plain); }

static inline void exit_if(struct translation *tr, V c)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_EXIT_IF, .size = 8, .a = value(tr, c), .exit = exit_here(tr) });
}

static inline void exit_unless(struct translation *tr, V c) { exit_if(tr, op2(tr, IR_EQ, c, 0)); }

/* Of the block that slot i ends: 0 is the taken one, 1 the other. */
static inline u64 link_of(const struct rv_insn *i, unsigned which) { return (u64)(uintptr_t)&i[1].to[which]; }

/* Links lead to blocks of the same page only. */
static inline bool in_page(i64 offset) { return offset >= 0 && offset < (i64)PAGE_SIZE; }

static inline V relative(struct translation *tr, u64 offset)
{
    if (tr->region)
        return number(tr, tr->vpage + offset);
    V base = name(ir_add(tr->ir, (struct ir_insn){ .op = IR_BASE, .size = 8, .exit = IR_NONE }));
    return op2(tr, IR_ADD, base, offset);
}

static inline V address_at(struct translation *tr, i64 offset)
{
    V a = relative(tr, (u64)offset);
    return tr->j->h->config.xlen == 32 ? op1(tr, IR_ZX32, a) : a;
}

static inline void jump_to(struct translation *tr, V target)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_JUMP, .size = 8, .a = value(tr, target), .exit = IR_NONE });
    tr->ended = true;
}

/* Page offset of what follows slot i, the last of its block. */
static inline i64 next_offset(const struct rv_insn *i)
{
    const struct rv_block *b = rv_block_of(i);
    return b->side[i + 1 - b->slot].offset;
}

static inline void chain_to(struct translation *tr, const struct rv_insn *i, unsigned which, rv_handler *slow)
{
    tr->ended = true;
    if (tr->next)
        return;
    i64 target = which ? next_offset(i) : i->imm;
    if (!in_page(target)) {
        jump_to(tr, address_at(tr, target));
        return;
    }
    u16 exit = exit_at(tr, i, slow);
    ir_add(tr->ir, (struct ir_insn){ .op = IR_CHAIN, .size = 8, .exit = exit, .imm = link_of(i, which) });
}

#endif
