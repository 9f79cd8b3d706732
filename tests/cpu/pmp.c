#include <stdio.h>

#include "tests/cpu/hart.h"

static bool whole;

static bool may(struct bench *b, u64 pa, u64 size, enum cpu_access access, unsigned priv)
{
    return riscv_pmp_allows(b->h, pa, size, access, priv, &whole);
}
static void entry(struct bench *b, unsigned i, u8 cfg, u64 addr)
{
    b->h->pmpcfg[i] = cfg;
    b->h->pmpaddr[i] = addr >> 2;
}
static u64 napot(u64 base, u64 size) { return base | (size / 2 - 1); }
static void write_csr(struct bench *b, u32 csr, u64 v)
{
    unsigned effects = 0;
    CU_ASSERT_TRUE(riscv_csr_write(b->h, csr, v, &effects));
}
static u64 read_csr(struct bench *b, u32 csr)
{
    u64 v = 0;
    CU_ASSERT_TRUE(riscv_csr_read(b->h, csr, false, &v));
    return v;
}

static void none(void)
{
    struct bench *b = bench_new("rv64,pmp=off", 64);
    for (unsigned p = 0; p < 4; p++)
        CU_ASSERT_TRUE(may(b, 0x80000000, 8, CPU_WRITE, p) && whole);
    bench_free(b);
    b = bench_new("rv64", 64); /* entries, all off: only M passes */
    CU_ASSERT_TRUE(may(b, 0x80000000, 8, CPU_WRITE, PRIV_M) && whole);
    CU_ASSERT_FALSE(may(b, 0x80000000, 8, CPU_READ, PRIV_S));
    CU_ASSERT_TRUE(whole);
    CU_ASSERT_FALSE(may(b, 0x80000000, 8, CPU_EXEC, PRIV_U));
    bench_free(b);
}

static void permissions(void)
{
    struct bench *b = bench_new("rv64", 64);
    for (unsigned rwx = 0; rwx < 8; rwx++) {
        for (unsigned locked = 0; locked < 2; locked++) {
            entry(b, 0, (u8)(PMP_NAPOT | rwx | (locked ? PMP_L : 0)), napot(0x80000000, 0x10000));
            for (unsigned p = 0; p < 4; p++) {
                bool all = p == PRIV_M && !locked;
                CU_ASSERT_TRUE(may(b, 0x80001000, 4, CPU_READ, p) == (all || (rwx & PMP_R)));
                CU_ASSERT_TRUE(may(b, 0x80001000, 4, CPU_WRITE, p) == (all || (rwx & PMP_W)));
                CU_ASSERT_TRUE(may(b, 0x80001000, 4, CPU_EXEC, p) == (all || (rwx & PMP_X)));
                CU_ASSERT_TRUE(may(b, 0x80001000, 4, CPU_READ | CPU_WRITE, p) == (all || (rwx & 3) == 3));
                CU_ASSERT_TRUE(whole);
            }
        }
    }
    bench_free(b);
}

