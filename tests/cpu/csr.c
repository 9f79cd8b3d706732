#include <stdio.h>

#include "tests/cpu/hart.h"

static unsigned effects;

static u64 rd(struct bench *b, u32 csr)
{
    u64 v = 0;
    if (!riscv_csr_read(b->h, csr, false, &v)) {
        fprintf(stderr, "csr 0x%x is illegal\n", csr);
        CU_FAIL("read");
    }
    return v;
}
static bool readable(struct bench *b, u32 csr)
{
    u64 v;
    return riscv_csr_read(b->h, csr, false, &v);
}
static bool writable(struct bench *b, u32 csr)
{
    u64 v;
    return riscv_csr_read(b->h, csr, true, &v);
}
/* csrw and csrr */
static u64 wr(struct bench *b, u32 csr, u64 v)
{
    u64 old;
    effects = 0;
    CU_ASSERT_TRUE(riscv_csr_rmw(b->h, csr, CSR_OP_WRITE, v, true, &old, &effects));
    b->h->cpu.retired++;
    b->clock.now++;
    return rd(b, csr);
}
#define EQ(a, b_)                                                                                       \
    do {                                                                                                \
        u64 got_ = (a), want_ = (b_);                                                                   \
        if (got_ != want_)                                                                              \
            fprintf(stderr, "line %d: %s is 0x%llx, not 0x%llx\n", __LINE__, #a, (unsigned long long)got_, \
                    (unsigned long long)want_);                                                         \
        CU_ASSERT_EQUAL(got_, want_);                                                                   \
    } while (0)

static void privilege(void)
{
    struct bench *b = bench_new("rv64", 64);
    u64 v;
    unsigned counted[4] = { 0 };
    for (unsigned p = 0; p < 4; p++) {
        if (p == 2)
            continue;
        b->h->priv = (u8)p;
        b->h->mstatus |= MSTATUS_FS;
        for (u32 csr = 0; csr < 4096; csr++) {
            bool r = riscv_csr_read(b->h, csr, false, &v), w = riscv_csr_read(b->h, csr, true, &v);
            counted[p] += r;
            if (r)
                CU_ASSERT_TRUE((csr >> 8 & 3) <= p);
            CU_ASSERT_TRUE(w == (r && csr >> 10 != 3));
            if (csr >> 10 == 3)
                CU_ASSERT_FALSE(riscv_csr_write(b->h, csr, 0, &effects));
        }
    }
    CU_ASSERT_EQUAL(counted[PRIV_U], 3); /* fflags, frm, fcsr; the counters are closed */
    CU_ASSERT_EQUAL(counted[PRIV_S], 3 + 11); /* and all of S but stimecmp */
    size_t n;
    riscv_csr_regs(b->h, &n);
    CU_ASSERT_EQUAL(counted[PRIV_M], n); /* M sees all there is */
    CU_ASSERT_FALSE(riscv_csr_read(b->h, 4096, false, &v));
    CU_ASSERT_FALSE(riscv_csr_read(b->h, UINT32_MAX, false, &v));
    for (u32 csr = 0x7b0; csr < 0x7c0; csr++) /* debug mode's own */
        CU_ASSERT_FALSE(readable(b, csr));
    bench_free(b);
}

