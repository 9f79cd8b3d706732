#include <stdio.h>

#include "base/rng.h"
#include "tests/cpu/hart.h"

enum { V = 1, R = 2, W = 4, X = 8, U = 16, G = 32, A = 64, D = 128 };
#define N BIT64(63)
#define PBMT(n) ((u64)(n) << 61)

/* Tables: one page per level, the last level first. */
#define TABLE(level) (RAM_BASE + 0x1000u * (1 + (unsigned)(level)))
#define TARGET 0x80200000u /* 2 MiB aligned */

struct mode {
    const char *name, *cpu;
    unsigned xlen, levels, vpn_bits, pte_bytes, satp_mode;
    u64 va; /* of the tests: every index different */
};
static const struct mode modes[] = {
    { "Sv32", "rv32", 32, 2, 10, 4, 1, 0x40c05000 },
    { "Sv39", "rv64", 64, 3, 9, 8, 8, 0x2080605000 },
    { "Sv48", "rv64", 64, 4, 9, 8, 9, 0x282080605000 },
    { "Sv57", "rv64", 64, 5, 9, 8, 10, 0x4282080605000 },
};
#define EACH_MODE(m) for (const struct mode *m = modes; m < modes + ARRAY_LEN(modes); m++)

static u64 ppn(u64 pa) { return pa >> 12 << 10; }

static u64 pte_addr(const struct mode *m, unsigned level, u64 va)
{
    return TABLE(level) + bits_get(va, 12 + level * m->vpn_bits, m->vpn_bits) * m->pte_bytes;
}
static void put(struct bench *b, const struct mode *m, unsigned level, u64 va, u64 pte)
{
    CU_ASSERT_EQUAL(space_write(b->h->cpu.mem, pte_addr(m, level, va), m->pte_bytes, pte), MEM_OK);
}
static u64 get(struct bench *b, const struct mode *m, unsigned level, u64 va)
{
    u64 v = 0;
    CU_ASSERT_EQUAL(space_read(b->h->cpu.mem, pte_addr(m, level, va), m->pte_bytes, &v), MEM_OK);
    return v;
}

/* A hart in `m` whose va maps by `leaf` at `level`, tables above it in order. */
static struct bench *mapped(const struct mode *m, const char *more, unsigned level, u64 leaf)
{
    char cpu[96];
    snprintf(cpu, sizeof cpu, "%s%s", m->cpu, more);
    struct bench *b = bench_new(cpu, m->xlen);
    bench_open_pmp(b);
    b->h->priv = PRIV_S;
    u64 root = TABLE(m->levels - 1) >> 12;
    b->h->satp = m->xlen == 64 ? (u64)m->satp_mode << 60 | root : (u64)(i64)(i32)(0x80000000u | (u32)root);
    for (unsigned i = m->levels - 1; i > level; i--)
        put(b, m, i, m->va, ppn(TABLE(i - 1)) | V);
    put(b, m, level, m->va, leaf);
    return b;
}

static struct riscv_xlat at(struct bench *b, u64 va, enum cpu_access access, unsigned priv)
{
    struct riscv_xlat x;
    riscv_translate(b->h, va, 1, access, priv, &x);
    return x;
}
static const u8 page_faults[] = { [CPU_READ] = CAUSE_LOAD_PAGE, [CPU_WRITE] = CAUSE_STORE_PAGE,
                                  [CPU_EXEC] = CAUSE_FETCH_PAGE };
static const u8 access_faults[] = { [CPU_READ] = CAUSE_LOAD_ACCESS, [CPU_WRITE] = CAUSE_STORE_ACCESS,
                                    [CPU_EXEC] = CAUSE_FETCH_ACCESS };

