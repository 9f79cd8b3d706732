/* x87 control: exceptions, control and status words, environment, stack pointer. SDM 1, 8.1 and 8.6 to 8.7. */
#include <string.h>

#include "cpu/x86/ops.h"
#include "cpu/x86/x87.h"

static void ferr(struct x86 *c, bool level)
{
    if (c->board.ferr)
        c->board.ferr(c->board.ferr_opaque, level);
}

/* With CR0.NE clear the error goes out at FERR# as soon as it is noted, and comes back as IRQ 13 (SDM 1, 8.7.2). A handler
 * that runs with the interrupt acknowledged, or a program with interrupts off, goes on as with IGNNE# asserted. */
bool x87_pending(struct x86 *c)
{
    if (c->cr0 & CR0_NE)
        return x86_fault(c, EXC_MF, "an unmasked x87 exception is pending");
    ferr(c, true);
    return true;
}

void x87_summary(struct x86 *c)
{
    bool was = c->fpu.sw & X87_ES, is = c->fpu.sw & ~c->fpu.cw & X87_EXCEPTIONS;
    c->fpu.sw = (u16)((c->fpu.sw & ~(X87_ES | X87_BUSY)) | (is ? X87_ES | X87_BUSY : 0));
    if (was != is && !(is && (c->cr0 & CR0_NE)))
        ferr(c, is);
}

bool x87_raise_slow(struct x86 *c, unsigned flags)
{
    unsigned unmasked = flags & ~(unsigned)c->fpu.cw & X87_EXCEPTIONS;
    bool before = unmasked & F80_BEFORE;
    if (before)
        flags &= F80_BEFORE | X87_SF | (flags & X87_SF ? F80_C1 : 0);
    c->fpu.sw = (u16)((c->fpu.sw & ~F80_C1) | flags);
    x87_summary(c);
    return !before;
}

void x87_init(struct x86 *c)
{
    c->fpu.cw = X87_INIT_CW;
    c->fpu.sw &= X87_ES; /* for x87_summary() */
    x87_summary(c);
    c->fpu.valid = 0;
    c->fpu.fop = c->fpu.fcs = c->fpu.fds = 0;
    c->fpu.fip = c->fpu.fdp = 0;
}

bool x86_op_x87_fwait(struct x86 *c, const struct x86_insn *i)
{
    if ((c->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS))
        return x86_fault(c, EXC_NM, "WAIT with CR0.MP and CR0.TS set");
    return x87_wait(c);
}

bool x86_op_x87_fninit(struct x86 *c, const struct x86_insn *i)
{
    x87_init(c);
    return true;
}

bool x86_op_x87_fnclex(struct x86 *c, const struct x86_insn *i)
{
    c->fpu.sw &= (u16)~(X87_EXCEPTIONS | X87_SF);
    x87_summary(c);
    return true;
}

static void set_cw(struct x86 *c, u64 cw) { c->fpu.cw = (u16)((cw & X87_CW_BITS) | 0x40); }

bool x86_op_x87_fldcw(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!x87_wait(c) || !x86_load(c, x86_segno(i), x86_ea(c, i), 2, &v))
        return false;
    set_cw(c, v);
    x87_summary(c);
    return true;
}

bool x86_op_x87_fnstcw(struct x86 *c, const struct x86_insn *i)
{
    return x86_store(c, x86_segno(i), x86_ea(c, i), 2, c->fpu.cw);
}

bool x86_op_x87_fnstsw(struct x86 *c, const struct x86_insn *i)
{
    return x86_store(c, x86_segno(i), x86_ea(c, i), 2, c->fpu.sw);
}

bool x86_op_x87_fnstsw_ax(struct x86 *c, const struct x86_insn *i)
{
    c->r[X86_AX] = bits_set(c->r[X86_AX], 0, 16, c->fpu.sw);
    return true;
}

/* --- the environment (SDM 1, figures 8-9 to 8-12) --- */

enum { ENV_FIELDS = 7 };

static unsigned field_size(const struct x86 *c, const struct x86_insn *i)
{
    bool p66 = (i->flags & X86_I_66) && !(i->flags & X86_I_W);
    bool wide = (c->code_bits == 16) == p66;
    return wide ? 4 : 2;
}

/* Two bits of each register: 0 a number, 1 zero, 2 special, 3 empty. */
static u16 full_tags(const struct x86 *c)
{
    u16 tags = 0;
    for (unsigned k = 0; k < 8; k++) {
        const struct x86_f80 *r = &c->fpu.st[k];
        struct f80 v = { r->m, r->se };
        unsigned tag = f80_classify(v) == F80_NORMAL ? 0 : f80_is_zero(v) ? 1 : 2;
        tags |= (u16)((c->fpu.valid >> k & 1 ? tag : 3) << (2 * k));
    }
    return tags;
}