static void existence(void)
{
    struct bench *m = bench_new("rv64i", 64), *e51 = bench_new("sifive-e51", 64), *full = bench_new("rv64", 64);
    struct bench *max = bench_new("max", 64), *r32 = bench_new("rv32", 32);
    static const u32 s_mode[] = { 0x100, 0x104, 0x105, 0x106, 0x140, 0x141, 0x142, 0x143, 0x144, 0x180, 0x302, 0x303 };
    for (size_t i = 0; i < ARRAY_LEN(s_mode); i++) {
        CU_ASSERT_FALSE(readable(m, s_mode[i]));
        CU_ASSERT_FALSE(readable(e51, s_mode[i]));
        CU_ASSERT_TRUE(readable(full, s_mode[i]));
    }
    CU_ASSERT_FALSE(readable(m, 0x306)); /* mcounteren needs U */
    CU_ASSERT_TRUE(readable(e51, 0x306));
    CU_ASSERT_FALSE(readable(e51, 0x30a)); /* an older part: no menvcfg */
    CU_ASSERT_TRUE(readable(full, 0x30a));
    CU_ASSERT_FALSE(readable(m, 0xc00)); /* no Zicntr */
    CU_ASSERT_TRUE(readable(e51, 0xc00));
    CU_ASSERT_FALSE(readable(m, 0xc03));
    CU_ASSERT_TRUE(readable(m, 0xb00));
    full->h->mstatus |= MSTATUS_FS;
    e51->h->mstatus |= MSTATUS_FS; /* cannot be, but still: no F */
    CU_ASSERT_TRUE(readable(full, 0x003));
    CU_ASSERT_FALSE(readable(e51, 0x003));
    CU_ASSERT_FALSE(readable(full, 0x30c));
    CU_ASSERT_TRUE(readable(max, 0x30c));
    CU_ASSERT_TRUE(readable(max, 0x10c));
    CU_ASSERT_FALSE(readable(full, 0x747)); /* mseccfg */

    /* The upper halves are RV32's. */
    static const u32 halves[] = { 0x310, 0x312, 0x31a, 0x15d, 0xb80, 0xb82, 0xb83, 0xb9f, 0xc80, 0xc81, 0xc82, 0xc9f };
    for (size_t i = 0; i < ARRAY_LEN(halves); i++) {
        CU_ASSERT_FALSE(readable(full, halves[i]));
        CU_ASSERT_TRUE(readable(r32, halves[i]));
    }
    CU_ASSERT_FALSE(readable(full, 0xb01));
    CU_ASSERT_FALSE(readable(r32, 0xb81));

    /* PMP: none, 16 or 64; odd pmpcfg only on RV32. */
    CU_ASSERT_FALSE(readable(m, 0x3a0));
    CU_ASSERT_FALSE(readable(m, 0x3b0));
    CU_ASSERT_TRUE(readable(full, 0x3a0));
    CU_ASSERT_FALSE(readable(full, 0x3a1));
    CU_ASSERT_TRUE(readable(full, 0x3a2));
    CU_ASSERT_FALSE(readable(full, 0x3a4));
    CU_ASSERT_TRUE(readable(max, 0x3ae));
    CU_ASSERT_FALSE(readable(max, 0x3af));
    CU_ASSERT_TRUE(readable(r32, 0x3a3));
    CU_ASSERT_FALSE(readable(r32, 0x3a4));
    CU_ASSERT_TRUE(readable(full, 0x3bf));
    CU_ASSERT_FALSE(readable(full, 0x3c0));
    CU_ASSERT_TRUE(readable(max, 0x3ef));
    bench_free(m), bench_free(e51), bench_free(full), bench_free(max), bench_free(r32);
}

