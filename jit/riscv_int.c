/* Integer instructions, jumps, loads, stores and AMOs of RISC-V as operations. */
#include <string.h>

#include "cpu/riscv/bits.h"
#include "jit/riscv_make.h"

/* --- integer words ---------------------------------------------------------------------------------------------- */

static u64 call_clz64(u64 a, u64 b) { return clz64(a); }
static u64 call_ctz64(u64 a, u64 b) { return ctz64(a); }
static u64 call_cpop64(u64 a, u64 b) { return cpop64(a); }
static u64 call_clz32(u64 a, u64 b) { return clz32(a); }
static u64 call_ctz32(u64 a, u64 b) { return ctz32(a); }
static u64 call_cpop32(u64 a, u64 b) { return cpop32(a); }
static u64 call_rev8(u64 a, u64 b) { return __builtin_bswap64(a); }
static u64 call_rev8_32(u64 a, u64 b) { return (u64)(i64)(i32)__builtin_bswap32((u32)a); }
static u64 call_orc_b(u64 a, u64 b) { return orc_b(a); }
static u64 call_clmul(u64 a, u64 b) { return (u64)clmul(a, b); }
static u64 call_clmulh(u64 a, u64 b) { return (u64)(clmul(a, b) >> 64); }
static u64 call_clmulr(u64 a, u64 b) { return (u64)(clmul(a, b) >> 63); }
static u64 call_clmul_hi32(u64 a, u64 b) { return (u64)clmul((u32)a, (u32)b) >> 32; }
static u64 call_clmul_r32(u64 a, u64 b) { return (u64)clmul((u32)a, (u32)b) >> 31; }

static V shift32(struct translation *tr, enum ir_op op, V extended, V n)
{
    V amount = op2(tr, IR_AND, n, 31), r = op2(tr, op, extended, amount);
    return op1(tr, IR_SX32, r);
}

static V divide32(struct translation *tr, enum ir_op op, enum ir_op extension, V a, V b)
{
    V x = op1(tr, extension, a), y = op1(tr, extension, b), r = op2(tr, op, x, y);
    return op1(tr, IR_SX32, r);
}

static V product32(struct translation *tr, V a, V b, bool a_signed, bool b_signed)
{
    V x = op1(tr, a_signed ? IR_SX32 : IR_ZX32, a), y = op1(tr, b_signed ? IR_SX32 : IR_ZX32, b);
    V p = op2(tr, IR_MUL, x, y), r = op2(tr, IR_SHR, p, 32);
    return op1(tr, IR_SX32, r);
}

static V rotate64(struct translation *tr, enum ir_op there, enum ir_op back, V a, V n)
{
    V rest = op2(tr, IR_SUB, 0, n), x = op2(tr, there, a, n), y = op2(tr, back, a, rest);
    return op2(tr, IR_OR, x, y);
}

static V rotate32(struct translation *tr, enum ir_op there, enum ir_op back, V a, V n)
{
    V w = op1(tr, IR_ZX32, a), minus = op2(tr, IR_SUB, 0, n);
    V amount = op2(tr, IR_AND, n, 31), rest = op2(tr, IR_AND, minus, 31);
    V x = op2(tr, there, w, amount), y = op2(tr, back, w, rest), r = op2(tr, IR_OR, x, y);
    return op1(tr, IR_SX32, r);
}

/* --- position and control --------------------------------------------------------------------------------------- */

static V relative(struct translation *tr, u64 offset)
{
    if (tr->region)
        return number(tr, tr->vpage + offset);
    V base = name(ir_add(tr->ir, (struct ir_insn){ .op = IR_BASE, .size = 8, .exit = IR_NONE }));
    V n = number(tr, offset);
    return op2(tr, IR_ADD, base, n);
}

