/* Linear to physical addresses: 32-bit paging with PSE and PSE-36, PAE, 4 and 5 levels (SDM 3, chapter 4). One walker
 * serves the CPU and people: with a struct cpu_walk it tells and changes nothing. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cpu/x86/sys.h"

#define PTE_P BIT64(0)
#define PTE_W BIT64(1)
#define PTE_U BIT64(2)
#define PTE_A BIT64(5)
#define PTE_D BIT64(6)
#define PTE_PS BIT64(7)
#define PTE_G BIT64(8)
#define PTE_NX BIT64(63)

u64 x86_a20(const struct x86 *c, u64 pa)
{
    return c->a20 ? pa : pa & ~BIT64(20);
}

/* The bits of a physical address this model has. */
static u64 phys_mask(const struct x86 *c)
{
    return BIT64(c->config.phys_bits) - 1;
}

struct ram *x86_smram_at(const struct x86 *c, u64 pa, u64 *at)
{
    if (!c->smm || pa < SMRAM_BASE || pa > SMRAM_LAST || !c->board.smram)
        return NULL;
    u64 offset = 0;
    struct ram *r = c->board.smram(c->board.smram_opaque, &offset);
    u64 o = offset + (pa - SMRAM_BASE);
    if (!r || o >= r->size || r->size - o < 8)
        return NULL;
    *at = o;
    return r;
}

__attribute__((format(printf, 2, 3))) static void tell(struct cpu_walk *w, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
}

static void tell_level(struct cpu_walk *w, unsigned level, u64 at, u64 pte, bool leaf)
{
    unsigned n = w->n_levels;
    if (n == ARRAY_LEN(w->level))
        return;
    w->n_levels++;
    w->level[n].level = (u8)level;
    w->level[n].pte_addr = at;
    w->level[n].pte = pte;
    static const struct {
        u64 bit;
        const char *name;
    } flag[] = { { PTE_P, "P" }, { PTE_W, " RW" }, { PTE_U, " US" }, { PTE_A, " A" }, { PTE_D, " D" }, { PTE_PS, " PS" },
                 { PTE_G, " G" }, { PTE_NX, " XD" } };
    struct text {
        char s[40];
    } t = { "" };
    for (unsigned i = 0; i < ARRAY_LEN(flag); i++)
        if ((pte & flag[i].bit) && (leaf || (flag[i].bit != PTE_D && flag[i].bit != PTE_G)))
            strcat(t.s, flag[i].name);
    snprintf(w->level[n].text, sizeof w->level[n].text, "%s address 0x%llx", pte & PTE_P ? t.s : "not present",
             (unsigned long long)(pte & 0xffffffffff000u));
}

/* Where a paging-structure entry is: in RAM, or wherever the bus answers. */
struct entry {
    struct ram *ram; /* NULL: not RAM */
    u64 at;          /* in ram */
    bool rom;
    u64 value;
};

static void read_entry(struct x86 *c, u64 pa, unsigned bytes, bool peek, struct entry *e)
{
    e->rom = false;
    if ((e->ram = x86_smram_at(c, pa, &e->at))) {
        e->value = load_le(e->ram->host + e->at, bytes);
        return;
    }
    struct region *r = space_find(c->cpu.mem, pa);
    if (r && r->read_direct && r->size - (pa - r->base) >= bytes) {
        e->ram = r->ram;
        e->at = r->ram_offset + (pa - r->base);
        e->rom = !r->write_direct;
        e->value = load_le(r->ram->host + e->at, bytes);
        return;
    }
    /* Tables in a device or where nothing is: the bus answers as it does to any load. */
    e->ram = NULL;
    e->value = ~(u64)0;
    if (peek) {
        u8 b[8];
        if (space_peek(c->cpu.mem, pa, b, bytes) == bytes)
            e->value = load_le(b, bytes);
    } else {
        u64 v;
        if (space_read(c->cpu.mem, pa, bytes, &v) == MEM_OK)
            e->value = v;
    }
    e->value &= size_mask(bytes);
}

