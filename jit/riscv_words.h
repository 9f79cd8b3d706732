/* What the words of cpu/riscv/sem_*.def mean to the compiler: each makes operations where the interpreter's computes.
 * Included before each reading with XLEN 32 or 64.
 *
 * A V is a value's name with V_TAG above it, or else a number the text wrote itself. */
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
#undef MULH
#undef MULHSU
#undef MULHU
#undef DIV
#undef DIVU
#undef REM
#undef REMU
#undef CLZ
#undef CTZ
#undef CPOP
#undef ROL
#undef ROR
#undef REV8
#undef ORC_B
#undef CLMUL
#undef CLMULH
#undef CLMULR

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
#define CLZ(a) pure(tr, call_clz64, a, 0)
#define CTZ(a) pure(tr, call_ctz64, a, 0)
#define CPOP(a) pure(tr, call_cpop64, a, 0)
#define ROL(a, n) rotate64(tr, IR_SHL, IR_SHR, a, n)
#define ROR(a, n) rotate64(tr, IR_SHR, IR_SHL, a, n)
#define REV8(a) pure(tr, call_rev8, a, 0)
#define ORC_B(a) pure(tr, call_orc_b, a, 0)
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
#define REV8(a) pure(tr, call_rev8_32, a, 0)
#define ORC_B(a) SX32(pure(tr, call_orc_b, a, 0))
#define CLMUL(a, b) SX32(pure(tr, call_clmul, ZX32(a), ZX32(b)))
#define CLMULH(a, b) SX32(pure(tr, call_clmul_hi32, a, b))
#define CLMULR(a, b) SX32(pure(tr, call_clmul_r32, a, b))
#endif
#define ADD(a, b) SX(op2(tr, IR_ADD, a, b))
#define SUB(a, b) SX(op2(tr, IR_SUB, a, b))
#define MUL(a, b) SX(op2(tr, IR_MUL, a, b))

#ifndef JIT_RISCV_WORDS_ONCE
#define JIT_RISCV_WORDS_ONCE
typedef u64 V;
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
#define CLZ32(a) pure(tr, call_clz32, a, 0)
#define CTZ32(a) pure(tr, call_ctz32, a, 0)
#define CPOP32(a) pure(tr, call_cpop32, a, 0)
#define ROL32(a, n) rotate32(tr, IR_SHL, IR_SHR, a, n)
#define ROR32(a, n) rotate32(tr, IR_SHR, IR_SHL, a, n)

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

/* Floating-point registers. A value that is not boxed goes to the interpreter. */
#define F2 get_f(tr, i->rs2)
#define WF(v) put_f(tr, i->rd, v)
#define BOX32(v) OR(v, number(tr, (u64)0xffffffff << 32))
#define BOX16(v) OR(v, number(tr, (u64)0xffffffffffff << 16))
#define GET64(reg) get_f(tr, i->reg)
#define GET32(reg) unbox(tr, get_f(tr, i->reg), 32)
#define GET16(reg) unbox(tr, get_f(tr, i->reg), 16)
#define F1BITS get_f(tr, i->rs1)
#define PUT64(v) put_f(tr, i->rd, v)
#define PUT32(v) put_f(tr, i->rd, BOX32(v))
#define PUT16(v) put_f(tr, i->rd, BOX16(v))
#define LOW64(v) (v)
#define LOW32(v) ZX32(v)
#define LOW16(v) ZX16(v)
#define SIGN(w) number(tr, (u64)1 << ((w) - 1))
#define NOT_SIGN(w) number(tr, ((u64)1 << ((w) - 1)) - 1)
#define NEG64(v) XOR(v, SIGN(64))
#define NEG32(v) XOR(v, SIGN(32))
#define NEG16(v) XOR(v, SIGN(16))
#define COPYSIGN64(a, b) copysign_(tr, 64, a, b)
#define COPYSIGN32(a, b) copysign_(tr, 32, a, b)
#define COPYSIGN16(a, b) copysign_(tr, 16, a, b)
#define CLASS64(a) pure(tr, call_class64, a, 0)
#define CLASS32(a) pure(tr, call_class32, a, 0)
#define CLASS16(a) pure(tr, call_class16, a, 0)

