/* Commands about symbol files, and about what they name. */
#include <dwarf.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/commands.h"
#include "debugger/linux.h"

#define MAX_SECTIONS 64

/* --- Files ------------------------------------------------------------------------------------------------------- */

static bool read_host_file(struct debugger *d, const char *path, struct buf *data, struct err *e)
{
    if (!d->host.read_file)
        return err_set(e, "files cannot be read from here");
    return d->host.read_file(d->host.opaque, path, data, e);
}

static bool read_symbols(struct debugger *d, const char *path, const struct symbols_where *where, struct err *e)
{
    struct buf data = { 0 };
    struct symfile *f = read_host_file(d, path, &data, e)
                            ? symbols_add_file(d->syms, path, data.data, data.len, where, e) : NULL;
    buf_free(&data);
    if (!f)
        return false;
    debugger_changed(d);
    debug_printf(d, "Reading symbols from %s...\n", path);
    if (f->elf && !f->n_cus)
        debug_printf(d, "(No debugging symbols found in %s: compile with -g for lines and variables)\n", path);
    return true;
}

HANDLER(cmd_symbol_file)
{
    if (!*args) {
        debugger_forget_symbols(d, NULL);
        debug_printf(d, "No symbol file now.\n");
        return true;
    }
    /* A file that cannot be read leaves the symbols as they are. */
    struct buf probe = { 0 };
    bool ok = read_host_file(d, args, &probe, e);
    buf_free(&probe);
    if (!ok)
        return false;
    debugger_forget_symbols(d, NULL);
    return read_symbols(d, args, &(struct symbols_where){ .bias = 0 }, e);
}

HANDLER(cmd_add_symbol_file)
{
    char path[4096];
    struct symbols_where where = { .bias = 0 };
    if (!take_word(&args, path, sizeof path))
        return err_set(e, "add-symbol-file: the name of a file is needed");
    if (!strncmp(args, "-o", 2))
        args = skip_space(args + 2);
    return (!*args || debugger_eval(d, args, &where.bias, e)) && read_symbols(d, path, &where, e);
}

/* ".text=0xffffffffc0123000" */
static bool parse_section(struct debugger *d, const char *word, struct section_place *out, struct err *e)
{
    const char *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : 0;
    if (!n || n >= sizeof out->name)
        return err_set(e, "--section: \"%.60s\" is not NAME=ADDRESS, as in .text=0xffffffffc0123000", word);
    memcpy(out->name, word, n);
    out->name[n] = 0;
    return debugger_eval(d, equals + 1, &out->addr, e);
}

HANDLER(symbols_add_command)
{
    char path[4096] = "", word[4096], value[4096], process[256];
    struct section_place sections[MAX_SECTIONS];
    struct symbols_where where = { .sections = sections };
    while (take_word(&args, word, sizeof word)) {
        char *equals = !strncmp(word, "--", 2) && strncmp(word, "--section=", 10) ? strchr(word, '=') : NULL;
        if (word[0] != '-') {
            if (path[0])
                return err_set(e, "symbols add: one file at a time (%.60s, %.60s)", path, word);
            memcpy(path, word, sizeof path);
            continue;
        }
        if (!strncmp(word, "--section=", 10))
            equals = word + 9;
        if (equals) {
            *equals = 0;
            memmove(value, equals + 1, strlen(equals + 1) + 1);
        } else if (!take_word(&args, value, sizeof value)) {
            return err_set(e, "symbols add: %.60s needs a value", word);
        }
        if (!strcmp(word, "--process")) {
            if (!process_nameable(d, value, e))
                return false;
            if (strlen(value) >= sizeof process)
                return err_set(e, "symbols add: the name of the process is too long");
            memcpy(process, value, strlen(value) + 1);
            where.process = process;
        } else if (!strcmp(word, "--offset") || !strcmp(word, "-o")) {
            if (!debugger_eval(d, value, &where.bias, e))
                return false;
        } else if (!strcmp(word, "--section") || !strcmp(word, "-s")) {
            if (where.n_sections == MAX_SECTIONS)
                return err_set(e, "symbols add: more than %d sections", MAX_SECTIONS);
            if (!parse_section(d, value, &sections[where.n_sections++], e))
                return false;
        } else {
            return err_set(e, "symbols add: %.60s is none of --process, --offset, --section", word);
        }
    }
    if (!path[0])
        return err_set(e, "symbols add: the name of a file is needed");
    return read_symbols(d, path, &where, e);
}

