/* bare-rv32: a hart, 1 MiB of RAM at 0 and two words of output: the test bench of small RV32 cores, on which the
 * exact-RTL timing models are shown. The clock is the core's. */
#include "bios/elf.h"
#include "cpu/riscv/riscv.h"
#include "cpu/timing/timing.h"
#include "iodev/misc/bare-console.h"
#include "machine/board.h"
#include "machine/isa.h"
#include "machine/machine.h"

static u64 read_cycles(void *opaque)
{
    return ((struct machine *)opaque)->clock.now;
}

static u64 when_cycles(void *opaque, u64 value)
{
    return value;
}

/* `time` counts core cycles: there is no other clock. */
static struct timebase timebase(struct machine *m)
{
    return (struct timebase){ read_cycles, when_cycles, m };
}

static void ended(void *opaque, u32 status)
{
    machine_request(opaque, MACHINE_POWEROFF, (int)(status & 0xff), NULL);
}

static bool wire_up(struct machine *m, struct err *e)
{
    bare_console_set_hook(machine_device(m, "/console"), ended, m);
    return true;
}

static bool boot(struct machine *m, struct err *e)
{
    const struct machine_config *c = m->config;
    const struct timing_model *t = c->timing ? timing_model_named(c->timing, NULL) : NULL;
    u64 pc = t ? t->reset_pc : 0;
    if (elf_is(c->kernel.data, c->kernel.size)) {
        struct elf_image elf;
        if (!elf_open(&elf, c->kernel.name, c->kernel.data, c->kernel.size, ELF_MACHINE_RISCV, e) ||
            !elf_load(&elf, c->kernel.name, m->mem, e))
            return false;
        pc = elf.entry;
    } else if (c->kernel.size && space_poke(m->mem, 0, c->kernel.data, c->kernel.size) != c->kernel.size) {
        return err_set(e, "%s: %zu bytes do not fit into the memory at 0; give the machine more with -m",
                       c->kernel.name, c->kernel.size);
    }
    for (unsigned i = 0; i < m->n_cpus; i++)
        m->cpus[i]->ops->reset(m->cpus[i], pc);
    return true;
}

static const struct board_part parts[] = {
    { .name = "console", .cls = &bare_console_class, .base = { 0x10000000 } },
    { 0 },
};

extern const struct board board_bare_rv32;
const struct board board_bare_rv32 = {
    .name = "bare-rv32",
    .doc = "a bare RV32 core: RAM at 0, output at 0x10000000 (for timing models)",
    .isa = &isa_riscv,
    .xlen = 32,
    .max_cpus = 1,
    .master_hz = 100000000,
    .ram_base = 0,
    .default_ram = 1 << 20,
    .max_ram = 256 << 20,
    .parts = parts,
    .timebase = timebase,
    .connect = wire_up,
    .boot = boot,
};
