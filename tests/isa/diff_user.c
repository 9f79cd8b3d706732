/* Random programs of all user-mode instructions, run here and by Debian's qemu-riscv64 and qemu-riscv32: registers,
 * fcsr and memory must end equal. Each program is an ELF that writes its memory to standard output; here the same
 * bytes run bare in M-mode until that system call.
 *
 * diff_user [millions of instructions per width [seed]]; without QEMU it says so and is skipped (77). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "cpu/riscv/insn.h"

#define BASE 0x10000u
#define CODE_BYTES 0x8000u
#define DATA (BASE + CODE_BYTES) /* a page; gp, sp and s0 point to its middle */
#define DUMP (DATA + 0x1000)     /* x1..x31, f0..f31, fcsr */
#define INIT (DATA + 0x2000)     /* first values of x and f */
#define IMAGE_BYTES (INIT + 0x1000 - BASE)
#define OUT_BYTES 0x1280u

struct program {
    unsigned xlen;
    u8 image[IMAGE_BYTES];
    u32 at;  /* offset of the next instruction */
    u32 end; /* of the random part */
};

struct gen {
    const struct rv_decoder *d;
    struct program *p;
    u64 rng;
    u16 ops[RV_OP_COUNT];
    unsigned n_ops;
};

static u32 encode(const struct rv_decoder *d, unsigned op, unsigned rd, unsigned rs1, unsigned rs2, i64 imm)
{
    const struct rv_row *r = &d->row[op];
    u32 b = r->match;
    if (r->d_w)
        b |= rd << r->d_lo;
    if (r->s_w)
        b |= rs1 << r->s_lo;
    if (r->t_w)
        b |= rs2 << r->t_lo;
    for (unsigned k = 0; k < r->n_imm; k++)
        b |= (u32)bits_get((u64)imm, r->imm[k].to, r->imm[k].width) << r->imm[k].from;
    return b;
}

static void emit(struct gen *g, u32 bits)
{
    unsigned len = rv_insn_length(bits);
    store_le(g->p->image + g->p->at, len, bits);
    g->p->at += len;
}

static void emit_op(struct gen *g, unsigned op, unsigned rd, unsigned rs1, unsigned rs2, i64 imm)
{
    emit(g, encode(g->d, op, rd, rs1, rs2, imm));
}

static void load_imm(struct gen *g, unsigned rd, u32 value)
{
    emit_op(g, RV_OP_lui, rd, 0, 0, (i64)(i32)((value + 0x800) & 0xfffff000));
    emit_op(g, RV_OP_addi, rd, rd, 0, sign_extend(value, 12));
}

static u64 below(struct gen *g, u64 n) { return rng_next(&g->rng) % n; }

static bool reserved(unsigned r) { return r == 2 || r == 3 || r == 4 || r == 8; }

/* Those this generator does not place at random, and those qemu-user 7.2 lacks. */
static bool wanted(const struct rv_decoder *d, unsigned op)
{
    const struct riscv_insn *i = &riscv_insns[op];
    if (!(i->xlen & d->xlen) || (i->ext & ~d->ext) || (i->flags & (F_PRIV | F_CSR)))
        return false;
    if (i->cls == RV_CLASS_SYSTEM || i->cls == RV_CLASS_CBO || op == RV_OP_wrs_nto || op == RV_OP_wrs_sto)
        return false;
    if (op == RV_OP_ctzw) /* QEMU 7.2 counts on into the upper half when the lower is 0: tests/isa/exec checks it */
        return false;
    return op != RV_OP_sc_w && op != RV_OP_sc_d && op != RV_OP_lr_w && op != RV_OP_lr_d && op != RV_OP_auipc;
}

static void random_insn(struct gen *g, unsigned depth);

static void forward(struct gen *g, unsigned depth, u32 from, unsigned op, u32 bits)
{
    for (unsigned n = 1 + (unsigned)below(g, 3); n--;)
        random_insn(g, depth + 1);
    struct rv_decoded d;
    rv_decode(g->d, bits, &d);
    bits = encode(g->d, op, d.rd, 0, d.rs2, (i64)(g->p->at - from)) |
           (bits & (g->d->row[op].s_w ? ((1u << g->d->row[op].s_w) - 1) << g->d->row[op].s_lo : 0));
    if (g->d->row[op].len == 2 && g->d->row[op].t_w == 0) /* c.beqz and c.bnez have a short register */
        bits |= g->d->row[op].match;
    store_le(g->p->image + from, rv_insn_length(bits), bits);
}

