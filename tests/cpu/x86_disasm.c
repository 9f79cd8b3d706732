/* The disassembler against `objdump`: every row with many operands and prefixes, and random bytes, in 16, 32 and 64-bit
 * mode. X86_DISASM=N: N encodings of each row and mode (30); X86_SHOW=N: differences shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/x86/decode.h"
#include "tests/isa/x86_gen.h"
#include "tests/unit.h"

static struct x86_decoder *decoder;
static unsigned show = 20, per_row = 30;

/* What objdump writes otherwise, and why that is right or does not matter. A text with one of these words in it
 * (objdump's or ours, "" any) is not compared further than its length when the length is the same. */
static const struct quirk {
    unsigned bits; /* 0: any */
    const char *theirs, *ours, *why;
} quirks[] = {
    { 0, "xchg rax,rax", "nop", "66 with REX.W: 90 is NOP all the same" },
    { 0, "bnd", "nop", "0F 1A and 0F 1B without MPX are NOP" },
    { 0, "cldemote", "nop", "0F 1C /0 without CLDEMOTE is NOP" },
    { 0, "(bad)", "fence", "the low bits of ModRM do not matter (SDM 2, LFENCE)" },
    { 0, "prefetch", "nop", "0F 0D /2 to /7, and with a register, are NOP" },
    { 0, "(bad)", "bs", "F2 before BSF and BSR means nothing" },
    { 0, "data16", "nop", "the same" },
    { 64, "nop", "data16", "0F 1C and 0F 1E have other meanings with 66: it is not mentioned" },
    { 64, "movsxd r", "data16", "REX.W wins over 66: 4 bytes are read" },
    { 64, "WORD PTR", "TBYTE PTR", "REX.W makes far pointers 10 bytes on Intel's processors, not on AMD's" },
    { 64, "sbase", "data16", "66 does not make RDFSBASE and its like 16 bits wide" },
    { 0, "wbnoinvd", "wbinvd", "without WBNOINVD it is WBINVD" },
    { 0, "(bad)", "wbinvd", "other prefixes mean nothing to it" },
    { 0, "(bad)", "salc", "in no manual" },
    { 0, "lock", "(bad)", "LOCK where it is not allowed is #UD" },
    { 0, "?", "(bad)", "segment, control and debug registers that do not exist are #UD" },
    { 0, "mov cs,", "(bad)", "so is a move to CS" },
    { 0, " cr", "(bad)", "as above" },
    { 0, ",cr", "(bad)", "as above" },
    { 0, " tr", "(bad)", "test registers were the 386's and the 486's" },
    { 0, ",tr", "(bad)", "as above" },
    { 0, " db", "(bad)", "as above" },
    { 0, ",db", "(bad)", "as above" },
    { 64, "s movabs", "s movabs", "a segment prefix without meaning is not always mentioned" },
    { 64, "xchg", "pause", "REX.B makes no XCHG of F3 90, as hardware shows" },
    { 0, "(bad)", "fcom2", "reserved, executed like others by every x87 since the 387" },
    { 0, "(bad)", "fcomp3", "reserved, executed like others by every x87 since the 387" },
    { 0, "(bad)", "fcomp5", "reserved, executed like others by every x87 since the 387" },
    { 0, "(bad)", "fstp1", "reserved, executed like others by every x87 since the 387" },
    { 0, "(bad)", "fstp8", "reserved, executed like others by every x87 since the 387" },
    { 0, "(bad)", "fstp9", "reserved, executed like others by every x87 since the 387" },
    { 0, "(bad)", "fxch4", "reserved, executed like others by every x87 since the 387" },
    { 0, "(bad)", "fxch7", "reserved, executed like others by every x87 since the 387" },
    { 0, "", "fwait", "FWAIT before another x87 instruction is shown as one with it; prefixes are not always mentioned" },
    { 0, "gs f", "gs ds f", "DS before GS is not mentioned with x87 instructions" },
    { 0, "/(bad)", "gather", "equal registers are #UD when it is executed" },
    { 0, "movq2dq", "movq2dq", "the MMX register is shown as another one" },
    { 0, "movdq2q", "movdq2q", "as above" },
    { 0, "vmovs", "vmovs", "VEX.L means nothing to scalars" },
    { 0, "data16 v", "(bad)", "66 before VEX is #UD" },
    { 0, "pclmul", "pclmulqdq", "immediates 2 and 3 get the names of 0x10 and 0x11" },
    { 0, "pcmpestr", "pcmpestr", "the width of the lengths is shown as a suffix" },
    { 64, "xchg r8,rax", "data16", "REX.W wins over 66, which is not mentioned" },
    { 64, "ds ", "notrack ", "3E means the same with 66 after it (SDM 1, 17.3.1)" },
    { 0, "nop", "rep", "F2 and F3 mean nothing to 0F 18, and 66 with them is not mentioned" },
    { 0, "rdssp", "nop", "without CET it is NOP (SDM 2B, RDSSP)" },
    { 0, NULL, NULL, NULL },
};

