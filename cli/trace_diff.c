/* `orrery trace diff A B`: where two traces, or two recordings, begin to differ, with what was before and the source.
 *
 * Texts are compared line by line, compressed or not, whatever their size; `cycles` record by record; `flow` block by block.
 * Of recordings first the registers and inputs that they hold, which says between which positions; then both are replayed
 * from there and traced, and the traces compared. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/session.h"
#include "cli/trace_file.h"
#include "host/file/file.h"

enum { SAME = 0, DIFFERENT = 1, MAX_CONTEXT = 100, MAX_REGS = 512 };

static const char usage[] =
    "usage: orrery trace diff A B [--context N] [--symbols ELF]...\n"
    "A and B are traces of one kind, or recordings. Exit status 0: equal; 1: they differ; 2: they cannot be compared.\n";

struct register_seen { /* as the traces wrote it last */
    char name[32], value[2][40];
};

struct diff {
    const char *path[2];
    unsigned context;
    struct trace_names names;
    char *before[MAX_CONTEXT]; /* lines that were equal, a ring */
    u64 n;                     /* lines that were equal */
    struct register_seen reg[MAX_REGS];
    unsigned n_regs;
    u64 shown; /* ns: when progress was */
};

static unsigned long long ull(u64 v) { return v; }

/* --- what lines say ------------------------------------------------------------------------------------------------- */

/* The address of the instruction of a line, in whatever form it is. */
static bool line_pc(const char *line, u64 *pc)
{
    char *end;
    const char *hex = strstr(line, "0x"), *tarmac = strstr(line, " clk ");
    if (tarmac) { /* 211097 clk hart0 IS (211098) 0000000080400082 ... */
        const char *paren = strchr(tarmac, ')');
        if (!strstr(tarmac, " IT (") && !strstr(tarmac, " IS ("))
            return false;
        *pc = paren ? strtoull(paren + 1, &end, 16) : 0;
        return paren && *end == ' ';
    }
    if (!hex)
        return false;
    *pc = strtoull(hex, &end, 16);
    return end > hex + 2;
}

static void note_register(struct diff *d, unsigned side, const char *name, const char *value, size_t m)
{
    unsigned k = 0;
    if (strlen(name) >= sizeof d->reg[0].name || m >= sizeof d->reg[0].value[0])
        return;
    while (k < d->n_regs && strcmp(d->reg[k].name, name))
        k++;
    if (k == MAX_REGS)
        return;
    if (k == d->n_regs)
        d->n_regs++;
    strcpy(d->reg[k].name, name);
    for (unsigned s = 0; s < 2; s++)
        if (side == s || side == 2) {
            memcpy(d->reg[k].value[s], value, m);
            d->reg[k].value[s][m] = 0;
        }
}

/* Registers that a line wrote: of the Spike form (x5 0x1), and of Tarmac (R a0 1). side 2: of both. */
static void note_line(struct diff *d, unsigned side, const char *line)
{
    const char *p = strchr(line, ')'), *clk = strstr(line, " clk ");
    char name[64];
    if (!strncmp(line, "core", 4) && p) {
        unsigned long core = strtoul(line + 4, NULL, 10);
        for (p++; *p == ' ';) {
            p += strspn(p, " ");
            size_t n = strcspn(p, " ");
            const char *v = p + n + strspn(p + n, " ");
            size_t m = strcspn(v, " ");
            if (!strncmp(p, "mem", 3) || !m)
                return;
            snprintf(name, sizeof name, "%lu.%.*s", core, (int)n, p);
            note_register(d, side, name, v, m);
            p = v + m;
        }
    } else if (clk && (p = strstr(clk, " R "))) {
        const char *v = strchr(p + 3, ' ');
        snprintf(name, sizeof name, "%.*s.%.*s", (int)(p - (clk + 5)), clk + 5, (int)strcspn(p + 3, " "), p + 3);
        if (v)
            note_register(d, side, name, v + 1, strlen(v + 1));
    }
}

static void show_line(const struct diff *d, const char *mark, const char *line)
{
    char name[320] = "";
    u64 pc;
    bool known = line_pc(line, &pc);
    if (known)
        trace_names_at(&d->names, pc, name, sizeof name);
    printf("%s %s%s%s\n", mark, line, *name ? "    " : "", name);
    if (known && *mark != ' ')
        trace_names_source(&d->names, pc, stdout);
}

