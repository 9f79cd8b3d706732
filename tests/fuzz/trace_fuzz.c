/* Traces under attack: damaged files of kind `flow` and damaged texts, compressed texts and records for whoever reads them
 * again, and guests of random jumps, calls, returns, traps and stack pointers for whoever writes all kinds of them.
 * Usage: see cases.h. */
#include <sys/stat.h>
#include <zstd.h>

#include "base/arena.h"
#include "cli/session.h"
#include "cli/trace_file.h"
#include "tests/fuzz/cases.h"
#include "trace/trace.h"

static void collect(void *opaque, const void *bytes, size_t n) { buf_put(opaque, bytes, n); }

static bool from_memory(void *opaque, u64 offset, void *out, size_t n)
{
    const struct buf *b = opaque;
    if (offset > b->len || n > b->len - offset)
        return false;
    memcpy(out, b->data + offset, n);
    return true;
}

/* --- guests: what they do is traced in all kinds -------------------------------------------------------------------- */

/* Jumps, links, returns and stack pointers more often than chance has them. */
static u32 instruction(u64 *rng)
{
    static const u32 some[] = {
        0x00008067, 0x000080e7, 0x00030067, 0x000300e7, 0x00000073, 0x30200073, 0x00008113, 0x00010513, 0xf0010113, 0x10010113,
        0x00050113, 0x00113023, 0x00013083, 0x34011173, 0x02010113, 0xfe010113, 0x00000013, 0x00000097, 0x00000317, 0x00c30313,
    };
    u32 random = (u32)rng_next(rng);
    switch (any(rng, 6)) {
    case 0: return (random & 0x000ff000) | ((u32)any(rng, 64) << 21) | (one_in(rng, 2) ? 0xef : 0x6f); /* jal, j */
    case 1: return 0x63 | (random & 0x01fff080 & ~0x7000u) | (random & 0x1000);                         /* beq, bne */
    case 2: return random;
    default: return some[any(rng, ARRAY_LEN(some))];
    }
}

static bool knows_function(void *opaque, struct cpu *c, u64 pc, struct trace_function *out)
{
    if (pc & 0x100)
        return false;
    snprintf(out->name, sizeof out->name, "f%llx", (unsigned long long)(pc & ~(u64)0x3f));
    out->low = pc & ~(u64)0x3f;
    out->high = out->low + 0x40;
    return true;
}

static bool knows_line(void *opaque, struct cpu *c, u64 pc, const char **file, int *line)
{
    *file = pc & 0x200 ? "a.c" : "b.c";
    *line = (int)(pc & 0xff);
    return !(pc & 0x80);
}

static void each_line(void *opaque, void (*each)(void *ctx, const char *file, int line, u64 low, u64 high), void *ctx)
{
    each(ctx, "a.c", 4, 0x80000000, 0x80000010);
}

static void each_module(void *opaque, void (*each)(void *ctx, const char *name, u64 low, u64 high, u64 entry), void *ctx) {}
static void each_function(void *opaque, void (*each)(void *ctx, const char *name, u64 low, u64 high), void *ctx) {}
static void process_name(void *opaque, struct cpu *c, char *out, size_t n) { snprintf(out, n, "p"); }

static void guest(u64 *rng, struct buf *flow)
{
    struct err e;
    u32 code[512];
    for (unsigned i = 0; i < ARRAY_LEN(code); i++)
        code[i] = instruction(rng);
    struct machine_config config = { .board = "virt", .xlen = one_in(rng, 3) ? 32 : 64, .cpus = 1 + (unsigned)any(rng, 2),
                                     .ram_size = 8 << 20, .seed = 1, .quantum = 50 };
    config.loaders[config.n_loaders++] = (struct loader_config){ .file = { "code", (u8 *)code, sizeof code }, .has_addr = true,
                                                                 .raw = true, .addr = 0x80000000, .cpu_num = 0 };
    struct machine *m = machine_new(&config, &e);
    if (!m)
        wrong(e.text);
    struct trace_symbols symbols = { NULL, knows_function, knows_line, NULL, NULL, process_name, NULL, each_line, each_module,
                                     each_function };
    struct trace_hub hub = { 0 };
    struct trace traces[20] = { { 0 } };
    struct buf out[20] = { { 0 } };
    unsigned n = 0;
    for (const struct trace_format *const *f = trace_formats; *f; f++, n++) {
        traces[n] = (struct trace){ .format = *f, .m = m, .symbols = one_in(rng, 4) ? NULL : &symbols, .sink = collect, .opaque = &out[n] };
        if (one_in(rng, 3))
            traces[n].filter.from = any(rng, 3000);
        trace_hub_add(&hub, &traces[n]);
    }
    trace_hub_start(&hub, m);
    for (unsigned k = 0; k < 20 && m->clock.now < 8000; k++)
        if (machine_run(m, 8000, true) == MACHINE_REACHED)
            break;
    trace_hub_end(&hub);
    /* What the flow says is what was executed: its own reader finds all of it. */
    for (unsigned k = 0; k < n; k++) {
        if (!strcmp(traces[k].format->name, "flow")) {
            struct flow_source source = { &out[k], out[k].len, from_memory };
            struct flow_reader *r = flow_open(&source, &e);
            struct flow_block b;
            u64 at = 0;
            int got;
            if (!r || !flow_whole(r))
                wrong("a flow that was written cannot be read");
            while ((got = flow_next(r, &b, &e)) > 0) {
                if (b.at < at)
                    wrong("a flow goes back");
                at = b.at + b.ticks;
            }
            if (got < 0)
                wrong("a flow that was written is damaged");
            flow_close(r);
            buf_put(flow, out[k].data, out[k].len);
        }
        buf_free(&out[k]);
    }
    machine_free(m);
}

