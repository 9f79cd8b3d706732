/* State and memory: the software TLB in the context, and windows. */
#include "jit/emit_x64.h"

static void store_value(struct em *m, ir_val v, unsigned size, unsigned base, int index, i64 disp)
{
    struct out *x = &m->out;
    unsigned loc = m->ra->loc[v], reg;
    u32 op;
    bool w = false, force = false;
    if (in_xmm(loc) && size >= 4) {
        reg = loc - LOC_XMM;
        op = X_PREFIX(size == 8 ? 0xf2 : 0xf3) | X_0F | 0x11;
    } else {
        reg = use(m, v, T1);
        op = size == 1 ? 0x88 : size == 2 ? X_PREFIX(0x66) | 0x89 : 0x89;
        w = size == 8;
        force = size == 1;
    }
    if (index < 0)
        x_rm(x, w, force, op, reg, base, disp);
    else
        x_rmx(x, w, force, op, reg, base, (unsigned)index, 0, disp);
}

void x64_put(struct em *m, ir_val v, u64 offset)
{
    unsigned loc = m->ra->loc[v];
    if (loc == LOC_CONST && fits(m->ir->insn[v].imm)) {
        x_rm(&m->out, true, false, 0xc7, 0, STATE, (i64)offset);
        x_imm(&m->out, m->ir->insn[v].imm, 4);
    } else {
        store_value(m, v, 8, STATE, -1, (i64)offset);
    }
}

void x64_load(struct em *m, ir_val k, const struct ir_insn *i, unsigned base, int index, i64 disp)
{
    static const u32 ops[2][4] = { { X_0F | 0xb6, X_0F | 0xb7, 0x8b, 0x8b }, { X_0F | 0xbe, X_0F | 0xbf, 0x63, 0x8b } };
    bool is_float = in_xmm(m->ra->loc[k]) && i->size >= 4;
    unsigned d = is_float ? m->ra->loc[k] - (unsigned)LOC_XMM : target(m, k);
    u32 op = is_float ? X_PREFIX(i->size == 8 ? 0xf2 : 0xf3) | X_0F | 0x10 : ops[i->sign][__builtin_ctz(i->size)];
    bool w = !is_float && (i->sign || i->size == 8);
    if (index < 0)
        x_rm(&m->out, w, false, op, d, base, disp);
    else
        x_rmx(&m->out, w, false, op, d, base, (unsigned)index, 0, disp);
    if (!is_float)
        done(m, k, d);
}

/* Checking: writes down what is at the host address in rsi. Keeps all but that and the flags. */
static void log_store(struct em *m, unsigned size)
{
    static const u32 load[] = { X_0F | 0xb6, X_0F | 0xb7, 0x8b, 0x8b };
    struct out *x = &m->out;
    x_byte(x, 0x50); /* push rax, rcx */
    x_byte(x, 0x51);
    x_mov_imm(x, RAX, (u64)(uintptr_t)m->env->check_log);
    x_rm(x, true, false, 0x8b, RCX, RAX, 0);
    x_rm(x, true, false, 0x89, RSI, RCX, offsetof(struct jit_stored, host));
    x_rm(x, true, false, 0xc7, 0, RCX, offsetof(struct jit_stored, size));
    x_imm(x, size, 4);
    x_rm(x, size == 8, false, load[__builtin_ctz(size)], RSI, RSI, 0);
    x_rm(x, true, false, 0x89, RSI, RCX, offsetof(struct jit_stored, old));
    x_rm(x, true, false, 0x83, 0, RAX, 0); /* add qword [rax], the size of an entry */
    x_imm(x, sizeof(struct jit_stored), 1);
    x_byte(x, 0x59);
    x_byte(x, 0x58);
}