static void branch(struct translation *tr, const struct rv_insn *i, V c)
{
    struct hart *h = tr->j->h;
    tr->ended = true;
    if (tr->next) { /* the other way leaves the region */
        bool taken = jit_next_address(tr) == rv_addr(h, tr->vpage + (u64)(i64)i->imm);
        u16 side = exit_at(tr, i, taken ? rv_next_slow : rv_taken_slow);
        tr->ir->exit[side].link = link_of(i, taken);
        ir_add(tr->ir, (struct ir_insn){ .op = IR_EXIT_IF, .size = 8,
            .a = value(tr, taken ? op2(tr, IR_EQ, c, 0) : c), .exit = side });
        return;
    }
    u16 taken = exit_at(tr, i, rv_taken_slow);
    exit_at(tr, i, rv_next_slow);
    ir_add(tr->ir, (struct ir_insn){ .op = IR_CHAIN_IF, .size = 8, .a = value(tr, c), .exit = taken,
        .imm = link_of(i, 0) });
}

static void jump(struct translation *tr, const struct rv_insn *i, V link)
{
    if ((u64)(i64)i->imm & tr->j->h->engine->misaligned) { /* traps */
        tr->refused = true;
        return;
    }
    put_x(tr, i->rd, link);
    chain_to(tr, i, 0, rv_jal_slow);
}

static void jump_reg(struct translation *tr, const struct rv_insn *i, V target, V link)
{
    if (tr->j->h->engine->misaligned)
        exit_if(tr, op2(tr, IR_AND, target, tr->j->h->engine->misaligned));
    put_x(tr, i->rd, link);
    if (tr->next) {
        V expected = number(tr, jit_next_address(tr)), other = op2(tr, IR_NE, target, expected);
        ir_add(tr->ir, (struct ir_insn){ .op = IR_JUMP_IF, .size = 8, .a = value(tr, other), .b = value(tr, target),
            .exit = exit_at(tr, i, NULL) });
        tr->ended = true;
        return;
    }
    ir_add(tr->ir, (struct ir_insn){ .op = IR_JUMP, .size = 8, .a = value(tr, target), .exit = IR_NONE });
    tr->ended = true;
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

static V load(struct translation *tr, V addr, size_t size, bool sign)
{
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_LOAD, .size = (u8)size, .sign = sign, .a = value(tr, addr),
        .exit = exit_here(tr) }));
}

static void store(struct translation *tr, V addr, size_t size, V v)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_STORE, .size = (u8)size, .a = value(tr, addr), .b = value(tr, v),
        .exit = exit_here(tr) });
}

static V locate(struct translation *tr, V addr, size_t size)
{
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_LOCATE, .size = (u8)size, .a = value(tr, addr),
        .exit = exit_here(tr) }));
}

static V peek(struct translation *tr, V host, size_t size, bool sign)
{
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_PEEK, .size = (u8)size, .sign = sign, .a = value(tr, host),
        .exit = IR_NONE }));
}

static void poke(struct translation *tr, V host, size_t size, V v)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_POKE, .size = (u8)size, .a = value(tr, host), .b = value(tr, v),
        .exit = IR_NONE });
}

/* --- the declarations ------------------------------------------------------------------------------------------- */

#define XLEN 64
#include "jit/riscv_words.h"
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_branch.def"
#include "cpu/riscv/sem_jump.def"
#include "cpu/riscv/sem_load.def"
#include "cpu/riscv/sem_mem.def"
#undef XLEN
#define XLEN 32
#include "jit/riscv_words.h"
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_branch.def"
#include "cpu/riscv/sem_jump.def"
#include "cpu/riscv/sem_load.def"
#include "cpu/riscv/sem_mem.def"
#undef XLEN

static const struct {
    const char *name;
    translate *fn[2];
} meanings[] = {
#undef SEM
#define SEM(name_, ...) { #name_, { tr32_##name_, tr64_##name_ } },
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_branch.def"
#include "cpu/riscv/sem_jump.def"
#include "cpu/riscv/sem_load.def"
#include "cpu/riscv/sem_mem.def"
};

translate *jit_riscv_int(const char *name, unsigned xlen)
{
    for (unsigned m = 0; m < ARRAY_LEN(meanings); m++)
        if (!strcmp(name, meanings[m].name))
            return meanings[m].fn[xlen == 64];
    return NULL;
}
