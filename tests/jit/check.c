/* Random programs on two harts, one interpreted and one compiled from the first execution on: after each slice of
 * time everything must be equal. The programs fault, trap, jump wildly and overwrite their own code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cpu/riscv/insn.h"
#include "jit/emit.h"
#include "jit/jit.h"
#include "tests/unit.h"

#define RAM 0x80000000u
#define RAM_BYTES 0x8000u
#define CODE (RAM + 0x1000)
#define CODE_BYTES 0x1000u
#define HANDLER (RAM + 0x100)
#define SAVE (RAM + 0x800)
#define DATA (RAM + 0x4000)
#define DEVICE 0x10000000u

static u64 next_random(u64 *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

struct machine {
    struct arena *a;
    struct clock clock;
    struct space *s;
    struct ram *ram;
    struct cpu *c;
    struct hart *h;
    u64 device;
};

static u64 tb_read(void *o) { return ((struct machine *)o)->clock.now; }
static u64 tb_when(void *o, u64 v) { return v; }

/* A device that tells time: it proves that compiled code asks for it at the exact instruction. */
static enum mem_result dev_read(void *o, u64 offset, unsigned size, u64 *value)
{
    struct machine *m = o;
    *value = m->clock.now + m->device * 3 + offset;
    return offset < 0x80 ? MEM_OK : MEM_FAULT;
}
static enum mem_result dev_write(void *o, u64 offset, unsigned size, u64 value)
{
    struct machine *m = o;
    m->device = m->device * 31 + value + m->clock.now;
    return offset < 0x80 ? MEM_OK : MEM_FAULT;
}
static const struct io_ops dev_ops = { .read = dev_read, .write = dev_write };

static struct machine *machine(unsigned xlen, u64 drop, u64 threshold)
{
    struct err e = { "" };
    struct machine *m = xcalloc(1, sizeof *m);
    struct riscv_config config;
    m->a = arena_new();
    clock_init(&m->clock, 1000000000);
    m->s = space_new(m->a, "memory");
    m->ram = ram_new(m->a, "ram", RAM_BYTES, false, &e);
    CU_ASSERT_FATAL(space_add_ram(m->s, RAM, m->ram, &e));
    space_add_io(m->s, "dev", DEVICE, 0x100, &dev_ops, m, &e);
    CU_ASSERT_FATAL(riscv_config_parse("max", xlen, &config, &e));
    config.ext &= ~drop;
    config.reset_pc = CODE;
    m->c = riscv_new(m->a, &config, 0, m->s, &m->clock, NULL, (struct timebase){ tb_read, tb_when, m }, &e);
    m->h = hart_of(m->c);
    struct jit_options o = { .tier = 2, .threshold = threshold, .region_threshold = 3, .cache_bytes = 2 << 20 };
    if (threshold && !jit_install(m->a, m->c, &o, &e)) {
        printf("%s\n", e.text);
        CU_FAIL_FATAL("jit_install");
    }
    return m;
}

static void machine_done(struct machine *m)
{
    clock_fini(&m->clock);
    arena_free(m->a);
    free(m);
}

/* --- programs --------------------------------------------------------------------------------------------------- */

struct gen {
    const struct rv_decoder *d;
    u64 rng;
    u8 image[RAM_BYTES];
    u32 at;
    u16 ops[RV_OP_COUNT];
    unsigned n_ops;
};

static void emit(struct gen *g, unsigned op, unsigned rd, unsigned rs1, unsigned rs2, i64 imm)
{
    const struct rv_row *r = &g->d->row[op];
    u32 b = r->match;
    b |= r->d_w ? (rd & ((1u << r->d_w) - 1)) << r->d_lo : 0;
    b |= r->s_w ? (rs1 & ((1u << r->s_w) - 1)) << r->s_lo : 0;
    b |= r->t_w ? (rs2 & ((1u << r->t_w) - 1)) << r->t_lo : 0;
    if (strchr(riscv_insns[op].args, 'R'))
        b |= (u32)(next_random(&g->rng) & 31) << r->u_lo;
    if (r->m_w)
        b |= (next_random(&g->rng) & 3 ? next_random(&g->rng) & 1 ? 0 : 7 : next_random(&g->rng) & 7) << r->m_lo;
    for (unsigned k = 0; k < r->n_imm; k++)
        b |= (u32)bits_get((u64)imm, r->imm[k].to, r->imm[k].width) << r->imm[k].from;
    store_le(g->image + (g->at - RAM), r->len, b);
    g->at += r->len;
}

static bool wanted(const struct rv_decoder *d, unsigned op)
{
    const struct riscv_insn *i = &riscv_insns[op];
    if ((i->ext & ~d->ext) || !(i->xlen & d->xlen) || (i->flags & (F_PRIV | F_CSR)))
        return false;
    return strcmp(i->id, "wfi") != 0 && strncmp(i->id, "wrs", 3) != 0;
}