static void write_entry(struct x86 *c, u64 pa, unsigned bytes, const struct entry *e, u64 value)
{
    if (!e->ram) {
        space_write(c->cpu.mem, pa, bytes, value);
    } else if (!e->rom) {
        store_le(e->ram->host + e->at, bytes, value);
        ram_written_by_walk(e->ram, e->at, bytes);
    }
}

/* --- reserved bits (SDM 3, tables 4-4 to 4-20): what must be zero in an entry --- */

/* 32-bit paging. Before PSE no processor looked at any. */
static u64 reserved32(const struct x86 *c, unsigned level, bool leaf)
{
    if (!has(c, X86_F_PSE))
        return 0;
    if (level == 1)
        return has(c, X86_F_PAT) ? 0 : PTE_PS;
    if (!leaf)
        return 0;
    unsigned m = has(c, X86_F_PSE36) ? c->config.phys_bits : 32;
    if (m > 40)
        m = 40;
    if (m < 32)
        m = 32;
    u64 reserved = 0; /* bits 21 to m - 19 */
    for (unsigned b = m - 19; b <= 21; b++)
        reserved |= BIT64(b);
    return reserved | (has(c, X86_F_PAT) ? 0 : BIT64(12));
}

static u64 reserved64(const struct x86 *c, unsigned level, bool leaf, bool pae)
{
    u64 reserved = c->efer & EFER_NXE ? 0 : PTE_NX;
    unsigned top = pae ? 62 : 51;
    reserved |= (BIT64(top + 1) - 1) & ~phys_mask(c);
    if (level > 3 || (level == 3 && !has(c, X86_F_PDPE1GB)))
        return reserved | PTE_PS;
    if (leaf && level > 1)
        reserved |= (BIT64(level == 3 ? 30 : 21) - 1) & ~(BIT64(13) - 1);
    if (leaf && !has(c, X86_F_PAT))
        reserved |= level == 1 ? PTE_PS : BIT64(12);
    return reserved;
}

/* The four PDPTE registers of PAE paging (SDM 3, 4.4.1): false, with #GP(0), when one has reserved bits set. */
bool x86_load_pdptes(struct x86 *c, u64 cr3)
{
    u64 p[4];
    for (unsigned n = 0; n < 4; n++) {
        struct entry e;
        read_entry(c, x86_a20(c, (cr3 & 0xffffffe0u) + 8 * n), 8, false, &e);
        u64 reserved = 0x1e6 | ~phys_mask(c);
        if ((e.value & PTE_P) && (e.value & reserved))
            return x86_gp0(c, "a PDPTE has reserved bits set");
        p[n] = e.value;
    }
    memcpy(c->pdpte, p, sizeof p);
    return true;
}

static const char *const missing[] = { "", "the page is not present (PTE.P=0)", "not present in the page directory (PDE.P=0)",
                                       "not present in the page-directory-pointer table (PDPTE.P=0)",
                                       "not present in the PML4 (PML4E.P=0)", "not present in the PML5 (PML5E.P=0)" };
static const char *const entry_name[] = { "", "PTE", "PDE", "PDPTE", "PML4E", "PML5E" };

#define HEX(v) ((unsigned long long)(v))
#define REFUSE(bits, text)                   \
    do {                                     \
        out->error = error | (bits);         \
        out->why = (text);                   \
        if (w)                               \
            tell(w, "%s", out->why);         \
        return;                              \
    } while (0)
#define REFUSE_AT(bits, text)                                                                                      \
    do {                                                                                                           \
        out->error = error | (bits);                                                                               \
        out->why = (text);                                                                                         \
        if (w)                                                                                                     \
            tell(w, "%s at 0x%llx is 0x%llx: %s", entry_name[level], HEX(at), HEX(pte), out->why);                 \
        return;                                                                                                    \
    } while (0)

