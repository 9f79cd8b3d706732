/* Recordings on disk: `--record FILE` and `orrery replay FILE`. The configuration chunk is JSON: version and build of
 * the program that wrote it, its command line, its working directory's images with their hashes. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/session.h"
#include "host/file/file.h"
#include "machine/record.h"

#define BUILD_ID PACKAGE_VERSION " " __VERSION__

static void sink(void *opaque, const void *bytes, size_t n)
{
    fwrite(bytes, 1, n, opaque);
}

/* What only concerns the recording run and is not part of the machine: how many words it has. */
static int words_left_out(const char *word)
{
    static const char *const with_value[] = { "record", "trace", "save", "pidfile", "gdb", "monitor", "D", "d", "ex",
                                              "x" };
    static const char *const alone[] = { "S", "s", "no-shutdown", "batch" };
    const char *name = word + (word[0] == '-') + (word[0] == '-' && word[1] == '-');
    size_t n = strcspn(name, "=");
    if (name == word)
        return 0;
    for (unsigned i = 0; i < ARRAY_LEN(with_value); i++)
        if (strlen(with_value[i]) == n && !strncmp(name, with_value[i], n))
            return name[n] ? 1 : 2;
    for (unsigned i = 0; i < ARRAY_LEN(alone); i++)
        if (!strcmp(name, alone[i]))
            return 1;
    return 0;
}

static json_t *describe(struct session *s, int argc, char **argv)
{
    json_t *args = json_array(), *images = json_array();
    for (int i = 1; i < argc; i++) {
        int left_out = words_left_out(argv[i]);
        if (left_out) {
            i += left_out - 1;
            continue;
        }
        json_array_append_new(args, json_string(argv[i]));
    }
    for (unsigned i = 0; i < s->n_images; i++)
        json_array_append_new(images, json_pack("{s:s, s:s, s:I, s:s}", "role", s->images[i].role, "path",
                                                s->images[i].path, "size", (json_int_t)s->images[i].size,
                                                "hash", s->images[i].hash));
    return json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:I}", "version", PACKAGE_VERSION, "build", BUILD_ID, "machine",
                     s->o->machine, "xlen", (int)s->o->xlen, "arguments", args, "images", images, "rtc_base", (json_int_t)s->o->rtc_base);
}

bool session_record(struct session *s, const char *path, int argc, char **argv, struct err *e)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        return err_set(e, "--record %s: it cannot be written: %m", path);
    s->record_file = f;
    json_t *config = describe(s, argc, argv);
    char *text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(config);
    recorder_new(s->m, text, RECORD_DEFAULT_HASH_EVERY, sink, f);
    free(text);
    return true;
}

/* --- replay ------------------------------------------------------------------------------------------------ */

static bool same_program(json_t *config, struct err *e)
{
    const char *version = json_string_value(json_object_get(config, "version"));
    if (!version)
        return err_set(e, "the recording's configuration names no version");
    if (strcmp(version, PACKAGE_VERSION))
        return err_set(e, "it was recorded by Orrery %s and this is %s: build that version to replay it", version,
                       PACKAGE_VERSION);
    return true;
}

static bool same_images(struct session *s, json_t *config, struct err *e)
{
    json_t *images = json_object_get(config, "images");
    if (json_array_size(images) != s->n_images)
        return err_set(e, "it was recorded with %zu images and this machine has %u", json_array_size(images),
                       s->n_images);
    for (unsigned i = 0; i < s->n_images; i++) {
        json_t *was = json_array_get(images, i);
        const char *hash = json_string_value(json_object_get(was, "hash"));
        if (!hash || strcmp(hash, s->images[i].hash))
            return err_set(e, "%s (%s) has changed since the recording: its hash is %s, recorded was %s",
                           s->images[i].path, s->images[i].role, s->images[i].hash, hash ? hash : "nothing");
    }
    return true;
}

/* The recorded arguments and then ours, as one command line. */
static char **join_arguments(struct arena *a, json_t *recorded, int argc, char **argv, int *n)
{
    size_t count = json_array_size(recorded);
    char **all = ARENA_ARRAY(a, char *, count + (size_t)argc + 8);
    *n = 0;
    all[(*n)++] = arena_strdup(a, "replay");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(recorded, i));
        all[(*n)++] = arena_strdup(a, text ? text : "");
    }
    for (int i = 2; i < argc; i++)
        all[(*n)++] = argv[i];
    return all;
}

static int replay(const char *path, int argc, char **argv, const struct buf *file)
{
    static const char program[] = "orrery replay";
    struct err e = { "" };
    int status = EXIT_USAGE, n;
    struct arena *arena = arena_new();
    struct session *s = xcalloc(1, sizeof *s);
    char *text = recording_config(file->data, file->len, &e);
    json_t *config = text ? json_loads(text, 0, NULL) : NULL;
    if (text && !config)
        err_set(&e, "its configuration is damaged");
    if (!config || !same_program(config, &e))
        goto out;
    struct options o = { .arena = arena, .program = program, .usage_status = EXIT_USAGE,
                         .xlen = json_integer_value(json_object_get(config, "xlen")) == 32 ? 32 : 64 };
    char **all = join_arguments(arena, json_object_get(config, "arguments"), argc, argv, &n);
    if (options_parse(&o, n, all) != OPTIONS_RUN) {
        err_set(&e, "its command line cannot be used");
        goto out;
    }
    if (!o.machine && json_is_string(json_object_get(config, "machine")))
        o.machine = arena_strdup(arena, json_string_value(json_object_get(config, "machine")));
    o.isa = o.machine && options_board(o.machine) ? options_board(o.machine)->isa : NULL;
    if (!session_choose_target(&o, &e))
        goto out;
    o.snapshot = true;
    o.start_stopped = false;
    o.gdb = NULL;
    o.debug = o.n_commands || o.batch;
    o.rtc_base = json_integer_value(json_object_get(config, "rtc_base"));
    s->want_hashes = s->replay = true;
    if (!session_open(s, &o, &e) || !same_images(s, config, &e) || !replayer_new(s->m, file->data, file->len, &e))
        goto close;
    status = o.n_commands || o.batch ? debug_main(s) : session_run(s);
close:
    if (s->arena)
        session_close(s);
out:
    if (e.text[0] && status == EXIT_USAGE) {
        fprintf(stderr, "%s: %s: %s\n", program, path, e.text);
        status = text ? EXIT_DIVERGED : EXIT_USAGE; /* what is no recording differs from nothing */
    }
    json_decref(config);
    free(text);
    free(s);
    arena_free(arena);
    return status;
}

int replay_main(int argc, char **argv)
{
    if (argc < 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: orrery replay FILE [options]\n"
                        "Runs a recording again. Exit status 6 when it differs or its images or program have "
                        "changed.\n");
        return argc == 2 && strstr(argv[1], "help") ? EXIT_PASS : EXIT_USAGE;
    }
    struct buf file = { 0 };
    struct err e;
    if (!host_file_load(argv[1], &file, &e)) {
        fprintf(stderr, "orrery replay: %s\n", e.text);
        return EXIT_USAGE;
    }
    int status = replay(argv[1], argc, argv, &file);
    buf_free(&file);
    return status;
}
