/* Random blocks of x86 in each mode, every entry of compiled code checked (--check-jit); and that the check finds what is
 * wrong.
 *
 *   x86_check [BLOCKS]      at least so many blocks compiled and checked, of all modes together; JIT_SEED=N to start elsewhere */
#include <stdio.h>

#include "base/buf.h"
#include "cpu/x86/engine.h"
#include "jit/emit.h"
#include "jit/jit.h"
#include "tests/cpu/x86_world.h"
#include "tests/isa/x86_gen.h"

enum { STATE_AT = offsetof(struct x86, r), STATE = offsetof(struct x86, config) - STATE_AT, CODE_BYTES = 0x400 };

static u64 wanted_blocks = 60000;

static u64 counted(const struct x86 *c, const char *words)
{
    struct buf b = { 0 };
    c->cpu.ops->describe(&c->cpu, &b);
    const char *at = strstr(buf_cstr(&b), words);
    u64 n = at ? strtoull(at + strlen(words), NULL, 10) : 0;
    buf_free(&b);
    return n;
}

static void install(struct world *w)
{
    struct err e = { "" };
    struct jit_options o = { .tier = 1, .threshold = 1, .cache_bytes = 8 << 20, .check = true };
    if (!jit_install(w->a, &w->c->cpu, &o, &e)) {
        printf("%s\n", e.text);
        CU_FAIL_FATAL("jit_install");
    }
}

struct bench {
    struct world w;
    struct x86_gen g;
    u8 state[STATE];
    u8 *ram;
    unsigned rows[X86_OP_COUNT], n_rows;
};

static void start(struct bench *b, enum w_mode mode, u64 seed)
{
    w_new(&b->w, "max");
    install(&b->w);
    w_mode(&b->w, mode);
    struct x86 *c = b->w.c;
    c->cr4 |= CR4_OSFXSR;
    memcpy(b->state, (u8 *)c + STATE_AT, STATE);
    b->ram = xmalloc(W_RAM);
    memcpy(b->ram, b->w.ram->host, W_RAM);
    b->g = (struct x86_gen){ .state = seed, .more_prefixes = 40 };
    b->n_rows = 0;
    for (unsigned op = 0; op < X86_OP_COUNT; op++)
        if (x86_rows[op].flags & X_FAST)
            b->rows[b->n_rows++] = op;
}

static void fresh_memory(struct bench *b)
{
    memcpy(b->w.ram->host, b->ram, W_RAM);
    for (unsigned k = 0; k < 0x1000; k++)
        b->w.ram->host[W_DATA + k] = (u8)x86_random(&b->g);
    ram_written(b->w.ram, 0, W_RAM);
}

static u64 some_number(struct bench *b)
{
    u64 r = x86_random(&b->g), v = x86_random(&b->g);
    switch (r & 7) {
    case 0: return v;
    case 1: return (u64)(i64)(i8)v;
    case 2: return (u64)(i64)(i32)v;
    case 3: return v & 63;
    default: return W_DATA + 0x400 + v % 0x800;
    }
}

static void registers(struct bench *b)
{
    struct x86 *c = b->w.c;
    memcpy((u8 *)c + STATE_AT, b->state, STATE);
    for (unsigned n = 0; n < (c->code_bits == 64 ? 16 : 8); n++)
        if (n != X86_SP)
            c->r[n] = c->code_bits == 64 ? some_number(b) : (u32)some_number(b);
    for (unsigned n = 0; n < 16; n++)
        for (unsigned q = 0; q < 2; q++) {
            u64 v = x86_random(&b->g);
            if (v & 3) { /* numbers of a similar size */
                double d = (double)(i64)v / 1e15;
                float f = (float)d;
                memcpy(&v, &d, sizeof d);
                if (n & 1)
                    memcpy(&v, &f, sizeof f);
            }
            c->v[n].q[q] = v;
        }
    c->mxcsr = x86_random_below(&b->g, 8) ? 0x1fa0 : 0x1f80;
    x86_set_flags(c, (c->rflags & ~(u64)X86_ARITH) | (x86_random(&b->g) & (X86_ARITH | X86_DF)));
    x86_mode_changed(c);
    x86_look_again(c);
}

/* A few instructions; displacements that lead to the data, jumps that stay near. */
static void program(struct bench *b)
{
    struct x86 *c = b->w.c;
    u8 *code = b->w.ram->host + W_CODE;
    unsigned at = 0, n = 1 + x86_random_below(&b->g, 10);
    for (unsigned k = 0; k < n;) {
        struct x86_encoding e;
        unsigned op = b->rows[x86_random_below(&b->g, b->n_rows)];
        if ((x86_rows[op].flags & X_END) && x86_random_below(&b->g, 3)) /* what ends a block, less often */
            continue;
        if (!x86_generate(&b->g, &c->engine->decoder->form[op], op, c->code_bits, &e) || e.length > 15)
            continue;
        u64 r = x86_random(&b->g);
        if (e.disp_bytes == 4)
            store_le(e.bytes + e.disp_at, 4, r & 1 ? (r >> 8) % 0x200 : W_DATA + 0x400 + (r >> 8) % 0x400);
        else if (e.disp_bytes == 2)
            store_le(e.bytes + e.disp_at, 2, r & 1 ? (r >> 8) % 0x200 : W_DATA + 0x400 + (r >> 8) % 0x400);
        if (e.imm_at && (x86_rows[op].flags & X_END) && strchr(x86_rows[op].operands, 'J'))
            for (unsigned j = e.imm_at + 1; j < e.length; j++)
                e.bytes[j] = 0;
        memcpy(code + at, e.bytes, e.length);
        at += e.length;
        k++;
    }
    memset(code + at, 0x90, 8);
    code[at + 8] = 0xf4;
    ram_written(b->w.ram, W_CODE, CODE_BYTES);
}

