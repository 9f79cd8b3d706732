/* Traps: entering handlers, returning from them, and which interrupt is next (Privileged, 3.1.6 to 3.1.9, 3.3.2). */
#include <stdio.h>

#include "cpu/riscv/priv.h"
#include "cpu/riscv/riscv.h"

#define TRAP_FIELDS                                                                                         \
    { { "cause", EV_STR }, { "code", EV_U64 }, { "pc", EV_HEX }, { "tval", EV_HEX },                         \
      { "from", EV_STR }, { "to", EV_STR }, { "why", EV_STR } }
const struct event_type riscv_event_trap = { "cpu.trap", "a hart enters a trap handler", TRAP_FIELDS };
const struct event_type riscv_event_interrupt = { "cpu.trap", "a hart enters a trap handler", TRAP_FIELDS };

const struct event_type riscv_event_register = {
    "cpu.register", "a CSR is written or read by an instruction, or written by a trap or the return from one",
    { { "name", EV_STR }, { "number", EV_HEX }, { "old", EV_HEX }, { "value", EV_HEX }, { "how", EV_STR } },
};
const struct event_type riscv_event_mode = { "cpu.mode", "the privilege changes", { { "from", EV_STR }, { "to", EV_STR } } };
const struct event_type riscv_event_reset = { "cpu.reset", "a hart is about to be reset", { { "pc", EV_HEX } } };

const char *riscv_cause_name(u64 cause, bool interrupt)
{
    static const char *const exceptions[] = {
        [CAUSE_FETCH_MISALIGNED] = "instruction address misaligned", [CAUSE_FETCH_ACCESS] = "instruction access fault",
        [CAUSE_ILLEGAL] = "illegal instruction", [CAUSE_BREAKPOINT] = "breakpoint",
        [CAUSE_LOAD_MISALIGNED] = "load address misaligned", [CAUSE_LOAD_ACCESS] = "load access fault",
        [CAUSE_STORE_MISALIGNED] = "store address misaligned", [CAUSE_STORE_ACCESS] = "store access fault",
        [CAUSE_ECALL_U] = "environment call from U-mode", [CAUSE_ECALL_S] = "environment call from S-mode",
        [CAUSE_ECALL_M] = "environment call from M-mode", [CAUSE_FETCH_PAGE] = "instruction page fault",
        [CAUSE_LOAD_PAGE] = "load page fault", [CAUSE_STORE_PAGE] = "store page fault",
    };
    static const char *const interrupts[] = {
        [1] = "supervisor software interrupt", [3] = "machine software interrupt",
        [5] = "supervisor timer interrupt",    [7] = "machine timer interrupt",
        [9] = "supervisor external interrupt", [11] = "machine external interrupt",
    };
    const char *name = NULL;
    if (interrupt && cause < ARRAY_LEN(interrupts))
        name = interrupts[cause];
    if (!interrupt && cause < ARRAY_LEN(exceptions))
        name = exceptions[cause];
    return name ? name : interrupt ? "reserved interrupt" : "reserved exception";
}

/* STIP of Sstc is a comparison, not a latch: it is made whenever someone asks (Sstc, chapter 2). */
u64 riscv_mip(const struct hart *h)
{
    u64 mip = h->mip_soft | h->mip_wires;
    if ((h->menvcfg & ENVCFG_STCE) && h->timebase.read && h->timebase.read(h->timebase.opaque) >= h->stimecmp)
        mip |= MIP_STIP;
    return mip;
}

/* Those for M-mode before those for S-mode; among them external, software, timer (3.1.9). */
int riscv_pending(const struct hart *h)
{
    static const u8 order[] = { 11, 3, 7, 9, 1, 5 };
    if (!h->mie)
        return -1;
    u64 pending = riscv_mip(h) & h->mie;
    if (!pending)
        return -1;
    u64 take = 0;
    if (h->priv < PRIV_M || (h->mstatus & MSTATUS_MIE))
        take = pending & ~h->mideleg;
    if (!take && (h->priv < PRIV_S || (h->priv == PRIV_S && (h->mstatus & MSTATUS_SIE))))
        take = pending & h->mideleg;
    if (take)
        for (size_t i = 0; i < ARRAY_LEN(order); i++)
            if (take >> order[i] & 1)
                return order[i];
    return -1;
}

bool riscv_wfi_wakes(const struct hart *h)
{
    return h->mie && (riscv_mip(h) & h->mie);
}

static u64 to_xlen(const struct hart *h, u64 v)
{
    return h->config.xlen == 64 ? v : (u64)sign_extend(v, 32);
}

