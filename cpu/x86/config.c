/* CPU models and their properties: what -cpu understands. cpuid.c shows a model to its guest. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "cpu/x86/cpuid.h"


/* Names as QEMU and Linux have them. `needs`: it means nothing without these. A feature with a leaf is shown there. */
const struct x86_feature_row x86_features[X86_F_COUNT] = {
    [X86_F_FPU] = { "fpu", 1, 0, CPUID_EDX, 0, {}, "x87 floating point" },
    [X86_F_VME] = { "vme", 1, 0, CPUID_EDX, 1, {}, "virtual-8086 mode extensions" },
    [X86_F_DE] = { "de", 1, 0, CPUID_EDX, 2, {}, "I/O breakpoints" },
    [X86_F_PSE] = { "pse", 1, 0, CPUID_EDX, 3, {}, "4 MiB pages" },
    [X86_F_TSC] = { "tsc", 1, 0, CPUID_EDX, 4, {}, "RDTSC" },
    [X86_F_MSR] = { "msr", 1, 0, CPUID_EDX, 5, {}, "RDMSR and WRMSR" },
    [X86_F_PAE] = { "pae", 1, 0, CPUID_EDX, 6, {}, "page tables with 64-bit entries" },
    [X86_F_MCE] = { "mce", 1, 0, CPUID_EDX, 7, {}, "machine check exception" },
    [X86_F_CX8] = { "cx8", 1, 0, CPUID_EDX, 8, {}, "CMPXCHG8B" },
    [X86_F_APIC] = { "apic", 1, 0, CPUID_EDX, 9, { X86_F_MSR }, "local APIC" },
    [X86_F_SEP] = { "sep", 1, 0, CPUID_EDX, 11, { X86_F_MSR }, "SYSENTER and SYSEXIT" },
    [X86_F_MTRR] = { "mtrr", 1, 0, CPUID_EDX, 12, { X86_F_MSR }, "memory type range registers" },
    [X86_F_PGE] = { "pge", 1, 0, CPUID_EDX, 13, {}, "global pages" },
    [X86_F_MCA] = { "mca", 1, 0, CPUID_EDX, 14, { X86_F_MCE }, "machine check architecture" },
    [X86_F_CMOV] = { "cmov", 1, 0, CPUID_EDX, 15, {}, "CMOVcc" },
    [X86_F_PAT] = { "pat", 1, 0, CPUID_EDX, 16, { X86_F_MSR }, "page attribute table" },
    [X86_F_PSE36] = { "pse36", 1, 0, CPUID_EDX, 17, { X86_F_PSE }, "4 MiB pages above 4 GiB" },
    [X86_F_CLFSH] = { "clflush", 1, 0, CPUID_EDX, 19, {}, "CLFLUSH" },
    [X86_F_MMX] = { "mmx", 1, 0, CPUID_EDX, 23, { X86_F_FPU }, "MMX" },
    [X86_F_FXSR] = { "fxsr", 1, 0, CPUID_EDX, 24, { X86_F_FPU }, "FXSAVE and FXRSTOR" },
    [X86_F_SSE] = { "sse", 1, 0, CPUID_EDX, 25, { X86_F_FXSR, X86_F_MMX }, "SSE" },
    [X86_F_SSE2] = { "sse2", 1, 0, CPUID_EDX, 26, { X86_F_SSE }, "SSE2" },
    [X86_F_HTT] = { "ht", 1, 0, CPUID_EDX, 28, {}, "more than one logical processor (shown by itself)" },
    [X86_F_SSE3] = { "sse3", 1, 0, CPUID_ECX, 0, { X86_F_SSE2 }, "SSE3" },
    [X86_F_PCLMUL] = { "pclmulqdq", 1, 0, CPUID_ECX, 1, { X86_F_SSE2 }, "PCLMULQDQ" },
    [X86_F_MONITOR] = { "monitor", 1, 0, CPUID_ECX, 3, {}, "MONITOR and MWAIT" },
    [X86_F_SSSE3] = { "ssse3", 1, 0, CPUID_ECX, 9, { X86_F_SSE3 }, "SSSE3" },
    [X86_F_FMA] = { "fma", 1, 0, CPUID_ECX, 12, { X86_F_AVX }, "FMA" },
    [X86_F_CX16] = { "cx16", 1, 0, CPUID_ECX, 13, { X86_F_LM }, "CMPXCHG16B" },
    [X86_F_PCID] = { "pcid", 1, 0, CPUID_ECX, 17, { X86_F_LM }, "process-context identifiers" },
    [X86_F_SSE41] = { "sse4.1", 1, 0, CPUID_ECX, 19, { X86_F_SSSE3 }, "SSE4.1" },
    [X86_F_SSE42] = { "sse4.2", 1, 0, CPUID_ECX, 20, { X86_F_SSE41 }, "SSE4.2" },
    [X86_F_X2APIC] = { "x2apic", 1, 0, CPUID_ECX, 21, { X86_F_APIC }, "x2APIC" },
    [X86_F_MOVBE] = { "movbe", 1, 0, CPUID_ECX, 22, {}, "MOVBE" },
    [X86_F_POPCNT] = { "popcnt", 1, 0, CPUID_ECX, 23, {}, "POPCNT" },
    [X86_F_TSC_DEADLINE] = { "tsc-deadline", 1, 0, CPUID_ECX, 24, { X86_F_APIC, X86_F_TSC }, "APIC timer by TSC" },
    [X86_F_AES] = { "aes", 1, 0, CPUID_ECX, 25, { X86_F_SSE2 }, "AES instructions" },
    [X86_F_XSAVE] = { "xsave", 1, 0, CPUID_ECX, 26, { X86_F_FXSR }, "XSAVE and XRSTOR" },
    [X86_F_AVX] = { "avx", 1, 0, CPUID_ECX, 28, { X86_F_XSAVE, X86_F_SSE42 }, "AVX" },
    [X86_F_F16C] = { "f16c", 1, 0, CPUID_ECX, 29, { X86_F_AVX }, "conversions of half precision" },
    [X86_F_RDRAND] = { "rdrand", 1, 0, CPUID_ECX, 30, {}, "RDRAND" },
    [X86_F_HYPERVISOR] = { "hypervisor", 1, 0, CPUID_ECX, 31, {}, "says that this is not hardware" },
    [X86_F_SYSCALL] = { "syscall", 0x80000001, 0, CPUID_EDX, 11, { X86_F_MSR }, "SYSCALL and SYSRET" },
    [X86_F_NX] = { "nx", 0x80000001, 0, CPUID_EDX, 20, { X86_F_PAE }, "pages that cannot be executed" },
    [X86_F_FFXSR] = { "fxsr-opt", 0x80000001, 0, CPUID_EDX, 25, { X86_F_FXSR }, "fast FXSAVE (AMD)" },
    [X86_F_PDPE1GB] = { "pdpe1gb", 0x80000001, 0, CPUID_EDX, 26, { X86_F_LM }, "1 GiB pages" },
    [X86_F_RDTSCP] = { "rdtscp", 0x80000001, 0, CPUID_EDX, 27, { X86_F_TSC }, "RDTSCP" },
    [X86_F_LM] = { "lm", 0x80000001, 0, CPUID_EDX, 29, { X86_F_PAE, X86_F_SSE2, X86_F_SYSCALL }, "64-bit mode" },
    [X86_F_LAHF64] = { "lahf-lm", 0x80000001, 0, CPUID_ECX, 0, { X86_F_LM }, "LAHF and SAHF in 64-bit mode" },
    [X86_F_LZCNT] = { "abm", 0x80000001, 0, CPUID_ECX, 5, {}, "LZCNT" },
    [X86_F_PREFETCHW] = { "3dnowprefetch", 0x80000001, 0, CPUID_ECX, 8, {}, "PREFETCHW" },
    [X86_F_FSGSBASE] = { "fsgsbase", 7, 0, CPUID_EBX, 0, { X86_F_LM }, "RDFSBASE and its like" },
    [X86_F_BMI1] = { "bmi1", 7, 0, CPUID_EBX, 3, {}, "bit manipulation 1" },
    [X86_F_AVX2] = { "avx2", 7, 0, CPUID_EBX, 5, { X86_F_AVX }, "AVX2" },
    [X86_F_SMEP] = { "smep", 7, 0, CPUID_EBX, 7, {}, "the kernel cannot execute user pages" },
    [X86_F_BMI2] = { "bmi2", 7, 0, CPUID_EBX, 8, {}, "bit manipulation 2" },
    [X86_F_ERMS] = { "erms", 7, 0, CPUID_EBX, 9, {}, "fast REP MOVSB and STOSB" },
    [X86_F_INVPCID] = { "invpcid", 7, 0, CPUID_EBX, 10, {}, "INVPCID" },
    [X86_F_RDSEED] = { "rdseed", 7, 0, CPUID_EBX, 18, {}, "RDSEED" },
    [X86_F_ADX] = { "adx", 7, 0, CPUID_EBX, 19, {}, "ADCX and ADOX" },
    [X86_F_SMAP] = { "smap", 7, 0, CPUID_EBX, 20, {}, "the kernel cannot read user pages" },
    [X86_F_CLFLUSHOPT] = { "clflushopt", 7, 0, CPUID_EBX, 23, {}, "CLFLUSHOPT" },
    [X86_F_CLWB] = { "clwb", 7, 0, CPUID_EBX, 24, {}, "CLWB" },
    [X86_F_SHA] = { "sha-ni", 7, 0, CPUID_EBX, 29, { X86_F_SSE2 }, "SHA instructions" },
    [X86_F_UMIP] = { "umip", 7, 0, CPUID_ECX, 2, {}, "SGDT and its like only for the kernel" },
    [X86_F_PKU] = { "pku", 7, 0, CPUID_ECX, 3, { X86_F_LM, X86_F_XSAVE }, "protection keys of user pages" },
    [X86_F_VAES] = { "vaes", 7, 0, CPUID_ECX, 9, { X86_F_AVX, X86_F_AES }, "AES on 256 bits" },
    [X86_F_VPCLMUL] = { "vpclmulqdq", 7, 0, CPUID_ECX, 10, { X86_F_AVX, X86_F_PCLMUL }, "PCLMULQDQ on 256 bits" },
    [X86_F_LA57] = { "la57", 7, 0, CPUID_ECX, 16, { X86_F_LM }, "5 levels of page tables" },
    [X86_F_RDPID] = { "rdpid", 7, 0, CPUID_ECX, 22, {}, "RDPID" },
    [X86_F_ARCH_CAPABILITIES] = { "arch-capabilities", 7, 0, CPUID_EDX, 29, { X86_F_MSR },
                                  "says which faults of speculation it does not have (all)" },
    [X86_F_XSAVEOPT] = { "xsaveopt", 0xd, 1, CPUID_EAX, 0, { X86_F_XSAVE }, "XSAVEOPT" },
    [X86_F_XSAVEC] = { "xsavec", 0xd, 1, CPUID_EAX, 1, { X86_F_XSAVE }, "XSAVEC" },
    [X86_F_XGETBV1] = { "xgetbv1", 0xd, 1, CPUID_EAX, 2, { X86_F_XSAVE }, "XGETBV with ECX 1" },
    [X86_F_XSAVES] = { "xsaves", 0xd, 1, CPUID_EAX, 3, { X86_F_XSAVEC }, "XSAVES and XRSTORS" },
    [X86_F_ARAT] = { "arat", 6, 0, CPUID_EAX, 2, { X86_F_APIC }, "the APIC timer always runs" },
    [X86_F_INVARIANT_TSC] = { "invtsc", 0x80000007, 0, CPUID_EDX, 8, { X86_F_TSC }, "the TSC always runs at one rate" },
};

