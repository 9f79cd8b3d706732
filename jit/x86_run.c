/* Slots of a block become a run of operations. */
#include <string.h>

#include "jit/x86_make.h"

static bool in_page(u64 offset) { return offset < PAGE_SIZE; }

/* Is a jump to (page + offset) what the offset in CS says? Not where CS has a base, nor with 16-bit offsets. */
static bool plain_target(const struct translation *tr, const struct x86_insn *i)
{
    return (tr->key & X86_KEY_CS_FLAT) && (is_64(tr) || i->op == X86_OP_COUNT || (i->sizes & 15) != 1);
}

/* Page offset of what follows slot i. */
static u64 next_offset(const struct x86_insn *i)
{
    const struct x86_block *b = x86_block_of(i);
    return b->side[i + 1 - b->slot].offset;
}

static u64 link_at(const struct x86_insn *i, bool taken)
{
    return (u64)(uintptr_t)&i[1] + (taken ? offsetof(struct x86_insn, fn) : offsetof(struct x86_insn, imm));
}

static V address_at(struct translation *tr, u64 offset)
{
    return linear_of(tr, op2(tr, IR_ADD, base_of(tr), number(tr, offset)));
}

void jit_x86_jump_to(struct translation *tr, V target)
{
    ir_val a = value(tr, target);
    ir_add(tr->ir, (struct ir_insn){ .op = IR_JUMP, .size = 8, .a = a, .exit = IR_NONE });
    tr->ended = true;
}

static void canonical(struct translation *tr, V target)
{
    if (!is_64(tr))
        return;
    V high = op2(tr, IR_SAR, op2(tr, IR_SHL, target, 16), 16);
    exit_if(tr, op2(tr, IR_NE, high, target));
}

static void chain_to(struct translation *tr, const struct x86_insn *i, bool taken)
{
    u64 target = taken ? i->imm : next_offset(i);
    if (!in_page(target) && plain_target(tr, i)) { /* taken: who calls has seen to it that it is canonical */
        jit_x86_jump_to(tr, address_at(tr, target));
        return;
    }
    u16 exit = exit_at(tr, i, taken ? x86_taken_slow : x86_next_slow);
    ir_add(tr->ir, (struct ir_insn){ .op = IR_CHAIN, .size = 8, .exit = exit, .imm = link_at(i, taken) });
    tr->ended = true;
}

void jit_x86_jump(struct translation *tr, const struct x86_insn *i)
{
    if (!in_page(i->imm) && plain_target(tr, i) && !(x86_rows[i->op].flags & X_CALL))
        canonical(tr, address_at(tr, i->imm));
    chain_to(tr, i, true);
}

void jit_x86_branch(struct translation *tr, const struct x86_insn *i, V holds)
{
    u64 next = next_offset(i);
    if ((!in_page(i->imm) || !in_page(next)) && plain_target(tr, i)) {
        V there = address_at(tr, i->imm), here = address_at(tr, next);
        if (!in_page(i->imm))
            canonical(tr, there);
        jit_x86_jump_to(tr, choose(tr, holds, there, here));
        return;
    }
    u16 taken = exit_at(tr, i, x86_taken_slow);
    exit_at(tr, i, x86_next_slow);
    ir_val c = value(tr, holds);
    ir_add(tr->ir, (struct ir_insn){ .op = IR_CHAIN_IF, .size = 8, .a = c, .exit = taken, .imm = link_at(i, true) });
    tr->ended = true;
}

static void leave(struct translation *tr)
{
    ir_add(tr->ir, (struct ir_insn){ .op = IR_LEAVE, .size = 8, .exit = exit_at(tr, tr->slot, tr->plain) });
    tr->ended = true;
}

/* SSE: as usable() of engine.c says; what it finds wrong is told by the slot's handler. */
static void usable(struct translation *tr)
{
    V cr0 = get_state(tr, offsetof(struct x86, cr0), 8), cr4 = get_state(tr, offsetof(struct x86, cr4), 8);
    exit_if(tr, CONST_AND(tr, cr0, CR0_EM | CR0_TS));
    exit_unless(tr, CONST_AND(tr, cr4, CR4_OSFXSR));
}

static bool compiles(const struct jit_x86 *j, const struct x86_block *b, const struct x86_insn *s)
{
    /* Another handler in front of the fast one has more to do. */
    x86_handler *fast = s->op != X86_OP_COUNT && j->table[s->op] ? x86_fast_handler(s, b->key) : NULL;
    return fast && fast == x86_plain_handler(j->c->engine, s, b->key);
}
/* Does the block end with this slot? */
static bool last(const struct jit_x86 *j, const struct x86_insn *s)
{
    if (s->op == X86_OP_COUNT)
        return (x86_handler *)s->fn == x86_h_next || (x86_handler *)s->fn == x86_h_bad;
    return j->c->engine->kind[s->op] & X86_KIND_END;
}

unsigned jit_x86_start(const struct jit_x86 *j, const struct x86_block *b, unsigned k)
{
    if (k > 1 && last(j, &b->slot[k - 1]))
        return 0;
    for (; !compiles(j, b, &b->slot[k]); k++)
        if (last(j, &b->slot[k]))
            return 0;
    return k;
}

/* For those who look. */
static void at_insn(struct translation *tr, const struct x86_block *b, unsigned k)
{
    struct jit_x86 *j = tr->j;
    const struct x86_side *side = &b->side[k];
    if (j->look.n == JIT_VIEW_INSNS)
        return;
    struct jit_insn *i = &j->look.insn[j->look.n];
    *i = (struct jit_insn){ .pc = j->look.vpage + side->offset, .length = side->length };
    memcpy(i->bytes, b->host + side->offset, i->length);
    j->ir.at = (u16)j->look.n++;
}

static void one(struct translation *tr, const struct x86_block *b, const struct x86_insn *s)
{
    struct jit_x86 *j = tr->j;
    tr->plain = x86_plain_handler(j->c->engine, s, b->key);
    tr->w = 8u << (s->sizes & 3);
    tr->refused = !compiles(j, b, s) || !ir_room(&j->ir);
    const u32 n = j->ir.n, exits = j->ir.n_exits;
    if (!tr->refused)
        j->table[s->op](tr, s);
    if (tr->refused) {
        j->ir.n = n;
        j->ir.n_exits = exits;
        leave(tr);
    }
}

unsigned jit_x86_translate(struct jit_x86 *j, struct x86_block *b, unsigned k)
{
    struct translation tr = { .j = j, .ir = &j->ir, .key = b->key };
    j->look.n = 0;
    for (; !tr.ended; k++) {
        const struct x86_insn *s = &b->slot[k];
        tr.slot = s;
        if (s->op != X86_OP_COUNT) {
            at_insn(&tr, b, k);
            one(&tr, b, s);
            continue;
        }
        tr.plain = (x86_handler *)s->fn;
        if (tr.plain == x86_h_next)
            chain_to(&tr, s, false);
        else if (tr.plain == x86_h_usable && s->imm == X86_KIND_VEC)
            usable(&tr);
        else
            leave(&tr);
    }
    return k;
}