/* The access faults by `faults`, for `why`, and changes nothing. */
static void refused(struct bench *b, u64 va, enum cpu_access access, unsigned priv, const u8 *faults, const char *why)
{
    u64 before = ram_hash(b->ram, 0);
    CU_ASSERT_EQUAL(at(b, va, access, priv).cause, faults[access]);
    struct cpu_walk w;
    u8 was = b->h->priv;
    b->h->priv = (u8)priv;
    riscv_walk(&b->h->cpu, va, access, &w);
    b->h->priv = was;
    CU_ASSERT_FALSE(w.ok);
    CU_ASSERT_STRING_EQUAL(w.fault, riscv_cause_name(faults[access], false));
    if (!strstr(w.why, why)) {
        fprintf(stderr, "'%s' does not say '%s'\n", w.why, why);
        CU_FAIL("why");
    }
    CU_ASSERT_EQUAL(ram_hash(b->ram, 0), before);
}
static void fine(struct bench *b, u64 va, enum cpu_access access, unsigned priv, u64 pa)
{
    struct cpu_walk w;
    u8 was = b->h->priv;
    b->h->priv = (u8)priv;
    u64 before = ram_hash(b->ram, 0);
    riscv_walk(&b->h->cpu, va, access, &w);
    CU_ASSERT_EQUAL(ram_hash(b->ram, 0), before); /* looking changes nothing */
    b->h->priv = was;
    CU_ASSERT_TRUE(w.ok && !w.fault && w.pa == pa);
    if (!w.ok)
        fprintf(stderr, "0x%llx: %s\n", (unsigned long long)va, w.why);
    struct riscv_xlat x = at(b, va, access, priv);
    CU_ASSERT_EQUAL(x.cause, CAUSE_NONE);
    CU_ASSERT_EQUAL(x.pa, pa);
    CU_ASSERT_TRUE(x.cacheable);
}

static const enum cpu_access accesses[] = { CPU_READ, CPU_WRITE, CPU_EXEC };
#define EACH_ACCESS(a) for (const enum cpu_access *a = accesses; a < accesses + ARRAY_LEN(accesses); a++)

static void bare(void)
{
    struct bench *b = mapped(&modes[1], "", 0, 0);
    EACH_ACCESS(a)
        fine(b, RAM_BASE + 8, *a, PRIV_M, RAM_BASE + 8); /* M is never translated */
    b->h->satp = 0;
    fine(b, RAM_BASE + 8, CPU_READ, PRIV_S, RAM_BASE + 8);
    fine(b, RAM_BASE + 8, CPU_READ, PRIV_U, RAM_BASE + 8);
    CU_ASSERT_TRUE(at(b, RAM_BASE, CPU_READ, PRIV_S).dirty);
    struct cpu_walk w;
    riscv_walk(&b->h->cpu, 0xdead0000, CPU_READ, &w);
    CU_ASSERT_FALSE(w.ok);
    CU_ASSERT_STRING_EQUAL(w.fault, "load access fault");
    CU_ASSERT_STRING_EQUAL(w.mode, "bare");
    bench_free(b);
    b = bench_new("rv32", 32); /* sign-extended in, 32 bits out */
    fine(b, 0xffffffff80000010, CPU_READ, PRIV_M, 0x80000010);
    bench_free(b);
}

static void pages(void)
{
    EACH_MODE(m)
        for (unsigned level = 0; level < m->levels; level++) {
            u64 size = (u64)1 << (12 + level * m->vpn_bits);
            u64 target = level < 2 && m->xlen == 64 ? TARGET : (TARGET & ~(size - 1));
            struct bench *b = mapped(m, "", level, ppn(target) | V | R | W | X | A | D);
            u64 va = m->va & ~(size - 1), inside[] = { 0, 0x123, size / 2, size - 1 };
            for (size_t i = 0; i < ARRAY_LEN(inside); i++)
                EACH_ACCESS(a) {
                    struct riscv_xlat x = at(b, va + inside[i], *a, PRIV_S);
                    CU_ASSERT_EQUAL(x.cause, CAUSE_NONE);
                    CU_ASSERT_EQUAL(x.pa, target + inside[i]);
                    CU_ASSERT_TRUE(x.cacheable && x.dirty);
                }
            struct cpu_walk w;
            riscv_walk(&b->h->cpu, m->va, CPU_READ, &w);
            CU_ASSERT_STRING_EQUAL(w.mode, m->name);
            CU_ASSERT_EQUAL(w.n_levels, m->levels - level);
            CU_ASSERT_EQUAL(w.level[0].pte_addr, pte_addr(m, m->levels - 1, m->va));
            CU_ASSERT_EQUAL(w.level[w.n_levels - 1].level, level);
            CU_ASSERT_TRUE(!strncmp(w.level[w.n_levels - 1].text, "VRWX--AD", 8));
            /* One page further nothing is mapped. */
            refused(b, va + size, CPU_READ, PRIV_S, page_faults, "V=0, not valid");
            bench_free(b);
        }
}

