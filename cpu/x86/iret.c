/* IRET and the flags: PUSHF, POPF, CLI, STI, with IOPL, VME and PVI (SDM 3, 20.3; SDM 2, IRET, POPF, CLI, STI). */
#include "cpu/x86/flags.h"
#include "cpu/x86/sys.h"

/* Bits of the flags that this model has. */
static u64 known_flags(const struct x86 *c)
{
    u64 f = X86_ARITH | X86_TF | X86_IF | X86_DF;
    if (has(c, X86_F_386) || (has(c, X86_F_286) && x86_protected(c))) /* a 80286 in real mode keeps them 0 */
        f |= X86_IOPL | X86_NT;
    if (has(c, X86_F_386))
        f |= X86_RF | X86_VM;
    if (has(c, X86_F_486))
        f |= X86_AC;
    if (has(c, X86_F_VME))
        f |= X86_VIF | X86_VIP;
    if (has(c, X86_F_586))
        f |= X86_ID;
    return f;
}

void x86_write_flags(struct x86 *c, u64 value, u64 mask)
{
    u64 old = x86_flags(c);
    mask &= known_flags(c);
    x86_set_flags(c, (old & ~mask) | (value & mask));
    u64 changed = old ^ c->rflags;
    if (changed & (X86_AC | X86_VM))
        x86_mode_changed(c);
    else if ((changed & X86_TF) || (changed & c->rflags & X86_IF)) /* with IF cleared there is nothing to look for */
        x86_look_again(c);
}

static u64 plain_flags(unsigned osize)
{
    return X86_ARITH | X86_TF | X86_DF | X86_NT | (osize > 2 ? X86_RF | X86_AC | X86_ID : 0);
}

/* May CPL change IF? */
static bool may_if(const struct x86 *c) { return c->cpl <= iopl(c); }

/* POPF and IRET of 16 bits in virtual-8086 mode with VME and IOPL below 3: IF of the image is VIF. */
static bool write_flags_vme(struct x86 *c, u64 value)
{
    if (value & X86_TF)
        return x86_gp0(c, "TF set in virtual-8086 mode with VME and IOPL below 3");
    if ((value & X86_IF) && (c->rflags & X86_VIP))
        return x86_gp0(c, "VIF set in virtual-8086 mode while VIP is pending");
    x86_write_flags(c, (value & 0xffff) | (value & X86_IF ? X86_VIF : 0), plain_flags(2) | X86_VIF);
    return true;
}

bool x86_op_pushf(struct x86 *c, const struct x86_insn *i)
{
    u64 f = x86_pushed_flags(c) & ~(u64)(X86_VM | X86_RF);
    if (x86_v86(c) && iopl(c) < 3) {
        if (!(c->cr4 & CR4_VME) || x86_osize(i) != 2)
            return x86_gp0(c, "PUSHF in virtual-8086 mode with IOPL below 3");
        f = (f & ~(u64)X86_IF) | X86_IOPL | (f & X86_VIF ? X86_IF : 0);
    }
    return x86_push(c, x86_osize(i), f);
}

bool x86_op_popf(struct x86 *c, const struct x86_insn *i)
{
    u64 f, old = c->r[X86_SP];
    unsigned size = x86_osize(i);
    bool v86 = x86_v86(c);
    if (v86 && iopl(c) < 3 && (!(c->cr4 & CR4_VME) || size != 2))
        return x86_gp0(c, "POPF in virtual-8086 mode with IOPL below 3");
    if (!x86_pop(c, size, &f))
        return false;
    if (v86 && iopl(c) < 3) {
        if (write_flags_vme(c, f))
            return true;
        c->r[X86_SP] = old;
        return false;
    }
    u64 mask = plain_flags(size) | (may_if(c) ? X86_IF : 0) | (c->cpl == 0 ? X86_IOPL : 0);
    x86_write_flags(c, f & ~(u64)X86_RF, mask);
    return true;
}

/* Who may not change IF may have a virtual one: in virtual-8086 mode with VME, at CPL 3 with PVI. */
static bool virtual_if(const struct x86 *c)
{
    return x86_v86(c) ? (c->cr4 & CR4_VME) != 0 : c->cpl == 3 && (c->cr4 & CR4_PVI);
}

bool x86_op_cli(struct x86 *c, const struct x86_insn *i)
{
    if (may_if(c))
        x86_write_flags(c, 0, X86_IF);
    else if (virtual_if(c))
        x86_write_flags(c, 0, X86_VIF);
    else
        return x86_gp0(c, "CLI with CPL above IOPL");
    return true;
}

bool x86_op_sti(struct x86 *c, const struct x86_insn *i)
{
    if (may_if(c)) {
        if (!(c->rflags & X86_IF))
            c->shadow |= X86_SHADOW_STI;
        x86_write_flags(c, X86_IF, X86_IF);
        return true;
    }
    if (!virtual_if(c))
        return x86_gp0(c, "STI with CPL above IOPL");
    if (c->rflags & X86_VIP)
        return x86_gp0(c, "STI while a virtual interrupt is pending (VIP)");
    x86_write_flags(c, X86_VIF, X86_VIF);
    return true;
}

