/* Backtraces through the traps of a RISC-V hart. Hardware saves nothing in memory (Privileged, 3.1.6 to 3.1.15, 12.1): what was
 * interrupted is in xepc and in what the handler's first instructions stored, so those are read: which register, or CSR, went where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/riscv/riscv.h"
#include "debugger/isa_riscv.h"

static const struct hart *hart(const struct cpu *c)
{
    return (const struct hart *)c;
}

static bool within(u64 vector, u64 mask, u64 low, u64 high)
{
    vector &= mask & ~(u64)3;
    return vector && vector >= low && vector < high;
}

bool riscv_is_entry(const struct cpu *c, u64 low, u64 high)
{
    u64 mask = cpu_addr_mask(c);
    return within(hart(c)->stvec, mask, low, high) || within(hart(c)->mtvec, mask, low, high);
}

/* --- what the handler stored --------------------------------------------------------------------------------------- */

enum { /* where a value comes from: 0 to 31 is x as it was */
    FROM_EPC = 32, FROM_CAUSE, FROM_ELSEWHERE, N_STORED = FROM_ELSEWHERE, INSNS = 160
};

struct layout {
    i64 at[N_STORED]; /* from the base register as it is at the end */
    u64 stored;       /* bit per FROM */
    i64 moved;        /* what was added to sp in all */
    i64 sp_less;      /* the sp that was stored had this been subtracted already */
    u8 base;          /* a register; SLOT_NONE: nothing was stored */
};

static u8 reg_of(struct cpu *c, const char *name)
{
    const struct cpu_reg *r = cpu_reg_named(c, name);
    u8 slot = r ? isa_now(c)->slot(r) : SLOT_NONE;
    return slot < 32 ? slot : SLOT_NONE;
}

static bool is_csr(const char *name, const char *what) /* "sepc" and "mepc" are both "epc" */
{
    return (name[0] == 's' || name[0] == 'm') && !strcmp(name + 1, what);
}

struct tracked {
    u8 from[32], scratch;
    i64 moved; /* added to sp so far */
    i64 stored_at[N_STORED];
};

static void store(struct tracked *t, struct layout *l, u8 value, i64 offset, u8 base)
{
    u8 from = value < 32 ? t->from[value] : FROM_ELSEWHERE;
    if (from >= N_STORED || (l->base != SLOT_NONE && l->base != base) || (l->stored >> from & 1))
        return;
    l->base = base;
    l->stored |= (u64)1 << from;
    t->stored_at[from] = offset + (base == SP ? t->moved : 0);
    if (from == SP && value == SP)
        l->sp_less = -t->moved;
}

static void one_insn(struct cpu *c, const char *text, struct tracked *t, struct layout *l)
{
    char op[16] = "", a[16] = "", b[16] = "", d[16] = "";
    long long n = 0;
    if (sscanf(text, "%15s %15[^,],%lli(%15[^)])", op, a, &n, b) == 4) {
        size_t len = strlen(op);
        bool stores = strstr(op, "sd") == op || strstr(op, "sw") == op || !strncmp(op, "c.s", 3);
        if (len && stores)
            store(t, l, reg_of(c, a), n, reg_of(c, b));
        else if (reg_of(c, a) != SLOT_NONE) /* a load */
            t->from[reg_of(c, a)] = FROM_ELSEWHERE;
        return;
    }
    *a = *b = *d = 0;
    if (sscanf(text, "%15s %15[^,],%15[^,],%15s", op, a, b, d) < 2 || op[0] == 'b' || !strncmp(op, "c.b", 3))
        return;
    u8 to = reg_of(c, a);
    if (to == SLOT_NONE)
        return;
    u8 from = FROM_ELSEWHERE;
    if (!strncmp(op, "csrr", 4) && d[0]) {
        u8 source = reg_of(c, d);
        if (is_csr(b, "epc"))
            from = FROM_EPC;
        else if (is_csr(b, "cause"))
            from = FROM_CAUSE;
        else if (is_csr(b, "scratch")) {
            from = t->scratch;
            if (!strcmp(op, "csrrw"))
                t->scratch = source < 32 && source ? t->from[source] : FROM_ELSEWHERE;
        }
    } else if (!strcmp(op, "c.mv") || !strcmp(op, "mv")) {
        from = reg_of(c, b) < 32 ? t->from[reg_of(c, b)] : FROM_ELSEWHERE;
    } else if (strstr(op, "addi") && to == SP) { /* c.addi16sp sp,-288; addi sp,sp,-288; c.addi sp,-32 */
        t->moved += strtoll(d[0] ? d : b, NULL, 0);
        return;
    } else if (!strcmp(op, "addi") && d[0] && reg_of(c, b) == SP && t->moved + strtoll(d, NULL, 0) == 0) {
        from = t->from[SP];
    }
    if (to == SP && from == SP)
        t->moved = 0;
    t->from[to] = from;
}

