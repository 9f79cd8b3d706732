/* Random runs of operations over a small state and memory, and the machine they are evaluated on. */
#ifndef TESTS_JIT_RANDOM_IR_H
#define TESTS_JIT_RANDOM_IR_H

#include <stdlib.h>
#include <string.h>

#include "jit/ir.h"

enum { REGS = 16, MEMORY = 256, FIRST = 4096 - 200 /* address of the memory's first byte; a page ends within */ };

static inline u64 next_random(u64 *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static inline u64 random_number(u64 *s)
{
    static const u64 special[] = { 0, 1, 2, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
        0x80000000, 0xffffffff,
                                   (u64)1 << 63, ~(u64)0 >> 1, ~(u64)0, ~(u64)1, 0xffffffff80000000, 0x3ff0000000000000,
                                   0x7ff0000000000000, 0x3f800000 };
    u64 r = next_random(s);
    return r & 1 ? special[(r >> 8) % ARRAY_LEN(special)] : next_random(s) >> (r >> 8 & 63);
}

static inline u64 mix_call(u64 a, u64 b) { return (a * 31 + 7) ^ b >> 3; }

static inline ir_val random_value(struct ir *ir, u64 *s)
{
    for (;;) {
        ir_val v = (ir_val)(next_random(s) % ir->n);
        if (next_random(s) & 1 && ir->n > 8) /* recent ones make chains */
            v = (ir_val)(ir->n - 1 - next_random(s) % 8);
        const struct ir_insn *i = &ir->insn[v];
        bool value = ir_info[i->op].kind == IRK_PURE || ir_info[i->op].kind == IRK_READ || i->op == IR_LOAD;
        if (value && i->op != IR_NOP && i[1].op != IR_LEADS) /* a jump there would succeed */
            return v;
    }
}

/* Where jumps lead: the cache of tests/jit/emit.c is like it. */
static inline bool world_leads(void *opaque, u64 addr, u64 slot) { return slot == 7; }

/* Comes before a loop: checks that hold, mostly. */
static inline void random_entry(struct ir *ir, u64 *s)
{
    ir_val a = ir_const(ir, 0x7654320 + 2 * (next_random(s) & 15));
    ir_add(ir, (struct ir_insn){ .op = IR_LEADS, .size = 8, .a = a, .exit = ir_exit_to(ir, ir->n, 5),
        .imm = next_random(s) & 15 ? 7 : 6 });
    ir_add(ir, (struct ir_insn){ .op = IR_MARK, .exit = IR_NONE });
    ir_add(ir, (struct ir_insn){ .op = IR_PASS, .size = 8, .exit = ir_exit_to(ir, ir->n, 6),
        .imm = 1 + next_random(s) % 400 });
}

/* Numbers of 16 bits, so that nothing overflows and NaNs do not arise. */
static inline void random_float(struct ir *ir, u64 r, ir_val a, ir_val b)
{
    unsigned size = r >> 8 & 1 ? 8 : 4;
    ir_val x = ir_unary(ir, IR_ITOF, size, ir_unary(ir, IR_SX16, 8, a));
    ir_val positive = ir_binary(ir, IR_OR, 8, ir_unary(ir, IR_ZX16, 8, b), ir_const(ir, 1));
    ir_val y = ir_unary(ir, IR_ITOF, size, positive), z = ir_binary(ir, IR_FADD + r / 16 % 4, size, x, y);
    if (r >> 9 & 1)
        z = ir_binary(ir, IR_FSUB, size, z, ir_unary(ir, IR_FSQRT, size, y));
    if (r >> 10 & 1) {
        unsigned op = size == 4 ? IR_FWIDEN : IR_FNARROW;
        size = 12 - size;
        z = ir_unary(ir, op, size, z);
        x = ir_unary(ir, op, size, x);
    }
    ir_val w = ir_binary(ir, IR_FLT + r / 64 % 3, size, z, x);
    ir_binary(ir, IR_ADD, 8, w, ir_unary(ir, IR_FTOI, size, z));
}

/* As instruction sets without rotations write them; not quite always one. */
static inline void random_rotation(struct ir *ir, u64 r, ir_val a)
{
    unsigned n = r >> 9 & 31;
    ir_val left = ir_binary(ir, IR_SHL, 8, a, ir_const(ir, 32 - n)), right = ir_unary(ir, IR_ZX32, 8, a);
    right = ir_binary(ir, IR_SHR, 8, right, ir_const(ir, r >> 16 & 7 ? n : n + 1));
    if (r >> 20 & 1)
        left = ir_unary(ir, r >> 21 & 1 ? IR_SX32 : IR_ZX32, 8, left);
    if (r >> 22 & 1)
        right = ir_unary(ir, IR_SX32, 8, right);
    ir_val both = r >> 23 & 1 ? ir_binary(ir, IR_OR, 8, left, right) : ir_binary(ir, IR_OR, 8, right, left);
    if (r >> 24 & 1)
        ir_unary(ir, IR_SX32, 8, ir_binary(ir, IR_XOR, 8, both, left));
}

/* fp: whether floating-point operations come too (NaN payloads are the host's business, so they are rare operands). */
static inline void random_run(struct ir *ir, u64 *s, bool fp)
{
    ir_start(ir);
    ir_const(ir, random_number(s));
    ir_add(ir, (struct ir_insn){ .op = IR_GET, .size = 8, .exit = IR_NONE, .imm = 8 * (next_random(s) % REGS) });
    bool loop = next_random(s) & 1;
    if (loop)
        random_entry(ir, s);
    unsigned want = 8 + ir->n + (unsigned)(next_random(s) % 120);
    while (ir->n < want) {
        u64 r = next_random(s);
        u64 reg = 8 * (r >> 40 & (REGS - 1));
        ir_val a = random_value(ir, s), b = random_value(ir, s), c = random_value(ir, s);
        switch (r % 16) {
        case 0: ir_const(ir, random_number(s)); break;
        case 1: case 2: ir_add(ir, (struct ir_insn){ .op = IR_GET, .size = r >> 9 & 7 ? 8 : 1, .exit = IR_NONE,
            .imm = reg }); break;
        case 3: case 4: ir_add(ir, (struct ir_insn){ .op = IR_PUT, .size = 8, .a = a, .exit = IR_NONE,
            .imm = reg }); break;
        case 5: case 6: {
            bool store = r % 16 == 5;
            ir_val masked = ir_binary(ir, IR_AND, 8, a, ir_const(ir, MEMORY - 1));
            if (r >> 30 & 1 && ir->n > 12) /* near another access */
                for (u32 k = ir->n; k-- > ir->n - 12;)
                    if (ir->insn[k].op == IR_LOAD || ir->insn[k].op == IR_STORE)
                        masked = ir->insn[k].a;
            ir_add(ir, (struct ir_insn){ .op = store ? IR_STORE : IR_LOAD, .size = (u8)(1 << (r >> 20 & 3)),
                .sign = r >> 22 & !store, .a = masked,
                                         .b = store ? b : 0, .exit = ir_exit_to(ir, ir->n, 1),
                                             .imm = FIRST + (r >> 23 & 15) });
            if (r >> 32 & 1)
                ir_add(ir, (struct ir_insn){ .op = IR_PHYS, .size = 8, .sign = r >> 33 & 1, .a = masked,
                    .exit = ir_exit_to(ir, ir->n, 1) });
            break;
        }
        case 7: {
            ir_val never = r >> 9 & 3 ? ir_binary(ir, IR_AND, 8, a, ir_const(ir, 0)) : ir_binary(ir, IR_EQ, 8, a, b);
            bool jump = r >> 12 & 1;
            ir_add(ir, (struct ir_insn){ .op = jump ? IR_JUMP_IF : IR_EXIT_IF, .size = 8, .a = never, .b = b,
                .exit = ir_exit_to(ir, ir->n, 2) });
            break;
        }
        case 8:
            if (!(r >> 50 & 3)) {
                random_rotation(ir, r, a);
                break;
            }
            ir_unary(ir, IR_SX8 + r / 16 % (IR_BSWAP - IR_SX8 + 1), 8, a); break;
        case 9: ir_ternary(ir, IR_SELECT, 8, a, b, c); break;
        case 10:
            if (r >> 9 & 3)
                ir_add(ir, (struct ir_insn){ .op = IR_BASE, .exit = IR_NONE });
            else
                ir_add(ir, (struct ir_insn){ .op = IR_CALL, .size = 8, .a = a, .b = b, .exit = IR_NONE,
                    .imm = (u64)(uintptr_t)mix_call });
            break;
        case 11:
            if (fp) {
                random_float(ir, r, a, b);
                break;
            } /* fall through */
        default: ir_binary(ir, IR_ADD + r / 16 % (IR_GEU - IR_ADD + 1), 8, a, r >> 32 & 1 ? ir_const(ir,
            random_number(s)) : b);
        }
    }
    if (loop) {
        ir_add(ir, (struct ir_insn){ .op = IR_LOOP, .size = 8, .exit = ir_exit_to(ir, 9999, 7) });
        return;
    }
    ir_val a = random_value(ir, s);
    struct ir_insn end = { .op = IR_LEAVE, .size = 8, .exit = ir_exit_to(ir, 9999, 3) };
    switch (next_random(s) % 3) {
    case 0: break;
    case 1: end = (struct ir_insn){ .op = IR_JUMP, .size = 8, .a = a, .exit = end.exit }; break;
    default:
        ir_exit_to(ir, 9998, 4);
        end = (struct ir_insn){ .op = IR_CHAIN_IF, .size = 8, .a = a, .exit = end.exit, .imm = 0x1000 };
    }
    ir_add(ir, end);
}

struct world {
    u8 state[REGS * 8];
    u8 memory[MEMORY + 32];
};

static inline u8 *world_locate(void *opaque, u64 addr, unsigned size, bool write)
{
    struct world *w = opaque;
    if ((addr & (size - 1)) || addr % 61 == 60)
        return NULL;
    return (u8 *)((uintptr_t)w->memory + (addr - FIRST)); /* PHYS asks elsewhere too */
}

enum { PHYSICAL = 0x9000 };
static inline u64 world_phys(void *opaque, u64 addr) { return PHYSICAL | (addr & 4095); }
static inline u8 *world_locate_all(void *opaque, u64 addr, unsigned size, bool write)
{
    return (u8 *)((uintptr_t)((struct world *)opaque)->memory + (addr - FIRST));
}

static inline void random_world(struct world *w, u64 *s)
{
    for (unsigned k = 0; k < REGS; k++) {
        u64 v = random_number(s);
        memcpy(w->state + 8 * k, &v, 8);
    }
    for (unsigned k = 0; k < sizeof w->memory; k++)
        w->memory[k] = (u8)next_random(s);
}

#endif
