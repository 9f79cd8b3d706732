#include <stdio.h>

#include "tests/cpu/hart.h"

static unsigned effects;

static void enter(struct bench *b, unsigned priv, u64 pc)
{
    b->h->priv = (u8)priv;
    b->h->pc = pc;
    effects = 0;
}

static void to_m(void)
{
    for (unsigned xlen = 32; xlen <= 64; xlen += 32) {
        struct bench *b = bench_new(xlen == 64 ? "rv64" : "rv32", xlen);
        struct hart *h = b->h;
        for (unsigned from = 0; from < 4; from++) {
            if (from == 2)
                continue;
            h->mtvec = 0x80000100;
            h->mstatus = MSTATUS_MIE | MSTATUS_SIE;
            enter(b, from, 0x80001236);
            riscv_trap(h, CAUSE_LOAD_PAGE, false, 0x1234, &effects);
            CU_ASSERT_EQUAL(h->priv, PRIV_M);
            CU_ASSERT_EQUAL(h->pc, xlen == 64 ? 0x80000100 : 0xffffffff80000100);
            CU_ASSERT_EQUAL(h->mepc, 0x80001236);
            CU_ASSERT_EQUAL(h->mcause, CAUSE_LOAD_PAGE);
            CU_ASSERT_EQUAL(h->mtval, 0x1234);
            CU_ASSERT_EQUAL(h->mstatus, MSTATUS_MPIE | MSTATUS_SIE | (u64)from << 11);
            CU_ASSERT_TRUE((effects & (EFFECT_CONTEXT | EFFECT_IRQ)) == (EFFECT_CONTEXT | EFFECT_IRQ));
            effects = 0;
            CU_ASSERT_TRUE(riscv_mret(h, &effects));
            CU_ASSERT_EQUAL(h->priv, from);
            CU_ASSERT_EQUAL(h->pc, 0x80001236);
            CU_ASSERT_EQUAL(h->mstatus, MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_SIE);
        }
        bench_free(b);
    }
}

static void delegation(void)
{
    struct bench *b = bench_new("rv64", 64);
    struct hart *h = b->h;
    h->stvec = 0x1000, h->mtvec = 0x2000;
    for (u64 cause = 0; cause < 16; cause++)
        for (unsigned from = 0; from < 4; from++)
            for (unsigned delegated = 0; delegated < 2; delegated++) {
                if (from == 2)
                    continue;
                h->medeleg = delegated ? BIT64(cause) : ~BIT64(cause);
                enter(b, from, 0x100);
                riscv_trap(h, cause, false, cause, &effects);
                bool s = delegated && from != PRIV_M; /* never to a lower mode */
                CU_ASSERT_EQUAL(h->priv, s ? PRIV_S : PRIV_M);
                CU_ASSERT_EQUAL(h->pc, s ? 0x1000 : 0x2000);
                CU_ASSERT_EQUAL(s ? h->scause : h->mcause, cause);
                CU_ASSERT_EQUAL(s ? h->stval : h->mtval, cause);
            }
    /* Into S: SPP, SPIE, SIE; nothing of M. */
    h->medeleg = BIT64(CAUSE_ECALL_U);
    for (unsigned from = 0; from < 2; from++)
        for (unsigned sie = 0; sie < 2; sie++) {
            h->mstatus = MSTATUS_MIE | (sie ? MSTATUS_SIE : 0);
            h->mepc = h->mcause = h->mtval = 77;
            enter(b, from, 0x80000004);
            riscv_trap(h, CAUSE_ECALL_U, false, 0, &effects);
            CU_ASSERT_EQUAL(h->mstatus, MSTATUS_MIE | (sie ? MSTATUS_SPIE : 0) | (from ? MSTATUS_SPP : 0));
            CU_ASSERT_EQUAL(h->sepc, 0x80000004);
            CU_ASSERT_TRUE(h->mepc == 77 && h->mcause == 77 && h->mtval == 77);
            h->mstatus |= MSTATUS_MPRV;
            CU_ASSERT_TRUE(riscv_sret(h, &effects));
            CU_ASSERT_EQUAL(h->priv, from);
            CU_ASSERT_EQUAL(h->pc, 0x80000004);
            CU_ASSERT_EQUAL(h->mstatus, MSTATUS_MIE | MSTATUS_SPIE | (sie ? MSTATUS_SIE : 0)); /* MPRV is gone */
        }
    bench_free(b);
}

