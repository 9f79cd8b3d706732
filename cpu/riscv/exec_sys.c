/* Handlers of CSR and privileged instructions, one text for both widths. */
#include "cpu/riscv/engine.h"

#define BOTH(name)                                       \
    i64 rv64_##name(RV_ARGS) { return name(RV_PASS); }   \
    i64 rv32_##name(RV_ARGS) { return name(RV_PASS); }

/* Helpers with variables whose address is taken are kept out of the handlers: see engine->value. */
#define OUT_OF_LINE __attribute__((noinline))

/* Of an instruction that has read or written a CSR. */
OUT_OF_LINE static void tell_csr(struct hart *h, u32 number, bool write, u64 old)
{
    const struct cpu_reg *r = rv_reg(h, OBS_CSR, number);
    u64 now = old;
    if (!r || (write && !riscv_csr_peek(h, number, &now)))
        return;
    if (h->config.xlen == 32)
        old = (u32)old;
    EVENT(h->cpu.bus, h->cpu.clock->now, h->cpu.name, &riscv_event_register, { .s = r->name }, { .u = number }, { .u = old },
          { .u = now }, { .s = write ? "write" : "read" });
}

/* Volume I, 7.1. rs1 (or zimm) 0 with set and clear does not write. */
OUT_OF_LINE static bool do_csr(struct hart *h, const struct rv_insn *i, enum riscv_csr_op op, u64 operand)
{
    bool write = op == CSR_OP_WRITE || i->rs1;
    unsigned effects = 0;
    u64 old, now;

    if (h->config.xlen == 32)
        operand = (u32)operand;
    if (!riscv_csr_rmw(h, (u32)i->imm, op, operand, write, &old, &effects))
        return false;
    rv_effects(h, effects);
    if (UNLIKELY(event_wants(h->cpu.bus, EV_CPU_REGISTER)))
        tell_csr(h, (u32)i->imm, write, old);
    if (UNLIKELY(h->engine->obs) && write && riscv_csr_peek(h, (u32)i->imm, &now))
        rv_observe_reg(h, OBS_CSR, (u32)i->imm, now);
    h->x[i->rd] = h->config.xlen == 32 ? (u64)(i64)(i32)(u32)old : old;
    return true;
}

/* Always part of its handlers: its arguments do not all fit registers, so a call of it would not be a sibling's. */
__attribute__((always_inline)) static inline i64 csr(RV_ARGS, enum riscv_csr_op op, bool zimm)
{
    rv_sync(h, i, budget);
    if (!do_csr(h, i, op, zimm ? i->rs1 : h->x[i->rs1]))
        return rv_illegal(RV_PASS);
    return rv_finish(RV_PASS);
}

static i64 csrrw(RV_ARGS) { return csr(RV_PASS, CSR_OP_WRITE, false); }
static i64 csrrs(RV_ARGS) { return csr(RV_PASS, CSR_OP_SET, false); }
static i64 csrrc(RV_ARGS) { return csr(RV_PASS, CSR_OP_CLEAR, false); }
static i64 csrrwi(RV_ARGS) { return csr(RV_PASS, CSR_OP_WRITE, true); }
static i64 csrrsi(RV_ARGS) { return csr(RV_PASS, CSR_OP_SET, true); }
static i64 csrrci(RV_ARGS) { return csr(RV_PASS, CSR_OP_CLEAR, true); }

static i64 ecall(RV_ARGS)
{
    return rv_trap(RV_PASS, CAUSE_ECALL_U + h->priv, 0);
}

/* The semihosting call is slli x0,x0,0x1f; ebreak; srai x0,x0,7, all uncompressed and in one page ("Semihosting for
 * AArch32 and AArch64" and the RISC-V semihosting specification). */
static bool is_semihosting(const struct hart *h, const struct rv_insn *i, u64 vpage)
{
    const struct rv_block *b = rv_block_of(i);
    u64 at = rv_pc(h, i, vpage) & PAGE_MASK;
    return b->host && at >= 4 && at + 8 <= PAGE_SIZE && load_le(b->host + at - 4, 4) == 0x01f01013 &&
           load_le(b->host + at, 4) == 0x00100073 && load_le(b->host + at + 4, 4) == 0x40705013;
}

