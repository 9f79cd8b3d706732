/* The intermediate representation of one run of guest code: a list of operations in order, each of which may define
 * a value of 64 bits named by its place in the list. It knows no guest and no host.
 *
 * Control goes forward and leaves: an operation that cannot go on takes an exit, which hands the guest state (registers
 * put so far, nothing of the operation itself) to another executor of the same code. A run ends with one of the
 * terminators. One of them goes back, to the run's only mark, and what it carries there are the guest's registers:
 * params. So every value is defined before its uses, and there is no other join. */
#ifndef JIT_IR_H
#define JIT_IR_H

#include "base/desc.h"
#include "base/types.h"

/* X(name, text, operands, kind). Operands: how many of a, b, c are values. */
enum ir_kind {
    IRK_PURE,   /* a function of its operands */
    IRK_READ,   /* may go when unused: reads state or memory that is known to be there */
    IRK_EFFECT, /* stays */
    IRK_END,    /* last of a run */
};
#define IR_OPS(X)                                                                                                 \
    X(NOP, "nop", 0, IRK_PURE)                                                                                    \
    X(CONST, "const", 0, IRK_PURE)      /* imm */                                                                 \
    X(BASE, "base", 0, IRK_PURE)        /* the address the run's positions are relative to */                     \
    X(ADD, "add", 2, IRK_PURE) X(SUB, "sub", 2, IRK_PURE)                                                         \
    X(AND, "and", 2, IRK_PURE) X(OR, "or", 2, IRK_PURE) X(XOR, "xor", 2, IRK_PURE)                                \
    X(SHL, "shl", 2, IRK_PURE) X(SHR, "shr", 2, IRK_PURE) X(SAR, "sar", 2, IRK_PURE) /* amounts modulo 64 */      \
    X(ROR, "ror", 2, IRK_PURE)                                                                                    \
    X(ROR32, "ror32", 2, IRK_PURE)      /* of the low half, amount modulo 32; the high half is 0 */               \
    X(MUL, "mul", 2, IRK_PURE) X(MULHU, "mulhu", 2, IRK_PURE) X(MULHS, "mulhs", 2, IRK_PURE)                      \
    X(MULHSU, "mulhsu", 2, IRK_PURE)                                                                              \
    /* total: x / 0 is all ones, x rem 0 is x, and the smallest number / -1 is itself, with remainder 0 */        \
    X(DIVS, "divs", 2, IRK_PURE) X(DIVU, "divu", 2, IRK_PURE) X(REMS, "rems", 2, IRK_PURE)                        \
    X(REMU, "remu", 2, IRK_PURE)                                                                                  \
    /* 0 or 1; each at an even place is undone by the next */                                                     \
    X(EQ, "eq", 2, IRK_PURE) X(NE, "ne", 2, IRK_PURE) X(LTS, "lts", 2, IRK_PURE) X(GES, "ges", 2, IRK_PURE)       \
    X(LTU, "ltu", 2, IRK_PURE) X(GEU, "geu", 2, IRK_PURE)                                                         \
    X(SX8, "sx8", 1, IRK_PURE) X(SX16, "sx16", 1, IRK_PURE) X(SX32, "sx32", 1, IRK_PURE)                          \
    X(ZX8, "zx8", 1, IRK_PURE) X(ZX16, "zx16", 1, IRK_PURE) X(ZX32, "zx32", 1, IRK_PURE)                          \
    X(CLZ, "clz", 1, IRK_PURE) X(CTZ, "ctz", 1, IRK_PURE) /* of 0: 64 */                                          \
    X(POPCNT, "popcnt", 1, IRK_PURE) X(BSWAP, "bswap", 1, IRK_PURE)                                               \
    /* What the sum, the difference or (of a with itself) the AND of `size` bytes says, c: IR_SUM.. In bits 15 to 8   \
     * negative, zero, 0, carry out of bit 3, 0, even parity of the low byte, 1, carry (or borrow); in bit 0 signed    \
     * overflow; after an AND no carries. Ask emitter.flags first. */                                             \
    X(FLAGS, "flags", 2, IRK_PURE)                                                                                \
    X(SELECT, "select", 3, IRK_PURE)    /* a ? b : c */                                                           \
    X(CALL, "call", 2, IRK_PURE)        /* imm: a pure ir_call of a and b */                                      \
    /* IEEE arithmetic in the low bits (size 4 or 8), rounding to nearest even; flags are not kept, and NaNs are  \
     * whatever the host makes: the builder exits before either matters */                                        \
    X(FADD, "fadd", 2, IRK_PURE) X(FSUB, "fsub", 2, IRK_PURE) X(FMUL, "fmul", 2, IRK_PURE)                        \
    X(FDIV, "fdiv", 2, IRK_PURE) X(FSQRT, "fsqrt", 1, IRK_PURE) X(FMA, "fma", 3, IRK_PURE)                        \
    X(FLT, "flt", 2, IRK_PURE) X(FLE, "fle", 2, IRK_PURE) X(FEQ, "feq", 2, IRK_PURE) /* 0 when unordered */       \
    X(FTOI, "ftoi", 1, IRK_PURE)        /* truncated to 64 bits, in range */                                      \
    X(ITOF, "itof", 1, IRK_PURE)        /* of a signed 64-bit number */                                           \
    X(FWIDEN, "fwiden", 1, IRK_PURE) X(FNARROW, "fnarrow", 1, IRK_PURE)                                           \
    X(GET, "get", 0, IRK_READ)          /* state[imm], size 1 or 8 */                                             \
    X(PUT, "put", 1, IRK_EFFECT)        /* state[imm] = a, 8 bytes */                                             \
    X(LOAD, "load", 1, IRK_EFFECT)      /* memory[a + imm], size, sign; exits when not plain RAM */               \
    X(STORE, "store", 2, IRK_EFFECT)    /* memory[a + imm] = b */                                                 \
    X(LOCATE, "locate", 1, IRK_EFFECT)  /* host address of memory[a + imm] for reading and writing; exits */      \
    X(PHYS, "phys", 1, IRK_EFFECT)      /* physical address of a, for storing when sign; exits when unknown */    \
    X(WINDOW, "window", 1, IRK_EFFECT)  /* host address of memory[a + imm], size bytes of one page, c: IR_READS,  \
                                         * IR_WRITES; exits when they are not all plain RAM */                    \
    X(PEEK, "peek", 1, IRK_READ)        /* the bytes at a host address + imm */                                   \
    X(POKE, "poke", 2, IRK_EFFECT)                                                                                \
    X(EXIT_IF, "exit_if", 1, IRK_EFFECT)                                                                          \
    X(JUMP_IF, "jump_if", 2, IRK_EFFECT) /* a != 0: to address b, as JUMP does, with its exit's puts */            \
    X(PASS, "pass", 0, IRK_EFFECT)      /* time for imm more instructions: the budget falls; below 0 it exits */  \
    X(HEAT, "heat", 0, IRK_EFFECT)      /* counts the i32 at host address imm down; below 0 it exits */            \
    X(LEADS, "leads", 1, IRK_EFFECT)    /* exits unless the cache of jumps leads address a to slot imm */         \
    X(MARK, "mark", 0, IRK_EFFECT)      /* a loop's first operation */                                            \
    X(PARAM, "param", 0, IRK_READ)      /* state[imm], 8 bytes, as a round begins: directly behind the mark */    \
    X(LOOP, "loop", 0, IRK_END)         /* does the puts of its exit and goes to the mark */                      \
    X(LEAVE, "leave", 0, IRK_END)       /* takes its exit */                                                      \
    X(CHAIN, "chain", 0, IRK_END)       /* to the block the link at imm points to, or its exit */                 \
    X(CHAIN_IF, "chain_if", 1, IRK_END) /* a != 0: link imm, exit; else the link beside it, exit + 1 */           \
    X(JUMP, "jump", 1, IRK_END)         /* to address a, through the cache of such jumps, or its exit */

