/* Fused pairs: a comparison and the branch behind it in one handler, which saves a dispatch and a look at the flags in
 * memory. Both slots stay as they are; when the comparison cannot be done quickly, the plain handlers do one after the other. */
#include "cpu/x86/alu.h"
#include "cpu/x86/fast.h"
#include "cpu/x86/regs.h"

#define W 8
#define FORM FORM_PR
#include "cpu/x86/interp.h"
#include "cpu/x86/sem_cmp.def"
#undef FORM
#define FORM FORM_PM
#include "cpu/x86/interp.h"
#include "cpu/x86/sem_cmp.def"
#undef FORM
#undef W
#define W 32
#define FORM FORM_PR
#include "cpu/x86/interp.h"
#include "cpu/x86/sem_cmp.def"
#undef FORM
#define FORM FORM_PM
#include "cpu/x86/interp.h"
#include "cpu/x86/sem_cmp.def"
#undef FORM
#undef W
#define W 64
#define FORM FORM_PR
#include "cpu/x86/interp.h"
#include "cpu/x86/sem_cmp.def"
#undef FORM
#define FORM FORM_PM
#include "cpu/x86/interp.h"
#include "cpu/x86/sem_cmp.def"

/* First halves: text, size, form; its place in xf_<text>[]. Words of 16 bits are left out: few code has them. */
#define FIRSTS_OF(X, name)                                               \
    X(name, 8r, 8pr, 0)                                                  \
    X(name, 32r, 32pr, 2)                                                \
    X(name, 64r, 64pr, 3)                                                \
    X(name, 8m, 8pm, 4)                                                  \
    X(name, 32m, 32pm, 6)                                                \
    X(name, 64m, 64pm, 7)
#define FIRSTS(X)                                                        \
    FIRSTS_OF(X, cmp_rm_reg)                                             \
    FIRSTS_OF(X, cmp_reg_rm)                                             \
    FIRSTS_OF(X, cmp_rm_imm)                                             \
    FIRSTS_OF(X, test_rm_reg)                                            \
    FIRSTS_OF(X, test_rm_imm)
/* Second halves, by condition. The others are rare after a comparison. */
#define SECONDS(X, ...)                                                  \
    X(__VA_ARGS__, jb, 2)                                                \
    X(__VA_ARGS__, jae, 3)                                               \
    X(__VA_ARGS__, je, 4)                                                \
    X(__VA_ARGS__, jne, 5)                                               \
    X(__VA_ARGS__, jbe, 6)                                               \
    X(__VA_ARGS__, ja, 7)                                                \
    X(__VA_ARGS__, js, 8)                                                \
    X(__VA_ARGS__, jns, 9)                                               \
    X(__VA_ARGS__, jl, 12)                                               \
    X(__VA_ARGS__, jge, 13)                                              \
    X(__VA_ARGS__, jle, 14)                                              \
    X(__VA_ARGS__, jg, 15)

#define PAIR(name, plain, first, at, jump, cc)                           \
    static i64 xp_##name##_##plain##_##jump(X86_ARGS)                    \
    {                                                                    \
        if (UNLIKELY(!xh_##name##_##first(X86_PASS)))                    \
            X86_TAIL xf_##name[at](X86_PASS);                            \
        i++;                                                             \
        V t = COND(cc);                                                  \
        BRANCH(t)                                                        \
    }
#define PAIRS_OF(name, plain, first, at) SECONDS(PAIR, name, plain, first, at)
FIRSTS(PAIRS_OF)

#define COUNT1(...) +1
enum { N_FIRST = 0 FIRSTS(COUNT1) };
#define ENTRY(name, plain, first, at, jump, cc) [cc] = xp_##name##_##plain##_##jump,
#define ROW_OF(name, plain, first, at) { SECONDS(ENTRY, name, plain, first, at) },
static x86_handler *const pairs[N_FIRST][16] = { FIRSTS(ROW_OF) };

/* Which condition a branch is, by its handler; -1: no such branch. */
static int condition_of(x86_handler *fn)
{
#define IS_JUMP(x, jump, cc)                                             \
    if (fn == xf_##jump[0])                                              \
        return cc;
    SECONDS(IS_JUMP, x)
    return -1;
}

x86_handler *x86_fuse(const struct x86_insn *first, const struct x86_insn *second, bool flat)
{
    static const struct {
        x86_handler *const *forms;
        unsigned at;
    } firsts[N_FIRST] = {
#define PLACE(name, plain, first, at) { xf_##name, at },
        FIRSTS(PLACE)
    };
    int cc = flat ? condition_of((x86_handler *)second->fn) : -1;
    for (unsigned k = 0; cc >= 0 && k < N_FIRST; k++)
        if (firsts[k].forms[firsts[k].at] == (x86_handler *)first->fn)
            return pairs[k][cc];
    return NULL;
}