/* Other names of the same. */
static const struct {
    const char *name;
    u8 feature;
} aliases[] = {
    { "clfsh", X86_F_CLFSH }, { "pni", X86_F_SSE3 }, { "sse4_1", X86_F_SSE41 }, { "sse4-1", X86_F_SSE41 },
    { "sse4_2", X86_F_SSE42 }, { "sse4-2", X86_F_SSE42 }, { "lzcnt", X86_F_LZCNT }, { "lahf_lm", X86_F_LAHF64 },
    { "prefetchw", X86_F_PREFETCHW }, { "sha", X86_F_SHA }, { "sha_ni", X86_F_SHA }, { "htt", X86_F_HTT },
    { "tsc_deadline", X86_F_TSC_DEADLINE }, { "fxsr_opt", X86_F_FFXSR }, { "pclmul", X86_F_PCLMUL },
};

/* Each set holds the one before. HTT is not in them: it is shown when there are several CPUs. */
#define F_(f) X86_F_##f
static const u8 set_486[] = { F_(VME), F_(PSE) };
static const u8 set_pentium[] = { F_(DE), F_(TSC), F_(MSR), F_(MCE), F_(CX8), F_(APIC), F_(MMX) };
static const u8 set_pentium2[] = { F_(PAE), F_(SEP), F_(MTRR), F_(PGE), F_(MCA), F_(CMOV), F_(PAT), F_(PSE36), F_(FXSR) };
static const u8 set_pentium3[] = { F_(SSE) };
static const u8 set_qemu32[] = { F_(CLFSH), F_(SSE2), F_(SSE3), F_(ARCH_CAPABILITIES), F_(INVARIANT_TSC), F_(ARAT) };
static const u8 set_qemu64[] = { F_(LM), F_(SYSCALL), F_(NX), F_(LAHF64), F_(CX16) };
static const u8 set_core2[] = { F_(SSSE3), F_(MONITOR) };
static const u8 set_v2[] = { F_(SSSE3), F_(SSE41), F_(SSE42), F_(POPCNT), F_(X2APIC), F_(RDTSCP) };
static const u8 set_v3[] = { F_(XSAVE), F_(AVX), F_(AVX2), F_(BMI1), F_(BMI2), F_(F16C), F_(FMA), F_(LZCNT), F_(MOVBE),
                             F_(TSC_DEADLINE), F_(PREFETCHW) };
