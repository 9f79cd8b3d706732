/* Runs become host code: what is the same on every host. The pieces are an emitter's; which is the host's is said at
 * the end. All of them are compiled everywhere: they only write bytes. */
#include "jit/emit_run.h"
#include "jit/jit.h"

static const struct emitter_pieces *make(const struct em *m) { return m->e->kind->make; }
static void land_here(struct em *m, u8 *at) { make(m)->land(at, m->out.p); }

/* --- control ---------------------------------------------------------------------------------------------------- */

static void set_base(struct em *m, u16 exit)
{
    if (m->ir->exit[exit].base != IR_BASE_STAYS)
        make(m)->set_base(&m->out, m->ir->exit[exit].base);
}

/* The budget falls by what the link's block takes. Returns the jump to where that is too much. */
static u8 *follow(struct em *m, u64 link)
{
    u32 count;
    u64 slot;
    const u8 *to = m->env->direct(m->env->opaque, link, &slot, &count);
    if (!slot)
        return make(m)->follow(&m->out, m->env, link);
    u8 *too_far = make(m)->pass(&m->out, count);
    if (m->env->check_left) {
        make(m)->set_slot(&m->out, slot);
        make(m)->go_to(&m->out, m->env, 0);
        return too_far;
    }
    u8 *at = make(m)->branch(&m->out);
    if (to) {
        make(m)->land(at, to - m->shift);
    } else {
        m->waiting[m->n_waiting].at = at;
        m->waiting[m->n_waiting++].slot = slot;
        m->env->wait(m->env->opaque, slot, at);
    }
    return too_far;
}

static void chain(struct em *m, u64 link, u16 exit)
{
    set_base(m, exit);
    em_exit(m, follow(m, link), exit);
}

/* The entry of a constant address is at a constant place. */
static void leads(struct em *m, const struct ir_insn *i)
{
    const struct jit_env *env = m->env;
    u64 pc = m->ir->insn[i->a].imm;
    u64 n = (pc >> env->jump_shift ^ pc >> env->jump_xor) & ((1u << env->jump_bits) - 1);
    em_exit(m, make(m)->leads(m, n * env->jump_entry + env->jump_table, pc, i->imm), i->exit);
}

/* A round begins behind the params, which are loaded once. */
static void mark(struct em *m, ir_val k)
{
    while (m->ir->insn[++k].op == IR_PARAM || m->ir->insn[k].op == IR_NOP)
        if (m->ra->loc[k] != LOC_NONE)
            make(m)->get(m, k);
    if (make(m)->align)
        make(m)->align(&m->out);
    m->mark = m->out.p;
}

/* What no round takes as a param goes to the state. */
static void go_back(struct em *m, const struct ir_insn *loop)
{
    struct way_back w;
    way_back(&w, m->ir, m->ra, &m->ir->exit[loop->exit]);
    for (unsigned k = 0; k < w.n_puts; k++)
        make(m)->put(m, w.put[k].value, w.put[k].offset);
    for (unsigned k = 0; k < w.n_moves; k++)
        make(m)->move(m, &w.move[k]);
    for (unsigned k = 0; k < w.n_gets; k++)
        make(m)->get(m, w.get[k]);
    make(m)->land(make(m)->branch(&m->out), m->mark);
}

static void op(struct em *m, ir_val k)
{
    const struct ir_insn *i = &m->ir->insn[k];
    const struct emitter_pieces *p = make(m);
    unsigned loc = m->ra->loc[k];
    if (loc == LOC_FUSED || loc == LOC_CONST || i->op == IR_NOP || i->op == IR_BASE || i->op == IR_PARAM ||
        (loc == LOC_NONE && (ir_info[i->op].kind == IRK_PURE || ir_info[i->op].kind == IRK_READ)))
        return;
    switch (i->op) {
    case IR_GET: p->get(m, k); break;
    case IR_PUT: p->put(m, i->a, i->imm); break;
    case IR_EXIT_IF: em_exit(m, p->branch_if(m, i->a), i->exit); break;
    case IR_JUMP_IF:
        em_exit(m, p->branch_if(m, i->a), i->exit);
        m->way_out[m->n_ways_out - 1].jump = i->b;
        break;
    case IR_LEAVE: em_exit(m, p->branch(&m->out), i->exit); break;
    case IR_PASS: em_exit(m, p->pass(&m->out, i->imm), i->exit); break;
    case IR_HEAT:
        em_exit(m, p->heat(m, i->imm), i->exit);
        m->body = m->out.p;
        break;
    case IR_LEADS: leads(m, i); break;
    case IR_MARK: mark(m, k); break;
    case IR_LOOP: go_back(m, i); break;
    case IR_CHAIN: chain(m, i->imm, i->exit); break;
    case IR_CHAIN_IF: {
        u8 *taken = p->branch_if(m, i->a);
        chain(m, i->imm + m->env->link_other, (u16)(i->exit + 1));
        land_here(m, taken);
        chain(m, i->imm, i->exit);
        break;
    }
    case IR_JUMP:
        p->set_target(m, i->a);
        p->jump(&m->out, m->env);
        break;
    default: p->op(m, k, i);
    }
}

