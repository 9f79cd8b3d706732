/* Instructions that load segments or leave one: MOV, PUSH, POP and LDS of segment registers, far transfers, INT, fast
 * system calls. */
#include <string.h>

#include "cpu/x86/flags.h"
#include "cpu/x86/sys.h"

/* --- segment registers --- */

bool x86_op_mov_rm_sreg(struct x86 *c, const struct x86_insn *i)
{
    return set_rm(c, i, i->flags & X86_I_MEM ? 2 : x86_osize(i), c->seg[i->reg].selector);
}

/* A load of SS holds interrupts and debug traps off for one instruction (SDM 3, 6.8.3). */
static void ss_loaded(struct x86 *c, unsigned seg)
{
    if (seg == X86_SS) {
        c->shadow |= X86_SHADOW_SS;
        x86_look_again(c);
    }
}

bool x86_op_mov_sreg_rm(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!get_rm(c, i, 2, &v) || !x86_load_seg(c, i->reg, (u16)v))
        return false;
    ss_loaded(c, i->reg);
    return true;
}

/* A push of a selector writes 2 bytes and moves SP by the operand size (SDM 2, PUSH: what processors of today do); in 64-bit
 * mode it writes all 8. */
bool x86_op_push_sreg(struct x86 *c, const struct x86_insn *i)
{
    unsigned size = x86_osize(i);
    u16 selector = c->seg[i->reg].selector;
    if (size != 4)
        return x86_push(c, size, selector);
    u64 sp = (c->r[X86_SP] - size) & stack_mask(c->stack_size);
    if (!x86_store(c, X86_SS, sp, 2, selector))
        return false;
    x86_set_sp(c, sp);
    return true;
}

bool x86_op_pop_sreg(struct x86 *c, const struct x86_insn *i)
{
    u64 v, sp = c->r[X86_SP];
    unsigned width = c->stack_size;
    if (!x86_stack_peek(c, 0, 2, 0, &v) || !x86_load_seg(c, i->reg, (u16)v))
        return false;
    set_reg(c, X86_SP, width, sp + x86_osize(i));
    ss_loaded(c, i->reg);
    return true;
}

static bool load_far(struct x86 *c, const struct x86_insn *i, u64 *offset, u16 *selector)
{
    unsigned size = x86_osize(i), asize = x86_asize(i);
    u64 at = x86_ea(c, i), v;
    if (!x86_load(c, x86_segno(i), at, size, offset) ||
        !x86_load(c, x86_segno(i), (at + size) & size_mask(asize), 2, &v))
        return false;
    *selector = (u16)v;
    return true;
}

static bool load_pointer(struct x86 *c, const struct x86_insn *i, unsigned seg)
{
    u64 offset;
    u16 selector;
    if (!load_far(c, i, &offset, &selector) || !x86_load_seg(c, seg, selector))
        return false;
    set_reg(c, i->reg, x86_osize(i), offset);
    ss_loaded(c, seg);
    return true;
}

bool x86_op_les(struct x86 *c, const struct x86_insn *i) { return load_pointer(c, i, X86_ES); }
bool x86_op_lds(struct x86 *c, const struct x86_insn *i) { return load_pointer(c, i, X86_DS); }
bool x86_op_lss(struct x86 *c, const struct x86_insn *i) { return load_pointer(c, i, X86_SS); }
bool x86_op_lfs(struct x86 *c, const struct x86_insn *i) { return load_pointer(c, i, X86_FS); }
bool x86_op_lgs(struct x86 *c, const struct x86_insn *i) { return load_pointer(c, i, X86_GS); }

/* --- far transfers --- */

bool x86_op_call_far_imm(struct x86 *c, const struct x86_insn *i)
{
    return x86_far_call(c, (u16)(i->imm >> 32), (u32)i->imm, x86_osize(i));
}

bool x86_op_jmp_far_imm(struct x86 *c, const struct x86_insn *i)
{
    return x86_far_jump(c, (u16)(i->imm >> 32), (u32)i->imm, x86_osize(i));
}

bool x86_op_call_far_mem(struct x86 *c, const struct x86_insn *i)
{
    u64 offset;
    u16 selector;
    return load_far(c, i, &offset, &selector) && x86_far_call(c, selector, offset, x86_osize(i));
}

bool x86_op_jmp_far_mem(struct x86 *c, const struct x86_insn *i)
{
    u64 offset;
    u16 selector;
    return load_far(c, i, &offset, &selector) && x86_far_jump(c, selector, offset, x86_osize(i));
}

bool x86_op_ret_far(struct x86 *c, const struct x86_insn *i)
{
    return x86_far_return(c, x86_osize(i), (u16)i->imm);
}

/* --- software interrupts --- */

bool x86_op_int_n(struct x86 *c, const struct x86_insn *i)
{
    x86_deliver(c, (u8)i->imm, X86_EV_SOFTWARE, false, 0, c->next_rip);
    return true;
}

bool x86_op_int3(struct x86 *c, const struct x86_insn *i)
{
    x86_deliver(c, EXC_BP, X86_EV_INT3, false, 0, c->next_rip);
    return true;
}

bool x86_op_into(struct x86 *c, const struct x86_insn *i)
{
    if (fl_of(c))
        x86_deliver(c, EXC_OF, X86_EV_INT3, false, 0, c->next_rip);
    return true;
}

/* As a hardware exception: DPL of the gate does not count (SDM 2, INT1). */
bool x86_op_int1(struct x86 *c, const struct x86_insn *i)
{
    x86_deliver(c, EXC_DB, X86_EV_EXCEPTION, false, 0, c->next_rip);
    return true;
}

