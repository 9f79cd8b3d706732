/* General-purpose instructions that are too rare or too odd for a fast handler. Each stands in the manual under its name. */
#include "cpu/x86/alu.h"
#include "cpu/x86/engine.h"
#include "cpu/x86/ops.h"
#include "cpu/x86/regs.h"

static bool load_rm(struct x86 *c, const struct x86_insn *i, unsigned size, u64 *v)
{
    if (i->flags & X86_I_MEM)
        return x86_load(c, x86_segno(i), x86_ea(c, i), size, v);
    *v = x86_get(c, i->rm, size);
    return true;
}
static u64 mask_of(const struct x86_insn *i) { return size_mask(x86_osize(i)); }
static unsigned bits_of(const struct x86_insn *i) { return 8 * x86_osize(i); }

/* --- exchanges and moves --- */

bool x86_op_cmpxchg8b(struct x86 *c, const struct x86_insn *i)
{
    const u64 at = x86_ea(c, i);
    u64 old;
    if (!x86_store_check(c, x86_segno(i), at, 8) || !x86_load(c, x86_segno(i), at, 8, &old))
        return false;
    const u64 want = (c->r[X86_DX] & 0xffffffff) << 32 | (u32)c->r[X86_AX];
    const u64 other = (c->r[X86_CX] & 0xffffffff) << 32 | (u32)c->r[X86_BX];
    const bool same = old == want;
    if (!x86_store(c, x86_segno(i), at, 8, same ? other : old))
        return false;
    if (!same) {
        c->r[X86_AX] = (u32)old;
        c->r[X86_DX] = old >> 32;
    }
    c->arith = (u16)((c->arith & ~FL_ZF) | (same ? FL_ZF : 0));
    return true;
}

bool x86_op_cmpxchg16b(struct x86 *c, const struct x86_insn *i)
{
    const unsigned seg = x86_segno(i);
    const u64 at = x86_ea(c, i);
    u64 old[2];
    if ((c->fast[seg].base + at) & 15)
        return x86_gp0(c, "the operand of CMPXCHG16B is not aligned to 16 bytes");
    if (!x86_store_check(c, seg, at, 8) || !x86_load_bytes(c, seg, at, old, 16))
        return false;
    old[0] = load_le(&old[0], 8);
    old[1] = load_le(&old[1], 8);
    const bool same = old[0] == c->r[X86_AX] && old[1] == c->r[X86_DX];
    u8 out[16];
    store_le(out, 8, same ? c->r[X86_BX] : old[0]);
    store_le(out + 8, 8, same ? c->r[X86_CX] : old[1]);
    if (!x86_store_bytes(c, seg, at, out, 16))
        return false;
    if (!same) {
        c->r[X86_AX] = old[0];
        c->r[X86_DX] = old[1];
    }
    c->arith = (u16)((c->arith & ~FL_ZF) | (same ? FL_ZF : 0));
    return true;
}

bool x86_op_movbe_reg_rm(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    x86_set(c, i->reg, x86_osize(i), alu_bswap(v, bits_of(i)));
    return true;
}

bool x86_op_movbe_rm_reg(struct x86 *c, const struct x86_insn *i)
{
    return x86_store(c, x86_segno(i), x86_ea(c, i), x86_osize(i),
                     alu_bswap(x86_get(c, i->reg, x86_osize(i)), bits_of(i)));
}

bool x86_op_xlat(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    const u64 at = (c->r[X86_BX] + (u8)c->r[X86_AX]) & size_mask(x86_asize(i));
    if (!x86_load(c, x86_segno(i), at, 1, &v))
        return false;
    x86_set8(c, X86_AX, v);
    return true;
}

bool x86_op_clflush(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    return x86_load(c, x86_segno(i), x86_ea(c, i), 1, &v);
}

bool x86_op_ud(struct x86 *c, const struct x86_insn *i) { return x86_ud(c, "an instruction that is meant to be invalid"); }

bool x86_op_bound(struct x86 *c, const struct x86_insn *i)
{
    const unsigned size = x86_osize(i);
    u64 low, high;
    const i64 v = sign_extend(c->r[i->reg], 8 * size);
    if (!x86_load(c, x86_segno(i), x86_ea(c, i), size, &low))
        return false;
    if (v < sign_extend(low, 8 * size)) /* before the upper bound is read, as hardware does */
        return x86_fault(c, EXC_BR, "the index is below the lower bound");
    if (!x86_load(c, x86_segno(i), (x86_ea(c, i) + size) & size_mask(x86_asize(i)), size, &high))
        return false;
    if (v > sign_extend(high, 8 * size))
        return x86_fault(c, EXC_BR, "the index is above the upper bound");
    return true;
}

/* --- the stack --- */

bool x86_op_pusha(struct x86 *c, const struct x86_insn *i)
{
    const unsigned size = x86_osize(i);
    for (unsigned k = 0; k < 8; k++)
        if (!x86_store(c, X86_SS, (c->r[X86_SP] - size * (k + 1)) & size_mask(c->stack_size), size, c->r[k] & mask_of(i)))
            return false;
    x86_set_sp(c, c->r[X86_SP] - 8 * size);
    return true;
}

