/* A hart as a CPU: made, reset, looked at, saved. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/riscv/engine.h"

/* --- registers ------------------------------------------------------------------------------------------------ */

enum { REGS_X = 0, REGS_PC = 32, REGS_F = 33, REGS_CSR = 65 };

static void add_reg(struct cpu_reg *r, const char *name, const char *group, unsigned bits, unsigned number,
                    const char *doc)
{
    *r = (struct cpu_reg){ .name = name, .group = group, .bits = (u16)bits, .number = number, .doc = doc };
}

/* x, pc, f (when there are any) and the CSRs, in this order. */
static const struct cpu_reg *make_regs(struct hart *h)
{
    struct riscv_engine *e = h->engine;
    size_t n_csr = 0, n = 0;
    const struct cpu_reg *csr = riscv_csr_regs(h, &n_csr);
    struct cpu_reg *r = ARENA_ARRAY(e->arena, struct cpu_reg, REGS_CSR + n_csr + 1);

    for (unsigned k = 0; k < 32; k++)
        add_reg(&r[n++], riscv_x_names[k], "general", h->config.xlen, k, arena_printf(e->arena, "x%u", k)), r[n - 1].told = true;
    add_reg(&r[n++], "pc", "general", h->config.xlen, 32, "address of the next instruction");
    if (riscv_has(h, RV_F))
        for (unsigned k = 0; k < 32; k++)
            add_reg(&r[n++], riscv_f_names[k], "float", riscv_has(h, RV_D) ? 64 : 32, k,
                    arena_printf(e->arena, "f%u", k)), r[n - 1].told = true;
    e->first_csr = n;
    for (size_t k = 0; k < n_csr; k++)
        r[n++] = csr[k];
    e->n_regs = n;
    return r;
}

static const struct cpu_reg *regs(const struct cpu *c)
{
    struct hart *h = (struct hart *)(uintptr_t)c; /* the list is made when first asked for; not state */
    if (!h->engine->regs)
        h->engine->regs = make_regs(h);
    return h->engine->regs;
}

const struct cpu_reg *rv_reg(const struct hart *h, unsigned group, unsigned number)
{
    const struct cpu_reg *r = regs(&h->cpu);
    if (group == OBS_X)
        return &r[REGS_X + number];
    if (group == OBS_F)
        return riscv_has(h, RV_F) ? &r[REGS_F + number] : NULL;
    for (size_t k = h->engine->first_csr; k < h->engine->n_regs; k++)
        if (r[k].number == number)
            return &r[k];
    return NULL;
}

static u64 shown(const struct hart *h, u64 v) { return h->config.xlen == 32 ? (u32)v : v; }

static bool reg_get(const struct cpu *c, const struct cpu_reg *r, u64 *value)
{
    const struct hart *h = (const struct hart *)c;
    if (!strcmp(r->group, "general"))
        *value = r->number == 32 ? shown(h, h->pc) : shown(h, h->x[r->number]);
    else if (!strcmp(r->group, "float"))
        *value = r->bits == 32 ? (u32)h->f[r->number] : h->f[r->number];
    else
        return riscv_csr_peek(h, r->number, value);
    return true;
}

static void forget(struct hart *h)
{
    rv_tlb_flush(h);
    h->engine->look = true;
}

static bool reg_set(struct cpu *c, const struct cpu_reg *r, u64 value)
{
    struct hart *h = hart_of(c);
    if (!strcmp(r->group, "general")) {
        if (r->number == 32)
            c->ops->set_pc(c, value);
        else if (r->number)
            h->x[r->number] = h->config.xlen == 32 ? (u64)(i64)(i32)(u32)value : value;
        return r->number != 0;
    }
    if (!strcmp(r->group, "float")) {
        h->f[r->number] = r->bits == 32 ? value | (u64)0xffffffff << 32 : value;
        return true;
    }
    bool ok = riscv_csr_poke(h, r->number, value);
    forget(h);
    return ok;
}

