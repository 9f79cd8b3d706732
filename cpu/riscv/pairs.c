/* Fused pairs: two instructions of which the second uses the first's result, in one handler. The result is written
 * to its register as always and also handed over in a host register, which saves a dispatch and the wait for the
 * store. Both slots stay as they are: counts, offsets and faults do not know of pairs, and when the first half
 * cannot be done quickly, the plain handlers take over one by one. */
#include <string.h>

#include "cpu/riscv/engine.h"

#undef RV_TAIL
#define RV_TAIL return /* the halves have more parameters than handlers: no "musttail" */

#define FIRSTS(X) \
    X(addi) X(add) X(addiw) X(addw) X(slli) X(srli) X(srai) X(andi) X(and) X(or) X(xor) X(xori) X(sub) X(subw) \
    X(slliw) X(srliw) X(lui) X(auipc) X(sltu) X(slt) X(sltiu) X(lw) X(ld) X(lbu) X(lwu) X(lhu)
#define SECONDS(X, f) \
    X(f, addi) X(f, add) X(f, addiw) X(f, addw) X(f, slli) X(f, srli) X(f, srai) X(f, andi) X(f, and) X(f, or) \
    X(f, xor) X(f, xori) X(f, sub) X(f, subw) X(f, slliw) X(f, srliw) X(f, beq) X(f, bne) X(f, blt) X(f, bge) X(f, bltu) \
    X(f, bgeu) X(f, lw) X(f, ld) X(f, lbu) X(f, sw) X(f, sd) X(f, sb)

#define COUNT1(f) +1
#define COUNT2(f, s) +1
enum { N_FIRST = 0 FIRSTS(COUNT1), N_SECOND = 0 SECONDS(COUNT2, x) };

#define PAIR(f, s)                                                       \
    static i64 PAIRNAME(f, s)(RV_ARGS)                                   \
    {                                                                    \
        V forwarded;                                                     \
        if (UNLIKELY(!NAME(f##_first)(RV_PASS, &forwarded)))             \
            return NAME(f)(RV_PASS);                                     \
        i++;                                                             \
        return NAME(s##_second)(RV_PASS, forwarded);                     \
    }
#define PAIRS_OF(f) SECONDS(PAIR, f)
#define ENTRY(f, s) PAIRNAME(f, s),
#define ROW_OF(f) { SECONDS(ENTRY, f) },
#define FN1(f) NAME(f),
#define FN2(f, s) NAME(s),

#define XLEN 64
#define SLOW 3
#include "cpu/riscv/interp.h"
#include "cpu/riscv/words_int.h"
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_load.def"
#undef SLOW
#define SLOW 4
#include "cpu/riscv/interp.h"
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_branch.def"
#include "cpu/riscv/sem_load.def"
#define PAIRNAME(f, s) rv64_##f##_##s
FIRSTS(PAIRS_OF)
static rv_handler *const pairs64[N_FIRST][N_SECOND] = { FIRSTS(ROW_OF) };
static rv_handler *const first64[N_FIRST] = { FIRSTS(FN1) }, *const second64[N_SECOND] = { SECONDS(FN2, x) };
#undef PAIRNAME
#undef SLOW
#undef XLEN

#define XLEN 32
#define SLOW 3
#include "cpu/riscv/interp.h"
#include "cpu/riscv/words_int.h"
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_load.def"
#undef SLOW
#define SLOW 4
#include "cpu/riscv/interp.h"
#include "cpu/riscv/sem_int.def"
#include "cpu/riscv/sem_branch.def"
#include "cpu/riscv/sem_load.def"
#define PAIRNAME(f, s) rv32_##f##_##s
FIRSTS(PAIRS_OF)
static rv_handler *const pairs32[N_FIRST][N_SECOND] = { FIRSTS(ROW_OF) };
static rv_handler *const first32[N_FIRST] = { FIRSTS(FN1) }, *const second32[N_SECOND] = { SECONDS(FN2, x) };

void rv_pairs_init(struct riscv_engine *e)
{
    bool wide = e->decoder->xlen == 64;
    for (unsigned op = 0; op < RV_OP_COUNT; op++) {
        for (unsigned k = 0; k < N_FIRST; k++)
            if (e->handlers[op] == (wide ? first64 : first32)[k])
                e->first_of[op] = (u8)(k + 1);
        for (unsigned k = 0; k < N_SECOND; k++)
            if (e->handlers[op] == (wide ? second64 : second32)[k])
                e->second_of[op] = (u8)(k + 1);
    }
}

/* Fuses slot[0] of op a with slot[1] of op b when b's first operand is a's result. */
bool rv_pair(const struct riscv_engine *e, struct rv_insn *slot, unsigned a, unsigned b)
{
    unsigned f = e->first_of[a], s = e->second_of[b];
    if (!f || !s || slot[0].rd == 32)
        return false;
    if (slot[1].rs1 != slot[0].rd) {
        rv_handler *fn = slot[1].fn;
        bool wide = e->decoder->xlen == 64;
#define IS(name) (fn == (wide ? rv64_##name : rv32_##name))
        bool commutes = IS(add) || IS(and) || IS(or) || IS(xor) || IS(beq) || IS(bne) || IS(addw);
#undef IS
        if (!commutes || slot[1].rs2 != slot[0].rd)
            return false;
        slot[1].rs2 = slot[1].rs1;
        slot[1].rs1 = slot[0].rd;
    }
    slot[0].fn = (e->decoder->xlen == 64 ? pairs64 : pairs32)[f - 1][s - 1];
    return true;
}
