/* CPU models and their properties: what -cpu understands, and the ISA string for device trees. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "cpu/riscv/riscv.h"

/* Every extension, in the order the ISA string wants (volume I, "ISA Extension Naming Conventions"): single letters,
 * then Z by the category letter that follows, then S. `needs`: it means nothing without all of these. */
static const struct ext_row {
    const char *name;
    u8 ext;
    bool in_isa; /* part of the string; S and U are privilege modes, not extensions */
    u64 needs;
    const char *doc;
} exts[] = {
    { "i", RV_I, true, 0, "base integer instructions" },
    { "m", RV_M, true, 0, "multiply and divide" },
    { "a", RV_A, true, 0, "atomics" },
    { "f", RV_F, true, RV_EXT(RV_ZICSR), "single-precision floating point" },
    { "d", RV_D, true, RV_EXT(RV_F), "double-precision floating point" },
    { "c", RV_C, true, 0, "compressed instructions" },
    { "s", RV_S, false, RV_EXT(RV_U) | RV_EXT(RV_ZICSR), "supervisor mode" },
    { "u", RV_U, false, RV_EXT(RV_ZICSR), "user mode" },
    { "zicbom", RV_ZICBOM, true, 0, "cache-block management" },
    { "zicbop", RV_ZICBOP, true, 0, "cache-block prefetch" },
    { "zicboz", RV_ZICBOZ, true, 0, "cache-block zero" },
    { "zicntr", RV_ZICNTR, true, RV_EXT(RV_ZICSR), "cycle, time and instret" },
    { "zicond", RV_ZICOND, true, 0, "integer conditional operations" },
    { "zicsr", RV_ZICSR, true, 0, "CSR instructions" },
    { "zifencei", RV_ZIFENCEI, true, 0, "instruction-fetch fence" },
    { "zihintpause", RV_ZIHINTPAUSE, true, 0, "pause hint" },
    { "zihpm", RV_ZIHPM, true, RV_EXT(RV_ZICSR), "hpmcounter3 to 31" },
    { "zawrs", RV_ZAWRS, true, RV_EXT(RV_A), "wait on reservation set" },
    { "zfh", RV_ZFH, true, RV_EXT(RV_F) | RV_EXT(RV_ZFHMIN), "half-precision floating point" },
    { "zfhmin", RV_ZFHMIN, true, RV_EXT(RV_F), "half-precision loads, stores and conversions" },
    { "zba", RV_ZBA, true, 0, "address generation" },
    { "zbb", RV_ZBB, true, 0, "basic bit manipulation" },
    { "zbc", RV_ZBC, true, 0, "carry-less multiplication" },
    { "zbs", RV_ZBS, true, 0, "single-bit operations" },
    { "smstateen", RV_SMSTATEEN, true, RV_EXT(RV_U), "state enables" },
    { "sstc", RV_SSTC, true, RV_EXT(RV_S), "supervisor timer compare" },
    { "svadu", RV_SVADU, true, RV_EXT(RV_S), "menvcfg.ADUE chooses whether hardware sets A and D" },
    { "svinval", RV_SVINVAL, true, RV_EXT(RV_S), "fine-grained TLB invalidation" },
    { "svnapot", RV_SVNAPOT, true, RV_EXT(RV_S), "64 KiB translations" },
    { "svpbmt", RV_SVPBMT, true, RV_EXT(RV_S), "page-based memory types" },
};

/* Extensions of QEMU's models that we do not have: turning them off is fine. */
static const char *const absent[] = { "h", "v", "e", "j", "zve32f", "zve64f", "zve64d", "zfinx", "zdinx", "zhinx",
                                      "zhinxmin", "zbkb", "zbkc", "zbkx", "zk", "zkn", "zknd", "zkne", "zknh", "zkr",
                                      "zks", "zksed", "zksh", "zkt", "zmmul", "smaia", "ssaia", "sscofpmf", "epmp",
                                      "smepmp", "zca", "zcb", "zcd", "zce", "zcf", "zcmp", "zcmt" };