/* The place of the entry for the address, to rax: behind the context's start. */
static void tlb_entry(struct em *m, unsigned a)
{
    struct out *x = &m->out;
    const struct jit_env *env = m->env;
    if (m->e->bmi2) { /* rorx: what comes in from below is masked away */
        x_vex(x, 3, 3, false, 0xf0, T0, 0, a);
        x_byte(x, env->page_shift - env->tlb_shift);
    } else {
        x_rr(x, false, 0x89, a, T0);
        x_shift_imm(x, false, 5, T0, env->page_shift - env->tlb_shift);
    }
    x_alu_imm(x, false, 4, T0, (i32)(((1u << env->tlb_bits) - 1) << env->tlb_shift));
}

/* The address comes back in a register, the page's addend in rax. The tag is compared with the page of the last byte:
 * an access into the next page differs there. LOCATE wants its operand aligned as well. */
static unsigned through_tlb(struct em *m, const struct ir_insn *i, u32 tag)
{
    struct out *x = &m->out;
    const struct jit_env *env = m->env;
    bool aligned = i->op == IR_LOCATE;
    unsigned a = use(m, i->a, T2);
    if (i->imm) {
        x_rm(x, true, false, 0x8d, T2, a, (i64)i->imm);
        a = T2;
    }
    tlb_entry(m, a);
    if (aligned || i->size == 1)
        x_mov(x, T1, a);
    else
        x_rm(x, true, false, 0x8d, T1, a, i->size - 1);
    x_alu_imm(x, true, 4, T1, (i32)(-(1 << env->page_shift) | (aligned ? i->size - 1 : 0)));
    x_rmx(x, true, false, 0x3b, T1, CTX, T0, 0, tag);
    exit_on(m, CC_NE, i->exit);
    x_rmx(x, true, false, 0x8b, T0, CTX, T0, 0, env->tlb_addend);
    return a;
}

static void poke(struct em *m, const struct ir_insn *i)
{
    if (m->env->check_log) {
        x_rm(&m->out, true, false, 0x8d, T1, use(m, i->a, T1), (i64)i->imm);
        log_store(m, i->size);
    }
    store_value(m, i->b, i->size, use(m, i->a, T2), -1, (i64)i->imm);
}

static void by_tlb(struct em *m, ir_val k, const struct ir_insn *i)
{
    unsigned a = through_tlb(m, i, i->op == IR_LOAD ? m->env->tlb_read : m->env->tlb_write);
    if (i->op == IR_LOAD) {
        x64_load(m, k, i, T0, (int)a, 0);
    } else if (i->op == IR_STORE) {
        if (m->env->check_log) {
            x_rmx(&m->out, true, false, 0x8d, T1, T0, a, 0, 0);
            log_store(m, i->size);
        }
        store_value(m, i->b, i->size, T0, (int)a, 0);
    } else {
        x_rr(&m->out, true, 0x01, a, T0);
        done(m, k, T0);
    }
}

/* sign: by the tag for stores. */
static void phys(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *x = &m->out;
    const struct jit_env *env = m->env;
    unsigned a = use(m, i->a, T2);
    tlb_entry(m, a);
    x_mov(x, T1, a);
    x_alu_imm(x, true, 4, T1, (i32) - (1 << env->page_shift));
    x_rmx(x, true, false, 0x3b, T1, CTX, T0, 0, i->sign ? env->tlb_write : env->tlb_read);
    exit_on(m, CC_NE, i->exit);
    x_rmx(x, true, false, 0x8b, T0, CTX, T0, 0, env->tlb_phys);
    x_alu_imm(x, true, 4, T0, (i32) - (1 << env->page_shift));
    x_mov(x, T1, a);
    x_alu_imm(x, false, 4, T1, (1 << env->page_shift) - 1);
    x_rr(x, true, 0x09, T1, T0);
    done(m, k, T0);
}

