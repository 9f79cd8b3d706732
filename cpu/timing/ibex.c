/* Ibex (lowRISC, revision 97df7a5b) with zero-wait memory: a two- or three-stage pipeline in which an instruction's
 * cost depends on the one before it (a redirected fetch, a load's result used at once). Every number is read off the
 * core's RTL in simulation; tests/isa/cycles compares with those traces. */
#include "cpu/riscv/insn.h"
#include "cpu/timing/timing.h"

struct ibex {
    u8 load_store, jump, mul, mulh;
    u8 branch_taken;        /* more, on the branch itself */
    u8 after_branch;        /* more, on the instruction after a taken branch */
    u8 after_jump;
    bool load_use;          /* a write-back stage: the next instruction waits for a load's result */
};

static bool uses_result_of(const struct cpu_retire *load, const struct cpu_retire *r)
{
    if (!load->n_writes)
        return false;
    unsigned rd = load->write[0].reg->number;
    return rd == r->rs1_reg || rd == r->rs2_reg;
}

static u64 cost(const struct ibex *p, const struct cpu_retire *prev, const struct cpu_retire *r)
{
    u64 n = 1;
    if (r->trapped)
        return 4; /* not proven */
    switch (riscv_insns[r->op].cls) {
    case RV_CLASS_LOAD:
    case RV_CLASS_STORE: n = p->load_store; break;
    case RV_CLASS_JUMP:
    case RV_CLASS_JUMPR: n = p->jump; break;
    case RV_CLASS_MUL: n = p->mul; break;
    case RV_CLASS_MULH: n = p->mulh; break;
    case RV_CLASS_DIV: n = (u32)r->rs2 ? 37 : 2; break;
    case RV_CLASS_BRANCH: n += r->taken ? p->branch_taken : 0; break;
    default: break;
    }
    if (!prev->length)
        return n;
    unsigned before = riscv_insns[prev->op].cls;
    bool jumped = before == RV_CLASS_JUMP || before == RV_CLASS_JUMPR;
    n += jumped ? p->after_jump : prev->taken ? p->after_branch : 0;
    n += (jumped || prev->taken) && (r->pc & 2) && r->length == 4; /* the target is fetched in two parts */
    n += p->load_use && before == RV_CLASS_LOAD && uses_result_of(prev, r);
    return n;
}

static const struct ibex small = { .load_store = 2, .jump = 2, .mul = 3, .mulh = 4, .branch_taken = 1, .after_branch = 1 };
static const struct ibex maxperf = { .load_store = 1, .jump = 1, .mul = 1, .mulh = 2, .after_branch = 1, .after_jump = 1,
                                     .load_use = true };

static u64 cost_small(const struct timing *t, struct cpu *c, const struct cpu_retire *r) { return cost(&small, &t->prev, r); }
static u64 cost_maxperf(const struct timing *t, struct cpu *c, const struct cpu_retire *r) { return cost(&maxperf, &t->prev, r); }

#define UNPROVEN "interrupts, traps (4 cycles), CSR access and fences (1), misaligned access, wait states (0)"

extern const struct timing_model timing_ibex_small, timing_ibex_maxperf;
const struct timing_model timing_ibex_small = {
    .name = "ibex-small", .doc = "Ibex, two stages, 3-cycle multiplier", .badge = TIMING_EXACT_RTL,
    .core = "lowRISC ibex 97df7a5b: RV32M fast (3-cycle) multiplier, no branch-target ALU, no write-back stage",
    .proof = "tests/isa/cycles", .unproven = UNPROVEN, .reset_pc = 0x80, .cost = cost_small,
};
const struct timing_model timing_ibex_maxperf = {
    .name = "ibex-maxperf", .doc = "Ibex, three stages, single-cycle multiplier, branch-target ALU", .badge = TIMING_EXACT_RTL,
    .core = "lowRISC ibex 97df7a5b: single-cycle multiplier, branch-target ALU, write-back stage",
    .proof = "tests/isa/cycles", .unproven = UNPROVEN, .reset_pc = 0x80, .cost = cost_maxperf,
};
