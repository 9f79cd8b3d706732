/* The x86 alone. Even cases: the decoder and the disassembler on bytes of all kinds, which end where they end; both agree
 * on the length, and an instruction needs all its bytes and no more. Odd cases: a whole processor, in a mode drawn at
 * random with tables, page tables, control registers and code that were drawn or torn, with interrupts, SMIs, resets and
 * A20 coming in: it takes its ticks and comes back; run in other slices, looked at and saved in between, it ends in the
 * same state. */
#include "base/hash.h"
#include "base/rng.h"
#include "cpu/x86/decode.h"
#include "cpu/x86/engine.h"
#include "tests/cpu/x86_world.h"
#include "tests/fuzz/cases.h"
#include "tests/isa/x86_gen.h"

static const char *const models[] = { "max", "max", "max", "qemu64", "8086", "286", "386", "486", "pentium", "pentium3", "core2duo" };

static const char *model_of(u64 *rng) { return models[any(rng, ARRAY_LEN(models))]; }

/* --- instructions --- */

/* An instruction of some row, or bytes; sometimes torn. Returns how many bytes. */
static unsigned some_instruction(u64 *rng, const struct x86_decoder *d, unsigned bits, u8 out[32])
{
    struct x86_gen g = { .state = rng_next(rng) | 1, .more_prefixes = (u8)any(rng, 100), .illegal = (u8)any(rng, 30) };
    unsigned op = (unsigned)any(rng, X86_OP_COUNT);
    struct x86_encoding e;
    if (one_in(rng, 6) || !x86_generate(&g, &d->form[op], op, bits, &e)) {
        for (unsigned k = 0; k < 16; k++)
            out[k] = (u8)rng_next(rng);
        return 16;
    }
    memcpy(out, e.bytes, e.length);
    if (one_in(rng, 10))
        mutate(rng, out, e.length);
    return e.length;
}

/* In memory that ends behind them, so that a sanitizer sees a byte too many. */
static int decode_exactly(const struct x86_decoder *d, unsigned bits, bool legacy, const u8 *bytes, unsigned n, struct x86_insn *i,
                          char *text, unsigned *shown)
{
    u8 *exact = xmalloc(n ? n : 1);
    memcpy(exact, bytes, n);
    memset(i, 0, sizeof *i);
    int length = x86_decode(d, bits, legacy, exact, n, i);
    *shown = x86_disasm_with(d, bits, legacy, 0x1000, exact, n, text, 64);
    free(exact);
    if (length > (int)n || length < X86_DECODE_LONG || length > X86_MAX_BYTES)
        wrong("a length that cannot be");
    if (*shown > n || strlen(text) > 63)
        wrong("the disassembler took more than there was");
    if (length > 0 && *shown != (unsigned)length)
        wrong("decoder and disassembler differ in the length");
    return length;
}

static void decoder_case(u64 rng)
{
    struct arena *a = arena_new();
    struct x86_config config;
    struct err e;
    if (!x86_config_parse(model_of(&rng), true, &config, &e))
        wrong(e.text);
    struct x86_decoder *d = x86_decoder_new(a, &config);
    for (unsigned n = 0; n < 300; n++) {
        unsigned bits = 16u << any(&rng, 3), shown, have;
        bool legacy = bits == 16 && one_in(&rng, 2);
        u8 bytes[48];
        char text[64];
        struct x86_insn i, less;
        for (unsigned k = 0; k < sizeof bytes; k++)
            bytes[k] = (u8)rng_next(&rng);
        some_instruction(&rng, d, bits, bytes);
        int length = decode_exactly(d, bits, legacy, bytes, 16, &i, text, &shown);
        for (have = 0; have < 16; have++) {
            int l = decode_exactly(d, bits, legacy, bytes, have, &less, text, &shown);
            if (length > 0 && have >= (unsigned)length && (l != length || memcmp(&i, &less, sizeof i)))
                wrong("bytes behind an instruction matter");
            if (length > 0 && have < (unsigned)length && l != X86_DECODE_MORE)
                wrong("an instruction was taken before its last byte was there");
            if (length <= 0 && l > 0)
                wrong("an instruction was taken that more bytes make none");
        }
    }
    arena_free(a);
}

/* --- processors --- */

struct line {
    u64 at;
    u8 line, level;
};

struct plan { /* everything that decides what happens */
    u64 seed, ticks;
    const char *model;
    bool long_mode, paging; /* has it */
    struct line line[12];
    unsigned n_lines;
};

static u8 interrupt(void *opaque) { return (u8)rng_next(opaque); }

static u64 some_value(u64 *rng)
{
    static const u16 places[] = { W_GDT, W_LDT, W_IDT, W_TSS, W_TSS2, W_HANDLERS, W_CODE, W_TARGET, W_DATA, W_STACK0 - 0x100,
                                  W_STACK3 - 0x100, W_STACK1 };
    switch (any(rng, 8)) {
    case 0: return any(rng, 32);
    case 1: return (u64)-(i64)any(rng, 32);
    case 2: return (u64)1 << any(rng, 64);
    case 3: return rng_next(rng);
    case 4: return W_PT + any(rng, 0x4000);
    case 5: return any(rng, S_LAST + 16); /* a selector */
    default: return places[any(rng, ARRAY_LEN(places))] + any(rng, 64);
    }
}

