/* Writes what the encoders of jit/a64.h make, for an assembler to judge: a line for each instruction, the word it is
 * and the text it should be. */
#include <stdio.h>

#include "jit/a64.h"

static u64 seed = 0x123456789abcdef;

static unsigned any(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % below;
}

static u8 room[64];
static struct out a;

static void says(const char *text)
{
    for (const u8 *p = room; p < a.p; p += 4)
        printf("%08x\t%s\n", (unsigned)load_le(p, 4), text);
    a.p = room;
}

#define SAYS(...)                                                                                                     \
    do {                                                                                                              \
        char text[100];                                                                                               \
        snprintf(text, sizeof text, __VA_ARGS__);                                                                     \
        says(text);                                                                                                   \
    } while (0)

static void registers(unsigned d, unsigned n, unsigned m, unsigned r)
{
    static const struct {
        u32 op;
        const char *name;
    } three[] = {
        { A64_ADD, "add" }, { A64_SUB, "sub" }, { A64_SUBS, "subs" }, { A64_AND, "and" }, { A64_ORR, "orr" },
        { A64_EOR, "eor" }, { A64_ANDS, "ands" }, { A64_BIC, "bic" }, { A64_ORN, "orn" }, { A64_EON, "eon" },
        { A64_LSLV, "lsl" }, { A64_LSRV, "lsr" }, { A64_ASRV, "asr" }, { A64_RORV, "ror" }, { A64_UDIV, "udiv" },
        { A64_SDIV, "sdiv" }, { A64_UMULH, "umulh" }, { A64_SMULH, "smulh" },
    }, selects[] = { { A64_CSEL, "csel" }, { A64_CSINC, "csinc" }, { A64_CSINV, "csinv" }, { A64_CSNEG, "csneg" } },
      two[] = { { A64_CLZ, "clz" }, { A64_RBIT, "rbit" }, { A64_REV, "rev" } },
      float_three[] = { { A64_FADD, "fadd" }, { A64_FSUB, "fsub" }, { A64_FMUL, "fmul" }, { A64_FDIV, "fdiv" } },
      float_two[] = { { A64_FSQRT, "fsqrt" }, { A64_FMOV, "fmov" } };
    static const char *const cond[] = { "eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt",
        "le" };
    static const char *const how[] = { "lsl", "lsr", "asr" };

    for (unsigned k = 0; k < ARRAY_LEN(three); k++) {
        a_rrr(&a, three[k].op, d, n, m);
        SAYS("%s x%u, x%u, x%u", three[k].name, d, n, m);
        unsigned s = any(3), by = any(64);
        if (k < 10) {
            a_shifted(&a, three[k].op, d, n, m, s, by);
            SAYS("%s x%u, x%u, x%u, %s #%u", three[k].name, d, n, m, how[s], by);
        }
    }
    a_rrr(&a, A64_SUBS_W, d, n, m);
    SAYS("subs w%u, w%u, w%u", d, n, m);
    for (unsigned k = 0; k < ARRAY_LEN(selects); k++) {
        unsigned c = any(14);
        a_select(&a, selects[k].op, d, n, m, c);
        SAYS("%s x%u, x%u, x%u, %s", selects[k].name, d, n, m, cond[c]);
        a_set(&a, d, c);
        SAYS("cset x%u, %s", d, cond[c]);
    }
    for (unsigned k = 0; k < ARRAY_LEN(two); k++) {
        a_rr(&a, two[k].op, d, n);
        SAYS("%s x%u, x%u", two[k].name, d, n);
    }
    a_rrrr(&a, A64_MADD, d, n, m, r);
    SAYS("madd x%u, x%u, x%u, x%u", d, n, m, r);
    a_rrrr(&a, A64_MSUB, d, n, m, r);
    SAYS("msub x%u, x%u, x%u, x%u", d, n, m, r);
    a_mul(&a, d, n, m);
    SAYS("mul x%u, x%u, x%u", d, n, m);
    a_rrrr(&a, A64_EXTR, d, n, m, r);
    SAYS("extr x%u, x%u, x%u, #%u", d, n, m, r);
    if (d != n) {
        a_mov(&a, d, n);
        SAYS("mov x%u, x%u", d, n);
    }
    a_rr(&a, A64_BR, 0, n);
    SAYS("br x%u", n);
    a_rr(&a, A64_BLR, 0, n);
    SAYS("blr x%u", n);
    a_rr(&a, A64_RET, 0, n);
    SAYS("ret x%u", n);

    for (unsigned dbl = 0; dbl < 2; dbl++) {
        char t = dbl ? 'd' : 's';
        u32 type = dbl ? A64_D : 0;
        for (unsigned k = 0; k < ARRAY_LEN(float_three); k++) {
            a_rrr(&a, float_three[k].op | type, d, n, m);
            SAYS("%s %c%u, %c%u, %c%u", float_three[k].name, t, d, t, n, t, m);
        }
        for (unsigned k = 0; k < ARRAY_LEN(float_two); k++) {
            a_rr(&a, float_two[k].op | type, d, n);
            SAYS("%s %c%u, %c%u", float_two[k].name, t, d, t, n);
        }
        a_rrrr(&a, A64_FMADD | type, d, n, m, r);
        SAYS("fmadd %c%u, %c%u, %c%u, %c%u", t, d, t, n, t, m, t, r);
        a_rrr(&a, A64_FCMP | type, 0, n, m);
        SAYS("fcmp %c%u, %c%u", t, n, t, m);
        a_rr(&a, A64_SCVTF | type, d, n);
        SAYS("scvtf %c%u, x%u", t, d, n);
        a_rr(&a, A64_FCVTZS | type, d, n);
        SAYS("fcvtzs x%u, %c%u", d, t, n);
    }
    a_rr(&a, A64_FCVT_S_TO_D, d, n);
    SAYS("fcvt d%u, s%u", d, n);
    a_rr(&a, A64_FCVT_D_TO_S, d, n);
    SAYS("fcvt s%u, d%u", d, n);
    a_rr(&a, A64_FMOV_TO_X, d, n);
    SAYS("fmov x%u, d%u", d, n);
    a_rr(&a, A64_FMOV_FROM_X, d, n);
    SAYS("fmov d%u, x%u", d, n);
    a_rr(&a, A64_CNT_8B, d, n);
    SAYS("cnt v%u.8b, v%u.8b", d, n);
    a_rr(&a, A64_ADDV_8B, d, n);
    SAYS("addv b%u, v%u.8b", d, n);
}