static i64 ebreak(RV_ARGS)
{
    if (h->cpu.semihosting && is_semihosting(h, i, vpage)) {
        h->engine->reason = RV_STOP;
        h->engine->stop = CPU_SEMIHOST;
        return rv_leave(RV_PASS);
    }
    return rv_trap(RV_PASS, CAUSE_BREAKPOINT, rv_pc(h, i, vpage));
}

OUT_OF_LINE static bool do_return(struct hart *h, bool (*ret)(struct hart *h, unsigned *effects))
{
    unsigned effects = 0;
    if (!ret(h, &effects))
        return false;
    h->pc = rv_addr(h, h->pc);
    rv_effects(h, effects | EFFECT_CONTEXT | EFFECT_IRQ);
    return true;
}

/* Volume II, 3.3.2. The return address comes from the CSR; h->pc is set by riscv_?ret(). */
__attribute__((always_inline)) static inline i64 trap_return(RV_ARGS, bool (*ret)(struct hart *h, unsigned *effects))
{
    rv_sync(h, i, budget);
    h->pc = rv_pc(h, i, vpage);
    if (!do_return(h, ret))
        return rv_illegal(RV_PASS);
    h->engine->leave = false;
    h->engine->reason = RV_GO_ON;
    if (h->cpu.clock->attention) {
        h->engine->reason = RV_STOP;
        h->engine->stop = CPU_ATTENTION;
    }
    return budget; /* it is the last of its block */
}

static i64 mret(RV_ARGS) { return trap_return(RV_PASS, riscv_mret); }
static i64 sret(RV_ARGS) { return trap_return(RV_PASS, riscv_sret); }

/* Volume II, 3.3.3 and 3.1.6.5: in U-mode (when there is S-mode) and, with TW, in S-mode it is illegal unless it
 * ends at once; it never does here. */
static i64 wfi(RV_ARGS)
{
    struct riscv_engine *e = h->engine;
    if ((h->priv == PRIV_U && riscv_has(h, RV_S)) || (h->priv != PRIV_M && (h->mstatus & MSTATUS_TW)))
        return rv_illegal(RV_PASS);
    rv_sync(h, i, budget);
    if (!riscv_wfi_wakes(h)) {
        h->cpu.idle = true;
        e->leave = false;
        e->reason = RV_STOP;
        e->stop = CPU_IDLE;
        i++;
        return rv_leave(RV_PASS);
    }
    return rv_finish(RV_PASS);
}

static const struct event_type tlb_event = {
    "cpu.tlb", "an instruction says that translations may have changed", { { "what", EV_STR }, { "address", EV_HEX } },
};

OUT_OF_LINE static void tell_fence(struct hart *h, const struct rv_insn *i, const char *what)
{
    EVENT(h->cpu.bus, h->cpu.clock->now, h->cpu.name, &tlb_event, { .s = what }, { .u = i->rs1 ? h->x[i->rs1] : EVENT_ALL });
}

/* Volume II, 10.2.1. There is nothing to do: what is kept of page tables is dropped when they are written (tables.c). */
__attribute__((always_inline)) static inline i64 fence(RV_ARGS, const char *what)
{
    if (UNLIKELY(event_wants(h->cpu.bus, EV_CPU_TLB))) {
        rv_sync(h, i, budget);
        tell_fence(h, i, what);
    }
    return rv_finish(RV_PASS);
}

static i64 sfence_vma(RV_ARGS)
{
    if (h->priv == PRIV_U || (h->priv == PRIV_S && (h->mstatus & MSTATUS_TVM)))
        return rv_illegal(RV_PASS);
    return fence(RV_PASS, "sfence.vma");
}

static i64 sfence_inval(RV_ARGS)
{
    if (h->priv == PRIV_U)
        return rv_illegal(RV_PASS);
    return fence(RV_PASS, "sfence");
}

BOTH(csrrw)
BOTH(csrrs)
BOTH(csrrc)
BOTH(csrrwi)
BOTH(csrrsi)
BOTH(csrrci)
BOTH(ecall)
BOTH(ebreak)
BOTH(mret)
BOTH(sret)
BOTH(wfi)
BOTH(sfence_vma)
BOTH(sfence_inval)