#define B(e) RV_EXT(RV_##e)
#define IMAC (B(I) | B(M) | B(A) | B(C))
#define BASE_Z (B(ZICSR) | B(ZIFENCEI))
#define FULL                                                                                                       \
    (IMAC | B(F) | B(D) | B(S) | B(U) | BASE_Z | B(ZICNTR) | B(ZIHPM) | B(ZBA) | B(ZBB) | B(ZBC) | B(ZBS) |        \
     B(ZICOND) | B(ZICBOM) | B(ZICBOP) | B(ZICBOZ) | B(ZFH) | B(ZFHMIN) | B(ZIHINTPAUSE) | B(ZAWRS) | B(SSTC) |    \
     B(SVINVAL) | B(SVADU))
#define FULL64 (FULL | B(SVNAPOT) | B(SVPBMT)) /* both are parts of 64-bit page tables */

/* hw_ad of rv32, rv64 and max is on at reset, as in QEMU 7.2: kernels that never set A and D themselves (xv6) must
 * run on the default model without firmware that knows menvcfg. The SiFive parts fault (U54 manual, "Sv39"). They
 * have 8 PMP entries; 16 is the nearest number the architecture now allows, and the upper 8 stay off. */
static const struct model {
    const char *name;
    u8 xlen;
    u64 ext;
    u8 sv_max, pmp;
    bool hw_ad;
    const char *doc;
} models[] = {
    { "rv32", 32, FULL, 32, 16, true, "all that is implemented, RV32, Sv32" },
    { "rv64", 64, FULL64, 57, 16, true, "all that is implemented, RV64, Sv57" },
    { "max", 32, FULL | B(SMSTATEEN), 32, 64, true, "rv32 with Smstateen and 64 PMP entries" },
    { "max", 64, FULL64 | B(SMSTATEEN), 57, 64, true, "rv64 with Smstateen and 64 PMP entries" },
    { "rv32i", 32, B(I) | B(ZICSR), 0, 0, false, "RV32I and CSRs, M-mode only; add what you need" },
    { "rv64i", 64, B(I) | B(ZICSR), 0, 0, false, "RV64I and CSRs, M-mode only; add what you need" },
    { "sifive-e31", 32, IMAC | B(U) | BASE_Z | B(ZICNTR) | B(ZIHPM), 0, 16, false, "SiFive E31: RV32IMAC, M and U" },
    { "sifive-u34", 32, IMAC | B(F) | B(D) | B(S) | B(U) | BASE_Z | B(ZICNTR) | B(ZIHPM), 32, 16, false,
      "SiFive U34: RV32GC, Sv32" },
    { "sifive-e51", 64, IMAC | B(U) | BASE_Z | B(ZICNTR) | B(ZIHPM), 0, 16, false, "SiFive E51: RV64IMAC, M and U" },
    { "sifive-u54", 64, IMAC | B(F) | B(D) | B(S) | B(U) | BASE_Z | B(ZICNTR) | B(ZIHPM), 39, 16, false,
      "SiFive U54: RV64GC, Sv39" },
};

/* Properties that are no extension. */
static const struct {
    const char *name, *doc;
} others[] = {
    { "svade", "A=0 and D=0 fault (off: hardware sets them, from reset on)" },
    { "mmu", "paging at all" },
    { "sv32", "Sv32 (RV32)" },
    { "sv39", "Sv39 is the largest mode (RV64)" },
    { "sv48", "Sv48 is the largest mode" },
    { "sv57", "Sv57 is the largest mode" },
    { "pmp", "physical memory protection: off, on (16 entries), 16 or 64" },
};

const char *riscv_ext_name(enum riscv_ext e)
{
    for (size_t i = 0; i < ARRAY_LEN(exts); i++)
        if (exts[i].ext == e)
            return exts[i].name;
    return "?";
}

static bool on_off(const char *name, const char *value, bool *on, struct err *e)
{
    static const char *const words[2][4] = { { "off", "false", "no", "0" }, { "on", "true", "yes", "1" } };
    for (unsigned v = 0; v < 2; v++)
        for (unsigned i = 0; i < 4; i++)
            if (!strcasecmp(value, words[v][i])) {
                *on = v;
                return true;
            }
    return err_set(e, "CPU property '%s' is on or off, not '%s'", name, value);
}

/* What the properties said, before it is put together. */
struct request {
    u64 on, off;
    unsigned sv_on, sv_off; /* the largest mode asked for, the smallest refused */
    bool mmu_off;
};

