/* Model-specific registers (SDM 4, chapter 2; APM 2, appendix A). The APIC's own (1BH, 6E0H, 800H to 8FFH) are the board's. */
#include <string.h>

#include "cpu/x86/msr.h"
#include "cpu/x86/sys.h"

static u64 *field(const struct x86 *c, const struct x86_msr *m) { return (u64 *)((char *)(uintptr_t)c + m->offset); }

/* --- hooks --- */

static bool canonical(struct x86 *c, const struct x86_msr *m, u64 v)
{
    if (has(c, X86_F_LM) && !x86_base_ok(c, v))
        return x86_gp0(c, "WRMSR of an address that is not canonical");
    *field(c, m) = has(c, X86_F_LM) ? v : (u32)v;
    return true;
}

static bool ignored(struct x86 *c, const struct x86_msr *m, u64 v) { return true; }

static u64 read_tsc(const struct x86 *c, const struct x86_msr *m) { return x86_tsc(c); }
static bool write_tsc(struct x86 *c, const struct x86_msr *m, u64 v)
{
    c->tsc_offset += v - x86_tsc(c);
    return true;
}

/* SDM 3, 2.2.1; LMA follows CR0.PG and is not written. */
static bool write_efer(struct x86 *c, const struct x86_msr *m, u64 v)
{
    u64 known = (has(c, X86_F_SYSCALL) ? EFER_SCE : 0) | (has(c, X86_F_LM) ? EFER_LME | EFER_LMA : 0) |
                (has(c, X86_F_NX) ? EFER_NXE : 0) | (has(c, X86_F_FFXSR) ? EFER_FFXSR : 0);
    if (v & ~known)
        return x86_gp0(c, "EFER: bits that this model does not have");
    if (((v ^ c->efer) & EFER_LME) && x86_paging(c))
        return x86_gp0(c, "EFER: LME changed while paging is on");
    c->efer = (v & ~(u64)EFER_LMA) | (c->efer & EFER_LMA);
    x86_flush_translations(c);
    x86_mode_changed(c);
    return true;
}

static bool memory_type(u64 t) { return t == 0 || t == 1 || (t >= 4 && t <= 6); }

static bool write_pat(struct x86 *c, const struct x86_msr *m, u64 v)
{
    for (unsigned n = 0; n < 64; n += 8)
        if (!memory_type(v >> n & 0xff) && (v >> n & 0xff) != 7)
            return x86_gp0(c, "IA32_PAT: a memory type that does not exist");
    c->pat = v;
    return true;
}

static bool write_def_type(struct x86 *c, const struct x86_msr *m, u64 v)
{
    if (!memory_type(v & 0xff))
        return x86_gp0(c, "IA32_MTRR_DEF_TYPE: a memory type that does not exist");
    c->mtrr_def_type = v;
    return true;
}

static bool write_mtrr_base(struct x86 *c, const struct x86_msr *m, u64 v)
{
    if (!memory_type(v & 0xff) || v >> c->config.phys_bits)
        return x86_gp0(c, "IA32_MTRR_PHYSBASE: a memory type that does not exist, or an address too wide");
    *field(c, m) = v;
    return true;
}

static bool write_mtrr_mask(struct x86 *c, const struct x86_msr *m, u64 v)
{
    if (v >> c->config.phys_bits)
        return x86_gp0(c, "IA32_MTRR_PHYSMASK: a mask wider than physical addresses");
    *field(c, m) = v;
    return true;
}

static bool write_mtrr_fixed(struct x86 *c, const struct x86_msr *m, u64 v)
{
    for (unsigned n = 0; n < 64; n += 8)
        if (!memory_type(v >> n & 0xff))
            return x86_gp0(c, "a fixed-range MTRR: a memory type that does not exist");
    *field(c, m) = v;
    return true;
}

static u64 read_seg_base(const struct x86 *c, const struct x86_msr *m)
{
    return c->seg[m->number == 0xC0000100 ? X86_FS : X86_GS].base;
}

static bool write_seg_base(struct x86 *c, const struct x86_msr *m, u64 v)
{
    if (!x86_base_ok(c, v))
        return x86_gp0(c, "FS_BASE or GS_BASE: an address that is not canonical");
    c->seg[m->number == 0xC0000100 ? X86_FS : X86_GS].base = v;
    x86_mode_changed(c);
    return true;
}

static bool write_misc_enable(struct x86 *c, const struct x86_msr *m, u64 v)
{
    c->misc_enable = v;
    return true;
}

static bool write_sign_id(struct x86 *c, const struct x86_msr *m, u64 v)
{
    c->bios_sign_id = 0; /* written 0, then CPUID puts the revision there: none is loaded */
    return true;
}

static u64 read_smbase(const struct x86 *c, const struct x86_msr *m) { return c->smbase; }

/* --- rows --- */