static void mstatus(void)
{
    struct bench *b = bench_new("rv64", 64);
    EQ(rd(b, 0x300), 0xa00000000); /* SXL = UXL = 2 */
    EQ(wr(b, 0x300, ~(u64)0), 0x8000000a007e79aa); /* MPP=3, FS=3 so SD */
    EQ(effects & (EFFECT_CONTEXT | EFFECT_IRQ | EFFECT_FP), EFFECT_CONTEXT | EFFECT_IRQ | EFFECT_FP);
    wr(b, 0x300, ~(u64)0);
    EQ(effects, 0);
    EQ(wr(b, 0x300, 2 << 11) >> 11 & 3, 3); /* MPP=2 is reserved: the old value stays */
    EQ(rd(b, 0x300), 0xa00001800);
    EQ(wr(b, 0x300, 1 << 11), 0xa00000800);
    EQ(wr(b, 0x300, 3 << 13), 0x8000000a00006000);
    EQ(wr(b, 0x300, 2 << 13), 0xa00004000);
    /* sstatus is a view: it changes nothing of M. */
    wr(b, 0x300, MSTATUS_MIE | MSTATUS_TSR | MSTATUS_MPP);
    EQ(wr(b, 0x100, ~(u64)0), 0x80000002000c6122);
    EQ(rd(b, 0x300), 0x8000000a004c792a);
    EQ(wr(b, 0x100, 0), 0x200000000);
    EQ(rd(b, 0x300), 0xa00000000 | MSTATUS_MIE | MSTATUS_TSR | MSTATUS_MPP);
    bench_free(b);

    b = bench_new("rv32", 32);
    EQ(rd(b, 0x300), 0);
    EQ(wr(b, 0x300, ~(u64)0), 0xffffffff807e79aa); /* sign-extended, SD is bit 31 */
    EQ(wr(b, 0x310, ~(u64)0), 0);
    EQ(wr(b, 0x100, 3 << 13), 0xffffffff80006000);
    bench_free(b);

    b = bench_new("sifive-e51", 64); /* M and U, no F */
    EQ(rd(b, 0x300), 0x200000000);
    EQ(wr(b, 0x300, ~(u64)0), 0x200000000 | MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_TW);
    EQ(wr(b, 0x300, 1 << 11) & MSTATUS_MPP, MSTATUS_MPP); /* no S */
    EQ(wr(b, 0x300, 0) & MSTATUS_MPP, 0);
    bench_free(b);

    b = bench_new("rv64i", 64); /* M only */
    EQ(rd(b, 0x300), MSTATUS_MPP);
    EQ(wr(b, 0x300, 0), MSTATUS_MPP);
    EQ(wr(b, 0x300, ~(u64)0), MSTATUS_MPP | MSTATUS_MIE | MSTATUS_MPIE);
    bench_free(b);
}

static void misa(void)
{
    struct bench *b = bench_new("rv64", 64);
    EQ(rd(b, 0x301), BIT64(63) | 0x14112f);
    EQ(wr(b, 0x301, 0), BIT64(63) | 0x14112f);
    bench_free(b);
    b = bench_new("rv64,zbs=off", 64);
    EQ(rd(b, 0x301), BIT64(63) | 0x14112d); /* B is all of Zba, Zbb, Zbs */
    bench_free(b);
    b = bench_new("rv32i", 32);
    EQ(rd(b, 0x301), 0x40000100);
    bench_free(b);
}

static void warl(void)
{
    struct bench *b = bench_new("rv64", 64);
    EQ(wr(b, 0x302, ~(u64)0), 0xb3ff);
    EQ(wr(b, 0x303, ~(u64)0), 0x222);
    EQ(wr(b, 0x304, ~(u64)0), 0xaaa);
    EQ(rd(b, 0x104), 0x222);
    EQ(wr(b, 0x303, 0x20), 0x20);
    EQ(rd(b, 0x104), 0x20);
    EQ(wr(b, 0x104, 0), 0); /* only the delegated one goes */
    EQ(rd(b, 0x304), 0xa8a);
    EQ(wr(b, 0x305, 0x80000007), 0x80000005); /* mode 3 is reserved */
    EQ(wr(b, 0x105, 0x80000002), 0x80000000);
    EQ(wr(b, 0x341, 0x80000003), 0x80000002); /* IALIGN 16 */
    EQ(wr(b, 0x141, ~(u64)0), ~(u64)1);
    EQ(wr(b, 0x306, ~(u64)0), 0xffffffff);
    EQ(wr(b, 0x106, ~(u64)0), 0xffffffff);
    EQ(wr(b, 0x320, ~(u64)0), 0xfffffffd);
    EQ(wr(b, 0x320, 0), 0);
    EQ(wr(b, 0x323, ~(u64)0), 0); /* no events */
    EQ(wr(b, 0xb03, ~(u64)0), ~(u64)0);
    EQ(wr(b, 0xb1f, 5), 5);
    EQ(wr(b, 0x30a, ~(u64)0), 0xe0000000000000f1);
    EQ(wr(b, 0x30a, 0x20), 0x30); /* CBIE=2 is reserved: the old 3 stays */
    EQ(wr(b, 0x30a, 0x10), 0x10);
    EQ(wr(b, 0x10a, ~(u64)0), 0xf1);
    EQ(wr(b, 0x7a0, 5), 0);
    EQ(rd(b, 0x7a1), 0);
    EQ(rd(b, 0x7a4), 1);
    EQ(wr(b, 0x342, ~(u64)0), ~(u64)0);
    for (u32 csr = 0xf11; csr <= 0xf15; csr++)
        EQ(rd(b, csr), 0);
    b->h->cpu.index = 3;
    EQ(rd(b, 0xf14), 3);
    bench_free(b);

    b = bench_new("rv64,c=off,zicbom=off,sstc=off,svadu=off,svpbmt=off", 64);
    EQ(wr(b, 0x341, ~(u64)0), ~(u64)3); /* IALIGN 32 */
    EQ(wr(b, 0x30a, ~(u64)0), 0x81);
    bench_free(b);

    b = bench_new("rv32", 32);
    EQ(wr(b, 0x30a, ~(u64)0), 0xf1);
    EQ(wr(b, 0x31a, ~(u64)0), 0xffffffffa0000000); /* Svpbmt is of Sv39 and up */
    EQ(rd(b, 0x30a), 0xf1);
    EQ(wr(b, 0x31a, 0x20000000), 0x20000000);
    EQ(wr(b, 0x340, 0x80000000), 0xffffffff80000000);
    EQ(b->h->mscratch, 0xffffffff80000000);
    bench_free(b);

    b = bench_new("sifive-e51", 64);
    EQ(wr(b, 0x304, ~(u64)0), 0x888);
    EQ(wr(b, 0x344, ~(u64)0), 0);
    bench_free(b);
}

