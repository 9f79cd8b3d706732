/* Control: exits, links, jumps through the cache, and the way back of a loop. */
#include "jit/emit_x64.h"
#include "jit/moves.h"

static void go_to(struct x64 *x, const struct jit_env *env, u64 handler)
{
    if (env->check_left) {
        x_mov_imm(x, R9, handler);
        handler = env->check_left;
    }
    x_mov_imm(x, RAX, handler);
    x_rr(x, false, 0xff, 4, RAX);
}

/* To the handler of the slot in rsi. */
static void go_to_slot(struct x64 *x, const struct jit_env *env)
{
    if (env->check_left)
        go_to(x, env, 0);
    else
        x_rm(x, false, false, 0xff, 4, SLOT, env->slot_handler);
}

static void set_base(struct em *m, const struct ir_exit *e)
{
    if (e->base != IR_BASE_STAYS)
        x_mov_imm(&m->x, BASE, e->base);
}

/* The budget falls by what the link's block takes. Returns the jump to where that is too much. */
static u8 *follow(struct em *m, u64 link)
{
    struct x64 *x = &m->x;
    u32 count;
    u64 slot;
    const u8 *to = m->env->direct(m->env->opaque, link, &slot, &count);
    if (slot) {
        x_alu_imm(x, true, 5, BUDGET, (i32)count);
        u8 *too_far = x_jcc(x, CC_L);
        if (m->env->check_left) {
            x_mov_imm(x, SLOT, slot);
            go_to(x, m->env, 0);
            return too_far;
        }
        u8 *at = x_jmp(x);
        if (to) {
            x_land(at, to - m->shift);
        } else {
            m->waiting[m->n_waiting].at = at;
            m->waiting[m->n_waiting++].slot = slot;
            m->env->wait(m->env->opaque, slot, at);
        }
        return too_far;
    }
    x_byte(x, 0x48); /* mov rax, [link] */
    x_byte(x, 0xa1);
    x_imm(x, link, 8);
    x_mov(x, SLOT, RAX);
    x_rm(x, true, false, 0x2b, BUDGET, SLOT, m->env->slot_count);
    u8 *too_far = x_jcc(x, CC_L);
    go_to_slot(x, m->env);
    return too_far;
}

static void chain(struct em *m, u64 link, u16 exit)
{
    set_base(m, &m->ir->exit[exit]);
    u8 *too_far = follow(m, link);
    m->fixup[m->n_fixups++] = (struct fixup){ too_far, exit, IR_NONE };
}

/* To the address in T2. */
static void jump(struct x64 *x, const struct jit_env *env)
{
    x_mov(x, RAX, T2);
    if (env->jump_shift)
        x_shift_imm(x, true, 5, RAX, env->jump_shift);
    x_mov(x, RSI, T2);
    x_shift_imm(x, true, 5, RSI, env->jump_xor);
    x_rr(x, false, 0x31, RSI, RAX);
    x_alu_imm(x, false, 4, RAX, (i32)((1u << env->jump_bits) - 1));
    unsigned scale = env->jump_entry == 24 ? 3 : 0;
    if (scale) { /* three times eight */
        x_rmx(x, true, false, 0x8d, RAX, RAX, RAX, 1, 0);
    } else {
        x_rr(x, true, 0x69, RAX, RAX);
        x_imm(x, env->jump_entry, 4);
    }
    x_rmx(x, true, false, 0x3b, T2, CTX, RAX, scale, env->jump_table + env->jump_pc);
    u8 *miss1 = x_jcc(x, CC_NE);
    x_rm(x, true, false, 0x8b, RSI, CTX, env->ctx_gen);
    x_rmx(x, true, false, 0x3b, RSI, CTX, RAX, scale, env->jump_table + env->jump_gen);
    u8 *miss2 = x_jcc(x, CC_NE);
    x_rmx(x, true, false, 0x8b, SLOT, CTX, RAX, scale, env->jump_table + env->jump_slot);
    x_mov(x, BASE, T2);
    x_alu_imm(x, true, 4, BASE, (i32) - (1 << env->page_shift));
    if (env->state_base)
        x_rm(x, true, false, 0x89, BASE, STATE, env->state_base);
    x_rm(x, true, false, 0x2b, BUDGET, SLOT, env->slot_count);
    u8 *too_far = x_jcc(x, CC_L);
    go_to_slot(x, env);
    x_land(too_far, x->p);
    go_to(x, env, env->jump_too_far);
    x_land(miss1, x->p);
    x_land(miss2, x->p);
    if (env->check_left) {
        x_mov(x, SLOT, T2);
    } else {
        x_mov(x, RSI, RDX);
        x_mov(x, RDX, RCX);
        x_mov(x, RCX, T2);
    }
    go_to(x, env, env->jump_missed);
}

