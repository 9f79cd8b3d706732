/* Address translation: Sv32, Sv39, Sv48, Sv57, with Svnapot, Svpbmt, Svadu or Svade (Privileged, 10.3 to 10.6 and
 * chapters 11 to 13). One walker serves the CPU and people: with a struct cpu_walk it tells and changes nothing. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cpu/riscv/priv.h"
#include "cpu/riscv/riscv.h"

#define PTE_V BIT64(0)
#define PTE_R BIT64(1)
#define PTE_W BIT64(2)
#define PTE_X BIT64(3)
#define PTE_U BIT64(4)
#define PTE_A BIT64(6)
#define PTE_D BIT64(7)
#define PTE_RESERVED ((u64)0x7f << 54)
#define PTE_PBMT ((u64)3 << 61)
#define PTE_N BIT64(63)
#define PTE_PPN_SHIFT 10

/* What the modes differ in. Bits of the virtual address above `width` must equal its top bit. */
struct sv {
    const char *name;
    u8 levels, vpn_bits, pte_bytes, ppn_bits, width;
};

static const struct sv sv32 = { "Sv32", 2, 10, 4, 22, 32 };
static const struct sv sv39_57[] = {
    { "Sv39", 3, 9, 8, 44, 39 },
    { "Sv48", 4, 9, 8, 44, 48 },
    { "Sv57", 5, 9, 8, 44, 57 },
};

/* NULL: no translation. */
static const struct sv *sv_of(const struct hart *h, unsigned priv)
{
    if (priv == PRIV_M)
        return NULL;
    if (h->config.xlen == 32)
        return h->satp >> 31 & 1 ? &sv32 : NULL;
    unsigned mode = (unsigned)(h->satp >> 60) - SATP_SV39;
    return mode < ARRAY_LEN(sv39_57) ? &sv39_57[mode] : NULL;
}

bool riscv_updates_ad(const struct hart *h)
{
    return riscv_has(h, RV_SVADU) ? (h->menvcfg & ENVCFG_ADUE) != 0 : h->config.hw_ad;
}

unsigned riscv_data_priv(const struct hart *h)
{
    return h->mstatus & MSTATUS_MPRV ? (unsigned)bits_get(h->mstatus, MSTATUS_MPP_SHIFT, 2) : h->priv;
}

static u8 page_fault(enum cpu_access access)
{
    return access & CPU_EXEC ? CAUSE_FETCH_PAGE : access & CPU_WRITE ? CAUSE_STORE_PAGE : CAUSE_LOAD_PAGE;
}

static u8 access_fault(enum cpu_access access)
{
    return access & CPU_EXEC ? CAUSE_FETCH_ACCESS : access & CPU_WRITE ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS;
}

__attribute__((format(printf, 2, 3))) static void tell(struct cpu_walk *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
}

static void tell_level(struct cpu_walk *w, int level, u64 pte_addr, u64 pte)
{
    static const char flags[] = "VRWXUGAD";
    static const char *const pbmt[] = { "", " PBMT=NC", " PBMT=IO", " PBMT=3" };
    unsigned n = w->n_levels;
    if (n == ARRAY_LEN(w->level))
        return;
    w->n_levels++;
    w->level[n].level = (u8)level;
    w->level[n].pte_addr = pte_addr;
    w->level[n].pte = pte;
    char text[9] = "--------";
    for (unsigned i = 0; i < 8; i++)
        if (pte >> i & 1)
            text[i] = flags[i];
    snprintf(w->level[n].text, sizeof w->level[n].text, "%s PPN=0x%llx%s%s", text,
             (unsigned long long)bits_get(pte, PTE_PPN_SHIFT, 44), pte & PTE_N ? " N" : "",
             pbmt[bits_get(pte, 61, 2)]);
}

/* Page tables are only looked for in RAM and ROM. */
static struct region *table_region(const struct hart *h, u64 pa, unsigned bytes)
{
    struct region *r = space_find(h->cpu.mem, pa);
    return r && r->read_direct && r->size - (pa - r->base) >= bytes ? r : NULL;
}

