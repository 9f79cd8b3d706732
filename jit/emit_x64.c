/* The emitter for x86-64 (System V). rdi, rdx, rcx and r8 are the handlers' state, budget, context and base all the
 * time; rax, rsi, r11, xmm0, xmm1 and xmm15 are for one operation; the rest is given out. Spills lie in the frame that
 * enter_code() made. */
#include "jit/emit_x64.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#ifdef __x86_64__
static bool has_lzcnt(void) /* clang 14 has no name for it */
{
    unsigned a, b, c, d;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LZCNT);
}
#endif

static void init(struct emitter *e)
{
    u32 kept = 1u << RBX | 1u << RBP | 1u << R12 | 1u << R13 | 1u << R14 | 1u << R15;
    *e = (struct emitter){ .kind = &emitter_x64,
        .host = { .gpr = kept | 1u << R9 | 1u << R10, .xmm = 0x7ffc, .gpr_kept = kept, .base = BASE } };
#ifdef __x86_64__
    e->flags = true; /* LAHF in 64-bit mode: of all but the first few */
    e->bmi2 = __builtin_cpu_supports("bmi2");
    e->fma = __builtin_cpu_supports("fma");
    e->lzcnt = has_lzcnt() && __builtin_cpu_supports("bmi");
    e->popcnt = __builtin_cpu_supports("popcnt");
#endif
}

const struct emitter_kind emitter_x64 = {
    .name = "x86-64", .reach = (size_t)1 << 31, .init = init, .make = &x64_pieces,
    .room = { .all = SIZE_MAX, .first = 4096, .op = 96, .checked_op = 96, .exit = 160, .put = 24 },
};
