/* The instruction table: no encoding belongs to two rows, and GNU binutils agrees about which encodings exist and how
 * they are written. Without riscv64-linux-gnu-as and -objdump that second part says so and is left out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "cpu/riscv/insn.h"
#include "tests/unit.h"

static struct rv_decoder *decoder(struct arena *a, unsigned xlen, u64 without)
{
    struct riscv_config c = { .xlen = xlen, .ext = (RV_EXT(RV_EXT_COUNT) - 1) & ~without };
    return rv_decoder_new(a, &c);
}

static void no_overlap(void)
{
    struct arena *a = arena_new();
    for (unsigned xlen = 32; xlen <= 64; xlen += 32) {
        const struct rv_decoder *d = decoder(a, xlen, 0);
        for (unsigned p = 0; p < RV_OP_COUNT; p++)
            for (unsigned q = p + 1; q < RV_OP_COUNT; q++) {
                const struct rv_row *x = &d->row[p], *y = &d->row[q];
                const struct riscv_insn *ix = &riscv_insns[p], *iy = &riscv_insns[q];
                if (!(ix->xlen & iy->xlen & xlen) || x->len != 4 || y->len != 4)
                    continue;
                if ((x->match ^ y->match) & x->mask & y->mask)
                    continue;
                /* A hint lies within a more general row. */
                bool hint = (ix->flags & F_HINT) ? (x->mask & y->mask) == y->mask
                            : (iy->flags & F_HINT) ? (x->mask & y->mask) == x->mask : false;
                if (!hint)
                    printf("overlap: %s and %s\n", ix->id, iy->id);
                CU_ASSERT(hint);
            }
        for (u32 bits = 0; bits < 65536; bits++) {
            unsigned n = 0;
            for (unsigned op = 0; op < RV_OP_COUNT; op++)
                n += d->row[op].len == 2 && rv_row_matches(d, op, bits);
            CU_ASSERT(n <= 1);
        }
    }
    arena_free(a);
}

static void rows_are_whole(void)
{
    for (unsigned op = 0; op < RV_OP_COUNT; op++) {
        const struct riscv_insn *i = &riscv_insns[op];
        struct rv_row r;
        unsigned bits = 0, imm = 0, given = 0;
        for (const char *p = i->picture; *p; p++) {
            bits += *p != ' ';
            imm += *p == 'i';
        }
        rv_parse_row(i, &r);
        for (unsigned k = 0; k < r.n_imm; k++)
            given += r.imm[k].width;
        CU_ASSERT(bits == 16 || bits == 32);
        CU_ASSERT_EQUAL(imm, given);
        CU_ASSERT(i->doc[0] && i->section[0] && i->mnemonic[0]);
        CU_ASSERT((r.match & 3) == 3 ? r.len == 4 : r.len == 2);
    }
}

/* Encodings belong to extensions: without one they are illegal. */
static void extensions(void)
{
    struct arena *a = arena_new();
    u64 rng = 1;
    for (unsigned ext = RV_M; ext < RV_EXT_COUNT; ext++) {
        /* Zfh contains Zfhmin. */
        u64 off = RV_EXT(ext) | (ext == RV_ZFHMIN ? RV_EXT(RV_ZFH) : 0);
        const struct rv_decoder *all = decoder(a, 64, 0), *without = decoder(a, 64, off);
        for (unsigned op = 0; op < RV_OP_COUNT; op++) {
            const struct rv_row *r = &all->row[op];
            struct rv_decoded x, y;
            u32 bits = ((u32)rng_next(&rng) & ~r->mask) | r->match;
            rv_decode(all, bits, &x);
            rv_decode(without, bits, &y);
            if (x.op == op && (riscv_insns[op].ext & off))
                CU_ASSERT(y.op == RV_OP_COUNT || (riscv_insns[op].flags & F_HINT));
            if (x.op == op && !(riscv_insns[op].ext & off))
                CU_ASSERT(y.op == op);
        }
    }
    arena_free(a);
}