static void vectors(void)
{
    struct bench *b = bench_new("rv64", 64);
    struct hart *h = b->h;
    h->mtvec = 0x80000001, h->stvec = 0x90000001;
    h->mideleg = MIP_STIP;
    enter(b, PRIV_U, 0);
    riscv_trap(h, 7, true, 0, &effects);
    CU_ASSERT_EQUAL(h->pc, 0x80000000 + 28);
    CU_ASSERT_EQUAL(h->mcause, BIT64(63) | 7);
    enter(b, PRIV_U, 0);
    riscv_trap(h, 5, true, 0, &effects);
    CU_ASSERT_EQUAL(h->pc, 0x90000000 + 20);
    CU_ASSERT_EQUAL(h->scause, BIT64(63) | 5);
    CU_ASSERT_EQUAL(h->priv, PRIV_S);
    enter(b, PRIV_U, 0);
    riscv_trap(h, CAUSE_ILLEGAL, false, 0, &effects); /* exceptions go to BASE */
    CU_ASSERT_EQUAL(h->pc, 0x80000000);
    bench_free(b);

    b = bench_new("rv32", 32);
    b->h->mtvec = 0xffffffff80000001;
    enter(b, PRIV_U, 0);
    riscv_trap(b->h, 11, true, 0xdeadbeef, &effects);
    CU_ASSERT_EQUAL(b->h->mcause, 0xffffffff8000000b);
    CU_ASSERT_EQUAL(b->h->pc, 0xffffffff8000002c);
    CU_ASSERT_EQUAL(b->h->mtval, 0xffffffffdeadbeef);
    bench_free(b);
}

static void nested(void)
{
    struct bench *b = bench_new("rv64", 64);
    struct hart *h = b->h;
    h->medeleg = BIT64(CAUSE_ECALL_U);
    h->mtvec = 0x2000, h->stvec = 0x1000;
    h->mstatus = MSTATUS_SIE | MSTATUS_MIE;
    enter(b, PRIV_U, 0x10);
    riscv_trap(h, CAUSE_ECALL_U, false, 0, &effects);
    h->pc = 0x1004;
    riscv_trap(h, CAUSE_ECALL_S, false, 0, &effects);
    CU_ASSERT_EQUAL(h->priv, PRIV_M);
    h->pc = 0x2004;
    riscv_trap(h, CAUSE_ILLEGAL, false, 0, &effects); /* in the handler: its state is overwritten */
    CU_ASSERT_EQUAL(h->mepc, 0x2004);
    CU_ASSERT_EQUAL(bits_get(h->mstatus, MSTATUS_MPP_SHIFT, 2), PRIV_M);
    CU_ASSERT_FALSE(h->mstatus & MSTATUS_MPIE);
    CU_ASSERT_TRUE(riscv_mret(h, &effects));
    CU_ASSERT_EQUAL(h->priv, PRIV_M);
    h->mstatus |= (u64)PRIV_S << MSTATUS_MPP_SHIFT;
    h->mepc = 0x1008;
    CU_ASSERT_TRUE(riscv_mret(h, &effects));
    CU_ASSERT_EQUAL(h->priv, PRIV_S);
    CU_ASSERT_EQUAL(h->pc, 0x1008);
    CU_ASSERT_TRUE(riscv_sret(h, &effects));
    CU_ASSERT_EQUAL(h->priv, PRIV_U);
    CU_ASSERT_EQUAL(h->pc, 0x10);
    CU_ASSERT_TRUE(h->mstatus & MSTATUS_SIE);
    bench_free(b);
}