static bool run(struct bench *b, u64 ticks)
{
    struct x86 *c = b->w.c;
    while (ticks && c->activity == X86_RUNNING) {
        u64 before = b->w.clock.now;
        b->w.clock.attention = false;
        enum cpu_stop why = c->cpu.ops->run(&c->cpu, ticks);
        if (why == CPU_DIVERGED) {
            printf("%s\n", c->cpu.report);
            return false;
        }
        u64 took = b->w.clock.now - before;
        ticks = took && took < ticks ? ticks - took : 0;
    }
    return true;
}

static void check_mode(enum w_mode mode)
{
    static const char *const name[W_MODES] = { "real", "protected, CPL 0", "protected, CPL 3", "virtual-8086", "64-bit, CPL 0",
        "64-bit, CPL 3", "compatibility, CPL 0", "compatibility, CPL 3", "16-bit protected" };
    struct bench *b = xcalloc(1, sizeof *b);
    const char *seed = getenv("JIT_SEED");
    const u64 wanted = wanted_blocks / W_MODES;
    start(b, mode, (seed ? strtoull(seed, NULL, 0) : 1) * 0x9e3779b97f4a7c15 + mode);
    bool same = true;
    u64 blocks = 0, p = 0;
    while (same && blocks < wanted) {
        if (p % 64 == 0)
            fresh_memory(b);
        u64 before = b->g.state;
        program(b);
        /* The first time a block is entered it is compiled, not run. */
        for (unsigned again = 0; same && again < 4; again++) {
            registers(b);
            same = run(b, 16);
        }
        if (!same)
            printf("%s: program %llu, from state 0x%llx\n", name[mode], (unsigned long long)p, (unsigned long long)before);
        if (++p % 256 == 0)
            blocks = counted(b->w.c, "blocks compiled ");
    }
    u64 entries = counted(b->w.c, "checked ");
    printf("(%llu blocks, %llu entries checked) ", (unsigned long long)blocks, (unsigned long long)entries);
    CU_ASSERT(same);
    CU_ASSERT(entries > wanted);
    w_free(&b->w);
    free(b->ram);
    free(b);
}

static void test_real(void) { check_mode(W_REAL); }
static void test_v86(void) { check_mode(W_V86); }
static void test_p16(void) { check_mode(W_P16); }
static void test_p0(void) { check_mode(W_P0); }
static void test_p3(void) { check_mode(W_P3); }
static void test_l0(void) { check_mode(W_L0); }
static void test_l3(void) { check_mode(W_L3); }
static void test_c0(void) { check_mode(W_C0); }
static void test_c3(void) { check_mode(W_C3); }

/* --- the check finds what is wrong ------------------------------------------------------------------------------ */

/* add eax, 1; mov [rbx], eax; cmp eax, 1000; jne to the start: changed for the interpreter after it was compiled. */
static void finds(unsigned slot, void (*change)(struct x86_insn *i), const char *names)
{
    static const u8 code[] = { 0x83, 0xc0, 0x01, 0x89, 0x03, 0x3d, 0xe8, 0x03, 0x00, 0x00, 0x75, 0xf4 };
    struct world w;
    w_new(&w, "max");
    install(&w);
    w_mode(&w, W_L0);
    w_code(&w, code, sizeof code);
    w.c->r[X86_BX] = W_DATA;
    x86_mode_changed(w.c);
    CU_ASSERT_EQUAL(w.c->cpu.ops->run(&w.c->cpu, 40), CPU_BUDGET);
    CU_ASSERT(counted(w.c, "checked ") > 2);
    struct cpu_page *page = cpu_pages_get(&w.c->engine->pages, w.ram, W_CODE >> PAGE_SHIFT);
    struct x86_block *b = x86_block_find(page, W_CODE & PAGE_MASK, x86_mode_key(w.c));
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    change(&b->slot[slot]);
    w.clock.attention = false;
    CU_ASSERT_EQUAL(w.c->cpu.ops->run(&w.c->cpu, 40), CPU_DIVERGED);
    if (!w.c->cpu.report || !strstr(w.c->cpu.report, names)) {
        printf("%s: %s\n", names, w.c->cpu.report ? w.c->cpu.report : "no report");
        CU_FAIL("the report does not say it");
    }
    w_free(&w);
}
static void other_number(struct x86_insn *i) { i->imm++; }
static void other_place(struct x86_insn *i) { i->disp += 8; }
static void nowhere(struct x86_insn *i) { i->base = X86_NONE; i->disp = -4096; }
static void test_finds(void)
{
    finds(1, other_number, "rax: compiled 0x");
    finds(1, other_number, "add eax,0x1");
    finds(2, other_place, "memory");
    finds(2, nowhere, "before an exception");
    finds(4, other_number, "next position");
}

int main(int argc, char **argv)
{
    const struct emitter_kind *kind = emitter_host();
    struct emitter e = { 0 };
    if (kind)
        kind->init(&e);
    if (!e.flags)
        return 77;
    if (argc > 1)
        wanted_blocks = strtoull(argv[1], NULL, 0);
    return unit_main("x86 jit check", (CU_TestInfo[]){
        { "64-bit mode, CPL 0", test_l0 }, { "64-bit mode, CPL 3", test_l3 }, { "protected mode, CPL 0", test_p0 },
        { "protected mode, CPL 3", test_p3 }, { "real mode", test_real }, { "virtual-8086 mode", test_v86 },
        { "16-bit protected mode", test_p16 }, { "compatibility mode, CPL 0", test_c0 },
        { "compatibility mode, CPL 3", test_c3 }, { "the check finds differences", test_finds },
        CU_TEST_INFO_NULL });
}