/* The entry of a constant address is at a constant place. */
static void leads(struct em *m, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    const struct jit_env *env = m->env;
    u64 pc = m->ir->insn[i->a].imm;
    u64 entry = ((pc >> env->jump_shift ^ pc >> env->jump_xor) & ((1u << env->jump_bits) - 1)) * env->jump_entry + env->jump_table;
    x_rm(x, true, false, 0x8b, T0, CTX, env->ctx_gen);
    x_rm(x, true, false, 0x33, T0, CTX, (i64)(entry + env->jump_gen));
    x_mov_imm(x, T1, pc);
    x_rm(x, true, false, 0x33, T1, CTX, (i64)(entry + env->jump_pc));
    x_rr(x, true, 0x09, T1, T0);
    x_mov_imm(x, T1, i->imm);
    x_rm(x, true, false, 0x33, T1, CTX, (i64)(entry + env->jump_slot));
    x_rr(x, true, 0x09, T1, T0);
    exit_on(m, CC_NE, i->exit);
}

static void heat(struct em *m, const struct ir_insn *i)
{
    struct x64 *x = &m->x;
    i64 away = (i64)i->imm - (i64)(uintptr_t)(x->p + m->shift + 7);
    if (away == (i32)away) { /* sub dword [rip + away], 1 */
        x_byte(x, 0x83);
        x_byte(x, 0x2d);
        x_imm(x, (u64)away, 4);
    } else {
        x_mov_imm(x, T0, i->imm);
        x_byte(x, 0x83);
        x_byte(x, 0x28);
    }
    x_byte(x, 1);
    exit_on(m, CC_S, i->exit);
    m->body = x->p;
}

/* --- the way back of a loop --- */

static void move(struct em *m, const struct move *v)
{
    struct x64 *x = &m->x;
    unsigned to = v->to, from = v->from;
    if (to == LOC_SCRATCH) {
        load_to(m, T0, v->value);
    } else if (in_gpr(to)) {
        if (from == LOC_SCRATCH)
            x_mov(x, to - LOC_GPR, T0);
        else
            load_to(m, to - LOC_GPR, v->value);
    } else if (in_xmm(to) && in_xmm(from)) {
        mov_xmm(m, to - LOC_XMM, from - LOC_XMM);
    } else if (in_xmm(to) && from >= LOC_SPILL) {
        x_rm(x, false, false, X_PREFIX(0xf3) | X_0F | 0x7e, to - LOC_XMM, RSP, spill_at(from));
    } else {
        unsigned reg = from == LOC_SCRATCH ? (unsigned)T0 : use(m, v->value, T2);
        if (in_xmm(to))
            x_rr(x, true, X_PREFIX(0x66) | X_0F | 0x6e, to - LOC_XMM, reg);
        else
            x_rm(x, true, false, 0x89, reg, RSP, spill_at(to));
    }
}

/* The host fetches and decodes in aligned chunks: a loop begins with one. */
static void align(struct x64 *x)
{
    static const u8 nop[] = { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 };
    unsigned n = -(unsigned)(uintptr_t)x->p & 31;
    for (; n >= sizeof nop; n -= sizeof nop)
        for (unsigned k = 0; k < sizeof nop; k++)
            x_byte(x, nop[k]);
    for (; n; n--)
        x_byte(x, 0x90);
}