static void csr_access(struct gen *g)
{
    unsigned rd = (unsigned)below(g, 32), rs = (unsigned)below(g, 32);
    if (reserved(rd))
        rd = 0;
    switch (below(g, 5)) {
    case 0: emit_op(g, RV_OP_csrrwi, rd, (unsigned)below(g, 5), 0, 2); break; /* frm */
    case 1: emit_op(g, RV_OP_csrrw, rd, rs, 0, 1); break;                      /* fflags */
    case 2: emit_op(g, RV_OP_csrrs, rd, rs, 0, 1); break;
    case 3: emit_op(g, RV_OP_csrrci, rd, rs, 0, 1); break;
    default: emit_op(g, RV_OP_csrrs, rd, 0, 0, 3); break; /* fcsr */
    }
}

/* t0 = an aligned address in the data; then an atomic on it. */
static void atomic(struct gen *g, unsigned op, u32 bits)
{
    bool wide = (bits >> 12 & 7) == 3;
    unsigned align = wide ? 8 : 4;
    emit_op(g, RV_OP_addi, 5, 3, 0, (i64)(below(g, 4000 / align) * align) - 2048);
    if (op != RV_OP_COUNT) {
        emit(g, (bits & ~(31u << 15)) | 5 << 15);
        return;
    }
    unsigned a = (unsigned)below(g, 32), b = (unsigned)below(g, 32);
    wide = g->p->xlen == 64 && below(g, 2);
    a = reserved(a) || a == 5 ? 6 : a;
    b = reserved(b) ? 7 : b;
    if (wide)
        emit_op(g, RV_OP_andi, 5, 5, 0, -8);
    emit_op(g, wide ? RV_OP_lr_d : RV_OP_lr_w, a, 5, 0, 0);
    emit_op(g, wide ? RV_OP_sc_d : RV_OP_sc_w, b, 5, (unsigned)below(g, 32), 0);
}

static void random_insn(struct gen *g, unsigned depth)
{
    if (below(g, 40) == 0) {
        csr_access(g);
        return;
    }
    if (below(g, 60) == 0) {
        atomic(g, RV_OP_COUNT, 0);
        return;
    }
    if (below(g, 60) == 0) { /* an indirect jump over a few */
        u32 from = g->p->at;
        unsigned rd = (unsigned)below(g, 32);
        bool c = below(g, 2);
        emit_op(g, RV_OP_auipc, 5, 0, 0, 0);
        g->p->at += c ? 6 : 4;
        for (unsigned n = (unsigned)below(g, 3) + 1; n--;)
            random_insn(g, depth + 1);
        u32 end = g->p->at;
        g->p->at = from + 4;
        if (c) {
            emit_op(g, RV_OP_addi, 5, 5, 0, (i64)(end - from));
            emit_op(g, below(g, 2) ? RV_OP_c_jr : RV_OP_c_jalr, 0, 5, 0, 0);
        } else {
            emit_op(g, RV_OP_jalr, reserved(rd) ? 1 : rd, 5, 0, (i64)(end - from));
        }
        g->p->at = end;
        return;
    }
    for (;;) {
        unsigned op = g->ops[below(g, g->n_ops)];
        const struct riscv_insn *i = &riscv_insns[op];
        const struct rv_row *r = &g->d->row[op];
        u32 bits = ((u32)rng_next(&g->rng) & ~r->mask) | r->match;
        struct rv_decoded d;
        if (r->len == 2)
            bits &= 0xffff;
        rv_decode(g->d, bits, &d);
        if (d.op != op)
            continue;
        if (i->cls == RV_CLASS_JUMPR || ((i->flags & F_END) && depth > 2))
            continue;
        bool writes = (r->d_w || r->d_fix) && !(i->flags & F_FW);
        if (writes && reserved(d.rd))
            continue;
        if (i->cls == RV_CLASS_AMO) {
            atomic(g, op, bits);
            return;
        }
        if (i->flags & (F_LOAD | F_STORE)) {
            if (d.rs1 != 2 && d.rs1 != 3 && d.rs1 != 8) {
                if (r->len == 2)
                    continue;
                bits = (bits & ~(31u << 15)) | 3 << 15;
            }
            if (d.imm > 2030)
                continue;
        }
        if (i->flags & F_END) {
            u32 from = g->p->at;
            g->p->at += r->len;
            forward(g, depth, from, op, bits);
            return;
        }
        emit(g, bits);
        return;
    }
}

