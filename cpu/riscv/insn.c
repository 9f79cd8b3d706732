#include "cpu/riscv/insn.h"

const struct riscv_insn riscv_insns[RV_OP_COUNT + 1] = {
#define INSN(id_, sem_, xlen_, ext_, picture_, imm_, implied_, mnemonic_, args_, class_, flags_, section_, doc_)     \
    { .id = #id_, .mnemonic = mnemonic_, .picture = picture_, .imm = imm_, .implied = implied_, .args = args_,        \
      .section = section_, .doc = doc_, .ext = ext_, .xlen = xlen_, .cls = RV_CLASS_##class_, .flags = flags_ },
#include "cpu/riscv/insn.def"
    { .id = "illegal", .mnemonic = "illegal", .picture = "", .imm = "", .implied = "", .args = "", .section = "",
      .doc = "no instruction of this model", .cls = RV_CLASS_SYSTEM, .flags = F_END | F_TRAP },
};

const char *const riscv_x_names[32] = {
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

const char *const riscv_f_names[32] = {
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};