static void satp(void)
{
    static const struct {
        const char *cpu;
        unsigned best; /* the largest MODE */
    } models[] = { { "rv64", 10 }, { "rv64,sv57=off", 9 }, { "sifive-u54", 8 }, { "rv64,mmu=off", 0 } };
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        struct bench *b = bench_new(models[i].cpu, 64);
        for (u64 mode = 1; mode < 16; mode++) {
            u64 v = mode << 60 | 0xabcd00000080000;
            bool legal = mode >= 8 && mode <= models[i].best;
            EQ(wr(b, 0x180, v), legal ? v : 0);
            CU_ASSERT_TRUE(!!(effects & EFFECT_CONTEXT) == legal);
            wr(b, 0x180, 0);
        }
        bench_free(b);
    }
    struct bench *b = bench_new("rv64", 64);
    EQ(wr(b, 0x180, ~(u64)0), 0);                                    /* mode 15 */
    EQ(wr(b, 0x180, 0x8fffffffffffffff), 0x8fffffffffffffff);        /* 16 bits of ASID, 44 of PPN */
    EQ(wr(b, 0x180, 0xf000000000000000), 0x8fffffffffffffff);
    /* TVM closes it to S, not to M. */
    wr(b, 0x300, MSTATUS_TVM);
    CU_ASSERT_TRUE(writable(b, 0x180));
    b->h->priv = PRIV_S;
    CU_ASSERT_FALSE(readable(b, 0x180));
    CU_ASSERT_FALSE(writable(b, 0x180));
    b->h->mstatus &= ~MSTATUS_TVM;
    CU_ASSERT_TRUE(writable(b, 0x180));
    bench_free(b);

    b = bench_new("rv32", 32);
    EQ(wr(b, 0x180, 0xffffffff), 0xffffffffffffffff);
    EQ(wr(b, 0x180, 0x7fffffff), 0x7fffffff);
    bench_free(b);
    b = bench_new("rv32,mmu=off", 32);
    EQ(wr(b, 0x180, 0x80000000), 0);
    bench_free(b);
}