/* x2: the end of RAM is near; x8: data; x9: this code; x10: the device. */
static bool pointer(unsigned r) { return r == 2 || (r >= 8 && r <= 10); }

static void random_insn(struct gen *g)
{
    u64 r = next_random(&g->rng);
    unsigned op = g->ops[r % g->n_ops];
    const struct riscv_insn *i = &riscv_insns[op];
    unsigned rd = (unsigned)(r >> 16 & 31), rs1 = (unsigned)(r >> 21 & 31), rs2 = (unsigned)(r >> 26 & 31);
    i64 imm = (i64)(i16)next_random(&g->rng);
    if (!(i->flags & F_FW) && (pointer(rd) || pointer(rd | 8)) && g->d->row[op].d_w)
        rd = 11 + (unsigned)(r >> 33 & 3); /* in the three-bit fields too: x11 to x14 */
    bool memory = (i->flags & (F_LOAD | F_STORE)) || i->cls == RV_CLASS_AMO;
    if (memory) {
        unsigned pick = r >> 40 & 31;
        rs1 = pick < 24 ? 8 : pick < 27 ? 2 : pick < 29 ? 10 : pick < 30 ? 9 : rs1;
        if (i->cls == RV_CLASS_AMO && rs1 == 8)
            emit(g, RV_OP_andi, rs1 = 15, 8, 0, -8);
        imm = (i16)(imm & (pick & 1 ? ~7 : -1)) >> 5;
        if (rs1 == 10)
            imm &= 0x7c;
    }
    if (i->cls == RV_CLASS_BRANCH || i->cls == RV_CLASS_JUMP) {
        imm = (imm & 0x7e) - (r >> 50 & 3 ? 0 : 64);
        if (imm == 0)
            imm = 8;
    }
    if (i->cls == RV_CLASS_JUMPR)
        rs1 = r >> 50 & 3 ? 9 : rs1;
    if (strstr(i->implied, "s=d") && pointer(rd))
        rd = 12;
    emit(g, op, rd, rs1, rs2, imm);
}

#define OP(name, rd, rs1, rs2, imm) emit(g, RV_OP_##name, rd, rs1, rs2, imm)

/* One use of a CSR that compiled code knows. sstatus: bits by their number, FS stays on. */
static void random_csr(struct gen *g)
{
    static const u16 csrs[] = { 0x100, 0x100, 0x105, 0x140, 0x141, 0x142, 0x143, 1, 2, 3, 0x342, 0x343, 0xc00, 0xc02 };
    static const u16 ops[] = { RV_OP_csrrw, RV_OP_csrrs, RV_OP_csrrc, RV_OP_csrrwi, RV_OP_csrrsi, RV_OP_csrrci };
    u64 r = next_random(&g->rng);
    unsigned csr = csrs[r % ARRAY_LEN(csrs)], op = ops[r >> 8 & 1 ? 1 : (r >> 9) % ARRAY_LEN(ops)];
    unsigned rd = 11 + (r >> 20 & 15), rs1 = r >> 24 & 3 ? 0 : r >> 26 & 31;
    if (csr == 0x100 && op == RV_OP_csrrw)
        op = RV_OP_csrrsi;
    if (csr == 0x100 && op == RV_OP_csrrwi)
        op = RV_OP_csrrci;
    if (csr == 0x100 && op == RV_OP_csrrc)
        rs1 = 0;
    emit(g, op, rd, rs1, 0, csr);
}

/* A trap goes on at another place of the code. */
static void handler(struct gen *g, unsigned xlen)
{
    g->at = HANDLER;
    OP(csrrw, 31, 31, 0, 0x340);
    OP(sw, 0, 31, 30, 8);
    OP(sw, 0, 31, 29, 12);
    OP(lw, 30, 31, 0, 0);
    OP(lw, 29, 31, 0, 4);
    OP(addi, 30, 30, 0, 858);
    OP(sw, 0, 31, 30, 0);
    OP(slli, 30, 30, 0, (int)xlen - 12);
    OP(srli, 30, 30, 0, (int)xlen - 12);
    OP(andi, 30, 30, 0, -4);
    OP(add, 30, 30, 29, 0);
    OP(csrrw, 0, 30, 0, 0x341);
    if (next_random(&g->rng) & 1) { /* inexact: arithmetic goes by the host */
        OP(addi, 30, 0, 0, 1);
        OP(csrrs, 0, 30, 0, 1);
    }
    OP(lw, 30, 31, 0, 8);
    OP(lw, 29, 31, 0, 12);
    OP(csrrw, 31, 31, 0, 0x340);
    OP(mret, 0, 0, 0, 0);
}

