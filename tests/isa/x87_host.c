/* x87 instructions on the host's x87 and on our ops, from the same state: millions of operands of all kinds, in all modes
 * of rounding and precision, masked and not. Nothing traps: the state is read by FXSAVE, which does not wait for exceptions.
 * (tests/isa/x86_host does whole instructions, with faults and the environment, but fewer.)
 *
 *   x87_host [-n N] [-s SEED] [-r TEXT] [-v N]
 * -n  cases for each row (20000); X87_MILLIONS=M: M million cases, spread over the rows
 * -r  only rows whose id or meaning contains TEXT; -v: mismatches shown of each row (3) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/x86/decode.h"
#include "cpu/x86/x87.h"
#include "tests/isa/x86_gen.h"
#include "tests/isa/x86_state.h"

#ifdef __x86_64__
#include <sys/mman.h>

enum { OPERAND_AT = DATA_AT + 0x100 };

static const u8 is_x87[X86_OP_COUNT + 1] = {
#define INSN(id, ...) [X86_OP_##id] = 1,
#include "cpu/x86/insn_x87.def"
#undef INSN
};

/* --- operands --- */

static struct f80 number(struct x86_gen *g)
{
    static const struct f80 special[] = {
        { 0, 0 }, { 0, 0x8000 }, { F80_INT_BIT, 0x3fff }, { F80_INT_BIT, 0xbfff }, { F80_INT_BIT, 0x7fff },
        { F80_INT_BIT, 0xffff }, { (u64)3 << 62, 0x7fff }, { (u64)3 << 62, 0xffff }, { F80_INT_BIT + 1, 0x7fff },
        { F80_INT_BIT + 1, 0xffff }, { ~(u64)0, 0x7fff }, { 1, 0 }, { F80_INT_BIT, 0 }, { ~(u64)0 >> 1, 0 }, { F80_INT_BIT, 1 },
        { ~(u64)0, 0 }, { ~(u64)0, 0x7ffe }, { F80_INT_BIT, 0x7ffe }, { 0, 0x7fff }, { 0, 0x3fff }, { 12345, 0x3fff },
        { 0xc90fdaa22168c235, 0x4000 }, { 0xb504f333f9de6484, 0x3fff }, { F80_INT_BIT, 0x403e }, { ~(u64)0, 0x403d },
        { F80_INT_BIT, 0x401e }, { F80_INT_BIT, 0x400e }, { 0xffffffff00000000, 0x401e }, { 0xffff000000000000, 0x400e },
        { 0xde0b6b3a763ffff0, 0x403a }, { 0xde0b6b3a76400000, 0x403a },
    };
    u64 r = x86_random(g), m = x86_random(g) | F80_INT_BIT;
    u16 sign = (u16)(r & 0x8000);
    if (r >> 16 & 1) { /* few ones, or few zeroes */
        m = F80_INT_BIT | (r >> 17 & 1 ? x86_random(g) >> (x86_random(g) >> 58) : x86_random(g) << (x86_random(g) >> 58));
        if (r >> 18 & 1)
            m = ~m | F80_INT_BIT;
    }
    switch (r >> 60) {
    case 0: case 1: case 2: return special[x86_random_below(g, ARRAY_LEN(special))];
    case 3: return (struct f80){ x86_random(g), (u16)x86_random(g) };
    case 4: return (struct f80){ m >> (x86_random(g) >> 58), sign };                                /* denormal */
    case 5: return (struct f80){ m, (u16)(sign | (1 + x86_random_below(g, 140))) };                 /* small */
    case 6: return (struct f80){ m, (u16)(sign | (0x7ffe - x86_random_below(g, 140))) };            /* large */
    case 7: return (struct f80){ m, (u16)(sign | (0x2000 - 40 + x86_random_below(g, 80))) };        /* the square is */
    case 8: return (struct f80){ m, (u16)(sign | (0x5fff - 40 + x86_random_below(g, 80))) };
    case 9: return (struct f80){ m, (u16)(sign | (16383 - 160 + x86_random_below(g, 320))) };
    case 10: return (struct f80){ m, (u16)(sign | (16383 - 1100 + x86_random_below(g, 2200))) };    /* about the bounds of 64 bits */
    case 11: return (struct f80){ m, (u16)(sign | (16383 + x86_random_below(g, 20))) };
    default: return (struct f80){ m, (u16)(sign | (16383 - 34 + x86_random_below(g, 70))) };
    }
}