/* --- IRET --- */

static bool iret_real(struct x86 *c, unsigned size, u64 ip, u64 cs, u64 flags)
{
    bool v86 = x86_v86(c), vme = v86 && iopl(c) < 3;
    if (vme && (!(c->cr4 & CR4_VME) || size != 2))
        return x86_gp0(c, "IRET in virtual-8086 mode with IOPL below 3");
    if (has(c, X86_F_286) && ip > c->seg[X86_CS].limit)
        return x86_gp0(c, "IRET: the target is beyond the limit of CS");
    if (vme) {
        if (!write_flags_vme(c, flags))
            return false;
    } else {
        x86_write_flags(c, flags, plain_flags(size) | X86_IF | (v86 ? 0 : X86_IOPL));
    }
    x86_set_sp(c, c->r[X86_SP] + 3 * size);
    x86_set_seg_real(c, X86_CS, (u16)cs);
    c->next_rip = ip;
    x86_mode_changed(c);
    return true;
}

static bool iret_to_v86(struct x86 *c, u64 ip, u64 cs, u64 flags)
{
    static const u8 order[] = { X86_SS, X86_ES, X86_DS, X86_FS, X86_GS };
    u64 sp, sel[5];
    if (!x86_stack_peek(c, 3, 4, 0, &sp))
        return false;
    for (unsigned n = 0; n < 5; n++)
        if (!x86_stack_peek(c, 4 + n, 4, 0, &sel[n]))
            return false;
    if ((ip & 0xffffffff) > 0xffff)
        return x86_gp0(c, "IRET to virtual-8086 mode: EIP is above 64 KiB");
    x86_write_flags(c, flags, plain_flags(4) | X86_IF | X86_IOPL | X86_VM | X86_VIF | X86_VIP);
    c->cpl = 3;
    x86_set_seg_real(c, X86_CS, (u16)cs);
    for (unsigned n = 0; n < 5; n++)
        x86_set_seg_real(c, order[n], (u16)sel[n]);
    c->r[X86_SP] = (u32)sp;
    c->next_rip = ip;
    x86_mode_changed(c);
    return true;
}

static bool iret_task(struct x86 *c)
{
    if (x86_long(c))
        return x86_gp0(c, "IRET with NT set in long mode");
    u64 link;
    return x86_load_linear(c, (u32)c->seg[X86_TR].base, 2, true, &link) && x86_to_task(c, (u16)link, X86_TASK_IRET);
}

bool x86_op_iret(struct x86 *c, const struct x86_insn *i)
{
    unsigned size = x86_osize(i);
    u64 ip, cs, flags, sp = 0, ss = 0;
    if (c->nmi_blocked) { /* even when it faults (SDM 3, 6.7.1) */
        c->nmi_blocked = false;
        x86_look_again(c);
    }
    bool real = x86_real_or_v86(c);
    if (!real && (c->rflags & X86_NT))
        return iret_task(c);
    if (!x86_stack_peek(c, 0, size, 0, &ip) || !x86_stack_peek(c, 1, size, 0, &cs) ||
        !x86_stack_peek(c, 2, size, 0, &flags))
        return false;
    if (real)
        return iret_real(c, size, ip, cs, flags);
    if (size == 4 && (flags & X86_VM) && c->cpl == 0 && !x86_long(c))
        return iret_to_v86(c, ip, cs, flags);

    struct x86_desc d;
    u16 selector = (u16)cs;
    if (!x86_check_return_cs(c, selector, &d))
        return false;
    unsigned rpl = selector & 3, old = c->cpl;
    bool to_64 = seg_is_64(c, &d.seg);
    if (!to_64)
        ip = (u32)ip;
    bool outer = rpl != old, stack = outer || x86_64bit(c);
    struct x86_stack s;
    if (stack && (!x86_stack_peek(c, 3, size, 0, &sp) || !x86_stack_peek(c, 4, size, 0, &ss) ||
                  !x86_check_return_ss(c, (u16)ss, rpl, to_64, &s)))
        return false;
    if (!x86_check_target(c, &d.seg, ip) || !x86_mark_accessed(c, &d))
        return false;
    u64 mask = plain_flags(size) | (may_if(c) ? X86_IF : 0) | (old == 0 ? X86_IOPL : 0) |
               (old == 0 && size > 2 ? X86_VIF | X86_VIP : 0);
    if (stack) {
        s.sp = sp;
        if (outer)
            x86_note(c, X86_WROTE_SP, sp, NULL);
        x86_use_stack(c, &s);
    } else {
        x86_set_sp(c, c->r[X86_SP] + 3 * size);
    }
    x86_set_cs(c, &d.seg, selector, rpl);
    if (outer)
        x86_drop_inner_segs(c);
    x86_write_flags(c, flags, mask);
    c->next_rip = ip;
    x86_mode_changed(c);
    return true;
}