static void misaligned_superpages(void)
{
    EACH_MODE(m)
        for (unsigned level = 1; level < m->levels; level++)
            for (unsigned bit = 12; bit < 12 + level * m->vpn_bits; bit += 5) {
                u64 size = (u64)1 << (12 + level * m->vpn_bits);
                u64 target = (TARGET & ~(size - 1)) | BIT64(bit);
                struct bench *b = mapped(m, "", level, ppn(target) | V | R | W | X | A | D);
                EACH_ACCESS(a)
                    refused(b, m->va, *a, PRIV_S, page_faults, "misaligned superpage");
                bench_free(b);
            }
}

static void canonical(void)
{
    EACH_MODE(m) {
        if (m->xlen == 32)
            continue;
        struct bench *b = mapped(m, "", 0, ppn(TARGET) | V | R | W | X | A | D);
        unsigned width = 12 + m->levels * m->vpn_bits;
        for (unsigned bit = width; bit < 64; bit++)
            EACH_ACCESS(a)
                refused(b, m->va | BIT64(bit), *a, PRIV_S, page_faults, "differ from bit");
        refused(b, m->va | BIT64(width - 1), CPU_READ, PRIV_S, page_faults, "differ from bit");
        u64 high = ~(u64)0 << (width - 1); /* the upper half */
        put(b, m, m->levels - 1, high, ppn(0) | V | R | A | D);
        CU_ASSERT_EQUAL(at(b, high | 5, CPU_READ, PRIV_S).cause, CAUSE_NONE);
        CU_ASSERT_EQUAL(at(b, high | 5, CPU_READ, PRIV_S).pa, 5);
        bench_free(b);
    }
}

static void invalid_entries(void)
{
    EACH_MODE(m)
        for (unsigned level = 0; level < m->levels; level++) {
            struct {
                u64 pte;
                const char *why;
            } bad[] = {
                { 0, "V=0" },
                { R | W | X | A | D, "V=0" },
                { V | W, "reserved" },
                { V | W | X | A | D, "W=1 and R=0" },
                { level ? V | A : V, level ? "D, A and U" : "last level" },
                { level ? V | D : V, level ? "D, A and U" : "last level" },
                { level ? V | U : V | U, level ? "D, A and U" : "last level" },
            };
            for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct bench *b = mapped(m, "", level, bad[i].pte | ppn(TABLE(0)));
                EACH_ACCESS(a)
                    refused(b, m->va, *a, PRIV_S, page_faults, bad[i].why);
                bench_free(b);
            }
            for (unsigned bit = 54; m->xlen == 64 && bit < 64; bit++) { /* reserved, PBMT (off), N of no size */
                struct bench *b = mapped(m, "", level, ppn(0) | V | R | A | D | BIT64(bit));
                refused(b, m->va, CPU_READ, PRIV_S, page_faults,
                        bit == 63 ? "N=1 with a reserved size" : bit > 60 ? "PBMT is reserved" : "reserved bits");
                bench_free(b);
                if (!level)
                    continue;
                b = mapped(m, "", level, ppn(TABLE(level - 1)) | V | BIT64(bit));
                b->h->menvcfg |= ENVCFG_PBMTE;
                refused(b, m->va, CPU_READ, PRIV_S, page_faults, "reserved");
                bench_free(b);
            }
        }
}

static void permissions(void)
{
    EACH_MODE(m)
        for (unsigned flags = 0; flags < 32; flags++) { /* R W X U */
            u64 pte = (u64)flags & ~(u64)V;
            if (!(pte & (R | X)) || (pte & (R | W)) == W)
                continue;
            for (unsigned state = 0; state < 8; state++) {
                bool sum = state & 1, mxr = state & 2, user = state & 4;
                struct bench *b = mapped(m, "", 0, ppn(TARGET) | V | A | D | pte);
                b->h->mstatus |= (sum ? MSTATUS_SUM : 0) | (mxr ? MSTATUS_MXR : 0);
                unsigned priv = user ? PRIV_U : PRIV_S;
                EACH_ACCESS(a) {
                    bool may = *a == CPU_EXEC ? pte & X : *a == CPU_WRITE ? pte & W : (pte & R) || (mxr && (pte & X));
                    if (user)
                        may &= !!(pte & U);
                    else if (pte & U)
                        may &= sum && *a != CPU_EXEC;
                    if (may)
                        fine(b, m->va, *a, priv, TARGET);
                    else
                        refused(b, m->va, *a, priv, page_faults, "=");
                }
                bench_free(b);
            }
        }
    /* MPRV: what riscv_walk and the engine use for data. */
    struct bench *b = mapped(&modes[1], "", 0, ppn(TARGET) | V | R | A | D);
    b->h->priv = PRIV_M;
    CU_ASSERT_EQUAL(riscv_data_priv(b->h), PRIV_M);
    b->h->mstatus |= MSTATUS_MPRV | (u64)PRIV_S << MSTATUS_MPP_SHIFT;
    CU_ASSERT_EQUAL(riscv_data_priv(b->h), PRIV_S);
    struct cpu_walk w;
    riscv_walk(&b->h->cpu, modes[1].va, CPU_READ, &w);
    CU_ASSERT_TRUE(w.ok && w.pa == TARGET);
    riscv_walk(&b->h->cpu, modes[1].va, CPU_EXEC, &w); /* fetches are M's */
    CU_ASSERT_STRING_EQUAL(w.mode, "bare");
    bench_free(b);
}