/* From where traps enter to f, as if no branch were taken: what branches skip are choices of where the stack is. */
static bool read_handler(struct cpu *c, const struct frame *f, u64 vector, struct layout *l)
{
    struct tracked t = { .scratch = FROM_ELSEWHERE };
    *l = (struct layout){ .base = SLOT_NONE };
    for (unsigned i = 0; i < 32; i++)
        t.from[i] = i ? (u8)i : FROM_ELSEWHERE;
    u64 pc = vector;
    for (unsigned n = 0; n < INSNS && pc < f->pc; n++) {
        u8 raw[4];
        char text[160], *end;
        u64 got = cpu_peek(c, pc, raw, 4), target;
        unsigned len = got ? c->ops->disasm(c, pc, raw, got, text, sizeof text) : 0;
        if (!len)
            return false;
        bool jump = !strncmp(text, "c.j 0x", 6) || !strncmp(text, "jal zero,0x", 11);
        target = jump ? strtoull(strstr(text, "0x"), &end, 16) : 0;
        if (jump && target > pc && target <= f->pc) {
            pc = target;
            continue;
        }
        one_insn(c, text, &t, l);
        pc += len;
    }
    for (unsigned i = 0; i < N_STORED; i++)
        l->at[i] = t.stored_at[i] - (l->base == SP ? t.moved : 0);
    l->moved = t.moved;
    return pc == f->pc && l->base != SLOT_NONE;
}

/* --- where it stored it -------------------------------------------------------------------------------------------- */

static bool word_at(struct cpu *c, u64 addr, u64 *v)
{
    unsigned w = isa_now(c)->word;
    u8 raw[8];
    bool ok = !(addr & (w - 1)) && cpu_peek(c, addr & cpu_addr_mask(c), raw, w) == w;
    *v = ok ? load_le(raw, w) : 0;
    return ok;
}

/* Do the words from `base` on say what is known otherwise: xepc, and registers that handlers keep? */
static bool fits(struct cpu *c, const struct frame *f, const struct layout *l, u64 base, u64 epc, bool epc_known)
{
    u64 v, mask = cpu_addr_mask(c);
    unsigned agree = 0;
    if (epc_known && (l->stored >> FROM_EPC & 1)) {
        if (!word_at(c, base + (u64)l->at[FROM_EPC], &v) || v != epc)
            return false;
        agree++;
    }
    for (unsigned r = 1; r < 32; r++) {
        if (r == SP || !(f->isa->kept >> r & 1) || !(f->known >> r & 1) || !(l->stored >> r & 1))
            continue;
        if (!word_at(c, base + (u64)l->at[r], &v) || v != (f->reg[r] & mask))
            return false;
        agree += v != 0;
    }
    return agree > 1;
}

