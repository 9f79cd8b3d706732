/* A suite's file: lines NAME = VALUE, the names being those of the options; [NAME] begins a scenario. What stands before the
 * first is for all of them. docs/user/grading.md has the grammar. */
#include <stdlib.h>
#include <string.h>

#include "cli/test.h"
#include "host/file/file.h"

static char *trim(char *s)
{
    s += strspn(s, " \t");
    size_t n = strlen(s);
    while (n && strchr(" \t\r", s[n - 1]))
        s[--n] = 0;
    return s;
}

static struct scenario *named(struct suite *t, const char *name)
{
    for (unsigned i = 0; i < t->n; i++)
        if (!strcmp(t->scenario[i].name, name))
            return &t->scenario[i];
    return NULL;
}

static bool begin(struct suite *t, const struct scenario *common, char *line, struct err *e)
{
    size_t n = strlen(line);
    if (n < 3 || line[n - 1] != ']')
        return err_set(e, "a scenario begins with its name in brackets: [boot]");
    line[n - 1] = 0;
    const char *name = trim(line + 1);
    if (!*name || strpbrk(name, "/[]"))
        return err_set(e, "'%s' cannot be a name: it is used for files", name);
    if (named(t, name))
        return err_set(e, "there are two scenarios '%s'", name);
    t->scenario = xrealloc(t->scenario, (t->n + 1) * sizeof *t->scenario);
    t->scenario[t->n] = *common;
    t->scenario[t->n++].name = name;
    return true;
}

/* One that boots from another comes behind it, and takes its machine. */
static bool link_boots(struct suite *t, struct err *e)
{
    for (unsigned i = 0; i < t->n; i++) {
        struct scenario *s = &t->scenario[i], *from = s->boot_from ? named(t, s->boot_from) : NULL;
        if (!from)
            continue;
        if (from >= s)
            return err_set(e, "[%s] boots from [%s], which must stand above it", s->name, from->name);
        if (from->seeds.to || from->crashes.to || from->replay)
            return err_set(e, "[%s] boots from [%s], which is a sweep or a replay and has no single end", s->name, from->name);
        s->boot_scenario = from;
        from->begins_others = true;
    }
    return true;
}

/* Reports quote it, and XML and JSON take neither other bytes nor control characters. */
static bool is_text(const struct buf *file)
{
    char *clean = test_clean_text(file->data, file->len);
    const char *c = clean;
    size_t i = 0;
    for (; i < file->len && (file->data[i] == '\r' || file->data[i] == (u8)*c); i++)
        c += file->data[i] != '\r';
    free(clean);
    return i == file->len;
}

bool suite_load(struct suite *t, const char *path, struct err *e)
{
    struct buf file = { 0 };
    struct scenario *common = ARENA_NEW(t->arena, struct scenario);
    scenario_init(common, "");
    if (!host_file_load(path, &file, e))
        return false;
    char *text = arena_strdup(t->arena, buf_cstr(&file));
    bool ok = is_text(&file) || err_set(e, "%s: it is not a text in UTF-8 without control characters", path);
    buf_free(&file);
    t->file = path;
    unsigned number = 0;
    for (char *line = text, *next; ok && line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        number++;
        line = trim(line);
        if (!*line || *line == '#' || *line == ';')
            continue;
        if (*line == '[') {
            ok = begin(t, common, line, e);
        } else {
            char *equals = strchr(line, '='), *value = NULL;
            if (equals) {
                *equals = 0;
                value = trim(equals + 1);
            }
            ok = test_option_apply(t, t->n ? &t->scenario[t->n - 1] : common, trim(line), value, e);
        }
        if (!ok)
            err_prefix(e, "%s:%u", path, number);
    }
    for (unsigned i = 0; ok && i < t->n; i++)
        ok = scenario_check(&t->scenario[i], e) || err_prefix(e, "%s: [%s]", path, t->scenario[i].name);
    if (ok && !t->n)
        ok = err_set(e, "%s: there is no scenario in it; one begins with [NAME]", path);
    return ok && (link_boots(t, e) || err_prefix(e, "%s", path));
}
