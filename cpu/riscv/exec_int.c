/* Handlers of integer instructions, for both widths. */
#include <string.h>

#include "cpu/riscv/engine.h"

/* The jump itself comes before the write of rd: a jump that traps (no C, target not aligned) writes nothing. */
#define JUMP(link_)                                                      \
    const struct rv_insn *target = i[1].to[0];                           \
    budget -= (i64)target[-1].n;                                         \
    if (UNLIKELY(budget < 0))                                            \
        RV_TAIL rv_jal_slow(RV_PASS);                                    \
    WR(link_);                                                           \
    RV_CHAIN(target, vpage)

#define JUMP_REG(target_, link_)                                                                       \
    const u64 target = ADDR(target_);                                                                  \
    if (UNLIKELY(target & h->engine->misaligned))                                                      \
        RV_TAIL misaligned_jump(RV_PASS);                                                              \
    WR(link_);                                                                                         \
    const struct rv_jump *to = &ctx->jump[(target >> 1 ^ target >> 13) & ((1u << RV_JUMP_BITS) - 1)];  \
    if (UNLIKELY(to->pc != target || to->gen != ctx->gen)) {                                           \
        vpage = target;                                                                                \
        RV_TAIL jump_miss(RV_PASS);                                                                    \
    }                                                                                                  \
    const struct rv_insn *start = to->start;                                                           \
    budget -= (i64)start[-1].n;                                                                        \
    vpage = target & ~PAGE_MASK;                                                                       \
    i = start;                                                                                         \
    if (UNLIKELY(budget < 0))                                                                          \
        RV_TAIL rv_leave_go_on(RV_PASS);                                                               \
    RV_CHAIN(start, vpage)

RV_COLD static i64 misaligned_jump(RV_ARGS)
{
    return rv_trap(RV_PASS, CAUSE_FETCH_MISALIGNED, rv_addr(h, (h->x[i->rs1] + (u64)(i64)i->imm) & ~(u64)1));
}

/* vpage is the whole target. */
RV_COLD static i64 jump_miss(RV_ARGS)
{
    return rv_goto(h, budget, ctx, vpage);
}

#define XLEN 64
#define SLOW 2
#include "cpu/riscv/interp.h"
#include "cpu/riscv/words_int.h"
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_branch.def"
#include "cpu/riscv/sem_jump.def"
#undef XLEN

#define XLEN 32
#include "cpu/riscv/interp.h"
#include "cpu/riscv/words_int.h"
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_branch.def"
#include "cpu/riscv/sem_jump.def"

/* The handler of each row. */
rv_handler *const rv64_handlers[RV_OP_COUNT] = {
#define INSN(id, sem, ...) [RV_OP_##id] = rv64_##sem,
#include "cpu/riscv/insn.def"
};
rv_handler *const rv32_handlers[RV_OP_COUNT] = {
#define INSN(id, sem, ...) [RV_OP_##id] = rv32_##sem,
#include "cpu/riscv/insn.def"
};
