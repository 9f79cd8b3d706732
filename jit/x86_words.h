/* What the words of cpu/x86/sem_int.def, sem_mov.def and sem_jump.def mean to the compiler: each makes operations where the
 * interpreter's (interp.h, which explains them) computes. A text is read once: size and forms are the slot's. */
#ifndef JIT_X86_WORDS_H
#define JIT_X86_WORDS_H

#define W (tr->w)
#define TEXT(name, ...)                                                         \
    static void tr_##name(struct translation *tr, const struct x86_insn *i)     \
    {                                                                           \
        __VA_ARGS__;                                                            \
    }
#define SEM(name, ...) TEXT(name, __VA_ARGS__)
#define SEMV(name, ...) TEXT(name, __VA_ARGS__)
#define SEMR(name, ...) TEXT(name, __VA_ARGS__)
#define SEM1(name, ...) TEXT(name, __VA_ARGS__)
#define SEMS(name, ...) TEXT(name, __VA_ARGS__)

/* The operand rm. */
#define RM(v) V v = rm(tr, i, W)
#define RM8(v) V v = rm(tr, i, 8)
#define RM16(v) V v = rm(tr, i, 16)
#define RM32(v) V v = rm(tr, i, W < 32 ? W : 32)
#define RM_W(v) V v = rm_to_write(tr, i, 0)
#define RM_AT(v, delta) V v = rm_at(tr, i, delta)
#define RM_W_AT(v, delta) V v = rm_to_write(tr, i, delta)
#define WRM(v) write_rm(tr, i, v)
#define WRM_IF(holds, v, old) write_rm_if(tr, i, holds, v, old)
#define STRM(v) store_rm(tr, i, v)
#define OFFSET(v) V v = operand_offset(tr, i, 0)
#define MOFFS_LOAD(v) V v = moffs_load(tr, i)
#define MOFFS_STORE(v) moffs_store(tr, i, v)

/* The stack. */
#define PUSHED(v) pushed(tr, i, v)
#define PUSH(v) push(tr, v)
#define POP_FRAME(v) V v = pop(tr, X86_BP)
#define POP_TO_RM pop_to_rm(tr, i)

/* Registers and numbers. */
#define REG read_reg(tr, W, i->reg)
#define IMM number(tr, i->imm)
#define WREG(v) write_reg(tr, W, i->reg, v)
#define GR(n) read_reg(tr, W, n)
#define WGR(n, v) write_reg(tr, W, n, v)
#define COUNT_CL count_cl(tr)
#define COUNT_CL_ROTATE count_cl(tr)
#define COUNT_CL_CARRY count_cl(tr)
#define ZX8(v) zx(tr, 8, v)
#define ZX16(v) zx(tr, 16, v)
#define SX8(v) sx(tr, 8, v)
#define SX16(v) sx(tr, 16, v)
#define SX32(v) sx(tr, 32, v)
#define AND(a, b) op2(tr, IR_AND, a, b)
#define OR(a, b) op2(tr, IR_OR, a, b)
#define XOR(a, b) op2(tr, IR_XOR, a, b)
#define ANDN(a, b) andn(tr, a, b)
#define NOT(a) op2(tr, IR_XOR, a, number(tr, ~(u64)0))
#define EQ(a, b) equal(tr, a, b)
#define IS_ZERO(a) op2(tr, IR_EQ, a, 0)
#define NOT_ZERO(a) op2(tr, IR_NE, a, 0)
#define SELECT(holds, a, b) choose(tr, holds, a, b)
#define BSWAP(a) swapped(tr, a)
#define HALF_ACC(v) V v = sx(tr, W / 2, get_whole(tr, X86_AX))
#define SIGN_FILL(a) sign_fill(tr, a)

