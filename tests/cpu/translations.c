/* What the engine keeps of translations must not show: a hart that runs freely, one that is made to forget everything
 * before each instruction and one that is observed end in the same state, whatever a program does to its page tables,
 * with or without fences. Also accesses that are not aligned. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "cpu/riscv/insn.h"
#include "cpu/riscv/priv.h"
#include "tests/isa/rig.h"
#include "tests/unit.h"

#define RAM_BYTES 0x40000u
#define PAGE(n) ((u64)RAM + ((u64)(n) << 12))
/* Low pages are those that superpages at the start of RAM give away: nothing there that programs need. */
enum { DATA = 0, FUNCTIONS = 4, N_FUNCTIONS = 6, ROOTS = 10, T1 = 15, T0 = 18, TABLES_END = 22, OWN = 22, CONSTANTS = 23,
       HANDLER = 24, CODE = 25, N_CODE = 6, NAPOT = 32 /* 16 pages */ };
#define N_ROOTS (T1 - ROOTS) /* more than address spaces are kept */

static struct rig *rig(unsigned xlen)
{
    return rig_new(&(struct rig_setup){ "max", xlen, 0, RAM_BYTES, RAM, NULL });
}

static void word(struct rig *r, unsigned op, unsigned rd, unsigned rs1, unsigned rs2, i64 imm)
{
    rig_put(r, rig_encode(r->d, op, rd, rs1, rs2, imm));
}

#define OP(name, rd, rs1, rs2, imm) word(r, RV_OP_##name, rd, rs1, rs2, imm)
#define X(n) r->h->x[n]

static void put(struct rig *r, u64 at, u64 v, unsigned size)
{
    u8 b[8] = { 0 };
    store_le(b, size, v);
    space_poke(r->s, at, b, size);
}

/* --- random programs ---------------------------------------------------------------------------------------------- */

enum { R_CONSTANTS = 20, R_CODE = 24, R_IDENTITY = 28, R_RECOVER = 29 };
static const u8 root_register[N_ROOTS] = { 21, 22, 23, 26, 27 };

/* Into rd. */
static void constant(struct rig *r, unsigned rd, u64 v)
{
    unsigned size = r->h->config.xlen / 8, k = r->n_constants;
    if (k == PAGE_SIZE / size || k == 512)
        k = (unsigned)(v % r->n_constants); /* another one will do */
    else
        put(r, PAGE(CONSTANTS) + r->n_constants++ * size, v, size);
    i64 offset = (i64)(k * size) - 2048;
    if (size == 8)
        OP(ld, rd, R_CONSTANTS, 0, offset);
    else
        OP(lw, rd, R_CONSTANTS, 0, offset);
}

static u64 some(u64 *g, u64 n) { return rng_next(g) % n; }

static u64 random_va(struct rig *r, u64 *g)
{
    static const u64 low[] = { 0, 1, 1, 2 };
    u64 offset = some(g, 3) ? 8 * some(g, 512) : some(g, 2) ? 4096 - some(g, 9) : some(g, 4096);
    u64 page = low[some(g, ARRAY_LEN(low))];
    return r->h->config.xlen == 64 ? (u64)!some(g, 4) << 30 | (u64)!some(g, 3) << 21 | page << 12 | (offset & 4095)
                                   : some(g, 2) << 22 | page << 12 | (offset & 4095);
}

static u64 random_pte(struct rig *r, u64 *g)
{
    static const u8 leaf[] = { 0xcf, 0xcf, 0xcf, 0xcf, 0xcf, 0x0f, 0x4f, 0xcb, 0xc7, 0xdf, 0xc9, 0x03 };
    u64 bits = leaf[some(g, ARRAY_LEN(leaf))];
    bool wide = r->h->config.xlen == 64;
    switch (some(g, 12)) {
    case 0: return 0;
    case 1: case 2: case 3: return PAGE(ROOTS + some(g, TABLES_END - ROOTS)) >> 2 | 1;
    case 4: return (u64)RAM >> 2 | bits; /* any size; the code may be there too */
    case 5: return wide ? PAGE(NAPOT + 8) >> 2 | bits | (u64)1 << 63 : 0;
    case 6: return PAGE(ROOTS + some(g, TABLES_END - ROOTS)) >> 2 | bits;
    case 7: case 8: case 9: return PAGE(FUNCTIONS + some(g, N_FUNCTIONS)) >> 2 | bits;
    default: return PAGE(DATA + some(g, 4)) >> 2 | bits;
    }
}

