/* What executes each row outside the fast handlers: the ops that the rows' meaning column names.
 *
 * A group whose ops are not all written yet is left out (0): its rows decode, and raise #UD when executed. */
#include "cpu/x86/insn.h"

#define OPS_INT 1
#define OPS_SYS 1
#define OPS_X87 1
#define OPS_SSE 1
#define OPS_AVX 0

#define INSN(id, mnemonic, encoding, operands, meaning, flags, cpu, section, doc) x86_op x86_op_##meaning;
#if OPS_INT
#include "cpu/x86/insn_int.def"
#endif
#if OPS_SYS
#include "cpu/x86/insn_sys.def"
#endif
#if OPS_X87
#include "cpu/x86/insn_x87.def"
#endif
#if OPS_SSE
#include "cpu/x86/insn_sse.def"
#endif
#if OPS_AVX
#include "cpu/x86/insn_avx.def"
#endif
#undef INSN

__attribute__((unused)) static bool missing(struct x86 *c, const struct x86_insn *i)
{
    return x86_ud(c, "this instruction is not implemented");
}

/* clang-format off */
x86_op *const x86_ops[X86_OP_COUNT] = {
#define ROW(id, op, flags) [X86_OP_##id] = (flags) & X_FAST ? NULL : op,
#define DONE(id, mnemonic, encoding, operands, meaning, flags, cpu, section, doc) ROW(id, x86_op_##meaning, flags)
#define MISSING(id, mnemonic, encoding, operands, meaning, flags, cpu, section, doc) ROW(id, missing, flags)
#if OPS_INT
#define INSN DONE
#else
#define INSN MISSING
#endif
#include "cpu/x86/insn_int.def"
#undef INSN
#if OPS_SYS
#define INSN DONE
#else
#define INSN MISSING
#endif
#include "cpu/x86/insn_sys.def"
#undef INSN
#if OPS_X87
#define INSN DONE
#else
#define INSN MISSING
#endif
#include "cpu/x86/insn_x87.def"
#undef INSN
#if OPS_SSE
#define INSN DONE
#else
#define INSN MISSING
#endif
#include "cpu/x86/insn_sse.def"
#undef INSN
#if OPS_AVX
#define INSN DONE
#else
#define INSN MISSING
#endif
#include "cpu/x86/insn_avx.def"
#undef INSN
};