/* The base was a register that calls do not keep: it is in sscratch, in a register by chance, or on the handler's stack. */
static bool find_base(struct cpu *c, const struct frame *f, const struct layout *l, u64 epc, bool epc_known, u64 *base)
{
    enum { WORDS = 1024 };
    const struct hart *h = hart(c);
    u64 mask = cpu_addr_mask(c), sp = isa_sp(c), top = f->known >> SP & 1 ? frame_sp(f) : sp, w = f->isa->word;
    if (f->pc == f->lookup_pc && (f->known >> l->base & 1)) { /* nothing was called yet */
        *base = f->reg[l->base] & mask;
        return true;
    }
    u64 scratch[2] = { h->sscratch & mask, h->mscratch & mask };
    for (unsigned i = 0; i < 2 + 31; i++) {
        *base = i < 2 ? scratch[i] : h->x[i - 1] & mask;
        if (fits(c, f, l, *base, epc, epc_known))
            return true;
    }
    for (u64 n = 0; n < WORDS && sp + n * w < top + 16 * w; n++)
        if (word_at(c, sp + n * w, base) && fits(c, f, l, *base, epc, epc_known))
            return true;
    return false;
}

bool riscv_trap_frame(struct symbols *s, struct cpu *c, const struct frame *f, u64 at, bool entry, struct frame *out, u64 *place)
{
    const struct hart *h = hart(c);
    u64 low = 0, high = 0, mask = cpu_addr_mask(c), v;
    if (!entry)
        return false;
    symbols_function_at(s, f->lookup_pc, &low, &high, NULL);
    bool m_mode = within(h->mtvec, mask, low, high) && (h->priv == PRIV_M || !within(h->stvec, mask, low, high));
    u64 epc = (m_mode ? h->mepc : h->sepc) & mask, cause = (m_mode ? h->mcause : h->scause) & mask;
    bool csrs = !f->traps, told = csrs; /* they are of the last trap */
    *place = f->known >> SP & 1 ? frame_sp(f) : 0;
    if (at) {
        if (at == 1) { /* CFI knows the registers, not the place */
            if (!csrs)
                return false;
            out->pc = epc;
        }
    } else {
        struct layout l;
        u64 base = 0, vector = (m_mode ? h->mtvec : h->stvec) & mask & ~(u64)3;
        bool have = read_handler(c, f, vector, &l), first = f->pc == vector;
        if (have && l.base == SP)
            base = frame_sp(f), have = f->known >> SP & 1;
        else if (have)
            have = find_base(c, f, &l, epc, csrs, &base);
        out->known = f->known & (first ? UINT64_MAX : f->isa->kept & ~((u64)1 << SP));
        out->saved = f->saved & out->known;
        out->pc = epc;
        for (unsigned r = 1; have && r < N_STORED; r++) {
            if (!(l.stored >> r & 1) || !word_at(c, base + (u64)l.at[r], &v))
                continue;
            if (r == FROM_EPC) {
                out->pc = v;
                csrs = true;
            } else if (r == FROM_CAUSE) {
                cause = v;
                told = true;
            } else {
                out->reg[r] = r == SP ? v + (u64)l.sp_less : v;
                out->known |= (u64)1 << r;
                out->saved_at[r] = (base + (u64)l.at[r]) & mask;
                out->saved |= (u64)1 << r;
            }
        }
        if (have && l.sp_less)
            out->saved &= ~((u64)1 << SP);
        if (!first && !(have && (l.stored >> SP & 1)) && !f->traps && (f->known >> SP & 1)) {
            /* Not stored, or not yet: computed where the stack is the same; of user mode, handlers keep it in xscratch. */
            bool lower = m_mode ? (h->mstatus >> 11 & 3) != PRIV_M : !(h->mstatus >> 8 & 1);
            out->reg[SP] = (lower ? m_mode ? h->mscratch : h->sscratch : frame_sp(f) - (u64)l.moved) & mask;
            out->known |= (u64)1 << SP;
            out->guessed = true;
        }
        if (!csrs)
            return false;
    }
    out->trap.interrupt = told && cause > mask >> 1;
    out->trap.vector = -1;
    const char *name = told ? riscv_cause_name(cause & mask >> 1, out->trap.interrupt) : "";
    const char *end = strstr(name, " interrupt");
    if (told)
        snprintf(out->trap.what, sizeof out->trap.what, "%s: %.*s", out->trap.interrupt ? "interrupt" : "exception",
                 (int)(end ? end - name : (long)strlen(name)), name);
    else
        snprintf(out->trap.what, sizeof out->trap.what, "interrupt or exception");
    return true;
}
