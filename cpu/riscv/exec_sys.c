/* Handlers of CSR and privileged instructions, one text for both widths. */
#include "cpu/riscv/engine.h"

#define BOTH(name)                                       \
    i64 rv64_##name(RV_ARGS) { return name(RV_PASS); }   \
    i64 rv32_##name(RV_ARGS) { return name(RV_PASS); }

enum csr_op { CSR_WRITE, CSR_SET, CSR_CLEAR };

/* Volume I, 7.1. rs1 (or zimm) 0 with set and clear does not write. */
static i64 csr(RV_ARGS, enum csr_op op, bool zimm)
{
    u32 number = (u32)i->imm;
    u64 operand = zimm ? i->rs1 : h->x[i->rs1], old;
    bool write = op == CSR_WRITE || i->rs1;
    unsigned effects = 0;

    rv_sync(h, i, budget);
    if (!riscv_csr_read(h, number, write, &old))
        return rv_illegal(RV_PASS);
    if (write) {
        u64 value = op == CSR_WRITE ? operand : op == CSR_SET ? old | operand : old & ~operand;
        if (h->config.xlen == 32)
            value = (u32)value;
        if (!riscv_csr_write(h, number, value, &effects))
            return rv_illegal(RV_PASS);
        rv_effects(h, effects);
        if (UNLIKELY(h->engine->obs) && riscv_csr_peek(h, number, &value))
            rv_observe_reg(h, OBS_CSR, number, value);
    }
    h->x[i->rd] = h->config.xlen == 32 ? (u64)(i64)(i32)(u32)old : old;
    return rv_finish(RV_PASS);
}

static i64 csrrw(RV_ARGS) { return csr(RV_PASS, CSR_WRITE, false); }
static i64 csrrs(RV_ARGS) { return csr(RV_PASS, CSR_SET, false); }
static i64 csrrc(RV_ARGS) { return csr(RV_PASS, CSR_CLEAR, false); }
static i64 csrrwi(RV_ARGS) { return csr(RV_PASS, CSR_WRITE, true); }
static i64 csrrsi(RV_ARGS) { return csr(RV_PASS, CSR_SET, true); }
static i64 csrrci(RV_ARGS) { return csr(RV_PASS, CSR_CLEAR, true); }

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

/* Volume II, 3.3.2. The return address comes from the CSR; h->pc is set by riscv_?ret(). */
static i64 trap_return(RV_ARGS, bool (*ret)(struct hart *h, unsigned *effects))
{
    unsigned effects = 0;
    rv_sync(h, i, budget);
    h->pc = rv_pc(h, i, vpage);
    if (!ret(h, &effects))
        return rv_illegal(RV_PASS);
    rv_effects(h, effects | EFFECT_CONTEXT | EFFECT_IRQ);
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

/* Volume II, 10.2.1. Address and ASID are not looked at: large pages are cached in pieces. */
static i64 sfence_vma(RV_ARGS)
{
    if (h->priv == PRIV_U || (h->priv == PRIV_S && (h->mstatus & MSTATUS_TVM)))
        return rv_illegal(RV_PASS);
    rv_tlb_flush(h, false);
    return rv_finish(RV_PASS);
}

static i64 sfence_inval(RV_ARGS)
{
    if (h->priv == PRIV_U)
        return rv_illegal(RV_PASS);
    return rv_finish(RV_PASS);
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