static void matching(void)
{
    struct bench *b = bench_new("rv64", 64);
    /* NA4: four bytes in the middle of a page. */
    entry(b, 0, PMP_NA4 | PMP_R, 0x80001004);
    CU_ASSERT_TRUE(may(b, 0x80001004, 4, CPU_READ, PRIV_S) && !whole);
    CU_ASSERT_FALSE(may(b, 0x80001000, 4, CPU_READ, PRIV_S));
    CU_ASSERT_FALSE(whole);
    CU_ASSERT_FALSE(may(b, 0x80001004, 8, CPU_READ, PRIV_M)); /* partly matched: fails for M as well */
    CU_ASSERT_FALSE(may(b, 0x80001000, 8, CPU_READ, PRIV_M));
    CU_ASSERT_TRUE(may(b, 0x80001008, 8, CPU_READ, PRIV_M) && !whole);
    CU_ASSERT_FALSE(may(b, 0x80002000, 8, CPU_READ, PRIV_S));
    CU_ASSERT_TRUE(whole);
    /* NAPOT: 8 bytes, 4 KiB, everything. */
    entry(b, 0, PMP_NAPOT | PMP_R, napot(0x80001008, 8));
    CU_ASSERT_TRUE(may(b, 0x80001008, 8, CPU_READ, PRIV_S));
    CU_ASSERT_FALSE(may(b, 0x80001007, 1, CPU_READ, PRIV_S));
    CU_ASSERT_FALSE(may(b, 0x80001010, 1, CPU_READ, PRIV_S));
    entry(b, 0, PMP_NAPOT | PMP_R, napot(0x80001000, 0x1000));
    CU_ASSERT_TRUE(may(b, 0x80001ff8, 8, CPU_READ, PRIV_S) && whole);
    CU_ASSERT_FALSE(may(b, 0x80002000, 8, CPU_READ, PRIV_S));
    CU_ASSERT_FALSE(may(b, 0x80001ffc, 8, CPU_READ, PRIV_S)); /* half of it */
    b->h->pmpaddr[0] = ~(u64)0 >> 10;
    CU_ASSERT_TRUE(may(b, 0, 8, CPU_READ, PRIV_U) && whole);
    CU_ASSERT_TRUE(may(b, ((u64)1 << 56) - 8, 8, CPU_READ, PRIV_U) && whole);
    CU_ASSERT_FALSE(may(b, UINT64_MAX - 7, 8, CPU_READ, PRIV_U)); /* beyond 56 bits there is no memory */
    /* TOR: from the address before, in whatever mode that entry is. */
    entry(b, 0, PMP_OFF, 0x80001000);
    entry(b, 1, PMP_TOR | PMP_R, 0x80002800);
    CU_ASSERT_TRUE(may(b, 0x80001000, 8, CPU_READ, PRIV_S) && whole);
    CU_ASSERT_TRUE(may(b, 0x800027f8, 8, CPU_READ, PRIV_S) && !whole);
    CU_ASSERT_FALSE(may(b, 0x80002800, 8, CPU_READ, PRIV_S));
    CU_ASSERT_FALSE(may(b, 0x80000ff8, 8, CPU_READ, PRIV_S));
    entry(b, 0, PMP_TOR | PMP_W, 0x80001000); /* from 0 */
    CU_ASSERT_TRUE(may(b, 0, 8, CPU_WRITE, PRIV_S));
    CU_ASSERT_FALSE(may(b, 0x80001000, 8, CPU_WRITE, PRIV_S));
    entry(b, 1, PMP_TOR | PMP_R, 0x80001000); /* empty: matches nothing */
    CU_ASSERT_FALSE(may(b, 0x80001000, 8, CPU_READ, PRIV_S));
    entry(b, 1, PMP_TOR | PMP_R, 0x80000000); /* upside down */
    CU_ASSERT_FALSE(may(b, 0x80000800, 8, CPU_READ, PRIV_S));
    bench_free(b);
}

static void order(void)
{
    struct bench *b = bench_new("max", 64);
    entry(b, 63, PMP_NAPOT | PMP_R | PMP_W | PMP_X, (u64)-1);
    CU_ASSERT_TRUE(may(b, 0x80000000, 8, CPU_WRITE, PRIV_S) && whole); /* the last of 64 works */
    entry(b, 9, PMP_NAPOT | PMP_R, napot(0x80000000, 0x1000));
    CU_ASSERT_FALSE(may(b, 0x80000000, 8, CPU_WRITE, PRIV_S)); /* the lower number wins */
    CU_ASSERT_TRUE(whole);
    entry(b, 8, PMP_NA4 | PMP_R | PMP_W, 0x80000010);
    CU_ASSERT_TRUE(may(b, 0x80000010, 4, CPU_WRITE, PRIV_S) && !whole);
    CU_ASSERT_FALSE(may(b, 0x80000020, 4, CPU_WRITE, PRIV_S));
    CU_ASSERT_FALSE(whole); /* the page is cut by entry 8 */
    CU_ASSERT_TRUE(may(b, 0x80001000, 4, CPU_WRITE, PRIV_S) && whole);
    bench_free(b);
}

