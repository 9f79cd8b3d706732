/* Which handlers each row has. X_FAST stands first in the flags of a row that has a text. */
#include "cpu/x86/fast.h"

static x86_handler *const none[X86_FORMS] = { NULL };

/* IS_X_FAST puts FAST where PICK looks; of other flags IS_... is one argument, and it finds OTHER. */
#define IS_X_FAST ~, FAST,
#define PICK(a, b, ...) b
#define ROW(meaning, ...) PICK(__VA_ARGS__, OTHER, ~)(meaning)
#define FAST(meaning) xf_##meaning
#define OTHER(meaning) none

x86_handler *const *const x86_fast[X86_OP_COUNT + 1] = {
#define INSN(id, mnemonic, encoding, operands, meaning, flags, ...) [X86_OP_##id] = ROW(meaning, IS_##flags),
#include "cpu/x86/insn.def"
    [X86_OP_COUNT] = none,
};
