/* What the words of cpu/riscv/sem_*.def mean to the compiler: each makes operations where the interpreter's computes.
 * Included before each reading with XLEN 32 or 64. */
#include "cpu/riscv/words_none.h"
#undef NAME
#undef NAME2
#undef NAME3
#undef SX
#undef ADDR
#undef SLL
#undef SRL
#undef SRA
#undef ADD
#undef SUB
#undef MUL

#define NAME3(x, n) tr##x##_##n
#define NAME2(x, n) NAME3(x, n)
#define NAME(n) NAME2(XLEN, n)

#if XLEN == 64
#define SX(v) (v)
#define ADDR(v) (v)
#define SLL(a, n) op2(tr, IR_SHL, a, n)
#define SRL(a, n) op2(tr, IR_SHR, a, n)
#define SRA(a, n) op2(tr, IR_SAR, a, n)
#define MULH(a, b) op2(tr, IR_MULHS, a, b)
#define MULHSU(a, b) op2(tr, IR_MULHSU, a, b)
#define MULHU(a, b) op2(tr, IR_MULHU, a, b)
#define DIV(a, b) op2(tr, IR_DIVS, a, b)
#define DIVU(a, b) op2(tr, IR_DIVU, a, b)
#define REM(a, b) op2(tr, IR_REMS, a, b)
#define REMU(a, b) op2(tr, IR_REMU, a, b)
#define CLZ(a) op1(tr, IR_CLZ, a)
#define CTZ(a) op1(tr, IR_CTZ, a)
#define CPOP(a) cpop(tr, a)
#define ROL(a, n) op2(tr, IR_ROR, a, minus(tr, n))
#define ROR(a, n) op2(tr, IR_ROR, a, n)
#define REV8(a) op1(tr, IR_BSWAP, a)
#define ORC_B(a) bytes_set(tr, a)
#define CLMUL(a, b) pure(tr, call_clmul, a, b)
#define CLMULH(a, b) pure(tr, call_clmulh, a, b)
#define CLMULR(a, b) pure(tr, call_clmulr, a, b)
#else
#define SX(v) SX32(v)
#define ADDR(v) ZX32(v)
#define SLL(a, n) SLLW(a, n)
#define SRL(a, n) SRLW(a, n)
#define SRA(a, n) SRAW(a, n)
#define MULH(a, b) product32(tr, a, b, true, true)
#define MULHSU(a, b) product32(tr, a, b, true, false)
#define MULHU(a, b) product32(tr, a, b, false, false)
#define DIV(a, b) DIVW(a, b)
#define DIVU(a, b) DIVUW(a, b)
#define REM(a, b) REMW(a, b)
#define REMU(a, b) REMUW(a, b)
#define CLZ(a) CLZ32(a)
#define CTZ(a) CTZ32(a)
#define CPOP(a) CPOP32(a)
#define ROL(a, n) ROL32(a, n)
#define ROR(a, n) ROR32(a, n)
#define REV8(a) rev8_32(tr, a)
#define ORC_B(a) SX32(bytes_set(tr, a))
#define CLMUL(a, b) SX32(pure(tr, call_clmul, ZX32(a), ZX32(b)))
#define CLMULH(a, b) SX32(pure(tr, call_clmul_hi32, a, b))
#define CLMULR(a, b) SX32(pure(tr, call_clmul_r32, a, b))
#endif
#define ADD(a, b) SX(op2(tr, IR_ADD, a, b))
#define SUB(a, b) SX(op2(tr, IR_SUB, a, b))
#define MUL(a, b) SX(op2(tr, IR_MUL, a, b))

#ifndef JIT_RISCV_WORDS_ONCE
#define JIT_RISCV_WORDS_ONCE
#define SEM(name, ...)                                                   \
    static void NAME(name)(struct translation *tr, const struct rv_insn *i) \
    {                                                                    \
        __VA_ARGS__;                                                     \
    }

/* Integer. */
#define RS1 get_x(tr, i->rs1)
#define RS2 get_x(tr, i->rs2)
#define IMM number(tr, (u64)(i64)i->imm)
#define WR(v) put_x(tr, i->rd, v)
#define AND(a, b) op2(tr, IR_AND, a, b)
#define OR(a, b) op2(tr, IR_OR, a, b)
#define XOR(a, b) op2(tr, IR_XOR, a, b)
#define NOT(a) op2(tr, IR_XOR, a, number(tr, ~(u64)0))
#define LT(a, b) op2(tr, IR_LTS, a, b)
#define LTU(a, b) op2(tr, IR_LTU, a, b)
#define EQ(a, b) op2(tr, IR_EQ, a, b)
#define NE(a, b) op2(tr, IR_NE, a, b)
#define SELECT(c, a, b) op3(tr, IR_SELECT, 8, c, a, b)
#define SX32(v) op1(tr, IR_SX32, v)
#define ZX32(v) op1(tr, IR_ZX32, v)
#define SX16(v) op1(tr, IR_SX16, v)
#define SX8(v) op1(tr, IR_SX8, v)
#define ZX16(v) op1(tr, IR_ZX16, v)
#define SLLW(a, n) SX32(op2(tr, IR_SHL, a, AND(n, 31)))
#define SRLW(a, n) shift32(tr, IR_SHR, ZX32(a), n)
#define SRAW(a, n) shift32(tr, IR_SAR, SX32(a), n)
#define DIVW(a, b) divide32(tr, IR_DIVS, IR_SX32, a, b)
#define DIVUW(a, b) divide32(tr, IR_DIVU, IR_ZX32, a, b)
#define REMW(a, b) divide32(tr, IR_REMS, IR_SX32, a, b)
#define REMUW(a, b) divide32(tr, IR_REMU, IR_ZX32, a, b)
#define CLZ32(a) clz32_(tr, a)
#define CTZ32(a) ctz32_(tr, a)
#define CPOP32(a) cpop(tr, ZX32(a))
#define ROL32(a, n) rotate32(tr, a, minus(tr, n))
#define ROR32(a, n) rotate32(tr, a, n)

/* Position and control. */
#define LINK_PC SX(relative(tr, i->link))
#define PC_REL SX(relative(tr, (u64)(i64)i->imm))
#define BRANCH(c) branch(tr, i, c)
#define JUMP(link_) jump(tr, i, link_)
#define JUMP_REG(target_, link_) jump_reg(tr, i, ADDR(target_), link_)

/* Memory. */
#define SIGNED(type) ((type)-1 < (type)1)
#define LOAD(v, type, addr) V v = load(tr, ADDR(addr), sizeof(type), SIGNED(type))
#define STORE(type, addr, value) store(tr, ADDR(addr), sizeof(type), value)
#define AMO(v, type, addr)                                        \
    V v##_host = locate(tr, ADDR(addr), sizeof(type));            \
    V v = peek(tr, v##_host, sizeof(type), SIGNED(type))
#define AMO_STORE(v, type, value) poke(tr, v##_host, sizeof(type), value)
#define LR(v, type, addr) V v = load_reserved(tr, ADDR(addr), sizeof(type), SIGNED(type))
#define SC(v, type, addr, value) V v = store_conditional(tr, ADDR(addr), sizeof(type), value)
#define ZERO_BLOCK(addr) zero_block(tr, ADDR(addr))

/* Floating-point registers. */
#define F2 get_f(tr, i->rs2)
#define WF(v) put_f(tr, i->rd, v)
#define BOX32(v) OR(v, number(tr, (u64)0xffffffff << 32))
#define BOX16(v) OR(v, number(tr, (u64)0xffffffffffff << 16))
#endif