static u64 pattern(void)
{
    unsigned size = 2u << any(6), ones = 1 + any(size - 1), turn = any(size);
    u64 mask = ~(u64)0 >> (64 - size), run = ~(u64)0 >> (64 - ones), v = 0;
    run = turn ? (run >> turn | run << (size - turn)) & mask : run;
    for (unsigned k = 0; k < 64; k += size)
        v |= run << k;
    return v;
}

static void numbers(unsigned d, unsigned n)
{
    static const struct {
        u32 op;
        const char *name;
    } arithmetic[] = { { A64_ADD_IMM, "add" }, { A64_SUB_IMM, "sub" }, { A64_ADDS_IMM, "adds" },
        { A64_SUBS_IMM, "subs" } },
      logical[] = { { A64_AND_IMM, "and" }, { A64_ORR_IMM, "orr" }, { A64_EOR_IMM, "eor" }, { A64_ANDS_IMM, "ands" } };
    for (unsigned k = 0; k < 4; k++) {
        u64 v = (u64)any(4096) << (any(2) ? 12 : 0), p = pattern();
        a_imm(&a, arithmetic[k].op, d, n, a64_imm12(v));
        SAYS("%s x%u, x%u, #%llu", arithmetic[k].name, d, n, (unsigned long long)v);
        a_imm(&a, logical[k].op, d, n, a64_pattern(p));
        SAYS("%s x%u, x%u, #0x%llx", logical[k].name, d, n, (unsigned long long)p);
    }
    a_imm(&a, A64_SUBS_W_IMM, d, n, a64_imm12(1));
    SAYS("subs w%u, w%u, #1", d, n);
    static const char *const how[] = { "lsl", "lsr", "asr" };
    for (unsigned k = 0; k < 3; k++) {
        unsigned by = any(64), low = any(64), width = 1 + any(64 - low);
        a_shift_imm(&a, k, d, n, by);
        SAYS("%s x%u, x%u, #%u", how[k], d, n, by);
        a_bits(&a, k & 1, d, n, low, width);
        SAYS("%cbfx x%u, x%u, #%u, #%u", k & 1 ? 's' : 'u', d, n, low, width);
    }
    /* a single instruction, for which the assembler chooses what we choose */
    u64 v = (u64)(1 + any(65534)) << 16 * any(4);
    a_mov_imm(&a, d, v);
    SAYS("mov x%u, #0x%llx", d, (unsigned long long)v);
    a_mov_imm(&a, d, ~v);
    SAYS("mov x%u, #0x%llx", d, (unsigned long long)~v);
    v = pattern() & ~(u64)0xffff;
    if (a64_pattern(v) >= 0) {
        a_mov_imm(&a, d, v);
        SAYS("mov x%u, #0x%llx", d, (unsigned long long)v);
    }
}

