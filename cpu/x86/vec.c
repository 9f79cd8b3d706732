/* Operands of vector instructions. */
#include "cpu/x86/vec.h"

bool mmx_ready(struct x86 *c)
{
    if (UNLIKELY(c->fpu.sw & 0x80) && (c->cr0 & CR0_NE))
        return x86_fault(c, EXC_MF, "an x87 exception is pending");
    return true;
}

/* Legacy forms want 16 bytes aligned (rows say which do not); VEX forms only where the row says so. */
static bool aligned(struct x86 *c, const struct x86_insn *i, u64 offset, unsigned n)
{
    u64 linear = c->seg[x86_segno(i)].base * (c->code_bits != 64 || x86_segno(i) >= X86_FS) + offset;
    if (UNLIKELY(linear & (n - 1)) && n >= 16 && (x86_rows[i->op].flags & X_ALIGN16))
        return x86_gp0(c, "a vector operand in memory is not aligned");
    return true;
}

bool vec_load(struct x86 *c, const struct x86_insn *i, unsigned n, void *out)
{
    u64 offset = x86_ea(c, i);
    return aligned(c, i, offset, n) && x86_load_bytes(c, x86_segno(i), offset, out, n);
}

bool vec_store(struct x86 *c, const struct x86_insn *i, unsigned n, const void *in)
{
    u64 offset = x86_ea(c, i);
    return aligned(c, i, offset, n) && x86_store_bytes(c, x86_segno(i), offset, in, n);
}

bool vec_rm(struct x86 *c, const struct x86_insn *i, unsigned n, vec *out)
{
    if (!(i->flags & X86_I_MEM)) {
        *out = c->v[i->rm & 15];
        return true;
    }
    memset(out, 0, sizeof *out);
    return vec_load(c, i, n, out);
}

void vec_put(struct x86 *c, const struct x86_insn *i, unsigned reg, const vec *r, unsigned n)
{
    vec *d = &c->v[reg];
    memcpy(d, r, 16);
    if (!vec_is_vex(i))
        return;
    if (n == 32)
        memcpy(d->b + 16, r->b + 16, 16);
    else
        memset(d->b + 16, 0, 16);
}

static unsigned bytes_of(int memory, unsigned n) { return memory > 0 ? (unsigned)memory : n >> -memory; }

static bool mmx_binary(struct x86 *c, const struct x86_insn *i, vec_fn *f, int memory)
{
    vec a = { { 0 } }, b = { { 0 } }, r;
    if (!mmx_ready(c))
        return false;
    if (!(i->flags & X86_I_MEM))
        b.q[0] = mmx_get(c, i->rm);
    else if (!vec_load(c, i, bytes_of(memory, 8), &b))
        return false;
    a.q[0] = mmx_get(c, i->reg);
    f(&r, &a, &b, 8, (unsigned)i->imm);
    mmx_used(c);
    mmx_put(c, i->reg, r.q[0]);
    return true;
}

static bool sse_binary(struct x86 *c, const struct x86_insn *i, vec_fn *f, int memory, unsigned n)
{
    vec b, r;
    if (!vec_rm(c, i, bytes_of(memory, n), &b))
        return false;
    f(&r, vec_first(c, i), &b, n, (unsigned)i->imm);
    vec_put(c, i, i->reg, &r, n);
    return true;
}

bool vec_binary_of(struct x86 *c, const struct x86_insn *i, vec_fn *f, int memory)
{
    return vec_is_mmx(i) ? mmx_binary(c, i, f, memory) : sse_binary(c, i, f, memory, vec_width(i));
}

bool vec_binary(struct x86 *c, const struct x86_insn *i, vec_fn *f) { return vec_binary_of(c, i, f, VEC_ALL); }

bool vec_scalar(struct x86 *c, const struct x86_insn *i, vec_fn *f, int memory) { return sse_binary(c, i, f, memory, 16); }

bool vec_shift(struct x86 *c, const struct x86_insn *i, vec_fn *f)
{
    vec a = { { 0 } }, b = { { 0 } }, r;
    b.q[0] = i->imm;
    if (vec_is_mmx(i)) {
        if (!mmx_ready(c))
            return false;
        a.q[0] = mmx_get(c, i->rm);
        f(&r, &a, &b, 8, (unsigned)i->imm);
        mmx_used(c);
        mmx_put(c, i->rm, r.q[0]);
        return true;
    }
    unsigned n = vec_width(i);
    f(&r, &c->v[i->rm], &b, n, (unsigned)i->imm);
    vec_put(c, i, vec_is_vex(i) ? i->vreg : i->rm, &r, n);
    return true;
}

bool vec_blend(struct x86 *c, const struct x86_insn *i, vec_fn3 *f)
{
    unsigned n = vec_width(i);
    vec b, r;
    if (!vec_rm(c, i, n, &b))
        return false;
    f(&r, vec_first(c, i), &b, &c->v[vec_is_vex(i) ? vec_is4(c, i) : 0], n);
    vec_put(c, i, i->reg, &r, n);
    return true;
}