/* The host address of a window's first byte to register d; its guest address is in T1. */
static void window_by_tlb(struct em *m, const struct ir_insn *i, unsigned d, u32 site)
{
    struct out *x = &m->out;
    const struct jit_env *env = m->env;
    tlb_entry(m, T1);
    x_rm(x, true, false, 0x8d, T2, T1, i->size - 1);
    x_alu_imm(x, true, 4, T2, (i32) - (1 << env->page_shift));
    if (i->c & IR_READS) {
        x_rmx(x, true, false, 0x3b, T2, CTX, T0, 0, env->tlb_read);
        exit_on(m, CC_NE, i->exit);
    }
    if (i->c & IR_WRITES) {
        x_rmx(x, true, false, 0x3b, T2, CTX, T0, 0, env->tlb_write);
        exit_on(m, CC_NE, i->exit);
    }
    if (site) {
        x_rmx(x, false, false, 0x80, 1, CTX, T0, 0, env->tlb_phys); /* or byte */
        x_byte(x, env->tlb_sited);
    }
    x_rmx(x, true, false, 0x8b, T0, CTX, T0, 0, env->tlb_addend);
    if (site) {
        x_rm(x, true, false, 0x89, T2, CTX, site);
        x_rr(x, true, 0x01, T0, T2);
        x_rm(x, true, false, 0x89, T2, CTX, site + 8);
    }
    x_rmx(x, true, false, 0x8d, d, T0, T1, 0, 0); /* lea */
}

/* Of the same guest instruction, when the run goes by it more than once, else another. */
static u32 site_of(const struct em *m, const struct ir_insn *i)
{
    for (unsigned n = 0; n < m->n_windows; n++)
        if (m->ir->exit[m->ir->insn[m->window[n].k].exit].slot == m->ir->exit[i->exit].slot)
            return m->window[n].site;
    return m->env->sites + 16 * (m->env->next_site(m->env->opaque) & ((1u << m->env->site_bits) - 1));
}

/* In a region each window has a site: the page it was in the last time. Five instructions say whether it still is. */
static void window(struct em *m, ir_val k, const struct ir_insn *i)
{
    struct out *x = &m->out;
    const struct jit_env *env = m->env;
    if (!m->ir->sites || m->n_windows == ARRAY_LEN(m->window)) {
        unsigned a = use(m, i->a, T1), d = target(m, k);
        x_rm(x, true, false, 0x8d, T1, a, (i64)i->imm);
        window_by_tlb(m, i, d, 0);
        done(m, k, d);
        return;
    }
    u32 site = site_of(m, i);
    unsigned a = use(m, i->a, T2), d = target(m, k);
    if (d == a)
        d = T0;
    if (i->imm)
        x_rm(x, true, false, 0x8d, d, a, (i64)i->imm);
    else
        x_mov(x, d, a);
    x_rm(x, true, false, 0x33, d, CTX, site);
    x_alu_imm(x, true, 7, d, (1 << env->page_shift) - i->size);
    m->window[m->n_windows].at = x_jcc(x, CC_A);
    x_rm(x, true, false, 0x03, d, CTX, site + 8);
    m->window[m->n_windows].back = x->p;
    m->window[m->n_windows].k = k;
    m->window[m->n_windows++].site = site;
    done(m, k, d);
}

void x64_missed_windows(struct em *m)
{
    struct out *x = &m->out;
    for (unsigned n = 0; n < m->n_windows; n++) {
        const struct ir_insn *i = &m->ir->insn[m->window[n].k];
        x_land(m->window[n].at, x->p);
        unsigned a = use(m, i->a, T1), d = target(m, m->window[n].k);
        x_rm(x, true, false, 0x8d, T1, a, (i64)i->imm);
        window_by_tlb(m, i, d == a ? (unsigned)T0 : d, m->window[n].site);
        x_land(x_jmp(x), m->window[n].back);
    }
}

void x64_memory(struct em *m, ir_val k, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_PHYS: phys(m, k, i); break;
    case IR_WINDOW: window(m, k, i); break;
    case IR_PEEK: x64_load(m, k, i, use(m, i->a, T2), -1, (i64)i->imm); break;
    case IR_POKE: poke(m, i); break;
    default: by_tlb(m, k, i); /* LOAD, STORE, LOCATE */
    }
}
