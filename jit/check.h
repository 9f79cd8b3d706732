/* Compiled code against the interpreter: every entry is executed in both tiers from the same state.
 *
 * The code runs first, with its stores written down and its ways out leading here; what it stored is undone, the
 * registers are put back, and the interpreter executes as many instructions as the code says it has completed. Then
 * registers, memory, position and the places stored to must be the same, and the run goes on from there. What the code
 * left to the interpreter (devices, faults, CSRs) so happens once.
 *
 * Here is what does not depend on the guest; riscv_check.c and x86_check.c execute. */
#ifndef JIT_CHECK_H
#define JIT_CHECK_H

#include "base/buf.h"
#include "cpu/cpu.h"
#include "jit/emit.h"

struct jit_check { /* the first member of a guest's own */
    struct jit_stored *next; /* where the code writes down its next store */
    struct jit_stored *log;
    struct {
        const void *slot;
        const void *handler; /* NULL: the slot's own */
        i64 budget;
        u64 vpage;
        bool jump; /* to address `slot`, the budget exact */
    } left; /* how it went out; written by jit_check_left() */
    struct {
        u64 entries, instructions, stores;
    } count;
    struct buf report;
};

/* For code that is emitted with this env from now on: it is entered by way of `entered`, leaves by `left` (env.check_enter,
 * check_left), and stores at most `stores` times in between. The check is part of what the arena holds. */
void jit_check_init(struct jit_check *k, struct arena *a, struct jit_env *env, unsigned stores, const void *entered,
    const void *left);
/* What `left` was told. go_to: the guest's function for jumps, whose slot is the address. */
static inline void jit_check_left(struct jit_check *k, const void *slot, i64 budget, u64 vpage, u64 handler,
    const void *go_to)
{
    k->left.jump = handler == (u64)(uintptr_t)go_to;
    k->left.handler = (const void *)(uintptr_t)(k->left.jump ? 0 : handler);
    k->left.slot = slot;
    k->left.budget = budget;
    k->left.vpage = vpage;
}
void jit_check_undo(const struct jit_check *k); /* memory as it was before the stores written down */

/* One more difference for the report. */
void jit_check_differs(struct jit_check *k, const char *what, u64 compiled, u64 interpreted);
/* Parts of a state: n of so many bytes, `stride` apart (0: the size). */
struct jit_check_row {
    const char *name;
    const char *const *names; /* NULL: all have the same name */
    size_t at, stride;
    unsigned size, n;
};
void jit_check_rows(struct jit_check *k, const struct jit_check_row *row, unsigned n, const void *compiled,
    const void *interpreted);
/* An entry is over. True: it differs; the report begins with how, the guest's code is to follow. */
bool jit_check_done(struct jit_check *k, const struct cpu *c, u64 pc, u64 instructions);
/* An instruction of that code. */
void jit_check_code(struct jit_check *k, struct cpu *c, u64 pc, const u8 *bytes, unsigned length);
void jit_check_describe(const struct jit_check *k, struct buf *out);

struct jit_check *jit_riscv_check_new(struct arena *a, const struct code *code, struct jit_env *env);
struct jit_check *jit_x86_check_new(struct arena *a, struct jit_env *env);

#endif