enum ir_op {
#define X(name, text, n, kind) IR_##name,
    IR_OPS(X)
#undef X
    IR_OP_COUNT
};

typedef u64 ir_call(u64 a, u64 b);
typedef u16 ir_val;
#define IR_IMM 0xffff  /* as operand b: the number imm */
#define IR_NONE 0xfffe /* not an operand */

struct ir_insn {
    u8 op, size;
    bool sign;
    ir_val a, b, c;
    u16 exit;
    u16 at; /* which guest instruction it was made for: ir->at then. For people to look at; means nothing */
    u64 imm;
};

enum { IR_READS = 1, IR_WRITES = 2 };        /* WINDOW */
enum { IR_SUM, IR_DIFFERENCE, IR_CONJUNCTION }; /* FLAGS */

struct ir_put {
    u32 offset;
    ir_val value;
};

struct ir_exit {
    u64 slot, handler; /* who goes on, and where: the emitter only hands these over */
    u64 link;          /* not 0: goes where this link leads, as CHAIN does; slot and handler when it cannot */
    u64 base;          /* not IR_BASE_STAYS: the address positions are relative to from there on */
    u32 first_put;     /* registers to store first: passes.c */
    u16 n_puts;
};
#define IR_BASE_STAYS (~(u64)0)

/* IR_REGS: of 8 bytes each, that a run may put or, in a loop, get. */
enum { IR_MAX = 4096, IR_REGS = 80, IR_MAX_EXITS = 1024, IR_MAX_PUTS = 49152 };