static u64 random_entry(struct rig *r, u64 *g) /* its address */
{
    static const u64 index[] = { 0, 0, 1, 1, 2 };
    unsigned size = r->h->config.xlen / 8;
    u64 page = some(g, 8) ? T1 + some(g, TABLES_END - T1) : ROOTS + some(g, N_ROOTS), k = index[some(g, ARRAY_LEN(index))];
    if (page < T1 && k > 1)
        k &= 1;
    return PAGE(page) + k * size;
}

static u64 satp(struct rig *r, u64 root, u64 asid)
{
    return r->h->config.xlen == 64 ? (u64)8 << 60 | asid << 44 | PAGE(root) >> 12
                                   : (u64)(i64)(i32)(0x80000000u | (u32)asid << 22 | (u32)(PAGE(root) >> 12));
}

static void random_op(struct rig *r, u64 *g)
{
    bool wide = r->h->config.xlen == 64;
    switch (some(g, 16)) {
    case 0: case 1: case 2:
        constant(r, 6, random_va(r, g));
        switch (some(g, 4)) {
        case 0: OP(lb, 7, 6, 0, 0); break;
        case 1: OP(lh, 8, 6, 0, 0); break;
        case 2: OP(lw, 9, 6, 0, 0); break;
        default: wide ? OP(ld, 10, 6, 0, 0) : OP(lhu, 10, 6, 0, 0);
        }
        OP(add, 11, 11, 7 + (unsigned)some(g, 4), 0);
        break;
    case 3: case 4:
        constant(r, 6, random_va(r, g));
        constant(r, 7, random_pte(r, g));
        switch (some(g, 4)) {
        case 0: OP(sb, 0, 6, 7, 0); break;
        case 1: OP(sh, 0, 6, 7, 0); break;
        case 2: OP(sw, 0, 6, 7, 0); break;
        default: wide ? OP(sd, 0, 6, 7, 0) : OP(sw, 0, 6, 7, 0);
        }
        break;
    case 5: case 6: case 7: case 8: /* a page-table entry, by its physical address */
        constant(r, 6, random_entry(r, g));
        constant(r, 7, random_pte(r, g));
        wide ? OP(sd, 0, 6, 7, 0) : OP(sw, 0, 6, 7, 0);
        break;
    case 9:
        constant(r, 6, random_entry(r, g));
        constant(r, 7, random_pte(r, g));
        if (!some(g, 4))
            OP(cbo_zero, 0, 6, 0, 0);
        else if (some(g, 2))
            OP(amoadd_w, 9, 6, 7, 0);
        else
            OP(lr_w, 9, 6, 0, 0), OP(sc_w, 9, 6, 7, 0);
        break;
    case 10: case 11: case 12: /* a call, in the middle of a page or across two */
        constant(r, 6, (random_va(r, g) & ~(u64)0xfff) + (some(g, 2) ? 0xffa : 8 * some(g, 8)));
        OP(auipc, R_RECOVER, 0, 0, 0);
        OP(addi, R_RECOVER, R_RECOVER, 0, 12);
        OP(jalr, 1, 6, 0, 0);
        break;
    case 13:
        constant(r, 6, satp(r, ROOTS + some(g, N_ROOTS), some(g, 3)));
        OP(csrrw, 12, 6, 0, 0x180);
        break;
    case 14: /* SUM; rarely MXR */
        constant(r, 6, (u64)1 << (18 + !some(g, 8)));
        some(g, 2) ? OP(csrrs, 0, 6, 0, 0x100) : OP(csrrc, 0, 6, 0, 0x100);
        break;
    default:
        constant(r, 6, random_va(r, g));
        OP(sfence_vma, 0, some(g, 2) ? 6 : 0, some(g, 2) ? 11 : 0, 0);
    }
}