static u64 get_pc(const struct cpu *c) { return ((const struct hart *)c)->pc; }

static void set_pc(struct cpu *c, u64 pc)
{
    struct hart *h = hart_of(c);
    h->pc = rv_addr(h, pc) & ~(riscv_has(h, RV_C) ? (u64)1 : (u64)3);
}

static const char *privilege_name(const struct cpu *c)
{
    switch (((const struct hart *)c)->priv) {
    case PRIV_U: return "U";
    case PRIV_S: return "S";
    default: return "M";
    }
}

/* --- control ---------------------------------------------------------------------------------------------------- */

static void reset(struct cpu *c, u64 pc)
{
    struct hart *h = hart_of(c);
    EVENT(c->bus, c->clock->now, c->name, &riscv_event_reset, { .u = pc });
    memset(h->x, 0, sizeof h->x);
    memset(h->f, 0, sizeof h->f);
    h->frm = h->fflags = 0;
    c->idle = false;
    c->skip_stop_at = CLOCK_NEVER;
    riscv_priv_reset(h);
    set_pc(c, pc);
    forget(h);
}

static void set_irq(struct cpu *c, u32 line, bool level)
{
    struct hart *h = hart_of(c);
    u64 bit = (u64)1 << (line & 63);
    if (line == 1) /* SSIP is set by an edge (ACLINT's SSWI) and cleared by software: not a level (Privileged, 10.1.3) */
        h->mip_soft |= level ? bit : 0;
    else
        h->mip_wires = level ? h->mip_wires | bit : h->mip_wires & ~bit;
    h->engine->look = h->engine->leave = true;
}

static bool has_work(const struct cpu *c)
{
    return !c->idle || riscv_wfi_wakes((const struct hart *)c);
}

static bool stuck(const struct cpu *c, char *why, size_t n)
{
    const struct hart *h = (const struct hart *)c;
    if (c->idle && !h->mie)
        return snprintf(why, n, "%s waits (wfi) with no interrupt enabled", c->name), true;
    if (!riscv_trapped_for_ever(h))
        return false;
    snprintf(why, n, "%s traps for ever: %s at 0x%llx (tval 0x%llx), the first instruction of its own trap handler; set "
             "mtvec to a handler, and let -d int show the trap that came first",
             c->name, riscv_cause_name(h->mcause, false), (unsigned long long)h->mepc, (unsigned long long)h->mtval);
    return true;
}

/* Armed addresses are in the blocks and watched pages are not in the TLB. The chain in progress still needs its blocks:
 * before the next one those that differ are made anew. */
static void stops_changed(struct cpu *c)
{
    struct hart *h = hart_of(c);
    cpu_watch_reach(c);
    h->engine->restop = true;
    forget(h);
}

static void state_loaded(struct cpu *c)
{
    struct hart *h = hart_of(c);
    h->x[0] = h->x[32] = 0;
    cpu_pages_flush(&h->engine->pages);
    forget(h);
}

static void describe(const struct cpu *c, struct buf *out)
{
    const struct riscv_engine *e = ((const struct hart *)c)->engine;
    buf_printf(out, "blocks built %llu, block cache %llu of %llu KiB used, emptied %llu times, code pages rewritten %llu\n",
               (unsigned long long)e->count.blocks, (unsigned long long)(e->pages.used >> 10),
               (unsigned long long)(e->pages.size >> 10), (unsigned long long)e->pages.count.flushes,
               (unsigned long long)e->pages.count.dropped);
    buf_printf(out, "code pages dropped for stop points %llu\n", (unsigned long long)e->pages.count.stopped);
    buf_printf(out, "TLB fills %llu, flushes %llu, page-table entries in use rewritten %llu, address spaces entered %llu, "
               "the kernel's translations kept %llu times\n",
               (unsigned long long)e->count.tlb_fills, (unsigned long long)e->count.tlb_flushes,
               (unsigned long long)e->count.tlb_drops, (unsigned long long)e->count.spaces,
               (unsigned long long)e->count.shared);
    if (e->tier)
        e->tier->describe(e->tier, out);
}