/* Floating-point arithmetic under the conditions of cpu/riscv/fp_host.h; the interpreter does the rest. */
#define RM(rm) V rm = rounding(tr, i)
#define ADD64_(r, a, b, rm) V r = sum(tr, IR_FADD, 8, a, b, rm)
#define SUB64_(r, a, b, rm) V r = sum(tr, IR_FSUB, 8, a, b, rm)
#define MUL64_(r, a, b, rm) V r = product(tr, IR_FMUL, 8, a, b, rm)
#define DIV64_(r, a, b, rm) V r = product(tr, IR_FDIV, 8, a, b, rm)
#define ADD32_(r, a, b, rm) V r = sum(tr, IR_FADD, 4, a, b, rm)
#define SUB32_(r, a, b, rm) V r = sum(tr, IR_FSUB, 4, a, b, rm)
#define MUL32_(r, a, b, rm) V r = product(tr, IR_FMUL, 4, a, b, rm)
#define DIV32_(r, a, b, rm) V r = product(tr, IR_FDIV, 4, a, b, rm)
#define SQRT64_(r, a, rm) V r = root(tr, 8, a, rm)
#define SQRT32_(r, a, rm) V r = root(tr, 4, a, rm)
#define FMA64_(r, a, b, c, rm) V r = fused(tr, 8, a, b, c, rm)
#define FMA32_(r, a, b, c, rm) V r = fused(tr, 4, a, b, c, rm)
#define MIN64_(r, a, b) V r = extreme(tr, 8, false, a, b)
#define MAX64_(r, a, b) V r = extreme(tr, 8, true, a, b)
#define MIN32_(r, a, b) V r = extreme(tr, 4, false, a, b)
#define MAX32_(r, a, b) V r = extreme(tr, 4, true, a, b)
#define FEQ64_(r, a, b) V r = ordered(tr, IR_FEQ, 8, a, b)
#define FLT64_(r, a, b) V r = ordered(tr, IR_FLT, 8, a, b)
#define FLE64_(r, a, b) V r = ordered(tr, IR_FLE, 8, a, b)
#define FEQ32_(r, a, b) V r = ordered(tr, IR_FEQ, 4, a, b)
#define FLT32_(r, a, b) V r = ordered(tr, IR_FLT, 4, a, b)
#define FLE32_(r, a, b) V r = ordered(tr, IR_FLE, 4, a, b)
/* to_int: the double that must be below (or at most) the value, and the one above it */
#define I32_FROM64_(r, a, rm) V r = SX32(to_int(tr, 8, a, rm, -2147483649.0, false, 2147483648.0))
#define U32_FROM64_(r, a, rm) V r = SX32(to_int(tr, 8, a, rm, -1.0, false, 4294967296.0))
#define I64_FROM64_(r, a, rm) V r = to_int(tr, 8, a, rm, -0x1p63, true, 0x1p63)
#define U64_FROM64_(r, a, rm) V r = to_int(tr, 8, a, rm, -1.0, false, 0x1p63)
#define I32_FROM32_(r, a, rm) V r = SX32(to_int(tr, 4, a, rm, -2147483648.0, true, 2147483648.0))
#define U32_FROM32_(r, a, rm) V r = SX32(to_int(tr, 4, a, rm, -1.0, false, 4294967296.0))
#define I64_FROM32_(r, a, rm) V r = to_int(tr, 4, a, rm, -0x1p63, true, 0x1p63)
#define U64_FROM32_(r, a, rm) V r = to_int(tr, 4, a, rm, -1.0, false, 0x1p63)
#define F64_FROM_I32_(r, a, rm) valid_mode(tr, rm); V r = fp1(tr, IR_ITOF, 8, SX32(a))
#define F64_FROM_U32_(r, a, rm) valid_mode(tr, rm); V r = fp1(tr, IR_ITOF, 8, ZX32(a))
#define F64_FROM_I64_(r, a, rm) in_mode_rounded(tr, rm, SF_NEAREST_EVEN); V r = fp1(tr, IR_ITOF, 8, a)
#define F64_FROM_U64_(r, a, rm) in_mode_rounded(tr, rm, SF_NEAREST_EVEN); V r = from_unsigned(tr, 8, a)
#define F32_FROM_I32_(r, a, rm) in_mode_rounded(tr, rm, SF_NEAREST_EVEN); V r = fp1(tr, IR_ITOF, 4, SX32(a))
#define F32_FROM_U32_(r, a, rm) in_mode_rounded(tr, rm, SF_NEAREST_EVEN); V r = fp1(tr, IR_ITOF, 4, ZX32(a))
#define F32_FROM_I64_(r, a, rm) in_mode_rounded(tr, rm, SF_NEAREST_EVEN); V r = fp1(tr, IR_ITOF, 4, a)
#define F32_FROM_U64_(r, a, rm) in_mode_rounded(tr, rm, SF_NEAREST_EVEN); V r = from_unsigned(tr, 4, a)
#define F32_FROM_F64_(r, a, rm)                                   \
    in_mode_rounded(tr, rm, SF_NEAREST_EVEN);                     \
    V r = fp1(tr, IR_FNARROW, 4, a);                              \
    exit_unless(tr, in_range(tr, 4, r, false))