/* May a data access with a protection key be made (SDM 3, 4.6.2)? */
static bool key_allows(const struct x86 *c, u64 leaf, bool write, bool user)
{
    unsigned key = (unsigned)bits_get(leaf, 59, 4);
    u32 r = c->pkru >> (2 * key);
    if (r & 1)
        return false;
    return !(write && (r & 2) && (user || (c->cr0 & CR0_WP)));
}

static inline __attribute__((always_inline)) void translate(struct x86 *c, u64 linear, enum cpu_access access, bool user,
                                                            struct x86_xlat *out, struct cpu_walk *w)
{
    bool lma = x86_long(c);
    out->ok = false;
    out->n_ptes = 0;
    out->why = NULL;
    out->error = 0;
    if (!lma)
        linear = (u32)linear;
    if (!x86_paging(c)) {
        out->pa = x86_a20(c, linear & phys_mask(c));
        out->dirty = out->writable = out->user = out->executable = true;
        out->global = false;
        out->pte_bytes = 4;
        out->width = 32;
        out->ok = true;
        if (w)
            snprintf(w->mode, sizeof w->mode, "no paging");
        return;
    }
    bool write = access & CPU_WRITE, exec = access & CPU_EXEC;
    bool pae = c->cr4 & CR4_PAE;
    u32 error = (write ? PF_W : 0) | (user ? PF_U : 0) |
                (exec && ((c->cr4 & CR4_SMEP) || (pae && (c->efer & EFER_NXE))) ? PF_I : 0);

    unsigned levels = lma ? (c->cr4 & CR4_LA57 ? 5 : 4) : 2; /* PAE: the third level is in registers */
    unsigned bytes = pae ? 8 : 4, index_bits = pae ? 9 : 10;
    out->pte_bytes = (u8)bytes;
    out->width = lma ? (c->cr4 & CR4_LA57 ? 57 : 48) : 32;
    if (w)
        snprintf(w->mode, sizeof w->mode, "%s", lma ? levels == 5 ? "5-level" : "4-level" : pae ? "PAE" : "32-bit");
    if (lma && (u64)sign_extend(linear, out->width) != linear) /* callers have checked; people may not */
        REFUSE(0, "the address is not canonical");

    u64 table = c->cr3 & (lma ? phys_mask(c) & ~PAGE_MASK : 0xfffff000u);
    u64 rights = PTE_W | PTE_U, nx = 0;
    if (pae && !lma) {
        unsigned n = (unsigned)(linear >> 30) & 3;
        u64 pte = c->pdpte[n], at = (c->cr3 & 0xffffffe0u) + 8 * n;
        unsigned level = 3;
        if (w)
            tell_level(w, 3, at, pte, false);
        if (!(pte & PTE_P))
            REFUSE_AT(0, missing[3]);
        table = pte & phys_mask(c) & ~PAGE_MASK;
    }

    struct {
        struct entry e;
        u64 at;
    } seen[X86_LEVELS_MAX];
    unsigned n = 0, level, shift;
    u64 pte, at;
    bool leaf;
    for (level = levels;; level--) {
        shift = PAGE_SHIFT + (level - 1) * index_bits;
        at = x86_a20(c, table + bits_get(linear, shift, index_bits) * bytes);
        struct entry *e = &seen[n].e;
        seen[n++].at = at;
        read_entry(c, at, bytes, w, e);
        pte = e->value;
        leaf = level == 1 || ((pte & PTE_PS) && (pae ? level <= 3 : (c->cr4 & CR4_PSE) != 0));
        if (w)
            tell_level(w, level, at, pte, leaf);
        if (!(pte & PTE_P))
            REFUSE_AT(0, missing[level]);
        if (pte & (bytes == 8 ? reserved64(c, level, leaf, !lma) : reserved32(c, level, leaf)))
            REFUSE_AT(PF_P | PF_RSVD, "reserved bits are set");
        rights &= pte;
        nx |= pte & PTE_NX;
        if (leaf)
            break;
        table = pte & (bytes == 8 ? phys_mask(c) & ~PAGE_MASK : 0xfffff000u);
    }
    if (bytes == 4)
        nx = 0;