/* A handler in M-mode that steps over what faulted in the program, goes on behind the call when it was somewhere else,
 * and after a fault of a fetch mends what every address space needs: the entry that maps RAM at its own address. */
static struct rig *random_program(unsigned xlen, u64 seed)
{
    struct rig *r = rig(xlen);
    u64 state = seed, *g = &state;
    bool wide = xlen == 64;
    unsigned size = xlen / 8, own = wide ? (unsigned)(RAM >> 30) : RAM >> 22;

    r->at = PAGE(HANDLER);
    OP(csrrs, 30, 0, 0, 0x342);
    OP(addi, 30, 30, 0, -12);
    OP(bne, 0, 30, 0, 4 + 4 * N_ROOTS);
    for (unsigned k = 0; k < N_ROOTS; k++)
        word(r, wide ? RV_OP_sd : RV_OP_sw, 0, root_register[k], R_IDENTITY, 0);
    OP(csrrs, 30, 0, 0, 0x341);
    OP(addi, 30, 30, 0, 4);
    OP(bgeu, 0, 30, R_CODE, 8);
    OP(addi, 30, R_RECOVER, 0, 0);
    OP(csrrw, 0, 30, 0, 0x341);
    OP(mret, 0, 0, 0, 0);

    for (unsigned k = 0; k < N_FUNCTIONS; k++) { /* each entry point adds another number */
        for (r->at = PAGE(FUNCTIONS + k); r->at < PAGE(FUNCTIONS + k) + 80;) {
            OP(addi, 5, 5, 0, (i64)k * 100 + (i64)(r->at & 0xfff));
            OP(jalr, 0, 1, 0, 0);
        }
        r->at = PAGE(FUNCTIONS + k) + 0xffa;
        OP(addi, 5, 5, 0, (i64)k + 1000);
        put(r, r->at, 0x8067, 2); /* half of jalr x0, 0(x1); the rest of it, or of 1(x1), is next door */
        put(r, PAGE(FUNCTIONS + k), k & 1 ? 0x10 : 0, 2);
    }
    r->at = PAGE(CODE);
    while (r->at < PAGE(CODE + N_CODE) - 64 && r->n_constants < PAGE_SIZE / size && r->n_constants < 500)
        random_op(r, g);
    OP(jal, 0, 0, 0, (i64)(PAGE(CODE) - r->at));

    for (unsigned k = 0; k < 200; k++)
        put(r, random_entry(r, g), random_pte(r, g), size);
    for (unsigned k = 0; k < 2 * N_ROOTS; k++) /* most first levels lead on */
        put(r, PAGE(ROOTS + k % N_ROOTS) + k / N_ROOTS * size, PAGE((wide ? T1 : T0) + some(g, 3)) >> 2 | 1, size);
    for (unsigned k = 0; k < 6 && wide; k++)
        put(r, PAGE(T1 + k % 3) + k / 3 * size, PAGE(T0 + some(g, 4)) >> 2 | 1, size);
    /* The entry for RAM itself: a large page, or a pointer to a table that all address spaces share. */
    u64 identity = seed & 1 ? PAGE(OWN) >> 2 | 1 : (u64)RAM >> 2 | 0xcf;
    for (unsigned k = 0; k < (wide ? 1 : RAM_BYTES >> PAGE_SHIFT); k++)
        put(r, PAGE(OWN) + k * size, PAGE(k) >> 2 | 0xcf, size);
    for (unsigned k = 0; k < N_ROOTS; k++) {
        put(r, PAGE(ROOTS + k) + own * size, identity, size);
        X(root_register[k]) = PAGE(ROOTS + k) + own * size;
        if (!wide)
            X(root_register[k]) = (u64)(i64)(i32)X(root_register[k]);
    }