static void generate(struct gen *g, unsigned xlen)
{
    memset(g->image, 0, sizeof g->image);
    handler(g, xlen);
    g->at = CODE;
    while (g->at < CODE + CODE_BYTES - 8) {
        random_insn(g);
        if (!(next_random(&g->rng) & 7))
            random_csr(g);
        if (!(next_random(&g->rng) & 15))
            OP(csrrwi, (unsigned)(next_random(&g->rng) & 1) * 5, next_random(&g->rng) & 1, 0,
                next_random(&g->rng) & 3 ? 1 : 2);
    }
    for (unsigned k = 0; k < 0x400; k += 8)
        store_le(g->image + (DATA - RAM) + k, 8, next_random(&g->rng) >> (next_random(&g->rng) & 63));
    store_le(g->image + (SAVE - RAM) + 4, 4, CODE);
}

static void load(struct machine *m, const struct gen *g, u64 seed)
{
    static const u8 privileges[] = { PRIV_M, PRIV_M, PRIV_S, PRIV_U };
    space_poke(m->s, RAM, g->image, RAM_BYTES);
    struct hart *h = m->h;
    for (unsigned k = 1; k < 32; k++) {
        u64 v = next_random(&seed) >> (next_random(&seed) & 63);
        h->x[k] = h->config.xlen == 32 ? (u64)(i64)(i32)(u32)v : v;
        double d = (double)(i64)(next_random(&seed) >> 40) / 64;
        float f = (float)d;
        u32 w;
        memcpy(&w, &f, 4);
        memcpy(&h->f[k], &d, 8);
        if (k & 1)
            h->f[k] = w | (u64)0xffffffff << 32;
        if (!(next_random(&seed) & 15))
            h->f[k] = next_random(&seed);
    }
    h->x[2] = (u64)(i64)(i32)(RAM + RAM_BYTES - 64);
    h->x[8] = (u64)(i64)(i32)(DATA + 0x200);
    h->x[9] = (u64)(i64)(i32)(CODE + 0x800);
    h->x[10] = DEVICE;
    if (h->config.xlen == 64)
        for (unsigned k = 2; k < 10; k++)
            h->x[k] = k == 2 || k >= 8 ? (u32)h->x[k] : h->x[k];
    h->priv = privileges[seed >> 30 & 3];
    h->pmpcfg[0] = 0x1f; /* everything to everyone */
    h->pmpaddr[0] = ~(u64)0 >> 10;
    h->menvcfg = seed >> 32 & 3 ? 0x80 : 0;
    h->senvcfg = seed >> 34 & 3 ? 0x80 : 0;
    h->mcounteren = h->scounteren = seed >> 36 & 1 ? 7 : 0;
    h->stvec = h->config.xlen == 32 ? (u64)(i64)(i32)HANDLER : HANDLER;
    h->mscratch = SAVE;
    h->mtvec = HANDLER;
    h->mstatus |= (u64)1 << 13;
    h->fflags = seed >> 20 & 1; /* clear: what is exact goes by the host all the same */
    h->pc = CODE;
    m->c->ops->state_loaded(m->c);
}

static bool equal(const struct machine *a, const struct machine *b)
{
    const struct hart *x = a->h, *y = b->h;
    return !memcmp(x->x, y->x, 32 * 8) && !memcmp(x->f, y->f, sizeof x->f) && x->pc == y->pc &&
        x->fflags == y->fflags &&
           x->frm == y->frm && x->mstatus == y->mstatus && x->mepc == y->mepc && x->mcause == y->mcause &&
               x->mtval == y->mtval &&
           x->lr_valid == y->lr_valid && x->lr_addr == y->lr_addr && x->priv == y->priv && x->sscratch == y->sscratch &&
               x->sepc == y->sepc && x->scause == y->scause && x->stval == y->stval && x->stvec == y->stvec && x->cpu.retired == y->cpu.retired && a->clock.now == b->clock.now &&
               a->device == b->device;
}