static u64 interesting(struct gen *g)
{
    static const u64 d[] = { 0, 1, ~(u64)0, 0x8000000000000000, 0x7fffffffffffffff, 0xffffffff80000000, 0x7fffffff,
                             0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
                             0x7ff8000000000000, 0x7ff0000000000001, 0x000fffffffffffff, 0x0010000000000000,
                             0x7fefffffffffffff, 0x43e0000000000000, 0x41e0000000000000, 0x8000000000000001 };
    static const u32 s[] = { 0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001,
                             0x007fffff, 0x00800000, 0x7f7fffff, 0x4f000000, 0x5f000000, 1 };
    u64 r = rng_next(&g->rng);
    switch (below(g, 8)) {
    case 0: return d[below(g, ARRAY_LEN(d))];
    case 1: return s[below(g, ARRAY_LEN(s))] | 0xffffffff00000000;
    case 2: return (u32)r | 0xffffffff00000000;
    case 3: return (u16)r | 0xffffffffffff0000;
    case 4: return 0x3ff0000000000000 + (r >> 12); /* near 1.0 */
    case 5: return 0xffffffff3f800000 + (r >> 41);
    case 6: return (u64)((i64)r >> (r & 63));
    default: return r;
    }
}

static void generate(struct gen *g, unsigned length, unsigned loops)
{
    struct program *p = g->p;
    bool rv64 = p->xlen == 64;
    memset(p->image, 0, sizeof p->image);
    p->at = 0;
    for (unsigned k = 0; k < 64; k++)
        store_le(p->image + INIT - BASE + 8 * k, 8, interesting(g));
    for (unsigned k = 0; k < 4096; k += 8)
        store_le(p->image + DATA - BASE + k, 8, interesting(g));
    load_imm(g, 4, INIT);
    for (unsigned k = 0; k < 32; k++)
        emit_op(g, RV_OP_fld, k, 4, 0, 256 + 8 * k);
    emit_op(g, RV_OP_csrrwi, 0, 0, 0, 3);
    for (unsigned k = 1; k < 32; k++)
        if (!reserved(k))
            emit_op(g, rv64 ? RV_OP_ld : RV_OP_lw, k, 4, 0, 8 * k);
    load_imm(g, 2, DATA + 2048);
    emit_op(g, RV_OP_addi, 3, 2, 0, 0);
    emit_op(g, RV_OP_addi, 8, 2, 0, 0);
    load_imm(g, 4, loops);
    u32 body = p->at;
    for (unsigned n = 0; n < length && p->at < CODE_BYTES - 0x800; n++)
        random_insn(g, 0);
    p->end = p->at;
    emit_op(g, RV_OP_addi, 4, 4, 0, -1);
    emit_op(g, RV_OP_beq, 0, 4, 0, 8);
    emit_op(g, RV_OP_jal, 0, 0, 0, (i64)body - p->at);
    load_imm(g, 4, DUMP);
    for (unsigned k = 0; k < 32; k++) {
        emit_op(g, rv64 ? RV_OP_sd : RV_OP_sw, 0, 4, k, 8 * k);
        emit_op(g, RV_OP_fsd, 0, 4, k, 256 + 8 * k);
    }
    emit_op(g, RV_OP_csrrs, 5, 0, 0, 3);
    emit_op(g, RV_OP_sw, 0, 4, 5, 512);
    load_imm(g, 17, 64); /* write(1, DATA, OUT_BYTES) */
    load_imm(g, 10, 1);
    load_imm(g, 11, DATA);
    load_imm(g, 12, OUT_BYTES);
    emit_op(g, RV_OP_ecall, 0, 0, 0, 0);
    load_imm(g, 17, 93);
    load_imm(g, 10, 0);
    emit_op(g, RV_OP_ecall, 0, 0, 0, 0);
}

/* --- there ------------------------------------------------------------------------------------------------------ */

static bool write_elf(const struct program *p, const char *path)
{
    u8 head[0x1000] = { 0x7f, 'E', 'L', 'F', p->xlen == 64 ? 2 : 1, 1, 1 };
    store_le(head + 16, 2, 2);   /* executable */
    store_le(head + 18, 2, 243); /* RISC-V */
    store_le(head + 20, 4, 1);
    if (p->xlen == 64) {
        store_le(head + 24, 8, BASE);
        store_le(head + 32, 8, 64);
        store_le(head + 48, 4, 5);
        store_le(head + 52, 2, 64);
        store_le(head + 54, 2, 56);
        store_le(head + 56, 2, 1);
        u8 *h = head + 64;
        store_le(h, 4, 1);
        store_le(h + 4, 4, 7);
        store_le(h + 8, 8, 0x1000);
        store_le(h + 16, 8, BASE);
        store_le(h + 24, 8, BASE);
        store_le(h + 32, 8, IMAGE_BYTES);
        store_le(h + 40, 8, IMAGE_BYTES);
        store_le(h + 48, 8, 0x1000);
    } else {
        store_le(head + 24, 4, BASE);
        store_le(head + 28, 4, 52);
        store_le(head + 36, 4, 5);
        store_le(head + 40, 2, 52);
        store_le(head + 42, 2, 32);
        store_le(head + 44, 2, 1);
        u8 *h = head + 52;
        store_le(h, 4, 1);
        store_le(h + 4, 4, 0x1000);
        store_le(h + 8, 4, BASE);
        store_le(h + 12, 4, BASE);
        store_le(h + 16, 4, IMAGE_BYTES);
        store_le(h + 20, 4, IMAGE_BYTES);
        store_le(h + 24, 4, 7);
        store_le(h + 28, 4, 0x1000);
    }
    FILE *f = fopen(path, "wb");
    if (!f)
        return false;
    bool ok = fwrite(head, sizeof head, 1, f) == 1 && fwrite(p->image, IMAGE_BYTES, 1, f) == 1;
    return !fclose(f) && ok;
}

