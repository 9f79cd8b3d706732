/* Slots of a block become a run of operations. */
#include <string.h>

#include "jit/riscv_make.h"

translate *jit_meaning_named(const struct jit_meaning *m, size_t n, const char *name, unsigned xlen)
{
    for (size_t k = 0; k < n; k++)
        if (!strcmp(name, m[k].name))
            return m[k].fn[xlen == 64];
    return NULL;
}

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

/* Some armed address has this place in its page: most often it is in another page. */
static void stop_here(struct translation *tr, unsigned offset)
{
    const struct hart *h = tr->j->h;
    const struct cpu_stops *s = h->cpu.stops;
    V page = address_at(tr, 0);
    unsigned n = 0;
    for (size_t k = 0; s && k < s->n_phys; k++)
        if ((s->phys[k] & PAGE_MASK) == offset)
            n = 5;
    for (size_t k = 0; s && k < s->n_code && n < 5; k++) {
        if ((s->code[k] & PAGE_MASK) != offset)
            continue;
        if (!tr->region && ++n < 5)
            exit_if(tr, op2(tr, IR_EQ, page, number(tr, s->code[k] & ~PAGE_MASK)));
        else if (tr->region && s->code[k] == rv_addr(h, tr->vpage + offset)) /* a region knows where it runs */
            n = 5;
    }
    if (n == 5)
        leave(tr);
}

/* Does it put its general register when nothing else of it is done, so that it may still be left to the interpreter? */
static bool puts_last(unsigned op)
{
    switch (riscv_insns[op].cls) {
    case RV_CLASS_ALU: case RV_CLASS_SHIFT: case RV_CLASS_MUL: case RV_CLASS_MULH: case RV_CLASS_DIV: case RV_CLASS_LOAD:
    case RV_CLASS_JUMP: case RV_CLASS_JUMPR: return !(riscv_insns[op].flags & F_FP);
    default: return false;
    }
}

unsigned jit_riscv_slots(struct translation *tr, struct rv_block *b, unsigned k)
{
    struct jit_riscv *j = tr->j;
    for (tr->ended = false; !tr->ended; k++) {
        const struct rv_insn *s = &b->slot[k];
        tr->slot = s;
        tr->plain = s->fn;
        if (s->fn != rv_h_next)
            jit_riscv_at(tr, b, k);
        if (s->fn == rv_h_next) {
            chain_to(tr, s, 1, rv_next_slow);
        } else if (s->fn == rv_h_fp_on || s->fn == rv_h_fp_dirty) {
            fp_on(tr, s->fn == rv_h_fp_dirty);
        } else if (s->fn == rv_h_illegal || s->fn == rv_h_magic || !ir_room(&j->ir)) {
            leave(tr);
        } else if (s->fn == rv_h_stop) {
            stop_here(tr, b->side[k].offset);
        } else {
            unsigned op = b->side[k].op;
            tr->plain = rv_plain_handler(j->h->engine, op, s->rd);
            tr->looks = tr->plain == rv_h_look;
            tr->refused = false;
            u32 n = j->ir.n, exits = j->ir.n_exits;
            if (tr->looks && !puts_last(op)) {
                leave(tr);
                continue;
            }
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
    j->look.n = 0;
    return jit_riscv_slots(&tr, b, k);
}
