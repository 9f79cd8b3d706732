/* Places in a program as people type them. */
#include "debugger/debugger.h"

#include <ctype.h>
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

struct nearest {
    const char *typed, *best;
    unsigned score;
};

static bool consider_symbol(void *opaque, const struct symbol *sym)
{
    struct nearest *q = opaque;
    if (sym->kind == SYM_FUNC)
        suggest(q->typed, sym->name, &q->best, &q->score);
    return true;
}

static void consider_file(void *opaque, const char *path)
{
    struct nearest *q = opaque;
    suggest(q->typed, base_name(path), &q->best, &q->score);
}

/* The number at the front of s; one that no file has so many lines for is the largest there is. */
static i64 line_number(const char *s)
{
    long n = strtol(s, NULL, 10);
    return n > INT32_MAX ? INT32_MAX : n < INT32_MIN ? INT32_MIN : n;
}

static bool all_digits(const char *s)
{
    if (!*s)
        return false;
    while (isdigit((u8)*s))
        s++;
    return !*s;
}

static bool current_line(struct debugger *d, const char **file, int *line, struct err *e)
{
    const struct frame *f = debugger_frame(d, d->selected);
    if (d->list_file && !d->list_after_stop) {
        *file = d->list_file;
        *line = d->list_line;
        return true;
    }
    if (f && frame_line(d->syms, f, file, line))
        return true;
    /* Before anything ran: the file of main, as gdb does. */
    const struct symbol *sym = symbols_named(d->syms, "main");
    struct source_pos p;
    if (sym && symbols_line_at(d->syms, symbols_after_prologue(d->syms, sym->addr), &p)) {
        *file = p.file;
        *line = p.line;
        return true;
    }
    return err_set(e, "No default source file: there is no line information for 0x%llx. Name one, as in kernel.c:12.",
                   (unsigned long long)debugger_pc(d));
}

static bool resolve_line(struct debugger *d, const char *file, int line, struct place *out, struct err *e)
{
    out->line = line;
    out->n = symbols_line_addrs(d->syms, file, line, &out->line, out->addrs, ARRAY_LEN(out->addrs));
    if (out->n) {
        struct source_pos p;
        out->file = symbols_line_at(d->syms, out->addrs[0], &p) ? p.file : NULL;
        /* At the first line of a function people mean behind its prologue. */
        for (size_t i = 0; i < out->n; i++) {
            u64 low, high;
            if (symbols_function_at(d->syms, out->addrs[i], &low, &high, NULL) && low == out->addrs[i])
                out->addrs[i] = symbols_after_prologue(d->syms, low);
        }
        return true;
    }
    struct nearest q = { .typed = base_name(file) };
    symbols_each_source(d->syms, consider_file, &q);
    if (q.best && strcmp(q.best, q.typed))
        return err_set(e, "No source file named %s. The nearest is %s.", file, q.best);
    if (!q.best)
        return err_set(e, "No source file named %s%s.", file,
                       d->syms->files ? "" : ": no symbols are loaded (`symbol-file FILE` does it)");
    return err_set(e, "Line %d of %s and those after it have no code.", line, file);
}

static bool in_file(struct debugger *d, u64 addr, const char *file)
{
    struct source_pos p;
    return symbols_line_at(d->syms, addr, &p) && !strcmp(base_name(p.file), base_name(file));
}

struct each_function {
    const char *name;
    struct debugger *d;
    const char *file;
    struct place *out;
};

static bool add_function(void *opaque, const struct symbol *sym)
{
    struct each_function *q = opaque;
    if (sym->kind == SYM_OBJECT || strcmp(sym->name, q->name) || (q->file && !in_file(q->d, sym->addr, q->file)))
        return true;
    u64 addr = symbols_after_prologue(q->d->syms, sym->addr);
    for (size_t i = 0; i < q->out->n; i++)
        if (q->out->addrs[i] == addr)
            return true;
    if (q->out->n < ARRAY_LEN(q->out->addrs))
        q->out->addrs[q->out->n++] = addr;
    return true;
}

/* Functions that were only ever inlined: the places where they begin. */
static void add_inlined(struct debugger *d, Dwarf_Die *scope, const char *name, struct symfile *f, unsigned depth,
                        unsigned *budget, struct place *out)
{
    Dwarf_Die child;
    if (depth > 32 || dwarf_child(scope, &child))
        return;
    do {
        int tag = dwarf_tag(&child);
        if (!*budget || !--*budget)
            return;
        if (tag == DW_TAG_inlined_subroutine) {
            const char *n = dwarf_diename(&child);
            Dwarf_Addr low, base, high;
            bool has = !dwarf_entrypc(&child, &low) || dwarf_ranges(&child, 0, &base, &low, &high) > 0;
            if (n && !strcmp(n, name) && has && out->n < ARRAY_LEN(out->addrs))
                out->addrs[out->n++] = (low + f->bias) & f->mask;
        }
        if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block)
            add_inlined(d, &child, name, f, depth + 1, budget, out);
    } while (!dwarf_siblingof(&child, &child));
}