static const u8 set_max[] = {
    F_(PCLMUL), F_(MONITOR), F_(PCID), F_(AES), F_(RDRAND), F_(PDPE1GB), F_(FSGSBASE), F_(SMEP), F_(ERMS), F_(INVPCID),
    F_(RDSEED), F_(ADX), F_(SMAP), F_(CLFLUSHOPT), F_(CLWB), F_(SHA), F_(UMIP), F_(PKU), F_(LA57), F_(RDPID), F_(VAES),
    F_(VPCLMUL), F_(XSAVEOPT), F_(XSAVEC), F_(XGETBV1), F_(XSAVES),
};
#define SETS 10
static const struct set {
    const u8 *features;
    size_t n;
} sets[SETS] = {
#define SET(s) { set_##s, sizeof set_##s }
    SET(486), SET(pentium), SET(pentium2), SET(pentium3), SET(qemu32), SET(qemu64), SET(v2), SET(v3), SET(max), SET(core2),
};
enum { S_486 = 1, S_PENTIUM = 3, S_PENTIUM2 = 7, S_PENTIUM3 = 15, S_QEMU32 = 31, S_QEMU64 = 63, S_V2 = 127, S_V3 = 255,
       S_MAX = 511, S_CORE2 = 63 | 512 };

static const struct model {
    const char *name;
    u8 generation;
    u16 sets;
    u8 family, number, stepping;
    u32 max_leaf, max_ext_leaf;
    u8 phys_bits;
    const char *brand, *doc;
} models[] = {
    { "8086", X86_F_8086, 0, 0, 0, 0, 0, 0, 20, "", "8086 with 8087: real mode" },
    { "286", X86_F_286, 0, 2, 0, 0, 0, 0, 24, "", "80286 with 80287: 16-bit protected mode" },
    { "386", X86_F_386, 0, 3, 0, 8, 0, 0, 32, "", "80386 with 80387: 32-bit protected mode, paging" },
    { "486", X86_F_486, S_486, 4, 8, 0, 1, 0, 32, "", "486DX4, with CPUID" },
    { "pentium", X86_F_586, S_PENTIUM, 5, 4, 3, 1, 0, 32, "", "Pentium MMX" },
    { "pentium2", X86_F_686, S_PENTIUM2, 6, 5, 2, 2, 0, 36, "", "Pentium II" },
    { "pentium3", X86_F_686, S_PENTIUM3, 6, 8, 3, 2, 0, 36, "", "Pentium III: SSE" },
    { "qemu32", X86_F_686, S_QEMU32, 6, 15, 11, 0x16, 0x80000008, 36, "Orrery 32-bit CPU",
      "what 32-bit systems need: SSE3, no NX" },
    { "core2duo", X86_F_686, S_CORE2, 6, 15, 11, 0x16, 0x80000008, 36, "Orrery Core 2 class CPU", "Core 2: SSSE3, 64 bits" },
    { "qemu64", X86_F_686, S_QEMU64, 6, 15, 11, 0x16, 0x80000008, 40, "Orrery 64-bit CPU", "64 bits, SSE3: runs everything" },
    { "x86-64-v1", X86_F_686, S_QEMU64, 6, 15, 11, 0x16, 0x80000008, 40, "Orrery x86-64-v1 CPU",
      "the base level of the psABI (the same as qemu64)" },
    { "x86-64-v2", X86_F_686, S_V2, 6, 26, 3, 0x16, 0x80000008, 40, "Orrery x86-64-v2 CPU", "level 2: SSE4.2, POPCNT" },
    { "x86-64-v3", X86_F_686, S_V3, 6, 143, 8, 0x16, 0x80000008, 40, "Orrery x86-64-v3 CPU", "level 3: AVX2, BMI, FMA" },
    { "max", X86_F_686, S_MAX, 6, 143, 8, 0x16, 0x80000008, 46, "Orrery CPU with all features", "all that is implemented" },
};

