/* Recordings on disk: `--record FILE`. The configuration chunk is JSON: version and build of the program that wrote it, its
 * command line, its working directory's images with their hashes. replay.c reads it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/session.h"
#include "machine/record.h"

#define BUILD_ID PACKAGE_VERSION " " __VERSION__

static void sink(void *opaque, const void *bytes, size_t n)
{
    fwrite(bytes, 1, n, opaque);
}

/* What only concerns the recording run and is not part of the machine: how many words it has. */
static int words_left_out(const char *word)
{
    static const char *const with_value[] = { "record", "trace", "save", "pidfile", "gdb", "monitor", "qmp", "D", "d", "ex",
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
