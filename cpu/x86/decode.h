/* Rows of insn.def taken apart: what decoder and disassembler know of each. */
#ifndef CPU_X86_DECODE_H
#define CPU_X86_DECODE_H

#include "cpu/x86/insn.h"

enum { X86_MAX_OPERANDS = 5, X86_MAPS = 7 /* one byte, 0F, 0F 38, 0F 3A; the last three under VEX */, X86_MAX_BYTES = 15 };

/* What an operand is: the letters of SDM 2, A.2.1, and words for what is fixed. */
enum x86_operand_kind {
    K_NONE, K_FAR /* A */, K_VGPR /* B */, K_CR /* C */, K_DR /* D */, K_E, K_G, K_H, K_I, K_J, K_L, K_M, K_N, K_O, K_P, K_Q,
    K_R, K_S, K_U, K_V, K_W, K_X, K_Y, K_Z, K_BX /* Bb */, K_FIXED /* a general register: size and arg */,
    K_SREG /* arg */, K_DX, K_CL, K_ONE, K_ST, K_STI, K_VSIB,
};
enum x86_operand_size {
    Z_NONE, Z_B, Z_W, Z_D, Z_Q, Z_DQ, Z_QQ, Z_V, Z_Z, Z_Y, Z_X /* also ps, pd */, Z_SS, Z_SD, Z_A, Z_P, Z_S, Z_T,
    Z_BS /* a byte, sign-extended */, Z_MODE /* 4, in 64-bit mode 8 */,
};
struct x86_operand {
    u8 kind, size;
    u8 arg;               /* of fixed ones: register number; of K_VSIB: the size of the index register */
    u8 mem_size;          /* when memory is of another size than a register */
};

enum { P_ANY, P_NP, P_NFX, P_66, P_F3, P_F2 };
enum { IMM_NONE, IMM_B, IMM_W, IMM_Z, IMM_V, IMM_FAR, IMM_MOFFS, IMM_IS4, IMM_JB, IMM_JZ };
enum { MOD_ANY, MOD_MEM, MOD_REG };

struct x86_form {
    u8 map, opcode, span; /* span: 8 with a register in the opcode */
    u8 prefix;
    u8 w, l;              /* 0 any; 1: must be 0; 2: must be 1 */
    bool no_rex_b, has_modrm, mod_ignored, vsib, uses_vvvv, has_y;
    u8 mod;
    u8 fixed_mask, fixed; /* of ModRM */
    u8 imm[2];
    u8 n_operands;
    struct x86_operand operand[X86_MAX_OPERANDS];
    i8 main;              /* the operand that decides the operand size; -1: none */
    u8 reg_kind, reg_size, rm_kind, rm_size; /* what ModRM.reg and rm are */
};

struct x86_decoder {
    unsigned generation; /* X86_F_8086... */
    struct x86_form form[X86_OP_COUNT];
    u16 start[X86_MAPS * 256 + 1];
    u16 *list;
};

/* Takes the encoding and operands of a row apart; false, with a word on what is wrong, when they make no sense. */
bool x86_parse_row(const struct x86_row *row, struct x86_form *out, const char **why);

#endif