static const char *mode_name(unsigned priv)
{
    return priv == PRIV_M ? "M" : priv == PRIV_S ? "S" : "U";
}

static u64 handler(const struct hart *h, u64 tvec, u64 cause, bool interrupt)
{
    u64 base = tvec & ~(u64)3;
    return to_xlen(h, (tvec & 1) && interrupt ? base + 4 * cause : base);
}

/* Privileged, 3.1.6.1 and 3.1.7: in M-mode with MIE clear no interrupt is taken, and M-mode fetches without translation.
 * So an instruction at mtvec that cannot be fetched, or is none, traps to itself: the second time mepc, mcause, MPP and
 * MPIE are what they were, and nothing moves any more. Only somebody who writes the handler's memory could help. Faults
 * of S-mode's handler are not taken for this: M-mode may have a timer, and the page tables may be about to be written. */
bool riscv_trapped_for_ever(const struct hart *h)
{
    return h->priv == PRIV_M && (h->mcause == CAUSE_FETCH_ACCESS || h->mcause == CAUSE_ILLEGAL) &&
           to_xlen(h, h->pc) == handler(h, h->mtvec, h->mcause, false) && to_xlen(h, h->mepc) == to_xlen(h, h->pc) &&
           !(h->mstatus & (MSTATUS_MIE | MSTATUS_MPIE)) && bits_get(h->mstatus, MSTATUS_MPP_SHIFT, 2) == PRIV_M;
}

/* Of an access fault: an address where nothing is, protection, or a device that refused: the hart sees one number for
 * all of them. The walk tells it as the tables and the protection are now, before the handler is entered. */
static void why_refused(struct hart *h, u64 cause, u64 tval, char *why, size_t n)
{
    enum cpu_access access = cause == CAUSE_FETCH_ACCESS ? CPU_EXEC : cause == CAUSE_LOAD_ACCESS ? CPU_READ : CPU_WRITE;
    struct cpu_walk w;
    riscv_walk(&h->cpu, tval, access, &w);
    if (!w.ok) {
        snprintf(why, n, "%s", w.why);
        return;
    }
    struct region *r = space_find(h->cpu.mem, w.pa);
    unsigned long long pa = w.pa;
    if (r && (access == CPU_WRITE ? r->write_direct : r->read_direct))
        snprintf(why, n, "PMP or the end of %s cuts the access to physical 0x%llx", r->name, pa);
    else if (r && access == CPU_EXEC)
        snprintf(why, n, "%s at physical 0x%llx is a device: it holds no instructions", r->name, pa);
    else if (r)
        snprintf(why, n, "%s at physical 0x%llx does not take this access", r->name, pa);
}

static void tell_trap(struct hart *h, u64 cause, bool interrupt, u64 tval, bool to_s)
{
    char why[sizeof ((struct cpu_walk *)NULL)->why] = "";
    if (!interrupt && (cause == CAUSE_FETCH_ACCESS || cause == CAUSE_LOAD_ACCESS || cause == CAUSE_STORE_ACCESS))
        why_refused(h, cause, tval, why, sizeof why);
    EVENT(h->cpu.bus, h->cpu.clock->now, h->cpu.name, interrupt ? &riscv_event_interrupt : &riscv_event_trap, { .s = riscv_cause_name(cause, interrupt) },
          { .u = cause }, { .u = h->pc }, { .u = tval }, { .s = mode_name(h->priv) }, { .s = to_s ? "S" : "M" },
          { .s = why });
}

/* What a trap and the return from one do to CSRs and the privilege, for those who listen: before, and after. */
enum { TOLD = 8 };
struct before {
    u64 v[TOLD];
    u8 priv;
};

static void note(const struct hart *h, struct before *b)
{
    *b = (struct before){ .v = { h->mstatus, h->mepc, h->mcause, h->mtval, 0, h->sepc, h->scause, h->stval }, .priv = h->priv };
    riscv_csr_peek(h, 0x100, &b->v[4]); /* a view of mstatus */
}

static void tell_changes(struct hart *h, const struct before *b)
{
    static const struct {
        const char *name;
        u16 number;
    } csr[TOLD] = { { "mstatus", 0x300 }, { "mepc", 0x341 }, { "mcause", 0x342 }, { "mtval", 0x343 },
                    { "sstatus", 0x100 }, { "sepc", 0x141 }, { "scause", 0x142 }, { "stval", 0x143 } };
    struct before now;
    note(h, &now);
    for (unsigned k = 0; event_wants(h->cpu.bus, EV_CPU_REGISTER) && k < TOLD; k++)
        if (now.v[k] != b->v[k])
            EVENT(h->cpu.bus, h->cpu.clock->now, h->cpu.name, &riscv_event_register, { .s = csr[k].name }, { .u = csr[k].number },
                  { .u = to_xlen(h, b->v[k]) }, { .u = to_xlen(h, now.v[k]) }, { .s = "trap" });
    if (now.priv != b->priv)
        EVENT_OF(EV_CPU_MODE, h->cpu.bus, h->cpu.clock->now, h->cpu.name, &riscv_event_mode, { .s = mode_name(b->priv) },
                 { .s = mode_name(now.priv) });
}

