/* x87 loads, stores, exchange, constants. SDM 1, 8.3.3 and 8.3.4. */
#include "cpu/x86/flags.h"
#include "cpu/x86/ops.h"
#include "cpu/x86/x87.h"

/* The push at the end of a load. A denormal number is loaded even when its exception is not masked, as hardware does. */
static bool push(struct x86 *c, struct f80 v, unsigned flags)
{
    if (x87_full(c)) {
        flags = X87_OVERFLOW;
        v = F80_INDEFINITE;
    }
    if (x87_raise(c, flags) || !(flags & F80_IE))
        x87_push(c, v);
    return true;
}

static bool load(struct x86 *c, const struct x86_insn *i, unsigned size, u64 *v)
{
    u64 ea = x86_ea(c, i);
    if (!x87_wait(c) || !x86_load(c, x86_segno(i), ea, size, v))
        return false;
    x87_note_mem(c, i, ea);
    return true;
}

static bool load_80(struct x86 *c, const struct x86_insn *i, struct f80 *v)
{
    u8 b[10];
    u64 ea = x86_ea(c, i);
    if (!x87_wait(c) || !x86_load_bytes(c, x86_segno(i), ea, b, sizeof b))
        return false;
    *v = (struct f80){ load_le(b, 8), (u16)load_le(b + 8, 2) };
    x87_note_mem(c, i, ea);
    return true;
}

bool x86_op_x87_fld_m32(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load(c, i, 4, &v))
        return false;
    struct f80_env e = x87_env(c);
    struct f80 r = f80_from_f32(&e, (u32)v);
    return push(c, r, e.flags);
}

bool x86_op_x87_fld_m64(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!load(c, i, 8, &v))
        return false;
    struct f80_env e = x87_env(c);
    struct f80 r = f80_from_f64(&e, v);
    return push(c, r, e.flags);
}

bool x86_op_x87_fld_m80(struct x86 *c, const struct x86_insn *i)
{
    struct f80 v;
    return load_80(c, i, &v) && push(c, v, 0);
}

static bool fild(struct x86 *c, const struct x86_insn *i, unsigned size)
{
    u64 v;
    return load(c, i, size, &v) && push(c, f80_from_i64(sign_extend(v, 8 * size)), 0);
}
bool x86_op_x87_fild_m16(struct x86 *c, const struct x86_insn *i) { return fild(c, i, 2); }
bool x86_op_x87_fild_m32(struct x86 *c, const struct x86_insn *i) { return fild(c, i, 4); }
bool x86_op_x87_fild_m64(struct x86 *c, const struct x86_insn *i) { return fild(c, i, 8); }

bool x86_op_x87_fbld(struct x86 *c, const struct x86_insn *i)
{
    struct f80 v;
    return load_80(c, i, &v) && push(c, f80_from_bcd(v.m, v.se), 0);
}

bool x86_op_x87_fld_st(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    if (!x87_empty(c, i->rm))
        return push(c, x87_get(c, i->rm), 0);
    if (x87_raise(c, X87_UNDERFLOW)) /* comes before an overflow */
        x87_push(c, F80_INDEFINITE);
    return true;
}

/* The constants to 64 bits, cut off, and whether what follows is more than a half (it is never nothing). */
bool x86_op_x87_constant(struct x86 *c, const struct x86_insn *i)
{
    static const struct {
        struct f80 v;
        bool exact, more;
    } constants[8] = {
        { { 0x8000000000000000, 0x3fff }, true, false },  /* 1 */
        { { 0xd49a784bcd1b8afe, 0x4000 }, false, false }, /* log2(10) */
        { { 0xb8aa3b295c17f0bb, 0x3fff }, false, true },  /* log2(e) */
        { { 0xc90fdaa22168c234, 0x4000 }, false, true },  /* pi */
        { { 0x9a209a84fbcff798, 0x3ffd }, false, true },  /* log10(2) */
        { { 0xb17217f7d1cf79ab, 0x3ffe }, false, true },  /* ln(2) */
        { { 0, 0 }, true, false },
        { { 0, 0 }, true, false },
    };
    if (!x87_begin(c, i))
        return false;
    unsigned k = i->imm & 7, rounding = c->fpu.cw >> 10 & 3;
    struct f80 v = constants[k].v;
    if (!constants[k].exact && (rounding == F80_UP || (rounding == F80_NEAREST && constants[k].more)))
        v.m++;
    return push(c, v, 0);
}

/* --- stores --- */

/* Stores a result, notes its exceptions, and pops when asked. nothing: none is stored. */
static bool store(struct x86 *c, const struct x86_insn *i, u64 low, u16 high, unsigned size, unsigned flags, bool pop)
{
    u64 ea = x86_ea(c, i);
    bool nothing = flags & ~(unsigned)c->fpu.cw & X87_EXCEPTIONS & ~F80_PE;
    if (nothing) {
        ;
    } else if (size == 10) {
        u8 b[10];
        store_le(b, 8, low);
        store_le(b + 8, 2, high);
        if (!x86_store_bytes(c, x86_segno(i), ea, b, sizeof b))
            return false;
    } else if (!x86_store(c, x86_segno(i), ea, size, low)) {
        return false;
    }
    x87_note_mem(c, i, ea);
    x87_raise(c, flags);
    if (pop && !nothing)
        x87_pop(c);
    return true;
}