static void floating(void)
{
    struct bench *b = bench_new("rv64", 64);
    u64 v;
    for (u32 csr = 1; csr <= 3; csr++)
        CU_ASSERT_FALSE(readable(b, csr)); /* FS is off */
    wr(b, 0x300, 1 << 13);
    EQ(wr(b, 0x003, ~(u64)0), 0xff);
    EQ(rd(b, 0x001), 31);
    EQ(rd(b, 0x002), 7);
    EQ(rd(b, 0x300) >> 13 & 3, 3);
    EQ(effects & EFFECT_FP, EFFECT_FP);
    wr(b, 0x300, 2 << 13);
    effects = 0; /* csrr does not dirty it */
    CU_ASSERT_TRUE(riscv_csr_rmw(b->h, 0x003, CSR_OP_SET, 0, false, &v, &effects));
    EQ(v, 0xff);
    EQ(rd(b, 0x300) >> 13 & 3, 2);
    EQ(wr(b, 0x001, 0x21), 1);
    EQ(wr(b, 0x002, 0xa), 2);
    EQ(rd(b, 0x003), 0x41);
    EQ(rd(b, 0x300) >> 13 & 3, 3);
    bench_free(b);
}

static void counters(void)
{
    struct bench *b = bench_new("rv64", 64);
    b->clock.now = 1000;
    b->h->cpu.retired = 400;
    EQ(rd(b, 0xb00), 1000);
    EQ(rd(b, 0xb02), 400);
    EQ(rd(b, 0xc00), 1000);
    EQ(rd(b, 0xc01), 100);
    EQ(rd(b, 0xc02), 400);
    EQ(wr(b, 0xb02, 7), 7); /* what the next instruction reads */
    EQ(wr(b, 0xb00, 70), 70);
    b->h->cpu.retired += 10;
    b->clock.now += 10;
    EQ(rd(b, 0xb02), 18);
    EQ(rd(b, 0xb00), 80);
    wr(b, 0x320, 5); /* this one still counts */
    b->clock.now += 100;
    b->h->cpu.retired += 100;
    EQ(rd(b, 0xb00), 81);
    EQ(rd(b, 0xb02), 19);
    EQ(wr(b, 0xb00, 5), 5);
    b->clock.now++;
    EQ(rd(b, 0xb00), 5);
    wr(b, 0x320, 0);
    EQ(rd(b, 0xb00), 5);
    b->clock.now += 3;
    EQ(rd(b, 0xb00), 8);
    EQ(wr(b, 0xb05, 77), 77);
    EQ(rd(b, 0xc05), 77);

    /* Enables: bit by bit, for S and U. */
    for (u32 i = 0; i < 32; i++) {
        u32 csr = 0xc00 + i;
        b->h->mcounteren = b->h->scounteren = 0;
        b->h->priv = PRIV_M;
        CU_ASSERT_TRUE(readable(b, csr));
        b->h->priv = PRIV_S;
        b->h->mcounteren = ~BIT64(i);
        CU_ASSERT_FALSE(readable(b, csr));
        b->h->mcounteren = BIT64(i);
        CU_ASSERT_TRUE(readable(b, csr));
        CU_ASSERT_FALSE(writable(b, csr));
        b->h->priv = PRIV_U;
        b->h->scounteren = ~BIT64(i);
        CU_ASSERT_FALSE(readable(b, csr));
        b->h->scounteren = BIT64(i);
        CU_ASSERT_TRUE(readable(b, csr));
        b->h->mcounteren = 0;
        CU_ASSERT_FALSE(readable(b, csr));
    }
    b->h->priv = PRIV_M;
    b->h->timebase.read = NULL; /* a board without mtime */
    CU_ASSERT_FALSE(readable(b, 0xc01));
    CU_ASSERT_TRUE(readable(b, 0xc00));
    bench_free(b);

    b = bench_new("sifive-e51", 64); /* no S: mcounteren alone decides */
    b->h->priv = PRIV_U;
    CU_ASSERT_FALSE(readable(b, 0xc00));
    b->h->mcounteren = 1;
    CU_ASSERT_TRUE(readable(b, 0xc00));
    bench_free(b);

    b = bench_new("rv32", 32);
    b->clock.now = 0x1234567890;
    EQ(rd(b, 0xb00), 0x34567890);
    EQ(rd(b, 0xb80), 0x12);
    EQ(rd(b, 0xc80), 0x12);
    b->mtime_offset = 0x500000000 - b->clock.now / 10;
    EQ(rd(b, 0xc81), 5);
    wr(b, 0xb80, 0);
    EQ(rd(b, 0xb80), 0);
    EQ(wr(b, 0xb00, 0xfffffff0), 0xfffffffffffffff0);
    b->clock.now += 0x20;
    EQ(rd(b, 0xb00), 0x10);
    EQ(rd(b, 0xb80), 1); /* it carried */
    EQ(wr(b, 0xb83, 0x80000001), 0xffffffff80000001);
    EQ(wr(b, 0xb03, 2), 2);
    EQ(b->h->mhpmcounter[3], 0x8000000100000002);
    EQ(rd(b, 0xc83), 0xffffffff80000001);
    bench_free(b);
}

