/* Integer instructions, jumps, loads, stores and AMOs of RISC-V as operations. */
#include "cpu/riscv/bits.h"
#include "jit/riscv_make.h"

/* --- integer words ---------------------------------------------------------------------------------------------- */

static u64 call_cpop64(u64 a, u64 b) { return cpop64(a); }
static u64 call_clmul(u64 a, u64 b) { return (u64)clmul(a, b); }
static u64 call_clmulh(u64 a, u64 b) { return (u64)(clmul(a, b) >> 64); }
static u64 call_clmulr(u64 a, u64 b) { return (u64)(clmul(a, b) >> 63); }
static u64 call_clmul_hi32(u64 a, u64 b) { return (u64)clmul((u32)a, (u32)b) >> 32; }
static u64 call_clmul_r32(u64 a, u64 b) { return (u64)clmul((u32)a, (u32)b) >> 31; }

const struct jit_call_name jit_riscv_int_calls[] = {
#define CALL(name) { call_##name, #name }
    CALL(cpop64), CALL(clmul), CALL(clmulh), CALL(clmulr), CALL(clmul_hi32), CALL(clmul_r32),
    { NULL, NULL }
#undef CALL
};

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

/* Twice the word side by side, shifted, has the rotated word below. */
static V rotate32(struct translation *tr, V a, V n)
{
    V w = op1(tr, IR_ZX32, a), high = op2(tr, IR_SHL, w, 32), twice = op2(tr, IR_OR, high, w);
    V amount = op2(tr, IR_AND, n, 31), r = op2(tr, IR_SHR, twice, amount);
    return op1(tr, IR_SX32, r);
}

static V minus(struct translation *tr, V a) { return op2(tr, IR_SUB, number(tr, 0), a); }

static V clz32_(struct translation *tr, V a)
{
    V w = op1(tr, IR_ZX32, a), n = op1(tr, IR_CLZ, w);
    return op2(tr, IR_SUB, n, 32);
}

static V ctz32_(struct translation *tr, V a)
{
    V end = number(tr, (u64)1 << 32), w = op2(tr, IR_OR, a, end);
    return op1(tr, IR_CTZ, w);
}

static V cpop(struct translation *tr, V a)
{
    return tr->j->emitter.popcnt ? op1(tr, IR_POPCNT, a) : pure(tr, call_cpop64, a, 0);
}

static V rev8_32(struct translation *tr, V a)
{
    V r = op1(tr, IR_BSWAP, a), low = op2(tr, IR_SHR, r, 32);
    return op1(tr, IR_SX32, low);
}

/* A byte that is not 0 carries into its top bit. */
static V bytes_set(struct translation *tr, V a)
{
    V low = number(tr, 0x7f7f7f7f7f7f7f7f), tops = number(tr, 0x8080808080808080);
    V x = op2(tr, IR_AND, a, low), y = op2(tr, IR_ADD, x, low), z = op2(tr, IR_OR, y, a);
    V top = op2(tr, IR_AND, z, tops), ones = op2(tr, IR_SHR, top, 7);
    return op2(tr, IR_MUL, ones, 255);
}

/* --- position and control --------------------------------------------------------------------------------------- */

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
    i64 next = next_offset(i);
    if ((!in_page(i->imm) || !in_page(next)) && !((u64)(i64)i->imm & h->engine->misaligned)) {
        V there = address_at(tr, i->imm), here = address_at(tr, next);
        jump_to(tr, op3(tr, IR_SELECT, 8, c, there, here));
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
    jump_to(tr, target);
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

static V phys(struct translation *tr, V addr, bool write)
{
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_PHYS, .size = 8, .sign = write, .a = value(tr, addr),
        .exit = exit_here(tr) }));
}

/* The byte of the hart's state. */
static V reserved(struct translation *tr) { return number(tr, (u64)(uintptr_t)&tr->j->h->lr_valid); }

static V load_reserved(struct translation *tr, V addr, size_t size, bool sign)
{
    exit_if(tr, op2(tr, IR_AND, addr, size - 1));
    V v = load(tr, addr, size, sign), pa = phys(tr, addr, false), flag = reserved(tr);
    put_state(tr, offsetof(struct hart, lr_addr), pa);
    poke(tr, flag, 1, 1);
    return v;
}

/* One that fails is the interpreter's. */
static V store_conditional(struct translation *tr, V addr, size_t size, V v)
{
    V host = locate(tr, addr, size), pa = phys(tr, addr, true), at = get_state(tr, offsetof(struct hart, lr_addr), 8);
    V flag = reserved(tr), valid = peek(tr, flag, 1, false), same = op2(tr, IR_EQ, at, pa);
    exit_unless(tr, op2(tr, IR_AND, valid, same));
    poke(tr, flag, 1, 0);
    poke(tr, host, size, v);
    return number(tr, 0);
}

static V privilege(struct translation *tr) { return get_state(tr, offsetof(struct hart, priv), 1); }

/* Permission as in exec_mem.c. */
static void zero_block(struct translation *tr, V addr)
{
    V below = op2(tr, IR_NE, privilege(tr), PRIV_M);
    V allowed = op2(tr, IR_AND, get_state(tr, offsetof(struct hart, menvcfg), 8), ENVCFG_CBZE);
    exit_unless(tr, op3(tr, IR_SELECT, 8, below, allowed, 1));
    if (riscv_has(tr->j->h, RV_S)) {
        V user = get_state(tr, offsetof(struct hart, senvcfg), 8), user_allowed = op2(tr, IR_AND, user, ENVCFG_CBZE);
        exit_unless(tr, op2(tr, IR_OR, privilege(tr), user_allowed));
    }
    V host = locate(tr, op2(tr, IR_AND, addr, ~(u64)(RISCV_CBO_BLOCK - 1)), RISCV_CBO_BLOCK), zero = number(tr, 0);
    for (unsigned k = 0; k < RISCV_CBO_BLOCK; k += 8)
        ir_add(tr->ir, (struct ir_insn){ .op = IR_POKE, .size = 8, .a = value(tr, host), .b = value(tr, zero),
            .exit = IR_NONE, .imm = k });
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

static const struct jit_meaning meanings[] = {
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
    return jit_meaning_named(meanings, ARRAY_LEN(meanings), name, xlen);
}