#define ALL ~(u64)0
#define AT(member) offsetof(struct x86, member)
#define MTRR(n)                                                                                                      \
    { 0x200 + 2 * n, X86_F_MTRR, AT(mtrr_base[n]), "IA32_MTRR_PHYSBASE" #n, ALL & ~(u64)0xf00, 0, NULL, write_mtrr_base,  \
      "base and type of a variable range" },                                                                         \
    { 0x201 + 2 * n, X86_F_MTRR, AT(mtrr_mask[n]), "IA32_MTRR_PHYSMASK" #n, ALL & ~(u64)0x7ff, 0, NULL, write_mtrr_mask, \
      "mask and valid bit of a variable range" }
#define FIXED(number, n, text)                                                                                        \
    { number, X86_F_MTRR, AT(mtrr_fixed[n]), "IA32_MTRR_FIX" text, ALL, 0, NULL, write_mtrr_fixed, "types of a fixed range" }

/* Sorted by number. */
static const struct x86_msr rows[] = {
    { 0x000, X86_F_MCE, 0, "IA32_P5_MC_ADDR", 0, 0, NULL, ignored, "address of the last machine check: there are none" },
    { 0x001, X86_F_MCE, 0, "IA32_P5_MC_TYPE", 0, 0, NULL, ignored, "type of the last machine check: there are none" },
    { 0x010, X86_F_TSC, 0, "IA32_TIME_STAMP_COUNTER", ALL, 0, read_tsc, write_tsc, "cycles since reset" },
    { 0x017, X86_F_686, 0, "IA32_PLATFORM_ID", 0, 0, NULL, NULL, "which package" },
    { 0x02A, X86_F_686, 0, "EBL_CR_POWERON", ALL, 0, NULL, ignored, "hard power-on configuration" },
    { 0x079, X86_F_686, 0, "IA32_BIOS_UPDT_TRIG", ALL, 0, NULL, ignored, "loads a microcode update: ignored" },
    { 0x08B, X86_F_686, AT(bios_sign_id), "IA32_BIOS_SIGN_ID", ALL, 0, NULL, write_sign_id, "revision of the microcode" },
    { 0x09E, X86_F_686, 0, "IA32_SMBASE", 0, 0, read_smbase, NULL, "where SMM begins" },
    { 0x0FE, X86_F_MTRR, 0, "IA32_MTRRCAP", 0, 0x508, NULL, NULL, "8 variable ranges, fixed ranges, write combining" },
#ifdef X86_ARCH_CAPABILITIES
    { 0x10A, X86_F_ARCH_CAPABILITIES, 0, "IA32_ARCH_CAPABILITIES", 0, X86_ARCH_CAPABILITIES, NULL, NULL,
      "what the processor is not vulnerable to" },
#endif
    { 0x174, X86_F_SEP, AT(sysenter_cs), "IA32_SYSENTER_CS", ALL, 0, NULL, NULL, "CS of SYSENTER" },
    { 0x175, X86_F_SEP, AT(sysenter_esp), "IA32_SYSENTER_ESP", ALL, 0, NULL, canonical, "RSP of SYSENTER" },
    { 0x176, X86_F_SEP, AT(sysenter_eip), "IA32_SYSENTER_EIP", ALL, 0, NULL, canonical, "RIP of SYSENTER" },
    { 0x179, X86_F_MCA, 0, "IA32_MCG_CAP", 0, 0, NULL, NULL, "machine check: no banks" },
    { 0x17A, X86_F_MCA, AT(mcg_status), "IA32_MCG_STATUS", 7, 0, NULL, NULL, "machine check: status" },
    { 0x1A0, X86_F_686, AT(misc_enable), "IA32_MISC_ENABLE", ALL, 0, NULL, write_misc_enable, "features turned on and off" },
    { 0x1D9, X86_F_686, AT(debugctl), "IA32_DEBUGCTL", 3, 0, NULL, NULL, "BTF; LBR is kept, no branches are recorded" },
    { 0x1DB, X86_F_686, 0, "LASTBRANCHFROMIP", 0, 0, NULL, NULL, "last branch: none is recorded" },
    { 0x1DC, X86_F_686, 0, "LASTBRANCHTOIP", 0, 0, NULL, NULL, "last branch: none is recorded" },
    { 0x1DD, X86_F_686, 0, "LASTINTFROMIP", 0, 0, NULL, NULL, "last interrupt: none is recorded" },
    { 0x1DE, X86_F_686, 0, "LASTINTTOIP", 0, 0, NULL, NULL, "last interrupt: none is recorded" },
    MTRR(0), MTRR(1), MTRR(2), MTRR(3), MTRR(4), MTRR(5), MTRR(6), MTRR(7),
    FIXED(0x250, 0, "64K_00000"), FIXED(0x258, 1, "16K_80000"), FIXED(0x259, 2, "16K_A0000"),
    FIXED(0x268, 3, "4K_C0000"), FIXED(0x269, 4, "4K_C8000"), FIXED(0x26A, 5, "4K_D0000"), FIXED(0x26B, 6, "4K_D8000"),
    FIXED(0x26C, 7, "4K_E0000"), FIXED(0x26D, 8, "4K_E8000"), FIXED(0x26E, 9, "4K_F0000"), FIXED(0x26F, 10, "4K_F8000"),
    { 0x277, X86_F_PAT, AT(pat), "IA32_PAT", ALL, 0, NULL, write_pat, "memory types by page" },
    { 0x2FF, X86_F_MTRR, AT(mtrr_def_type), "IA32_MTRR_DEF_TYPE", 0xcff, 0, NULL, write_def_type, "default type, enables" },
    { 0xDA0, X86_F_XSAVES, AT(xss), "IA32_XSS", 0, 0, NULL, ignored, "supervisor state of XSAVES: none" },
    { 0xC0000080, X86_F_SYSCALL, AT(efer), "EFER", ALL, 0, NULL, write_efer, "extended features: SCE LME LMA NXE" },
    { 0xC0000081, X86_F_SYSCALL, AT(star), "STAR", ALL, 0, NULL, NULL, "selectors of SYSCALL and SYSRET" },
    { 0xC0000082, X86_F_LM, AT(lstar), "LSTAR", ALL, 0, NULL, canonical, "target of SYSCALL" },
    { 0xC0000083, X86_F_LM, AT(cstar), "CSTAR", ALL, 0, NULL, canonical, "target of SYSCALL in compatibility mode" },
    { 0xC0000084, X86_F_LM, AT(sfmask), "SFMASK", 0xffffffff, 0, NULL, NULL, "flags SYSCALL clears" },
    { 0xC0000100, X86_F_LM, 0, "FS_BASE", ALL, 0, read_seg_base, write_seg_base, "base of FS" },
    { 0xC0000101, X86_F_LM, 0, "GS_BASE", ALL, 0, read_seg_base, write_seg_base, "base of GS" },
    { 0xC0000102, X86_F_LM, AT(kernel_gs_base), "KERNEL_GS_BASE", ALL, 0, NULL, canonical, "what SWAPGS exchanges" },
    { 0xC0000103, X86_F_RDTSCP, AT(tsc_aux), "TSC_AUX", 0xffffffff, 0, NULL, NULL, "what RDTSCP and RDPID read" },
    { 0xC0010010, X86_F_LM, 0, "SYSCFG", ALL, 0, NULL, ignored, "AMD: system configuration" },
    { 0xC0010015, X86_F_LM, 0, "HWCR", ALL, 0, NULL, ignored, "AMD: hardware configuration" },
};

