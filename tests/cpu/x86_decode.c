/* The rows of cpu/x86/insn.def, the decoder made from them, the models and CPUID. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/decode.h"
#include "tests/isa/x86_gen.h"
#include "tests/unit.h"

static struct arena *arena;

static struct x86_config config_of(const char *text)
{
    struct x86_config c;
    struct err e = { "" };
    if (!x86_config_parse(text, true, &c, &e)) {
        fprintf(stderr, "%s\n", e.text);
        CU_FAIL_FATAL("no such model");
    }
    return c;
}
static struct x86_decoder *decoder_of(const char *model)
{
    struct x86_config c = config_of(model);
    return x86_decoder_new(arena, &c);
}

/* Every row can be taken apart; no two say the same. */
static void all_rows(void)
{
    struct x86_form *f = xcalloc(X86_OP_COUNT, sizeof *f);
    for (unsigned op = 0; op < X86_OP_COUNT; op++) {
        const char *why = "";
        const struct x86_row *r = &x86_rows[op];
        if (!x86_parse_row(r, &f[op], &why)) {
            printf("\n  %s: %s \"%s\" \"%s\"", r->id, why, r->encoding, r->operands);
            CU_FAIL("row");
        }
        CU_ASSERT_TRUE(*r->mnemonic && *r->doc && *r->section && r->cpu < X86_F_COUNT);
        CU_ASSERT_TRUE(!((r->flags & X_I64) && (r->flags & X_O64)));
        for (unsigned k = 0; k < op; k++)
            if (!strcmp(r->encoding, x86_rows[k].encoding) &&
                !((r->flags | x86_rows[k].flags) & X_I64 && (r->flags | x86_rows[k].flags) & X_O64)) {
                printf("\n  %s and %s have one encoding", r->id, x86_rows[k].id);
                CU_FAIL("row");
            }
    }
    /* All rows of an opcode agree on whether a ModRM byte follows: the decoder asks the first. */
    for (unsigned op = 0; op < X86_OP_COUNT; op++)
        for (unsigned k = 0; k < op; k++)
            if (f[op].map == f[k].map && f[op].opcode == f[k].opcode && f[op].has_modrm != f[k].has_modrm) {
                printf("\n  %s and %s: ModRM or not?", x86_rows[op].id, x86_rows[k].id);
                CU_FAIL("row");
            }
    free(f);
}

/* What is generated from a row is decoded as that row, or as a special case of it; whole, and from a buffer that ends with it. */
static void generated(void)
{
    struct x86_decoder *d = decoder_of("max");
    struct x86_gen g = { .state = 7, .more_prefixes = 64 };
    unsigned seen = 0;
    for (unsigned op = 0; op < X86_OP_COUNT; op++)
        for (unsigned k = 0; k < 150; k++) {
            struct x86_encoding e;
            struct x86_insn i, again;
            unsigned bits = 16u << k % 3;
            if (!x86_generate(&g, &d->form[op], op, bits, &e) || e.length > 15)
                continue;
            int n = x86_decode(d, bits, false, e.bytes, e.length, &i);
            if (n < 0 && ((x86_rows[op].flags & X_LOCK) || d->form[op].reg_kind == K_S || d->form[op].reg_kind == K_CR ||
                          d->form[op].reg_kind == K_DR || d->form[op].vsib))
                continue; /* LOCK with a register, a segment register that is not there */
            bool special = (x86_rows[i.op].flags & X_HINT) || (i.op < X86_OP_COUNT && d->form[i.op].prefix != P_ANY);
            if (n != e.length || (i.op != op && !special)) {
                printf("\n  %u-bit %s:", bits, x86_rows[op].id);
                for (unsigned b = 0; b < e.length; b++)
                    printf(" %02x", e.bytes[b]);
                printf(" is %s, %d bytes of %u", x86_rows[i.op].id, n, e.length);
                CU_FAIL("decoded otherwise");
                break;
            }
            u8 *exact = xmalloc(e.length);
            memcpy(exact, e.bytes, e.length);
            for (unsigned short_n = 0; short_n < e.length; short_n++) {
                u8 *part = xmalloc(short_n + 1);
                memcpy(part, e.bytes, short_n);
                CU_ASSERT_EQUAL(x86_decode(d, bits, false, part, short_n, &again), X86_DECODE_MORE);
                free(part);
            }
            CU_ASSERT_EQUAL(x86_decode(d, bits, false, exact, e.length, &again), n);
            CU_ASSERT_EQUAL(memcmp(&i, &again, sizeof i), 0);
            free(exact);
            seen++;
        }
    CU_ASSERT_TRUE(seen > 10000);
}