/* A round begins behind the params, which are loaded once. */
static void mark(struct em *m, ir_val k)
{
    while (m->ir->insn[++k].op == IR_PARAM || m->ir->insn[k].op == IR_NOP)
        if (m->ra->loc[k] != LOC_NONE)
            x64_load(m, k, &m->ir->insn[k], STATE, -1, (i64)m->ir->insn[k].imm);
    align(&m->x);
    m->mark = m->x.p;
}

/* What no round takes as a param goes to the state. */
static void go_back(struct em *m, const struct ir_insn *loop)
{
    struct way_back w;
    way_back(&w, m->ir, m->ra, &m->ir->exit[loop->exit]);
    for (unsigned k = 0; k < w.n_puts; k++)
        x64_put(m, w.put[k].value, w.put[k].offset);
    for (unsigned k = 0; k < w.n_moves; k++)
        move(m, &w.move[k]);
    for (unsigned k = 0; k < w.n_gets; k++)
        x64_load(m, w.get[k], &m->ir->insn[w.get[k]], STATE, -1, (i64)m->ir->insn[w.get[k]].imm);
    x_land(x_jmp(&m->x), m->mark);
}

/* --- ways out --- */

void x64_exits(struct em *m)
{
    struct x64 *x = &m->x;
    for (unsigned n = 0; n < m->n_fixups; n++) {
        struct fixup *f = &m->fixup[n];
        const struct ir_exit *e = &m->ir->exit[f->exit];
        x_land(f->at, x->p);
        if (f->jump != IR_NONE)
            load_to(m, T2, f->jump);
        for (u32 p = 0; p < e->n_puts; p++)
            x64_put(m, m->ir->put[e->first_put + p].value, m->ir->put[e->first_put + p].offset);
        if (f->jump != IR_NONE) {
            jump(x, m->env);
            continue;
        }
        set_base(m, e);
        if (e->link) {
            u8 *too_far = follow(m, e->link);
            x_land(too_far, x->p);
        }
        x_mov_imm(x, SLOT, e->slot);
        go_to(x, m->env, e->handler);
    }
    for (unsigned n = 0; n < m->n_waiting; n++) {
        x_land(m->waiting[n].at, x->p);
        x_mov_imm(x, SLOT, m->waiting[n].slot);
        x_rm(x, false, false, 0xff, 4, SLOT, m->env->slot_handler);
    }
}

void x64_control(struct em *m, ir_val k, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_EXIT_IF: exit_on(m, x64_condition(m, i->a), i->exit); break;
    case IR_JUMP_IF:
        exit_on(m, x64_condition(m, i->a), i->exit);
        m->fixup[m->n_fixups - 1].jump = i->b;
        break;
    case IR_LEAVE: m->fixup[m->n_fixups++] = (struct fixup){ x_jmp(&m->x), i->exit, IR_NONE }; break;
    case IR_PASS:
        x_alu_imm(&m->x, true, 5, BUDGET, (i32)i->imm);
        exit_on(m, CC_L, i->exit);
        break;
    case IR_HEAT: heat(m, i); break;
    case IR_LEADS: leads(m, i); break;
    case IR_MARK: mark(m, k); break;
    case IR_LOOP: go_back(m, i); break;
    case IR_CHAIN: chain(m, i->imm, i->exit); break;
    case IR_CHAIN_IF: {
        u8 *taken = x_jcc(&m->x, x64_condition(m, i->a));
        chain(m, i->imm + m->env->link_other, (u16)(i->exit + 1));
        x_land(taken, m->x.p);
        chain(m, i->imm, i->exit);
        break;
    }
    default: /* JUMP */
        load_to(m, T2, i->a);
        jump(&m->x, m->env);
    }
}