static const struct {
    const char *name, *doc;
} others[] = {
    { "family", "of CPUID 1" },
    { "model", "of CPUID 1" },
    { "stepping", "of CPUID 1" },
    { "vendor", "12 characters: GenuineIntel" },
    { "model-id", "the name, up to 48 characters" },
    { "phys-bits", "bits of physical addresses: 32 to 52" },
    { "tsc-frequency", "of the TSC, in Hz" },
};

const char *x86_feature_name(enum x86_feature f)
{
    static const char *const generations[] = { "8086", "186", "286", "386", "486", "586", "686" };
    if (f <= X86_F_686)
        return generations[f];
    return f < X86_F_COUNT && x86_features[f].name ? x86_features[f].name : "?";
}

static void set_feature(struct x86_config *c, unsigned f, bool on)
{
    u64 bit = (u64)1 << (f % 64);
    c->features[f / 64] = on ? c->features[f / 64] | bit : c->features[f / 64] & ~bit;
}

static const struct model *find_model(const char *name)
{
    for (size_t k = 0; k < ARRAY_LEN(models); k++)
        if (!strcmp(models[k].name, name))
            return &models[k];
    return NULL;
}

static bool is_wide(const struct model *m) { return m->sets & 1 << 5; }

static u32 signature(unsigned family, unsigned model, unsigned stepping)
{
    unsigned ext_family = family >= 15 ? family - 15 : 0;
    return ext_family << 20 | (model >> 4) << 16 | (family >= 15 ? 15 : family) << 8 | (model & 15) << 4 | stepping;
}

