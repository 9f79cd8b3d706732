/* What Tab offers, from the argument shape of the command's row. */
#include <ctype.h>
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/commands.h"
#include "debugger/script.h"
#include "debugger/stop_kinds.h"

#define MAX_WORDS 20000

struct words {
    char **list;
    size_t n, cap;
    const char *prefix;
    size_t len;
};

static void offer(struct words *w, const char *word)
{
    if (w->n >= MAX_WORDS || !word || strncmp(word, w->prefix, w->len))
        return;
    if (w->n + 1 >= w->cap) {
        w->cap = w->cap ? 2 * w->cap : 64;
        w->list = xrealloc(w->list, w->cap * sizeof *w->list);
    }
    w->list[w->n++] = xstrdup(word);
}

static bool offer_function(void *opaque, const struct symbol *sym)
{
    if (sym->kind != SYM_OBJECT)
        offer(opaque, sym->name);
    return true;
}

static bool offer_symbol(void *opaque, const struct symbol *sym)
{
    offer(opaque, sym->name);
    return true;
}

static void offer_source(void *opaque, const char *path)
{
    offer(opaque, base_name(path));
}

static void offer_registers(struct debugger *d, struct words *w, const char *dollar)
{
    for (const struct cpu_reg *r = d->cpu->ops->regs(d->cpu); r->name; r++) {
        char *text = xprintf("%s%s", dollar, r->name);
        offer(w, text);
        free(text);
    }
}

static void offer_locals(struct debugger *d, struct words *w)
{
    Dwarf_Die scopes[SCOPE_DEPTH], child;
    struct symfile *f;
    const struct frame *frame = debugger_frame(d, d->selected);
    unsigned n = frame ? frame_scopes(d->syms, frame, scopes, &f) : 0;
    for (unsigned i = 0; i + 1 < n; i++)
        if (!dwarf_child(&scopes[i], &child))
            do {
                int tag = dwarf_tag(&child);
                if (tag == DW_TAG_variable || tag == DW_TAG_formal_parameter)
                    offer(w, dwarf_diename(&child));
            } while (!dwarf_siblingof(&child, &child));
}

static bool offer_type(void *opaque, enum type_kind kind, const char *name)
{
    offer(opaque, name);
    return true;
}

struct offer_members {
    struct words *w;
};

static bool offer_member(void *opaque, const struct member *m)
{
    struct offer_members *o = opaque;
    offer(o->w, m->name);
    return true;
}

/* `node->ne`: the members of what stands before the dot or arrow. True: that was it. */
static bool offer_after_dot(struct debugger *d, struct words *w, const char *line, size_t start)
{
    size_t op = start >= 2 && line[start - 1] == '>' && line[start - 2] == '-'
        ? 2 : start && line[start - 1] == '.' ? 1 : 0;
    if (!op)
        return false;
    size_t end = start - op, from = end;
    int depth = 0;
    while (from) {
        char c = line[from - 1];
        if (c == ']' || c == ')') {
            depth++;
        } else if (c == '[' || c == '(') {
            if (!depth--)
                break;
        } else if (!depth && !isalnum((u8)c) && !strchr("_$.>-", c)) {
            break;
        } else if (!depth && c == '-' && line[from] != '>') {
            break;
        } else if (!depth && c == '>' && (from < 2 || line[from - 2] != '-')) {
            break;
        }
        from--;
    }
    char *text = xmalloc(end - from + 1);
    memcpy(text, line + from, end - from);
    text[end - from] = 0;
    struct expr_env env = debugger_env(d);
    env.read_only = true;
    struct value v;
    if (expr_value(&env, text, &v, NULL)) {
        struct type *t = type_strip(d->syms, v.type);
        if (t->kind == TYPE_POINTER)
            t = type_target(d->syms, t);
        struct offer_members o = { w };
        type_members(d->syms, t, offer_member, &o);
    }
    free(text);
    return true;
}

struct offer_scripted {
    struct words *w;
    bool info;
};

static void offer_scripted(void *opaque, const char *name, const char *help)
{
    const struct offer_scripted *o = opaque;
    bool info = !strncmp(name, "info ", 5);
    if (info == o->info)
        offer(o->w, info ? name + 5 : name);
}

