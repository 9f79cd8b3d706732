#include "debugger/source.h"

#include <stdlib.h>
#include <string.h>

void source_forget(struct symbols *s)
{
    while (s->sources) {
        struct source_text *t = s->sources;
        s->sources = t->next;
        buf_free(&t->text);
        free(t->starts);
        free(t->path);
        free(t);
    }
}

static bool try_read(struct symbols *s, const char *dir, const char *path, struct buf *out)
{
    char *full = dir ? xprintf("%s/%s", dir, path) : xstrdup(path);
    bool ok = s->read_file(s->read_opaque, full, out);
    free(full);
    return ok;
}

static bool read_text(struct symbols *s, const char *path, struct buf *out)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    for (unsigned i = 0; i < s->n_directories; i++)
        if (try_read(s, s->directories[i], path, out) || try_read(s, s->directories[i], base, out))
            return true;
    return try_read(s, NULL, path, out);
}

static struct source_text *source_get(struct symbols *s, const char *path)
{
    for (struct source_text *t = s->sources; t; t = t->next)
        if (!strcmp(t->path, path))
            return t;
    struct source_text *t = xcalloc(1, sizeof *t);
    t->path = xstrdup(path);
    t->next = s->sources;
    s->sources = t;
    if (!s->read_file || !read_text(s, path, &t->text))
        return t;
    size_t cap = 0, n = 0;
    for (size_t at = 0; at < t->text.len && n < INT32_MAX - 1;) {
        if (n == cap) {
            cap = cap ? 2 * cap : 256;
            t->starts = xrealloc(t->starts, cap * sizeof *t->starts);
        }
        t->starts[n++] = at;
        const u8 *end = memchr(t->text.data + at, '\n', t->text.len - at);
        at = end ? (size_t)(end - t->text.data) + 1 : t->text.len;
    }
    t->lines = (int)n;
    return t;
}

const char *symbols_source_line(struct symbols *s, const char *file, int line, size_t *len)
{
    struct source_text *t = source_get(s, file);
    if (line < 1 || line > t->lines)
        return NULL;
    size_t start = t->starts[line - 1], end = line < t->lines ? t->starts[line] : t->text.len;
    while (end > start && (t->text.data[end - 1] == '\n' || t->text.data[end - 1] == '\r'))
        end--;
    *len = end - start;
    return (const char *)t->text.data + start;
}

int symbols_source_lines(struct symbols *s, const char *file)
{
    return source_get(s, file)->lines;
}

bool symbols_directory(struct symbols *s, const char *dir, struct err *e)
{
    source_forget(s); /* what was not found may be found now */
    if (!dir) {
        while (s->n_directories)
            free(s->directories[--s->n_directories]);
        return true;
    }
    if (s->n_directories == ARRAY_LEN(s->directories))
        return err_set(e, "directory: %zu directories are searched already; `directory` alone forgets them",
                       ARRAY_LEN(s->directories));
    memmove(s->directories + 1, s->directories, s->n_directories * sizeof s->directories[0]);
    s->directories[0] = xstrdup(dir); /* the newest is searched first */
    s->n_directories++;
    return true;
}