    bool wp = c->cr0 & CR0_WP;
    bool key_ok = true, key_write_ok = true;
    if (lma && (c->cr4 & CR4_PKE) && (rights & PTE_U) && !exec) {
        key_ok = key_allows(c, pte, write, user);
        key_write_ok = key_allows(c, pte, true, user);
    }
    error |= PF_P | (key_ok ? 0 : PF_PK);
    if (user && !(rights & PTE_U))
        REFUSE_AT(0, "a supervisor page (U/S=0) used from CPL 3");
    if (!user && (rights & PTE_U)) {
        if (exec && (c->cr4 & CR4_SMEP))
            REFUSE_AT(0, "SMEP: a user page (U/S=1) executed in supervisor mode");
        /* Implicit accesses (to descriptor tables and the TSS) from CPL 3 do not look at AC (SDM 3, 4.6.1). */
        if (!exec && (c->cr4 & CR4_SMAP) && (c->cpl == 3 || !(c->rflags & X86_AC)))
            REFUSE_AT(0, "SMAP: a user page (U/S=1) used in supervisor mode with AC=0");
    }
    if (exec && nx)
        REFUSE_AT(0, "execution is disabled (XD=1)");
    bool may_write = (rights & PTE_W) || (!user && !wp);
    if (write && !may_write)
        REFUSE_AT(0, user ? "a read-only page (R/W=0)" : "a read-only page (R/W=0) and CR0.WP=1");
    if (!key_ok)
        REFUSE_AT(0, "the page's protection key forbids it (PKRU)");

    for (unsigned k = 0; k < n; k++) {
        u64 want = PTE_A | (k == n - 1 && write ? PTE_D : 0);
        struct entry *e = &seen[k].e;
        if ((e->value & want) != want) {
            e->value |= want;
            if (!w)
                write_entry(c, seen[k].at, bytes, e, e->value);
        }
        if (e->ram) {
            out->pte[out->n_ptes].ram = e->ram;
            out->pte[out->n_ptes].at = e->at;
            out->pte[out->n_ptes++].shift = (u8)(PAGE_SHIFT + (levels - k - 1) * index_bits);
        }
    }
    pte = seen[n - 1].e.value;

    u64 page = (BIT64(shift) - 1);
    u64 base = pte & (bytes == 8 ? phys_mask(c) : 0xffffffffu) & ~PAGE_MASK & ~page;
    if (bytes == 4 && level == 2 && has(c, X86_F_PSE36))
        base |= bits_get(pte, 13, 8) << 32;
    out->pa = x86_a20(c, base | (linear & page));
    out->writable = rights & PTE_W;
    out->user = rights & PTE_U;
    out->executable = !nx;
    out->global = (pte & PTE_G) && (c->cr4 & CR4_PGE);
    out->dirty = (pte & PTE_D) && may_write && key_write_ok;
    out->ok = true;
}

void x86_translate(struct x86 *c, u64 linear, enum cpu_access access, bool user, struct x86_xlat *out)
{
    translate(c, linear, access, user, out, NULL);
}

void x86_walk_as(struct x86 *c, u64 linear, enum cpu_access access, bool user, struct cpu_walk *w)
{
    struct x86_xlat x;
    *w = (struct cpu_walk){ .va = linear };
    translate(c, linear, access, user, &x, w);
    w->ok = x.ok;
    w->pa = x.ok ? x.pa : 0;
    if (!x.ok)
        w->fault = x86_linear_ok(c, linear) ? "#PF page fault" : "#GP general protection fault";
}

void x86_walk(struct cpu *cpu, u64 linear, enum cpu_access access, struct cpu_walk *w)
{
    x86_walk_as(x86_of(cpu), linear, access & ~(unsigned)CPU_USER, x86_of(cpu)->cpl == 3 || (access & CPU_USER), w);
}