static void pending_bits(void)
{
    struct bench *b = bench_new("rv64", 64);
    u64 old;
    EQ(wr(b, 0x344, ~(u64)0), 0x222); /* what M may set */
    EQ(wr(b, 0x344, 0), 0);
    wr(b, 0x303, 0x222);
    EQ(wr(b, 0x144, ~(u64)0), 2);
    wr(b, 0x344, 0);
    b->h->mip_wires = MIP_MEIP | MIP_SEIP | MIP_MTIP;
    EQ(rd(b, 0x344), MIP_MEIP | MIP_SEIP | MIP_MTIP);
    EQ(rd(b, 0x144), MIP_SEIP);
    /* CSRRS of another bit must not make the wire's SEIP a software bit. */
    effects = 0;
    CU_ASSERT_TRUE(riscv_csr_rmw(b->h, 0x344, CSR_OP_SET, MIP_SSIP, true, &old, &effects));
    EQ(old, MIP_MEIP | MIP_SEIP | MIP_MTIP);
    EQ(effects, EFFECT_IRQ);
    EQ(b->h->mip_soft, MIP_SSIP);
    CU_ASSERT_TRUE(riscv_csr_rmw(b->h, 0x344, CSR_OP_CLEAR, MIP_SSIP, true, &old, &effects));
    EQ(b->h->mip_soft, 0);
    CU_ASSERT_TRUE(riscv_csr_write(b->h, 0x344, MIP_SEIP | MIP_SSIP, &effects)); /* read, combined, written back */
    EQ(b->h->mip_soft, MIP_SSIP);
    wr(b, 0x344, MIP_SEIP); /* but CSRRW sets it */
    EQ(b->h->mip_soft, MIP_SEIP);
    b->h->mip_wires = 0;
    EQ(rd(b, 0x344), MIP_SEIP);
    wr(b, 0x303, 0);
    EQ(rd(b, 0x144), 0); /* nothing delegated, nothing shown */
    bench_free(b);
}