static void show_registers(const struct diff *before, const struct diff *after)
{
    bool any = false;
    for (unsigned k = 0; k < after->n_regs; k++) {
        const struct register_seen *r = &after->reg[k];
        if (strcmp(r->value[0], r->value[1])) {
            printf("%s  %-16s A %s   B %s\n", any ? "" : "Registers that differ behind it, as the traces wrote them:\n", r->name,
                   *r->value[0] ? r->value[0] : "-", *r->value[1] ? r->value[1] : "-");
            any = true;
        }
    }
    if (before->n_regs)
        printf("Registers before it, as the traces wrote them:\n");
    for (unsigned k = 0; k < before->n_regs; k++)
        printf("  %-16s %s%s", before->reg[k].name, before->reg[k].value[0], k % 3 == 2 || k + 1 == before->n_regs ? "\n" : "");
}

/* --- lines ---------------------------------------------------------------------------------------------------------- */

static void keep(struct diff *d, const char *line, size_t n)
{
    if (d->context) {
        char **slot = &d->before[d->n % d->context];
        *slot = xrealloc(*slot, n + 1);
        memcpy(*slot, line, n);
        (*slot)[n] = 0;
    }
    d->n++;
}

static void progress(struct diff *d, const struct trace_file *t)
{
    u64 now = host_now_ns();
    if (!d->shown)
        d->shown = now;
    if (now - d->shown < 1000000000 || !isatty(STDERR_FILENO))
        return;
    d->shown = now;
    fprintf(stderr, "\rcomparing: %llu of %llu MB\033[K\r", ull(t->taken >> 20), ull(t->size >> 20));
}

static void show_before(const struct diff *d)
{
    u64 from = d->n > d->context ? d->n - d->context : 0;
    for (u64 k = from; k < d->n; k++)
        show_line(d, "  ", d->before[k % d->context]);
}

static char *copy_line(const char *line, size_t n)
{
    char *s = line ? xmalloc(n + 1) : NULL;
    if (s) {
        memcpy(s, line, n);
        s[n] = 0;
    }
    return s;
}

static int diff_lines(struct diff *d, struct trace_file *a, struct trace_file *b, struct err *e)
{
    struct trace_file *t[2] = { a, b };
    char *line[2];
    size_t n[2] = { 0 };
    for (;;) {
        const char *x = trace_file_line(a, &n[0], e);
        if (!x && e->text[0])
            return EXIT_USAGE;
        const char *y = trace_file_line(b, &n[1], e);
        if (!y && e->text[0])
            return EXIT_USAGE;
        if (!x && !y)
            return SAME;
        line[0] = copy_line(x, x ? n[0] : 0);
        line[1] = copy_line(y, y ? n[1] : 0);
        bool same = x && y && n[0] == n[1] && !memcmp(line[0], line[1], n[0]);
        if (!same)
            break;
        note_line(d, 2, line[0]);
        keep(d, line[0], n[0]);
        if (!(d->n & 0xfffff))
            progress(d, a);
        free(line[0]);
        free(line[1]);
    }
    printf("The traces differ from line %llu on.\n", ull(d->n + 1));
    show_before(d);
    u64 pc;
    if (line[0] && !line_pc(line[0], &pc)) /* what an instruction did: that one's source */
        for (u64 k = d->n; k > 0 && k + d->context > d->n; k--)
            if (line_pc(d->before[(k - 1) % d->context], &pc)) {
                trace_names_source(&d->names, pc, stdout);
                break;
            }
    struct diff *after = xmalloc(sizeof *after);
    *after = *d;
    for (unsigned s = 0; s < 2; s++) {
        char mark[3] = { (char)('A' + s), 0, 0 };
        if (!line[s])
            printf("%s ends here (%s)\n", mark, d->path[s]);
        for (unsigned k = 0; line[s] && k < 5; k++) {
            if (!k)
                note_line(after, s, line[s]);
            show_line(d, mark, line[s]);
            free(line[s]);
            const char *next = trace_file_line(t[s], &n[s], e);
            line[s] = copy_line(next, next ? n[s] : 0);
        }
        free(line[s]);
    }
    show_registers(d, after);
    free(after);
    return DIFFERENT;
}

/* --- flow ----------------------------------------------------------------------------------------------------------- */