static bool unknown_property(const char *name, struct err *e)
{
    const char *best = NULL;
    unsigned score = 0;
    char lower[32];
    size_t n = strnlen(name, sizeof lower - 1);
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    lower[n] = 0;
    for (size_t i = 0; i < ARRAY_LEN(exts); i++)
        suggest(lower, exts[i].name, &best, &score);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        suggest(lower, others[i].name, &best, &score);
    if (best)
        return err_set(e, "a RISC-V CPU has no property '%s'; did you mean '%s'?", name, best);
    return err_set(e, "a RISC-V CPU has no property '%s'; -cpu ? lists them", name);
}

static bool property(const char *name, const char *value, struct riscv_config *c, struct request *r, struct err *e)
{
    bool on;
    if (!strcasecmp(name, "pmp")) {
        if (!strcmp(value, "16") || !strcmp(value, "64")) {
            c->pmp = (unsigned)strtoul(value, NULL, 10);
            return true;
        }
        if (!on_off(name, value, &on, NULL))
            return err_set(e, "CPU property 'pmp' is off, on, 16 or 64, not '%s'", value);
        c->pmp = on ? (c->pmp ? c->pmp : 16) : 0;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(exts); i++)
        if (!strcasecmp(name, exts[i].name)) {
            if (!on_off(name, value, &on, e))
                return false;
            if (exts[i].ext == RV_I && !on)
                return err_set(e, "CPU property 'i' cannot be off: every model has the base instructions");
            *(on ? &r->on : &r->off) |= RV_EXT(exts[i].ext);
            *(on ? &r->off : &r->on) &= ~RV_EXT(exts[i].ext);
            return true;
        }
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        if (!strcasecmp(name, absent[i])) {
            if (!on_off(name, value, &on, e))
                return false;
            return !on || err_set(e, "extension '%s' is not implemented; leave it off", name);
        }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (strcasecmp(name, others[i].name))
            continue;
        if (!on_off(name, value, &on, e))
            return false;
        if (!strcasecmp(name, "svade")) {
            c->hw_ad = !on;
        } else if (!strcasecmp(name, "mmu")) {
            r->mmu_off = !on;
        } else { /* svNN */
            unsigned sv = (unsigned)strtoul(others[i].name + 2, NULL, 10);
            if (on && (sv == 32) != (c->xlen == 32))
                return err_set(e, "Sv%u is not a mode of RV%u", sv, c->xlen);
            if (on && sv > r->sv_on)
                r->sv_on = sv;
            if (!on && (!r->sv_off || sv < r->sv_off))
                r->sv_off = sv;
        }
        return true;
    }
    return unknown_property(name, e);
}

static unsigned sv_below(unsigned sv)
{
    return sv > 48 ? 48 : sv > 39 ? 39 : 0;
}

static bool put_together(const struct request *r, struct riscv_config *c, struct err *e)
{
    c->ext = (c->ext | r->on) & ~r->off;
    if (c->ext & RV_EXT(RV_ZFH) & r->on && !(r->off & RV_EXT(RV_ZFHMIN)))
        c->ext |= RV_EXT(RV_ZFHMIN);
    /* What was turned off takes along what the model built on it, but never silently what was asked for. */
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < ARRAY_LEN(exts); i++) {
            u64 bit = RV_EXT(exts[i].ext), missing = exts[i].needs & ~c->ext;
            if (!(c->ext & bit) || !missing)
                continue;
            if (r->on & bit) {
                const char *need = riscv_ext_name((enum riscv_ext)__builtin_ctzll(missing));
                return err_set(e, "CPU property '%s=on' needs '%s': add %s=on", exts[i].name, need, need);
            }
            c->ext &= ~bit;
            again = true;
        }
    }
    bool s = c->ext & RV_EXT(RV_S);
    if (r->sv_on && r->sv_off && r->sv_off < r->sv_on)
        return err_set(e, "sv%u=off contradicts sv%u=on: a larger mode brings the smaller ones", r->sv_off, r->sv_on);
    if (r->sv_on && (r->mmu_off || !s))
        return err_set(e, "CPU property 'sv%u=on' needs %s", r->sv_on, s ? "mmu=on" : "supervisor mode: add s=on,u=on");
    if (r->sv_on)
        c->sv_max = r->sv_on;
    if (r->sv_off && c->sv_max >= r->sv_off)
        c->sv_max = sv_below(r->sv_off);
    if (r->mmu_off || !s)
        c->sv_max = 0;
    const u64 wide = RV_EXT(RV_SVNAPOT) | RV_EXT(RV_SVPBMT);
    if (c->sv_max < 39) {
        if (r->on & wide)
            return err_set(e, "CPU property '%s=on' needs Sv39",
                           riscv_ext_name((enum riscv_ext)__builtin_ctzll(r->on & wide)));
        c->ext &= ~wide;
    }
    return true;
}

