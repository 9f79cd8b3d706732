/* x86 processors in a machine. */
#include "bios/elf.h"
#include "cpu/x86/x86.h"
#include "machine/board.h"
#include "machine/build.h"
#include "machine/isa.h"

static bool cpu_check(const char *text, unsigned xlen, struct err *e)
{
    struct x86_config unused;
    return x86_config_parse(text, xlen == 64, &unused, e);
}

static void cpu_list(struct buf *out, unsigned xlen)
{
    x86_config_list(out, xlen == 64);
}

static bool make_cpus(struct machine *m, struct err *e)
{
    struct x86_config xc;
    if (!x86_config_parse(machine_cpu_model(m), m->config->xlen == 64, &xc, e))
        return false;
    for (unsigned i = 0; i < m->config->cpus; i++) {
        struct x86_board wiring = { .io = m->io };
        xc.apic_id = (u8)i;
        xc.cpus = (u8)m->config->cpus;
        if (m->board->cpu_wiring && !m->board->cpu_wiring(m, i, &wiring, e))
            return false;
        struct cpu *c = x86_new(m->arena, &xc, i, m->mem, &m->clock, &m->bus, &wiring, e);
        if (!c)
            return false;
        m->cpus[m->n_cpus++] = c;
    }
    return true;
}

static void quantum_end(struct cpu *c)
{
}

const struct isa isa_x86 = {
    .name = "x86",
    .target = { "i386", "x86_64" },
    .default_board = "pc",
    .elf_machine = { ELF_MACHINE_386, ELF_MACHINE_X86_64 },
    .default_cpu = { "qemu32", "qemu64" },
    .cpu_check = cpu_check,
    .cpu_list = cpu_list,
    .make_cpus = make_cpus,
    .quantum_end = quantum_end,
};