static void explain(const struct machine *a, const struct machine *b)
{
    const struct hart *x = a->h, *y = b->h;
    printf("pc %llx %llx, now %llu %llu, retired %llu %llu, mcause %llx %llx, mepc %llx %llx, fflags %x %x\n",
        (unsigned long long)x->pc,
           (unsigned long long)y->pc, (unsigned long long)a->clock.now, (unsigned long long)b->clock.now,
           (unsigned long long)x->cpu.retired, (unsigned long long)y->cpu.retired, (unsigned long long)x->mcause,
           (unsigned long long)y->mcause, (unsigned long long)x->mepc, (unsigned long long)y->mepc, x->fflags,
               y->fflags);
#define SHOW(m) \
    if (x->m != y->m) \
    printf(#m " %llx %llx\n", (unsigned long long)x->m, (unsigned long long)y->m)
    SHOW(priv);
    SHOW(frm);
    SHOW(mstatus);
    SHOW(mtval);
    SHOW(lr_valid);
    SHOW(lr_addr);
    SHOW(stvec);
    SHOW(sscratch);
    SHOW(sepc);
    SHOW(scause);
    SHOW(stval);
#undef SHOW
    for (unsigned k = 0; k < 32; k++) {
        if (x->x[k] != y->x[k])
            printf("x%u %llx %llx\n", k, (unsigned long long)x->x[k], (unsigned long long)y->x[k]);
        if (x->f[k] != y->f[k])
            printf("f%u %llx %llx\n", k, (unsigned long long)x->f[k], (unsigned long long)y->f[k]);
    }
}

static u64 compiled_runs(const struct cpu *c)
{
    struct buf b = { 0 };
    c->ops->describe(c, &b);
    const char *at = strstr(buf_cstr(&b), "blocks compiled ");
    u64 n = at ? strtoull(at + 16, NULL, 10) : 0;
    buf_free(&b);
    return n;
}

/* ticks: of each program. */
static void compare(unsigned xlen, u64 drop, unsigned programs, u64 ticks)
{
    struct gen *g = xcalloc(1, sizeof *g);
    u64 compiled = 0;
    bool same = true;
    const char *seed = getenv("JIT_SEED"), *many = getenv("JIT_PROGRAMS");
    u64 first = seed ? strtoull(seed, NULL, 0) : 1;
    if (many)
        programs = (unsigned)strtoul(many, NULL, 0);
    for (u64 p = first; p < first + programs && same; p++) {
        struct machine *a = machine(xlen, drop, 0), *b = machine(xlen, drop, 1 + p % 3);
        struct arena *da = arena_new();
        g->d = rv_decoder_new(da, &a->h->config);
        g->rng = p * 0x9e3779b97f4a7c15;
        g->n_ops = 0;
        for (unsigned op = 0; op < RV_OP_COUNT; op++)
            if (wanted(g->d, op))
                g->ops[g->n_ops++] = (u16)op;
        generate(g, xlen);
        load(a, g, g->rng);
        load(b, g, g->rng);
        u64 slices = g->rng;
        while (a->clock.now < ticks && same) {
            u64 slice = 1 + next_random(&slices) % (p & 1 ? 40 : 300);
            u64 go = next_random(&slices);
            if (go & 1) { /* out of whatever loop it fell into */
                u64 pc = CODE + (go >> 8) % (CODE_BYTES - 64);
                a->c->ops->set_pc(a->c, pc);
                b->c->ops->set_pc(b->c, pc);
                a->h->f[go >> 40 & 31] = b->h->f[go >> 40 & 31] = next_random(&slices);
                a->h->x[11 + (go >> 50 & 15)] = b->h->x[11 + (go >> 50 & 15)] = (u64)(i64)(i32)next_random(&slices);
            }
            if (go >> 5 & 1) { /* an interrupt line: taken when the program lets it */
                a->h->mie = b->h->mie = a->h->mideleg = b->h->mideleg = go >> 6 & 1 ? 0x222 : 0;
                a->c->ops->set_irq(a->c, go >> 7 & 1 ? 9 : 5, go >> 8 & 1);
                b->c->ops->set_irq(b->c, go >> 7 & 1 ? 9 : 5, go >> 8 & 1);
            }
            u64 before = a->clock.now;
            a->c->ops->run(a->c, slice);
            b->c->ops->run(b->c, slice);
            if (!equal(a, b) || memcmp(a->ram->host, b->ram->host, RAM_BYTES)) {
                printf("rv%u program %llu differs in the slice of %llu from %llu on:\n", xlen, (unsigned long long)p,
                       (unsigned long long)slice, (unsigned long long)before);
                explain(a, b);
                same = false;
            }
        }
        compiled += compiled_runs(b->c);
        machine_done(a);
        machine_done(b);
        arena_free(da);
    }
    printf("(%llu blocks compiled) ", (unsigned long long)compiled);
    CU_ASSERT(same);
    CU_ASSERT(compiled > programs * 50);
    free(g);
}

static void test_rv64(void) { compare(64, 0, 150, 40000); }
static void test_rv32(void) { compare(32, 0, 150, 40000); }
static void test_no_c(void) { compare(64, RV_EXT(RV_C), 60, 40000); }

int main(void)
{
    if (!emitter_host())
        return 77;
    return unit_main("jit check", (CU_TestInfo[]){ { "RV64", test_rv64 }, { "RV32", test_rv32 },
                                                   { "RV64 without C: misaligned jumps", test_no_c },
                                                       CU_TEST_INFO_NULL });
}