/* --- against binutils ------------------------------------------------------------------------------------------- */

#define ARCH "imafdc_zicsr_zifencei_zba_zbb_zbc_zbs_zfh_zicbom_zicbop_zicboz_zihintpause_svinval_zawrs"

static bool have_binutils(void)
{
    return !system("riscv64-linux-gnu-as --version >/dev/null 2>&1 && riscv64-linux-gnu-objdump --version >/dev/null 2>&1");
}

/* Disassembles n words with objdump; calls check for each with its text, blanks and comments made plain. */
static void objdump(unsigned xlen, const u32 *bits, size_t n, void (*check)(unsigned xlen, u64 pc, u32 bits, const char *text))
{
    char dir[] = "/tmp/orrery-table-XXXXXX", cmd[1024], line[512];
    CU_ASSERT_FATAL(mkdtemp(dir) != NULL);
    snprintf(cmd, sizeof cmd, "%s/a.s", dir);
    FILE *f = fopen(cmd, "w");
    CU_ASSERT_FATAL(f != NULL);
    for (size_t k = 0; k < n; k++)
        fprintf(f, ".insn %u, 0x%x\n", rv_insn_length(bits[k]), bits[k]);
    fclose(f);
    snprintf(cmd, sizeof cmd,
             "riscv64-linux-gnu-as -mno-relax -march=rv%u" ARCH " -mabi=%s %s/a.s -o %s/a.o && "
             "riscv64-linux-gnu-objdump -M no-aliases -d -z %s/a.o; rm -r %s",
             xlen, xlen == 64 ? "lp64d" : "ilp32d", dir, dir, dir, dir);
    FILE *p = popen(cmd, "r");
    CU_ASSERT_FATAL(p != NULL);
    size_t k = 0;
    while (fgets(line, sizeof line, p)) {
        char *colon = strchr(line, ':'), *tab;
        unsigned long long pc;
        if (!colon || colon[1] != '\t' || sscanf(line, " %llx:", &pc) != 1 || !(tab = strchr(colon + 2, '\t')) || k >= n)
            continue;
        char text[256], *o = text;
        for (const char *s = tab + 1; *s && *s != '\n' && *s != '<' && *s != '#' && o < text + sizeof text - 1; s++)
            if (*s == '\t')
                *o++ = ' ';
            else
                *o++ = *s;
        while (o > text && o[-1] == ' ')
            o--;
        *o = 0;
        check(xlen, pc, bits[k++], text);
    }
    pclose(p);
    CU_ASSERT_EQUAL(k, n);
}

static const struct rv_decoder *decoders[65];
static unsigned differences;

static const char *csr_name(const void *ctx, u32 csr)
{
    switch (csr) {
    case 0x001: return "fflags";
    case 0x003: return "fcsr";
    case 0x100: return "sstatus";
    case 0x180: return "satp";
    case 0x300: return "mstatus";
    case 0x341: return "mepc";
    case 0xc00: return "cycle";
    case 0xf14: return "mhartid";
    }
    return NULL;
}