static bool run_there(const struct program *p, const char *dir, u8 out[OUT_BYTES])
{
    char path[256], cmd[640];
    snprintf(path, sizeof path, "%s/p.elf", dir);
    if (!write_elf(p, path))
        return false;
    snprintf(cmd, sizeof cmd, "chmod +x %s && qemu-riscv%u -cpu rv%u,Zfh=true %s", path, p->xlen, p->xlen, path);
    FILE *f = popen(cmd, "r");
    size_t n = f ? fread(out, 1, OUT_BYTES, f) : 0;
    return f && pclose(f) == 0 && n == OUT_BYTES;
}

/* --- here ------------------------------------------------------------------------------------------------------- */

static u64 no_time(void *o) { return 0; }
static u64 never(void *o, u64 v) { return CLOCK_NEVER; }
static u64 count_retire(void *o, struct cpu *c, const struct cpu_retire *r) { ++*(u64 *)o; return 1; }

static bool config_of(unsigned xlen, struct riscv_config *c)
{
    struct err e;
    if (!riscv_config_parse("max", xlen, c, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return false;
    }
    c->ext &= ~RV_EXT(RV_ZICOND);
    c->reset_pc = BASE;
    return true;
}

/* Runs in slices of at most `slice` ticks; 0: under an observer. */
static bool run_here(const struct program *p, u64 slice, u8 out[OUT_BYTES], u64 *retired)
{
    struct arena *a = arena_new();
    struct clock clock;
    struct err e;
    struct riscv_config config;
    u64 observed = 0, rng = 3;
    struct cpu_observer observer = { count_retire, &observed };
    bool ok = config_of(p->xlen, &config);
    clock_init(&clock, 1000000000);
    struct space *s = space_new(a, "memory");
    struct ram *ram = ram_new(a, "ram", IMAGE_BYTES, false, &e);
    space_add_ram(s, BASE, ram, &e);
    space_poke(s, BASE, p->image, IMAGE_BYTES);
    struct cpu *c = riscv_new(a, &config, 0, s, &clock, NULL, (struct timebase){ no_time, never, NULL }, &e);
    struct hart *h = hart_of(c);
    static const u64 park = BASE + CODE_BYTES - 4; /* where the handler of the final ecall would be */
    const struct cpu_stops stops = { .code = &park, .n_code = 1 };
    c->stops = &stops;
    c->ops->stops_changed(c);
    h->mtvec = park;
    enum cpu_stop stop = CPU_BUDGET;
    h->mstatus |= (u64)1 << 13; /* FS */
    if (!slice) {
        c->observer = &observer;
        c->ops->stops_changed(c);
        slice = 1 << 20;
    }
    while (stop == CPU_BUDGET && clock.now < 1ull << 32)
        stop = c->ops->run(c, slice < 1000 ? 1 + rng_next(&rng) % slice : slice);
    ok = ok && stop == CPU_BREAK;
    *retired = c->retired;
    if (h->mcause != CAUSE_ECALL_M) {
        printf("stopped with cause %llu at 0x%llx, tval 0x%llx\n", (unsigned long long)h->mcause,
               (unsigned long long)h->mepc, (unsigned long long)h->mtval);
        ok = false;
    }
    if (c->observer && observed < *retired)
        ok = false;
    space_peek(s, DATA, out, OUT_BYTES);
    clock_fini(&clock);
    arena_free(a);
    return ok;
}

static void explain(const u8 *here, const u8 *there)
{
    for (unsigned k = 0; k < OUT_BYTES; k += 8) {
        u64 x = load_le(here + k, 8), y = load_le(there + k, 8);
        if (x == y)
            continue;
        char name[32];
        if (k < 0x1000)
            snprintf(name, sizeof name, "memory+0x%x", k);
        else if (k < 0x1100)
            snprintf(name, sizeof name, "x%u", (k - 0x1000) / 8);
        else if (k < 0x1200)
            snprintf(name, sizeof name, "f%u", (k - 0x1100) / 8);
        else
            snprintf(name, sizeof name, "fcsr");
        printf("  %-14s here %016llx, QEMU %016llx\n", name, (unsigned long long)x, (unsigned long long)y);
    }
}

/* The shortest beginning of the program that differs in its first round. */
static void shrink(struct gen *g, u64 seed, unsigned length, const char *dir)
{
    static u8 here[OUT_BYTES], there[OUT_BYTES];
    u64 retired;
    for (unsigned n = 1; n <= length; n++) {
        g->rng = seed;
        generate(g, n, 1);
        if (!run_there(g->p, dir, there) || !run_here(g->p, 1 << 20, here, &retired) || memcmp(here, there, OUT_BYTES)) {
            g->rng = seed;
            generate(g, n - 1, 1);
            u32 from = g->p->end;
            g->rng = seed;
            generate(g, n, 1);
            printf("  differs from instruction %u on:\n", n);
            while (from < g->p->end) {
                char text[128];
                unsigned len = riscv_disasm_with(g->d, NULL, NULL, BASE + from, g->p->image + from, 8, text, sizeof text);
                printf("  %05x  %s\n", BASE + from, text);
                from += len;
            }
            explain(here, there);
            return;
        }
    }
    printf("  the first round is equal\n");
}

static bool width(unsigned xlen, u64 target, u64 seed, const char *dir)
{
    static struct program p;
    static u8 here[OUT_BYTES], again[OUT_BYTES], there[OUT_BYTES];
    struct arena *a = arena_new();
    struct riscv_config config;
    struct gen g = { .p = &p };
    u64 total = 0;
    unsigned programs = 0;
    bool ok = config_of(xlen, &config);
    p.xlen = xlen;
    g.d = rv_decoder_new(a, &config);
    for (unsigned op = 0; op < RV_OP_COUNT; op++)
        if (wanted(g.d, op))
            g.ops[g.n_ops++] = (u16)op;
    while (ok && total < target) {
        u64 retired, one = seed + programs, other;
        unsigned length = 20 + 60 * (unsigned)(one % 8), loops = 1 + (unsigned)(one % 5) * (target > 4000000 ? 80 : 20);
        g.rng = one;
        generate(&g, length, loops);
        if (!run_there(&p, dir, there)) {
            printf("rv%u: QEMU did not finish program %llu\n", xlen, (unsigned long long)one);
            run_here(&p, 1 << 20, here, &retired);
            ok = false;
            break;
        }
        ok = run_here(&p, 1 << 20, here, &retired);
        if (!ok || memcmp(here, there, OUT_BYTES)) {
            printf("rv%u: program %llu (%u instructions, %u rounds) differs\n", xlen, (unsigned long long)one, length, loops);
            explain(here, there);
            shrink(&g, one, length, dir);
            ok = false;
            break;
        }
        /* The same in small slices, or observed: neither may show. */
        if (programs % 4 == 1) {
            ok = run_here(&p, programs % 8 == 1 ? 97 : 0, again, &other) && !memcmp(here, again, OUT_BYTES) && other == retired;
            if (!ok)
                printf("rv%u: program %llu differs when %s\n", xlen, (unsigned long long)one,
                       programs % 8 == 1 ? "run in slices" : "observed");
        }
        total += retired;
        programs++;
    }
    printf("rv%u: %u programs, %llu instructions%s\n", xlen, programs, (unsigned long long)total, ok ? " equal" : "");
    arena_free(a);
    return ok;
}

int main(int argc, char **argv)
{
    double millions = argc > 1 ? strtod(argv[1], NULL) : getenv("DIFF_MILLIONS") ? strtod(getenv("DIFF_MILLIONS"), NULL) : 0.3;
    u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, target = (u64)(millions * 1e6);
    char dir[] = "/tmp/orrery-diff-XXXXXX", cmd[64];
    if (system("qemu-riscv64 --version >/dev/null 2>&1 && qemu-riscv32 --version >/dev/null 2>&1")) {
        printf("qemu-user is not installed: skipped\n");
        return 77;
    }
    if (!mkdtemp(dir))
        return 1;
    bool ok = width(64, target, seed, dir);
    ok = width(32, target, seed, dir) && ok;
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    if (system(cmd))
        ok = false;
    return !ok;
}