static void accessed_and_dirty(void)
{
    static const char *const how[] = { "", ",svadu=off", ",svade=on", ",svadu=off,svade=on" };
    EACH_MODE(m)
        for (unsigned k = 0; k < 4; k++)
            for (unsigned level = 0; level < 2; level++) {
                bool sets = k < 2;
                u64 target = level ? TARGET & ~(BIT64(12 + m->vpn_bits) - 1) : TARGET;
                u64 base = ppn(target) | V | R | W | X;
                struct bench *b = mapped(m, how[k], level, base);
                CU_ASSERT_TRUE(riscv_updates_ad(b->h) == sets);
                u64 va = m->va & ~(((u64)1 << (12 + level * m->vpn_bits)) - 1);
                if (!sets) {
                    EACH_ACCESS(a)
                        refused(b, va, *a, PRIV_S, page_faults, "A=0");
                    put(b, m, level, va, base | A);
                    fine(b, va, CPU_READ, PRIV_S, target);
                    fine(b, va, CPU_EXEC, PRIV_S, target);
                    CU_ASSERT_FALSE(at(b, va, CPU_READ, PRIV_S).dirty);
                    refused(b, va, CPU_WRITE, PRIV_S, page_faults, "D=0");
                    put(b, m, level, va, base | D); /* D without A */
                    refused(b, va, CPU_WRITE, PRIV_S, page_faults, "A=0");
                } else {
                    ram_clean(b->ram);
                    u64 page = (pte_addr(m, level, va) - RAM_BASE) >> PAGE_SHIFT;
                    u32 gen = b->ram->gen[page];
                    fine(b, va, CPU_READ, PRIV_S, target);
                    CU_ASSERT_EQUAL(get(b, m, level, va), base | A);
                    CU_ASSERT_NOT_EQUAL(b->ram->gen[page], gen); /* told: snapshots see it */
                    CU_ASSERT_FALSE(at(b, va, CPU_READ, PRIV_S).dirty);
                    fine(b, va, CPU_WRITE, PRIV_S, target);
                    CU_ASSERT_EQUAL(get(b, m, level, va), base | A | D);
                    CU_ASSERT_TRUE(at(b, va, CPU_READ, PRIV_S).dirty);
                    put(b, m, level, va, ppn(target) | V | R); /* a refused access sets nothing */
                    refused(b, va, CPU_WRITE, PRIV_S, page_faults, "W=0");
                    refused(b, va, CPU_READ, PRIV_U, page_faults, "U=0");
                }
                bench_free(b);
            }
    /* ADUE switches at run time. */
    struct bench *b = mapped(&modes[1], "", 0, ppn(TARGET) | V | R);
    unsigned effects = 0;
    b->h->priv = PRIV_M;
    CU_ASSERT_TRUE((b->h->menvcfg & ENVCFG_ADUE) != 0); /* on at reset */
    CU_ASSERT_TRUE(riscv_csr_write(b->h, 0x30a, 0, &effects));
    CU_ASSERT_TRUE(effects & EFFECT_FLUSH_TLB);
    refused(b, modes[1].va, CPU_READ, PRIV_S, page_faults, "A=0");
    CU_ASSERT_TRUE(riscv_csr_write(b->h, 0x30a, ENVCFG_ADUE, &effects));
    fine(b, modes[1].va, CPU_READ, PRIV_S, TARGET);
    bench_free(b);
}

