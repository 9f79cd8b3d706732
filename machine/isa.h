/* Instruction sets as machines and command lines use them: the names of their programs, their CPU models, making CPUs. */
#ifndef MACHINE_ISA_H
#define MACHINE_ISA_H

#include "machine/machine.h"

struct isa { /* constant */
    const char *name;            /* "riscv" */
    const char *target[2];       /* of 32 and 64 bits, as in orrery-system-TARGET */
    const char *default_board;   /* of the programs called orrery-system-TARGET */
    u16 elf_machine[2];          /* e_machine of 32 and 64 bits (bios/elf.h) */
    const char *default_cpu[2];  /* of 32 and 64 bits, when neither the user nor the board says one */
    bool (*cpu_check)(const char *text, unsigned xlen, struct err *e); /* -cpu TEXT */
    void (*cpu_list)(struct buf *out, unsigned xlen);                  /* -cpu ? */
    /* After the parts are built: m->cpus[] and m->n_cpus. */
    bool (*make_cpus)(struct machine *m, struct err *e);
    void (*quantum_end)(struct cpu *c);
    void (*nmi)(struct machine *m); /* somebody presses the button. NULL: there is none */
    /* The last exceptions of a CPU with what caused them. NULL: it does not remember. */
    void (*story)(struct cpu *c, const struct machine_names *names, struct buf *out);
    /* The same behind a sentence, when the last thing it did was to be caught in one: a new line and the story. */
    void (*story_of_end)(struct cpu *c, const struct machine_names *names, struct buf *out);
};

extern const struct isa isa_riscv, isa_x86;
extern const struct isa *const machine_isas[]; /* ends with NULL */

/* "riscv64", "i386"; NULL: there is none. */
const struct isa *isa_of_target(const char *target, unsigned *xlen);

#endif