/* --- files ----------------------------------------------------------------------------------------------------------- */

static void read_flow(u64 *rng, struct buf *file)
{
    struct err e;
    if (one_in(rng, 5))
        file->len = any(rng, file->len + 1);
    mutate(rng, file->data, file->len);
    struct flow_source source = { file, file->len, from_memory };
    struct flow_reader *r = flow_open(&source, &e);
    struct flow_block b;
    for (unsigned k = 0; r && k < 3; k++) {
        flow_seek(r, k ? any(rng, 9000) : 0, &e);
        for (unsigned i = 0; i < 20000 && flow_next(r, &b, &e) > 0; i++)
            if (b.cpu >= FLOW_MAX_CPUS || !b.instructions)
                wrong("a block that cannot be");
    }
    flow_close(r);
}

static void put_file(const char *path, const u8 *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f))
        wrong("a file cannot be written");
}

static void read_texts(u64 *rng, const char *dir, const struct buf *flow)
{
    static const char *const lines[] = {
        "core   0: 3 0x0000000080000000 (0x00000297) x5  0x0000000080000000 mem 0x0000000080001000\n",
        "211098 clk hart0 IT (211099) 0000000080400086 0045b693 O EL0t : sltiu a3,a1,4\n211098 clk hart0 R a3 0000000000000000\n",
        "0, 0x80400082, 0x2c58663, \"beq a1,a2,0x804000ae\"\n", "\n", "core\n", " clk R \n", "core 0: ) x5\n", "x clk )( R a\n",
    };
    struct buf text = { 0 };
    char path[2][80];
    if (one_in(rng, 4))
        buf_put(&text, flow->data, flow->len);
    for (unsigned k = 0; k < 40; k++)
        buf_printf(&text, "%s", lines[any(rng, ARRAY_LEN(lines))]);
    for (unsigned s = 0; s < 2; s++) {
        snprintf(path[s], sizeof path[s], "%s/%c", dir, 'a' + (int)s);
        if (s)
            mutate(rng, text.data, text.len);
        if (one_in(rng, 3)) {
            size_t room = ZSTD_compressBound(text.len);
            u8 *packed = xmalloc(room);
            size_t n = ZSTD_compress(packed, room, text.data, text.len, 1);
            if (one_in(rng, 2))
                mutate(rng, packed, n);
            put_file(path[s], packed, n);
            free(packed);
        } else {
            put_file(path[s], text.data, text.len);
        }
    }
    char context[16];
    snprintf(context, sizeof context, "%u", (unsigned)any(rng, 8));
    char name[] = "diff", option[] = "--context";
    char *argv[] = { name, path[0], path[1], option, context, NULL };
    int status = trace_diff_main(5, argv);
    if (status < 0 || status > 2)
        wrong("an unknown status");
    buf_free(&text);
}

static void run_case(u64 number)
{
    static FILE *quiet; /* what diff says; wrong() writes to 2 */
    if (!quiet) {
        quiet = fopen("/dev/null", "w");
        if (!quiet || !freopen("/dev/null", "w", stdout))
            wrong("no /dev/null");
        stderr = quiet;
    }
    u64 rng = number * 0x9e3779b97f4a7c15 + 1;
    struct buf flow = { 0 };
    char dir[64];
    snprintf(dir, sizeof dir, "/tmp/trace-fuzz-%d", (int)getpid());
    if (mkdir(dir, 0700) && access(dir, W_OK))
        wrong("no directory");
    guest(&rng, &flow);
    read_texts(&rng, dir, &flow);
    for (unsigned k = 0; k < 20; k++) {
        struct buf copy = { 0 };
        buf_put(&copy, flow.data, flow.len);
        read_flow(&rng, &copy);
        buf_free(&copy);
    }
    buf_free(&flow);
    char path[80];
    for (char c = 'a'; c <= 'b'; c++) {
        snprintf(path, sizeof path, "%s/%c", dir, c);
        unlink(path);
    }
    rmdir(dir);
}

int main(int argc, char **argv)
{
    return cases_main("trace_fuzz", argc, argv, run_case);
}
