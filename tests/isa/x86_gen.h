/* Random encodings of a row of cpu/x86/insn.def, and random numbers that repeat. */
#ifndef TESTS_ISA_X86_GEN_H
#define TESTS_ISA_X86_GEN_H

#include "cpu/x86/decode.h"

struct x86_gen {
    u64 state; /* of the random numbers; any seed but 0 */
    /* How much variety: chances in 256 of things that are seldom there. */
    u8 more_prefixes; /* operand size, address size, segments, REP, LOCK where they mean little or nothing */
    u8 illegal;       /* forms that the row does not allow: the other kind of ModRM, LOCK, another VEX.vvvv or VEX.L */
};
u64 x86_random(struct x86_gen *g);
static inline unsigned x86_random_below(struct x86_gen *g, unsigned n) { return (unsigned)(x86_random(g) % n); }

/* Where the parts are, for those who want to change them. 0: not there. */
struct x86_encoding {
    u8 bytes[32];
    u8 length, disp_at, disp_bytes, imm_at;
};
/* Encodes row `op` for 16, 32 or 64 bits with random operands. False: it has no encoding in this mode. */
bool x86_generate(struct x86_gen *g, const struct x86_form *f, unsigned op, unsigned bits, struct x86_encoding *out);

#endif
