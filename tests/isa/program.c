#include "tests/isa/program.h"

#include <stdio.h>
#include <string.h>

static enum mem_result dev_read(void *o, u64 offset, unsigned size, u64 *value)
{
    struct rig *r = o;
    *value = r->clock.now + r->device_value * 3 + offset;
    return offset < 0x80 ? MEM_OK : MEM_FAULT;
}

static enum mem_result dev_write(void *o, u64 offset, unsigned size, u64 value)
{
    struct rig *r = o;
    r->device_value = r->device_value * 31 + value + r->clock.now;
    return offset < 0x80 ? MEM_OK : MEM_FAULT;
}

const struct io_ops program_device = { .read = dev_read, .write = dev_write };

void program_emit(struct program *g, unsigned op, unsigned rd, unsigned rs1, unsigned rs2, i64 imm)
{
    const struct rv_row *r = &g->d->row[op];
    u32 b = rig_encode(g->d, op, rd, rs1, rs2, imm);
    if (strchr(riscv_insns[op].args, 'R'))
        b |= (u32)(next_random(&g->rng) & 31) << r->u_lo;
    if (r->m_w)
        b |= (next_random(&g->rng) & 3 ? next_random(&g->rng) & 1 ? 0 : 7 : next_random(&g->rng) & 7) << r->m_lo;
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

static unsigned pick_pointer(const struct program *g, u64 r, unsigned other)
{
    unsigned pick = r & 31;
    if (g->stores_to_code && !((r >> 5) % g->stores_to_code))
        return 9;
    return pick < 24 ? 8 : pick < 27 ? 2 : pick < 29 ? 10 : pick < 30 ? 9 : other;
}

void program_random_insn(struct program *g)
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
        rs1 = pick_pointer(g, r >> 40, rs1);
        if (i->cls == RV_CLASS_AMO && rs1 == 8)
            program_emit(g, RV_OP_andi, rs1 = 15, 8, 0, -8);
        imm = (i16)(imm & (r >> 40 & 1 ? ~7 : -1)) >> 5;
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
    program_emit(g, op, rd, rs1, rs2, imm);
}

#define OP(name, rd, rs1, rs2, imm) program_emit(g, RV_OP_##name, rd, rs1, rs2, imm)

/* One use of a CSR that compiled code knows. sstatus: bits by their number, FS stays on. */
static void random_csr(struct program *g)
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
    program_emit(g, op, rd, rs1, 0, csr);
}

/* A trap goes on at another place of the code. */
static void handler(struct program *g, unsigned xlen)
{
    g->at = PROGRAM_HANDLER;
    OP(csrrw, 31, 31, 0, 0x340);
    OP(sw, 0, 31, 30, 8);
    OP(sw, 0, 31, 29, 12);
    OP(lw, 30, 31, 0, 0);
    program_emit(g, xlen == 64 ? RV_OP_lwu : RV_OP_lw, 29, 31, 0, 4);
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
    if (g->paged) { /* the two pages of window 9 and 10 change places */
        OP(lwu, 30, 31, 0, 16);
        OP(ld, 29, 30, 0, 72);
        OP(sd, 0, 31, 29, 24);
        OP(ld, 29, 30, 0, 80);
        OP(sd, 0, 30, 29, 72);
        OP(ld, 29, 31, 0, 24);
        OP(sd, 0, 30, 29, 80);
        OP(sfence_vma, 0, 0, 0, 0);
    }
    OP(lw, 30, 31, 0, 8);
    OP(lw, 29, 31, 0, 12);
    OP(csrrw, 31, 31, 0, 0x340);
    OP(mret, 0, 0, 0, 0);
}

/* Sv39: the first gigabyte as it is; RAM at its own place and again behind it. */
static void tables(struct program *g)
{
    enum { ROOT = 0x5000, MID = 0x6000, LEAF = 0x7000, ALL = 0xcf, POINTER = 1 };
    store_le(g->image + ROOT, 8, ALL);
    store_le(g->image + ROOT + 8 * (RAM >> 30), 8, (u64)(RAM + MID) >> 12 << 10 | POINTER);
    store_le(g->image + MID, 8, (u64)(RAM + LEAF) >> 12 << 10 | POINTER);
    for (unsigned k = 0; k < 16; k++)
        store_le(g->image + LEAF + 8 * k, 8, ((u64)(RAM >> 12) + k % 8) << 10 | ALL);
    store_le(g->image + LEAF + 8 * 10, 8, ((u64)(RAM >> 12) + 4) << 10 | ALL); /* data: code, half of the time */
    store_le(g->image + (PROGRAM_SAVE - RAM) + 16, 8, RAM + LEAF);
}

void program_generate(struct program *g, const struct rv_decoder *d, unsigned xlen, u64 seed)
{
    g->d = d;
    g->rng = seed * 0x9e3779b97f4a7c15;
    g->n_ops = 0;
    for (unsigned op = 0; op < RV_OP_COUNT; op++)
        if (wanted(d, op) || (g->paged && op == RV_OP_sfence_vma))
            g->ops[g->n_ops++] = (u16)op;
    memset(g->image, 0, sizeof g->image);
    handler(g, xlen);
    g->at = PROGRAM_CODE;
    while (g->at < PROGRAM_CODE + PROGRAM_CODE_BYTES - 8) {
        program_random_insn(g);
        if (!(next_random(&g->rng) & 7))
            random_csr(g);
        if (!(next_random(&g->rng) & 15))
            OP(csrrwi, (unsigned)(next_random(&g->rng) & 1) * 5, next_random(&g->rng) & 1, 0,
                next_random(&g->rng) & 3 ? 1 : 2);
    }
    for (unsigned k = 0; k < 0x400; k += 8)
        store_le(g->image + (PROGRAM_DATA - RAM) + k, 8, next_random(&g->rng) >> (next_random(&g->rng) & 63));
    store_le(g->image + (PROGRAM_SAVE - RAM) + 4, 4, PROGRAM_CODE);
    if (g->paged)
        tables(g);
}

