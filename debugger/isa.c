#include "debugger/isa.h"

#include <string.h>

#include "cpu/x86/x86.h"

static bool is_x86(const struct cpu *c)
{
    return c->ops->isa[0] == 'x' || c->ops->isa[0] == 'i';
}

const struct frame_isa *isa_now(const struct cpu *c)
{
    if (!is_x86(c))
        return strstr(c->ops->isa, "32") ? &isa_riscv32 : &isa_riscv64;
    switch (((const struct x86 *)c)->code_bits) {
    case 16: return &isa_i8086;
    case 32: return &isa_i386;
    default: return &isa_x86_64;
    }
}

const struct frame_isa *isa_of_file(const struct cpu *c, const struct symfile *f)
{
    if (!f || !is_x86(c))
        return isa_now(c);
    return f->addr_size == 8 ? &isa_x86_64 : &isa_i386;
}

const struct cpu_reg *isa_reg(const struct cpu *c, unsigned slot)
{
    u8 (*of)(const struct cpu_reg *r) = isa_now(c)->slot;
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++)
        if (of(r) == slot)
            return r;
    return NULL;
}

u64 cpu_addr_mask(const struct cpu *c)
{
    return strstr(c->ops->isa, "32") || !strcmp(c->ops->isa, "i386") ? UINT32_MAX : UINT64_MAX;
}

unsigned isa_word(const struct symbols *s, const struct cpu *c, u64 pc)
{
    const struct symfile *f = s ? symbols_file_at(s, pc) : NULL;
    if (!f && s)
        f = s->files;
    if (f)
        return f->addr_size;
    return isa_now(c)->word < 4 ? 4 : isa_now(c)->word;
}

u64 isa_sp(const struct cpu *c)
{
    return isa_now(c)->sp_now(c);
}

void isa_moment(struct cpu *c, struct moment *m)
{
    u8 insn[16]; /* no instruction of any ISA is longer */
    char text[160];
    *m = (struct moment){ .pc = cpu_linear_pc(c) & cpu_addr_mask(c), .sp = isa_sp(c) };
    u64 n = cpu_peek(c, m->pc, insn, sizeof insn);
    m->next = m->pc + (n ? c->ops->disasm(c, c->ops->get_pc(c), insn, n, text, sizeof text) : 0);
    isa_now(c)->look(c, m);
}