static void memory(unsigned t, unsigned n, unsigned m)
{
    static const char *const name[3][4] = { { "strb", "strh", "str", "str" }, { "ldrb", "ldrh", "ldr", "ldr" },
        { "ldrsb", "ldrsh", "ldrsw", NULL } };
    static const char *const near[3][4] = { { "sturb", "sturh", "stur", "stur" }, { "ldurb", "ldurh", "ldur", "ldur" },
        { "ldursb", "ldursh", "ldursw", NULL } };
    for (unsigned what = 0; what < 3; what++)
        for (unsigned size = 0; size < 4; size++) {
            if (!name[what][size])
                continue;
            char r = what == 2 || size == 3 ? 'x' : 'w';
            unsigned far = any(4096) << size;
            i32 less = -1 - (i32)any(256);
            for (unsigned f = 0; f <= (size >= 2 && what < 2); f++) {
                if (f)
                    r = size == 2 ? 's' : 'd';
                unsigned w = what | (f ? A64_FLOAT : 0);
                a_mem(&a, w, size, t, n, far, 17);
                SAYS("%s %c%u, [x%u, #%u]", name[what][size], r, t, n, far);
                a_mem(&a, w, size, t, n, less, 17);
                SAYS("%s %c%u, [x%u, #%d]", near[what][size], r, t, n, less);
                a_mem_reg(&a, w, size, t, n, m);
                SAYS("%s %c%u, [x%u, x%u]", name[what][size], r, t, n, m);
            }
        }
    i32 disp = ((i32)any(128) - 64) * 8;
    if (t != m) {
        a_pair(&a, A64_LOAD, t, m, n, disp);
        SAYS("ldp x%u, x%u, [x%u, #%d]", t, m, n, disp);
        a_pair(&a, A64_LOAD | A64_FLOAT, t, m, n, disp);
        SAYS("ldp d%u, d%u, [x%u, #%d]", t, m, n, disp);
    }
    a_pair(&a, A64_STORE, t, m, n, disp);
    SAYS("stp x%u, x%u, [x%u, #%d]", t, m, n, disp);
    a_pair(&a, A64_STORE | A64_FLOAT, t, m, n, disp);
    SAYS("stp d%u, d%u, [x%u, #%d]", t, m, n, disp);
}

static void jumps(unsigned t)
{
    i64 near = ((i64)any(1 << 19) - (1 << 18)) * 4, far = ((i64)any(1 << 26) - (1 << 25)) * 4;
    const char *const sign[] = { "+", "" };
    a_land(a_b(&a), room + far);
    SAYS("b .%s%lld", sign[far < 0], (long long)far);
    a_land(a_b_if(&a, A64_MI), room + near);
    SAYS("b.mi .%s%lld", sign[near < 0], (long long)near);
    a_land(a_b_zero(&a, false, t), room + near);
    SAYS("cbz x%u, .%s%lld", t, sign[near < 0], (long long)near);
    a_land(a_b_zero(&a, true, t), room + near);
    SAYS("cbnz x%u, .%s%lld", t, sign[near < 0], (long long)near);
    i64 byte = near / 4 + any(4);
    a_land_adr(a_adr(&a, t), room + byte);
    SAYS("adr x%u, .%s%lld", t, sign[byte < 0], (long long)byte);
}

int main(void)
{
    a.p = room;
    for (unsigned k = 0; k < 200; k++) {
        registers(any(31), any(31), any(31), any(31));
        numbers(any(31), any(31));
        memory(any(31), any(31), any(31));
        jumps(any(31));
    }
    /* what no pattern is */
    static const u64 none[] = { 0, ~(u64)0, 5, 0x123, 0xf0f, 0x8000000000000005, 0x101, 0xffff0000ffff0001 };
    for (unsigned k = 0; k < ARRAY_LEN(none); k++)
        if (a64_pattern(none[k]) >= 0)
            printf("00000000\t.error \"0x%llx is no pattern\"\n", (unsigned long long)none[k]);
    return 0;
}