struct ir {
    u32 n, n_exits, n_puts;
    u16 at; /* of the operations added next */
    bool sites; /* its windows are worth remembering their pages */
    bool based; /* every exit behind the first says its base, and so does what ends it */
    struct ir_insn insn[IR_MAX];
    struct ir_exit exit[IR_MAX_EXITS];
    struct ir_put put[IR_MAX_PUTS];
};

struct ir_info {
    const char *name;
    u8 n_args, kind;
};
extern const struct ir_info ir_info[IR_OP_COUNT];

/* Building. The caller leaves before the lists are full: ir_room(). */
void ir_start(struct ir *ir);
bool ir_room(const struct ir *ir); /* for another guest instruction */
ir_val ir_add(struct ir *ir, struct ir_insn i);
ir_val ir_const(struct ir *ir, u64 v);
ir_val ir_unary(struct ir *ir, enum ir_op op, unsigned size, ir_val a);
ir_val ir_binary(struct ir *ir, enum ir_op op, unsigned size, ir_val a, ir_val b);
ir_val ir_ternary(struct ir *ir, enum ir_op op, unsigned size, ir_val a, ir_val b, ir_val c);
u16 ir_exit_to(struct ir *ir, u64 slot, u64 handler);
static inline bool ir_two_exits(const struct ir_insn *i) { return i->op == IR_CHAIN_IF; }
/* What v is an extension of, and that of another .., as far as the low bits are the same. */
ir_val ir_low_source(const struct ir *ir, ir_val v, unsigned bits);
/* Operands of an operation: 0 to 3 values, IR_IMM left out. */
unsigned ir_operands(struct ir_insn *i, ir_val *operand[3]);

void ir_dump(const struct ir *ir, struct buf *out);
void ir_dump_op(const struct ir *ir, u32 k, struct buf *out); /* without the end of the line */

/* Evaluation, for tests and folding. */
u64 ir_eval_pure(const struct ir_insn *i, u64 a, u64 b, u64 c);
struct ir_machine {
    u8 *state;
    u64 base;
    void *opaque;
    u8 *(*locate)(void *opaque, u64 addr, unsigned size, bool write); /* NULL: the operation exits */
    u64 (*phys)(void *opaque, u64 addr);                              /* the same */
    bool (*leads)(void *opaque, u64 addr, u64 slot);                  /* may be NULL when no run asks */
    i64 budget;
};
struct ir_end {
    ir_val at; /* the operation that ended the run */
    u16 exit;  /* IR_NONE: a terminator did what it is for */
    bool taken;
    u64 target;
};
void ir_eval(const struct ir *ir, struct ir_machine *m, struct ir_end *end);

/* Passes: each keeps what the run does. */
void ir_carry(struct ir *ir);     /* registers of a loop stay in values from round to round: before the others */
void ir_fold(struct ir *ir);      /* constants, identities, displacements */
void ir_forward(struct ir *ir);   /* gets of what was put or got */
void ir_share(struct ir *ir);     /* common subexpressions */
void ir_window(struct ir *ir);    /* loads and stores around one address go through one window */
void ir_sink_puts(struct ir *ir); /* puts happen at the end, or in the exit taken before it */
void ir_narrow(struct ir *ir);    /* what only low halves are used of; rotations: after ir_sink_puts */
void ir_sweep(struct ir *ir);     /* what nobody uses goes */
void ir_optimize(struct ir *ir);  /* all of them */

#endif