struct line { /* one instruction of objdump */
    u32 at;
    const char *text;
};

static void squeeze(char *s) /* runs of blanks to one, none at the end */
{
    char *to = s;
    for (const char *p = s; *p; p++)
        if (*p != ' ' || (to > s && to[-1] != ' '))
            *to++ = *p;
    while (to > s && (to[-1] == ' ' || to[-1] == '\n'))
        to--;
    *to = 0;
}

/* Calls fn for each instruction objdump finds in the bytes; false: there is no objdump. */
static bool objdump(unsigned bits, const u8 *bytes, size_t n, void (*fn)(void *opaque, u32 at, char *text), void *opaque)
{
    char name[] = "/tmp/orrery-disasm-XXXXXX", command[256], line[512];
    int fd = mkstemp(name);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        return false;
    close(fd);
    snprintf(command, sizeof command, "objdump -D -b binary -m %s -M intel,intel64 --no-show-raw-insn -z %s",
             bits == 16 ? "i8086" : bits == 32 ? "i386" : "i386:x86-64", name);
    FILE *f = popen(command, "r");
    unsigned lines = 0;
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':'), *end;
        u32 at = (u32)strtoul(line, &end, 16);
        if (!colon || end != colon || colon[1] != '\t')
            continue;
        squeeze(colon + 2);
        fn(opaque, at, colon + 2);
        lines++;
    }
    if (f)
        pclose(f);
    unlink(name);
    return lines;
}

struct run {
    unsigned bits;
    const u8 *bytes;
    size_t n;
    u8 *expect;      /* by address: 1: one of our instructions begins here */
    u32 last_at;
    char last[512];
    bool have_last;
    bool all;        /* every instruction objdump finds is compared */
    unsigned compared, differ, lost, explained, unknown;
};

static bool is_prefix(const char *s, size_t n)
{
    static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "data16", "data32", "addr16", "addr32", "lock", "rep",
                                         "repz", "repnz", "bnd", "notrack", "xacquire", "xrelease" };
    if (n >= 3 && !memcmp(s, "rex", 3))
        return true;
    for (size_t k = 0; k < ARRAY_LEN(names); k++)
        if (strlen(names[k]) == n && !memcmp(s, names[k], n))
            return true;
    return false;
}

/* The mnemonic in a text, or "" when it is prefixes alone. */
static size_t find_mnemonic(const char **text)
{
    for (;;) {
        size_t n = strcspn(*text, " ");
        if (!n || !is_prefix(*text, n))
            return n;
        *text += n + ((*text)[n] == ' ');
    }
}

static bool known_mnemonic(const char *text)
{
    size_t n = find_mnemonic(&text);
    for (unsigned op = 0; op < X86_OP_COUNT; op++)
        if (strlen(x86_rows[op].mnemonic) == n && !memcmp(x86_rows[op].mnemonic, text, n))
            return true;
    return false;
}