void program_registers(struct rig *r, u64 *seed)
{
    struct hart *h = r->h;
    for (unsigned k = 1; k < 32; k++) {
        u64 v = next_random(seed) >> (next_random(seed) & 63);
        h->x[k] = h->config.xlen == 32 ? (u64)(i64)(i32)(u32)v : v;
        double d = (double)(i64)(next_random(seed) >> 40) / 64;
        float f = (float)d;
        u32 w;
        memcpy(&w, &f, 4);
        memcpy(&h->f[k], &d, 8);
        if (k & 1)
            h->f[k] = w | (u64)0xffffffff << 32;
        if (!(next_random(seed) & 15))
            h->f[k] = next_random(seed);
    }
    const u32 at[] = { RAM + PROGRAM_RAM - 64, PROGRAM_DATA + (next_random(seed) & 1 ? 0x200 : 0xff8), PROGRAM_CODE + 0x800,
        DEVICE };
    const unsigned reg[] = { 2, 8, 9, 10 };
    for (unsigned k = 0; k < ARRAY_LEN(at); k++)
        h->x[reg[k]] = h->config.xlen == 32 ? (u64)(i64)(i32)at[k] : at[k];
    h->fflags = *seed >> 20 & 1; /* clear: what is exact goes by the host all the same */
}

void program_load(const struct program *g, struct rig *r, u64 seed)
{
    space_poke(r->s, RAM, g->image, PROGRAM_RAM);
    struct hart *h = r->h;
    program_registers(r, &seed);
    h->mscratch = PROGRAM_SAVE;
    h->mtvec = PROGRAM_HANDLER;
    h->mstatus |= (u64)1 << 13;
    h->pc = PROGRAM_CODE;
    static const u8 privileges[] = { PRIV_M, PRIV_M, PRIV_S, PRIV_U };
    h->priv = privileges[seed >> 30 & 3];
    h->pmpcfg[0] = 0x1f; /* everything to everyone */
    h->pmpaddr[0] = ~(u64)0 >> 10;
    h->menvcfg = seed >> 32 & 3 ? 0x80 : 0;
    h->senvcfg = seed >> 34 & 3 ? 0x80 : 0;
    h->mcounteren = h->scounteren = seed >> 36 & 1 ? 7 : 0;
    h->stvec = h->config.xlen == 32 ? (u64)(i64)(i32)PROGRAM_HANDLER : PROGRAM_HANDLER;
    if (g->paged) {
        h->satp = (u64)8 << 60 | (RAM + 0x5000) >> 12;
        h->priv = PRIV_S;
        if (seed & 8)
            h->x[9] += 8 * PAGE_SIZE; /* the code's other place */
        if (seed & 16)
            h->x[8] += 5 * PAGE_SIZE; /* from data to the code's other place, or to data's */
    }
    r->c->ops->state_loaded(r->c);
}

bool program_same(const struct rig *a, const struct rig *b)
{
    const struct hart *x = a->h, *y = b->h;
    return !memcmp(x->x, y->x, 32 * 8) && !memcmp(x->f, y->f, sizeof x->f) && x->pc == y->pc && x->priv == y->priv &&
        x->fflags == y->fflags && x->frm == y->frm && x->mstatus == y->mstatus && x->mepc == y->mepc &&
        x->mcause == y->mcause && x->mtval == y->mtval && x->lr_valid == y->lr_valid &&
        x->lr_addr == y->lr_addr && x->sscratch == y->sscratch && x->sepc == y->sepc && x->scause == y->scause &&
        x->stval == y->stval && x->stvec == y->stvec &&
        x->cpu.retired == y->cpu.retired && a->clock.now == b->clock.now && a->device_value == b->device_value &&
        !memcmp(a->ram->host, b->ram->host, PROGRAM_RAM);
}

#define U(v) (unsigned long long)(v)

void program_explain(const struct rig *a, const struct rig *b)
{
    const struct hart *x = a->h, *y = b->h;
    printf("pc %llx %llx, now %llu %llu, retired %llu %llu, mcause %llx %llx, mepc %llx %llx, fflags %x %x\n", U(x->pc),
        U(y->pc), U(a->clock.now), U(b->clock.now), U(x->cpu.retired), U(y->cpu.retired), U(x->mcause), U(y->mcause),
        U(x->mepc), U(y->mepc), x->fflags, y->fflags);
#define SHOW(m) \
    if (x->m != y->m) \
    printf(#m " %llx %llx\n", U(x->m), U(y->m))
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
            printf("x%u %llx %llx\n", k, U(x->x[k]), U(y->x[k]));
        if (x->f[k] != y->f[k])
            printf("f%u %llx %llx\n", k, U(x->f[k]), U(y->f[k]));
    }
    for (u32 k = 0; k < PROGRAM_RAM; k++)
        if (a->ram->host[k] != b->ram->host[k]) {
            printf("memory at %x: %02x %02x\n", RAM + k, a->ram->host[k], b->ram->host[k]);
            break;
        }
}
