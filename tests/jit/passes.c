/* Random runs do the same before and after each pass, and after all of them. */
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "tests/jit/random_ir.h"
#include "tests/unit.h"

static const struct {
    const char *name;
    void (*pass)(struct ir *ir);
    bool windows; /* leaves before the first of several accesses when a later one fails: so none fails here */
} passes[] = {
    { "carry", ir_carry, false }, { "forward", ir_forward, false }, { "fold", ir_fold, false },
    { "share", ir_share, false }, { "sink_puts", ir_sink_puts, false }, { "narrow", ir_narrow, false },
    { "sweep", ir_sweep, false },
    { "window", ir_window, true }, { "optimize", ir_optimize, true },
};

static bool same_end(const struct ir *x, const struct ir_end *ex, const struct ir *y, const struct ir_end *ey)
{
    if (ex->taken != ey->taken || ex->target != ey->target || (ex->exit == IR_NONE) != (ey->exit == IR_NONE))
        return false;
    return ex->exit == IR_NONE || (x->exit[ex->exit].slot == y->exit[ey->exit].slot &&
        x->exit[ex->exit].handler == y->exit[ey->exit].handler);
}

/* Of an extension, how many bits it keeps; 0: it is none. */
static unsigned keeps(const struct ir_insn *i)
{
    return i->op >= IR_SX8 && i->op <= IR_ZX32 ? 8u << (i->op - IR_SX8) % 3 : 0;
}

/* An operation whose result is its operand, or a number whatever that is: what folding leaves none of. */
static bool is_idle(const struct ir *ir, const struct ir_insn *i)
{
    const struct ir_insn *a = ir_info[i->op].n_args ? &ir->insn[i->a] : NULL;
    if (ir_info[i->op].n_args == 2 && i->b == IR_IMM)
        switch (i->op) {
        case IR_ADD: case IR_SUB: case IR_OR: case IR_XOR: return !i->imm || a->op == IR_CONST;
        case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROR: return !(i->imm & 63) || a->op == IR_CONST;
        case IR_AND: case IR_MUL: return !i->imm || i->imm == (i->op == IR_AND ? ~(u64)0 : 1) || a->op == IR_CONST;
        default: return false;
        }
    if (keeps(i) && keeps(a)) /* one of them would do, unless what the sign was copied to is cut off */
        return keeps(i) <= keeps(a) || a->op >= IR_ZX8 || i->op < IR_ZX8;
    if (keeps(i) && (a->op == IR_LOAD || a->op == IR_PEEK) && !a->sign)
        return keeps(i) > 8u * a->size || (keeps(i) == 8u * a->size && i->op >= IR_ZX8);
    return keeps(i) && a->op == IR_CONST;
}

static u32 idle(const struct ir *ir)
{
    u32 k = 0;
    while (k < ir->n && !is_idle(ir, &ir->insn[k]))
        k++;
    return k;
}

static void test_passes(void)
{
    struct ir *a = xmalloc(sizeof *a), *b = xmalloc(sizeof *b);
    u64 s = 0x123456789abcdef, before = 0, after = 0;
    unsigned differ = 0;
    for (unsigned n = 0; n < 20000 && !differ; n++) {
        random_run(a, &s, true);
        for (unsigned p = 0; p < ARRAY_LEN(passes); p++) {
            struct world w1, w2;
            random_world(&w1, &s);
            w2 = w1;
            memcpy(b, a, sizeof *b);
            passes[p].pass(b);
            struct ir_end e1, e2;
            u8 *(*locate)(void *, u64, unsigned, bool) = passes[p].windows ? world_locate_all : world_locate;
            struct ir_machine m1 = { w1.state, 0x5000, &w1, locate, world_phys, world_leads, 1000 };
            struct ir_machine m2 = { w2.state, 0x5000, &w2, locate, world_phys, world_leads, 1000 };
            ir_eval(a, &m1, &e1);
            ir_eval(b, &m2, &e2);
            if (memcmp(&w1, &w2, sizeof w1) || m1.budget != m2.budget || !same_end(a, &e1, b, &e2)) {
                struct buf out = { 0 };
                ir_dump(a, &out);
                buf_printf(&out, "--- %s\n", passes[p].name);
                ir_dump(b, &out);
                printf("run %u:\n%s", n, buf_cstr(&out));
                buf_free(&out);
                differ++;
                break;
            }
        }
        if (!differ && idle(b) < b->n) {
            struct buf out = { 0 };
            ir_dump(a, &out);
            buf_printf(&out, "--- optimized, and %u does nothing\n", idle(b));
            ir_dump(b, &out);
            printf("run %u:\n%s", n, buf_cstr(&out));
            buf_free(&out);
            differ++;
        }
        for (u32 k = 0; k < a->n; k++)
            before += a->insn[k].op != IR_NOP;
        for (u32 k = 0; k < b->n; k++)
            after += b->insn[k].op != IR_NOP;
    }
    CU_ASSERT_EQUAL(differ, 0);
    CU_ASSERT(after * 4 < before * 3); /* the passes do something */
    free(a);
    free(b);
}

int main(void)
{
    return unit_main("jit passes", (CU_TestInfo[]){ { "random runs before and after", test_passes },
        CU_TEST_INFO_NULL });
}