/* --- state ------------------------------------------------------------------------------------------------------ */

#define H(member) STATE(struct hart, member)
#define HA(member) STATE_ARRAY(struct hart, member)
static const struct state_field state[] = {
    { "retired", offsetof(struct hart, cpu.retired), 8, 1, false },
    { "idle", offsetof(struct hart, cpu.idle), sizeof(bool), 1, true },
    { "x", offsetof(struct hart, x), 8, 32, false }, /* x[32] is a sink, not state */
    HA(f), H(pc), H(priv), H(frm), H(fflags), H(lr_valid), H(lr_addr),
    H(mstatus), H(mie), H(mip_soft), H(mip_wires),
    H(medeleg), H(mideleg), H(mtvec), H(mepc), H(mcause), H(mtval), H(mscratch), H(mcounteren), H(mcountinhibit),
    H(menvcfg), H(mseccfg),
    H(stvec), H(sepc), H(scause), H(stval), H(sscratch), H(satp), H(scounteren), H(senvcfg), H(stimecmp),
    H(mcycle_base), H(minstret_base), HA(mhpmcounter), HA(mhpmevent), HA(pmpcfg), HA(pmpaddr),
    H(tselect), H(mstateen0), H(sstateen0),
    STATE_END,
};

static const struct cpu_ops ops64 = {
    .isa = "riscv64", .reset = reset, .run = rv_run, .set_irq = set_irq, .has_work = has_work,
    .stuck = stuck, .stops_changed = stops_changed, .get_pc = get_pc, .set_pc = set_pc, .regs = regs, .reg_get = reg_get,
    .reg_set = reg_set, .privilege_name = privilege_name, .walk = riscv_walk, .disasm = riscv_disasm,
    .state = state, .state_loaded = state_loaded, .describe = describe,
};
static const struct cpu_ops ops32 = {
    .isa = "riscv32", .reset = reset, .run = rv_run, .set_irq = set_irq, .has_work = has_work,
    .stuck = stuck, .stops_changed = stops_changed, .get_pc = get_pc, .set_pc = set_pc, .regs = regs, .reg_get = reg_get,
    .reg_set = reg_set, .privilege_name = privilege_name, .walk = riscv_walk, .disasm = riscv_disasm,
    .state = state, .state_loaded = state_loaded, .describe = describe,
};

struct cpu *riscv_new(struct arena *a, const struct riscv_config *config, unsigned index, struct space *mem,
                      struct clock *clock, struct event_bus *bus, struct timebase timebase, struct err *e)
{
    if (config->xlen != 32 && config->xlen != 64) {
        err_set(e, "CPU model '%s' has registers of %u bits; a RISC-V hart has 32 or 64", config->model, config->xlen);
        return NULL;
    }
    struct hart *h = ARENA_NEW(a, struct hart);
    struct riscv_engine *eng = ARENA_NEW(a, struct riscv_engine);
    h->cpu = (struct cpu){ .ops = config->xlen == 32 ? &ops32 : &ops64, .name = arena_printf(a, "hart%u", index),
                           .index = index, .mem = mem, .clock = clock, .bus = bus, .skip_stop_at = CLOCK_NEVER };
    h->config = *config;
    h->timebase = timebase;
    h->engine = eng;
    eng->hart = h;
    eng->arena = a;
    eng->decoder = rv_decoder_new(a, config);
    eng->handlers = config->xlen == 32 ? rv32_handlers : rv64_handlers;
    rv_pairs_init(eng);
    eng->misaligned = riscv_has(h, RV_C) ? 0 : 2;
    eng->ctx = xcalloc(RV_CTX_COUNT, sizeof *eng->ctx);
    arena_defer(a, free, eng->ctx);
    rv_tlb_init(eng);
    rv_blocks_init(eng);
    riscv_sstc_init(h);
    reset(&h->cpu, config->reset_pc);
    return &h->cpu;
}