static void from_model(const struct model *m, bool wide, struct x86_config *c)
{
    *c = (struct x86_config){ .signature = signature(m->family, m->number, m->stepping), .max_leaf = m->max_leaf,
                              .max_ext_leaf = m->max_ext_leaf, .phys_bits = m->phys_bits, .tsc_khz = 1000000,
                              .bus_khz = 100000, .cpus = 1 };
    snprintf(c->model, sizeof c->model, "%s", m->name);
    snprintf(c->vendor, sizeof c->vendor, "GenuineIntel");
    snprintf(c->brand, sizeof c->brand, "%s", m->brand);
    for (unsigned g = X86_F_8086; g <= m->generation; g++)
        set_feature(c, g, true);
    set_feature(c, X86_F_FPU, true);
    for (size_t s = 0; s < SETS; s++)
        for (size_t k = 0; k < sets[s].n && (m->sets >> s & 1); k++)
            set_feature(c, sets[s].features[k], true);
    if (!wide)
        set_feature(c, X86_F_LM, false);
}

/* What was turned off takes along what the model built on it, but never silently what was asked for. */
static bool settle(struct x86_config *c, const struct x86_config *asked, struct err *e)
{
    for (bool again = true; again;) {
        again = false;
        for (unsigned f = X86_F_FPU; f < X86_F_COUNT; f++)
            for (unsigned k = 0; k < ARRAY_LEN(x86_features[f].needs); k++) {
                u8 need = x86_features[f].needs[k];
                if (!x86_has_feature(c, (enum x86_feature)f) || !need || x86_has_feature(c, (enum x86_feature)need))
                    continue;
                if (x86_has_feature(asked, (enum x86_feature)f))
                    return err_set(e, "CPU property '%s=on' needs '%s': add %s=on", x86_features[f].name,
                                   x86_feature_name(need), x86_feature_name(need));
                set_feature(c, f, false);
                again = true;
            }
    }
    c->linear_bits = x86_has_feature(c, X86_F_LA57) ? 57 : x86_has_feature(c, X86_F_LM) ? 48 : 32;
    return true;
}

