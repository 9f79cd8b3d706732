/* `orrery trace show FILE`: the blocks of a trace of kind `flow`; with --format and --recording the rest of what happened
 * there, which a replay tells. The replay is compared with the file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/session.h"
#include "cli/trace_file.h"

static const char usage[] =
    "usage: orrery trace show FILE [--from POS] [--to POS] [--symbols ELF]...\n"
    "       orrery trace show FILE [--from POS] [--to POS] --format KIND --recording RECORDING\n"
    "FILE is a trace of kind 'flow'. Exit status 6: the recording is not of this trace.\n";

struct show {
    const char *file, *format, *recording;
    u64 from, to;
    struct trace_names names;
};

static bool number(const char *text, u64 *out, struct err *e)
{
    char *end;
    errno = 0;
    *out = text ? strtoull(text, &end, 0) : 0;
    return (text && *text && *text != '-' && !*end && !errno) || err_set(e, "'%s' is no position", text ? text : "");
}

static bool parse(struct show *s, int argc, char **argv, struct err *e)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + (argv[i][0] == '-') + (argv[i][0] == '-' && argv[i][1] == '-'), *v = argv[i + 1];
        bool ok = true;
        if (name == argv[i]) {
            ok = !s->file || err_set(e, "one file is shown, not also %s", name);
            s->file = name;
            v = NULL;
        } else if (!v) {
            return err_set(e, "%s needs something behind it", argv[i]);
        } else if (!strcmp(name, "from")) {
            ok = number(v, &s->from, e);
        } else if (!strcmp(name, "to")) {
            ok = number(v, &s->to, e);
        } else if (!strcmp(name, "format")) {
            s->format = v;
            ok = trace_format_named(v, e) != NULL;
        } else if (!strcmp(name, "recording")) {
            s->recording = v;
        } else if (!strcmp(name, "symbols")) {
            ok = trace_names_add(&s->names, v, e);
        } else {
            return err_set(e, "there is no option %s here", argv[i]);
        }
        if (!ok)
            return false;
        i += v != NULL;
    }
    if (!s->file)
        return err_set(e, "which file?");
    return !s->format == !s->recording || err_set(e, "--format needs --recording, and the other way round");
}

static int show_blocks(struct show *s, struct flow_reader *r)
{
    static const char *const how[] = { "", "jump", "trap", "interrupt" };
    struct flow_block b;
    struct err e;
    int got = flow_seek(r, s->from, &e) ? 1 : -1;
    while (got > 0 && (got = flow_next(r, &b, &e)) > 0 && b.at < s->to) {
        char name[320];
        trace_names_at(&s->names, b.pc, name, sizeof name);
        printf("%llu cpu%u %u 0x%llx..0x%llx %llu%s%s%s%s\n", (unsigned long long)b.at, b.cpu, b.privilege,
               (unsigned long long)b.pc, (unsigned long long)(b.pc + b.bytes), (unsigned long long)b.instructions, b.how ? " " : "",
               how[b.how & 3], *name ? " " : "", name);
    }
    if (got < 0)
        fprintf(stderr, "orrery trace show: %s: %s\n", s->file, e.text);
    else if (!flow_whole(r))
        fprintf(stderr, "orrery trace show: %s was cut off: this is what was written\n", s->file);
    return got < 0 ? EXIT_USAGE : EXIT_PASS;
}

/* From the second block on, to the last one that ends before `to`: the first and the last may have been cut. */
static bool next_whole(struct flow_reader *r, u64 from, u64 to, struct flow_block *b)
{
    struct err e;
    do {
        if (flow_next(r, b, &e) <= 0)
            return false;
    } while (b->at <= from);
    return b->at + b->ticks < to;
}

static int compare(struct show *s, struct flow_reader *file, const char *again)
{
    struct trace_file t;
    struct err e;
    struct flow_block a, b;
    int status = EXIT_PASS;
    if (!trace_file_open(&t, again, &e)) {
        fprintf(stderr, "orrery trace show: %s\n", e.text);
        return EXIT_USAGE;
    }
    struct flow_source source = trace_file_source(&t);
    struct flow_reader *r = flow_open(&source, &e);
    if (r && flow_seek(file, s->from, &e) && flow_seek(r, s->from, &e)) {
        u64 from = s->from;
        bool more_a, more_b;
        do {
            more_a = next_whole(file, from, s->to, &a);
            more_b = next_whole(r, from, s->to, &b);
        } while (more_a && more_b && a.at == b.at && a.pc == b.pc && a.bytes == b.bytes && a.cpu == b.cpu);
        if (more_a && more_b) {
            fprintf(stderr, "orrery trace show: %s is not of this recording: at position %llu it went to 0x%llx, and the "
                    "recording goes to 0x%llx at %llu\n", s->file, (unsigned long long)a.at, (unsigned long long)a.pc,
                    (unsigned long long)b.pc, (unsigned long long)b.at);
            status = EXIT_DIVERGED;
        }
    }
    flow_close(r);
    trace_file_close(&t);
    return status;
}

/* What the guest says and what the replay says must not get between. */
static int regenerate(struct show *s, struct flow_reader *file)
{
    char again[] = "/tmp/orrery-flow-XXXXXX", window[64] = "", stop[32];
    int temp = mkstemp(again), out = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY);
    if (temp < 0 || out < 0 || null < 0) {
        perror("orrery trace show");
        return EXIT_USAGE;
    }
    snprintf(stop, sizeof stop, "%llu", (unsigned long long)s->to);
    if (s->to < CLOCK_NEVER)
        snprintf(window, sizeof window, ",to=%s", stop);
    char *wanted = xprintf("--trace=%s:/dev/fd/%d,from=%llu%s", s->format, out, (unsigned long long)s->from, window);
    char *check = xprintf("--trace=flow:%s,from=%llu%s", again, (unsigned long long)s->from, window);
    char *argv[8] = { (char *)(uintptr_t)"replay", (char *)(uintptr_t)s->recording, wanted, check };
    int argc = 4;
    if (s->to < CLOCK_NEVER) {
        argv[argc++] = (char *)(uintptr_t)"--stop-at";
        argv[argc++] = stop;
    }
    fflush(stdout);
    dup2(null, STDOUT_FILENO);
    int status = replay_main(argc, argv);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    if (status != EXIT_DIVERGED && status != EXIT_USAGE)
        status = compare(s, file, again);
    unlink(again);
    close(temp);
    close(null);
    close(out);
    free(wanted);
    free(check);
    return status;
}

int trace_show_main(int argc, char **argv)
{
    struct show s = { .to = CLOCK_NEVER };
    struct trace_file t = { 0 };
    struct flow_reader *r = NULL;
    struct err e = { "" };
    int status = EXIT_USAGE;
    if (argc < 2 || (argc == 2 && strstr(argv[1], "help"))) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_PASS;
    }
    if (parse(&s, argc, argv, &e) && trace_file_open(&t, s.file, &e)) {
        struct flow_source source = trace_file_source(&t);
        r = flow_open(&source, &e);
        if (!r)
            err_prefix(&e, "%s", s.file);
    }
    if (!r)
        fprintf(stderr, "orrery trace show: %s\n", e.text);
    else
        status = s.format ? regenerate(&s, r) : show_blocks(&s, r);
    flow_close(r);
    trace_file_close(&t);
    trace_names_free(&s.names);
    return status;
}
