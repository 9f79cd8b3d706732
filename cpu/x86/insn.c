#include "cpu/x86/insn.h"

const struct x86_row x86_rows[X86_OP_COUNT + 1] = {
#define INSN(id_, mnemonic_, encoding_, operands_, meaning_, flags_, cpu_, section_, doc_)                             \
    { .id = #id_, .mnemonic = mnemonic_, .encoding = encoding_, .operands = operands_, .meaning = #meaning_,           \
      .section = section_, .doc = doc_, .flags = (flags_), .cpu = (cpu_) },
#include "cpu/x86/insn.def"
    { .id = "bad", .mnemonic = "(bad)", .encoding = "", .operands = "", .meaning = "ud", .section = "",
      .doc = "no instruction of this model", .flags = X_END, .cpu = X86_F_8086 },
};
