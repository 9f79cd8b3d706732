/* CPUID: SDM 2, CPUID; leaf 8000_0005h and 8000_0006h as in APM 3, E.4. */
#include <string.h>

#include "cpu/x86/cpuid.h"

u64 x86_xcr0_mask(const struct x86_config *c)
{
    u64 mask = x86_has_feature(c, X86_F_XSAVE) ? 3 : 0;
    if (x86_has_feature(c, X86_F_AVX))
        mask |= 4;
    if (x86_has_feature(c, X86_F_PKU))
        mask |= (u64)1 << 9;
    return mask;
}

static u32 text32(const char *s) { return (u32)load_le(s, 4); }

static void features(const struct x86_config *c, u32 leaf, u32 subleaf, u32 out[4])
{
    for (unsigned f = X86_F_FPU; f < X86_F_COUNT; f++) {
        const struct x86_feature_row *r = &x86_features[f];
        if (r->name && r->leaf == leaf && r->subleaf == subleaf && x86_has_feature(c, (enum x86_feature)f))
            out[r->reg] |= 1u << r->bit;
    }
}

/* Deterministic cache parameters: 32 KiB + 32 KiB of 8 ways, 2 MiB of 16 ways, lines of 64 bytes, none shared. */
static void caches(const struct x86_config *c, u32 subleaf, u32 out[4])
{
    static const struct {
        u8 type, level, ways;
        u16 sets;
    } cache[] = { { 1, 1, 8, 64 }, { 2, 1, 8, 64 }, { 3, 2, 16, 2048 } };
    if (subleaf >= ARRAY_LEN(cache))
        return;
    out[CPUID_EAX] = cache[subleaf].type | cache[subleaf].level << 5 | 1 << 8 | (c->cpus - 1u) << 26;
    out[CPUID_EBX] = 63 | (cache[subleaf].ways - 1u) << 22;
    out[CPUID_ECX] = cache[subleaf].sets - 1u;
}

static unsigned bits_for(unsigned n) { return n <= 1 ? 0 : 32 - (unsigned)__builtin_clz(n - 1); }

static void topology(const struct x86_config *c, const struct x86_cpuid_in *in, u32 subleaf, u32 out[4])
{
    out[CPUID_ECX] = subleaf & 255;
    out[CPUID_EDX] = in->apic_id;
    if (subleaf == 0) { /* one thread in each core */
        out[CPUID_EBX] = 1;
        out[CPUID_ECX] |= 1 << 8;
    } else if (subleaf == 1) {
        out[CPUID_EAX] = bits_for(c->cpus);
        out[CPUID_EBX] = c->cpus;
        out[CPUID_ECX] |= 2 << 8;
    }
}

static void xsave(const struct x86_config *c, const struct x86_cpuid_in *in, u32 subleaf, u32 out[4])
{
    static const struct {
        u8 bit;
        u16 size, at;
    } part[] = { { 2, 256, X86_XSAVE_AVX }, { 9, 8, X86_XSAVE_PKRU } };
    u64 mask = x86_xcr0_mask(c);
    u32 now = X86_XSAVE_LEGACY + X86_XSAVE_HEADER, all = now, compact = now;
    for (size_t k = 0; k < ARRAY_LEN(part); k++) {
        if (mask >> part[k].bit & 1)
            all = part[k].at + part[k].size;
        if (in->xcr0 >> part[k].bit & 1) {
            now = part[k].at + part[k].size;
            compact += part[k].size;
        }
        if (subleaf == part[k].bit && (mask >> part[k].bit & 1)) {
            out[CPUID_EAX] = part[k].size;
            out[CPUID_EBX] = part[k].at;
        }
    }
    if (subleaf == 0) {
        out[CPUID_EAX] = (u32)mask;
        out[CPUID_EBX] = now;
        out[CPUID_ECX] = all;
        out[CPUID_EDX] = (u32)(mask >> 32);
    } else if (subleaf == 1 && x86_has_feature(c, X86_F_XSAVEC)) {
        out[CPUID_EBX] = compact;
    }
}

static u32 gcd(u32 a, u32 b) { return b ? gcd(b, a % b) : a; }