#define F64_FROM_F32_(r, a, rm) valid_mode(tr, rm); V r = fp1(tr, IR_FWIDEN, 8, ordered_self(tr, a))

/* Half precision is soft. */
#define SOFT_(r, ...)                                             \
    const V r##_operands[] = { __VA_ARGS__ };                     \
    tr->refused = true;                                           \
    V r = r##_operands[0]
#define F32_FROM_F16_(r, a, rm) SOFT_(r, a, rm)
#define F64_FROM_F16_(r, a, rm) SOFT_(r, a, rm)
#define F16_FROM_F32_(r, a, rm) SOFT_(r, a, rm)
#define F16_FROM_F64_(r, a, rm) SOFT_(r, a, rm)
#define FMA16_(r, a, b, c, rm) SOFT_(r, a, b, c, rm)
#define ADD16_(r, a, b, rm) SOFT_(r, a, b, rm)
#define SUB16_(r, a, b, rm) SOFT_(r, a, b, rm)
#define MUL16_(r, a, b, rm) SOFT_(r, a, b, rm)
#define DIV16_(r, a, b, rm) SOFT_(r, a, b, rm)
#define SQRT16_(r, a, rm) SOFT_(r, a, rm)
#define MIN16_(r, a, b) SOFT_(r, a, b)
#define MAX16_(r, a, b) SOFT_(r, a, b)
#define FEQ16_(r, a, b) SOFT_(r, a, b)
#define FLT16_(r, a, b) SOFT_(r, a, b)
#define FLE16_(r, a, b) SOFT_(r, a, b)
#define I32_FROM16_(r, a, rm) SOFT_(r, a, rm)
#define U32_FROM16_(r, a, rm) SOFT_(r, a, rm)
#define I64_FROM16_(r, a, rm) SOFT_(r, a, rm)
#define U64_FROM16_(r, a, rm) SOFT_(r, a, rm)
#define F16_FROM_I32_(r, a, rm) SOFT_(r, a, rm)
#define F16_FROM_U32_(r, a, rm) SOFT_(r, a, rm)
#define F16_FROM_I64_(r, a, rm) SOFT_(r, a, rm)
#define F16_FROM_U64_(r, a, rm) SOFT_(r, a, rm)
#endif
