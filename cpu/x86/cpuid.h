/* Features as CPUID shows them, and as -cpu names them. */
#ifndef CPU_X86_CPUID_H
#define CPU_X86_CPUID_H

#include "cpu/x86/config.h"

enum { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };
struct x86_feature_row { /* by enum x86_feature; generations have none */
    const char *name;
    u32 leaf;
    u8 subleaf, reg, bit;
    u8 needs[3]; /* features; 0: none */
    const char *doc;
};
extern const struct x86_feature_row x86_features[X86_F_COUNT];

#endif