static void block_text(const struct flow_block *b, char *out, size_t n)
{
    static const char *const how[] = { "follows", "jump", "trap", "interrupt" };
    snprintf(out, n, "position %llu cpu%u privilege %u 0x%llx, %llu bytes, %llu instructions, %llu ticks, root 0x%llx, by %s",
             ull(b->at), b->cpu, b->privilege, ull(b->pc), ull(b->bytes), ull(b->instructions), ull(b->ticks), ull(b->root),
             how[b->how & 3]);
}

static int diff_flow(struct diff *d, struct trace_file *a, struct trace_file *b, struct err *e)
{
    struct flow_source source[2] = { trace_file_source(a), trace_file_source(b) };
    struct flow_reader *r[2] = { flow_open(&source[0], e), NULL };
    struct flow_block x, y;
    char text[2][256];
    int status = EXIT_USAGE;
    if (r[0] && (r[1] = flow_open(&source[1], e)))
        for (;;) {
            int got[2] = { flow_next(r[0], &x, e), 0 };
            if (got[0] < 0 || (got[1] = flow_next(r[1], &y, e)) < 0)
                break;
            if (!got[0] && !got[1]) {
                status = SAME;
                break;
            }
            for (unsigned s = 0; s < 2; s++)
                if (got[s])
                    block_text(s ? &y : &x, text[s], sizeof text[s]);
            if (got[0] && got[1] && flow_guessed(&x, &y)) {
                keep(d, text[0], strlen(text[0]));
                continue;
            }
            printf("The flows of control differ from block %llu on.\n", ull(d->n + 1));
            show_before(d);
            for (unsigned s = 0; s < 2; s++) {
                if (got[s])
                    show_line(d, s ? "B" : "A", text[s]);
                else
                    printf("%c ends here (%s)\n", 'A' + (int)s, d->path[s]);
            }
            status = DIFFERENT;
            break;
        }
    flow_close(r[0]);
    flow_close(r[1]);
    return status;
}

/* --- recordings ----------------------------------------------------------------------------------------------------- */

static bool next_chunk(struct reader *r, u8 *kind, const u8 **data, u64 *n)
{
    if (r->pos >= r->len)
        return false;
    *kind = (u8)reader_le(r, 1);
    *n = reader_le(r, 4);
    *data = reader_bytes(r, *n);
    return !r->bad;
}

/* The last position up to which both hold the same, and the first where they do not. False: they hold the same. */
static bool narrow(const struct buf file[2], u64 *same, u64 *differs, bool *cut)
{
    struct reader r[2] = { { file[0].data, file[0].len, 8, false }, { file[1].data, file[1].len, 8, false } };
    u8 kind[2] = { 0 };
    const u8 *data[2] = { NULL };
    u64 n[2] = { 0 };
    *same = 0;
    *cut = false;
    for (;;) {
        bool a = next_chunk(&r[0], &kind[0], &data[0], &n[0]), b = next_chunk(&r[1], &kind[1], &data[1], &n[1]);
        if (!a && !b)
            return false;
        if (a && b && kind[0] == 'C' && kind[1] == 'C')
            continue;
        if (a && b && kind[0] == kind[1] && n[0] == n[1] && !memcmp(data[0], data[1], n[0])) {
            *same = n[0] >= 8 ? load_le(data[0], 8) : *same;
            continue;
        }
        *cut = !a || !b;
        *differs = CLOCK_NEVER;
        for (unsigned s = 0; s < 2; s++)
            if ((s ? b : a) && n[s] >= 8 && load_le(data[s], 8) < *differs)
                *differs = load_le(data[s], 8);
        return true;
    }
}

/* Replays a recording in a process of its own, whose trace comes out of the pipe. */
static pid_t start_replay(const char *path, u64 from, FILE **out)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) < 0)
        return -1;
    fflush(NULL);
    pid_t child = fork();
    if (!child) {
        char *spec = xprintf("--trace=tarmac:/dev/fd/%d,from=%llu", fd[1], ull(from));
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        signal(SIGPIPE, SIG_DFL);
        fcntl(fd[1], F_SETFD, 0);
        execl("/proc/self/exe", "orrery", "replay", path, spec, (char *)NULL);
        _exit(127);
    }
    close(fd[1]);
    *out = fdopen(fd[0], "rb");
    return child;
}