const struct x86_msr *x86_msrs(size_t *n)
{
    *n = ARRAY_LEN(rows);
    return rows;
}

const struct x86_msr *x86_msr_row(const struct x86 *c, u32 number)
{
    size_t low = 0, high = ARRAY_LEN(rows);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (rows[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == ARRAY_LEN(rows) || rows[low].number != number || !has(c, rows[low].feature))
        return NULL;
    if (number >> 16 == 0xC001 && strcmp(c->config.vendor, "AuthenticAMD"))
        return NULL;
    return &rows[low];
}

static bool is_apic(u32 n) { return n == 0x1B || n == 0x6E0 || (n >= 0x800 && n <= 0x8FF); }

bool x86_msr_peek(const struct x86 *c, u32 number, u64 *v)
{
    if (is_apic(number))
        return c->board.apic.msr_read && c->board.apic.msr_read(c->board.apic.opaque, number, v);
    const struct x86_msr *m = x86_msr_row(c, number);
    if (!m)
        return false;
    *v = m->read ? m->read(c, m) : m->offset ? *field(c, m) : m->fixed;
    return true;
}

bool x86_msr_read(struct x86 *c, u32 number, u64 *v)
{
    return x86_msr_peek(c, number, v) || x86_gp0(c, "RDMSR of a register that does not exist");
}

bool x86_msr_write(struct x86 *c, u32 number, u64 v)
{
    if (is_apic(number)) {
        bool ok = c->board.apic.msr_write && c->board.apic.msr_write(c->board.apic.opaque, number, v);
        x86_flush_translations(c); /* the page of its registers may have moved */
        x86_look_again(c);
        return ok || x86_gp0(c, "WRMSR of a register of the local APIC that does not exist, or of a value it does not take");
    }
    const struct x86_msr *m = x86_msr_row(c, number);
    if (!m)
        return x86_gp0(c, "WRMSR of a register that does not exist");
    if (!m->mask && !m->write)
        return x86_gp0(c, "WRMSR of a register that can only be read");
    if (v & ~m->mask)
        return x86_gp0(c, "WRMSR with reserved bits set");
    if (m->write)
        return m->write(c, m, v);
    *field(c, m) = v;
    return true;
}
