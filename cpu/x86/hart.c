/* An x86 as a CPU: made, reset, looked at, saved. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/access.h"
#include "cpu/x86/sys.h"

/* --- registers ------------------------------------------------------------------------------------------------------ */

static const struct reg_field rflags_fields[] = {
    { "CF", 0, 1, "carry" }, { "PF", 2, 1, "parity of the low byte is even" }, { "AF", 4, 1, "carry out of bit 3" },
    { "ZF", 6, 1, "zero" }, { "SF", 7, 1, "sign" }, { "TF", 8, 1, "trap after each instruction" },
    { "IF", 9, 1, "interrupts are taken" }, { "DF", 10, 1, "string instructions go down" }, { "OF", 11, 1, "overflow" },
    { "IOPL", 12, 2, "the CPL up to which ports may be accessed" }, { "NT", 14, 1, "nested task" },
    { "RF", 16, 1, "no instruction breakpoint on the next instruction" }, { "VM", 17, 1, "virtual-8086 mode" },
    { "AC", 18, 1, "alignment is checked (CPL 3), or SMAP is off" }, { "VIF", 19, 1, "virtual IF" },
    { "VIP", 20, 1, "a virtual interrupt is pending" }, { "ID", 21, 1, "CPUID is there" }, { 0 },
};
static const struct reg_field cr0_fields[] = {
    { "PE", 0, 1, "protected mode" }, { "MP", 1, 1, "WAIT heeds TS" }, { "EM", 2, 1, "no x87" },
    { "TS", 3, 1, "a task was switched: x87 and SSE raise #NM" }, { "ET", 4, 1, "387" }, { "NE", 5, 1, "x87 errors raise #MF" },
    { "WP", 16, 1, "supervisor stores heed read-only pages" }, { "AM", 18, 1, "AC turns alignment checks on" },
    { "NW", 29, 1, "not write-through" }, { "CD", 30, 1, "cache off" }, { "PG", 31, 1, "paging" }, { 0 },
};
static const struct reg_field cr3_fields[] = {
    { "PWT", 3, 1, "write-through" }, { "PCD", 4, 1, "cache off" }, { "PCID", 0, 12, "with CR4.PCIDE" },
    { "base", 12, 40, "page frame of the top table" }, { 0 },
};
static const struct reg_field cr4_fields[] = {
    { "VME", 0, 1, "virtual-8086 extensions" }, { "PVI", 1, 1, "virtual interrupts in protected mode" },
    { "TSD", 2, 1, "RDTSC at CPL 0 only" }, { "DE", 3, 1, "debugging extensions" }, { "PSE", 4, 1, "4 MiB pages" },
    { "PAE", 5, 1, "64-bit page-table entries" }, { "MCE", 6, 1, "machine checks" }, { "PGE", 7, 1, "global pages" },
    { "PCE", 8, 1, "RDPMC at every CPL" }, { "OSFXSR", 9, 1, "SSE is on" }, { "OSXMMEXCPT", 10, 1, "SSE exceptions raise #XM" },
    { "UMIP", 11, 1, "SGDT, SIDT, SLDT, SMSW, STR at CPL 0 only" }, { "LA57", 12, 1, "5-level paging" },
    { "FSGSBASE", 16, 1, "RDFSBASE and such" }, { "PCIDE", 17, 1, "process-context identifiers" },
    { "OSXSAVE", 18, 1, "XSAVE is on" }, { "SMEP", 20, 1, "supervisor code not from user pages" },
    { "SMAP", 21, 1, "supervisor data not in user pages" }, { "PKE", 22, 1, "protection keys" }, { 0 },
};
static const struct reg_field efer_fields[] = {
    { "SCE", 0, 1, "SYSCALL" }, { "LME", 8, 1, "long mode with paging" }, { "LMA", 10, 1, "long mode is active" },
    { "NXE", 11, 1, "no-execute pages" }, { "FFXSR", 14, 1, "fast FXSAVE" }, { 0 },
};
static const struct reg_field dr6_fields[] = {
    { "B0", 0, 1, "breakpoint 0 hit" }, { "B1", 1, 1, "breakpoint 1 hit" }, { "B2", 2, 1, "breakpoint 2 hit" },
    { "B3", 3, 1, "breakpoint 3 hit" }, { "BD", 13, 1, "a debug register was accessed" }, { "BS", 14, 1, "single step" },
    { "BT", 15, 1, "T flag of the TSS" }, { 0 },
};
static const struct reg_field dr7_fields[] = {
    { "L0", 0, 1, "breakpoint 0 on, locally" }, { "G0", 1, 1, "globally" }, { "L1", 2, 1, "" }, { "G1", 3, 1, "" },
    { "L2", 4, 1, "" }, { "G2", 5, 1, "" }, { "L3", 6, 1, "" }, { "G3", 7, 1, "" }, { "LE", 8, 1, "exact, locally" },
    { "GE", 9, 1, "exact, globally" }, { "GD", 13, 1, "accesses to debug registers raise #DB" },
    { "RW0", 16, 2, "0 execution, 1 stores, 2 ports, 3 loads and stores" }, { "LEN0", 18, 2, "0 one byte, 1 two, 2 eight, 3 four" },
    { "RW1", 20, 2, "" }, { "LEN1", 22, 2, "" }, { "RW2", 24, 2, "" }, { "LEN2", 26, 2, "" }, { "RW3", 28, 2, "" },
    { "LEN3", 30, 2, "" }, { 0 },
};
static const struct reg_field attr_fields[] = {
    { "type", 0, 4, "as in the descriptor" }, { "S", 4, 1, "code or data" }, { "DPL", 5, 2, "" }, { "P", 7, 1, "present" },
    { "AVL", 12, 1, "" }, { "L", 13, 1, "64-bit code" }, { "DB", 14, 1, "32 bits" }, { "G", 15, 1, "limit in pages" },
    { "valid", 16, 1, "the selector is not null" }, { 0 },
};
static const struct reg_field xcr0_fields[] = {
    { "x87", 0, 1, "" }, { "SSE", 1, 1, "" }, { "AVX", 2, 1, "" }, { "PKRU", 9, 1, "" }, { 0 },
};
static const struct reg_field mxcsr_fields[] = {
    { "IE", 0, 1, "invalid" }, { "DE", 1, 1, "denormal" }, { "ZE", 2, 1, "divide by zero" }, { "OE", 3, 1, "overflow" },
    { "UE", 4, 1, "underflow" }, { "PE", 5, 1, "precision" }, { "DAZ", 6, 1, "denormals are zero" }, { "IM", 7, 1, "masked" },
    { "DM", 8, 1, "" }, { "ZM", 9, 1, "" }, { "OM", 10, 1, "" }, { "UM", 11, 1, "" }, { "PM", 12, 1, "" },
    { "RC", 13, 2, "0 nearest, 1 down, 2 up, 3 to zero" }, { "FZ", 15, 1, "flush to zero" }, { 0 },
};
static const struct reg_field fsw_fields[] = {
    { "IE", 0, 1, "invalid" }, { "DE", 1, 1, "denormal" }, { "ZE", 2, 1, "divide by zero" }, { "OE", 3, 1, "overflow" },
    { "UE", 4, 1, "underflow" }, { "PE", 5, 1, "precision" }, { "SF", 6, 1, "stack fault" }, { "ES", 7, 1, "unmasked exception" },
    { "C0", 8, 1, "" }, { "C1", 9, 1, "" }, { "C2", 10, 1, "" }, { "TOP", 11, 3, "" }, { "C3", 14, 1, "" }, { "B", 15, 1, "" }, { 0 },
};

