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

static void story(struct cpu *c, const struct machine_names *names, struct buf *out)
{
    const struct x86_names n = { names->name, names->opaque };
    x86_tell_story(x86_of(c), names->name ? &n : NULL, out);
}

/* A handler that gives up halts with interrupts off: what it gave up at is what people want to know. */
static void story_of_end(struct cpu *c, const struct machine_names *names, struct buf *out)
{
    const struct x86 *x = x86_of(c);
    const struct x86_story *last = x->n_story ? &x->story[(x->n_story - 1) % X86_STORY] : NULL;
    if (!last || last->external || last->software || last->vector == EXC_NMI || last->vector == EXC_DB)
        return;
    buf_printf(out, "\nThe last exception was:\n");
    story(c, names, out);
}

/* Processors that wait to be started do not see it. */
static void nmi(struct machine *m)
{
    for (unsigned i = 0; i < m->n_cpus; i++)
        if (x86_of(m->cpus[i])->activity != X86_WAIT_FOR_SIPI)
            m->cpus[i]->ops->set_irq(m->cpus[i], X86_LINE_NMI, true);
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
    .nmi = nmi,
    .story = story,
    .story_of_end = story_of_end,
};