static void returns(void)
{
    struct bench *b = bench_new("rv64", 64);
    struct hart *h = b->h;
    for (unsigned p = 0; p < 2; p++) {
        enter(b, p, 0x40);
        CU_ASSERT_FALSE(riscv_mret(h, &effects));
        CU_ASSERT_TRUE(h->priv == p && h->pc == 0x40 && !effects);
    }
    enter(b, PRIV_U, 0x40);
    CU_ASSERT_FALSE(riscv_sret(h, &effects));
    enter(b, PRIV_S, 0x40);
    h->mstatus = MSTATUS_TSR;
    CU_ASSERT_FALSE(riscv_sret(h, &effects));
    enter(b, PRIV_M, 0x40);
    CU_ASSERT_TRUE(riscv_sret(h, &effects)); /* M may, TSR or not */
    CU_ASSERT_EQUAL(h->priv, PRIV_U);
    /* MPRV survives a return to M only. */
    enter(b, PRIV_M, 0);
    h->mstatus = MSTATUS_MPRV | MSTATUS_MPP;
    CU_ASSERT_TRUE(riscv_mret(h, &effects));
    CU_ASSERT_TRUE(h->mstatus & MSTATUS_MPRV);
    CU_ASSERT_FALSE(h->mstatus & MSTATUS_MPP);
    CU_ASSERT_EQUAL(riscv_data_priv(h), PRIV_U);
    CU_ASSERT_TRUE(riscv_mret(h, &effects));
    CU_ASSERT_EQUAL(h->priv, PRIV_U);
    CU_ASSERT_FALSE(h->mstatus & MSTATUS_MPRV);
    bench_free(b);

    b = bench_new("rv64i", 64); /* M alone */
    enter(b, PRIV_M, 0);
    CU_ASSERT_FALSE(riscv_sret(b->h, &effects));
    CU_ASSERT_TRUE(riscv_mret(b->h, &effects));
    CU_ASSERT_EQUAL(b->h->priv, PRIV_M);
    CU_ASSERT_EQUAL(b->h->mstatus & MSTATUS_MPP, MSTATUS_MPP);
    bench_free(b);
}

/* All combinations of pending bits, delegation, mode and enables, against the rule written out another way. */
static void priorities(void)
{
    static const int bits[] = { 11, 3, 7, 9, 1, 5 };
    struct bench *b = bench_new("rv64", 64);
    struct hart *h = b->h;
    for (unsigned set = 0; set < 64; set++)
        for (unsigned deleg = 0; deleg < 8; deleg++)
            for (unsigned mode = 0; mode < 12; mode++) {
                unsigned priv = (unsigned[]){ PRIV_U, PRIV_S, PRIV_M }[mode / 4];
                bool mie = mode & 1, sie = mode & 2;
                h->priv = (u8)priv;
                h->mstatus = (mie ? MSTATUS_MIE : 0) | (sie ? MSTATUS_SIE : 0);
                h->mie = 0xaaa;
                h->mip_wires = h->mideleg = 0;
                for (unsigned i = 0; i < 6; i++)
                    if (set >> i & 1)
                        h->mip_wires |= BIT64(bits[i]);
                for (unsigned i = 0; i < 3; i++)
                    if (deleg >> i & 1)
                        h->mideleg |= BIT64(bits[3 + i]);
                int want = -1;
                for (unsigned level = 0; level < 2 && want < 0; level++) /* M's, then S's */
                    for (unsigned i = 0; i < 6 && want < 0; i++) {
                        bool to_s = h->mideleg >> bits[i] & 1;
                        bool on = to_s ? priv == PRIV_U || (priv == PRIV_S && sie) : priv != PRIV_M || mie;
                        if ((set >> i & 1) && on && to_s == (level == 1))
                            want = bits[i];
                    }
                CU_ASSERT_EQUAL(riscv_pending(h), want);
                CU_ASSERT_EQUAL(riscv_wfi_wakes(h), set != 0); /* whatever the global enables say */
                h->mie = 0;
                CU_ASSERT_EQUAL(riscv_pending(h), -1);
                CU_ASSERT_FALSE(riscv_wfi_wakes(h));
            }
    /* Each bit of mie masks its own. */
    h->priv = PRIV_U;
    h->mideleg = 0;
    h->mip_wires = 0xaaa;
    for (unsigned i = 0; i < 6; i++) {
        h->mie = BIT64(bits[i]);
        CU_ASSERT_EQUAL(riscv_pending(h), bits[i]);
    }
    /* Sstc's level and software's bits count like wires. */
    h->mip_wires = 0;
    h->mie = 0xaaa;
    h->mip_soft = MIP_SSIP;
    CU_ASSERT_EQUAL(riscv_pending(h), 1);
    h->mip_soft = 0;
    h->menvcfg = ENVCFG_STCE;
    h->stimecmp = 100;
    b->clock.now = 999;
    CU_ASSERT_EQUAL(riscv_pending(h), -1);
    b->clock.now = 1000;
    CU_ASSERT_EQUAL(riscv_pending(h), 5);
    bench_free(b);
}