static void check_last(struct run *r, u32 next)
{
    char ours[256];
    if (!r->have_last || (!r->all && !r->expect[r->last_at]))
        return;
    size_t left = r->n - r->last_at;
    unsigned length = next - r->last_at;
    unsigned n = x86_disasm_with(decoder, r->bits, false, r->last_at, r->bytes + r->last_at, left, ours, sizeof ours);
    if (!n)
        return;
    squeeze(ours);
    if (r->expect)
        r->expect[r->last_at] = 2;
    const char *rest = r->last;
    if (!find_mnemonic(&rest)) /* prefixes that are followed by a REX which does not count: shown as instructions */
        return;
    if (r->all && !strcmp(ours, "(bad)")) {
        if (strstr(r->last, "(bad)"))
            return;
        if (!known_mnemonic(r->last)) { /* what we do not have: VMX, AVX-512... */
            r->unknown++;
            return;
        }
    }
    r->compared++;
    if (!strcmp(ours, r->last) && (n == length || !strcmp(ours, "(bad)")))
        return;
    for (size_t k = 0; quirks[k].why; k++)
        if ((!quirks[k].bits || quirks[k].bits == r->bits) && strstr(r->last, quirks[k].theirs) && strstr(ours, quirks[k].ours)) {
            r->explained++;
            return;
        }
    if (r->differ++ < show) {
        printf("\n  %u-bit", r->bits);
        for (unsigned k = 0; k < (length > n ? length : n) && k < 16; k++)
            printf(" %02x", r->bytes[r->last_at + k]);
        printf("\n    objdump (%u): %s\n    ours    (%u): %s", length, r->last, n, ours);
    }
}

static void compare_line(void *opaque, u32 at, char *text)
{
    struct run *r = opaque;
    check_last(r, at);
    r->last_at = at;
    r->have_last = true;
    snprintf(r->last, sizeof r->last, "%s", text);
}

static void compare(struct run *r)
{
    if (!objdump(r->bits, r->bytes, r->n, compare_line, r)) {
        printf("not run: no objdump ");
        return;
    }
    check_last(r, (u32)r->n);
    for (size_t k = 0; k < r->n; k++)
        r->lost += r->expect && r->expect[k] == 1;
    printf("\n  %u-bit: %u compared, %u differ, %u explained, %u lost, %u unknown to us ", r->bits, r->compared, r->differ,
           r->explained, r->lost, r->unknown);
    CU_ASSERT_EQUAL(r->differ, 0);
}

static void rows_in_mode(unsigned bits)
{
    struct x86_gen g = { .state = 12345 + bits, .more_prefixes = 80 };
    size_t max = (size_t)X86_OP_COUNT * per_row * 20 + 4096, n = 0;
    u8 *bytes = xcalloc(max, 1), *expect = xcalloc(max, 1);
    unsigned count = 0;
    const char *only = getenv("X86_ROW");
    for (unsigned op = 0; op < X86_OP_COUNT; op++)
        for (unsigned k = 0; k < per_row; k++) {
            struct x86_encoding e;
            struct x86_insn i;
            if (only && !strstr(x86_rows[op].id, only))
                continue;
            if (!x86_generate(&g, &decoder->form[op], op, bits, &e) ||
                x86_decode(decoder, bits, false, e.bytes, e.length, &i) != e.length)
                continue;
            memcpy(bytes + n, e.bytes, e.length);
            expect[n] = 1;
            n += e.length;
            if (++count % 64 == 0) { /* in step again */
                memset(bytes + n, 0x90, 16);
                n += 16;
            }
        }
    struct run r = { .bits = bits, .bytes = bytes, .n = n, .expect = expect };
    compare(&r);
    CU_ASSERT_TRUE(only || r.compared > 1000);
    free(bytes);
    free(expect);
}

static void rows(void)
{
    rows_in_mode(64);
    rows_in_mode(32);
    rows_in_mode(16);
}

static void random_bytes(void)
{
    for (unsigned bits = 16; bits <= 64; bits *= 2) {
        struct x86_gen g = { .state = 99 + bits };
        size_t n = 100000;
        u8 *bytes = xmalloc(n);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (u8)(x86_random(&g) >> 32);
        struct run r = { .bits = bits, .bytes = bytes, .n = n, .all = true };
        compare(&r);
        free(bytes);
    }
}

int main(void)
{
    struct arena *a = arena_new();
    struct x86_config config;
    struct err e;
    if (getenv("X86_DISASM"))
        per_row = (unsigned)strtoul(getenv("X86_DISASM"), NULL, 0);
    if (getenv("X86_SHOW"))
        show = (unsigned)strtoul(getenv("X86_SHOW"), NULL, 0);
    if (!x86_config_parse("max", true, &config, &e))
        return 99;
    decoder = x86_decoder_new(a, &config);
    CU_TestInfo tests[] = { { "rows against objdump", rows }, { "random bytes against objdump", random_bytes }, CU_TEST_INFO_NULL };
    int status = unit_main("x86_disasm", tests);
    arena_free(a);
    return status;
}
