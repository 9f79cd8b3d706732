/* Slots of a block become a run of operations. */
#include "jit/riscv_make.h"

translate *jit_riscv_meaning(unsigned op, unsigned xlen)
{
    static const char *const meaning_of[RV_OP_COUNT] = {
#define INSN(id, sem, ...) [RV_OP_##id] = #sem,
#include "cpu/riscv/insn.def"
    };
    translate *fn = jit_riscv_int(meaning_of[op], xlen);
    if (!fn)
        fn = jit_riscv_fp(meaning_of[op], xlen);
    return fn ? fn : jit_riscv_sys(meaning_of[op], xlen);
}

static void fp_on(struct translation *tr, bool dirty)
{
    if (tr->fp_known)
        return;
    V status = get_state(tr, offsetof(struct hart, mstatus), 8), mask = number(tr, MSTATUS_FS);
    exit_unless(tr, op2(tr, IR_AND, status, mask));
    if (dirty)
        put_state(tr, offsetof(struct hart, mstatus), op2(tr, IR_OR, status, mask));
}

static void leave(struct translation *tr)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_LEAVE, .size = 8, .exit = exit_here(tr) });
    tr->ended = tr->left = true;
}

unsigned jit_riscv_slots(struct translation *tr, struct rv_block *b, unsigned k)
{
    struct jit_riscv *j = tr->j;
    for (tr->ended = false; !tr->ended; k++) {
        const struct rv_insn *s = &b->slot[k];
        tr->slot = s;
        tr->plain = s->fn;
        if (s->fn == rv_h_next) {
            chain_to(tr, s, 1, rv_next_slow);
        } else if (s->fn == rv_h_fp_on || s->fn == rv_h_fp_dirty) {
            fp_on(tr, s->fn == rv_h_fp_dirty);
        } else if (s->fn == rv_h_illegal || s->fn == rv_h_stop || !ir_room(&j->ir)) {
            leave(tr);
        } else {
            unsigned op = b->side[k].op;
            tr->plain = j->h->engine->handlers[op];
            tr->refused = false;
            u32 n = j->ir.n, exits = j->ir.n_exits;
            if (j->table[op])
                j->table[op](tr, s);
            if (!j->table[op] || tr->refused) {
                j->ir.n = n;
                j->ir.n_exits = exits;
                leave(tr);
            }
        }
    }
    return k;
}

unsigned jit_riscv_translate(struct jit_riscv *j, struct rv_block *b, unsigned k)
{
    struct translation tr = { .j = j, .ir = &j->ir };
    return jit_riscv_slots(&tr, b, k);
}