static bool told(const struct hart *h)
{
    return event_wants(h->cpu.bus, EV_CPU_REGISTER) || event_wants(h->cpu.bus, EV_CPU_MODE);
}

void riscv_trap(struct hart *h, u64 cause, bool interrupt, u64 tval, unsigned *effects)
{
    u64 deleg = interrupt ? h->mideleg : h->medeleg;
    bool to_s = h->priv <= PRIV_S && cause < 64 && (deleg >> cause & 1);
    u64 code = cause | (interrupt ? to_xlen(h, BIT64(h->config.xlen - 1)) : 0);
    unsigned from = h->priv;
    if (!to_s && riscv_trapped_for_ever(h) && h->mcause == code && h->mtval == to_xlen(h, tval))
        clock_kick(h->cpu.clock); /* the machine looks whether any hart can go on */
    if (UNLIKELY(event_wants(h->cpu.bus, EV_CPU_TRAP)))
        tell_trap(h, cause, interrupt, tval, to_s);
    struct before before;
    if (UNLIKELY(told(h)))
        note(h, &before);
    u64 s = h->mstatus;
    if (to_s) {
        h->sepc = h->pc;
        h->scause = code;
        h->stval = to_xlen(h, tval);
        s = bits_set(s, 8, 1, from == PRIV_S);
        s = bits_set(s, 5, 1, (s & MSTATUS_SIE) != 0);
        h->mstatus = s & ~MSTATUS_SIE;
        h->priv = PRIV_S;
        h->pc = handler(h, h->stvec, cause, interrupt);
    } else {
        h->mepc = h->pc;
        h->mcause = code;
        h->mtval = to_xlen(h, tval);
        s = bits_set(s, MSTATUS_MPP_SHIFT, 2, from);
        s = bits_set(s, 7, 1, (s & MSTATUS_MIE) != 0);
        h->mstatus = s & ~MSTATUS_MIE;
        h->priv = PRIV_M;
        h->pc = handler(h, h->mtvec, cause, interrupt);
    }
    h->cpu.idle = false;
    if (UNLIKELY(told(h)))
        tell_changes(h, &before);
    *effects |= EFFECT_CONTEXT | EFFECT_IRQ;
}

static void mret(struct hart *h)
{
    u64 s = h->mstatus;
    h->priv = (u8)bits_get(s, MSTATUS_MPP_SHIFT, 2);
    s = bits_set(s, 3, 1, (s & MSTATUS_MPIE) != 0) | MSTATUS_MPIE;
    s = bits_set(s, MSTATUS_MPP_SHIFT, 2, riscv_has(h, RV_U) ? PRIV_U : PRIV_M);
    if (h->priv != PRIV_M)
        s &= ~MSTATUS_MPRV;
    h->mstatus = s;
    h->pc = h->mepc;
}

static void sret(struct hart *h)
{
    u64 s = h->mstatus;
    h->priv = s & MSTATUS_SPP ? PRIV_S : PRIV_U;
    s = bits_set(s, 1, 1, (s & MSTATUS_SPIE) != 0) | MSTATUS_SPIE;
    h->mstatus = s & ~(MSTATUS_SPP | MSTATUS_MPRV);
    h->pc = h->sepc;
}

static bool trap_return(struct hart *h, void (*how)(struct hart *h), unsigned *effects)
{
    struct before before;
    if (UNLIKELY(told(h)))
        note(h, &before);
    how(h);
    if (UNLIKELY(told(h)))
        tell_changes(h, &before);
    *effects |= EFFECT_CONTEXT | EFFECT_IRQ;
    return true;
}

bool riscv_mret(struct hart *h, unsigned *effects)
{
    return h->priv == PRIV_M && trap_return(h, mret, effects);
}

bool riscv_sret(struct hart *h, unsigned *effects)
{
    if (!riscv_has(h, RV_S) || h->priv < PRIV_S || (h->priv == PRIV_S && (h->mstatus & MSTATUS_TSR)))
        return false;
    return trap_return(h, sret, effects);
}