bool riscv_config_parse(const char *text, unsigned xlen, struct riscv_config *out, struct err *e)
{
    char name[64];
    size_t n = strcspn(text, ",");
    if (n >= sizeof name)
        return err_set(e, "no RISC-V CPU has so long a name: '%.64s...'; -cpu ? lists them", text);
    memcpy(name, text, n);
    name[n] = 0;

    const struct model *model = NULL, *other = NULL;
    const char *best = NULL;
    unsigned score = 0;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        if (!strcmp(models[i].name, name))
            *(models[i].xlen == xlen ? &model : &other) = &models[i];
        if (models[i].xlen == xlen)
            suggest(name, models[i].name, &best, &score);
    }
    if (!model && other)
        return err_set(e, "CPU model '%s' is RV%u and this is orrery-system-riscv%u; use orrery-system-riscv%u", name,
                       (unsigned)other->xlen, xlen, (unsigned)other->xlen);
    if (!model)
        return best ? err_set(e, "unknown CPU model '%s'; did you mean '%s'? -cpu ? lists them", name, best)
                    : err_set(e, "unknown CPU model '%s'; -cpu ? lists them", name);

    struct riscv_config c = { .xlen = xlen, .ext = model->ext, .sv_max = model->sv_max, .pmp = model->pmp,
                              .hw_ad = model->hw_ad };
    snprintf(c.model, sizeof c.model, "%s", model->name);
    struct request r = { 0 };
    for (const char *p = text + n; *p;) {
        char item[64];
        p++; /* the comma */
        n = strcspn(p, ",");
        if (n >= sizeof item)
            return err_set(e, "CPU property '%.63s...' is too long to be one; -cpu ? lists them", p);
        memcpy(item, p, n);
        item[n] = 0;
        p += n;
        char *equals = strchr(item, '=');
        if (!equals)
            return *item ? err_set(e, "CPU property '%s' needs a value: %s=on or %s=off", item, item, item)
                         : err_set(e, "there is an empty property in the CPU option '%.200s'", text);
        *equals = 0;
        if (!property(item, equals + 1, &c, &r, e))
            return false;
    }
    if (!put_together(&r, &c, e))
        return false;
    *out = c;
    return true;
}

void riscv_config_list(struct buf *out, unsigned xlen)
{
    buf_printf(out, "CPU models:\n");
    for (size_t i = 0; i < ARRAY_LEN(models); i++)
        if (models[i].xlen == xlen)
            buf_printf(out, "  %-12s %s\n", models[i].name, models[i].doc);
    buf_printf(out, "Properties (-cpu MODEL,NAME=on,NAME=off,...):\n");
    for (size_t i = 0; i < ARRAY_LEN(exts); i++)
        buf_printf(out, "  %-12s %s\n", exts[i].name, exts[i].doc);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        buf_printf(out, "  %-12s %s\n", others[i].name, others[i].doc);
}

/* svade stands where the alphabet wants it: said when A and D can fault. With svadu as well, that is how it resets.
 * With neither, hardware always sets them, which is what an absent svade and svadu allow. */
void riscv_config_isa(const struct riscv_config *c, struct buf *out)
{
    buf_printf(out, "rv%u", c->xlen);
    for (size_t i = 0; i < ARRAY_LEN(exts); i++) {
        if (exts[i].ext == RV_SVADU && (c->ext & RV_EXT(RV_S)) && c->sv_max && !c->hw_ad)
            buf_printf(out, "_svade");
        if ((c->ext & RV_EXT(exts[i].ext)) && exts[i].in_isa)
            buf_printf(out, "%s%s", exts[i].name[1] ? "_" : "", exts[i].name);
    }
}