static void sstc(void)
{
    struct bench *b = bench_new("rv64", 64);
    b->clock.now = 1000; /* mtime 100 */
    EQ(rd(b, 0x14d), ~(u64)0);
    wr(b, 0x14d, 200);
    CU_ASSERT_FALSE(b->h->stimer.armed); /* STCE is off */
    EQ(wr(b, 0x344, MIP_STIP), MIP_STIP);
    b->h->priv = PRIV_S;
    CU_ASSERT_FALSE(readable(b, 0x14d));
    b->h->priv = PRIV_M;
    wr(b, 0x30a, ENVCFG_STCE);
    CU_ASSERT_TRUE(effects & EFFECT_IRQ);
    CU_ASSERT_TRUE(b->h->stimer.armed);
    CU_ASSERT_EQUAL(b->h->stimer.when, 2000);
    b->h->priv = PRIV_S;
    CU_ASSERT_FALSE(readable(b, 0x14d)); /* mcounteren.TM too */
    b->h->mcounteren = COUNTER_TM;
    CU_ASSERT_TRUE(writable(b, 0x14d));
    wr(b, 0x14d, 300);
    CU_ASSERT_EQUAL(b->h->stimer.when, 3000);
    b->h->priv = PRIV_U;
    CU_ASSERT_FALSE(readable(b, 0x14d));
    b->h->priv = PRIV_M;
    b->h->mip_soft = 0;
    EQ(rd(b, 0x344), 0);
    EQ(wr(b, 0x344, MIP_STIP), 0); /* read-only now */
    b->clock.now = 2999;
    EQ(rd(b, 0x344), 0);
    b->clock.attention = false;
    b->clock.now = 3000;
    EQ(rd(b, 0x344), MIP_STIP); /* on the tick, fired or not */
    clock_fire(&b->clock);
    CU_ASSERT_TRUE(b->clock.attention);
    EQ(rd(b, 0x344), MIP_STIP);
    wr(b, 0x14d, 400);
    EQ(rd(b, 0x344), 0);
    CU_ASSERT_TRUE(b->h->stimer.armed);
    wr(b, 0x14d, ~(u64)0); /* Linux's "never" */
    CU_ASSERT_FALSE(b->h->stimer.armed);
    wr(b, 0x14d, 0);
    CU_ASSERT_FALSE(b->h->stimer.armed);
    EQ(rd(b, 0x344), MIP_STIP);
    wr(b, 0x14d, 10000);
    b->mtime_offset = 5000; /* mtime was written */
    riscv_time_changed(b->h);
    CU_ASSERT_EQUAL(b->h->stimer.when, 50000);
    b->mtime_offset = 20000;
    riscv_time_changed(b->h);
    CU_ASSERT_FALSE(b->h->stimer.armed);
    EQ(rd(b, 0x344), MIP_STIP);
    bench_free(b);

    b = bench_new("rv32", 32);
    wr(b, 0x31a, 0x80000000);
    EQ(wr(b, 0x14d, 0x10), 0x10);
    EQ(wr(b, 0x15d, 0x1), 0x1);
    EQ(b->h->stimecmp, 0x100000010);
    CU_ASSERT_EQUAL(b->h->stimer.when, 0x100000010 * 10);
    bench_free(b);
}

static void stateen(void)
{
    struct bench *b = bench_new("max", 64);
    EQ(wr(b, 0x30c, ~(u64)0), STATEEN0_SE0 | STATEEN0_ENVCFG);
    EQ(wr(b, 0x30d, ~(u64)0), 0);
    EQ(wr(b, 0x10c, ~(u64)0), 0);
    b->h->priv = PRIV_S;
    CU_ASSERT_TRUE(readable(b, 0x10a));
    CU_ASSERT_TRUE(readable(b, 0x10c));
    CU_ASSERT_FALSE(readable(b, 0x10d));
    b->h->mstateen0 = 0;
    CU_ASSERT_FALSE(readable(b, 0x10a));
    CU_ASSERT_FALSE(readable(b, 0x10c));
    bench_free(b);
    b = bench_new("max", 32);
    EQ(wr(b, 0x31c, ~(u64)0), 0xffffffffc0000000);
    EQ(wr(b, 0x30c, ~(u64)0), 0);
    EQ(b->h->mstateen0, STATEEN0_SE0 | STATEEN0_ENVCFG);
    bench_free(b);
}