/* Registers as they come, the stack pointer last: a fault in between leaves what was popped (measured), and all is done
 * again. */
bool x86_op_popa(struct x86 *c, const struct x86_insn *i)
{
    const unsigned size = x86_osize(i);
    u64 v;
    for (unsigned k = 0; k < 8; k++) {
        if (!x86_load(c, X86_SS, (c->r[X86_SP] + size * k) & size_mask(c->stack_size), size, &v))
            return false;
        if (7 - k != X86_SP)
            x86_set(c, 7 - k, size, v);
    }
    x86_set_sp(c, c->r[X86_SP] + 8 * size);
    return true;
}

bool x86_op_enter(struct x86 *c, const struct x86_insn *i)
{
    const unsigned size = x86_osize(i), level = i->imm >> 16 & 31;
    const u64 mask = size_mask(c->stack_size);
    u64 sp = c->r[X86_SP], bp = c->r[X86_BP];
    sp -= size;
    if (!x86_store(c, X86_SS, sp & mask, size, bp & mask_of(i)))
        return false;
    const u64 frame = sp & mask;
    for (unsigned k = 1; k < level; k++) {
        u64 v;
        bp -= size;
        sp -= size;
        if (!x86_load(c, X86_SS, bp & mask, size, &v) || !x86_store(c, X86_SS, sp & mask, size, v))
            return false;
    }
    if (level) {
        sp -= size;
        if (!x86_store(c, X86_SS, sp & mask, size, frame & mask_of(i)))
            return false;
    }
    sp -= (u16)i->imm;
    if (!x86_store_check(c, X86_SS, sp & mask, 1)) /* the new top must be writable */
        return false;
    x86_set(c, X86_BP, size, frame);
    x86_set_sp(c, sp);
    return true;
}

/* --- CRC32 (polynomial 0x11EDC6F41, bits reflected) --- */

