/* System registers: descriptor tables, control and debug registers, selectors looked at, extended state (SDM 2 and 3). */
#include <stdio.h>

#include "cpu/x86/flags.h"
#include "cpu/x86/msr.h"
#include "cpu/x86/sys.h"

static bool privileged(struct x86 *c)
{
    return c->cpl == 0 || x86_gp0(c, "a privileged instruction outside CPL 0");
}

static bool umip(struct x86 *c)
{
    return c->cpl == 0 || !(c->cr4 & CR4_UMIP) || x86_gp0(c, "UMIP: this instruction outside CPL 0");
}

static void set_zf(struct x86 *c, bool zf)
{
    x86_set_arith(c, (u32)((x86_flags(c) & X86_ARITH & ~(u64)X86_ZF) | (zf ? X86_ZF : 0)));
}

static void set_edx_eax(struct x86 *c, u64 v)
{
    c->r[X86_AX] = (u32)v;
    c->r[X86_DX] = v >> 32;
}

static u64 edx_eax(const struct x86 *c) { return (u32)c->r[X86_AX] | c->r[X86_DX] << 32; }

/* --- descriptor table registers --- */

/* The base has 3 bytes in memory with a 16-bit operand size, 8 in 64-bit mode (SDM 2, LGDT, SGDT). */
static bool store_table(struct x86 *c, const struct x86_insn *i, const struct x86_table *t)
{
    u8 b[10];
    unsigned n = x86_64bit(c) ? 10 : 6;
    store_le(b, 2, t->limit);
    store_le(b + 2, 8, t->base);
    if (!has(c, X86_F_386))
        b[5] = 0xff;
    return umip(c) && x86_store_bytes(c, x86_segno(i), x86_ea(c, i), b, n);
}

static bool load_table(struct x86 *c, const struct x86_insn *i, struct x86_table *t)
{
    u8 b[10] = { 0 };
    bool wide = x86_64bit(c);
    if (!privileged(c) || !x86_load_bytes(c, x86_segno(i), x86_ea(c, i), b, wide ? 10 : 6))
        return false;
    u64 base = load_le(b + 2, wide ? 8 : 4);
    if (!wide && x86_osize(i) == 2)
        base &= 0xffffff;
    if (wide && !x86_base_ok(c, base))
        return x86_gp0(c, "the base of a descriptor table is not canonical");
    t->limit = (u16)load_le(b, 2);
    t->base = base;
    return true;
}

bool x86_op_sgdt(struct x86 *c, const struct x86_insn *i) { return store_table(c, i, &c->gdtr); }
bool x86_op_sidt(struct x86 *c, const struct x86_insn *i) { return store_table(c, i, &c->idtr); }
static bool load_noted(struct x86 *c, const struct x86_insn *i, struct x86_table *t, enum x86_wrote_what what)
{
    if (!load_table(c, i, t))
        return false;
    x86_note(c, what, t->base, NULL);
    return true;
}

bool x86_op_lgdt(struct x86 *c, const struct x86_insn *i) { return load_noted(c, i, &c->gdtr, X86_WROTE_GDTR); }
bool x86_op_lidt(struct x86 *c, const struct x86_insn *i) { return load_noted(c, i, &c->idtr, X86_WROTE_IDTR); }

static bool store_selector(struct x86 *c, const struct x86_insn *i, u64 v)
{
    return umip(c) && set_rm(c, i, i->flags & X86_I_MEM ? 2 : x86_osize(i), v);
}

bool x86_op_sldt(struct x86 *c, const struct x86_insn *i) { return store_selector(c, i, c->seg[X86_LDTR].selector); }
bool x86_op_str(struct x86 *c, const struct x86_insn *i) { return store_selector(c, i, c->seg[X86_TR].selector); }

/* In long mode the base has 64 bits, in a descriptor of 16 bytes (SDM 3, 7.2.3). */
static bool wide_base(struct x86 *c, u16 selector, struct x86_desc *d)
{
    if (!x86_long(c))
        return true;
    if (!x86_fetch_high(c, selector, EXC_GP, d))
        return false;
    if (bits_get(d->hi, 40, 5))
        return x86_fault_code(c, EXC_GP, sel_error(selector), "the type in the upper half of the descriptor is not 0");
    d->seg.base |= d->hi << 32;
    return x86_base_ok(c, d->seg.base) ||
           x86_fault_code(c, EXC_GP, sel_error(selector), "the base in the descriptor is not canonical");
}