static void napot(void)
{
    EACH_MODE(m) {
        if (m->xlen == 32)
            continue;
        struct bench *b = mapped(m, "", 0, ppn(TARGET | 0x8000) | V | R | W | X | A | D | N);
        u64 va = m->va & ~(u64)0xffff;
        for (u64 i = 0; i < 16; i++) /* software writes all 16 entries alike */
            put(b, m, 0, va + i * 0x1000, ppn(TARGET | 0x8000) | V | R | W | X | A | D | N);
        for (u64 off = 0; off < 0x10000; off += 0x777)
            fine(b, va + off, CPU_READ, PRIV_S, TARGET + off);
        for (u64 low = 0; low < 16; low++) {
            if (low == 8)
                continue;
            put(b, m, 0, m->va, ppn(TARGET | low << 12) | V | R | A | D | N);
            refused(b, m->va, CPU_READ, PRIV_S, page_faults, "N=1 with a reserved size");
        }
        bench_free(b);
        b = mapped(m, ",svnapot=off", 0, ppn(TARGET | 0x8000) | V | R | A | D | N);
        refused(b, m->va, CPU_READ, PRIV_S, page_faults, "N is reserved without Svnapot");
        bench_free(b);
    }
}

static void pbmt(void)
{
    EACH_MODE(m) {
        if (m->xlen == 32)
            continue;
        for (u64 type = 0; type < 4; type++)
            for (unsigned level = 0; level < 2; level++) {
                struct bench *b = mapped(m, "", level, ppn(TARGET) | V | R | A | D | PBMT(type));
                u64 va = m->va & ~(((u64)1 << (12 + level * 9)) - 1);
                if (type)
                    refused(b, va, CPU_READ, PRIV_S, page_faults, "PBMT is reserved");
                else
                    fine(b, va, CPU_READ, PRIV_S, TARGET);
                b->h->menvcfg |= ENVCFG_PBMTE;
                if (type == 3)
                    refused(b, va, CPU_READ, PRIV_S, page_faults, "PBMT=3");
                else
                    fine(b, va, CPU_READ, PRIV_S, TARGET);
                bench_free(b);
            }
        struct bench *b = mapped(m, ",svpbmt=off", 0, ppn(TARGET) | V | R | A | D | PBMT(1));
        b->h->menvcfg |= ENVCFG_PBMTE;
        refused(b, m->va, CPU_READ, PRIV_S, page_faults, "PBMT is reserved");
        bench_free(b);
    }
}

static void tables_elsewhere(void)
{
    EACH_MODE(m) {
        u64 nowhere[] = { 0x50000000, IO_BASE, m->xlen == 64 ? (u64)1 << 55 : (u64)3 << 32 };
        for (size_t i = 0; i < ARRAY_LEN(nowhere); i++)
            for (unsigned level = 1; level < m->levels; level++) {
                struct bench *b = mapped(m, "", level, ppn(nowhere[i]) | V);
                EACH_ACCESS(a)
                    refused(b, m->va, *a, PRIV_S, access_faults, "there is no RAM");
                CU_ASSERT_EQUAL(b->io_reads, 0); /* a walk never touches a device */
                bench_free(b);
            }
        /* The root as well. */
        struct bench *b = mapped(m, "", 0, 0);
        b->h->satp = (b->h->satp & ~(u64)0x3fffff) | IO_BASE >> 12;
        refused(b, m->va, CPU_READ, PRIV_S, access_faults, "there is no RAM");
        bench_free(b);
        /* A table in ROM is read; A and D cannot be set there. */
        b = mapped(m, "", 1, ppn(ROM_BASE) | V);
        u8 pte[8];
        u64 rom_pte = ROM_BASE + bits_get(m->va, 12, m->vpn_bits) * m->pte_bytes;
        store_le(pte, 8, ppn(TARGET) | V | R | W | A);
        space_poke(b->h->cpu.mem, rom_pte, pte, m->pte_bytes);
        fine(b, m->va, CPU_READ, PRIV_S, TARGET);
        refused(b, m->va, CPU_WRITE, PRIV_S, access_faults, "in ROM");
        bench_free(b);
    }
}