static bool crc32(struct x86 *c, const struct x86_insn *i, unsigned size)
{
    u64 v;
    if (!load_rm(c, i, size, &v))
        return false;
    u32 crc = (u32)c->r[i->reg];
    for (unsigned k = 0; k < size; k++) {
        crc ^= (u8)(v >> (8 * k));
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    c->r[i->reg] = crc;
    return true;
}
bool x86_op_crc32_rm8(struct x86 *c, const struct x86_insn *i) { return crc32(c, i, 1); }
bool x86_op_crc32_rm(struct x86 *c, const struct x86_insn *i) 
{
    const bool two = (c->code_bits == 16) != !!(i->flags & X86_I_66);
    return crc32(c, i, i->flags & X86_I_W ? 8 : two ? 2 : 4);
}

/* --- BMI1, BMI2, ADX. Operand size 32 or 64. PF and AF, undefined, are 0. --- */

static u64 reg_y(const struct x86 *c, const struct x86_insn *i, unsigned n) { return c->r[n] & mask_of(i); }
static void set_y(struct x86 *c, const struct x86_insn *i, unsigned n, u64 v) { c->r[n] = v & mask_of(i); }
static u16 bmi_flags(const struct x86_insn *i, u64 r, bool cf)
{
    return (u16)((fl_result(r, bits_of(i), cf, false)) & ~FL_PF);
}

bool x86_op_andn(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    const u64 r = ~reg_y(c, i, i->vreg) & v;
    set_y(c, i, i->reg, r);
    c->arith = bmi_flags(i, r, false);
    return true;
}

bool x86_op_bextr(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    const unsigned start = (u8)c->r[i->vreg], length = (u8)(c->r[i->vreg] >> 8);
    u64 r = start < 64 ? v >> start : 0;
    if (length < 64)
        r &= ((u64)1 << length) - 1;
    set_y(c, i, i->reg, r);
    c->arith = (u16)(FL_ONE | (r & mask_of(i) ? 0 : FL_ZF));
    return true;
}

bool x86_op_blsr(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    const u64 r = v & (v - 1);
    set_y(c, i, i->vreg, r);
    c->arith = bmi_flags(i, r, !v);
    return true;
}

bool x86_op_blsmsk(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    const u64 r = v ^ (v - 1);
    set_y(c, i, i->vreg, r);
    c->arith = (u16)(bmi_flags(i, r, !v) & ~FL_ZF);
    return true;
}

bool x86_op_blsi(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    const u64 r = v & (0 - v);
    set_y(c, i, i->vreg, r);
    c->arith = bmi_flags(i, r, v);
    return true;
}

bool x86_op_bzhi(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    const unsigned n = (u8)c->r[i->vreg];
    const bool all = n >= bits_of(i);
    const u64 r = all ? v : v & (((u64)1 << n) - 1);
    set_y(c, i, i->reg, r);
    c->arith = bmi_flags(i, r, all);
    return true;
}

bool x86_op_pext(struct x86 *c, const struct x86_insn *i)
{
    u64 mask, r = 0;
    if (!load_rm(c, i, x86_osize(i), &mask))
        return false;
    const u64 v = reg_y(c, i, i->vreg);
    for (unsigned k = 0; mask; mask &= mask - 1, k++)
        r |= (v & mask & (0 - mask) ? (u64)1 : 0) << k;
    set_y(c, i, i->reg, r);
    return true;
}

bool x86_op_pdep(struct x86 *c, const struct x86_insn *i)
{
    u64 mask, r = 0;
    if (!load_rm(c, i, x86_osize(i), &mask))
        return false;
    for (u64 v = reg_y(c, i, i->vreg); mask; mask &= mask - 1, v >>= 1)
        if (v & 1)
            r |= mask & (0 - mask);
    set_y(c, i, i->reg, r);
    return true;
}

bool x86_op_mulx(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    const u128 p = (u128)reg_y(c, i, X86_DX) * v;
    set_y(c, i, i->vreg, (u64)p);
    set_y(c, i, i->reg, (u64)(p >> bits_of(i)));
    return true;
}

bool x86_op_rorx(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    const unsigned n = i->imm & (bits_of(i) - 1);
    set_y(c, i, i->reg, n ? v >> n | v << (bits_of(i) - n) : v);
    return true;
}

bool x86_op_shlx(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    set_y(c, i, i->reg, v << (c->r[i->vreg] & (bits_of(i) - 1)));
    return true;
}

bool x86_op_shrx(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    set_y(c, i, i->reg, v >> (c->r[i->vreg] & (bits_of(i) - 1)));
    return true;
}

bool x86_op_sarx(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    set_y(c, i, i->reg, (u64)(sign_extend(v, bits_of(i)) >> (c->r[i->vreg] & (bits_of(i) - 1))));
    return true;
}

static bool add_carry(struct x86 *c, const struct x86_insn *i, u16 flag)
{
    u64 v;
    if (!load_rm(c, i, x86_osize(i), &v))
        return false;
    const u128 sum = (u128)reg_y(c, i, i->reg) + v + (c->arith & flag ? 1 : 0);
    set_y(c, i, i->reg, (u64)sum);
    c->arith = (u16)((c->arith & ~flag) | ((u64)(sum >> bits_of(i)) & 1 ? flag : 0));
    return true;
}
bool x86_op_adcx(struct x86 *c, const struct x86_insn *i) { return add_carry(c, i, FL_CF); }
bool x86_op_adox(struct x86 *c, const struct x86_insn *i) { return add_carry(c, i, FL_OF); }

/* --- decimal (SDM 1, 7.3.2): AL, or AX. OF, undefined, is 0; the flags of AAD are those of its addition. --- */

static bool adjust_packed(struct x86 *c, bool subtract)
{
    const u8 old = (u8)c->r[X86_AX];
    const bool old_cf = fl_cf(c), low = (old & 15) > 9 || fl_af(c), high = old > 0x99 || old_cf;
    unsigned fix = (low ? 6 : 0) + (high ? 0x60 : 0);
    const u8 r = (u8)(subtract ? old - fix : old + fix);
    const bool cf = high || (low && (subtract ? old < 6 : old > 0xf9) && !high);
    x86_set8(c, X86_AX, r);
    c->arith = (u16)((fl_result(r, 8, cf, false) & ~FL_AF) | (low ? FL_AF : 0));
    return true;
}
bool x86_op_daa(struct x86 *c, const struct x86_insn *i) { return adjust_packed(c, false); }
bool x86_op_das(struct x86 *c, const struct x86_insn *i) { return adjust_packed(c, true); }

static bool adjust_digit(struct x86 *c, unsigned fix)
{
    const bool carry = (c->r[X86_AX] & 15) > 9 || fl_af(c);
    u64 ax = c->r[X86_AX];
    if (carry)
        ax += fix;
    x86_set16(c, X86_AX, ax & 0xff0f);
    c->arith = (u16)((fl_result(ax & 0x0f, 8, carry, false) & ~FL_AF) | (carry ? FL_AF : 0));
    return true;
}
bool x86_op_aaa(struct x86 *c, const struct x86_insn *i) { return adjust_digit(c, 0x106); }
bool x86_op_aas(struct x86 *c, const struct x86_insn *i) { return adjust_digit(c, (unsigned)-0x106); }

bool x86_op_aam(struct x86 *c, const struct x86_insn *i)
{
    const u8 base = (u8)i->imm, al = (u8)c->r[X86_AX];
    if (!base)
        return x86_fault(c, EXC_DE, "AAM by 0");
    x86_set16(c, X86_AX, (u64)(al / base) << 8 | al % base);
    c->arith = fl_result(al % base, 8, false, false);
    return true;
}

bool x86_op_aad(struct x86 *c, const struct x86_insn *i)
{
    const u64 ax = c->r[X86_AX];
    x86_set16(c, X86_AX, (u8)fl_add8((u8)ax, (ax >> 8 & 0xff) * (u8)i->imm, &c->arith));
    return true;
}

bool x86_op_salc(struct x86 *c, const struct x86_insn *i)
{
    x86_set8(c, X86_AX, fl_cf(c) ? 0xff : 0);
    return true;
}