/* Memory: tables, torn; code; numbers. For the mode the processor is in. */
static void fill_memory(struct world *w, u64 rng)
{
    unsigned bits = w->c->code_bits;
    struct arena *a = arena_new();
    struct x86_decoder *d = x86_decoder_new(a, &w->c->config);
    u8 *ram = w->ram->host;
    for (u64 at = 0x14000; at < 0x20000; at += 8) /* what is nothing else */
        store_le(ram + at, 8, one_in(&rng, 4) ? some_value(&rng) : 0);
    static const u32 code[][2] = { { W_CODE, 0x800 }, { W_TARGET, 0x400 }, { W_HANDLERS, 0x1000 }, { 0x38000, 0x100 } };
    for (unsigned k = 0; k < ARRAY_LEN(code); k++)
        for (u64 at = code[k][0], end = at + code[k][1]; at < end;) {
            static const u8 back[][2] = { { 0x0f, 0xaa }, { 0xcf, 0xf4 }, { 0x0f, 0x07 }, { 0xcb, 0xf4 }, { 0x48, 0xcf } };
            u8 insn[32];
            unsigned n = some_instruction(&rng, d, k == 3 ? 16 : bits, insn);
            if (one_in(&rng, k == 2 ? 3 : 60)) { /* RSM, IRET, SYSRET, a far return */
                memcpy(insn, back[any(&rng, ARRAY_LEN(back))], 2);
                n = 2;
            }
            memcpy(ram + at, insn, n);
            at += k == 2 ? 16 : n;
        }
    static const u32 torn[][2] = { { W_GDT, S_LAST }, { W_IDT, 0x1000 }, { W_TSS, 0x100 }, { W_PT, 0x4000 }, { W_LDT, 0x40 }, { W_TSS2, 0x68 } };
    for (unsigned k = 0; k < ARRAY_LEN(torn); k++)
        for (u64 n = one_in(&rng, 3) ? any(&rng, 8) : 0; n; n--)
            mutate(&rng, ram + torn[k][0], torn[k][1]);
    for (u64 n = any(&rng, 4); n; n--) /* entries that point at tables: recursive maps, large pages, reserved bits */
        store_le(ram + W_PT + any(&rng, 0x800) * 8, 8, (W_PT + any(&rng, 5) * 0x1000) | any(&rng, 0x1000) | (one_in(&rng, 8) ? rng_next(&rng) << 32 : 0));
    arena_free(a);
}

/* A processor in a mode, at some instruction; the memory is kept, and now and then made anew. */
static void kick(struct world *w, const struct plan *p, u64 *rng, u8 *kept, bool first)
{
    struct x86 *c = w->c;
    enum w_mode mode;
    do
        mode = (enum w_mode)any(rng, W_MODES);
    while ((!p->long_mode && mode >= W_L0 && mode <= W_C3) || (!p->paging && mode != W_REAL));
    u64 now = w->clock.now;
    memcpy(kept, w->ram->host, W_RAM);
    w_mode(w, mode);
    w->clock.now = now;
    if (first || one_in(rng, 4))
        fill_memory(w, rng_next(rng));
    else
        memcpy(w->ram->host, kept, W_RAM);
    ram_written(w->ram, 0, W_RAM);
    for (unsigned r = 0; r < 16; r++)
        if (r != X86_SP || one_in(rng, 8))
            c->r[r] = some_value(rng);
    if (!p->long_mode)
        for (unsigned r = 0; r < 16; r++)
            c->r[r] = r < 8 ? (u32)c->r[r] : 0;
    c->rflags |= rng_next(rng) & (X86_ARITH | X86_DF | X86_IF | X86_TF * one_in(rng, 6) | X86_NT * one_in(rng, 4) | X86_IOPL | X86_AC * one_in(rng, 3));
    if (!strcmp(p->model, "max") && x86_protected(c)) /* which has them all */
        c->cr4 |= rng_next(rng) & (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP |
                                   CR4_FSGSBASE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_PKE);
    if (!strcmp(p->model, "max") && one_in(rng, 2))
        c->xcr0 = 7;
    c->cr0 |= rng_next(rng) & (CR0_WP | CR0_AM | CR0_TS * one_in(rng, 4) | CR0_EM * one_in(rng, 8) | CR0_MP);
    for (unsigned k = 0; k < 4; k++)
        c->dr[k] = some_value(rng);
    if (one_in(rng, 4))
        c->dr[7] = (rng_next(rng) & 0xffff23ff) | 0x400;
    c->pkru = (u32)(one_in(rng, 4) ? rng_next(rng) : 0);
    c->rip += any(rng, 0x700);
    c->next_rip = c->rip;
    x86_set_flags(c, c->rflags);
    x86_mode_changed(c);
    x86_flush_translations(c);
}

enum { AT_ONCE, IN_SLICES, SAVED, WATCHED, WAYS };

