/* CSR instructions of RISC-V as operations, where the CSR is bits of the hart's state and a use does no more than read
 * and change them; others are the interpreter's. */
#include "jit/riscv_make.h"

/* Exits unless the hart's privilege reaches the number's (volume II, 2.1). */
static void privileged(struct translation *tr, u32 number)
{
    u32 needs = number >> 8 & 3;
    if (needs)
        exit_if(tr, op2(tr, IR_LTU, get_state(tr, offsetof(struct hart, priv), 1), needs));
}

static V sized(struct translation *tr, V v) { return tr->j->h->config.xlen == 32 ? op1(tr, IR_SX32, v) : v; }

/* fflags, frm and fcsr are read; writing them looks further. */
static void read_fp(struct translation *tr, const struct rv_insn *i)
{
    V status = get_state(tr, offsetof(struct hart, mstatus), 8);
    exit_unless(tr, op2(tr, IR_AND, status, MSTATUS_FS));
    V flags = get_state(tr, offsetof(struct hart, fflags), 1), mode = get_state(tr, offsetof(struct hart, frm), 1);
    V high = op2(tr, IR_SHL, mode, 5), both = op2(tr, IR_OR, high, flags);
    put_x(tr, i->rd, i->imm == 1 ? flags : i->imm == 2 ? mode : both);
}

static V peek_hart(struct translation *tr, const void *member, unsigned size)
{
    V at = number(tr, (u64)(uintptr_t)member);
    return name(ir_add(tr->ir, (struct ir_insn){ .op = IR_PEEK, .size = (u8)size, .a = value(tr, at),
        .exit = IR_NONE }));
}

/* May an interrupt be pending (riscv_mip())? One from stimecmp is not while the timer runs that waits for it. */
static V pending(struct translation *tr)
{
    const struct hart *h = tr->j->h;
    V enabled = peek_hart(tr, &h->mie, 8), soft = peek_hart(tr, &h->mip_soft, 8);
    V wires = peek_hart(tr, &h->mip_wires, 8), raised = op2(tr, IR_OR, soft, wires);
    if (riscv_has(h, RV_SSTC)) {
        V armed = peek_hart(tr, &h->stimer.armed, 1), timer = number(tr, MIP_STIP), none = number(tr, 0);
        V due = op3(tr, IR_SELECT, 8, armed, none, timer);
        raised = op2(tr, IR_OR, raised, due);
    }
    return op2(tr, IR_AND, raised, enabled);
}

/* The bits that the instruction changes in the state. Exits when one of them has effects. */
static V changes(struct translation *tr, const struct riscv_csr_view *v, enum riscv_csr_op op, V old, V operand)
{
    V bits;
    if (op == CSR_OP_SET) {
        V zeroes = op2(tr, IR_XOR, old, number(tr, ~(u64)0));
        bits = op2(tr, IR_AND, operand, zeroes);
    } else if (op == CSR_OP_CLEAR) {
        bits = op2(tr, IR_AND, operand, old);
    } else {
        bits = op2(tr, IR_XOR, operand, old);
    }
    V writable = number(tr, v->writable), changed = op2(tr, IR_AND, bits, writable);
    bool constant = tr->ir->insn[value(tr, operand)].op == IR_CONST; /* these bits and no others, for set and clear */
    u64 may = constant && op != CSR_OP_WRITE ? tr->ir->insn[value(tr, operand)].imm & v->writable : v->writable;
    if (may & v->effects)
        exit_if(tr, op2(tr, IR_AND, changed, number(tr, v->effects)));
    if (may & v->lets_in && op != CSR_OP_CLEAR) {
        V rising = op == CSR_OP_SET ? changed : op2(tr, IR_AND, changed, operand);
        V opens = op2(tr, IR_AND, rising, number(tr, v->lets_in)), none = number(tr, 0);
        exit_if(tr, op3(tr, IR_SELECT, 8, opens, pending(tr), none));
    }
    return changed;
}

static void csr(struct translation *tr, const struct rv_insn *i, enum riscv_csr_op op, bool zimm)
{
    u32 csr = (u32)i->imm;
    unsigned xlen = tr->j->h->config.xlen;
    bool write = op == CSR_OP_WRITE || i->rs1;
    struct riscv_csr_view v;
    if (!write && csr >= 1 && csr <= 3 && riscv_has(tr->j->h, RV_F)) {
        read_fp(tr, i);
        return;
    }
    /* IR_REGS has room for these, not for every CSR. */
    bool some = (csr >= 0x140 && csr <= 0x143) || (csr >= 0x340 && csr <= 0x343) || csr == 0x100 || csr == 0x105 ||
                csr == 0x305;
    if (!some || tr->j->h->engine->pages.armed.heard >> EV_CPU_REGISTER & 1 || !riscv_csr_view(tr->j->h, csr, &v)) {
        tr->refused = true;
        return;
    }
    privileged(tr, csr);
    V state = get_state(tr, v.offset, 8), old = state;
    if (v.readable != ~(u64)0)
        old = op2(tr, IR_AND, state, number(tr, v.readable));
    if (v.dirty) {
        V fs = op2(tr, IR_AND, state, number(tr, MSTATUS_FS)), all = op2(tr, IR_EQ, fs, number(tr, MSTATUS_FS));
        V sd = op2(tr, IR_SHL, all, xlen - 1);
        old = op2(tr, IR_OR, old, sd);
    }
    old = sized(tr, old);
    if (write) {
        V operand = zimm ? number(tr, i->rs1) : sized(tr, get_x(tr, i->rs1));
        V changed = changes(tr, &v, op, state, operand);
        V now = op2(tr, IR_XOR, state, changed);
        put_state(tr, v.offset, v.dirty ? now : sized(tr, now)); /* a trap leaves an address that is not extended */
    }
    put_x(tr, i->rd, old);
}

static void csrrw(struct translation *tr, const struct rv_insn *i) { csr(tr, i, CSR_OP_WRITE, false); }
static void csrrs(struct translation *tr, const struct rv_insn *i) { csr(tr, i, CSR_OP_SET, false); }
static void csrrc(struct translation *tr, const struct rv_insn *i) { csr(tr, i, CSR_OP_CLEAR, false); }
static void csrrwi(struct translation *tr, const struct rv_insn *i) { csr(tr, i, CSR_OP_WRITE, true); }
static void csrrsi(struct translation *tr, const struct rv_insn *i) { csr(tr, i, CSR_OP_SET, true); }
static void csrrci(struct translation *tr, const struct rv_insn *i) { csr(tr, i, CSR_OP_CLEAR, true); }

translate *jit_riscv_sys(const char *name, unsigned xlen)
{
#define BOTH(f) { #f, { f, f } }
    static const struct jit_meaning meanings[] = {
        BOTH(csrrw), BOTH(csrrs), BOTH(csrrc), BOTH(csrrwi), BOTH(csrrsi), BOTH(csrrci),
    };
#undef BOTH
    return jit_meaning_named(meanings, ARRAY_LEN(meanings), name, xlen);
}