/* --- fast system calls --- */

static bool is_amd(const struct x86 *c) { return !strcmp(c->config.vendor, "AuthenticAMD"); }

/* CS and SS as SYSCALL & co. make them: flat, without reading a descriptor. */
static void flat(struct x86 *c, unsigned selector, unsigned ss, unsigned cpl, unsigned bits)
{
    struct x86_seg s = { .selector = (u16)selector, .valid = true, .type = 11, .s = true, .dpl = (u8)cpl, .present = true,
                         .l = bits == 64, .db = bits == 32, .g = true, .limit = 0xffffffffu };
    x86_set_cs(c, &s, (u16)selector, cpl);
    s.selector = (u16)((ss & ~3u) | cpl);
    s.type = 3;
    s.l = false;
    s.db = true;
    c->seg[X86_SS] = s;
}

bool x86_op_syscall(struct x86 *c, const struct x86_insn *i)
{
    if (!(c->efer & EFER_SCE))
        return x86_ud(c, "SYSCALL with EFER.SCE=0");
    if (!x86_64bit(c) && !(is_amd(c) && x86_protected(c)))
        return x86_ud(c, "SYSCALL outside 64-bit mode");
    unsigned cs = (unsigned)(c->star >> 32) & 0xfffc;
    u64 f = x86_flags(c) & ~(u64)X86_RF, target;
    if (x86_long(c)) {
        target = x86_64bit(c) ? c->lstar : c->cstar;
        c->r[X86_CX] = c->next_rip;
        c->r[11] = f;
        f &= ~c->sfmask;
        flat(c, cs, cs + 8, 0, 64);
    } else {
        target = (u32)c->star;
        c->r[X86_CX] = (u32)c->next_rip;
        f &= ~(u64)(X86_IF | X86_VM);
        flat(c, cs, cs + 8, 0, 32);
    }
    if (!(f & X86_TF))
        c->db_pending &= ~DR6_BS;
    x86_set_flags(c, f & ~(u64)X86_RF);
    c->next_rip = target;
    x86_mode_changed(c);
    return true;
}

bool x86_op_sysret(struct x86 *c, const struct x86_insn *i)
{
    if (!(c->efer & EFER_SCE))
        return x86_ud(c, "SYSRET with EFER.SCE=0");
    if (!x86_64bit(c) && !(is_amd(c) && x86_protected(c)))
        return x86_ud(c, "SYSRET outside 64-bit mode");
    if (c->cpl)
        return x86_gp0(c, "SYSRET outside CPL 0");
    unsigned base = (unsigned)(c->star >> 48);
    bool wide = x86_osize(i) == 8;
    u64 target = wide ? c->r[X86_CX] : (u32)c->r[X86_CX];
    if (wide && !x86_linear_ok(c, target))
        return x86_gp0(c, "SYSRET to an address in RCX that is not canonical");
    bool lm = x86_long(c);
    flat(c, (wide ? base + 16 : base) | 3, base + 8, 3, wide ? 64 : 32);
    if (lm)
        x86_set_flags(c, (c->r[11] & 0x3c7fd7) | 2);
    else
        x86_write_flags(c, X86_IF, X86_IF);
    c->next_rip = target;
    x86_mode_changed(c);
    return true;
}

bool x86_op_sysenter(struct x86 *c, const struct x86_insn *i)
{
    if (!x86_protected(c))
        return x86_gp0(c, "SYSENTER in real mode");
    if (x86_long(c) && is_amd(c))
        return x86_ud(c, "SYSENTER in long mode on a processor of AMD");
    unsigned cs = (unsigned)c->sysenter_cs & 0xfffc;
    if (!cs)
        return x86_gp0(c, "SYSENTER with a null IA32_SYSENTER_CS");
    bool lm = x86_long(c);
    x86_set_flags(c, x86_flags(c) & ~(u64)(X86_VM | X86_IF | X86_RF));
    flat(c, cs, cs + 8, 0, lm ? 64 : 32);
    x86_note(c, X86_WROTE_SP, c->sysenter_esp, NULL);
    c->r[X86_SP] = lm ? c->sysenter_esp : (u32)c->sysenter_esp;
    c->next_rip = lm ? c->sysenter_eip : (u32)c->sysenter_eip;
    x86_mode_changed(c);
    return true;
}

bool x86_op_sysexit(struct x86 *c, const struct x86_insn *i)
{
    unsigned cs = (unsigned)c->sysenter_cs & 0xfffc;
    if (!x86_protected(c) || c->cpl)
        return x86_gp0(c, "SYSEXIT outside CPL 0 of protected mode");
    if (x86_long(c) && is_amd(c))
        return x86_ud(c, "SYSEXIT in long mode on a processor of AMD");
    if (!cs)
        return x86_gp0(c, "SYSEXIT with a null IA32_SYSENTER_CS");
    bool wide = x86_osize(i) == 8;
    u64 ip = c->r[X86_DX], sp = c->r[X86_CX];
    if (wide && (!x86_linear_ok(c, ip) || !x86_linear_ok(c, sp)))
        return x86_gp0(c, "SYSEXIT to an address that is not canonical");
    flat(c, (wide ? cs + 32 : cs + 16) | 3, wide ? cs + 40 : cs + 24, 3, wide ? 64 : 32);
    x86_note(c, X86_WROTE_SP, sp, NULL);
    c->r[X86_SP] = wide ? sp : (u32)sp;
    c->next_rip = wide ? ip : (u32)ip;
    x86_mode_changed(c);
    return true;
}
