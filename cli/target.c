/* Which machine it is when neither the program's name nor -machine says so: our own face takes any. */
#include <stdio.h>
#include <string.h>

#include "bios/elf.h"
#include "cli/session.h"
#include "machine/board.h"
#include "machine/isa.h"

/* The first bytes of a file; fewer are followed by zeroes. */
static void read_head(const char *path, u8 *head, size_t n)
{
    memset(head, 0, n);
    FILE *f = path ? fopen(path, "rb") : NULL;
    if (f && fread(head, 1, n, f) == 0)
        head[0] = 0;
    if (f)
        fclose(f);
}

/* Linux's boot protocol for x86: the signature at the end of the boot sector, and the header's magic behind the jump. */
static bool is_bzimage(const u8 *head)
{
    return load_le(head + 0x1fe, 2) == 0xaa55 && !memcmp(head + 0x202, "HdrS", 4);
}

/* The ISA of an ELF file (ELF-64 Object File Format, 4: the class and e_machine); NULL: it is none we know. */
static const struct isa *isa_of_elf(const u8 *head, unsigned *xlen)
{
    if (memcmp(head, "\177ELF", 4))
        return NULL;
    *xlen = head[4] == 1 ? 32 : 64;
    unsigned machine = (unsigned)load_le(head + 18, 2);
    for (const struct isa *const *i = machine_isas; *i; i++)
        for (unsigned k = 0; k < ARRAY_LEN((*i)->elf_machine); k++)
            if ((*i)->elf_machine[k] == machine)
                return *i;
    return NULL;
}

/* How wide the CPUs are: what the board or the CPU model says, else what is entered first, where both widths have the
 * same e_machine. A 64-bit x86 begins as a 16-bit one and runs everything. */
static unsigned choose_xlen(const struct options *o, const struct isa *isa, const struct board *b, const struct isa *elf,
                            unsigned elf_width)
{
    struct err unused;
    if (b && b->xlen)
        return b->xlen;
    if (o->cpu)
        return isa->cpu_check(o->cpu, 64, &unused) ? 64 : 32;
    return elf == isa && isa->elf_machine[0] == isa->elf_machine[1] ? elf_width : 64;
}

bool session_choose_target(struct options *o, struct err *e)
{
    u8 head[0x208];
    unsigned width = 64, elf_width = 64;
    const struct board *b = o->machine ? options_board(o->machine) : NULL;
    if (!o->isa) {
        const char *entered = o->bios && strcmp(o->bios, "none") && strcmp(o->bios, "default") ? o->bios : o->kernel;
        read_head(entered, head, sizeof head);
        const struct isa *elf = isa_of_elf(head, &elf_width);
        o->isa = b                 ? b->isa
                 : elf             ? elf
                 : is_bzimage(head) ? isa_of_target("x86_64", &width)
                                    : isa_of_target("riscv64", &width);
        if (!o->isa)
            return err_set(e, "%s is a Linux kernel for x86, which this program does not emulate", entered);
        o->xlen = choose_xlen(o, o->isa, b, elf, elf_width);
    }
    if (!o->machine)
        o->machine = o->isa->default_board;
    if (b && b->isa != o->isa)
        return err_set(e, "machine '%s' is run with orrery-system-%s, not with this program", b->name,
                       b->isa->target[1]);
    return !o->cpu || o->isa->cpu_check(o->cpu, o->xlen, e);
}
