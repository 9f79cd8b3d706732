/* `orrery replay FILE` and `orrery debug FILE`: a machine from the configuration of a recording (record.c), with what came in
 * then. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/media.h"
#include "cli/session.h"
#include "debugger/debugger.h"
#include "host/file/file.h"
#include "machine/history.h"
#include "machine/record.h"

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
    all[(*n)++] = argv[0];
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(recorded, i));
        all[(*n)++] = arena_strdup(a, text ? text : "");
    }
    for (int i = 1; i < argc; i++)
        all[(*n)++] = argv[i];
    return all;
}

/* The debugger comes up where --at says, or where the recording ends. */
static bool begin_debugging(struct session *s)
{
    struct debugger *d = s->debugger;
    struct stop_report r;
    struct err e = { "" };
    if (s->o->at != CLOCK_NEVER) {
        char *line = xprintf("goto %llu", (unsigned long long)s->o->at);
        bool ok = debugger_execute(d, line);
        free(line);
        return ok;
    }
    char *note = replayer_note(s->m->replayer);
    run_begin(d, &r);
    run_judge(d, history_run(s->history, CLOCK_NEVER, &e), &r);
    run_end(d);
    report_stop(d, &r);
    if (*note && r.why != MACHINE_REPLAY_END && !s->m->replayer)
        debug_printf(d, "[The recording ended because %s]\n", note);
    free(note);
    if (!e.text[0])
        return true;
    debug_printf(d, "%s\n", e.text);
    return false;
}

/* Its machine, with o's program and usage_status; argv: argv[0], then options of ours behind those recorded. On failure *status
 * is EXIT_USAGE, for what is no recording, or EXIT_DIVERGED. */
static bool open_recording(struct session *s, struct options *o, bool debug, const struct buf *file, int argc, char **argv,
                           int *status, struct err *e)
{
    int n;
    *status = EXIT_USAGE;
    char *text = recording_config(file->data, file->len, e);
    if (!text)
        return false;
    *status = EXIT_DIVERGED;
    json_t *config = json_loads(text, 0, NULL);
    free(text);
    bool ok = config ? same_program(config, e) : err_set(e, "its configuration is damaged");
    if (!ok)
        goto out;
    o->xlen = json_integer_value(json_object_get(config, "xlen")) == 32 ? 32 : 64;
    char **all = join_arguments(o->arena, json_object_get(config, "arguments"), argc, argv, &n);
    ok = options_parse(o, n, all) == OPTIONS_RUN || err_set(e, "its command line cannot be used");
    if (!ok)
        goto out;
    if (!o->machine && json_is_string(json_object_get(config, "machine")))
        o->machine = arena_strdup(o->arena, json_string_value(json_object_get(config, "machine")));
    o->isa = o->machine && options_board(o->machine) ? options_board(o->machine)->isa : NULL;
    o->snapshot = true;
    o->start_stopped = false;
    o->gdb = NULL;
    o->debug = debug || o->n_commands || o->batch;
    if (debug) /* the recording ends there; who looks at it goes on */
        o->stop_at = o->max_instructions = CLOCK_NEVER;
    o->rtc_base = json_integer_value(json_object_get(config, "rtc_base"));
    s->want_hashes = s->replay = true;
    ok = session_choose_target(o, e) && session_open(s, o, e) && same_images(s, config, e) &&
         recording_media(s->m, file->data, file->len, media_needed, s, e) && replayer_new(s->m, file->data, file->len, e);
out:
    json_decref(config);
    return ok;
}

bool session_open_recording(struct session *s, struct options *o, const char *path, bool debug, int argc, char **argv,
                            struct buf *file, int *status, struct err *e)
{
    *status = EXIT_USAGE;
    s->recording = debug ? path : NULL;
    return host_file_load(path, file, e) &&
           (open_recording(s, o, debug, file, argc, argv, status, e) || err_prefix(e, "%s", path));
}

static int replay(const char *program, bool debug, const char *path, int argc, char **argv, const struct buf *file)
{
    struct err e = { "" };
    int status;
    struct session *s = xcalloc(1, sizeof *s);
    struct options o = { .arena = arena_new(), .program = program, .usage_status = EXIT_USAGE };
    if (open_recording(s, &o, debug, file, argc, argv, &status, &e)) {
        s->recording = path;
        status = o.debug ? debug_main(s, debug ? begin_debugging : NULL) : session_run(s);
    } else {
        fprintf(stderr, "%s: %s: %s\n", program, path, e.text);
    }
    if (s->arena)
        session_close(s);
    free(s);
    arena_free(o.arena);
    return status;
}

static int replay_file(const char *program, bool debug, const char *path, int argc, char **argv)
{
    struct buf file = { 0 };
    struct err e;
    if (!host_file_load(path, &file, &e)) {
        fprintf(stderr, "%s: %s\n", program, e.text);
        return EXIT_USAGE;
    }
    int status = replay(program, debug, path, argc, argv, &file);
    buf_free(&file);
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
    const char *path = argv[1];
    argv[1] = argv[0];
    return replay_file("orrery replay", false, path, argc - 1, argv + 1);
}

bool plays_recording(const struct options *o, bool debug, int argc, char **argv, int *status)
{
    char start[RECORDING_MAGIC] = "";
    FILE *f = o->kernel ? fopen(o->kernel, "rb") : NULL;
    bool is = f && fread(start, sizeof start, 1, f) == 1 && is_recording(start);
    if (f)
        fclose(f);
    for (int i = 1; is && i < argc; i++) /* what is left are options behind the recorded ones */
        if (argv[i] == o->kernel) {
            memmove(argv + i, argv + i + 1, (size_t)(argc - i - 1) * sizeof *argv);
            *status = replay_file(o->program, debug, o->kernel, argc - 1, argv);
            return true;
        }
    return false;
}