static int feature_named(const char *name)
{
    for (unsigned f = X86_F_FPU; f < X86_F_COUNT; f++)
        if (x86_features[f].name && !strcasecmp(x86_features[f].name, name))
            return (int)f;
    for (size_t k = 0; k < ARRAY_LEN(aliases); k++)
        if (!strcasecmp(aliases[k].name, name))
            return aliases[k].feature;
    return -1;
}

static bool unknown_property(const char *name, struct err *e)
{
    const char *best = NULL;
    unsigned score = 0;
    for (unsigned f = X86_F_FPU; f < X86_F_COUNT; f++)
        if (x86_features[f].name)
            suggest(name, x86_features[f].name, &best, &score);
    for (size_t k = 0; k < ARRAY_LEN(others); k++)
        suggest(name, others[k].name, &best, &score);
    return err_set(e, "an x86 CPU has no property '%s'%s%s%s; -cpu ? lists them", name, DID_YOU_MEAN(best));
}

static bool number(const char *name, const char *value, u64 min, u64 max, u64 *out, struct err *e)
{
    char *end;
    *out = strtoull(value, &end, 0);
    if (!isdigit((unsigned char)*value) || *end || *out < min || *out > max)
        return err_set(e, "CPU property '%s' is a number from %llu to %llu, not '%s'", name, (unsigned long long)min,
                       (unsigned long long)max, value);
    return true;
}

static bool property(const char *name, const char *value, struct x86_config *c, struct x86_config *asked, struct err *e)
{
    int f = feature_named(name);
    if (f >= 0) {
        bool on = !strcasecmp(value, "on") || !strcasecmp(value, "true") || !strcasecmp(value, "yes");
        if (!on && strcasecmp(value, "off") && strcasecmp(value, "false") && strcasecmp(value, "no"))
            return err_set(e, "CPU property '%s' is on or off, not '%s'", name, value);
        set_feature(c, (unsigned)f, on);
        set_feature(asked, (unsigned)f, on);
        return true;
    }
    u64 v, family = (c->signature >> 8 & 15) + (c->signature >> 20 & 255);
    u64 model = (c->signature >> 4 & 15) | (c->signature >> 12 & 0xf0), stepping = c->signature & 15;
    if (!strcasecmp(name, "family")) {
        if (!number(name, value, 0, 255 + 15, &v, e))
            return false;
        c->signature = signature((unsigned)v, (unsigned)model, (unsigned)stepping);
    } else if (!strcasecmp(name, "model")) {
        if (!number(name, value, 0, 255, &v, e))
            return false;
        c->signature = signature((unsigned)family, (unsigned)v, (unsigned)stepping);
    } else if (!strcasecmp(name, "stepping")) {
        if (!number(name, value, 0, 15, &v, e))
            return false;
        c->signature = signature((unsigned)family, (unsigned)model, (unsigned)v);
    } else if (!strcasecmp(name, "phys-bits")) {
        if (!number(name, value, 32, 52, &v, e))
            return false;
        c->phys_bits = (u8)v;
    } else if (!strcasecmp(name, "tsc-frequency")) {
        if (!number(name, value, 1000000, 1000000000000, &v, e))
            return false;
        c->tsc_khz = (u32)(v / 1000);
    } else if (!strcasecmp(name, "vendor")) {
        if (strlen(value) != 12)
            return err_set(e, "CPU property 'vendor' has 12 characters, not %zu", strlen(value));
        memcpy(c->vendor, value, 13);
    } else if (!strcasecmp(name, "model-id")) {
        if (strlen(value) >= sizeof c->brand)
            return err_set(e, "CPU property 'model-id' has up to 48 characters, not %zu", strlen(value));
        snprintf(c->brand, sizeof c->brand, "%s", value);
    } else {
        return unknown_property(name, e);
    }
    return true;
}