static u64 executed; /* by the tests' only process: instructions, to see that the cases are any good */

static u64 ignore(void *opaque, struct cpu *c, const struct cpu_retire *r) { return 1; }

static void look(struct x86 *c, u64 *rng)
{
    char text[200];
    u8 bytes[16];
    struct cpu_walk walk;
    u64 value;
    struct buf b = { 0 };
    c->cpu.ops->walk(&c->cpu, some_value(rng), CPU_READ, &walk);
    size_t n = cpu_peek(&c->cpu, c->cpu.ops->get_pc(&c->cpu), bytes, sizeof bytes);
    c->cpu.ops->disasm(&c->cpu, c->rip, bytes, n, text, sizeof text);
    for (const struct cpu_reg *r = c->cpu.ops->regs(&c->cpu); r->name; r++)
        c->cpu.ops->reg_get(&c->cpu, r, &value);
    x86_tell_story(c, NULL, &b);
    buf_free(&b);
}

static u64 one_way(const struct plan *p, unsigned way)
{
    struct world w;
    u64 rng = p->seed ^ 0x5555, intr = p->seed;
    w_new(&w, p->model);
    w.c->board.inta = interrupt;
    w.c->board.inta_opaque = &intr;
    u64 state = p->seed;
    u8 *kept = xmalloc(W_RAM);
    kick(&w, p, &state, kept, true);
    struct cpu *cpu = &w.c->cpu;
    const struct cpu_observer observer = { ignore, NULL };
    if (way == WATCHED) {
        cpu->observer = &observer;
        cpu->ops->stops_changed(cpu);
    }
    unsigned next = 0, kicks = 0;
    while (w.clock.now < p->ticks) {
        u64 until = next < p->n_lines ? p->line[next].at : p->ticks, n = until - w.clock.now;
        if (!n) {
            cpu->ops->set_irq(cpu, p->line[next].line, p->line[next].level);
            next++;
            continue;
        }
        if (way == IN_SLICES && n > 1)
            n = 1 + any(&rng, n > 9 ? 9 : n);
        if (way == SAVED && n > 1) {
            struct buf b = { 0 };
            struct err e;
            n = 1 + any(&rng, n > 50 ? 50 : n);
            look(w.c, &rng);
            state_save(cpu->ops->state, w.c, &b);
            struct reader in = { .data = b.data, .len = b.len };
            if (!state_load(cpu->ops->state, w.c, &in, &e))
                wrong(e.text);
            cpu->ops->state_loaded(cpu);
            buf_free(&b);
        }
        w.clock.attention = false;
        u64 before = w.clock.now;
        enum cpu_stop stop = cpu->ops->run(cpu, n);
        if (w.clock.now - before > n)
            wrong("more ticks than it was given");
        if (w.clock.now == before && stop != CPU_ATTENTION && stop != CPU_IDLE)
            wrong("no tick, and no reason");
        if (w.c->activity != X86_RUNNING && w.clock.now < until) { /* halted, or worse: something else */
            if (kicks++ == 60)
                break;
            w.clock.now++;
            kick(&w, p, &state, kept, false);
        }
    }
    executed += cpu->retired;
    free(kept);
    u64 hash = state_hash(cpu->ops->state, w.c, w.clock.now);
    hash = hash_bytes(w.ram->host, W_RAM, hash);
    w_free(&w);
    return hash;
}

static void processor_case(u64 rng)
{
    struct plan p = { .seed = rng_next(&rng), .ticks = 50 + any(&rng, 3000), .model = model_of(&rng) };
    p.long_mode = !strcmp(p.model, "max") || !strcmp(p.model, "qemu64") || !strcmp(p.model, "core2duo");
    p.paging = strcmp(p.model, "8086") && strcmp(p.model, "286");
    u64 at = 0;
    for (u64 n = any(&rng, ARRAY_LEN(p.line)); n && at + 1 < p.ticks; n--) {
        static const u8 lines[] = { X86_LINE_INTR, X86_LINE_INTR, X86_LINE_NMI, X86_LINE_SMI, X86_LINE_A20 };
        at += 1 + any(&rng, p.ticks / 4);
        if (at >= p.ticks)
            break;
        p.line[p.n_lines++] = (struct line){ at, lines[any(&rng, sizeof lines)], (u8)any(&rng, 2) };
    }
    u64 want = one_way(&p, AT_ONCE);
    if (getenv("X86_FUZZ_SHOW"))
        printf("%s, %llu ticks, %llu instructions\n", p.model, (unsigned long long)p.ticks, (unsigned long long)executed);
    for (unsigned way = AT_ONCE; way < WAYS; way++)
        if (one_way(&p, way) != want) {
            static const char *const names[] = { "again", "in slices", "saved and loaded", "observed" };
            dprintf(2, "%s, %s: ", p.model, names[way]);
            wrong("another state at the end");
        }
}

static void run_case(u64 number)
{
    u64 rng = number;
    rng_next(&rng);
    if (number & 1)
        processor_case(rng);
    else
        decoder_case(rng);
}

int main(int argc, char **argv)
{
    return cases_main("x86_fuzz", argc, argv, run_case);
}