static int diff_recordings(struct diff *d, struct err *e)
{
    struct buf file[2] = { { 0 }, { 0 } };
    struct trace_file t[2] = { { .path = d->path[0] }, { .path = d->path[1] } };
    pid_t child[2];
    u64 same, differs;
    bool cut;
    int status = EXIT_USAGE;
    if (!host_file_load(d->path[0], &file[0], e) || !host_file_load(d->path[1], &file[1], e))
        goto out;
    if (!narrow(file, &same, &differs, &cut)) {
        status = SAME;
        goto out;
    }
    printf("The recordings hold the same up to position %llu", ull(same));
    if (differs < CLOCK_NEVER)
        printf(" and differ at %llu", ull(differs));
    printf(".\n");
    for (unsigned s = 0; s < 2; s++) {
        child[s] = start_replay(d->path[s], same, &t[s].f);
        if (child[s] < 0 || !t[s].f) {
            err_set(e, "a replay cannot be started: %m");
            goto out;
        }
    }
    status = diff_lines(d, &t[0], &t[1], e);
    if (status == SAME) {
        printf("%s\n", cut ? "One is shorter: what both hold is equal."
                           : "Replayed, they do the same: what differs is in the recordings only.");
        status = DIFFERENT;
    }
    for (unsigned s = 0; s < 2; s++) {
        trace_file_close(&t[s]);
        kill(child[s], SIGKILL);
        waitpid(child[s], NULL, 0);
    }
out:
    buf_free(&file[0]);
    buf_free(&file[1]);
    return status;
}

/* --- the command ---------------------------------------------------------------------------------------------------- */

static bool parse(struct diff *d, int argc, char **argv, struct err *e)
{
    unsigned n = 0;
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + (argv[i][0] == '-') + (argv[i][0] == '-' && argv[i][1] == '-');
        if (name == argv[i] || !*name) {
            if (n == 2)
                return err_set(e, "two files are compared, not also %s", argv[i]);
            d->path[n++] = argv[i];
            continue;
        }
        const char *v = argv[++i];
        char *end;
        if (!v)
            return err_set(e, "--%s needs something behind it", name);
        if (!strcmp(name, "context")) {
            unsigned long c = strtoul(v, &end, 10);
            if (*end || end == v || c > MAX_CONTEXT)
                return err_set(e, "--context: a number up to %d, not '%s'", MAX_CONTEXT, v);
            d->context = (unsigned)c;
        } else if (!strcmp(name, "symbols") || !strcmp(name, "kernel")) {
            if (!trace_names_add(&d->names, v, e))
                return false;
        } else {
            return err_set(e, "there is no option --%s here", name);
        }
    }
    return n == 2 || err_set(e, "which two files?");
}

static int compare(struct diff *d, struct err *e)
{
    static const char *const kinds[] = { "text", "records of cycles", "a trace of kind 'flow'", "a recording" };
    struct trace_file t[2] = { { 0 }, { 0 } };
    int status = EXIT_USAGE;
    if (!trace_file_open(&t[0], d->path[0], e) || !trace_file_open(&t[1], d->path[1], e))
        goto out;
    if (t[0].kind != t[1].kind)
        err_set(e, "%s is %s, and %s is %s", d->path[0], kinds[t[0].kind], d->path[1], kinds[t[1].kind]);
    else if (t[0].kind == TRACE_RECORDING)
        status = diff_recordings(d, e);
    else
        status = (t[0].kind == TRACE_FLOW ? diff_flow : diff_lines)(d, &t[0], &t[1], e);
out:
    trace_file_close(&t[0]);
    trace_file_close(&t[1]);
    return status;
}

int trace_diff_main(int argc, char **argv)
{
    struct diff *d = xcalloc(1, sizeof *d);
    struct err e = { "" };
    int status = EXIT_USAGE;
    d->context = 5;
    if (argc < 2 || (argc == 2 && strstr(argv[1], "help"))) {
        fputs(usage, argc < 2 ? stderr : stdout);
        status = argc < 2 ? EXIT_USAGE : EXIT_PASS;
    } else {
        if (parse(d, argc, argv, &e))
            status = compare(d, &e);
        if (status == EXIT_USAGE)
            fprintf(stderr, "orrery trace diff: %s\n", e.text);
    }
    for (unsigned k = 0; k < ARRAY_LEN(d->before); k++)
        free(d->before[k]);
    trace_names_free(&d->names);
    free(d);
    return status;
}