/* A result and the flags it sets. */
#define ADDF(r, a, b) V r = add(tr, a, b)
#define SUBF(r, a, b) V r = subtract(tr, a, b)
#define ADCF(r, a, b) V r = with_carry(tr, a, b, false)
#define SBBF(r, a, b) V r = with_carry(tr, a, b, true)
#define CMPF(a, b) subtract(tr, a, b)
#define INCF(r, a) V r = count_one(tr, a, IR_SUM)
#define DECF(r, a) V r = count_one(tr, a, IR_DIFFERENCE)
#define NEGF(r, a) V r = subtract(tr, number(tr, 0), a)
#define ANDF(r, a, b) V r = logic(tr, AND(a, b))
#define ORF(r, a, b) V r = logic(tr, OR(a, b))
#define XORF(r, a, b) V r = logic(tr, XOR(a, b))
#define TESTF(a, b) logic(tr, AND(a, b))
#define SHLF(r, a, n) V r = shift(tr, IR_SHL, a, n)
#define SHRF(r, a, n) V r = shift(tr, IR_SHR, a, n)
#define SARF(r, a, n) V r = shift(tr, IR_SAR, a, n)
#define ROLF(r, a, n) V r = turned(tr, call_rol, call_rol_flags, a, n)
#define RORF(r, a, n) V r = turned(tr, call_ror, call_ror_flags, a, n)
#define ROLF_IMM(r, a, n) V r = turned(tr, call_rol, i->flags & X86_I_MEM ? call_rol_flags : call_rol_imm_flags, a, n)
#define RORF_IMM(r, a, n) V r = turned(tr, call_ror, i->flags & X86_I_MEM ? call_ror_flags : call_ror_imm_flags, a, n)
#define RCLF(r, a, n) V r = turned(tr, call_rcl, call_rcl_flags, a, n)
#define RCRF(r, a, n) V r = turned(tr, call_rcr, call_rcr_flags, a, n)
#define SHLDF(r, a, b, n) V r = double_shift(tr, a, b, n, true)
#define SHRDF(r, a, b, n) V r = double_shift(tr, a, b, n, false)
#define MULF(lo, hi, a, b) V hi, lo = product(tr, a, b, false, &hi)
#define IMULF(lo, hi, a, b) V hi, lo = product(tr, a, b, true, &hi)
#define IMUL_LOWF(r, a, b) V r##_hi, r = product(tr, a, b, true, &r##_hi)
#define PAIR_HIGH (W == 8 ? read_reg(tr, 8, X86_AH) : read_reg(tr, W, X86_DX))
#define WPAIR(lo, hi) put_pair(tr, lo, hi)
#define DIVIDE(q, r, hi, lo, b) V r, q = divide(tr, hi, lo, b, &r)
#define IDIVIDE(q, r, hi, lo, b) V r, q = divide_signed(tr, hi, lo, b, &r)

/* Bits. */
#define BIT_DELTA(n) bit_delta(tr, i, n)
#define BIT(n) op2(tr, IR_SHL, number(tr, 1), AND(n, number(tr, W - 1)))
#define SET_CF_BIT(a, m) set_cf_bit(tr, a, m)
#define BSFF(r, a) V r = bit_scan(tr, a, false)
#define BSRF(r, a) V r = bit_scan(tr, a, true)
#define TZCNTF(r, a) V r = zeroes(tr, a, false)
#define LZCNTF(r, a) V r = zeroes(tr, a, true)
#define POPCNTF(r, a) V r = ones(tr, a)
#define WACC_UNLESS(holds, a) put_unless(tr, X86_AX, holds, a)
#define WREG_UNLESS_ZERO(r, a) put_unless(tr, i->reg, op2(tr, IR_EQ, a, 0), r)

/* Flags. */
#define COND(cc) condition(tr, cc)
#define CF op2(tr, IR_AND, op2(tr, IR_SHR, get_flags(tr), 8), 1)
#define WCF(v) put_carry(tr, v)
#define WDF(v) put_direction(tr, v)
#define FLAGS_LOW op2(tr, IR_SHR, get_flags(tr), 8)
#define WFLAGS_LOW(v) put_low_flags(tr, v)
#define BYTE_AH read_reg(tr, 8, X86_AH)
#define WBYTE_AH(v) write_reg(tr, 8, X86_AH, v)

/* Ways. */
#define BRANCH(holds) jit_x86_branch(tr, i, holds)
#define JUMP jit_x86_jump(tr, i)
#define COUNTER read_reg(tr, 8 * x86_asize(i), X86_CX)
#define COUNT_DOWN(n) zx(tr, 8 * x86_asize(i), op2(tr, IR_SUB, n, 1))
#define LOOP(taken, n) loop(tr, i, taken, n)
#define LINK link_of(tr, i)
#define CALL(l) call(tr, i, l)
#define CALL_TO(t, l) call_to(tr, t, l)
#define JUMP_TO(t) jump_to(tr, t)
#define RETURN(n) return_to(tr, n)

#endif