bool x86_op_lldt(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    struct x86_desc d;
    if (!privileged(c) || !get_rm(c, i, 2, &v))
        return false;
    u16 selector = (u16)v;
    if (is_null(selector)) {
        x86_null_seg(c, X86_LDTR, selector);
        return true;
    }
    if (selector & 4)
        return x86_fault_code(c, EXC_GP, sel_error(selector), "LLDT: the selector names the LDT itself");
    if (!x86_fetch_desc(c, selector, EXC_GP, &d))
        return false;
    if (d.seg.s || d.seg.type != SYS_LDT)
        return x86_fault_code(c, EXC_GP, sel_error(selector), "LLDT: the descriptor is no LDT");
    if (!d.seg.present)
        return x86_fault_code(c, EXC_NP, sel_error(selector), "LLDT: the LDT is not present (P=0)");
    if (!wide_base(c, selector, &d))
        return false;
    c->seg[X86_LDTR] = d.seg;
    return true;
}

bool x86_op_ltr(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    struct x86_desc d;
    if (!privileged(c) || !get_rm(c, i, 2, &v))
        return false;
    u16 selector = (u16)v;
    if (is_null(selector))
        return x86_gp0(c, "LTR: a null selector");
    if (selector & 4)
        return x86_fault_code(c, EXC_GP, sel_error(selector), "LTR: the selector names the LDT");
    if (!x86_fetch_desc(c, selector, EXC_GP, &d))
        return false;
    bool idle = d.seg.type == SYS_TSS || (d.seg.type == SYS_TSS16 && !x86_long(c));
    if (d.seg.s || !idle)
        return x86_fault_code(c, EXC_GP, sel_error(selector), "LTR: the descriptor is no available TSS");
    if (!d.seg.present)
        return x86_fault_code(c, EXC_NP, sel_error(selector), "LTR: the TSS is not present (P=0)");
    if (!wide_base(c, selector, &d) || !x86_set_busy(c, d.at, true))
        return false;
    d.seg.type |= 2;
    c->seg[X86_TR] = d.seg;
    x86_note(c, X86_WROTE_TR, selector, NULL);
    return true;
}

/* --- descriptors looked at --- */

/* The descriptor, when it can be seen from CPL and RPL: *seen. False only for faults of the table's pages. */
static bool look(struct x86 *c, u16 selector, struct x86_desc *d, bool *seen)
{
    *seen = false;
    if (is_null(selector))
        return true;
    if (!x86_fetch_desc(c, selector, EXC_GP, d))
        return c->fault.vector != EXC_PF;
    bool conforming = d->seg.s && (d->seg.type & (TYPE_CODE | TYPE_CONFORMING)) == (TYPE_CODE | TYPE_CONFORMING);
    *seen = conforming || (d->seg.dpl >= c->cpl && d->seg.dpl >= (selector & 3));
    return true;
}

/* System types LAR and LSL know (SDM 2, tables 3-53 and 3-60). */
static bool lar_type(const struct x86 *c, unsigned t)
{
    u32 legacy = 1u << SYS_TSS16 | 1u << SYS_LDT | 1u << SYS_TSS16_BUSY | 1u << SYS_CALL16 | 1u << SYS_TASK_GATE |
                 1u << SYS_TSS | 1u << SYS_TSS_BUSY | 1u << SYS_CALL;
    u32 wide = 1u << SYS_LDT | 1u << SYS_TSS | 1u << SYS_TSS_BUSY | 1u << SYS_CALL;
    return (x86_long(c) ? wide : legacy) >> t & 1;
}

static bool lsl_type(const struct x86 *c, unsigned t)
{
    return lar_type(c, t) && t != SYS_CALL16 && t != SYS_TASK_GATE && t != SYS_CALL;
}

/* 16-byte descriptors are also checked in their upper half. */
static bool upper_ok(struct x86 *c, u16 selector, struct x86_desc *d, bool *seen)
{
    if (!*seen || d->seg.s || !x86_long(c))
        return true;
    if (!x86_fetch_high(c, selector, EXC_GP, d)) {
        *seen = false;
        return c->fault.vector != EXC_PF;
    }
    *seen = !bits_get(d->hi, 40, 5);
    return true;
}

