/* Every op that a row names: x86_op_<meaning>(). */
#ifndef CPU_X86_OPS_H
#define CPU_X86_OPS_H

#include "cpu/x86/insn.h"

#define INSN(id, mnemonic, encoding, operands, meaning, ...) x86_op x86_op_##meaning;
#include "cpu/x86/insn.def"
#undef INSN

#endif