static const struct model *choose(const char *name, bool wide, struct err *e)
{
    const struct model *m = find_model(name);
    const char *best = NULL;
    unsigned score = 0;
    if (m && (wide || !is_wide(m) || !strcmp(name, "max")))
        return m;
    if (m) {
        err_set(e, "CPU model '%s' has 64-bit mode and this is orrery-system-i386; use orrery-system-x86_64", name);
        return NULL;
    }
    for (size_t k = 0; k < ARRAY_LEN(models); k++)
        if (wide || !is_wide(&models[k]))
            suggest(name, models[k].name, &best, &score);
    err_set(e, "unknown CPU model '%s'%s%s%s; -cpu ? lists them", name, DID_YOU_MEAN(best));
    return NULL;
}

bool x86_config_parse(const char *text, bool wide, struct x86_config *out, struct err *e)
{
    char item[96];
    size_t n = strcspn(text, ",");
    if (n >= sizeof item)
        return err_set(e, "no x86 CPU has so long a name: '%.64s...'; -cpu ? lists them", text);
    memcpy(item, text, n);
    item[n] = 0;
    const struct model *m = choose(item, wide, e);
    if (!m)
        return false;
    struct x86_config c, asked = { 0 };
    from_model(m, wide, &c);
    for (const char *p = text + n; *p;) {
        p++; /* the comma */
        n = strcspn(p, ",");
        if (n >= sizeof item)
            return err_set(e, "CPU property '%.63s...' is too long to be one; -cpu ? lists them", p);
        memcpy(item, p, n);
        item[n] = 0;
        p += n;
        char *equals = strchr(item, '=');
        const char *value = equals ? equals + 1 : "on", *name = item;
        if (equals)
            *equals = 0;
        else if (*item == '+' || *item == '-') { /* QEMU's older form */
            value = *item == '+' ? "on" : "off";
            name++;
        } else
            return *item ? err_set(e, "CPU property '%s' needs a value: %s=on or %s=off", item, item, item)
                         : err_set(e, "there is an empty property in the CPU option '%.200s'", text);
        if (!property(name, value, &c, &asked, e))
            return false;
    }
    if (!wide && x86_has_feature(&asked, X86_F_LM))
        return err_set(e, "'lm' is 64-bit mode and this is orrery-system-i386; use orrery-system-x86_64");
    if (!settle(&c, &asked, e))
        return false;
    *out = c;
    return true;
}

void x86_config_list(struct buf *out, bool wide)
{
    buf_printf(out, "CPU models:\n");
    for (size_t k = 0; k < ARRAY_LEN(models); k++)
        if (wide || !is_wide(&models[k]) || !strcmp(models[k].name, "max"))
            buf_printf(out, "  %-18s %s\n", models[k].name, models[k].doc);
    buf_printf(out, "Properties (-cpu MODEL,NAME=on,NAME=off,...):\n");
    for (unsigned f = X86_F_FPU; f < X86_F_COUNT; f++)
        if (x86_features[f].name && (wide || f != X86_F_LM))
            buf_printf(out, "  %-18s %s\n", x86_features[f].name, x86_features[f].doc);
    for (size_t k = 0; k < ARRAY_LEN(others); k++)
        buf_printf(out, "  %-18s %s\n", others[k].name, others[k].doc);
}