static void check_text(unsigned xlen, u64 pc, u32 bits, const char *text)
{
    u8 bytes[4];
    char ours[128], theirs[256];
    struct rv_decoded i;
    store_le(bytes, 4, bits);
    riscv_disasm_with(decoders[xlen], csr_name, NULL, pc, bytes, 4, ours, sizeof ours);
    rv_decode(decoders[xlen], bits, &i);
    snprintf(theirs, sizeof theirs, "%s", text);
    /* objdump writes targets without 0x. */
    char *last = strrchr(theirs, ',');
    if (!last)
        last = strchr(theirs, ' ');
    if (i.op != RV_OP_COUNT && strchr(riscv_insns[i.op].args, 'p') && last) {
        unsigned long long target = strtoull(last + 1, NULL, 16);
        snprintf(last + 1, sizeof theirs - (size_t)(last + 1 - theirs), "0x%llx", xlen == 32 ? target & 0xffffffff : target);
    }
    bool illegal_there = theirs[0] == '.' || strstr(theirs, "unimp") || strstr(theirs, "unknown");
    bool illegal_here = i.op == RV_OP_COUNT;
    bool same = illegal_there ? illegal_here : !strcmp(ours, theirs);
    /* Names binutils chooses for the same thing. */
    if (i.op == RV_OP_c_nop)
        same = !strncmp(theirs, "c.nop", 5) || !strncmp(theirs, "c.addi zero,", 12);
    if (i.op == RV_OP_fence || i.op == RV_OP_fence_tso || i.op == RV_OP_fence_i || i.op == RV_OP_pause)
        same = same || !strncmp(theirs, "fence", 5) || illegal_there; /* fields reserved for the future are ignored here */
    if (strstr(theirs, "li64 ") || strstr(theirs, "ai64 ")) /* shift by 0: a hint here, RV128's shift by 64 there */
        same = strstr(ours, ",0x0") != NULL;
    /* Shifts by 32 and more do not exist in RV32 (26.5); binutils writes them. */
    if (xlen == 32 && illegal_here && rv_insn_length(bits) == 2 && (bits >> 12 & 1) &&
        ((bits & 0xe003) == 0x0002 || (bits & 0xe803) == 0x8001))
        same = true;
    /* Conversions that cannot round: binutils knows them with rne only; the manual lets them have any valid mode. */
    if (i.op != RV_OP_COUNT && strchr(riscv_insns[i.op].args, 'n') && i.rm && illegal_there)
        same = true;
    if (bits == 0x6101) /* c.addi16sp by 0 is reserved (26.5) */
        same = illegal_here;
    if (bits == 0xc0001073) /* unimp: csrrw to a read-only CSR, illegal when executed */
        same = true;
    if (!same && differences++ < 100)
        printf("rv%u %08x: here \"%s\", objdump \"%s\"\n", xlen, bits, ours, theirs);
}

static void against_binutils(void)
{
    if (!have_binutils()) {
        printf("binutils-riscv64-linux-gnu is not installed: not compared ");
        return;
    }
    struct arena *a = arena_new();
    /* binutils 2.40 does not know Zicond; it puts Zcb and others nowhere by default. */
    for (unsigned xlen = 32; xlen <= 64; xlen += 32) {
        u64 rng = 7;
        size_t n = 0, cap = 65536 + RV_OP_COUNT * 64;
        u32 *bits = xcalloc(cap, sizeof *bits);
        decoders[xlen] = decoder(a, xlen, RV_EXT(RV_ZICOND));
        for (u32 c = 0; c < 65536; c++)
            if ((c & 3) != 3)
                bits[n++] = c;
        for (unsigned op = 0; op < RV_OP_COUNT; op++) {
            const struct rv_row *r = &decoders[xlen]->row[op];
            if (r->len == 2 || !(riscv_insns[op].xlen & xlen))
                continue;
            for (unsigned k = 0; k < 64; k++) {
                u32 b = ((u32)rng_next(&rng) & ~r->mask) | r->match;
                struct rv_decoded d;
                if (riscv_insns[op].flags & F_CSR) {
                    static const u16 known[] = { 0x001, 0x003, 0x100, 0x180, 0x300, 0x341, 0xc00, 0xf14, 0x8c3 };
                    b = (b & 0xfffff) | (u32)known[k % ARRAY_LEN(known)] << 20;
                }
                rv_decode(decoders[xlen], b, &d);
                if (d.op == op)
                    bits[n++] = b;
            }
        }
        objdump(xlen, bits, n, check_text);
        free(bits);
    }
    CU_ASSERT_EQUAL(differences, 0);
    arena_free(a);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "no encoding has two rows", no_overlap },
        { "every picture is whole", rows_are_whole },
        { "extensions switch their encodings", extensions },
        { "binutils agrees", against_binutils },
        CU_TEST_INFO_NULL,
    };
    return unit_main("instruction table", tests);
}
