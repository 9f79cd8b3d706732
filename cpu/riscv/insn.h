/* The instructions as data: what decoder, engine, disassembler, tracers and timing models know of each row of
 * insn.def, and the decoder made from them. */
#ifndef CPU_RISCV_INSN_H
#define CPU_RISCV_INSN_H

#include "cpu/riscv/riscv.h"

enum riscv_op {
#define INSN(id, ...) RV_OP_##id,
#include "cpu/riscv/insn.def"
    RV_OP_COUNT, /* also: no such instruction */
};

enum riscv_class { /* what a timing model tells apart */
    RV_CLASS_ALU, RV_CLASS_SHIFT, RV_CLASS_MUL, RV_CLASS_MULH, RV_CLASS_DIV, RV_CLASS_LOAD, RV_CLASS_STORE, RV_CLASS_AMO,
    RV_CLASS_BRANCH, RV_CLASS_JUMP, RV_CLASS_JUMPR, RV_CLASS_CSR, RV_CLASS_SYSTEM, RV_CLASS_FENCE, RV_CLASS_CBO,
    RV_CLASS_HINT, RV_CLASS_FADD, RV_CLASS_FMUL, RV_CLASS_FMA, RV_CLASS_FDIV, RV_CLASS_FSQRT, RV_CLASS_FCVT,
    RV_CLASS_FCMP, RV_CLASS_FMOVE,
};

enum riscv_insn_flags {
    F_END = 1,       /* ends a block */
    F_TRAP = 2,      /* may trap, other than for being illegal */
    F_PRIV = 4,
    F_LOAD = 8,
    F_STORE = 16,
    F_COND = 32,     /* conditional branch */
    F_LINK = 64,     /* a jump that writes a return address */
    F_PC = 128,      /* the immediate is relative to pc */
    F_CSR = 256,
    F_FP = 512,      /* illegal while mstatus.FS is off */
    F_FW = 1024,     /* writes a floating-point register */
    F_AQRL = 2048,
    F_ZIMM = 4096,   /* the rs1 field is a number */
    F_HINT = 8192,   /* a special encoding of a more general row */
    F_NZ_I = 1 << 14, F_NZ_D = 1 << 15, F_NZ_S = 1 << 16, F_NZ_T = 1 << 17, /* the field must not be 0 */
    F_D_NOT2 = 1 << 18,
};

enum { RV32 = 32, RV64 = 64, RVXX = RV32 | RV64 };

struct riscv_insn {
    const char *id, *mnemonic, *picture, *imm, *implied, *args, *section, *doc;
    u64 ext; /* all of these are needed */
    u8 xlen, cls;
    u32 flags;
};

extern const struct riscv_insn riscv_insns[RV_OP_COUNT + 1];

/* A row as the decoder wants it. */
struct rv_row {
    u32 mask, match;
    u8 len; /* bytes */
    u8 d_lo, d_w, s_lo, s_w, t_lo, t_w, u_lo, m_lo, m_w, a_lo, a_w; /* width 0: not there. m: rounding, a: aq rl */
    u8 d_fix, s_fix;                                                /* implied register; RV_SAME: rs1 is rd */
    u8 n_imm, imm_sign; /* imm_sign: width to sign-extend from, 0: unsigned */
    struct {
        u8 from, to, width;
    } imm[8];
};
#define RV_SAME 0xff

struct rv_decoded {
    u16 op; /* RV_OP_COUNT: illegal */
    u8 len; /* 2 or 4, also when illegal */
    u8 rd, rs1, rs2, rs3, rm, aqrl;
    i64 imm;
};

struct rv_decoder {
    unsigned xlen;
    u64 ext;
    struct rv_row row[RV_OP_COUNT];
    u16 start4[8192 + 1], start2[1024 + 1]; /* by key: first in list */
    u16 *list4, *list2;
};

struct rv_decoder *rv_decoder_new(struct arena *a, const struct riscv_config *config);
void rv_decode(const struct rv_decoder *d, u32 bits, struct rv_decoded *out);
bool rv_row_matches(const struct rv_decoder *d, unsigned op, u32 bits); /* for tests: this row, whatever others say */
void rv_parse_row(const struct riscv_insn *insn, struct rv_row *out);

static inline unsigned rv_insn_length(u32 bits) { return (bits & 3) == 3 ? 4 : 2; }

/* ABI names. */
extern const char *const riscv_x_names[32], *const riscv_f_names[32];
unsigned riscv_disasm_with(const struct rv_decoder *d, const char *(*csr_name)(const void *ctx, u32 csr),
                           const void *ctx, u64 pc, const u8 *bytes, size_t n, char *out, size_t out_len);

#endif
