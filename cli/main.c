/* The one binary: `orrery COMMAND`, or QEMU's face when it is called orrery-system-* or qemu-system-*. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "cli/dap.h"
#include "cli/img.h"
#include "cli/session.h"
#include "cli/test.h"
#include "machine/board.h"

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int dump_device_tree(struct session *s)
{
    const struct blob *dtb = &s->m->dtb;
    FILE *f = fopen(s->o->dumpdtb, "wb");
    if (!f || fwrite(dtb->data, 1, dtb->size, f) != dtb->size || fclose(f)) {
        fprintf(stderr, "%s: -machine dumpdtb=%s: it cannot be written: %m\n", s->o->program, s->o->dumpdtb);
        return 1;
    }
    fprintf(stderr, "%s: device tree written to %s (%zu bytes)\n", s->o->program, s->o->dumpdtb, dtb->size);
    return 0;
}

static bool write_pidfile(const struct options *o)
{
    FILE *f = o->pidfile ? fopen(o->pidfile, "w") : NULL;
    if (o->pidfile && (!f || fprintf(f, "%d\n", (int)getpid()) < 0 || fclose(f))) {
        fprintf(stderr, "%s: -pidfile %s: it cannot be written: %m\n", o->program, o->pidfile);
        return false;
    }
    return true;
}

enum face { FACE_RUN, FACE_DEBUG, FACE_TRACE };

static int run_machine(const char *program, const struct isa *isa, unsigned xlen, int usage_status, enum face face,
                       const char *record, int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct options o = { .arena = arena, .program = program, .isa = isa, .xlen = xlen, .usage_status = usage_status,
                         .debug = face == FACE_DEBUG };
    enum options_result parsed = options_parse(&o, argc, argv);
    int status = parsed == OPTIONS_DONE ? 0 : usage_status;
    if (parsed != OPTIONS_RUN || (face != FACE_RUN && plays_recording(&o, face == FACE_DEBUG, argc, argv, &status)))
        goto out;
    if (record)
        o.record = record;
    o.snapshot = o.snapshot || o.record;
    struct session *s = xcalloc(1, sizeof *s);
    struct err e = { "" };
    s->want_hashes = o.record != NULL;
    if (!session_choose_target(&o, &e) || !session_open(s, &o, &e) || (o.record && !session_record(s, o.record, argc, argv, &e))) {
        fprintf(stderr, "%s: %s\n", program, e.text);
        status = usage_status;
    } else if (o.dumpdtb) {
        status = dump_device_tree(s);
    } else if (!write_pidfile(&o)) {
        status = 1;
    } else {
        status = face == FACE_DEBUG ? debug_main(s, NULL) : session_run(s);
    }
    session_close(s);
    free(s);
out:
    arena_free(arena);
    return status;
}

static int on_run(int argc, char **argv)
{
    return run_machine("orrery run", NULL, 64, EXIT_USAGE, FACE_RUN, NULL, argc, argv);
}

static int on_debug(int argc, char **argv)
{
    return run_machine("orrery debug", NULL, 64, EXIT_USAGE, FACE_DEBUG, NULL, argc, argv);
}

static int on_record(int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: orrery record FILE [options] [KERNEL]\n");
        return argc == 2 && strstr(argv[1], "help") ? EXIT_PASS : EXIT_USAGE;
    }
    char *file = argv[1];
    argv[1] = argv[0];
    return run_machine("orrery record", NULL, 64, EXIT_USAGE, FACE_RUN, file, argc - 1, argv + 1);
}

static int on_trace(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "show"))
        return trace_show_main(argc - 1, argv + 1);
    if (argc > 1 && !strcmp(argv[1], "diff"))
        return trace_diff_main(argc - 1, argv + 1);
    if (argc < 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: orrery trace KIND:FILE[,FILTER...] [options] [KERNEL|RECORDING]\n"
                "       orrery trace show FILE [options]    what is in a trace of kind 'flow'\n"
                "       orrery trace diff A B [options]     where two traces or recordings begin to differ\nkinds:\n");
        for (const struct trace_format *const *t = trace_formats; *t; t++)
            fprintf(stderr, "  %-10s %s\n", (*t)->name, (*t)->doc);
        return argc == 2 && strstr(argv[1], "help") ? EXIT_PASS : EXIT_USAGE;
    }
    char *option = xprintf("--trace=%s", argv[1]);
    argv[1] = option;
    int status = run_machine("orrery trace", NULL, 64, EXIT_USAGE, FACE_TRACE, NULL, argc, argv);
    free(option);
    return status;
}

static const struct {
    const char *name;
    int (*fn)(int argc, char **argv);
} commands[] = {
    { "run", on_run }, { "debug", on_debug }, { "dap", dap_main }, { "record", on_record }, { "replay", replay_main },
    { "trace", on_trace }, { "test", test_main }, { "info", info_main }, { "img", img_main },
};

static int own_face(int argc, char **argv)
{
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        options_help("orrery", true);
        return argc < 2 ? EXIT_USAGE : EXIT_PASS;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-version")) {
        options_version("orrery");
        return EXIT_PASS;
    }
    const char *best = NULL;
    unsigned score = 0;
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].fn(argc - 1, argv + 1);
        suggest(argv[1], commands[i].name, &best, &score);
    }
    fprintf(stderr, "orrery: there is no command '%s'%s%s%s; 'orrery --help' lists them\n", argv[1],
            best ? " (did you mean '" : "", best ? best : "", best ? "'?)" : "");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    const char *program = last_part(argc ? argv[0] : "orrery");
    const char *system = strstr(program, "-system-");
    if (!system)
        return own_face(argc, argv);
    unsigned xlen;
    const struct isa *isa = isa_of_target(system + strlen("-system-"), &xlen);
    if (isa)
        return run_machine(program, isa, xlen, 1, FACE_RUN, NULL, argc, argv);
    fprintf(stderr, "%s: this version emulates", program);
    for (const struct isa *const *i = machine_isas; *i; i++)
        fprintf(stderr, " %s %s", (*i)->target[0], (*i)->target[1]);
    fprintf(stderr, " only\n");
    return 1;
}