/* FST or FSTP, FIST or FISTP: bit 3 of ModRM tells. */
static bool pops(const struct x86_insn *i) { return i->imm >> 3 & 1; }

bool x86_op_x87_fst_m32(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_wait(c))
        return false;
    if (x87_empty(c, 0))
        return store(c, i, 0xffc00000, 0, 4, X87_UNDERFLOW, pops(i));
    struct f80_env e = x87_env(c);
    u32 v = f80_to_f32(&e, x87_get(c, 0));
    return store(c, i, v, 0, 4, e.flags, pops(i));
}

bool x86_op_x87_fst_m64(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_wait(c))
        return false;
    if (x87_empty(c, 0))
        return store(c, i, 0xfff8000000000000, 0, 8, X87_UNDERFLOW, pops(i));
    struct f80_env e = x87_env(c);
    u64 v = f80_to_f64(&e, x87_get(c, 0));
    return store(c, i, v, 0, 8, e.flags, pops(i));
}

bool x86_op_x87_fstp_m80(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_wait(c))
        return false;
    bool empty = x87_empty(c, 0);
    struct f80 v = empty ? F80_INDEFINITE : x87_get(c, 0);
    return store(c, i, v.m, v.se, 10, empty ? X87_UNDERFLOW : 0, true);
}

static bool fist(struct x86 *c, const struct x86_insn *i, unsigned size, bool cut, bool pop)
{
    if (!x87_wait(c))
        return false;
    if (x87_empty(c, 0))
        return store(c, i, (u64)1 << (8 * size - 1), 0, size, X87_UNDERFLOW, pop);
    struct f80_env e = x87_env(c);
    if (cut)
        e.rounding = F80_CHOP;
    u64 v = (u64)f80_to_int(&e, x87_get(c, 0), 8 * size);
    return store(c, i, v & size_mask(size), 0, size, e.flags, pop);
}
bool x86_op_x87_fist_m16(struct x86 *c, const struct x86_insn *i) { return fist(c, i, 2, false, pops(i)); }
bool x86_op_x87_fist_m32(struct x86 *c, const struct x86_insn *i) { return fist(c, i, 4, false, pops(i)); }
bool x86_op_x87_fistp_m64(struct x86 *c, const struct x86_insn *i) { return fist(c, i, 8, false, true); }
bool x86_op_x87_fisttp_m16(struct x86 *c, const struct x86_insn *i) { return fist(c, i, 2, true, true); }
bool x86_op_x87_fisttp_m32(struct x86 *c, const struct x86_insn *i) { return fist(c, i, 4, true, true); }
bool x86_op_x87_fisttp_m64(struct x86 *c, const struct x86_insn *i) { return fist(c, i, 8, true, true); }

bool x86_op_x87_fbstp(struct x86 *c, const struct x86_insn *i)
{
    u64 low = 0xc000000000000000;
    u16 high = 0xffff;
    if (!x87_wait(c))
        return false;
    if (x87_empty(c, 0))
        return store(c, i, low, high, 10, X87_UNDERFLOW, true);
    struct f80_env e = x87_env(c);
    f80_to_bcd(&e, x87_get(c, 0), &low, &high);
    return store(c, i, low, high, 10, e.flags, true);
}

/* --- between registers --- */

static bool move(struct x86 *c, const struct x86_insn *i, bool pop)
{
    if (!x87_begin(c, i))
        return false;
    bool empty = x87_empty(c, 0);
    if (!x87_raise(c, empty ? X87_UNDERFLOW : 0))
        return true;
    x87_set(c, i->rm, empty ? F80_INDEFINITE : x87_get(c, 0));
    if (pop)
        x87_pop(c);
    return true;
}
bool x86_op_x87_fst_st(struct x86 *c, const struct x86_insn *i) { return move(c, i, false); }
bool x86_op_x87_fstp_st(struct x86 *c, const struct x86_insn *i) { return move(c, i, true); }

/* D9 D8: raises nothing; an empty ST0 leaves STi as it is. */
bool x86_op_x87_fstp1(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    c->fpu.sw &= (u16)~F80_C1;
    if (!x87_empty(c, 0))
        x87_set(c, i->rm, x87_get(c, 0));
    x87_pop(c);
    return true;
}

bool x86_op_x87_fxch(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    bool empty = x87_empty(c, 0), other = x87_empty(c, i->rm);
    if (!x87_raise(c, empty || other ? X87_UNDERFLOW : 0))
        return true;
    struct f80 a = empty ? F80_INDEFINITE : x87_get(c, 0), b = other ? F80_INDEFINITE : x87_get(c, i->rm);
    x87_set(c, 0, b);
    x87_set(c, i->rm, a);
    return true;
}

bool x86_op_x87_fcmov(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    if (x87_empty(c, 0) || x87_empty(c, i->rm)) {
        if (x87_raise(c, X87_UNDERFLOW))
            x87_set(c, 0, F80_INDEFINITE);
        return true;
    }
    static const u32 flags[4] = { X86_CF, X86_ZF, X86_CF | X86_ZF, X86_PF };
    bool is = x86_flags(c) & flags[i->imm >> 3 & 3], wanted = !(i->imm & 0x100); /* DA, DB: the opposite */
    if (is == wanted)
        x87_set(c, 0, x87_get(c, i->rm));
    return true;
}
