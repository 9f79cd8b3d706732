/* Writing x86-64 instructions. Opcodes: the low byte; X_0F before it; a mandatory prefix in bits 16 to 23. */
#ifndef JIT_X64_H
#define JIT_X64_H

#include "jit/code.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
enum { CC_O = 0, CC_B = 2, CC_AE = 3, CC_E = 4, CC_NE = 5, CC_A = 7, CC_S = 8, CC_P = 10, CC_NP = 11, CC_L = 12, CC_GE = 13 };

#define X_0F 0x100u
#define X_PREFIX(p) ((u32)(p) << 16)

static inline void x_byte(struct out *x, unsigned v) { *x->p++ = (u8)v; }

static inline void x_imm(struct out *x, u64 v, unsigned bytes)
{
    for (unsigned k = 0; k < bytes; k++)
        x_byte(x, (unsigned)(v >> (8 * k)));
}

/* Prefixes, REX and opcode. Bytes of registers above BL need a REX even when it says nothing: force. */
static inline void x_op(struct out *x, bool w, bool force, u32 op, unsigned reg, unsigned index, unsigned base)
{
    if (op >> 16)
        x_byte(x, op >> 16);
    unsigned rex = 0x40u | (unsigned)w << 3 | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (base >> 3 & 1);
    if (rex != 0x40 || force)
        x_byte(x, rex);
    if (op & X_0F)
        x_byte(x, 0x0f);
    x_byte(x, op & 0xff);
}

static inline void x_rr(struct out *x, bool w, u32 op, unsigned reg, unsigned rm)
{
    x_op(x, w, false, op, reg, 0, rm);
    x_byte(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static inline void x_rr8(struct out *x, bool w, u32 op, unsigned reg, unsigned rm)
{
    x_op(x, w, true, op, reg, 0, rm);
    x_byte(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static inline void x_disp(struct out *x, unsigned mod_reg, unsigned base, i64 disp, bool sib, unsigned sib_byte)
{
    bool small = disp >= -128 && disp < 128;
    x_byte(x, (small ? 0x40u : 0x80u) | mod_reg | (sib ? 4 : base & 7));
    if (sib)
        x_byte(x, sib_byte);
    x_imm(x, (u64)disp, small ? 1 : 4);
}

/* [base + disp] */
static inline void x_rm(struct out *x, bool w, bool force, u32 op, unsigned reg, unsigned base, i64 disp)
{
    x_op(x, w, force, op, reg, 0, base);
    x_disp(x, (reg & 7) << 3, base, disp, (base & 7) == RSP, 0x24);
}

/* [base + index << scale + disp]; index is not RSP */
static inline void x_rmx(struct out *x, bool w, bool force, u32 op, unsigned reg, unsigned base, unsigned index,
    unsigned scale, i64 disp)
{
    x_op(x, w, force, op, reg, index, base);
    x_disp(x, (reg & 7) << 3, base, disp, true, scale << 6 | (index & 7) << 3 | (base & 7));
}

static inline void x_mov(struct out *x, unsigned to, unsigned from)
{
    if (to != from)
        x_rr(x, true, 0x89, from, to);
}

/* Leaves the flags alone. */
static inline void x_mov_imm(struct out *x, unsigned to, u64 v)
{
    if (v >> 32 == 0) {
        x_op(x, false, false, 0xb8 | (to & 7), 0, 0, to);
        x_imm(x, v, 4);
    } else if ((i64)v == (i32)(u32)v) {
        x_rr(x, true, 0xc7, 0, to);
        x_imm(x, v, 4);
    } else {
        x_op(x, true, false, 0xb8 | (to & 7), 0, 0, to);
        x_imm(x, v, 8);
    }
}

/* Group 1 with an immediate: 0 add, 1 or, 4 and, 5 sub, 6 xor, 7 cmp. */
static inline void x_alu_imm(struct out *x, bool w, unsigned which, unsigned rm, i32 v)
{
    bool small = v >= -128 && v < 128;
    x_rr(x, w, small ? 0x83 : 0x81, which, rm);
    x_imm(x, (u64)(i64)v, small ? 1 : 4);
}

/* Group 2 by an immediate: 4 shl, 5 shr, 7 sar. */
static inline void x_shift_imm(struct out *x, bool w, unsigned which, unsigned rm, unsigned n)
{
    x_rr(x, w, 0xc1, which, rm);
    x_byte(x, n);
}

/* Three-operand VEX instruction. map: 1 0F, 2 0F38; pp: 0 none, 1 66, 2 F3, 3 F2. */
static inline void x_vex(struct out *x, unsigned map, unsigned pp, bool w, unsigned op, unsigned reg, unsigned v,
    unsigned rm)
{
    x_byte(x, 0xc4);
    x_byte(x, (~reg >> 3 & 1) << 7 | 1u << 6 | (~rm >> 3 & 1) << 5 | map);
    x_byte(x, (unsigned)w << 7 | (~v & 15) << 3 | pp);
    x_byte(x, op);
    x_byte(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* Jumps whose distance is filled in later: these return where it goes. */
static inline u8 *x_jcc(struct out *x, unsigned cc)
{
    x_byte(x, 0x0f);
    x_byte(x, 0x80 | cc);
    x_imm(x, 0, 4);
    return x->p - 4;
}

static inline u8 *x_jmp(struct out *x)
{
    x_byte(x, 0xe9);
    x_imm(x, 0, 4);
    return x->p - 4;
}

static inline void x_land(u8 *at, const u8 *target)
{
    store_le(at, 4, (u64)(target - (at + 4)));
}

#endif
