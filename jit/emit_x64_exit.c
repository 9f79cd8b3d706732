/* Control: links, jumps through the cache, the moves of a loop, ways in; and the list of all pieces. */
#include "jit/emit_x64.h"

static void go_to(struct out *x, const struct jit_env *env, u64 handler)
{
    if (env->check_left) {
        x_mov_imm(x, R9, handler);
        handler = env->check_left;
    }
    x_mov_imm(x, RAX, handler);
    x_rr(x, false, 0xff, 4, RAX);
}

/* To the handler of the slot in rsi. */
static void go_to_slot(struct out *x, const struct jit_env *env)
{
    if (env->check_left)
        go_to(x, env, 0);
    else
        x_rm(x, false, false, 0xff, 4, SLOT, env->slot_handler);
}

static void set_base(struct out *x, u64 base) { x_mov_imm(x, BASE, base); }
static void set_slot(struct out *x, u64 slot) { x_mov_imm(x, SLOT, slot); }
static void set_target(struct em *m, ir_val v) { load_to(m, T2, v); }

static u8 *branch_if(struct em *m, ir_val v) { return x_jcc(&m->out, x64_condition(m, v)); }

static u8 *pass(struct out *x, u64 n)
{
    x_alu_imm(x, true, 5, BUDGET, (i32)n);
    return x_jcc(x, CC_L);
}

static u8 *follow(struct out *x, const struct jit_env *env, u64 link)
{
    x_byte(x, 0x48); /* mov rax, [link] */
    x_byte(x, 0xa1);
    x_imm(x, link, 8);
    x_mov(x, SLOT, RAX);
    x_rm(x, true, false, 0x2b, BUDGET, SLOT, env->slot_count);
    u8 *too_far = x_jcc(x, CC_L);
    go_to_slot(x, env);
    return too_far;
}

/* To the address in T2. */
static void jump(struct out *x, const struct jit_env *env)
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

static u8 *leads(struct em *m, u64 entry, u64 pc, u64 slot)
{
    struct out *x = &m->out;
    const struct jit_env *env = m->env;
    x_rm(x, true, false, 0x8b, T0, CTX, env->ctx_gen);
    x_rm(x, true, false, 0x33, T0, CTX, (i64)(entry + env->jump_gen));
    x_mov_imm(x, T1, pc);
    x_rm(x, true, false, 0x33, T1, CTX, (i64)(entry + env->jump_pc));
    x_rr(x, true, 0x09, T1, T0);
    x_mov_imm(x, T1, slot);
    x_rm(x, true, false, 0x33, T1, CTX, (i64)(entry + env->jump_slot));
    x_rr(x, true, 0x09, T1, T0);
    return x_jcc(x, CC_NE);
}

static u8 *heat(struct em *m, u64 counter)
{
    struct out *x = &m->out;
    i64 away = (i64)counter - (i64)(uintptr_t)(x->p + m->shift + 7);
    if (away == (i32)away) { /* sub dword [rip + away], 1 */
        x_byte(x, 0x83);
        x_byte(x, 0x2d);
        x_imm(x, (u64)away, 4);
    } else {
        x_mov_imm(x, T0, counter);
        x_byte(x, 0x83);
        x_byte(x, 0x28);
    }
    x_byte(x, 1);
    return x_jcc(x, CC_S);
}

static void move(struct em *m, const struct move *v)
{
    struct out *x = &m->out;
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
static void align(struct out *x)
{
    static const u8 nop[] = { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 };
    unsigned n = -(unsigned)(uintptr_t)x->p & 31;
    for (; n >= sizeof nop; n -= sizeof nop)
        for (unsigned k = 0; k < sizeof nop; k++)
            x_byte(x, nop[k]);
    for (; n; n--)
        x_byte(x, 0x90);
}

static void get(struct em *m, ir_val v)
{
    x64_load(m, v, &m->ir->insn[v], STATE, -1, (i64)m->ir->insn[v].imm);
}

/* --- ways in --- */

/* What is called with the code that follows. */
static void enter_checked(struct em *m)
{
    struct out *x = &m->out;
    x_byte(x, 0x4c); /* lea r9, [rip + ...] */
    x_byte(x, 0x8d);
    x_byte(x, 0x0d);
    u8 *at = x->p;
    x_imm(x, 0, 4);
    x_mov_imm(x, RAX, m->env->check_enter);
    x_rr(x, false, 0xff, 4, RAX);
    x_land(at, x->p);
}

static void enter(struct out *x, const struct jit_env *env)
{
    static const u8 kept[] = { RBX, RBP, R12, R13, R14, R15 };
    for (unsigned n = 0; n < ARRAY_LEN(kept); n++)
        x_op(x, false, false, 0x50 | (kept[n] & 7), 0, 0, kept[n]);
    x_alu_imm(x, true, 5, RSP, 8 + 8 * SPILL_SLOTS); /* handlers are called with rsp at 8 modulo 16, as C does */
    x_rm(x, false, false, 0xff, 2, SLOT, env->slot_handler);
    x_alu_imm(x, true, 0, RSP, 8 + 8 * SPILL_SLOTS);
    for (unsigned n = ARRAY_LEN(kept); n-- > 0;)
        x_op(x, false, false, 0x58 | (kept[n] & 7), 0, 0, kept[n]);
    x_byte(x, 0xc3);
}

static void op(struct em *m, ir_val k, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_LOAD: case IR_STORE: case IR_LOCATE: case IR_PHYS: case IR_WINDOW: case IR_PEEK: case IR_POKE:
        x64_memory(m, k, i);
        break;
    default:
        x64_math(m, k, i);
    }
}

const struct emitter_pieces x64_pieces = {
    .enter = enter, .enter_checked = enter_checked, .op = op, .missed_windows = x64_missed_windows,
    .branch = x_jmp, .branch_if = branch_if, .pass = pass, .heat = heat, .leads = leads, .land = x_land,
    .get = get, .put = x64_put, .move = move, .align = align,
    .set_base = set_base, .set_slot = set_slot, .set_target = set_target,
    .jump = jump, .go_to = go_to, .go_to_slot = go_to_slot, .follow = follow,
};
