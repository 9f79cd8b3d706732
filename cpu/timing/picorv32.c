/* PicoRV32 (YosysHQ, revision 87c89acc) with zero-wait memory. No pipeline: a state machine that spends a fixed number of
 * cycles on each kind of instruction, one more where a 32-bit instruction straddles a word and must be fetched in two
 * parts. Every number is read off the core's RTL in simulation; tests/isa/cycles compares with those traces. */
#include "cpu/riscv/insn.h"
#include "cpu/timing/timing.h"

struct picorv32 {
    bool barrel_shifter; /* else four bits a cycle, then one (TWO_STAGE_SHIFT) */
    bool compressed;     /* COMPRESSED_ISA: instructions may straddle words */
    u8 mul, mulh;
};

/* A 32-bit instruction that begins in the upper half of a word. */
static bool straddles(struct cpu *c, u64 pc)
{
    u8 low;
    return (pc & 2) && cpu_peek(c, pc, &low, 1) == 1 && (low & 3) == 3;
}

static u64 serial_shift(unsigned amount)
{
    return 4 + amount / 4 + amount % 4;
}

static unsigned shift_amount(const struct cpu_retire *r)
{
    bool by_register = r->length == 4 && (r->insn & 0x20);
    return (by_register ? r->rs2 : r->insn >> (r->length == 4 ? 20 : 2)) & 31;
}

static u64 cost(const struct picorv32 *p, struct cpu *c, const struct cpu_retire *r)
{
    u64 n = 3;
    if (r->trapped)
        return 8; /* not proven */
    switch (riscv_insns[r->op].cls) {
    case RV_CLASS_SHIFT: n = p->barrel_shifter ? 3 : serial_shift(shift_amount(r)); break;
    case RV_CLASS_MUL: n = p->mul; break;
    case RV_CLASS_MULH: n = p->mulh; break;
    case RV_CLASS_DIV: n = 40; break;
    case RV_CLASS_LOAD:
    case RV_CLASS_STORE: n = 5; break;
    case RV_CLASS_BRANCH: n = r->taken ? 5 : 3; break;
    case RV_CLASS_JUMPR: n = 6; break;
    default: break;
    }
    if (p->compressed) {
        n += straddles(c, r->next_pc);
        n += r->taken && straddles(c, r->pc + r->length); /* the fall-through was being fetched */
    }
    return n;
}

static const struct picorv32 slow = { .mul = 40, .mulh = 72 };
static const struct picorv32 fast = { .barrel_shifter = true, .mul = 6, .mulh = 6 };
static const struct picorv32 fastc = { .barrel_shifter = true, .compressed = true, .mul = 6, .mulh = 6 };

static u64 cost_slow(const struct timing *t, struct cpu *c, const struct cpu_retire *r) { return cost(&slow, c, r); }
static u64 cost_fast(const struct timing *t, struct cpu *c, const struct cpu_retire *r) { return cost(&fast, c, r); }
static u64 cost_fastc(const struct timing *t, struct cpu *c, const struct cpu_retire *r) { return cost(&fastc, c, r); }

#define UNPROVEN "interrupts, traps (8 cycles), CSR access and fences (3), misaligned access, wait states (0)"
#define PROOF "tests/isa/cycles"

extern const struct timing_model timing_picorv32_slow, timing_picorv32_fast, timing_picorv32_fastc;
const struct timing_model timing_picorv32_slow = {
    .name = "picorv32-slow", .doc = "PicoRV32, serial shifter and multiplier", .badge = TIMING_EXACT_RTL,
    .core = "YosysHQ picorv32 87c89acc: TWO_STAGE_SHIFT, ENABLE_MUL, ENABLE_DIV, no RVC",
    .proof = PROOF, .unproven = UNPROVEN, .reset_pc = 0, .cost = cost_slow,
};
const struct timing_model timing_picorv32_fast = {
    .name = "picorv32-fast", .doc = "PicoRV32, barrel shifter and fast multiplier", .badge = TIMING_EXACT_RTL,
    .core = "YosysHQ picorv32 87c89acc: BARREL_SHIFTER, ENABLE_FAST_MUL, ENABLE_DIV, dual-port registers, look-ahead "
            "memory interface, no RVC",
    .proof = PROOF, .unproven = UNPROVEN, .reset_pc = 0, .cost = cost_fast,
};
const struct timing_model timing_picorv32_fastc = {
    .name = "picorv32-fastc", .doc = "PicoRV32 as picorv32-fast, with compressed instructions", .badge = TIMING_EXACT_RTL,
    .core = "YosysHQ picorv32 87c89acc: as picorv32-fast with COMPRESSED_ISA",
    .proof = PROOF, .unproven = UNPROVEN, .reset_pc = 0, .cost = cost_fastc,
};
