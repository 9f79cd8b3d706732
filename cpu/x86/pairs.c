#include "cpu/x86/fast.h"
x86_handler *x86_fuse(const struct x86_insn *first, const struct x86_insn *second, bool flat) { return NULL; }