static void basic(const struct x86_config *c, const struct x86_cpuid_in *in, u32 leaf, u32 subleaf, u32 out[4])
{
    switch (leaf) {
    case 0:
        out[CPUID_EAX] = c->max_leaf;
        out[CPUID_EBX] = text32(c->vendor);
        out[CPUID_EDX] = text32(c->vendor + 4);
        out[CPUID_ECX] = text32(c->vendor + 8);
        break;
    case 1:
        out[CPUID_EAX] = c->signature;
        out[CPUID_EBX] = (u32)c->cpus << 16 | (in->apic_id & 255) << 24;
        if (x86_has_feature(c, X86_F_CLFSH))
            out[CPUID_EBX] |= 8 << 8; /* lines of 8 quadwords */
        if (c->cpus > 1)
            out[CPUID_EDX] |= 1u << 28;
        if (x86_has_feature(c, X86_F_XSAVE) && (in->cr4 >> 18 & 1))
            out[CPUID_ECX] |= 1u << 27; /* OSXSAVE */
        if (!in->apic_on)
            out[CPUID_EDX] &= ~(1u << 9);
        break;
    case 2: /* descriptors: TLBs, 16 KiB + 16 KiB, 256 KiB (a Coppermine), or "look into leaf 4" where there is one */
        out[CPUID_EAX] = c->max_leaf >= 4 ? 0x00feff01 : 0x03020101;
        out[CPUID_EDX] = c->max_leaf >= 4 ? 0 : 0x0c040882;
        break;
    case 4: caches(c, subleaf, out); break;
    case 5:
        if (x86_has_feature(c, X86_F_MONITOR)) {
            out[CPUID_EAX] = out[CPUID_EBX] = 64;
            out[CPUID_ECX] = 3; /* interrupts end MWAIT even when disabled, if asked to */
        }
        break;
    case 7:
        if (subleaf)
            memset(out, 0, 4 * sizeof *out);
        else if (x86_has_feature(c, X86_F_PKU) && (in->cr4 >> 22 & 1))
            out[CPUID_ECX] |= 1u << 4; /* OSPKE */
        break;
    case 0xb: topology(c, in, subleaf, out); break;
    case 0xd:
        if (x86_has_feature(c, X86_F_XSAVE))
            xsave(c, in, subleaf, out);
        break;
    case 0x15: /* TSC = crystal * EBX / EAX; the crystal is the clock of the APIC timer */
        if (x86_has_feature(c, X86_F_TSC) && c->bus_khz && c->tsc_khz) {
            u32 g = gcd(c->tsc_khz, c->bus_khz);
            out[CPUID_EAX] = c->bus_khz / g;
            out[CPUID_EBX] = c->tsc_khz / g;
            out[CPUID_ECX] = c->bus_khz * 1000;
        }
        break;
    case 0x16:
        out[CPUID_EAX] = out[CPUID_EBX] = c->tsc_khz / 1000;
        out[CPUID_ECX] = c->bus_khz / 1000;
        break;
    }
}

static void extended(const struct x86_config *c, u32 leaf, u32 out[4])
{
    switch (leaf) {
    case 0x80000000: out[CPUID_EAX] = c->max_ext_leaf; break;
    case 0x80000001: break;
    case 0x80000002: case 0x80000003: case 0x80000004:
        for (unsigned k = 0; k < 4; k++) {
            char part[4] = { 0 };
            memcpy(part, c->brand + 16 * (leaf - 0x80000002) + 4 * k, 4);
            out[k] = text32(part);
        }
        break;
    case 0x80000006: out[CPUID_ECX] = 64 | 8 << 12 | 2048u << 16; break; /* the second cache: 16 ways, 2 MiB */
    case 0x80000008: out[CPUID_EAX] = c->phys_bits | (u32)c->linear_bits << 8; break;
    }
}

void x86_cpuid(const struct x86_config *c, const struct x86_cpuid_in *in, u32 leaf, u32 subleaf, u32 out[4])
{
    memset(out, 0, 4 * sizeof *out);
    bool high = leaf >> 31;
    /* Beyond the last leaf Intel's processors answer as for the last basic one (SDM 2, CPUID). */
    if (high ? leaf > c->max_ext_leaf : leaf > c->max_leaf) {
        leaf = c->max_leaf;
        high = false;
    }
    features(c, leaf, leaf == 0xd ? subleaf : 0, out);
    if (high)
        extended(c, leaf, out);
    else
        basic(c, in, leaf, subleaf, out);
}