bool x86_op_lar(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    struct x86_desc d;
    bool seen;
    if (!get_rm(c, i, 2, &v) || !look(c, (u16)v, &d, &seen))
        return false;
    seen = seen && (d.seg.s || lar_type(c, d.seg.type));
    if (!upper_ok(c, (u16)v, &d, &seen))
        return false;
    if (seen) /* the manual leaves bits 19:16 undefined; processors show those of the limit */
        set_reg(c, i->reg, x86_osize(i), (d.raw >> 32) & (x86_osize(i) == 2 ? 0xff00 : 0x00ffff00));
    set_zf(c, seen);
    return true;
}

bool x86_op_lsl(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    struct x86_desc d;
    bool seen;
    if (!get_rm(c, i, 2, &v) || !look(c, (u16)v, &d, &seen))
        return false;
    seen = seen && (d.seg.s || lsl_type(c, d.seg.type));
    if (!upper_ok(c, (u16)v, &d, &seen))
        return false;
    if (seen)
        set_reg(c, i->reg, x86_osize(i), d.seg.limit);
    set_zf(c, seen);
    return true;
}

static bool verify(struct x86 *c, const struct x86_insn *i, bool write)
{
    u64 v;
    struct x86_desc d;
    bool seen;
    if (!get_rm(c, i, 2, &v) || !look(c, (u16)v, &d, &seen))
        return false;
    if (seen) {
        bool code = d.seg.type & TYPE_CODE;
        seen = d.seg.s && (write ? !code && (d.seg.type & TYPE_WRITE) : !code || (d.seg.type & TYPE_READ));
    }
    set_zf(c, seen);
    return true;
}

bool x86_op_verr(struct x86 *c, const struct x86_insn *i) { return verify(c, i, false); }
bool x86_op_verw(struct x86 *c, const struct x86_insn *i) { return verify(c, i, true); }

bool x86_op_arpl(struct x86 *c, const struct x86_insn *i)
{
    u64 v, rpl = get_reg(c, i->reg, 2) & 3;
    if (!get_rm(c, i, 2, &v))
        return false;
    bool raise = (v & 3) < rpl;
    if (raise && !set_rm(c, i, 2, (v & ~(u64)3) | rpl))
        return false;
    set_zf(c, raise);
    return true;
}

/* --- control registers (SDM 3, 2.5; SDM 2, MOV to CR) --- */

static u64 cr0_bits(const struct x86 *c)
{
    u64 b = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
    if (has(c, X86_F_386))
        b |= CR0_ET | CR0_PG;
    if (has(c, X86_F_486))
        b |= CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD;
    return b;
}

static u64 cr4_bits(const struct x86 *c)
{
    static const struct {
        u32 bit;
        u16 feature;
    } row[] = { { CR4_VME | CR4_PVI, X86_F_VME }, { CR4_TSD, X86_F_TSC }, { CR4_DE, X86_F_DE }, { CR4_PSE, X86_F_PSE },
                { CR4_PAE, X86_F_PAE }, { CR4_MCE, X86_F_MCE }, { CR4_PGE, X86_F_PGE }, { CR4_PCE, X86_F_686 },
                { CR4_OSFXSR, X86_F_FXSR }, { CR4_OSXMMEXCPT, X86_F_SSE }, { CR4_UMIP, X86_F_UMIP },
                { CR4_LA57, X86_F_LA57 }, { CR4_FSGSBASE, X86_F_FSGSBASE }, { CR4_PCIDE, X86_F_PCID },
                { CR4_OSXSAVE, X86_F_XSAVE }, { CR4_SMEP, X86_F_SMEP }, { CR4_SMAP, X86_F_SMAP }, { CR4_PKE, X86_F_PKU } };
    u64 b = 0;
    for (unsigned n = 0; n < ARRAY_LEN(row); n++)
        if (has(c, row[n].feature))
            b |= row[n].bit;
    return b;
}