static bool resolve_function(struct debugger *d, const char *file, const char *name, struct place *out, struct err *e)
{
    struct each_function q = { name, d, file, out };
    symbols_each(d->syms, add_function, &q);
    Dwarf_Die die;
    struct symfile *f;
    if (!out->n && symbols_function_named(d->syms, name, &die, &f)) {
        unsigned budget = 2000000;
        for (size_t i = 0; i < f->n_cus; i++)
            add_inlined(d, &f->cus[i], name, f, 0, &budget, out);
    }
    if (out->n) {
        struct source_pos p;
        if (symbols_line_at(d->syms, out->addrs[0], &p)) {
            out->file = p.file;
            out->line = p.line;
        }
        return true;
    }
    if (!d->syms->files)
        return err_set(e,
                       "Function \"%s\" not defined: no symbols are loaded (`symbol-file FILE` does it; addresses are"
                          " written *0x80000000).", name);
    struct nearest near = { .typed = name };
    symbols_each(d->syms, consider_symbol, &near);
    return err_set(e, "Function \"%s\" not defined.%s%s%s", name, near.best ? " The nearest is \"" : "",
                   near.best ? near.best : "", near.best ? "\"." : "");
}

static char *trimmed(const char *text)
{
    while (isspace((u8)*text))
        text++;
    char *s = xstrdup(text);
    size_t n = strlen(s);
    while (n && isspace((u8)s[n - 1]))
        s[--n] = 0;
    return s;
}

static bool resolve(struct debugger *d, char *s, struct place *out, struct err *e)
{
    const char *file;
    int line;
    char *colon = strrchr(s, ':');
    if (!*s) {
        const struct frame *f = debugger_frame(d, d->selected);
        out->addrs[out->n++] = f ? f->pc : debugger_pc(d);
        struct source_pos p;
        if (symbols_line_at(d->syms, out->addrs[0], &p)) {
            out->file = p.file;
            out->line = p.line;
        }
        return true;
    }
    if (*s == '*' || (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))) {
        u64 addr;
        if (!debugger_eval(d, *s == '*' ? s + 1 : s, &addr, e))
            return false;
        out->addrs[out->n++] = addr & cpu_addr_mask(d->cpu);
        struct source_pos p;
        if (symbols_line_at(d->syms, out->addrs[0], &p)) {
            out->file = p.file;
            out->line = p.line;
        }
        return true;
    }
    if (all_digits(s) || ((*s == '+' || *s == '-') && all_digits(s + 1))) {
        if (!current_line(d, &file, &line, e))
            return false;
        i64 n = line_number(s) + (all_digits(s) ? 0 : line);
        if (n < 1 || n > INT32_MAX - 1)
            return err_set(e, "%s: there is no such line", s);
        return resolve_line(d, file, (int)n, out, e);
    }
    if (colon && colon > s) {
        *colon = 0;
        if (all_digits(colon + 1)) {
            i64 n = line_number(colon + 1);
            if (n < 1 || n > INT32_MAX - 1)
                return err_set(e, "%s:%s: there is no such line", s, colon + 1);
            return resolve_line(d, s, (int)n, out, e);
        }
        return resolve_function(d, s, colon + 1, out, e);
    }
    if (*s == '$') {
        u64 addr;
        if (!debugger_eval(d, s, &addr, e))
            return false;
        out->addrs[out->n++] = addr & cpu_addr_mask(d->cpu);
        return true;
    }
    return resolve_function(d, NULL, s, out, e);
}

bool place_resolve(struct debugger *d, const char *text, struct place *out, struct err *e)
{
    char *s = trimmed(text);
    out->n = 0;
    out->file = NULL;
    out->line = 0;
    bool ok = resolve(d, s, out, e);
    free(s);
    return ok;
}

bool place_line(struct debugger *d, const char *text, const char **file, int *line, struct err *e)
{
    char *s = trimmed(text), *colon = strrchr(s, ':');
    bool ok = true;
    if (!*s) {
        ok = current_line(d, file, line, e);
    } else if (all_digits(s)) {
        ok = current_line(d, file, line, e);
        long n = strtol(s, NULL, 10);
        *line = n > 0 && n < INT32_MAX - 1 ? (int)n : 1;
    } else {
        struct place p;
        ok = place_resolve(d, text, &p, e);
        if (ok && !p.file)
            ok = err_set(e, "%s has no line information", s);
        if (ok) {
            *file = p.file;
            *line = p.line;
            /* A function's own line, not the one behind its prologue. */
            Dwarf_Die die;
            struct symfile *f;
            const char *name = colon && !all_digits(colon + 1) ? colon + 1 : s;
            if (symbols_function_named(d->syms, name, &die, &f))
                dwarf_decl_line(&die, line);
            else if (colon && all_digits(colon + 1))
                *line = (int)strtol(colon + 1, NULL, 10);
        }
    }
    free(s);
    return ok;
}