    X(R_CONSTANTS) = wide ? PAGE(CONSTANTS) + 2048 : (u64)(i64)(i32)(PAGE(CONSTANTS) + 2048);
    X(R_CODE) = X(R_CONSTANTS) + (CODE - CONSTANTS) * PAGE_SIZE - 2048;
    X(R_IDENTITY) = identity;
    X(R_RECOVER) = wide ? PAGE(CODE) : (u64)(i64)(i32)PAGE(CODE);
    r->h->pmpcfg[0] = 0x1f;
    r->h->pmpaddr[0] = ~(u64)0 >> 10;
    r->h->menvcfg = ENVCFG_ADUE | ENVCFG_CBZE | ENVCFG_CBCFE | ENVCFG_CBIE;
    r->h->mtvec = PAGE(HANDLER);
    r->h->satp = satp(r, ROOTS, 0);
    r->h->priv = PRIV_S;
    r->c->ops->set_pc(r->c, PAGE(CODE));
    r->c->ops->state_loaded(r->c);
    return r;
}

static u64 one_tick(void *opaque, struct cpu *c, const struct cpu_retire *o) { return 1; }
static const struct cpu_observer observer = { .retire = one_tick };

static bool same(const struct rig *a, const struct rig *b)
{
    return !memcmp(a->h->x, b->h->x, 32 * sizeof *a->h->x) && a->h->pc == b->h->pc && a->h->satp == b->h->satp &&
           a->h->mstatus == b->h->mstatus && a->h->mcause == b->h->mcause && a->h->mtval == b->h->mtval &&
           a->h->mepc == b->h->mepc && a->h->priv == b->h->priv && a->c->retired == b->c->retired &&
           a->clock.now == b->clock.now && !memcmp(a->ram->host, b->ram->host, RAM_BYTES);
}

/* Loads, stores and calls that got through, so that the programs are known to do something. */
static void random_programs(unsigned xlen, u64 programs, u64 length)
{
    u64 sums = 0;
    for (u64 seed = 1; seed <= programs; seed++) {
        struct rig *free_ = random_program(xlen, seed), *forgetful = random_program(xlen, seed);
        struct rig *observed = random_program(xlen, seed);
        observed->c->observer = &observer;
        bool equal = true;
        u64 done_ = 0;
        while (done_ < length && equal) {
            u64 part = 1 + (seed * 977 + done_ * 31) % 800;
            free_->c->ops->run(free_->c, part);
            observed->c->ops->run(observed->c, part);
            for (u64 k = 0; k < part; k++) {
                forgetful->c->ops->run(forgetful->c, 1);
                forgetful->c->ops->stops_changed(forgetful->c);
            }
            done_ += part;
            equal = same(free_, forgetful) && same(free_, observed);
        }
        CU_ASSERT_TRUE(equal);
        if (!equal)
            fprintf(stderr, "RV%u program %llu differs before instruction %llu\n", xlen, (unsigned long long)seed,
                    (unsigned long long)done_);
        sums += (free_->h->x[5] != 0) + (free_->h->x[11] != 0);
        rig_free(free_);
        rig_free(forgetful);
        rig_free(observed);
    }
    CU_ASSERT_TRUE(sums > programs); /* of 2 each */
}

static void sv39(void) { random_programs(64, 80, 8000); }
static void sv32(void) { random_programs(32, 80, 8000); }

/* --- one kernel, two address spaces ------------------------------------------------------------------------------- */

static u64 at_root(struct rig *r, unsigned root, unsigned k) { return PAGE(root) + k * r->h->config.xlen / 8; }
static u64 wide_or_not(const struct rig *r, u64 v) { return r->h->config.xlen == 64 ? v : (u64)(i64)(i32)v; }

/* Two roots lead to the same tables. The second one's entry is written while it is in use: the first keeps its meaning.
 * With large, the pages at 0 are those of the roots' own entries instead, and dirty bits are each root's own. */