static bool write_cr0(struct x86 *c, u64 v)
{
    if (v >> 32)
        return x86_gp0(c, "CR0: bits 63 to 32 are reserved");
    if ((v & CR0_PG) && !(v & CR0_PE))
        return x86_gp0(c, "CR0: PG without PE");
    if ((v & CR0_NW) && !(v & CR0_CD) && has(c, X86_F_486))
        return x86_gp0(c, "CR0: NW without CD");
    v &= cr0_bits(c);
    if (has(c, X86_F_486))
        v |= CR0_ET; /* hard-wired */
    u64 changed = v ^ c->cr0, efer = c->efer;
    if ((changed & CR0_PG) && (v & CR0_PG) && (efer & EFER_LME)) {
        if (!(c->cr4 & CR4_PAE))
            return x86_gp0(c, "CR0: paging turned on with EFER.LME=1 but CR4.PAE=0");
        if (c->seg[X86_CS].l)
            return x86_gp0(c, "CR0: paging turned on with EFER.LME=1 while CS.L=1");
        if (c->seg[X86_TR].valid && !(c->seg[X86_TR].type & 8))
            return x86_gp0(c, "CR0: long mode entered while TR holds a 16-bit TSS");
        efer |= EFER_LMA;
    } else if ((changed & CR0_PG) && !(v & CR0_PG)) {
        if (x86_64bit(c))
            return x86_gp0(c, "CR0: paging turned off in 64-bit mode");
        if (c->cr4 & CR4_PCIDE)
            return x86_gp0(c, "CR0: paging turned off with CR4.PCIDE=1");
        efer &= ~(u64)EFER_LMA;
    }
    if ((v & CR0_PG) && (c->cr4 & CR4_PAE) && !(efer & EFER_LMA) && (changed & (CR0_PG | CR0_CD | CR0_NW)) &&
        !x86_load_pdptes(c, c->cr3))
        return false;
    x86_note(c, X86_WROTE_CR0, v, NULL); /* in the mode before */
    c->cr0 = v;
    c->efer = efer;
    if (changed & (CR0_PG | CR0_WP | CR0_PE))
        x86_flush_translations(c);
    x86_mode_changed(c);
    return true;
}

static bool write_cr3(struct x86 *c, u64 v)
{
    if (x86_long(c)) {
        if (c->cr4 & CR4_PCIDE)
            v &= ~BIT64(63); /* "keep translations": they are exact here anyway */
        if (v >> c->config.phys_bits)
            return x86_gp0(c, "CR3: bits above the width of physical addresses are reserved");
    } else {
        v = (u32)v;
        if (x86_paging(c) && (c->cr4 & CR4_PAE) && !x86_load_pdptes(c, v))
            return false;
    }
    x86_note(c, X86_WROTE_CR3, v, NULL);
    c->cr3 = v;
    x86_flush_translations(c);
    return true;
}

static bool write_cr4(struct x86 *c, u64 v)
{
    u64 changed = v ^ c->cr4;
    if (v & ~cr4_bits(c))
        return x86_gp0(c, "CR4: bits that this model does not have");
    if (x86_long(c) && !(v & CR4_PAE))
        return x86_gp0(c, "CR4: PAE cleared in long mode");
    if (x86_long(c) && (changed & CR4_LA57))
        return x86_gp0(c, "CR4: LA57 changed in long mode");
    if ((changed & CR4_PCIDE) && (v & CR4_PCIDE) && (!x86_long(c) || (c->cr3 & 0xfff)))
        return x86_gp0(c, "CR4: PCIDE set outside long mode or with a PCID in CR3");
    if (x86_paging(c) && !x86_long(c) && (v & CR4_PAE) &&
        (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) && !x86_load_pdptes(c, c->cr3))
        return false;
    x86_note(c, X86_WROTE_CR4, v, NULL);
    c->cr4 = v;
    x86_flush_translations(c);
    x86_mode_changed(c);
    return true;
}

bool x86_write_cr(struct x86 *c, unsigned cr, u64 v)
{
    switch (cr) {
    case 0: return write_cr0(c, v);
    case 2: c->cr2 = v; return true;
    case 3: return write_cr3(c, v);
    case 4: return has(c, X86_F_586) ? write_cr4(c, v) : x86_ud(c, "this model has no CR4");
    case 8:
        if (v > 15)
            return x86_gp0(c, "CR8: bits 63 to 4 are reserved");
        if (c->board.apic.set_tpr)
            c->board.apic.set_tpr(c->board.apic.opaque, (u8)v);
        x86_look_again(c);
        return true;
    default: return x86_ud(c, "there is no such control register");
    }
}