static void debugger(void)
{
    struct bench *b = bench_new("rv64", 64);
    u64 v;
    b->h->priv = PRIV_U;
    CU_ASSERT_TRUE(riscv_csr_peek(b->h, 0x300, &v)); /* no privilege, no FS */
    CU_ASSERT_TRUE(riscv_csr_peek(b->h, 0x003, &v));
    CU_ASSERT_FALSE(riscv_csr_peek(b->h, 0x747, &v));
    CU_ASSERT_TRUE(riscv_csr_poke(b->h, 0x003, 0x21));
    EQ(b->h->mstatus & MSTATUS_FS, 0); /* a person looking does not dirty it */
    EQ(b->h->fflags, 1);
    CU_ASSERT_FALSE(riscv_csr_poke(b->h, 0x301, 0));
    CU_ASSERT_FALSE(riscv_csr_poke(b->h, 0xf14, 0));
    CU_ASSERT_FALSE(riscv_csr_poke(b->h, 0x747, 0));
    b->clock.now = 50;
    CU_ASSERT_TRUE(riscv_csr_poke(b->h, 0xb00, 7));
    CU_ASSERT_TRUE(riscv_csr_peek(b->h, 0xb00, &v));
    EQ(v, 7);
    b->h->pmpcfg[0] = PMP_L;
    CU_ASSERT_TRUE(riscv_csr_poke(b->h, 0x3b0, 9));
    EQ(b->h->pmpaddr[0], 9);

    size_t n, again;
    const struct cpu_reg *regs = riscv_csr_regs(b->h, &n);
    CU_ASSERT_PTR_EQUAL(riscv_csr_regs(b->h, &again), regs);
    CU_ASSERT_EQUAL(n, again);
    CU_ASSERT_PTR_NULL(regs[n].name);
    bool hpm = false, pmp = false;
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_TRUE(riscv_csr_peek(b->h, regs[i].number, &v));
        CU_ASSERT_TRUE(i == 0 || regs[i - 1].number < regs[i].number);
        CU_ASSERT_TRUE(regs[i].bits == 64 && !strcmp(regs[i].group, "csr") && *regs[i].doc);
        for (const struct reg_field *f = regs[i].fields; f && f->name; f++)
            CU_ASSERT_TRUE(f->width && f->low + f->width <= 64 && *f->doc);
        hpm |= !strcmp(regs[i].name, "mhpmcounter31") && regs[i].number == 0xb1f;
        pmp |= !strcmp(regs[i].name, "pmpcfg2") && regs[i].number == 0x3a2;
        for (size_t k = 0; k < i; k++)
            CU_ASSERT_STRING_NOT_EQUAL(regs[i].name, regs[k].name);
    }
    CU_ASSERT_TRUE(hpm && pmp);
    bench_free(b);

    b = bench_new("max", 32);
    regs = riscv_csr_regs(b->h, &n);
    bool high = false;
    for (size_t i = 0; i < n; i++) {
        high |= !strcmp(regs[i].name, "hpmcounter3h") && regs[i].number == 0xc83;
        for (const struct reg_field *f = regs[i].fields; f && f->name; f++)
            CU_ASSERT_TRUE(f->low + f->width <= 32);
    }
    CU_ASSERT_TRUE(high);
    bench_free(b);
}

/* Any value into any register of any model: it takes some legal value, and a second write of that changes nothing. */
static void idempotent(void)
{
    static const struct {
        const char *cpu;
        unsigned xlen;
    } models[] = { { "max", 64 }, { "max", 32 }, { "sifive-u54", 64 }, { "sifive-e31", 32 }, { "rv64i", 64 } };
    u64 seed = 1;
    for (size_t m = 0; m < ARRAY_LEN(models); m++) {
        struct bench *b = bench_new(models[m].cpu, models[m].xlen);
        for (unsigned round = 0; round < 20; round++)
            for (u32 csr = 0; csr < 4096; csr++) {
                u64 v, w;
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                b->h->mcountinhibit = 0xffffffff; /* counters would move */
                if (!writable(b, csr))
                    continue;
                v = wr(b, csr, seed ^ seed >> 29);
                if (csr >= 0x3a0 && csr < 0x3f0) { /* locks are sticky: not this game */
                    memset(b->h->pmpcfg, 0, sizeof b->h->pmpcfg);
                    continue;
                }
                if (csr == 0x320) /* the counters it froze or freed */
                    continue;
                w = wr(b, csr, v);
                EQ(w, v);
                if (models[m].xlen == 32)
                    EQ(v, (u64)(i64)(i32)v);
            }
        bench_free(b);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "privilege and read-only from the number", privilege },
        { "existence by model", existence },
        { "mstatus and sstatus", mstatus },
        { "misa", misa },
        { "WARL", warl },
        { "satp", satp },
        { "floating-point CSRs", floating },
        { "counters", counters },
        { "mip and sip", pending_bits },
        { "Sstc", sstc },
        { "Smstateen", stateen },
        { "debugger's view", debugger },
        { "random values", idempotent },
        CU_TEST_INFO_NULL,
    };
    return unit_main("csr", tests);
}