#define HEX(v) ((unsigned long long)(v))
#define FAULT(cause_, ...)          \
    do {                            \
        out->cause = (cause_);      \
        if (w)                      \
            tell(w, __VA_ARGS__);   \
        return;                     \
    } while (0)

/* The algorithm of 10.3.2, in its order. */
static inline __attribute__((always_inline)) void translate(struct hart *h, u64 va, unsigned size,
                                                            enum cpu_access access, unsigned priv,
                                                            struct riscv_xlat *out, struct cpu_walk *w)
{
    out->cause = CAUSE_NONE;
    out->cacheable = false;
    out->dirty = true;
    out->n_ptes = 0;
    if (h->config.xlen == 32)
        va = (u32)va;
    out->pa = va;
    const struct sv *sv = sv_of(h, priv);
    if (w)
        snprintf(w->mode, sizeof w->mode, "%s", sv ? sv->name : "bare");
    bool whole_page = true;
    if (!sv)
        goto translated;

    if (sv->width < 64 && h->config.xlen == 64 && (u64)sign_extend(va, sv->width) != va)
        FAULT(page_fault(access), "0x%llx is no %s address: bits 63 to %u differ from bit %u", HEX(va), sv->name,
              (unsigned)sv->width, sv->width - 1u);

    u64 table = bits_get(h->satp, 0, sv->ppn_bits) << PAGE_SHIFT;
    for (int level = sv->levels - 1;; level--) {
        unsigned shift = PAGE_SHIFT + (unsigned)level * sv->vpn_bits;
        u64 pte_addr = table + bits_get(va, shift, sv->vpn_bits) * sv->pte_bytes;
        bool whole_table;
        if (!riscv_pmp_allows(h, pte_addr, sv->pte_bytes, CPU_READ, PRIV_S, &whole_table))
            FAULT(access_fault(access), "level %d PTE at 0x%llx: PMP forbids reading it", level, HEX(pte_addr));
        struct region *r = table_region(h, pte_addr, sv->pte_bytes);
        if (!r)
            FAULT(access_fault(access), "level %d PTE at 0x%llx: there is no RAM", level, HEX(pte_addr));
        u64 at = r->ram_offset + (pte_addr - r->base);
        out->pte[out->n_ptes].ram = r->ram;
        out->pte[out->n_ptes].at = at;
        out->pte[out->n_ptes++].shift = (u8)shift;
        u64 pte = load_le(r->ram->host + at, sv->pte_bytes);
        if (w)
            tell_level(w, level, pte_addr, pte);
#define PTE_FAULT(fmt, ...)                                                                                     \
    FAULT(page_fault(access), "level %d PTE at 0x%llx is 0x%llx: " fmt, level, HEX(pte_addr), HEX(pte), ##__VA_ARGS__)

        if (!(pte & PTE_V))
            PTE_FAULT("V=0, not valid");
        if ((pte & (PTE_R | PTE_W)) == PTE_W)
            PTE_FAULT("W=1 and R=0 is reserved");
        if (sv->pte_bytes == 8) {
            if (pte & PTE_RESERVED)
                PTE_FAULT("reserved bits 60 to 54 are not zero");
            if ((pte & PTE_PBMT) && !(riscv_has(h, RV_SVPBMT) && (h->menvcfg & ENVCFG_PBMTE)))
                PTE_FAULT("PBMT is reserved without Svpbmt and menvcfg.PBMTE");
            if ((pte & PTE_PBMT) == PTE_PBMT)
                PTE_FAULT("PBMT=3 is reserved");
            if ((pte & PTE_N) && !riscv_has(h, RV_SVNAPOT))
                PTE_FAULT("N is reserved without Svnapot");
        }

        u64 ppn = bits_get(pte, PTE_PPN_SHIFT, sv->ppn_bits);
        if (!(pte & (PTE_R | PTE_X))) { /* a pointer to the next table */
            if (!level)
                PTE_FAULT("a pointer to a table at the last level");
            if (pte & (PTE_D | PTE_A | PTE_U))
                PTE_FAULT("D, A and U are reserved in a pointer to a table");
            if (sv->pte_bytes == 8 && (pte & (PTE_N | PTE_PBMT)))
                PTE_FAULT("N and PBMT are reserved in a pointer to a table");
            table = ppn << PAGE_SHIFT;
            continue;
        }

        if (priv == PRIV_U && !(pte & PTE_U))
            PTE_FAULT("U=0, not for U-mode");
        if (priv == PRIV_S && (pte & PTE_U) && (access & CPU_EXEC))
            PTE_FAULT("U=1, S-mode never executes user pages");
        if (priv == PRIV_S && (pte & PTE_U) && !(h->mstatus & MSTATUS_SUM))
            PTE_FAULT("U=1 and mstatus.SUM=0, not for S-mode");
        if ((access & CPU_EXEC) && !(pte & PTE_X))
            PTE_FAULT("X=0, not executable");
        if ((access & CPU_WRITE) && !(pte & PTE_W))
            PTE_FAULT("W=0, not writable");
        if ((access & CPU_READ) && !(pte & PTE_R) && !((pte & PTE_X) && (h->mstatus & MSTATUS_MXR)))
            PTE_FAULT("R=0, not readable");

        unsigned napot = 0;
        if (sv->pte_bytes == 8 && (pte & PTE_N)) {
            if (level || (ppn & 15) != 8) /* only 64 KiB is defined (chapter 11) */
                PTE_FAULT("N=1 with a reserved size");
            napot = 4;
        }
        u64 inside = (u64)1 << ((unsigned)level * sv->vpn_bits);
        if (ppn & (inside - 1))
            PTE_FAULT("misaligned superpage");

        u64 want = PTE_A | (access & CPU_WRITE ? PTE_D : 0);
        if ((pte & want) != want) {
            if (!riscv_updates_ad(h))
                PTE_FAULT("%s", pte & PTE_A ? "D=0 and hardware does not set it" : "A=0 and hardware does not set it");
            if (!riscv_pmp_allows(h, pte_addr, sv->pte_bytes, CPU_WRITE, PRIV_S, &whole_table))
                FAULT(access_fault(access), "level %d PTE at 0x%llx: PMP forbids setting A and D", level,
                      HEX(pte_addr));
            if (!r->write_direct)
                FAULT(access_fault(access), "level %d PTE at 0x%llx: A and D cannot be set in ROM", level,
                      HEX(pte_addr));
            pte |= want;
            if (!w) {
                store_le(r->ram->host + at, sv->pte_bytes, pte);
                ram_written_by_walk(r->ram, at, sv->pte_bytes);
            }
        }
        out->dirty = pte & PTE_D;
        out->pte_bytes = sv->pte_bytes;
        out->width = sv->width;

        u64 offset_bits = shift + napot;
        u64 base = (ppn << PAGE_SHIFT) & ~(((u64)1 << offset_bits) - 1);
        out->pa = base | bits_get(va, 0, (unsigned)offset_bits);
        break;
    }

translated:
    if (!riscv_pmp_allows(h, out->pa, size, access, priv, &whole_page))
        FAULT(access_fault(access), "PMP forbids the access to physical 0x%llx", HEX(out->pa));
    out->cacheable = whole_page;
}

void riscv_translate(struct hart *h, u64 va, unsigned size, enum cpu_access access, unsigned priv,
                     struct riscv_xlat *out)
{
    translate(h, va, size, access, priv, out, NULL);
}

void riscv_walk(struct cpu *c, u64 va, enum cpu_access access, struct cpu_walk *w)
{
    struct hart *h = hart_of(c);
    struct riscv_xlat x;
    *w = (struct cpu_walk){ .va = va };
    bool user = access & CPU_USER;
    access &= ~(unsigned)CPU_USER;
    translate(h, va, 1, access, user ? PRIV_U : access & CPU_EXEC ? h->priv : riscv_data_priv(h), &x, w);
    w->pa = x.pa;
    if (x.cause == CAUSE_NONE && !space_find(c->mem, x.pa)) {
        x.cause = access_fault(access);
        tell(w, "nothing answers at physical 0x%llx", HEX(x.pa));
    }
    w->ok = x.cause == CAUSE_NONE;
    w->fault = w->ok ? NULL : riscv_cause_name(x.cause, false);
}