const struct event_type x86_event_register = {
    "cpu.register", "a control or debug register or an MSR is written or read by an instruction",
    { { "name", EV_STR }, { "number", EV_HEX }, { "old", EV_HEX }, { "value", EV_HEX }, { "how", EV_STR } },
};
static const struct event_type tlb_event = {
    "cpu.tlb", "an instruction says that translations may have changed", { { "what", EV_STR }, { "address", EV_HEX } },
};

__attribute__((noinline, cold)) void x86_tell_flush(struct x86 *c, const char *what, u64 linear)
{
    EVENT_OF(EV_CPU_TLB, c->cpu.bus, c->cpu.clock->now, c->cpu.name, &tlb_event, { .s = what }, { .u = linear });
}

/* kind: "cr" or "dr"; "": an MSR. */
static void tell_register(struct x86 *c, const char *kind, u32 number, u64 old, u64 value, bool write)
{
    char name[32];
    if (*kind)
        snprintf(name, sizeof name, "%s%u", kind, (unsigned)number);
    else
        snprintf(name, sizeof name, "%s", x86_msr_row(c, number) ? x86_msr_row(c, number)->name : "");
    EVENT_OF(EV_CPU_REGISTER, c->cpu.bus, c->cpu.clock->now, c->cpu.name, &x86_event_register, { .s = name }, { .u = number },
             { .u = old }, { .u = value }, { .s = write ? "write" : "read" });
}

static u64 cr_of(const struct x86 *c, unsigned n)
{
    switch (n) {
    case 0: return c->cr0;
    case 2: return c->cr2;
    case 3: return c->cr3;
    case 4: return c->cr4;
    default: return n == 8 && c->board.apic.get_tpr ? c->board.apic.get_tpr(c->board.apic.opaque) : 0;
    }
}

/* A write to one of them has been executed. */
static void wrote_cr(struct x86 *c, unsigned n, u64 old)
{
    if (UNLIKELY(event_wants(c->cpu.bus, EV_CPU_REGISTER)))
        tell_register(c, "cr", n, old, cr_of(c, n), true);
    if (n == 3)
        x86_tell_flush(c, "mov cr3", EVENT_ALL);
}

bool x86_op_mov_cr_reg(struct x86 *c, const struct x86_insn *i)
{
    u64 old = cr_of(c, i->reg);
    if (!privileged(c) || !x86_write_cr(c, i->reg, get_reg(c, i->rm, x86_osize(i))))
        return false;
    wrote_cr(c, i->reg, old);
    return true;
}

bool x86_op_mov_reg_cr(struct x86 *c, const struct x86_insn *i)
{
    if (!privileged(c))
        return false;
    if (i->reg == 4 && !has(c, X86_F_586))
        return x86_ud(c, "this model has no CR4");
    if (i->reg == 1 || (i->reg > 4 && i->reg != 8))
        return x86_ud(c, "there is no such control register");
    u64 v = cr_of(c, i->reg);
    if (UNLIKELY(event_wants(c->cpu.bus, EV_CPU_REGISTER)))
        tell_register(c, "cr", i->reg, v, v, false);
    set_reg(c, i->rm, x86_osize(i), v);
    return true;
}

/* The 80286 shows ones in the rest of its 16-bit machine status word. */
bool x86_op_smsw(struct x86 *c, const struct x86_insn *i)
{
    u64 v = has(c, X86_F_386) ? c->cr0 : c->cr0 | 0xfff0;
    return umip(c) && set_rm(c, i, i->flags & X86_I_MEM ? 2 : x86_osize(i), v);
}

bool x86_op_lmsw(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!privileged(c) || !get_rm(c, i, 2, &v))
        return false;
    u64 pe = c->cr0 & CR0_PE, old = c->cr0; /* PE can be set but not cleared */
    if (!write_cr0(c, (old & ~(u64)0xf) | (v & 0xf) | pe))
        return false;
    wrote_cr(c, 0, old);
    return true;
}

bool x86_op_clts(struct x86 *c, const struct x86_insn *i)
{
    if (!privileged(c))
        return false;
    u64 old = c->cr0;
    c->cr0 &= ~(u64)CR0_TS;
    wrote_cr(c, 0, old);
    x86_mode_changed(c);
    return true;
}

/* --- debug registers (SDM 3, 17.2) --- */