static struct f80 like(struct x86_gen *g, struct f80 a) /* an operand that nearly cancels, divides, rounds to a tie... */
{
    u64 r = x86_random(g);
    switch (r & 7) {
    case 0: a.m += (r >> 8 & 7) - 3; break;
    case 1: a.m ^= (u64)1 << (r >> 58); break;
    case 2: a.se ^= 0x8000; break;
    case 3: a.se = (u16)(a.se + (r >> 8 & 127) - 64); break;
    case 4: a.m = (a.m & ~(u64)0 << 11) | ((u64)1 << 10 & -(r >> 8 & 1)); break;
    case 5: a.m = (a.m & ~(u64)0 << 40) | ((u64)1 << 39 & -(r >> 8 & 1)); break;
    case 6: a.m |= F80_INT_BIT; break;
    }
    return a;
}

static u64 memory_number(struct x86_gen *g, unsigned size)
{
    u64 r = x86_random(g), v = x86_random(g);
    unsigned frac = size == 8 ? 52 : 23, bits = size * 8;
    switch (r >> 61) {
    case 0: return v;
    case 1: return v >> (x86_random(g) >> 58);
    case 2: return (r & (u64)1 << (bits - 1)) | (v >> (65 - frac) >> (x86_random(g) >> 59)); /* denormal */
    case 3: return ((u64)~(u64)0 << frac) | (v >> (63 - frac) & (r & 1 ? ~(u64)0 : 0)) | v << (bits - 1); /* infinity, NaN */
    case 4: return v & ((u64)1 << (bits - 1)); /* zero */
    default: return (v & ~((u64)0x7f << frac)) | (u64)(size == 8 ? 0x3c0 : 0x40) << frac;
    }
}

/* --- the host --- */

struct shot {
    u8 in[512], out[512];
    u8 operand[16];
} __attribute__((aligned(16)));

static u8 *code;

static void write_code(const u8 *bytes, unsigned n)
{
    static const u8 load[] = { 0x48, 0x0f, 0xae, 0x0f /* fxrstor64 [rdi] */ }, save[] = { 0x48, 0x0f, 0xae, 0x06, /* fxsave64 [rsi] */
                               0xdb, 0xe3 /* fninit */, 0x9c, 0x8f, 0x01 /* pushf; pop [rcx] */, 0xc3 };
    u8 *p = code;
    mprotect(code, 4096, PROT_READ | PROT_WRITE);
    /* the flags that FCOMI changes and FCMOV reads: push r8; popf */
    memcpy(p, (const u8[]){ 0x41, 0x50, 0x9d }, 3);
    memcpy(p + 3, load, sizeof load);
    memcpy(p + 3 + sizeof load, bytes, n);
    memcpy(p + 3 + sizeof load + n, save, sizeof save);
    mprotect(code, 4096, PROT_READ | PROT_EXEC);
}

