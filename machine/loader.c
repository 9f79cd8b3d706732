/* `-device loader`: the generic loader of QEMU's manual, section "Generic Loader". */
#include "bios/elf.h"
#include "bios/placed.h"
#include "machine/build.h"

#define ELSEWHERE "put one of them elsewhere (addr=, or link it for another address)"

static bool run_loader(struct machine *m, const struct loader_config *l, struct placements *placed, struct err *e)
{
    u64 start = l->addr;
    bool has_start = l->has_addr;
    if (l->file.size && !l->raw && elf_is(l->file.data, l->file.size)) {
        struct elf_image elf;
        if (!elf_open(&elf, l->file.name, l->file.data, l->file.size, 0, e) ||
            !placed_add_elf(placed, "loader's file", l->file.name, &elf, ELSEWHERE, e) ||
            !elf_load(&elf, l->file.name, m->mem, e))
            return false;
        start = elf.entry;
        has_start = true;
    } else if (l->file.size) {
        if (!l->has_addr)
            return err_set(e, "-device loader: %s is not an ELF file; say where it goes with addr=", l->file.name);
        if (!placed_add(placed, "loader's file", l->file.name, l->addr, l->file.size, ELSEWHERE, e))
            return err_prefix(e, "-device loader");
        if (space_poke(m->mem, l->addr, l->file.data, l->file.size) != l->file.size)
            return err_set(e, "-device loader: %s (%zu bytes) does not fit into memory at 0x%llx", l->file.name,
                           l->file.size, (unsigned long long)l->addr);
    } else if (l->data_len) {
        u8 bytes[8];
        store_le(bytes, l->data_len, l->data);
        if (space_poke(m->mem, l->addr, bytes, l->data_len) != l->data_len)
            return err_set(e, "-device loader: there is no memory at 0x%llx", (unsigned long long)l->addr);
    }
    if (l->cpu_num >= 0) {
        if ((unsigned)l->cpu_num >= m->n_cpus)
            return err_set(e, "-device loader: there is no CPU %d", l->cpu_num);
        if (has_start)
            m->cpus[l->cpu_num]->ops->set_pc(m->cpus[l->cpu_num], start);
    }
    return true;
}

bool machine_run_loaders(struct machine *m, struct placements *placed, struct err *e)
{
    for (unsigned i = 0; i < m->config->n_loaders; i++)
        if (!run_loader(m, &m->config->loaders[i], placed, e))
            return false;
    return true;
}