/* --- ways out --------------------------------------------------------------------------------------------------- */

static void exits(struct em *m)
{
    const struct emitter_pieces *p = make(m);
    for (unsigned n = 0; n < m->n_ways_out; n++) {
        u16 exit = m->way_out[n].exit;
        ir_val target = m->way_out[n].jump;
        const struct ir_exit *e = &m->ir->exit[exit];
        land_here(m, m->way_out[n].at);
        if (target != IR_NONE)
            p->set_target(m, target);
        for (u32 k = 0; k < e->n_puts; k++)
            p->put(m, m->ir->put[e->first_put + k].value, m->ir->put[e->first_put + k].offset);
        if (target != IR_NONE) {
            p->jump(&m->out, m->env);
            continue;
        }
        set_base(m, exit);
        if (e->link)
            land_here(m, follow(m, e->link));
        p->set_slot(&m->out, e->slot);
        p->go_to(&m->out, m->env, e->handler);
    }
    for (unsigned n = 0; n < m->n_waiting; n++) {
        land_here(m, m->waiting[n].at);
        p->set_slot(&m->out, m->waiting[n].slot);
        p->go_to_slot(&m->out, m->env);
    }
}

/* --- a run ------------------------------------------------------------------------------------------------------ */

static const void *take(struct code *code, u8 *end)
{
    code_written(code, code_here(code), end);
    return code_take(code, end);
}

static bool has_room(const struct emitter_kind *kind, const struct code *code, const struct jit_env *env,
    const struct ir *ir)
{
    size_t op_room = env->check_log ? kind->room.checked_op : kind->room.op;
    size_t need = kind->room.first + ir->n * op_room + ir->n_exits * kind->room.exit + ir->n_puts * kind->room.put;
    return need <= code_room(code) && need <= kind->room.all;
}

struct emitted emit_run(const struct emitter *e, struct code *code, const struct jit_env *env, struct ir *ir,
    struct ra *ra)
{
    if (!has_room(e->kind, code, env, ir) || !ra_run(ra, &e->host, ir))
        return (struct emitted){ 0 };
    struct em m = { .out = { code_here(code) }, .e = e, .env = env, .shift = code->shift, .ir = ir, .ra = ra };
    const u8 *start = m.out.p;
    if (env->check_enter)
        e->kind->make->enter_checked(&m);
    m.body = m.out.p;
    for (u32 k = 0; k < ir->n; k++) {
        if (env->at_op)
            env->at_op[k] = (u32)(m.out.p - start);
        op(&m, (ir_val)k);
    }
    if (env->at_op)
        env->at_op[ir->n] = (u32)(m.out.p - start);
    e->kind->make->missed_windows(&m);
    exits(&m);
    if (env->at_op)
        env->at_op[ir->n + 1] = (u32)(m.out.p - start);
    const u8 *body = m.body + code->shift;
    return (struct emitted){ take(code, m.out.p), body };
}

const void *emit_enter(const struct emitter *e, struct code *code, const struct jit_env *env)
{
    struct out o = { code_here(code) };
    e->kind->make->enter(&o, env);
    const void *enter = take(code, o.p);
    code->kept = code->used;
    return enter;
}

void emit_lead(const struct emitter_kind *kind, struct code *code, u8 *at, const void *to)
{
    kind->make->land(at, (const u8 *)to - code->shift);
    code_written(code, at, at + 4);
}

void emit_redirect(const struct emitter_kind *kind, struct code *code, const void *start, const void *to)
{
    struct out o = { (u8 *)(uintptr_t)start - code->shift };
    emit_lead(kind, code, kind->make->branch(&o), to);
}

const struct emitter_kind *emitter_host(void)
{
#if defined __x86_64__
    return &emitter_x64;
#elif defined __aarch64__
    return &emitter_a64;
#else
    return NULL;
#endif
}