static void describe_file(struct symfile *f, struct buf *out)
{
    const char *comma = "";
    buf_printf(out, "%s: ", f->name);
    if (f->elf) {
        buf_printf(out, "%u-bit ELF, entry 0x%llx", 8 * f->addr_size, (unsigned long long)f->entry);
        comma = ", ";
    }
    if (f->kernel && f->n_symbols) {
        buf_printf(out, "%skallsyms", comma);
        comma = ", ";
    }
    buf_printf(out, "%s%zu symbols", comma, f->n_symbols);
    if (f->elf)
        buf_printf(out, ", %zu units with debug information%s", f->n_cus,
                   f->debug_frame || f->eh_frame ? ", call frame information" : "");
    if (f->btf)
        buf_printf(out, ", types (BTF)");
    if (f->bias)
        buf_printf(out, ", moved by 0x%llx", (unsigned long long)f->bias);
    if (f->process)
        buf_printf(out, ", in process %s only", f->process);
}

HANDLER(symbols_list)
{
    unsigned n = 0;
    process_see(d, NULL);
    if (!d->syms->files)
        debug_printf(d, "No symbols are loaded.\n");
    for (struct symfile *f = d->syms->files; f; f = f->next) {
        struct buf out = { 0 };
        describe_file(f, &out);
        debug_printf(d, "%c%u  %s\n", f->hidden ? ' ' : '*', ++n, buf_cstr(&out));
        buf_free(&out);
    }
    return true;
}

HANDLER(symbols_remove_command)
{
    char *end;
    unsigned long wanted = strtoul(args, &end, 10), n = 0;
    for (struct symfile *f = d->syms->files; f; f = f->next) {
        n++;
        if ((!*end && wanted == n) || !strcmp(args, f->name) || !strcmp(args, base_name(f->name))) {
            debug_printf(d, "Symbols of %s are forgotten.\n", f->name);
            debugger_forget_symbols(d, f);
            return true;
        }
    }
    return err_set(e, "symbols remove: there is no symbol file \"%.200s\" (`symbols list` shows them with their numbers)", args);
}

HANDLER(symbols_kernel)
{
    char path[4096];
    u64 bias = 0;
    struct symfile *f;
    if (take_word(&args, path, sizeof path)) {
        struct buf data = { 0 };
        bool ok = (!*args || debugger_eval(d, args, &bias, e)) && read_host_file(d, path, &data, e);
        f = ok ? linux_from_file(d, path, data.data, data.len, bias, e) : NULL;
        buf_free(&data);
    } else {
        f = linux_from_memory(d, e);
    }
    if (!f)
        return false;
    const struct symbol *text = symbols_named(d->syms, "_text");
    debug_printf(d, "%s at 0x%llx: %zu symbols%s\n", f->name, text ? (unsigned long long)text->addr : 0ULL, f->n_symbols,
                 f->btf ? ", and its types (BTF)" : "; it has no types with it (CONFIG_DEBUG_INFO_BTF)");
    return true;
}

HANDLER(cmd_directory)
{
    if (!symbols_directory(d->syms, *args ? args : NULL, e))
        return false;
    debug_printf(d, "Source directories searched: ");
    for (unsigned i = 0; i < d->syms->n_directories; i++)
        debug_printf(d, "%s:", d->syms->directories[i]);
    debug_printf(d, "$cdir\n");
    return true;
}

/* --- Names ------------------------------------------------------------------------------------------------------- */

struct listing {
    struct debugger *d;
    regex_t re;
    const char *last; /* name, and kind, of the line before */
    enum type_kind last_kind;
    unsigned kinds; /* of symbols: 1 << SYM_FUNC | ... */
    unsigned shown;
};

static bool begin(struct listing *l, const char *regex, struct err *e)
{
    int r = regcomp(&l->re, regex, REG_EXTENDED | REG_NOSUB);
    char text[128];
    if (!r)
        return true;
    regerror(r, &l->re, text, sizeof text);
    return err_set(e, "\"%.100s\" is no regular expression: %s", regex, text);
}

static bool matches(struct listing *l, const char *name)
{
    return !regexec(&l->re, name, 0, NULL, 0);
}