static int decode(const struct x86_decoder *d, unsigned bits, bool legacy, const char *hex, struct x86_insn *i)
{
    u8 bytes[32];
    size_t n = 0;
    for (char *end; *hex; hex = end) {
        bytes[n++] = (u8)strtoul(hex, &end, 16);
        while (*end == ' ')
            end++;
    }
    return x86_decode(d, bits, legacy, bytes, n, i);
}
#define IS(d, bits, hex, n, row)                                                                         \
    do {                                                                                                 \
        int n_ = decode(d, bits, false, hex, &i);                                                        \
        if (n_ != (n) || strcmp(x86_rows[i.op].id, row))                                                 \
            printf("\n  %s: %d %s, not %d %s", hex, n_, x86_rows[i.op].id, n, row);                      \
        CU_ASSERT_TRUE(n_ == (n) && !strcmp(x86_rows[i.op].id, row));                                    \
    } while (0)

static void cases(void)
{
    struct x86_insn i;
    struct x86_decoder *max = decoder_of("max"), *old = decoder_of("8086"), *p3 = decoder_of("pentium3");
    IS(max, 64, "48 8b 44 8b 10", 5, "mov_gv_ev");
    CU_ASSERT_TRUE(i.reg == X86_AX && i.base == X86_BX && i.index == X86_CX && x86_scale(&i) == 2 && i.disp == 16 &&
                   x86_osize(&i) == 8 && x86_asize(&i) == 8 && x86_segno(&i) == X86_DS && (i.flags & X86_I_MEM));
    IS(max, 64, "88 e0", 2, "mov_eb_gb");
    CU_ASSERT_TRUE(i.reg == X86_AH && i.rm == X86_AX && x86_osize(&i) == 1);
    IS(max, 64, "40 88 e0", 3, "mov_eb_gb"); /* SPL */
    CU_ASSERT_EQUAL(i.reg, X86_SP);
    IS(max, 64, "48 66 01 c8", 4, "add_ev_gv"); /* a REX before another prefix counts for nothing */
    CU_ASSERT_EQUAL(x86_osize(&i), 2);
    IS(max, 64, "66 48 01 c8", 4, "add_ev_gv");
    CU_ASSERT_EQUAL(x86_osize(&i), 8);
    IS(max, 64, "2e 8b 45 00", 4, "mov_gv_ev"); /* CS means nothing there, SS stays the default of RBP */
    CU_ASSERT_EQUAL(x86_segno(&i), X86_SS);
    IS(max, 64, "65 8b 45 00", 4, "mov_gv_ev");
    CU_ASSERT_EQUAL(x86_segno(&i), X86_GS);
    IS(max, 16, "8b 46 fe", 3, "mov_gv_ev");
    CU_ASSERT_TRUE(i.base == X86_BP && i.disp == -2 && x86_osize(&i) == 2 && x86_segno(&i) == X86_SS);
    IS(max, 32, "c4 10", 2, "les");
    IS(max, 64, "c4 10", X86_DECODE_MORE, "bad");
    IS(max, 64, "90", 1, "nop_90");
    IS(max, 64, "41 90", 2, "xchg_zv_rax");
    CU_ASSERT_EQUAL(i.rm, 8);
    IS(max, 64, "f3 41 90", 3, "pause");
    IS(max, 64, "04 80", 2, "add_al_ib");
    CU_ASSERT_EQUAL(i.imm, (u64)-128);
    IS(max, 64, "e6 80", 2, "out_ib_al");
    CU_ASSERT_EQUAL(i.imm, 0x80);
    IS(max, 64, "d1 e0", 2, "shl_ev_1");
    CU_ASSERT_EQUAL(i.imm, 1);
    IS(max, 64, "c8 34 12 05", 4, "enter");
    CU_ASSERT_EQUAL(i.imm, 0x51234);
    IS(max, 16, "ea 78 56 34 12", 5, "jmp_far_ap");
    CU_ASSERT_EQUAL(i.imm, 0x123400005678);
    IS(max, 64, "ea 78 56 34 12 00 00", X86_DECODE_UD, "bad");
    IS(max, 64, "48 a1 88 77 66 55 44 33 22 11", 10, "mov_rax_ov");
    CU_ASSERT_EQUAL(i.imm, 0x1122334455667788);
    /* LOCK */
    IS(max, 64, "f0 01 00", 3, "add_ev_gv");
    IS(max, 64, "f0 01 c0", X86_DECODE_UD, "bad");
    IS(max, 64, "f0 39 00", X86_DECODE_UD, "bad");
    IS(old, 16, "f0 39 07", 3, "cmp_ev_gv");
    /* no such register */
    IS(max, 64, "8e c8", X86_DECODE_UD, "bad");
    IS(max, 64, "8e f8", X86_DECODE_UD, "bad");
    IS(max, 64, "0f 20 c8", X86_DECODE_UD, "bad");
    IS(max, 64, "44 0f 20 c0", 4, "mov_rd_cd");
    CU_ASSERT_TRUE(i.reg == 8 && i.rm == X86_AX && x86_osize(&i) == 8);
    IS(max, 64, "0f 20 00", 3, "mov_rd_cd"); /* the mod bits do not matter */
    CU_ASSERT_TRUE(!(i.flags & X86_I_MEM));
    /* length */
    IS(max, 64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", 15, "xchg_ax_ax");
    IS(max, 64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", X86_DECODE_LONG, "bad");
    IS(max, 64, "66 66 66 66 66 66 66 66 66 66 66 66 81 00 00 00", X86_DECODE_LONG, "bad");
    /* what a model lacks */
    IS(p3, 32, "f3 0f b8 c0", X86_DECODE_UD, "bad");
    IS(p3, 32, "f3 0f bd c0", 4, "bsr"); /* LZCNT without it */
    IS(max, 32, "f3 0f bd c0", 4, "lzcnt");
    IS(p3, 32, "0f 44 c0", 3, "cmove");
    IS(decoder_of("pentium"), 32, "0f 44 c0", X86_DECODE_UD, "bad");
    IS(old, 16, "66 90", X86_DECODE_UD, "bad");
    IS(old, 16, "60", X86_DECODE_UD, "bad");
    IS(decoder_of("286"), 16, "60", 1, "pusha");
    IS(decoder_of("286"), 16, "8e e0", X86_DECODE_UD, "bad"); /* FS */
    IS(decoder_of("max,bmi1=off"), 64, "c4 e2 78 f2 cb", X86_DECODE_UD, "bad");
    /* VEX */
    IS(max, 64, "c4 e2 78 f2 cb", 5, "andn");
    CU_ASSERT_TRUE(i.reg == X86_CX && i.vreg == X86_AX && i.rm == X86_BX);
    IS(max, 64, "66 c4 e2 78 f2 cb", X86_DECODE_UD, "bad");
    IS(max, 64, "48 c4 e2 78 f2 cb", X86_DECODE_UD, "bad");
    IS(max, 64, "c4 e3 78 f0 cb 05", X86_DECODE_UD, "bad");
    IS(max, 64, "c4 e3 7b f0 cb 05", 6, "rorx");
    IS(max, 64, "c4 e3 73 f0 cb 05", X86_DECODE_UD, "bad"); /* vvvv must be 1111 */
    CU_ASSERT_EQUAL(decode(max, 16, true, "c4 e2 78 f2 cb", &i), X86_DECODE_UD);  /* no VEX in real mode */
    CU_ASSERT_EQUAL(decode(max, 16, true, "0f 00 c0", &i), X86_DECODE_UD);        /* SLDT */
    CU_ASSERT_EQUAL(decode(max, 16, false, "0f 00 c0", &i), 3);
}

static void random_bytes(void)
{
    static const char *const models[] = { "8086", "286", "386", "486", "pentium3", "qemu64", "max" };
    struct x86_gen g = { .state = 5 };
    for (size_t m = 0; m < ARRAY_LEN(models); m++) {
        struct x86_decoder *d = decoder_of(models[m]);
        for (unsigned k = 0; k < 60000; k++) {
            unsigned n = x86_random_below(&g, 18), bits = 16u << k % 3;
            u8 *bytes = xmalloc(n + 1);
            char text[64];
            for (unsigned b = 0; b < n; b++)
                bytes[b] = (u8)(x86_random(&g) >> 40);
            u8 *exact = xmalloc(n ? n : 1);
            memcpy(exact, bytes, n);
            struct x86_insn i;
            int length = x86_decode(d, bits, k & 1, exact, n, &i);
            CU_ASSERT_TRUE(length >= X86_DECODE_LONG && length <= 15 && length <= (int)n);
            CU_ASSERT_TRUE((length > 0) == (i.op < X86_OP_COUNT));
            unsigned shown = x86_disasm_with(d, bits, k & 1, 0x1000, exact, n, text, 1 + k % sizeof text);
            CU_ASSERT_TRUE(length > 0 ? shown == (unsigned)length : shown <= 1);
            free(exact);
            free(bytes);
        }
    }
}

static void models(void)
{
    struct err e = { "" };
    struct x86_config c;
    CU_ASSERT_FALSE(x86_config_parse("486x", true, &c, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "did you mean '486'"));
    CU_ASSERT_FALSE(x86_config_parse("qemu64", false, &c, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "orrery-system-x86_64"));
    CU_ASSERT_FALSE(x86_config_parse("qemu64,avxx=on", true, &c, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "did you mean 'avx'"));
    CU_ASSERT_FALSE(x86_config_parse("qemu64,avx2=on", true, &c, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "add avx=on"));
    CU_ASSERT_FALSE(x86_config_parse("qemu64,avx2=maybe", true, &c, &e));
    CU_ASSERT_FALSE(x86_config_parse("qemu64,", true, &c, &e));
    CU_ASSERT_FALSE(x86_config_parse("qemu64,avx2", true, &c, &e));
    CU_ASSERT_FALSE(x86_config_parse("max,family=1000", true, &c, &e));
    c = config_of("max,sse2=off");
    CU_ASSERT_FALSE(x86_has_feature(&c, X86_F_AVX2) || x86_has_feature(&c, X86_F_LM) || x86_has_feature(&c, X86_F_AES));
    CU_ASSERT_TRUE(x86_has_feature(&c, X86_F_BMI1));
    CU_ASSERT_TRUE(x86_config_parse("max", false, &c, &e));
    CU_ASSERT_FALSE(x86_has_feature(&c, X86_F_LM) || x86_has_feature(&c, X86_F_CX16));
    CU_ASSERT_EQUAL(c.linear_bits, 32);
    c = config_of("max,family=15,model=107,stepping=1,vendor=AuthenticAMD,model-id=me,phys-bits=36,tsc-frequency=3000000000,+la57");
    CU_ASSERT_EQUAL(c.signature, 0x60fb1); /* what an Athlon 64 X2 says */
    CU_ASSERT_TRUE(!strcmp(c.brand, "me") && c.phys_bits == 36 && c.tsc_khz == 3000000 && c.linear_bits == 57);
    struct buf b = { 0 };
    x86_config_list(&b, false);
    CU_ASSERT_PTR_NULL(strstr(buf_cstr(&b), "qemu64"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&b), "pentium3"));
    buf_free(&b);
}

static void cpuid(void)
{
    struct x86_config c = config_of("max");
    struct x86_cpuid_in in = { .apic_on = true, .apic_id = 3, .xcr0 = 7 };
    u32 r[4];
    c.cpus = 4;
    x86_cpuid(&c, &in, 0, 0, r);
    CU_ASSERT_TRUE(r[0] == 0x16 && !memcmp(&r[1], "Genu", 4) && !memcmp(&r[3], "ineI", 4) && !memcmp(&r[2], "ntel", 4));
    x86_cpuid(&c, &in, 1, 0, r);
    CU_ASSERT_EQUAL(r[0], 0x000806f8);
    CU_ASSERT_EQUAL(r[1], 3u << 24 | 4 << 16 | 8 << 8);
    CU_ASSERT_TRUE((r[3] >> 28 & 1) && (r[3] >> 9 & 1) && !(r[2] >> 27 & 1) && (r[2] >> 26 & 1) && !(r[2] >> 31));
    in.cr4 = 1u << 18 | 1u << 22;
    in.apic_on = false;
    x86_cpuid(&c, &in, 1, 0, r);
    CU_ASSERT_TRUE(!(r[3] >> 9 & 1) && (r[2] >> 27 & 1));
    x86_cpuid(&c, &in, 7, 0, r);
    CU_ASSERT_TRUE((r[2] >> 4 & 1) && (r[1] >> 5 & 1) && !(r[1] >> 16 & 1));
    x86_cpuid(&c, &in, 0xd, 0, r);
    CU_ASSERT_TRUE(r[0] == 0x207 && r[1] == 832 && r[2] == 2696);
    x86_cpuid(&c, &in, 0xd, 2, r);
    CU_ASSERT_TRUE(r[0] == 256 && r[1] == 576);
    x86_cpuid(&c, &in, 0xb, 1, r);
    CU_ASSERT_TRUE(r[0] == 2 && r[1] == 4 && r[2] == 0x201 && r[3] == 3);
    x86_cpuid(&c, &in, 0x15, 0, r);
    CU_ASSERT_TRUE(r[0] == 1 && r[1] == 10 && r[2] == 100000000);
    x86_cpuid(&c, &in, 0x80000008, 0, r);
    CU_ASSERT_EQUAL(r[0], 46 | 57 << 8);
    u32 last[4];
    x86_cpuid(&c, &in, 0x16, 0, last);
    x86_cpuid(&c, &in, 0x40000000, 0, r); /* no hypervisor: as the last basic leaf */
    CU_ASSERT_EQUAL(memcmp(r, last, sizeof r), 0);
    c = config_of("qemu64");
    x86_cpuid(&c, &in, 0x80000001, 0, r);
    CU_ASSERT_EQUAL(r[3], 1u << 29 | 1u << 20 | 1u << 11);
    CU_ASSERT_EQUAL(r[2], 1);
}

int main(void)
{
    CU_TestInfo tests[] = { { "rows", all_rows }, { "what is generated is decoded", generated }, { "cases", cases },
                            { "random bytes", random_bytes }, { "models", models }, { "CPUID", cpuid }, CU_TEST_INFO_NULL };
    arena = arena_new();
    int status = unit_main("x86_decode", tests);
    arena_free(arena);
    return status;
}