static bool debug_reg(struct x86 *c, unsigned *n)
{
    if (!privileged(c))
        return false;
    if (*n == 4 || *n == 5) {
        if (c->cr4 & CR4_DE)
            return x86_ud(c, "DR4 and DR5 with CR4.DE=1");
        *n += 2;
    }
    if (c->dr[7] & DR7_GD) {
        x86_fault(c, EXC_DB, "a debug register accessed with DR7.GD=1");
        c->fault.dr6 = DR6_BD;
        return false;
    }
    return true;
}

bool x86_op_mov_reg_dr(struct x86 *c, const struct x86_insn *i)
{
    unsigned n = i->reg;
    if (!debug_reg(c, &n))
        return false;
    set_reg(c, i->rm, x86_osize(i), c->dr[n]);
    return true;
}

bool x86_op_mov_dr_reg(struct x86 *c, const struct x86_insn *i)
{
    unsigned n = i->reg;
    u64 v = get_reg(c, i->rm, x86_osize(i));
    if (!debug_reg(c, &n))
        return false;
    if (n >= 6 && v >> 32)
        return x86_gp0(c, "DR6 or DR7: bits 63 to 32 are reserved");
    if (n == 6)
        v = (v & 0xe00f) | 0xffff0ff0;
    if (n == 7)
        v = (v & 0xffff23ff) | 0x400;
    if (UNLIKELY(event_wants(c->cpu.bus, EV_CPU_REGISTER)))
        tell_register(c, "dr", n, c->dr[n], v, true);
    c->dr[n] = v;
    x86_flush_translations(c);
    x86_mode_changed(c);
    return true;
}

/* --- MSRs: msr.c --- */

bool x86_op_rdmsr(struct x86 *c, const struct x86_insn *i)
{
    u64 v;
    if (!privileged(c) || !x86_msr_read(c, (u32)c->r[X86_CX], &v))
        return false;
    if (UNLIKELY(event_wants(c->cpu.bus, EV_CPU_REGISTER)))
        tell_register(c, "", (u32)c->r[X86_CX], v, v, false);
    set_edx_eax(c, v);
    return true;
}

bool x86_op_wrmsr(struct x86 *c, const struct x86_insn *i)
{
    u32 n = (u32)c->r[X86_CX];
    u64 old = 0, now = 0;
    bool tell = event_wants(c->cpu.bus, EV_CPU_REGISTER) && c->cpl == 0 && x86_msr_peek(c, n, &old);
    if (!privileged(c) || !x86_msr_write(c, n, edx_eax(c)))
        return false;
    if (UNLIKELY(tell) && x86_msr_peek(c, n, &now))
        tell_register(c, "", n, old, now, true);
    return true;
}

/* --- time and counters --- */

u64 x86_tsc(const struct x86 *c)
{
    u64 hz = c->cpu.clock->hz;
    return (hz ? (u64)((u128)c->cpu.clock->now * c->config.tsc_khz * 1000 / hz) : 0) + c->tsc_offset;
}

static bool may_tsc(struct x86 *c)
{
    return c->cpl == 0 || !(c->cr4 & CR4_TSD) || x86_gp0(c, "RDTSC outside CPL 0 with CR4.TSD=1");
}

bool x86_op_rdtsc(struct x86 *c, const struct x86_insn *i)
{
    if (!may_tsc(c))
        return false;
    set_edx_eax(c, x86_tsc(c));
    return true;
}

bool x86_op_rdtscp(struct x86 *c, const struct x86_insn *i)
{
    if (!may_tsc(c))
        return false;
    set_edx_eax(c, x86_tsc(c));
    c->r[X86_CX] = (u32)c->tsc_aux;
    return true;
}

bool x86_op_rdpid(struct x86 *c, const struct x86_insn *i)
{
    set_reg(c, i->rm, x86_64bit(c) ? 8 : 4, (u32)c->tsc_aux);
    return true;
}

bool x86_op_rdpmc(struct x86 *c, const struct x86_insn *i)
{
    if (c->cpl && !(c->cr4 & CR4_PCE))
        return x86_gp0(c, "RDPMC outside CPL 0 with CR4.PCE=0");
    return x86_gp0(c, "RDPMC: there is no such performance counter");
}

/* --- FS and GS --- */

bool x86_op_swapgs(struct x86 *c, const struct x86_insn *i)
{
    if (!privileged(c))
        return false;
    u64 base = c->seg[X86_GS].base;
    c->seg[X86_GS].base = c->kernel_gs_base;
    c->kernel_gs_base = base;
    c->fast[X86_GS].base = c->seg[X86_GS].base;
    return true;
}

