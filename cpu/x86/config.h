/* CPU models by name and what they have. config.c has the models and CPUID. */
#ifndef CPU_X86_CONFIG_H
#define CPU_X86_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/types.h"

/* What an instruction or a bit of state may need: generations first (each includes those before), then features that CPUID
 * names. Names as in `-cpu MODEL,NAME=on|off` are in config.c. */
enum x86_feature {
    X86_F_8086, X86_F_186, X86_F_286, X86_F_386, X86_F_486, X86_F_586, X86_F_686,
    X86_F_FPU, X86_F_VME, X86_F_DE, X86_F_PSE, X86_F_TSC, X86_F_MSR, X86_F_PAE, X86_F_MCE, X86_F_CX8, X86_F_APIC, X86_F_SEP,
    X86_F_MTRR, X86_F_PGE, X86_F_MCA, X86_F_CMOV, X86_F_PAT, X86_F_PSE36, X86_F_CLFSH, X86_F_MMX, X86_F_FXSR, X86_F_SSE,
    X86_F_SSE2, X86_F_HTT,
    X86_F_SSE3, X86_F_PCLMUL, X86_F_MONITOR, X86_F_SSSE3, X86_F_FMA, X86_F_CX16, X86_F_PCID, X86_F_SSE41, X86_F_SSE42,
    X86_F_X2APIC, X86_F_MOVBE, X86_F_POPCNT, X86_F_TSC_DEADLINE, X86_F_AES, X86_F_XSAVE, X86_F_AVX, X86_F_F16C, X86_F_RDRAND,
    X86_F_HYPERVISOR,
    X86_F_SYSCALL, X86_F_NX, X86_F_FFXSR, X86_F_PDPE1GB, X86_F_RDTSCP, X86_F_LM, X86_F_LAHF64, X86_F_LZCNT, X86_F_PREFETCHW,
    X86_F_FSGSBASE, X86_F_BMI1, X86_F_AVX2, X86_F_SMEP, X86_F_BMI2, X86_F_ERMS, X86_F_INVPCID, X86_F_RDSEED, X86_F_ADX,
    X86_F_SMAP, X86_F_CLFLUSHOPT, X86_F_CLWB, X86_F_SHA, X86_F_UMIP, X86_F_PKU, X86_F_LA57, X86_F_RDPID, X86_F_VAES,
    X86_F_VPCLMUL, X86_F_XSAVEOPT, X86_F_XSAVEC, X86_F_XGETBV1, X86_F_XSAVES,
    X86_F_COUNT
};

struct x86_config {
    char model[32];
    u64 features[(X86_F_COUNT + 63) / 64]; /* one bit each */
    char vendor[13], brand[49];
    u32 signature; /* CPUID 1.EAX: family, model, stepping */
    u32 max_leaf, max_ext_leaf;
    u8 phys_bits, linear_bits;
    u32 tsc_khz, bus_khz;
    u8 cpus, apic_id;
};
static inline bool x86_has_feature(const struct x86_config *c, enum x86_feature f)
{
    return c->features[f / 64] >> (f % 64) & 1;
}

/* "qemu64", "486", "x86-64-v3,avx2=off,family=6": unknown names are errors that name the nearest. wide: the program has
 * 64-bit models (orrery-system-x86_64). */
bool x86_config_parse(const char *text, bool wide, struct x86_config *out, struct err *e);
void x86_config_list(struct buf *out, bool wide); /* for -cpu ? */
const char *x86_feature_name(enum x86_feature f);

struct x86_cpuid_in { /* state that CPUID shows */
    u64 cr4, xcr0;
    bool apic_on;
    u32 apic_id;
};
void x86_cpuid(const struct x86_config *c, const struct x86_cpuid_in *in, u32 leaf, u32 subleaf, u32 out[4]);

#endif
