/* RISC-V harts in a machine. */
#include "bios/elf.h"
#include "cpu/riscv/riscv.h"
#include "machine/board.h"
#include "machine/build.h"
#include "machine/isa.h"

static bool cpu_check(const char *text, unsigned xlen, struct err *e)
{
    struct riscv_config unused;
    return riscv_config_parse(text, xlen, &unused, e);
}

static void cpu_list(struct buf *out, unsigned xlen)
{
    riscv_config_list(out, xlen);
}

static bool make_cpus(struct machine *m, struct err *e)
{
    struct riscv_config rc;
    if (!riscv_config_parse(machine_cpu_model(m), m->config->xlen, &rc, e))
        return false;
    if (!m->board->timebase)
        return err_set(e, "board '%s' has no counter for the CSR time", m->board->name);
    struct timebase tb = m->board->timebase(m);
    for (unsigned i = 0; i < m->config->cpus; i++) {
        struct cpu *c = riscv_new(m->arena, &rc, i, m->mem, &m->clock, &m->bus, tb, e);
        if (!c)
            return false;
        m->cpus[m->n_cpus++] = c;
    }
    return true;
}

const struct isa isa_riscv = {
    .name = "riscv",
    .target = { "riscv32", "riscv64" },
    .default_board = "virt",
    .elf_machine = { ELF_MACHINE_RISCV, ELF_MACHINE_RISCV },
    .default_cpu = { "rv32", "rv64" },
    .cpu_check = cpu_check,
    .cpu_list = cpu_list,
    .make_cpus = make_cpus,
    .quantum_end = riscv_quantum_end,
};