struct heard {
    unsigned n;
    char text[128], why[160];
};
static void hear(void *opaque, const struct event *ev)
{
    struct heard *l = opaque;
    l->n++;
    snprintf(l->text, sizeof l->text, "%s %s %llu %llx %llx %s>%s %s", ev->type->name, ev->value[0].s,
             (unsigned long long)ev->value[1].u, (unsigned long long)ev->value[2].u, (unsigned long long)ev->value[3].u,
             ev->value[4].s, ev->value[5].s, ev->source);
    snprintf(l->why, sizeof l->why, "%s", ev->value[6].s);
}

static void events(void)
{
    struct bench *b = bench_new("rv64", 64);
    struct heard heard = { 0 };
    struct event_listener l = { .prefix = "cpu.trap", .hear = hear, .opaque = &heard };
    event_listen(&b->bus, &l);
    b->h->medeleg = BIT64(CAUSE_STORE_PAGE);
    b->h->cpu.idle = true;
    enter(b, PRIV_U, 0x8000);
    riscv_trap(b->h, CAUSE_STORE_PAGE, false, 0x40, &effects);
    CU_ASSERT_STRING_EQUAL(heard.text, "cpu.trap store page fault 15 8000 40 U>S hart0");
    CU_ASSERT_FALSE(b->h->cpu.idle);
    riscv_trap(b->h, 7, true, 0, &effects);
    CU_ASSERT_STRING_EQUAL(heard.text, "cpu.trap machine timer interrupt 7 0 0 S>M hart0");
    CU_ASSERT_EQUAL(heard.n, 2);
    CU_ASSERT_STRING_EQUAL(heard.why, "");
    CU_ASSERT_STRING_EQUAL(riscv_cause_name(24, false), "reserved exception");
    CU_ASSERT_STRING_EQUAL(riscv_cause_name(UINT64_MAX, true), "reserved interrupt");
    CU_ASSERT_STRING_EQUAL(riscv_cause_name(10, false), "reserved exception");
    riscv_trap(b->h, UINT64_MAX, true, 0, &effects); /* nobody should, but it must not shift out of range */
    bench_free(b);
}

/* One number for the hart, but the listener is told which it was. */
static void refusals(void)
{
    static const struct {
        u64 cause, tval;
        const char *why;
    } rows[] = {
        { CAUSE_LOAD_ACCESS, 0x20000000000, "nothing answers at physical 0x20000000000" },
        { CAUSE_STORE_ACCESS, 0x20000000000, "nothing answers at physical 0x20000000000" },
        { CAUSE_FETCH_ACCESS, 0x20000000000, "nothing answers at physical 0x20000000000" },
        { CAUSE_LOAD_ACCESS, RAM_BASE + 0x1008, "PMP forbids the access to physical 0x80001008" },
        { CAUSE_STORE_ACCESS, RAM_BASE + 0x1008, "PMP forbids the access to physical 0x80001008" },
        { CAUSE_FETCH_ACCESS, RAM_BASE + 0x1008, "PMP forbids the access to physical 0x80001008" },
        { CAUSE_LOAD_ACCESS, RAM_BASE + 0xffe, "PMP or the end of ram cuts the access to physical 0x80000ffe" },
        { CAUSE_FETCH_ACCESS, IO_BASE, "io at physical 0x10000000 is a device: it holds no instructions" },
        { CAUSE_STORE_ACCESS, IO_BASE + 1, "io at physical 0x10000001 does not take this access" },
        { CAUSE_LOAD_PAGE, 0x20000000000, "" },
    };
    struct bench *b = bench_new("rv64", 64);
    struct heard heard = { 0 };
    struct event_listener l = { .prefix = "cpu.trap", .hear = hear, .opaque = &heard };
    event_listen(&b->bus, &l);
    b->h->pmpcfg[0] = PMP_NAPOT | PMP_L;
    b->h->pmpaddr[0] = (RAM_BASE + 0x1000) >> 2 | 511;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enter(b, PRIV_M, RAM_BASE);
        riscv_trap(b->h, rows[i].cause, false, rows[i].tval, &effects);
        CU_ASSERT_STRING_EQUAL(heard.why, rows[i].why);
    }
    bench_free(b);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "into M and back", to_m },   { "delegation", delegation }, { "vectored", vectors },   { "nested", nested },
        { "mret and sret", returns },  { "priorities", priorities }, { "events and names", events },
        { "why an access was refused", refusals },
        CU_TEST_INFO_NULL,
    };
    return unit_main("trap", tests);
}
