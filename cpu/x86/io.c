/* IN, OUT, INS, OUTS: who may (SDM 1, 19.5) and what they do. */
#include "cpu/x86/sys.h"

bool x86_io_allowed(struct x86 *c, u16 port, unsigned size)
{
    if (!x86_protected(c) || (c->cpl <= iopl(c) && !x86_v86(c)))
        return true;
    const struct x86_seg *tr = &c->seg[X86_TR];
    u64 map, bits;
    if (!tr->valid || !(tr->type & 8) || tr->limit < 0x67)
        return x86_gp0(c, "I/O with CPL above IOPL, and the TSS has no permission bitmap");
    u64 base = x86_long(c) ? tr->base : (u32)tr->base;
    if (!x86_load_linear(c, base + 102, 2, true, &map))
        return false;
    u64 at = map + port / 8;
    if (at + 1 > tr->limit)
        return x86_gp0(c, "I/O with CPL above IOPL to a port beyond the permission bitmap of the TSS");
    if (!x86_load_linear(c, base + at, 2, true, &bits))
        return false;
    if (bits >> (port % 8) & (BIT64(size) - 1))
        return x86_gp0(c, "the permission bitmap of the TSS forbids this port");
    return true;
}

/* Doublewords at most: an operand size of 64 bits means 32. */
static unsigned port_size(const struct x86_insn *i)
{
    unsigned size = x86_osize(i);
    return size > 4 ? 4 : size;
}

static bool in(struct x86 *c, u16 port, unsigned size)
{
    if (!x86_io_allowed(c, port, size))
        return false;
    u64 v = x86_in(c, port, size);
    set_reg(c, X86_AX, size, v);
    x86_io_accessed(c, port, size, CPU_READ, v);
    return true;
}

static bool out(struct x86 *c, u16 port, unsigned size)
{
    if (!x86_io_allowed(c, port, size))
        return false;
    u64 v = get_reg(c, X86_AX, size);
    x86_out(c, port, size, v);
    x86_io_accessed(c, port, size, CPU_WRITE, v);
    return true;
}

bool x86_op_in_imm(struct x86 *c, const struct x86_insn *i) { return in(c, (u8)i->imm, port_size(i)); }
bool x86_op_in_dx(struct x86 *c, const struct x86_insn *i) { return in(c, (u16)c->r[X86_DX], port_size(i)); }
bool x86_op_out_imm(struct x86 *c, const struct x86_insn *i) { return out(c, (u8)i->imm, port_size(i)); }
bool x86_op_out_dx(struct x86 *c, const struct x86_insn *i) { return out(c, (u16)c->r[X86_DX], port_size(i)); }

/* --- string I/O: one iteration --- */

/* False: a count of 0, nothing is to be done. */
static bool counts(const struct x86 *c, const struct x86_insn *i)
{
    return !(i->flags & (X86_I_REP | X86_I_REPNE)) || (c->r[X86_CX] & size_mask(x86_asize(i)));
}

static void step(struct x86 *c, const struct x86_insn *i, unsigned reg, unsigned size)
{
    unsigned asize = x86_asize(i);
    set_reg(c, reg, asize, c->rflags & X86_DF ? c->r[reg] - size : c->r[reg] + size);
    if (!(i->flags & (X86_I_REP | X86_I_REPNE)))
        return;
    u64 left = (c->r[X86_CX] - 1) & size_mask(asize);
    set_reg(c, X86_CX, asize, left);
    if (left)
        c->next_rip = c->rip;
}

bool x86_op_ins(struct x86 *c, const struct x86_insn *i)
{
    unsigned size = port_size(i);
    u16 port = (u16)c->r[X86_DX];
    u64 at = c->r[X86_DI] & size_mask(x86_asize(i));
    if (!x86_io_allowed(c, port, size)) /* also when the count is 0, as hardware does */
        return false;
    if (!counts(c, i))
        return true;
    if (!x86_store_check(c, X86_ES, at, size))
        return false; /* before the device notices */
    u64 v = x86_in(c, port, size);
    if (!x86_store(c, X86_ES, at, size, v))
        return false;
    x86_io_accessed(c, port, size, CPU_READ, v);
    step(c, i, X86_DI, size);
    return true;
}

bool x86_op_outs(struct x86 *c, const struct x86_insn *i)
{
    unsigned size = port_size(i);
    u16 port = (u16)c->r[X86_DX];
    u64 v;
    if (!x86_io_allowed(c, port, size))
        return false;
    if (!counts(c, i))
        return true;
    if (!x86_load(c, x86_segno(i), c->r[X86_SI] & size_mask(x86_asize(i)), size, &v))
        return false;
    x86_out(c, port, size, v);
    x86_io_accessed(c, port, size, CPU_WRITE, v);
    step(c, i, X86_SI, size);
    return true;
}
