/* The emitter for x86-64 (System V). rdi, rdx, rcx and r8 are the handlers' state, budget, context and base all the
 * time; rax, rsi, r11, xmm0, xmm1 and xmm15 are for one operation; the rest is given out. Spills lie in the frame that
 * enter_code() made. */
#include "jit/emit_x64.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

static void one(struct em *m, ir_val k)
{
    const struct ir_insn *i = &m->ir->insn[k];
    unsigned loc = m->ra->loc[k];
    if (loc == LOC_FUSED || loc == LOC_CONST || i->op == IR_NOP || i->op == IR_BASE || i->op == IR_PARAM ||
        (loc == LOC_NONE && (ir_info[i->op].kind == IRK_PURE || ir_info[i->op].kind == IRK_READ)))
        return;
    switch (i->op) {
    case IR_GET: case IR_PUT: case IR_LOAD: case IR_STORE: case IR_LOCATE: case IR_PHYS: case IR_WINDOW: case IR_PEEK:
    case IR_POKE:
        x64_memory(m, k, i);
        break;
    case IR_EXIT_IF: case IR_JUMP_IF: case IR_PASS: case IR_HEAT: case IR_LEADS: case IR_MARK: case IR_LOOP:
    case IR_LEAVE: case IR_CHAIN: case IR_CHAIN_IF: case IR_JUMP:
        x64_control(m, k, i);
        break;
    default:
        x64_math(m, k, i);
    }
}

/* What is called with the code that follows. */
static void enter_checked(struct em *m)
{
    struct x64 *x = &m->x;
    x_byte(x, 0x4c); /* lea r9, [rip + ...] */
    x_byte(x, 0x8d);
    x_byte(x, 0x0d);
    u8 *at = x->p;
    x_imm(x, 0, 4);
    x_mov_imm(x, RAX, m->env->check_enter);
    x_rr(x, false, 0xff, 4, RAX);
    x_land(at, x->p);
}

static struct emitted run(const struct emitter *e, struct code *code, const struct jit_env *env, struct ir *ir,
    struct ra *ra)
{
    if (code_room(code) < 4096 + (size_t)ir->n * 96 + (size_t)ir->n_exits * 160 + (size_t)ir->n_puts * 24)
        return (struct emitted){ 0 };
    if (!ra_run(ra, &e->host, ir))
        return (struct emitted){ 0 };
    struct em m = { .x = { code_here(code) }, .e = e, .env = env, .shift = code->shift, .ir = ir, .ra = ra };
    const u8 *start = m.x.p;
    if (env->check_enter)
        enter_checked(&m);
    m.body = m.x.p;
    for (u32 k = 0; k < ir->n; k++) {
        if (env->at_op)
            env->at_op[k] = (u32)(m.x.p - start);
        one(&m, (ir_val)k);
    }
    if (env->at_op)
        env->at_op[ir->n] = (u32)(m.x.p - start);
    x64_missed_windows(&m);
    x64_exits(&m);
    if (env->at_op)
        env->at_op[ir->n + 1] = (u32)(m.x.p - start);
    const u8 *body = m.body + code->shift;
    return (struct emitted){ code_take(code, m.x.p), body };
}

static void lead(struct code *code, u8 *at, const void *to) { x_land(at, (const u8 *)to - code->shift); }

static void redirect(struct code *code, const void *start, const void *to)
{
    struct x64 x = { (u8 *)(uintptr_t)start - code->shift };
    x_land(x_jmp(&x), (const u8 *)to - code->shift);
}

#ifdef __x86_64__
static bool has_lzcnt(void) /* clang 14 has no name for it */
{
    unsigned a, b, c, d;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LZCNT);
}
#endif

static void init(struct emitter *e)
{
    u32 kept = 1u << RBX | 1u << RBP | 1u << R12 | 1u << R13 | 1u << R14 | 1u << R15;
    *e = (struct emitter){ .kind = &emitter_x64,
        .host = { .gpr = kept | 1u << R9 | 1u << R10, .xmm = 0x7ffc, .gpr_kept = kept, .base = BASE } };
#ifdef __x86_64__
    e->flags = true; /* LAHF in 64-bit mode: of all but the first few */
    e->bmi2 = __builtin_cpu_supports("bmi2");
    e->fma = __builtin_cpu_supports("fma");
    e->lzcnt = has_lzcnt() && __builtin_cpu_supports("bmi");
    e->popcnt = __builtin_cpu_supports("popcnt");
#endif
}

static const void *enter_code(struct code *code, const struct jit_env *env)
{
    static const u8 kept[] = { RBX, RBP, R12, R13, R14, R15 };
    struct x64 x = { code_here(code) };
    for (unsigned n = 0; n < ARRAY_LEN(kept); n++)
        x_op(&x, false, false, 0x50 | (kept[n] & 7), 0, 0, kept[n]);
    x_alu_imm(&x, true, 5, RSP, 8 + 8 * SPILL_SLOTS); /* handlers are called with rsp at 8 modulo 16, as C does */
    x_rm(&x, false, false, 0xff, 2, SLOT, env->slot_handler);
    x_alu_imm(&x, true, 0, RSP, 8 + 8 * SPILL_SLOTS);
    for (unsigned n = ARRAY_LEN(kept); n-- > 0;)
        x_op(&x, false, false, 0x58 | (kept[n] & 7), 0, 0, kept[n]);
    x_byte(&x, 0xc3);
    const void *enter = code_take(code, x.p);
    code->kept = code->used;
    return enter;
}

const struct emitter_kind emitter_x64 = {
    .name = "x86-64", .reach = (size_t)1 << 31, .init = init, .enter = enter_code, .run = run,
    .lead = lead, .redirect = redirect,
};