static void csrs(void)
{
    struct bench *b = bench_new("rv64", 64);
    write_csr(b, 0x3b0, ~(u64)0);
    CU_ASSERT_EQUAL(read_csr(b, 0x3b0), ~(u64)0 >> 10);
    write_csr(b, 0x3a0, 0x6a7f);
    CU_ASSERT_EQUAL(read_csr(b, 0x3a0), 0x081f); /* bits 5 and 6 are zero; W without R loses W */
    write_csr(b, 0x3a2, 0x1f);
    CU_ASSERT_EQUAL(b->h->pmpcfg[8], 0x1f); /* pmpcfg2 holds entries 8 to 15 */
    /* Locking: entry 1 as TOR locks address 0 as well; the others of the register stay writable. */
    write_csr(b, 0x3a0, (PMP_L | PMP_TOR | PMP_R) << 8);
    write_csr(b, 0x3a0, 0x1f1f1f);
    CU_ASSERT_EQUAL(read_csr(b, 0x3a0), 0x1f891f);
    write_csr(b, 0x3b0, 1);
    write_csr(b, 0x3b1, 1);
    write_csr(b, 0x3b2, 1);
    CU_ASSERT_EQUAL(read_csr(b, 0x3b0), ~(u64)0 >> 10);
    CU_ASSERT_EQUAL(read_csr(b, 0x3b1), 0);
    CU_ASSERT_EQUAL(read_csr(b, 0x3b2), 1);
    riscv_priv_reset(b->h); /* only reset unlocks */
    write_csr(b, 0x3b1, 1);
    CU_ASSERT_EQUAL(read_csr(b, 0x3b1), 1);
    unsigned effects = 0;
    riscv_csr_write(b->h, 0x3a0, 0x0f, &effects);
    CU_ASSERT_TRUE(effects & EFFECT_FLUSH_TLB);
    /* A locked NA4 does not lock its neighbour. */
    write_csr(b, 0x3a0, (PMP_L | PMP_NA4 | PMP_R) << 8);
    write_csr(b, 0x3b0, 5);
    CU_ASSERT_EQUAL(read_csr(b, 0x3b0), 5);
    bench_free(b);

    b = bench_new("rv32", 32);
    write_csr(b, 0x3a3, 0x9f00001f);
    CU_ASSERT_EQUAL(b->h->pmpcfg[12], 0x1f);
    CU_ASSERT_EQUAL(b->h->pmpcfg[15], 0x9f);
    CU_ASSERT_EQUAL(read_csr(b, 0x3a3), 0xffffffff9f00001f);
    write_csr(b, 0x3b0, 0xffffffff);
    CU_ASSERT_EQUAL(read_csr(b, 0x3b0), 0xffffffffffffffff);
    write_csr(b, 0x3a0, PMP_NAPOT | PMP_R);
    CU_ASSERT_TRUE(may(b, ((u64)1 << 34) - 4, 4, CPU_READ, PRIV_S) && whole); /* 34 bits */
    CU_ASSERT_FALSE(may(b, ((u64)1 << 34) - 4, 4, CPU_WRITE, PRIV_S));
    bench_free(b);
}

/* whole_page against asking for every byte. */
static void whole_page(void)
{
    struct bench *b = bench_new("rv64", 64);
    u64 seed = 7;
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < 4; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            b->h->pmpcfg[i] = seed >> 60 & 7 ? (u8)(seed >> 40 & 0x9f) : 0;
            b->h->pmpaddr[i] = (0x80000000 + (seed >> 20 & 0x3fff)) >> 2;
            if (seed >> 50 & 1)
                b->h->pmpaddr[i] |= 0x3ff;
        }
        for (u64 page = 0x80000000; page < 0x80004000; page += PAGE_SIZE) {
            bool answers[2] = { false, false }, claim = false;
            for (u64 at = page; at < page + PAGE_SIZE; at += 4)
                answers[may(b, at, 4, CPU_READ, PRIV_S)] = true;
            may(b, page, 4, CPU_READ, PRIV_S);
            claim = whole;
            CU_ASSERT_FALSE(claim && answers[0] && answers[1]);
        }
    }
    bench_free(b);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "no entries, no match", none },
        { "permissions and locks", permissions },
        { "NA4, NAPOT, TOR", matching },
        { "the lowest number wins", order },
        { "registers", csrs },
        { "whole-page answers", whole_page },
        CU_TEST_INFO_NULL,
    };
    return unit_main("pmp", tests);
}