/* The type of a symbol, as far as anybody says it. */
static struct type *symbol_type(struct symbols *s, const struct symbol *y)
{
    Dwarf_Die die;
    struct symfile *f;
    return symbols_variable(s, NULL, 0, y->name, &die, &f) ? type_of(s, f, &die) : type_of_symbol(s, y);
}

static bool print_symbol(void *opaque, const struct symbol *y)
{
    struct listing *l = opaque;
    if (!(l->kinds >> y->kind & 1) || !matches(l, y->name))
        return !l->d->interrupted;
    struct buf out = { 0 };
    struct type *t = y->kind == SYM_FUNC ? NULL : symbol_type(l->d->syms, y);
    if (t)
        type_format(l->d->syms, t, y->name, &out);
    else
        buf_printf(&out, "%s", y->name);
    if (y->module)
        buf_printf(&out, " [%s]", y->module);
    debug_printf(l->d, "0x%016llx  %s%s\n", (unsigned long long)y->addr, buf_cstr(&out),
                 y->kind == SYM_OFFSET ? " (of each CPU)" : "");
    buf_free(&out);
    l->shown++;
    return !l->d->interrupted;
}

static bool list_symbols(struct debugger *d, const char *regex, unsigned kinds, struct err *e)
{
    struct listing l = { .d = d, .kinds = kinds };
    if (!begin(&l, regex, e))
        return false;
    process_see(d, NULL);
    symbols_each(d->syms, print_symbol, &l);
    regfree(&l.re);
    return true;
}

HANDLER(info_functions)
{
    return list_symbols(d, args, 1u << SYM_FUNC, e);
}

HANDLER(info_variables)
{
    return list_symbols(d, args, 1u << SYM_OBJECT | 1u << SYM_OFFSET, e);
}

static bool print_type(void *opaque, enum type_kind kind, const char *name)
{
    struct listing *l = opaque;
    if ((l->last && kind == l->last_kind && !strcmp(l->last, name)) || !matches(l, name))
        return !l->d->interrupted;
    l->last = name;
    l->last_kind = kind;
    debug_printf(l->d, "%s%s\n", kind == TYPE_STRUCT  ? "struct "
                                 : kind == TYPE_UNION ? "union "
                                 : kind == TYPE_ENUM  ? "enum "
                                                      : "", name);
    return !l->d->interrupted;
}

HANDLER(info_types)
{
    struct listing l = { .d = d };
    if (!begin(&l, args, e))
        return false;
    process_see(d, NULL);
    types_each(d->syms, print_type, &l);
    regfree(&l.re);
    return true;
}

HANDLER(info_symbol)
{
    u64 addr, offset;
    if (!debugger_eval(d, args, &addr, e))
        return false;
    const struct symbol *sym = symbols_at(d->syms, addr, &offset);
    if (!sym) {
        debug_printf(d, "No symbol matches %s.\n", args);
        return true;
    }
    debug_printf(d, "%s", sym->name);
    if (offset)
        debug_printf(d, " + %llu", (unsigned long long)offset);
    debug_printf(d, sym->module ? " in module %s\n" : "\n", sym->module);
    return true;
}

HANDLER(info_scope)
{
    struct place p;
    if (!place_resolve(d, args, &p, e))
        return false;
    Dwarf_Die scopes[SCOPE_DEPTH], child;
    struct symfile *f;
    unsigned n = symbols_scopes(d->syms, p.addrs[0], scopes, &f), shown = 0;
    for (unsigned i = 0; i + 1 < n; i++) {
        if (dwarf_child(&scopes[i], &child))
            continue;
        unsigned steps = 0;
        do {
            int tag = dwarf_tag(&child);
            const char *name = dwarf_diename(&child);
            if (!name || (tag != DW_TAG_variable && tag != DW_TAG_formal_parameter))
                continue;
            struct buf out = { 0 };
            struct type *t = type_of(d->syms, f, &child);
            type_format(d->syms, t, name, &out);
            debug_printf(d, "%s: %s, length %llu\n", tag == DW_TAG_variable ? "variable" : "parameter", buf_cstr(&out),
                         (unsigned long long)type_size(d->syms, t));
            buf_free(&out);
            shown++;
        } while (!dwarf_siblingof(&child, &child) && ++steps < 10000);
    }
    if (!shown)
        debug_printf(d, "Nothing local is seen at %s.\n", args);
    return true;
}