static void offer_table(struct words *w, const struct command *table)
{
    for (const struct command *c = table; c->name; c++)
        offer(w, c->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Is the word at `start` the second one? */
static bool second_word(const char *line, size_t start)
{
    size_t at = strspn(line, " \t");
    at += strcspn(line + at, " \t");
    return at + strspn(line + at, " \t") == start;
}

static void fill(struct debugger *d, struct words *w, const struct command *c, const char *line, size_t start,
                 bool *files)
{
    switch (c->arg) {
    case ARG_COMMAND: offer_table(w, debugger_commands); break;
    case ARG_STOP:
        for (const struct stop_kind *k = stop_kinds; second_word(line, start) && k->name; k++)
            offer(w, k->name);
        /* fall through */
    case ARG_LOCATION:
        symbols_each(d->syms, offer_function, w);
        symbols_each_source(d->syms, offer_source, w);
        break;
    case ARG_TYPE:
        types_each(d->syms, offer_type, w);
        /* fall through */
    case ARG_EXPR:
        if (offer_after_dot(d, w, line, start))
            break;
        if (start && line[start - 1] == '$') {
            offer_registers(d, w, "");
            break;
        }
        offer_locals(d, w);
        symbols_each(d->syms, offer_symbol, w);
        break;
    case ARG_REGISTER: offer_registers(d, w, ""); break;
    case ARG_DEVICE:
        for (const struct device *dev = d->machine->devices; dev; dev = dev->next)
            offer(w, dev->path);
        break;
    case ARG_POINTS:
        for (const struct stop_point *p = d->stops.list; p; p = p->next) {
            char *text = xprintf("%d", p->number);
            offer(w, text);
            free(text);
        }
        break;
    case ARG_FILE: *files = true; break;
    case ARG_SUB: offer_table(w, c->sub); break;
    default: break;
    }
}

/* Where the word that ends at `point` begins: what counts as one depends on what the command takes. */
static size_t word_start(const struct command *c, const char *line, size_t from, size_t point)
{
    size_t w = point;
    while (w > from) {
        char ch = line[w - 1];
        bool in = c->arg == ARG_DEVICE || c->arg == ARG_FILE ? !isspace((u8)ch)
                  : c->arg == ARG_LOCATION || c->arg == ARG_STOP ? isalnum((u8)ch) || strchr("_.-", ch)
                  : c->arg == ARG_COMMAND                    ? isalnum((u8)ch) || ch == '-'
                                                             : isalnum((u8)ch) || ch == '_';
        if (!in)
            break;
        w--;
    }
    return w;
}

char **debugger_complete(struct debugger *d, const char *line, size_t point, size_t *start, bool *files)
{
    size_t len = strlen(line), at = 0;
    struct words w = { .prefix = "" };
    const struct command *table = debugger_commands, *c = NULL;
    char name[64];
    if (point > len)
        point = len;
    *files = false;
    for (;;) { /* command words up to the one that decides */
        while (at < point && isspace((u8)line[at]))
            at++;
        size_t end = at;
        while (end < point && (isalnum((u8)line[end]) || line[end] == '-' || line[end] == '_'))
            end++;
        if (end - at >= sizeof name)
            break;
        memcpy(name, line + at, end - at);
        name[end - at] = 0;
        if (end == point && table) { /* this word is being typed */
            *start = at;
            w.prefix = name;
            w.len = end - at;
            offer_table(&w, table);
            if (table == debugger_commands || table == info_commands)
                script_commands_each(d, offer_scripted, &(struct offer_scripted){ &w, table == info_commands });
            if (!w.n && c && c->sub == set_commands) { /* `set coun`: an assignment */
                w.n = 0;
                symbols_each(d->syms, offer_symbol, &w);
            }
            c = NULL;
            break;
        }
        const struct command *hit = end > at ? command_find(table, name, "", NULL) : NULL;
        if (!hit) {
            *start = point;
            if (c && c->sub == set_commands)
                c = &set_commands[0];
            else
                c = NULL;
            break;
        }
        c = hit;
        at = end;
        if (!c->sub)
            break;
        table = c->sub;
    }
    char *prefix = NULL;
    if (c) {
        *start = word_start(c, line, at, point);
        prefix = xmalloc(point - *start + 1);
        memcpy(prefix, line + *start, point - *start);
        prefix[point - *start] = 0;
        w.prefix = prefix;
        w.len = point - *start;
        fill(d, &w, c, line, *start, files);
    }
    free(prefix);
    if (!w.list)
        w.list = xcalloc(1, sizeof *w.list);
    qsort(w.list, w.n, sizeof *w.list, by_name);
    size_t kept = 0;
    for (size_t i = 0; i < w.n; i++) {
        if (kept && !strcmp(w.list[kept - 1], w.list[i]))
            free(w.list[i]);
        else
            w.list[kept++] = w.list[i];
    }
    w.list[kept] = NULL;
    return w.list;
}
