/* PCMPESTRI and its like: comparing strings in registers (SDM 2B, 4.1). */
#include "cpu/x86/vec.h"

#define OP(name) bool x86_op_##name(struct x86 *c, const struct x86_insn *i)

enum { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

static int element(const vec *v, unsigned k, unsigned imm)
{
    switch (imm & 3) {
    case 0: return v->b[k];
    case 1: return v->w[k];
    case 2: return v->sb[k];
    default: return v->sw[k];
    }
}

/* Elements up to the first that is zero. */
static unsigned implicit_length(const vec *v, unsigned n, unsigned imm)
{
    unsigned k = 0;
    while (k < n && element(v, k, imm))
        k++;
    return k;
}

static unsigned explicit_length(u64 reg, bool wide, unsigned n)
{
    i64 v = wide ? (i64)reg : (i32)(u32)reg;
    u64 magnitude = v < 0 ? 0 - (u64)v : (u64)v;
    return magnitude < n ? (unsigned)magnitude : n;
}

/* IntRes1: for each element of b (4.1.3; which comparisons hold beyond the ends: 4.1.6). */
static bool holds(const vec *a, const vec *b, unsigned la, unsigned lb, unsigned n, unsigned j, unsigned imm)
{
    switch (imm >> 2 & 3) {
    case EQUAL_ANY:
        for (unsigned k = 0; k < la && j < lb; k++)
            if (element(a, k, imm) == element(b, j, imm))
                return true;
        return false;
    case RANGES:
        for (unsigned k = 0; k + 1 < la && j < lb; k += 2)
            if (element(b, j, imm) >= element(a, k, imm) && element(b, j, imm) <= element(a, k + 1, imm))
                return true;
        return false;
    case EQUAL_EACH:
        return j < la && j < lb ? element(a, j, imm) == element(b, j, imm) : j >= la && j >= lb;
    default:
        for (unsigned k = 0; k < la && j + k < n; k++)
            if (j + k >= lb || element(a, k, imm) != element(b, j + k, imm))
                return false;
        return true;
    }
}

static bool compare(struct x86 *c, const struct x86_insn *i, bool explicit, bool mask)
{
    const unsigned imm = (unsigned)i->imm, n = imm & 1 ? 8 : 16;
    const vec *a = &c->v[i->reg];
    const bool wide = (i->flags & X86_I_W) && c->code_bits == 64;
    vec b;
    if (!vec_rm(c, i, 16, &b))
        return false;
    unsigned la = explicit ? explicit_length(c->r[X86_AX], wide, n) : implicit_length(a, n, imm);
    unsigned lb = explicit ? explicit_length(c->r[X86_DX], wide, n) : implicit_length(&b, n, imm);
    u32 result = 0;
    for (unsigned j = 0; j < n; j++) {
        bool r = holds(a, &b, la, lb, n, j, imm);
        if ((imm & 0x10) && (!(imm & 0x20) || j < lb)) /* negative polarity; masked: only of what is there */
            r = !r;
        result |= (u32)r << j;
    }
    if (mask) {
        vec r = { { 0 } };
        if (!(imm & 0x40))
            r.w[0] = (u16)result;
        else
            for (unsigned k = 0; k < 16; k++)
                r.b[k] = result >> (imm & 1 ? k / 2 : k) & 1 ? 0xff : 0;
        vec_put(c, i, 0, &r, 16);
    } else {
        c->r[X86_CX] = !result ? n : imm & 0x40 ? 31 - (unsigned)__builtin_clz(result) : (unsigned)__builtin_ctz(result);
    }
    x86_set_arith(c, (result ? X86_CF : 0) | (lb < n ? X86_ZF : 0) | (la < n ? X86_SF : 0) | (result & 1 ? X86_OF : 0));
    return true;
}

OP(pcmpestrm) { return compare(c, i, true, true); }
OP(pcmpestri) { return compare(c, i, true, false); }
OP(pcmpistrm) { return compare(c, i, false, true); }
OP(pcmpistri) { return compare(c, i, false, false); }