/* A register is a member of struct x86, but for those that are computed. */
enum { OTHER_ATTR = 1, OTHER_CR8, OTHER_APIC_BASE, OTHER_TSC };
struct row {
    const char *name, *group;
    u32 at;
    u8 size, bits;
    u8 other, index; /* index: of OTHER_ATTR the segment; else 1: a processor of 32 bits does not have it */
    const struct reg_field *fields;
    u16 needs; /* a feature */
    const char *doc;
};
#define MEMBER(member, wide) \
    offsetof(struct x86, member), sizeof(((struct x86 *)0)->member), 8 * sizeof(((struct x86 *)0)->member), 0, wide
#define M(member) MEMBER(member, false)
#define SEG(n, name)                                                                            \
    { name, "segment", M(seg[n].selector), NULL, 0, "selector" },                               \
    { name "_base", "segment", M(seg[n].base), NULL, 0, "base" },                               \
    { name "_limit", "segment", M(seg[n].limit), NULL, 0, "limit in bytes" },                   \
    { name "_attr", "segment", 0, 0, 32, OTHER_ATTR, n, attr_fields, 0, "attributes, as in the descriptor" }
#define DR(n) { "dr" #n, "debug", M(dr[n]), NULL, X86_F_386, "address of a breakpoint" }
#define MSR(name, member, f, doc) { name, "msr", M(member), NULL, f, doc }
#define ST(n) \
    { "st" #n, "x87", M(fpu.st[n].m), NULL, X86_F_FPU, "physical register: significand" }, \
    { "st" #n "_se", "x87", M(fpu.st[n].se), NULL, X86_F_FPU, "physical register: sign and exponent" }
#define V(n)                                                                                       \
    { "xmm" #n, "vector", MEMBER(v[n].q[0], n >= 8), NULL, X86_F_SSE, "bits 63:0" }, \
    { "xmm" #n "_1", "vector", MEMBER(v[n].q[1], n >= 8), NULL, X86_F_SSE, "bits 127:64" }, \
    { "ymm" #n "_2", "vector", MEMBER(v[n].q[2], n >= 8), NULL, X86_F_AVX, "bits 191:128" }, \
    { "ymm" #n "_3", "vector", MEMBER(v[n].q[3], n >= 8), NULL, X86_F_AVX, "bits 255:192" }
static const struct row rows[] = {
    SEG(X86_ES, "es"), SEG(X86_CS, "cs"), SEG(X86_SS, "ss"), SEG(X86_DS, "ds"), SEG(X86_FS, "fs"), SEG(X86_GS, "gs"),
    SEG(X86_LDTR, "ldtr"), SEG(X86_TR, "tr"),
    { "gdtr", "segment", M(gdtr.base), NULL, 0, "base of the GDT" }, { "gdtr_limit", "segment", M(gdtr.limit), NULL, 0, "" },
    { "idtr", "segment", M(idtr.base), NULL, 0, "base of the IDT" }, { "idtr_limit", "segment", M(idtr.limit), NULL, 0, "" },
    { "cr0", "control", M(cr0), cr0_fields, 0, "mode" }, { "cr2", "control", M(cr2), NULL, 0, "address of the last page fault" },
    { "cr3", "control", M(cr3), cr3_fields, 0, "page tables" }, { "cr4", "control", M(cr4), cr4_fields, 0, "extensions" },
    { "cr8", "control", 0, 0, 64, OTHER_CR8, 0, NULL, X86_F_LM, "task priority" },
    { "efer", "control", M(efer), efer_fields, X86_F_MSR, "extended features" },
    { "xcr0", "control", M(xcr0), xcr0_fields, X86_F_XSAVE, "what XSAVE saves" },
    { "cpl", "control", M(cpl), NULL, 0, "current privilege level" },
    { "pkru", "control", M(pkru), NULL, X86_F_PKU, "rights by protection key" },
    DR(0), DR(1), DR(2), DR(3), { "dr6", "debug", M(dr[6]), dr6_fields, X86_F_386, "what was hit" },
    { "dr7", "debug", M(dr[7]), dr7_fields, X86_F_386, "breakpoints" },
    MSR("star", star, X86_F_SYSCALL, "SYSCALL: selectors"), MSR("lstar", lstar, X86_F_LM, "SYSCALL: target"),
    MSR("cstar", cstar, X86_F_LM, "SYSCALL from compatibility mode: target"),
    MSR("sfmask", sfmask, X86_F_SYSCALL, "SYSCALL: flags cleared"),
    MSR("kernel_gs_base", kernel_gs_base, X86_F_LM, "what SWAPGS exchanges"),
    MSR("sysenter_cs", sysenter_cs, X86_F_SEP, "SYSENTER: selector"), MSR("sysenter_esp", sysenter_esp, X86_F_SEP, "SYSENTER: stack"),
    MSR("sysenter_eip", sysenter_eip, X86_F_SEP, "SYSENTER: target"), MSR("pat", pat, X86_F_PAT, "memory types by page"),
    MSR("tsc_aux", tsc_aux, X86_F_RDTSCP, "what RDTSCP tells"), MSR("tsc_offset", tsc_offset, X86_F_TSC, "added to the time"),
    MSR("misc_enable", misc_enable, X86_F_686, "features"), MSR("mtrr_def_type", mtrr_def_type, X86_F_MTRR, "memory type of the rest"),
    MSR("debugctl", debugctl, X86_F_686, "debugging"), MSR("smbase", smbase, X86_F_586, "base of SMRAM"),
    MSR("spec_ctrl", spec_ctrl, X86_F_LM, ""), MSR("xss", xss, X86_F_XSAVES, "what XSAVES saves besides"),
    { "apic_base", "msr", 0, 0, 64, OTHER_APIC_BASE, 0, NULL, X86_F_APIC, "where the local APIC is" },
    { "fctrl", "x87", M(fpu.cw), NULL, X86_F_FPU, "control word" }, { "fstat", "x87", M(fpu.sw), fsw_fields, X86_F_FPU, "status word" },
    { "ftag", "x87", M(fpu.valid), NULL, X86_F_FPU, "bit n: physical register n is in use" },
    { "fop", "x87", M(fpu.fop), NULL, X86_F_FPU, "last opcode" }, { "fip", "x87", M(fpu.fip), NULL, X86_F_FPU, "last instruction" },
    { "fdp", "x87", M(fpu.fdp), NULL, X86_F_FPU, "last operand" },
    ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
    { "mxcsr", "vector", M(mxcsr), mxcsr_fields, X86_F_SSE, "SSE control and status" },
    V(0), V(1), V(2), V(3), V(4), V(5), V(6), V(7), V(8), V(9), V(10), V(11), V(12), V(13), V(14), V(15),
};
enum { REG_RIP = 16, REG_RFLAGS = 17, REG_ROWS = 32 }; /* numbers */

static const char *const names64[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                       "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags" };
static const char *const names32[] = { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi",
                                       "", "", "", "", "", "", "", "", "eip", "eflags" };

static const struct cpu_reg *make_regs(struct x86 *c)
{
    struct cpu_reg *r = ARENA_ARRAY(c->engine->arena, struct cpu_reg, REG_RFLAGS + 2 + ARRAY_LEN(rows));
    bool wide = x86_has_feature(&c->config, X86_F_LM);
    size_t n = 0;
    for (unsigned k = 0; k <= REG_RFLAGS; k++) {
        if (!wide && k >= 8 && k < REG_RIP)
            continue;
        r[n++] = (struct cpu_reg){
            .name = wide ? names64[k] : names32[k], .group = "general", .bits = wide ? 64 : 32, .number = k,
            .fields = k == REG_RFLAGS ? rflags_fields : NULL,
            .doc = k == REG_RFLAGS ? "flags" : k == REG_RIP ? "offset of the next instruction in CS" : "general register",
        };
    }
    for (unsigned k = 0; k < ARRAY_LEN(rows); k++) {
        const struct row *row = &rows[k];
        if ((row->needs && !x86_has_feature(&c->config, (enum x86_feature)row->needs)) || (!wide && !row->other && row->index))
            continue;
        r[n++] = (struct cpu_reg){ .name = row->name, .group = row->group, .bits = row->bits, .number = REG_ROWS + k,
                                   .fields = row->fields, .doc = row->doc };
    }
    return r;
}

static const struct cpu_reg *regs(const struct cpu *cpu)
{
    struct x86 *c = (struct x86 *)(uintptr_t)cpu; /* the list is made when first asked for; not state */
    if (!c->engine->regs)
        c->engine->regs = make_regs(c);
    return c->engine->regs;
}

static u64 attributes(const struct x86_seg *s)
{
    return s->type | (u64)s->s << 4 | (u64)s->dpl << 5 | (u64)s->present << 7 | (u64)s->avl << 12 | (u64)s->l << 13 |
           (u64)s->db << 14 | (u64)s->g << 15 | (u64)s->valid << 16;
}

static void set_attributes(struct x86_seg *s, u64 v)
{
    s->type = v & 15;
    s->s = v >> 4 & 1;
    s->dpl = v >> 5 & 3;
    s->present = v >> 7 & 1;
    s->avl = v >> 12 & 1;
    s->l = v >> 13 & 1;
    s->db = v >> 14 & 1;
    s->g = v >> 15 & 1;
    s->valid = v >> 16 & 1;
}

static bool reg_get(const struct cpu *cpu, const struct cpu_reg *r, u64 *value)
{
    const struct x86 *c = (const struct x86 *)cpu;
    const struct x86_apic *apic = &c->board.apic;
    if (r->number < REG_ROWS) {
        u64 v = r->number == REG_RIP ? c->rip : r->number == REG_RFLAGS ? c->engine->running ? x86_flags(c) : c->rflags
                                                                        : c->r[r->number];
        *value = r->bits == 64 ? v : (u32)v;
        return true;
    }
    const struct row *row = &rows[r->number - REG_ROWS];
    switch (row->other) {
    case 0: break;
    case OTHER_ATTR: *value = attributes(&c->seg[row->index]); return true;
    case OTHER_CR8: *value = apic->get_tpr ? apic->get_tpr(apic->opaque) : 0; return true;
    default: *value = apic->base ? apic->base(apic->opaque) : 0; return true;
    }
    const u8 *at = (const u8 *)c + row->at;
    switch (row->size) {
    case 1: *value = *at; break;
    case 2: { u16 v; memcpy(&v, at, 2); *value = v; break; }
    case 4: { u32 v; memcpy(&v, at, 4); *value = v; break; }
    default: memcpy(value, at, 8); break;
    }
    return true;
}

/* What is derived from the state is made anew. */
static void forget(struct x86 *c)
{
    x86_mode_changed(c);
    x86_tlb_flush(c);
    x86_flush_translations(c);
    x86_look_again(c);
}

static void set_pc(struct cpu *cpu, u64 pc)
{
    struct x86 *c = x86_of(cpu);
    c->rip = c->code_bits == 64 ? pc : (u32)pc;
    cpu->amid = false;
}

static bool reg_set(struct cpu *cpu, const struct cpu_reg *r, u64 value)
{
    struct x86 *c = x86_of(cpu);
    if (r->number < REG_ROWS) {
        if (r->bits == 32)
            value = (u32)value;
        if (r->number == REG_RIP)
            set_pc(cpu, value);
        else if (r->number == REG_RFLAGS)
            x86_set_flags(c, (value & 0x3f7fd5) | 2);
        else
            c->r[r->number] = value;
        if (r->number == REG_RFLAGS)
            forget(c);
        return true;
    }
    const struct row *row = &rows[r->number - REG_ROWS];
    if (row->other == OTHER_ATTR)
        set_attributes(&c->seg[row->index], value);
    else if (row->other == OTHER_CR8 && c->board.apic.set_tpr && value < 16)
        c->board.apic.set_tpr(c->board.apic.opaque, (u8)value);
    else if (row->other)
        return false;
    u8 *at = (u8 *)c + row->at;
    switch (row->size) {
    case 0: break;
    case 1: *at = (u8)value; break;
    case 2: { u16 v = (u16)value; memcpy(at, &v, 2); break; }
    case 4: { u32 v = (u32)value; memcpy(at, &v, 4); break; }
    default: memcpy(at, &value, 8); break;
    }
    c->cpl &= 3;
    forget(c);
    return true;
}

static u64 get_pc(const struct cpu *c) { return ((const struct x86 *)c)->rip; }
static u64 linear_pc(const struct cpu *cpu)
{
    const struct x86 *c = (const struct x86 *)cpu;
    return c->code_bits == 64 ? c->rip : (u32)(c->seg[X86_CS].base + c->rip);
}

static const char *privilege_name(const struct cpu *cpu)
{
    static const char *const ring[] = { "CPL0", "CPL1", "CPL2", "CPL3" };
    const struct x86 *c = (const struct x86 *)cpu;
    return c->smm ? "SMM" : !x86_protected(c) ? "real" : x86_v86(c) ? "v86" : ring[c->cpl & 3];
}

unsigned x86_disasm(const struct cpu *cpu, u64 pc, const u8 *bytes, size_t n, char *out, size_t out_len)
{
    const struct x86 *c = (const struct x86 *)cpu;
    return x86_disasm_with(c->engine->decoder, c->code_bits, x86_real_or_v86(c), pc, bytes, n, out, out_len);
}

/* --- reset ------------------------------------------------------------------------------------------------------------ */

/* pc 0: the vector the architecture has. */
static void reset(struct cpu *cpu, u64 pc)
{
    struct x86 *c = x86_of(cpu);
    x86_reset_state(c);
    c->intr = false;
    c->a20 = true;
    cpu->idle = c->activity != X86_RUNNING;
    cpu->skip_stop_at = CLOCK_NEVER;
    if (pc)
        c->rip = pc;
    forget(c);
}

/* --- control ------------------------------------------------------------------------------------------------------------ */

static void set_irq(struct cpu *cpu, u32 line, bool level)
{
    struct x86 *c = x86_of(cpu);
    switch (line) {
    case X86_LINE_INTR: c->intr = level; break;
    case X86_LINE_NMI: c->nmi_pending |= level; break;
    case X86_LINE_SMI: c->smi_pending |= level; break;
    case X86_LINE_A20:
        c->a20 = level;
        x86_flush_translations(c);
        break;
    default: break;
    }
    x86_look_again(c);
}

static bool has_work(const struct cpu *cpu)
{
    const struct x86 *c = (const struct x86 *)cpu;
    return c->activity == X86_RUNNING || x86_wakes(c);
}

static void stops_changed(struct cpu *cpu)
{
    struct x86 *c = x86_of(cpu);
    cpu_watch_reach(cpu);
    c->engine->restop = true;
    x86_tlb_flush(c);
    x86_look_again(c);
}

static void state_loaded(struct cpu *cpu)
{
    struct x86 *c = x86_of(cpu);
    memset(c->r + X86_NONE, 0, sizeof c->r - X86_NONE * sizeof c->r[0]);
    c->cpl &= 3;
    c->shadow &= X86_SHADOW_STI | X86_SHADOW_SS;
    if (c->activity > X86_SHUTDOWN)
        c->activity = X86_SHUTDOWN;
    for (unsigned n = 0; n < X86_SEGS; n++) {
        c->seg[n].type &= 15;
        c->seg[n].dpl &= 3;
    }
    x86_set_flags(c, c->rflags);
    c->cpu.idle = c->activity != X86_RUNNING;
    c->n_story = 0; /* what was told is of another life */
    c->lost = false;
    c->zeros = c->zeros_end = 0;
    memset(c->wrote, 0, sizeof c->wrote);
    memset(&c->again, 0, sizeof c->again);
    cpu_pages_flush(&c->engine->pages);
    forget(c);
}

static void describe(const struct cpu *cpu, struct buf *out)
{
    const struct x86_engine *e = ((const struct x86 *)cpu)->engine;
    buf_printf(out, "blocks built %llu, block cache %llu of %llu KiB used, emptied %llu times, code pages rewritten %llu\n",
               (unsigned long long)e->count.blocks, (unsigned long long)(e->pages.used >> 10),
               (unsigned long long)(e->pages.size >> 10), (unsigned long long)e->pages.count.flushes,
               (unsigned long long)e->pages.count.dropped);
    buf_printf(out, "code pages dropped for stop points %llu\n", (unsigned long long)e->pages.count.stopped);
    buf_printf(out, "TLB fills %llu, flushes %llu, page-table entries in use rewritten %llu, address spaces entered %llu\n",
               (unsigned long long)e->count.tlb_fills, (unsigned long long)e->count.tlb_flushes,
               (unsigned long long)e->count.tlb_drops, (unsigned long long)e->count.spaces);
    if (e->tier)
        e->tier->describe(e->tier, out);
}

/* --- state -------------------------------------------------------------------------------------------------------------- */

#define H(member) STATE(struct x86, member)
#define HA(member) STATE_ARRAY(struct x86, member)
#define HSEG(n)                                                                                                        \
    H(seg[n].selector), H(seg[n].valid), H(seg[n].type), H(seg[n].s), H(seg[n].dpl), H(seg[n].present), H(seg[n].avl), \
        H(seg[n].l), H(seg[n].db), H(seg[n].g), H(seg[n].limit), H(seg[n].base)
#define HST(n) H(fpu.st[n].m), H(fpu.st[n].se)
static const struct state_field state[] = {
    { "retired", offsetof(struct x86, cpu.retired), 8, 1, false },
    { "idle", offsetof(struct x86, cpu.idle), sizeof(bool), 1, true },
    { "amid", offsetof(struct x86, cpu.amid), sizeof(bool), 1, true },
    H(wait_left),
    { "r", offsetof(struct x86, r), 8, 16, false },
    H(rip), H(rflags),
    HSEG(0), HSEG(1), HSEG(2), HSEG(3), HSEG(4), HSEG(5), HSEG(6), HSEG(7),
    H(gdtr.base), H(gdtr.limit), H(idtr.base), H(idtr.limit),
    H(cr0), H(cr2), H(cr3), H(cr4), H(xcr0), HA(dr), H(pkru), H(cpl), H(activity), H(shadow), H(nmi_blocked),
    H(nmi_pending), H(smi_pending), H(init_pending), H(intr), H(db_pending), H(a20), H(smm), H(smbase),
    H(efer), H(star), H(lstar), H(cstar), H(sfmask), H(kernel_gs_base), H(sysenter_cs), H(sysenter_esp), H(sysenter_eip),
    H(pat), H(tsc_aux), H(misc_enable), H(tsc_offset), H(mtrr_def_type), HA(mtrr_base), HA(mtrr_mask), HA(mtrr_fixed),
    H(mcg_status), H(debugctl), H(spec_ctrl), H(xss), H(bios_sign_id), HA(pdpte), H(monitor_addr), H(monitor_value), H(rng),
    H(fpu.cw), H(fpu.sw), H(fpu.valid), H(fpu.fop), H(fpu.fcs), H(fpu.fds), H(fpu.fip), H(fpu.fdp),
    HST(0), HST(1), HST(2), HST(3), HST(4), HST(5), HST(6), HST(7),
    H(mxcsr), { "v", offsetof(struct x86, v), 8, 64, false },
    STATE_END,
};

#define OPS(isa_)                                                                                                     \
    { .isa = isa_, .reset = reset, .run = x86_run, .set_irq = set_irq, .has_work = has_work, .stuck = x86_stuck,      \
      .stops_changed = stops_changed, .get_pc = get_pc, .set_pc = set_pc, .linear_pc = linear_pc, .regs = regs, .reg_get = reg_get,           \
      .reg_set = reg_set, .privilege_name = privilege_name, .walk = x86_walk, .disasm = x86_disasm, .state = state,   \
      .state_loaded = state_loaded, .describe = describe }
static const struct cpu_ops ops64 = OPS("x86_64"), ops32 = OPS("i386");

struct cpu *x86_new(struct arena *a, const struct x86_config *config, unsigned index, struct space *mem,
                    struct clock *clock, struct event_bus *bus, const struct x86_board *board, struct err *e)
{
    struct x86 *c = ARENA_NEW(a, struct x86);
    struct x86_engine *eng = ARENA_NEW(a, struct x86_engine);
    c->cpu = (struct cpu){ .ops = x86_has_feature(config, X86_F_LM) ? &ops64 : &ops32, .name = arena_printf(a, "cpu%u", index),
                           .index = index, .mem = mem, .clock = clock, .bus = bus, .skip_stop_at = CLOCK_NEVER };
    c->config = *config;
    c->board = *board;
    c->engine = eng;
    eng->c = c;
    eng->arena = a;
    eng->decoder = x86_decoder_new(a, &c->config);
    eng->ctx = xcalloc(X86_CTX_COUNT, sizeof *eng->ctx);
    arena_defer(a, free, eng->ctx);
    x86_tlb_init(eng);
    x86_blocks_init(eng);
    reset(&c->cpu, 0);
    return &c->cpu;
}