static bool read_base(struct x86 *c, const struct x86_insn *i, unsigned seg)
{
    if (!(c->cr4 & CR4_FSGSBASE))
        return x86_ud(c, "RDFSBASE or RDGSBASE with CR4.FSGSBASE=0");
    set_reg(c, i->rm, x86_osize(i), c->seg[seg].base);
    return true;
}

static bool write_base(struct x86 *c, const struct x86_insn *i, unsigned seg)
{
    u64 v = get_reg(c, i->rm, x86_osize(i));
    if (!(c->cr4 & CR4_FSGSBASE))
        return x86_ud(c, "WRFSBASE or WRGSBASE with CR4.FSGSBASE=0");
    if (!x86_linear_ok(c, v))
        return x86_gp0(c, "WRFSBASE or WRGSBASE of an address that is not canonical");
    c->seg[seg].base = c->fast[seg].base = v;
    return true;
}

bool x86_op_rdfsbase(struct x86 *c, const struct x86_insn *i) { return read_base(c, i, X86_FS); }
bool x86_op_rdgsbase(struct x86 *c, const struct x86_insn *i) { return read_base(c, i, X86_GS); }
bool x86_op_wrfsbase(struct x86 *c, const struct x86_insn *i) { return write_base(c, i, X86_FS); }
bool x86_op_wrgsbase(struct x86 *c, const struct x86_insn *i) { return write_base(c, i, X86_GS); }

/* --- extended state, protection keys, SMAP --- */

bool x86_op_xgetbv(struct x86 *c, const struct x86_insn *i)
{
    u32 n = (u32)c->r[X86_CX];
    if (!(c->cr4 & CR4_OSXSAVE))
        return x86_ud(c, "XGETBV with CR4.OSXSAVE=0");
    if (n != 0 && !(n == 1 && has(c, X86_F_XGETBV1)))
        return x86_gp0(c, "XGETBV: there is no such register");
    set_edx_eax(c, c->xcr0); /* XCR1's place: all that is enabled may be in use */
    return true;
}

bool x86_op_xsetbv(struct x86 *c, const struct x86_insn *i)
{
    u64 v = edx_eax(c), known = 3 | (has(c, X86_F_AVX) ? 4 : 0) | (has(c, X86_F_PKU) ? BIT64(9) : 0);
    if (!(c->cr4 & CR4_OSXSAVE))
        return x86_ud(c, "XSETBV with CR4.OSXSAVE=0");
    if (!privileged(c))
        return false;
    if ((u32)c->r[X86_CX])
        return x86_gp0(c, "XSETBV: there is no such register");
    if ((v & ~known) || !(v & 1) || ((v & 4) && !(v & 2)))
        return x86_gp0(c, "XSETBV: a combination of state components that is not allowed");
    c->xcr0 = v;
    x86_mode_changed(c);
    return true;
}

bool x86_op_rdpkru(struct x86 *c, const struct x86_insn *i)
{
    if (!(c->cr4 & CR4_PKE))
        return x86_ud(c, "RDPKRU with CR4.PKE=0");
    if ((u32)c->r[X86_CX])
        return x86_gp0(c, "RDPKRU: ECX is not 0");
    set_edx_eax(c, c->pkru);
    return true;
}

bool x86_op_wrpkru(struct x86 *c, const struct x86_insn *i)
{
    if (!(c->cr4 & CR4_PKE))
        return x86_ud(c, "WRPKRU with CR4.PKE=0");
    if ((u32)c->r[X86_CX] || (u32)c->r[X86_DX])
        return x86_gp0(c, "WRPKRU: ECX or EDX is not 0");
    c->pkru = (u32)c->r[X86_AX];
    x86_flush_translations(c);
    return true;
}

static bool write_ac(struct x86 *c, u64 ac)
{
    if (c->cpl)
        return x86_ud(c, "CLAC or STAC outside CPL 0");
    x86_write_flags(c, ac, X86_AC);
    return true;
}

bool x86_op_clac(struct x86 *c, const struct x86_insn *i) { return write_ac(c, 0); }
bool x86_op_stac(struct x86 *c, const struct x86_insn *i) { return write_ac(c, X86_AC); }
