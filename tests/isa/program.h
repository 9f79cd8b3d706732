/* Random programs: every instruction this hart has but the privileged ones, loads and stores that miss, cross pages,
 * fault, meet a device and the program itself, wild jumps, and a handler that goes on elsewhere after each trap. */
#ifndef TESTS_ISA_PROGRAM_H
#define TESTS_ISA_PROGRAM_H

#include "tests/isa/rig.h"

enum { PROGRAM_RAM = 0x8000, PROGRAM_CODE_BYTES = 0x1000 };
#define PROGRAM_CODE (RAM + 0x1000)
#define PROGRAM_HANDLER (RAM + 0x100)
#define PROGRAM_SAVE (RAM + 0x800)
#define PROGRAM_DATA (RAM + 0x4000)

struct program {
    const struct rv_decoder *d;
    u64 rng;
    u8 image[PROGRAM_RAM];
    u32 at;
    u16 ops[RV_OP_COUNT];
    unsigned n_ops;
    unsigned stores_to_code; /* set before: one in so many accesses; 0: 32 */
    bool paged;              /* set before: in S-mode with Sv39, every page in two places, and SFENCE.VMA */
};

static inline u64 next_random(u64 *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

extern const struct io_ops program_device; /* tells time: who asks at the wrong instruction gets another answer */

void program_generate(struct program *g, const struct rv_decoder *d, unsigned xlen, u64 seed);
void program_emit(struct program *g, unsigned op, unsigned rd, unsigned rs1, unsigned rs2, i64 imm);
void program_random_insn(struct program *g);
/* RAM and registers as the seed says; the hart is in machine mode at the beginning of the code. */
void program_load(const struct program *g, struct rig *r, u64 seed);
void program_registers(struct rig *r, u64 *seed);
/* Everything a program can change, RAM included. */
bool program_same(const struct rig *a, const struct rig *b);
void program_explain(const struct rig *a, const struct rig *b);

#endif