static void put_env(const struct x86 *c, unsigned size, u8 *out)
{
    const struct x86_fpu *f = &c->fpu;
    u64 v[ENV_FIELDS] = { f->cw, f->sw, full_tags(c) };
    if (x86_real_or_v86(c)) { /* linear addresses, in pieces */
        u32 ip = (u32)f->fip + ((u32)f->fcs << 4), dp = (u32)f->fdp + ((u32)f->fds << 4);
        v[3] = ip & 0xffff;
        v[4] = (f->fop & 0x7ff) | (size == 4 ? (ip >> 16) << 12 : (ip >> 16 & 15) << 12);
        v[5] = dp & 0xffff;
        v[6] = size == 4 ? (dp >> 16) << 12 : (dp >> 16 & 15) << 12;
        if (size == 4) {
            v[3] |= 0xffff0000;
            v[5] |= 0xffff0000;
        }
    } else {
        v[3] = f->fip;
        v[4] = f->fcs | (u64)(f->fop & 0x7ff) << 16;
        v[5] = f->fdp;
        v[6] = f->fds | 0xffff0000;
    }
    for (unsigned k = 0; k < ENV_FIELDS; k++)
        store_le(out + k * size, size, k < 3 && size == 4 ? v[k] | 0xffff0000 : v[k]);
}

static void get_env(struct x86 *c, unsigned size, const u8 *in)
{
    struct x86_fpu *f = &c->fpu;
    u64 v[ENV_FIELDS];
    for (unsigned k = 0; k < ENV_FIELDS; k++)
        v[k] = load_le(in + k * size, size);
    set_cw(c, v[0]);
    f->sw = (u16)((v[1] & ~(u64)X87_ES) | (f->sw & X87_ES));
    f->valid = 0;
    for (unsigned k = 0; k < 8; k++)
        f->valid |= (u8)(((v[2] >> (2 * k) & 3) != 3) << k);
    f->fcs = f->fds = 0;
    if (x86_real_or_v86(c)) {
        f->fip = (v[3] & 0xffff) | (size == 4 ? (v[4] >> 12 & 0xffff) << 16 : (v[4] >> 12 & 15) << 16);
        f->fdp = (v[5] & 0xffff) | (size == 4 ? (v[6] >> 12 & 0xffff) << 16 : (v[6] >> 12 & 15) << 16);
        f->fop = v[4] & 0x7ff;
    } else {
        f->fip = v[3];
        f->fcs = (u16)v[4];
        if (size == 4)
            f->fop = v[4] >> 16 & 0x7ff;
        f->fdp = v[5];
        f->fds = (u16)v[6];
    }
    x87_summary(c);
}

bool x86_op_x87_fldenv(struct x86 *c, const struct x86_insn *i)
{
    u8 env[4 * ENV_FIELDS];
    unsigned size = field_size(c, i);
    if (!x87_wait(c) || !x86_load_bytes(c, x86_segno(i), x86_ea(c, i), env, size * ENV_FIELDS))
        return false;
    get_env(c, size, env);
    return true;
}

bool x86_op_x87_fnstenv(struct x86 *c, const struct x86_insn *i)
{
    u8 env[4 * ENV_FIELDS];
    unsigned size = field_size(c, i);
    put_env(c, size, env);
    if (!x86_store_bytes(c, x86_segno(i), x86_ea(c, i), env, size * ENV_FIELDS))
        return false;
    c->fpu.cw |= X87_EXCEPTIONS;
    x87_summary(c);
    return true;
}

bool x86_op_x87_frstor(struct x86 *c, const struct x86_insn *i)
{
    u8 image[4 * ENV_FIELDS + 80];
    unsigned size = field_size(c, i), env = size * ENV_FIELDS;
    if (!x87_wait(c) || !x86_load_bytes(c, x86_segno(i), x86_ea(c, i), image, env + 80))
        return false;
    get_env(c, size, image);
    for (unsigned k = 0; k < 8; k++)
        c->fpu.st[x87_phys(c, k)] = (struct x86_f80){ load_le(image + env + 10 * k, 8), (u16)load_le(image + env + 10 * k + 8, 2) };
    return true;
}

bool x86_op_x87_fnsave(struct x86 *c, const struct x86_insn *i)
{
    u8 image[4 * ENV_FIELDS + 80];
    unsigned size = field_size(c, i), env = size * ENV_FIELDS;
    put_env(c, size, image);
    for (unsigned k = 0; k < 8; k++) {
        struct f80 r = x87_get(c, k);
        store_le(image + env + 10 * k, 8, r.m);
        store_le(image + env + 10 * k + 8, 2, r.se);
    }
    if (!x86_store_bytes(c, x86_segno(i), x86_ea(c, i), image, env + 80))
        return false;
    x87_init(c);
    return true;
}

/* --- the stack pointer and the like --- */

bool x86_op_x87_fdecstp(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    x87_move_top(c, 7);
    c->fpu.sw &= (u16)~F80_C1;
    return true;
}

bool x86_op_x87_fincstp(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    x87_move_top(c, 1);
    c->fpu.sw &= (u16)~F80_C1;
    return true;
}

bool x86_op_x87_ffree(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    c->fpu.valid &= (u8)~(1u << x87_phys(c, i->rm));
    c->fpu.sw &= (u16)~F80_C1; /* hardware; the manual says undefined */
    return true;
}

bool x86_op_x87_ffreep(struct x86 *c, const struct x86_insn *i)
{
    if (!x87_begin(c, i))
        return false;
    c->fpu.valid &= (u8)~(1u << x87_phys(c, i->rm));
    x87_pop(c);
    c->fpu.sw &= (u16)~F80_C1;
    return true;
}

bool x86_op_x87_fnop(struct x86 *c, const struct x86_insn *i) { return x87_begin(c, i); }
bool x86_op_x87_fnop_nowait(struct x86 *c, const struct x86_insn *i) { return true; }