static void two_spaces(unsigned xlen, bool large)
{
    struct rig *r = rig(xlen);
    bool wide = xlen == 64;
    unsigned size = xlen / 8, own = wide ? (unsigned)(RAM >> 30) : RAM >> 22;
    unsigned load = wide ? RV_OP_ld : RV_OP_lw, store = wide ? RV_OP_sd : RV_OP_sw;
    for (unsigned k = 0; k < RAM_BYTES >> PAGE_SHIFT; k++) /* 2 MiB, or pages */
        if (!wide || !k)
            put(r, PAGE(OWN) + k * size, PAGE(k) >> 2 | 0xcf, size);
    for (unsigned k = 0; k < 2; k++) {
        put(r, at_root(r, ROOTS + k, own), PAGE(OWN) >> 2 | 1, size);
        put(r, at_root(r, ROOTS + k, 0), large ? (u64)RAM >> 2 | 0x4f : PAGE(wide ? T1 : T0) >> 2 | 1, size);
        put(r, PAGE(T1 + k), PAGE(T0 + k) >> 2 | 1, size);
        put(r, PAGE(T0 + k), PAGE(DATA + 1 + k) >> 2 | 0xcf, size);
        put(r, PAGE(DATA + 1 + k), 100 + k, size);
        X(20 + k) = satp(r, ROOTS + k, 0);
    }
    put(r, PAGE(DATA), 99, size);
    X(8) = wide_or_not(r, at_root(r, ROOTS + 1, 0));
    X(9) = PAGE(wide ? T1 + 1 : T0 + 1) >> 2 | 1;
    r->at = PAGE(CODE);
    OP(csrrw, 0, 20, 0, 0x180);
    word(r, load, 10, 6, 0, 0);
    word(r, store, 0, 6, 10, 8);
    OP(csrrw, 0, 21, 0, 0x180);
    word(r, load, 11, 6, 0, 0);
    word(r, store, 0, 6, 10, 8);
    word(r, load, 14, 8, 0, 0);
    word(r, store, 0, 8, 9, 0);
    word(r, load, 12, 6, 0, 0);
    OP(csrrw, 0, 20, 0, 0x180);
    word(r, load, 13, 6, 0, 0);
    r->h->pmpcfg[0] = 0x1f;
    r->h->pmpaddr[0] = ~(u64)0 >> 10;
    r->h->menvcfg = ENVCFG_ADUE;
    r->h->priv = PRIV_S;
    r->c->ops->set_pc(r->c, PAGE(CODE));
    r->c->ops->state_loaded(r->c);
    r->c->ops->run(r->c, 11);
    CU_ASSERT_EQUAL(X(10), large ? 99 : 100);
    CU_ASSERT_EQUAL(X(11), X(10));
    CU_ASSERT_EQUAL(X(12), 101);
    CU_ASSERT_EQUAL(X(13), X(10));
    CU_ASSERT_EQUAL(X(14) & 0xff, large ? 0xcf : 1);
    CU_ASSERT_EQUAL(r->c->trapped, 0);
    rig_free(r);
}

static void spaces(void)
{
    for (unsigned xlen = 32; xlen <= 64; xlen += 32) {
        two_spaces(xlen, false);
        two_spaces(xlen, true);
    }
}

/* --- accesses that are not aligned -------------------------------------------------------------------------------- */

