/* A hart with some RAM and a device, for tests of the engine and of the JIT. */
#ifndef TESTS_ISA_RIG_H
#define TESTS_ISA_RIG_H

#include "base/clock.h"
#include "cpu/riscv/insn.h"

#define RAM 0x80000000u
#define DEVICE 0x10000000u

struct rig_setup {
    const char *model;
    unsigned xlen;
    u64 drop;      /* extensions left out */
    u32 ram_bytes, reset_pc;
    const struct io_ops *dev; /* opaque: the rig; NULL: none */
};

struct rig {
    struct arena *a;
    struct clock clock;
    struct space *s;
    struct ram *ram;
    struct cpu *c;
    struct hart *h;
    struct rv_decoder *d;
    u64 at; /* where rig_put() writes */
    unsigned n_constants; /* of tests/cpu/translations */
    u64 seen_now, device_value;
    bool kick;
    struct cpu_retire log[16];
    unsigned n_log;
};

struct rig *rig_new(const struct rig_setup *setup); /* ends the program when it cannot */
void rig_free(struct rig *r);
/* An instruction at r->at, which goes on behind it. */
void rig_put(struct rig *r, u32 bits);
/* The number behind the words in what the hart says of itself; 0: they are not there. */
u64 rig_counted(const struct cpu *c, const char *words);
u32 rig_encode(const struct rv_decoder *d, unsigned op, unsigned rd, unsigned rs1, unsigned rs2, i64 imm);

#endif