static void protected_tables(void)
{
    EACH_MODE(m)
        for (unsigned level = 0; level < m->levels; level++) {
            struct bench *b = mapped(m, "", 0, ppn(TARGET) | V | R | W | X | A);
            u64 pte = pte_addr(m, level, m->va);
            b->h->pmpaddr[0] = pte >> 2;
            b->h->pmpcfg[0] = PMP_NA4;
            if (m->pte_bytes == 8)
                b->h->pmpcfg[0] = PMP_NAPOT; /* of 8 bytes: bit 0 of pmpaddr is 0 */
            EACH_ACCESS(a)
                refused(b, m->va, *a, PRIV_S, access_faults, "PMP forbids reading");
            refused(b, m->va, CPU_READ, PRIV_U, access_faults, "PMP forbids reading");
            b->h->pmpcfg[0] |= PMP_R;
            fine(b, m->va, CPU_READ, PRIV_S, TARGET);
            if (!level)
                refused(b, m->va, CPU_WRITE, PRIV_S, access_faults, "PMP forbids setting");
            else
                fine(b, m->va, CPU_WRITE, PRIV_S, TARGET);
            bench_free(b);
        }
    /* The page itself, and one that is only partly open. */
    struct bench *b = mapped(&modes[1], "", 0, ppn(TARGET) | V | R | W | X | A | D);
    b->h->pmpaddr[0] = TARGET >> 2;
    b->h->pmpaddr[1] = (TARGET + 0x800) >> 2;
    b->h->pmpcfg[1] = PMP_TOR | PMP_X;
    refused(b, modes[1].va, CPU_READ, PRIV_S, access_faults, "PMP forbids the access");
    struct riscv_xlat x = at(b, modes[1].va + 0x800, CPU_READ, PRIV_S);
    CU_ASSERT_TRUE(x.cause == CAUSE_NONE && !x.cacheable);
    x = at(b, modes[1].va, CPU_EXEC, PRIV_S);
    CU_ASSERT_TRUE(x.cause == CAUSE_NONE && !x.cacheable);
    riscv_translate(b->h, modes[1].va + 0x7fc, 8, CPU_READ, PRIV_S, &x);
    CU_ASSERT_EQUAL(x.cause, CAUSE_LOAD_ACCESS);
    bench_free(b);
}

/* Random tables, addresses and state: the walker and the person's walk agree and nothing breaks. */
static void random_tables(void)
{
    u64 seed = 3;
    EACH_MODE(m) {
        struct bench *b = mapped(m, "", 0, 0);
        for (unsigned i = 0; i < 6 * 512; i++) {
            u64 r = rng_next(&seed), pte = r & 0xff;
            pte |= r & 0x100 ? ppn(RAM_BASE + (r >> 20 & 0x7000)) : r << 10;
            if (r & 0x600)
                pte |= V;
            space_write(b->h->cpu.mem, RAM_BASE + i * 8, 8, pte);
        }
        for (unsigned i = 0; i < 20000; i++) {
            u64 va = rng_next(&seed), r = rng_next(&seed);
            if (r & 7)
                va = (u64)sign_extend(va, 12 + m->levels * m->vpn_bits);
            b->h->mstatus = r & (MSTATUS_SUM | MSTATUS_MXR);
            b->h->menvcfg = r & (ENVCFG_ADUE | ENVCFG_PBMTE);
            b->h->priv = r >> 5 & 1;
            struct cpu_walk w;
            enum cpu_access a = accesses[(r >> 8) % 3];
            riscv_walk(&b->h->cpu, va, a, &w);
            struct riscv_xlat x = at(b, va, a, b->h->priv);
            CU_ASSERT_TRUE(w.n_levels <= m->levels);
            CU_ASSERT_TRUE(x.cause != CAUSE_NONE || x.pa == w.pa);
            CU_ASSERT_TRUE(w.ok == (x.cause == CAUSE_NONE && space_find(b->h->cpu.mem, x.pa)));
        }
        bench_free(b);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "bare", bare },
        { "pages and superpages", pages },
        { "misaligned superpages", misaligned_superpages },
        { "canonical addresses", canonical },
        { "invalid and reserved entries", invalid_entries },
        { "R, W, X, U, SUM, MXR, MPRV", permissions },
        { "A and D, Svadu and Svade", accessed_and_dirty },
        { "Svnapot", napot },
        { "Svpbmt", pbmt },
        { "tables outside RAM", tables_elsewhere },
        { "PMP and tables", protected_tables },
        { "random tables", random_tables },
        CU_TEST_INFO_NULL,
    };
    return unit_main("mmu", tests);
}