static u64 run_host(struct shot *s, u64 flags)
{
    u64 after = 0;
    register u64 r8 __asm__("r8") = flags;
    u64 ax = 0;
    __asm__ volatile("call *%[code]"
                     : "+a"(ax), "+r"(r8)
                     : [code] "r"((u64)(uintptr_t)code), "D"(s->in), "S"(s->out), "d"(s->operand), "c"(&after)
                     : "memory", "cc", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "xmm0", "xmm1", "xmm2",
                       "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    return after | ax << 32;
}

static void put_state(u8 *x, const struct x86_fpu *f)
{
    memset(x, 0, 512);
    store_le(x, 2, f->cw);
    store_le(x + 2, 2, f->sw);
    store_le(x + 4, 2, f->valid);
    store_le(x + 24, 4, 0x1f80);
    for (unsigned k = 0; k < 8; k++) {
        const struct x86_f80 *r = &f->st[((f->sw >> 11) + k) & 7];
        store_le(x + 32 + 16 * k, 8, r->m);
        store_le(x + 40 + 16 * k, 2, r->se);
    }
}

static void get_state(const u8 *x, struct x86_fpu *f)
{
    f->cw = (u16)load_le(x, 2);
    f->sw = (u16)load_le(x + 2, 2);
    f->valid = x[4];
    for (unsigned k = 0; k < 8; k++)
        f->st[((f->sw >> 11) + k) & 7] = (struct x86_f80){ load_le(x + 32 + 16 * k, 8), (u16)load_le(x + 40 + 16 * k, 2) };
}

/* --- comparing --- */

static bool transcendental(const struct x86_row *row)
{
    static const char *const meanings[] = { "fsin", "fcos", "fptan", "fpatan", "f2xm1", "fyl2x" };
    for (size_t k = 0; k < ARRAY_LEN(meanings); k++)
        if (strstr(row->meaning, meanings[k]))
            return true;
    return false;
}

static bool same(const struct x86_f80 *a, const struct x86_f80 *b, bool near)
{
    i64 apart = (i64)(a->m - b->m);
    if (a->se == b->se)
        return !apart || (near && apart >= -1 && apart <= 1);
    const struct x86_f80 *more = (a->se & 0x7fff) > (b->se & 0x7fff) ? a : b, *less = more == a ? b : a;
    return near && more->se == less->se + 1 && more->m == F80_INT_BIT && (!(less->m + 1) || !(less->se & 0x7fff));
}

static bool state_differs(const struct x86_fpu *h, const struct x86_fpu *o, bool near)
{
    bool bad = h->cw != o->cw || h->valid != o->valid || ((h->sw ^ o->sw) & (near && h->sw & F80_PE ? ~F80_C1 : 0xffff));
    for (unsigned k = 0; k < 8; k++)
        bad |= !same(&h->st[k], &o->st[k], near);
    return bad;
}

static void show(const struct x86_row *row, const u8 *bytes, const struct x86_fpu *in, const struct x86_fpu *h, const struct x86_fpu *o,
                 u64 operand, u64 mh, u64 mo)
{
    printf("  %s %02x %02x cw %04x sw %04x valid %02x memory %016llx: ours sw %04x valid %02x, host sw %04x valid %02x", row->id, bytes[0],
           bytes[1], in->cw, in->sw, in->valid, (unsigned long long)operand, o->sw, o->valid, h->sw, h->valid);
    if (mh != mo)
        printf(" memory %016llx not %016llx", (unsigned long long)mo, (unsigned long long)mh);
    unsigned top = in->sw >> 11;
    printf("\n    st0 %04x_%016llx st1 %04x_%016llx", in->st[top & 7].se, (unsigned long long)in->st[top & 7].m, in->st[(top + 1) & 7].se,
           (unsigned long long)in->st[(top + 1) & 7].m);
    for (unsigned k = 0; k < 8; k++)
        if (h->st[k].m != o->st[k].m || h->st[k].se != o->st[k].se)
            printf("\n    fpr%u ours %04x_%016llx host %04x_%016llx (was %04x_%016llx)", k, o->st[k].se, (unsigned long long)o->st[k].m,
                   h->st[k].se, (unsigned long long)h->st[k].m, in->st[k].se, (unsigned long long)in->st[k].m);
    printf("\n");
}

static bool wanted(unsigned op, const char *text)
{
    static const char *const others[] = { "env", "fnsave", "frstor" };
    const struct x86_row *row = &x86_rows[op];
    for (size_t k = 0; k < ARRAY_LEN(others); k++)
        if (strstr(row->meaning, others[k]))
            return false;
    return is_x87[op] && (!text || strstr(row->id, text) || strstr(row->meaning, text));
}

static void make_state(struct x86_gen *g, const struct x86_row *row, struct x86_fpu *f)
{
    memset(f, 0, sizeof *f);
    f->cw = (u16)(0x7f | (x86_random(g) & 0x1f00));
    if ((f->cw & 0x300) == 0x100 || !(x86_random(g) & 3 << 20))
        f->cw |= 0x300; /* the reserved precision is not tried */
    if (!x86_random_below(g, 4))
        f->cw &= (u16)(x86_random(g) | 0xff40);
    f->sw = (u16)(x86_random(g) & 0x7f00);
    if (!x86_random_below(g, 8))
        f->sw |= (u16)(x86_random(g) & 0x7f & (f->cw | 0x40));
    f->valid = (u8)(x86_random_below(g, 4) ? 0xff : x86_random(g));
    if (strstr(row->meaning, "ld")) /* room to push */
        f->valid &= (u8)(x86_random_below(g, 4) ? ~(1u << (((f->sw >> 11) - 1) & 7)) : 0xff);
    for (unsigned k = 0; k < 8; k++) {
        struct f80 v = number(g);
        if (k && !x86_random_below(g, 3))
            v = like(g, (struct f80){ f->st[k - 1].m, f->st[k - 1].se });
        f->st[k] = (struct x86_f80){ v.m, v.se };
    }
}

int main(int argc, char **argv)
{
    unsigned cases = 20000, shown = 3, rows = 0, bad_rows = 0;
    u64 seed = 1, total = 0, bad = 0;
    const char *text = NULL, *millions = getenv("X87_MILLIONS");
    for (int o; (o = getopt(argc, argv, "n:s:r:v:")) != -1;)
        switch (o) {
        case 'n': cases = (unsigned)strtoul(optarg, NULL, 0); break;
        case 's': seed = strtoull(optarg, NULL, 0); break;
        case 'r': text = optarg; break;
        case 'v': shown = (unsigned)strtoul(optarg, NULL, 0); break;
        default: return 2;
        }
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct guest *guest = guest_new("max");
    struct x86 *c = guest_cpu(guest);
    const struct x86_decoder *d = guest_decoder(guest);
    struct user_shot *nop = xcalloc(1, sizeof *nop);
    nop->bytes[0] = 0x90;
    nop->bits = 64;
    nop->in.seg[X86_CS] = USER_CS64;
    nop->in.seg[X86_SS] = USER_DS;
    nop->in.rip = CODE_AT;
    nop->in.fpu.cw = X87_INIT_CW;
    nop->in.rflags = 0x202;
    guest_run(guest, nop);
    struct shot *s = aligned_alloc(16, sizeof *s);
    for (unsigned op = 0; op < X86_OP_COUNT; op++)
        rows += wanted(op, text);
    if (millions && rows)
        cases = (unsigned)(strtod(millions, NULL) * 1e6 / rows) + 1;
    for (unsigned op = 0; op < X86_OP_COUNT; op++) {
        if (!wanted(op, text))
            continue;
        const struct x86_row *row = &x86_rows[op];
        const struct x86_form *f = &d->form[op];
        struct x86_gen g = { .state = seed * 0x9e3779b97f4a7c15 + op * 0x100000001b3 + 1 };
        bool near = transcendental(row), memory = f->mod == MOD_MEM;
        unsigned row_bad = 0, size = 0;
        struct x86_insn i;
        for (unsigned n = 0; n < cases; n++) {
            struct x86_fpu in, host, ours;
            u8 bytes[2] = { f->opcode, 0 };
            if (n % 256 == 0) { /* another register */
                if (f->has_modrm)
                    bytes[1] = (u8)(f->fixed | (memory ? 2 : x86_random_below(&g, 8) & (u8)~f->fixed_mask));
                x86_decode(d, 64, false, bytes, 2, &i);
                write_code(bytes, f->has_modrm ? 2 : 1);
                size = memory ? x86_osize(&i) : 0;
                if (memory && strchr(row->operands, 't'))
                    size = 10;
            }
            bytes[1] = (u8)i.imm;
            make_state(&g, row, &in);
            u64 flags = 0x202 | (x86_random(&g) & X86_ARITH);
            memset(s->operand, 0, sizeof s->operand);
            if (size == 10) {
                struct f80 v = number(&g);
                store_le(s->operand, 8, strstr(row->meaning, "fbld") ? v.m % 10000000000000000 : v.m); /* digits: see below */
                store_le(s->operand + 8, 2, v.se);
                if (strstr(row->meaning, "fbld"))
                    for (unsigned k = 0; k < 9; k++)
                        s->operand[k] = (u8)(x86_random_below(&g, 10) | x86_random_below(&g, 10) << 4);
            } else if (size) {
                store_le(s->operand, size, memory_number(&g, size < 4 ? 4 : size) & size_mask(size));
            }
            u64 operand = load_le(s->operand, 8);
            if (strstr(row->meaning, "fldcw")) /* the reserved precision, again */
                s->operand[1] |= 3;
            put_state(s->in, &in);
            x86_store_bytes(c, X86_DS, OPERAND_AT, s->operand, sizeof s->operand);
            u64 after = run_host(s, flags);
            memset(&host, 0, sizeof host);
            get_state(s->out, &host);

            c->fpu = in;
            c->rip = CODE_AT;
            c->next_rip = CODE_AT + i.length;
            c->r[X86_DX] = OPERAND_AT;
            c->r[X86_AX] = 0;
            x86_set_flags(c, flags);
            u8 got[16] = { 0 };
            bool ok = x86_ops[op](c, &i) && x86_load_bytes(c, X86_DS, OPERAND_AT, got, sizeof got);
            ours = c->fpu;
            u64 own = (x86_flags(c) & 0xffffffff) | c->r[X86_AX] << 32;
            total++;
            if (!ok || state_differs(&host, &ours, near) || memcmp(got, s->operand, sizeof got) ||
                ((own ^ after) & ((u64)0xffff << 32 | X86_ARITH))) {
                if (row_bad++ < shown)
                    show(row, bytes, &in, &host, &ours, operand, load_le(s->operand, 8), load_le(got, 8));
            }
        }
        if (row_bad)
            printf("%s: %u of %u differ\n", row->id, row_bad, cases);
        bad += row_bad;
        bad_rows += row_bad != 0;
    }
    printf("%llu cases of %u rows: %llu differ, in %u rows\n", (unsigned long long)total, rows, (unsigned long long)bad, bad_rows);
    guest_free(guest);
    free(s);
    free(nop);
    return bad != 0;
}
#else
int main(void)
{
    printf("not run: the host is not x86-64\n");
    return 77;
}
#endif