static void unaligned(void)
{
    for (unsigned xlen = 32; xlen <= 64; xlen += 32) {
        struct rig *r = rig(xlen);
        r->at = RAM;
        OP(lw, 7, 5, 0, 0);
        OP(sw, 0, 5, 6, 0);
        OP(lhu, 8, 5, 0, 1);
        OP(sh, 0, 5, 9, 2);
        OP(lw, 10, 5, 0, 0);
        OP(jal, 0, 0, 0, -20);
        for (u64 k = 0; k < 16; k++)
            put(r, PAGE(2) - 8 + k, 0x10 + k, 1);
        for (u64 offset = 0; offset < 12; offset++) /* in the page, at its end, in both, in the next */
            for (unsigned twice = 0; twice < 2; twice++) {
                u64 va = PAGE(2) - 8 + offset;
                u32 before = (u32)load_le(r->ram->host + (va - RAM), 4);
                X(5) = xlen == 64 ? va : (u64)(i64)(i32)va;
                X(6) = 0xa1b2c3d4;
                X(9) = 0x1234;
                r->c->ops->run(r->c, 6);
                CU_ASSERT_EQUAL(X(7), (u64)(i64)(i32)before);
                CU_ASSERT_EQUAL(X(8), 0xb2c3);
                CU_ASSERT_EQUAL(X(10), 0x1234c3d4);
                CU_ASSERT_EQUAL((u32)load_le(r->ram->host + (va - RAM), 4), 0x1234c3d4);
                CU_ASSERT_EQUAL(r->ram->host[va - RAM + 4], 0x10 + offset + 4);
                put(r, va, 0x10101010 + 0x03020100 + offset * 0x01010101, 4);
            }
        CU_ASSERT_EQUAL(r->c->retired, 24 * 6);
        rig_free(r);
    }
}

/* Watched bytes in the middle of an access, on either side of a page's end. */
static void unaligned_watched(void)
{
    for (unsigned offset = 1; offset < 8; offset++)
        for (unsigned watch = 0; watch < 16; watch++) {
            struct rig *r = rig(64);
            struct cpu_watch w = { .addr = PAGE(2) - 8 + watch, .len = 1, .access = CPU_WRITE };
            struct cpu_stops stops = { .watch = &w, .n_watch = 1 };
            r->at = RAM;
            OP(sd, 0, 5, 6, 0);
            OP(addi, 7, 7, 0, 1);
            OP(jal, 0, 0, 0, -8);
            X(5) = PAGE(2) - 8 + offset;
            r->c->ops->run(r->c, 30); /* all is in the TLB */
            r->c->stops = &stops;
            r->c->ops->stops_changed(r->c);
            bool hit = watch >= offset && watch < offset + 8;
            CU_ASSERT_EQUAL(r->c->ops->run(r->c, 30), hit ? CPU_WATCH : CPU_BUDGET);
            CU_ASSERT_EQUAL(X(7), hit ? 10 : 20);
            rig_free(r);
        }
}

/* An unaligned store that changes code, within a page and from the page before. */
static void unaligned_code(void)
{
    struct rig *r = rig(64);
    u64 target = PAGE(3);
    r->at = target;
    OP(addi, 7, 7, 0, 1);
    OP(addi, 7, 7, 0, 1);
    OP(jalr, 0, 1, 0, 0);
    r->at = RAM;
    OP(jalr, 1, 5, 0, 0);
    OP(sd, 0, 6, 8, 0);
    OP(jalr, 1, 5, 0, 0);
    OP(sd, 0, 9, 10, 0);
    OP(jalr, 1, 5, 0, 0);
    X(5) = target;
    X(6) = target - 2;              /* across: replaces the first instruction and half of the second */
    X(8) = 0x839300f38393ull << 16; /* addi x7, x7, 15; the second's lower half stays what it is */
    X(9) = target + 3;              /* within: addi x7, x7, 0x1f (bits 31..24 of the first), the second anew */
    X(10) = 0x80670063839301ull | (u64)0 << 56;
    r->c->ops->run(r->c, 4);
    CU_ASSERT_EQUAL(X(7), 2);
    r->c->ops->run(r->c, 5);
    CU_ASSERT_EQUAL(X(7), 2 + 15 + 1);
    r->c->ops->run(r->c, 5);
    CU_ASSERT_EQUAL(X(7), 18 + 31 + 6);
    rig_free(r);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "Sv39, random programs", sv39 },
        { "Sv32, random programs", sv32 },
        { "one kernel in two address spaces", spaces },
        { "not aligned", unaligned },
        { "not aligned, watched", unaligned_watched },
        { "not aligned, to code", unaligned_code },
        CU_TEST_INFO_NULL,
    };
    return unit_main("RISC-V translations kept", tests);
}
